/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/histogram.h"

#include "shard/base/rng.h"
#include "tests/lib/test.h"

enum {
    VALUES = 5000,
};

static int compare(const void *a, const void *b)
{
    uint64_t left = *(const uint64_t *)a, right = *(const uint64_t *)b;
    return (left > right) - (left < right);
}

/* Sizes from a few microseconds to hours, as latencies come. */
static uint64_t draw(struct rng *rng)
{
    return rng_next(rng) >> (20 + rng_below(rng, 44));
}

TEST(histogram, every_quantile_is_within_the_promised_error)
{
    static const double quantiles[] = {0, 0.1, 0.5, 0.9, 0.99, 0.999, 1};
    static struct histogram histogram;
    for (uint64_t seed = 0; seed < 10; seed++) {
        static uint64_t values[VALUES];
        struct rng rng;
        rng_init(&rng, seed);
        histogram_init(&histogram);
        for (unsigned i = 0; i < VALUES; i++) {
            values[i] = draw(&rng);
            histogram_add(&histogram, values[i]);
        }
        qsort(values, VALUES, sizeof values[0], compare);
        for (unsigned i = 0; i < sizeof quantiles / sizeof quantiles[0]; i++) {
            size_t rank = (size_t)(quantiles[i] * VALUES);
            uint64_t truth = values[rank < VALUES ? rank : VALUES - 1];
            uint64_t told = histogram_quantile(&histogram, quantiles[i]);
            if (told < truth || (double)(told - truth) > 0.032 * (double)truth) {
                test_fail(__FILE__, __LINE__,
                          "seed %" PRIu64 ": quantile %g is %" PRIu64 ", told %" PRIu64,
                          seed, quantiles[i], truth, told);
            }
        }
    }
}

TEST(histogram, buckets_cover_all_values_without_gap_or_overlap)
{
    for (unsigned bucket = 0; bucket + 1 < HISTOGRAM_BUCKETS; bucket++) {
        uint64_t edge = histogram_bucket_max(bucket);
        EXPECT_EQ(histogram_bucket(edge), bucket);
        EXPECT_EQ(histogram_bucket(edge + 1), bucket + 1);
    }
    EXPECT(histogram_bucket_max(HISTOGRAM_BUCKETS - 1) == UINT64_MAX);
    EXPECT_EQ(histogram_bucket(UINT64_MAX), HISTOGRAM_BUCKETS - 1);
}

TEST(histogram, merging_equals_counting_together)
{
    static struct histogram one, two, both;
    struct rng rng;
    rng_init(&rng, 4);
    histogram_init(&one);
    histogram_init(&two);
    histogram_init(&both);
    for (unsigned i = 0; i < VALUES; i++) {
        uint64_t value = draw(&rng);
        histogram_add(i % 3 ? &one : &two, value);
        histogram_add(&both, value);
    }
    histogram_merge(&one, &two);
    EXPECT(memcmp(&one, &both, sizeof one) == 0);
}

TEST(histogram, an_empty_one_answers_zero_and_merges_to_nothing)
{
    static struct histogram empty, other;
    histogram_init(&empty);
    histogram_init(&other);
    EXPECT_EQ(histogram_quantile(&empty, 0.99), 0);
    histogram_add(&other, 17);
    histogram_merge(&other, &empty);
    EXPECT_EQ(other.min, 17);
    EXPECT_EQ(other.max, 17);
    EXPECT_EQ(histogram_quantile(&other, 1), 17);
}
