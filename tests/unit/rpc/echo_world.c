/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/rpc/echo_world.h"

#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "shard/base/memory.h"
#include "tests/lib/test.h"

enum {
    ECHO_AWAIT_S = 10,
};

void echo_world_init(struct echo_world *world)
{
    memset(world, 0, sizeof *world);
    rpc_server_options_init(&world->server_options);
    rpc_channel_options_init(&world->channel_options);
    echo_service_init(&world->echo);
}

void echo_world_open(struct echo_world *world)
{
    struct problem problem;
    world->server = rpc_server_new(&world->server_options);
    echo_service_register(&world->echo, world->server);
    EXPECT_OK(rpc_server_start(world->server, &problem));
    EXPECT(rpc_server_port(world->server) != 0);
    snprintf(world->target, sizeof world->target, "127.0.0.1:%u",
             (unsigned)rpc_server_port(world->server));
    world->client = rpc_client_new();
    world->channel =
        rpc_channel_open(world->client, world->target, &world->channel_options);
}

void echo_world_close(struct echo_world *world)
{
    rpc_channel_close(world->channel);
    rpc_client_free(world->client);
    rpc_server_free(world->server);
    echo_service_close(&world->echo);
}

enum status echo_call(struct echo_world *world, Souk__Test__V1__EchoRequest *request,
                      uint32_t timeout_ms,
                      const Souk__Test__V1__EchoResponse **out_response,
                      struct rpc_client_call **out_call)
{
    const struct rpc_call_options options = {.timeout_ms = timeout_ms,
                                             .wait_for_ready = true};
    return souk__test__v1__echo_service__echo__wait(world->channel, request, &options,
                                                    out_response, out_call);
}

/* protobuf-c writes unknown fields as they are, so that one of them can carry anything. */
void echo_raw_call(struct echo_world *world, const char *path, struct slice bytes,
                   struct echo_raw *out)
{
    uint8_t *copy = memory_copy(bytes.data + 1, bytes.size - 1);
    ProtobufCMessageUnknownField field = {
        .tag = bytes.data[0] >> 3,
        .wire_type = (ProtobufCWireType)(bytes.data[0] & 7),
        .len = bytes.size - 1,
        .data = copy,
    };
    Souk__Test__V1__EchoRequest request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const struct rpc_method method = {
        .path = path,
        .request = &souk__test__v1__echo_request__descriptor,
        .response = &souk__test__v1__echo_response__descriptor,
    };
    const struct rpc_call_options options = {.wait_for_ready = true};
    const ProtobufCMessage *response;
    struct rpc_client_call *call;
    request.base.n_unknown_fields = 1;
    request.base.unknown_fields = &field;
    out->status = rpc_client_call_wait(world->channel, &method, &request.base, &options,
                                       &response, &call);
    out->code = rpc_client_call_status(call)->code;
    snprintf(out->message, sizeof out->message, "%s",
             rpc_client_call_status(call)->message);
    out->field[0] = '\0';
    if (rpc_client_call_status(call)->violation_count > 0) {
        snprintf(out->field, sizeof out->field, "%s",
                 rpc_client_call_status(call)->violations[0].field);
    }
    rpc_client_call_unref(call);
    free(copy);
}

void echo_await(atomic_int *counter, int value)
{
    time_t start = time(NULL);
    while (atomic_load(counter) < value) {
        EXPECT(time(NULL) - start < ECHO_AWAIT_S);
        sched_yield();
    }
}

static void chat_message(struct rpc_stream *stream,
                         const Souk__Test__V1__EchoResponse *message, void *user)
{
    struct echo_chat *chat = user;
    int count;
    snprintf(chat->text, sizeof chat->text, "%s", message->text);
    count = atomic_fetch_add(&chat->messages, 1) + 1;
    if (count == atomic_load(&chat->hold)) {
        rpc_stream_pause(stream);
    }
}

static void chat_writable(struct rpc_stream *stream, void *user)
{
    struct echo_chat *chat = user;
    (void)stream;
    atomic_fetch_add(&chat->writable, 1);
}

static void chat_done(struct rpc_stream *stream, const struct rpc_status *status,
                      void *user)
{
    struct echo_chat *chat = user;
    struct slice replayed = rpc_stream_trailer(stream, "souk-replayed");
    chat->replayed = slice_equal(replayed, slice_of("1", 1));
    chat->status = status->status;
    snprintf(chat->reason, sizeof chat->reason, "%s", status->reason);
    atomic_fetch_add(&chat->done, 1);
}

struct rpc_stream *echo_chat_open(struct echo_world *world, struct echo_chat *chat)
{
    static const struct souk__test__v1__echo_service__chat__callbacks callbacks = {
        .message = chat_message,
        .events = {.writable = chat_writable, .done = chat_done}};
    const struct rpc_call_options options = {.wait_for_ready = true};
    return souk__test__v1__echo_service__chat__open(world->channel, &options, &callbacks,
                                                    chat);
}

struct rpc_stream *echo_count_open(struct echo_world *world, struct echo_chat *chat,
                                   Souk__Test__V1__EchoRequest *request)
{
    static const struct souk__test__v1__echo_service__count__callbacks callbacks = {
        .message = chat_message, .events = {.done = chat_done}};
    const struct rpc_call_options options = {.wait_for_ready = true};
    return souk__test__v1__echo_service__count__open(world->channel, request, &options,
                                                     &callbacks, chat);
}

struct rpc_stream *echo_collect_open(struct echo_world *world, struct echo_chat *chat)
{
    static const struct souk__test__v1__echo_service__collect__callbacks callbacks = {
        .message = chat_message, .events = {.done = chat_done}};
    const struct rpc_call_options options = {.wait_for_ready = true};
    return souk__test__v1__echo_service__collect__open(world->channel, &options,
                                                       &callbacks, chat);
}
