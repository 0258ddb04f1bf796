/* SPDX-License-Identifier: Apache-2.0 */
/* What the files of the recommendation flow share; stays in this folder. */
#ifndef SOUK_SERVER_COORDINATOR_RECOMMEND_FLOW_PRIVATE_H
#define SOUK_SERVER_COORDINATOR_RECOMMEND_FLOW_PRIVATE_H

#include "server/coordinator/recommend_flow.h"

/* MERGE: sums what the shards said, and asks for the names of the query's own items.
 * False past the arena's limit. */
bool recommend_candidates_begin(struct recommend_flow *flow);
/* Adds candidates of the next source that has any; false when there is none left. */
bool recommend_candidates_more(struct recommend_flow *flow);
/* Adds what a SKU shard lists; true when at least one was new. */
bool recommend_candidates_list(struct recommend_flow *flow,
                               const struct recommend_reply *reply);
/* Whether its owner's answer lets it be shown. */
bool recommend_candidate_good(const struct recommend_flow *flow,
                              const struct recommend_candidate *candidate);

#endif
