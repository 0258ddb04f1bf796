/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.ClusterService: what is asked of the cluster as a whole; cluster_change.c has what
 * changes it. */
#include "proto/souk/v1/cluster.grpc-c.h"
#include "server/service/cluster_change.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/placement/directory.h"

enum {
    /* A shard whose leader does not answer for so long is told as this node has it. */
    CLUSTER_LEADER_WAIT_US = 1000 * 1000,
};

/*
 * Parts, n shards being the SKU table's, the customer table's and the directory's group:
 *     [0, n)    what their leaders say
 *     [n, 2n)   what the replicas here say, for those that no leader speaks for
 *     2n        the directory
 */
static unsigned cluster_shard_count(const struct shard_map *map)
{
    return shard_map_count(map, SHARD_MAP_SKU) +
           shard_map_count(map, SHARD_MAP_CUSTOMER) + 1;
}

/* NULL: the directory's group. */
static const struct shard_range *cluster_range(const struct shard_map *map, unsigned part,
                                               enum shard_map_table *out_table)
{
    unsigned skus = shard_map_count(map, SHARD_MAP_SKU);
    if (part + 1 == cluster_shard_count(map)) {
        return NULL;
    }
    *out_table = part < skus ? SHARD_MAP_SKU : SHARD_MAP_CUSTOMER;
    return shard_map_range(map, *out_table, part < skus ? part : part - skus);
}

static void cluster_add(Souk__V1__ClusterTotals *to, const Souk__V1__ClusterTotals *from)
{
    to->skus += from->skus;
    to->levels += from->levels;
    to->customers += from->customers;
    to->events += from->events;
    to->movements += from->movements;
    to->units_on_hand += from->units_on_hand;
    to->holds_open += from->holds_open;
}

static Souk__V1__EvidenceTotals *cluster_evidence(const struct replica_status *status,
                                                  struct reply *reply)
{
    const struct evidence_counters *counters = &status->evidence;
    Souk__V1__EvidenceTotals *evidence = reply_alloc(reply, sizeof *evidence);
    if (evidence != NULL) {
        souk__v1__evidence_totals__init(evidence);
        evidence->sessions = counters->sessions;
        evidence->sessions_waiting = counters->waiting;
        evidence->postings = counters->postings;
        evidence->memory_bytes = status->evidence_bytes; /* histories, too */
    }
    return evidence;
}

static const struct raft_follower *cluster_follower(const struct replica_status *status,
                                                    uint64_t replica_id)
{
    for (uint32_t i = 0; i < status->follower_count; i++) {
        if (status->followers[i].replica_id == replica_id) {
            return &status->followers[i];
        }
    }
    return NULL;
}

static Souk__V1__Replica *cluster_replica(const struct replica_status *status,
                                          const struct raft_member *member,
                                          const struct directory *directory,
                                          struct reply *reply)
{
    const struct raft_follower *follower = cluster_follower(status, member->replica_id);
    const struct directory_place *place =
        directory_find_replica(directory, member->replica_id);
    Souk__V1__Replica *replica = reply_alloc(reply, sizeof *replica);
    if (replica == NULL) {
        return NULL;
    }
    souk__v1__replica__init(replica);
    replica->replica_id = member->replica_id;
    replica->node_id = member->node_id;
    replica->role = (Souk__V1__ReplicaRole)member->role; /* numbered alike */
    replica->leader = member->replica_id == status->leader_replica_id;
    replica->leaving = place != NULL && place->leaving;
    if (member->replica_id == status->replica_id) {
        replica->active = true;
        replica->durable_index = status->durable_index;
    } else if (follower != NULL) {
        replica->active = follower->active;
        replica->durable_index = follower->match;
    }
    if (status->last_index > replica->durable_index) {
        replica->lag = status->last_index - replica->durable_index;
    }
    return replica;
}

static void cluster_replicas(const struct replica_status *status,
                             const struct directory *directory, struct reply *reply,
                             Souk__V1__Shard *shard)
{
    const struct raft_members *members = &status->members;
    shard->replicas = reply_alloc(reply, (members->count + 1) * sizeof *shard->replicas);
    for (uint32_t i = 0; i < members->count && !reply->failed; i++) {
        shard->replicas[shard->n_replicas] =
            cluster_replica(status, &members->member[i], directory, reply);
        shard->n_replicas += shard->replicas[shard->n_replicas] != NULL;
        if (members->member[i].replica_id == status->leader_replica_id) {
            shard->leader_node_id = members->member[i].node_id;
        }
    }
}

static void cluster_counters(const struct replica_status *status, struct reply *reply,
                             Souk__V1__Shard *shard)
{
    Souk__V1__ClusterTotals *totals = reply_alloc(reply, sizeof *totals);
    if (totals == NULL) {
        return;
    }
    souk__v1__cluster_totals__init(totals);
    shard->totals = totals;
    if (status->kind == REPLICA_SKU) {
        const struct inventory_counters *counters = &status->inventory;
        shard->memory_bytes = counters->memory_bytes;
        totals->skus = counters->skus;
        totals->levels = counters->levels;
        totals->movements = counters->movements;
        totals->units_on_hand = counters->units_on_hand;
        totals->holds_open = counters->holds_open;
    } else if (status->kind == REPLICA_CUSTOMER) {
        const struct customer_counters *counters = &status->customer;
        shard->memory_bytes = counters->memory_bytes;
        totals->customers = counters->customers;
        totals->events = counters->events;
        shard->evidence = cluster_evidence(status, reply);
    }
}

static Souk__V1__Shard *cluster_shard(const struct edge_many *many, unsigned place,
                                      const struct directory *directory,
                                      struct reply *reply)
{
    const struct service *service = many->edge.service;
    unsigned shards = cluster_shard_count(service->map);
    bool led = many->parts[place].call.status == STATUS_OK;
    const struct edge_part *part = &many->parts[led ? place : place + shards];
    const struct replica_status *status = &part->answer.replica;
    enum shard_map_table table;
    const struct shard_range *range = cluster_range(service->map, place, &table);
    Souk__V1__Shard *shard = reply_alloc(reply, sizeof *shard);
    if (shard == NULL) {
        return NULL;
    }
    souk__v1__shard__init(shard);
    shard->shard_id = part->call.shard_id;
    shard->table = (Souk__V1__ShardTable)status->kind; /* numbered alike */
    if (range != NULL) {
        shard->start_key = range->start;
        shard->end_key = range->end;
    }
    shard->applied_index = status->applied_index;
    shard->flushed_index = status->flushed_index;
    shard->commit_index = status->commit_index;
    shard->term = status->term;
    shard->log_time = reply_time(reply, status->log_time_ms);
    shard->from_leader = led;
    cluster_replicas(status, directory, reply, shard);
    cluster_counters(status, reply, shard);
    return shard->totals != NULL ? shard : NULL;
}

/* --- Nodes --------------------------------------------------------------------------- */

static Souk__V1__Node *cluster_node(const struct service *service, uint64_t node_id,
                                    const struct directory_node *known,
                                    struct reply *reply)
{
    const struct service_options *options = &service->options;
    Souk__V1__Node *node = reply_alloc(reply, sizeof *node);
    if (node == NULL) {
        return NULL;
    }
    souk__v1__node__init(node);
    node->node_id = node_id;
    node->connected =
        node_id == options->node_id ||
        (options->connected != NULL && options->connected(options->user, node_id));
    if (known != NULL) {
        node->address = reply_text(reply, slice_from_string(known->client_address));
        node->peer_address = reply_text(reply, slice_from_string(known->peer_address));
    }
    if (node_id == options->node_id) {
        node->address = reply_text(reply, slice_from_string(service->address));
        node->version = reply_text(reply, slice_from_string(options->version));
        node->start_time = reply_time(reply, options->start_ms);
        node->ready = options->ready(options->user);
    } else {
        node->ready = node->connected;
    }
    return node;
}

static void cluster_nodes(const struct service *service,
                          const struct directory *directory, struct reply *reply,
                          Souk__V1__GetClusterResponse *response)
{
    size_t count = directory->node_count;
    response->nodes = reply_alloc(reply, (count + 1) * sizeof *response->nodes);
    if (count == 0 && !reply->failed) {
        response->nodes[response->n_nodes++] =
            cluster_node(service, service->options.node_id, NULL, reply);
    }
    for (size_t i = 0; i < count && !reply->failed; i++) {
        response->nodes[response->n_nodes++] = cluster_node(
            service, directory->nodes[i].node_id, &directory->nodes[i], reply);
    }
}

/* --- The call ------------------------------------------------------------------------ */

static void cluster_reply(struct edge_many *many, const struct directory *directory)
{
    const struct service *service = many->edge.service;
    struct reply reply = {.arena = many->edge.arena};
    unsigned shards = cluster_shard_count(service->map);
    Souk__V1__GetClusterResponse response = SOUK__V1__GET_CLUSTER_RESPONSE__INIT;
    Souk__V1__ClusterTotals totals = SOUK__V1__CLUSTER_TOTALS__INIT;
    response.cluster_id = reply_text(&reply, slice_from_string(service->cluster_id));
    response.map_version = service->map->version;
    cluster_nodes(service, directory, &reply, &response);
    response.totals = &totals;
    response.shards = reply_alloc(&reply, (shards + 1) * sizeof *response.shards);
    /* The directory's group is a shard only where there is a cluster. */
    unsigned shown = directory->version > 0 ? shards : shards - 1;
    for (unsigned p = 0; p < shown && !reply.failed; p++) {
        response.shards[p] = cluster_shard(many, p, directory, &reply);
        if (response.shards[p] != NULL) {
            cluster_add(&totals, response.shards[p]->totals);
            response.n_shards++;
        }
    }
    if (reply.failed) {
        edge_fail_memory(&many->edge);
        return;
    }
    souk__v1__cluster_service__get_cluster__reply(many->edge.rpc, &response);
}

static void cluster_got(struct edge_many *many)
{
    unsigned shards = cluster_shard_count(many->edge.service->map);
    const struct edge_part *last = &many->parts[2 * shards];
    struct directory directory;
    directory_init(&directory);
    enum status status = STATUS_OK;
    for (unsigned p = shards; p <= 2 * shards && status == STATUS_OK; p++) {
        status = many->parts[p].call.status;
    }
    if (status == STATUS_OK) {
        status = directory_decode(last->answer.directory, &directory);
    }
    if (status == STATUS_OK) {
        cluster_reply(many, &directory);
    } else {
        edge_fail_status(&many->edge, status);
    }
    directory_close(&directory);
    edge_many_done(many);
}

static void cluster_get(struct rpc_call *rpc, const Souk__V1__GetClusterRequest *request,
                        void *context)
{
    struct service *service = context;
    struct edge_many *many = edge_many_new(service, rpc, request);
    unsigned shards = cluster_shard_count(service->map);
    struct fan_groups groups = {.count = 2 * shards + 1};
    if (many == NULL) {
        return;
    }
    groups.groups = arena_zalloc(many->edge.arena, groups.count * sizeof *groups.groups);
    if (groups.groups == NULL || !edge_many_parts(many, &groups, SHARD_MAP_SKU)) {
        edge_fail_memory(&many->edge);
        return;
    }
    for (unsigned p = 0; p < 2 * shards; p++) {
        enum shard_map_table table;
        const struct shard_range *range = cluster_range(service->map, p % shards, &table);
        many->parts[p].call.shard_id =
            range != NULL ? range->shard_id : (uint64_t)DIRECTORY_SHARD_ID;
        many->parts[p].query.kind = REPLICA_QUERY_STATUS;
        many->parts[p].query.at_leader = p < shards;
    }
    many->parts[2 * shards].call.shard_id = DIRECTORY_SHARD_ID;
    many->parts[2 * shards].query.kind = REPLICA_QUERY_DIRECTORY;
    uint64_t wait_us = service_now().monotonic_us + CLUSTER_LEADER_WAIT_US;
    if (wait_us < many->edge.deadline_us) {
        many->edge.deadline_us = wait_us;
    }
    edge_many_submit(many, cluster_got);
}

void cluster_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__cluster_service__handlers handlers = {
        .get_cluster = cluster_get,
        .init_cluster = cluster_init,
        .remove_node = cluster_remove_node,
        .add_replica = cluster_add_replica,
        .remove_replica = cluster_remove_replica,
        .transfer_leader = cluster_transfer,
        .verify_shard = cluster_verify,
    };
    souk__v1__cluster_service__register(server, &handlers, service);
}
