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

/* The movement of a change of this level, but for what the level becomes. */
static struct inventory_movement level_movement(const struct inventory *inventory,
                                                const struct level_row *level,
                                                const struct level_change *change)
{
    const struct apply_context *apply = &inventory->apply;
    const struct sku_row *sku = level->sku;
    return (struct inventory_movement){
        .sku_id = sku->node.id,
        .location_id = level->location->node.id,
        .reason = change->reason,
        .reference = change->reference,
        .hold_id = change->hold_id,
        .request_high = apply->request_id.high,
        .request_low = apply->request_id.low,
        .log_ms = inventory->log_ms,
        .previous = sku->movement,
        .position = {inventory->options.shard_id, apply->position.index,
                     apply->movement_sub},
        .sequence = sku->movement_sequence + 1,
    };
}

static void level_note(struct inventory *inventory, struct sku_row *sku,
                       const struct inventory_movement *movement)
{
    ledger_append(inventory, movement);
    inventory->apply.movement_sub++;
    inventory->movement_count++;
    sku->movement = movement->position;
    sku->movement_sequence = movement->sequence;
}

static void level_become(struct inventory *inventory, struct level_row *level,
                         const int64_t buckets[STOCK_BUCKET_COUNT],
                         const struct inventory_movement *movement)
{
    if (level->location->count != NULL &&
        buckets[STOCK_BUCKET_ON_HAND] != level->buckets[STOCK_BUCKET_ON_HAND]) {
        count_capture(inventory, level);
    }
    inventory->units_on_hand +=
        (wide)buckets[STOCK_BUCKET_ON_HAND] - level->buckets[STOCK_BUCKET_ON_HAND];
    memcpy(level->buckets, buckets, sizeof level->buckets);
    level->movement = movement->position;
    level->movement_sequence = movement->sequence;
    level->etag = state_etag_mint(inventory);
    level->update_ms = inventory->log_ms;
    state_dirty(inventory, &inventory->dirty_levels, &level->dirty,
                level->sku->node.id.size + 96);
}

void level_write(struct inventory *inventory, struct level_row *level,
                 const int64_t buckets[STOCK_BUCKET_COUNT],
                 const struct level_change *change)
{
    struct inventory_movement movement;
    ASSERT(inventory->apply.open);
    if (memcmp(level->buckets, buckets, sizeof level->buckets) == 0) {
        return;
    }
    movement = level_movement(inventory, level, change);
    memcpy(movement.before, level->buckets, sizeof movement.before);
    memcpy(movement.after, buckets, sizeof movement.after);
    level_note(inventory, level->sku, &movement);
    level_become(inventory, level, buckets, &movement);
}

void level_write_pair(struct inventory *inventory, const struct level_target *from,
                      const struct level_target *to, const struct level_change *change)
{
    struct inventory_movement movement = level_movement(inventory, from->level, change);
    ASSERT(inventory->apply.open);
    ASSERT(from->level->sku == to->level->sku && from->level != to->level);
    memcpy(movement.before, from->level->buckets, sizeof movement.before);
    memcpy(movement.after, from->buckets, sizeof movement.after);
    movement.to.location_id = to->level->location->node.id;
    memcpy(movement.to.before, to->level->buckets, sizeof movement.to.before);
    memcpy(movement.to.after, to->buckets, sizeof movement.to.after);
    level_note(inventory, from->level->sku, &movement);
    level_become(inventory, from->level, from->buckets, &movement);
    level_become(inventory, to->level, to->buckets, &movement);
}

int64_t level_occurred_ms(const struct level_row *level, uint64_t source)
{
    for (uint32_t i = 0; level->stamps != NULL && i < level->stamps->count; i++) {
        if (level->stamps->stamps[i].source == source) {
            return level->stamps->stamps[i].occurred_ms;
        }
    }
    return 0;
}

/* The stamp of the source, or the place of a new one: when all are taken, of the oldest. */
static struct level_stamp *level_stamp_place(struct level_stamps *stamps, uint64_t source)
{
    struct level_stamp *oldest = &stamps->stamps[0];
    for (uint32_t i = 0; i < stamps->count; i++) {
        struct level_stamp *stamp = &stamps->stamps[i];
        if (stamp->source == source) {
            return stamp;
        }
        if (stamp->occurred_ms < oldest->occurred_ms) {
            oldest = stamp;
        }
    }
    return stamps->count < LEVEL_STAMPS_MAX ? &stamps->stamps[stamps->count++] : oldest;
}

void level_occurred(struct inventory *inventory, struct level_row *level, uint64_t source,
                    int64_t occurred_ms)
{
    struct level_stamp *stamp;
    if (level->stamps == NULL) {
        level->stamps = memory_zalloc(sizeof *level->stamps);
    }
    stamp = level_stamp_place(level->stamps, source);
    if (stamp->source != source) {
        *stamp = (struct level_stamp){.source = source};
    }
    if (occurred_ms > stamp->occurred_ms) {
        stamp->occurred_ms = occurred_ms;
        state_dirty(inventory, &inventory->dirty_levels, &level->dirty, 16);
    }
}
