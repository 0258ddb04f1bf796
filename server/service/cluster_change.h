/* SPDX-License-Identifier: Apache-2.0 */
/* The handlers of ClusterService that change the cluster; stays in this folder. */
#ifndef SOUK_SERVER_SERVICE_CLUSTER_CHANGE_H
#define SOUK_SERVER_SERVICE_CLUSTER_CHANGE_H

#include "proto/souk/v1/cluster.grpc-c.h"

void cluster_init(struct rpc_call *rpc, const Souk__V1__InitClusterRequest *request,
                  void *context);
void cluster_remove_node(struct rpc_call *rpc, const Souk__V1__RemoveNodeRequest *request,
                         void *context);
void cluster_add_replica(struct rpc_call *rpc, const Souk__V1__AddReplicaRequest *request,
                         void *context);
void cluster_remove_replica(struct rpc_call *rpc,
                            const Souk__V1__RemoveReplicaRequest *request, void *context);
void cluster_transfer(struct rpc_call *rpc,
                      const Souk__V1__TransferLeaderRequest *request, void *context);

/* cluster_verify.c */
void cluster_verify(struct rpc_call *rpc, const Souk__V1__VerifyShardRequest *request,
                    void *context);

#endif
