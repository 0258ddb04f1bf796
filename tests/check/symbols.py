#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Refuses clocks, threads, chance and foreign libraries in the objects of pure folders.

The simulator runs these libraries as they are: a clock or a thread inside would make a
failing seed impossible to replay.
"""
import os
import pathlib
import re
import subprocess

import common

PURE = ["base", "inventory", "customer", "recommend", "raft", "replica", "placement",
        "coordinator", "host"]
FORBIDDEN = re.compile(
    r"^(?:clock|clock_(?:gettime|getres|nanosleep)|time|times|gettimeofday|timespec_get|ftime|"
    r"localtime\w*|mktime|nanosleep|usleep|sleep|alarm|setitimer|timerfd_\w+|"
    r"pthread_(?:create|mutex_\w+|cond_\w+|rwlock_\w+)|thrd_\w+|mtx_\w+|cnd_\w+|fork|sem_\w+|"
    r"rand|rand_r|srand|random|srandom|\w*rand48\w*|getrandom|getentropy|arc4random\w*|"
    r"socket|connect|accept4?|send|recv|sendto|recvfrom|sendmsg|recvmsg|poll|epoll_\w+|select|"
    r"open|openat|fopen|fsync|fdatasync|rename|unlink|mmap|"
    r"grpc_\w+|gpr_\w+|rocksdb_\w+|uv_\w+|MHD_\w+)$")


# Of the storage, all but what stands on the system and on RocksDB; locks are allowed there,
# since the log writer and the loops share its index.
STORAGE_IMPURE = re.compile(r"^(?:file_posix|store_rocks\w*)\.c\.o$")
STORAGE_ALLOWED = re.compile(r"^pthread_mutex_\w+$")
# The simulator itself: its program alone may look at a clock, for the progress line, and
# at the files named on its command line.
SIM_ALLOWED = re.compile(r"^(?:clock_gettime|fopen|pthread_(?:mutex|cond)_\w+)$")


def build_folder():
    root = pathlib.Path(os.environ.get("SOUK_BUILD_ROOT") or common.TOP / "build")
    return root / "release"


def undefined_symbols(archive):
    done = subprocess.run(["nm", "--undefined-only", "--print-file-name", str(archive)],
                          capture_output=True, text=True, check=True)
    for line in done.stdout.splitlines():
        place, _, symbol = line.rpartition(" U ")
        if place:
            yield place.rpartition(":")[0].rpartition(":")[2] or place, symbol.strip().split("@")[0]


def archive_violations(archive):
    return [f"{archive.name}: {member} needs {symbol}"
            for member, symbol in undefined_symbols(archive) if FORBIDDEN.match(symbol)]


def storage_violations(build):
    found = []
    for archive in build.glob("**/libsouk_storage.a"):
        for member, symbol in undefined_symbols(archive):
            if FORBIDDEN.match(symbol) and not STORAGE_ALLOWED.match(symbol) and \
                    not STORAGE_IMPURE.match(member):
                found.append(f"{archive.name}: {member} needs {symbol}")
    return found


def simulator_violations(build):
    """What the linked program needs of the system: whatever it runs is in there."""
    program = build / "bin" / "souk-sim"
    if not program.exists():
        return []
    return [f"{program.name} needs {symbol}" for _, symbol in undefined_symbols(program)
            if FORBIDDEN.match(symbol) and not SIM_ALLOWED.match(symbol)]


def planted_archives(tree):
    """Compiles the planted sources the way a library is made."""
    for path in tree.sources(".c"):
        target = tree.root / "libsouk_planted.a"
        subprocess.run(["cc", "-c", path, "-o", "planted.o"], cwd=tree.root, check=True)
        subprocess.run(["ar", "rcs", str(target), "planted.o"], cwd=tree.root, check=True)
        yield target


def violations(tree):
    if tree.planted:
        return [line for archive in planted_archives(tree) for line in archive_violations(archive)]
    build = build_folder()
    found, read = [], 0
    for name in PURE:
        for archive in sorted(build.glob(f"**/libsouk_{name}.a")):
            found += archive_violations(archive)
            read += 1
    if read == 0:
        raise common.Skip(f"probe failed: no libsouk_*.a below {build.name}; build it first")
    return found + storage_violations(build) + simulator_violations(build)


PLANTED = {
    "clock": ({"a.c": "#include <time.h>\nlong a(void);\n"
                      "long a(void)\n{\n    return (long)time(0);\n}\n"}, "needs time"),
    "thread": ({"a.c": "#include <pthread.h>\nint a(pthread_t *t, void *(*f)(void *));\n"
                       "int a(pthread_t *t, void *(*f)(void *))\n"
                       "{\n    return pthread_create(t, 0, f, 0);\n}\n"}, "needs pthread_create"),
    "chance": ({"a.c": "#include <stdlib.h>\nint a(void);\nint a(void)\n"
                       "{\n    return rand();\n}\n"}, "needs rand"),
    "grpc": ({"a.c": "void grpc_init(void);\nvoid a(void);\nvoid a(void)\n"
                     "{\n    grpc_init();\n}\n"}, "needs grpc_init"),
}
CLEAN = {"a.c": "#include <string.h>\nunsigned long a(const char *s);\n"
                "unsigned long a(const char *s)\n{\n    return strlen(s);\n}\n"}

if __name__ == "__main__":
    common.main(violations, PLANTED, CLEAN)
