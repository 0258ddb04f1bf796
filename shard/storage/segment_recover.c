/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reading the log back at start, batch by batch:
 *
 *     header where it is expected?  no -> look for any later one: none   = the tail
 *                                         the expected, in the next file = clean end
 *                                         another    = a batch was lost: all damaged
 *     directory and groups sound?   no -> any later header: none = torn, cut here
 *                                         inside it = no batch: all damaged, go on there
 *                                         one = damage, to all or to the groups named
 *     else apply
 */
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/mutant.h"
#include "shard/storage/segment_log_private.h"

enum {
    RECOVER_SCAN_BYTES = 1 << 20,
};

/* A point in the chain of live segments. */
struct recover_place {
    size_t segment;
    uint64_t offset;
};

struct recover {
    struct segment_log *log;
    struct segment_log_report *report;
    struct recover_place at;
    uint64_t expected; /* number of the next batch; 0 before the first */
    struct recover_place last;
    uint64_t last_bytes;
    bool last_is_marker;
    struct buffer batch;
    uint8_t *scan;
};

static struct segment *recover_segment(const struct recover *recover, size_t place)
{
    return recover->log->files.live[place];
}

/* Whether these bytes are a header of this log, at this very place, not older than
 * expected. VERSION only for one that is all of this but newer than this program. */
static enum status recover_judge(const struct recover *recover, struct slice bytes,
                                 struct recover_place place,
                                 struct segment_header *out_header)
{
    const struct segment *segment = recover_segment(recover, place.segment);
    struct segment_header header = {0};
    enum status status = segment_header_decode(bytes, recover->log->log_id, &header);
    if (status == STATUS_CHECKSUM || header.sequence != segment->sequence ||
        header.offset != place.offset || header.number < recover->expected ||
        header.bytes > segment->bytes - place.offset) {
        return STATUS_NOT_FOUND;
    }
    *out_header = header;
    return status;
}

/* Looks through one segment from `place` on; NOT_FOUND when it holds no header. */
static enum status recover_scan_segment(struct recover *recover,
                                        struct recover_place *place,
                                        struct segment_header *out_header)
{
    const struct segment *segment = recover_segment(recover, place->segment);
    while (place->offset < segment->bytes) {
        struct recover_place here = *place;
        size_t got;
        TRY(file_read(segment->file, place->offset, recover->scan, RECOVER_SCAN_BYTES,
                      &got));
        for (size_t i = 0; i < got; i += SEGMENT_BLOCK_BYTES) {
            enum status status;
            here.offset = place->offset + i;
            status = recover_judge(recover, slice_of(recover->scan + i, got - i), here,
                                   out_header);
            if (status != STATUS_NOT_FOUND) {
                *place = here;
                return status;
            }
        }
        if (got < RECOVER_SCAN_BYTES) {
            break;
        }
        place->offset += got;
    }
    return STATUS_NOT_FOUND;
}

/* The first header at `place` or behind it, in this segment or a later one. */
static enum status recover_scan(struct recover *recover, struct recover_place *place,
                                struct segment_header *out_header)
{
    enum status status = STATUS_NOT_FOUND;
    while (place->segment < recover->log->files.live_count) {
        status = recover_scan_segment(recover, place, out_header);
        if (status != STATUS_NOT_FOUND) {
            break;
        }
        place->segment++;
        place->offset = 0;
    }
    return status;
}

/* The header at the expected place, else the next one anywhere. */
static enum status recover_next(struct recover *recover, struct recover_place *place,
                                struct segment_header *out_header)
{
    const struct segment *segment = recover_segment(recover, place->segment);
    enum status status = STATUS_NOT_FOUND;
    uint8_t bytes[SEGMENT_HEADER_BYTES];
    if (place->offset < segment->bytes) {
        size_t got;
        TRY(file_read(segment->file, place->offset, bytes, sizeof bytes, &got));
        status = recover_judge(recover, slice_of(bytes, got), *place, out_header);
    }
    return status == STATUS_NOT_FOUND ? recover_scan(recover, place, out_header) : status;
}

static enum status recover_load(struct recover *recover,
                                const struct segment_header *header)
{
    size_t got;
    buffer_clear(&recover->batch);
    buffer_extend(&recover->batch, header->bytes);
    TRY(file_read(recover_segment(recover, recover->at.segment)->file, recover->at.offset,
                  recover->batch.data, header->bytes, &got));
    recover->batch.size = got;
    return STATUS_OK;
}

static bool recover_group_sound(const struct recover *recover,
                                const struct segment_header *header,
                                const struct segment_group *group)
{
    struct slice records = slice_of(recover->batch.data + group->offset, group->bytes);
    return segment_checksum(records, recover->log->log_id, header->number) ==
           group->checksum;
}

static bool recover_groups_sound(const struct recover *recover,
                                 const struct segment_header *header)
{
    for (uint32_t i = 0; i < header->group_count; i++) {
        struct segment_group group;
        segment_directory_get(buffer_slice(&recover->batch), i, &group);
        if (!recover_group_sound(recover, header, &group)) {
            return false;
        }
    }
    return true;
}

/* The first damage is what a person looks at. A marker before it is not the end: without a
 * batch behind the damage, the next start would take it for a tail. */
static void recover_note_damage(struct recover *recover, uint64_t offset)
{
    struct segment_log_report *report = recover->report;
    recover->last_is_marker = false;
    if (report->damage_segment == 0) {
        report->damage_segment = recover_segment(recover, recover->at.segment)->sequence;
        report->damage_offset = offset;
    }
}

/* Takes in the sound groups and marks the others damaged. */
static void recover_apply(struct recover *recover, const struct segment_header *header)
{
    struct log_index *index = &recover->log->index;
    for (uint32_t i = 0; i < header->group_count; i++) {
        struct segment_group group;
        struct log_place place;
        segment_directory_get(buffer_slice(&recover->batch), i, &group);
        place = (struct log_place){.number = header->number,
                                   .checksum = group.checksum,
                                   .offset = header->offset + group.offset};
        if (recover_group_sound(recover, header, &group)) {
            log_index_apply(index, group.replica_id,
                            slice_of(recover->batch.data + group.offset, group.bytes),
                            &place);
        } else {
            recover_note_damage(recover, place.offset);
            log_index_damage(index, group.replica_id);
        }
    }
}

/* Whether a later batch proves that this one was durable. Looked for from the next block
 * on, inside its own bytes too: what was cut must not be found by a later start. */
static enum status recover_proof(struct recover *recover,
                                 const struct segment_header *header,
                                 struct recover_place *out_place)
{
    struct segment_header later;
    enum status status;
    uint64_t expected = recover->expected;
    *out_place = recover->at;
    out_place->offset += SEGMENT_BLOCK_BYTES;
    recover->expected = header->number + 1;
    status = recover_scan(recover, out_place, &later);
    recover->expected = expected;
    return status;
}

/* Takes in the batch at recover->at, whose directory may be bad, and moves behind it. */
static void recover_take(struct recover *recover, const struct segment_header *header,
                         bool directory)
{
    recover->last = recover->at;
    recover->last_bytes = header->bytes;
    recover->last_is_marker = header->marker;
    if (directory) {
        recover_apply(recover, header);
    } else {
        recover_note_damage(recover, header->offset);
        log_index_damage_all(&recover->log->index);
    }
    recover->report->batches++;
    recover->at.offset += segment_padded(header->bytes);
}

/* Takes in the batch at recover->at; `out_torn` when it is the end and to be cut. */
static enum status recover_batch(struct recover *recover,
                                 const struct segment_header *header, bool *out_torn)
{
    struct slice bytes;
    bool directory;
    *out_torn = false;
    TRY(recover_load(recover, header));
    bytes = buffer_slice(&recover->batch);
    directory = segment_directory_valid(bytes, header, recover->log->log_id);
    if (!directory || !recover_groups_sound(recover, header)) {
        struct recover_place proof;
        enum status status = recover_proof(recover, header, &proof);
        if (status == STATUS_NOT_FOUND) {
            *out_torn = true;
            recover->report->bytes_cut += header->bytes;
            return STATUS_OK;
        }
        TRY(status);
        if (proof.segment == recover->at.segment &&
            proof.offset < recover->at.offset + header->bytes) {
            /* Left over where a batch was lost: what was written since lies inside. */
            recover_note_damage(recover, header->offset);
            log_index_damage_all(&recover->log->index);
            recover->at = proof;
            return STATUS_OK;
        }
    }
    recover_take(recover, header, directory);
    return STATUS_OK;
}

/* Moves to the batch that the header at `found` begins. */
static void recover_move(struct recover *recover, struct recover_place found,
                         const struct segment_header *header)
{
    bool here =
        found.segment == recover->at.segment && found.offset == recover->at.offset;
    bool clean_end = header->number == recover->expected && found.offset == 0 &&
                     found.segment == recover->at.segment + 1;
    bool skipped = here && recover->expected != 0 && header->number != recover->expected;
    if ((!here && !clean_end) || skipped) {
        recover_note_damage(recover, recover->at.offset);
        log_index_damage_all(&recover->log->index);
    }
    for (size_t i = recover->at.segment + 1; i <= found.segment; i++) {
        recover_segment(recover, i)->first_number = header->number;
    }
    if (recover->expected == 0) {
        recover_segment(recover, recover->at.segment)->first_number = header->number;
    }
    recover->at = found;
}

/* A planted fault: everything in the newest segment but its first batch is forgotten. */
static bool recover_forgets(const struct recover *recover, struct recover_place found)
{
    return MUTANT(lost_after_kill) && found.offset > 0 &&
           found.segment + 1 == recover->log->files.live_count;
}

static enum status recover_walk(struct recover *recover)
{
    while (true) {
        struct recover_place found = recover->at;
        struct segment_header header;
        bool torn;
        enum status status = recover_next(recover, &found, &header);
        if (status == STATUS_NOT_FOUND || recover_forgets(recover, found)) {
            return STATUS_OK;
        }
        TRY(status);
        recover_move(recover, found, &header);
        TRY(recover_batch(recover, &header, &torn));
        if (torn) {
            /* Not lower, even over a gap: nothing behind may pass for a later batch. */
            recover->expected = header.number;
            return STATUS_OK;
        }
        recover->expected = header.number + 1;
    }
}

/* Segments behind the tail were being made when the process ended. */
static enum status recover_drop_behind(struct recover *recover)
{
    struct segment_files *files = &recover->log->files;
    while (files->live_count > recover->at.segment + 1) {
        struct segment *segment = segment_files_pop_newest(files);
        TRY(segment_files_retire(files, &segment));
    }
    return file_system_sync_folder(files->fs, files->folder);
}

static enum status recover_finish(struct recover *recover, struct segment_tail *out_tail)
{
    struct segment_files *files = &recover->log->files;
    if (recover->expected == 0) {
        /* Not one batch: a log that was being made, or one that cannot be read at all. */
        if (files->live_count != 1 || files->live[0]->sequence != 1) {
            return STATUS_CHECKSUM;
        }
        recover->expected = 1;
        files->live[0]->first_number = 1;
    }
    TRY(recover_drop_behind(recover));
    log_index_finish(&recover->log->index);
    recover->report->groups_damaged = log_index_damaged(&recover->log->index);
    *out_tail = (struct segment_tail){.offset = recover->at.offset,
                                      .next_number = recover->expected};
    if (recover->last_bytes > 0 && recover->last.segment == recover->at.segment) {
        out_tail->last_offset = recover->last.offset;
        out_tail->last_bytes = recover->last_bytes;
        out_tail->last_is_marker = recover->last_is_marker;
    }
    return STATUS_OK;
}

enum status segment_recover(struct segment_log *log, struct segment_log_report *report,
                            struct segment_tail *out_tail)
{
    struct recover recover = {.log = log, .report = report};
    enum status status;
    ASSERT(log->files.live_count > 0);
    recover.scan = memory_alloc(RECOVER_SCAN_BYTES);
    buffer_init(&recover.batch);
    status = recover_walk(&recover);
    if (status == STATUS_OK) {
        status = recover_finish(&recover, out_tail);
    }
    buffer_close(&recover.batch);
    free(recover.scan);
    return status;
}
