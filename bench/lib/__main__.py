# SPDX-License-Identifier: Apache-2.0
"""bench/run: finds bench/<name>/bench.py, runs it, prints a table or JSON."""
import argparse
import importlib.util
import json
import os
import pathlib
import subprocess
import sys

from . import Unavailable, measure, table
from .context import TOP, Context

BENCH = TOP / "bench"
ROUNDS = 5


def load(name):
    path = BENCH / name / "bench.py"
    spec = importlib.util.spec_from_file_location(f"bench_{name}", path)
    module = importlib.util.module_from_spec(spec)
    sys.path.insert(0, str(path.parent))
    spec.loader.exec_module(module)
    return module


def names():
    return sorted(path.parent.name for path in BENCH.glob("*/bench.py"))


def machine():
    mem = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {"cores": len(os.sched_getaffinity(0)), "mem_gib": round(mem / 2**30, 1)}


def commit():
    done = subprocess.run(["git", "-C", str(TOP), "describe", "--always", "--dirty", "--exclude=*"],
                          capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def build_folder(options):
    """build/release, brought up to date."""
    if options.build:
        return pathlib.Path(options.build).resolve()
    root = pathlib.Path(os.environ.get("SOUK_BUILD_ROOT") or TOP / "build")
    folder = root / "release"
    for command in (["cmake", "--preset", "release", "-B", str(folder)],
                    ["ninja", "-C", str(folder), f"-j{len(os.sched_getaffinity(0))}"]):
        print(f"bench: {' '.join(command[:2])} ...", file=sys.stderr, flush=True)
        done = subprocess.run(command, cwd=TOP, capture_output=True, text=True, check=False)
        if done.returncode != 0:
            print("\n".join((done.stdout + done.stderr).splitlines()[-30:]), file=sys.stderr)
            raise Unavailable(f"{command[0]} failed; its last lines are above")
    return folder


def run_one(name, build, options):
    module = load(name)
    rounds = options.rounds or getattr(module, "ROUNDS", ROUNDS)
    context = Context(build, name, rounds, options.seconds, not options.no_install,
                      options_for(module, options))
    try:
        cases = module.start(context)
        samples = measure.take_turns(cases, rounds, options.seconds, context.say)
        rows = measure.rows_of(cases, samples)
    finally:
        if hasattr(module, "stop"):
            module.stop(context)
        context.stop()
    return {"bench": name, "commit": commit(), "machine": machine(), "rounds": rounds,
            "seconds": options.seconds, "rows": rows}


def parser_of(module=None):
    """All take the same options; a benchmark named alone may take some of its own."""
    parser = argparse.ArgumentParser(prog="bench/run", description="Souk beside its peers.")
    parser.add_argument("names", nargs=None if module else "*",
                        metavar="NAME" if module else "NAME|all")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--json", action="store_true", help="one object per benchmark on stdout")
    parser.add_argument("--rounds", type=int, help=f"{ROUNDS}, or what the benchmark says")
    parser.add_argument("--seconds", type=float, default=5.0, help="of each side in each round")
    parser.add_argument("--build", help="a build folder to take as it is")
    parser.add_argument("--no-install", action="store_true", help="leave missing packages missing")
    if module:
        module.arguments(parser)
    return parser


def parse():
    """The options, with .names a list; and by name those of benchmarks that take their own."""
    first = next((word for word in sys.argv[1:] if not word.startswith("-")), None)
    if first in names() and hasattr(load(first), "arguments"):
        options = parser_of(load(first)).parse_args()
        options.names = [first]
        return options
    return parser_of().parse_args()


def options_for(module, options):
    """For `all`: the defaults of a benchmark's own arguments beside the common options."""
    if hasattr(module, "arguments") and len(options.names) != 1:
        own = argparse.ArgumentParser()
        module.arguments(own)
        return argparse.Namespace(**{**vars(own.parse_args([])), **vars(options)})
    return options


def main():
    options = parse()
    if options.list:
        for name in names():
            print(f"{name:<12} {load(name).TITLE}")
        return 0
    wanted = names() if options.names == ["all"] else options.names
    unknown = [name for name in wanted if name not in names()]
    if unknown or not wanted or (options.rounds or 1) < 1 or options.seconds <= 0:
        print(f"bench/run NAME|all; there is {', '.join(names()) or 'none yet'}", file=sys.stderr)
        return 1
    failed = False
    try:
        build = build_folder(options)
    except Unavailable as error:
        print(f"bench: {error}", file=sys.stderr)
        return 1
    for name in wanted:
        try:
            document = run_one(name, build, options)
        except Unavailable as error:
            print(f"bench {name}: could not run: {error}", file=sys.stderr)
            failed = True
            continue
        print(json.dumps(document) if options.json else table.render(document), flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
