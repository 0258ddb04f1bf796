/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.OutcomeService. */
#include "proto/souk/v1/outcome.grpc-c.h"
#include "server/service/edge.h"
#include "server/service/hold_run.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"

struct outcome_call {
    struct edge edge;
    struct hold_run run;
};

/* Where the request is remembered. */
static enum status outcome_anchor(const struct service *service,
                                  const Souk__V1__GetOutcomeRequest *request,
                                  uint64_t *out_anchor, struct problem *problem)
{
    struct inventory_hold_id hold;
    struct slice id;
    switch ((int)request->anchor_case) {
    case SOUK__V1__GET_OUTCOME_REQUEST__ANCHOR_SKU_ID:
        TRY(check_id("sku_id", request->sku_id, &id, problem));
        *out_anchor = hash64(id, service->map->hash_seed);
        return STATUS_OK;
    case SOUK__V1__GET_OUTCOME_REQUEST__ANCHOR_LOCATION_ID:
        TRY(check_id("location_id", request->location_id, &id, problem));
        *out_anchor = hash64(id, service->map->hash_seed);
        return STATUS_OK;
    case SOUK__V1__GET_OUTCOME_REQUEST__ANCHOR_HOLD_ID:
        TRY(check_id("hold_id", request->hold_id, &id, problem));
        if (inventory_hold_id_parse(id, &hold) != STATUS_OK) {
            return problem_set(problem, STATUS_INVALID, "hold_id",
                               "hold_id: not an id of a hold");
        }
        *out_anchor = hold.anchor;
        return STATUS_OK;
    default:
        return problem_set(problem, STATUS_INVALID, "anchor",
                           "anchor: name the sku_id, location_id or hold_id that the "
                           "call was about");
    }
}

static void outcome_told(struct hold_run *run)
{
    struct outcome_call *call = run->user;
    const struct inventory_outcome *outcome = &run->outcome.inventory;
    struct reply reply = {.arena = call->edge.arena};
    Souk__V1__GetOutcomeResponse response = SOUK__V1__GET_OUTCOME_RESPONSE__INIT;
    struct problem problem = {.status = STATUS_OK};
    if (run->status != STATUS_OK) {
        edge_fail_status(&call->edge, run->status);
        return;
    }
    if (outcome->status == STATUS_REQUEST_ID_EXPIRED && !outcome->replayed) {
        edge_fail_status(&call->edge, outcome->status); /* nobody knows any more */
        return;
    }
    response.outcome = SOUK__V1__REQUEST_OUTCOME__REQUEST_OUTCOME_APPLIED;
    if (outcome->status == STATUS_CANCELLED) {
        response.outcome = SOUK__V1__REQUEST_OUTCOME__REQUEST_OUTCOME_NOT_APPLIED;
    } else if (outcome->status != STATUS_OK) {
        response.outcome = SOUK__V1__REQUEST_OUTCOME__REQUEST_OUTCOME_REFUSED;
        inventory_outcome_problem(outcome, &problem);
    }
    response.status = reply_item_status(&reply, &problem);
    if (outcome->has_hold) {
        response.hold_id = reply_hold_id(&reply, outcome->hold.hold_id);
    }
    response.stamp = reply_stamp(&reply, &run->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&call->edge);
        return;
    }
    edge_trailers(&call->edge, &run->call.stamp, 1, false);
    souk__v1__outcome_service__get_outcome__reply(call->edge.rpc, &response);
}

static void outcome_get(struct rpc_call *rpc, const Souk__V1__GetOutcomeRequest *request,
                        void *context)
{
    struct inventory_command seal = {.kind = INVENTORY_REQUEST_SEAL};
    struct service *service = context;
    struct outcome_call *call;
    struct problem problem;
    struct edge edge;
    if (!edge_begin(&edge, service, rpc)) {
        return;
    }
    call = arena_alloc(edge.arena, sizeof *call);
    if (call == NULL) {
        edge_fail_memory(&edge);
        return;
    }
    call->edge = edge;
    if (edge_identity(&call->edge, request->request_id, request->request_time,
                      &seal.identity, &problem) != STATUS_OK ||
        outcome_anchor(service, request, &seal.identity.anchor, &problem) != STATUS_OK) {
        edge_fail(&call->edge, &problem);
        return;
    }
    unsigned place = shard_map_find(service->map, SHARD_MAP_SKU, seal.identity.anchor);
    hold_run_init(&call->run, service, edge.arena, edge.deadline_us,
                  shard_map_range(service->map, SHARD_MAP_SKU, place)->shard_id, &seal);
    call->run.finish = outcome_told;
    call->run.user = call;
    hold_run_start(&call->run);
}

void outcome_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__outcome_service__handlers handlers = {
        .get_outcome = outcome_get,
    };
    souk__v1__outcome_service__register(server, &handlers, service);
}
