/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.StockService: writing. Reading is in stock_read.c. */
#include "proto/souk/v1/stock.grpc-c.h"
#include "server/service/batch.h"
#include "server/service/count_service.h"
#include "server/service/intake.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "server/service/source_run.h"
#include "server/service/stock_read.h"
#include "server/service/watch_run.h"

static void stock_adjusted(struct edge_one *one)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__AdjustStockResponse response = SOUK__V1__ADJUST_STOCK_RESPONSE__INIT;
    response.level = outcome->has_level ? reply_level(&reply, &outcome->level) : NULL;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__stock_service__adjust_stock__reply(one->edge.rpc, &response);
}

static enum status stock_intake_adjust(struct edge *edge,
                                       const Souk__V1__AdjustStockRequest *request,
                                       struct inventory_command *out,
                                       struct problem *problem)
{
    *out = (struct inventory_command){.kind = INVENTORY_STOCK_ADJUST};
    TRY(edge_identity(edge, request->request_id, request->request_time, &out->identity,
                      problem));
    return intake_adjustment(request->adjustment, &out->stock_adjust, problem);
}

static void stock_adjust(struct rpc_call *rpc,
                         const Souk__V1__AdjustStockRequest *request, void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (stock_intake_adjust(&one->edge, request, &command, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    edge_propose_sku(one, &command, stock_adjusted);
}

/* --- Batches ----------------------------------------------------------------------- */

static void stock_batch_adjusted(struct edge_many *many)
{
    const Souk__V1__BatchAdjustStockRequest *request = many->request;
    struct batch *batch = many->user;
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__BatchAdjustStockResponse response =
        SOUK__V1__BATCH_ADJUST_STOCK_RESPONSE__INIT;
    Souk__V1__BatchAdjustStockResult *results =
        reply_alloc(&reply, batch->count * sizeof *results);
    response.results = reply_alloc(&reply, batch->count * sizeof *response.results);
    batch_collect(batch);
    for (uint32_t i = 0; i < batch->count && !reply.failed; i++) {
        const struct batch_item *item = &batch->items[i];
        struct refusal_names names;
        struct problem problem;
        souk__v1__batch_adjust_stock_result__init(&results[i]);
        refusal_names_of_adjust(request->requests[i], &names);
        if (batch_item_problem(item, &names, &problem) != STATUS_OK) {
            results[i].status = reply_item_status(&reply, &problem);
        } else {
            results[i].status = reply_item_ok(&reply);
        }
        if (item->outcome != NULL) {
            results[i].replayed = item->outcome->inventory.replayed;
            results[i].level = item->outcome->inventory.has_level
                                   ? reply_level(&reply, &item->outcome->inventory.level)
                                   : NULL;
        }
        response.results[response.n_results++] = &results[i];
    }
    if (reply.failed) {
        edge_fail_memory(&many->edge);
    } else {
        edge_many_trailers(many);
        souk__v1__stock_service__batch_adjust_stock__reply(many->edge.rpc, &response);
    }
    edge_many_done(many);
}

static void stock_batch_adjust(struct rpc_call *rpc,
                               const Souk__V1__BatchAdjustStockRequest *request,
                               void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct batch *batch;
    struct problem problem;
    if (many == NULL) {
        return;
    }
    if (batch_begin(&batch, many, request->n_requests, &problem) != STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        struct inventory_command command;
        struct slice bytes;
        unsigned shard;
        if (stock_intake_adjust(&many->edge, request->requests[i], &command, &problem) !=
                STATUS_OK ||
            edge_encode_sku(&many->edge, &command, &bytes, &shard, &problem) !=
                STATUS_OK) {
            batch_refuse(batch, i, &problem);
        } else {
            batch_take(batch, i, bytes, shard);
        }
    }
    many->edge.request_id = "";
    batch_submit(batch, stock_batch_adjusted);
}

/* --- Absolute values --------------------------------------------------------------- */

static void stock_written(struct edge_one *one)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__SetStockResponse response = SOUK__V1__SET_STOCK_RESPONSE__INIT;
    response.level = outcome->has_level ? reply_level(&reply, &outcome->level) : NULL;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__stock_service__set_stock__reply(one->edge.rpc, &response);
}

static void stock_set(struct rpc_call *rpc, const Souk__V1__SetStockRequest *request,
                      void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_STOCK_SET};
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        intake_set(request, &command.stock_set, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    edge_propose_sku(one, &command, stock_written);
}

/* --- Moves ------------------------------------------------------------------------- */

static void stock_moved(struct edge_one *one)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__MoveStockResponse response = SOUK__V1__MOVE_STOCK_RESPONSE__INIT;
    response.from_level = reply_level(&reply, &outcome->level);
    response.to_level = outcome->has_level_to ? reply_level(&reply, &outcome->level_to)
                                              : response.from_level;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__stock_service__move_stock__reply(one->edge.rpc, &response);
}

static void stock_move(struct rpc_call *rpc, const Souk__V1__MoveStockRequest *request,
                       void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_STOCK_MOVE};
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        intake_move(request, &command.stock_move, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    edge_propose_sku(one, &command, stock_moved);
}

void stock_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__stock_service__handlers handlers = {
        .check_availability = stock_check_availability,
        .get_stock_level = stock_get_level,
        .batch_get_stock_levels = stock_batch_get_levels,
        .list_stock_levels = stock_list_levels,
        .adjust_stock = stock_adjust,
        .batch_adjust_stock = stock_batch_adjust,
        .set_stock = stock_set,
        .move_stock = stock_move,
        .start_count = stock_start_count,
        .submit_count = stock_submit_count,
        .close_count = stock_close_count,
        .stream_stock_updates = {.open = source_run_open,
                                 .message = source_run_message,
                                 .events = {.half_close = source_run_half_close,
                                            .writable = source_run_writable,
                                            .draining = source_run_draining,
                                            .done = source_run_done}},
        .watch_stock = {.open = watch_run_open,
                        .events = {.writable = watch_run_writable,
                                   .draining = watch_run_draining,
                                   .done = watch_run_done}},
        .list_movements = stock_list_movements,
    };
    souk__v1__stock_service__register(server, &handlers, service);
}
