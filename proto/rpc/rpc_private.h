/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the runtime's own files share; never included from outside this folder.
 *
 * Everything that waits in a completion queue is an rpc_tag inside its owner. One thread
 * takes tags from a queue, so the events of one call are serial; a worker's counters
 * belong to that thread unless said else.
 */
#ifndef SOUK_PROTO_RPC_RPC_PRIVATE_H
#define SOUK_PROTO_RPC_RPC_PRIVATE_H

#include <grpc/byte_buffer.h>
#include <grpc/grpc.h>
#include <grpc/slice.h>
#include <pthread.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "proto/rpc/rpc_call.h"
#include "proto/rpc/rpc_message.h"
#include "proto/rpc/rpc_server.h"
#include "proto/rpc/rpc_status.h"
#include "shard/base/arena.h"
#include "shard/base/assert.h"
#include "shard/base/list.h"
#include "shard/base/mailbox.h"
#include "shard/base/memory.h"

enum {
    RPC_WORKER_TICK_MS = 250,        /* longest sleep of a worker */
    RPC_WORKER_POOL_MAX = 1024,      /* freed call blocks kept for the next calls */
    RPC_WORKER_HELD_EVENTS_MAX = 64, /* after which streams held back are flushed */
    RPC_BURST_EVENTS_MAX = 16,       /* fewer, since whole bursts wait for each other */
    RPC_SOCKETS_MAX = 64,            /* peers whose sockets a worker remembers */
    RPC_SOCKET_FDS_MAX = 8,          /* of one peer */
    RPC_PEER_BYTES = 64,
    RPC_US_PER_MS = 1000,
};

struct rpc_tag {
    void (*run)(struct rpc_tag *tag, bool ok);
};

struct rpc_peer_address {
    uint8_t bytes[16]; /* IPv4 mapped */
    uint16_t port;
};

/* What a worker knows of a peer: the descriptors of its connections, C-core's. */
struct rpc_socket {
    char peer[RPC_PEER_BYTES]; /* as grpc_call_get_peer names it; "" = unused */
    struct rpc_peer_address address;
    int fds[RPC_SOCKET_FDS_MAX];
    unsigned fd_count;
    unsigned waiting;  /* departures of the burst being collected */
    int64_t search_us; /* not looked for before; INT64_MAX: not TCP */
};

/* A batch that is ready and waits for the end of the burst; part of a call that lives
 * until it has been started. */
struct rpc_departure {
    struct list node;
    void (*start)(struct rpc_departure *departure);
    struct rpc_socket *socket; /* NULL: not known */
};

/* One completion queue and its one thread; a server has several, a client one. */
struct rpc_worker {
    grpc_completion_queue *queue;
    pthread_t thread;
    int64_t now_us;   /* CLOCK_MONOTONIC when the event in hand was taken */
    int64_t check_us; /* when streams are looked at for stalls again */
    struct list
        deadlines;    /* of struct rpc_call, those clamped by the server, oldest first */
    struct list held; /* of struct rpc_stream: their last message is not sent yet */
    unsigned held_events;   /* since the first of them */
    struct list departures; /* of struct rpc_departure: unary answers and calls */
    unsigned burst_events;  /* since the first of them, or the first wake held */
    struct rpc_socket sockets[RPC_SOCKETS_MAX]; /* by hash of the peer */
    int64_t socket_search_us;                   /* no search before */
    struct list pool;                           /* of struct rpc_call, free */
    size_t pool_count;
    pthread_mutex_t lock; /* guards `streams` */
    struct list streams;  /* of struct rpc_stream, open */
    /* Asked after each event on the worker's thread; true = shut the queue down. */
    bool (*finished)(struct rpc_worker *worker);
    bool shutting_down;
    /* Server only. */
    struct rpc_server *server;
    struct mailbox
        answers;           /* of struct rpc_call: answered by other threads, to be sent */
    struct rpc_tag posted; /* wakes this thread for them */
    size_t live; /* armed requests and calls not yet ended: they need the queue */
    struct rpc_tag stopped;
    bool stopped_seen;
    bool idle_seen; /* the server knows that no call is left and none can come */
};

/* grpc_init, paired with grpc_shutdown. */
void rpc_runtime_open(void);
void rpc_worker_init(struct rpc_worker *worker);
void rpc_worker_start(struct rpc_worker *worker, const char *name);
/* After the queue was shut down. */
void rpc_worker_join(struct rpc_worker *worker);
void rpc_worker_close(struct rpc_worker *worker);
/* The worker whose thread this is, NULL elsewhere. */
struct rpc_worker *rpc_worker_current(void);

int64_t rpc_now_us(void);

/* --- Bursts: the worker's thread only --------------------------------------------------- */

/* `peer` as grpc_call_get_peer names it, "" when not known. */
void rpc_burst_add(struct rpc_worker *worker, struct rpc_departure *departure,
                   const char *peer);
/* Starts all of them, in order. */
void rpc_burst_leave(struct rpc_worker *worker);
/* False for what is no TCP peer. */
bool rpc_socket_parse_peer(const char *peer, struct rpc_peer_address *out);
/* NULL when its place is taken by a peer of the burst being collected. */
struct rpc_socket *rpc_socket_find(struct rpc_worker *worker, const char *peer);
/* What is written until the socket is uncorked waits in the kernel and leaves together. */
void rpc_socket_cork(struct rpc_worker *worker, struct rpc_socket *socket);
void rpc_socket_uncork(struct rpc_socket *socket);

/* The batch completes as `tag` in the call's queue. */
void rpc_batch_start(grpc_call *handle, const grpc_op *ops, size_t count,
                     struct rpc_tag *tag);

static inline grpc_op rpc_op(grpc_op_type type)
{
    return (grpc_op){.op = type};
}

/* --- Bytes ----------------------------------------------------------------------------- */

grpc_byte_buffer *rpc_bytes_pack(const ProtobufCMessage *message);
grpc_slice rpc_bytes_pack_slice(const ProtobufCMessage *message);
struct rpc_limits {
    uint32_t arena_max_bytes;
    bool known_enums_only;
};
/* Unpacks the buffer into the arena and leaves the buffer to the caller. */
MUST_USE enum status rpc_bytes_unpack(grpc_byte_buffer *buffer,
                                      const ProtobufCMessageDescriptor *descriptor,
                                      bool known_enums_only, struct arena *arena,
                                      const ProtobufCMessage **out_message,
                                      struct problem *problem);
struct slice rpc_bytes_of(const grpc_slice *slice);
/* A slice that borrows; for memory that outlives the batch it is sent with. */
grpc_slice rpc_bytes_borrowed(struct slice bytes);
/* The first value of the key, borrowed from the call; {NULL, 0} when absent. */
struct slice rpc_bytes_find(const grpc_metadata_array *metadata, const char *key);

/* --- Calls being served ---------------------------------------------------------------- */

/* A method of a registered service, with what serves it. */
struct rpc_binding {
    const struct rpc_method *method;
    const void *handlers;
    void *context;
    void *registered; /* C-core's handle */
};

/* How a call ends, ready for the wire; lives in the arena it was made in. */
struct rpc_ending {
    enum status status;
    const char *message;
    struct slice details; /* a google.rpc.Status; empty for OK */
    grpc_slice text;
};

enum rpc_call_state {
    RPC_CALL_OPEN,     /* somebody has to answer */
    RPC_CALL_ANSWERED, /* by its holder */
    RPC_CALL_CLOSED,   /* cancelled, or answered by the server's deadline */
};

enum {
    RPC_CALL_MAGIC = 0x63616c6c,
};

/*
 *           arrived          handler answers inside        batch done
 *   ARMED ----------> OPEN ----------------------> ANSWERED ----------> freed
 *                      |     or later, any thread      ^
 *                      |   cancelled, deadline         | (no more)
 *                      +----------------------> CLOSED: the holder's answer is dropped
 *
 * refs: 1 for the worker until `ops` is 0, 1 for the duty to answer, and rpc_call_ref.
 * ops: batches outstanding, and 1 while OPEN; the worker's thread only.
 */
struct rpc_call {
    uint32_t magic;
    atomic_uint refs;
    atomic_uint state;
    atomic_bool cancelled;
    unsigned ops;
    bool close_armed;
    struct rpc_tag arrived;
    struct rpc_tag answered;
    struct rpc_tag closed;
    struct rpc_worker *worker;
    const struct rpc_binding *binding; /* NULL: the catch-all for unknown methods */
    const struct rpc_method *method;   /* the binding's; outlives the server */
    grpc_call *handle;
    gpr_timespec deadline;
    grpc_metadata_array metadata;
    grpc_call_details details; /* catch-all only */
    grpc_byte_buffer *payload;
    grpc_byte_buffer *response;
    int close_cancelled;
    int64_t arrived_us;
    int64_t deadline_us;
    struct mailbox_node answer_node;
    struct rpc_departure departure;
    struct list deadline_node; /* or in the worker's pool */
    void (*on_cancel)(struct rpc_call *call, void *user);
    void *on_cancel_user;
    grpc_metadata trailers[RPC_CALL_TRAILERS_MAX + 1]; /* + grpc-status-details-bin */
    size_t trailer_count;
    struct rpc_ending ending;
    enum status outcome;
    const char *outcome_message; /* "" when OK */
    struct arena arena;
    alignas(16) uint8_t inline_arena[RPC_CALL_ARENA_INLINE_BYTES];
};

/* Arms one request for the binding (NULL: the catch-all) on the worker. */
void rpc_call_arm(struct rpc_worker *worker, const struct rpc_binding *binding);
void rpc_ending_make(struct rpc_ending *ending, const struct rpc_status *status,
                     struct arena *arena);
/* The op that sends it, with the call's trailers. */
grpc_op rpc_ending_op(struct rpc_ending *ending, struct rpc_call *call);
/* Ends a call whose deadline was set by the server; the worker's thread. */
void rpc_call_expire(struct rpc_call *call);
/* worker->posted: sends what other threads have answered. */
void rpc_call_send_posted(struct rpc_tag *tag, bool ok);
/* Counts and reports the end of a call; on the worker's thread. */
void rpc_call_account(struct rpc_call *call);
/* Drops the grpc side of a call whose batches are all done. */
void rpc_call_release(struct rpc_call *call);
void rpc_call_pool_close(struct rpc_worker *worker);

/* --- Streams --------------------------------------------------------------------------- */

/* Takes over an arrived streaming call, on its worker's thread. `request` only for
 * server-streaming methods. */
void rpc_stream_accept(struct rpc_call *call, const ProtobufCMessage *request);
/* Tells all open streams of the worker that the server is draining. Any thread. */
void rpc_stream_drain_all(struct rpc_worker *worker);
/* Sends what the streams of worker->held kept back. The worker's thread. */
void rpc_stream_flush_held(struct rpc_worker *worker);
/* Cuts off streams whose peer has not read for too long. The worker's thread. */
void rpc_stream_check_all(struct rpc_worker *worker, int64_t now_us);

/* --- The server ------------------------------------------------------------------------ */

struct rpc_health;
struct rpc_reflection;

struct rpc_registration {
    const struct rpc_service *service;
    const void *handlers;
    void *context;
};

struct rpc_server {
    struct rpc_server_options options;
    struct rpc_registration registrations[RPC_SERVER_SERVICES_MAX];
    size_t registration_count;
    struct rpc_binding *bindings;
    size_t binding_count;
    grpc_server *handle;
    struct rpc_worker *workers;
    unsigned worker_count;
    uint16_t port;
    bool started;
    atomic_bool draining;
    atomic_bool stopping;
    pthread_mutex_t lock; /* with `changed`: the two counts */
    pthread_cond_t changed;
    unsigned workers_idle; /* without calls, while stopping */
    unsigned workers_done; /* without connections too */
    struct rpc_health *health;
    struct rpc_reflection *reflection;
};

struct rpc_health *rpc_health_new(void);
void rpc_health_free(struct rpc_health *health);
void rpc_health_register(struct rpc_health *health, struct rpc_server *server);
void rpc_health_set(struct rpc_health *health, const char *service, bool serving);
/* Everything turns NOT_SERVING for good. */
void rpc_health_drain(struct rpc_health *health);

struct rpc_reflection *rpc_reflection_new(struct rpc_server *server);
void rpc_reflection_free(struct rpc_reflection *reflection);
/* After the last other service was registered. */
void rpc_reflection_load(struct rpc_reflection *reflection);

#endif
