/* SPDX-License-Identifier: Apache-2.0 */
/* Opening a replica: from store and log to a core that can step. */
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/replica/replica_private.h"

enum key_table replica_table(enum replica_kind kind)
{
    return kind == REPLICA_SKU ? KEY_TABLE_SKU : KEY_TABLE_CUSTOMER;
}

struct machine *replica_machine_new(const struct replica_options *options)
{
    return options->kind == REPLICA_SKU ? machine_sku_new(options)
                                        : machine_customer_new(options);
}

void replica_free_retired(struct replica *replica)
{
    for (size_t i = 0; i < REPLICA_RETIRED_MAX; i++) {
        struct machine *machine = replica->retired[i];
        if (machine != NULL && atomic_load(&machine->readers) == 0) {
            machine->ops->free(machine);
            replica->retired[i] = NULL;
        }
    }
}

void replica_meta_key(struct replica *replica, enum meta_kind kind)
{
    const struct key_meta key = {.shard_id = replica->options.shard_id,
                                 .kind = (uint8_t)kind};
    buffer_clear(&replica->key);
    key_append_meta(&replica->key, &key);
}

/* Into `value`; false when there is no such row. */
static enum status open_get_meta(struct replica *replica, enum meta_kind kind,
                                 bool *out_found)
{
    replica_meta_key(replica, kind);
    enum status status = store_get(replica->options.store, NULL,
                                   buffer_slice(&replica->key), &replica->value);
    *out_found = status == STATUS_OK;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

/* --- The state ------------------------------------------------------------------------- */

static enum status open_check_descriptor(struct replica *replica, uint64_t replica_id,
                                         struct problem *problem)
{
    const struct replica_options *options = &replica->options;
    struct meta_descriptor found;
    bool here;
    TRY(open_get_meta(replica, META_DESCRIPTOR, &here));
    if (!here) {
        return STATUS_OK;
    }
    TRY(meta_descriptor_decode(buffer_slice(&replica->value), &found));
    if (found.table != replica_table(options->kind) || found.replica_id != replica_id ||
        found.range.start != options->range.start ||
        found.range.end != options->range.end) {
        return problem_set(problem, STATUS_INVALID, "",
                           "shard %llu in this folder is another one: its table, range "
                           "or replica differs; was the number of shards changed?",
                           (unsigned long long)options->shard_id);
    }
    if (found.feature_level > replica_level_supported(replica)) {
        return STATUS_VERSION;
    }
    replica->feature_level = found.feature_level;
    replica->descriptor_written = true;
    return STATUS_OK;
}

/* The members that the state has; a folder from before there were members, and a new
 * shard, have those of the options. */
static enum status open_load_members(struct replica *replica)
{
    const struct replica_options *options = &replica->options;
    const struct raft_member self = {.replica_id = options->replica_id,
                                     .role = RAFT_VOTER};
    bool here;
    TRY(open_get_meta(replica, META_MEMBERS, &here));
    if (here) {
        return raft_members_decode(buffer_slice(&replica->value), &replica->members);
    }
    replica->members = (struct raft_members){0};
    if (options->members != NULL) {
        replica->members = *options->members;
    } else if (!options->joins && options->replaces_replica_id == 0) {
        TRY(raft_members_make(&replica->members, &self, 1));
    }
    replica->members_dirty = replica->members.count > 1;
    return STATUS_OK;
}

enum status replica_load(struct replica *replica, struct moment now)
{
    struct meta_applied applied = {0};
    struct problem unwanted;
    bool here;
    replica->feature_level = 1;
    replica->descriptor_written = false;
    replica->members_dirty = false;
    TRY(open_check_descriptor(replica, replica->options.replica_id, &unwanted));
    TRY(open_load_members(replica));
    TRY(open_get_meta(replica, META_APPLIED, &here));
    if (here) {
        TRY(meta_applied_decode(buffer_slice(&replica->value), &applied));
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

static enum status open_store_write(struct replica *replica, struct store_batch *batch)
{
    enum status status = store_write(replica->options.store, batch);
    for (unsigned i = 0; status == STATUS_OVERLOADED && i < REPLICA_REPLAY_STALLS_MAX;
         i++) {
        status = store_flush(replica->options.store);
        if (status == STATUS_OK) {
            status = store_write(replica->options.store, batch);
        }
    }
    return status;
}

/* --- What an earlier life left undone --------------------------------------------------- */

/* An install that was cut short is repeated. */
static enum status open_resume_install(struct replica *replica)
{
    struct store_batch batch;
    struct log_bounds bounds;
    enum status status =
        log_store_bounds(replica->options.log, replica->options.replica_id, &bounds);
    if (status == STATUS_NOT_FOUND || (status == STATUS_OK && !bounds.noted)) {
        return STATUS_OK;
    }
    TRY(status);
    TRY(log_store_note(replica->options.log, replica->options.replica_id,
                       &replica->payload));
    TRY(install_resume(&replica->install, buffer_slice(&replica->payload)));
    store_batch_init(&batch);
    install_collect_state(&replica->install, &batch);
    status = open_store_write(replica, &batch);
    store_batch_close(&batch);
    if (status == STATUS_OK) {
        bool loaded = install_state_written(&replica->install);
        ASSERT(loaded);
    }
    return status;
}

static void open_delete_rows(struct replica *replica, struct store_batch *batch)
{
    struct buffer start, end;
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_range(replica_table(replica->options.kind), replica->options.range, &start,
                     &end);
    store_batch_delete_range(batch, buffer_slice(&start), buffer_slice(&end));
    key_bounds_order(replica->options.shard_id, 0, 0, &start, &end);
    store_batch_delete_range(batch, buffer_slice(&start), buffer_slice(&end));
    buffer_close(&start);
    buffer_close(&end);
    for (int kind = META_DESCRIPTOR; kind <= META_INSTALL; kind++) {
        replica_meta_key(replica, (enum meta_kind)kind);
        store_batch_delete(batch, buffer_slice(&replica->key));
    }
}

/*
 * In the place of a dead replica: its rows go, all at once. Not when the others cannot do
 * without it: then an operator has to say which copy counts.
 */
static enum status open_replace(struct replica *replica, struct problem *problem)
{
    const struct replica_options *options = &replica->options;
    struct meta_descriptor found;
    struct store_batch batch;
    bool here;
    TRY(open_get_meta(replica, META_DESCRIPTOR, &here));
    if (here) {
        TRY(meta_descriptor_decode(buffer_slice(&replica->value), &found));
        if (found.replica_id == options->replica_id) {
            return STATUS_OK; /* done before */
        }
    }
    TRY(open_check_descriptor(replica, options->replaces_replica_id, problem));
    TRY(open_load_members(replica));
    if (replica->members.count == 0 ||
        options->healthy_voters < raft_members_quorum(&replica->members)) {
        return problem_set(problem, STATUS_INVALID, "",
                           "shard %llu is damaged here, and %u healthy voters of %u are "
                           "no quorum: it is not rebuilt by itself; run souk cluster "
                           "recover on the node whose copy counts",
                           (unsigned long long)options->shard_id, options->healthy_voters,
                           raft_members_voter_count(&replica->members));
    }
    store_batch_init(&batch);
    open_delete_rows(replica, &batch);
    replica->feature_level = 1;
    const struct meta_descriptor descriptor = {.shard_id = options->shard_id,
                                               .replica_id = options->replica_id,
                                               .table = replica_table(options->kind),
                                               .feature_level = 1,
                                               .range = options->range,
                                               .range_version = options->range_epoch};
    buffer_clear(&replica->value);
    meta_descriptor_encode(&replica->value, &descriptor);
    replica_meta_key(replica, META_DESCRIPTOR);
    store_batch_put(&batch, buffer_slice(&replica->key), buffer_slice(&replica->value));
    batch.flush = true;
    enum status status = open_store_write(replica, &batch);
    store_batch_close(&batch);
    return status;
}

/* What the log still has of the dead replica would hold its segments back for ever. */
static void open_note_dead(struct replica *replica)
{
    struct log_bounds bounds;
    uint64_t dead = replica->options.replaces_replica_id;
    if (dead != 0 && log_store_bounds(replica->options.log, dead, &bounds) == STATUS_OK) {
        replica->forget_replica_id = dead;
    }
}

/* --- The log --------------------------------------------------------------------------- */

struct open_walk {
    struct replica *replica;
    uint64_t next_index;
    uint64_t through_index; /* committed, for all that is known */
    enum status status;
};

static enum status open_write_state(struct replica *replica, struct moment now)
{
    struct store_batch batch;
    store_batch_init(&batch);
    uint64_t index = replica_collect_state(replica, &batch);
    enum status status = open_store_write(replica, &batch);
    store_batch_close(&batch);
    if (status == STATUS_OK) {
        replica_state_written(replica, now, index);
    }
    return status;
}

static bool open_alone(const struct replica *replica)
{
    return raft_members_voter_count(&replica->members) == 1 &&
           raft_members_is_voter(&replica->members, replica->options.replica_id);
}

static bool open_visit(void *context, const struct log_entry *entry)
{
    struct open_walk *walk = context;
    struct replica *replica = walk->replica;
    if (entry->index != walk->next_index) {
        walk->status = STATUS_CHECKSUM; /* a gap */
        return false;
    }
    walk->next_index++;
    if (entry->index <= walk->through_index) {
        walk->status = replica_apply_entry(replica, entry);
        if (walk->status == STATUS_OK &&
            replica_dirty_bytes(replica) > REPLICA_REPLAY_DIRTY_BYTES_MAX) {
            walk->status = open_write_state(replica, (struct moment){0});
        }
    } else {
        const struct raft_entry restored = {
            .index = entry->index, .term = entry->term, .payload = entry->payload};
        walk->status = raft_restore_entry(replica->raft, &restored);
    }
    return walk->status == STATUS_OK;
}

/* Reads the log from walk->next_index through `last`. */
static enum status open_read_log(struct open_walk *walk, uint64_t last)
{
    while (walk->next_index <= last) {
        const struct log_read read = {
            .replica_id = walk->replica->options.replica_id,
            .from_index = walk->next_index,
            .through_index = last,
            .max_bytes = REPLICA_REPLAY_BYTES,
        };
        uint64_t before = walk->next_index;
        enum status status =
            log_store_read(walk->replica->options.log, &read, open_visit, walk);
        if (status != STATUS_OK) {
            /* Entries above the state that are not there were acknowledged once. */
            return status == STATUS_NOT_FOUND ? STATUS_CHECKSUM : status;
        }
        TRY(walk->status);
        if (walk->next_index == before) {
            return STATUS_CHECKSUM;
        }
    }
    return STATUS_OK;
}

/* Is anything of the log above the state known to be committed? All of it where this
 * replica is the only voter, whatever the hint says; but then no entry may bring another. */
struct open_scan {
    const struct replica *replica;
    bool others;
};

static bool open_scan_visit(void *context, const struct log_entry *entry)
{
    struct open_scan *scan = context;
    struct raft_members members;
    if (raft_payload_kind(entry->payload) == RAFT_ENTRY_MEMBERS) {
        scan->others =
            raft_members_decode(entry->payload, &members) != STATUS_OK ||
            raft_members_voter_count(&members) != 1 ||
            !raft_members_is_voter(&members, scan->replica->options.replica_id);
    }
    return !scan->others;
}

static enum status open_committed(const struct replica *replica,
                                  const struct log_bounds *bounds, uint64_t *out_commit)
{
    struct open_scan scan = {.replica = replica, .others = !open_alone(replica)};
    uint64_t hint =
        bounds->commit < bounds->last_index ? bounds->commit : bounds->last_index;
    uint64_t next = replica->applied_index + 1;
    *out_commit = hint;
    /* A group that never changed has the version it was born with: nothing to look for. */
    if (scan.others || bounds->last_index < next) {
        return STATUS_OK;
    }
    const struct log_read read = {.replica_id = replica->options.replica_id,
                                  .from_index = next,
                                  .through_index = bounds->last_index,
                                  .max_bytes = SIZE_MAX};
    enum status status =
        log_store_read(replica->options.log, &read, open_scan_visit, &scan);
    TRY(status == STATUS_NOT_FOUND ? STATUS_CHECKSUM : status);
    *out_commit = scan.others ? hint : bounds->last_index;
    return STATUS_OK;
}

static enum status open_replay(struct replica *replica, const struct log_bounds *bounds,
                               uint64_t *out_commit)
{
    TRY(open_committed(replica, bounds, out_commit));
    struct open_walk walk = {.replica = replica,
                             .next_index = replica->applied_index + 1,
                             .through_index = *out_commit,
                             .status = STATUS_OK};
    return open_read_log(&walk, *out_commit);
}

/* --- The core -------------------------------------------------------------------------- */

/* The places of entries that the state covers, in runs of one term. */
static enum status open_restore_runs(struct replica *replica, uint64_t through)
{
    uint64_t next;
    while ((next = raft_restore_next(replica->raft)) != 0 && next <= through) {
        uint64_t term, other, last = through;
        TRY(log_store_term(replica->options.log, replica->options.replica_id, next,
                           &term));
        /* Terms ascend: the last entry of this one, by halves. */
        for (uint64_t low = next; low < last;) {
            uint64_t middle = low + (last - low + 1) / 2;
            TRY(log_store_term(replica->options.log, replica->options.replica_id, middle,
                               &other));
            if (other == term) {
                low = middle;
            } else {
                last = middle - 1;
            }
        }
        TRY(raft_restore_run(replica->raft, last, term));
    }
    return STATUS_OK;
}

static enum status open_core(struct replica *replica, const struct log_bounds *bounds,
                             uint64_t commit, struct moment now)
{
    const struct replica_options *options = &replica->options;
    struct raft_options core = {
        .group_id = options->shard_id,
        .replica_id = options->replica_id,
        .seed = options->seed ^ hash_mix(options->replica_id + now.monotonic_us),
        .state = {.term = bounds->term, .vote = bounds->vote, .commit = commit},
        .applied_index = replica->applied_index,
        .applied_term = replica->applied_term,
        .members = replica->members.count > 0 ? &replica->members : NULL,
        .log_first = bounds->first_index,
        .log_last = bounds->last_index,
        .log_first_term = bounds->first_term,
        .log_last_term = bounds->last_term,
    };
    if (commit < replica->applied_index) {
        core.state.commit = replica->applied_index;
    }
    if (core.state.term < replica->applied_term) {
        core.state.term = replica->applied_term; /* the log that knew it is gone */
        core.state.vote = 0;
    }
    raft_limits_init(&core.limits);
    if (options->raft_message_bytes != 0) {
        core.limits.message_bytes_max = options->raft_message_bytes;
    }
    replica->raft = raft_new(&core);
    replica->compacted = bounds->first_index - 1;
    replica_raft_note_members(replica);
    TRY(open_restore_runs(replica, replica->applied_index));
    uint64_t next = raft_restore_next(replica->raft);
    if (next == 0) {
        return STATUS_OK;
    }
    struct open_walk walk = {.replica = replica, .next_index = next, .status = STATUS_OK};
    return open_read_log(&walk, bounds->last_index);
}

static enum status open_bounds(struct replica *replica, struct log_bounds *bounds)
{
    *bounds = (struct log_bounds){.first_index = 1};
    enum status status =
        log_store_bounds(replica->options.log, replica->options.replica_id, bounds);
    if (status == STATUS_NOT_FOUND) {
        *bounds = (struct log_bounds){.first_index = 1};
    } else {
        TRY(status);
    }
    if (bounds->damaged) {
        return STATUS_CHECKSUM;
    }
    /* Who votes and has lost its votes must not vote again. */
    bool lost = bounds->term == 0 && replica->applied_index > 0;
    return lost && !open_alone(replica) && !install_freezes(&replica->install)
               ? STATUS_CHECKSUM
               : STATUS_OK;
}

enum status replica_start(struct replica *replica, struct moment now,
                          struct problem *problem)
{
    struct log_bounds bounds;
    uint64_t commit;
    if (replica->options.replaces_replica_id != 0) {
        TRY(open_replace(replica, problem));
    }
    TRY(open_check_descriptor(replica, replica->options.replica_id, problem));
    open_note_dead(replica);
    TRY(open_resume_install(replica));
    TRY(replica_load(replica, now));
    TRY(open_bounds(replica, &bounds));
    if (bounds.last_index > replica->applied_index &&
        bounds.first_index > replica->applied_index + 1) {
        return STATUS_CHECKSUM; /* a hole between state and log */
    }
    TRY(open_replay(replica, &bounds, &commit));
    log_time_observe(&replica->clock, replica->applied_log_ms, now);
    TRY(open_core(replica, &bounds, commit, now));
    replica->next_raft_tick_us = now.monotonic_us;
    replica->role = RAFT_FOLLOWER;
    replica->term = bounds.term;
    struct raft_event campaign = {.kind = RAFT_EVENT_CAMPAIGN};
    replica_raft_step(replica, now, &campaign, replica->lone ? 1 : 0);
    TRY(replica->failed);
    /* What the store had at opening has survived a restart already. */
    replica_raft_release(replica, now);
    return STATUS_OK;
}
