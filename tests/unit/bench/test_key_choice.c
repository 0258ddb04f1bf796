/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/key_choice.h"

#include <math.h>

#include "tests/lib/test.h"

enum {
    KEYS = 1000,
    DRAWS = 400000,
};

static unsigned counts[KEYS];

static void draw(enum key_choice_kind kind)
{
    struct key_choice choice;
    struct rng rng;
    memset(counts, 0, sizeof counts);
    rng_init(&rng, 1);
    key_choice_init(&choice, kind, KEYS, 0.99);
    for (unsigned i = 0; i < DRAWS; i++) {
        uint64_t key = key_choice_next(&choice, &rng);
        EXPECT(key < KEYS);
        counts[key]++;
    }
}

static int descending(const void *a, const void *b)
{
    unsigned left = *(const unsigned *)a, right = *(const unsigned *)b;
    return (left < right) - (left > right);
}

TEST(key_choice, uniform_reaches_every_key_alike)
{
    draw(KEY_CHOICE_UNIFORM);
    for (unsigned i = 0; i < KEYS; i++) {
        EXPECT(counts[i] > 280 && counts[i] < 520);
    }
}

TEST(key_choice, hot_is_one_key)
{
    draw(KEY_CHOICE_HOT);
    EXPECT_EQ(counts[0], DRAWS);
}

/* The keys are scattered by a hash, so several ranks may fall on one key: the ten most
 * drawn keys weigh at least what the ten first ranks weigh, and not much more. */
TEST(key_choice, zipf_has_the_skew_of_its_exponent)
{
    double zeta = 0, first = 0, drawn = 0;
    draw(KEY_CHOICE_ZIPF);
    qsort(counts, KEYS, sizeof counts[0], descending);
    for (unsigned rank = 1; rank <= KEYS; rank++) {
        zeta += pow(rank, -0.99);
        first += rank <= 10 ? pow(rank, -0.99) : 0;
    }
    for (unsigned i = 0; i < 10; i++) {
        drawn += counts[i];
    }
    EXPECT(drawn / DRAWS > 0.97 * first / zeta);
    EXPECT(drawn / DRAWS < 1.10 * first / zeta);
    EXPECT(counts[0] > 0.97 * DRAWS / zeta);
}

TEST(key_choice, kinds_are_named)
{
    enum key_choice_kind kind = KEY_CHOICE_UNIFORM;
    EXPECT(key_choice_parse("zipf", &kind) && kind == KEY_CHOICE_ZIPF);
    EXPECT(key_choice_parse("hot", &kind) && kind == KEY_CHOICE_HOT);
    EXPECT(!key_choice_parse("zip", &kind) && kind == KEY_CHOICE_HOT);
}
