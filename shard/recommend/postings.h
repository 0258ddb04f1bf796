/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sessions that hold one item, by virtual bucket and within it by recency (session
 * end, session hash), for one writer and readers on other threads.
 *
 *   few    one immutable block of all buckets, each a run; every change is a copy. Most
 *          items are like this: no header per bucket, and a search reads on one line.
 *   many   a table with a chain of chunks per bucket, newest chunk first. A session newer
 *          than all others is appended in place and becomes readable by a release of the
 *          chunk's count; a late one copies the chunk that it belongs into.
 *
 * What is replaced is retired (epoch.h). Entries of sessions that a reader does not see
 * (session_visible) may stand in the lists: who reads has to leave them out.
 *
 * Owner: the loop that owns the shard; postings_open and _step are for pinned readers.
 */
#ifndef SOUK_SHARD_RECOMMEND_POSTINGS_H
#define SOUK_SHARD_RECOMMEND_POSTINGS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/epoch.h"
#include "shard/recommend/session_pool.h"

enum {
    POSTINGS_BLOCK_MAX = 192, /* entries of an item from which on it has a table */
    POSTINGS_CHUNK_MIN = 4,
    POSTINGS_CHUNK_MAX = 128,
    POSTINGS_BUCKETS_MAX = 64,
};

/* A reference to a session from an item; ordered by (end_ms, session hash). */
struct posting {
    int64_t end_ms;
    uint32_t tie; /* top half of the session hash: most ties end here */
    uint32_t session;
};

struct posting_chunk {
    _Atomic(struct posting_chunk *) older;
    _Atomic(uint32_t) count;
    uint32_t capacity;
    struct posting entries[]; /* oldest first */
};

/* What an item's head points to: a block or a table. */
struct posting_head {
    uint64_t buckets; /* block: bit b: there is a run for it */
    uint32_t count;   /* table: the writer's */
    bool is_table;
};

struct posting_block {
    struct posting_head head;
    /* count entries, by bucket, oldest first; then the end of each run as uint16_t. */
    struct posting entries[];
};

struct posting_table {
    struct posting_head head;
    _Atomic(struct posting_chunk *) newest[]; /* by bucket */
};

struct postings {
    _Atomic(struct posting_head *) head; /* NULL: nobody holds the item */
};

/* What the lists of one evidence share. */
struct postings_shared {
    struct epoch *epoch;
    const struct session_pool *pool;
    uint32_t bucket_count;
    uint64_t bytes; /* of blocks, tables and chunks, the retired not counted */
};

void postings_close(const struct postings_shared *shared, struct postings *postings);

/* The writer's: the session's record is complete but not yet readable. Distinct sessions
 * that stand are never equal in order. */
void postings_add(struct postings_shared *shared, struct postings *postings,
                  uint32_t bucket, const struct posting *posting);
/* The writer's: takes out what postings_add put in; it must be there, and no reader now or
 * later may see the session (death <= epoch_oldest). */
void postings_drop(struct postings_shared *shared, struct postings *postings,
                   uint32_t bucket, const struct posting *posting);

static inline const struct posting_chunk *
posting_table_newest(const struct posting_table *table, uint32_t bucket)
{
    return atomic_load_explicit(&table->newest[bucket], memory_order_acquire);
}

/* Its newest entry, or, of an empty one, the place before the first. */
static inline const struct posting *
posting_chunk_newest(const struct posting_chunk *chunk)
{
    return chunk->entries + atomic_load_explicit(&chunk->count, memory_order_acquire) - 1;
}

/* A list of one item and bucket, being read newest first. */
struct posting_cursor {
    const struct posting *next; /* == end: nothing is left */
    const struct posting *end;  /* before the oldest of this chunk */
    const struct posting_chunk *chunk;
};
/* False when it is empty. */
static inline bool posting_cursor_chunk(struct posting_cursor *cursor,
                                        const struct posting_chunk *chunk)
{
    while (chunk != NULL) {
        uint32_t count = atomic_load_explicit(&chunk->count, memory_order_acquire);
        if (count > 0) {
            cursor->chunk = chunk;
            cursor->end = chunk->entries - 1;
            cursor->next = cursor->end + count;
            return true;
        }
        chunk = atomic_load_explicit(&chunk->older, memory_order_acquire);
    }
    cursor->next = cursor->end;
    return false;
}

static inline const struct posting_head *postings_head(const struct postings *postings)
{
    return atomic_load_explicit(&postings->head, memory_order_acquire);
}

static inline const uint16_t *posting_block_ends(const struct posting_block *block)
{
    return (const uint16_t *)(const void *)(block->entries + block->head.count);
}

/* False when nothing is listed. `head` was taken once by postings_head. */
static inline bool posting_cursor_open(struct posting_cursor *cursor,
                                       const struct posting_head *head, uint32_t bucket)
{
    if (head == NULL) {
        return false;
    }
    if (head->is_table) {
        const struct posting_table *table = (const void *)head;
        return posting_cursor_chunk(cursor, posting_table_newest(table, bucket));
    }
    const struct posting_block *block = (const void *)head;
    uint64_t bit = (uint64_t)1 << bucket;
    if ((head->buckets & bit) == 0) {
        return false;
    }
    const uint16_t *ends = posting_block_ends(block);
    size_t run = (size_t)__builtin_popcountll(head->buckets & (bit - 1));
    cursor->chunk = NULL;
    cursor->end = block->entries + (run == 0 ? 0 : ends[run - 1]) - 1;
    cursor->next = block->entries + ends[run] - 1;
    return true;
}

/* To the next older one; false when there is none. */
static inline bool posting_cursor_step(struct posting_cursor *cursor)
{
    cursor->next--;
    if (cursor->next != cursor->end) {
        return true;
    }
    return cursor->chunk != NULL &&
           posting_cursor_chunk(
               cursor, atomic_load_explicit(&cursor->chunk->older, memory_order_acquire));
}

/* < 0 when a is the older. */
static inline int posting_compare(const struct session_pool *pool,
                                  const struct posting *a, const struct posting *b)
{
    if (a->end_ms != b->end_ms) {
        return a->end_ms < b->end_ms ? -1 : 1;
    }
    if (a->tie != b->tie) {
        return a->tie < b->tie ? -1 : 1;
    }
    uint64_t hash_a = session_pool_at(pool, a->session)->session_hash;
    uint64_t hash_b = session_pool_at(pool, b->session)->session_hash;
    return hash_a < hash_b ? -1 : hash_a > hash_b;
}

#endif
