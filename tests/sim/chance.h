/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chance and clocks of a simulated world. Each purpose draws from a stream of its own, so
 * that a further draw in one place moves no other.
 */
#ifndef SOUK_TESTS_SIM_CHANCE_H
#define SOUK_TESTS_SIM_CHANCE_H

#include <math.h>
#include <stdint.h>

#include "shard/base/clock.h"
#include "shard/base/hash.h"
#include "shard/base/rng.h"

enum sim_stream {
    SIM_STREAM_WORLD = 1, /* how many SKUs, shards and so on */
    SIM_STREAM_NETWORK,
    SIM_STREAM_DISK,
    SIM_STREAM_CLOCK,
    SIM_STREAM_NEMESIS,
    SIM_STREAM_AIM,
    SIM_STREAM_VARIANT, /* which kind of world it is */
    SIM_STREAM_PLOT,
    SIM_STREAM_SPANS,          /* holds over several shards: whether, and of which SKUs */
    SIM_STREAM_NODE = 100,     /* + node */
    SIM_STREAM_CLIENT = 200,   /* + client */
    SIM_STREAM_STREAMER = 300, /* + streamer */
};

static inline void sim_stream_init(struct rng *rng, uint64_t seed, unsigned stream)
{
    rng_init(rng, hash_mix(hash_mix(seed) + stream));
}

static inline uint64_t sim_between(struct rng *rng, uint64_t least, uint64_t most)
{
    return least + rng_below(rng, most - least + 1);
}

static inline bool sim_percent(struct rng *rng, unsigned percent)
{
    return rng_below(rng, 100) < percent;
}

/* Waiting times of a Poisson process, cut at ten times the mean. */
static inline uint64_t sim_wait(struct rng *rng, uint64_t mean_us)
{
    double wait = -log(1.0 - rng_unit(rng));
    return 1 + (uint64_t)((double)mean_us * (wait < 10.0 ? wait : 10.0));
}

#define SIM_WALL_START_MS INT64_C(1780000000000)

/* A node's clocks over the world's time. */
struct sim_clock {
    uint64_t anchor_us;    /* of the world */
    uint64_t monotonic_us; /* at the anchor */
    int64_t wall_us;       /* at the anchor: since SIM_WALL_START_MS */
    int64_t drift_ppm;
};

static inline uint64_t sim_clock_passed(const struct sim_clock *clock, uint64_t at_us)
{
    return (uint64_t)((int64_t)(at_us - clock->anchor_us) *
                      (INT64_C(1000000) + clock->drift_ppm) / 1000000);
}

static inline struct moment sim_clock_read(const struct sim_clock *clock, uint64_t at_us)
{
    uint64_t passed = sim_clock_passed(clock, at_us);
    return (struct moment){
        .monotonic_us = clock->monotonic_us + passed,
        .wall_ms = SIM_WALL_START_MS + (clock->wall_us + (int64_t)passed) / 1000,
    };
}

/* World time at which the monotonic clock has reached `monotonic_us`. */
static inline uint64_t sim_clock_when(const struct sim_clock *clock,
                                      uint64_t monotonic_us)
{
    if (monotonic_us <= clock->monotonic_us) {
        return clock->anchor_us;
    }
    uint64_t passed = monotonic_us - clock->monotonic_us;
    return clock->anchor_us + 1 +
           (uint64_t)((int64_t)passed * 1000000 / (INT64_C(1000000) + clock->drift_ppm));
}

/* From now on the wall clock is `jump_us` further and the clocks drift by `drift_ppm`. */
static inline void sim_clock_set(struct sim_clock *clock, uint64_t at_us, int64_t jump_us,
                                 int64_t drift_ppm)
{
    uint64_t passed = sim_clock_passed(clock, at_us);
    clock->monotonic_us += passed;
    clock->wall_us += (int64_t)passed + jump_us;
    clock->anchor_us = at_us;
    clock->drift_ppm = drift_ppm;
}

#endif
