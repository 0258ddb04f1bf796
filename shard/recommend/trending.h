/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rises of late, or is popular, out of degree tables: of the whole cluster, or of
 * places (locations), each with a weight. All in integers:
 *
 *     recent = sum over the 7 newest periods of sessions * 2^(6 - age)
 *     rise   = recent^2 / (64 * (sessions of all time + 8))
 *     score  = sum over the tables of weight * rise          (rising)
 *     score  = sum over the tables of weight * (sessions of all time + recent)  (popular)
 *
 * so that volume counts, and more so when it is new. The newest TRENDING_LISTS_MAX lists
 * are kept, and made anew when what they count changed; above DEGREE_POPULAR_SCAN_MAX items
 * a list may be a second old.
 *
 * Owner: the thread that owns the tables.
 */
#ifndef SOUK_SHARD_RECOMMEND_TRENDING_H
#define SOUK_SHARD_RECOMMEND_TRENDING_H

#include "shard/recommend/rank.h"

enum {
    TRENDING_TABLES_MAX = 16,
    TRENDING_WEIGHT_MAX = 1000,
    TRENDING_SMOOTHING = 8,
    TRENDING_LISTS_MAX = 32,
};

struct trending_table {
    const struct degree_table *table;
    uint64_t place; /* what was counted there; 0: without a place */
    uint32_t weight;
};

struct trending_query {
    struct trending_table tables[TRENDING_TABLES_MAX]; /* each place once */
    uint32_t table_count;
    bool popular; /* what is popular, not what rises */
    int64_t now_ms;
};

struct trending;

struct trending *trending_new(void);
void trending_free(struct trending *trending);

/* Reason TRENDING, its evidence the sessions of the 7 newest periods, without items that
 * nobody asked for of late; or POPULAR, its evidence all sessions. A reason's place is the
 * one of most of them, the earlier in the query of equal ones. Scores are parts of the
 * highest. INVALID, TOO_LARGE. */
MUST_USE enum status trending_rank(struct trending *trending,
                                   const struct trending_query *query,
                                   const struct recommend_rank_options *options,
                                   struct arena *arena,
                                   struct recommend_ranked *out_ranked);

#endif
