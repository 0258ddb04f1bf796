/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/heap.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

void heap_init(struct heap *heap, heap_less *less)
{
    *heap = (struct heap){.less = less};
}

void heap_close(struct heap *heap)
{
    if (heap != NULL) {
        free(heap->nodes);
        heap->nodes = NULL;
        heap->count = heap->capacity = 0;
    }
}

static void heap_put(struct heap *heap, size_t place, struct heap_node *node)
{
    heap->nodes[place - 1] = node;
    node->place = place;
}

static void heap_up(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;
    while (place > 1 && heap->less(node, heap->nodes[place / 2 - 1])) {
        heap_put(heap, place, heap->nodes[place / 2 - 1]);
        place /= 2;
    }
    heap_put(heap, place, node);
}

static void heap_down(struct heap *heap, struct heap_node *node)
{
    size_t place = node->place;
    while (place * 2 <= heap->count) {
        size_t child = place * 2;
        if (child < heap->count &&
            heap->less(heap->nodes[child], heap->nodes[child - 1])) {
            child++;
        }
        if (!heap->less(heap->nodes[child - 1], node)) {
            break;
        }
        heap_put(heap, place, heap->nodes[child - 1]);
        place = child;
    }
    heap_put(heap, place, node);
}

void heap_push(struct heap *heap, struct heap_node *node)
{
    void *nodes = heap->nodes;
    memory_reserve(&nodes, &heap->capacity, heap->count + 1, sizeof(struct heap_node *));
    heap->nodes = nodes;
    heap->count++;
    heap_put(heap, heap->count, node);
    heap_up(heap, node);
}

struct heap_node *heap_peek(const struct heap *heap)
{
    return heap->count ? heap->nodes[0] : NULL;
}

struct heap_node *heap_pop(struct heap *heap)
{
    struct heap_node *least = heap_peek(heap);
    if (least != NULL) {
        heap_remove(heap, least);
    }
    return least;
}

void heap_remove(struct heap *heap, struct heap_node *node)
{
    struct heap_node *last;
    size_t place = node->place;
    if (place == 0) {
        return;
    }
    ASSERT(place <= heap->count && heap->nodes[place - 1] == node);
    last = heap->nodes[--heap->count];
    node->place = 0;
    if (last != node) {
        heap_put(heap, place, last);
        heap_update(heap, last);
    }
}

void heap_update(struct heap *heap, struct heap_node *node)
{
    heap_up(heap, node);
    heap_down(heap, node);
}
