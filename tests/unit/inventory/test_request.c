/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

TEST(request, the_same_id_a_thousand_times_has_one_effect_and_one_answer)
{
    struct world world;
    struct inventory_command command = world_adjust_command("A", "L1", 5);
    struct inventory_level level;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    world_identify(&world, &command);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(!world.last.replayed);
    level = world.last.level;
    EXPECT_OK(world_adjust(&world, "A", "L1", 100)->status);
    for (int i = 0; i < 1000; i++) {
        world.now_ms += 7;
        EXPECT_OK(world_apply(&world, command)->status);
        EXPECT(world.last.replayed);
        EXPECT(memcmp(world.last.level.buckets, level.buckets, sizeof level.buckets) ==
               0);
        EXPECT(world.last.level.etag == level.etag);
        EXPECT_SLICE(world.last.level.sku_id, level.sku_id);
    }
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 115);
    world_close(&world);
}

TEST(request, the_same_id_with_another_payload_is_refused)
{
    struct world world;
    struct inventory_command command = world_adjust_command("A", "L1", 5);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    world_identify(&world, &command);
    EXPECT_OK(world_apply(&world, command)->status);
    command.stock_adjust.delta = 6;
    command.identity.fingerprint = inventory_command_fingerprint(&command);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_REQUEST_ID_REUSED);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 15);
    world_close(&world);
}

TEST(request, without_an_identity_nothing_is_done)
{
    struct world world;
    struct inventory_command command = world_adjust_command("A", "L1", 5);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    command.identity.kind = (enum inventory_identity_kind)9;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_REQUEST_ID_REQUIRED);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 10);
    world_close(&world);
}

TEST(request, a_refusal_is_remembered_too)
{
    struct world world;
    const struct inventory_hold_line line = {.sku_id = S("A"), .quantity = 11};
    struct inventory_command command = world_hold_command(&line, 1);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    world_identify(&world, &command);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_OK(world_adjust(&world, "A", "L1", 5)->status);
    world_reload(&world);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT(world.last.replayed);
    EXPECT_EQ(world.last.shortage_count, 1);
    EXPECT_EQ(world.last.shortages[0].available, 10);
    world_close(&world);
}

TEST(request, a_replayed_hold_is_whole_even_after_a_restart)
{
    struct world world;
    const struct inventory_hold_line lines[] = {
        {.sku_id = S("A"), .quantity = 4},
        {.sku_id = S("A"), .location_id = S("L1"), .quantity = 20}};
    struct inventory_command command = world_hold_command(lines, 2);
    struct inventory_hold_id id;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    world_stock(&world, "A", "L2", 10);
    command.hold_create.mode = HOLD_MODE_BEST_EFFORT;
    command.hold_create.owner = S("ann");
    command.hold_create.reference = S("cart 7");
    world_identify(&world, &command);
    id = world_apply(&world, command)->hold.hold_id;
    world.now_ms += 2 * WORLD_TTL_MS;
    world_reload(&world);
    command.hold_create.nonce++; /* the edge mints another one at a retry */
    command.hold_create.owner_holds_max++;
    EXPECT(inventory_command_fingerprint(&command) == command.identity.fingerprint);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.replayed);
    EXPECT_EQ(world.last.hold.state, HOLD_STATE_HELD); /* as it was answered */
    EXPECT(world.last.hold.hold_id.unique == id.unique);
    EXPECT_SLICE(world.last.hold.owner, S("ann"));
    EXPECT_SLICE(world.last.hold.reference, S("cart 7"));
    EXPECT_SLICE(world.last.hold.lines[0].location_id, S("L2"));
    EXPECT_EQ(world.last.hold.lines[0].granted, 4);
    EXPECT_EQ(world.last.hold.lines[1].granted, 10);
    EXPECT_EQ(world.last.hold.lines[1].quantity, 20);
    world_close(&world);
}

TEST(request, ids_are_kept_a_day_and_then_refused_for_ever)
{
    struct world world;
    struct inventory_command command = world_adjust_command("A", "L1", 5);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    world_identify(&world, &command);
    EXPECT_OK(world_apply(&world, command)->status);
    world.now_ms += INVENTORY_REQUEST_KEEP_AIM_MS - 1;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.replayed);
    world.now_ms++;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_REQUEST_ID_EXPIRED);
    EXPECT_EQ(inventory_request_floor_ms(world.inventory), WORLD_START_MS);
    world_reload(&world);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_REQUEST_ID_EXPIRED);
    world_identify(&world, &command);
    command.identity.request_ms = WORLD_START_MS; /* unknown, but at the floor */
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_REQUEST_ID_EXPIRED);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 15);
    world_close(&world);
}

TEST(request, full_memory_refuses_before_append_and_frees_after_ten_minutes)
{
    struct world world;
    struct inventory_command tick;
    world_open(&world);
    inventory_free(world.inventory);
    world.options.request_memory_max_bytes = 200000;
    world.inventory = inventory_new(&world.options);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(inventory_room(world.inventory));
    while (inventory_room(world.inventory) == STATUS_OK) {
        EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
    }
    EXPECT_STATUS(inventory_room(world.inventory), STATUS_OVERLOADED);
    EXPECT(!inventory_tick_wanted(world.inventory, world.now_ms + 599999, &tick));
    world.now_ms += INVENTORY_REQUEST_KEEP_LEAST_MS;
    EXPECT(inventory_tick_wanted(world.inventory, world.now_ms, &tick));
    EXPECT_OK(world_apply(&world, tick)->status);
    EXPECT_OK(inventory_room(world.inventory));
    EXPECT_EQ(inventory_request_floor_ms(world.inventory), WORLD_START_MS);
    world_close(&world);
}

TEST(request, a_floor_asked_for_too_early_moves_nothing)
{
    struct world world;
    struct inventory_command tick = {.kind = INVENTORY_TICK};
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    tick.tick.floor_ms = INT64_MAX;
    world.now_ms += INVENTORY_REQUEST_KEEP_LEAST_MS - 1;
    EXPECT_OK(world_apply(&world, tick)->status);
    EXPECT_EQ(inventory_request_floor_ms(world.inventory), 0);
    world.now_ms++;
    EXPECT_OK(world_apply(&world, tick)->status);
    EXPECT_EQ(inventory_request_floor_ms(world.inventory), WORLD_START_MS);
    world_close(&world);
}

TEST(request, a_sealed_request_is_cancelled_for_ever)
{
    struct world world;
    struct inventory_command command = world_adjust_command("A", "L1", 5);
    struct inventory_command seal = {.kind = INVENTORY_REQUEST_SEAL};
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    world_identify(&world, &command);
    seal.identity = command.identity;
    seal.identity.fingerprint = 0;
    EXPECT_STATUS(world_apply(&world, seal)->status, STATUS_CANCELLED);
    EXPECT(!world.last.replayed);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_CANCELLED);
    command.identity.attempt = 5;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_CANCELLED);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 10);
    world_identify(&world, &command);
    EXPECT_OK(world_apply(&world, command)->status);
    seal.identity = command.identity;
    EXPECT_OK(world_apply(&world, seal)->status);
    EXPECT(world.last.replayed);
    world_close(&world);
}

TEST(request, a_refusal_of_the_range_is_not_remembered)
{
    struct world world;
    struct inventory_command command;
    uint64_t hash = 0;
    char id[2] = "A";
    /* A SKU in the lower half of the keyspace, and one in the upper. */
    const char *low = NULL, *high = NULL;
    static char names[26][2];
    for (int i = 0; i < 26; i++) {
        id[0] = (char)('A' + i);
        memcpy(names[i], id, 2);
        hash = key_hash(S(id), 42);
        if (hash >> 63) {
            high = names[i];
        } else {
            low = names[i];
        }
    }
    EXPECT(low != NULL && high != NULL);
    world_open_range(&world, (struct key_range){0, 1ull << 63});
    world_sku(&world, low);
    command = world_sku_command(high);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_EPOCH_CHANGED);
    {
        const struct inventory_hold_line lines[] = {{.sku_id = S(low), .quantity = 1},
                                                    {.sku_id = S(high), .quantity = 1}};
        EXPECT_STATUS(world_apply(&world, world_hold_command(lines, 2))->status,
                      STATUS_MULTI_SHARD_HOLD);
        EXPECT_STATUS(world_apply(&world, world_hold_command(lines + 1, 1))->status,
                      STATUS_EPOCH_CHANGED);
    }
    EXPECT_EQ(
        world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_COUNTERS})
            ->counters.requests,
        1);
    world_close(&world);
}

/* --- Import lanes --------------------------------------------------------------------------- */

static struct inventory_command import_line(uint64_t line, uint64_t prev, int64_t delta)
{
    struct inventory_command command = world_adjust_command("A", "L1", delta);
    command.identity = (struct inventory_identity){.kind = INVENTORY_IDENTITY_IMPORT,
                                                   .import_id = {1, 2},
                                                   .line = line,
                                                   .prev_line = prev,
                                                   .imports_max = 1,
                                                   .imports_refused_max = 2};
    return command;
}

TEST(import, a_line_counts_once_even_after_eight_days_and_a_restart)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(world_apply(&world, import_line(3, 0, 5))->status);
    EXPECT(!world.last.duplicate && world.last.has_level);
    world.now_ms += 8ll * 86400000;
    world_reload(&world);
    EXPECT_OK(world_apply(&world, import_line(3, 0, 5))->status);
    EXPECT(world.last.duplicate && !world.last.has_level);
    EXPECT_OK(world_apply(&world, import_line(2, 0, 5))->status);
    EXPECT(world.last.duplicate);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 15);
    world_close(&world);
}

TEST(import, a_refused_line_is_taken_once_its_cause_is_gone_and_then_never_again)
{
    struct world world;
    struct inventory_command command = world_adjust_command("NEW", "L1", 4);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    command.identity = import_line(2, 0, 1).identity;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_NOT_FOUND);
    EXPECT_OK(world_apply(&world, import_line(3, 2, 5))->status);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_NOT_FOUND);
    EXPECT(!world.last.duplicate);
    world_reload(&world);
    world_sku(&world, "NEW");
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(!world.last.duplicate);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.duplicate);
    world_reload(&world);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.duplicate);
    EXPECT_OK(world_apply(&world, import_line(3, 2, 5))->status);
    EXPECT(world.last.duplicate);
    EXPECT_EQ(world_bucket(&world, "NEW", STOCK_BUCKET_ON_HAND), 4);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 15);
    world_close(&world);
}

TEST(import, more_refused_lines_than_are_remembered_stop_the_import_and_lose_none)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_STATUS(world_apply(&world, import_line(1, 0, -100))->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_STATUS(world_apply(&world, import_line(2, 1, -100))->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_STATUS(world_apply(&world, import_line(3, 2, -100))->status,
                  STATUS_QUANTITY_LIMIT);
    EXPECT_STATUS(world_apply(&world, import_line(4, 3, 1))->status, STATUS_SEQUENCE_GAP);
    EXPECT_EQ(
        world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_COUNTERS})
            ->counters.imports_refused,
        2);
    world_stock(&world, "A", "L1", 1000);
    EXPECT_OK(world_apply(&world, import_line(1, 0, -100))->status);
    EXPECT_OK(world_apply(&world, import_line(2, 1, -100))->status);
    EXPECT_OK(world_apply(&world, import_line(3, 2, -100))->status);
    EXPECT(!world.last.duplicate);
    EXPECT_OK(world_apply(&world, import_line(4, 3, 1))->status);
    world_close(&world);
}

TEST(import, a_gap_names_the_last_line_and_a_refused_line_advances)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(world_apply(&world, import_line(3, 0, 5))->status);
    EXPECT_STATUS(world_apply(&world, import_line(9, 7, 5))->status, STATUS_SEQUENCE_GAP);
    EXPECT_EQ(world.last.expected_line, 3);
    EXPECT_STATUS(world_apply(&world, import_line(7, 3, -100))->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_OK(world_apply(&world, import_line(9, 7, 5))->status);
    EXPECT(!world.last.duplicate);
    EXPECT_STATUS(world_apply(&world, import_line(7, 3, -100))->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 20);
    world_close(&world);
}

TEST(import, lanes_have_a_limit)
{
    struct world world;
    struct inventory_command command = import_line(1, 0, 5);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(world_apply(&world, command)->status);
    command.identity.import_id.low++;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_QUANTITY_LIMIT);
    command.identity.imports_max = 2;
    EXPECT_OK(world_apply(&world, command)->status);
    command.identity.line = 1;
    command.identity.prev_line = 1;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    world_close(&world);
}
