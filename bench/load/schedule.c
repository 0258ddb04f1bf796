/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/schedule.h"

#include <math.h>
#include <string.h>

#include "shard/base/assert.h"

bool schedule_parse(const char *name, enum schedule_kind *out_kind)
{
    bool even = strcmp(name, "even") == 0;
    if (!even && strcmp(name, "poisson") != 0) {
        return false;
    }
    *out_kind = even ? SCHEDULE_EVEN : SCHEDULE_POISSON;
    return true;
}

void schedule_init(struct schedule *schedule, enum schedule_kind kind, double rate,
                   uint64_t seed)
{
    ASSERT(rate > 0);
    *schedule = (struct schedule){.kind = kind, .gap_us = 1e6 / rate};
    rng_init(&schedule->rng, seed);
}

uint64_t schedule_next_us(struct schedule *schedule)
{
    double gap_us = schedule->gap_us;
    if (schedule->kind == SCHEDULE_POISSON) {
        gap_us *= -log1p(-rng_unit(&schedule->rng));
    }
    schedule->due_us += gap_us;
    return (uint64_t)schedule->due_us;
}
