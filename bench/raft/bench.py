# SPDX-License-Identifier: Apache-2.0
"""The consensus core alone: three nodes with a replica of each group, on one thread.

Messages are encoded and decoded, the disk is memory; one entry per proposal. A commit
counts at its leader, and pays for all three replicas. `idle` are heartbeats of groups that
do nothing, per simulated second with ten ticks; `behind` is a follower that was away. The
bar is 200,000 commits a second on one core, as CPU time, for machines that are shared.
"""
from lib import Case, Sample, Unavailable

TITLE = "consensus: commits, idle groups, a follower that is behind"
GROUPS = 64
IDLE_GROUPS = 256
IDLE_SECONDS = 100  # simulated
BEHIND = 1000000


def start(context):
    program = context.build / "bin" / "bench_raft"
    if not program.exists():
        raise Unavailable(f"{program} is not built (SOUK_BENCH=OFF)")

    def commits(proposals):
        def run(seconds):
            seen, _ = context.run_json([program, "commits", GROUPS, proposals, seconds],
                                       timeout_s=seconds + 60)
            return Sample(seen["commits_s"], cpu_us=seen["cpu_us"],
                          extra={key: seen[key] for key in
                                 ("commits_cpu_s", "messages", "bytes")})
        return run

    def idle(_seconds):
        seen, _ = context.run_json([program, "idle", IDLE_GROUPS, IDLE_SECONDS], timeout_s=60)
        return Sample(seen["messages_s"], cpu_us=seen["cpu_us_s"] / seen["messages_s"],
                      extra={"cpu_us_s": seen["cpu_us_s"], "bytes_s": seen["bytes_s"]})

    def behind(_seconds):
        seen, _ = context.run_json([program, "behind", BEHIND], timeout_s=300)
        return Sample(seen["seconds"], cpu_us=seen["cpu_us"],
                      extra={"messages": seen["messages"]})

    return [
        Case(f"{GROUPS} groups, 1 open proposal each", "commit/s", commits(1),
             bar="ours_cpu_us <= 5"),
        Case(f"{GROUPS} groups, 16 open proposals each", "commit/s", commits(16),
             bar="ours_cpu_us <= 5"),
        Case(f"{IDLE_GROUPS} idle groups", "message/s", idle),
        Case(f"a follower {BEHIND} entries behind", "s", behind),
    ]
