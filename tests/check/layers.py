#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses an include, or a link in CMake, that tests/check/layers.txt does not allow."""
import re

import common

INCLUDE = re.compile(r'^\s*#\s*include\s+(["<][^">]+[">])', re.MULTILINE)
LIBRARY = re.compile(r"souk_library\((\w+)(.*?)\)", re.DOTALL)
OURS = ("shard/", "server/", "client/", "proto/", "bench/", "tests/")
# Libraries of generated code, by the word that stands for them in the table.
GENERATED = {"souk_proto": "messages", "souk_stubs": "stubs", "souk_standard_stubs": "stubs"}
PLAIN_LIBRARIES = {"souk_options", "souk_warnings"}


def parse_table(text):
    allowed, closed = {}, []
    for line in text.splitlines():
        line = line.partition("#")[0].strip()
        if not line:
            continue
        folder, _, rest = line.partition(":")
        if folder == "closed":
            closed = rest.split()
        else:
            allowed[folder] = rest.split()
    return allowed, closed


ALLOWED, CLOSED = parse_table((common.TOP / "tests/check/layers.txt").read_text())


def folder_of(path, allowed):
    """The longest folder of the table that holds the path."""
    holders = [folder for folder in allowed if path.startswith(folder + "/")]
    return max(holders, key=len, default=None)


def matches(include, pattern):
    return include.startswith(pattern) if not pattern.endswith(">") else include == pattern


def include_problem(folder, include, allowed, closed):
    """Why this include is refused, or an empty string."""
    if include.startswith("<"):
        shut = any(matches(include, pattern) for pattern in closed)
        opened = any(matches(include, item) for item in allowed[folder] if item[0] == "<")
        return f"{include} is not open to {folder}" if shut and not opened else ""
    target = include.strip('"')
    if target.endswith((".pb-c.h", ".grpc-c.h")):
        kind = "messages" if target.endswith(".pb-c.h") else "stubs"
        return "" if kind in allowed[folder] else f"{folder} may not include generated {kind}"
    if not target.startswith(OURS):
        # The client's public headers are included as their users include them.
        if target.startswith("souk/") and "client/include/souk" in allowed[folder] + [folder]:
            return ""
        return f"{include}: an include starts at the top folder"
    owner = folder_of(target, allowed)
    if target.startswith("tests/"):
        return f"{folder} includes a test header"
    if owner == folder or (owner and owner in allowed[folder]):
        return ""
    return f"{folder} may not include {target} ({owner or 'a folder outside the table'})"


def include_violations(tree, allowed, closed):
    found = []
    for path in tree.sources(".c", ".h", ".cc"):
        if path.startswith("tests/"):
            continue
        folder = folder_of(path, allowed)
        if folder is None:
            found.append(f"{path}: its folder is not in tests/check/layers.txt")
            continue
        text = tree.read(path)
        for match in INCLUDE.finditer(text):
            problem = include_problem(folder, match.group(1), allowed, closed)
            if problem:
                line = text.count("\n", 0, match.start(1)) + 1
                found.append(f"{path}:{line}: {problem}")
    return found


def libraries_of(tree):
    """library -> (CMake file, folder, linked names)."""
    found = {}
    for path in tree.sources("CMakeLists.txt"):
        if path.startswith("tests/"):
            continue
        folder = path.rpartition("/")[0]
        folder = folder_of(path, ALLOWED) or folder
        text = re.sub(r"#.*", "", tree.read(path))
        for match in LIBRARY.finditer(text):
            words = match.group(2).split()
            linked = [word for word in words if word.startswith("souk_")]
            found[match.group(1)] = (path, folder, linked)
    return found


def link_violations(tree, allowed):
    found = []
    libraries = libraries_of(tree)
    for name, (path, folder, linked) in libraries.items():
        if folder not in allowed:
            if folder:
                found.append(f"{path}: {name} lies in a folder that the table lacks")
            continue
        for other in linked:
            owner = GENERATED.get(other) or (libraries.get(other) or (0, other))[1]
            if other in PLAIN_LIBRARIES or owner == folder or owner in allowed[folder]:
                continue
            found.append(f"{path}: {name} may not link {other} ({owner})")
    return found


def violations(tree):
    return include_violations(tree, ALLOWED, CLOSED) + link_violations(tree, ALLOWED)


PLANTED = {
    "upwards": ({"shard/base/x.c": '#include "shard/storage/store.h"\n'},
                "shard/base/x.c:1: shard/base may not include shard/storage/store.h"),
    "sideways": ({"shard/inventory/x.c": '\n#include "shard/customer/x.h"\n'}, "x.c:2:"),
    "rocksdb elsewhere": ({"shard/replica/x.c": "#include <rocksdb/c.h>\n"}, "not open"),
    "grpc elsewhere": ({"server/service/x.c": "#include <grpc/grpc.h>\n"}, "not open"),
    "uv elsewhere": ({"server/coordinator/x.c": "# include <uv.h>\n"}, "not open"),
    "stubs in a shard": ({"shard/replica/x.h": '#include "souk/v1/stock.grpc-c.h"\n'}, "stubs"),
    "not from the top": ({"shard/base/x.c": '#include "map.h"\n'}, "top folder"),
    "unknown folder": ({"shard/extra/x.c": "\n"}, "not in tests/check/layers.txt"),
    "a test header": ({"shard/base/x.c": '#include "tests/lib/test.h"\n'}, "test header"),
    "a link": ({"shard/base/CMakeLists.txt":
                "souk_library(souk_base SOURCES a.c PUBLIC souk_storage)\n",
                "shard/storage/CMakeLists.txt": "souk_library(souk_storage SOURCES s.c)\n"},
               "souk_base may not link souk_storage"),
}
CLEAN = {
    "shard/base/x.c": '#include "shard/base/map.h"\n#include <string.h>\n#include <xxhash.h>\n',
    "shard/storage/x.c": "#include <rocksdb/c.h>\n",
    "shard/storage/CMakeLists.txt":
        "souk_library(souk_storage SOURCES s.c PUBLIC souk_base PRIVATE ${ROCKSDB_LIBRARY})\n",
    "shard/base/CMakeLists.txt": "souk_library(souk_base SOURCES a.c)\n",
    "client/cli/x.c": '#include "client/include/souk/souk.h"\n',
}

if __name__ == "__main__":
    common.main(violations, PLANTED, CLEAN)
