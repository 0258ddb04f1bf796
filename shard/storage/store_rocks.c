/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/store_rocks.h"

#include <rocksdb/c.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/storage/file.h"
#include "shard/storage/key.h"
#include "shard/storage/store_rocks_private.h"

enum {
    ROCKS_TIER_PERSISTED = 2,                     /* rocksdb::kPersistedTier */
    ROCKS_PREFIX_BYTES = KEY_STATE_BYTES_MIN - 1, /* table and hash */
    ROCKS_BLOOM_BITS = 10,
    /* Files of level 0 are written once and soon merged: compressing them costs 5% of a
     * batched write's CPU and saves only their short life's disk. */
    ROCKS_LEVEL_COMPRESSED = 1,
    ROCKS_BLOCK_BYTES = 8 << 10,
    ROCKS_OPEN_FILES_MAX = 512,
    ROCKS_BACKGROUND_JOBS = 2,
    ROCKS_WRITE_BUFFERS_MAX = 4,
    ROCKS_LOG_FILES_KEPT = 2,
    ROCKS_LOG_BYTES_MAX = 1 << 20,
    ROCKS_READAHEAD_BYTES = 256 << 10,
};

struct rocks_snapshot {
    struct store_snapshot snapshot;
    const rocksdb_snapshot_t *handle;
    rocksdb_readoptions_t *read;
};

struct rocks_cursor {
    struct store_cursor cursor;
    rocksdb_iterator_t *iterator;
    rocksdb_readoptions_t *read;
    struct buffer start; /* RocksDB borrows the bounds as long as it iterates */
    struct buffer end;
    bool descending;
};

static struct store_rocks *rocks_of(struct store *store)
{
    return CONTAINER_OF(store, struct store_rocks, store);
}

/* The C API answers errors as text alone: rocksdb::Status::ToString(). */
static enum status rocks_status(const char *error)
{
    static const struct {
        const char *prefix;
        enum status status;
    } kinds[] = {
        {"Result incomplete: Write stall", STATUS_OVERLOADED},
        {"Corruption", STATUS_CHECKSUM},
        {"IO error: No space left on device", STATUS_DISK_FULL},
        {"IO error: While lock file", STATUS_FOLDER_IN_USE},
        {"IO error: lock hold by current process", STATUS_FOLDER_IN_USE},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
        if (strncmp(error, kinds[i].prefix, strlen(kinds[i].prefix)) == 0) {
            return kinds[i].status;
        }
    }
    return strstr(error, "No space left on device") ? STATUS_DISK_FULL : STATUS_IO;
}

/* Frees the text. */
enum status store_rocks_take(char *error)
{
    enum status status;
    if (error == NULL) {
        return STATUS_OK;
    }
    status = rocks_status(error);
    rocksdb_free(error);
    return status;
}

/* --- Reading --------------------------------------------------------------------------- */

static enum status rocks_get_with(struct store_rocks *rocks, rocksdb_readoptions_t *read,
                                  struct slice key, struct buffer *out_value)
{
    char *error = NULL;
    rocksdb_pinnableslice_t *value =
        rocksdb_get_pinned(rocks->db, read, (const char *)key.data, key.size, &error);
    const char *data;
    size_t size;
    if (error != NULL) {
        return store_rocks_take(error);
    }
    if (value == NULL) {
        return STATUS_NOT_FOUND;
    }
    data = rocksdb_pinnableslice_value(value, &size);
    buffer_clear(out_value);
    buffer_append(out_value, data, size);
    rocksdb_pinnableslice_destroy(value);
    return STATUS_OK;
}

static enum status rocks_get(struct store *store, const struct store_snapshot *snapshot,
                             struct slice key, struct buffer *out_value)
{
    struct store_rocks *rocks = rocks_of(store);
    rocksdb_readoptions_t *read = rocks->read;
    if (snapshot != NULL) {
        read = CONTAINER_OF(snapshot, const struct rocks_snapshot, snapshot)->read;
    }
    return rocks_get_with(rocks, read, key, out_value);
}

static enum status rocks_get_persisted(struct store *store, struct slice key,
                                       struct buffer *out_value)
{
    struct store_rocks *rocks = rocks_of(store);
    return rocks_get_with(rocks, rocks->read_persisted, key, out_value);
}

static rocksdb_readoptions_t *rocks_read_options(void)
{
    rocksdb_readoptions_t *read = rocksdb_readoptions_create();
    rocksdb_readoptions_set_verify_checksums(read, 1);
    return read;
}

/* --- Cursors --------------------------------------------------------------------------- */

static void rocks_cursor_look(struct rocks_cursor *cursor)
{
    char *error = NULL;
    cursor->cursor.valid = rocksdb_iter_valid(cursor->iterator);
    if (cursor->cursor.valid) {
        size_t size;
        const char *data = rocksdb_iter_key(cursor->iterator, &size);
        cursor->cursor.key = slice_of(data, size);
        data = rocksdb_iter_value(cursor->iterator, &size);
        cursor->cursor.value = slice_of(data, size);
        return;
    }
    rocksdb_iter_get_error(cursor->iterator, &error);
    cursor->cursor.status = store_rocks_take(error);
    cursor->cursor.key = slice_of(NULL, 0);
    cursor->cursor.value = slice_of(NULL, 0);
}

static void rocks_cursor_next(struct store_cursor *base)
{
    struct rocks_cursor *cursor = CONTAINER_OF(base, struct rocks_cursor, cursor);
    ASSERT(base->valid);
    if (cursor->descending) {
        rocksdb_iter_prev(cursor->iterator);
    } else {
        rocksdb_iter_next(cursor->iterator);
    }
    rocks_cursor_look(cursor);
}

static void rocks_cursor_close(struct store_cursor *base)
{
    struct rocks_cursor *cursor = CONTAINER_OF(base, struct rocks_cursor, cursor);
    rocksdb_iter_destroy(cursor->iterator);
    rocksdb_readoptions_destroy(cursor->read);
    buffer_close(&cursor->start);
    buffer_close(&cursor->end);
    free(cursor);
}

/* Both bounds lie under one prefix, so files without it can be skipped by their bloom. */
static bool rocks_within_prefix(const struct store_scan *scan)
{
    return scan->start.size >= ROCKS_PREFIX_BYTES &&
           scan->end.size >= ROCKS_PREFIX_BYTES &&
           memcmp(scan->start.data, scan->end.data, ROCKS_PREFIX_BYTES) == 0;
}

static void rocks_cursor_options(struct rocks_cursor *cursor,
                                 const struct store_scan *scan)
{
    rocksdb_readoptions_t *read = cursor->read;
    if (scan->start.size > 0) {
        rocksdb_readoptions_set_iterate_lower_bound(
            read, (const char *)cursor->start.data, cursor->start.size);
    }
    if (scan->end.size > 0) {
        rocksdb_readoptions_set_iterate_upper_bound(read, (const char *)cursor->end.data,
                                                    cursor->end.size);
    }
    if (!scan->descending && rocks_within_prefix(scan)) {
        rocksdb_readoptions_set_prefix_same_as_start(read, 1);
    } else {
        rocksdb_readoptions_set_total_order_seek(read, 1);
    }
    if (scan->uncached) {
        rocksdb_readoptions_set_fill_cache(read, 0);
        rocksdb_readoptions_set_readahead_size(read, ROCKS_READAHEAD_BYTES);
    }
    if (scan->snapshot != NULL) {
        rocksdb_readoptions_set_snapshot(
            read,
            CONTAINER_OF(scan->snapshot, const struct rocks_snapshot, snapshot)->handle);
    }
}

static const struct store_cursor_ops rocks_cursor_ops = {
    .next = rocks_cursor_next,
    .close = rocks_cursor_close,
};

static enum status rocks_cursor_open(struct store *store, const struct store_scan *scan,
                                     struct store_cursor **out_cursor)
{
    struct rocks_cursor *cursor = memory_zalloc(sizeof *cursor);
    cursor->cursor.ops = &rocks_cursor_ops;
    cursor->descending = scan->descending;
    buffer_append_slice(&cursor->start, scan->start);
    buffer_append_slice(&cursor->end, scan->end);
    cursor->read = rocks_read_options();
    rocks_cursor_options(cursor, scan);
    cursor->iterator = rocksdb_create_iterator(rocks_of(store)->db, cursor->read);
    if (scan->descending) {
        rocksdb_iter_seek_to_last(cursor->iterator);
    } else if (scan->start.size > 0) {
        rocksdb_iter_seek(cursor->iterator, (const char *)cursor->start.data,
                          cursor->start.size);
    } else {
        rocksdb_iter_seek_to_first(cursor->iterator);
    }
    rocks_cursor_look(cursor);
    if (cursor->cursor.status != STATUS_OK) {
        enum status status = cursor->cursor.status;
        rocks_cursor_close(&cursor->cursor);
        return status;
    }
    *out_cursor = &cursor->cursor;
    return STATUS_OK;
}

/* --- Writing --------------------------------------------------------------------------- */

struct rocks_change {
    struct store_change change;
    size_t place;
};

static void rocks_batch_add(rocksdb_writebatch_t *writes,
                            const struct store_change *change)
{
    const char *key = (const char *)change->key.data;
    const char *value = (const char *)change->value.data;
    switch (change->kind) {
    case STORE_PUT:
        rocksdb_writebatch_put(writes, key, change->key.size, value ? value : "",
                               change->value.size);
        return;
    case STORE_DELETE:
        rocksdb_writebatch_delete(writes, key, change->key.size);
        return;
    case STORE_DELETE_RANGE:
        rocksdb_writebatch_delete_range(writes, key, change->key.size, value,
                                        change->value.size);
        return;
    case STORE_FILE_PUT:
    case STORE_FILE_DELETE:
    case STORE_FILE_INGEST:
        break;
    }
    UNREACHABLE();
}

/* By key, and as given among equal keys: later changes win. */
static int rocks_change_compare(const void *a, const void *b)
{
    const struct rocks_change *left = a, *right = b;
    int order = slice_compare(left->change.key, right->change.key);
    return order ? order : (left->place > right->place) - (left->place < right->place);
}

/*
 * The changes of a batch come in the order of what touched them, which is none for hashed
 * keys. Sorted, each insert starts where the last one ended instead of at the head of the
 * memtable. A range deletion keeps the batch as it is, since it also acts on other keys.
 * Takes the changes up to the next one of files, which it hands out; false at the end.
 */
static bool rocks_batch_make(const struct store_batch *batch, size_t *position,
                             rocksdb_writebatch_t *writes, struct store_change *out_file)
{
    struct rocks_change *changes =
        memory_alloc(batch->change_count * sizeof(struct rocks_change));
    bool sortable = true, file = false;
    size_t count = 0;
    while (!file && store_batch_next(batch, position, &changes[count].change)) {
        enum store_change_kind kind = changes[count].change.kind;
        file = kind >= STORE_FILE_PUT;
        sortable = sortable && kind != STORE_DELETE_RANGE;
        changes[count].place = count;
        count += !file;
    }
    if (file) {
        *out_file = changes[count].change;
    }
    if (sortable) {
        qsort(changes, count, sizeof(struct rocks_change), rocks_change_compare);
    }
    for (size_t i = 0; i < count; i++) {
        rocks_batch_add(writes, &changes[i].change);
    }
    free(changes);
    return file;
}

static enum status rocks_flush(struct store *store);
static enum status rocks_snapshot_open(struct store *store,
                                       struct store_snapshot **out_snapshot);

static enum status rocks_write(struct store *store, const struct store_batch *batch)
{
    struct store_rocks *rocks = rocks_of(store);
    size_t position = 0;
    bool file = true;
    if (store_batch_bytes(batch) > STORE_BATCH_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    /* Per thread: counters that nobody reads. */
    rocksdb_set_perf_level(rocksdb_disable);
    while (file) {
        struct store_change change;
        rocksdb_writebatch_t *writes = rocksdb_writebatch_create();
        char *error = NULL;
        file = rocks_batch_make(batch, &position, writes, &change);
        rocksdb_write(rocks->db, rocks->write, writes, &error);
        rocksdb_writebatch_destroy(writes);
        TRY(store_rocks_take(error));
        if (file) {
            TRY(store_rocks_file_change(rocks, batch, &position, &change));
        }
    }
    if (batch->flush) {
        TRY(rocks_flush(store));
    }
    return batch->snapshot != NULL ? rocks_snapshot_open(store, batch->snapshot)
                                   : STATUS_OK;
}

static enum status rocks_flush(struct store *store)
{
    struct store_rocks *rocks = rocks_of(store);
    char *error = NULL;
    rocksdb_flush(rocks->db, rocks->flush, &error);
    return store_rocks_take(error);
}

/* --- Snapshots and numbers ------------------------------------------------------------- */

static enum status rocks_snapshot_open(struct store *store,
                                       struct store_snapshot **out_snapshot)
{
    struct rocks_snapshot *snapshot = memory_alloc(sizeof *snapshot);
    snapshot->snapshot.store = store;
    snapshot->handle = rocksdb_create_snapshot(rocks_of(store)->db);
    snapshot->read = rocks_read_options();
    rocksdb_readoptions_set_snapshot(snapshot->read, snapshot->handle);
    *out_snapshot = &snapshot->snapshot;
    return STATUS_OK;
}

static void rocks_snapshot_close(struct store_snapshot *base)
{
    struct rocks_snapshot *snapshot = CONTAINER_OF(base, struct rocks_snapshot, snapshot);
    rocksdb_readoptions_destroy(snapshot->read);
    rocksdb_release_snapshot(rocks_of(base->store)->db, snapshot->handle);
    free(snapshot);
}

static uint64_t rocks_property(struct store_rocks *rocks, const char *name)
{
    uint64_t value = 0;
    return rocksdb_property_int(rocks->db, name, &value) == 0 ? value : 0;
}

static void rocks_usage(struct store *store, struct store_usage *out_usage)
{
    struct store_rocks *rocks = rocks_of(store);
    *out_usage = (struct store_usage){
        .disk_bytes = rocks_property(rocks, "rocksdb.total-sst-files-size"),
        .memory_bytes = rocks_property(rocks, "rocksdb.cur-size-all-mem-tables"),
        .keys = rocks_property(rocks, "rocksdb.estimate-num-keys"),
        .stalled = rocks_property(rocks, "rocksdb.is-write-stopped") != 0 ||
                   rocks_property(rocks, "rocksdb.actual-delayed-write-rate") != 0,
    };
}

/* --- Opening and closing --------------------------------------------------------------- */

static void rocks_close(struct store *store)
{
    struct store_rocks *rocks = rocks_of(store);
    if (rocks->db != NULL) {
        rocksdb_close(rocks->db);
    }
    rocksdb_writeoptions_destroy(rocks->write);
    rocksdb_readoptions_destroy(rocks->read);
    rocksdb_readoptions_destroy(rocks->read_persisted);
    rocksdb_flushoptions_destroy(rocks->flush);
    rocksdb_options_destroy(rocks->options);
    rocksdb_cache_destroy(rocks->cache);
    free(rocks->files_folder);
    free(rocks);
}

static const struct store_ops rocks_ops = {
    .get = rocks_get,
    .get_persisted = rocks_get_persisted,
    .cursor_open = rocks_cursor_open,
    .write = rocks_write,
    .flush = rocks_flush,
    .snapshot_open = rocks_snapshot_open,
    .snapshot_close = rocks_snapshot_close,
    .file_list = store_rocks_file_list,
    .usage = rocks_usage,
    .close = rocks_close,
};

static rocksdb_block_based_table_options_t *rocks_table_options(rocksdb_cache_t *cache)
{
    rocksdb_block_based_table_options_t *table = rocksdb_block_based_options_create();
    rocksdb_block_based_options_set_block_cache(table, cache);
    rocksdb_block_based_options_set_block_size(table, ROCKS_BLOCK_BYTES);
    rocksdb_block_based_options_set_filter_policy(
        table, rocksdb_filterpolicy_create_bloom_full(ROCKS_BLOOM_BITS));
    rocksdb_block_based_options_set_whole_key_filtering(table, 1);
    /* Index and filters count against the cache, so that its size is the limit. */
    rocksdb_block_based_options_set_cache_index_and_filter_blocks(table, 1);
    rocksdb_block_based_options_set_pin_l0_filter_and_index_blocks_in_cache(table, 1);
    rocksdb_block_based_options_set_format_version(table, 5);
    return table;
}

static void rocks_configure(struct store_rocks *rocks,
                            const struct store_rocks_options *options)
{
    size_t cache =
        options->cache_bytes ? options->cache_bytes : (size_t)STORE_ROCKS_CACHE_BYTES;
    size_t write_buffer = options->write_buffer_bytes
                              ? options->write_buffer_bytes
                              : (size_t)STORE_ROCKS_WRITE_BUFFER_BYTES;
    rocksdb_block_based_table_options_t *table;
    rocks->options = rocksdb_options_create();
    rocks->cache = rocksdb_cache_create_lru(cache);
    table = rocks_table_options(rocks->cache);
    rocksdb_options_set_block_based_table_factory(rocks->options, table);
    rocksdb_block_based_options_destroy(table);
    rocksdb_options_set_create_if_missing(rocks->options, 1);
    rocksdb_options_set_paranoid_checks(rocks->options, 1);
    rocksdb_options_set_prefix_extractor(
        rocks->options, rocksdb_slicetransform_create_fixed_prefix(ROCKS_PREFIX_BYTES));
    rocksdb_options_set_write_buffer_size(rocks->options, write_buffer);
    rocksdb_options_set_max_write_buffer_number(rocks->options, ROCKS_WRITE_BUFFERS_MAX);
    rocksdb_options_set_max_background_jobs(rocks->options, ROCKS_BACKGROUND_JOBS);
    rocksdb_options_set_max_open_files(rocks->options, ROCKS_OPEN_FILES_MAX);
    rocksdb_options_set_compression(rocks->options, rocksdb_lz4_compression);
    rocksdb_options_set_min_level_to_compress(rocks->options, ROCKS_LEVEL_COMPRESSED);
    rocksdb_options_set_level_compaction_dynamic_level_bytes(rocks->options, 1);
    rocksdb_options_set_bytes_per_sync(rocks->options, 1 << 20);
    rocksdb_options_set_keep_log_file_num(rocks->options, ROCKS_LOG_FILES_KEPT);
    rocksdb_options_set_max_log_file_size(rocks->options, ROCKS_LOG_BYTES_MAX);
    rocks->write = rocksdb_writeoptions_create();
    rocksdb_writeoptions_disable_WAL(rocks->write, 1);
    rocksdb_writeoptions_set_no_slowdown(rocks->write, 1);
    rocks->read = rocks_read_options();
    rocks->read_persisted = rocks_read_options();
    rocksdb_readoptions_set_read_tier(rocks->read_persisted, ROCKS_TIER_PERSISTED);
    rocks->flush = rocksdb_flushoptions_create();
    rocksdb_flushoptions_set_wait(rocks->flush, 1);
}

enum status store_rocks_open(const struct store_rocks_options *options,
                             struct problem *problem, struct store **out_store)
{
    struct store_rocks *rocks;
    char *error = NULL;
    TRY(file_system_ensure_folder(file_system_posix(), options->folder));
    rocks = memory_zalloc(sizeof *rocks);
    rocks->store.ops = &rocks_ops;
    rocks->files_folder = store_rocks_files_folder(options->folder);
    rocks_configure(rocks, options);
    rocks->db = rocksdb_open(rocks->options, options->folder, &error);
    if (error != NULL) {
        enum status status = rocks_status(error);
        if (problem != NULL) {
            problem_set(problem, status, "", "%s", error);
        }
        rocksdb_free(error);
        rocks_close(&rocks->store);
        return status;
    }
    *out_store = &rocks->store;
    return STATUS_OK;
}
