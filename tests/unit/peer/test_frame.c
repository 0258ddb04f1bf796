/* SPDX-License-Identifier: Apache-2.0 */
#include "server/peer/frame.h"
#include "tests/lib/test.h"

TEST(frame, letters_are_read_back_as_they_were_put_in)
{
    struct buffer bytes;
    struct reader reader;
    struct host_message message;
    enum frame_kind kind;
    buffer_init(&bytes);
    frame_begin(&bytes, FRAME_LETTERS);
    for (uint64_t i = 1; i <= 3; i++) {
        message = (struct host_message){.shard_id = i,
                                        .from_replica_id = 1000000 + i,
                                        .to_replica_id = 7,
                                        .bytes = slice_from_string("hello")};
        frame_add_letter(&bytes, &message);
    }
    EXPECT_OK(frame_open(buffer_slice(&bytes), &reader, &kind));
    EXPECT_EQ(kind, FRAME_LETTERS);
    for (uint64_t i = 1; i <= 3; i++) {
        EXPECT(frame_next_letter(&reader, &message));
        EXPECT_EQ(message.shard_id, i);
        EXPECT_EQ(message.from_replica_id, 1000000 + i);
        EXPECT_EQ(message.to_replica_id, 7);
        EXPECT_SLICE(message.bytes, slice_from_string("hello"));
    }
    EXPECT(!frame_next_letter(&reader, &message));
    EXPECT_OK(reader_finish(&reader));
    buffer_close(&bytes);
}

TEST(frame, one_that_breaks_off_gives_what_is_whole)
{
    struct buffer bytes;
    struct reader reader;
    struct slice item;
    enum frame_kind kind;
    uint64_t id;
    buffer_init(&bytes);
    frame_begin(&bytes, FRAME_CALLS);
    frame_add_call(&bytes, 1, slice_from_string("one"));
    frame_add_call(&bytes, 2, slice_from_string("two"));
    EXPECT_OK(frame_open(slice_of(bytes.data, bytes.size - 1), &reader, &kind));
    EXPECT(frame_next_call(&reader, &id, &item));
    EXPECT_EQ(id, 1);
    EXPECT(!frame_next_call(&reader, &id, &item));
    EXPECT_STATUS(reader_finish(&reader), STATUS_CHECKSUM);
    buffer_close(&bytes);
}

TEST(frame, another_version_or_kind_is_told_from_damage)
{
    struct reader reader;
    enum frame_kind kind;
    EXPECT_STATUS(frame_open(slice_of("", 0), &reader, &kind), STATUS_CHECKSUM);
    EXPECT_STATUS(frame_open(slice_of("\0\1", 2), &reader, &kind), STATUS_CHECKSUM);
    EXPECT_STATUS(frame_open(slice_of("\2\1", 2), &reader, &kind), STATUS_VERSION);
    EXPECT_STATUS(frame_open(slice_of("\1\11", 2), &reader, &kind), STATUS_VERSION);
}
