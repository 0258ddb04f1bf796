/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"

#include "tests/lib/test.h"

TEST(rng, is_the_published_splitmix64)
{
    struct rng rng;
    rng_init(&rng, 1234567);
    EXPECT(rng_next(&rng) == 6457827717110365317u);
    EXPECT(rng_next(&rng) == 3203168211198807973u);
    EXPECT(rng_next(&rng) == 9817491932198370423u);
}

TEST(rng, stays_below_its_bound_and_reaches_every_value)
{
    struct rng rng;
    unsigned counts[10] = {0};
    rng_init(&rng, 8);
    for (unsigned i = 0; i < 100000; i++) {
        uint64_t value = rng_below(&rng, 10);
        EXPECT(value < 10);
        counts[value]++;
    }
    for (unsigned i = 0; i < 10; i++) {
        EXPECT(counts[i] > 9500 && counts[i] < 10500);
    }
    EXPECT_EQ(rng_below(&rng, 1), 0);
}

TEST(rng, the_unit_interval_is_half_open)
{
    struct rng rng;
    double sum = 0;
    rng_init(&rng, 9);
    for (unsigned i = 0; i < 100000; i++) {
        double value = rng_unit(&rng);
        EXPECT(value >= 0 && value < 1);
        sum += value;
    }
    EXPECT(sum > 49000 && sum < 51000);
}
