/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Plain structs to messages, in the call's arena. A reply that runs out of memory is
 * marked failed and must not be sent; its pointers are still safe to pass on.
 */
#ifndef SOUK_SERVER_SERVICE_REPLY_H
#define SOUK_SERVER_SERVICE_REPLY_H

#include <stdbool.h>

#include "proto/souk/v1/catalog.pb-c.h"
#include "proto/souk/v1/common.pb-c.h"
#include "proto/souk/v1/customer.pb-c.h"
#include "proto/souk/v1/event.pb-c.h"
#include "proto/souk/v1/hold.pb-c.h"
#include "proto/souk/v1/location.pb-c.h"
#include "proto/souk/v1/stock.pb-c.h"
#include "shard/base/arena.h"
#include "shard/customer/types.h"
#include "shard/inventory/types.h"
#include "shard/replica/work.h"

struct reply {
    struct arena *arena;
    bool failed;
};

/* Zeroed; when memory is out, NULL and the reply has failed. */
void *reply_alloc(struct reply *reply, size_t size);
/* Never NULL. */
char *reply_text(struct reply *reply, struct slice text);
/* NULL for 0, which stands for "none". */
Google__Protobuf__Timestamp *reply_time(struct reply *reply, int64_t ms);
Google__Protobuf__Duration *reply_duration_us(struct reply *reply, uint64_t us);
char *reply_etag(struct reply *reply, uint64_t etag);
char *reply_hold_id(struct reply *reply, struct inventory_hold_id id);

Souk__V1__ReadStamp *reply_stamp(struct reply *reply, const struct replica_stamp *stamp);
Souk__V1__Money *reply_money(struct reply *reply, const struct inventory_money *money);
Souk__V1__Sku *reply_sku(struct reply *reply, const struct inventory_sku *sku);
Souk__V1__Product *reply_product(struct reply *reply,
                                 const struct inventory_product *product);
Souk__V1__Location *reply_location(struct reply *reply,
                                   const struct inventory_location *location);
Souk__V1__StockLevel *reply_level(struct reply *reply,
                                  const struct inventory_level *level);
Souk__V1__Hold *reply_hold(struct reply *reply, const struct inventory_hold *hold);
Souk__V1__Movement *reply_movement(struct reply *reply,
                                   const struct inventory_movement *movement);
Souk__V1__Customer *reply_customer(struct reply *reply,
                                   const struct customer_profile *profile);
/* Under the id that the caller knows the actor by: a customer's, or a visitor's. */
Souk__V1__Event *reply_event(struct reply *reply, const struct customer_event *event,
                             const char *actor_id, bool visitor);
/* How one item of a batch ended. */
Souk__V1__ItemStatus *reply_item_status(struct reply *reply,
                                        const struct problem *problem);
Souk__V1__ItemStatus *reply_item_ok(struct reply *reply);

#endif
