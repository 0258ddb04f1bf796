/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/recommend/reference.h"
#include "tests/unit/recommend/world.h"

enum {
    STORES = 10000,
    SESSIONS_MAX = 40,
};

struct case_ {
    struct reference_session sessions[SESSIONS_MAX];
    struct reference_store store;
    uint64_t clicks[12];
    struct reference_query query;
    uint64_t catalogue[REFERENCE_CATALOGUE_MAX];
    int catalogue_count;
};

static void case_session(struct rng *rng, struct case_ *world,
                         struct reference_session *session)
{
    session->hash = rng_next(rng);
    session->customer_high = rng_next(rng);
    session->customer_low = rng_next(rng);
    session->end_ms = (int64_t)rng_below(rng, 8) * 1000; /* many ties */
    session->item_count = 0;
    int wanted = 1 + (int)rng_below(rng, 6);
    for (int i = 0; i < wanted; i++) {
        uint64_t item =
            world->catalogue[rng_below(rng, (uint64_t)world->catalogue_count)];
        bool twice = false;
        for (int n = 0; n < session->item_count; n++) {
            twice = twice || session->items[n] == item;
        }
        if (!twice) {
            session->items[session->item_count++] = item;
        }
    }
}

static void case_make(struct rng *rng, struct case_ *world)
{
    *world = (struct case_){.catalogue_count = 1 + (int)rng_below(rng, 12)};
    for (int i = 0; i < world->catalogue_count; i++) {
        world->catalogue[i] = rng_next(rng);
    }
    world->store.sessions = world->sessions;
    world->store.session_count = (int)rng_below(rng, SESSIONS_MAX + 1);
    for (int i = 0; i < world->store.session_count; i++) {
        case_session(rng, world, &world->sessions[i]);
    }
    world->query.click_count = (int)rng_below(rng, 12);
    for (int i = 0; i < world->query.click_count; i++) {
        world->clicks[i] =
            world->catalogue[rng_below(rng, (uint64_t)world->catalogue_count)];
    }
    world->query.clicks = world->clicks;
    world->query.l = 1 + (int)rng_below(rng, 9);
    world->query.v = 1 << rng_below(rng, 7);
    world->query.m = 1 + (int)rng_below(rng, (uint64_t)world->query.v * 6);
    world->query.k = 1 + (int)rng_below(rng, (uint64_t)world->query.v * 4);
    if (world->store.session_count > 0 && rng_below(rng, 2) == 0) {
        world->query.exclude_session = world->sessions[0].hash;
    }
}

static struct evidence_session session_of(const struct reference_session *from)
{
    return (struct evidence_session){
        .session_hash = from->hash,
        .customer = {from->customer_high, from->customer_low},
        .end_ms = from->end_ms,
        .items = from->items,
        .item_count = (uint32_t)from->item_count};
}

static struct recommend_query query_of(const struct reference_query *from)
{
    return (struct recommend_query){.clicks = from->clicks,
                                    .click_count = (uint32_t)from->click_count,
                                    .clicks_max = (uint32_t)from->l,
                                    .candidates = (uint32_t)from->m,
                                    .neighbours = (uint32_t)from->k,
                                    .bucket_count = (uint32_t)from->v,
                                    .exclude_session = from->exclude_session};
}

static void case_fill(const struct case_ *world, struct world *shards, int shard_count)
{
    struct evidence_options options = {.bucket_count = (uint32_t)world->query.v};
    world_open(shards, shard_count, &options);
    for (int i = 0; i < world->store.session_count; i++) {
        struct evidence_session session = session_of(&world->sessions[i]);
        world_put(shards, &session);
    }
    world_publish(shards);
}

static void compare_item(const struct recommend_ranked_item *actual,
                         const struct reference_item *wanted, uint64_t seed)
{
    int64_t evidence = 0, wanted_evidence = 0;
    double weight = 0;
    if (actual->sku_hash != wanted->item ||
        fabs(actual->score - wanted->score) > 1e-12 * fabs(wanted->score)) {
        test_fail(__FILE__, __LINE__,
                  "seed %" PRIu64 ": item %" PRIx64 " %.17g, not %" PRIx64 " %.17g", seed,
                  actual->sku_hash, actual->score, wanted->item, wanted->score);
    }
    for (uint32_t r = 0; r < actual->reason_count; r++) {
        evidence += (int64_t)actual->reasons[r].evidence_count;
        weight += actual->reasons[r].weight;
    }
    for (int q = 0; q < REFERENCE_QUERY_MAX; q++) {
        wanted_evidence += wanted->related_evidence[q];
    }
    EXPECT_EQ(evidence, wanted_evidence);
    EXPECT(fabs(weight - 1.0) < 1e-9);
}

TEST(search, equals_the_plain_reference_on_10000_random_stores)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct world world;
        struct reference_answer wanted;
        struct recommend_ranked ranked;
        struct arena arena;
        const struct recommend_rank_options options = {.count = RECOMMEND_COUNT_MAX};
        rng_init(&rng, seed);
        case_make(&rng, &made);
        case_fill(&made, &world, 1);
        arena_init(&arena, NULL, 0, 0);
        struct recommend_query query = query_of(&made.query);
        world_ask(&world, &query, &options, &arena, &ranked);
        reference_answer_make(&made.store, &made.query, &wanted);
        if ((int)ranked.item_count != wanted.item_count) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items, not %d", seed,
                      ranked.item_count, wanted.item_count);
        }
        for (int i = 0; i < wanted.item_count; i++) {
            compare_item(&ranked.items[i], &wanted.items[i], seed);
        }
        arena_close(&arena);
        world_close(&world);
    }
}

TEST(search, says_the_same_on_1_3_and_9_shards_to_the_last_digit)
{
    const int shard_counts[] = {1, 3, 9};
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct recommend_ranked ranked[3];
        struct arena arena;
        const struct recommend_rank_options options = {.count = 20};
        rng_init(&rng, seed);
        case_make(&rng, &made);
        made.query.v = 64;
        arena_init(&arena, NULL, 0, 0);
        for (int i = 0; i < 3; i++) {
            struct world world;
            struct recommend_query query = query_of(&made.query);
            case_fill(&made, &world, shard_counts[i]);
            world_ask(&world, &query, &options, &arena, &ranked[i]);
            world_close(&world);
        }
        world_expect_same(&ranked[0], &ranked[1], seed);
        world_expect_same(&ranked[0], &ranked[2], seed);
        arena_close(&arena);
    }
}

TEST(search, a_short_list_is_the_head_of_the_long_one)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct world world;
        struct recommend_ranked all, few;
        struct arena arena;
        struct recommend_rank_options options = {.count = RECOMMEND_COUNT_MAX};
        rng_init(&rng, seed);
        case_make(&rng, &made);
        case_fill(&made, &world, 1);
        arena_init(&arena, NULL, 0, 0);
        struct recommend_query query = query_of(&made.query);
        world_ask(&world, &query, &options, &arena, &all);
        options.count = 1 + (uint32_t)rng_below(&rng, 8);
        world_ask(&world, &query, &options, &arena, &few);
        EXPECT(few.item_count ==
               (all.item_count < options.count ? all.item_count : options.count));
        all.item_count = few.item_count;
        world_expect_same(&all, &few, seed);
        arena_close(&arena);
        world_close(&world);
    }
}

TEST(search, a_catalogue_of_one_item_still_answers)
{
    struct world world;
    struct evidence_options options = {0};
    struct arena arena;
    struct recommend_ranked ranked;
    const uint64_t item = 7;
    world_open(&world, 1, &options);
    for (uint64_t i = 1; i <= 100; i++) {
        struct evidence_session session = {.session_hash = i,
                                           .customer = {hash_mix(i), i},
                                           .end_ms = (int64_t)i,
                                           .items = &item,
                                           .item_count = 1};
        world_put(&world, &session);
    }
    world_publish(&world);
    arena_init(&arena, NULL, 0, 0);
    struct recommend_query query = {.clicks = &item,
                                    .click_count = 1,
                                    .clicks_max = 9,
                                    .candidates = 1500,
                                    .neighbours = 300,
                                    .bucket_count = 64};
    struct recommend_rank_options rank = {.count = 20};
    world_ask(&world, &query, &rank, &arena, &ranked);
    EXPECT_EQ(ranked.item_count, 1);
    EXPECT(ranked.items[0].sku_hash == 7);
    rank.exclude_current = true;
    world_ask(&world, &query, &rank, &arena, &ranked);
    EXPECT_EQ(ranked.item_count, 0);
    arena_close(&arena);
    world_close(&world);
}

TEST(search, leaves_out_all_sessions_of_a_customer_when_asked)
{
    struct evidence_options options = {.bucket_count = 1};
    struct evidence *evidence = evidence_new(&options);
    struct arena arena;
    struct recommend_partial partial;
    const uint64_t items[] = {1, 2};
    for (uint64_t i = 1; i <= 10; i++) {
        struct evidence_session session = {.session_hash = i,
                                           .customer = {i % 2, 0},
                                           .end_ms = 5,
                                           .items = items,
                                           .item_count = 2};
        evidence_put(evidence, &session);
    }
    struct recommend_query query = {.clicks = items,
                                    .click_count = 1,
                                    .clicks_max = 9,
                                    .candidates = 5,
                                    .neighbours = 5,
                                    .bucket_count = 1,
                                    .buckets = 1,
                                    .exclude_customer = true,
                                    .customer = {1, 0}};
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(recommend_search(evidence, &query, &arena, &partial));
    EXPECT_EQ(partial.neighbours, 5);
    query.customer.high = 3;
    query.candidates = 100;
    query.neighbours = 100;
    EXPECT_OK(recommend_search(evidence, &query, &arena, &partial));
    EXPECT_EQ(partial.neighbours, 10);
    arena_close(&arena);
    evidence_free(evidence);
}

TEST(search, refuses_a_query_out_of_bounds)
{
    const struct recommend_query good = {.clicks_max = 9,
                                         .candidates = 1500,
                                         .neighbours = 300,
                                         .bucket_count = 64,
                                         .buckets = UINT64_MAX};
    struct recommend_query query = good;
    EXPECT_OK(recommend_query_check(&query));
    query.clicks_max = 10;
    EXPECT_STATUS(recommend_query_check(&query), STATUS_INVALID);
    query = good;
    query.bucket_count = 48;
    EXPECT_STATUS(recommend_query_check(&query), STATUS_INVALID);
    query = good;
    query.bucket_count = 32;
    EXPECT_STATUS(recommend_query_check(&query), STATUS_INVALID);
    query = good;
    query.candidates = 0;
    EXPECT_STATUS(recommend_query_check(&query), STATUS_INVALID);
}
