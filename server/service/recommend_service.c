/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.RecommendService. */
#include <stdio.h>
#include <string.h>

#include "proto/souk/v1/recommend.grpc-c.h"
#include "server/service/recommend_run.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/base/identifier.h"
#include "shard/base/rng.h"

enum {
    RECOMMEND_COUNT_DEFAULT = 20,
    RECOMMEND_SOFT_PERCENT = 80, /* of the deadline, when the budget names none */
};

/* What replicas answer so far. */
static const struct placement recommend_session = {
    .name = "session",
    .sources = {{RECOMMEND_SOURCE_NEIGHBOURS, 1, 0}, {RECOMMEND_SOURCE_POPULAR, 1, 1}},
    .source_count = 2};

/* --- The question ------------------------------------------------------------------ */

struct recommend_hash_list {
    uint64_t *hashes;
    uint32_t count;
};

/* Ids of a repeated field, as key hashes. */
static enum status recommend_hashes(struct edge *edge, const char *field,
                                    char *const *texts, size_t count,
                                    struct recommend_hash_list *out,
                                    struct problem *problem)
{
    uint64_t *hashes = arena_alloc(edge->arena, (count + 1) * sizeof *hashes);
    char path[64];
    TRY(check_count(field, count, 0, (size_t)edge->service->settings->batch_max_items,
                    problem));
    if (hashes == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, field, "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < count; i++) {
        struct slice id;
        snprintf(path, sizeof path, "%s[%zu]", field, i);
        TRY(check_id(path, texts[i], &id, problem));
        hashes[i] = hash64(id, edge->service->map->hash_seed);
    }
    *out = (struct recommend_hash_list){.hashes = hashes, .count = (uint32_t)count};
    return STATUS_OK;
}

static enum status recommend_actor(struct recommend_run *run,
                                   const Souk__V1__RecommendRequest *request,
                                   struct problem *problem)
{
    const struct service *service = run->edge.service;
    struct slice id;
    switch (request->actor_case) {
    case SOUK__V1__RECOMMEND_REQUEST__ACTOR_CUSTOMER_ID:
        TRY(check_id("customer_id", request->customer_id, &id, problem));
        run->plan.actor = service_pseudonym(service, SERVICE_ACTOR_CUSTOMER, id);
        run->plan.has_actor = true;
        break;
    case SOUK__V1__RECOMMEND_REQUEST__ACTOR_VISITOR_ID:
        TRY(check_id("visitor_id", request->visitor_id, &id, problem));
        run->plan.actor = service_pseudonym(service, SERVICE_ACTOR_VISITOR, id);
        run->plan.has_actor = true;
        break;
    case SOUK__V1__RECOMMEND_REQUEST__ACTOR__NOT_SET:
        break;
    }
    return STATUS_OK;
}

static enum status recommend_stock(struct recommend_run *run,
                                   const Souk__V1__StockFilter *filter,
                                   struct problem *problem)
{
    char path[64];
    run->plan.stock = RECOMMEND_STOCK_VERIFIED;
    if (filter == NULL) {
        return STATUS_OK;
    }
    if (filter->mode == SOUK__V1__STOCK_MODE__STOCK_MODE_NONE) {
        run->plan.stock = RECOMMEND_STOCK_NONE;
    }
    if (filter->min_quantity < 0) {
        return problem_set(problem, STATUS_INVALID, "stock.min_quantity",
                           "stock.min_quantity: not below 0");
    }
    TRY(check_count("stock.location_ids", filter->n_location_ids, 0,
                    (size_t)run->edge.service->settings->batch_max_items, problem));
    run->location_ids = arena_alloc(run->edge.arena, (filter->n_location_ids + 1) *
                                                         sizeof *run->location_ids);
    if (run->location_ids == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "stock", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < filter->n_location_ids; i++) {
        snprintf(path, sizeof path, "stock.location_ids[%zu]", i);
        TRY(check_id(path, filter->location_ids[i], &run->location_ids[i], problem));
    }
    run->location_count = (uint32_t)filter->n_location_ids;
    TRY(check_text("stock.channel", filter->channel, IDENTIFIER_BYTES_MAX,
                   &run->demand.channel, problem));
    run->demand.quantity = filter->min_quantity;
    run->demand.allow_backorder = filter->allow_backorder;
    return STATUS_OK;
}

/* One deadline: the soft one answers with what came, the grace waits for min_coverage. */
static enum status recommend_budget(struct recommend_run *run,
                                    const Souk__V1__Budget *budget,
                                    struct problem *problem)
{
    uint64_t now_us = service_now().monotonic_us;
    uint64_t deadline_us = run->edge.deadline_us;
    uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
    struct recommend_plan *plan = &run->plan;
    int64_t ms;
    plan->soft_us = now_us + left_us / 100 * RECOMMEND_SOFT_PERCENT;
    plan->grace_us = plan->soft_us;
    if (budget == NULL) {
        return STATUS_OK;
    }
    if (!(budget->min_coverage >= 0.0 && budget->min_coverage <= 1.0)) {
        return problem_set(problem, STATUS_INVALID, "budget.min_coverage",
                           "budget.min_coverage: from 0 to 1");
    }
    plan->min_coverage = budget->min_coverage;
    if (budget->soft != NULL) {
        TRY(check_duration("budget.soft", budget->soft,
                           run->edge.service->settings->deadline_max_ms, &ms, problem));
        plan->soft_us = now_us + (uint64_t)ms * 1000;
    }
    plan->soft_us = plan->soft_us < deadline_us ? plan->soft_us : deadline_us;
    plan->grace_us = plan->soft_us;
    if (budget->grace != NULL &&
        (budget->grace->seconds != 0 || budget->grace->nanos != 0)) {
        TRY(check_duration("budget.grace", budget->grace,
                           run->edge.service->settings->deadline_max_ms, &ms, problem));
        plan->grace_us += (uint64_t)ms * 1000;
        plan->grace_us = plan->grace_us < deadline_us ? plan->grace_us : deadline_us;
    }
    return STATUS_OK;
}

static enum status recommend_intake(struct recommend_run *run,
                                    const Souk__V1__RecommendRequest *request,
                                    struct problem *problem)
{
    const struct service *service = run->edge.service;
    struct recommend_plan *plan = &run->plan;
    struct recommend_hash_list session, cart;
    recommend_plan_init(plan, service->map);
    plan->placement = &recommend_session;
    plan->count =
        request->count == 0 ? RECOMMEND_COUNT_DEFAULT : (uint32_t)request->count;
    plan->exclude_seen = request->exclude_seen;
    plan->exclude_current = request->exclude_current;
    plan->neighbours.candidates = (uint32_t)service->settings->neighbours_candidates;
    plan->neighbours.neighbours = (uint32_t)service->settings->neighbours_kept;
    if (request->placement[0] != '\0' && strcmp(request->placement, "session") != 0) {
        return problem_set(problem, STATUS_NOT_FOUND, "placement",
                           "there is no placement '%.64s'; \"session\" is one",
                           request->placement);
    }
    if (request->count < 0 || request->count > RECOMMEND_FLOW_COUNT_MAX) {
        return problem_set(problem, STATUS_INVALID, "count",
                           "count: 1 to %d, or 0 for %d", RECOMMEND_FLOW_COUNT_MAX,
                           RECOMMEND_COUNT_DEFAULT);
    }
    TRY(recommend_actor(run, request, problem));
    TRY(recommend_hashes(&run->edge, "session_items", request->session_items,
                         request->n_session_items, &session, problem));
    TRY(recommend_hashes(&run->edge, "cart", request->cart, request->n_cart, &cart,
                         problem));
    plan->session_items = session.hashes;
    plan->session_item_count = session.count;
    plan->excluded = cart.hashes;
    plan->excluded_count = cart.count;
    TRY(recommend_stock(run, request->stock, problem));
    TRY(recommend_budget(run, request->budget, problem));
    return edge_read_options(&run->edge, request->read, problem);
}

/* --- The answer -------------------------------------------------------------------- */

static Souk__V1__RangeCoverage *recommend_range(const struct coverage *coverage,
                                                enum shard_map_table table,
                                                unsigned index, int64_t now_ms,
                                                struct reply *reply)
{
    const struct shard_range *range = shard_map_range(coverage->map, table, index);
    const struct coverage_range *heard = &coverage->ranges[table][index];
    Souk__V1__RangeCoverage *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__range_coverage__init(message);
    message->shard_id = range->shard_id;
    message->table = (Souk__V1__ShardTable)table;
    message->start_key = range->start;
    message->end_key = range->end;
    message->range_epoch = range->epoch;
    message->outcome = (Souk__V1__CoverageOutcome)heard->outcome;
    message->applied_index = heard->applied_index;
    if (heard->log_time_ms > 0 && now_ms > heard->log_time_ms) {
        message->lag =
            reply_duration_us(reply, (uint64_t)(now_ms - heard->log_time_ms) * 1000);
    }
    message->candidates = heard->candidates;
    message->elapsed = reply_duration_us(reply, heard->elapsed_us);
    return message;
}

static Souk__V1__Coverage *recommend_coverage(const struct recommend_flow *flow,
                                              struct reply *reply)
{
    const struct coverage *coverage = &flow->coverage;
    Souk__V1__Coverage *message = reply_alloc(reply, sizeof *message);
    size_t most = 0;
    if (message == NULL) {
        return NULL;
    }
    souk__v1__coverage__init(message);
    message->fraction = coverage_fraction(coverage);
    message->map_version = coverage->map->version;
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        most += coverage->asked[table] ? shard_map_count(coverage->map, table) : 0;
    }
    message->ranges = reply_alloc(reply, (most + 1) * sizeof *message->ranges);
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        unsigned count =
            coverage->asked[table] ? shard_map_count(coverage->map, table) : 0;
        for (unsigned i = 0; i < count && !reply->failed; i++) {
            message->ranges[message->n_ranges++] =
                recommend_range(coverage, table, i, flow->wall_ms, reply);
        }
    }
    return message;
}

static void recommend_reasons(const struct recommend_flow *flow,
                              const struct recommend_ranked_item *item,
                              Souk__V1__RecommendedItem *message, struct reply *reply)
{
    Souk__V1__Reason *reasons =
        reply_alloc(reply, (item->reason_count + 1) * sizeof *reasons);
    message->reasons =
        reply_alloc(reply, (item->reason_count + 1) * sizeof *message->reasons);
    for (uint32_t i = 0; i < item->reason_count && !reply->failed; i++) {
        const struct recommend_reason *reason = &item->reasons[i];
        souk__v1__reason__init(&reasons[i]);
        reasons[i].kind = (Souk__V1__ReasonKind)reason->kind;
        reasons[i].evidence_count = reason->evidence_count;
        reasons[i].weight = reason->weight;
        if (reason->kind == RECOMMEND_REASON_NEIGHBOURS) {
            reasons[i].related_sku_id =
                reply_text(reply, recommend_flow_sku_id(flow, reason->related_sku_hash));
        }
        message->reasons[message->n_reasons++] = &reasons[i];
    }
}

static Souk__V1__RecommendedItem *recommend_item(const struct recommend_flow *flow,
                                                 uint32_t place, struct reply *reply)
{
    const struct recommend_shown *shown = &flow->shown[place];
    const struct shard_range *range =
        shard_map_range(flow->plan.map, SHARD_MAP_SKU, shown->shard);
    const struct replica_stamp stamp = {.shard_id = range->shard_id,
                                        .range_epoch = shown->reply->range_epoch,
                                        .log_index = shown->reply->applied_index,
                                        .log_time_ms = shown->reply->log_time_ms};
    Souk__V1__RecommendedItem *message = reply_alloc(reply, sizeof *message);
    Souk__V1__ItemStock *stock = reply_alloc(reply, sizeof *stock);
    if (message == NULL || stock == NULL) {
        return NULL;
    }
    souk__v1__recommended_item__init(message);
    souk__v1__item_stock__init(stock);
    stock->available = shown->stock->available;
    stock->stamp = reply_stamp(reply, &stamp);
    message->sku_id = reply_text(reply, shown->stock->sku->sku_id);
    message->name = reply_text(reply, shown->stock->sku->name);
    message->price = reply_money(reply, &shown->stock->sku->price);
    message->rank = place + 1;
    message->score = shown->item->score;
    message->stock = stock;
    recommend_reasons(flow, shown->item, message, reply);
    return message;
}

static void recommend_make_id(struct recommend_run *run, char *out)
{
    struct rng rng;
    rng_init(&rng, service_nonce());
    uuid7_make(&rng, run->flow.wall_ms, out);
}

static enum status recommend_check(struct recommend_run *run, struct problem *problem)
{
    const struct recommend_flow *flow = &run->flow;
    if (flow->status == STATUS_COVERAGE_BELOW_MINIMUM) {
        return problem_set(problem, flow->status, "budget.min_coverage",
                           "%.1f%% of the key space answered in time; ask again, or with "
                           "a longer budget",
                           coverage_fraction(&flow->coverage) * 100.0);
    }
    if (flow->status != STATUS_OK) {
        return problem_set(problem, flow->status, "", "%s", status_text(flow->status));
    }
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        for (unsigned i = 0; i < shard_map_count(flow->plan.map, table); i++) {
            const struct replica_stamp stamp = {
                .shard_id = shard_map_range(flow->plan.map, table, i)->shard_id,
                .log_index = flow->coverage.ranges[table][i].applied_index};
            if (flow->coverage.ranges[table][i].outcome == COVERAGE_COMPLETE) {
                TRY(edge_check_seen(&run->edge, &stamp, problem));
            }
        }
    }
    return STATUS_OK;
}

/* What was read counts as seen. */
static void recommend_trailers(struct recommend_run *run)
{
    const struct coverage *coverage = &run->flow.coverage;
    struct replica_stamp stamps[SESSION_TOKEN_SHARDS_MAX];
    unsigned count = 0;
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        for (unsigned i = 0; i < shard_map_count(coverage->map, table) &&
                             count < SESSION_TOKEN_SHARDS_MAX;
             i++) {
            if (coverage->ranges[table][i].outcome == COVERAGE_COMPLETE) {
                stamps[count++] = (struct replica_stamp){
                    .shard_id = shard_map_range(coverage->map, table, i)->shard_id,
                    .log_index = coverage->ranges[table][i].applied_index};
            }
        }
    }
    edge_trailers(&run->edge, stamps, count, false);
}

static void recommend_finish(struct recommend_run *run)
{
    const struct recommend_flow *flow = &run->flow;
    static char personalization[] = "personalization";
    char *consent = personalization;
    char answer_id[UUID_TEXT_BYTES + 1];
    struct reply reply = {.arena = run->edge.arena};
    Souk__V1__RecommendResponse response = SOUK__V1__RECOMMEND_RESPONSE__INIT;
    struct problem problem;
    if (recommend_check(run, &problem) != STATUS_OK) {
        edge_fail(&run->edge, &problem);
        return;
    }
    response.items =
        reply_alloc(&reply, (flow->shown_count + 1) * sizeof *response.items);
    for (uint32_t i = 0; i < flow->shown_count && !reply.failed; i++) {
        response.items[response.n_items++] = recommend_item(flow, i, &reply);
    }
    recommend_make_id(run, answer_id);
    response.answer_id = answer_id;
    response.coverage = recommend_coverage(flow, &reply);
    response.consent_used = &consent;
    response.n_consent_used = flow->personal == RECOMMEND_PERSONAL_USED ? 1 : 0;
    response.answer_time = reply_time(&reply, flow->wall_ms);
    if (reply.failed) {
        edge_fail_memory(&run->edge);
        return;
    }
    recommend_trailers(run);
    souk__v1__recommend_service__recommend__reply(run->edge.rpc, &response);
}

static void recommend(struct rpc_call *rpc, const Souk__V1__RecommendRequest *request,
                      void *context)
{
    struct edge edge;
    struct recommend_run *run;
    struct problem problem;
    if (!edge_begin(&edge, context, rpc)) {
        return;
    }
    run = arena_zalloc(edge.arena, sizeof *run);
    if (run == NULL) {
        edge_fail_memory(&edge);
        return;
    }
    run->edge = edge;
    run->request = request;
    run->finish = recommend_finish;
    if (recommend_intake(run, request, &problem) != STATUS_OK) {
        edge_fail(&run->edge, &problem);
        return;
    }
    recommend_run_start(run);
}

void recommend_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__recommend_service__handlers handlers = {
        .recommend = recommend,
    };
    souk__v1__recommend_service__register(server, &handlers, service);
}
