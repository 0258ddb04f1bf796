/* SPDX-License-Identifier: Apache-2.0 */
/* The recommendation's steps in virtual time: stages, deadlines, coverage, stock. */
#include "shard/base/rng.h"
#include "tests/unit/coordinator/flow_world.h"

TEST(recommend_flow, one_three_and_nine_shards_give_the_same_answer)
{
    const unsigned counts[][2] = {{1, 1}, {3, 1}, {9, 3}, {16, 9}};
    uint64_t wanted[10] = {0};
    double scores[10] = {0};
    for (unsigned c = 0; c < 4; c++) {
        struct world world;
        struct recommend_flow flow;
        uint64_t session[5];
        world_init(&world, &(struct world_options){.customer_shards = counts[c][0],
                                                   .sku_shards = counts[c][1]});
        struct recommend_plan plan = world_plan(&world, session, 3);
        world_ask(&world, &plan, &flow);
        EXPECT_OK(flow.status);
        EXPECT_EQ(flow.shown_count, 10);
        EXPECT(coverage_fraction(&flow.coverage) == 1.0);
        for (unsigned i = 0; i < 10; i++) {
            const struct recommend_ranked_item *item = flow.shown[i].item;
            if (c == 0) {
                wanted[i] = item->sku_hash;
                scores[i] = item->score;
            }
            EXPECT_EQ(item->sku_hash, wanted[i]);
            EXPECT(item->score == scores[i]);
        }
        world_close(&world);
    }
}

TEST(recommend_flow, a_dead_shard_costs_coverage_and_not_the_answer)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &(struct world_options){.customer_shards = 4, .sku_shards = 2});
    world.customers[2] = DEAD;
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT_EQ(flow.shown_count, 10);
    EXPECT(coverage_fraction(&flow.coverage) == 0.75);
    EXPECT_EQ(flow.coverage.ranges[SHARD_MAP_CUSTOMER][2].outcome, COVERAGE_TIMED_OUT);
    expect_whole_coverage(&flow);
    world_close(&world);
}

TEST(recommend_flow, a_late_shard_is_not_waited_for_beyond_its_stage)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &(struct world_options){.customer_shards = 4, .sku_shards = 2});
    world.customers[0] = LATE;
    uint64_t start_us = world.now.monotonic_us;
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_start(&world, &plan, &flow);
    while (!recommend_flow_done(&flow)) {
        const struct recommend_ask *ask;
        while ((ask = recommend_flow_next(&flow)) != NULL) {
            if (ask->table == SHARD_MAP_SKU || ask->shard != 0) {
                world_answer(&world, &flow, ask);
            }
        }
        if (!recommend_flow_done(&flow)) {
            world.now.monotonic_us = recommend_flow_due(&flow);
            recommend_flow_tick(&flow, world.now);
        }
    }
    EXPECT_EQ(world.now.monotonic_us - start_us,
              WORLD_SOFT_US * RECOMMEND_FLOW_SEARCH_PERCENT / 100);
    EXPECT_EQ(flow.shown_count, 10);
    world_close(&world);
}

TEST(recommend_flow, an_answer_that_comes_twice_counts_once)
{
    struct world world;
    struct recommend_flow once, twice;
    uint64_t session[5];
    world_init(&world, &(struct world_options){.customer_shards = 4, .sku_shards = 2});
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &once);
    for (unsigned i = 0; i < 4; i++) {
        world.customers[i] = TWICE;
        world.skus[i] = TWICE;
    }
    plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &twice);
    EXPECT_EQ(twice.shown_count, once.shown_count);
    for (unsigned i = 0; i < once.shown_count; i++) {
        EXPECT_EQ(twice.shown[i].item->sku_hash, once.shown[i].item->sku_hash);
        EXPECT(twice.shown[i].item->score == once.shown[i].item->score);
    }
    world_close(&world);
}

TEST(recommend_flow, sold_out_items_are_passed_over_for_the_next_ones)
{
    struct world world;
    struct recommend_flow first, second;
    uint64_t session[5];
    world_init(&world, &(struct world_options){.customer_shards = 2, .sku_shards = 2});
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &first);
    for (unsigned i = 0; i < first.shown_count; i++) {
        world.stock[world_sku_of(&world, first.shown[i].item->sku_hash)] = 0;
    }
    plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &second);
    EXPECT_EQ(second.shown_count, 10);
    for (unsigned i = 0; i < second.shown_count; i++) {
        EXPECT(world.stock[world_sku_of(&world, second.shown[i].item->sku_hash)] > 0);
    }
    world_close(&world);
}

TEST(recommend_flow, further_rounds_are_asked_while_too_few_are_in_stock)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    unsigned left = 0;
    world_init(&world, &(struct world_options){.customer_shards = 2, .sku_shards = 2});
    for (unsigned i = 0; i < world.sku_count; i++) {
        world.stock[i] = i % 10 == 0 ? 1 : 0;
        left += i % 10 == 0;
    }
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &flow);
    EXPECT(flow.rounds_ranked > 1);
    EXPECT_EQ(flow.shown_count, left);
    world_close(&world);
}

TEST(recommend_flow, an_answer_is_never_empty_while_something_is_in_stock)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5], fresh[] = {12345};
    world_init(&world, &(struct world_options){
                           .customer_shards = 1, .sku_shards = 3, .quiet = true});
    /* Nobody has seen anything, and one SKU alone is in stock. */
    memset(world.stock, 0, sizeof world.stock);
    world.stock[44] = 1;
    struct recommend_plan plan = world_plan(&world, session, 0);
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.shown_count, 1);
    EXPECT_EQ(flow.shown[0].item->sku_hash, world.hashes[44]);
    EXPECT_EQ(flow.shown[0].item->reasons[0].kind, RECOMMEND_REASON_POPULAR);
    EXPECT_EQ(flow.shown[0].item->reasons[0].evidence_count, 0);
    /* But what is in the cart is not shown for all that. */
    fresh[0] = world.hashes[44];
    plan = world_plan(&world, session, 0);
    plan.excluded = fresh;
    plan.excluded_count = 1;
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT_EQ(flow.shown_count, 0);
    world_close(&world);
}

TEST(recommend_flow, popular_items_stand_behind_all_neighbours)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    bool popular = false;
    world_init(&world, &(struct world_options){.customer_shards = 3, .sku_shards = 2});
    struct recommend_plan plan = world_plan(&world, session, 1);
    plan.count = 50;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.shown_count, 50);
    for (unsigned i = 0; i < flow.shown_count; i++) {
        bool is_popular = flow.shown[i].item->reasons[0].kind == RECOMMEND_REASON_POPULAR;
        EXPECT(!popular || is_popular);
        popular = popular || is_popular;
        EXPECT(i == 0 || flow.shown[i].item->score <= flow.shown[i - 1].item->score);
    }
    EXPECT(popular);
    world_close(&world);
}

TEST(recommend_flow, the_cart_the_seen_and_the_current_are_left_out)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5], cart[1];
    world_init(&world, &(struct world_options){.customer_shards = 2, .sku_shards = 2});
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &flow);
    cart[0] = flow.shown[4].item->sku_hash;
    plan = world_plan(&world, session, 3);
    plan.excluded = cart;
    plan.excluded_count = 1;
    plan.exclude_seen = true;
    plan.count = 57;
    world_ask(&world, &plan, &flow);
    EXPECT(flow.shown_count >= 50);
    for (unsigned i = 0; i < flow.shown_count; i++) {
        EXPECT(flow.shown[i].item->sku_hash != cart[0]);
        for (unsigned s = 0; s < 3; s++) {
            EXPECT(flow.shown[i].item->sku_hash != session[s]);
        }
    }
    world_close(&world);
}

TEST(recommend_flow, the_recorded_session_is_used_with_consent_alone)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5], clicks[2];
    world_init(&world, &(struct world_options){.customer_shards = 2, .sku_shards = 2});
    clicks[0] = world.hashes[3];
    clicks[1] = world.hashes[10];
    world.context = (struct customer_context){
        .known = true, .session_hash = 1, .clicks = clicks, .click_count = 2};
    struct recommend_plan plan = world_plan(&world, session, 0);
    plan.has_actor = true;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.personal, RECOMMEND_PERSONAL_USED);
    EXPECT_EQ(flow.shown[0].item->reasons[0].kind, RECOMMEND_REASON_NEIGHBOURS);
    EXPECT_EQ(recommend_flow_sku_id(&flow, clicks[0]).size, 4);

    world.context.personalization_withdrawn = true;
    plan = world_plan(&world, session, 3);
    plan.has_actor = true;
    world_ask(&world, &plan, &flow);
    EXPECT(flow.personal != RECOMMEND_PERSONAL_USED);
    EXPECT(!flow.coverage.asked[SHARD_MAP_CUSTOMER]);
    EXPECT_EQ(flow.shown[0].item->reasons[0].kind, RECOMMEND_REASON_POPULAR);
    world_close(&world);
}

TEST(recommend_flow, consent_that_cannot_be_read_counts_as_withdrawn)
{
    const enum behaviour hows[] = {DEAD, LATE, SHEDS};
    for (unsigned h = 0; h < 3; h++) {
        struct world world;
        struct recommend_flow flow;
        uint64_t session[5];
        world_init(&world,
                   &(struct world_options){.customer_shards = 1, .sku_shards = 2});
        world.customers[0] = hows[h];
        struct recommend_plan plan = world_plan(&world, session, 3);
        plan.has_actor = true;
        world_ask(&world, &plan, &flow);
        EXPECT(flow.personal != RECOMMEND_PERSONAL_USED);
        EXPECT_EQ(flow.shown_count, 10);
        EXPECT_EQ(flow.shown[0].item->reasons[0].kind, RECOMMEND_REASON_POPULAR);
        world_close(&world);
    }
}

TEST(recommend_flow, too_little_coverage_fails_only_when_asked_to)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &(struct world_options){.customer_shards = 4, .sku_shards = 2});
    world.customers[1] = SHEDS;
    struct recommend_plan plan = world_plan(&world, session, 3);
    plan.min_coverage = 0.75;
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT_EQ(flow.coverage.ranges[SHARD_MAP_CUSTOMER][1].outcome, COVERAGE_SHED);
    plan = world_plan(&world, session, 3);
    plan.min_coverage = 0.8;
    world_ask(&world, &plan, &flow);
    EXPECT_STATUS(flow.status, STATUS_COVERAGE_BELOW_MINIMUM);
    world_close(&world);
}

TEST(recommend_flow, the_grace_waits_for_a_late_shard_once)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &(struct world_options){.customer_shards = 4, .sku_shards = 2});
    struct recommend_plan plan = world_plan(&world, session, 3);
    plan.min_coverage = 1.0;
    plan.grace_us = plan.soft_us + 50000;
    world_start(&world, &plan, &flow);
    const struct recommend_ask *asks[4], *ask;
    for (unsigned i = 0; i < 4; i++) {
        asks[i] = recommend_flow_next(&flow);
        EXPECT(asks[i] != NULL);
    }
    for (unsigned i = 0; i < 3; i++) {
        world_answer(&world, &flow, asks[i]);
    }
    uint64_t end_us = recommend_flow_due(&flow);
    world.now.monotonic_us = end_us;
    recommend_flow_tick(&flow, world.now);
    EXPECT_EQ(recommend_flow_due(&flow), end_us + 50000);
    EXPECT_EQ(asks[3]->deadline_us, end_us + 50000);
    world_answer(&world, &flow, asks[3]);
    while ((ask = recommend_flow_next(&flow)) != NULL) {
        world_answer(&world, &flow, ask);
    }
    EXPECT(recommend_flow_done(&flow));
    EXPECT_OK(flow.status);
    EXPECT(coverage_fraction(&flow.coverage) == 1.0);
    world_close(&world);
}

TEST(recommend_flow, a_dead_owner_of_skus_hides_its_items_and_says_so)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &(struct world_options){.customer_shards = 2, .sku_shards = 2});
    world.skus[1] = DEAD;
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT(flow.shown_count > 0);
    EXPECT(coverage_fraction(&flow.coverage) == 0.5);
    for (unsigned i = 0; i < flow.shown_count; i++) {
        EXPECT_EQ(flow.shown[i].shard, 0);
    }
    expect_whole_coverage(&flow);
    world_close(&world);
}

TEST(recommend_flow, every_behaviour_of_every_shard_ends_in_time)
{
    for (uint64_t seed = 1; seed <= 300; seed++) {
        struct world world;
        struct recommend_flow flow;
        uint64_t session[5], clicks[1];
        struct rng rng;
        rng_init(&rng, seed);
        world_init(&world,
                   &(struct world_options){.customer_shards = 4, .sku_shards = 4});
        clicks[0] = world.hashes[rng_below(&rng, world.sku_count)];
        world.context = (struct customer_context){
            .known = true, .clicks = clicks, .click_count = (uint32_t)rng_below(&rng, 2)};
        for (unsigned i = 0; i < 4; i++) {
            world.customers[i] = (enum behaviour)rng_below(&rng, 5);
            world.skus[i] = (enum behaviour)rng_below(&rng, 5);
        }
        uint64_t start_us = world.now.monotonic_us;
        struct recommend_plan plan =
            world_plan(&world, session, (uint32_t)rng_below(&rng, 6));
        plan.has_actor = rng_below(&rng, 2) == 1;
        plan.grace_us += rng_below(&rng, 2) * 30000;
        plan.min_coverage = (double)rng_below(&rng, 3) / 2;
        world_start(&world, &plan, &flow);
        world_run(&world, &flow);
        if (!recommend_flow_done(&flow)) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 " does not end", seed);
        }
        EXPECT(flow.status == STATUS_OK || flow.status == STATUS_COVERAGE_BELOW_MINIMUM);
        EXPECT(world.now.monotonic_us <= start_us + WORLD_SOFT_US + 31000 + 70000);
        expect_whole_coverage(&flow);
        world_close(&world);
    }
}
