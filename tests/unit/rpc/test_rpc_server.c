/* SPDX-License-Identifier: Apache-2.0 */
#include "grpc/health/v1/health.grpc-c.h"
#include "tests/lib/test.h"
#include "tests/unit/rpc/echo_world.h"

typedef Souk__Test__V1__EchoRequest echo_request;
typedef Souk__Test__V1__EchoResponse echo_response;

TEST(rpc_server, two_servers_on_one_port_are_refused)
{
    struct echo_world world;
    struct rpc_server_options options;
    struct rpc_server *second;
    struct problem problem;
    echo_world_init(&world);
    echo_world_open(&world);
    rpc_server_options_init(&options);
    options.port = rpc_server_port(world.server);
    second = rpc_server_new(&options);
    EXPECT_STATUS(rpc_server_start(second, &problem), STATUS_UNREACHABLE);
    EXPECT(strstr(problem.message, "in use") != NULL);
    rpc_server_free(second);
    echo_world_close(&world);
}

TEST(rpc_server, stops_with_open_streams_and_unanswered_calls)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.text = (char[]){"open"};
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    echo_await(&chat.messages, 1);
    rpc_server_stop(world.server, 20);
    EXPECT_EQ(atomic_load(&world.echo.drained), 1);
    EXPECT_EQ(atomic_load(&world.echo.done), 1);
    echo_await(&chat.done, 1);
    EXPECT(chat.status != STATUS_OK);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_server, an_idle_connection_does_not_use_up_the_grace)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    world.server_options.workers = 2;
    echo_world_open(&world);
    EXPECT_OK(echo_call(&world, &request, 0, &response, &call));
    rpc_client_call_unref(call);
    rpc_server_stop(world.server, 3600000); /* an hour: a wait for it ends the test */
    echo_world_close(&world);
}

static void call_ended(struct rpc_client_call *call, const echo_response *response,
                       void *user)
{
    atomic_int *done = user;
    (void)response;
    EXPECT(rpc_client_call_status(call)->status != STATUS_OK);
    atomic_fetch_add(done, 1);
}

TEST(rpc_server, an_answer_after_the_stop_is_dropped)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const struct rpc_call_options options = {.wait_for_ready = true};
    atomic_int done = 0;
    echo_world_init(&world);
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER;
    souk__test__v1__echo_service__echo__call(world.channel, &request, &options,
                                             call_ended, &done, NULL);
    echo_await(&world.echo.unary, 1);
    rpc_server_stop(world.server, 0);
    echo_await(&done, 1);
    EXPECT_EQ(atomic_load(&world.echo.cancelled), 1);
    echo_world_close(&world); /* answers the kept call, after the server is gone */
}

TEST(rpc_server, draining_refuses_new_calls_and_lets_old_ones_finish)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.text = (char[]){"old"};
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    echo_await(&chat.messages, 1);
    rpc_server_drain(world.server);
    echo_await(&world.echo.drained, 1);
    EXPECT_STATUS(echo_call(&world, &request, 0, &response, &call), STATUS_DRAINING);
    rpc_client_call_unref(call);
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    rpc_stream_half_close(stream);
    echo_await(&chat.done, 1);
    EXPECT_OK(chat.status);
    EXPECT_EQ(atomic_load(&chat.messages), 2);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

static enum status check_health(struct echo_world *world, const char *service,
                                int *out_serving)
{
    Grpc__Health__V1__HealthCheckRequest request =
        GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    const struct rpc_call_options options = {.wait_for_ready = true};
    const Grpc__Health__V1__HealthCheckResponse *response;
    struct rpc_client_call *call;
    char name[64];
    enum status status;
    snprintf(name, sizeof name, "%s", service);
    request.service = name;
    status = grpc__health__v1__health__check__wait(world->channel, &request, &options,
                                                   &response, &call);
    if (status == STATUS_OK) {
        *out_serving = (int)response->status;
    }
    rpc_client_call_unref(call);
    return status;
}

TEST(rpc_server, health_follows_drain)
{
    struct echo_world world;
    int serving = -1;
    echo_world_init(&world);
    echo_world_open(&world);
    EXPECT_OK(check_health(&world, "", &serving));
    EXPECT_EQ(serving, 1);
    EXPECT_OK(check_health(&world, "souk.test.v1.EchoService", &serving));
    EXPECT_EQ(serving, 1);
    EXPECT_STATUS(check_health(&world, "absent", &serving), STATUS_NOT_FOUND);
    rpc_server_set_serving(world.server, "souk.test.v1.EchoService", false);
    EXPECT_OK(check_health(&world, "souk.test.v1.EchoService", &serving));
    EXPECT_EQ(serving, 2);
    rpc_server_drain(world.server);
    EXPECT_OK(check_health(&world, "", &serving));
    EXPECT_EQ(serving, 2);
    echo_world_close(&world);
}

struct watch {
    atomic_int messages;
    atomic_int done;
    atomic_int last;
};

static void watch_message(struct rpc_stream *stream,
                          const Grpc__Health__V1__HealthCheckResponse *message,
                          void *user)
{
    struct watch *watch = user;
    (void)stream;
    atomic_store(&watch->last, (int)message->status);
    atomic_fetch_add(&watch->messages, 1);
}

static void watch_done(struct rpc_stream *stream, const struct rpc_status *status,
                       void *user)
{
    struct watch *watch = user;
    (void)stream;
    (void)status;
    atomic_fetch_add(&watch->done, 1);
}

TEST(rpc_server, a_health_watch_sees_every_change_it_reads)
{
    static const struct grpc__health__v1__health__watch__callbacks callbacks = {
        .message = watch_message, .events = {.done = watch_done}};
    struct echo_world world;
    struct watch watch = {0};
    struct rpc_stream *stream;
    Grpc__Health__V1__HealthCheckRequest request =
        GRPC__HEALTH__V1__HEALTH_CHECK_REQUEST__INIT;
    const struct rpc_call_options options = {.wait_for_ready = true};
    echo_world_init(&world);
    echo_world_open(&world);
    request.service = (char[]){"later"};
    stream = grpc__health__v1__health__watch__open(world.channel, &request, &options,
                                                   &callbacks, &watch);
    echo_await(&watch.messages, 1);
    EXPECT_EQ(atomic_load(&watch.last), 3); /* SERVICE_UNKNOWN */
    rpc_server_set_serving(world.server, "later", true);
    echo_await(&watch.messages, 2);
    EXPECT_EQ(atomic_load(&watch.last), 1);
    rpc_server_drain(world.server);
    echo_await(&watch.messages, 3);
    EXPECT_EQ(atomic_load(&watch.last), 2);
    echo_await(&watch.done, 1);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_server, two_workers_serve_many_clients)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    world.server_options.workers = 2;
    echo_world_open(&world);
    for (int i = 0; i < 8; i++) {
        struct rpc_channel *channel = rpc_channel_open(world.client, world.target, NULL);
        const struct rpc_call_options options = {.wait_for_ready = true};
        for (int n = 0; n < 20; n++) {
            EXPECT_OK(souk__test__v1__echo_service__echo__wait(
                channel, &request, &options, &response, &call));
            rpc_client_call_unref(call);
        }
        rpc_channel_close(channel);
    }
    EXPECT_EQ(atomic_load(&world.echo.unary), 160);
    echo_world_close(&world);
}

static void log_call(const struct rpc_call_record *record, void *user)
{
    atomic_int *refused = user;
    if (record->status == STATUS_INSUFFICIENT_STOCK &&
        strcmp(record->path, "/souk.test.v1.EchoService/Echo") == 0 &&
        strcmp(record->message, "3 requested, 2 available") == 0 && !record->stream) {
        atomic_fetch_add(refused, 1);
    }
}

static void log_stream(const struct rpc_call_record *record, void *user)
{
    atomic_int *streams = user;
    atomic_fetch_add(streams, record->stream);
}

TEST(rpc_server, a_stream_is_reported_as_one)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    atomic_int streams = 0;
    echo_world_init(&world);
    world.server_options.log = log_stream;
    world.server_options.log_user = &streams;
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    rpc_stream_half_close(stream);
    echo_await(&chat.done, 1);
    rpc_stream_unref(stream);
    echo_world_close(&world);
    EXPECT_EQ(atomic_load(&streams), 1);
}

TEST(rpc_server, each_ended_call_is_reported_to_the_log_hook)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    atomic_int refused = 0;
    echo_world_init(&world);
    world.server_options.log = log_call;
    world.server_options.log_user = &refused;
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_FAIL;
    EXPECT_STATUS(echo_call(&world, &request, 0, &response, &call),
                  STATUS_INSUFFICIENT_STOCK);
    rpc_client_call_unref(call);
    echo_world_close(&world);
    EXPECT_EQ(atomic_load(&refused), 1);
}
