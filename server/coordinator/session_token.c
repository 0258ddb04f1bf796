/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/session_token.h"

#include <string.h>

#include "shard/base/encode.h"
#include "shard/base/hash.h"

/*
 *     u8 version | le64 incarnation | varint map version | varint count
 *     | count x (varint shard id's growth, varint index) | le32 check of all before it
 */
enum {
    SESSION_TOKEN_VERSION = 1,
    SESSION_TOKEN_CHECK_BYTES = 4,
};

void session_token_init(struct session_token *token, uint64_t incarnation,
                        uint64_t map_version)
{
    token->incarnation = incarnation;
    token->map_version = map_version;
    token->count = 0;
}

void session_token_add(struct session_token *token, uint64_t shard_id, uint64_t index)
{
    unsigned at = 0;
    while (at < token->count && token->marks[at].shard_id < shard_id) {
        at++;
    }
    if (at < token->count && token->marks[at].shard_id == shard_id) {
        if (token->marks[at].index < index) {
            token->marks[at].index = index;
        }
        return;
    }
    if (token->count == SESSION_TOKEN_SHARDS_MAX) {
        return;
    }
    memmove(&token->marks[at + 1], &token->marks[at],
            (token->count - at) * sizeof token->marks[0]);
    token->marks[at] = (struct session_mark){.shard_id = shard_id, .index = index};
    token->count++;
}

uint64_t session_token_index(const struct session_token *token, uint64_t shard_id)
{
    for (unsigned i = 0; i < token->count; i++) {
        if (token->marks[i].shard_id == shard_id) {
            return token->marks[i].index;
        }
    }
    return 0;
}

static uint32_t session_token_check(const uint8_t *bytes, size_t size,
                                    uint64_t incarnation)
{
    return (uint32_t)hash64(slice_of(bytes, size), hash_mix(incarnation));
}

struct slice session_token_encode(const struct session_token *token, struct arena *arena)
{
    struct buffer buffer;
    struct slice copy;
    uint64_t previous = 0;
    buffer_init(&buffer);
    encode_u8(&buffer, SESSION_TOKEN_VERSION);
    encode_le64(&buffer, token->incarnation);
    encode_varint(&buffer, token->map_version);
    encode_varint(&buffer, token->count);
    for (unsigned i = 0; i < token->count; i++) {
        encode_varint(&buffer, token->marks[i].shard_id - previous);
        encode_varint(&buffer, token->marks[i].index);
        previous = token->marks[i].shard_id;
    }
    encode_le32(&buffer,
                session_token_check(buffer.data, buffer.size, token->incarnation));
    copy = arena_slice(arena, buffer_slice(&buffer));
    buffer_close(&buffer);
    return copy;
}

static enum status session_token_refuse(struct problem *problem)
{
    return problem_set(problem, STATUS_BAD_TOKEN, "read.session_token",
                       "not a session token of this cluster; leave it out to read the "
                       "newest state");
}

enum status session_token_decode(struct slice bytes, uint64_t incarnation,
                                 uint64_t map_version, struct session_token *out_token,
                                 struct problem *problem)
{
    struct session_token token;
    struct reader reader;
    uint64_t count, shard_id = 0;
    size_t body;
    if (bytes.size <= SESSION_TOKEN_CHECK_BYTES || bytes.size > SESSION_TOKEN_BYTES_MAX) {
        return session_token_refuse(problem);
    }
    body = bytes.size - SESSION_TOKEN_CHECK_BYTES;
    reader_init(&reader, slice_of(bytes.data, body));
    if (read_u8(&reader) != SESSION_TOKEN_VERSION || read_le64(&reader) != incarnation ||
        load_le32(bytes.data + body) !=
            session_token_check(bytes.data, body, incarnation)) {
        return session_token_refuse(problem);
    }
    session_token_init(&token, incarnation, read_varint(&reader));
    count = read_varint(&reader);
    if (token.map_version > map_version || count > SESSION_TOKEN_SHARDS_MAX) {
        return session_token_refuse(problem);
    }
    for (uint64_t i = 0; i < count && !reader.failed; i++) {
        shard_id += read_varint(&reader);
        session_token_add(&token, shard_id, read_varint(&reader));
    }
    if (reader_finish(&reader) != STATUS_OK) {
        return session_token_refuse(problem);
    }
    *out_token = token;
    return STATUS_OK;
}
