/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/test.h"
#include "tests/unit/customer/golden.h"
#include "tests/unit/recommend/world.h"

static const uint64_t clicks[] = {5, 6, 5};

static struct recommend_query query_full(void)
{
    return (struct recommend_query){.clicks = clicks,
                                    .click_count = 3,
                                    .clicks_max = 9,
                                    .candidates = 1500,
                                    .neighbours = 300,
                                    .bucket_count = 64,
                                    .buckets = UINT64_C(0xf0f0),
                                    .exclude_session = 77,
                                    .exclude_customer = true,
                                    .customer = {1, 2}};
}

TEST(bytes, a_query_is_the_golden_one_and_returns)
{
    struct recommend_query query = query_full(), back;
    struct buffer bytes;
    struct arena arena;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 0);
    recommend_query_encode(&query, &bytes);
    golden_expect("golden/recommend/query.bin", buffer_slice(&bytes));
    EXPECT_OK(recommend_query_decode(buffer_slice(&bytes), &arena, &back));
    EXPECT_EQ(back.click_count, 3);
    EXPECT(back.clicks[1] == 6 && back.buckets == query.buckets);
    EXPECT(back.exclude_customer && back.customer.low == 2);
    bytes.data[0]++;
    EXPECT_STATUS(recommend_query_decode(buffer_slice(&bytes), &arena, &back),
                  STATUS_VERSION);
    arena_close(&arena);
    buffer_close(&bytes);
}

TEST(bytes, a_partial_is_the_golden_one_and_returns)
{
    uint64_t items[] = {9, UINT64_MAX};
    int64_t parts[] = {18, 0, 7, 300};
    uint32_t evidence[] = {2, 0, 1, 200};
    const struct recommend_partial partial = {.version = 12345,
                                              .bucket_count = 64,
                                              .buckets = 3,
                                              .related = 2,
                                              .neighbours = 203,
                                              .item_count = 2,
                                              .items = items,
                                              .parts = parts,
                                              .evidence = evidence};
    struct recommend_partial back;
    struct buffer bytes;
    struct arena arena;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 0);
    recommend_partial_encode(&partial, &bytes);
    golden_expect("golden/recommend/partial.bin", buffer_slice(&bytes));
    EXPECT_OK(recommend_partial_decode(buffer_slice(&bytes), &arena, &back));
    EXPECT_EQ(back.item_count, 2);
    EXPECT(memcmp(back.parts, parts, sizeof parts) == 0);
    EXPECT(memcmp(back.evidence, evidence, sizeof evidence) == 0);
    EXPECT(memcmp(back.items, items, sizeof items) == 0);
    bytes.size--;
    EXPECT_STATUS(recommend_partial_decode(buffer_slice(&bytes), &arena, &back),
                  STATUS_CHECKSUM);
    arena_close(&arena);
    buffer_close(&bytes);
}

TEST(bytes, a_degree_delta_is_the_golden_one_and_returns)
{
    struct degree_change changes[] = {
        {.sku_hash = 1, .period = -1, .change = 3},
        {.sku_hash = 1, .period = 2900, .change = -2},
        {.sku_hash = UINT64_MAX, .period = 2900, .change = 1}};
    const struct degree_delta delta = {
        .from_version = 4, .version = 900, .changes = changes, .change_count = 3};
    struct degree_delta back;
    struct buffer bytes;
    buffer_init(&bytes);
    degree_delta_encode(&delta, &bytes);
    golden_expect("golden/recommend/degrees.bin", buffer_slice(&bytes));
    EXPECT_OK(degree_delta_decode(buffer_slice(&bytes), &back));
    EXPECT_EQ(back.change_count, 3);
    EXPECT(memcmp(back.changes, changes, sizeof changes) == 0);
    degree_delta_close(&back);
    buffer_close(&bytes);
}

static struct recommend_partial partial_of(uint64_t buckets, uint64_t *item,
                                           int64_t *part, uint32_t *evidence)
{
    return (struct recommend_partial){.bucket_count = 64,
                                      .buckets = buckets,
                                      .related = 1,
                                      .neighbours = 1,
                                      .item_count = 1,
                                      .items = item,
                                      .parts = part,
                                      .evidence = evidence};
}

TEST(merge, counts_a_hedged_answer_once)
{
    uint64_t item = 9;
    int64_t part = 10;
    uint32_t evidence = 2;
    const struct recommend_partial first = partial_of(3, &item, &part, &evidence);
    const struct recommend_partial other = partial_of(4, &item, &part, &evidence);
    const struct recommend_partial *all[] = {&first, &first, &other};
    struct recommend_partial merged;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(recommend_merge(all, 3, &arena, &merged));
    EXPECT_EQ(merged.item_count, 1);
    EXPECT_EQ(merged.parts[0], 20);
    EXPECT_EQ(merged.evidence[0], 4);
    EXPECT_EQ(merged.buckets, 7);
    EXPECT_OK(recommend_merge(NULL, 0, &arena, &merged));
    EXPECT_EQ(merged.item_count, 0);
    arena_close(&arena);
}

TEST(merge, a_sum_that_leaves_64_bits_is_refused)
{
    uint64_t item = 9;
    int64_t part = INT64_MAX;
    uint32_t evidence = 2;
    const struct recommend_partial first = partial_of(1, &item, &part, &evidence);
    const struct recommend_partial other = partial_of(2, &item, &part, &evidence);
    const struct recommend_partial *all[] = {&first, &other};
    struct recommend_partial merged;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_STATUS(recommend_merge(all, 2, &arena, &merged), STATUS_QUANTITY_OVERFLOW);
    arena_close(&arena);
}
