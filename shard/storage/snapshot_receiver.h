/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The receiving side of a snapshot: says which part to ask for next, checks what comes,
 * and hands out whole chunks to be kept as prepared files (store.h). What was kept before,
 * in this life or a former one, for this snapshot or an older one, is not asked for again.
 *
 * Holds the manifest and one chunk in memory. Pure; owner: one thread.
 */
#ifndef SOUK_SHARD_STORAGE_SNAPSHOT_RECEIVER_H
#define SOUK_SHARD_STORAGE_SNAPSHOT_RECEIVER_H

#include "shard/storage/snapshot_format.h"

enum {
    SNAPSHOT_PART_BYTES = 128 << 10, /* of a chunk or the manifest, in one message */
};
#define SNAPSHOT_ITEM_MANIFEST UINT32_MAX

/* A part of the manifest or of a chunk. */
struct snapshot_part {
    uint32_t item; /* SNAPSHOT_ITEM_MANIFEST, or a chunk */
    uint32_t offset;
};

struct snapshot_receiver;

struct snapshot_receiver *snapshot_receiver_new(const struct snapshot_head *head,
                                                uint64_t replica_id);
/* Accepts NULL. */
void snapshot_receiver_free(struct snapshot_receiver *receiver);
const struct snapshot_head *
snapshot_receiver_head(const struct snapshot_receiver *receiver);

/* False while nothing is to be asked for: a whole chunk waits to be taken, or all is
 * here. */
bool snapshot_receiver_wants(const struct snapshot_receiver *receiver,
                             struct snapshot_part *out_part);
/* At most how many bytes are missing behind the part that is wanted. */
size_t snapshot_receiver_wants_bytes(const struct snapshot_receiver *receiver);
/* A part came. OK also for one that is not wanted (any more). CHECKSUM: the item is not
 * what the manifest (or the head) says; it is asked for again from its start. VERSION: the
 * manifest is of a later version. */
MUST_USE enum status snapshot_receiver_take(struct snapshot_receiver *receiver,
                                            struct snapshot_part part,
                                            struct slice bytes);

/* NULL until it is whole. Borrowed until the receiver is freed. */
const struct snapshot_manifest *
snapshot_receiver_manifest(const struct snapshot_receiver *receiver);
struct slice snapshot_receiver_manifest_bytes(const struct snapshot_receiver *receiver);
/* A prepared file is here. False: it is none of this manifest, and may go. */
bool snapshot_receiver_has_file(struct snapshot_receiver *receiver, struct slice name);

/* The chunk that is whole and checked, borrowed until snapshot_receiver_kept; false when
 * there is none. */
bool snapshot_receiver_chunk(const struct snapshot_receiver *receiver,
                             uint32_t *out_chunk, struct slice *out_rows);
/* It is in a prepared file now, or on its way into one. */
void snapshot_receiver_kept(struct snapshot_receiver *receiver);
/* The manifest and every chunk are here. */
bool snapshot_receiver_complete(const struct snapshot_receiver *receiver);

#endif
