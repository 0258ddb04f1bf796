/* SPDX-License-Identifier: Apache-2.0 */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/encode.h"
#include "shard/recommend/best.h"
#include "shard/recommend/content_private.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/shared.h"

enum {
    LOG_BITS = 16,
};

uint32_t content_log2(uint64_t value)
{
    uint32_t whole = 63u - (uint32_t)__builtin_clzll(value), part = 0;
    /* x in [1, 2) as 2^63 .. 2^64; each squaring tells the next digit. */
    uint64_t x = value << (63 - whole);
    for (int bit = LOG_BITS - 1; bit >= 0; bit--) {
        shared_wide square = (shared_wide)x * x;
        if (square >> 127 != 0) {
            part |= 1u << bit;
            x = (uint64_t)(square >> 64);
        } else {
            x = (uint64_t)(square >> 63);
        }
    }
    return whole << LOG_BITS | part;
}

/* w(t)^2; 0 for a token that every SKU has, or that nobody has published yet. */
static uint64_t token_square(const struct degree_table *degrees, uint64_t token)
{
    int64_t all = degree_table_items(degrees, CONTENT_TOKEN_SKUS);
    int64_t with = degree_table_items(degrees, token);
    if (with < 1 || with >= all) {
        return 0;
    }
    uint64_t weight = content_log2((uint64_t)all) - content_log2((uint64_t)with);
    return weight * weight;
}

/* --- Query ----------------------------------------------------------------------------- */

enum status content_query_check(const struct content_query *query)
{
    if (query->seed_count > CONTENT_SEEDS_MAX || query->count < 1 ||
        query->count > RECOMMEND_COUNT_MAX || query->reach < 1 ||
        query->reach > CONTENT_TOKEN_REACH_MAX || query->bucket_count < 1 ||
        query->bucket_count > EVIDENCE_BUCKETS_MAX ||
        (query->bucket_count & (query->bucket_count - 1)) != 0 ||
        (query->bucket_count < 64 && query->buckets >> query->bucket_count != 0)) {
        return STATUS_INVALID;
    }
    for (uint32_t s = 0; s < query->seed_count; s++) {
        const struct content_seed *seed = &query->seeds[s];
        if (seed->token_count > CONTENT_TOKENS_MAX || seed->weight < 1 ||
            seed->weight > CONTENT_WEIGHT_MAX) {
            return STATUS_INVALID;
        }
        for (uint32_t i = 1; i < seed->token_count; i++) {
            if (seed->tokens[i - 1] >= seed->tokens[i]) {
                return STATUS_INVALID;
            }
        }
    }
    return STATUS_OK;
}

/* version, varint count, reach, V, le64 buckets, varint seeds, seeds * { le64 sku, varint
 * weight, varint n, n * le64 token } */
void content_query_encode(const struct content_query *query, struct buffer *out)
{
    encode_u8(out, CONTENT_QUERY_VERSION);
    encode_varint(out, query->count);
    encode_varint(out, query->reach);
    encode_varint(out, query->bucket_count);
    encode_le64(out, query->buckets);
    encode_varint(out, query->seed_count);
    for (uint32_t s = 0; s < query->seed_count; s++) {
        const struct content_seed *seed = &query->seeds[s];
        encode_le64(out, seed->sku_hash);
        encode_varint(out, seed->weight);
        encode_varint(out, seed->token_count);
        for (uint32_t i = 0; i < seed->token_count; i++) {
            encode_le64(out, seed->tokens[i]);
        }
    }
}

enum status content_query_decode(struct slice bytes, struct arena *arena,
                                 struct content_query *out_query)
{
    struct reader reader;
    struct content_query query = {0};
    reader_init(&reader, bytes);
    uint8_t version = read_u8(&reader);
    if (version > CONTENT_QUERY_VERSION) {
        return STATUS_VERSION;
    }
    query.count = shared_read_small(&reader, RECOMMEND_COUNT_MAX);
    query.reach = shared_read_small(&reader, CONTENT_TOKEN_REACH_MAX);
    query.bucket_count = shared_read_small(&reader, EVIDENCE_BUCKETS_MAX);
    query.buckets = read_le64(&reader);
    query.seed_count = shared_read_small(&reader, CONTENT_SEEDS_MAX);
    for (uint32_t s = 0; s < query.seed_count; s++) {
        struct content_seed *seed = &query.seeds[s];
        seed->sku_hash = read_le64(&reader);
        seed->weight = shared_read_small(&reader, CONTENT_WEIGHT_MAX);
        seed->token_count = shared_read_small(&reader, CONTENT_TOKENS_MAX);
        uint64_t *tokens = arena_alloc(arena, seed->token_count * sizeof *tokens);
        if (tokens == NULL) {
            return STATUS_TOO_LARGE;
        }
        for (uint32_t i = 0; i < seed->token_count; i++) {
            tokens[i] = read_le64(&reader);
        }
        seed->tokens = tokens;
    }
    TRY(reader_finish(&reader));
    if (version != CONTENT_QUERY_VERSION) {
        return STATUS_CHECKSUM;
    }
    TRY(content_query_check(&query));
    *out_query = query;
    return STATUS_OK;
}

/* --- Search ---------------------------------------------------------------------------- */

struct content_search {
    const struct degree_table *degrees;
    const struct content_query *query;
    uint64_t seed_norms[CONTENT_SEEDS_MAX];
    uint64_t seed_squares[CONTENT_SEEDS_MAX][CONTENT_TOKENS_MAX];
};

struct content_match {
    int64_t part;
    uint32_t common;
};

static struct content_match seed_match(const struct content_search *search, uint32_t s,
                                       const struct content_sku *sku, uint64_t norm)
{
    const struct content_seed *seed = &search->query->seeds[s];
    struct content_match match = {0};
    uint64_t dot = 0;
    uint32_t i = 0, j = 0;
    while (i < seed->token_count && j < sku->token_count) {
        uint64_t a = seed->tokens[i], b = sku->tokens[j];
        if (a == b) {
            dot += search->seed_squares[s][i];
            match.common++;
        }
        i += a <= b;
        j += b <= a;
    }
    uint64_t root = shared_root((shared_wide)search->seed_norms[s] * norm);
    if (root > 0) {
        shared_wide sim = ((shared_wide)dot << CONTENT_SIM_BITS) / root;
        match.part = (int64_t)sim * (int64_t)seed->weight;
    }
    return match;
}

static uint64_t sku_norm(const struct content_search *search,
                         const struct content_sku *sku)
{
    uint64_t norm = 0;
    for (uint32_t i = 0; i < sku->token_count; i++) {
        norm += token_square(search->degrees, sku->tokens[i]);
    }
    return norm;
}

static bool sku_wanted(const struct content_query *query, uint64_t sku_hash)
{
    for (uint32_t s = 0; s < query->seed_count; s++) {
        if (query->seeds[s].sku_hash == sku_hash) {
            return false;
        }
    }
    return (query->buckets >> evidence_bucket(sku_hash, query->bucket_count) & 1) != 0;
}

static void content_prepare(struct content_search *search)
{
    for (uint32_t s = 0; s < search->query->seed_count; s++) {
        const struct content_seed *seed = &search->query->seeds[s];
        for (uint32_t i = 0; i < seed->token_count; i++) {
            uint64_t square = token_square(search->degrees, seed->tokens[i]);
            search->seed_squares[s][i] = square;
            search->seed_norms[s] += square;
        }
    }
}

/* SKUs that share a token that tells something, each once: marks and numbers. */
static uint32_t content_candidates(const struct content_index *index,
                                   const struct content_search *search, uint8_t *marks,
                                   uint32_t *out_numbers)
{
    uint32_t count = 0;
    for (uint32_t s = 0; s < search->query->seed_count; s++) {
        const struct content_seed *seed = &search->query->seeds[s];
        for (uint32_t i = 0; i < seed->token_count; i++) {
            const struct content_token *token =
                content_token_find(index, seed->tokens[i]);
            if (token == NULL || search->seed_squares[s][i] == 0 ||
                degree_table_items(search->degrees, token->hash) > search->query->reach) {
                continue;
            }
            for (size_t n = 0; n < token->count; n++) {
                const struct content_sku *sku = token->entries[n].sku;
                uint8_t bit = (uint8_t)(1u << (sku->number & 7));
                if ((marks[sku->number >> 3] & bit) == 0 &&
                    sku_wanted(search->query, sku->sku_hash)) {
                    marks[sku->number >> 3] |= bit;
                    out_numbers[count++] = sku->number;
                }
            }
        }
    }
    return count;
}

static enum status content_answer(const struct content_index *index,
                                  const struct content_search *search,
                                  const struct best_item *best, uint32_t count,
                                  struct arena *arena, struct recommend_partial *out)
{
    const struct content_query *query = search->query;
    size_t cells = (size_t)count * query->seed_count;
    struct recommend_partial partial = {.bucket_count = query->bucket_count,
                                        .buckets = query->buckets,
                                        .related = query->seed_count,
                                        .item_count = count};
    partial.items = arena_alloc(arena, count * sizeof *partial.items);
    partial.parts = arena_alloc(arena, cells * sizeof *partial.parts);
    partial.evidence = arena_alloc(arena, cells * sizeof *partial.evidence);
    if (partial.items == NULL || partial.parts == NULL || partial.evidence == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct content_sku *sku = index->skus[best[i].row];
        uint64_t norm = sku_norm(search, sku);
        partial.items[i] = sku->sku_hash;
        for (uint32_t s = 0; s < query->seed_count; s++) {
            struct content_match match = seed_match(search, s, sku, norm);
            partial.parts[(size_t)i * query->seed_count + s] =
                match.common > 0 ? match.part : 0;
            partial.evidence[(size_t)i * query->seed_count + s] = match.common;
        }
    }
    *out = partial;
    return STATUS_OK;
}

enum status content_search(const struct content_index *index,
                           const struct degree_table *degrees,
                           const struct content_query *query, struct arena *arena,
                           struct recommend_partial *out_partial)
{
    TRY(content_query_check(query));
    struct content_search *search = arena_zalloc(arena, sizeof *search);
    uint8_t *marks = arena_zalloc(arena, index->sku_count / 8 + 1);
    uint32_t *numbers = arena_alloc(arena, index->sku_count * sizeof *numbers);
    struct best_item *best = arena_alloc(arena, query->count * sizeof *best);
    if (search == NULL || marks == NULL || numbers == NULL || best == NULL) {
        return STATUS_TOO_LARGE;
    }
    search->degrees = degrees;
    search->query = query;
    content_prepare(search);
    uint32_t found = content_candidates(index, search, marks, numbers), count = 0;
    for (uint32_t i = 0; i < found; i++) {
        const struct content_sku *sku = index->skus[numbers[i]];
        uint64_t norm = sku_norm(search, sku);
        int64_t sum = 0;
        for (uint32_t s = 0; s < query->seed_count; s++) {
            sum += seed_match(search, s, sku, norm).part;
        }
        struct best_item item = {(double)sum, sku->sku_hash, numbers[i]}; /* exact */
        count = best_add(best, count, query->count, &item);
    }
    best_sort(best, count);
    return content_answer(index, search, best, count, arena, out_partial);
}

/* --- Rank ------------------------------------------------------------------------------ */

static void content_explain(const struct recommend_partial *merged, uint32_t row,
                            const struct content_query *query,
                            struct recommend_ranked_item *out)
{
    size_t first = (size_t)row * merged->related;
    int64_t total = 0;
    for (uint32_t s = 0; s < merged->related; s++) {
        total += merged->parts[first + s];
    }
    for (uint32_t s = 0; s < merged->related && total > 0; s++) {
        if (merged->parts[first + s] > 0) {
            out->reasons[out->reason_count++] = (struct recommend_reason){
                .kind = RECOMMEND_REASON_SIMILAR,
                .related_sku_hash = query->seeds[s].sku_hash,
                .evidence_count = merged->evidence[first + s],
                .weight = (double)merged->parts[first + s] / (double)total};
        }
    }
    shared_reasons_sort(out->reasons, out->reason_count);
}

enum status content_rank(const struct recommend_partial *merged,
                         const struct content_query *query,
                         const struct recommend_rank_options *options,
                         struct arena *arena, struct recommend_ranked *out_ranked)
{
    uint64_t weights = 0;
    uint32_t count = 0;
    if (merged->related != query->seed_count || options->count < 1 ||
        options->count > RECOMMEND_COUNT_MAX) {
        return STATUS_INVALID;
    }
    struct best_item *best = arena_alloc(arena, options->count * sizeof *best);
    if (best == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t s = 0; s < query->seed_count; s++) {
        weights += query->seeds[s].weight;
    }
    for (uint32_t row = 0; row < merged->item_count; row++) {
        struct best_item item = {.sku_hash = merged->items[row], .row = row};
        int64_t sum = 0;
        for (uint32_t s = 0; s < merged->related; s++) {
            if (__builtin_add_overflow(
                    sum, merged->parts[(size_t)row * merged->related + s], &sum)) {
                return STATUS_QUANTITY_OVERFLOW;
            }
        }
        if (!shared_excluded(options, item.sku_hash)) {
            item.score = ldexp((double)sum, -CONTENT_SIM_BITS) / (double)weights;
            count = best_add(best, count, options->count, &item);
        }
    }
    best_sort(best, count);
    struct recommend_ranked ranked = {.item_count = count};
    ranked.items = arena_zalloc(arena, count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        ranked.items[i].sku_hash = best[i].sku_hash;
        ranked.items[i].score = best[i].score;
        content_explain(merged, best[i].row, query, &ranked.items[i]);
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
