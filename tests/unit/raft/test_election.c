/* SPDX-License-Identifier: Apache-2.0 */
/* Paper, 5.2 and 5.4.1; thesis 3.10, 4.2.3, 6.2, 9.6. */
#include "tests/unit/raft/trace_test.h"

TEST(election, begins_with_pre_votes_and_a_no_op_of_the_new_term)
{
    struct world *world = world_new(1, 3, 0, NULL);
    world_campaign(world, 1);
    world_settle(world);
    EXPECT_TRACE(world, "1 t0 asks for pre-votes with (0, t0)\n"
                        "2 t0 grants 1 a pre-vote for t1\n"
                        "3 t0 grants 1 a pre-vote for t1\n"
                        "1 t1 stands for election with (0, t0)\n"
                        "2 t1 follows 0\n"
                        "2 t1 grants 1 its vote\n"
                        "3 t1 follows 0\n"
                        "3 t1 grants 1 its vote\n"
                        "1 t1 leads; its term begins at 1\n"
                        "1 t1 members v1 count from 1: 3 voters, 3 in all\n"
                        "2 t1 members v1 count from 1: 3 voters, 3 in all\n"
                        "2 t1 takes entries to 1 behind 0\n"
                        "3 t1 members v1 count from 1: 3 voters, 3 in all\n"
                        "3 t1 takes entries to 1 behind 0\n"
                        "1 t1 follower 2: PROBE -> REPLICATE, match 1, next 2\n"
                        "1 t1 commits 1\n"
                        "1 t1 follower 3: PROBE -> REPLICATE, match 1, next 2\n");
    world_free(world);
}

TEST(election, a_timeout_begins_it)
{
    struct world *world = world_new(1, 3, 0, NULL);
    world_tick(world, 1, 20);
    EXPECT_EQ(world_status(world, 1).role, RAFT_PRE_CANDIDATE);
    EXPECT_EQ(world_status(world, 1).term, 0);
    world_free(world);
}

TEST(election, neither_request_nor_grant_leaves_before_it_is_on_the_disk)
{
    struct world *world = world_new(1, 3, 0, NULL);
    world_campaign(world, 1);
    while (world_deliver_kind(world, RAFT_PRE_VOTE, 2) ||
           world_deliver_kind(world, RAFT_PRE_VOTE_REPLY, 1)) {
    }
    world_lose_all(world, RAFT_PRE_VOTE);
    EXPECT_EQ(world_status(world, 1).role, RAFT_CANDIDATE);
    EXPECT_EQ(world->message_count, 0); /* its own vote is on the way to the disk */
    EXPECT(world_sync(world, 1));
    EXPECT_EQ(world->message_count, 2);
    EXPECT(world_deliver_kind(world, RAFT_VOTE, 2));
    EXPECT_EQ(world_status(world, 2).vote, 1);
    EXPECT(!world_deliver_kind(world, RAFT_VOTE_REPLY, 1));
    EXPECT(world_sync(world, 2));
    EXPECT(world_deliver_kind(world, RAFT_VOTE_REPLY, 1));
    EXPECT_EQ(world_status(world, 1).role, RAFT_LEADER);
    world_free(world);
}

TEST(election, a_vote_is_remembered_over_a_restart)
{
    struct world *world = world_new(1, 3, 0, NULL);
    world_campaign(world, 1);
    world_campaign(world, 3);
    while (world_deliver_kind(world, RAFT_PRE_VOTE, 2)) {
    }
    while (world_deliver_kind(world, RAFT_PRE_VOTE_REPLY, 0)) {
    }
    world_sync_all(world, 1);
    world_sync_all(world, 3);
    (void)world_trace(world);
    EXPECT(world_deliver_kind(world, RAFT_VOTE, 2));
    world_sync_all(world, 2);
    world_crash(world, 2, 0);
    world_restart(world, 2);
    EXPECT(world_deliver_kind(world, RAFT_VOTE, 2));
    EXPECT_TRACE(world, "2 t1 follows 0\n"
                        "2 t1 grants 1 its vote\n"
                        "2 t1 refuses 3 its vote\n");
    world_free(world);
}

TEST(election, is_refused_to_a_log_that_is_behind)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 3, true);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_settle(world);
    world_crash(world, 1, 0);
    world_cut(world, 3, false);
    world_tick(world, 2, 10); /* so long that it no longer counts on the leader */
    world_lose_all(world, 0);
    (void)world_trace(world);
    world_campaign(world, 3);
    world_settle(world);
    EXPECT_TRACE(world, "3 t1 asks for pre-votes with (1, t1)\n"
                        "2 t1 refuses 3 a pre-vote for t2\n");
    world_free(world);
}

TEST(election, judges_the_log_on_the_disk_and_not_what_is_on_its_way)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2)); /* taken, not synced */
    world_lose_all(world, 0);
    world_crash(world, 1, 0);
    world_tick(world, 2, 10);
    world_tick(world, 3, 10);
    world_lose_all(world, 0);
    (void)world_trace(world);
    world_campaign(world, 3);
    EXPECT(world_deliver_kind(world, RAFT_PRE_VOTE, 2));
    EXPECT_TRACE(world, "3 t1 asks for pre-votes with (1, t1)\n"
                        "2 t1 grants 3 a pre-vote for t2\n");
    world_free(world);
}

TEST(election, is_ignored_while_the_leader_is_heard_from)
{
    struct world *world = world_led(3, 0);
    world_campaign(world, 3);
    world_settle(world);
    EXPECT_EQ(world_status(world, 1).term, 1);
    EXPECT_TRACE(world, "3 t1 asks for pre-votes with (1, t1)\n"
                        "1 t1 ignores the pre-vote of 3: 1 leads\n"
                        "2 t1 ignores the pre-vote of 3: 1 leads\n");
    struct raft_counters counters;
    raft_counters(world_node(world, 2)->raft, &counters);
    EXPECT_EQ(counters.leader_alive, 1);
    world_free(world);
}

TEST(election, one_that_was_cut_off_does_not_raise_the_term)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 3, true);
    world_tick(world, 3, 200);
    EXPECT_EQ(world_status(world, 3).term, 1);
    world_lose_all(world, 0);
    world_cut(world, 3, false);
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_EQ(world_status(world, 3).leader_id, 1);
    EXPECT_EQ(world_status(world, 1).term, 1);
    world_free(world);
}

TEST(election, a_leader_without_its_quorum_steps_down)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 1, true);
    world_tick(world, 1, 20);
    EXPECT_TRACE(world, "1 t1 hears from 1 voters only and steps down\n"
                        "1 t1 follows 0\n");
    EXPECT_EQ(world_status(world, 1).role, RAFT_FOLLOWER);
    world_free(world);
}

TEST(election, a_leader_that_was_cut_off_learns_of_the_next_one)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 1, true);
    EXPECT_OK(world_propose(world, 1, "lost"));
    world_elect(world, 2, 3);
    EXPECT_EQ(world_status(world, 2).role, RAFT_LEADER);
    world_cut(world, 1, false);
    (void)world_trace(world);
    world_tick(world, 1, 1); /* its heartbeat is answered with the later term */
    world_settle(world);
    world_tick(world, 2, 1);
    world_settle(world);
    EXPECT_TRACE(world, "1 t2 follows 0\n"
                        "3 t2 commits 2\n"
                        "2 t2 follower 1: PROBE -> REPLICATE, match 1, next 2\n"
                        "1 t2 drops entries from 2 to 2\n"
                        "1 t2 takes entries to 2 behind 1\n"
                        "1 t2 commits 2\n");
    EXPECT_EQ(world_node(world, 1)->applied.digest, world_node(world, 2)->applied.digest);
    world_free(world);
}

TEST(election, the_only_voter_leads_at_once_and_asks_nobody)
{
    struct world *world = world_new(1, 1, 0, NULL);
    EXPECT_OK(world_propose(world, 1, "a")); /* the very first event */
    EXPECT_EQ(world->message_count, 0);
    EXPECT_EQ(world_node(world, 1)->pending_count, 1); /* one write holds it all */
    EXPECT_EQ(world_status(world, 1).commit, 0);
    world_sync(world, 1);
    EXPECT_TRACE(world, "1 t1 stands for election with (0, t0)\n"
                        "1 t1 leads; its term begins at 1\n"
                        "1 t1 members v1 count from 1: 1 voters, 1 in all\n"
                        "1 t1 commits 2\n");
    world_crash(world, 1, 0);
    world_restart(world, 1);
    EXPECT_OK(world_propose(world, 1, "b"));
    world_sync_all(world, 1);
    EXPECT_TRACE(world, "1 t1 members v1 count from 1: 1 voters, 1 in all\n"
                        "1 t2 stands for election with (2, t1)\n"
                        "1 t2 leads; its term begins at 3\n"
                        "1 t2 commits 4\n");
    world_free(world);
}

TEST(election, leadership_is_handed_over_without_waiting)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    EXPECT_OK(world_transfer(world, 1, 2));
    EXPECT_STATUS(world_propose(world, 1, "b"), STATUS_NOT_LEADER);
    EXPECT_EQ(world_status(world, 1).leader_id, 2);
    EXPECT_STATUS(world_transfer(world, 1, 3), STATUS_SHARD_MOVING);
    world_settle(world);
    EXPECT_TRACE(world, "1 t1 hands over to 2\n"
                        "2 t1 takes entries to 2 behind 1\n"
                        "3 t1 takes entries to 2 behind 1\n"
                        "1 t1 tells 2 to take over\n"
                        "1 t1 commits 2\n"
                        "2 t1 is to take over from 1\n"
                        "2 t2 stands for election with (2, t1)\n"
                        "1 t2 follows 0\n"
                        "1 t2 grants 2 its vote\n"
                        "3 t2 follows 0\n"
                        "3 t2 grants 2 its vote\n"
                        "2 t2 leads; its term begins at 3\n"
                        "1 t2 takes entries to 3 behind 2\n"
                        "3 t2 takes entries to 3 behind 2\n"
                        "2 t2 follower 1: PROBE -> REPLICATE, match 2, next 4\n"
                        "2 t2 commits 3\n"
                        "2 t2 follower 3: PROBE -> REPLICATE, match 2, next 4\n");
    world_free(world);
}

TEST(election, a_handover_that_fails_is_given_up)
{
    struct world *world = world_led(3, 0);
    EXPECT_STATUS(world_transfer(world, 1, 9), STATUS_NOT_FOUND);
    EXPECT_STATUS(world_transfer(world, 2, 3), STATUS_NOT_LEADER);
    EXPECT_OK(world_transfer(world, 1, 1));
    EXPECT_OK(world_transfer(world, 1, 0));
    world_lose_all(world, 0);
    for (unsigned i = 0; i < 10; i++) {
        world_tick(world, 1, 1);
        world_settle(world);
    }
    EXPECT_OK(world_propose(world, 1, "a"));
    world_settle(world);
    EXPECT_TRACE(world, "1 t1 hands over to 2\n"
                        "1 t1 tells 2 to take over\n"
                        "1 t1 gives up handing over to 2\n"
                        "2 t1 takes entries to 2 behind 1\n"
                        "3 t1 takes entries to 2 behind 1\n"
                        "1 t1 commits 2\n");
    world_free(world);
}
