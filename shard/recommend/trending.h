/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What rises of late, out of degree tables: one for the whole cluster, others (where the
 * caller keeps them) for a location or a segment, each with a weight. All in integers:
 *
 *     recent = sum over the 7 newest periods of sessions * 2^(6 - age)
 *     rise   = recent^2 / (64 * (sessions of all time + 8))
 *     score  = sum over the tables of weight * rise
 *
 * so that volume counts, and more so when it is new. The list is kept and made anew when
 * a table changed; above DEGREE_POPULAR_SCAN_MAX items it may be a second old.
 *
 * Owner: the thread that owns the tables.
 */
#ifndef SOUK_SHARD_RECOMMEND_TRENDING_H
#define SOUK_SHARD_RECOMMEND_TRENDING_H

#include "shard/recommend/rank.h"

enum {
    TRENDING_TABLES_MAX = 4,
    TRENDING_WEIGHT_MAX = 1000,
    TRENDING_SMOOTHING = 8,
};

struct trending_table {
    const struct degree_table *table;
    uint32_t weight;
};

struct trending_query {
    struct trending_table tables[TRENDING_TABLES_MAX];
    uint32_t table_count;
    int64_t now_ms;
};

struct trending;

struct trending *trending_new(void);
void trending_free(struct trending *trending);

/* Reason TRENDING, its evidence the sessions of the 7 newest periods. Items that nobody
 * asked for of late are left out. Scores are parts of the highest. INVALID, TOO_LARGE. */
MUST_USE enum status trending_rank(struct trending *trending,
                                   const struct trending_query *query,
                                   const struct recommend_rank_options *options,
                                   struct arena *arena,
                                   struct recommend_ranked *out_ranked);

#endif
