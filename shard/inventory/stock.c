/* SPDX-License-Identifier: Apache-2.0 */
/* AdjustStock and SetStock. */
#include "shard/inventory/inventory_private.h"

bool stock_find(struct inventory *inventory, struct slice sku_id,
                struct slice location_id, struct stock_target *target,
                struct inventory_outcome *out)
{
    if (!state_owns(inventory, state_hash(inventory, sku_id))) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_SKU_ID);
        return false;
    }
    target->sku = state_sku_find(inventory, sku_id);
    if (target->sku == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID);
        return false;
    }
    target->location = state_location_find(inventory, location_id);
    if (target->location == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_LOCATION_ID);
        return false;
    }
    hold_expire_sku(inventory, target->sku);
    target->level = state_level_find(target->sku, location_id);
    return true;
}

void stock_view(const struct stock_target *target, struct arena *arena,
                struct inventory_level *out)
{
    if (target->level != NULL) {
        view_level(target->level, arena, out);
    } else {
        out->sku_id = arena_slice(arena, target->sku->node.id);
        out->location_id = arena_slice(arena, target->location->node.id);
    }
}

static void stock_show(const struct stock_target *target, struct arena *arena,
                       struct inventory_outcome *out)
{
    out->has_level = true;
    stock_view(target, arena, &out->level);
    if (target->level != NULL) {
        out->etag = target->level->etag;
    }
}

static bool stock_etag_matches(const struct stock_target *target, uint64_t etag)
{
    return etag == 0 || (target->level != NULL && target->level->etag == etag);
}

void stock_level_make(struct inventory *inventory, struct stock_target *target)
{
    if (target->level == NULL) {
        target->level = state_level_add(inventory, target->sku, target->location);
        target->level->etag = state_etag_mint(inventory);
        target->level->update_ms = inventory->log_ms;
        state_dirty(inventory, &inventory->dirty_levels, &target->level->dirty, 128);
    }
}

static void stock_write(struct inventory *inventory, struct stock_target *target,
                        const int64_t buckets[STOCK_BUCKET_COUNT],
                        enum stock_reason reason, struct slice reference)
{
    struct level_change change = {.reason = reason, .reference = reference};
    if (reason == STOCK_REASON_UNSPECIFIED) {
        change.reason = STOCK_REASON_CORRECTION;
    }
    stock_level_make(inventory, target);
    level_write(inventory, target->level, buckets, &change);
}

void stock_adjust(struct inventory *inventory,
                  const struct inventory_stock_adjust *command, struct arena *arena,
                  struct inventory_outcome *out)
{
    int64_t buckets[STOCK_BUCKET_COUNT] = {0};
    struct stock_target target;
    wide after;
    if (!stock_find(inventory, command->sku_id, command->location_id, &target, out)) {
        return;
    }
    if (!stock_etag_matches(&target, command->etag)) {
        outcome_refuse(out, STATUS_ETAG_MISMATCH, INVENTORY_FIELD_ETAG);
        stock_show(&target, arena, out);
        return;
    }
    if (target.level != NULL) {
        memcpy(buckets, target.level->buckets, sizeof buckets);
    }
    after = (wide)buckets[command->bucket] + command->delta;
    if (after < 0) {
        outcome_refuse(out, STATUS_INSUFFICIENT_STOCK, INVENTORY_FIELD_QUANTITY);
        out->shortages[0] = (struct inventory_shortage){
            .requested = level_clip(-(wide)command->delta),
            .available = buckets[command->bucket],
        };
        out->shortage_count = 1;
        return;
    }
    if (after > INT64_MAX) {
        outcome_refuse(out, STATUS_QUANTITY_OVERFLOW, INVENTORY_FIELD_QUANTITY);
        return;
    }
    buckets[command->bucket] = (int64_t)after;
    stock_write(inventory, &target, buckets, command->reason, command->reference);
    stock_show(&target, arena, out);
}

void stock_set(struct inventory *inventory, const struct inventory_stock_set *command,
               struct arena *arena, struct inventory_outcome *out)
{
    int64_t buckets[STOCK_BUCKET_COUNT] = {0};
    struct stock_target target;
    if (!stock_find(inventory, command->sku_id, command->location_id, &target, out)) {
        return;
    }
    if (target.level != NULL) {
        memcpy(buckets, target.level->buckets, sizeof buckets);
    }
    if (!stock_etag_matches(&target, command->etag)) {
        outcome_refuse(out, STATUS_ETAG_MISMATCH, INVENTORY_FIELD_ETAG);
        stock_show(&target, arena, out);
        return;
    }
    if (command->has_expected_on_hand &&
        command->expected_on_hand != buckets[STOCK_BUCKET_ON_HAND]) {
        outcome_refuse(out, STATUS_STOCK_COMPARE_FAILED, INVENTORY_FIELD_QUANTITY);
        stock_show(&target, arena, out);
        return;
    }
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        if (command->mask & 1u << i) {
            buckets[i] = command->buckets[i];
        }
    }
    stock_write(inventory, &target, buckets, command->reason, command->reference);
    stock_show(&target, arena, out);
}
