/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The seam of the one durable log that all replicas of a node share. The real one is
 * segment_log.h; over tests/lib/crash_files.h it is also the one of the simulator.
 *
 * Threads: append and mark_idle are called by exactly one thread, the log writer, and
 * block on the disk. read, term, bounds, list, release and usage may be called by any
 * thread; of these only read touches the disk.
 *
 * After append or mark_idle has answered IO or CHECKSUM the log is broken for good: every
 * later append answers IO, and the process must end (never retry a sync).
 */
#ifndef SOUK_SHARD_STORAGE_LOG_STORE_H
#define SOUK_SHARD_STORAGE_LOG_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/storage/log_batch.h"

/* An entry as read back; the payload is valid until the visitor returns. */
struct log_entry {
    uint64_t index;
    uint64_t term;
    struct slice payload;
};

/* Returning false ends the reading, which still answers OK. */
typedef bool log_entry_visitor(void *context, const struct log_entry *entry);
typedef bool log_replica_visitor(void *context, uint64_t replica_id);

/* What a restart finds for one replica. */
struct log_bounds {
    uint64_t first_index; /* oldest entry that can be read; last_index + 1 when none */
    uint64_t last_index;  /* 0 when there never was an entry nor a reset */
    uint64_t first_term;  /* of the entry before first_index; 0 when none, or forgotten */
    uint64_t last_term;   /* of last_index, also when it can no longer be read */
    uint64_t released;    /* highest index released, as far as this process knows */
    uint64_t term;        /* hard state; 0, 0, 0 when none was ever added */
    uint64_t vote;
    uint64_t commit;
    bool damaged; /* something acknowledged is lost: quarantine this replica id */
    bool noted;   /* log_store_note has something */
};

struct log_read {
    uint64_t replica_id;
    uint64_t from_index;
    uint64_t through_index; /* 0 = the last one */
    size_t max_bytes;       /* of payload; at least one entry comes anyway */
};

/* How much disk the log holds and who keeps it. */
struct log_usage {
    uint64_t
        segment_count; /* with content that some replica still needs, or the newest */
    uint64_t bytes;    /* of those, as preallocated */
    /* The replica that keeps the oldest segment from being freed, and the index it has to
     * release for that. laggard_replica_id is 0 when nobody keeps any but the newest. */
    uint64_t laggard_replica_id;
    uint64_t laggard_index;
};

struct log_store;

struct log_store_ops {
    enum status (*append)(struct log_store *store, const struct log_batch *batch);
    enum status (*mark_idle)(struct log_store *store);
    enum status (*read)(struct log_store *store, const struct log_read *read,
                        log_entry_visitor *visit, void *context);
    enum status (*term)(struct log_store *store, uint64_t replica_id, uint64_t index,
                        uint64_t *out_term);
    enum status (*bounds)(struct log_store *store, uint64_t replica_id,
                          struct log_bounds *out_bounds);
    enum status (*note)(struct log_store *store, uint64_t replica_id,
                        struct buffer *out_note);
    void (*list)(struct log_store *store, log_replica_visitor *visit, void *context);
    void (*release)(struct log_store *store, uint64_t replica_id, uint64_t flushed_index);
    void (*usage)(struct log_store *store, struct log_usage *out_usage);
    void (*close)(struct log_store *store);
};

struct log_store {
    const struct log_store_ops *ops;
};

/*
 * One write and one sync of the whole batch: OK means durable, all of it. On any other
 * status nothing counts as written. TOO_LARGE (above LOG_BATCH_BYTES_MAX or
 * LOG_BATCH_GROUPS_MAX) and DISK_FULL (no room for a new segment) leave the log usable.
 */
static inline MUST_USE enum status log_store_append(struct log_store *store,
                                                    const struct log_batch *batch)
{
    return store->ops->append(store, batch);
}

/* The writer found nothing to do for 50 ms: writes a marker, so that the last batch
 * acknowledged does not stay the last one (only a batch with another behind it can be
 * told from a torn tail), and recycles what was released. Nothing when already done. */
static inline MUST_USE enum status log_store_mark_idle(struct log_store *store)
{
    return store->ops->mark_idle(store);
}

/* Visits entries in order. NOT_FOUND: the replica or from_index is not (or no longer)
 * in the log. CHECKSUM: the bytes on the disk are damaged: quarantine the replica. */
static inline MUST_USE enum status log_store_read(struct log_store *store,
                                                  const struct log_read *read,
                                                  log_entry_visitor *visit, void *context)
{
    return store->ops->read(store, read, visit, context);
}

/* The term of an entry, from memory; mostly known for first_index - 1 too. NOT_FOUND
 * else. */
static inline MUST_USE enum status log_store_term(struct log_store *store,
                                                  uint64_t replica_id, uint64_t index,
                                                  uint64_t *out_term)
{
    return store->ops->term(store, replica_id, index, out_term);
}

/* NOT_FOUND for a replica the log does not know. */
static inline MUST_USE enum status log_store_bounds(struct log_store *store,
                                                    uint64_t replica_id,
                                                    struct log_bounds *out_bounds)
{
    return store->ops->bounds(store, replica_id, out_bounds);
}

/* Appends the note's bytes to `out_note`; NOT_FOUND when there is none. */
static inline MUST_USE enum status
log_store_note(struct log_store *store, uint64_t replica_id, struct buffer *out_note)
{
    return store->ops->note(store, replica_id, out_note);
}

/* Every replica that the log knows, damaged ones too, by ascending id. The visitor may
 * call the store. */
static inline void log_store_list(struct log_store *store, log_replica_visitor *visit,
                                  void *context)
{
    store->ops->list(store, visit, context);
}

/* The state flushed to disk covers the replica's entries through `flushed_index`: they
 * are no longer needed for a restart. Lower than before is ignored. Segments that nobody
 * needs are recycled by the log writer at its next new segment or mark_idle. */
static inline void log_store_release(struct log_store *store, uint64_t replica_id,
                                     uint64_t flushed_index)
{
    store->ops->release(store, replica_id, flushed_index);
}

/* Above a limit of its choice on bytes, the host flushes the laggard. */
static inline void log_store_usage(struct log_store *store, struct log_usage *out_usage)
{
    store->ops->usage(store, out_usage);
}

/* Accepts NULL. No other thread may be inside. */
static inline void log_store_close(struct log_store *store)
{
    if (store != NULL) {
        store->ops->close(store);
    }
}

#endif
