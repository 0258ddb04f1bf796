# SPDX-License-Identifier: Apache-2.0
"""Takes turns between ours and the peers, and turns samples into rows."""
import operator
import re
import statistics

from . import Unavailable

LATENCIES = ("p50_us", "p90_us", "p99_us")
BAR = re.compile(r"^(\w+) (<=|>=) (\d+(?:\.\d+)?)$")
COMPARE = {"<=": operator.le, ">=": operator.ge}


def median_of(samples, key):
    values = [getattr(sample, key) for sample in samples]
    values = [value for value in values if value is not None]
    return statistics.median(values) if values else None


def quotient(above, below):
    return above / below if above is not None and below else None


def judge(bar, row):
    """True, False, or None when the row lacks the figure."""
    if not bar:
        return None
    match = BAR.match(bar)
    if not match:
        raise ValueError(f"a bar is 'KEY <= NUMBER' or 'KEY >= NUMBER', not '{bar}'")
    key, relation, number = match.groups()
    value = row.get(key)
    return None if value is None else COMPARE[relation](value, float(number))


def take_turns(cases, rounds, seconds, say):
    """Samples by case name: {"ours": [...], peer name: [...]}."""
    samples = {case.name: {"ours": []} for case in cases}
    for number in range(rounds):
        for case in cases:
            sides = [("ours", case.ours, None)]
            sides += [(peer.name, peer.run, peer) for peer in case.peers if peer.run]
            # Every other round backwards, so that a drift of the machine favours nobody.
            for name, run, peer in sides if number % 2 == 0 else reversed(sides):
                if (peer or case).why:
                    continue
                try:
                    sample = run(seconds)
                except Unavailable as error:
                    if peer is None and not case.optional:
                        raise
                    (peer or case).why = str(error)
                    samples[case.name][name] = []
                    say(f"{case.name}, {name}: {error}")
                    continue
                samples[case.name].setdefault(name, []).append(sample)
                say(f"round {number + 1}/{rounds} {case.name}, {name}: "
                    f"{sample.value:.6g} {case.unit}")
    return samples


def make_row(case, ours, peer, theirs):
    row = {
        "case": case.name,
        "unit": case.unit,
        "ours": median_of(ours, "value"),
        "ours_min": min((sample.value for sample in ours), default=None),
        "ours_max": max((sample.value for sample in ours), default=None),
        "ours_cpu_us": median_of(ours, "cpu_us"),
        "peer": median_of(theirs, "value"),
        "peer_name": peer.name if peer else None,
        "peer_cpu_us": median_of(theirs, "cpu_us"),
    }
    for key in LATENCIES:
        row[key] = median_of(ours, key)
        row[f"peer_{key}"] = median_of(theirs, key)
    for key in LATENCIES:
        row[key.replace("us", "ratio")] = quotient(row[key], row[f"peer_{key}"])
    row["ratio"] = quotient(row["ours"], row["peer"])
    row["cpu_ratio"] = quotient(row["ours_cpu_us"], row["peer_cpu_us"])
    row["extra"] = {key: median_of_extra(ours, key) for key in ours[0].extra} if ours else {}
    row["bar"] = peer.bar if peer else case.bar
    row["met"] = judge(row["bar"], row)
    if row["peer"] is None:
        row["why"] = (peer.why or "it did not run") if peer else (case.why or "no peer")
    return row


def median_of_extra(samples, key):
    values = [sample.extra.get(key) for sample in samples]
    numbers = [value for value in values if isinstance(value, (int, float))]
    return statistics.median(numbers) if len(numbers) == len(values) else values[-1]


def rows_of(cases, samples):
    rows = []
    for case in cases:
        ours = samples[case.name]["ours"]
        for peer in case.peers or [None]:
            theirs = []
            if peer is not None and peer.of:
                theirs = samples[peer.of].get(peer.of_peer or "ours", [])
            elif peer is not None:
                theirs = samples[case.name].get(peer.name, [])
            rows.append(make_row(case, ours, peer, theirs))
    return rows
