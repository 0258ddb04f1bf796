/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/page_token.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/hash.h"

/*
 *     u8 version | u8 list | be64 fingerprint | key ... | be64 check of all before it
 */
enum {
    PAGE_TOKEN_VERSION = 1,
    PAGE_TOKEN_HEAD_BYTES = 10,
    PAGE_TOKEN_CHECK_BYTES = 8,
    PAGE_TOKEN_BYTES_MAX =
        PAGE_TOKEN_HEAD_BYTES + PAGE_TOKEN_KEY_BYTES_MAX + PAGE_TOKEN_CHECK_BYTES,
};

static const char page_token_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static int page_token_digit(char c)
{
    const char *found = c ? strchr(page_token_digits, c) : NULL;
    return found ? (int)(found - page_token_digits) : -1;
}

char *page_token_print(const uint8_t *bytes, size_t size, struct arena *arena)
{
    char *text = arena_alloc(arena, size * 4 / 3 + 4);
    size_t length = 0;
    uint32_t held = 0;
    unsigned bits = 0;
    if (text == NULL) {
        return NULL;
    }
    for (size_t i = 0; i < size; i++) {
        held = (held << 8 | bytes[i]) & 0xffff;
        for (bits += 8; bits >= 6; bits -= 6) {
            text[length++] = page_token_digits[held >> (bits - 6) & 63];
        }
    }
    if (bits > 0) {
        text[length++] = page_token_digits[held << (6 - bits) & 63];
    }
    text[length] = '\0';
    return text;
}

size_t page_token_scan(const char *text, size_t length, uint8_t *out)
{
    size_t size = 0;
    uint32_t held = 0;
    unsigned bits = 0;
    for (size_t i = 0; i < length; i++) {
        int digit = page_token_digit(text[i]);
        if (digit < 0) {
            return 0;
        }
        held = (held << 6 | (uint32_t)digit) & 0xffff;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            out[size++] = (uint8_t)(held >> bits);
        }
    }
    return held & ((1u << bits) - 1) ? 0 : size;
}

static uint64_t page_token_check(const struct page_query *query, const uint8_t *bytes,
                                 size_t size)
{
    return hash64(slice_of(bytes, size), hash_mix(query->secret ^ PAGE_TOKEN_VERSION));
}

char *page_token_make(const struct page_query *query, struct slice key,
                      struct arena *arena)
{
    uint8_t bytes[PAGE_TOKEN_BYTES_MAX];
    size_t size = PAGE_TOKEN_HEAD_BYTES;
    ASSERT(key.size <= PAGE_TOKEN_KEY_BYTES_MAX);
    bytes[0] = PAGE_TOKEN_VERSION;
    bytes[1] = (uint8_t)query->list;
    store_be64(bytes + 2, query->fingerprint);
    if (key.size > 0) {
        memcpy(bytes + size, key.data, key.size);
        size += key.size;
    }
    store_be64(bytes + size, page_token_check(query, bytes, size));
    return page_token_print(bytes, size + PAGE_TOKEN_CHECK_BYTES, arena);
}

enum status page_token_read(const struct page_query *query, const char *text,
                            struct arena *arena, struct slice *out_key,
                            struct problem *problem)
{
    uint8_t bytes[PAGE_TOKEN_TEXT_BYTES_MAX];
    size_t length = strnlen(text, PAGE_TOKEN_TEXT_BYTES_MAX + 1), size = 0, body = 0;
    if (length <= PAGE_TOKEN_TEXT_BYTES_MAX) {
        size = page_token_scan(text, length, bytes);
    }
    if (size >= PAGE_TOKEN_HEAD_BYTES + PAGE_TOKEN_CHECK_BYTES) {
        body = size - PAGE_TOKEN_CHECK_BYTES;
    }
    if (body == 0 || bytes[0] != PAGE_TOKEN_VERSION || bytes[1] != query->list ||
        load_be64(bytes + 2) != query->fingerprint ||
        load_be64(bytes + body) != page_token_check(query, bytes, body)) {
        return problem_set(problem, STATUS_BAD_TOKEN, "page_token",
                           "use next_page_token of the same call with the same "
                           "arguments, or leave it empty to begin anew");
    }
    *out_key = arena_slice(
        arena, slice_of(bytes + PAGE_TOKEN_HEAD_BYTES, body - PAGE_TOKEN_HEAD_BYTES));
    return STATUS_OK;
}
