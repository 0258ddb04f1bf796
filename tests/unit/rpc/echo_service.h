/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The service behind the tests of proto/rpc and behind tests/interop/echo: echoes, fails,
 * answers late from another thread or never, as the request commands. Counters may be
 * read by any thread.
 */
#ifndef SOUK_TESTS_UNIT_RPC_ECHO_SERVICE_H
#define SOUK_TESTS_UNIT_RPC_ECHO_SERVICE_H

#include <pthread.h>
#include <stdatomic.h>

#include "proto/rpc/rpc_server.h"
#include "shard/base/list.h"

enum {
    ECHO_LATER_THREADS_MAX = 64,
    ECHO_KEPT_CALLS_MAX = 64,
    ECHO_HELD_MAX = 16,
    ECHO_CHAT_WINDOW = 3, /* messages of one chat in hand at a time */
};

struct echo_service {
    atomic_int unary;     /* requests that reached the handler */
    atomic_int cancelled; /* cancellations seen by calls that are never answered */
    atomic_int opened;    /* streams */
    atomic_int done;
    atomic_int done_cancelled;
    atomic_int drained;
    atomic_int overloaded; /* sends refused */
    atomic_int writable;
    atomic_int taken; /* messages of chats kept back by COMMAND_LATER */
    struct rpc_taken *held[ECHO_HELD_MAX];
    pthread_mutex_t lock;
    pthread_t later[ECHO_LATER_THREADS_MAX];
    unsigned later_count;
    struct rpc_call *kept[ECHO_KEPT_CALLS_MAX];
    atomic_int kept_calls; /* written last */
    unsigned kept_count;
};

void echo_service_init(struct echo_service *echo);
/* Answers the calls kept, joins the threads. After the server was stopped. */
void echo_service_close(struct echo_service *echo);
void echo_service_register(struct echo_service *echo, struct rpc_server *server);

#endif
