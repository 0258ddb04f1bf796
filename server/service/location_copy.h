/* SPDX-License-Identifier: Apache-2.0 */
/* A location on its way from its home to all other SKU shards. */
#ifndef SOUK_SERVER_SERVICE_LOCATION_COPY_H
#define SOUK_SERVER_SERVICE_LOCATION_COPY_H

#include "server/service/edge.h"
#include "shard/inventory/types.h"

/* One part per SKU shard but the home, each with the copy as its command. False past the
 * arena's limit. */
MUST_USE bool location_copies_make(struct edge_many *many, uint64_t home_shard_id,
                                   const struct inventory_location *location);
/* The first failure among the parts, or OK. */
enum status location_copies_status(const struct edge_many *many);

#endif
