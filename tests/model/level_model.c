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

/* --- Counts -------------------------------------------------------------------------------- */

static enum status count_start(struct model *model,
                               const struct inventory_count_start *command,
                               struct model_answer *answer)
{
    struct model_count *count =
        &model->counts[model_number(command->count_id, 'C', MODEL_COUNTS)];
    int location = model_number(command->location_id, 'L', MODEL_LOCATIONS);
    if (!model->locations[location]) {
        return STATUS_NOT_FOUND;
    }
    if (count->open &&
        (count->location != location || count->at_submit != command->at_submit)) {
        return STATUS_ALREADY_EXISTS;
    }
    for (int i = 0; i < MODEL_COUNTS; i++) {
        if (model->counts[i].open && !count->open &&
            model->counts[i].location == location) {
            return STATUS_ALREADY_EXISTS;
        }
    }
    answer->has_count = true;
    if (!count->open) {
        memset(count, 0, sizeof *count);
        count->open = true;
        count->at_submit = command->at_submit;
        count->location = location;
        for (int i = 0; i < MODEL_SKUS; i++) {
            count->baseline[i] =
                model->skus[i].levels[location].buckets[STOCK_BUCKET_ON_HAND];
        }
        answer->created = true;
    }
    return STATUS_OK;
}

static enum status count_submit(struct model *model,
                                const struct inventory_count_submit *command,
                                struct model_answer *answer)
{
    struct model_count *count =
        &model->counts[model_number(command->count_id, 'C', MODEL_COUNTS)];
    for (uint32_t i = 0; i < command->line_count; i++) {
        if (command->lines[i].counted < 0) {
            return STATUS_INVALID;
        }
    }
    if (!count->open) {
        return STATUS_NOT_FOUND;
    }
    for (uint32_t i = 0; i < command->line_count; i++) {
        if (!model->skus[model_number(command->lines[i].sku_id, 'S', MODEL_SKUS)]
                 .exists) {
            return STATUS_NOT_FOUND;
        }
    }
    for (uint32_t i = 0; i < command->line_count; i++) {
        int sku = model_number(command->lines[i].sku_id, 'S', MODEL_SKUS);
        if (count->at_submit) {
            count->baseline[sku] =
                model->skus[sku].levels[count->location].buckets[STOCK_BUCKET_ON_HAND];
        }
        count->counted[sku] = command->lines[i].counted;
        count->submitted[sku] = true;
    }
    answer->has_count = true;
    for (int i = 0; i < MODEL_SKUS; i++) {
        answer->count_lines += count->submitted[i];
    }
    return STATUS_OK;
}

static void count_post(struct model *model, const struct model_count *count, int sku,
                       struct model_answer *answer)
{
    struct model_level *level = &model->skus[sku].levels[count->location];
    model_wide now = level->buckets[STOCK_BUCKET_ON_HAND];
    model_wide wanted = now + count->counted[sku] - count->baseline[sku];
    model_wide then = wanted < 0 ? 0 : wanted > INT64_MAX ? INT64_MAX : wanted;
    answer->count_lines++;
    if (!model->skus[sku].exists) {
        answer->count_missing++;
        return;
    }
    answer->count_cut += wanted != then;
    if (then != now) {
        answer->count_changed++;
        answer->count_found += then > now ? then - now : 0;
        answer->count_lost += then < now ? now - then : 0;
        level->buckets[STOCK_BUCKET_ON_HAND] = (int64_t)then;
        level->exists = true;
        level->changed = true;
    }
}

static enum status count_close(struct model *model,
                               const struct inventory_count_close *command,
                               struct model_answer *answer)
{
    struct model_count *count =
        &model->counts[model_number(command->count_id, 'C', MODEL_COUNTS)];
    if (!count->open) {
        return STATUS_NOT_FOUND;
    }
    count->open = false;
    answer->has_count = true;
    for (int i = 0; i < MODEL_SKUS && !command->discard; i++) {
        if (count->submitted[i]) {
            count_post(model, count, i, answer);
        }
    }
    return STATUS_OK;
}

enum status model_count_command(struct model *model,
                                const struct inventory_command *command,
                                struct model_answer *answer)
{
    if (command->kind == INVENTORY_COUNT_START) {
        return count_start(model, &command->count_start, answer);
    }
    return command->kind == INVENTORY_COUNT_SUBMIT
               ? count_submit(model, &command->count_submit, answer)
               : count_close(model, &command->count_close, answer);
}
