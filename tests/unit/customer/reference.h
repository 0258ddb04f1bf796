/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sessions written a second time, slow and plain, from all events ever stored. Shares
 * with shard/customer only the hash that names a session.
 */
#ifndef SOUK_TESTS_UNIT_CUSTOMER_REFERENCE_H
#define SOUK_TESTS_UNIT_CUSTOMER_REFERENCE_H

#include "shard/customer/customer.h"
#include "shard/recommend/evidence.h"

/* Fills the evidence with the sessions of one customer's events (in any order). */
void reference_sessions(const struct customer_event *events, int event_count,
                        int64_t gap_ms, uint32_t items_max, struct evidence *evidence);

#endif
