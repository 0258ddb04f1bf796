/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A bidirectional stream that answers every message once, in order, while several are
 * being worked on. Reading pauses while `window` messages are open; answers wait while the
 * peer does not read. A message that is refused ends the stream behind the answers to those
 * before it; what follows it is dropped.
 *
 * Messages come on an rpc worker and are completed on shard loops: a lock guards the
 * state, and is never held while a shard is asked.
 */
#ifndef SOUK_SERVER_SERVICE_ORDERED_STREAM_H
#define SOUK_SERVER_SERVICE_ORDERED_STREAM_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/rpc/rpc_stream.h"
#include "server/coordinator/answer_order.h"

struct ordered_stream;

struct ordered_ops {
    /* Sends the answer: OK, OVERLOADED (comes again), CANCELLED; or fills the problem with
     * why the stream has to end instead. Under the lock. */
    enum status (*send)(struct ordered_stream *ordered, void *message,
                        struct problem *problem);
    void (*message_free)(void *message);
    /* The last: the stream has ended and every message is gone. */
    void (*free)(struct ordered_stream *ordered);
};

struct ordered_stream {
    const struct ordered_ops *ops;
    struct rpc_stream *stream;
    pthread_mutex_t lock;
    struct answer_order order;
    unsigned refs;    /* the stream's own, and one per message being worked on */
    bool half_closed; /* the peer sends no more */
    bool draining;    /* the server stops */
    bool failing;     /* ends with `failure` behind the answers that are due */
    bool finished;    /* the status has been given */
    struct problem failure;
};

/* Inside `open` of the stream. */
void ordered_stream_open(struct ordered_stream *ordered, struct rpc_stream *stream,
                         const struct ordered_ops *ops, unsigned window);
/* A message has come: it is open until completed. False when the stream ends; then it is
 * the caller's again. Pauses reading. */
MUST_USE bool ordered_stream_begin(struct ordered_stream *ordered, void *message,
                                   uint64_t *out_sequence);
/* Any thread. The message may be answered now; it belongs to the stream. */
void ordered_stream_complete(struct ordered_stream *ordered, uint64_t sequence);
/* Ends the stream with a refusal, once all that came before is answered; the first counts.
 * Any thread. */
void ordered_stream_fail(struct ordered_stream *ordered, const struct problem *problem);

/* For struct rpc_stream_events; `user` is the ordered_stream. */
void ordered_stream_on_half_close(struct rpc_stream *stream, void *user);
void ordered_stream_on_writable(struct rpc_stream *stream, void *user);
void ordered_stream_on_draining(struct rpc_stream *stream, void *user);
void ordered_stream_on_malformed(struct rpc_stream *stream, const struct problem *problem,
                                 void *user);
void ordered_stream_on_done(struct rpc_stream *stream, const struct rpc_status *status,
                            void *user);

#endif
