/* SPDX-License-Identifier: Apache-2.0 */
/* Paper, section 7; restarts; what the log lets go of. */
#include "tests/unit/raft/trace_test.h"

/* 3 was away while the others let go of what it needs. */
static struct world *far_behind(void)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 3, true);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_OK(world_propose(world, 1, "a"));
        world_settle(world);
    }
    world_flush(world, 1, 0);
    world_lose_all(world, 0);
    world_cut(world, 3, false);
    (void)world_trace(world);
    return world;
}

TEST(snapshot, reaches_a_follower_whose_entries_are_gone)
{
    struct world *world = far_behind();
    for (unsigned i = 0; i < 3; i++) {
        world_tick(world, 1, 1);
        world_settle(world);
    }
    EXPECT_TRACE(world,
                 "2 t1 commits 6\n"
                 "1 t1 follower 3: REPLICATE -> PROBE, match 1, next 2\n"
                 "1 t1 follower 3: PROBE -> SNAPSHOT_NEEDED, match 1, next 2\n"
                 "1 t1 offers 3 a snapshot of (6, t1)\n"
                 "3 t1 is offered a snapshot of (6, t1)\n"
                 "3 t1 begins to install and falls silent\n"
                 "3 t1 is at (6, t1) by a snapshot\n"
                 "3 t1 members v1 count from 6: 3 voters, 3 in all\n"
                 "3 t1 is heard again\n"
                 "1 t1 follower 3: SNAPSHOT_NEEDED -> REPLICATE, match 6, next 7\n");
    EXPECT_EQ(world_node(world, 3)->applied.digest, world_node(world, 1)->applied.digest);
    EXPECT_STRING(world->violation, "");
    world_free(world);
}

TEST(snapshot, mutes_its_receiver_until_the_log_begins_behind_it)
{
    struct world *world = far_behind();
    world_tick(world, 1, 1);
    while (!world_status(world, 3).installing) {
        if (world->message_count == 0) {
            world_tick(world, 1, 1);
        }
        world_deliver(world, 0);
    }
    (void)world_trace(world);
    world_lose_all(world, 0);
    world_tick(world, 3, 100);
    world_tick(world, 1, 1);
    while (world_deliver_kind(world, RAFT_HEARTBEAT, 3)) {
    }
    EXPECT_TRACE(world, "");
    struct raft_counters counters;
    raft_counters(world_node(world, 3)->raft, &counters);
    EXPECT_EQ(counters.while_installing, 1);
    EXPECT(world_sync(world, 3));
    EXPECT(!world_status(world, 3).installing);
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_EQ(world_status(world, 3).commit, 6);
    world_free(world);
}

TEST(snapshot, that_is_not_needed_is_not_installed)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_settle(world);
    struct raft_message offer = {.kind = RAFT_SNAPSHOT,
                                 .group_id = WORLD_GROUP,
                                 .from = 1,
                                 .to = 2,
                                 .term = 1,
                                 .members_version = 1,
                                 .index = 2,
                                 .log_term = 1,
                                 .members = raft_members(world_node(world, 1)->raft)};
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &offer};
    (void)world_trace(world);
    world_event(world, 2, &event);
    EXPECT(world_node(world, 2)->update.install == NULL);
    EXPECT_EQ(world_status(world, 2).commit, 2); /* it holds that entry: committed */
    EXPECT_TRACE(world, "2 t1 commits 2\n"
                        "2 t1 has (2, t1) already\n");
    world_free(world);
}

TEST(snapshot, is_offered_again_when_nothing_is_heard)
{
    struct world *world = far_behind();
    world_tick(world, 1, 1);
    world_settle(world);
    world_tick(world, 1, 1);
    for (unsigned i = 0; i < 4; i++) {
        if (world->message_count > 0 && world->messages[0].kind != RAFT_SNAPSHOT) {
            world_deliver(world, 0);
        }
    }
    world_lose_all(world, RAFT_SNAPSHOT);
    for (unsigned i = 0; i < 25; i++) {
        world_tick(world, 1, 1);
        world_settle(world);
    }
    EXPECT_EQ(world_node(world, 3)->applied.index, world_node(world, 1)->applied.index);
    world_free(world);
}

TEST(snapshot, carries_the_members)
{
    struct world *world = far_behind();
    world_cut(world, 3, true);
    EXPECT_OK(world_change(world, 1, RAFT_DEMOTE, 2));
    world_settle(world);
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_EQ(world_status(world, 1).commit, 6); /* two voters, one cut off */
    world_cut(world, 3, false);
    for (unsigned i = 0; i < 4; i++) {
        world_tick(world, 1, 1);
        world_settle(world);
    }
    EXPECT(raft_members_equal(raft_members(world_node(world, 3)->raft),
                              raft_members(world_node(world, 1)->raft)));
    EXPECT_EQ(raft_members(world_node(world, 3)->raft)->version, 2);
    world_free(world);
}

TEST(restart, goes_on_from_hard_state_log_and_applied_state)
{
    struct world *world = world_led(3, 0);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_OK(world_propose(world, 1, "a"));
        world_settle(world);
    }
    world_flush(world, 2, 2); /* state at 5, entries from 4 on */
    world_crash(world, 2, 0);
    world_restart(world, 2);
    struct raft_status status = world_status(world, 2);
    EXPECT_EQ(status.term, 1);
    EXPECT_EQ(status.vote, 1);
    EXPECT_EQ(status.applied, 5);
    EXPECT_EQ(status.log_first, 4);
    EXPECT_EQ(status.last_index, 6);
    EXPECT_EQ(status.durable_index, 6);
    for (unsigned i = 0; i < 4; i++) { /* its lag shows by its heartbeats' replies */
        world_tick(world, 1, 1);
        world_settle(world);
    }
    EXPECT_EQ(world_node(world, 2)->applied.digest, world_node(world, 1)->applied.digest);
    world_free(world);
}

TEST(restart, a_log_that_ends_below_the_state_begins_anew_behind_it)
{
    struct raft_members members;
    struct raft_member self = {1, 1, RAFT_VOTER};
    EXPECT_OK(raft_members_make(&members, &self, 1));
    struct raft_options options = {.group_id = 1,
                                   .replica_id = 1,
                                   .state = {.term = 3, .vote = 1, .commit = 4},
                                   .applied_index = 9,
                                   .applied_term = 2,
                                   .members = &members,
                                   .log_first = 3,
                                   .log_last = 5,
                                   .log_last_term = 2};
    raft_limits_init(&options.limits);
    struct raft *raft = raft_new(&options);
    EXPECT_EQ(raft_restore_next(raft), 0);
    struct raft_event tick = {.kind = RAFT_EVENT_TICK};
    struct raft_update update;
    raft_step(raft, (struct moment){0}, &tick, 1, &update);
    EXPECT(update.write.has_reset && update.write.has_state);
    EXPECT_EQ(update.write.reset_index, 9);
    EXPECT_EQ(update.write.reset_term, 2);
    EXPECT_EQ(update.write.state.term, 4);
    EXPECT_EQ(update.write.first_index, 10);
    EXPECT_EQ(update.write.last_index, 10);
    raft_free(raft);
}

TEST(restart, refuses_entries_that_do_not_follow)
{
    struct raft_options options = {.group_id = 1,
                                   .replica_id = 1,
                                   .state = {.term = 2},
                                   .log_first = 1,
                                   .log_last = 3};
    raft_limits_init(&options.limits);
    struct raft *raft = raft_new(&options);
    struct raft_entry entry = {.index = 2, .term = 1};
    EXPECT_STATUS(raft_restore_entry(raft, &entry), STATUS_CHECKSUM); /* a gap */
    entry.index = 1;
    entry.term = 2;
    EXPECT_OK(raft_restore_entry(raft, &entry));
    entry.index = 2;
    entry.term = 1;
    EXPECT_STATUS(raft_restore_entry(raft, &entry), STATUS_CHECKSUM); /* back in time */
    entry.term = 2;
    entry.term = 3;
    EXPECT_STATUS(raft_restore_entry(raft, &entry), STATUS_CHECKSUM); /* unheard of */
    entry.term = 2;
    entry.payload = slice_from_string("\xfe members, but damaged");
    EXPECT_STATUS(raft_restore_entry(raft, &entry), STATUS_VERSION);
    EXPECT_STATUS(raft_restore_run(raft, 2, 2), STATUS_CHECKSUM); /* not applied */
    raft_free(raft);
}

TEST(restart, what_did_not_fit_in_memory_is_applied_from_the_log)
{
    struct raft_limits limits;
    raft_limits_init(&limits);
    limits.unapplied_bytes_max = 200;
    struct world *world = world_new(1, 1, 0, &limits);
    for (unsigned i = 0; i < 50; i++) {
        (void)world_propose(world, 1, "some payload that takes room");
        world_settle(world);
    }
    uint64_t digest = world_node(world, 1)->applied.digest;
    uint64_t index = world_node(world, 1)->applied.index;
    world_crash(world, 1, 0);
    world_restart(world, 1);
    world_tick(world, 1, 1);
    struct raft_entry entry;
    EXPECT(!raft_entry(world_node(world, 1)->raft, 1, &entry));
    world_settle(world);
    EXPECT_EQ(world_node(world, 1)->applied.index, index + 1);
    EXPECT(digest != 0);
    EXPECT_STRING(world->violation, "");
    world_free(world);
}
