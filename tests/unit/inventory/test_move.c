/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static struct inventory_command move_command(const char *from, enum stock_bucket bucket,
                                             const char *to, enum stock_bucket to_bucket,
                                             int64_t quantity)
{
    struct inventory_command command = {.kind = INVENTORY_STOCK_MOVE};
    command.stock_move = (struct inventory_stock_move){.sku_id = S("A"),
                                                       .location_id = S(from),
                                                       .bucket = bucket,
                                                       .to_location_id = S(to),
                                                       .to_bucket = to_bucket,
                                                       .quantity = quantity,
                                                       .reference = S("van 4")};
    return command;
}

static enum status move(struct world *world, const char *from, enum stock_bucket bucket,
                        const char *to, enum stock_bucket to_bucket, int64_t quantity)
{
    return world_apply(world, move_command(from, bucket, to, to_bucket, quantity))
        ->status;
}

static int64_t bucket_at(struct world *world, const char *location,
                         enum stock_bucket bucket)
{
    return world_level(world, "A", location).buckets[bucket];
}

static void move_world(struct world *world)
{
    world_open(world);
    world_location(world, "L2");
    world_stock(world, "A", "L1", 10);
}

TEST(move, between_locations_is_one_movement_of_both_levels)
{
    struct world world;
    const struct inventory_movement *movement;
    struct slice sku = S("A");
    move_world(&world);
    EXPECT_OK(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 4));
    EXPECT(world.last.has_level && world.last.has_level_to);
    EXPECT_EQ(world.last.level.buckets[STOCK_BUCKET_ON_HAND], 6);
    EXPECT_EQ(world.last.level_to.buckets[STOCK_BUCKET_ON_HAND], 4);
    EXPECT_SLICE(world.last.level_to.location_id, S("L2"));
    EXPECT_EQ(bucket_at(&world, "L1", STOCK_BUCKET_ON_HAND), 6);
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_ON_HAND), 4);
    world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_MOVEMENTS,
                                                .sku_ids = &sku,
                                                .sku_count = 1});
    EXPECT_EQ(world.answer.movement_count, 2); /* the opening stock and the move */
    movement = &world.answer.movements[0];
    EXPECT_EQ(movement->reason, STOCK_REASON_MOVE);
    EXPECT_SLICE(movement->reference, S("van 4"));
    EXPECT_SLICE(movement->location_id, S("L1"));
    EXPECT_EQ(movement->before[STOCK_BUCKET_ON_HAND], 10);
    EXPECT_EQ(movement->after[STOCK_BUCKET_ON_HAND], 6);
    EXPECT_SLICE(movement->to.location_id, S("L2"));
    EXPECT_EQ(movement->to.before[STOCK_BUCKET_ON_HAND], 0);
    EXPECT_EQ(movement->to.after[STOCK_BUCKET_ON_HAND], 4);
    world_close(&world);
}

TEST(move, units_set_apart_are_units_on_hand_and_take_their_condition_along)
{
    struct world world;
    move_world(&world);
    EXPECT_OK(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L1", STOCK_BUCKET_DAMAGED, 3));
    EXPECT(!world.last.has_level_to);
    EXPECT_EQ(bucket_at(&world, "L1", STOCK_BUCKET_ON_HAND), 10);
    EXPECT_EQ(bucket_at(&world, "L1", STOCK_BUCKET_DAMAGED), 3);
    EXPECT_EQ(world_level(&world, "A", "L1").available, 7);
    EXPECT_OK(
        move(&world, "L1", STOCK_BUCKET_DAMAGED, "L2", STOCK_BUCKET_QUALITY_CONTROL, 2));
    EXPECT_EQ(bucket_at(&world, "L1", STOCK_BUCKET_ON_HAND), 8);
    EXPECT_EQ(bucket_at(&world, "L1", STOCK_BUCKET_DAMAGED), 1);
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_ON_HAND), 2);
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_QUALITY_CONTROL), 2);
    EXPECT_EQ(world_level(&world, "A", "L2").available, 0);
    EXPECT_OK(
        move(&world, "L2", STOCK_BUCKET_QUALITY_CONTROL, "L2", STOCK_BUCKET_ON_HAND, 2));
    EXPECT_EQ(world_level(&world, "A", "L2").available, 2);
    world_close(&world);
}

TEST(move, a_transfer_goes_by_incoming_and_arrives)
{
    struct world world;
    move_world(&world);
    EXPECT_OK(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_INCOMING, 5));
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_ON_HAND), 0);
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_INCOMING), 5);
    EXPECT_STATUS(
        move(&world, "L2", STOCK_BUCKET_INCOMING, "L2", STOCK_BUCKET_ON_HAND, 6),
        STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].available, 5);
    EXPECT_OK(move(&world, "L2", STOCK_BUCKET_INCOMING, "L2", STOCK_BUCKET_ON_HAND, 5));
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_ON_HAND), 5);
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_INCOMING), 0);
    world_close(&world);
}

TEST(move, what_is_promised_does_not_leave_but_may_break)
{
    struct world world;
    move_world(&world);
    EXPECT_OK(world_hold(&world, "A", "L1", 8)->status);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 3),
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_QUANTITY);
    EXPECT_EQ(world.last.shortages[0].requested, 3);
    EXPECT_EQ(world.last.shortages[0].available, 2);
    EXPECT_STATUS(
        move(&world, "L1", STOCK_BUCKET_ON_HAND, "L1", STOCK_BUCKET_INCOMING, 3),
        STATUS_INSUFFICIENT_STOCK);
    EXPECT_OK(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 2));
    EXPECT_EQ(world_level(&world, "A", "L1").shortfall, 0);
    EXPECT_OK(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L1", STOCK_BUCKET_DAMAGED, 5));
    EXPECT_EQ(world_level(&world, "A", "L1").shortfall, 5);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L1", STOCK_BUCKET_DAMAGED, 4),
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.last.shortages[0].available, 3);
    world_close(&world);
}

/* The same command again, its request id included, after the level has moved on. */
TEST(move, is_done_once_and_answered_alike)
{
    struct world world;
    struct inventory_command command =
        move_command("L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 4);
    uint64_t etag;
    move_world(&world);
    world_identify(&world, &command);
    EXPECT_OK(world_apply(&world, command)->status);
    etag = world.last.level_to.etag;
    EXPECT_OK(world_adjust(&world, "A", "L2", 90)->status);
    world_reload(&world);
    EXPECT_OK(world_apply(&world, command)->status);
    EXPECT(world.last.replayed && world.last.has_level_to);
    EXPECT_EQ(world.last.level.buckets[STOCK_BUCKET_ON_HAND], 6);
    EXPECT_EQ(world.last.level_to.buckets[STOCK_BUCKET_ON_HAND], 4);
    EXPECT_EQ(world.last.level_to.etag, etag);
    EXPECT_SLICE(world.last.level_to.location_id, S("L2"));
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_ON_HAND), 94);
    command.stock_move.quantity = 5;
    command.identity.fingerprint = inventory_command_fingerprint(&command);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_REQUEST_ID_REUSED);
    world_close(&world);
}

TEST(move, past_the_end_of_int64_is_out_of_range_and_leaves_no_trace)
{
    struct world world;
    struct slice sku = S("A");
    uint32_t movements;
    move_world(&world);
    EXPECT_OK(world_adjust(&world, "A", "L2", INT64_MAX - 3)->status);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 4),
                  STATUS_QUANTITY_OVERFLOW);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_DAMAGED, 4),
                  STATUS_QUANTITY_OVERFLOW);
    EXPECT_STATUS(
        move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, INT64_MAX),
        STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(bucket_at(&world, "L1", STOCK_BUCKET_ON_HAND), 10);
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_ON_HAND), INT64_MAX - 3);
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_DAMAGED), 0);
    EXPECT_OK(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 3));
    EXPECT_EQ(bucket_at(&world, "L2", STOCK_BUCKET_ON_HAND), INT64_MAX);
    world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_MOVEMENTS,
                                                .sku_ids = &sku,
                                                .sku_count = 1});
    movements = world.answer.movement_count;
    EXPECT_EQ(movements, 3);
    world_close(&world);
}

TEST(move, bad_values_are_invalid_and_leave_no_trace)
{
    struct world world;
    struct inventory_command command;
    move_world(&world);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 0),
                  STATUS_INVALID);
    EXPECT_STATUS(
        move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, INT64_MIN),
        STATUS_INVALID);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L1", STOCK_BUCKET_ON_HAND, 1),
                  STATUS_INVALID);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_HELD, "L2", STOCK_BUCKET_ON_HAND, 1),
                  STATUS_INVALID);
    EXPECT_STATUS(
        move(&world, "L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_SAFETY_STOCK, 1),
        STATUS_INVALID);
    EXPECT_STATUS(move(&world, "L1", (enum stock_bucket)0, "L2", STOCK_BUCKET_ON_HAND, 1),
                  STATUS_INVALID);
    EXPECT_STATUS(
        move(&world, "L1", STOCK_BUCKET_ON_HAND, "../x", STOCK_BUCKET_ON_HAND, 1),
        STATUS_INVALID);
    command = move_command("L1", STOCK_BUCKET_ON_HAND, "L2", STOCK_BUCKET_ON_HAND, 1);
    command.stock_move.reason = STOCK_REASON_MOVE;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    EXPECT_STATUS(move(&world, "L1", STOCK_BUCKET_ON_HAND, "L9", STOCK_BUCKET_ON_HAND, 1),
                  STATUS_NOT_FOUND);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_TO_LOCATION_ID);
    EXPECT_STATUS(move(&world, "L9", STOCK_BUCKET_ON_HAND, "L1", STOCK_BUCKET_ON_HAND, 1),
                  STATUS_NOT_FOUND);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_LOCATION_ID);
    EXPECT_EQ(world_level(&world, "A", "L1").available, 10);
    world_close(&world);
}

__extension__ typedef __int128 units;

static units units_anywhere(struct world *world)
{
    static const char *const places[] = {"L1", "L2"};
    units sum = 0;
    for (int i = 0; i < 2; i++) {
        struct inventory_level level = world_level(world, "A", places[i]);
        sum += level.buckets[STOCK_BUCKET_ON_HAND];
        sum += level.buckets[STOCK_BUCKET_INCOMING];
    }
    return sum;
}

TEST(move, neither_makes_nor_loses_units_whatever_the_levels_hold)
{
    static const char *const places[] = {"L1", "L2"};
    struct world world;
    struct rng rng;
    int done = 0;
    rng_init(&rng, 17);
    move_world(&world);
    for (int i = 0; i < 4000; i++) {
        struct inventory_command set =
            world_set_command("A", places[rng_below(&rng, 2)], 0);
        units before;
        set.stock_set.mask = 1u << (1 + rng_below(&rng, 4));
        for (unsigned bucket = 1; bucket < STOCK_BUCKET_HELD; bucket++) {
            set.stock_set.buckets[bucket] =
                rng_below(&rng, 40) == 0 ? INT64_MAX : (int64_t)rng_below(&rng, 20);
        }
        EXPECT_OK(world_apply(&world, set)->status);
        before = units_anywhere(&world);
        if (move(&world, places[rng_below(&rng, 2)],
                 (enum stock_bucket)(1 + rng_below(&rng, 4)), places[rng_below(&rng, 2)],
                 (enum stock_bucket)(1 + rng_below(&rng, 4)),
                 1 + (int64_t)rng_below(&rng, 9)) == STATUS_OK) {
            done++;
        }
        EXPECT(units_anywhere(&world) == before);
        arena_reset(&world.arena);
    }
    EXPECT(done > 1000);
    world_close(&world);
}
