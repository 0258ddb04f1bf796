/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/answer_order.h"

#include <stddef.h>

#include "shard/base/assert.h"

void answer_order_init(struct answer_order *order, unsigned window)
{
    order->window = window < ANSWER_ORDER_WINDOW_MAX ? window : ANSWER_ORDER_WINDOW_MAX;
    order->first = order->next = 1;
}

static struct answer_slot *answer_order_slot(struct answer_order *order,
                                             uint64_t sequence)
{
    ASSERT(sequence >= order->first && sequence < order->next);
    return &order->slots[sequence % ANSWER_ORDER_WINDOW_MAX];
}

enum status answer_order_begin(struct answer_order *order, void *user,
                               uint64_t *out_sequence)
{
    ASSERT(user != NULL);
    if (answer_order_open(order) >= order->window) {
        return STATUS_OVERLOADED;
    }
    *out_sequence = order->next++;
    *answer_order_slot(order, *out_sequence) = (struct answer_slot){.user = user};
    return STATUS_OK;
}

void answer_order_part(struct answer_order *order, uint64_t sequence)
{
    struct answer_slot *slot = answer_order_slot(order, sequence);
    ASSERT(!slot->sealed);
    slot->parts_open++;
}

void answer_order_seal(struct answer_order *order, uint64_t sequence)
{
    struct answer_slot *slot = answer_order_slot(order, sequence);
    ASSERT(!slot->sealed);
    slot->sealed = true;
}

void answer_order_answered(struct answer_order *order, uint64_t sequence)
{
    struct answer_slot *slot = answer_order_slot(order, sequence);
    ASSERT(slot->parts_open > 0);
    slot->parts_open--;
}

void *answer_order_take(struct answer_order *order)
{
    struct answer_slot *slot;
    if (order->first == order->next) {
        return NULL;
    }
    slot = answer_order_slot(order, order->first);
    if (!slot->sealed || slot->parts_open > 0) {
        return NULL;
    }
    order->first++;
    return slot->user;
}

void *answer_order_drop(struct answer_order *order)
{
    if (order->first == order->next) {
        return NULL;
    }
    return order->slots[order->first++ % ANSWER_ORDER_WINDOW_MAX].user;
}

unsigned answer_order_open(const struct answer_order *order)
{
    return (unsigned)(order->next - order->first);
}
