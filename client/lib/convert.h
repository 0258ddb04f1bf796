/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Between the public structs and the messages of souk.v1. Messages live in the arena and
 * borrow the public structs' strings; public structs borrow the messages' strings.
 */
#ifndef SOUK_CLIENT_LIB_CONVERT_H
#define SOUK_CLIENT_LIB_CONVERT_H

#include "client/include/souk/catalog.h"
#include "client/include/souk/customer.h"
#include "client/include/souk/event.h"
#include "client/include/souk/location.h"
#include "proto/souk/v1/catalog.pb-c.h"
#include "proto/souk/v1/common.pb-c.h"
#include "proto/souk/v1/customer.pb-c.h"
#include "proto/souk/v1/event.pb-c.h"
#include "proto/souk/v1/location.pb-c.h"
#include "shard/base/arena.h"

/* protobuf-c's members are not const, but packing never writes through them. */
char *convert_text(const char *text); /* NULL becomes "" */
char **convert_texts(const char *const *texts);
const char *const *convert_texts_back(char *const *texts);
/* An array of n pointers to n messages of `size` bytes, each zeroed. */
void *convert_array(struct arena *arena, size_t count, size_t size, void ***out_pointers);

Google__Protobuf__Timestamp *convert_time(struct arena *arena, int64_t time_ms);
int64_t convert_time_back(const Google__Protobuf__Timestamp *time);
Google__Protobuf__Duration *convert_duration(struct arena *arena, int64_t duration_ms);
Souk__V1__Money *convert_money(struct arena *arena, const struct souk_money *money);
void convert_money_back(const Souk__V1__Money *money, struct souk_money *out_money);
Souk__V1__ReadOptions *convert_read(struct arena *arena, const struct souk_read *read);
void convert_stamp_back(const Souk__V1__ReadStamp *stamp, struct souk_stamp *out_stamp);
void convert_item_status_back(const Souk__V1__ItemStatus *status,
                              struct souk_item_status *out_status);

/* NULL, so all fields, when there are none; the texts stay borrowed. */
Google__Protobuf__FieldMask *convert_mask(struct arena *arena, const char *const *paths,
                                          size_t count);
Souk__V1__Sku *convert_sku(struct arena *arena, const struct souk_sku *sku);
void convert_sku_back(struct arena *arena, const Souk__V1__Sku *sku,
                      struct souk_sku *out_sku);
Souk__V1__Location *convert_location(struct arena *arena,
                                     const struct souk_location *location);
void convert_location_back(const Souk__V1__Location *location,
                           struct souk_location *out_location);
Souk__V1__Customer *convert_customer(struct arena *arena,
                                     const struct souk_customer *customer);
void convert_customer_back(struct arena *arena, const Souk__V1__Customer *customer,
                           struct souk_customer *out_customer);
/* The event must have an id. */
Souk__V1__Event *convert_event(struct arena *arena, const struct souk_event *event);
void convert_event_back(const Souk__V1__Event *event, struct souk_event *out_event);
const struct souk_event_failure *
convert_event_failures_back(struct arena *arena, Souk__V1__EventFailure *const *failures,
                            size_t count);

#endif
