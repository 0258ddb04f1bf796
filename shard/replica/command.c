/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/command.h"

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/replica/command_private.h"

enum {
    WIRE_VARINT = 0,
    WIRE_FIXED64 = 1,
    WIRE_BYTES = 2,
    WIRE_FIXED32 = 5,
    FIELD_ANCHOR = 1, /* of SkuCommand and CustomerCommand */
    FIELD_EVENTS = 1, /* of EventRecord */
};

ProtobufCBinaryData command_bytes(struct slice slice)
{
    return (ProtobufCBinaryData){.len = slice.size,
                                 .data = (uint8_t *)(uintptr_t)slice.data};
}

struct slice command_slice(ProtobufCBinaryData bytes)
{
    return slice_of(bytes.data, bytes.len);
}

void *command_array(struct arena *arena, size_t count, size_t item_size)
{
    return arena_alloc(arena, count > 0 ? count * item_size : 1);
}

ProtobufCBinaryData *command_bytes_array(const struct slice *slices, uint32_t count,
                                         struct arena *arena)
{
    ProtobufCBinaryData *items = command_array(arena, count, sizeof *items);
    for (uint32_t i = 0; items != NULL && i < count; i++) {
        items[i] = command_bytes(slices[i]);
    }
    return items;
}

const struct slice *command_slice_array(const ProtobufCBinaryData *items, size_t count,
                                        struct arena *arena)
{
    struct slice *slices = command_array(arena, count, sizeof *slices);
    for (size_t i = 0; slices != NULL && i < count; i++) {
        slices[i] = command_slice(items[i]);
    }
    return slices;
}

enum status command_pack(const ProtobufCMessage *message, struct arena *arena,
                         struct slice *out_bytes)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = arena_alloc(arena, size + 1);
    if (bytes == NULL) {
        return STATUS_TOO_LARGE;
    }
    bytes[0] = COMMAND_VERSION;
    size_t packed = protobuf_c_message_pack(message, bytes + 1);
    ASSERT(packed == size);
    *out_bytes = slice_of(bytes, size + 1);
    return STATUS_OK;
}

/* Memory for one unpacking: the arena's, up to a cap that hostile bytes cannot pass. */
struct command_allowance {
    struct arena *arena;
    size_t left_bytes;
    bool exceeded;
};

static void *command_alloc(void *context, size_t size)
{
    struct command_allowance *allowance = context;
    if (size > allowance->left_bytes) {
        allowance->exceeded = true;
        return NULL;
    }
    allowance->left_bytes -= size;
    void *block = arena_alloc(allowance->arena, size);
    allowance->exceeded = allowance->exceeded || block == NULL;
    return block;
}

static void command_free(void *context, void *block)
{
    (void)context;
    (void)block;
}

enum status command_unpack(const ProtobufCMessageDescriptor *descriptor,
                           struct slice bytes, struct arena *arena,
                           ProtobufCMessage **out_message)
{
    if (bytes.size == 0) {
        return STATUS_CHECKSUM;
    }
    if (bytes.data[0] != COMMAND_VERSION) {
        return STATUS_VERSION;
    }
    struct command_allowance allowance = {
        .arena = arena,
        .left_bytes =
            COMMAND_DECODE_BYTES_FREE + bytes.size * COMMAND_DECODE_BYTES_FACTOR,
    };
    ProtobufCAllocator allocator = {
        .alloc = command_alloc,
        .free = command_free,
        .allocator_data = &allowance,
    };
    ProtobufCMessage *message =
        protobuf_c_message_unpack(descriptor, &allocator, bytes.size - 1, bytes.data + 1);
    if (message == NULL) {
        return allowance.exceeded ? STATUS_TOO_LARGE : STATUS_CHECKSUM;
    }
    *out_message = message;
    return STATUS_OK;
}

struct wire_field {
    uint64_t number;
    uint64_t fixed;     /* WIRE_FIXED64 */
    struct slice bytes; /* WIRE_BYTES */
};

/* One field of a message, whatever it is; false at the end or when it does not parse. */
static bool wire_next(struct reader *reader, struct wire_field *out_field)
{
    if (reader->failed || reader_left(reader) == 0) {
        return false;
    }
    uint64_t tag = read_varint(reader);
    *out_field = (struct wire_field){.number = tag >> 3};
    switch (tag & 7) {
    case WIRE_VARINT:
        (void)read_varint(reader);
        break;
    case WIRE_FIXED64:
        out_field->fixed = read_le64(reader);
        break;
    case WIRE_BYTES:
        out_field->bytes = read_bytes(reader);
        break;
    case WIRE_FIXED32:
        (void)read_le32(reader);
        break;
    default:
        reader_fail(reader);
        break;
    }
    return !reader->failed;
}

enum status command_peek(struct slice bytes, struct command_peek *out_peek)
{
    struct command_peek peek = {0};
    struct reader reader;
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (!reader.failed && version != COMMAND_VERSION) {
        return STATUS_VERSION;
    }
    struct wire_field field;
    while (wire_next(&reader, &field)) {
        if (field.number == FIELD_ANCHOR) {
            peek.has_anchor = true;
            peek.anchor = field.fixed;
        }
        if (field.number > COMMAND_KIND_FIELD_BASE && field.number <= UINT32_MAX) {
            peek.kind = (uint32_t)(field.number - COMMAND_KIND_FIELD_BASE);
            peek.payload = field.bytes;
            *out_peek = peek;
            return STATUS_OK;
        }
    }
    return STATUS_CHECKSUM;
}

uint32_t command_peek_events(struct slice payload)
{
    uint32_t count = 0;
    struct reader reader;
    reader_init(&reader, payload);
    struct wire_field field;
    while (wire_next(&reader, &field)) {
        count += field.number == FIELD_EVENTS;
    }
    return count;
}
