/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The thread that writes the log, one per node: takes the ready batches of all loops,
 * merges them, makes one synced write, and sends each back. One write is in flight,
 * nothing else happens on this thread. When nothing came for LOG_WRITER_IDLE_MS it lets
 * the log mark itself idle (log_store.h).
 *
 * A batch belongs to the writer from log_writer_post until `written` is called.
 */
#ifndef SOUK_SERVER_RUNTIME_LOG_WRITER_H
#define SOUK_SERVER_RUNTIME_LOG_WRITER_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>

#include "shard/base/mailbox.h"
#include "shard/storage/log_batch.h"
#include "shard/storage/log_store.h"

enum {
    LOG_WRITER_IDLE_MS = 50,
    /* What is merged into one write; a batch alone may be larger. */
    LOG_WRITER_MERGE_BYTES_MAX = 32 << 20,
};

struct log_writer_job {
    struct mailbox_node node;
    struct log_batch batch;
    /* Called on the writer's thread once the batch is durable. */
    void (*written)(struct log_writer_job *job);
};

struct log_writer {
    struct log_store *store;
    struct mailbox jobs; /* any thread posts */
    sem_t wake;          /* posted when `jobs` was empty, and to stop */
    _Atomic(bool) stopping;
    struct log_batch merged; /* the writer's */
    bool marked;             /* the writer's: idle is already on the disk */
    pthread_t thread;
};

void log_writer_start(struct log_writer *writer, struct log_store *store);
/* Writes what was posted, marks the log idle, joins. */
void log_writer_stop(struct log_writer *writer);
/* Any thread; jobs of one thread are written in the order posted. */
void log_writer_post(struct log_writer *writer, struct log_writer_job *job);

#endif
