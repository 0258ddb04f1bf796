/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/identifier.h"

#include <stdio.h>

static bool identifier_character(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') ||
           c == '.' || c == '_' || c == '~' || c == ':' || c == '-';
}

bool identifier_valid(struct slice id)
{
    if (id.size == 0 || id.size > IDENTIFIER_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        if (!identifier_character(id.data[i])) {
            return false;
        }
    }
    /* Ids become file names and URL segments in other people's systems. */
    return !slice_equal(id, slice_from_string(".")) &&
           !slice_equal(id, slice_from_string(".."));
}

bool request_id_valid(struct slice id)
{
    if (id.size == 0 || id.size > REQUEST_ID_BYTES_MAX) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        if (id.data[i] <= ' ' || id.data[i] > '~') {
            return false;
        }
    }
    return true;
}

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool uuid7_time_ms(struct slice id, int64_t *out_time_ms)
{
    uint64_t time_ms = 0;
    unsigned digits = 0;
    if (id.size != UUID_TEXT_BYTES) {
        return false;
    }
    for (size_t i = 0; i < id.size; i++) {
        bool dash = i == 8 || i == 13 || i == 18 || i == 23;
        int digit = hex_digit(id.data[i]);
        if (dash != (id.data[i] == '-') || (!dash && digit < 0)) {
            return false;
        }
        if (!dash && digits++ < 12) {
            time_ms = time_ms << 4 | (unsigned)digit;
        }
    }
    if (id.data[14] != '7' || (hex_digit(id.data[19]) & 0xc) != 0x8) {
        return false;
    }
    *out_time_ms = (int64_t)time_ms;
    return true;
}

void uuid7_make(struct rng *rng, int64_t wall_ms, char out_text[UUID_TEXT_BYTES + 1])
{
    uint64_t time_ms = (uint64_t)wall_ms & 0xffffffffffffu;
    uint64_t high = rng_next(rng) & 0xfff;
    uint64_t low = (rng_next(rng) & 0x3fffffffffffffffu) | 0x8000000000000000u;
    snprintf(out_text, UUID_TEXT_BYTES + 1, "%08x-%04x-7%03x-%04x-%012llx",
             (unsigned)(time_ms >> 16), (unsigned)(time_ms & 0xffff), (unsigned)high,
             (unsigned)(low >> 48), (unsigned long long)(low & 0xffffffffffffu));
}
