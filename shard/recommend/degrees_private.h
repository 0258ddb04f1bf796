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
    uint64_t place;
    int64_t sessions;
    double log_sessions; /* natural logarithm of max(1, sessions); of the sum only */
    bool used;
    int64_t period_newest;           /* the ring ends here */
    int64_t periods[DEGREE_PERIODS]; /* by degree_period_place */
};

/* Open addressing; rows are only emptied. Those that are empty leave when it is full. */
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

/* The items that the sum has at one place. */
struct degree_place {
    uint64_t place; /* 0: a free slot */
    uint64_t stamp; /* the table's count of changes at the last one here */
    uint64_t *items;
    size_t count;
    size_t capacity;
};

/* Open addressing; made anew with the rows of the sum. */
struct degree_places {
    struct degree_place *slots;
    size_t capacity; /* a power of two, or 0 */
    size_t count;
    size_t item_capacity; /* of all places */
};

struct degree_table {
    struct degree_rows sum;
    struct degree_places places;
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

/* The sum's row of an item at a place; NULL when no shard counts it. */
const struct degree_row *degree_table_row(const struct degree_table *table,
                                          uint64_t place, uint64_t sku_hash);
/* What degree_popular.score says. */
int64_t degree_row_popularity(const struct degree_row *row, int64_t period_now);

static inline size_t degree_period_place(int64_t period)
{
    return (size_t)((uint64_t)period % DEGREE_PERIODS);
}

#endif
