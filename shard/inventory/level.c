/* SPDX-License-Identifier: Apache-2.0 */
/* The arithmetic of a level, and the only place where its buckets change. */
#include "shard/inventory/inventory_private.h"

int64_t level_clip(wide value)
{
    if (value > INT64_MAX) {
        return INT64_MAX;
    }
    return value < INT64_MIN ? INT64_MIN : (int64_t)value;
}

wide level_available(const int64_t buckets[STOCK_BUCKET_COUNT])
{
    return (wide)buckets[STOCK_BUCKET_ON_HAND] - buckets[STOCK_BUCKET_HELD] -
           buckets[STOCK_BUCKET_COMMITTED] - buckets[STOCK_BUCKET_DAMAGED] -
           buckets[STOCK_BUCKET_QUALITY_CONTROL] - buckets[STOCK_BUCKET_SAFETY_STOCK];
}

/*
 * A grant within this room cannot raise shortfall: held + committed + granted stays at or
 * below on_hand - damaged - quality_control - safety_stock (+ backorder_limit).
 */
wide level_room(const struct level_row *level, bool allow_backorder)
{
    wide room = level_available(level->buckets) - level->claim;
    if (allow_backorder) {
        room += level->buckets[STOCK_BUCKET_BACKORDER_LIMIT];
    }
    return room > 0 ? room : 0;
}

void level_write(struct inventory *inventory, struct level_row *level,
                 const int64_t buckets[STOCK_BUCKET_COUNT],
                 const struct level_change *change)
{
    struct apply_context *apply = &inventory->apply;
    struct sku_row *sku = level->sku;
    struct inventory_movement movement = {
        .sku_id = sku->node.id,
        .location_id = level->location->node.id,
        .reason = change->reason,
        .reference = change->reference,
        .hold_id = change->hold_id,
        .request_high = apply->request_id.high,
        .request_low = apply->request_id.low,
        .log_ms = inventory->log_ms,
        .previous = sku->movement,
    };
    ASSERT(apply->open);
    if (memcmp(level->buckets, buckets, sizeof level->buckets) == 0) {
        return;
    }
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        movement.before[i] = level->buckets[i];
        movement.after[i] = buckets[i];
    }
    movement.position = (struct ledger_position){
        inventory->options.shard_id, apply->position.index, apply->movement_sub};
    movement.sequence = sku->movement_sequence + 1;
    ledger_append(inventory, &movement);
    apply->movement_sub++;
    inventory->movement_count++;
    inventory->units_on_hand +=
        (wide)buckets[STOCK_BUCKET_ON_HAND] - level->buckets[STOCK_BUCKET_ON_HAND];
    memcpy(level->buckets, buckets, sizeof level->buckets);
    sku->movement = movement.position;
    sku->movement_sequence = movement.sequence;
    level->movement = movement.position;
    level->movement_sequence = movement.sequence;
    level->etag = state_etag_mint(inventory);
    level->update_ms = inventory->log_ms;
    state_dirty(inventory, &inventory->dirty_levels, &level->dirty,
                sku->node.id.size + 96);
}
