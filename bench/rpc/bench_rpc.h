/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The half of the rpc benchmark that both languages share: options, one process for the
 * server and one for the client, a measured window, one JSON line. The other half, in C
 * and in C++, implements the functions under "each language".
 */
#ifndef SOUK_BENCH_RPC_BENCH_RPC_H
#define SOUK_BENCH_RPC_BENCH_RPC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
    BENCH_MESSAGE_MAX_BYTES = 4 << 20,
    BENCH_METADATA_MAX_BYTES = 8192,
    BENCH_STREAMS_MAX = 1024, /* concurrent calls on a connection */
    BENCH_ARMED_CALLS = 64,   /* unary calls that the C++ server waits for at once */
};

struct bench_options {
    bool bidi;          /* --mode bidi */
    bool serve;         /* --serve: the server alone, until SIGTERM */
    const char *target; /* --target HOST:PORT: the client alone */
    uint16_t port;      /* --port of --serve */
    double seconds;
    unsigned in_flight; /* messages or calls not yet answered, over all streams */
    unsigned streams;   /* of --mode bidi */
    size_t size;        /* payload bytes */
};

/* Each language: a server on one thread; answers the port it bound. */
uint16_t bench_server_start(uint16_t port);
void bench_server_stop(void);
/* Each language: starts the load on one thread, keeping in_flight calls open. Calls
 * bench_answered() for each answer, with the microseconds it took. */
void bench_client_start(const struct bench_options *options, const char *target);
void bench_client_stop(void);

void bench_answered(uint64_t took_us);
uint64_t bench_now_us(void);

#ifdef __cplusplus
}
#endif

#endif
