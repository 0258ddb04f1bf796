/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/solo_log.h"

#include "shard/base/assert.h"

struct replay_walk {
    solo_log_replay *replay;
    void *context;
    uint64_t next_index;
    enum status status;
};

static bool replay_visit(void *context, const struct log_entry *entry)
{
    struct replay_walk *walk = context;
    if (entry->index != walk->next_index) {
        walk->status = STATUS_CHECKSUM; /* a gap */
        return false;
    }
    walk->status = walk->replay(walk->context, entry);
    walk->next_index++;
    return walk->status == STATUS_OK;
}

static enum status solo_log_read_back(struct solo_log *log, solo_log_replay *replay,
                                      void *context)
{
    struct replay_walk walk = {
        .replay = replay,
        .context = context,
        .next_index = log->applied_index + 1,
    };
    while (walk.next_index <= log->last_index) {
        struct log_read read = {
            .replica_id = log->replica_id,
            .from_index = walk.next_index,
            .through_index = log->last_index,
            .max_bytes = SOLO_LOG_REPLAY_BYTES,
        };
        uint64_t before = walk.next_index;
        enum status status = log_store_read(log->store, &read, replay_visit, &walk);
        if (status != STATUS_OK) {
            /* Entries above the state that are not there were acknowledged once. */
            return status == STATUS_NOT_FOUND ? STATUS_CHECKSUM : status;
        }
        TRY(walk.status);
        if (walk.next_index == before) {
            return STATUS_CHECKSUM;
        }
    }
    return STATUS_OK;
}

enum status solo_log_open(struct solo_log *log, struct log_store *store,
                          uint64_t replica_id, struct log_entry applied,
                          solo_log_replay *replay, void *context)
{
    memset(log, 0, sizeof *log);
    log->store = store;
    log->replica_id = replica_id;
    log->applied_index = applied.index;
    struct log_bounds bounds = {0};
    enum status status = log_store_bounds(store, replica_id, &bounds);
    if (status != STATUS_NOT_FOUND) {
        TRY(status);
    }
    if (bounds.damaged) {
        return STATUS_CHECKSUM;
    }
    log->state_known = bounds.term == SOLO_LOG_TERM;
    if (bounds.last_index <= applied.index) {
        /* All of it was released and recycled, or there never was any: it goes on behind
         * the state. */
        if (bounds.last_index < applied.index) {
            log->reset_index = applied.index;
            log->reset_term = applied.term;
        }
        log->last_index = applied.index;
    } else {
        log->last_index = bounds.last_index;
        TRY(solo_log_read_back(log, replay, context));
        log->applied_index = log->last_index;
    }
    log->collected_index = log->last_index;
    log->durable_index = log->last_index;
    return STATUS_OK;
}

void solo_log_close(struct solo_log *log)
{
    for (size_t i = 0; i < SOLO_LOG_RING; i++) {
        buffer_close(&log->ring[i]);
    }
}

bool solo_log_has_room(const struct solo_log *log)
{
    return log->last_index - log->applied_index < SOLO_LOG_RING;
}

struct buffer *solo_log_payload(struct solo_log *log)
{
    ASSERT(solo_log_has_room(log));
    return &log->ring[(log->last_index + 1) % SOLO_LOG_RING];
}

uint64_t solo_log_append(struct solo_log *log)
{
    ASSERT(solo_log_has_room(log));
    return ++log->last_index;
}

uint64_t solo_log_collect(struct solo_log *log, struct log_batch *batch)
{
    if (log->collected_index == log->last_index) {
        return 0;
    }
    if (log->reset_index != 0) {
        log_batch_add_reset(batch, log->replica_id, log->reset_index, log->reset_term);
        log->reset_index = 0;
    }
    if (!log->state_known) {
        log_batch_add_state(batch, log->replica_id, SOLO_LOG_TERM, log->replica_id, 0);
        log->state_known = true;
    }
    while (log->collected_index < log->last_index) {
        uint64_t index = ++log->collected_index;
        log_batch_add_entry(batch, log->replica_id, index, SOLO_LOG_TERM,
                            buffer_slice(&log->ring[index % SOLO_LOG_RING]));
    }
    return log->collected_index;
}

void solo_log_written(struct solo_log *log, uint64_t index)
{
    ASSERT(index <= log->collected_index);
    if (index > log->durable_index) {
        log->durable_index = index;
    }
}

bool solo_log_next(const struct solo_log *log, struct log_entry *out_entry)
{
    if (log->applied_index == log->durable_index) {
        return false;
    }
    uint64_t index = log->applied_index + 1;
    *out_entry = (struct log_entry){
        .index = index,
        .term = SOLO_LOG_TERM,
        .payload = buffer_slice(&log->ring[index % SOLO_LOG_RING]),
    };
    return true;
}

void solo_log_applied(struct solo_log *log)
{
    ASSERT(log->applied_index < log->durable_index);
    log->applied_index++;
}

void solo_log_release(struct solo_log *log, uint64_t index)
{
    log_store_release(log->store, log->replica_id, index);
}
