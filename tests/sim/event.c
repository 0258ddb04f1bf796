/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/event.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"

enum {
    WAYS = 4, /* children of a place: a flat heap touches fewer lines */
};

void sim_heap_init(struct sim_heap *heap)
{
    memset(heap, 0, sizeof *heap);
}

void sim_heap_close(struct sim_heap *heap)
{
    free(heap->events);
    memset(heap, 0, sizeof *heap);
}

static bool event_before(const struct sim_event *a, const struct sim_event *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->sequence < b->sequence;
}

void sim_heap_push(struct sim_heap *heap, struct sim_event event)
{
    void *events = heap->events;
    memory_reserve(&events, &heap->capacity, heap->count + 1, sizeof event);
    heap->events = events;
    event.sequence = ++heap->sequence;
    size_t place = heap->count++;
    while (place > 0) {
        size_t parent = (place - 1) / WAYS;
        if (!event_before(&event, &heap->events[parent])) {
            break;
        }
        heap->events[place] = heap->events[parent];
        place = parent;
    }
    heap->events[place] = event;
}

static size_t heap_least_child(const struct sim_heap *heap, size_t place)
{
    size_t first = place * WAYS + 1;
    size_t end = first + WAYS < heap->count ? first + WAYS : heap->count;
    size_t least = first;
    for (size_t child = first + 1; child < end; child++) {
        if (event_before(&heap->events[child], &heap->events[least])) {
            least = child;
        }
    }
    return least;
}

bool sim_heap_pop(struct sim_heap *heap, struct sim_event *out_event)
{
    if (heap->count == 0) {
        return false;
    }
    *out_event = heap->events[0];
    struct sim_event last = heap->events[--heap->count];
    size_t place = 0;
    while (place * WAYS + 1 < heap->count) {
        size_t child = heap_least_child(heap, place);
        if (!event_before(&heap->events[child], &last)) {
            break;
        }
        heap->events[place] = heap->events[child];
        place = child;
    }
    if (heap->count > 0) {
        heap->events[place] = last;
    }
    return true;
}
