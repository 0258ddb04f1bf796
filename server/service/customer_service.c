/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.CustomerService. */
#include "proto/souk/v1/customer.grpc-c.h"
#include "server/runtime/barrier.h"
#include "server/service/answer_memory.h"
#include "server/service/customer_export.h"
#include "server/service/intake.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/replica/command.h"

static void customer_upserted(struct edge_one *one)
{
    const struct customer_outcome *outcome = &one->outcome->customer;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__UpsertCustomerResponse response = SOUK__V1__UPSERT_CUSTOMER_RESPONSE__INIT;
    if (outcome->profile.customer_id.size > 0) { /* else erased since: a replay */
        response.customer = reply_customer(&reply, &outcome->profile);
    }
    response.created = outcome->created;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__customer_service__upsert_customer__reply(one->edge.rpc, &response);
}

/* A command that is decided once under its request id, for the log of its customer. */
static enum status customer_log(struct edge_one *one, struct customer_command *command,
                                const struct inventory_identity *identity, uint64_t hash,
                                uint64_t fingerprint, struct problem *problem)
{
    command->identity = (struct customer_identity){.kind = CUSTOMER_IDENTITY_REQUEST,
                                                   .anchor = hash,
                                                   .request_id = identity->request_id,
                                                   .fingerprint = fingerprint,
                                                   .request_ms = identity->request_ms};
    if (command_encode_customer(command, one->edge.arena, &one->command) != STATUS_OK) {
        return problem_set(problem, STATUS_TOO_LARGE, "",
                           "the request is too large to be logged");
    }
    return STATUS_OK;
}

static void customer_submit(struct edge_one *one, uint64_t hash,
                            void (*done)(struct edge_one *one))
{
    const struct shard_map *map = one->edge.service->map;
    unsigned shard = shard_map_find(map, SHARD_MAP_CUSTOMER, hash);
    edge_submit_command(one, shard_map_range(map, SHARD_MAP_CUSTOMER, shard)->shard_id,
                        done);
}

static enum status customer_encode(struct edge_one *one,
                                   const Souk__V1__UpsertCustomerRequest *request,
                                   uint64_t *out_hash, struct problem *problem)
{
    struct customer_command command = {.kind = CUSTOMER_UPSERT};
    struct inventory_identity identity;
    TRY(edge_identity(&one->edge, request->request_id, request->request_time, &identity,
                      problem));
    TRY(intake_customer(one->edge.service, request->customer, one->edge.arena,
                        &command.upsert, problem));
    TRY(customer_upsert_check(&command.upsert, problem));
    *out_hash = customer_hash(command.upsert.customer);
    return customer_log(one, &command, &identity, *out_hash,
                        customer_upsert_fingerprint(&command.upsert), problem);
}

static void customer_upsert(struct rpc_call *rpc,
                            const Souk__V1__UpsertCustomerRequest *request, void *context)
{
    struct service *service = context;
    struct edge_one *one = edge_one_new(service, rpc, request);
    struct problem problem;
    uint64_t hash;
    if (one == NULL) {
        return;
    }
    if (customer_encode(one, request, &hash, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    customer_submit(one, hash, customer_upserted);
}

static void customer_got(struct edge_one *one)
{
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__GetCustomerResponse response = SOUK__V1__GET_CUSTOMER_RESPONSE__INIT;
    response.customer = reply_customer(&reply, &one->answer.profile);
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, false);
    souk__v1__customer_service__get_customer__reply(one->edge.rpc, &response);
}

static void customer_get_one(struct rpc_call *rpc,
                             const Souk__V1__GetCustomerRequest *request, void *context)
{
    struct service *service = context;
    struct edge_one *one = edge_one_new(service, rpc, request);
    struct hash128 pseudonym;
    struct slice id;
    struct problem problem;
    if (one == NULL) {
        return;
    }
    if (check_id("customer_id", request->customer_id, &id, &problem) != STATUS_OK ||
        edge_read_options(&one->edge, request->read, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    pseudonym = service_pseudonym(service, SERVICE_ACTOR_CUSTOMER, id);
    one->named = id;
    one->query = (struct replica_query){.kind = REPLICA_QUERY_PROFILE,
                                        .customer = {.customer = pseudonym}};
    edge_ask(one, SHARD_MAP_CUSTOMER, customer_hash(pseudonym), customer_got);
}

/* --- Erasure ------------------------------------------------------------------------- */

/* What waits until no thread of this node ranks by what was erased, and then until none
 * remembers an answer to whoever was. */
struct customer_erasing {
    struct runtime_barrier barrier;
    struct edge_one *one;
};

static enum status customer_erased_actor(const struct edge_one *one,
                                         const Souk__V1__EraseCustomerRequest *request,
                                         struct hash128 *out_actor,
                                         struct problem *problem)
{
    bool customer =
        request->actor_case == SOUK__V1__ERASE_CUSTOMER_REQUEST__ACTOR_CUSTOMER_ID;
    bool visitor =
        request->actor_case == SOUK__V1__ERASE_CUSTOMER_REQUEST__ACTOR_VISITOR_ID;
    return intake_person(one->edge.service, customer ? request->customer_id : NULL,
                         visitor ? request->visitor_id : NULL, out_actor, problem);
}

static Souk__V1__ErasureProof *customer_proof(struct reply *reply,
                                              const struct edge_one *one)
{
    const struct customer_erasure *erased = &one->outcome->customer.erased;
    Souk__V1__ErasureProof *proof = reply_alloc(reply, sizeof *proof);
    Souk__V1__ErasureConfirmation *here = reply_alloc(reply, sizeof *here);
    Souk__V1__ErasureConfirmation **all = reply_alloc(reply, sizeof *all);
    struct replica_stamp stamp = one->call.stamp;
    stamp.log_index = erased->log_index;
    stamp.log_time_ms = erased->log_ms;
    if (proof == NULL || here == NULL || all == NULL) {
        return NULL;
    }
    souk__v1__erasure_proof__init(proof);
    souk__v1__erasure_confirmation__init(here);
    proof->stamp = reply_stamp(reply, &stamp);
    proof->events_removed = erased->events;
    proof->sessions_removed = erased->sessions;
    proof->profile_removed = erased->profile;
    here->node_id = one->edge.service->options.node_id;
    here->log_index = one->call.stamp.log_index;
    all[0] = here;
    proof->confirmations = all;
    proof->n_confirmations = 1;
    return proof;
}

/* On the loop that was last to forget. */
static void customer_answers_forgotten(void *user, struct moment now)
{
    struct edge_one *one = user;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__EraseCustomerResponse response = SOUK__V1__ERASE_CUSTOMER_RESPONSE__INIT;
    (void)now;
    response.proof = customer_proof(&reply, one);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    log_event(LOG_INFO, "customer erased", LOG_STRING("request_id", one->edge.request_id),
              LOG_U64("shard", response.proof->stamp->shard_id),
              LOG_U64("index", response.proof->stamp->log_index));
    edge_trailers(&one->edge, &one->call.stamp, 1, one->outcome->customer.replayed);
    souk__v1__customer_service__erase_customer__reply(one->edge.rpc, &response);
}

/* On the loop that was last to take the counts without the customer. */
static void customer_erased_everywhere(struct runtime_barrier *barrier)
{
    struct edge_one *one = CONTAINER_OF(barrier, struct customer_erasing, barrier)->one;
    struct hash128 actor;
    struct problem problem;
    ASSERT(customer_erased_actor(one, one->request, &actor, &problem) == STATUS_OK);
    answer_memory_forget(one->edge.service->answers, actor, customer_answers_forgotten,
                         one);
}

static void customer_erased(struct edge_one *one)
{
    struct runtime *runtime = one->edge.service->runtime;
    struct arena *arena = one->edge.arena;
    struct customer_erasing *erasing = arena_alloc(arena, sizeof *erasing);
    struct runtime_barrier_stop *stops =
        arena_alloc(arena, runtime_loop_count(runtime) * sizeof *stops);
    if (erasing == NULL || stops == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    erasing->one = one;
    runtime_barrier_start(runtime, &erasing->barrier, stops, customer_erased_everywhere);
}

static enum status customer_erase_encode(struct edge_one *one,
                                         const Souk__V1__EraseCustomerRequest *request,
                                         uint64_t *out_hash, struct problem *problem)
{
    struct customer_command command = {.kind = CUSTOMER_ERASE};
    struct inventory_identity identity;
    TRY(edge_identity(&one->edge, request->request_id, request->request_time, &identity,
                      problem));
    TRY(customer_erased_actor(one, request, &command.erase.customer, problem));
    *out_hash = customer_hash(command.erase.customer);
    return customer_log(one, &command, &identity, *out_hash,
                        customer_erase_fingerprint(&command.erase), problem);
}

static void customer_erase(struct rpc_call *rpc,
                           const Souk__V1__EraseCustomerRequest *request, void *context)
{
    struct service *service = context;
    struct edge_one *one = edge_one_new(service, rpc, request);
    struct problem problem;
    uint64_t hash;
    if (one == NULL) {
        return;
    }
    if (customer_erase_encode(one, request, &hash, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    customer_submit(one, hash, customer_erased);
}

void customer_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__customer_service__handlers handlers = {
        .upsert_customer = customer_upsert,
        .get_customer = customer_get_one,
        .erase_customer = customer_erase,
        .export_customer = {.open = customer_export_open,
                            .events = {.writable = customer_export_writable,
                                       .draining = customer_export_draining,
                                       .done = customer_export_done}},
    };
    souk__v1__customer_service__register(server, &handlers, service);
}
