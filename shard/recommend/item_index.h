/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The items of an evidence: dense numbers, and the way from a SKU hash to its number. An
 * item stays once it is there. Readers on other threads find items while the owner adds
 * some: rows lie in segments that never move, the table of numbers is replaced by a
 * greater copy (epoch.h).
 *
 * Owner: the loop that owns the shard; _find and _at are for pinned readers, too.
 */
#ifndef SOUK_SHARD_RECOMMEND_ITEM_INDEX_H
#define SOUK_SHARD_RECOMMEND_ITEM_INDEX_H

#include <stdatomic.h>
#include <stdint.h>

#include "shard/base/epoch.h"
#include "shard/recommend/postings.h"

enum {
    ITEM_INDEX_FIRST_BITS =
        6, /* rows of the first segment; each next has twice as many */
    ITEM_INDEX_SEGMENTS_MAX = 32 - ITEM_INDEX_FIRST_BITS,
};

#define ITEM_NONE UINT32_MAX

struct evidence_item {
    uint64_t sku_hash;
    struct postings postings;
    int64_t degree; /* the writer's: sessions that are listed */
};

/* Open addressing, at most half full; a cell is a number + 1, 0 free. */
struct item_cells {
    uint32_t mask;
    _Atomic(uint32_t) cells[];
};

struct item_index {
    _Atomic(struct evidence_item *) segments[ITEM_INDEX_SEGMENTS_MAX];
    _Atomic(struct item_cells *) cells;
    _Atomic(uint32_t) count;
};

void item_index_init(struct item_index *index);
void item_index_close(struct item_index *index);
/* ITEM_NONE when nobody ever added it. */
uint32_t item_index_find(const struct item_index *index, uint64_t sku_hash);
uint32_t item_index_find_or_add(struct item_index *index, struct epoch *epoch,
                                uint64_t sku_hash);
uint64_t item_index_bytes(const struct item_index *index);

static inline uint32_t item_index_count(const struct item_index *index)
{
    return atomic_load_explicit(&index->count, memory_order_acquire);
}

static inline struct evidence_item *item_index_at(const struct item_index *index,
                                                  uint32_t item)
{
    uint64_t row = (uint64_t)item + (1u << ITEM_INDEX_FIRST_BITS);
    unsigned bits = 63u - (unsigned)__builtin_clzll(row);
    return atomic_load_explicit(&index->segments[bits - ITEM_INDEX_FIRST_BITS],
                                memory_order_relaxed) +
           (row - ((uint64_t)1 << bits));
}

#endif
