/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Changing the cluster: commands of the directory group, and leadership. They carry no
 * request id: each names a state that shall be, so that repeating it does no harm.
 */
#include "server/service/cluster_change.h"

#include "server/service/edge.h"
#include "server/service/refusal.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/placement/directory.h"
#include "shard/replica/command.h"

enum cluster_change_kind {
    CLUSTER_CHANGE_INIT,
    CLUSTER_CHANGE_REMOVE_NODE,
    CLUSTER_CHANGE_ADD_REPLICA,
    CLUSTER_CHANGE_REMOVE_REPLICA,
};

struct cluster_change {
    struct edge edge;
    struct shard_call call;
    enum cluster_change_kind kind;
    struct directory_command command;
    struct slice bytes;
    struct replica_outcome outcome;
    char peer_address[DIRECTORY_ADDRESS_BYTES_MAX + 1];
    /* Of a transfer: whom to ask first. */
    struct replica_query query;
    struct replica_answer answer;
    uint64_t shard_id;
    uint64_t node_id;
};

static struct cluster_change *change_new(struct service *service, struct rpc_call *rpc)
{
    struct edge edge;
    struct cluster_change *change;
    if (!edge_begin(&edge, service, rpc)) {
        return NULL;
    }
    change = arena_zalloc(edge.arena, sizeof *change);
    if (change == NULL) {
        edge_fail_memory(&edge);
        return NULL;
    }
    change->edge = edge;
    return change;
}

/* --- Refusals ------------------------------------------------------------------------ */

static void change_refuse(struct cluster_change *change, enum status status)
{
    const struct directory_command *command = &change->command;
    unsigned long long node = command->node_id, shard = command->shard_id;
    struct problem problem;
    problem_set(&problem, status, "", "%s", status_text(status));
    switch ((int)status) {
    case STATUS_ALREADY_EXISTS:
        problem_set(&problem, status, "",
                    "this is a node of a cluster already; souk cluster status shows it");
        break;
    case STATUS_NOT_FOUND:
        problem_set(
            &problem, status, "node_id",
            "no node %llu, or no replica of shard %llu there; souk cluster status "
            "lists them",
            node, shard);
        break;
    case STATUS_INVALID:
        if (shard == DIRECTORY_SHARD_ID) {
            problem_set(&problem, status, "shard_id",
                        "every node has a replica of the directory; to take it from node "
                        "%llu: souk cluster remove-node %llu",
                        node, node);
        } else {
            problem_set(&problem, status, "node_id",
                        "a shard would be left with no replica; add one elsewhere first");
        }
        break;
    default:
        break;
    }
    edge_fail(&change->edge, &problem);
}

/* --- Commands of the directory --------------------------------------------------------- */

static void change_reply_init(struct cluster_change *change)
{
    const struct service *service = change->edge.service;
    struct reply reply = {.arena = change->edge.arena};
    Souk__V1__InitClusterResponse response = SOUK__V1__INIT_CLUSTER_RESPONSE__INIT;
    response.cluster_id = reply_text(&reply, slice_from_string(service->cluster_id));
    response.node_id = service->options.node_id;
    response.peer_address = reply_text(&reply, slice_from_string(change->peer_address));
    if (reply.failed) {
        edge_fail_memory(&change->edge);
        return;
    }
    souk__v1__cluster_service__init_cluster__reply(change->edge.rpc, &response);
}

static void change_done(struct shard_call *call)
{
    struct cluster_change *change = CONTAINER_OF(call, struct cluster_change, call);
    struct rpc_call *rpc = change->edge.rpc;
    uint64_t replica_id = change->outcome.directory.replica_id;
    if (call->status != STATUS_OK) {
        edge_fail_status(&change->edge, call->status);
        return;
    }
    if (change->outcome.status != STATUS_OK) {
        change_refuse(change, change->outcome.status);
        return;
    }
    Souk__V1__AddReplicaResponse added = SOUK__V1__ADD_REPLICA_RESPONSE__INIT;
    Souk__V1__RemoveReplicaResponse removed = SOUK__V1__REMOVE_REPLICA_RESPONSE__INIT;
    Souk__V1__RemoveNodeResponse node = SOUK__V1__REMOVE_NODE_RESPONSE__INIT;
    switch (change->kind) {
    case CLUSTER_CHANGE_INIT:
        change_reply_init(change);
        break;
    case CLUSTER_CHANGE_REMOVE_NODE:
        souk__v1__cluster_service__remove_node__reply(rpc, &node);
        break;
    case CLUSTER_CHANGE_ADD_REPLICA:
        added.replica_id = replica_id;
        souk__v1__cluster_service__add_replica__reply(rpc, &added);
        break;
    case CLUSTER_CHANGE_REMOVE_REPLICA:
        removed.replica_id = replica_id;
        souk__v1__cluster_service__remove_replica__reply(rpc, &removed);
        break;
    }
}

static void change_submit(struct cluster_change *change)
{
    struct arena *arena = change->edge.arena;
    if (command_encode_directory(&change->command, arena, &change->bytes) != STATUS_OK) {
        edge_fail_memory(&change->edge);
        return;
    }
    shard_call_init_propose(&change->call, DIRECTORY_SHARD_ID, &change->bytes, 1,
                            &change->outcome);
    change->call.arena = arena;
    change->call.deadline_us = change->edge.deadline_us;
    change->call.done = change_done;
    enum status status = runtime_submit(change->edge.service->runtime, &change->call);
    if (status != STATUS_OK) {
        edge_fail_status(&change->edge, status);
    }
}

static enum status change_add_places(struct cluster_change *change)
{
    const struct shard_map *map = change->edge.service->map;
    static const enum shard_map_table tables[] = {SHARD_MAP_SKU, SHARD_MAP_CUSTOMER};
    size_t count = shard_map_count(map, SHARD_MAP_SKU) +
                   shard_map_count(map, SHARD_MAP_CUSTOMER) + 1;
    struct directory_place *places =
        arena_zalloc(change->edge.arena, count * sizeof *places);
    size_t used = 0;
    if (places == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (unsigned t = 0; t < 2; t++) {
        for (unsigned i = 0; i < shard_map_count(map, tables[t]); i++) {
            places[used].shard_id = shard_map_range(map, tables[t], i)->shard_id;
            places[used].replica_id = places[used].shard_id;
            used++;
        }
    }
    places[used].shard_id = DIRECTORY_SHARD_ID;
    places[used++].replica_id = DIRECTORY_SHARD_ID;
    change->command.places = places;
    change->command.place_count = used;
    return STATUS_OK;
}

void cluster_init(struct rpc_call *rpc, const Souk__V1__InitClusterRequest *request,
                  void *context)
{
    struct service *service = context;
    struct cluster_change *change = change_new(service, rpc);
    struct problem problem;
    (void)request;
    if (change == NULL) {
        return;
    }
    if (service->options.begin_cluster(service->options.user, change->peer_address,
                                       sizeof change->peer_address,
                                       &problem) != STATUS_OK) {
        edge_fail(&change->edge, &problem);
        return;
    }
    change->kind = CLUSTER_CHANGE_INIT;
    change->command = (struct directory_command){
        .kind = DIRECTORY_INIT,
        .node_id = service->options.node_id,
        .peer_address = slice_from_string(change->peer_address),
        .client_address = slice_from_string(service->address)};
    if (change_add_places(change) != STATUS_OK) {
        edge_fail_memory(&change->edge);
        return;
    }
    change_submit(change);
}

/* A change of one kind, from the numbers that it takes. */
static void change_one(struct rpc_call *rpc, void *context, enum cluster_change_kind kind,
                       const struct directory_command *command)
{
    struct cluster_change *change = change_new(context, rpc);
    if (change != NULL) {
        change->kind = kind;
        change->command = *command;
        change_submit(change);
    }
}

void cluster_remove_node(struct rpc_call *rpc, const Souk__V1__RemoveNodeRequest *request,
                         void *context)
{
    change_one(rpc, context, CLUSTER_CHANGE_REMOVE_NODE,
               &(struct directory_command){.kind = DIRECTORY_REMOVE_NODE,
                                           .node_id = request->node_id});
}

void cluster_add_replica(struct rpc_call *rpc, const Souk__V1__AddReplicaRequest *request,
                         void *context)
{
    change_one(rpc, context, CLUSTER_CHANGE_ADD_REPLICA,
               &(struct directory_command){.kind = DIRECTORY_ADD_REPLICA,
                                           .shard_id = request->shard_id,
                                           .node_id = request->node_id});
}

void cluster_remove_replica(struct rpc_call *rpc,
                            const Souk__V1__RemoveReplicaRequest *request, void *context)
{
    change_one(rpc, context, CLUSTER_CHANGE_REMOVE_REPLICA,
               &(struct directory_command){.kind = DIRECTORY_REMOVE_REPLICA,
                                           .shard_id = request->shard_id,
                                           .node_id = request->node_id});
}

/* --- Leadership ---------------------------------------------------------------------- */

static void transfer_done(struct shard_call *call)
{
    struct cluster_change *change = CONTAINER_OF(call, struct cluster_change, call);
    Souk__V1__TransferLeaderResponse response = SOUK__V1__TRANSFER_LEADER_RESPONSE__INIT;
    if (call->status != STATUS_OK) {
        change_refuse(change, call->status);
        return;
    }
    souk__v1__cluster_service__transfer_leader__reply(change->edge.rpc, &response);
}

static void transfer_submit(struct cluster_change *change, shard_call_done *done)
{
    change->call.arena = change->edge.arena;
    change->call.deadline_us = change->edge.deadline_us;
    change->call.done = done;
    enum status status = runtime_submit(change->edge.service->runtime, &change->call);
    if (status != STATUS_OK) {
        edge_fail_status(&change->edge, status);
    }
}

/* The leader's members say which replica lives on the node. */
static void transfer_asked(struct shard_call *call)
{
    struct cluster_change *change = CONTAINER_OF(call, struct cluster_change, call);
    const struct raft_members *members = &change->answer.replica.members;
    uint64_t replica_id = 0;
    if (call->status != STATUS_OK) {
        edge_fail_status(&change->edge, call->status);
        return;
    }
    for (uint32_t i = 0; i < members->count; i++) {
        if (members->member[i].node_id == change->node_id &&
            members->member[i].role == RAFT_VOTER) {
            replica_id = members->member[i].replica_id;
        }
    }
    if (replica_id == 0 && change->node_id != 0) {
        change_refuse(change, STATUS_NOT_FOUND);
        return;
    }
    shard_call_init_transfer(&change->call, change->shard_id, replica_id);
    transfer_submit(change, transfer_done);
}

void cluster_transfer(struct rpc_call *rpc,
                      const Souk__V1__TransferLeaderRequest *request, void *context)
{
    struct cluster_change *change = change_new(context, rpc);
    if (change == NULL) {
        return;
    }
    change->kind = CLUSTER_CHANGE_REMOVE_REPLICA;
    change->shard_id = request->shard_id;
    change->node_id = request->node_id;
    change->command = (struct directory_command){.shard_id = request->shard_id,
                                                 .node_id = request->node_id};
    change->query =
        (struct replica_query){.kind = REPLICA_QUERY_STATUS, .at_leader = true};
    shard_call_init_read(&change->call, request->shard_id, &change->query,
                         &change->answer);
    transfer_submit(change, transfer_asked);
}
