/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/shared.h"

#include <stdlib.h>

uint32_t shared_read_small(struct reader *reader, uint32_t max)
{
    uint64_t value = read_varint(reader);
    if (value > max) {
        reader_fail(reader);
        return 0;
    }
    return (uint32_t)value;
}

uint64_t shared_root(shared_wide value)
{
    shared_wide root = 0;
    for (int bit = 63; bit >= 0; bit--) {
        shared_wide next = root | (shared_wide)1 << bit;
        if (next * next <= value) {
            root = next;
        }
    }
    return (uint64_t)root;
}

static int excluded_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

bool shared_excluded(const struct recommend_rank_options *options, uint64_t sku_hash)
{
    if (options->excluded_sorted && options->excluded_count > 0) {
        return bsearch(&sku_hash, options->excluded, options->excluded_count,
                       sizeof *options->excluded, excluded_compare) != NULL;
    }
    for (size_t i = 0; i < options->excluded_count; i++) {
        if (options->excluded[i] == sku_hash) {
            return true;
        }
    }
    return false;
}

static int reason_compare(const void *left, const void *right)
{
    const struct recommend_reason *a = left, *b = right;
    if (a->weight > b->weight || a->weight < b->weight) {
        return a->weight > b->weight ? -1 : 1;
    }
    if (a->related_sku_hash != b->related_sku_hash) {
        return a->related_sku_hash < b->related_sku_hash ? -1 : 1;
    }
    return a->kind < b->kind ? -1 : a->kind > b->kind;
}

void shared_reasons_sort(struct recommend_reason *reasons, uint32_t count)
{
    if (count > 0) {
        qsort(reasons, count, sizeof *reasons, reason_compare);
    }
}
