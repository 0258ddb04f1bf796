/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/key.h"

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"

bool key_range_valid(struct key_range range)
{
    return range.end == 0 || range.start < range.end;
}

bool key_range_contains(struct key_range range, uint64_t hash)
{
    return hash >= range.start && (range.end == 0 || hash < range.end);
}

bool key_range_overlaps(struct key_range a, struct key_range b)
{
    return (a.end == 0 || b.start < a.end) && (b.end == 0 || a.start < b.end);
}

bool key_range_covers(struct key_range outer, struct key_range inner)
{
    return inner.start >= outer.start &&
           (outer.end == 0 || (inner.end != 0 && inner.end <= outer.end));
}

bool key_table_is_state(enum key_table table)
{
    return table == KEY_TABLE_SKU || table == KEY_TABLE_CUSTOMER ||
           table == KEY_TABLE_DIRECTORY;
}

uint64_t key_hash(struct slice id, uint64_t cluster_hash_seed)
{
    return hash64(id, cluster_hash_seed);
}

void key_append_state(struct buffer *key, const struct key_state *parts)
{
    ASSERT(key_table_is_state(parts->table));
    encode_u8(key, (uint8_t)parts->table);
    encode_be64(key, parts->hash);
    encode_u8(key, parts->kind);
    buffer_append_slice(key, parts->id);
}

static void key_append_be32(struct buffer *key, uint32_t value)
{
    uint8_t *bytes = buffer_extend(key, 4);
    for (unsigned i = 0; i < 4; i++) {
        bytes[i] = (uint8_t)(value >> (24 - 8 * i));
    }
}

void key_append_order(struct buffer *key, const struct key_order *parts)
{
    encode_u8(key, KEY_TABLE_ORDER);
    encode_be64(key, parts->shard_id);
    encode_be64(key, parts->index);
    key_append_be32(key, parts->sub);
}

void key_append_meta(struct buffer *key, const struct key_meta *parts)
{
    encode_u8(key, KEY_TABLE_META);
    encode_be64(key, parts->shard_id);
    encode_u8(key, parts->kind);
}

bool key_parse_state(struct slice key, struct key_state *out_parts)
{
    if (key.size < KEY_STATE_BYTES_MIN ||
        !key_table_is_state((enum key_table)key.data[0])) {
        return false;
    }
    *out_parts =
        (struct key_state){.table = (enum key_table)key.data[0],
                           .kind = key.data[KEY_STATE_BYTES_MIN - 1],
                           .hash = load_be64(key.data + 1),
                           .id = slice_of(key.data + KEY_STATE_BYTES_MIN,
                                          key.size - (size_t)KEY_STATE_BYTES_MIN)};
    return true;
}

bool key_parse_order(struct slice key, struct key_order *out_parts)
{
    uint32_t sub = 0;
    if (key.size != KEY_ORDER_BYTES || key.data[0] != KEY_TABLE_ORDER) {
        return false;
    }
    for (unsigned i = 0; i < 4; i++) {
        sub = sub << 8 | key.data[KEY_ORDER_BYTES - 4 + i];
    }
    *out_parts = (struct key_order){.shard_id = load_be64(key.data + 1),
                                    .index = load_be64(key.data + 9),
                                    .sub = sub};
    return true;
}

bool key_parse_meta(struct slice key, struct key_meta *out_parts)
{
    if (key.size != KEY_META_BYTES || key.data[0] != KEY_TABLE_META) {
        return false;
    }
    *out_parts = (struct key_meta){.shard_id = load_be64(key.data + 1),
                                   .kind = key.data[KEY_META_BYTES - 1]};
    return true;
}

void key_bounds_range(enum key_table table, struct key_range range, struct buffer *start,
                      struct buffer *end)
{
    ASSERT(key_range_valid(range));
    buffer_clear(start);
    buffer_clear(end);
    encode_u8(start, (uint8_t)table);
    encode_be64(start, range.start);
    if (range.end == 0) {
        encode_u8(end, (uint8_t)(table + 1));
    } else {
        encode_u8(end, (uint8_t)table);
        encode_be64(end, range.end);
    }
}

void key_bounds_kind(enum key_table table, uint64_t hash, uint8_t kind,
                     struct buffer *start, struct buffer *end)
{
    const struct key_state parts = {.table = table, .kind = kind, .hash = hash};
    buffer_clear(start);
    key_append_state(start, &parts);
    key_bounds_prefix(buffer_slice(start), start, end);
}

void key_bounds_order(uint64_t shard_id, uint64_t from_index, uint64_t to_index,
                      struct buffer *start, struct buffer *end)
{
    buffer_clear(start);
    encode_u8(start, KEY_TABLE_ORDER);
    encode_be64(start, shard_id);
    if (to_index == 0) {
        key_bounds_prefix(buffer_slice(start), start, end);
    } else {
        buffer_clear(end);
        buffer_append_slice(end, buffer_slice(start));
        encode_be64(end, to_index);
    }
    encode_be64(start, from_index);
}

void key_bounds_prefix(struct slice prefix, struct buffer *start, struct buffer *end)
{
    size_t keep = prefix.size;
    if (prefix.data != start->data) {
        buffer_clear(start);
        buffer_append_slice(start, prefix);
    }
    /* The end is the prefix with its last byte one higher; bytes of 255 fall off. */
    while (keep > 0 && start->data[keep - 1] == UINT8_MAX) {
        keep--;
    }
    buffer_clear(end);
    buffer_append(end, start->data, keep);
    if (keep > 0) {
        end->data[keep - 1]++;
    }
}
