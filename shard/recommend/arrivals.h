/* SPDX-License-Identifier: Apache-2.0 */
/*
 * New arrivals: SKUs by create time, and beside the newest a bounded share of others out
 * of the newest pool, so that everything new is seen by somebody. Chance is an argument:
 * the share is drawn by the lowest keyed hashes under a seed, so one seed gives one
 * answer on any number of shards.
 *
 * A part of a SKU shard, fed as SKUs are written. Owner: the loop that owns the shard.
 */
#ifndef SOUK_SHARD_RECOMMEND_ARRIVALS_H
#define SOUK_SHARD_RECOMMEND_ARRIVALS_H

#include "shard/recommend/rank.h"

enum {
    ARRIVALS_POOL_MAX = 1000, /* newest that one search can see */
    ARRIVALS_VERSION = 1,
};

struct arrivals;

struct arrivals *arrivals_new(void);
void arrivals_free(struct arrivals *arrivals);
/* Adds a SKU, or moves it. */
void arrivals_put(struct arrivals *arrivals, uint64_t sku_hash, int64_t create_ms);
/* Harmless for a SKU that is not there. */
void arrivals_remove(struct arrivals *arrivals, uint64_t sku_hash);
uint64_t arrivals_count(const struct arrivals *arrivals);
uint64_t arrivals_memory_bytes(const struct arrivals *arrivals);
/* A hash over content; equal for equal SKUs. For tests and audits. */
uint64_t arrivals_digest(const struct arrivals *arrivals);

struct arrival {
    uint64_t sku_hash;
    int64_t create_ms;
};
/* Newest first, then by hash. */
struct arrivals_list {
    struct arrival *items;
    uint32_t item_count;
};
/* The newest `pool` (up to ARRIVALS_POOL_MAX) of this shard, in the arena. Refills what
 * removals took, so it is no pure read. INVALID, TOO_LARGE (arena). */
MUST_USE enum status arrivals_newest(struct arrivals *arrivals, uint32_t pool,
                                     struct arena *arena, struct arrivals_list *out_list);
void arrivals_list_encode(const struct arrivals_list *list, struct buffer *out);
/* CHECKSUM, VERSION, TOO_LARGE (arena). */
MUST_USE enum status arrivals_list_decode(struct slice bytes, struct arena *arena,
                                          struct arrivals_list *out_list);
/* The newest `pool` of all lists. INVALID, TOO_LARGE (arena). */
MUST_USE enum status arrivals_merge(const struct arrivals_list *lists, size_t list_count,
                                    uint32_t pool, struct arena *arena,
                                    struct arrivals_list *out_list);

struct arrivals_options {
    struct recommend_rank_options rank; /* count and excluded */
    int64_t from_ms;                    /* older ones are no arrivals */
    uint32_t explored; /* of `count`: how many are drawn from the rest of the pool */
    uint64_t seed;
};
/* Newest first, the drawn ones behind them in the order drawn; reason NEW. INVALID (more
 * explored than count), TOO_LARGE (arena). */
MUST_USE enum status arrivals_rank(const struct arrivals_list *pool,
                                   const struct arrivals_options *options,
                                   struct arena *arena,
                                   struct recommend_ranked *out_ranked);

#endif
