/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Trade item numbers: GTIN-8, -12 (UPC-A), -13 (EAN) and -14, with their check digit
 * (GS1 General Specifications 7.9). Shorter ones are the same number with zeros before it,
 * so the form of 14 digits names an item whatever was printed.
 */
#ifndef SOUK_SHARD_BASE_GTIN_H
#define SOUK_SHARD_BASE_GTIN_H

#include <stdbool.h>

#include "shard/base/slice.h"

enum {
    GTIN_DIGITS_MAX = 14,
};

/* The last digit that makes `digits` (7, 11, 12 or 13 of them) a GTIN: '0'..'9'. */
char gtin_check_digit(struct slice digits);
/* 8, 12, 13 or 14 digits, the last one right. */
bool gtin_valid(struct slice text);
/* 14 digits and a NUL. False, and nothing written, when it is no GTIN. */
bool gtin_canonical(struct slice text, char out_digits[GTIN_DIGITS_MAX + 1]);

#endif
