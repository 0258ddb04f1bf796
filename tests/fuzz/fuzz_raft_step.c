/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One replica among peers that say anything at all: well-formed messages with fields out
 * of the input. It must not fail an assertion, its term and commit index never go back,
 * and what it hands out to be applied has no gap.
 */
#include <string.h>

#include "shard/base/arena.h"
#include "shard/base/assert.h"
#include "shard/raft/raft.h"

struct fuzz {
    struct raft *raft;
    const uint8_t *next; /* of the input */
    const uint8_t *end;
    struct raft_update update;
    uint64_t applied;
    uint64_t term;
    uint64_t commit;
    uint64_t sequence;
};

static uint8_t take(struct fuzz *fuzz)
{
    return fuzz->next < fuzz->end ? *fuzz->next++ : 0;
}

static void step(struct fuzz *fuzz, struct raft_event *event)
{
    struct raft_status status;
    struct buffer bytes;
    raft_step(fuzz->raft, (struct moment){1000, 1000}, event, 1, &fuzz->update);
    raft_status(fuzz->raft, &status);
    ASSERT(status.term >= fuzz->term && status.commit >= fuzz->commit);
    fuzz->term = status.term;
    fuzz->commit = status.commit;
    if (fuzz->update.write.sequence != 0) {
        ASSERT(fuzz->update.write.sequence == fuzz->sequence + 1);
        fuzz->sequence++;
    }
    if (fuzz->update.apply_last >= fuzz->update.apply_first) {
        ASSERT(fuzz->update.apply_first == fuzz->applied + 1);
        fuzz->applied = fuzz->update.apply_last;
        ASSERT(fuzz->applied <= status.commit && fuzz->applied <= status.durable_index);
    }
    buffer_init(&bytes);
    for (size_t i = 0; i < fuzz->update.message_count; i++) {
        raft_message_encode(&fuzz->update.messages[i], &bytes);
    }
    buffer_close(&bytes);
}

static void say(struct fuzz *fuzz)
{
    static const uint8_t payload[] = {1, 2, 3};
    struct raft_entry entries[4];
    struct raft_members members = *raft_members(fuzz->raft);
    struct raft_message message = {
        .kind = (enum raft_message_kind)(1 + take(fuzz) % (RAFT_MESSAGE_KIND_END - 1)),
        .group_id = 1,
        .to = 1,
        .from = 2 + take(fuzz) % 3,
        .term = take(fuzz) % 32,
        .members_version = take(fuzz) % 4,
        .index = take(fuzz) % 32,
        .log_term = take(fuzz) % 8,
        .flags = take(fuzz) % 8,
        .commit = take(fuzz) % 32,
        .round = take(fuzz) % 4,
        .hint_index = take(fuzz) % 32,
        .hint_term = take(fuzz) % 8,
        .members = &members,
    };
    message.entry_count = take(fuzz) % 5;
    message.entries = entries;
    for (uint32_t i = 0; i < message.entry_count && i < 4; i++) {
        uint8_t shape = take(fuzz);
        entries[i] = (struct raft_entry){.index = message.index + 1 + i,
                                         .term = message.log_term + shape % 3,
                                         .payload = slice_of(payload, shape % 4)};
    }
    if (message.entry_count > 4) {
        message.entry_count = 4;
        for (uint32_t i = 0; i < 4; i++) {
            entries[i] = (struct raft_entry){.index = message.index + 1 + i,
                                             .term = message.term,
                                             .payload = slice_of("\xfe\x01", 2)};
        }
    }
    if (members.version == 0 && message.kind == RAFT_SNAPSHOT) {
        return;
    }
    struct buffer bytes;
    struct arena arena;
    struct raft_message decoded;
    buffer_init(&bytes);
    arena_init(&arena, NULL, 0, 1 << 20);
    raft_message_encode(&message, &bytes);
    if (raft_message_decode(buffer_slice(&bytes), &arena, &decoded) == STATUS_OK) {
        struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &decoded};
        step(fuzz, &event);
    }
    arena_close(&arena);
    buffer_close(&bytes);
}

static void do_own(struct fuzz *fuzz, uint8_t dice)
{
    static const uint8_t bytes[] = {7};
    struct slice payload = slice_of(bytes, 1);
    struct raft_event event = {.kind = RAFT_EVENT_TICK};
    switch (dice % 8) {
    case 0:
        event.kind = RAFT_EVENT_CAMPAIGN;
        break;
    case 1:
        event.kind = RAFT_EVENT_PROPOSE;
        event.propose = (struct raft_propose){&payload, 1};
        break;
    case 2:
        event.kind = RAFT_EVENT_READ;
        break;
    case 3:
        event.kind = RAFT_EVENT_TRANSFER;
        event.transfer.replica_id = take(fuzz) % 5;
        break;
    case 4:
        event.kind = RAFT_EVENT_CHANGE_MEMBERS;
        event.change_members.change = (struct raft_change){
            (enum raft_change_kind)(take(fuzz) % 4), take(fuzz) % 5, 1};
        break;
    case 5:
        event.kind = RAFT_EVENT_APPLIED;
        event.through_index = fuzz->applied;
        break;
    default:
        event.kind = RAFT_EVENT_WRITTEN;
        event.written_sequence = fuzz->sequence;
    }
    step(fuzz, &event);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct raft_member member[] = {
        {1, 1, RAFT_VOTER}, {2, 2, RAFT_VOTER}, {3, 3, RAFT_VOTER}};
    struct raft_members members;
    struct fuzz fuzz = {.next = data, .end = data + size};
    ASSERT(raft_members_make(&members, member, 3) == STATUS_OK);
    struct raft_options options = {
        .group_id = 1, .replica_id = 1, .members = &members, .log_first = 1};
    raft_limits_init(&options.limits);
    fuzz.raft = raft_new(&options);
    while (fuzz.next < fuzz.end) {
        uint8_t dice = take(&fuzz);
        if (dice < 128) {
            say(&fuzz);
        } else if (dice < 160) {
            struct raft_event event = {.kind = RAFT_EVENT_TICK};
            step(&fuzz, &event);
        } else {
            do_own(&fuzz, dice);
        }
    }
    raft_free(fuzz.raft);
    return 0;
}
