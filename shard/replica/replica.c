/* SPDX-License-Identifier: Apache-2.0 */
/* A replica's life: opening from state and log, the state behind the log, looking in. */
#include "shard/replica/replica.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "shard/base/mutant.h"
#include "shard/replica/replica_private.h"
#include "shard/storage/meta_row.h"

void replica_tell_metrics(struct replica *replica)
{
    struct replica_status status;
    replica_status(replica, &status);
    if (replica->options.kind == REPLICA_CUSTOMER) {
        uint64_t events = status.customer.events + status.customer.events_erased;
        metric_add(METRIC_EVENTS_STORED, events - replica->told_events);
        replica->told_events = events;
        return;
    }
    const struct inventory_counters *counters = &status.inventory;
    metric_gauge_add(METRIC_HOLDS_OPEN,
                     (int64_t)(counters->holds_open - replica->told_holds_open));
    metric_add(METRIC_HOLDS_EXPIRED,
               counters->holds_expired - replica->told_holds_expired);
    replica->told_holds_open = counters->holds_open;
    replica->told_holds_expired = counters->holds_expired;
}

enum status replica_open(const struct replica_options *options, struct moment now,
                         struct problem *problem, struct replica **out_replica)
{
    ASSERT(options->replica_id != 0 && key_range_valid(options->range));
    ASSERT(options->members == NULL || !options->joins);
    struct problem unwanted;
    problem = problem != NULL ? problem : &unwanted;
    memset(problem, 0, sizeof *problem);
    struct replica *replica = memory_zalloc(sizeof *replica);
    replica->options = *options;
    list_init(&replica->proposals);
    replica->next_append = &replica->proposals;
    list_init(&replica->done_proposals);
    list_init(&replica->untold_reads);
    list_init(&replica->ticked_reads);
    list_init(&replica->asking_reads);
    list_init(&replica->confirming_reads);
    list_init(&replica->confirmed_reads);
    list_init(&replica->outcome_reads);
    list_init(&replica->done_reads);
    buffer_init(&replica->key);
    buffer_init(&replica->value);
    buffer_init(&replica->payload);
    buffer_init(&replica->mail.bytes);
    arena_init(&replica->messages, NULL, 0, 0);
    arena_init(&replica->scratch, replica->scratch_inline, sizeof replica->scratch_inline,
               0);
    replica->machine = replica_machine_new(&replica->options);
    sending_init(&replica->sending, options->snapshot_chunk_bytes);
    install_init(&replica->install,
                 &(struct install_options){
                     .store = options->store,
                     .shard_id = options->shard_id,
                     .replica_id = options->replica_id,
                     .table = replica_table(options->kind),
                     .range = options->range,
                     .bytes_per_s = (uint64_t)options->settings->snapshot_bytes_per_s,
                     .feature_level = replica_level_supported(replica)});
    enum status status = replica_start(replica, now, problem);
    if (status != STATUS_OK) {
        if (problem->status == STATUS_OK) {
            (void)problem_set(problem, status, "", "shard %llu does not open: %s%s",
                              (unsigned long long)options->shard_id, status_text(status),
                              status == STATUS_CHECKSUM
                                  ? "; restore the data folder from a backup"
                                  : "");
        }
        replica_close(replica);
        return status;
    }
    /* Counters count from the start of the process, gauges show what is there. */
    struct replica_status found;
    replica_status(replica, &found);
    if (options->kind == REPLICA_CUSTOMER) {
        replica->told_events = found.customer.events + found.customer.events_erased;
    } else {
        replica->told_holds_expired = found.inventory.holds_expired;
    }
    replica_tell_metrics(replica);
    *out_replica = replica;
    return STATUS_OK;
}

void replica_close(struct replica *replica)
{
    if (replica == NULL) {
        return;
    }
    replica->machine->ops->free(replica->machine);
    for (size_t i = 0; i < REPLICA_RETIRED_MAX; i++) {
        if (replica->retired[i] != NULL) {
            replica->retired[i]->ops->free(replica->retired[i]);
        }
    }
    raft_free(replica->raft);
    install_close(&replica->install);
    sending_close(&replica->sending);
    buffer_close(&replica->payload);
    buffer_close(&replica->mail.bytes);
    free(replica->mail.letters);
    arena_close(&replica->messages);
    arena_close(&replica->scratch);
    buffer_close(&replica->key);
    buffer_close(&replica->value);
    free(replica);
}

/* --- State behind the log ---------------------------------------------------------- */

static bool replica_rows_dirty(const struct replica *replica)
{
    return replica->state_index < replica->applied_index ||
           (replica->applied_index > 0 &&
            (!replica->descriptor_written || replica->members_dirty));
}

bool replica_state_urgent(const struct replica *replica)
{
    return replica->failed == STATUS_OK &&
           (install_state_ready(&replica->install) ||
            (replica->sending.stage == SENDING_WANTED && replica->applied_index > 0 &&
             !install_freezes(&replica->install)));
}

bool replica_state_dirty(const struct replica *replica)
{
    if (install_freezes(&replica->install)) {
        return replica_state_urgent(replica); /* what is here is about to go */
    }
    return replica_rows_dirty(replica) || replica_state_urgent(replica);
}

uint64_t replica_dirty_bytes(const struct replica *replica)
{
    return replica_rows_dirty(replica)
               ? replica->machine->ops->dirty_bytes(replica->machine)
               : 0;
}

/* Puts `value` under the key of the kind. */
static void replica_put_meta(struct replica *replica, struct store_batch *batch,
                             enum meta_kind kind)
{
    replica_meta_key(replica, kind);
    store_batch_put(batch, buffer_slice(&replica->key), buffer_slice(&replica->value));
}

static void replica_collect_meta(struct replica *replica, struct store_batch *batch)
{
    if (!replica->descriptor_written) {
        const struct replica_options *options = &replica->options;
        const struct meta_descriptor descriptor = {
            .shard_id = options->shard_id,
            .replica_id = options->replica_id,
            .table = replica_table(options->kind),
            .feature_level = replica->feature_level,
            .range = options->range,
            .range_version = options->range_epoch,
            .member_version = replica->members.version,
        };
        buffer_clear(&replica->value);
        meta_descriptor_encode(&replica->value, &descriptor);
        replica_put_meta(replica, batch, META_DESCRIPTOR);
        replica->descriptor_written = true;
    }
    if (replica->members_dirty) {
        buffer_clear(&replica->value);
        raft_members_encode(&replica->members, &replica->value);
        replica_put_meta(replica, batch, META_MEMBERS);
        replica->members_dirty = false;
    }
    const struct meta_applied applied = {
        .index = replica->applied_index + MUTANT(applied_ahead),
        .term = replica->applied_term,
        .log_time_ms = replica->applied_log_ms,
    };
    buffer_clear(&replica->value);
    meta_applied_encode(&replica->value, &applied);
    replica_put_meta(replica, batch, META_APPLIED);
}

/* The snapshot that others need is taken right behind this batch. */
static void replica_collect_snapshot(struct replica *replica, struct store_batch *batch)
{
    struct snapshot_manifest head = {
        .shard_id = replica->options.shard_id,
        .table = replica_table(replica->options.kind),
        .range = replica->options.range,
        .range_version = replica->options.range_epoch,
        .member_version = replica->members.version,
        .feature_level = replica->feature_level,
        .index = replica->applied_index,
        .term = replica->applied_term,
        .log_time_ms = replica->applied_log_ms,
    };
    buffer_clear(&replica->value);
    raft_members_encode(&replica->members, &replica->value);
    head.members = buffer_slice(&replica->value);
    sending_collect_state(&replica->sending, batch, &head);
}

uint64_t replica_collect_state(struct replica *replica, struct store_batch *batch)
{
    if (!install_freezes(&replica->install)) {
        replica_tell_metrics(replica);
        replica->machine->ops->collect(replica->machine, batch);
        replica_collect_meta(replica, batch);
        replica->state_index = replica->applied_index;
        if (replica->applied_index > 0) {
            replica_collect_snapshot(replica, batch);
        }
    }
    if (install_state_ready(&replica->install)) {
        install_collect_state(&replica->install, batch);
        replica->install_collected = true;
    }
    return replica->state_index;
}

/* What was installed takes the place of the machine. */
static enum status replica_load_installed(struct replica *replica, struct moment now)
{
    size_t place = 0;
    replica_free_retired(replica);
    while (place < REPLICA_RETIRED_MAX && replica->retired[place] != NULL) {
        place++;
    }
    if (place == REPLICA_RETIRED_MAX) {
        return STATUS_OVERLOADED;
    }
    replica->retired[place] = replica->machine;
    replica->machine = replica_machine_new(&replica->options);
    replica_free_retired(replica);
    return replica_load(replica, now);
}

static void replica_installed(struct replica *replica, struct moment now)
{
    enum status status = replica_load_installed(replica, now);
    if (status != STATUS_OK) {
        replica->failed = status;
        return;
    }
    struct raft_event event = {.kind = RAFT_EVENT_INSTALL_DONE,
                               .installed = {.index = replica->applied_index,
                                             .term = replica->applied_term,
                                             .members = &replica->members}};
    replica_raft_step(replica, now, &event, 1);
}

void replica_state_written(struct replica *replica, struct moment now, uint64_t index)
{
    sending_state_written(&replica->sending);
    replica->machine->ops->flushed(replica->machine, index);
    if (replica->install_collected) {
        replica->install_collected = false;
        if (install_state_written(&replica->install)) {
            replica_installed(replica, now);
        }
    }
}

void replica_state_persisted(struct replica *replica, struct moment now, uint64_t index)
{
    if (install_freezes(&replica->install)) {
        return;
    }
    if (index > replica->flushed_index && index <= replica->applied_index) {
        replica->flushed_index = index;
    }
    replica_raft_release(replica, now);
}

enum status replica_persisted_index(struct store *store, uint64_t shard_id,
                                    uint64_t *out_index)
{
    struct buffer key, value;
    buffer_init(&key);
    buffer_init(&value);
    key_append_meta(&key, &(struct key_meta){shard_id, META_APPLIED});
    struct meta_applied applied = {0};
    enum status status = store_get_persisted(store, buffer_slice(&key), &value);
    if (status == STATUS_OK) {
        status = meta_applied_decode(buffer_slice(&value), &applied);
    } else if (status == STATUS_NOT_FOUND) {
        status = STATUS_OK;
    }
    if (status == STATUS_OK) {
        *out_index = applied.index;
    }
    buffer_close(&key);
    buffer_close(&value);
    return status;
}

/* --- Look -------------------------------------------------------------------------- */

uint64_t replica_shard_id(const struct replica *replica)
{
    return replica->options.shard_id;
}

uint64_t replica_id(const struct replica *replica)
{
    return replica->options.replica_id;
}

uint64_t replica_leader(const struct replica *replica)
{
    struct raft_status core;
    raft_status(replica->raft, &core);
    return core.leader_id;
}

enum replica_kind replica_kind(const struct replica *replica)
{
    return replica->options.kind;
}

struct replica_stamp replica_stamp(const struct replica *replica)
{
    return (struct replica_stamp){
        .shard_id = replica->options.shard_id,
        .range_epoch = replica->options.range_epoch,
        .log_index = replica->applied_index,
        .log_time_ms = replica->applied_log_ms,
    };
}

void replica_status(const struct replica *replica, struct replica_status *out_status)
{
    memset(out_status, 0, sizeof *out_status);
    out_status->shard_id = replica->options.shard_id;
    out_status->kind = replica->options.kind;
    struct raft_status core = {.last_index = replica->applied_index};
    if (replica->raft != NULL) { /* during a replay there is none yet */
        raft_status(replica->raft, &core);
        out_status->members = *raft_members(replica->raft);
    }
    out_status->last_index = core.last_index;
    out_status->durable_index = core.durable_index;
    out_status->commit_index = core.commit;
    out_status->role = core.role;
    out_status->term = core.term;
    out_status->replica_id = replica->options.replica_id;
    out_status->leader_replica_id = core.leader_id;
    out_status->feature_level = replica->feature_level;
    out_status->installing = install_freezes(&replica->install);
    out_status->failed = replica->failed;
    out_status->messages_dropped = replica->messages_dropped;
    out_status->applied_index = replica->applied_index;
    out_status->flushed_index = replica->flushed_index;
    out_status->log_time_ms = replica->applied_log_ms;
    out_status->dirty_bytes = replica_dirty_bytes(replica);
    out_status->commands_applied = replica->commands_applied;
    out_status->commands_replayed = replica->commands_replayed;
    replica->machine->ops->counters(replica->machine, out_status);
}

uint64_t replica_applied_index(const struct replica *replica)
{
    return replica->applied_index;
}

uint64_t replica_digest(const struct replica *replica)
{
    return replica->machine->ops->digest(replica->machine);
}

bool replica_take_degrees(struct replica *replica, enum recommend_degrees kind,
                          struct degree_delta *out_delta)
{
    return replica->machine->ops->take_degrees(replica->machine, kind, out_delta);
}

size_t replica_busy(const struct replica *replica)
{
    return replica->proposal_count + replica->read_count;
}

enum status replica_failed(const struct replica *replica)
{
    return replica->failed;
}
