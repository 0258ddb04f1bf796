/* SPDX-License-Identifier: Apache-2.0 */
/* Members that the log no longer reaches: snapshots, crashes in them, dead replicas. */
#include "shard/storage/meta_row.h"
#include "shard/storage/segment_log.h"
#include "tests/lib/cluster_world.h"
#include "tests/lib/test.h"

enum {
    FILL_COMMANDS = 120,
    CRASH_STEPS = 120,
    FLIP_FIRST_AT = 100,
    FLIP_EVERY = 20,
};

static struct shard_world *any_world(struct cluster_world *cluster)
{
    return &cluster->nodes[1].world;
}

/* Much, of which the logs keep only the end. */
static void fill(struct cluster_world *cluster)
{
    struct inventory_command command = world_location_upsert(any_world(cluster), "L", 1);
    EXPECT_OK(cluster_apply(cluster, &command, NULL));
    for (uint64_t i = 0; i < 10; i++) {
        char sku_id[16];
        snprintf(sku_id, sizeof sku_id, "S%u", (unsigned)i);
        command = world_sku_upsert(any_world(cluster), sku_id, 10 + i);
        EXPECT_OK(cluster_apply(cluster, &command, NULL));
    }
    for (uint64_t i = 0; i < FILL_COMMANDS; i++) {
        char sku_id[16];
        snprintf(sku_id, sizeof sku_id, "S%u", (unsigned)(i % 10));
        command = world_adjust(any_world(cluster), sku_id, 1, 100 + i);
        EXPECT_OK(cluster_apply(cluster, &command, NULL));
    }
    EXPECT(cluster_settle(cluster, WORLD_SKU_SHARD));
    for (unsigned round = 0; round < 2; round++) {
        for (unsigned i = 1; i <= cluster->node_count; i++) {
            cluster_flush(cluster, i);
        }
        cluster_run_ms(cluster, 100);
    }
}

static bool log_is_cut(struct cluster_world *cluster, unsigned node)
{
    struct log_bounds bounds;
    EXPECT_OK(log_store_bounds(cluster->nodes[node].world.log,
                               cluster_replica_id(cluster, node, WORLD_SKU_SHARD),
                               &bounds));
    return bounds.first_index > 1;
}

TEST(cluster_install, a_new_member_takes_over_a_snapshot_and_then_the_log)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    fill(&cluster);
    for (unsigned i = 1; i <= 3; i++) {
        EXPECT(log_is_cut(&cluster, i));
    }
    unsigned added = cluster_add(&cluster);
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_ADD_LEARNER, added));
    bool installing = false;
    for (unsigned i = 0; i < 300; i++) {
        cluster_step(&cluster);
        installing =
            installing || cluster_status(&cluster, added, WORLD_SKU_SHARD).installing;
    }
    EXPECT(installing);
    struct inventory_command add = world_adjust(any_world(&cluster), "S1", 1, 9000);
    EXPECT_OK(cluster_apply(&cluster, &add, NULL));
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_PROMOTE, added));
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    struct replica_status status = cluster_status(&cluster, added, WORLD_SKU_SHARD);
    EXPECT_EQ(status.members.count, 4);
    /* What it has is its own: it opens again, and answers what was asked before. */
    cluster_kill(&cluster, added);
    EXPECT_OK(cluster_boot(&cluster, added));
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    cluster_close(&cluster);
}

/* Crashes the new member at each step of its first second, in one cluster after another. */
TEST(cluster_install, a_new_member_may_crash_at_every_step)
{
    unsigned mute = 0;
    for (unsigned at = 0; at < CRASH_STEPS; at++) {
        struct cluster_world cluster;
        struct rng rng;
        rng_init(&rng, at);
        cluster_open(&cluster, 3);
        cluster.chunk_bytes = 4096;
        fill(&cluster);
        unsigned added = cluster_add(&cluster);
        EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_ADD_LEARNER, added));
        for (unsigned i = 0; i < at; i++) {
            cluster_step(&cluster);
        }
        mute += cluster_status(&cluster, added, WORLD_SKU_SHARD).installing;
        cluster_crash(&cluster, added, &rng);
        cluster_run_ms(&cluster, 100);
        EXPECT_OK(cluster_boot(&cluster, added));
        cluster_expect_same(&cluster, WORLD_SKU_SHARD);
        cluster_close(&cluster);
    }
    EXPECT(mute > 0);
}

TEST(cluster_install, a_member_that_slept_too_long_gets_a_snapshot_while_work_goes_on)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned slept = leader % 3 + 1;
    cluster_kill(&cluster, slept);
    struct inventory_command command = world_location_upsert(any_world(&cluster), "L", 1);
    EXPECT_OK(cluster_apply(&cluster, &command, NULL));
    command = world_sku_upsert(any_world(&cluster), "A", 2);
    EXPECT_OK(cluster_apply(&cluster, &command, NULL));
    for (uint64_t i = 0; i < FILL_COMMANDS; i++) {
        command = world_adjust(any_world(&cluster), "A", 1, 100 + i);
        EXPECT_OK(cluster_apply(&cluster, &command, NULL));
        if (i % 40 == 39) {
            for (unsigned k = 1; k <= 3; k++) {
                if (k != slept) {
                    cluster_flush(&cluster, k);
                }
            }
        }
    }
    EXPECT_OK(cluster_boot(&cluster, slept));
    for (uint64_t i = 0; i < 40; i++) {
        command = world_adjust(any_world(&cluster), "A", 1, 5000 + i);
        EXPECT_OK(cluster_apply(&cluster, &command, NULL));
    }
    EXPECT_EQ(cluster_on_hand(&cluster, "A"), FILL_COMMANDS + 40);
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    cluster_close(&cluster);
}

/* Entries of the dead id that nobody will ever release. */
static void lay_log_of_dead(struct cluster_node *node, uint64_t dead)
{
    const struct segment_log_options options = {
        .fs = crash_files_system(node->world.files),
        .folder = "/log",
        .segment_bytes = node->world.segment_bytes,
        .fresh_log_id = 42};
    struct log_store *log;
    struct log_batch batch;
    EXPECT_OK(segment_log_open(&options, NULL, &log));
    log_batch_init(&batch);
    log_batch_add_entry(&batch, dead, 1, 1, slice_from_string("never released"));
    EXPECT_OK(log_store_append(log, &batch));
    log_batch_close(&batch);
    log_store_close(log);
}

TEST(cluster_install, a_damaged_replica_is_dead_and_rebuilt_under_a_new_id)
{
    struct cluster_world cluster;
    struct rng rng;
    rng_init(&rng, 3);
    cluster_open(&cluster, 3);
    fill(&cluster);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned lost = leader % 3 + 1;
    /* Its log is gone, and with it whom it voted for. */
    cluster_flush(&cluster, lost);
    cluster_kill(&cluster, lost);
    struct cluster_node *node = &cluster.nodes[lost];
    crash_files_free(node->world.files);
    node->world.files = crash_files_new(0);
    EXPECT_STATUS(cluster_boot(&cluster, lost), STATUS_CHECKSUM);
    world_kill(&node->world);
    for (uint64_t shard_id = 1; shard_id <= CLUSTER_SHARDS; shard_id++) {
        node->replaces[shard_id] = cluster_replica_id(&cluster, lost, shard_id);
        node->replica_ids[shard_id] = 9000 + shard_id;
    }
    node->healthy_voters = 1;
    EXPECT_STATUS(cluster_boot(&cluster, lost), STATUS_INVALID);
    world_kill(&node->world);
    node->healthy_voters = 2;
    uint64_t dead = node->replaces[WORLD_SKU_SHARD];
    lay_log_of_dead(node, dead);
    EXPECT_OK(cluster_boot(&cluster, lost));
    cluster_run_ms(&cluster, 100);
    struct log_bounds bounds;
    EXPECT_STATUS(log_store_bounds(node->world.log, dead, &bounds), STATUS_NOT_FOUND);
    const struct raft_change remove = {.kind = RAFT_REMOVE, .replica_id = dead};
    EXPECT_OK(host_change_members(cluster.nodes[leader].world.host, cluster.now,
                                  WORLD_SKU_SHARD, &remove));
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_ADD_LEARNER, lost));
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_PROMOTE, lost));
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    /* Opened again, with or without the option, it is what it is now. */
    cluster_crash(&cluster, lost, &rng);
    EXPECT_OK(cluster_boot(&cluster, lost));
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    cluster_close(&cluster);
}

static void flip_meta(struct cluster_node *node, uint64_t shard_id, enum meta_kind kind)
{
    struct buffer key;
    buffer_init(&key);
    key_append_meta(&key,
                    &(struct key_meta){.shard_id = shard_id, .kind = (uint8_t)kind});
    memory_store_flip(node->world.store, buffer_slice(&key));
    buffer_close(&key);
}

TEST(cluster_install,
     a_dead_replica_that_cannot_be_read_is_rebuilt_on_what_the_others_say)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    fill(&cluster);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned lost = leader % 3 + 1;
    struct cluster_node *node = &cluster.nodes[lost];
    cluster_flush(&cluster, lost);
    cluster_kill(&cluster, lost);
    flip_meta(node, WORLD_SKU_SHARD, META_DESCRIPTOR);
    flip_meta(node, WORLD_SKU_SHARD, META_MEMBERS);
    EXPECT_STATUS(cluster_boot(&cluster, lost), STATUS_CHECKSUM);
    world_kill(&node->world);
    node->replaces[WORLD_SKU_SHARD] = cluster_replica_id(&cluster, lost, WORLD_SKU_SHARD);
    node->replica_ids[WORLD_SKU_SHARD] = 9001;
    node->healthy_voters = 2;
    EXPECT_STATUS(cluster_boot(&cluster, lost), STATUS_CHECKSUM);
    world_kill(&node->world);
    node->told = cluster_status(&cluster, leader, WORLD_SKU_SHARD).members;
    node->healthy_voters = 1; /* of three */
    EXPECT_STATUS(cluster_boot(&cluster, lost), STATUS_INVALID);
    world_kill(&node->world);
    node->healthy_voters = 2;
    EXPECT_OK(cluster_boot(&cluster, lost));
    EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_ADD_LEARNER, lost));
    cluster_expect_same(&cluster, WORLD_SKU_SHARD);
    /* From here on the rows are its own: it is not emptied once more. */
    cluster_flush(&cluster, lost);
    cluster_kill(&cluster, lost);
    flip_meta(node, WORLD_SKU_SHARD, META_DESCRIPTOR);
    EXPECT_STATUS(cluster_boot(&cluster, lost), STATUS_CHECKSUM);
    world_kill(&node->world);
    cluster_close(&cluster);
}

/* The status of a read of the whole ledger. */
static enum status read_ledger(struct cluster_world *cluster, unsigned node)
{
    struct world_call call;
    world_call_init(&call);
    call.query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_LEDGER, .page_size = 1000},
    };
    EXPECT(cluster_call(cluster, node, &call, WORLD_SKU_SHARD, 1000));
    enum status status = call.call.status;
    world_call_close(&call);
    return status;
}

static void flip_ledger(struct cluster_node *node)
{
    struct buffer key;
    buffer_init(&key);
    EXPECT(memory_store_pick(node->world.store, KEY_TABLE_ORDER, 3, &key));
    memory_store_flip(node->world.store, buffer_slice(&key));
    EXPECT(memory_store_damaged(node->world.store, buffer_slice(&key)));
    buffer_close(&key);
}

TEST(cluster_install, a_leader_that_cannot_read_its_state_ends_and_the_others_go_on)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    fill(&cluster);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    struct cluster_node *node = &cluster.nodes[leader];
    EXPECT_OK(read_ledger(&cluster, leader));
    flip_ledger(node);
    EXPECT_STATUS(read_ledger(&cluster, leader), STATUS_CHECKSUM);
    EXPECT_STATUS(cluster_status(&cluster, leader, WORLD_SKU_SHARD).failed,
                  STATUS_CHECKSUM);
    EXPECT_STATUS(host_failed(node->world.host), STATUS_CHECKSUM);
    cluster_kill(&cluster, leader);
    unsigned next = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    EXPECT(next != 0 && next != leader);
    EXPECT_OK(read_ledger(&cluster, next));
    cluster_close(&cluster);
}

TEST(cluster_install, the_only_copy_goes_on_with_what_can_be_read_of_it)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    fill(&cluster);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    for (unsigned i = 1; i <= 3; i++) {
        if (i != leader) {
            EXPECT_OK(cluster_change(&cluster, WORLD_SKU_SHARD, RAFT_DEMOTE, i));
        }
    }
    flip_ledger(&cluster.nodes[leader]);
    EXPECT_STATUS(read_ledger(&cluster, leader), STATUS_CHECKSUM);
    EXPECT_STATUS(cluster_status(&cluster, leader, WORLD_SKU_SHARD).failed, STATUS_OK);
    EXPECT_EQ(cluster_on_hand(&cluster, "S1"), FILL_COMMANDS / 10);
    cluster_close(&cluster);
}

/* Bits all over the first segment. */
static void flip_log(struct cluster_node *node)
{
    unsigned hits = 0;
    for (uint64_t at = FLIP_FIRST_AT; at < node->world.segment_bytes; at += FLIP_EVERY) {
        hits += crash_files_flip(node->world.files, "/log/0000000000000001.segment", at,
                                 (unsigned)at);
    }
    EXPECT(hits > 0);
}

TEST(cluster_install, a_leader_that_cannot_read_its_log_for_a_follower_ends)
{
    struct cluster_world cluster;
    cluster_open(&cluster, 3);
    unsigned leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    unsigned behind = leader % 3 + 1;
    struct inventory_command command = world_location_upsert(any_world(&cluster), "L", 1);
    EXPECT_OK(cluster_apply(&cluster, &command, NULL));
    cluster_kill(&cluster, behind);
    command = world_sku_upsert(any_world(&cluster), "S1", 2);
    EXPECT_OK(cluster_apply(&cluster, &command, NULL));
    /* Their cores forget with a restart what they had in memory. */
    for (unsigned i = 1; i <= 3; i++) {
        if (i != behind) {
            cluster_flush(&cluster, i);
            cluster_kill(&cluster, i);
            EXPECT_OK(cluster_boot(&cluster, i));
        }
    }
    leader = cluster_await_leader(&cluster, WORLD_SKU_SHARD);
    flip_log(&cluster.nodes[leader]);
    EXPECT_OK(cluster_boot(&cluster, behind));
    enum status failed = STATUS_OK;
    for (unsigned i = 0; i < 300 && failed == STATUS_OK; i++) {
        cluster_step(&cluster);
        failed = cluster_status(&cluster, leader, WORLD_SKU_SHARD).failed;
    }
    EXPECT_STATUS(failed, STATUS_CHECKSUM);
    cluster_kill(&cluster, leader);
    cluster_close(&cluster);
}
