/* SPDX-License-Identifier: Apache-2.0 */
#include <grpc/byte_buffer_reader.h>
#include <string.h>

#include "proto/rpc/rpc_private.h"

grpc_slice rpc_bytes_pack_slice(const ProtobufCMessage *message)
{
    size_t size = protobuf_c_message_get_packed_size(message);
    grpc_slice slice = grpc_slice_malloc(size);
    size_t written = protobuf_c_message_pack(message, GRPC_SLICE_START_PTR(slice));
    ASSERT(written == size);
    return slice;
}

grpc_byte_buffer *rpc_bytes_pack(const ProtobufCMessage *message)
{
    grpc_slice slice = rpc_bytes_pack_slice(message);
    grpc_byte_buffer *buffer = grpc_raw_byte_buffer_create(&slice, 1);
    grpc_slice_unref(slice);
    return buffer;
}

struct slice rpc_bytes_of(const grpc_slice *slice)
{
    return slice_of(GRPC_SLICE_START_PTR(*slice), GRPC_SLICE_LENGTH(*slice));
}

grpc_slice rpc_bytes_borrowed(struct slice bytes)
{
    return grpc_slice_from_static_buffer(bytes.data, bytes.size);
}

enum status rpc_bytes_unpack(grpc_byte_buffer *buffer,
                             const ProtobufCMessageDescriptor *descriptor,
                             bool known_enums_only, struct arena *arena,
                             const ProtobufCMessage **out_message,
                             struct problem *problem)
{
    grpc_byte_buffer_reader reader;
    grpc_slice whole;
    ProtobufCMessage *message = NULL;
    enum status status;
    if (buffer->type == GRPC_BB_RAW &&
        buffer->data.raw.compression == GRPC_COMPRESS_NONE &&
        buffer->data.raw.slice_buffer.count == 1) {
        status = rpc_message_unpack(
            descriptor, rpc_bytes_of(&buffer->data.raw.slice_buffer.slices[0]),
            known_enums_only, arena, &message, problem);
        if (status == STATUS_OK) {
            *out_message = message;
        }
        return status;
    }
    if (!grpc_byte_buffer_reader_init(&reader, buffer)) {
        return problem_set(problem, STATUS_INVALID, "", "the message cannot be read");
    }
    whole = grpc_byte_buffer_reader_readall(&reader);
    status = rpc_message_unpack(descriptor, rpc_bytes_of(&whole), known_enums_only, arena,
                                &message, problem);
    if (status == STATUS_OK) {
        *out_message = message;
    }
    grpc_slice_unref(whole);
    grpc_byte_buffer_reader_destroy(&reader);
    return status;
}

struct slice rpc_bytes_find(const grpc_metadata_array *metadata, const char *key)
{
    struct slice wanted = slice_from_string(key);
    for (size_t i = 0; i < metadata->count; i++) {
        if (slice_equal(rpc_bytes_of(&metadata->metadata[i].key), wanted)) {
            return rpc_bytes_of(&metadata->metadata[i].value);
        }
    }
    return slice_of(NULL, 0);
}
