/* SPDX-License-Identifier: Apache-2.0 */
/*
 * BatchRecommend: the questions of a message are answered in waves. The runs of a wave
 * share one loop, one hand-over to it, the turns of the shards they ask and one scratch
 * memory; a message has one wave per loop at work, so what it holds is bounded whatever
 * its size. Answers lie in memory of their own until the message is sent.
 *
 *     message (rpc worker): every question is checked
 *       -> waves (loops): run, answer each --> the last wave's end: the message may be sent
 *
 * A wave's memory is used by its loop alone, from its start to its last late answer. Who
 * holds the message: the stream until it is sent, and each wave until it has left.
 */
#include <stdatomic.h>
#include <stdlib.h>

#include "proto/souk/v1/recommend.grpc-c.h"
#include "server/service/ordered_stream.h"
#include "server/service/recommend_intake.h"
#include "server/service/recommend_reply.h"
#include "server/service/recommend_service.h"
#include "server/service/service_private.h"
#include "shard/base/memory.h"

enum {
    BATCH_WAVE_MAX = 12,  /* questions at once, per loop: more leave the caches */
    BATCH_WINDOW_MAX = 4, /* messages open on one stream */
    BATCH_SCRATCH_BYTES_MAX = 256 << 20, /* of a wave */
    BATCH_REPLY_BYTES_MAX = 64 << 20,    /* of a wave's answers */
};

struct batch_stream {
    struct ordered_stream ordered;
    struct service *service;
    uint64_t deadline_us;
};

struct batch_message;

/* A question that was checked; its run begins where its wave does. */
struct batch_item {
    const struct problem *problem; /* why there is no answer; NULL: there is one */
    struct recommend_plan plan;
    struct slice *location_ids;
    uint32_t location_count;
    struct inventory_demand demand;
    struct session_token *seen;
    Souk__V1__RecommendResponse answer;
};

struct batch_run {
    struct recommend_run run;
    struct batch_wave *wave;
    struct batch_item *item;
};

struct batch_wave {
    struct batch_message *message;
    struct arena scratch;
    struct arena replies;
    unsigned open;    /* not finished; its loop alone, as all below */
    unsigned holding; /* not left */
};

struct batch_message {
    struct batch_stream *stream;
    struct rpc_taken *taken; /* the questions lie in its arena, and so does this */
    uint64_t sequence;
    uint64_t intake_us;
    struct problem lost; /* of questions that are not answered yet */
    uint32_t count;
    struct batch_item *items;
    uint32_t wave_size;
    struct batch_wave *waves; /* of wave_size questions each */
    uint32_t wave_count;
    atomic_uint next_wave;
    atomic_uint open_waves; /* not finished */
    atomic_uint references;
};

static void batch_advance(struct batch_message *message);

/* --- Life -------------------------------------------------------------------------- */

static void batch_message_unref(struct batch_message *message)
{
    if (atomic_fetch_sub_explicit(&message->references, 1, memory_order_acq_rel) != 1) {
        return;
    }
    for (uint32_t i = 0; i < message->wave_count; i++) {
        arena_close(&message->waves[i].replies);
    }
    rpc_taken_free(message->taken);
}

static void batch_message_free(void *user)
{
    batch_message_unref(user);
}

static void batch_stream_free(struct ordered_stream *ordered)
{
    free(CONTAINER_OF(ordered, struct batch_stream, ordered));
}

/* --- The answer -------------------------------------------------------------------- */

static void batch_refuse(struct batch_item *item, struct reply *reply,
                         const struct problem *problem)
{
    const struct problem *copy = arena_copy(reply->arena, problem, sizeof *problem);
    reply->failed = reply->failed || copy == NULL;
    if (copy != NULL) {
        item->problem = copy;
    }
}

/* Answers past what one message may hold are refused one by one; most messages are far
 * from it, and are not measured. */
static void batch_fit(struct batch_message *message, struct reply *reply)
{
    size_t most = (size_t)message->stream->service->settings->message_max_bytes;
    size_t used = 0, packed = 0;
    struct problem problem;
    for (uint32_t i = 0; i < message->wave_count; i++) {
        used += message->waves[i].replies.used_bytes;
    }
    for (uint32_t i = 0; i < message->count && used > most; i++) {
        struct batch_item *item = &message->items[i];
        size_t size = item->problem != NULL
                          ? sizeof *item->problem
                          : protobuf_c_message_get_packed_size(&item->answer.base);
        if (packed + size > most - most / 8) {
            problem_set(&problem, STATUS_TOO_LARGE, "",
                        "the answers of this message are larger than the setting "
                        "message_max_bytes; ask fewer questions in one message");
            batch_refuse(item, reply, &problem);
            size = 256;
        }
        packed += size;
    }
}

static enum status batch_send(struct ordered_stream *ordered, void *user,
                              struct problem *problem)
{
    struct batch_message *message = user;
    struct reply reply = {.arena = rpc_taken_arena(message->taken)};
    Souk__V1__BatchRecommendResponse response = SOUK__V1__BATCH_RECOMMEND_RESPONSE__INIT;
    Souk__V1__BatchRecommendResult *results =
        reply_alloc(&reply, message->count * sizeof *results);
    response.results = reply_alloc(&reply, message->count * sizeof *response.results);
    batch_fit(message, &reply);
    for (uint32_t i = 0; i < message->count && !reply.failed; i++) {
        struct batch_item *item = &message->items[i];
        souk__v1__batch_recommend_result__init(&results[i]);
        results[i].status = item->problem != NULL
                                ? reply_item_status(&reply, item->problem)
                                : reply_item_ok(&reply);
        results[i].answer = item->problem != NULL ? NULL : &item->answer;
        response.results[response.n_results++] = &results[i];
    }
    if (reply.failed) {
        return problem_set(problem, STATUS_TOO_LARGE, "", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    return souk__v1__recommend_service__batch_recommend__send(ordered->stream, &response);
}

/* --- Waves ------------------------------------------------------------------------- */

/* One wave fewer to wait for. The stream may be gone when this returns. */
static void batch_wave_end(struct batch_message *message)
{
    if (atomic_fetch_sub_explicit(&message->open_waves, 1, memory_order_acq_rel) == 1) {
        ordered_stream_complete(&message->stream->ordered, message->sequence);
    }
}

static void batch_run_finish(struct recommend_run *run)
{
    struct batch_run *mine = CONTAINER_OF(run, struct batch_run, run);
    struct batch_wave *wave = mine->wave;
    struct reply reply = {.arena = &wave->replies};
    struct problem problem;
    if (recommend_check(run, &problem) == STATUS_OK) {
        recommend_reply_answer(run, &reply, &mine->item->answer);
        if (!reply.failed) {
            mine->item->problem = NULL;
        }
    } else {
        batch_refuse(mine->item, &reply, &problem);
    }
    if (--wave->open == 0) {
        batch_advance(wave->message);
        batch_wave_end(wave->message);
    }
}

static void batch_run_leave(struct recommend_run *run)
{
    struct batch_wave *wave = CONTAINER_OF(run, struct batch_run, run)->wave;
    if (--wave->holding == 0) {
        struct batch_message *message = wave->message;
        arena_close(&wave->scratch);
        batch_message_unref(message);
    }
}

/* A run in the wave's scratch memory, its time counted from now. */
static struct batch_run *batch_run_new(struct batch_wave *wave, struct batch_item *item,
                                       uint64_t now_us)
{
    struct batch_message *message = wave->message;
    struct batch_run *mine = arena_zalloc(&wave->scratch, sizeof *mine);
    uint64_t late_us = now_us - message->intake_us;
    if (mine == NULL) {
        return NULL;
    }
    mine->wave = wave;
    mine->item = item;
    mine->run =
        (struct recommend_run){.edge = {.service = message->stream->service,
                                        .arena = &wave->scratch,
                                        .request_id = "",
                                        .deadline_us = message->stream->deadline_us,
                                        .seen = item->seen},
                               .plan = item->plan,
                               .location_ids = item->location_ids,
                               .location_count = item->location_count,
                               .demand = item->demand,
                               .finish = batch_run_finish,
                               .leave = batch_run_leave};
    mine->run.plan.soft_us += late_us;
    mine->run.plan.grace_us += late_us;
    return mine;
}

/* The chain of a wave's runs; NULL when every question of it was refused. */
static struct recommend_run *batch_wave_runs(struct batch_wave *wave, uint32_t first)
{
    struct batch_message *message = wave->message;
    uint64_t now_us = service_now().monotonic_us;
    struct recommend_run *chain = NULL, **last = &chain;
    uint32_t end = first + message->wave_size;
    for (uint32_t i = first; i < end && i < message->count; i++) {
        struct batch_item *item = &message->items[i];
        struct batch_run *mine;
        if (item->problem != NULL) {
            continue;
        }
        mine = batch_run_new(wave, item, now_us);
        item->problem = &message->lost;
        if (mine != NULL) {
            *last = &mine->run;
            last = &mine->run.next;
            wave->open++;
        }
    }
    wave->holding = wave->open;
    return chain;
}

/* Starts the next wave, if there is one and somebody still waits. */
static void batch_advance(struct batch_message *message)
{
    struct rpc_call *call = rpc_stream_call(message->stream->ordered.stream);
    for (;;) {
        uint32_t place =
            atomic_fetch_add_explicit(&message->next_wave, 1, memory_order_relaxed);
        struct batch_wave *wave;
        struct recommend_run *chain;
        if (place >= message->wave_count) {
            return;
        }
        wave = &message->waves[place];
        chain = rpc_call_cancelled(call)
                    ? NULL
                    : batch_wave_runs(wave, place * message->wave_size);
        if (chain != NULL) {
            atomic_fetch_add_explicit(&message->references, 1, memory_order_relaxed);
            recommend_run_start(chain);
            return;
        }
        arena_close(&wave->scratch);
        batch_wave_end(message);
    }
}

/* --- Messages ---------------------------------------------------------------------- */

/* Checks a question; `run` is scratch. */
static void batch_intake(struct batch_message *message, struct recommend_run *run,
                         struct batch_item *item,
                         const Souk__V1__RecommendRequest *request)
{
    struct arena *arena = rpc_taken_arena(message->taken);
    uint64_t most_us =
        message->intake_us +
        (uint64_t)message->stream->service->settings->deadline_max_ms * 1000;
    struct problem problem;
    *run = (struct recommend_run){
        .edge = {.service = message->stream->service,
                 .arena = arena,
                 .request_id = "",
                 .deadline_us = most_us < message->stream->deadline_us
                                    ? most_us
                                    : message->stream->deadline_us}};
    souk__v1__recommend_response__init(&item->answer);
    if (recommend_intake(run, request, &problem) != STATUS_OK) {
        const struct problem *copy = arena_copy(arena, &problem, sizeof problem);
        item->problem = copy != NULL ? copy : &message->lost;
        return;
    }
    item->plan = run->plan;
    item->location_ids = run->location_ids;
    item->location_count = run->location_count;
    item->demand = run->demand;
    item->seen = run->edge.seen;
}

/* Waves no larger than needed to keep every loop at work. */
static bool batch_make_waves(struct batch_message *message)
{
    const struct service *service = message->stream->service;
    uint32_t loops = runtime_loop_count(service->runtime);
    uint32_t size = (message->count + loops - 1) / loops;
    message->wave_size = size < BATCH_WAVE_MAX ? size : BATCH_WAVE_MAX;
    message->wave_count = (message->count + message->wave_size - 1) / message->wave_size;
    message->waves = arena_zalloc(rpc_taken_arena(message->taken),
                                  message->wave_count * sizeof *message->waves);
    for (uint32_t i = 0; i < message->wave_count && message->waves != NULL; i++) {
        struct batch_wave *wave = &message->waves[i];
        wave->message = message;
        arena_init(&wave->scratch, NULL, 0, BATCH_SCRATCH_BYTES_MAX);
        arena_init(&wave->replies, NULL, 0, BATCH_REPLY_BYTES_MAX);
    }
    return message->waves != NULL;
}

static enum status batch_make(struct batch_message *message,
                              const Souk__V1__BatchRecommendRequest *request,
                              struct problem *problem)
{
    const struct service *service = message->stream->service;
    struct arena *arena = rpc_taken_arena(message->taken);
    struct recommend_run *run = arena_alloc(arena, sizeof *run);
    TRY(check_count("requests", request->n_requests, 1,
                    (size_t)service->settings->batch_max_items, problem));
    message->intake_us = service_now().monotonic_us;
    message->count = (uint32_t)request->n_requests;
    message->items = arena_zalloc(arena, message->count * sizeof *message->items);
    problem_set(&message->lost, STATUS_TOO_LARGE, "",
                "the answer needs more memory than one question may take");
    if (run == NULL || message->items == NULL || !batch_make_waves(message)) {
        return problem_set(problem, STATUS_TOO_LARGE, "requests",
                           "the questions need more memory than one message may take");
    }
    for (uint32_t i = 0; i < message->count; i++) {
        batch_intake(message, run, &message->items[i], request->requests[i]);
    }
    atomic_init(&message->next_wave, 0);
    atomic_init(&message->open_waves, message->wave_count);
    atomic_init(&message->references, 2); /* the stream's, and ours until all is begun */
    return STATUS_OK;
}

void recommend_batch_open(struct rpc_stream *rpc, void *context)
{
    static const struct ordered_ops ops = {
        .send = batch_send,
        .message_free = batch_message_free,
        .free = batch_stream_free,
    };
    struct service *service = context;
    struct batch_stream *stream = memory_zalloc(sizeof *stream);
    unsigned window = (unsigned)service->settings->stream_credit_max;
    stream->service = service;
    stream->deadline_us = (uint64_t)rpc_call_deadline_us(rpc_stream_call(rpc));
    ordered_stream_open(&stream->ordered, rpc, &ops,
                        window < BATCH_WINDOW_MAX ? window : BATCH_WINDOW_MAX);
}

void recommend_batch_message(struct rpc_stream *rpc,
                             const Souk__V1__BatchRecommendRequest *request, void *user)
{
    struct batch_stream *stream =
        CONTAINER_OF((struct ordered_stream *)user, struct batch_stream, ordered);
    struct rpc_taken *taken = rpc_stream_take(rpc);
    struct batch_message *message = arena_zalloc(rpc_taken_arena(taken), sizeof *message);
    unsigned loops = runtime_loop_count(stream->service->runtime);
    struct problem problem;
    enum status status = STATUS_TOO_LARGE;
    if (message != NULL) {
        message->stream = stream;
        message->taken = taken;
        status = batch_make(message, request, &problem);
    } else {
        problem_set(&problem, status, "", "%s", status_text(status));
    }
    if (status != STATUS_OK) {
        rpc_taken_free(taken);
        ordered_stream_fail(&stream->ordered, &problem);
        return;
    }
    if (!ordered_stream_begin(&stream->ordered, message, &message->sequence)) {
        rpc_taken_free(taken);
        return;
    }
    for (unsigned i = 0; i < loops; i++) {
        batch_advance(message);
    }
    batch_message_unref(message);
}
