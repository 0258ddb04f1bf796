/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"
#include "tests/lib/test.h"
#include "tests/unit/recommend/world.h"

enum {
    SESSIONS = 60,
    ITEMS = 10,
    STEPS = 400,
};

struct standing {
    bool here;
    struct evidence_session session;
    uint64_t items[6];
};

static void change(struct rng *rng, struct standing *session, uint64_t hash)
{
    session->here = rng_below(rng, 3) > 0;
    session->session = (struct evidence_session){
        .session_hash = hash,
        .customer = {hash_mix(hash), hash},
        .end_ms =
            (int64_t)rng_below(rng, 3) * DEGREE_PERIOD_MS + (int64_t)rng_below(rng, 9),
        .items = session->items};
    uint32_t count = 1 + (uint32_t)rng_below(rng, 6);
    for (uint32_t i = 0; i < count; i++) {
        uint64_t item = 100 + rng_below(rng, ITEMS);
        bool twice = false;
        for (uint32_t n = 0; n < session->session.item_count; n++) {
            twice = twice || session->items[n] == item;
        }
        if (!twice) {
            session->items[session->session.item_count++] = item;
        }
    }
}

static void expect_rebuild_equal(const struct evidence *evidence,
                                 const struct evidence_options *options,
                                 const struct standing *sessions, struct rng *rng,
                                 uint64_t seed)
{
    struct evidence *fresh = evidence_new(options);
    uint64_t start = rng_below(rng, SESSIONS);
    for (uint64_t i = 0; i < SESSIONS; i++) {
        const struct standing *session = &sessions[(start + i * 7) % SESSIONS];
        if (session->here) {
            evidence_put(fresh, &session->session);
        }
    }
    if (evidence_digest(fresh) != evidence_digest(evidence)) {
        test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": not equal to a rebuild", seed);
    }
    EXPECT_EQ(evidence_counters(fresh).sessions, evidence_counters(evidence).sessions);
    EXPECT_EQ(evidence_counters(fresh).postings, evidence_counters(evidence).postings);
    EXPECT_EQ(evidence_counters(fresh).items, evidence_counters(evidence).items);
    evidence_free(fresh);
}

TEST(evidence, incremental_equals_a_rebuild_also_past_the_limit_of_sessions)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct standing sessions[SESSIONS] = {0};
        struct rng rng;
        rng_init(&rng, seed);
        const struct evidence_options options = {.bucket_count = 1u << rng_below(&rng, 4),
                                                 .bucket_sessions_max =
                                                     1 + (uint32_t)rng_below(&rng, 6)};
        struct evidence *evidence = evidence_new(&options);
        for (int step = 0; step < STEPS; step++) {
            uint64_t which = rng_below(&rng, SESSIONS);
            change(&rng, &sessions[which], which + 1);
            if (sessions[which].here) {
                evidence_put(evidence, &sessions[which].session);
            } else {
                evidence_remove(evidence, which + 1);
            }
            if (step % 8 == 0) {
                expect_rebuild_equal(evidence, &options, sessions, &rng, seed);
            }
        }
        evidence_free(evidence);
    }
}

TEST(evidence, published_changes_add_up_to_the_whole)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct standing sessions[SESSIONS] = {0};
        struct evidence_options options = {0};
        struct world world;
        struct rng rng;
        struct degree_delta whole;
        rng_init(&rng, seed);
        world_open(&world, 3, &options);
        struct degree_table *table = degree_table_new();
        for (int step = 0; step < STEPS; step++) {
            uint64_t which = rng_below(&rng, SESSIONS);
            change(&rng, &sessions[which], which + 1);
            if (sessions[which].here) {
                world_put(&world, &sessions[which].session);
            } else {
                world_remove(&world, hash_mix(which + 1), which + 1);
            }
            if (step % 8 == 0) {
                world_publish(&world);
            }
        }
        world_publish(&world);
        for (int i = 0; i < 3; i++) {
            evidence_take_all_degrees(world.shards[i], 9, &whole);
            EXPECT_OK(degree_table_apply(table, (uint64_t)i, &whole));
            EXPECT_OK(degree_table_apply(table, (uint64_t)i, &whole));
            degree_delta_close(&whole);
        }
        EXPECT_EQ(degree_table_total(table), degree_table_total(world.degrees));
        for (uint64_t item = 100; item < 100 + ITEMS; item++) {
            EXPECT_EQ(degree_table_items(table, item),
                      degree_table_items(world.degrees, item));
        }
        size_t count, count_again;
        const struct degree_popular *a =
            degree_table_popular(table, DEGREE_PERIOD_MS * 2, &count);
        const struct degree_popular *b =
            degree_table_popular(world.degrees, DEGREE_PERIOD_MS * 2, &count_again);
        EXPECT_EQ(count, count_again);
        EXPECT(count == 0 || memcmp(a, b, count * sizeof *a) == 0);
        degree_table_free(table);
        world_close(&world);
    }
}

TEST(evidence, a_missed_delta_is_noticed)
{
    struct degree_table *table = degree_table_new();
    struct degree_change changes[] = {{.sku_hash = 1, .period = 0, .change = 2}};
    struct degree_delta delta = {
        .from_version = 0, .version = 5, .changes = changes, .change_count = 1};
    EXPECT_OK(degree_table_apply(table, 1, &delta));
    delta.from_version = 6;
    delta.version = 7;
    EXPECT_STATUS(degree_table_apply(table, 1, &delta), STATUS_SEQUENCE_GAP);
    delta.from_version = 0;
    EXPECT_STATUS(degree_table_apply(table, 1, &delta), STATUS_SEQUENCE_GAP);
    delta.from_version = 5;
    EXPECT_OK(degree_table_apply(table, 1, &delta));
    EXPECT_EQ(degree_table_items(table, 1), 4);
    EXPECT_EQ(degree_table_version(table, 1), 7);
    degree_table_drop(table, 1);
    EXPECT_EQ(degree_table_total(table), 0);
    degree_table_free(table);
}

TEST(evidence, a_vector_taken_before_the_first_entry_is_not_replaced_by_the_next_change)
{
    const struct evidence_options options = {0};
    struct evidence *evidence = evidence_new(&options);
    struct degree_table *table = degree_table_new();
    for (uint64_t i = 1; i <= 2; i++) {
        struct degree_delta delta;
        struct evidence_session session = {
            .session_hash = i, .customer = {i, i}, .items = &i, .item_count = 1};
        evidence_put(evidence, &session);
        evidence_take_degrees(evidence, 0, &delta);
        EXPECT_OK(degree_table_apply(table, 1, &delta));
        degree_delta_close(&delta);
    }
    EXPECT_EQ(degree_table_total(table), 2);
    degree_table_free(table);
    evidence_free(evidence);
}

TEST(popular, newer_sessions_weigh_more_and_old_ones_never_nothing)
{
    struct degree_table *table = degree_table_new();
    struct arena arena;
    struct recommend_ranked ranked;
    struct degree_change changes[] = {
        {.sku_hash = 1, .period = 100, .change = 10},
        {.sku_hash = 2, .period = 106, .change = 3},
        {.sku_hash = 3, .period = 5, .change = 20},
    };
    struct degree_delta delta = {.version = 1, .changes = changes, .change_count = 3};
    const struct recommend_rank_options options = {.count = 10};
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(degree_table_apply(table, 1, &delta));
    EXPECT_OK(recommend_popular(table, 106 * DEGREE_PERIOD_MS, NULL, &options, &arena,
                                &ranked));
    EXPECT_EQ(ranked.item_count, 3);
    EXPECT(ranked.items[0].sku_hash == 2); /* 3 + 3 * 64 */
    EXPECT(ranked.items[1].sku_hash == 1); /* 10 + 10 */
    EXPECT(ranked.items[2].sku_hash == 3); /* 20, and the higher hash */
    EXPECT_EQ(ranked.items[0].reasons[0].kind, RECOMMEND_REASON_POPULAR);
    EXPECT_EQ(ranked.items[0].reasons[0].evidence_count, 3);
    arena_close(&arena);
    degree_table_free(table);
}

/* --- The limit ------------------------------------------------------------------------ */

enum {
    BUCKET_MAX = 3,
    LIMIT_BUCKETS = 16,
};

static void put_if_newest(const struct standing *sessions, uint64_t which,
                          struct evidence *evidence)
{
    const struct evidence_session *session = &sessions[which].session;
    uint32_t bucket = evidence_bucket(session->customer.high, LIMIT_BUCKETS);
    int newer = 0;
    for (uint64_t i = 0; i < SESSIONS; i++) {
        const struct evidence_session *other = &sessions[i].session;
        newer += sessions[i].here &&
                 evidence_bucket(other->customer.high, LIMIT_BUCKETS) == bucket &&
                 (other->end_ms > session->end_ms ||
                  (other->end_ms == session->end_ms &&
                   other->session_hash > session->session_hash));
    }
    if (sessions[which].here && newer < BUCKET_MAX) {
        evidence_put(evidence, session);
    }
}

/* Any query; the answers, and the degrees behind the scores, must be equal. */
static void expect_same_answers(struct world *a, struct world *b, uint64_t seed)
{
    const struct recommend_rank_options options = {.count = 20};
    const uint64_t clicks[] = {100 + seed % ITEMS, 100 + seed / 7 % ITEMS, 103};
    const struct recommend_query query = {.clicks = clicks,
                                          .click_count = 3,
                                          .clicks_max = 9,
                                          .candidates = 500,
                                          .neighbours = 100,
                                          .bucket_count = LIMIT_BUCKETS};
    struct recommend_ranked x, y;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    world_publish(a);
    world_publish(b);
    world_ask(a, &query, &options, &arena, &x);
    world_ask(b, &query, &options, &arena, &y);
    world_expect_same(&x, &y, seed);
    EXPECT_EQ(degree_table_total(a->degrees), degree_table_total(b->degrees));
    arena_close(&arena);
}

TEST(evidence, behind_the_limit_it_answers_as_if_only_the_newest_of_each_bucket_stood)
{
    const struct evidence_options limited = {.bucket_count = LIMIT_BUCKETS,
                                             .bucket_sessions_max = BUCKET_MAX};
    const struct evidence_options unlimited = {.bucket_count = LIMIT_BUCKETS};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct standing sessions[SESSIONS] = {0};
        struct world kept, wanted;
        struct rng rng;
        rng_init(&rng, seed);
        world_open(&kept, 1, &limited);
        for (int step = 0; step < STEPS; step++) {
            uint64_t which = rng_below(&rng, SESSIONS);
            change(&rng, &sessions[which], which + 1);
            if (sessions[which].here) {
                world_put(&kept, &sessions[which].session);
            } else {
                world_remove(&kept, hash_mix(which + 1), which + 1);
            }
            if (step % 40 != 0) {
                continue;
            }
            world_open(&wanted, 1, &unlimited);
            for (uint64_t i = 0; i < SESSIONS; i++) {
                put_if_newest(sessions, i, wanted.shards[0]);
            }
            expect_same_answers(&kept, &wanted, seed);
            EXPECT_EQ(evidence_counters(kept.shards[0]).sessions,
                      evidence_counters(wanted.shards[0]).sessions);
            world_close(&wanted);
        }
        world_close(&kept);
    }
}

TEST(evidence, the_limit_leaves_the_same_answers_on_1_3_and_9_shards)
{
    const struct evidence_options options = {.bucket_count = LIMIT_BUCKETS,
                                             .bucket_sessions_max = BUCKET_MAX};
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct world worlds[3];
        struct rng rng;
        rng_init(&rng, seed);
        for (int i = 0; i < 3; i++) {
            world_open(&worlds[i], (int[]){1, 3, 9}[i], &options);
        }
        for (int step = 0; step < STEPS; step++) {
            struct standing session;
            uint64_t which = rng_below(&rng, SESSIONS);
            change(&rng, memset(&session, 0, sizeof session), which + 1);
            for (int i = 0; i < 3; i++) {
                if (session.here) {
                    world_put(&worlds[i], &session.session);
                } else {
                    world_remove(&worlds[i], hash_mix(which + 1), which + 1);
                }
            }
        }
        expect_same_answers(&worlds[0], &worlds[1], seed);
        expect_same_answers(&worlds[0], &worlds[2], seed);
        for (int i = 0; i < 3; i++) {
            world_close(&worlds[i]);
        }
    }
}
