/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several ranked lists made one. Pure; the coordinator's.
 *
 * Scores of sources are not comparable, so each list is scaled to integers by its highest:
 * q = round(2^20 * score / highest), 0 when nothing is above 0. An item belongs to the
 * lowest tier that names it, and only lists of that tier count for it: what fills in can
 * never reorder what was found, so a fallback that was not needed need not be asked.
 *
 *     order   tier ascending, sum of weight * q descending, SKU hash
 *     score   ((tiers - 1 - tier) + sum / (2^20 * weights of the tier)) / tiers, 0 .. 1
 *
 * Reasons keep their kind and evidence; a list's share of the sum scales its weights, the
 * heaviest RECOMMEND_REASONS_MAX stay, and an item's parts add up to 1 again.
 */
#ifndef SOUK_SHARD_RECOMMEND_BLEND_H
#define SOUK_SHARD_RECOMMEND_BLEND_H

#include "shard/recommend/rank.h"

enum {
    BLEND_LISTS_MAX = 16,
    BLEND_TIERS = 8,
    BLEND_WEIGHT_MAX = 1000,
    BLEND_SCALE_BITS = 20,
};

struct blend_list {
    const struct recommend_ranked *ranked; /* in its own order; distinct items */
    uint32_t weight;                       /* 1 .. BLEND_WEIGHT_MAX */
    uint32_t tier;                         /* below BLEND_TIERS */
};

/* The best `options->count` but for what `options->excluded` names (the other switches
 * are the sources' own). INVALID, TOO_LARGE (arena). */
MUST_USE enum status recommend_blend(const struct blend_list *lists, size_t list_count,
                                     const struct recommend_rank_options *options,
                                     struct arena *arena,
                                     struct recommend_ranked *out_ranked);

#endif
