/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/schedule.h"

#include <math.h>

#include "tests/lib/test.h"

enum {
    ARRIVALS = 100000,
};

TEST(schedule, an_even_one_keeps_its_rate_without_drift)
{
    struct schedule schedule;
    uint64_t due_us = 0;
    schedule_init(&schedule, SCHEDULE_EVEN, 3000, 1);
    for (unsigned i = 0; i < ARRIVALS; i++) {
        due_us = schedule_next_us(&schedule);
    }
    EXPECT(due_us + 100 > 33333333 && due_us < 33333333 + 100);
}

TEST(schedule, poisson_arrivals_have_the_mean_and_the_spread_of_the_exponential)
{
    struct schedule schedule;
    uint64_t last_us = 0;
    double sum = 0, squares = 0;
    schedule_init(&schedule, SCHEDULE_POISSON, 1000, 2);
    for (unsigned i = 0; i < ARRIVALS; i++) {
        uint64_t due_us = schedule_next_us(&schedule);
        double gap = (double)(due_us - last_us);
        EXPECT(due_us >= last_us);
        sum += gap;
        squares += gap * gap;
        last_us = due_us;
    }
    sum /= ARRIVALS;
    squares /= ARRIVALS;
    EXPECT(sum > 985 && sum < 1015);
    EXPECT(sqrt(squares - sum * sum) > 970 && sqrt(squares - sum * sum) < 1030);
}

TEST(schedule, equal_seeds_give_equal_schedules)
{
    struct schedule one, same, other;
    unsigned different = 0;
    schedule_init(&one, SCHEDULE_POISSON, 500, 3);
    schedule_init(&same, SCHEDULE_POISSON, 500, 3);
    schedule_init(&other, SCHEDULE_POISSON, 500, 4);
    for (unsigned i = 0; i < 100; i++) {
        uint64_t due_us = schedule_next_us(&one);
        EXPECT_EQ(schedule_next_us(&same), due_us);
        different += schedule_next_us(&other) != due_us;
    }
    EXPECT(different > 90);
}

TEST(schedule, kinds_are_named)
{
    enum schedule_kind kind = SCHEDULE_POISSON;
    EXPECT(schedule_parse("even", &kind) && kind == SCHEDULE_EVEN);
    EXPECT(schedule_parse("poisson", &kind) && kind == SCHEDULE_POISSON);
    EXPECT(!schedule_parse("", &kind) && !schedule_parse("evens", &kind));
}
