/* SPDX-License-Identifier: Apache-2.0 */
/* An intrusive binary heap: the least node first, any node removable by its place. */
#ifndef SOUK_SHARD_BASE_HEAP_H
#define SOUK_SHARD_BASE_HEAP_H

#include <stdbool.h>
#include <stddef.h>

struct heap_node {
    size_t place; /* 1-based; 0 while in no heap */
};

typedef bool heap_less(const struct heap_node *a, const struct heap_node *b);

struct heap {
    struct heap_node **nodes;
    size_t count;
    size_t capacity;
    heap_less *less;
};

void heap_init(struct heap *heap, heap_less *less);
void heap_close(struct heap *heap); /* the nodes are the caller's */
void heap_push(struct heap *heap, struct heap_node *node);
struct heap_node *heap_peek(const struct heap *heap); /* NULL when empty */
struct heap_node *heap_pop(struct heap *heap);        /* NULL when empty */
/* Harmless for a node that is in no heap. */
void heap_remove(struct heap *heap, struct heap_node *node);
/* After the node's own key changed. */
void heap_update(struct heap *heap, struct heap_node *node);

#endif
