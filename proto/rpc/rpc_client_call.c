/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_client_call.h"

#include <grpc/support/alloc.h>
#include <stdio.h>
#include <string.h>

#include "proto/rpc/rpc_client_private.h"

enum {
    RPC_CHANNEL_PEER_CALLS = 64,
};

/* One block: everything a unary call needs from start to the last reference. */
struct rpc_client_call {
    uint32_t magic;
    atomic_uint refs;
    struct rpc_tag done;
    struct rpc_departure departure;
    grpc_op initial_op;
    grpc_metadata *headers; /* until the batch has started; NULL without any */
    size_t header_count;
    struct rpc_client *client;
    struct rpc_channel *channel; /* NULL once done */
    const struct rpc_method *method;
    pthread_mutex_t lock;        /* guards `handle` against a late cancel */
    grpc_call *handle;           /* NULL once done */
    struct rpc_header *received; /* trailers and response headers, in the arena */
    size_t received_count;
    grpc_byte_buffer *request;
    grpc_byte_buffer *response;
    grpc_metadata_array initial;
    grpc_metadata_array trailers;
    grpc_status_code code;
    grpc_slice text;
    rpc_client_thunk *thunk;
    rpc_function *callback;
    void *user;
    struct rpc_status status;
    bool unsent;
    struct arena arena;
    alignas(16) uint8_t inline_arena[RPC_CLIENT_ARENA_INLINE_BYTES];
};

static const char CALL_OK_MESSAGE[] = "";

struct rpc_client_call *rpc_client_call_ref(struct rpc_client_call *call)
{
    ASSERT(call->magic == RPC_CLIENT_CALL_MAGIC);
    atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
    return call;
}

void rpc_client_call_unref(struct rpc_client_call *call)
{
    if (call == NULL) {
        return;
    }
    ASSERT(call->magic == RPC_CLIENT_CALL_MAGIC);
    if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) == 1) {
        ASSERT(call->handle == NULL);
        pthread_mutex_destroy(&call->lock);
        arena_close(&call->arena);
        call->magic = 0;
        free(call);
    }
}

static void call_keep(struct rpc_client_call *call, const grpc_metadata_array *metadata)
{
    for (size_t i = 0; i < metadata->count; i++) {
        struct slice key = rpc_bytes_of(&metadata->metadata[i].key);
        char *key_copy = arena_zalloc(&call->arena, key.size + 1);
        struct slice value =
            arena_slice(&call->arena, rpc_bytes_of(&metadata->metadata[i].value));
        if (key_copy == NULL || value.data == NULL) {
            return;
        }
        memcpy(key_copy, key.data, key.size);
        call->received[call->received_count++] = (struct rpc_header){key_copy, value};
    }
}

/* Nothing of gRPC's outlives this, so the call may be kept after its client is freed. */
static void call_detach(struct rpc_client_call *call)
{
    size_t count = call->trailers.count + call->initial.count;
    grpc_call *handle;
    if (count > 0) {
        call->received = arena_alloc(&call->arena, count * sizeof *call->received);
    }
    if (call->received != NULL) {
        call_keep(call, &call->trailers);
        call_keep(call, &call->initial);
    }
    grpc_byte_buffer_destroy(call->request);
    if (call->response != NULL) {
        grpc_byte_buffer_destroy(call->response);
    }
    grpc_metadata_array_destroy(&call->initial);
    grpc_metadata_array_destroy(&call->trailers);
    grpc_slice_unref(call->text);
    ASSERT(pthread_mutex_lock(&call->lock) == 0);
    handle = call->handle;
    call->handle = NULL;
    pthread_mutex_unlock(&call->lock);
    grpc_call_unref(handle);
}

/* Where the channel is connected to, now and then: it may change with every connection. */
static void call_tell_peer(struct rpc_client_call *call)
{
    struct rpc_channel *channel = call->channel;
    if (channel->peer_age++ % RPC_CHANNEL_PEER_CALLS == 0) {
        char *peer = grpc_call_get_peer(call->handle);
        snprintf(channel->peer, sizeof channel->peer, "%s", peer);
        gpr_free(peer);
    }
}

/* A transport that has taken a call and is lost says UNAVAILABLE and leaves its address as
 * the call's peer; where there was none, that is still the channel's target. A target that
 * is written as a peer is cannot be told apart, and a deadline or a cancel says nothing. */
static bool call_has_no_transport(const struct rpc_client_call *call)
{
    static const char *const peers[] = {"ipv4:", "ipv6:", "unix:"};
    char *peer = grpc_call_get_peer(call->handle);
    char *target = grpc_channel_get_target(call->channel->handle);
    bool none = strcmp(peer, target) == 0;
    for (size_t i = 0; i < sizeof peers / sizeof peers[0]; i++) {
        none = none && strncmp(target, peers[i], strlen(peers[i])) != 0;
    }
    gpr_free(target);
    gpr_free(peer);
    return none;
}

static void call_done(struct rpc_tag *tag, bool ok)
{
    struct rpc_client_call *call = CONTAINER_OF(tag, struct rpc_client_call, done);
    const ProtobufCMessage *response = NULL;
    struct rpc_client *client;
    struct problem problem = {0};
    (void)ok; /* the status says what went wrong */
    if (call->code == GRPC_STATUS_OK && call->response != NULL &&
        rpc_bytes_unpack(call->response, call->method->response, false, &call->arena,
                         &response, &problem) == STATUS_OK) {
        call->status = (struct rpc_status){.message = CALL_OK_MESSAGE, .reason = ""};
    } else if (call->code == GRPC_STATUS_OK) {
        call->status = (struct rpc_status){
            .status = STATUS_INTERNAL,
            .code = STATUS_CODE_INTERNAL,
            .message = "the server's answer is missing or malformed",
            .reason = "",
        };
    } else {
        rpc_client_read_status(call->code, &call->text, &call->trailers, &call->arena,
                               &call->status);
        call->unsent =
            call->code == GRPC_STATUS_UNAVAILABLE && call_has_no_transport(call);
    }
    call_tell_peer(call);
    rpc_channel_unref(call->channel);
    call->channel = NULL;
    call_detach(call);
    client = call->client;
    call->thunk(call, response, call->callback, call->user);
    rpc_client_call_unref(call);
    rpc_client_leave(client);
}

/* The options are the caller's; what the batch needs of them is kept. */
static void call_keep_options(struct rpc_client_call *call,
                              const struct rpc_call_options *options)
{
    if (options != NULL && options->header_count > 0) {
        call->headers = memory_alloc(options->header_count * sizeof *call->headers);
        call->header_count = options->header_count;
    }
    call->initial_op = rpc_client_initial_op(options, call->headers);
}

static void call_depart(struct rpc_departure *departure)
{
    struct rpc_client_call *call =
        CONTAINER_OF(departure, struct rpc_client_call, departure);
    grpc_metadata *headers = call->headers; /* the call may be gone once it has started */
    size_t header_count = call->header_count;
    grpc_op ops[6];
    ops[0] = call->initial_op;
    ops[1] = rpc_op(GRPC_OP_SEND_MESSAGE);
    ops[1].data.send_message.send_message = call->request;
    ops[2] = rpc_op(GRPC_OP_SEND_CLOSE_FROM_CLIENT);
    ops[3] = rpc_op(GRPC_OP_RECV_INITIAL_METADATA);
    ops[3].data.recv_initial_metadata.recv_initial_metadata = &call->initial;
    ops[4] = rpc_op(GRPC_OP_RECV_MESSAGE);
    ops[4].data.recv_message.recv_message = &call->response;
    ops[5] = rpc_op(GRPC_OP_RECV_STATUS_ON_CLIENT);
    ops[5].data.recv_status_on_client.trailing_metadata = &call->trailers;
    ops[5].data.recv_status_on_client.status = &call->code;
    ops[5].data.recv_status_on_client.status_details = &call->text;
    rpc_batch_start(call->handle, ops, 6, &call->done);
    rpc_client_initial_free(headers, header_count);
    free(headers);
}

void rpc_client_call_start(const struct rpc_unary *unary,
                           struct rpc_client_call **out_call)
{
    struct rpc_channel *channel = unary->channel;
    struct rpc_client_call *call = memory_alloc(sizeof *call);
    memset(call, 0, offsetof(struct rpc_client_call, inline_arena));
    rpc_client_enter(channel->client);
    call->magic = RPC_CLIENT_CALL_MAGIC;
    atomic_store_explicit(&call->refs, out_call ? 2 : 1, memory_order_relaxed);
    call->done.run = call_done;
    call->departure.start = call_depart;
    call->client = channel->client;
    call->channel = channel;
    atomic_fetch_add_explicit(&channel->refs, 1, memory_order_relaxed);
    ASSERT(pthread_mutex_init(&call->lock, NULL) == 0);
    call->method = unary->method;
    call->thunk = unary->thunk;
    call->callback = unary->done;
    call->user = unary->user;
    call->text = grpc_empty_slice();
    grpc_metadata_array_init(&call->initial);
    grpc_metadata_array_init(&call->trailers);
    arena_init(&call->arena, call->inline_arena, sizeof call->inline_arena,
               channel->options.arena_max_bytes);
    call->request = rpc_bytes_pack(unary->request);
    call->handle = rpc_client_create_call(
        channel, unary->method, rpc_client_deadline(unary->options, RPC_CALL_TIMEOUT_MS));
    if (out_call != NULL) {
        *out_call = call;
    }
    call_keep_options(call, unary->options);
    if (rpc_client_is_current(channel->client)) {
        rpc_burst_add(&channel->client->worker, &call->departure, channel->peer);
    } else {
        call_depart(&call->departure);
    }
}

void rpc_client_call_cancel(struct rpc_client_call *call)
{
    ASSERT(call->magic == RPC_CLIENT_CALL_MAGIC);
    ASSERT(pthread_mutex_lock(&call->lock) == 0);
    if (call->handle != NULL) {
        grpc_call_cancel(call->handle, NULL);
    }
    pthread_mutex_unlock(&call->lock);
}

const struct rpc_status *rpc_client_call_status(const struct rpc_client_call *call)
{
    ASSERT(call->magic == RPC_CLIENT_CALL_MAGIC);
    return &call->status;
}

bool rpc_client_call_unsent(const struct rpc_client_call *call)
{
    ASSERT(call->magic == RPC_CLIENT_CALL_MAGIC);
    return call->unsent;
}

struct slice rpc_client_call_trailer(const struct rpc_client_call *call, const char *key)
{
    for (size_t i = 0; i < call->received_count; i++) {
        if (strcmp(call->received[i].key, key) == 0) {
            return call->received[i].value;
        }
    }
    return slice_of(NULL, 0);
}

/* --- Blocking -------------------------------------------------------------------------- */

struct waiting {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool done;
    const ProtobufCMessage *response;
};

static void waiting_done(struct rpc_client_call *call, const ProtobufCMessage *response,
                         rpc_function *done, void *user)
{
    struct waiting *waiting = user;
    (void)call;
    (void)done;
    ASSERT(pthread_mutex_lock(&waiting->lock) == 0);
    waiting->response = response;
    waiting->done = true;
    pthread_cond_signal(&waiting->changed);
    pthread_mutex_unlock(&waiting->lock);
}

enum status rpc_client_call_wait(struct rpc_channel *channel,
                                 const struct rpc_method *method,
                                 const ProtobufCMessage *request,
                                 const struct rpc_call_options *options,
                                 const ProtobufCMessage **out_response,
                                 struct rpc_client_call **out_call)
{
    struct waiting waiting = {.lock = PTHREAD_MUTEX_INITIALIZER,
                              .changed = PTHREAD_COND_INITIALIZER};
    const struct rpc_unary unary = {
        .channel = channel,
        .method = method,
        .request = request,
        .options = options,
        .thunk = waiting_done,
        .user = &waiting,
    };
    ASSERT(!rpc_client_is_current(channel->client));
    rpc_client_call_start(&unary, out_call);
    ASSERT(pthread_mutex_lock(&waiting.lock) == 0);
    while (!waiting.done) {
        pthread_cond_wait(&waiting.changed, &waiting.lock);
    }
    pthread_mutex_unlock(&waiting.lock);
    pthread_cond_destroy(&waiting.changed);
    pthread_mutex_destroy(&waiting.lock);
    if ((*out_call)->status.status == STATUS_OK) {
        *out_response = waiting.response;
    }
    return (*out_call)->status.status;
}
