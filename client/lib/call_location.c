/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.LocationService. */
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/souk/v1/location.grpc-c.h"

static ProtobufCMessage *location_upsert_encode(struct call *call, const void *request)
{
    const struct souk_location_upsert_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__UpsertLocationRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__upsert_location_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->location = convert_location(arena, &in->location);
    out->update_mask = convert_mask(arena, in->update_mask, in->update_mask_count);
    out->validate_only = in->validate_only;
    return &out->base;
}

static void location_upsert_decode(struct call *call, const ProtobufCMessage *response,
                                   void *out_reply)
{
    const Souk__V1__UpsertLocationResponse *in = (const void *)response;
    struct souk_location_upsert_reply *out = out_reply;
    (void)call;
    convert_location_back(in->location, &out->location);
    out->created = in->created != 0;
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(location_upsert, souk__v1__location_service__service, "UpsertLocation", true,
            souk_location_upsert_request, souk_location_upsert_reply);

static ProtobufCMessage *location_get_encode(struct call *call, const void *request)
{
    const struct souk_location_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__GetLocationRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__get_location_request__init(out);
    out->location_id = convert_text(in->location_id);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void location_get_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Souk__V1__GetLocationResponse *in = (const void *)response;
    struct souk_location_get_reply *out = out_reply;
    (void)call;
    convert_location_back(in->location, &out->location);
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(location_get, souk__v1__location_service__service, "GetLocation", false,
            souk_location_get_request, souk_location_get_reply);

static ProtobufCMessage *location_list_encode(struct call *call, const void *request)
{
    const struct souk_location_list_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__ListLocationsRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__list_locations_request__init(out);
    out->page_size = in->page_size;
    out->page_token = convert_text(in->page_token);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void location_list_decode(struct call *call, const ProtobufCMessage *response,
                                 void *out_reply)
{
    const Souk__V1__ListLocationsResponse *in = (const void *)response;
    struct souk_location_list_reply *out = out_reply;
    struct souk_location *locations =
        arena_zalloc(call_arena(call), in->n_locations * sizeof *locations);
    for (size_t i = 0; i < in->n_locations; i++) {
        convert_location_back(in->locations[i], &locations[i]);
    }
    out->locations = locations;
    out->location_count = in->n_locations;
    out->next_page_token = in->next_page_token;
}

CALL_DEFINE(location_list, souk__v1__location_service__service, "ListLocations", false,
            souk_location_list_request, souk_location_list_reply);
