/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.EventService. */
#include <stdlib.h>

#include "proto/souk/v1/event.grpc-c.h"
#include "server/service/event_batch.h"
#include "server/service/ordered_stream.h"
#include "server/service/service_private.h"
#include "shard/base/memory.h"

/* --- One message, one answer ------------------------------------------------------- */

struct event_call {
    struct edge edge;
    struct event_batch batch;
};

static void event_reply(struct event_call *call)
{
    struct event_batch *batch = &call->batch;
    struct reply reply = {.arena = call->edge.arena};
    struct replica_stamp stamps[SESSION_TOKEN_SHARDS_MAX];
    struct event_totals totals;
    Souk__V1__RecordEventsResponse response = SOUK__V1__RECORD_EVENTS_RESPONSE__INIT;
    unsigned stamp_count = 0;
    event_batch_totals(batch, &reply, &totals);
    response.stored = totals.stored;
    response.duplicates = totals.duplicates;
    response.failures = totals.failures;
    response.n_failures = totals.failure_count;
    response.stamps =
        reply_alloc(&reply, (batch->part_count + 1) * sizeof *response.stamps);
    for (unsigned p = 0; p < batch->part_count && !reply.failed; p++) {
        if (batch->parts[p].call.status != STATUS_OK) {
            continue;
        }
        response.stamps[response.n_stamps++] =
            reply_stamp(&reply, &batch->parts[p].call.stamp);
        if (stamp_count < SESSION_TOKEN_SHARDS_MAX) {
            stamps[stamp_count++] = batch->parts[p].call.stamp;
        }
    }
    if (reply.failed) {
        edge_fail_memory(&call->edge);
        return;
    }
    edge_trailers(&call->edge, stamps, stamp_count, false);
    souk__v1__event_service__record_events__reply(call->edge.rpc, &response);
}

static void event_recorded(struct event_batch *batch)
{
    struct event_call *call = batch->user;
    struct rpc_call *rpc = call->edge.rpc;
    enum status status = event_batch_status(batch);
    if (status == STATUS_OK) {
        event_reply(call);
    } else {
        edge_fail_status(&call->edge, status);
    }
    event_batch_close(batch);
    rpc_call_unref(rpc);
}

static void event_record(struct rpc_call *rpc,
                         const Souk__V1__RecordEventsRequest *request, void *context)
{
    struct service *service = context;
    struct edge edge;
    struct event_call *call;
    struct problem problem;
    if (!edge_begin(&edge, service, rpc)) {
        return;
    }
    call = arena_alloc(edge.arena, sizeof *call);
    if (call == NULL) {
        edge_fail_memory(&edge);
        return;
    }
    call->edge = edge;
    if (event_batch_make(&call->batch, service, request->events, request->n_events,
                         edge.arena, &problem) != STATUS_OK) {
        edge_fail(&call->edge, &problem);
        return;
    }
    call->batch.user = call;
    rpc_call_ref(rpc); /* the parts' memory outlives the answer */
    event_batch_submit(&call->batch, edge.deadline_us, event_recorded);
}

/* --- The stream -------------------------------------------------------------------- */

struct event_stream {
    struct ordered_stream ordered;
    struct service *service;
};

struct event_message {
    struct event_stream *stream;
    struct rpc_taken *taken; /* the message lies in its arena, and so does this */
    struct event_batch batch;
    uint64_t sequence;
};

static enum status event_stream_answer(struct ordered_stream *ordered, void *user,
                                       struct problem *problem)
{
    struct event_message *message = user;
    struct reply reply = {.arena = rpc_taken_arena(message->taken)};
    struct event_totals totals;
    Souk__V1__StreamEventsResponse response = SOUK__V1__STREAM_EVENTS_RESPONSE__INIT;
    enum status status = event_batch_status(&message->batch);
    if (status != STATUS_OK) {
        return problem_set(problem, status, "", "%s", status_text(status));
    }
    event_batch_totals(&message->batch, &reply, &totals);
    if (reply.failed) {
        return problem_set(problem, STATUS_TOO_LARGE, "", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    response.sequence = message->sequence;
    response.stored = totals.stored;
    response.duplicates = totals.duplicates;
    response.failures = totals.failures;
    response.n_failures = totals.failure_count;
    return souk__v1__event_service__stream_events__send(ordered->stream, &response);
}

static void event_message_free(void *user)
{
    struct event_message *message = user;
    event_batch_close(&message->batch);
    rpc_taken_free(message->taken);
}

static void event_stream_free(struct ordered_stream *ordered)
{
    free(CONTAINER_OF(ordered, struct event_stream, ordered));
}

static void event_stream_recorded(struct event_batch *batch)
{
    struct event_message *message = batch->user;
    ordered_stream_complete(&message->stream->ordered, message->sequence);
}

static void event_stream_open(struct rpc_stream *rpc, void *context)
{
    static const struct ordered_ops ops = {
        .send = event_stream_answer,
        .message_free = event_message_free,
        .free = event_stream_free,
    };
    struct service *service = context;
    struct event_stream *stream = memory_zalloc(sizeof *stream);
    stream->service = service;
    ordered_stream_open(&stream->ordered, rpc, &ops,
                        (unsigned)service->settings->stream_credit_max);
}

static void event_stream_message(struct rpc_stream *rpc,
                                 const Souk__V1__StreamEventsRequest *request, void *user)
{
    struct event_stream *stream =
        CONTAINER_OF((struct ordered_stream *)user, struct event_stream, ordered);
    struct rpc_taken *taken = rpc_stream_take(rpc);
    struct event_message *message = arena_alloc(rpc_taken_arena(taken), sizeof *message);
    struct problem problem;
    if (message == NULL ||
        event_batch_make(&message->batch, stream->service, request->events,
                         request->n_events, rpc_taken_arena(taken),
                         &problem) != STATUS_OK) {
        if (message == NULL) {
            problem_set(&problem, STATUS_TOO_LARGE, "", "%s",
                        status_text(STATUS_TOO_LARGE));
        }
        rpc_taken_free(taken);
        ordered_stream_fail(&stream->ordered, &problem);
        return;
    }
    message->stream = stream;
    message->taken = taken;
    message->batch.user = message;
    if (!ordered_stream_begin(&stream->ordered, message, &message->sequence)) {
        event_message_free(message);
        return;
    }
    event_batch_submit(&message->batch, 0, event_stream_recorded);
}

void event_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__event_service__handlers handlers = {
        .record_events = event_record,
        .stream_events = {.open = event_stream_open,
                          .message = event_stream_message,
                          .events = {.half_close = ordered_stream_on_half_close,
                                     .writable = ordered_stream_on_writable,
                                     .draining = ordered_stream_on_draining,
                                     .malformed = ordered_stream_on_malformed,
                                     .done = ordered_stream_on_done}},
    };
    souk__v1__event_service__register(server, &handlers, service);
}
