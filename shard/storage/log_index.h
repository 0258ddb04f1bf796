/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The memory of the segment log: per replica its bounds, hard state and note, and where
 * its entries lie. Entries are remembered as runs: neighbours of one term written by one
 * batch, so the memory follows the number of batches and replicas, not of entries.
 * Internal to shard/storage. Not for two threads at a time: segment_log.c locks around.
 *
 * One function, log_index_apply, feeds it: with each batch after its sync, and with each
 * batch read back at start. So both ways end in the same state.
 */
#ifndef SOUK_SHARD_STORAGE_LOG_INDEX_H
#define SOUK_SHARD_STORAGE_LOG_INDEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/map.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/storage/log_store.h"

enum {
    LOG_INDEX_RUNS_MAX = 4 << 20, /* of 56 bytes; append answers OVERLOADED above */
};

/* Entries first to first + count - 1, in one group of one batch. */
struct log_run {
    uint64_t first;
    uint64_t term;
    uint64_t number;   /* of the batch; tells the segment */
    uint64_t checksum; /* of the group's bytes */
    uint32_t count;
    uint32_t offset; /* of the group's bytes in the segment */
    uint32_t bytes;  /* of the group */
    uint32_t skip;   /* from there to the run's first record */
};

/* Where a group lies; what log_index_apply puts into the runs it makes. */
struct log_place {
    uint64_t number;
    uint64_t checksum;
    uint32_t offset;
};

struct log_replica {
    struct map_node node;
    struct log_bounds bounds;
    uint64_t released_durable; /* as the log itself says, after a restart */
    struct buffer note;
    struct log_run *runs; /* from run_start on, ascending in first and in number */
    size_t run_start;
    size_t run_count; /* behind run_start */
    size_t run_capacity;
    uint64_t id;
};

struct log_index {
    struct map by_replica;
    size_t run_count;
    /* Since a directory or header was found damaged, a replica may only appear with a
     * BASE record that says it is born: any other has lost something. */
    bool unborn_damaged;
};

void log_index_init(struct log_index *index);
void log_index_close(struct log_index *index);

/* NULL when unknown. */
struct log_replica *log_index_find(const struct log_index *index, uint64_t replica_id);
/* Ascending ids; the caller frees. NULL when there is none. */
uint64_t *log_index_ids(const struct log_index *index, size_t *out_count);

/* Takes in the records of one group. Whatever does not fit marks the replica damaged. */
void log_index_apply(struct log_index *index, uint64_t replica_id, struct slice records,
                     const struct log_place *place);
void log_index_damage(struct log_index *index, uint64_t replica_id);
/* A batch was lost whose groups nobody can name. */
void log_index_damage_all(struct log_index *index);
/* After the last batch was read back: entries that ought to be there and are not. */
void log_index_finish(struct log_index *index);
size_t log_index_damaged(const struct log_index *index);

/* The run that holds the entry; NULL when it is not in the log. */
const struct log_run *log_replica_run(const struct log_replica *replica, uint64_t index);
MUST_USE enum status log_replica_term(const struct log_replica *replica, uint64_t index,
                                      uint64_t *out_term);

/* The number of the oldest batch that a replica needs, given what was released, or what
 * the log knows to be released (`durable`). UINT64_MAX when none. */
struct log_need {
    uint64_t number;
    uint64_t replica_id; /* 0 when none */
};
struct log_need log_index_need(const struct log_index *index, bool durable);
/* Drops the runs of batches below `number`: their segments are gone. */
void log_index_trim(struct log_index *index, uint64_t number);

/* Adds what a new segment starts with: BASE, hard state and note of every replica. Once
 * that batch is durable and applied, older segments need only hold what was not released
 * by then. */
void log_index_summarise(const struct log_index *index, struct log_batch *batch);
#endif
