/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/shards_model.h"

#include <string.h>

static struct shards_model_level *level_of(struct shards_model *model,
                                           const struct shards_model_line *line)
{
    return &model->levels[line->sku][line->location];
}

/* Units of a hold between the buckets; lines that have left are no part of it any more. */
static void model_move(struct shards_model *model, struct shards_model_hold *hold,
                       int held, int committed)
{
    for (int i = 0; i < hold->line_count; i++) {
        struct shards_model_line *line = &hold->lines[i];
        if (!line->left) {
            level_of(model, line)->held += held * line->quantity;
            level_of(model, line)->committed += committed * line->quantity;
        }
    }
}

static void model_expire(struct shards_model *model, struct shards_model_hold *hold)
{
    if (hold->state == SHARDS_MODEL_HELD && hold->expire_ms <= model->now_ms) {
        model_move(model, hold, -1, 0);
        hold->state = SHARDS_MODEL_EXPIRED;
    }
}

void shards_model_time(struct shards_model *model, int64_t now_ms)
{
    model->now_ms = now_ms;
    for (int i = 0; i < model->hold_count; i++) {
        model_expire(model, &model->holds[i]);
    }
}

void shards_model_set(struct shards_model *model, int sku, int location, int64_t units)
{
    model->levels[sku][location].on_hand = units;
}

/* --- Creating ---------------------------------------------------------------------------- */

static int64_t model_free(const struct shards_model *model, const int64_t *claims,
                          int sku, int location)
{
    const struct shards_model_level *level = &model->levels[sku][location];
    int64_t units = level->on_hand - level->held - level->committed -
                    claims[sku * SHARDS_MODEL_LOCATIONS + location];
    return units > 0 ? units : 0;
}

/* Lines of one SKU and place are one demand. False: it does not fit. */
static bool model_place(const struct shards_model *model, struct shards_model_hold *hold,
                        int64_t *claims, int first)
{
    const struct shards_model_line asked = hold->lines[first];
    int64_t wanted = 0, most = -1;
    int location = asked.location;
    for (int i = 0; i < hold->line_count; i++) {
        bool same =
            hold->lines[i].sku == asked.sku && hold->lines[i].location == asked.location;
        wanted += same ? hold->lines[i].quantity : 0;
    }
    for (int l = 0; l < SHARDS_MODEL_LOCATIONS && asked.location < 0; l++) {
        int64_t units = model_free(model, claims, asked.sku, l);
        if (units > most) {
            most = units;
            location = l;
        }
    }
    if (model_free(model, claims, asked.sku, location) < wanted) {
        return false;
    }
    claims[asked.sku * SHARDS_MODEL_LOCATIONS + location] += wanted;
    for (int i = hold->line_count - 1; i >= first; i--) {
        if (hold->lines[i].sku == asked.sku &&
            hold->lines[i].location == asked.location) {
            hold->lines[i].location = location + SHARDS_MODEL_LOCATIONS; /* is placed */
        }
    }
    return true;
}

enum status shards_model_create(struct shards_model *model,
                                const struct shards_model_line *lines, int line_count)
{
    int64_t claims[SHARDS_MODEL_SKUS * SHARDS_MODEL_LOCATIONS] = {0};
    struct shards_model_hold *hold = &model->holds[model->hold_count];
    *hold = (struct shards_model_hold){.state = SHARDS_MODEL_HELD,
                                       .line_count = line_count,
                                       .create_ms = model->now_ms,
                                       .expire_ms = model->now_ms + model->ttl_ms};
    memcpy(hold->lines, lines, (size_t)line_count * sizeof *lines);
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < line_count; i++) {
            bool placed = hold->lines[i].location >= SHARDS_MODEL_LOCATIONS;
            bool anywhere = hold->lines[i].location < 0;
            if (!placed && anywhere == (pass == 1) &&
                !model_place(model, hold, claims, i)) {
                return STATUS_INSUFFICIENT_STOCK;
            }
        }
    }
    for (int i = 0; i < line_count; i++) {
        hold->lines[i].location -= SHARDS_MODEL_LOCATIONS;
    }
    model_move(model, hold, 1, 0);
    model->hold_count++;
    return STATUS_OK;
}

/* --- Ending ------------------------------------------------------------------------------ */

static enum status model_over(enum shards_model_state state)
{
    switch (state) {
    case SHARDS_MODEL_FULFILLED:
        return STATUS_HOLD_ALREADY_FULFILLED;
    case SHARDS_MODEL_RELEASED:
        return STATUS_HOLD_ALREADY_RELEASED;
    case SHARDS_MODEL_CANCELLED:
        return STATUS_HOLD_ALREADY_CANCELLED;
    case SHARDS_MODEL_EXPIRED:
    case SHARDS_MODEL_HELD:
    case SHARDS_MODEL_COMMITTED:
        break;
    }
    return STATUS_HOLD_EXPIRED;
}

/* Are there units for those lines of the hold that lie with this SKU (or on its shard)? */
static bool model_there(struct shards_model *model, const struct shards_model_hold *hold,
                        int sku, bool whole_shard)
{
    for (int i = 0; i < hold->line_count; i++) {
        const struct shards_model_line *line = &hold->lines[i];
        int64_t wanted = 0;
        for (int k = 0; k < hold->line_count; k++) {
            bool same = hold->lines[k].sku == line->sku &&
                        hold->lines[k].location == line->location;
            wanted += same ? hold->lines[k].quantity : 0;
        }
        bool ours = whole_shard ? model->shard_of[line->sku] == model->shard_of[sku]
                                : line->sku == sku;
        if (ours && !line->left && level_of(model, line)->on_hand < wanted) {
            return false;
        }
    }
    return true;
}

static void model_leave(struct shards_model *model, struct shards_model_hold *hold,
                        int sku, bool whole_shard)
{
    for (int i = 0; i < hold->line_count; i++) {
        struct shards_model_line *line = &hold->lines[i];
        bool ours = whole_shard ? model->shard_of[line->sku] == model->shard_of[sku]
                                : line->sku == sku;
        if (ours && !line->left) {
            level_of(model, line)->on_hand -= line->quantity;
            level_of(model, line)->committed -= line->quantity;
            line->left = true;
        }
    }
}

/* The home's lines go together, before any other; elsewhere each SKU by itself. */
static enum status model_fulfil(struct shards_model *model,
                                struct shards_model_hold *hold)
{
    int home = hold->lines[0].sku;
    bool all = true;
    if (!model_there(model, hold, home, true)) {
        return STATUS_INSUFFICIENT_STOCK;
    }
    model_leave(model, hold, home, true);
    for (int i = 0; i < hold->line_count; i++) {
        int sku = hold->lines[i].sku;
        if (!hold->lines[i].left && model_there(model, hold, sku, false)) {
            model_leave(model, hold, sku, false);
        }
        all = all && hold->lines[i].left;
    }
    hold->state = all ? SHARDS_MODEL_FULFILLED : hold->state;
    return all ? STATUS_OK : STATUS_INSUFFICIENT_STOCK;
}

static enum status model_extend(struct shards_model *model,
                                struct shards_model_hold *hold)
{
    int64_t latest = hold->create_ms + model->life_ms;
    int64_t wanted = model->now_ms + model->ttl_ms;
    if (wanted > latest && hold->expire_ms >= latest) {
        return STATUS_QUANTITY_LIMIT;
    }
    wanted = wanted < latest ? wanted : latest;
    hold->expire_ms = wanted > hold->expire_ms ? wanted : hold->expire_ms;
    return STATUS_OK;
}

static enum status model_end_held(struct shards_model *model,
                                  struct shards_model_hold *hold,
                                  enum shards_model_change change)
{
    if (change == SHARDS_MODEL_EXTEND) {
        return model_extend(model, hold);
    }
    if (change == SHARDS_MODEL_FULFIL || change == SHARDS_MODEL_CANCEL) {
        return STATUS_HOLD_NOT_COMMITTED;
    }
    model_move(model, hold, -1, change == SHARDS_MODEL_COMMIT);
    hold->state =
        change == SHARDS_MODEL_COMMIT ? SHARDS_MODEL_COMMITTED : SHARDS_MODEL_RELEASED;
    return STATUS_OK;
}

enum status shards_model_end(struct shards_model *model, int number,
                             enum shards_model_change change)
{
    static const enum shards_model_state there[] = {
        [SHARDS_MODEL_COMMIT] = SHARDS_MODEL_COMMITTED,
        [SHARDS_MODEL_RELEASE] = SHARDS_MODEL_RELEASED,
        [SHARDS_MODEL_FULFIL] = SHARDS_MODEL_FULFILLED,
        [SHARDS_MODEL_CANCEL] = SHARDS_MODEL_CANCELLED,
    };
    struct shards_model_hold *hold = &model->holds[number];
    model_expire(model, hold);
    if (hold->state == SHARDS_MODEL_HELD) {
        return model_end_held(model, hold, change);
    }
    if (change != SHARDS_MODEL_EXTEND && hold->state == there[change]) {
        return STATUS_OK; /* done before */
    }
    if (hold->state != SHARDS_MODEL_COMMITTED) {
        return model_over(hold->state);
    }
    if (change == SHARDS_MODEL_EXTEND || change == SHARDS_MODEL_RELEASE) {
        return STATUS_HOLD_ALREADY_COMMITTED;
    }
    if (change == SHARDS_MODEL_FULFIL) {
        return model_fulfil(model, hold);
    }
    model_move(model, hold, 0, -1);
    hold->state = SHARDS_MODEL_CANCELLED;
    return STATUS_OK;
}
