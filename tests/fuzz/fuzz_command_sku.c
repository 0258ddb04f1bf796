/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a command of a SKU shard. What decodes must encode, that must decode to
 * the same bytes again, the memory taken stays within the cap, and peeking agrees.
 */
#include "shard/base/assert.h"
#include "shard/replica/command.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    struct slice bytes = slice_of(data, size);
    struct command_peek peek = {0};
    enum status peeked = command_peek(bytes, &peek);
    if (peeked == STATUS_OK) {
        (void)command_peek_events(peek.payload);
    }
    struct inventory_command command;
    enum status status = command_decode_sku(bytes, &arena, &command);
    ASSERT(arena.used_bytes <=
           2 * (COMMAND_DECODE_BYTES_FREE + size * (size_t)COMMAND_DECODE_BYTES_FACTOR));
    if (status == STATUS_OK) {
        struct slice first, second;
        struct inventory_command again;
        status = command_encode_sku(&command, &arena, &first);
        ASSERT(status == STATUS_OK);
        status = command_decode_sku(first, &arena, &again);
        ASSERT(status == STATUS_OK && again.kind == command.kind);
        status = command_encode_sku(&again, &arena, &second);
        ASSERT(status == STATUS_OK && slice_equal(first, second));
        peeked = command_peek(first, &peek);
        ASSERT(peeked == STATUS_OK && peek.kind == (uint32_t)command.kind);
        ASSERT(peek.has_anchor ? peek.anchor == command.identity.anchor
                               : command.identity.anchor == 0);
    }
    arena_close(&arena);
    return 0;
}
