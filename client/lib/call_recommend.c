/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.RecommendService. */
#include "client/include/souk/recommend.h"
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/souk/v1/recommend.grpc-c.h"

static Souk__V1__StockFilter *recommend_stock(struct arena *arena,
                                              const struct souk_recommend_request *in)
{
    Souk__V1__StockFilter *out = arena_alloc(arena, sizeof *out);
    souk__v1__stock_filter__init(out);
    out->mode = (Souk__V1__StockMode)in->stock_mode;
    out->location_ids = convert_texts(in->location_ids);
    out->n_location_ids = in->location_id_count;
    out->channel = convert_text(in->channel);
    out->min_quantity = in->min_quantity;
    out->allow_backorder = in->allow_backorder;
    return out;
}

static ProtobufCMessage *recommend_encode(struct call *call, const void *request)
{
    const struct souk_recommend_request *in = request;
    struct arena *arena = call_arena(call);
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
    out->stock = recommend_stock(arena, in);
    out->exclude_seen = in->exclude_seen;
    out->exclude_current = in->exclude_current;
    out->read = convert_read(arena, &in->read);
    if (in->budget_soft_ms != 0 || in->min_coverage > 0) {
        out->budget = arena_alloc(arena, sizeof *out->budget);
        souk__v1__budget__init(out->budget);
        out->budget->soft = convert_duration(arena, in->budget_soft_ms);
        out->budget->min_coverage = in->min_coverage;
    }
    return &out->base;
}

static const struct souk_reason *recommend_reasons(struct arena *arena,
                                                   const Souk__V1__RecommendedItem *item)
{
    struct souk_reason *reasons = arena_zalloc(arena, item->n_reasons * sizeof *reasons);
    for (size_t i = 0; i < item->n_reasons; i++) {
        reasons[i].kind = (enum souk_reason_kind)item->reasons[i]->kind;
        reasons[i].related_sku_id = item->reasons[i]->related_sku_id;
        reasons[i].evidence_count = item->reasons[i]->evidence_count;
        reasons[i].weight = item->reasons[i]->weight;
    }
    return reasons;
}

static void recommend_decode(struct call *call, const ProtobufCMessage *response,
                             void *out_reply)
{
    const Souk__V1__RecommendResponse *in = (const void *)response;
    struct souk_recommend_reply *out = out_reply;
    struct arena *arena = call_arena(call);
    struct souk_recommended_item *items =
        arena_zalloc(arena, in->n_items * sizeof *items);
    for (size_t i = 0; i < in->n_items; i++) {
        const Souk__V1__RecommendedItem *item = in->items[i];
        items[i].sku_id = item->sku_id;
        items[i].name = item->name;
        items[i].rank = item->rank;
        items[i].score = item->score;
        items[i].reasons = recommend_reasons(arena, item);
        items[i].reason_count = item->n_reasons;
        convert_money_back(item->price, &items[i].price);
        if (item->stock != NULL) {
            items[i].has_stock = true;
            items[i].available = item->stock->available;
            convert_stamp_back(item->stock->stamp, &items[i].stock_stamp);
        }
    }
    out->items = items;
    out->item_count = in->n_items;
    out->answer_id = in->answer_id;
    out->coverage = in->coverage ? in->coverage->fraction : 0;
    out->range_count = in->coverage ? in->coverage->n_ranges : 0;
    out->answer_time_ms = convert_time_back(in->answer_time);
}

CALL_DEFINE(recommend, souk__v1__recommend_service__service, "Recommend", false,
            souk_recommend_request, souk_recommend_reply);
