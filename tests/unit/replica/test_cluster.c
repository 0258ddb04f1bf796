/* SPDX-License-Identifier: Apache-2.0 */
/* Several members of a shard: what they agree on, and what a leader that fell may say. */
#include "shard/replica/peer.h"
#include "tests/lib/cluster_world.h"
#include "tests/lib/test.h"

static struct shard_world *any_world(struct cluster_world *cluster)
{
    return &cluster->nodes[1].world;
}

static void stock(struct cluster_world *cluster, const char *sku_id, int64_t on_hand)
{
    uint64_t request = hash64(slice_from_string(sku_id), 99) | 1;
    struct inventory_command commands[] = {
        world_location_upsert(any_world(cluster), "L", 1),
        world_sku_upsert(any_world(cluster), sku_id, request),
        world_adjust(any_world(cluster), sku_id, on_hand, request + 2),
    };
    for (size_t i = 0; i < 2u + (on_hand > 0); i++) {
        EXPECT_OK(cluster_apply(cluster, &commands[i], NULL));
    }
}

static unsigned follower_of(const struct cluster_world *cluster, unsigned leader)
{
    return leader % cluster->node_count + 1;
}

TEST(cluster, of_three_members_applies_the_same_everywhere)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    for (unsigned i = 0; i < 10; i++) {
        char sku_id[16];
        snprintf(sku_id, sizeof sku_id, "S%u", i);
        stock(&cluster, sku_id, 10 + i);
    }
    unsigned leader = cluster_await_leader(&cluster, WORLD_CUSTOMER_SHARD);
    for (unsigned i = 0; i < 10; i++) {
        char event_id[16];
        snprintf(event_id, sizeof event_id, "e%u", i);
        struct customer_event event =
            world_event(event_id, i % 3, "S1", cluster.now.wall_ms);
        struct customer_command command = {
            .kind = CUSTOMER_RECORD, .record = {.events = &event, .event_count = 1}};
        struct world_call call;
        world_call_init(&call);
        world_call_add_customer(&call, &command);
        EXPECT(cluster_call(&cluster, leader, &call, WORLD_CUSTOMER_SHARD, 2000));
        EXPECT_OK(call.call.status);
        world_call_close(&call);
    }
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    cluster_expect_same(&cluster, WORLD_CUSTOMER_SHARD);
    EXPECT_EQ(cluster_on_hand(&cluster, "S3"), 13);
    cluster_close(&cluster);
}

TEST(cluster, goes_on_without_its_leader_and_loses_nothing_acknowledged)
{
    struct cluster_world cluster;
    struct rng rng;
    rng_init(&rng, 5);
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 0);
    for (uint64_t i = 0; i < 12; i++) {
        struct inventory_command add = world_adjust(any_world(&cluster), "A", 1, 100 + i);
        EXPECT_OK(cluster_apply(&cluster, &add, NULL));
        if (i % 3 == 2) {
            unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
            cluster_crash(&cluster, leader, &rng);
            /* Once more with the same id, at whoever leads now: the same answer. */
            struct inventory_outcome outcome;
            EXPECT_OK(cluster_apply(&cluster, &add, &outcome));
            EXPECT(outcome.replayed);
            EXPECT(cluster_await_leader(&cluster, WORLD_SKU_SHARD) != leader);
            EXPECT_OK(cluster_boot(&cluster, leader));
        }
    }
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 12);
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    cluster_close(&cluster);
}

TEST(cluster, has_everything_after_all_its_nodes_lost_power)
{
    struct cluster_world cluster;
    struct rng rng;
    rng_init(&rng, 6);
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 7);
    uint64_t digest = 0;
    EXPECT(cluster_settle(&cluster, WORLD_SKU_SHARD));
    digest = replica_digest(cluster_replica(&cluster, 1, WORLD_SKU_SHARD));
    for (unsigned i = 1; i <= 3; i++) {
        cluster_crash(&cluster, i, &rng);
    }
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT_OK(cluster_boot(&cluster, i));
    }
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 7);
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    EXPECT(replica_digest(cluster_replica(&cluster, 1, WORLD_SKU_SHARD)) == digest);
    cluster_close(&cluster);
}

TEST(cluster, a_follower_refuses_and_names_the_leader)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 7);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned follower = follower_of(&cluster, leader);
    struct world_call call;
    world_call_init(&call);
    struct inventory_command add = world_adjust(any_world(&cluster), "A", 1, 100);
    world_call_add_sku(&call, &add);
    EXPECT(cluster_call(&cluster, follower, &call, WORLD_SKU_SHARD, 0));
    EXPECT_STATUS(call.call.status, STATUS_NOT_LEADER);
    EXPECT_EQ(call.call.appended_count, 0);
    EXPECT_EQ(call.call.leader_replica_id,
              cluster_replica_id(&cluster, leader, WORLD_SKU_SHARD));
    call.command_count = 0;
    call.query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY,
                                        .inventory = {.kind = INVENTORY_QUERY_COUNTERS}};
    EXPECT(cluster_call(&cluster, follower, &call, WORLD_SKU_SHARD, 0));
    EXPECT_STATUS(call.call.status, STATUS_NOT_LEADER);
    call.query.kind = REPLICA_QUERY_STATUS;
    EXPECT(cluster_call(&cluster, follower, &call, WORLD_SKU_SHARD, 0));
    EXPECT_OK(call.call.status);
    EXPECT_EQ(call.answer.replica.role, RAFT_FOLLOWER);
    EXPECT_EQ(call.answer.replica.members.count, 3);
    world_call_close(&call);
    cluster_close(&cluster);
}

TEST(cluster, a_leader_that_was_cut_off_answers_no_read)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 7);
    unsigned old = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    cluster_isolate(&cluster, old, true);
    struct world_call call;
    struct slice sku = slice_from_string("A"), location = slice_from_string("L");
    world_call_init(&call);
    call.query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_LEVEL,
                      .sku_ids = &sku,
                      .sku_count = 1,
                      .location_ids = &location,
                      .location_count = 1},
    };
    EXPECT(!cluster_call(&cluster, old, &call, WORLD_SKU_SHARD, 200));
    for (unsigned i = 0; i < 1000 && !call.done; i++) {
        cluster_step(&cluster);
    }
    EXPECT(call.done);
    EXPECT_STATUS(call.call.status, STATUS_NOT_LEADER);
    world_call_close(&call);
    cluster_close(&cluster);
}

TEST(cluster,
     a_proposal_of_a_leader_that_lost_its_place_ends_unknown_and_is_once_in_the_end)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 7);
    unsigned old = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    cluster_isolate(&cluster, old, true);
    struct world_call call;
    world_call_init(&call);
    struct inventory_command add = world_adjust(any_world(&cluster), "A", 1, 100);
    struct inventory_command other = world_adjust(any_world(&cluster), "A", 5, 101);
    world_call_add_sku(&call, &add);
    EXPECT(!cluster_call(&cluster, old, &call, WORLD_SKU_SHARD, 100));
    unsigned fresh = 0;
    for (unsigned i = 0; i < 2000 && (fresh == 0 || fresh == old); i++) {
        cluster_step(&cluster);
        fresh = cluster_leader(&cluster, WORLD_SKU_SHARD);
    }
    EXPECT(fresh != 0 && fresh != old);
    /* The new leader's entries take the place of what the old one wrote. */
    struct world_call second;
    world_call_init(&second);
    world_call_add_sku(&second, &other);
    EXPECT(cluster_call(&cluster, fresh, &second, WORLD_SKU_SHARD, 2000));
    EXPECT_OK(second.call.status);
    world_call_close(&second);
    cluster_isolate(&cluster, old, false);
    for (unsigned i = 0; i < 1000 && !call.done; i++) {
        cluster_step(&cluster);
    }
    EXPECT(call.done);
    EXPECT_STATUS(call.call.status, STATUS_OUTCOME_UNKNOWN);
    EXPECT_EQ(call.call.appended_count, 1);
    EXPECT_EQ(call.call.decided_count, 0);
    world_call_close(&call);
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 12);
    EXPECT_OK(cluster_apply(&cluster, &add, NULL));
    EXPECT_OK(cluster_apply(&cluster, &add, NULL));
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 13);
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    cluster_close(&cluster);
}

TEST(cluster, leadership_is_handed_over_when_asked)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 7);
    unsigned old = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned to = follower_of(&cluster, old);
    EXPECT_STATUS(
        host_transfer(cluster.nodes[to].world.host, cluster.now, WORLD_SKU_SHARD, 0),
        STATUS_NOT_LEADER);
    EXPECT_OK(host_transfer(cluster.nodes[old].world.host, cluster.now, WORLD_SKU_SHARD,
                            cluster_replica_id(&cluster, to, WORLD_SKU_SHARD)));
    cluster_run_ms(&cluster, 300);
    EXPECT_EQ(cluster_await_leader(&cluster, WORLD_SKU_SHARD), to);
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 7);
    cluster_close(&cluster);
}

TEST(cluster, members_are_added_promoted_and_removed_while_it_works)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 1);
    unsigned added = cluster_add(&cluster);
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_ADD_LEARNER, added));
    struct inventory_command add = world_adjust(any_world(&cluster), "A", 1, 100);
    EXPECT_OK(cluster_apply(&cluster, &add, NULL));
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_PROMOTE, added));
    EXPECT(cluster_settle(&cluster, WORLD_SKU_SHARD));
    struct replica_status status = cluster_status(&cluster, added, WORLD_SKU_SHARD);
    EXPECT_EQ(raft_members_voter_count(&status.members), 4);
    unsigned gone = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned stays = follower_of(&cluster, gone);
    EXPECT_OK(host_transfer(cluster.nodes[gone].world.host, cluster.now, WORLD_SKU_SHARD,
                            cluster_replica_id(&cluster, stays, WORLD_SKU_SHARD)));
    cluster_run_ms(&cluster, 300);
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_REMOVE, gone));
    cluster_run_ms(&cluster, 300);
    cluster_kill(&cluster, gone);
    add = world_adjust(any_world(&cluster), "A", 1, 101);
    EXPECT_OK(cluster_apply(&cluster, &add, NULL));
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 3);
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    /* The removed one comes back, and is not heard. */
    EXPECT_OK(cluster_boot(&cluster, gone));
    cluster_run_ms(&cluster, 3000);
    unsigned leader = cluster_leader(&cluster, WORLD_SKU_SHARD);
    EXPECT(leader != gone && leader != 0);
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 3);
    cluster_close(&cluster);
}

TEST(cluster, a_restart_knows_the_members_that_only_its_log_names)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 1);
    cluster.nodes[1].paced = true; /* its state stays that of the lone voter */
    stock(&cluster, "A", 1);
    for (unsigned i = 0; i < 2; i++) {
        unsigned added = cluster_add(&cluster);
        EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_ADD_LEARNER, added));
        EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_PROMOTE, added));
    }
    EXPECT(cluster_settle(&cluster, WORLD_SKU_SHARD));
    cluster_kill(&cluster, 1);
    EXPECT_OK(cluster_boot(&cluster, 1));
    EXPECT(!replica_is_single(cluster_replica(&cluster, 1, WORLD_SKU_SHARD)));
    /* Alone, it neither leads nor answers. */
    cluster_isolate(&cluster, 1, true);
    cluster_run_ms(&cluster, 3000);
    EXPECT(cluster_leader(&cluster, WORLD_SKU_SHARD) != 1);
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), 1);
    cluster_close(&cluster);
}

TEST(cluster, a_message_that_is_damaged_or_foreign_changes_nothing_and_is_counted)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 1);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned follower = follower_of(&cluster, leader);
    struct replica_status before = cluster_status(&cluster, follower, WORLD_SKU_SHARD);
    uint64_t to = cluster_replica_id(&cluster, follower, WORLD_SKU_SHARD);
    uint64_t from = cluster_replica_id(&cluster, leader, WORLD_SKU_SHARD);
    const struct raft_message vote = {.kind = RAFT_VOTE,
                                      .group_id = WORLD_SKU_SHARD,
                                      .from = from,
                                      .to = to,
                                      .term = 99,
                                      .index = 1000,
                                      .log_term = 99};
    struct buffer inner, bytes;
    buffer_init(&inner);
    buffer_init(&bytes);
    raft_message_encode(&vote, &inner);
    struct peer_message peer = {.cluster_id = {1, 2},
                                .shard_id = WORLD_SKU_SHARD,
                                .from_replica_id = from,
                                .to_replica_id = to,
                                .level = 1,
                                .kind = PEER_RAFT,
                                .bytes = buffer_slice(&inner)};
    for (unsigned i = 0; i < 5; i++) {
        struct peer_message bad = peer;
        bad.cluster_id.low += i == 0;
        bad.shard_id += i == 1 ? 1 : 0;
        bad.to_replica_id += i == 2 ? 1 : 0;
        buffer_clear(&bytes);
        peer_encode(&bytes, &bad);
        bytes.data[bytes.size - 1] ^= i == 3;
        const struct host_message message = {.shard_id = WORLD_SKU_SHARD,
                                             .from_replica_id = from + (i == 4),
                                             .to_replica_id = to,
                                             .bytes = buffer_slice(&bytes)};
        host_receive(cluster.nodes[follower].world.host, cluster.now, &message);
    }
    struct replica_status after = cluster_status(&cluster, follower, WORLD_SKU_SHARD);
    EXPECT_EQ(after.messages_dropped - before.messages_dropped, 5);
    EXPECT_EQ(after.term, before.term);
    buffer_close(&inner);
    buffer_close(&bytes);
    cluster_close(&cluster);
}

TEST(cluster, the_feature_level_rises_once_every_member_supports_it)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    for (unsigned i = 1; i <= 2; i++) {
        cluster_kill(&cluster, i);
        cluster.nodes[i].level_supported = 2;
        EXPECT_OK(cluster_boot(&cluster, i));
    }
    stock(&cluster, "A", 1);
    cluster_run_ms(&cluster, 2000);
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT_EQ(cluster_status(&cluster, i, WORLD_SKU_SHARD).feature_level, 1);
    }
    cluster_kill(&cluster, 3);
    cluster.nodes[3].level_supported = 2;
    EXPECT_OK(cluster_boot(&cluster, 3));
    struct inventory_command add = world_adjust(any_world(&cluster), "A", 1, 100);
    EXPECT_OK(cluster_apply(&cluster, &add, NULL));
    cluster_run_ms(&cluster, 1000);
    add = world_adjust(any_world(&cluster), "A", 1, 101);
    EXPECT_OK(cluster_apply(&cluster, &add, NULL));
    EXPECT(cluster_settle(&cluster, WORLD_SKU_SHARD));
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT_EQ(cluster_status(&cluster, i, WORLD_SKU_SHARD).feature_level, 2);
    }
    /* It is in the state: an older version does not open it any more. */
    cluster_flush(&cluster, 3);
    cluster_kill(&cluster, 3);
    cluster.nodes[3].level_supported = 1;
    EXPECT_STATUS(cluster_boot(&cluster, 3), STATUS_VERSION);
    cluster_close(&cluster);
}

/* Its disk hangs, so it does not apply what the others have committed; by the time it
 * does, it leads no more and the hold that the read touches is over. */
TEST(cluster, a_read_confirmed_to_a_leader_that_fell_since_is_not_left_waiting)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 7);
    unsigned old = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    struct inventory_hold_line line = {.sku_id = slice_from_string("A"),
                                       .location_id = slice_from_string("L"),
                                       .quantity = 1};
    struct inventory_command hold = world_hold(any_world(&cluster), &line, 1500, 500);
    EXPECT_OK(cluster_apply(&cluster, &hold, NULL));
    cluster.nodes[old].hung = true;
    struct world_call write, read;
    struct slice sku = slice_from_string("A"), location = slice_from_string("L");
    struct inventory_command add = world_adjust(any_world(&cluster), "A", 1, 501);
    world_call_init(&write);
    world_call_add_sku(&write, &add);
    EXPECT(!cluster_call(&cluster, old, &write, WORLD_SKU_SHARD, 100));
    world_call_init(&read);
    read.query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_LEVEL,
                      .sku_ids = &sku,
                      .sku_count = 1,
                      .location_ids = &location,
                      .location_count = 1},
    };
    EXPECT(!cluster_call(&cluster, old, &read, WORLD_SKU_SHARD, 300));
    cluster_isolate(&cluster, old, true);
    cluster_run_ms(&cluster, 8000);
    EXPECT(cluster_status(&cluster, old, WORLD_SKU_SHARD).role != RAFT_LEADER);
    EXPECT(!read.done);
    cluster.nodes[old].hung = false;
    cluster_run_ms(&cluster, 1000);
    EXPECT(read.done);
    EXPECT_STATUS(read.call.status, STATUS_NOT_LEADER);
    world_call_close(&read);
    world_call_close(&write);
    cluster_close(&cluster);
}

TEST(cluster, log_time_follows_the_members_clocks_and_not_a_leader_s_that_runs_ahead)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    stock(&cluster, "A", 1);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    cluster_run_ms(&cluster, 500);
    struct shard_world *world = &cluster.nodes[leader].world;
    struct world_call call;
    world_call_init(&call);
    struct inventory_command add = world_adjust(world, "A", 1, 100);
    world_call_add_sku(&call, &add);
    world_propose(world, &call, WORLD_SKU_SHARD);
    /* Its own clock jumps by an hour at the moment it stamps. */
    world->now.wall_ms += 3600 * 1000;
    (void)world_collect(world);
    for (unsigned i = 0; i < 100 && !call.done; i++) {
        cluster_step(&cluster);
    }
    EXPECT(call.done);
    EXPECT_OK(call.call.status);
    int64_t ahead_ms = call.call.stamp.log_time_ms - cluster.now.wall_ms;
    EXPECT(ahead_ms <= 500 && ahead_ms > 0);
    world_call_close(&call);
    cluster_close(&cluster);
}
