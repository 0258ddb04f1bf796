/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes of the segment log. Internal to shard/storage, tests and fuzzing.
 *
 * A segment file <sequence>.segment holds batches, each starting at a multiple of 4096:
 *
 *     header, 64 bytes
 *         0 magic "SBAT"   4 version   5 flags: 1 = marker, nothing acknowledged is inside
 *         6 zero (2)                   8 batch number (from 1, +1 each)
 *        16 segment sequence          24 own offset   28 bytes, all of the batch
 *        32 group count               36 zero         40 checksum of the directory
 *        48 zero                      56 checksum of bytes 0 to 55
 *     directory, 32 bytes per group
 *         0 replica id    8 offset in the batch   12 bytes   16 record count   20 zero
 *        24 checksum of the group's bytes
 *     groups: records, see log_record.h
 *     zeros up to the next multiple of 4096
 *
 * All integers are little endian. Checksums are XXH3-64 seeded with the log's random id
 * and the batch number, so bytes of another log, or of the batch that lay there before a
 * segment was recycled, are not mistaken for this one's. Sequence and offset are in the
 * header for the same reason. The header's checksum stays where it is in all versions.
 *
 * The file `identity` holds the log's id, twice, 4096 bytes apart:
 *         0 magic "SLOG"   4 version   5 zero (3)   8 log id   16 zero   24 checksum
 */
#ifndef SOUK_SHARD_STORAGE_SEGMENT_FORMAT_H
#define SOUK_SHARD_STORAGE_SEGMENT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    SEGMENT_VERSION = 1,
    SEGMENT_BLOCK_BYTES = 4096,
    SEGMENT_HEADER_BYTES = 64,
    SEGMENT_GROUP_BYTES = 32,
    SEGMENT_IDENTITY_BYTES = 2 * SEGMENT_BLOCK_BYTES,
};

struct segment_header {
    uint64_t number;
    uint64_t sequence;
    uint32_t offset;
    uint32_t bytes;
    uint32_t group_count;
    uint64_t directory_checksum;
    bool marker;
};

struct segment_group {
    uint64_t replica_id;
    uint32_t offset;
    uint32_t bytes;
    uint32_t record_count;
    uint64_t checksum;
};

/* `bytes` rounded up to whole blocks. */
static inline uint64_t segment_padded(uint64_t bytes)
{
    return (bytes + SEGMENT_BLOCK_BYTES - 1) / SEGMENT_BLOCK_BYTES * SEGMENT_BLOCK_BYTES;
}

uint64_t segment_checksum(struct slice bytes, uint64_t log_id, uint64_t number);

void segment_header_encode(const struct segment_header *header, uint64_t log_id,
                           uint8_t out_bytes[SEGMENT_HEADER_BYTES]);
/* CHECKSUM: no header of this log. VERSION: one of a later version; number, sequence and
 * offset stay where they are in all versions and are answered. With OK, the directory fits
 * into the bytes. */
MUST_USE enum status segment_header_decode(struct slice bytes, uint64_t log_id,
                                           struct segment_header *out_header);

void segment_group_encode(const struct segment_group *group,
                          uint8_t out_bytes[SEGMENT_GROUP_BYTES]);
void segment_group_decode(const uint8_t bytes[SEGMENT_GROUP_BYTES],
                          struct segment_group *out_group);

/*
 * Checks the directory of a whole batch: its checksum, and that the groups lie one behind
 * the other up to the end of the batch. `batch` starts with the header.
 */
MUST_USE bool segment_directory_valid(struct slice batch,
                                      const struct segment_header *header,
                                      uint64_t log_id);
/* The group at `place` in a valid directory. */
void segment_directory_get(struct slice batch, uint32_t place,
                           struct segment_group *out_group);

void segment_identity_encode(uint64_t log_id, uint8_t out_bytes[SEGMENT_IDENTITY_BYTES]);
/* One good copy of the two is enough. CHECKSUM, VERSION. */
MUST_USE enum status segment_identity_decode(struct slice bytes, uint64_t *out_log_id);

#endif
