/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One replica of one shard: a log, the state machine behind it, and who waits for what.
 * Pull style: it reads no clock, starts no thread, writes nothing and calls nobody. A
 * host feeds it, asks what is to be written, says when it is durable, and collects what
 * is done. The server drives it from a libuv loop, tests from a for-loop.
 *
 *     replica_propose, replica_read, replica_step, replica_tick      feed it
 *     replica_collect(log_batch)    what to write; it is not acknowledged yet
 *     replica_written(ticket)       it is durable: acknowledge, apply, make the answers
 *     replica_take_message          what other members are to be told
 *     replica_done_proposal, replica_done_read                       what is finished
 *     replica_collect_state(store_batch), replica_state_written,
 *     replica_state_persisted       the same for the state behind the log
 *
 * Owner: the thread of its host. One log entry carries all proposals of one turn. Nothing
 * is applied or answered before its entry is durable on a quorum of the members; several
 * collects may be on their way at once, and are written in order.
 *
 * Members: the leader alone decides and answers; any other refuses with NOT_LEADER, and
 * its replica_status names the leader. A replica that is the only voter answers from its
 * start on, for all that is durable there is committed.
 *
 * Log time (inventory.md) of an entry: the greater of the previous entry's plus half the
 * monotonic time since, and this machine's clock, which counts only up to the median of
 * the members' clocks and half a second, and not at all without a quorum of them. It never
 * goes back, also across restarts.
 *
 * Reads are pure functions of the applied log. With several members a read waits until a
 * quorum has confirmed, after it came, that this replica still leads. A read that touches
 * a hold which is due by the clock but not by log time, as it comes or once it is
 * confirmed, waits for one shared TICK entry; so does the shard itself when its expiry heap
 * is due.
 */
#ifndef SOUK_SHARD_REPLICA_REPLICA_H
#define SOUK_SHARD_REPLICA_REPLICA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/clock.h"
#include "shard/base/setting.h"
#include "shard/base/status.h"
#include "shard/raft/members.h"
#include "shard/recommend/degrees.h"
#include "shard/replica/work.h"
#include "shard/storage/key.h"
#include "shard/storage/log_batch.h"
#include "shard/storage/log_store.h"
#include "shard/storage/store.h"

enum {
    /* Appended entries that are not applied yet; further proposals wait. */
    REPLICA_ENTRIES_IN_FLIGHT_MAX = 16,
    /* Changed bytes above which a replay writes its state to the store by itself, so that
     * what the first flush has to write stays small however long the log is. */
    REPLICA_REPLAY_DIRTY_BYTES_MAX = 8 << 20,
    /* Flushes of a store that stalls during the replay before it counts as broken. */
    REPLICA_REPLAY_STALLS_MAX = 100,
    /* When nothing is due, a replica asks to be ticked again after this long. */
    REPLICA_TICK_IDLE_US = 1000000,
    /* What the leader's clock may be ahead of the median of a quorum's. */
    REPLICA_CLOCK_AHEAD_MS = 500,
    /* The highest feature level that this version supports. */
    REPLICA_FEATURE_LEVEL = 1,
};

struct replica;

struct replica_options {
    struct store *store;   /* borrowed; read here, written by the host */
    struct log_store *log; /* borrowed; read and released here, appended by the host */
    const struct settings *settings; /* borrowed */
    enum replica_kind kind;
    uint64_t shard_id;
    uint64_t replica_id;    /* names its records in the log; not 0 */
    struct key_range range; /* the hashes it owns */
    uint64_t range_epoch;
    uint64_t hash_seed; /* of the cluster */
    struct hash128 cluster_id;
    uint64_t seed; /* of chance in elections: another one for each replica and start */

    /*
     * Of a replica without a past: the members with which its shard is born, the same for
     * each of them; or it joins a shard that is there, and knows nobody until its leader
     * speaks to it. Neither: it is the only voter.
     */
    const struct raft_members *members;
    bool joins;
    /*
     * Not 0: the replica of this id was here, is damaged and dead; this one takes its
     * place, empty, as a new learner. INVALID unless enough voters are healthy without it
     * (healthy_voters, as the caller found them) to be a quorum.
     */
    uint64_t replaces_replica_id;
    uint32_t healthy_voters;

    /* For tests; 0: what the version has. */
    uint32_t feature_level_supported;
    size_t snapshot_chunk_bytes;
    size_t raft_message_bytes; /* struct raft_limits.message_bytes_max */
};

/*
 * Loads the state from the store and applies the log above it, writing state to the store
 * when there is much of it: nobody else may be writing. Blocks on both.
 * CHECKSUM: damaged, quarantine it. VERSION: written by a later version. INVALID: the
 * folder's descriptor says another table or range. `problem` may be NULL.
 */
MUST_USE enum status replica_open(const struct replica_options *options,
                                  struct moment now, struct problem *problem,
                                  struct replica **out_replica);
/* Frees it; what waits inside is dropped without an answer, so finish it before. Accepts
 * NULL. */
void replica_close(struct replica *replica);

/* --- Feed -------------------------------------------------------------------------- */

/* Messages from other members, as their replica_take_message gave them. What is damaged,
 * foreign, or of a replica that is no member, is dropped and counted. */
struct replica_message {
    uint64_t from_replica_id;
    struct slice bytes;
};
void replica_step(struct replica *replica, struct moment now,
                  const struct replica_message *messages, size_t message_count);

/*
 * Asks of the leader; what the core answers (shard/raft/raft.h): NOT_LEADER, SHARD_MOVING
 * (not now), ALREADY_EXISTS, NOT_FOUND, INVALID, QUANTITY_LIMIT, OVERLOADED. OK: begun.
 */
MUST_USE enum status replica_change_members(struct replica *replica, struct moment now,
                                            const struct raft_change *change);
/* To this voter; 0: to whichever is most up to date. */
MUST_USE enum status replica_transfer(struct replica *replica, struct moment now,
                                      uint64_t replica_id);

/* Looks at the clock: elections and heartbeats, a TICK when a hold is due, parts of a
 * snapshot, reads past their deadline. */
void replica_tick(struct replica *replica, struct moment now);
/* Monotonic time of the next useful replica_tick. */
uint64_t replica_next_tick_us(const struct replica *replica, struct moment now);

/*
 * OK: taken; it comes back through replica_done_proposal. Else it is REFUSED at once and
 * still the caller's, with the status also in proposal->status:
 *   NOT_LEADER     another replica decides
 *   OVERLOADED     the state store stalls, or the memory of request ids is full
 *   DISK_FULL      and it frees nothing (releases, cancellations, expiry are taken)
 *   EPOCH_CHANGED  a command's key lies outside the range
 *   TOO_LARGE      a command above log_entry_max_bytes
 *   VERSION        a command that this version cannot read, or of the other table
 */
MUST_USE enum status replica_propose(struct replica *replica,
                                     struct replica_proposal *proposal);

/* Taken always: answered at once, or after the TICK it waits for. */
void replica_read(struct replica *replica, struct moment now, struct replica_read *read);

/*
 * A SEARCH may run beside the replica's thread. _work tells how long it might be: about
 * the postings it reads; 0 for any other query. _begin takes a reader's place, at the
 * point where replica_read would have answered: the answer is that of the state applied
 * now, as stamp and version say. False when EPOCH_READERS_MAX searches are running. Then
 * exactly one of _run and _drop, on any thread; the replica outlives them.
 */
uint64_t replica_search_work(const struct replica *replica,
                             const struct replica_query *query);
MUST_USE bool replica_search_begin(const struct replica *replica,
                                   const struct replica_query *query,
                                   struct replica_search *out_search);
void replica_search_run(const struct replica_search *search, struct arena *arena,
                        struct replica_answer *out_answer);
void replica_search_drop(const struct replica_search *search);

/* What presses on the node. Ticks, releases and expiry go on whatever it says. */
struct replica_pressure {
    bool disk_full;   /* disk_full_percent is passed */
    bool store_stall; /* the queue of state writes is full */
};
void replica_set_pressure(struct replica *replica, struct replica_pressure pressure);

/* --- Write ------------------------------------------------------------------------- */

struct replica_outgoing {
    uint64_t to_replica_id;
    struct slice bytes; /* valid until the next call to the replica */
};
/* The next message to another member; false when there is none. May be asked after any
 * call; a message that is not taken, or lost, does no harm. */
MUST_USE bool replica_take_message(struct replica *replica,
                                   struct replica_outgoing *out_message);
bool replica_has_message(const struct replica *replica);

/*
 * What a shard tells another of its table, as a command for that one's log: of holds over
 * several shards. Only who leads tells; a parcel that is lost or late is told again.
 */
struct replica_parcel {
    uint64_t hash;        /* the key that it goes to */
    struct slice command; /* valid until the next call to the replica */
};
MUST_USE bool replica_take_parcel(struct replica *replica, struct moment now,
                                  struct replica_parcel *out_parcel);

/* Is there something for replica_collect? */
bool replica_ready(const struct replica *replica);
/* Bytes of commands that wait to be collected. */
size_t replica_waiting_bytes(const struct replica *replica);
/*
 * Puts what waits into the batch: of proposals at most one entry, limited by
 * log_entry_max_bytes; the rest waits for the next turn. Returns the ticket that
 * replica_written is to be called with once the batch is durable, 0 when nothing was added.
 */
uint64_t replica_collect(struct replica *replica, struct moment now,
                         struct log_batch *batch);
/* Everything collected through this ticket is durable. Tells the others, applies what is
 * committed and makes the answers. VERSION, CHECKSUM: an entry cannot be read here; the
 * replica has stopped for good (replica_failed). */
MUST_USE enum status replica_written(struct replica *replica, struct moment now,
                                     uint64_t ticket);
enum status replica_failed(const struct replica *replica);

/* What is finished, oldest first; NULL when there is no more. It is the caller's again.
 */
struct replica_proposal *replica_done_proposal(struct replica *replica);
struct replica_read *replica_done_read(struct replica *replica);

/*
 * What changed in one of the shard's degree vectors since the last call of this kind, at
 * the first everything. To be told to every degree table of the kind before the answers
 * of the same turn go out. False when nothing changed, or shards of this table have no
 * such vector; release with degree_delta_close.
 */
MUST_USE bool replica_take_degrees(struct replica *replica, enum recommend_degrees kind,
                                   struct degree_delta *out_delta);

/* --- State ------------------------------------------------------------------------- */

/* Has anything been applied since the last replica_collect_state, or is there work on a
 * snapshot? */
bool replica_state_dirty(const struct replica *replica);
/* Bytes that a collect would write now, about. */
uint64_t replica_dirty_bytes(const struct replica *replica);
/*
 * Adds everything that changed to the batch, cut at the applied index, together with that
 * index, its term and its log time. Returns the index. Everything put into one batch is
 * written in one store_write; batches are written in the order they were collected.
 */
uint64_t replica_collect_state(struct replica *replica, struct store_batch *batch);
/* Should the state be collected now, not only with the next flush? */
bool replica_state_urgent(const struct replica *replica);
/* The batch collected at this index is in the store. Reads the store when that was the
 * install of a snapshot. */
void replica_state_written(struct replica *replica, struct moment now, uint64_t index);
/* The store would survive a crash now with this applied index (replica_persisted_index):
 * the log below it may go. */
void replica_state_persisted(struct replica *replica, struct moment now, uint64_t index);
/* What replica_state_persisted wants; reads the store, so for the apply writer's thread.
 * 0 when nothing was persisted yet. */
MUST_USE enum status replica_persisted_index(struct store *store, uint64_t shard_id,
                                             uint64_t *out_index);

/* --- Look -------------------------------------------------------------------------- */

uint64_t replica_shard_id(const struct replica *replica);
uint64_t replica_id(const struct replica *replica);
uint64_t replica_leader(const struct replica *replica); /* its id; 0: not known */
enum replica_kind replica_kind(const struct replica *replica);
void replica_status(const struct replica *replica, struct replica_status *out_status);
uint64_t replica_applied_index(const struct replica *replica);
/* A hash over the whole applied state; equal for equal logs, whatever was flushed. */
uint64_t replica_digest(const struct replica *replica);
/* Proposals and reads inside: 0 when nobody waits. */
size_t replica_busy(const struct replica *replica);

#endif
