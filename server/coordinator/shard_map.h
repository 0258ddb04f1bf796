/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which shard owns which key. Every table's ranges tile the whole space of 64-bit key
 * hashes, so each key has exactly one owner.
 *
 * Built by one thread, then never changed: any thread reads it.
 */
#ifndef SOUK_SERVER_COORDINATOR_SHARD_MAP_H
#define SOUK_SERVER_COORDINATOR_SHARD_MAP_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    SHARD_MAP_RANGES_MAX = 1024,   /* of one table */
    SHARD_MAP_VIRTUAL_BUCKETS = 64 /* unless the map says otherwise */
};

/* Numbered as ShardTable on the wire. */
enum shard_map_table {
    SHARD_MAP_SKU = 1,
    SHARD_MAP_CUSTOMER = 2,
    SHARD_MAP_TABLES = 3,
};

struct shard_range {
    uint64_t shard_id;
    uint64_t start; /* inclusive */
    uint64_t end;   /* exclusive; 0 = 2^64 */
    uint64_t epoch;
};

struct shard_map {
    uint64_t version;
    uint64_t hash_seed; /* of the cluster: nobody outside can choose colliding ids */
    /* V, a power of two up to 64: customer ranges begin at multiples of 2^64 / V. Set
     * before the ranges are. */
    uint32_t virtual_buckets;
    struct shard_range *ranges[SHARD_MAP_TABLES];
    unsigned counts[SHARD_MAP_TABLES];
};

void shard_map_init(struct shard_map *map, uint64_t version, uint64_t hash_seed);
void shard_map_close(struct shard_map *map);

/* Copies the ranges, in any order. INVALID when they do not tile the space exactly, or a
 * customer range does not begin at a virtual bucket. */
MUST_USE enum status shard_map_set(struct shard_map *map, enum shard_map_table table,
                                   const struct shard_range *ranges, unsigned count,
                                   struct problem *problem);

/* Where range `index` of `count` equal ranges of a table begins: a whole number of
 * virtual buckets for customers, of 2^54 hashes (1,024 pieces) for SKUs. */
uint64_t shard_map_even_start(enum shard_map_table table, unsigned index, unsigned count);

/* The place of a key's owner among the table's ranges, in order of their start. */
unsigned shard_map_find(const struct shard_map *map, enum shard_map_table table,
                        uint64_t hash);
const struct shard_range *shard_map_range(const struct shard_map *map,
                                          enum shard_map_table table, unsigned index);
unsigned shard_map_count(const struct shard_map *map, enum shard_map_table table);
/* The part of the hash space that a range owns: 0..1. */
double shard_range_share(const struct shard_range *range);

#endif
