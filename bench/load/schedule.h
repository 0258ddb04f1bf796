/* SPDX-License-Identifier: Apache-2.0 */
/*
 * When the operations of an open loop are due: fixed before the first answer arrives, so
 * that a slow server cannot slow the load down and hide its own latency (Gil Tene calls
 * that coordinated omission). Offsets are microseconds from the start.
 */
#ifndef SOUK_BENCH_LOAD_SCHEDULE_H
#define SOUK_BENCH_LOAD_SCHEDULE_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/rng.h"

enum schedule_kind {
    SCHEDULE_POISSON, /* independent users */
    SCHEDULE_EVEN,    /* a metronome */
};

struct schedule {
    enum schedule_kind kind;
    double gap_us; /* mean distance */
    double due_us; /* of the last one given out */
    struct rng rng;
};

/* "poisson", "even"; false for anything else. */
bool schedule_parse(const char *name, enum schedule_kind *out_kind);
/* rate > 0, per second. Equal arguments give equal schedules. */
void schedule_init(struct schedule *schedule, enum schedule_kind kind, double rate,
                   uint64_t seed);
/* When the next operation is due; never before the one given out last. */
uint64_t schedule_next_us(struct schedule *schedule);

#endif
