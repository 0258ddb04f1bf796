/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/inventory/shards.h"

#include <stdio.h>

#include "shard/replica/command.h"
#include "tests/lib/test.h"

static unsigned shards_owner(const struct shards *shards, uint64_t hash)
{
    unsigned at = 0;
    while (!key_range_contains(shards->worlds[at].options.range, hash)) {
        at++;
    }
    return at;
}

static void shards_name(struct shards *shards, unsigned shard)
{
    for (unsigned i = 0; shards->names[shard][0] == '\0'; i++) {
        char name[SHARDS_NAME_BYTES];
        snprintf(name, sizeof name, "SKU-%u", i);
        if (shards_owner(shards,
                         key_hash(S(name), shards->worlds[0].options.hash_seed)) ==
            shard) {
            snprintf(shards->names[shard], sizeof name, "%s", name);
        }
    }
}

void shards_open(struct shards *shards, unsigned count)
{
    *shards = (struct shards){.count = count, .now_ms = WORLD_START_MS};
    arena_init(&shards->arena, NULL, 0, 0);
    for (unsigned i = 0; i < count; i++) {
        uint64_t step = UINT64_MAX / count + 1;
        struct key_range range = {.start = i * step,
                                  .end = i + 1 < count ? (i + 1) * step : 0};
        world_open_range(&shards->worlds[i], range);
        inventory_set_leads(shards->worlds[i].inventory, true);
    }
    for (unsigned i = 0; i < count; i++) {
        shards_name(shards, i);
    }
}

void shards_close(struct shards *shards)
{
    for (unsigned i = 0; i < shards->count; i++) {
        world_close(&shards->worlds[i]);
    }
    arena_close(&shards->arena);
}

const char *shards_sku(const struct shards *shards, unsigned shard)
{
    return shards->names[shard % shards->count];
}

void shards_location(struct shards *shards, const char *location_id)
{
    for (unsigned i = 0; i < shards->count; i++) {
        struct world *world = &shards->worlds[i];
        struct inventory_command copy = world_location_command(location_id);
        copy.kind = INVENTORY_LOCATION_COPY;
        copy.location_upsert.location.version = 1;
        if (key_range_contains(world->options.range,
                               key_hash(S(location_id), world->options.hash_seed))) {
            world_location(world, location_id);
        } else {
            copy.identity.kind = INVENTORY_IDENTITY_REQUEST; /* none: it has a version */
            EXPECT_OK(world_apply(world, copy)->status);
        }
    }
}

void shards_stock(struct shards *shards, int64_t units)
{
    shards_location(shards, "L1");
    for (unsigned i = 0; i < shards->count; i++) {
        world_sku(&shards->worlds[i], shards->names[i]);
        EXPECT_OK(
            world_adjust(&shards->worlds[i], shards->names[i], "L1", units)->status);
    }
}

unsigned shards_of(const struct shards *shards, const char *sku_id)
{
    return shards_owner(shards, key_hash(S(sku_id), shards->worlds[0].options.hash_seed));
}

void shards_later(struct shards *shards, int64_t ms)
{
    shards->now_ms += ms;
    for (unsigned i = 0; i < shards->count; i++) {
        shards->worlds[i].now_ms = shards->now_ms;
    }
}

void shards_pull(struct shards *shards)
{
    const struct inventory_moment now = {.monotonic_us = (uint64_t)shards->now_ms * 1000,
                                         .bounded_ms = shards->now_ms};
    for (unsigned i = 0; i < shards->count; i++) {
        struct inventory_command command;
        while (inventory_take_parcel(shards->worlds[i].inventory, &now, &shards->arena,
                                     &command)) {
            struct shards_parcel *parcel = &shards->parcels[shards->parcel_count++];
            EXPECT(shards->parcel_count < SHARDS_PARCELS_MAX);
            parcel->kind = command.kind;
            parcel->to = shards_owner(shards, command.identity.anchor);
            EXPECT_OK(command_encode_sku(&command, &shards->arena, &parcel->bytes));
        }
    }
}

void shards_deliver(struct shards *shards, unsigned parcel)
{
    const struct shards_parcel *taken = &shards->parcels[parcel];
    struct world *world = &shards->worlds[taken->to];
    const struct apply_position position = {
        .index = ++world->index, .term = 1, .log_ms = world->now_ms};
    struct inventory_command command;
    EXPECT_OK(command_decode_sku(taken->bytes, &shards->arena, &command));
    inventory_entry_begin(world->inventory, &position);
    inventory_apply(world->inventory, &command, &shards->arena, &world->last);
    inventory_entry_end(world->inventory);
}

void shards_drop(struct shards *shards, unsigned parcel)
{
    memmove(&shards->parcels[parcel], &shards->parcels[parcel + 1],
            (shards->parcel_count - parcel - 1) * sizeof shards->parcels[0]);
    shards->parcel_count--;
}

void shards_carry(struct shards *shards)
{
    shards_pull(shards);
    while (shards->parcel_count > 0) {
        shards_deliver(shards, 0);
        shards_drop(shards, 0);
        shards_pull(shards);
    }
}

void shards_die(struct shards *shards, unsigned shard)
{
    world_reload(&shards->worlds[shard]);
    inventory_set_leads(shards->worlds[shard].inventory, true);
}

const struct inventory_outcome *shards_apply(struct shards *shards,
                                             struct inventory_command *command)
{
    struct world *world;
    if (command->identity.kind == INVENTORY_IDENTITY_NONE) {
        struct world *first = &shards->worlds[0];
        uint64_t requests = first->requests;
        first->requests = SHARDS_REQUESTS + shards->requests++;
        world_identify(first, command);
        first->requests = requests;
    }
    world = &shards->worlds[shards_owner(shards, command->identity.anchor)];
    return world_apply(world, *command);
}

struct inventory_command shards_hold_command(struct shards *shards, unsigned first,
                                             int64_t quantity,
                                             struct inventory_hold_line *lines)
{
    struct inventory_command command = world_hold_command(lines, shards->count);
    for (unsigned i = 0; i < shards->count; i++) {
        lines[i] = (struct inventory_hold_line){
            .sku_id = S(shards->names[(first + i) % shards->count]),
            .quantity = quantity};
    }
    command.hold_create.prepare_ms = SHARDS_PREPARE_MS;
    command.hold_create.nonce = ++shards->nonce;
    return command;
}

const struct inventory_outcome *shards_change(struct shards *shards,
                                              enum inventory_command_kind kind,
                                              struct inventory_hold_id id)
{
    struct inventory_command command = world_change_command(kind, id);
    return shards_apply(shards, &command);
}

const struct inventory_answer *shards_outcome(struct shards *shards,
                                              const struct inventory_command *command)
{
    struct world *world = &shards->worlds[shards_owner(shards, command->identity.anchor)];
    return world_read(world, (struct inventory_query){.kind = INVENTORY_QUERY_OUTCOME,
                                                      .asked = command});
}

int64_t shards_bucket(struct shards *shards, unsigned shard, enum stock_bucket bucket)
{
    return world_bucket(&shards->worlds[shard], shards->names[shard], bucket);
}

void shards_expect(struct shards *shards, int64_t held, int64_t committed,
                   int64_t on_hand)
{
    for (unsigned i = 0; i < shards->count; i++) {
        EXPECT_EQ(shards_bucket(shards, i, STOCK_BUCKET_HELD), held);
        EXPECT_EQ(shards_bucket(shards, i, STOCK_BUCKET_COMMITTED), committed);
        EXPECT_EQ(shards_bucket(shards, i, STOCK_BUCKET_ON_HAND), on_hand);
    }
}

uint64_t shards_unsettled(struct shards *shards)
{
    uint64_t count = 0;
    for (unsigned i = 0; i < shards->count; i++) {
        count += world_read(&shards->worlds[i],
                            (struct inventory_query){.kind = INVENTORY_QUERY_COUNTERS})
                     ->counters.holds_unsettled;
    }
    return count;
}
