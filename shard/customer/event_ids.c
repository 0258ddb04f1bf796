/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/customer/event_ids.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    RING_MIN = 64,
};

void event_ids_init(struct event_ids *ids)
{
    *ids = (struct event_ids){0};
}

void event_ids_close(struct event_ids *ids)
{
    if (ids != NULL) {
        free(ids->ring);
        free(ids->index);
        event_ids_init(ids);
    }
}

static size_t index_mask(const struct event_ids *ids)
{
    return ids->capacity * 2 - 1;
}

static size_t index_home(const struct event_ids *ids, struct hash128 id)
{
    return (size_t)id.low & index_mask(ids);
}

/* The index place that holds the id, or the free one where it would go. */
static size_t index_find(const struct event_ids *ids, struct hash128 id)
{
    size_t place = index_home(ids, id);
    while (ids->index[place] != 0) {
        const struct event_id_entry *entry = &ids->ring[ids->index[place] - 1];
        if (entry->id.low == id.low && entry->id.high == id.high) {
            break;
        }
        place = (place + 1) & index_mask(ids);
    }
    return place;
}

bool event_ids_has(const struct event_ids *ids, struct hash128 id)
{
    return ids->capacity > 0 && ids->index[index_find(ids, id)] != 0;
}

static void ids_grow(struct event_ids *ids)
{
    struct event_ids grown = {.capacity = ids->capacity ? ids->capacity * 2 : RING_MIN};
    ASSERT(grown.capacity < UINT32_MAX);
    grown.ring = memory_alloc(grown.capacity * sizeof *grown.ring);
    grown.index = memory_zalloc(grown.capacity * 2 * sizeof *grown.index);
    for (size_t i = 0; i < ids->count; i++) {
        grown.ring[i] = ids->ring[(ids->first + i) & (ids->capacity - 1)];
        grown.index[index_find(&grown, grown.ring[i].id)] = (uint32_t)i + 1;
    }
    grown.count = ids->count;
    event_ids_close(ids);
    *ids = grown;
}

void event_ids_add(struct event_ids *ids, struct hash128 id, int64_t log_ms)
{
    if (ids->count == ids->capacity) {
        ids_grow(ids);
    }
    size_t place = (ids->first + ids->count) & (ids->capacity - 1);
    ids->ring[place] = (struct event_id_entry){.id = id, .log_ms = log_ms};
    ids->count++;
    size_t found = index_find(ids, id);
    ASSERT(ids->index[found] == 0);
    ids->index[found] = (uint32_t)place + 1;
}

/* Frees an index place and moves up those that were pushed past it (Knuth 6.4, R). */
static void index_free(struct event_ids *ids, size_t hole)
{
    size_t mask = index_mask(ids);
    for (size_t place = (hole + 1) & mask; ids->index[place] != 0;
         place = (place + 1) & mask) {
        size_t home = index_home(ids, ids->ring[ids->index[place] - 1].id);
        if (((place - home) & mask) >= ((place - hole) & mask)) {
            ids->index[hole] = ids->index[place];
            hole = place;
        }
    }
    ids->index[hole] = 0;
}

int64_t event_ids_forget(struct event_ids *ids, int64_t keep_from_ms)
{
    int64_t newest = INT64_MIN;
    while (ids->count > 0 && ids->ring[ids->first].log_ms < keep_from_ms) {
        newest = ids->ring[ids->first].log_ms;
        index_free(ids, index_find(ids, ids->ring[ids->first].id));
        ids->first = (ids->first + 1) & (ids->capacity - 1);
        ids->count--;
    }
    return newest;
}

uint64_t event_ids_digest(const struct event_ids *ids)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < ids->count; i++) {
        const struct event_id_entry *entry =
            &ids->ring[(ids->first + i) & (ids->capacity - 1)];
        digest += hash_mix(entry->id.high ^ hash_mix(entry->id.low) ^
                           hash_mix((uint64_t)entry->log_ms));
    }
    return digest;
}
