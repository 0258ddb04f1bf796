/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The snapshot that a replica sends to others: taken from the store right behind a state
 * batch, so that it carries that batch's index; cut into chunks step by step; answered
 * from, part by part, to whoever asks; let go when nobody has asked for a while. One at a
 * time, for all who need it.
 *
 * Stays in this folder. Owner: the replica. A step and an answer read the store.
 */
#ifndef SOUK_SHARD_REPLICA_SENDING_H
#define SOUK_SHARD_REPLICA_SENDING_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/clock.h"
#include "shard/replica/peer.h"
#include "shard/storage/snapshot_maker.h"
#include "shard/storage/store.h"

enum {
    SENDING_STEP_BYTES = 2 << 20,       /* read on per step of the manifest */
    SENDING_IDLE_US = 30 * 1000 * 1000, /* not asked for so long: let go */
};

enum sending_stage {
    SENDING_NONE,
    SENDING_WANTED, /* waits for a state batch */
    SENDING_TAKING, /* that batch is on its way */
    SENDING_CUTTING,
    SENDING_READY,
};

struct sending {
    enum sending_stage stage;
    struct store_snapshot *taken;  /* the store's, once the batch is written */
    struct snapshot_manifest head; /* of what is being taken, without chunks */
    struct buffer members;
    struct snapshot_maker *maker;
    size_t chunk_bytes; /* on average; 0: the default */
    uint64_t used_us;
};

void sending_init(struct sending *sending, size_t chunk_bytes);
void sending_close(struct sending *sending);

/* Somebody needs one. */
void sending_want(struct sending *sending, struct moment now);
/* The state batch that is being made, at the head's index: takes the snapshot behind it
 * unless another replica does. The head's slices are copied. */
void sending_collect_state(struct sending *sending, struct store_batch *batch,
                           const struct snapshot_manifest *head);
/* A batch is in the store. */
void sending_state_written(struct sending *sending);
/* Goes on cutting, or lets go what nobody asked for. Not OK: it cannot be cut (what the
 * store answered, TOO_LARGE), and is given up. */
MUST_USE enum status sending_step(struct sending *sending, struct moment now);
/* What a Raft message carries; false while none is ready. */
bool sending_head(const struct sending *sending, struct snapshot_head *out_head);
/* The members that it carries; with a head only. */
struct slice sending_members(const struct sending *sending);
/* The one that is ready is too old for somebody: a newer one is wanted. */
void sending_renew(struct sending *sending, struct moment now);
/* The log is needed from behind this index on; UINT64_MAX: no matter where from. */
uint64_t sending_index(const struct sending *sending);
/* Fills the answer's part; empty bytes: that snapshot is not here, or not OK: the store
 * could not read it. Borrowed until the next call. */
MUST_USE enum status sending_answer(struct sending *sending, struct moment now,
                                    const struct peer_message *ask,
                                    struct peer_message *out_answer);

#endif
