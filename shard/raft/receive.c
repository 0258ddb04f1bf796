/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may say what. Whatever does not pass here changes nothing and is counted.
 *
 * A sender that is no member may still be one of members that this replica has not heard
 * of: a follower that was away while others were added has to take their appends and give
 * them its vote (thesis, 4.1). Such a sender knows of later members than this replica,
 * and says so; a removed one does not. Replies count only from members.
 */
#include <inttypes.h>

#include "shard/raft/raft_private.h"

static bool receive_is_reply(enum raft_message_kind kind)
{
    return kind == RAFT_PRE_VOTE_REPLY || kind == RAFT_VOTE_REPLY ||
           kind == RAFT_APPEND_REPLY || kind == RAFT_HEARTBEAT_REPLY;
}

static bool receive_is_leaders(enum raft_message_kind kind)
{
    return kind == RAFT_APPEND || kind == RAFT_HEARTBEAT || kind == RAFT_SNAPSHOT ||
           kind == RAFT_TIMEOUT_NOW;
}

static bool receive_from_member(const struct raft *raft,
                                const struct raft_message *message)
{
    if (raft_config_knows(raft, message->from)) {
        return true;
    }
    return !receive_is_reply(message->kind) &&
           message->members_version > raft_newest(raft)->version;
}

static bool receive_for_here(struct raft *raft, const struct raft_message *message)
{
    if (message->group_id != raft->group_id) {
        raft->counters.foreign_group++;
    } else if (message->to != raft->replica_id) {
        raft->counters.wrong_replica++;
    } else if (message->from == raft->replica_id || message->from == 0 ||
               message->term == 0) {
        raft->counters.impossible++;
    } else if (raft->installing) {
        raft->counters.while_installing++;
    } else if (!receive_from_member(raft, message)) {
        raft->counters.stranger++;
        RAFT_TRACE(raft, "does not know %" PRIu64, message->from);
    } else {
        return true;
    }
    return false;
}

/* True: the term is now the receiver's, go on. */
static bool receive_later_term(struct raft *raft, const struct raft_message *message)
{
    bool transfer = message->flags & RAFT_FLAG_TRANSFER;
    if (message->kind == RAFT_VOTE && raft_leader_alive(raft) && !transfer) {
        raft->counters.leader_alive++;
        RAFT_TRACE(raft, "ignores the vote of %" PRIu64 ": %" PRIu64 " leads",
                   message->from, raft->leader_id);
        return false;
    }
    /* The term of a granted pre-vote is the asker's own next one, and not begun. */
    if (message->kind == RAFT_PRE_VOTE_REPLY && (message->flags & RAFT_FLAG_GRANTED)) {
        return true;
    }
    raft_become_follower(raft, message->term,
                         receive_is_leaders(message->kind) ? message->from : 0);
    return true;
}

/* Who speaks of a term that is over is told of this one (paper, 5.1). */
static void receive_old_term(struct raft *raft, const struct raft_message *message)
{
    raft->counters.old_term++;
    if (receive_is_leaders(message->kind)) {
        /* It may lead this term by the time it hears; then this is a reply like any. */
        raft_send(raft, RAFT_APPEND_REPLY, message->from)->wall_ms = raft->now.wall_ms;
    } else if (message->kind == RAFT_VOTE) {
        raft_send(raft, RAFT_VOTE_REPLY, message->from);
    }
}

/* A message that only a leader of this term sends. */
static bool receive_leader(struct raft *raft, const struct raft_message *message)
{
    if (raft->role == RAFT_LEADER ||
        (raft->leader_id != 0 && raft->leader_id != message->from)) {
        raft->counters.impossible++; /* two leaders of one term */
        return false;
    }
    if (raft->role != RAFT_FOLLOWER || raft->leader_id == 0) {
        raft_become_follower(raft, raft->term, message->from);
    }
    raft->election_elapsed = 0;
    return true;
}

static void receive_dispatch(struct raft *raft, const struct raft_message *message)
{
    if (receive_is_leaders(message->kind) && !receive_leader(raft, message)) {
        return;
    }
    switch (message->kind) {
    case RAFT_VOTE:
        raft_vote_request(raft, message);
        break;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_VOTE_REPLY:
        raft_vote_reply(raft, message);
        break;
    case RAFT_APPEND:
        raft_follower_append(raft, message);
        break;
    case RAFT_HEARTBEAT:
        raft_follower_heartbeat(raft, message);
        break;
    case RAFT_APPEND_REPLY:
        raft_leader_append_reply(raft, message);
        break;
    case RAFT_HEARTBEAT_REPLY:
        raft_leader_heartbeat_reply(raft, message);
        break;
    case RAFT_SNAPSHOT:
        raft_snapshot_receive(raft, message);
        break;
    case RAFT_TIMEOUT_NOW:
        RAFT_TRACE(raft, "is to take over from %" PRIu64, message->from);
        raft_vote_campaign(raft, true);
        break;
    case RAFT_PRE_VOTE:
    case RAFT_MESSAGE_KIND_END:
        UNREACHABLE();
    }
}

void raft_receive(struct raft *raft, const struct raft_message *message)
{
    if (!receive_for_here(raft, message)) {
        return;
    }
    if (message->kind == RAFT_PRE_VOTE) {
        raft_vote_pre_request(raft, message);
        return;
    }
    if (message->term > raft->term && !receive_later_term(raft, message)) {
        return;
    }
    if (message->term < raft->term) {
        receive_old_term(raft, message);
        return;
    }
    receive_dispatch(raft, message);
}
