/* SPDX-License-Identifier: Apache-2.0 */
/* For operators: souk.v1.ClusterService. */
#ifndef SOUK_CLUSTER_H
#define SOUK_CLUSTER_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_shard_table {
    SOUK_SHARD_TABLE_UNSPECIFIED = 0,
    SOUK_SHARD_TABLE_SKU = 1,
    SOUK_SHARD_TABLE_CUSTOMER = 2,
    SOUK_SHARD_TABLE_DIRECTORY = 3, /* who lives where; only in a cluster */
};

struct souk_totals {
    uint64_t skus;
    uint64_t levels;
    uint64_t customers;
    uint64_t events;
    uint64_t movements;
    int64_t units_on_hand;
    uint64_t holds_open;
};

struct souk_node {
    uint64_t node_id;
    const char *address;
    const char *version;
    int64_t start_time_ms;
    bool ready;
    const char *peer_address; /* "" while the store is one node's alone */
    bool connected;           /* by the node that answered */
};

enum souk_replica_role {
    SOUK_REPLICA_ROLE_UNSPECIFIED = 0,
    SOUK_REPLICA_ROLE_LEARNER = 1, /* follows, and does not count */
    SOUK_REPLICA_ROLE_VOTER = 2,
};

struct souk_replica {
    uint64_t replica_id;
    uint64_t node_id;
    enum souk_replica_role role;
    bool leader;
    bool active; /* its leader has heard from it lately */
    uint64_t durable_index;
    uint64_t lag; /* entries that it is behind */
    bool leaving;
};

/* What recommendations are made of. */
struct souk_evidence_totals {
    uint64_t sessions;
    uint64_t sessions_waiting; /* older ones, behind the limit */
    uint64_t postings;
    uint64_t memory_bytes; /* counted in the shard's memory_bytes, too */
};

struct souk_shard {
    uint64_t shard_id;
    enum souk_shard_table table;
    uint64_t start_key; /* inclusive */
    uint64_t end_key;   /* exclusive; 0 is 2^64 */
    uint64_t leader_node_id;
    uint64_t applied_index;
    uint64_t flushed_index;
    int64_t log_time_ms;
    uint64_t memory_bytes;
    struct souk_totals totals;
    struct souk_evidence_totals evidence; /* of customer shards */
    const struct souk_replica *replicas;
    size_t replica_count;
    uint64_t term;
    uint64_t commit_index;
    bool from_leader; /* else as the answering node has it: no leader answered in time */
};

struct souk_cluster_get_request {
    uint32_t reserved; /* 0 */
};

struct souk_cluster_get_reply {
    struct souk_answer answer;
    const char *cluster_id;
    uint64_t map_version;
    const struct souk_node *nodes;
    size_t node_count;
    const struct souk_shard *shards;
    size_t shard_count;
    struct souk_totals totals;
};

SOUK_CALL(cluster_get, souk_cluster_get_request, souk_cluster_get_reply);

/* --- Changing it: repeating any of these does no harm -------------------------------- */

struct souk_cluster_init_request {
    uint32_t reserved; /* 0 */
};
struct souk_cluster_init_reply {
    struct souk_answer answer;
    const char *cluster_id;
    uint64_t node_id;
    const char *peer_address; /* where other nodes join */
};
/* The store of this one node becomes a cluster, with all that is in it. */
SOUK_CALL(cluster_init, souk_cluster_init_request, souk_cluster_init_reply);

struct souk_node_remove_request {
    uint64_t node_id;
};
struct souk_node_remove_reply {
    struct souk_answer answer;
};
/* It is gone for good: its replicas leave their shards. */
SOUK_CALL(node_remove, souk_node_remove_request, souk_node_remove_reply);

/* Of a shard on a node. */
struct souk_replica_request {
    uint64_t shard_id;
    uint64_t node_id; /* of a transfer 0: the one that is most up to date */
};
struct souk_replica_reply {
    struct souk_answer answer;
    uint64_t replica_id;
};
SOUK_CALL(replica_add, souk_replica_request, souk_replica_reply);
SOUK_CALL(replica_remove, souk_replica_request, souk_replica_reply);
SOUK_CALL(leader_transfer, souk_replica_request, souk_replica_reply);

struct souk_shard_verify_request {
    uint64_t shard_id;
};
struct souk_replica_digest {
    uint64_t replica_id;
    uint64_t node_id;
    uint64_t digest;
    const char *reason; /* "", or why there is no digest */
};
struct souk_shard_verify_reply {
    struct souk_answer answer;
    uint64_t log_index; /* at which all were asked */
    bool agree;
    const struct souk_replica_digest *replicas;
    size_t replica_count;
};
/* Compares the states of a shard's replicas at one index of its log. */
SOUK_CALL(shard_verify, souk_shard_verify_request, souk_shard_verify_reply);

#ifdef __cplusplus
}
#endif

#endif
