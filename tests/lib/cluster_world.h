/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several nodes without threads and without gRPC: each a host over a segment log and a
 * state store that can crash, and a network between them that delivers, holds or loses.
 * One SKU shard and one customer shard, each with a replica on every node that is in it.
 *
 * Node n (from 1) has replica id 100 * shard + n of each shard. For one thread; chance is
 * the caller's. Helpers assert: what they cannot do is a defect of the test.
 */
#ifndef SOUK_TESTS_LIB_CLUSTER_WORLD_H
#define SOUK_TESTS_LIB_CLUSTER_WORLD_H

#include "tests/lib/shard_world.h"

enum {
    CLUSTER_NODES_MAX = 5,
    CLUSTER_SHARDS = 2,
    CLUSTER_MAIL_MAX = 65536,
    CLUSTER_STEP_MS = 10,
};

struct cluster_mail {
    struct host_message message; /* bytes owned */
    unsigned to_node;
};

struct cluster_node {
    struct shard_world world; /* files, store, log, host and batches of this node */
    bool up;
    bool born;  /* with the cluster; else it joins */
    bool paced; /* its state is written only when told */
    bool hung;  /* its log writer is stuck in a sync */
    /* The ids of its replicas, when they are not the usual ones. */
    uint64_t replica_ids[CLUSTER_SHARDS + 1];
    uint64_t replaces[CLUSTER_SHARDS + 1];
    uint32_t healthy_voters;
    struct raft_members told; /* of one that replaces; count 0: nobody told it */
    uint32_t level_supported;
};

struct cluster_world {
    struct cluster_node nodes[CLUSTER_NODES_MAX + 1]; /* from 1 on */
    unsigned node_count;                              /* that exist */
    unsigned voter_count;                             /* with which the shards are born */
    struct cluster_mail *mail;
    size_t mail_first;
    size_t mail_count;
    bool cut[CLUSTER_NODES_MAX + 1][CLUSTER_NODES_MAX + 1]; /* [from][to] */
    /* Of each message, when not NULL: lost, sent twice, or overtaken by the next one. */
    struct rng *chance;
    unsigned unlucky_percent;
    size_t chunk_bytes;
    struct moment now;
    uint64_t boots;
    uint64_t delivered;
};

/* `voters` nodes, booted. */
void cluster_open(struct cluster_world *cluster, unsigned voters);
void cluster_close(struct cluster_world *cluster);
/* One more node, empty, that joins: returns its number. */
unsigned cluster_add(struct cluster_world *cluster);

MUST_USE enum status cluster_boot(struct cluster_world *cluster, unsigned node);
void cluster_kill(struct cluster_world *cluster, unsigned node);
void cluster_crash(struct cluster_world *cluster, unsigned node, struct rng *rng);
/* Both ways; `open` heals. */
void cluster_isolate(struct cluster_world *cluster, unsigned node, bool isolated);

/* One step of everything: time, disks, messages. */
void cluster_step(struct cluster_world *cluster);
void cluster_run_ms(struct cluster_world *cluster, uint64_t milliseconds);
/* Until a node leads the shard and the others follow it; 0 when that does not come. */
unsigned cluster_await_leader(struct cluster_world *cluster, uint64_t shard_id);
/* The node that leads in the highest term, of those that are up; 0: none. */
unsigned cluster_leader(struct cluster_world *cluster, uint64_t shard_id);
/* Until all that are up have applied as much of the shard; false when that does not come. */
bool cluster_settle(struct cluster_world *cluster, uint64_t shard_id);

/* Settles, and asserts that all of them have the same digest. */
void cluster_expect_same(struct cluster_world *cluster, uint64_t shard_id);

uint64_t cluster_replica_id(const struct cluster_world *cluster, unsigned node,
                            uint64_t shard_id);
struct replica_status cluster_status(struct cluster_world *cluster, unsigned node,
                                     uint64_t shard_id);
struct replica *cluster_replica(struct cluster_world *cluster, unsigned node,
                                uint64_t shard_id);
/* Flushes the node's state, so that its log may go. (Where memory_store_stop_after ends a
 * write, the node crashes, here and in a step; `chance` is needed then.) */
void cluster_flush(struct cluster_world *cluster, unsigned node);

/* Submits to a node, and steps until it is done or `ms` are over; whether it is. */
bool cluster_call(struct cluster_world *cluster, unsigned node, struct world_call *call,
                  uint64_t shard_id, uint64_t ms);
/* One SKU command at whoever leads, again after a refusal or an unknown outcome: the
 * status of its outcome. */
enum status cluster_apply(struct cluster_world *cluster,
                          const struct inventory_command *command,
                          struct inventory_outcome *out_outcome);
/* At the leader, until it has been done: retried while it is not the time for it. */
enum status cluster_change(struct cluster_world *cluster, uint64_t shard_id,
                           enum raft_change_kind kind, unsigned node);
int64_t cluster_on_hand(struct cluster_world *cluster, const char *sku_id);

#endif
