# SPDX-License-Identifier: Apache-2.0
"""What a benchmark gets handed: places, processes, CPU times."""
import json
import os
import pathlib
import resource
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time

from . import Unavailable

TOP = pathlib.Path(__file__).resolve().parents[2]
STOP_GRACE_S = 10
NODE_START_S = 30


def children_of():
    """parent id -> ids, from one walk over /proc."""
    children = {}
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = pathlib.Path("/proc", entry, "stat").read_text()
            except OSError:
                continue
            parent = int(stat.rpartition(")")[2].split()[1])
            children.setdefault(parent, []).append(int(entry))
    return children


class Context:
    def __init__(self, build, name, rounds=1, seconds=1.0, install=True, options=None):
        self.source = TOP
        self.build = build
        self.name = name
        self.rounds = rounds
        self.seconds = seconds
        self.install = install  # what is missing may be fetched and built
        self.options = options  # what the benchmark's own arguments() took
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix=f"souk-bench-{name}-"))
        self.processes = []

    def say(self, text):
        print(f"bench {self.name}: {text}", file=sys.stderr, flush=True)

    def port(self):
        """A loopback port that was free a moment ago."""
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            return probe.getsockname()[1]

    def spawn(self, command, **options):
        """A server of this benchmark; ended by stop(). Its output goes to a log file."""
        log = open(self.folder / f"process-{len(self.processes)}.log", "wb")
        options.setdefault("stdout", log)
        process = subprocess.Popen([str(part) for part in command], stdin=subprocess.DEVNULL,
                                   stderr=log, **options)
        log.close()
        self.processes.append(process)
        return process

    def node(self, folder, options=()):
        """A soukd with a fresh data folder: (process, client port)."""
        folder.mkdir()
        process = self.spawn([self.build / "bin" / "soukd", "--dir", folder, "--port", "0",
                              *options])
        for _ in range(NODE_START_S * 20):
            if process.poll() is not None:
                break
            try:
                return process, json.loads((folder / "ports.json").read_text())["client"]
            except (OSError, ValueError, KeyError):
                time.sleep(0.05)
        said = (self.folder / f"process-{len(self.processes) - 1}.log").read_text()
        raise Unavailable(f"soukd did not start: {said.strip()[-300:]}")

    def run_json(self, command, timeout_s=120):
        """The one JSON object a program prints, and the CPU seconds the program took."""
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        done = subprocess.run([str(part) for part in command], capture_output=True, text=True,
                              timeout=timeout_s, check=False)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        if done.returncode != 0:
            raise Unavailable(f"{command[0]} ended with {done.returncode}: "
                              f"{done.stderr.strip()[-300:]}")
        cpu_s = (after.ru_utime + after.ru_stime) - (before.ru_utime + before.ru_stime)
        return json.loads(done.stdout), cpu_s

    def cpu_s(self, pids):
        """User and system seconds so far of processes and all their descendants."""
        children = children_of()
        total, waiting, seen = 0, list(pids), set()
        while waiting:
            pid = waiting.pop()
            if pid in seen:
                continue
            seen.add(pid)
            try:
                stat = pathlib.Path("/proc", str(pid), "stat").read_text()
            except OSError:
                continue
            fields = stat.rpartition(")")[2].split()
            total += sum(int(field) for field in fields[11:15])
            waiting += children.get(pid, [])
        return total / os.sysconf("SC_CLK_TCK")

    def stop(self):
        for process in reversed(self.processes):
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
        for process in reversed(self.processes):
            try:
                process.wait(STOP_GRACE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        self.processes.clear()
        shutil.rmtree(self.folder, ignore_errors=True)
