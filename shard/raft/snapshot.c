/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Snapshots (paper, section 7). Only the manifest travels as a message; the data goes
 * beside it, between the hosts. The receiver's life with one:
 *
 *     offered -> INSTALL_BEGUN -> (mute) -> INSTALL_DONE -> its write -> WRITTEN -> heard
 *                       |
 *                       +-- INSTALL_FAILED -> heard
 */
#include <inttypes.h>

#include "shard/raft/raft_private.h"

/* --- The sender ----------------------------------------------------------------------- */

void raft_snapshot_want(struct raft *raft, struct raft_progress *progress)
{
    if (progress->state != RAFT_SNAPSHOT_NEEDED) {
        raft_progress_move(raft, progress, RAFT_SNAPSHOT_NEEDED);
    }
    progress->snapshot_elapsed = 0;
    for (size_t i = 0; i < raft->snapshot_count; i++) {
        if (raft->snapshots[i] == progress->replica_id) {
            return;
        }
    }
    raft->snapshots[raft->snapshot_count++] = progress->replica_id;
}

void raft_snapshot_ready(struct raft *raft, const struct raft_snapshot_ready *ready)
{
    struct raft_progress *progress =
        raft->role == RAFT_LEADER ? raft_progress_find(raft, ready->replica_id) : NULL;
    if (progress == NULL || progress->state != RAFT_SNAPSHOT_NEEDED ||
        ready->index > raft->commit || ready->members->version == 0) {
        return;
    }
    progress->snapshot_index = ready->index;
    progress->snapshot_elapsed = 0;
    struct raft_message *message = raft_send(raft, RAFT_SNAPSHOT, ready->replica_id);
    message->index = ready->index;
    message->log_term = ready->term;
    message->members = ready->members;
    message->manifest = ready->manifest;
    RAFT_TRACE(raft, "offers %" PRIu64 " a snapshot of (%" PRIu64 ", t%" PRIu64 ")",
               ready->replica_id, ready->index, ready->term);
}

void raft_snapshot_ended(struct raft *raft, uint64_t replica_id, bool sent)
{
    struct raft_progress *progress =
        raft->role == RAFT_LEADER ? raft_progress_find(raft, replica_id) : NULL;
    if (progress == NULL || progress->state != RAFT_SNAPSHOT_NEEDED) {
        return;
    }
    uint64_t next = sent && progress->snapshot_index > progress->match
                        ? progress->snapshot_index
                        : progress->match;
    progress->next = next + 1;
    raft_progress_move(raft, progress, RAFT_PROBE);
    progress->paused = true; /* until it is heard from */
}

/* --- The receiver --------------------------------------------------------------------- */

bool raft_install_wanted(const struct raft *raft, uint64_t index, uint64_t term)
{
    return index > raft->commit && raft_log_term(&raft->log, index) != term;
}

void raft_snapshot_receive(struct raft *raft, const struct raft_message *message)
{
    if (!raft_install_wanted(raft, message->index, message->log_term)) {
        /* It is committed, so this log equals the leader's through there. */
        uint64_t index =
            message->index < raft->log.last_index ? message->index : raft->log.last_index;
        raft_commit_to(raft, index);
        raft->ack_match = raft->ack_match > index ? raft->ack_match : index;
        raft->ack_due = true;
        RAFT_TRACE(raft, "has (%" PRIu64 ", t%" PRIu64 ") already", message->index,
                   message->log_term);
        return;
    }
    buffer_clear(&raft->manifest);
    buffer_append_slice(&raft->manifest, message->manifest);
    raft->install = (struct raft_install){.from = message->from,
                                          .index = message->index,
                                          .term = message->log_term,
                                          .members = *message->members,
                                          .manifest = buffer_slice(&raft->manifest)};
    raft->install_told = true;
    RAFT_TRACE(raft, "is offered a snapshot of (%" PRIu64 ", t%" PRIu64 ")",
               message->index, message->log_term);
}

void raft_snapshot_begun(struct raft *raft)
{
    ASSERT(!raft->installing);
    RAFT_TRACE(raft, "begins to install and falls silent");
    raft_become_follower(raft, raft->term, 0);
    raft->vote_reply_to = 0;
    raft->installing = true;
}

void raft_snapshot_done(struct raft *raft, const struct raft_installed *installed)
{
    ASSERT(raft->installing && !raft->install_ending);
    ASSERT(installed->index >= raft->commit);
    RAFT_TRACE(raft, "is at (%" PRIu64 ", t%" PRIu64 ") by a snapshot", installed->index,
               installed->term);
    raft_log_reset(&raft->log, installed->index, installed->term);
    raft_config_reset(raft, installed->index, installed->members);
    raft->dropped_from = 1;
    raft->commit = installed->index;
    raft->changed |= RAFT_CHANGED_COMMIT;
    raft->applied = raft->apply_told = installed->index;
    /* The state is flushed; writes still on their way say nothing about this log. */
    raft->durable_index = installed->index;
    for (uint64_t i = raft->written_sequence + 1; i <= raft->write_sequence; i++) {
        raft->writes[i % RAFT_WRITES_IN_FLIGHT_MAX].last_index = installed->index;
    }
    raft->write_from = installed->index + 1;
    raft->reset_pending = true;
    raft->state_dirty = true;
    raft->install_ending = true;
}

void raft_snapshot_failed(struct raft *raft)
{
    if (raft->installing && !raft->install_ending) {
        RAFT_TRACE(raft, "gives the install up");
        raft->installing = false;
        raft_restart_timer(raft);
    }
}
