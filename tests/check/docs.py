#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses a reference page that lacks a setting, a metric or a status, or is stale.

The page is generated from the three tables by a small program that the C compiler expands
them into. `tests/check/docs.py --write` renews it.
"""
import pathlib
import subprocess
import sys
import tempfile

import common

PAGE = "server/REFERENCE.md"
HEADERS = ["shard/base/setting.h", "shard/base/metric.h", "shard/base/status.h"]
PROGRAM = r"""
#include <stdio.h>
#include "shard/base/metric.h"
#include "shard/base/setting.h"
#define NUMBER(name, value, least, most, unit, help) \
    printf("N\t%s\t%lld\t%lld\t%lld\t%s\t%s\n", #name, (long long)(value), (long long)(least), \
           (long long)(most), unit, help);
#define STRING(name, value, choices, help) printf("S\t%s\t%s\t%s\t%s\n", #name, value, choices, help);
#define METRIC(identifier, kind, name, help) printf("M\t%s\t%s\t%s\n", name, #kind, help);
#define STATUS(name, code, retry, text) printf("T\t%s\t%s\t%s\t%s\n", #name, #code, #retry, text);
int main(void)
{
    SETTING_TABLE(NUMBER, STRING)
    METRIC_TABLE(METRIC)
    STATUS_TABLE(STATUS)
    return 0;
}
"""
RETRY = {"NEVER": "no", "REREAD": "read again, then decide", "SAME": "same request_id, after a pause"}
INTRODUCTION = """<!-- Generated from the tables in shard/base; tests/check/docs.py --write renews it. -->
# Reference: settings, metrics, statuses
"""


def rows_of(tree):
    """The lines of all three tables, as the compiler sees them."""
    with tempfile.TemporaryDirectory() as folder:
        source, program = pathlib.Path(folder, "tables.c"), pathlib.Path(folder, "tables")
        source.write_text(PROGRAM)
        # A planted tree holds the changed header alone; the others are the project's.
        subprocess.run(["cc", "-std=c17", "-I", str(tree.root), "-I", str(common.TOP),
                        str(source), "-o", str(program)], check=True)
        done = subprocess.run([str(program)], capture_output=True, text=True, check=True)
    return [line.split("\t") for line in done.stdout.splitlines()]


def cell(text):
    return text.replace("|", "\\|")


def table(titles, lines):
    head = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    return head + ["| " + " | ".join(map(cell, line)) + " |" for line in lines]


def setting_line(row):
    if row[0] == "N":
        _, name, value, least, most, unit, text = row
        return [f"`{name}`", value, f"{least} to {most} {unit}".strip(), text]
    _, name, value, choices, text = row
    return [f"`{name}`", value or "(empty)", choices.replace("|", ", ") or "text", text]


def page_of(tree):
    rows = rows_of(tree)
    lines = [INTRODUCTION, "## Settings", "",
             "A flag of `soukd` (`--log-level`) and a key of its YAML file (`log_level`).", ""]
    lines += table(["setting", "default", "allowed", "what it does"],
                   [setting_line(row) for row in rows if row[0] in "NS"])
    lines += ["", "## Metrics", "", "Served as Prometheus text by `/metrics` on the admin port. "
              "Histograms count microseconds.", ""]
    lines += table(["metric", "kind", "meaning"],
                   [[f"`{row[1]}`", row[2].lower(), row[3]] for row in rows if row[0] == "M"])
    lines += ["", "## Statuses", "", "The reason in `google.rpc.ErrorInfo` (domain `souk.dev`), "
              "the gRPC code it travels with, and whether to try again.", ""]
    lines += table(["reason", "gRPC code", "try again", "meaning"],
                   [[f"`{row[1]}`", row[2], RETRY[row[3]], row[4]] for row in rows if row[0] == "T"])
    return "\n".join(lines) + "\n"


def violations(tree):
    wanted = page_of(tree).splitlines()
    if PAGE not in tree.files():
        return [f"{PAGE} is missing; tests/check/docs.py --write makes it"]
    present = tree.read(PAGE).splitlines()
    found = [f"{PAGE} lacks: {line}" for line in wanted if line not in present]
    found += [f"{PAGE} is stale: {line}" for line in present if line not in wanted]
    if not found and present != wanted:
        found = [f"{PAGE} is in another order than the tables"]
    return found + (["tests/check/docs.py --write renews it"] if found else [])


def planted_header(path, after, line):
    text = (common.TOP / path).read_text()
    return {path: text.replace(after, after + line, 1), PAGE: page_of(common.Tree(common.TOP))}


def planted():
    metric = '    X(PLANTED, COUNTER, "souk_planted_total", "planted") \\\n'
    setting = '    N(planted, 1, 0, 2, "", "planted") \\\n'
    status = '    X(PLANTED, INTERNAL, NEVER, "planted") \\\n'
    page = page_of(common.Tree(common.TOP))
    return {
        "metric": (planted_header(HEADERS[1], next_line("#define METRIC_TABLE", 1), metric),
                   "lacks: | `souk_planted_total`"),
        "setting": (planted_header(HEADERS[0], next_line("#define SETTING_TABLE", 0), setting),
                    "lacks: | `planted`"),
        "status": (planted_header(HEADERS[2], next_line("#define STATUS_TABLE", 2), status),
                   "lacks: | `PLANTED`"),
        "stale": ({PAGE: page + "| `souk_gone_total` | counter | gone |\n"}, "is stale"),
        "missing": ({"a.c": ""}, "is missing"),
    }


def next_line(start, header):
    for line in (common.TOP / HEADERS[header]).read_text().splitlines(keepends=True):
        if line.startswith(start):
            return line
    raise ValueError(f"{HEADERS[header]} has no line {start}")


if __name__ == "__main__":
    if "--write" in sys.argv[1:]:
        (common.TOP / PAGE).write_text(page_of(common.Tree(common.TOP)))
        sys.exit(0)
    common.main(violations, planted(), {PAGE: page_of(common.Tree(common.TOP))})
