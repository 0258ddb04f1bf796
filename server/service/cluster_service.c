/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.ClusterService. */
#include "proto/souk/v1/cluster.grpc-c.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"

/* One part per shard: the SKU table's, then the customer table's. */
static const struct shard_range *cluster_range(const struct shard_map *map, unsigned part,
                                               enum shard_map_table *out_table)
{
    unsigned skus = shard_map_count(map, SHARD_MAP_SKU);
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

static Souk__V1__Shard *cluster_shard(const struct edge_many *many, unsigned place,
                                      struct reply *reply)
{
    const struct service *service = many->edge.service;
    const struct edge_part *part = &many->parts[place];
    const struct replica_status *status = &part->answer.replica;
    enum shard_map_table table;
    const struct shard_range *range = cluster_range(service->map, place, &table);
    Souk__V1__Shard *shard = reply_alloc(reply, sizeof *shard);
    Souk__V1__ClusterTotals *totals = reply_alloc(reply, sizeof *totals);
    if (shard == NULL || totals == NULL) {
        return NULL;
    }
    souk__v1__shard__init(shard);
    souk__v1__cluster_totals__init(totals);
    shard->shard_id = range->shard_id;
    shard->table = (Souk__V1__ShardTable)table;
    shard->start_key = range->start;
    shard->end_key = range->end;
    shard->leader_node_id = service->options.node_id;
    shard->applied_index = status->applied_index;
    shard->flushed_index = status->flushed_index;
    shard->log_time = reply_time(reply, status->log_time_ms);
    shard->totals = totals;
    if (table == SHARD_MAP_SKU) {
        const struct inventory_counters *counters = &status->inventory;
        shard->memory_bytes = counters->memory_bytes;
        totals->skus = counters->skus;
        totals->levels = counters->levels;
        totals->movements = counters->movements;
        totals->units_on_hand = counters->units_on_hand;
        totals->holds_open = counters->holds_open;
    } else {
        const struct customer_counters *counters = &status->customer;
        shard->memory_bytes = counters->memory_bytes;
        totals->customers = counters->customers;
        totals->events = counters->events;
        shard->evidence = cluster_evidence(status, reply);
    }
    return shard;
}

static Souk__V1__Node *cluster_node(const struct service *service, struct reply *reply)
{
    Souk__V1__Node *node = reply_alloc(reply, sizeof *node);
    if (node != NULL) {
        souk__v1__node__init(node);
        node->node_id = service->options.node_id;
        node->address = reply_text(reply, slice_from_string(service->address));
        node->version = reply_text(reply, slice_from_string(service->options.version));
        node->start_time = reply_time(reply, service->options.start_ms);
        node->ready = service->options.ready(service->options.user);
    }
    return node;
}

static void cluster_reply(struct edge_many *many)
{
    const struct service *service = many->edge.service;
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__GetClusterResponse response = SOUK__V1__GET_CLUSTER_RESPONSE__INIT;
    Souk__V1__ClusterTotals totals = SOUK__V1__CLUSTER_TOTALS__INIT;
    Souk__V1__Node *node = cluster_node(service, &reply);
    response.cluster_id = reply_text(&reply, slice_from_string(service->cluster_id));
    response.map_version = service->map->version;
    response.nodes = &node;
    response.n_nodes = 1;
    response.totals = &totals;
    response.shards =
        reply_alloc(&reply, (many->part_count + 1) * sizeof *response.shards);
    for (unsigned p = 0; p < many->part_count && !reply.failed; p++) {
        response.shards[p] = cluster_shard(many, p, &reply);
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
    if (edge_many_read_ok(many)) {
        cluster_reply(many);
    }
    edge_many_done(many);
}

static void cluster_get(struct rpc_call *rpc, const Souk__V1__GetClusterRequest *request,
                        void *context)
{
    struct service *service = context;
    struct edge_many *many = edge_many_new(service, rpc, request);
    unsigned count = shard_map_count(service->map, SHARD_MAP_SKU) +
                     shard_map_count(service->map, SHARD_MAP_CUSTOMER);
    struct fan_groups groups = {.count = count};
    if (many == NULL) {
        return;
    }
    groups.groups = arena_zalloc(many->edge.arena, count * sizeof *groups.groups);
    if (groups.groups == NULL || !edge_many_parts(many, &groups, SHARD_MAP_SKU)) {
        edge_fail_memory(&many->edge);
        return;
    }
    for (unsigned p = 0; p < count; p++) {
        enum shard_map_table table;
        many->parts[p].call.shard_id = cluster_range(service->map, p, &table)->shard_id;
        many->parts[p].query.kind = REPLICA_QUERY_STATUS;
    }
    edge_many_submit(many, cluster_got);
}

void cluster_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__cluster_service__handlers handlers = {
        .get_cluster = cluster_get,
    };
    souk__v1__cluster_service__register(server, &handlers, service);
}
