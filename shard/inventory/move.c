/* SPDX-License-Identifier: Apache-2.0 */
/* MoveStock: units of one SKU change their place or condition in one movement. */
#include "shard/inventory/inventory_private.h"

/* The sound units that nobody was promised: what may leave. */
static wide move_free(const int64_t buckets[STOCK_BUCKET_COUNT])
{
    return (wide)buckets[STOCK_BUCKET_ON_HAND] - buckets[STOCK_BUCKET_DAMAGED] -
           buckets[STOCK_BUCKET_QUALITY_CONTROL] - buckets[STOCK_BUCKET_HELD] -
           buckets[STOCK_BUCKET_COMMITTED];
}

static bool move_set_apart(enum stock_bucket bucket)
{
    return bucket == STOCK_BUCKET_DAMAGED || bucket == STOCK_BUCKET_QUALITY_CONTROL;
}

/* How many units the command may take from here. */
static int64_t move_room(const struct inventory_stock_move *command,
                         const int64_t buckets[STOCK_BUCKET_COUNT])
{
    bool stays = slice_equal(command->location_id, command->to_location_id) &&
                 command->to_bucket != STOCK_BUCKET_INCOMING;
    wide room = buckets[command->bucket];
    if (command->bucket == STOCK_BUCKET_ON_HAND) {
        room = move_free(buckets);
        if (stays) { /* into a bucket of those set apart: also what is promised */
            room += (wide)buckets[STOCK_BUCKET_HELD] + buckets[STOCK_BUCKET_COMMITTED];
        }
    } else if (move_set_apart(command->bucket) && !stays &&
               room > buckets[STOCK_BUCKET_ON_HAND]) {
        room = buckets[STOCK_BUCKET_ON_HAND];
    }
    return level_clip(room > 0 ? room : 0);
}

/* Adds to every bucket that counts units in this condition; false past an int64. */
static bool move_add(int64_t buckets[STOCK_BUCKET_COUNT], enum stock_bucket bucket,
                     int64_t quantity)
{
    wide there = (wide)buckets[bucket] + quantity;
    wide on_hand = (wide)buckets[STOCK_BUCKET_ON_HAND] + quantity;
    if (there > INT64_MAX || (move_set_apart(bucket) && on_hand > INT64_MAX)) {
        return false;
    }
    buckets[bucket] = (int64_t)there;
    if (move_set_apart(bucket)) {
        buckets[STOCK_BUCKET_ON_HAND] = (int64_t)on_hand;
    }
    return true;
}

/* Within one level units set apart stay on hand, so only the two conditions change. */
static bool move_within(int64_t buckets[STOCK_BUCKET_COUNT],
                        const struct inventory_stock_move *command)
{
    bool from_hand = command->bucket != STOCK_BUCKET_INCOMING;
    bool to_hand = command->to_bucket != STOCK_BUCKET_INCOMING;
    wide on_hand = (wide)buckets[STOCK_BUCKET_ON_HAND] +
                   (to_hand ? command->quantity : 0) -
                   (from_hand ? command->quantity : 0);
    if (command->bucket != STOCK_BUCKET_ON_HAND) {
        buckets[command->bucket] -= command->quantity;
    }
    if (command->to_bucket != STOCK_BUCKET_ON_HAND) {
        wide there = (wide)buckets[command->to_bucket] + command->quantity;
        if (there > INT64_MAX) {
            return false;
        }
        buckets[command->to_bucket] = (int64_t)there;
    }
    if (on_hand > INT64_MAX) {
        return false;
    }
    buckets[STOCK_BUCKET_ON_HAND] = (int64_t)on_hand;
    return true;
}

static bool move_find(struct inventory *inventory,
                      const struct inventory_stock_move *command,
                      struct stock_target *from, struct stock_target *to,
                      struct inventory_outcome *out)
{
    if (!stock_find(inventory, command->sku_id, command->location_id, from, out)) {
        return false;
    }
    if (!stock_find(inventory, command->sku_id, command->to_location_id, to, out)) {
        out->field = INVENTORY_FIELD_TO_LOCATION_ID;
        return false;
    }
    return true;
}

/* Units that are not there. */
static void move_refuse_short(const struct inventory_stock_move *command, int64_t room,
                              struct inventory_outcome *out)
{
    outcome_refuse(out, STATUS_INSUFFICIENT_STOCK, INVENTORY_FIELD_QUANTITY);
    out->shortages[0] =
        (struct inventory_shortage){.requested = command->quantity, .available = room};
    out->shortage_count = 1;
}

/* What both levels become; false when one of them cannot hold so much. */
static bool move_plan(const struct inventory_stock_move *command, bool same,
                      struct level_target *from, struct level_target *to)
{
    if (same) {
        return move_within(from->buckets, command);
    }
    from->buckets[command->bucket] -= command->quantity;
    if (move_set_apart(command->bucket)) {
        from->buckets[STOCK_BUCKET_ON_HAND] -= command->quantity;
    }
    return move_add(to->buckets, command->to_bucket, command->quantity);
}

void stock_move(struct inventory *inventory, const struct inventory_stock_move *command,
                struct arena *arena, struct inventory_outcome *out)
{
    struct stock_target source, target;
    struct level_target from = {.level = NULL}, to = {.level = NULL};
    struct level_change change = {.reason = command->reason,
                                  .reference = command->reference};
    bool same = slice_equal(command->location_id, command->to_location_id);
    int64_t room;
    if (!move_find(inventory, command, &source, &target, out)) {
        return;
    }
    if (source.level != NULL) {
        memcpy(from.buckets, source.level->buckets, sizeof from.buckets);
    }
    if (target.level != NULL) {
        memcpy(to.buckets, target.level->buckets, sizeof to.buckets);
    }
    room = move_room(command, from.buckets);
    if (command->quantity > room) {
        move_refuse_short(command, room, out);
        return;
    }
    if (!move_plan(command, same, &from, &to)) {
        outcome_refuse(out, STATUS_QUANTITY_OVERFLOW, INVENTORY_FIELD_QUANTITY);
        return;
    }
    if (change.reason == STOCK_REASON_UNSPECIFIED) {
        change.reason = STOCK_REASON_MOVE;
    }
    from.level = source.level; /* there is one: it had the units */
    if (same) {
        level_write(inventory, from.level, from.buckets, &change);
    } else {
        stock_level_make(inventory, &target);
        to.level = target.level;
        level_write_pair(inventory, &from, &to, &change);
        out->has_level_to = true;
        stock_view(&target, arena, &out->level_to);
    }
    out->has_level = true;
    stock_view(&source, arena, &out->level);
    out->etag = source.level->etag;
}
