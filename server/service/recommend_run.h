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
    struct edge edge;
    const void *request;
    struct recommend_plan plan;
    /* Which units count, for RANK. */
    struct slice *location_ids;
    uint32_t location_count;
    struct inventory_demand demand;
    void (*finish)(struct recommend_run *run); /* replies; on the home loop */

    unsigned home;
    struct recommend_flow flow;
    struct runtime_task start;
    struct runtime_timer timer;
    unsigned asks_open; /* home loop only */
    bool finished;
    struct recommend_question *questions; /* all that were asked, newest first */
};

/* The run lies in the call's arena, filled up to `finish`. */
void recommend_run_start(struct recommend_run *run);

#endif
