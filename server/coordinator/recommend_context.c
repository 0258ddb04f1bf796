/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who asks, and what may be used of them. Clicks, session items and history are personal:
 * without consent nothing of them is used, for exclusions neither. The seeds of the
 * request are what is at hand (a product page, a cart) and stay.
 */
#include <string.h>

#include "server/coordinator/recommend_flow_private.h"
#include "shard/base/assert.h"
#include "shard/base/mutant.h"

static bool context_needs(const struct recommend_flow *flow, enum recommend_needs needs)
{
    const struct placement *placement = flow->plan.placement;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        if (recommend_source_needs(placement->sources[i].source) == needs) {
            return true;
        }
    }
    return false;
}

static bool context_excludes(const struct recommend_flow *flow, uint32_t which, bool call)
{
    return call || (flow->plan.placement->exclusions & which) != 0;
}

bool recommend_context_wanted(const struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    if (!plan->has_actor || plan->no_personalization) {
        return false;
    }
    return context_needs(flow, RECOMMEND_NEEDS_CLICKS) ||
           context_needs(flow, RECOMMEND_NEEDS_SEEDS) ||
           context_needs(flow, RECOMMEND_NEEDS_HISTORY) ||
           context_excludes(flow, PLACEMENT_EXCLUDE_CURRENT, plan->exclude_current) ||
           context_excludes(flow, PLACEMENT_EXCLUDE_SEEN, plan->exclude_seen);
}

enum recommend_actions recommend_actions_wanted(const struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    if (context_needs(flow, RECOMMEND_NEEDS_HISTORY)) {
        return RECOMMEND_ACTIONS_ALWAYS;
    }
    if (context_needs(flow, RECOMMEND_NEEDS_SEEDS) && plan->seed_count == 0 &&
        plan->session_item_count == 0) {
        return RECOMMEND_ACTIONS_WITHOUT_CLICKS;
    }
    return RECOMMEND_ACTIONS_NONE;
}

static bool context_take_actions(struct recommend_flow *flow,
                                 const struct customer_actions *actions)
{
    uint32_t count = actions->action_count < HISTORIES_ACTIONS_MAX
                         ? actions->action_count
                         : HISTORIES_ACTIONS_MAX;
    const struct customer_action *newest =
        actions->actions + (actions->action_count - count);
    flow->actions = arena_alloc(flow->arena, count * sizeof *flow->actions);
    if (flow->actions == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        flow->actions[i] = (struct histories_action){.sku_hash = newest[i].sku_hash,
                                                     .at_ms = newest[i].at_ms,
                                                     .quantity = newest[i].quantity,
                                                     .kind = newest[i].kind};
    }
    flow->action_count = count;
    return true;
}

bool recommend_context_take(struct recommend_flow *flow,
                            const struct recommend_reply *reply)
{
    const struct customer_context *context = reply->context;
    enum recommend_actions wanted = recommend_actions_wanted(flow);
    flow->context_heard = true;
    if (context->personalization_withdrawn) {
        flow->personal = RECOMMEND_PERSONAL_WITHDRAWN;
        return true;
    }
    flow->own_session = context->session_hash;
    flow->clicks = context->clicks;
    flow->click_count = MUTANT(clicks_ignored) ? 0 : context->click_count;
    if (flow->plan.session_item_count > 0) {
        flow->clicks = flow->plan.session_items;
        flow->click_count = flow->plan.session_item_count;
    }
    /* Whether they were sent for nothing must not change the answer. */
    if (reply->actions != NULL && reply->actions->action_count > 0 &&
        (wanted == RECOMMEND_ACTIONS_ALWAYS ||
         (wanted == RECOMMEND_ACTIONS_WITHOUT_CLICKS && flow->click_count == 0)) &&
        !context_take_actions(flow, reply->actions)) {
        return false;
    }
    flow->personal = flow->click_count > 0 || flow->action_count > 0
                         ? RECOMMEND_PERSONAL_USED
                         : RECOMMEND_PERSONAL_UNKNOWN;
    return true;
}

/* Nobody was asked, or did not answer. */
static void context_settle(struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    if (plan->no_personalization) {
        flow->personal = RECOMMEND_PERSONAL_REFUSED;
    } else if (!plan->has_actor) {
        flow->personal = RECOMMEND_PERSONAL_ANONYMOUS;
        flow->clicks = plan->session_items;
        flow->click_count = plan->session_item_count;
    } else if (recommend_context_wanted(flow)) {
        flow->personal = RECOMMEND_PERSONAL_LATE;
    }
}

/* --- Seeds ------------------------------------------------------------------------- */

static void seed_add(struct recommend_flow *flow, uint64_t sku_hash,
                     enum recommend_seed_origin origin)
{
    if (flow->seed_count == flow->plan.walk.seeds_max) {
        return;
    }
    for (uint32_t i = 0; i < flow->seed_count; i++) {
        if (flow->seed_hashes[i] == sku_hash) {
            return;
        }
    }
    flow->seed_hashes[flow->seed_count] = sku_hash;
    flow->seeds[flow->seed_count++] = (struct recommend_seed){sku_hash, origin};
}

static void seeds_make(struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    enum recommend_seed_origin session = plan->session_item_count > 0
                                             ? RECOMMEND_SEED_SESSION_ITEMS
                                             : RECOMMEND_SEED_RECORDED_SESSION;
    for (uint32_t i = 0; i < plan->seed_count; i++) {
        seed_add(flow, plan->seeds[i], RECOMMEND_SEED_REQUEST);
    }
    for (uint32_t i = flow->click_count; plan->seed_count == 0 && i-- > 0;) {
        seed_add(flow, flow->clicks[i], session);
    }
    for (uint32_t i = flow->action_count;
         plan->seed_count == 0 && flow->click_count == 0 && i-- > 0;) {
        seed_add(flow, flow->actions[i].sku_hash, RECOMMEND_SEED_HISTORY);
    }
}

/* Without a session, what is at hand stands for one: its first item is the newest. */
static void query_make(struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    uint32_t most = plan->neighbours.clicks_max, count = 0;
    if (flow->click_count > 0) {
        count = flow->click_count < most ? flow->click_count : most;
        memcpy(flow->query_clicks, flow->clicks + (flow->click_count - count),
               count * sizeof *flow->query_clicks);
    } else if (plan->seed_count > 0) {
        count = flow->seed_count < most ? flow->seed_count : most;
        for (uint32_t i = 0; i < count; i++) {
            flow->query_clicks[i] = flow->seed_hashes[count - 1 - i];
        }
    }
    flow->query = (struct recommend_query){
        .clicks = flow->query_clicks,
        .click_count = count,
        .clicks_max = most,
        .candidates = plan->neighbours.candidates,
        .neighbours = plan->neighbours.neighbours,
        .bucket_count = plan->bucket_count,
        .buckets = UINT64_MAX,
        .exclude_session = flow->own_session,
        /* Who may not be known by a session is left out with all of them. */
        .exclude_customer = plan->has_actor && !flow->context_heard,
        .customer = plan->actor,
    };
}

/* --- What is never shown ----------------------------------------------------------- */

static bool excluded_make(struct recommend_flow *flow)
{
    const struct recommend_plan *plan = &flow->plan;
    bool seen = context_excludes(flow, PLACEMENT_EXCLUDE_SEEN, plan->exclude_seen);
    bool current =
        context_excludes(flow, PLACEMENT_EXCLUDE_CURRENT, plan->exclude_current);
    size_t most = (size_t)plan->excluded_count + flow->click_count + flow->seed_count +
                  flow->action_count + 2;
    uint32_t count = 0;
    if (plan->given_count > 0) {
        return true;
    }
    flow->excluded = arena_alloc(flow->arena, most * sizeof *flow->excluded);
    if (flow->excluded == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < plan->excluded_count; i++) {
        flow->excluded[count++] = plan->excluded[i];
    }
    for (uint32_t i = 0; seen && i < flow->click_count; i++) {
        flow->excluded[count++] = flow->clicks[i];
    }
    for (uint32_t i = 0; seen && i < flow->seed_count; i++) {
        flow->excluded[count++] = flow->seed_hashes[i];
    }
    for (uint32_t i = 0; seen && i < flow->action_count; i++) {
        flow->excluded[count++] = flow->actions[i].sku_hash;
    }
    if (current && plan->seed_count > 0) {
        flow->excluded[count++] = plan->seeds[0];
    }
    if (current && flow->click_count > 0) {
        flow->excluded[count++] = flow->clicks[flow->click_count - 1];
    }
    recommend_hashes_sort(flow->excluded, count);
    for (uint32_t i = 0; i < count; i++) {
        if (i == 0 || flow->excluded[i] != flow->excluded[i - 1]) {
            flow->excluded[flow->excluded_count++] = flow->excluded[i];
        }
    }
    return true;
}

bool recommend_context_close(struct recommend_flow *flow)
{
    if (!flow->context_heard) {
        context_settle(flow);
    }
    seeds_make(flow);
    query_make(flow);
    return excluded_make(flow);
}
