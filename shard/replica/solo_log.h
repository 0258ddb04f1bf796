/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The log of a replica whose group has one member: term 1, every entry committed as soon
 * as it is durable. A consensus core takes this file's place; what it offers (append,
 * collect, written, next committed entry) stays.
 *
 * Payloads of entries that are not applied yet stay in memory here, in a ring of reused
 * buffers. Owner: the replica.
 */
#ifndef SOUK_SHARD_REPLICA_SOLO_LOG_H
#define SOUK_SHARD_REPLICA_SOLO_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/storage/log_batch.h"
#include "shard/storage/log_store.h"

enum {
    SOLO_LOG_TERM = 1,
    SOLO_LOG_RING = 16, /* appended and not yet applied; a power of two */
    /* Payload read back at a time when the log is replayed. */
    SOLO_LOG_REPLAY_BYTES = 8 << 20,
};

struct solo_log {
    struct log_store *store;
    uint64_t replica_id;
    uint64_t last_index;      /* appended */
    uint64_t collected_index; /* handed out in a batch */
    uint64_t durable_index;   /* reported durable: committed */
    uint64_t applied_index;
    bool state_known;     /* the hard state is in the log */
    uint64_t reset_index; /* not 0: the next batch begins the log behind this index */
    uint64_t reset_term;
    struct buffer ring[SOLO_LOG_RING]; /* payload of index at index % SOLO_LOG_RING */
};

typedef enum status solo_log_replay(void *context, const struct log_entry *entry);

/*
 * Reads back what follows `applied` (index and term of the state) and hands every entry
 * to `replay`, whose failure ends it. CHECKSUM when the log lost something acknowledged.
 */
MUST_USE enum status solo_log_open(struct solo_log *log, struct log_store *store,
                                   uint64_t replica_id, struct log_entry applied,
                                   solo_log_replay *replay, void *context);
void solo_log_close(struct solo_log *log);

/* Room for one more entry? */
bool solo_log_has_room(const struct solo_log *log);
/* The buffer to fill with the payload of the next entry; appended by solo_log_append,
 * which returns its index. Asserts that there is room. */
struct buffer *solo_log_payload(struct solo_log *log);
uint64_t solo_log_append(struct solo_log *log);

/* Adds what was appended since the last collect. Returns the last index inside, 0 when
 * there was nothing. */
uint64_t solo_log_collect(struct solo_log *log, struct log_batch *batch);
/* Everything through this index is durable. */
void solo_log_written(struct solo_log *log, uint64_t index);

/* The oldest committed entry that is not applied; false when there is none. The payload
 * stays valid until solo_log_applied, which takes the entry off. */
bool solo_log_next(const struct solo_log *log, struct log_entry *out_entry);
void solo_log_applied(struct solo_log *log);

/* The state through this index survives by itself. */
void solo_log_release(struct solo_log *log, uint64_t index);

#endif
