/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one synced write of the log carries: entries and hard states of ALL ready
 * replicas. A shard loop fills one per turn and hands it over; the log writer merges
 * those of all loops. One owner at a time, no thread of its own.
 *
 * Records of one replica keep the order in which they were added; between replicas there
 * is no order. All bytes are copied in.
 */
#ifndef SOUK_SHARD_STORAGE_LOG_BATCH_H
#define SOUK_SHARD_STORAGE_LOG_BATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/map.h"
#include "shard/base/slice.h"

enum {
    LOG_PAYLOAD_BYTES_MAX = 16 << 20, /* of one entry or note */
    LOG_BATCH_BYTES_MAX = 64 << 20,   /* of one batch; append answers TOO_LARGE above */
    LOG_BATCH_GROUPS_MAX = 65536,     /* replicas in one batch; likewise */
};

/* The records of one replica. */
struct log_group {
    struct map_node node;
    uint64_t replica_id;
    struct buffer records;
    uint32_t record_count;
    /* For the check, before writing, that no entry leaves a gap: */
    uint64_t first_index; /* the lowest entry; 0 when there is none */
    uint64_t next_index;  /* what an entry may be at most; 0 = as the log says */
    bool starts_anew;     /* a reset or forget stands before the entries */
};

struct log_batch {
    struct map by_replica;
    struct log_group **groups; /* in the order of first use; those past count are spare */
    size_t group_count;
    size_t group_capacity;
    size_t group_made; /* groups allocated, kept for the next turn by log_batch_clear */
    struct log_group *latest;
    size_t bytes;
};

void log_batch_init(struct log_batch *batch);
void log_batch_close(struct log_batch *batch);
/* Forgets the records and keeps the memory. */
void log_batch_clear(struct log_batch *batch);
bool log_batch_empty(const struct log_batch *batch);
/* Bytes on the disk, padding to the next 4 KiB not counted. */
size_t log_batch_bytes(const struct log_batch *batch);

/*
 * An entry of the replica's log; index 1 is the first. It forgets every entry of that
 * replica at `index` and above (Raft, figure 2, AppendEntries 3 and 4), and must not
 * leave a gap: index <= last index + 1. Writing old entries forward is adding the whole
 * suffix again, in one batch.
 */
void log_batch_add_entry(struct log_batch *batch, uint64_t replica_id, uint64_t index,
                         uint64_t term, struct slice payload);

/* The hard state, whole: replaces the former one. `vote` 0 = none; `commit` is a hint. */
void log_batch_add_state(struct log_batch *batch, uint64_t replica_id, uint64_t term,
                         uint64_t vote, uint64_t commit);

/* Empties the replica's log: a snapshot covers everything through (index, term), and the
 * next entry is index + 1. The hard state and the note stay. */
void log_batch_add_reset(struct log_batch *batch, uint64_t replica_id, uint64_t index,
                         uint64_t term);

/* A few bytes that stay with the replica until replaced; an empty note clears. Made for
 * the INSTALLING marker of a snapshot install. */
void log_batch_add_note(struct log_batch *batch, uint64_t replica_id, struct slice note);

/* The replica id is dead: its entries, hard state, note and damage are forgotten. */
void log_batch_add_forget(struct log_batch *batch, uint64_t replica_id);

/* Adds a copy of all records of `other` behind those of `batch`. */
void log_batch_merge(struct log_batch *batch, const struct log_batch *other);

#endif
