/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Serenade's example data and its own evaluator: every prefix of every test session
 * against the immediate next item, the item being looked at excluded, 20 shown. It
 * reports MRR .3277 and HR .6402 over 931 evaluations with m 500, k 50, L 2.
 */
#include <math.h>

#include "shard/base/memory.h"
#include "tests/lib/test.h"
#include "tests/unit/recommend/clicks.h"
#include "tests/unit/recommend/world.h"

enum {
    SHOWN = 20,
};

struct quality {
    double hits;
    double reciprocal;
    int evaluations;
};

static uint32_t length_limit(const struct clicks *train)
{
    /* Sessions beyond the 99.5th percentile of length are no evidence. */
    enum {
        LENGTH_MAX = 4096
    };
    size_t counts[LENGTH_MAX + 1] = {0}, seen = 0;
    for (size_t i = 0; i < train->session_count; i++) {
        uint32_t length = train->sessions[i].item_count;
        counts[length < LENGTH_MAX ? length : LENGTH_MAX]++;
    }
    for (uint32_t length = 0; length < LENGTH_MAX; length++) {
        seen += counts[length];
        if ((double)seen >= 0.995 * (double)train->session_count) {
            return length;
        }
    }
    return LENGTH_MAX;
}

static void train_world(struct world *world, const struct clicks *train, uint64_t seed)
{
    uint32_t limit = length_limit(train);
    for (size_t i = 0; i < train->session_count; i++) {
        const struct click_session *from = &train->sessions[i];
        uint64_t hash = hash64(slice_of(&from->id, sizeof from->id), seed);
        struct evidence_session session = {.session_hash = hash,
                                           .customer = {hash, from->id},
                                           .end_ms = from->end_ms,
                                           .items = from->items,
                                           .item_count = from->item_count};
        if (from->item_count <= limit) {
            world_put(world, &session);
        }
    }
    world_publish(world);
}

static void evaluate(struct world *world, const struct clicks *test,
                     const struct recommend_query *query, bool exclude_current,
                     struct quality *out)
{
    const struct recommend_rank_options options = {.count = SHOWN,
                                                   .exclude_current = exclude_current};
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    *out = (struct quality){0};
    for (size_t i = 0; i < test->session_count; i++) {
        const struct click_session *session = &test->sessions[i];
        for (uint32_t n = 1; n < session->item_count; n++) {
            struct recommend_query asked = *query;
            struct recommend_ranked ranked;
            asked.clicks = session->items;
            asked.click_count = n;
            world_ask(world, &asked, &options, &arena, &ranked);
            out->evaluations++;
            for (uint32_t r = 0; r < ranked.item_count; r++) {
                if (ranked.items[r].sku_hash == session->items[n]) {
                    out->hits += 1;
                    out->reciprocal += 1.0 / (double)(r + 1);
                }
            }
            arena_reset(&arena);
        }
    }
    arena_close(&arena);
    out->hits /= out->evaluations;
    out->reciprocal /= out->evaluations;
}

static bool toy_read(struct clicks *train, struct clicks *test)
{
    char why[512];
    if (!clicks_read_tsv("serenade_toy/train.txt.xz", train, why) ||
        !clicks_read_tsv("serenade_toy/test.txt.xz", test, why)) {
#if TEST_PLAIN
        printf("skipped: %s\n", why);
        return false;
#else
        cr_skip_test("%s", why);
#endif
    }
    return true;
}

TEST(toy, reaches_the_figures_of_serenades_own_evaluator)
{
    struct clicks train, test;
    struct world world;
    struct quality quality;
    const struct evidence_options options = {.bucket_count = 1};
    const struct recommend_query query = {
        .clicks_max = 2, .candidates = 500, .neighbours = 50, .bucket_count = 1};
    if (!toy_read(&train, &test)) {
        return;
    }
    for (uint64_t seed = 1; seed <= 3; seed++) {
        world_open(&world, 1, &options);
        train_world(&world, &train, seed);
        evaluate(&world, &test, &query, true, &quality);
        printf("serenade toy, seed %" PRIu64 ": %d evaluations, MRR@20 %.4f HR@20 %.4f\n",
               seed, quality.evaluations, quality.reciprocal, quality.hits);
        EXPECT_EQ(quality.evaluations, 931);
        EXPECT(fabs(quality.reciprocal - 0.328) < 0.002);
        EXPECT(fabs(quality.hits - 0.640) < 0.002);
        world_close(&world);
    }
    clicks_close(&train);
    clicks_close(&test);
}
