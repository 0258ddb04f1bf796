# SPDX-License-Identifier: Apache-2.0
"""A unary call that does nothing, in C++ over gRPC: the roof of any such server."""
from . import Peer, Sample

NAME = "C++ gRPC no-op"


def peer(context, clients, bar):
    program = context.build / "bin" / "bench_rpc_cpp"
    if not program.exists():
        return Peer(NAME, why="bench_rpc_cpp is not built (grpc++ or a C++ compiler is missing)")

    def run(seconds):
        seen, _ = context.run_json([program, "--mode", "unary", "--seconds", seconds,
                                    "--in-flight", clients, "--size", 64])
        return Sample(seen["ops_s"], seen["cpu_us"])
    return Peer(NAME, run, bar=bar)
