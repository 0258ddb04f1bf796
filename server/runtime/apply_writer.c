/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/apply_writer.h"

#include <errno.h>
#include <stdlib.h>

#include "server/runtime/failure.h"
#include "server/runtime/system_clock.h"
#include "server/runtime/thread.h"
#include "shard/base/assert.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "shard/replica/replica.h"

enum {
    MILLISECOND_US = 1000,
    PERCENT = 100,
};

static void apply_writer_write(struct apply_writer *writer, struct store_batch *batch)
{
    uint64_t started_us = system_clock_monotonic_us();
    enum status status;
    for (;;) {
        errno = 0;
        status = store_write(writer->options.store, batch);
        if (status != STATUS_OVERLOADED) {
            break;
        }
        /* Woken early by another job at most: then it is asked a little sooner. */
        (void)thread_wait(&writer->wake, APPLY_WRITER_RETRY_MS);
    }
    if (status != STATUS_OK) {
        runtime_fail("state", "a batch was not written", status);
    }
    if (writer->unflushed_from_us == 0) {
        writer->unflushed_from_us = started_us;
    }
    metric_add(METRIC_FLUSHES, 1);
    metric_observe_us(METRIC_FLUSH_LATENCY, system_clock_monotonic_us() - started_us);
}

static void apply_writer_flush(struct apply_writer *writer)
{
    errno = 0;
    enum status status = store_flush(writer->options.store);
    if (status != STATUS_OK) {
        runtime_fail("state", "the store was not flushed", status);
    }
    writer->unflushed_from_us = 0;
}

static void apply_writer_report_persisted(struct apply_writer *writer)
{
    for (size_t i = 0; i < writer->options.shard_count; i++) {
        uint64_t index = 0;
        errno = 0;
        enum status status =
            replica_persisted_index(writer->options.store, writer->shard_ids[i], &index);
        if (status != STATUS_OK) {
            runtime_fail("state", "the applied index could not be read", status);
        }
        if (index > writer->persisted[i]) {
            writer->persisted[i] = index;
            writer->options.persisted(writer->options.context, writer->shard_ids[i],
                                      index);
        }
    }
}

static void apply_writer_look_at_disk(struct apply_writer *writer)
{
    const struct apply_writer_options *options = &writer->options;
    struct file_space space;
    if (options->disk_dir == NULL ||
        file_system_space(options->files, options->disk_dir, &space) != STATUS_OK ||
        space.total_bytes == 0) {
        return;
    }
    uint64_t hundredth = (space.total_bytes + PERCENT - 1) / PERCENT;
    bool full =
        (space.total_bytes - space.free_bytes) / hundredth >= options->disk_full_percent;
    if (full == writer->full) {
        return;
    }
    writer->full = full;
    log_event(
        full ? LOG_WARN : LOG_INFO,
        full ? "the disk is nearly full: new work is refused" : "the disk has room again",
        LOG_STRING("dir", options->disk_dir), LOG_U64("free_bytes", space.free_bytes),
        LOG_U64("total_bytes", space.total_bytes));
    options->disk_full(options->context, full);
}

static void apply_writer_look(struct apply_writer *writer, uint64_t now_us)
{
    struct log_usage usage;
    log_store_usage(writer->options.log, &usage);
    bool long_log = usage.segment_count > APPLY_WRITER_LOG_SEGMENTS_MAX &&
                    usage.laggard_replica_id != 0;
    bool old = writer->unflushed_from_us != 0 &&
               now_us - writer->unflushed_from_us >= writer->options.persist_interval_us;
    if (long_log || old) {
        apply_writer_flush(writer);
    }
    apply_writer_report_persisted(writer);
    apply_writer_look_at_disk(writer);
}

/* Until there is nothing left: a stalled write eats the wakes of what comes meanwhile. */
static void apply_writer_take(struct apply_writer *writer)
{
    struct mailbox_node *node;
    while ((node = mailbox_take(&writer->jobs)) != NULL) {
        while (node != NULL) {
            struct apply_writer_job *job =
                CONTAINER_OF(node, struct apply_writer_job, node);
            node = node->next; /* the job is its loop's again in a moment */
            apply_writer_write(writer, &job->batch);
            job->written(job);
        }
    }
}

static void *apply_writer_run(void *context)
{
    struct apply_writer *writer = context;
    for (;;) {
        (void)thread_wait(&writer->wake, APPLY_WRITER_LOOK_MS);
        apply_writer_take(writer);
        uint64_t now_us = system_clock_monotonic_us();
        if (now_us >= writer->next_look_us) {
            writer->next_look_us = now_us + APPLY_WRITER_LOOK_MS * MILLISECOND_US;
            apply_writer_look(writer, now_us);
        }
        if (atomic_load_explicit(&writer->stopping, memory_order_acquire)) {
            apply_writer_flush(writer);
            return NULL;
        }
    }
}

void apply_writer_start(struct apply_writer *writer,
                        const struct apply_writer_options *options)
{
    memset(writer, 0, sizeof *writer);
    writer->options = *options;
    writer->shard_ids =
        memory_copy(options->shard_ids, options->shard_count * sizeof(uint64_t));
    writer->persisted = memory_zalloc(options->shard_count * sizeof(uint64_t));
    mailbox_init(&writer->jobs);
    atomic_init(&writer->stopping, false);
    int failed = sem_init(&writer->wake, 0, 0);
    ASSERT(failed == 0);
    apply_writer_look_at_disk(writer);
    thread_start(&writer->thread, "souk-apply", apply_writer_run, writer);
}

void apply_writer_stop(struct apply_writer *writer)
{
    atomic_store_explicit(&writer->stopping, true, memory_order_release);
    sem_post(&writer->wake);
    pthread_join(writer->thread, NULL);
    sem_destroy(&writer->wake);
    free(writer->shard_ids);
    free(writer->persisted);
}

void apply_writer_post(struct apply_writer *writer, struct apply_writer_job *job)
{
    if (mailbox_post(&writer->jobs, &job->node)) {
        sem_post(&writer->wake);
    }
}
