/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"
#include "shard/recommend/arrivals.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/golden.h"

enum {
    STORES = 10000,
    SKUS_MAX = 30,
    SHARDS_MAX = 9,
};

struct sku {
    uint64_t hash;
    int64_t create_ms;
};

static int newest_first(const void *left, const void *right)
{
    const struct sku *a = left, *b = right;
    if (a->create_ms != b->create_ms) {
        return a->create_ms > b->create_ms ? -1 : 1;
    }
    return a->hash < b->hash ? -1 : 1;
}

/* By selection, again and again: the newest, then the lowest lots. */
static int reference(struct sku *skus, int count, uint32_t pool,
                     const struct arrivals_options *options, uint64_t *out)
{
    int shown = 0, most = (int)options->rank.count;
    bool used[SKUS_MAX] = {0};
    if (count > 0) {
        qsort(skus, (size_t)count, sizeof *skus, newest_first);
    }
    count = count < (int)pool ? count : (int)pool;
    for (int i = 0; i < count; i++) {
        used[i] = skus[i].create_ms < options->from_ms;
        for (size_t n = 0; n < options->rank.excluded_count; n++) {
            used[i] = used[i] || options->rank.excluded[n] == skus[i].hash;
        }
        if (!used[i] && shown < most - (int)options->explored) {
            out[shown++] = skus[i].hash;
            used[i] = true;
        }
    }
    while (shown < most) {
        int lowest = -1;
        uint64_t lot = 0;
        for (int i = 0; i < count; i++) {
            uint64_t mine = hash_mix(skus[i].hash ^ hash_mix(options->seed));
            if (!used[i] && (lowest < 0 || mine < lot)) {
                lowest = i;
                lot = mine;
            }
        }
        if (lowest < 0) {
            break;
        }
        used[lowest] = true;
        out[shown++] = skus[lowest].hash;
    }
    return shown;
}

static void arrivals_ask(const struct sku *skus, int count, uint32_t pool, int shards,
                         struct arena *arena, struct arrivals_list *out)
{
    struct arrivals_list lists[SHARDS_MAX];
    struct arrivals *all[SHARDS_MAX];
    for (int i = 0; i < shards; i++) {
        all[i] = arrivals_new();
    }
    for (int i = 0; i < count; i++) {
        struct arrivals *mine = all[skus[i].hash % (uint64_t)shards];
        arrivals_put(mine, skus[i].hash, 5000 - skus[i].create_ms);
        arrivals_put(mine, skus[i].hash + 1, 7);
        arrivals_remove(mine, skus[i].hash + 1);
        arrivals_put(mine, skus[i].hash, skus[i].create_ms);
    }
    for (int i = 0; i < shards; i++) {
        struct arrivals_list list;
        struct buffer bytes;
        buffer_init(&bytes);
        EXPECT_OK(arrivals_newest(all[i], pool, arena, &list));
        arrivals_list_encode(&list, &bytes);
        EXPECT_OK(arrivals_list_decode(buffer_slice(&bytes), arena, &lists[i]));
        buffer_close(&bytes);
        arrivals_free(all[i]);
    }
    EXPECT_OK(arrivals_merge(lists, (size_t)shards, pool, arena, out));
}

TEST(arrivals, equal_the_plain_reference_on_10000_random_stores_and_1_3_and_9_shards)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct sku skus[SKUS_MAX];
        uint64_t wanted[SKUS_MAX];
        struct arrivals_list pool;
        struct recommend_ranked ranked;
        struct arena arena;
        rng_init(&rng, seed);
        int count = (int)rng_below(&rng, SKUS_MAX + 1);
        for (int i = 0; i < count; i++) {
            skus[i] = (struct sku){rng_next(&rng) & ~UINT64_C(1),
                                   (int64_t)rng_below(&rng, 12) - 4};
        }
        const uint64_t excluded = count > 0 ? skus[0].hash : 0;
        struct arrivals_options options = {
            .rank = {.count = 1 + (uint32_t)rng_below(&rng, 20),
                     .excluded = &excluded,
                     .excluded_count = rng_below(&rng, 2)},
            .from_ms = (int64_t)rng_below(&rng, 8) - 4,
            .seed = rng_next(&rng)};
        options.explored = (uint32_t)rng_below(&rng, options.rank.count + 1);
        uint32_t most = 1 + (uint32_t)rng_below(&rng, 30);
        const int shards[] = {1, 3, 9};
        arena_init(&arena, NULL, 0, 0);
        arrivals_ask(skus, count, most, shards[seed % 3], &arena, &pool);
        EXPECT_OK(arrivals_rank(&pool, &options, &arena, &ranked));
        int shown = reference(skus, count, most, &options, wanted);
        if ((int)ranked.item_count != shown) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items, not %d", seed,
                      ranked.item_count, shown);
        }
        for (int i = 0; i < shown; i++) {
            if (ranked.items[i].sku_hash != wanted[i]) {
                test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": place %d", seed, i);
            }
        }
        arena_close(&arena);
    }
}

TEST(arrivals, removals_from_a_long_list_bring_the_older_back)
{
    struct arrivals *arrivals = arrivals_new();
    struct arrivals_list list;
    struct arena arena;
    const uint64_t many = 6 * ARRIVALS_POOL_MAX;
    arena_init(&arena, NULL, 0, 0);
    for (uint64_t i = 1; i <= many; i++) {
        arrivals_put(arrivals, i, (int64_t)(i * 7919 % many));
    }
    for (uint64_t gone = 0; gone < many; gone += 250) {
        EXPECT_OK(arrivals_newest(arrivals, ARRIVALS_POOL_MAX, &arena, &list));
        uint64_t left = many - gone;
        EXPECT_EQ(list.item_count, left < ARRIVALS_POOL_MAX ? left : ARRIVALS_POOL_MAX);
        for (uint32_t i = 0; i < list.item_count; i++) {
            EXPECT_EQ(list.items[i].create_ms, left - 1 - i);
        }
        for (uint32_t i = 0; i < 250 && i < list.item_count; i++) {
            arrivals_remove(arrivals, list.items[i].sku_hash);
        }
        arena_reset(&arena);
    }
    EXPECT_EQ(arrivals_count(arrivals), 0);
    EXPECT_STATUS(arrivals_newest(arrivals, ARRIVALS_POOL_MAX + 1, &arena, &list),
                  STATUS_INVALID);
    arena_close(&arena);
    arrivals_free(arrivals);
}

TEST(arrivals, of_equal_skus_have_equal_digests_however_they_came)
{
    struct arrivals *one = arrivals_new(), *other = arrivals_new();
    for (uint64_t i = 0; i < 10; i++) {
        arrivals_put(one, i, (int64_t)i * 3);
        arrivals_put(other, 9 - i, 5);
        arrivals_put(other, 9 - i, (int64_t)(9 - i) * 3);
    }
    EXPECT_EQ(arrivals_digest(one), arrivals_digest(other));
    EXPECT(arrivals_memory_bytes(one) > 10 * sizeof(struct arrival));
    arrivals_put(other, 3, 10);
    EXPECT(arrivals_digest(one) != arrivals_digest(other));
    arrivals_remove(one, 3);
    arrivals_remove(other, 3);
    EXPECT_EQ(arrivals_digest(one), arrivals_digest(other));
    arrivals_free(one);
    arrivals_free(other);
}

TEST(arrivals, their_list_is_the_golden_one_and_returns)
{
    struct arrival items[] = {{9, 1800000000000}, {1, -5}, {2, -5}};
    const struct arrivals_list list = {items, 3};
    struct arrivals_list back;
    struct buffer bytes;
    struct arena arena;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 0);
    arrivals_list_encode(&list, &bytes);
    golden_expect("golden/recommend/arrivals.bin", buffer_slice(&bytes));
    EXPECT_OK(arrivals_list_decode(buffer_slice(&bytes), &arena, &back));
    EXPECT_EQ(back.item_count, 3);
    EXPECT(memcmp(back.items, items, sizeof items) == 0);
    bytes.size--;
    EXPECT_STATUS(arrivals_list_decode(buffer_slice(&bytes), &arena, &back),
                  STATUS_CHECKSUM);
    arena_close(&arena);
    buffer_close(&bytes);
}
