/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Content similarity for items that have no history yet: the cosine between attribute
 * tokens weighed by how rare they are (Salton, Buckley: "Term-weighting approaches in
 * automatic text retrieval", 1988), in integers, so that every machine agrees:
 *
 *     w(t)      = log2 of (SKUs / SKUs with t), in 65536ths
 *     sim(s, j) = sum over common t of w(t)^2 / sqrt(|s|^2 |j|^2), in 2^30ths,
 *     |x|^2     = sum over its tokens of w(t)^2
 *
 * A part of a SKU shard: fed with the tokens of each SKU as it is written. Degrees of
 * tokens (and of CONTENT_TOKEN_SKUS, which counts SKUs) are published like those of
 * evidence.h and added in a degree_table; a search reads the sum of all shards from it.
 * A SKU lies on one shard, so the best of each shard, merged, are the best of all.
 *
 * Owner: the loop that owns the shard.
 */
#ifndef SOUK_SHARD_RECOMMEND_CONTENT_H
#define SOUK_SHARD_RECOMMEND_CONTENT_H

#include "shard/recommend/rank.h"

struct content_index;

enum {
    CONTENT_TOKENS_MAX = 64, /* of one SKU; the lowest hashes are kept */
    CONTENT_SEEDS_MAX = RECOMMEND_REASONS_MAX,
    CONTENT_WEIGHT_MAX = 1000,
    CONTENT_SIM_BITS = 30,
    CONTENT_QUERY_VERSION = 1,
    /* A token that more SKUs have is weighed, but brings no candidates. */
    CONTENT_TOKEN_REACH_MAX = 1000000,
    CONTENT_TOKEN_REACH_DEFAULT = 5000,
};
#define CONTENT_TOKEN_SKUS UINT64_C(0)

struct content_index *content_new(void);
void content_free(struct content_index *index);
/* The tokens of an attribute: a hash of name and value, never CONTENT_TOKEN_SKUS. */
uint64_t content_token(struct slice name, struct slice value);
/* Replaces what the index has of this SKU. Repeats and CONTENT_TOKEN_SKUS are ignored;
 * none at all is a SKU without attributes. The same tokens again change nothing. */
void content_put(struct content_index *index, uint64_t sku_hash, const uint64_t *tokens,
                 uint32_t token_count);
/* Harmless for a SKU that is not there. */
void content_remove(struct content_index *index, uint64_t sku_hash);
/* Sorted, distinct; NULL and 0 when there is no such SKU. Borrowed until the next
 * change. For the seeds of a query: asked of their owners. */
const uint64_t *content_tokens(const struct content_index *index, uint64_t sku_hash,
                               uint32_t *out_count);

void content_take_degrees(struct content_index *index, uint64_t version,
                          struct degree_delta *out_delta);
void content_take_all_degrees(struct content_index *index, uint64_t version,
                              struct degree_delta *out_delta);
bool content_degrees_changed(const struct content_index *index);
uint64_t content_count(const struct content_index *index); /* SKUs */
uint64_t content_memory_bytes(const struct content_index *index);
/* A hash over content; equal for equal SKUs. For tests and audits. */
uint64_t content_digest(const struct content_index *index);

struct content_seed {
    uint64_t sku_hash;
    const uint64_t *tokens; /* sorted, distinct */
    uint32_t token_count;
    uint32_t weight; /* 1 .. CONTENT_WEIGHT_MAX */
};
struct content_query {
    struct content_seed seeds[CONTENT_SEEDS_MAX];
    uint32_t seed_count;
    uint32_t count;        /* items wanted, 1 .. RECOMMEND_COUNT_MAX */
    uint32_t reach;        /* 1 .. CONTENT_TOKEN_REACH_MAX */
    uint32_t bucket_count; /* V, of SKU hashes */
    uint64_t buckets;      /* SKUs of these are asked for */
};
MUST_USE enum status content_query_check(const struct content_query *query);
void content_query_encode(const struct content_query *query, struct buffer *out);
/* CHECKSUM, VERSION, INVALID, TOO_LARGE (arena). */
MUST_USE enum status content_query_decode(struct slice bytes, struct arena *arena,
                                          struct content_query *out_query);

/*
 * The `count` most similar, seeds left out: one column per seed, part = weight * sim,
 * evidence = tokens in common. Bytes and merge are those of recommend_partial. `degrees`
 * holds the degrees of tokens over all shards. INVALID, TOO_LARGE (arena).
 */
MUST_USE enum status content_search(const struct content_index *index,
                                    const struct degree_table *degrees,
                                    const struct content_query *query,
                                    struct arena *arena,
                                    struct recommend_partial *out_partial);
/* Reason SIMILAR. Only `count`, `excluded` of the options matter here. */
MUST_USE enum status content_rank(const struct recommend_partial *merged,
                                  const struct content_query *query,
                                  const struct recommend_rank_options *options,
                                  struct arena *arena,
                                  struct recommend_ranked *out_ranked);
/* log2(value) in 65536ths, rounded down; value > 0. */
uint32_t content_log2(uint64_t value);

#endif
