/* SPDX-License-Identifier: Apache-2.0 */
#include <string.h>

#include "server/coordinator/recommend_flow_private.h"
#include "shard/base/hash.h"
#include "shard/base/mutant.h"

/*
 * Where candidates come from, one after the other. The short lists are all that most
 * answers need; the long ones begin with the same items, which are not added again.
 */
enum recommend_list {
    RECOMMEND_LIST_NEIGHBOURS,
    RECOMMEND_LIST_NEIGHBOURS_LONG,
    RECOMMEND_LIST_POPULAR,
    RECOMMEND_LIST_POPULAR_LONG,
    RECOMMEND_LISTS,
};

static uint32_t recommend_short_list(const struct recommend_flow *flow)
{
    uint32_t wanted = flow->plan.count * 4 + 100;
    return wanted < RECOMMEND_COUNT_MAX ? wanted : RECOMMEND_COUNT_MAX;
}

static bool recommend_candidate_known(const struct recommend_flow *flow,
                                      uint64_t sku_hash)
{
    for (uint32_t i = 0; i < flow->candidate_count; i++) {
        if (flow->candidates[i].sku_hash == sku_hash &&
            flow->candidates[i].item != NULL) {
            return true;
        }
    }
    return false;
}

static bool recommend_candidate_add(struct recommend_flow *flow, uint64_t sku_hash,
                                    const struct recommend_ranked_item *item)
{
    if (flow->candidate_count == flow->candidate_capacity) {
        uint32_t capacity = flow->candidate_capacity * 2 + 256;
        struct recommend_candidate *grown =
            arena_alloc(flow->arena, capacity * sizeof *grown);
        if (grown == NULL) {
            return false;
        }
        if (flow->candidate_count > 0) {
            memcpy(grown, flow->candidates, flow->candidate_count * sizeof *grown);
        }
        flow->candidates = grown;
        flow->candidate_capacity = capacity;
    }
    flow->candidates[flow->candidate_count++] =
        (struct recommend_candidate){.item = item, .sku_hash = sku_hash};
    return true;
}

bool recommend_candidates_begin(struct recommend_flow *flow)
{
    struct recommend_items items;
    if (flow->partial_count > 0 &&
        recommend_merge(flow->partials, flow->partial_count, flow->arena,
                        &flow->merged_partial) != STATUS_OK) {
        return false;
    }
    if (flow->click_count > 0) {
        recommend_query_items(&flow->query, &items);
        for (uint32_t i = 0; i < items.count; i++) {
            if (!recommend_candidate_add(flow, items.sku_hash[i], NULL)) {
                return false;
            }
        }
    }
    return true;
}

/* The cart, and with exclude_seen the whole session, not only its newest clicks. */
static bool recommend_rank_options_make(const struct recommend_flow *flow, uint32_t count,
                                        struct recommend_rank_options *out)
{
    const struct recommend_plan *plan = &flow->plan;
    uint32_t seen = plan->exclude_seen ? flow->click_count : 0;
    uint64_t *excluded =
        arena_alloc(flow->arena, (plan->excluded_count + seen + 1) * sizeof *excluded);
    if (excluded == NULL) {
        return false;
    }
    if (plan->excluded_count > 0) {
        memcpy(excluded, plan->excluded, plan->excluded_count * sizeof *excluded);
    }
    if (seen > 0) {
        memcpy(excluded + plan->excluded_count, flow->clicks, seen * sizeof *excluded);
    }
    *out = (struct recommend_rank_options){.count = count,
                                           .excluded = excluded,
                                           .excluded_count = plan->excluded_count + seen,
                                           .exclude_current = plan->exclude_current,
                                           .exclude_seen = plan->exclude_seen};
    return true;
}

static uint32_t recommend_take_ranked(struct recommend_flow *flow,
                                      const struct recommend_ranked *ranked)
{
    uint32_t added = 0;
    for (uint32_t i = 0; i < ranked->item_count; i++) {
        const struct recommend_ranked_item *item = &ranked->items[i];
        if (!recommend_candidate_known(flow, item->sku_hash) &&
            recommend_candidate_add(flow, item->sku_hash, item)) {
            added++;
        }
    }
    return added;
}

static uint32_t recommend_add_neighbours(struct recommend_flow *flow, uint32_t count)
{
    struct recommend_rank_options options;
    struct recommend_ranked ranked;
    if (flow->partial_count == 0 || !recommend_rank_options_make(flow, count, &options) ||
        recommend_rank(&flow->merged_partial, &flow->query,
                       flow->tables.degrees[RECOMMEND_DEGREES_SESSIONS], &options,
                       flow->arena, &ranked) != STATUS_OK) {
        return 0;
    }
    return recommend_take_ranked(flow, &ranked);
}

/* Behind the neighbours, and scored below the last of them, so that score and rank agree.
 */
static uint32_t recommend_add_popular(struct recommend_flow *flow, uint32_t count)
{
    struct recommend_rank_options options;
    struct recommend_ranked ranked;
    double scale = 1.0;
    if (!recommend_rank_options_make(flow, count, &options) ||
        recommend_popular(flow->tables.degrees[RECOMMEND_DEGREES_SESSIONS], flow->wall_ms,
                          flow->click_count > 0 ? &flow->query : NULL, &options,
                          flow->arena, &ranked) != STATUS_OK) {
        return 0;
    }
    for (uint32_t i = 0; i < flow->candidate_count; i++) {
        const struct recommend_ranked_item *item = flow->candidates[i].item;
        if (item != NULL && item->reason_count > 0 &&
            item->reasons[0].kind == RECOMMEND_REASON_NEIGHBOURS) {
            scale = item->score < scale ? item->score : scale;
        }
    }
    for (uint32_t i = 0; i < ranked.item_count; i++) {
        ranked.items[i].score *= scale;
    }
    return recommend_take_ranked(flow, &ranked);
}

bool recommend_candidates_more(struct recommend_flow *flow)
{
    while (flow->source < RECOMMEND_LISTS) {
        enum recommend_list source = (enum recommend_list)flow->source++;
        uint32_t added = 0;
        switch (source) {
        case RECOMMEND_LIST_NEIGHBOURS:
            added = recommend_add_neighbours(flow, recommend_short_list(flow));
            break;
        case RECOMMEND_LIST_NEIGHBOURS_LONG:
            added = recommend_add_neighbours(flow, RECOMMEND_COUNT_MAX);
            break;
        case RECOMMEND_LIST_POPULAR:
            added = recommend_add_popular(flow, recommend_short_list(flow));
            break;
        case RECOMMEND_LIST_POPULAR_LONG:
            added = recommend_add_popular(flow, RECOMMEND_COUNT_MAX);
            break;
        case RECOMMEND_LISTS:
            break;
        }
        if (added > 0) {
            return true;
        }
    }
    return false;
}

static bool recommend_listed_excluded(const struct recommend_flow *flow,
                                      uint64_t sku_hash)
{
    const struct recommend_plan *plan = &flow->plan;
    for (uint32_t i = 0; i < plan->excluded_count; i++) {
        if (plan->excluded[i] == sku_hash) {
            return true;
        }
    }
    for (uint32_t i = 0; plan->exclude_seen && i < flow->click_count; i++) {
        if (flow->clicks[i] == sku_hash) {
            return true;
        }
    }
    return plan->exclude_current && flow->click_count > 0 &&
           flow->clicks[flow->click_count - 1] == sku_hash;
}

bool recommend_candidates_list(struct recommend_flow *flow,
                               const struct recommend_reply *reply)
{
    bool added = false;
    for (uint32_t i = 0; i < reply->sku_count; i++) {
        uint64_t sku_hash = hash64(reply->skus[i].sku_id, flow->plan.map->hash_seed);
        struct recommend_ranked_item *item;
        if (reply->skus[i].state != SKU_STATE_ACTIVE ||
            recommend_candidate_known(flow, sku_hash) ||
            recommend_listed_excluded(flow, sku_hash)) {
            continue;
        }
        item = arena_zalloc(flow->arena, sizeof *item);
        if (item == NULL) {
            return added;
        }
        item->sku_hash = sku_hash;
        item->reasons[0].kind = RECOMMEND_REASON_POPULAR;
        item->reasons[0].weight = 1.0;
        item->reason_count = 1;
        added = recommend_candidate_add(flow, sku_hash, item) || added;
    }
    return added;
}

bool recommend_candidate_good(const struct recommend_flow *flow,
                              const struct recommend_candidate *candidate)
{
    const struct inventory_availability *stock = candidate->stock;
    if (candidate->item == NULL || stock == NULL || !stock->found || stock->sku == NULL) {
        return false;
    }
    if (flow->plan.stock == RECOMMEND_STOCK_NONE || MUTANT(stock_unchecked)) {
        return stock->sku->state == SKU_STATE_ACTIVE;
    }
    return stock->sellable;
}
