/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/log_record.h"

#include "shard/base/assert.h"

static void log_base_encode(struct buffer *records, const struct log_base *base)
{
    encode_varint(records, base->flags);
    encode_varint(records, base->first_index);
    encode_varint(records, base->first_term);
    encode_varint(records, base->last_index);
    encode_varint(records, base->last_term);
    encode_varint(records, base->released);
}

static void log_base_decode(struct reader *reader, struct log_base *base)
{
    base->flags = read_varint(reader);
    base->first_index = read_varint(reader);
    base->first_term = read_varint(reader);
    base->last_index = read_varint(reader);
    base->last_term = read_varint(reader);
    base->released = read_varint(reader);
    if (base->flags > (LOG_BASE_BORN | LOG_BASE_DAMAGED) ||
        base->last_index == UINT64_MAX || base->first_index > base->last_index + 1) {
        reader_fail(reader);
    }
}

void log_record_encode(struct buffer *records, const struct log_record *record)
{
    encode_u8(records, (uint8_t)record->kind);
    switch (record->kind) {
    case LOG_RECORD_ENTRY:
        encode_varint(records, record->index);
        encode_varint(records, record->term);
        encode_bytes(records, record->payload);
        return;
    case LOG_RECORD_STATE:
        encode_varint(records, record->term);
        encode_varint(records, record->vote);
        encode_varint(records, record->commit);
        return;
    case LOG_RECORD_RESET:
        encode_varint(records, record->index);
        encode_varint(records, record->term);
        return;
    case LOG_RECORD_NOTE:
        encode_bytes(records, record->payload);
        return;
    case LOG_RECORD_FORGET:
        return;
    case LOG_RECORD_BASE:
        log_base_encode(records, &record->base);
        return;
    }
    UNREACHABLE();
}

enum status log_record_decode(struct reader *reader, struct log_record *out_record)
{
    struct log_record record = {.kind = (enum log_record_kind)read_u8(reader)};
    switch (record.kind) {
    case LOG_RECORD_ENTRY:
        record.index = read_varint(reader);
        record.term = read_varint(reader);
        record.payload = read_bytes(reader);
        if (record.index == 0 || record.index == UINT64_MAX) {
            reader_fail(reader);
        }
        break;
    case LOG_RECORD_STATE:
        record.term = read_varint(reader);
        record.vote = read_varint(reader);
        record.commit = read_varint(reader);
        break;
    case LOG_RECORD_RESET:
        record.index = read_varint(reader);
        record.term = read_varint(reader);
        if (record.index == UINT64_MAX) {
            reader_fail(reader);
        }
        break;
    case LOG_RECORD_NOTE:
        record.payload = read_bytes(reader);
        break;
    case LOG_RECORD_FORGET:
        break;
    case LOG_RECORD_BASE:
        log_base_decode(reader, &record.base);
        break;
    default:
        reader_fail(reader);
        break;
    }
    if (reader->failed) {
        return STATUS_CHECKSUM;
    }
    *out_record = record;
    return STATUS_OK;
}
