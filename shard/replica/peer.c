/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/peer.h"

#include "shard/base/encode.h"

enum {
    PEER_CHECKSUM_AT = 1,
    PEER_COVERED_AT = 9,
    PEER_CHECKSUM_SEED = 0x70656572, /* "peer" */
};

void peer_encode(struct buffer *out, const struct peer_message *message)
{
    size_t start = out->size;
    encode_u8(out, PEER_VERSION);
    encode_le64(out, 0);
    encode_le64(out, message->cluster_id.high);
    encode_le64(out, message->cluster_id.low);
    encode_varint(out, message->shard_id);
    encode_varint(out, message->from_replica_id);
    encode_varint(out, message->to_replica_id);
    encode_varint(out, message->level);
    encode_u8(out, (uint8_t)message->kind);
    if (message->kind != PEER_RAFT) {
        encode_varint(out, message->index);
        encode_varint(out, message->term);
        encode_varint(out, message->part.item);
        encode_varint(out, message->part.offset);
    }
    if (message->kind != PEER_SNAPSHOT_ASK) {
        buffer_append_slice(out, message->bytes);
    }
    struct slice covered = slice_of(out->data + start + PEER_COVERED_AT,
                                    out->size - start - PEER_COVERED_AT);
    store_le64(out->data + start + PEER_CHECKSUM_AT, hash64(covered, PEER_CHECKSUM_SEED));
}

static uint32_t peer_read_u32(struct reader *reader)
{
    uint64_t value = read_varint(reader);
    if (value > UINT32_MAX) {
        reader_fail(reader);
    }
    return (uint32_t)value;
}

static enum status peer_read(struct reader *reader, struct peer_message *message)
{
    message->cluster_id.high = read_le64(reader);
    message->cluster_id.low = read_le64(reader);
    message->shard_id = read_varint(reader);
    message->from_replica_id = read_varint(reader);
    message->to_replica_id = read_varint(reader);
    message->level = peer_read_u32(reader);
    uint8_t kind = read_u8(reader);
    if (reader->failed || kind == 0) {
        return STATUS_CHECKSUM;
    }
    if (kind > PEER_SNAPSHOT_PART) {
        return STATUS_VERSION;
    }
    message->kind = (enum peer_kind)kind;
    if (kind != PEER_RAFT) {
        message->index = read_varint(reader);
        message->term = read_varint(reader);
        message->part.item = peer_read_u32(reader);
        message->part.offset = peer_read_u32(reader);
    }
    if (kind != PEER_SNAPSHOT_ASK) {
        message->bytes = read_raw(reader, reader_left(reader));
    }
    return reader_finish(reader);
}

enum status peer_decode(struct slice bytes, struct peer_message *out_message)
{
    struct peer_message message = {0};
    struct reader reader;
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    uint64_t checksum = read_le64(&reader);
    if (reader.failed || version == 0) {
        return STATUS_CHECKSUM;
    }
    if (version > PEER_VERSION) {
        return STATUS_VERSION;
    }
    if (checksum !=
        hash64(slice_of(reader.next, reader_left(&reader)), PEER_CHECKSUM_SEED)) {
        return STATUS_CHECKSUM;
    }
    TRY(peer_read(&reader, &message));
    *out_message = message;
    return STATUS_OK;
}
