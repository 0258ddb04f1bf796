# SPDX-License-Identifier: Apache-2.0
"""The kernel of a recommendation alone: search, merge and rank on one thread.

Sessions of YOOCHOOSE 1/64 (yoochoose64/train_sessions.txt.xz below SOUK_DATA, or below
../shared/data beside the project), and ten million generated clicks with Zipf's law for
the popularity of items; the newest 5,000 sessions are the queries. Bars: targets for the
kernel, microseconds of wall time. A case with the unit bytes/click tells what the evidence
takes, beside what Serenade takes with the same clicks loaded.
"""
import lzma
import os
import pathlib
import shutil
import time

from lib import Case, Peer, Sample, Unavailable

TITLE = "session neighbours: kernel time, quality and memory on YOOCHOOSE 1/64 and 10m clicks"
CASES = ((1500, 300, 9), (500, 100, 9))
GENERATED = "zipf:10000000:1"
GENERATED_QUICK = "zipf:200000:1"  # for runs of a second: loading takes longer than asking
QUICK_S = 2
SERENADE = os.environ.get("SERENADE") or os.path.expanduser("~/serenade/bin/serving")
SERENADE_START_S = 120
# It wants every key of [hyperparam], though serving reads none of them.
SERENADE_CONF = """config_type = "toml"
[server]
host = "127.0.0.1"
port = {port}
num_workers = 1
[log]
level = "error"
[data]
training_data_path = "{training}"
[model]
m_most_recent_sessions = 500
neighborhood_size_k = 100
max_items_in_session = 9
num_items_to_recommend = 21
idf_weighting = 1
[logic]
enable_business_logic = false
[hyperparam]
training_data_path = "-"
test_data_path = "-"
validation_data_path = "-"
num_iterations = 1
save_records = false
out_path = "-"
enable_business_logic = false
n_most_recent_sessions_range = [1, 2]
neighborhood_size_k_range = [1, 2]
last_items_in_session_range = [1, 2]
idf_weighting_range = [0, 1]
"""
EXTRA = ("cpu_p90_us", "hr20", "mrr20", "bytes_per_click", "load_s")


def start(context):
    program = context.build / "bin" / "bench_neighbours"
    if not program.exists():
        raise Unavailable(f"{program} is not built (SOUK_BENCH=OFF)")
    data = os.environ.get("SOUK_DATA") or os.path.join(context.source, "..", "shared", "data")
    packed = os.path.join(data, "yoochoose64", "train_sessions.txt.xz")
    plain = os.path.join(context.folder, "sessions.txt")
    have_clicks = os.path.exists(packed)
    if have_clicks:
        with lzma.open(packed) as source, open(plain, "wb") as target:
            shutil.copyfileobj(source, target)
    else:
        context.say(f"no {packed}: only the generated clicks")

    def ask(m, k, length, source):
        return context.run_json([program, m, k, length, 64, source], timeout_s=600)[0]

    def runner(m, k, length, source):
        def run(seconds):
            quick = source == GENERATED and seconds < QUICK_S
            result = ask(m, k, length, GENERATED_QUICK if quick else source)
            return Sample(result["ops_s"], cpu_us=result["cpu_mean_us"],
                          p50_us=result["p50_us"], p90_us=result["p90_us"],
                          p99_us=result["p99_us"],
                          extra={key: result[key] for key in EXTRA})
        return run

    def memory(_seconds):
        return Sample(ask(500, 100, 9, plain)["bytes_per_click"])

    cases = [Case(name=f"m {m} k {k} L {length}", unit="searches/s",
                  ours=runner(m, k, length, plain), bar="p90_us <= 120")
             for m, k, length in CASES if have_clicks]
    cases.append(Case(name="m 500 k 100 L 9, 10m clicks", unit="searches/s",
                      ours=runner(500, 100, 9, GENERATED), bar="p90_us <= 500"))
    if have_clicks:
        cases.append(Case(name="memory", unit="bytes/click", ours=memory,
                          peers=[Peer("Serenade 0.3.1", serenade(context, plain),
                                      bar="ratio <= 1.0")]))
    return cases


def resident_bytes(process):
    for line in pathlib.Path("/proc", str(process.pid), "status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise Unavailable("Serenade ended while it was measured")


def serenade(context, plain):
    """What the process holds with the clicks loaded, less what it holds with almost none."""
    def loaded(lines, name):
        folder = context.folder / name
        folder.mkdir(exist_ok=True)
        training = folder / "training.txt"
        clicks = 0
        with open(training, "w") as target:
            target.write("SessionId\tItemId\tTime\n")
            for number, line in enumerate(lines):
                for item in line.split():
                    target.write(f"{number}\t{item}\t{1400000000 + number}\n")
                    clicks += 1
        port = context.port()
        (folder / "conf.toml").write_text(SERENADE_CONF.format(port=port, training=training))
        process = context.spawn([SERENADE, folder / "conf.toml"], cwd=folder)
        settled = seen = 0
        for _ in range(SERENADE_START_S):
            time.sleep(1)
            if process.poll() is not None:
                raise Unavailable(f"Serenade ended with {process.returncode}")
            now = resident_bytes(process)
            settled = settled + 1 if now == seen else 0
            seen = now
            if settled >= 3:
                break
        process.terminate()
        process.wait()
        return seen, clicks

    def run(_seconds):
        if not os.path.exists(SERENADE):
            raise Unavailable(f"no {SERENADE} (cargo install serenade); SERENADE names another")
        with open(plain) as source:
            lines = source.read().splitlines()
        full, clicks = loaded(lines, "serenade-full")
        little, few = loaded(lines[:2000], "serenade-little")
        return Sample((full - little) / (clicks - few))
    return run
