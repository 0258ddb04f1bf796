/* SPDX-License-Identifier: Apache-2.0 */
/* A customer shard wired to evidence as a replica does, over a store in memory. */
#ifndef SOUK_TESTS_UNIT_CUSTOMER_WORLD_H
#define SOUK_TESTS_UNIT_CUSTOMER_WORLD_H

#include "shard/customer/customer.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/histories.h"
#include "shard/storage/store.h"

struct world {
    struct customer_options options;
    struct customer_shard *shard;
    struct evidence *evidence;
    struct histories *histories;
    uint64_t histories_told; /* calls of history_put */
    struct store *store;
    uint64_t index;
    int64_t log_ms;
    struct arena arena;
};

#define WORLD_START_MS INT64_C(1800000000000)

void world_open(struct world *world);
void world_close(struct world *world);
/* One entry with one command. The outcome lives until the next call. */
struct customer_outcome world_apply(struct world *world,
                                    const struct customer_command *command);
/* One entry with one event; its outcome. */
struct customer_event_outcome world_event(struct world *world,
                                          const struct customer_event *event);
/* Collects, writes, and says it is flushed. */
void world_flush(struct world *world);
/* Flushes, forgets the shard and its evidence, and loads both anew. */
void world_reload(struct world *world);

/* A view of item "s<n>" with an id of its own. */
struct customer_event event_make(struct arena *arena, uint64_t customer,
                                 enum customer_event_kind kind, unsigned item,
                                 int64_t occurred_ms);

#endif
