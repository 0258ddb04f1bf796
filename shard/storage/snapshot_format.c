/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/snapshot_format.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/memory.h"
#include "shard/storage/store.h"

enum {
    SNAPSHOT_VERSION = 1,
    SNAPSHOT_CHUNK_ENCODED_BYTES_MIN = 1 + 16 + 2, /* size, checksum, a key of one byte */
};

static void encode_checksum(struct buffer *out, struct hash128 checksum)
{
    encode_le64(out, checksum.high);
    encode_le64(out, checksum.low);
}

static struct hash128 read_checksum(struct reader *reader)
{
    struct hash128 checksum;
    checksum.high = read_le64(reader);
    checksum.low = read_le64(reader);
    return checksum;
}

static enum status snapshot_begin(struct reader *reader, struct slice bytes)
{
    reader_init(reader, bytes);
    uint8_t version = read_u8(reader);
    if (reader->failed || version == 0) {
        return STATUS_CHECKSUM;
    }
    return version > SNAPSHOT_VERSION ? STATUS_VERSION : STATUS_OK;
}

/* --- Head ------------------------------------------------------------------------------- */

void snapshot_head_encode(struct buffer *out, const struct snapshot_head *head)
{
    encode_u8(out, SNAPSHOT_VERSION);
    encode_varint(out, head->index);
    encode_varint(out, head->term);
    encode_varint(out, head->manifest_bytes);
    encode_checksum(out, head->manifest_checksum);
}

enum status snapshot_head_decode(struct slice bytes, struct snapshot_head *out_head)
{
    struct snapshot_head head;
    struct reader reader;
    TRY(snapshot_begin(&reader, bytes));
    head.index = read_varint(&reader);
    head.term = read_varint(&reader);
    head.manifest_bytes = read_varint(&reader);
    head.manifest_checksum = read_checksum(&reader);
    TRY(reader_finish(&reader));
    if (head.index == 0 || head.manifest_bytes == 0 ||
        head.manifest_bytes > SNAPSHOT_MANIFEST_BYTES_MAX) {
        return STATUS_CHECKSUM;
    }
    *out_head = head;
    return STATUS_OK;
}

/* --- Manifest --------------------------------------------------------------------------- */

void snapshot_manifest_encode(struct buffer *out,
                              const struct snapshot_manifest *manifest)
{
    encode_u8(out, SNAPSHOT_VERSION);
    encode_varint(out, manifest->shard_id);
    encode_u8(out, (uint8_t)manifest->table);
    encode_le64(out, manifest->range.start);
    encode_le64(out, manifest->range.end);
    encode_varint(out, manifest->range_version);
    encode_varint(out, manifest->member_version);
    encode_varint(out, manifest->feature_level);
    encode_varint(out, manifest->index);
    encode_varint(out, manifest->term);
    encode_zigzag(out, manifest->log_time_ms);
    encode_bytes(out, manifest->members);
    encode_varint(out, manifest->chunk_count);
    for (uint32_t i = 0; i < manifest->chunk_count; i++) {
        encode_varint(out, manifest->chunks[i].bytes);
        encode_checksum(out, manifest->chunks[i].checksum);
        encode_bytes(out, manifest->chunks[i].start);
    }
}

static enum status snapshot_manifest_read(struct reader *reader,
                                          struct snapshot_manifest *manifest)
{
    manifest->shard_id = read_varint(reader);
    manifest->table = (enum key_table)read_u8(reader);
    manifest->range.start = read_le64(reader);
    manifest->range.end = read_le64(reader);
    manifest->range_version = read_varint(reader);
    manifest->member_version = read_varint(reader);
    uint64_t level = read_varint(reader);
    manifest->feature_level = (uint32_t)level;
    manifest->index = read_varint(reader);
    manifest->term = read_varint(reader);
    manifest->log_time_ms = read_zigzag(reader);
    manifest->members = read_bytes(reader);
    uint64_t count = read_varint(reader);
    manifest->chunk_count = (uint32_t)count;
    bool table = key_table_is_state(manifest->table);
    if (reader->failed || !table || !key_range_valid(manifest->range) ||
        level > UINT32_MAX || manifest->index == 0 ||
        manifest->members.size > SNAPSHOT_MEMBERS_BYTES_MAX ||
        count > SNAPSHOT_CHUNKS_MAX ||
        count > reader_left(reader) / SNAPSHOT_CHUNK_ENCODED_BYTES_MIN) {
        return STATUS_CHECKSUM;
    }
    return STATUS_OK;
}

static enum status snapshot_manifest_read_chunks(struct reader *reader,
                                                 struct snapshot_manifest *manifest)
{
    struct slice before = {0};
    for (uint32_t i = 0; i < manifest->chunk_count; i++) {
        struct snapshot_chunk *chunk = &manifest->chunks[i];
        uint64_t bytes = read_varint(reader);
        chunk->bytes = (uint32_t)bytes;
        chunk->checksum = read_checksum(reader);
        chunk->start = read_bytes(reader);
        if (reader->failed || bytes == 0 || bytes > SNAPSHOT_CHUNK_BYTES_MAX ||
            chunk->start.size > STORE_KEY_BYTES_MAX ||
            !snapshot_key_inside(manifest, chunk->start) ||
            (i > 0 && slice_compare(before, chunk->start) >= 0)) {
            return STATUS_CHECKSUM;
        }
        before = chunk->start;
    }
    return reader_finish(reader);
}

enum status snapshot_manifest_decode(struct slice bytes,
                                     struct snapshot_manifest *out_manifest)
{
    struct snapshot_manifest manifest = {0};
    struct reader reader;
    TRY(snapshot_begin(&reader, bytes));
    TRY(snapshot_manifest_read(&reader, &manifest));
    manifest.chunks =
        memory_zalloc(((size_t)manifest.chunk_count + 1) * sizeof *manifest.chunks);
    enum status status = snapshot_manifest_read_chunks(&reader, &manifest);
    if (status != STATUS_OK) {
        snapshot_manifest_close(&manifest);
        return status;
    }
    *out_manifest = manifest;
    return STATUS_OK;
}

void snapshot_manifest_close(struct snapshot_manifest *manifest)
{
    free(manifest->chunks);
    *manifest = (struct snapshot_manifest){0};
}

/* --- Chunks ----------------------------------------------------------------------------- */

bool snapshot_key_inside(const struct snapshot_manifest *manifest, struct slice key)
{
    struct key_state state;
    struct key_order order;
    if (key_parse_state(key, &state)) {
        return state.table == manifest->table &&
               key_range_contains(manifest->range, state.hash);
    }
    return key_parse_order(key, &order) && order.shard_id == manifest->shard_id;
}

enum status snapshot_chunk_check(const struct snapshot_manifest *manifest, uint32_t chunk,
                                 struct slice rows)
{
    ASSERT(chunk < manifest->chunk_count);
    const struct snapshot_chunk *wanted = &manifest->chunks[chunk];
    struct hash128 checksum = hash128(rows, 0);
    if (rows.size != wanted->bytes || checksum.high != wanted->checksum.high ||
        checksum.low != wanted->checksum.low) {
        return STATUS_CHECKSUM;
    }
    struct slice key = {0}, value;
    size_t position = 0;
    for (bool first = true; store_rows_next(rows, &position, &key, &value);
         first = false) {
        if ((first && !slice_equal(key, wanted->start)) ||
            !snapshot_key_inside(manifest, key)) {
            return STATUS_CHECKSUM;
        }
    }
    bool last = chunk + 1 == manifest->chunk_count;
    bool before_next = last || slice_compare(key, manifest->chunks[chunk + 1].start) < 0;
    return position == rows.size && before_next ? STATUS_OK : STATUS_CHECKSUM;
}

/* --- Names ------------------------------------------------------------------------------ */

struct slice snapshot_chunk_name(uint64_t replica_id, struct hash128 checksum,
                                 char out_name[SNAPSHOT_NAME_BYTES + 1])
{
    int size = snprintf(out_name, SNAPSHOT_NAME_BYTES + 1,
                        "r%016" PRIx64 "-%016" PRIx64 "%016" PRIx64, replica_id,
                        checksum.high, checksum.low);
    ASSERT(size == SNAPSHOT_NAME_BYTES);
    return slice_of(out_name, SNAPSHOT_NAME_BYTES);
}

static bool name_read_hex(const uint8_t *digits, uint64_t *out_value)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 16; i++) {
        uint8_t digit = digits[i];
        bool number = digit >= '0' && digit <= '9';
        if (!number && !(digit >= 'a' && digit <= 'f')) {
            return false;
        }
        value = value << 4 | (uint64_t)(number ? digit - '0' : digit - 'a' + 10);
    }
    *out_value = value;
    return true;
}

bool snapshot_name_read(uint64_t replica_id, struct slice name,
                        struct hash128 *out_checksum)
{
    uint64_t id;
    return name.size == SNAPSHOT_NAME_BYTES && name.data[0] == 'r' &&
           name.data[17] == '-' && name_read_hex(name.data + 1, &id) &&
           id == replica_id && name_read_hex(name.data + 18, &out_checksum->high) &&
           name_read_hex(name.data + 34, &out_checksum->low);
}
