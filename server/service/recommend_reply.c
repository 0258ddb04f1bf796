/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/recommend_reply.h"

#include "server/service/answer_memory.h"
#include "server/service/answer_record.h"
#include "server/service/service_private.h"
#include "shard/base/assert.h"

/* --- Coverage ---------------------------------------------------------------------- */

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

Souk__V1__Coverage *recommend_reply_coverage(struct reply *reply,
                                             const struct coverage *coverage,
                                             int64_t wall_ms)
{
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
                recommend_range(coverage, table, i, wall_ms, reply);
        }
    }
    return message;
}

/* --- Items -------------------------------------------------------------------------- */

static Souk__V1__Reason *recommend_reason(struct reply *reply,
                                          Souk__V1__RecommendedItem *message)
{
    Souk__V1__Reason *reason = reply_alloc(reply, sizeof *reason);
    if (reason != NULL) {
        souk__v1__reason__init(reason);
        message->reasons[message->n_reasons++] = reason;
    }
    return reason;
}

/* As the request spells it. */
static char *recommend_location(const struct recommend_flow *flow, uint64_t place,
                                struct reply *reply)
{
    for (uint32_t i = 0; i < flow->plan.place_count; i++) {
        if (flow->plan.places[i].place == place) {
            return reply_text(reply, flow->plan.places[i].location_id);
        }
    }
    UNREACHABLE();
}

static void recommend_reasons(const struct recommend_flow *flow,
                              const struct recommend_shown *shown,
                              Souk__V1__RecommendedItem *message, struct reply *reply)
{
    const struct recommend_ranked_item *item = shown->item;
    message->reasons =
        reply_alloc(reply, (item->reason_count + 1) * sizeof *message->reasons);
    for (uint32_t i = 0; i < item->reason_count && !reply->failed; i++) {
        const struct recommend_reason *why = &item->reasons[i];
        Souk__V1__Reason *reason = recommend_reason(reply, message);
        if (reason == NULL) {
            return;
        }
        reason->kind = (Souk__V1__ReasonKind)why->kind;
        reason->evidence_count = why->evidence_count;
        reason->weight = why->weight;
        reason->fallback = shown->fallback;
        if (why->related_sku_hash != 0) {
            reason->related_sku_id =
                reply_text(reply, recommend_flow_sku_id(flow, why->related_sku_hash));
        }
        if (why->place != 0) {
            reason->location_id = recommend_location(flow, why->place, reply);
        }
    }
}

/* Out of the catalogue, since nothing else can be had: nobody is known to want it. */
static void recommend_no_evidence(Souk__V1__RecommendedItem *message, struct reply *reply)
{
    Souk__V1__Reason *reason;
    if (message->n_reasons > 0 || reply->failed) {
        return;
    }
    reason = recommend_reason(reply, message);
    if (reason != NULL) {
        reason->kind = SOUK__V1__REASON_KIND__REASON_KIND_POPULAR;
        reason->weight = 1;
        reason->fallback = true;
    }
}

static void recommend_item_stock(const struct recommend_flow *flow,
                                 const struct recommend_shown *shown,
                                 Souk__V1__RecommendedItem *message, struct reply *reply)
{
    const struct shard_range *range =
        shard_map_range(flow->plan.map, SHARD_MAP_SKU, shown->shard);
    const struct replica_stamp stamp = {.shard_id = range->shard_id,
                                        .range_epoch = shown->reply->range_epoch,
                                        .log_index = shown->reply->applied_index,
                                        .log_time_ms = shown->reply->log_time_ms};
    Souk__V1__ItemStock *stock = reply_alloc(reply, sizeof *stock);
    if (stock == NULL) {
        return;
    }
    souk__v1__item_stock__init(stock);
    stock->available = shown->stock->available;
    stock->stamp = reply_stamp(reply, &stamp);
    message->stock = stock;
    message->sku_id = reply_text(reply, shown->stock->sku->sku_id);
    message->name = reply_text(reply, shown->stock->sku->name);
    message->price = reply_money(reply, &shown->stock->sku->price);
}

static Souk__V1__RecommendedItem *recommend_item(const struct recommend_flow *flow,
                                                 uint32_t place, struct reply *reply)
{
    const struct recommend_shown *shown = &flow->shown[place];
    Souk__V1__RecommendedItem *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__recommended_item__init(message);
    message->rank = place + 1;
    message->score = shown->item->score;
    if (shown->stock != NULL && shown->stock->sku != NULL) {
        recommend_item_stock(flow, shown, message, reply);
    }
    recommend_reasons(flow, shown, message, reply);
    return message;
}

/* The caller's own spelling of a given SKU that nobody knows, or whose owner is late. */
static char *recommend_given_id(const struct recommend_run *run, uint64_t sku_hash)
{
    const Souk__V1__RankItemsRequest *request = run->request;
    for (uint32_t i = 0; i < run->plan.given_count; i++) {
        if (run->plan.given[i] == sku_hash) {
            return request->sku_ids[i];
        }
    }
    UNREACHABLE();
}

static Souk__V1__RankedItem *recommend_ranked(const struct recommend_run *run,
                                              uint32_t place, struct reply *reply)
{
    const struct recommend_shown *shown = &run->flow.shown[place];
    Souk__V1__RankedItem *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__ranked_item__init(message);
    message->item = recommend_item(&run->flow, place, reply);
    message->found = shown->stock != NULL && shown->stock->found;
    message->sellable = shown->sellable;
    if (message->item != NULL && message->item->sku_id[0] == '\0') {
        message->item->sku_id = recommend_given_id(run, shown->item->sku_hash);
    }
    return message;
}

/* --- Answers ----------------------------------------------------------------------- */

char **recommend_reply_consent(bool used, size_t *out_count)
{
    static char personalization[] = "personalization";
    static char *purposes[] = {personalization};
    *out_count = used;
    return purposes;
}

/* Personal data was used, so consent to that was needed. */
static bool recommend_consent(const struct recommend_flow *flow)
{
    return flow->personal == RECOMMEND_PERSONAL_USED && flow->plan.has_actor;
}

/* Names the answer and has it remembered under that name. */
static char *recommend_remember(struct recommend_run *run,
                                Souk__V1__RecommendedItem *const *items, size_t count,
                                struct reply *reply)
{
    struct answer_ring *ring = answer_memory_ring(run->edge.service->answers, run->home);
    char text[UUID_TEXT_BYTES + 1];
    struct answer_head *head;
    struct rng rng;
    struct answer_id id;
    rng_init(&rng, service_nonce());
    id = answer_ring_name(ring, &rng, run->flow.wall_ms);
    answer_id_format(&id, text);
    if (answer_ring_keeps(ring) && !reply->failed) {
        head = answer_record_new(&run->flow, items, count, service_now().monotonic_us);
        head->id = id;
        answer_ring_put(ring, head);
    }
    return reply_text(reply, slice_of(text, UUID_TEXT_BYTES));
}

void recommend_reply_answer(struct recommend_run *run, struct reply *reply,
                            Souk__V1__RecommendResponse *answer)
{
    const struct recommend_flow *flow = &run->flow;
    answer->items = reply_alloc(reply, (flow->shown_count + 1) * sizeof *answer->items);
    for (uint32_t i = 0; i < flow->shown_count && !reply->failed; i++) {
        Souk__V1__RecommendedItem *item = recommend_item(flow, i, reply);
        if (item != NULL) {
            recommend_no_evidence(item, reply);
            answer->items[answer->n_items++] = item;
        }
    }
    answer->coverage = recommend_reply_coverage(reply, &flow->coverage, flow->wall_ms);
    answer->consent_used =
        recommend_reply_consent(recommend_consent(flow), &answer->n_consent_used);
    answer->answer_time = reply_time(reply, flow->wall_ms);
    answer->answer_id = recommend_remember(run, answer->items, answer->n_items, reply);
}

void recommend_reply_rank(struct recommend_run *run, struct reply *reply,
                          Souk__V1__RankItemsResponse *answer)
{
    const struct recommend_flow *flow = &run->flow;
    Souk__V1__RecommendedItem **items =
        reply_alloc(reply, (flow->shown_count + 1) * sizeof *items);
    answer->items = reply_alloc(reply, (flow->shown_count + 1) * sizeof *answer->items);
    for (uint32_t i = 0; i < flow->shown_count && !reply->failed; i++) {
        Souk__V1__RankedItem *item = recommend_ranked(run, i, reply);
        if (item != NULL && item->item != NULL) {
            items[answer->n_items] = item->item;
            answer->items[answer->n_items++] = item;
        }
    }
    answer->coverage = recommend_reply_coverage(reply, &flow->coverage, flow->wall_ms);
    answer->consent_used =
        recommend_reply_consent(recommend_consent(flow), &answer->n_consent_used);
    answer->answer_time = reply_time(reply, flow->wall_ms);
    answer->answer_id = recommend_remember(run, items, answer->n_items, reply);
}

/* --- Whether there is one ------------------------------------------------------------ */

enum status recommend_check(const struct recommend_run *run, struct problem *problem)
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

void recommend_trailers(struct recommend_run *run)
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
