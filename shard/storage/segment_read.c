/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/storage/log_record.h"
#include "shard/storage/segment_log_private.h"

/* One run of the wanted entries, with its segment pinned against being freed. */
struct read_run {
    struct log_run run;
    struct segment *segment;
    uint64_t through; /* the last index that the replica has */
};

static enum status segment_read_pin(struct segment_log *log, const struct log_read *read,
                                    uint64_t index, struct read_run *out_run)
{
    enum status status = STATUS_NOT_FOUND;
    const struct log_replica *replica;
    pthread_mutex_lock(&log->lock);
    replica = log_index_find(&log->index, read->replica_id);
    if (replica != NULL) {
        const struct log_run *run = log_replica_run(replica, index);
        if (run != NULL) {
            out_run->run = *run;
            out_run->segment = segment_files_find(&log->files, run->number);
            out_run->segment->pins++;
            out_run->through = replica->bounds.last_index;
            status = STATUS_OK;
        }
    }
    pthread_mutex_unlock(&log->lock);
    return status;
}

static void segment_read_unpin(struct segment_log *log, struct read_run *run)
{
    pthread_mutex_lock(&log->lock);
    ASSERT(run->segment->pins > 0);
    run->segment->pins--;
    pthread_mutex_unlock(&log->lock);
}

/* The group's bytes, checked. */
static enum status segment_read_group(struct segment_log *log, const struct read_run *run,
                                      struct buffer *bytes)
{
    size_t got;
    buffer_clear(bytes);
    buffer_extend(bytes, run->run.bytes);
    TRY(file_read(run->segment->file, run->run.offset, bytes->data, run->run.bytes,
                  &got));
    if (got != run->run.bytes || segment_checksum(buffer_slice(bytes), log->log_id,
                                                  run->run.number) != run->run.checksum) {
        return STATUS_CHECKSUM;
    }
    return STATUS_OK;
}

struct read_progress {
    uint64_t next;
    uint64_t through;
    size_t bytes;
    bool done;
};

static enum status segment_read_visit(const struct read_run *run, struct slice bytes,
                                      size_t max_bytes, struct read_progress *progress,
                                      log_entry_visitor *visit, void *context)
{
    uint64_t end = run->run.first + run->run.count;
    struct reader reader;
    reader_init(&reader,
                slice_of(bytes.data + run->run.skip, bytes.size - run->run.skip));
    while (!progress->done && progress->next < end) {
        struct log_record record;
        struct log_entry entry;
        TRY(log_record_decode(&reader, &record));
        if (record.kind != LOG_RECORD_ENTRY || record.index < progress->next) {
            continue;
        }
        if (record.index != progress->next) {
            return STATUS_CHECKSUM;
        }
        if (progress->bytes > 0 && progress->bytes + record.payload.size > max_bytes) {
            progress->done = true;
            break;
        }
        entry = (struct log_entry){
            .index = record.index, .term = record.term, .payload = record.payload};
        progress->bytes += record.payload.size + 1;
        progress->done = !visit(context, &entry) || record.index == progress->through;
        progress->next++;
    }
    return STATUS_OK;
}

enum status segment_read(struct segment_log *log, const struct log_read *read,
                         log_entry_visitor *visit, void *context)
{
    struct read_progress progress = {.next = read->from_index};
    struct buffer bytes;
    enum status status = STATUS_OK;
    buffer_init(&bytes);
    while (status == STATUS_OK && !progress.done) {
        struct read_run run;
        status = segment_read_pin(log, read, progress.next, &run);
        if (status != STATUS_OK) {
            break;
        }
        progress.through = read->through_index != 0 && read->through_index < run.through
                               ? read->through_index
                               : run.through;
        status = segment_read_group(log, &run, &bytes);
        segment_read_unpin(log, &run);
        if (status == STATUS_OK) {
            status = segment_read_visit(&run, buffer_slice(&bytes), read->max_bytes,
                                        &progress, visit, context);
        }
    }
    buffer_close(&bytes);
    return status;
}
