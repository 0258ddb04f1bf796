#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses a benchmark that bench/run cannot list, and rows that do not add up.

The arithmetic of bench/lib decides what a figure means, so it is checked against cases
whose medians, ratios and verdicts are known.
"""
import sys

import common

sys.path.insert(0, str(common.TOP / "bench"))

from lib import Case, Peer, Sample, Unavailable, measure, table  # noqa: E402


def sampler(values, cpu_us=None):
    """A side that answers the values one after the other."""
    left = list(values)
    return lambda _seconds: Sample(left.pop(0), cpu_us)


def unavailable(_seconds):
    raise Unavailable("no such program")


def known_rows():
    cases = [
        Case("a", "op/s", sampler([100, 300, 200], 4.0), [
            Peer("half", sampler([50, 150, 100], 8.0), bar="ratio >= 2"),
            Peer("absent", unavailable, bar="ratio >= 1"),
            Peer("b", of="b", bar="ratio >= 1.5"),
            Peer("half again", of="b", of_peer="third", bar="cpu_ratio <= 0.1")]),
        Case("b", "op/s", sampler([150, 150, 150], 4.0),
             [Peer("third", sampler([10, 20, 30], 1.0))], bar=""),
        Case("c", "op/s", sampler([1, 2, 3]), bar="ours >= 3"),
        Case("d", "op/s", unavailable, bar="ours >= 3", optional=True),
    ]
    samples = measure.take_turns(cases, 3, 1, lambda _text: None)
    return measure.rows_of(cases, samples)


WANTED = [
    {"case": "a", "peer_name": "half", "ours": 200, "ours_min": 100, "ours_max": 300,
     "peer": 100, "ratio": 2.0, "cpu_ratio": 0.5, "met": True},
    {"case": "a", "peer_name": "absent", "peer": None, "ratio": None, "met": None,
     "why": "no such program"},
    {"case": "a", "peer_name": "b", "peer": 150, "ratio": 200 / 150, "met": False},
    {"case": "a", "peer_name": "half again", "peer": 20, "cpu_ratio": 4.0, "met": False},
    {"case": "b", "peer_name": "third", "peer": 20, "met": None},
    {"case": "c", "peer_name": None, "ours": 2, "ours_cpu_us": None, "met": False,
     "why": "no peer"},
    {"case": "d", "peer_name": None, "ours": None, "ours_min": None, "met": None,
     "why": "no such program"},
]


def differences(rows, wanted):
    found = [] if len(rows) == len(wanted) else [f"{len(rows)} rows, not {len(wanted)}"]
    for row, want in zip(rows, wanted):
        for key, value in want.items():
            if row.get(key) != value:
                found.append(f"{row['case']}, {row['peer_name']}: {key} is {row.get(key)!r}, "
                             f"not {value!r}")
    return found


def violations(tree):
    found = []
    for path in tree.files():
        parts = path.split("/")
        if len(parts) == 3 and parts[0] == "bench" and parts[2] == "bench.py":
            text = tree.read(path)
            found += [f"{path}: lacks {needed}" for needed in ("TITLE = ", "def start(")
                      if needed not in text]
    if not tree.planted:
        rows = known_rows()
        found += differences(rows, WANTED)
        table.render({"bench": "x", "commit": "y", "rounds": 3, "seconds": 1.0,
                      "machine": {"cores": 2, "mem_gib": 1}, "rows": rows})
    elif "wrong" in tree.files():
        found += differences(known_rows(), [dict(WANTED[0], ratio=3.0)] + WANTED[1:])
    return found


PLANTED = {
    "no title": ({"bench/x/bench.py": "def start(context):\n    return []\n"}, "lacks TITLE"),
    "another ratio": ({"wrong": ""}, "ratio is 2.0, not 3.0"),
}
CLEAN = {"bench/x/bench.py": 'TITLE = "x"\n\n\ndef start(context):\n    return []\n'}

if __name__ == "__main__":
    common.main(violations, PLANTED, CLEAN)
