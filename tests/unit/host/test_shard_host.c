/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"

static void propose_adjust(struct shard_world *world, struct world_call *call,
                           uint64_t request)
{
    struct inventory_command command = world_adjust(world, "A", 1, request);
    world_call_init(call);
    world_call_add_sku(call, &command);
    world_propose(world, call, WORLD_SKU_SHARD);
}

static void propose_event(struct shard_world *world, struct world_call *call,
                          const char *event_id)
{
    struct customer_event event = world_event(event_id, 1, "A", world->now.wall_ms);
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .record = {.events = &event, .event_count = 1}};
    world_call_init(call);
    world_call_add_customer(call, &command);
    world_propose(world, call, WORLD_CUSTOMER_SHARD);
}

TEST(host, puts_all_ready_replicas_into_one_batch)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    uint64_t before = crash_files_syncs(world.files);
    struct world_call adjust, event;
    propose_adjust(&world, &adjust, 100);
    propose_event(&world, &event, "e-1");
    EXPECT(host_ready(world.host));
    EXPECT(world_collect(&world));
    EXPECT(!host_ready(world.host));
    EXPECT_EQ(world.batches[world.batch_first].group_count, 2);
    EXPECT(world_write_log(&world));
    EXPECT_EQ(crash_files_syncs(world.files), before + 1);
    EXPECT(world_finish(&world));
    EXPECT(adjust.done && event.done);
    world_call_close(&adjust);
    world_call_close(&event);
    world_close(&world);
}

TEST(host, keeps_several_batches_on_their_way_and_their_order)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 0);
    struct world_call calls[HOST_BATCHES_IN_FLIGHT_MAX + 1];
    for (uint64_t i = 0; i < HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        propose_adjust(&world, &calls[i], 100 + i);
        EXPECT(world_collect(&world));
    }
    EXPECT_EQ(host_batches_in_flight(world.host), HOST_BATCHES_IN_FLIGHT_MAX);
    propose_adjust(&world, &calls[HOST_BATCHES_IN_FLIGHT_MAX], 200);
    struct log_batch batch;
    log_batch_init(&batch);
    EXPECT(!host_turn(world.host, world.now, &batch));
    log_batch_close(&batch);
    EXPECT(world_write_log(&world));
    EXPECT(world_finish(&world));
    EXPECT(calls[0].done && !calls[1].done);
    world_run(&world);
    for (uint64_t i = 0; i <= HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        EXPECT(calls[i].done);
        EXPECT_EQ(calls[i].outcomes[0].inventory.level.buckets[STOCK_BUCKET_ON_HAND],
                  (int64_t)i + 1);
        world_call_close(&calls[i]);
    }
    world_close(&world);
}

TEST(host, decides_calls_in_the_order_they_came)
{
    enum {
        CALLS = 64
    };
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 0);
    struct world_call *calls = calloc(CALLS, sizeof *calls);
    for (uint64_t i = 0; i < CALLS; i++) {
        propose_adjust(&world, &calls[i], 100 + i);
        if (i % 7 == 0) {
            (void)world_collect(&world);
        }
        if (i % 11 == 0) {
            (void)world_write_log(&world);
        }
    }
    world_run(&world);
    for (uint64_t i = 0; i < CALLS; i++) {
        EXPECT_EQ(calls[i].outcomes[0].inventory.level.buckets[STOCK_BUCKET_ON_HAND],
                  (int64_t)i + 1);
        EXPECT(i == 0 || calls[i].order == calls[i - 1].order + 1);
    }
    for (uint64_t i = 0; i < CALLS; i++) {
        world_call_close(&calls[i]);
    }
    free(calls);
    world_close(&world);
}

TEST(host, refuses_calls_at_once_when_too_many_bytes_wait)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 0);
    world.settings.proposal_queue_max_bytes = 65536;
    enum {
        CALLS = 200
    };
    struct world_call *calls = calloc(CALLS, sizeof *calls);
    unsigned refused = 0;
    for (uint64_t i = 0; i < CALLS; i++) {
        propose_adjust(&world, &calls[i], 100 + i);
    }
    (void)world_finish(&world);
    for (uint64_t i = 0; i < CALLS; i++) {
        refused += calls[i].done;
        EXPECT(!calls[i].done || calls[i].call.status == STATUS_OVERLOADED);
    }
    EXPECT(refused > 0 && refused < CALLS);
    world_run(&world);
    EXPECT_EQ(world_level(&world, "A").buckets[STOCK_BUCKET_ON_HAND], CALLS - refused);
    for (uint64_t i = 0; i < CALLS; i++) {
        EXPECT(calls[i].done);
        world_call_close(&calls[i]);
    }
    EXPECT_EQ(host_busy(world.host), 1); /* nothing but state that waits to be written */
    free(calls);
    world_close(&world);
}

TEST(host, says_that_a_shard_is_not_here)
{
    struct shard_world world;
    world_open(&world);
    struct world_call call;
    world_call_init(&call);
    struct inventory_command command = world_adjust(&world, "A", 1, 1);
    world_call_add_sku(&call, &command);
    world_propose(&world, &call, 77);
    EXPECT(world_finish(&world));
    EXPECT_STATUS(call.call.status, STATUS_EPOCH_CHANGED);
    world_call_close(&call);
    world_close(&world);
}

TEST(host, flushes_state_after_its_interval_or_when_asked)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    EXPECT(!world_collect_state(&world, false));
    uint64_t due_us = host_next_due_us(world.host, world.now);
    EXPECT(due_us <=
           world.now.monotonic_us + (uint64_t)world.settings.flush_interval_ms * 1000);
    world_pass_ms(&world, (uint64_t)world.settings.flush_interval_ms);
    EXPECT(world_collect_state(&world, false));
    EXPECT(!world_collect_state(&world, true)); /* one at a time */
    EXPECT(world_write_state(&world));
    EXPECT(!world_collect_state(&world, true)); /* nothing has changed since */
    EXPECT_EQ(host_busy(world.host), 0);
    world_close(&world);
}

TEST(host, keeps_state_readable_while_it_is_on_its_way)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    EXPECT(world_collect_state(&world, true));
    EXPECT_EQ(world_level(&world, "A").buckets[STOCK_BUCKET_ON_HAND], 5);
    struct inventory_command command = world_adjust(&world, "A", 1, 100);
    EXPECT_OK(world_apply(&world, &command, NULL));
    EXPECT(world_write_state(&world));
    EXPECT_EQ(world_level(&world, "A").buckets[STOCK_BUCKET_ON_HAND], 6);
    EXPECT(world_collect_state(&world, true));
    EXPECT(world_write_state(&world));
    world_persist(&world, true);
    uint64_t digest = world_digest(&world, WORLD_SKU_SHARD);
    world_kill(&world);
    EXPECT_OK(world_boot(&world));
    EXPECT_EQ(world_digest(&world, WORLD_SKU_SHARD), digest);
    world_close(&world);
}
