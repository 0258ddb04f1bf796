# SPDX-License-Identifier: Apache-2.0
"""Runs every function named test_* of the cases_* modules; prints TAP and a closing line."""
import importlib
import pathlib
import sys
import time
import traceback

import world

MODULES = ("cases_services", "cases_catalog", "cases_errors", "cases_values", "cases_idempotency",
           "cases_life", "cases_wire", "cases_recommend", "cases_placements", "cases_places",
           "cases_import",
           "cases_erase", "cases_cli", "cases_restart")


def sentence(function):
    return function.__name__[len("test_"):].replace("_", " ")


def main():
    soukd, work, wanted = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3:]
    passed = failed = 0
    here = world.World(soukd, work)
    try:
        for name in MODULES:
            module = importlib.import_module(name)
            for key, function in list(vars(module).items()):
                if not key.startswith("test_"):
                    continue
                title = f"{name[len('cases_'):]}: {sentence(function)}"
                if wanted and not any(part in title for part in wanted):
                    continue
                start = time.monotonic()
                try:
                    function(here)
                    here.must_be_alive()
                    passed += 1
                    print(f"ok - {title} ({time.monotonic() - start:.2f}s)", flush=True)
                except Exception:  # a failed test must not hide the ones behind it
                    failed += 1
                    print(f"not ok - {title}", flush=True)
                    for line in traceback.format_exc().splitlines():
                        print(f"# {line}", flush=True)
    finally:
        here.close()
    print(f"{passed} passed, {failed} failed")
    return 0 if failed == 0 else 1


if __name__ == "__main__":
    sys.exit(main())
