/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Many threads post, one thread takes: a lock-free list of intrusive nodes. Ownership
 * moves with the node. The poster that finds the box empty must wake the owner
 * (uv_async_send, eventfd, condition); the owner takes everything at each waking.
 */
#ifndef SOUK_SHARD_BASE_MAILBOX_H
#define SOUK_SHARD_BASE_MAILBOX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>

struct mailbox_node {
    struct mailbox_node *next;
};

struct mailbox {
    _Atomic(struct mailbox_node *) newest;
};

static inline void mailbox_init(struct mailbox *mailbox)
{
    atomic_init(&mailbox->newest, NULL);
}

/*
 * True when the box was empty: wake the owner. Judged by the head that was replaced,
 * never by the node, which the owner may already have freed.
 */
static inline bool mailbox_post(struct mailbox *mailbox, struct mailbox_node *node)
{
    struct mailbox_node *head =
        atomic_load_explicit(&mailbox->newest, memory_order_relaxed);
    do {
        node->next = head;
    } while (!atomic_compare_exchange_weak_explicit(
        &mailbox->newest, &head, node, memory_order_acq_rel, memory_order_relaxed));
    return head == NULL;
}

/* Everything posted so far, oldest first, linked by `next`; NULL when empty. */
static inline struct mailbox_node *mailbox_take(struct mailbox *mailbox)
{
    struct mailbox_node *node =
        atomic_exchange_explicit(&mailbox->newest, NULL, memory_order_acq_rel);
    struct mailbox_node *oldest = NULL;
    while (node != NULL) {
        struct mailbox_node *next = node->next;
        node->next = oldest;
        oldest = node;
        node = next;
    }
    return oldest;
}

#endif
