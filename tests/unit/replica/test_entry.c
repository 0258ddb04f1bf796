/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/entry.h"
#include "tests/lib/test.h"

static const uint8_t golden_entry[] = {
    1, 0x00, 0xa0, 0x3f, 0x70, 0x9e, 0x01, 0, 0, 2, 0, 0, 0, 3, 'o', 'n', 'e', 0,
};

TEST(entry, has_the_bytes_that_were_once_stored)
{
    struct buffer payload;
    buffer_init(&payload);
    entry_begin(&payload, 0x19e703fa000);
    entry_add(&payload, slice_from_string("one"));
    entry_add(&payload, slice_of(NULL, 0));
    EXPECT_SLICE(buffer_slice(&payload), slice_of(golden_entry, sizeof golden_entry));
    buffer_close(&payload);
}

TEST(entry, gives_its_commands_back_in_order)
{
    struct entry_reader reader;
    EXPECT_OK(entry_open(&reader, slice_of(golden_entry, sizeof golden_entry)));
    EXPECT_EQ(reader.log_time_ms, 0x19e703fa000);
    EXPECT_EQ(reader.command_count, 2);
    struct slice command;
    EXPECT(entry_next(&reader, &command));
    EXPECT_SLICE(command, slice_from_string("one"));
    EXPECT_STATUS(entry_finish(&reader), STATUS_CHECKSUM);
    EXPECT(entry_next(&reader, &command));
    EXPECT_EQ(command.size, 0);
    EXPECT(!entry_next(&reader, &command));
    EXPECT_OK(entry_finish(&reader));
}

TEST(entry, of_another_version_is_not_read)
{
    uint8_t bytes[sizeof golden_entry];
    memcpy(bytes, golden_entry, sizeof bytes);
    bytes[0] = ENTRY_VERSION + 1;
    struct entry_reader reader;
    EXPECT_STATUS(entry_open(&reader, slice_of(bytes, sizeof bytes)), STATUS_VERSION);
}

TEST(entry, that_is_cut_short_anywhere_is_damage)
{
    for (size_t size = 0; size < sizeof golden_entry; size++) {
        struct entry_reader reader;
        struct slice command;
        enum status status = entry_open(&reader, slice_of(golden_entry, size));
        if (status == STATUS_OK) {
            while (entry_next(&reader, &command)) {
            }
            status = entry_finish(&reader);
        }
        EXPECT_STATUS(status, STATUS_CHECKSUM);
    }
}
