/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.RecommendService: Recommend and RankItems, and who serves the rest. */
#include "server/service/recommend_service.h"

#include "proto/souk/v1/recommend.grpc-c.h"
#include "server/service/ordered_stream.h"
#include "server/service/recommend_intake.h"
#include "server/service/recommend_reply.h"
#include "server/service/service_private.h"

static void recommend_leave(struct recommend_run *run)
{
    rpc_call_unref(run->edge.rpc);
}

/* A run for a call; NULL when the call has been answered already. */
static struct recommend_run *recommend_run_new(struct rpc_call *rpc,
                                               struct service *service,
                                               const void *request,
                                               void (*finish)(struct recommend_run *run))
{
    struct edge edge;
    struct recommend_run *run;
    if (!edge_begin(&edge, service, rpc)) {
        return NULL;
    }
    run = arena_zalloc(edge.arena, sizeof *run);
    if (run == NULL) {
        edge_fail_memory(&edge);
        return NULL;
    }
    run->edge = edge;
    run->request = request;
    run->finish = finish;
    run->leave = recommend_leave;
    return run;
}

/* `status` is that of the intake. */
static void recommend_go(struct recommend_run *run, enum status status,
                         const struct problem *problem)
{
    if (status != STATUS_OK) {
        edge_fail(&run->edge, problem);
        return;
    }
    rpc_call_ref(run->edge.rpc); /* late answers are written to the run's memory */
    recommend_run_start(run);
}

static void recommend_finish(struct recommend_run *run)
{
    struct reply reply = {.arena = run->edge.arena};
    Souk__V1__RecommendResponse response = SOUK__V1__RECOMMEND_RESPONSE__INIT;
    struct problem problem;
    if (recommend_check(run, &problem) != STATUS_OK) {
        edge_fail(&run->edge, &problem);
        return;
    }
    recommend_reply_answer(run, &reply, &response);
    if (reply.failed) {
        edge_fail_memory(&run->edge);
        return;
    }
    recommend_trailers(run);
    souk__v1__recommend_service__recommend__reply(run->edge.rpc, &response);
}

static void recommend_serve(struct rpc_call *rpc,
                            const Souk__V1__RecommendRequest *request, void *context)
{
    struct recommend_run *run =
        recommend_run_new(rpc, context, request, recommend_finish);
    struct problem problem;
    if (run != NULL) {
        recommend_go(run, recommend_intake(run, request, &problem), &problem);
    }
}

static void recommend_rank_finish(struct recommend_run *run)
{
    struct reply reply = {.arena = run->edge.arena};
    Souk__V1__RankItemsResponse response = SOUK__V1__RANK_ITEMS_RESPONSE__INIT;
    struct problem problem;
    if (recommend_check(run, &problem) != STATUS_OK) {
        edge_fail(&run->edge, &problem);
        return;
    }
    recommend_reply_rank(run, &reply, &response);
    if (reply.failed) {
        edge_fail_memory(&run->edge);
        return;
    }
    recommend_trailers(run);
    souk__v1__recommend_service__rank_items__reply(run->edge.rpc, &response);
}

static void recommend_serve_rank(struct rpc_call *rpc,
                                 const Souk__V1__RankItemsRequest *request, void *context)
{
    struct recommend_run *run =
        recommend_run_new(rpc, context, request, recommend_rank_finish);
    struct problem problem;
    if (run != NULL) {
        recommend_go(run, recommend_intake_rank(run, request, &problem), &problem);
    }
}

void recommend_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__recommend_service__handlers handlers = {
        .recommend = recommend_serve,
        .rank_items = recommend_serve_rank,
        .explain_answer = recommend_explain,
        .batch_recommend = {.open = recommend_batch_open,
                            .message = recommend_batch_message,
                            .events = {.half_close = ordered_stream_on_half_close,
                                       .writable = ordered_stream_on_writable,
                                       .draining = ordered_stream_on_draining,
                                       .malformed = ordered_stream_on_malformed,
                                       .done = ordered_stream_on_done}},
    };
    souk__v1__recommend_service__register(server, &handlers, service);
}
