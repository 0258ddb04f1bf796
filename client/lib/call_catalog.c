/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.CatalogService. */
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/souk/v1/catalog.grpc-c.h"

static ProtobufCMessage *sku_upsert_encode(struct call *call, const void *request)
{
    const struct souk_sku_upsert_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__UpsertSkuRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__upsert_sku_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->sku = convert_sku(arena, &in->sku);
    out->validate_only = in->validate_only;
    out->update_mask = convert_mask(arena, in->update_mask, in->update_mask_count);
    return &out->base;
}

static void sku_upsert_decode(struct call *call, const ProtobufCMessage *response,
                              void *out_reply)
{
    const Souk__V1__UpsertSkuResponse *in = (const void *)response;
    struct souk_sku_upsert_reply *out = out_reply;
    convert_sku_back(call_arena(call), in->sku, &out->sku);
    out->created = in->created != 0;
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(sku_upsert, souk__v1__catalog_service__service, "UpsertSku", true,
            souk_sku_upsert_request, souk_sku_upsert_reply);

static ProtobufCMessage *sku_get_encode(struct call *call, const void *request)
{
    const struct souk_sku_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__GetSkuRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__get_sku_request__init(out);
    out->sku_id = convert_text(in->sku_id);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void sku_get_decode(struct call *call, const ProtobufCMessage *response,
                           void *out_reply)
{
    const Souk__V1__GetSkuResponse *in = (const void *)response;
    struct souk_sku_get_reply *out = out_reply;
    convert_sku_back(call_arena(call), in->sku, &out->sku);
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(sku_get, souk__v1__catalog_service__service, "GetSku", false,
            souk_sku_get_request, souk_sku_get_reply);

static const struct souk_sku *sku_list_back(struct arena *arena,
                                            Souk__V1__Sku *const *skus, size_t count)
{
    struct souk_sku *out = arena_zalloc(arena, count * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        convert_sku_back(arena, skus[i], &out[i]);
    }
    return out;
}

static ProtobufCMessage *sku_batch_get_encode(struct call *call, const void *request)
{
    const struct souk_sku_batch_get_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__BatchGetSkusRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__batch_get_skus_request__init(out);
    out->sku_ids = convert_texts(in->sku_ids);
    out->n_sku_ids = in->sku_id_count;
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void sku_batch_get_decode(struct call *call, const ProtobufCMessage *response,
                                 void *out_reply)
{
    const Souk__V1__BatchGetSkusResponse *in = (const void *)response;
    struct souk_sku_batch_get_reply *out = out_reply;
    out->skus = sku_list_back(call_arena(call), in->skus, in->n_skus);
    out->sku_count = in->n_skus;
    out->missing_sku_ids = convert_texts_back(in->missing_sku_ids);
    out->missing_count = in->n_missing_sku_ids;
}

CALL_DEFINE(sku_batch_get, souk__v1__catalog_service__service, "BatchGetSkus", false,
            souk_sku_batch_get_request, souk_sku_batch_get_reply);

static ProtobufCMessage *sku_list_encode(struct call *call, const void *request)
{
    const struct souk_sku_list_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__ListSkusRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__list_skus_request__init(out);
    out->page_size = in->page_size;
    out->page_token = convert_text(in->page_token);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void sku_list_decode(struct call *call, const ProtobufCMessage *response,
                            void *out_reply)
{
    const Souk__V1__ListSkusResponse *in = (const void *)response;
    struct souk_sku_list_reply *out = out_reply;
    out->skus = sku_list_back(call_arena(call), in->skus, in->n_skus);
    out->sku_count = in->n_skus;
    out->next_page_token = in->next_page_token;
}

CALL_DEFINE(sku_list, souk__v1__catalog_service__service, "ListSkus", false,
            souk_sku_list_request, souk_sku_list_reply);

static ProtobufCMessage *sku_delete_encode(struct call *call, const void *request)
{
    const struct souk_sku_delete_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__DeleteSkuRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__delete_sku_request__init(out);
    out->request_id = convert_text(call_request_id(call, in->request_id));
    out->request_time = convert_time(arena, in->request_time_ms);
    out->sku_id = convert_text(in->sku_id);
    out->etag = convert_text(in->etag);
    return &out->base;
}

static void sku_delete_decode(struct call *call, const ProtobufCMessage *response,
                              void *out_reply)
{
    const Souk__V1__DeleteSkuResponse *in = (const void *)response;
    struct souk_sku_delete_reply *out = out_reply;
    (void)call;
    convert_stamp_back(in->stamp, &out->stamp);
}

CALL_DEFINE(sku_delete, souk__v1__catalog_service__service, "DeleteSku", true,
            souk_sku_delete_request, souk_sku_delete_reply);

static ProtobufCMessage *identifier_resolve_encode(struct call *call, const void *request)
{
    const struct souk_identifier_resolve_request *in = request;
    struct arena *arena = call_arena(call);
    Souk__V1__ResolveIdentifierRequest *out = arena_alloc(arena, sizeof *out);
    souk__v1__resolve_identifier_request__init(out);
    out->identifier = convert_text(in->identifier);
    out->read = convert_read(arena, &in->read);
    return &out->base;
}

static void identifier_resolve_decode(struct call *call, const ProtobufCMessage *response,
                                      void *out_reply)
{
    const Souk__V1__ResolveIdentifierResponse *in = (const void *)response;
    struct souk_identifier_resolve_reply *out = out_reply;
    convert_sku_back(call_arena(call), in->sku, &out->sku);
    out->kind = (enum souk_identifier_kind)in->kind;
    out->retired = in->retired != 0;
}

CALL_DEFINE(identifier_resolve, souk__v1__catalog_service__service, "ResolveIdentifier",
            false, souk_identifier_resolve_request, souk_identifier_resolve_reply);
