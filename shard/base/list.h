/* SPDX-License-Identifier: Apache-2.0 */
/* Intrusive doubly linked list with a head node; empty when it points at itself. */
#ifndef SOUK_SHARD_BASE_LIST_H
#define SOUK_SHARD_BASE_LIST_H

#include <stdbool.h>
#include <stddef.h>

#include "shard/base/memory.h"

struct list {
    struct list *previous;
    struct list *next;
};

static inline void list_init(struct list *list)
{
    list->previous = list;
    list->next = list;
}

static inline bool list_empty(const struct list *list)
{
    return list->next == list;
}

static inline void list_append(struct list *list, struct list *node)
{
    node->previous = list->previous;
    node->next = list;
    list->previous->next = node;
    list->previous = node;
}

/* The node is left linked to itself, so removing twice is harmless. */
static inline void list_remove(struct list *node)
{
    node->previous->next = node->next;
    node->next->previous = node->previous;
    list_init(node);
}

/* Removes and returns the oldest node; NULL when empty. */
static inline struct list *list_pop(struct list *list)
{
    struct list *node = list->next;
    if (node == list) {
        return NULL;
    }
    list_remove(node);
    return node;
}

/* Moves all nodes of `from` behind those of `to`. */
static inline void list_splice(struct list *to, struct list *from)
{
    if (list_empty(from)) {
        return;
    }
    from->next->previous = to->previous;
    to->previous->next = from->next;
    from->previous->next = to;
    to->previous = from->previous;
    list_init(from);
}

#define LIST_ENTRY(node, type, member) CONTAINER_OF(node, type, member)

#endif
