/* SPDX-License-Identifier: Apache-2.0 */
/* The state behind histories.h, as walk.c reads it. */
#ifndef SOUK_SHARD_RECOMMEND_HISTORIES_PRIVATE_H
#define SOUK_SHARD_RECOMMEND_HISTORIES_PRIVATE_H

#include <stddef.h>

#include "shard/base/map.h"
#include "shard/recommend/degree_log.h"
#include "shard/recommend/histories.h"

enum {
    HISTORY_FEW = 10, /* items: so many fill the line of the cache */
    HISTORY_LINE_BYTES = 64,
};

/* An item of a customer, once. */
struct history_held {
    int64_t at_ms; /* of the newest action with it */
    uint32_t item; /* number */
};

struct history_customer {
    /* All that a walk reads of most customers, in one line of the cache. */
    _Alignas(HISTORY_LINE_BYTES) uint32_t held_count;
    uint32_t step_count;
    uint32_t *items; /* numbers of those held, ascending: `few`, or of their own */
    uint32_t *steps; /* item numbers, oldest first; an item beside itself stands once */
    uint32_t few[HISTORY_FEW];

    struct map_node node;
    struct hash128 id;
    int64_t *at_ms; /* as `items` */
    uint32_t bucket;
    uint32_t told_count; /* actions that these stand for, and a hash over them */
    uint64_t told;
};
_Static_assert(offsetof(struct history_customer, node) == HISTORY_LINE_BYTES,
               "what a walk reads fills one line");

/* Ordered by (at_ms, customer). */
struct history_posting {
    int64_t at_ms;
    const struct history_customer *customer;
};

/* The customers of one item in one bucket, oldest first. */
struct history_list {
    struct history_posting *entries;
    uint32_t count;
    uint32_t capacity;
};

struct history_item {
    struct map_node node;
    uint64_t sku_hash;
    uint64_t buckets;           /* bit b: there is a list for bucket b */
    struct history_list *lists; /* one per set bit, by bucket */
    int64_t degree;
    uint32_t number;
};

struct histories {
    struct histories_options options;
    struct map customers;
    struct map item_index;
    struct history_item **items; /* by number; they stay once seen */
    uint64_t *sku_hashes;        /* theirs */
    size_t item_count;
    size_t item_capacity;
    size_t hash_capacity;
    struct degree_log degree_log;
    uint64_t items_live;
    uint64_t postings;
    uint64_t steps;
    uint64_t list_bytes;
    /* Scratch of histories_put. */
    struct history_held *held;
    size_t held_capacity;
    uint32_t *step;
    size_t step_capacity;
};

/* NULL when the customer holds nothing. */
struct history_customer *histories_customer_find(const struct histories *histories,
                                                 struct hash128 id);
/* NULL when no customer ever held it. */
const struct history_item *histories_item_find(const struct histories *histories,
                                               uint64_t sku_hash);
/* NULL when the item has no list in the bucket. */
static inline const struct history_list *
histories_item_list(const struct history_item *item, uint32_t bucket)
{
    uint64_t bit = (uint64_t)1 << bucket;
    return (item->buckets & bit) == 0
               ? NULL
               : &item->lists[__builtin_popcountll(item->buckets & (bit - 1))];
}

#endif
