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

_Static_assert((int)REPLICA_ENTRIES_IN_FLIGHT_MAX == (int)SOLO_LOG_RING,
               "the ring holds what may be in flight");

static enum key_table replica_table(enum replica_kind kind)
{
    return kind == REPLICA_SKU ? KEY_TABLE_SKU : KEY_TABLE_CUSTOMER;
}

static struct meta_descriptor replica_descriptor(const struct replica_options *options)
{
    return (struct meta_descriptor){
        .shard_id = options->shard_id,
        .replica_id = options->replica_id,
        .table = replica_table(options->kind),
        .feature_level = 1,
        .range = options->range,
        .range_version = options->range_epoch,
        .member_version = 1,
    };
}

static enum status replica_check_descriptor(struct replica *replica,
                                            struct problem *problem)
{
    const struct replica_options *options = &replica->options;
    struct key_meta key = {.shard_id = options->shard_id, .kind = META_DESCRIPTOR};
    buffer_clear(&replica->key);
    key_append_meta(&replica->key, &key);
    enum status status =
        store_get(options->store, NULL, buffer_slice(&replica->key), &replica->value);
    if (status == STATUS_NOT_FOUND) {
        return STATUS_OK;
    }
    TRY(status);
    struct meta_descriptor found;
    TRY(meta_descriptor_decode(buffer_slice(&replica->value), &found));
    struct meta_descriptor wanted = replica_descriptor(options);
    if (found.table != wanted.table || found.replica_id != wanted.replica_id ||
        found.range.start != wanted.range.start || found.range.end != wanted.range.end) {
        return problem_set(problem, STATUS_INVALID, "",
                           "shard %llu in this folder is another one: its table, range "
                           "or replica differs; was the number of shards changed?",
                           (unsigned long long)options->shard_id);
    }
    replica->descriptor_written = true;
    return STATUS_OK;
}

static void replica_applied_key(struct buffer *key, uint64_t shard_id)
{
    struct key_meta parts = {.shard_id = shard_id, .kind = META_APPLIED};
    buffer_clear(key);
    key_append_meta(key, &parts);
}

static enum status replica_load(struct replica *replica, struct moment now,
                                struct problem *problem)
{
    TRY(replica_check_descriptor(replica, problem));
    replica_applied_key(&replica->key, replica->options.shard_id);
    struct meta_applied applied = {0};
    enum status status = store_get(replica->options.store, NULL,
                                   buffer_slice(&replica->key), &replica->value);
    if (status == STATUS_OK) {
        TRY(meta_applied_decode(buffer_slice(&replica->value), &applied));
    } else if (status != STATUS_NOT_FOUND) {
        return status;
    }
    TRY(replica->machine->ops->load(replica->machine, applied.index));
    replica->applied_index = applied.index;
    replica->applied_term = applied.term;
    replica->applied_log_ms = applied.log_time_ms;
    replica->state_index = applied.index;
    replica->flushed_index = applied.index;
    log_time_init(&replica->clock, applied.log_time_ms, now);
    return STATUS_OK;
}

static enum status replica_replay_write(struct replica *replica)
{
    struct store_batch batch;
    store_batch_init(&batch);
    uint64_t index = replica_collect_state(replica, &batch);
    enum status status = store_write(replica->options.store, &batch);
    for (unsigned i = 0; status == STATUS_OVERLOADED && i < REPLICA_REPLAY_STALLS_MAX;
         i++) {
        status = store_flush(replica->options.store);
        if (status == STATUS_OK) {
            status = store_write(replica->options.store, &batch);
        }
    }
    store_batch_close(&batch);
    if (status == STATUS_OK) {
        replica_state_written(replica, index);
    }
    return status;
}

static enum status replica_replay(void *context, const struct log_entry *entry)
{
    struct replica *replica = context;
    TRY(replica_apply_entry(replica, entry, NULL));
    return replica_dirty_bytes(replica) > REPLICA_REPLAY_DIRTY_BYTES_MAX
               ? replica_replay_write(replica)
               : STATUS_OK;
}

static enum status replica_start(struct replica *replica, struct moment now,
                                 struct problem *problem)
{
    TRY(replica_load(replica, now, problem));
    struct log_entry applied = {
        .index = replica->applied_index,
        .term = replica->applied_term,
    };
    TRY(solo_log_open(&replica->log, replica->options.log, replica->options.replica_id,
                      applied, replica_replay, replica));
    log_time_observe(&replica->clock, replica->applied_log_ms, now);
    /* What the store had at opening has survived a restart already. */
    solo_log_release(&replica->log, replica->flushed_index);
    return STATUS_OK;
}

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
    list_init(&replica->done_reads);
    buffer_init(&replica->key);
    buffer_init(&replica->value);
    arena_init(&replica->scratch, replica->scratch_inline, sizeof replica->scratch_inline,
               0);
    replica->machine = options->kind == REPLICA_SKU ? machine_sku_new(options)
                                                    : machine_customer_new(options);
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
    solo_log_close(&replica->log);
    arena_close(&replica->scratch);
    buffer_close(&replica->key);
    buffer_close(&replica->value);
    free(replica);
}

/* --- State behind the log ---------------------------------------------------------- */

bool replica_state_dirty(const struct replica *replica)
{
    return replica->state_index < replica->applied_index ||
           (!replica->descriptor_written && replica->applied_index > 0);
}

uint64_t replica_dirty_bytes(const struct replica *replica)
{
    return replica_state_dirty(replica)
               ? replica->machine->ops->dirty_bytes(replica->machine)
               : 0;
}

uint64_t replica_collect_state(struct replica *replica, struct store_batch *batch)
{
    const struct replica_options *options = &replica->options;
    replica_tell_metrics(replica);
    replica->machine->ops->collect(replica->machine, batch);
    if (!replica->descriptor_written) {
        struct key_meta key = {.shard_id = options->shard_id, .kind = META_DESCRIPTOR};
        struct meta_descriptor descriptor = replica_descriptor(options);
        buffer_clear(&replica->key);
        buffer_clear(&replica->value);
        key_append_meta(&replica->key, &key);
        meta_descriptor_encode(&replica->value, &descriptor);
        store_batch_put(batch, buffer_slice(&replica->key),
                        buffer_slice(&replica->value));
        replica->descriptor_written = true;
    }
    struct meta_applied applied = {
        .index = replica->applied_index + MUTANT(applied_ahead),
        .term = replica->applied_term,
        .log_time_ms = replica->applied_log_ms,
    };
    replica_applied_key(&replica->key, options->shard_id);
    buffer_clear(&replica->value);
    meta_applied_encode(&replica->value, &applied);
    store_batch_put(batch, buffer_slice(&replica->key), buffer_slice(&replica->value));
    replica->state_index = replica->applied_index;
    return replica->state_index;
}

void replica_state_written(struct replica *replica, uint64_t index)
{
    replica->machine->ops->flushed(replica->machine, index);
}

void replica_state_persisted(struct replica *replica, uint64_t index)
{
    if (index > replica->flushed_index) {
        replica->flushed_index = index;
        solo_log_release(&replica->log, index);
    }
}

enum status replica_persisted_index(struct store *store, uint64_t shard_id,
                                    uint64_t *out_index)
{
    struct buffer key, value;
    buffer_init(&key);
    buffer_init(&value);
    replica_applied_key(&key, shard_id);
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
    out_status->last_index = replica->log.last_index;
    out_status->durable_index = replica->log.durable_index;
    out_status->applied_index = replica->applied_index;
    out_status->flushed_index = replica->flushed_index;
    out_status->log_time_ms = replica->applied_log_ms;
    out_status->dirty_bytes = replica_dirty_bytes(replica);
    out_status->commands_applied = replica->commands_applied;
    out_status->commands_replayed = replica->commands_replayed;
    replica->machine->ops->counters(replica->machine, out_status);
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
    return replica->proposal_count + replica->read_count +
           (size_t)(replica->log.last_index - replica->log.applied_index);
}
