/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The walk written a second time, slow and plain: loops over all customers for every pair
 * of items, nothing indexed. Shares no code with shard/recommend; the weights come from
 * the C library's powl.
 */
#ifndef SOUK_TESTS_UNIT_RECOMMEND_REFERENCE_WALK_H
#define SOUK_TESTS_UNIT_RECOMMEND_REFERENCE_WALK_H

#include <stdint.h>

enum {
    WALK_REFERENCE_ACTIONS_MAX = 12,
    WALK_REFERENCE_CUSTOMERS_MAX = 30,
    WALK_REFERENCE_ITEMS_MAX = 16,
    WALK_REFERENCE_SEEDS_MAX = 6,
};

struct walk_reference_customer {
    uint64_t high;
    uint64_t low;
    int action_count; /* oldest first */
    uint64_t items[WALK_REFERENCE_ACTIONS_MAX];
    int64_t at_ms[WALK_REFERENCE_ACTIONS_MAX];
};

struct walk_reference_query {
    uint64_t seeds[WALK_REFERENCE_SEEDS_MAX];
    uint32_t seed_weights[WALK_REFERENCE_SEEDS_MAX];
    int seed_count;
    int m, v, window, power_quarters, power_hundredths, nearest;
    const struct walk_reference_customer *asker; /* left out; or NULL */
};

struct walk_reference_item {
    uint64_t item;
    double score;
    int64_t evidence[WALK_REFERENCE_SEEDS_MAX]; /* of the seeds whose vote was kept */
};

struct walk_reference_answer {
    struct walk_reference_item items[WALK_REFERENCE_ITEMS_MAX]; /* canonical order */
    int item_count;
};

void walk_reference_make(const struct walk_reference_customer *customers,
                         int customer_count, const struct walk_reference_query *query,
                         struct walk_reference_answer *out);

#endif
