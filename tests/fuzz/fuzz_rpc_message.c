/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Decoding with hostile bytes, on descriptors that have everything: nesting, maps, oneofs,
 * packed fields, presence. What is accepted must pack, and its bytes must be accepted too.
 */
#include <stdlib.h>

#include "google/protobuf/descriptor.pb-c.h"
#include "proto/rpc/rpc_message.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "tests/unit/rpc/echo.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
    ARENA_BYTES_MAX = 1 << 20,
};

static const ProtobufCMessageDescriptor *descriptor_of(uint8_t choice)
{
    switch (choice % 4) {
    case 0:
        return &souk__test__v1__node__descriptor;
    case 1:
        return &google__protobuf__file_descriptor_proto__descriptor;
    case 2:
        return &souk__test__v1__echo_response__descriptor;
    default:
        return &souk__test__v1__echo_request__descriptor;
    }
}

static void check_again(const ProtobufCMessageDescriptor *descriptor,
                        const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    uint8_t *bytes = memory_alloc(size);
    struct arena arena;
    ProtobufCMessage *again;
    ASSERT(protobuf_c_message_pack(message, bytes) == size);
    arena_init(&arena, NULL, 0, 2 * ARENA_BYTES_MAX);
    ASSERT(rpc_message_unpack(descriptor, slice_of(bytes, size), false, &arena, &again,
                              NULL) == STATUS_OK);
    arena_close(&arena);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const ProtobufCMessageDescriptor *descriptor;
    ProtobufCMessage *message;
    struct problem problem = {0};
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    descriptor = descriptor_of(data[0]);
    arena_init(&arena, NULL, 0, ARENA_BYTES_MAX);
    if (rpc_message_unpack(descriptor, slice_of(data + 1, size - 1), (data[0] & 4) != 0,
                           &arena, &message, &problem) == STATUS_OK) {
        check_again(descriptor, message);
    } else {
        ASSERT(problem.status != STATUS_OK);
    }
    ASSERT(arena.used_bytes <= ARENA_BYTES_MAX);
    arena_close(&arena);
    return 0;
}
