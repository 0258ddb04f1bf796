/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Some worlds of profile `all` are stormy: elections come fast, appends carry few entries,
 * and beside the faults that are drawn one by one there are plots, several lines of the
 * schedule that belong together, since what they lead to takes more coincidence than
 * thousands of worlds have. Which worlds, and what happens in them, is the seed's.
 */
#ifndef SOUK_TESTS_SIM_PLOT_H
#define SOUK_TESTS_SIM_PLOT_H

#include "tests/sim/schedule.h"

enum {
    SIM_STORMY_PERCENT = 30,
    SIM_PLOT_MEAN_US = 6000000, /* between two of them */
};

struct sim_variant {
    bool stormy;
    uint32_t raft_tick_ms;     /* 0: as usual */
    size_t raft_message_bytes; /* likewise */
};

void variant_draw(uint64_t seed, enum sim_profile profile,
                  struct sim_variant *out_variant);
/* Adds the plots of a stormy world to its schedule. */
void plot_draw(struct sim_schedule *schedule);

#endif
