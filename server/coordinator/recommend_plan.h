/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The question of one recommendation: what is asked, for whom, from which sources, by
 * when. Filled by the service, read by the flow; plain and borrowed for the flow's life.
 * SKUs are named by their key hash.
 */
#ifndef SOUK_SERVER_COORDINATOR_RECOMMEND_PLAN_H
#define SOUK_SERVER_COORDINATOR_RECOMMEND_PLAN_H

#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/shard_map.h"
#include "shard/base/hash.h"
#include "shard/inventory/types.h"
#include "shard/recommend/sources.h"
#include "shard/recommend/trending.h"

enum {
    RECOMMEND_FLOW_COUNT_MAX = 200,
    RECOMMEND_FLOW_GIVEN_MAX = 500,
    RECOMMEND_FLOW_SEEDS_MAX = WALK_SEEDS_MAX,
    RECOMMEND_FLOW_PLACES_MAX = TRENDING_TABLES_MAX,
};

/* Numbered as souk.v1.StockMode. */
enum recommend_stock {
    RECOMMEND_STOCK_NONE = 1,    /* shown whatever the stock, if ACTIVE */
    RECOMMEND_STOCK_INDEXED = 2, /* as VERIFIED, but any copy of the stock may be asked */
    RECOMMEND_STOCK_VERIFIED = 3, /* shown only when its owner says it can be had */
};

struct recommend_neighbours_options {
    uint32_t candidates; /* m, over all buckets */
    uint32_t neighbours; /* k, over all buckets */
    uint32_t clicks_max; /* L, 1 .. RECOMMEND_CLICKS_MAX */
};
struct recommend_walk_options {
    uint32_t customers;        /* m per seed, over all buckets */
    uint32_t nearest;          /* N, 1 .. WALK_NEAREST_MAX */
    uint32_t power_quarters;   /* 4a */
    uint32_t power_hundredths; /* 100b */
    uint32_t window;           /* of WALK_THEN, 1 .. WALK_WINDOW_MAX */
    uint32_t seeds_max;        /* 1 .. RECOMMEND_FLOW_SEEDS_MAX; of every source */
    /* What a seed's voice keeps per seed before it, 1 .. 100: the newest matter most. */
    uint32_t decay_percent;
    uint32_t then_decay_percent; /* of WALK_THEN */
};
/* As in struct personal_buy_again_options. */
struct recommend_buy_again_options {
    uint32_t kinds;
    int64_t basket_ms;
    uint32_t group_baskets;
    uint32_t within_decay;
    uint32_t across_decay;
    uint32_t due_percent;
};
struct recommend_arrivals_options {
    uint32_t days;             /* older ones are no arrivals; 0: any age */
    uint32_t pool;             /* newest that are looked at, 1 .. ARRIVALS_POOL_MAX */
    uint32_t explored_percent; /* 0 .. 100 of `count`, drawn from the rest of the pool */
    uint64_t seed;             /* chance */
};

/* A location that the question names. */
struct recommend_place {
    uint64_t place; /* hash_place */
    struct slice location_id;
};

/* Whether a SKU may be shown: pure, and the same for the same SKU. */
typedef bool recommend_filter(const void *context, const struct inventory_sku *sku);

/* What makes SKUs one group; a SKU that has none of it is a group of its own. */
enum recommend_diversity {
    RECOMMEND_DIVERSITY_ATTRIBUTE,
    RECOMMEND_DIVERSITY_BRAND,
    RECOMMEND_DIVERSITY_CATEGORY, /* the whole path */
    RECOMMEND_DIVERSITY_PRODUCT,
};

struct recommend_plan {
    const struct shard_map *map;
    const struct placement *placement;
    uint32_t bucket_count; /* V of evidence and histories */

    bool has_actor;
    struct hash128 actor;          /* pseudonym */
    bool no_personalization;       /* then nothing of the actor or the session is used */
    const uint64_t *session_items; /* oldest first; personal */
    uint32_t session_item_count;
    /* As they were asked with, for reasons that name what no catalog knows; or NULL. */
    const struct slice *session_item_ids;
    const struct slice *seed_ids;
    const uint64_t *seeds; /* the one that matters most first; context, not personal */
    uint32_t seed_count;   /* what is past seeds_max is not looked at */

    uint32_t count;           /* 1 .. RECOMMEND_FLOW_COUNT_MAX; not read with `given` */
    const uint64_t *excluded; /* never shown: the cart */
    uint32_t excluded_count;
    bool exclude_seen;     /* or the placement says so: no click, seed, used history */
    bool exclude_current;  /* or the placement says so: not the first seed of the
                             * request, nor the newest click */
    const uint64_t *given; /* order these and no others, drop none: exclusions, */
    uint32_t given_count;  /* filter and diversity do not count; 0: all that is found */
    enum recommend_stock stock;
    /* Each once: where TRENDING and POPULAR count first. None: everywhere. */
    const struct recommend_place *places;
    uint32_t place_count;
    recommend_filter *filter; /* NULL: every SKU */
    const void *filter_context;
    enum recommend_diversity diversity; /* SKUs of one value of it are a group */
    struct slice diversity_attribute;   /* which attribute */
    uint32_t diversity_group_items_max; /* 0: no limit */

    struct recommend_neighbours_options neighbours;
    struct recommend_walk_options walk;
    struct recommend_buy_again_options buy_again;
    uint32_t recently_viewed_kinds;
    uint32_t content_reach; /* 1 .. CONTENT_TOKEN_REACH_MAX */
    struct recommend_arrivals_options arrivals;

    uint64_t soft_us;  /* monotonic: answer by then */
    uint64_t grace_us; /* monotonic, >= soft_us: wait so long for min_coverage */
    double min_coverage;
};

/* Everything that has a default: placement "session", count 20, VERIFIED, the options of
 * the sources. Nobody asks; no time is left: soft_us, grace_us are the caller's to set. */
void recommend_plan_init(struct recommend_plan *plan, const struct shard_map *map);

#endif
