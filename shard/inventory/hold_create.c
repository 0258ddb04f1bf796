/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CreateHold: what lies here. Lines of one SKU and one location (or of none) form a group and
 * are summed before the check. Groups with a location claim first; then each group without
 * one goes where most is left, ties to the smaller location id. Nothing is written before
 * everything is decided. Lines of other shards make the hold TENTATIVE (hold_home.c); what
 * their shards place of it is placed here, too (hold_part.c).
 */
#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

struct hold_group {
    struct sku_row *sku;
    struct location_row *location; /* NULL: the shard picks */
    struct level_row *level;
    wide requested;
    int64_t granted;
    int64_t left; /* of granted, while it is dealt out to lines */
    uint32_t first_line;
    bool contended; /* it would fit but for units that are not decided yet */
};

static const uint32_t HOLD_REMOTE = UINT32_MAX; /* of line_groups */

struct hold_plan {
    struct hold_group *groups;
    uint32_t group_count;
    uint32_t *slots; /* hash slots: group + 1, 0 free */
    uint32_t slot_mask;
    uint32_t *line_groups;
};

static bool hold_refuse_line(struct inventory_outcome *out, enum status status,
                             enum inventory_field field, uint32_t line)
{
    outcome_refuse(out, status, field);
    out->line = line;
    return false;
}

/* Before anything else: a range refusal must not depend on what exists. */
static bool hold_ranges(const struct inventory *inventory,
                        const struct inventory_hold_create *command,
                        struct inventory_outcome *out)
{
    bool spans = command->prepare_ms > 0 && command->mode == HOLD_MODE_ALL_OR_NOTHING;
    for (uint32_t i = 0; i < command->line_count; i++) {
        if (!state_owns(inventory, state_hash(inventory, command->lines[i].sku_id)) &&
            (i == 0 || !spans)) {
            return hold_refuse_line(
                out, i == 0 ? STATUS_EPOCH_CHANGED : STATUS_MULTI_SHARD_HOLD,
                INVENTORY_FIELD_SKU_ID, i);
        }
    }
    return true;
}

static uint32_t hold_group_get(struct hold_plan *plan, struct sku_row *sku,
                               struct location_row *location, uint32_t line)
{
    uint64_t hash = hash_mix(sku->node.hash ^ (location ? location->node.hash : 0));
    uint32_t slot = (uint32_t)hash & plan->slot_mask;
    while (plan->slots[slot] != 0) {
        uint32_t found = plan->slots[slot] - 1;
        if (plan->groups[found].sku == sku && plan->groups[found].location == location) {
            return found;
        }
        slot = (slot + 1) & plan->slot_mask;
    }
    plan->groups[plan->group_count] =
        (struct hold_group){.sku = sku, .location = location, .first_line = line};
    plan->slots[slot] = ++plan->group_count;
    return plan->group_count - 1;
}

static void hold_plan_init(struct hold_plan *plan, uint32_t line_count,
                           struct arena *arena)
{
    uint32_t slots = 4;
    while (slots < line_count * 2) {
        slots *= 2;
    }
    plan->group_count = 0;
    plan->slot_mask = slots - 1;
    plan->groups = arena_alloc(arena, line_count * sizeof *plan->groups);
    plan->slots = arena_zalloc(arena, slots * sizeof *plan->slots);
    plan->line_groups = arena_alloc(arena, line_count * sizeof *plan->line_groups);
    ASSERT(plan->groups != NULL && plan->slots != NULL && plan->line_groups != NULL);
}

/* Finds every row, expires what is due on its SKU, and sums the lines into groups. */
static bool hold_gather(struct inventory *inventory,
                        const struct inventory_hold_create *command,
                        struct hold_plan *plan, struct inventory_outcome *out)
{
    for (uint32_t i = 0; i < command->line_count; i++) {
        const struct inventory_hold_line *line = &command->lines[i];
        struct sku_row *sku = state_sku_find(inventory, line->sku_id);
        struct location_row *location = NULL;
        struct hold_group *group;
        if (!state_owns(inventory, state_hash(inventory, line->sku_id))) {
            plan->line_groups[i] = HOLD_REMOTE;
            continue;
        }
        if (sku == NULL) {
            return hold_refuse_line(out, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID, i);
        }
        if (sku->state != SKU_STATE_ACTIVE) {
            return hold_refuse_line(out, STATUS_SKU_NOT_ACTIVE, INVENTORY_FIELD_SKU_ID,
                                    i);
        }
        if (line->location_id.size != 0) {
            location = state_location_find(inventory, line->location_id);
            if (location == NULL) {
                return hold_refuse_line(out, STATUS_NOT_FOUND,
                                        INVENTORY_FIELD_LOCATION_ID, i);
            }
        }
        hold_expire_sku(inventory, sku);
        plan->line_groups[i] = hold_group_get(plan, sku, location, i);
        group = &plan->groups[plan->line_groups[i]];
        group->requested += line->quantity;
        if (group->requested > INT64_MAX) {
            return hold_refuse_line(out, STATUS_QUANTITY_OVERFLOW,
                                    INVENTORY_FIELD_QUANTITY, i);
        }
    }
    return true;
}

/* What may be granted: the room, cut so that held + committed always fit an int64. */
static int64_t hold_room(const struct level_row *level, bool allow_backorder)
{
    wide room, fits;
    if (level == NULL) {
        return 0;
    }
    room = level_room(level, allow_backorder);
    fits = (wide)INT64_MAX - level->buckets[STOCK_BUCKET_HELD] -
           level->buckets[STOCK_BUCKET_COMMITTED] - level->claim;
    return level_clip(room < fits ? room : fits > 0 ? fits : 0);
}

/* Would it fit here if everything that is not decided yet came back? */
static bool hold_would_fit(const struct inventory *inventory,
                           const struct level_row *level,
                           const struct inventory_hold_create *command, wide requested)
{
    wide room;
    if (level == NULL) {
        return false;
    }
    room = level_available(level->buckets) - level->claim +
           hold_part_undecided(inventory, level);
    if (command->allow_backorder) {
        room += level->buckets[STOCK_BUCKET_BACKORDER_LIMIT];
    }
    return room >= requested;
}

static bool hold_contended(const struct inventory *inventory,
                           const struct inventory_hold_create *command,
                           const struct hold_group *group)
{
    if (group->location != NULL) {
        return hold_would_fit(inventory, group->level, command, group->requested);
    }
    for (uint32_t i = 0; i < group->sku->level_count; i++) {
        if (hold_would_fit(inventory, group->sku->levels[i], command, group->requested)) {
            return true;
        }
    }
    return false;
}

static struct level_row *hold_source(const struct sku_row *sku, bool allow_backorder)
{
    struct level_row *best = NULL;
    int64_t best_room = 0;
    for (uint32_t i = 0; i < sku->level_count; i++) {
        int64_t room = hold_room(sku->levels[i], allow_backorder);
        if (room > best_room) {
            best = sku->levels[i];
            best_room = room;
        }
    }
    return best;
}

static void hold_shortage_add(struct inventory_outcome *out,
                              const struct hold_group *group, int64_t available)
{
    if (out->shortage_count == INVENTORY_SHORTAGES_MAX) {
        out->shortages_omitted++;
        return;
    }
    out->shortages[out->shortage_count++] = (struct inventory_shortage){
        .line = group->first_line,
        .requested = (int64_t)group->requested,
        .available = available,
    };
}

static void hold_group_decide(const struct inventory *inventory,
                              const struct inventory_hold_create *command,
                              struct hold_group *group, struct inventory_outcome *out)
{
    int64_t room;
    group->level = group->location != NULL
                       ? state_level_find(group->sku, group->location->node.id)
                       : hold_source(group->sku, command->allow_backorder);
    room = hold_room(group->level, command->allow_backorder);
    if (room >= group->requested) {
        group->granted = (int64_t)group->requested;
    } else {
        hold_shortage_add(out, group, room);
        group->contended = hold_contended(inventory, command, group);
        group->granted = command->mode == HOLD_MODE_BEST_EFFORT ? room : 0;
    }
    if (group->level != NULL) {
        group->level->claim += group->granted;
    }
    group->left = group->granted;
}

/* Claims are made while groups are decided, and gone behind. Short: some are. */
static void hold_claim(const struct inventory *inventory,
                       const struct inventory_hold_create *command,
                       struct hold_plan *plan, struct inventory_outcome *out)
{
    for (int sourced = 0; sourced < 2; sourced++) {
        for (uint32_t i = 0; i < plan->group_count; i++) {
            if ((plan->groups[i].location == NULL) == sourced) {
                hold_group_decide(inventory, command, &plan->groups[i], out);
            }
        }
    }
    for (uint32_t i = 0; i < plan->group_count; i++) {
        if (plan->groups[i].level != NULL) {
            plan->groups[i].level->claim = 0;
        }
    }
}

/* True if the hold may be made. */
static bool hold_decide(const struct inventory *inventory,
                        const struct inventory_hold_create *command,
                        struct hold_plan *plan, struct inventory_outcome *out)
{
    bool any = false, contended = true;
    hold_claim(inventory, command, plan, out);
    for (uint32_t i = 0; i < plan->group_count; i++) {
        const struct hold_group *group = &plan->groups[i];
        any = any || group->granted > 0;
        contended = contended && (group->granted == group->requested || group->contended);
    }
    if (out->shortage_count == 0 || (command->mode == HOLD_MODE_BEST_EFFORT && any)) {
        out->shortage_count = 0;
        out->shortages_omitted = 0;
        return true;
    }
    hold_refuse_line(out, STATUS_INSUFFICIENT_STOCK, INVENTORY_FIELD_QUANTITY,
                     out->shortages[0].line);
    if (contended) {
        out->status = STATUS_STOCK_CONTENDED;
        out->shortage_count = 0;
        out->shortages_omitted = 0;
    }
    return false;
}

static bool hold_owner_may(const struct inventory *inventory,
                           const struct inventory_hold_create *command,
                           struct inventory_outcome *out)
{
    const struct owner_row *owner =
        command->owner.size != 0 ? state_owner_find(inventory, command->owner) : NULL;
    if (owner != NULL && owner->open_count >= command->owner_holds_max) {
        outcome_refuse(out, STATUS_QUOTA, INVENTORY_FIELD_OWNER);
        return false;
    }
    return true;
}

/* Deals what groups were granted out to their lines, in order. */
static struct hold_placed *hold_deal(const struct inventory_hold_create *command,
                                     struct hold_plan *plan, struct arena *arena)
{
    struct hold_placed *placed =
        arena_zalloc(arena, command->line_count * sizeof *placed);
    ASSERT(placed != NULL);
    for (uint32_t i = 0; i < command->line_count; i++) {
        struct hold_group *group;
        placed[i].remote = plan->line_groups[i] == HOLD_REMOTE;
        if (placed[i].remote) {
            placed[i].granted = command->lines[i].quantity;
            continue;
        }
        group = &plan->groups[plan->line_groups[i]];
        placed[i].sku = group->sku;
        placed[i].granted = command->lines[i].quantity < group->left
                                ? command->lines[i].quantity
                                : group->left;
        placed[i].level = placed[i].granted > 0 ? group->level : NULL;
        group->left -= placed[i].granted;
    }
    return placed;
}

struct hold_placed *hold_place(struct inventory *inventory,
                               const struct inventory_hold_create *command,
                               struct arena *arena, struct inventory_outcome *out)
{
    struct hold_plan plan;
    hold_plan_init(&plan, command->line_count, arena);
    if (!hold_gather(inventory, command, &plan, out) ||
        !hold_owner_may(inventory, command, out) ||
        !hold_decide(inventory, command, &plan, out)) {
        return NULL;
    }
    return hold_deal(command, &plan, arena);
}

static struct inventory_hold_id hold_id_mint(struct inventory *inventory,
                                             const struct inventory_hold_create *command)
{
    struct inventory_hold_id id;
    id.anchor = state_hash(inventory, command->lines[0].sku_id);
    id.unique = hash_mix(command->nonce ^ state_etag_mint(inventory));
    while (state_hold_find(inventory, id) != NULL || (id.anchor == 0 && id.unique == 0)) {
        id.unique = hash_mix(id.unique + 1);
    }
    return id;
}

static void hold_grant(struct inventory *inventory, struct hold_row *hold,
                       struct hold_line_row *line)
{
    if (line->level == NULL || line->remote || MUTANT(no_decrement)) {
        return;
    }
    hold_move(inventory,
              &(struct hold_moved){.id = hold->id,
                                   .reference = hold->reference,
                                   .level = line->level,
                                   .quantity = line->granted},
              STOCK_REASON_HOLD);
    if (hold->state == HOLD_STATE_TENTATIVE) {
        line->level->tentative += line->granted;
    }
}

static void hold_fill_line(struct hold_line_row *line,
                           const struct inventory_hold_line *asked,
                           const struct hold_placed *placed)
{
    line->quantity = asked->quantity;
    line->granted = placed->granted;
    line->level = placed->level;
    line->remote = placed->remote;
    line->sku = placed->remote ? state_sku_ghost(asked->sku_id) : placed->sku;
    if (placed->remote) {
        line->location =
            slice_of(memory_copy(asked->location_id.data, asked->location_id.size),
                     asked->location_id.size);
    }
}

static struct hold_row *hold_build(struct inventory *inventory,
                                   const struct inventory_hold_create *command,
                                   const struct hold_placed *placed, int64_t expire_ms)
{
    struct hold_row *hold = state_hold_alloc(command->line_count, command->reference);
    bool spans = false;
    hold->id = hold_id_mint(inventory, command);
    hold->owner = state_owner_get(inventory, command->owner);
    hold->sequence = ++inventory->hold_sequence;
    hold->create_ms = inventory->log_ms;
    hold->expire_ms = expire_ms;
    hold->due_ms = expire_ms;
    hold->allow_backorder = command->allow_backorder;
    for (uint32_t i = 0; i < command->line_count; i++) {
        hold_fill_line(&hold->lines[i], &command->lines[i], &placed[i]);
        spans = spans || placed[i].remote;
    }
    hold->state = spans ? HOLD_STATE_TENTATIVE : HOLD_STATE_HELD;
    if (spans) {
        hold_home_begin(inventory, hold, command->prepare_ms);
    }
    state_hold_link(inventory, hold);
    for (uint32_t i = 0; i < command->line_count; i++) {
        hold_grant(inventory, hold, &hold->lines[i]);
    }
    hold_dirty(inventory, hold);
    return hold;
}

void hold_create(struct inventory *inventory, const struct inventory_hold_create *command,
                 struct arena *arena, struct inventory_outcome *out)
{
    struct hold_placed *placed;
    struct hold_row *hold;
    wide expire_ms = command->ttl_kind == HOLD_TTL_TIME
                         ? command->expire_ms
                         : (wide)inventory->log_ms + command->ttl_ms;
    if (!hold_ranges(inventory, command, out)) {
        return;
    }
    if (expire_ms <= inventory->log_ms ||
        expire_ms > (wide)inventory->log_ms + command->life_max_ms ||
        expire_ms > INT64_MAX) {
        outcome_refuse(out, STATUS_INVALID, INVENTORY_FIELD_TTL);
        return;
    }
    placed = hold_place(inventory, command, arena, out);
    if (placed == NULL) {
        return;
    }
    hold = hold_build(inventory, command, placed, (int64_t)expire_ms);
    view_hold(hold, arena, &out->hold);
    out->has_hold = true;
    out->created = true;
    out->pending = hold->state == HOLD_STATE_TENTATIVE;
}
