# SPDX-License-Identifier: Apache-2.0
"""Files of sets, taken apart into what a node learns and what it is asked.

A question is (actor, session, excluded, targets), as bench_evaluate reads it. Files are plain,
.xz or .gz, and what they are is told by their content:

    sessions    lines of items; or SessionId, ItemId, Time with tabs, ordered by time here:
                every prefix is asked for its immediate next item
    prefixes    "item item ...<TAB>item ...": the prefix is asked for what follows the tab
    histories   "user item item ...": the items are what this customer had next
    baskets     JSON {customer: [[-1], [item, ...], ..., [-1]]}: all items of the first basket
"""
import gzip
import json
import lzma
import random

TAIL_SESSIONS = 5000  # of a training file, held back for validation
TAIL_PART = 10  # a tenth of a history
SPLIT_SEED = 1


def opened(path):
    opener = {".xz": lzma.open, ".gz": gzip.open}.get(path.suffix, open)
    return opener(path, "rt", encoding="utf-8")


def lines_of(path):
    with opened(path) as source:
        for line in source:
            if line.strip():
                yield line.rstrip("\r\n")


def begins(path):
    with opened(path) as source:
        return source.readline(1 << 20)


def clicks_of(path):
    """Sessions of a file of clicks, each by time; the sessions by their ends."""
    lines = lines_of(path)
    names = next(lines).lower().split("\t")
    session, item, time = (names.index(name) for name in ("sessionid", "itemid", "time"))
    sessions = {}
    for line in lines:
        fields = line.split("\t")
        sessions.setdefault(fields[session], []).append((float(fields[time]), fields[item]))
    ordered = sorted((sorted(clicks, key=lambda click: click[0]) for clicks in sessions.values()),
                     key=lambda clicks: clicks[-1][0])
    return [[item for _, item in clicks] for clicks in ordered]


def sessions_of(path):
    if "sessionid" in begins(path).lower():
        return clicks_of(path)
    return [line.split() for line in lines_of(path)]


def ask_prefixes(sessions, clicks):
    for items in sessions:
        for place in range(1, len(items)):
            yield "", items[max(0, place - clicks):place], [], [items[place]]


def ask_sessions(path, clicks):
    first = begins(path)
    if "\t" in first and "sessionid" not in first.lower():
        for line in lines_of(path):
            prefix, target = line.split("\t")
            yield "", prefix.split()[-clicks:], [], target.split()
    else:
        yield from ask_prefixes(sessions_of(path), clicks)


def baskets_of(path):
    """Customer -> baskets, without the marks."""
    with opened(path) as source:
        found = json.load(source)
    return {customer: [[str(item) for item in basket] for basket in baskets if basket != [-1]]
            for customer, baskets in found.items()}


def ask_histories(path, had):
    """The customers of a test file; `had` is what each had before, or empty."""
    if begins(path).lstrip().startswith("{"):
        for customer, baskets in baskets_of(path).items():
            if baskets and baskets[0]:
                yield f"c:{customer}", [], had.get(customer, []), baskets[0]
    else:
        for line in lines_of(path):
            customer, *items = line.split()
            if items:
                yield f"c:{customer}", [], had.get(customer, []), items


def histories_of(path):
    """Customer -> items, whatever the form."""
    if begins(path).lstrip().startswith("{"):
        return {customer: [item for basket in baskets for item in basket]
                for customer, baskets in baskets_of(path).items()}
    return {line.split()[0]: line.split()[1:] for line in lines_of(path)}


def ask_held_out(path, hold_out, exclude):
    """The first of the last `hold_out` items of each customer who has one before them."""
    for customer, items in histories_of(path).items():
        if len(items) > hold_out:
            before = items[:-hold_out]
            yield f"c:{customer}", [], before if exclude else [], [items[-hold_out]]


def ask_held_out_baskets(path, hold_out):
    for customer, baskets in baskets_of(path).items():
        if len(baskets) > hold_out:
            yield f"c:{customer}", [], [], baskets[-hold_out]


def write_sessions_head(path, out):
    """All but the newest sessions into `out`; the others are returned."""
    sessions = sessions_of(path)
    tail = min(TAIL_SESSIONS, len(sessions) // 10)
    with open(out, "w", encoding="utf-8") as target:
        for items in sessions[:len(sessions) - tail]:
            target.write(" ".join(items) + "\n")
    return sessions[len(sessions) - tail:]


def write_histories_head(path, out, exclude):
    """All but a tenth of each history into `out`, drawn by a fixed seed, since a file may
    have its items in any order (Gowalla's ascend, so that the rare stand last); the
    questions are returned."""
    asked, chance = [], random.Random(SPLIT_SEED)
    with open(out, "w", encoding="utf-8") as target:
        for customer, items in histories_of(path).items():
            tail = max(1, len(items) // TAIL_PART) if len(items) > 1 else 0
            drawn = set(chance.sample(range(len(items)), tail))
            before = [item for place, item in enumerate(items) if place not in drawn]
            target.write(" ".join([customer, *before]) + "\n")
            if tail:
                asked.append((f"c:{customer}", [], before if exclude else [],
                              [items[place] for place in sorted(drawn)]))
    return asked


def write_questions(asked, out):
    count = 0
    with open(out, "w", encoding="utf-8") as target:
        for actor, session, excluded, targets in asked:
            target.write("\t".join([actor, " ".join(session), " ".join(excluded),
                                    " ".join(targets)]) + "\n")
            count += 1
    return count
