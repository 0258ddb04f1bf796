/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call being served. A unary handler runs on an rpc worker's thread and gets the call
 * and its request; it answers at once or later, from any thread, exactly once, with the
 * generated <method>__reply() or with rpc_call_fail().
 *
 * Ownership: handing the answer over gives the call away. Until then the call, its arena
 * and the request (which lives in the arena) belong to whoever has to answer, on one
 * thread at a time; after it, only to holders of rpc_call_ref. A call that nobody wants
 * any more (cancelled, deadline passed) still has to be answered: the answer is dropped.
 */
#ifndef SOUK_PROTO_RPC_RPC_CALL_H
#define SOUK_PROTO_RPC_RPC_CALL_H

#include "proto/rpc/rpc_method.h"
#include "shard/base/arena.h"
#include "shard/base/slice.h"

enum {
    RPC_CALL_ARENA_INLINE_BYTES = 1024, /* part of the call's own block */
    RPC_CALL_TRAILERS_MAX = 8,
};

/* Refuses the call. `problem` is copied. */
void rpc_call_fail(struct rpc_call *call, const struct problem *problem);
/* The same with more than one field, metadata or a retry delay. */
void rpc_call_fail_status(struct rpc_call *call, const struct rpc_status *status);
/* The answer of generated <method>__reply(); the response is packed before it returns. */
void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *response);

/* Memory that lives as long as the call; limited by rpc_server_options. */
struct arena *rpc_call_arena(struct rpc_call *call);
const struct rpc_method *rpc_call_method(const struct rpc_call *call);

/* Microseconds until nobody waits any more, 0 when past; INT64_MAX for a stream without
 * a deadline. Unary calls always have one: see deadline_max_ms. */
int64_t rpc_call_time_left_us(const struct rpc_call *call);
/* The same as a point in time on CLOCK_MONOTONIC, in microseconds. */
int64_t rpc_call_deadline_us(const struct rpc_call *call);

/* "ipv4:127.0.0.1:40312": not authenticated. Only inside the handler, or inside `open` of
 * a stream; lives in the arena. */
const char *rpc_call_peer(struct rpc_call *call);

/*
 * The value of a request header (lower case; "-bin" values decoded), {NULL, 0} when
 * absent. Only inside the handler, or inside `open` of a stream; the value is copied into
 * the arena.
 */
struct slice rpc_call_metadata(struct rpc_call *call, const char *key);

/* Adds a trailer to the answer, before answering; key and value are copied. Keys are
 * lower case; values of keys ending in "-bin" may be any bytes. False when there are
 * RPC_CALL_TRAILERS_MAX already, the arena is full, or HTTP forbids the key or value. */
bool rpc_call_add_trailer(struct rpc_call *call, const char *key, struct slice value);

/* True once the caller has gone or the deadline has passed. Any thread. */
bool rpc_call_cancelled(const struct rpc_call *call);
/* Called on the worker thread, at most once, when that happens before the answer; set
 * inside the handler. The call must still be answered. */
void rpc_call_on_cancel(struct rpc_call *call,
                        void (*cancelled)(struct rpc_call *call, void *user), void *user);

struct rpc_call *rpc_call_ref(struct rpc_call *call);
void rpc_call_unref(struct rpc_call *call);

#endif
