/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that writes state to the store, one per node. A write may stall there for
 * long: the store answers OVERLOADED and is asked again, while the loops, which keep what
 * they hand over readable in memory, stop taking proposals once apply_queue_max_bytes
 * wait (loop.c). Everything else that fails is final (failure.h).
 *
 * The same thread looks, every APPLY_WRITER_LOOK_MS, at what else is slow to ask for: how
 * far the store would survive a crash (then the log may be cut), whether the log has
 * grown so long, or what was written is so old, that the store is to be flushed for it, and
 * how full the disk is.
 *
 * A job belongs to the writer from apply_writer_post until `written` is called.
 */
#ifndef SOUK_SERVER_RUNTIME_APPLY_WRITER_H
#define SOUK_SERVER_RUNTIME_APPLY_WRITER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "shard/base/mailbox.h"
#include "shard/storage/file.h"
#include "shard/storage/log_store.h"
#include "shard/storage/store.h"

enum {
    APPLY_WRITER_LOOK_MS = 500,
    APPLY_WRITER_RETRY_MS = 2, /* after OVERLOADED */
    /* Live segments of the log above which the store is flushed so that it can be cut. */
    APPLY_WRITER_LOG_SEGMENTS_MAX = 8,
};

struct apply_writer_job {
    struct mailbox_node node;
    struct store_batch batch;
    /* Called on the writer's thread once the batch is in the store. */
    void (*written)(struct apply_writer_job *job);
};

struct apply_writer_options {
    struct store *store;
    struct log_store *log;
    const uint64_t *shard_ids; /* copied */
    size_t shard_count;
    const char *disk_dir; /* or NULL; borrowed */
    struct file_system *files;
    unsigned disk_full_percent;
    uint64_t persist_interval_us; /* the store is flushed so long after a write */
    /* Called on the writer's thread: a crash now would leave this applied index. */
    void (*persisted)(void *context, uint64_t shard_id, uint64_t index);
    /* Called on the writer's thread when it changes. */
    void (*disk_full)(void *context, bool full);
    void *context;
};

struct apply_writer {
    struct apply_writer_options options;
    uint64_t *shard_ids;
    uint64_t *persisted; /* the writer's: last reported, by shard */
    struct mailbox jobs; /* any thread posts */
    sem_t wake;
    _Atomic(bool) stopping;
    bool full;                  /* the writer's, as those below */
    uint64_t next_look_us;      /* 0: never looked */
    uint64_t unflushed_from_us; /* the oldest write that no flush has covered; 0: none */
    pthread_t thread;
};

/* Looks at the disk once before it returns. */
void apply_writer_start(struct apply_writer *writer,
                        const struct apply_writer_options *options);
/* Writes what was posted, flushes the store, joins. */
void apply_writer_stop(struct apply_writer *writer);
/* Any thread; jobs of one thread are written in the order posted. */
void apply_writer_post(struct apply_writer *writer, struct apply_writer_job *job);

#endif
