/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/inventory/world.h"

#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

void world_open_range(struct world *world, struct key_range range)
{
    *world = (struct world){.now_ms = WORLD_START_MS};
    world->store = memory_store_new();
    world->options = (struct inventory_options){
        .shard_id = 7,
        .range = range,
        .hash_seed = 42,
        .store = world->store,
        .request_memory_max_bytes = 1 << 24,
    };
    world->inventory = inventory_new(&world->options);
    arena_init(&world->arena, NULL, 0, 0);
}

void world_open(struct world *world)
{
    world_open_range(world, (struct key_range){0, 0});
}

static void world_audit(struct world *world)
{
    struct inventory_audit_report report;
    EXPECT_OK(inventory_audit(world->inventory, &world->arena, &report));
    EXPECT_EQ(report.mismatches, 0);
    EXPECT_EQ(report.broken_links, 0);
}

void world_close(struct world *world)
{
    world_audit(world);
    world_reload(world);
    world_audit(world);
    inventory_free(world->inventory);
    store_close(world->store);
    arena_close(&world->arena);
}

void world_identify(struct world *world, struct inventory_command *command)
{
    struct inventory_identity *identity = &command->identity;
    uint64_t number = ++world->requests;
    identity->kind = INVENTORY_IDENTITY_REQUEST;
    identity->anchor = inventory_command_anchor(command, world->options.hash_seed);
    identity->request_id = hash128(slice_of(&number, sizeof number), 0);
    identity->fingerprint = inventory_command_fingerprint(command);
    identity->request_ms = world->now_ms;
}

const struct inventory_outcome *world_apply(struct world *world,
                                            struct inventory_command command)
{
    const struct apply_position position = {
        .index = ++world->index, .term = 1, .log_ms = world->now_ms};
    if (command.identity.kind == INVENTORY_IDENTITY_NONE &&
        !inventory_command_of_source(command.kind)) {
        world_identify(world, &command);
    }
    inventory_entry_begin(world->inventory, &position);
    inventory_apply(world->inventory, &command, &world->arena, &world->last);
    inventory_entry_end(world->inventory);
    return &world->last;
}

void world_tick(struct world *world)
{
    const struct apply_position position = {
        .index = ++world->index, .term = 1, .log_ms = world->now_ms};
    inventory_entry_begin(world->inventory, &position);
    inventory_entry_end(world->inventory);
}

void world_flush(struct world *world)
{
    struct store_batch batch;
    store_batch_init(&batch);
    inventory_collect(world->inventory, &batch);
    EXPECT_OK(store_write(world->store, &batch));
    inventory_flushed(world->inventory, world->index);
    store_batch_close(&batch);
}

void world_reload(struct world *world)
{
    uint64_t digest = inventory_digest(world->inventory);
    world_flush(world);
    EXPECT(inventory_digest(world->inventory) == digest);
    inventory_free(world->inventory);
    world->inventory = inventory_new(&world->options);
    EXPECT_OK(inventory_load(world->inventory));
    EXPECT(inventory_digest(world->inventory) == digest);
}

const struct inventory_answer *world_read(struct world *world,
                                          struct inventory_query query)
{
    (void)inventory_read(world->inventory, &query, &world->arena, &world->answer);
    return &world->answer;
}

/* --- Commands ---------------------------------------------------------------------------- */

struct inventory_command world_sku_command(const char *sku_id)
{
    struct inventory_command command = {.kind = INVENTORY_SKU_UPSERT};
    command.sku_upsert.sku.sku_id = S(sku_id);
    command.sku_upsert.sku.name = S("A thing");
    command.sku_upsert.attributes_max = 64;
    return command;
}

struct inventory_command world_location_command(const char *location_id)
{
    struct inventory_command command = {.kind = INVENTORY_LOCATION_UPSERT};
    command.location_upsert.location.location_id = S(location_id);
    command.location_upsert.location.type = LOCATION_TYPE_STORE;
    return command;
}

struct inventory_command world_adjust_command(const char *sku_id, const char *location_id,
                                              int64_t delta)
{
    struct inventory_command command = {.kind = INVENTORY_STOCK_ADJUST};
    command.stock_adjust.sku_id = S(sku_id);
    command.stock_adjust.location_id = S(location_id);
    command.stock_adjust.bucket = STOCK_BUCKET_ON_HAND;
    command.stock_adjust.delta = delta;
    command.stock_adjust.reason = STOCK_REASON_RECEIPT;
    return command;
}

struct inventory_command world_set_command(const char *sku_id, const char *location_id,
                                           int64_t on_hand)
{
    struct inventory_command command = {.kind = INVENTORY_STOCK_SET};
    command.stock_set.sku_id = S(sku_id);
    command.stock_set.location_id = S(location_id);
    command.stock_set.mask = 1u << STOCK_BUCKET_ON_HAND;
    command.stock_set.buckets[STOCK_BUCKET_ON_HAND] = on_hand;
    command.stock_set.reason = STOCK_REASON_COUNT;
    return command;
}

struct inventory_command world_hold_command(const struct inventory_hold_line *lines,
                                            uint32_t line_count)
{
    struct inventory_command command = {.kind = INVENTORY_HOLD_CREATE};
    command.hold_create = (struct inventory_hold_create){
        .lines = lines,
        .line_count = line_count,
        .mode = HOLD_MODE_ALL_OR_NOTHING,
        .ttl_kind = HOLD_TTL_DURATION,
        .ttl_ms = WORLD_TTL_MS,
        .life_max_ms = WORLD_LIFE_MS,
        .owner_holds_max = 3,
        .lines_max = 200,
        .nonce = 99,
    };
    return command;
}

struct inventory_command world_change_command(enum inventory_command_kind kind,
                                              struct inventory_hold_id hold_id)
{
    struct inventory_command command = {.kind = kind};
    command.hold_change = (struct inventory_hold_change){
        .hold_id = hold_id,
        .ttl_kind = HOLD_TTL_DURATION,
        .ttl_ms = WORLD_TTL_MS,
        .life_max_ms = WORLD_LIFE_MS,
    };
    return command;
}

/* --- In one word ----------------------------------------------------------------------------- */

void world_sku(struct world *world, const char *sku_id)
{
    EXPECT_OK(world_apply(world, world_sku_command(sku_id))->status);
}

void world_location(struct world *world, const char *location_id)
{
    EXPECT_OK(world_apply(world, world_location_command(location_id))->status);
}

void world_stock(struct world *world, const char *sku_id, const char *location_id,
                 int64_t units)
{
    world_sku(world, sku_id);
    world_location(world, location_id);
    EXPECT_OK(world_adjust(world, sku_id, location_id, units)->status);
}

const struct inventory_outcome *world_adjust(struct world *world, const char *sku_id,
                                             const char *location_id, int64_t delta)
{
    return world_apply(world, world_adjust_command(sku_id, location_id, delta));
}

const struct inventory_outcome *world_hold(struct world *world, const char *sku_id,
                                           const char *location_id, int64_t quantity)
{
    const struct inventory_hold_line line = {
        .sku_id = S(sku_id), .location_id = S(location_id), .quantity = quantity};
    return world_apply(world, world_hold_command(&line, 1));
}

const struct inventory_outcome *world_change(struct world *world,
                                             enum inventory_command_kind kind,
                                             struct inventory_hold_id hold_id)
{
    return world_apply(world, world_change_command(kind, hold_id));
}

struct inventory_level world_level(struct world *world, const char *sku_id,
                                   const char *location_id)
{
    const struct slice sku = S(sku_id), location = S(location_id);
    const struct inventory_answer *answer =
        world_read(world, (struct inventory_query){.kind = INVENTORY_QUERY_LEVEL,
                                                   .sku_ids = &sku,
                                                   .sku_count = 1,
                                                   .location_ids = &location,
                                                   .location_count = 1});
    EXPECT_OK(answer->status);
    EXPECT_EQ(answer->level_count, 1);
    return answer->levels[0];
}

int64_t world_bucket(struct world *world, const char *sku_id, enum stock_bucket bucket)
{
    return world_level(world, sku_id, "L1").buckets[bucket];
}
