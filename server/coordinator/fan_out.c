/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/fan_out.h"

#include "shard/base/assert.h"

/* A counting sort: stable, so that items of one SKU keep their order. */
enum status fan_groups_make(struct arena *arena, const unsigned *shards,
                            unsigned item_count, unsigned shard_count,
                            struct fan_groups *out_groups)
{
    uint32_t *items = arena_alloc(arena, (item_count + 1) * sizeof *items);
    uint32_t *ends = arena_zalloc(arena, (shard_count + 1) * sizeof *ends);
    struct fan_group *groups = arena_alloc(arena, (shard_count + 1) * sizeof *groups);
    uint32_t sum = 0;
    unsigned count = 0;
    if (items == NULL || ends == NULL || groups == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (unsigned i = 0; i < item_count; i++) {
        ASSERT(shards[i] < shard_count);
        ends[shards[i]]++;
    }
    for (unsigned s = 0; s < shard_count; s++) {
        uint32_t size = ends[s];
        ends[s] = sum;
        if (size > 0) {
            groups[count++] =
                (struct fan_group){.shard = s, .items = items + sum, .count = size};
        }
        sum += size;
    }
    for (unsigned i = 0; i < item_count; i++) {
        items[ends[shards[i]]++] = i;
    }
    *out_groups = (struct fan_groups){.groups = groups, .count = count};
    return STATUS_OK;
}
