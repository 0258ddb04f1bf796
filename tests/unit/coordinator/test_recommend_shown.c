/* SPDX-License-Identifier: Apache-2.0 */
/* What is shown and what is not: switches, filter, diversity, given items, and the edges. */
#include "shard/base/rng.h"
#include "tests/unit/coordinator/flow_world.h"

static const struct world_options small = {.customer_shards = 3, .sku_shards = 3};

/* --- What is not shown ------------------------------------------------------------- */

TEST(recommend_shown, switches_of_the_placement_and_of_the_call_both_count)
{
    struct world world;
    struct recommend_flow flow;
    world_init(&world, &small);
    unsigned open = world_person_of(&world, true);
    const struct world_person *who = &world.people[open];
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_FOR_YOU);
    world_actor(&world, open, &plan);
    plan.count = 60;
    world_ask(&world, &plan, &flow);
    EXPECT(!flow_shows(&flow, who->items[who->item_count - 1]));
    EXPECT(flow_shows(&flow, who->items[0]));
    EXPECT(flow_shows(&flow, who->actions[0].sku_hash));
    /* exclude_seen leaves out the history that was used, too. */
    plan = world_plan_of(&world, PLACEMENT_FOR_YOU);
    world_actor(&world, open, &plan);
    plan.count = 60;
    plan.exclude_seen = true;
    world_ask(&world, &plan, &flow);
    EXPECT(flow.shown_count > 40);
    for (uint32_t i = 0; i < who->item_count; i++) {
        EXPECT(!flow_shows(&flow, who->items[i]));
    }
    for (uint32_t i = 0; i < who->action_count; i++) {
        EXPECT(!flow_shows(&flow, who->actions[i].sku_hash));
    }
    world_close(&world);
}

static bool is_blue(const void *context, const struct inventory_sku *sku)
{
    (void)context;
    return sku->attribute_count > 0 &&
           slice_equal(sku->attributes[0].text, slice_from_string("blue"));
}

TEST(recommend_shown, a_filter_goes_on_to_further_candidates_and_counts_what_it_drops)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    uint32_t blue = 0;
    world_init(&world, &small);
    for (unsigned i = 0; i < world.sku_count; i++) {
        blue += is_blue(NULL, &world.sku[i]);
    }
    EXPECT(blue > 5);
    struct recommend_plan plan = world_plan(&world, session, 3);
    plan.filter = is_blue;
    plan.count = 5;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.shown_count, 5);
    EXPECT(flow.dropped.filtered > 0);
    for (uint32_t i = 0; i < flow.shown_count; i++) {
        EXPECT(is_blue(NULL, flow.shown[i].stock->sku));
    }
    plan = world_plan(&world, session, 3);
    plan.filter = is_blue;
    plan.count = 60;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.shown_count, blue);
    EXPECT_EQ(flow.dropped.filtered, world.sku_count - blue);
    world_close(&world);
}

TEST(recommend_shown, no_more_of_a_group_are_shown_than_may_be)
{
    struct world world;
    struct recommend_flow flow, free_flow;
    uint64_t session[5];
    world_init(&world, &small);
    struct recommend_plan plan = world_plan(&world, session, 3);
    world_ask(&world, &plan, &free_flow);
    plan = world_plan(&world, session, 3);
    plan.diversity_attribute = slice_from_string("colour");
    plan.diversity_group_items_max = 1;
    world_ask(&world, &plan, &flow);
    uint32_t groups[3] = {0}, alone = 0;
    const char *const colours[] = {"red", "green", "blue"};
    for (uint32_t i = 0; i < flow.shown_count; i++) {
        const struct inventory_sku *sku = flow.shown[i].stock->sku;
        alone += sku->attribute_count == 0;
        for (unsigned c = 0; c < 3 && sku->attribute_count > 0; c++) {
            groups[c] +=
                slice_equal(sku->attributes[0].text, slice_from_string(colours[c]));
        }
    }
    EXPECT_EQ(flow.shown_count, 10);
    EXPECT(groups[0] <= 1 && groups[1] <= 1 && groups[2] <= 1);
    EXPECT_EQ(groups[0] + groups[1] + groups[2] + alone, 10);
    EXPECT(flow.dropped.not_diverse > 0);
    /* The first of each group keep their order and scores. */
    EXPECT_EQ(flow.shown[0].item->sku_hash, free_flow.shown[0].item->sku_hash);
    EXPECT(flow.shown[0].item->score == free_flow.shown[0].item->score);
    world_close(&world);
}

TEST(recommend_shown, what_was_dropped_is_counted_by_cause)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &small);
    for (unsigned i = 0; i < world.sku_count; i++) {
        world.stock[i] = i % 2;
        if (i % 5 == 0) {
            world.sku[i].state = SKU_STATE_RETIRED;
        }
    }
    struct recommend_plan plan = world_plan(&world, session, 3);
    plan.count = 60;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.shown_count, 24); /* odd, and no multiple of five */
    EXPECT_EQ(flow.dropped.not_listed, 12);
    EXPECT_EQ(flow.dropped.not_sellable, 24);
    EXPECT_EQ(flow.dropped.unanswered, 0);
    world_close(&world);
}

/* --- Given items ------------------------------------------------------------------- */

TEST(recommend_shown, given_items_are_all_ordered_and_none_is_dropped)
{
    struct world world;
    struct recommend_flow flow, free_flow;
    uint64_t session[5], given[12];
    world_init(&world, &small);
    struct recommend_plan plan = world_plan(&world, session, 3);
    plan.count = 60;
    world_ask(&world, &plan, &free_flow);
    world.stock[20] = 0;
    for (unsigned i = 0; i < 11; i++) {
        given[i] = world.hashes[i * 2];
    }
    given[11] = 99;
    plan = world_plan(&world, session, 3);
    plan.given = given;
    plan.given_count = 12;
    plan.excluded = given;
    plan.excluded_count = 3;
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT_EQ(flow.shown_count, 12);
    EXPECT_EQ(flow.stages[RECOMMEND_SEARCH].rounds, 1);
    EXPECT_EQ(flow.stages[RECOMMEND_RANK].rounds, 1);
    /* In the order in which the placement shows them. */
    uint32_t place = 0;
    for (uint32_t i = 0; i < free_flow.shown_count; i++) {
        for (uint32_t n = place; n < flow.shown_count; n++) {
            if (flow.shown[n].item->sku_hash == free_flow.shown[i].item->sku_hash &&
                flow.shown[n].item->score > 0) {
                EXPECT_EQ(n, place);
                place++;
                break;
            }
        }
    }
    EXPECT(place >= 10);
    EXPECT_EQ(flow.shown[11].item->sku_hash, 99);
    EXPECT(flow.shown[11].item->score == 0.0);
    EXPECT_EQ(flow.shown[11].item->reason_count, 0);
    EXPECT(!flow.shown[11].stock->found);
    for (uint32_t i = 0; i < 11; i++) {
        EXPECT_EQ(flow.shown[i].sellable,
                  flow.shown[i].item->sku_hash != world.hashes[20]);
    }
    world_close(&world);
}

TEST(recommend_shown, given_items_of_a_dead_owner_are_ordered_without_their_stock)
{
    struct world world;
    struct recommend_flow flow;
    uint64_t session[5];
    world_init(&world, &small);
    world.skus[0] = DEAD;
    world.skus[1] = DEAD;
    world.skus[2] = DEAD;
    struct recommend_plan plan = world_plan(&world, session, 3);
    plan.given = world.hashes;
    plan.given_count = world.sku_count;
    world_ask(&world, &plan, &flow);
    EXPECT_OK(flow.status);
    EXPECT_EQ(flow.shown_count, world.sku_count);
    EXPECT(flow.shown[0].item->score > 0.0);
    for (uint32_t i = 0; i < flow.shown_count; i++) {
        EXPECT(flow.shown[i].stock == NULL);
        EXPECT(!flow.shown[i].sellable);
    }
    EXPECT(coverage_fraction(&flow.coverage) == 0.0);
    world_close(&world);
}

/* --- Edges ------------------------------------------------------------------------- */

TEST(recommend_shown, no_placement_is_empty_while_something_is_in_stock)
{
    for (unsigned quiet = 0; quiet < 2; quiet++) {
        struct world world;
        world_init(&world, &(struct world_options){
                               .customer_shards = 3, .sku_shards = 9, .quiet = quiet});
        memset(world.stock, 0, sizeof world.stock);
        world.stock[44] = 1;
        for (unsigned p = 0; p < PLACEMENTS; p++) {
            struct recommend_flow flow;
            struct recommend_plan plan = world_plan_of(&world, (enum placement_name)p);
            world_actor(&world, p, &plan);
            world_ask(&world, &plan, &flow);
            EXPECT_OK(flow.status);
            EXPECT_EQ(flow.shown_count, 1);
            EXPECT_EQ(flow.shown[0].item->sku_hash, world.hashes[44]);
        }
        world_close(&world);
    }
}

TEST(recommend_shown, the_catalogue_fills_an_answer_over_pages_and_shards)
{
    struct world world;
    struct recommend_flow flow;
    world_init(&world, &(struct world_options){
                           .customer_shards = 1, .sku_shards = 9, .quiet = true});
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_TRENDING);
    plan.count = 50;
    world_ask(&world, &plan, &flow);
    EXPECT_EQ(flow.shown_count, 50);
    for (uint32_t i = 0; i < 50; i++) {
        EXPECT(flow.shown[i].fallback);
        EXPECT(i == 0 || flow.shown[i].item->sku_hash > flow.shown[i - 1].item->sku_hash);
    }
    world_close(&world);
}

TEST(recommend_shown, two_hundred_items_can_be_asked_for)
{
    struct world world;
    struct recommend_flow flow;
    world_init(&world, &(struct world_options){
                           .customer_shards = 3, .sku_shards = 3, .skus = 400});
    for (unsigned p = 0; p < PLACEMENTS; p++) {
        struct recommend_plan plan = world_plan_of(&world, (enum placement_name)p);
        world_actor(&world, world_person_of(&world, true), &plan);
        plan.count = RECOMMEND_FLOW_COUNT_MAX;
        world_ask(&world, &plan, &flow);
        EXPECT_EQ(flow.shown_count, RECOMMEND_FLOW_COUNT_MAX);
    }
    world_close(&world);
}

TEST(recommend_shown, a_catalogue_of_one_item_shows_it_or_nothing)
{
    struct world world;
    struct recommend_flow flow;
    world_init(&world,
               &(struct world_options){.customer_shards = 3, .sku_shards = 3, .skus = 1});
    for (unsigned p = 0; p < PLACEMENTS; p++) {
        struct recommend_plan plan = world_plan_of(&world, (enum placement_name)p);
        world_ask(&world, &plan, &flow);
        EXPECT_EQ(flow.shown_count, 1);
        plan = world_plan_of(&world, (enum placement_name)p);
        plan.excluded = world.hashes;
        plan.excluded_count = 1;
        world_ask(&world, &plan, &flow);
        EXPECT_OK(flow.status);
        EXPECT_EQ(flow.shown_count, 0);
    }
    world_close(&world);
}

TEST(recommend_shown, ties_fall_to_the_lower_hash)
{
    struct world world;
    struct recommend_flow flow;
    uint32_t ties = 0;
    world_init(&world, &(struct world_options){
                           .customer_shards = 3, .sku_shards = 3, .quiet = true});
    struct recommend_plan plan = world_plan_of(&world, PLACEMENT_SIMILAR);
    plan.seeds = world.hashes;
    plan.seed_count = 3;
    plan.count = 30;
    world_ask(&world, &plan, &flow);
    for (uint32_t i = 1; i < flow.shown_count; i++) {
        const struct recommend_ranked_item *above = flow.shown[i - 1].item;
        const struct recommend_ranked_item *item = flow.shown[i].item;
        if (item->score >= above->score) {
            EXPECT(item->score == above->score);
            EXPECT(item->sku_hash > above->sku_hash);
            ties++;
        }
    }
    EXPECT(ties > 5);
    world_close(&world);
}

TEST(recommend_shown, an_arena_at_its_limit_ends_the_flow_and_nothing_else)
{
    struct world world;
    unsigned failed = 0, answered = 0;
    world_init(&world, &small);
    for (size_t limit = 64; limit < 4000000; limit += limit / 4) {
        for (unsigned p = 0; p < PLACEMENTS; p++) {
            struct recommend_flow flow;
            struct arena arena;
            struct recommend_plan plan = world_plan_of(&world, (enum placement_name)p);
            world_actor(&world, world_person_of(&world, true), &plan);
            if (p % 2 == 1) {
                plan.given = world.hashes;
                plan.given_count = 20;
            }
            arena_init(&arena, NULL, 0, limit);
            recommend_flow_start(&flow, &plan, &world.tables, &arena, world.now);
            world_run(&world, &flow);
            EXPECT(recommend_flow_done(&flow));
            if (flow.status == STATUS_TOO_LARGE) {
                EXPECT_EQ(flow.shown_count, 0);
                failed++;
            } else {
                EXPECT_OK(flow.status);
                EXPECT(flow.shown_count >= 10);
                answered++;
            }
            arena_close(&arena);
        }
    }
    EXPECT(failed > 50);
    EXPECT(answered > 10);
    world_close(&world);
}

TEST(recommend_shown, every_behaviour_of_every_shard_ends_every_placement_in_time)
{
    for (uint64_t seed = 1; seed <= 270; seed++) {
        struct world world;
        struct recommend_flow flow;
        uint64_t session[5];
        struct rng rng;
        rng_init(&rng, seed);
        world_init(&world, &(struct world_options){
                               .customer_shards = 4, .sku_shards = 4, .people = 60});
        for (unsigned i = 0; i < 4; i++) {
            world.customers[i] = (enum behaviour)rng_below(&rng, 6);
            world.skus[i] = (enum behaviour)rng_below(&rng, 6);
        }
        uint64_t start_us = world.now.monotonic_us;
        struct recommend_plan plan =
            world_plan(&world, session, (uint32_t)rng_below(&rng, 3));
        plan.placement = placement_at((enum placement_name)(seed % PLACEMENTS));
        plan.count = 1 + (uint32_t)rng_below(&rng, 60);
        plan.grace_us += rng_below(&rng, 2) * 30000;
        plan.min_coverage = (double)rng_below(&rng, 3) / 2;
        if (rng_below(&rng, 4) > 0) {
            world_actor(&world, (unsigned)rng_below(&rng, 60), &plan);
        }
        if (rng_below(&rng, 5) == 0) {
            plan.given = world.hashes;
            plan.given_count = 30;
        }
        world_start(&world, &plan, &flow);
        while (!recommend_flow_done(&flow)) {
            world_run(&world, &flow);
        }
        EXPECT(flow.status == STATUS_OK || flow.status == STATUS_COVERAGE_BELOW_MINIMUM);
        EXPECT_EQ(plan.given_count == 0 || flow.shown_count == 30, true);
        uint64_t taken_us = 0;
        for (unsigned s = 0; s < RECOMMEND_STATES; s++) {
            taken_us += flow.stages[s].elapsed_us;
        }
        EXPECT_EQ(flow.start_us, start_us);
        EXPECT(taken_us <= WORLD_SOFT_US + 30000 + WORLD_ANSWER_US);
        expect_whole_coverage(&flow);
        world_close(&world);
    }
}
