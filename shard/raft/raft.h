/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The consensus core: one replica of one Raft group (Ongaro and Ousterhout 2014; Ongaro's
 * thesis 2014 for pre-vote 9.6, check-quorum 6.2, ReadIndex 6.4, transfer 3.10 and
 * single-server changes 4.1).
 *
 * Pure: raft_step(raft, now, events) -> update. It reads no clock, draws no chance but
 * from the seed it was given, does no I/O and calls nobody (but the trace). Equal options
 * and equal events give equal updates, byte for byte. Owner: the thread of its host.
 *
 *     raft_new, raft_restore_run, raft_restore_entry     what a restart found
 *     raft_step(events)                                  as often as there is something
 *     raft_free
 *
 * One step may take many events (everything that one turn of a host has for the group):
 * its appends, acknowledgements and writes are then made together, which is what makes it
 * cheap. An update is valid until the next call that takes a non-const raft.
 *
 * The host's duty after each step, in any order but the last:
 *     write     add the update's write to the next log batch; report WRITTEN once durable
 *     messages  all of them may go at once: what must wait for the disk (votes,
 *               acknowledgements) is kept inside until WRITTEN
 *     apply     hand entries [apply_first, apply_last] to the state machine, in order;
 *               report APPLIED
 *     reads, dropped_from, fetches, snapshots, install    see struct raft_update
 * Lost, repeated or reordered messages are harmless, and so is dropping any. Events about
 * the own disk (WRITTEN, APPLIED, SNAPSHOT_*) may not be lost.
 *
 * Bad input: a message that is for another group or replica, from a stranger, of an old
 * term, or impossible, changes nothing and is counted (struct raft_counters).
 */
#ifndef SOUK_SHARD_RAFT_RAFT_H
#define SOUK_SHARD_RAFT_RAFT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/clock.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/raft/entry.h"
#include "shard/raft/members.h"
#include "shard/raft/message.h"

enum {
    RAFT_WRITES_IN_FLIGHT_MAX = 64, /* writes handed out and not reported WRITTEN */
    RAFT_READS_WAITING_MAX = 4096,
    RAFT_IN_FLIGHT_MESSAGES_MAX = 64, /* raft_limits.in_flight_messages is at most this */
};

/* --- Opening ----------------------------------------------------------------------- */

struct raft_limits {
    uint32_t election_ticks;     /* least election timeout; drawn from [n, 2n) */
    uint32_t heartbeat_ticks;    /* a leader is heard from so often */
    uint32_t snapshot_ticks;     /* a snapshot not reported on is asked for again */
    uint32_t in_flight_messages; /* appends per follower */
    size_t in_flight_bytes;      /* payload of those */
    size_t message_bytes_max;    /* of an append with several entries, frame included */
    size_t fetch_bytes_max;      /* asked for at a time for a follower that is behind */
    size_t tail_bytes;           /* payload kept in memory after it was applied */
    /* Payload and number of entries appended and not applied here: above, a leader
     * refuses proposals, and a follower that has something to apply takes no entries. */
    size_t unapplied_bytes_max;
    uint32_t unapplied_entries_max;
    /* A learner may be promoted when it lags at most so many entries. */
    uint32_t promote_lag_max;
    /* The commit index goes to the disk with another write when it moved by so much. */
    uint32_t commit_hint_entries;
};
/* Ten ticks per election, one per heartbeat, 64 messages or 1 MiB in flight, messages of
 * 256 KiB less room for a frame. */
void raft_limits_init(struct raft_limits *limits);

struct raft_hard_state {
    uint64_t term;
    uint64_t vote;   /* replica id; 0 = none in this term */
    uint64_t commit; /* a hint: at least this much is committed */
};

/* Gets one line per decision, for tests and debugging; text valid during the call. */
struct raft_trace {
    void (*line)(void *context, const char *text);
    void *context;
};

struct raft_options {
    uint64_t group_id;   /* the shard's; not 0 */
    uint64_t replica_id; /* not 0; never used before by another log */
    uint64_t seed;       /* of election timeouts: other for each replica and restart */
    struct raft_limits limits;
    const struct raft_trace *trace; /* copied; NULL = none */

    struct raft_hard_state state; /* as the log holds it */
    uint64_t applied_index;       /* of the state machine; 0, 0 when it is empty */
    uint64_t applied_term;
    /*
     * As of applied_index. A new group is made by giving the same initial members
     * (raft_members_make) to every replica in it, applied 0 and an empty log. A replica
     * that joins gives none (NULL) and learns them from its leader.
     */
    const struct raft_members *members;
    /* What the log can read: [log_first, log_last]; log_first = log_last + 1 when that is
     * nothing. As of struct log_bounds. A log that begins above applied_index + 1 is
     * damaged: the host's to refuse. */
    uint64_t log_first;
    uint64_t log_last;
    uint64_t log_first_term; /* of log_first - 1; 0 when forgotten */
    uint64_t log_last_term;  /* of log_last; 0 when unknown */
};

struct raft;

/* Copies everything it needs. Then restore [log_first, log_last] before the first step.
 * A log that ends below the state, or holds another term there, is begun anew behind the
 * state: the first write resets it, and nothing (more) is to be restored
 * (raft_restore_next says 0). */
struct raft *raft_new(const struct raft_options *options);
/* Accepts NULL. */
void raft_free(struct raft *raft);

/* The index of the entry that is to be restored next; 0 when there is none left. */
uint64_t raft_restore_next(const struct raft *raft);
/* The next entries, `last` at most the applied index, all of one term: nothing but their
 * place is needed, to serve followers that are behind. CHECKSUM: a term goes back or is
 * above the hard state's, or `last` is below the next one or above the applied index. */
MUST_USE enum status raft_restore_run(struct raft *raft, uint64_t last, uint64_t term);
/* The next entry, as read back. Payload is copied while limits.unapplied_bytes_max lasts;
 * what was not kept, raft_entry does not find, and the host reads it from the log again
 * when it is to be applied. CHECKSUM: not the next one, a term that goes back or is above the
 * hard state's, or members that do not parse. VERSION: members of a later format. */
MUST_USE enum status raft_restore_entry(struct raft *raft,
                                        const struct raft_entry *entry);

/* --- Events ------------------------------------------------------------------------ */

enum raft_event_kind {
    /* Time: one tick has passed. */
    RAFT_EVENT_TICK,
    /* From another replica. */
    RAFT_EVENT_MESSAGE,
    /* Answered in `status` and `index`; see the structs. */
    RAFT_EVENT_PROPOSE,
    RAFT_EVENT_CHANGE_MEMBERS,
    RAFT_EVENT_TRANSFER,
    RAFT_EVENT_READ,
    /* Become leader soon: there is known to be none. (The child of a split.) */
    RAFT_EVENT_CAMPAIGN,
    /* From the own disk. */
    RAFT_EVENT_WRITTEN,
    RAFT_EVENT_APPLIED,
    RAFT_EVENT_FETCHED,
    RAFT_EVENT_COMPACTED,
    /* Snapshots, at the sender. */
    RAFT_EVENT_SNAPSHOT_READY,
    RAFT_EVENT_SNAPSHOT_SENT,
    RAFT_EVENT_SNAPSHOT_LOST,
    /* Snapshots, at the receiver. */
    RAFT_EVENT_INSTALL_BEGUN,
    RAFT_EVENT_INSTALL_DONE,
    RAFT_EVENT_INSTALL_FAILED,
    /* The connection to a replica broke: what was in flight may be lost. */
    RAFT_EVENT_UNREACHABLE,
    RAFT_EVENT_KIND_COUNT,
};

/*
 * Entries, one per payload, taken all or none; payloads are copied. `index` is the first
 * one's, the others follow. They are decided when the update says apply for them with the
 * term of raft_status at that step; another term there, or dropped_from at or below, means
 * DROPPED: this index will never hold them.
 *   NOT_LEADER   ask raft_status.leader_id (also while leadership is being transferred)
 *   OVERLOADED   limits.unapplied_* or writes in flight
 *   TOO_LARGE    a payload above RAFT_PAYLOAD_BYTES_MAX
 *   INVALID      a payload that is empty or begins with RAFT_PAYLOAD_MEMBERS
 */
struct raft_propose {
    const struct slice *payloads;
    uint32_t count; /* at least 1 */
};

/*
 * One change of members; `index` is its entry's. NOT_LEADER, OVERLOADED as above, the
 * refusals of raft_members_change, and
 *   SHARD_MOVING   another change is not committed, no entry of this term is, leadership
 *                  is being transferred, or a learner to promote has not caught up, or
 *                  was never heard of
 */
struct raft_change_members {
    struct raft_change change;
};

/* Hand leadership to this voter, 0 = to the one that has most of the log. Proposals are
 * refused until it has begun its term or an election timeout has passed. NOT_LEADER;
 * NOT_FOUND: not a voter, or there is no other; SHARD_MOVING: one is on its way. A
 * transfer to the leader itself is OK and nothing. */
struct raft_transfer {
    uint64_t replica_id;
};

/* A linearizable read: it comes back in update.reads with the index to be applied first.
 * NOT_LEADER; OVERLOADED: RAFT_READS_WAITING_MAX. */
struct raft_read_request {
    uint64_t context; /* the caller's */
};

/* Older entries of the log for a follower that is behind, as an update's fetch asked;
 * valid until the update is. NOT_FOUND: they are no longer in the log; any other failure
 * is the host's to deal with, and is asked again. */
struct raft_fetched {
    uint64_t replica_id;
    uint64_t first; /* as asked */
    enum status status;
    const struct raft_entry *entries; /* consecutive from `first`, at least one when OK */
    uint32_t count;
};

/* A snapshot for a follower is there to be fetched from here. Its members are those that
 * raft_members_at told for `index` (ignored while they are not known there); pointers are
 * valid until the update is. */
struct raft_snapshot_ready {
    uint64_t replica_id;
    uint64_t index;
    uint64_t term;
    const struct raft_members *members;
    struct slice manifest;
};

/* The snapshot that is in place now. */
struct raft_installed {
    uint64_t index;
    uint64_t term;
    const struct raft_members *members;
};

struct raft_event {
    enum raft_event_kind kind;
    union {
        const struct raft_message *message; /* borrowed for the step */
        struct raft_propose propose;
        struct raft_change_members change_members;
        struct raft_transfer transfer;
        struct raft_read_request read;
        /* WRITTEN: every write through this sequence is durable. */
        uint64_t written_sequence;
        /* APPLIED: the state machine's index. COMPACTED: the log has let go of everything
         * through here (log_store_release). */
        uint64_t through_index;
        struct raft_fetched fetched;
        struct raft_snapshot_ready snapshot_ready;
        struct raft_installed installed; /* INSTALL_DONE */
        /* SNAPSHOT_SENT, SNAPSHOT_LOST, UNREACHABLE: which replica. */
        uint64_t replica_id;
    };
    /* Written by raft_step for PROPOSE, CHANGE_MEMBERS, TRANSFER, READ. */
    enum status status;
    uint64_t index;
};

/*
 * The receiver's side of a snapshot. update.install names one that is wanted: the host
 * fetches it from `from` as the manifest says, while the replica goes on as before. When
 * the files are complete:
 *   INSTALL_BEGUN   with the INSTALLING marker synced. From here to the end the replica
 *                   is mute: it acknowledges, serves and votes nothing and drops messages.
 *                   (Ask raft_install_wanted first: it may be stale by now.)
 *   INSTALL_DONE    the state is in place and flushed. The update's write resets the log
 *                   behind it and raises the commit hint; the host clears its marker in
 *                   the same batch. WRITTEN ends the muteness and acknowledges.
 *   INSTALL_FAILED  before DONE: given up; whether or not it had begun.
 * A restart that finds the marker installs again before raft_new, with the snapshot as the
 * applied state.
 */

/* --- Updates ----------------------------------------------------------------------- */

/*
 * For one replica, in this order: reset, hard state, entries. Writes are numbered from 1
 * without gaps, must reach the disk in order, and may be merged with others and among
 * themselves (a write of entries replaces all from its first index on).
 */
struct raft_write {
    uint64_t sequence; /* 0: nothing to write */
    bool has_state;
    struct raft_hard_state state;
    bool has_reset; /* the log is to be emptied: the next entry is reset_index + 1 */
    uint64_t reset_index;
    uint64_t reset_term;
    uint64_t first_index; /* entries [first, last], payloads by raft_entry; */
    uint64_t last_index;  /* first > last when none */
};

/* Entries from the log for a follower: read [first, last], up to max_bytes of payload but
 * at least one, and report FETCHED. One at a time for each follower. */
struct raft_fetch {
    uint64_t replica_id;
    uint64_t first;
    uint64_t last;
    size_t max_bytes;
};

struct raft_read {
    uint64_t context;
    enum status status; /* OK, or NOT_LEADER: this replica cannot tell; ask the leader */
    uint64_t index;     /* OK: serve once this is applied */
};

struct raft_install {
    uint64_t from; /* replica id of the leader that offers it */
    uint64_t index;
    uint64_t term;
    struct raft_members members;
    struct slice manifest;
};

enum raft_changed {
    RAFT_CHANGED_ROLE = 1,
    RAFT_CHANGED_TERM = 2,
    RAFT_CHANGED_LEADER = 4,
    RAFT_CHANGED_MEMBERS = 8, /* the newest in the log; also when undone */
    RAFT_CHANGED_COMMIT = 16,
};

struct raft_update {
    struct raft_write write;

    const struct raft_message *messages; /* may go at once */
    size_t message_count;

    /* Committed, durable here, each index told once, without gaps. Payload and kind by
     * raft_entry; NO_OP and MEMBERS are not the state machine's but count as applied. */
    uint64_t apply_first;
    uint64_t apply_last; /* below apply_first: nothing */

    const struct raft_read *reads; /* confirmed or refused, in order of arrival */
    size_t read_count;

    /* Entries at this index and above that were in the log are no longer, or are unknown:
     * whoever waits for one of them is DROPPED (outcome unknown). 0 = none. */
    uint64_t dropped_from;

    const struct raft_fetch *fetches;
    size_t fetch_count;

    /* Followers whose next entry is not in the log: report SNAPSHOT_READY, then
     * SNAPSHOT_SENT or SNAPSHOT_LOST. Asked again after limits.snapshot_ticks; to be
     * ignored while one is on its way. */
    const uint64_t *snapshots_wanted;
    size_t snapshot_count;

    const struct raft_install *install; /* NULL: none */

    uint32_t changed; /* enum raft_changed */
};

/* Takes the events in their order; `now` stands in replies and samples only. The answers
 * of events are written into them. out_update is overwritten. */
void raft_step(struct raft *raft, struct moment now, struct raft_event *events,
               size_t event_count, struct raft_update *out_update);

/* --- Looking ----------------------------------------------------------------------- */

/* An entry whose payload is in memory, valid until the next step. Those of a write are,
 * and those to be applied, but for what a restart did not keep. False: it is in the log,
 * or nowhere. */
bool raft_entry(const struct raft *raft, uint64_t index, struct raft_entry *out_entry);
/* The term of an entry from log_first - 1 on; 0 when it is not known (any more). */
uint64_t raft_entry_term(const struct raft *raft, uint64_t index);

enum raft_role {
    RAFT_FOLLOWER,
    RAFT_PRE_CANDIDATE,
    RAFT_CANDIDATE,
    RAFT_LEADER,
    RAFT_ROLE_COUNT,
};
const char *raft_role_name(enum raft_role role);

struct raft_status {
    enum raft_role role;
    uint64_t term;
    uint64_t vote;
    uint64_t leader_id;       /* 0 = not known */
    uint64_t transfer_target; /* 0 = none */
    uint64_t commit;
    uint64_t applied; /* as reported */
    uint64_t log_first;
    uint64_t last_index;
    uint64_t last_term;
    uint64_t durable_index;
    uint64_t write_sequence;   /* newest handed out */
    uint64_t written_sequence; /* newest reported */
    bool installing;           /* mute */
    bool own_term_committed;   /* a leader that may serve reads and change members */
};
void raft_status(const struct raft *raft, struct raft_status *out_status);

/* The newest members in the log: those that count. */
const struct raft_members *raft_members(const struct raft *raft);
/* The members as of an index: what a snapshot of it carries. Known from the newest change
 * at or below the index applied last (or opened with) on; false before. */
bool raft_members_at(const struct raft *raft, uint64_t index,
                     struct raft_members *out_members);

enum raft_progress_state {
    RAFT_PROBE,     /* where the logs agree is not known: one append at a time */
    RAFT_REPLICATE, /* appends stream */
    RAFT_SNAPSHOT_NEEDED,
    RAFT_PROGRESS_STATE_COUNT,
};
struct raft_follower {
    uint64_t replica_id;
    bool voter;
    bool active; /* heard from within an election timeout */
    enum raft_progress_state state;
    uint64_t match; /* durable there */
    uint64_t next;
    uint32_t in_flight;
};
/* A leader's followers; returns how many (none when it does not lead). */
uint32_t raft_followers(const struct raft *raft,
                        struct raft_follower out_followers[RAFT_MEMBERS_MAX]);

/* A voter's clock as heard in this term: wall_ms less this leader's monotonic
 * milliseconds, when the reply arrived. */
struct raft_clock_sample {
    uint64_t replica_id;
    int64_t offset_ms;
    uint64_t sampled_us; /* this leader's monotonic time */
};
/* Of the other voters, those there are; returns how many. For log time (inventory.md). */
uint32_t raft_clock_samples(const struct raft *raft,
                            struct raft_clock_sample out_samples[RAFT_VOTERS_MAX]);
/* The lower median of the voters' clocks, the leader's own among them, as they stand now.
 * False with fewer than a quorum of them, or when it does not lead. */
bool raft_quorum_clock_ms(const struct raft *raft, struct moment now,
                          int64_t *out_wall_ms);

/* Would a snapshot of (index, term) still bring something? False at or below the commit
 * index, or when the log holds that entry. */
bool raft_install_wanted(const struct raft *raft, uint64_t index, uint64_t term);

/* What was dropped and why, and what happened, since raft_new. */
struct raft_counters {
    uint64_t foreign_group; /* messages dropped: of another group */
    uint64_t wrong_replica; /* to another replica id */
    uint64_t stranger;      /* from a replica that is no member (removed or unknown) */
    uint64_t old_term;      /* of a term that is over */
    uint64_t leader_alive;  /* votes refused because the leader is heard from */
    uint64_t impossible; /* contradicts the protocol: a defect or damage at the sender */
    uint64_t while_installing;
    uint64_t elections_begun; /* votes asked for */
    uint64_t elections_won;
    uint64_t quorum_lost; /* stepped down by check-quorum */
    uint64_t appends_rejected;
    uint64_t appends_resent; /* a follower went from REPLICATE to PROBE */
    uint64_t proposals_refused;
};
void raft_counters(const struct raft *raft, struct raft_counters *out_counters);

#endif
