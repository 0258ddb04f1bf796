#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses a source file whose first lines lack the licence."""
import re

import common

KINDS = (".c", ".h", ".cc", ".py", ".sh", ".proto", ".cmake", "CMakeLists.txt")
LINE = re.compile(r"SPDX-License-Identifier: Apache-2\.0")
SHEBANG = re.compile(r"^#!")


def is_source(tree, path):
    if path.endswith(KINDS):
        return True
    return "." not in path.rpartition("/")[2] and SHEBANG.match(tree.read(path)[:2])


def violations(tree):
    found = []
    for path in tree.files():
        if not is_source(tree, path):
            continue
        lines = tree.read(path).splitlines()
        first = lines[1:2] if lines and SHEBANG.match(lines[0]) else lines[:1]
        if not first or not LINE.search(first[0]):
            found.append(f"{path}: its first line is not the SPDX line")
    return found


PLANTED = {
    "c": ({"a.c": "int a;\n"}, "a.c"),
    "script": ({"run": "#!/bin/sh\necho\n"}, "run"),
    "too late": ({"a.h": "\n\n/* SPDX-License-Identifier: Apache-2.0 */\n"}, "a.h"),
    "proto": ({"a.proto": 'syntax = "proto3";\n'}, "a.proto"),
}
CLEAN = {
    "a.c": "/* SPDX-License-Identifier: Apache-2.0 */\n",
    "run": "#!/usr/bin/env bash\n# SPDX-License-Identifier: Apache-2.0\n",
    "data": "no script\n",
}

if __name__ == "__main__":
    common.main(violations, PLANTED, CLEAN)
