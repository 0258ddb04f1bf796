/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The co-occurrence walk item - customer - item over histories: one step of a random walk
 * from each seed to those who hold it and on to what else they hold (Cooper, Lee,
 * Radinsky, Siantos: "Random walks in recommender systems: exact computation and
 * simulations", WWW 2014), with two exponents against the long histories and the popular:
 *
 *     S(s, j) = sum over customers u with s and j of |H_u|^-a / (n_s n_j)^b
 *
 * In each bucket the ceil(m/V) customers who acted on the seed last are visited. Shards
 * add integers only: round(2^40 |H_u|^-a) from a table made by integer roots. Directed,
 * j counts when it follows s within `window` steps, by (window + 1 - least distance).
 * The coordinator divides by (n_s n_j)^b, lets each seed keep its N nearest (the cut
 * follows the sum over buckets), and adds over the seeds.
 */
#ifndef SOUK_SHARD_RECOMMEND_WALK_H
#define SOUK_SHARD_RECOMMEND_WALK_H

#include "shard/recommend/rank.h"

struct histories;

enum {
    WALK_SEEDS_MAX = 64,
    WALK_WINDOW_MAX = 8,
    WALK_CUSTOMERS_MAX = 100000,
    WALK_NEAREST_MAX = 1000,
    WALK_POWER_QUARTERS_MAX = 4,
    WALK_POWER_HUNDREDTHS_MAX = 100,
    WALK_QUERY_VERSION = 1,
    WALK_PARTIAL_VERSION = 1,
    WALK_VOTES_MAX = 1 << 20, /* of one seed */
    WALK_WEIGHT_BITS = 40,
};

struct walk_query {
    const uint64_t *seeds; /* distinct SKU hashes, the one that matters most first */
    uint32_t seed_count;
    uint32_t customers;      /* m per seed, over all buckets */
    uint32_t power_quarters; /* 4a, 0 .. 4 */
    uint32_t window;         /* 0: in any order; else steps after the seed */
    uint32_t bucket_count;   /* V; must be the histories' own */
    uint64_t buckets;
    bool exclude_customer; /* leave out the asker */
    struct hash128 customer;
};

/* OK, or INVALID: numbers out of bounds, a seed twice. No seeds is fine. */
MUST_USE enum status walk_query_check(const struct walk_query *query);
void walk_query_encode(const struct walk_query *query, struct buffer *out);
/* Seeds live in the arena. CHECKSUM, VERSION, INVALID, TOO_LARGE (arena). */
MUST_USE enum status walk_query_decode(struct slice bytes, struct arena *arena,
                                       struct walk_query *out_query);

struct walk_vote {
    uint64_t sku_hash;
    int64_t sum;       /* more than 0 */
    uint32_t evidence; /* customers with both; at least 1 */
};
struct walk_votes {
    struct walk_vote *votes; /* by sku_hash; the seed itself is not among them */
    uint32_t count;
};
/* What a set of buckets says, seed by seed. A function of content: equal bytes. */
struct walk_partial {
    uint64_t version; /* applied index of the shard; the caller sets it */
    uint32_t bucket_count;
    uint64_t buckets;
    uint32_t seed_count;
    struct walk_votes seeds[WALK_SEEDS_MAX];
};

/* round(2^40 n^-(quarters/4)) for n of 1 .. HISTORIES_ACTIONS_MAX, by integer roots. */
int64_t walk_weight(uint32_t held_count, uint32_t power_quarters);

/* Pure read; everything lives in the arena. INVALID (the query), TOO_LARGE (arena). */
MUST_USE enum status walk_search(const struct histories *histories,
                                 const struct walk_query *query, struct arena *arena,
                                 struct walk_partial *out_partial);
void walk_partial_encode(const struct walk_partial *partial, struct buffer *out);
/* CHECKSUM, VERSION, TOO_LARGE (arena). */
MUST_USE enum status walk_partial_decode(struct slice bytes, struct arena *arena,
                                         struct walk_partial *out_partial);
/* One answer counts per bucket, as in recommend_merge. INVALID when V or the number of
 * seeds differ, QUANTITY_OVERFLOW, TOO_LARGE (arena). */
MUST_USE enum status walk_merge(const struct walk_partial *const *partials,
                                size_t partial_count, struct arena *arena,
                                struct walk_partial *out_merged);

struct walk_rank_options {
    /* exclude_current: not the first seed; exclude_seen: none of the seeds. */
    struct recommend_rank_options rank;
    uint32_t nearest;                /* N, 1 .. WALK_NEAREST_MAX */
    uint32_t power_hundredths;       /* 100b */
    const uint32_t *seed_weights;    /* one per seed; NULL: all alike */
    enum recommend_reason_kind kind; /* of the reasons */
};
/* `degrees`: of the histories. The score is divided by the sum of the seeds' weights.
 * Reasons name the seeds that voted, heaviest first. */
MUST_USE enum status walk_rank(const struct walk_partial *merged,
                               const struct walk_query *query,
                               const struct degree_table *degrees,
                               const struct walk_rank_options *options,
                               struct arena *arena, struct recommend_ranked *out_ranked);

#endif
