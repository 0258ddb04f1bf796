/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A call with a stream of messages in at least one direction, on either side.
 *
 * Callbacks run on the thread of the stream's completion queue (an rpc worker, or the
 * client's thread), one at a time per stream; the functions here may be called from any
 * thread that holds a reference. The runtime's own reference lasts until `done` returns.
 *
 * Sending: packed at once and queued, at most queue_max_bytes per stream; one message is
 * on its way at a time. A peer that does not read for stream_stall_ms is cut off.
 * Receiving: the next message is read when the callback of the last has returned and
 * fewer than `window` pauses are outstanding. So a server bounds its work in flight:
 * pause for each message it hands over, resume for each it has finished.
 */
#ifndef SOUK_PROTO_RPC_RPC_STREAM_H
#define SOUK_PROTO_RPC_RPC_STREAM_H

#include "proto/rpc/rpc_call.h"

enum {
    RPC_STREAM_QUEUE_BYTES_MAX = 1 << 20, /* default queue_max_bytes */
    RPC_STREAM_LOW_WATER_DIVISOR = 4,     /* writable below queue_max / 4 */
    RPC_STREAM_STALL_MS = 30000,          /* default stream_stall_ms */
    RPC_STREAM_MESSAGE_INLINE_BYTES = 1024,
};

/* A received message taken over from the stream, with the arena it lies in. */
struct rpc_taken;

/*
 * OK: packed and queued. OVERLOADED: not sent, the queue is full; `writable` follows.
 * CANCELLED: not sent, the stream has ended or was finished.
 */
MUST_USE enum status rpc_stream_send(struct rpc_stream *stream,
                                     const ProtobufCMessage *message);
size_t rpc_stream_queued_bytes(struct rpc_stream *stream);

/* Counted; see the window above. */
void rpc_stream_pause(struct rpc_stream *stream);
void rpc_stream_resume(struct rpc_stream *stream);
/* 1 until set; inside `open`, or before it on the client side. */
void rpc_stream_set_window(struct rpc_stream *stream, unsigned window);

/* Server: ends the stream behind everything queued; NULL is OK. Only the first counts. */
void rpc_stream_finish(struct rpc_stream *stream, const struct problem *problem);
void rpc_stream_finish_status(struct rpc_stream *stream, const struct rpc_status *status);
/* Server: the one answer of a client-streaming call, and its end. */
void rpc_stream_reply(struct rpc_stream *stream, const ProtobufCMessage *response);

/* Client: no more messages from here; behind everything queued. Only the first counts. */
void rpc_stream_half_close(struct rpc_stream *stream);

/* Client, inside `done`: a trailer's value, {NULL, 0} when absent. Lives until done
 * returns. */
struct slice rpc_stream_trailer(const struct rpc_stream *stream, const char *key);

/* Ends at once, dropping what is queued; the other side sees CANCELLED. */
void rpc_stream_cancel(struct rpc_stream *stream);

/*
 * Inside the message callback: takes the message over, so that it outlives the callback
 * and may go to another thread without a copy. NULL when it was taken already.
 */
struct rpc_taken *rpc_stream_take(struct rpc_stream *stream);
/* The arena that the taken message lies in. */
struct arena *rpc_taken_arena(struct rpc_taken *taken);
const ProtobufCMessage *rpc_taken_message(const struct rpc_taken *taken);
void rpc_taken_free(struct rpc_taken *taken); /* any thread; NULL is fine */

/* Server: the call behind the stream, for its deadline, metadata, peer and trailers. */
struct rpc_call *rpc_stream_call(struct rpc_stream *stream);

/* The pointer that events and message callbacks get; on the server set inside `open`. */
void rpc_stream_set_user(struct rpc_stream *stream, void *user);
void *rpc_stream_user(const struct rpc_stream *stream);

struct rpc_stream *rpc_stream_ref(struct rpc_stream *stream);
void rpc_stream_unref(struct rpc_stream *stream);

#endif
