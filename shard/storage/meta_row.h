/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The rows of table 'm': what a node knows of each of its shards. They are written in the
 * same batch as the rows they speak of, and each value begins with its version byte.
 */
#ifndef SOUK_SHARD_STORAGE_META_ROW_H
#define SOUK_SHARD_STORAGE_META_ROW_H

#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/storage/key.h"

/* Stored: a number, once landed, never changes. */
enum meta_kind {
    META_DESCRIPTOR = 1, /* struct meta_descriptor */
    META_APPLIED = 2,    /* struct meta_applied */
    META_MEMBERS =
        3, /* who votes and learns, as of the applied index; of shard/replica */
    META_INSTALL = 4, /* the manifest of the snapshot that is being installed */
    /* 16 and above: rows of shard/replica's own, opaque here */
    META_REPLICA_FIRST = 16,
};

/* Which replica of which shard lives here and what it owns. */
struct meta_descriptor {
    uint64_t shard_id;
    uint64_t replica_id;
    enum key_table table; /* key_table_is_state */
    uint32_t feature_level;
    struct key_range range;
    uint64_t range_version; /* the two halves of the epoch */
    uint64_t member_version;
};

/* How far the state in the store has come. */
struct meta_applied {
    uint64_t index;
    uint64_t term; /* of the entry at index */
    int64_t log_time_ms;
};

void meta_descriptor_encode(struct buffer *value, const struct meta_descriptor *row);
void meta_applied_encode(struct buffer *value, const struct meta_applied *row);
/* CHECKSUM when malformed, VERSION when written by a later version. */
MUST_USE enum status meta_descriptor_decode(struct slice value,
                                            struct meta_descriptor *out_row);
MUST_USE enum status meta_applied_decode(struct slice value,
                                         struct meta_applied *out_row);

#endif
