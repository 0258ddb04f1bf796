/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/buffer.h"

#include "tests/lib/test.h"

TEST(buffer, grows_and_keeps_what_was_appended)
{
    struct buffer buffer;
    buffer_init(&buffer);
    for (unsigned i = 0; i < 10000; i++) {
        uint8_t byte = (uint8_t)(i * 7);
        buffer_append(&buffer, &byte, 1);
    }
    EXPECT_EQ(buffer.size, 10000);
    for (unsigned i = 0; i < 10000; i++) {
        EXPECT_EQ(buffer.data[i], (uint8_t)(i * 7));
    }
    buffer_close(&buffer);
    EXPECT(buffer.data == NULL && buffer.size == 0);
}

TEST(buffer, nothing_appended_to_nothing_stays_empty)
{
    struct buffer buffer;
    buffer_init(&buffer);
    (void)buffer_extend(&buffer, 0);
    buffer_append(&buffer, NULL, 0);
    buffer_append_slice(&buffer, slice_of(NULL, 0));
    EXPECT_EQ(buffer_slice(&buffer).size, 0);
    buffer_close(&buffer);
    buffer_close(NULL);
}

TEST(buffer, clear_keeps_the_memory)
{
    struct buffer buffer;
    uint8_t *before;
    buffer_init(&buffer);
    before = buffer_extend(&buffer, 100);
    buffer_clear(&buffer);
    EXPECT_EQ(buffer.size, 0);
    EXPECT(buffer_extend(&buffer, 50) == before);
    buffer_close(&buffer);
}

TEST(buffer, release_hands_the_bytes_over)
{
    struct buffer buffer;
    uint8_t *bytes;
    size_t size = 0;
    buffer_init(&buffer);
    buffer_append_slice(&buffer, slice_from_string("levels"));
    bytes = buffer_release(&buffer, &size);
    EXPECT_SLICE(slice_of(bytes, size), slice_from_string("levels"));
    EXPECT_EQ(buffer.size, 0);
    free(bytes);
    buffer_close(&buffer);
}
