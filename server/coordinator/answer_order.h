/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of one stream, worked on at the same time, answered in the order they came.
 *
 * Pure. One thread at a time: its user's, or under its user's lock.
 */
#ifndef SOUK_SERVER_COORDINATOR_ANSWER_ORDER_H
#define SOUK_SERVER_COORDINATOR_ANSWER_ORDER_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/status.h"

enum {
    ANSWER_ORDER_WINDOW_MAX = 256, /* messages open at a time */
};

struct answer_slot {
    bool complete;
    void *message;
};

struct answer_order {
    unsigned window;
    uint64_t first; /* sequence of the oldest open message, from 1 */
    uint64_t next;  /* sequence of the next message */
    struct answer_slot slots[ANSWER_ORDER_WINDOW_MAX];
};

/* `window` is cut to 1 .. ANSWER_ORDER_WINDOW_MAX. */
void answer_order_init(struct answer_order *order, unsigned window);
/* OVERLOADED when `window` messages are open. */
MUST_USE enum status answer_order_begin(struct answer_order *order, void *message,
                                        uint64_t *out_sequence);
/* The message may be answered, once those before it have been. */
void answer_order_complete(struct answer_order *order, uint64_t sequence);
/* The oldest message when it is complete, else NULL. It stays until it is popped. */
void *answer_order_peek(const struct answer_order *order);
/* Takes the oldest message off, complete or not; NULL when there is none. */
void *answer_order_pop(struct answer_order *order);
unsigned answer_order_open(const struct answer_order *order);

#endif
