/* SPDX-License-Identifier: Apache-2.0 */
/* Thesis, 6.4: ReadIndex. And the clocks of the quorum. */
#include "tests/unit/raft/trace_test.h"

TEST(reads, are_confirmed_by_a_round_that_starts_after_them)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_read(world, 1));
    EXPECT_OK(world_read(world, 1)); /* a round is out: waits for the next one */
    EXPECT_EQ(world->reads_confirmed, 0);
    EXPECT(world_deliver_kind(world, RAFT_HEARTBEAT, 2));
    EXPECT_OK(world_read(world, 1));
    EXPECT(world_deliver_kind(world, RAFT_HEARTBEAT_REPLY, 1));
    EXPECT_EQ(world->reads_confirmed, 1);
    world_settle(world);
    EXPECT_TRACE(world, "1 t1 begins round 1 for 1 reads at 1\n"
                        "1 t1 confirms 1 reads at 1 by round 1\n"
                        "1 t1 begins round 2 for 2 reads at 1\n"
                        "1 t1 confirms 2 reads at 1 by round 2\n");
    EXPECT_EQ(world->reads_confirmed, 3);
    world_free(world);
}

TEST(reads, wait_for_an_entry_of_the_own_term)
{
    struct world *world = world_new(1, 3, 0, NULL);
    world_campaign(world, 1);
    while (world_status(world, 1).role != RAFT_LEADER) {
        world_deliver(world, 0);
        world_sync_all(world, 1);
        world_sync_all(world, 2);
    }
    EXPECT_OK(world_read(world, 1));
    (void)world_trace(world);
    world_settle(world);
    EXPECT_TRACE(world, "2 t1 members v1 count from 1: 3 voters, 3 in all\n"
                        "2 t1 takes entries to 1 behind 0\n"
                        "3 t1 members v1 count from 1: 3 voters, 3 in all\n"
                        "3 t1 takes entries to 1 behind 0\n"
                        "1 t1 follower 2: PROBE -> REPLICATE, match 1, next 2\n"
                        "1 t1 commits 1\n"
                        "1 t1 begins round 1 for 1 reads at 1\n"
                        "1 t1 follower 3: PROBE -> REPLICATE, match 1, next 2\n"
                        "2 t1 commits 1\n"
                        "3 t1 commits 1\n"
                        "1 t1 confirms 1 reads at 1 by round 1\n");
    world_free(world);
}

TEST(reads, of_a_leader_that_is_cut_off_are_refused)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 1, true);
    EXPECT_OK(world_read(world, 1));
    world_settle(world);
    world_tick(world, 1, 20);
    EXPECT_TRACE(world, "1 t1 begins round 1 for 1 reads at 1\n"
                        "1 t1 hears from 1 voters only and steps down\n"
                        "1 t1 follows 0\n"
                        "1 t1 refuses 1 reads\n");
    EXPECT_EQ(world->reads_confirmed, 0);
    EXPECT_STATUS(world_read(world, 1), STATUS_NOT_LEADER);
    world_free(world);
}

TEST(reads, lost_rounds_are_asked_again_with_the_heartbeat)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_read(world, 1));
    world_lose_all(world, 0);
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_EQ(world->reads_confirmed, 1);
    world_free(world);
}

TEST(reads, of_the_only_voter_are_confirmed_at_once)
{
    struct world *world = world_led(1, 0);
    EXPECT_OK(world_read(world, 1));
    EXPECT_EQ(world->reads_confirmed, 1);
    EXPECT_EQ(world->message_count, 0);
    world_free(world);
}

TEST(clocks, of_the_quorum_have_a_lower_median)
{
    struct world *world = world_led(3, 0);
    int64_t clock;
    world_node(world, 2)->clock_skew_ms = -5000;
    world_node(world, 3)->clock_skew_ms = 9000;
    world_tick(world, 1, 1);
    world_settle(world);
    struct raft *raft = world_node(world, 1)->raft;
    EXPECT(raft_quorum_clock_ms(raft, world->now, &clock));
    EXPECT_EQ(clock, world->now.wall_ms); /* its own is in the middle */
    struct raft_clock_sample samples[RAFT_VOTERS_MAX];
    EXPECT_EQ(raft_clock_samples(raft, samples), 2);
    EXPECT_EQ(samples[0].offset_ms,
              world->now.wall_ms - 5000 - (int64_t)(world->now.monotonic_us / 1000));
    EXPECT(!raft_quorum_clock_ms(world_node(world, 2)->raft, world->now, &clock));
    world_free(world);
}

TEST(clocks, need_a_quorum_of_samples_of_this_term)
{
    struct world *world = world_new(1, 3, 0, NULL);
    int64_t clock;
    world_campaign(world, 1);
    while (world_status(world, 1).role != RAFT_LEADER) {
        world_deliver(world, 0);
        world_sync_all(world, 1);
        world_sync_all(world, 2);
    }
    EXPECT(!raft_quorum_clock_ms(world_node(world, 1)->raft, world->now, &clock));
    world_settle(world);
    EXPECT(raft_quorum_clock_ms(world_node(world, 1)->raft, world->now, &clock));
    world_free(world);
}
