/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The state as one number: the sum, modulo 2^64, of the hashes of all rows as stored. A sum
 * does not depend on the order of walking, and rows are stored canonically.
 */
#include "shard/inventory/inventory_private.h"

static uint64_t digest_row(enum row_kind kind, uint64_t hash, struct slice id,
                           struct buffer *row)
{
    encode_bytes(row, id);
    hash = hash64(buffer_slice(row), hash ^ (uint64_t)kind);
    buffer_clear(row);
    return hash;
}

static uint64_t digest_skus(const struct inventory *inventory, struct buffer *row)
{
    uint64_t sum = 0;
    for (const struct table_node *node = table_next(&inventory->skus, NULL); node != NULL;
         node = table_next(&inventory->skus, node)) {
        const struct sku_row *sku = CONTAINER_OF(node, const struct sku_row, node);
        buffer_append(row, sku->document, sku->document_size);
        sum += digest_row(ROW_SKU, node->hash, node->id, row);
        for (uint32_t i = 0; i < sku->level_count; i++) {
            struct stored_level stored;
            flush_level_stored(sku->levels[i], &stored);
            rows_level_encode(row, &stored);
            sum +=
                digest_row(ROW_LEVEL, node->hash, sku->levels[i]->location->node.id, row);
        }
    }
    return sum;
}

static uint64_t digest_requests(const struct inventory *inventory, struct buffer *row)
{
    uint64_t sum = 0;
    for (const struct list *node = inventory->chunks.next; node != &inventory->chunks;
         node = node->next) {
        const struct request_chunk *chunk =
            LIST_ENTRY(node, const struct request_chunk, chunks);
        for (const struct request_record *record = chunk->first; record != NULL;
             record = record->next_in_chunk) {
            encode_be64(row, (uint64_t)chunk->start_ms);
            encode_u8(row, record->replaced);
            requests_encode(row, record);
            sum += digest_row(ROW_REQUESTS, chunk->sequence, slice_of(NULL, 0), row);
        }
    }
    return sum;
}

static uint64_t digest_maps(const struct inventory *inventory, struct buffer *row)
{
    uint64_t sum = 0;
    for (const struct map_node *node = map_next(&inventory->holds, NULL); node != NULL;
         node = map_next(&inventory->holds, node)) {
        const struct hold_row *hold = CONTAINER_OF(node, const struct hold_row, node);
        flush_hold_stored(hold, row);
        encode_be64(row, hold->id.unique);
        sum += digest_row(ROW_HOLD, hold->id.anchor, slice_of(NULL, 0), row);
    }
    for (const struct map_node *node = map_next(&inventory->parts, NULL); node != NULL;
         node = map_next(&inventory->parts, node)) {
        const struct part_row *part = CONTAINER_OF(node, const struct part_row, node);
        rows_part_encode(row, part);
        encode_be64(row, part->id.anchor);
        encode_be64(row, part->id.unique);
        sum += digest_row(ROW_HOLD_PART, part->sku->node.hash, slice_of(NULL, 0), row);
    }
    sum += import_lanes_digest(&inventory->lanes);
    for (const struct map_node *node = map_next(&inventory->sources.lanes, NULL);
         node != NULL; node = map_next(&inventory->sources.lanes, node)) {
        const struct source_lane *lane =
            CONTAINER_OF(node, const struct source_lane, node);
        source_lane_encode(row, lane);
        encode_be64(row, lane->id.high);
        sum += digest_row(ROW_SOURCE, lane->id.low, slice_of(NULL, 0), row);
    }
    for (const struct table_node *node = table_next(&inventory->locations, NULL);
         node != NULL; node = table_next(&inventory->locations, node)) {
        const struct location_row *location =
            CONTAINER_OF(node, const struct location_row, node);
        rows_location_encode(row, location->view);
        sum += digest_row(location->copy ? ROW_LOCATION_COPY : ROW_LOCATION, node->hash,
                          node->id, row);
    }
    for (const struct table_node *node = table_next(&inventory->aliases, NULL);
         node != NULL; node = table_next(&inventory->aliases, node)) {
        const struct inventory_alias alias =
            view_alias(CONTAINER_OF(node, const struct alias_row, node));
        rows_alias_encode(row, &alias);
        sum += digest_row(ROW_ALIAS, node->hash, node->id, row);
    }
    return sum;
}

static uint64_t digest_counts(const struct inventory *inventory, struct buffer *row)
{
    uint64_t sum = 0;
    for (const struct table_node *node = table_next(&inventory->counts, NULL);
         node != NULL; node = table_next(&inventory->counts, node)) {
        const struct count_row *count = CONTAINER_OF(node, const struct count_row, node);
        struct stored_count stored;
        flush_count_stored(count, &stored);
        rows_count_encode(row, &stored);
        sum += digest_row(ROW_COUNT, 0, node->id, row);
        for (const struct table_node *inner = table_next(&count->lines, NULL);
             inner != NULL; inner = table_next(&count->lines, inner)) {
            struct stored_count_line line;
            flush_count_line_stored(CONTAINER_OF(inner, const struct count_line, node),
                                    &line);
            rows_count_line_encode(row, &line);
            encode_bytes(row, node->id);
            sum += digest_row(ROW_COUNT_LINE, inner->hash, inner->id, row);
        }
    }
    return sum;
}

uint64_t inventory_digest(const struct inventory *inventory)
{
    struct stored_shard stored;
    struct buffer row;
    uint64_t sum;
    buffer_init(&row);
    sum = digest_skus(inventory, &row);
    sum += digest_requests(inventory, &row);
    sum += digest_maps(inventory, &row);
    sum += digest_counts(inventory, &row);
    flush_shard_stored(inventory, &stored);
    rows_shard_encode(&row, &stored);
    encode_zigzag(&row, level_clip(inventory->units_on_hand));
    encode_varint(&row, inventory->holds_open);
    encode_varint(&row, inventory->level_count);
    sum += digest_row(ROW_SHARD, 0, slice_of(NULL, 0), &row);
    buffer_close(&row);
    return sum;
}
