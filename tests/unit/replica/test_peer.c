/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/peer.h"

#include <stdio.h>

#include "tests/lib/test.h"

static const struct peer_message samples[] = {
    {.cluster_id = {1, 2},
     .shard_id = 3,
     .from_replica_id = 400,
     .to_replica_id = 5,
     .level = 1,
     .kind = PEER_RAFT,
     .bytes = {(const uint8_t *)"raft", 4}},
    {.shard_id = 3,
     .from_replica_id = 4,
     .to_replica_id = 5,
     .level = 2,
     .kind = PEER_SNAPSHOT_ASK,
     .index = 700000,
     .term = 8,
     .part = {SNAPSHOT_ITEM_MANIFEST, 9}},
    {.shard_id = 3,
     .from_replica_id = 4,
     .to_replica_id = 5,
     .kind = PEER_SNAPSHOT_PART,
     .index = 7,
     .term = 8,
     .part = {1, 128 << 10},
     .bytes = {(const uint8_t *)"rows", 4}},
};

enum {
    SAMPLES = sizeof samples / sizeof samples[0],
};

TEST(peer, messages_come_out_as_they_went_in)
{
    struct buffer bytes;
    buffer_init(&bytes);
    for (unsigned i = 0; i < SAMPLES; i++) {
        struct peer_message back;
        buffer_clear(&bytes);
        peer_encode(&bytes, &samples[i]);
        EXPECT_OK(peer_decode(buffer_slice(&bytes), &back));
        EXPECT(back.cluster_id.high == samples[i].cluster_id.high);
        EXPECT(back.cluster_id.low == samples[i].cluster_id.low);
        EXPECT_EQ(back.from_replica_id, samples[i].from_replica_id);
        EXPECT_EQ(back.to_replica_id, 5);
        EXPECT_EQ(back.level, samples[i].level);
        EXPECT_EQ(back.kind, samples[i].kind);
        EXPECT_EQ(back.index, samples[i].index);
        EXPECT_EQ(back.part.item, samples[i].part.item);
        EXPECT_EQ(back.part.offset, samples[i].part.offset);
        EXPECT_SLICE(back.bytes, samples[i].bytes);
    }
    buffer_close(&bytes);
}

TEST(peer, a_message_with_any_bit_flipped_is_refused)
{
    struct buffer bytes;
    struct peer_message back;
    buffer_init(&bytes);
    peer_encode(&bytes, &samples[2]);
    for (size_t bit = 0; bit < bytes.size * 8; bit++) {
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        EXPECT(peer_decode(buffer_slice(&bytes), &back) != STATUS_OK);
        bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    for (size_t size = 0; size < bytes.size; size++) {
        EXPECT_STATUS(peer_decode(slice_of(bytes.data, size), &back), STATUS_CHECKSUM);
    }
    bytes.data[0] = PEER_VERSION + 1;
    EXPECT_STATUS(peer_decode(buffer_slice(&bytes), &back), STATUS_VERSION);
    buffer_close(&bytes);
}

/* The bytes of the first version, for ever. */
TEST(peer, messages_are_written_as_they_were)
{
    static const char *const golden[SAMPLES] = {
        "016888319cda3a9c2f0100000000000000020000000000000003900305010172616674",
        "012c9d71b89c94258e000000000000000000000000000000000304050202e0dc2a08ffffffff0f0"
        "9",
        "016517f8c0c90b3f2d000000000000000000000000000000000304050003070801808008726f777"
        "3",
    };
    struct buffer bytes;
    buffer_init(&bytes);
    for (unsigned i = 0; i < SAMPLES; i++) {
        char hex[256] = "";
        buffer_clear(&bytes);
        peer_encode(&bytes, &samples[i]);
        for (size_t k = 0; k < bytes.size; k++) {
            snprintf(hex + 2 * k, 3, "%02x", bytes.data[k]);
        }
        EXPECT_STRING(hex, golden[i]);
    }
    buffer_close(&bytes);
}
