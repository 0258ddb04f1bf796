/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Unary calls being made, and the untyped functions below the generated ones.
 *
 * A call is counted: `done` borrows it, ref it there to keep the response (which lives in
 * it) longer, on any thread, without a copy.
 */
#ifndef SOUK_PROTO_RPC_RPC_CLIENT_CALL_H
#define SOUK_PROTO_RPC_RPC_CLIENT_CALL_H

#include "proto/rpc/rpc_channel.h"
#include "proto/rpc/rpc_stream.h"

/* Any thread that holds a reference. */
void rpc_client_call_cancel(struct rpc_client_call *call);
struct rpc_client_call *rpc_client_call_ref(struct rpc_client_call *call);
void rpc_client_call_unref(struct rpc_client_call *call); /* NULL is fine */

/* Once done: how it ended. Lives in the call. */
const struct rpc_status *rpc_client_call_status(const struct rpc_client_call *call);
/* Once done: it failed before it had a connection to go out on, so nobody has seen it. False
 * when it may have been sent, or when that cannot be told. */
bool rpc_client_call_unsent(const struct rpc_client_call *call);
/* Once done: a trailer's or a response header's value, {NULL, 0} when absent. Lives in
 * the call. */
struct slice rpc_client_call_trailer(const struct rpc_client_call *call, const char *key);

/* --- Below the generated code ----------------------------------------------------------
 */

/* Casts `done` back to its own type and calls it; response is NULL unless OK. */
typedef void rpc_client_thunk(struct rpc_client_call *call,
                              const ProtobufCMessage *response, rpc_function *done,
                              void *user);

struct rpc_unary {
    struct rpc_channel *channel;
    const struct rpc_method *method;
    const ProtobufCMessage *request; /* packed before the start returns */
    const struct rpc_call_options *options;
    rpc_client_thunk *thunk;
    rpc_function *done;
    void *user;
};

/* `out_call` may be NULL; else it gets a reference. */
void rpc_client_call_start(const struct rpc_unary *unary,
                           struct rpc_client_call **out_call);
/* Blocks until done; `*out_call` holds the response and the status and is unref'd by the
 * caller, also after a failure. Not on the client's own thread. */
MUST_USE enum status rpc_client_call_wait(struct rpc_channel *channel,
                                          const struct rpc_method *method,
                                          const ProtobufCMessage *request,
                                          const struct rpc_call_options *options,
                                          const ProtobufCMessage **out_response,
                                          struct rpc_client_call **out_call);

/* Calls the typed message callback inside `callbacks`. */
typedef void rpc_client_message(struct rpc_stream *stream,
                                const ProtobufCMessage *message, const void *callbacks);

struct rpc_opening {
    struct rpc_channel *channel;
    const struct rpc_method *method;
    const ProtobufCMessage *request; /* server-streaming calls only, else NULL */
    const struct rpc_call_options *options;
    rpc_client_message *message;
    const struct rpc_stream_events *events;
    const void *callbacks; /* outlives the stream */
    void *user;
};

/* The caller's reference. Callbacks may come before this returns. */
struct rpc_stream *rpc_client_stream_open(const struct rpc_opening *opening);

#endif
