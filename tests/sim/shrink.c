/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/shrink.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"

static bool fails(const struct sim_options *options, const char *invariant,
                  const struct sim_schedule *schedule)
{
    struct sim_world *world = memory_zalloc(sizeof *world);
    struct sim_options again = *options;
    again.schedule = schedule;
    again.history = NULL;
    world_run(world, &again);
    bool found = world->history.violation.found &&
                 strcmp(world->history.violation.invariant, invariant) == 0;
    world_close(world);
    free(world);
    return found;
}

/* Without the faults [from, to). */
static void cut_out(const struct sim_schedule *whole, size_t from, size_t to,
                    struct sim_schedule *out)
{
    *out = (struct sim_schedule){.seed = whole->seed,
                                 .profile = whole->profile,
                                 .nodes = whole->nodes,
                                 .spares = whole->spares,
                                 .minutes = whole->minutes};
    for (size_t i = 0; i < whole->count; i++) {
        if (i < from || i >= to) {
            schedule_add(out, &whole->faults[i]);
        }
    }
}

/* Halves first, then ever smaller pieces (Zeller and Hildebrandt's ddmin, without its
 * complements). */
unsigned shrink(const struct sim_options *options, const char *invariant,
                struct sim_schedule *schedule)
{
    unsigned runs = 0;
    size_t piece = schedule->count;
    while (piece > 0 && runs < SHRINK_RUNS_MAX) {
        bool shorter = false;
        for (size_t from = 0; from < schedule->count && runs < SHRINK_RUNS_MAX;) {
            size_t to = from + piece < schedule->count ? from + piece : schedule->count;
            struct sim_schedule tried;
            cut_out(schedule, from, to, &tried);
            runs++;
            if (fails(options, invariant, &tried)) {
                schedule_close(schedule);
                *schedule = tried;
                shorter = true;
            } else {
                schedule_close(&tried);
                from = to;
            }
        }
        piece = piece > 1 ? (piece + 1) / 2 : shorter ? 1 : 0;
    }
    return runs;
}
