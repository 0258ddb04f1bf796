/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The durable log of a node (log_store.h) in preallocated, recycled segment files.
 * The format and the way damage is told from a torn tail are in README.md and
 * segment_format.h.
 */
#ifndef SOUK_SHARD_STORAGE_SEGMENT_LOG_H
#define SOUK_SHARD_STORAGE_SEGMENT_LOG_H

#include <stdint.h>

#include "shard/base/status.h"
#include "shard/storage/file.h"
#include "shard/storage/log_store.h"

struct segment_log_options {
    struct file_system *fs;
    const char *folder;     /* made if missing; its parent must exist */
    uint64_t segment_bytes; /* setting log_segment_bytes, a multiple of 4096 */
    uint64_t fresh_log_id;  /* random, not 0; the identity of a log that is made now */
    uint64_t known_log_id;  /* the log has to be this one; 0 when none is known */
};

/* What opening found, for the program to report. */
struct segment_log_report {
    uint64_t log_id;
    uint64_t batches;        /* read back */
    uint64_t bytes_cut;      /* of a torn tail, never acknowledged */
    uint64_t groups_damaged; /* replicas with lost acknowledged records */
    uint64_t damage_segment; /* sequence of the file where the first is; 0 when none */
    uint64_t damage_offset;  /* in that file */
};

/*
 * Reads every live segment, judges damage, cuts a torn tail, writes the last batch again
 * and syncs it. Damaged replicas do not fail the opening: see log_bounds.damaged.
 * VERSION: written by a later version. CHECKSUM: the identity of the log is unreadable.
 * With a known id, before anything is made: NOT_FOUND when no log is there, INVALID when
 * it is another one.
 * `out_report` may be NULL. Blocks; the log belongs to the caller until log_store_close.
 */
MUST_USE enum status segment_log_open(const struct segment_log_options *options,
                                      struct segment_log_report *out_report,
                                      struct log_store **out_store);

/* The identity of the log in a folder; NOT_FOUND when there is no log, or not that far. */
MUST_USE enum status segment_log_read_id(struct file_system *fs, const char *folder,
                                         uint64_t *out_log_id);

#endif
