/* SPDX-License-Identifier: Apache-2.0 */
/*
 * souk.v1.LocationService. A location's home is the SKU shard that owns the hash of its
 * id; every other SKU shard gets a copy with the home's version before the call is
 * answered, so that no SKU is ever asked about a place that its shard does not know.
 */
#include "proto/souk/v1/location.grpc-c.h"
#include "server/service/intake.h"
#include "server/service/location_copy.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"

/* --- Writing ----------------------------------------------------------------------- */

static void location_reply(struct edge_one *one)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__UpsertLocationResponse response = SOUK__V1__UPSERT_LOCATION_RESPONSE__INIT;
    response.location = reply_location(&reply, &outcome->location);
    response.created = outcome->created;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__location_service__upsert_location__reply(one->edge.rpc, &response);
}

static void location_copied(struct edge_many *many)
{
    struct edge_one *home = many->user;
    enum status status = location_copies_status(many);
    if (status == STATUS_OK) {
        location_reply(home);
    } else {
        /* The home has it; the same request id sends the copies again. */
        edge_fail_status(&many->edge, status);
    }
    edge_many_done(many);
}

static void location_upserted(struct edge_one *one)
{
    struct edge_many *many;
    if (shard_map_count(one->edge.service->map, SHARD_MAP_SKU) == 1 ||
        !one->outcome->inventory.has_location) {
        location_reply(one);
        return;
    }
    many = edge_many_from(&one->edge, one->request);
    if (many == NULL) {
        return;
    }
    many->user = one;
    if (!location_copies_make(many, one->call.shard_id,
                              &one->outcome->inventory.location)) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_many_submit(many, location_copied);
}

static void location_validated(struct edge_one *one,
                               const struct inventory_command *command)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__UpsertLocationResponse response = SOUK__V1__UPSERT_LOCATION_RESPONSE__INIT;
    struct problem problem;
    if (inventory_command_check(command, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    response.location = reply_location(&reply, &command->location_upsert.location);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    souk__v1__location_service__upsert_location__reply(one->edge.rpc, &response);
}

static void location_upsert(struct rpc_call *rpc,
                            const Souk__V1__UpsertLocationRequest *request, void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_LOCATION_UPSERT};
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (edge_identity(&one->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        intake_location(request->location, request->update_mask, one->edge.arena,
                        &command.location_upsert, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    if (request->validate_only) {
        location_validated(one, &command);
        return;
    }
    edge_propose_sku(one, &command, location_upserted);
}

/* --- Reading ----------------------------------------------------------------------- */

static void location_got(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__GetLocationResponse response = SOUK__V1__GET_LOCATION_RESPONSE__INIT;
    if (one->answer.inventory.location_count > 0) {
        response.location = reply_location(&reply, &one->answer.inventory.locations[0]);
    }
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, false);
    souk__v1__location_service__get_location__reply(one->edge.rpc, &response);
}

static void location_get(struct rpc_call *rpc,
                         const Souk__V1__GetLocationRequest *request, void *context)
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
    if (check_id("location_id", request->location_id, id, &problem) != STATUS_OK ||
        edge_read_options(&one->edge, request->read, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    one->query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                                        .inventory = {.kind = INVENTORY_QUERY_LOCATION,
                                                      .location_ids = id,
                                                      .location_count = 1}};
    edge_ask(one, SHARD_MAP_SKU, hash64(*id, service->map->hash_seed), location_got);
}

static uint32_t location_count(const struct inventory_answer *answer)
{
    return answer->location_count;
}

static void location_listed(struct edge_list *list)
{
    struct reply reply = {.arena = list->edge.arena};
    Souk__V1__ListLocationsResponse response = SOUK__V1__LIST_LOCATIONS_RESPONSE__INIT;
    response.locations =
        reply_alloc(&reply, (list->item_count + 1) * sizeof *response.locations);
    response.stamps = edge_list_stamps(list, &reply, &response.n_stamps);
    response.next_page_token = edge_list_token(list, &reply);
    for (const struct edge_page *page = list->first; page != NULL && !reply.failed;
         page = page->next) {
        for (uint32_t i = 0; i < page->answer.location_count; i++) {
            response.locations[response.n_locations++] =
                reply_location(&reply, &page->answer.locations[i]);
        }
    }
    if (reply.failed) {
        edge_fail_memory(&list->edge);
        return;
    }
    edge_list_trailers(list);
    souk__v1__location_service__list_locations__reply(list->edge.rpc, &response);
}

static void location_list(struct rpc_call *rpc,
                          const Souk__V1__ListLocationsRequest *request, void *context)
{
    struct edge_list *list = edge_list_new(context, rpc, request);
    if (list == NULL) {
        return;
    }
    /* Homes alone: each location once, from the shard that decides about it. */
    list->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_LOCATION_LIST, .homes_only = true}};
    edge_list_start(list, &(struct edge_listing){.list = PAGE_LIST_LOCATIONS,
                                                 .page_size = request->page_size,
                                                 .page_token = request->page_token,
                                                 .read = request->read,
                                                 .count = location_count,
                                                 .finish = location_listed});
}

void location_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__location_service__handlers handlers = {
        .upsert_location = location_upsert,
        .get_location = location_get,
        .list_locations = location_list,
    };
    souk__v1__location_service__register(server, &handlers, service);
}
