/* SPDX-License-Identifier: Apache-2.0 */
/* What moves units between levels, by the sentences of the design. */
#include <string.h>

#include "tests/model/stock_model.h"

/* --- MoveStock ----------------------------------------------------------------------------- */

static bool is_place_of_units(enum stock_bucket bucket)
{
    return bucket == STOCK_BUCKET_ON_HAND || bucket == STOCK_BUCKET_DAMAGED ||
           bucket == STOCK_BUCKET_QUALITY_CONTROL || bucket == STOCK_BUCKET_INCOMING;
}

/* One unit in this condition, seen by the buckets: which of them count it. */
static void count_units(model_wide buckets[STOCK_BUCKET_COUNT], enum stock_bucket bucket,
                        model_wide units)
{
    buckets[bucket] += units;
    if (bucket == STOCK_BUCKET_DAMAGED || bucket == STOCK_BUCKET_QUALITY_CONTROL) {
        buckets[STOCK_BUCKET_ON_HAND] += units;
    }
}

static model_wide movable(const struct model_level *level,
                          const struct inventory_stock_move *command, bool same)
{
    const int64_t *b = level->buckets;
    bool leaves = !same || command->to_bucket == STOCK_BUCKET_INCOMING;
    model_wide sound = (model_wide)b[STOCK_BUCKET_ON_HAND] - b[STOCK_BUCKET_DAMAGED] -
                       b[STOCK_BUCKET_QUALITY_CONTROL];
    model_wide most;
    switch ((int)command->bucket) {
    case STOCK_BUCKET_ON_HAND:
        most = leaves ? sound - b[STOCK_BUCKET_HELD] - b[STOCK_BUCKET_COMMITTED] : sound;
        break;
    case STOCK_BUCKET_INCOMING:
        most = b[STOCK_BUCKET_INCOMING];
        break;
    default:
        most = b[command->bucket];
        if (leaves && most > b[STOCK_BUCKET_ON_HAND]) {
            most = b[STOCK_BUCKET_ON_HAND];
        }
        break;
    }
    return most > 0 ? (most < INT64_MAX ? most : INT64_MAX) : 0;
}

static bool fits(const model_wide buckets[STOCK_BUCKET_COUNT])
{
    for (int i = 1; i < STOCK_BUCKET_COUNT; i++) {
        if (buckets[i] > INT64_MAX) {
            return false;
        }
    }
    return true;
}

static void keep(struct model_level *level, const model_wide buckets[STOCK_BUCKET_COUNT])
{
    for (int i = 1; i < STOCK_BUCKET_COUNT; i++) {
        level->buckets[i] = (int64_t)buckets[i];
    }
    level->exists = true;
    level->changed = true;
}

enum status model_stock_move(struct model *model,
                             const struct inventory_stock_move *command,
                             struct model_answer *answer)
{
    struct model_level *from, *to;
    model_wide after_from[STOCK_BUCKET_COUNT], after_to[STOCK_BUCKET_COUNT];
    bool same = slice_equal(command->location_id, command->to_location_id);
    model_wide most;
    if (command->quantity <= 0 || !is_place_of_units(command->bucket) ||
        !is_place_of_units(command->to_bucket) ||
        (same && command->bucket == command->to_bucket)) {
        return STATUS_INVALID;
    }
    if (!model_level_find(model, command->sku_id, command->location_id, &from) ||
        !model_level_find(model, command->sku_id, command->to_location_id, &to)) {
        return STATUS_NOT_FOUND;
    }
    most = movable(from, command, same);
    if (command->quantity > most) {
        answer->shortage_count = 1;
        answer->shortages[0].requested = command->quantity;
        answer->shortages[0].available = (int64_t)most;
        return STATUS_INSUFFICIENT_STOCK;
    }
    for (int i = 0; i < STOCK_BUCKET_COUNT; i++) {
        after_from[i] = from->buckets[i];
        after_to[i] = to->buckets[i];
    }
    count_units(after_from, command->bucket, -(model_wide)command->quantity);
    count_units(same ? after_from : after_to, command->to_bucket, command->quantity);
    if (!fits(after_from) || !fits(after_to)) {
        return STATUS_QUANTITY_OVERFLOW;
    }
    keep(from, after_from);
    answer->has_level = true;
    memcpy(answer->level, from->buckets, sizeof answer->level);
    if (!same) {
        keep(to, after_to);
        answer->has_level_to = true;
        memcpy(answer->level_to, to->buckets, sizeof answer->level_to);
    }
    return STATUS_OK;
}
