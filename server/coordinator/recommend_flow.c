/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/recommend_flow.h"

#include <string.h>

#include "server/coordinator/fan_out.h"
#include "server/coordinator/recommend_flow_private.h"
#include "shard/base/assert.h"
#include "shard/recommend/evidence.h"

/* The picture of the header as a table: from where to where. */
static const uint32_t recommend_moves[RECOMMEND_STATES] = {
    [RECOMMEND_CONTEXT] = 1u << RECOMMEND_SEARCH | 1u << RECOMMEND_DONE,
    [RECOMMEND_SEARCH] = 1u << RECOMMEND_MERGE | 1u << RECOMMEND_DONE,
    [RECOMMEND_MERGE] = 1u << RECOMMEND_RANK | 1u << RECOMMEND_DONE,
    [RECOMMEND_RANK] =
        1u << RECOMMEND_RANK | 1u << RECOMMEND_CATALOGUE | 1u << RECOMMEND_DONE,
    [RECOMMEND_CATALOGUE] =
        1u << RECOMMEND_RANK | 1u << RECOMMEND_CATALOGUE | 1u << RECOMMEND_DONE,
    [RECOMMEND_DONE] = 0,
};

const char *recommend_state_text(enum recommend_state state)
{
    static const char *const texts[] = {
#define RECOMMEND_STATE_TEXT(name, text) [RECOMMEND_##name] = (text),
        RECOMMEND_STATE_TABLE(RECOMMEND_STATE_TEXT)
#undef RECOMMEND_STATE_TEXT
    };
    ASSERT(state < RECOMMEND_STATES);
    return texts[state];
}

static uint64_t recommend_stage_end(const struct recommend_flow *flow,
                                    enum recommend_state state)
{
    const struct recommend_plan *plan = &flow->plan;
    uint64_t width = plan->soft_us > flow->start_us ? plan->soft_us - flow->start_us : 0;
    uint64_t grace = flow->grace_used ? plan->grace_us - plan->soft_us : 0;
    if (state == RECOMMEND_CONTEXT) {
        return flow->start_us + width * RECOMMEND_FLOW_CONTEXT_PERCENT / 100;
    }
    if (state == RECOMMEND_SEARCH) {
        return flow->start_us + width * RECOMMEND_FLOW_SEARCH_PERCENT / 100 + grace;
    }
    return plan->soft_us + grace;
}

static void recommend_move(struct recommend_flow *flow, enum recommend_state to)
{
    ASSERT(recommend_moves[flow->state] & 1u << to);
    ASSERT(flow->asks_open == 0);
    flow->state = to;
    flow->round++;
    flow->ask_count = flow->ask_next = 0;
    flow->stage_end_us = recommend_stage_end(flow, to);
}

static void recommend_fail(struct recommend_flow *flow)
{
    flow->asks_open = 0;
    flow->status = STATUS_TOO_LARGE;
    if (flow->state != RECOMMEND_DONE) {
        recommend_move(flow, RECOMMEND_DONE);
    }
}

/* Room for the stage's asks; the stage fails past the arena's limit. */
static bool recommend_asks_reserve(struct recommend_flow *flow, uint32_t count)
{
    flow->asks = arena_zalloc(flow->arena, (count + 1) * sizeof *flow->asks);
    flow->answered = arena_zalloc(flow->arena, count + 1);
    flow->ask_count = flow->ask_next = flow->asks_open = 0;
    if (flow->asks == NULL || flow->answered == NULL) {
        recommend_fail(flow);
        return false;
    }
    return true;
}

static struct recommend_ask *recommend_ask_add(struct recommend_flow *flow,
                                               enum shard_map_table table, unsigned shard,
                                               struct moment now)
{
    struct recommend_ask *ask = &flow->asks[flow->ask_count];
    uint64_t grace = flow->grace_used ? 0 : flow->plan.grace_us - flow->plan.soft_us;
    ask->kind = flow->state;
    ask->round = flow->round;
    ask->slot = flow->ask_count++;
    ask->table = table;
    ask->shard = shard;
    ask->deadline_us = flow->stage_end_us + grace;
    ask->asked_us = now.monotonic_us;
    flow->asks_open++;
    return ask;
}

/* --- SEARCH ------------------------------------------------------------------------ */

static void recommend_search_enter(struct recommend_flow *flow, struct moment now)
{
    const struct recommend_plan *plan = &flow->plan;
    unsigned shards = shard_map_count(plan->map, SHARD_MAP_CUSTOMER);
    uint32_t newest = flow->click_count < RECOMMEND_CLICKS_MAX ? flow->click_count
                                                               : RECOMMEND_CLICKS_MAX;
    recommend_move(flow, RECOMMEND_SEARCH);
    flow->query = (struct recommend_query){
        .clicks = newest > 0 ? flow->clicks + (flow->click_count - newest) : NULL,
        .click_count = newest,
        .clicks_max = plan->neighbours.clicks_max,
        .candidates = plan->neighbours.candidates,
        .neighbours = plan->neighbours.neighbours,
        .bucket_count = SHARD_MAP_VIRTUAL_BUCKETS,
        .buckets = UINT64_MAX,
        .exclude_session = flow->own_session,
    };
    if (flow->click_count == 0 || !recommend_asks_reserve(flow, shards)) {
        return;
    }
    flow->partials = arena_alloc(flow->arena, shards * sizeof *flow->partials);
    if (flow->partials == NULL) {
        recommend_fail(flow);
        return;
    }
    coverage_ask(&flow->coverage, SHARD_MAP_CUSTOMER);
    for (unsigned i = 0; i < shards; i++) {
        const struct shard_range *range =
            shard_map_range(plan->map, SHARD_MAP_CUSTOMER, i);
        struct recommend_ask *ask = recommend_ask_add(flow, SHARD_MAP_CUSTOMER, i, now);
        struct recommend_customer_search *search =
            arena_zalloc(flow->arena, sizeof *search);
        if (search == NULL) {
            recommend_fail(flow);
            return;
        }
        search->sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS;
        search->neighbours = flow->query;
        search->neighbours.buckets =
            evidence_bucket_mask(range->start, range->end - 1, SHARD_MAP_VIRTUAL_BUCKETS);
        ask->customer_search = search;
    }
}

/* --- CONTEXT ----------------------------------------------------------------------- */

static void recommend_take_context(struct recommend_flow *flow,
                                   const struct customer_context *context)
{
    if (context->personalization_withdrawn) {
        return;
    }
    flow->own_session = context->session_hash;
    flow->clicks = context->clicks;
    flow->click_count = context->click_count;
    if (flow->plan.session_item_count > 0) {
        flow->clicks = flow->plan.session_items;
        flow->click_count = flow->plan.session_item_count;
    }
    flow->personal =
        flow->click_count > 0 ? RECOMMEND_PERSONAL_USED : RECOMMEND_PERSONAL_UNKNOWN;
}

/* --- RANK -------------------------------------------------------------------------- */

static uint32_t recommend_good_count(const struct recommend_flow *flow)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < flow->candidate_count && count < flow->plan.count; i++) {
        count += recommend_candidate_good(flow, &flow->candidates[i]);
    }
    return count;
}

/* Asks the owners of candidates [first, first + count). */
static void recommend_rank_ask(struct recommend_flow *flow, uint32_t first,
                               uint32_t count, struct moment now)
{
    const struct shard_map *map = flow->plan.map;
    unsigned shard_count = shard_map_count(map, SHARD_MAP_SKU);
    unsigned *shards = arena_alloc(flow->arena, (count + 1) * sizeof *shards);
    uint64_t *hashes = arena_alloc(flow->arena, (count + 1) * sizeof *hashes);
    uint32_t *places = arena_alloc(flow->arena, (count + 1) * sizeof *places);
    struct fan_groups groups;
    if (shards == NULL || hashes == NULL || places == NULL) {
        recommend_fail(flow);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        shards[i] =
            shard_map_find(map, SHARD_MAP_SKU, flow->candidates[first + i].sku_hash);
    }
    if (fan_groups_make(flow->arena, shards, count, shard_count, &groups) != STATUS_OK) {
        recommend_fail(flow);
        return;
    }
    if (!recommend_asks_reserve(flow, groups.count)) {
        return;
    }
    for (unsigned g = 0, filled = 0; g < groups.count; g++) {
        const struct fan_group *group = &groups.groups[g];
        struct recommend_ask *ask =
            recommend_ask_add(flow, SHARD_MAP_SKU, group->shard, now);
        ask->sku_hashes = hashes + filled;
        ask->candidates = places + filled;
        ask->sku_hash_count = group->count;
        for (uint32_t i = 0; i < group->count; i++, filled++) {
            places[filled] = first + group->items[i];
            hashes[filled] = flow->candidates[places[filled]].sku_hash;
        }
    }
}

/* No time was left to ask any owner. */
static void recommend_note_unranked(struct recommend_flow *flow)
{
    const struct coverage_range late = {.outcome = COVERAGE_TIMED_OUT};
    coverage_ask(&flow->coverage, SHARD_MAP_SKU);
    for (unsigned i = 0; i < shard_map_count(flow->plan.map, SHARD_MAP_SKU); i++) {
        coverage_note(&flow->coverage, SHARD_MAP_SKU, i, &late);
    }
}

static void recommend_done(struct recommend_flow *flow)
{
    uint32_t count = 0;
    flow->shown = arena_alloc(flow->arena, flow->plan.count * sizeof *flow->shown);
    if (flow->shown == NULL) {
        recommend_fail(flow);
        return;
    }
    if (flow->rounds_ranked == 0 && flow->source == 0) {
        recommend_note_unranked(flow);
    }
    for (uint32_t i = 0; i < flow->candidate_count && count < flow->plan.count; i++) {
        const struct recommend_candidate *candidate = &flow->candidates[i];
        if (recommend_candidate_good(flow, candidate)) {
            flow->shown[count++] = (struct recommend_shown){.item = candidate->item,
                                                            .stock = candidate->stock,
                                                            .reply = candidate->reply,
                                                            .shard = candidate->shard};
        }
    }
    flow->shown_count = count;
    flow->status = coverage_fraction(&flow->coverage) < flow->plan.min_coverage
                       ? STATUS_COVERAGE_BELOW_MINIMUM
                       : STATUS_OK;
    recommend_move(flow, RECOMMEND_DONE);
}

/* Begins a round of RANK: the next candidates, some more than are missing. False when
 * there are none left to ask. */
static bool recommend_rank_round(struct recommend_flow *flow, struct moment now)
{
    uint32_t missing = flow->plan.count - recommend_good_count(flow);
    uint32_t wanted = missing + missing / 2 + 10;
    uint32_t first = flow->candidate_next, left;
    if (flow->candidate_next == 0) {
        wanted += RECOMMEND_CLICKS_MAX; /* the names of the query's items come first */
    }
    while (flow->candidate_count - first < wanted && recommend_candidates_more(flow)) {
    }
    left = flow->candidate_count - first;
    if (left == 0) {
        return false;
    }
    flow->rounds_ranked++;
    flow->candidate_next = first + (left < wanted ? left : wanted);
    coverage_ask(&flow->coverage, SHARD_MAP_SKU);
    recommend_move(flow, RECOMMEND_RANK);
    recommend_rank_ask(flow, first, flow->candidate_next - first, now);
    return true;
}

static bool recommend_catalogue_ask(struct recommend_flow *flow, struct moment now)
{
    if (flow->catalogue_shard >= shard_map_count(flow->plan.map, SHARD_MAP_SKU)) {
        return false;
    }
    coverage_ask(&flow->coverage, SHARD_MAP_SKU);
    recommend_move(flow, RECOMMEND_CATALOGUE);
    if (recommend_asks_reserve(flow, 1)) {
        struct recommend_ask *ask =
            recommend_ask_add(flow, SHARD_MAP_SKU, flow->catalogue_shard, now);
        ask->page_token = flow->catalogue_token;
    }
    return true;
}

/* After a round: another one, the catalogue, or the end. */
static void recommend_rank_next(struct recommend_flow *flow, struct moment now)
{
    bool late = now.monotonic_us >= flow->stage_end_us ||
                flow->rounds_ranked >= RECOMMEND_FLOW_ROUNDS_MAX;
    uint32_t good = recommend_good_count(flow);
    if (good < flow->plan.count && !late && recommend_rank_round(flow, now)) {
        return;
    }
    if (good == 0 && !late && recommend_catalogue_ask(flow, now)) {
        return;
    }
    if (flow->state != RECOMMEND_DONE) {
        recommend_done(flow);
    }
}

/* --- Driving ----------------------------------------------------------------------- */

/* The stage is over: what comes after it. */
static void recommend_step(struct recommend_flow *flow, struct moment now)
{
    switch (flow->state) {
    case RECOMMEND_CONTEXT:
        recommend_search_enter(flow, now);
        return;
    case RECOMMEND_SEARCH:
        recommend_move(flow, RECOMMEND_MERGE);
        return;
    case RECOMMEND_MERGE:
        if (!recommend_candidates_begin(flow)) {
            recommend_fail(flow);
            return;
        }
        recommend_move(flow, RECOMMEND_RANK);
        return;
    case RECOMMEND_RANK:
    case RECOMMEND_CATALOGUE:
        recommend_rank_next(flow, now);
        return;
    case RECOMMEND_TOKENS:
    case RECOMMEND_DONE:
    case RECOMMEND_STATES:
        UNREACHABLE();
    }
}

static void recommend_run(struct recommend_flow *flow, struct moment now)
{
    while (flow->state != RECOMMEND_DONE && flow->asks_open == 0) {
        recommend_step(flow, now);
    }
}

void recommend_flow_start(struct recommend_flow *flow, const struct recommend_plan *plan,
                          const struct recommend_tables *tables, struct arena *arena,
                          struct moment now)
{
    ASSERT(plan->count > 0 && plan->count <= RECOMMEND_FLOW_COUNT_MAX);
    ASSERT(plan->grace_us >= plan->soft_us);
    *flow = (struct recommend_flow){.plan = *plan,
                                    .arena = arena,
                                    .tables = *tables,
                                    .state = RECOMMEND_CONTEXT,
                                    .start_us = now.monotonic_us,
                                    .wall_ms = now.wall_ms,
                                    .round = 1};
    flow->stage_end_us = recommend_stage_end(flow, RECOMMEND_CONTEXT);
    if (!coverage_init(&flow->coverage, plan->map, arena)) {
        recommend_fail(flow);
        return;
    }
    if (plan->has_actor) {
        if (recommend_asks_reserve(flow, 1)) {
            recommend_ask_add(
                flow, SHARD_MAP_CUSTOMER,
                shard_map_find(plan->map, SHARD_MAP_CUSTOMER, customer_hash(plan->actor)),
                now);
        }
        return;
    }
    flow->clicks = plan->session_items;
    flow->click_count = plan->session_item_count;
    recommend_search_enter(flow, now);
    recommend_run(flow, now);
}

const struct recommend_ask *recommend_flow_next(struct recommend_flow *flow)
{
    if (flow->state == RECOMMEND_DONE || flow->ask_next == flow->ask_count) {
        return NULL;
    }
    return &flow->asks[flow->ask_next++];
}

static void recommend_note(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply, struct moment now)
{
    struct coverage_range what = {.outcome = coverage_outcome_of(reply->status),
                                  .applied_index = reply->applied_index,
                                  .log_time_ms = reply->log_time_ms,
                                  .elapsed_us = now.monotonic_us - ask->asked_us};
    if (ask->kind == RECOMMEND_SEARCH && reply->status == STATUS_OK) {
        what.candidates = reply->customer->neighbours.item_count;
    } else if (ask->kind == RECOMMEND_RANK) {
        what.candidates = ask->sku_hash_count;
    }
    /* The context is one row of a shard, no part of what was searched. */
    if (ask->kind != RECOMMEND_CONTEXT) {
        coverage_note(&flow->coverage, ask->table, ask->shard, &what);
    }
}

static void recommend_take_stock(struct recommend_flow *flow,
                                 const struct recommend_ask *ask,
                                 const struct recommend_reply *reply)
{
    struct recommend_reply *copy =
        arena_copy(flow->arena, reply, sizeof(struct recommend_reply));
    if (copy == NULL || reply->availability_count != ask->sku_hash_count) {
        return;
    }
    for (uint32_t i = 0; i < ask->sku_hash_count; i++) {
        struct recommend_candidate *candidate = &flow->candidates[ask->candidates[i]];
        candidate->stock = &reply->availabilities[i];
        candidate->reply = copy;
        candidate->shard = ask->shard;
    }
}

static void recommend_take_list(struct recommend_flow *flow,
                                const struct recommend_reply *reply)
{
    recommend_candidates_list(flow, reply);
    flow->catalogue_token = reply->next_page_token;
    if (flow->catalogue_token.size == 0) {
        flow->catalogue_shard++;
    }
}

static void recommend_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply)
{
    switch (ask->kind) {
    case RECOMMEND_CONTEXT:
        recommend_take_context(flow, reply->context);
        break;
    case RECOMMEND_SEARCH:
        flow->partials[flow->partial_count++] = &reply->customer->neighbours;
        break;
    case RECOMMEND_RANK:
        recommend_take_stock(flow, ask, reply);
        break;
    case RECOMMEND_CATALOGUE:
        recommend_take_list(flow, reply);
        break;
    case RECOMMEND_TOKENS:
    case RECOMMEND_MERGE:
    case RECOMMEND_DONE:
    case RECOMMEND_STATES:
        UNREACHABLE();
    }
}

void recommend_flow_answer(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply, struct moment now)
{
    if (flow->state == RECOMMEND_DONE || ask->round != flow->round ||
        flow->answered[ask->slot]) {
        return;
    }
    flow->answered[ask->slot] = true;
    recommend_note(flow, ask, reply, now);
    if (reply->status == STATUS_OK) {
        recommend_take(flow, ask, reply);
    } else if (ask->kind == RECOMMEND_CATALOGUE) {
        flow->catalogue_shard++;
        flow->catalogue_token = slice_of(NULL, 0);
    }
    flow->asks_open--;
    recommend_run(flow, now);
}

/* A stage that ends below min_coverage may use the grace, once. */
static bool recommend_take_grace(struct recommend_flow *flow)
{
    double open = 0.0;
    if (flow->grace_used || flow->plan.grace_us == flow->plan.soft_us ||
        flow->state == RECOMMEND_CONTEXT) {
        return false;
    }
    for (uint32_t i = 0; i < flow->ask_count; i++) {
        if (!flow->answered[i]) {
            open += shard_range_share(shard_map_range(flow->plan.map, flow->asks[i].table,
                                                      flow->asks[i].shard));
        }
    }
    if (coverage_fraction(&flow->coverage) - open >= flow->plan.min_coverage) {
        return false;
    }
    flow->grace_used = true;
    flow->stage_end_us = recommend_stage_end(flow, flow->state);
    return true;
}

void recommend_flow_tick(struct recommend_flow *flow, struct moment now)
{
    if (flow->state != RECOMMEND_DONE && flow->asks_open > 0 &&
        now.monotonic_us >= flow->stage_end_us && !recommend_take_grace(flow)) {
        const struct recommend_reply late = {.status = STATUS_OUTCOME_UNKNOWN};
        for (uint32_t i = 0; i < flow->ask_count; i++) {
            if (!flow->answered[i]) {
                recommend_note(flow, &flow->asks[i], &late, now);
                flow->answered[i] = true;
            }
        }
        flow->asks_open = 0;
        if (flow->state == RECOMMEND_CATALOGUE) {
            flow->catalogue_shard++;
        }
    }
    recommend_run(flow, now);
}

uint64_t recommend_flow_due(const struct recommend_flow *flow)
{
    return flow->state == RECOMMEND_DONE ? UINT64_MAX : flow->stage_end_us;
}

bool recommend_flow_done(const struct recommend_flow *flow)
{
    return flow->state == RECOMMEND_DONE;
}

struct slice recommend_flow_sku_id(const struct recommend_flow *flow, uint64_t sku_hash)
{
    for (uint32_t i = 0; i < flow->candidate_count; i++) {
        const struct recommend_candidate *candidate = &flow->candidates[i];
        if (candidate->sku_hash == sku_hash && candidate->stock != NULL &&
            candidate->stock->found && candidate->stock->sku != NULL) {
            return candidate->stock->sku->sku_id;
        }
    }
    return slice_of(NULL, 0);
}
