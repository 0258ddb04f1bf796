/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/convert_recommend.h"

#include "client/lib/convert.h"

/* --- Questions --------------------------------------------------------------------- */

struct convert_stock {
    enum souk_stock_mode mode;
    const char *const *location_ids;
    size_t location_id_count;
    const char *channel;
    int64_t min_quantity;
    bool allow_backorder;
};

static Souk__V1__StockFilter *convert_stock(struct arena *arena,
                                            const struct convert_stock *in)
{
    Souk__V1__StockFilter *out = arena_alloc(arena, sizeof *out);
    souk__v1__stock_filter__init(out);
    out->mode = (Souk__V1__StockMode)in->mode;
    out->location_ids = convert_texts(in->location_ids);
    out->n_location_ids = in->location_id_count;
    out->channel = convert_text(in->channel);
    out->min_quantity = in->min_quantity;
    out->allow_backorder = in->allow_backorder;
    return out;
}

static Souk__V1__Budget *convert_budget(struct arena *arena, int64_t soft_ms,
                                        double min_coverage)
{
    Souk__V1__Budget *out;
    if (soft_ms == 0 && min_coverage <= 0) {
        return NULL;
    }
    out = arena_alloc(arena, sizeof *out);
    souk__v1__budget__init(out);
    out->soft = convert_duration(arena, soft_ms);
    out->min_coverage = min_coverage;
    return out;
}

static Souk__V1__Diversity *convert_diversity(struct arena *arena,
                                              const struct souk_recommend_request *in)
{
    Souk__V1__Diversity *out;
    if (in->diversity_attribute == NULL && in->diversity_items_max == 0) {
        return NULL;
    }
    out = arena_alloc(arena, sizeof *out);
    souk__v1__diversity__init(out);
    out->attribute = convert_text(in->diversity_attribute);
    out->group_items_max = in->diversity_items_max;
    return out;
}

Souk__V1__RecommendRequest *convert_recommend(struct arena *arena,
                                              const struct souk_recommend_request *in)
{
    const struct convert_stock stock = {.mode = in->stock_mode,
                                        .location_ids = in->location_ids,
                                        .location_id_count = in->location_id_count,
                                        .channel = in->channel,
                                        .min_quantity = in->min_quantity,
                                        .allow_backorder = in->allow_backorder};
    Souk__V1__RecommendRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__recommend_request__init(out);
    out->placement = convert_text(in->placement);
    if (in->customer_id != NULL) {
        out->actor_case = SOUK__V1__RECOMMEND_REQUEST__ACTOR_CUSTOMER_ID;
        out->customer_id = convert_text(in->customer_id);
    } else if (in->visitor_id != NULL) {
        out->actor_case = SOUK__V1__RECOMMEND_REQUEST__ACTOR_VISITOR_ID;
        out->visitor_id = convert_text(in->visitor_id);
    }
    out->session_items = convert_texts(in->session_items);
    out->n_session_items = in->session_item_count;
    out->cart = convert_texts(in->cart);
    out->n_cart = in->cart_count;
    out->count = in->count;
    out->stock = convert_stock(arena, &stock);
    out->exclude_seen = in->exclude_seen;
    out->exclude_current = in->exclude_current;
    out->budget = convert_budget(arena, in->budget_soft_ms, in->min_coverage);
    out->read = convert_read(arena, &in->read);
    out->seeds = convert_texts(in->seeds);
    out->n_seeds = in->seed_count;
    out->filter = convert_text(in->filter);
    out->diversity = convert_diversity(arena, in);
    out->no_personalization = in->no_personalization;
    return out;
}

Souk__V1__RankItemsRequest *convert_rank(struct arena *arena,
                                         const struct souk_recommend_rank_request *in)
{
    const struct convert_stock stock = {.mode = in->stock_mode,
                                        .location_ids = in->location_ids,
                                        .location_id_count = in->location_id_count,
                                        .channel = in->channel,
                                        .min_quantity = in->min_quantity,
                                        .allow_backorder = in->allow_backorder};
    Souk__V1__RankItemsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__rank_items_request__init(out);
    out->placement = convert_text(in->placement);
    if (in->customer_id != NULL) {
        out->actor_case = SOUK__V1__RANK_ITEMS_REQUEST__ACTOR_CUSTOMER_ID;
        out->customer_id = convert_text(in->customer_id);
    } else if (in->visitor_id != NULL) {
        out->actor_case = SOUK__V1__RANK_ITEMS_REQUEST__ACTOR_VISITOR_ID;
        out->visitor_id = convert_text(in->visitor_id);
    }
    out->session_items = convert_texts(in->session_items);
    out->n_session_items = in->session_item_count;
    out->seeds = convert_texts(in->seeds);
    out->n_seeds = in->seed_count;
    out->stock = convert_stock(arena, &stock);
    out->budget = convert_budget(arena, in->budget_soft_ms, in->min_coverage);
    out->read = convert_read(arena, &in->read);
    out->no_personalization = in->no_personalization;
    out->sku_ids = convert_texts(in->sku_ids);
    out->n_sku_ids = in->sku_id_count;
    return out;
}

/* --- Answers ----------------------------------------------------------------------- */

static int64_t convert_duration_us(const Google__Protobuf__Duration *duration)
{
    return duration == NULL ? 0 : duration->seconds * 1000000 + duration->nanos / 1000;
}

static double convert_fraction(const Souk__V1__Coverage *coverage)
{
    return coverage != NULL ? coverage->fraction : 0;
}

void convert_recommended_back(struct arena *arena, const Souk__V1__RecommendedItem *in,
                              struct souk_recommended_item *out)
{
    struct souk_reason *reasons = arena_zalloc(arena, in->n_reasons * sizeof *reasons);
    for (size_t i = 0; i < in->n_reasons; i++) {
        reasons[i].kind = (enum souk_reason_kind)in->reasons[i]->kind;
        reasons[i].related_sku_id = in->reasons[i]->related_sku_id;
        reasons[i].location_id = in->reasons[i]->location_id;
        reasons[i].evidence_count = in->reasons[i]->evidence_count;
        reasons[i].weight = in->reasons[i]->weight;
        reasons[i].fallback = in->reasons[i]->fallback;
    }
    *out = (struct souk_recommended_item){.sku_id = in->sku_id,
                                          .name = in->name,
                                          .rank = in->rank,
                                          .score = in->score,
                                          .reasons = reasons,
                                          .reason_count = in->n_reasons};
    convert_money_back(in->price, &out->price);
    if (in->stock != NULL) {
        out->has_stock = true;
        out->available = in->stock->available;
        convert_stamp_back(in->stock->stamp, &out->stock_stamp);
    }
}

static const struct souk_recommended_item *
convert_items_back(struct arena *arena, Souk__V1__RecommendedItem *const *in,
                   size_t count)
{
    struct souk_recommended_item *items = arena_alloc(arena, count * sizeof *items);
    for (size_t i = 0; i < count; i++) {
        convert_recommended_back(arena, in[i], &items[i]);
    }
    return items;
}

void convert_recommend_back(struct arena *arena, const Souk__V1__RecommendResponse *in,
                            struct souk_recommend_reply *out)
{
    out->items = convert_items_back(arena, in->items, in->n_items);
    out->item_count = in->n_items;
    out->answer_id = in->answer_id;
    out->coverage = convert_fraction(in->coverage);
    out->range_count = in->coverage ? in->coverage->n_ranges : 0;
    out->answer_time_ms = convert_time_back(in->answer_time);
    out->consent_used = convert_texts_back(in->consent_used);
    out->consent_used_count = in->n_consent_used;
}

void convert_rank_back(struct arena *arena, const Souk__V1__RankItemsResponse *in,
                       struct souk_recommend_rank_reply *out)
{
    struct souk_ranked_item *items = arena_zalloc(arena, in->n_items * sizeof *items);
    for (size_t i = 0; i < in->n_items; i++) {
        if (in->items[i]->item != NULL) {
            convert_recommended_back(arena, in->items[i]->item, &items[i].item);
        }
        items[i].sellable = in->items[i]->sellable;
        items[i].found = in->items[i]->found;
    }
    out->items = items;
    out->item_count = in->n_items;
    out->answer_id = in->answer_id;
    out->coverage = convert_fraction(in->coverage);
    out->answer_time_ms = convert_time_back(in->answer_time);
    out->consent_used = convert_texts_back(in->consent_used);
    out->consent_used_count = in->n_consent_used;
}

static void convert_explain_asked(struct arena *arena,
                                  const Souk__V1__ExplainAnswerResponse *in,
                                  struct souk_recommend_explain_reply *out)
{
    struct souk_answer_source *sources =
        arena_zalloc(arena, in->n_sources * sizeof *sources);
    struct souk_answer_seed *seeds = arena_zalloc(arena, in->n_seeds * sizeof *seeds);
    struct souk_answer_stage *stages = arena_zalloc(arena, in->n_stages * sizeof *stages);
    for (size_t i = 0; i < in->n_sources; i++) {
        sources[i] =
            (struct souk_answer_source){.source = in->sources[i]->source,
                                        .weight = in->sources[i]->weight,
                                        .tier = in->sources[i]->tier,
                                        .asked = in->sources[i]->asked,
                                        .candidates = in->sources[i]->candidates};
    }
    for (size_t i = 0; i < in->n_seeds; i++) {
        seeds[i].sku_id = in->seeds[i]->sku_id;
        seeds[i].origin = (enum souk_answer_seed_origin)in->seeds[i]->origin;
    }
    for (size_t i = 0; i < in->n_stages; i++) {
        stages[i] = (struct souk_answer_stage){
            .stage = in->stages[i]->stage,
            .elapsed_us = convert_duration_us(in->stages[i]->elapsed),
            .allowed_us = convert_duration_us(in->stages[i]->allowed),
            .rounds = in->stages[i]->rounds};
    }
    out->sources = sources;
    out->source_count = in->n_sources;
    out->seeds = seeds;
    out->seed_count = in->n_seeds;
    out->stages = stages;
    out->stage_count = in->n_stages;
}

void convert_explain_back(struct arena *arena, const Souk__V1__ExplainAnswerResponse *in,
                          struct souk_recommend_explain_reply *out)
{
    convert_explain_asked(arena, in, out);
    out->answer_id = in->answer_id;
    out->answer_time_ms = convert_time_back(in->answer_time);
    out->placement = in->placement;
    if (in->dropped != NULL) {
        out->dropped_not_sellable = in->dropped->not_sellable;
        out->dropped_filtered = in->dropped->filtered;
        out->dropped_not_diverse = in->dropped->not_diverse;
        out->dropped_not_listed = in->dropped->not_listed;
        out->dropped_unanswered = in->dropped->unanswered;
    }
    out->items = convert_items_back(arena, in->items, in->n_items);
    out->item_count = in->n_items;
    out->coverage = convert_fraction(in->coverage);
    out->consent_used = convert_texts_back(in->consent_used);
    out->consent_used_count = in->n_consent_used;
    out->personal = (enum souk_answer_personal)in->personal;
}
