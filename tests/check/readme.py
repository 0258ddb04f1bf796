#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses a folder of the layer table without a README, or a README over 40 lines."""
import layers

import common

LINES_MAX = 40
# Public headers are documented by themselves and by client/lib/README.md; a benchmark by
# its bench.py and by bench/README.md.
WITHOUT = {"client/include/souk"}


def violations(tree):
    found = []
    files = tree.files()
    for path in files:
        if path.endswith("/README.md"):
            lines = tree.read(path).count("\n")
            if lines > LINES_MAX:
                found.append(f"{path}: {lines} lines, more than {LINES_MAX}")
    table = (common.TOP / "tests/check/layers.txt").read_text()
    for folder in layers.parse_table(table)[0]:
        inside = [path for path in files if path.rpartition("/")[0] == folder]
        if folder in WITHOUT or folder.startswith("bench/"):
            continue
        if inside and f"{folder}/README.md" not in files:
            found.append(f"{folder}: has no README.md")
    return found


PLANTED = {
    "long": ({"shard/base/README.md": "x\n" * 41}, "41 lines"),
    "none": ({"shard/base/a.c": ""}, "shard/base: has no README.md"),
}
CLEAN = {"shard/base/README.md": "x\n" * 40, "README.md": "x\n" * 400, "shard/base/a.c": ""}

if __name__ == "__main__":
    common.main(violations, PLANTED, CLEAN)
