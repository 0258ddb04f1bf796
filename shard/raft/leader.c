/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a leader does (paper, figure 2, "Leaders"; check-quorum: thesis 6.2; transfer:
 * 3.10). Its appends travel while its own disk writes: it counts itself like a follower,
 * by what is durable.
 */
#include <inttypes.h>

#include "shard/raft/raft_private.h"

void raft_leader_begin(struct raft *raft)
{
    raft_set_role(raft, RAFT_LEADER);
    raft_set_leader(raft, raft->replica_id);
    raft->election_elapsed = 0;
    raft->heartbeat_elapsed = 0;
    raft->requests_due = false;
    raft->transfer_target = 0;
    raft->round = 0;
    raft->progress_count = 0;
    raft_progress_sync(raft);
    raft->term_start = raft->log.last_index + 1;
    RAFT_TRACE(raft, "leads; its term begins at %" PRIu64, raft->term_start);
    /* "Upon election": without an entry of its own, nothing older can be committed. The
     * very first one tells the initial members, so that a log read from its start does. */
    buffer_clear(&raft->scratch);
    if (raft->log.last_index == 0) {
        raft_members_encode(raft_newest(raft), &raft->scratch);
    }
    raft_append(raft, raft->term, buffer_slice(&raft->scratch));
}

/* --- Time ----------------------------------------------------------------------------- */

/* A leader cut off from the quorum must not go on looking like one. */
static void leader_check_quorum(struct raft *raft)
{
    const struct raft_members *members = raft_newest(raft);
    uint32_t active = raft_members_is_voter(members, raft->replica_id);
    raft->election_elapsed = 0;
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        active += raft->progress[i].voter && raft->progress[i].active;
        raft->progress[i].active = false;
    }
    if (active < raft_members_quorum(members)) {
        RAFT_TRACE(raft, "hears from %u voters only and steps down", active);
        raft->counters.quorum_lost++;
        raft_become_follower(raft, raft->term, 0);
    }
}

static void leader_tick_snapshots(struct raft *raft)
{
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        struct raft_progress *progress = &raft->progress[i];
        if (progress->state == RAFT_SNAPSHOT_NEEDED &&
            ++progress->snapshot_elapsed >= raft->limits.snapshot_ticks) {
            raft_snapshot_want(raft, progress);
        }
    }
}

void raft_leader_tick(struct raft *raft)
{
    if (raft->transfer_target != 0 &&
        ++raft->transfer_elapsed >= raft->limits.election_ticks) {
        RAFT_TRACE(raft, "gives up handing over to %" PRIu64, raft->transfer_target);
        raft->transfer_target = 0;
    }
    leader_tick_snapshots(raft);
    if (++raft->heartbeat_elapsed >= raft->limits.heartbeat_ticks) {
        raft->heartbeat_elapsed = 0;
        raft->heartbeat_due = true;
    }
    if (++raft->election_elapsed >= raft->limits.election_ticks) {
        leader_check_quorum(raft);
    }
}

/* --- Asked ---------------------------------------------------------------------------- */

enum status raft_leader_propose(struct raft *raft, const struct raft_propose *propose,
                                uint64_t *out_index)
{
    if (raft->role != RAFT_LEADER || raft->transfer_target != 0) {
        return STATUS_NOT_LEADER;
    }
    if (!raft_has_room(raft)) {
        return STATUS_OVERLOADED;
    }
    for (uint32_t i = 0; i < propose->count; i++) {
        if (raft_payload_kind(propose->payloads[i]) != RAFT_ENTRY_COMMAND) {
            return STATUS_INVALID;
        }
        if (propose->payloads[i].size > RAFT_PAYLOAD_BYTES_MAX) {
            return STATUS_TOO_LARGE;
        }
    }
    *out_index = raft->log.last_index + 1;
    for (uint32_t i = 0; i < propose->count; i++) {
        raft_append(raft, raft->term, propose->payloads[i]);
    }
    return STATUS_OK;
}

static struct raft_progress *leader_heir(struct raft *raft)
{
    struct raft_progress *best = NULL;
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        struct raft_progress *progress = &raft->progress[i];
        if (progress->voter && progress->active &&
            (best == NULL || progress->match > best->match)) {
            best = progress;
        }
    }
    return best;
}

void raft_leader_transfer_go(struct raft *raft, struct raft_progress *progress)
{
    if (raft->transfer_target == progress->replica_id &&
        progress->match == raft->log.last_index) {
        RAFT_TRACE(raft, "tells %" PRIu64 " to take over", progress->replica_id);
        raft_send(raft, RAFT_TIMEOUT_NOW, progress->replica_id);
    }
}

enum status raft_leader_transfer(struct raft *raft, uint64_t replica_id)
{
    if (raft->role != RAFT_LEADER) {
        return STATUS_NOT_LEADER;
    }
    if (replica_id == raft->replica_id) {
        return STATUS_OK;
    }
    if (raft->transfer_target != 0) {
        return STATUS_SHARD_MOVING;
    }
    struct raft_progress *progress =
        replica_id == 0 ? leader_heir(raft) : raft_progress_find(raft, replica_id);
    if (progress == NULL || !progress->voter) {
        return STATUS_NOT_FOUND;
    }
    raft->transfer_target = progress->replica_id;
    raft->transfer_elapsed = 0;
    RAFT_TRACE(raft, "hands over to %" PRIu64, progress->replica_id);
    raft_leader_transfer_go(raft, progress);
    return STATUS_OK;
}

/* --- Counting ------------------------------------------------------------------------- */

/* The greatest index that a quorum of voters has on disk. */
static uint64_t leader_quorum_match(const struct raft *raft)
{
    uint64_t match[RAFT_MEMBERS_MAX];
    uint32_t count = 0, quorum = raft_members_quorum(raft_newest(raft));
    if (raft_members_is_voter(raft_newest(raft), raft->replica_id)) {
        match[count++] =
            MUTANT(raft_leader_counts_early) ? raft->log.last_index : raft->durable_index;
    }
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        if (raft->progress[i].voter || MUTANT(raft_non_voter_counted)) {
            match[count++] = raft->progress[i].match;
        }
    }
    for (uint32_t i = 1; i < count; i++) { /* descending */
        uint64_t value = match[i];
        uint32_t at = i;
        for (; at > 0 && match[at - 1] < value; at--) {
            match[at] = match[at - 1];
        }
        match[at] = value;
    }
    return quorum <= count ? match[quorum - 1] : 0;
}

/* A leader that the committed members no longer count among the voters is done. */
static void leader_retire(struct raft *raft)
{
    if (raft_config_pending(raft) ||
        raft_members_is_voter(raft_newest(raft), raft->replica_id)) {
        return;
    }
    RAFT_TRACE(raft, "is a voter no more and steps down");
    const struct raft_progress *heir = leader_heir(raft);
    if (heir != NULL) {
        raft_send(raft, RAFT_TIMEOUT_NOW, heir->replica_id); /* no need to wait */
    }
    raft_become_follower(raft, raft->term, 0);
}

/* Paper, 5.4.2 and figure 8: only entries of the own term are committed by counting;
 * older ones are with them. */
void raft_leader_count(struct raft *raft)
{
    if (raft->role != RAFT_LEADER) {
        return;
    }
    uint64_t match = leader_quorum_match(raft);
    if (match <= raft->commit ||
        (match < raft->term_start && !MUTANT(raft_older_term_counted))) {
        return;
    }
    raft_commit_to(raft, match);
    raft_read_begin(raft);
    leader_retire(raft);
}

/* --- Replies -------------------------------------------------------------------------- */

static struct raft_progress *leader_reply_of(struct raft *raft,
                                             const struct raft_message *message)
{
    if (raft->role != RAFT_LEADER) {
        raft->counters.old_term++;
        return NULL;
    }
    struct raft_progress *progress = raft_progress_find(raft, message->from);
    if (progress == NULL) {
        raft->counters.stranger++;
        return NULL;
    }
    bool rejected = message->flags & RAFT_FLAG_REJECTED;
    if (!rejected && message->index > raft->log.last_index) {
        raft->counters.impossible++; /* acknowledges what was never sent */
        return NULL;
    }
    raft_progress_heard(raft, progress, message);
    return progress;
}

static void leader_acked(struct raft *raft, struct raft_progress *progress,
                         const struct raft_message *message)
{
    uint64_t before = progress->match;
    raft_progress_ack(raft, progress, message->index, message->hint_index);
    if (progress->match > before) {
        raft_leader_transfer_go(raft, progress);
        raft_leader_count(raft);
    }
}

void raft_leader_append_reply(struct raft *raft, const struct raft_message *message)
{
    struct raft_progress *progress = leader_reply_of(raft, message);
    if (progress == NULL) {
        return;
    }
    if (message->flags & RAFT_FLAG_REJECTED) {
        raft_progress_reject(raft, progress, message);
    } else {
        leader_acked(raft, progress, message);
    }
    raft_read_count(raft);
}

/*
 * Appends were lost when the follower has not got them by the second heartbeat after
 * they left. One that has them and waits for its disk is let be.
 */
static void leader_look_for_loss(struct raft *raft, struct raft_progress *progress,
                                 uint64_t hint)
{
    if (progress->state == RAFT_REPLICATE && hint == progress->stall_hint &&
        hint + 1 < progress->stall_next) {
        progress->next = (hint > progress->match ? hint : progress->match) + 1;
        raft_progress_move(raft, progress, RAFT_PROBE);
        return;
    }
    progress->stall_hint = hint;
    progress->stall_next = progress->next;
}

void raft_leader_heartbeat_reply(struct raft *raft, const struct raft_message *message)
{
    struct raft_progress *progress = leader_reply_of(raft, message);
    if (progress == NULL) {
        return;
    }
    progress->paused = false;
    if (message->hint_index <= raft->log.last_index) {
        leader_look_for_loss(raft, progress, message->hint_index);
    }
    if (message->index > progress->match) {
        leader_acked(raft, progress, message);
    }
    raft_read_count(raft);
}

/* --- Out ------------------------------------------------------------------------------ */

void raft_leader_flush(struct raft *raft)
{
    if (raft->role != RAFT_LEADER) {
        return;
    }
    raft_read_begin(raft);
    if (!raft_term_durable(raft)) {
        return;
    }
    for (uint32_t i = 0; i < raft->progress_count; i++) {
        struct raft_progress *progress = &raft->progress[i];
        if (raft->heartbeat_due) {
            struct raft_message *message =
                raft_send(raft, RAFT_HEARTBEAT, progress->replica_id);
            message->commit = raft->commit;
            message->round = raft->round;
        }
        raft_progress_send(raft, progress);
    }
    raft->heartbeat_due = false;
}
