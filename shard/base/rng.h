/* SPDX-License-Identifier: Apache-2.0 */
/* SplitMix64 (Steele, Lea, Flood 2014): a seeded stream; chance is an argument. */
#ifndef SOUK_SHARD_BASE_RNG_H
#define SOUK_SHARD_BASE_RNG_H

#include <stdint.h>

__extension__ typedef unsigned __int128 rng_wide;

struct rng {
    uint64_t state;
};

static inline void rng_init(struct rng *rng, uint64_t seed)
{
    rng->state = seed;
}

static inline uint64_t rng_next(struct rng *rng)
{
    uint64_t value = rng->state += 0x9e3779b97f4a7c15u;
    value = (value ^ value >> 30) * 0xbf58476d1ce4e5b9u;
    value = (value ^ value >> 27) * 0x94d049bb133111ebu;
    return value ^ value >> 31;
}

/* Uniform in [0, bound); bound > 0. The bias is below 2^-32 for bounds below 2^32. */
static inline uint64_t rng_below(struct rng *rng, uint64_t bound)
{
    return (uint64_t)(((rng_wide)rng_next(rng) * bound) >> 64);
}

/* Uniform in [0, 1). Never in apply code: floats differ between machines. */
static inline double rng_unit(struct rng *rng)
{
    return (double)(rng_next(rng) >> 11) * 0x1.0p-53;
}

#endif
