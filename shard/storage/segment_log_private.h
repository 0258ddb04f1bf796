/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the segment log among themselves: segment_log.c writes, segment_recover.c
 * reads everything back at start, segment_read.c serves readers. */
#ifndef SOUK_SHARD_STORAGE_SEGMENT_LOG_PRIVATE_H
#define SOUK_SHARD_STORAGE_SEGMENT_LOG_PRIVATE_H

#include <pthread.h>

#include "shard/storage/log_index.h"
#include "shard/storage/segment_files.h"
#include "shard/storage/segment_format.h"
#include "shard/storage/segment_log.h"

struct segment_log {
    struct log_store store;
    uint64_t log_id;
    /* Guards index, the list of live segments and their pins. Held without any I/O. */
    pthread_mutex_t lock;
    struct log_index index;
    struct segment_files files;
    /* The rest belongs to the log writer's thread alone. */
    uint64_t next_number;
    uint64_t tail; /* where the next batch goes in the newest segment */
    bool tail_is_marker;
    bool broken;
    struct log_batch scratch;
    struct buffer front; /* header and directory of the batch being written */
    struct slice *pieces;
    size_t piece_capacity;
};

/* Where reading back ended. */
struct segment_tail {
    uint64_t last_offset; /* of the last batch, in the newest segment ... */
    uint64_t last_bytes;  /* ... unless this is 0: it lies in an older one */
    uint64_t offset;      /* where the next batch goes, in the newest segment */
    uint64_t next_number;
    bool last_is_marker;
};

/*
 * Fills the index from the live segments, judges damage, and takes segments behind the
 * tail off. At least one segment is live. See replication.md of the design: any valid
 * later batch proves an earlier one durable, because one batch is in flight at a time.
 */
MUST_USE enum status segment_recover(struct segment_log *log,
                                     struct segment_log_report *report,
                                     struct segment_tail *out_tail);

MUST_USE enum status segment_read(struct segment_log *log, const struct log_read *read,
                                  log_entry_visitor *visit, void *context);

#endif
