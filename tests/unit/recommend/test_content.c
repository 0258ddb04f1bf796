/* SPDX-License-Identifier: Apache-2.0 */
/* Content similarity against plain loops written a second time. */
#include <math.h>

#include "shard/base/rng.h"
#include "shard/recommend/content.h"
#include "shard/recommend/evidence.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/golden.h"
#include "tests/unit/recommend/world.h"

enum {
    STORES = 10000,
    LAW_STORES = 1500,
    SKUS_MAX = 24,
    TOKENS_MAX = 6,
    VOCABULARY = 14,
};

struct sku {
    uint64_t hash;
    uint64_t tokens[TOKENS_MAX]; /* 1 .. VOCABULARY, repeats possible */
    uint32_t count;
    bool here;
};

struct case_ {
    struct sku skus[SKUS_MAX];
    int sku_count;
    int seeds[CONTENT_SEEDS_MAX];
    uint32_t weights[CONTENT_SEEDS_MAX];
    int seed_count;
};

static void sku_make(struct rng *rng, struct sku *sku)
{
    sku->here = rng_below(rng, 5) > 0;
    sku->count = (uint32_t)rng_below(rng, TOKENS_MAX + 1);
    for (uint32_t i = 0; i < sku->count; i++) {
        sku->tokens[i] = 1 + rng_below(rng, VOCABULARY);
    }
}

static void case_make(struct rng *rng, struct case_ *made)
{
    *made = (struct case_){.sku_count = 1 + (int)rng_below(rng, SKUS_MAX)};
    for (int i = 0; i < made->sku_count; i++) {
        made->skus[i].hash = rng_next(rng);
        sku_make(rng, &made->skus[i]);
    }
    made->seed_count = (int)rng_below(rng, 4);
    for (int s = 0; s < made->seed_count; s++) {
        made->seeds[s] = (int)rng_below(rng, (uint64_t)made->sku_count);
        made->weights[s] = 1 + (uint32_t)rng_below(rng, 3);
    }
}

static bool has(const struct sku *sku, uint64_t token)
{
    for (uint32_t i = 0; i < sku->count; i++) {
        if (sku->tokens[i] == token) {
            return true;
        }
    }
    return false;
}

/* floor(65536 log2 v), found by trying: 2^n <= v^65536 through long doubles. */
static int64_t log2_of(int64_t value)
{
    return (int64_t)floorl(65536.0L * log2l((long double)value) + 1e-9L);
}

static int64_t square_of(const struct case_ *made, uint64_t token)
{
    int64_t all = 0, with = 0;
    for (int i = 0; i < made->sku_count; i++) {
        all += made->skus[i].here;
        with += made->skus[i].here && has(&made->skus[i], token);
    }
    int64_t weight = with > 0 ? log2_of(all) - log2_of(with) : 0;
    return weight * weight;
}

static int64_t similarity(const struct case_ *made, const struct sku *a,
                          const struct sku *b, int64_t *out_common, bool *out_reached)
{
    int64_t dot = 0, norm_a = 0, norm_b = 0;
    *out_common = 0;
    for (uint64_t token = 1; token <= VOCABULARY; token++) {
        int64_t square = square_of(made, token);
        norm_a += has(a, token) ? square : 0;
        norm_b += has(b, token) ? square : 0;
        if (has(a, token) && has(b, token)) {
            dot += square;
            *out_common += 1;
            *out_reached = *out_reached || square > 0;
        }
    }
    int64_t root = (int64_t)sqrtl((long double)norm_a * (long double)norm_b);
    while ((long double)root * root > (long double)norm_a * norm_b) {
        root--;
    }
    while ((long double)(root + 1) * (root + 1) <= (long double)norm_a * norm_b) {
        root++;
    }
    return root > 0 ? (int64_t)floorl(ldexpl((long double)dot, 30) / root) : 0;
}

struct wanted {
    uint64_t sku;
    int64_t sum;
    int64_t common[CONTENT_SEEDS_MAX];
    int64_t part[CONTENT_SEEDS_MAX];
};

static int wanted_order(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;
    if (a->sum != b->sum) {
        return a->sum > b->sum ? -1 : 1;
    }
    return a->sku < b->sku ? -1 : 1;
}

static int reference(const struct case_ *made, struct wanted *out)
{
    int count = 0;
    for (int i = 0; i < made->sku_count; i++) {
        const struct sku *sku = &made->skus[i];
        struct wanted item = {.sku = sku->hash};
        bool reached = false, is_seed = false;
        for (int s = 0; s < made->seed_count && sku->here; s++) {
            const struct sku *seed = &made->skus[made->seeds[s]];
            is_seed = is_seed || seed == sku;
            if (seed->here) {
                item.part[s] = made->weights[s] *
                               similarity(made, seed, sku, &item.common[s], &reached);
                item.sum += item.part[s];
            }
        }
        if (reached && !is_seed) {
            out[count++] = item;
        }
    }
    if (count > 0) {
        qsort(out, (size_t)count, sizeof *out, wanted_order);
    }
    return count;
}

/* Over so many shards, cut by the hash of the SKU. */
struct shards {
    struct content_index *index[WORLD_SHARDS_MAX];
    uint64_t masks[WORLD_SHARDS_MAX];
    struct degree_table *degrees;
    int count;
};

static int shard_of(const struct shards *shards, uint64_t hash)
{
    return (int)(evidence_bucket(hash, 64) * (uint32_t)shards->count / 64);
}

static void shards_open(struct shards *shards, const struct case_ *made, int count)
{
    *shards = (struct shards){.degrees = degree_table_new(), .count = count};
    for (int i = 0; i < count; i++) {
        shards->index[i] = content_new();
    }
    for (uint32_t b = 0; b < 64; b++) {
        shards->masks[b * (uint32_t)count / 64] |= (uint64_t)1 << b;
    }
    for (int i = 0; i < made->sku_count; i++) {
        const struct sku *sku = &made->skus[i];
        if (sku->here) {
            content_put(shards->index[shard_of(shards, sku->hash)], sku->hash,
                        sku->tokens, sku->count);
        }
    }
    for (int i = 0; i < count; i++) {
        struct degree_delta delta;
        content_take_degrees(shards->index[i], 1, &delta);
        EXPECT_OK(degree_table_apply(shards->degrees, (uint64_t)i + 1, &delta));
        degree_delta_close(&delta);
    }
}

static void shards_close(struct shards *shards)
{
    for (int i = 0; i < shards->count; i++) {
        content_free(shards->index[i]);
    }
    degree_table_free(shards->degrees);
}

static void shards_ask(const struct shards *shards, const struct case_ *made,
                       uint32_t most, struct arena *arena, struct recommend_ranked *out)
{
    struct content_query query = {.seed_count = (uint32_t)made->seed_count,
                                  .count = most,
                                  .reach = CONTENT_TOKEN_REACH_DEFAULT,
                                  .bucket_count = 64};
    struct recommend_partial partials[WORLD_SHARDS_MAX], merged;
    const struct recommend_partial *pointers[WORLD_SHARDS_MAX];
    for (int s = 0; s < made->seed_count; s++) {
        const struct sku *sku = &made->skus[made->seeds[s]];
        query.seeds[s].sku_hash = sku->hash;
        query.seeds[s].weight = made->weights[s];
        query.seeds[s].tokens = content_tokens(shards->index[shard_of(shards, sku->hash)],
                                               sku->hash, &query.seeds[s].token_count);
    }
    for (int i = 0; i < shards->count; i++) {
        struct content_query asked;
        struct recommend_partial found;
        struct buffer bytes;
        buffer_init(&bytes);
        query.buckets = shards->masks[i];
        content_query_encode(&query, &bytes);
        EXPECT_OK(content_query_decode(buffer_slice(&bytes), arena, &asked));
        EXPECT_OK(
            content_search(shards->index[i], shards->degrees, &asked, arena, &found));
        buffer_clear(&bytes);
        recommend_partial_encode(&found, &bytes);
        EXPECT_OK(recommend_partial_decode(buffer_slice(&bytes), arena, &partials[i]));
        buffer_close(&bytes);
        pointers[i] = &partials[i];
    }
    const struct recommend_rank_options options = {.count = most};
    EXPECT_OK(recommend_merge(pointers, (size_t)shards->count, arena, &merged));
    EXPECT_OK(content_rank(&merged, &query, &options, arena, out));
}

static void compare_item(const struct recommend_ranked_item *item,
                         const struct wanted *wanted, const struct case_ *made,
                         uint64_t seed)
{
    double weights = 0;
    int64_t common = 0, wanted_common = 0;
    for (int s = 0; s < made->seed_count; s++) {
        weights += made->weights[s];
        wanted_common += wanted->part[s] > 0 ? wanted->common[s] : 0;
    }
    double score = (double)wanted->sum / 0x1p30 / weights;
    if (item->sku_hash != wanted->sku ||
        memcmp(&item->score, &score, sizeof score) != 0) {
        test_fail(__FILE__, __LINE__,
                  "seed %" PRIu64 ": %" PRIx64 " %.17g, not %" PRIx64 " %.17g", seed,
                  item->sku_hash, item->score, wanted->sku, score);
    }
    for (uint32_t r = 0; r < item->reason_count; r++) {
        EXPECT_EQ(item->reasons[r].kind, RECOMMEND_REASON_SIMILAR);
        common += (int64_t)item->reasons[r].evidence_count;
    }
    EXPECT_EQ(common, wanted_common);
}

TEST(content, equals_the_plain_reference_on_10000_random_stores)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct shards shards;
        struct wanted wanted[SKUS_MAX];
        struct recommend_ranked ranked;
        struct arena arena;
        rng_init(&rng, seed);
        case_make(&rng, &made);
        arena_init(&arena, NULL, 0, 0);
        shards_open(&shards, &made, 1);
        shards_ask(&shards, &made, RECOMMEND_COUNT_MAX, &arena, &ranked);
        int count = reference(&made, wanted);
        if ((int)ranked.item_count != count) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items, not %d", seed,
                      ranked.item_count, count);
        }
        for (int i = 0; i < count; i++) {
            compare_item(&ranked.items[i], &wanted[i], &made, seed);
        }
        shards_close(&shards);
        arena_close(&arena);
    }
}

TEST(content, says_the_same_on_1_3_and_9_shards_to_the_last_digit)
{
    for (uint64_t seed = 1; seed <= LAW_STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct recommend_ranked ranked[3];
        struct arena arena;
        const int shard_counts[] = {1, 3, 9};
        rng_init(&rng, seed);
        case_make(&rng, &made);
        arena_init(&arena, NULL, 0, 0);
        for (int i = 0; i < 3; i++) {
            struct shards shards;
            shards_open(&shards, &made, shard_counts[i]);
            shards_ask(&shards, &made, 5, &arena, &ranked[i]);
            shards_close(&shards);
        }
        world_expect_same(&ranked[0], &ranked[1], seed);
        world_expect_same(&ranked[0], &ranked[2], seed);
        arena_close(&arena);
    }
}

TEST(content, incremental_equals_a_rebuild_and_changes_add_up_to_the_whole)
{
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct rng rng;
        struct case_ made;
        struct content_index *index = content_new(), *fresh = content_new();
        struct degree_table *table = degree_table_new(), *whole = degree_table_new();
        struct degree_delta delta;
        rng_init(&rng, seed);
        case_make(&rng, &made);
        for (int step = 0; step < 300; step++) {
            struct sku *sku = &made.skus[rng_below(&rng, (uint64_t)made.sku_count)];
            sku_make(&rng, sku);
            if (sku->here) {
                content_put(index, sku->hash, sku->tokens, sku->count);
            } else {
                content_remove(index, sku->hash);
            }
            if (step % 7 == 0) {
                content_take_degrees(index, (uint64_t)step + 1, &delta);
                EXPECT_OK(degree_table_apply(table, 1, &delta));
                degree_delta_close(&delta);
            }
        }
        content_take_degrees(index, 1000, &delta);
        EXPECT_OK(degree_table_apply(table, 1, &delta));
        degree_delta_close(&delta);
        content_take_all_degrees(index, 1001, &delta);
        EXPECT_OK(degree_table_apply(whole, 1, &delta));
        degree_delta_close(&delta);
        for (int i = made.sku_count; i-- > 0;) {
            content_remove(index, made.skus[i].here ? 0 : made.skus[i].hash);
            if (rng_below(&rng, 2) == 0 || made.skus[i].here) {
                content_put(fresh, made.skus[i].hash, made.skus[i].tokens,
                            made.skus[i].count);
            }
            if (!made.skus[i].here) {
                content_remove(fresh, made.skus[i].hash);
            }
        }
        EXPECT(content_digest(fresh) == content_digest(index));
        EXPECT_EQ(content_count(fresh), content_count(index));
        for (uint64_t token = CONTENT_TOKEN_SKUS; token <= VOCABULARY; token++) {
            EXPECT_EQ(degree_table_items(table, token), degree_table_items(whole, token));
        }
        content_free(index);
        content_free(fresh);
        degree_table_free(table);
        degree_table_free(whole);
    }
}

TEST(content, a_common_token_is_weighed_but_brings_no_candidates)
{
    const uint64_t tokens[] = {1, 2};
    struct case_ made = {.sku_count = 6, .seed_count = 1, .weights = {1}};
    struct shards shards;
    struct recommend_ranked ranked;
    struct arena arena;
    for (int i = 0; i < 6; i++) {
        made.skus[i] = (struct sku){.hash = (uint64_t)i + 1, .here = true};
        made.skus[i].count = i < 5 ? 1 : 0;
        made.skus[i].tokens[0] = 1;
    }
    for (int i = 0; i < 2; i++) {
        memcpy(made.skus[i].tokens, tokens, sizeof tokens);
        made.skus[i].count = 2;
    }
    arena_init(&arena, NULL, 0, 0);
    shards_open(&shards, &made, 1);
    shards_ask(&shards, &made, 10, &arena, &ranked);
    EXPECT_EQ(ranked.item_count, 4);
    EXPECT(ranked.items[0].sku_hash == 2 && ranked.items[0].score > 0.999);
    struct content_query query = {
        .seed_count = 1,
        .count = 10,
        .reach = 4,
        .bucket_count = 64,
        .buckets = UINT64_MAX,
        .seeds = {{.sku_hash = 1, .tokens = tokens, .token_count = 2, .weight = 1}}};
    struct recommend_partial partial;
    EXPECT_OK(content_search(shards.index[0], shards.degrees, &query, &arena, &partial));
    EXPECT_EQ(partial.item_count, 1);
    query.seeds[0].weight = 0;
    EXPECT_STATUS(content_query_check(&query), STATUS_INVALID);
    query.seeds[0].weight = 1;
    query.count = 0;
    EXPECT_STATUS(content_query_check(&query), STATUS_INVALID);
    shards_close(&shards);
    arena_close(&arena);
}

TEST(content, one_item_alone_is_similar_to_nothing_and_a_flood_of_tokens_is_cut)
{
    struct content_index *index = content_new();
    uint64_t tokens[CONTENT_TOKENS_MAX + 20];
    uint32_t count;
    for (uint32_t i = 0; i < CONTENT_TOKENS_MAX + 20; i++) {
        tokens[i] = CONTENT_TOKENS_MAX + 20 - i;
    }
    content_put(index, 7, tokens, CONTENT_TOKENS_MAX + 20);
    const uint64_t *kept = content_tokens(index, 7, &count);
    EXPECT_EQ(count, CONTENT_TOKENS_MAX);
    EXPECT(kept[0] == 1 && kept[CONTENT_TOKENS_MAX - 1] == CONTENT_TOKENS_MAX);
    EXPECT(content_tokens(index, 8, &count) == NULL && count == 0);
    const struct content_query query = {
        .seed_count = 1,
        .count = 5,
        .reach = 10,
        .bucket_count = 1,
        .buckets = 1,
        .seeds = {{.sku_hash = 9, .tokens = kept, .token_count = 3, .weight = 1}}};
    struct degree_table *degrees = degree_table_new();
    struct degree_delta delta;
    struct recommend_partial partial;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    content_take_degrees(index, 1, &delta);
    EXPECT_OK(degree_table_apply(degrees, 1, &delta));
    degree_delta_close(&delta);
    EXPECT_OK(content_search(index, degrees, &query, &arena, &partial));
    EXPECT_EQ(partial.item_count, 0); /* what everything has tells nothing */
    arena_close(&arena);
    degree_table_free(degrees);
    content_free(index);
}

TEST(content, the_same_tokens_again_change_nothing_to_be_told)
{
    const uint64_t tokens[] = {5, 3, 5}, same[] = {3, 5, 3}, others[] = {3, 6};
    struct content_index *index = content_new();
    struct degree_delta delta;
    EXPECT(!content_degrees_changed(index));
    content_put(index, 1, tokens, 3);
    EXPECT(content_degrees_changed(index));
    content_take_degrees(index, 1, &delta);
    degree_delta_close(&delta);
    uint64_t digest = content_digest(index);
    content_put(index, 1, same, 3);
    EXPECT(!content_degrees_changed(index));
    EXPECT_EQ(content_digest(index), digest);
    content_put(index, 1, others, 2);
    content_take_degrees(index, 2, &delta);
    EXPECT_EQ(delta.change_count, 2); /* one less with 5, one more with 6 */
    degree_delta_close(&delta);
    content_put(index, 2, NULL, 0);
    content_take_degrees(index, 3, &delta);
    content_put(index, 2, NULL, 0);
    EXPECT(!content_degrees_changed(index));
    EXPECT_EQ(content_count(index), 2);
    degree_delta_close(&delta);
    content_free(index);
}

TEST(content, its_logarithm_is_exact_below_a_million)
{
    for (uint64_t value = 1; value < 1000000; value += 1 + value / 100) {
        EXPECT_EQ(content_log2(value), log2_of((int64_t)value));
    }
    EXPECT_EQ(content_log2(UINT64_MAX), (64 << 16) - 1);
}

TEST(content, its_query_is_the_golden_one_and_returns)
{
    const uint64_t tokens[] = {3, UINT64_MAX};
    const struct content_query query = {
        .seed_count = 2,
        .count = 40,
        .reach = 5000,
        .bucket_count = 64,
        .buckets = 0xff,
        .seeds = {{.sku_hash = 9, .tokens = tokens, .token_count = 2, .weight = 3},
                  {.sku_hash = 10, .weight = 1}}};
    struct content_query back;
    struct buffer bytes;
    struct arena arena;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 0);
    content_query_encode(&query, &bytes);
    golden_expect("golden/recommend/content_query.bin", buffer_slice(&bytes));
    EXPECT_OK(content_query_decode(buffer_slice(&bytes), &arena, &back));
    EXPECT(back.seeds[0].tokens[1] == UINT64_MAX && back.seeds[1].token_count == 0);
    bytes.data[0]++;
    EXPECT_STATUS(content_query_decode(buffer_slice(&bytes), &arena, &back),
                  STATUS_VERSION);
    arena_close(&arena);
    buffer_close(&bytes);
}
