/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.ClusterService and grpc.health.v1.Health. */
#include "client/include/souk/cluster.h"
#include "client/lib/call.h"
#include "client/lib/convert.h"
#include "proto/grpc/health/v1/health.grpc-c.h"
#include "proto/souk/v1/cluster.grpc-c.h"

static void totals_back(const Souk__V1__ClusterTotals *totals, struct souk_totals *out)
{
    Souk__V1__ClusterTotals empty;
    souk__v1__cluster_totals__init(&empty);
    totals = totals ? totals : &empty;
    out->skus = totals->skus;
    out->levels = totals->levels;
    out->customers = totals->customers;
    out->events = totals->events;
    out->movements = totals->movements;
    out->units_on_hand = totals->units_on_hand;
    out->holds_open = totals->holds_open;
}

static ProtobufCMessage *cluster_get_encode(struct call *call, const void *request)
{
    Souk__V1__GetClusterRequest *out = arena_alloc(call_arena(call), sizeof *out);
    (void)request;
    souk__v1__get_cluster_request__init(out);
    return &out->base;
}

static const struct souk_node *cluster_nodes(struct arena *arena,
                                             const Souk__V1__GetClusterResponse *in)
{
    struct souk_node *nodes = arena_zalloc(arena, in->n_nodes * sizeof *nodes);
    for (size_t i = 0; i < in->n_nodes; i++) {
        nodes[i].node_id = in->nodes[i]->node_id;
        nodes[i].address = in->nodes[i]->address;
        nodes[i].version = in->nodes[i]->version;
        nodes[i].start_time_ms = convert_time_back(in->nodes[i]->start_time);
        nodes[i].ready = in->nodes[i]->ready != 0;
        nodes[i].peer_address = in->nodes[i]->peer_address;
        nodes[i].connected = in->nodes[i]->connected != 0;
    }
    return nodes;
}

static const struct souk_replica *cluster_replicas(struct arena *arena,
                                                   const Souk__V1__Shard *shard)
{
    struct souk_replica *replicas =
        arena_zalloc(arena, shard->n_replicas * sizeof *replicas);
    for (size_t i = 0; i < shard->n_replicas; i++) {
        const Souk__V1__Replica *replica = shard->replicas[i];
        replicas[i].replica_id = replica->replica_id;
        replicas[i].node_id = replica->node_id;
        replicas[i].role = (enum souk_replica_role)replica->role;
        replicas[i].leader = replica->leader != 0;
        replicas[i].active = replica->active != 0;
        replicas[i].durable_index = replica->durable_index;
        replicas[i].lag = replica->lag;
        replicas[i].leaving = replica->leaving != 0;
    }
    return replicas;
}

static const struct souk_shard *cluster_shards(struct arena *arena,
                                               const Souk__V1__GetClusterResponse *in)
{
    struct souk_shard *shards = arena_zalloc(arena, in->n_shards * sizeof *shards);
    for (size_t i = 0; i < in->n_shards; i++) {
        const Souk__V1__Shard *shard = in->shards[i];
        shards[i].shard_id = shard->shard_id;
        shards[i].table = (enum souk_shard_table)shard->table;
        shards[i].start_key = shard->start_key;
        shards[i].end_key = shard->end_key;
        shards[i].leader_node_id = shard->leader_node_id;
        shards[i].applied_index = shard->applied_index;
        shards[i].flushed_index = shard->flushed_index;
        shards[i].log_time_ms = convert_time_back(shard->log_time);
        shards[i].memory_bytes = shard->memory_bytes;
        shards[i].replicas = cluster_replicas(arena, shard);
        shards[i].replica_count = shard->n_replicas;
        shards[i].term = shard->term;
        shards[i].commit_index = shard->commit_index;
        shards[i].from_leader = shard->from_leader != 0;
        totals_back(shard->totals, &shards[i].totals);
        if (shard->evidence != NULL) {
            shards[i].evidence.sessions = shard->evidence->sessions;
            shards[i].evidence.sessions_waiting = shard->evidence->sessions_waiting;
            shards[i].evidence.postings = shard->evidence->postings;
            shards[i].evidence.memory_bytes = shard->evidence->memory_bytes;
        }
    }
    return shards;
}

static void cluster_get_decode(struct call *call, const ProtobufCMessage *response,
                               void *out_reply)
{
    const Souk__V1__GetClusterResponse *in = (const void *)response;
    struct souk_cluster_get_reply *out = out_reply;
    out->cluster_id = in->cluster_id;
    out->map_version = in->map_version;
    out->nodes = cluster_nodes(call_arena(call), in);
    out->node_count = in->n_nodes;
    out->shards = cluster_shards(call_arena(call), in);
    out->shard_count = in->n_shards;
    totals_back(in->totals, &out->totals);
}

CALL_DEFINE(cluster_get, souk__v1__cluster_service__service, "GetCluster", false,
            souk_cluster_get_request, souk_cluster_get_reply);

/* --- Changing it --------------------------------------------------------------------- */

static ProtobufCMessage *cluster_init_encode(struct call *call, const void *request)
{
    Souk__V1__InitClusterRequest *out = arena_alloc(call_arena(call), sizeof *out);
    (void)request;
    souk__v1__init_cluster_request__init(out);
    return &out->base;
}

static void cluster_init_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Souk__V1__InitClusterResponse *in = (const void *)response;
    struct souk_cluster_init_reply *out = out_reply;
    (void)call;
    out->cluster_id = in->cluster_id;
    out->node_id = in->node_id;
    out->peer_address = in->peer_address;
}

CALL_DEFINE(cluster_init, souk__v1__cluster_service__service, "InitCluster", false,
            souk_cluster_init_request, souk_cluster_init_reply);

static ProtobufCMessage *node_remove_encode(struct call *call, const void *request)
{
    const struct souk_node_remove_request *in = request;
    Souk__V1__RemoveNodeRequest *out = arena_alloc(call_arena(call), sizeof *out);
    souk__v1__remove_node_request__init(out);
    out->node_id = in->node_id;
    return &out->base;
}

static void node_remove_decode(struct call *call, const ProtobufCMessage *response,
                               void *out_reply)
{
    (void)call;
    (void)response;
    (void)out_reply;
}

CALL_DEFINE(node_remove, souk__v1__cluster_service__service, "RemoveNode", false,
            souk_node_remove_request, souk_node_remove_reply);

#define REPLICA_ENCODE(name, Name, init)                                                 \
    static ProtobufCMessage *name##_encode(struct call *call, const void *request)       \
    {                                                                                    \
        const struct souk_replica_request *in = request;                                 \
        Souk__V1__##Name##Request *out = arena_alloc(call_arena(call), sizeof *out);     \
        init(out);                                                                       \
        out->shard_id = in->shard_id;                                                    \
        out->node_id = in->node_id;                                                      \
        return &out->base;                                                               \
    }

REPLICA_ENCODE(replica_add, AddReplica, souk__v1__add_replica_request__init)
REPLICA_ENCODE(replica_remove, RemoveReplica, souk__v1__remove_replica_request__init)
REPLICA_ENCODE(leader_transfer, TransferLeader, souk__v1__transfer_leader_request__init)

static void replica_add_decode(struct call *call, const ProtobufCMessage *response,
                               void *out_reply)
{
    const Souk__V1__AddReplicaResponse *in = (const void *)response;
    struct souk_replica_reply *out = out_reply;
    (void)call;
    out->replica_id = in->replica_id;
}

static void replica_remove_decode(struct call *call, const ProtobufCMessage *response,
                                  void *out_reply)
{
    const Souk__V1__RemoveReplicaResponse *in = (const void *)response;
    struct souk_replica_reply *out = out_reply;
    (void)call;
    out->replica_id = in->replica_id;
}

static void leader_transfer_decode(struct call *call, const ProtobufCMessage *response,
                                   void *out_reply)
{
    (void)call;
    (void)response;
    (void)out_reply;
}

CALL_DEFINE(replica_add, souk__v1__cluster_service__service, "AddReplica", false,
            souk_replica_request, souk_replica_reply);
CALL_DEFINE(replica_remove, souk__v1__cluster_service__service, "RemoveReplica", false,
            souk_replica_request, souk_replica_reply);
CALL_DEFINE(leader_transfer, souk__v1__cluster_service__service, "TransferLeader", false,
            souk_replica_request, souk_replica_reply);

static ProtobufCMessage *shard_verify_encode(struct call *call, const void *request)
{
    const struct souk_shard_verify_request *in = request;
    Souk__V1__VerifyShardRequest *out = arena_alloc(call_arena(call), sizeof *out);
    souk__v1__verify_shard_request__init(out);
    out->shard_id = in->shard_id;
    return &out->base;
}

static void shard_verify_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Souk__V1__VerifyShardResponse *in = (const void *)response;
    struct souk_shard_verify_reply *out = out_reply;
    struct souk_replica_digest *replicas =
        arena_zalloc(call_arena(call), in->n_replicas * sizeof *replicas);
    for (size_t i = 0; i < in->n_replicas; i++) {
        replicas[i].replica_id = in->replicas[i]->replica_id;
        replicas[i].node_id = in->replicas[i]->node_id;
        replicas[i].digest = in->replicas[i]->digest;
        replicas[i].reason = in->replicas[i]->reason;
    }
    out->log_index = in->log_index;
    out->agree = in->agree != 0;
    out->replicas = replicas;
    out->replica_count = in->n_replicas;
}

CALL_DEFINE(shard_verify, souk__v1__cluster_service__service, "VerifyShard", false,
            souk_shard_verify_request, souk_shard_verify_reply);

static ProtobufCMessage *health_check_encode(struct call *call, const void *request)
{
    const struct souk_health_request *in = request;
    Grpc__Health__V1__HealthCheckRequest *out =
        arena_alloc(call_arena(call), sizeof *out);
    grpc__health__v1__health_check_request__init(out);
    out->service = convert_text(in->service);
    return &out->base;
}

static void health_check_decode(struct call *call, const ProtobufCMessage *response,
                                void *out_reply)
{
    const Grpc__Health__V1__HealthCheckResponse *in = (const void *)response;
    struct souk_health_reply *out = out_reply;
    (void)call;
    out->serving =
        in->status == GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
}

CALL_DEFINE(health_check, grpc__health__v1__health__service, "Check", false,
            souk_health_request, souk_health_reply);
