/* SPDX-License-Identifier: Apache-2.0 */
/* CatalogService.ResolveIdentifier: which SKU an id, a GTIN or an alias stands for. */
#ifndef SOUK_SERVER_SERVICE_RESOLVE_H
#define SOUK_SERVER_SERVICE_RESOLVE_H

#include "proto/souk/v1/catalog.pb-c.h"

struct rpc_call;

/* A handler of the generated service; `context` is the struct service. */
void resolve_identifier(struct rpc_call *rpc,
                        const Souk__V1__ResolveIdentifierRequest *request, void *context);

#endif
