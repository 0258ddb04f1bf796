/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/encode.h"

#include <string.h>

enum {
    VARINT_BYTES_MAX = 10,
};

void store_le32(uint8_t *out, uint32_t value)
{
    for (unsigned i = 0; i < 4; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

void store_le64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (8 * i));
    }
}

void store_be64(uint8_t *out, uint64_t value)
{
    for (unsigned i = 0; i < 8; i++) {
        out[i] = (uint8_t)(value >> (56 - 8 * i));
    }
}

uint32_t load_le32(const uint8_t *bytes)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < 4; i++) {
        value |= (uint32_t)bytes[i] << (8 * i);
    }
    return value;
}

uint64_t load_le64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value |= (uint64_t)bytes[i] << (8 * i);
    }
    return value;
}

uint64_t load_be64(const uint8_t *bytes)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 8; i++) {
        value = value << 8 | bytes[i];
    }
    return value;
}

void encode_u8(struct buffer *buffer, uint8_t value)
{
    *buffer_extend(buffer, 1) = value;
}

void encode_le32(struct buffer *buffer, uint32_t value)
{
    store_le32(buffer_extend(buffer, 4), value);
}

void encode_le64(struct buffer *buffer, uint64_t value)
{
    store_le64(buffer_extend(buffer, 8), value);
}

void encode_be64(struct buffer *buffer, uint64_t value)
{
    store_be64(buffer_extend(buffer, 8), value);
}

void encode_varint(struct buffer *buffer, uint64_t value)
{
    uint8_t bytes[VARINT_BYTES_MAX];
    size_t size = 0;
    while (value >= 0x80) {
        bytes[size++] = (uint8_t)(value | 0x80);
        value >>= 7;
    }
    bytes[size++] = (uint8_t)value;
    buffer_append(buffer, bytes, size);
}

void encode_zigzag(struct buffer *buffer, int64_t value)
{
    encode_varint(buffer, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

void encode_bytes(struct buffer *buffer, struct slice bytes)
{
    encode_varint(buffer, bytes.size);
    buffer_append_slice(buffer, bytes);
}

void reader_init(struct reader *reader, struct slice bytes)
{
    reader->next = bytes.data;
    reader->end = bytes.size ? bytes.data + bytes.size : bytes.data;
    reader->failed = false;
}

void reader_fail(struct reader *reader)
{
    reader->failed = true;
    reader->next = reader->end;
}

size_t reader_left(const struct reader *reader)
{
    return reader->next ? (size_t)(reader->end - reader->next) : 0;
}

struct slice read_raw(struct reader *reader, size_t size)
{
    struct slice bytes = {0};
    if (reader_left(reader) < size) {
        reader_fail(reader);
        return bytes;
    }
    bytes = slice_of(reader->next, size);
    if (size > 0) {
        reader->next += size;
    }
    return bytes;
}

uint8_t read_u8(struct reader *reader)
{
    struct slice bytes = read_raw(reader, 1);
    return bytes.size ? bytes.data[0] : 0;
}

uint32_t read_le32(struct reader *reader)
{
    struct slice bytes = read_raw(reader, 4);
    return bytes.size ? load_le32(bytes.data) : 0;
}

uint64_t read_le64(struct reader *reader)
{
    struct slice bytes = read_raw(reader, 8);
    return bytes.size ? load_le64(bytes.data) : 0;
}

uint64_t read_be64(struct reader *reader)
{
    struct slice bytes = read_raw(reader, 8);
    return bytes.size ? load_be64(bytes.data) : 0;
}

uint64_t read_varint(struct reader *reader)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < VARINT_BYTES_MAX; i++) {
        uint8_t byte = read_u8(reader);
        if (i == VARINT_BYTES_MAX - 1 && byte > 1) {
            break;
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (byte < 0x80) {
            return reader->failed ? 0 : value;
        }
    }
    reader_fail(reader);
    return 0;
}

int64_t read_zigzag(struct reader *reader)
{
    uint64_t value = read_varint(reader);
    return (int64_t)(value >> 1 ^ (value & 1 ? UINT64_MAX : 0));
}

struct slice read_bytes(struct reader *reader)
{
    uint64_t size = read_varint(reader);
    if (size > reader_left(reader)) {
        reader_fail(reader);
        return slice_of(NULL, 0);
    }
    return read_raw(reader, (size_t)size);
}

enum status reader_finish(const struct reader *reader)
{
    return reader->failed || reader->next != reader->end ? STATUS_CHECKSUM : STATUS_OK;
}
