/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Streams of warehouse systems: opening, updates, what is through. Exactly once per source
 * and sequence by the shard's lane of the source (source_lane.h); an update itself is an
 * adjustment or a setting as any other.
 */
#include "shard/base/identifier.h"
#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    SOURCE_ITEM_BYTES = 1024, /* scratch of one item's outcome */
};

/* --- Opening -------------------------------------------------------------------------- */

/* At the home: the next incarnation, whoever was there before. */
static void source_open_home(struct inventory *inventory,
                             const struct inventory_source_open *command,
                             struct source_lane *lane, struct inventory_outcome *out)
{
    if (!state_owns(inventory, command->home_hash)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_NONE);
        return;
    }
    if (command->source.epoch > lane->epoch) {
        source_lane_restart(lane, command->source.epoch);
    }
    lane->home = true;
    lane->incarnation++;
}

void source_open(struct inventory *inventory, const struct inventory_source_open *command,
                 struct inventory_outcome *out)
{
    const struct inventory_source *source = &command->source;
    struct source_lane *lane = source_lanes_find(&inventory->sources, source->id);
    if (lane == NULL && inventory->sources.lanes.count >= command->sources_max) {
        outcome_refuse(out, STATUS_QUANTITY_LIMIT, INVENTORY_FIELD_OTHER);
        return;
    }
    if (lane != NULL &&
        (source->epoch < lane->epoch ||
         (source->incarnation != 0 && source->incarnation < lane->incarnation))) {
        outcome_refuse(out, STATUS_SOURCE_SUPERSEDED, INVENTORY_FIELD_OTHER);
        out->source.incarnation = lane->incarnation;
        return;
    }
    if (lane == NULL) {
        lane = source_lanes_add(&inventory->sources, source->id);
        lane->epoch = source->epoch;
    }
    if (source->incarnation == 0) {
        source_open_home(inventory, command, lane, out);
    } else {
        if (source->epoch > lane->epoch) {
            source_lane_restart(lane, source->epoch);
        }
        lane->incarnation = source->incarnation;
    }
    out->source.incarnation = lane->incarnation;
    out->source.through = lane->through;
    out->source.last = lane->last;
    source_lane_mark(&inventory->sources, lane);
    inventory->dirty_bytes += SOURCE_LANE_BYTES_ABOUT;
}

/* The lane of the stream's own opening; NULL when another one has taken its place. */
static struct source_lane *source_current(struct inventory *inventory,
                                          const struct inventory_source *source,
                                          struct inventory_outcome *out)
{
    struct source_lane *lane = source_lanes_find(&inventory->sources, source->id);
    if (lane == NULL || lane->epoch != source->epoch ||
        lane->incarnation != source->incarnation) {
        outcome_refuse(out, STATUS_SOURCE_SUPERSEDED, INVENTORY_FIELD_OTHER);
        out->source.incarnation = lane != NULL ? lane->incarnation : 0;
        return NULL;
    }
    return lane;
}

void source_through(struct inventory *inventory,
                    const struct inventory_source_through *command,
                    struct inventory_outcome *out)
{
    struct source_lane *lane;
    if (!state_owns(inventory, command->home_hash)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_NONE);
        return;
    }
    lane = source_current(inventory, &command->source, out);
    if (lane == NULL) {
        return;
    }
    if (command->through > lane->through) {
        lane->through = command->through;
        source_lane_forget(lane, lane->through);
        source_lane_mark(&inventory->sources, lane);
        inventory->dirty_bytes += SOURCE_LANE_BYTES_ABOUT;
    }
    out->source.through = lane->through;
    out->source.last = lane->last;
}

/* --- One item ------------------------------------------------------------------------- */

/* As an adjustment or a setting: what these refuse without looking at any state. */
static void source_command(const struct inventory_source_item *item,
                           struct inventory_command *out)
{
    if (!item->absolute) {
        *out =
            (struct inventory_command){.kind = INVENTORY_STOCK_ADJUST,
                                       .stock_adjust = {.sku_id = item->sku_id,
                                                        .location_id = item->location_id,
                                                        .bucket = item->bucket,
                                                        .delta = item->quantity,
                                                        .reason = item->reason,
                                                        .reference = item->reference}};
        return;
    }
    *out = (struct inventory_command){.kind = INVENTORY_STOCK_SET,
                                      .stock_set = {.sku_id = item->sku_id,
                                                    .location_id = item->location_id,
                                                    .reason = item->reason,
                                                    .reference = item->reference}};
    if (item->bucket > 0 && item->bucket < STOCK_BUCKET_COUNT) {
        out->stock_set.mask = 1u << item->bucket;
        out->stock_set.buckets[item->bucket] = item->quantity;
    }
}

static void source_make_sku(struct inventory *inventory,
                            const struct inventory_source_update *update,
                            const struct inventory_source_item *item, struct arena *arena,
                            struct inventory_outcome *out)
{
    const struct inventory_sku_upsert upsert = {
        .sku = {.sku_id = item->sku_id, .state = SKU_STATE_DRAFT},
        .update_mask = SKU_FIELD_STATE,
        .attributes_max = update->attributes_max,
    };
    *out = (struct inventory_outcome){.status = STATUS_OK};
    catalog_sku_upsert(inventory, &upsert, arena, out);
}

static void source_decide(struct inventory *inventory,
                          const struct inventory_command *command, struct arena *arena,
                          struct inventory_outcome *out)
{
    struct check_fault fault;
    *out = (struct inventory_outcome){.status = STATUS_OK};
    if (!check_command(command, &fault)) {
        outcome_refuse(out, fault.status, fault.field);
    } else if (command->kind == INVENTORY_STOCK_ADJUST) {
        stock_adjust(inventory, &command->stock_adjust, arena, out);
    } else {
        stock_set(inventory, &command->stock_set, arena, out);
    }
}

static struct level_row *source_level(const struct inventory *inventory,
                                      const struct inventory_source_item *item)
{
    const struct sku_row *sku = state_sku_find(inventory, item->sku_id);
    return sku != NULL ? state_level_find(sku, item->location_id) : NULL;
}

/* Something that happened later is in the level: an absolute value from before is void. */
static bool source_late(const struct inventory *inventory, uint64_t source,
                        const struct inventory_source_item *item)
{
    const struct level_row *level;
    if (!item->absolute || item->occurred_ms == 0) {
        return false;
    }
    level = source_level(inventory, item);
    return level != NULL && item->occurred_ms < level_occurred_ms(level, source);
}

/* May the SKU that an item names be made for it? Only where the item can then stand: what is
 * refused leaves nothing behind, and there is nothing to take units from. */
static bool source_may_make(const struct inventory *inventory,
                            const struct inventory_source_update *update,
                            const struct inventory_source_item *item)
{
    return update->on_missing == INVENTORY_MISSING_CREATE &&
           (item->absolute || item->quantity >= 0) &&
           state_location_find(inventory, item->location_id) != NULL;
}

static void source_item(struct inventory *inventory,
                        const struct inventory_source_update *update,
                        const struct inventory_source_item *item, struct arena *arena,
                        struct inventory_outcome *out)
{
    struct inventory_command command;
    uint64_t source = update->source.id.high;
    source_command(item, &command);
    if (source_late(inventory, source, item)) {
        *out = (struct inventory_outcome){.status = STATUS_OK, .duplicate = true};
        return;
    }
    source_decide(inventory, &command, arena, out);
    if (out->status == STATUS_NOT_FOUND && out->field == INVENTORY_FIELD_SKU_ID &&
        source_may_make(inventory, update, item)) {
        source_make_sku(inventory, update, item, arena, out);
        if (out->status == STATUS_OK) {
            source_decide(inventory, &command, arena, out);
        }
    }
    if (out->status == STATUS_OK && item->occurred_ms > 0) {
        level_occurred(inventory, source_level(inventory, item), source,
                       item->occurred_ms);
    }
}

/* --- A batch -------------------------------------------------------------------------- */

struct source_apply {
    struct inventory *inventory;
    const struct inventory_source_update *update;
    struct source_lane *lane;
    struct inventory_source_failure *failures; /* room for one per item */
    struct inventory_outcome *out;
    struct arena scratch;
};

static void source_fail(struct source_apply *apply,
                        const struct inventory_source_failure *failure)
{
    apply->failures[apply->out->source.failure_count++] = *failure;
}

static void source_repeat(struct source_apply *apply, uint64_t sequence)
{
    const struct source_failure *before = source_lane_failure(apply->lane, sequence);
    apply->out->source.duplicates++;
    if (before != NULL) {
        source_fail(apply, &(struct inventory_source_failure){
                               .sequence = sequence,
                               .status = before->status,
                               .field = (enum inventory_field)before->field,
                               .repeated = true});
    }
}

/* False: nothing behind it is decided. */
static bool source_refused(struct source_apply *apply,
                           const struct inventory_source_item *item,
                           const struct inventory_outcome *outcome)
{
    struct inventory_source_failure failure = {
        .sequence = item->sequence,
        .status = outcome->status,
        .field = outcome->field,
        .requested = outcome->shortages[0].requested,
        .available = outcome->shortages[0].available};
    const struct source_failure kept = {.sequence = item->sequence,
                                        .status = outcome->status,
                                        .field = (uint8_t)outcome->field};
    if (outcome->status == STATUS_EPOCH_CHANGED) {
        outcome_refuse(apply->out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_SKU_ID);
        return false;
    }
    if (apply->update->stop) {
        source_fail(apply, &failure);
        apply->out->source.stopped = true;
        return false;
    }
    if (!source_lane_settle(apply->lane, item->sequence, &kept)) {
        outcome_refuse(apply->out, STATUS_QUANTITY_LIMIT, INVENTORY_FIELD_OTHER);
        return false;
    }
    source_fail(apply, &failure);
    return true;
}

static bool source_missing(const struct source_apply *apply,
                           const struct inventory_outcome *outcome)
{
    return outcome->status == STATUS_NOT_FOUND &&
           outcome->field == INVENTORY_FIELD_SKU_ID &&
           apply->update->on_missing == INVENTORY_MISSING_SKIP;
}

/* False: nothing behind it is decided. */
static bool source_next(struct source_apply *apply,
                        const struct inventory_source_item *item)
{
    struct inventory_source_outcome *counts = &apply->out->source;
    struct inventory_outcome outcome;
    apply->inventory->apply.request_id =
        inventory_source_request(&apply->update->source, item->sequence);
    source_item(apply->inventory, apply->update, item, &apply->scratch, &outcome);
    arena_reset(&apply->scratch);
    if (outcome.status != STATUS_OK && !source_missing(apply, &outcome)) {
        return source_refused(apply, item, &outcome);
    }
    counts->superseded += outcome.status == STATUS_OK && outcome.duplicate;
    counts->skipped += outcome.status != STATUS_OK;
    counts->applied += outcome.status == STATUS_OK && !outcome.duplicate;
    return source_lane_settle(apply->lane, item->sequence, NULL);
}

static void source_items(struct source_apply *apply)
{
    const struct inventory_source_update *update = apply->update;
    uint64_t prev = update->prev;
    for (uint32_t i = 0; i < update->item_count; i++) {
        const struct inventory_source_item *item = &update->items[i];
        if (item->sequence <= apply->lane->last) {
            source_repeat(apply, item->sequence);
        } else if (prev > apply->lane->last && !MUTANT(lane_prev_ignored)) {
            outcome_refuse(apply->out, STATUS_SEQUENCE_GAP, INVENTORY_FIELD_OTHER);
            apply->out->expected_line = apply->lane->last;
            return;
        } else if (!source_next(apply, item)) {
            return;
        }
        prev = item->sequence;
    }
}

void source_update(struct inventory *inventory,
                   const struct inventory_source_update *command, struct arena *arena,
                   struct inventory_outcome *out)
{
    uint8_t scratch[SOURCE_ITEM_BYTES];
    struct source_apply apply = {.inventory = inventory, .update = command, .out = out};
    if (!key_range_covers(command->range, inventory->options.range)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_NONE);
        return;
    }
    apply.lane = source_current(inventory, &command->source, out);
    if (apply.lane == NULL) {
        return;
    }
    apply.failures = arena_alloc(arena, command->item_count * sizeof *apply.failures + 1);
    out->source.failures = apply.failures;
    arena_init(&apply.scratch, scratch, sizeof scratch, 0);
    source_items(&apply);
    arena_close(&apply.scratch);
    source_lane_forget(apply.lane, command->through);
    source_lane_mark(&inventory->sources, apply.lane);
    inventory->dirty_bytes += SOURCE_LANE_BYTES_ABOUT;
    out->source.last = apply.lane->last;
}

struct hash128 inventory_source_request(const struct inventory_source *source,
                                        uint64_t sequence)
{
    return (struct hash128){source->id.high ^ hash_mix(source->id.low ^ source->epoch),
                            sequence};
}
