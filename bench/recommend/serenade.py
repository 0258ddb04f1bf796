# SPDX-License-Identifier: Apache-2.0
"""Serenade 0.3.1, the peer: VMIS-kNN over HTTP by those who published it.

Looked for in $SERENADE (the program `serving`, or the folder that it was installed to), then
in ~/.cache/souk-bench/serenade, where it is built with cargo when there is the time for it:
about 11 minutes, once. Without --locked its newer dependencies do not compile any more.
"""
import os
import pathlib
import shutil
import socket
import subprocess
import time

from lib import Peer, Sample, Unavailable

NAME = "Serenade 0.3.1"
VERSION = "0.3.1"
CACHE = pathlib.Path.home() / ".cache" / "souk-bench" / "serenade"
BUILD_S = 3600
START_S = 180
WORKERS = 2
OPEN_CONNECTIONS = 256
TIME_FIRST = 1_500_000_000  # of the made-up times; they grow from session to session

# m, k, L as on our side; the section of its search for parameters has to be there.
CONFIG = """
config_type = "toml"

[server]
host = "127.0.0.1"
port = {port}
num_workers = {workers}

[log]
level = "info"

[data]
training_data_path = "{training}"

[model]
m_most_recent_sessions = 500
neighborhood_size_k = 100
max_items_in_session = 9
num_items_to_recommend = 20
idf_weighting = 1

[logic]
enable_business_logic = false

[hyperparam]
training_data_path = "{training}"
test_data_path = "{training}"
validation_data_path = "{training}"
num_iterations = 1
save_records = false
out_path = "results.csv"
enable_business_logic = false
n_most_recent_sessions_range = "[500, 500]"
neighborhood_size_k_range = "[100, 100]"
last_items_in_session_range = "[9, 9]"
idf_weighting_range = "[1, 1]"
"""


def find(context):
    """The program; Unavailable when it is neither there nor to be built now."""
    named = os.environ.get("SERENADE")
    if named:
        for path in (pathlib.Path(named), pathlib.Path(named) / "bin" / "serving"):
            if path.is_file():
                return path.resolve()
        raise Unavailable(f"no program at SERENADE={named}")
    program = CACHE / "bin" / "serving"
    if program.is_file():
        return program
    if shutil.which("cargo") is None:
        raise Unavailable(f"not in {CACHE}, and cargo is not installed")
    if not context.install or context.seconds * context.rounds <= 1:
        raise Unavailable(f"not in {CACHE}; a longer run builds it, or: "
                          f"cargo install serenade --version {VERSION} --locked --root {CACHE}")
    context.say("building Serenade with cargo, once; about 11 minutes")
    done = subprocess.run(["cargo", "install", "serenade", "--version", VERSION, "--locked",
                           "--root", CACHE], capture_output=True, text=True, timeout=BUILD_S,
                          check=False)
    if done.returncode != 0 or not program.is_file():
        raise Unavailable(f"cargo install serenade failed: {done.stderr.strip()[-300:]}")
    return program


class Serenade:
    """Started at its first run, so that what is missing costs only its own rows."""

    def __init__(self, context, sessions, queries):
        self.context = context
        self.sessions = sessions
        self.queries = queries
        self.port = 0
        self.process = None
        self.why = ""
        self.runs = 0

    def start(self):
        if self.why:
            raise Unavailable(self.why)
        if self.process is None:
            try:
                self.launch(find(self.context))
            except Unavailable as error:
                self.why = str(error)
                raise

    def launch(self, program):
        folder = self.context.folder / "serenade"
        folder.mkdir()
        training = folder / "train.txt"
        with open(training, "w", encoding="ascii") as out:
            out.write("SessionId\tItemId\tTime\n")
            for number, items in enumerate(self.sessions.read()):
                out.writelines(f"{number}\t{item}\t{TIME_FIRST + number}\n" for item in items)
        self.port = self.context.port()
        config = folder / "serenade.toml"
        config.write_text(CONFIG.format(port=self.port, workers=WORKERS, training=training))
        # It keeps the evolving sessions in ./sessions.db.
        self.process = self.context.spawn([program, config], cwd=folder)
        for _ in range(START_S * 20):
            if self.process.poll() is not None:
                raise Unavailable(f"serving ended with {self.process.returncode} at start")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.05)
        raise Unavailable(f"serving did not listen within {START_S} s")

    def run(self, seconds, *arguments):
        self.start()
        self.runs += 1
        seen, _ = self.context.run_json(
            [self.context.build / "bin" / "http_load", "--port", self.port,
             "--sessions", self.queries, "--seconds", seconds,
             "--warmup", min(0.5, self.context.seconds / 5), "--seed", self.runs,
             "--server", self.process.pid, *arguments], timeout_s=seconds + 120)
        if seen["failed"] or not seen["ops"] or seen["shown_mean"] < 1:
            raise Unavailable(f"{seen['failed']} of {seen['ops']} answers failed, "
                              f"{seen['shown_mean']} items in each")
        return Sample(seen["ops_per_s"], seen["cpu_us"], seen["p50_us"], seen["p90_us"],
                      seen["p99_us"])

    def closed(self, connections, bar):
        return Peer(NAME, lambda seconds: self.run(seconds, "--connections", connections), bar=bar)

    def open(self, rate, bar):
        return Peer(NAME, lambda seconds: self.run(seconds, "--connections", OPEN_CONNECTIONS,
                                                   "--rate", rate), bar=bar)
