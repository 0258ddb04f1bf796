/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/storage/store.h"

void store_batch_init(struct store_batch *batch)
{
    buffer_init(&batch->changes);
    batch->change_count = 0;
}

void store_batch_close(struct store_batch *batch)
{
    if (batch != NULL) {
        buffer_close(&batch->changes);
        batch->change_count = 0;
    }
}

void store_batch_clear(struct store_batch *batch)
{
    buffer_clear(&batch->changes);
    batch->change_count = 0;
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
