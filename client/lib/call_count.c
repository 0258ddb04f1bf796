/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.StockService: counts of a location. */
#include "client/include/souk/stock.h"
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/souk/v1/stock.grpc-c.h"

static ProtobufCMessage *count_start_encode(struct call *call, const void *request)
{
    const struct souk_count_start_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__StartCountRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__start_count_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->count_id = convert_text(in->count_id);
    out->location_id = convert_text(in->location_id);
    out->baseline = (Souk__V1__CountBaseline)in->baseline;
    return &out->base;
}

static void count_start_decode(struct call *call, const ProtobufCMessage *response,
                               void *out_reply)
{
    const Souk__V1__StartCountResponse *in = (const void *)response;
    struct souk_count_start_reply *out = out_reply;
    (void)call;
    out->count_id = in->count_id;
    out->location_id = in->location_id;
    out->start_time_ms = convert_time_back(in->start_time);
}

CALL_DEFINE(count_start, souk__v1__stock_service__service, "StartCount", true,
            souk_count_start_request, souk_count_start_reply);

static ProtobufCMessage *count_submit_encode(struct call *call, const void *request)
{
    const struct souk_count_submit_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__SubmitCountRequest *out = arena_alloc(arena, sizeof *out);
    Souk__V1__CountedLine *lines = arena_alloc(arena, in->line_count * sizeof *lines + 1);
    souk__v1__submit_count_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->count_id = convert_text(in->count_id);
    out->lines = arena_alloc(arena, in->line_count * sizeof *out->lines + 1);
    out->n_lines = in->line_count;
    for (size_t i = 0; i < in->line_count; i++) {
        souk__v1__counted_line__init(&lines[i]);
        lines[i].sku_id = convert_text(in->lines[i].sku_id);
        lines[i].counted = in->lines[i].counted;
        out->lines[i] = &lines[i];
    }
    return &out->base;
}

static void count_submit_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Souk__V1__SubmitCountResponse *in = (const void *)response;
    struct souk_count_submit_reply *out = out_reply;
    (void)call;
    out->lines = in->lines;
}

CALL_DEFINE(count_submit, souk__v1__stock_service__service, "SubmitCount", true,
            souk_count_submit_request, souk_count_submit_reply);

static ProtobufCMessage *count_close_encode(struct call *call, const void *request)
{
    const struct souk_count_close_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__CloseCountRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__close_count_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->count_id = convert_text(in->count_id);
    out->discard = in->discard;
    return &out->base;
}

static void count_close_decode(struct call *call, const ProtobufCMessage *response,
                               void *out_reply)
{
    const Souk__V1__CloseCountResponse *in = (const void *)response;
    struct souk_count_close_reply *out = out_reply;
    (void)call;
    out->location_id = in->location_id;
    out->start_time_ms = convert_time_back(in->start_time);
    out->lines = in->lines;
    out->changed = in->changed;
    out->missing = in->missing;
    out->cut = in->cut;
    out->units_found = in->units_found;
    out->units_lost = in->units_lost;
}

CALL_DEFINE(count_close, souk__v1__stock_service__service, "CloseCount", true,
            souk_count_close_request, souk_count_close_reply);
