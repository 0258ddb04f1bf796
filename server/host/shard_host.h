/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The replicas of one loop and the calls that wait for them. Pull style, without thread,
 * clock or libuv: the runtime drives it from a loop, tests from a for-loop:
 *
 *     host_submit(call)...                 calls come in
 *     host_turn(now, log_batch)            ONE batch with the entries of all ready
 * replicas host_batch_written(now)              that batch is durable: apply, answer
 *     host_state_turn(now, store_batch)    ONE batch with the changed state of all
 *     host_state_written(now)              it is in the store
 *     host_receive(now, message)           what a replica elsewhere says
 *     host_take_message                    what is to be told elsewhere, after any of these
 *     host_take_parcel                     what shards tell other shards, likewise
 *     host_finish                          runs `done` of what has ended
 *
 * Several log batches may be on their way (host_turn again before host_batch_written);
 * they are written, and reported, in the order they were made. At most one state batch is
 * on its way.
 *
 * Owner: one thread. Nothing calls back but shard_call.done, and that only from
 * host_finish.
 */
#ifndef SOUK_SERVER_HOST_SHARD_HOST_H
#define SOUK_SERVER_HOST_SHARD_HOST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "server/host/shard_call.h"
#include "shard/base/clock.h"
#include "shard/base/setting.h"
#include "shard/base/status.h"
#include "shard/recommend/trending.h"
#include "shard/replica/replica.h"
#include "shard/storage/log_batch.h"
#include "shard/storage/store.h"

enum {
    HOST_BATCHES_IN_FLIGHT_MAX = 4,
    /* Bytes above which no further replica joins a batch; it comes into the next one. */
    HOST_LOG_BATCH_BYTES_MAX = 16 << 20,
    HOST_STATE_BATCH_BYTES_MAX = 32 << 20,
    /* Changed bytes above which state is flushed before flush_interval_ms is over. */
    HOST_DIRTY_BYTES_MAX = 8 << 20,
};

struct shard_host;

struct shard_host *host_new(const struct settings *settings);
/* Frees it and its replicas; calls inside are dropped, so finish them before. Accepts
 * NULL. */
void host_free(struct shard_host *host);
/* The replica becomes the host's. ALREADY_EXISTS for a second one of a shard. */
MUST_USE enum status host_add(struct shard_host *host, struct replica **replica);
size_t host_replica_count(const struct shard_host *host);
/* Borrowed; NULL when it is not here. */
struct replica *host_replica(const struct shard_host *host, uint64_t shard_id);
struct replica *host_replica_at(const struct shard_host *host, size_t index);

/* Takes the call; it ends through host_finish, also when it is refused: as replica_propose
 * says, EPOCH_CHANGED when the shard is not here, OVERLOADED when more than
 * proposal_queue_max_bytes wait. */
void host_submit(struct shard_host *host, struct moment now, struct shard_call *call);
/* For all replicas: see replica_pressure. */
void host_set_pressure(struct shard_host *host, struct replica_pressure pressure);

/*
 * Ticks the replicas that are due and collects all that are ready into `batch` (emptied
 * first). True when there is something to write; then host_batch_written has to follow.
 * False, and nothing is collected, while HOST_BATCHES_IN_FLIGHT_MAX are on their way.
 */
bool host_turn(struct shard_host *host, struct moment now, struct log_batch *batch);
/*
 * Between replicas of a shard on different nodes. Taken after host_turn,
 * host_batch_written, host_receive or a state batch; the bytes are valid until the next
 * call. A message may be lost, repeated or late; one that is damaged or for a replica that
 * is not here is dropped and counted.
 */
struct host_message {
    uint64_t shard_id;
    uint64_t from_replica_id;
    uint64_t to_replica_id;
    struct slice bytes;
};
MUST_USE bool host_take_message(struct shard_host *host,
                                struct host_message *out_message);
void host_receive(struct shard_host *host, struct moment now,
                  const struct host_message *message);

/*
 * What a shard here tells another shard of its table, wherever that is: a command to be
 * proposed there (as a shard_call whose outcome nobody reads), at whoever owns the key.
 * Ask after host_turn and host_batch_written; host_next_due_us says when it is due.
 */
struct host_parcel {
    enum replica_kind kind;
    struct replica_parcel parcel; /* valid until the next call to the host */
};
MUST_USE bool host_take_parcel(struct shard_host *host, struct moment now,
                               struct host_parcel *out_parcel);

/* As replica_change_members, replica_transfer; EPOCH_CHANGED when the shard is not here. */
MUST_USE enum status host_change_members(struct shard_host *host, struct moment now,
                                         uint64_t shard_id,
                                         const struct raft_change *change);
MUST_USE enum status host_transfer(struct shard_host *host, struct moment now,
                                   uint64_t shard_id, uint64_t replica_id);
/* Not OK: a replica here has stopped for good (replica_failed); the first that did. */
enum status host_failed(const struct shard_host *host);

/* The oldest batch on its way is durable. VERSION, CHECKSUM: a replica must not go on, and
 * so must not the process (replica_written). */
MUST_USE enum status host_batch_written(struct shard_host *host, struct moment now);
/* Is something ready that host_turn would collect? */
bool host_ready(const struct shard_host *host);
/* Bytes of commands ready to be collected, and of those on their way. */
size_t host_ready_bytes(const struct shard_host *host);
size_t host_in_flight_bytes(const struct shard_host *host);
size_t host_batches_in_flight(const struct shard_host *host);

/*
 * True when state is due (flush_interval_ms since the first change, HOST_DIRTY_BYTES_MAX,
 * or a snapshot that waits for it) and none is on its way: `batch` (emptied first) holds it, and
 * host_state_written has to follow. `force` flushes whatever has changed.
 */
bool host_state_turn(struct shard_host *host, struct moment now, bool force,
                     struct store_batch *batch);
void host_state_written(struct shard_host *host);
/* From the apply writer: what would survive a crash (replica_persisted_index). */
void host_state_persisted(struct shard_host *host, uint64_t shard_id, uint64_t index);

/* Changed bytes that are not in a state batch yet, about. */
uint64_t host_dirty_bytes(const struct shard_host *host);

/* Monotonic time at which host_turn or host_state_turn should be called at the latest. */
uint64_t host_next_due_us(const struct shard_host *host, struct moment now);

/*
 * The degree tables of this thread, one per vector: sums over all shards of the node, not
 * only over those here. Whoever drives the hosts hands the news of each to all of them,
 * the own one first, so that reads here never see less than this host's shards have told.
 */
struct host_news {
    enum recommend_degrees kind;
    uint64_t shard_id;
    struct degree_delta delta; /* the taker's: degree_delta_close */
};
/* The next changed degrees of a shard (replica_take_degrees); false when there are no
 * more. Before host_finish, so that who got an answer finds them counted. */
MUST_USE bool host_take_degrees(struct shard_host *host, struct host_news *out_news);
/* Adds the news of a shard, here or elsewhere; in the order in which they were taken. */
void host_tell_degrees(struct shard_host *host, const struct host_news *news);
/* Borrowed, and for the host's thread only. */
struct degree_table *host_degrees(struct shard_host *host, enum recommend_degrees kind);
/* What rises in them; as host_degrees. */
struct trending *host_trending(struct shard_host *host);

/* Runs `done` of every call that has ended; returns what they weighed (shard_call_bytes),
 * 0 when there was none. */
size_t host_finish(struct shard_host *host);
/* Calls inside, batches on their way, state not yet written: 0 when it is at rest. */
size_t host_busy(const struct shard_host *host);

#endif
