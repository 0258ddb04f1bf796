/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The recommendation's steps in virtual time: shards are plain structs, a for-loop carries
 * questions and answers, and decides who is late, dead or answers twice.
 */
#include "server/coordinator/recommend_flow.h"

#include "shard/base/hash.h"
#include "shard/base/rng.h"
#include "shard/recommend/evidence.h"
#include "tests/lib/test.h"

enum {
    WORLD_SHARDS_MAX = 16,
    WORLD_SKUS = 60,
    WORLD_PEOPLE = 300,
    WORLD_QUEUE = 256,
    WORLD_ANSWER_US = 1000,
    WORLD_SOFT_US = 100000,
};

enum behaviour {
    ANSWERS,
    LATE,  /* behind the end of its stage */
    DEAD,  /* never */
    TWICE, /* the same answer again, behind the first */
    SHEDS, /* OVERLOADED at once */
};

struct world {
    struct shard_map map;
    struct arena arena;
    struct degree_table *degrees;
    struct evidence *evidence[WORLD_SHARDS_MAX];
    enum behaviour customers[WORLD_SHARDS_MAX];
    enum behaviour skus[WORLD_SHARDS_MAX];
    char ids[WORLD_SKUS][8];
    uint64_t hashes[WORLD_SKUS];
    struct inventory_sku sku[WORLD_SKUS];
    int64_t stock[WORLD_SKUS];
    struct customer_context context; /* of whoever asks */
    struct moment now;
    unsigned stock_asks;
    unsigned context_asks;
    struct {
        const struct recommend_ask *ask;
        uint64_t due_us;
    } queue[WORLD_QUEUE];
    unsigned queued;
};

static void world_add_ranges(struct world *world, enum shard_map_table table,
                             unsigned count)
{
    struct shard_range ranges[WORLD_SHARDS_MAX];
    struct problem problem;
    for (unsigned i = 0; i < count; i++) {
        ranges[i] = (struct shard_range){.shard_id = table * 100 + i,
                                         .start = shard_map_even_start(table, i, count),
                                         .end = shard_map_even_start(table, i + 1, count),
                                         .epoch = 1};
    }
    EXPECT_OK(shard_map_set(&world->map, table, ranges, count, &problem));
}

/* The same people and sessions for any number of shards. */
static void world_add_people(struct world *world)
{
    struct rng rng;
    rng_init(&rng, 11);
    for (unsigned person = 0; person < WORLD_PEOPLE; person++) {
        struct hash128 who = {rng_next(&rng), rng_next(&rng)};
        uint64_t items[5];
        struct evidence_session session = {.session_hash = rng_next(&rng),
                                           .customer = who,
                                           .end_ms = 1000 + person,
                                           .items = items};
        unsigned first = (unsigned)rng_below(&rng, WORLD_SKUS);
        while (session.item_count < 2 + rng_below(&rng, 4)) {
            items[session.item_count] =
                world->hashes[(first + session.item_count * 7) % WORLD_SKUS];
            session.item_count++;
        }
        evidence_put(
            world->evidence[shard_map_find(&world->map, SHARD_MAP_CUSTOMER, who.high)],
            &session);
    }
}

static void world_init(struct world *world, unsigned customer_shards, unsigned sku_shards)
{
    memset(world, 0, sizeof *world);
    shard_map_init(&world->map, 1, 4711);
    arena_init(&world->arena, NULL, 0, 0);
    world_add_ranges(world, SHARD_MAP_SKU, sku_shards);
    world_add_ranges(world, SHARD_MAP_CUSTOMER, customer_shards);
    world->degrees = degree_table_new();
    world->now = (struct moment){.monotonic_us = 5000000, .wall_ms = 10000};
    for (unsigned i = 0; i < WORLD_SKUS; i++) {
        snprintf(world->ids[i], sizeof world->ids[i], "sku%u", i);
        world->sku[i] = (struct inventory_sku){.sku_id = slice_from_string(world->ids[i]),
                                               .name = slice_from_string(world->ids[i]),
                                               .state = SKU_STATE_ACTIVE};
        world->hashes[i] = hash64(world->sku[i].sku_id, world->map.hash_seed);
        world->stock[i] = 10;
    }
    for (unsigned i = 0; i < customer_shards; i++) {
        world->evidence[i] = evidence_new(&(struct evidence_options){0});
    }
    world_add_people(world);
    for (unsigned i = 0; i < customer_shards; i++) {
        struct degree_delta delta;
        evidence_take_degrees(world->evidence[i], 1, &delta);
        EXPECT_OK(degree_table_apply(world->degrees, i + 1, &delta));
        degree_delta_close(&delta);
    }
}

static void world_close(struct world *world)
{
    for (unsigned i = 0; i < WORLD_SHARDS_MAX; i++) {
        if (world->evidence[i] != NULL) {
            evidence_free(world->evidence[i]);
        }
    }
    degree_table_free(world->degrees);
    shard_map_close(&world->map);
    arena_close(&world->arena);
}

static unsigned world_sku_of(const struct world *world, uint64_t hash)
{
    for (unsigned i = 0; i < WORLD_SKUS; i++) {
        if (world->hashes[i] == hash) {
            return i;
        }
    }
    return WORLD_SKUS;
}

static void world_answer_stock(struct world *world, const struct recommend_ask *ask,
                               struct recommend_reply *reply)
{
    struct inventory_availability *list =
        arena_zalloc(&world->arena, ask->sku_hash_count * sizeof *list);
    for (uint32_t i = 0; i < ask->sku_hash_count; i++) {
        unsigned sku = world_sku_of(world, ask->sku_hashes[i]);
        EXPECT_EQ(shard_map_find(&world->map, SHARD_MAP_SKU, ask->sku_hashes[i]),
                  ask->shard);
        list[i].sku_hash = ask->sku_hashes[i];
        if (sku < WORLD_SKUS) {
            list[i].found = true;
            list[i].sku = &world->sku[sku];
            list[i].available = world->stock[sku];
            list[i].sellable =
                world->stock[sku] > 0 && world->sku[sku].state == SKU_STATE_ACTIVE;
        }
    }
    reply->availabilities = list;
    reply->availability_count = ask->sku_hash_count;
    world->stock_asks++;
}

static void world_answer_list(struct world *world, const struct recommend_ask *ask,
                              struct recommend_reply *reply)
{
    struct inventory_sku *list = arena_zalloc(&world->arena, WORLD_SKUS * sizeof *list);
    for (unsigned i = 0; i < WORLD_SKUS; i++) {
        if (shard_map_find(&world->map, SHARD_MAP_SKU, world->hashes[i]) == ask->shard) {
            list[reply->sku_count++] = world->sku[i];
        }
    }
    reply->skus = list;
}

static void world_answer(struct world *world, struct recommend_flow *flow,
                         const struct recommend_ask *ask)
{
    struct recommend_reply reply = {.status = STATUS_OK, .applied_index = 7};
    if (ask->kind == RECOMMEND_CONTEXT) {
        reply.context = &world->context;
        world->context_asks++;
    } else if (ask->kind == RECOMMEND_SEARCH) {
        struct recommend_customer_found *found =
            arena_zalloc(&world->arena, sizeof *found);
        found->sources = ask->customer_search->sources;
        EXPECT_OK(recommend_search(world->evidence[ask->shard],
                                   &ask->customer_search->neighbours, &world->arena,
                                   &found->neighbours));
        reply.customer = found;
    } else if (ask->kind == RECOMMEND_RANK) {
        world_answer_stock(world, ask, &reply);
    } else {
        world_answer_list(world, ask, &reply);
    }
    recommend_flow_answer(flow, ask, &reply, world->now);
}

static void world_send(struct world *world, struct recommend_flow *flow,
                       const struct recommend_ask *ask)
{
    enum behaviour how = ask->table == SHARD_MAP_SKU ? world->skus[ask->shard]
                                                     : world->customers[ask->shard];
    uint64_t due_us = world->now.monotonic_us + WORLD_ANSWER_US;
    if (how == SHEDS) {
        const struct recommend_reply refused = {.status = STATUS_OVERLOADED};
        recommend_flow_answer(flow, ask, &refused, world->now);
        return;
    }
    if (how == DEAD) {
        return;
    }
    for (unsigned i = 0; i < (how == TWICE ? 2u : 1u); i++) {
        EXPECT(world->queued < WORLD_QUEUE);
        world->queue[world->queued].ask = ask;
        world->queue[world->queued++].due_us =
            how == LATE ? ask->deadline_us + WORLD_ANSWER_US : due_us + i;
    }
}

/* Carries questions and answers, earliest first, until the flow is done and quiet. */
static void world_run(struct world *world, struct recommend_flow *flow)
{
    for (unsigned step = 0; step < 10000; step++) {
        const struct recommend_ask *ask;
        unsigned next = 0;
        while ((ask = recommend_flow_next(flow)) != NULL) {
            world_send(world, flow, ask);
        }
        for (unsigned i = 1; i < world->queued; i++) {
            next = world->queue[i].due_us < world->queue[next].due_us ? i : next;
        }
        if (world->queued == 0 && recommend_flow_done(flow)) {
            return;
        }
        if (world->queued > 0 && world->queue[next].due_us < recommend_flow_due(flow)) {
            ask = world->queue[next].ask;
            world->now.monotonic_us = world->queue[next].due_us;
            world->queue[next] = world->queue[--world->queued];
            world_answer(world, flow, ask);
        } else {
            world->now.monotonic_us = recommend_flow_due(flow);
            recommend_flow_tick(flow, world->now);
        }
    }
    test_fail(__FILE__, __LINE__, "the flow does not end");
}

static struct recommend_plan world_plan(const struct world *world, uint64_t *session,
                                        uint32_t session_count)
{
    const unsigned seen[] = {3, 10, 17, 24, 31};
    for (uint32_t i = 0; i < session_count; i++) {
        session[i] = world->hashes[seen[i]];
    }
    struct recommend_plan plan;
    recommend_plan_init(&plan, &world->map);
    plan.session_items = session;
    plan.session_item_count = session_count;
    plan.count = 10;
    plan.neighbours.candidates = 500;
    plan.neighbours.neighbours = 100;
    plan.soft_us = plan.grace_us = world->now.monotonic_us + WORLD_SOFT_US;
    return plan;
}

static void world_ask(struct world *world, const struct recommend_plan *plan,
                      struct recommend_flow *flow)
{
    const struct recommend_tables tables = {.degrees = {world->degrees}};
    recommend_flow_start(flow, plan, &tables, &world->arena, world->now);
    world_run(world, flow);
}

/* Every table asked has one outcome per range; none is left open. */
static void expect_whole_coverage(const struct recommend_flow *flow)
{
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        for (unsigned i = 0;
             flow->coverage.asked[table] && i < shard_map_count(flow->plan.map, table);
             i++) {
            EXPECT(flow->coverage.ranges[table][i].outcome != COVERAGE_NONE);
        }
    }
}

TEST(recommend_flow, one_three_and_nine_shards_give_the_same_answer)
{
    const unsigned counts[][2] = {{1, 1}, {3, 1}, {9, 3}, {16, 9}};
    uint64_t wanted[10] = {0};
    double scores[10] = {0};
    for (unsigned c = 0; c < 4; c++) {
        struct world world;
        struct recommend_flow flow;
        uint64_t session[5];
        world_init(&world, counts[c][0], counts[c][1]);
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
    world_init(&world, 4, 2);
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
    world_init(&world, 4, 2);
    world.customers[0] = LATE;
    uint64_t start_us = world.now.monotonic_us;
    struct recommend_plan plan = world_plan(&world, session, 3);
    const struct recommend_tables tables = {.degrees = {world.degrees}};
    recommend_flow_start(&flow, &plan, &tables, &world.arena, world.now);
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
    world_init(&world, 4, 2);
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
    world_init(&world, 2, 2);
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
    world_init(&world, 2, 2);
    for (unsigned i = 0; i < WORLD_SKUS; i++) {
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
    world_init(&world, 1, 3);
    /* Nobody has seen anything, and one SKU alone is in stock. */
    degree_table_free(world.degrees);
    world.degrees = degree_table_new();
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
    world_init(&world, 3, 2);
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
    world_init(&world, 2, 2);
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
    world_init(&world, 2, 2);
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
        world_init(&world, 1, 2);
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
    world_init(&world, 4, 2);
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
    world_init(&world, 4, 2);
    struct recommend_plan plan = world_plan(&world, session, 3);
    plan.min_coverage = 1.0;
    plan.grace_us = plan.soft_us + 50000;
    const struct recommend_tables tables = {.degrees = {world.degrees}};
    recommend_flow_start(&flow, &plan, &tables, &world.arena, world.now);
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
    world_init(&world, 2, 2);
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
        world_init(&world, 4, 4);
        clicks[0] = world.hashes[rng_below(&rng, WORLD_SKUS)];
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
        const struct recommend_tables tables = {.degrees = {world.degrees}};
        recommend_flow_start(&flow, &plan, &tables, &world.arena, world.now);
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
