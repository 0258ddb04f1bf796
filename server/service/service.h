/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The public contract, souk.v1, served: one file per proto service. A handler validates on
 * its rpc worker, hands commands or questions to the shards that own the keys, and the
 * answer is packed on the loop of the shard that answered last.
 *
 * The service is made before and freed after the rpc server and the runtime that it uses;
 * it starts no thread of its own.
 */
#ifndef SOUK_SERVER_SERVICE_SERVICE_H
#define SOUK_SERVER_SERVICE_SERVICE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/shard_map.h"
#include "server/runtime/runtime.h"
#include "shard/base/setting.h"

struct rpc_server;
struct rpc_call_record;

enum {
    SERVICE_CLUSTER_ID_BYTES = 16,
};

struct service_options {
    const struct settings *settings; /* all of these outlive the service */
    const struct shard_map *map;
    const struct placement_table *placements;
    struct runtime *runtime;
    uint8_t cluster_id[SERVICE_CLUSTER_ID_BYTES];
    uint64_t node_id;
    const char *version;
    int64_t start_ms;
    /* What ClusterService says of this node; asked on rpc workers. */
    bool (*ready)(void *user);
    /* Opens the peer port, so that the store may become a cluster, and says where it is. */
    enum status (*begin_cluster)(void *user, char *out_peer_address, size_t size,
                                 struct problem *problem);
    /* Another node, or this one. */
    bool (*connected)(void *user, uint64_t node_id);
    void *user;
};

struct service;

struct service *service_new(const struct service_options *options);
void service_free(struct service *service); /* NULL is fine */
/* "127.0.0.1:7400", once it is known; before the server starts. Copied. */
void service_set_address(struct service *service, const char *address);
/* Before the server starts. */
void service_register(struct service *service, struct rpc_server *server);

/* For rpc_server_options.log: logs slow, cancelled and refused calls. */
void service_log_call(const struct rpc_call_record *record, void *user);

#endif
