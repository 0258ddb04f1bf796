/* SPDX-License-Identifier: Apache-2.0 */
/* The counting handlers of souk.v1.StockService: each asks several shards at once. */
#ifndef SOUK_SERVER_SERVICE_COUNT_SERVICE_H
#define SOUK_SERVER_SERVICE_COUNT_SERVICE_H

#include "proto/souk/v1/stock.pb-c.h"

struct rpc_call;

void stock_start_count(struct rpc_call *rpc, const Souk__V1__StartCountRequest *request,
                       void *context);
void stock_submit_count(struct rpc_call *rpc, const Souk__V1__SubmitCountRequest *request,
                        void *context);
void stock_close_count(struct rpc_call *rpc, const Souk__V1__CloseCountRequest *request,
                       void *context);

#endif
