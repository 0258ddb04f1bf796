/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.CatalogService. */
#include "proto/souk/v1/catalog.grpc-c.h"
#include "server/service/intake.h"
#include "server/service/product.h"
#include "server/service/reply.h"
#include "server/service/resolve.h"
#include "server/service/service_private.h"
#include "server/service/sku_write.h"

/* --- Writing ----------------------------------------------------------------------- */

static void catalog_upserted(struct edge_one *one)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__UpsertSkuResponse response = SOUK__V1__UPSERT_SKU_RESPONSE__INIT;
    response.sku = reply_sku(&reply, &outcome->sku);
    response.created = outcome->created;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__catalog_service__upsert_sku__reply(one->edge.rpc, &response);
}

/* validate_only: what would be written, as far as the request alone tells. */
static void catalog_validated(struct edge_one *one,
                              const struct inventory_command *command)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__UpsertSkuResponse response = SOUK__V1__UPSERT_SKU_RESPONSE__INIT;
    struct problem problem;
    if (inventory_command_check(command, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    response.sku = reply_sku(&reply, &command->sku_upsert.sku);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    souk__v1__catalog_service__upsert_sku__reply(one->edge.rpc, &response);
}

static void catalog_upsert_sku(struct rpc_call *rpc,
                               const Souk__V1__UpsertSkuRequest *request, void *context)
{
    struct service *service = context;
    struct edge_one *one = edge_one_new(service, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_SKU_UPSERT};
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        intake_sku(request->sku, request->update_mask, service->settings, one->edge.arena,
                   &command.sku_upsert, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    if (request->validate_only) {
        catalog_validated(one, &command);
        return;
    }
    sku_write(one, &command, catalog_upserted);
}

static void catalog_deleted(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__DeleteSkuResponse response = SOUK__V1__DELETE_SKU_RESPONSE__INIT;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    edge_trailers(&one->edge, &one->call.stamp, 1, one->outcome->inventory.replayed);
    souk__v1__catalog_service__delete_sku__reply(one->edge.rpc, &response);
}

static void catalog_delete_sku(struct rpc_call *rpc,
                               const Souk__V1__DeleteSkuRequest *request, void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_SKU_DELETE};
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        check_id("sku_id", request->sku_id, &command.sku_delete.sku_id, &problem) !=
            STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    if (inventory_etag_parse(slice_from_string(request->etag),
                             &command.sku_delete.etag) != STATUS_OK) {
        edge_fail_status(&one->edge, STATUS_ETAG_MISMATCH);
        return;
    }
    edge_propose_sku(one, &command, catalog_deleted);
}

/* --- Reading ----------------------------------------------------------------------- */

static void catalog_got(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__GetSkuResponse response = SOUK__V1__GET_SKU_RESPONSE__INIT;
    if (one->answer.inventory.sku_count > 0) {
        response.sku = reply_sku(&reply, &one->answer.inventory.skus[0]);
    }
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, false);
    souk__v1__catalog_service__get_sku__reply(one->edge.rpc, &response);
}

static void catalog_get_sku(struct rpc_call *rpc, const Souk__V1__GetSkuRequest *request,
                            void *context)
{
    struct service *service = context;
    struct edge_one *one = edge_one_new(service, rpc, request);
    struct slice *id;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    id = arena_alloc(one->edge.arena, sizeof *id);
    if (id == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    if (check_id("sku_id", request->sku_id, id, &problem) != STATUS_OK ||
        edge_read_options(&one->edge, request->read, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    one->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_SKU, .sku_ids = id, .sku_count = 1}};
    edge_ask(one, SHARD_MAP_SKU, hash64(*id, service->map->hash_seed), catalog_got);
}

/* Puts the parts' SKUs in the order of the request. */
static void catalog_fill_batch(struct edge_many *many, struct reply *reply,
                               Souk__V1__BatchGetSkusResponse *response)
{
    size_t asked = 0, skus = 0, missing = 0;
    for (unsigned p = 0; p < many->part_count; p++) {
        asked += many->parts[p].group.count;
    }
    response->skus = reply_alloc(reply, (asked + 1) * sizeof *response->skus);
    response->missing_sku_ids =
        reply_alloc(reply, (asked + 1) * sizeof *response->missing_sku_ids);
    response->stamps = edge_many_stamps(many, reply, &response->n_stamps);
    if (reply->failed) {
        return;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        const struct inventory_answer *answer = &many->parts[p].answer.inventory;
        for (uint32_t i = 0; i < answer->sku_count; i++) {
            response->skus[skus++] = reply_sku(reply, &answer->skus[i]);
        }
        for (uint32_t i = 0; i < answer->missing_count; i++) {
            response->missing_sku_ids[missing++] = reply_text(reply, answer->missing[i]);
        }
    }
    response->n_skus = skus;
    response->n_missing_sku_ids = missing;
}

static void catalog_got_batch(struct edge_many *many)
{
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__BatchGetSkusResponse response = SOUK__V1__BATCH_GET_SKUS_RESPONSE__INIT;
    if (edge_many_read_ok(many)) {
        catalog_fill_batch(many, &reply, &response);
        if (reply.failed) {
            edge_fail_memory(&many->edge);
        } else {
            edge_many_trailers(many);
            souk__v1__catalog_service__batch_get_skus__reply(many->edge.rpc, &response);
        }
    }
    edge_many_done(many);
}

static void catalog_batch_get_skus(struct rpc_call *rpc,
                                   const Souk__V1__BatchGetSkusRequest *request,
                                   void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct problem problem;
    if (many == NULL) {
        return;
    }
    if (edge_read_options(&many->edge, request->read, &problem) != STATUS_OK ||
        edge_many_by_sku(many, "sku_ids", request->sku_ids, request->n_sku_ids,
                         &problem) != STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        many->parts[p].query.inventory.kind = INVENTORY_QUERY_SKU_BATCH;
    }
    edge_many_submit(many, catalog_got_batch);
}

static uint32_t catalog_count(const struct inventory_answer *answer)
{
    return answer->sku_count;
}

static void catalog_listed(struct edge_list *list)
{
    struct reply reply = {.arena = list->edge.arena};
    Souk__V1__ListSkusResponse response = SOUK__V1__LIST_SKUS_RESPONSE__INIT;
    response.skus = reply_alloc(&reply, (list->item_count + 1) * sizeof *response.skus);
    response.stamps = edge_list_stamps(list, &reply, &response.n_stamps);
    response.next_page_token = edge_list_token(list, &reply);
    for (const struct edge_page *page = list->first; page != NULL && !reply.failed;
         page = page->next) {
        for (uint32_t i = 0; i < page->answer.sku_count; i++) {
            response.skus[response.n_skus++] = reply_sku(&reply, &page->answer.skus[i]);
        }
    }
    if (reply.failed) {
        edge_fail_memory(&list->edge);
        return;
    }
    edge_list_trailers(list);
    souk__v1__catalog_service__list_skus__reply(list->edge.rpc, &response);
}

static void catalog_list_skus(struct rpc_call *rpc,
                              const Souk__V1__ListSkusRequest *request, void *context)
{
    struct edge_list *list = edge_list_new(context, rpc, request);
    if (list == NULL) {
        return;
    }
    list->query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                                         .inventory = {.kind = INVENTORY_QUERY_SKU_LIST}};
    edge_list_start(list, &(struct edge_listing){.list = PAGE_LIST_SKUS,
                                                 .page_size = request->page_size,
                                                 .page_token = request->page_token,
                                                 .read = request->read,
                                                 .count = catalog_count,
                                                 .finish = catalog_listed});
}

void catalog_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__catalog_service__handlers handlers = {
        .upsert_sku = catalog_upsert_sku,
        .get_sku = catalog_get_sku,
        .batch_get_skus = catalog_batch_get_skus,
        .list_skus = catalog_list_skus,
        .delete_sku = catalog_delete_sku,
        .resolve_identifier = resolve_identifier,
        .upsert_product = product_call_upsert,
        .get_product = product_call_get,
        .list_products = product_call_list,
        .delete_product = product_call_delete,
        .generate_skus = generate_call,
    };
    souk__v1__catalog_service__register(server, &handlers, service);
}
