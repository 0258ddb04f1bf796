/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"

TEST(replica, answers_nothing_before_its_entry_is_durable)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    struct world_call call;
    world_call_init(&call);
    struct inventory_command command = world_adjust(&world, "A", 3, 100);
    world_call_add_sku(&call, &command);
    world_propose(&world, &call, WORLD_SKU_SHARD);
    EXPECT(world_collect(&world));
    EXPECT(!world_finish(&world));
    EXPECT(!call.done);
    EXPECT(world_write_log(&world));
    EXPECT(world_finish(&world));
    EXPECT(call.done);
    EXPECT_OK(call.call.status);
    EXPECT_OK(call.outcomes[0].status);
    EXPECT_EQ(world_level(&world, "A").buckets[STOCK_BUCKET_ON_HAND], 5 + 3);
    world_call_close(&call);
    world_close(&world);
}

TEST(replica, does_not_show_what_is_not_durable)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    struct world_call write, read;
    world_call_init(&write);
    world_call_init(&read);
    struct inventory_command command = world_adjust(&world, "A", 3, 100);
    world_call_add_sku(&write, &command);
    world_propose(&world, &write, WORLD_SKU_SHARD);
    EXPECT(world_collect(&world));
    struct slice sku = slice_from_string("A");
    read.query.kind = REPLICA_QUERY_INVENTORY;
    read.query.inventory = (struct inventory_query){
        .kind = INVENTORY_QUERY_LEVEL_LIST, .sku_ids = &sku, .sku_count = 1};
    world_read(&world, &read, WORLD_SKU_SHARD);
    EXPECT(world_finish(&world));
    EXPECT(read.done && !write.done);
    EXPECT_EQ(read.answer.inventory.levels[0].buckets[STOCK_BUCKET_ON_HAND], 5);
    world_run(&world);
    EXPECT(write.done);
    EXPECT(write.call.stamp.log_index > read.call.stamp.log_index);
    world_call_close(&write);
    world_call_close(&read);
    world_close(&world);
}

TEST(replica, puts_all_proposals_of_a_turn_into_one_entry)
{
    enum {
        CALLS = 10
    };
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 0);
    uint64_t before = 0;
    struct replica_status status;
    replica_status(world_replica(&world, WORLD_SKU_SHARD), &status);
    before = status.applied_index;
    struct world_call calls[CALLS];
    for (uint64_t i = 0; i < CALLS; i++) {
        world_call_init(&calls[i]);
        struct inventory_command command = world_adjust(&world, "A", 1, 100 + i);
        world_call_add_sku(&calls[i], &command);
        world_propose(&world, &calls[i], WORLD_SKU_SHARD);
    }
    world_run(&world);
    replica_status(world_replica(&world, WORLD_SKU_SHARD), &status);
    EXPECT_EQ(status.applied_index, before + 1);
    EXPECT_EQ(status.inventory.levels, 1);
    for (uint64_t i = 0; i < CALLS; i++) {
        EXPECT(calls[i].done);
        EXPECT_EQ(calls[i].call.stamp.log_index, before + 1);
        EXPECT_EQ(calls[i].outcomes[0].inventory.level.buckets[STOCK_BUCKET_ON_HAND],
                  (int64_t)i + 1);
        world_call_close(&calls[i]);
    }
    world_close(&world);
}

TEST(replica, spreads_a_call_over_entries_when_one_is_full)
{
    struct shard_world world;
    world_open(&world);
    world.settings.log_entry_max_bytes = 4096;
    world_stock(&world, "A", 0);
    struct replica_status before, after;
    replica_status(world_replica(&world, WORLD_SKU_SHARD), &before);
    enum {
        COMMANDS = 200
    };
    struct slice commands[COMMANDS];
    struct replica_outcome *outcomes = calloc(COMMANDS, sizeof *outcomes);
    struct world_call call;
    world_call_init(&call);
    for (uint64_t i = 0; i < COMMANDS; i++) {
        struct inventory_command command = world_adjust(&world, "A", 1, 100 + i);
        EXPECT_OK(command_encode_sku(&command, &call.arena, &commands[i]));
    }
    call.commands[0] = commands[0];
    call.command_count = 1;
    world_propose(&world, &call, WORLD_SKU_SHARD); /* for its `done`, then the real one */
    world_run(&world);
    shard_call_done *done = call.call.done;
    shard_call_init_propose(&call.call, WORLD_SKU_SHARD, commands, COMMANDS, outcomes);
    call.call.arena = &call.arena;
    call.call.done = done;
    call.done = false;
    host_submit(world.host, world.now, &call.call);
    world_run(&world);
    EXPECT(call.done);
    EXPECT_OK(call.call.status);
    EXPECT_EQ(call.call.decided_count, COMMANDS);
    replica_status(world_replica(&world, WORLD_SKU_SHARD), &after);
    EXPECT(after.applied_index > before.applied_index + 2);
    EXPECT(outcomes[0].inventory.replayed);
    for (uint64_t i = 1; i < COMMANDS; i++) {
        EXPECT_EQ(outcomes[i].inventory.level.buckets[STOCK_BUCKET_ON_HAND],
                  (int64_t)i + 1);
    }
    free(outcomes);
    world_call_close(&call);
    world_close(&world);
}

static enum status propose_adjust(struct shard_world *world, uint64_t request)
{
    struct inventory_command command = world_adjust(world, "A", 1, request);
    return world_apply(world, &command, NULL);
}

TEST(replica, refuses_new_work_on_a_full_disk_and_takes_releases)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    struct inventory_hold_line line = {.sku_id = slice_from_string("A"),
                                       .location_id = slice_from_string("L"),
                                       .quantity = 2};
    struct inventory_command hold = world_hold(&world, &line, 60000, 200);
    struct inventory_outcome outcome;
    EXPECT_OK(world_apply(&world, &hold, &outcome));
    struct inventory_hold_id id = outcome.hold.hold_id;
    host_set_pressure(world.host, (struct replica_pressure){.disk_full = true});
    EXPECT_STATUS(propose_adjust(&world, 201), STATUS_DISK_FULL);
    struct inventory_command release =
        world_hold_change(&world, INVENTORY_HOLD_RELEASE, id, 202);
    EXPECT_OK(world_apply(&world, &release, NULL));
    host_set_pressure(world.host, (struct replica_pressure){0});
    EXPECT_OK(propose_adjust(&world, 201));
    world_close(&world);
}

TEST(replica, refuses_proposals_while_the_store_stalls)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    host_set_pressure(world.host, (struct replica_pressure){.store_stall = true});
    EXPECT_STATUS(propose_adjust(&world, 201), STATUS_OVERLOADED);
    host_set_pressure(world.host, (struct replica_pressure){0});
    EXPECT_OK(propose_adjust(&world, 201));
    EXPECT_EQ(world_level(&world, "A").buckets[STOCK_BUCKET_ON_HAND], 6);
    world_close(&world);
}

TEST(replica, refuses_what_it_cannot_read_or_hold)
{
    struct shard_world world;
    world_open(&world);
    world_run(&world);
    struct world_call call;
    world_call_init(&call);
    uint8_t future[] = {COMMAND_VERSION + 1, 1, 2, 3};
    call.commands[0] = slice_of(future, sizeof future);
    call.command_count = 1;
    world_propose(&world, &call, WORLD_SKU_SHARD);
    EXPECT(world_finish(&world));
    EXPECT_STATUS(call.call.status, STATUS_VERSION);
    uint8_t *large = calloc(1, (size_t)world.settings.log_entry_max_bytes);
    call.commands[0] = slice_of(large, (size_t)world.settings.log_entry_max_bytes);
    world_propose(&world, &call, WORLD_SKU_SHARD);
    EXPECT(world_finish(&world));
    EXPECT_STATUS(call.call.status, STATUS_TOO_LARGE);
    EXPECT_EQ(call.call.appended_count, 0);
    EXPECT(!world_collect(&world));
    free(large);
    world_call_close(&call);
    world_close(&world);
}

TEST(replica, refuses_a_key_outside_its_range_before_it_is_logged)
{
    struct shard_world world;
    world_open(&world);
    struct replica_options options = {
        .store = world.store,
        .log = world.log,
        .settings = &world.settings,
        .kind = REPLICA_SKU,
        .shard_id = 9,
        .replica_id = 9,
        .range = {.start = 1000, .end = 2000},
        .hash_seed = WORLD_HASH_SEED,
    };
    struct replica *replica;
    EXPECT_OK(replica_open(&options, world.now, NULL, &replica));
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct inventory_command command = world_adjust(&world, "A", 1, 1);
    struct slice bytes;
    EXPECT_OK(command_encode_sku(&command, &arena, &bytes));
    struct replica_outcome outcome;
    struct replica_proposal proposal = {
        .commands = &bytes, .command_count = 1, .outcomes = &outcome};
    EXPECT_STATUS(replica_propose(replica, &proposal), STATUS_EPOCH_CHANGED);
    EXPECT_EQ(replica_waiting_bytes(replica), 0);
    EXPECT_EQ(replica_busy(replica), 0);
    replica_close(replica);
    arena_close(&arena);
    world_close(&world);
}

TEST(replica, does_not_log_a_proposal_past_its_deadline)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 5);
    struct world_call call;
    world_call_init(&call);
    struct inventory_command command = world_adjust(&world, "A", 3, 100);
    world_call_add_sku(&call, &command);
    call.call.deadline_us = world.now.monotonic_us + 1000;
    world_propose(&world, &call, WORLD_SKU_SHARD);
    world_pass_ms(&world, 2);
    EXPECT(!world_collect(&world));
    EXPECT(world_finish(&world));
    EXPECT_STATUS(call.call.status, STATUS_OUTCOME_UNKNOWN);
    EXPECT_EQ(call.call.appended_count, 0);
    EXPECT_EQ(world_level(&world, "A").buckets[STOCK_BUCKET_ON_HAND], 5);
    world_call_close(&call);
    world_close(&world);
}

TEST(replica, stamps_entries_with_a_time_that_never_goes_back)
{
    struct shard_world world;
    world_open(&world);
    world_stock(&world, "A", 0);
    struct rng rng;
    rng_init(&rng, 5);
    int64_t before = 0;
    for (uint64_t i = 0; i < 200; i++) {
        world.now.monotonic_us += rng_below(&rng, 3000);
        world.now.wall_ms += (int64_t)rng_below(&rng, 2000) - 1000;
        EXPECT_OK(propose_adjust(&world, 1000 + i));
        if (i % 50 == 49) {
            world_kill(&world);
            world.now.monotonic_us = rng_below(&rng, 1000);
            EXPECT_OK(world_boot(&world));
        }
        struct replica_status status;
        replica_status(world_replica(&world, WORLD_SKU_SHARD), &status);
        EXPECT(status.log_time_ms >= before);
        before = status.log_time_ms;
    }
    world_close(&world);
}

static void record(struct shard_world *world, const struct customer_event *event,
                   struct world_call *call)
{
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .record = {.events = event, .event_count = 1}};
    world_call_init(call);
    world_call_add_customer(call, &command);
    world_propose(world, call, WORLD_CUSTOMER_SHARD);
    world_run(world);
    EXPECT(call->done);
    EXPECT_OK(call->call.status);
}

TEST(replica, makes_evidence_of_what_customers_do)
{
    struct shard_world world;
    world_open(&world);
    const char *skus[] = {"A", "B"};
    for (uint64_t customer = 1; customer <= 3; customer++) {
        for (unsigned i = 0; i < 2; i++) {
            char id[32];
            snprintf(id, sizeof id, "e-%u-%u", (unsigned)customer, i);
            struct customer_event event =
                world_event(id, customer, skus[i], world.now.wall_ms - 1000 + i);
            struct world_call call;
            record(&world, &event, &call);
            EXPECT_EQ(call.outcomes[0].customer.stored, 1);
            world_call_close(&call);
        }
    }
    struct host_news news;
    EXPECT(host_take_degrees(world.host, &news));
    EXPECT_EQ(news.shard_id, WORLD_CUSTOMER_SHARD);
    EXPECT_EQ(news.kind, RECOMMEND_DEGREES_SESSIONS);
    EXPECT_EQ(news.delta.change_count, 2);
    degree_delta_close(&news.delta);
    EXPECT(!host_take_degrees(world.host, &news));

    struct world_call call;
    world_call_init(&call);
    uint64_t click = key_hash(slice_from_string("A"), WORLD_HASH_SEED);
    const struct recommend_customer_search search = {
        .sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS,
        .neighbours = {.clicks = &click,
                       .click_count = 1,
                       .clicks_max = 9,
                       .candidates = 1500,
                       .neighbours = 300,
                       .bucket_count = 64,
                       .buckets = UINT64_MAX},
    };
    call.query =
        (struct replica_query){.kind = REPLICA_QUERY_SEARCH, .customer_search = &search};
    world_read(&world, &call, WORLD_CUSTOMER_SHARD);
    EXPECT(world_finish(&world));
    EXPECT_OK(call.call.status);
    const struct recommend_customer_found *found = call.answer.customer_found;
    EXPECT_EQ(found->sources, search.sources);
    EXPECT_EQ(found->neighbours.neighbours, 3);
    EXPECT_EQ(found->neighbours.item_count, 2);
    EXPECT_EQ(found->neighbours.version, call.call.stamp.log_index);
    world_call_close(&call);
    world_close(&world);
}

TEST(replica, says_that_a_query_is_for_the_other_kind_of_shard)
{
    struct shard_world world;
    world_open(&world);
    struct world_call call;
    world_call_init(&call);
    call.query.kind = REPLICA_QUERY_PROFILE;
    world_read(&world, &call, WORLD_SKU_SHARD);
    EXPECT(world_finish(&world));
    EXPECT_STATUS(call.call.status, STATUS_INVALID);
    call.query.kind = REPLICA_QUERY_INVENTORY;
    world_read(&world, &call, WORLD_CUSTOMER_SHARD);
    EXPECT(world_finish(&world));
    EXPECT_STATUS(call.call.status, STATUS_INVALID);
    world_call_close(&call);
    world_close(&world);
}
