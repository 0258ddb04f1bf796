/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/answer_order.h"

#include <stddef.h>

#include "shard/base/assert.h"

void answer_order_init(struct answer_order *order, unsigned window)
{
    order->window = window < ANSWER_ORDER_WINDOW_MAX ? window : ANSWER_ORDER_WINDOW_MAX;
    order->window = order->window > 0 ? order->window : 1;
    order->first = order->next = 1;
}

enum status answer_order_begin(struct answer_order *order, void *message,
                               uint64_t *out_sequence)
{
    ASSERT(message != NULL);
    if (answer_order_open(order) >= order->window) {
        return STATUS_OVERLOADED;
    }
    *out_sequence = order->next++;
    order->slots[*out_sequence % ANSWER_ORDER_WINDOW_MAX] =
        (struct answer_slot){.message = message};
    return STATUS_OK;
}

void answer_order_complete(struct answer_order *order, uint64_t sequence)
{
    struct answer_slot *slot = &order->slots[sequence % ANSWER_ORDER_WINDOW_MAX];
    ASSERT(sequence >= order->first && sequence < order->next);
    ASSERT(!slot->complete);
    slot->complete = true;
}

void *answer_order_peek(const struct answer_order *order)
{
    const struct answer_slot *slot =
        &order->slots[order->first % ANSWER_ORDER_WINDOW_MAX];
    return answer_order_open(order) > 0 && slot->complete ? slot->message : NULL;
}

void *answer_order_pop(struct answer_order *order)
{
    if (answer_order_open(order) == 0) {
        return NULL;
    }
    return order->slots[order->first++ % ANSWER_ORDER_WINDOW_MAX].message;
}

unsigned answer_order_open(const struct answer_order *order)
{
    return (unsigned)(order->next - order->first);
}
