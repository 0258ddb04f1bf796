/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One frame per shard: all that the sources of one tier ask of a customer shard, or of a
 * SKU shard, and what that shard found. The coordinator fills the question, a replica
 * answers it, whatever carries it between them.
 *
 * Plain structs; memory is the caller's arena.
 */
#ifndef SOUK_SHARD_RECOMMEND_SOURCES_H
#define SOUK_SHARD_RECOMMEND_SOURCES_H

#include "shard/recommend/arrivals.h"
#include "shard/recommend/content.h"
#include "shard/recommend/placement.h"
#include "shard/recommend/search.h"
#include "shard/recommend/walk.h"

/* Of a customer shard. `sources` is a set of 1 << enum recommend_source, out of
 * NEIGHBOURS, WALK and WALK_THEN; buckets outside the shard are left out of each. */
struct recommend_customer_search {
    uint32_t sources;
    struct recommend_query neighbours;
    struct walk_query walk;
    struct walk_query walk_then; /* window > 0 */
};
/* `sources` are those of the question that could be searched here; members of others are
 * unset. */
struct recommend_customer_found {
    uint32_t sources;
    struct recommend_partial neighbours;
    struct walk_partial walk;
    struct walk_partial walk_then;
};

/* Of a SKU shard; out of CONTENT and ARRIVALS. CONTENT is missing in what is found while
 * the shard's degrees of tokens are not known yet. */
struct recommend_sku_search {
    uint32_t sources;
    struct content_query content;
    uint32_t arrivals_pool; /* 1 .. ARRIVALS_POOL_MAX */
};
struct recommend_sku_found {
    uint32_t sources;
    struct recommend_partial content;
    struct arrivals_list arrivals;
};

/* The attribute tokens of SKUs, asked of their owners before content can be searched. */
struct recommend_tokens {
    const uint64_t *tokens; /* sorted, distinct; NULL and 0 of an unknown SKU */
    uint32_t token_count;
};

/* The degree vectors of a node: what each counts, and whose it is. */
enum recommend_degrees {
    RECOMMEND_DEGREES_SESSIONS,  /* sessions per item; evidence of customer shards */
    RECOMMEND_DEGREES_CUSTOMERS, /* customers per item; histories of customer shards */
    RECOMMEND_DEGREES_TOKENS,    /* SKUs per token; content of SKU shards */
    RECOMMEND_DEGREES_PLACES,    /* sessions per place and item; evidence, as SESSIONS */
    RECOMMEND_DEGREES_KINDS,
};

#endif
