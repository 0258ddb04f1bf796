/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One recommendation over all shards, from the question to the ranked, verified items.
 *
 *     CONTEXT --> TOKENS --> SEARCH --> MERGE --> RANK --> DONE
 *        |           |         |        ^ | ^     | | ^
 *        +-----------+---------+--------+ | +-----+ v |
 *          (nothing to ask of a stage)    |     CATALOGUE
 *                                         +--> the next tier: TOKENS, SEARCH or MERGE
 *
 *   CONTEXT    the owner of the actor: consent, the session that was recorded and, where
 *              a source or the seeds need them, the customer's standing actions
 *   TOKENS     owners of the seeds: their attributes; only before CONTENT is searched
 *   SEARCH     one frame per customer shard (NEIGHBOURS, WALK, WALK_THEN) and one per SKU
 *              shard (CONTENT, ARRIVALS), of those sources of the tier that have what
 *              they need
 *   MERGE      (no waiting) add the sums, rank each source, blend the tier
 *   RANK       the owners of the best candidates: live stock, name, price, attributes;
 *              again with the next ones while too few can be had, and there is time;
 *              then, still too few, the next tier
 *   CATALOGUE  only when nothing at all could be shown: what the SKU shards list, through
 *              RANK, so that an answer is never empty while something is in stock
 *
 * With `given` items all tiers are searched at once, and RANK asks for each item once.
 *
 * Candidates of a tier stand behind those of the tiers before it. A tier's lists are cut
 * short at first (RECOMMEND_FLOW_LIST_*); what the long ones add comes behind, when it is
 * needed. The order is final before stock is asked: stock, filter, diversity only drop.
 *
 * One deadline is split over the stages: a shard that is late for its stage costs
 * coverage, never the answer, and is not asked again. An actor whose consent could not be
 * read counts as one who has withdrawn it.
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

#include "server/coordinator/recommend_coverage.h"
#include "server/coordinator/recommend_plan.h"
#include "shard/base/arena.h"
#include "shard/base/clock.h"
#include "shard/customer/customer.h"
#include "shard/inventory/query.h"
#include "shard/recommend/personal.h"
#include "shard/recommend/trending.h"

enum {
    RECOMMEND_FLOW_ROUNDS_MAX = 64, /* of RANK */
    RECOMMEND_FLOW_CATALOGUE_PAGE = 200,
    RECOMMEND_FLOW_CLICKS_MAX = 50, /* of the recorded session, for exclude_seen */
    /* Where a list is cut at first: LIST_ONE + 2 * count when one source answers a tier,
     * LIST_MANY + 4 * count when several are blended; then at RECOMMEND_COUNT_MAX. */
    RECOMMEND_FLOW_LIST_ONE = 10,
    RECOMMEND_FLOW_LIST_MANY = 100,
    RECOMMEND_FLOW_CONTENT_ONE = 40, /* of CONTENT, which a SEARCH cuts, once for all */
    /* Parts of the soft deadline, in percent, at which stages of the first tier end. */
    RECOMMEND_FLOW_CONTEXT_PERCENT = 25,
    RECOMMEND_FLOW_TOKENS_PERCENT = 40,
    RECOMMEND_FLOW_SEARCH_PERCENT = 70,
    /* Of what is left when it begins: a stage of a later tier, a round of RANK. */
    RECOMMEND_FLOW_LATER_TOKENS_PERCENT = 25,
    RECOMMEND_FLOW_LATER_SEARCH_PERCENT = 60,
    RECOMMEND_FLOW_RANK_PERCENT = 75,
    RECOMMEND_FLOW_SEED_WEIGHT = 1000, /* of the first; others decay from it */
};

/* X(NAME, "name on the wire"); MERGE and DONE wait for nothing. */
#define RECOMMEND_STATE_TABLE(X)                                                         \
    X(CONTEXT, "context")                                                                \
    X(TOKENS, "tokens")                                                                  \
    X(SEARCH, "search")                                                                  \
    X(MERGE, "merge")                                                                    \
    X(RANK, "rank")                                                                      \
    X(CATALOGUE, "catalogue")                                                            \
    X(DONE, "done")

enum recommend_state {
#define RECOMMEND_STATE_ENUM(name, text) RECOMMEND_##name,
    RECOMMEND_STATE_TABLE(RECOMMEND_STATE_ENUM)
#undef RECOMMEND_STATE_ENUM
    RECOMMEND_STATES,
};
const char *recommend_state_text(enum recommend_state state);

/* Whether CONTEXT has to bring the customer's standing actions too. */
enum recommend_actions {
    RECOMMEND_ACTIONS_NONE,
    RECOMMEND_ACTIONS_WITHOUT_CLICKS, /* only if there is no session that goes on */
    RECOMMEND_ACTIONS_ALWAYS,
};

/* What the driver has to ask, of one shard. Lives in the flow's arena and never changes:
 * a shard may read it for as long as the flow's memory stands. */
struct recommend_ask {
    enum recommend_state kind; /* CONTEXT, TOKENS, SEARCH, RANK or CATALOGUE */
    uint32_t round;            /* counts the stages: answers of an older one are late */
    uint32_t slot;
    enum shard_map_table table; /* of SEARCH: which of the two frames it is */
    unsigned shard;             /* the place in the map */
    uint64_t deadline_us;       /* monotonic: the stage's end; later nobody listens */
    uint64_t asked_us;
    enum recommend_actions actions; /* CONTEXT */
    /* SEARCH of SHARD_MAP_CUSTOMER: buckets are those of the range. */
    const struct recommend_customer_search *customer_search;
    /* SEARCH of SHARD_MAP_SKU: shared by all shards. Ranges of SKUs do not end between
     * buckets, so all buckets are asked of each shard: it answers for the SKUs it has. */
    const struct recommend_sku_search *sku_search;
    const uint64_t *sku_hashes; /* TOKENS, RANK */
    uint32_t sku_hash_count;
    const uint32_t *candidates; /* RANK: which candidates these are. TOKENS: seeds */
    enum recommend_stock stock; /* RANK */
    struct slice page_token;    /* CATALOGUE */
};

/* What came back. Members of other kinds are ignored. */
struct recommend_reply {
    enum status status;
    uint64_t range_epoch;
    uint64_t applied_index;
    int64_t log_time_ms;
    const struct customer_context *context;              /* CONTEXT */
    const struct customer_actions *actions;              /* CONTEXT; NULL: none */
    const struct recommend_tokens *tokens;               /* TOKENS, as asked */
    uint32_t tokens_count;                               /* must be as many as asked */
    const struct recommend_customer_found *customer;     /* SEARCH, customer shard */
    const struct recommend_sku_found *sku;               /* SEARCH, SKU shard */
    const struct inventory_availability *availabilities; /* RANK, as asked */
    uint32_t availability_count;
    const struct inventory_sku *skus; /* CATALOGUE */
    uint32_t sku_count;
    struct slice next_page_token;
};

/* --- The result -------------------------------------------------------------------- */

/* One item of the answer, in its order. */
struct recommend_shown {
    const struct recommend_ranked_item *item; /* score 0 and no reason: nothing speaks
                                               * for it (given items, the catalogue) */
    bool fallback; /* of every reason: from a later tier, or the catalogue */
    bool sellable; /* as the stock filter asks; always, but for given items */
    /* NULL only for given items whose owner did not answer. */
    const struct inventory_availability *stock;
    const struct recommend_reply *reply; /* what its stock was read from */
    unsigned shard;
};

/* Numbered as souk.v1.AnswerPersonal. */
enum recommend_personal {
    RECOMMEND_PERSONAL_NONE = 0, /* the placement had no use for it */
    RECOMMEND_PERSONAL_USED = 1,
    RECOMMEND_PERSONAL_ANONYMOUS = 2, /* the call named nobody */
    RECOMMEND_PERSONAL_UNKNOWN = 3,   /* nothing that could be used is known */
    RECOMMEND_PERSONAL_WITHDRAWN = 4,
    RECOMMEND_PERSONAL_REFUSED = 5, /* by the call */
    RECOMMEND_PERSONAL_LATE = 6,    /* consent could not be read in time */
};

/* Numbered as souk.v1.AnswerSeedOrigin. */
enum recommend_seed_origin {
    RECOMMEND_SEED_REQUEST = 1,
    RECOMMEND_SEED_SESSION_ITEMS = 2,
    RECOMMEND_SEED_RECORDED_SESSION = 3,
    RECOMMEND_SEED_HISTORY = 4,
};
struct recommend_seed {
    uint64_t sku_hash; /* its id: recommend_flow_sku_id */
    enum recommend_seed_origin origin;
};

/* One per source of the placement, in its order. */
struct recommend_source_report {
    bool asked;
    uint32_t candidates; /* that it named, before exclusions of the blend and stock */
};
/* Candidates that stood before the last one shown, by cause. */
struct recommend_dropped {
    uint32_t not_sellable;
    uint32_t filtered;
    uint32_t not_diverse;
    uint32_t not_listed; /* no such SKU, or not ACTIVE */
    uint32_t unanswered; /* its owner did not answer in time */
};
/* MERGE works between two moments that the flow is told: its time shows in RANK. */
struct recommend_stage_report {
    uint32_t rounds;
    uint64_t elapsed_us; /* of all its rounds */
    uint64_t allowed_us; /* what was left for it when it first began */
};

/* --- The flow ---------------------------------------------------------------------- */

/* What the home loop owns, read by its thread alone. */
struct recommend_tables {
    struct degree_table *degrees[RECOMMEND_DEGREES_KINDS]; /* TOKENS may be NULL; PLACES
                                                              * where no plan names any */
    struct trending *trending;
};

struct recommend_candidate {
    const struct recommend_ranked_item *item; /* NULL: its name alone is wanted */
    uint64_t sku_hash;
    bool fallback;
    const struct inventory_availability *stock;
    const struct recommend_reply *reply;
    unsigned shard;
};

/* SKU hashes, each with a number of the caller's; nothing is ever removed. */
struct recommend_hash_slot;
struct recommend_hash_set {
    struct recommend_hash_slot *slots;
    uint32_t capacity; /* a power of two, or 0 */
    uint32_t count;
};

struct recommend_flow {
    /* The result, once DONE. */
    enum status status; /* OK, or COVERAGE_BELOW_MINIMUM, TOO_LARGE (arena),
                         * QUANTITY_OVERFLOW (a false peer) */
    struct recommend_shown *shown;
    uint32_t shown_count;
    struct coverage coverage;
    enum recommend_personal personal;
    struct recommend_seed seeds[RECOMMEND_FLOW_SEEDS_MAX];
    uint32_t seed_count;
    struct recommend_source_report sources[PLACEMENT_SOURCES_MAX];
    struct recommend_dropped dropped;
    struct recommend_stage_report stages[RECOMMEND_STATES];
    uint64_t start_us;
    int64_t wall_ms; /* of the start */

    /* The rest is the flow's own. */
    struct recommend_plan plan;
    struct recommend_tables tables;
    struct arena *arena;
    enum recommend_state state;
    uint32_t round;
    unsigned rounds_ranked;
    uint64_t now_us; /* as last told */
    uint64_t stage_start_us;
    uint64_t stage_end_us;
    bool grace_used;

    struct recommend_ask *asks; /* of this stage */
    bool *answered;
    uint32_t ask_count;
    uint32_t ask_next; /* not handed out yet */
    uint32_t asks_open;

    /* What may be used of who asks, after consent. */
    bool context_heard;
    uint64_t own_session;
    const uint64_t *clicks; /* oldest first */
    uint32_t click_count;
    struct histories_action *actions; /* oldest first */
    uint32_t action_count;
    struct recommend_query query; /* NEIGHBOURS: the newest clicks, or the seeds */
    uint64_t query_clicks[RECOMMEND_CLICKS_MAX];
    uint64_t seed_hashes[RECOMMEND_FLOW_SEEDS_MAX];
    uint64_t *excluded; /* ascending */
    uint32_t excluded_count;

    /* The tiers [tier, tier_end) are the ones at hand. */
    uint32_t tier;
    uint32_t tier_end;
    uint32_t tier_count;
    uint32_t asked; /* of these: set of 1 << enum recommend_source */
    bool tokens_asked;
    struct recommend_tokens seed_tokens[CONTENT_SEEDS_MAX];
    struct recommend_customer_search customer_search;
    struct recommend_sku_search sku_search;
    struct recommend_heard *heard; /* frames that came back */
    uint32_t heard_count;
    struct recommend_merged *merged;
    bool lists_cut; /* longer lists would have more */

    struct recommend_candidate *candidates; /* names, then in the order of the answer */
    uint32_t candidate_count;
    uint32_t candidate_capacity;
    uint32_t name_count;
    uint32_t candidate_next;         /* not asked yet */
    uint32_t candidate_judge;        /* not judged yet */
    struct recommend_hash_set known; /* candidates, but for names */
    struct recommend_hash_set given;
    bool catalogue_used;
    unsigned catalogue_shard;
    struct slice catalogue_token;
};

/* `tables` are read and must be the calling thread's, as for every call. */
void recommend_flow_start(struct recommend_flow *flow, const struct recommend_plan *plan,
                          const struct recommend_tables *tables, struct arena *arena,
                          struct moment now);
/* The next question to send; NULL when all have been handed out. Each stage's asks come
 * only after the stage before it has ended. */
const struct recommend_ask *recommend_flow_next(struct recommend_flow *flow);
/* An answer: late ones, and the second of one ask, are ignored. One that lacks a source
 * that was asked (an older peer) counts as PARTIAL. */
void recommend_flow_answer(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply, struct moment now);
/* Ends a stage whose time is over. */
void recommend_flow_tick(struct recommend_flow *flow, struct moment now);
/* When recommend_flow_tick is of use (monotonic). */
uint64_t recommend_flow_due(const struct recommend_flow *flow);
bool recommend_flow_done(const struct recommend_flow *flow);
/* The id behind a SKU's hash, from what its owner answered; {NULL, 0} when not asked. Of
 * every seed and click that a reason may name, and of every candidate. */
struct slice recommend_flow_sku_id(const struct recommend_flow *flow, uint64_t sku_hash);

#endif
