/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_message.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "shard/base/assert.h"

enum wire_type {
    WIRE_VARINT = 0,
    WIRE_64BIT = 1,
    WIRE_LENGTH = 2,
    WIRE_32BIT = 5,
};

enum {
    WIRE_VARINT_BYTES_MAX = 10,
    FIELD_NUMBER_MAX = (1 << 29) - 1,
};

/* --- Text ------------------------------------------------------------------------------
 */

/* Bytes of the UTF-8 sequence at `text`, 0 when malformed; NUL counts as malformed. */
static size_t utf8_length(const uint8_t *text, size_t left)
{
    uint8_t first = text[0];
    uint8_t least = 0x80, most = 0xbf;
    size_t length;
    if (first < 0x80) {
        return first != 0;
    }
    if (first < 0xc2 || first > 0xf4) {
        return 0;
    }
    length = first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4;
    if (left < length) {
        return 0;
    }
    if (first == 0xe0) {
        least = 0xa0;
    } else if (first == 0xed) {
        most = 0x9f;
    } else if (first == 0xf0) {
        least = 0x90;
    } else if (first == 0xf4) {
        most = 0x8f;
    }
    if (text[1] < least || text[1] > most) {
        return 0;
    }
    for (size_t i = 2; i < length; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    return length;
}

bool rpc_message_text_valid(struct slice text)
{
    const uint64_t high_bits = 0x8080808080808080u, ones = 0x0101010101010101u;
    size_t at = 0;
    while (at < text.size) {
        size_t length;
        uint64_t eight;
        if (text.size - at >= sizeof eight) {
            memcpy(&eight, text.data + at, sizeof eight);
            /* No byte has its high bit set and none is zero: eight ASCII letters. */
            if (((eight | (eight - ones)) & high_bits) == 0) {
                at += sizeof eight;
                continue;
            }
        }
        length = utf8_length(text.data + at, text.size - at);
        if (length == 0) {
            return false;
        }
        at += length;
    }
    return true;
}

/* --- The check -------------------------------------------------------------------------
 */

struct check {
    bool known_enums_only;
    struct problem *problem;
};

static enum status check_refuse(const struct check *check,
                                const ProtobufCFieldDescriptor *field, const char *reason)
{
    if (check->problem != NULL) {
        return problem_set(check->problem, STATUS_INVALID, field ? field->name : "", "%s",
                           reason);
    }
    return STATUS_INVALID;
}

static bool take_varint(struct slice *bytes, uint64_t *out_value)
{
    uint64_t value = 0;
    size_t most =
        bytes->size < WIRE_VARINT_BYTES_MAX ? bytes->size : WIRE_VARINT_BYTES_MAX;
    for (size_t i = 0; i < most; i++) {
        value |= (uint64_t)(bytes->data[i] & 0x7f) << (7 * i);
        if (bytes->data[i] < 0x80) {
            bytes->data += i + 1;
            bytes->size -= i + 1;
            *out_value = value;
            return true;
        }
    }
    return false;
}

static bool take_bytes(struct slice *bytes, uint64_t size, struct slice *out_taken)
{
    if (size > bytes->size) {
        return false;
    }
    *out_taken = slice_of(bytes->data, (size_t)size);
    bytes->data += size;
    bytes->size -= (size_t)size;
    return true;
}

static const ProtobufCFieldDescriptor *
find_field(const ProtobufCMessageDescriptor *descriptor, uint64_t number)
{
    unsigned low = 0, high = descriptor->n_field_ranges;
    while (low < high) {
        unsigned middle = low + (high - low) / 2;
        const ProtobufCIntRange *range = &descriptor->field_ranges[middle];
        unsigned count = range[1].orig_index - range[0].orig_index;
        if (number < (uint64_t)range->start_value) {
            high = middle;
        } else if (number >= (uint64_t)range->start_value + count) {
            low = middle + 1;
        } else {
            return &descriptor->fields[range->orig_index + (unsigned)number -
                                       (unsigned)range->start_value];
        }
    }
    return NULL;
}

/* Puts the field that content lies in before what is named within it: "lines[2].sku_id".
 * `before` is the message up to that field, walked before without a fault. */
static enum status check_place(const struct check *check,
                               const ProtobufCFieldDescriptor *field, struct slice before,
                               enum status status)
{
    char rest[sizeof check->problem->field];
    unsigned index = 0;
    if (check->problem == NULL) {
        return status;
    }
    while (before.size > 0) {
        uint64_t tag = 0, number = 0;
        struct slice skipped;
        bool whole = take_varint(&before, &tag);
        index += tag >> 3 == field->id;
        whole = whole &&
                ((tag & 7) == WIRE_VARINT  ? take_varint(&before, &number)
                 : (tag & 7) == WIRE_64BIT ? take_bytes(&before, 8, &skipped)
                 : (tag & 7) == WIRE_32BIT ? take_bytes(&before, 4, &skipped)
                                           : take_varint(&before, &number) &&
                                                 take_bytes(&before, number, &skipped));
        ASSERT(whole);
    }
    snprintf(rest, sizeof rest, "%s", check->problem->field);
    if (field->label == PROTOBUF_C_LABEL_REPEATED &&
        field->type != PROTOBUF_C_TYPE_ENUM) {
        snprintf(check->problem->field, sizeof check->problem->field, "%.40s[%u]%s%.40s",
                 field->name, index, rest[0] != '\0' ? "." : "", rest);
    } else {
        snprintf(check->problem->field, sizeof check->problem->field, "%.40s%s%.48s",
                 field->name, rest[0] != '\0' ? "." : "", rest);
    }
    return status;
}

static enum status check_enum(const struct check *check,
                              const ProtobufCFieldDescriptor *field, uint64_t number)
{
    if (check->known_enums_only && protobuf_c_enum_descriptor_get_value(
                                       field->descriptor, (int)(int32_t)number) == NULL) {
        return check_refuse(check, NULL, "this number is not one of the enum's");
    }
    return STATUS_OK;
}

static enum status check_packed_enums(const struct check *check,
                                      const ProtobufCFieldDescriptor *field,
                                      struct slice bytes)
{
    while (bytes.size > 0) {
        uint64_t number;
        if (!take_varint(&bytes, &number)) {
            return check_refuse(check, NULL, "the packed numbers are cut short");
        }
        TRY(check_enum(check, field, number));
    }
    return STATUS_OK;
}

static enum status check_message(const struct check *check,
                                 const ProtobufCMessageDescriptor *descriptor,
                                 struct slice bytes, unsigned depth);

static enum status check_length(const struct check *check,
                                const ProtobufCFieldDescriptor *field,
                                struct slice content, unsigned depth)
{
    if (field == NULL) {
        return STATUS_OK;
    }
    if (field->type == PROTOBUF_C_TYPE_STRING) {
        return rpc_message_text_valid(content)
                   ? STATUS_OK
                   : check_refuse(check, NULL, "text is UTF-8 without NUL");
    }
    if (field->type == PROTOBUF_C_TYPE_ENUM) {
        return check_packed_enums(check, field, content);
    }
    if (field->type == PROTOBUF_C_TYPE_MESSAGE) {
        if (depth == RPC_MESSAGE_DEPTH_MAX) {
            return check_refuse(check, NULL, "messages are nested too deeply");
        }
        return check_message(check, field->descriptor, content, depth + 1);
    }
    return STATUS_OK;
}

/* Recurses at most RPC_MESSAGE_DEPTH_MAX levels. */
static enum status check_message(const struct check *check,
                                 const ProtobufCMessageDescriptor *descriptor,
                                 struct slice bytes, unsigned depth)
{
    const struct slice message = bytes;
    while (bytes.size > 0) {
        const struct slice before =
            slice_of(message.data, (size_t)(bytes.data - message.data));
        const ProtobufCFieldDescriptor *field;
        enum status status = STATUS_OK;
        struct slice content = {0};
        uint64_t tag, number = 0;
        bool whole = true;
        if (!take_varint(&bytes, &tag) || tag >> 3 == 0 || tag >> 3 > FIELD_NUMBER_MAX) {
            return check_refuse(check, NULL, "the message is malformed");
        }
        field = find_field(descriptor, tag >> 3);
        switch ((enum wire_type)(tag & 7)) {
        case WIRE_VARINT:
            whole = take_varint(&bytes, &number);
            break;
        case WIRE_64BIT:
            whole = take_bytes(&bytes, 8, &content);
            break;
        case WIRE_LENGTH:
            whole = take_varint(&bytes, &number) && take_bytes(&bytes, number, &content);
            break;
        case WIRE_32BIT:
            whole = take_bytes(&bytes, 4, &content);
            break;
        default:
            return check_refuse(check, field,
                                "the message uses a wire type unknown here");
        }
        if (!whole) {
            return check_refuse(check, field, "the message is cut short");
        }
        if ((tag & 7) == WIRE_LENGTH) {
            status = check_length(check, field, content, depth);
        } else if ((tag & 7) == WIRE_VARINT && field != NULL &&
                   field->type == PROTOBUF_C_TYPE_ENUM) {
            status = check_enum(check, field, number);
        }
        if (status != STATUS_OK) {
            return check_place(check, field, before, status);
        }
    }
    return STATUS_OK;
}

enum status rpc_message_check(const ProtobufCMessageDescriptor *descriptor,
                              struct slice bytes, bool known_enums_only,
                              struct problem *problem)
{
    const struct check check = {known_enums_only, problem};
    return check_message(&check, descriptor, bytes, 0);
}

/* --- Unpacking -------------------------------------------------------------------------
 */

struct unpacking {
    struct arena *arena;
    uintptr_t stack_start;
    bool full;
};

/* protobuf-c asks for memory on every level it descends, so the stack is watched here. */
static void *unpacking_alloc(void *data, size_t size)
{
    struct unpacking *unpacking = data;
    uintptr_t here = (uintptr_t)__builtin_frame_address(0);
    uintptr_t used = unpacking->stack_start - here;
    void *piece;
    if (used > RPC_MESSAGE_STACK_BYTES_MAX) {
        return NULL;
    }
    piece = arena_alloc(unpacking->arena, size);
    unpacking->full = unpacking->full || piece == NULL;
    return piece;
}

static void unpacking_free(void *data, void *piece)
{
    (void)data;
    (void)piece; /* the arena is freed as a whole */
}

enum status rpc_message_unpack(const ProtobufCMessageDescriptor *descriptor,
                               struct slice bytes, bool known_enums_only,
                               struct arena *arena, ProtobufCMessage **out_message,
                               struct problem *problem)
{
    struct unpacking unpacking = {.arena = arena,
                                  .stack_start = (uintptr_t)__builtin_frame_address(0)};
    ProtobufCAllocator allocator = {
        .alloc = unpacking_alloc, .free = unpacking_free, .allocator_data = &unpacking};
    ProtobufCMessage *message;
    TRY(rpc_message_check(descriptor, bytes, known_enums_only, problem));
    message = protobuf_c_message_unpack(descriptor, &allocator, bytes.size, bytes.data);
    if (message != NULL) {
        *out_message = message;
        return STATUS_OK;
    }
    if (unpacking.full) {
        return problem ? problem_set(problem, STATUS_TOO_LARGE, "",
                                     "the message unpacks to more than the limit")
                       : STATUS_TOO_LARGE;
    }
    return problem ? problem_set(problem, STATUS_INVALID, "", "the message is malformed")
                   : STATUS_INVALID;
}
