/* SPDX-License-Identifier: Apache-2.0 */
/* Compares what was decided since the last look, line by line, in virtual time. */
#ifndef SOUK_TESTS_UNIT_RAFT_TRACE_TEST_H
#define SOUK_TESTS_UNIT_RAFT_TRACE_TEST_H

#include "tests/lib/test.h"
#include "tests/unit/raft/raft_world.h"

#define EXPECT_TRACE(world_, wanted_)                                                    \
    do {                                                                                 \
        const char *seen_ = world_trace(world_);                                         \
        if (strcmp(seen_, wanted_) != 0) {                                               \
            test_fail(__FILE__, __LINE__, "the trace is\n%s", seen_);                    \
        }                                                                                \
    } while (0)

/* Three voters, 1 leads in term 1 and has committed its first entry everywhere. */
static inline struct world *world_led(uint32_t voters, uint32_t joiners)
{
    struct world *world = world_new(1, voters, joiners, NULL);
    world_campaign(world, 1);
    world_settle(world);
    world_tick(world, 1, 1);
    world_settle(world);
    (void)world_trace(world);
    return world;
}

/* The others no longer hear of a leader, and `id` stands; `other` can vote. */
static inline void world_elect(struct world *world, uint64_t id, uint64_t other)
{
    world_tick(world, id, 10);
    world_tick(world, other, 10);
    world_lose_all(world, 0);
    world_campaign(world, id);
    world_settle(world);
}

#endif
