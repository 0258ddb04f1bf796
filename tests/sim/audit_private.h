/* SPDX-License-Identifier: Apache-2.0 */
/* Between audit.c (what is told at once) and audit_ledger.c (what the end shows). */
#ifndef SOUK_TESTS_SIM_AUDIT_PRIVATE_H
#define SOUK_TESTS_SIM_AUDIT_PRIVATE_H

#include "tests/sim/audit.h"
#include "tests/sim/world.h"

/* An operation that is over. */
struct audit_record {
    struct sim_operation operation;
    bool unknown;
    enum status status;
    bool replayed;
    uint64_t shard_id;
    uint64_t log_index;
    uint64_t floor; /* of its shard, when it was asked */
    bool has_level;
    int64_t on_hand, held, committed;
    bool has_hold;
    struct inventory_hold_id hold;
    enum hold_state hold_state;
    int64_t expire_ms;
    int64_t granted[SIM_LINES_MAX];
    struct sim_item items[SIM_ITEMS_MAX];
    unsigned item_count;
    struct hash128 request; /* its hash, as the ledger has it */
};

struct audit_movement {
    unsigned level; /* sku * SIM_LOCATIONS_MAX + location */
    enum stock_reason reason;
    struct inventory_hold_id hold;
    struct hash128 request;
    int64_t before[STOCK_BUCKET_COUNT];
    int64_t after[STOCK_BUCKET_COUNT];
    int64_t log_ms;
    uint64_t shard_id;
    uint64_t index;
    uint32_t sub;
};

enum {
    AUDIT_LEVELS = SIM_SKUS_MAX * SIM_LOCATIONS_MAX,
};

struct sim_audit {
    struct sim_world *world;
    struct audit_record *records;
    size_t record_count;
    size_t record_capacity;
    struct audit_movement *movements;
    size_t movement_count;
    size_t movement_capacity;
    uint64_t heard[SIM_SHARDS_MAX];                   /* newest index told to anybody */
    uint64_t floors[SIM_CLIENTS_MAX][SIM_SHARDS_MAX]; /* when its operation was asked */
    int64_t wall_ms[SIM_CLIENTS_MAX];                 /* slowest node clock, likewise */
    /* audit_finish: */
    struct audit_movement **by_level[AUDIT_LEVELS]; /* in order */
    size_t level_counts[AUDIT_LEVELS];
    struct audit_record **by_request; /* writes, by the hash of their id */
    size_t write_count;
    struct audit_record **by_hold; /* creations and extensions, by the hold's id */
    size_t hold_count;
};

#endif
