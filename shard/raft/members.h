/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who belongs to a group: voters, who elect and commit, and learners, who only follow.
 * Changes are of one replica at a time (Ongaro's thesis, 4.1), each with the next version,
 * which is also the member version of the shard's epoch.
 *
 * Bytes: 0xfe | version u8 = 1 | flags u8 = 0 | count u8 | members version le64 |
 *        count x (replica id le64, node id le64, role u8), ascending by replica id
 * so they are the payload of a member entry as they stand. Plain values; any thread.
 */
#ifndef SOUK_SHARD_RAFT_MEMBERS_H
#define SOUK_SHARD_RAFT_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    RAFT_MEMBERS_VERSION = 1, /* of the format */
    RAFT_MEMBERS_MAX = 16,
    RAFT_VOTERS_MAX = 9,
};

/* Stored and on the wire: a number, once landed, never changes. */
enum raft_member_role {
    RAFT_LEARNER = 1,
    RAFT_VOTER = 2,
};

struct raft_member {
    uint64_t replica_id; /* not 0 */
    uint64_t node_id;    /* where it lives; the core carries it and never looks */
    enum raft_member_role role;
};

struct raft_members {
    uint64_t version; /* 0 and no member: not known yet (a replica that joins) */
    uint32_t count;
    struct raft_member member[RAFT_MEMBERS_MAX]; /* ascending by replica_id */
};

/* Stored nowhere; the command of one change. */
enum raft_change_kind {
    RAFT_ADD_LEARNER,
    RAFT_PROMOTE, /* learner -> voter */
    RAFT_DEMOTE,  /* voter -> learner */
    RAFT_REMOVE,
};

struct raft_change {
    enum raft_change_kind kind;
    uint64_t replica_id;
    uint64_t node_id; /* ADD_LEARNER */
};

/* NULL when it is none. */
const struct raft_member *raft_members_find(const struct raft_members *members,
                                            uint64_t replica_id);
bool raft_members_is_voter(const struct raft_members *members, uint64_t replica_id);
uint32_t raft_members_voter_count(const struct raft_members *members);
/* The least number of voters that is more than half; 1 when there are none. */
uint32_t raft_members_quorum(const struct raft_members *members);
bool raft_members_equal(const struct raft_members *a, const struct raft_members *b);

/* The initial members of a new group: sorts them, version 1. INVALID: none is a voter, too
 * many, an id of 0 or twice. */
MUST_USE enum status raft_members_make(struct raft_members *out_members,
                                       const struct raft_member *member, uint32_t count);

/*
 * The members after one change, with the next version. ALREADY_EXISTS: that is what it is
 * already. NOT_FOUND: no such member. QUANTITY_LIMIT: RAFT_MEMBERS_MAX or RAFT_VOTERS_MAX.
 * INVALID: id 0, or the last voter would go.
 */
MUST_USE enum status raft_members_change(const struct raft_members *members,
                                         const struct raft_change *change,
                                         struct raft_members *out_members);

/* Appends the bytes. */
void raft_members_encode(const struct raft_members *members, struct buffer *out);
/* CHECKSUM: not such bytes, or more of them than belong. VERSION: a later format. */
MUST_USE enum status raft_members_decode(struct slice bytes,
                                         struct raft_members *out_members);

#endif
