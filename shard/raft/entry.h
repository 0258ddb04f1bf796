/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An entry of the replicated log. What kind it is stands in its payload, so the log on the
 * disk and the messages carry (index, term, payload) and nothing else:
 *
 *     empty                        the no-op with which a leader begins its term
 *     first byte 0xfe              a change of members, bytes as of members.h; also the first
 *                                  entry of a group, which tells its initial members
 *     anything else                a command; the core never looks inside
 *
 * Pure values; any thread.
 */
#ifndef SOUK_SHARD_RAFT_ENTRY_H
#define SOUK_SHARD_RAFT_ENTRY_H

#include <stdint.h>

#include "shard/base/slice.h"

enum {
    RAFT_PAYLOAD_MEMBERS = 0xfe,       /* first byte */
    RAFT_PAYLOAD_BYTES_MAX = 16 << 20, /* of one entry; what the log takes */
};

enum raft_entry_kind {
    RAFT_ENTRY_NO_OP,
    RAFT_ENTRY_MEMBERS,
    RAFT_ENTRY_COMMAND,
};

struct raft_entry {
    uint64_t index; /* the first is 1 */
    uint64_t term;
    struct slice payload;
};

static inline enum raft_entry_kind raft_payload_kind(struct slice payload)
{
    if (payload.size == 0) {
        return RAFT_ENTRY_NO_OP;
    }
    return payload.data[0] == RAFT_PAYLOAD_MEMBERS ? RAFT_ENTRY_MEMBERS
                                                   : RAFT_ENTRY_COMMAND;
}

#endif
