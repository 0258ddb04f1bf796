/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How a replica takes over a snapshot of its shard (shards.md, "Snapshot install"): asks
 * for its parts, keeps its chunks as prepared files, and puts them in the place of its
 * state, so that a crash anywhere leaves either the old state with the old log or the new
 * one with the new log.
 *
 *     IDLE -> RECEIVING -> SETTLED -> MARKING -> LOADING -> LOADED -> CLEARING -> IDLE
 *
 *   RECEIVING  parts are asked for; whole chunks go into state batches. The replica votes
 *              and acknowledges as ever. Then one batch writes the manifest and flushes.
 *   SETTLED    all of it is durable here; the marker waits to be collected
 *   MARKING    the marker is on its way into the log
 *   LOADING    a state batch deletes the ranges, ingests the files, writes the applied
 *              index and flushes; it is made and on its way, or about to be
 *   LOADED     it is written: the replica loads the new state; the end of it all waits to
 *              be collected
 *   CLEARING   one log batch resets the log, raises the commit hint and clears the marker
 *
 * From SETTLED to the end the replica acknowledges, serves and votes nothing
 * (install_freezes). A marker found at start is LOADING again (install_resume).
 *
 * Stays in this folder. Pure; owner: the replica.
 */
#ifndef SOUK_SHARD_REPLICA_INSTALL_H
#define SOUK_SHARD_REPLICA_INSTALL_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/clock.h"
#include "shard/replica/peer.h"
#include "shard/storage/log_batch.h"
#include "shard/storage/store.h"

enum {
    INSTALL_PENDING_BYTES_MAX = 8 << 20, /* chunks that wait for a state batch */
    INSTALL_ASK_AGAIN_US = 500 * 1000,   /* no answer to a part: ask once more */
    /* A sender that answers nothing for so long is given up; what is kept stays. */
    INSTALL_SILENCE_US = 10 * 1000 * 1000,
    /* Files of a snapshot that nobody goes on with are swept after so long. */
    INSTALL_SWEEP_US = 600 * 1000 * 1000,
};

enum install_stage {
    INSTALL_IDLE,
    INSTALL_RECEIVING,
    INSTALL_SETTLED,
    INSTALL_MARKING,
    INSTALL_LOADING,
    INSTALL_LOADED,
    INSTALL_CLEARING,
};

struct install_options {
    struct store *store; /* read: which files are here, and the manifest at start */
    uint64_t shard_id;
    uint64_t replica_id;
    enum key_table table;
    struct key_range range;
    uint64_t bytes_per_s;
    uint32_t feature_level; /* the highest that is supported here */
};

struct install {
    struct install_options options;
    enum install_stage stage;
    struct snapshot_receiver *receiver;
    uint64_t from_replica_id;
    /* Asking. */
    bool asked;
    uint64_t asked_us;
    uint64_t next_ask_us; /* by the pace */
    uint64_t heard_us;
    /* State batches. */
    struct store_batch pending; /* chunks to keep, files to delete */
    bool on_its_way;
    bool settling; /* the batch on its way holds all that was missing */
    /* What is installed, from the marker on. */
    struct buffer manifest_bytes;
    struct snapshot_manifest manifest;
    bool leftovers; /* files may be here that nobody needs */
    uint64_t sweep_us;
    uint64_t refused; /* parts and manifests that were damaged or not for this replica */
};

void install_init(struct install *install, const struct install_options *options);
void install_close(struct install *install);

/*
 * The marker of a start, if the log has one. INSTALL_LOADING: the caller writes the batch
 * of install_collect_state before it looks at its state. CHECKSUM: quarantine.
 */
MUST_USE enum status install_resume(struct install *install, struct slice note);

/* A head came: begins with it, goes on with it, or leaves an older one for it. Ignored
 * while one is being installed. */
void install_begin(struct install *install, struct moment now, uint64_t from_replica_id,
                   const struct snapshot_head *head);
/* Forgets a snapshot that is no longer needed; not one whose marker is written. */
void install_cancel(struct install *install, struct moment now);
/* Next part to ask for now, of install->from_replica_id; false when it is not time. */
bool install_asks(struct install *install, struct moment now,
                  struct peer_message *out_ask);
/* When install_asks is to be called again; UINT64_MAX: not by itself. */
uint64_t install_next_us(const struct install *install);
/* A SNAPSHOT_PART came. */
void install_take(struct install *install, struct moment now,
                  const struct peer_message *part);

/* Looks for files that nobody needs, when it is time. */
void install_tick(struct install *install, struct moment now);

bool install_freezes(const struct install *install);
/* Has something for a state batch, or for a log batch. */
bool install_state_ready(const struct install *install);
bool install_log_ready(const struct install *install);
/* Adds to the batch, the rows of the new state with the snapshot's versions, and this
 * replica's id, among it. At most one batch is on its way. */
void install_collect_state(struct install *install, struct store_batch *batch);
/* The batch is in the store. True: the new state is there, load it (LOADED). */
bool install_state_written(struct install *install);

/* Settled, but the log has caught up meanwhile: IDLE again. */
void install_abandon(struct install *install, struct moment now);
/* The marker, or the end: then the caller adds the reset of the log and the hard state to
 * the same batch. */
void install_collect_log(struct install *install, struct log_batch *batch);
/* The log batch is durable. True: all is done, and install->manifest still says what. */
bool install_log_written(struct install *install);

#endif
