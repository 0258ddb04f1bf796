/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages of one stream, worked on at the same time, answered in the order they came.
 * A message is complete when it is sealed (all its parts have been announced) and every
 * part has been answered.
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
    unsigned parts_open;
    bool sealed;
    void *user; /* the message, its owner's own */
};

struct answer_order {
    unsigned window;
    uint64_t first; /* sequence of the oldest open message, from 1 */
    uint64_t next;  /* sequence of the next message */
    struct answer_slot slots[ANSWER_ORDER_WINDOW_MAX];
};

/* `window` is cut to ANSWER_ORDER_WINDOW_MAX. */
void answer_order_init(struct answer_order *order, unsigned window);
/* OVERLOADED when `window` messages are open. */
MUST_USE enum status answer_order_begin(struct answer_order *order, void *user,
                                        uint64_t *out_sequence);
void answer_order_part(struct answer_order *order, uint64_t sequence);
void answer_order_seal(struct answer_order *order, uint64_t sequence);
void answer_order_answered(struct answer_order *order, uint64_t sequence);
/* The oldest message when it is complete, else NULL. It leaves the order. */
void *answer_order_take(struct answer_order *order);
/* Takes the oldest message in any state; NULL when there is none. For the end. */
void *answer_order_drop(struct answer_order *order);
unsigned answer_order_open(const struct answer_order *order);

#endif
