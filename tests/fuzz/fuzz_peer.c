/* SPDX-License-Identifier: Apache-2.0 */
/* What arrives from other nodes; the checksum is made right, so that what is behind it is
 * reached. */
#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/replica/peer.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct peer_message message, back;
    struct buffer bytes;
    buffer_init(&bytes);
    (void)peer_decode(slice_of(data, size), &message);
    if (size > 9) {
        buffer_append(&bytes, data, size);
        store_le64(bytes.data + 1, hash64(slice_of(data + 9, size - 9), 0x70656572));
        if (peer_decode(buffer_slice(&bytes), &message) == STATUS_OK) {
            struct buffer again;
            buffer_init(&again);
            peer_encode(&again, &message);
            ASSERT(peer_decode(buffer_slice(&again), &back) == STATUS_OK);
            ASSERT(back.kind == message.kind && back.index == message.index &&
                   slice_equal(back.bytes, message.bytes));
            buffer_close(&again);
        }
    }
    buffer_close(&bytes);
    return 0;
}
