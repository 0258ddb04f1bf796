/* SPDX-License-Identifier: Apache-2.0 */
/* The state behind degrees.h: one vector per shard, and their sum. */
#ifndef SOUK_SHARD_RECOMMEND_DEGREES_PRIVATE_H
#define SOUK_SHARD_RECOMMEND_DEGREES_PRIVATE_H

#include "shard/recommend/degrees.h"

/* A change that is no longer in any period, and a row that never was. */
#define DEGREE_PERIOD_NONE ((int64_t)INT64_MIN / 2)

/* What a look-up reads comes first: a table is larger than any cache. */
struct degree_row {
    uint64_t sku_hash;
    bool used;
    int64_t sessions;
    double log_sessions;   /* natural logarithm of max(1, sessions); of the sum only */
    int64_t period_newest; /* the ring ends here */
    int64_t periods[DEGREE_PERIODS]; /* by degree_period_place */
};

/* Open addressing; rows are never removed, only emptied. */
struct degree_rows {
    struct degree_row *rows;
    size_t capacity; /* a power of two */
    size_t count;
    int64_t total;
};

struct degree_shard {
    uint64_t shard_id;
    uint64_t version;
    struct degree_rows rows;
};

struct degree_table {
    struct degree_rows sum;
    struct degree_shard *shards;
    size_t shard_count;
    size_t shard_capacity;
    uint64_t changes; /* counts what could change the list below */
    struct degree_popular *popular;
    size_t popular_count;
    uint64_t popular_changes;
    int64_t popular_period;
    int64_t popular_ms;
};

/* The sum's row of an item; NULL when no shard ever named it. */
const struct degree_row *degree_table_row(const struct degree_table *table,
                                          uint64_t sku_hash);

static inline size_t degree_period_place(int64_t period)
{
    return (size_t)((uint64_t)period % DEGREE_PERIODS);
}

#endif
