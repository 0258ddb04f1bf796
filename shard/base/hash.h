/* SPDX-License-Identifier: Apache-2.0 */
/* XXH3-64 (xxhash.com), the hash of keys, and of checksums where 64 bits are enough. */
#ifndef SOUK_SHARD_BASE_HASH_H
#define SOUK_SHARD_BASE_HASH_H

#include <stdint.h>

#include "shard/base/slice.h"

/* Key hashes take the cluster's random seed, so that nobody can choose colliding ids. */
uint64_t hash64(struct slice bytes, uint64_t seed);
struct hash128 {
    uint64_t high;
    uint64_t low;
};
struct hash128 hash128(struct slice bytes, uint64_t seed);
/* A cheap bijection for integers that are already well spread. */
uint64_t hash_mix(uint64_t value);

/* What a location is called where things are counted by place: the hash of its id with the
 * cluster's seed; never 0, which is no place. */
static inline uint64_t hash_place(struct slice location_id, uint64_t seed)
{
    uint64_t hash = hash64(location_id, seed);
    return hash != 0 ? hash : 1;
}

#endif
