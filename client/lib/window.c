/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/window.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/lib/error.h"
#include "client/lib/retry.h"
#include "proto/rpc/rpc_message.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"

void window_init(struct window *window, struct souk_client *client,
                 const struct window_kind *kind, uint32_t limit, int64_t outage_max_ms)
{
    pthread_condattr_t attributes;
    memset(window, 0, sizeof *window);
    window->client = client;
    window->kind = *kind;
    window->outage_max_ms = outage_max_ms > 0 ? outage_max_ms : WINDOW_OUTAGE_DEFAULT_MS;
    window->limit = limit > 0 ? limit : WINDOW_MESSAGES_DEFAULT;
    if (window->limit > WINDOW_MESSAGES_MAX) {
        window->limit = WINDOW_MESSAGES_MAX;
    }
    window->limit_max = window->limit;
    pthread_mutex_init(&window->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&window->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    list_init(&window->unanswered);
    window->unsent = &window->unanswered;
    window->progress_us = client_now(client).monotonic_us;
    rng_init(&window->rng, client_seed(client));
}

static void window_message_free(struct window_message *message)
{
    arena_close(&message->arena);
    free(message);
}

/* A deep copy, by way of the wire's own form. NULL when that form is not valid. */
static struct window_message *window_message_new(const ProtobufCMessage *given,
                                                 struct problem *problem)
{
    struct window_message *message = memory_zalloc(sizeof *message);
    size_t size = protobuf_c_message_get_packed_size(given);
    uint8_t *packed = memory_alloc(size);
    enum status status;
    protobuf_c_message_pack(given, packed);
    list_init(&message->link);
    arena_init(&message->arena, NULL, 0, 0);
    status = rpc_message_unpack(given->descriptor, slice_of(packed, size), false,
                                &message->arena, &message->message, problem);
    free(packed);
    if (status != STATUS_OK) {
        window_message_free(message);
        return NULL;
    }
    return message;
}

static enum souk_code window_error_copy(struct window *window,
                                        struct souk_error *out_error)
{
    if (out_error != NULL) {
        *out_error = window->error;
        /* What the error owns stays with the window. */
        out_error->owned = NULL;
        out_error->violations = NULL;
        out_error->violation_count = 0;
        out_error->metadata = NULL;
        out_error->metadata_count = 0;
    }
    return window->error.code;
}

static void window_fail(struct window *window, const struct rpc_status *status)
{
    if (window->state == WINDOW_FAILED) {
        return;
    }
    window->state = WINDOW_FAILED;
    error_from_status(status, &window->error);
    window->error.attempts = window->failures;
    pthread_cond_broadcast(&window->changed);
}

/* Sends what the connection takes. A refusal for good shows as `done`. */
static void window_pump(struct window *window)
{
    while (window->state == WINDOW_READY && window->unsent != &window->unanswered) {
        struct window_message *message =
            LIST_ENTRY(window->unsent, struct window_message, link);
        if (window->kind.send(window->stream, message->message) != STATUS_OK) {
            return;
        }
        window->unsent = window->unsent->next;
    }
}

static void window_connect(struct window *window)
{
    unsigned channel = client_channel(window->client, window->addresses_skipped);
    struct rpc_channel *rpc =
        window->client->world->operations->channel(window->client->world, channel);
    enum status status = STATUS_OK;
    window->unsent = window->unanswered.next;
    window->state = window->kind.greeting ? WINDOW_OPENING : WINDOW_READY;
    window->stream = window->kind.open(window, rpc);
    if (window->kind.greeting != NULL) {
        status = window->kind.send(window->stream, window->kind.greeting);
    }
    /* A greeting that cannot be queued means the stream has ended: `done` follows. */
    (void)status;
    window_pump(window);
}

static void window_alarm(void *user)
{
    struct window *window = user;
    pthread_mutex_lock(&window->mutex);
    window->alarm_set = false;
    if (!window->closing && window->state == WINDOW_PAUSED) {
        window_connect(window);
    }
    pthread_cond_broadcast(&window->changed);
    pthread_mutex_unlock(&window->mutex);
}

static bool window_worth_retrying(const struct rpc_status *status)
{
    switch (status->code) {
    case STATUS_CODE_OK: /* the server ended the stream politely: it is going away */
    case STATUS_CODE_CANCELLED:
    case STATUS_CODE_UNKNOWN:
    case STATUS_CODE_DEADLINE_EXCEEDED:
    case STATUS_CODE_UNAVAILABLE:
        return true;
    case STATUS_CODE_RESOURCE_EXHAUSTED:
        return status->status != STATUS_TOO_LARGE;
    case STATUS_CODE_INVALID_ARGUMENT:
    case STATUS_CODE_NOT_FOUND:
    case STATUS_CODE_ALREADY_EXISTS:
    case STATUS_CODE_PERMISSION_DENIED:
    case STATUS_CODE_FAILED_PRECONDITION:
    case STATUS_CODE_ABORTED:
    case STATUS_CODE_OUT_OF_RANGE:
    case STATUS_CODE_UNIMPLEMENTED:
    case STATUS_CODE_INTERNAL:
    case STATUS_CODE_DATA_LOSS:
    case STATUS_CODE_UNAUTHENTICATED:
    default:
        return false;
    }
}

/* Under the mutex, after the connection ended: pause and open again, or give up. */
static bool window_plan(struct window *window, const struct rpc_status *status)
{
    uint64_t now_us = client_now(window->client).monotonic_us;
    uint64_t pause_ms;
    window->failures++;
    if (window->closing || window->state == WINDOW_FAILED) {
        return false;
    }
    if (!window_worth_retrying(status) ||
        now_us - window->progress_us > (uint64_t)window->outage_max_ms * 1000) {
        window_fail(window, status);
        return false;
    }
    pause_ms = retry_pause_ms(window->failures, &window->rng);
    if (pause_ms > WINDOW_PAUSE_MOST_MS) {
        pause_ms = WINDOW_PAUSE_MOST_MS;
    }
    window->state = WINDOW_PAUSED;
    window->addresses_skipped += status->code == STATUS_CODE_UNAVAILABLE;
    window->alarm_set = true;
    window->client->world->operations->alarm(
        window->client->world, now_us + pause_ms * 1000, window_alarm, window);
    return true;
}

void window_done(struct rpc_stream *stream, const struct rpc_status *status, void *user)
{
    struct window *window = user;
    bool again;
    pthread_mutex_lock(&window->mutex);
    ASSERT(window->stream == stream);
    again = window_plan(window, status);
    pthread_mutex_unlock(&window->mutex);
    if (again && window->kind.lost != NULL) {
        struct souk_error error;
        error_from_status(status, &error);
        window->kind.lost(window, &error);
        souk_error_clear(&error);
    }
    /* The last touch of a closing window: its closer waits for the stream to go. */
    pthread_mutex_lock(&window->mutex);
    if (window->stream == stream) {
        window->stream = NULL;
    }
    pthread_cond_broadcast(&window->changed);
    pthread_mutex_unlock(&window->mutex);
    rpc_stream_unref(stream);
}

void window_writable(struct rpc_stream *stream, void *user)
{
    struct window *window = user;
    (void)stream;
    pthread_mutex_lock(&window->mutex);
    window_pump(window);
    pthread_mutex_unlock(&window->mutex);
}

static void window_progress(struct window *window)
{
    window->progress_us = client_now(window->client).monotonic_us;
    window->failures = 0;
    pthread_cond_broadcast(&window->changed);
}

void window_greeted(struct window *window, uint32_t limit)
{
    pthread_mutex_lock(&window->mutex);
    if (window->state == WINDOW_OPENING) {
        window->state = WINDOW_READY;
        if (limit > 0 && limit < window->limit) {
            window->limit = limit;
        }
        window_progress(window);
        window_pump(window);
    }
    pthread_mutex_unlock(&window->mutex);
}

void window_credit(struct window *window, uint32_t limit)
{
    pthread_mutex_lock(&window->mutex);
    if (limit > 0) {
        window->limit = limit < window->limit_max ? limit : window->limit_max;
        pthread_cond_broadcast(&window->changed);
    }
    pthread_mutex_unlock(&window->mutex);
}

bool window_answered(struct window *window)
{
    struct list *oldest = NULL;
    pthread_mutex_lock(&window->mutex);
    if (window->unanswered.next != window->unsent) {
        oldest = list_pop(&window->unanswered);
        window->unanswered_count--;
        window_progress(window);
    }
    pthread_mutex_unlock(&window->mutex);
    if (oldest != NULL) {
        window_message_free(LIST_ENTRY(oldest, struct window_message, link));
    }
    return oldest != NULL;
}

/* Under the mutex: waits for a change, or fails once the server is silent for too long. */
static void window_wait(struct window *window)
{
    uint64_t until_us = window->progress_us + (uint64_t)window->outage_max_ms * 1000;
    struct timespec until = {
        .tv_sec = (time_t)(until_us / 1000000),
        .tv_nsec = (long)(until_us % 1000000) * 1000,
    };
    if (pthread_cond_timedwait(&window->changed, &window->mutex, &until) == ETIMEDOUT &&
        client_now(window->client).monotonic_us >=
            window->progress_us + (uint64_t)window->outage_max_ms * 1000) {
        struct rpc_status silent = {
            .status = STATUS_OUTCOME_UNKNOWN,
            .code = STATUS_CODE_DEADLINE_EXCEEDED,
            .message = "the server has not answered for too long",
            .reason = status_name(STATUS_OUTCOME_UNKNOWN),
        };
        window_fail(window, &silent);
    }
}

enum souk_code window_open(struct window *window, struct souk_error *out_error)
{
    enum souk_code code = SOUK_OK;
    pthread_mutex_lock(&window->mutex);
    window_connect(window);
    while (window->state != WINDOW_READY && window->state != WINDOW_FAILED) {
        window_wait(window);
    }
    if (window->state == WINDOW_FAILED) {
        code = window_error_copy(window, out_error);
    }
    pthread_mutex_unlock(&window->mutex);
    return code;
}

enum souk_code window_send(struct window *window, const ProtobufCMessage *message,
                           struct souk_error *out_error)
{
    struct problem problem;
    struct window_message *given = window_message_new(message, &problem);
    enum souk_code code = SOUK_OK;
    if (given == NULL) {
        return error_set(out_error, problem.status, problem.field, "%s", problem.message);
    }
    pthread_mutex_lock(&window->mutex);
    if (window->unanswered_count == 0) {
        /* Nothing was owed until now: the silence before does not count. */
        window->progress_us = client_now(window->client).monotonic_us;
    }
    while (window->state != WINDOW_FAILED && window->unanswered_count >= window->limit) {
        window_wait(window);
    }
    if (window->state == WINDOW_FAILED) {
        window_message_free(given);
        code = window_error_copy(window, out_error);
    } else {
        bool all_sent = window->unsent == &window->unanswered;
        list_append(&window->unanswered, &given->link);
        window->unanswered_count++;
        if (all_sent) {
            window->unsent = &given->link;
        }
        window_pump(window);
    }
    pthread_mutex_unlock(&window->mutex);
    return code;
}

enum souk_code window_drain(struct window *window, struct souk_error *out_error)
{
    enum souk_code code = SOUK_OK;
    pthread_mutex_lock(&window->mutex);
    while (window->state != WINDOW_FAILED && window->unanswered_count > 0) {
        window_wait(window);
    }
    if (window->state == WINDOW_FAILED) {
        code = window_error_copy(window, out_error);
    }
    pthread_mutex_unlock(&window->mutex);
    return code;
}

/* Under the mutex: a stream that owes nothing says good-bye and lets the server end it. */
static void window_part(struct window *window)
{
    uint64_t until_us =
        client_now(window->client).monotonic_us + WINDOW_PARTING_MS * UINT64_C(1000);
    struct timespec until = {
        .tv_sec = (time_t)(until_us / 1000000),
        .tv_nsec = (long)(until_us % 1000000) * 1000,
    };
    rpc_stream_half_close(window->stream);
    while (window->stream != NULL &&
           pthread_cond_timedwait(&window->changed, &window->mutex, &until) == 0) {
    }
}

void window_close(struct window *window)
{
    struct list *node;
    pthread_mutex_lock(&window->mutex);
    window->closing = true;
    if (window->stream != NULL && window->state == WINDOW_READY &&
        window->unanswered_count == 0) {
        window_part(window);
    }
    if (window->stream != NULL) {
        rpc_stream_cancel(window->stream);
    }
    while (window->stream != NULL || window->alarm_set) {
        pthread_cond_wait(&window->changed, &window->mutex);
    }
    pthread_mutex_unlock(&window->mutex);
    while ((node = list_pop(&window->unanswered)) != NULL) {
        window_message_free(LIST_ENTRY(node, struct window_message, link));
    }
    souk_error_clear(&window->error);
    pthread_cond_destroy(&window->changed);
    pthread_mutex_destroy(&window->mutex);
}
