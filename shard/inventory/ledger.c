/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Movements are gathered into one block per log entry, already in the form of its row:
 *
 *     version, zigzag log_ms, movement...
 *     movement: bytes sku_id, bytes location_id, reason, bytes reference, flags,
 *               [be64 anchor, be64 unique] [be64 high, be64 low of the request id]
 *               [varint index back, varint sub | varint shard, varint index, varint sub]
 *               varint sequence,
 *               mask of buckets not 0 before, varint each,
 *               mask of buckets changed, zigzag difference each
 *               [bytes location_id, both masks again: the level that units went to]
 *
 * shard and index of a movement are those of the block's key, sub is its place in the
 * block.
 */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

enum {
    LEDGER_HAS_HOLD = 1,
    LEDGER_HAS_REQUEST = 2,
    LEDGER_PREVIOUS_HERE = 4, /* in the same shard's log */
    LEDGER_PREVIOUS_ELSEWHERE = 8,
    LEDGER_HAS_TO = 16,
    LEDGER_FLAGS = 31,
};

static void ledger_put_links(struct buffer *out,
                             const struct inventory_movement *movement, uint8_t flags)
{
    if (flags & LEDGER_HAS_HOLD) {
        encode_be64(out, movement->hold_id.anchor);
        encode_be64(out, movement->hold_id.unique);
    }
    if (flags & LEDGER_HAS_REQUEST) {
        encode_be64(out, movement->request_high);
        encode_be64(out, movement->request_low);
    }
    if (flags & LEDGER_PREVIOUS_HERE) {
        encode_varint(out, movement->position.index - movement->previous.index);
        encode_varint(out, movement->previous.sub);
    } else if (flags & LEDGER_PREVIOUS_ELSEWHERE) {
        encode_varint(out, movement->previous.shard_id);
        encode_varint(out, movement->previous.index);
        encode_varint(out, movement->previous.sub);
    }
}

static void ledger_put_buckets(struct buffer *out,
                               const int64_t before[STOCK_BUCKET_COUNT],
                               const int64_t after[STOCK_BUCKET_COUNT])
{
    uint8_t standing = 0, changed = 0;
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        standing |= (uint8_t)((before[i] != 0) << (i - 1));
        changed |= (uint8_t)((before[i] != after[i]) << (i - 1));
    }
    encode_u8(out, standing);
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        if (standing & 1u << (i - 1)) {
            encode_varint(out, (uint64_t)before[i]);
        }
    }
    encode_u8(out, changed);
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        if (changed & 1u << (i - 1)) {
            encode_zigzag(out, after[i] - before[i]);
        }
    }
}

void ledger_append(struct inventory *inventory, const struct inventory_movement *movement)
{
    struct ledger_block *block = inventory->apply.block;
    uint8_t flags = 0;
    if (block == NULL) {
        block = memory_zalloc(sizeof *block);
        block->index = movement->position.index;
        buffer_init(&block->bytes);
        encode_u8(&block->bytes, ROW_VERSION);
        encode_zigzag(&block->bytes, movement->log_ms);
        inventory->apply.block = block;
    }
    if (movement->hold_id.anchor != 0 || movement->hold_id.unique != 0) {
        flags |= LEDGER_HAS_HOLD;
    }
    if (movement->request_high != 0 || movement->request_low != 0) {
        flags |= LEDGER_HAS_REQUEST;
    }
    if (movement->sequence > 1) {
        flags |= movement->previous.shard_id == movement->position.shard_id
                     ? LEDGER_PREVIOUS_HERE
                     : LEDGER_PREVIOUS_ELSEWHERE;
    }
    if (movement->to.location_id.size != 0) {
        flags |= LEDGER_HAS_TO;
    }
    encode_bytes(&block->bytes, movement->sku_id);
    encode_bytes(&block->bytes, movement->location_id);
    encode_u8(&block->bytes, (uint8_t)movement->reason);
    encode_bytes(&block->bytes, movement->reference);
    encode_u8(&block->bytes, flags);
    ledger_put_links(&block->bytes, movement, flags);
    encode_varint(&block->bytes, movement->sequence);
    ledger_put_buckets(&block->bytes, movement->before, movement->after);
    if (flags & LEDGER_HAS_TO) {
        encode_bytes(&block->bytes, movement->to.location_id);
        ledger_put_buckets(&block->bytes, movement->to.before, movement->to.after);
    }
}

void ledger_block_close(struct inventory *inventory)
{
    struct ledger_block *block = inventory->apply.block;
    if (block != NULL) {
        list_append(&inventory->blocks, &block->blocks);
        map_insert(&inventory->block_map, &block->node, hash_mix(block->index));
        inventory->dirty_bytes += block->bytes.size;
        inventory->apply.block = NULL;
    }
}

/* --- Reading ------------------------------------------------------------------------------- */

enum status ledger_reader_init(struct ledger_reader *reader, const struct key_order *key,
                               struct slice block)
{
    *reader = (struct ledger_reader){.shard_id = key->shard_id, .index = key->index};
    reader_init(&reader->reader, block);
    if (block.size > 0 && read_u8(&reader->reader) != ROW_VERSION) {
        return STATUS_VERSION;
    }
    reader->log_ms = read_zigzag(&reader->reader);
    return block.size == 0 || reader->reader.failed ? STATUS_CHECKSUM : STATUS_OK;
}

static void ledger_get_links(struct ledger_reader *from, uint8_t flags,
                             struct inventory_movement *out)
{
    struct reader *reader = &from->reader;
    if (flags & LEDGER_HAS_HOLD) {
        out->hold_id.anchor = read_be64(reader);
        out->hold_id.unique = read_be64(reader);
    }
    if (flags & LEDGER_HAS_REQUEST) {
        out->request_high = read_be64(reader);
        out->request_low = read_be64(reader);
    }
    if (flags & LEDGER_PREVIOUS_HERE) {
        uint64_t back = read_varint(reader);
        uint64_t sub = read_varint(reader);
        if (back > from->index || sub > UINT32_MAX) {
            reader_fail(reader);
        } else {
            out->previous = (struct ledger_position){from->shard_id, from->index - back,
                                                     (uint32_t)sub};
        }
    } else if (flags & LEDGER_PREVIOUS_ELSEWHERE) {
        uint64_t shard_id = read_varint(reader);
        uint64_t index = read_varint(reader);
        out->previous =
            (struct ledger_position){shard_id, index, (uint32_t)read_varint(reader)};
    }
}

static void ledger_get_buckets(struct reader *reader, int64_t before[STOCK_BUCKET_COUNT],
                               int64_t after[STOCK_BUCKET_COUNT])
{
    uint8_t standing = read_u8(reader), changed;
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        uint64_t value = standing & 1u << (i - 1) ? read_varint(reader) : 0;
        if (value > INT64_MAX) {
            reader_fail(reader);
            value = 0;
        }
        before[i] = (int64_t)value;
    }
    changed = read_u8(reader);
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        wide value = before[i];
        value += changed & 1u << (i - 1) ? read_zigzag(reader) : 0;
        if (value < 0 || value > INT64_MAX) {
            reader_fail(reader);
            value = 0;
        }
        after[i] = (int64_t)value;
    }
}

enum status ledger_reader_next(struct ledger_reader *reader,
                               struct inventory_movement *out_movement)
{
    struct inventory_movement movement = {0};
    uint8_t flags;
    if (reader_left(&reader->reader) == 0) {
        return STATUS_NOT_FOUND;
    }
    movement.position =
        (struct ledger_position){reader->shard_id, reader->index, reader->next_sub};
    movement.log_ms = reader->log_ms;
    movement.sku_id = read_bytes(&reader->reader);
    movement.location_id = read_bytes(&reader->reader);
    movement.reason = (enum stock_reason)read_u8(&reader->reader);
    movement.reference = read_bytes(&reader->reader);
    flags = read_u8(&reader->reader);
    if (flags & ~LEDGER_FLAGS || movement.reason > STOCK_REASON_LAST) {
        return STATUS_CHECKSUM;
    }
    ledger_get_links(reader, flags, &movement);
    movement.sequence = read_varint(&reader->reader);
    ledger_get_buckets(&reader->reader, movement.before, movement.after);
    if (flags & LEDGER_HAS_TO) {
        movement.to.location_id = read_bytes(&reader->reader);
        ledger_get_buckets(&reader->reader, movement.to.before, movement.to.after);
        if (movement.to.location_id.size == 0) {
            reader_fail(&reader->reader);
        }
    }
    if (reader->reader.failed) {
        return STATUS_CHECKSUM;
    }
    reader->next_sub++;
    *out_movement = movement;
    return STATUS_OK;
}
