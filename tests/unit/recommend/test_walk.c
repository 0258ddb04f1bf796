/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>

#include "shard/base/rng.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/histories.h"
#include "shard/recommend/walk.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/golden.h"
#include "tests/unit/recommend/reference_walk.h"
#include "tests/unit/recommend/world.h"

enum {
    STORES = 10000,
    LAW_STORES = 2000,
    SHARDS_MAX = 9,
    CHANGES = 300,
};

struct made {
    struct walk_reference_customer customers[WALK_REFERENCE_CUSTOMERS_MAX];
    int customer_count;
    uint64_t catalogue[WALK_REFERENCE_ITEMS_MAX];
    int catalogue_count;
    struct walk_reference_query query;
};

static void customer_make(struct rng *rng, const struct made *made,
                          struct walk_reference_customer *out)
{
    int64_t at_ms = (int64_t)rng_below(rng, 4) * 1000;
    out->action_count = 1 + (int)rng_below(rng, WALK_REFERENCE_ACTIONS_MAX);
    for (int i = 0; i < out->action_count; i++) {
        out->items[i] = made->catalogue[rng_below(rng, (uint64_t)made->catalogue_count)];
        at_ms += (int64_t)rng_below(rng, 3) * 1000; /* many ties */
        out->at_ms[i] = at_ms;
    }
}

static void made_make(struct rng *rng, struct made *made)
{
    *made = (struct made){.catalogue_count =
                              1 + (int)rng_below(rng, WALK_REFERENCE_ITEMS_MAX)};
    for (int i = 0; i < made->catalogue_count; i++) {
        made->catalogue[i] = rng_next(rng);
    }
    made->customer_count = (int)rng_below(rng, WALK_REFERENCE_CUSTOMERS_MAX + 1);
    for (int i = 0; i < made->customer_count; i++) {
        made->customers[i].high = rng_next(rng);
        made->customers[i].low = rng_next(rng);
        customer_make(rng, made, &made->customers[i]);
    }
    struct walk_reference_query *query = &made->query;
    int most = made->catalogue_count < WALK_REFERENCE_SEEDS_MAX
                   ? made->catalogue_count
                   : WALK_REFERENCE_SEEDS_MAX;
    query->seed_count = (int)rng_below(rng, (uint64_t)most + 1);
    uint64_t first = rng_below(rng, (uint64_t)made->catalogue_count);
    for (int i = 0; i < query->seed_count; i++) {
        query->seeds[i] =
            made->catalogue[(first + (uint64_t)i) % (uint64_t)made->catalogue_count];
        query->seed_weights[i] = (uint32_t)rng_below(rng, 4);
    }
    query->v = 1 << rng_below(rng, 7);
    query->m = 1 + (int)rng_below(rng, (uint64_t)query->v * 8);
    query->window = (int)rng_below(rng, 4);
    query->power_quarters = (int)rng_below(rng, 5);
    query->power_hundredths = (int)rng_below(rng, 101);
    query->nearest = 1 + (int)rng_below(rng, 20);
    query->asker =
        made->customer_count > 0 && rng_below(rng, 3) == 0 ? &made->customers[0] : NULL;
}

static void history_put(struct histories *histories,
                        const struct walk_reference_customer *customer)
{
    struct histories_action actions[WALK_REFERENCE_ACTIONS_MAX];
    for (int i = 0; i < customer->action_count; i++) {
        actions[i] = (struct histories_action){.sku_hash = customer->items[i],
                                               .at_ms = customer->at_ms[i],
                                               .quantity = 1,
                                               .kind = 6};
    }
    const struct hash128 id = {customer->high, customer->low};
    histories_put(histories, id, actions, (uint32_t)customer->action_count);
}

static void degrees_publish(struct histories *histories, struct degree_table *table,
                            uint64_t shard)
{
    struct degree_delta delta;
    histories_take_degrees(histories, 1, &delta);
    EXPECT_OK(degree_table_apply(table, shard, &delta));
    degree_delta_close(&delta);
}

static struct walk_query query_of(const struct walk_reference_query *from)
{
    struct walk_query query = {.seeds = from->seeds,
                               .seed_count = (uint32_t)from->seed_count,
                               .customers = (uint32_t)from->m,
                               .power_quarters = (uint32_t)from->power_quarters,
                               .window = (uint32_t)from->window,
                               .bucket_count = (uint32_t)from->v};
    if (from->asker != NULL) {
        query.exclude_customer = true;
        query.customer = (struct hash128){from->asker->high, from->asker->low};
    }
    return query;
}

/* Over so many shards, through the bytes, merged and ranked. */
static void made_ask(const struct made *made, int shard_count, struct arena *arena,
                     struct recommend_ranked *out)
{
    struct walk_partial *partials = arena_alloc(arena, SHARDS_MAX * sizeof *partials);
    const struct walk_partial *pointers[SHARDS_MAX];
    struct walk_partial merged;
    struct histories *shards[SHARDS_MAX];
    struct degree_table *degrees = degree_table_new();
    const struct histories_options options = {.bucket_count = (uint32_t)made->query.v};
    struct walk_query query = query_of(&made->query);
    uint64_t masks[SHARDS_MAX] = {0};
    for (int i = 0; i < shard_count; i++) {
        shards[i] = histories_new(&options);
    }
    for (uint32_t b = 0; b < options.bucket_count; b++) {
        masks[b * (uint32_t)shard_count / options.bucket_count] |= (uint64_t)1 << b;
    }
    for (int i = 0; i < made->customer_count; i++) {
        uint32_t bucket = evidence_bucket(made->customers[i].high, options.bucket_count);
        history_put(shards[bucket * (uint32_t)shard_count / options.bucket_count],
                    &made->customers[i]);
    }
    for (int i = 0; i < shard_count; i++) {
        struct walk_query asked;
        struct walk_partial found;
        struct buffer bytes;
        buffer_init(&bytes);
        degrees_publish(shards[i], degrees, (uint64_t)i + 1);
        query.buckets = masks[i];
        walk_query_encode(&query, &bytes);
        EXPECT_OK(walk_query_decode(buffer_slice(&bytes), arena, &asked));
        EXPECT_OK(walk_search(shards[i], &asked, arena, &found));
        buffer_clear(&bytes);
        walk_partial_encode(&found, &bytes);
        EXPECT_OK(walk_partial_decode(buffer_slice(&bytes), arena, &partials[i]));
        buffer_close(&bytes);
        pointers[i] = &partials[i];
    }
    const struct walk_rank_options rank = {.rank = {.count = RECOMMEND_COUNT_MAX},
                                           .nearest = (uint32_t)made->query.nearest,
                                           .power_hundredths =
                                               (uint32_t)made->query.power_hundredths,
                                           .seed_weights = made->query.seed_weights,
                                           .kind = RECOMMEND_REASON_ALSO_BOUGHT};
    EXPECT_OK(walk_merge(pointers, (size_t)shard_count, arena, &merged));
    EXPECT_OK(walk_rank(&merged, &query, degrees, &rank, arena, out));
    for (int i = 0; i < shard_count; i++) {
        histories_free(shards[i]);
    }
    degree_table_free(degrees);
}

static void compare_item(const struct recommend_ranked_item *actual,
                         const struct walk_reference_item *wanted,
                         const struct made *made, uint64_t seed)
{
    int64_t reasons = 0, wanted_reasons = 0;
    double weight = 0;
    if (actual->sku_hash != wanted->item ||
        memcmp(&actual->score, &wanted->score, sizeof wanted->score) != 0) {
        test_fail(__FILE__, __LINE__,
                  "seed %" PRIu64 ": item %" PRIx64 " %.17g, not %" PRIx64 " %.17g", seed,
                  actual->sku_hash, actual->score, wanted->item, wanted->score);
    }
    for (uint32_t r = 0; r < actual->reason_count; r++) {
        const struct recommend_reason *reason = &actual->reasons[r];
        weight += reason->weight;
        for (int s = 0; s < made->query.seed_count; s++) {
            if (made->query.seeds[s] == reason->related_sku_hash) {
                EXPECT_EQ(reason->evidence_count, wanted->evidence[s]);
                reasons++;
            }
        }
    }
    for (int s = 0; s < made->query.seed_count; s++) {
        wanted_reasons += wanted->evidence[s] > 0;
    }
    EXPECT_EQ(reasons, wanted_reasons);
    EXPECT(fabs(weight - 1.0) < 1e-9);
}

TEST(walk, equals_the_plain_reference_on_10000_random_stores_to_the_last_digit)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct made made;
        struct walk_reference_answer wanted;
        struct recommend_ranked ranked;
        struct arena arena;
        rng_init(&rng, seed);
        made_make(&rng, &made);
        arena_init(&arena, NULL, 0, 0);
        made_ask(&made, 1, &arena, &ranked);
        walk_reference_make(made.customers, made.customer_count, &made.query, &wanted);
        if ((int)ranked.item_count != wanted.item_count) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items, not %d", seed,
                      ranked.item_count, wanted.item_count);
        }
        for (int i = 0; i < wanted.item_count; i++) {
            compare_item(&ranked.items[i], &wanted.items[i], &made, seed);
        }
        arena_close(&arena);
    }
}

TEST(walk, says_the_same_on_1_3_and_9_shards_to_the_last_digit)
{
    for (uint64_t seed = 1; seed <= LAW_STORES; seed++) {
        struct rng rng;
        struct made made;
        struct recommend_ranked one, more;
        struct arena arena;
        rng_init(&rng, seed);
        made_make(&rng, &made);
        made.query.v = 64;
        arena_init(&arena, NULL, 0, 0);
        made_ask(&made, 1, &arena, &one);
        for (int shards = 3; shards <= SHARDS_MAX; shards += 6) {
            made_ask(&made, shards, &arena, &more);
            world_expect_same(&one, &more, seed);
        }
        arena_close(&arena);
    }
}

TEST(walk, weights_by_integer_roots_are_the_powers_rounded)
{
    for (uint32_t quarters = 0; quarters <= WALK_POWER_QUARTERS_MAX; quarters++) {
        for (uint32_t n = 1; n <= HISTORIES_ACTIONS_MAX; n++) {
            long double exact = 0x1p40L * powl(n, -(long double)quarters / 4.0L);
            EXPECT_EQ(walk_weight(n, quarters), llroundl(exact));
        }
    }
}

TEST(walk, in_a_catalogue_of_one_item_nothing_goes_with_it)
{
    struct made made = {.customer_count = 3, .query = {.seed_count = 1}};
    struct recommend_ranked ranked;
    struct arena arena;
    for (int i = 0; i < 3; i++) {
        made.customers[i].low = (uint64_t)i;
        made.customers[i].action_count = 2;
        made.customers[i].items[0] = made.customers[i].items[1] = 7;
    }
    made.query.seeds[0] = 7;
    made.query.seed_weights[0] = 1;
    made.query.v = 64;
    made.query.m = 100;
    made.query.nearest = 10;
    arena_init(&arena, NULL, 0, 0);
    for (made.query.window = 0; made.query.window < 4; made.query.window++) {
        made_ask(&made, 1, &arena, &ranked);
        EXPECT_EQ(ranked.item_count, 0);
    }
    arena_close(&arena);
}

TEST(walk, one_more_customer_raises_the_evidence_by_one)
{
    struct made made = {.query = {.seed_count = 1}};
    struct recommend_ranked ranked;
    struct arena arena;
    made.query.seeds[0] = 1;
    made.query.seed_weights[0] = 1;
    made.query.v = 64;
    made.query.m = 1000;
    made.query.nearest = 10;
    arena_init(&arena, NULL, 0, 0);
    for (int i = 0; i < 20; i++) {
        made.customers[i] = (struct walk_reference_customer){
            .high = (uint64_t)i << 58, .action_count = 3, .items = {1, 2, 1}};
        made.customer_count = i + 1;
        made_ask(&made, 3, &arena, &ranked);
        EXPECT_EQ(ranked.item_count, 1);
        EXPECT(ranked.items[0].reasons[0].related_sku_hash == 1);
        EXPECT_EQ(ranked.items[0].reasons[0].evidence_count, i + 1);
    }
    arena_close(&arena);
}

TEST(walk, a_sum_that_leaves_64_bits_is_refused_and_a_hedged_answer_counts_once)
{
    struct walk_vote vote = {.sku_hash = 9, .sum = INT64_MAX, .evidence = 2};
    struct walk_vote small = {.sku_hash = 9, .sum = 3, .evidence = 2};
    struct walk_partial a = {.bucket_count = 64,
                             .buckets = 1,
                             .seed_count = 1,
                             .seeds = {{.votes = &vote, .count = 1}}};
    struct walk_partial b = a, merged;
    const struct walk_partial *all[] = {&a, &a, &b};
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    b.buckets = 2;
    EXPECT_STATUS(walk_merge(all, 3, &arena, &merged), STATUS_QUANTITY_OVERFLOW);
    a.seeds[0].votes = &small;
    b.seeds[0].votes = &small;
    EXPECT_OK(walk_merge(all, 3, &arena, &merged));
    EXPECT_EQ(merged.seeds[0].votes[0].sum, 6);
    EXPECT_EQ(merged.seeds[0].votes[0].evidence, 4);
    EXPECT_EQ(merged.buckets, 3);
    b.seed_count = 0;
    EXPECT_STATUS(walk_merge(all, 3, &arena, &merged), STATUS_INVALID);
    EXPECT_OK(walk_merge(NULL, 0, &arena, &merged));
    arena_close(&arena);
}

TEST(walk, refuses_a_query_out_of_bounds)
{
    const uint64_t seeds[] = {1, 2, 1};
    const struct walk_query good = {
        .seeds = seeds, .seed_count = 2, .customers = 100, .bucket_count = 64};
    struct walk_query query = good;
    EXPECT_OK(walk_query_check(&query));
    query.seed_count = 3;
    EXPECT_STATUS(walk_query_check(&query), STATUS_INVALID);
    query = good;
    query.window = WALK_WINDOW_MAX + 1;
    EXPECT_STATUS(walk_query_check(&query), STATUS_INVALID);
    query = good;
    query.power_quarters = 5;
    EXPECT_STATUS(walk_query_check(&query), STATUS_INVALID);
    query = good;
    query.bucket_count = 32;
    query.buckets = UINT64_MAX;
    EXPECT_STATUS(walk_query_check(&query), STATUS_INVALID);
    query = good;
    query.customers = 0;
    EXPECT_STATUS(walk_query_check(&query), STATUS_INVALID);
}

TEST(walk, its_query_and_partial_are_the_golden_ones_and_return)
{
    const uint64_t seeds[] = {5, UINT64_MAX};
    struct walk_vote votes[] = {{.sku_hash = 1, .sum = 300, .evidence = 2},
                                {.sku_hash = 9, .sum = 1, .evidence = 200}};
    const struct walk_query query = {.seeds = seeds,
                                     .seed_count = 2,
                                     .customers = 5000,
                                     .power_quarters = 2,
                                     .window = 3,
                                     .bucket_count = 64,
                                     .buckets = 0xf0,
                                     .exclude_customer = true,
                                     .customer = {1, 2}};
    const struct walk_partial partial = {.version = 12345,
                                         .bucket_count = 64,
                                         .buckets = 3,
                                         .seed_count = 2,
                                         .seeds = {{0}, {.votes = votes, .count = 2}}};
    struct walk_query query_back;
    struct walk_partial partial_back;
    struct buffer bytes;
    struct arena arena;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 0);
    walk_query_encode(&query, &bytes);
    golden_expect("golden/recommend/walk_query.bin", buffer_slice(&bytes));
    EXPECT_OK(walk_query_decode(buffer_slice(&bytes), &arena, &query_back));
    EXPECT(query_back.seeds[1] == UINT64_MAX && query_back.customer.low == 2);
    buffer_clear(&bytes);
    walk_partial_encode(&partial, &bytes);
    golden_expect("golden/recommend/walk_partial.bin", buffer_slice(&bytes));
    EXPECT_OK(walk_partial_decode(buffer_slice(&bytes), &arena, &partial_back));
    EXPECT_EQ(partial_back.seeds[1].votes[1].evidence, 200);
    EXPECT_EQ(partial_back.version, 12345);
    bytes.size--;
    EXPECT_STATUS(walk_partial_decode(buffer_slice(&bytes), &arena, &partial_back),
                  STATUS_CHECKSUM);
    bytes.data[0]++;
    EXPECT_STATUS(walk_partial_decode(buffer_slice(&bytes), &arena, &partial_back),
                  STATUS_VERSION);
    arena_close(&arena);
    buffer_close(&bytes);
}

/* Appends mostly, and now and then a late one, one taken back, or one past the limit. */
static uint32_t actions_change(struct rng *rng, struct histories_action *actions,
                               uint32_t count)
{
    uint32_t change = (uint32_t)rng_below(rng, 20);
    int64_t newest_ms = count > 0 ? actions[count - 1].at_ms : 0;
    if (change == 0 && count > 0) { /* any one goes */
        uint32_t place = (uint32_t)rng_below(rng, count);
        memmove(&actions[place], &actions[place + 1],
                (count - place - 1) * sizeof *actions);
        return count - 1;
    }
    if (change == 1 && count > 0) { /* another item, as if it had always been so */
        actions[rng_below(rng, count)].sku_hash = 1 + rng_below(rng, 9);
        return count;
    }
    for (uint32_t i = 0; i < change / 4; i++) {
        newest_ms += (int64_t)rng_below(rng, 2) * DEGREE_PERIOD_MS / 3;
        actions[count++] = (struct histories_action){.sku_hash = 1 + rng_below(rng, 9),
                                                     .at_ms = newest_ms,
                                                     .quantity = 1,
                                                     .kind = rng_below(rng, 3) ? 6 : 1};
    }
    return count;
}

TEST(histories, that_grow_at_their_end_equal_those_put_at_once)
{
    static struct histories_action actions[4][HISTORIES_ACTIONS_MAX + 1000];
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct rng rng;
        uint32_t counts[4] = {0};
        const struct histories_options options = {.kinds = seed % 2 ? 1 << 6 : 0};
        struct histories *grown = histories_new(&options);
        rng_init(&rng, seed);
        for (int step = 0; step < 400; step++) {
            uint64_t c = rng_below(&rng, 4);
            const struct hash128 id = {c << 62, c};
            counts[c] = actions_change(&rng, actions[c], counts[c]);
            histories_put(grown, id, actions[c], counts[c]);
            if (step % 7 != 0 && step < 390) {
                continue;
            }
            struct histories *fresh = histories_new(&options);
            for (uint64_t i = 0; i < 4; i++) {
                const struct hash128 other = {i << 62, i};
                histories_put(fresh, other, actions[i], counts[i]);
            }
            EXPECT_EQ(histories_digest(grown), histories_digest(fresh));
            EXPECT_EQ(histories_counters(grown).postings,
                      histories_counters(fresh).postings);
            EXPECT_EQ(histories_counters(grown).items, histories_counters(fresh).items);
            EXPECT_EQ(histories_counters(grown).customers,
                      histories_counters(fresh).customers);
            histories_free(fresh);
        }
        histories_free(grown);
    }
}

TEST(histories, at_their_limit_hold_the_newest_however_they_came)
{
    static struct histories_action actions[HISTORIES_ACTIONS_MAX + 40];
    const struct histories_options options = {0};
    struct histories *grown = histories_new(&options);
    const struct hash128 id = {5, 5};
    uint32_t count = 0;
    while (count < HISTORIES_ACTIONS_MAX + 40) {
        actions[count] = (struct histories_action){
            .sku_hash = 1 + count % 300, .at_ms = count * 1000, .quantity = 1, .kind = 6};
        count++;
        histories_put(grown, id, actions, count);
        if (count < HISTORIES_ACTIONS_MAX - 1) {
            continue;
        }
        struct histories *fresh = histories_new(&options);
        uint32_t first =
            count > HISTORIES_ACTIONS_MAX ? count - HISTORIES_ACTIONS_MAX : 0;
        histories_put(fresh, id, actions + first, count - first);
        EXPECT_EQ(histories_digest(grown), histories_digest(fresh));
        histories_free(fresh);
    }
    histories_free(grown);
}

TEST(histories, incremental_equals_a_rebuild_and_changes_add_up_to_the_whole)
{
    for (uint64_t seed = 1; seed <= 60; seed++) {
        struct rng rng;
        struct made made;
        rng_init(&rng, seed);
        made_make(&rng, &made);
        const struct histories_options options = {.bucket_count = 4};
        struct histories *histories = histories_new(&options);
        struct degree_table *table = degree_table_new(), *fresh_table;
        for (int step = 0; step < CHANGES && made.customer_count > 0; step++) {
            struct walk_reference_customer *customer =
                &made.customers[rng_below(&rng, (uint64_t)made.customer_count)];
            customer_make(&rng, &made, customer);
            customer->action_count -= (int)rng_below(&rng, 3) == 0;
            history_put(histories, customer);
        }
        degrees_publish(histories, table, 1);
        struct histories *fresh = histories_new(&options);
        for (int i = made.customer_count; i-- > 0;) {
            history_put(histories, &made.customers[i]);
            history_put(fresh, &made.customers[i]);
        }
        struct degree_delta delta;
        histories_take_degrees(histories, 2, &delta);
        EXPECT_OK(degree_table_apply(table, 1, &delta));
        degree_delta_close(&delta);
        fresh_table = degree_table_new();
        histories_take_all_degrees(fresh, 7, &delta);
        EXPECT_OK(degree_table_apply(fresh_table, 1, &delta));
        degree_delta_close(&delta);
        EXPECT(histories_digest(fresh) == histories_digest(histories));
        EXPECT_EQ(histories_counters(fresh).postings,
                  histories_counters(histories).postings);
        EXPECT_EQ(histories_counters(fresh).items, histories_counters(histories).items);
        EXPECT_EQ(degree_table_total(fresh_table), degree_table_total(table));
        for (int i = 0; i < made.catalogue_count; i++) {
            EXPECT_EQ(degree_table_items(table, made.catalogue[i]),
                      histories_degree(fresh, made.catalogue[i]));
        }
        for (int i = 0; i < made.customer_count; i++) {
            made.customers[i].action_count = 0;
            history_put(histories, &made.customers[i]);
        }
        EXPECT_EQ(histories_counters(histories).customers, 0);
        EXPECT_EQ(histories_counters(histories).postings, 0);
        histories_free(histories);
        histories_free(fresh);
        degree_table_free(table);
        degree_table_free(fresh_table);
    }
}

TEST(histories, keep_the_newest_of_the_kinds_that_count)
{
    const struct histories_options options = {.kinds = 1u << 6};
    struct histories *histories = histories_new(&options);
    static struct histories_action actions[HISTORIES_ACTIONS_MAX + 10];
    const struct hash128 customer = {1, 1};
    for (uint32_t i = 0; i < HISTORIES_ACTIONS_MAX + 10; i++) {
        actions[i] = (struct histories_action){.sku_hash = i, .at_ms = i, .kind = 6};
    }
    actions[HISTORIES_ACTIONS_MAX].kind = 1;
    histories_put(histories, customer, actions, HISTORIES_ACTIONS_MAX + 10);
    EXPECT_EQ(histories_counters(histories).postings, HISTORIES_ACTIONS_MAX);
    EXPECT_EQ(histories_degree(histories, 8), 0);
    EXPECT_EQ(histories_degree(histories, 9), 1);
    EXPECT_EQ(histories_degree(histories, HISTORIES_ACTIONS_MAX), 0);
    histories_free(histories);
}
