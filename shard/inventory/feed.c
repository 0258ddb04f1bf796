/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The feed: the ledger in the order of the log, filtered, from any place that is not too
 * old. A watcher asks again whenever the shard has applied something, so that nothing is
 * kept for it here.
 */
#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    FEED_SCAN_MAX = 4000, /* movements passed over for one page */
};

struct feed {
    const struct inventory *inventory;
    const struct inventory_query *query;
    struct arena *arena;
    int64_t cutoff_ms;
    struct inventory_movement *movements;
    uint32_t count;
    uint32_t size;
    uint32_t scanned;
    bool begun;
    struct ledger_position next; /* index 0: the end was reached */
};

static bool feed_of_sku(const struct feed *feed, struct slice sku_id)
{
    const uint64_t *hashes = feed->query->sku_hashes;
    uint32_t low = 0, high = feed->query->sku_hash_count;
    uint64_t hash;
    if (high == 0) {
        return true;
    }
    hash = state_hash(feed->inventory, sku_id);
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (hashes[middle] < hash) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < feed->query->sku_hash_count && hashes[low] == hash;
}

/* A move between locations is of both. */
static bool feed_of_location(const struct feed *feed,
                             const struct inventory_movement *movement)
{
    for (uint32_t i = 0; i < feed->query->location_count; i++) {
        struct slice wanted = feed->query->location_ids[i];
        if (slice_equal(wanted, movement->location_id) ||
            (movement->to.location_id.size > 0 &&
             slice_equal(wanted, movement->to.location_id))) {
            return true;
        }
    }
    return feed->query->location_count == 0;
}

static enum status feed_visit(void *context, struct ledger_page *page)
{
    struct feed *feed = context;
    const struct ledger_position *from = &feed->query->from;
    size_t first = page->index == from->index ? from->sub : 0;
    if (MUTANT(feed_entry_skipped) && page->count > 1 && first == 0) {
        first = 1;
    }
    for (size_t i = first; i < page->count; i++) {
        const struct inventory_movement *movement = &page->movements[i];
        if (!feed->begun && movement->log_ms < feed->cutoff_ms) {
            return STATUS_RESUME_POINT_COMPACTED;
        }
        feed->begun = true;
        if (feed->count == feed->size || feed->scanned == FEED_SCAN_MAX) {
            feed->next = movement->position;
            return STATUS_CANCELLED; /* the page is full */
        }
        feed->scanned++;
        if (feed_of_location(feed, movement) && feed_of_sku(feed, movement->sku_id)) {
            ledger_copy(movement, feed->arena, &feed->movements[feed->count++]);
        }
    }
    return STATUS_OK;
}

/* --- The oldest place ------------------------------------------------------------------ */

struct feed_block {
    bool found;
    uint64_t index;
    int64_t log_ms;
};

static enum status feed_first_visit(void *context, struct ledger_page *page)
{
    struct feed_block *block = context;
    if (page->count == 0) {
        return STATUS_OK;
    }
    *block = (struct feed_block){true, page->index, page->movements[0].log_ms};
    return STATUS_CANCELLED;
}

/* The first block at or behind an index. */
static enum status feed_first(const struct feed *feed, uint64_t index,
                              struct feed_block *out)
{
    enum status status;
    *out = (struct feed_block){.found = false};
    status = ledger_walk(feed->inventory, index, feed_first_visit, out);
    return status == STATUS_CANCELLED ? STATUS_OK : status;
}

/* Log times grow with the index: strides outwards, then halves. `low` is too old. */
static enum status feed_oldest(const struct feed *feed, uint64_t low,
                               struct ledger_position *out)
{
    uint64_t stride = 1, high = UINT64_MAX;
    struct feed_block block = {.found = false};
    while (high == UINT64_MAX) {
        TRY(feed_first(feed, low + stride, &block));
        if (!block.found || block.log_ms >= feed->cutoff_ms) {
            high = low + stride;
        } else {
            low = block.index;
            stride *= 2;
        }
    }
    while (high - low > 1) {
        uint64_t middle = low + (high - low) / 2;
        TRY(feed_first(feed, middle, &block));
        if (!block.found || block.log_ms >= feed->cutoff_ms) {
            high = middle;
        } else {
            low = block.index < high ? block.index : high - 1;
        }
    }
    *out = (struct ledger_position){feed->inventory->options.shard_id, high, 0};
    return STATUS_OK;
}

enum status read_feed(const struct inventory *inventory,
                      const struct inventory_query *query, struct arena *arena,
                      struct inventory_answer *out)
{
    struct feed feed = {.inventory = inventory,
                        .query = query,
                        .arena = arena,
                        .cutoff_ms = INT64_MIN,
                        .size = read_page_size(query)};
    enum status status;
    if (query->keep_ms > 0) {
        feed.cutoff_ms = inventory->log_ms - query->keep_ms;
    }
    feed.movements = arena_zalloc(arena, feed.size * sizeof *feed.movements);
    if (feed.movements == NULL) {
        return STATUS_TOO_LARGE;
    }
    status = ledger_walk(inventory, query->from.index, feed_visit, &feed);
    if (status == STATUS_RESUME_POINT_COMPACTED) {
        TRY(feed_oldest(&feed, query->from.index, &out->next));
        return status;
    }
    if (status != STATUS_OK && status != STATUS_CANCELLED) {
        return status;
    }
    out->movements = feed.movements;
    out->movement_count = feed.count;
    out->next = feed.next;
    return STATUS_OK;
}

/* --- Alerts ---------------------------------------------------------------------------- */

static bool feed_fell(wide before, wide after, int64_t threshold)
{
    return before > threshold && after <= threshold;
}

static uint32_t feed_level_alerts(const int64_t before[STOCK_BUCKET_COUNT],
                                  const int64_t after[STOCK_BUCKET_COUNT],
                                  const struct inventory_thresholds *thresholds)
{
    wide available_before = level_available(before);
    wide available_after = level_available(after);
    uint32_t alerts = 0;
    if (feed_fell(available_before, available_after, thresholds->low_stock)) {
        alerts |= 1u << INVENTORY_ALERT_LOW_STOCK;
    }
    if (thresholds->reorder_point > 0 &&
        feed_fell(available_before + before[STOCK_BUCKET_INCOMING],
                  available_after + after[STOCK_BUCKET_INCOMING],
                  thresholds->reorder_point)) {
        alerts |= 1u << INVENTORY_ALERT_REORDER_POINT;
    }
    if (available_before <= 0 && available_after > 0) {
        alerts |= 1u << INVENTORY_ALERT_BACK_IN_STOCK;
    }
    if (view_shortfall(before) == 0 && view_shortfall(after) > 0) {
        alerts |= 1u << INVENTORY_ALERT_SHORTFALL;
    }
    return alerts;
}

uint32_t inventory_alerts(const struct inventory_movement *movement,
                          const struct inventory_thresholds *thresholds)
{
    uint32_t alerts = feed_level_alerts(movement->before, movement->after, thresholds);
    if (movement->reason == STOCK_REASON_EXPIRE) {
        alerts |= 1u << INVENTORY_ALERT_HOLD_EXPIRED;
    }
    return alerts;
}

uint32_t inventory_alerts_to(const struct inventory_movement *movement,
                             const struct inventory_thresholds *thresholds)
{
    return movement->to.location_id.size > 0
               ? feed_level_alerts(movement->to.before, movement->to.after, thresholds)
               : 0;
}
