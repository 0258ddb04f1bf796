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

static const struct souk_stamp *
stock_stamps_back(struct arena *arena, Souk__V1__ReadStamp *const *stamps, size_t count)
{
    struct souk_stamp *out = arena_zalloc(arena, count * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        convert_stamp_back(stamps[i], &out[i]);
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
    out->stamps = stock_stamps_back(call_arena(call), in->stamps, in->n_stamps);
    out->stamp_count = in->n_stamps;
}

CALL_DEFINE(stock_list, souk__v1__stock_service__service, "ListStockLevels", false,
            souk_stock_list_request, souk_stock_list_reply);

static ProtobufCMessage *stock_check_encode(struct call *call, const void *request)
{
    const struct souk_stock_check_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__CheckAvailabilityRequest *out = arena_alloc(arena, sizeof *out);
    Souk__V1__AvailabilityLine *lines =
        arena_alloc(arena, in->line_count * sizeof *lines + 1);
    souk__v1__check_availability_request__init(out);
    out->lines = arena_alloc(arena, in->line_count * sizeof *out->lines + 1);
    out->n_lines = in->line_count;
    for (size_t i = 0; i < in->line_count; i++) {
        souk__v1__availability_line__init(&lines[i]);
        lines[i].sku_id = convert_text(in->lines[i].sku_id);
        lines[i].quantity = in->lines[i].quantity;
        lines[i].location_id = convert_text(in->lines[i].location_id);
        out->lines[i] = &lines[i];
    }
    out->location_ids = convert_texts(in->location_ids);
    out->n_location_ids = in->location_id_count;
    out->channel = convert_text(in->channel);
    out->allow_backorder = in->allow_backorder;
    out->read = convert_read(arena, &in->read);
    if (in->nearest) {
        out->near = arena_alloc(arena, sizeof *out->near);
        souk__v1__geo_point__init(out->near);
        out->near->latitude_e7 = in->latitude_e7;
        out->near->longitude_e7 = in->longitude_e7;
    }
    return &out->base;
}

static void stock_check_decode(struct call *call, const ProtobufCMessage *response,
                               void *out_reply)
{
    const Souk__V1__CheckAvailabilityResponse *in = (const void *)response;
    struct souk_stock_check_reply *out = out_reply;
    struct souk_stock_check_result *results =
        arena_zalloc(call_arena(call), in->n_results * sizeof *results);
    for (size_t i = 0; i < in->n_results; i++) {
        const Souk__V1__AvailabilityResult *result = in->results[i];
        convert_item_status_back(result->status, &results[i].status);
        results[i].requested = result->requested;
        results[i].available = result->available;
        results[i].location_id = result->location_id;
        results[i].location_available = result->location_available;
        results[i].distance_m =
            result->distance_case == SOUK__V1__AVAILABILITY_RESULT__DISTANCE_DISTANCE_M
                ? result->distance_m
                : -1;
    }
    out->results = results;
    out->result_count = in->n_results;
    out->all_available = in->all_available != 0;
}

CALL_DEFINE(stock_check, souk__v1__stock_service__service, "CheckAvailability", false,
            souk_stock_check_request, souk_stock_check_reply);

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

static void stock_set_conditions_of_units(const struct souk_stock_set_request *in,
                                          Souk__V1__SetStockRequest *out)
{
    if (in->set_damaged) {
        out->damaged_change_case = SOUK__V1__SET_STOCK_REQUEST__DAMAGED_CHANGE_DAMAGED;
        out->damaged = in->damaged;
    }
    if (in->set_quality_control) {
        out->quality_control_change_case =
            SOUK__V1__SET_STOCK_REQUEST__QUALITY_CONTROL_CHANGE_QUALITY_CONTROL;
        out->quality_control = in->quality_control;
    }
    if (in->set_incoming) {
        out->incoming_change_case = SOUK__V1__SET_STOCK_REQUEST__INCOMING_CHANGE_INCOMING;
        out->incoming = in->incoming;
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
    stock_set_conditions_of_units(in, out);
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

static ProtobufCMessage *stock_move_encode(struct call *call, const void *request)
{
    const struct souk_stock_move_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__MoveStockRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__move_stock_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->sku_id = convert_text(in->sku_id);
    out->from_location_id = convert_text(in->from_location_id);
    out->from_bucket = (Souk__V1__StockBucket)in->from_bucket;
    out->to_location_id = convert_text(in->to_location_id);
    out->to_bucket = (Souk__V1__StockBucket)in->to_bucket;
    out->quantity = in->quantity;
    out->reason = (Souk__V1__StockReason)in->reason;
    out->reference = convert_text(in->reference);
    out->occurred_time = convert_time(arena, in->occurred_time_ms);
    return &out->base;
}

static void stock_move_decode(struct call *call, const ProtobufCMessage *response,
                              void *out_reply)
{
    const Souk__V1__MoveStockResponse *in = (const void *)response;
    struct souk_stock_move_reply *out = out_reply;
    (void)call;
    stock_level_back(in->from_level, &out->from_level);
    stock_level_back(in->to_level, &out->to_level);
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(stock_move, souk__v1__stock_service__service, "MoveStock", true,
            souk_stock_move_request, souk_stock_move_reply);

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
    out->start_time = convert_time(arena, in->start_time_ms);
    out->end_time = convert_time(arena, in->end_time_ms);
    out->reference = convert_text(in->reference);
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
    out->to_location_id = movement->to_location_id;
    stock_level_back(movement->to_before, &out->to_before);
    stock_level_back(movement->to_after, &out->to_after);
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
    out->stamps = stock_stamps_back(call_arena(call), in->stamps, in->n_stamps);
    out->stamp_count = in->n_stamps;
}

CALL_DEFINE(movement_list, souk__v1__stock_service__service, "ListMovements", false,
            souk_movement_list_request, souk_movement_list_reply);
