/* SPDX-License-Identifier: Apache-2.0 */
/* Sums over the worlds of one run, and how they are printed. */
#ifndef SOUK_TESTS_SIM_REPORT_H
#define SOUK_TESTS_SIM_REPORT_H

#include "tests/sim/world.h"

enum {
    SIM_REPORTED_MAX = 20, /* violations that are printed */
    SIM_REPLAY_BYTES = 320,
};

/* Worlds of consecutive seeds, until they last an hour together. It counts with at least
 * 100,000 operations, 1,000 faults, 20 changes of leaders, and at most 1% of searches
 * unknown, and without a violation. */
struct sim_hour {
    uint64_t virtual_us, operations, faults, leader_changes;
    uint64_t searches, unknown, violations;
};

struct sim_report {
    uint64_t first_seed;
    uint64_t last_seed;
    enum sim_profile profile;
    unsigned nodes;
    uint64_t minutes;
    const char *mutant; /* NULL: none */
    uint64_t caught_at_seed;
    struct sim_counts counts;
    uint64_t worlds;
    uint64_t thin_worlds; /* that alone would be no hour that counts */
    struct sim_hour hour; /* the one that is being filled */
    uint64_t full_hours;  /* filled, and */
    uint64_t qualifying_hours;
    uint64_t unknown;
    uint64_t searches;
    uint64_t violation_count;
    struct {
        uint64_t seed;
        struct sim_violation violation;
        char replay[SIM_REPLAY_BYTES];
    } violations[SIM_REPORTED_MAX];
};

void report_add(struct sim_report *report, const struct sim_world *world);
void report_violation(struct sim_report *report, uint64_t seed,
                      const struct sim_violation *violation, const char *replay);
void report_json(const struct sim_report *report, double seconds, FILE *file);
void report_text(const struct sim_report *report, double seconds, FILE *file);

#endif
