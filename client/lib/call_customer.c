/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.CustomerService and the unary call of souk.v1.EventService. */
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/souk/v1/customer.grpc-c.h"
#include "proto/souk/v1/event.grpc-c.h"

static ProtobufCMessage *customer_upsert_encode(struct call *call, const void *request)
{
    const struct souk_customer_upsert_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__UpsertCustomerRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__upsert_customer_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->customer = convert_customer(arena, &in->customer);
    return &out->base;
}

static void customer_upsert_decode(struct call *call, const ProtobufCMessage *response,
                                   void *out_reply)
{
    const Souk__V1__UpsertCustomerResponse *in = (const void *)response;
    struct souk_customer_upsert_reply *out = out_reply;
    convert_customer_back(call_arena(call), in->customer, &out->customer);
    out->created = in->created != 0;
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(customer_upsert, souk__v1__customer_service__service, "UpsertCustomer", true,
            souk_customer_upsert_request, souk_customer_upsert_reply);

static ProtobufCMessage *customer_get_encode(struct call *call, const void *request)
{
    const struct souk_customer_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__GetCustomerRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__get_customer_request__init(out);
    out->customer_id = convert_text(in->customer_id);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void customer_get_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Souk__V1__GetCustomerResponse *in = (const void *)response;
    struct souk_customer_get_reply *out = out_reply;
    convert_customer_back(call_arena(call), in->customer, &out->customer);
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(customer_get, souk__v1__customer_service__service, "GetCustomer", false,
            souk_customer_get_request, souk_customer_get_reply);

static ProtobufCMessage *customer_erase_encode(struct call *call, const void *request)
{
    const struct souk_customer_erase_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__EraseCustomerRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__erase_customer_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    if (in->customer_id != NULL) {
        out->actor_case = SOUK__V1__ERASE_CUSTOMER_REQUEST__ACTOR_CUSTOMER_ID;
        out->customer_id = convert_text(in->customer_id);
    } else if (in->visitor_id != NULL) {
        out->actor_case = SOUK__V1__ERASE_CUSTOMER_REQUEST__ACTOR_VISITOR_ID;
        out->visitor_id = convert_text(in->visitor_id);
    }
    return &out->base;
}

static void customer_erase_decode(struct call *call, const ProtobufCMessage *response,
                                  void *out_reply)
{
    const Souk__V1__EraseCustomerResponse *in = (const void *)response;
    struct souk_customer_erase_reply *out = out_reply;
    const Souk__V1__ErasureProof *proof = in->proof;
    if (proof == NULL) {
        return;
    }
    struct souk_erasure_confirmation *confirmations =
        arena_zalloc(call_arena(call), proof->n_confirmations * sizeof *confirmations);
    convert_stamp_back(proof->stamp, &out->stamp);
    out->events_removed = proof->events_removed;
    out->sessions_removed = proof->sessions_removed;
    out->profile_removed = proof->profile_removed != 0;
    for (size_t i = 0; i < proof->n_confirmations; i++) {
        confirmations[i] = (struct souk_erasure_confirmation){
            .node_id = proof->confirmations[i]->node_id,
            .log_index = proof->confirmations[i]->log_index};
    }
    out->confirmations = confirmations;
    out->confirmation_count = proof->n_confirmations;
}

CALL_DEFINE(customer_erase, souk__v1__customer_service__service, "EraseCustomer", true,
            souk_customer_erase_request, souk_customer_erase_reply);

/* Every event gets its id before the first attempt, so that a repeat is a duplicate. */
static ProtobufCMessage *event_record_encode(struct call *call, const void *request)
{
    const struct souk_event_record_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__RecordEventsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__record_events_request__init(out);
    out->events = arena_alloc(arena, in->event_count * sizeof *out->events);
    out->n_events = in->event_count;
    for (size_t i = 0; i < in->event_count; i++) {
        struct souk_event event = in->events[i];
        event.event_id = call_request_id(call, event.event_id);
        out->events[i] = convert_event(arena, &event);
    }
    return &out->base;
}

static void event_record_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Souk__V1__RecordEventsResponse *in = (const void *)response;
    struct souk_event_record_reply *out = out_reply;
    out->stored = in->stored;
    out->duplicates = in->duplicates;
    out->failures =
        convert_event_failures_back(call_arena(call), in->failures, in->n_failures);
    out->failure_count = in->n_failures;
}

CALL_DEFINE(event_record, souk__v1__event_service__service, "RecordEvents", true,
            souk_event_record_request, souk_event_record_reply);
