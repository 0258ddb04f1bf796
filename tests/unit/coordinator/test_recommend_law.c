/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The law of recommendations: at equal degrees, items, order, scores and reasons do not
 * depend on the number of shards, and are those of the plain reference.
 */
#include "shard/base/rng.h"
#include "tests/unit/coordinator/flow_reference.h"

enum {
    LAW_WORLDS = 30,
    LAW_QUERIES_PER_PLACEMENT = 5, /* in each world: 30 * 9 * 5 = 1,350 queries */
    LAW_ITEMS_MAX = 40,
};

/* Customer shards, SKU shards. The first is what the reference reads. */
static const unsigned layouts[][2] = {{1, 1}, {3, 3}, {9, 9}, {9, 1}, {1, 9}};
enum {
    LAW_LAYOUTS = sizeof layouts / sizeof *layouts,
};

struct law_query {
    struct recommend_plan plan; /* of no world: map and times are set for each */
    int person;                 /* -1 nobody */
    uint64_t session[LAW_ITEMS_MAX];
    uint64_t seeds[LAW_ITEMS_MAX];
    uint64_t excluded[LAW_ITEMS_MAX];
    uint64_t given[LAW_ITEMS_MAX];
};

static bool law_red(const void *context, const struct inventory_sku *sku)
{
    const struct slice *colour = context;
    return sku->attribute_count > 0 && slice_equal(sku->attributes[0].text, *colour);
}

/* Hashes of the world's SKUs, a few of them of none. */
static uint32_t law_hashes(struct rng *rng, const struct world *world, uint32_t most,
                           bool distinct, uint64_t *out)
{
    uint32_t count = (uint32_t)rng_below(rng, most + 1), kept = 0;
    for (uint32_t i = 0; i < count; i++) {
        uint64_t hash = rng_below(rng, 12) == 0
                            ? 4711 + rng_below(rng, 3)
                            : world->hashes[rng_below(rng, world->sku_count)];
        bool known = false;
        for (uint32_t n = 0; n < kept; n++) {
            known = known || out[n] == hash;
        }
        if (!known || !distinct) {
            out[kept++] = hash;
        }
    }
    return kept;
}

static void law_options(struct rng *rng, struct recommend_plan *plan)
{
    static const uint32_t counts[] = {1, 3, 10, 20, 200};
    static const struct slice red = {(const uint8_t *)"red", 3};
    plan->count = counts[rng_below(rng, 5)];
    plan->stock = (enum recommend_stock)(1 + rng_below(rng, 3));
    plan->exclude_seen = rng_below(rng, 4) == 0;
    plan->exclude_current = rng_below(rng, 4) == 0;
    plan->no_personalization = rng_below(rng, 8) == 0;
    if (rng_below(rng, 2)) {
        uint32_t first = (uint32_t)rng_below(rng, 4);
        world_places(plan, first, (uint32_t)rng_below(rng, 5 - first));
    }
    if (rng_below(rng, 5) == 0) {
        plan->filter = law_red;
        plan->filter_context = &red;
    }
    if (rng_below(rng, 4) == 0) {
        plan->diversity_attribute =
            slice_from_string(rng_below(rng, 2) ? "brand" : "colour");
        plan->diversity_group_items_max = 1 + (uint32_t)rng_below(rng, 3);
        plan->diversity = rng_below(rng, 3) == 0 ? RECOMMEND_DIVERSITY_BRAND
                                                 : RECOMMEND_DIVERSITY_ATTRIBUTE;
    }
    plan->neighbours.candidates = 1 + (uint32_t)rng_below(rng, 400);
    plan->neighbours.neighbours = 1 + (uint32_t)rng_below(rng, 200);
    plan->neighbours.clicks_max = 1 + (uint32_t)rng_below(rng, 9);
    plan->walk.customers = 1 + (uint32_t)rng_below(rng, 400);
    plan->walk.nearest = 1 + (uint32_t)rng_below(rng, 60);
    plan->walk.seeds_max = 1 + (uint32_t)rng_below(rng, 12);
    plan->walk.decay_percent = 100 - (uint32_t)rng_below(rng, 2) * 30;
    plan->walk.then_decay_percent = 100 - (uint32_t)rng_below(rng, 2) * 70;
    plan->content_reach = 1 + (uint32_t)rng_below(rng, 100);
    plan->arrivals.days = (uint32_t)rng_below(rng, 3) * 20;
    plan->arrivals.pool = 1 + (uint32_t)rng_below(rng, 100);
    plan->arrivals.explored_percent = (uint32_t)rng_below(rng, 5) * 25;
    plan->arrivals.seed = rng_next(rng);
}

static void law_query_make(struct rng *rng, const struct world *world,
                           enum placement_name name, struct law_query *query)
{
    struct recommend_plan *plan = &query->plan;
    recommend_plan_init(plan, &world->map);
    plan->placement = placement_at(name);
    law_options(rng, plan);
    query->person =
        rng_below(rng, 3) == 0 ? -1 : (int)rng_below(rng, world->people_count);
    if (rng_below(rng, 2)) {
        plan->session_item_count = law_hashes(rng, world, 6, false, query->session);
    }
    if (rng_below(rng, 3) == 0) {
        plan->seed_count = law_hashes(rng, world, 5, false, query->seeds);
    }
    plan->excluded_count = law_hashes(rng, world, 4, false, query->excluded);
    if (rng_below(rng, 6) == 0) {
        plan->given_count = law_hashes(rng, world, LAW_ITEMS_MAX, true, query->given);
    }
}

/* The same stock everywhere: all, much, little or nothing. */
static void law_stock(uint64_t seed, struct world *world)
{
    struct rng rng;
    rng_init(&rng, seed * 31);
    uint64_t per_mille = (uint64_t[]){1000, 800, 100, 10}[rng_below(&rng, 4)];
    for (unsigned i = 0; i < world->sku_count; i++) {
        world->stock[i] = rng_below(&rng, 1000) < per_mille ? 3 : 0;
        if (rng_below(&rng, 20) == 0) {
            world->sku[i].state = SKU_STATE_RETIRED;
        }
    }
}

static void law_place(struct world *world, const struct law_query *query,
                      struct recommend_plan *out)
{
    *out = query->plan;
    out->map = &world->map;
    out->session_items = query->session;
    out->seeds = query->seeds;
    out->excluded = query->excluded;
    out->given = query->given;
    out->soft_us = out->grace_us = world->now.monotonic_us + WORLD_SOFT_US * 100;
    if (query->person >= 0) {
        world_actor(world, (unsigned)query->person, out);
    }
}

static void law_expect(const struct buffer *actual, const struct buffer *wanted,
                       const struct law_query *query, uint64_t seed, unsigned layout)
{
    if (slice_equal(buffer_slice(actual), buffer_slice(wanted))) {
        return;
    }
    test_fail(__FILE__, __LINE__,
              "seed %" PRIu64 ", %s, %u + %u shards, count %u:\n%.*s\nwanted\n%.*s", seed,
              query->plan.placement->name, layouts[layout][0], layouts[layout][1],
              query->plan.count, (int)actual->size, (const char *)actual->data,
              (int)wanted->size, (const char *)wanted->data);
}

/* Number of queries that showed something. */
static unsigned law_world(uint64_t seed, bool quiet)
{
    struct world worlds[LAW_LAYOUTS];
    struct law_query *query = malloc(sizeof *query);
    unsigned shown = 0;
    struct rng rng;
    rng_init(&rng, seed);
    struct world_options options = {.seed = seed,
                                    .skus = 1 + (unsigned)rng_below(&rng, 250),
                                    .people = 1 + (unsigned)rng_below(&rng, 120),
                                    .quiet = quiet};
    for (unsigned l = 0; l < LAW_LAYOUTS; l++) {
        options.customer_shards = layouts[l][0];
        options.sku_shards = layouts[l][1];
        world_init(&worlds[l], &options);
        law_stock(seed, &worlds[l]);
    }
    for (unsigned q = 0; q < PLACEMENTS * LAW_QUERIES_PER_PLACEMENT; q++) {
        struct buffer wanted, actual;
        struct recommend_plan plan;
        buffer_init(&wanted);
        buffer_init(&actual);
        memset(query, 0, sizeof *query);
        law_query_make(&rng, &worlds[0], (enum placement_name)(q % PLACEMENTS), query);
        law_place(&worlds[0], query, &plan);
        reference_answer(&worlds[0], &plan, &wanted);
        for (unsigned l = 0; l < LAW_LAYOUTS; l++) {
            struct recommend_flow flow;
            buffer_clear(&actual);
            law_place(&worlds[l], query, &plan);
            world_ask(&worlds[l], &plan, &flow);
            EXPECT_OK(flow.status);
            world_canonical(flow.shown, flow.shown_count, &actual);
            law_expect(&actual, &wanted, query, seed, l);
            EXPECT(coverage_fraction(&flow.coverage) == 1.0);
        }
        shown += wanted.size > 0;
        buffer_close(&wanted);
        buffer_close(&actual);
    }
    for (unsigned l = 0; l < LAW_LAYOUTS; l++) {
        world_close(&worlds[l]);
    }
    free(query);
    return shown;
}

TEST(recommend_law, answers_1350_queries_of_every_placement_alike_on_1_3_and_9_shards)
{
    unsigned shown = 0;
    for (uint64_t seed = 1; seed <= LAW_WORLDS; seed++) {
        shown += law_world(seed, false);
    }
    /* Most of them have something to compare. */
    EXPECT(shown > LAW_WORLDS * PLACEMENTS * LAW_QUERIES_PER_PLACEMENT * 3 / 4);
}

TEST(recommend_law, holds_where_nobody_has_done_anything_yet)
{
    for (uint64_t seed = 100; seed < 104; seed++) {
        (void)law_world(seed, true);
    }
}
