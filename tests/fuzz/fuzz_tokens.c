/* SPDX-License-Identifier: Apache-2.0 */
/* Page and session tokens that callers made up: refused, or read back the same. */
#include <stdlib.h>

#include "server/coordinator/page_token.h"
#include "server/coordinator/session_token.h"
#include "server/coordinator/watch_token.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void page(const uint8_t *data, size_t size, struct arena *arena)
{
    const struct page_query query = {PAGE_LIST_SKUS, 7, 9};
    struct slice key, again;
    struct problem problem;
    char *text = arena_zalloc(arena, size + 1);
    memcpy(text, data, size);
    if (page_token_read(&query, text, arena, &key, &problem) == STATUS_OK) {
        text = page_token_make(&query, key, arena);
        ASSERT(page_token_read(&query, text, arena, &again, &problem) == STATUS_OK);
        ASSERT(slice_equal(key, again));
    }
}

static void session(const uint8_t *data, size_t size, struct arena *arena)
{
    struct session_token token, again;
    struct problem problem;
    if (session_token_decode(slice_of(data, size), 7, 9, &token, &problem) == STATUS_OK) {
        struct slice bytes = session_token_encode(&token, arena);
        ASSERT(token.count <= SESSION_TOKEN_SHARDS_MAX);
        ASSERT(session_token_decode(bytes, 7, 9, &again, &problem) == STATUS_OK);
        ASSERT(again.count == token.count);
    }
}

static void watch(const uint8_t *data, size_t size, struct arena *arena)
{
    const struct ledger_position *places, *again;
    unsigned count, count_again;
    struct problem problem;
    char *text = arena_zalloc(arena, size + 1);
    memcpy(text, data, size);
    if (watch_token_read(text, 7, arena, &places, &count, &problem) == STATUS_OK) {
        text = watch_token_make(7, places, count, arena);
        ASSERT(watch_token_read(text, 7, arena, &again, &count_again, &problem) ==
               STATUS_OK);
        ASSERT(count_again == count);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    arena_init(&arena, NULL, 0, 0);
    if (data[0] % 3 == 0) {
        page(data + 1, size - 1, &arena);
    } else if (data[0] % 3 == 2) {
        watch(data + 1, size - 1, &arena);
    } else {
        session(data + 1, size - 1, &arena);
    }
    arena_close(&arena);
    return 0;
}
