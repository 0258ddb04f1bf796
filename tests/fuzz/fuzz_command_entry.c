/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as the payload of a log entry. Reading ends, stays inside, and what is read
 * whole is written again byte for byte.
 */
#include "shard/base/assert.h"
#include "shard/replica/entry.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct entry_reader reader;
    if (entry_open(&reader, slice_of(data, size)) != STATUS_OK) {
        return 0;
    }
    struct buffer again;
    buffer_init(&again);
    entry_begin(&again, reader.log_time_ms);
    struct slice command;
    while (entry_next(&reader, &command)) {
        ASSERT(command.size == 0 ||
               (command.data >= data && command.data + command.size <= data + size));
        entry_add(&again, command);
    }
    if (entry_finish(&reader) == STATUS_OK && again.size == size) {
        /* An overlong size is legal to read, and longer than what we write. */
        ASSERT(slice_equal(buffer_slice(&again), slice_of(data, size)));
    }
    buffer_close(&again);
    return 0;
}
