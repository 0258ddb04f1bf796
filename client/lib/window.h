/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A stream of messages of which each is answered, in order, and that outlives its
 * connections: what was sent and not answered is kept (at most `limit` messages) and sent
 * again when the connection is lost. So the receiver must know repeated messages.
 *
 *                 open              greeted
 *     IDLE ----> OPENING ---------> READY ----+
 *       ^           |                 |       | connection lost
 *       |           v                 v       v
 *       +-------- PAUSED <--------------------+       any, for good ----> FAILED
 *
 * One thread sends; answers come on the client's callback thread. Everything below
 * `mutex` is under it.
 */
#ifndef SOUK_CLIENT_LIB_WINDOW_H
#define SOUK_CLIENT_LIB_WINDOW_H

#include <pthread.h>

#include "client/lib/client.h"
#include "proto/rpc/rpc_stream.h"
#include "shard/base/list.h"

enum {
    WINDOW_MESSAGES_MAX = 1024,
    WINDOW_MESSAGES_DEFAULT = 16,
    WINDOW_OUTAGE_DEFAULT_MS = 60000,
    WINDOW_PAUSE_MOST_MS = 400,
    WINDOW_PARTING_MS = 1000, /* for the server to end a stream that was half closed */
};

enum window_state {
    WINDOW_IDLE,
    WINDOW_OPENING,
    WINDOW_READY,
    WINDOW_PAUSED,
    WINDOW_FAILED,
};

struct window;

/* What the two kinds of stream do differently. */
struct window_kind {
    /* Opens the stream with its callbacks; their user is `window`. */
    struct rpc_stream *(*open)(struct window *window, struct rpc_channel *channel);
    enum status (*send)(struct rpc_stream *stream, const ProtobufCMessage *message);
    /* Sent first on every connection, answered by window_greeted; NULL for none. */
    const ProtobufCMessage *greeting;
    /* The connection was lost and is being opened again; may be NULL. */
    void (*lost)(struct window *window, const struct souk_error *error);
};

struct window_message {
    struct list link;
    struct arena arena;
    ProtobufCMessage *message;
};

struct window {
    struct souk_client *client;
    struct window_kind kind;
    int64_t outage_max_ms;

    pthread_mutex_t mutex;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    enum window_state state;
    struct rpc_stream *stream; /* not NULL from open until its `done` */
    uint32_t limit;
    uint32_t limit_max;     /* as opened */
    struct list unanswered; /* oldest first */
    struct list *unsent;    /* the first of them not sent on this connection */
    uint32_t unanswered_count;
    uint32_t failures; /* in a row */
    unsigned addresses_skipped;
    uint64_t progress_us; /* when the server last answered */
    bool alarm_set;
    bool closing;
    struct rng rng;
    struct souk_error error; /* when FAILED */
};

void window_init(struct window *window, struct souk_client *client,
                 const struct window_kind *kind, uint32_t limit, int64_t outage_max_ms);
/* Abandons what is unanswered; no callback runs any more when it returns. */
void window_close(struct window *window);

/* Opens the first connection; with a greeting, waits until it is answered. */
enum souk_code window_open(struct window *window, struct souk_error *out_error);
/* Copies the message (it may have to be sent again); waits while `limit` messages are
 * unanswered. INVALID_ARGUMENT when a string is not UTF-8. */
enum souk_code window_send(struct window *window, const ProtobufCMessage *message,
                           struct souk_error *out_error);
enum souk_code window_drain(struct window *window, struct souk_error *out_error);

/* For the callbacks of the two kinds, on the callback thread. */
void window_greeted(struct window *window, uint32_t limit);
/* The server takes so many unanswered messages from now on, up to what was asked for. */
void window_credit(struct window *window, uint32_t limit);
/* The oldest message is answered. False when there was none: a broken server. */
bool window_answered(struct window *window);
void window_writable(struct rpc_stream *stream, void *user);
void window_done(struct rpc_stream *stream, const struct rpc_status *status, void *user);

#endif
