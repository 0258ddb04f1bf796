/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/segment_log.h"

#include "shard/storage/segment_format.h"
#include "tests/lib/test.h"
#include "tests/unit/storage/log_world.h"

struct world {
    struct crash_files *files;
    struct log_store *log;
    struct model model;
    struct log_batch batch;
    char why[WORLD_WHY_BYTES];
};

static void world_start(struct world *world)
{
    *world = (struct world){.files = crash_files_new(0)};
    model_init(&world->model);
    log_batch_init(&world->batch);
    EXPECT_OK(world_open(world->files, NULL, &world->log));
}

static void world_stop(struct world *world)
{
    log_store_close(world->log);
    log_batch_close(&world->batch);
    model_close(&world->model);
    crash_files_free(world->files);
}

static void world_reopen(struct world *world)
{
    log_store_close(world->log);
    world->log = NULL;
    EXPECT_OK(world_open(world->files, NULL, &world->log));
}

static void world_append_one(struct world *world, uint64_t replica_id, size_t size)
{
    log_batch_clear(&world->batch);
    world_entry(&world->model, replica_id, size, &world->batch);
    EXPECT_OK(log_store_append(world->log, &world->batch));
}

static void world_release(struct world *world, uint64_t replica_id, uint64_t index)
{
    world->model.replicas[replica_id - 1].released = index;
    log_store_release(world->log, replica_id, index);
}

static void world_expect_model(struct world *world)
{
    if (!model_matches(&world->model, world->log, world->why)) {
        test_fail(__FILE__, __LINE__, "%s", world->why);
    }
}

TEST(segment_log, a_new_log_is_empty_and_stays_so)
{
    struct world world;
    struct log_bounds bounds;
    struct log_usage usage;
    world_start(&world);
    EXPECT_STATUS(log_store_bounds(world.log, 1, &bounds), STATUS_NOT_FOUND);
    world_reopen(&world);
    EXPECT_STATUS(log_store_bounds(world.log, 1, &bounds), STATUS_NOT_FOUND);
    log_store_usage(world.log, &usage);
    EXPECT_EQ(usage.segment_count, 1);
    EXPECT_EQ(usage.laggard_replica_id, 0);
    world_stop(&world);
}

TEST(segment_log, one_batch_is_one_sync_however_many_replicas_it_serves)
{
    struct world world;
    uint64_t syncs;
    world_start(&world);
    for (uint64_t id = 1; id <= WORLD_REPLICAS; id++) {
        world_entry(&world.model, id, 100, &world.batch);
        world_entry(&world.model, id, 0, &world.batch);
    }
    syncs = crash_files_syncs(world.files);
    EXPECT_OK(log_store_append(world.log, &world.batch));
    EXPECT_EQ(crash_files_syncs(world.files) - syncs, 1);
    world_expect_model(&world);
    world_reopen(&world);
    world_expect_model(&world);
    world_stop(&world);
}

TEST(segment_log, an_entry_forgets_all_that_follow_it)
{
    struct world world;
    struct log_bounds bounds;
    uint64_t term;
    world_start(&world);
    for (uint64_t index = 1; index <= 5; index++) {
        log_batch_add_entry(&world.batch, 7, index, 1, slice_from_string("old"));
    }
    EXPECT_OK(log_store_append(world.log, &world.batch));
    log_batch_clear(&world.batch);
    log_batch_add_entry(&world.batch, 7, 3, 2, slice_from_string("new"));
    EXPECT_OK(log_store_append(world.log, &world.batch));
    for (unsigned opened = 0; opened < 2; opened++) {
        EXPECT_OK(log_store_bounds(world.log, 7, &bounds));
        EXPECT_EQ(bounds.first_index, 1);
        EXPECT_EQ(bounds.last_index, 3);
        EXPECT_EQ(bounds.last_term, 2);
        EXPECT_OK(log_store_term(world.log, 7, 2, &term));
        EXPECT_EQ(term, 1);
        EXPECT_OK(log_store_term(world.log, 7, 0, &term));
        EXPECT_EQ(term, 0);
        EXPECT_STATUS(log_store_term(world.log, 7, 4, &term), STATUS_NOT_FOUND);
        world_reopen(&world);
    }
    world_stop(&world);
}

static bool count_entries(void *context, const struct log_entry *entry)
{
    uint64_t *last = context;
    *last = entry->index;
    return true;
}

TEST(segment_log, reading_stops_at_the_limit_but_gives_one_entry_at_least)
{
    struct world world;
    struct log_read read = {.replica_id = 1, .from_index = 2, .max_bytes = 1};
    uint64_t last = 0;
    world_start(&world);
    for (unsigned i = 0; i < 6; i++) {
        world_append_one(&world, 1, 100);
    }
    EXPECT_OK(log_store_read(world.log, &read, count_entries, &last));
    EXPECT_EQ(last, 2);
    read.max_bytes = 310;
    EXPECT_OK(log_store_read(world.log, &read, count_entries, &last));
    EXPECT_EQ(last, 4);
    read.through_index = 3;
    EXPECT_OK(log_store_read(world.log, &read, count_entries, &last));
    EXPECT_EQ(last, 3);
    read.from_index = 7;
    EXPECT_STATUS(log_store_read(world.log, &read, count_entries, &last),
                  STATUS_NOT_FOUND);
    world_stop(&world);
}

TEST(segment_log, the_hard_state_outlives_the_segment_it_was_written_to)
{
    struct world world;
    struct log_bounds bounds;
    world_start(&world);
    log_batch_add_state(&world.batch, 9, 4, 2, 17);
    log_batch_add_note(&world.batch, 9, slice_from_string("INSTALLING"));
    EXPECT_OK(log_store_append(world.log, &world.batch));
    for (unsigned i = 0; i < 200; i++) {
        world_append_one(&world, 1, 3000);
        world_release(&world, 1, i + 1);
    }
    world_reopen(&world);
    EXPECT_OK(log_store_bounds(world.log, 9, &bounds));
    EXPECT_EQ(bounds.term, 4);
    EXPECT_EQ(bounds.vote, 2);
    EXPECT_EQ(bounds.commit, 17);
    EXPECT(bounds.noted);
    EXPECT(!bounds.damaged);
    world_stop(&world);
}

TEST(segment_log, segments_are_recycled_over_many_rounds_and_nothing_old_returns)
{
    struct world world;
    struct log_usage usage;
    uint64_t most = 0;
    world_start(&world);
    for (uint64_t round = 0; round < 2000; round++) {
        uint64_t id = 1 + round % 3;
        world_append_one(&world, id, 200 + (size_t)(round * 37 % 5000));
        world_release(&world, id,
                      world.model.replicas[id - 1].count > 5
                          ? world.model.replicas[id - 1].count - 5
                          : 0);
        log_store_usage(world.log, &usage);
        most = usage.segment_count > most ? usage.segment_count : most;
        if (round % 97 == 0) {
            world_reopen(&world);
            world_expect_model(&world);
        }
    }
    EXPECT(most <= 4);
    world_stop(&world);
}

TEST(segment_log, the_laggard_is_named_and_its_release_frees_the_segment)
{
    struct world world;
    struct log_usage usage;
    uint64_t before;
    world_start(&world);
    world_append_one(&world, 2, 10);
    world_append_one(&world, 2, 10);
    for (unsigned i = 0; i < 60; i++) {
        world_append_one(&world, 1, 3000);
        world_release(&world, 1, i + 1);
    }
    log_store_usage(world.log, &usage);
    before = usage.segment_count;
    EXPECT(before > 2);
    EXPECT_EQ(usage.laggard_replica_id, 2);
    EXPECT_EQ(usage.laggard_index, 2);
    world_release(&world, 2, 2);
    EXPECT_OK(log_store_mark_idle(world.log));
    log_store_usage(world.log, &usage);
    EXPECT_EQ(usage.segment_count, 1);
    EXPECT_EQ(usage.laggard_replica_id, 0);
    world_reopen(&world);
    world_expect_model(&world);
    world_stop(&world);
}

TEST(segment_log, a_suffix_written_forward_frees_the_segments_behind_it)
{
    struct world world;
    struct log_usage usage;
    world_start(&world);
    log_batch_add_entry(&world.batch, 8, 1, 1, slice_from_string("one"));
    log_batch_add_entry(&world.batch, 8, 2, 1, slice_from_string("two"));
    EXPECT_OK(log_store_append(world.log, &world.batch));
    for (unsigned i = 0; i < 60; i++) {
        world_append_one(&world, 1, 3000);
        world_release(&world, 1, i + 1);
    }
    log_batch_clear(&world.batch);
    log_batch_add_entry(&world.batch, 8, 1, 1, slice_from_string("one"));
    log_batch_add_entry(&world.batch, 8, 2, 1, slice_from_string("two"));
    EXPECT_OK(log_store_append(world.log, &world.batch));
    EXPECT_OK(log_store_mark_idle(world.log));
    log_store_usage(world.log, &usage);
    EXPECT_EQ(usage.laggard_replica_id, 0);
    world_reopen(&world);
    world_expect_model(&world);
    world_stop(&world);
}

TEST(segment_log, a_batch_larger_than_a_segment_gets_one_of_its_own)
{
    struct world world;
    world_start(&world);
    world_append_one(&world, 1, 10);
    world_append_one(&world, 1, 5 * WORLD_SEGMENT_BYTES);
    world_append_one(&world, 1, 10);
    world_reopen(&world);
    world_expect_model(&world);
    world_stop(&world);
}

TEST(segment_log, a_batch_over_the_limit_is_refused_and_the_log_goes_on)
{
    struct world world;
    uint8_t *large = calloc(1, LOG_PAYLOAD_BYTES_MAX);
    world_start(&world);
    for (uint64_t index = 1; index <= 5; index++) {
        log_batch_add_entry(&world.batch, 3, index, 1,
                            slice_of(large, LOG_PAYLOAD_BYTES_MAX));
    }
    EXPECT_STATUS(log_store_append(world.log, &world.batch), STATUS_TOO_LARGE);
    free(large);
    world_append_one(&world, 3, 10);
    world_reopen(&world);
    world_expect_model(&world);
    world_stop(&world);
}

TEST(segment_log, two_batches_merged_are_one)
{
    struct world world;
    struct log_batch other;
    struct log_bounds bounds;
    world_start(&world);
    log_batch_init(&other);
    log_batch_add_entry(&world.batch, 1, 1, 1, slice_from_string("a"));
    log_batch_add_entry(&other, 1, 2, 1, slice_from_string("b"));
    log_batch_add_state(&other, 2, 5, 1, 0);
    log_batch_merge(&world.batch, &other);
    log_batch_close(&other);
    EXPECT_OK(log_store_append(world.log, &world.batch));
    EXPECT_OK(log_store_bounds(world.log, 1, &bounds));
    EXPECT_EQ(bounds.last_index, 2);
    EXPECT_OK(log_store_bounds(world.log, 2, &bounds));
    EXPECT_EQ(bounds.term, 5);
    world_stop(&world);
}

static bool collect_ids(void *context, uint64_t replica_id)
{
    uint64_t *ids = context;
    ids[++ids[0]] = replica_id;
    return true;
}

TEST(segment_log, a_forgotten_replica_is_gone_and_may_be_born_again)
{
    struct world world;
    struct log_bounds bounds;
    uint64_t ids[8] = {0};
    world_start(&world);
    log_batch_add_entry(&world.batch, 5, 1, 1, slice_from_string("x"));
    log_batch_add_entry(&world.batch, 2, 1, 1, slice_from_string("y"));
    EXPECT_OK(log_store_append(world.log, &world.batch));
    log_store_list(world.log, collect_ids, ids);
    EXPECT_EQ(ids[0], 2);
    EXPECT_EQ(ids[1], 2);
    EXPECT_EQ(ids[2], 5);
    log_batch_clear(&world.batch);
    log_batch_add_forget(&world.batch, 5);
    EXPECT_OK(log_store_append(world.log, &world.batch));
    EXPECT_STATUS(log_store_bounds(world.log, 5, &bounds), STATUS_NOT_FOUND);
    log_batch_clear(&world.batch);
    log_batch_add_reset(&world.batch, 5, 40, 3);
    log_batch_add_entry(&world.batch, 5, 41, 4, slice_from_string("z"));
    EXPECT_OK(log_store_append(world.log, &world.batch));
    world_reopen(&world);
    EXPECT_OK(log_store_bounds(world.log, 5, &bounds));
    EXPECT(!bounds.damaged);
    EXPECT_EQ(bounds.first_index, 41);
    EXPECT_EQ(bounds.first_term, 3);
    EXPECT_EQ(bounds.last_index, 41);
    world_stop(&world);
}

TEST(segment_log, an_idle_log_writes_one_marker_and_then_nothing)
{
    struct world world;
    uint64_t syncs;
    world_start(&world);
    world_append_one(&world, 1, 10);
    EXPECT_OK(log_store_mark_idle(world.log));
    syncs = crash_files_syncs(world.files);
    EXPECT_OK(log_store_mark_idle(world.log));
    EXPECT_OK(log_store_mark_idle(world.log));
    EXPECT_EQ(crash_files_syncs(world.files), syncs);
    world_stop(&world);
}
