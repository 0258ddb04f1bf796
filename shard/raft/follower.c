/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Appends and heartbeats at the receiver (paper, figure 2, AppendEntries).
 *
 * `ack_match` is how far this log is known to equal the leader's of this term: what is
 * committed, and prev + n of the appends taken. What is acknowledged is that, or what of
 * it is on the disk. It is never this log's own last index: behind ack_match may lie a
 * stale suffix that the leader does not have.
 */
#include <inttypes.h>

#include "shard/raft/raft_private.h"

/* Refuses only while there is something to apply: what is not committed yet may need the
 * very entry that comes to be, and its leader has limits of its own. */
static bool follower_has_room(const struct raft *raft)
{
    return raft->commit <= raft->applied ||
           (raft->commit - raft->applied < raft->limits.unapplied_entries_max &&
            raft_log_bytes_from(&raft->log, raft->applied + 1) <
                raft->limits.unapplied_bytes_max);
}

/* What is committed equals any leader's log, whatever can still be read of it. */
static bool follower_prev_matches(const struct raft *raft,
                                  const struct raft_message *message)
{
    if (message->index <= raft->commit) {
        return true;
    }
    return message->index <= raft->log.last_index &&
           raft_log_term(&raft->log, message->index) == message->log_term;
}

/* "If an existing entry conflicts with a new one, delete it and all that follow it";
 * one that is there already is left alone, for the append may be an old one. */
static bool follower_take(struct raft *raft, const struct raft_entry *entry)
{
    uint64_t compared = raft->log.last_index - MUTANT(raft_matching_off_by_one);
    if (entry->index <= raft->commit ||
        (entry->index <= raft->log.last_index &&
         (entry->index > compared ||
          raft_log_term(&raft->log, entry->index) == entry->term))) {
        return true;
    }
    struct raft_members members;
    if (entry->term < raft_log_term(&raft->log, entry->index - 1) ||
        (raft_payload_kind(entry->payload) == RAFT_ENTRY_MEMBERS &&
         raft_members_decode(entry->payload, &members) != STATUS_OK)) {
        raft->counters.impossible++;
        return false;
    }
    if (entry->index <= raft->log.last_index) {
        raft_truncate(raft, entry->index);
    }
    if (!follower_has_room(raft)) {
        return false;
    }
    raft_append(raft, entry->term, entry->payload);
    return true;
}

void raft_follower_append(struct raft *raft, const struct raft_message *message)
{
    if (message->round > raft->seen_round) {
        raft->seen_round = message->round;
    }
    if (!follower_prev_matches(raft, message)) {
        raft->counters.appends_rejected++;
        raft->reject_due = true;
        raft->reject_prev = message->index;
        RAFT_TRACE(raft, "rejects %u entries behind (%" PRIu64 ", t%" PRIu64 ")",
                   message->entry_count, message->index, message->log_term);
        return;
    }
    uint64_t matched = message->index;
    uint64_t before = raft->log.position;
    for (uint32_t i = 0; i < message->entry_count; i++) {
        if (!follower_take(raft, &message->entries[i])) {
            break;
        }
        matched = message->entries[i].index;
    }
    if (message->entry_count == 0 && MUTANT(raft_ack_stale_suffix)) {
        matched = raft->log.last_index;
    }
    if (raft->log.position != before) {
        RAFT_TRACE(raft, "takes entries to %" PRIu64 " behind %" PRIu64, matched,
                   message->index);
    }
    if (matched > raft->ack_match) {
        raft->ack_match = matched;
    }
    raft->ack_due = true;
    raft_commit_to(raft,
                   message->commit < raft->ack_match ? message->commit : raft->ack_match);
}

void raft_follower_heartbeat(struct raft *raft, const struct raft_message *message)
{
    if (message->round > raft->seen_round) {
        raft->seen_round = message->round;
    }
    raft->heartbeat_reply_due = true;
    raft_commit_to(raft,
                   message->commit < raft->ack_match ? message->commit : raft->ack_match);
}

static struct raft_message *follower_reply(struct raft *raft, enum raft_message_kind kind,
                                           uint64_t match)
{
    struct raft_message *reply = raft_send(raft, kind, raft->leader_id);
    reply->index = match;
    reply->hint_index = raft->ack_match;
    reply->round = raft->seen_round;
    reply->wall_ms = raft->now.wall_ms;
    return reply;
}

/* Where the logs may agree: skips whole terms that cannot be in the leader's log. */
static void follower_reject(struct raft *raft, uint64_t match)
{
    uint64_t last = raft->log.last_index;
    struct raft_message *reply = follower_reply(raft, RAFT_APPEND_REPLY, match);
    uint64_t hint = raft->reject_prev > 0 ? raft->reject_prev - 1 : 0;
    reply->flags = RAFT_FLAG_REJECTED;
    reply->index = raft->reject_prev;
    reply->hint_index = hint < last ? hint : last;
    reply->hint_term = raft_log_term(&raft->log, reply->hint_index);
}

void raft_follower_flush(struct raft *raft)
{
    if (raft->leader_id == 0 || raft->role != RAFT_FOLLOWER || raft->installing ||
        !raft_term_durable(raft)) {
        return;
    }
    uint64_t match =
        raft->durable_index < raft->ack_match ? raft->durable_index : raft->ack_match;
    if (raft->reject_due) {
        follower_reject(raft, match);
        raft->reject_due = false;
    }
    if (raft->ack_due && (match == raft->ack_match || match > raft->ack_sent)) {
        follower_reply(raft, RAFT_APPEND_REPLY, match);
        raft->ack_sent = match;
        raft->ack_due = match < raft->ack_match;
    }
    if (raft->heartbeat_reply_due) {
        follower_reply(raft, RAFT_HEARTBEAT_REPLY, match);
        raft->heartbeat_reply_due = false;
    }
}
