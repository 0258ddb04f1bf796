/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CheckAvailability: could a hold take these lines now, and from where? The rules of
 * CreateHold, without its traces: lines of one SKU and location are summed before the
 * check, placed lines come before those that may be taken from anywhere, and what the
 * groups before have claimed is gone.
 */
#include "shard/inventory/geo.h"
#include "shard/inventory/inventory_private.h"

struct check_group {
    const struct sku_row *sku;
    const struct location_row *location; /* NULL: anywhere */
    const struct level_row *level;       /* the source */
    wide requested;
    wide claimed;   /* of the level; 0 when there is not enough */
    wide room;      /* of the level, before this group claims */
    wide available; /* over all levels that count */
    enum status status;
};

struct check_plan {
    const struct inventory *inventory;
    const struct inventory_query *query;
    struct check_group *groups;
    uint32_t group_count;
    uint32_t *line_groups;
};

static struct geo_point check_place(const struct location_row *location)
{
    return (struct geo_point){location->view->latitude_e7, location->view->longitude_e7};
}

/* May units come from here at all? */
static bool check_counts(const struct inventory_query *query,
                         const struct check_group *group, const struct level_row *level)
{
    if (group->location != NULL && level->location != group->location) {
        return false;
    }
    return read_location_wanted(query, level) &&
           read_channel_served(level->location->view, query->demand.channel);
}

static wide check_room(const struct check_plan *plan, const struct level_row *level)
{
    wide room = level_room(level, plan->query->demand.allow_backorder);
    for (uint32_t i = 0; i < plan->group_count; i++) {
        if (plan->groups[i].level == level) {
            room -= plan->groups[i].claimed;
        }
    }
    return room > 0 ? room : 0;
}

/* Nearest of those that have enough, if a place is given; else the one with most. */
static bool check_better(const struct check_plan *plan, const struct check_group *group,
                         const struct level_row *level, wide room)
{
    struct geo_point near = {plan->query->near_latitude_e7,
                             plan->query->near_longitude_e7};
    struct geo_point here, there;
    bool enough = room >= group->requested, had = group->room >= group->requested;
    if (group->level == NULL) {
        return room > 0;
    }
    if (!geo_known(near) || (!enough && !had)) {
        return room > group->room;
    }
    if (enough != had) {
        return enough;
    }
    here = check_place(level->location);
    there = check_place(group->level->location);
    if (!geo_known(here) || !geo_known(there)) {
        return geo_known(here);
    }
    return geo_distance_m(near, here) < geo_distance_m(near, there);
}

static void check_decide(struct check_plan *plan, struct check_group *group)
{
    for (uint32_t i = 0; group->sku != NULL && i < group->sku->level_count; i++) {
        const struct level_row *level = group->sku->levels[i];
        wide room;
        if (!check_counts(plan->query, group, level)) {
            continue;
        }
        room = check_room(plan, level);
        group->available += room;
        if (check_better(plan, group, level, room)) {
            group->level = level;
            group->room = room;
        }
    }
    if (group->status == STATUS_OK && group->room < group->requested) {
        group->status = STATUS_INSUFFICIENT_STOCK;
    }
    group->claimed = group->status == STATUS_OK ? group->requested : 0;
}

static uint32_t check_group_get(struct check_plan *plan, const struct sku_row *sku,
                                const struct location_row *location, enum status status)
{
    for (uint32_t i = 0; sku != NULL && i < plan->group_count; i++) {
        const struct check_group *group = &plan->groups[i];
        if (group->sku == sku && group->location == location && group->status == status) {
            return i;
        }
    }
    plan->groups[plan->group_count] =
        (struct check_group){.sku = sku, .location = location, .status = status};
    return plan->group_count++;
}

static void check_gather(struct check_plan *plan)
{
    const struct inventory_query *query = plan->query;
    for (uint32_t i = 0; i < query->sku_count; i++) {
        const struct inventory_check_line *line = &query->check_lines[i];
        const struct sku_row *sku = state_sku_find(plan->inventory, query->sku_ids[i]);
        const struct location_row *location = NULL;
        enum status status = STATUS_OK;
        if (sku == NULL) {
            status = STATUS_NOT_FOUND;
        } else if (sku->state != SKU_STATE_ACTIVE) {
            status = STATUS_SKU_NOT_ACTIVE;
        }
        if (line->location_id.size != 0) {
            location = state_location_find(plan->inventory, line->location_id);
            status = location == NULL ? STATUS_NOT_FOUND : status;
            sku = location == NULL ? NULL : sku;
        }
        plan->line_groups[i] = check_group_get(plan, sku, location, status);
        plan->groups[plan->line_groups[i]].requested += line->quantity;
    }
}

static void check_show(const struct check_plan *plan, uint32_t line, struct arena *arena,
                       struct inventory_check *out)
{
    const struct check_group *group = &plan->groups[plan->line_groups[line]];
    struct geo_point near = {plan->query->near_latitude_e7,
                             plan->query->near_longitude_e7};
    out->status = group->status;
    out->missing_location =
        group->status == STATUS_NOT_FOUND &&
        state_sku_find(plan->inventory, plan->query->sku_ids[line]) != NULL;
    out->requested = level_clip(group->requested);
    out->available = level_clip(group->available);
    out->distance_m = -1;
    if (group->level == NULL) {
        return;
    }
    out->location_id = arena_slice(arena, group->level->location->node.id);
    out->location_available = level_clip(group->room);
    if (geo_known(near) && geo_known(check_place(group->level->location))) {
        out->distance_m = geo_distance_m(near, check_place(group->level->location));
    }
}

enum status read_check(const struct inventory *inventory,
                       const struct inventory_query *query, struct arena *arena,
                       struct inventory_answer *out)
{
    struct check_plan plan = {.inventory = inventory, .query = query};
    size_t count = query->sku_count;
    struct inventory_check *checks = arena_zalloc(arena, (count + 1) * sizeof *checks);
    plan.groups = arena_zalloc(arena, (count + 1) * sizeof *plan.groups);
    plan.line_groups = arena_zalloc(arena, (count + 1) * sizeof *plan.line_groups);
    if (checks == NULL || plan.groups == NULL || plan.line_groups == NULL) {
        return STATUS_TOO_LARGE;
    }
    check_gather(&plan);
    for (int anywhere = 0; anywhere < 2; anywhere++) {
        for (uint32_t i = 0; i < plan.group_count; i++) {
            if ((plan.groups[i].location == NULL) == anywhere) {
                check_decide(&plan, &plan.groups[i]);
            }
        }
    }
    for (uint32_t i = 0; i < query->sku_count; i++) {
        check_show(&plan, i, arena, &checks[i]);
    }
    out->checks = checks;
    out->check_count = query->sku_count;
    return STATUS_OK;
}
