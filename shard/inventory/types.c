/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/inventory/types.h"

#include "shard/base/arena.h"
#include "shard/base/gtin.h"

static const char types_hex[] = "0123456789abcdef";

enum {
    TYPES_HEX_DIGITS = 16,
};

static void types_hex_write(uint64_t value, char *out)
{
    for (int i = TYPES_HEX_DIGITS - 1; i >= 0; i--) {
        out[i] = types_hex[value & 15];
        value >>= 4;
    }
}

/* Lower case only: one value, one text. */
static bool types_hex_read(const uint8_t *text, uint64_t *out_value)
{
    uint64_t value = 0;
    for (int i = 0; i < TYPES_HEX_DIGITS; i++) {
        uint8_t c = text[i];
        if (c >= '0' && c <= '9') {
            value = value << 4 | (uint64_t)(c - '0');
        } else if (c >= 'a' && c <= 'f') {
            value = value << 4 | (uint64_t)(c - 'a' + 10);
        } else {
            return false;
        }
    }
    *out_value = value;
    return true;
}

void inventory_hold_id_format(struct inventory_hold_id id,
                              char out_text[INVENTORY_HOLD_ID_TEXT_BYTES + 1])
{
    types_hex_write(id.anchor, out_text);
    out_text[TYPES_HEX_DIGITS] = '-';
    types_hex_write(id.unique, out_text + TYPES_HEX_DIGITS + 1);
    out_text[INVENTORY_HOLD_ID_TEXT_BYTES] = '\0';
}

enum status inventory_hold_id_parse(struct slice text, struct inventory_hold_id *out_id)
{
    struct inventory_hold_id id;
    if (text.size != INVENTORY_HOLD_ID_TEXT_BYTES || text.data[TYPES_HEX_DIGITS] != '-' ||
        !types_hex_read(text.data, &id.anchor) ||
        !types_hex_read(text.data + TYPES_HEX_DIGITS + 1, &id.unique)) {
        return STATUS_NOT_FOUND;
    }
    *out_id = id;
    return STATUS_OK;
}

void inventory_etag_format(uint64_t etag, char out_text[INVENTORY_ETAG_TEXT_BYTES + 1])
{
    types_hex_write(etag, out_text);
    out_text[INVENTORY_ETAG_TEXT_BYTES] = '\0';
}

enum status inventory_etag_parse(struct slice text, uint64_t *out_etag)
{
    uint64_t etag = 0;
    if (text.size != 0 && (text.size != INVENTORY_ETAG_TEXT_BYTES ||
                           !types_hex_read(text.data, &etag) || etag == 0)) {
        return STATUS_ETAG_MISMATCH;
    }
    *out_etag = etag;
    return STATUS_OK;
}

struct slice inventory_identifier_canonical(struct slice identifier, struct arena *arena)
{
    char digits[GTIN_DIGITS_MAX + 1];
    return arena_slice(arena, gtin_canonical(identifier, digits)
                                  ? slice_of(digits, GTIN_DIGITS_MAX)
                                  : identifier);
}
