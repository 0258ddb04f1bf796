/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/session_pool.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    UNIT_BYTES = sizeof(uint64_t),
};

/* Blocks of a size class all have its size; above the exact ones, powers of two. */
static uint32_t units_of(uint32_t item_count, uint32_t place_count, unsigned *out_class)
{
    size_t bytes = offsetof(struct session_record, items) +
                   item_count * sizeof(uint32_t) +
                   place_count * sizeof(struct session_place);
    uint32_t units = (uint32_t)((bytes + UNIT_BYTES - 1) / UNIT_BYTES);
    if (units <= SESSION_POOL_EXACT_UNITS) {
        *out_class = units - 1;
        return units;
    }
    unsigned bits = 32u - (unsigned)__builtin_clz(units - 1);
    *out_class = SESSION_POOL_EXACT_UNITS + bits;
    return (uint32_t)1 << bits;
}

static uint64_t segment_units(uint32_t segment)
{
    return (uint64_t)1 << (SESSION_POOL_FIRST_BITS + segment);
}

void session_pool_init(struct session_pool *pool)
{
    memset(pool, 0, sizeof *pool);
    memset(pool->free_first, 0xff, sizeof pool->free_first);
    for (unsigned i = 0; i < SESSION_POOL_SEGMENTS_MAX; i++) {
        atomic_init(&pool->segments[i], NULL);
    }
}

void session_pool_close(struct session_pool *pool)
{
    for (unsigned i = 0; i < SESSION_POOL_SEGMENTS_MAX; i++) {
        free(atomic_load_explicit(&pool->segments[i], memory_order_relaxed));
    }
}

/* The rest of a segment that is too small for the next record is left. */
static uint32_t pool_extend(struct session_pool *pool, uint32_t units)
{
    while (pool->used + units > segment_units(pool->segment)) {
        pool->segment++;
        pool->used = 0;
        ASSERT(pool->segment < SESSION_POOL_SEGMENTS_MAX); /* 32 GiB of sessions */
    }
    if (atomic_load_explicit(&pool->segments[pool->segment], memory_order_relaxed) ==
        NULL) {
        size_t bytes = (size_t)segment_units(pool->segment) * UNIT_BYTES;
        atomic_store_explicit(&pool->segments[pool->segment], memory_alloc(bytes),
                              memory_order_release);
    }
    uint64_t unit = segment_units(pool->segment) + pool->used;
    pool->used += units;
    pool->bytes += (uint64_t)units * UNIT_BYTES;
    return (uint32_t)(unit - segment_units(0));
}

uint32_t session_pool_take(struct session_pool *pool, uint32_t item_count,
                           uint32_t place_count)
{
    unsigned class;
    uint32_t units = units_of(item_count, place_count, &class);
    uint32_t session = pool->free_first[class];
    if (session != SESSION_NONE) {
        pool->free_first[class] = session_pool_at(pool, session)->next;
        pool->free_bytes -= (uint64_t)units * UNIT_BYTES;
    } else {
        session = pool_extend(pool, units);
    }
    session_pool_at(pool, session)->item_count = (uint16_t)item_count;
    session_pool_at(pool, session)->place_count = (uint16_t)place_count;
    return session;
}

void session_pool_give(struct session_pool *pool, uint32_t session)
{
    struct session_record *record = session_pool_at(pool, session);
    unsigned class;
    uint32_t units = units_of(record->item_count, record->place_count, &class);
    record->next = pool->free_first[class];
    pool->free_first[class] = session;
    pool->free_bytes += (uint64_t)units * UNIT_BYTES;
}
