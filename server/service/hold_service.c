/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.HoldService. */
#include "proto/souk/v1/hold.grpc-c.h"
#include "server/service/batch.h"
#include "server/service/hold_run.h"
#include "server/service/intake.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"

/* --- Creating ---------------------------------------------------------------------- */

static enum status hold_intake(struct edge *edge,
                               const Souk__V1__CreateHoldRequest *request,
                               struct inventory_command *out, struct problem *problem)
{
    const struct service *service = edge->service;
    *out = (struct inventory_command){.kind = INVENTORY_HOLD_CREATE};
    TRY(edge_identity(edge, request->request_id, request->request_time, &out->identity,
                      problem));
    return intake_hold(request, service->settings, edge->arena, &out->hold_create,
                       problem);
}

/* --- On the way ---------------------------------------------------------------------- */

struct hold_one {
    struct edge_one *one;
    struct hold_run run;
};

static void hold_one_ended(struct hold_run *run)
{
    struct edge_one *one = run->user;
    one->call.kind = run->call.kind;
    one->call.appended_count = run->call.appended_count;
    one->call.stamp = run->call.stamp;
    one->call.status = run->status;
    one->outcome = &run->outcome;
    edge_command_ended(one);
}

/* edge_propose_sku, with what follows it. */
static void hold_propose(struct edge_one *one, struct inventory_command *command,
                         edge_finish *finish)
{
    struct edge *edge = &one->edge;
    struct hold_one *held = arena_alloc(edge->arena, sizeof *held);
    struct problem problem;
    unsigned shard;
    one->finish = finish;
    if (held == NULL) {
        edge_fail_memory(edge);
        return;
    }
    if (edge_encode_sku(edge, command, &one->command, &shard, &problem) != STATUS_OK) {
        edge_fail(edge, &problem);
        return;
    }
    held->one = one;
    hold_run_init(&held->run, edge->service, edge->arena, edge->deadline_us,
                  shard_map_range(edge->service->map, SHARD_MAP_SKU, shard)->shard_id,
                  command);
    held->run.finish = hold_one_ended;
    held->run.user = one;
    one->asked = &held->run.command;
    one->user = held;
    hold_run_start(&held->run);
}

/* --- Creating, the answers ------------------------------------------------------------- */

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
    hold_propose(one, &command, hold_created);
}

/* Items that other shards have a part in go on, each by itself, once all are proposed. */
struct hold_batch {
    struct edge_many *many;
    struct batch *batch;
    struct inventory_command *commands; /* of every item */
    unsigned *shards;
    struct hold_batch_run {
        struct hold_batch *holds;
        struct batch_item *item;
        struct arena arena; /* runs lie on several threads */
        struct hold_run run;
    } * runs;
    uint32_t run_count;
    _Atomic uint32_t open;
};

enum {
    HOLD_BATCH_ARENA_BYTES_MAX = 4 << 20, /* of one item that goes on */
};

static void hold_batch_reply(struct edge_many *many)
{
    const Souk__V1__BatchCreateHoldsRequest *request = many->request;
    const struct hold_batch *holds = many->user;
    struct batch *batch = holds->batch;
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__BatchCreateHoldsResponse response =
        SOUK__V1__BATCH_CREATE_HOLDS_RESPONSE__INIT;
    Souk__V1__BatchCreateHoldsResult *results =
        reply_alloc(&reply, batch->count * sizeof *results);
    response.results = reply_alloc(&reply, batch->count * sizeof *response.results);
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
    for (uint32_t i = 0; i < holds->run_count; i++) {
        arena_close(&holds->runs[i].arena);
    }
    edge_many_done(many);
}

static void hold_batch_over(struct hold_batch *holds)
{
    if (atomic_fetch_sub_explicit(&holds->open, 1, memory_order_acq_rel) != 1) {
        return;
    }
    hold_batch_reply(holds->many);
}

static void hold_batch_ended(struct hold_run *run)
{
    struct hold_batch_run *one = run->user;
    one->item->outcome = run->status == STATUS_OK ? &run->outcome : NULL;
    one->item->status = run->status == STATUS_OK ? run->outcome.status : run->status;
    hold_batch_over(one->holds);
}

static bool hold_goes_on(const struct batch_item *item)
{
    return item->outcome != NULL &&
           (item->outcome->inventory.pending || item->status == STATUS_STOCK_CONTENDED ||
            item->status == STATUS_QUORUM_LOST);
}

static void hold_batch_proposed(struct edge_many *many)
{
    struct hold_batch *holds = many->user;
    struct batch *batch = holds->batch;
    struct service *service = many->edge.service;
    batch_collect(batch);
    holds->runs =
        arena_zalloc(many->edge.arena, ((size_t)batch->count + 1) * sizeof *holds->runs);
    for (uint32_t i = 0; holds->runs != NULL && i < batch->count; i++) {
        struct hold_batch_run *one = &holds->runs[holds->run_count];
        if (!hold_goes_on(&batch->items[i])) {
            continue;
        }
        one->holds = holds;
        one->item = &batch->items[i];
        arena_init(&one->arena, NULL, 0, HOLD_BATCH_ARENA_BYTES_MAX);
        hold_run_init(
            &one->run, service, &one->arena, many->edge.deadline_us,
            shard_map_range(service->map, SHARD_MAP_SKU, holds->shards[i])->shard_id,
            &holds->commands[i]);
        one->run.finish = hold_batch_ended;
        one->run.user = one;
        holds->run_count++;
    }
    /* One more than there are, so that it cannot end while they are being started. */
    atomic_init(&holds->open, holds->run_count + 1);
    for (uint32_t i = 0; i < holds->run_count; i++) {
        struct hold_batch_run *one = &holds->runs[i];
        if (!hold_run_resume(&one->run, &one->item->outcome->inventory)) {
            hold_batch_over(holds);
        }
    }
    hold_batch_over(holds);
}

static bool hold_batch_new(struct hold_batch **out, struct edge_many *many,
                           struct batch *batch)
{
    struct hold_batch *holds = arena_zalloc(many->edge.arena, sizeof *holds);
    if (holds == NULL) {
        return false;
    }
    holds->many = many;
    holds->batch = batch;
    holds->commands =
        arena_zalloc(many->edge.arena, batch->count * sizeof *holds->commands);
    holds->shards = arena_zalloc(many->edge.arena, batch->count * sizeof *holds->shards);
    *out = holds;
    return holds->commands != NULL && holds->shards != NULL;
}

static void hold_batch_create(struct rpc_call *rpc,
                              const Souk__V1__BatchCreateHoldsRequest *request,
                              void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct batch *batch;
    struct hold_batch *holds;
    struct problem problem;
    if (many == NULL) {
        return;
    }
    if (batch_begin(&batch, many, request->n_requests, &problem) != STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    if (!hold_batch_new(&holds, many, batch)) {
        edge_fail_memory(&many->edge);
        return;
    }
    for (uint32_t i = 0; i < batch->count; i++) {
        struct inventory_command *command = &holds->commands[i];
        struct slice bytes;
        if (hold_intake(&many->edge, request->requests[i], command, &problem) !=
                STATUS_OK ||
            edge_encode_sku(&many->edge, command, &bytes, &holds->shards[i], &problem) !=
                STATUS_OK) {
            batch_refuse(batch, i, &problem);
        } else {
            batch_take(batch, i, bytes, holds->shards[i]);
        }
    }
    many->edge.request_id = "";
    many->user = holds;
    batch_submit(batch, hold_batch_proposed);
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
        const struct hold_one *held = one->user;                                         \
        response.hold = hold_changed(one, &response.stamp);                              \
        response.pending_shards = (uint64_t *)(uintptr_t)held->run.pending_shards;       \
        response.n_pending_shards = held->run.pending_count;                             \
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
            hold_propose(one, &command, hold_##name##_done);                             \
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
    hold_propose(one, &command, hold_extend_done);
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
