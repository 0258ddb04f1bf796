/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The SKUs that a product's axes span: their options, codes by a template, names. Codes
 * that two of them would share are found here. Pure; everything lies in the arena.
 */
#ifndef SOUK_SERVER_COORDINATOR_SKU_CODES_H
#define SOUK_SERVER_COORDINATOR_SKU_CODES_H

#include "shard/base/arena.h"
#include "shard/base/status.h"
#include "shard/inventory/types.h"

struct sku_code {
    struct slice sku_id;
    struct slice name; /* "Shirt, S, red" */
    const struct inventory_attribute *options;
    uint32_t option_count;
};

struct sku_codes {
    struct sku_code *codes;
    uint32_t count;
};

/* `template_text` may be empty: the product and every axis. INVALID, with the field
 * code_template or product_id: an unknown name in braces, no axes, more than `count_max`
 * combinations, a code that is no id, two of one code. */
MUST_USE enum status sku_codes_make(const struct inventory_product *product,
                                    struct slice template_text, uint32_t count_max,
                                    struct arena *arena, struct sku_codes *out,
                                    struct problem *problem);

#endif
