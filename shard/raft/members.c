/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/raft/members.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/raft/entry.h"

enum {
    MEMBERS_HEADER_BYTES = 12,
    MEMBER_BYTES = 17,
};

const struct raft_member *raft_members_find(const struct raft_members *members,
                                            uint64_t replica_id)
{
    for (uint32_t i = 0; i < members->count; i++) {
        if (members->member[i].replica_id == replica_id) {
            return &members->member[i];
        }
    }
    return NULL;
}

bool raft_members_is_voter(const struct raft_members *members, uint64_t replica_id)
{
    const struct raft_member *member = raft_members_find(members, replica_id);
    return member != NULL && member->role == RAFT_VOTER;
}

uint32_t raft_members_voter_count(const struct raft_members *members)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        count += members->member[i].role == RAFT_VOTER;
    }
    return count;
}

uint32_t raft_members_quorum(const struct raft_members *members)
{
    return raft_members_voter_count(members) / 2 + 1;
}

bool raft_members_equal(const struct raft_members *a, const struct raft_members *b)
{
    if (a->version != b->version || a->count != b->count) {
        return false;
    }
    for (uint32_t i = 0; i < a->count; i++) {
        const struct raft_member *left = &a->member[i], *right = &b->member[i];
        if (left->replica_id != right->replica_id || left->node_id != right->node_id ||
            left->role != right->role) {
            return false;
        }
    }
    return true;
}

/* Ascending ids, none 0 or twice, known roles, a voter, not too many. */
static bool members_valid(const struct raft_members *members)
{
    uint64_t previous = 0;
    for (uint32_t i = 0; i < members->count; i++) {
        const struct raft_member *member = &members->member[i];
        if (member->replica_id <= previous ||
            (member->role != RAFT_LEARNER && member->role != RAFT_VOTER)) {
            return false;
        }
        previous = member->replica_id;
    }
    uint32_t voters = raft_members_voter_count(members);
    return members->version > 0 && voters >= 1 && voters <= RAFT_VOTERS_MAX;
}

/* Keeps the order; the id must be absent. */
static void members_insert(struct raft_members *members, struct raft_member member)
{
    uint32_t at = members->count++;
    for (; at > 0 && members->member[at - 1].replica_id > member.replica_id; at--) {
        members->member[at] = members->member[at - 1];
    }
    members->member[at] = member;
}

enum status raft_members_make(struct raft_members *out_members,
                              const struct raft_member *member, uint32_t count)
{
    struct raft_members members = {.version = 1};
    if (count > RAFT_MEMBERS_MAX) {
        return STATUS_INVALID;
    }
    for (uint32_t i = 0; i < count; i++) {
        members_insert(&members, member[i]);
    }
    if (!members_valid(&members)) {
        return STATUS_INVALID;
    }
    *out_members = members;
    return STATUS_OK;
}

static enum status members_add(struct raft_members *members,
                               const struct raft_change *change)
{
    if (raft_members_find(members, change->replica_id) != NULL) {
        return STATUS_ALREADY_EXISTS;
    }
    if (members->count == RAFT_MEMBERS_MAX) {
        return STATUS_QUANTITY_LIMIT;
    }
    members_insert(members, (struct raft_member){.replica_id = change->replica_id,
                                                 .node_id = change->node_id,
                                                 .role = RAFT_LEARNER});
    return STATUS_OK;
}

static enum status members_set_role(struct raft_member *member,
                                    enum raft_member_role role)
{
    if (member->role == role) {
        return STATUS_ALREADY_EXISTS;
    }
    member->role = role;
    return STATUS_OK;
}

enum status raft_members_change(const struct raft_members *members,
                                const struct raft_change *change,
                                struct raft_members *out_members)
{
    struct raft_members next = *members;
    next.version++;
    if (change->replica_id == 0) {
        return STATUS_INVALID;
    }
    if (change->kind == RAFT_ADD_LEARNER) {
        TRY(members_add(&next, change));
        *out_members = next;
        return STATUS_OK;
    }
    const struct raft_member *found = raft_members_find(&next, change->replica_id);
    if (found == NULL) {
        return STATUS_NOT_FOUND;
    }
    uint32_t at = (uint32_t)(found - next.member);
    if (change->kind == RAFT_REMOVE) {
        next.count--;
        memmove(&next.member[at], &next.member[at + 1],
                (next.count - at) * sizeof next.member[0]);
        next.member[next.count] = (struct raft_member){0};
    } else {
        TRY(members_set_role(&next.member[at],
                             change->kind == RAFT_PROMOTE ? RAFT_VOTER : RAFT_LEARNER));
    }
    if (raft_members_voter_count(&next) > RAFT_VOTERS_MAX) {
        return STATUS_QUANTITY_LIMIT;
    }
    if (raft_members_voter_count(&next) == 0) {
        return STATUS_INVALID;
    }
    *out_members = next;
    return STATUS_OK;
}

void raft_members_encode(const struct raft_members *members, struct buffer *out)
{
    ASSERT(members->count <= RAFT_MEMBERS_MAX);
    uint8_t *at =
        buffer_extend(out, MEMBERS_HEADER_BYTES + members->count * MEMBER_BYTES);
    at[0] = RAFT_PAYLOAD_MEMBERS;
    at[1] = RAFT_MEMBERS_VERSION;
    at[2] = 0;
    at[3] = (uint8_t)members->count;
    store_le64(at + 4, members->version);
    at += MEMBERS_HEADER_BYTES;
    for (uint32_t i = 0; i < members->count; i++, at += MEMBER_BYTES) {
        store_le64(at, members->member[i].replica_id);
        store_le64(at + 8, members->member[i].node_id);
        at[16] = (uint8_t)members->member[i].role;
    }
}

enum status raft_members_decode(struct slice bytes, struct raft_members *out_members)
{
    struct raft_members members = {0};
    if (bytes.size < MEMBERS_HEADER_BYTES || bytes.data[0] != RAFT_PAYLOAD_MEMBERS) {
        return STATUS_CHECKSUM;
    }
    if (bytes.data[1] != RAFT_MEMBERS_VERSION || bytes.data[2] != 0) {
        return STATUS_VERSION;
    }
    members.count = bytes.data[3];
    members.version = load_le64(bytes.data + 4);
    if (members.count > RAFT_MEMBERS_MAX ||
        bytes.size != MEMBERS_HEADER_BYTES + members.count * MEMBER_BYTES) {
        return STATUS_CHECKSUM;
    }
    const uint8_t *at = bytes.data + MEMBERS_HEADER_BYTES;
    for (uint32_t i = 0; i < members.count; i++, at += MEMBER_BYTES) {
        members.member[i].replica_id = load_le64(at);
        members.member[i].node_id = load_le64(at + 8);
        members.member[i].role = (enum raft_member_role)at[16];
    }
    if (!members_valid(&members)) {
        return STATUS_CHECKSUM;
    }
    *out_members = members;
    return STATUS_OK;
}
