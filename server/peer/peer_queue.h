/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What waits to go to another node by one lane: items of one kind in order, bounded in
 * bytes, taken off as frames. What does not fit is refused whole; whether that means to
 * drop it (replicas say it again) or to answer OVERLOADED is the owner's. Pure.
 */
#ifndef SOUK_SERVER_PEER_PEER_QUEUE_H
#define SOUK_SERVER_PEER_PEER_QUEUE_H

#include <stddef.h>

#include "server/peer/frame.h"

struct peer_queue {
    enum frame_kind kind;
    size_t max_bytes;
    struct buffer bytes; /* items, one behind the other; those before `head` are gone */
    size_t head;
    size_t *sizes; /* of the items that wait, [first, first + count) */
    size_t first;
    size_t count;
    size_t capacity;
};

void peer_queue_init(struct peer_queue *queue, enum frame_kind kind, size_t max_bytes);
void peer_queue_close(struct peer_queue *queue);
void peer_queue_clear(struct peer_queue *queue);

/* OVERLOADED: more than max_bytes would wait; an item finds room in an empty queue
 * whatever its size. */
MUST_USE enum status peer_queue_put_letter(struct peer_queue *queue,
                                           const struct host_message *message);
MUST_USE enum status peer_queue_put_call(struct peer_queue *queue, uint64_t id,
                                         struct slice bytes);
/* The oldest items as one frame, up to FRAME_BYTES_MAX or a single one; replaces `frame`.
 * False when nothing waits. The items stay until peer_queue_taken. */
MUST_USE bool peer_queue_take(const struct peer_queue *queue, struct buffer *frame,
                              size_t *out_items);
void peer_queue_taken(struct peer_queue *queue, size_t items);
size_t peer_queue_bytes(const struct peer_queue *queue);

#endif
