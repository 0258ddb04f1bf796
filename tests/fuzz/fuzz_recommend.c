/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What nodes send each other about recommendations. The first byte picks the decoder.
 * What decodes must encode and decode to the same, and be safe to use: searched, merged,
 * ranked, added up.
 */
#include "shard/base/assert.h"
#include "shard/recommend/arrivals.h"
#include "shard/recommend/content.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/histories.h"
#include "shard/recommend/rank.h"
#include "shard/recommend/walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void fuzz_query(struct slice bytes, struct arena *arena)
{
    struct recommend_query query, again;
    struct recommend_partial partial;
    struct buffer encoded;
    if (recommend_query_decode(bytes, arena, &query) != STATUS_OK) {
        return;
    }
    buffer_init(&encoded);
    recommend_query_encode(&query, &encoded);
    ASSERT(recommend_query_decode(buffer_slice(&encoded), arena, &again) == STATUS_OK);
    buffer_close(&encoded);
    const struct evidence_options options = {.bucket_count = query.bucket_count};
    struct evidence *evidence = evidence_new(&options);
    for (uint32_t i = 0; i < query.click_count; i++) {
        const struct evidence_session session = {.session_hash = i + 1,
                                                 .customer = {i * 0x9e3779b97f4a7c15u, i},
                                                 .end_ms = i,
                                                 .items = query.clicks,
                                                 .item_count = i + 1};
        evidence_put(evidence, &session);
    }
    enum status status = recommend_search(evidence, &query, arena, &partial);
    ASSERT(status == STATUS_OK || status == STATUS_TOO_LARGE);
    evidence_free(evidence);
}

static void fuzz_partial(struct slice bytes, struct arena *arena)
{
    struct recommend_partial partial, again, merged;
    struct buffer first, second;
    if (recommend_partial_decode(bytes, arena, &partial) != STATUS_OK) {
        return;
    }
    buffer_init(&first);
    buffer_init(&second);
    recommend_partial_encode(&partial, &first);
    if (recommend_partial_decode(buffer_slice(&first), arena, &again) == STATUS_OK) {
        recommend_partial_encode(&again, &second);
        ASSERT(slice_equal(buffer_slice(&first), buffer_slice(&second)));
        again.buckets = ~partial.buckets;
        const struct recommend_partial *all[] = {&partial, &again};
        (void)!recommend_merge(all, 2, arena, &merged);
    }
    buffer_close(&first);
    buffer_close(&second);
}

static void fuzz_degrees(struct slice bytes)
{
    struct degree_delta delta;
    size_t count;
    if (degree_delta_decode(bytes, &delta) != STATUS_OK) {
        return;
    }
    struct degree_table *table = degree_table_new();
    delta.whole = true;
    ASSERT(degree_table_apply(table, 1, &delta) == STATUS_OK);
    ASSERT(degree_table_apply(table, 2, &delta) == STATUS_OK);
    (void)degree_table_popular(table, 0, &count);
    degree_table_drop(table, 1);
    degree_table_drop(table, 2);
    ASSERT(degree_table_total(table) == 0);
    degree_table_free(table);
    degree_delta_close(&delta);
}

static void fuzz_walk_query(struct slice bytes, struct arena *arena)
{
    struct walk_query query, again;
    struct walk_partial partial;
    struct buffer encoded;
    if (walk_query_decode(bytes, arena, &query) != STATUS_OK) {
        return;
    }
    buffer_init(&encoded);
    walk_query_encode(&query, &encoded);
    ASSERT(walk_query_decode(buffer_slice(&encoded), arena, &again) == STATUS_OK);
    buffer_close(&encoded);
    const struct histories_options options = {.bucket_count = query.bucket_count};
    struct histories *histories = histories_new(&options);
    for (uint32_t i = 0; i < query.seed_count; i++) {
        const struct hash128 customer = {i * 0x9e3779b97f4a7c15u, i};
        const struct histories_action actions[] = {{.sku_hash = query.seeds[0]},
                                                   {.sku_hash = query.seeds[i]}};
        histories_put(histories, customer, actions, 2);
    }
    enum status status = walk_search(histories, &query, arena, &partial);
    ASSERT(status == STATUS_OK || status == STATUS_TOO_LARGE);
    histories_free(histories);
}

static void fuzz_walk_partial(struct slice bytes, struct arena *arena)
{
    struct walk_partial partial, again, merged;
    struct recommend_ranked ranked;
    struct buffer first;
    if (walk_partial_decode(bytes, arena, &partial) != STATUS_OK) {
        return;
    }
    buffer_init(&first);
    walk_partial_encode(&partial, &first);
    if (walk_partial_decode(buffer_slice(&first), arena, &again) == STATUS_OK) {
        const struct walk_partial *all[] = {&partial, &again};
        again.buckets = ~partial.buckets;
        if (walk_merge(all, 2, arena, &merged) == STATUS_OK) {
            uint64_t seeds[WALK_SEEDS_MAX] = {0};
            const struct walk_query query = {.seeds = seeds,
                                             .seed_count = merged.seed_count};
            const struct walk_rank_options options = {.rank = {.count = 5}, .nearest = 3};
            struct degree_table *table = degree_table_new();
            (void)!walk_rank(&merged, &query, table, &options, arena, &ranked);
            degree_table_free(table);
        }
    }
    buffer_close(&first);
}

static void fuzz_content_query(struct slice bytes, struct arena *arena)
{
    struct content_query query, again;
    struct recommend_partial partial;
    struct degree_delta delta;
    struct buffer encoded;
    if (content_query_decode(bytes, arena, &query) != STATUS_OK) {
        return;
    }
    buffer_init(&encoded);
    content_query_encode(&query, &encoded);
    ASSERT(content_query_decode(buffer_slice(&encoded), arena, &again) == STATUS_OK);
    buffer_close(&encoded);
    struct content_index *index = content_new();
    struct degree_table *table = degree_table_new();
    for (uint32_t s = 0; s < query.seed_count; s++) {
        const struct content_seed *seed = &query.seeds[s];
        content_put(index, seed->sku_hash + 1, seed->tokens, seed->token_count);
        content_put(index, seed->sku_hash + 2, seed->tokens, seed->token_count / 2);
    }
    content_take_degrees(index, 1, &delta);
    ASSERT(degree_table_apply(table, 1, &delta) == STATUS_OK);
    degree_delta_close(&delta);
    enum status status = content_search(index, table, &query, arena, &partial);
    ASSERT(status == STATUS_OK || status == STATUS_TOO_LARGE);
    degree_table_free(table);
    content_free(index);
}

static void fuzz_arrivals(struct slice bytes, struct arena *arena)
{
    struct arrivals_list lists[2], merged;
    struct recommend_ranked ranked;
    struct buffer encoded;
    if (arrivals_list_decode(bytes, arena, &lists[0]) != STATUS_OK) {
        return;
    }
    buffer_init(&encoded);
    arrivals_list_encode(&lists[0], &encoded);
    ASSERT(arrivals_list_decode(buffer_slice(&encoded), arena, &lists[1]) == STATUS_OK);
    buffer_close(&encoded);
    const struct arrivals_options options = {.rank = {.count = 9}, .explored = 4};
    if (arrivals_merge(lists, 2, ARRIVALS_POOL_MAX, arena, &merged) == STATUS_OK) {
        (void)!arrivals_rank(&merged, &options, arena, &ranked);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena arena;
    if (size == 0) {
        return 0;
    }
    struct slice bytes = slice_of(data + 1, size - 1);
    arena_init(&arena, NULL, 0, 1 << 22);
    switch (data[0] % 8) {
    case 0:
        fuzz_query(bytes, &arena);
        break;
    case 1:
        fuzz_partial(bytes, &arena);
        break;
    case 2:
        fuzz_degrees(bytes);
        break;
    case 3:
        fuzz_walk_query(bytes, &arena);
        break;
    case 4:
        fuzz_walk_partial(bytes, &arena);
        break;
    case 5:
        fuzz_content_query(bytes, &arena);
        break;
    case 6:
        fuzz_arrivals(bytes, &arena);
        break;
    default:
        break;
    }
    arena_close(&arena);
    return 0;
}
