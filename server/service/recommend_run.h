/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Drives one recommendation: its flow lives on one loop (its home), whose degree table it
 * ranks by; questions go to the shards' loops and come back as tasks. A shard that answers
 * after the reply finds the run's memory still there: it goes with the last answer.
 */
#ifndef SOUK_SERVER_SERVICE_RECOMMEND_RUN_H
#define SOUK_SERVER_SERVICE_RECOMMEND_RUN_H

#include "server/coordinator/recommend_flow.h"
#include "server/runtime/runtime.h"
#include "server/service/edge.h"

struct recommend_run {
    struct edge edge; /* rpc is NULL inside a batch */
    const void *request;
    struct recommend_plan plan;
    /* Which units count, for RANK. */
    struct slice *location_ids;
    uint32_t location_count;
    struct inventory_demand demand;
    /* Both on the home loop, once each. The answer is there; answers that come later are
     * still written into the run's memory. */
    void (*finish)(struct recommend_run *run);
    /* Nobody touches the run any more: its memory may go. */
    void (*leave)(struct recommend_run *run);
    struct recommend_run *next; /* of those that start together; NULL: the last */

    unsigned home;
    struct recommend_flow flow;
    struct runtime_task start;
    struct runtime_timer timer;
    unsigned asks_open; /* home loop only */
    bool finished;
    struct recommend_question *questions; /* all that were asked, newest first */
};

/* The runs lie in memory that is theirs until `leave`, filled up to `next`. Those of a chain
 * share one loop, one hand-over to it, and the turns of the shards they ask: a batch costs
 * each of its questions far less than a call of its own. */
void recommend_run_start(struct recommend_run *first);

#endif
