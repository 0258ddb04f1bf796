/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What members and messages look like, and that damage is refused. The golden bytes were
 * written by the first version and mean the same for ever. SOUK_GOLDEN=write lays them
 * down anew: only together with a new version.
 */
#include <stdio.h>

#include "shard/base/arena.h"
#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/raft/message.h"
#include "tests/lib/test.h"

static struct raft_members sample_members(void)
{
    struct raft_member member[3] = {
        {30, 3, RAFT_LEARNER}, {10, 1, RAFT_VOTER}, {20, 2, RAFT_VOTER}};
    struct raft_members members;
    EXPECT_OK(raft_members_make(&members, member, 3));
    return members;
}

static struct raft_entry sample_entries[2];
static struct raft_members sample_member_list;

static struct raft_message sample(enum raft_message_kind kind)
{
    struct raft_message message = {.kind = kind,
                                   .group_id = 0x0102030405060708,
                                   .from = 10,
                                   .to = 20,
                                   .term = 7,
                                   .members_version = 3};
    sample_entries[0] = (struct raft_entry){101, 6, {NULL, 0}};
    sample_entries[1] = (struct raft_entry){102, 7, slice_from_string("command")};
    sample_member_list = sample_members();
    switch (kind) {
    case RAFT_PRE_VOTE:
    case RAFT_VOTE:
        message.index = 100;
        message.log_term = 6;
        message.flags = kind == RAFT_VOTE ? RAFT_FLAG_TRANSFER : 0;
        break;
    case RAFT_PRE_VOTE_REPLY:
    case RAFT_VOTE_REPLY:
        message.flags = RAFT_FLAG_GRANTED;
        break;
    case RAFT_APPEND:
        message.index = 100;
        message.log_term = 6;
        message.entries = sample_entries;
        message.entry_count = 2;
        message.commit = 99;
        message.round = 5;
        break;
    case RAFT_APPEND_REPLY:
        message.flags = RAFT_FLAG_REJECTED;
        message.index = 100;
        message.round = 5;
        message.hint_index = 98;
        message.hint_term = 4;
        message.wall_ms = -1;
        break;
    case RAFT_HEARTBEAT:
        message.commit = 99;
        message.round = 5;
        break;
    case RAFT_HEARTBEAT_REPLY:
        message.index = 100;
        message.round = 5;
        message.hint_index = 102;
        message.wall_ms = 1700000000000;
        break;
    case RAFT_SNAPSHOT:
        message.index = 100;
        message.log_term = 6;
        message.members = &sample_member_list;
        message.manifest = slice_from_string("manifest");
        break;
    case RAFT_TIMEOUT_NOW:
    case RAFT_MESSAGE_KIND_END:
        break;
    }
    return message;
}

static void expect_same(const struct raft_message *a, const struct raft_message *b)
{
    EXPECT_EQ(a->kind, b->kind);
    EXPECT_EQ(a->flags, b->flags);
    EXPECT_EQ(a->group_id, b->group_id);
    EXPECT_EQ(a->from, b->from);
    EXPECT_EQ(a->to, b->to);
    EXPECT_EQ(a->term, b->term);
    EXPECT_EQ(a->members_version, b->members_version);
    EXPECT_EQ(a->index, b->index);
    EXPECT_EQ(a->log_term, b->log_term);
    EXPECT_EQ(a->commit, b->commit);
    EXPECT_EQ(a->round, b->round);
    EXPECT_EQ(a->hint_index, b->hint_index);
    EXPECT_EQ(a->hint_term, b->hint_term);
    EXPECT_EQ(a->wall_ms, b->wall_ms);
    EXPECT_EQ(a->entry_count, b->entry_count);
    for (uint32_t i = 0; i < a->entry_count; i++) {
        EXPECT_EQ(a->entries[i].index, b->entries[i].index);
        EXPECT_EQ(a->entries[i].term, b->entries[i].term);
        EXPECT_SLICE(a->entries[i].payload, b->entries[i].payload);
    }
    EXPECT_EQ(a->members != NULL, b->members != NULL);
    EXPECT(a->members == NULL || raft_members_equal(a->members, b->members));
    EXPECT_SLICE(a->manifest, b->manifest);
}

static void golden(const char *name, struct buffer *bytes)
{
    char below[200], path[600];
    struct buffer wanted;
    const char *mode = getenv("SOUK_GOLDEN");
    int byte;
    snprintf(below, sizeof below, "golden/raft/%s.bin", name);
    snprintf(path, sizeof path, "%s", test_source(below));
    if (mode != NULL && strcmp(mode, "write") == 0) {
        FILE *file = fopen(path, "wb");
        EXPECT(file != NULL && fwrite(bytes->data, 1, bytes->size, file) == bytes->size);
        fclose(file);
    }
    FILE *file = fopen(path, "rb");
    EXPECT(file != NULL);
    buffer_init(&wanted);
    while ((byte = fgetc(file)) != EOF) {
        *buffer_extend(&wanted, 1) = (uint8_t)byte;
    }
    fclose(file);
    EXPECT_SLICE(buffer_slice(bytes), buffer_slice(&wanted));
    buffer_close(&wanted);
}

TEST(message, every_kind_has_its_bytes_for_ever)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 1 << 20);
    for (int kind = 1; kind < RAFT_MESSAGE_KIND_END; kind++) {
        struct raft_message message = sample((enum raft_message_kind)kind), back;
        struct buffer bytes;
        buffer_init(&bytes);
        raft_message_encode(&message, &bytes);
        EXPECT_EQ(bytes.size, raft_message_size(&message));
        EXPECT_OK(raft_message_decode(buffer_slice(&bytes), &arena, &back));
        expect_same(&message, &back);
        EXPECT_EQ(raft_message_group(buffer_slice(&bytes)), message.group_id);
        golden(raft_message_kind_name(message.kind), &bytes);
        buffer_close(&bytes);
    }
    arena_close(&arena);
}

TEST(message, any_damage_is_refused)
{
    struct arena arena;
    arena_init(&arena, NULL, 0, 1 << 20);
    for (int kind = 1; kind < RAFT_MESSAGE_KIND_END; kind++) {
        struct raft_message message = sample((enum raft_message_kind)kind), back;
        struct buffer bytes;
        buffer_init(&bytes);
        raft_message_encode(&message, &bytes);
        for (size_t bit = 0; bit < bytes.size * 8; bit++) {
            bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
            EXPECT(raft_message_decode(buffer_slice(&bytes), &arena, &back) != STATUS_OK);
            bytes.data[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
        for (size_t size = 0; size < bytes.size; size++) {
            EXPECT_STATUS(raft_message_decode(slice_of(bytes.data, size), &arena, &back),
                          STATUS_CHECKSUM);
        }
        buffer_close(&bytes);
    }
    arena_close(&arena);
}

/* Changes one byte and makes the checksum right again. */
static enum status decode_forged(enum raft_message_kind kind, size_t at, uint8_t value)
{
    struct raft_message message = sample(kind), back;
    struct arena arena;
    struct buffer bytes;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 1 << 20);
    raft_message_encode(&message, &bytes);
    bytes.data[at] = value;
    uint64_t seed, sum;
    memcpy(&seed, bytes.data, 8);
    sum = hash64(slice_of(bytes.data + 16, bytes.size - 16), seed);
    memcpy(bytes.data + 8, &sum, 8);
    enum status status = raft_message_decode(buffer_slice(&bytes), &arena, &back);
    buffer_close(&bytes);
    arena_close(&arena);
    return status;
}

TEST(message, what_is_impossible_is_refused_with_a_right_checksum_too)
{
    EXPECT_STATUS(decode_forged(RAFT_VOTE, 0, 2), STATUS_VERSION);
    EXPECT_STATUS(decode_forged(RAFT_VOTE, 1, RAFT_MESSAGE_KIND_END), STATUS_VERSION);
    EXPECT_STATUS(decode_forged(RAFT_VOTE, 1, 0), STATUS_VERSION);
    EXPECT_STATUS(decode_forged(RAFT_HEARTBEAT, 2, RAFT_FLAG_GRANTED), STATUS_CHECKSUM);
    EXPECT_STATUS(decode_forged(RAFT_HEARTBEAT, 3, 1), STATUS_CHECKSUM);
    EXPECT_STATUS(decode_forged(RAFT_VOTE, 24, 0), STATUS_CHECKSUM);    /* from 0 */
    EXPECT_STATUS(decode_forged(RAFT_VOTE, 64, 8), STATUS_CHECKSUM);    /* later term */
    EXPECT_STATUS(decode_forged(RAFT_VOTE, 63, 0xff), STATUS_CHECKSUM); /* index */
    /* Entries: the count, a term that goes back, a size past the end. */
    EXPECT_STATUS(decode_forged(RAFT_APPEND, 88, 3), STATUS_CHECKSUM);
    EXPECT_STATUS(decode_forged(RAFT_APPEND, 92, 5), STATUS_CHECKSUM);
    EXPECT_STATUS(decode_forged(RAFT_APPEND, 100, 200), STATUS_CHECKSUM);
    EXPECT_STATUS(decode_forged(RAFT_APPEND, 88, 1), STATUS_CHECKSUM); /* left over */
}

TEST(message, the_arena_s_limit_is_kept)
{
    struct raft_message message = sample(RAFT_APPEND), back;
    struct arena arena;
    struct buffer bytes;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 16);
    raft_message_encode(&message, &bytes);
    EXPECT_STATUS(raft_message_decode(buffer_slice(&bytes), &arena, &back),
                  STATUS_TOO_LARGE);
    buffer_close(&bytes);
    arena_close(&arena);
}

TEST(message, several_follow_each_other_in_a_frame)
{
    struct raft_message first = sample(RAFT_APPEND), second = sample(RAFT_HEARTBEAT);
    struct buffer bytes;
    buffer_init(&bytes);
    raft_message_encode(&first, &bytes);
    raft_message_encode(&second, &bytes);
    size_t size = raft_message_first(buffer_slice(&bytes));
    EXPECT_EQ(size, raft_message_size(&first));
    EXPECT_EQ(raft_message_first(slice_of(bytes.data + size, bytes.size - size)),
              raft_message_size(&second));
    EXPECT_EQ(raft_message_first(slice_of(bytes.data, size - 1)), 0);
    EXPECT_EQ(raft_message_group(slice_of(bytes.data, 20)), 0);
    buffer_close(&bytes);
}

TEST(members, have_their_bytes_for_ever)
{
    struct raft_members members = sample_members(), back;
    struct buffer bytes;
    buffer_init(&bytes);
    raft_members_encode(&members, &bytes);
    golden("members", &bytes);
    EXPECT_EQ(raft_payload_kind(buffer_slice(&bytes)), RAFT_ENTRY_MEMBERS);
    EXPECT_OK(raft_members_decode(buffer_slice(&bytes), &back));
    EXPECT(raft_members_equal(&members, &back));
    EXPECT_EQ(members.member[0].replica_id, 10);
    for (size_t size = 0; size < bytes.size; size++) {
        EXPECT_STATUS(raft_members_decode(slice_of(bytes.data, size), &back),
                      STATUS_CHECKSUM);
    }
    *buffer_extend(&bytes, 1) = 0;
    EXPECT_STATUS(raft_members_decode(buffer_slice(&bytes), &back), STATUS_CHECKSUM);
    bytes.size--;
    bytes.data[1] = 2;
    EXPECT_STATUS(raft_members_decode(buffer_slice(&bytes), &back), STATUS_VERSION);
    bytes.data[1] = 1;
    bytes.data[28] = 3; /* no such role */
    EXPECT_STATUS(raft_members_decode(buffer_slice(&bytes), &back), STATUS_CHECKSUM);
    buffer_close(&bytes);
}

TEST(members, cannot_be_made_wrong)
{
    struct raft_members members;
    struct raft_member twice[] = {{1, 1, RAFT_VOTER}, {1, 2, RAFT_VOTER}};
    struct raft_member learner = {1, 1, RAFT_LEARNER}, nobody = {0, 1, RAFT_VOTER};
    struct raft_member many[RAFT_VOTERS_MAX + 1];
    EXPECT_STATUS(raft_members_make(&members, twice, 2), STATUS_INVALID);
    EXPECT_STATUS(raft_members_make(&members, &learner, 1), STATUS_INVALID);
    EXPECT_STATUS(raft_members_make(&members, &nobody, 1), STATUS_INVALID);
    for (uint32_t i = 0; i <= RAFT_VOTERS_MAX; i++) {
        many[i] = (struct raft_member){i + 1, i + 1, RAFT_VOTER};
    }
    EXPECT_STATUS(raft_members_make(&members, many, RAFT_VOTERS_MAX + 1), STATUS_INVALID);
    EXPECT_OK(raft_members_make(&members, many, RAFT_VOTERS_MAX));
    struct raft_change change = {RAFT_ADD_LEARNER, 20, 20};
    EXPECT_OK(raft_members_change(&members, &change, &members));
    change.kind = RAFT_PROMOTE;
    EXPECT_STATUS(raft_members_change(&members, &change, &members),
                  STATUS_QUANTITY_LIMIT);
    for (uint64_t id = 30; members.count < RAFT_MEMBERS_MAX; id++) {
        change = (struct raft_change){RAFT_ADD_LEARNER, id, id};
        EXPECT_OK(raft_members_change(&members, &change, &members));
    }
    change.replica_id = 99;
    EXPECT_STATUS(raft_members_change(&members, &change, &members),
                  STATUS_QUANTITY_LIMIT);
    EXPECT_OK(raft_members_make(&members, many, 1));
    change = (struct raft_change){RAFT_REMOVE, 1, 0};
    EXPECT_STATUS(raft_members_change(&members, &change, &members), STATUS_INVALID);
    change.kind = RAFT_DEMOTE;
    EXPECT_STATUS(raft_members_change(&members, &change, &members), STATUS_INVALID);
}
