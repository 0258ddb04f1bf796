/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/session_heap.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

bool session_newer(const struct session_record *a, const struct session_record *b)
{
    return a->end_ms > b->end_ms ||
           (a->end_ms == b->end_ms && a->session_hash > b->session_hash);
}

static bool heap_above(const struct session_heap *heap, const struct session_pool *pool,
                       uint32_t a, uint32_t b)
{
    const struct session_record *x = session_pool_at(pool, a);
    const struct session_record *y = session_pool_at(pool, b);
    return heap->newest_first ? session_newer(x, y) : session_newer(y, x);
}

static void heap_set(struct session_heap *heap, const struct session_pool *pool,
                     size_t place, uint32_t session)
{
    heap->sessions[place] = session;
    session_pool_at(pool, session)->place = (uint32_t)place;
}

static void heap_up(struct session_heap *heap, const struct session_pool *pool,
                    size_t place, uint32_t session)
{
    while (place > 0) {
        size_t parent = (place - 1) / 2;
        if (!heap_above(heap, pool, session, heap->sessions[parent])) {
            break;
        }
        heap_set(heap, pool, place, heap->sessions[parent]);
        place = parent;
    }
    heap_set(heap, pool, place, session);
}

static void heap_down(struct session_heap *heap, const struct session_pool *pool,
                      size_t place, uint32_t session)
{
    for (;;) {
        size_t child = 2 * place + 1;
        if (child + 1 < heap->count &&
            heap_above(heap, pool, heap->sessions[child + 1], heap->sessions[child])) {
            child++;
        }
        if (child >= heap->count ||
            !heap_above(heap, pool, heap->sessions[child], session)) {
            break;
        }
        heap_set(heap, pool, place, heap->sessions[child]);
        place = child;
    }
    heap_set(heap, pool, place, session);
}

void session_heap_close(struct session_heap *heap)
{
    free(heap->sessions);
}

bool session_heap_holds(const struct session_heap *heap,
                        const struct session_record *record, uint32_t session)
{
    return record->place < heap->count && heap->sessions[record->place] == session;
}

void session_heap_push(struct session_heap *heap, const struct session_pool *pool,
                       uint32_t session)
{
    memory_reserve((void **)&heap->sessions, &heap->capacity, heap->count + 1,
                   sizeof *heap->sessions);
    heap_up(heap, pool, heap->count++, session);
}

void session_heap_remove(struct session_heap *heap, const struct session_pool *pool,
                         uint32_t session)
{
    size_t place = session_pool_at(pool, session)->place;
    ASSERT(place < heap->count && heap->sessions[place] == session);
    uint32_t last = heap->sessions[--heap->count];
    if (last == session) {
        return;
    }
    if (place > 0 && heap_above(heap, pool, last, heap->sessions[(place - 1) / 2])) {
        heap_up(heap, pool, place, last);
    } else {
        heap_down(heap, pool, place, last);
    }
}
