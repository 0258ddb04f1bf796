# SPDX-License-Identifier: Apache-2.0
"""One job is one process; it yields one result for each test that it counts."""
import dataclasses
import os
import pathlib
import re
import shutil
import signal
import subprocess
import time

from . import places

PASS, FAIL, SKIP = "pass", "fail", "skip"
SCRIPT_SKIPPED = 77
TAIL_LINES = 40
REPORT_BYTES_MAX = 6000

TAP_LINE = re.compile(r"^(not )?ok\b\s*\d*\s*-?\s*(.*)$")
TAP_SECONDS = re.compile(r"\s*\((\d+\.\d+)s\)\s*$")
TAP_SKIP = re.compile(r"\s*#\s*SKIP\b[\s:]*(.*)$", re.IGNORECASE)
SYNTHESIS = re.compile(r"Synthesis: Tested: *(\d+) \| Passing: *(\d+) \| Failing: *(\d+)")


@dataclasses.dataclass
class Result:
    name: str
    result: str
    seconds: float
    why: str = ""


@dataclasses.dataclass
class Job:
    group: str
    name: str  # without its group
    command: list
    kind: str  # unit, fuzz, script
    timeout_s: float = places.TIMEOUT_S
    environment: dict = dataclasses.field(default_factory=dict)
    only: list = dataclasses.field(default_factory=list)  # names of single tests
    alone: bool = False  # wants the machine for itself
    presets: tuple = ("release",)

    @property
    def full_name(self):
        return f"{self.group}/{self.name}"

    def log(self):
        return places.LOGS / self.group / (self.name.replace("/", "_") + ".log")

    def reports(self):
        """Where sanitizers write; any file there is a failure."""
        return self.log().with_suffix(".reports")

    def tap(self):
        return self.log().with_suffix(".tap")


def tail(text, lines=TAIL_LINES):
    return "\n".join(text.rstrip().splitlines()[-lines:])


def end_group(process):
    """Ends whatever the job left behind; its own session makes that exact."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        pass


def execute(job, command):
    """Runs to the end or to the timeout; answers the exit code (None = timeout)."""
    job.log().parent.mkdir(parents=True, exist_ok=True)
    shutil.rmtree(job.reports(), ignore_errors=True)
    job.reports().mkdir(parents=True)
    job.tap().unlink(missing_ok=True)
    environment = dict(os.environ, **job.environment)
    for tool in ("ASAN", "LSAN", "UBSAN", "TSAN"):
        name = f"{tool}_OPTIONS"
        extra = f"log_path={job.reports()}/{tool.lower()}"
        environment[name] = ":".join(filter(None, [environment.get(name), extra]))
    with open(job.log(), "wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=subprocess.STDOUT,
            cwd=places.TOP, env=environment, start_new_session=True)
        try:
            code = process.wait(job.timeout_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            end_group(process)
            process.wait()
    return code


def sanitizer_reports(job):
    found = ""
    for path in sorted(job.reports().glob("*")):
        if path.is_file() and path.stat().st_size > 0:
            found += f"{path.name}:\n{path.read_text(errors='replace')[:REPORT_BYTES_MAX]}\n"
    return found


def parse_tap(text, prefix):
    """The results of TAP lines; the lines after a `not ok` are its explanation."""
    results = []
    for line in text.splitlines():
        match = TAP_LINE.match(line)
        if not match:
            if results and results[-1].result == FAIL and line.startswith("  "):
                results[-1].why += line.strip() + "\n"
            continue
        name, why, seconds, result = match.group(2), "", 0.0, PASS
        skipped = TAP_SKIP.search(name)
        if skipped:
            name, why, result = name[: skipped.start()], skipped.group(1).strip(), SKIP
            if not why:
                result, why = FAIL, "a skip without a reason"
        timed = TAP_SECONDS.search(name)
        if timed:
            name, seconds = name[: timed.start()], float(timed.group(1))
        if match.group(1):
            result = FAIL
            for mark in (" timed out", " unexpected signal"):
                if mark in name:
                    name, _, rest = name.partition(mark)
                    why = (mark + rest).strip() + "\n"
        results.append(Result(f"{prefix}::{name.strip()}", result, seconds, why))
    return results


def run_unit(job):
    command = job.command + [f"--tap={job.tap()}"]
    if job.only:
        names = [name.replace("::", "/") for name in job.only]
        command.append("--filter=" + (names[0] if len(names) == 1 else "@(%s)" % "|".join(names)))
    started = time.monotonic()
    code = execute(job, command)
    seconds = time.monotonic() - started
    output = job.log().read_text(errors="replace")
    tap = job.tap().read_text(errors="replace") if job.tap().exists() else ""
    results = parse_tap(tap, job.full_name)
    if job.only:  # Criterion reports what its filter left out as skipped
        asked = {f"{job.full_name}::{test}" for test in job.only}
        results = [result for result in results if result.name in asked]
    failed = any(result.result == FAIL for result in results)

    def whole(why):
        return results + [Result(job.full_name, FAIL, seconds, why)]

    reports = sanitizer_reports(job)
    if code is None:
        return whole(f"no end after {job.timeout_s} s\n{tail(output)}")
    if reports:
        return whole(f"a sanitizer reported:\n{tail(reports, 80)}")
    synthesis = SYNTHESIS.search(output)
    counted = sum(1 for result in results if result.result != SKIP)
    if code < 0 or not synthesis:
        return whole(f"ended with {code} and no closing line\n{tail(output)}")
    if int(synthesis.group(1)) != counted:
        return whole(f"reported {counted} tests but counted {synthesis.group(1)}")
    if not results:
        return whole("ran no test")
    if code != 0 and not failed:
        return whole(f"exit {code} although no test failed\n{tail(output)}")
    for result in results:
        if result.result == FAIL and not result.why:
            result.why = tail(output)
    return results


def run_script(job):
    started = time.monotonic()
    code = execute(job, job.command)
    seconds = time.monotonic() - started
    output = job.log().read_text(errors="replace")
    results = parse_tap(output, job.full_name)
    reports = sanitizer_reports(job)
    if results and code is not None and not reports:
        failed = any(result.result == FAIL for result in results)
        if failed == (code != 0):
            for result in results:
                if result.result == FAIL and not result.why:
                    result.why = tail(output)
            return results
    if code is None:
        why = f"no end after {job.timeout_s} s\n{tail(output)}"
    elif reports:
        why = f"a sanitizer reported:\n{tail(reports, 80)}"
    elif code == 0 and not results:
        return [Result(job.full_name, PASS, seconds)]
    elif code == SCRIPT_SKIPPED and not results:
        reason = tail(output, 1).strip()
        if reason:
            return [Result(job.full_name, SKIP, seconds, reason)]
        why = "a skip without a reason"
    else:
        why = f"exit {code}\n{tail(output)}"
    return results + [Result(job.full_name, FAIL, seconds, why)]


def run_fuzz(job):
    """libFuzzer leaves the failing input as a file; its path is the way to replay."""
    corpus = places.BUILD / "fuzz" / "corpus" / job.name
    artifacts = places.BUILD / "fuzz" / "artifacts" / job.name
    seeds = places.TESTS / "fuzz" / "corpus" / job.name
    for folder in (corpus, artifacts):
        folder.mkdir(parents=True, exist_ok=True)
    command = job.command + [f"-artifact_prefix={artifacts}/", "-print_final_stats=1", str(corpus)]
    if seeds.is_dir():
        command.append(str(seeds))
    started = time.monotonic()
    code = execute(job, command)
    seconds = time.monotonic() - started
    output = job.log().read_text(errors="replace") + sanitizer_reports(job)
    units = re.search(r"stat::number_of_executed_units: (\d+)", output)
    if code == 0 and units and int(units.group(1)) > 0:
        return [Result(job.full_name, PASS, seconds, f"{units.group(1)} inputs")]
    return [Result(job.full_name, FAIL, seconds,
                   f"exit {code}; failing inputs are kept in {artifacts}\n{tail(output)}")]


def run(job):
    """The results, and the seconds that all of it took."""
    started = time.monotonic()
    results = {"unit": run_unit, "script": run_script, "fuzz": run_fuzz}[job.kind](job)
    return results, time.monotonic() - started


def list_unit_tests(program):
    """suite::name of every test in a program, without running any."""
    answer = subprocess.run([str(program), "--list", "--ascii"], capture_output=True,
                            text=True, timeout=30, check=False)
    names, suite = [], ""
    for line in answer.stdout.splitlines():
        heading = re.match(r"^(\S+): \d+ tests?$", line)
        if heading:
            suite = heading.group(1)
        elif re.match(r"^\W+(\w+)$", line):
            names.append(f"{suite}::{re.sub(r'^[^A-Za-z_]+', '', line)}")
    return names


def header_of(script):
    """`# presets: a b` and `# timeout: 120` in a script's first lines."""
    found = {}
    text = pathlib.Path(script).read_text(errors="replace")
    for line in text.splitlines()[:20]:
        match = re.match(r"^# (presets|timeout|parallel): (.+)$", line)
        if match:
            found[match.group(1)] = match.group(2).strip()
    return found
