/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keeping the best `count_max` of many scored items in canonical order: a heap with the
 * worst on top, sorted once at the end. Pure; private to this folder.
 */
#ifndef SOUK_SHARD_RECOMMEND_BEST_H
#define SOUK_SHARD_RECOMMEND_BEST_H

#include <stdint.h>

struct best_item {
    double score;
    uint64_t sku_hash;
    uint32_t row; /* the caller's */
};

/* Canonical order, score descending, then hash: < 0 when a comes first. */
int best_compare(const void *left, const void *right);
/* Adds one to the `count` kept so far, or drops the worst; the new count. */
uint32_t best_add(struct best_item *best, uint32_t count, uint32_t count_max,
                  const struct best_item *item);
void best_sort(struct best_item *best, uint32_t count);

#endif
