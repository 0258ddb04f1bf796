/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam of ordered state: keys in bytewise order, atomic batches, no write-ahead log
 * (the replicated log is one). What is written is visible at once, survives the process
 * only after a flush, and is always a prefix of the batches written: so the applied index
 * belongs into the same batch as what it covers.
 *
 * Beside its rows a store keeps prepared files: sorted rows that arrived from elsewhere,
 * durable, not visible until a batch ingests them (the install of a snapshot).
 *
 * Implementations: store_rocks.h, and tests/lib/memory_store.h.
 *
 * Threads: write, flush and snapshot_open are called by one thread, the apply writer;
 * they block. Reads (get, cursors, snapshots, file_list) may be made by any thread; one
 * cursor belongs to one thread.
 */
#ifndef SOUK_SHARD_STORAGE_STORE_H
#define SOUK_SHARD_STORAGE_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    STORE_KEY_BYTES_MAX = 4096,
    STORE_VALUE_BYTES_MAX = 16 << 20,
    STORE_BATCH_BYTES_MAX = 64 << 20, /* write answers TOO_LARGE above */
    STORE_FILE_NAME_BYTES_MAX = 64,
};

struct store_snapshot;

/*
 * Changes that become visible, and durable, together. Later ones win over earlier.
 *
 * A batch with changes of files is carried out step by step instead, in order: what stands
 * between two such changes is all or nothing, but a crash may leave any first part of the
 * whole, so whoever writes one has to be able to write it again. What it ingests is durable
 * at once, even where earlier rows are not yet.
 */
struct store_batch {
    struct buffer changes;
    size_t change_count;
    bool stepwise; /* has a change of files */
    bool flush;    /* when written, all of it survives a crash, as store_flush */
    /* Not NULL: gets a snapshot that shows this batch and no later one. */
    struct store_snapshot **snapshot;
};

enum store_change_kind {
    STORE_PUT,
    STORE_DELETE,
    STORE_DELETE_RANGE, /* [key, value) */
    STORE_FILE_PUT,     /* prepares the file `key` with the rows in `value` */
    STORE_FILE_DELETE,  /* forgets the prepared file `key`, if it is there */
    STORE_FILE_INGEST,  /* makes the rows of the file `key` visible; the file stays */
};

struct store_change {
    enum store_change_kind kind;
    struct slice key;
    struct slice value; /* the end of a range for STORE_DELETE_RANGE */
};

void store_batch_init(struct store_batch *batch);
void store_batch_close(struct store_batch *batch);
void store_batch_clear(struct store_batch *batch); /* keeps the memory */
size_t store_batch_bytes(const struct store_batch *batch);
/* Keys are 1 to STORE_KEY_BYTES_MAX bytes. Everything is copied in. */
void store_batch_put(struct store_batch *batch, struct slice key, struct slice value);
void store_batch_delete(struct store_batch *batch, struct slice key);
/* Deletes [start, end); nothing when start >= end. */
void store_batch_delete_range(struct store_batch *batch, struct slice start,
                              struct slice end);
/* Adds the changes of another batch behind those here. */
void store_batch_append(struct store_batch *batch, const struct store_batch *other);
/* Names are 1 to STORE_FILE_NAME_BYTES_MAX of [a-z0-9-]. Rows (store_rows_add) ascend by
 * key, and are at least one. */
void store_batch_file_put(struct store_batch *batch, struct slice name,
                          struct slice rows);
void store_batch_file_delete(struct store_batch *batch, struct slice name);
/* Files ingested by one batch must not overlap each other. NOT_FOUND: no such file. */
void store_batch_file_ingest(struct store_batch *batch, struct slice name);
bool store_file_name_valid(struct slice name);

/* Rows as bytes: varint sizes before key and value. */
void store_rows_add(struct buffer *rows, struct slice key, struct slice value);
/* Walks them: start with *position = 0; false at the end, or where the bytes are not
 * whole rows with valid keys in ascending order; then *position < rows.size. `previous` is
 * the key before, empty at the start. */
bool store_rows_next(struct slice rows, size_t *position, struct slice *previous,
                     struct slice *out_value);

/* Walks the changes: start with *position = 0; false at the end. Slices are borrowed. */
bool store_batch_next(const struct store_batch *batch, size_t *position,
                      struct store_change *out_change);

struct store;
struct store_cursor;

/* A view of all batches written before it was opened; implementations extend it. */
struct store_snapshot {
    struct store *store;
};

/* Keys in [start, end); an empty end = no bound. The slices are copied. */
struct store_scan {
    struct slice start;
    struct slice end;
    bool descending;
    bool uncached; /* a long walk that should not push out what others need */
    const struct store_snapshot *snapshot; /* NULL = the moment the cursor is opened */
};

struct store_cursor_ops {
    void (*next)(struct store_cursor *cursor);
    void (*close)(struct store_cursor *cursor);
};

/* Implementations extend it and keep key and value up to date. */
struct store_cursor {
    const struct store_cursor_ops *ops;
    bool valid;         /* key and value are set; false at the end or after an error */
    enum status status; /* OK, IO or CHECKSUM: look when valid has become false */
    struct slice key;   /* borrowed until the next step */
    struct slice value;
};

/* For metrics and back pressure. */
struct store_usage {
    uint64_t disk_bytes;
    uint64_t memory_bytes; /* unflushed */
    uint64_t keys;         /* an estimate */
    bool stalled;          /* writes would answer OVERLOADED now, or soon */
};

/* One prepared file; `name` is borrowed. Returning false ends the walk. */
typedef bool store_file_visitor(void *context, struct slice name);

struct store_ops {
    enum status (*get)(struct store *store, const struct store_snapshot *snapshot,
                       struct slice key, struct buffer *out_value);
    enum status (*get_persisted)(struct store *store, struct slice key,
                                 struct buffer *out_value);
    enum status (*cursor_open)(struct store *store, const struct store_scan *scan,
                               struct store_cursor **out_cursor);
    enum status (*write)(struct store *store, const struct store_batch *batch);
    enum status (*flush)(struct store *store);
    enum status (*snapshot_open)(struct store *store,
                                 struct store_snapshot **out_snapshot);
    void (*snapshot_close)(struct store_snapshot *snapshot);
    enum status (*file_list)(struct store *store, store_file_visitor *visit,
                             void *context);
    void (*usage)(struct store *store, struct store_usage *out_usage);
    void (*close)(struct store *store);
};

struct store {
    const struct store_ops *ops;
};

/* Replaces the content of `out_value`. NOT_FOUND, IO, CHECKSUM. snapshot may be NULL. */
static inline MUST_USE enum status store_get(struct store *store,
                                             const struct store_snapshot *snapshot,
                                             struct slice key, struct buffer *out_value)
{
    return store->ops->get(store, snapshot, key, out_value);
}

/* The same, but only what a crash now would leave: for the flushed applied index. */
static inline MUST_USE enum status
store_get_persisted(struct store *store, struct slice key, struct buffer *out_value)
{
    return store->ops->get_persisted(store, key, out_value);
}

/* Stands on the first key, or is not valid. */
static inline MUST_USE enum status store_cursor_open(struct store *store,
                                                     const struct store_scan *scan,
                                                     struct store_cursor **out_cursor)
{
    return store->ops->cursor_open(store, scan, out_cursor);
}

static inline void store_cursor_next(struct store_cursor *cursor)
{
    cursor->ops->next(cursor);
}

/* Accepts NULL. Before its store and its snapshot are closed. */
static inline void store_cursor_close(struct store_cursor *cursor)
{
    if (cursor != NULL) {
        cursor->ops->close(cursor);
    }
}

/*
 * All changes or none (but see stepwise). OVERLOADED: the store is stalled and nothing was
 * written, the batch may be written again later; a stepwise one has to be. Any other
 * failure (IO, CHECKSUM, DISK_FULL) is final: the process must end.
 */
static inline MUST_USE enum status store_write(struct store *store,
                                               const struct store_batch *batch)
{
    return store->ops->write(store, batch);
}

/* OK: everything written so far survives a crash. A failure is final. */
static inline MUST_USE enum status store_flush(struct store *store)
{
    return store->ops->flush(store);
}

static inline MUST_USE enum status
store_snapshot_open(struct store *store, struct store_snapshot **out_snapshot)
{
    return store->ops->snapshot_open(store, out_snapshot);
}

/* Accepts NULL. */
static inline void store_snapshot_close(struct store_snapshot *snapshot)
{
    if (snapshot != NULL) {
        snapshot->store->ops->snapshot_close(snapshot);
    }
}

/* Every prepared file, in no order. Not while a batch with files is being written. */
static inline MUST_USE enum status
store_file_list(struct store *store, store_file_visitor *visit, void *context)
{
    return store->ops->file_list(store, visit, context);
}

static inline void store_usage(struct store *store, struct store_usage *out_usage)
{
    store->ops->usage(store, out_usage);
}

/* Accepts NULL. Does not promise to flush: call store_flush before, if wanted. */
static inline void store_close(struct store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

#endif
