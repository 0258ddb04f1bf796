/* SPDX-License-Identifier: Apache-2.0 */
/* Filters that callers made up: refused with a column inside the text, or they say yes or
 * no to any SKU, and NOT of them says the opposite. */
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/inventory/filter.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct inventory_sku *fuzz_sku(void)
{
    static const struct inventory_attribute attributes[] = {
        {.kind = INVENTORY_ATTRIBUTE_TEXT,
         .name = {(const uint8_t *)"colour", 6},
         .text = {(const uint8_t *)"red", 3}},
        {.kind = INVENTORY_ATTRIBUTE_NUMBER,
         .name = {(const uint8_t *)"count", 5},
         .number = -3},
        {.kind = INVENTORY_ATTRIBUTE_FLAG,
         .name = {(const uint8_t *)"organic", 7},
         .number = 1}};
    static const struct inventory_sku sku = {.sku_id = {(const uint8_t *)"MUG", 3},
                                             .attributes = attributes,
                                             .attribute_count = 3,
                                             .price = {"EUR", 7, 900000000}};
    return &sku;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct filter *filter, *opposite;
    struct problem problem = {.status = STATUS_OK};
    struct arena arena;
    enum status status;
    arena_init(&arena, NULL, 0, 0);
    status = filter_parse(slice_of(data, size), &arena, &filter, &problem);
    if (status == STATUS_OK && filter != NULL && size + 6 <= FILTER_BYTES_MAX) {
        char *text = arena_alloc(&arena, size + 6);
        memcpy(text, "NOT (", 5);
        memcpy(text + 5, data, size);
        text[size + 5] = ')';
        if (filter_parse(slice_of(text, size + 6), &arena, &opposite, &problem) ==
            STATUS_OK) {
            ASSERT(filter_match(filter, fuzz_sku()) !=
                   filter_match(opposite, fuzz_sku()));
        }
    } else if (status != STATUS_OK) {
        ASSERT(status == STATUS_BAD_FILTER && strcmp(problem.field, "filter") == 0);
        ASSERT(strstr(problem.message, "column") != NULL || size > FILTER_BYTES_MAX);
    }
    arena_close(&arena);
    return 0;
}
