/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static const char *number_id(struct world *world, char letter, int number)
{
    char text[16];
    snprintf(text, sizeof text, "%c%03d", letter, number);
    return arena_string(&world->arena, text);
}

TEST(read, lists_page_through_everything_once_in_order)
{
    struct world world;
    struct inventory_query query = {.kind = INVENTORY_QUERY_SKU_LIST, .page_size = 7};
    uint64_t before = 0;
    int seen = 0;
    world_open(&world);
    for (int i = 0; i < 100; i++) {
        world_stock(&world, number_id(&world, 'A', i), "L1", 1);
        world_location(&world, "L2");
        EXPECT_OK(world_adjust(&world, number_id(&world, 'A', i), "L2", 1)->status);
    }
    do {
        EXPECT_OK(world_read(&world, query)->status);
        for (uint32_t i = 0; i < world.answer.sku_count; i++, seen++) {
            uint64_t hash = key_hash(world.answer.skus[i].sku_id, 42);
            EXPECT(hash > before);
            before = hash;
        }
        query.page_token = world.answer.next_page_token;
    } while (query.page_token.size > 0);
    EXPECT_EQ(seen, 100);
    query.kind = INVENTORY_QUERY_LEVEL_LIST;
    seen = 0;
    do {
        EXPECT_OK(world_read(&world, query)->status);
        seen += (int)world.answer.level_count;
        query.page_token = world.answer.next_page_token;
    } while (query.page_token.size > 0);
    EXPECT_EQ(seen, 200);
    world_close(&world);
}

TEST(read, a_foreign_token_is_refused)
{
    struct world world;
    struct inventory_query query = {.kind = INVENTORY_QUERY_SKU_LIST, .page_size = 1};
    world_open(&world);
    world_sku(&world, "A");
    world_sku(&world, "B");
    query.page_token = world_read(&world, query)->next_page_token;
    EXPECT(query.page_token.size > 0);
    query.kind = INVENTORY_QUERY_LEVEL_LIST;
    EXPECT_STATUS(world_read(&world, query)->status, STATUS_BAD_TOKEN);
    query.kind = INVENTORY_QUERY_SKU_LIST;
    query.page_token = S("nonsense");
    EXPECT_STATUS(world_read(&world, query)->status, STATUS_BAD_TOKEN);
    world_close(&world);
}

TEST(read, batches_name_what_is_missing)
{
    struct world world;
    const struct slice ids[] = {S("A"), S("nope"), S("B")};
    struct inventory_query query = {
        .kind = INVENTORY_QUERY_SKU_BATCH, .sku_ids = ids, .sku_count = 3};
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    world_stock(&world, "B", "L1", 2);
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_EQ(world.answer.sku_count, 2);
    EXPECT_EQ(world.answer.missing_count, 1);
    query.kind = INVENTORY_QUERY_LEVEL_BATCH;
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_EQ(world.answer.level_count, 2);
    EXPECT_SLICE(world.answer.missing[0], S("nope"));
    world_close(&world);
}

TEST(read, availability_counts_matching_locations_and_knows_what_sells)
{
    struct world world;
    const struct slice ids[] = {S("A"), S("B"), S("nope")};
    const struct slice web = S("web");
    uint64_t hash = key_hash(S("A"), 42);
    struct inventory_query query = {.kind = INVENTORY_QUERY_AVAILABILITY,
                                    .sku_ids = ids,
                                    .sku_count = 3,
                                    .sku_hashes = &hash,
                                    .sku_hash_count = 1,
                                    .demand = {.channel = S("web"), .quantity = 3}};
    struct inventory_command command = world_location_command("L2");
    world_open(&world);
    world_stock(&world, "A", "L1", 2); /* serves every channel */
    command.location_upsert.location.channels = &web;
    command.location_upsert.location.channel_count = 1;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_OK(world_adjust(&world, "A", "L2", 4)->status);
    world_stock(&world, "B", "L1", 2);
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_EQ(world.answer.availability_count, 4);
    EXPECT(world.answer.availabilities[0].sellable);
    EXPECT_EQ(world.answer.availabilities[0].available, 6);
    EXPECT_EQ(world.answer.availabilities[0].best_available, 4);
    EXPECT_SLICE(world.answer.availabilities[0].best_location_id, S("L2"));
    EXPECT(!world.answer.availabilities[1].sellable);
    EXPECT(world.answer.availabilities[1].found);
    EXPECT(!world.answer.availabilities[2].found);
    EXPECT_SLICE(world.answer.availabilities[3].sku->sku_id, S("A"));
    query.demand.channel = S("phone");
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_EQ(world.answer.availabilities[0].available, 2);
    EXPECT(!world.answer.availabilities[0].sellable);
    world_close(&world);
}

TEST(read, owners_holds_come_in_order_of_creation_before_and_after_a_restart)
{
    struct world world;
    const struct inventory_hold_line line = {.sku_id = S("A"), .quantity = 1};
    struct inventory_command command = world_hold_command(&line, 1);
    struct inventory_query query = {
        .kind = INVENTORY_QUERY_HOLD_LIST, .owner = S("ann"), .page_size = 2};
    struct inventory_hold_id ids[5];
    world_open(&world);
    world_stock(&world, "A", "L1", 9);
    command.hold_create.owner = S("ann");
    command.hold_create.owner_holds_max = 10;
    for (int i = 0; i < 5; i++) {
        ids[i] = world_apply(&world, command)->hold.hold_id;
    }
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_RELEASE, ids[1])->status);
    for (int round = 0; round < 2; round++) {
        int seen = 0;
        query.page_token = slice_of(NULL, 0);
        do {
            EXPECT_OK(world_read(&world, query)->status);
            for (uint32_t i = 0; i < world.answer.hold_count; i++) {
                EXPECT(world.answer.holds[i].hold_id.unique == ids[seen++].unique);
            }
            query.page_token = world.answer.next_page_token;
        } while (query.page_token.size > 0);
        EXPECT_EQ(seen, 5);
        world_reload(&world);
    }
    world_close(&world);
}

TEST(read, movements_of_a_sku_come_newest_first_from_memory_and_store)
{
    struct world world;
    const struct slice sku = S("A"), location = S("L2");
    struct inventory_query query = {.kind = INVENTORY_QUERY_MOVEMENTS,
                                    .sku_ids = &sku,
                                    .sku_count = 1,
                                    .page_size = 3};
    int64_t wanted = 20;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    world_stock(&world, "B", "L1", 1);
    for (int i = 2; i <= 20; i++) {
        EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
        EXPECT_OK(world_adjust(&world, "B", "L1", 1)->status);
        if (i == 10) {
            world_flush(&world);
        }
    }
    do {
        EXPECT_OK(world_read(&world, query)->status);
        for (uint32_t i = 0; i < world.answer.movement_count; i++, wanted--) {
            const struct inventory_movement *movement = &world.answer.movements[i];
            EXPECT_SLICE(movement->sku_id, sku);
            EXPECT_EQ(movement->after[STOCK_BUCKET_ON_HAND], wanted);
            EXPECT_EQ(movement->sequence, wanted);
            EXPECT(movement->request_low != 0);
        }
        query.page_token = world.answer.next_page_token;
    } while (query.page_token.size > 0);
    EXPECT_EQ(wanted, 0);
    query.location_ids = &location;
    query.location_count = 1;
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_EQ(world.answer.movement_count, 0);
    world_close(&world);
}

TEST(read, what_was_collected_stays_readable_until_it_is_written)
{
    struct world world;
    struct store_batch batch;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    store_batch_init(&batch);
    inventory_collect(world.inventory, &batch);
    EXPECT_OK(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_LEDGER})
                  ->status);
    EXPECT_EQ(world.answer.movement_count, 1);
    EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
    EXPECT_OK(store_write(world.store, &batch));
    store_batch_close(&batch);
    inventory_flushed(world.inventory, world.index - 1);
    EXPECT_OK(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_LEDGER})
                  ->status);
    EXPECT_EQ(world.answer.movement_count, 2);
    world_close(&world);
}

TEST(read, an_update_costs_one_state_row_however_often_it_is_repeated)
{
    struct world world;
    struct store_batch batch;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    world_flush(&world);
    for (int i = 0; i < 100; i++) {
        EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
    }
    EXPECT(inventory_dirty_bytes(world.inventory) > 0);
    store_batch_init(&batch);
    inventory_collect(world.inventory, &batch);
    /* The level, the part of request ids, the shard, and one block for each entry. */
    EXPECT_EQ(batch.change_count, 103);
    EXPECT_OK(store_write(world.store, &batch));
    store_batch_close(&batch);
    EXPECT_EQ(inventory_dirty_bytes(world.inventory), 0);
    inventory_flushed(world.inventory, world.index);
    world_close(&world);
}

TEST(read, a_due_hold_asks_for_a_tick_that_names_it)
{
    struct world world;
    const struct slice sku = S("A"), other = S("B");
    struct inventory_query level = {
        .kind = INVENTORY_QUERY_LEVEL_BATCH, .sku_ids = &sku, .sku_count = 1};
    struct inventory_query hold = {.kind = INVENTORY_QUERY_HOLD};
    struct inventory_command tick;
    int64_t due;
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    world_stock(&world, "B", "L1", 5);
    EXPECT_EQ(inventory_next_due(world.inventory), INT64_MAX);
    hold.hold_id = world_hold(&world, "A", "L1", 2)->hold.hold_id;
    due = world.last.hold.expire_ms;
    EXPECT_EQ(inventory_next_due(world.inventory), due);
    EXPECT(!inventory_tick_wanted(world.inventory, due - 1, &tick));
    EXPECT(inventory_tick_wanted(world.inventory, due, &tick));
    EXPECT(!inventory_query_due(world.inventory, &level, due - 1, &world.arena, &tick));
    EXPECT(inventory_query_due(world.inventory, &hold, due, &world.arena, &tick));
    EXPECT_EQ(tick.tick.hold_count, 1);
    EXPECT(inventory_query_due(world.inventory, &level, due, &world.arena, &tick));
    EXPECT_EQ(tick.tick.sku_count, 1);
    level.sku_ids = &other;
    {
        struct inventory_command none;
        EXPECT(!inventory_query_due(world.inventory, &level, due, &world.arena, &none));
    }
    world.now_ms = due;
    EXPECT_OK(world_apply(&world, tick)->status);
    EXPECT_EQ(world_level(&world, "A", "L1").available, 5);
    EXPECT_OK(world_read(&world, hold)->status);
    EXPECT_EQ(world.answer.holds[0].state, HOLD_STATE_EXPIRED);
    world_close(&world);
}

TEST(read, log_time_never_goes_back)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    world.now_ms -= 5000;
    EXPECT_OK(world_hold(&world, "A", "L1", 1)->status);
    EXPECT_EQ(world.last.hold.create_ms, WORLD_START_MS);
    EXPECT_EQ(inventory_log_ms(world.inventory), WORLD_START_MS);
    world_close(&world);
}

TEST(read, damaged_or_newer_rows_stop_the_load)
{
    struct world world;
    struct inventory *damaged;
    struct store_batch batch;
    struct buffer key;
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    world_flush(&world);
    for (int round = 0; round < 2; round++) {
        const uint8_t value[] = {(uint8_t)(round == 0 ? 1 : 9), 7};
        buffer_init(&key);
        key_append_state(&key, &(struct key_state){.table = KEY_TABLE_SKU,
                                                   .kind = 1,
                                                   .hash = key_hash(S("A"), 42),
                                                   .id = S("A")});
        store_batch_init(&batch);
        store_batch_put(&batch, buffer_slice(&key), slice_of(value, sizeof value));
        EXPECT_OK(store_write(world.store, &batch));
        store_batch_close(&batch);
        buffer_close(&key);
        damaged = inventory_new(&world.options);
        EXPECT_STATUS(inventory_load(damaged),
                      round == 0 ? STATUS_CHECKSUM : STATUS_VERSION);
        inventory_free(damaged);
    }
    EXPECT_OK(world_apply(&world, world_sku_command("A"))->status); /* heals the row */
    world_close(&world);
}

/* --- The ledger of all SKUs, and its filters -------------------------------------------- */

static void ledger_world(struct world *world)
{
    struct inventory_command command;
    world_open(world);
    for (int i = 0; i < 60; i++) {
        char sku[8], reference[8];
        snprintf(sku, sizeof sku, "S%d", i % 7);
        snprintf(reference, sizeof reference, "PO-%d", i % 5);
        world_sku(world, sku);
        world_location(world, i % 2 ? "L1" : "L2");
        command = world_adjust_command(sku, i % 2 ? "L1" : "L2", 1 + i);
        command.stock_adjust.reference = S(reference);
        world->now_ms += 1000;
        EXPECT_OK(world_apply(world, command)->status);
        if (i == 20 || i == 40) {
            world_flush(world);
        }
    }
}

/* Every page of the query; the movements seen. */
static uint32_t ledger_count(struct world *world, struct inventory_query query)
{
    uint32_t count = 0;
    do {
        EXPECT_OK(world_read(world, query)->status);
        count += world->answer.movement_count;
        query.page_token = world->answer.next_page_token;
    } while (query.page_token.size > 0);
    return count;
}

TEST(read, the_ledger_is_filtered_by_location_time_and_reference)
{
    struct world world;
    struct slice location = S("L1"), sku = S("S3");
    struct inventory_query query = {.kind = INVENTORY_QUERY_LEDGER, .page_size = 7};
    int64_t start_ms;
    ledger_world(&world);
    start_ms = world.now_ms - 59 * 1000; /* of the first movement */
    EXPECT_EQ(ledger_count(&world, query), 60);
    query.location_ids = &location;
    query.location_count = 1;
    EXPECT_EQ(ledger_count(&world, query), 30);
    query.wanted.reference = S("PO-3");
    EXPECT_EQ(ledger_count(&world, query), 6); /* odd, and 3 modulo 5 */
    query.location_count = 0;
    EXPECT_EQ(ledger_count(&world, query), 12);
    query.wanted.reference = S("PO-");
    EXPECT_EQ(ledger_count(&world, query), 0);
    query.wanted.reference = S("");
    for (int i = 0; i <= 60; i++) { /* in the store, at its end, in memory */
        query.wanted.start_ms = start_ms + i * 1000;
        query.wanted.end_ms = 0;
        EXPECT_EQ(ledger_count(&world, query), 60 - i);
        query.wanted.end_ms = query.wanted.start_ms + 10 * 1000;
        EXPECT_EQ(ledger_count(&world, query), i <= 50 ? 10 : 60 - i);
        query.wanted.start_ms -= 1;
        EXPECT_EQ(ledger_count(&world, query), i <= 50 ? 10 : 60 - i);
    }
    query = (struct inventory_query){.kind = INVENTORY_QUERY_MOVEMENTS,
                                     .sku_ids = &sku,
                                     .sku_count = 1,
                                     .page_size = 2};
    EXPECT_EQ(ledger_count(&world, query), 9);
    query.wanted.start_ms = start_ms + 10 * 1000;
    EXPECT_EQ(ledger_count(&world, query), 8);
    query.wanted.end_ms = start_ms + 17 * 1000 + 1;
    EXPECT_EQ(ledger_count(&world, query), 2);
    query.wanted.reference = S("PO-2");
    EXPECT_EQ(ledger_count(&world, query), 1); /* 17 */
    world_close(&world);
}

TEST(read, after_a_restart_the_ledger_is_found_by_time_as_before)
{
    struct world world;
    struct inventory_query query = {.kind = INVENTORY_QUERY_LEDGER, .page_size = 50};
    ledger_world(&world);
    world_reload(&world);
    query.wanted.start_ms = world.now_ms - 9 * 1000;
    EXPECT_EQ(ledger_count(&world, query), 10);
    query.wanted.start_ms = world.now_ms + 1;
    EXPECT_EQ(ledger_count(&world, query), 0);
    query.wanted = (struct inventory_movements_wanted){.end_ms = 1};
    EXPECT_EQ(ledger_count(&world, query), 0);
    world_close(&world);
}
