/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/segment_format.h"

#include <string.h>

#include "shard/base/encode.h"
#include "shard/base/hash.h"
#include "shard/storage/log_batch.h"

enum {
    HEADER_CHECKED_BYTES = SEGMENT_HEADER_BYTES - 8,
    HEADER_MARKER = 1,
    IDENTITY_CHECKED_BYTES = 24,
    IDENTITY_COPY_BYTES = 32,
};

static const uint8_t header_magic[4] = "SBAT";
static const uint8_t identity_magic[4] = "SLOG";
static const uint64_t identity_seed = 0x536f756b4c6f6731u; /* "SoukLog1" */

uint64_t segment_checksum(struct slice bytes, uint64_t log_id, uint64_t number)
{
    return hash64(bytes, log_id ^ hash_mix(number));
}

void segment_header_encode(const struct segment_header *header, uint64_t log_id,
                           uint8_t out_bytes[SEGMENT_HEADER_BYTES])
{
    memset(out_bytes, 0, SEGMENT_HEADER_BYTES);
    memcpy(out_bytes, header_magic, sizeof header_magic);
    out_bytes[4] = SEGMENT_VERSION;
    out_bytes[5] = header->marker ? HEADER_MARKER : 0;
    store_le64(out_bytes + 8, header->number);
    store_le64(out_bytes + 16, header->sequence);
    store_le32(out_bytes + 24, header->offset);
    store_le32(out_bytes + 28, header->bytes);
    store_le32(out_bytes + 32, header->group_count);
    store_le64(out_bytes + 40, header->directory_checksum);
    store_le64(out_bytes + HEADER_CHECKED_BYTES,
               segment_checksum(slice_of(out_bytes, HEADER_CHECKED_BYTES), log_id,
                                header->number));
}

static bool segment_header_fits(const struct segment_header *header)
{
    uint64_t least =
        SEGMENT_HEADER_BYTES + (uint64_t)header->group_count * SEGMENT_GROUP_BYTES;
    return header->number > 0 && header->bytes >= least &&
           header->offset % SEGMENT_BLOCK_BYTES == 0;
}

enum status segment_header_decode(struct slice bytes, uint64_t log_id,
                                  struct segment_header *out_header)
{
    struct segment_header header;
    if (bytes.size < SEGMENT_HEADER_BYTES ||
        memcmp(bytes.data, header_magic, sizeof header_magic) != 0) {
        return STATUS_CHECKSUM;
    }
    header = (struct segment_header){
        .number = load_le64(bytes.data + 8),
        .sequence = load_le64(bytes.data + 16),
        .offset = load_le32(bytes.data + 24),
        .bytes = load_le32(bytes.data + 28),
        .group_count = load_le32(bytes.data + 32),
        .directory_checksum = load_le64(bytes.data + 40),
        .marker = bytes.data[5] == HEADER_MARKER,
    };
    if (load_le64(bytes.data + HEADER_CHECKED_BYTES) !=
        segment_checksum(slice_of(bytes.data, HEADER_CHECKED_BYTES), log_id,
                         header.number)) {
        return STATUS_CHECKSUM;
    }
    if (bytes.data[4] > SEGMENT_VERSION) {
        *out_header = header;
        return STATUS_VERSION;
    }
    if (!segment_header_fits(&header)) {
        return STATUS_CHECKSUM;
    }
    *out_header = header;
    return STATUS_OK;
}

void segment_group_encode(const struct segment_group *group,
                          uint8_t out_bytes[SEGMENT_GROUP_BYTES])
{
    store_le64(out_bytes, group->replica_id);
    store_le32(out_bytes + 8, group->offset);
    store_le32(out_bytes + 12, group->bytes);
    store_le32(out_bytes + 16, group->record_count);
    store_le32(out_bytes + 20, 0);
    store_le64(out_bytes + 24, group->checksum);
}

void segment_group_decode(const uint8_t bytes[SEGMENT_GROUP_BYTES],
                          struct segment_group *out_group)
{
    *out_group = (struct segment_group){
        .replica_id = load_le64(bytes),
        .offset = load_le32(bytes + 8),
        .bytes = load_le32(bytes + 12),
        .record_count = load_le32(bytes + 16),
        .checksum = load_le64(bytes + 24),
    };
}

void segment_directory_get(struct slice batch, uint32_t place,
                           struct segment_group *out_group)
{
    segment_group_decode(batch.data + SEGMENT_HEADER_BYTES +
                             (size_t)place * SEGMENT_GROUP_BYTES,
                         out_group);
}

bool segment_directory_valid(struct slice batch, const struct segment_header *header,
                             uint64_t log_id)
{
    size_t directory_bytes = (size_t)header->group_count * SEGMENT_GROUP_BYTES;
    uint64_t next = SEGMENT_HEADER_BYTES + directory_bytes;
    if (batch.size < header->bytes || header->bytes < next ||
        segment_checksum(slice_of(batch.data + SEGMENT_HEADER_BYTES, directory_bytes),
                         log_id, header->number) != header->directory_checksum) {
        return false;
    }
    for (uint32_t i = 0; i < header->group_count; i++) {
        struct segment_group group;
        segment_directory_get(batch, i, &group);
        if (group.replica_id == 0 || group.offset != next) {
            return false;
        }
        next += group.bytes;
    }
    return next == header->bytes;
}

void segment_identity_encode(uint64_t log_id, uint8_t out_bytes[SEGMENT_IDENTITY_BYTES])
{
    memset(out_bytes, 0, SEGMENT_IDENTITY_BYTES);
    for (unsigned copy = 0; copy < 2; copy++) {
        uint8_t *bytes = out_bytes + (size_t)copy * SEGMENT_BLOCK_BYTES;
        memcpy(bytes, identity_magic, sizeof identity_magic);
        bytes[4] = SEGMENT_VERSION;
        store_le64(bytes + 8, log_id);
        store_le64(bytes + IDENTITY_CHECKED_BYTES,
                   hash64(slice_of(bytes, IDENTITY_CHECKED_BYTES), identity_seed));
    }
}

static enum status segment_identity_copy_decode(const uint8_t *bytes,
                                                uint64_t *out_log_id)
{
    if (memcmp(bytes, identity_magic, sizeof identity_magic) != 0 ||
        load_le64(bytes + IDENTITY_CHECKED_BYTES) !=
            hash64(slice_of(bytes, IDENTITY_CHECKED_BYTES), identity_seed)) {
        return STATUS_CHECKSUM;
    }
    if (bytes[4] > SEGMENT_VERSION) {
        return STATUS_VERSION;
    }
    *out_log_id = load_le64(bytes + 8);
    return STATUS_OK;
}

enum status segment_identity_decode(struct slice bytes, uint64_t *out_log_id)
{
    enum status status = STATUS_CHECKSUM;
    for (size_t at = 0; at + IDENTITY_COPY_BYTES <= bytes.size && status != STATUS_OK &&
                        at <= SEGMENT_BLOCK_BYTES;
         at += SEGMENT_BLOCK_BYTES) {
        enum status copy = segment_identity_copy_decode(bytes.data + at, out_log_id);
        status = copy == STATUS_CHECKSUM ? status : copy;
    }
    return status;
}
