/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Several SKU shards and what they tell each other of holds, as bytes on a table: a test
 * picks what arrives, in which order, how often, and when a shard dies and is loaded again.
 */
#ifndef SOUK_TESTS_UNIT_INVENTORY_SHARDS_H
#define SOUK_TESTS_UNIT_INVENTORY_SHARDS_H

#include "tests/unit/inventory/world.h"

enum {
    SHARDS_MAX = 4,
    SHARDS_PARCELS_MAX = 4096,
    SHARDS_PREPARE_MS = 2000,
    SHARDS_NAME_BYTES = 16,
    SHARDS_REQUESTS = 1 << 20, /* above those that the worlds make by themselves */
};

struct shards_parcel {
    enum inventory_command_kind kind;
    unsigned to;
    struct slice bytes; /* encoded, in the arena */
};

struct shards {
    struct world worlds[SHARDS_MAX];
    unsigned count;
    int64_t now_ms;
    struct arena arena;
    struct shards_parcel parcels[SHARDS_PARCELS_MAX];
    unsigned parcel_count;
    char names[SHARDS_MAX][SHARDS_NAME_BYTES]; /* a SKU on each shard */
    uint64_t nonce;
    uint64_t requests; /* ids are unique over the shards */
};

void shards_open(struct shards *shards, unsigned count);
/* Every world must be whole: audited, loaded again. */
void shards_close(struct shards *shards);
/* At its home, and a copy everywhere else. */
void shards_location(struct shards *shards, const char *location_id);
/* One SKU and location "L1" on each shard, with so many units. */
void shards_stock(struct shards *shards, int64_t units);
/* Which shard owns the SKU. */
unsigned shards_of(const struct shards *shards, const char *sku_id);
/* The SKU of a shard. */
const char *shards_sku(const struct shards *shards, unsigned shard);
void shards_later(struct shards *shards, int64_t ms);

/* Parcels that are due come onto the table. */
void shards_pull(struct shards *shards);
/* Applies the parcel where it goes; it stays on the table. */
void shards_deliver(struct shards *shards, unsigned parcel);
void shards_drop(struct shards *shards, unsigned parcel);
/* Everything arrives, once, until there is nothing more to tell now. */
void shards_carry(struct shards *shards);
/* The process dies with everything on its way from and to it, and leads again. */
void shards_die(struct shards *shards, unsigned shard);

/* The owner of the command's anchor decides it, at the present time. */
const struct inventory_outcome *shards_apply(struct shards *shards,
                                             struct inventory_command *command);
/* A hold of `quantity` of each shard's SKU from `first` on, all around. */
struct inventory_command shards_hold_command(struct shards *shards, unsigned first,
                                             int64_t quantity,
                                             struct inventory_hold_line *lines);
const struct inventory_outcome *shards_change(struct shards *shards,
                                              enum inventory_command_kind kind,
                                              struct inventory_hold_id id);
/* The remembered outcome of a command; its status is NOT_FOUND when there is none. */
const struct inventory_answer *shards_outcome(struct shards *shards,
                                              const struct inventory_command *command);
int64_t shards_bucket(struct shards *shards, unsigned shard, enum stock_bucket bucket);
/* What shards have still to tell each other, or to ask. */
uint64_t shards_unsettled(struct shards *shards);
/* held, committed, on_hand are these everywhere. */
void shards_expect(struct shards *shards, int64_t held, int64_t committed,
                   int64_t on_hand);

#endif
