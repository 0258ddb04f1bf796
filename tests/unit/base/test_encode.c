/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/encode.h"

#include "shard/base/rng.h"
#include "tests/lib/test.h"

TEST(encode, varints_return_at_every_edge)
{
    for (unsigned bit = 0; bit < 64; bit++) {
        for (int step = -1; step <= 1; step++) {
            uint64_t value = ((uint64_t)1 << bit) + (uint64_t)step;
            struct buffer buffer;
            struct reader reader;
            buffer_init(&buffer);
            encode_varint(&buffer, value);
            encode_zigzag(&buffer, (int64_t)value);
            reader_init(&reader, buffer_slice(&buffer));
            EXPECT(read_varint(&reader) == value);
            EXPECT(read_zigzag(&reader) == (int64_t)value);
            EXPECT_OK(reader_finish(&reader));
            buffer_close(&buffer);
        }
    }
}

TEST(encode, bytes_are_what_the_formats_promise)
{
    static const uint8_t golden[] = {
        0x2a,                                           /* u8 */
        0x04, 0x03, 0x02, 0x01,                         /* le32 */
        0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01, /* le64 */
        0x01, 0x02, 0x03, 0x04, 0x05, 0x06, 0x07, 0x08, /* be64 */
        0xac, 0x02,                                     /* varint 300 */
        0x01,                                           /* zigzag -1 */
        0x80, 0x01,                                     /* zigzag 64 */
        0x03, 's',  'k',  'u',                          /* bytes */
    };
    struct buffer buffer;
    buffer_init(&buffer);
    encode_u8(&buffer, 42);
    encode_le32(&buffer, 0x01020304);
    encode_le64(&buffer, 0x0102030405060708);
    encode_be64(&buffer, 0x0102030405060708);
    encode_varint(&buffer, 300);
    encode_zigzag(&buffer, -1);
    encode_zigzag(&buffer, 64);
    encode_bytes(&buffer, slice_from_string("sku"));
    EXPECT_SLICE(buffer_slice(&buffer), slice_of(golden, sizeof golden));
    buffer_close(&buffer);
}

TEST(encode, big_endian_keys_sort_like_their_numbers)
{
    struct rng rng;
    rng_init(&rng, 2);
    for (unsigned i = 0; i < 1000; i++) {
        uint64_t a = rng_next(&rng) >> rng_below(&rng, 64);
        uint64_t b = rng_next(&rng) >> rng_below(&rng, 64);
        uint8_t a_bytes[8], b_bytes[8];
        int order;
        store_be64(a_bytes, a);
        store_be64(b_bytes, b);
        order = slice_compare(slice_of(a_bytes, 8), slice_of(b_bytes, 8));
        EXPECT_EQ((order > 0) - (order < 0), (a > b) - (a < b));
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

TEST(encode, every_cut_of_a_record_is_refused)
{
    struct buffer buffer;
    buffer_init(&buffer);
    encode_varint(&buffer, 300);
    encode_bytes(&buffer, slice_from_string("location"));
    encode_le32(&buffer, 7);
    encode_be64(&buffer, 8);
    for (size_t size = 0; size <= buffer.size; size++) {
        /* A copy of just that size, so that a read past its end is seen. */
        uint8_t *cut = malloc(size ? size : 1);
        struct reader reader;
        memcpy(cut, buffer.data, size);
        reader_init(&reader, slice_of(cut, size));
        (void)read_varint(&reader);
        (void)read_bytes(&reader);
        (void)read_le32(&reader);
        (void)read_be64(&reader);
        EXPECT_STATUS(reader_finish(&reader),
                      size == buffer.size ? STATUS_OK : STATUS_CHECKSUM);
        free(cut);
    }
    buffer_close(&buffer);
}

TEST(encode, bytes_left_over_are_refused)
{
    struct reader reader;
    reader_init(&reader, slice_from_string("ab"));
    EXPECT_EQ(read_u8(&reader), 'a');
    EXPECT_EQ(reader_left(&reader), 1);
    EXPECT_STATUS(reader_finish(&reader), STATUS_CHECKSUM);
}

TEST(encode, an_empty_input_is_read_without_harm)
{
    struct reader reader;
    reader_init(&reader, slice_of(NULL, 0));
    EXPECT_EQ(read_raw(&reader, 0).size, 0);
    EXPECT_OK(reader_finish(&reader));
    EXPECT_EQ(read_le64(&reader), 0);
    EXPECT_STATUS(reader_finish(&reader), STATUS_CHECKSUM);
}

TEST(encode, a_decoder_can_fail_by_its_own_rules)
{
    struct reader reader;
    reader_init(&reader, slice_from_string("abc"));
    reader_fail(&reader);
    EXPECT_EQ(reader_left(&reader), 0);
    EXPECT_STATUS(reader_finish(&reader), STATUS_CHECKSUM);
}
