/* SPDX-License-Identifier: Apache-2.0 */
/* The reading handlers of souk.v1.StockService. */
#ifndef SOUK_SERVER_SERVICE_STOCK_READ_H
#define SOUK_SERVER_SERVICE_STOCK_READ_H

#include "proto/souk/v1/stock.pb-c.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

struct edge;
struct rpc_call;

/* Ids of a repeated field, checked: at most batch_max_items. */
MUST_USE enum status stock_ids(struct edge *edge, const char *field, char *const *texts,
                               size_t count, struct slice **out, struct problem *problem);
void stock_check_availability(struct rpc_call *rpc,
                              const Souk__V1__CheckAvailabilityRequest *request,
                              void *context);

void stock_get_level(struct rpc_call *rpc, const Souk__V1__GetStockLevelRequest *request,
                     void *context);
void stock_batch_get_levels(struct rpc_call *rpc,
                            const Souk__V1__BatchGetStockLevelsRequest *request,
                            void *context);
void stock_list_levels(struct rpc_call *rpc,
                       const Souk__V1__ListStockLevelsRequest *request, void *context);
void stock_list_movements(struct rpc_call *rpc,
                          const Souk__V1__ListMovementsRequest *request, void *context);

#endif
