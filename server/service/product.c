/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/product.h"

#include "proto/souk/v1/catalog.grpc-c.h"
#include "server/service/intake.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"

/* --- Writing ----------------------------------------------------------------------- */

static void product_reply(struct edge_one *one, const struct inventory_product *product,
                          bool stamped)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__UpsertProductResponse response = SOUK__V1__UPSERT_PRODUCT_RESPONSE__INIT;
    response.product = reply_product(&reply, product);
    if (stamped) {
        response.created = one->outcome->inventory.created;
        response.stamp = reply_stamp(&reply, &one->call.stamp);
        edge_trailers(&one->edge, &one->call.stamp, 1, one->outcome->inventory.replayed);
    }
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    souk__v1__catalog_service__upsert_product__reply(one->edge.rpc, &response);
}

static void product_upserted(struct edge_one *one)
{
    product_reply(one, &one->outcome->inventory.product, true);
}

/* The product that was asked for is not there, or another than it was. */
static void product_refused(struct edge_one *one)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct problem problem;
    if (outcome->status != STATUS_NOT_FOUND) {
        edge_refuse(one);
        return;
    }
    (void)refusal_missing(&problem, "product_id", "product", one->named, "UpsertProduct");
    edge_fail_again(&one->edge, &problem, outcome->replayed);
}

void product_call_upsert(struct rpc_call *rpc,
                         const Souk__V1__UpsertProductRequest *request, void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_PRODUCT_UPSERT};
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        intake_product(request->product, request->update_mask, one->edge.arena,
                       &command.product_upsert, &problem) != STATUS_OK ||
        inventory_command_check(&command, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    if (request->validate_only) {
        product_reply(one, &command.product_upsert.product, false);
        return;
    }
    one->named = command.product_upsert.product.product_id;
    one->refused = product_refused;
    edge_propose_sku(one, &command, product_upserted);
}

static void product_deleted(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__DeleteProductResponse response = SOUK__V1__DELETE_PRODUCT_RESPONSE__INIT;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    edge_trailers(&one->edge, &one->call.stamp, 1, one->outcome->inventory.replayed);
    souk__v1__catalog_service__delete_product__reply(one->edge.rpc, &response);
}

void product_call_delete(struct rpc_call *rpc,
                         const Souk__V1__DeleteProductRequest *request, void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_PRODUCT_DELETE};
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        check_id("product_id", request->product_id, &command.product_delete.product_id,
                 &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    if (inventory_etag_parse(slice_from_string(request->etag),
                             &command.product_delete.etag) != STATUS_OK) {
        edge_fail_status(&one->edge, STATUS_ETAG_MISMATCH);
        return;
    }
    one->named = command.product_delete.product_id;
    one->refused = product_refused;
    edge_propose_sku(one, &command, product_deleted);
}

/* --- Reading ----------------------------------------------------------------------- */

static void product_got(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__GetProductResponse response = SOUK__V1__GET_PRODUCT_RESPONSE__INIT;
    response.product = reply_product(&reply, &one->answer.inventory.products[0]);
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, false);
    souk__v1__catalog_service__get_product__reply(one->edge.rpc, &response);
}

void product_call_get(struct rpc_call *rpc, const Souk__V1__GetProductRequest *request,
                      void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct slice id;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (check_id("product_id", request->product_id, &id, &problem) != STATUS_OK ||
        edge_read_options(&one->edge, request->read, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    one->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_PRODUCT, .product_id = id}};
    edge_ask(one, SHARD_MAP_SKU, hash64(id, one->edge.service->map->hash_seed),
             product_got);
}

static uint32_t product_count(const struct inventory_answer *answer)
{
    return answer->product_count;
}

static void product_listed(struct edge_list *list)
{
    struct reply reply = {.arena = list->edge.arena};
    Souk__V1__ListProductsResponse response = SOUK__V1__LIST_PRODUCTS_RESPONSE__INIT;
    response.products =
        reply_alloc(&reply, (list->item_count + 1) * sizeof *response.products);
    response.stamps = edge_list_stamps(list, &reply, &response.n_stamps);
    response.next_page_token = edge_list_token(list, &reply);
    for (const struct edge_page *page = list->first; page != NULL && !reply.failed;
         page = page->next) {
        for (uint32_t i = 0; i < page->answer.product_count; i++) {
            response.products[response.n_products++] =
                reply_product(&reply, &page->answer.products[i]);
        }
    }
    if (reply.failed) {
        edge_fail_memory(&list->edge);
        return;
    }
    edge_list_trailers(list);
    souk__v1__catalog_service__list_products__reply(list->edge.rpc, &response);
}

void product_call_list(struct rpc_call *rpc, const Souk__V1__ListProductsRequest *request,
                       void *context)
{
    struct edge_list *list = edge_list_new(context, rpc, request);
    if (list == NULL) {
        return;
    }
    list->query =
        (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                               .inventory = {.kind = INVENTORY_QUERY_PRODUCT_LIST}};
    edge_list_start(list, &(struct edge_listing){.list = PAGE_LIST_PRODUCTS,
                                                 .page_size = request->page_size,
                                                 .page_token = request->page_token,
                                                 .read = request->read,
                                                 .count = product_count,
                                                 .finish = product_listed});
}
