/* SPDX-License-Identifier: Apache-2.0 */
/* The calls of CatalogService about products; `context` is the struct service. */
#ifndef SOUK_SERVER_SERVICE_PRODUCT_H
#define SOUK_SERVER_SERVICE_PRODUCT_H

#include "proto/souk/v1/catalog.pb-c.h"

struct rpc_call;

void product_call_upsert(struct rpc_call *rpc,
                         const Souk__V1__UpsertProductRequest *request, void *context);
void product_call_get(struct rpc_call *rpc, const Souk__V1__GetProductRequest *request,
                      void *context);
void product_call_list(struct rpc_call *rpc, const Souk__V1__ListProductsRequest *request,
                       void *context);
void product_call_delete(struct rpc_call *rpc,
                         const Souk__V1__DeleteProductRequest *request, void *context);
/* generate.c */
void generate_call(struct rpc_call *rpc, const Souk__V1__GenerateSkusRequest *request,
                   void *context);

#endif
