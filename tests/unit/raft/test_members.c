/* SPDX-License-Identifier: Apache-2.0 */
/* Thesis, chapter 4: single-server changes; learners; strangers. */
#include "tests/unit/raft/trace_test.h"

TEST(members, one_is_added_as_a_learner_catches_up_and_votes)
{
    struct world *world = world_led(3, 1);
    EXPECT_OK(world_change(world, 1, RAFT_ADD_LEARNER, 4));
    EXPECT_STATUS(world_change(world, 1, RAFT_PROMOTE, 4), STATUS_SHARD_MOVING);
    world_settle(world);
    EXPECT_OK(world_change(world, 1, RAFT_PROMOTE, 4));
    world_settle(world);
    EXPECT_TRACE(world, "1 t1 members v2 count from 2: 3 voters, 4 in all\n"
                        "2 t1 members v2 count from 2: 3 voters, 4 in all\n"
                        "2 t1 takes entries to 2 behind 1\n"
                        "3 t1 members v2 count from 2: 3 voters, 4 in all\n"
                        "3 t1 takes entries to 2 behind 1\n"
                        "4 t1 follows 1\n"
                        "4 t1 rejects 0 entries behind (2, t1)\n"
                        "1 t1 commits 2\n"
                        "1 t1 follower 4: PROBE -> REPLICATE, match 0, next 1\n"
                        "4 t1 members v1 count from 1: 3 voters, 3 in all\n"
                        "4 t1 members v2 count from 2: 3 voters, 4 in all\n"
                        "4 t1 takes entries to 2 behind 0\n"
                        "4 t1 commits 2\n"
                        "1 t1 members v3 count from 3: 4 voters, 4 in all\n"
                        "2 t1 members v3 count from 3: 4 voters, 4 in all\n"
                        "2 t1 takes entries to 3 behind 2\n"
                        "2 t1 commits 2\n"
                        "3 t1 members v3 count from 3: 4 voters, 4 in all\n"
                        "3 t1 takes entries to 3 behind 2\n"
                        "3 t1 commits 2\n"
                        "4 t1 members v3 count from 3: 4 voters, 4 in all\n"
                        "4 t1 takes entries to 3 behind 2\n"
                        "1 t1 commits 3\n");
    EXPECT_EQ(raft_members(world_node(world, 4)->raft)->version, 3);
    world_free(world);
}

TEST(members, a_learner_is_never_counted)
{
    struct world *world = world_led(3, 1);
    EXPECT_OK(world_change(world, 1, RAFT_ADD_LEARNER, 4));
    world_settle(world);
    world_cut(world, 2, true);
    world_cut(world, 3, true);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_settle(world);
    EXPECT_EQ(world_status(world, 4).durable_index, 3);
    EXPECT_EQ(world_status(world, 1).commit, 2);
    world_free(world);
}

TEST(members, a_learner_does_not_stand_for_election)
{
    struct world *world = world_led(3, 1);
    EXPECT_OK(world_change(world, 1, RAFT_ADD_LEARNER, 4));
    world_settle(world);
    (void)world_trace(world);
    world_tick(world, 4, 100);
    EXPECT_TRACE(world, "");
    world_free(world);
}

TEST(members, changes_are_refused_with_a_reason)
{
    struct world *world = world_led(3, 1);
    EXPECT_STATUS(world_change(world, 2, RAFT_ADD_LEARNER, 4), STATUS_NOT_LEADER);
    EXPECT_STATUS(world_change(world, 1, RAFT_ADD_LEARNER, 2), STATUS_ALREADY_EXISTS);
    EXPECT_STATUS(world_change(world, 1, RAFT_PROMOTE, 2), STATUS_ALREADY_EXISTS);
    EXPECT_STATUS(world_change(world, 1, RAFT_REMOVE, 9), STATUS_NOT_FOUND);
    EXPECT_STATUS(world_change(world, 1, RAFT_ADD_LEARNER, 0), STATUS_INVALID);
    EXPECT_OK(world_change(world, 1, RAFT_REMOVE, 3));
    EXPECT_STATUS(world_change(world, 1, RAFT_REMOVE, 2), STATUS_SHARD_MOVING);
    world_free(world);
}

TEST(members, none_changes_before_an_entry_of_the_own_term_is_committed)
{
    struct world *world = world_new(1, 3, 1, NULL);
    world_campaign(world, 1);
    while (world_status(world, 1).role != RAFT_LEADER) {
        world_deliver(world, 0);
        world_sync_all(world, 1);
        world_sync_all(world, 2);
    }
    EXPECT_STATUS(world_change(world, 1, RAFT_ADD_LEARNER, 4), STATUS_SHARD_MOVING);
    world_settle(world);
    EXPECT_OK(world_change(world, 1, RAFT_ADD_LEARNER, 4));
    world_free(world);
}

TEST(members, a_change_that_is_overwritten_is_undone)
{
    struct world *world = world_led(3, 1);
    world_cut(world, 1, true);
    EXPECT_OK(world_change(world, 1, RAFT_ADD_LEARNER, 4));
    world_settle(world);
    EXPECT_EQ(raft_members(world_node(world, 1)->raft)->version, 2);
    world_tick(world, 1, 20);
    world_elect(world, 3, 2);
    world_cut(world, 1, false);
    (void)world_trace(world);
    world_tick(world, 3, 1);
    world_settle(world);
    EXPECT_TRACE(world, "1 t2 follows 3\n"
                        "2 t2 commits 2\n"
                        "3 t2 follower 1: PROBE -> REPLICATE, match 1, next 2\n"
                        "1 t2 drops entries from 2 to 2\n"
                        "1 t2 members undone, v1 again\n"
                        "1 t2 takes entries to 2 behind 1\n"
                        "1 t2 commits 2\n");
    EXPECT_EQ(raft_members(world_node(world, 1)->raft)->version, 1);
    world_free(world);
}

TEST(members, a_removed_leader_steps_down_once_that_is_committed)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_change(world, 1, RAFT_REMOVE, 1));
    EXPECT_EQ(world_status(world, 1).role, RAFT_LEADER);
    world_settle(world);
    EXPECT_TRACE(world, "1 t1 members v2 count from 2: 2 voters, 2 in all\n"
                        "2 t1 members v2 count from 2: 2 voters, 2 in all\n"
                        "2 t1 takes entries to 2 behind 1\n"
                        "3 t1 members v2 count from 2: 2 voters, 2 in all\n"
                        "3 t1 takes entries to 2 behind 1\n"
                        "1 t1 commits 2\n"
                        "1 t1 is a voter no more and steps down\n"
                        "1 t1 follows 0\n"
                        "2 t1 is to take over from 1\n"
                        "2 t2 stands for election with (2, t1)\n"
                        "3 t2 follows 0\n"
                        "3 t2 grants 2 its vote\n"
                        "2 t2 leads; its term begins at 3\n"
                        "3 t2 takes entries to 3 behind 2\n"
                        "2 t2 follower 3: PROBE -> REPLICATE, match 2, next 4\n"
                        "2 t2 commits 3\n");
    world_free(world);
}

TEST(members, a_removed_replica_is_not_listened_to)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 3, true);
    EXPECT_OK(world_change(world, 1, RAFT_REMOVE, 3));
    world_settle(world);
    world_tick(world, 1, 1);
    world_settle(world);
    world_cut(world, 3, false);
    (void)world_trace(world);
    world_tick(world, 3, 20);
    world_settle(world);
    EXPECT_TRACE(world, "3 t1 asks for pre-votes with (1, t1)\n"
                        "1 t1 does not know 3\n"
                        "2 t1 does not know 3\n");
    struct raft_counters counters;
    raft_counters(world_node(world, 1)->raft, &counters);
    EXPECT_EQ(counters.stranger, 1);
    world_free(world);
}

TEST(members, a_learner_that_was_never_heard_of_is_not_promoted)
{
    struct world *world = world_led(3, 1);
    world_cut(world, 4, true);
    EXPECT_OK(world_change(world, 1, RAFT_ADD_LEARNER, 4));
    world_settle(world);
    EXPECT_STATUS(world_change(world, 1, RAFT_PROMOTE, 4), STATUS_SHARD_MOVING);
    world_cut(world, 4, false);
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_OK(world_change(world, 1, RAFT_PROMOTE, 4));
    world_free(world);
}

TEST(members, one_that_was_away_follows_a_leader_it_has_never_heard_of)
{
    struct world *world = world_led(3, 1);
    world_cut(world, 3, true);
    EXPECT_OK(world_change(world, 1, RAFT_ADD_LEARNER, 4));
    world_settle(world);
    EXPECT_OK(world_change(world, 1, RAFT_PROMOTE, 4));
    world_settle(world);
    EXPECT_OK(world_transfer(world, 1, 4));
    world_settle(world);
    EXPECT_EQ(world_status(world, 4).role, RAFT_LEADER);
    world_cut(world, 3, false);
    for (unsigned i = 0; i < 3; i++) {
        world_tick(world, 4, 1);
        world_settle(world);
    }
    EXPECT_EQ(world_status(world, 3).leader_id, 4);
    EXPECT_EQ(raft_members(world_node(world, 3)->raft)->version, 3);
    world_free(world);
}

static void expect_dropped(struct world *world, struct raft_message message)
{
    struct raft_status before = world_status(world, 1), after;
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &message};
    world_event(world, 1, &event);
    after = world_status(world, 1);
    EXPECT_EQ(after.role, before.role);
    EXPECT_EQ(after.term, before.term);
    EXPECT_EQ(after.vote, before.vote);
    EXPECT_EQ(after.commit, before.commit);
    EXPECT_EQ(after.last_index, before.last_index);
    EXPECT_EQ(world_node(world, 1)->update.message_count, 0);
    EXPECT_EQ(world_node(world, 1)->update.write.sequence, 0);
}

TEST(members, foreign_messages_change_nothing_and_are_counted)
{
    struct world *world = world_led(3, 0);
    struct raft_message vote = {.kind = RAFT_VOTE,
                                .group_id = WORLD_GROUP,
                                .from = 2,
                                .to = 1,
                                .term = 50,
                                .members_version = 1,
                                .index = 100,
                                .log_term = 50,
                                .flags = RAFT_FLAG_TRANSFER};
    struct raft_message message = vote;
    message.group_id = 8;
    expect_dropped(world, message);
    message = vote;
    message.to = 7;
    expect_dropped(world, message);
    message = vote;
    message.from = 6;
    expect_dropped(world, message);
    message = vote;
    message.from = 1;
    expect_dropped(world, message);
    message = (struct raft_message){.kind = RAFT_APPEND_REPLY,
                                    .group_id = WORLD_GROUP,
                                    .from = 2,
                                    .to = 1,
                                    .term = 1,
                                    .index = 1000};
    expect_dropped(world, message); /* acknowledges what was never sent */
    struct raft_counters counters;
    raft_counters(world_node(world, 1)->raft, &counters);
    EXPECT_EQ(counters.foreign_group, 1);
    EXPECT_EQ(counters.wrong_replica, 1);
    EXPECT_EQ(counters.stranger, 1);
    EXPECT_EQ(counters.impossible, 2);
    world_free(world);
}
