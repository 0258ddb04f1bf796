/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where a list goes on: version, query kind, two be64, two byte strings, le32 check. The
 * check is seeded with the cluster's hash seed, so that other clusters' tokens and typing
 * errors are told apart; it is no secret.
 */
#include "shard/inventory/inventory_private.h"

enum {
    TOKEN_VERSION = 1,
    TOKEN_CHECK_BYTES = 4,
    TOKEN_BYTES_MAX = 512,
};

static uint32_t token_check(const struct inventory *inventory, struct slice bytes)
{
    return (uint32_t)hash64(bytes, inventory->options.hash_seed);
}

struct slice token_encode(const struct inventory *inventory, struct arena *arena,
                          const struct page_token *token)
{
    struct buffer bytes;
    struct slice copy;
    buffer_init(&bytes);
    encode_u8(&bytes, TOKEN_VERSION);
    encode_u8(&bytes, (uint8_t)token->kind);
    encode_be64(&bytes, token->first);
    encode_be64(&bytes, token->second);
    encode_bytes(&bytes, token->id);
    encode_bytes(&bytes, token->sub_id);
    encode_le32(&bytes, token_check(inventory, buffer_slice(&bytes)));
    copy = arena_slice(arena, buffer_slice(&bytes));
    buffer_close(&bytes);
    return copy;
}

enum status token_decode(const struct inventory *inventory, struct slice bytes,
                         enum inventory_query_kind kind, struct page_token *out_token)
{
    struct page_token token = {.kind = kind};
    struct reader reader;
    struct slice body;
    if (bytes.size < TOKEN_CHECK_BYTES || bytes.size > TOKEN_BYTES_MAX) {
        return STATUS_BAD_TOKEN;
    }
    body = slice_of(bytes.data, bytes.size - TOKEN_CHECK_BYTES);
    reader_init(&reader, body);
    if (load_le32(body.data + body.size) != token_check(inventory, body) ||
        read_u8(&reader) != TOKEN_VERSION || read_u8(&reader) != (uint8_t)kind) {
        return STATUS_BAD_TOKEN;
    }
    token.first = read_be64(&reader);
    token.second = read_be64(&reader);
    token.id = read_bytes(&reader);
    token.sub_id = read_bytes(&reader);
    if (reader_finish(&reader) != STATUS_OK) {
        return STATUS_BAD_TOKEN;
    }
    *out_token = token;
    return STATUS_OK;
}
