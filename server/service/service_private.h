/* SPDX-License-Identifier: Apache-2.0 */
/* What the services of this folder share; stays in it. */
#ifndef SOUK_SERVER_SERVICE_SERVICE_PRIVATE_H
#define SOUK_SERVER_SERVICE_SERVICE_PRIVATE_H

#include "server/service/edge.h"
#include "server/service/service.h"

struct answer_memory;
struct rpc_server;

enum {
    SERVICE_ADDRESS_BYTES = 128,
    SERVICE_SECRET_BYTES = 32,
};

struct service {
    struct service_options options;
    const struct settings *settings;
    const struct shard_map *map;
    struct runtime *runtime;
    uint64_t incarnation;                 /* of the cluster, for tokens */
    uint8_t secret[SERVICE_SECRET_BYTES]; /* of pseudonyms */
    char cluster_id[SERVICE_CLUSTER_ID_BYTES * 2 + 1];
    char address[SERVICE_ADDRESS_BYTES];
    struct answer_memory *answers;
    _Atomic unsigned next_loop; /* recommendations take loops in turn */
};

void catalog_service_register(struct service *service, struct rpc_server *server);
void location_service_register(struct service *service, struct rpc_server *server);
void stock_service_register(struct service *service, struct rpc_server *server);
void hold_service_register(struct service *service, struct rpc_server *server);
void outcome_service_register(struct service *service, struct rpc_server *server);
void customer_service_register(struct service *service, struct rpc_server *server);
void event_service_register(struct service *service, struct rpc_server *server);
void recommend_service_register(struct service *service, struct rpc_server *server);
void import_service_register(struct service *service, struct rpc_server *server);
void cluster_service_register(struct service *service, struct rpc_server *server);

/* 128 bits of HMAC-SHA-256 of a customer's or visitor's id under the cluster's secret;
 * the two kinds never meet. */
enum service_actor {
    SERVICE_ACTOR_CUSTOMER = 'c',
    SERVICE_ACTOR_VISITOR = 'v',
};
struct hash128 service_pseudonym(const struct service *service, enum service_actor kind,
                                 struct slice id);
/* 64 bits nobody can foresee. */
uint64_t service_nonce(void);
struct moment service_now(void);

#endif
