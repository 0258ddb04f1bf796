# SPDX-License-Identifier: Apache-2.0
"""Where things lie, and how long each group of tests may take on two cores."""
import os
import pathlib

TOP = pathlib.Path(__file__).resolve().parents[3]
TESTS = TOP / "tests"
BUILD = pathlib.Path(os.environ.get("SOUK_BUILD_ROOT") or TOP / "build").resolve()
LOGS = BUILD / "test-logs"

# Seconds on two cores. A group over its budget is marked in the closing table; it does
# not fail, because a shared machine is not the fault of the code.
BUDGET_S = {
    "build": 300,
    "check": 60,
    "unit": 120,
    "unit-asan": 120,
    "unit-tsan": 60,
    "fuzz": 60,
    "sim": 120,
    "cluster": 180,
    "crash": 180,
    "demo": 180,
    "interop": 120,
    "bench": 120,
    "install": 60,
    "coverage": 60,
}

JOBS = int(os.environ.get("SOUK_JOBS") or max(1, len(os.sched_getaffinity(0))))
# A test that takes longer than this hangs.
TIMEOUT_S = 300


def folder_of(preset):
    return BUILD / preset
