/* SPDX-License-Identifier: Apache-2.0 */
/* The benchmark's echo on Souk's own runtime. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "bench/rpc/bench.grpc-c.h"
#include "bench/rpc/bench_rpc.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"

typedef Souk__Bench__V1__EchoRequest echo_request;
typedef Souk__Bench__V1__EchoResponse echo_response;

/* --- Server ---------------------------------------------------------------------------- */

static struct rpc_server *server;

static void serve_echo(struct rpc_call *call, const echo_request *request, void *context)
{
    echo_response response = SOUK__BENCH__V1__ECHO_RESPONSE__INIT;
    (void)context;
    response.payload = request->payload;
    souk__bench__v1__echo_service__echo__reply(call, &response);
}

static void serve_open(struct rpc_stream *stream, void *context)
{
    (void)stream;
    (void)context;
}

static void serve_message(struct rpc_stream *stream, const echo_request *message,
                          void *user)
{
    echo_response response = SOUK__BENCH__V1__ECHO_RESPONSE__INIT;
    (void)user;
    response.payload = message->payload;
    if (souk__bench__v1__echo_service__chat__send(stream, &response) != STATUS_OK) {
        rpc_stream_cancel(stream);
    }
}

static void serve_half_close(struct rpc_stream *stream, void *user)
{
    (void)user;
    rpc_stream_finish(stream, NULL);
}

static const struct souk__bench__v1__echo_service__handlers HANDLERS = {
    .echo = serve_echo,
    .chat = {.open = serve_open,
             .message = serve_message,
             .events = {.half_close = serve_half_close}},
};

uint16_t bench_server_start(uint16_t port)
{
    struct rpc_server_options options;
    struct problem problem;
    rpc_server_options_init(&options);
    options.port = port;
    server = rpc_server_new(&options);
    souk__bench__v1__echo_service__register(server, &HANDLERS, NULL);
    ASSERT(rpc_server_start(server, &problem) == STATUS_OK);
    return rpc_server_port(server);
}

void bench_server_stop(void)
{
    rpc_server_stop(server, 100);
    rpc_server_free(server);
}

/* --- Client ---------------------------------------------------------------------------- */

struct slot {
    uint64_t started_us;
};

struct chat {
    struct rpc_stream *stream;
    uint64_t *started_us; /* a ring: answers come in order */
    unsigned head;
    unsigned window;
};

static struct rpc_client *client;
static struct rpc_channel *channel;
static echo_request request = SOUK__BENCH__V1__ECHO_REQUEST__INIT;
static atomic_bool stopping;
static atomic_uint open_calls;
static struct slot *slots;
static struct chat *chats;
static unsigned chat_count;

static void call_start(struct slot *slot);

static void call_done(struct rpc_client_call *call, const echo_response *response,
                      void *user)
{
    struct slot *slot = user;
    ASSERT(response != NULL || atomic_load(&stopping));
    (void)call;
    bench_answered(bench_now_us() - slot->started_us);
    if (atomic_load_explicit(&stopping, memory_order_relaxed)) {
        atomic_fetch_sub(&open_calls, 1);
    } else {
        call_start(slot);
    }
}

static void call_start(struct slot *slot)
{
    static const struct rpc_call_options options = {.wait_for_ready = true};
    slot->started_us = bench_now_us();
    souk__bench__v1__echo_service__echo__call(channel, &request, &options, call_done,
                                              slot, NULL);
}

static void chat_send(struct chat *chat, unsigned place)
{
    enum status status;
    chat->started_us[place] = bench_now_us();
    status = souk__bench__v1__echo_service__chat__send_request(chat->stream, &request);
    ASSERT(status == STATUS_OK || atomic_load(&stopping)); /* half-closed meanwhile */
}

static void chat_message(struct rpc_stream *stream, const echo_response *message,
                         void *user)
{
    struct chat *chat = user;
    unsigned place = chat->head;
    (void)stream;
    (void)message;
    bench_answered(bench_now_us() - chat->started_us[place]);
    chat->head = (chat->head + 1) % chat->window;
    if (!atomic_load_explicit(&stopping, memory_order_relaxed)) {
        chat_send(chat, place);
    }
}

static void chat_done(struct rpc_stream *stream, const struct rpc_status *status,
                      void *user)
{
    (void)stream;
    (void)status;
    (void)user;
    atomic_fetch_sub(&open_calls, 1);
}

static void chats_start(const struct bench_options *options)
{
    static const struct souk__bench__v1__echo_service__chat__callbacks callbacks = {
        .message = chat_message, .events = {.done = chat_done}};
    static const struct rpc_call_options call_options = {.wait_for_ready = true};
    chat_count = options->streams;
    chats = memory_zalloc(chat_count * sizeof *chats);
    for (unsigned i = 0; i < chat_count; i++) {
        struct chat *chat = &chats[i];
        chat->window = options->in_flight / options->streams;
        chat->started_us = memory_zalloc(chat->window * sizeof *chat->started_us);
        atomic_fetch_add(&open_calls, 1);
        chat->stream = souk__bench__v1__echo_service__chat__open(channel, &call_options,
                                                                 &callbacks, chat);
        for (unsigned place = 0; place < chat->window; place++) {
            chat_send(chat, place);
        }
    }
}

void bench_client_start(const struct bench_options *options, const char *target)
{
    request.payload.data = memory_zalloc(options->size);
    request.payload.len = options->size;
    client = rpc_client_new();
    channel = rpc_channel_open(client, target, NULL);
    if (options->bidi) {
        chats_start(options);
        return;
    }
    slots = memory_zalloc(options->in_flight * sizeof *slots);
    for (unsigned i = 0; i < options->in_flight; i++) {
        atomic_fetch_add(&open_calls, 1);
        call_start(&slots[i]);
    }
}

void bench_client_stop(void)
{
    atomic_store(&stopping, true);
    for (unsigned i = 0; i < chat_count; i++) {
        rpc_stream_half_close(chats[i].stream);
    }
    while (atomic_load(&open_calls) > 0) {
        usleep(1000);
    }
    for (unsigned i = 0; i < chat_count; i++) {
        rpc_stream_unref(chats[i].stream);
        free(chats[i].started_us);
    }
    rpc_channel_close(channel);
    rpc_client_free(client);
    free(chats);
    free(slots);
    free(request.payload.data);
}
