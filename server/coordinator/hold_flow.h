/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One call about a hold, from the first proposal to what its caller is told: waits while
 * other shards have not answered, tries contended holds again, and seals what it gives up,
 * so that no late attempt can make true what was told to be untrue.
 *
 *     PROPOSE -> decided -----------------------------------------> DONE
 *        ^          +--> WAIT (pending, or not applied everywhere) -> DONE
 *        |          +--> SEAL (not decided in time) ---------------> DONE
 *        +-- PAUSE <-+   contended, at most HOLD_FLOW_RETRIES_MAX times, then SEAL
 *
 * Of a REQUEST_SEAL itself (GetOutcome) only what is pending is waited for, and sealed then.
 *
 * Pure: time and chance are its user's. One thread.
 */
#ifndef SOUK_SERVER_COORDINATOR_HOLD_FLOW_H
#define SOUK_SERVER_COORDINATOR_HOLD_FLOW_H

#include <stdint.h>

#include "shard/inventory/command.h"
#include "shard/inventory/outcome.h"

enum {
    HOLD_FLOW_RETRIES_MAX = 3,
    HOLD_FLOW_PAUSE_US =
        20000, /* before the first retry, at most; doubled for the next */
    HOLD_FLOW_WAIT_US_MAX = 5000000,
};

enum hold_step {
    HOLD_STEP_PROPOSE, /* the command, with this attempt */
    HOLD_STEP_WAIT, /* ask for its outcome (INVENTORY_QUERY_OUTCOME), until wait_until */
    HOLD_STEP_PAUSE,
    HOLD_STEP_SEAL, /* propose a REQUEST_SEAL of it */
    HOLD_STEP_DONE, /* tell the caller the outcome last heard */
};

struct hold_flow {
    enum inventory_command_kind kind;
    enum hold_step step;
    uint32_t attempt;
    uint32_t retries;
};

void hold_flow_init(struct hold_flow *flow, enum inventory_command_kind kind);
/* What the command, its seal, or the question for it was answered. */
void hold_flow_heard(struct hold_flow *flow, const struct inventory_outcome *outcome);
/* PAUSE is over. */
void hold_flow_paused(struct hold_flow *flow);
/* How long a PAUSE lasts; `chance` is any number, so that contenders part. */
uint64_t hold_flow_pause_us(const struct hold_flow *flow, uint64_t chance);
/* Until when to WAIT, so that something can be told before the deadline (0: none). */
uint64_t hold_flow_wait_until_us(uint64_t now_us, uint64_t deadline_us);

#endif
