/* SPDX-License-Identifier: Apache-2.0 */
/* A real gRPC server on a free port of loopback, answering a little of souk.v1. */
#ifndef SOUK_TESTS_UNIT_CLIENT_LIVE_SERVER_H
#define SOUK_TESTS_UNIT_CLIENT_LIVE_SERVER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "proto/rpc/rpc_server.h"

enum {
    LIVE_LINES_MAX = 100000,
};

/* What a server has applied; outlives the server, as a disk would. */
struct live_state {
    pthread_mutex_t mutex;
    uint64_t last_line; /* of the import */
    uint64_t applied;
    uint64_t duplicates;
    uint32_t messages; /* Rows messages seen */
    uint32_t
        break_after;    /* end the stream instead of answering this many more; 0 never */
    bool refuse_odd;    /* odd lines are failures */
    bool refuse_import; /* INVALID for the whole stream */
    uint32_t credit;
    uint32_t busy; /* AdjustStock answers OVERLOADED so many times */
    char request_ids[8][65];
    uint32_t adjusts;
    uint64_t events;
    uint32_t exported; /* events of every customer; even */
};

struct live_server {
    struct rpc_server *rpc;
    char address[32];
};

void live_state_init(struct live_state *state);
/* `port` 0: any. */
void live_server_start(struct live_server *server, struct live_state *state,
                       uint16_t port);
void live_server_stop(struct live_server *server);

#endif
