/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/model/stock_model.h"

#include <stdlib.h>
#include <string.h>

struct model *model_new(void)
{
    struct model *model = calloc(1, sizeof *model);
    model->holds = calloc(MODEL_HOLDS_MAX, sizeof *model->holds);
    model->open = calloc(MODEL_HOLDS_MAX, sizeof *model->open);
    model->requests = calloc(MODEL_REQUESTS_MAX, sizeof *model->requests);
    return model;
}

void model_free(struct model *model)
{
    free(model->holds);
    free(model->open);
    free(model->requests);
    free(model);
}

int model_number(struct slice id, char letter, int count)
{
    int number = id.size == 2 && id.data[0] == (uint8_t)letter ? id.data[1] - '0' : -1;
    return number >= 0 && number < count ? number : -1;
}

model_wide model_available(const struct model_level *level)
{
    const int64_t *b = level->buckets;
    return (model_wide)b[STOCK_BUCKET_ON_HAND] - b[STOCK_BUCKET_HELD] -
           b[STOCK_BUCKET_COMMITTED] - b[STOCK_BUCKET_DAMAGED] -
           b[STOCK_BUCKET_QUALITY_CONTROL] - b[STOCK_BUCKET_SAFETY_STOCK];
}

model_wide model_shortfall(const struct model_level *level)
{
    const int64_t *b = level->buckets;
    model_wide promised = (model_wide)b[STOCK_BUCKET_HELD] + b[STOCK_BUCKET_COMMITTED];
    model_wide shortfall =
        promised - ((model_wide)b[STOCK_BUCKET_ON_HAND] - b[STOCK_BUCKET_DAMAGED] -
                    b[STOCK_BUCKET_QUALITY_CONTROL] + b[STOCK_BUCKET_BACKORDER_LIMIT]);
    return promised > 0 && shortfall > 0 ? shortfall : 0;
}

/* --- Time ---------------------------------------------------------------------------------- */

static void model_move(struct model *model, struct model_hold *hold, int held,
                       int committed, int on_hand)
{
    for (int i = 0; i < hold->line_count; i++) {
        struct model_line *line = &hold->lines[i];
        struct model_level *level;
        if (line->granted == 0) {
            continue;
        }
        level = &model->skus[line->sku].levels[line->location];
        level->buckets[STOCK_BUCKET_HELD] += held * line->granted;
        level->buckets[STOCK_BUCKET_COMMITTED] += committed * line->granted;
        level->buckets[STOCK_BUCKET_ON_HAND] += on_hand * line->granted;
        level->changed = true;
    }
}

static void model_end(struct model *model, struct model_hold *hold, enum hold_state state)
{
    hold->state = state;
    hold->end_ms = model->log_ms;
}

static void model_expire(struct model *model, struct model_hold *hold)
{
    if (hold->state == HOLD_STATE_HELD && hold->expire_ms <= model->log_ms) {
        model_move(model, hold, -1, 0, 0);
        model_end(model, hold, HOLD_STATE_EXPIRED);
    }
}

static void model_touch(struct model *model, int sku)
{
    for (int i = 0; i < model->open_count; i++) {
        struct model_hold *hold = &model->holds[model->open[i]];
        for (int j = 0; j < hold->line_count; j++) {
            if (hold->lines[j].sku == sku) {
                model_expire(model, hold);
            }
        }
    }
}

void model_entry(struct model *model, int64_t log_ms)
{
    model->log_ms = log_ms > model->log_ms ? log_ms : model->log_ms;
}

void model_entry_end(struct model *model)
{
    int kept = 0;
    for (int i = 0; i < model->open_count; i++) {
        struct model_hold *hold = &model->holds[model->open[i]];
        model_expire(model, hold);
        if (hold->end_ms == 0) {
            model->open[kept++] = model->open[i];
        }
    }
    model->open_count = kept;
    model->tidied_ms = model->log_ms;
}

/* --- Catalogue ------------------------------------------------------------------------------ */

static enum status model_sku_upsert(struct model *model,
                                    const struct inventory_sku_upsert *command,
                                    struct model_answer *answer)
{
    struct model_sku *sku =
        &model->skus[model_number(command->sku.sku_id, 'S', MODEL_SKUS)];
    if (command->etag != 0 && !sku->exists) {
        return STATUS_NOT_FOUND;
    }
    if (command->etag != 0 && command->etag != sku->etag) {
        return STATUS_ETAG_MISMATCH;
    }
    answer->created = !sku->exists;
    if (!sku->exists) {
        sku->state = SKU_STATE_ACTIVE;
    }
    sku->exists = true;
    if (command->sku.state != SKU_STATE_UNSPECIFIED) {
        sku->state = command->sku.state;
    }
    return STATUS_OK;
}

static enum status model_sku_delete(struct model *model,
                                    const struct inventory_sku_delete *command)
{
    int number = model_number(command->sku_id, 'S', MODEL_SKUS);
    struct model_sku *sku = &model->skus[number];
    if (!sku->exists) {
        return STATUS_NOT_FOUND;
    }
    if (command->etag != 0 && command->etag != sku->etag) {
        return STATUS_ETAG_MISMATCH;
    }
    model_touch(model, number);
    for (int i = 0; i < MODEL_LOCATIONS; i++) {
        const int64_t *b = sku->levels[i].buckets;
        if (b[STOCK_BUCKET_ON_HAND] || b[STOCK_BUCKET_HELD] ||
            b[STOCK_BUCKET_COMMITTED] || b[STOCK_BUCKET_DAMAGED] ||
            b[STOCK_BUCKET_QUALITY_CONTROL] || b[STOCK_BUCKET_INCOMING]) {
            return STATUS_SKU_IN_USE;
        }
    }
    memset(sku, 0, sizeof *sku);
    return STATUS_OK;
}

/* --- Stock ---------------------------------------------------------------------------------- */

bool model_level_find(struct model *model, struct slice sku_id, struct slice location_id,
                      struct model_level **level)
{
    int sku = model_number(sku_id, 'S', MODEL_SKUS);
    int location = model_number(location_id, 'L', MODEL_LOCATIONS);
    if (sku < 0 || !model->skus[sku].exists || location < 0 ||
        !model->locations[location]) {
        return false;
    }
    model_touch(model, sku);
    *level = &model->skus[sku].levels[location];
    return true;
}

static void model_show(const struct model_level *level, struct model_answer *answer)
{
    answer->has_level = true;
    memcpy(answer->level, level->buckets, sizeof answer->level);
}

static enum status model_adjust(struct model *model,
                                const struct inventory_stock_adjust *command,
                                struct model_answer *answer)
{
    struct model_level *level;
    model_wide after;
    if (command->delta == 0) {
        return STATUS_INVALID;
    }
    if (!model_level_find(model, command->sku_id, command->location_id, &level)) {
        return STATUS_NOT_FOUND;
    }
    if (command->etag != 0 &&
        (!level->exists || level->changed || command->etag != level->etag)) {
        model_show(level, answer);
        return STATUS_ETAG_MISMATCH;
    }
    after = (model_wide)level->buckets[command->bucket] + command->delta;
    if (after < 0) {
        model_wide requested = -(model_wide)command->delta;
        answer->shortage_count = 1;
        answer->shortages[0].requested =
            requested > INT64_MAX ? INT64_MAX : (int64_t)requested;
        answer->shortages[0].available = level->buckets[command->bucket];
        return STATUS_INSUFFICIENT_STOCK;
    }
    if (after > INT64_MAX) {
        return STATUS_QUANTITY_OVERFLOW;
    }
    level->buckets[command->bucket] = (int64_t)after;
    level->exists = true;
    level->changed = true;
    model_show(level, answer);
    return STATUS_OK;
}

static enum status model_set(struct model *model,
                             const struct inventory_stock_set *command,
                             struct model_answer *answer)
{
    struct model_level *level;
    for (int i = 1; i < STOCK_BUCKET_HELD; i++) {
        if (command->mask & 1u << i && command->buckets[i] < 0) {
            return STATUS_INVALID;
        }
    }
    if (!model_level_find(model, command->sku_id, command->location_id, &level)) {
        return STATUS_NOT_FOUND;
    }
    if (command->etag != 0 &&
        (!level->exists || level->changed || command->etag != level->etag)) {
        model_show(level, answer);
        return STATUS_ETAG_MISMATCH;
    }
    if (command->has_expected_on_hand &&
        command->expected_on_hand != level->buckets[STOCK_BUCKET_ON_HAND]) {
        model_show(level, answer);
        return STATUS_STOCK_COMPARE_FAILED;
    }
    level->changed = level->changed || !level->exists;
    level->exists = true;
    for (int i = 1; i < STOCK_BUCKET_HELD; i++) {
        if (command->mask & 1u << i && level->buckets[i] != command->buckets[i]) {
            level->buckets[i] = command->buckets[i];
            level->changed = true;
        }
    }
    model_show(level, answer);
    return STATUS_OK;
}

/* --- CreateHold ------------------------------------------------------------------------------ */

struct model_group {
    int sku, location, first_line;
    bool sourced;
    model_wide requested;
    int64_t granted;
};

static model_wide model_room(const struct model_level *level, bool backorder,
                             model_wide claimed)
{
    model_wide room, fits;
    if (!level->exists) {
        return 0;
    }
    room = model_available(level) - claimed;
    room += backorder ? level->buckets[STOCK_BUCKET_BACKORDER_LIMIT] : 0;
    fits = (model_wide)INT64_MAX - level->buckets[STOCK_BUCKET_HELD] -
           level->buckets[STOCK_BUCKET_COMMITTED] - claimed;
    room = room < fits ? room : fits;
    return room > 0 ? (room > INT64_MAX ? INT64_MAX : room) : 0;
}

static model_wide model_claimed(const struct model_group *groups, int count, int sku,
                                int location)
{
    model_wide claimed = 0;
    for (int i = 0; i < count; i++) {
        if (groups[i].sku == sku && groups[i].location == location) {
            claimed += groups[i].granted;
        }
    }
    return claimed;
}

static void model_decide_group(struct model *model, struct model_group *groups, int count,
                               struct model_group *group,
                               const struct inventory_hold_create *command,
                               struct model_answer *answer)
{
    model_wide best = 0;
    if (group->sourced) {
        for (int i = 0; i < MODEL_LOCATIONS; i++) {
            model_wide room =
                model_room(&model->skus[group->sku].levels[i], command->allow_backorder,
                           model_claimed(groups, count, group->sku, i));
            if (room > best) {
                best = room;
                group->location = i;
            }
        }
    } else {
        best = model_room(&model->skus[group->sku].levels[group->location],
                          command->allow_backorder,
                          model_claimed(groups, count, group->sku, group->location));
    }
    if (best >= group->requested) {
        group->granted = (int64_t)group->requested;
        return;
    }
    answer->shortages[answer->shortage_count++] =
        (struct inventory_shortage){.line = (uint32_t)group->first_line,
                                    .requested = (int64_t)group->requested,
                                    .available = (int64_t)best};
    group->granted = command->mode == HOLD_MODE_BEST_EFFORT ? (int64_t)best : 0;
}

static enum status model_gather(struct model *model,
                                const struct inventory_hold_create *command,
                                struct model_group *groups, int *group_of, int *count)
{
    for (int i = 0; i < (int)command->line_count; i++) {
        const struct inventory_hold_line *line = &command->lines[i];
        int sku = model_number(line->sku_id, 'S', MODEL_SKUS);
        bool sourced = line->location_id.size == 0;
        int location = model_number(line->location_id, 'L', MODEL_LOCATIONS);
        int group = 0;
        if (sku < 0 || !model->skus[sku].exists) {
            return STATUS_NOT_FOUND;
        }
        if (model->skus[sku].state != SKU_STATE_ACTIVE) {
            return STATUS_SKU_NOT_ACTIVE;
        }
        if (!sourced && (location < 0 || !model->locations[location])) {
            return STATUS_NOT_FOUND;
        }
        model_touch(model, sku);
        while (group < *count &&
               !(groups[group].sku == sku && groups[group].sourced == sourced &&
                 (sourced || groups[group].location == location))) {
            group++;
        }
        if (group == *count) {
            groups[(*count)++] = (struct model_group){
                .sku = sku, .location = location, .first_line = i, .sourced = sourced};
        }
        group_of[i] = group;
        groups[group].requested += line->quantity;
        if (groups[group].requested > INT64_MAX) {
            return STATUS_QUANTITY_OVERFLOW;
        }
    }
    return STATUS_OK;
}

static void model_build(struct model *model, const struct inventory_hold_create *command,
                        struct model_group *groups, const int *group_of,
                        struct model_answer *answer)
{
    struct model_hold *hold = &model->holds[model->hold_count];
    memset(hold, 0, sizeof *hold);
    hold->state = HOLD_STATE_HELD;
    hold->owner = model_number(command->owner, 'O', MODEL_OWNERS);
    hold->create_ms = model->log_ms;
    hold->expire_ms = command->ttl_kind == HOLD_TTL_TIME
                          ? command->expire_ms
                          : model->log_ms + command->ttl_ms;
    hold->line_count = (int)command->line_count;
    for (int i = 0; i < hold->line_count; i++) {
        struct model_group *group = &groups[group_of[i]];
        struct model_line *line = &hold->lines[i];
        line->sku = group->sku;
        line->quantity = command->lines[i].quantity;
        line->granted = line->quantity < group->granted ? line->quantity : group->granted;
        line->location = line->granted > 0 ? group->location : -1;
        group->granted -= line->granted;
    }
    model_move(model, hold, 1, 0, 0);
    answer->created = true;
    answer->has_hold = true;
    answer->hold = *hold;
    model->open[model->open_count++] = model->hold_count;
    answer->hold_number = model->hold_count++;
}

static int model_open_of(const struct model *model, int owner)
{
    int open = 0;
    for (int i = 0; i < model->open_count; i++) {
        const struct model_hold *hold = &model->holds[model->open[i]];
        open += hold->owner == owner && hold->end_ms == 0;
    }
    return open;
}

static enum status model_create(struct model *model,
                                const struct inventory_hold_create *command,
                                struct model_answer *answer)
{
    struct model_group groups[MODEL_LINES_MAX];
    int group_of[MODEL_LINES_MAX], count = 0;
    int owner = model_number(command->owner, 'O', MODEL_OWNERS);
    int64_t ttl_ms = command->ttl_kind == HOLD_TTL_TIME
                         ? command->expire_ms - model->log_ms
                         : command->ttl_ms;
    bool any = false;
    for (uint32_t i = 0; i < command->line_count; i++) {
        if (command->lines[i].quantity <= 0) {
            return STATUS_INVALID;
        }
    }
    if (ttl_ms <= 0 || ttl_ms > command->life_max_ms) {
        return STATUS_INVALID;
    }
    TRY(model_gather(model, command, groups, group_of, &count));
    if (owner >= 0 && model_open_of(model, owner) >= (int)command->owner_holds_max) {
        return STATUS_QUOTA;
    }
    for (int pass = 0; pass < 2; pass++) {
        for (int i = 0; i < count; i++) {
            if (groups[i].sourced == pass) {
                model_decide_group(model, groups, count, &groups[i], command, answer);
            }
        }
    }
    for (int i = 0; i < count; i++) {
        any = any || groups[i].granted > 0;
    }
    if (answer->shortage_count > 0 && !(command->mode == HOLD_MODE_BEST_EFFORT && any)) {
        return STATUS_INSUFFICIENT_STOCK;
    }
    answer->shortage_count = 0;
    model_build(model, command, groups, group_of, answer);
    return STATUS_OK;
}

/* --- What becomes of a hold ------------------------------------------------------------------- */

static enum status model_ended_status(const struct model_hold *hold)
{
    if (hold->state == HOLD_STATE_FULFILLED) {
        return STATUS_HOLD_ALREADY_FULFILLED;
    }
    if (hold->state == HOLD_STATE_RELEASED) {
        return STATUS_HOLD_ALREADY_RELEASED;
    }
    return hold->state == HOLD_STATE_CANCELLED ? STATUS_HOLD_ALREADY_CANCELLED
                                               : STATUS_HOLD_EXPIRED;
}

static enum status model_extend(struct model *model, struct model_hold *hold,
                                const struct inventory_hold_change *command)
{
    int64_t latest = hold->create_ms + command->life_max_ms;
    int64_t wanted = model->log_ms + command->ttl_ms;
    if (hold->state == HOLD_STATE_COMMITTED) {
        return STATUS_HOLD_ALREADY_COMMITTED;
    }
    if (hold->state != HOLD_STATE_HELD) {
        return model_ended_status(hold);
    }
    if (wanted > latest && hold->expire_ms >= latest) {
        return STATUS_QUANTITY_LIMIT;
    }
    wanted = wanted < latest ? wanted : latest;
    hold->expire_ms = wanted > hold->expire_ms ? wanted : hold->expire_ms;
    return STATUS_OK;
}

static enum status model_fulfil(struct model *model, struct model_hold *hold,
                                struct model_answer *answer)
{
    model_wide needed[MODEL_SKUS][MODEL_LOCATIONS] = {{0}};
    for (int i = 0; i < hold->line_count; i++) {
        if (hold->lines[i].granted > 0) {
            needed[hold->lines[i].sku][hold->lines[i].location] += hold->lines[i].granted;
        }
    }
    for (int i = 0; i < hold->line_count; i++) {
        const struct model_line *line = &hold->lines[i];
        int64_t there;
        if (line->granted == 0) {
            continue;
        }
        there =
            model->skus[line->sku].levels[line->location].buckets[STOCK_BUCKET_ON_HAND];
        if (needed[line->sku][line->location] > there) {
            answer->shortages[answer->shortage_count++] = (struct inventory_shortage){
                .line = (uint32_t)i,
                .requested = (int64_t)needed[line->sku][line->location],
                .available = there};
            needed[line->sku][line->location] = 0;
        }
    }
    if (answer->shortage_count > 0) {
        return STATUS_INSUFFICIENT_STOCK;
    }
    model_move(model, hold, 0, -1, -1);
    model_end(model, hold, HOLD_STATE_FULFILLED);
    return STATUS_OK;
}

static enum status model_carry_out(struct model *model, enum inventory_command_kind kind,
                                   struct model_hold *hold,
                                   const struct inventory_hold_change *command,
                                   struct model_answer *answer)
{
    bool held = hold->state == HOLD_STATE_HELD;
    bool committed = hold->state == HOLD_STATE_COMMITTED;
    if (kind == INVENTORY_HOLD_EXTEND) {
        return model_extend(model, hold, command);
    }
    if (kind == INVENTORY_HOLD_COMMIT && (held || committed)) {
        if (held) {
            hold->state = HOLD_STATE_COMMITTED;
            model_move(model, hold, -1, 1, 0);
        }
        return STATUS_OK;
    }
    if (kind == INVENTORY_HOLD_RELEASE && (held || committed)) {
        if (committed) {
            return STATUS_HOLD_ALREADY_COMMITTED;
        }
        model_move(model, hold, -1, 0, 0);
        model_end(model, hold, HOLD_STATE_RELEASED);
        return STATUS_OK;
    }
    if (held) {
        return STATUS_HOLD_NOT_COMMITTED;
    }
    if (kind == INVENTORY_HOLD_FULFIL && committed) {
        return model_fulfil(model, hold, answer);
    }
    if (kind == INVENTORY_HOLD_CANCEL && committed) {
        model_move(model, hold, 0, -1, 0);
        model_end(model, hold, HOLD_STATE_CANCELLED);
        return STATUS_OK;
    }
    if ((kind == INVENTORY_HOLD_RELEASE && hold->state == HOLD_STATE_RELEASED) ||
        (kind == INVENTORY_HOLD_FULFIL && hold->state == HOLD_STATE_FULFILLED) ||
        (kind == INVENTORY_HOLD_CANCEL && hold->state == HOLD_STATE_CANCELLED)) {
        return STATUS_OK;
    }
    return model_ended_status(hold);
}

static enum status model_change(struct model *model, enum inventory_command_kind kind,
                                const struct inventory_hold_change *command,
                                struct model_answer *answer)
{
    struct model_hold *hold = NULL;
    enum status status;
    if (kind == INVENTORY_HOLD_EXTEND &&
        (command->ttl_ms <= 0 || command->ttl_ms > command->life_max_ms)) {
        return STATUS_INVALID;
    }
    for (int i = model->hold_count - 1; i >= 0 && hold == NULL; i--) {
        if (model->holds[i].id.anchor == command->hold_id.anchor &&
            model->holds[i].id.unique == command->hold_id.unique) {
            hold = &model->holds[i];
        }
    }
    if (hold == NULL ||
        (hold->end_ms != 0 && model->tidied_ms - hold->end_ms >= MODEL_ENDED_KEEP_MS)) {
        return STATUS_NOT_FOUND;
    }
    model_expire(model, hold);
    for (int i = 0; i < hold->line_count; i++) {
        model_touch(model, hold->lines[i].sku);
    }
    status = model_carry_out(model, kind, hold, command, answer);
    answer->has_hold = true;
    answer->hold = *hold;
    answer->hold_number = (int)(hold - model->holds);
    return status;
}

/* --- Who asks ----------------------------------------------------------------------------------- */

static void model_decide(struct model *model, const struct inventory_command *command,
                         struct model_answer *answer)
{
    enum status status = STATUS_OK;
    int location;
    if (command->kind == INVENTORY_SKU_UPSERT) {
        status = model_sku_upsert(model, &command->sku_upsert, answer);
    } else if (command->kind == INVENTORY_SKU_DELETE) {
        status = model_sku_delete(model, &command->sku_delete);
    } else if (command->kind == INVENTORY_LOCATION_UPSERT) {
        location = model_number(command->location_upsert.location.location_id, 'L',
                                MODEL_LOCATIONS);
        answer->created = !model->locations[location];
        model->locations[location] = true;
    } else if (command->kind == INVENTORY_STOCK_ADJUST) {
        status = model_adjust(model, &command->stock_adjust, answer);
    } else if (command->kind == INVENTORY_STOCK_SET) {
        status = model_set(model, &command->stock_set, answer);
    } else if (command->kind == INVENTORY_STOCK_MOVE) {
        status = model_stock_move(model, &command->stock_move, answer);
    } else if (command->kind == INVENTORY_COUNT_START ||
               command->kind == INVENTORY_COUNT_SUBMIT ||
               command->kind == INVENTORY_COUNT_CLOSE) {
        status = model_count_command(model, command, answer);
    } else if (command->kind == INVENTORY_HOLD_CREATE) {
        status = model_create(model, &command->hold_create, answer);
    } else {
        status = model_change(model, command->kind, &command->hold_change, answer);
    }
    answer->status = status;
}

static void model_import(struct model *model, const struct inventory_command *command,
                         struct model_answer *answer)
{
    uint64_t import = command->identity.import_id.low % MODEL_IMPORTS;
    uint64_t line = command->identity.line;
    uint64_t *last = &model->lanes[import];
    if (line >= MODEL_LINES) {
        abort();
    }
    if (line <= *last && !model->refused[import][line]) {
        answer->duplicate = true;
    } else if (line > *last && command->identity.prev_line > *last) {
        answer->status = STATUS_SEQUENCE_GAP;
        answer->expected_line = *last;
    } else {
        model_decide(model, command, answer);
        model->refused[import][line] = answer->status != STATUS_OK;
        *last = line > *last ? line : *last;
    }
}

void model_apply(struct model *model, const struct inventory_command *command,
                 uint64_t payload, struct model_answer *answer)
{
    const struct inventory_identity *identity = &command->identity;
    struct model_request *request;
    memset(answer, 0, sizeof *answer);
    answer->hold_number = -1;
    if (identity->kind == INVENTORY_IDENTITY_IMPORT) {
        model_import(model, command, answer);
        return;
    }
    for (int i = model->request_count - 1; i >= 0; i--) {
        request = &model->requests[i];
        if (request->id.high != identity->request_id.high ||
            request->id.low != identity->request_id.low) {
            continue;
        }
        if (request->payload != payload) {
            answer->status = STATUS_REQUEST_ID_REUSED;
            return;
        }
        *answer = request->answer;
        if (answer->hold_number >= 0) {
            answer->hold.id = model->holds[answer->hold_number].id;
        }
        answer->replayed = true;
        return;
    }
    model_decide(model, command, answer);
    model->requests[model->request_count++] =
        (struct model_request){.id = identity->request_id,
                               .payload = payload,
                               .request_ms = identity->request_ms,
                               .answer = *answer};
}

/* --- Comparing ------------------------------------------------------------------------------------ */

static bool model_same_id(struct slice id, char letter, int number)
{
    return number < 0 ? id.size == 0
                      : id.size == 2 && id.data[0] == (uint8_t)letter &&
                            id.data[1] == '0' + number;
}

static const char *model_hold_agrees(const struct model_answer *answer,
                                     const struct inventory_hold *hold, bool whole)
{
    const struct model_hold *wanted = &answer->hold;
    if (hold->state != wanted->state || hold->create_ms != wanted->create_ms ||
        hold->expire_ms != wanted->expire_ms || hold->end_ms != wanted->end_ms) {
        return "the hold's state or times";
    }
    if ((wanted->id.anchor != 0 && hold->hold_id.anchor != wanted->id.anchor) ||
        (wanted->id.unique != 0 && hold->hold_id.unique != wanted->id.unique)) {
        return "the hold's id";
    }
    if (!whole && hold->line_count == 0) {
        return NULL; /* a replay after the hold was forgotten */
    }
    if (hold->line_count != (uint32_t)wanted->line_count ||
        !model_same_id(hold->owner, 'O', wanted->owner)) {
        return "the hold's lines or owner";
    }
    for (uint32_t i = 0; i < hold->line_count; i++) {
        if (hold->lines[i].quantity != wanted->lines[i].quantity ||
            hold->lines[i].granted != wanted->lines[i].granted ||
            !model_same_id(hold->lines[i].sku_id, 'S', wanted->lines[i].sku) ||
            !model_same_id(hold->lines[i].location_id, 'L', wanted->lines[i].location)) {
            return "a line of the hold";
        }
    }
    return NULL;
}

static int64_t model_cut(model_wide units)
{
    return units < INT64_MAX ? (int64_t)units : INT64_MAX;
}

static bool model_count_agrees(const struct model_answer *answer,
                               const struct inventory_outcome *outcome)
{
    const struct inventory_count_totals *count = &outcome->count;
    return outcome->has_count == answer->has_count &&
           (!answer->has_count ||
            (count->lines == answer->count_lines &&
             count->changed == answer->count_changed &&
             count->missing == answer->count_missing && count->cut == answer->count_cut &&
             count->found == model_cut(answer->count_found) &&
             count->lost == model_cut(answer->count_lost)));
}

static void model_learn(struct model *model, const struct inventory_command *command,
                        const struct model_answer *answer,
                        const struct inventory_outcome *outcome)
{
    if (answer->replayed || answer->duplicate || outcome->status != STATUS_OK) {
        return;
    }
    if (command->kind == INVENTORY_HOLD_CREATE) {
        model->holds[answer->hold_number].id = outcome->hold.hold_id;
    } else if (command->kind == INVENTORY_SKU_UPSERT) {
        int sku = model_number(command->sku_upsert.sku.sku_id, 'S', MODEL_SKUS);
        model->skus[sku].etag = outcome->etag;
    }
}

const char *model_agrees(struct model *model, const struct inventory_command *command,
                         const struct model_answer *answer,
                         const struct inventory_outcome *outcome)
{
    if (answer->replayed && outcome->status == STATUS_REQUEST_ID_EXPIRED) {
        return model->log_ms - command->identity.request_ms < 600000 ? "forgot too early"
                                                                     : NULL;
    }
    if (answer->status == STATUS_REQUEST_ID_REUSED &&
        outcome->status == STATUS_REQUEST_ID_EXPIRED) {
        return NULL;
    }
    if (outcome->status != answer->status) {
        return "the status";
    }
    if (outcome->replayed != answer->replayed ||
        outcome->duplicate != answer->duplicate || outcome->created != answer->created ||
        outcome->expected_line != answer->expected_line) {
        return "replayed, duplicate, created or expected_line";
    }
    if (outcome->has_level != answer->has_level ||
        (answer->has_level &&
         memcmp(outcome->level.buckets, answer->level, sizeof answer->level) != 0)) {
        return "the level";
    }
    if (outcome->has_level_to != answer->has_level_to ||
        (answer->has_level_to && memcmp(outcome->level_to.buckets, answer->level_to,
                                        sizeof answer->level_to) != 0)) {
        return "the level that units went to";
    }
    if (!model_count_agrees(answer, outcome)) {
        return "what was counted";
    }
    if (outcome->shortage_count != answer->shortage_count ||
        outcome->shortages_omitted != 0) {
        return "the number of shortages";
    }
    for (uint32_t i = 0; i < answer->shortage_count; i++) {
        if (outcome->shortages[i].line != answer->shortages[i].line ||
            outcome->shortages[i].requested != answer->shortages[i].requested ||
            outcome->shortages[i].available != answer->shortages[i].available) {
            return "a shortage";
        }
    }
    if (outcome->has_hold != answer->has_hold) {
        return "has_hold";
    }
    if (answer->has_hold) {
        const char *differs =
            model_hold_agrees(answer, &outcome->hold, !answer->replayed);
        if (differs != NULL) {
            return differs;
        }
    }
    model_learn(model, command, answer, outcome);
    return NULL;
}

const char *model_level_seen(struct model *model, int sku, int location,
                             const int64_t buckets[STOCK_BUCKET_COUNT], uint64_t etag)
{
    struct model_level *level = &model->skus[sku].levels[location];
    bool changed = level->changed;
    if (memcmp(level->buckets, buckets, sizeof level->buckets) != 0) {
        return "a level's buckets";
    }
    if (level->exists != (etag != 0)) {
        return "a level's being there";
    }
    if (level->exists && level->etag != 0 && (level->etag == etag) == changed) {
        return "a level's etag";
    }
    for (int i = 1; i < STOCK_BUCKET_COUNT; i++) {
        if (level->buckets[i] < 0) {
            return "a negative bucket";
        }
    }
    level->etag = etag;
    level->changed = false;
    return NULL;
}
