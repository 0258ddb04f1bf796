/* SPDX-License-Identifier: Apache-2.0 */
/* The real file system, and the one that crashes: it must lose what it should. */
#include "shard/storage/file.h"

#include <stdio.h>

#include "shard/storage/segment_log.h"
#include "tests/lib/crash_files.h"
#include "tests/lib/test.h"

static bool count_name(void *context, const char *name)
{
    unsigned *count = context;
    (void)name;
    ++*count;
    return true;
}

/* The same steps in both. */
static void files_contract(struct file_system *fs, const char *folder)
{
    char a[600], b[600];
    const struct slice pieces[] = {slice_from_string("one "), slice_of(NULL, 0),
                                   slice_from_string("two")};
    struct file *file = NULL;
    struct file_space space;
    char read[16] = "";
    uint64_t bytes;
    size_t got;
    unsigned names = 0;
    snprintf(a, sizeof a, "%s/deep/a", folder);
    snprintf(b, sizeof b, "%s/deep/b", folder);
    EXPECT_STATUS(file_system_open(fs, a, FILE_OPEN_CREATE, &file), STATUS_NOT_FOUND);
    snprintf(read, sizeof read, "%s", "");
    {
        char deep[600];
        snprintf(deep, sizeof deep, "%s/deep", folder);
        EXPECT_OK(file_system_ensure_folder(fs, deep));
        EXPECT_OK(file_system_make_folder(fs, deep));
        EXPECT_STATUS(file_system_open(fs, a, FILE_OPEN_READ, &file), STATUS_NOT_FOUND);
        EXPECT_OK(file_system_open(fs, a, FILE_OPEN_CREATE, &file));
        EXPECT_OK(file_write_pieces(file, 2, pieces, 3));
        EXPECT_OK(file_sync(file));
        EXPECT_OK(file_read(file, 2, read, 100 < sizeof read ? 100 : 9, &got));
        EXPECT_EQ(got, 7);
        EXPECT_STRING(read, "one two");
        EXPECT_OK(file_allocate(file, 600000));
        EXPECT_OK(file_size(file, &bytes));
        EXPECT_EQ(bytes, 600000);
        EXPECT_OK(file_read(file, 599999, read, 9, &got));
        EXPECT_EQ(got, 1);
        EXPECT_EQ(read[0], 0);
        EXPECT_OK(file_truncate(file, 9));
        EXPECT_OK(file_size(file, &bytes));
        EXPECT_EQ(bytes, 9);
        file_close(file);
        EXPECT_STATUS(file_system_open(fs, a, FILE_OPEN_CREATE, &file),
                      STATUS_ALREADY_EXISTS);
        EXPECT_OK(file_system_rename(fs, a, b));
        EXPECT_STATUS(file_system_remove(fs, a), STATUS_NOT_FOUND);
        EXPECT_OK(file_system_replace(fs, deep, "c", slice_from_string("new")));
        EXPECT_OK(file_system_list(fs, deep, count_name, &names));
        EXPECT_EQ(names, 2);
        EXPECT_OK(file_system_space(fs, deep, &space));
        EXPECT(space.free_bytes > 0 && space.free_bytes <= space.total_bytes);
    }
    EXPECT_OK(file_system_remove(fs, b));
}

TEST(files, the_real_file_system_keeps_the_contract)
{
    files_contract(file_system_posix(), test_folder());
}

TEST(files, the_crashing_file_system_keeps_the_contract)
{
    struct crash_files *files = crash_files_new(0);
    files_contract(crash_files_system(files), "");
    crash_files_free(files);
}

TEST(files, many_pieces_are_written_in_order)
{
    char path[600];
    struct slice pieces[200];
    struct file *file = NULL;
    char read[201] = "";
    size_t got;
    snprintf(path, sizeof path, "%s/pieces", test_folder());
    for (size_t i = 0; i < 200; i++) {
        pieces[i] = slice_of(&"0123456789"[i % 10], 1);
    }
    EXPECT_OK(file_system_open(file_system_posix(), path, FILE_OPEN_CREATE, &file));
    EXPECT_OK(file_write_pieces(file, 0, pieces, 200));
    EXPECT_OK(file_read(file, 0, read, 200, &got));
    EXPECT_EQ(got, 200);
    for (size_t i = 0; i < 200; i++) {
        EXPECT_EQ(read[i], '0' + (int)(i % 10));
    }
    file_close(file);
}

/* What a crash leaves of four sectors written over four older ones, as a mask of the new
 * ones; 16 when the file is gone. */
static unsigned crash_once(uint64_t seed, bool sync_names, bool sync_content)
{
    struct crash_files *files = crash_files_new(0);
    struct file_system *fs = crash_files_system(files);
    uint8_t sectors[4 * CRASH_FILES_SECTOR_BYTES];
    struct file *file = NULL;
    struct slice left;
    struct rng rng;
    unsigned mask = 0;
    rng_init(&rng, seed);
    EXPECT_OK(file_system_open(fs, "/f", FILE_OPEN_CREATE, &file));
    EXPECT_OK(file_allocate(file, sizeof sectors));
    EXPECT_OK(file_sync(file));
    memset(sectors, 1, sizeof sectors);
    if (sync_names) {
        EXPECT_OK(file_system_sync_folder(fs, "/"));
    }
    EXPECT_OK(file_write(file, 0, slice_of(sectors, sizeof sectors)));
    if (sync_content) {
        EXPECT_OK(file_sync(file));
    }
    file_close(file);
    crash_files_crash(files, &rng);
    left = crash_files_bytes(files, "/f");
    for (unsigned i = 0; i < 4 && left.size > 0; i++) {
        mask |= (unsigned)left.data[i * CRASH_FILES_SECTOR_BYTES] << i;
    }
    mask = left.size == 0 ? 16 : mask;
    crash_files_free(files);
    return mask;
}

TEST(files, a_crash_keeps_drops_and_tears_what_was_not_synced)
{
    bool seen[17] = {false};
    unsigned kinds = 0;
    for (uint64_t seed = 0; seed < 500; seed++) {
        seen[crash_once(seed, false, false)] = true;
        EXPECT_EQ(crash_once(seed, true, true), 15);
        EXPECT(crash_once(seed, true, false) != 16);
    }
    for (unsigned i = 0; i < 17; i++) {
        kinds += seen[i];
    }
    EXPECT_EQ(kinds, 17);
}
