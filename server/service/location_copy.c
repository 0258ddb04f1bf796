/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/location_copy.h"

#include "server/service/service_private.h"
#include "shard/replica/command.h"

bool location_copies_make(struct edge_many *many, uint64_t home_shard_id,
                          const struct inventory_location *location)
{
    const struct shard_map *map = many->edge.service->map;
    struct inventory_command command = {.kind = INVENTORY_LOCATION_COPY,
                                        .location_upsert = {.location = *location}};
    struct arena *arena = many->edge.arena;
    struct slice *bytes = arena_alloc(arena, sizeof *bytes);
    unsigned count = shard_map_count(map, SHARD_MAP_SKU);
    struct fan_group *groups = arena_alloc(arena, count * sizeof *groups);
    struct fan_groups all = {.groups = groups};
    if (bytes == NULL || groups == NULL ||
        command_encode_sku(&command, arena, bytes) != STATUS_OK) {
        return false;
    }
    for (unsigned i = 0; i < count; i++) {
        if (shard_map_range(map, SHARD_MAP_SKU, i)->shard_id != home_shard_id) {
            groups[all.count++] = (struct fan_group){.shard = i, .count = 1};
        }
    }
    if (!edge_many_parts(many, &all, SHARD_MAP_SKU)) {
        return false;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        struct edge_part *part = &many->parts[p];
        part->commands = bytes;
        part->outcomes = arena_alloc(arena, sizeof *part->outcomes);
        if (part->outcomes == NULL) {
            return false;
        }
    }
    return true;
}

enum status location_copies_status(const struct edge_many *many)
{
    for (unsigned p = 0; p < many->part_count; p++) {
        const struct edge_part *part = &many->parts[p];
        if (part->call.status != STATUS_OK) {
            return part->call.status;
        }
        if (part->outcomes[0].status != STATUS_OK) {
            return part->outcomes[0].status;
        }
    }
    return STATUS_OK;
}
