/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/recommend_flow.h"

#include "server/coordinator/recommend_flow_private.h"
#include "shard/base/assert.h"

#define MOVE(state) (1u << RECOMMEND_##state)

/* The picture of the header as a table: from where to where. */
static const uint32_t recommend_moves[RECOMMEND_STATES] = {
    [RECOMMEND_CONTEXT] = MOVE(TOKENS) | MOVE(SEARCH) | MOVE(MERGE) | MOVE(DONE),
    [RECOMMEND_TOKENS] = MOVE(SEARCH) | MOVE(MERGE) | MOVE(DONE),
    [RECOMMEND_SEARCH] = MOVE(MERGE) | MOVE(DONE),
    [RECOMMEND_MERGE] = MOVE(TOKENS) | MOVE(SEARCH) | MOVE(MERGE) | MOVE(RANK) |
                        MOVE(CATALOGUE) | MOVE(DONE),
    [RECOMMEND_RANK] = MOVE(TOKENS) | MOVE(SEARCH) | MOVE(MERGE) | MOVE(RANK) |
                       MOVE(CATALOGUE) | MOVE(DONE),
    [RECOMMEND_CATALOGUE] = MOVE(RANK) | MOVE(CATALOGUE) | MOVE(DONE),
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

/* --- Time -------------------------------------------------------------------------- */

static uint64_t recommend_grace_us(const struct recommend_flow *flow)
{
    return flow->plan.grace_us - flow->plan.soft_us;
}

uint64_t recommend_limit_us(const struct recommend_flow *flow)
{
    return flow->plan.soft_us + (flow->grace_used ? recommend_grace_us(flow) : 0);
}

/* When a stage of the first tier ends: a part of the whole. */
static uint64_t recommend_part_first(const struct recommend_flow *flow, uint64_t percent)
{
    uint64_t soft_us = flow->plan.soft_us;
    uint64_t width_us = soft_us > flow->start_us ? soft_us - flow->start_us : 0;
    return flow->start_us + width_us * percent / 100 +
           (flow->grace_used ? recommend_grace_us(flow) : 0);
}

/* When one ends that begins now: a part of what is left. */
static uint64_t recommend_part_left(const struct recommend_flow *flow, uint64_t percent)
{
    uint64_t limit_us = recommend_limit_us(flow);
    uint64_t left_us = limit_us > flow->now_us ? limit_us - flow->now_us : 0;
    return flow->now_us + left_us * percent / 100;
}

static uint64_t recommend_stage_end(const struct recommend_flow *flow,
                                    enum recommend_state state)
{
    switch (state) {
    case RECOMMEND_CONTEXT:
        return recommend_part_first(flow, RECOMMEND_FLOW_CONTEXT_PERCENT);
    case RECOMMEND_TOKENS:
        return flow->tier == 0
                   ? recommend_part_first(flow, RECOMMEND_FLOW_TOKENS_PERCENT)
                   : recommend_part_left(flow, RECOMMEND_FLOW_LATER_TOKENS_PERCENT);
    case RECOMMEND_SEARCH:
        return flow->tier == 0
                   ? recommend_part_first(flow, RECOMMEND_FLOW_SEARCH_PERCENT)
                   : recommend_part_left(flow, RECOMMEND_FLOW_LATER_SEARCH_PERCENT);
    case RECOMMEND_RANK:
    case RECOMMEND_CATALOGUE:
        return recommend_part_left(flow, RECOMMEND_FLOW_RANK_PERCENT);
    case RECOMMEND_MERGE:
    case RECOMMEND_DONE:
        return recommend_limit_us(flow);
    case RECOMMEND_STATES:
        break;
    }
    UNREACHABLE();
}

/* --- Moving ------------------------------------------------------------------------ */

static void recommend_stage_begin(struct recommend_flow *flow, enum recommend_state state)
{
    struct recommend_stage_report *report = &flow->stages[state];
    uint64_t limit_us = recommend_limit_us(flow);
    flow->state = state;
    flow->round++;
    flow->ask_count = flow->ask_next = 0;
    flow->stage_start_us = flow->now_us;
    flow->stage_end_us = recommend_stage_end(flow, state);
    if (report->rounds++ == 0) {
        uint64_t end_us = state == RECOMMEND_RANK ? limit_us : flow->stage_end_us;
        report->allowed_us = end_us > flow->now_us ? end_us - flow->now_us : 0;
    }
}

static void recommend_stage_close(struct recommend_flow *flow)
{
    flow->stages[flow->state].elapsed_us += flow->now_us - flow->stage_start_us;
}

void recommend_move(struct recommend_flow *flow, enum recommend_state to)
{
    ASSERT(recommend_moves[flow->state] & 1u << to);
    ASSERT(flow->asks_open == 0);
    recommend_stage_close(flow);
    recommend_stage_begin(flow, to);
}

void recommend_fail(struct recommend_flow *flow, enum status status)
{
    flow->asks_open = 0;
    flow->shown_count = 0;
    if (flow->state != RECOMMEND_DONE) {
        flow->status = status;
        recommend_move(flow, RECOMMEND_DONE);
    }
}

bool recommend_asks_reserve(struct recommend_flow *flow, uint32_t count)
{
    flow->asks = arena_alloc(flow->arena, (count + 1) * sizeof *flow->asks);
    flow->answered = arena_zalloc(flow->arena, count + 1);
    flow->ask_count = flow->ask_next = flow->asks_open = 0;
    if (flow->asks == NULL || flow->answered == NULL) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return false;
    }
    return true;
}

struct recommend_ask *recommend_ask_add(struct recommend_flow *flow,
                                        enum shard_map_table table, unsigned shard)
{
    struct recommend_ask *ask = &flow->asks[flow->ask_count];
    uint64_t grace_us = flow->grace_used ? 0 : recommend_grace_us(flow);
    *ask = (struct recommend_ask){.kind = flow->state,
                                  .round = flow->round,
                                  .slot = flow->ask_count++,
                                  .table = table,
                                  .shard = shard,
                                  .deadline_us = flow->stage_end_us + grace_us,
                                  .asked_us = flow->now_us};
    flow->asks_open++;
    return ask;
}

/* --- What comes next --------------------------------------------------------------- */

/* No time was left to ask any owner. */
static void recommend_note_unranked(struct recommend_flow *flow)
{
    const struct coverage_range late = {.outcome = COVERAGE_TIMED_OUT};
    coverage_ask(&flow->coverage, SHARD_MAP_SKU);
    for (unsigned i = 0; i < shard_map_count(flow->plan.map, SHARD_MAP_SKU); i++) {
        coverage_note(&flow->coverage, SHARD_MAP_SKU, i, &late);
    }
}

static void recommend_done(struct recommend_flow *flow, bool late)
{
    if (late && flow->rounds_ranked == 0) {
        recommend_note_unranked(flow);
    }
    flow->status = coverage_fraction(&flow->coverage) < flow->plan.min_coverage
                       ? STATUS_COVERAGE_BELOW_MINIMUM
                       : STATUS_OK;
    recommend_move(flow, RECOMMEND_DONE);
}

/* How many candidates the next round of RANK asks for: some more than are missing. */
static uint32_t recommend_wanted(const struct recommend_flow *flow)
{
    uint32_t missing = flow->plan.count - flow->shown_count;
    return flow->catalogue_used ? RECOMMEND_FLOW_CATALOGUE_PAGE
                                : missing + missing / 4 + 4;
}

static void recommend_rank_next(struct recommend_flow *flow, uint32_t wanted)
{
    uint32_t left = flow->candidate_count - flow->candidate_next;
    if (flow->candidate_next == 0) {
        wanted += flow->name_count;
    }
    recommend_rank_enter(flow, left < wanted ? left : wanted);
}

/* All that was given is asked for in one round. */
static void recommend_next_given(struct recommend_flow *flow)
{
    bool late = flow->now_us >= recommend_limit_us(flow);
    if (flow->rounds_ranked == 0 && !late) {
        recommend_rank_next(flow, flow->candidate_count);
        return;
    }
    flow->candidate_next = flow->candidate_count;
    recommend_candidates_judge(flow);
    recommend_done(flow, late);
}

/* After MERGE, and after each round: more candidates, a round of RANK, the next tier, the
 * catalogue, or the end. */
static void recommend_next(struct recommend_flow *flow)
{
    bool late = flow->now_us >= recommend_limit_us(flow) ||
                flow->rounds_ranked >= RECOMMEND_FLOW_ROUNDS_MAX;
    recommend_candidates_judge(flow);
    uint32_t missing = flow->plan.count - flow->shown_count;
    uint32_t wanted = recommend_wanted(flow);
    uint32_t left = flow->candidate_count - flow->candidate_judge;
    if (missing == 0 || late) {
        recommend_done(flow, late);
        return;
    }
    if (left < wanted && flow->lists_cut) {
        enum status status = recommend_candidates_add(flow, true);
        if (status != STATUS_OK) {
            recommend_fail(flow, status);
            return;
        }
        left = flow->candidate_count - flow->candidate_judge;
    }
    /* Where too few are at hand for certain, or it costs nothing, RANK can wait. */
    if (flow->tier_end < flow->tier_count &&
        (left < missing ||
         (left < wanted && recommend_tier_local(flow, flow->tier_end)))) {
        recommend_tier_enter(flow);
    } else if (left > 0) {
        recommend_rank_next(flow, wanted);
    } else if ((flow->shown_count > 0 && !flow->catalogue_used) ||
               !recommend_catalogue_enter(flow)) {
        recommend_done(flow, false);
    }
}

static void recommend_merge_step(struct recommend_flow *flow)
{
    enum status status = recommend_sources_merge(flow);
    if (status == STATUS_OK && flow->tier == 0 && !recommend_names_add(flow)) {
        status = STATUS_TOO_LARGE;
    }
    if (status == STATUS_OK) {
        status = recommend_candidates_add(flow, false);
    }
    if (status != STATUS_OK) {
        recommend_fail(flow, status);
    } else if (flow->plan.given_count > 0) {
        recommend_next_given(flow);
    } else {
        recommend_next(flow);
    }
}

/* The stage is over: what comes after it. */
static void recommend_step(struct recommend_flow *flow)
{
    switch (flow->state) {
    case RECOMMEND_CONTEXT:
        if (!recommend_context_close(flow)) {
            recommend_fail(flow, STATUS_TOO_LARGE);
            return;
        }
        recommend_tier_enter(flow);
        return;
    case RECOMMEND_TOKENS:
        recommend_search_enter(flow);
        return;
    case RECOMMEND_SEARCH:
        recommend_move(flow, RECOMMEND_MERGE);
        return;
    case RECOMMEND_MERGE:
        recommend_merge_step(flow);
        return;
    case RECOMMEND_RANK:
    case RECOMMEND_CATALOGUE:
        if (flow->plan.given_count > 0) {
            recommend_next_given(flow);
        } else {
            recommend_next(flow);
        }
        return;
    case RECOMMEND_DONE:
    case RECOMMEND_STATES:
        break;
    }
    UNREACHABLE();
}

static void recommend_run(struct recommend_flow *flow)
{
    while (flow->state != RECOMMEND_DONE && flow->asks_open == 0) {
        recommend_step(flow);
    }
}

/* --- Driving ----------------------------------------------------------------------- */

static void recommend_check(const struct recommend_plan *plan)
{
    ASSERT(plan->count > 0 && plan->count <= RECOMMEND_FLOW_COUNT_MAX);
    ASSERT(plan->given_count <= RECOMMEND_FLOW_GIVEN_MAX);
    ASSERT(plan->grace_us >= plan->soft_us);
    ASSERT(plan->placement != NULL && plan->placement->source_count > 0);
    ASSERT(plan->placement->source_count <= PLACEMENT_SOURCES_MAX);
    ASSERT(plan->walk.seeds_max >= 1 && plan->walk.seeds_max <= RECOMMEND_FLOW_SEEDS_MAX);
    ASSERT(plan->neighbours.clicks_max >= 1 &&
           plan->neighbours.clicks_max <= RECOMMEND_CLICKS_MAX);
    ASSERT(plan->arrivals.explored_percent <= 100);
    ASSERT(plan->bucket_count >= 1 && plan->bucket_count <= SHARD_MAP_VIRTUAL_BUCKETS);
}

/* False past the arena's limit. */
static bool recommend_prepare(struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    uint32_t most = plan->given_count > 0 ? plan->given_count : plan->count;
    flow->tier_count =
        plan->placement->sources[plan->placement->source_count - 1].tier + 1;
    flow->shown = arena_alloc(flow->arena, most * sizeof *flow->shown);
    return flow->shown != NULL && coverage_init(&flow->coverage, plan->map, flow->arena);
}

void recommend_flow_start(struct recommend_flow *flow, const struct recommend_plan *plan,
                          const struct recommend_tables *tables, struct arena *arena,
                          struct moment now)
{
    recommend_check(plan);
    *flow = (struct recommend_flow){.plan = *plan,
                                    .tables = *tables,
                                    .arena = arena,
                                    .state = RECOMMEND_CONTEXT,
                                    .start_us = now.monotonic_us,
                                    .now_us = now.monotonic_us,
                                    .stage_start_us = now.monotonic_us,
                                    .wall_ms = now.wall_ms};
    if (!recommend_prepare(flow)) {
        recommend_fail(flow, STATUS_TOO_LARGE);
        return;
    }
    if (recommend_context_wanted(flow)) {
        recommend_stage_begin(flow, RECOMMEND_CONTEXT);
        if (recommend_asks_reserve(flow, 1)) {
            recommend_ask_add(
                flow, SHARD_MAP_CUSTOMER,
                shard_map_find(plan->map, SHARD_MAP_CUSTOMER, customer_hash(plan->actor)))
                ->actions = recommend_actions_wanted(flow);
        }
    }
    recommend_run(flow);
}

const struct recommend_ask *recommend_flow_next(struct recommend_flow *flow)
{
    if (flow->state == RECOMMEND_DONE || flow->ask_next == flow->ask_count) {
        return NULL;
    }
    return &flow->asks[flow->ask_next++];
}

static void recommend_note(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply,
                           enum coverage_outcome outcome)
{
    struct coverage_range what = {.outcome = outcome,
                                  .applied_index = reply->applied_index,
                                  .log_time_ms = reply->log_time_ms,
                                  .elapsed_us = flow->now_us - ask->asked_us};
    if (ask->kind == RECOMMEND_SEARCH && reply->status == STATUS_OK) {
        what.candidates = recommend_search_candidates(ask, reply);
    } else if (ask->kind == RECOMMEND_RANK) {
        what.candidates = ask->sku_hash_count;
    }
    /* The context is one row of a shard, no part of what was searched. */
    if (ask->kind != RECOMMEND_CONTEXT) {
        coverage_note(&flow->coverage, ask->table, ask->shard, &what);
    }
}

/* False when something that was asked is not in it. */
static bool recommend_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply)
{
    switch (ask->kind) {
    case RECOMMEND_CONTEXT:
        if (reply->context != NULL && !recommend_context_take(flow, reply)) {
            recommend_fail(flow, STATUS_TOO_LARGE);
        }
        return true;
    case RECOMMEND_TOKENS:
        return recommend_tokens_take(flow, ask, reply);
    case RECOMMEND_SEARCH:
        return recommend_search_take(flow, ask, reply);
    case RECOMMEND_RANK:
        return recommend_stock_take(flow, ask, reply);
    case RECOMMEND_CATALOGUE:
        return recommend_catalogue_take(flow, reply);
    case RECOMMEND_MERGE:
    case RECOMMEND_DONE:
    case RECOMMEND_STATES:
        break;
    }
    UNREACHABLE();
}

void recommend_flow_answer(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply, struct moment now)
{
    enum coverage_outcome outcome = coverage_outcome_of(reply->status);
    if (flow->state == RECOMMEND_DONE || ask->round != flow->round ||
        flow->answered[ask->slot]) {
        return;
    }
    flow->now_us = now.monotonic_us;
    flow->answered[ask->slot] = true;
    if (reply->status == STATUS_OK && !recommend_take(flow, ask, reply)) {
        outcome = COVERAGE_PARTIAL;
    }
    recommend_note(flow, ask, reply, outcome);
    if (reply->status != STATUS_OK && ask->kind == RECOMMEND_CATALOGUE) {
        recommend_catalogue_skip(flow);
    }
    if (flow->state != RECOMMEND_DONE) {
        flow->asks_open--;
    }
    recommend_run(flow);
}

/* A stage that ends below min_coverage may use the grace, once. */
static bool recommend_take_grace(struct recommend_flow *flow)
{
    double open = 0.0;
    if (flow->grace_used || recommend_grace_us(flow) == 0 ||
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
    flow->stage_end_us += recommend_grace_us(flow);
    return true;
}

void recommend_flow_tick(struct recommend_flow *flow, struct moment now)
{
    if (flow->state == RECOMMEND_DONE) {
        return;
    }
    flow->now_us = now.monotonic_us;
    if (flow->asks_open > 0 && now.monotonic_us >= flow->stage_end_us &&
        !recommend_take_grace(flow)) {
        const struct recommend_reply late = {.status = STATUS_OUTCOME_UNKNOWN};
        for (uint32_t i = 0; i < flow->ask_count; i++) {
            if (!flow->answered[i]) {
                recommend_note(flow, &flow->asks[i], &late,
                               coverage_outcome_of(late.status));
                flow->answered[i] = true;
            }
        }
        flow->asks_open = 0;
        if (flow->state == RECOMMEND_CATALOGUE) {
            recommend_catalogue_skip(flow);
        }
    }
    recommend_run(flow);
}

uint64_t recommend_flow_due(const struct recommend_flow *flow)
{
    return flow->state == RECOMMEND_DONE ? UINT64_MAX : flow->stage_end_us;
}

bool recommend_flow_done(const struct recommend_flow *flow)
{
    return flow->state == RECOMMEND_DONE;
}
