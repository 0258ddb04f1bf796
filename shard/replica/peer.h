/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one replica of a shard sends to another: an envelope around the bytes of the Raft
 * core, or a part of a snapshot.
 *
 *     version u8 | checksum le64 (XXH3 of what follows) | cluster le64 le64 | shard | from |
 *     to | level: varints | kind u8 | what the kind has
 *
 *     RAFT            the core's bytes
 *     SNAPSHOT_ASK    index, term, item, offset: varints
 *     SNAPSHOT_PART   the same, then the bytes of the part; none: that snapshot is gone
 *
 * `level` is the feature level that the sender supports. A message that was damaged on its
 * way, or is not for this replica of this shard of this cluster, is told by peer_decode
 * and the addresses, and changes nothing. Pure.
 */
#ifndef SOUK_SHARD_REPLICA_PEER_H
#define SOUK_SHARD_REPLICA_PEER_H

#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"
#include "shard/storage/snapshot_receiver.h"

enum {
    PEER_VERSION = 1,
    PEER_ENVELOPE_BYTES_MAX = 1 + 8 + 16 + 4 * 10 + 1,
};

/* On the wire: a number, once landed, never changes. */
enum peer_kind {
    PEER_RAFT = 1,
    PEER_SNAPSHOT_ASK = 2,
    PEER_SNAPSHOT_PART = 3,
};

struct peer_message {
    struct hash128 cluster_id;
    uint64_t shard_id;
    uint64_t from_replica_id;
    uint64_t to_replica_id;
    uint32_t level;
    enum peer_kind kind;
    uint64_t index; /* SNAPSHOT_*: which one */
    uint64_t term;
    struct snapshot_part part; /* SNAPSHOT_* */
    struct slice bytes;        /* RAFT, SNAPSHOT_PART; borrowed */
};

/* Appends. */
void peer_encode(struct buffer *out, const struct peer_message *message);
/* CHECKSUM when damaged or malformed, VERSION when of a later version or kind. */
MUST_USE enum status peer_decode(struct slice bytes, struct peer_message *out_message);

#endif
