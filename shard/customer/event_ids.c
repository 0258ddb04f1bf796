/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/customer/event_ids.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    RING_MIN = 64,
};
#define BEFORE_HOLE                                                                      \
    UINT32_MAX /* in the place of a distance: nothing lies here any more */

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

static struct event_id_entry *ring_at(const struct event_ids *ids, uint64_t sequence)
{
    return &ids->ring[(size_t)sequence & (ids->capacity - 1)];
}

static int64_t entry_log_ms(const struct event_ids *ids,
                            const struct event_id_entry *entry)
{
    return ids->last_ms - (int64_t)(uint32_t)((uint32_t)ids->last_ms - entry->log_low);
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

static void index_put(struct event_ids *ids, uint64_t sequence)
{
    size_t found = index_find(ids, ring_at(ids, sequence)->id);
    ASSERT(ids->index[found] == 0);
    ids->index[found] = (uint32_t)((size_t)sequence & (ids->capacity - 1)) + 1;
}

static struct event_ids ids_empty(const struct event_ids *ids, size_t capacity)
{
    struct event_ids empty = {
        .capacity = capacity, .first = ids->first, .last_ms = ids->last_ms};
    ASSERT(capacity < UINT32_MAX);
    empty.ring = memory_alloc(capacity * sizeof *empty.ring);
    empty.index = memory_zalloc(capacity * 2 * sizeof *empty.index);
    return empty;
}

static void ids_grow(struct event_ids *ids)
{
    struct event_ids grown =
        ids_empty(ids, ids->capacity ? ids->capacity * 2 : (size_t)RING_MIN);
    for (size_t i = 0; i < ids->count; i++) {
        const struct event_id_entry *entry = ring_at(ids, ids->first + i);
        *ring_at(&grown, grown.first + i) = *entry;
        if (entry->before != BEFORE_HOLE) {
            index_put(&grown, grown.first + i);
        }
    }
    grown.count = ids->count;
    grown.living = ids->living;
    event_ids_close(ids);
    *ids = grown;
}

void event_ids_add(struct event_ids *ids, struct hash128 id, int64_t log_ms,
                   uint64_t *head)
{
    if (ids->count == ids->capacity) {
        ids_grow(ids);
    }
    uint64_t sequence = ids->first + ids->count;
    ASSERT(ids->count == 0 || log_ms >= ids->last_ms);
    ASSERT(ids->count == 0 ||
           log_ms - entry_log_ms(ids, ring_at(ids, ids->first)) <= UINT32_MAX);
    bool chained = *head > ids->first; /* its last id is still here */
    *ring_at(ids, sequence) = (struct event_id_entry){
        .id = id,
        .log_low = (uint32_t)log_ms,
        .before = chained ? (uint32_t)(sequence + 1 - *head) : 0,
    };
    ids->last_ms = log_ms;
    ids->count++;
    ids->living++;
    index_put(ids, sequence);
    *head = sequence + 1;
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

/* Holes decide nothing: a replica that rebuilt this memory has none. */
int64_t event_ids_forget(struct event_ids *ids, int64_t keep_from_ms)
{
    int64_t newest = INT64_MIN;
    while (ids->count > 0) {
        const struct event_id_entry *oldest = ring_at(ids, ids->first);
        if (oldest->before != BEFORE_HOLE) {
            int64_t log_ms = entry_log_ms(ids, oldest);
            if (log_ms >= keep_from_ms) {
                break;
            }
            newest = log_ms;
            index_free(ids, index_find(ids, oldest->id));
            ids->living--;
        }
        ids->first++;
        ids->count--;
    }
    return newest;
}

void event_ids_erase(struct event_ids *ids, uint64_t *head)
{
    uint64_t next = *head;
    while (next > ids->first) {
        struct event_id_entry *entry = ring_at(ids, next - 1);
        uint32_t before = entry->before;
        ASSERT(before != BEFORE_HOLE);
        index_free(ids, index_find(ids, entry->id));
        *entry =
            (struct event_id_entry){.log_low = entry->log_low, .before = BEFORE_HOLE};
        ids->living--;
        next = before != 0 && before < next ? next - before : 0;
    }
    *head = 0;
}

uint64_t event_ids_digest(const struct event_ids *ids)
{
    uint64_t digest = 0;
    for (size_t i = 0; i < ids->count; i++) {
        const struct event_id_entry *entry = ring_at(ids, ids->first + i);
        if (entry->before != BEFORE_HOLE) {
            digest += hash_mix(entry->id.high ^ hash_mix(entry->id.low) ^
                               hash_mix((uint64_t)entry_log_ms(ids, entry)));
        }
    }
    return digest;
}

/* --- Packing ------------------------------------------------------------------------- */

bool event_ids_want_packing(const struct event_ids *ids)
{
    return ids->count > 0 && ids->count == ids->capacity &&
           ids->living <= ids->capacity / 2;
}

void event_ids_pack(struct event_ids *ids, struct event_ids_moves *out_moves)
{
    struct event_ids packed = ids_empty(ids, ids->capacity);
    struct event_ids_moves moves = {.first = ids->first, .count = ids->count};
    moves.places = memory_zalloc((ids->count + 1) * sizeof *moves.places);
    for (size_t i = 0; i < ids->count; i++) {
        struct event_id_entry entry = *ring_at(ids, ids->first + i);
        if (entry.before == BEFORE_HOLE) {
            continue;
        }
        uint32_t place = (uint32_t)packed.count + 1;
        moves.places[i] = place;
        /* Of a chain either all is here or its older end is forgotten: no hole inside. */
        entry.before = entry.before != 0 && entry.before <= i
                           ? place - moves.places[i - entry.before]
                           : 0;
        *ring_at(&packed, packed.first + packed.count) = entry;
        index_put(&packed, packed.first + packed.count);
        packed.count++;
    }
    packed.living = packed.count;
    event_ids_close(ids);
    *ids = packed;
    *out_moves = moves;
}

uint64_t event_ids_moved(const struct event_ids_moves *moves, uint64_t head)
{
    if (head <= moves->first) {
        return 0;
    }
    ASSERT(head - 1 - moves->first < moves->count);
    uint32_t place = moves->places[head - 1 - moves->first];
    return place != 0 ? moves->first + place : 0;
}

void event_ids_moves_close(struct event_ids_moves *moves)
{
    free(moves->places);
    moves->places = NULL;
}
