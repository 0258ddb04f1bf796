/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/source_run.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "proto/souk/v1/stock.grpc-c.h"
#include "server/service/check.h"
#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "shard/replica/command.h"

/* A command about the source itself, to one shard. */
struct source_ask {
    struct source_run *run;
    struct shard_call call;
    struct runtime_task back;
    struct arena arena;
    struct slice command;
    struct replica_outcome outcome;
};

struct source_run {
    struct service *service;
    struct rpc_stream *stream;
    unsigned home;
    unsigned window;

    /* The worker's. */
    struct source_intake intake;
    bool asked_open; /* Open has come */
    bool refused;    /* no message is taken any more */
    char source_id[INVENTORY_ID_BYTES_MAX + 1];
    uint32_t ack_window;
    uint64_t acked; /* as the peer was told before */

    struct runtime_task starting;
    struct runtime_task opening;
    struct runtime_task failing;
    struct problem failure; /* the worker's, for `failing` */
    uint64_t failure_gap;   /* likewise: the sequence expected; 0: it is no gap */
    struct runtime_task half_closing;
    struct runtime_task writing;
    struct runtime_task draining;
    struct runtime_task leaving;
    _Atomic(bool) writing_posted;

    /* The home loop's. */
    struct source_flow flow;
    bool begun; /* Open has come */
    bool opened;
    bool gone;        /* the stream has ended */
    bool finished;    /* a status was given */
    bool half_closed; /* before it was open */
    bool drained;
    unsigned calls; /* in shards */
    unsigned withheld;
    uint64_t home_hash;
    unsigned home_shard;
    struct source_ask *asks; /* one per shard */
    unsigned asks_open;
    struct problem open_problem;
    struct source_ask log;
    uint64_t log_value;
    struct runtime_timer timer;
    uint64_t heard_us;      /* when a message came last, or nothing was owed any more */
    uint64_t stop_sequence; /* of the update that ends the stream; 0: none */
    uint64_t gap_expected;
};

static void source_pump(struct source_run *run, struct moment now);

/* --- Ending ---------------------------------------------------------------------------- */

static void source_finish(struct source_run *run, const struct problem *problem)
{
    struct rpc_status status;
    struct rpc_violation violation;
    struct rpc_detail detail = {NULL, NULL};
    char number[24];
    if (run->finished) {
        return;
    }
    run->finished = true;
    if (problem == NULL) {
        rpc_stream_finish(run->stream, NULL);
        return;
    }
    log_event(LOG_INFO, "stock stream refused", LOG_STRING("source", run->source_id),
              LOG_STATUS(problem->status), LOG_STRING("why", problem->message));
    rpc_status_from_problem(problem, &status, &violation);
    if (run->stop_sequence != 0 || run->gap_expected != 0) {
        detail.key = run->stop_sequence != 0 ? "sequence" : "expected_sequence";
        snprintf(number, sizeof number, "%" PRIu64,
                 run->stop_sequence != 0 ? run->stop_sequence : run->gap_expected);
        detail.value = number;
        status.details = &detail;
        status.detail_count = 1;
    }
    rpc_stream_finish_status(run->stream, &status);
}

static void source_free(struct source_run *run)
{
    struct list *node;
    while ((node = list_pop(&run->flow.batches)) != NULL) {
        struct source_batch *batch = LIST_ENTRY(node, struct source_batch, link);
        source_message_free(CONTAINER_OF(batch, struct source_message, batch));
    }
    source_flow_close(&run->flow);
    for (unsigned s = 0; run->asks != NULL && s < run->flow.options.shard_count; s++) {
        arena_close(&run->asks[s].arena);
    }
    arena_close(&run->log.arena);
    free(run->asks);
    free(run->intake.chains);
    rpc_stream_unref(run->stream);
    free(run);
}

/* After everything that may have been the last. */
static void source_leave(struct source_run *run)
{
    if (run->gone && run->calls == 0) {
        source_free(run);
    }
}

static void source_release(struct source_run *run)
{
    struct source_batch *batch;
    while ((batch = source_flow_release(&run->flow)) != NULL) {
        source_message_free(CONTAINER_OF(batch, struct source_message, batch));
        if (run->withheld < run->window - run->flow.credit) {
            run->withheld++; /* overload: less is read from now on */
        } else {
            rpc_stream_resume(run->stream);
        }
    }
    while (run->withheld > run->window - run->flow.credit) {
        run->withheld--;
        rpc_stream_resume(run->stream);
    }
}

/* --- Opening --------------------------------------------------------------------------- */

static void source_opened(struct source_run *run, struct moment now)
{
    Souk__V1__StreamStockUpdatesResponse response =
        SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__INIT;
    Souk__V1__StockStreamOpened opened = SOUK__V1__STOCK_STREAM_OPENED__INIT;
    enum status status;
    run->opened = true;
    opened.last_sequence = run->flow.through;
    opened.credit = run->window;
    response.message_case = SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_OPENED;
    response.opened = &opened;
    status = souk__v1__stock_service__stream_stock_updates__send(run->stream, &response);
    if (status != STATUS_OK) {
        return; /* the first message of a stream has room: it has ended */
    }
    run->intake.next = run->flow.through + 1;
    atomic_store_explicit(&run->intake.logged, run->flow.logged, memory_order_relaxed);
    if (run->half_closed) {
        source_flow_half_close(&run->flow);
    }
    if (run->drained) {
        source_flow_drain(&run->flow);
    }
    for (unsigned i = 0; i < run->window; i++) {
        rpc_stream_resume(run->stream);
    }
    source_pump(run, now);
}

static void source_ask_submit(struct source_run *run, struct source_ask *ask,
                              uint64_t shard_id, const struct inventory_command *command,
                              shard_call_done *done)
{
    enum status status;
    ask->run = run;
    arena_reset(&ask->arena);
    status = command_encode_sku(command, &ask->arena, &ask->command);
    ASSERT(status == STATUS_OK); /* the arena has no limit */
    shard_call_init_propose(&ask->call, shard_id, &ask->command, 1, &ask->outcome);
    ask->call.arena = &ask->arena; /* what another node answers is unpacked there */
    ask->call.done = done;
    run->calls++;
    status = runtime_submit(run->service->runtime, &ask->call);
    if (status != STATUS_OK) {
        ask->call.status = status;
        done(&ask->call);
    }
}

static enum status source_ask_status(const struct source_ask *ask)
{
    return ask->call.status != STATUS_OK ? ask->call.status : ask->outcome.status;
}

static void source_open_failed(struct source_run *run, enum status status)
{
    if (run->open_problem.status != STATUS_OK) {
        return;
    }
    if (status == STATUS_QUANTITY_LIMIT) {
        problem_set(
            &run->open_problem, status, "open.source_id",
            "as many sources are known as setting sources_max allows; use a known "
            "source_id, or raise the setting");
    } else {
        problem_set(&run->open_problem, status,
                    status == STATUS_SOURCE_SUPERSEDED ? "open.source_epoch" : "", "%s",
                    status_text(status));
    }
}

static void source_open_back(struct runtime_task *task, struct moment now);

static void source_open_done(struct shard_call *call)
{
    struct source_ask *ask = CONTAINER_OF(call, struct source_ask, call);
    ask->back.run = source_open_back;
    runtime_post(ask->run->service->runtime, ask->run->home, &ask->back);
}

static void source_open_shard(struct source_run *run, unsigned shard)
{
    const struct inventory_command command = {
        .kind = INVENTORY_SOURCE_OPEN,
        .source_open = {.source = run->intake.source,
                        .home_hash = run->home_hash,
                        .sources_max = (uint32_t)run->service->settings->sources_max}};
    run->asks_open++;
    source_ask_submit(run, &run->asks[shard],
                      shard_map_range(run->service->map, SHARD_MAP_SKU, shard)->shard_id,
                      &command, source_open_done);
}

/* The home has given an incarnation: all others have to know it before anything goes on, so
 * that nothing of an older stream is taken any more. */
static void source_open_others(struct source_run *run, const struct source_ask *home)
{
    run->intake.source.incarnation = home->outcome.inventory.source.incarnation;
    run->flow.logged = home->outcome.inventory.source.through;
    run->flow.through = run->acked > run->flow.logged ? run->acked : run->flow.logged;
    for (unsigned s = 0; s < run->flow.options.shard_count; s++) {
        if (s != run->home_shard) {
            source_open_shard(run, s);
        }
    }
}

static void source_open_back(struct runtime_task *task, struct moment now)
{
    struct source_ask *ask = CONTAINER_OF(task, struct source_ask, back);
    struct source_run *run = ask->run;
    bool first = run->intake.source.incarnation == 0;
    enum status status = source_ask_status(ask);
    run->calls--;
    run->asks_open--;
    if (status != STATUS_OK) {
        source_open_failed(run, status);
    } else if (first && !run->gone) {
        source_open_others(run, ask);
    }
    if (run->asks_open == 0 && !run->gone) {
        if (run->open_problem.status != STATUS_OK) {
            source_finish(run, &run->open_problem);
        } else {
            source_opened(run, now);
        }
    }
    source_leave(run);
}

static void source_begin(struct runtime_task *task, struct moment now)
{
    struct source_run *run = CONTAINER_OF(task, struct source_run, opening);
    run->heard_us = now.monotonic_us;
    run->begun = true;
    if (!run->gone && !run->finished) {
        source_open_shard(run, run->home_shard);
    }
}

/* --- Steps ----------------------------------------------------------------------------- */

static void source_piece_back(struct runtime_task *task, struct moment now)
{
    struct source_piece *piece = CONTAINER_OF(task, struct source_piece, back);
    struct source_run *run = piece->message->run;
    struct source_answer answer;
    run->calls--;
    source_piece_answer(piece, &answer);
    metric_add(METRIC_STOCK_UPDATES, answer.applied);
    source_flow_answered(&run->flow, &piece->part, &answer, now.monotonic_us);
    source_pump(run, now);
    source_leave(run);
}

/* On the shard's loop. Always by way of a task, so that a run is never entered twice. */
static void source_piece_done(struct shard_call *call)
{
    struct source_piece *piece = CONTAINER_OF(call, struct source_piece, call);
    struct source_run *run = piece->message->run;
    piece->back.run = source_piece_back;
    runtime_post(run->service->runtime, run->home, &piece->back);
}

static void source_submit(struct source_run *run, struct source_part *part)
{
    struct source_piece *piece = CONTAINER_OF(part, struct source_piece, part);
    enum status status;
    source_piece_ready(piece);
    piece->call.done = source_piece_done;
    run->calls++;
    status = runtime_submit(run->service->runtime, &piece->call);
    if (status != STATUS_OK) {
        piece->call.status = status;
        source_piece_done(&piece->call);
    }
}

static void source_log_back(struct runtime_task *task, struct moment now)
{
    struct source_ask *ask = CONTAINER_OF(task, struct source_ask, back);
    struct source_run *run = ask->run;
    enum status status = source_ask_status(ask);
    run->calls--;
    if (status == STATUS_OK) {
        atomic_store_explicit(&run->intake.logged, run->log_value, memory_order_relaxed);
    }
    source_flow_logged(&run->flow, run->log_value, status, now.monotonic_us);
    source_pump(run, now);
    source_leave(run);
}

static void source_log_done(struct shard_call *call)
{
    struct source_ask *ask = CONTAINER_OF(call, struct source_ask, call);
    ask->back.run = source_log_back;
    runtime_post(ask->run->service->runtime, ask->run->home, &ask->back);
}

static void source_log_through(struct source_run *run, uint64_t value)
{
    const struct inventory_command command = {
        .kind = INVENTORY_SOURCE_THROUGH,
        .source_through = {
            .source = run->intake.source, .home_hash = run->home_hash, .through = value}};
    run->log_value = value;
    source_ask_submit(
        run, &run->log,
        shard_map_range(run->service->map, SHARD_MAP_SKU, run->home_shard)->shard_id,
        &command, source_log_done);
}

static enum status source_send_ack(struct source_run *run, const struct source_step *step)
{
    Souk__V1__StreamStockUpdatesResponse response =
        SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__INIT;
    Souk__V1__StockStreamAck ack = SOUK__V1__STOCK_STREAM_ACK__INIT;
    uint64_t stop = run->flow.stopped_at;
    bool stops = stop != 0 && step->last->last >= stop;
    struct problem problem = {.status = STATUS_OK};
    struct source_batch *batch = NULL;
    struct arena arena;
    struct reply reply = {.arena = &arena};
    enum status status = STATUS_TOO_LARGE;
    arena_init(&arena, NULL, 0, 0);
    do {
        batch = source_flow_after(&run->flow, batch);
        ASSERT(batch != NULL);
        source_message_ack(CONTAINER_OF(batch, struct source_message, batch),
                           stops ? stop : UINT64_MAX, &reply, &ack, &problem);
    } while (batch != step->last);
    ack.through_sequence = step->value;
    response.message_case = SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_ACK;
    response.ack = &ack;
    if (!reply.failed) {
        status =
            souk__v1__stock_service__stream_stock_updates__send(run->stream, &response);
    }
    if (status == STATUS_OK && stops) {
        struct problem ended;
        problem_set(&ended, problem.status, problem.field, "update %" PRIu64 ": %s", stop,
                    problem.message);
        run->stop_sequence = stop;
        source_flow_fail(&run->flow, &ended);
    }
    arena_close(&arena);
    return status;
}

static enum status source_send(struct source_run *run, const struct source_step *step)
{
    Souk__V1__StreamStockUpdatesResponse response =
        SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__INIT;
    Souk__V1__StockStreamCredit credit = SOUK__V1__STOCK_STREAM_CREDIT__INIT;
    Souk__V1__StockStreamBarrierReached barrier =
        SOUK__V1__STOCK_STREAM_BARRIER_REACHED__INIT;
    Souk__V1__StockStreamGoAway away = SOUK__V1__STOCK_STREAM_GO_AWAY__INIT;
    if (step->kind == SOURCE_STEP_ACK) {
        return source_send_ack(run, step);
    }
    if (step->kind == SOURCE_STEP_CREDIT) {
        credit.credit = (uint32_t)step->value;
        response.message_case = SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_CREDIT;
        response.credit = &credit;
    } else if (step->kind == SOURCE_STEP_BARRIER) {
        barrier.barrier_id = step->last->barrier_id;
        barrier.through_sequence = step->value;
        response.message_case = SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_BARRIER;
        response.barrier = &barrier;
    } else {
        away.through_sequence = step->value;
        response.message_case = SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_GO_AWAY;
        response.go_away = &away;
    }
    return souk__v1__stock_service__stream_stock_updates__send(run->stream, &response);
}

/* A peer that says nothing and is owed nothing may be gone for good. */
static uint64_t source_idle_due(const struct source_run *run)
{
    bool owes = run->asks_open > 0 || source_flow_first(&run->flow) != NULL;
    if (owes || run->flow.ending) {
        return UINT64_MAX;
    }
    return run->heard_us +
           (uint64_t)run->service->settings->stream_idle_max_s * UINT64_C(1000000);
}

static void source_idle(struct source_run *run, struct moment now)
{
    struct problem problem;
    if (run->gone || run->finished || now.monotonic_us < source_idle_due(run)) {
        return;
    }
    problem_set(&problem, STATUS_STREAM_IDLE, "", "%s", status_text(STATUS_STREAM_IDLE));
    if (run->opened) {
        source_flow_fail(&run->flow, &problem);
    } else {
        source_finish(run, &problem);
    }
}

static void source_fire(struct runtime_timer *timer, struct moment now)
{
    struct source_run *run = CONTAINER_OF(timer, struct source_run, timer);
    source_idle(run, now);
    source_pump(run, now);
}

static void source_set_timer(struct source_run *run)
{
    uint64_t due_us = source_flow_due(&run->flow), idle_us = source_idle_due(run);
    due_us = idle_us < due_us ? idle_us : due_us;
    if (run->gone || run->finished || due_us == UINT64_MAX) {
        runtime_timer_clear(run->service->runtime, run->home, &run->timer);
        return;
    }
    run->timer.fire = source_fire;
    runtime_timer_set(run->service->runtime, run->home, &run->timer, due_us);
}

static void source_pump(struct source_run *run, struct moment now)
{
    struct source_step step;
    while (!run->gone && run->opened && !run->finished &&
           source_flow_next(&run->flow, now.monotonic_us, &step)) {
        if (step.kind == SOURCE_STEP_ASK) {
            source_submit(run, step.part);
        } else if (step.kind == SOURCE_STEP_LOG) {
            source_log_through(run, step.value);
        } else if (step.kind == SOURCE_STEP_FINISH) {
            source_finish(run, source_flow_problem(&run->flow));
        } else if (source_send(run, &step) == STATUS_OK) {
            source_flow_sent(&run->flow, &step);
            run->heard_us = now.monotonic_us;
        } else {
            break; /* `writable` comes, or the end */
        }
        source_release(run);
    }
    source_set_timer(run);
}

/* --- What happens to the stream: on the worker, then on the home loop -------------------- */

static void source_post(struct source_run *run, struct runtime_task *task,
                        void (*step)(struct runtime_task *task, struct moment now))
{
    task->run = step;
    runtime_post(run->service->runtime, run->home, task);
}

static void source_failing(struct runtime_task *task, struct moment now)
{
    struct source_run *run = CONTAINER_OF(task, struct source_run, failing);
    run->gap_expected = run->failure_gap;
    if (!run->opened) {
        source_finish(run, &run->failure);
        return;
    }
    source_flow_fail(&run->flow, &run->failure);
    source_pump(run, now);
}

static void source_refuse(struct source_run *run, const struct problem *problem)
{
    run->refused = true;
    run->failure = *problem;
    source_post(run, &run->failing, source_failing);
}

static void source_half_closing(struct runtime_task *task, struct moment now)
{
    struct source_run *run = CONTAINER_OF(task, struct source_run, half_closing);
    run->half_closed = true;
    if (run->opened) {
        source_flow_half_close(&run->flow);
        source_pump(run, now);
    } else if (!run->begun) {
        source_finish(run, NULL); /* nothing was asked */
    }
}

void source_run_half_close(struct rpc_stream *stream, void *user)
{
    struct source_run *run = user;
    (void)stream;
    source_post(run, &run->half_closing, source_half_closing);
}

static void source_writing(struct runtime_task *task, struct moment now)
{
    struct source_run *run = CONTAINER_OF(task, struct source_run, writing);
    atomic_store_explicit(&run->writing_posted, false, memory_order_release);
    source_pump(run, now);
}

void source_run_writable(struct rpc_stream *stream, void *user)
{
    struct source_run *run = user;
    (void)stream;
    if (!atomic_exchange_explicit(&run->writing_posted, true, memory_order_acq_rel)) {
        source_post(run, &run->writing, source_writing);
    }
}

static void source_draining(struct runtime_task *task, struct moment now)
{
    struct source_run *run = CONTAINER_OF(task, struct source_run, draining);
    run->drained = true;
    if (run->opened) {
        source_flow_drain(&run->flow);
        source_pump(run, now);
    } else if (!run->begun) {
        struct problem problem;
        problem_set(&problem, STATUS_DRAINING, "", "%s", status_text(STATUS_DRAINING));
        source_finish(run, &problem);
    }
}

void source_run_draining(struct rpc_stream *stream, void *user)
{
    struct source_run *run = user;
    (void)stream;
    source_post(run, &run->draining, source_draining);
}

static void source_leaving(struct runtime_task *task, struct moment now)
{
    struct source_run *run = CONTAINER_OF(task, struct source_run, leaving);
    (void)now;
    run->gone = true;
    run->finished = true;
    runtime_timer_clear(run->service->runtime, run->home, &run->timer);
    source_leave(run);
}

void source_run_done(struct rpc_stream *stream, const struct rpc_status *status,
                     void *user)
{
    struct source_run *run = user;
    (void)stream;
    (void)status;
    source_post(run, &run->leaving, source_leaving);
}

/* --- Messages, on the worker ----------------------------------------------------------- */

static enum status source_take_open(struct source_run *run,
                                    const Souk__V1__StockStreamOpen *open,
                                    struct problem *problem)
{
    struct slice id;
    if (run->asked_open) {
        return problem_set(problem, STATUS_INVALID, "open", "the stream is open already");
    }
    TRY(check_id("open.source_id", open->source_id, &id, problem));
    if (open->acked_sequence > INT64_MAX) {
        return problem_set(problem, STATUS_INVALID, "open.acked_sequence",
                           "open.acked_sequence: below 2^63");
    }
    memcpy(run->source_id, id.data, id.size);
    run->asked_open = true;
    run->ack_window = open->ack_window;
    run->acked = open->acked_sequence;
    run->intake.source = (struct inventory_source){
        .id = hash128(id, 0),
        .epoch = open->source_epoch > 0 ? open->source_epoch : 1,
    };
    run->intake.stop =
        open->error_mode == SOUK__V1__STREAM_ERROR_MODE__STREAM_ERROR_MODE_STOP;
    run->intake.on_missing =
        open->on_missing == SOUK__V1__ON_MISSING__ON_MISSING_UNSPECIFIED
            ? INVENTORY_MISSING_REFUSE
            : (enum inventory_missing)open->on_missing;
    return STATUS_OK;
}

/* Nothing is read until the source is open on every shard. */
static void source_start(struct source_run *run)
{
    const struct shard_map *map = run->service->map;
    unsigned shards = shard_map_count(map, SHARD_MAP_SKU);
    struct source_flow_options options = {
        .shard_count = shards, .credit_max = run->window, .ack_window = run->ack_window};
    source_flow_close(&run->flow);
    source_flow_init(&run->flow, &options);
    run->intake.chains = memory_zalloc(shards * sizeof *run->intake.chains);
    run->home_hash = key_hash(slice_from_string(run->source_id), map->hash_seed);
    run->home_shard = shard_map_find(map, SHARD_MAP_SKU, run->home_hash);
    run->asks = memory_zalloc(shards * sizeof *run->asks);
    for (unsigned s = 0; s < shards; s++) {
        arena_init(&run->asks[s].arena, NULL, 0, 0);
    }
    for (unsigned i = 0; i < run->window; i++) {
        rpc_stream_pause(run->stream);
    }
    source_post(run, &run->opening, source_begin);
}

static void source_arrive(struct runtime_task *task, struct moment now)
{
    struct source_message *message = CONTAINER_OF(task, struct source_message, arrive);
    struct source_run *run = message->run;
    run->heard_us = now.monotonic_us;
    source_flow_add(&run->flow, &message->batch);
    source_release(run);
    source_pump(run, now);
}

static enum status source_take(struct source_run *run, struct source_message *message,
                               const Souk__V1__StreamStockUpdatesRequest *request,
                               struct problem *problem)
{
    if (!run->asked_open) {
        return problem_set(problem, STATUS_INVALID, "open",
                           "the first message of a stream is Open");
    }
    if (request->message_case ==
        SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__MESSAGE_BARRIER) {
        message->batch.is_barrier = true;
        message->batch.barrier_id = request->barrier->barrier_id;
        return STATUS_OK;
    }
    if (request->message_case == SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__MESSAGE_BATCH) {
        return source_message_take(&run->intake, message, request->batch, problem);
    }
    return problem_set(problem, STATUS_INVALID, "message",
                       "a message is Open, a batch of updates, or a barrier");
}

static void source_take_message(struct source_run *run,
                                const Souk__V1__StreamStockUpdatesRequest *request)
{
    struct rpc_taken *taken = rpc_stream_take(run->stream);
    struct source_message *message =
        arena_zalloc(rpc_taken_arena(taken), sizeof *message);
    struct problem problem;
    if (message == NULL) {
        rpc_taken_free(taken);
        problem_set(&problem, STATUS_TOO_LARGE, "", "%s", status_text(STATUS_TOO_LARGE));
        source_refuse(run, &problem);
        return;
    }
    message->run = run;
    message->taken = taken;
    if (source_take(run, message, request, &problem) != STATUS_OK) {
        run->failure_gap = problem.status == STATUS_SEQUENCE_GAP ? run->intake.next : 0;
        source_message_free(message);
        source_refuse(run, &problem);
        return;
    }
    rpc_stream_pause(run->stream);
    source_post(run, &message->arrive, source_arrive);
}

void source_run_message(struct rpc_stream *stream,
                        const Souk__V1__StreamStockUpdatesRequest *request, void *user)
{
    struct source_run *run = user;
    struct problem problem;
    (void)stream;
    if (run->refused) {
        return;
    }
    if (request->message_case != SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__MESSAGE_OPEN) {
        source_take_message(run, request);
    } else if (source_take_open(run, request->open, &problem) == STATUS_OK) {
        source_start(run);
    } else {
        source_refuse(run, &problem);
    }
}

static void source_starting(struct runtime_task *task, struct moment now)
{
    struct source_run *run = CONTAINER_OF(task, struct source_run, starting);
    run->heard_us = now.monotonic_us;
    source_set_timer(run);
}

void source_run_open(struct rpc_stream *stream, void *context)
{
    struct service *service = context;
    struct source_run *run = memory_zalloc(sizeof *run);
    unsigned turn =
        atomic_fetch_add_explicit(&service->next_loop, 1, memory_order_relaxed);
    run->service = service;
    run->stream = rpc_stream_ref(stream);
    run->home = turn % runtime_loop_count(service->runtime);
    run->window = (unsigned)service->settings->stream_credit_max;
    run->intake.service = service;
    source_flow_init(&run->flow,
                     &(struct source_flow_options){.credit_max = run->window});
    arena_init(&run->log.arena, NULL, 0, 0);
    rpc_stream_set_window(stream, run->window);
    rpc_stream_set_user(stream, run);
    source_post(run, &run->starting, source_starting);
}
