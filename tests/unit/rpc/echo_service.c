/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rpc/echo_service.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/base/memory.h"
#include "tests/unit/rpc/echo.grpc-c.h"

typedef Souk__Test__V1__EchoRequest echo_request;
typedef Souk__Test__V1__EchoResponse echo_response;

void echo_service_init(struct echo_service *echo)
{
    memset(echo, 0, sizeof *echo);
    ASSERT(pthread_mutex_init(&echo->lock, NULL) == 0);
}

void echo_service_close(struct echo_service *echo)
{
    for (unsigned i = 0; i < echo->later_count; i++) {
        pthread_join(echo->later[i], NULL);
    }
    for (unsigned i = 0; i < echo->kept_count; i++) {
        echo_response response = SOUK__TEST__V1__ECHO_RESPONSE__INIT;
        souk__test__v1__echo_service__echo__reply(echo->kept[i], &response);
    }
    pthread_mutex_destroy(&echo->lock);
}

/* --- Echo ------------------------------------------------------------------------------ */

struct later {
    struct rpc_call *call;
    const echo_request *request;
};

static void *echo_later(void *argument)
{
    struct later *later = argument;
    echo_response response = SOUK__TEST__V1__ECHO_RESPONSE__INIT;
    response.text = later->request->text;
    response.count = 1;
    souk__test__v1__echo_service__echo__reply(later->call, &response);
    free(later);
    return NULL;
}

static void echo_fail(struct rpc_call *call)
{
    static const struct rpc_detail details[] = {{"requested", "3"}, {"available", "2"}};
    static const struct rpc_violation violations[] = {{"lines[0].quantity", "too many"},
                                                      {"lines[1].quantity", "too many"}};
    const struct rpc_status status = {
        .status = STATUS_INSUFFICIENT_STOCK,
        .message = "3 requested, 2 available",
        .details = details,
        .detail_count = 2,
        .violations = violations,
        .violation_count = 2,
        .retry_after_ms = 1500,
    };
    rpc_call_fail_status(call, &status);
}

static void echo_cancelled(struct rpc_call *call, void *user)
{
    struct echo_service *echo = user;
    (void)call;
    atomic_fetch_add(&echo->cancelled, 1);
}

static void echo_keep(struct echo_service *echo, struct rpc_call *call)
{
    rpc_call_on_cancel(call, echo_cancelled, echo);
    pthread_mutex_lock(&echo->lock);
    ASSERT(echo->kept_count < ECHO_KEPT_CALLS_MAX);
    echo->kept[echo->kept_count++] = call;
    atomic_fetch_add(&echo->kept_calls, 1);
    pthread_mutex_unlock(&echo->lock);
}

static void echo_start_later(struct echo_service *echo, struct rpc_call *call,
                             const echo_request *request)
{
    struct later *later = memory_alloc(sizeof *later);
    *later = (struct later){call, request};
    pthread_mutex_lock(&echo->lock);
    ASSERT(echo->later_count < ECHO_LATER_THREADS_MAX);
    ASSERT(pthread_create(&echo->later[echo->later_count++], NULL, echo_later, later) ==
           0);
    pthread_mutex_unlock(&echo->lock);
}

static void echo_echo(struct rpc_call *call, const echo_request *request, void *context)
{
    struct echo_service *echo = context;
    echo_response response = SOUK__TEST__V1__ECHO_RESPONSE__INIT;
    struct slice parent;
    atomic_fetch_add(&echo->unary, 1);
    switch (request->command) {
    case SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_FAIL:
        echo_fail(call);
        return;
    case SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_LATER:
        echo_start_later(echo, call, request);
        return;
    case SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER:
        echo_keep(echo, call);
        return;
    case SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_TRAILERS:
        parent = rpc_call_metadata(call, "traceparent");
        ASSERT(rpc_call_add_trailer(call, "souk-replayed", slice_of("1", 1)));
        ASSERT(rpc_call_add_trailer(call, "souk-session-bin", slice_of("\0\1\xff", 3)));
        if (parent.size > 0) {
            ASSERT(rpc_call_add_trailer(call, "traceparent", parent));
        }
        break;
    case SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_UNSPECIFIED:
        break;
    }
    response.text = request->text;
    response.count = 1;
    response.payload = request->payload;
    response._deadline_left_us_case =
        SOUK__TEST__V1__ECHO_RESPONSE___DEADLINE_LEFT_US_DEADLINE_LEFT_US;
    response.deadline_left_us = rpc_call_time_left_us(call);
    souk__test__v1__echo_service__echo__reply(call, &response);
}

/* --- Count: as many answers as asked for, as the reader takes them --------------------- */

struct count {
    struct echo_service *echo;
    const echo_request *request;
    int32_t sent;
};

static void count_go_on(struct rpc_stream *stream, void *user)
{
    struct count *count = user;
    while (count->request->repeat < 0 || count->sent < count->request->repeat) {
        echo_response response = SOUK__TEST__V1__ECHO_RESPONSE__INIT;
        enum status status;
        response.text = count->request->text;
        response.payload = count->request->payload;
        response.count = count->sent;
        status = souk__test__v1__echo_service__count__send(stream, &response);
        if (status == STATUS_OVERLOADED) {
            atomic_fetch_add(&count->echo->overloaded, 1);
            return;
        }
        if (status != STATUS_OK) {
            return;
        }
        count->sent++;
    }
    rpc_stream_finish(stream, NULL);
}

static void count_writable(struct rpc_stream *stream, void *user)
{
    struct count *count = user;
    atomic_fetch_add(&count->echo->writable, 1);
    count_go_on(stream, user);
}

static void count_open(struct rpc_stream *stream, const echo_request *request,
                       void *context)
{
    struct echo_service *echo = context;
    struct count *count = memory_zalloc(sizeof *count);
    count->echo = echo;
    count->request = request;
    atomic_fetch_add(&echo->opened, 1);
    rpc_stream_set_user(stream, count);
    count_go_on(stream, count);
}

static void stream_draining(struct rpc_stream *stream, void *user)
{
    struct echo_service *echo = user;
    (void)stream;
    atomic_fetch_add(&echo->drained, 1);
}

static void count_done(struct rpc_stream *stream, const struct rpc_status *status,
                       void *user)
{
    struct count *count = user;
    (void)stream;
    atomic_fetch_add(&count->echo->done, 1);
    if (status->status == STATUS_CANCELLED) {
        atomic_fetch_add(&count->echo->done_cancelled, 1);
    }
    free(count);
}

/* --- Collect --------------------------------------------------------------------------- */

struct collect {
    struct echo_service *echo;
    struct buffer text;
    int32_t count;
};

static void collect_open(struct rpc_stream *stream, void *context)
{
    struct collect *collect = memory_zalloc(sizeof *collect);
    collect->echo = context;
    buffer_init(&collect->text);
    atomic_fetch_add(&collect->echo->opened, 1);
    rpc_stream_set_user(stream, collect);
}

static void collect_message(struct rpc_stream *stream, const echo_request *message,
                            void *user)
{
    struct collect *collect = user;
    (void)stream;
    collect->count++;
    buffer_append_slice(&collect->text, slice_from_string(message->text));
}

static void collect_half_close(struct rpc_stream *stream, void *user)
{
    struct collect *collect = user;
    echo_response response = SOUK__TEST__V1__ECHO_RESPONSE__INIT;
    struct problem problem;
    if (collect->count == 0) {
        problem_set(&problem, STATUS_INVALID, "text", "nothing to collect");
        rpc_stream_finish(stream, &problem);
        return;
    }
    buffer_append(&collect->text, "", 1);
    response.text = (char *)collect->text.data;
    response.count = collect->count;
    souk__test__v1__echo_service__collect__reply(stream, &response);
}

static void collect_done(struct rpc_stream *stream, const struct rpc_status *status,
                         void *user)
{
    struct collect *collect = user;
    (void)stream;
    (void)status;
    atomic_fetch_add(&collect->echo->done, 1);
    buffer_close(&collect->text);
    free(collect);
}

/* --- Chat ------------------------------------------------------------------------------ */

static void chat_open(struct rpc_stream *stream, void *context)
{
    struct echo_service *echo = context;
    atomic_fetch_add(&echo->opened, 1);
    rpc_stream_set_user(stream, echo);
}

static void chat_message(struct rpc_stream *stream, const echo_request *message,
                         void *user)
{
    struct echo_service *echo = user;
    echo_response response = SOUK__TEST__V1__ECHO_RESPONSE__INIT;
    if (message->command == SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_FAIL) {
        struct problem problem;
        problem_set(&problem, STATUS_SEQUENCE_GAP, "text", "as commanded");
        rpc_stream_finish(stream, &problem);
        return;
    }
    if (message->command == SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER) {
        rpc_stream_pause(stream); /* and never resumed */
    }
    if (message->command == SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_LATER) {
        int place = atomic_load(&echo->taken);
        ASSERT(place < ECHO_HELD_MAX);
        rpc_stream_set_window(stream, ECHO_CHAT_WINDOW);
        rpc_stream_pause(stream);
        echo->held[place] = rpc_stream_take(stream);
        atomic_store(&echo->taken, place + 1);
        return;
    }
    if (message->command == SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_TRAILERS) {
        ASSERT(rpc_call_add_trailer(rpc_stream_call(stream), "souk-replayed",
                                    slice_of("1", 1)));
    }
    response.text = message->text;
    response.count = 1;
    response.payload = message->payload;
    if (souk__test__v1__echo_service__chat__send(stream, &response) != STATUS_OK) {
        atomic_fetch_add(&echo->overloaded, 1);
    }
}

static void chat_half_close(struct rpc_stream *stream, void *user)
{
    (void)user;
    rpc_stream_finish(stream, NULL);
}

static void chat_done(struct rpc_stream *stream, const struct rpc_status *status,
                      void *user)
{
    struct echo_service *echo = user;
    (void)stream;
    atomic_fetch_add(&echo->done, 1);
    if (status->status == STATUS_CANCELLED) {
        atomic_fetch_add(&echo->done_cancelled, 1);
    }
}

static const struct souk__test__v1__echo_service__handlers ECHO_HANDLERS = {
    .echo = echo_echo,
    .count =
        {
            .open = count_open,
            .events = {.writable = count_writable, .done = count_done},
        },
    .collect =
        {
            .open = collect_open,
            .message = collect_message,
            .events = {.half_close = collect_half_close, .done = collect_done},
        },
    .chat =
        {
            .open = chat_open,
            .message = chat_message,
            .events = {.half_close = chat_half_close,
                       .draining = stream_draining,
                       .done = chat_done},
        },
};

void echo_service_register(struct echo_service *echo, struct rpc_server *server)
{
    souk__test__v1__echo_service__register(server, &ECHO_HANDLERS, echo);
}
