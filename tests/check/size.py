#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses files over 900 lines, functions over 70 lines or with over 6 parameters."""
import json
import shutil
import subprocess

import common

FILE_LINES_MAX = 900
FUNCTION_LINES_MAX = 70
PARAMETERS_MAX = 6
# Callbacks whose parameters a library dictates.
FOREIGN_SIGNATURES = {"admin_handle": "MHD_AccessHandlerCallback of libmicrohttpd"}
KINDS = (".c", ".h", ".cc", ".py", ".sh", ".proto", ".cmake", "CMakeLists.txt")


def parameter_count(signature):
    """Commas at the outermost level of "(a, b)"."""
    depth, commas = 0, 0
    inside = signature.strip()[1:-1].strip()
    for character in inside:
        depth += (character in "([") - (character in ")]")
        commas += character == "," and depth == 0
    return 0 if inside in ("", "void") else commas + 1


def function_violations(tree):
    files = tree.sources(".c", ".h")
    if not files:
        return []
    done = subprocess.run(
        ["ctags", "--output-format=json", "--languages=C", "--map-C=+.h", "--kinds-C=f",
         "--fields=+neS", "-L", "-", "-f", "-"],
        cwd=tree.root, input="\n".join(files), capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return [f"ctags: {done.stderr.strip()[:500]}"]
    found = []
    for line in done.stdout.splitlines():
        tag = json.loads(line)
        if tag.get("_type") != "tag" or "end" not in tag:
            continue
        lines = tag["end"] - tag["line"] + 1
        where = f"{tag['path']}:{tag['line']}: {tag['name']}"
        if lines > FUNCTION_LINES_MAX:
            found.append(f"{where} has {lines} lines, more than {FUNCTION_LINES_MAX}")
        count = parameter_count(tag.get("signature", "()"))
        if tag["name"] in FOREIGN_SIGNATURES or tag["path"].startswith("tests/"):
            continue
        if count > PARAMETERS_MAX:
            found.append(f"{where} takes {count} parameters, more than {PARAMETERS_MAX}")
    return found


def violations(tree):
    if shutil.which("ctags") is None:
        raise common.Skip("probe failed: no ctags on the PATH")
    found = []
    for path in tree.sources(*KINDS):
        lines = tree.read(path).count("\n")
        if lines > FILE_LINES_MAX:
            found.append(f"{path}: {lines} lines, more than {FILE_LINES_MAX}")
    return found + function_violations(tree)


def function_of(lines, parameters="void"):
    return f"int f({parameters})\n{{\n" + "    g();\n" * (lines - 4) + "    return 1;\n}\n"


PLANTED = {
    "long file": ({"a.c": "\n" * 901}, "a.c: 901 lines"),
    "long function": ({"a.c": function_of(71)}, "a.c:1: f has 71 lines"),
    "many parameters": ({"a.c": function_of(9, "int a, int b, int c, int d, int e, int f, int g")},
                        "takes 7 parameters"),
    "long test": ({"a.c": function_of(75).replace("int f(void)", "TEST(suite, name)")}, "75 lines"),
}
CLEAN = {
    "a.c": function_of(70),
    "b.c": function_of(9, "int (*less)(int, int), int b, int c, int d, int e, int f"),
    "c.h": "\n" * 900,
}

if __name__ == "__main__":
    common.main(violations, PLANTED, CLEAN)
