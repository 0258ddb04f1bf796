#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses C files that clang-format would change."""
import re
import shutil
import subprocess

import common

FORMATTER = "clang-format-14"
FILES_PER_CALL = 40


def violations(tree):
    if shutil.which(FORMATTER) is None:
        raise common.Skip(f"probe failed: no {FORMATTER} on the PATH")
    files = tree.sources(".c", ".h", ".cc")
    style = f"--style=file:{common.TOP / '.clang-format'}"
    found = set()
    for start in range(0, len(files), FILES_PER_CALL):
        done = subprocess.run([FORMATTER, "--dry-run", "-Werror", style] +
                              files[start:start + FILES_PER_CALL],
                              cwd=tree.root, capture_output=True, text=True, check=False)
        lines = re.findall(r"^(\S+?:\d+):\d+: error", done.stderr, re.MULTILINE)
        found.update(f"{line}: not formatted; {FORMATTER} -i mends it" for line in lines)
        if done.returncode != 0 and not lines:
            found.add(f"{FORMATTER}: {done.stderr.strip()[:500]}")
    return sorted(found)


PLANTED = {
    "indent": ({"a.c": "int a(void);\nint a(void)\n{\n  return 1;\n}\n"}, "a.c:"),
    "header": ({"b.h": "int  b;\n"}, "b.h:1"),
}
CLEAN = {"a.c": "int a(void);\nint a(void)\n{\n    return 1;\n}\n"}

if __name__ == "__main__":
    common.main(violations, PLANTED, CLEAN)
