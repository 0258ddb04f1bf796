# SPDX-License-Identifier: Apache-2.0
"""The sessions of both sides: evidence to learn from, and queries that are not in it.

YOOCHOOSE 1/64 (yoochoose64/train_sessions.txt.xz below SOUK_DATA, or below ../shared/data
beside the project) where it is; made up from a seed otherwise, and for the curves.
"""
import itertools
import lzma
import os
import pathlib
import random

YOOCHOOSE_EVIDENCE = 110_000  # its older sessions; the newest 6,167 are the queries
QUERIES = 6_000
NEAR = 40  # items that visitors of one interest look at
SEED = 1


class Sessions:
    """Two files, a session per line, items oldest first."""

    def __init__(self, folder, name):
        self.evidence = pathlib.Path(folder) / f"{name}-evidence.txt"
        self.queries = pathlib.Path(folder) / f"{name}-queries.txt"
        self.clicks = 0
        self.name = name

    def write(self, path, sessions):
        with open(path, "w", encoding="ascii") as out:
            for items in sessions:
                out.write(" ".join(items) + "\n")
                self.clicks += len(items) if path == self.evidence else 0

    def read(self):
        """The evidence, a list of items per session."""
        with open(self.evidence, encoding="ascii") as lines:
            return [line.split() for line in lines]


def yoochoose(context):
    """None where the data is not."""
    data = os.environ.get("SOUK_DATA") or context.source / ".." / "shared" / "data"
    packed = pathlib.Path(data) / "yoochoose64" / "train_sessions.txt.xz"
    if not packed.exists():
        return None
    with lzma.open(packed, "rt", encoding="ascii") as source:
        lines = [line.split() for line in source]
    sessions = Sessions(context.folder, "yoochoose64")
    sessions.write(sessions.evidence, lines[:YOOCHOOSE_EVIDENCE])
    sessions.write(sessions.queries, lines[YOOCHOOSE_EVIDENCE:])
    return sessions


def made_up(context, name, customers, items, steps, popular=0.0):
    """Each customer clicks `steps` items near one that they came for. With popular > 0 what
    they come for has Zipf popularity of that exponent; with 0 every item has evidence from
    customers * steps / items sessions on average."""
    chance = random.Random(SEED)
    cumulative = None
    if popular > 0:
        cumulative = list(itertools.accumulate((i + 1) ** -popular for i in range(items)))

    def one(first):
        return [str((first + int(chance.random() * NEAR)) % items + 1) for _ in range(steps)]

    def some(count):
        return (one(first) for first in
                chance.choices(range(items), cum_weights=cumulative, k=count))

    sessions = Sessions(context.folder, name)
    sessions.write(sessions.evidence, some(customers))
    sessions.write(sessions.queries, some(min(QUERIES, customers)))
    return sessions
