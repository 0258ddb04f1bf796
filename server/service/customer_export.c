/* SPDX-License-Identifier: Apache-2.0 */
/*
 *     open -> ASKING --profile--> ASKING --page--> SENDING --queued--> ASKING ...
 *                                                   |   ^
 *                                       queue full  v   | writable
 *                                                  (waits)
 *
 * A page is made on the shard's loop and sent from there, or from the rpc worker that says
 * that there is room again; the lock stands between the two, and is not held while a shard
 * is asked.
 */
#include "server/service/customer_export.h"

#include <pthread.h>
#include <stdlib.h>

#include "proto/souk/v1/customer.grpc-c.h"
#include "server/service/intake.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"

enum {
    EXPORT_PAGE_EVENTS = 500,
    EXPORT_PAGE_BYTES_MAX = 16 << 20,
};

struct customer_export {
    struct service *service;
    struct rpc_stream *stream;
    struct edge edge; /* for what the caller has seen; its rpc answers nothing */
    char *actor_id;   /* in the call's arena */
    bool visitor;
    uint64_t deadline_us;
    struct shard_call call;
    struct replica_query query;
    struct replica_answer answer;
    struct arena page; /* of the answer and of the message made of it */

    pthread_mutex_t lock;
    unsigned refs; /* the stream's, and one while a shard is asked */
    bool finished;
    bool sending;   /* a page stands and is not queued yet */
    bool begun;     /* the first message is queued */
    bool profiled;  /* the profile was asked for */
    uint64_t below; /* ordinal of the oldest event sent; the next page ends below it */
    struct arena profile_memory;
    struct customer_profile profile; /* without a customer_id: there is none */
    struct replica_stamp stamp;      /* of the state that the export began with */
};

static void export_ask(struct customer_export *export);

/* Under the lock. */
static void export_finish(struct customer_export *export, const struct problem *problem)
{
    if (export->finished) {
        return;
    }
    export->finished = true;
    if (problem != NULL) {
        log_event(
            LOG_INFO, "stream refused",
            LOG_STRING("method", rpc_call_method(rpc_stream_call(export->stream))->path),
            LOG_STATUS(problem->status), LOG_STRING("field", problem->field));
    }
    rpc_stream_finish(export->stream, problem);
}

static void export_fail(struct customer_export *export, enum status status,
                        const char *message)
{
    struct problem problem;
    problem_set(&problem, status,
                status == STATUS_NOT_FOUND
                    ? (export->visitor ? "visitor_id" : "customer_id")
                    : "",
                "%s", message != NULL ? message : status_text(status));
    export_finish(export, &problem);
}

/* Gives one reference back, and the lock. The last frees everything. */
static void export_leave(struct customer_export *export)
{
    bool last = --export->refs == 0;
    pthread_mutex_unlock(&export->lock);
    if (!last) {
        return;
    }
    arena_close(&export->page);
    arena_close(&export->profile_memory);
    pthread_mutex_destroy(&export->lock);
    rpc_stream_unref(export->stream);
    free(export);
}

/* --- Messages ------------------------------------------------------------------------ */

static enum status export_send_first(struct customer_export *export)
{
    struct reply reply = {.arena = &export->page};
    Souk__V1__ExportCustomerResponse message = SOUK__V1__EXPORT_CUSTOMER_RESPONSE__INIT;
    if (export->profile.customer_id.size > 0) {
        message.customer = reply_customer(&reply, &export->profile);
        if (message.customer != NULL) {
            message.customer->event_count = export->below;
        }
    }
    message.event_count = export->below;
    message.stamp = reply_stamp(&reply, &export->stamp);
    return reply.failed ? STATUS_TOO_LARGE
                        : souk__v1__customer_service__export_customer__send(
                              export->stream, &message);
}

static Souk__V1__ExportedEvent *export_event(struct customer_export *export,
                                             struct reply *reply, uint32_t place)
{
    const struct customer_history *history = &export->answer.history;
    const struct customer_event *event = &history->events[place];
    Souk__V1__ExportedEvent *message = reply_alloc(reply, sizeof *message);
    if (message != NULL) {
        souk__v1__exported_event__init(message);
        message->event = reply_event(reply, event, export->actor_id, export->visitor);
        message->record_time = reply_time(reply, history->recorded_ms[place]);
        message->import_line = event->line;
    }
    return message;
}

static enum status export_send_page(struct customer_export *export)
{
    const struct customer_history *history = &export->answer.history;
    struct reply reply = {.arena = &export->page};
    Souk__V1__ExportCustomerResponse message = SOUK__V1__EXPORT_CUSTOMER_RESPONSE__INIT;
    message.events =
        reply_alloc(&reply, (history->event_count + 1) * sizeof *message.events);
    for (uint32_t i = 0; i < history->event_count && !reply.failed; i++) {
        message.events[i] = export_event(export, &reply, i);
    }
    message.n_events = history->event_count;
    message.stamp = reply_stamp(&reply, &export->call.stamp);
    return reply.failed ? STATUS_TOO_LARGE
                        : souk__v1__customer_service__export_customer__send(
                              export->stream, &message);
}

/* Queues what stands; true when the next page is to be asked for. Under the lock. */
static bool export_flush(struct customer_export *export)
{
    enum status status = STATUS_OK;
    if (export->finished || !export->sending) {
        return false;
    }
    if (!export->begun) {
        status = export_send_first(export);
        export->begun = status == STATUS_OK;
    }
    if (status == STATUS_OK && export->answer.history.event_count > 0) {
        status = export_send_page(export);
    }
    if (status == STATUS_OVERLOADED) {
        return false; /* `writable` comes */
    }
    if (status != STATUS_OK) {
        export_fail(export, status, NULL);
        return false;
    }
    export->sending = false;
    export->below = export->answer.history.next_before;
    if (export->below == 0) {
        export_finish(export, NULL);
        return false;
    }
    export->refs++;
    return true;
}

/* --- Asking -------------------------------------------------------------------------- */

/* A profile is not there for a visitor, nor for a customer who only did things. */
static void export_take_profile(struct customer_export *export)
{
    export->profiled = true;
    export->refs++; /* for the page that is asked for now */
    if (export->call.status == STATUS_OK) {
        export->profile = export->answer.profile;
    }
}

/* False when the export has ended. */
static bool export_take_page(struct customer_export *export)
{
    const struct customer_history *history = &export->answer.history;
    struct problem problem;
    /* What was there at the beginning is no newer than that; else somebody new it is. */
    bool newer =
        history->event_count > 0 && history->recorded_ms[0] > export->stamp.log_time_ms;
    if (export->begun && (history->before != export->below || newer)) {
        export_fail(export, STATUS_NOT_FOUND, "the customer was erased meanwhile");
        return false;
    }
    if (!export->begun) {
        if (edge_check_seen(&export->edge, &export->call.stamp, &problem) != STATUS_OK) {
            export_finish(export, &problem);
            return false;
        }
        export->stamp = export->call.stamp;
        export->below = history->before;
    }
    export->sending = true;
    return true;
}

static void export_answered(struct shard_call *call)
{
    struct customer_export *export = CONTAINER_OF(call, struct customer_export, call);
    bool again = false;
    pthread_mutex_lock(&export->lock);
    if (export->finished) {
        export_leave(export);
        return;
    }
    if (!export->profiled &&
        (call->status == STATUS_OK || call->status == STATUS_NOT_FOUND)) {
        export_take_profile(export);
        again = true;
    } else if (call->status != STATUS_OK) {
        export_fail(export, call->status,
                    call->status != STATUS_NOT_FOUND ? NULL
                    : export->begun                  ? "the customer was erased meanwhile"
                                                     : "nothing is stored under this id");
    } else if (export_take_page(export)) {
        again = export_flush(export);
    }
    if (again) {
        export->refs--; /* of the call that ended; the next one has its own */
        pthread_mutex_unlock(&export->lock);
        export_ask(export);
        return;
    }
    export_leave(export);
}

/* With a reference taken for the call. */
static void export_ask(struct customer_export *export)
{
    struct arena *memory = export->profiled ? &export->page : &export->profile_memory;
    const struct shard_map *map = export->service->map;
    uint64_t hash = customer_hash(export->query.customer.customer);
    export->query.kind = export->profiled ? REPLICA_QUERY_HISTORY : REPLICA_QUERY_PROFILE;
    export->query.customer.before = export->below;
    export->query.customer.count = EXPORT_PAGE_EVENTS;
    if (export->profiled) {
        arena_reset(&export->page);
    }
    shard_call_init_read(&export->call,
                         shard_map_range(map, SHARD_MAP_CUSTOMER,
                                         shard_map_find(map, SHARD_MAP_CUSTOMER, hash))
                             ->shard_id,
                         &export->query, &export->answer);
    export->call.deadline_us = export->deadline_us;
    export->call.arena = memory;
    export->call.done = export_answered;
    enum status status = runtime_submit(export->service->runtime, &export->call);
    if (status != STATUS_OK) {
        pthread_mutex_lock(&export->lock);
        export_fail(export, status, NULL);
        export_leave(export);
    }
}

/* --- The stream ---------------------------------------------------------------------- */

static enum status export_begin(struct customer_export *export,
                                const Souk__V1__ExportCustomerRequest *request,
                                struct problem *problem)
{
    bool customer =
        request->actor_case == SOUK__V1__EXPORT_CUSTOMER_REQUEST__ACTOR_CUSTOMER_ID;
    const char *customer_id = customer ? request->customer_id : NULL;
    export->visitor =
        request->actor_case == SOUK__V1__EXPORT_CUSTOMER_REQUEST__ACTOR_VISITOR_ID;
    TRY(intake_person(export->service, customer_id,
                      export->visitor ? request->visitor_id : NULL,
                      &export->query.customer.customer, problem));
    export->actor_id = arena_string(export->edge.arena,
                                    export->visitor ? request->visitor_id : customer_id);
    return edge_read_options(&export->edge, request->read, problem);
}

void customer_export_open(struct rpc_stream *stream,
                          const Souk__V1__ExportCustomerRequest *request, void *context)
{
    struct rpc_call *rpc = rpc_stream_call(stream);
    struct customer_export *export = memory_zalloc(sizeof *export);
    struct problem problem;
    export->service = context;
    export->stream = rpc_stream_ref(stream);
    export->edge = (struct edge){
        .service = context, .rpc = rpc, .arena = rpc_call_arena(rpc), .request_id = ""};
    export->deadline_us = (uint64_t)rpc_call_deadline_us(rpc);
    pthread_mutex_init(&export->lock, NULL);
    arena_init(&export->page, NULL, 0, EXPORT_PAGE_BYTES_MAX);
    arena_init(&export->profile_memory, NULL, 0, EXPORT_PAGE_BYTES_MAX);
    export->refs = 2;
    rpc_stream_set_user(stream, export);
    if (export_begin(export, request, &problem) != STATUS_OK) {
        pthread_mutex_lock(&export->lock);
        export_finish(export, &problem);
        export_leave(export);
        return;
    }
    export_ask(export);
}

void customer_export_writable(struct rpc_stream *stream, void *user)
{
    struct customer_export *export = user;
    (void)stream;
    pthread_mutex_lock(&export->lock);
    bool again = export_flush(export);
    pthread_mutex_unlock(&export->lock);
    if (again) {
        export_ask(export);
    }
}

void customer_export_draining(struct rpc_stream *stream, void *user)
{
    struct customer_export *export = user;
    (void)stream;
    pthread_mutex_lock(&export->lock);
    export_fail(export, STATUS_DRAINING, NULL);
    pthread_mutex_unlock(&export->lock);
}

void customer_export_done(struct rpc_stream *stream, const struct rpc_status *status,
                          void *user)
{
    struct customer_export *export = user;
    (void)stream;
    (void)status;
    pthread_mutex_lock(&export->lock);
    export->finished = true;
    export_leave(export);
}
