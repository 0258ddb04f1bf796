/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Damage on the disk, judged: what a later batch proves durable and is bad now is damage
 * to its replicas; what nothing follows is a torn tail.
 */
#include <stdio.h>

#include "shard/base/encode.h"
#include "shard/storage/segment_format.h"
#include "tests/lib/test.h"
#include "tests/unit/storage/log_world.h"

enum {
    DAMAGE_BATCHES = 6,
    DAMAGE_PAYLOAD_BYTES = 700,
};

static const char first_segment[] = "/log/0000000000000001.segment";

/*
 * Six batches, each one entry of replicas 1 to 3, at known places of the first segment:
 * block 0 is the marker of the opening, batch i lies at block i (1 to 6).
 */
struct damage_world {
    struct crash_files *files;
    struct model model;               /* all six */
    struct model model_before;        /* the first five */
    struct segment_log_report report; /* of the last damage_found */
};

static void damage_start(struct damage_world *world)
{
    struct log_store *log = NULL;
    struct log_batch batch;
    *world = (struct damage_world){.files = crash_files_new(0)};
    model_init(&world->model);
    model_init(&world->model_before);
    log_batch_init(&batch);
    EXPECT_OK(world_open(world->files, NULL, &log));
    for (unsigned i = 0; i < DAMAGE_BATCHES; i++) {
        model_copy(&world->model_before, &world->model);
        log_batch_clear(&batch);
        for (uint64_t id = 1; id <= 3; id++) {
            world_entry(&world->model, id, DAMAGE_PAYLOAD_BYTES, &batch);
        }
        EXPECT(log_batch_bytes(&batch) < SEGMENT_BLOCK_BYTES);
        EXPECT_OK(log_store_append(log, &batch));
    }
    log_batch_close(&batch);
    log_store_close(log);
}

static void damage_stop(struct damage_world *world)
{
    model_close(&world->model);
    model_close(&world->model_before);
    crash_files_free(world->files);
}

/* Opens the log and answers which replicas it calls damaged, as bits of their ids. */
static unsigned damage_found(struct damage_world *world)
{
    struct log_store *log = NULL;
    struct segment_log_report report;
    unsigned found = 0, count = 0;
    EXPECT_OK(world_open(world->files, &report, &log));
    for (uint64_t id = 1; id <= 3; id++) {
        struct log_bounds bounds;
        if (log_store_bounds(log, id, &bounds) == STATUS_OK && bounds.damaged) {
            found |= 1u << id;
            count++;
        }
    }
    EXPECT_EQ(report.groups_damaged, count);
    EXPECT_EQ(report.log_id, 0x736f756b);
    world->report = report;
    log_store_close(log);
    return found;
}

static void damage_flip(struct damage_world *world, unsigned block, uint64_t byte)
{
    EXPECT(crash_files_flip(world->files, first_segment,
                            (uint64_t)block * SEGMENT_BLOCK_BYTES + byte, 3));
}

/* Where the group of a replica lies in the batch at `block`. */
static struct segment_group damage_group(struct damage_world *world, unsigned block,
                                         uint32_t place)
{
    struct slice bytes = crash_files_bytes(world->files, first_segment);
    struct segment_group group;
    segment_directory_get(
        slice_of(bytes.data + (size_t)block * SEGMENT_BLOCK_BYTES, SEGMENT_BLOCK_BYTES),
        place, &group);
    return group;
}

TEST(log_damage, a_flipped_bit_of_a_group_damages_that_replica_alone)
{
    for (uint32_t place = 0; place < 3; place++) {
        struct damage_world world;
        struct segment_group group;
        damage_start(&world);
        group = damage_group(&world, 3, place);
        damage_flip(&world, 3, group.offset + group.bytes / 2);
        EXPECT_EQ(damage_found(&world), 1u << group.replica_id);
        EXPECT_EQ(world.report.bytes_cut, 0);
        EXPECT_EQ(world.report.damage_segment, 1);
        EXPECT_EQ(world.report.damage_offset, 3 * SEGMENT_BLOCK_BYTES + group.offset);
        damage_stop(&world);
    }
}

TEST(log_damage, damage_is_still_known_after_the_damaged_segment_was_recycled)
{
    struct damage_world world;
    struct segment_group group;
    struct log_store *log = NULL;
    struct log_batch batch;
    damage_start(&world);
    group = damage_group(&world, 2, 1);
    damage_flip(&world, 2, group.offset);
    EXPECT_OK(world_open(world.files, NULL, &log));
    log_batch_init(&batch);
    for (uint64_t index = 1; index < 60; index++) {
        log_batch_clear(&batch);
        world_entry(&world.model, 4, 3000, &batch);
        EXPECT_OK(log_store_append(log, &batch));
        log_store_release(log, 4, index);
        log_store_release(log, 1, DAMAGE_BATCHES);
        log_store_release(log, 3, DAMAGE_BATCHES);
    }
    log_batch_close(&batch);
    log_store_close(log);
    EXPECT_EQ(crash_files_bytes(world.files, first_segment).size, 0);
    EXPECT_EQ(damage_found(&world), 1u << group.replica_id);
    damage_stop(&world);
}

TEST(log_damage, a_flipped_bit_of_a_directory_damages_all)
{
    for (uint64_t byte = 0; byte < 3 * SEGMENT_GROUP_BYTES; byte += 5) {
        struct damage_world world;
        damage_start(&world);
        damage_flip(&world, 4, SEGMENT_HEADER_BYTES + byte);
        EXPECT_EQ(damage_found(&world), 2 + 4 + 8);
        damage_stop(&world);
    }
}

TEST(log_damage, a_flipped_bit_of_a_header_damages_all)
{
    for (uint64_t byte = 0; byte < SEGMENT_HEADER_BYTES; byte++) {
        struct damage_world world;
        damage_start(&world);
        damage_flip(&world, 4, byte);
        EXPECT_EQ(damage_found(&world), 2 + 4 + 8);
        damage_stop(&world);
    }
}

TEST(log_damage, a_replica_born_after_a_lost_directory_is_not_damaged_by_it)
{
    struct damage_world world;
    struct log_store *log = NULL;
    struct log_batch batch;
    struct log_bounds bounds;
    damage_start(&world);
    damage_flip(&world, 4, SEGMENT_HEADER_BYTES);
    EXPECT_OK(world_open(world.files, NULL, &log));
    log_batch_init(&batch);
    log_batch_add_forget(&batch, 2);
    log_batch_add_entry(&batch, 22, 1, 1, slice_from_string("anew"));
    EXPECT_OK(log_store_append(log, &batch));
    log_batch_close(&batch);
    log_store_close(log);
    EXPECT_OK(world_open(world.files, NULL, &log));
    EXPECT_OK(log_store_bounds(log, 22, &bounds));
    EXPECT(!bounds.damaged);
    EXPECT_STATUS(log_store_bounds(log, 2, &bounds), STATUS_NOT_FOUND);
    log_store_close(log);
    damage_stop(&world);
}

/* Opens the log, adds an entry of each replica from `from` to `to` in a batch, closes. */
static void damage_append(struct damage_world *world, uint64_t from, uint64_t to,
                          unsigned batches)
{
    struct log_store *log = NULL;
    struct log_batch batch;
    log_batch_init(&batch);
    EXPECT_OK(world_open(world->files, NULL, &log));
    while (batches-- > 0) {
        log_batch_clear(&batch);
        for (uint64_t id = from; id <= to; id++) {
            world_entry(&world->model, id, DAMAGE_PAYLOAD_BYTES, &batch);
        }
        EXPECT_OK(log_store_append(log, &batch));
    }
    log_batch_close(&batch);
    log_store_close(log);
}

/* A header over the block, of a batch that reaches `blocks` far and names one replica. */
static void damage_leave_header(struct damage_world *world, unsigned block,
                                unsigned blocks, uint64_t replica_id)
{
    struct slice bytes = crash_files_bytes(world->files, first_segment);
    uint8_t *changed = malloc(bytes.size);
    uint8_t *batch = changed + (size_t)block * SEGMENT_BLOCK_BYTES;
    uint32_t start = SEGMENT_HEADER_BYTES + SEGMENT_GROUP_BYTES;
    struct segment_group group = {.replica_id = replica_id,
                                  .offset = start,
                                  .bytes = blocks * SEGMENT_BLOCK_BYTES - start,
                                  .record_count = 1};
    struct segment_header header = {.offset = block * SEGMENT_BLOCK_BYTES,
                                    .sequence = 1,
                                    .bytes = blocks * SEGMENT_BLOCK_BYTES,
                                    .group_count = 1};
    memcpy(changed, bytes.data, bytes.size);
    header.number = load_le64(batch + 8);
    segment_group_encode(&group, batch + SEGMENT_HEADER_BYTES);
    header.directory_checksum =
        segment_checksum(slice_of(batch + SEGMENT_HEADER_BYTES, SEGMENT_GROUP_BYTES),
                         0x736f756b, header.number);
    segment_header_encode(&header, 0x736f756b, batch);
    crash_files_set(world->files, first_segment, slice_of(changed, bytes.size));
    free(changed);
}

TEST(log_damage, a_left_over_header_hides_no_batch_written_over_its_bytes)
{
    struct damage_world world;
    struct log_store *log = NULL;
    struct log_bounds bounds;
    damage_start(&world);
    damage_append(&world, 4, 4, 1); /* a marker at block 7, the entry at block 8 */
    damage_leave_header(&world, 3, 7, 1);
    EXPECT_EQ(damage_found(&world), 2 + 4 + 8);
    EXPECT_EQ(world.report.damage_offset, 3 * SEGMENT_BLOCK_BYTES);
    EXPECT_OK(world_open(world.files, NULL, &log));
    EXPECT_OK(log_store_bounds(log, 4, &bounds));
    EXPECT(!bounds.damaged);
    EXPECT_EQ(bounds.last_index, 1);
    log_store_close(log);
    damage_stop(&world);
}

TEST(log_damage, damage_before_a_torn_tail_is_still_known_at_the_next_start)
{
    struct damage_world world;
    damage_start(&world);
    damage_append(&world, 1, 3, 2); /* a marker at block 7, the entries at 8 and 9 */
    damage_flip(&world, 8, 0);
    damage_flip(&world, 9, damage_group(&world, 9, 0).offset + 9);
    EXPECT_EQ(damage_found(&world), 2 + 4 + 8);
    EXPECT(world.report.bytes_cut > 0);
    EXPECT_EQ(damage_found(&world), 2 + 4 + 8);
    damage_stop(&world);
}

TEST(log_damage, a_flipped_bit_of_the_padding_harms_nobody)
{
    struct damage_world world;
    damage_start(&world);
    damage_flip(&world, 4, SEGMENT_BLOCK_BYTES - 1);
    EXPECT_EQ(damage_found(&world), 0);
    damage_stop(&world);
}

TEST(log_damage, damage_under_a_running_log_is_seen_by_the_reader)
{
    struct damage_world world;
    struct log_store *log = NULL;
    struct model *model;
    char why[WORLD_WHY_BYTES];
    damage_start(&world);
    model = &world.model;
    EXPECT_OK(world_open(world.files, NULL, &log));
    EXPECT(model_matches(model, log, why));
    damage_flip(&world, 2, damage_group(&world, 2, 0).offset + 9);
    EXPECT(!model_matches(model, log, why));
    log_store_close(log);
    damage_stop(&world);
}

/* The last batch reached the disk up to `cut` bytes; behind lies `rest`. */
static void damage_tear(struct damage_world *world, size_t cut, uint8_t rest)
{
    struct slice bytes = crash_files_bytes(world->files, first_segment);
    size_t start = (size_t)DAMAGE_BATCHES * SEGMENT_BLOCK_BYTES;
    uint8_t *torn = malloc(bytes.size);
    memcpy(torn, bytes.data, bytes.size);
    memset(torn + start + cut, rest, SEGMENT_BLOCK_BYTES - cut);
    crash_files_set(world->files, first_segment, slice_of(torn, bytes.size));
    free(torn);
}

TEST(log_damage, a_torn_tail_is_cut_at_every_sector_and_damages_nobody)
{
    for (size_t cut = 0; cut < SEGMENT_BLOCK_BYTES; cut += CRASH_FILES_SECTOR_BYTES) {
        for (unsigned rest = 0; rest < 256; rest += 255) {
            struct damage_world world;
            struct log_store *log = NULL;
            struct segment_log_report report;
            char why[WORLD_WHY_BYTES];
            size_t written = 64 + 3 * 32 + 3 * (DAMAGE_PAYLOAD_BYTES + 5);
            bool whole = cut >= written;
            damage_start(&world);
            damage_tear(&world, cut, (uint8_t)rest);
            EXPECT_OK(world_open(world.files, &report, &log));
            EXPECT_EQ(report.groups_damaged, 0);
            EXPECT(model_matches(whole ? &world.model : &world.model_before, log, why));
            log_store_close(log);
            damage_stop(&world);
        }
    }
}

TEST(log_damage, a_missing_older_segment_is_damage_and_not_a_shorter_log)
{
    struct crash_files *files = crash_files_new(0);
    struct log_store *log = NULL;
    struct log_batch batch;
    struct model model;
    struct log_bounds bounds;
    model_init(&model);
    log_batch_init(&batch);
    EXPECT_OK(world_open(files, NULL, &log));
    for (unsigned i = 0; i < 60; i++) {
        log_batch_clear(&batch);
        world_entry(&model, 1, 3000, &batch);
        EXPECT_OK(log_store_append(log, &batch));
    }
    log_store_close(log);
    EXPECT_OK(
        file_system_remove(crash_files_system(files), "/log/0000000000000002.segment"));
    EXPECT_OK(world_open(files, NULL, &log));
    EXPECT_OK(log_store_bounds(log, 1, &bounds));
    EXPECT(bounds.damaged);
    log_store_close(log);
    log_batch_close(&batch);
    model_close(&model);
    crash_files_free(files);
}

TEST(log_damage, a_batch_of_a_later_version_is_refused_with_the_version)
{
    struct damage_world world;
    struct log_store *log = NULL;
    struct slice bytes;
    uint8_t *changed;
    uint8_t *header;
    damage_start(&world);
    bytes = crash_files_bytes(world.files, first_segment);
    changed = malloc(bytes.size);
    memcpy(changed, bytes.data, bytes.size);
    header = changed + (size_t)2 * SEGMENT_BLOCK_BYTES;
    header[4] = SEGMENT_VERSION + 1;
    store_le64(header + 56,
               segment_checksum(slice_of(header, 56), 0x736f756b, load_le64(header + 8)));
    crash_files_set(world.files, first_segment, slice_of(changed, bytes.size));
    free(changed);
    EXPECT_STATUS(world_open(world.files, NULL, &log), STATUS_VERSION);
    damage_stop(&world);
}

TEST(log_damage, a_lost_identity_is_refused_and_one_copy_of_it_is_enough)
{
    struct damage_world world;
    struct log_store *log = NULL;
    damage_start(&world);
    EXPECT(crash_files_flip(world.files, "/log/identity", 9, 0));
    EXPECT_EQ(damage_found(&world), 0);
    EXPECT(crash_files_flip(world.files, "/log/identity", SEGMENT_BLOCK_BYTES + 9, 0));
    EXPECT_STATUS(world_open(world.files, NULL, &log), STATUS_CHECKSUM);
    EXPECT_OK(file_system_remove(crash_files_system(world.files), "/log/identity"));
    EXPECT_STATUS(world_open(world.files, NULL, &log), STATUS_CHECKSUM);
    damage_stop(&world);
}

/* Every operation of a short life fails once, with each kind of failure. */
static bool damage_fail_at(uint64_t n, enum status failure)
{
    struct crash_files *files = crash_files_new(0);
    struct log_store *log = NULL;
    struct log_batch batch;
    struct model done, tried;
    struct rng rng;
    char why[WORLD_WHY_BYTES];
    bool reached = true;
    enum status status;
    rng_init(&rng, n);
    model_init(&done);
    model_init(&tried);
    log_batch_init(&batch);
    crash_files_fail_at(files, n, failure, false);
    status = world_open(files, NULL, &log);
    for (unsigned i = 0; i < 40 && status == STATUS_OK; i++) {
        model_copy(&tried, &done);
        log_batch_clear(&batch);
        world_entry(&tried, 1 + i % 3, 2000, &batch);
        status = log_store_append(log, &batch);
        if (status == STATUS_OK) {
            model_copy(&done, &tried);
        }
    }
    reached = status != STATUS_OK;
    if (reached) {
        EXPECT(status == STATUS_IO || status == STATUS_DISK_FULL);
    }
    if (reached && log != NULL && status == STATUS_IO) {
        /* Broken for good: nothing more is acknowledged. */
        EXPECT_STATUS(log_store_append(log, &batch), STATUS_IO);
    }
    log_store_close(log);
    crash_files_fail_at(files, 0, STATUS_OK, false);
    crash_files_crash(files, &rng);
    EXPECT_OK(world_open(files, NULL, &log));
    if (!model_matches(&done, log, why) && !model_matches(&tried, log, why)) {
        test_fail(__FILE__, __LINE__, "operation %" PRIu64 ": %s", n, why);
    }
    log_store_close(log);
    log_batch_close(&batch);
    model_close(&done);
    model_close(&tried);
    crash_files_free(files);
    return reached;
}

TEST(log_damage, an_io_error_at_any_operation_acknowledges_nothing_and_loses_nothing)
{
    uint64_t n = 1;
    unsigned unreached = 0;
    /* A spare segment that fails to grow is no failure of an append. */
    while (unreached < 20) {
        unreached = damage_fail_at(n++, STATUS_IO) ? 0 : unreached + 1;
    }
    EXPECT(n > 100);
}

TEST(log_damage, a_full_disk_at_any_operation_acknowledges_nothing_and_loses_nothing)
{
    uint64_t n = 1;
    unsigned unreached = 0;
    while (unreached < 20) {
        unreached = damage_fail_at(n++, STATUS_DISK_FULL) ? 0 : unreached + 1;
    }
    EXPECT(n > 100);
}

TEST(log_damage, a_full_disk_leaves_the_log_usable_once_there_is_room)
{
    struct crash_files *files = crash_files_new(3 * WORLD_SEGMENT_BYTES + 20000);
    struct log_store *log = NULL;
    struct log_batch batch;
    struct model done, tried;
    enum status status = STATUS_OK;
    char why[WORLD_WHY_BYTES];
    model_init(&done);
    model_init(&tried);
    log_batch_init(&batch);
    EXPECT_OK(world_open(files, NULL, &log));
    for (unsigned i = 0; i < 200 && status == STATUS_OK; i++) {
        model_copy(&tried, &done);
        log_batch_clear(&batch);
        world_entry(&tried, 1, 3000, &batch);
        status = log_store_append(log, &batch);
        if (status == STATUS_OK) {
            model_copy(&done, &tried);
        }
    }
    EXPECT_STATUS(status, STATUS_DISK_FULL);
    EXPECT(model_matches(&done, log, why));
    /* What the failed batch needs comes from what is released. */
    log_store_release(log, 1, done.replicas[0].count);
    done.replicas[0].released = done.replicas[0].count;
    tried.replicas[0].released = done.replicas[0].count;
    EXPECT_OK(log_store_mark_idle(log));
    EXPECT_OK(log_store_append(log, &batch));
    EXPECT(model_matches(&tried, log, why));
    log_store_close(log);
    EXPECT_OK(world_open(files, NULL, &log));
    EXPECT(model_matches(&tried, log, why));
    log_store_close(log);
    log_batch_close(&batch);
    model_close(&done);
    model_close(&tried);
    crash_files_free(files);
}
