# SPDX-License-Identifier: Apache-2.0
"""tests/run: see the parser below for what it takes."""
import argparse
import concurrent.futures
import dataclasses
import fcntl
import sys
import time

from . import builds, groups, jobs, places
from .report import Report

QUICK_GROUPS = ["check", "unit"]


def parse():
    parser = argparse.ArgumentParser(
        prog="tests/run",
        description="Builds what the tests need and runs them.",
        epilog="NAME is a group (check, unit, unit-asan, fuzz, interop, ...), or part of the "
               "name of a program, a script, or one test. Programs are then taken from the "
               "release build alone; say unit-asan/NAME for the other.")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--quick", action="store_true", help="checks and unit tests, no sanitizers")
    parser.add_argument("--all", action="store_true", help="everything, with long fuzz and soak times")
    parser.add_argument("--list", action="store_true", help="names what would run; builds nothing")
    parser.add_argument("--preset", help="build that unit tests and scripts use instead of release")
    parser.add_argument("--strict", action="store_true", help="a skip counts as a failure")
    parser.add_argument("--json", metavar="FILE", help="writes the results there")
    return parser.parse_args()


def groups_wanted(options):
    """The groups to look into: whole ones, and those that free names may lie in."""
    known = groups.all_groups()
    if not options.names:
        return QUICK_GROUPS if options.quick else known
    wanted = []
    for name in options.names:
        head = name.partition("/")[0]
        if head in known:
            wanted.append(head)
        else:
            wanted += [group for group in known
                       if group not in ("unit-asan", "unit-tsan")
                       and (group != "fuzz" or "fuzz" in name)]
    return [group for group in known if group in wanted]


def pick(job, names, known):
    """The job, or the part of it that a name asks for, or None."""
    if not names or any(name == job.group or name in job.full_name for name in names):
        return job
    # A group's own name must not pick single tests of the other groups.
    free = [name.rpartition("/")[2] for name in names
            if name not in known and name.partition("/")[0] in (name, job.group)]
    if job.kind == "unit" and free:
        only = [test for test in jobs.list_unit_tests(job.command[0])
                if any(name.replace(",", "::") in test for name in free)]
        if only:
            return dataclasses.replace(job, only=only)
    return None


def find_jobs(options, group_names):
    found = []
    known = groups.all_groups()
    for group in group_names:
        for job in groups.jobs_of(group, options.preset, options.quick, options.all):
            picked = pick(job, options.names, known)
            if picked:
                found.append(picked)
    return found


def build_all(options, group_names, report):
    """Builds each preset once; answers the names of those that are unusable."""
    unusable = set()
    wanted = []
    for group in group_names:
        needed = groups.presets_of(group, options.preset)
        # The static checks read objects when there are some, but do not ask for a build.
        if group != "check" or len(group_names) > 1:
            wanted += needed
    started = time.monotonic()
    for preset in dict.fromkeys(wanted):
        result = builds.build(preset)
        report.add(result)
        if result.result != jobs.PASS:
            unusable.add(preset)
    if wanted:
        report.group_seconds["build"] = time.monotonic() - started
    return unusable


def run_group(group, members, report, counter):
    started = time.monotonic()
    print(f"== {group}", flush=True)

    def finish(job, outcome):
        counter["done"] += 1
        report.finished(job, outcome, counter["done"], counter["total"])

    together = [job for job in members if not job.alone]
    with concurrent.futures.ThreadPoolExecutor(places.JOBS) as pool:
        running = {pool.submit(jobs.run, job): job for job in together}
        for future in concurrent.futures.as_completed(running):
            finish(running[future], future.result())
    for job in members:
        if job.alone:
            finish(job, jobs.run(job))
    report.group_seconds[group] = time.monotonic() - started


def list_only(options, group_names):
    for job in find_jobs(options, group_names):
        print(job.full_name)
        for test in job.only:
            print(f"{job.full_name}::{test}")
    for preset in {name for group in group_names for name in groups.presets_of(group, options.preset)}:
        if not (places.folder_of(preset) / "build.ninja").exists():
            print(f"(build/{preset} does not exist yet; its programs are not listed)",
                  file=sys.stderr)
    return 0


def lock_build_root():
    """Two runs over the same builds would mix their logs: the second one waits."""
    places.BUILD.mkdir(parents=True, exist_ok=True)
    lock = open(places.BUILD / ".tests-run.lock", "w", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        print("another tests/run uses these builds; waiting for it", flush=True)
        fcntl.flock(lock, fcntl.LOCK_EX)
    return lock


def main():
    options = parse()
    group_names = groups_wanted(options)
    if options.list:
        return list_only(options, group_names)
    lock = lock_build_root()
    report = Report(options.strict)
    unusable = build_all(options, group_names, report)
    found = find_jobs(options, group_names)
    if options.names and not found:
        report.add(jobs.Result(" ".join(options.names), jobs.FAIL, 0.0,
                               "nothing is called this; tests/run --list names all"))
    counter = {"done": 0, "total": len(found)}
    for group in group_names:
        members = [job for job in found if job.group == group]
        blocked = unusable.intersection(groups.presets_of(group, options.preset))
        if blocked and group != "check":
            print(f"== {group}: not run, {', '.join(sorted(blocked))} did not build")
            counter["total"] -= len(members)
        elif members:
            run_group(group, members, report, counter)
    lock.close()
    return report.close(options.json)


if __name__ == "__main__":
    sys.exit(main())
