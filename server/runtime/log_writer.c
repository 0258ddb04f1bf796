/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/log_writer.h"

#include <errno.h>
#include <signal.h>
#include <time.h>

#include "server/runtime/failure.h"
#include "server/runtime/system_clock.h"
#include "server/runtime/thread.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

static void log_writer_append(struct log_writer *writer, const struct log_batch *batch)
{
    uint64_t started_us = system_clock_monotonic_us();
    errno = 0;
    enum status status = log_store_append(writer->store, batch);
    if (status != STATUS_OK) {
        runtime_fail("log", "a batch was not written and synced", status);
    }
    metric_observe_us(METRIC_LOG_SYNC_LATENCY, system_clock_monotonic_us() - started_us);
    writer->marked = false;
}

static struct log_writer_job *job_of(struct mailbox_node *node)
{
    return CONTAINER_OF(node, struct log_writer_job, node);
}

/* Writes the first jobs of the list together; returns the first one left. */
static struct mailbox_node *log_writer_write(struct log_writer *writer,
                                             struct mailbox_node *first)
{
    struct log_batch *batch = &job_of(first)->batch;
    struct mailbox_node *end = first->next;
    if (end != NULL) {
        log_batch_clear(&writer->merged);
        log_batch_merge(&writer->merged, batch);
        batch = &writer->merged;
        while (end != NULL &&
               log_batch_bytes(batch) + log_batch_bytes(&job_of(end)->batch) <=
                   LOG_WRITER_MERGE_BYTES_MAX) {
            log_batch_merge(batch, &job_of(end)->batch);
            end = end->next;
        }
    }
    log_writer_append(writer, batch);
    while (first != end) {
        struct log_writer_job *job = job_of(first);
        first = first->next; /* the job is its loop's again in a moment */
        job->written(job);
    }
    return end;
}

static void log_writer_idle(struct log_writer *writer)
{
    if (writer->marked) {
        return;
    }
    errno = 0;
    enum status status = log_store_mark_idle(writer->store);
    if (status != STATUS_OK) {
        runtime_fail("log", "the idle marker was not written and synced", status);
    }
    writer->marked = true;
}

static void *log_writer_run(void *context)
{
    struct log_writer *writer = context;
    for (;;) {
        bool woken = thread_wait(&writer->wake, LOG_WRITER_IDLE_MS);
        struct mailbox_node *jobs = mailbox_take(&writer->jobs);
        if (jobs == NULL && !woken) {
            log_writer_idle(writer);
        }
        while (jobs != NULL) {
            jobs = log_writer_write(writer, jobs);
            if (jobs == NULL) {
                jobs = mailbox_take(&writer->jobs);
            }
        }
        if (atomic_load_explicit(&writer->stopping, memory_order_acquire)) {
            log_writer_idle(writer);
            return NULL;
        }
    }
}

void log_writer_start(struct log_writer *writer, struct log_store *store)
{
    memset(writer, 0, sizeof *writer);
    writer->store = store;
    mailbox_init(&writer->jobs);
    log_batch_init(&writer->merged);
    atomic_init(&writer->stopping, false);
    int failed = sem_init(&writer->wake, 0, 0);
    ASSERT(failed == 0);
    thread_start(&writer->thread, "souk-log", log_writer_run, writer);
}

void log_writer_stop(struct log_writer *writer)
{
    atomic_store_explicit(&writer->stopping, true, memory_order_release);
    sem_post(&writer->wake);
    pthread_join(writer->thread, NULL);
    sem_destroy(&writer->wake);
    log_batch_close(&writer->merged);
}

void log_writer_post(struct log_writer *writer, struct log_writer_job *job)
{
    if (mailbox_post(&writer->jobs, &job->node)) {
        sem_post(&writer->wake);
    }
}
