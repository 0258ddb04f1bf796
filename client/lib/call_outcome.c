/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.OutcomeService. */
#include "client/include/souk/outcome.h"
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/souk/v1/outcome.grpc-c.h"

static ProtobufCMessage *outcome_get_encode(struct call *call, const void *request)
{
    const struct souk_outcome_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__GetOutcomeRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__get_outcome_request__init(out);
    out->request_id = convert_text(in->request_id);
    out->request_time = convert_time(arena, in->request_time_ms);
    if (in->sku_id != NULL) {
        out->anchor_case = SOUK__V1__GET_OUTCOME_REQUEST__ANCHOR_SKU_ID;
        out->sku_id = convert_text(in->sku_id);
    } else if (in->location_id != NULL) {
        out->anchor_case = SOUK__V1__GET_OUTCOME_REQUEST__ANCHOR_LOCATION_ID;
        out->location_id = convert_text(in->location_id);
    } else if (in->hold_id != NULL) {
        out->anchor_case = SOUK__V1__GET_OUTCOME_REQUEST__ANCHOR_HOLD_ID;
        out->hold_id = convert_text(in->hold_id);
    }
    return &out->base;
}

static void outcome_get_decode(struct call *call, const ProtobufCMessage *response,
                               void *out_reply)
{
    const Souk__V1__GetOutcomeResponse *in = (const void *)response;
    struct souk_outcome_reply *out = out_reply;
    (void)call;
    out->outcome = (enum souk_request_outcome)in->outcome;
    convert_item_status_back(in->status, &out->status);
    out->hold_id = in->hold_id;
    convert_stamp_back(in->stamp, &out->stamp);
}

/* Asking twice settles nothing more, so it may be sent again like a question. */
CALL_DEFINE(outcome_get, souk__v1__outcome_service__service, "GetOutcome", false,
            souk_outcome_get_request, souk_outcome_reply);
