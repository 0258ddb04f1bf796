# SPDX-License-Identifier: Apache-2.0
"""Echo on proto/rpc beside C++ gRPC (asynchronous API), equal channel arguments.

Each run is one client and one server process with one thread and one completion queue
each; the CPU time is that of both, per answer, inside the measured window.
"""
from lib import Case, Peer, Sample, Unavailable

TITLE = "unary and bidirectional echo beside C++ gRPC"
IN_FLIGHT = 64
STREAMS = 4
SIZES = (64, 4096)


def start(context):
    ours = context.build / "bin" / "bench_rpc"
    theirs = context.build / "bin" / "bench_rpc_cpp"
    if not ours.exists():
        raise Unavailable(f"{ours} is not built (SOUK_BENCH=OFF)")

    def runner(program, mode, size):
        def run(seconds):
            result, _ = context.run_json([
                program, "--mode", mode, "--seconds", seconds, "--in-flight", IN_FLIGHT,
                "--streams", STREAMS, "--size", size])
            return Sample(result["ops_s"], cpu_us=result["cpu_us"],
                          extra={key: result[key] for key in ("client_cpu_us", "server_cpu_us")})
        return run

    def peer(mode, size):
        if not theirs.exists():
            return Peer("C++ gRPC", why="grpc++ or a C++ compiler was missing at build time")
        return Peer("C++ gRPC", runner(theirs, mode, size), bar="cpu_ratio <= 1.0")

    return [Case(name=f"{mode} {size} B", unit="answers/s", ours=runner(ours, mode, size),
                 peers=[peer(mode, size)])
            for mode in ("unary", "bidi") for size in SIZES]
