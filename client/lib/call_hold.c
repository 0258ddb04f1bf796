/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.HoldService. */
#include "client/include/souk/hold.h"
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/souk/v1/hold.grpc-c.h"

static Souk__V1__CreateHoldRequest *
hold_create_message(struct call *call, const struct souk_hold_create_request *in)
{
    struct arena *arena = call_arena(call);
    Souk__V1__CreateHoldRequest *out = arena_alloc(arena, sizeof *out);
    void **pointers;
    Souk__V1__HoldLine *lines =
        convert_array(arena, in->line_count, sizeof *lines, &pointers);
    souk__v1__create_hold_request__init(out);
    for (size_t i = 0; i < in->line_count; i++) {
        souk__v1__hold_line__init(&lines[i]);
        lines[i].sku_id = convert_text(in->lines[i].sku_id);
        lines[i].location_id = convert_text(in->lines[i].location_id);
        lines[i].quantity = in->lines[i].quantity;
    }
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->lines = (Souk__V1__HoldLine **)pointers;
    out->n_lines = in->line_count;
    out->mode = (Souk__V1__HoldMode)in->mode;
    out->owner = convert_text(in->owner);
    out->reference = convert_text(in->reference);
    out->ttl = convert_duration(arena, in->ttl_ms);
    out->allow_backorder = in->allow_backorder;
    return out;
}

static void hold_back(struct arena *arena, const Souk__V1__Hold *hold,
                      struct souk_hold *out)
{
    Souk__V1__Hold empty;
    struct souk_hold_line *lines;
    souk__v1__hold__init(&empty);
    hold = hold ? hold : &empty;
    lines = arena_zalloc(arena, hold->n_lines * sizeof *lines);
    for (size_t i = 0; i < hold->n_lines; i++) {
        lines[i].sku_id = hold->lines[i]->sku_id;
        lines[i].location_id = hold->lines[i]->location_id;
        lines[i].quantity = hold->lines[i]->quantity;
        lines[i].granted = hold->lines[i]->granted;
    }
    out->hold_id = hold->hold_id;
    out->state = (enum souk_hold_state)hold->state;
    out->owner = hold->owner;
    out->reference = hold->reference;
    out->lines = lines;
    out->line_count = hold->n_lines;
    out->create_time_ms = convert_time_back(hold->create_time);
    out->expire_time_ms = convert_time_back(hold->expire_time);
    out->end_time_ms = convert_time_back(hold->end_time);
    out->allow_backorder = hold->allow_backorder != 0;
}

static ProtobufCMessage *hold_create_encode(struct call *call, const void *request)
{
    return &hold_create_message(call, request)->base;
}

/* The answers of all calls about one hold have the same members under seven names. */
#define HOLD_DECODE(call_name, Response)                                                 \
    static void call_name##_decode(struct call *call, const ProtobufCMessage *response,  \
                                   void *out_reply)                                      \
    {                                                                                    \
        const Response *in = (const void *)response;                                     \
        struct souk_hold_reply *out = out_reply;                                         \
        hold_back(call_arena(call), in->hold, &out->hold);                               \
        convert_stamp_back(in->stamp, &out->stamp);                                      \
    }

/* Changes also name the shards that have not applied them yet. */
#define HOLD_CHANGE_DECODE(call_name, Response)                                          \
    static void call_name##_decode(struct call *call, const ProtobufCMessage *response,  \
                                   void *out_reply)                                      \
    {                                                                                    \
        const Response *in = (const void *)response;                                     \
        struct souk_hold_reply *out = out_reply;                                         \
        hold_back(call_arena(call), in->hold, &out->hold);                               \
        convert_stamp_back(in->stamp, &out->stamp);                                      \
        out->pending_shards = in->pending_shards;                                        \
        out->pending_shard_count = in->n_pending_shards;                                 \
    }

HOLD_DECODE(hold_create, Souk__V1__CreateHoldResponse)
CALL_DEFINE(hold_create, souk__v1__hold_service__service, "CreateHold", true,
            souk_hold_create_request, souk_hold_reply);

static ProtobufCMessage *hold_batch_create_encode(struct call *call, const void *request)
{
    const struct souk_hold_batch_create_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__BatchCreateHoldsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__batch_create_holds_request__init(out);
    out->requests = arena_alloc(arena, in->request_count * sizeof *out->requests);
    out->n_requests = in->request_count;
    for (size_t i = 0; i < in->request_count; i++) {
        out->requests[i] = hold_create_message(call, &in->requests[i]);
    }
    return &out->base;
}

static void hold_batch_create_decode(struct call *call, const ProtobufCMessage *response,
                                     void *out_reply)
{
    const Souk__V1__BatchCreateHoldsResponse *in = (const void *)response;
    struct souk_hold_batch_create_reply *out = out_reply;
    struct souk_hold_batch_create_result *results =
        arena_zalloc(call_arena(call), in->n_results * sizeof *results);
    for (size_t i = 0; i < in->n_results; i++) {
        convert_item_status_back(in->results[i]->status, &results[i].status);
        results[i].hold_id = in->results[i]->hold_id;
        results[i].expire_time_ms = convert_time_back(in->results[i]->expire_time);
        results[i].replayed = in->results[i]->replayed != 0;
    }
    out->results = results;
    out->result_count = in->n_results;
}

CALL_DEFINE(hold_batch_create, souk__v1__hold_service__service, "BatchCreateHolds", true,
            souk_hold_batch_create_request, souk_hold_batch_create_reply);

static ProtobufCMessage *hold_get_encode(struct call *call, const void *request)
{
    const struct souk_hold_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__GetHoldRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__get_hold_request__init(out);
    out->hold_id = convert_text(in->hold_id);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

HOLD_DECODE(hold_get, Souk__V1__GetHoldResponse)
CALL_DEFINE(hold_get, souk__v1__hold_service__service, "GetHold", false,
            souk_hold_get_request, souk_hold_reply);

static ProtobufCMessage *hold_list_encode(struct call *call, const void *request)
{
    const struct souk_hold_list_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__ListHoldsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__list_holds_request__init(out);
    out->owner = convert_text(in->owner);
    out->page_size = in->page_size;
    out->page_token = convert_text(in->page_token);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void hold_list_decode(struct call *call, const ProtobufCMessage *response,
                             void *out_reply)
{
    const Souk__V1__ListHoldsResponse *in = (const void *)response;
    struct souk_hold_list_reply *out = out_reply;
    struct souk_hold *holds = arena_zalloc(call_arena(call), in->n_holds * sizeof *holds);
    for (size_t i = 0; i < in->n_holds; i++) {
        hold_back(call_arena(call), in->holds[i], &holds[i]);
    }
    out->holds = holds;
    out->hold_count = in->n_holds;
    out->next_page_token = in->next_page_token;
}

CALL_DEFINE(hold_list, souk__v1__hold_service__service, "ListHolds", false,
            souk_hold_list_request, souk_hold_list_reply);

static ProtobufCMessage *hold_extend_encode(struct call *call, const void *request)
{
    const struct souk_hold_extend_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__ExtendHoldRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__extend_hold_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->hold_id = convert_text(in->hold_id);
    out->ttl = convert_duration(arena, in->ttl_ms);
    return &out->base;
}

HOLD_CHANGE_DECODE(hold_extend, Souk__V1__ExtendHoldResponse)
CALL_DEFINE(hold_extend, souk__v1__hold_service__service, "ExtendHold", true,
            souk_hold_extend_request, souk_hold_reply);

/* The requests that end a hold, too, differ in name alone. */
#define HOLD_END_ENCODE(call_name, Request, request_init)                                \
    static ProtobufCMessage *call_name##_encode(struct call *call, const void *request)  \
    {                                                                                    \
        const struct souk_hold_end_request *in = request;                                \
        struct arena *arena = call_arena(call);                                          \
        Request *out = arena_alloc(arena, sizeof *out);                                  \
        request_init(out);                                                               \
        out->request_id = convert_text(call_request_id(call, in->request_id));           \
        out->request_time = convert_time(arena, in->request_time_ms);                    \
        out->hold_id = convert_text(in->hold_id);                                        \
        return &out->base;                                                               \
    }

HOLD_END_ENCODE(hold_commit, Souk__V1__CommitHoldRequest,
                souk__v1__commit_hold_request__init)
HOLD_CHANGE_DECODE(hold_commit, Souk__V1__CommitHoldResponse)
CALL_DEFINE(hold_commit, souk__v1__hold_service__service, "CommitHold", true,
            souk_hold_end_request, souk_hold_reply);

HOLD_END_ENCODE(hold_release, Souk__V1__ReleaseHoldRequest,
                souk__v1__release_hold_request__init)
HOLD_CHANGE_DECODE(hold_release, Souk__V1__ReleaseHoldResponse)
CALL_DEFINE(hold_release, souk__v1__hold_service__service, "ReleaseHold", true,
            souk_hold_end_request, souk_hold_reply);

HOLD_END_ENCODE(hold_fulfil, Souk__V1__FulfilHoldRequest,
                souk__v1__fulfil_hold_request__init)
HOLD_CHANGE_DECODE(hold_fulfil, Souk__V1__FulfilHoldResponse)
CALL_DEFINE(hold_fulfil, souk__v1__hold_service__service, "FulfilHold", true,
            souk_hold_end_request, souk_hold_reply);

HOLD_END_ENCODE(hold_cancel, Souk__V1__CancelHoldRequest,
                souk__v1__cancel_hold_request__init)
HOLD_CHANGE_DECODE(hold_cancel, Souk__V1__CancelHoldResponse)
CALL_DEFINE(hold_cancel, souk__v1__hold_service__service, "CancelHold", true,
            souk_hold_end_request, souk_hold_reply);
