/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/item_index.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"

enum {
    CELLS_MIN = 64,
};

static struct item_cells *cells_new(uint32_t count)
{
    struct item_cells *cells =
        memory_zalloc(sizeof *cells + (size_t)count * sizeof *cells->cells);
    cells->mask = count - 1;
    return cells;
}

static struct item_cells *cells_of(const struct item_index *index)
{
    return atomic_load_explicit(&index->cells, memory_order_acquire);
}

void item_index_init(struct item_index *index)
{
    memset(index, 0, sizeof *index);
    for (unsigned i = 0; i < ITEM_INDEX_SEGMENTS_MAX; i++) {
        atomic_init(&index->segments[i], NULL);
    }
    atomic_init(&index->cells, cells_new(CELLS_MIN));
    atomic_init(&index->count, 0);
}

void item_index_close(struct item_index *index)
{
    for (unsigned i = 0; i < ITEM_INDEX_SEGMENTS_MAX; i++) {
        free(atomic_load_explicit(&index->segments[i], memory_order_relaxed));
    }
    free(cells_of(index));
}

/* The cell that holds the hash, or the free one where it would be put. */
static uint32_t cells_find(const struct item_index *index, const struct item_cells *cells,
                           uint64_t sku_hash, uint32_t *out_item)
{
    uint32_t place = (uint32_t)hash_mix(sku_hash) & cells->mask;
    for (;;) {
        uint32_t cell = atomic_load_explicit(&cells->cells[place], memory_order_acquire);
        if (cell == 0 || item_index_at(index, cell - 1)->sku_hash == sku_hash) {
            *out_item = cell == 0 ? ITEM_NONE : cell - 1;
            return place;
        }
        place = (place + 1) & cells->mask;
    }
}

uint32_t item_index_find(const struct item_index *index, uint64_t sku_hash)
{
    uint32_t item;
    (void)cells_find(index, cells_of(index), sku_hash, &item);
    return item;
}

static void cells_grow(struct item_index *index, struct epoch *epoch)
{
    struct item_cells *old = cells_of(index);
    struct item_cells *cells = cells_new((old->mask + 1) * 2);
    uint32_t count = item_index_count(index);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t item;
        uint32_t place =
            cells_find(index, cells, item_index_at(index, i)->sku_hash, &item);
        atomic_store_explicit(&cells->cells[place], i + 1, memory_order_relaxed);
    }
    atomic_store_explicit(&index->cells, cells, memory_order_release);
    epoch_retire(epoch, old, NULL, NULL);
}

uint32_t item_index_find_or_add(struct item_index *index, struct epoch *epoch,
                                uint64_t sku_hash)
{
    uint32_t item;
    uint32_t place = cells_find(index, cells_of(index), sku_hash, &item);
    if (item != ITEM_NONE) {
        return item;
    }
    item = item_index_count(index);
    ASSERT(item < (uint32_t)INT32_MAX);
    if (item * 2 > cells_of(index)->mask) {
        cells_grow(index, epoch);
        uint32_t none;
        place = cells_find(index, cells_of(index), sku_hash, &none);
    }
    uint64_t row = (uint64_t)item + (1u << ITEM_INDEX_FIRST_BITS);
    if ((row & (row - 1)) == 0) {
        unsigned segment = (unsigned)__builtin_ctzll(row) - ITEM_INDEX_FIRST_BITS;
        atomic_store_explicit(&index->segments[segment],
                              memory_zalloc(row * sizeof(struct evidence_item)),
                              memory_order_release);
    }
    struct evidence_item *added = item_index_at(index, item);
    added->sku_hash = sku_hash;
    atomic_init(&added->postings.head, NULL);
    added->degree = 0;
    atomic_store_explicit(&index->count, item + 1, memory_order_release);
    atomic_store_explicit(&cells_of(index)->cells[place], item + 1, memory_order_release);
    return item;
}

uint64_t item_index_bytes(const struct item_index *index)
{
    return (uint64_t)(cells_of(index)->mask + 1) * sizeof(uint32_t) +
           (uint64_t)item_index_count(index) * sizeof(struct evidence_item);
}
