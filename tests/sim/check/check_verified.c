/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A VERIFIED item had stock at some moment between request and reply.
 *
 * Right because the answer names the log index that an item was verified at, and the
 * ledger, recomputed by check_ledger.c, says what was available there. That the moment
 * was not before the request is seen by the recency of indexes: it may not lie below what
 * anybody was told of the SKU before the question.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct verified_stock {
    uint64_t index;
    int64_t available; /* the most at any moment of this index */
    int64_t last;      /* at its end */
};

struct verified_item {
    uint32_t sku;
    uint64_t index, number;
};

struct check_verified {
    struct check_report *report;
    struct verified_stock *stocks[CHECK_SKUS_MAX]; /* by index */
    size_t counts[CHECK_SKUS_MAX], capacities[CHECK_SKUS_MAX];
    struct verified_item *items;
    size_t item_count, item_capacity;
    bool fed;
};

struct check_verified *check_verified_new(struct check_report *report)
{
    struct check_verified *verified = memory_zalloc(sizeof *verified);
    verified->report = report;
    return verified;
}

void check_verified_free(struct check_verified *verified)
{
    for (unsigned i = 0; i < CHECK_SKUS_MAX; i++) {
        free(verified->stocks[i]);
    }
    free(verified->items);
    free(verified);
}

void check_verified_call(struct check_verified *verified, const struct check_call *call)
{
    for (uint32_t i = 0; i < call->told.item_count; i++) {
        const struct history_item *item = &call->told.items[i];
        if (item->available <= 0) {
            check_fail(verified->report, CHECK_VERIFIED,
                       "operation %lu shows item %u as verified with %ld available",
                       call->told.number, item->sku, item->available);
        }
        if (item->index == 0) {
            continue;
        }
        if (verified->item_count == CHECK_REQUESTS_MAX) {
            verified->report->forgotten++;
            continue;
        }
        memory_reserve((void **)&verified->items, &verified->item_capacity,
                       verified->item_count + 1, sizeof *verified->items);
        verified->items[verified->item_count++] =
            (struct verified_item){item->sku, item->index, call->told.number};
    }
}

void check_verified_stock(struct check_verified *verified, uint32_t sku, uint64_t index,
                          int64_t available)
{
    struct verified_stock *last;
    verified->fed = true;
    if (verified->counts[sku] > 0) {
        last = &verified->stocks[sku][verified->counts[sku] - 1];
        if (last->index == index) {
            last->last = available;
            last->available = available > last->available ? available : last->available;
            return;
        }
    }
    memory_reserve((void **)&verified->stocks[sku], &verified->capacities[sku],
                   verified->counts[sku] + 1, sizeof **verified->stocks);
    verified->stocks[sku][verified->counts[sku]++] =
        (struct verified_stock){index, available, available};
}

static int64_t verified_at(const struct check_verified *verified, uint32_t sku,
                           uint64_t index)
{
    size_t low = 0, high = verified->counts[sku];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (verified->stocks[sku][middle].index <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low == 0) {
        return 0;
    }
    return verified->stocks[sku][low - 1].index == index
               ? verified->stocks[sku][low - 1].available
               : verified->stocks[sku][low - 1].last;
}

void check_verified_finish(struct check_verified *verified)
{
    for (size_t i = 0; verified->fed && i < verified->item_count; i++) {
        const struct verified_item *item = &verified->items[i];
        if (verified_at(verified, item->sku, item->index) <= 0) {
            check_fail(
                verified->report, CHECK_VERIFIED,
                "operation %lu shows item %u as verified at index %lu, where nothing "
                "was available",
                item->number, item->sku, item->index);
        }
    }
}
