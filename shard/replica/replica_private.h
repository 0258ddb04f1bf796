/* SPDX-License-Identifier: Apache-2.0 */
/* The inside of a replica, shared by its files; stays in this folder. */
#ifndef SOUK_SHARD_REPLICA_REPLICA_PRIVATE_H
#define SOUK_SHARD_REPLICA_REPLICA_PRIVATE_H

#include "shard/base/arena.h"
#include "shard/raft/raft.h"
#include "shard/replica/install.h"
#include "shard/replica/log_time.h"
#include "shard/replica/machine.h"
#include "shard/replica/peer.h"
#include "shard/replica/replica.h"
#include "shard/replica/sending.h"
#include "shard/storage/meta_row.h"

enum {
    REPLICA_SCRATCH_INLINE_BYTES = 16 << 10,
    /* Payload read back at a time when the log is replayed. */
    REPLICA_REPLAY_BYTES = 8 << 20,
    /* Batches collected and not reported written; hosts have fewer. */
    REPLICA_TICKETS_MAX = 64,
    /* Events that one step of the core takes. */
    REPLICA_EVENTS_MAX = 64,
    /* Replaced states in which a search still runs. */
    REPLICA_RETIRED_MAX = 4,
    /* Bytes of messages that nobody took; more are dropped (the core sends again). */
    REPLICA_MAIL_BYTES_MAX = 32 << 20,
    /* Entries that the log keeps beyond the flushed index for followers that are alive. */
    REPLICA_LOG_KEEP_ENTRIES = 4096,
    REPLICA_TICKS_MAX = 2, /* of the core, made up for at once after a pause */
};

/* Who waits for an entry that is appended here and not applied yet. */
struct replica_entry {
    uint64_t index;
    uint64_t term;
    uint32_t own_count;      /* commands at its front that nobody waits for: a TICK */
    uint32_t proposed_count; /* those of the oldest proposals, in order */
};

/* What one collect put into a log batch. */
struct replica_ticket {
    uint64_t number;
    uint64_t sequence; /* of the core's writes in it; 0 none */
    bool install;      /* a step of the install is in it */
};

/* Messages to other members, encoded one behind the other. */
struct replica_mail {
    struct buffer bytes;
    struct replica_letter {
        uint64_t to_replica_id;
        size_t offset;
        size_t size;
    } * letters;
    size_t letter_count;
    size_t letter_capacity;
    size_t taken;
};

/* What a peer has said of itself. */
struct replica_peer {
    uint64_t replica_id;
    uint32_t level;       /* the feature level it supports */
    bool snapshot_wanted; /* it needs one, and has not been told of one */
    bool snapshot_offered;
};

struct replica {
    struct replica_options options;
    struct machine *machine;
    struct machine *retired[REPLICA_RETIRED_MAX]; /* somebody still searches in them */
    struct log_time clock;
    struct replica_pressure pressure;
    enum status failed; /* not OK: an entry could not be applied; it does nothing more */

    /* Consensus. */
    struct raft *raft;
    enum raft_role role;
    uint64_t term;
    struct raft_write write; /* what the core wants written and was not collected */
    struct replica_ticket tickets[REPLICA_TICKETS_MAX]; /* a ring, by number */
    uint64_t ticket_collected;
    uint64_t ticket_written;
    uint64_t next_raft_tick_us;
    bool lone;                   /* the only voter: what is durable here is committed */
    bool single;                 /* no other member at all */
    struct raft_members members; /* as of the applied index */
    bool members_dirty;
    uint32_t feature_level; /* as of the applied index */
    bool level_proposed;
    struct replica_peer peers[RAFT_MEMBERS_MAX];
    uint32_t peer_count;
    struct replica_mail mail;
    struct arena messages; /* entries read back for followers, until the next step */
    struct install install;
    struct sending sending;
    uint64_t released;  /* told to the log */
    uint64_t compacted; /* told to the core */
    uint64_t messages_dropped;

    /* Proposals in the order they came: first those with commands on their way, then,
     * from next_append on, those with commands to append. */
    struct list proposals;
    struct list *next_append; /* == &proposals when there is none */
    size_t proposal_count;
    size_t waiting_bytes;
    struct list done_proposals;
    struct buffer payload; /* of the entry being made */

    /* Reads that need a TICK that is not appended yet, and those whose TICK is; those that
     * wait for the core's word that this replica still leads, and then for its index. */
    struct list untold_reads;
    struct list ticked_reads;
    struct list asking_reads;
    struct list confirming_reads;
    struct list confirmed_reads;
    /* Reads that wait for what becomes of a request: until it is known, or their deadline. */
    struct list outcome_reads;
    uint64_t outcomes_index; /* they were looked at with this one applied */
    uint64_t read_id;
    size_t read_count;
    struct list done_reads;
    bool tick_due;       /* the machine wants one of its own */
    uint64_t tick_index; /* of the newest TICK appended */

    struct replica_entry entries[REPLICA_ENTRIES_IN_FLIGHT_MAX]; /* a ring */
    size_t entry_first;
    size_t entry_count;

    /* The applied state. */
    uint64_t applied_index;
    uint64_t applied_term;
    int64_t applied_log_ms;
    uint64_t state_index; /* the newest collected state batch was cut here */
    uint64_t flushed_index;
    bool descriptor_written;
    uint64_t forget_replica_id; /* the dead one whose place this is; the log may go */
    bool install_collected;     /* the state batch on its way has a part of an install */
    uint64_t commands_applied;
    uint64_t commands_replayed;
    /* As last told to the metrics. */
    uint64_t told_holds_open;
    uint64_t told_holds_expired;
    uint64_t told_events;

    struct arena scratch;
    _Alignas(16) uint8_t scratch_inline[REPLICA_SCRATCH_INLINE_BYTES];
    struct buffer key;
    struct buffer value;
};

/* --- replica_raft.c ------------------------------------------------------------------ */

/* Steps the core with the events and does what it says, until nothing follows. */
void replica_raft_step(struct replica *replica, struct moment now,
                       struct raft_event *events, size_t event_count);
/* Does it answer and decide, for all it knows? (Reads of several voters ask first.) */
bool replica_leads(const struct replica *replica);
/* Puts what the core wants written into the batch; the sequence, 0 when there is none. */
uint64_t replica_raft_collect(struct replica *replica, struct log_batch *batch);
void replica_raft_release(struct replica *replica, struct moment now);
void replica_raft_note_members(struct replica *replica);
/* Snapshots on: cut, offered, asked for. */
void replica_snapshot_tick(struct replica *replica, struct moment now);
void replica_mail_put(struct replica *replica, struct peer_message *message);
uint32_t replica_level_supported(const struct replica *replica);

/* --- replica_open.c ------------------------------------------------------------------ */

/* From options to a replica that is ready to step. */
enum status replica_start(struct replica *replica, struct moment now,
                          struct problem *problem);
/* The state in the store, whose index is at most the log's; into a fresh machine. */
enum status replica_load(struct replica *replica, struct moment now);
struct machine *replica_machine_new(const struct replica_options *options);
enum key_table replica_table(enum replica_kind kind);
void replica_meta_key(struct replica *replica, enum meta_kind kind);
/* Frees machines in which nobody searches any more. */
void replica_free_retired(struct replica *replica);

/* --- The others ----------------------------------------------------------------------- */

/* The moment as log time judges it: the clock bounded by those of a quorum. */
struct moment replica_judged(const struct replica *replica, struct moment now);
/* Ends every proposal and read that only a leader can decide. */
void replica_step_down(struct replica *replica);
void replica_serve_waiting(struct replica *replica, struct moment now);
/* Answers who waits for an outcome that is known by now, or cannot wait any longer. */
void replica_serve_outcomes(struct replica *replica, struct moment now);
/* Applies one committed entry, and answers who waits for it. VERSION or CHECKSUM: the
 * replica must stop. */
enum status replica_apply_entry(struct replica *replica, const struct log_entry *entry);
struct replica_stamp replica_stamp(const struct replica *replica);
void replica_serve_read(struct replica *replica, struct moment now,
                        struct replica_read *read);
/* Does it touch a hold that is due by the bounded clock, so that a TICK goes first? */
bool replica_read_due(struct replica *replica, struct moment now,
                      const struct replica_read *read);
/* Brings the metrics of what the state holds up to date. */
void replica_tell_metrics(struct replica *replica);
/* Takes a proposal off and puts it among the done ones. */
void replica_end_proposal(struct replica *replica, struct replica_proposal *proposal,
                          enum status status);
void replica_end_read(struct replica *replica, struct replica_read *read,
                      enum status status);

#endif
