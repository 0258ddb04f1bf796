/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/judge.h"

#include "shard/storage/log_record.h"

static enum history_op judge_op(enum sim_operation_kind kind)
{
    static const enum history_op ops[SIM_OPERATION_KINDS] = {
        [SIM_LOCATION] = HISTORY_OP_OTHER,
        [SIM_SKU] = HISTORY_OP_OTHER,
        [SIM_ADJUST] = HISTORY_OP_ADJUST,
        [SIM_SET] = HISTORY_OP_SET,
        [SIM_HOLD_CREATE] = HISTORY_OP_HOLD_CREATE,
        [SIM_HOLD_EXTEND] = HISTORY_OP_HOLD_EXTEND,
        [SIM_HOLD_COMMIT] = HISTORY_OP_HOLD_COMMIT,
        [SIM_HOLD_RELEASE] = HISTORY_OP_HOLD_RELEASE,
        [SIM_HOLD_FULFIL] = HISTORY_OP_HOLD_FULFIL,
        [SIM_HOLD_CANCEL] = HISTORY_OP_HOLD_CANCEL,
        [SIM_EVENT] = HISTORY_OP_OTHER,
        [SIM_LEVEL] = HISTORY_OP_READ_LEVEL,
        [SIM_HOLD] = HISTORY_OP_READ_HOLD,
        [SIM_RECOMMEND] = HISTORY_OP_RECOMMEND,
        [SIM_LEDGER] = HISTORY_OP_OTHER,
        [SIM_MULTI_CREATE] = HISTORY_OP_MULTI_CREATE,
        [SIM_MULTI_EXTEND] = HISTORY_OP_MULTI_EXTEND,
        [SIM_MULTI_COMMIT] = HISTORY_OP_MULTI_COMMIT,
        [SIM_MULTI_RELEASE] = HISTORY_OP_MULTI_RELEASE,
        [SIM_MULTI_FULFIL] = HISTORY_OP_MULTI_FULFIL,
        [SIM_MULTI_CANCEL] = HISTORY_OP_MULTI_CANCEL,
    };
    return ops[kind];
}

static void judge_event(struct sim_history *history, struct history_event *event)
{
    event->at_us = history->world->now_us;
    checker_event(history->checker, event);
}

static void judge_question(const struct sim_operation *operation,
                           struct history_call *call)
{
    bool plain = judge_op(operation->kind) == HISTORY_OP_OTHER;
    *call = (struct history_call){
        .client = operation->client,
        .number = operation->number,
        .op = judge_op(operation->kind),
        .request = plain ? 0 : operation->request,
        .session = operation->session,
        .sku = operation->sku,
        .location = operation->kind == SIM_LEDGER ? 0 : operation->location,
        .quantity = operation->quantity,
        .has_expected = operation->has_expected,
        .expected = operation->expected,
        .best_effort = operation->mode == HOLD_MODE_BEST_EFFORT,
        .ttl_ms = operation->ttl_ms,
        .hold = {operation->hold.anchor, operation->hold.unique},
    };
    if (operation->kind == SIM_HOLD_CREATE || sim_operation_spans(operation->kind)) {
        call->line_count = operation->line_count;
        for (unsigned i = 0; i < operation->line_count; i++) {
            call->lines[i] =
                (struct history_hold_line){.sku = operation->lines[i].sku,
                                           .location = operation->lines[i].location,
                                           .quantity = operation->lines[i].quantity};
        }
    }
}

void judge_invoke(struct sim_history *history, const struct sim_operation *operation)
{
    struct history_event event = {.type = HISTORY_INVOKE};
    judge_question(operation, &event.call);
    judge_event(history, &event);
}

static void judge_answer(const struct sim_result *result, struct history_call *call)
{
    call->status = result->status;
    call->replayed = result->replayed;
    call->shard = result->stamp.shard_id;
    /* What became of a request is told by whoever has applied it, however far behind. */
    call->index = history_op_spans(call->op) ? 0 : result->stamp.log_index;
    call->log_ms = result->stamp.log_time_ms;
    call->has_level = result->has_level;
    memcpy(call->buckets, result->buckets, sizeof call->buckets);
    call->has_hold = result->has_hold;
    if (result->has_hold) {
        call->hold = (struct history_hold_id){result->hold.anchor, result->hold.unique};
        call->hold_state = (enum history_hold_state)result->hold_state;
        call->create_ms = result->create_ms;
        call->expire_ms = result->expire_ms;
        call->end_ms = result->end_ms;
    }
    for (unsigned i = 0; i < call->line_count; i++) {
        call->lines[i].granted = result->granted[i];
    }
    call->item_count = result->item_count;
    for (unsigned i = 0; i < result->item_count; i++) {
        call->items[i] = (struct history_item){.sku = result->items[i].sku,
                                               .available = result->items[i].available};
    }
}

void judge_end(struct sim_history *history, const struct sim_operation *operation,
               const struct sim_result *result)
{
    struct history_event event = {.type = HISTORY_OK};
    judge_question(operation, &event.call);
    if (result != NULL) {
        judge_answer(result, &event.call);
    } else {
        event.type = sim_operation_writes(operation->kind) ? HISTORY_INFO : HISTORY_FAIL;
    }
    judge_event(history, &event);
}

void judge_healed(struct sim_history *history)
{
    struct history_event event = {.type = HISTORY_HEALED};
    judge_event(history, &event);
}

/* --- Replicas -------------------------------------------------------------------------- */

static uint64_t shard_of_replica(uint64_t replica_id)
{
    return (replica_id - 1) / SIM_REPLICAS_PER_SHARD;
}

static void judge_records(struct sim_history *history, const struct sim_node *node,
                          const struct log_group *group)
{
    struct reader reader;
    struct log_record record;
    reader_init(&reader, buffer_slice(&group->records));
    while (reader_left(&reader) > 0 && log_record_decode(&reader, &record) == STATUS_OK) {
        struct history_event event = {
            .replica = {.node = node->id,
                        .replica = group->replica_id,
                        .shard = shard_of_replica(group->replica_id),
                        .index = record.index,
                        .term = record.term}};
        if (record.kind == LOG_RECORD_ENTRY) {
            event.type = HISTORY_STORED;
            event.replica.hash = hash64(record.payload, 3);
            judge_event(history, &event);
        } else if (record.kind == LOG_RECORD_STATE) {
            event.type = HISTORY_HARD;
            event.replica.vote = record.vote;
            judge_event(history, &event);
        }
    }
}

void judge_stored(struct sim_history *history, const struct sim_node *node,
                  const struct log_batch *batch)
{
    for (size_t i = 0; i < batch->group_count; i++) {
        judge_records(history, node, batch->groups[i]);
    }
}

void judge_leader(struct sim_history *history, const struct sim_node *node,
                  const struct replica_status *status)
{
    struct history_event event = {.type = HISTORY_LEADER,
                                  .replica = {.node = node->id,
                                              .replica = status->replica_id,
                                              .shard = status->shard_id,
                                              .term = status->term,
                                              .last_index = status->last_index}};
    judge_event(history, &event);
}

void judge_crash(struct sim_history *history, const struct sim_node *node)
{
    const struct sim_world *world = history->world;
    for (unsigned i = 0; i < world->shard_count; i++) {
        uint64_t shard_id = world->shards[i].shard_id;
        struct history_event event = {
            .type = HISTORY_CRASH,
            .replica = {.node = node->id,
                        .replica = node_replica_id(node->id, shard_id),
                        .shard = shard_id}};
        judge_event(history, &event);
    }
}

void judge_digest(struct sim_history *history, const struct sim_node *node,
                  const struct replica_status *status, uint64_t digest)
{
    struct history_event event = {.type = HISTORY_DIGEST,
                                  .replica = {.node = node->id,
                                              .replica = status->replica_id,
                                              .shard = status->shard_id,
                                              .index = status->applied_index,
                                              .hash = digest}};
    judge_event(history, &event);
}

void judge_movement(struct sim_history *history, const struct history_row *row)
{
    struct history_event event = {.type = HISTORY_MOVEMENT, .row = *row};
    judge_event(history, &event);
}

void judge_finish(struct sim_history *history)
{
    struct check_verdict verdict;
    checker_verdict(history->checker, &verdict);
    history->searches = verdict.searches;
    history->unknown = verdict.unknown;
    if (verdict.violation_count > 0) {
        const struct check_violation *first = &verdict.violations[0];
        world_violation(history->world, check_invariant_name(first->invariant), "%s",
                        first->text);
    }
}
