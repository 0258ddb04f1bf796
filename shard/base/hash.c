/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/hash.h"

#include <xxhash.h>

uint64_t hash64(struct slice bytes, uint64_t seed)
{
    return XXH3_64bits_withSeed(bytes.data, bytes.size, seed);
}

struct hash128 hash128(struct slice bytes, uint64_t seed)
{
    XXH128_hash_t hash = XXH3_128bits_withSeed(bytes.data, bytes.size, seed);
    return (struct hash128){.high = hash.high64, .low = hash.low64};
}

uint64_t hash_mix(uint64_t value)
{
    value ^= value >> 30;
    value *= 0xbf58476d1ce4e5b9u;
    value ^= value >> 27;
    value *= 0x94d049bb133111ebu;
    return value ^ value >> 31;
}
