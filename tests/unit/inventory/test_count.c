/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static struct inventory_command start_command(const char *count_id,
                                              const char *location_id)
{
    struct inventory_command command = {.kind = INVENTORY_COUNT_START};
    command.count_start.count_id = S(count_id);
    command.count_start.location_id = S(location_id);
    return command;
}

static struct inventory_command submit_command(const char *count_id,
                                               const struct inventory_count_line *line)
{
    struct inventory_command command = {.kind = INVENTORY_COUNT_SUBMIT};
    command.count_submit.count_id = S(count_id);
    command.count_submit.lines = line;
    command.count_submit.line_count = 1;
    return command;
}

static struct inventory_command close_command(const char *count_id, bool discard)
{
    struct inventory_command command = {.kind = INVENTORY_COUNT_CLOSE};
    command.count_close.count_id = S(count_id);
    command.count_close.discard = discard;
    return command;
}

static enum status submit(struct world *world, const char *sku_id, int64_t counted)
{
    const struct inventory_count_line line = {S(sku_id), counted};
    return world_apply(world, submit_command("C", &line))->status;
}

static int64_t on_hand(struct world *world, const char *sku_id)
{
    return world_bucket(world, sku_id, STOCK_BUCKET_ON_HAND);
}

/* 10 of A and 20 of B at L1, and a count C that has begun. */
static void count_world(struct world *world)
{
    world_open(world);
    world_stock(world, "A", "L1", 10);
    world_stock(world, "B", "L1", 20);
    EXPECT_OK(world_apply(world, start_command("C", "L1"))->status);
    EXPECT(world->last.created && world->last.has_count);
}

TEST(count, what_is_sold_during_a_count_stays_sold)
{
    struct world world;
    struct inventory_hold_id id;
    struct slice sku = S("A");
    count_world(&world);
    id = world_hold(&world, "A", "L1", 3)->hold.hold_id;
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_COMMIT, id)->status);
    EXPECT_OK(world_change(&world, INVENTORY_HOLD_FULFIL, id)->status);
    EXPECT_EQ(on_hand(&world, "A"), 7);
    EXPECT_OK(submit(&world, "A", 8)); /* of the 10 that stood there: 2 are missing */
    EXPECT_OK(submit(&world, "B", 20));
    EXPECT_EQ(world.last.count.lines, 2);
    EXPECT_OK(world_adjust(&world, "A", "L1", 100)->status); /* a delivery */
    EXPECT_OK(world_apply(&world, close_command("C", false))->status);
    EXPECT_EQ(world.last.count.lines, 2);
    EXPECT_EQ(world.last.count.changed, 1);
    EXPECT_EQ(world.last.count.lost, 2);
    EXPECT_EQ(world.last.count.found, 0);
    EXPECT_EQ(on_hand(&world, "A"), 105);
    EXPECT_EQ(on_hand(&world, "B"), 20);
    world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_MOVEMENTS,
                                                .sku_ids = &sku,
                                                .sku_count = 1});
    EXPECT_EQ(world.answer.movements[0].reason, STOCK_REASON_COUNT);
    EXPECT_SLICE(world.answer.movements[0].reference, S("C"));
    world_close(&world);
}

TEST(count, at_submit_compares_with_what_was_there_when_it_was_counted)
{
    struct world world;
    struct inventory_command start = start_command("C", "L1");
    start.count_start.at_submit = true;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(world_apply(&world, start)->status);
    EXPECT_OK(world_adjust(&world, "A", "L1", -3)->status);
    EXPECT_OK(submit(&world, "A", 6)); /* of 7 */
    EXPECT_OK(world_adjust(&world, "A", "L1", -2)->status);
    world_reload(&world);
    EXPECT_OK(world_apply(&world, close_command("C", false))->status);
    EXPECT_EQ(on_hand(&world, "A"), 4);
    world_close(&world);
}

TEST(count, a_level_never_written_is_counted_from_0)
{
    struct world world;
    count_world(&world);
    world_sku(&world, "NEW");
    EXPECT_OK(submit(&world, "NEW", 4));
    EXPECT_OK(world_apply(&world, close_command("C", false))->status);
    EXPECT_EQ(world.last.count.found, 4);
    EXPECT_EQ(on_hand(&world, "NEW"), 4);
    world_close(&world);
}

TEST(count, survives_a_restart_with_what_it_has_frozen)
{
    struct world world;
    count_world(&world);
    EXPECT_OK(world_adjust(&world, "A", "L1", -4)->status); /* frozen at 10 */
    EXPECT_OK(submit(&world, "B", 25));
    world_reload(&world);
    EXPECT_OK(world_adjust(&world, "A", "L1", -1)->status);
    EXPECT_OK(submit(&world, "A", 9));
    world_flush(&world);
    EXPECT_OK(submit(&world, "A", 12)); /* counted again */
    world_reload(&world);
    EXPECT_OK(world_apply(&world, close_command("C", false))->status);
    EXPECT_EQ(on_hand(&world, "A"), 7);
    EXPECT_EQ(on_hand(&world, "B"), 25);
    world_reload(&world);
    EXPECT_STATUS(world_apply(&world, close_command("C", false))->status,
                  STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(count, one_is_open_at_a_location_and_starting_it_again_is_the_same)
{
    struct world world;
    struct inventory_command other = start_command("C", "L1");
    count_world(&world);
    world_location(&world, "L2");
    EXPECT_OK(world_apply(&world, start_command("C", "L1"))->status);
    EXPECT(!world.last.created);
    EXPECT_STATUS(world_apply(&world, start_command("D", "L1"))->status,
                  STATUS_ALREADY_EXISTS);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_LOCATION_ID);
    EXPECT_STATUS(world_apply(&world, start_command("C", "L2"))->status,
                  STATUS_ALREADY_EXISTS);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_COUNT_ID);
    other.count_start.at_submit = true;
    EXPECT_STATUS(world_apply(&world, other)->status, STATUS_ALREADY_EXISTS);
    EXPECT_OK(world_apply(&world, start_command("D", "L2"))->status);
    EXPECT_OK(world_apply(&world, close_command("C", true))->status);
    EXPECT_OK(world_apply(&world, start_command("C", "L1"))->status);
    EXPECT(world.last.created);
    world_close(&world);
}

TEST(count, discarded_leaves_every_level_as_it_is)
{
    struct world world;
    count_world(&world);
    EXPECT_OK(submit(&world, "A", 3));
    EXPECT_OK(world_apply(&world, close_command("C", true))->status);
    EXPECT_EQ(world.last.count.changed, 0);
    EXPECT_EQ(on_hand(&world, "A"), 10);
    world_close(&world);
}

TEST(count, never_makes_a_bucket_negative_nor_passes_an_int64)
{
    struct world world;
    count_world(&world);
    EXPECT_OK(world_adjust(&world, "A", "L1", -8)->status);
    EXPECT_OK(submit(&world, "A", 1)); /* 9 are missing, and 2 are left */
    EXPECT_OK(world_adjust(&world, "B", "L1", INT64_MAX - 25)->status);
    EXPECT_OK(submit(&world, "B", INT64_MAX));
    EXPECT_OK(world_apply(&world, close_command("C", false))->status);
    EXPECT_EQ(world.last.count.cut, 2);
    EXPECT_EQ(world.last.count.lost, 2);
    EXPECT_EQ(on_hand(&world, "A"), 0);
    EXPECT_EQ(on_hand(&world, "B"), INT64_MAX);
    world_close(&world);
}

TEST(count, a_sku_deleted_meanwhile_is_told_and_not_posted)
{
    struct world world;
    struct inventory_command remove = {.kind = INVENTORY_SKU_DELETE,
                                       .sku_delete.sku_id = S("A")};
    count_world(&world);
    EXPECT_OK(submit(&world, "A", 4));
    EXPECT_OK(world_adjust(&world, "A", "L1", -10)->status);
    EXPECT_OK(world_apply(&world, remove)->status);
    world_reload(&world);
    EXPECT_OK(world_apply(&world, close_command("C", false))->status);
    EXPECT_EQ(world.last.count.missing, 1);
    EXPECT_EQ(world.last.count.changed, 0);
    world_close(&world);
}

TEST(count, refuses_what_it_does_not_know_and_leaves_no_trace)
{
    struct world world;
    const struct inventory_count_line lines[] = {{S("A"), 1}, {S("GHOST"), 1}};
    struct inventory_command command = submit_command("C", lines);
    count_world(&world);
    command.count_submit.line_count = 2;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.last.line, 1);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_SKU_ID);
    EXPECT_STATUS(submit(&world, "A", -1), STATUS_INVALID);
    EXPECT_STATUS(submit(&world, "A", INT64_MIN), STATUS_INVALID);
    EXPECT_STATUS(submit(&world, "../A", 1), STATUS_INVALID);
    command.count_submit.line_count = 0;
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_INVALID);
    command = submit_command("D", lines);
    EXPECT_STATUS(world_apply(&world, command)->status, STATUS_NOT_FOUND);
    EXPECT_EQ(world.last.field, INVENTORY_FIELD_COUNT_ID);
    EXPECT_STATUS(world_apply(&world, start_command("", "L1"))->status, STATUS_INVALID);
    EXPECT_STATUS(world_apply(&world, start_command("E", "L9"))->status,
                  STATUS_NOT_FOUND);
    EXPECT_OK(world_apply(&world, close_command("C", false))->status);
    EXPECT_EQ(world.last.count.lines, 0);
    EXPECT_EQ(on_hand(&world, "A"), 10);
    world_close(&world);
}

TEST(count, each_step_is_done_once_and_answered_alike)
{
    struct world world;
    const struct inventory_count_line line = {S("A"), 4};
    struct inventory_command counted = submit_command("C", &line);
    struct inventory_command closed = close_command("C", false);
    count_world(&world);
    world_identify(&world, &counted);
    world_identify(&world, &closed);
    EXPECT_OK(world_apply(&world, counted)->status);
    EXPECT_OK(world_apply(&world, counted)->status);
    EXPECT(world.last.replayed);
    EXPECT_EQ(world.last.count.lines, 1);
    EXPECT_OK(world_apply(&world, closed)->status);
    world_reload(&world);
    EXPECT_OK(world_apply(&world, closed)->status);
    EXPECT(world.last.replayed);
    EXPECT_EQ(world.last.count.lost, 6);
    EXPECT_SLICE(world.last.count.location_id, S("L1"));
    EXPECT_EQ(on_hand(&world, "A"), 4);
    world_close(&world);
}

/* Whatever is sold, delivered and counted again: the end is what was there, plus what was
 * moved, plus what the last count found wrong. */
TEST(count, posts_the_difference_to_what_was_frozen_whatever_happens_meanwhile)
{
    struct world world;
    struct rng rng;
    rng_init(&rng, 3);
    world_open(&world);
    world_stock(&world, "A", "L1", 1000);
    for (int round = 0; round < 200; round++) {
        int64_t begun = on_hand(&world, "A"), now = begun, counted = -1;
        EXPECT_OK(world_apply(&world, start_command("C", "L1"))->status);
        for (int i = 0; i < 6; i++) {
            int64_t delta = (int64_t)rng_below(&rng, 40) - 20;
            if (rng_below(&rng, 3) == 0) {
                counted = begun + (int64_t)rng_below(&rng, 9) - 4;
                EXPECT_OK(submit(&world, "A", counted));
            } else if (delta != 0) {
                EXPECT_OK(world_adjust(&world, "A", "L1", delta)->status);
                now += delta;
            }
            if (rng_below(&rng, 10) == 0) {
                world_reload(&world);
            }
        }
        EXPECT_OK(world_apply(&world, close_command("C", false))->status);
        EXPECT_EQ(on_hand(&world, "A"), counted < 0 ? now : now + counted - begun);
        if (on_hand(&world, "A") < 500) {
            EXPECT_OK(world_adjust(&world, "A", "L1", 1000)->status);
        }
        arena_reset(&world.arena);
    }
    world_close(&world);
}
