/* SPDX-License-Identifier: Apache-2.0 */
/* What only RocksDB on a real disk can show: kills, damage, a second opener, stalls. */
#include "shard/storage/store_rocks.h"

#include <dirent.h>
#include <fcntl.h>
#include <spawn.h>
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shard/base/encode.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/storage/kill_batch.h"

enum {
    KILL_BATCHES = 400,
};

static struct store *rocks_open(const char *folder, size_t write_buffer_bytes)
{
    struct store_rocks_options options = {.folder = folder,
                                          .write_buffer_bytes = write_buffer_bytes};
    struct problem problem = {0};
    struct store *store = NULL;
    if (store_rocks_open(&options, &problem, &store) != STATUS_OK) {
        test_fail(__FILE__, __LINE__, "%s", problem.message);
    }
    return store;
}

/* Another process writes, flushes once at `flush_at`, and dies without closing. */
static void child_writes_and_dies(char *folder, uint64_t flush_at)
{
    char batches[32], at[32];
    char program[] = STORAGE_KILL_CHILD;
    char *arguments[] = {program, folder, batches, at, NULL};
    pid_t child;
    int result = 0;
    snprintf(batches, sizeof batches, "%d", KILL_BATCHES);
    snprintf(at, sizeof at, "%" PRIu64, flush_at);
    EXPECT_EQ(posix_spawn(&child, STORAGE_KILL_CHILD, NULL, NULL, arguments, environ), 0);
    EXPECT(waitpid(child, &result, 0) == child);
    EXPECT(WIFEXITED(result) && WEXITSTATUS(result) == 0);
}

TEST(store_rocks, a_kill_loses_a_suffix_and_the_applied_index_tells_which)
{
    for (uint64_t flush_at = 0; flush_at <= KILL_BATCHES; flush_at += 133) {
        char folder[512];
        struct store *store;
        struct buffer value;
        uint64_t applied = 0;
        snprintf(folder, sizeof folder, "%s/state", test_folder());
        child_writes_and_dies(folder, flush_at);
        store = rocks_open(folder, 0);
        buffer_init(&value);
        if (store_get_persisted(store, slice_from_string("applied"), &value) ==
            STATUS_OK) {
            applied = load_be64(value.data);
        }
        EXPECT(applied >= flush_at);
        for (uint64_t n = 1; n <= KILL_BATCHES; n++) {
            uint8_t key[9] = {'r'};
            store_be64(key + 1, n);
            EXPECT_STATUS(store_get(store, NULL, slice_of(key, sizeof key), &value),
                          n <= applied ? STATUS_OK : STATUS_NOT_FOUND);
        }
        buffer_close(&value);
        store_close(store);
    }
}

TEST(store_rocks, a_second_opener_is_refused)
{
    char folder[512];
    struct store_rocks_options options = {.folder = folder};
    struct problem problem = {0};
    struct store *store;
    struct store *second = NULL;
    snprintf(folder, sizeof folder, "%s/state", test_folder());
    store = rocks_open(folder, 0);
    EXPECT_STATUS(store_rocks_open(&options, &problem, &second), STATUS_FOLDER_IN_USE);
    EXPECT(problem.message[0] != 0);
    store_close(store);
}

/* Flips a bit in the middle of each table file. */
static unsigned damage_tables(const char *folder)
{
    DIR *stream = opendir(folder);
    struct dirent *entry;
    unsigned count = 0;
    EXPECT(stream != NULL);
    while ((entry = readdir(stream)) != NULL) {
        char path[800];
        uint8_t byte;
        int fd;
        if (strstr(entry->d_name, ".sst") == NULL) {
            continue;
        }
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        fd = open(path, O_RDWR | O_CLOEXEC);
        EXPECT(fd >= 0 && pread(fd, &byte, 1, 1000) == 1);
        byte ^= 1;
        EXPECT(pwrite(fd, &byte, 1, 1000) == 1);
        close(fd);
        count++;
    }
    closedir(stream);
    return count;
}

TEST(store_rocks, a_flipped_bit_is_an_error_and_never_a_value)
{
    char folder[512];
    struct store *store;
    struct buffer value;
    uint8_t key[9] = {'r'};
    snprintf(folder, sizeof folder, "%s/state", test_folder());
    store = rocks_open(folder, 0);
    EXPECT_OK(kill_batch_write(store, 1));
    EXPECT_OK(store_flush(store));
    store_close(store);
    EXPECT(damage_tables(folder) > 0);
    store = rocks_open(folder, 0);
    buffer_init(&value);
    store_be64(key + 1, 1);
    EXPECT_STATUS(store_get(store, NULL, slice_of(key, sizeof key), &value),
                  STATUS_CHECKSUM);
    buffer_close(&value);
    store_close(store);
}

TEST(store_rocks, a_stall_answers_overloaded_at_once_and_passes)
{
    char folder[512];
    struct store *store;
    struct buffer value;
    unsigned refused = 0;
    uint64_t written = 0;
    snprintf(folder, sizeof folder, "%s/state", test_folder());
    store = rocks_open(folder, 64 << 10);
    for (uint64_t n = 1; n <= 4000; n++) {
        enum status status = kill_batch_write(store, n);
        EXPECT(status == STATUS_OK || status == STATUS_OVERLOADED);
        refused += status == STATUS_OVERLOADED;
        written = status == STATUS_OK ? n : written;
    }
    EXPECT(refused > 0);
    EXPECT_OK(store_flush(store));
    buffer_init(&value);
    EXPECT_OK(store_get(store, NULL, slice_from_string("applied"), &value));
    EXPECT_EQ(load_be64(value.data), written);
    buffer_close(&value);
    store_close(store);
}
