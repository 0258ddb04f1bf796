/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A SKU written together with what it is found under. GTINs and aliases have shards of
 * their own; those that the SKU's home owns itself it binds in the same step. For the
 * others it takes three, each of which may be repeated:
 *
 *     reserve   at the owner of each identifier: whose it is to be
 *     upsert    at the SKU's home, which decides and remembers, refusals too
 *     settle    at the owners again: bound for ever, or free if this request was refused
 */
#ifndef SOUK_SERVER_SERVICE_SKU_WRITE_H
#define SOUK_SERVER_SERVICE_SKU_WRITE_H

#include "server/service/edge.h"

/* The command has its identity; it is copied. `finish` as in edge_propose_sku. */
void sku_write(struct edge_one *one, const struct inventory_command *command,
               edge_finish *finish);

#endif
