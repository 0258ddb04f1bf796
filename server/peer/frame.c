/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/frame.h"

void frame_begin(struct buffer *out, enum frame_kind kind)
{
    encode_u8(out, FRAME_VERSION);
    encode_u8(out, (uint8_t)kind);
}

void frame_add_letter(struct buffer *out, const struct host_message *message)
{
    encode_varint(out, message->shard_id);
    encode_varint(out, message->from_replica_id);
    encode_varint(out, message->to_replica_id);
    encode_bytes(out, message->bytes);
}

void frame_add_call(struct buffer *out, uint64_t id, struct slice bytes)
{
    encode_varint(out, id);
    encode_bytes(out, bytes);
}

enum status frame_open(struct slice bytes, struct reader *out_reader,
                       enum frame_kind *out_kind)
{
    reader_init(out_reader, bytes);
    uint8_t version = read_u8(out_reader);
    uint8_t kind = read_u8(out_reader);
    if (out_reader->failed || version == 0 || kind == 0) {
        return STATUS_CHECKSUM;
    }
    if (version > FRAME_VERSION || kind > FRAME_ANSWERS) {
        return STATUS_VERSION;
    }
    *out_kind = (enum frame_kind)kind;
    return STATUS_OK;
}

bool frame_next_letter(struct reader *reader, struct host_message *out_message)
{
    struct host_message message = {0};
    if (reader->failed || reader_left(reader) == 0) {
        return false;
    }
    message.shard_id = read_varint(reader);
    message.from_replica_id = read_varint(reader);
    message.to_replica_id = read_varint(reader);
    message.bytes = read_bytes(reader);
    if (reader->failed) {
        return false;
    }
    *out_message = message;
    return true;
}

bool frame_next_call(struct reader *reader, uint64_t *out_id, struct slice *out_bytes)
{
    if (reader->failed || reader_left(reader) == 0) {
        return false;
    }
    uint64_t id = read_varint(reader);
    struct slice bytes = read_bytes(reader);
    if (reader->failed) {
        return false;
    }
    *out_id = id;
    *out_bytes = bytes;
    return true;
}
