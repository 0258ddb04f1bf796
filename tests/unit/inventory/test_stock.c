/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

TEST(stock, an_adjustment_adds_to_one_bucket_and_answers_the_level)
{
    struct world world;
    struct inventory_command command = world_adjust_command("A", "L1", 4);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(world_adjust(&world, "A", "L1", -3)->status);
    EXPECT_EQ(world.last.level.buckets[STOCK_BUCKET_ON_HAND], 7);
    command.stock_adjust.bucket = STOCK_BUCKET_DAMAGED;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.level.available, 3);
    command.stock_adjust.bucket = STOCK_BUCKET_INCOMING;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.level.available, 3);
    command.stock_adjust.bucket = STOCK_BUCKET_SAFETY_STOCK;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT_EQ(world.last.level.available, -1);
    world_close(&world);
}

TEST(stock, no_bucket_is_ever_negative)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_STATUS(world_adjust(&world, "A", "L1", -11)->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].requested, 11);
    EXPECT_EQ(world.last.shortages[0].available, 10);
    EXPECT_STATUS(world_adjust(&world, "A", "L1", INT64_MIN)->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].requested, INT64_MAX);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 10);
    world_close(&world);
}

TEST(stock, an_overflow_is_refused_and_changes_nothing)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_STATUS(world_adjust(&world, "A", "L1", INT64_MAX - 9)->status,
                  STATUS_QUANTITY_OVERFLOW);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 10);
    EXPECT_OK(world_adjust(&world, "A", "L1", INT64_MAX - 10)->status);
    EXPECT_STATUS(world_adjust(&world, "A", "L1", 1)->status, STATUS_QUANTITY_OVERFLOW);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), INT64_MAX);
    world_close(&world);
}

TEST(stock, bad_values_are_invalid_and_leave_no_trace)
{
    struct world world;
    struct inventory_command command = world_adjust_command("A", "L1", 0);
    char long_id[200];
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = world_set_command("A", "L1", -1);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = world_set_command("A", "L1", 1);
    command.stock_set.mask = 1u << STOCK_BUCKET_HELD;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = world_adjust_command("A", "L1", 1);
    command.stock_adjust.reason = STOCK_REASON_HOLD;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = world_adjust_command("A", "L1", 1);
    command.stock_adjust.bucket = STOCK_BUCKET_COMMITTED;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = world_adjust_command("A", "L1", 1);
    command.stock_adjust.reference = S("\xff\xfe");
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    memset(long_id, 'x', sizeof long_id);
    command.stock_adjust.reference = slice_of("", 0);
    command.stock_adjust.sku_id = slice_of(long_id, sizeof long_id);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    EXPECT_STATUS(world_hold(&world, "A", "L1", 0)->status, STATUS_INVALID);
    EXPECT_STATUS(world_hold(&world, "A", "L1", -5)->status, STATUS_INVALID);
    EXPECT_STATUS(world_hold(&world, "../A", "L1", 1)->status, STATUS_INVALID);
    EXPECT_EQ(world_level(&world, "A", "L1").available, 10);
    world_close(&world);
}

TEST(stock, more_lines_than_the_limit_are_invalid)
{
    struct world world;
    struct inventory_hold_line lines[3] = {{.sku_id = S("A"), .quantity = 1},
                                           {.sku_id = S("A"), .quantity = 1},
                                           {.sku_id = S("A"), .quantity = 1}};
    struct inventory_command command = world_hold_command(lines, 3);
    struct problem problem;
    command.hold_create.lines_max = 2;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command.hold_create.lines_max = 3;
    lines[2].quantity = 0;
    EXPECT_STATUS(inventory_command_check(&command, &problem), STATUS_INVALID);
    EXPECT_STRING(problem.field, "lines[2].quantity");
    world_close(&world);
}

TEST(stock, set_compares_with_on_hand_or_etag)
{
    struct world world;
    struct inventory_command command = world_set_command("A", "L1", 5);
    uint64_t etag;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    etag = world.last.etag;
    command.stock_set.has_expected_on_hand = true;
    command.stock_set.expected_on_hand = 9;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_STOCK_COMPARE_FAILED);
    EXPECT_EQ(world.last.level.buckets[STOCK_BUCKET_ON_HAND], 10);
    command.stock_set.expected_on_hand = 10;
    command.stock_set.etag = etag;
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.etag != etag);
    command.stock_set.expected_on_hand = 5;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_ETAG_MISMATCH);
    EXPECT(world.last.has_level);
    world_close(&world);
}

TEST(stock, setting_what_is_there_already_writes_no_movement)
{
    struct world world;
    uint64_t etag;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    etag = world.last.etag;
    EXPECT_OK(world_apply(&world, world_set_command("A", "L1", 10))->status);
    EXPECT(world.last.etag == etag);
    EXPECT_EQ(
        world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_COUNTERS})
            ->counters.movements,
        1);
    world_close(&world);
}

TEST(stock, counts_may_raise_shortfall_and_grants_never_do)
{
    struct world world;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(world_hold(&world, "A", "L1", 8)->status);
    EXPECT_OK(world_apply(&world, world_set_command("A", "L1", 3))->status);
    EXPECT_EQ(world.last.level.shortfall, 5);
    EXPECT_EQ(world.last.level.available, -5);
    EXPECT_STATUS(world_hold(&world, "A", "L1", 1)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].available, 0);
    world_close(&world);
}

TEST(stock, damage_is_no_shortfall_while_nothing_is_promised)
{
    struct world world;
    struct inventory_command damage = world_adjust_command("A", "L1", 9);
    struct inventory_hold_id id;
    world_open(&world);
    world_stock(&world, "A", "L1", 4);
    damage.stock_adjust.bucket = STOCK_BUCKET_DAMAGED;
    EXPECT_OK(world_apply(&world, damage)->status);
    EXPECT_EQ(world.last.level.available, -5);
    EXPECT_EQ(world.last.level.shortfall, 0);
    EXPECT_STATUS(world_hold(&world, "A", "L1", 1)->status, STATUS_INSUFFICIENT_STOCK);
    damage.stock_adjust.delta = -9;
    EXPECT_OK(world_apply(&world, damage)->status);
    id = world_hold(&world, "A", "L1", 1)->hold.hold_id;
    damage.stock_adjust.delta = 9;
    EXPECT_OK(world_apply(&world, damage)->status);
    EXPECT_EQ(world.last.level.shortfall, 6);
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_RELEASE, id)->status);
    EXPECT_EQ(world_level(&world, "A", "L1").shortfall, 0);
    world_close(&world);
}

static int64_t edge(struct rng *rng)
{
    static const int64_t edges[] = {0, 1, 2, INT64_MAX, INT64_MAX - 1, INT64_MAX / 2};
    return edges[rng_below(rng, sizeof edges / sizeof edges[0])];
}

TEST(stock, at_the_edges_of_int64_no_grant_raises_shortfall_and_nothing_wraps)
{
    struct world world;
    struct rng rng;
    rng_init(&rng, 77);
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    for (int i = 0; i < 3000; i++) {
        struct inventory_command command = world_set_command("A", "L1", edge(&rng));
        const struct inventory_hold_line lines[] = {
            {.sku_id = S("A"), .location_id = S("L1"), .quantity = edge(&rng)},
            {.sku_id = S("A"), .quantity = edge(&rng)}};
        int64_t before;
        for (int bucket = 2; bucket < STOCK_BUCKET_HELD; bucket++) {
            command.stock_set.mask |= 1u << bucket;
            command.stock_set.buckets[bucket] = rng_below(&rng, 3) == 0 ? edge(&rng) : 0;
        }
        EXPECT_OK(world_apply(&world, command)->status);
        before = world.last.level.shortfall;
        command = world_hold_command(lines, 1 + (uint32_t)rng_below(&rng, 2));
        command.hold_create.allow_backorder = rng_below(&rng, 2) == 0;
        command.hold_create.mode = (enum hold_mode)(1 + rng_below(&rng, 2));
        world_apply(&world, command);
        EXPECT(world_level(&world, "A", "L1").shortfall <= before ||
               world.last.status != STATUS_OK);
        if (world.last.status == STATUS_OK) {
            struct inventory_hold_id id = world.last.hold.hold_id;
            EXPECT_OK(world_change(&world, INVENTORY_HOLD_COMMIT, id)->status);
            if (rng_below(&rng, 2) == 0) {
                EXPECT_OK(world_change(&world, INVENTORY_HOLD_CANCEL, id)->status);
            }
        }
        for (int bucket = 1; bucket < STOCK_BUCKET_COUNT; bucket++) {
            EXPECT(world_bucket(&world, "A", (enum stock_bucket)bucket) >= 0);
        }
        arena_reset(&world.arena);
    }
    world_close(&world);
}
