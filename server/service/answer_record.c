/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/answer_record.h"

#include <string.h>

#include "server/service/recommend_reply.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"

struct answer_reason {
    double weight;
    uint64_t evidence_count;
    char *related_sku_id;
    char *location_id;
    uint8_t kind;
    bool fallback;
};

struct answer_item {
    double score;
    struct answer_reason *reasons;
    size_t reason_count;
    char *sku_id;
    char *name;
    bool has_stock;
    int64_t available;
    struct replica_stamp stamp;
    struct inventory_money price;
};

struct answer_seed {
    char *sku_id;
    enum recommend_seed_origin origin;
};

/* All that the pointers name lies behind it in the same block. */
struct answer_record {
    struct answer_head head;
    int64_t wall_ms;
    const struct placement *placement; /* outlives the service */
    enum recommend_personal personal;
    bool consent_used;
    struct recommend_source_report sources[PLACEMENT_SOURCES_MAX];
    struct recommend_dropped dropped;
    struct recommend_stage_report stages[RECOMMEND_STATES];
    struct coverage coverage; /* its map is set again when it is read */
    struct answer_seed *seeds;
    uint32_t seed_count;
    struct answer_item *items;
    size_t item_count;
};

/* --- Taking down ------------------------------------------------------------------- */

/* A block that is filled from its start: numbers first, texts behind them. */
struct answer_block {
    uint8_t *next;
    uint8_t *end;
};

static size_t answer_round(size_t size)
{
    return (size + 15) & ~(size_t)15;
}

static void *answer_take(struct answer_block *block, size_t size)
{
    void *taken = block->next;
    ASSERT((size_t)(block->end - block->next) >= answer_round(size));
    block->next += answer_round(size);
    return taken;
}

static char *answer_text(struct answer_block *block, const void *text, size_t size)
{
    char *copy = (char *)block->next;
    ASSERT((size_t)(block->end - block->next) > size);
    if (size > 0) {
        memcpy(copy, text, size);
    }
    copy[size] = '\0';
    block->next += size + 1;
    return copy;
}

static size_t answer_range_bytes(const struct coverage *coverage,
                                 enum shard_map_table table)
{
    return coverage->asked[table]
               ? shard_map_count(coverage->map, table) * sizeof(struct coverage_range)
               : 0;
}

static size_t answer_block_bytes(const struct recommend_flow *flow,
                                 Souk__V1__RecommendedItem *const *items,
                                 size_t item_count)
{
    size_t size = answer_round(sizeof(struct answer_record)) +
                  answer_round(flow->seed_count * sizeof(struct answer_seed)) +
                  answer_round(item_count * sizeof(struct answer_item));
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        size += answer_round(answer_range_bytes(&flow->coverage, table));
    }
    for (uint32_t i = 0; i < flow->seed_count; i++) {
        size += recommend_flow_sku_id(flow, flow->seeds[i].sku_hash).size + 1;
    }
    for (size_t i = 0; i < item_count; i++) {
        const Souk__V1__RecommendedItem *item = items[i];
        size += answer_round(item->n_reasons * sizeof(struct answer_reason)) +
                strlen(item->sku_id) + strlen(item->name) + 2;
        for (size_t k = 0; k < item->n_reasons; k++) {
            size += strlen(item->reasons[k]->related_sku_id) +
                    strlen(item->reasons[k]->location_id) + 2;
        }
    }
    return size;
}

static void answer_take_item(struct answer_block *block, struct answer_item *out,
                             const Souk__V1__RecommendedItem *item)
{
    out->score = item->score;
    out->reasons = answer_take(block, item->n_reasons * sizeof *out->reasons);
    out->reason_count = item->n_reasons;
    for (size_t i = 0; i < item->n_reasons; i++) {
        const Souk__V1__Reason *reason = item->reasons[i];
        out->reasons[i].weight = reason->weight;
        out->reasons[i].evidence_count = reason->evidence_count;
        out->reasons[i].kind = (uint8_t)reason->kind;
        out->reasons[i].fallback = reason->fallback;
    }
    out->has_stock = item->stock != NULL;
    if (item->stock != NULL) {
        const Souk__V1__ReadStamp *stamp = item->stock->stamp;
        int64_t ms = stamp->log_time == NULL ? 0
                                             : stamp->log_time->seconds * 1000 +
                                                   stamp->log_time->nanos / 1000000;
        out->available = item->stock->available;
        out->stamp = (struct replica_stamp){stamp->shard_id, stamp->range_epoch,
                                            stamp->log_index, ms};
    }
    if (item->price != NULL) {
        strncpy(out->price.currency, item->price->currency,
                sizeof out->price.currency - 1);
        out->price.units = item->price->units;
        out->price.nanos = item->price->nanos;
    }
}

/* Behind all numbers: texts need no alignment. */
static void answer_take_texts(struct answer_block *block, struct answer_item *out,
                              const Souk__V1__RecommendedItem *item)
{
    out->sku_id = answer_text(block, item->sku_id, strlen(item->sku_id));
    out->name = answer_text(block, item->name, strlen(item->name));
    for (size_t i = 0; i < item->n_reasons; i++) {
        const char *related = item->reasons[i]->related_sku_id;
        const char *location = item->reasons[i]->location_id;
        out->reasons[i].related_sku_id = answer_text(block, related, strlen(related));
        out->reasons[i].location_id = answer_text(block, location, strlen(location));
    }
}

static void answer_take_facts(struct answer_record *record, struct answer_block *block,
                              const struct recommend_flow *flow)
{
    record->wall_ms = flow->wall_ms;
    record->placement = flow->plan.placement;
    record->personal = flow->personal;
    record->consent_used =
        flow->personal == RECOMMEND_PERSONAL_USED && flow->plan.has_actor;
    memcpy(record->sources, flow->sources, sizeof record->sources);
    memcpy(record->stages, flow->stages, sizeof record->stages);
    record->dropped = flow->dropped;
    record->coverage = flow->coverage;
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        size_t size = answer_range_bytes(&flow->coverage, table);
        record->coverage.ranges[table] = answer_take(block, size);
        if (size > 0) {
            memcpy(record->coverage.ranges[table], flow->coverage.ranges[table], size);
        }
    }
}

struct answer_head *answer_record_new(const struct recommend_flow *flow,
                                      Souk__V1__RecommendedItem *const *items,
                                      size_t item_count, uint64_t now_us)
{
    size_t size = answer_block_bytes(flow, items, item_count);
    struct answer_block block = {.next = memory_zalloc(size)};
    struct answer_record *record = (void *)block.next;
    block.end = block.next + size;
    answer_take(&block, sizeof *record);
    record->head = (struct answer_head){.has_actor = flow->plan.has_actor,
                                        .actor = flow->plan.actor,
                                        .start_us = flow->start_us,
                                        .end_us = now_us,
                                        .bytes = size};
    answer_take_facts(record, &block, flow);
    record->seeds = answer_take(&block, flow->seed_count * sizeof *record->seeds);
    record->seed_count = flow->seed_count;
    record->items = answer_take(&block, item_count * sizeof *record->items);
    record->item_count = item_count;
    for (size_t i = 0; i < item_count; i++) {
        answer_take_item(&block, &record->items[i], items[i]);
    }
    for (size_t i = 0; i < item_count; i++) {
        answer_take_texts(&block, &record->items[i], items[i]);
    }
    for (uint32_t i = 0; i < flow->seed_count; i++) {
        struct slice id = recommend_flow_sku_id(flow, flow->seeds[i].sku_hash);
        record->seeds[i].sku_id = answer_text(&block, id.data, id.size);
        record->seeds[i].origin = flow->seeds[i].origin;
    }
    return &record->head;
}

/* --- Telling ----------------------------------------------------------------------- */

static void answer_tell_sources(const struct answer_record *record, struct reply *reply,
                                Souk__V1__ExplainAnswerResponse *out)
{
    uint32_t count = record->placement->source_count;
    Souk__V1__AnswerSource *sources = reply_alloc(reply, count * sizeof *sources);
    out->sources = reply_alloc(reply, count * sizeof *out->sources);
    for (uint32_t i = 0; i < count && !reply->failed; i++) {
        const struct placement_source *source = &record->placement->sources[i];
        souk__v1__answer_source__init(&sources[i]);
        sources[i].source =
            reply_text(reply, slice_from_string(recommend_source_name(source->source)));
        sources[i].weight = source->weight;
        sources[i].tier = source->tier;
        sources[i].asked = record->sources[i].asked;
        sources[i].candidates = record->sources[i].candidates;
        out->sources[out->n_sources++] = &sources[i];
    }
}

static void answer_tell_seeds(const struct answer_record *record, struct reply *reply,
                              Souk__V1__ExplainAnswerResponse *out)
{
    Souk__V1__AnswerSeed *seeds =
        reply_alloc(reply, (record->seed_count + 1) * sizeof *seeds);
    out->seeds = reply_alloc(reply, (record->seed_count + 1) * sizeof *out->seeds);
    for (uint32_t i = 0; i < record->seed_count && !reply->failed; i++) {
        souk__v1__answer_seed__init(&seeds[i]);
        seeds[i].sku_id = record->seeds[i].sku_id;
        seeds[i].origin = (Souk__V1__AnswerSeedOrigin)record->seeds[i].origin;
        out->seeds[out->n_seeds++] = &seeds[i];
    }
}

static void answer_tell_stages(const struct answer_record *record, struct reply *reply,
                               Souk__V1__ExplainAnswerResponse *out)
{
    Souk__V1__AnswerStage *stages = reply_alloc(reply, RECOMMEND_STATES * sizeof *stages);
    out->stages = reply_alloc(reply, RECOMMEND_STATES * sizeof *out->stages);
    for (unsigned i = 0; i < RECOMMEND_DONE && !reply->failed; i++) {
        const struct recommend_stage_report *report = &record->stages[i];
        if (report->rounds == 0) {
            continue;
        }
        souk__v1__answer_stage__init(&stages[i]);
        stages[i].stage = reply_text(
            reply, slice_from_string(recommend_state_text((enum recommend_state)i)));
        stages[i].elapsed = reply_duration_us(reply, report->elapsed_us);
        stages[i].allowed = reply_duration_us(reply, report->allowed_us);
        stages[i].rounds = report->rounds;
        out->stages[out->n_stages++] = &stages[i];
    }
}

static void answer_tell_reasons(const struct answer_item *item, struct reply *reply,
                                Souk__V1__RecommendedItem *out)
{
    Souk__V1__Reason *reasons =
        reply_alloc(reply, (item->reason_count + 1) * sizeof *reasons);
    out->reasons = reply_alloc(reply, (item->reason_count + 1) * sizeof *out->reasons);
    for (size_t i = 0; i < item->reason_count && !reply->failed; i++) {
        souk__v1__reason__init(&reasons[i]);
        reasons[i].kind = (Souk__V1__ReasonKind)item->reasons[i].kind;
        reasons[i].related_sku_id = item->reasons[i].related_sku_id;
        reasons[i].location_id = item->reasons[i].location_id;
        reasons[i].evidence_count = item->reasons[i].evidence_count;
        reasons[i].weight = item->reasons[i].weight;
        reasons[i].fallback = item->reasons[i].fallback;
        out->reasons[out->n_reasons++] = &reasons[i];
    }
}

static Souk__V1__RecommendedItem *answer_tell_item(const struct answer_item *item,
                                                   uint32_t rank, struct reply *reply)
{
    Souk__V1__RecommendedItem *out = reply_alloc(reply, sizeof *out);
    if (out == NULL) {
        return NULL;
    }
    souk__v1__recommended_item__init(out);
    out->sku_id = item->sku_id;
    out->name = item->name;
    out->rank = rank;
    out->score = item->score;
    out->price = reply_money(reply, &item->price);
    answer_tell_reasons(item, reply, out);
    if (item->has_stock) {
        out->stock = reply_alloc(reply, sizeof *out->stock);
    }
    if (out->stock != NULL) {
        souk__v1__item_stock__init(out->stock);
        out->stock->available = item->available;
        out->stock->stamp = reply_stamp(reply, &item->stamp);
    }
    return out;
}

static void answer_tell_dropped(const struct answer_record *record, struct reply *reply,
                                Souk__V1__ExplainAnswerResponse *out)
{
    out->dropped = reply_alloc(reply, sizeof *out->dropped);
    if (out->dropped != NULL) {
        souk__v1__answer_dropped__init(out->dropped);
        out->dropped->not_sellable = record->dropped.not_sellable;
        out->dropped->filtered = record->dropped.filtered;
        out->dropped->not_diverse = record->dropped.not_diverse;
        out->dropped->not_listed = record->dropped.not_listed;
        out->dropped->unanswered = record->dropped.unanswered;
    }
}

void answer_record_explain(const struct answer_head *head, const struct shard_map *map,
                           struct reply *reply, Souk__V1__ExplainAnswerResponse *out)
{
    const struct answer_record *record =
        CONTAINER_OF(head, const struct answer_record, head);
    struct coverage coverage = record->coverage;
    char id[UUID_TEXT_BYTES + 1];
    coverage.map = map;
    answer_id_format(&head->id, id);
    out->answer_id = reply_text(reply, slice_of(id, UUID_TEXT_BYTES));
    out->answer_time = reply_time(reply, record->wall_ms);
    out->placement = reply_text(reply, slice_from_string(record->placement->name));
    answer_tell_sources(record, reply, out);
    answer_tell_seeds(record, reply, out);
    answer_tell_dropped(record, reply, out);
    answer_tell_stages(record, reply, out);
    out->items = reply_alloc(reply, (record->item_count + 1) * sizeof *out->items);
    for (size_t i = 0; i < record->item_count && !reply->failed; i++) {
        out->items[out->n_items++] =
            answer_tell_item(&record->items[i], (uint32_t)i + 1, reply);
    }
    out->coverage = recommend_reply_coverage(reply, &coverage, record->wall_ms);
    out->consent_used =
        recommend_reply_consent(record->consent_used, &out->n_consent_used);
    out->personal = (Souk__V1__AnswerPersonal)record->personal;
}
