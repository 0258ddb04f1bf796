/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/segment_log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "shard/base/mutant.h"
#include "shard/storage/log_batch_private.h"
#include "shard/storage/segment_log_private.h"

enum {
    SEGMENT_BYTES_MAX = 1 << 30,
    SEGMENT_SUMMARY_BYTES = 160, /* of one replica: directory, BASE, hard state */
};

static const uint8_t segment_zeros[SEGMENT_BLOCK_BYTES];

static struct segment_log *segment_log_of(struct log_store *store)
{
    return CONTAINER_OF(store, struct segment_log, store);
}

static struct segment *segment_log_newest(const struct segment_log *log)
{
    return log->files.live[log->files.live_count - 1];
}

/* --- Writing one batch ----------------------------------------------------------------- */

/* Lays header, directory, groups and padding out as pieces; answers their number. */
static size_t segment_log_layout(struct segment_log *log, const struct log_batch *batch,
                                 bool marker)
{
    size_t bytes = log_batch_bytes(batch);
    size_t count = 0;
    uint32_t offset =
        (uint32_t)(SEGMENT_HEADER_BYTES + batch->group_count * SEGMENT_GROUP_BYTES);
    struct segment_header header = {.number = log->next_number,
                                    .sequence = segment_log_newest(log)->sequence,
                                    .offset = (uint32_t)log->tail,
                                    .bytes = (uint32_t)bytes,
                                    .group_count = (uint32_t)batch->group_count,
                                    .marker = marker};
    void *pieces = log->pieces;
    memory_reserve(&pieces, &log->piece_capacity, batch->group_count + 2,
                   sizeof *log->pieces);
    log->pieces = pieces;
    buffer_clear(&log->front);
    buffer_extend(&log->front, offset);
    log->pieces[count++] = buffer_slice(&log->front);
    for (size_t i = 0; i < batch->group_count; i++) {
        struct slice records = buffer_slice(&batch->groups[i]->records);
        const struct segment_group group = {
            .replica_id = batch->groups[i]->replica_id,
            .offset = offset,
            .bytes = (uint32_t)records.size,
            .record_count = batch->groups[i]->record_count,
            .checksum = segment_checksum(records, log->log_id, log->next_number)};
        segment_group_encode(&group, log->front.data + SEGMENT_HEADER_BYTES +
                                         i * SEGMENT_GROUP_BYTES);
        log->pieces[count++] = records;
        offset += group.bytes;
    }
    header.directory_checksum =
        segment_checksum(slice_of(log->front.data + SEGMENT_HEADER_BYTES,
                                  log->front.size - SEGMENT_HEADER_BYTES),
                         log->log_id, log->next_number);
    segment_header_encode(&header, log->log_id, log->front.data);
    log->pieces[count++] = slice_of(segment_zeros, segment_padded(bytes) - bytes);
    return count;
}

/* Takes the durable batch into the index. Lock held. */
static void segment_log_apply(struct segment_log *log, const struct log_batch *batch)
{
    for (size_t i = 0; i < batch->group_count; i++) {
        struct segment_group group;
        struct log_place place;
        segment_directory_get(buffer_slice(&log->front), (uint32_t)i, &group);
        place = (struct log_place){.number = log->next_number,
                                   .checksum = group.checksum,
                                   .offset = (uint32_t)log->tail + group.offset};
        log_index_apply(&log->index, group.replica_id,
                        buffer_slice(&batch->groups[i]->records), &place);
    }
}

/* Writes and syncs the batch at the tail, where it fits. Any failure breaks the log. */
static enum status segment_log_write(struct segment_log *log,
                                     const struct log_batch *batch, bool marker)
{
    size_t count = segment_log_layout(log, batch, marker);
    struct file *file = segment_log_newest(log)->file;
    uint64_t padded = segment_padded(log_batch_bytes(batch));
    enum status status = file_write_pieces(file, log->tail, log->pieces, count);
    if (status == STATUS_OK && !MUTANT(lost_after_kill) && !MUTANT(fsync_skipped)) {
        status = file_sync(file);
    }
    if (status != STATUS_OK) {
        log->broken = true;
        return STATUS_IO;
    }
    pthread_mutex_lock(&log->lock);
    segment_log_apply(log, batch);
    pthread_mutex_unlock(&log->lock);
    log->tail += padded;
    log->next_number++;
    log->tail_is_marker = marker;
    metric_add(METRIC_LOG_BATCHES, 1);
    metric_add(METRIC_LOG_BYTES, padded);
    return STATUS_OK;
}

/* Kept free at the end of each segment for a marker with the summary of all replicas:
 * so that on a full disk what was released can still be told to the log, and freed. */
static uint64_t segment_log_reserve(const struct segment_log *log)
{
    return segment_padded(SEGMENT_HEADER_BYTES +
                          (log->index.by_replica.count + 1) * SEGMENT_SUMMARY_BYTES);
}

static bool segment_log_fits(const struct segment_log *log, const struct log_batch *batch,
                             uint64_t reserve)
{
    return log->tail + segment_padded(log_batch_bytes(batch)) + reserve <=
           segment_log_newest(log)->bytes;
}

/* --- Segments -------------------------------------------------------------------------- */

/* Frees what neither a restart nor a reader needs. */
static enum status segment_log_recycle(struct segment_log *log)
{
    while (true) {
        struct segment *segment = NULL;
        pthread_mutex_lock(&log->lock);
        if (segment_files_below(&log->files, log_index_need(&log->index, true).number) >
                0 &&
            log->files.live[0]->pins == 0) {
            segment = segment_files_pop_oldest(&log->files);
            log_index_trim(&log->index, log->files.live[0]->first_number);
        }
        pthread_mutex_unlock(&log->lock);
        if (segment == NULL) {
            return STATUS_OK;
        }
        TRY(segment_files_retire(&log->files, &segment));
    }
}

/* Starts a new segment with `batch`, which begins with the summary of all replicas. */
static enum status segment_log_roll(struct segment_log *log,
                                    const struct log_batch *batch, bool marker)
{
    struct segment *segment = NULL;
    uint64_t bytes = segment_padded(log_batch_bytes(batch)) + segment_log_reserve(log);
    enum status status = segment_files_make(&log->files, bytes, &segment);
    if (status != STATUS_OK) {
        log->broken = log->broken || status != STATUS_DISK_FULL;
        return status == STATUS_DISK_FULL ? status : STATUS_IO;
    }
    segment->first_number = log->next_number;
    pthread_mutex_lock(&log->lock);
    segment_files_push(&log->files, segment);
    pthread_mutex_unlock(&log->lock);
    log->tail = 0;
    TRY(segment_log_write(log, batch, marker));
    if (segment_log_recycle(log) != STATUS_OK) {
        log->broken = true;
    }
    return STATUS_OK;
}

/* --- Appending ------------------------------------------------------------------------- */

/* Replicas that the log meets for the first time are born in this batch. Lock held. */
static bool segment_log_births(struct segment_log *log, const struct log_batch *batch)
{
    const struct log_record born = {.kind = LOG_RECORD_BASE,
                                    .base = {.flags = LOG_BASE_BORN, .first_index = 1}};
    bool any = false;
    for (size_t i = 0; i < batch->group_count; i++) {
        const struct log_group *group = batch->groups[i];
        const struct log_replica *replica =
            log_index_find(&log->index, group->replica_id);
        if (replica == NULL) {
            log_batch_add_record(&log->scratch, group->replica_id, &born);
            any = true;
        }
        ASSERT(group->first_index == 0 || group->starts_anew ||
               (replica != NULL && replica->bounds.damaged) ||
               group->first_index <= (replica ? replica->bounds.last_index : 0) + 1);
    }
    return any;
}

/* Fills the scratch batch with the summary, if wanted, the births, and the batch. */
static void segment_log_prepare(struct segment_log *log, const struct log_batch *batch,
                                bool summary)
{
    log_batch_clear(&log->scratch);
    pthread_mutex_lock(&log->lock);
    if (summary) {
        log_index_summarise(&log->index, &log->scratch);
    }
    if (batch != NULL) {
        segment_log_births(log, batch);
    }
    pthread_mutex_unlock(&log->lock);
    if (batch != NULL) {
        log_batch_merge(&log->scratch, batch);
    }
}

static enum status segment_log_admit(struct segment_log *log,
                                     const struct log_batch *batch)
{
    bool full;
    if (log->broken) {
        return STATUS_IO;
    }
    if (log_batch_bytes(batch) > LOG_BATCH_BYTES_MAX ||
        batch->group_count > LOG_BATCH_GROUPS_MAX) {
        return STATUS_TOO_LARGE;
    }
    pthread_mutex_lock(&log->lock);
    full = log->index.run_count > LOG_INDEX_RUNS_MAX;
    pthread_mutex_unlock(&log->lock);
    return full ? STATUS_OVERLOADED : STATUS_OK;
}

static enum status segment_log_put(struct segment_log *log, const struct log_batch *batch)
{
    enum status status;
    bool births;
    log_batch_clear(&log->scratch);
    pthread_mutex_lock(&log->lock);
    births = segment_log_births(log, batch);
    pthread_mutex_unlock(&log->lock);
    if (births) {
        log_batch_merge(&log->scratch, batch);
    }
    if (segment_log_fits(log, births ? &log->scratch : batch, segment_log_reserve(log))) {
        TRY(segment_log_write(log, births ? &log->scratch : batch, false));
    } else {
        segment_log_prepare(log, batch, true);
        TRY(segment_log_roll(log, &log->scratch, false));
    }
    /* No room for a spare is no failure yet: the next segment will say so. */
    status = segment_files_grow(&log->files, segment_padded(log_batch_bytes(batch)));
    log->broken = log->broken || (status != STATUS_OK && status != STATUS_DISK_FULL);
    return STATUS_OK;
}

static enum status segment_log_append(struct log_store *store,
                                      const struct log_batch *batch)
{
    struct segment_log *log = segment_log_of(store);
    TRY(segment_log_admit(log, batch));
    return log_batch_empty(batch) ? STATUS_OK : segment_log_put(log, batch);
}

static enum status segment_log_mark(struct segment_log *log, bool summary)
{
    segment_log_prepare(log, NULL, summary);
    if (segment_log_fits(log, &log->scratch, 0)) {
        return segment_log_write(log, &log->scratch, true);
    }
    segment_log_prepare(log, NULL, true);
    return segment_log_roll(log, &log->scratch, true);
}

static enum status segment_log_mark_idle(struct log_store *store)
{
    struct segment_log *log = segment_log_of(store);
    size_t now, durable;
    if (log->broken) {
        return STATUS_IO;
    }
    pthread_mutex_lock(&log->lock);
    now = segment_files_below(&log->files, log_index_need(&log->index, false).number);
    durable = segment_files_below(&log->files, log_index_need(&log->index, true).number);
    pthread_mutex_unlock(&log->lock);
    if (!log->tail_is_marker || now > durable) {
        TRY(segment_log_mark(log, now > durable));
    }
    if (segment_log_recycle(log) != STATUS_OK) {
        log->broken = true;
        return STATUS_IO;
    }
    return STATUS_OK;
}

/* --- Asking ---------------------------------------------------------------------------- */

static enum status segment_log_read(struct log_store *store, const struct log_read *read,
                                    log_entry_visitor *visit, void *context)
{
    return segment_read(segment_log_of(store), read, visit, context);
}

static enum status segment_log_term(struct log_store *store, uint64_t replica_id,
                                    uint64_t index, uint64_t *out_term)
{
    struct segment_log *log = segment_log_of(store);
    enum status status = STATUS_NOT_FOUND;
    const struct log_replica *replica;
    pthread_mutex_lock(&log->lock);
    replica = log_index_find(&log->index, replica_id);
    if (replica != NULL) {
        status = log_replica_term(replica, index, out_term);
    }
    pthread_mutex_unlock(&log->lock);
    return status;
}

static enum status segment_log_bounds(struct log_store *store, uint64_t replica_id,
                                      struct log_bounds *out_bounds)
{
    struct segment_log *log = segment_log_of(store);
    enum status status = STATUS_NOT_FOUND;
    const struct log_replica *replica;
    pthread_mutex_lock(&log->lock);
    replica = log_index_find(&log->index, replica_id);
    if (replica != NULL) {
        *out_bounds = replica->bounds;
        status = STATUS_OK;
    }
    pthread_mutex_unlock(&log->lock);
    return status;
}

static enum status segment_log_note(struct log_store *store, uint64_t replica_id,
                                    struct buffer *out_note)
{
    struct segment_log *log = segment_log_of(store);
    enum status status = STATUS_NOT_FOUND;
    const struct log_replica *replica;
    pthread_mutex_lock(&log->lock);
    replica = log_index_find(&log->index, replica_id);
    if (replica != NULL && replica->bounds.noted) {
        buffer_append_slice(out_note, buffer_slice(&replica->note));
        status = STATUS_OK;
    }
    pthread_mutex_unlock(&log->lock);
    return status;
}

static void segment_log_list(struct log_store *store, log_replica_visitor *visit,
                             void *context)
{
    struct segment_log *log = segment_log_of(store);
    uint64_t *ids;
    size_t count;
    pthread_mutex_lock(&log->lock);
    ids = log_index_ids(&log->index, &count);
    pthread_mutex_unlock(&log->lock);
    for (size_t i = 0; i < count && visit(context, ids[i]); i++) {
    }
    free(ids);
}

static void segment_log_release(struct log_store *store, uint64_t replica_id,
                                uint64_t flushed_index)
{
    struct segment_log *log = segment_log_of(store);
    struct log_replica *replica;
    pthread_mutex_lock(&log->lock);
    replica = log_index_find(&log->index, replica_id);
    if (replica != NULL && replica->bounds.released < flushed_index) {
        replica->bounds.released = flushed_index;
    }
    pthread_mutex_unlock(&log->lock);
}

/* The last index of the replica's entries in the oldest segment. Lock held. */
static uint64_t segment_log_laggard(const struct segment_log *log,
                                    const struct log_replica *replica, size_t place)
{
    uint64_t end = log->files.live[place + 1]->first_number;
    uint64_t last = replica->bounds.last_index;
    uint64_t index = replica->bounds.released + 1;
    const struct log_run *run = log_replica_run(replica, index);
    while (run != NULL && run->number < end) {
        last = run->first + run->count - 1;
        run = log_replica_run(replica, last + 1);
    }
    return last;
}

static void segment_log_usage(struct log_store *store, struct log_usage *out_usage)
{
    struct segment_log *log = segment_log_of(store);
    struct log_usage usage = {0};
    struct log_need need;
    size_t place;
    pthread_mutex_lock(&log->lock);
    need = log_index_need(&log->index, false);
    place = segment_files_below(&log->files, need.number);
    usage.segment_count = log->files.live_count - place;
    for (size_t i = place; i < log->files.live_count; i++) {
        usage.bytes += log->files.live[i]->bytes;
    }
    if (place + 1 < log->files.live_count) {
        usage.laggard_replica_id = need.replica_id;
        usage.laggard_index =
            segment_log_laggard(log, log_index_find(&log->index, need.replica_id), place);
    }
    pthread_mutex_unlock(&log->lock);
    *out_usage = usage;
}

/* --- Opening and closing --------------------------------------------------------------- */

static void segment_log_free(struct segment_log *log)
{
    segment_files_close(&log->files);
    log_index_close(&log->index);
    log_batch_close(&log->scratch);
    buffer_close(&log->front);
    free(log->pieces);
    pthread_mutex_destroy(&log->lock);
    free(log);
}

static void segment_log_close(struct log_store *store)
{
    segment_log_free(segment_log_of(store));
}

static const struct log_store_ops segment_log_ops = {
    .append = segment_log_append,
    .mark_idle = segment_log_mark_idle,
    .read = segment_log_read,
    .term = segment_log_term,
    .bounds = segment_log_bounds,
    .note = segment_log_note,
    .list = segment_log_list,
    .release = segment_log_release,
    .usage = segment_log_usage,
    .close = segment_log_close,
};

enum status segment_log_read_id(struct file_system *fs, const char *folder,
                                uint64_t *out_log_id)
{
    char path[FILE_PATH_BYTES_MAX];
    uint8_t bytes[SEGMENT_IDENTITY_BYTES];
    struct file *file;
    size_t got;
    enum status status;
    snprintf(path, sizeof path, "%s/identity", folder);
    TRY(file_system_open(fs, path, FILE_OPEN_READ, &file));
    status = file_read(file, 0, bytes, sizeof bytes, &got);
    if (status == STATUS_OK) {
        status = segment_identity_decode(slice_of(bytes, got), out_log_id);
    }
    file_close(file);
    return status;
}

/* Before the folder is made: a log that is not there now must not seem to be a new one. */
static enum status segment_log_check_known(const struct segment_log_options *options)
{
    uint64_t found;
    if (options->known_log_id == 0) {
        return STATUS_OK;
    }
    TRY(segment_log_read_id(options->fs, options->folder, &found));
    return found == options->known_log_id ? STATUS_OK : STATUS_INVALID;
}

static enum status segment_log_write_identity(struct segment_log *log)
{
    uint8_t bytes[SEGMENT_IDENTITY_BYTES];
    segment_identity_encode(log->log_id, bytes);
    return file_system_replace(log->files.fs, log->files.folder, "identity",
                               slice_of(bytes, sizeof bytes));
}

/* Nothing was written yet: the first segment is made before the identity, so it must be
 * the only one, and empty. Else the identity was lost, and with it the key to the rest. */
static enum status segment_log_create(struct segment_log *log)
{
    struct segment_files *files = &log->files;
    uint8_t block[SEGMENT_BLOCK_BYTES];
    size_t got;
    if (files->live_count > 1 ||
        (files->live_count == 1 && files->live[0]->sequence != 1)) {
        return STATUS_CHECKSUM;
    }
    if (files->live_count == 0) {
        struct segment *segment;
        TRY(segment_files_make(files, 0, &segment));
        segment_files_push(files, segment);
    }
    TRY(file_read(files->live[0]->file, 0, block, sizeof block, &got));
    if (memcmp(block, segment_zeros, got) != 0) {
        return STATUS_CHECKSUM;
    }
    if (files->live[0]->bytes < files->segment_bytes) {
        TRY(file_allocate(files->live[0]->file, files->segment_bytes));
        TRY(file_sync(files->live[0]->file));
        files->live[0]->bytes = files->segment_bytes;
    }
    return segment_log_write_identity(log);
}

/* Nobody knows whether what was read back of the last batch had reached the disk: a sync
 * may have failed before. What is left of a torn one behind it must never be seen again. */
static enum status segment_log_settle(struct segment_log *log,
                                      const struct segment_tail *tail)
{
    struct segment *newest = segment_log_newest(log);
    struct buffer last;
    enum status status = STATUS_OK;
    size_t got;
    buffer_init(&last);
    if (tail->last_bytes > 0) {
        buffer_extend(&last, tail->last_bytes);
        status = file_read(newest->file, tail->last_offset, last.data, last.size, &got);
        if (status == STATUS_OK) {
            status = got == last.size ? file_write(newest->file, tail->last_offset,
                                                   buffer_slice(&last))
                                      : STATUS_IO;
        }
    }
    if (status == STATUS_OK && tail->offset + SEGMENT_BLOCK_BYTES <= newest->bytes) {
        status = file_write(newest->file, tail->offset,
                            slice_of(segment_zeros, sizeof segment_zeros));
    }
    buffer_close(&last);
    return status == STATUS_OK ? file_sync(newest->file) : status;
}

static enum status segment_log_load(struct segment_log *log,
                                    const struct segment_log_options *options,
                                    struct segment_log_report *report)
{
    struct segment_tail tail;
    enum status status;
    TRY(segment_log_check_known(options));
    TRY(file_system_ensure_folder(options->fs, options->folder));
    TRY(segment_files_open(&log->files, options->fs, options->folder,
                           options->segment_bytes));
    status = segment_log_read_id(options->fs, options->folder, &log->log_id);
    if (status == STATUS_NOT_FOUND) {
        log->log_id = options->fresh_log_id;
        status = segment_log_create(log);
    }
    TRY(status);
    if (log->files.live_count == 0) {
        return STATUS_CHECKSUM;
    }
    TRY(segment_recover(log, report, &tail));
    TRY(segment_log_settle(log, &tail));
    log->tail = tail.offset;
    log->next_number = tail.next_number;
    log->tail_is_marker = tail.last_is_marker;
    return log->tail_is_marker ? STATUS_OK : segment_log_mark(log, true);
}

enum status segment_log_open(const struct segment_log_options *options,
                             struct segment_log_report *out_report,
                             struct log_store **out_store)
{
    struct segment_log_report report = {0};
    struct segment_log *log = memory_zalloc(sizeof *log);
    enum status status;
    ASSERT(options->segment_bytes >= 4 * SEGMENT_BLOCK_BYTES);
    ASSERT(options->segment_bytes % SEGMENT_BLOCK_BYTES == 0);
    ASSERT(options->segment_bytes <= SEGMENT_BYTES_MAX);
    log->store.ops = &segment_log_ops;
    pthread_mutex_init(&log->lock, NULL);
    log_index_init(&log->index);
    log_batch_init(&log->scratch);
    buffer_init(&log->front);
    status = segment_log_load(log, options, &report);
    if (status != STATUS_OK) {
        segment_log_free(log);
        return status;
    }
    report.log_id = log->log_id;
    if (out_report != NULL) {
        *out_report = report;
    }
    *out_store = &log->store;
    return STATUS_OK;
}
