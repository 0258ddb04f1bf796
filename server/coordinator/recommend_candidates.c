/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The list that an answer is shown from: names that reasons need, then candidates tier by
 * tier, each SKU once. Its order is the answer's; judging only drops.
 */
#include <string.h>

#include "server/coordinator/recommend_flow_private.h"
#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/mutant.h"

enum {
    CANDIDATES_MIN = 256,
};

static struct recommend_candidate *candidate_push(struct recommend_flow *flow,
                                                  uint64_t sku_hash)
{
    if (flow->candidate_count == flow->candidate_capacity) {
        uint32_t capacity = flow->candidate_capacity * 2 + CANDIDATES_MIN;
        struct recommend_candidate *grown =
            arena_alloc(flow->arena, capacity * sizeof *grown);
        if (grown == NULL) {
            return NULL;
        }
        if (flow->candidate_count > 0) {
            memcpy(grown, flow->candidates, flow->candidate_count * sizeof *grown);
        }
        flow->candidates = grown;
        flow->candidate_capacity = capacity;
    }
    struct recommend_candidate *candidate = &flow->candidates[flow->candidate_count++];
    *candidate = (struct recommend_candidate){.sku_hash = sku_hash};
    return candidate;
}

/* --- Names ------------------------------------------------------------------------- */

static bool name_add(struct recommend_flow *flow, uint64_t sku_hash)
{
    for (uint32_t i = 0; i < flow->name_count; i++) {
        if (flow->candidates[i].sku_hash == sku_hash) {
            return true;
        }
    }
    if (candidate_push(flow, sku_hash) == NULL) {
        return false;
    }
    flow->name_count++;
    return true;
}

bool recommend_names_add(struct recommend_flow *flow)
{
    ASSERT(flow->candidate_count == flow->name_count);
    for (uint32_t i = flow->query.click_count; i-- > 0;) {
        if (!name_add(flow, flow->query.clicks[i])) {
            return false;
        }
    }
    for (uint32_t i = 0; i < flow->seed_count; i++) {
        if (!name_add(flow, flow->seed_hashes[i])) {
            return false;
        }
    }
    flow->candidate_judge = flow->name_count;
    return true;
}

/* What the catalog does not know is called as it was asked with. */
static struct slice asked_sku_id(const struct recommend_plan *plan, uint64_t sku_hash)
{
    for (uint32_t i = 0; plan->session_item_ids != NULL && i < plan->session_item_count;
         i++) {
        if (plan->session_items[i] == sku_hash) {
            return plan->session_item_ids[i];
        }
    }
    for (uint32_t i = 0; plan->seed_ids != NULL && i < plan->seed_count; i++) {
        if (plan->seeds[i] == sku_hash) {
            return plan->seed_ids[i];
        }
    }
    return slice_of(NULL, 0);
}

struct slice recommend_flow_sku_id(const struct recommend_flow *flow, uint64_t sku_hash)
{
    const struct recommend_candidate *candidate = NULL;
    uint32_t place;
    for (uint32_t i = 0; i < flow->name_count && candidate == NULL; i++) {
        if (flow->candidates[i].sku_hash == sku_hash) {
            candidate = &flow->candidates[i];
        }
    }
    if (candidate == NULL && recommend_hashes_find(&flow->known, sku_hash, &place)) {
        candidate = &flow->candidates[place];
    }
    if (candidate == NULL || candidate->stock == NULL || !candidate->stock->found ||
        candidate->stock->sku == NULL) {
        return asked_sku_id(&flow->plan, sku_hash);
    }
    return candidate->stock->sku->sku_id;
}

/* --- Candidates -------------------------------------------------------------------- */

static bool candidate_known(const struct recommend_flow *flow, uint64_t sku_hash)
{
    uint32_t place;
    return recommend_hashes_find(&flow->known, sku_hash, &place);
}

/* The SKU is not known yet. False past the arena's limit. */
static bool candidate_add(struct recommend_flow *flow,
                          const struct recommend_ranked_item *item, bool fallback)
{
    struct recommend_candidate *candidate = candidate_push(flow, item->sku_hash);
    if (candidate == NULL) {
        return false;
    }
    candidate->item = item;
    candidate->fallback = fallback;
    return recommend_hashes_add(&flow->known, item->sku_hash, flow->candidate_count - 1,
                                flow->arena);
}

/* What the long lists add stands behind, so it is scored no higher than what is there. */
static enum status candidates_take(struct recommend_flow *flow,
                                   struct recommend_ranked *ranked)
{
    double floor = 1.0;
    if (flow->candidate_count > flow->name_count) {
        floor = flow->candidates[flow->candidate_count - 1].item->score;
    }
    for (uint32_t i = 0; i < ranked->item_count; i++) {
        struct recommend_ranked_item *item = &ranked->items[i];
        if (candidate_known(flow, item->sku_hash)) {
            continue;
        }
        item->score = item->score < floor ? item->score : floor;
        if (!candidate_add(flow, item, item->tier > 0)) {
            return STATUS_TOO_LARGE;
        }
    }
    return STATUS_OK;
}

/* --- Given items ------------------------------------------------------------------- */

static bool given_make(struct recommend_flow *flow)
{
    for (uint32_t i = 0; i < flow->plan.given_count; i++) {
        uint32_t place;
        if (!recommend_hashes_find(&flow->given, flow->plan.given[i], &place) &&
            !recommend_hashes_add(&flow->given, flow->plan.given[i], i, flow->arena)) {
            return false;
        }
    }
    return true;
}

/* Those that something speaks for, then the others as they were given. */
static enum status given_take(struct recommend_flow *flow,
                              const struct recommend_ranked *ranked)
{
    uint32_t place;
    for (uint32_t i = 0; i < ranked->item_count; i++) {
        const struct recommend_ranked_item *item = &ranked->items[i];
        if (recommend_hashes_find(&flow->given, item->sku_hash, &place) &&
            !candidate_add(flow, item, item->tier > 0)) {
            return STATUS_TOO_LARGE;
        }
    }
    for (uint32_t i = 0; i < flow->plan.given_count; i++) {
        struct recommend_ranked_item *item;
        if (candidate_known(flow, flow->plan.given[i])) {
            continue;
        }
        item = arena_zalloc(flow->arena, sizeof *item);
        if (item == NULL) {
            return STATUS_TOO_LARGE;
        }
        item->sku_hash = flow->plan.given[i];
        if (!candidate_add(flow, item, true)) {
            return STATUS_TOO_LARGE;
        }
    }
    return STATUS_OK;
}

enum status recommend_candidates_add(struct recommend_flow *flow, bool whole)
{
    struct recommend_ranked ranked;
    if (flow->plan.given_count > 0) {
        if (!given_make(flow)) {
            return STATUS_TOO_LARGE;
        }
        TRY(recommend_sources_rank(flow, true, &ranked));
        return given_take(flow, &ranked);
    }
    TRY(recommend_sources_rank(flow, whole, &ranked));
    return candidates_take(flow, &ranked);
}

bool recommend_candidates_list(struct recommend_flow *flow,
                               const struct recommend_reply *reply)
{
    for (uint32_t i = 0; i < reply->sku_count; i++) {
        uint64_t sku_hash = hash64(reply->skus[i].sku_id, flow->plan.map->hash_seed);
        struct recommend_ranked_item *item;
        if (reply->skus[i].state != SKU_STATE_ACTIVE || candidate_known(flow, sku_hash) ||
            recommend_hashes_has(flow->excluded, flow->excluded_count, sku_hash)) {
            continue;
        }
        item = arena_zalloc(flow->arena, sizeof *item);
        if (item == NULL) {
            return false;
        }
        item->sku_hash = sku_hash;
        item->reasons[0].kind = RECOMMEND_REASON_POPULAR;
        item->reasons[0].weight = 1.0;
        item->reason_count = 1;
        if (!candidate_add(flow, item, true)) {
            return false;
        }
    }
    return true;
}

/* --- Judging ----------------------------------------------------------------------- */

static const struct inventory_attribute *
diversity_attribute(const struct recommend_flow *flow, const struct inventory_sku *sku)
{
    for (uint32_t i = 0; i < sku->attribute_count; i++) {
        if (slice_equal(sku->attributes[i].name, flow->plan.diversity_attribute)) {
            return &sku->attributes[i];
        }
    }
    return NULL;
}

static bool attribute_equal(const struct inventory_attribute *a,
                            const struct inventory_attribute *b)
{
    return a != NULL && b != NULL && a->kind == b->kind && a->number == b->number &&
           slice_equal(a->text, b->text);
}

static bool category_equal(const struct inventory_sku *a, const struct inventory_sku *b)
{
    bool equal = a->category_count > 0 && a->category_count == b->category_count;
    for (uint32_t i = 0; equal && i < a->category_count; i++) {
        equal = slice_equal(a->categories[i], b->categories[i]);
    }
    return equal;
}

/* Of one group? */
static bool diversity_same(const struct recommend_flow *flow,
                           const struct inventory_sku *a, const struct inventory_sku *b)
{
    switch (flow->plan.diversity) {
    case RECOMMEND_DIVERSITY_BRAND:
        return a->brand.size > 0 && slice_equal(a->brand, b->brand);
    case RECOMMEND_DIVERSITY_CATEGORY:
        return category_equal(a, b);
    case RECOMMEND_DIVERSITY_PRODUCT:
        return a->product_id.size > 0 && slice_equal(a->product_id, b->product_id);
    case RECOMMEND_DIVERSITY_ATTRIBUTE:
    default:
        return attribute_equal(diversity_attribute(flow, a),
                               diversity_attribute(flow, b));
    }
}

/* Whether as many of its group are shown as may be. */
static bool diversity_full(const struct recommend_flow *flow,
                           const struct inventory_sku *sku)
{
    uint32_t group = 0;
    if (flow->plan.diversity_group_items_max == 0) {
        return false;
    }
    for (uint32_t i = 0; i < flow->shown_count; i++) {
        group += diversity_same(flow, sku, flow->shown[i].stock->sku);
    }
    return group >= flow->plan.diversity_group_items_max;
}

static bool candidate_sellable(const struct recommend_flow *flow,
                               const struct inventory_availability *stock)
{
    if (flow->plan.stock == RECOMMEND_STOCK_NONE || MUTANT(stock_unchecked)) {
        return stock->sku->state == SKU_STATE_ACTIVE;
    }
    return stock->sellable;
}

/* What keeps its owner's answer from letting it be shown: counted there. NULL: nothing. */
static uint32_t *candidate_cause(struct recommend_flow *flow,
                                 const struct recommend_candidate *candidate)
{
    const struct inventory_availability *stock = candidate->stock;
    if (stock == NULL) {
        return &flow->dropped.unanswered;
    }
    if (!stock->found || stock->sku == NULL || stock->sku->state != SKU_STATE_ACTIVE) {
        return &flow->dropped.not_listed;
    }
    if (!candidate_sellable(flow, stock)) {
        return &flow->dropped.not_sellable;
    }
    if (flow->plan.filter != NULL &&
        !flow->plan.filter(flow->plan.filter_context, stock->sku)) {
        return &flow->dropped.filtered;
    }
    return diversity_full(flow, stock->sku) ? &flow->dropped.not_diverse : NULL;
}

static void candidate_show(struct recommend_flow *flow,
                           const struct recommend_candidate *candidate)
{
    const struct inventory_availability *stock = candidate->stock;
    flow->shown[flow->shown_count++] = (struct recommend_shown){
        .item = candidate->item,
        .fallback = candidate->fallback,
        .sellable = stock != NULL && stock->found && stock->sku != NULL &&
                    candidate_sellable(flow, stock),
        .stock = stock,
        .reply = candidate->reply,
        .shard = candidate->shard};
}

void recommend_candidates_judge(struct recommend_flow *flow)
{
    while (flow->candidate_judge < flow->candidate_next) {
        const struct recommend_candidate *candidate =
            &flow->candidates[flow->candidate_judge];
        uint32_t *cause = NULL;
        if (flow->plan.given_count == 0) {
            if (flow->shown_count == flow->plan.count) {
                return;
            }
            cause = candidate_cause(flow, candidate);
        }
        flow->candidate_judge++;
        if (cause != NULL) {
            (*cause)++;
        } else {
            candidate_show(flow, candidate);
        }
    }
}
