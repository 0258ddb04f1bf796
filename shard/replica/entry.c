/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/entry.h"

#include "shard/base/assert.h"

enum {
    ENTRY_COUNT_OFFSET = 9,
};

void entry_begin(struct buffer *payload, int64_t log_time_ms)
{
    buffer_clear(payload);
    encode_u8(payload, ENTRY_VERSION);
    encode_le64(payload, (uint64_t)log_time_ms);
    encode_le32(payload, 0);
    ASSERT(payload->size == ENTRY_HEADER_BYTES);
}

void entry_add(struct buffer *payload, struct slice command)
{
    encode_bytes(payload, command);
    uint8_t *count = payload->data + ENTRY_COUNT_OFFSET;
    store_le32(count, load_le32(count) + 1);
}

void entry_make_level(struct buffer *payload, int64_t log_time_ms, uint32_t level)
{
    buffer_clear(payload);
    encode_u8(payload, ENTRY_LEVEL);
    encode_le64(payload, (uint64_t)log_time_ms);
    encode_le32(payload, level);
}

bool entry_is_level(struct slice payload)
{
    return payload.size > 0 && payload.data[0] == ENTRY_LEVEL;
}

enum status entry_read_level(struct slice payload, int64_t *out_log_time_ms,
                             uint32_t *out_level)
{
    struct reader reader;
    reader_init(&reader, payload);
    uint8_t version = read_u8(&reader);
    int64_t log_time_ms = (int64_t)read_le64(&reader);
    uint32_t level = read_le32(&reader);
    TRY(reader_finish(&reader));
    if (version != ENTRY_LEVEL || level == 0) {
        return STATUS_CHECKSUM;
    }
    *out_log_time_ms = log_time_ms;
    *out_level = level;
    return STATUS_OK;
}

enum status entry_open(struct entry_reader *entry, struct slice payload)
{
    struct reader *reader = &entry->reader;
    reader_init(reader, payload);
    uint8_t version = read_u8(reader);
    if (!reader->failed && version != ENTRY_VERSION) {
        return STATUS_VERSION;
    }
    entry->log_time_ms = (int64_t)read_le64(reader);
    entry->command_count = read_le32(reader);
    entry->commands_left = entry->command_count;
    /* Each command takes at least the byte of its size. */
    if (reader->failed || entry->command_count > reader_left(reader)) {
        return STATUS_CHECKSUM;
    }
    return STATUS_OK;
}

bool entry_next(struct entry_reader *entry, struct slice *out_command)
{
    if (entry->commands_left == 0) {
        return false;
    }
    struct slice command = read_bytes(&entry->reader);
    if (entry->reader.failed) {
        return false;
    }
    entry->commands_left--;
    *out_command = command;
    return true;
}

enum status entry_finish(const struct entry_reader *entry)
{
    return entry->commands_left == 0 ? reader_finish(&entry->reader) : STATUS_CHECKSUM;
}
