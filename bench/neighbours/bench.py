# SPDX-License-Identifier: Apache-2.0
"""The kernel of a recommendation alone: search, merge and rank on one thread.

Sessions of YOOCHOOSE 1/64 (yoochoose64/train_sessions.txt.xz below SOUK_DATA, or below
../shared/data beside the project); the newest 5,000 are the queries. Bars: targets for
the kernel, microseconds.
"""
import lzma
import os
import shutil

from lib import Case, Sample, Unavailable

TITLE = "session neighbours: kernel time and quality on YOOCHOOSE 1/64"
CASES = ((1500, 300, 9), (500, 100, 9))


def start(context):
    program = context.build / "bin" / "bench_neighbours"
    if not program.exists():
        raise Unavailable(f"{program} is not built (SOUK_BENCH=OFF)")
    data = os.environ.get("SOUK_DATA") or os.path.join(context.source, "..", "shared", "data")
    packed = os.path.join(data, "yoochoose64", "train_sessions.txt.xz")
    if not os.path.exists(packed):
        raise Unavailable(f"no {packed}")
    plain = os.path.join(context.folder, "sessions.txt")
    with lzma.open(packed) as source, open(plain, "wb") as target:
        shutil.copyfileobj(source, target)

    def runner(m, k, length):
        def run(_seconds):
            result, _ = context.run_json([program, m, k, length, 64, plain])
            return Sample(result["ops_s"], cpu_us=result["mean_us"],
                          p50_us=result["p50_us"], p90_us=result["p90_us"],
                          p99_us=result["p99_us"],
                          extra={key: result[key] for key in ("hr20", "mrr20")})
        return run

    return [Case(name=f"m {m} k {k} L {length}", unit="searches/s", ours=runner(m, k, length),
                 bar="p90_us <= 120")
            for m, k, length in CASES]
