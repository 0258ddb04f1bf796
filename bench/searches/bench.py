# SPDX-License-Identifier: Apache-2.0
"""Stock writes beside long searches on one shard loop: with a search worker, and without.

100,000 sessions hold one item; two searches for it that consider all of them are always
open, and one stock write after the other is timed, through the runtime with its real log
and store. `extra` holds the searches. The second case asks what a hand-over costs when the
searches are short.
"""
from lib import Case, Peer, Sample, Unavailable

TITLE = "stock writes beside searches on one loop: search workers 1 and 0"
LONG = (100000, 100000)  # customers, m
SHORT = (5000, 500)
ALWAYS = 0  # hand over everything
USUAL = 4000  # the default of search_hand_over_postings
SEARCHES = 2


def start(context):
    program = context.build / "bin" / "bench_searches"
    if not program.exists():
        raise Unavailable(f"{program} is not built (SOUK_BENCH=OFF)")
    runs = []

    def runner(workers, hand_over, store):
        def run(seconds):
            runs.append(None)
            folder = context.folder / f"run-{len(runs)}"
            seen, _ = context.run_json([program, folder, workers, hand_over, *store, SEARCHES,
                                        seconds], timeout_s=seconds + 300)
            works = (seen["writes_s"] + seen["searches_s"]) * seen["seconds"]
            return Sample(seen["writes_s"], cpu_us=seen["cpu_s"] * 1e6 / works,
                          p50_us=seen["write_p50_us"], p90_us=seen["write_p90_us"],
                          p99_us=seen["write_p99_us"],
                          extra={key: seen[key] for key in
                                 ("searches_s", "search_p50_us", "search_p99_us")})
        return run

    return [
        Case("writes beside long searches", "write/s", runner(1, USUAL, LONG),
             [Peer("searches on the loop", runner(0, USUAL, LONG), bar="ratio >= 2")]),
        Case("writes beside short searches", "write/s", runner(1, USUAL, SHORT),
             [Peer("all handed over", runner(1, ALWAYS, SHORT)),
              Peer("searches on the loop", runner(0, USUAL, SHORT))]),
    ]
