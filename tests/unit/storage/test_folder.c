/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/folder.h"

#include <stdio.h>

#include "shard/base/encode.h"
#include "shard/base/hash.h"
#include "shard/base/rng.h"
#include "tests/lib/crash_files.h"
#include "tests/lib/test.h"

static const struct folder_identity fresh = {.cluster_id = "0123456789abcde",
                                             .hash_seed = 77,
                                             .node_id = 3,
                                             .sku_shards = 1,
                                             .customer_shards = 2};

TEST(folder, a_new_folder_gets_the_fresh_identity_and_keeps_it)
{
    struct crash_files *files = crash_files_new(0);
    struct file_system *fs = crash_files_system(files);
    struct folder_identity other = fresh;
    struct folder *folder = NULL;
    other.node_id = 9;
    EXPECT_STATUS(folder_open(fs, "/data", NULL, NULL, &folder), STATUS_NOT_FOUND);
    EXPECT_OK(folder_open(fs, "/data", &fresh, NULL, &folder));
    EXPECT(folder_is_fresh(folder));
    EXPECT_STRING(folder_log_path(folder), "/data/log");
    EXPECT_STRING(folder_state_path(folder), "/data/state");
    folder_close(folder);
    EXPECT_OK(folder_open(fs, "/data", &other, NULL, &folder));
    EXPECT(!folder_is_fresh(folder));
    EXPECT_EQ(folder_identity(folder)->node_id, 3);
    EXPECT_EQ(folder_identity(folder)->hash_seed, 77);
    EXPECT_EQ(folder_identity(folder)->customer_shards, 2);
    EXPECT_OK(folder_set_identity(folder, &other));
    folder_close(folder);
    EXPECT_OK(folder_open(fs, "/data", NULL, NULL, &folder));
    EXPECT_EQ(folder_identity(folder)->node_id, 9);
    folder_close(folder);
    crash_files_free(files);
}

TEST(folder, a_crash_at_any_operation_leaves_no_identity_or_a_whole_one)
{
    for (uint64_t n = 1; n < 16; n++) {
        struct crash_files *files = crash_files_new(0);
        struct file_system *fs = crash_files_system(files);
        struct folder *folder = NULL;
        struct rng rng;
        bool made;
        rng_init(&rng, n);
        crash_files_fail_at(files, n, STATUS_IO, true);
        made = folder_open(fs, "/data", &fresh, NULL, &folder) == STATUS_OK;
        if (made) {
            folder_close(folder);
        }
        crash_files_fail_at(files, 0, STATUS_OK, false);
        crash_files_crash(files, &rng);
        EXPECT_OK(folder_open(fs, "/data", made ? NULL : &fresh, NULL, &folder));
        EXPECT_EQ(folder_identity(folder)->node_id, 3);
        folder_close(folder);
        crash_files_free(files);
    }
}

TEST(folder, two_openers_of_one_folder_are_told_apart_on_the_real_disk_too)
{
    char path[512];
    struct crash_files *files = crash_files_new(0);
    struct file_system *systems[] = {crash_files_system(files), file_system_posix()};
    const char *paths[] = {"/data", path};
    snprintf(path, sizeof path, "%s/data", test_folder());
    for (unsigned i = 0; i < 2; i++) {
        struct folder *first = NULL;
        struct folder *second = NULL;
        struct problem problem = {0};
        EXPECT_OK(folder_open(systems[i], paths[i], &fresh, NULL, &first));
        EXPECT_STATUS(folder_open(systems[i], paths[i], &fresh, &problem, &second),
                      STATUS_FOLDER_IN_USE);
        EXPECT(strstr(problem.message, "another process") != NULL);
        folder_close(first);
        EXPECT_OK(folder_open(systems[i], paths[i], NULL, NULL, &second));
        folder_close(second);
    }
    crash_files_free(files);
}

TEST(folder, a_folder_with_foreign_files_is_not_taken)
{
    struct crash_files *files = crash_files_new(0);
    struct file_system *fs = crash_files_system(files);
    struct folder *folder = NULL;
    struct problem problem = {0};
    EXPECT_OK(file_system_make_folder(fs, "/data"));
    crash_files_set(files, "/data/holiday.jpg", slice_from_string("x"));
    EXPECT_STATUS(folder_open(fs, "/data", &fresh, &problem, &folder), STATUS_INVALID);
    EXPECT(strstr(problem.message, "no identity") != NULL);
    crash_files_free(files);
}

TEST(folder, damage_and_later_versions_are_named)
{
    struct crash_files *files = crash_files_new(0);
    struct file_system *fs = crash_files_system(files);
    struct folder *folder = NULL;
    struct problem problem = {0};
    uint8_t bytes[FOLDER_IDENTITY_BYTES];
    EXPECT_OK(file_system_make_folder(fs, "/data"));
    folder_identity_encode(&fresh, bytes);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        crash_files_set(files, "/data/identity", slice_of(bytes, sizeof bytes));
        EXPECT_STATUS(folder_open(fs, "/data", &fresh, &problem, &folder),
                      STATUS_CHECKSUM);
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    bytes[4] = FOLDER_FORMAT_VERSION + 1;
    store_le64(bytes + 56, hash64(slice_of(bytes, 56), 0x536f756b466f6c64u));
    crash_files_set(files, "/data/identity", slice_of(bytes, sizeof bytes));
    EXPECT_STATUS(folder_open(fs, "/data", &fresh, &problem, &folder), STATUS_VERSION);
    EXPECT(strstr(problem.message, "later version") != NULL);
    crash_files_free(files);
}
