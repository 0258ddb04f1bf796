/* SPDX-License-Identifier: Apache-2.0 */
/* What the placements' sources are asked, for whom, and what an answer says about it. */
#include "tests/unit/coordinator/flow_world.h"

static const struct world_options small = {.customer_shards = 3, .sku_shards = 3};

/* --- Tiers and stages -------------------------------------------------------------- */

TEST(recommend_sources, a_later_tier_is_asked_only_when_those_before_it_found_too_few)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &small);
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.shown_count, 10);
    EXPECT(flow_asked(&flow, RECOMMEND_SOURCE_NEIGHBOURS));
    EXPECT(!flow_asked(&flow, RECOMMEND_SOURCE_WALK));
    EXPECT(!flow_asked(&flow, RECOMMEND_SOURCE_CONTENT));
    EXPECT_EQ(world.asks[RECOMMEND_SEARCH], 3);
    EXPECT_EQ(world.asks[RECOMMEND_TOKENS], 0);
    EXPECT_EQ(flow.stages[RECOMMEND_RANK].rounds, 1);
    /* Sixty of sixty cannot be found by neighbours alone. */
    plan = world_plan(&world, session, 3);
    plan.count = 60;
    world_ask(&world, &plan, &flow);
    EXPECT(flow_asked(&flow, RECOMMEND_SOURCE_WALK));
    EXPECT(flow_asked(&flow, RECOMMEND_SOURCE_CONTENT));
    EXPECT(flow_asked(&flow, RECOMMEND_SOURCE_POPULAR));
    EXPECT(world.asks[RECOMMEND_TOKENS] > 0);
    EXPECT_EQ(flow.shown_count, 60);
    for (uint32_t i = 1; i < flow.shown_count; i++) {
        EXPECT(flow.shown[i].item->score <= flow.shown[i - 1].item->score);
        EXPECT(flow.shown[i].fallback || !flow.shown[i - 1].fallback);
    }
    world_close(&world);
}

TEST(recommend_sources, one_frame_per_shard_carries_all_sources_of_a_tier)
{
    struct world world;
    struct recommend_flow flow;
    const struct recommend_ask *ask;
    unsigned frames = 0;
    world_init(&world, &small);
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_FOR_YOU);
    world_actor(&world, world_person_of(&world, true), &plan);
    world_start(&world, &plan, &flow);
    ask = recommend_flow_next(&flow);
    EXPECT_EQ(ask->kind, RECOMMEND_CONTEXT);
    EXPECT_EQ(ask->actions, RECOMMEND_ACTIONS_ALWAYS);
    EXPECT(recommend_flow_next(&flow) == NULL);
    world_answer(&world, &flow, ask);
    while ((ask = recommend_flow_next(&flow)) != NULL) {
        EXPECT_EQ(ask->kind, RECOMMEND_SEARCH);
        EXPECT_EQ(ask->table, SHARD_MAP_CUSTOMER);
        EXPECT_EQ(ask->customer_search->sources, 1u << RECOMMEND_SOURCE_NEIGHBOURS |
                                                     1u << RECOMMEND_SOURCE_WALK |
                                                     1u << RECOMMEND_SOURCE_WALK_THEN);
        frames++;
        world_answer(&world, &flow, ask);
        if (flow.state != RECOMMEND_SEARCH) {
            break;
        }
    }
    EXPECT_EQ(frames, 3);
    EXPECT_EQ(flow.state, RECOMMEND_RANK);
    world_run(&world, &flow);
    EXPECT(flow_reasons(&flow, RECOMMEND_REASON_ALSO_BOUGHT) > 0);
    EXPECT(flow_reasons(&flow, RECOMMEND_REASON_NEIGHBOURS) > 0);
    world_close(&world);
}

TEST(recommend_sources, every_placement_leads_with_its_own_kind_of_reason)
{
    static const enum recommend_reason_kind kinds[PLACEMENTS] = {
        [PLACEMENT_FOR_YOU] = RECOMMEND_REASON_ALSO_BOUGHT,
        [PLACEMENT_SESSION] = RECOMMEND_REASON_NEIGHBOURS,
        [PLACEMENT_ALSO_BOUGHT] = RECOMMEND_REASON_ALSO_BOUGHT,
        [PLACEMENT_BOUGHT_TOGETHER] = RECOMMEND_REASON_THEN_BOUGHT,
        [PLACEMENT_SIMILAR] = RECOMMEND_REASON_SIMILAR,
        [PLACEMENT_BUY_AGAIN] = RECOMMEND_REASON_BUY_AGAIN,
        [PLACEMENT_TRENDING] = RECOMMEND_REASON_TRENDING,
        [PLACEMENT_RECENTLY_VIEWED] = RECOMMEND_REASON_RECENTLY_VIEWED,
        [PLACEMENT_NEW] = RECOMMEND_REASON_NEW,
    };
    struct world world;
    world_init(&world, &small);
    for (unsigned p = 0; p < PLACEMENTS; p++) {
        struct recommend_flow flow;
        struct recommend_plan plan = world_plan_of(&world, (enum placement_name)p);
        bool found = false;
        for (unsigned person = 0; person < 20 && !found; person++) {
            plan = world_plan_of(&world, (enum placement_name)p);
            world_actor(&world, person, &plan);
            world_ask(&world, &plan, &flow);
            EXPECT_EQ(flow.shown_count, 10);
            found = !flow.shown[0].fallback && flow_reasons(&flow, kinds[p]) > 0;
        }
        EXPECT(found);
    }
    world_close(&world);
}

TEST(recommend_sources, stages_say_what_they_took_and_what_they_were_given)
{
    struct world world;
    struct recommend_flow flow;
    world_init(&world, &small);
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_SIMILAR);
    world_actor(&world, world_person_of(&world, true), &plan);
    world_ask(&world, &plan, &flow);
    const enum recommend_state waiting[] = {RECOMMEND_CONTEXT, RECOMMEND_TOKENS,
                                            RECOMMEND_SEARCH, RECOMMEND_RANK};
    uint64_t sum_us = 0;
    for (unsigned i = 0; i < 4; i++) {
        const struct recommend_stage_report *report = &flow.stages[waiting[i]];
        EXPECT_EQ(report->rounds, 1);
        EXPECT_EQ(report->elapsed_us, WORLD_ANSWER_US);
        sum_us += report->elapsed_us;
    }
    EXPECT_EQ(flow.stages[RECOMMEND_CONTEXT].allowed_us, WORLD_SOFT_US * 25 / 100);
    EXPECT_EQ(flow.stages[RECOMMEND_TOKENS].allowed_us,
              WORLD_SOFT_US * 40 / 100 - WORLD_ANSWER_US);
    EXPECT_EQ(flow.stages[RECOMMEND_SEARCH].allowed_us,
              WORLD_SOFT_US * 70 / 100 - 2 * WORLD_ANSWER_US);
    EXPECT_EQ(flow.stages[RECOMMEND_RANK].allowed_us,
              WORLD_SOFT_US - 3 * WORLD_ANSWER_US);
    EXPECT_EQ(flow.stages[RECOMMEND_CATALOGUE].rounds, 0);
    EXPECT_EQ(sum_us, world.now.monotonic_us - flow.start_us);
    EXPECT_STRING(recommend_state_text(RECOMMEND_TOKENS), "tokens");
    world_close(&world);
}

TEST(recommend_sources, a_shard_that_failed_is_not_waited_for_again)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &small);
    world.customers[1] = DEAD;
    world.skus[2] = DEAD;
    uint64_t start_us = world.now.monotonic_us;
    struct recommend_plan plan = world_plan(&world, session, 2);
    plan.count = 60;
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT(flow.shown_count > 20);
    /* SEARCH waited for one of them, RANK for the other; every later round took no
     * longer than an answer takes. */
    EXPECT(flow.stages[RECOMMEND_SEARCH].rounds > 1);
    EXPECT_EQ(flow.stages[RECOMMEND_SEARCH].elapsed_us,
              WORLD_SOFT_US * 70 / 100 +
                  (flow.stages[RECOMMEND_SEARCH].rounds - 1) * WORLD_ANSWER_US);
    EXPECT(world.now.monotonic_us - start_us < WORLD_SOFT_US);
    EXPECT_EQ(flow.coverage.ranges[SHARD_MAP_CUSTOMER][1].outcome, COVERAGE_TIMED_OUT);
    EXPECT_EQ(flow.coverage.ranges[SHARD_MAP_SKU][2].outcome, COVERAGE_TIMED_OUT);
    EXPECT(flow.dropped.unanswered > 0);
    expect_whole_coverage(&flow);
    world_close(&world);
}

TEST(recommend_sources, a_peer_that_lacks_a_source_counts_as_partial)
{
    struct world world;
    struct recommend_flow flow;
    world_init(&world, &small);
    world.customers[0] = OLD;
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_FOR_YOU);
    world_actor(&world, world_person_of(&world, true), &plan);
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT_EQ(flow.coverage.ranges[SHARD_MAP_CUSTOMER][0].outcome, COVERAGE_PARTIAL);
    EXPECT_EQ(flow.coverage.ranges[SHARD_MAP_CUSTOMER][1].outcome, COVERAGE_COMPLETE);
    EXPECT(coverage_fraction(&flow.coverage) < 1.0);
    EXPECT_EQ(flow.shown_count, 10);
    world_close(&world);
}

TEST(recommend_sources, sums_of_another_shape_are_left_out_and_the_rest_stands)
{
    struct world world;
    struct recommend_flow flow;
    const struct recommend_ask *ask;
    uint64_t session[5];
    world_init(&world, &small);
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_start(&world, &plan, &flow);
    ask = recommend_flow_next(&flow);
    const struct recommend_customer_found strange = {
        .sources = UINT32_MAX, .neighbours = {.bucket_count = 64, .related = 1}};
    const struct recommend_reply reply = {.status = STATUS_OK, .customer = &strange};
    recommend_flow_answer(&flow, ask, &reply, world.now);
    world_run(&world, &flow);
    EXPECT_OK(flow.status);
    EXPECT_EQ(flow.coverage.ranges[SHARD_MAP_CUSTOMER][0].outcome, COVERAGE_PARTIAL);
    EXPECT(flow_reasons(&flow, RECOMMEND_REASON_NEIGHBOURS) > 0);
    world_close(&world);
}

/* --- Who asks ---------------------------------------------------------------------- */

TEST(recommend_sources, without_consent_nothing_personal_is_used_and_seeds_stay)
{
    enum {
        WITHDRAWN,
        REFUSED,
        SHED,
        CASES
    };
    static const enum recommend_personal says[] = {RECOMMEND_PERSONAL_WITHDRAWN,
                                                   RECOMMEND_PERSONAL_REFUSED,
                                                   RECOMMEND_PERSONAL_LATE};
    for (unsigned c = 0; c < CASES; c++) {
        for (unsigned p = 0; p < PLACEMENTS; p++) {
            struct world world;
            struct recommend_flow flow;
            uint64_t session[5];
            world_init(&world,
                       &(struct world_options){.customer_shards = 1, .sku_shards = 2});
            struct recommend_plan plan = world_plan(&world, session, 3);
            plan.placement = placement_at((enum placement_name)p);
            world_actor(&world,
                        c == WITHDRAWN ? world_withdrawn_of(&world)
                                       : world_person_of(&world, true),
                        &plan);
            plan.no_personalization = c == REFUSED;
            plan.exclude_seen = true;
            plan.seeds = &world.hashes[7];
            plan.seed_count = 1;
            world.customers[0] = c == SHED ? SHEDS : ANSWERS;
            world_ask(&world, &plan, &flow);
            EXPECT_EQ(flow.personal, says[c]);
            EXPECT_EQ(flow.click_count, 0);
            EXPECT_EQ(flow.action_count, 0);
            EXPECT_EQ(flow.seed_count, 1);
            EXPECT_EQ(flow.seeds[0].sku_hash, world.hashes[7]);
            EXPECT_EQ(flow.seeds[0].origin, RECOMMEND_SEED_REQUEST);
            EXPECT_EQ(flow_reasons(&flow, RECOMMEND_REASON_BUY_AGAIN), 0);
            EXPECT_EQ(flow_reasons(&flow, RECOMMEND_REASON_RECENTLY_VIEWED), 0);
            EXPECT(!flow_shows(&flow, world.hashes[7]));
            EXPECT_EQ(flow.shown_count, 10);
            world_close(&world);
        }
    }
}

TEST(recommend_sources, a_refusal_asks_no_shard_for_the_actor)
{
    struct world world;
    struct recommend_flow flow;
    world_init(&world, &small);
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_FOR_YOU);
    world_actor(&world, world_person_of(&world, true), &plan);
    plan.no_personalization = true;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(world.asks[RECOMMEND_CONTEXT], 0);
    EXPECT_EQ(flow.stages[RECOMMEND_CONTEXT].rounds, 0);
    world_close(&world);
}

TEST(recommend_sources, seeds_are_the_requests_else_the_sessions_else_the_historys)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &small);
    unsigned open = world_person_of(&world, true),
             closed = world_person_of(&world, false);
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_ALSO_BOUGHT);
    world_actor(&world, closed, &plan);
    world_ask(&world, &plan, &flow);
    const struct world_person *who = &world.people[closed];
    EXPECT_EQ(flow.personal, RECOMMEND_PERSONAL_USED);
    EXPECT_EQ(flow.seeds[0].origin, RECOMMEND_SEED_HISTORY);
    EXPECT_EQ(flow.seeds[0].sku_hash, who->actions[who->action_count - 1].sku_hash);
    /* A session that goes on comes before older history, which is not read then. */
    plan = world_plan_of(&world, PLACEMENT_ALSO_BOUGHT);
    world_actor(&world, open, &plan);
    world_ask(&world, &plan, &flow);
    who = &world.people[open];
    EXPECT_EQ(flow.seeds[0].origin, RECOMMEND_SEED_RECORDED_SESSION);
    EXPECT_EQ(flow.seeds[0].sku_hash, who->items[who->item_count - 1]);
    EXPECT_EQ(flow.action_count, 0);
    /* The request's own session comes before what was recorded, its seeds before all. */
    plan = world_plan(&world, session, 3);
    plan.placement = placement_at(PLACEMENT_ALSO_BOUGHT);
    world_actor(&world, open, &plan);
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.seed_count, 3);
    EXPECT_EQ(flow.seeds[0].origin, RECOMMEND_SEED_SESSION_ITEMS);
    EXPECT_EQ(flow.seeds[0].sku_hash, session[2]);
    plan.soft_us = plan.grace_us = world.now.monotonic_us + WORLD_SOFT_US;
    const uint64_t seeds[] = {world.hashes[9], world.hashes[4], world.hashes[9]};
    plan.seeds = seeds;
    plan.seed_count = 3;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.seed_count, 2);
    EXPECT_EQ(flow.seeds[0].origin, RECOMMEND_SEED_REQUEST);
    EXPECT_EQ(flow.seeds[0].sku_hash, seeds[0]);
    EXPECT_SLICE(recommend_flow_sku_id(&flow, seeds[1]), slice_from_string("sku4"));
    world_close(&world);
}

TEST(recommend_sources, an_unknown_actor_or_seed_gets_a_fallback_that_says_so)
{
    struct world world;
    struct recommend_flow flow;
    const uint64_t strange[] = {1234567};
    world_init(&world, &small);
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_BUY_AGAIN);
    plan.has_actor = true;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.personal, RECOMMEND_PERSONAL_UNKNOWN);
    EXPECT_EQ(flow.shown_count, 10);
    EXPECT_EQ(flow.seed_count, 0);
    for (unsigned p = 0; p < 2; p++) {
        plan = world_plan_of(&world, p == 0 ? PLACEMENT_ALSO_BOUGHT : PLACEMENT_SIMILAR);
        plan.seeds = strange;
        plan.seed_count = 1;
        world_ask(&world, &plan, &flow);
        EXPECT_EQ(flow.shown_count, 10);
        for (uint32_t i = 0; i < flow.shown_count; i++) {
            EXPECT(flow.shown[i].fallback);
            EXPECT_EQ(flow.shown[i].item->reasons[0].kind, RECOMMEND_REASON_POPULAR);
        }
        EXPECT_EQ(recommend_flow_sku_id(&flow, strange[0]).size, 0);
    }
    world_close(&world);
}

TEST(recommend_sources, what_was_counted_at_the_places_asked_for_stands_before_all_else)
{
    const enum placement_name names[] = {PLACEMENT_TRENDING, PLACEMENT_NEW,
                                         PLACEMENT_FOR_YOU};
    unsigned here = 0, elsewhere = 0;
    for (unsigned n = 0; n < 3; n++) {
        for (uint32_t place = 0; place < 4; place++) {
            struct world world;
            struct recommend_flow flow;
            world_init(&world, &(struct world_options){.customer_shards = 3,
                                                       .sku_shards = 2,
                                                       .skus = 40,
                                                       .people = 20 + 10 * n});
            struct recommend_plan plan = world_plan_of(&world, names[n]);
            world_places(&plan, place, 1);
            plan.count = 40;
            world_ask(&world, &plan, &flow);
            EXPECT_OK(flow.status);
            bool left = false; /* the list of those that trend here */
            for (uint32_t i = 0; i < flow.shown_count; i++) {
                const struct recommend_ranked_item *item = flow.shown[i].item;
                if (item->reasons[0].kind != RECOMMEND_REASON_TRENDING) {
                    continue;
                }
                bool counted = item->reasons[0].place == plan.places[0].place;
                EXPECT(counted ? !left : item->reasons[0].place == 0);
                left = left || !counted;
                here += counted;
                elsewhere += !counted;
                EXPECT(place < WORLD_PLACES || !counted); /* nobody was nowhere */
            }
            world_close(&world);
        }
    }
    EXPECT(here > 20 && elsewhere > 20);
}
