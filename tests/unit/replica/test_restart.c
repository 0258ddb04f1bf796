/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"

static void adjust(struct shard_world *world, const char *sku_id, uint64_t request)
{
    struct inventory_command command = world_adjust(world, sku_id, 1, request);
    EXPECT_OK(world_apply(world, &command, NULL));
}

static int64_t on_hand(struct shard_world *world, const char *sku_id)
{
    return world_level(world, sku_id).buckets[STOCK_BUCKET_ON_HAND];
}

TEST(restart, replays_the_log_when_no_state_was_written)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    adjust(&world, "A", 100);
    uint64_t digest = world_digest(&world, WORLD_SKU_SHARD);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(world_digest(&world, WORLD_SKU_SHARD), digest);
    EXPECT_EQ(on_hand(&world, "A"), 6);
    world_close(&world);
}

TEST(restart, replays_only_what_follows_the_state)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    EXPECT(world_collect_state(&world, true));
    EXPECT(world_write_state(&world));
    world_persist(&world, true);
    adjust(&world, "A", 100);
    uint64_t digest = world_digest(&world, WORLD_SKU_SHARD);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    struct replica_status status;
    replica_status(world_replica(&world, WORLD_SKU_SHARD), &status);
    EXPECT_EQ(status.flushed_index, 4); /* the first is of the election */
    EXPECT_EQ(status.applied_index, 5);
    EXPECT_EQ(status.commands_applied, 1); /* since the start: the one above the state */
    EXPECT_EQ(world_digest(&world, WORLD_SKU_SHARD), digest);
    world_close(&world);
}

TEST(restart, needs_no_log_when_everything_was_flushed_and_recycled)
{
    struct shard_world world;
    world_open(&world);
    world.segment_bytes = 64 << 10;
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    world_stock(&world, "A", 0);
    for (uint64_t i = 0; i < 300; i++) {
        adjust(&world, "A", 100 + i);
        if (i % 20 == 0) {
            EXPECT(world_collect_state(&world, true));
            EXPECT(world_write_state(&world));
            world_persist(&world, true);
            EXPECT_OK(log_store_mark_idle(world.log));
        }
    }
    EXPECT(world_collect_state(&world, true));
    EXPECT(world_write_state(&world));
    world_persist(&world, true);
    EXPECT_OK(log_store_mark_idle(world.log));
    uint64_t digest = world_digest(&world, WORLD_SKU_SHARD);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(world_digest(&world, WORLD_SKU_SHARD), digest);
    EXPECT_EQ(on_hand(&world, "A"), 300);
    adjust(&world, "A", 1000);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(on_hand(&world, "A"), 301);
    world_close(&world);
}

TEST(restart, with_a_lost_log_goes_on_behind_the_state)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    EXPECT(world_collect_state(&world, true));
    EXPECT(world_write_state(&world));
    world_persist(&world, true);
    world_kill(&world);
    crash_files_free(world.files);
    world.files = crash_files_new(0);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(on_hand(&world, "A"), 5);
    adjust(&world, "A", 100);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(on_hand(&world, "A"), 6);
    world_close(&world);
}

/* The state ends at entry 4, the log begins after 5: what lies between was acknowledged. */
TEST(restart, over_a_hole_between_state_and_log_is_refused_with_the_next_step)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    EXPECT(world_collect_state(&world, true));
    EXPECT(world_write_state(&world));
    world_persist(&world, true);
    struct log_batch batch;
    log_batch_init(&batch);
    log_batch_add_reset(&batch, WORLD_SKU_SHARD, 5, 1);
    log_batch_add_entry(&batch, WORLD_SKU_SHARD, 6, 1, slice_from_string("entry"));
    EXPECT_OK(log_store_append(world.log, &batch));
    log_batch_close(&batch);
    struct replica_options options = {
        .store = world.store,
        .log = world.log,
        .settings = &world.settings,
        .kind = REPLICA_SKU,
        .shard_id = WORLD_SKU_SHARD,
        .replica_id = WORLD_SKU_SHARD,
        .hash_seed = WORLD_HASH_SEED,
    };
    struct replica *replica;
    struct problem problem;
    EXPECT_STATUS(replica_open(&options, world.now, &problem, &replica), STATUS_CHECKSUM);
    EXPECT(strstr(problem.message, "restore the data folder") != NULL);
    world_close(&world);
}

TEST(restart, remembers_what_was_asked_before)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    adjust(&world, "A", 100);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    struct inventory_command again = world_adjust(&world, "A", 1, 100);
    struct inventory_outcome outcome;
    EXPECT_OK(world_apply(&world, &again, &outcome));
    EXPECT(outcome.replayed);
    EXPECT_EQ(on_hand(&world, "A"), 6);
    world_close(&world);
}

TEST(restart, of_a_folder_with_other_shards_is_refused_with_a_reason)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    EXPECT(world_collect_state(&world, true));
    EXPECT(world_write_state(&world));
    struct replica_options options = {
        .store = world.store,
        .log = world.log,
        .settings = &world.settings,
        .kind = REPLICA_SKU,
        .shard_id = WORLD_SKU_SHARD,
        .replica_id = WORLD_SKU_SHARD,
        .range = {.start = 0, .end = 1ull << 63},
        .hash_seed = WORLD_HASH_SEED,
    };
    struct replica *replica;
    struct problem problem;
    EXPECT_STATUS(replica_open(&options, world.now, &problem, &replica), STATUS_INVALID);
    EXPECT(strstr(problem.message, "number of shards") != NULL);
    world_close(&world);
}

TEST(restart, keeps_customers_and_their_evidence)
{
    struct shard_world world;
    world_open(&world);
    for (uint64_t i = 0; i < 50; i++) {
        char id[32];
        snprintf(id, sizeof id, "e-%u", (unsigned)i);
        struct customer_event event =
            world_event(id, i % 5, i % 2 ? "A" : "B", world.now.wall_ms + (int64_t)i);
        struct customer_command command = {
            .kind = CUSTOMER_RECORD, .record = {.events = &event, .event_count = 1}};
        struct world_call call;
        world_call_init(&call);
        world_call_add_customer(&call, &command);
        world_propose(&world, &call, WORLD_CUSTOMER_SHARD);
        world_run(&world);
        EXPECT_OK(call.outcomes[0].status);
        world_call_close(&call);
        if (i == 25) {
            EXPECT(world_collect_state(&world, true));
            EXPECT(world_write_state(&world));
            world_persist(&world, true);
        }
    }
    uint64_t digest = world_digest(&world, WORLD_CUSTOMER_SHARD);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(world_digest(&world, WORLD_CUSTOMER_SHARD), digest);
    world_close(&world);
}

TEST(restart, with_a_long_log_writes_its_state_while_it_replays)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 0);
    enum {
        CALLS = 4000
    };
    for (uint64_t i = 0; i < CALLS; i++) {
        struct world_call call;
        world_call_init(&call);
        for (uint64_t k = 0; k < WORLD_COMMANDS_MAX; k++) {
            struct inventory_command command =
                world_adjust(&world, "A", 1, 1000 + i * WORLD_COMMANDS_MAX + k);
            world_call_add_sku(&call, &command);
        }
        world_propose(&world, &call, WORLD_SKU_SHARD);
        world_run(&world);
        EXPECT_OK(call.call.status);
        world_call_close(&call);
    }
    EXPECT(replica_dirty_bytes(world_replica(&world, WORLD_SKU_SHARD)) >
           REPLICA_REPLAY_DIRTY_BYTES_MAX);
    uint64_t digest = world_digest(&world, WORLD_SKU_SHARD);
    world_kill(&world);
    memory_store_stall(world.store, 3);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(world_digest(&world, WORLD_SKU_SHARD), digest);
    EXPECT(replica_dirty_bytes(world_replica(&world, WORLD_SKU_SHARD)) <=
           REPLICA_REPLAY_DIRTY_BYTES_MAX);
    EXPECT(memory_store_count(world.store) > 0);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(world_digest(&world, WORLD_SKU_SHARD), digest);
    world_close(&world);
}
