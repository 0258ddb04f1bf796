/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/disk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shard/base/memory.h"
#include "shard/storage/key.h"
#include "shard/storage/meta_row.h"
#include "tests/lib/test.h"

enum {
    DISK_SEGMENT_BYTES = 64 << 10,
};

static const struct folder_identity fresh = {
    .cluster_id = "0123456789abcde", .node_id = 1, .sku_shards = 1, .customer_shards = 1};

struct disk_world {
    char dir[512];
    struct folder *folder;
    struct store *store;
    struct log_store *log;
    struct problem problem;
};

static void world_init(struct disk_world *world)
{
    memset(world, 0, sizeof *world);
    snprintf(world->dir, sizeof world->dir, "%s/data", test_folder());
}

static enum status world_open(struct disk_world *world)
{
    EXPECT_OK(folder_open(file_system_posix(), world->dir, &fresh, &world->problem,
                          &world->folder));
    return disk_open(world->folder, DISK_SEGMENT_BYTES, &world->problem, &world->store,
                     &world->log);
}

static void world_close(struct disk_world *world)
{
    log_store_close(world->log);
    store_close(world->store);
    folder_close(world->folder);
    world->log = NULL;
    world->store = NULL;
    world->folder = NULL;
}

static void world_path(const struct disk_world *world, const char *name, char out[1024])
{
    snprintf(out, 1024, "%s/%s", world->dir, name);
}

static void world_move(const struct disk_world *world, const char *from, const char *to)
{
    char old_path[1024], new_path[1024];
    world_path(world, from, old_path);
    world_path(world, to, new_path);
    EXPECT_EQ(rename(old_path, new_path), 0);
}

static void world_accept(const struct disk_world *world)
{
    char path[1024];
    world_path(world, DISK_ACCEPT_NAME, path);
    FILE *file = fopen(path, "w");
    EXPECT(file != NULL);
    fclose(file);
}

static bool world_has(const struct disk_world *world, const char *name)
{
    char path[1024];
    world_path(world, name, path);
    return access(path, F_OK) == 0;
}

/* Entries `from` to `through` of replica 1, each in a batch of its own. */
static void world_log(struct disk_world *world, uint64_t from, uint64_t through)
{
    struct log_batch batch;
    log_batch_init(&batch);
    for (uint64_t i = from; i <= through; i++) {
        log_batch_clear(&batch);
        log_batch_add_entry(&batch, 1, i, 1, slice_from_string("entry"));
        EXPECT_OK(log_store_append(world->log, &batch));
    }
    log_batch_close(&batch);
}

static void world_apply(struct disk_world *world, uint64_t index)
{
    const struct key_meta parts = {.shard_id = 1, .kind = META_APPLIED};
    const struct meta_applied applied = {.index = index, .term = 1};
    struct buffer key, value;
    struct store_batch batch;
    buffer_init(&key);
    buffer_init(&value);
    store_batch_init(&batch);
    key_append_meta(&key, &parts);
    meta_applied_encode(&value, &applied);
    store_batch_put(&batch, buffer_slice(&key), buffer_slice(&value));
    EXPECT_OK(store_write(world->store, &batch));
    EXPECT_OK(store_flush(world->store));
    store_batch_close(&batch);
    buffer_close(&key);
    buffer_close(&value);
}

TEST(disk, a_log_that_is_gone_is_missed_even_when_no_state_was_written)
{
    struct disk_world world;
    struct log_bounds bounds;
    world_init(&world);
    EXPECT_OK(world_open(&world));
    world_log(&world, 1, 3);
    world_close(&world);
    world_move(&world, "log", "elsewhere");
    EXPECT_STATUS(world_open(&world), STATUS_NOT_FOUND);
    EXPECT(strstr(world.problem.message, "/log is gone") != NULL);
    EXPECT(strstr(world.problem.message, DISK_ACCEPT_NAME) != NULL);
    world_close(&world);
    EXPECT(!world_has(&world, "log"));
    world_move(&world, "elsewhere", "log");
    EXPECT_OK(world_open(&world));
    EXPECT_OK(log_store_bounds(world.log, 1, &bounds));
    EXPECT_EQ(bounds.last_index, 3);
    world_close(&world);
}

TEST(disk, the_operator_accepts_the_loss_of_a_log_once)
{
    struct disk_world world;
    world_init(&world);
    EXPECT_OK(world_open(&world));
    world_log(&world, 1, 3);
    world_apply(&world, 2);
    world_close(&world);
    world_move(&world, "log", "first");
    world_accept(&world);
    EXPECT_OK(world_open(&world));
    world_close(&world);
    EXPECT(!world_has(&world, DISK_ACCEPT_NAME));
    EXPECT_OK(world_open(&world)); /* with the new one, as before */
    world_close(&world);
    world_move(&world, "log", "second");
    EXPECT_STATUS(world_open(&world), STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(disk, the_log_of_another_folder_is_refused)
{
    struct disk_world world, other;
    char from[1024], to[1024];
    world_init(&world);
    world_init(&other);
    snprintf(other.dir, sizeof other.dir, "%s/other", test_folder());
    EXPECT_OK(world_open(&world));
    world_close(&world);
    EXPECT_OK(world_open(&other));
    world_close(&other);
    world_move(&world, "log", "mine");
    world_path(&other, "log", from);
    world_path(&world, "log", to);
    EXPECT_EQ(rename(from, to), 0);
    EXPECT_STATUS(world_open(&world), STATUS_INVALID);
    EXPECT(strstr(world.problem.message, "not this folder's") != NULL);
    world_close(&world);
    world_accept(&world); /* of a loss, not of another's entries */
    EXPECT_STATUS(world_open(&world), STATUS_INVALID);
    world_close(&world);
}

TEST(disk, a_folder_from_before_the_record_gets_it_or_misses_its_log_by_the_state)
{
    struct disk_world world;
    char path[1024];
    world_init(&world);
    world_path(&world, "log_identity", path);
    EXPECT_OK(world_open(&world));
    world_log(&world, 1, 3);
    world_apply(&world, 2);
    world_close(&world);
    EXPECT_EQ(unlink(path), 0);
    EXPECT_OK(world_open(&world));
    world_close(&world);
    EXPECT(world_has(&world, "log_identity"));
    EXPECT_EQ(unlink(path), 0);
    world_move(&world, "log", "elsewhere");
    EXPECT_STATUS(world_open(&world), STATUS_NOT_FOUND);
    EXPECT(strstr(world.problem.message, "/log is gone") != NULL);
    world_close(&world);
    EXPECT(!world_has(&world, "log"));
}

TEST(disk, a_state_that_is_gone_is_made_anew_only_from_a_whole_log)
{
    struct disk_world world;
    world_init(&world);
    EXPECT_OK(world_open(&world));
    world_log(&world, 1, 3);
    world_close(&world);
    world_move(&world, "state", "first");
    EXPECT_OK(world_open(&world));
    world_log(&world, 4, 60);
    log_store_release(world.log, 1, 60);
    EXPECT_OK(log_store_mark_idle(world.log));
    EXPECT_OK(log_store_mark_idle(world.log));
    world_close(&world);
    world_move(&world, "state", "second");
    EXPECT_STATUS(world_open(&world), STATUS_NOT_FOUND);
    EXPECT(strstr(world.problem.message, "/state is gone") != NULL);
    EXPECT(strstr(world.problem.message, "shard 1 only from entry") != NULL);
    world_close(&world);
    EXPECT(!world_has(&world, "state"));
}
