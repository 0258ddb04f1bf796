/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of call_bytes share; stays in this folder. */
#ifndef SOUK_SERVER_HOST_CALL_BYTES_PRIVATE_H
#define SOUK_SERVER_HOST_CALL_BYTES_PRIVATE_H

#include "server/host/wire.h"
#include "shard/replica/work.h"

/* A struct that has grown has a field that is not described yet: describe it, then count it
 * here. */
#define WIRE_KNOWS(type, bytes)                                                          \
    _Static_assert(sizeof(struct type) == (bytes), #type " has changed: describe it "    \
                                                         "here")

void wire_inventory_query(struct wire *wire, struct inventory_query *query);
void wire_inventory_answer(struct wire *wire, struct inventory_answer *answer);
void wire_inventory_outcome(struct wire *wire, struct inventory_outcome *outcome);
void wire_inventory_counters(struct wire *wire, struct inventory_counters *counters);

void wire_customer_query(struct wire *wire, struct replica_customer_query *query);
void wire_customer_profile(struct wire *wire, struct customer_profile *profile);
void wire_customer_context(struct wire *wire, struct customer_context *context);
void wire_customer_actions(struct wire *wire, struct customer_actions *actions);
void wire_customer_history(struct wire *wire, struct customer_history *history);
void wire_customer_outcome(struct wire *wire, struct customer_outcome *outcome);
void wire_customer_counters(struct wire *wire, struct customer_counters *counters);

/* Of recommendations: the question, and what was found. */
void wire_search(struct wire *wire, struct replica_query *query);
void wire_found(struct wire *wire, const struct replica_query *query,
                struct replica_answer *answer);
void wire_status_answer(struct wire *wire, struct replica_status *status);

void wire_status(struct wire *wire, enum status *status);
void wire_currency(struct wire *wire, char currency[4]);

#endif
