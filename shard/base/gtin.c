/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/gtin.h"

#include <string.h>

char gtin_check_digit(struct slice digits)
{
    unsigned sum = 0;
    for (size_t i = 0; i < digits.size; i++) {
        unsigned digit = (unsigned)(digits.data[digits.size - 1 - i] - '0');
        sum +=
            i % 2 == 0 ? 3 * digit : digit; /* the one beside the check digit weighs 3 */
    }
    return (char)('0' + (10 - sum % 10) % 10);
}

bool gtin_valid(struct slice text)
{
    if (text.size != 8 && (text.size < 12 || text.size > GTIN_DIGITS_MAX)) {
        return false;
    }
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return false;
        }
    }
    return (char)text.data[text.size - 1] ==
           gtin_check_digit(slice_of(text.data, text.size - 1));
}

bool gtin_canonical(struct slice text, char out_digits[GTIN_DIGITS_MAX + 1])
{
    if (!gtin_valid(text)) {
        return false;
    }
    memset(out_digits, '0', GTIN_DIGITS_MAX - text.size);
    memcpy(out_digits + GTIN_DIGITS_MAX - text.size, text.data, text.size);
    out_digits[GTIN_DIGITS_MAX] = '\0';
    return true;
}
