/* SPDX-License-Identifier: Apache-2.0 */
/* Makes a failing schedule short: faults that are not needed for the failure go. */
#ifndef SOUK_TESTS_SIM_SHRINK_H
#define SOUK_TESTS_SIM_SHRINK_H

#include "tests/sim/world.h"

enum {
    SHRINK_RUNS_MAX = 120, /* worlds that are tried */
};

/* `schedule` is that of a world which violated `invariant`; on return the shortest found
 * that still does. Returns how many worlds it took. */
unsigned shrink(const struct sim_options *options, const char *invariant,
                struct sim_schedule *schedule);

#endif
