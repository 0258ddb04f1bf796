/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ExplainAnswer: the loop that gave an answer is asked whether it still remembers it, by
 * a task on that loop, where the answer is told and packed.
 */
#include <stdio.h>

#include "proto/souk/v1/recommend.grpc-c.h"
#include "server/service/answer_memory.h"
#include "server/service/answer_record.h"
#include "server/service/recommend_service.h"
#include "server/service/service_private.h"

struct explain {
    struct edge edge;
    struct answer_id id;
    unsigned loop;
    struct runtime_task task;
};

/* How long answers are kept is a matter of how many there are. */
static void explain_forgotten(struct explain *explain, const struct answer_ring *ring,
                              struct moment now)
{
    const struct settings *settings = explain->edge.service->settings;
    const struct answer_head *oldest = ring != NULL ? answer_ring_oldest(ring) : NULL;
    char since[96] = "";
    struct problem problem;
    if (oldest != NULL) {
        snprintf(since, sizeof since, "; the oldest it has is of %lld s ago",
                 (long long)((now.monotonic_us - oldest->end_us) / 1000000));
    }
    problem_set(
        &problem, STATUS_NOT_FOUND, "answer_id",
        "not given by this node, or forgotten: a node keeps its last %lld answers "
        "(setting answers_kept) in %lld MiB (answers_kept_max_bytes) until it "
        "restarts%s",
        (long long)settings->answers_kept,
        (long long)(settings->answers_kept_max_bytes >> 20), since);
    edge_fail(&explain->edge, &problem);
}

static void explain_run(struct runtime_task *task, struct moment now)
{
    struct explain *explain = CONTAINER_OF(task, struct explain, task);
    struct service *service = explain->edge.service;
    const struct answer_ring *ring = answer_memory_ring(service->answers, explain->loop);
    const struct answer_head *head = answer_ring_find(ring, &explain->id);
    struct reply reply = {.arena = explain->edge.arena};
    Souk__V1__ExplainAnswerResponse response = SOUK__V1__EXPLAIN_ANSWER_RESPONSE__INIT;
    if (head == NULL) {
        explain_forgotten(explain, ring, now);
        return;
    }
    answer_record_explain(head, service->map, &reply, &response);
    if (reply.failed) {
        edge_fail_memory(&explain->edge);
        return;
    }
    souk__v1__recommend_service__explain_answer__reply(explain->edge.rpc, &response);
}

void recommend_explain(struct rpc_call *rpc,
                       const Souk__V1__ExplainAnswerRequest *request, void *context)
{
    struct service *service = context;
    struct edge edge;
    struct explain *explain;
    struct problem problem;
    if (!edge_begin(&edge, service, rpc)) {
        return;
    }
    explain = arena_zalloc(edge.arena, sizeof *explain);
    if (explain == NULL) {
        edge_fail_memory(&edge);
        return;
    }
    explain->edge = edge;
    if (!answer_id_parse(slice_from_string(request->answer_id), &explain->id)) {
        problem_set(&problem, STATUS_INVALID, "answer_id",
                    "answer_id: the UUID that the answer carried");
        edge_fail(&explain->edge, &problem);
        return;
    }
    if (!answer_memory_loop(service->answers, &explain->id, &explain->loop)) {
        explain_forgotten(explain, NULL, service_now());
        return;
    }
    explain->task.run = explain_run;
    runtime_post(service->runtime, explain->loop, &explain->task);
}
