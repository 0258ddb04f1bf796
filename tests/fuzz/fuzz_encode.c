/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads fields in the order that the input itself asks for. A reader must never leave its
 * bytes, must stay failed once it failed, and what it read must encode to what it took.
 */
#include "shard/base/assert.h"
#include "shard/base/encode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool slice_inside(struct slice inner, struct slice outer)
{
    return inner.size == 0 || (inner.data >= outer.data &&
                               inner.data + inner.size <= outer.data + outer.size);
}

/* Canonical forms only: an overlong varint is legal to read but not what we write. */
static void check_again(struct slice taken, uint64_t value)
{
    struct buffer buffer;
    buffer_init(&buffer);
    encode_varint(&buffer, value);
    ASSERT(buffer.size <= taken.size);
    if (buffer.size == taken.size) {
        ASSERT(slice_equal(buffer_slice(&buffer), taken));
    }
    buffer_close(&buffer);
}

static void read_one(struct reader *reader, struct slice input, uint8_t kind)
{
    const uint8_t *before = reader->next;
    struct slice bytes;
    uint64_t value;
    switch (kind % 7) {
    case 0:
        value = read_varint(reader);
        if (!reader->failed) {
            check_again(slice_of(before, (size_t)(reader->next - before)), value);
        }
        return;
    case 1:
        bytes = read_bytes(reader);
        ASSERT(slice_inside(bytes, input));
        return;
    case 2:
        bytes = read_raw(reader, kind);
        ASSERT(slice_inside(bytes, input) && (bytes.size == kind || reader->failed));
        return;
    case 3:
        (void)read_zigzag(reader);
        return;
    case 4:
        (void)read_le32(reader);
        return;
    case 5:
        ASSERT(read_le64(reader) == 0 || !reader->failed);
        return;
    default:
        (void)read_be64(reader);
        return;
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct slice input = slice_of(data, size);
    struct reader reader;
    reader_init(&reader, input);
    while (reader_left(&reader) > 0) {
        size_t left = reader_left(&reader);
        read_one(&reader, input, read_u8(&reader));
        ASSERT(reader_left(&reader) < left);
    }
    ASSERT((reader_finish(&reader) == STATUS_OK) == !reader.failed);
    if (reader.failed) {
        ASSERT(read_varint(&reader) == 0 && read_bytes(&reader).size == 0);
        ASSERT(reader_finish(&reader) == STATUS_CHECKSUM);
    }
    return 0;
}
