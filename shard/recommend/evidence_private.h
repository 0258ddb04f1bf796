/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state behind evidence.h, as search.c reads it. Sessions and items are slots of
 * growing arrays, chained by 32-bit numbers: no pointer and no allocation per session.
 */
#ifndef SOUK_SHARD_RECOMMEND_EVIDENCE_PRIVATE_H
#define SOUK_SHARD_RECOMMEND_EVIDENCE_PRIVATE_H

#include "shard/recommend/degree_log.h"
#include "shard/recommend/evidence.h"

#define EVIDENCE_NONE UINT32_MAX

/* A reference to a session from an item; ordered by (end_ms, session hash). */
struct posting {
    int64_t end_ms;
    uint32_t tie; /* top half of the session hash: most ties end here */
    uint32_t session;
};

/* The sessions of one item in one bucket, oldest first. */
struct posting_list {
    struct posting *entries;
    uint32_t count;
    uint32_t capacity;
    bool cut; /* older sessions hold the item too, and are not listed */
};

struct evidence_item {
    uint64_t sku_hash;
    uint64_t buckets;           /* bit b: there is a list for bucket b */
    struct posting_list *lists; /* one per set bit, by bucket */
    int64_t degree;             /* sessions, those cut from the lists included */
    uint32_t next;              /* chain of the index */
};

struct evidence_slot {
    uint64_t session_hash;
    struct hash128 customer;
    int64_t end_ms;
    uint32_t items; /* offset into the pool: item numbers, ascending */
    uint32_t item_count;
    uint32_t next; /* chain of the index, or of free slots */
    uint8_t bucket;
    bool used;
};

/* Small arrays of item numbers in one block, reused by size. */
struct item_pool {
    uint32_t *words;
    size_t size;
    size_t capacity;
    uint32_t free_first[32]; /* per power of two; the first word links the next */
};

struct slot_index {
    uint32_t *heads;
    size_t head_count; /* a power of two */
};

struct evidence {
    struct evidence_options options;
    struct evidence_slot *slots;
    size_t slot_count; /* used or free */
    size_t slot_capacity;
    uint32_t slot_free;
    struct slot_index slot_index;
    struct evidence_item *items;
    size_t item_count;
    size_t item_capacity;
    struct slot_index item_index;
    struct item_pool pool;
    uint64_t sessions;
    uint64_t items_live;
    uint64_t postings;
    uint64_t list_bytes;
    struct degree_log degree_log;
    /* Scratch of evidence_put. */
    uint32_t *scratch;
    size_t scratch_capacity;
};

/* EVIDENCE_NONE when no session ever held it. */
uint32_t evidence_item_find(const struct evidence *evidence, uint64_t sku_hash);
/* NULL when the item has no list in the bucket. */
static inline const struct posting_list *
evidence_item_list(const struct evidence_item *item, uint32_t bucket)
{
    uint64_t bit = (uint64_t)1 << bucket;
    if ((item->buckets & bit) == 0) {
        return NULL;
    }
    if (item->buckets == UINT64_MAX) {
        return &item->lists[bucket]; /* the items that are asked for most */
    }
    return &item->lists[__builtin_popcountll(item->buckets & (bit - 1))];
}

/* < 0 when a is the older. Distinct sessions are never equal. */
static inline int posting_compare(const struct evidence *evidence,
                                  const struct posting *a, const struct posting *b)
{
    if (a->end_ms != b->end_ms) {
        return a->end_ms < b->end_ms ? -1 : 1;
    }
    if (a->tie != b->tie) {
        return a->tie < b->tie ? -1 : 1;
    }
    uint64_t hash_a = evidence->slots[a->session].session_hash;
    uint64_t hash_b = evidence->slots[b->session].session_hash;
    return hash_a < hash_b ? -1 : hash_a > hash_b;
}

#endif
