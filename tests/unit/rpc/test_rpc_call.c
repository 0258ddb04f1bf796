/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "tests/lib/test.h"
#include "tests/unit/rpc/echo_world.h"

typedef Souk__Test__V1__EchoRequest echo_request;
typedef Souk__Test__V1__EchoResponse echo_response;

#define ECHO_PATH "/souk.test.v1.EchoService/Echo"

TEST(rpc_call, a_unary_call_is_answered)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    int64_t started = metric_value(METRIC_RPC_STARTED), ok = metric_value(METRIC_RPC_OK);
    echo_world_init(&world);
    echo_world_open(&world);
    request.text = (char[]){"hello"};
    EXPECT_OK(echo_call(&world, &request, 0, &response, &call));
    EXPECT_STRING(response->text, "hello");
    EXPECT_EQ(response->count, 1);
    EXPECT(response->deadline_left_us > 0 && response->deadline_left_us <= 10000000);
    rpc_client_call_unref(call);
    EXPECT_EQ(metric_value(METRIC_RPC_STARTED), started + 1);
    echo_world_close(&world);
    EXPECT_EQ(metric_value(METRIC_RPC_OK), ok + 1);
    EXPECT_EQ(metric_value(METRIC_RPC_OPEN), 0);
}

TEST(rpc_call, another_thread_may_answer_later)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    echo_world_open(&world);
    request.text = (char[]){"later"};
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_LATER;
    for (int i = 0; i < 50; i++) {
        EXPECT_OK(echo_call(&world, &request, 0, &response, &call));
        EXPECT_STRING(response->text, "later");
        rpc_client_call_unref(call);
    }
    echo_world_close(&world);
}

TEST(rpc_call, a_refusal_carries_reason_details_fields_and_delay)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    const struct rpc_status *status;
    echo_world_init(&world);
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_FAIL;
    EXPECT_STATUS(echo_call(&world, &request, 0, &response, &call),
                  STATUS_INSUFFICIENT_STOCK);
    status = rpc_client_call_status(call);
    EXPECT_EQ(status->code, STATUS_CODE_FAILED_PRECONDITION);
    EXPECT_STRING(status->reason, "INSUFFICIENT_STOCK");
    EXPECT_STRING(status->message, "3 requested, 2 available");
    EXPECT_STRING(rpc_status_detail(status, "available"), "2");
    EXPECT(rpc_status_detail(status, "absent") == NULL);
    EXPECT_EQ(status->violation_count, 2);
    EXPECT_STRING(status->violations[1].field, "lines[1].quantity");
    EXPECT_EQ(status->retry_after_ms, 1500);
    rpc_client_call_unref(call);
    echo_world_close(&world);
}

TEST(rpc_call, trailers_and_request_headers_travel)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const char *parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    const struct rpc_header header = {"traceparent", slice_from_string(parent)};
    const struct rpc_call_options options = {
        .wait_for_ready = true, .headers = &header, .header_count = 1};
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_TRAILERS;
    EXPECT_OK(souk__test__v1__echo_service__echo__wait(world.channel, &request, &options,
                                                       &response, &call));
    EXPECT_SLICE(rpc_client_call_trailer(call, "souk-replayed"), slice_of("1", 1));
    EXPECT_SLICE(rpc_client_call_trailer(call, "souk-session-bin"),
                 slice_of("\0\1\xff", 3));
    EXPECT_SLICE(rpc_client_call_trailer(call, "traceparent"), slice_from_string(parent));
    EXPECT(rpc_client_call_trailer(call, "absent").data == NULL);
    rpc_client_call_unref(call);
    echo_world_close(&world);
}

TEST(rpc_call, an_unknown_method_is_unimplemented)
{
    struct echo_world world;
    struct echo_raw raw;
    const uint8_t bytes[] = {0x0a, 1, 'a'};
    echo_world_init(&world);
    echo_world_open(&world);
    for (int i = 0; i < 3; i++) {
        echo_raw_call(&world, "/souk.test.v1.EchoService/Missing",
                      slice_of(bytes, sizeof bytes), &raw);
        EXPECT_STATUS(raw.status, STATUS_UNIMPLEMENTED);
        EXPECT_EQ(raw.code, STATUS_CODE_UNIMPLEMENTED);
    }
    echo_raw_call(&world, "/souk.test.v1.EchoService/Unserved",
                  slice_of(bytes, sizeof bytes), &raw);
    EXPECT_EQ(raw.code, STATUS_CODE_UNIMPLEMENTED);
    echo_world_close(&world);
}

TEST(rpc_call, a_message_of_5_mb_is_resource_exhausted_and_the_server_lives)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    const size_t size = 5u << 20;
    echo_world_init(&world);
    echo_world_open(&world);
    request.payload = (ProtobufCBinaryData){size, memory_zalloc(size)};
    EXPECT(echo_call(&world, &request, 0, &response, &call) != STATUS_OK);
    EXPECT_EQ(rpc_client_call_status(call)->code, STATUS_CODE_RESOURCE_EXHAUSTED);
    rpc_client_call_unref(call);
    request.payload.len = 1024;
    EXPECT_OK(echo_call(&world, &request, 0, &response, &call));
    EXPECT_EQ(response->payload.len, 1024);
    rpc_client_call_unref(call);
    free(request.payload.data);
    echo_world_close(&world);
}

TEST(rpc_call, a_truncated_message_is_invalid_and_the_server_lives)
{
    struct echo_world world;
    struct echo_raw raw;
    const uint8_t cut[] = {0x0a, 100, 'a'}, whole[] = {0x0a, 1, 'a'};
    echo_world_init(&world);
    echo_world_open(&world);
    echo_raw_call(&world, ECHO_PATH, slice_of(cut, sizeof cut), &raw);
    EXPECT_STATUS(raw.status, STATUS_INVALID);
    EXPECT_EQ(raw.code, STATUS_CODE_INVALID_ARGUMENT);
    EXPECT_STRING(raw.field, "text");
    echo_raw_call(&world, ECHO_PATH, slice_of(whole, sizeof whole), &raw);
    EXPECT_OK(raw.status);
    EXPECT_EQ(atomic_load(&world.echo.unary), 1);
    echo_world_close(&world);
}

/* Field 3 (tree), then `depth` times field 1 (child) of it. */
static void nest(struct buffer *out, unsigned depth)
{
    struct buffer outer;
    for (unsigned i = 0; i <= depth; i++) {
        uint8_t head[6] = {i == depth ? 0x1a : 0x0a};
        size_t size = out->size, length = 1;
        do {
            head[length++] = (uint8_t)((size & 0x7f) | (size > 0x7f ? 0x80 : 0));
            size >>= 7;
        } while (size > 0);
        /* Built backwards: the inner message is what is there already. */
        for (size_t n = length; n > 0; n--) {
            buffer_append(out, &head[n - 1], 1);
        }
    }
    buffer_init(&outer);
    for (size_t n = out->size; n > 0; n--) {
        buffer_append(&outer, &out->data[n - 1], 1);
    }
    buffer_close(out);
    *out = outer;
}

TEST(rpc_call, nesting_100000_deep_is_invalid_and_the_server_lives)
{
    struct echo_world world;
    struct echo_raw raw;
    struct buffer bytes;
    echo_world_init(&world);
    echo_world_open(&world);
    buffer_init(&bytes);
    nest(&bytes, 100000);
    echo_raw_call(&world, ECHO_PATH, buffer_slice(&bytes), &raw);
    EXPECT_EQ(raw.code, STATUS_CODE_INVALID_ARGUMENT);
    EXPECT(strncmp(raw.field, "tree.child.child", 16) == 0);
    buffer_clear(&bytes);
    nest(&bytes, 10);
    echo_raw_call(&world, ECHO_PATH, buffer_slice(&bytes), &raw);
    EXPECT_EQ(raw.code, STATUS_CODE_OK);
    buffer_close(&bytes);
    echo_world_close(&world);
}

TEST(rpc_call, a_message_that_unpacks_to_more_than_the_limit_is_refused)
{
    struct echo_world world;
    struct echo_raw raw;
    const size_t count = 500000;
    uint8_t *bytes = memory_zalloc(6 + 2 * count);
    size_t size = 2 * count;
    echo_world_init(&world);
    echo_world_open(&world);
    /* tree { children {} children {} ... }: two bytes each on the wire. */
    bytes[0] = 0x1a;
    for (int i = 1; i <= 4; i++) {
        bytes[i] = (uint8_t)((size >> (7 * (i - 1)) & 0x7f) | (i < 4 ? 0x80 : 0));
    }
    for (size_t i = 0; i < count; i++) {
        bytes[5 + 2 * i] = 0x1a;
    }
    echo_raw_call(&world, ECHO_PATH, slice_of(bytes, 5 + 2 * count), &raw);
    EXPECT_STATUS(raw.status, STATUS_TOO_LARGE);
    EXPECT_EQ(raw.code, STATUS_CODE_RESOURCE_EXHAUSTED);
    free(bytes);
    echo_world_close(&world);
}

TEST(rpc_call, text_that_is_not_utf8_or_hides_a_nul_is_invalid)
{
    struct echo_world world;
    struct echo_raw raw;
    const uint8_t latin[] = {0x0a, 2, 0xc3, 0x28}, nul[] = {0x0a, 3, 'a', 0, 'b'},
                  color[] = {0x10, 77}, key[] = {0x32, 3, 0x0a, 1, 0xff};
    echo_world_init(&world);
    echo_world_open(&world);
    echo_raw_call(&world, ECHO_PATH, slice_of(latin, sizeof latin), &raw);
    EXPECT_STATUS(raw.status, STATUS_INVALID);
    EXPECT_STRING(raw.field, "text");
    echo_raw_call(&world, ECHO_PATH, slice_of(nul, sizeof nul), &raw);
    EXPECT_STATUS(raw.status, STATUS_INVALID);
    echo_raw_call(&world, ECHO_PATH, slice_of(key, sizeof key), &raw);
    EXPECT_STATUS(raw.status, STATUS_INVALID);
    echo_raw_call(&world, ECHO_PATH, slice_of(color, sizeof color), &raw);
    EXPECT_STATUS(raw.status, STATUS_INVALID);
    EXPECT_STRING(raw.field, "color");
    EXPECT_EQ(atomic_load(&world.echo.unary), 0);
    echo_world_close(&world);
}

TEST(rpc_call, a_deadline_of_1_ms_passes)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER;
    EXPECT_STATUS(echo_call(&world, &request, 1, &response, &call),
                  STATUS_OUTCOME_UNKNOWN);
    EXPECT_EQ(rpc_client_call_status(call)->code, STATUS_CODE_DEADLINE_EXCEEDED);
    rpc_client_call_unref(call);
    echo_world_close(&world);
}

TEST(rpc_call, a_call_without_answer_ends_at_the_servers_maximum)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    echo_world_init(&world);
    world.server_options.deadline_max_ms = 50;
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER;
    EXPECT_STATUS(echo_call(&world, &request, 3600000, &response, &call),
                  STATUS_OUTCOME_UNKNOWN);
    EXPECT_STRING(rpc_client_call_status(call)->message,
                  "the server's deadline has passed");
    EXPECT(!rpc_client_call_unsent(call));
    rpc_client_call_unref(call);
    EXPECT_EQ(atomic_load(&world.echo.cancelled), 1);
    echo_world_close(&world);
}

static void ignore_done(struct rpc_client_call *call, const echo_response *response,
                        void *user)
{
    atomic_int *done = user;
    EXPECT(response == NULL);
    EXPECT_STATUS(rpc_client_call_status(call)->status, STATUS_CANCELLED);
    atomic_fetch_add(done, 1);
}

TEST(rpc_call, the_handler_sees_that_the_client_cancelled)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const struct rpc_call_options options = {.wait_for_ready = true};
    struct rpc_client_call *call;
    atomic_int done = 0;
    echo_world_init(&world);
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER;
    souk__test__v1__echo_service__echo__call(world.channel, &request, &options,
                                             ignore_done, &done, &call);
    echo_await(&world.echo.unary, 1);
    rpc_client_call_cancel(call);
    echo_await(&done, 1);
    echo_await(&world.echo.cancelled, 1);
    rpc_client_call_cancel(call); /* late: nothing happens */
    EXPECT(!rpc_client_call_unsent(call));
    rpc_client_call_unref(call);
    echo_world_close(&world);
}

/* A peer that takes one request and hangs up, in as much HTTP/2 (RFC 9113) as that needs. */
static void hang_up_read(int peer, void *data, size_t size)
{
    ASSERT(recv(peer, data, size, MSG_WAITALL) == (ssize_t)size);
}

static void *hang_up(void *listener)
{
    static const uint8_t settings[9] = {0, 0, 0, 4};
    uint8_t preface[24], head[9], body[65536];
    int peer = accept(*(int *)listener, NULL, NULL);
    ASSERT(peer >= 0 && send(peer, settings, sizeof settings, 0) == sizeof settings);
    hang_up_read(peer, preface, sizeof preface);
    do {
        hang_up_read(peer, head, sizeof head);
        hang_up_read(peer, body, (size_t)head[1] << 8 | head[2]);
    } while (head[3] != 0); /* DATA: the request */
    close(peer);
    return NULL;
}

TEST(rpc_call, a_call_whose_connection_is_lost_may_have_been_sent)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t size = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    char target[32];
    pthread_t thread;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    ASSERT(bind(listener, (struct sockaddr *)&address, size) == 0);
    ASSERT(listen(listener, 1) == 0);
    ASSERT(getsockname(listener, (struct sockaddr *)&address, &size) == 0);
    snprintf(target, sizeof target, "127.0.0.1:%u", (unsigned)ntohs(address.sin_port));
    ASSERT(pthread_create(&thread, NULL, hang_up, &listener) == 0);
    struct rpc_client *client = rpc_client_new();
    struct rpc_channel *channel = rpc_channel_open(client, target, NULL);
    request.text = (char *)(uintptr_t) "take this";
    EXPECT_STATUS(souk__test__v1__echo_service__echo__wait(channel, &request, NULL,
                                                           &response, &call),
                  STATUS_UNREACHABLE);
    EXPECT(!rpc_client_call_unsent(call));
    pthread_join(thread, NULL);
    close(listener);
    rpc_channel_close(channel);
    rpc_client_free(client);
    rpc_client_call_unref(call);
}

TEST(rpc_call, a_call_that_finds_nobody_was_not_sent)
{
    struct rpc_client *client = rpc_client_new();
    /* The service tcpmux, which nobody runs. */
    struct rpc_channel *channel = rpc_channel_open(client, "127.0.0.1:1", NULL);
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    EXPECT_STATUS(souk__test__v1__echo_service__echo__wait(channel, &request, NULL,
                                                           &response, &call),
                  STATUS_UNREACHABLE);
    EXPECT(rpc_client_call_unsent(call));
    rpc_channel_close(channel);
    rpc_client_free(client);
    rpc_client_call_unref(call);
}

TEST(rpc_call, a_call_without_a_server_fails_unreachable)
{
    struct rpc_client *client = rpc_client_new();
    struct rpc_channel *channel = rpc_channel_open(client, "unix:/nonexistent/x", NULL);
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const echo_response *response;
    struct rpc_client_call *call;
    EXPECT_STATUS(souk__test__v1__echo_service__echo__wait(channel, &request, NULL,
                                                           &response, &call),
                  STATUS_UNREACHABLE);
    rpc_channel_close(channel);
    rpc_client_free(client);
    EXPECT_EQ(rpc_client_call_status(call)->code, STATUS_CODE_UNAVAILABLE);
    rpc_client_call_unref(call); /* a call may outlive its client */
}

#if !TEST_PLAIN /* forks, so it needs a process that has not used gRPC yet */
static void answered(struct rpc_client_call *call, const echo_response *response,
                     void *user)
{
    (void)call;
    (void)response;
    (void)user;
}

static void answer_twice(void)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    echo_response response = SOUK__TEST__V1__ECHO_RESPONSE__INIT;
    const struct rpc_call_options options = {.wait_for_ready = true};
    struct rpc_call *call;
    echo_world_init(&world);
    echo_world_open(&world);
    request.command = SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_NEVER;
    souk__test__v1__echo_service__echo__call(world.channel, &request, &options, answered,
                                             NULL, NULL);
    echo_await(&world.echo.kept_calls, 1);
    call = rpc_call_ref(world.echo.kept[0]);
    souk__test__v1__echo_service__echo__reply(call, &response);
    souk__test__v1__echo_service__echo__reply(call, &response);
}

TEST(rpc_call, answering_twice_is_a_defect_that_ends_the_process)
{
    pid_t child = fork();
    int ended;
    EXPECT(child >= 0);
    if (child == 0) {
        signal(SIGABRT, SIG_DFL);
        answer_twice();
        _exit(0);
    }
    EXPECT(waitpid(child, &ended, 0) == child);
    EXPECT(WIFSIGNALED(ended) && WTERMSIG(ended) == SIGABRT);
}
#endif

static void count_ok(struct rpc_client_call *call, const echo_response *response,
                     void *user)
{
    atomic_int *answers = user;
    EXPECT_OK(rpc_client_call_status(call)->status);
    EXPECT(response != NULL);
    atomic_fetch_add(answers, 1);
}

TEST(rpc_call, a_thousand_calls_at_once_are_all_answered)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const struct rpc_call_options options = {.wait_for_ready = true};
    atomic_int answers = 0;
    echo_world_init(&world);
    world.server_options.workers = 2;
    echo_world_open(&world);
    request.text = (char[]){"many"};
    for (int i = 0; i < 1000; i++) {
        request.command =
            i % 20 == 0 ? SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_LATER
                        : SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_UNSPECIFIED;
        souk__test__v1__echo_service__echo__call(world.channel, &request, &options,
                                                 count_ok, &answers, NULL);
    }
    echo_await(&answers, 1000);
    echo_world_close(&world);
}

TEST(rpc_call, headers_past_the_limit_cost_their_own_connection_only)
{
    struct echo_world world;
    echo_request request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const size_t size = 12 * 1024;
    char *text = memory_alloc(size);
    const struct rpc_header header = {"x-large", slice_of(text, size)};
    const struct rpc_call_options options = {
        .wait_for_ready = true, .headers = &header, .header_count = 1};
    const echo_response *response;
    struct rpc_client_call *call;
    struct rpc_channel *other;
    memset(text, 'x', size);
    echo_world_init(&world);
    echo_world_open(&world);
    other = rpc_channel_open(world.client, world.target, NULL);
    EXPECT(souk__test__v1__echo_service__echo__wait(world.channel, &request, &options,
                                                    &response, &call) != STATUS_OK);
    EXPECT_EQ(rpc_client_call_status(call)->code, STATUS_CODE_RESOURCE_EXHAUSTED);
    rpc_client_call_unref(call);
    EXPECT_OK(souk__test__v1__echo_service__echo__wait(other, &request, NULL, &response,
                                                       &call));
    rpc_client_call_unref(call);
    EXPECT_EQ(atomic_load(&world.echo.unary), 1);
    rpc_channel_close(other);
    free(text);
    echo_world_close(&world);
}
