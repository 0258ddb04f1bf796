/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/hold_run.h"

#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/replica/command.h"

static void hold_run_step(struct hold_run *run);

void hold_run_init(struct hold_run *run, struct service *service, struct arena *arena,
                   uint64_t deadline_us, uint64_t shard_id,
                   const struct inventory_command *command)
{
    memset(run, 0, sizeof *run);
    run->service = service;
    run->arena = arena;
    run->deadline_us = deadline_us;
    run->shard_id = shard_id;
    run->command = *command;
    hold_flow_init(&run->flow, command->kind);
}

static void hold_run_end(struct hold_run *run, enum status status)
{
    run->status = status;
    run->finish(run);
}

/* --- Answers ---------------------------------------------------------------------------- */

static void hold_run_decided(struct shard_call *call)
{
    struct hold_run *run = CONTAINER_OF(call, struct hold_run, call);
    if (call->status != STATUS_OK) {
        hold_run_end(run, call->status);
        return;
    }
    hold_flow_heard(&run->flow, &run->outcome.inventory);
    hold_run_step(run);
}

/* Shards by their SKUs' hashes, each once. */
static void hold_run_note_pending(struct hold_run *run)
{
    const struct inventory_answer *answer = &run->answer.inventory;
    const struct shard_map *map = run->service->map;
    uint64_t *shards =
        arena_alloc(run->arena, (answer->pending_count + 1) * sizeof *shards);
    size_t count = 0;
    for (uint32_t i = 0; shards != NULL && i < answer->pending_count; i++) {
        unsigned place = shard_map_find(map, SHARD_MAP_SKU, answer->pending_hashes[i]);
        uint64_t shard_id = shard_map_range(map, SHARD_MAP_SKU, place)->shard_id;
        size_t at = 0;
        while (at < count && shards[at] != shard_id) {
            at++;
        }
        shards[at] = shard_id;
        count += at == count;
    }
    run->pending_shards = shards;
    run->pending_count = count;
}

static void hold_run_told(struct shard_call *call)
{
    struct hold_run *run = CONTAINER_OF(call, struct hold_run, call);
    bool replayed = run->outcome.inventory.replayed;
    const struct inventory_outcome *outcome = run->answer.inventory.outcome;
    if (call->status != STATUS_OK || run->answer.inventory.status != STATUS_OK) {
        /* What was decided before stands, and is told; what was not stays unknown. */
        hold_run_end(run,
                     run->outcome.inventory.pending ? STATUS_OUTCOME_UNKNOWN : STATUS_OK);
        return;
    }
    hold_flow_heard(&run->flow, outcome);
    run->outcome.inventory = *outcome;
    run->outcome.inventory.replayed = replayed;
    run->outcome.status = outcome->status;
    hold_run_note_pending(run);
    if (outcome->pending) {
        hold_run_end(run, STATUS_OUTCOME_UNKNOWN);
        return;
    }
    hold_run_step(run);
}

/* --- Steps ------------------------------------------------------------------------------ */

static void hold_run_submit(struct hold_run *run, uint64_t deadline_us,
                            shard_call_done *done)
{
    enum status status;
    run->call.deadline_us = deadline_us;
    run->call.arena = run->arena;
    run->call.done = done;
    status = runtime_submit(run->service->runtime, &run->call);
    if (status != STATUS_OK) {
        run->call.appended_count = 0;
        hold_run_end(run, status);
    }
}

static void hold_run_propose(struct hold_run *run,
                             const struct inventory_command *command)
{
    run->outcome.kind = REPLICA_SKU;
    if (command_encode_sku(command, run->arena, &run->bytes) != STATUS_OK) {
        hold_run_end(run, STATUS_TOO_LARGE);
        return;
    }
    shard_call_init_propose(&run->call, run->shard_id, &run->bytes, 1, &run->outcome);
    hold_run_submit(run, run->deadline_us, hold_run_decided);
}

static void hold_run_wait(struct hold_run *run)
{
    uint64_t until_us =
        hold_flow_wait_until_us(service_now().monotonic_us, run->deadline_us);
    run->query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_OUTCOME, .asked = &run->command}};
    shard_call_init_read(&run->call, run->shard_id, &run->query, &run->answer);
    hold_run_submit(run, until_us, hold_run_told);
}

static void hold_run_pause_over(struct runtime_timer *timer, struct moment now)
{
    struct hold_run *run = CONTAINER_OF(timer, struct hold_run, timer);
    (void)now;
    hold_flow_paused(&run->flow);
    hold_run_step(run);
}

static void hold_run_pause(struct hold_run *run, unsigned loop)
{
    uint64_t now_us = service_now().monotonic_us;
    uint64_t chance = hash_mix(run->command.identity.request_id.low ^ now_us);
    runtime_timer_set(run->service->runtime, loop, &run->timer,
                      now_us + hold_flow_pause_us(&run->flow, chance));
}

static void hold_run_pause_task(struct runtime_task *task, struct moment now)
{
    (void)now;
    hold_run_step(CONTAINER_OF(task, struct hold_run, task));
}

static void hold_run_step(struct hold_run *run)
{
    struct inventory_command seal;
    unsigned loop;
    run->timer.fire = hold_run_pause_over;
    switch (run->flow.step) {
    case HOLD_STEP_PROPOSE:
        run->command.identity.attempt = run->flow.attempt;
        hold_run_propose(run, &run->command);
        break;
    case HOLD_STEP_WAIT:
        hold_run_wait(run);
        break;
    case HOLD_STEP_SEAL:
        seal = (struct inventory_command){.kind = INVENTORY_REQUEST_SEAL,
                                          .identity = run->command.identity};
        hold_run_propose(run, &seal);
        break;
    case HOLD_STEP_PAUSE:
        if (!runtime_loop_of(run->service->runtime, run->shard_id, &loop)) {
            hold_run_end(run, STATUS_EPOCH_CHANGED);
        } else if (runtime_on_loop(run->service->runtime, loop)) {
            hold_run_pause(run, loop);
        } else { /* its timers are that loop's */
            run->task.run = hold_run_pause_task;
            runtime_post(run->service->runtime, loop, &run->task);
        }
        break;
    case HOLD_STEP_DONE:
        hold_run_end(run, STATUS_OK);
        break;
    }
}

void hold_run_start(struct hold_run *run)
{
    hold_run_step(run);
}

bool hold_run_resume(struct hold_run *run, const struct inventory_outcome *outcome)
{
    run->outcome.kind = REPLICA_SKU;
    run->outcome.status = outcome->status;
    run->outcome.inventory = *outcome;
    hold_flow_heard(&run->flow, outcome);
    if (run->flow.step == HOLD_STEP_DONE) {
        return false;
    }
    hold_run_step(run);
    return true;
}
