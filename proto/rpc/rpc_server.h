/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A gRPC server: `workers` threads, each the only one on its completion queue. Health
 * (grpc.health.v1) and reflection (v1, v1alpha) are served by every server.
 *
 *     open -> register services -> start -> [drain] -> stop -> free
 *
 * Called by the thread that owns the server; drain and the health functions by any.
 * Counts into METRIC_RPC_*; logs nothing, but reports each ended call to `log`.
 */
#ifndef SOUK_PROTO_RPC_RPC_SERVER_H
#define SOUK_PROTO_RPC_RPC_SERVER_H

#include "proto/rpc/rpc_method.h"
#include "proto/rpc/rpc_stream.h"

enum {
    RPC_SERVER_WORKERS_MAX = 64,
    RPC_SERVER_SERVICES_MAX = 64,
    RPC_SERVER_METADATA_BYTES_MAX = 8192,
};

/* What `log` is told when a call has been answered; borrowed until it returns. */
struct rpc_call_record {
    const char *path;
    enum status status;
    const char *message; /* "" when OK */
    uint64_t took_us;
    bool cancelled;
    bool stream; /* open for as long as its two ends like */
};

struct rpc_server_options {
    const char *address;        /* "127.0.0.1", "[::]", or "unix:/path" */
    uint16_t port;              /* 0 = the system chooses, see rpc_server_port */
    unsigned workers;           /* 1 */
    uint32_t message_max_bytes; /* 4 MiB; a larger request is RESOURCE_EXHAUSTED */
    uint32_t arena_max_bytes;   /* RPC_MESSAGE_ARENA_BYTES_MAX, per call and message */
    uint32_t deadline_max_ms; /* 60000: of unary calls that bring none, or a longer one */
    uint32_t queue_max_bytes; /* RPC_STREAM_QUEUE_BYTES_MAX */
    uint32_t stream_stall_ms; /* RPC_STREAM_STALL_MS */
    uint32_t streams_max;     /* 1024 concurrent calls on one connection */
    uint32_t handshake_timeout_ms; /* 10000 */
    uint32_t memory_max_bytes;     /* 256 MiB: what gRPC may buffer for all connections */
    bool known_enums_only;         /* true: an enum number that has no name is INVALID */
    bool reflection;               /* true */
    void (*log)(const struct rpc_call_record *record, void *user); /* worker thread */
    void *log_user;
};

/* The defaults named above. */
void rpc_server_options_init(struct rpc_server_options *options);

/* The options are copied; strings must last until start. */
struct rpc_server *rpc_server_new(const struct rpc_server_options *options);
/* Used by generated <service>__register(); the handlers and the context must outlive the
 * server. Before start. */
void rpc_server_register(struct rpc_server *server, const struct rpc_service *service,
                         const void *handlers, void *context);
/* Binds and serves. UNREACHABLE when the address cannot be bound (in use, not local). */
MUST_USE enum status rpc_server_start(struct rpc_server *server, struct problem *problem);
/* The port bound. */
uint16_t rpc_server_port(const struct rpc_server *server);

/* New calls are refused with DRAINING, health turns NOT_SERVING, open streams get their
 * `draining` callback. Calls in progress go on. Any thread; idempotent. */
void rpc_server_drain(struct rpc_server *server);
/*
 * Drains, stops listening, waits up to grace_ms for calls in progress, then cancels the
 * rest and joins the workers. When it returns no callback runs any more. Every unary call
 * handed over must still be answered by its holder (at any later time: the answer is
 * dropped).
 */
void rpc_server_stop(struct rpc_server *server, uint32_t grace_ms);
/* Stops without grace if it still runs. */
void rpc_server_free(struct rpc_server *server);

/* grpc.health.v1: "" is the whole server, SERVING from start until drain. Registered
 * services follow it unless set here. Any thread. `service` is copied. */
void rpc_server_set_serving(struct rpc_server *server, const char *service, bool serving);

#endif
