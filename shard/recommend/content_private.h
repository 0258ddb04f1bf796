/* SPDX-License-Identifier: Apache-2.0 */
/* The state behind content.h, as content_search.c reads it. */
#ifndef SOUK_SHARD_RECOMMEND_CONTENT_PRIVATE_H
#define SOUK_SHARD_RECOMMEND_CONTENT_PRIVATE_H

#include "shard/base/map.h"
#include "shard/recommend/content.h"
#include "shard/recommend/degree_log.h"

/* A SKU. Each of its tokens knows where the SKU stands in the token's list. */
struct content_sku {
    struct map_node node;
    uint64_t sku_hash;
    uint32_t number; /* place in content_index.skus */
    uint32_t token_count;
    struct content_place {
        struct content_token *token;
        uint32_t place;
    } * places;
    uint64_t *tokens; /* sorted, beside places */
};

/* The SKUs with one token, in no order. */
struct content_token {
    struct map_node node;
    uint64_t hash;
    struct content_entry {
        struct content_sku *sku;
        uint32_t slot; /* which of the SKU's places this is */
    } * entries;
    size_t count;
    size_t capacity;
};

struct content_index {
    struct map sku_index;
    struct map token_index;
    struct content_sku **skus; /* in no order */
    size_t sku_count;
    size_t sku_capacity;
    struct degree_log degree_log;
    uint64_t postings;
};

const struct content_token *content_token_find(const struct content_index *index,
                                               uint64_t hash);

#endif
