/* SPDX-License-Identifier: Apache-2.0 */
/* Memory into a batch at one index, and back at start: all dealings with the store. */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"
#include "shard/storage/store.h"

enum {
    FLUSH_REQUEST_KEY_BYTES = 12, /* be64(chunk) be32(part) */
};

/* Rows of one key lie under its hash, rows of the shard as a whole at its range's first. */
static bool flush_of_key(enum row_kind kind)
{
    return kind < ROW_LOCATION_COPY || kind == ROW_COUNT_LINE || kind == ROW_ALIAS ||
           kind == ROW_HOLD_PART;
}

static void flush_key(const struct inventory *inventory, struct buffer *key,
                      enum row_kind kind, uint64_t hash)
{
    const struct key_state parts = {
        .table = KEY_TABLE_SKU,
        .kind = (uint8_t)kind,
        .hash = flush_of_key(kind) ? hash : inventory->options.range.start,
    };
    buffer_clear(key);
    key_append_state(key, &parts);
}

static void flush_key_level(const struct inventory *inventory, struct buffer *key,
                            const struct level_row *level)
{
    flush_key(inventory, key, ROW_LEVEL, level->sku->node.hash);
    buffer_append_slice(key, level->sku->node.id);
    encode_u8(key, 0);
    buffer_append_slice(key, level->location->node.id);
}

static void flush_key_hold(const struct inventory *inventory, struct buffer *key,
                           struct inventory_hold_id id)
{
    flush_key(inventory, key, ROW_HOLD, id.anchor);
    encode_be64(key, id.unique);
}

static void flush_key_count(const struct inventory *inventory, struct buffer *key,
                            const struct count_row *count)
{
    flush_key(inventory, key, ROW_COUNT, 0);
    buffer_append_slice(key, count->node.id);
}

static void flush_key_count_line(const struct inventory *inventory, struct buffer *key,
                                 const struct count_line *line)
{
    flush_key(inventory, key, ROW_COUNT_LINE, line->node.hash);
    buffer_append_slice(key, line->count->node.id);
    encode_u8(key, 0);
    buffer_append_slice(key, line->node.id);
}

static void flush_key_hold_part(const struct inventory *inventory, struct buffer *key,
                                const struct part_row *part)
{
    flush_key(inventory, key, ROW_HOLD_PART, part->sku->node.hash);
    encode_be64(key, part->id.anchor);
    encode_be64(key, part->id.unique);
}

static void flush_key_part(const struct inventory *inventory, struct buffer *key,
                           uint64_t chunk, uint32_t part)
{
    flush_key(inventory, key, ROW_REQUESTS, 0);
    encode_be64(key, chunk);
    encode_u8(key, (uint8_t)(part >> 24));
    encode_u8(key, (uint8_t)(part >> 16));
    encode_u8(key, (uint8_t)(part >> 8));
    encode_u8(key, (uint8_t)part);
}

/* --- Deletions: kept as keys until the next batch, before its puts ------------------------ */

static void flush_delete(struct inventory *inventory, const struct buffer *key)
{
    encode_le32(&inventory->deletions, (uint32_t)key->size);
    buffer_append_slice(&inventory->deletions, buffer_slice(key));
    inventory->dirty_bytes += key->size;
}

void flush_delete_sku(struct inventory *inventory, const struct sku_row *sku)
{
    struct buffer key;
    buffer_init(&key);
    flush_key(inventory, &key, ROW_SKU, sku->node.hash);
    buffer_append_slice(&key, sku->node.id);
    flush_delete(inventory, &key);
    for (uint32_t i = 0; i < sku->level_count; i++) {
        flush_key_level(inventory, &key, sku->levels[i]);
        flush_delete(inventory, &key);
    }
    buffer_close(&key);
}

void flush_delete_alias(struct inventory *inventory, const struct alias_row *row)
{
    struct buffer key;
    buffer_init(&key);
    flush_key(inventory, &key, ROW_ALIAS, row->node.hash);
    buffer_append_slice(&key, row->node.id);
    flush_delete(inventory, &key);
    buffer_close(&key);
}

void flush_delete_hold(struct inventory *inventory, const struct hold_row *hold)
{
    struct buffer key;
    buffer_init(&key);
    flush_key_hold(inventory, &key, hold->id);
    flush_delete(inventory, &key);
    buffer_close(&key);
}

void flush_delete_count(struct inventory *inventory, const struct count_row *count)
{
    struct buffer key;
    buffer_init(&key);
    flush_key_count(inventory, &key, count);
    flush_delete(inventory, &key);
    for (const struct table_node *node = table_next(&count->lines, NULL); node != NULL;
         node = table_next(&count->lines, node)) {
        flush_key_count_line(inventory, &key,
                             CONTAINER_OF(node, const struct count_line, node));
        flush_delete(inventory, &key);
    }
    buffer_close(&key);
}

void flush_delete_part(struct inventory *inventory, const struct part_row *part)
{
    struct buffer key;
    buffer_init(&key);
    flush_key_hold_part(inventory, &key, part);
    flush_delete(inventory, &key);
    buffer_close(&key);
}

void flush_delete_chunk(struct inventory *inventory, const struct request_chunk *chunk)
{
    struct buffer key;
    buffer_init(&key);
    for (uint32_t part = 0; part < chunk->part_next; part++) {
        flush_key_part(inventory, &key, chunk->sequence, part);
        flush_delete(inventory, &key);
    }
    buffer_close(&key);
}

static void flush_deletions(struct inventory *inventory, struct store_batch *batch)
{
    struct reader reader;
    reader_init(&reader, buffer_slice(&inventory->deletions));
    while (reader_left(&reader) > 0) {
        uint32_t size = read_le32(&reader);
        store_batch_delete(batch, read_raw(&reader, size));
    }
    ASSERT(!reader.failed);
    buffer_clear(&inventory->deletions);
}

/* --- Rows as stored ---------------------------------------------------------------------------- */

void flush_level_stored(const struct level_row *level, struct stored_level *out)
{
    memcpy(out->buckets, level->buckets, sizeof out->buckets);
    out->etag = level->etag;
    out->update_ms = level->update_ms;
    out->movement_sequence = level->movement_sequence;
    out->movement = level->movement;
    out->stamps =
        level->stamps != NULL ? *level->stamps : (struct level_stamps){.count = 0};
}

void flush_hold_stored(const struct hold_row *hold, struct buffer *out)
{
    struct stored_hold stored = {
        .sequence = hold->sequence,
        .end_sequence = hold->end_sequence,
        .home = hold->home,
    };
    struct arena arena;
    bool *remote;
    arena_init(&arena, NULL, 0, 0);
    view_hold(hold, &arena, &stored.hold);
    remote = arena_zalloc(&arena, hold->line_count + 1);
    for (uint32_t i = 0; remote != NULL && i < hold->line_count; i++) {
        remote[i] = hold->lines[i].remote;
    }
    stored.remote = remote;
    rows_hold_encode(out, &stored);
    arena_close(&arena);
}

void flush_count_stored(const struct count_row *count, struct stored_count *out)
{
    *out = (struct stored_count){.location_id = count->location->node.id,
                                 .at_submit = count->at_submit,
                                 .start_ms = count->start_ms};
}

void flush_count_line_stored(const struct count_line *line, struct stored_count_line *out)
{
    *out = (struct stored_count_line){.baseline = line->baseline,
                                      .counted = line->submitted ? line->counted : 0,
                                      .submitted = line->submitted};
}

void flush_shard_stored(const struct inventory *inventory, struct stored_shard *out)
{
    *out = (struct stored_shard){
        .log_ms = inventory->log_ms,
        .floor_ms = inventory->floor_ms,
        .hold_sequence = inventory->hold_sequence,
        .end_sequence = inventory->end_sequence,
        .holds_expired = inventory->holds_expired,
        .movement_count = inventory->movement_count,
        .chunk_next = inventory->chunk_next,
    };
}

/* --- Collect ------------------------------------------------------------------------------------ */

struct flush_scratch {
    struct buffer key;
    struct buffer value;
};

static void flush_put(struct store_batch *batch, struct flush_scratch *scratch)
{
    store_batch_put(batch, buffer_slice(&scratch->key), buffer_slice(&scratch->value));
    buffer_clear(&scratch->value);
}

static void flush_catalog(struct inventory *inventory, struct store_batch *batch,
                          struct flush_scratch *scratch)
{
    struct list *node;
    while ((node = list_pop(&inventory->dirty_skus)) != NULL) {
        const struct sku_row *sku = LIST_ENTRY(node, struct sku_row, dirty);
        flush_key(inventory, &scratch->key, ROW_SKU, sku->node.hash);
        buffer_append_slice(&scratch->key, sku->node.id);
        buffer_append(&scratch->value, sku->document, sku->document_size);
        flush_put(batch, scratch);
    }
    while ((node = list_pop(&inventory->dirty_locations)) != NULL) {
        const struct location_row *row = LIST_ENTRY(node, struct location_row, dirty);
        flush_key(inventory, &scratch->key, row->copy ? ROW_LOCATION_COPY : ROW_LOCATION,
                  row->node.hash);
        buffer_append_slice(&scratch->key, row->node.id);
        rows_location_encode(&scratch->value, row->view);
        flush_put(batch, scratch);
    }
    while ((node = list_pop(&inventory->dirty_aliases)) != NULL) {
        const struct alias_row *row = LIST_ENTRY(node, struct alias_row, dirty);
        const struct inventory_alias alias = view_alias(row);
        flush_key(inventory, &scratch->key, ROW_ALIAS, row->node.hash);
        buffer_append_slice(&scratch->key, row->node.id);
        rows_alias_encode(&scratch->value, &alias);
        flush_put(batch, scratch);
    }
}

static void flush_stock(struct inventory *inventory, struct store_batch *batch,
                        struct flush_scratch *scratch)
{
    struct list *node;
    while ((node = list_pop(&inventory->dirty_levels)) != NULL) {
        const struct level_row *level = LIST_ENTRY(node, struct level_row, dirty);
        struct stored_level stored;
        flush_level_stored(level, &stored);
        flush_key_level(inventory, &scratch->key, level);
        rows_level_encode(&scratch->value, &stored);
        flush_put(batch, scratch);
    }
    while ((node = list_pop(&inventory->dirty_holds)) != NULL) {
        const struct hold_row *hold = LIST_ENTRY(node, struct hold_row, dirty);
        flush_key_hold(inventory, &scratch->key, hold->id);
        flush_hold_stored(hold, &scratch->value);
        flush_put(batch, scratch);
    }
    while ((node = list_pop(&inventory->dirty_parts)) != NULL) {
        const struct part_row *part = LIST_ENTRY(node, struct part_row, dirty);
        flush_key_hold_part(inventory, &scratch->key, part);
        rows_part_encode(&scratch->value, part);
        flush_put(batch, scratch);
    }
}

static void flush_counts(struct inventory *inventory, struct store_batch *batch,
                         struct flush_scratch *scratch)
{
    struct list *node;
    while ((node = list_pop(&inventory->dirty_counts)) != NULL) {
        const struct count_row *count = LIST_ENTRY(node, struct count_row, dirty);
        struct stored_count stored;
        flush_count_stored(count, &stored);
        flush_key_count(inventory, &scratch->key, count);
        rows_count_encode(&scratch->value, &stored);
        flush_put(batch, scratch);
    }
    while ((node = list_pop(&inventory->dirty_count_lines)) != NULL) {
        const struct count_line *line = LIST_ENTRY(node, struct count_line, dirty);
        struct stored_count_line stored;
        flush_count_line_stored(line, &stored);
        flush_key_count_line(inventory, &scratch->key, line);
        rows_count_line_encode(&scratch->value, &stored);
        flush_put(batch, scratch);
    }
}

static void flush_memory_of_requests(struct inventory *inventory,
                                     struct store_batch *batch,
                                     struct flush_scratch *scratch)
{
    struct list *node;
    for (node = inventory->chunks.previous; node != &inventory->chunks;
         node = node->previous) {
        struct request_chunk *chunk = LIST_ENTRY(node, struct request_chunk, chunks);
        if (!requests_part_take(chunk, &scratch->value)) {
            break; /* records are appended to the newest: all before are written */
        }
        flush_key_part(inventory, &scratch->key, chunk->sequence, chunk->part_next++);
        flush_put(batch, scratch);
    }
}

static void flush_lanes(struct inventory *inventory, struct store_batch *batch,
                        struct flush_scratch *scratch)
{
    struct import_change change;
    while (import_lanes_collect(&inventory->lanes, &change, &scratch->value)) {
        flush_key(inventory, &scratch->key, change.of_block ? ROW_REFUSED : ROW_LANE, 0);
        encode_be64(&scratch->key, change.import_id.high);
        encode_be64(&scratch->key, change.import_id.low);
        if (change.of_block) {
            encode_be64(&scratch->key, change.base);
        }
        if (change.gone) {
            store_batch_delete(batch, buffer_slice(&scratch->key));
            buffer_clear(&scratch->key);
        } else {
            flush_put(batch, scratch);
        }
    }
}

static void flush_sources(struct inventory *inventory, struct store_batch *batch,
                          struct flush_scratch *scratch)
{
    const struct source_lane *lane;
    while ((lane = source_lanes_collect(&inventory->sources)) != NULL) {
        flush_key(inventory, &scratch->key, ROW_SOURCE, 0);
        encode_be64(&scratch->key, lane->id.high);
        encode_be64(&scratch->key, lane->id.low);
        source_lane_encode(&scratch->value, lane);
        flush_put(batch, scratch);
    }
}

static void flush_ledger(struct inventory *inventory, struct store_batch *batch,
                         struct flush_scratch *scratch)
{
    /* What is not collected stands at the end: collect goes by index, and so do blocks. */
    struct list *node = inventory->blocks.previous;
    while (node != &inventory->blocks &&
           !LIST_ENTRY(node, struct ledger_block, blocks)->collected) {
        node = node->previous;
    }
    for (node = node->next; node != &inventory->blocks; node = node->next) {
        struct ledger_block *block = LIST_ENTRY(node, struct ledger_block, blocks);
        const struct key_order parts = {
            .shard_id = inventory->options.shard_id,
            .index = block->index,
            .sub = LEDGER_SUB_MOVEMENTS,
        };
        buffer_clear(&scratch->key);
        key_append_order(&scratch->key, &parts);
        store_batch_put(batch, buffer_slice(&scratch->key), buffer_slice(&block->bytes));
        block->collected = true;
    }
}

void inventory_collect(struct inventory *inventory, struct store_batch *batch)
{
    struct flush_scratch scratch;
    ASSERT(!inventory->apply.open);
    buffer_init(&scratch.key);
    buffer_init(&scratch.value);
    flush_deletions(inventory, batch);
    flush_catalog(inventory, batch, &scratch);
    flush_stock(inventory, batch, &scratch);
    flush_counts(inventory, batch, &scratch);
    flush_memory_of_requests(inventory, batch, &scratch);
    flush_lanes(inventory, batch, &scratch);
    flush_sources(inventory, batch, &scratch);
    flush_ledger(inventory, batch, &scratch);
    if (inventory->dirty_shard) {
        struct stored_shard stored;
        flush_shard_stored(inventory, &stored);
        flush_key(inventory, &scratch.key, ROW_SHARD, 0);
        rows_shard_encode(&scratch.value, &stored);
        flush_put(batch, &scratch);
        inventory->dirty_shard = false;
    }
    inventory->dirty_bytes = 0;
    buffer_close(&scratch.key);
    buffer_close(&scratch.value);
}

void inventory_flushed(struct inventory *inventory, uint64_t index)
{
    while (!list_empty(&inventory->blocks)) {
        struct ledger_block *block =
            LIST_ENTRY(inventory->blocks.next, struct ledger_block, blocks);
        if (!block->collected || block->index > index) {
            return;
        }
        list_remove(&block->blocks);
        map_remove(&inventory->block_map, &block->node);
        buffer_close(&block->bytes);
        free(block);
    }
}

uint64_t inventory_dirty_bytes(const struct inventory *inventory)
{
    return inventory->dirty_bytes;
}
