/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the client side share. */
#ifndef SOUK_PROTO_RPC_RPC_CLIENT_PRIVATE_H
#define SOUK_PROTO_RPC_RPC_CLIENT_PRIVATE_H

#include "proto/rpc/rpc_client_call.h"
#include "proto/rpc/rpc_private.h"

enum {
    RPC_CLIENT_CALL_MAGIC = 0x63636c6c,
    RPC_CLIENT_ARENA_INLINE_BYTES = 1024,
};

struct rpc_client {
    struct rpc_worker worker;
    pthread_mutex_t lock; /* with `idle`: live */
    pthread_cond_t idle;
    size_t live; /* calls and streams that need the queue */
    size_t channels;
};

struct rpc_channel {
    struct rpc_client *client;
    grpc_channel *handle;
    atomic_uint refs; /* 1 until it is closed, 1 per unary call */
    /* Where the last call that asked went, "" before; the worker's thread only. */
    char peer[RPC_PEER_BYTES];
    unsigned peer_age; /* calls since */
    struct rpc_channel_options options;
};

void rpc_channel_unref(struct rpc_channel *channel);
/* A call needs the queue from here to rpc_client_leave. */
void rpc_client_enter(struct rpc_client *client);
void rpc_client_leave(struct rpc_client *client);

gpr_timespec rpc_client_deadline(const struct rpc_call_options *options,
                                 uint32_t default_ms);
/* Initial metadata for the options; headers must hold RPC_CALL_HEADERS_MAX and, like the
 * options, live until the batch has started. */
grpc_op rpc_client_initial_op(const struct rpc_call_options *options,
                              grpc_metadata *headers);
/* After the batch has started. */
void rpc_client_initial_free(grpc_metadata *headers, size_t count);
grpc_call *rpc_client_create_call(struct rpc_channel *channel,
                                  const struct rpc_method *method, gpr_timespec deadline);

/* What a status batch brought, decoded into the arena. */
void rpc_client_read_status(grpc_status_code code, const grpc_slice *text,
                            const grpc_metadata_array *trailers, struct arena *arena,
                            struct rpc_status *out_status);

#endif
