# SPDX-License-Identifier: Apache-2.0
"""Finds the tests by where they lie; no list names them.

    check      tests/check/*.py that are executable, each also with --self-test
    unit       build/release/bin/tests/test_*      (unit-asan: the same in build/asan)
    unit-tsan  the programs named in tests/tsan.list, in build/tsan
    fuzz       build/fuzz/bin/fuzz/fuzz_*
    bench      each benchmark of bench/run for a second
    <folder>   tests/<folder>/*.sh that are executable
"""
import os
import re

from . import jobs, places

NOT_SCRIPTS = {"lib", "check", "unit", "fuzz", "golden"}
UNIT_PRESETS = {"unit": "release", "unit-asan": "asan", "unit-tsan": "tsan"}
FUZZ_TOTAL_S = 40
FUZZ_TOTAL_LONG_S = 600


def executables(folder, pattern):
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob(pattern)
                  if path.is_file() and os.access(path, os.X_OK))


def tsan_programs():
    path = places.TESTS / "tsan.list"
    if not path.exists():
        return []
    lines = (line.partition("#")[0].strip() for line in path.read_text().splitlines())
    return [line for line in lines if line]


def script_groups():
    folders = (path for path in sorted(places.TESTS.iterdir())
               if path.is_dir() and path.name not in NOT_SCRIPTS)
    return [path.name for path in folders if executables(path, "*.sh")]


def has_fuzz_targets():
    return any((places.TESTS / "fuzz").glob("fuzz_*.c"))


def all_groups():
    groups = ["check", "unit", "unit-asan"]
    if tsan_programs():
        groups.append("unit-tsan")
    if has_fuzz_targets():
        groups.append("fuzz")
    groups += script_groups()
    if (places.TOP / "bench" / "run").exists():
        groups.append("bench")
    return groups


def presets_of(group, preset):
    """Which builds a group needs; `preset` stands in for release when it is given."""
    if group == "check":
        return ["release"]
    if group in UNIT_PRESETS:
        return [preset or "release"] if group == "unit" else [UNIT_PRESETS[group]]
    if group == "fuzz":
        return ["fuzz"]
    if group == "bench":
        return ["release"]
    needed = []
    for script in executables(places.TESTS / group, "*.sh"):
        wanted = jobs.header_of(script).get("presets", "release").split()
        needed += [preset or "release" if name == "release" else name for name in wanted]
    return list(dict.fromkeys(needed))


def scripts_want(preset):
    return any(preset in presets_of(group, None) for group in script_groups())


def check_jobs():
    found = []
    for path in executables(places.TESTS / "check", "*.py"):
        command = ["/usr/bin/python3", str(path)]
        found.append(jobs.Job("check", path.stem, command, "script"))
        found.append(jobs.Job("check", f"{path.stem}-can-fail", command + ["--self-test"],
                              "script"))
    return found


def unit_jobs(group, preset, quick):
    folder = places.folder_of(preset) / "bin" / "tests"
    programs = executables(folder, "test_*")
    # Stale programs of a deleted test stay in the build folder; only declared ones count.
    declared = declared_programs(places.folder_of(preset))
    if declared:
        programs = [path for path in programs if path.name in declared]
    if group == "unit-tsan":
        wanted = tsan_programs()
        programs = [path for path in programs if path.name in wanted]
    if quick:
        programs = [path for path in programs if not path.name.endswith("_slow")]
    environment = {
        "ASAN_OPTIONS": "detect_leaks=1:detect_stack_use_after_return=1",
        "UBSAN_OPTIONS": "print_stacktrace=1",
    }
    suppressions = places.TESTS / "tsan.suppressions"
    environment["TSAN_OPTIONS"] = "ignore_noninstrumented_modules=1" + (
        f":suppressions={suppressions}" if suppressions.exists() else "")
    return [jobs.Job(group, path.name, [str(path)], "unit", environment=environment,
                     presets=(preset,)) for path in programs]


def declared_programs(build):
    """The test programs that CMake knows now."""
    ninja = build / "build.ninja"
    if not ninja.exists():
        return set()
    return set(re.findall(r"^build bin/tests/(test_\w+):", ninja.read_text(), re.MULTILINE))


def fuzz_jobs(long):
    programs = executables(places.folder_of("fuzz") / "bin" / "fuzz", "fuzz_*")
    total = FUZZ_TOTAL_LONG_S if long else FUZZ_TOTAL_S
    each = max(1, min(60 if long else 5, total * places.JOBS // max(1, len(programs))))
    return [jobs.Job("fuzz", path.name,
                     [str(path), f"-max_total_time={each}", "-timeout=10", "-rss_limit_mb=2048"],
                     "fuzz", timeout_s=each + 60, presets=("fuzz",)) for path in programs]


def script_jobs(group, preset, long):
    found = []
    build = places.folder_of(preset or "release")
    environment = {"SOUK_BUILD_ROOT": str(places.BUILD), "SOUK_TEST_LONG": "1" if long else ""}
    for path in executables(places.TESTS / group, "*.sh"):
        header = jobs.header_of(path)
        found.append(jobs.Job(
            group, path.stem, [str(path), str(build)], "script",
            timeout_s=float(header.get("timeout", places.TIMEOUT_S)) * (10 if long else 1),
            environment=environment, alone=header.get("parallel") != "yes",
            presets=tuple(header.get("presets", "release").split())))
    return found


def bench_jobs():
    folders = sorted(path.parent.name for path in (places.TOP / "bench").glob("*/bench.py"))
    return [jobs.Job("bench", name, ["/usr/bin/python3", "-m", "runner.bench_smoke", name], "script",
                     alone=True) for name in folders]


def jobs_of(group, preset=None, quick=False, long=False):
    if group == "check":
        return check_jobs()
    if group in UNIT_PRESETS:
        wanted = preset if preset and group == "unit" else UNIT_PRESETS[group]
        return unit_jobs(group, wanted, quick)
    if group == "fuzz":
        return fuzz_jobs(long)
    if group == "bench":
        return bench_jobs()
    return script_jobs(group, preset, long)
