/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What replicas of one group say to each other, and how it looks on the wire.
 *
 * Bytes, all integers little endian:
 *     version u8 = 1 | kind u8 | flags u8 | zero u8 | size u32, of the whole message |
 *     checksum u64 (XXH3 of everything behind it) |
 *     group, from, to, term, members version: u64 each | the fields of the kind, u64 each |
 *     what follows them: entries, or members and manifest
 *     an entry: term u64 | size u32 | payload
 *
 * Decoding is total: whatever the bytes are, it answers a status or a message whose fields
 * are within the limits below. Whether its sender has anything to say is judged by
 * raft_step. Pure; any thread.
 */
#ifndef SOUK_SHARD_RAFT_MESSAGE_H
#define SOUK_SHARD_RAFT_MESSAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/buffer.h"
#include "shard/base/status.h"
#include "shard/raft/entry.h"
#include "shard/raft/members.h"

enum {
    RAFT_MESSAGE_VERSION = 1,
    RAFT_MESSAGE_ENTRIES_MAX = 4096,
    RAFT_MANIFEST_BYTES_MAX = 1 << 20,
    /* One entry of the largest size with its frame; appends with several entries stay below
     * raft_limits.message_bytes_max. */
    RAFT_MESSAGE_BYTES_MAX = RAFT_PAYLOAD_BYTES_MAX + 4096,
};

/* On the wire: a number, once landed, never changes. */
enum raft_message_kind {
    RAFT_PRE_VOTE = 1,
    RAFT_PRE_VOTE_REPLY = 2,
    RAFT_VOTE = 3,
    RAFT_VOTE_REPLY = 4,
    RAFT_APPEND = 5,
    RAFT_APPEND_REPLY = 6,
    RAFT_HEARTBEAT = 7, /* small: those of many groups share a frame */
    RAFT_HEARTBEAT_REPLY = 8,
    RAFT_SNAPSHOT = 9, /* the manifest; the data travels beside */
    RAFT_TIMEOUT_NOW = 10,
    RAFT_MESSAGE_KIND_END = 11,
};

enum raft_message_flag {
    RAFT_FLAG_GRANTED = 1,  /* *_VOTE_REPLY */
    RAFT_FLAG_REJECTED = 2, /* APPEND_REPLY: the log does not match at `index` */
    RAFT_FLAG_TRANSFER = 4, /* VOTE: the leader asked for it; ignore that it lives */
};

/* Fields that a kind does not name are 0 and do not travel. */
struct raft_message {
    enum raft_message_kind kind;
    uint32_t flags;
    uint64_t group_id;
    uint64_t from; /* replica ids */
    uint64_t to;
    uint64_t term;            /* the sender's; of a PRE_VOTE, the one it would begin */
    uint64_t members_version; /* the newest members in the sender's log */

    /* PRE_VOTE, VOTE: the last entry of the candidate's durable log.
     * APPEND: the entry before the first (prev). SNAPSHOT: what it covers.
     * APPEND_REPLY: durable and matching through `index`; when REJECTED, the prev that did
     * not match. HEARTBEAT_REPLY: durable and matching through `index`. */
    uint64_t index;
    uint64_t log_term; /* of that entry; not in replies */

    uint64_t commit; /* APPEND, HEARTBEAT */
    uint64_t round;  /* APPEND, HEARTBEAT, and echoed: ReadIndex */

    /* APPEND_REPLY when REJECTED: the log may match at hint_index, whose term is
     * hint_term. Else, and in a HEARTBEAT_REPLY, hint_index is what has matched so far,
     * durable or not. */
    uint64_t hint_index;
    uint64_t hint_term;

    int64_t wall_ms; /* APPEND_REPLY, HEARTBEAT_REPLY: the sender's clock */

    const struct raft_entry *entries; /* APPEND; consecutive, from index + 1 */
    uint32_t entry_count;
    const struct raft_members *members; /* SNAPSHOT: as of `index` */
    struct slice manifest;              /* SNAPSHOT: opaque */
};

/* "APPEND_REPLY"; static storage. */
const char *raft_message_kind_name(enum raft_message_kind kind);

/* Bytes that encoding will append. */
size_t raft_message_size(const struct raft_message *message);
/* Appends the message's bytes to `out`, which may hold others already. */
void raft_message_encode(const struct raft_message *message, struct buffer *out);

/*
 * Decodes the whole of `bytes`. Payloads and manifest are borrowed from them; the array of
 * entries and the members lie in the arena. CHECKSUM: damaged, truncated, too long, or a
 * field out of bounds. VERSION: a format of later, or a kind this version does not know.
 * TOO_LARGE: above RAFT_MESSAGE_BYTES_MAX, RAFT_MESSAGE_ENTRIES_MAX, or the arena's limit.
 */
MUST_USE enum status raft_message_decode(struct slice bytes, struct arena *arena,
                                         struct raft_message *out_message);

/* Which group encoded bytes are for, without reading the rest: 0 when too short. For
 * whoever hands messages to many groups. */
uint64_t raft_message_group(struct slice bytes);
/* The size of the first of several messages that follow each other; 0 when there is no
 * whole one. */
size_t raft_message_first(struct slice bytes);

#endif
