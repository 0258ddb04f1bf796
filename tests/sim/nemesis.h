/* SPDX-License-Identifier: Apache-2.0 */
/* Does to a world what its schedule says, and takes it back. */
#ifndef SOUK_TESTS_SIM_NEMESIS_H
#define SOUK_TESTS_SIM_NEMESIS_H

#include "tests/sim/world.h"

enum {
    SIM_SKEW_MOST_US = 300000, /* of wall clocks, as they start */
    SIM_JUMP_MOST_US = 2000000,
    SIM_DRIFT_MOST_PPM = 200,
    SIM_DRIFT_FAULT_PPM = 20000,
};

/* Plans every fault of the schedule from now on. */
void nemesis_begin(struct sim_world *world);
void nemesis_strike(struct sim_world *world, size_t place);
void nemesis_relent(struct sim_world *world, size_t place);
/* Whatever may still be wrong is whole again. */
void nemesis_heal(struct sim_world *world);

#endif
