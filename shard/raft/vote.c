/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Elections (Raft paper, 5.2 and 5.4.1; pre-vote: thesis 9.6).
 *
 * A candidate claims, and a voter judges by, the log that is on the disk: only that was
 * ever acknowledged. A grant leaves when term and vote are on the disk, and so does the
 * request, because it carries the candidate's vote for itself. An acknowledgement that
 * waits for the disk dies with its term (raft_become_follower): sent after a vote for
 * another leader, it could complete a quorum for an entry which that leader lacks.
 */
#include <inttypes.h>

#include "shard/raft/raft_private.h"

bool raft_leader_alive(const struct raft *raft)
{
    return raft->leader_id != 0 && raft->election_elapsed < raft->limits.election_ticks;
}

static uint64_t vote_durable_term(const struct raft *raft)
{
    return raft_log_term(&raft->log, raft->durable_index);
}

/* "Up-to-date" of 5.4.1. */
static bool vote_log_suffices(const struct raft *raft, const struct raft_message *message)
{
    uint64_t term = vote_durable_term(raft);
    return message->log_term > term ||
           (message->log_term == term && message->index >= raft->durable_index);
}

/* A learner votes only for one that knows later members, where it may be a voter. Later
 * than those committed: its own newest ones may be a branch that died. */
static bool vote_entitled(const struct raft *raft, const struct raft_message *message)
{
    return raft_members_is_voter(raft_newest(raft), raft->replica_id) ||
           message->members_version > raft_config_committed(raft)->version;
}

static void vote_record(struct raft *raft, uint64_t replica_id, bool granted)
{
    for (uint32_t i = 0; i < raft->ballot_count; i++) {
        if (raft->ballots[i].replica_id == replica_id) {
            return;
        }
    }
    if (raft->ballot_count < RAFT_MEMBERS_MAX) {
        raft->ballots[raft->ballot_count++] =
            (struct raft_ballot){.replica_id = replica_id, .granted = granted};
    }
}

static uint32_t vote_tally(const struct raft *raft, bool granted)
{
    const struct raft_members *members = raft_newest(raft);
    uint32_t count = 0;
    for (uint32_t i = 0; i < raft->ballot_count; i++) {
        bool counts = raft_members_is_voter(members, raft->ballots[i].replica_id) ||
                      MUTANT(raft_non_voter_counted);
        count += counts && raft->ballots[i].granted == granted;
    }
    return count;
}

static void vote_stand(struct raft *raft, bool transfer)
{
    raft_set_role(raft, RAFT_CANDIDATE);
    raft_set_leader(raft, 0);
    raft_set_term(raft, raft->term + 1, raft->replica_id);
    raft_restart_timer(raft);
    raft->ballot_count = 0;
    raft->transferring_here = transfer;
    raft->requests_due = true;
    raft->counters.elections_begun++;
    RAFT_TRACE(raft, "stands for election with (%" PRIu64 ", t%" PRIu64 ")",
               raft->durable_index, vote_durable_term(raft));
}

static void vote_decide(struct raft *raft)
{
    uint32_t quorum = raft_members_quorum(raft_newest(raft));
    if (vote_tally(raft, true) >= quorum) {
        if (raft->role == RAFT_PRE_CANDIDATE) {
            vote_stand(raft, false);
        } else {
            raft->counters.elections_won++;
            raft_leader_begin(raft);
        }
    } else if (vote_tally(raft, false) >= quorum) {
        RAFT_TRACE(raft, "is not wanted as leader");
        raft_become_follower(raft, raft->term, 0);
    }
}

void raft_vote_campaign(struct raft *raft, bool transfer)
{
    if (!raft_config_promotable(raft) || raft->installing) {
        return;
    }
    if (transfer) {
        vote_stand(raft, true);
        return;
    }
    raft_set_role(raft, RAFT_PRE_CANDIDATE);
    raft_set_leader(raft, 0);
    raft_restart_timer(raft);
    raft->ballot_count = 0;
    raft->requests_due = true;
    RAFT_TRACE(raft, "asks for pre-votes with (%" PRIu64 ", t%" PRIu64 ")",
               raft->durable_index, vote_durable_term(raft));
    vote_record(raft, raft->replica_id, true);
    vote_decide(raft);
}

/*
 * The only voter asks nobody, and begins at once. One that has been alone since the group
 * was made need not even wait for its own vote: there has never been another replica that
 * could be elected. One that was left over waits for its disk like any candidate, since
 * the change that left it alone may be undone with a power cut.
 */
void raft_vote_alone(struct raft *raft)
{
    const struct raft_members *members = raft_newest(raft);
    if (raft->role == RAFT_LEADER || raft->role == RAFT_CANDIDATE || raft->installing ||
        raft_members_voter_count(members) != 1 ||
        !raft_members_is_voter(members, raft->replica_id)) {
        return;
    }
    if (members->version > 1) {
        if (!raft->begun) {
            raft_vote_campaign(raft, false);
        }
        return;
    }
    vote_stand(raft, false);
    raft->requests_due = false;
    raft->counters.elections_won++;
    raft_leader_begin(raft);
}

void raft_vote_tick(struct raft *raft)
{
    raft->election_elapsed++;
    if (raft->election_elapsed >= raft->election_timeout) {
        raft_restart_timer(raft);
        raft_vote_campaign(raft, false);
    }
}

/* The own vote counts once it is on the disk. */
void raft_vote_written(struct raft *raft)
{
    if (raft->role == RAFT_CANDIDATE && raft_term_durable(raft) &&
        raft->durable_vote == raft->replica_id) {
        vote_record(raft, raft->replica_id, true);
        vote_decide(raft);
    }
}

void raft_vote_pre_request(struct raft *raft, const struct raft_message *message)
{
    if (raft_leader_alive(raft)) {
        raft->counters.leader_alive++;
        RAFT_TRACE(raft, "ignores the pre-vote of %" PRIu64 ": %" PRIu64 " leads",
                   message->from, raft->leader_id);
        return;
    }
    bool grant = message->term > raft->term && vote_log_suffices(raft, message) &&
                 vote_entitled(raft, message);
    RAFT_TRACE(raft, "%s %" PRIu64 " a pre-vote for t%" PRIu64,
               grant ? "grants" : "refuses", message->from, message->term);
    struct raft_message *reply = raft_send(raft, RAFT_PRE_VOTE_REPLY, message->from);
    if (grant) {
        reply->flags = RAFT_FLAG_GRANTED;
        reply->term = message->term;
    }
}

void raft_vote_request(struct raft *raft, const struct raft_message *message)
{
    bool grant = (raft->vote == 0 || raft->vote == message->from) &&
                 raft->leader_id == 0 && vote_log_suffices(raft, message) &&
                 vote_entitled(raft, message);
    RAFT_TRACE(raft, "%s %" PRIu64 " its vote", grant ? "grants" : "refuses",
               message->from);
    if (!grant) {
        raft_send(raft, RAFT_VOTE_REPLY, message->from);
        return;
    }
    if (MUTANT(raft_vote_unpersisted)) {
        raft->vote = message->from;
        raft_send(raft, RAFT_VOTE_REPLY, message->from)->flags = RAFT_FLAG_GRANTED;
        return;
    }
    if (raft->vote == 0) {
        raft_set_term(raft, raft->term, message->from);
    }
    raft->election_elapsed = 0;
    raft->vote_reply_to = message->from;
}

void raft_vote_reply(struct raft *raft, const struct raft_message *message)
{
    bool pre = message->kind == RAFT_PRE_VOTE_REPLY;
    bool granted = message->flags & RAFT_FLAG_GRANTED;
    uint64_t wanted = pre && granted ? raft->term + 1 : raft->term;
    if (raft->role != (pre ? RAFT_PRE_CANDIDATE : RAFT_CANDIDATE) ||
        message->term != wanted) {
        raft->counters.old_term++;
        return;
    }
    vote_record(raft, message->from, granted);
    vote_decide(raft);
}

static void vote_send_requests(struct raft *raft)
{
    const struct raft_members *members = raft_newest(raft);
    bool pre = raft->role == RAFT_PRE_CANDIDATE;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct raft_member *member = &members->member[i];
        if (member->role != RAFT_VOTER || member->replica_id == raft->replica_id) {
            continue;
        }
        struct raft_message *message =
            raft_send(raft, pre ? RAFT_PRE_VOTE : RAFT_VOTE, member->replica_id);
        message->term = pre ? raft->term + 1 : raft->term;
        message->index = raft->durable_index;
        message->log_term = vote_durable_term(raft);
        message->flags = !pre && raft->transferring_here ? RAFT_FLAG_TRANSFER : 0;
    }
}

void raft_vote_flush(struct raft *raft)
{
    bool own_vote = raft_term_durable(raft) && raft->durable_vote == raft->replica_id;
    if (raft->requests_due && (raft->role == RAFT_PRE_CANDIDATE ||
                               (raft->role == RAFT_CANDIDATE && own_vote))) {
        vote_send_requests(raft);
        raft->requests_due = false;
    }
    if (raft->vote_reply_to != 0 && raft_term_durable(raft) &&
        raft->durable_vote == raft->vote_reply_to) {
        raft_send(raft, RAFT_VOTE_REPLY, raft->vote_reply_to)->flags = RAFT_FLAG_GRANTED;
        raft->vote_reply_to = 0;
    }
}
