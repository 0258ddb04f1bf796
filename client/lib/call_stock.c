/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.StockService. */
#include "client/include/souk/stock.h"
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "client/lib/convert_stock.h"
#include "proto/souk/v1/stock.grpc-c.h"

void stock_level_back(const Souk__V1__StockLevel *level, struct souk_stock_level *out)
{
    Souk__V1__StockLevel empty;
    souk__v1__stock_level__init(&empty);
    level = level ? level : &empty;
    out->sku_id = level->sku_id;
    out->location_id = level->location_id;
    out->on_hand = level->on_hand;
    out->held = level->held;
    out->committed = level->committed;
    out->damaged = level->damaged;
    out->quality_control = level->quality_control;
    out->safety_stock = level->safety_stock;
    out->incoming = level->incoming;
    out->backorder_limit = level->backorder_limit;
    out->available = level->available;
    out->shortfall = level->shortfall;
    out->etag = level->etag;
    out->update_time_ms = convert_time_back(level->update_time);
}

static const struct souk_stock_level *
stock_levels_back(struct arena *arena, Souk__V1__StockLevel *const *levels, size_t count)
{
    struct souk_stock_level *out = arena_zalloc(arena, count * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        stock_level_back(levels[i], &out[i]);
    }
    return out;
}

static ProtobufCMessage *stock_get_encode(struct call *call, const void *request)
{
    const struct souk_stock_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__GetStockLevelRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__get_stock_level_request__init(out);
    out->sku_id = convert_text(in->sku_id);
    out->location_id = convert_text(in->location_id);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void stock_get_decode(struct call *call, const ProtobufCMessage *response,
                             void *out_reply)
{
    const Souk__V1__GetStockLevelResponse *in = (const void *)response;
    struct souk_stock_level_reply *out = out_reply;
    (void)call;
    stock_level_back(in->level, &out->level);
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(stock_get, souk__v1__stock_service__service, "GetStockLevel", false,
            souk_stock_get_request, souk_stock_level_reply);

static ProtobufCMessage *stock_batch_get_encode(struct call *call, const void *request)
{
    const struct souk_stock_batch_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__BatchGetStockLevelsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__batch_get_stock_levels_request__init(out);
    out->sku_ids = convert_texts(in->sku_ids);
    out->n_sku_ids = in->sku_id_count;
    out->location_ids = convert_texts(in->location_ids);
    out->n_location_ids = in->location_id_count;
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void stock_batch_get_decode(struct call *call, const ProtobufCMessage *response,
                                   void *out_reply)
{
    const Souk__V1__BatchGetStockLevelsResponse *in = (const void *)response;
    struct souk_stock_batch_get_reply *out = out_reply;
    out->levels = stock_levels_back(call_arena(call), in->levels, in->n_levels);
    out->level_count = in->n_levels;
    out->missing_sku_ids = convert_texts_back(in->missing_sku_ids);
    out->missing_count = in->n_missing_sku_ids;
}

CALL_DEFINE(stock_batch_get, souk__v1__stock_service__service, "BatchGetStockLevels",
            false, souk_stock_batch_get_request, souk_stock_batch_get_reply);

static ProtobufCMessage *stock_list_encode(struct call *call, const void *request)
{
    const struct souk_stock_list_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__ListStockLevelsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__list_stock_levels_request__init(out);
    out->sku_id = convert_text(in->sku_id);
    out->page_size = in->page_size;
    out->page_token = convert_text(in->page_token);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void stock_list_decode(struct call *call, const ProtobufCMessage *response,
                              void *out_reply)
{
    const Souk__V1__ListStockLevelsResponse *in = (const void *)response;
    struct souk_stock_list_reply *out = out_reply;
    out->levels = stock_levels_back(call_arena(call), in->levels, in->n_levels);
    out->level_count = in->n_levels;
    out->next_page_token = in->next_page_token;
}

CALL_DEFINE(stock_list, souk__v1__stock_service__service, "ListStockLevels", false,
            souk_stock_list_request, souk_stock_list_reply);

static Souk__V1__AdjustStockRequest *
stock_adjust_message(struct call *call, const struct souk_stock_adjust_request *in)
{
    struct arena *arena = call_arena(call);
    Souk__V1__AdjustStockRequest *out = arena_alloc(arena, sizeof *out);
    Souk__V1__StockAdjustment *adjustment = arena_alloc(arena, sizeof *adjustment);
    souk__v1__adjust_stock_request__init(out);
    souk__v1__stock_adjustment__init(adjustment);
    adjustment->sku_id = convert_text(in->sku_id);
    adjustment->location_id = convert_text(in->location_id);
    adjustment->quantity = in->quantity;
    adjustment->bucket = (Souk__V1__StockBucket)in->bucket;
    adjustment->reason = (Souk__V1__StockReason)in->reason;
    adjustment->reference = convert_text(in->reference);
    adjustment->occurred_time = convert_time(arena, in->occurred_time_ms);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->adjustment = adjustment;
    return out;
}

static ProtobufCMessage *stock_adjust_encode(struct call *call, const void *request)
{
    return &stock_adjust_message(call, request)->base;
}

static void stock_adjust_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Souk__V1__AdjustStockResponse *in = (const void *)response;
    struct souk_stock_level_reply *out = out_reply;
    (void)call;
    stock_level_back(in->level, &out->level);
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(stock_adjust, souk__v1__stock_service__service, "AdjustStock", true,
            souk_stock_adjust_request, souk_stock_level_reply);

static ProtobufCMessage *stock_batch_adjust_encode(struct call *call, const void *request)
{
    const struct souk_stock_batch_adjust_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__BatchAdjustStockRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__batch_adjust_stock_request__init(out);
    out->requests = arena_alloc(arena, in->request_count * sizeof *out->requests);
    out->n_requests = in->request_count;
    for (size_t i = 0; i < in->request_count; i++) {
        out->requests[i] = stock_adjust_message(call, &in->requests[i]);
    }
    return &out->base;
}

static void stock_batch_adjust_decode(struct call *call, const ProtobufCMessage *response,
                                      void *out_reply)
{
    const Souk__V1__BatchAdjustStockResponse *in = (const void *)response;
    struct souk_stock_batch_adjust_reply *out = out_reply;
    struct souk_stock_batch_adjust_result *results =
        arena_zalloc(call_arena(call), in->n_results * sizeof *results);
    for (size_t i = 0; i < in->n_results; i++) {
        convert_item_status_back(in->results[i]->status, &results[i].status);
        stock_level_back(in->results[i]->level, &results[i].level);
        results[i].replayed = in->results[i]->replayed != 0;
    }
    out->results = results;
    out->result_count = in->n_results;
}

CALL_DEFINE(stock_batch_adjust, souk__v1__stock_service__service, "BatchAdjustStock",
            true, souk_stock_batch_adjust_request, souk_stock_batch_adjust_reply);

static void stock_set_condition(const struct souk_stock_set_request *in,
                                Souk__V1__SetStockRequest *out)
{
    if (in->condition == SOUK_STOCK_IF_ON_HAND) {
        out->condition_case = SOUK__V1__SET_STOCK_REQUEST__CONDITION_EXPECTED_ON_HAND;
        out->expected_on_hand = in->expected_on_hand;
    } else if (in->condition == SOUK_STOCK_IF_ETAG) {
        out->condition_case = SOUK__V1__SET_STOCK_REQUEST__CONDITION_ETAG;
        out->etag = convert_text(in->etag);
    }
}

static ProtobufCMessage *stock_set_encode(struct call *call, const void *request)
{
    const struct souk_stock_set_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__SetStockRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__set_stock_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->sku_id = convert_text(in->sku_id);
    out->location_id = convert_text(in->location_id);
    out->reason = (Souk__V1__StockReason)in->reason;
    out->reference = convert_text(in->reference);
    out->occurred_time = convert_time(arena, in->occurred_time_ms);
    if (in->keep_on_hand) {
        out->on_hand_change_case =
            SOUK__V1__SET_STOCK_REQUEST__ON_HAND_CHANGE_KEEP_ON_HAND;
        out->keep_on_hand = true;
    } else {
        out->on_hand_change_case = SOUK__V1__SET_STOCK_REQUEST__ON_HAND_CHANGE_ON_HAND;
        out->on_hand = in->on_hand;
    }
    stock_set_condition(in, out);
    if (in->set_safety_stock) {
        out->safety_stock_change_case =
            SOUK__V1__SET_STOCK_REQUEST__SAFETY_STOCK_CHANGE_SAFETY_STOCK;
        out->safety_stock = in->safety_stock;
    }
    if (in->set_backorder_limit) {
        out->backorder_limit_change_case =
            SOUK__V1__SET_STOCK_REQUEST__BACKORDER_LIMIT_CHANGE_BACKORDER_LIMIT;
        out->backorder_limit = in->backorder_limit;
    }
    return &out->base;
}

static void stock_set_decode(struct call *call, const ProtobufCMessage *response,
                             void *out_reply)
{
    const Souk__V1__SetStockResponse *in = (const void *)response;
    struct souk_stock_level_reply *out = out_reply;
    (void)call;
    stock_level_back(in->level, &out->level);
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(stock_set, souk__v1__stock_service__service, "SetStock", true,
            souk_stock_set_request, souk_stock_level_reply);

static ProtobufCMessage *movement_list_encode(struct call *call, const void *request)
{
    const struct souk_movement_list_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__ListMovementsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__list_movements_request__init(out);
    out->sku_id = convert_text(in->sku_id);
    out->location_id = convert_text(in->location_id);
    out->page_size = in->page_size;
    out->page_token = convert_text(in->page_token);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

void stock_movement_back(const Souk__V1__Movement *movement, struct souk_movement *out)
{
    out->sku_id = movement->sku_id;
    out->location_id = movement->location_id;
    out->reason = (enum souk_stock_reason)movement->reason;
    out->reference = movement->reference;
    out->hold_id = movement->hold_id;
    stock_level_back(movement->before, &out->before);
    stock_level_back(movement->after, &out->after);
    out->log_time_ms = convert_time_back(movement->log_time);
    out->shard_id = movement->shard_id;
    out->log_index = movement->log_index;
    out->log_sub = movement->log_sub;
}

static void movement_list_decode(struct call *call, const ProtobufCMessage *response,
                                 void *out_reply)
{
    const Souk__V1__ListMovementsResponse *in = (const void *)response;
    struct souk_movement_list_reply *out = out_reply;
    struct souk_movement *movements =
        arena_zalloc(call_arena(call), in->n_movements * sizeof *movements);
    for (size_t i = 0; i < in->n_movements; i++) {
        stock_movement_back(in->movements[i], &movements[i]);
    }
    out->movements = movements;
    out->movement_count = in->n_movements;
    out->next_page_token = in->next_page_token;
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(movement_list, souk__v1__stock_service__service, "ListMovements", false,
            souk_movement_list_request, souk_movement_list_reply);
