/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sessions of an evidence, each one block with its items, named by a 32-bit number.
 * Segments double in size and never move, so that a reader on another thread follows a
 * number at any time. A record does not change once it is published, but for its death:
 * a session that goes on becomes a new record.
 *
 * Owner: the loop that owns the shard; session_pool_at is for any pinned reader.
 */
#ifndef SOUK_SHARD_RECOMMEND_SESSION_POOL_H
#define SOUK_SHARD_RECOMMEND_SESSION_POOL_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/hash.h"

enum {
    SESSION_POOL_SEGMENTS_MAX = 20,
    SESSION_POOL_FIRST_BITS = 12,  /* units of 8 bytes in the first segment */
    SESSION_POOL_EXACT_UNITS = 64, /* blocks up to here are reused by exact size */
    SESSION_POOL_CLASSES = SESSION_POOL_EXACT_UNITS + 32,
};

#define SESSION_NONE   UINT32_MAX
#define SESSION_STANDS UINT64_MAX /* a death that has not come */

struct session_record {
    uint64_t session_hash;
    struct hash128 customer;
    int64_t end_ms;
    uint64_t birth;          /* the version from which it is read (epoch.h) */
    _Atomic(uint64_t) death; /* the version from which it is not */
    uint32_t next;           /* the writer's: chain of the index, or of free blocks */
    uint32_t place;          /* the writer's: in the bucket's heap */
    uint16_t item_count;
    uint16_t place_count;
    uint32_t items[]; /* item numbers, ascending; behind them the places */
};

/* An item of the session at a place where it was clicked. In 32-bit parts, since it lies
 * behind the items. */
struct session_place {
    uint32_t place_high;
    uint32_t place_low;
    uint32_t item; /* its number */
};

/* By place, then item. */
static inline struct session_place *session_places(struct session_record *record)
{
    return (struct session_place *)(void *)(record->items + record->item_count);
}

static inline uint64_t session_place_hash(const struct session_place *place)
{
    return (uint64_t)place->place_high << 32 | place->place_low;
}

struct session_pool {
    _Atomic(uint64_t *) segments[SESSION_POOL_SEGMENTS_MAX];
    uint32_t segment; /* the one being filled */
    uint64_t used;    /* units of it */
    uint64_t bytes;   /* of all segments */
    uint64_t free_bytes;
    uint32_t free_first[SESSION_POOL_CLASSES];
};

void session_pool_init(struct session_pool *pool);
void session_pool_close(struct session_pool *pool);
/* Not filled in but for the counts. */
uint32_t session_pool_take(struct session_pool *pool, uint32_t item_count,
                           uint32_t place_count);
void session_pool_give(struct session_pool *pool, uint32_t session);

static inline struct session_record *session_pool_at(const struct session_pool *pool,
                                                     uint32_t session)
{
    uint64_t unit = (uint64_t)session + (1u << SESSION_POOL_FIRST_BITS);
    unsigned bits = 63u - (unsigned)__builtin_clzll(unit);
    uint64_t *segment =
        atomic_load_explicit(&pool->segments[bits - SESSION_POOL_FIRST_BITS],
                             memory_order_relaxed); /* older than any number in it */
    return (struct session_record *)(void *)(segment + (unit - ((uint64_t)1 << bits)));
}

static inline bool session_visible(const struct session_record *record, uint64_t version)
{
    return record->birth <= version &&
           version < atomic_load_explicit(&record->death, memory_order_relaxed);
}

#endif
