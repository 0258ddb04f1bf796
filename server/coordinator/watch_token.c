/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/watch_token.h"

#include <string.h>

#include "server/coordinator/page_token.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"

/*
 *     u8 version | varint count | count x (varint shard, varint index, varint sub)
 *     | be64 check of all before it and of the cluster
 */
enum {
    WATCH_TOKEN_VERSION = 1,
    WATCH_TOKEN_CHECK_BYTES = 8,
};

static uint64_t watch_token_check(uint64_t incarnation, struct slice body)
{
    return hash64(body, hash_mix(incarnation ^ 0x7761746368u));
}

char *watch_token_make(uint64_t incarnation, const struct ledger_position *places,
                       unsigned count, struct arena *arena)
{
    struct buffer bytes;
    char *text;
    buffer_init(&bytes);
    encode_u8(&bytes, WATCH_TOKEN_VERSION);
    encode_varint(&bytes, count);
    for (unsigned i = 0; i < count; i++) {
        encode_varint(&bytes, places[i].shard_id);
        encode_varint(&bytes, places[i].index);
        encode_varint(&bytes, places[i].sub);
    }
    encode_be64(&bytes, watch_token_check(incarnation, buffer_slice(&bytes)));
    text = page_token_print(bytes.data, bytes.size, arena);
    buffer_close(&bytes);
    return text;
}

static bool watch_token_places(struct slice body, struct arena *arena,
                               const struct ledger_position **out_places,
                               unsigned *out_count)
{
    struct ledger_position *places;
    struct reader reader;
    uint64_t count;
    reader_init(&reader, body);
    if (read_u8(&reader) != WATCH_TOKEN_VERSION) {
        return false;
    }
    count = read_varint(&reader);
    if (count == 0 || count > WATCH_TOKEN_SHARDS_MAX) {
        return false;
    }
    places = arena_alloc(arena, (size_t)count * sizeof *places);
    for (uint64_t i = 0; places != NULL && i < count; i++) {
        uint64_t shard_id = read_varint(&reader), index = read_varint(&reader);
        uint64_t sub = read_varint(&reader);
        if (sub > UINT32_MAX || index == 0 || index == UINT64_MAX) {
            return false;
        }
        places[i] = (struct ledger_position){shard_id, index, (uint32_t)sub};
    }
    *out_places = places;
    *out_count = (unsigned)count;
    return places != NULL && reader_finish(&reader) == STATUS_OK;
}

enum status watch_token_read(const char *text, uint64_t incarnation, struct arena *arena,
                             const struct ledger_position **out_places,
                             unsigned *out_count, struct problem *problem)
{
    size_t length = strnlen(text, WATCH_TOKEN_TEXT_BYTES_MAX + 1), size = 0;
    uint8_t *bytes = NULL;
    if (length > 0 && length <= WATCH_TOKEN_TEXT_BYTES_MAX) {
        bytes = arena_alloc(arena, length);
    }
    if (bytes != NULL) {
        size = page_token_scan(text, length, bytes);
    }
    if (size > WATCH_TOKEN_CHECK_BYTES) {
        struct slice body = slice_of(bytes, size - WATCH_TOKEN_CHECK_BYTES);
        if (load_be64(bytes + body.size) == watch_token_check(incarnation, body) &&
            watch_token_places(body, arena, out_places, out_count)) {
            return STATUS_OK;
        }
    }
    return problem_set(problem, STATUS_BAD_TOKEN, "resume_token",
                       "use a resume_token as this cluster gave it, or leave it empty to "
                       "begin with a snapshot");
}
