# SPDX-License-Identifier: Apache-2.0
"""Configures and builds a preset, with ninja's progress in sight."""
import os
import shutil
import subprocess
import sys
import time

from . import groups, jobs, places

PROGRESS_EVERY_S = 10


def targets_of(preset):
    if preset == "tsan":
        return groups.tsan_programs()
    if preset == "fuzz":
        return ["fuzz_targets"]
    if preset == "asan" and not groups.scripts_want(preset):
        return ["test_programs"]
    return []


def run_shown(command, log_path):
    """Runs with the terminal's own progress line, or one line every few seconds."""
    environment = dict(os.environ, NINJA_STATUS="[%f/%t %es] ")
    if sys.stdout.isatty():
        return subprocess.run(command, env=environment, cwd=places.TOP, check=False).returncode
    shown = 0.0
    with open(log_path, "a", encoding="utf-8") as log, subprocess.Popen(
            command, env=environment, cwd=places.TOP, text=True, errors="replace",
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as process:
        for line in process.stdout:
            log.write(line)
            if time.monotonic() - shown > PROGRESS_EVERY_S and line.startswith("["):
                print("  " + line.rstrip()[:100], flush=True)
                shown = time.monotonic()
        return process.wait()


def build(preset):
    """One result, named build/<preset>."""
    name = f"build/{preset}"
    started = time.monotonic()
    log_path = places.LOGS / f"build-{preset}.log"
    log_path.parent.mkdir(parents=True, exist_ok=True)
    log_path.write_text("")
    if preset == "fuzz" and shutil.which("clang-14") is None:
        return jobs.Result(name, jobs.SKIP, 0.0, "probe failed: no clang-14 on the PATH")
    print(f"== build {preset}", flush=True)
    with open(log_path, "a", encoding="utf-8") as log:
        configured = subprocess.run(["cmake", "--preset", preset, "-B",
                                     str(places.folder_of(preset))], cwd=places.TOP, stdout=log,
                                    stderr=subprocess.STDOUT, check=False).returncode
    code = configured
    if configured == 0:
        code = run_shown(["ninja", "-C", str(places.folder_of(preset)),
                          f"-j{places.JOBS}"]
                         + targets_of(preset), log_path)
    seconds = time.monotonic() - started
    if code == 0:
        return jobs.Result(name, jobs.PASS, seconds)
    why = f"{'ninja' if configured == 0 else 'cmake'} ended with {code}\n"
    steps_left_out = [line for line in log_path.read_text(errors="replace").splitlines()
                      if not line.startswith("[")]
    return jobs.Result(name, jobs.FAIL, seconds, why + "\n".join(steps_left_out[-50:]))
