/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A world without a network and with a clock of its own: attempts are answered from a
 * script, alarms fire when the test lets time pass. One thread.
 */
#ifndef SOUK_TESTS_UNIT_CLIENT_FAKE_WORLD_H
#define SOUK_TESTS_UNIT_CLIENT_FAKE_WORLD_H

#include "client/lib/client.h"
#include "client/lib/world.h"
#include "proto/souk/v1/stock.pb-c.h"

enum {
    FAKE_ATTEMPTS_MAX = 64,
    FAKE_ALARMS_MAX = 64,
};

struct fake_attempt {
    char request_id[65];
    uint32_t timeout_ms;
    unsigned channel;
    uint64_t at_us;
};

struct fake_world {
    struct world base;
    struct moment now;
    /* How each attempt ends; STATUS_OK past the script's end. */
    enum status script[FAKE_ATTEMPTS_MAX];
    unsigned script_count;
    uint32_t retry_after_ms;
    uint64_t took_us; /* by which each attempt moves the clock */
    bool replayed;
    bool unsent;              /* no attempt that fails has left */
    struct rpc_detail detail; /* of each refusal, when its key is set */
    struct rpc_violation violation;

    struct fake_attempt attempts[FAKE_ATTEMPTS_MAX];
    unsigned attempt_count;
    struct {
        uint64_t when_us;
        world_alarm *alarm;
        void *user;
    } alarms[FAKE_ALARMS_MAX];
    unsigned alarm_count;
};

/* Answers AdjustStock alone: on_hand 41, sku_id as asked. Outlives its client, so that a
 * test can look at what happened. */
struct fake_world *fake_world_new(unsigned addresses);
void fake_world_free(struct fake_world *world);
struct souk_client *fake_client(struct fake_world *world, uint32_t attempts_max);
/* Moves the clock from alarm to alarm until none is left. */
void fake_world_run(struct fake_world *world);

#endif
