/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opening, the step, and what leaves it. Roles:
 *
 *              timeout            pre-votes             votes
 *     FOLLOWER -----> PRE_CANDIDATE -----> CANDIDATE -----> LEADER
 *        ^  |               |                 |  ^            |
 *        |  +---------------|-----------------|--+            |
 *        |   told to take over, or alone      |               |
 *        +------------------+-----------------+---------------+
 *            a leader or a later term, no quorum, removed
 *
 * A timeout leads from CANDIDATE and PRE_CANDIDATE to PRE_CANDIDATE again.
 */
#include "shard/raft/raft.h"

#include <inttypes.h>
#include <stdlib.h>

#include "shard/raft/raft_private.h"

static const bool role_moves[RAFT_ROLE_COUNT][RAFT_ROLE_COUNT] = {
    [RAFT_FOLLOWER] =
        {[RAFT_FOLLOWER] = true, [RAFT_PRE_CANDIDATE] = true, [RAFT_CANDIDATE] = true},
    [RAFT_PRE_CANDIDATE] =
        {[RAFT_FOLLOWER] = true, [RAFT_PRE_CANDIDATE] = true, [RAFT_CANDIDATE] = true},
    [RAFT_CANDIDATE] = {[RAFT_FOLLOWER] = true,
                        [RAFT_PRE_CANDIDATE] = true,
                        [RAFT_CANDIDATE] = true,
                        [RAFT_LEADER] = true},
    [RAFT_LEADER] = {[RAFT_FOLLOWER] = true},
};

void raft_limits_init(struct raft_limits *limits)
{
    *limits = (struct raft_limits){
        .election_ticks = 10,
        .heartbeat_ticks = 1,
        .snapshot_ticks = 100,
        .in_flight_messages = RAFT_IN_FLIGHT_MESSAGES_MAX,
        .in_flight_bytes = 1 << 20,
        .message_bytes_max = 255 << 10,
        .fetch_bytes_max = 1 << 20,
        .tail_bytes = 64 << 10,
        .unapplied_bytes_max = 32 << 20,
        .unapplied_entries_max = 16384,
        .promote_lag_max = 1024,
        .commit_hint_entries = 256,
    };
}

/* --- Opening -------------------------------------------------------------------------- */

/* Where the log goes on: as it is, or anew behind the state when it does not reach it. */
static void open_log(struct raft *raft, const struct raft_options *options)
{
    bool empty = options->log_last == 0 && options->applied_index == 0;
    bool other_life = options->log_first == options->applied_index + 1 &&
                      options->log_first_term != 0 && options->applied_term != 0 &&
                      options->log_first_term != options->applied_term;
    if (!empty && (options->log_last < options->applied_index || other_life)) {
        raft_log_init(&raft->log, options->applied_index, options->applied_term);
        raft->reset_pending = true;
        raft->write_from = options->applied_index + 1;
    } else {
        ASSERT(options->log_first >= 1 && options->log_first <= options->log_last + 1 &&
               options->log_first <= options->applied_index + 1);
        uint64_t base = options->log_first - 1;
        uint64_t term = options->log_first_term;
        if (base == options->log_last && options->log_last_term != 0) {
            term = options->log_last_term;
        }
        if (base == options->applied_index && term == 0) {
            term = options->applied_term;
        }
        raft_log_init(&raft->log, base, term);
        raft->restore_last = options->log_last > base ? options->log_last : 0;
        raft->write_from = options->log_last + 1;
    }
    raft->durable_index = raft->log.last_index;
}

struct raft *raft_new(const struct raft_options *options)
{
    static const struct raft_members unknown;
    struct raft *raft = memory_zalloc(sizeof *raft);
    ASSERT(options->group_id != 0 && options->replica_id != 0);
    ASSERT(options->limits.in_flight_messages > 0 &&
           options->limits.in_flight_messages <= RAFT_IN_FLIGHT_MESSAGES_MAX);
    ASSERT(options->limits.election_ticks > options->limits.heartbeat_ticks &&
           options->limits.heartbeat_ticks > 0);
    raft->group_id = options->group_id;
    raft->replica_id = options->replica_id;
    raft->limits = options->limits;
    rng_init(&raft->rng, options->seed);
    raft->term = raft->durable_term = options->state.term;
    raft->vote = raft->durable_vote = options->state.vote;
    raft->applied = raft->apply_told = options->applied_index;
    raft->applied_term = options->applied_term;
    raft->commit = options->applied_index;
    open_log(raft, options);
    uint64_t hint = options->state.commit;
    uint64_t last = raft->restore_last ? raft->restore_last : raft->log.last_index;
    if (hint > raft->commit) {
        raft->commit = hint < last ? hint : last;
    }
    raft->written_commit = options->state.commit;
    raft_config_push(raft, options->applied_index,
                     options->members != NULL ? options->members : &unknown);
    raft->ack_match = raft->commit;
    raft->changed = 0;
    buffer_init(&raft->manifest);
    buffer_init(&raft->scratch);
    raft_restart_timer(raft);
    if (options->trace != NULL) {
        raft->trace = *options->trace;
    }
    return raft;
}

void raft_free(struct raft *raft)
{
    if (raft == NULL) {
        return;
    }
    raft_log_close(&raft->log);
    buffer_close(&raft->manifest);
    buffer_close(&raft->scratch);
    free(raft->configs);
    free(raft->read_contexts);
    free(raft->messages);
    free(raft->message_entries);
    free(raft->entries);
    free(raft->reads);
    free(raft);
}

uint64_t raft_restore_next(const struct raft *raft)
{
    return raft->restore_last == 0 ? 0 : raft->log.last_index + 1;
}

static void restored(struct raft *raft)
{
    raft->durable_index = raft->log.last_index;
    if (raft->log.last_index == raft->restore_last) {
        raft->restore_last = 0;
    }
}

/* The state knows the term of its index; a log that says otherwise is of another life,
 * from before a snapshot: it begins anew behind the state. */
static bool restore_contradicts(struct raft *raft, uint64_t first, uint64_t last,
                                uint64_t term)
{
    const struct raft_config *config = &raft->configs[0];
    return config->index >= first && config->index <= last && raft->applied_term != 0 &&
           term != raft->applied_term;
}

static void restore_anew(struct raft *raft)
{
    raft_log_reset(&raft->log, raft->applied, raft->applied_term);
    raft->commit = raft->applied;
    raft->ack_match = raft->applied;
    raft->durable_index = raft->applied;
    raft->write_from = raft->applied + 1;
    raft->reset_pending = true;
    raft->restore_last = 0;
}

enum status raft_restore_run(struct raft *raft, uint64_t last, uint64_t term)
{
    uint64_t next = raft_restore_next(raft);
    if (next == 0 || last < next || last > raft->applied || last > raft->restore_last ||
        term == 0 || term < raft_log_last_term(&raft->log) || term > raft->term) {
        return STATUS_CHECKSUM;
    }
    if (restore_contradicts(raft, next, last, term)) {
        restore_anew(raft);
        return STATUS_OK;
    }
    raft_log_append_run(&raft->log, last, term);
    restored(raft);
    return STATUS_OK;
}

enum status raft_restore_entry(struct raft *raft, const struct raft_entry *entry)
{
    uint64_t next = raft_restore_next(raft);
    struct raft_members members;
    if (next == 0 || entry->index != next || entry->term == 0 ||
        entry->term < raft_log_last_term(&raft->log) || entry->term > raft->term ||
        entry->payload.size > RAFT_PAYLOAD_BYTES_MAX) {
        return STATUS_CHECKSUM;
    }
    if (next <= raft->applied) {
        return raft_restore_run(raft, next, entry->term);
    }
    bool is_members = raft_payload_kind(entry->payload) == RAFT_ENTRY_MEMBERS;
    if (is_members) {
        TRY(raft_members_decode(entry->payload, &members));
    }
    raft_log_append(&raft->log, entry->term, entry->payload);
    if (is_members) {
        raft_config_push(raft, next, &members);
    }
    while (raft_log_bytes_from(&raft->log, raft->log.memory_first) >
           raft->limits.unapplied_bytes_max) {
        raft_log_release(&raft->log, raft->log.memory_first + 1);
    }
    restored(raft);
    return STATUS_OK;
}

/* --- Changes of state ----------------------------------------------------------------- */

void raft_set_role(struct raft *raft, enum raft_role role)
{
    ASSERT(role_moves[raft->role][role]);
    if (raft->role != role) {
        raft->role = role;
        raft->changed |= RAFT_CHANGED_ROLE;
    }
}

void raft_set_leader(struct raft *raft, uint64_t leader_id)
{
    if (raft->leader_id != leader_id) {
        raft->leader_id = leader_id;
        raft->changed |= RAFT_CHANGED_LEADER;
    }
}

void raft_set_term(struct raft *raft, uint64_t term, uint64_t vote)
{
    if (raft->term != term) {
        raft->changed |= RAFT_CHANGED_TERM;
        raft->vote_reply_to = 0;
    }
    raft->term = term;
    raft->vote = vote;
    raft->state_dirty = true;
}

void raft_restart_timer(struct raft *raft)
{
    raft->election_elapsed = 0;
    raft->election_timeout = raft->limits.election_ticks +
                             (uint32_t)rng_below(&raft->rng, raft->limits.election_ticks);
}

bool raft_term_durable(const struct raft *raft)
{
    return raft->durable_term == raft->term;
}

/* Everything that waited to be said as the follower, candidate or leader of before is
 * dropped here; see vote.c for why acknowledgements must be. */
void raft_become_follower(struct raft *raft, uint64_t term, uint64_t leader_id)
{
    ASSERT(term >= raft->term);
    if (term > raft->term) {
        raft_set_term(raft, term, 0);
    }
    if (raft->role != RAFT_FOLLOWER || (raft->changed & RAFT_CHANGED_TERM)) {
        RAFT_TRACE(raft, "follows %" PRIu64, leader_id);
    }
    raft_read_refuse_all(raft);
    raft_set_role(raft, RAFT_FOLLOWER);
    raft_set_leader(raft, leader_id);
    raft_restart_timer(raft);
    raft->requests_due = false;
    raft->heartbeat_due = false;
    raft->transfer_target = 0;
    raft->progress_count = 0;
    raft->ack_match = raft->log.last_index;
    if (raft->commit < raft->ack_match && !MUTANT(raft_ack_phantom)) {
        raft->ack_match = raft->commit;
    }
    raft->ack_sent = 0;
    raft->ack_due = false;
    raft->heartbeat_reply_due = false;
    raft->reject_due = false;
    raft->seen_round = 0;
}

void raft_append(struct raft *raft, uint64_t term, struct slice payload)
{
    struct raft_members members;
    raft_log_append(&raft->log, term, payload);
    uint64_t index = raft->log.last_index;
    if (raft->write_from > index) {
        raft->write_from = index;
    }
    if (raft_payload_kind(payload) != RAFT_ENTRY_MEMBERS) {
        return;
    }
    ASSERT(raft_members_decode(payload, &members) == STATUS_OK); /* checked before */
    raft_config_push(raft, index, &members);
    if (raft->role == RAFT_LEADER) {
        raft_progress_sync(raft);
    }
}

void raft_truncate(struct raft *raft, uint64_t from)
{
    ASSERT(from > raft->commit);
    RAFT_TRACE(raft, "drops entries from %" PRIu64 " to %" PRIu64, from,
               raft->log.last_index);
    raft_log_truncate(&raft->log, from);
    raft_config_truncate(raft, from);
    if (raft->dropped_from == 0 || from < raft->dropped_from) {
        raft->dropped_from = from;
    }
    if (raft->write_from > from) {
        raft->write_from = from;
    }
    if (raft->durable_index >= from) {
        raft->durable_index = from - 1;
    }
    if (raft->ack_match >= from) {
        raft->ack_match = from - 1;
    }
    for (uint64_t i = raft->written_sequence + 1; i <= raft->write_sequence; i++) {
        struct raft_pending_write *write = &raft->writes[i % RAFT_WRITES_IN_FLIGHT_MAX];
        if (write->last_index >= from) {
            write->last_index = from - 1;
        }
    }
}

void raft_commit_to(struct raft *raft, uint64_t index)
{
    if (index > raft->commit) {
        ASSERT(index <= raft->log.last_index);
        raft->commit = index;
        raft->changed |= RAFT_CHANGED_COMMIT;
        RAFT_TRACE(raft, "commits %" PRIu64, index);
    }
}

bool raft_has_room(const struct raft *raft)
{
    return raft->write_sequence - raft->written_sequence < RAFT_WRITES_IN_FLIGHT_MAX &&
           raft->log.last_index - raft->applied < raft->limits.unapplied_entries_max &&
           raft_log_bytes_from(&raft->log, raft->applied + 1) <
               raft->limits.unapplied_bytes_max;
}

/* --- Events of the own disk ----------------------------------------------------------- */

static void step_written(struct raft *raft, uint64_t sequence)
{
    ASSERT(sequence <= raft->write_sequence);
    bool installed = false;
    while (raft->written_sequence < sequence) {
        const struct raft_pending_write *write =
            &raft->writes[++raft->written_sequence % RAFT_WRITES_IN_FLIGHT_MAX];
        raft->durable_index = write->last_index;
        raft->durable_term = write->term;
        raft->durable_vote = write->vote;
        installed = installed || write->ends_install;
    }
    if (installed) {
        raft->installing = raft->install_ending = false;
        raft_become_follower(raft, raft->term, raft->leader_id);
        RAFT_TRACE(raft, "is heard again");
    }
    raft_vote_written(raft);
    raft_leader_count(raft);
}

/* Applied and durable entries stay in memory only for followers a little behind. */
static void step_applied(struct raft *raft, uint64_t index)
{
    ASSERT(index <= raft->apply_told);
    if (index <= raft->applied) {
        return;
    }
    raft->applied = index;
    raft_config_applied(raft);
    uint64_t end = index < raft->durable_index ? index : raft->durable_index;
    uint64_t first = raft->log.memory_first;
    uint64_t total = raft_log_bytes_from(&raft->log, first);
    while (first <= end && total > raft->limits.tail_bytes) {
        first++;
        total = raft_log_bytes_from(&raft->log, first);
    }
    if (first != raft->log.memory_first) {
        raft_log_release(&raft->log, first);
    }
}

static void step_unreachable(struct raft *raft, uint64_t replica_id)
{
    struct raft_progress *progress =
        raft->role == RAFT_LEADER ? raft_progress_find(raft, replica_id) : NULL;
    if (progress != NULL && progress->state == RAFT_REPLICATE) {
        progress->next = progress->match + 1;
        raft_progress_move(raft, progress, RAFT_PROBE);
        progress->paused = true; /* until it is heard from */
    }
}

static void step_tick(struct raft *raft)
{
    if (raft->installing) {
        return;
    }
    if (raft->role == RAFT_LEADER) {
        raft_leader_tick(raft);
    } else {
        raft_vote_tick(raft);
    }
}

/* --- The step ------------------------------------------------------------------------- */

static enum status step_ask(struct raft *raft, struct raft_event *event)
{
    event->index = 0;
    if (raft->installing) {
        return STATUS_NOT_LEADER;
    }
    if (event->kind == RAFT_EVENT_PROPOSE) {
        return raft_leader_propose(raft, &event->propose, &event->index);
    }
    if (event->kind == RAFT_EVENT_CHANGE_MEMBERS) {
        return raft_config_change(raft, &event->change_members.change, &event->index);
    }
    if (event->kind == RAFT_EVENT_TRANSFER) {
        return raft_leader_transfer(raft, event->transfer.replica_id);
    }
    return raft_read_add(raft, event->read.context);
}

static void step_tick_event(struct raft *raft, struct raft_event *event)
{
    (void)event;
    step_tick(raft);
}

static void step_message(struct raft *raft, struct raft_event *event)
{
    raft_receive(raft, event->message);
}

static void step_asked(struct raft *raft, struct raft_event *event)
{
    event->status = step_ask(raft, event);
    raft->counters.proposals_refused +=
        event->kind == RAFT_EVENT_PROPOSE && event->status != STATUS_OK;
}

static void step_campaign(struct raft *raft, struct raft_event *event)
{
    (void)event;
    if (raft->role == RAFT_FOLLOWER || raft->role == RAFT_PRE_CANDIDATE) {
        raft_vote_campaign(raft, false);
    }
}

static void step_written_event(struct raft *raft, struct raft_event *event)
{
    step_written(raft, event->written_sequence);
}

static void step_applied_event(struct raft *raft, struct raft_event *event)
{
    step_applied(raft, event->through_index);
}

static void step_fetched(struct raft *raft, struct raft_event *event)
{
    raft_progress_fetched(raft, &event->fetched);
}

static void step_compacted(struct raft *raft, struct raft_event *event)
{
    uint64_t index = event->through_index;
    raft_log_compact(&raft->log, index < raft->applied ? index : raft->applied);
}

static void step_snapshot_ready(struct raft *raft, struct raft_event *event)
{
    raft_snapshot_ready(raft, &event->snapshot_ready);
}

static void step_snapshot_ended(struct raft *raft, struct raft_event *event)
{
    raft_snapshot_ended(raft, event->replica_id, event->kind == RAFT_EVENT_SNAPSHOT_SENT);
}

static void step_install_begun(struct raft *raft, struct raft_event *event)
{
    (void)event;
    raft_snapshot_begun(raft);
}

static void step_install_done(struct raft *raft, struct raft_event *event)
{
    raft_snapshot_done(raft, &event->installed);
}

static void step_install_failed(struct raft *raft, struct raft_event *event)
{
    (void)event;
    raft_snapshot_failed(raft);
}

static void step_unreachable_event(struct raft *raft, struct raft_event *event)
{
    step_unreachable(raft, event->replica_id);
}

typedef void step_handler(struct raft *raft, struct raft_event *event);

static step_handler *const step_handlers[RAFT_EVENT_KIND_COUNT] = {
    [RAFT_EVENT_TICK] = step_tick_event,
    [RAFT_EVENT_MESSAGE] = step_message,
    [RAFT_EVENT_PROPOSE] = step_asked,
    [RAFT_EVENT_CHANGE_MEMBERS] = step_asked,
    [RAFT_EVENT_TRANSFER] = step_asked,
    [RAFT_EVENT_READ] = step_asked,
    [RAFT_EVENT_CAMPAIGN] = step_campaign,
    [RAFT_EVENT_WRITTEN] = step_written_event,
    [RAFT_EVENT_APPLIED] = step_applied_event,
    [RAFT_EVENT_FETCHED] = step_fetched,
    [RAFT_EVENT_COMPACTED] = step_compacted,
    [RAFT_EVENT_SNAPSHOT_READY] = step_snapshot_ready,
    [RAFT_EVENT_SNAPSHOT_SENT] = step_snapshot_ended,
    [RAFT_EVENT_SNAPSHOT_LOST] = step_snapshot_ended,
    [RAFT_EVENT_INSTALL_BEGUN] = step_install_begun,
    [RAFT_EVENT_INSTALL_DONE] = step_install_done,
    [RAFT_EVENT_INSTALL_FAILED] = step_install_failed,
    [RAFT_EVENT_UNREACHABLE] = step_unreachable_event,
};

/* --- What leaves ---------------------------------------------------------------------- */

struct raft_message *raft_send(struct raft *raft, enum raft_message_kind kind,
                               uint64_t to)
{
    memory_reserve((void **)&raft->messages, &raft->message_capacity,
                   raft->message_count + 1, sizeof *raft->messages);
    memory_reserve((void **)&raft->message_entries, &raft->message_entries_capacity,
                   raft->message_count + 1, sizeof *raft->message_entries);
    raft->message_entries[raft->message_count] = SIZE_MAX;
    struct raft_message *message = &raft->messages[raft->message_count++];
    *message = (struct raft_message){.kind = kind,
                                     .group_id = raft->group_id,
                                     .from = raft->replica_id,
                                     .to = to,
                                     .term = raft->term,
                                     .members_version = raft_newest(raft)->version};
    return message;
}

/* Hands out what is not on its way to the disk yet, unless too many writes are. */
static void flush_write(struct raft *raft, struct raft_write *write)
{
    uint64_t last = raft->log.last_index;
    bool entries = raft->write_from <= last;
    *write = (struct raft_write){.first_index = 1};
    if ((!entries && !raft->state_dirty &&
         !(raft->reset_pending && raft->install_ending)) ||
        raft->write_sequence - raft->written_sequence >= RAFT_WRITES_IN_FLIGHT_MAX) {
        return;
    }
    write->sequence = ++raft->write_sequence;
    write->has_state =
        raft->state_dirty || raft->reset_pending ||
        raft->commit >= raft->written_commit + raft->limits.commit_hint_entries;
    if (write->has_state) {
        write->state = (struct raft_hard_state){
            .term = raft->term, .vote = raft->vote, .commit = raft->commit};
        raft->written_commit = raft->commit;
    }
    write->has_reset = raft->reset_pending;
    if (write->has_reset) {
        write->reset_index = raft->log.base_index;
        write->reset_term = raft->log.base_term;
    }
    if (entries) {
        write->first_index = raft->write_from;
        write->last_index = last;
    }
    raft->writes[raft->write_sequence % RAFT_WRITES_IN_FLIGHT_MAX] =
        (struct raft_pending_write){.last_index = last,
                                    .term = raft->term,
                                    .vote = raft->vote,
                                    .ends_install = raft->install_ending};
    raft->write_from = last + 1;
    raft->state_dirty = false;
    raft->reset_pending = false;
}

static void flush_apply(struct raft *raft, struct raft_update *update)
{
    uint64_t ready =
        raft->commit < raft->durable_index ? raft->commit : raft->durable_index;
    update->apply_first = raft->apply_told + 1;
    update->apply_last = raft->apply_told;
    if (ready > raft->apply_told && !raft->installing) {
        update->apply_last = ready;
        raft->apply_told = ready;
    }
}

static void flush(struct raft *raft, struct raft_update *update)
{
    raft_leader_flush(raft);
    raft_follower_flush(raft);
    raft_vote_flush(raft);
    flush_write(raft, &update->write);
    flush_apply(raft, update);
    for (size_t i = 0; i < raft->message_count; i++) {
        if (raft->message_entries[i] != SIZE_MAX) {
            raft->messages[i].entries = &raft->entries[raft->message_entries[i]];
        }
    }
    update->messages = raft->messages;
    update->message_count = raft->message_count;
    update->reads = raft->reads;
    update->read_count = raft->reads_done;
    update->dropped_from = raft->dropped_from;
    update->fetches = raft->fetches;
    update->fetch_count = raft->fetch_count;
    update->snapshots_wanted = raft->snapshots;
    update->snapshot_count = raft->snapshot_count;
    update->install = raft->install_told ? &raft->install : NULL;
    update->changed = raft->changed;
}

void raft_step(struct raft *raft, struct moment now, struct raft_event *events,
               size_t event_count, struct raft_update *out_update)
{
    ASSERT(raft->restore_last == 0);
    raft->now = now;
    raft->message_count = 0;
    raft->entry_count = 0;
    raft->reads_done = 0;
    raft->fetch_count = 0;
    raft->snapshot_count = 0;
    raft->dropped_from = 0;
    raft->changed = 0;
    raft->install_told = false;
    raft_vote_alone(raft);
    raft->begun = true;
    for (size_t i = 0; i < event_count; i++) {
        ASSERT((unsigned)events[i].kind < RAFT_EVENT_KIND_COUNT);
        step_handlers[events[i].kind](raft, &events[i]);
    }
    flush(raft, out_update);
}
