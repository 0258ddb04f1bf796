/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's half: add the partials of all shards, weigh by ln(P / n_i), order,
 * and say why. Pure functions; any thread. The only floating point of the recommender.
 *
 * Canonical order: score descending, then SKU hash (a SKU's hash is its identity in the
 * cluster, so the SKU id never has to decide).
 */
#ifndef SOUK_SHARD_RECOMMEND_RANK_H
#define SOUK_SHARD_RECOMMEND_RANK_H

#include "shard/recommend/degrees.h"
#include "shard/recommend/search.h"

enum {
    RECOMMEND_COUNT_MAX = 1000, /* items of one ranking */
    RECOMMEND_REASONS_MAX = RECOMMEND_CLICKS_MAX,
};

/*
 * Sums partials of one query. One answer counts per bucket: a partial that has a bucket
 * which an earlier one had is left out whole, so a hedged answer never counts twice (ask
 * the same bucket set of whoever is hedged). `out->buckets` says what is covered.
 * INVALID when V or the query items differ; QUANTITY_OVERFLOW when a sum leaves int64;
 * TOO_LARGE past the arena's limit. A single partial is borrowed, not copied.
 */
MUST_USE enum status recommend_merge(const struct recommend_partial *const *partials,
                                     size_t partial_count, struct arena *arena,
                                     struct recommend_partial *out_merged);

/* Numbers of souk.v1.ReasonKind. */
enum recommend_reason_kind {
    RECOMMEND_REASON_NEIGHBOURS = 1,
    RECOMMEND_REASON_POPULAR = 2,
    RECOMMEND_REASON_ALSO_BOUGHT = 3,     /* walk: customers with both */
    RECOMMEND_REASON_THEN_BOUGHT = 4,     /* directed walk: customers in this order */
    RECOMMEND_REASON_BUY_AGAIN = 5,       /* the customer's own purchases */
    RECOMMEND_REASON_RECENTLY_VIEWED = 6, /* the customer's own views */
    RECOMMEND_REASON_SIMILAR = 7,         /* content: attributes in common */
    RECOMMEND_REASON_TRENDING = 8,        /* sessions of late */
    RECOMMEND_REASON_NEW = 9,             /* by create time */
};

struct recommend_reason {
    enum recommend_reason_kind kind;
    uint64_t related_sku_hash; /* the query item or seed; 0 where there is none */
    uint64_t evidence_count;   /* sessions, or what the kind says */
    uint64_t place;            /* TRENDING, POPULAR: where they were; 0: anywhere */
    double weight;             /* part of the score; an item's parts add up to 1 */
};

struct recommend_ranked_item {
    uint64_t sku_hash;
    double score;
    struct recommend_reason reasons[RECOMMEND_REASONS_MAX]; /* weight descending */
    uint32_t reason_count;
    uint32_t tier; /* of a blended list; 0 in others */
};

struct recommend_ranked {
    struct recommend_ranked_item *items; /* in the arena */
    uint32_t item_count;
};

struct recommend_rank_options {
    uint32_t count;           /* at most RECOMMEND_COUNT_MAX */
    const uint64_t *excluded; /* SKU hashes not to be shown, in any order; may be NULL */
    size_t excluded_count;    /* searched one by one, unless ascending */
    bool excluded_sorted;     /* they are ascending */
    bool exclude_current;     /* not the newest click */
    bool exclude_seen;        /* none of the query's distinct items */
};

/* Ranks a merged partial of `query`. Degrees that the table lacks count as 1. */
MUST_USE enum status recommend_rank(const struct recommend_partial *merged,
                                    const struct recommend_query *query,
                                    const struct degree_table *degrees,
                                    const struct recommend_rank_options *options,
                                    struct arena *arena,
                                    struct recommend_ranked *out_ranked);

/* The fallback: what is popular of late, reason POPULAR, by degree_table_popular. Items
 * in options->excluded and of the query (by the same switches; it may be NULL) are left
 * out. Score is popularity / highest popularity. */
MUST_USE enum status recommend_popular(struct degree_table *degrees, int64_t now_ms,
                                       const struct recommend_query *query,
                                       const struct recommend_rank_options *options,
                                       struct arena *arena,
                                       struct recommend_ranked *out_ranked);

#endif
