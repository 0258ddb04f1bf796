/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Messages to plain structs, checked. The structs borrow from the message; arrays lie in
 * the arena. Field paths in problems begin with `prefix`.
 */
#ifndef SOUK_SERVER_SERVICE_INTAKE_H
#define SOUK_SERVER_SERVICE_INTAKE_H

#include "proto/souk/v1/catalog.pb-c.h"
#include "proto/souk/v1/customer.pb-c.h"
#include "proto/souk/v1/event.pb-c.h"
#include "proto/souk/v1/hold.pb-c.h"
#include "proto/souk/v1/location.pb-c.h"
#include "proto/souk/v1/stock.pb-c.h"
#include "shard/base/arena.h"
#include "shard/base/setting.h"
#include "shard/base/status.h"
#include "shard/customer/command.h"
#include "shard/inventory/command.h"

struct service;

/* `mask` NULL: all fields; one that names no field to write: SKU_FIELDS_NONE. */
MUST_USE enum status intake_sku(const Souk__V1__Sku *sku,
                                const Google__Protobuf__FieldMask *mask,
                                const struct settings *settings, struct arena *arena,
                                struct inventory_sku_upsert *out,
                                struct problem *problem);
MUST_USE enum status intake_location(const Souk__V1__Location *location,
                                     const Google__Protobuf__FieldMask *mask,
                                     struct arena *arena,
                                     struct inventory_location_upsert *out,
                                     struct problem *problem);
MUST_USE enum status intake_adjustment(const Souk__V1__StockAdjustment *adjustment,
                                       struct inventory_stock_adjust *out,
                                       struct problem *problem);
MUST_USE enum status intake_set(const Souk__V1__SetStockRequest *request,
                                struct inventory_stock_set *out, struct problem *problem);
/* Lines, owner, time to live. */
MUST_USE enum status intake_hold(const Souk__V1__CreateHoldRequest *request,
                                 const struct settings *settings, struct arena *arena,
                                 struct inventory_hold_create *out,
                                 struct problem *problem);
MUST_USE enum status intake_customer(const struct service *service,
                                     const Souk__V1__Customer *customer,
                                     struct arena *arena, struct customer_upsert *out,
                                     struct problem *problem);
/* The pseudonym of who is meant; of the two ids one is set, the other NULL. */
MUST_USE enum status intake_person(const struct service *service, const char *customer_id,
                                   const char *visitor_id, struct hash128 *out,
                                   struct problem *problem);
/* `line` of an import, or 0: then an event_id is required. */
MUST_USE enum status intake_event(const struct service *service,
                                  const Souk__V1__Event *event, uint64_t line,
                                  int64_t now_ms, struct customer_event *out,
                                  struct problem *problem);

#endif
