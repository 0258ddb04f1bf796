/* SPDX-License-Identifier: Apache-2.0 */
/* Messages and members of the consensus core: decoding is total, and what it accepts is
 * encoded to the same bytes. The checksum is made right, so that what lies behind it is
 * reached. */
#include <string.h>

#include "shard/base/arena.h"
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"
#include "shard/raft/message.h"

static void fuzz_members(struct slice input)
{
    struct raft_members members;
    if (raft_members_decode(input, &members) == STATUS_OK) {
        struct buffer again;
        buffer_init(&again);
        raft_members_encode(&members, &again);
        ASSERT(slice_equal(buffer_slice(&again), input));
        buffer_close(&again);
    }
}

static void fuzz_message(struct slice input)
{
    struct arena arena;
    struct raft_message message;
    arena_init(&arena, NULL, 0, 1 << 20);
    if (raft_message_decode(input, &arena, &message) == STATUS_OK) {
        struct buffer again;
        buffer_init(&again);
        raft_message_encode(&message, &again);
        ASSERT(slice_equal(buffer_slice(&again), input));
        ASSERT(raft_message_first(input) == input.size);
        ASSERT(raft_message_group(input) == message.group_id);
        buffer_close(&again);
    }
    arena_close(&arena);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_members(slice_of(data, size));
    fuzz_message(slice_of(data, size));
    if (size < 16) {
        return 0;
    }
    struct buffer mended;
    buffer_init(&mended);
    buffer_append(&mended, data, size);
    store_le32(mended.data + 4, (uint32_t)size);
    store_le64(mended.data + 8,
               hash64(slice_of(mended.data + 16, size - 16), load_le64(mended.data)));
    fuzz_message(buffer_slice(&mended));
    buffer_close(&mended);
    return 0;
}
