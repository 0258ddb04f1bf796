/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/memory.h"
#include "tests/lib/test.h"
#include "tests/unit/rpc/echo_world.h"

typedef Souk__Test__V1__EchoRequest echo_request;

TEST(rpc_stream, a_chat_echoes_in_order_and_ends_with_the_half_close)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    char text[16];
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.text = text;
    for (int i = 0; i < 1000; i++) {
        snprintf(text, sizeof text, "%d", i);
        EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    }
    rpc_stream_half_close(stream);
    echo_await(&chat.done, 1);
    EXPECT_OK(chat.status);
    EXPECT_EQ(atomic_load(&chat.messages), 1000);
    EXPECT_STRING(chat.text, "999");
    EXPECT_STATUS(souk__test__v1__echo_service__chat__send_request(stream, &request),
                  STATUS_CANCELLED);
    rpc_stream_unref(stream);
    echo_await(&world.echo.done, 1);
    echo_world_close(&world);
}

TEST(rpc_stream, the_server_pushes_as_many_messages_as_were_asked_for)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    echo_world_init(&world);
    world.server_options.queue_max_bytes = 4096; /* so that `writable` has work */
    echo_world_open(&world);
    request.text = (char[]){"push"};
    request._repeat_case = SOUK__TEST__V1__ECHO_REQUEST___REPEAT_REPEAT;
    request.repeat = 5000;
    stream = echo_count_open(&world, &chat, &request);
    echo_await(&chat.done, 1);
    EXPECT_OK(chat.status);
    EXPECT_EQ(atomic_load(&chat.messages), 5000);
    EXPECT_STRING(chat.text, "push");
    EXPECT(atomic_load(&world.echo.overloaded) > 0);
    EXPECT(atomic_load(&world.echo.writable) > 0);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, a_collected_stream_gets_one_answer)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_collect_open(&world, &chat);
    request.text = (char[]){"ab"};
    for (int i = 0; i < 3; i++) {
        EXPECT_OK(souk__test__v1__echo_service__collect__send_request(stream, &request));
    }
    rpc_stream_half_close(stream);
    echo_await(&chat.done, 1);
    EXPECT_OK(chat.status);
    EXPECT_EQ(atomic_load(&chat.messages), 1);
    EXPECT_STRING(chat.text, "ababab");
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, a_half_close_without_messages_reaches_the_handler)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_collect_open(&world, &chat);
    rpc_stream_half_close(stream);
    echo_await(&chat.done, 1);
    EXPECT_STATUS(chat.status, STATUS_INVALID);
    EXPECT_STRING(chat.reason, "INVALID");
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, the_server_may_end_a_chat_with_a_refusal)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.text = (char[]){"before"};
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_FAIL;
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    echo_await(&chat.done, 1);
    EXPECT_STATUS(chat.status, STATUS_SEQUENCE_GAP);
    EXPECT_STRING(chat.text, "before");
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, a_client_that_cancels_ends_the_servers_stream)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.text = (char[]){"x"};
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    echo_await(&chat.messages, 1);
    rpc_stream_cancel(stream);
    echo_await(&chat.done, 1);
    EXPECT_STATUS(chat.status, STATUS_CANCELLED);
    echo_await(&world.echo.done_cancelled, 1);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, a_reader_that_never_reads_is_bounded_and_cut_off)
{
    struct echo_world world;
    struct echo_chat chat = {.hold = 1};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    uint8_t payload[1024] = {0};
    echo_world_init(&world);
    world.server_options.queue_max_bytes = 64 * 1024;
    world.server_options.stream_stall_ms = 100;
    echo_world_open(&world);
    request.payload = (ProtobufCBinaryData){sizeof payload, payload};
    request._repeat_case = SOUK__TEST__V1__ECHO_REQUEST___REPEAT_REPEAT;
    request.repeat = -1; /* for ever */
    stream = echo_count_open(&world, &chat, &request);
    echo_await(&world.echo.done_cancelled, 1);
    EXPECT(atomic_load(&world.echo.overloaded) > 0);
    rpc_stream_resume(stream);
    echo_await(&chat.done, 1);
    EXPECT(chat.status != STATUS_OK);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, a_server_that_does_not_read_bounds_the_clients_queue)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    uint8_t payload[8192] = {0};
    enum status status = STATUS_OK;
    int sent = 0;
    echo_world_init(&world);
    world.channel_options.queue_max_bytes = 256 * 1024;
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER;
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    request.payload = (ProtobufCBinaryData){sizeof payload, payload};
    while (status == STATUS_OK) {
        status = souk__test__v1__echo_service__chat__send_request(stream, &request);
        EXPECT(sent++ < 100000);
    }
    EXPECT_STATUS(status, STATUS_OVERLOADED);
    EXPECT(rpc_stream_queued_bytes(stream) <= 256 * 1024);
    EXPECT_EQ(atomic_load(&chat.messages) <= 1, 1);
    rpc_stream_cancel(stream);
    echo_await(&chat.done, 1);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

static void *send_hundred(void *argument)
{
    struct rpc_stream *stream = argument;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    request.text = (char[]){"many"};
    for (int i = 0; i < 100; i++) {
        EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    }
    return NULL;
}

TEST(rpc_stream, many_threads_may_send_on_one_stream)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    pthread_t threads[4];
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    for (int i = 0; i < 4; i++) {
        EXPECT(pthread_create(&threads[i], NULL, send_hundred, stream) == 0);
    }
    for (int i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    rpc_stream_half_close(stream);
    echo_await(&chat.done, 1);
    EXPECT_EQ(atomic_load(&chat.messages), 400);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, a_window_bounds_the_messages_in_hand_and_taken_ones_outlive_the_stream)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    char text[16];
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.text = text;
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_LATER;
    for (int i = 0; i < 10; i++) {
        snprintf(text, sizeof text, "%d", i);
        EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    }
    echo_await(&world.echo.taken, ECHO_CHAT_WINDOW);
    rpc_stream_cancel(stream);
    echo_await(&chat.done, 1);
    echo_await(&world.echo.done, 1);
    rpc_stream_unref(stream);
    EXPECT_EQ(atomic_load(&world.echo.taken), ECHO_CHAT_WINDOW);
    for (int i = 0; i < ECHO_CHAT_WINDOW; i++) {
        const echo_request *taken =
            (const echo_request *)rpc_taken_message(world.echo.held[i]);
        snprintf(text, sizeof text, "%d", i);
        EXPECT_STRING(taken->text, text);
        rpc_taken_free(world.echo.held[i]);
    }
    echo_world_close(&world);
}

TEST(rpc_stream, trailers_come_with_the_end)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    echo_world_init(&world);
    echo_world_open(&world);
    stream = echo_chat_open(&world, &chat);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_TRAILERS;
    EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
    rpc_stream_half_close(stream);
    echo_await(&chat.done, 1);
    EXPECT_OK(chat.status);
    EXPECT(chat.replayed);
    rpc_stream_unref(stream);
    echo_world_close(&world);
}

TEST(rpc_stream, a_malformed_message_ends_the_stream_and_not_the_server)
{
    struct echo_world world;
    struct echo_chat chat = {0};
    struct rpc_stream *stream;
    uint8_t cut[] = {100, 'a'};
    ProtobufCMessageUnknownField field = {.tag = 1,
                                          .wire_type =
                                              PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
                                          .len = 2,
                                          .data = cut};
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    request.base.n_unknown_fields = 1;
    request.base.unknown_fields = &field;
    echo_world_init(&world);
    echo_world_open(&world);
    for (int i = 0; i < 2; i++) {
        chat = (struct echo_chat){0};
        stream = echo_chat_open(&world, &chat);
        EXPECT_OK(souk__test__v1__echo_service__chat__send_request(stream, &request));
        echo_await(&chat.done, 1);
        EXPECT_STATUS(chat.status, STATUS_INVALID);
        EXPECT_EQ(atomic_load(&chat.messages), 0);
        rpc_stream_unref(stream);
    }
    echo_world_close(&world);
}
