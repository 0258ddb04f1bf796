/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream's inside, for the files that build one side of it: rpc_stream.c holds what
 * both share, rpc_server_stream.c and rpc_client_stream.c how each begins and ends.
 *
 *                 open                 ended (close or status)      no batch left
 *   (accepted) ---------> RUNNING ------------------------> ENDED --------------> DONE
 *
 * `lock` guards everything from `queue` on and every grpc_call_start_batch. Callbacks are
 * called without it. `ops` counts batches outstanding; no batch starts once ended.
 */
#ifndef SOUK_PROTO_RPC_RPC_STREAM_PRIVATE_H
#define SOUK_PROTO_RPC_RPC_STREAM_PRIVATE_H

#include "proto/rpc/rpc_private.h"

enum {
    RPC_STREAM_MAGIC = 0x73747265,
    RPC_STREAM_MESSAGE_OVERHEAD_BYTES =
        64,                         /* what a queued message counts beside its size */
    RPC_STREAM_QUEUE_FIRST = 16,    /* a power of two */
    RPC_STREAM_HOLD_MISSES_MAX = 8, /* then messages are sent at once, */
    RPC_STREAM_HOLD_RETRY = 32,     /* but for every so many-th, to see whether it pays */
};

struct rpc_taken {
    struct arena arena;
    const ProtobufCMessage *message;
    alignas(16) uint8_t inline_arena[RPC_STREAM_MESSAGE_INLINE_BYTES];
};

/* Packed messages waiting for the one before them; a ring that grows to its limit. */
struct rpc_send_queue {
    grpc_slice *slices;
    size_t capacity; /* a power of two, or 0 */
    size_t head;
    size_t count;
    size_t bytes; /* of the slice on its way too, each with its overhead */
};

struct rpc_stream {
    uint32_t magic;
    atomic_uint refs;
    struct rpc_tag sent;     /* messages, initial metadata, status or half-close */
    struct rpc_tag received; /* a message */
    struct rpc_tag ended;    /* the server's close, the client's status */
    struct rpc_tag drained;  /* an empty batch: call `draining` on the worker */
    struct rpc_worker *worker;
    struct list node;      /* in worker->streams, guarded by the worker's lock */
    struct list held_node; /* in worker->held; the worker's thread, like the next two */
    unsigned hold_misses;  /* holds in a row that gathered nothing */
    unsigned hold_skipped; /* sends not held since, while holding does not pay */
    grpc_call *handle;
    const struct rpc_method *method;
    const ProtobufCMessageDescriptor *incoming; /* what is received */
    const struct rpc_stream_events *events;
    const void *table; /* handlers, or the client's callbacks */
    void (*deliver)(struct rpc_stream *stream, const ProtobufCMessage *message,
                    const void *table);
    /* What ends this side behind the queue; the lock is held. */
    grpc_op (*end_op)(struct rpc_stream *stream);
    /* After `done`: frees what this side holds. */
    void (*close)(struct rpc_stream *stream);
    void *user;
    uint32_t queue_max_bytes;
    uint32_t arena_max_bytes;
    uint32_t stall_ms;
    bool known_enums_only;
    struct arena arena; /* the final status */
    struct rpc_status status;
    struct rpc_taken *message; /* the one being delivered; the worker's thread */
    grpc_byte_buffer *incoming_buffer;
    bool done_called;

    pthread_mutex_t lock;
    struct rpc_send_queue queue;
    grpc_byte_buffer *sending_buffer;
    size_t sending_bytes;
    bool sending;      /* the tag `sent` is on its way */
    bool initial_sent; /* initial metadata */
    bool finishing;    /* nothing may be queued any more */
    bool end_sent;
    bool want_writable;
    bool end_reached; /* `ended` has come: start no batch */
    bool receiving;
    bool delivering;
    bool input_closed; /* no message will come */
    bool draining;
    unsigned pauses;
    unsigned window;
    unsigned ops;
    uint64_t sends; /* batches of `sent` started, for the stall check */
    uint64_t stall_sends;
    int64_t stall_since_us;

    /* Server: the call it came with, and the text that ends it. */
    struct rpc_call *call;
    struct rpc_ending ending;
    int close_cancelled;
    /* Client: what the status batch fills. */
    struct rpc_client *client;
    struct rpc_tag greeted; /* initial metadata has come */
    grpc_metadata_array initial;
    grpc_metadata_array trailers;
    grpc_status_code code;
    grpc_slice text;
};

/* Zeroed, with one reference and one for the worker until done. */
struct rpc_stream *rpc_stream_new(struct rpc_worker *worker, grpc_call *handle);
/* Into the worker's list, so that stalls are seen. */
void rpc_stream_enlist(struct rpc_stream *stream);

/* With the lock held: start sending what can be sent. */
void rpc_stream_pump(struct rpc_stream *stream);
/* The same, but on the worker's own thread the last message of the queue waits until the
 * events at hand are done: they often add more, and one write then carries all. */
void rpc_stream_pump_soon(struct rpc_stream *stream);
void rpc_stream_receive(struct rpc_stream *stream);
/* With the lock held: a batch, counted in `ops`. */
void rpc_stream_start(struct rpc_stream *stream, const grpc_op *ops, size_t count,
                      struct rpc_tag *tag);
/* With the lock held: the ended tag has come; drops what is queued. */
void rpc_stream_end(struct rpc_stream *stream);
/* With the lock held, on the worker's thread; releases the lock. Calls `done` when
 * nothing is outstanding any more. */
void rpc_stream_leave(struct rpc_stream *stream);
/* With the lock held: appends the packed message whatever the limit. */
void rpc_stream_append(struct rpc_stream *stream, grpc_slice slice);

#endif
