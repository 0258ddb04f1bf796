/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The filter language of questions about SKUs: a subset of AIP-160 (google.aip.dev/160),
 * parsed once per question and evaluated on every candidate.
 *
 *     filter      = [ expression ]                   nothing at all: every SKU
 *     expression  = factor { "AND" factor }
 *     factor      = term { "OR" term }               OR binds tighter, as AIP-160 says
 *     term        = [ "NOT" | "-" ] simple
 *     simple      = "(" expression ")" | field comparator value
 *     field       = "sku_id" | "product_id" | "name" | "brand" | "category" | "price"
 *                 | "price.currency" | "attributes." name
 *     comparator  = "=" | "!=" | "<" | "<=" | ">" | ">=" | ":"
 *     value       = quoted text | number | "true" | "false" | bare text | "*" (after ":")
 *     name        = bare text | quoted text
 *
 * Text is quoted with " or ', with \\ \" \' \n \t inside; bare text is letters, digits,
 * and _ . ~ - beside bytes above 0x7f. Numbers have up to 9 decimals. Keywords are
 * upper-case.
 *
 * What it means
 *   - a comparison with what a SKU does not have is false, != too; NOT of it is true.
 *   - Text is compared byte by byte. `:` on text: it holds the value; on numbers and
 *     flags: as =. `field:*`: the SKU has it.
 *   - A bare number or true also stands for its own text, so that size = 42 finds the
 *     text "42"; a quoted one is text alone. Values of different kinds are never equal
 *     (so != is true) and have no order.
 *   - price compares amounts, whatever the currency. category is the path from the root:
 *     = and : are true when one of its names is the value, != when none is.
 *
 * Pure; any thread. No floating point.
 */
#ifndef SOUK_SHARD_INVENTORY_FILTER_H
#define SOUK_SHARD_INVENTORY_FILTER_H

#include "shard/base/arena.h"
#include "shard/inventory/types.h"

enum {
    FILTER_BYTES_MAX = 2048,
    FILTER_DEPTH_MAX = 16, /* parentheses in parentheses */
    FILTER_DECIMALS_MAX = 9,
};

struct filter;

/* OK: `out_filter` lives in the arena and borrows from `text`; NULL when `text` is blank.
 * BAD_FILTER: the problem names the column (in characters, from 1) and what was expected
 * there, its field is "filter". TOO_LARGE (arena). */
MUST_USE enum status filter_parse(struct slice text, struct arena *arena,
                                  const struct filter **out_filter,
                                  struct problem *problem);
/* NULL matches every SKU. */
bool filter_match(const struct filter *filter, const struct inventory_sku *sku);

#endif
