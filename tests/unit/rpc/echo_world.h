/* SPDX-License-Identifier: Apache-2.0 */
/* A server on a port the system chose and a client connected to it, for one test. */
#ifndef SOUK_TESTS_UNIT_RPC_ECHO_WORLD_H
#define SOUK_TESTS_UNIT_RPC_ECHO_WORLD_H

#include "proto/rpc/rpc_client_call.h"
#include "tests/unit/rpc/echo.grpc-c.h"
#include "tests/unit/rpc/echo_service.h"

struct echo_world {
    struct echo_service echo;
    struct rpc_server_options server_options; /* set before world_open */
    struct rpc_channel_options channel_options;
    struct rpc_server *server;
    struct rpc_client *client;
    struct rpc_channel *channel;
    char target[64];
};

void echo_world_init(struct echo_world *world);
void echo_world_open(struct echo_world *world);
void echo_world_close(struct echo_world *world);

/* One unary echo; the call is unref'd by the caller. */
enum status echo_call(struct echo_world *world, Souk__Test__V1__EchoRequest *request,
                      uint32_t timeout_ms,
                      const Souk__Test__V1__EchoResponse **out_response,
                      struct rpc_client_call **out_call);

/* Sends raw bytes (at least one, which opens a field below 16) as a request to the path. */
struct echo_raw {
    enum status status;
    enum status_code code;
    char message[256];
    char field[96]; /* of the first violation */
};
void echo_raw_call(struct echo_world *world, const char *path, struct slice bytes,
                   struct echo_raw *out);

/* Spins (yielding) until the counter reaches the value; fails the test after 10 s. */
void echo_await(atomic_int *counter, int value);

/* A client's stream, and what came of it. */
struct echo_chat {
    atomic_int messages;
    atomic_int writable;
    atomic_int done;
    atomic_int hold; /* pause at this many messages, 0 = never */
    enum status status;
    bool replayed;  /* the trailer was there */
    char text[256]; /* of the last message */
    char reason[64];
};
struct rpc_stream *echo_chat_open(struct echo_world *world, struct echo_chat *chat);
struct rpc_stream *echo_count_open(struct echo_world *world, struct echo_chat *chat,
                                   Souk__Test__V1__EchoRequest *request);
struct rpc_stream *echo_collect_open(struct echo_world *world, struct echo_chat *chat);

#endif
