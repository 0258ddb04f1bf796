/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the recommendation flow share; stays in this folder. */
#ifndef SOUK_SERVER_COORDINATOR_RECOMMEND_FLOW_PRIVATE_H
#define SOUK_SERVER_COORDINATOR_RECOMMEND_FLOW_PRIVATE_H

#include "server/coordinator/recommend_flow.h"

/* Sources that are asked of shards; the others are answered at home. */
#define RECOMMEND_SOURCE_BIT(source) (1u << (source))
#define RECOMMEND_CUSTOMER_SOURCES                                                       \
    (RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_NEIGHBOURS) |                                 \
     RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_WALK) |                                       \
     RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_WALK_THEN))
#define RECOMMEND_SKU_SOURCES                                                            \
    (RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_CONTENT) |                                    \
     RECOMMEND_SOURCE_BIT(RECOMMEND_SOURCE_ARRIVALS))

/* One frame that came back; sources that do not fit the question are left out. */
struct recommend_heard {
    const struct recommend_customer_found *customer; /* or */
    const struct recommend_sku_found *sku;
    uint32_t sources;
};

/* What all shards said, source by source. Unset where a source was not asked. */
struct recommend_merged {
    struct recommend_partial neighbours;
    struct walk_partial walk;
    struct walk_partial walk_then;
    struct recommend_partial content;
    struct arrivals_list arrivals;
};

/* --- recommend_flow.c: the state table ----------------------------------------------- */

void recommend_move(struct recommend_flow *flow, enum recommend_state to);
void recommend_fail(struct recommend_flow *flow, enum status status);
/* Room for the stage's asks; the flow fails past the arena's limit. */
bool recommend_asks_reserve(struct recommend_flow *flow, uint32_t count);
struct recommend_ask *recommend_ask_add(struct recommend_flow *flow,
                                        enum shard_map_table table, unsigned shard);
/* When everything ends. */
uint64_t recommend_limit_us(const struct recommend_flow *flow);

/* --- recommend_context.c: consent, session, seeds ------------------------------------ */

/* Whether anything of the actor could be of use, and may be asked for. */
bool recommend_context_wanted(const struct recommend_flow *flow);
enum recommend_actions recommend_actions_wanted(const struct recommend_flow *flow);
/* False past the arena's limit. */
bool recommend_context_take(struct recommend_flow *flow,
                            const struct recommend_reply *reply);
/* CONTEXT is over: what was used and why not, the seeds, what is never shown. False past
 * the arena's limit. */
bool recommend_context_close(struct recommend_flow *flow);

/* --- recommend_stages.c: what is asked of whom --------------------------------------- */

/* Whether nothing of tier `tier` has to be asked of a shard. */
bool recommend_tier_local(const struct recommend_flow *flow, uint32_t tier);
/* Begins the next tier (with given items: all of them): TOKENS, SEARCH or MERGE. */
void recommend_tier_enter(struct recommend_flow *flow);
/* Begins SEARCH, or MERGE where there is nothing to search. */
void recommend_search_enter(struct recommend_flow *flow);
/* Answers of TOKENS and SEARCH; false when something that was asked is not in it. */
bool recommend_tokens_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply);
bool recommend_search_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                           const struct recommend_reply *reply);
/* How many a frame names, before anything is merged: for the coverage. */
uint64_t recommend_search_candidates(const struct recommend_ask *ask,
                                     const struct recommend_reply *reply);
/* Begins a round of RANK over the next `count` candidates. */
void recommend_rank_enter(struct recommend_flow *flow, uint32_t count);
bool recommend_stock_take(struct recommend_flow *flow, const struct recommend_ask *ask,
                          const struct recommend_reply *reply);
/* Begins CATALOGUE; false when every SKU shard has been listed. */
bool recommend_catalogue_enter(struct recommend_flow *flow);
bool recommend_catalogue_take(struct recommend_flow *flow,
                              const struct recommend_reply *reply);
/* The shard that is being listed does not answer: the next one. */
void recommend_catalogue_skip(struct recommend_flow *flow);

/* --- recommend_sources.c: the coordinator's half of each source ---------------------- */

/* How much of CONTENT is searched for; all that it will ever have. */
uint32_t recommend_content_length(const struct recommend_flow *flow);
/* Adds up what was heard into flow->merged. TOO_LARGE, QUANTITY_OVERFLOW. */
MUST_USE enum status recommend_sources_merge(struct recommend_flow *flow);
/* The blended list of the tiers at hand, cut at first or long; says whether it was cut.
 * TOO_LARGE, QUANTITY_OVERFLOW. */
MUST_USE enum status recommend_sources_rank(struct recommend_flow *flow, bool whole,
                                            struct recommend_ranked *out_ranked);

/* --- recommend_candidates.c: the list that is shown from ----------------------------- */

/* Asks for the names of what reasons may relate to, once. False past the arena's limit. */
bool recommend_names_add(struct recommend_flow *flow);
/* Adds the tiers' candidates: the short lists, or what the long ones add to them. */
MUST_USE enum status recommend_candidates_add(struct recommend_flow *flow, bool whole);
/* Adds what a SKU shard lists. False past the arena's limit. */
bool recommend_candidates_list(struct recommend_flow *flow,
                               const struct recommend_reply *reply);
/* Decides about the candidates that have been asked for, in order. */
void recommend_candidates_judge(struct recommend_flow *flow);

/* --- recommend_hashes.c -------------------------------------------------------------- */

bool recommend_hashes_find(const struct recommend_hash_set *set, uint64_t hash,
                           uint32_t *out_value);
/* The hash must be absent. False past the arena's limit. */
bool recommend_hashes_add(struct recommend_hash_set *set, uint64_t hash, uint32_t value,
                          struct arena *arena);
/* Ascending. */
void recommend_hashes_sort(uint64_t *hashes, uint32_t count);
bool recommend_hashes_has(const uint64_t *sorted, uint32_t count, uint64_t hash);

#endif
