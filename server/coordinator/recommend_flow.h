/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One recommendation over all shards, from the question to the ranked, verified items.
 *
 *     CONTEXT --> SEARCH --> MERGE --> RANK --> DONE
 *        |           |         ^        | ^
 *        |           +-(no click)       v |
 *        +---> (nobody to ask)        CATALOGUE
 *
 *   CONTEXT    the owner of the actor: consent, and the session that was recorded
 *   SEARCH     every customer shard: partial sums over its virtual buckets
 *   MERGE      (no waiting) add the sums, weigh, order; what is popular comes behind
 *   RANK       the owners of the best candidates: live stock, name, price; again with the
 *              next ones while too few can be had, and there is time
 *   CATALOGUE  only when nothing else could be shown: what the SKU shards list, through
 *              RANK, so that an answer is never empty while something is in stock
 *
 * One deadline is split over the stages: a shard that is late for its stage costs
 * coverage, never the answer. An actor whose consent could not be read counts as one who
 * has withdrawn it.
 *
 * Pull style and pure: no I/O, no clock, no thread. One thread at a time. Drive it with
 *
 *     recommend_flow_start
 *     while not done: recommend_flow_next -> send; recommend_flow_answer; at
 *                     recommend_flow_due: recommend_flow_tick
 *
 * Everything an answer points at has to live as long as the flow.
 */
#ifndef SOUK_SERVER_COORDINATOR_RECOMMEND_FLOW_H
#define SOUK_SERVER_COORDINATOR_RECOMMEND_FLOW_H

#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/recommend_coverage.h"
#include "server/coordinator/shard_map.h"
#include "shard/base/arena.h"
#include "shard/base/clock.h"
#include "shard/customer/customer.h"
#include "shard/inventory/query.h"
#include "shard/recommend/rank.h"
#include "shard/recommend/search.h"

enum {
    RECOMMEND_FLOW_COUNT_MAX = 200,
    RECOMMEND_FLOW_CANDIDATES_MAX = RECOMMEND_COUNT_MAX, /* neighbours, and popular */
    RECOMMEND_FLOW_ROUNDS_MAX = 64,                      /* of RANK */
    RECOMMEND_FLOW_CATALOGUE_PAGE = 200,
    RECOMMEND_FLOW_CLICKS_MAX = 50, /* of the recorded session, for exclude_seen */
    /* Parts of the soft deadline, in percent, at which CONTEXT and SEARCH end. */
    RECOMMEND_FLOW_CONTEXT_PERCENT = 25,
    RECOMMEND_FLOW_SEARCH_PERCENT = 70,
};

enum recommend_state {
    RECOMMEND_CONTEXT,
    RECOMMEND_SEARCH,
    RECOMMEND_MERGE,
    RECOMMEND_RANK,
    RECOMMEND_CATALOGUE,
    RECOMMEND_DONE,
    RECOMMEND_STATES,
};

enum recommend_stock {
    RECOMMEND_STOCK_NONE,     /* shown whatever the stock */
    RECOMMEND_STOCK_VERIFIED, /* shown only when its owner says it can be had */
};

/* The question; borrowed for the flow's life. SKUs are named by their key hash. */
struct recommend_plan {
    const struct shard_map *map;
    bool has_actor;
    struct hash128 actor; /* pseudonym */
    const uint64_t *session_items;
    uint32_t session_item_count;
    const uint64_t *excluded; /* never shown: the cart */
    uint32_t excluded_count;
    uint32_t count; /* 1 .. RECOMMEND_FLOW_COUNT_MAX */
    enum recommend_stock stock;
    bool exclude_seen;
    bool exclude_current;
    uint32_t candidates; /* settings neighbours_candidates and neighbours_kept */
    uint32_t neighbours;
    uint64_t soft_us;  /* monotonic: answer by then */
    uint64_t grace_us; /* monotonic, >= soft_us: wait so long for min_coverage */
    double min_coverage;
};

/* What the driver has to ask, of one shard. Lives in the flow's arena. */
struct recommend_ask {
    enum recommend_state kind; /* CONTEXT, SEARCH, RANK or CATALOGUE */
    uint32_t round;            /* counts the stages: answers of an older one are late */
    uint32_t slot;
    enum shard_map_table table;
    unsigned shard;       /* the place in the map */
    uint64_t deadline_us; /* monotonic: the stage's end; later nobody listens */
    uint64_t asked_us;
    struct recommend_query search; /* SEARCH */
    const uint64_t *sku_hashes;    /* RANK */
    const uint32_t *candidates;    /* RANK: which candidates these are */
    uint32_t sku_hash_count;
    struct slice page_token; /* CATALOGUE */
};

/* What came back. Members of other kinds are ignored. */
struct recommend_reply {
    enum status status;
    uint64_t range_epoch;
    uint64_t applied_index;
    int64_t log_time_ms;
    const struct customer_context *context;              /* CONTEXT */
    const struct recommend_partial *partial;             /* SEARCH */
    const struct inventory_availability *availabilities; /* RANK, as asked */
    uint32_t availability_count;
    const struct inventory_sku *skus; /* CATALOGUE */
    uint32_t sku_count;
    struct slice next_page_token;
};

struct recommend_shown {
    const struct recommend_ranked_item *item;
    const struct inventory_availability *stock;
    const struct recommend_reply *reply; /* what its stock was read from */
    unsigned shard;
};

struct recommend_candidate {
    const struct recommend_ranked_item *item; /* NULL: its name alone is wanted */
    uint64_t sku_hash;
    const struct inventory_availability *stock;
    const struct recommend_reply *reply;
    unsigned shard;
};

struct recommend_flow {
    struct recommend_plan plan;
    struct arena *arena;
    struct degree_table *degrees; /* of the driver's thread */
    enum recommend_state state;
    uint32_t round;
    unsigned rounds_ranked;
    uint64_t start_us;
    uint64_t stage_end_us;
    bool grace_used;
    int64_t wall_ms;

    struct recommend_ask *asks; /* of this stage */
    bool *answered;
    uint32_t ask_count;
    uint32_t ask_next; /* not handed out yet */
    uint32_t asks_open;

    bool personal; /* the actor's session may be used, and was */
    uint64_t own_session;
    const uint64_t *clicks;
    uint32_t click_count;
    struct recommend_query query;
    const struct recommend_partial **partials;
    uint32_t partial_count;

    struct recommend_candidate *candidates; /* in canonical order, source by source */
    uint32_t candidate_count;
    uint32_t candidate_capacity;
    uint32_t candidate_next; /* not asked yet */
    struct recommend_partial merged;
    unsigned source; /* the next of the sources of candidates: neighbours, popular */
    unsigned catalogue_shard;
    struct slice catalogue_token;

    struct coverage coverage;
    enum status status; /* OK or COVERAGE_BELOW_MINIMUM, TOO_LARGE, once DONE */
    struct recommend_shown *shown;
    uint32_t shown_count;
};

/* `degrees` is read and must be the calling thread's, as for every call. */
void recommend_flow_start(struct recommend_flow *flow, const struct recommend_plan *plan,
                          struct degree_table *degrees, struct arena *arena,
                          struct moment now);
/* The next question to send; NULL when all have been handed out. Each stage's asks come
 * only after the stage before it has ended. */
const struct recommend_ask *recommend_flow_next(struct recommend_flow *flow);
/* An answer: late ones, and the second of one ask, are ignored. */
void recommend_flow_answer(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply, struct moment now);
/* Ends a stage whose time is over. */
void recommend_flow_tick(struct recommend_flow *flow, struct moment now);
/* When recommend_flow_tick is of use (monotonic). */
uint64_t recommend_flow_due(const struct recommend_flow *flow);
bool recommend_flow_done(const struct recommend_flow *flow);
/* The id behind a SKU's hash, from what its owner answered; {NULL, 0} when not asked. */
struct slice recommend_flow_sku_id(const struct recommend_flow *flow, uint64_t sku_hash);

#endif
