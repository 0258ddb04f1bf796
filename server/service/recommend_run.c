/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/recommend_run.h"

#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/base/metric.h"

enum {
    RECOMMEND_ANSWER_BYTES_MAX = 32 << 20, /* of one shard */
};

/* One ask on its way. */
struct recommend_question {
    struct recommend_question *older;
    struct recommend_run *run;
    const struct recommend_ask *ask;
    struct shard_call call;
    struct runtime_task back;
    struct arena arena; /* the shard's loop may be another thread than ours */
    struct replica_query query;
    struct replica_answer answer;
};

static void recommend_run_pump(struct recommend_run *run, struct moment now);

/* The answers' memory goes when nobody will write to it any more. */
static void recommend_run_leave(struct recommend_run *run)
{
    struct recommend_question *question = run->questions;
    if (!run->finished || run->asks_open > 0) {
        return;
    }
    while (question != NULL) {
        struct recommend_question *older = question->older;
        arena_close(&question->arena);
        question = older;
    }
    run->leave(run);
}

/* What an OK answer holds, for the flow. */
static void recommend_question_reply(const struct recommend_question *question,
                                     struct recommend_reply *reply)
{
    const struct replica_answer *answer = &question->answer;
    const struct recommend_ask *ask = question->ask;
    switch (ask->kind) {
    case RECOMMEND_CONTEXT:
        reply->context = &answer->context;
        reply->actions = &answer->actions;
        break;
    case RECOMMEND_TOKENS:
        reply->tokens = answer->tokens;
        reply->tokens_count = ask->sku_hash_count;
        break;
    case RECOMMEND_SEARCH:
        if (ask->table == SHARD_MAP_CUSTOMER) {
            reply->customer = answer->customer_found;
        } else {
            reply->sku = answer->sku_found;
        }
        break;
    case RECOMMEND_RANK:
        reply->availabilities = answer->inventory.availabilities;
        reply->availability_count = answer->inventory.availability_count;
        break;
    case RECOMMEND_CATALOGUE:
        reply->skus = answer->inventory.skus;
        reply->sku_count = answer->inventory.sku_count;
        reply->next_page_token = answer->inventory.next_page_token;
        break;
    case RECOMMEND_MERGE:
    case RECOMMEND_DONE:
    case RECOMMEND_STATES:
        UNREACHABLE();
    }
}

static void recommend_run_take(struct recommend_question *question, struct moment now)
{
    struct recommend_run *run = question->run;
    const struct replica_answer *answer = &question->answer;
    const struct shard_call *call = &question->call;
    struct recommend_reply reply = {.status = call->status == STATUS_OK ? answer->status
                                                                        : call->status,
                                    .range_epoch = call->stamp.range_epoch,
                                    .applied_index = call->stamp.log_index,
                                    .log_time_ms = call->stamp.log_time_ms};
    run->asks_open--;
    if (reply.status == STATUS_OK) {
        recommend_question_reply(question, &reply);
    }
    if (!run->finished) {
        recommend_flow_answer(&run->flow, question->ask, &reply, now);
        recommend_run_pump(run, now);
    }
    recommend_run_leave(run);
}

static void recommend_question_back(struct runtime_task *task, struct moment now)
{
    recommend_run_take(CONTAINER_OF(task, struct recommend_question, back), now);
}

/* On the shard's loop. Always by way of a task, so that a run is never entered twice. */
static void recommend_question_done(struct shard_call *call)
{
    struct recommend_question *question =
        CONTAINER_OF(call, struct recommend_question, call);
    question->back.run = recommend_question_back;
    runtime_post(question->run->edge.service->runtime, question->run->home,
                 &question->back);
}

static struct replica_query recommend_context_query(const struct recommend_run *run,
                                                    const struct recommend_ask *ask)
{
    bool actions = ask->actions != RECOMMEND_ACTIONS_NONE;
    return (struct replica_query){
        .kind = REPLICA_QUERY_CONTEXT,
        .customer = {.customer = run->plan.actor,
                     .clicks_max = RECOMMEND_FLOW_CLICKS_MAX,
                     .actions_max = actions ? HISTORIES_ACTIONS_MAX : 0,
                     .actions_without_clicks =
                         ask->actions == RECOMMEND_ACTIONS_WITHOUT_CLICKS}};
}

static void recommend_question_fill(struct recommend_question *question)
{
    const struct recommend_run *run = question->run;
    const struct recommend_ask *ask = question->ask;
    struct replica_query *query = &question->query;
    *query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY};
    switch (ask->kind) {
    case RECOMMEND_CONTEXT:
        *query = recommend_context_query(run, ask);
        break;
    case RECOMMEND_TOKENS:
        query->kind = REPLICA_QUERY_TOKENS;
        query->tokens = (struct replica_tokens_query){
            .sku_hashes = ask->sku_hashes, .sku_hash_count = ask->sku_hash_count};
        break;
    case RECOMMEND_SEARCH:
        if (ask->table == SHARD_MAP_CUSTOMER) {
            query->kind = REPLICA_QUERY_SEARCH;
            query->customer_search = ask->customer_search;
        } else {
            query->kind = REPLICA_QUERY_SKU_SEARCH;
            query->sku_search = ask->sku_search;
        }
        break;
    case RECOMMEND_RANK:
        query->inventory = (struct inventory_query){.kind = INVENTORY_QUERY_AVAILABILITY,
                                                    .sku_hashes = ask->sku_hashes,
                                                    .sku_hash_count = ask->sku_hash_count,
                                                    .location_ids = run->location_ids,
                                                    .location_count = run->location_count,
                                                    .demand = run->demand};
        break;
    case RECOMMEND_CATALOGUE:
        query->inventory =
            (struct inventory_query){.kind = INVENTORY_QUERY_SKU_LIST,
                                     .page_size = RECOMMEND_FLOW_CATALOGUE_PAGE,
                                     .page_token = ask->page_token};
        break;
    case RECOMMEND_MERGE:
    case RECOMMEND_DONE:
    case RECOMMEND_STATES:
        UNREACHABLE();
    }
}

static void recommend_run_send(struct recommend_run *run, const struct recommend_ask *ask,
                               struct moment now)
{
    struct service *service = run->edge.service;
    struct recommend_question *question = arena_zalloc(run->edge.arena, sizeof *question);
    enum status status = STATUS_TOO_LARGE;
    if (question != NULL) {
        question->run = run;
        question->ask = ask;
        recommend_question_fill(question);
        arena_init(&question->arena, NULL, 0, RECOMMEND_ANSWER_BYTES_MAX);
        shard_call_init_read(
            &question->call,
            shard_map_range(service->map, ask->table, ask->shard)->shard_id,
            &question->query, &question->answer);
        question->call.deadline_us = ask->deadline_us;
        question->call.arena = &question->arena;
        question->call.done = recommend_question_done;
        status = runtime_submit(service->runtime, &question->call);
    }
    if (status != STATUS_OK) {
        const struct recommend_reply refused = {.status = status};
        recommend_flow_answer(&run->flow, ask, &refused, now);
        return;
    }
    question->older = run->questions;
    run->questions = question;
    run->asks_open++;
}

static void recommend_run_finish(struct recommend_run *run, struct moment now)
{
    struct service *service = run->edge.service;
    const struct recommend_flow *flow = &run->flow;
    runtime_timer_clear(service->runtime, run->home, &run->timer);
    run->finished = true;
    metric_add(METRIC_RECOMMENDATIONS, 1);
    metric_observe_us(METRIC_RECOMMEND_LATENCY, now.monotonic_us - flow->start_us);
    if (coverage_fraction(&flow->coverage) < 1.0) {
        metric_add(METRIC_RECOMMEND_PARTIAL, 1);
    }
    run->finish(run);
}

static void recommend_run_fire(struct runtime_timer *timer, struct moment now)
{
    struct recommend_run *run = CONTAINER_OF(timer, struct recommend_run, timer);
    recommend_flow_tick(&run->flow, now);
    recommend_run_pump(run, now);
    recommend_run_leave(run);
}

static void recommend_run_pump(struct recommend_run *run, struct moment now)
{
    const struct recommend_ask *ask;
    while ((ask = recommend_flow_next(&run->flow)) != NULL) {
        recommend_run_send(run, ask, now);
    }
    if (recommend_flow_done(&run->flow)) {
        recommend_run_finish(run, now);
        return;
    }
    run->timer.fire = recommend_run_fire;
    runtime_timer_set(run->edge.service->runtime, run->home, &run->timer,
                      recommend_flow_due(&run->flow));
}

static void recommend_run_begin(struct runtime_task *task, struct moment now)
{
    struct recommend_run *run = CONTAINER_OF(task, struct recommend_run, start);
    struct runtime *runtime = run->edge.service->runtime;
    struct recommend_tables tables = {.trending = runtime_trending(runtime, run->home)};
    for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
        tables.degrees[kind] =
            runtime_degrees(runtime, run->home, (enum recommend_degrees)kind);
    }
    while (run != NULL) {
        struct recommend_run *next = run->next;
        recommend_flow_start(&run->flow, &run->plan, &tables, run->edge.arena, now);
        recommend_run_pump(run, now);
        recommend_run_leave(run);
        run = next;
    }
}

void recommend_run_start(struct recommend_run *first)
{
    struct service *service = first->edge.service;
    unsigned turn =
        atomic_fetch_add_explicit(&service->next_loop, 1, memory_order_relaxed);
    for (struct recommend_run *run = first; run != NULL; run = run->next) {
        run->home = turn % runtime_loop_count(service->runtime);
    }
    first->start.run = recommend_run_begin;
    runtime_post(service->runtime, first->home, &first->start);
}
