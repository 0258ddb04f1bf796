/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/shard_map.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    SHARD_MAP_SKU_STEP_BITS = 54,
    SHARD_MAP_CUSTOMER_STEP_BITS = 58,
};

void shard_map_init(struct shard_map *map, uint64_t version, uint64_t hash_seed)
{
    *map = (struct shard_map){.version = version,
                              .hash_seed = hash_seed,
                              .virtual_buckets = SHARD_MAP_VIRTUAL_BUCKETS};
}

void shard_map_close(struct shard_map *map)
{
    if (map == NULL) {
        return;
    }
    for (unsigned table = 0; table < SHARD_MAP_TABLES; table++) {
        free(map->ranges[table]);
        map->ranges[table] = NULL;
        map->counts[table] = 0;
    }
}

static int shard_range_compare(const void *a, const void *b)
{
    const struct shard_range *left = a, *right = b;
    return (left->start > right->start) - (left->start < right->start);
}

static enum status shard_map_check(const struct shard_map *map,
                                   enum shard_map_table table,
                                   const struct shard_range *ranges, unsigned count,
                                   struct problem *problem)
{
    uint64_t bucket_last = UINT64_MAX / map->virtual_buckets; /* of hashes, from 0 */
    uint64_t next = 0;
    for (unsigned i = 0; i < count; i++) {
        bool last = i + 1 == count;
        if (ranges[i].start != next || last != (ranges[i].end == 0) ||
            (!last && ranges[i].end <= ranges[i].start)) {
            return problem_set(problem, STATUS_INVALID, "",
                               "the range of shard %llu leaves a gap or an overlap",
                               (unsigned long long)ranges[i].shard_id);
        }
        if (table == SHARD_MAP_CUSTOMER && (ranges[i].start & bucket_last) != 0) {
            return problem_set(problem, STATUS_INVALID, "",
                               "the range of shard %llu splits a virtual bucket",
                               (unsigned long long)ranges[i].shard_id);
        }
        next = ranges[i].end;
    }
    return STATUS_OK;
}

enum status shard_map_set(struct shard_map *map, enum shard_map_table table,
                          const struct shard_range *ranges, unsigned count,
                          struct problem *problem)
{
    struct shard_range *sorted;
    enum status status;
    ASSERT(table > 0 && table < SHARD_MAP_TABLES);
    if (count == 0 || count > SHARD_MAP_RANGES_MAX) {
        return problem_set(problem, STATUS_INVALID, "", "a table has 1 to %d shards",
                           SHARD_MAP_RANGES_MAX);
    }
    sorted = memory_copy(ranges, count * sizeof *ranges);
    qsort(sorted, count, sizeof *sorted, shard_range_compare);
    status = shard_map_check(map, table, sorted, count, problem);
    if (status != STATUS_OK) {
        free(sorted);
        return status;
    }
    free(map->ranges[table]);
    map->ranges[table] = sorted;
    map->counts[table] = count;
    return STATUS_OK;
}

uint64_t shard_map_even_start(enum shard_map_table table, unsigned index, unsigned count)
{
    unsigned bits = table == SHARD_MAP_CUSTOMER ? SHARD_MAP_CUSTOMER_STEP_BITS
                                                : SHARD_MAP_SKU_STEP_BITS;
    uint64_t steps = (uint64_t)1 << (64 - bits);
    ASSERT(count > 0 && count <= steps);
    /* The end of the last range is 2^64, which is written 0. */
    return index == count ? 0 : (steps * index / count) << bits;
}

unsigned shard_map_find(const struct shard_map *map, enum shard_map_table table,
                        uint64_t hash)
{
    const struct shard_range *ranges = map->ranges[table];
    unsigned low = 0, high = map->counts[table];
    ASSERT(high > 0);
    while (high - low > 1) {
        unsigned middle = low + (high - low) / 2;
        if (ranges[middle].start <= hash) {
            low = middle;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct shard_range *shard_map_range(const struct shard_map *map,
                                          enum shard_map_table table, unsigned index)
{
    ASSERT(index < map->counts[table]);
    return &map->ranges[table][index];
}

unsigned shard_map_count(const struct shard_map *map, enum shard_map_table table)
{
    return map->counts[table];
}

double shard_range_share(const struct shard_range *range)
{
    uint64_t width = range->end - range->start; /* wraps to the true width, but for all */
    return width == 0 ? 1.0 : (double)width * 0x1.0p-64;
}
