/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/storage/store.h"

void store_batch_init(struct store_batch *batch)
{
    *batch = (struct store_batch){0};
    buffer_init(&batch->changes);
}

void store_batch_close(struct store_batch *batch)
{
    if (batch != NULL) {
        buffer_close(&batch->changes);
        store_batch_clear(batch);
    }
}

void store_batch_clear(struct store_batch *batch)
{
    buffer_clear(&batch->changes);
    batch->change_count = 0;
    batch->stepwise = false;
    batch->flush = false;
    batch->snapshot = NULL;
}

size_t store_batch_bytes(const struct store_batch *batch)
{
    return batch->changes.size;
}

/* In memory only: kind, key, value. */
static void store_batch_add(struct store_batch *batch, enum store_change_kind kind,
                            struct slice key, struct slice value)
{
    ASSERT(key.size > 0 && key.size <= STORE_KEY_BYTES_MAX);
    ASSERT(value.size <= STORE_VALUE_BYTES_MAX);
    encode_u8(&batch->changes, (uint8_t)kind);
    encode_bytes(&batch->changes, key);
    encode_bytes(&batch->changes, value);
    batch->change_count++;
}

void store_batch_put(struct store_batch *batch, struct slice key, struct slice value)
{
    store_batch_add(batch, STORE_PUT, key, value);
}

void store_batch_delete(struct store_batch *batch, struct slice key)
{
    store_batch_add(batch, STORE_DELETE, key, slice_of(NULL, 0));
}

void store_batch_delete_range(struct store_batch *batch, struct slice start,
                              struct slice end)
{
    ASSERT(end.size > 0 && end.size <= STORE_KEY_BYTES_MAX);
    if (slice_compare(start, end) < 0) {
        store_batch_add(batch, STORE_DELETE_RANGE, start, end);
    }
}

void store_batch_append(struct store_batch *batch, const struct store_batch *other)
{
    ASSERT(batch != other && other->snapshot == NULL);
    buffer_append_slice(&batch->changes, buffer_slice(&other->changes));
    batch->change_count += other->change_count;
    batch->stepwise = batch->stepwise || other->stepwise;
    batch->flush = batch->flush || other->flush;
}

/* --- Prepared files --------------------------------------------------------------------- */

bool store_file_name_valid(struct slice name)
{
    for (size_t i = 0; i < name.size; i++) {
        uint8_t byte = name.data[i];
        if (byte != '-' && !(byte >= '0' && byte <= '9') &&
            !(byte >= 'a' && byte <= 'z')) {
            return false;
        }
    }
    return name.size > 0 && name.size <= STORE_FILE_NAME_BYTES_MAX;
}

static void store_batch_add_file(struct store_batch *batch, enum store_change_kind kind,
                                 struct slice name, struct slice rows)
{
    ASSERT(store_file_name_valid(name));
    store_batch_add(batch, kind, name, rows);
    batch->stepwise = true;
}

void store_batch_file_put(struct store_batch *batch, struct slice name, struct slice rows)
{
    ASSERT(rows.size > 0);
    store_batch_add_file(batch, STORE_FILE_PUT, name, rows);
}

void store_batch_file_delete(struct store_batch *batch, struct slice name)
{
    store_batch_add_file(batch, STORE_FILE_DELETE, name, slice_of(NULL, 0));
}

void store_batch_file_ingest(struct store_batch *batch, struct slice name)
{
    store_batch_add_file(batch, STORE_FILE_INGEST, name, slice_of(NULL, 0));
}

void store_rows_add(struct buffer *rows, struct slice key, struct slice value)
{
    encode_bytes(rows, key);
    encode_bytes(rows, value);
}

bool store_rows_next(struct slice rows, size_t *position, struct slice *previous,
                     struct slice *out_value)
{
    struct reader reader;
    struct slice key, value;
    if (*position == rows.size) {
        return false;
    }
    reader_init(&reader, slice_of(rows.data + *position, rows.size - *position));
    key = read_bytes(&reader);
    value = read_bytes(&reader);
    if (reader.failed || key.size == 0 || key.size > STORE_KEY_BYTES_MAX ||
        value.size > STORE_VALUE_BYTES_MAX ||
        (previous->size > 0 && slice_compare(*previous, key) >= 0)) {
        return false;
    }
    *position = rows.size - reader_left(&reader);
    *previous = key;
    *out_value = value;
    return true;
}

/* --- Reading back ----------------------------------------------------------------------- */

bool store_batch_next(const struct store_batch *batch, size_t *position,
                      struct store_change *out_change)
{
    struct reader reader;
    if (*position == batch->changes.size) {
        return false;
    }
    reader_init(&reader, slice_of(batch->changes.data + *position,
                                  batch->changes.size - *position));
    out_change->kind = (enum store_change_kind)read_u8(&reader);
    out_change->key = read_bytes(&reader);
    out_change->value = read_bytes(&reader);
    ASSERT(!reader.failed);
    *position = batch->changes.size - reader_left(&reader);
    return true;
}
