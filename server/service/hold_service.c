/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.HoldService. */
#include "proto/souk/v1/hold.grpc-c.h"
#include "server/service/batch.h"
#include "server/service/intake.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"

/* --- Creating ---------------------------------------------------------------------- */

/* All lines have to lie where the first one does; nothing has been changed yet. */
static enum status hold_one_shard(const struct shard_map *map,
                                  const struct inventory_hold_create *create,
                                  struct problem *problem)
{
    unsigned home;
    if (shard_map_count(map, SHARD_MAP_SKU) == 1) {
        return STATUS_OK;
    }
    home = shard_map_find(map, SHARD_MAP_SKU,
                          hash64(create->lines[0].sku_id, map->hash_seed));
    for (uint32_t i = 1; i < create->line_count; i++) {
        if (shard_map_find(map, SHARD_MAP_SKU,
                           hash64(create->lines[i].sku_id, map->hash_seed)) != home) {
            return problem_set(problem, STATUS_MULTI_SHARD_HOLD, "lines", "%s",
                               status_text(STATUS_MULTI_SHARD_HOLD));
        }
    }
    return STATUS_OK;
}

static enum status hold_intake(struct edge *edge,
                               const Souk__V1__CreateHoldRequest *request,
                               struct inventory_command *out, struct problem *problem)
{
    const struct service *service = edge->service;
    *out = (struct inventory_command){.kind = INVENTORY_HOLD_CREATE};
    TRY(edge_identity(edge, request->request_id, request->request_time, &out->identity,
                      problem));
    TRY(intake_hold(request, service->settings, edge->arena, &out->hold_create, problem));
    return hold_one_shard(service->map, &out->hold_create, problem);
}

static void hold_created(struct edge_one *one)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__CreateHoldResponse response = SOUK__V1__CREATE_HOLD_RESPONSE__INIT;
    response.hold = reply_hold(&reply, &outcome->hold);
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__hold_service__create_hold__reply(one->edge.rpc, &response);
}

static void hold_create(struct rpc_call *rpc, const Souk__V1__CreateHoldRequest *request,
                        void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_command command;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (hold_intake(&one->edge, request, &command, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    edge_propose_sku(one, &command, hold_created);
}

static void hold_batch_created(struct edge_many *many)
{
    const Souk__V1__BatchCreateHoldsRequest *request = many->request;
    struct batch *batch = many->user;
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__BatchCreateHoldsResponse response =
        SOUK__V1__BATCH_CREATE_HOLDS_RESPONSE__INIT;
    Souk__V1__BatchCreateHoldsResult *results =
        reply_alloc(&reply, batch->count * sizeof *results);
    response.results = reply_alloc(&reply, batch->count * sizeof *response.results);
    batch_collect(batch);
    for (uint32_t i = 0; i < batch->count && !reply.failed; i++) {
        const struct batch_item *item = &batch->items[i];
        struct refusal_names names;
        struct problem problem;
        souk__v1__batch_create_holds_result__init(&results[i]);
        refusal_names_of_hold(request->requests[i],
                              item->outcome != NULL ? item->outcome->inventory.line : 0,
                              &names);
        if (batch_item_problem(item, &names, &problem) != STATUS_OK) {
            results[i].status = reply_item_status(&reply, &problem);
        } else {
            const struct inventory_hold *hold = &item->outcome->inventory.hold;
            results[i].status = reply_item_ok(&reply);
            results[i].hold_id = reply_hold_id(&reply, hold->hold_id);
            results[i].expire_time = reply_time(&reply, hold->expire_ms);
        }
        results[i].replayed = item->outcome != NULL && item->outcome->inventory.replayed;
        response.results[response.n_results++] = &results[i];
    }
    if (reply.failed) {
        edge_fail_memory(&many->edge);
    } else {
        edge_many_trailers(many);
        souk__v1__hold_service__batch_create_holds__reply(many->edge.rpc, &response);
    }
    edge_many_done(many);
}

static void hold_batch_create(struct rpc_call *rpc,
                              const Souk__V1__BatchCreateHoldsRequest *request,
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
        if (hold_intake(&many->edge, request->requests[i], &command, &problem) !=
                STATUS_OK ||
            edge_encode_sku(&many->edge, &command, &bytes, &shard, &problem) !=
                STATUS_OK) {
            batch_refuse(batch, i, &problem);
        } else {
            batch_take(batch, i, bytes, shard);
        }
    }
    many->edge.request_id = "";
    batch_submit(batch, hold_batch_created);
}

/* --- Changing ---------------------------------------------------------------------- */

/* What the five changes have in common; the responses differ in their type alone. */
static struct edge_one *hold_change_begin(struct rpc_call *rpc, struct service *service,
                                          struct inventory_command *command,
                                          const char *request_id,
                                          const Google__Protobuf__Timestamp *request_time,
                                          const char *hold_id)
{
    struct edge_one *one = edge_one_new(service, rpc, NULL);
    struct slice id;
    struct problem problem;
    if (one == NULL) {
        return NULL;
    }
    if (edge_identity(&one->edge, request_id, request_time, &command->identity,
                      &problem) != STATUS_OK ||
        check_id("hold_id", hold_id, &id, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return NULL;
    }
    if (inventory_hold_id_parse(id, &command->hold_change.hold_id) != STATUS_OK) {
        refusal_missing(&problem, "hold_id", "hold", id, NULL);
        edge_fail(&one->edge, &problem);
        return NULL;
    }
    one->named = id;
    return one;
}

static Souk__V1__Hold *hold_changed(struct edge_one *one, Souk__V1__ReadStamp **out_stamp)
{
    const struct inventory_outcome *outcome = &one->outcome->inventory;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__Hold *hold = reply_hold(&reply, &outcome->hold);
    *out_stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return NULL;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    return hold;
}

#define HOLD_CHANGE(name, Name, NAME)                                                    \
    static void hold_##name##_done(struct edge_one *one)                                 \
    {                                                                                    \
        Souk__V1__##Name##HoldResponse response =                                        \
            SOUK__V1__##NAME##_HOLD_RESPONSE__INIT;                                      \
        response.hold = hold_changed(one, &response.stamp);                              \
        if (response.hold != NULL) {                                                     \
            souk__v1__hold_service__##name##_hold__reply(one->edge.rpc, &response);      \
        }                                                                                \
    }

#define HOLD_CHANGE_HANDLER(name, Name, kind_)                                           \
    static void hold_##name(struct rpc_call *rpc,                                        \
                            const Souk__V1__##Name##HoldRequest *request, void *context) \
    {                                                                                    \
        struct inventory_command command = {.kind = kind_};                              \
        struct edge_one *one =                                                           \
            hold_change_begin(rpc, context, &command, request->request_id,               \
                              request->request_time, request->hold_id);                  \
        if (one != NULL) {                                                               \
            edge_propose_sku(one, &command, hold_##name##_done);                         \
        }                                                                                \
    }

HOLD_CHANGE(extend, Extend, EXTEND)
HOLD_CHANGE(commit, Commit, COMMIT)
HOLD_CHANGE(release, Release, RELEASE)
HOLD_CHANGE(fulfil, Fulfil, FULFIL)
HOLD_CHANGE(cancel, Cancel, CANCEL)
HOLD_CHANGE_HANDLER(commit, Commit, INVENTORY_HOLD_COMMIT)
HOLD_CHANGE_HANDLER(release, Release, INVENTORY_HOLD_RELEASE)
HOLD_CHANGE_HANDLER(fulfil, Fulfil, INVENTORY_HOLD_FULFIL)
HOLD_CHANGE_HANDLER(cancel, Cancel, INVENTORY_HOLD_CANCEL)

static void hold_extend(struct rpc_call *rpc, const Souk__V1__ExtendHoldRequest *request,
                        void *context)
{
    struct service *service = context;
    struct inventory_command command = {.kind = INVENTORY_HOLD_EXTEND};
    struct inventory_hold_change *change = &command.hold_change;
    struct edge_one *one = hold_change_begin(rpc, service, &command, request->request_id,
                                             request->request_time, request->hold_id);
    struct problem problem;
    if (one == NULL) {
        return;
    }
    change->life_max_ms = service->settings->hold_ttl_max_s * 1000;
    change->ttl_ms = service->settings->hold_ttl_default_s * 1000;
    if (change->ttl_ms > change->life_max_ms) {
        change->ttl_ms = change->life_max_ms;
    }
    if (request->ttl != NULL) {
        change->ttl_kind = HOLD_TTL_DURATION;
        if (check_ttl("ttl", request->ttl, change->life_max_ms, &change->ttl_ms,
                      &problem) != STATUS_OK) {
            edge_fail(&one->edge, &problem);
            return;
        }
    }
    edge_propose_sku(one, &command, hold_extend_done);
}

/* --- Reading ----------------------------------------------------------------------- */

static void hold_got(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__GetHoldResponse response = SOUK__V1__GET_HOLD_RESPONSE__INIT;
    if (one->answer.inventory.hold_count > 0) {
        response.hold = reply_hold(&reply, &one->answer.inventory.holds[0]);
    }
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, false);
    souk__v1__hold_service__get_hold__reply(one->edge.rpc, &response);
}

static void hold_get(struct rpc_call *rpc, const Souk__V1__GetHoldRequest *request,
                     void *context)
{
    struct edge_one *one = edge_one_new(context, rpc, request);
    struct inventory_hold_id hold_id;
    struct slice id;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (check_id("hold_id", request->hold_id, &id, &problem) != STATUS_OK ||
        edge_read_options(&one->edge, request->read, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    if (inventory_hold_id_parse(id, &hold_id) != STATUS_OK) {
        refusal_missing(&problem, "hold_id", "hold", id, NULL);
        edge_fail(&one->edge, &problem);
        return;
    }
    one->named = id;
    one->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_HOLD, .hold_id = hold_id}};
    edge_ask(one, SHARD_MAP_SKU, hold_id.anchor, hold_got);
}

static uint32_t hold_count(const struct inventory_answer *answer)
{
    return answer->hold_count;
}

static void hold_listed(struct edge_list *list)
{
    struct reply reply = {.arena = list->edge.arena};
    Souk__V1__ListHoldsResponse response = SOUK__V1__LIST_HOLDS_RESPONSE__INIT;
    response.holds = reply_alloc(&reply, (list->item_count + 1) * sizeof *response.holds);
    response.stamps = edge_list_stamps(list, &reply, &response.n_stamps);
    response.next_page_token = edge_list_token(list, &reply);
    for (const struct edge_page *page = list->first; page != NULL && !reply.failed;
         page = page->next) {
        for (uint32_t i = 0; i < page->answer.hold_count; i++) {
            response.holds[response.n_holds++] =
                reply_hold(&reply, &page->answer.holds[i]);
        }
    }
    if (reply.failed) {
        edge_fail_memory(&list->edge);
        return;
    }
    edge_list_trailers(list);
    souk__v1__hold_service__list_holds__reply(list->edge.rpc, &response);
}

static void hold_list(struct rpc_call *rpc, const Souk__V1__ListHoldsRequest *request,
                      void *context)
{
    struct service *service = context;
    struct edge_list *list = edge_list_new(service, rpc, request);
    struct slice owner;
    struct problem problem;
    if (list == NULL) {
        return;
    }
    if (check_text("owner", request->owner, INVENTORY_ID_BYTES_MAX, &owner, &problem) !=
        STATUS_OK) {
        edge_fail(&list->edge, &problem);
        return;
    }
    if (owner.size == 0) {
        problem_set(&problem, STATUS_INVALID, "owner", "owner: whose holds to list");
        edge_fail(&list->edge, &problem);
        return;
    }
    list->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_HOLD_LIST, .owner = owner}};
    edge_list_start(list, &(struct edge_listing){
                              .list = PAGE_LIST_HOLDS,
                              .fingerprint = hash64(owner, service->map->hash_seed),
                              .page_size = request->page_size,
                              .page_token = request->page_token,
                              .read = request->read,
                              .count = hold_count,
                              .finish = hold_listed});
}

void hold_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__hold_service__handlers handlers = {
        .create_hold = hold_create,
        .batch_create_holds = hold_batch_create,
        .get_hold = hold_get,
        .list_holds = hold_list,
        .extend_hold = hold_extend,
        .commit_hold = hold_commit,
        .release_hold = hold_release,
        .fulfil_hold = hold_fulfil,
        .cancel_hold = hold_cancel,
    };
    souk__v1__hold_service__register(server, &handlers, service);
}
