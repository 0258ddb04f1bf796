/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A command about a hold on its way (coordinator/hold_flow.h), with real calls and timers.
 * Lives in its caller's memory from hold_run_start to `finish`, which runs on the loop of
 * the hold's home.
 */
#ifndef SOUK_SERVER_SERVICE_HOLD_RUN_H
#define SOUK_SERVER_SERVICE_HOLD_RUN_H

#include "server/coordinator/hold_flow.h"
#include "server/host/shard_call.h"
#include "server/runtime/runtime.h"
#include "server/service/service.h"

struct hold_run {
    struct service *service;
    struct arena *arena; /* of this run alone while it lasts */
    uint64_t deadline_us;
    uint64_t shard_id;
    struct inventory_command command; /* with its whole identity */
    struct hold_flow flow;
    struct slice bytes;
    struct shard_call call;
    struct replica_outcome outcome;
    struct replica_query query;
    struct replica_answer answer;
    struct runtime_timer timer;
    struct runtime_task task;
    /* Out: of the call that failed, or OK and the outcome that the caller is told. */
    enum status status;
    const uint64_t *pending_shards; /* that have not applied it yet */
    size_t pending_count;
    void (*finish)(struct hold_run *run);
    void *user;
};

/* Fills the run; the command borrows as it did. `finish` and `user` are set behind. */
void hold_run_init(struct hold_run *run, struct service *service, struct arena *arena,
                   uint64_t deadline_us, uint64_t shard_id,
                   const struct inventory_command *command);
/* Proposes it. */
void hold_run_start(struct hold_run *run);
/* Goes on from what was decided already. False: there is nothing to go on with, and
 * `finish` never runs. */
bool hold_run_resume(struct hold_run *run, const struct inventory_outcome *outcome);

#endif
