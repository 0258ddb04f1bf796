/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/encode.h"

#include "tests/lib/test.h"

TEST(encode, varints_return_at_every_edge)
{
    const uint64_t values[] = {0, 1, 127, 128, 16383, 16384, UINT32_MAX, UINT64_MAX};
    for (size_t i = 0; i < sizeof values / sizeof values[0]; i++) {
        struct buffer buffer;
        struct reader reader;
        buffer_init(&buffer);
        encode_varint(&buffer, values[i]);
        reader_init(&reader, buffer_slice(&buffer));
        EXPECT(read_varint(&reader) == values[i]);
        EXPECT_OK(reader_finish(&reader));
        buffer_close(&buffer);
    }
}

TEST(encode, an_overlong_varint_is_refused)
{
    const uint8_t bytes[] = {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02};
    struct reader reader;
    reader_init(&reader, slice_of(bytes, sizeof bytes));
    EXPECT_EQ(read_varint(&reader), 0);
    EXPECT_STATUS(reader_finish(&reader), STATUS_CHECKSUM);
}

TEST(encode, a_length_past_the_end_fails_and_stays_failed)
{
    const uint8_t bytes[] = {5, 'a', 'b'};
    struct reader reader;
    reader_init(&reader, slice_of(bytes, sizeof bytes));
    EXPECT_EQ(read_bytes(&reader).size, 0);
    EXPECT_EQ(read_u8(&reader), 0);
    EXPECT_STATUS(reader_finish(&reader), STATUS_CHECKSUM);
}
