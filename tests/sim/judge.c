/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/judge.h"

#include <stdio.h>
#include <string.h>

#include "shard/storage/log_record.h"
#include "tests/sim/check/history_file.h"

enum {
    SIM_EXPIRY_SLACK_MS = 3000,
};

static enum history_op judge_op(enum sim_operation_kind kind)
{
    static const enum history_op ops[SIM_OPERATION_KINDS] = {
        [SIM_LOCATION] = HISTORY_OP_OTHER,
        [SIM_SKU] = HISTORY_OP_OTHER,
        [SIM_ADJUST] = HISTORY_OP_ADJUST,
        [SIM_SET] = HISTORY_OP_SET,
        [SIM_MOVE] = HISTORY_OP_MOVE,
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

void judge_event(struct sim_history *history, struct history_event *event)
{
    event->at_us = history->world->now_us;
    if (history->file != NULL) {
        history_write(history->file, event);
    }
    checker_event(history->checker, event);
    if (checker_violations(history->checker) > 0 && !history->violation.found) {
        judge_finish(history);
    }
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
        .to_location = operation->to_location,
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

/* Whatever expires by then has to count as expired. A lone node has no excuse; members of
 * a group judge by log time alone until a quorum has told its clocks, and that goes at half
 * pace while nobody leads. */
static int64_t judge_past_ms(const struct sim_world *world)
{
    int64_t least_ms = INT64_MAX;
    for (unsigned i = 0; i < world->node_count; i++) {
        int64_t wall_ms = node_now(&world->nodes[i]).wall_ms;
        least_ms = wall_ms < least_ms ? wall_ms : least_ms;
    }
    return least_ms - (world->node_count > 1 ? SIM_EXPIRY_SLACK_MS : 0);
}

void judge_invoke(struct sim_history *history, const struct sim_operation *operation)
{
    struct history_event event = {.type = HISTORY_INVOKE};
    judge_question(operation, &event.call);
    if (operation->kind == SIM_HOLD) {
        event.call.past_ms = judge_past_ms(history->world);
    }
    judge_request(history, operation->request, sim_operation_spans(operation->kind));
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

/* What one record of a batch says; INVOKE: nothing that is told. */
static enum history_type judge_record(const struct log_record *record,
                                      struct history_replica *out)
{
    out->index = record->index;
    out->term = record->term;
    if (record->kind == LOG_RECORD_ENTRY) {
        out->hash = hash64(record->payload, 3);
        return HISTORY_STORED;
    } else if (record->kind == LOG_RECORD_STATE) {
        out->vote = record->vote;
        return HISTORY_HARD;
    }
    return record->kind == LOG_RECORD_RESET ? HISTORY_RESET : HISTORY_INVOKE;
}

static void judge_records(struct sim_history *history, const struct sim_node *node,
                          const struct log_group *group, bool doubt)
{
    struct reader reader;
    struct log_record record;
    reader_init(&reader, buffer_slice(&group->records));
    while (reader_left(&reader) > 0 && log_record_decode(&reader, &record) == STATUS_OK) {
        struct history_event event = {
            .replica = {.node = node->id,
                        .replica = group->replica_id,
                        .shard = shard_of_replica(group->replica_id)}};
        event.type = judge_record(&record, &event.replica);
        if (doubt && event.type == HISTORY_RESET) {
            event.replica.index = 1; /* all of it */
        }
        bool of_log = event.type == HISTORY_STORED || event.type == HISTORY_RESET;
        if (doubt && of_log) {
            event.type = HISTORY_DOUBT;
            judge_event(history, &event);
        } else if (!doubt && event.type != HISTORY_INVOKE) {
            judge_event(history, &event);
        }
    }
}

void judge_stored(struct sim_history *history, const struct sim_node *node,
                  const struct log_batch *batch)
{
    for (size_t i = 0; i < batch->group_count; i++) {
        judge_records(history, node, batch->groups[i], false);
    }
}

void judge_doubt(struct sim_history *history, const struct sim_node *node,
                 const struct log_batch *batch)
{
    for (size_t i = 0; i < batch->group_count; i++) {
        judge_records(history, node, batch->groups[i], true);
    }
}

static uint64_t judge_members_hash(const struct raft_members *members)
{
    struct buffer bytes;
    buffer_init(&bytes);
    raft_members_encode(members, &bytes);
    uint64_t hash = hash64(buffer_slice(&bytes), 5);
    buffer_close(&bytes);
    return hash;
}

void judge_progress(struct sim_history *history, const struct sim_node *node)
{
    for (size_t i = 0; node->up && i < host_replica_count(node->host); i++) {
        struct replica_status status;
        replica_status(host_replica_at(node->host, i), &status);
        struct history_event event = {.type = HISTORY_APPLIED,
                                      .replica = {.node = node->id,
                                                  .replica = status.replica_id,
                                                  .shard = status.shard_id,
                                                  .index = status.applied_index}};
        if (status.installing) {
            continue; /* the log is still that of before */
        }
        judge_event(history, &event);
        event.type = HISTORY_MEMBERS;
        event.replica.last_index = status.last_index;
        event.replica.version = status.members.version;
        event.replica.hash = judge_members_hash(&status.members);
        judge_event(history, &event);
    }
}

void judge_vote(struct sim_history *history, const struct sim_node *node,
                const struct raft_message *message)
{
    struct history_event event = {.type = HISTORY_VOTE,
                                  .replica = {.node = node->id,
                                              .replica = message->from,
                                              .shard = message->group_id,
                                              .term = message->term,
                                              .vote = message->to}};
    judge_event(history, &event);
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

/* Tells the same of every replica of a node. */
static void judge_node(struct sim_history *history, const struct sim_node *node,
                       enum history_type type)
{
    const struct sim_world *world = history->world;
    for (unsigned i = 0; i < world->shard_count; i++) {
        uint64_t shard_id = world->shards[i].shard_id;
        struct history_event event = {
            .type = type,
            .replica = {.node = node->id,
                        .replica = node_replica_id(node->id, shard_id),
                        .shard = shard_id}};
        judge_event(history, &event);
    }
}

void judge_crash(struct sim_history *history, const struct sim_node *node)
{
    judge_node(history, node, HISTORY_CRASH);
}

void judge_broken(struct sim_history *history, const struct sim_node *node)
{
    judge_node(history, node, HISTORY_BROKEN);
}

void judge_state(struct sim_history *history, const struct sim_node *node,
                 const struct replica *replica, const struct replica_status *status)
{
    struct history_event event = {.type = HISTORY_DIGEST,
                                  .replica = {.node = node->id,
                                              .replica = status->replica_id,
                                              .shard = status->shard_id,
                                              .index = status->applied_index,
                                              .hash = replica_digest(replica)}};
    judge_event(history, &event);
}

void judge_states(struct sim_history *history, const struct sim_node *node)
{
    for (size_t i = 0; node->up && i < host_replica_count(node->host); i++) {
        struct replica_status status;
        const struct replica *replica = host_replica_at(node->host, i);
        replica_status(replica, &status);
        judge_state(history, node, replica, &status);
    }
}

void judge_fault(struct sim_history *history, const char *what, const char *target,
                 bool begins)
{
    struct history_event event = {.type = HISTORY_NEMESIS, .fault = {.begins = begins}};
    snprintf(event.fault.name, sizeof event.fault.name, "%s", what);
    snprintf(event.fault.target, sizeof event.fault.target, "%s", target);
    judge_event(history, &event);
}

void judge_stream(struct sim_history *history, const struct history_stream *stream)
{
    struct history_event event = {.type = HISTORY_STREAM, .stream = *stream};
    judge_event(history, &event);
}

void judge_feed(struct sim_history *history, const struct history_feed *feed)
{
    struct history_event event = {.type = HISTORY_FEED, .feed = *feed};
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
