/* SPDX-License-Identifier: Apache-2.0 */
/* What each stage asks of whom, and what it takes from the answers. */
#include <string.h>

#include "server/coordinator/fan_out.h"
#include "server/coordinator/recommend_flow_private.h"
#include "shard/base/assert.h"
#include "shard/recommend/evidence.h"

/* A shard that failed this answer once is not waited for again. */
static bool shard_lost(const struct recommend_flow *flow, enum shard_map_table table,
                       unsigned shard)
{
    enum coverage_outcome outcome = flow->coverage.ranges[table][shard].outcome;
    return outcome == COVERAGE_TIMED_OUT || outcome == COVERAGE_UNREACHABLE ||
           outcome == COVERAGE_SHED;
}

static bool source_has(const struct recommend_flow *flow, uint32_t source)
{
    return (flow->asked & RECOMMEND_SOURCE_BIT(source)) != 0;
}

/* --- Tiers ------------------------------------------------------------------------- */

/* Whether the source has what it needs. */
static bool source_ready(const struct recommend_flow *flow, enum recommend_source source)
{
    switch (recommend_source_needs(source)) {
    case RECOMMEND_NEEDS_CLICKS:
        return flow->query.click_count > 0;
    case RECOMMEND_NEEDS_SEEDS:
        return flow->seed_count > 0;
    case RECOMMEND_NEEDS_HISTORY:
        return flow->action_count > 0;
    case RECOMMEND_NEEDS_NOTHING:
        break;
    }
    return true;
}

/* The sources of tiers [first, end) that can be asked. */
static uint32_t tier_sources(const struct recommend_flow *flow, uint32_t first,
                             uint32_t end)
{
    const struct placement *placement = flow->plan.placement;
    uint32_t set = 0;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        const struct placement_source *source = &placement->sources[i];
        if (source->tier >= first && source->tier < end &&
            source_ready(flow, source->source)) {
            set |= RECOMMEND_SOURCE_BIT(source->source);
        }
    }
    return set;
}

bool recommend_tier_local(const struct recommend_flow *flow, uint32_t tier)
{
    return (tier_sources(flow, tier, tier + 1) &
            (RECOMMEND_CUSTOMER_SOURCES | RECOMMEND_SKU_SOURCES)) == 0;
}

/* --- One frame to each owner of some hashes ---------------------------------------- */

/* Asks the owners of `count` SKUs, `hashes[i]` standing for the place first + i. */
static void owners_ask(struct recommend_flow *flow, const uint64_t *hashes,
                       uint32_t first, uint32_t count)
{
    const struct shard_map *map = flow->plan.map;
    unsigned shard_count = shard_map_count(map, SHARD_MAP_SKU);
    unsigned *shards = arena_alloc(flow->arena, (count + 1) * sizeof *shards);
    uint64_t *asked = arena_alloc(flow->arena, (count + 1) * sizeof *asked);
    uint32_t *places = arena_alloc(flow->arena, (count + 1) * sizeof *places);
    struct fan_groups groups;
    if (shards == NULL || asked == NULL || places == NULL) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        shards[i] = shard_map_find(map, SHARD_MAP_SKU, hashes[i]);
    }
    if (fan_groups_make(flow->arena, shards, count, shard_count, &groups) != STATUS_OK) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return;
    }
    if (!recommend_asks_reserve(flow, groups.count)) {
        return;
    }
    coverage_ask(&flow->coverage, SHARD_MAP_SKU);
    for (unsigned g = 0, filled = 0; g < groups.count; g++) {
        const struct fan_group *group = &groups.groups[g];
        if (shard_lost(flow, SHARD_MAP_SKU, group->shard)) {
            continue;
        }
        struct recommend_ask *ask = recommend_ask_add(flow, SHARD_MAP_SKU, group->shard);
        ask->sku_hashes = asked + filled;
        ask->candidates = places + filled;
        ask->sku_hash_count = group->count;
        ask->stock = flow->plan.stock;
        for (uint32_t i = 0; i < group->count; i++, filled++) {
            places[filled] = first + group->items[i];
            asked[filled] = hashes[group->items[i]];
        }
    }
}

/* --- TOKENS ------------------------------------------------------------------------ */

void recommend_tier_enter(struct recommend_flow *flow)
{
    bool first = flow->tier_end == 0;
    ASSERT(flow->tier_end < flow->tier_count);
    flow->tier = flow->tier_end;
    flow->tier_end = flow->plan.given_count > 0 ? flow->tier_count : flow->tier + 1;
    flow->asked = tier_sources(flow, flow->tier, flow->tier_end);
    ASSERT(first || flow->plan.given_count == 0);
    if (source_has(flow, RECOMMEND_SOURCE_CONTENT) && !flow->tokens_asked) {
        uint32_t count =
            flow->seed_count < CONTENT_SEEDS_MAX ? flow->seed_count : CONTENT_SEEDS_MAX;
        flow->tokens_asked = true;
        recommend_move(flow, RECOMMEND_TOKENS);
        owners_ask(flow, flow->seed_hashes, 0, count);
        return;
    }
    recommend_search_enter(flow);
}

bool recommend_tokens_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply)
{
    if (reply->tokens == NULL || reply->tokens_count != ask->sku_hash_count) {
        return false;
    }
    for (uint32_t i = 0; i < ask->sku_hash_count; i++) {
        if (reply->tokens[i].token_count <= CONTENT_TOKENS_MAX) {
            flow->seed_tokens[ask->candidates[i]] = reply->tokens[i];
        }
    }
    return true;
}

/* --- SEARCH ------------------------------------------------------------------------ */

/* Seeds whose attributes are known; the first of them weighs most. */
static void content_query_make(struct recommend_flow *flow)
{
    struct content_query *query = &flow->sku_search.content;
    uint32_t wanted = recommend_content_length(flow) + flow->excluded_count;
    if (flow->plan.given_count > 0 || wanted > RECOMMEND_COUNT_MAX) {
        wanted = RECOMMEND_COUNT_MAX;
    }
    *query = (struct content_query){
        .count = wanted,
        .reach = flow->plan.content_reach,
        .bucket_count = SHARD_MAP_VIRTUAL_BUCKETS,
        .buckets = UINT64_MAX,
    };
    for (uint32_t i = 0; i < flow->seed_count && i < CONTENT_SEEDS_MAX; i++) {
        const struct recommend_tokens *tokens = &flow->seed_tokens[i];
        if (tokens->token_count > 0) {
            query->seeds[query->seed_count++] =
                (struct content_seed){.sku_hash = flow->seed_hashes[i],
                                      .tokens = tokens->tokens,
                                      .token_count = tokens->token_count,
                                      .weight = CONTENT_SEEDS_MAX - i};
        }
    }
}

static struct walk_query walk_query_make(const struct recommend_flow *flow,
                                         uint32_t window)
{
    const struct recommend_plan *plan = &flow->plan;
    return (struct walk_query){.seeds = flow->seed_hashes,
                               .seed_count = flow->seed_count,
                               .customers = plan->walk.customers,
                               .power_quarters = plan->walk.power_quarters,
                               .window = window,
                               .bucket_count = plan->bucket_count,
                               .buckets = UINT64_MAX,
                               .exclude_customer = plan->has_actor,
                               .customer = plan->actor};
}

static void search_fill(struct recommend_flow *flow)
{
    if (source_has(flow, RECOMMEND_SOURCE_CONTENT)) {
        content_query_make(flow);
        if (flow->sku_search.content.seed_count == 0) {
            flow->asked &= ~RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_CONTENT);
        }
    }
    flow->sku_search.sources = flow->asked & RECOMMEND_SKU_SOURCES;
    flow->sku_search.arrivals_pool = flow->plan.arrivals.pool;
    flow->customer_search.sources = flow->asked & RECOMMEND_CUSTOMER_SOURCES;
    flow->customer_search.neighbours = flow->query;
    flow->customer_search.walk = walk_query_make(flow, 0);
    flow->customer_search.walk_then = walk_query_make(flow, flow->plan.walk.window);
}

static void search_note_asked(struct recommend_flow *flow)
{
    const struct placement *placement = flow->plan.placement;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        if (placement->sources[i].tier >= flow->tier &&
            placement->sources[i].tier < flow->tier_end &&
            source_has(flow, placement->sources[i].source)) {
            flow->sources[i].asked = true;
        }
    }
}

static void search_ask_customers(struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    unsigned shards = shard_map_count(plan->map, SHARD_MAP_CUSTOMER);
    struct recommend_customer_search *frames =
        arena_alloc(flow->arena, shards * sizeof *frames);
    if (frames == NULL) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return;
    }
    coverage_ask(&flow->coverage, SHARD_MAP_CUSTOMER);
    for (unsigned i = 0; i < shards; i++) {
        const struct shard_range *range =
            shard_map_range(plan->map, SHARD_MAP_CUSTOMER, i);
        uint64_t buckets =
            evidence_bucket_mask(range->start, range->end - 1, plan->bucket_count);
        if (shard_lost(flow, SHARD_MAP_CUSTOMER, i)) {
            continue;
        }
        frames[i] = flow->customer_search;
        frames[i].neighbours.buckets = buckets;
        frames[i].walk.buckets = buckets;
        frames[i].walk_then.buckets = buckets;
        recommend_ask_add(flow, SHARD_MAP_CUSTOMER, i)->customer_search = &frames[i];
    }
}

/* A late shard of an earlier tier may still be reading its own question. */
static void search_ask_skus(struct recommend_flow *flow)
{
    const struct recommend_sku_search *frame =
        arena_copy(flow->arena, &flow->sku_search, sizeof flow->sku_search);
    if (frame == NULL) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return;
    }
    coverage_ask(&flow->coverage, SHARD_MAP_SKU);
    for (unsigned i = 0; i < shard_map_count(flow->plan.map, SHARD_MAP_SKU); i++) {
        if (!shard_lost(flow, SHARD_MAP_SKU, i)) {
            recommend_ask_add(flow, SHARD_MAP_SKU, i)->sku_search = frame;
        }
    }
}

void recommend_search_enter(struct recommend_flow *flow)
{
    const struct shard_map *map = flow->plan.map;
    uint32_t most = 0;
    search_fill(flow);
    search_note_asked(flow);
    flow->heard_count = 0;
    if (flow->customer_search.sources != 0) {
        most += shard_map_count(map, SHARD_MAP_CUSTOMER);
    }
    if (flow->sku_search.sources != 0) {
        most += shard_map_count(map, SHARD_MAP_SKU);
    }
    if (most == 0) {
        recommend_move(flow, RECOMMEND_MERGE);
        return;
    }
    recommend_move(flow, RECOMMEND_SEARCH);
    flow->heard = arena_alloc(flow->arena, most * sizeof *flow->heard);
    if (flow->heard == NULL) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return;
    }
    if (!recommend_asks_reserve(flow, most)) {
        return;
    }
    if (flow->customer_search.sources != 0) {
        search_ask_customers(flow);
    }
    if (flow->state == RECOMMEND_SEARCH && flow->sku_search.sources != 0) {
        search_ask_skus(flow);
    }
}

/* Sums of another shape can be of no use, and must not spoil what the others said. */
static uint32_t customer_fits(const struct recommend_flow *flow,
                              const struct recommend_customer_found *found)
{
    const uint32_t neighbours = RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_NEIGHBOURS);
    const uint32_t walk = RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_WALK);
    const uint32_t then = RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_WALK_THEN);
    uint32_t sources = found->sources & flow->customer_search.sources;
    struct recommend_items items;
    recommend_query_items(&flow->query, &items);
    if ((sources & neighbours) &&
        (found->neighbours.related != items.count ||
         found->neighbours.bucket_count != flow->query.bucket_count)) {
        sources &= ~neighbours;
    }
    if ((sources & walk) && (found->walk.seed_count != flow->seed_count ||
                             found->walk.bucket_count != flow->plan.bucket_count)) {
        sources &= ~walk;
    }
    if ((sources & then) && (found->walk_then.seed_count != flow->seed_count ||
                             found->walk_then.bucket_count != flow->plan.bucket_count)) {
        sources &= ~then;
    }
    return sources;
}

static uint32_t sku_fits(const struct recommend_flow *flow,
                         const struct recommend_sku_found *found)
{
    const uint32_t content = RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_CONTENT);
    uint32_t sources = found->sources & flow->sku_search.sources;
    if ((sources & content) &&
        (found->content.related != flow->sku_search.content.seed_count ||
         found->content.item_count > flow->sku_search.content.count)) {
        sources &= ~content;
    }
    return sources;
}

bool recommend_search_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply)
{
    struct recommend_heard heard = {0};
    uint32_t wanted = 0;
    if (ask->customer_search != NULL) {
        wanted = ask->customer_search->sources;
        heard.customer = reply->customer;
        heard.sources = reply->customer ? customer_fits(flow, reply->customer) : 0;
    } else {
        wanted = ask->sku_search->sources;
        heard.sku = reply->sku;
        heard.sources = reply->sku ? sku_fits(flow, reply->sku) : 0;
    }
    if (heard.sources != 0) {
        flow->heard[flow->heard_count++] = heard;
    }
    return heard.sources == wanted;
}

static uint64_t walk_votes_count(const struct walk_partial *partial)
{
    uint64_t count = 0;
    for (uint32_t s = 0; s < partial->seed_count; s++) {
        count += partial->seeds[s].count;
    }
    return count;
}

uint64_t recommend_search_candidates(const struct recommend_ask *ask,
                                     const struct recommend_reply *reply)
{
    const struct recommend_customer_found *customer = reply->customer;
    const struct recommend_sku_found *sku = reply->sku;
    uint32_t sources = 0;
    uint64_t count = 0;
    if (ask->customer_search != NULL && customer != NULL) {
        sources = customer->sources & ask->customer_search->sources;
    } else if (ask->sku_search != NULL && sku != NULL) {
        sources = sku->sources & ask->sku_search->sources;
    }
    if (sources & RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_NEIGHBOURS)) {
        count += customer->neighbours.item_count;
    }
    if (sources & RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_WALK)) {
        count += walk_votes_count(&customer->walk);
    }
    if (sources & RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_WALK_THEN)) {
        count += walk_votes_count(&customer->walk_then);
    }
    if (sources & RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_CONTENT)) {
        count += sku->content.item_count;
    }
    if (sources & RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_ARRIVALS)) {
        count += sku->arrivals.item_count;
    }
    return count;
}

/* --- RANK -------------------------------------------------------------------------- */

void recommend_rank_enter(struct recommend_flow *flow, uint32_t count)
{
    uint32_t first = flow->candidate_next;
    uint64_t *hashes = arena_alloc(flow->arena, (count + 1) * sizeof *hashes);
    ASSERT(count > 0 && first + count <= flow->candidate_count);
    recommend_move(flow, RECOMMEND_RANK);
    if (hashes == NULL) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        hashes[i] = flow->candidates[first + i].sku_hash;
    }
    flow->rounds_ranked++;
    flow->candidate_next = first + count;
    owners_ask(flow, hashes, first, count);
}

bool recommend_stock_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                          const struct recommend_reply *reply)
{
    struct recommend_reply *copy = arena_copy(flow->arena, reply, sizeof *reply);
    if (copy == NULL || reply->availability_count != ask->sku_hash_count) {
        return false;
    }
    for (uint32_t i = 0; i < ask->sku_hash_count; i++) {
        struct recommend_candidate *candidate = &flow->candidates[ask->candidates[i]];
        candidate->stock = &reply->availabilities[i];
        candidate->reply = copy;
        candidate->shard = ask->shard;
    }
    return true;
}

/* --- CATALOGUE --------------------------------------------------------------------- */

bool recommend_catalogue_enter(struct recommend_flow *flow)
{
    unsigned shards = shard_map_count(flow->plan.map, SHARD_MAP_SKU);
    while (flow->catalogue_shard < shards &&
           shard_lost(flow, SHARD_MAP_SKU, flow->catalogue_shard)) {
        recommend_catalogue_skip(flow);
    }
    if (flow->catalogue_shard >= shards) {
        return false;
    }
    flow->catalogue_used = true;
    coverage_ask(&flow->coverage, SHARD_MAP_SKU);
    recommend_move(flow, RECOMMEND_CATALOGUE);
    if (recommend_asks_reserve(flow, 1)) {
        recommend_ask_add(flow, SHARD_MAP_SKU, flow->catalogue_shard)->page_token =
            flow->catalogue_token;
    }
    return true;
}

bool recommend_catalogue_take(struct recommend_flow *flow,
                              const struct recommend_reply *reply)
{
    flow->catalogue_token = reply->next_page_token;
    if (flow->catalogue_token.size == 0) {
        flow->catalogue_shard++;
    }
    if (!recommend_candidates_list(flow, reply)) {
        recommend_fail(flow, STATUS_TOO_LARGE);
    }
    return true;
}

void recommend_catalogue_skip(struct recommend_flow *flow)
{
    flow->catalogue_shard++;
    flow->catalogue_token = slice_of(NULL, 0);
}
