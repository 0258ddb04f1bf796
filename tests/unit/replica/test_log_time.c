/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"
#include "shard/replica/log_time.h"
#include "tests/lib/test.h"

static struct moment at(uint64_t monotonic_us, int64_t wall_ms)
{
    return (struct moment){.monotonic_us = monotonic_us, .wall_ms = wall_ms};
}

TEST(log_time, follows_the_clock_that_runs_ahead)
{
    struct log_time time;
    log_time_init(&time, 1000, at(0, 1000));
    EXPECT_EQ(log_time_stamp(&time, at(10000, 1010)), 1010);
    EXPECT_EQ(log_time_stamp(&time, at(20000, 99999)), 99999);
}

TEST(log_time, moves_at_half_pace_when_the_clock_was_set_back)
{
    struct log_time time;
    log_time_init(&time, 1000000, at(0, 1000000));
    EXPECT_EQ(log_time_stamp(&time, at(2000000, 500)), 1001000);
    EXPECT_EQ(log_time_stamp(&time, at(4000000, 500)), 1002000);
}

TEST(log_time, loses_no_time_to_stamps_that_come_close_together)
{
    struct log_time time;
    log_time_init(&time, 1000, at(0, 0));
    for (uint64_t us = 100; us <= 100000; us += 100) {
        (void)log_time_stamp(&time, at(us, 0));
    }
    EXPECT_EQ(time.previous_ms, 1050);
}

TEST(log_time, never_goes_back_whatever_the_clock_does)
{
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct rng rng;
        rng_init(&rng, seed);
        struct log_time time;
        struct moment now = at(0, 1780000000000);
        log_time_init(&time, 0, now);
        int64_t before = 0;
        for (unsigned i = 0; i < 200; i++) {
            now.monotonic_us += rng_below(&rng, 50000);
            now.wall_ms += (int64_t)rng_below(&rng, 20000) - 10000;
            if (rng_below(&rng, 10) == 0) { /* a restart */
                now.monotonic_us = rng_below(&rng, 1000000);
                log_time_init(&time, time.previous_ms, now);
            }
            int64_t stamp = log_time_stamp(&time, now);
            if (stamp < before || stamp < now.wall_ms) {
                test_fail(__FILE__, __LINE__, "seed %llu: %lld after %lld",
                          (unsigned long long)seed, (long long)stamp, (long long)before);
            }
            before = stamp;
        }
    }
}

TEST(log_time, says_when_it_will_have_come_to_a_time)
{
    struct log_time time;
    log_time_init(&time, 1000, at(0, 1000));
    struct moment now = at(0, 1000);
    EXPECT_EQ(log_time_reaches_us(&time, now, 900), 0);
    EXPECT_EQ(log_time_reaches_us(&time, now, 1500), 500000);
    /* The clock is an hour behind: the slow pace gets there first. */
    now.wall_ms = -3600000;
    EXPECT_EQ(log_time_reaches_us(&time, now, 1500), 1000000);
    EXPECT_EQ(log_time_bounded(&time, at(1000000, -3600000)), 1500);
}
