/* SPDX-License-Identifier: Apache-2.0 */
/* Reads and time: holds that are due, and the TICK that expires them. */
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"

static const char *const place = "L";

static struct inventory_hold_id hold(struct shard_world *world, const char *sku_id,
                                     int64_t quantity, int64_t ttl_ms, uint64_t request)
{
    struct inventory_hold_line line = {.sku_id = slice_from_string(sku_id),
                                       .location_id = slice_from_string(place),
                                       .quantity = quantity};
    struct inventory_command command = world_hold(world, &line, ttl_ms, request);
    struct inventory_outcome outcome;
    EXPECT_OK(world_apply(world, &command, &outcome));
    return outcome.hold.hold_id;
}

static void ask_level(struct shard_world *world, struct world_call *call,
                      const struct slice *sku)
{
    world_call_init(call);
    call->query.kind = REPLICA_QUERY_INVENTORY;
    call->query.inventory = (struct inventory_query){
        .kind = INVENTORY_QUERY_LEVEL_LIST, .sku_ids = sku, .sku_count = 1};
    world_read(world, call, WORLD_SKU_SHARD);
}

static uint64_t applied_index(struct shard_world *world)
{
    struct replica_status status;
    replica_status(world_replica(world, WORLD_SKU_SHARD), &status);
    return status.applied_index;
}

TEST(reads, of_a_due_hold_wait_for_one_shared_tick)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    (void)hold(&world, "A", 2, 1000, 300);
    EXPECT_EQ(world_level(&world, "A").available, 3);
    world_pass_ms(&world, 1000);
    uint64_t before = applied_index(&world);
    struct slice sku = slice_from_string("A");
    struct world_call reads[3];
    for (unsigned i = 0; i < 3; i++) {
        ask_level(&world, &reads[i], &sku);
    }
    EXPECT(!world_finish(&world)); /* not answered from the state that is behind */
    world_run(&world);
    EXPECT_EQ(applied_index(&world), before + 1);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT(reads[i].done);
        EXPECT_OK(reads[i].call.status);
        EXPECT_EQ(reads[i].call.stamp.log_index, before + 1);
        EXPECT_EQ(reads[i].answer.inventory.levels[0].available, 5);
        world_call_close(&reads[i]);
    }
    world_close(&world);
}

TEST(reads, of_other_skus_do_not_wait)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    world_stock(&world, "B", 7);
    (void)hold(&world, "A", 2, 1000, 300);
    world_pass_ms(&world, 1000);
    struct slice sku = slice_from_string("B");
    struct world_call read;
    ask_level(&world, &read, &sku);
    EXPECT(world_finish(&world));
    EXPECT(read.done);
    EXPECT_EQ(read.answer.inventory.levels[0].available, 7);
    world_call_close(&read);
    world_close(&world);
}

TEST(reads, wait_for_no_tick_a_millisecond_before)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    (void)hold(&world, "A", 2, 1000, 300);
    world_pass_ms(&world, 999);
    struct slice sku = slice_from_string("A");
    struct world_call read;
    ask_level(&world, &read, &sku);
    EXPECT(world_finish(&world));
    EXPECT_EQ(read.answer.inventory.levels[0].available, 3);
    world_call_close(&read);
    world_close(&world);
}

TEST(reads, that_wait_end_at_their_deadline)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    (void)hold(&world, "A", 2, 1000, 300);
    world_pass_ms(&world, 1000);
    struct slice sku = slice_from_string("A");
    struct world_call read;
    ask_level(&world, &read, &sku);
    read.call.work.read.deadline_us = world.now.monotonic_us + 1000;
    EXPECT(world_collect(&world)); /* the TICK is on its way, and the disk is slow */
    world_pass_ms(&world, 5000);
    EXPECT(!world_collect(&world));
    EXPECT(world_finish(&world));
    EXPECT_STATUS(read.call.status, STATUS_OUTCOME_UNKNOWN);
    world_run(&world);
    world_call_close(&read);
    world_close(&world);
}

TEST(reads, are_not_needed_for_a_hold_to_expire)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    struct inventory_hold_id id = hold(&world, "A", 2, 1000, 300);
    uint64_t due_us = host_next_due_us(world.host, world.now);
    EXPECT(due_us <= world.now.monotonic_us + 1000000);
    uint64_t before = applied_index(&world);
    world_pass_ms(&world, 500);
    world_run(&world);
    EXPECT_EQ(applied_index(&world), before); /* nothing to do yet */
    world_pass_ms(&world, 500);
    world_run(&world);
    EXPECT_EQ(applied_index(&world), before + 1);
    struct world_call read;
    world_call_init(&read);
    read.query.kind = REPLICA_QUERY_INVENTORY;
    read.query.inventory =
        (struct inventory_query){.kind = INVENTORY_QUERY_HOLD, .hold_id = id};
    world_read(&world, &read, WORLD_SKU_SHARD);
    EXPECT(world_finish(&world));
    EXPECT_OK(read.call.status);
    EXPECT_EQ(read.answer.inventory.holds[0].state, HOLD_STATE_EXPIRED);
    world_call_close(&read);
    world_close(&world);
}

TEST(reads, see_more_due_holds_than_one_entry_expires)
{
    enum {
        HOLDS = 2500
    };
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", HOLDS);
    world_stock(&world, "B", 1);
    for (uint64_t i = 0; i < HOLDS; i++) {
        (void)hold(&world, "A", 1, 1000, 1000 + i);
    }
    EXPECT_EQ(world_level(&world, "A").available, 0);
    world_pass_ms(&world, 1000);
    /* The read names its SKU, so all of its holds end in the one entry it waits for. */
    EXPECT_EQ(world_level(&world, "A").available, HOLDS);
    world_close(&world);
}

TEST(reads, by_the_shard_itself_go_on_until_nothing_is_due)
{
    enum {
        HOLDS = 2500
    };
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", HOLDS);
    for (uint64_t i = 0; i < HOLDS; i++) {
        (void)hold(&world, "A", 1, 1000, 1000 + i);
    }
    world_pass_ms(&world, 1000);
    for (unsigned turn = 0; turn < 20; turn++) {
        world_run(&world);
        world_pass_ms(&world, 2);
    }
    struct replica_status status;
    replica_status(world_replica(&world, WORLD_SKU_SHARD), &status);
    EXPECT_EQ(status.inventory.holds_open, 0);
    EXPECT_EQ(status.inventory.holds_expired, HOLDS);
    world_close(&world);
}
