/* SPDX-License-Identifier: Apache-2.0 */
/* One contract, kept by RocksDB and by the store in memory alike. */
#include "shard/storage/store.h"

#include <stdio.h>
#include <unistd.h>

#include "shard/storage/key.h"
#include "shard/storage/store_rocks.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

typedef void contract(struct store *store);

static struct store *rocks_new(void)
{
    char path[512];
    struct store_rocks_options options = {.folder = path};
    struct problem problem = {0};
    struct store *store = NULL;
    snprintf(path, sizeof path, "%s/state", test_folder());
    if (store_rocks_open(&options, &problem, &store) != STATUS_OK) {
        test_fail(__FILE__, __LINE__, "%s", problem.message);
    }
    return store;
}

/* Runs the same body against both. */
#define CONTRACT(name_)                                                                  \
    static void contract_##name_(struct store *store);                                   \
    TEST(store_rocks, name_)                                                             \
    {                                                                                    \
        struct store *store = rocks_new();                                               \
        contract_##name_(store);                                                         \
        store_close(store);                                                              \
    }                                                                                    \
    TEST(store_memory, name_)                                                            \
    {                                                                                    \
        struct store *store = memory_store_new();                                        \
        contract_##name_(store);                                                         \
        store_close(store);                                                              \
    }                                                                                    \
    static void contract_##name_(struct store *store)

static struct slice text(const char *string)
{
    return slice_from_string(string);
}

static void write_one(struct store *store, const char *key, const char *value)
{
    struct store_batch batch;
    store_batch_init(&batch);
    if (value != NULL) {
        store_batch_put(&batch, text(key), text(value));
    } else {
        store_batch_delete(&batch, text(key));
    }
    EXPECT_OK(store_write(store, &batch));
    store_batch_close(&batch);
}

static bool has(struct store *store, const struct store_snapshot *snapshot,
                const char *key, const char *wanted)
{
    struct buffer value;
    enum status status;
    bool same;
    buffer_init(&value);
    status = store_get(store, snapshot, text(key), &value);
    same = wanted == NULL
               ? status == STATUS_NOT_FOUND
               : status == STATUS_OK && slice_equal(buffer_slice(&value), text(wanted));
    buffer_close(&value);
    return same;
}

static bool has_persisted(struct store *store, const char *key, const char *wanted)
{
    struct buffer value;
    enum status status;
    bool same;
    buffer_init(&value);
    status = store_get_persisted(store, text(key), &value);
    same = wanted == NULL
               ? status == STATUS_NOT_FOUND
               : status == STATUS_OK && slice_equal(buffer_slice(&value), text(wanted));
    buffer_close(&value);
    return same;
}

/* The keys of a scan, joined: "a b c". */
static const char *scan_keys(struct store *store, const struct store_scan *scan)
{
    static char keys[512];
    struct store_cursor *cursor = NULL;
    size_t length = 0;
    EXPECT_OK(store_cursor_open(store, scan, &cursor));
    for (; cursor->valid; store_cursor_next(cursor)) {
        length += (size_t)snprintf(keys + length, sizeof keys - length, "%s%.*s",
                                   length ? " " : "", (int)cursor->key.size,
                                   (const char *)cursor->key.data);
    }
    EXPECT_OK(cursor->status);
    store_cursor_close(cursor);
    keys[length] = 0;
    return keys;
}

CONTRACT(what_was_written_is_read)
{
    write_one(store, "a", "1");
    EXPECT(has(store, NULL, "a", "1"));
    EXPECT(has(store, NULL, "b", NULL));
    write_one(store, "a", "");
    EXPECT(has(store, NULL, "a", ""));
    write_one(store, "a", NULL);
    EXPECT(has(store, NULL, "a", NULL));
}

CONTRACT(later_changes_of_a_batch_win)
{
    struct store_batch batch;
    store_batch_init(&batch);
    store_batch_put(&batch, text("a"), text("1"));
    store_batch_put(&batch, text("a"), text("2"));
    store_batch_put(&batch, text("b"), text("1"));
    store_batch_delete(&batch, text("b"));
    store_batch_put(&batch, text("c"), text("1"));
    store_batch_delete_range(&batch, text("b"), text("d"));
    store_batch_put(&batch, text("cc"), text("1"));
    store_batch_delete_range(&batch, text("d"), text("a"));
    EXPECT_EQ(batch.change_count, 7);
    EXPECT_OK(store_write(store, &batch));
    store_batch_clear(&batch);
    EXPECT_EQ(store_batch_bytes(&batch), 0);
    store_batch_close(&batch);
    EXPECT(has(store, NULL, "a", "2"));
    EXPECT(has(store, NULL, "b", NULL));
    EXPECT(has(store, NULL, "c", NULL));
    EXPECT(has(store, NULL, "cc", "1"));
}

static void write_letters(struct store *store)
{
    for (char letter = 'a'; letter <= 'f'; letter++) {
        const char key[2] = {letter, 0};
        write_one(store, key, key);
        if (letter == 'c') {
            EXPECT_OK(store_flush(store));
        }
    }
}

CONTRACT(cursors_keep_their_bounds_in_both_directions)
{
    write_letters(store);
    EXPECT_STRING(scan_keys(store, &(struct store_scan){0}), "a b c d e f");
    EXPECT_STRING(
        scan_keys(store, &(struct store_scan){.start = text("b"), .end = text("e")}),
        "b c d");
    EXPECT_STRING(scan_keys(store, &(struct store_scan){.start = text("b"),
                                                        .end = text("e"),
                                                        .descending = true}),
                  "d c b");
    EXPECT_STRING(scan_keys(store, &(struct store_scan){.start = text("d")}), "d e f");
    EXPECT_STRING(
        scan_keys(store, &(struct store_scan){.end = text("b"), .descending = true}),
        "a");
    EXPECT_STRING(
        scan_keys(store, &(struct store_scan){.start = text("e"), .end = text("b")}), "");
    EXPECT_STRING(scan_keys(store, &(struct store_scan){.start = text("bb"),
                                                        .end = text("bz"),
                                                        .uncached = true}),
                  "");
}

CONTRACT(cursors_within_one_prefix_miss_nothing)
{
    /* Ten bytes and more: RocksDB's prefix bloom takes part. */
    for (unsigned hash = 0; hash < 20; hash++) {
        for (unsigned row = 0; row < 5; row++) {
            char key[32];
            snprintf(key, sizeof key, "s%08u%c%u", hash, 'k', row);
            write_one(store, key, "v");
        }
        if (hash == 9) {
            EXPECT_OK(store_flush(store));
        }
    }
    EXPECT_STRING(scan_keys(store, &(struct store_scan){.start = text("s00000004k1"),
                                                        .end = text("s00000004k4")}),
                  "s00000004k1 s00000004k2 s00000004k3");
    EXPECT_STRING(scan_keys(store, &(struct store_scan){.start = text("s00000014k"),
                                                        .end = text("s00000014l")}),
                  "s00000014k0 s00000014k1 s00000014k2 s00000014k3 s00000014k4");
    EXPECT_STRING(scan_keys(store, &(struct store_scan){.start = text("s00000004k4"),
                                                        .end = text("s00000005k1")}),
                  "s00000004k4 s00000005k0");
}

CONTRACT(a_cursor_does_not_see_what_is_written_after_it_was_opened)
{
    struct store_cursor *cursor = NULL;
    const struct store_scan scan = {0};
    write_one(store, "a", "1");
    EXPECT_OK(store_cursor_open(store, &scan, &cursor));
    write_one(store, "b", "1");
    write_one(store, "a", NULL);
    EXPECT(cursor->valid);
    EXPECT_SLICE(cursor->key, text("a"));
    EXPECT_SLICE(cursor->value, text("1"));
    store_cursor_next(cursor);
    EXPECT(!cursor->valid);
    store_cursor_close(cursor);
}

CONTRACT(a_snapshot_stays_while_the_store_goes_on)
{
    struct store_snapshot *snapshot = NULL;
    write_letters(store);
    EXPECT_OK(store_snapshot_open(store, &snapshot));
    write_one(store, "a", "other");
    write_one(store, "g", "new");
    write_one(store, "b", NULL);
    EXPECT_OK(store_flush(store));
    EXPECT(has(store, snapshot, "a", "a"));
    EXPECT(has(store, snapshot, "b", "b"));
    EXPECT(has(store, snapshot, "g", NULL));
    EXPECT(has(store, NULL, "g", "new"));
    EXPECT_STRING(scan_keys(store, &(struct store_scan){.snapshot = snapshot}),
                  "a b c d e f");
    store_snapshot_close(snapshot);
}

CONTRACT(only_what_was_flushed_counts_as_persisted)
{
    write_one(store, "applied", "5");
    EXPECT(has_persisted(store, "applied", NULL));
    EXPECT_OK(store_flush(store));
    EXPECT(has_persisted(store, "applied", "5"));
    write_one(store, "applied", "6");
    EXPECT(has(store, NULL, "applied", "6"));
    EXPECT(has_persisted(store, "applied", "5"));
    EXPECT_OK(store_flush(store));
    EXPECT(has_persisted(store, "applied", "6"));
}

CONTRACT(a_batch_over_the_limit_is_refused)
{
    struct store_batch batch;
    uint8_t *large = calloc(1, STORE_VALUE_BYTES_MAX);
    store_batch_init(&batch);
    for (unsigned i = 0; i < 5; i++) {
        store_batch_put(&batch, text("large"), slice_of(large, STORE_VALUE_BYTES_MAX));
    }
    free(large);
    EXPECT_STATUS(store_write(store, &batch), STATUS_TOO_LARGE);
    store_batch_close(&batch);
    EXPECT(has(store, NULL, "large", NULL));
}

CONTRACT(an_empty_batch_and_an_empty_flush_are_fine)
{
    struct store_batch batch;
    struct store_usage usage;
    store_batch_init(&batch);
    EXPECT_OK(store_write(store, &batch));
    EXPECT_OK(store_flush(store));
    store_usage(store, &usage);
    EXPECT(!usage.stalled);
    store_batch_close(&batch);
}

/* --- Prepared files --------------------------------------------------------------------- */

static void add_file(struct store_batch *batch, const char *name, const char *first,
                     const char *second)
{
    struct buffer rows;
    buffer_init(&rows);
    store_rows_add(&rows, text(first), text("file"));
    store_rows_add(&rows, text(second), text(""));
    store_batch_file_put(batch, text(name), buffer_slice(&rows));
    buffer_close(&rows);
}

static bool join_name(void *context, struct slice name)
{
    char *names = context;
    size_t length = strlen(names);
    snprintf(names + length, 64 - length, "%.*s ", (int)name.size,
             (const char *)name.data);
    return true;
}

CONTRACT(a_prepared_file_is_listed_and_not_seen_until_it_is_ingested)
{
    struct store_batch batch;
    char names[64] = "";
    store_batch_init(&batch);
    EXPECT_OK(store_file_list(store, join_name, names));
    EXPECT_STRING(names, "");
    add_file(&batch, "one", "b", "d");
    EXPECT(batch.stepwise);
    EXPECT_OK(store_write(store, &batch));
    EXPECT_OK(store_file_list(store, join_name, names));
    EXPECT_STRING(names, "one ");
    EXPECT(has(store, NULL, "b", NULL));
    store_batch_clear(&batch);
    EXPECT(!batch.stepwise);
    store_batch_file_ingest(&batch, text("one"));
    EXPECT_OK(store_write(store, &batch));
    EXPECT(has(store, NULL, "b", "file"));
    EXPECT(has(store, NULL, "d", ""));
    EXPECT(has_persisted(store, "b", "file"));
    store_batch_clear(&batch);
    store_batch_file_delete(&batch, text("one"));
    store_batch_file_delete(&batch, text("none"));
    EXPECT_OK(store_write(store, &batch));
    names[0] = 0;
    EXPECT_OK(store_file_list(store, join_name, names));
    EXPECT_STRING(names, "");
    EXPECT(has(store, NULL, "b", "file"));
    store_batch_clear(&batch);
    store_batch_file_ingest(&batch, text("one"));
    EXPECT_STATUS(store_write(store, &batch), STATUS_NOT_FOUND);
    store_batch_close(&batch);
}

/* The install of a snapshot, whole and then once more, as after a crash in it. */
CONTRACT(ranges_deleted_and_files_ingested_by_one_batch_may_be_written_again)
{
    struct store_batch batch;
    struct store_snapshot *snapshot = NULL;
    store_batch_init(&batch);
    add_file(&batch, "one", "b", "c");
    add_file(&batch, "two", "d", "e");
    EXPECT_OK(store_write(store, &batch));
    for (int round = 0; round < 3; round++) {
        write_one(store, "bb", "old");
        write_one(store, "d", "old");
        store_batch_clear(&batch);
        store_batch_delete_range(&batch, text("b"), text("f"));
        store_batch_file_ingest(&batch, text("one"));
        store_batch_file_ingest(&batch, text("two"));
        store_batch_put(&batch, text("applied"), text("7"));
        batch.flush = true;
        batch.snapshot = &snapshot;
        EXPECT_OK(store_write(store, &batch));
        EXPECT_STRING(scan_keys(store, &(struct store_scan){0}), "applied b c d e");
        EXPECT(has(store, NULL, "d", "file"));
        EXPECT(has_persisted(store, "applied", "7"));
        write_one(store, "z", "later");
        EXPECT(has(store, snapshot, "d", "file") && has(store, snapshot, "z", NULL));
        write_one(store, "z", NULL);
        store_snapshot_close(snapshot);
    }
    store_batch_close(&batch);
}

CONTRACT(rows_that_are_not_whole_or_not_in_order_are_not_read)
{
    struct buffer rows;
    struct slice key = {0}, value;
    size_t position = 0;
    buffer_init(&rows);
    store_rows_add(&rows, text("b"), text("1"));
    store_rows_add(&rows, text("a"), text("2"));
    EXPECT(store_rows_next(buffer_slice(&rows), &position, &key, &value));
    EXPECT_SLICE(key, text("b"));
    EXPECT(!store_rows_next(buffer_slice(&rows), &position, &key, &value));
    EXPECT(position < rows.size);
    position = 0;
    key = (struct slice){0};
    rows.size = 3;
    EXPECT(!store_rows_next(buffer_slice(&rows), &position, &key, &value));
    buffer_close(&rows);
    EXPECT(!store_file_name_valid(text("../x")) && !store_file_name_valid(text("")));
    EXPECT(store_file_name_valid(text("r1-0abc")));
    write_one(store, "a", "1");
}

TEST(store_memory, what_is_ingested_survives_where_what_came_before_may_not)
{
    bool lost = false;
    for (uint64_t seed = 0; seed < 20; seed++) {
        struct store *store = memory_store_new();
        struct store_batch batch;
        struct rng rng;
        rng_init(&rng, seed);
        store_batch_init(&batch);
        write_one(store, "applied", "old");
        add_file(&batch, "one", "b", "c");
        store_batch_file_ingest(&batch, text("one"));
        EXPECT_OK(store_write(store, &batch));
        memory_store_crash(store, &rng);
        EXPECT(has(store, NULL, "b", "file"));
        EXPECT_EQ(memory_store_file_count(store), 1);
        lost = lost || has(store, NULL, "applied", NULL);
        store_batch_close(&batch);
        store_close(store);
    }
    EXPECT(lost);
}

TEST(store_memory, a_crash_keeps_the_flushed_and_a_prefix_of_the_rest)
{
    for (uint64_t seed = 0; seed < 200; seed++) {
        struct store *store = memory_store_new();
        struct rng rng;
        bool gone = false;
        rng_init(&rng, seed);
        write_letters(store);
        memory_store_crash(store, &rng);
        EXPECT(has(store, NULL, "a", "a"));
        EXPECT(has(store, NULL, "c", "c"));
        for (char letter = 'd'; letter <= 'f'; letter++) {
            const char key[2] = {letter, 0};
            bool here = has(store, NULL, key, key);
            EXPECT(!(gone && here));
            gone = !here;
        }
        store_close(store);
    }
}

TEST(store_memory, a_stalled_store_takes_nothing_and_a_broken_one_stays_broken)
{
    struct store *store = memory_store_new();
    struct store_batch batch;
    uint64_t before;
    store_batch_init(&batch);
    store_batch_put(&batch, text("a"), text("1"));
    before = memory_store_sum(store);
    memory_store_stall(store, 1);
    EXPECT_STATUS(store_write(store, &batch), STATUS_OVERLOADED);
    EXPECT(memory_store_sum(store) == before);
    EXPECT_OK(store_write(store, &batch));
    EXPECT(memory_store_sum(store) != before);
    EXPECT_EQ(memory_store_count(store), 1);
    memory_store_break(store, STATUS_IO);
    EXPECT_STATUS(store_write(store, &batch), STATUS_IO);
    EXPECT_STATUS(store_flush(store), STATUS_IO);
    store_batch_close(&batch);
    store_close(store);
}
