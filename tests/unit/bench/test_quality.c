/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "bench/quality/quality_metrics.h"
#include "bench/quality/quality_queries.h"
#include "tests/lib/test.h"

static const char *const ranked[] = {"a", "b", "c", "d", "e"};

/* Worked out by hand to nine places. */
static void expect_near(double actual, double wanted)
{
    if (fabs(actual - wanted) > 5e-10) {
        test_fail(__FILE__, __LINE__, "%.12f is not %.9f", actual, wanted);
    }
}

static struct quality quality_at(size_t k, size_t count, const char *const *targets)
{
    return quality_of(ranked, 5, targets, count, k);
}

TEST(quality, a_target_in_the_third_place_gives_a_third_and_half)
{
    const char *const targets[] = {"c"};
    struct quality quality = quality_at(5, 1, targets);
    EXPECT_EQ(quality.place, 3);
    expect_near(quality.hit, 1);
    expect_near(quality.reciprocal, 0.333333333333);
    expect_near(quality.recall, 1);
    expect_near(quality.ndcg, 0.5); /* 1 / log2(4) */
}

TEST(quality, a_target_below_k_is_a_miss)
{
    const char *const targets[] = {"c"};
    struct quality quality = quality_at(2, 1, targets);
    EXPECT_EQ(quality.place, 0);
    expect_near(quality.hit + quality.reciprocal + quality.recall + quality.ndcg, 0);
}

TEST(quality, several_targets_share_the_recall)
{
    const char *const targets[] = {"x", "b", "e", "y"};
    struct quality quality = quality_at(5, 4, targets);
    expect_near(quality.hit, 1);
    expect_near(quality.reciprocal, 0.5);
    expect_near(quality.recall, 0.5);
    /* (1/log2 3 + 1/log2 6) / (1 + 1/log2 3 + 1/log2 4 + 1/log2 5)
     * = (0.630929754 + 0.386852807) / 2.561606312 */
    expect_near(quality.ndcg, 0.397322007);
}

TEST(quality, the_best_list_has_no_more_than_k_targets)
{
    const char *const targets[] = {"a", "b", "c", "d"};
    struct quality quality = quality_at(2, 4, targets);
    expect_near(quality.recall, 0.5);
    expect_near(quality.ndcg, 1);
}

TEST(quality, repeats_count_once)
{
    const char *const twice[] = {"a", "x", "a"};
    const char *const targets[] = {"a", "a", "z"};
    struct quality quality = quality_of(twice, 3, targets, 3, 3);
    expect_near(quality.recall, 0.5);
    /* 1 / (1 + 1/log2 3) */
    expect_near(quality.ndcg, 0.613147193);
}

TEST(quality, an_empty_answer_and_no_targets_are_worth_nothing)
{
    const char *const targets[] = {"a"};
    expect_near(quality_of(ranked, 0, targets, 1, 5).hit, 0);
    expect_near(quality_of(ranked, 5, targets, 0, 5).ndcg, 0);
}

static bool queries_of(const char *text, struct quality_queries *queries, size_t *line)
{
    FILE *file = tmpfile();
    bool fine;
    EXPECT(file != NULL);
    fputs(text, file);
    rewind(file);
    fine = quality_queries_read(queries, file, line);
    fclose(file);
    return fine;
}

TEST(quality, a_question_has_an_actor_a_session_what_is_excluded_and_targets)
{
    struct quality_queries queries;
    size_t line;
    EXPECT(queries_of("c:7\t1 2  3\t4\t5 6\n\t\t\t9", &queries, &line));
    EXPECT_EQ(queries.count, 2);
    EXPECT_STRING(queries.queries[0].customer_id, "7");
    EXPECT_EQ(queries.queries[0].session.count, 3);
    EXPECT_STRING(queries.queries[0].session.items[2], "3");
    EXPECT_STRING(queries.queries[0].excluded.items[0], "4");
    EXPECT_STRING(queries.queries[0].targets.items[1], "6");
    EXPECT(queries.queries[1].customer_id == NULL);
    EXPECT_EQ(queries.queries[1].session.count, 0);
    EXPECT_STRING(queries.queries[1].targets.items[0], "9");
    quality_queries_free(&queries);
}

TEST(quality, a_line_with_other_columns_is_named)
{
    static const char *const texts[] = {"\t1\t\t2\n1\t2\t3\n", "\t1\t\t2\n\t1\t\t\n",
                                        "\t1\t\t2\nx:1\t\t\t3\n", "\t1\t\t2\n\t\t\t3\t4"};
    struct quality_queries queries;
    size_t line;
    for (size_t i = 0; i < 4; i++) {
        EXPECT(!queries_of(texts[i], &queries, &line));
        EXPECT_EQ(line, 2);
        quality_queries_free(&queries);
    }
}
