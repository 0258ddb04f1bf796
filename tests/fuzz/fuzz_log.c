/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole log laid out from the input, with right checksums, so that what lies behind
 * them is reached: batches of any numbers, places, directories and records. Opening it
 * must end in a status, reading all of it too, and a log that opened must take an entry
 * of a new replica and open again with it.
 */
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/storage/segment_format.h"
#include "shard/storage/segment_log.h"
#include "tests/lib/crash_files.h"

enum {
    FUZZ_LOG_ID = 77,
    FUZZ_SEGMENT_BYTES = 16 * SEGMENT_BLOCK_BYTES,
    FUZZ_GROUPS_MAX = 4,
    FUZZ_BATCHES_MAX = 24,
    FUZZ_NEW_REPLICA = 1000,
};

static const char *const fuzz_segments[] = {"/log/0000000000000001.segment",
                                            "/log/0000000000000002.segment"};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* One batch at a block of the segment; what the input says may be wrong in any field. */
static void fuzz_batch(struct reader *input, uint8_t *segment, uint64_t sequence)
{
    uint64_t block = read_u8(input) % 16;
    uint8_t *batch = segment + block * SEGMENT_BLOCK_BYTES;
    uint32_t groups = read_u8(input) % (FUZZ_GROUPS_MAX + 1);
    uint32_t next = SEGMENT_HEADER_BYTES + groups * SEGMENT_GROUP_BYTES;
    struct segment_header header = {.number = read_u8(input) % 32u,
                                    .sequence = sequence,
                                    .offset = (uint32_t)(block * SEGMENT_BLOCK_BYTES),
                                    .group_count = groups,
                                    .marker = read_u8(input) % 4 == 0};
    for (uint32_t i = 0; i < groups; i++) {
        uint64_t replica_id = read_u8(input) % 4u + 1;
        struct slice records = read_raw(input, read_u8(input));
        struct segment_group group = {.replica_id = replica_id,
                                      .offset = next,
                                      .bytes = (uint32_t)records.size,
                                      .record_count = 1};
        group.checksum = segment_checksum(records, FUZZ_LOG_ID, header.number);
        if (records.size > 0) {
            memcpy(batch + next, records.data, records.size);
        }
        segment_group_encode(&group, batch + SEGMENT_HEADER_BYTES +
                                         (size_t)i * SEGMENT_GROUP_BYTES);
        next += group.bytes;
    }
    header.bytes = next + (read_u8(input) == 255 ? read_u8(input) * 997u : 0);
    header.directory_checksum = segment_checksum(
        slice_of(batch + SEGMENT_HEADER_BYTES, (size_t)groups * SEGMENT_GROUP_BYTES),
        FUZZ_LOG_ID, header.number);
    segment_header_encode(&header, FUZZ_LOG_ID, batch);
}

static void fuzz_lay_out(struct crash_files *files, struct reader *input)
{
    uint8_t identity[SEGMENT_IDENTITY_BYTES];
    unsigned segments = 1 + read_u8(input) % 2u;
    ASSERT(file_system_make_folder(crash_files_system(files), "/log") == STATUS_OK);
    segment_identity_encode(FUZZ_LOG_ID, identity);
    crash_files_set(files, "/log/identity", slice_of(identity, sizeof identity));
    for (unsigned i = 0; i < segments; i++) {
        static uint8_t bytes[FUZZ_SEGMENT_BYTES + SEGMENT_BLOCK_BYTES];
        unsigned batches = read_u8(input) % FUZZ_BATCHES_MAX;
        memset(bytes, 0, sizeof bytes);
        while (batches-- > 0 && reader_left(input) > 0) {
            fuzz_batch(input, bytes, i + 1);
        }
        crash_files_set(files, fuzz_segments[i], slice_of(bytes, FUZZ_SEGMENT_BYTES));
    }
}

static enum status fuzz_open(struct crash_files *files, struct log_store **out_log)
{
    const struct segment_log_options options = {.fs = crash_files_system(files),
                                                .folder = "/log",
                                                .segment_bytes = FUZZ_SEGMENT_BYTES};
    return segment_log_open(&options, NULL, out_log);
}

static bool fuzz_entry(void *context, const struct log_entry *entry)
{
    uint64_t *next = context;
    ASSERT(entry->index == *next);
    ++*next;
    return true;
}

static bool fuzz_replica(void *context, uint64_t replica_id)
{
    struct log_store *log = context;
    struct log_bounds bounds;
    struct log_read read = {.replica_id = replica_id, .max_bytes = 1 << 20};
    uint64_t next;
    ASSERT(log_store_bounds(log, replica_id, &bounds) == STATUS_OK);
    ASSERT(bounds.first_index <= bounds.last_index + 1);
    next = read.from_index = bounds.first_index;
    if (log_store_read(log, &read, fuzz_entry, &next) == STATUS_OK) {
        ASSERT(next == bounds.last_index + 1);
    }
    log_store_release(log, replica_id, bounds.last_index);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct crash_files *files = crash_files_new(0);
    struct log_store *log = NULL;
    struct log_usage usage;
    struct reader input;
    reader_init(&input, slice_of(data, size));
    fuzz_lay_out(files, &input);
    if (fuzz_open(files, &log) == STATUS_OK) {
        struct log_batch batch;
        struct log_bounds bounds;
        log_store_usage(log, &usage);
        log_store_list(log, fuzz_replica, log);
        log_batch_init(&batch);
        log_batch_add_entry(&batch, FUZZ_NEW_REPLICA, 1, 1, slice_from_string("new"));
        ASSERT(log_store_append(log, &batch) == STATUS_OK);
        ASSERT(log_store_mark_idle(log) == STATUS_OK);
        log_batch_close(&batch);
        log_store_close(log);
        ASSERT(fuzz_open(files, &log) == STATUS_OK);
        ASSERT(log_store_bounds(log, FUZZ_NEW_REPLICA, &bounds) == STATUS_OK);
        ASSERT(!bounds.damaged && bounds.last_index == 1);
        log_store_close(log);
    }
    crash_files_free(files);
    return 0;
}
