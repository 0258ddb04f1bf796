/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot of one shard on its way to another replica: a manifest that says all of it,
 * and chunks, each the rows (store_rows_add) from its first key up to that of the next.
 *
 *     head       version, index, term, size and checksum of the manifest: what a Raft
 *                message carries
 *     manifest   version, shard, table, range, epoch, index, term, log time, feature level,
 *                members, rules; then per chunk: size, checksum, first key
 *
 * Chunks hold the rows of the shard's range and its log-order rows: all that apply decides
 * from and all that it has written down. Their bounds follow from keys and sizes, so that
 * two snapshots of nearly the same state share most chunks; a chunk's checksum is its name.
 *
 * Pure. Checksums (XXH3-128) tell damage, not malice: peers are trusted.
 */
#ifndef SOUK_SHARD_STORAGE_SNAPSHOT_FORMAT_H
#define SOUK_SHARD_STORAGE_SNAPSHOT_FORMAT_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/storage/key.h"

enum {
    SNAPSHOT_CHUNK_BYTES = 1 << 20,      /* a chunk on average */
    SNAPSHOT_CHUNK_BYTES_MAX = 16 << 20, /* with the row that passes the limit below */
    SNAPSHOT_CHUNK_FACTOR_MAX = 4, /* times the average, where a chunk is cut anyway */
    SNAPSHOT_CHUNKS_MAX = 1 << 17,
    SNAPSHOT_MANIFEST_BYTES_MAX = 16 << 20,
    SNAPSHOT_MEMBERS_BYTES_MAX = 64 << 10,
    SNAPSHOT_NAME_BYTES = 17 + 1 + 32, /* "r", replica id, "-", checksum, in hex */
};

struct snapshot_head {
    uint64_t index;
    uint64_t term; /* of the entry at index */
    uint64_t manifest_bytes;
    struct hash128 manifest_checksum;
};

struct snapshot_chunk {
    uint32_t bytes;
    struct hash128 checksum; /* of the rows */
    struct slice start;      /* its first key */
};

struct snapshot_manifest {
    uint64_t shard_id;
    enum key_table table;
    struct key_range range;
    uint64_t range_version;
    uint64_t member_version;
    uint32_t feature_level;
    uint64_t index;
    uint64_t term;
    int64_t log_time_ms;
    struct slice members; /* shard/replica's; opaque here */
    struct snapshot_chunk *chunks;
    uint32_t chunk_count;
};

void snapshot_head_encode(struct buffer *out, const struct snapshot_head *head);
MUST_USE enum status snapshot_head_decode(struct slice bytes,
                                          struct snapshot_head *out_head);

void snapshot_manifest_encode(struct buffer *out,
                              const struct snapshot_manifest *manifest);
/* CHECKSUM when malformed, VERSION when newer. Slices borrow from `bytes`; the chunks are
 * the caller's, snapshot_manifest_close. */
MUST_USE enum status snapshot_manifest_decode(struct slice bytes,
                                              struct snapshot_manifest *out_manifest);
void snapshot_manifest_close(struct snapshot_manifest *manifest);

/* Whether the key lies where a snapshot of this shard has rows. */
bool snapshot_key_inside(const struct snapshot_manifest *manifest, struct slice key);
/* CHECKSUM unless these are the chunk's rows, whole, ascending, and between its first key
 * and the next chunk's. */
MUST_USE enum status snapshot_chunk_check(const struct snapshot_manifest *manifest,
                                          uint32_t chunk, struct slice rows);

/* The name of the prepared file (store.h) that holds a chunk for a replica. */
struct slice snapshot_chunk_name(uint64_t replica_id, struct hash128 checksum,
                                 char out_name[SNAPSHOT_NAME_BYTES + 1]);
/* Whether a prepared file was received by this replica id, and of which chunk. */
bool snapshot_name_read(uint64_t replica_id, struct slice name,
                        struct hash128 *out_checksum);

#endif
