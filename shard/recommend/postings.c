/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/postings.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

_Static_assert(POSTINGS_BLOCK_MAX + 1 <= UINT16_MAX, "a run's end fits");

static struct posting_block *block_of(struct posting_head *head)
{
    ASSERT(!head->is_table);
    return (struct posting_block *)(void *)head;
}

static struct posting_table *table_of(struct posting_head *head)
{
    ASSERT(head->is_table);
    return (struct posting_table *)(void *)head;
}

static struct posting_head *head_of(const struct postings *postings)
{
    return atomic_load_explicit(&postings->head, memory_order_relaxed);
}

static size_t block_bytes(uint32_t count, uint64_t buckets)
{
    return sizeof(struct posting_block) + count * sizeof(struct posting) +
           (size_t)__builtin_popcountll(buckets) * sizeof(uint16_t);
}

static size_t chunk_bytes(uint32_t capacity)
{
    return sizeof(struct posting_chunk) + capacity * sizeof(struct posting);
}

static size_t table_bytes(uint32_t bucket_count)
{
    return sizeof(struct posting_table) + bucket_count * sizeof(struct posting_chunk *);
}

static size_t head_bytes(const struct posting_head *head, uint32_t bucket_count)
{
    return head->is_table ? table_bytes(bucket_count)
                          : block_bytes(head->count, head->buckets);
}

/* --- Blocks -------------------------------------------------------------------------- */

static struct posting_block *block_new(struct postings_shared *shared, uint32_t count,
                                       uint64_t buckets)
{
    size_t bytes = block_bytes(count, buckets);
    struct posting_block *block = memory_alloc(bytes);
    block->head = (struct posting_head){.buckets = buckets, .count = count};
    shared->bytes += bytes;
    return block;
}

static void head_replace(struct postings_shared *shared, struct postings *postings,
                         struct posting_head *with)
{
    struct posting_head *old = head_of(postings);
    atomic_store_explicit(&postings->head, with, memory_order_release);
    if (old != NULL) {
        shared->bytes -= head_bytes(old, shared->bucket_count);
        epoch_retire(shared->epoch, old, NULL, NULL);
    }
}

/* The number of entries in [first, end) that are older. */
static uint32_t entries_older(const struct session_pool *pool,
                              const struct posting *entries, uint32_t first, uint32_t end,
                              const struct posting *posting)
{
    if (first < end && posting_compare(pool, &entries[end - 1], posting) < 0) {
        return end;
    }
    while (first < end) {
        uint32_t middle = first + (end - first) / 2;
        if (posting_compare(pool, &entries[middle], posting) < 0) {
            first = middle + 1;
        } else {
            end = middle;
        }
    }
    return first;
}

/* Two records of one session, the dead and the new one, may be equal in order. */
static uint32_t entries_find(const struct session_pool *pool,
                             const struct posting *entries, uint32_t first, uint32_t end,
                             const struct posting *posting)
{
    uint32_t place = entries_older(pool, entries, first, end, posting);
    while (place < end && entries[place].session != posting->session) {
        place++;
    }
    return place;
}

static void run_bounds(const struct posting_block *block, uint32_t bucket,
                       uint32_t *out_first, uint32_t *out_end)
{
    uint64_t bit = (uint64_t)1 << bucket;
    const uint16_t *ends = posting_block_ends(block);
    size_t run = (size_t)__builtin_popcountll(block->head.buckets & (bit - 1));
    *out_first = run == 0 ? 0 : ends[run - 1];
    *out_end = (block->head.buckets & bit) != 0 ? ends[run] : *out_first;
}

/* The runs of `to` are those of `from`, with `change` entries more in the bucket. */
static void block_set_ends(const struct posting_block *from, struct posting_block *to,
                           uint32_t bucket, int change)
{
    const uint16_t *old = from != NULL ? posting_block_ends(from) : NULL;
    uint16_t *ends = (uint16_t *)(void *)(to->entries + to->head.count);
    int end = 0;
    for (uint64_t left = to->head.buckets; left != 0; left &= left - 1) {
        uint32_t b = (uint32_t)__builtin_ctzll(left);
        uint64_t through = b == 63 ? UINT64_MAX : ((uint64_t)1 << (b + 1)) - 1;
        size_t runs =
            from == NULL ? 0 : (size_t)__builtin_popcountll(from->head.buckets & through);
        end = (runs == 0 ? 0 : old[runs - 1]) + (b >= bucket ? change : 0);
        *ends++ = (uint16_t)end;
    }
    ASSERT((uint32_t)end == to->head.count);
}

static void block_add(struct postings_shared *shared, struct postings *postings,
                      uint32_t bucket, const struct posting *posting)
{
    struct posting_head *head = head_of(postings);
    const struct posting_block *old = head != NULL ? block_of(head) : NULL;
    uint32_t count = head != NULL ? head->count : 0;
    uint64_t buckets = (head != NULL ? head->buckets : 0) | (uint64_t)1 << bucket;
    struct posting_block *block = block_new(shared, count + 1, buckets);
    uint32_t place = 0;
    if (old != NULL) {
        uint32_t first, end;
        run_bounds(old, bucket, &first, &end);
        place = entries_older(shared->pool, old->entries, first, end, posting);
        memcpy(block->entries, old->entries, place * sizeof *posting);
        memcpy(block->entries + place + 1, old->entries + place,
               (count - place) * sizeof *posting);
    }
    block->entries[place] = *posting;
    block_set_ends(old, block, bucket, 1);
    head_replace(shared, postings, &block->head);
}

static void block_drop(struct postings_shared *shared, struct postings *postings,
                       uint32_t bucket, const struct posting *posting)
{
    struct posting_head *head = head_of(postings);
    const struct posting_block *old = block_of(head);
    uint32_t first, end;
    run_bounds(old, bucket, &first, &end);
    uint32_t place = entries_find(shared->pool, old->entries, first, end, posting);
    ASSERT(place < end);
    if (head->count == 1) {
        head_replace(shared, postings, NULL);
        return;
    }
    uint64_t buckets = head->buckets;
    if (end - first == 1) {
        buckets &= ~((uint64_t)1 << bucket);
    }
    struct posting_block *block = block_new(shared, head->count - 1, buckets);
    memcpy(block->entries, old->entries, place * sizeof *posting);
    memcpy(block->entries + place, old->entries + place + 1,
           (head->count - 1 - place) * sizeof *posting);
    block_set_ends(old, block, bucket, -1);
    head_replace(shared, postings, &block->head);
}

/* --- Chunks -------------------------------------------------------------------------- */

static struct posting_chunk *chunk_new(struct postings_shared *shared, uint32_t capacity)
{
    struct posting_chunk *chunk = memory_alloc(chunk_bytes(capacity));
    atomic_init(&chunk->older, NULL);
    atomic_init(&chunk->count, 0);
    chunk->capacity = capacity;
    shared->bytes += chunk_bytes(capacity);
    return chunk;
}

static struct posting_chunk *chunk_older(const struct posting_chunk *chunk)
{
    return atomic_load_explicit(&chunk->older, memory_order_relaxed);
}

static uint32_t chunk_count(const struct posting_chunk *chunk)
{
    return atomic_load_explicit(&chunk->count, memory_order_relaxed);
}

/* Before the chunk is published. */
static void chunk_fill(struct posting_chunk *chunk, const struct posting *entries,
                       uint32_t count, struct posting_chunk *older)
{
    memcpy(chunk->entries, entries, count * sizeof *entries);
    atomic_store_explicit(&chunk->count, count, memory_order_relaxed);
    atomic_store_explicit(&chunk->older, older, memory_order_relaxed);
}

static void chunk_replace(struct postings_shared *shared,
                          _Atomic(struct posting_chunk *) *link,
                          struct posting_chunk *old, struct posting_chunk *with)
{
    atomic_store_explicit(link, with, memory_order_release);
    shared->bytes -= chunk_bytes(old->capacity);
    epoch_retire(shared->epoch, old, NULL, NULL);
}

/* From a bare list of entries, oldest first; for a table that is not published yet. */
static struct posting_chunk *chunks_from(struct postings_shared *shared,
                                         const struct posting *entries, uint32_t count)
{
    struct posting_chunk *newest = NULL;
    for (uint32_t done = 0; done < count;) {
        uint32_t part =
            count - done < POSTINGS_CHUNK_MAX ? count - done : POSTINGS_CHUNK_MAX;
        uint32_t capacity = POSTINGS_CHUNK_MIN;
        while (capacity < part) {
            capacity *= 2;
        }
        struct posting_chunk *chunk = chunk_new(shared, capacity);
        chunk_fill(chunk, entries + done, part, newest);
        newest = chunk;
        done += part;
    }
    return newest;
}

static void table_make(struct postings_shared *shared, struct postings *postings)
{
    struct posting_block *block = block_of(head_of(postings));
    struct posting_table *table = memory_alloc(table_bytes(shared->bucket_count));
    table->head = (struct posting_head){
        .buckets = UINT64_MAX, .count = block->head.count, .is_table = true};
    shared->bytes += table_bytes(shared->bucket_count);
    for (uint32_t b = 0; b < shared->bucket_count; b++) {
        uint32_t first, end;
        run_bounds(block, b, &first, &end);
        atomic_init(&table->newest[b],
                    chunks_from(shared, block->entries + first, end - first));
    }
    head_replace(shared, postings, &table->head);
}

/* A copy with the posting at its place, or, from a full chunk, two halves. */
static void chunk_insert(struct postings_shared *shared,
                         _Atomic(struct posting_chunk *) *link,
                         struct posting_chunk *chunk, const struct posting *posting,
                         uint32_t place, uint32_t capacity)
{
    uint32_t count = chunk_count(chunk);
    struct posting entries[POSTINGS_CHUNK_MAX + 1];
    memcpy(entries, chunk->entries, place * sizeof *entries);
    entries[place] = *posting;
    memcpy(entries + place + 1, chunk->entries + place,
           (count - place) * sizeof *entries);
    count++;
    struct posting_chunk *older = chunk_older(chunk);
    uint32_t split = 0;
    if (count > POSTINGS_CHUNK_MAX) {
        split = count / 2;
        struct posting_chunk *half = chunk_new(shared, split);
        chunk_fill(half, entries, split, older);
        older = half;
    }
    struct posting_chunk *copy =
        chunk_new(shared, count - split > capacity ? count - split : capacity);
    chunk_fill(copy, entries + split, count - split, older);
    chunk_replace(shared, link, chunk, copy);
}

static void chunk_append(struct postings_shared *shared,
                         _Atomic(struct posting_chunk *) *link,
                         struct posting_chunk *chunk, const struct posting *posting)
{
    uint32_t count = chunk_count(chunk);
    if (count < chunk->capacity) {
        chunk->entries[count] = *posting;
        atomic_store_explicit(&chunk->count, count + 1, memory_order_release);
    } else if (count < POSTINGS_CHUNK_MAX) {
        uint32_t capacity =
            count * 2 < POSTINGS_CHUNK_MAX ? count * 2 : POSTINGS_CHUNK_MAX;
        chunk_insert(shared, link, chunk, posting, count, capacity);
    } else {
        struct posting_chunk *newest = chunk_new(shared, POSTINGS_CHUNK_MAX);
        chunk_fill(newest, posting, 1, chunk);
        atomic_store_explicit(link, newest, memory_order_release);
    }
}

static void table_add(struct postings_shared *shared, struct posting_table *table,
                      uint32_t bucket, const struct posting *posting)
{
    _Atomic(struct posting_chunk *) *link = &table->newest[bucket];
    struct posting_chunk *chunk = atomic_load_explicit(link, memory_order_relaxed);
    table->head.count++;
    if (chunk == NULL) {
        chunk = chunk_new(shared, POSTINGS_CHUNK_MIN);
        chunk_fill(chunk, posting, 1, NULL);
        atomic_store_explicit(link, chunk, memory_order_release);
        return;
    }
    uint32_t count = chunk_count(chunk);
    if (posting_compare(shared->pool, &chunk->entries[count - 1], posting) < 0) {
        chunk_append(shared, link, chunk, posting);
        return;
    }
    while (chunk_older(chunk) != NULL &&
           posting_compare(shared->pool, posting, &chunk->entries[0]) < 0) {
        link = &chunk->older;
        chunk = chunk_older(chunk);
    }
    uint32_t place =
        entries_older(shared->pool, chunk->entries, 0, chunk_count(chunk), posting);
    chunk_insert(shared, link, chunk, posting, place, 0);
}

static void table_drop(struct postings_shared *shared, struct posting_table *table,
                       uint32_t bucket, const struct posting *posting)
{
    _Atomic(struct posting_chunk *) *link = &table->newest[bucket];
    struct posting_chunk *chunk = atomic_load_explicit(link, memory_order_relaxed);
    uint32_t place, count;
    for (;;) {
        ASSERT(chunk != NULL);
        count = chunk_count(chunk);
        /* Equals may lie on both sides of a border: only what is older for sure is passed. */
        place = posting_compare(shared->pool, &chunk->entries[0], posting) <= 0
                    ? entries_find(shared->pool, chunk->entries, 0, count, posting)
                    : count;
        if (place < count) {
            break;
        }
        link = &chunk->older;
        chunk = chunk_older(chunk);
    }
    table->head.count--;
    if (count == 1) {
        chunk_replace(shared, link, chunk, chunk_older(chunk));
        return;
    }
    /* The newest chunk keeps its room: it is the one that grows. */
    struct posting_chunk *copy =
        chunk_new(shared, link == &table->newest[bucket] ? chunk->capacity : count - 1);
    chunk_fill(copy, chunk->entries, count - 1, chunk_older(chunk));
    memcpy(copy->entries + place, chunk->entries + place + 1,
           (count - 1 - place) * sizeof *posting);
    chunk_replace(shared, link, chunk, copy);
}

/* --- Both ---------------------------------------------------------------------------- */

void postings_add(struct postings_shared *shared, struct postings *postings,
                  uint32_t bucket, const struct posting *posting)
{
    struct posting_head *head = head_of(postings);
    if (head != NULL && !head->is_table && head->count == POSTINGS_BLOCK_MAX) {
        table_make(shared, postings);
        head = head_of(postings);
    }
    if (head != NULL && head->is_table) {
        table_add(shared, table_of(head), bucket, posting);
    } else {
        block_add(shared, postings, bucket, posting);
    }
}

void postings_drop(struct postings_shared *shared, struct postings *postings,
                   uint32_t bucket, const struct posting *posting)
{
    struct posting_head *head = head_of(postings);
    ASSERT(head != NULL);
    if (!head->is_table) {
        block_drop(shared, postings, bucket, posting);
        return;
    }
    table_drop(shared, table_of(head), bucket, posting);
    if (head->count == 0) {
        head_replace(shared, postings, NULL);
    }
}

void postings_close(const struct postings_shared *shared, struct postings *postings)
{
    struct posting_head *head = head_of(postings);
    if (head != NULL && head->is_table) {
        struct posting_table *table = table_of(head);
        for (uint32_t b = 0; b < shared->bucket_count; b++) {
            struct posting_chunk *chunk =
                atomic_load_explicit(&table->newest[b], memory_order_relaxed);
            while (chunk != NULL) {
                struct posting_chunk *older = chunk_older(chunk);
                free(chunk);
                chunk = older;
            }
        }
    }
    free(head);
}
