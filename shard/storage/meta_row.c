/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/meta_row.h"

#include "shard/base/encode.h"

enum {
    META_VERSION = 1,
};

void meta_descriptor_encode(struct buffer *value, const struct meta_descriptor *row)
{
    encode_u8(value, META_VERSION);
    encode_varint(value, row->shard_id);
    encode_varint(value, row->replica_id);
    encode_u8(value, (uint8_t)row->table);
    encode_varint(value, row->feature_level);
    encode_le64(value, row->range.start);
    encode_le64(value, row->range.end);
    encode_varint(value, row->range_version);
    encode_varint(value, row->member_version);
}

void meta_applied_encode(struct buffer *value, const struct meta_applied *row)
{
    encode_u8(value, META_VERSION);
    encode_varint(value, row->index);
    encode_varint(value, row->term);
    encode_zigzag(value, row->log_time_ms);
}

static enum status meta_begin(struct reader *reader, struct slice value)
{
    uint8_t version;
    reader_init(reader, value);
    version = read_u8(reader);
    if (reader->failed || version == 0) {
        return STATUS_CHECKSUM;
    }
    return version > META_VERSION ? STATUS_VERSION : STATUS_OK;
}

enum status meta_descriptor_decode(struct slice value, struct meta_descriptor *out_row)
{
    struct meta_descriptor row;
    struct reader reader;
    uint64_t level;
    TRY(meta_begin(&reader, value));
    row.shard_id = read_varint(&reader);
    row.replica_id = read_varint(&reader);
    row.table = (enum key_table)read_u8(&reader);
    level = read_varint(&reader);
    row.feature_level = (uint32_t)level;
    row.range.start = read_le64(&reader);
    row.range.end = read_le64(&reader);
    row.range_version = read_varint(&reader);
    row.member_version = read_varint(&reader);
    TRY(reader_finish(&reader));
    if (level > UINT32_MAX || !key_range_valid(row.range) ||
        !key_table_is_state(row.table)) {
        return STATUS_CHECKSUM;
    }
    *out_row = row;
    return STATUS_OK;
}

enum status meta_applied_decode(struct slice value, struct meta_applied *out_row)
{
    struct meta_applied row;
    struct reader reader;
    TRY(meta_begin(&reader, value));
    row.index = read_varint(&reader);
    row.term = read_varint(&reader);
    row.log_time_ms = read_zigzag(&reader);
    TRY(reader_finish(&reader));
    *out_row = row;
    return STATUS_OK;
}
