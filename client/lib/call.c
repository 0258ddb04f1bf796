/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/call.h"

#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/lib/error.h"
#include "client/lib/retry.h"
#include "proto/rpc/rpc_client_call.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    CALL_MAGIC = 0x43414c4c,
    /* A client that waits longer than this for one attempt names no timeout at all. */
    CALL_TIMEOUT_MOST_MS = INT32_MAX,
};

/* Stands right before every reply, so that a reply finds its call. */
struct call_reply_head {
    uint32_t magic;
    struct call *call;
};

/* Where the synchronous form waits. */
struct call_waiter {
    sem_t ready;
    struct call *call;
};

struct call {
    struct souk_client *client;
    const struct call_method *method;
    const struct rpc_method *rpc;
    ProtobufCMessage *request;
    rpc_function *done;
    void *context;
    struct call_waiter *waiter; /* instead of done and context */

    uint64_t deadline_us;
    int64_t attempt_deadline_ms;
    uint32_t attempts;
    uint32_t attempts_max;
    unsigned channel;
    unsigned addresses_skipped;
    bool maybe_applied; /* an attempt went out whose end is not known */

    struct rpc_client_call *response_owner;
    struct call_reply_head *reply;
    struct souk_error error;
    char request_id[SOUK_REQUEST_ID_BYTES_MAX + 1];
    struct arena arena;
    _Alignas(16) uint8_t inline_block[CALL_INLINE_BYTES];
};

_Static_assert(sizeof(struct call_reply_head) % _Alignof(max_align_t) == 0,
               "the reply behind the head is aligned");

struct arena *call_arena(struct call *call)
{
    return &call->arena;
}

const char *call_request_id(struct call *call, const char *given)
{
    char fresh[UUID_TEXT_BYTES + 1];
    char *text;
    if (given == NULL) {
        client_request_id(call->client, fresh);
        text = arena_alloc(&call->arena, sizeof fresh);
        memcpy(text, fresh, sizeof fresh);
        given = text;
    }
    if (call->request_id[0] == '\0') {
        snprintf(call->request_id, sizeof call->request_id, "%s", given);
    }
    return given;
}

static const struct rpc_method *call_rpc_method(const struct call_method *method)
{
    for (unsigned i = 0; i < method->service->method_count; i++) {
        const struct rpc_method *candidate = &method->service->methods[i];
        if (strcmp(strrchr(candidate->path, '/') + 1, method->name) == 0) {
            return candidate;
        }
    }
    UNREACHABLE();
}

static struct call *call_new(struct souk_client *client, const struct call_method *method,
                             const struct souk_call_options *options)
{
    static const struct souk_call_options defaults;
    struct call *call = memory_alloc(sizeof *call);
    int64_t deadline_ms;
    memset(call, 0, offsetof(struct call, arena));
    options = options ? options : &defaults;
    deadline_ms = options->deadline_ms > 0 ? options->deadline_ms : client->deadline_ms;
    call->client = client;
    call->method = method;
    call->rpc = call_rpc_method(method);
    call->deadline_us = client_now(client).monotonic_us + (uint64_t)deadline_ms * 1000;
    call->attempt_deadline_ms = options->attempt_deadline_ms;
    call->attempts_max =
        options->attempts_max ? options->attempts_max : client->attempts_max;
    arena_init(&call->arena, call->inline_block, sizeof call->inline_block, 0);
    return call;
}

static void call_free(struct call *call)
{
    rpc_client_call_unref(call->response_owner);
    souk_error_clear(&call->error);
    arena_close(&call->arena);
    free(call);
}

void souk_reply_free(void *reply)
{
    if (reply != NULL) {
        struct call_reply_head *head = (struct call_reply_head *)reply - 1;
        ASSERT(head->magic == CALL_MAGIC);
        head->magic = 0;
        call_free(head->call);
    }
}

/* The end. The client is left last: closing it waits for that. */
static void call_deliver(struct call *call)
{
    struct souk_client *client = call->client;
    if (call->waiter != NULL) {
        /* The waiter owns the call from the post on, and may be gone right after. */
        call->waiter->call = call;
        sem_post(&call->waiter->ready);
    } else {
        call->method->deliver(call->done, call->context,
                              call->reply ? call->reply + 1 : NULL,
                              call->reply ? NULL : &call->error);
        call_free(call);
    }
    client_leave(client);
}

static void call_succeed(struct call *call, const struct world_answer *answer)
{
    struct souk_answer *head;
    call->reply = arena_zalloc(&call->arena,
                               sizeof(struct call_reply_head) + call->method->reply_size);
    call->reply->magic = CALL_MAGIC;
    call->reply->call = call;
    head = (struct souk_answer *)(void *)(call->reply + 1);
    call->method->decode(call, answer->response, call->reply + 1);
    head->replayed = answer->replayed;
    head->attempts = call->attempts;
    head->session_token = answer->session_token.data;
    head->session_token_size = answer->session_token.size;
    if (answer->call != NULL) {
        call->response_owner = rpc_client_call_ref(answer->call);
    }
    call_deliver(call);
}

/* Deadline and a lost connection tell nothing about what the server did. */
static bool call_end_unknown(const struct rpc_status *status)
{
    return status->status == STATUS_OUTCOME_UNKNOWN ||
           status->code == STATUS_CODE_DEADLINE_EXCEEDED ||
           status->code == STATUS_CODE_CANCELLED ||
           status->code == STATUS_CODE_UNAVAILABLE || status->code == STATUS_CODE_UNKNOWN;
}

static void call_fail(struct call *call, const struct rpc_status *status)
{
    error_from_status(status, &call->error);
    call->error.attempts = call->attempts;
    if (call->method->mutating) {
        memcpy(call->error.request_id, call->request_id, sizeof call->request_id);
        call->error.outcome_unknown = call->maybe_applied && call_end_unknown(status);
        if (call->error.outcome_unknown && call->error.reason[0] == '\0') {
            snprintf(call->error.reason, sizeof call->error.reason, "%s",
                     status_name(STATUS_OUTCOME_UNKNOWN));
        }
    }
    if (status->status == STATUS_OUTCOME_UNKNOWN && !call->error.outcome_unknown) {
        /* A read, or never sent: late, but nothing is unknown. */
        call->error.reason[0] = '\0';
    }
    call_deliver(call);
}

static void call_attempt(void *user);

static void call_answered(void *user, const struct world_answer *answer)
{
    struct call *call = user;
    struct retry_attempt attempt = {
        .attempts = call->attempts,
        .attempts_max = call->attempts_max,
        .status = answer->status.status,
        .code = answer->status.code,
        .retry_after_ms = answer->status.retry_after_ms,
        .deadline_us = call->deadline_us,
    };
    struct rng rng;
    uint64_t start_us = 0;
    if (answer->response != NULL) {
        client_prefer(call->client, call->channel);
        call_succeed(call, answer);
        return;
    }
    call->maybe_applied =
        call->maybe_applied || (!answer->unsent && call_end_unknown(&answer->status));
    rng_init(&rng, client_seed(call->client));
    attempt.now_us = client_now(call->client).monotonic_us;
    /* One attempt that ran into its own shorter deadline says nothing about the next. */
    if (attempt.code == STATUS_CODE_DEADLINE_EXCEEDED) {
        attempt.status = STATUS_OUTCOME_UNKNOWN;
    }
    if (atomic_load(&call->client->closing) || !retry_wanted(&attempt, &rng, &start_us)) {
        call_fail(call, &answer->status);
        return;
    }
    call->addresses_skipped += attempt.code == STATUS_CODE_UNAVAILABLE;
    call->client->world->operations->alarm(call->client->world, start_us, call_attempt,
                                           call);
}

static void call_refuse(struct call *call, enum status status, const char *message)
{
    struct rpc_status refusal = {.status = status,
                                 .code = status_code(status),
                                 .message = message,
                                 .reason = status_name(status)};
    call_fail(call, &refusal);
}

static void call_attempt(void *user)
{
    struct call *call = user;
    uint64_t now_us = client_now(call->client).monotonic_us;
    uint64_t left_ms =
        call->deadline_us > now_us ? (call->deadline_us - now_us) / 1000 : 0;
    struct world_attempt attempt = {
        .method = call->rpc,
        .request = call->request,
        .done = call_answered,
        .user = call,
    };
    if (atomic_load(&call->client->closing)) {
        call_refuse(call, STATUS_CANCELLED, "the client was closed");
        return;
    }
    if (left_ms == 0) {
        call_refuse(call, STATUS_OUTCOME_UNKNOWN, "the deadline passed");
        return;
    }
    if (call->attempt_deadline_ms > 0 && left_ms > (uint64_t)call->attempt_deadline_ms) {
        left_ms = (uint64_t)call->attempt_deadline_ms;
    }
    call->attempts++;
    call->channel = client_channel(call->client, call->addresses_skipped);
    attempt.channel = call->channel;
    attempt.timeout_ms =
        left_ms > CALL_TIMEOUT_MOST_MS ? CALL_TIMEOUT_MOST_MS : (uint32_t)left_ms;
    call->client->world->operations->unary(call->client->world, &attempt);
}

static void call_begin(struct call *call, const void *request)
{
    struct souk_client *client = call->client;
    if (!client_enter(client)) {
        pthread_mutex_lock(&client->mutex);
        client->open_calls++; /* call_deliver leaves */
        pthread_mutex_unlock(&client->mutex);
        call_refuse(call, STATUS_CANCELLED, "the client is being closed");
        return;
    }
    call->request = call->method->encode(call, request);
    call_attempt(call);
}

void call_start(struct souk_client *client, const struct call_method *method,
                const void *request, const struct souk_call_options *options,
                rpc_function *done, void *context)
{
    struct call *call = call_new(client, method, options);
    call->done = done;
    call->context = context;
    call_begin(call, request);
}

enum souk_code call_wait(struct souk_client *client, const struct call_method *method,
                         const void *request, const struct souk_call_options *options,
                         void **out_reply, struct souk_error *out_error)
{
    struct call_waiter waiter = {.call = NULL};
    struct call *call = call_new(client, method, options);
    enum souk_code code;
    ASSERT(!client->world->operations->is_callback_thread(client->world));
    sem_init(&waiter.ready, 0, 0);
    call->waiter = &waiter;
    call_begin(call, request);
    while (sem_wait(&waiter.ready) != 0) {
    }
    sem_destroy(&waiter.ready);
    call = waiter.call;
    if (call->reply != NULL) {
        *out_reply = call->reply + 1;
        return SOUK_OK;
    }
    code = call->error.code;
    if (out_error != NULL) {
        *out_error = call->error; /* the copies move over */
        memset(&call->error, 0, sizeof call->error);
    }
    call_free(call);
    return code;
}
