/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Inside of the core. One struct; each file owns a part of its rules:
 *     raft.c      opening, the step, what leaves it       vote.c      elections
 *     receive.c   who may say what                        leader.c    what a leader does
 *     follower.c  appends and heartbeats taken            progress.c  one follower
 *     change.c    members over the log's life             read.c      ReadIndex
 *     snapshot.c  both sides of a snapshot                look.c      questions from outside
 */
#ifndef SOUK_SHARD_RAFT_RAFT_PRIVATE_H
#define SOUK_SHARD_RAFT_RAFT_PRIVATE_H

#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/base/memory.h"
#include "shard/base/mutant.h"
#include "shard/base/rng.h"
#include "shard/raft/log.h"
#include "shard/raft/raft.h"

/* An append on its way to a follower. */
struct raft_in_flight {
    uint64_t last_index;
    size_t bytes;
};

/* What a leader knows of one follower (the state table is in progress.c). */
struct raft_progress {
    uint64_t replica_id;
    bool voter;
    bool active;   /* heard from since the last check of the quorum */
    bool paused;   /* PROBE: the one append is out */
    bool rejected; /* PROBE: since it began; then entries are a waste */
    enum raft_progress_state state;
    uint64_t match; /* durable there, and equal to this log */
    uint64_t next;
    uint64_t round; /* the newest it has echoed */
    /* Appends in flight, oldest first: a ring. */
    struct raft_in_flight in_flight[RAFT_IN_FLIGHT_MESSAGES_MAX];
    uint32_t in_flight_first;
    uint32_t in_flight_count;
    size_t in_flight_bytes;
    /* As of the last heartbeat's reply: what it had, and what had been sent. */
    uint64_t stall_hint;
    uint64_t stall_next;
    bool fetching; /* a fetch is out, from fetch_first on */
    uint64_t fetch_first;
    uint64_t snapshot_index; /* of the manifest sent; 0 = none yet */
    uint32_t snapshot_elapsed;
    bool sampled;
    int64_t offset_ms;
    uint64_t sampled_us;
};

/* The members from `index` on. */
struct raft_config {
    uint64_t index;
    struct raft_members members;
};

/* A write on its way to the disk: what is durable once it is. */
struct raft_pending_write {
    uint64_t last_index;
    uint64_t term;
    uint64_t vote;
    bool ends_install;
};

struct raft_ballot {
    uint64_t replica_id;
    bool granted;
};

struct raft {
    uint64_t group_id;
    uint64_t replica_id;
    struct raft_limits limits;
    struct raft_trace trace;
    struct rng rng;
    struct moment now; /* of this step */

    enum raft_role role;
    uint64_t leader_id;
    uint64_t term;
    uint64_t vote;
    uint64_t commit;
    uint64_t applied;      /* as reported */
    uint64_t applied_term; /* of the state that was opened; 0 = not known */
    uint64_t apply_told;
    struct raft_log log;
    uint64_t restore_last; /* entries up to here are to be restored; 0 when all were */

    /* The disk: what it has, what is on the way, what has to be handed out. */
    uint64_t durable_index;
    uint64_t durable_term;
    uint64_t durable_vote;
    uint64_t written_commit; /* the newest hint handed out */
    struct raft_pending_write writes[RAFT_WRITES_IN_FLIGHT_MAX]; /* by sequence */
    uint64_t write_sequence;
    uint64_t written_sequence;
    uint64_t write_from; /* entries from here on; above the last: none */
    bool state_dirty;
    bool reset_pending;
    bool install_ending; /* the next write ends the install */

    /* Time. */
    bool begun; /* a step was taken */
    uint32_t election_elapsed;
    uint32_t election_timeout; /* drawn anew each time */
    uint32_t heartbeat_elapsed;

    /* Elections (vote.c). */
    struct raft_ballot ballots[RAFT_MEMBERS_MAX];
    uint32_t ballot_count;
    bool requests_due;
    bool transferring_here; /* this candidacy was asked for by the leader */
    uint64_t vote_reply_to; /* a grant to send once it is durable; 0 = none */

    /* Follower. */
    uint64_t ack_match; /* this log equals the leader's through here, in this term */
    uint64_t ack_sent;
    bool ack_due;
    bool heartbeat_reply_due;
    bool reject_due;
    uint64_t reject_prev;
    uint64_t seen_round;

    /* Leader. */
    struct raft_progress progress[RAFT_MEMBERS_MAX];
    uint32_t progress_count;
    uint64_t term_start; /* index of the no-op of this term */
    bool heartbeat_due;
    uint64_t transfer_target;
    uint32_t transfer_elapsed;

    /* Reads: the first `read_asked` belong to the round that is out. */
    uint64_t *read_contexts;
    size_t read_count;
    size_t read_capacity;
    size_t read_asked;
    uint64_t read_index;
    uint64_t round;

    /* Members: configs[0] is at or below what was applied, the last one counts. */
    struct raft_config *configs;
    size_t config_count;
    size_t config_capacity;

    /* Snapshots to install. */
    bool installing;
    struct raft_install install;
    struct buffer manifest;

    struct raft_counters counters;

    /* The update being made. */
    struct raft_message *messages;
    size_t *message_entries; /* offset in `entries`; SIZE_MAX: the pointer stands */
    size_t message_count;
    size_t message_capacity;
    size_t message_entries_capacity;
    struct raft_entry *entries;
    size_t entry_count;
    size_t entry_capacity;
    struct raft_read *reads;
    size_t reads_done;
    size_t reads_capacity;
    struct raft_fetch fetches[RAFT_MEMBERS_MAX];
    size_t fetch_count;
    uint64_t snapshots[RAFT_MEMBERS_MAX];
    size_t snapshot_count;
    bool install_told;
    uint64_t dropped_from;
    uint32_t changed;
    struct buffer scratch;
};

/* trace.c */
void raft_trace_line(const struct raft *raft, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
#define RAFT_TRACE(raft_, ...)                                                           \
    do {                                                                                 \
        if ((raft_)->trace.line != NULL) {                                               \
            raft_trace_line(raft_, __VA_ARGS__);                                         \
        }                                                                                \
    } while (0)

/* raft.c */
/* A new message of the update, addressed; to be filled at once. */
struct raft_message *raft_send(struct raft *raft, enum raft_message_kind kind,
                               uint64_t to);
/* Appends to the log; members take effect at once. */
void raft_append(struct raft *raft, uint64_t term, struct slice payload);
/* Forgets entries from `from` on: they were never committed. */
void raft_truncate(struct raft *raft, uint64_t from);
void raft_commit_to(struct raft *raft, uint64_t index);
/* A new term, or the same one under a leader (0: not known). */
void raft_become_follower(struct raft *raft, uint64_t term, uint64_t leader_id);
void raft_set_role(struct raft *raft, enum raft_role role);
void raft_set_leader(struct raft *raft, uint64_t leader_id);
void raft_set_term(struct raft *raft, uint64_t term, uint64_t vote);
void raft_restart_timer(struct raft *raft);
/* Is the term on the disk? What binds this replica to it may be sent. */
bool raft_term_durable(const struct raft *raft);
bool raft_has_room(const struct raft *raft);

/* receive.c */
void raft_receive(struct raft *raft, const struct raft_message *message);

/* vote.c */
void raft_vote_tick(struct raft *raft);
void raft_vote_alone(struct raft *raft);
void raft_vote_campaign(struct raft *raft, bool transfer);
void raft_vote_request(struct raft *raft, const struct raft_message *message);
void raft_vote_pre_request(struct raft *raft, const struct raft_message *message);
void raft_vote_reply(struct raft *raft, const struct raft_message *message);
void raft_vote_written(struct raft *raft);
void raft_vote_flush(struct raft *raft);
bool raft_leader_alive(const struct raft *raft);

/* follower.c */
void raft_follower_append(struct raft *raft, const struct raft_message *message);
void raft_follower_heartbeat(struct raft *raft, const struct raft_message *message);
void raft_follower_flush(struct raft *raft);

/* leader.c */
void raft_leader_begin(struct raft *raft);
void raft_leader_tick(struct raft *raft);
enum status raft_leader_propose(struct raft *raft, const struct raft_propose *propose,
                                uint64_t *out_index);
enum status raft_leader_transfer(struct raft *raft, uint64_t replica_id);
void raft_leader_transfer_go(struct raft *raft, struct raft_progress *progress);
void raft_leader_append_reply(struct raft *raft, const struct raft_message *message);
void raft_leader_heartbeat_reply(struct raft *raft, const struct raft_message *message);
void raft_leader_count(struct raft *raft);
void raft_leader_flush(struct raft *raft);

/* progress.c */
struct raft_progress *raft_progress_find(struct raft *raft, uint64_t replica_id);
/* Makes the followers those of the newest members; the known ones keep their state. */
void raft_progress_sync(struct raft *raft);
void raft_progress_move(struct raft *raft, struct raft_progress *progress,
                        enum raft_progress_state state);
/* Durable and matching there through `match`; equal so far through `hint`. */
void raft_progress_ack(struct raft *raft, struct raft_progress *progress, uint64_t match,
                       uint64_t hint);
void raft_progress_reject(struct raft *raft, struct raft_progress *progress,
                          const struct raft_message *message);
void raft_progress_heard(struct raft *raft, struct raft_progress *progress,
                         const struct raft_message *message);
void raft_progress_send(struct raft *raft, struct raft_progress *progress);
void raft_progress_fetched(struct raft *raft, const struct raft_fetched *fetched);

/* change.c */
const struct raft_members *raft_newest(const struct raft *raft);
void raft_config_push(struct raft *raft, uint64_t index,
                      const struct raft_members *members);
void raft_config_truncate(struct raft *raft, uint64_t from);
void raft_config_applied(struct raft *raft);
void raft_config_reset(struct raft *raft, uint64_t index,
                       const struct raft_members *members);
/* Is the newest change of members not committed yet? */
bool raft_config_pending(const struct raft *raft);
/* The newest members that are known to be committed. */
const struct raft_members *raft_config_committed(const struct raft *raft);
/* In any members from the applied ones on. */
bool raft_config_knows(const struct raft *raft, uint64_t replica_id);
/* May this replica stand for election? */
bool raft_config_promotable(const struct raft *raft);
enum status raft_config_change(struct raft *raft, const struct raft_change *change,
                               uint64_t *out_index);

/* read.c */
enum status raft_read_add(struct raft *raft, uint64_t context);
void raft_read_refuse_all(struct raft *raft);
/* Begins a round when reads wait for one and none is out. */
void raft_read_begin(struct raft *raft);
/* Confirms the round that is out if a quorum has echoed it. */
void raft_read_count(struct raft *raft);

/* snapshot.c */
void raft_snapshot_want(struct raft *raft, struct raft_progress *progress);
void raft_snapshot_ready(struct raft *raft, const struct raft_snapshot_ready *ready);
void raft_snapshot_ended(struct raft *raft, uint64_t replica_id, bool sent);
void raft_snapshot_receive(struct raft *raft, const struct raft_message *message);
void raft_snapshot_begun(struct raft *raft);
void raft_snapshot_done(struct raft *raft, const struct raft_installed *installed);
void raft_snapshot_failed(struct raft *raft);

#endif
