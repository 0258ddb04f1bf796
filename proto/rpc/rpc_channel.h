/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client side. An rpc_client is one completion queue and one thread, on which all
 * callbacks of its calls run; an rpc_channel is a connection to one target. Channels with
 * equal targets do not share a connection. gRPC's own retries are off: the application
 * knows what may be repeated.
 *
 * Calls may be started from any thread. A channel is closed after its last call is done;
 * a client is freed after its last channel is closed.
 */
#ifndef SOUK_PROTO_RPC_RPC_CHANNEL_H
#define SOUK_PROTO_RPC_RPC_CHANNEL_H

#include "proto/rpc/rpc_method.h"
#include "shard/base/slice.h"

struct rpc_client;

enum {
    RPC_CALL_HEADERS_MAX = 16,
    RPC_CALL_TIMEOUT_MS = 10000, /* of a unary call that names none */
};

struct rpc_channel_options {
    uint32_t message_max_bytes; /* 4 MiB, received */
    uint32_t arena_max_bytes;   /* RPC_MESSAGE_ARENA_BYTES_MAX, per response */
    uint32_t queue_max_bytes;   /* RPC_STREAM_QUEUE_BYTES_MAX, per stream */
    uint32_t stream_stall_ms;   /* RPC_STREAM_STALL_MS */
    uint32_t keepalive_ms;      /* 30000: pings an idle connection with open calls */
    uint32_t reconnect_backoff_max_ms; /* 2000 */
};

/* One request header; keys are lower case, values of "-bin" keys may be any bytes. */
struct rpc_header {
    const char *key;
    struct slice value;
};

/* Per call; NULL counts as all zero. Copied. */
struct rpc_call_options {
    uint32_t timeout_ms; /* 0: RPC_CALL_TIMEOUT_MS for unary calls, none for streams */
    bool wait_for_ready; /* wait for a connection instead of failing UNREACHABLE */
    const struct rpc_header *headers;
    size_t header_count;
};

struct rpc_client *rpc_client_new(void);
/* Waits for calls in progress, so cancel those that would last. NULL is fine. */
void rpc_client_free(struct rpc_client *client);
/* True on the client's own thread, where blocking calls are a deadlock (asserted). */
bool rpc_client_is_current(const struct rpc_client *client);

void rpc_channel_options_init(struct rpc_channel_options *options);
/* `target`: "127.0.0.1:7400", "unix:/path", "dns:///name:7400". Connects with the first
 * call. `options` may be NULL. */
struct rpc_channel *rpc_channel_open(struct rpc_client *client, const char *target,
                                     const struct rpc_channel_options *options);
void rpc_channel_close(struct rpc_channel *channel); /* NULL is fine */

#endif
