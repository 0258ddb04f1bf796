/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How good a ranked list is against what really came next, by the usual measures at K (the
 * list's first K places):
 *     hit           1 when any target stands there
 *     reciprocal    1 / the place of the first target there, from 1; 0 without one
 *     recall        targets there / targets
 *     ndcg          sum of 1 / log2(1 + place) over the targets there, by the same sum of
 *                   a list that has min(K, targets) targets in front (Jarvelin, Kekalainen:
 *                   "Cumulated gain-based evaluation of IR techniques", 2002)
 * Targets count once each, and an item that stands twice counts at its first place.
 */
#ifndef SOUK_BENCH_QUALITY_METRICS_H
#define SOUK_BENCH_QUALITY_METRICS_H

#include <stddef.h>
#include <stdint.h>

struct quality {
    double hit;
    double reciprocal;
    double recall;
    double ndcg;
    uint32_t place; /* of the first target within the list; 0 none */
};

/* All zero without targets. */
struct quality quality_of(const char *const *ranked, size_t ranked_count,
                          const char *const *targets, size_t target_count, size_t k);

#endif
