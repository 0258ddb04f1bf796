/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/batch.h"

#include <stdio.h>

#include "server/service/service_private.h"
#include "shard/inventory/outcome.h"

enum status batch_begin(struct batch **out_batch, struct edge_many *many, size_t count,
                        struct problem *problem)
{
    size_t most = (size_t)many->edge.service->settings->batch_max_items;
    struct arena *arena = many->edge.arena;
    struct batch *batch = arena_zalloc(arena, sizeof *batch);
    TRY(check_count("requests", count, 1, most, problem));
    if (batch != NULL) {
        batch->many = many;
        batch->count = (uint32_t)count;
        batch->commands = arena_alloc(arena, count * sizeof *batch->commands);
        batch->shards = arena_alloc(arena, count * sizeof *batch->shards);
        batch->places = arena_alloc(arena, count * sizeof *batch->places);
        batch->items = arena_zalloc(arena, count * sizeof *batch->items);
    }
    if (batch == NULL || batch->commands == NULL || batch->shards == NULL ||
        batch->places == NULL || batch->items == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "requests", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    many->user = batch;
    *out_batch = batch;
    return STATUS_OK;
}

void batch_take(struct batch *batch, uint32_t place, struct slice command, unsigned shard)
{
    batch->commands[batch->proposed] = command;
    batch->shards[batch->proposed] = shard;
    batch->places[batch->proposed] = place;
    batch->proposed++;
}

void batch_refuse(struct batch *batch, uint32_t place, const struct problem *problem)
{
    struct batch_item *item = &batch->items[place];
    item->problem = arena_copy(batch->many->edge.arena, problem, sizeof *problem);
    item->status = problem->status;
}

/* One part per shard, with its commands in the order of the request. */
static bool batch_make_parts(struct batch *batch)
{
    struct edge_many *many = batch->many;
    struct arena *arena = many->edge.arena;
    struct fan_groups groups;
    if (fan_groups_make(arena, batch->shards, batch->proposed,
                        shard_map_count(many->edge.service->map, SHARD_MAP_SKU),
                        &groups) != STATUS_OK ||
        !edge_many_parts(many, &groups, SHARD_MAP_SKU)) {
        return false;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        struct edge_part *part = &many->parts[p];
        part->commands = arena_alloc(arena, part->group.count * sizeof *part->commands);
        part->outcomes = arena_alloc(arena, part->group.count * sizeof *part->outcomes);
        if (part->commands == NULL || part->outcomes == NULL) {
            return false;
        }
        for (unsigned i = 0; i < part->group.count; i++) {
            part->commands[i] = batch->commands[part->group.items[i]];
        }
    }
    return true;
}

void batch_submit(struct batch *batch, void (*finish)(struct edge_many *many))
{
    if (!batch_make_parts(batch)) {
        edge_fail_memory(&batch->many->edge);
        return;
    }
    edge_many_submit(batch->many, finish);
}

void batch_collect(struct batch *batch)
{
    for (unsigned p = 0; p < batch->many->part_count; p++) {
        const struct edge_part *part = &batch->many->parts[p];
        size_t decided =
            part->call.status == STATUS_OK ? part->group.count : part->call.decided_count;
        for (unsigned i = 0; i < part->group.count; i++) {
            struct batch_item *item = &batch->items[batch->places[part->group.items[i]]];
            if (i < decided) {
                item->outcome = &part->outcomes[i];
                item->status = item->outcome->status;
            } else {
                item->status = part->call.status;
            }
        }
    }
}

enum status batch_item_problem(const struct batch_item *item,
                               const struct refusal_names *names, struct problem *out)
{
    if (item->problem != NULL) {
        *out = *item->problem;
    } else if (item->outcome != NULL && item->status != STATUS_OK &&
               item->outcome->kind == REPLICA_SKU) {
        refusal_of_outcome(&item->outcome->inventory, names, out);
    } else {
        problem_set(out, item->status, "", "%s", status_text(item->status));
    }
    return out->status;
}
