/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/mix.h"

#include "tests/lib/test.h"

TEST(mix, parses_names_with_and_without_weights)
{
    struct mix mix;
    EXPECT(mix_parse("reserve", &mix));
    EXPECT(mix.weights[LOAD_RESERVE] == 1 && mix.total == 1);
    EXPECT(mix_parse("read=90,reserve=9,recommend", &mix));
    EXPECT(mix.weights[LOAD_READ] == 90 && mix.weights[LOAD_RESERVE] == 9);
    EXPECT(mix.weights[LOAD_RECOMMEND] == 1 && mix.weights[LOAD_ADJUST] == 0);
    EXPECT_EQ(mix.total, 100);
}

TEST(mix, what_does_not_parse_is_refused_and_changes_nothing)
{
    static const char *const refused[] = {
        "",           ",",        "reserve,", "reserve=",        "reserve=-1",
        "reserve=x",  "sell",     "read=0",   "read,read",       "reserve=1read=1",
        "reserves=1", "reserve ", "reserv",   "reserve=1000001", "read=1,,adjust=1"};
    for (unsigned i = 0; i < sizeof refused / sizeof refused[0]; i++) {
        struct mix mix = {.total = 42};
        if (mix_parse(refused[i], &mix) || mix.total != 42) {
            test_fail(__FILE__, __LINE__, "'%s' was taken", refused[i]);
        }
    }
}

TEST(mix, draws_each_kind_as_often_as_it_weighs)
{
    unsigned counts[LOAD_KINDS] = {0};
    struct mix mix;
    struct rng rng;
    rng_init(&rng, 1);
    EXPECT(mix_parse("reserve=1,read=3", &mix));
    for (unsigned i = 0; i < 40000; i++) {
        counts[mix_next(&mix, &rng)]++;
    }
    EXPECT(counts[LOAD_ADJUST] == 0 && counts[LOAD_RECOMMEND] == 0);
    EXPECT(counts[LOAD_RESERVE] > 9600 && counts[LOAD_RESERVE] < 10400);
}
