/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.CustomerService. */
#include "proto/souk/v1/customer.grpc-c.h"
#include "server/service/intake.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/replica/command.h"

static void customer_upserted(struct edge_one *one)
{
    const struct customer_outcome *outcome = &one->outcome->customer;
    struct reply reply = {.arena = one->edge.arena};
    Souk__V1__UpsertCustomerResponse response = SOUK__V1__UPSERT_CUSTOMER_RESPONSE__INIT;
    response.customer = reply_customer(&reply, &outcome->profile);
    response.created = outcome->created;
    response.stamp = reply_stamp(&reply, &one->call.stamp);
    if (reply.failed) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_trailers(&one->edge, &one->call.stamp, 1, outcome->replayed);
    souk__v1__customer_service__upsert_customer__reply(one->edge.rpc, &response);
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
    command.identity = (struct customer_identity){
        .kind = CUSTOMER_IDENTITY_REQUEST,
        .anchor = *out_hash,
        .request_id = identity.request_id,
        .fingerprint = customer_upsert_fingerprint(&command.upsert),
        .request_ms = identity.request_ms};
    if (command_encode_customer(&command, one->edge.arena, &one->command) != STATUS_OK) {
        return problem_set(problem, STATUS_TOO_LARGE, "",
                           "the request is too large to be logged");
    }
    return STATUS_OK;
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
    edge_submit_command(
        one,
        shard_map_range(service->map, SHARD_MAP_CUSTOMER,
                        shard_map_find(service->map, SHARD_MAP_CUSTOMER, hash))
            ->shard_id,
        customer_upserted);
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

void customer_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__customer_service__handlers handlers = {
        .upsert_customer = customer_upsert,
        .get_customer = customer_get_one,
    };
    souk__v1__customer_service__register(server, &handlers, service);
}
