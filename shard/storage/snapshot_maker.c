/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/snapshot_maker.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/mutant.h"

enum {
    SNAPSHOT_CUT_SEED = 1, /* stored nowhere, but equal on all replicas it shares most */
    SNAPSHOT_ROW_REQUESTS = 7, /* of shard/inventory: for a planted fault */
    SNAPSHOT_NO_CHUNK = UINT32_MAX,
};

struct snapshot_maker {
    struct store_snapshot *snapshot;
    struct snapshot_manifest manifest;
    size_t chunk_capacity;
    struct buffer starts; /* the chunks' first keys, one behind the other */
    struct buffer members;
    struct buffer bytes; /* the manifest, encoded */
    size_t chunk_bytes;
    unsigned section; /* log-order rows, then the table's: in the order of keys */
    struct store_cursor *cursor;
    struct buffer rows; /* of the chunk being cut, or of the one asked for last */
    uint32_t rows_chunk;
    bool done;
};

enum {
    SNAPSHOT_SECTIONS = 2,
};

struct snapshot_maker *snapshot_maker_new(struct store_snapshot **snapshot,
                                          const struct snapshot_manifest *head,
                                          size_t chunk_bytes)
{
    struct snapshot_maker *maker = memory_zalloc(sizeof *maker);
    maker->snapshot = *snapshot;
    *snapshot = NULL;
    maker->manifest = *head;
    maker->manifest.chunks = NULL;
    maker->manifest.chunk_count = 0;
    buffer_init(&maker->starts);
    buffer_init(&maker->members);
    buffer_init(&maker->bytes);
    buffer_init(&maker->rows);
    buffer_append_slice(&maker->members, head->members);
    maker->manifest.members = buffer_slice(&maker->members);
    maker->chunk_bytes = chunk_bytes != 0 ? chunk_bytes : (size_t)SNAPSHOT_CHUNK_BYTES;
    ASSERT(maker->chunk_bytes <= SNAPSHOT_CHUNK_BYTES);
    maker->rows_chunk = SNAPSHOT_NO_CHUNK;
    return maker;
}

void snapshot_maker_free(struct snapshot_maker *maker)
{
    if (maker == NULL) {
        return;
    }
    store_cursor_close(maker->cursor);
    store_snapshot_close(maker->snapshot);
    free(maker->manifest.chunks);
    buffer_close(&maker->starts);
    buffer_close(&maker->members);
    buffer_close(&maker->bytes);
    buffer_close(&maker->rows);
    free(maker);
}

/* --- Reading ---------------------------------------------------------------------------- */

/* 'c' < 'd' < 'o' < 's': the tables of customers and of the directory come before the
 * log-order rows, SKUs behind. */
static bool maker_reads_table(const struct snapshot_maker *maker, unsigned section)
{
    return (maker->manifest.table != KEY_TABLE_SKU) == (section == 0);
}

static enum status maker_open_cursor(struct snapshot_maker *maker, unsigned section,
                                     struct slice from, struct store_cursor **out_cursor)
{
    struct buffer start, end;
    buffer_init(&start);
    buffer_init(&end);
    if (maker_reads_table(maker, section)) {
        key_bounds_range(maker->manifest.table, maker->manifest.range, &start, &end);
    } else {
        key_bounds_order(maker->manifest.shard_id, 0, 0, &start, &end);
    }
    const struct store_scan scan = {
        .start = from.size > 0 ? from : buffer_slice(&start),
        .end = buffer_slice(&end),
        .uncached = true,
        .snapshot = maker->snapshot,
    };
    enum status status = store_cursor_open(maker->snapshot->store, &scan, out_cursor);
    buffer_close(&start);
    buffer_close(&end);
    return status;
}

static bool maker_skips(struct slice key)
{
    struct key_state parts;
    return MUTANT(snapshot_no_requests) && key_parse_state(key, &parts) &&
           parts.table == KEY_TABLE_SKU && parts.kind == SNAPSHOT_ROW_REQUESTS;
}

/*
 * Is a chunk of `bytes` cut behind this row? By chance that the key decides, so that a
 * change of one row moves the bounds around it and no others (Muthitacharoen et al.,
 * "A low-bandwidth network file system", 2001), and as likely as the row is large.
 */
static bool maker_cuts(const struct snapshot_maker *maker, struct slice key,
                       size_t row_bytes, size_t bytes)
{
    size_t draw = (size_t)(hash64(key, SNAPSHOT_CUT_SEED) % maker->chunk_bytes);
    return (bytes >= maker->chunk_bytes / 2 && draw < row_bytes) ||
           bytes >= maker->chunk_bytes * SNAPSHOT_CHUNK_FACTOR_MAX;
}

/* --- The manifest ----------------------------------------------------------------------- */

/* Ends the chunk whose rows stand in `rows`. */
static enum status maker_end_chunk(struct snapshot_maker *maker)
{
    struct snapshot_manifest *manifest = &maker->manifest;
    if (maker->rows.size == 0) {
        return STATUS_OK;
    }
    if (manifest->chunk_count == SNAPSHOT_CHUNKS_MAX ||
        maker->rows.size > SNAPSHOT_CHUNK_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    memory_reserve((void **)&manifest->chunks, &maker->chunk_capacity,
                   (size_t)manifest->chunk_count + 1, sizeof *manifest->chunks);
    struct slice rows = buffer_slice(&maker->rows), start = {0}, value;
    size_t position = 0;
    bool whole = store_rows_next(rows, &position, &start, &value);
    ASSERT(whole);
    manifest->chunks[manifest->chunk_count++] = (struct snapshot_chunk){
        .bytes = (uint32_t)rows.size,
        .checksum = hash128(rows, 0),
        .start = {.size = start.size}, /* its bytes move while `starts` grows */
    };
    buffer_append_slice(&maker->starts, start);
    buffer_clear(&maker->rows);
    return STATUS_OK;
}

static enum status maker_finish(struct snapshot_maker *maker)
{
    const uint8_t *start = maker->starts.data;
    for (uint32_t i = 0; i < maker->manifest.chunk_count; i++) {
        maker->manifest.chunks[i].start.data = start;
        start += maker->manifest.chunks[i].start.size;
    }
    snapshot_manifest_encode(&maker->bytes, &maker->manifest);
    maker->done = true;
    return maker->bytes.size <= SNAPSHOT_MANIFEST_BYTES_MAX ? STATUS_OK
                                                            : STATUS_TOO_LARGE;
}

static enum status maker_take_row(struct snapshot_maker *maker, size_t *bytes)
{
    struct slice key = maker->cursor->key;
    size_t before = maker->rows.size;
    if (maker_skips(key)) {
        return STATUS_OK;
    }
    store_rows_add(&maker->rows, key, maker->cursor->value);
    size_t row_bytes = maker->rows.size - before;
    *bytes -= row_bytes < *bytes ? row_bytes : *bytes;
    return maker_cuts(maker, key, row_bytes, maker->rows.size) ? maker_end_chunk(maker)
                                                               : STATUS_OK;
}

enum status snapshot_maker_step(struct snapshot_maker *maker, size_t bytes,
                                bool *out_done)
{
    while (!maker->done && bytes > 0) {
        if (maker->cursor == NULL) {
            TRY(maker_open_cursor(maker, maker->section, slice_of(NULL, 0),
                                  &maker->cursor));
        }
        for (; bytes > 0 && maker->cursor->valid; store_cursor_next(maker->cursor)) {
            TRY(maker_take_row(maker, &bytes));
        }
        if (maker->cursor->valid) {
            break;
        }
        TRY(maker->cursor->status);
        TRY(maker_end_chunk(maker)); /* no chunk spans two sections */
        store_cursor_close(maker->cursor);
        maker->cursor = NULL;
        if (++maker->section == SNAPSHOT_SECTIONS) {
            TRY(maker_finish(maker));
        }
    }
    *out_done = maker->done;
    return STATUS_OK;
}

const struct snapshot_manifest *
snapshot_maker_manifest(const struct snapshot_maker *maker)
{
    ASSERT(maker->done);
    return &maker->manifest;
}

struct slice snapshot_maker_manifest_bytes(const struct snapshot_maker *maker)
{
    ASSERT(maker->done);
    return buffer_slice(&maker->bytes);
}

struct snapshot_head snapshot_maker_head(const struct snapshot_maker *maker)
{
    ASSERT(maker->done);
    return (struct snapshot_head){
        .index = maker->manifest.index,
        .term = maker->manifest.term,
        .manifest_bytes = maker->bytes.size,
        .manifest_checksum = hash128(buffer_slice(&maker->bytes), 0),
    };
}

/* --- Chunks again ----------------------------------------------------------------------- */

static enum status maker_read_chunk(struct snapshot_maker *maker, uint32_t chunk)
{
    const struct snapshot_manifest *manifest = &maker->manifest;
    struct slice start = manifest->chunks[chunk].start;
    struct key_state state;
    bool table = key_parse_state(start, &state);
    unsigned section = maker_reads_table(maker, 0) == table ? 0 : 1;
    struct store_cursor *cursor;
    TRY(maker_open_cursor(maker, section, start, &cursor));
    buffer_clear(&maker->rows);
    for (; cursor->valid && maker->rows.size < manifest->chunks[chunk].bytes;
         store_cursor_next(cursor)) {
        if (!maker_skips(cursor->key)) {
            store_rows_add(&maker->rows, cursor->key, cursor->value);
        }
    }
    enum status status = cursor->status;
    store_cursor_close(cursor);
    return status == STATUS_OK
               ? snapshot_chunk_check(manifest, chunk, buffer_slice(&maker->rows))
               : status;
}

enum status snapshot_maker_chunk(struct snapshot_maker *maker, uint32_t chunk,
                                 struct slice *out_rows)
{
    ASSERT(maker->done);
    if (chunk >= maker->manifest.chunk_count) {
        return STATUS_NOT_FOUND;
    }
    if (maker->rows_chunk != chunk) {
        maker->rows_chunk = SNAPSHOT_NO_CHUNK;
        TRY(maker_read_chunk(maker, chunk));
        maker->rows_chunk = chunk;
    }
    *out_rows = buffer_slice(&maker->rows);
    return STATUS_OK;
}
