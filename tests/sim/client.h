/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A client of the simulated world: one operation at a time, with real commands, tried
 * again under the same id until it is decided or its patience ends. It follows hints of
 * leaders, and tells the history before the first try and after the answer.
 */
#ifndef SOUK_TESTS_SIM_CLIENT_H
#define SOUK_TESTS_SIM_CLIENT_H

#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/hold_flow.h"
#include "shard/base/arena.h"
#include "tests/sim/network.h"

enum {
    SIM_CLIENTS = 8,       /* the most of one SKU, so that histories can be searched */
    SIM_THINK_US = 110000, /* between operations, on average */
    SIM_TRY_US = 600000,   /* an answer is waited for so long */
    SIM_AGAIN_US = 150000, /* pause before the next try, at most */
    SIM_PATIENCE_US = 30000000,  /* of most operations, while there are faults */
    SIM_IMPATIENCE_US = 2500000, /* of one in twenty */
    SIM_PROGRESS_OPERATIONS = 3, /* of each client, once the world is healed */
    SIM_HOLDS_KNOWN = 24,        /* holds that clients work on: the newest */
};

struct sim_world;
struct sim_packet;
struct inventory_command;

enum sim_client_state {
    SIM_CLIENT_IDLE,    /* the timer begins an operation */
    SIM_CLIENT_WAITING, /* for an answer; the timer ends the try */
    SIM_CLIENT_PAUSING, /* before the next try */
    SIM_CLIENT_DONE,
};

struct sim_client {
    struct sim_world *world;
    unsigned id;
    struct rng rng;
    enum sim_client_state state;
    uint64_t timer; /* names the timer that counts */
    struct sim_operation operation;
    struct hold_flow flow; /* of an operation that spans shards */
    struct sim_request request;
    struct arena arena;
    struct slice command;
    uint64_t first_attempt; /* answers of older ones belong to other operations */
    uint64_t last_attempt;
    uint64_t patience_us;
    unsigned guess[18];           /* per shard: which member leads */
    uint64_t seen[18];            /* per shard: the newest log index heard of */
    struct sim_operation written; /* the last write that was decided, to be asked again */
    struct sim_result answered;
    bool has_written;
    unsigned since_healing; /* operations begun and decided since */
    unsigned read_next;     /* in the reading phase */
    struct buffer token;    /* of the next page of a ledger; empty: the first */
    bool more;              /* there is one */
    unsigned events;
};

void client_init(struct sim_client *client, struct sim_world *world, unsigned id);
void client_close(struct sim_client *client);
void client_timer(struct sim_client *client, uint64_t timer);
void client_take(struct sim_client *client, const struct sim_packet *packet);
/* Plans the timer; one before it is void. */
void client_plan(struct sim_client *client, uint64_t after_us);

/* client_choose.c: what comes next in this phase; false: nothing. */
bool client_choose(struct sim_client *client);
/* Fills request and, of writes, command from the operation. */
void client_encode(struct sim_client *client);
/* A hold was made: others may work on it. */
void client_remember_hold(struct sim_client *client,
                          const struct sim_operation *operation,
                          const struct sim_result *result);

#endif
