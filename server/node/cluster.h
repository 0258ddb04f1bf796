/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A node's part in a cluster: who it is there, the peer port and the way to the others,
 * which replicas it opens, and the conductor that keeps it in step. A store of one node has
 * one, too, which does nothing until `souk cluster init`.
 *
 *     cluster_new
 *     cluster_join       an empty folder asks for an identity (setting join)
 *     cluster_load       with the folder open: what was known when it stopped
 *     cluster_place      which replicas the runtime opens
 *     cluster_run        with the runtime: hears and calls the others
 *     cluster_serving    with the doors open: where clients reach this node
 *     cluster_leave      before the runtime stops;  cluster_free after
 *
 * Belongs to the program's main thread, but for cluster_begin and the questions.
 */
#ifndef SOUK_SERVER_NODE_CLUSTER_H
#define SOUK_SERVER_NODE_CLUSTER_H

#include <stdbool.h>

#include "server/peer/peers.h"
#include "server/runtime/runtime.h"
#include "shard/base/setting.h"
#include "shard/storage/folder.h"

enum {
    CLUSTER_JOIN_TRIES = 30,
    CLUSTER_JOIN_PAUSE_MS = 1000,
};

struct cluster;

struct cluster *cluster_new(const struct settings *settings);
/* Is this the folder of a node that has to ask to be taken in: an empty one, or one whose
 * joining was not finished? */
bool cluster_joining(const char *dir);
/* Fills who this node is to be: each time the same, as long as the folder is not emptied. */
MUST_USE enum status cluster_join(struct cluster *cluster,
                                  struct folder_identity *out_identity,
                                  struct problem *problem);
MUST_USE enum status cluster_load(struct cluster *cluster, const struct folder *folder,
                                  struct problem *problem);
/* Names the replicas of `shards` as the directory does, leaves out those that shall not be
 * here, and adds the directory's own; room for one more than there are. */
void cluster_place(const struct cluster *cluster, struct runtime_shard *shards,
                   size_t *shard_count);
const struct runtime_network *cluster_network(const struct cluster *cluster);
MUST_USE enum status cluster_run(struct cluster *cluster, struct runtime *runtime,
                                 struct problem *problem);
/* `client_address` is "" while it is not known. */
MUST_USE enum status cluster_serving(struct cluster *cluster, uint16_t client_port,
                                     uint16_t admin_port, struct problem *problem);
void cluster_leave(struct cluster *cluster);
void cluster_free(struct cluster *cluster); /* NULL is fine */

/* For ClusterService, any thread: opens the peer port, so that the store may become a
 * cluster; where others will reach this node, and clients. */
MUST_USE enum status cluster_begin(struct cluster *cluster, char *out_peer_address,
                                   size_t size, struct problem *problem);
/* Is this a node of a cluster? For the main thread, at the start. */
bool cluster_is_formed(const struct cluster *cluster);
bool cluster_connected(struct cluster *cluster, uint64_t node_id);

#endif
