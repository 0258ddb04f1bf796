/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One shard for a test: an inventory over a store in memory, entries of one command, a log
 * time that the test sets. At the end every world is audited, flushed and loaded again:
 * no test may leave a ledger or a digest that does not hold.
 */
#ifndef SOUK_TESTS_UNIT_INVENTORY_WORLD_H
#define SOUK_TESTS_UNIT_INVENTORY_WORLD_H

#include "shard/inventory/inventory.h"
#include "shard/storage/store.h"

enum {
    WORLD_START_MS = 1000000000,
    WORLD_TTL_MS = 60000,
    WORLD_LIFE_MS = 600000,
};

struct world {
    struct store *store;
    struct inventory_options options;
    struct inventory *inventory;
    struct arena arena;
    int64_t now_ms;
    uint64_t index;
    uint64_t requests;
    struct inventory_outcome last;
    struct inventory_answer answer;
};

#define S(literal) slice_from_string(literal)

/* An empty shard that owns everything. */
void world_open(struct world *world);
/* One that owns [start, end). */
void world_open_range(struct world *world, struct key_range range);
/* The last check, then everything is freed. */
void world_close(struct world *world);

/* An entry with one command. A command without identity gets a fresh request id. */
const struct inventory_outcome *world_apply(struct world *world,
                                            struct inventory_command command);
void world_identify(struct world *world, struct inventory_command *command);
/* An entry without commands, at the present time. */
void world_tick(struct world *world);
void world_flush(struct world *world);
/* Flush, forget the memory, load the store; digests must agree. */
void world_reload(struct world *world);
const struct inventory_answer *world_read(struct world *world,
                                          struct inventory_query query);

struct inventory_command world_sku_command(const char *sku_id);
struct inventory_command world_location_command(const char *location_id);
struct inventory_command world_adjust_command(const char *sku_id, const char *location_id,
                                              int64_t delta);
struct inventory_command world_set_command(const char *sku_id, const char *location_id,
                                           int64_t on_hand);
/* ALL_OR_NOTHING, no owner, WORLD_TTL_MS. The lines are borrowed. */
struct inventory_command world_hold_command(const struct inventory_hold_line *lines,
                                            uint32_t line_count);
struct inventory_command world_change_command(enum inventory_command_kind kind,
                                              struct inventory_hold_id hold_id);

void world_sku(struct world *world, const char *sku_id);
void world_location(struct world *world, const char *location_id);
/* SKU and location, made if need be, with that many units. */
void world_stock(struct world *world, const char *sku_id, const char *location_id,
                 int64_t units);
const struct inventory_outcome *world_adjust(struct world *world, const char *sku_id,
                                             const char *location_id, int64_t delta);
/* One line; location may be NULL. */
const struct inventory_outcome *world_hold(struct world *world, const char *sku_id,
                                           const char *location_id, int64_t quantity);
const struct inventory_outcome *world_change(struct world *world,
                                             enum inventory_command_kind kind,
                                             struct inventory_hold_id hold_id);
struct inventory_level world_level(struct world *world, const char *sku_id,
                                   const char *location_id);
int64_t world_bucket(struct world *world, const char *sku_id, enum stock_bucket bucket);

#endif
