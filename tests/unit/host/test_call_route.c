/* SPDX-License-Identifier: Apache-2.0 */
#include "server/host/call_route.h"
#include "tests/lib/test.h"

enum {
    HERE = 1,
    NOW_US = 1000 * 1000,
    DEADLINE_US = NOW_US + 5 * 1000 * 1000,
};

/* An attempt that ended so. */
static struct shard_call ended(enum status status, uint64_t sent_to)
{
    return (struct shard_call){.kind = SHARD_CALL_PROPOSE,
                               .command_count = 2,
                               .deadline_us = DEADLINE_US,
                               .status = status,
                               .travel.sent_to = sent_to};
}

TEST(call_route, what_was_decided_is_the_submitters)
{
    static const enum status decided[] = {STATUS_OK,        STATUS_OVERLOADED,
                                          STATUS_TOO_LARGE, STATUS_DISK_FULL,
                                          STATUS_NOT_FOUND, STATUS_EPOCH_CHANGED};
    for (size_t i = 0; i < sizeof decided / sizeof decided[0]; i++) {
        struct shard_call call = ended(decided[i], 0);
        EXPECT_EQ(call_route_next(&call, HERE, NOW_US).next, CALL_NEXT_DONE);
        EXPECT_STATUS(call.status, decided[i]);
    }
}

TEST(call_route, the_leader_that_is_named_is_asked_at_once)
{
    struct shard_call call = ended(STATUS_NOT_LEADER, 0);
    call.leader_node_id = 3;
    struct call_step step = call_route_next(&call, HERE, NOW_US);
    EXPECT_EQ(step.next, CALL_NEXT_FORWARD);
    EXPECT_EQ(step.node_id, 3);
    /* And whom that one names. */
    call.travel.sent_to = 3;
    call.status = STATUS_NOT_LEADER;
    call.leader_node_id = 2;
    step = call_route_next(&call, HERE, NOW_US);
    EXPECT_EQ(step.next, CALL_NEXT_FORWARD);
    EXPECT_EQ(step.node_id, 2);
}

TEST(call_route, without_a_leader_it_pauses_longer_and_longer)
{
    struct shard_call call = ended(STATUS_NOT_LEADER, 0);
    uint64_t before_us = 0;
    for (unsigned i = 0; i < 20; i++) {
        call.status = STATUS_NOT_LEADER;
        call.leader_node_id = i % 2 == 0 ? 0 : HERE; /* an election, or about to lead */
        struct call_step step = call_route_next(&call, HERE, NOW_US);
        EXPECT_EQ(step.next, CALL_NEXT_PAUSE);
        EXPECT(step.at_us - NOW_US >= before_us);
        EXPECT(step.at_us - NOW_US <= CALL_PAUSE_MAX_US);
        before_us = step.at_us - NOW_US;
    }
    EXPECT_EQ(before_us, CALL_PAUSE_MAX_US);
}

TEST(call_route, a_call_from_elsewhere_goes_to_no_third_node)
{
    struct shard_call call = ended(STATUS_NOT_LEADER, 0);
    call.leader_node_id = 3;
    call.travel.from_elsewhere = true;
    EXPECT_EQ(call_route_next(&call, HERE, NOW_US).next, CALL_NEXT_DONE);
    EXPECT_STATUS(call.status, STATUS_NOT_LEADER);
    EXPECT_EQ(call.leader_node_id, 3);
}

TEST(call_route, past_its_deadline_it_says_what_may_have_happened)
{
    struct shard_call never = ended(STATUS_NOT_LEADER, 0);
    EXPECT_EQ(call_route_next(&never, HERE, DEADLINE_US).next, CALL_NEXT_DONE);
    EXPECT_STATUS(never.status, STATUS_QUORUM_LOST);

    /* The way there broke once, and then no leader was found. */
    struct shard_call perhaps = ended(STATUS_UNREACHABLE, 2);
    EXPECT_EQ(call_route_next(&perhaps, HERE, NOW_US).next, CALL_NEXT_PAUSE);
    perhaps.status = STATUS_NOT_LEADER;
    perhaps.travel.sent_to = 0;
    EXPECT_EQ(call_route_next(&perhaps, HERE, DEADLINE_US).next, CALL_NEXT_DONE);
    EXPECT_STATUS(perhaps.status, STATUS_OUTCOME_UNKNOWN);
    EXPECT_EQ(perhaps.appended_count, 2);

    /* Nothing left this node. */
    struct shard_call kept = ended(STATUS_UNREACHABLE, 0);
    EXPECT_EQ(call_route_next(&kept, HERE, DEADLINE_US).next, CALL_NEXT_DONE);
    EXPECT_STATUS(kept.status, STATUS_QUORUM_LOST);
}

TEST(call_route, who_waits_by_no_deadline_gives_up_as_well)
{
    struct shard_call call = ended(STATUS_NOT_LEADER, 0);
    unsigned attempts = 0;
    call.deadline_us = 0;
    while (call_route_next(&call, HERE, NOW_US).next == CALL_NEXT_PAUSE) {
        call.status = STATUS_NOT_LEADER;
        attempts++;
    }
    EXPECT_EQ(attempts, CALL_ATTEMPTS_WITHOUT_DEADLINE);
}

TEST(call_route, a_node_that_stops_says_so_to_its_own_callers_alone)
{
    struct shard_call here = ended(STATUS_DRAINING, 0);
    EXPECT_EQ(call_route_next(&here, HERE, NOW_US).next, CALL_NEXT_DONE);
    EXPECT_STATUS(here.status, STATUS_DRAINING);
    struct shard_call there = ended(STATUS_DRAINING, 2);
    EXPECT_EQ(call_route_next(&there, HERE, NOW_US).next, CALL_NEXT_PAUSE);
}

/* The first attempt may stand, whatever became of the second. */
TEST(call_route, a_later_refusal_does_not_hide_an_attempt_that_may_stand)
{
    static const enum status later[] = {
        STATUS_OVERLOADED, STATUS_TOO_LARGE,     STATUS_VERSION,   STATUS_DRAINING,
        STATUS_DISK_FULL,  STATUS_EPOCH_CHANGED, STATUS_NOT_LEADER};
    for (size_t i = 0; i < sizeof later / sizeof later[0]; i++) {
        struct shard_call call = ended(STATUS_UNREACHABLE, 2);
        EXPECT_EQ(call_route_next(&call, HERE, NOW_US).next, CALL_NEXT_PAUSE);
        call.travel.sent_to = 0;
        call.status = later[i];
        call_route_end(&call);
        EXPECT_STATUS(call.status, STATUS_OUTCOME_UNKNOWN);
        EXPECT_EQ(call.appended_count, 2);

        struct shard_call only = ended(later[i], 0);
        call_route_end(&only);
        EXPECT_STATUS(only.status, later[i]);
        EXPECT_EQ(only.appended_count, 0);
    }
    struct shard_call good = ended(STATUS_OK, 2);
    good.travel.perhaps_done = true;
    call_route_end(&good);
    EXPECT_STATUS(good.status, STATUS_OK);

    struct shard_call read = ended(STATUS_OVERLOADED, 0);
    read.kind = SHARD_CALL_READ;
    read.travel.perhaps_done = true;
    call_route_end(&read);
    EXPECT_STATUS(read.status, STATUS_OVERLOADED);
}

TEST(call_route, an_answer_that_cannot_be_read_tells_nothing_of_a_proposal)
{
    static const enum status why[] = {STATUS_TOO_LARGE, STATUS_CHECKSUM, STATUS_VERSION};
    for (size_t i = 0; i < sizeof why / sizeof why[0]; i++) {
        struct shard_call call = ended(STATUS_OK, 2);
        call_route_unread(&call, why[i]);
        EXPECT_STATUS(call.status, STATUS_OUTCOME_UNKNOWN);
        EXPECT_EQ(call.appended_count, 2);
        EXPECT_EQ(call_route_next(&call, HERE, DEADLINE_US).next, CALL_NEXT_DONE);
        EXPECT_STATUS(call.status, STATUS_OUTCOME_UNKNOWN);

        struct shard_call read = ended(STATUS_OK, 2);
        read.kind = SHARD_CALL_READ;
        call_route_unread(&read, why[i]);
        EXPECT_STATUS(read.status, why[i]);
    }
}
