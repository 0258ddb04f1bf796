/* SPDX-License-Identifier: Apache-2.0 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proto/rpc/rpc_private.h"
#include "tests/lib/test.h"
#include "tests/unit/rpc/echo_world.h"

TEST(rpc_burst, tcp_peers_are_read_and_others_are_not)
{
    static const char *const bad[] = {
        "",           "unix:/a:1",        "ipv4:",           "ipv4:1.2.3.4",
        "fd:7",       "ipv4:1.2.3.4:",    "ipv4:1.2.3.4:0",  "ipv4:1.2.3.4:65536",
        "ipv4::::12", "ipv6:%5B::1%5D:x", "ipv4:1.2.3:4000", "127.0.0.1:12",
    };
    struct rpc_peer_address v4, mapped, v6, uri;
    EXPECT(rpc_socket_parse_peer("ipv4:127.0.0.1:4000", &v4));
    EXPECT(rpc_socket_parse_peer("ipv6:[::ffff:127.0.0.1]:4000", &mapped));
    EXPECT(memcmp(v4.bytes, mapped.bytes, sizeof v4.bytes) == 0);
    EXPECT_EQ(v4.port, 4000);
    EXPECT_EQ(mapped.port, 4000);
    EXPECT(rpc_socket_parse_peer("ipv6:[2001:db8::1]:65535", &v6));
    EXPECT(rpc_socket_parse_peer("ipv6:%5B2001:db8::1%5D:65535", &uri));
    EXPECT(memcmp(v6.bytes, uri.bytes, sizeof v6.bytes) == 0);
    EXPECT_EQ(v6.port, 65535);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT(!rpc_socket_parse_peer(bad[i], &v4));
    }
}

/* Both ends of a connection over loopback, and how its far end is named. */
struct pair {
    int near_fd;
    int far_fd;
    char peer[RPC_PEER_BYTES];
};

static void pair_open(struct pair *pair)
{
    struct sockaddr_in name = {.sin_family = AF_INET,
                               .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t size = sizeof name;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(bind(listener, (struct sockaddr *)&name, size), 0);
    EXPECT_EQ(listen(listener, 1), 0);
    EXPECT_EQ(getsockname(listener, (struct sockaddr *)&name, &size), 0);
    pair->far_fd = socket(AF_INET, SOCK_STREAM, 0);
    EXPECT_EQ(connect(pair->far_fd, (struct sockaddr *)&name, size), 0);
    pair->near_fd = accept(listener, NULL, NULL);
    EXPECT(pair->near_fd >= 0);
    EXPECT_EQ(getsockname(pair->far_fd, (struct sockaddr *)&name, &size), 0);
    snprintf(pair->peer, sizeof pair->peer, "ipv4:127.0.0.1:%u",
             (unsigned)ntohs(name.sin_port));
    close(listener);
}

static int corked(int fd)
{
    int value = -1;
    socklen_t size = sizeof value;
    getsockopt(fd, IPPROTO_TCP, TCP_CORK, &value, &size);
    return value;
}

TEST(rpc_burst, the_socket_of_a_peer_is_found_and_corked_until_its_end)
{
    struct pair pair;
    struct rpc_socket *socket;
    struct rpc_worker *worker = memory_zalloc(sizeof *worker);
    pair_open(&pair);
    worker->now_us = 1000;
    socket = rpc_socket_find(worker, pair.peer);
    rpc_socket_cork(worker, socket);
    EXPECT_EQ(socket->fd_count, 1);
    EXPECT_EQ(corked(pair.near_fd), 1);
    EXPECT_EQ(corked(pair.far_fd), 0);
    rpc_socket_uncork(socket);
    EXPECT_EQ(corked(pair.near_fd), 0);
    EXPECT(rpc_socket_find(worker, pair.peer) == socket);
    close(pair.near_fd);
    rpc_socket_cork(worker, socket);
    EXPECT_EQ(socket->fd_count, 0);
    close(pair.far_fd);
    free(worker);
}

TEST(rpc_burst, a_number_that_belongs_to_another_connection_is_left_alone)
{
    struct pair pair, other;
    struct rpc_socket *socket;
    struct rpc_worker *worker = memory_zalloc(sizeof *worker);
    pair_open(&pair);
    pair_open(&other);
    socket = rpc_socket_find(worker, pair.peer);
    rpc_socket_cork(worker, socket);
    rpc_socket_uncork(socket);
    EXPECT_EQ(dup2(other.near_fd, pair.near_fd), pair.near_fd);
    rpc_socket_cork(worker, socket);
    EXPECT_EQ(corked(other.near_fd), 0);
    close(pair.near_fd);
    close(pair.far_fd);
    close(other.near_fd);
    close(other.far_fd);
    free(worker);
}

enum {
    BURST_CALLS = 100,
};

struct burst {
    struct echo_world world;
    atomic_int answered;
    atomic_int refused;
};

static void burst_answered(struct rpc_client_call *call,
                           const Souk__Test__V1__EchoResponse *response, void *user)
{
    struct burst *burst = user;
    (void)call;
    atomic_fetch_add(response != NULL ? &burst->answered : &burst->refused, 1);
}

/* On the client's thread, so that all of them wait for its end. */
static void burst_begin(struct rpc_client_call *call,
                        const Souk__Test__V1__EchoResponse *response, void *user)
{
    struct burst *burst = user;
    (void)call;
    (void)response;
    for (int i = 0; i < BURST_CALLS; i++) {
        Souk__Test__V1__EchoRequest request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
        const struct rpc_header header = {"souk-test", slice_from_string("x")};
        const struct rpc_call_options options = {.headers = &header,
                                                 .header_count = (size_t)(i % 2)};
        request.command =
            i % 5 == 0   ? SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_FAIL
            : i % 7 == 0 ? SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_TRAILERS
                         : SOUK__TEST__V1__ECHO_REQUEST__COMMAND__COMMAND_UNSPECIFIED;
        souk__test__v1__echo_service__echo__call(burst->world.channel, &request, &options,
                                                 burst_answered, burst, NULL);
    }
}

TEST(rpc_burst, every_call_of_a_burst_is_answered)
{
    struct burst burst = {.answered = 0};
    Souk__Test__V1__EchoRequest request = SOUK__TEST__V1__ECHO_REQUEST__INIT;
    const struct rpc_call_options options = {.wait_for_ready = true};
    echo_world_init(&burst.world);
    echo_world_open(&burst.world);
    for (int round = 1; round <= 3; round++) {
        souk__test__v1__echo_service__echo__call(burst.world.channel, &request, &options,
                                                 burst_begin, &burst, NULL);
        echo_await(&burst.answered, round * BURST_CALLS * 4 / 5);
        echo_await(&burst.refused, round * BURST_CALLS / 5);
    }
    echo_world_close(&burst.world);
}
