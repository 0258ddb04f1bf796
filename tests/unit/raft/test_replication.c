/* SPDX-License-Identifier: Apache-2.0 */
/* Paper, 5.3 and 5.4.2: appends, matching, counting. */
#include "tests/unit/raft/trace_test.h"

TEST(replication, an_entry_is_committed_by_a_quorum_and_told_with_the_next_message)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_settle(world);
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_TRACE(world, "2 t1 takes entries to 2 behind 1\n"
                        "3 t1 takes entries to 2 behind 1\n"
                        "1 t1 commits 2\n"
                        "2 t1 commits 2\n"
                        "3 t1 commits 2\n");
    EXPECT_EQ(world_node(world, 3)->applied.index, 2);
    world_free(world);
}

TEST(replication, a_leader_sends_beside_its_own_write_and_counts_itself_by_its_disk)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    EXPECT_EQ(world->message_count, 2); /* before any sync */
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2));
    EXPECT(world_sync(world, 2));
    EXPECT(world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    EXPECT_EQ(world_status(world, 1).commit, 1); /* one disk of three */
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 3));
    EXPECT(world_sync(world, 3));
    EXPECT(world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    EXPECT_EQ(world_status(world, 1).commit, 2);       /* two of three, not its own */
    EXPECT_EQ(world_node(world, 1)->applied.index, 1); /* but it applies what it has */
    EXPECT(world_sync(world, 1));
    EXPECT_EQ(world_node(world, 1)->applied.index, 2);
    world_free(world);
}

TEST(replication, an_acknowledgement_waits_for_the_disk)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    EXPECT_OK(world_propose(world, 1, "b"));
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2));
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2));
    EXPECT(!world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    EXPECT(world_sync(world, 2)); /* the first of two writes */
    EXPECT_EQ(world->messages[world->message_count - 1].kind, RAFT_APPEND_REPLY);
    EXPECT(world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    struct raft_follower followers[RAFT_MEMBERS_MAX];
    EXPECT_EQ(raft_followers(world_node(world, 1)->raft, followers), 2);
    EXPECT_EQ(followers[0].match, 2);
    EXPECT(world_sync(world, 2));
    EXPECT(world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    EXPECT_EQ(raft_followers(world_node(world, 1)->raft, followers), 2);
    EXPECT_EQ(followers[0].match, 3);
    world_free(world);
}

TEST(replication, an_acknowledgement_dies_with_its_term)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2)); /* on its way to 2's disk */
    world_lose_all(world, 0);
    world_cut(world, 1, true);
    world_tick(world, 2, 10);
    world_tick(world, 3, 20);
    world_lose_all(world, RAFT_VOTE);
    EXPECT(world_deliver_kind(world, RAFT_PRE_VOTE, 2));
    EXPECT(world_deliver_kind(world, RAFT_PRE_VOTE_REPLY, 3));
    EXPECT(world_sync(world, 3));
    EXPECT(world_deliver_kind(world, RAFT_VOTE, 2));
    world_cut(world, 1, false);
    world_sync_all(world, 2); /* both the entry and the vote */
    EXPECT(!world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    EXPECT(world_deliver_kind(world, RAFT_VOTE_REPLY, 3));
    EXPECT_EQ(world_status(world, 3).role, RAFT_LEADER);
    world_settle(world);
    world_check_logs(world);
    EXPECT_STRING(world->violation, "");
    world_free(world);
}

/* A leader of old has a suffix that nobody else has; it must not be acknowledged. */
static struct world *stale_suffix(void)
{
    struct world *world = world_led(3, 0);
    world_cut(world, 1, true);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_OK(world_propose(world, 1, "stale"));
    }
    world_settle(world);
    world_tick(world, 1, 20); /* steps down */
    world_elect(world, 3, 2);
    EXPECT_EQ(world_status(world, 3).role, RAFT_LEADER);
    EXPECT_EQ(world_status(world, 1).last_index, 4);
    world_lose_all(world, 0);
    world_cut(world, 1, false);
    (void)world_trace(world);
    return world;
}

TEST(replication, a_stale_suffix_is_replaced)
{
    struct world *world = stale_suffix();
    world_tick(world, 3, 1);
    world_settle(world);
    world_tick(world, 3, 1);
    world_settle(world);
    EXPECT_TRACE(world, "1 t2 follows 3\n"
                        "2 t2 commits 2\n"
                        "3 t2 follower 1: PROBE -> REPLICATE, match 1, next 2\n"
                        "1 t2 drops entries from 2 to 4\n"
                        "1 t2 takes entries to 2 behind 1\n"
                        "1 t2 commits 2\n");
    EXPECT_STRING(world->violation, "");
    world_free(world);
}

TEST(replication, an_empty_append_is_acknowledged_through_its_prev_alone)
{
    struct world *world = stale_suffix();
    struct raft_message append = {.kind = RAFT_APPEND,
                                  .group_id = WORLD_GROUP,
                                  .from = 3,
                                  .to = 1,
                                  .term = world_status(world, 3).term,
                                  .members_version = 1,
                                  .index = 1,
                                  .log_term = 1,
                                  .commit = 4};
    struct raft_event event = {.kind = RAFT_EVENT_MESSAGE, .message = &append};
    world_event(world, 1, &event);
    world_sync_all(world, 1);
    const struct raft_update *update = &world_node(world, 1)->update;
    EXPECT_EQ(update->message_count, 1);
    EXPECT_EQ(update->messages[0].kind, RAFT_APPEND_REPLY);
    EXPECT_EQ(update->messages[0].index, 1);
    EXPECT_EQ(world_status(world, 1).commit, 1);
    world_free(world);
}

TEST(replication, an_older_term_is_not_committed_by_counting)
{
    /* Paper, figure 8: 1 spread an entry of term 1 and leads again. */
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_sync_all(world, 1);
    world_lose_all(world, 0); /* only 1 has it */
    world_crash(world, 1, 0);
    world_restart(world, 1);
    world_tick(world, 2, 10);
    world_tick(world, 3, 10);
    world_lose_all(world, 0);
    world->limits.message_bytes_max = 1;
    world_crash(world, 1, 0);
    world_restart(world, 1); /* with one entry a message */
    world_campaign(world, 1);
    while (world_deliver_kind(world, RAFT_PRE_VOTE, 2) ||
           world_deliver_kind(world, RAFT_PRE_VOTE_REPLY, 1) ||
           world_deliver_kind(world, RAFT_VOTE, 2) ||
           world_deliver_kind(world, RAFT_VOTE_REPLY, 1) || world_sync(world, 1) ||
           world_sync(world, 2)) {
    }
    EXPECT_EQ(world_status(world, 1).role, RAFT_LEADER);
    EXPECT_EQ(world_status(world, 1).term, 2);
    (void)world_trace(world);
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2));
    EXPECT(world_deliver_kind(world, RAFT_APPEND_REPLY, 1)); /* rejected */
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2));       /* without entries */
    EXPECT(world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    EXPECT(world_deliver_kind(world, RAFT_APPEND, 2)); /* (2, t1) */
    EXPECT(world_sync(world, 2));
    EXPECT(world_deliver_kind(world, RAFT_APPEND_REPLY, 1));
    EXPECT_TRACE(world, "2 t2 rejects 1 entries behind (2, t1)\n"
                        "1 t2 follower 2: PROBE -> REPLICATE, match 1, next 2\n"
                        "2 t2 takes entries to 2 behind 1\n");
    EXPECT_EQ(world_status(world, 1).commit, 0); /* on two of three disks, and not yet */
    world_settle(world);
    EXPECT_EQ(world_status(world, 1).commit, 3);
    world_free(world);
}

TEST(replication, lost_appends_are_sent_again_after_two_heartbeats)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    EXPECT_OK(world_propose(world, 1, "b"));
    world_lose_all(world, RAFT_APPEND);
    world_settle(world);
    for (unsigned i = 0; i < 3; i++) {
        world_tick(world, 1, 1);
        world_settle(world);
    }
    EXPECT_TRACE(world, "1 t1 follower 2: REPLICATE -> PROBE, match 1, next 2\n"
                        "1 t1 follower 3: REPLICATE -> PROBE, match 1, next 2\n"
                        "2 t1 takes entries to 3 behind 1\n"
                        "3 t1 takes entries to 3 behind 1\n"
                        "1 t1 follower 2: PROBE -> REPLICATE, match 3, next 4\n"
                        "1 t1 commits 3\n"
                        "1 t1 follower 3: PROBE -> REPLICATE, match 3, next 4\n"
                        "2 t1 commits 3\n"
                        "3 t1 commits 3\n");
    EXPECT_EQ(world_status(world, 2).commit, 3);
    world_free(world);
}

TEST(replication, repeated_and_reordered_appends_change_nothing)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    EXPECT_OK(world_propose(world, 1, "b"));
    /* to 2: b before a, then both again */
    for (size_t i = world->message_count; i > 0; i--) {
        world_repeat(world, i - 1);
    }
    world_settle(world);
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_EQ(world_node(world, 2)->applied.index, 3);
    EXPECT_EQ(world_node(world, 2)->applied.digest, world_node(world, 1)->applied.digest);
    EXPECT_STRING(world->violation, "");
    world_free(world);
}

TEST(replication, what_is_in_flight_to_a_follower_is_limited)
{
    struct raft_limits limits;
    raft_limits_init(&limits);
    limits.in_flight_messages = 2;
    struct world *world = world_new(1, 3, 0, &limits);
    world_campaign(world, 1);
    world_settle(world);
    for (unsigned i = 0; i < 5; i++) {
        EXPECT_OK(world_propose(world, 1, "a"));
    }
    EXPECT_EQ(world->message_count, 4); /* two to each follower */
    world_settle(world);
    EXPECT_EQ(world_status(world, 1).commit, 6);
    world_free(world);
}

TEST(replication, proposals_are_refused_with_a_reason)
{
    struct raft_limits limits;
    raft_limits_init(&limits);
    limits.unapplied_entries_max = 3;
    struct world *world = world_new(1, 3, 0, &limits);
    EXPECT_STATUS(world_propose(world, 1, "a"), STATUS_NOT_LEADER);
    world_campaign(world, 1);
    world_settle(world);
    EXPECT_STATUS(world_propose(world, 1, ""), STATUS_INVALID);
    EXPECT_STATUS(world_propose(world, 1, "\xfe"), STATUS_INVALID);
    EXPECT_STATUS(world_propose(world, 2, "a"), STATUS_NOT_LEADER);
    EXPECT_EQ(world_status(world, 2).leader_id, 1);
    for (unsigned i = 0; i < 3; i++) {
        EXPECT_OK(world_propose(world, 1, "a"));
    }
    EXPECT_STATUS(world_propose(world, 1, "a"), STATUS_OVERLOADED);
    world_settle(world);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_free(world);
}

TEST(replication, what_was_overwritten_is_told_as_dropped)
{
    struct world *world = stale_suffix();
    world_tick(world, 3, 1);
    EXPECT_EQ(world_node(world, 1)->dropped_from, 0);
    world_settle(world);
    EXPECT_EQ(world_node(world, 1)->dropped_from, 2);
    world_free(world);
}

TEST(replication, entries_that_left_memory_are_fetched_from_the_log)
{
    struct raft_limits limits;
    raft_limits_init(&limits);
    limits.tail_bytes = 0;
    struct world *world = world_new(1, 3, 0, &limits);
    world_campaign(world, 1);
    world_settle(world);
    world_cut(world, 3, true);
    for (unsigned i = 0; i < 200; i++) {
        EXPECT_OK(world_propose(world, 1, "a"));
        world_settle(world);
    }
    world_cut(world, 3, false);
    for (unsigned i = 0; i < 8; i++) {
        world_tick(world, 1, 1);
        world_settle(world);
    }
    EXPECT_EQ(world_node(world, 3)->applied.index, 201);
    EXPECT_EQ(world_node(world, 3)->applied.digest, world_node(world, 1)->applied.digest);
    world_free(world);
}

TEST(replication, equal_events_give_equal_messages)
{
    struct buffer bytes[2];
    for (unsigned run = 0; run < 2; run++) {
        struct world *world = world_led(3, 0);
        buffer_init(&bytes[run]);
        for (unsigned i = 0; i < 10; i++) {
            EXPECT_OK(world_propose(world, 1, "a"));
            for (size_t at = 0; at < world->message_count; at++) {
                buffer_append_slice(&bytes[run],
                                    buffer_slice(&world->messages[at].bytes));
            }
            world_settle(world);
        }
        world_free(world);
    }
    EXPECT_SLICE(buffer_slice(&bytes[0]), buffer_slice(&bytes[1]));
    buffer_close(&bytes[0]);
    buffer_close(&bytes[1]);
}

TEST(replication, a_follower_whose_connection_broke_is_probed)
{
    struct world *world = world_led(3, 0);
    EXPECT_OK(world_propose(world, 1, "a"));
    world_lose_all(world, RAFT_APPEND);
    world_sync_all(world, 1);
    struct raft_event event = {.kind = RAFT_EVENT_UNREACHABLE, .replica_id = 2};
    world_event(world, 1, &event);
    EXPECT_EQ(world->message_count, 0); /* until it is heard from */
    world_tick(world, 1, 1);
    world_settle(world);
    EXPECT_TRACE(world, "1 t1 follower 2: REPLICATE -> PROBE, match 1, next 2\n"
                        "2 t1 takes entries to 2 behind 1\n"
                        "1 t1 follower 2: PROBE -> REPLICATE, match 2, next 3\n"
                        "1 t1 commits 2\n");
    world_free(world);
}

TEST(replication, the_commit_index_goes_to_the_disk_with_other_writes)
{
    struct world *world = world_led(3, 0);
    uint64_t writes = 0;
    for (unsigned i = 0; i < 20; i++) {
        EXPECT_OK(world_propose(world, 1, "a"));
        writes += world_node(world, 1)->update.write.has_state;
        world_settle(world);
    }
    EXPECT_EQ(writes, 2); /* every commit_hint_entries = 8 */
    world_crash(world, 1, 0);
    EXPECT(world_node(world, 1)->state.commit >= 16);
    world_restart(world, 1);
    EXPECT(world_status(world, 1).commit >= 16);
    world_free(world);
}

TEST(replication, no_more_writes_are_handed_out_than_may_be_on_their_way)
{
    struct world *world = world_led(3, 0);
    for (unsigned i = 0; i < RAFT_WRITES_IN_FLIGHT_MAX; i++) {
        EXPECT_OK(world_propose(world, 1, "a"));
    }
    EXPECT_STATUS(world_propose(world, 1, "a"), STATUS_OVERLOADED);
    EXPECT_EQ(world_node(world, 1)->pending_count, RAFT_WRITES_IN_FLIGHT_MAX);
    EXPECT(world_sync(world, 1));
    EXPECT_OK(world_propose(world, 1, "a"));
    world_settle(world);
    EXPECT_EQ(world_status(world, 1).commit, RAFT_WRITES_IN_FLIGHT_MAX + 2);
    world_free(world);
}
