/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "shard/customer/customer_private.h"
#include "shard/storage/store.h"

enum {
    ROW_BYTES_ABOUT = 64, /* a key and the batch's own bytes, for dirty_bytes */
};

void customer_block_add(struct customer_shard *shard, struct customer_row *row,
                        const struct row_event *event)
{
    struct event_block *block = NULL;
    if (!list_empty(&row->blocks)) {
        block = LIST_ENTRY(row->blocks.previous, struct event_block, blocks);
    }
    if (block == NULL || block->index != 0 || block->bytes.size > EVENT_BLOCK_BYTES_MAX) {
        block = memory_zalloc(sizeof *block);
        block->ordinal = row->event_count;
        list_init(&block->flying);
        buffer_init(&block->bytes);
        row_events_begin(&block->bytes);
        list_append(&row->blocks, &block->blocks);
        shard->dirty_bytes += ROW_BYTES_ABOUT;
    }
    size_t before = block->bytes.size;
    row_events_add(&block->bytes, event);
    shard->dirty_bytes += block->bytes.size - before;
    row->event_count++;
    customer_mark_dirty(shard, row);
}

struct collect {
    struct customer_shard *shard;
    struct store_batch *batch;
    struct buffer key;
    struct buffer value;
};

static void collect_put(struct collect *collect, struct slice value)
{
    store_batch_put(collect->batch, buffer_slice(&collect->key), value);
    buffer_clear(&collect->key);
    buffer_clear(&collect->value);
}

static void collect_customer(struct collect *collect, struct customer_row *row)
{
    for (struct list *node = row->blocks.next; node != &row->blocks; node = node->next) {
        struct event_block *block = LIST_ENTRY(node, struct event_block, blocks);
        if (block->index == 0) {
            row_key_events(&collect->key, row->id, block->ordinal);
            collect_put(collect, buffer_slice(&block->bytes));
            block->index = collect->shard->index;
            list_append(&collect->shard->flying, &block->flying);
        }
    }
    if (row->profile_dirty) {
        row_key_customer(&collect->key, ROW_PROFILE, row->id);
        collect_put(collect, slice_of(row->profile, row->profile_size));
        row->profile_dirty = false;
    }
    row->stored = true;
}

/* Before anything is put: what the same id did after its erasure is of a new customer. */
static void collect_erased(struct collect *collect)
{
    struct list *node;
    while ((node = list_pop(&collect->shard->erased)) != NULL) {
        struct erased_row *erased = LIST_ENTRY(node, struct erased_row, list);
        row_key_customer(&collect->key, ROW_PROFILE, erased->id);
        store_batch_delete(collect->batch, buffer_slice(&collect->key));
        buffer_clear(&collect->key);
        row_key_events(&collect->key, erased->id, 0);
        row_key_events(&collect->value, erased->id, UINT64_MAX);
        store_batch_delete_range(collect->batch, buffer_slice(&collect->key),
                                 buffer_slice(&collect->value));
        buffer_clear(&collect->key);
        buffer_clear(&collect->value);
        free(erased);
    }
}

static void collect_requests(struct collect *collect)
{
    struct customer_shard *shard = collect->shard;
    struct list *node;
    while ((node = list_pop(&shard->dirty_requests)) != NULL) {
        struct request_row *request = LIST_ENTRY(node, struct request_row, dirty);
        row_key_request(&collect->key, request->anchor, request->id);
        row_request_encode(&collect->value, &request->row);
        collect_put(collect, buffer_slice(&collect->value));
        request->stored = true;
    }
    while ((node = list_pop(&shard->request_gone)) != NULL) {
        struct request_row *request = LIST_ENTRY(node, struct request_row, order);
        row_key_request(&collect->key, request->anchor, request->id);
        store_batch_delete(collect->batch, buffer_slice(&collect->key));
        buffer_clear(&collect->key);
        free(request);
    }
}

static void collect_lanes(struct collect *collect)
{
    struct customer_shard *shard = collect->shard;
    uint64_t first = shard->options.range.first;
    struct import_change change;
    while (import_lanes_collect(&shard->lanes, &change, &collect->value)) {
        if (change.of_block) {
            row_key_refused(&collect->key, first, change.import_id, change.base);
        } else {
            row_key_lane(&collect->key, first, change.import_id);
        }
        if (change.gone) {
            store_batch_delete(collect->batch, buffer_slice(&collect->key));
            buffer_clear(&collect->key);
        } else {
            collect_put(collect, buffer_slice(&collect->value));
        }
    }
}

void customer_collect(struct customer_shard *shard, struct store_batch *batch)
{
    struct collect collect = {.shard = shard, .batch = batch};
    struct list *node;
    ASSERT(!shard->open);
    buffer_init(&collect.key);
    buffer_init(&collect.value);
    collect_erased(&collect);
    while ((node = list_pop(&shard->dirty)) != NULL) {
        collect_customer(&collect, LIST_ENTRY(node, struct customer_row, dirty));
    }
    collect_lanes(&collect);
    collect_requests(&collect);
    if (shard->shard_dirty) {
        const struct row_shard row = {.log_ms = shard->log_ms,
                                      .event_floor_ms = shard->event_floor_ms,
                                      .request_floor_ms = shard->request_floor_ms};
        row_key_shard(&collect.key, shard->options.range.first);
        row_shard_encode(&collect.value, &row);
        collect_put(&collect, buffer_slice(&collect.value));
        shard->shard_dirty = false;
    }
    shard->dirty_bytes = 0;
    buffer_close(&collect.key);
    buffer_close(&collect.value);
}

void customer_flushed(struct customer_shard *shard, uint64_t index)
{
    while (!list_empty(&shard->flying)) {
        struct event_block *block =
            LIST_ENTRY(shard->flying.next, struct event_block, flying);
        if (block->index > index) {
            break;
        }
        list_remove(&block->flying);
        list_remove(&block->blocks);
        buffer_close(&block->bytes);
        free(block);
    }
}

uint64_t customer_dirty_bytes(const struct customer_shard *shard)
{
    return shard->dirty_bytes;
}
