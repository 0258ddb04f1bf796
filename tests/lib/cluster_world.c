/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/cluster_world.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/storage/segment_log.h"

enum {
    CLUSTER_PATIENCE_MS = 60000,
    CLUSTER_CALL_MS = 5000,
    CLUSTER_TRIES_MAX = 200,
};

/* --- Life -------------------------------------------------------------------------- */

uint64_t cluster_replica_id(const struct cluster_world *cluster, unsigned node,
                            uint64_t shard_id)
{
    uint64_t own = cluster->nodes[node].replica_ids[shard_id];
    return own != 0 ? own : shard_id * 100 + node;
}

static enum status cluster_open_replica(struct cluster_world *cluster, unsigned number,
                                        uint64_t shard_id)
{
    struct cluster_node *node = &cluster->nodes[number];
    struct raft_member member[CLUSTER_NODES_MAX];
    struct raft_members members;
    for (unsigned i = 0; i < cluster->voter_count; i++) {
        member[i] = (struct raft_member){
            .replica_id = shard_id * 100 + i + 1, .node_id = i + 1, .role = RAFT_VOTER};
    }
    TRY(raft_members_make(&members, member, cluster->voter_count));
    bool replaces = node->replaces[shard_id] != 0;
    const struct replica_options options = {
        .store = node->world.store,
        .log = node->world.log,
        .settings = &node->world.settings,
        .kind = shard_id == WORLD_SKU_SHARD ? REPLICA_SKU : REPLICA_CUSTOMER,
        .shard_id = shard_id,
        .replica_id = cluster_replica_id(cluster, number, shard_id),
        .range_epoch = 1,
        .hash_seed = WORLD_HASH_SEED,
        .cluster_id = {1, 2},
        .seed = hash_mix(++cluster->boots),
        .members = replaces     ? (node->told.count > 0 ? &node->told : NULL)
                   : node->born ? &members
                                : NULL,
        .joins = !node->born && !replaces,
        .replaces_replica_id = node->replaces[shard_id],
        .healthy_voters = node->healthy_voters,
        .feature_level_supported = node->level_supported,
        .snapshot_chunk_bytes = cluster->chunk_bytes,
    };
    struct replica *replica;
    TRY(replica_open(&options, cluster->now, NULL, &replica));
    return host_add(node->world.host, &replica);
}

enum status cluster_boot(struct cluster_world *cluster, unsigned number)
{
    struct shard_world *world = &cluster->nodes[number].world;
    const struct segment_log_options options = {.fs = crash_files_system(world->files),
                                                .folder = "/log",
                                                .segment_bytes = world->segment_bytes,
                                                .fresh_log_id = 42 + number};
    ASSERT(world->host == NULL);
    world->now = cluster->now;
    TRY(segment_log_open(&options, NULL, &world->log));
    world->host = host_new(&world->settings);
    for (uint64_t shard_id = 1; shard_id <= CLUSTER_SHARDS; shard_id++) {
        TRY(cluster_open_replica(cluster, number, shard_id));
    }
    cluster->nodes[number].up = true;
    return STATUS_OK;
}

static void cluster_make(struct cluster_world *cluster, bool born)
{
    unsigned number = ++cluster->node_count;
    ASSERT(number <= CLUSTER_NODES_MAX);
    struct cluster_node *node = &cluster->nodes[number];
    struct shard_world *world = &node->world;
    node->born = born;
    settings_init(&world->settings);
    world->settings.raft_tick_ms = 50;
    world->segment_bytes = 64 << 10;
    world->files = crash_files_new(0);
    world->store = memory_store_new();
    for (size_t i = 0; i < HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        log_batch_init(&world->batches[i]);
    }
    store_batch_init(&world->state);
    enum status status = cluster_boot(cluster, number);
    ASSERT(status == STATUS_OK);
}

void cluster_open(struct cluster_world *cluster, unsigned voters)
{
    memset(cluster, 0, sizeof *cluster);
    cluster->now = (struct moment){.monotonic_us = 1000000, .wall_ms = 1780000000000};
    cluster->voter_count = voters;
    cluster->chunk_bytes = 512;
    cluster->mail = memory_zalloc(CLUSTER_MAIL_MAX * sizeof *cluster->mail);
    for (unsigned i = 0; i < voters; i++) {
        cluster_make(cluster, true);
    }
}

unsigned cluster_add(struct cluster_world *cluster)
{
    cluster_make(cluster, false);
    return cluster->node_count;
}

static void cluster_drop_mail(struct cluster_world *cluster, unsigned to_node)
{
    size_t kept = 0;
    for (size_t i = 0; i < cluster->mail_count; i++) {
        struct cluster_mail *mail =
            &cluster->mail[(cluster->mail_first + i) % CLUSTER_MAIL_MAX];
        if (to_node == 0 || mail->to_node == to_node) {
            free((void *)(uintptr_t)mail->message.bytes.data);
        } else {
            cluster->mail[(cluster->mail_first + kept++) % CLUSTER_MAIL_MAX] = *mail;
        }
    }
    cluster->mail_count = kept;
}

void cluster_kill(struct cluster_world *cluster, unsigned node)
{
    world_kill(&cluster->nodes[node].world);
    cluster->nodes[node].up = false;
    cluster_drop_mail(cluster, node);
}

void cluster_crash(struct cluster_world *cluster, unsigned node, struct rng *rng)
{
    world_crash(&cluster->nodes[node].world, rng);
    cluster->nodes[node].up = false;
    cluster_drop_mail(cluster, node);
}

void cluster_close(struct cluster_world *cluster)
{
    for (unsigned i = 1; i <= cluster->node_count; i++) {
        world_close(&cluster->nodes[i].world);
    }
    cluster_drop_mail(cluster, 0);
    free(cluster->mail);
}

void cluster_isolate(struct cluster_world *cluster, unsigned node, bool isolated)
{
    for (unsigned i = 1; i <= CLUSTER_NODES_MAX; i++) {
        cluster->cut[node][i] = isolated && i != node;
        cluster->cut[i][node] = isolated && i != node;
    }
}

/* --- Steps ------------------------------------------------------------------------- */

static unsigned cluster_node_of(const struct cluster_world *cluster, uint64_t shard_id,
                                uint64_t replica_id)
{
    for (unsigned i = 1; i <= cluster->node_count; i++) {
        if (cluster_replica_id(cluster, i, shard_id) == replica_id) {
            return i;
        }
    }
    return 0;
}

static void cluster_put(struct cluster_world *cluster, unsigned to,
                        const struct host_message *message)
{
    if (cluster->mail_count == CLUSTER_MAIL_MAX) {
        return;
    }
    struct cluster_mail *mail =
        &cluster->mail[(cluster->mail_first + cluster->mail_count++) % CLUSTER_MAIL_MAX];
    mail->message = *message;
    mail->message.bytes.data = memory_copy(message->bytes.data, message->bytes.size);
    mail->to_node = to;
}

/* Swaps the two newest. */
static void cluster_reorder(struct cluster_world *cluster)
{
    if (cluster->mail_count >= 2) {
        size_t last = (cluster->mail_first + cluster->mail_count - 1) % CLUSTER_MAIL_MAX;
        size_t before = (last + CLUSTER_MAIL_MAX - 1) % CLUSTER_MAIL_MAX;
        struct cluster_mail mail = cluster->mail[last];
        cluster->mail[last] = cluster->mail[before];
        cluster->mail[before] = mail;
    }
}

static void cluster_post(struct cluster_world *cluster, unsigned from)
{
    struct host_message message;
    while (host_take_message(cluster->nodes[from].world.host, &message)) {
        unsigned to = cluster_node_of(cluster, message.shard_id, message.to_replica_id);
        if (to == 0 || cluster->cut[from][to] || !cluster->nodes[to].up) {
            continue;
        }
        bool unlucky = cluster->chance != NULL &&
                       rng_below(cluster->chance, 100) < cluster->unlucky_percent;
        uint64_t what = unlucky ? rng_below(cluster->chance, 3) : 3;
        if (what == 0) {
            continue;
        }
        cluster_put(cluster, to, &message);
        if (what == 1) {
            cluster_put(cluster, to, &message);
        } else if (what == 2) {
            cluster_reorder(cluster);
        }
    }
}

static void cluster_deliver(struct cluster_world *cluster)
{
    for (size_t left = cluster->mail_count; left > 0; left--) {
        struct cluster_mail mail = cluster->mail[cluster->mail_first];
        cluster->mail_first = (cluster->mail_first + 1) % CLUSTER_MAIL_MAX;
        cluster->mail_count--;
        struct cluster_node *node = &cluster->nodes[mail.to_node];
        unsigned from =
            cluster_node_of(cluster, mail.message.shard_id, mail.message.from_replica_id);
        if (node->up && !cluster->cut[from][mail.to_node]) {
            host_receive(node->world.host, cluster->now, &mail.message);
            cluster->delivered++;
            cluster_post(cluster, mail.to_node);
        }
        free((void *)(uintptr_t)mail.message.bytes.data);
    }
}

/* False: the store gave up in the middle, and with it the node. */
static bool cluster_write_state(struct cluster_world *cluster, unsigned number)
{
    struct shard_world *world = &cluster->nodes[number].world;
    if (!world->state_pending) {
        return true;
    }
    enum status status = store_write(world->store, &world->state);
    if (status != STATUS_OK) {
        ASSERT(cluster->chance != NULL);
        cluster_crash(cluster, number, cluster->chance);
        return false;
    }
    world->state_pending = false;
    host_state_written(world->host);
    return true;
}

static void cluster_step_node(struct cluster_world *cluster, unsigned number)
{
    struct cluster_node *node = &cluster->nodes[number];
    struct shard_world *world = &node->world;
    world->now = cluster->now;
    if (!node->up) {
        return;
    }
    (void)world_collect(world);
    cluster_post(cluster, number);
    if (!node->hung) {
        (void)world_write_log(world);
    }
    cluster_post(cluster, number);
    if (!node->paced) {
        if (!cluster_write_state(cluster, number)) {
            return;
        }
        (void)world_collect_state(world, false);
    }
    world_tell_degrees(world);
    (void)world_finish(world);
    cluster_post(cluster, number);
}

void cluster_step(struct cluster_world *cluster)
{
    cluster->now.monotonic_us += CLUSTER_STEP_MS * 1000;
    cluster->now.wall_ms += CLUSTER_STEP_MS;
    for (unsigned i = 1; i <= cluster->node_count; i++) {
        cluster_step_node(cluster, i);
    }
    cluster_deliver(cluster);
}

void cluster_run_ms(struct cluster_world *cluster, uint64_t milliseconds)
{
    for (uint64_t i = 0; i < milliseconds; i += CLUSTER_STEP_MS) {
        cluster_step(cluster);
    }
}

void cluster_flush(struct cluster_world *cluster, unsigned number)
{
    struct shard_world *world = &cluster->nodes[number].world;
    if (!cluster_write_state(cluster, number)) {
        return;
    }
    (void)world_collect_state(world, true);
    if (!cluster_write_state(cluster, number)) {
        return;
    }
    world_persist(world, true);
    enum status status = log_store_mark_idle(world->log);
    ASSERT(status == STATUS_OK);
}

/* --- Looking ----------------------------------------------------------------------- */

struct replica *cluster_replica(struct cluster_world *cluster, unsigned node,
                                uint64_t shard_id)
{
    ASSERT(cluster->nodes[node].up);
    return world_replica(&cluster->nodes[node].world, shard_id);
}

struct replica_status cluster_status(struct cluster_world *cluster, unsigned node,
                                     uint64_t shard_id)
{
    struct replica_status status;
    replica_status(cluster_replica(cluster, node, shard_id), &status);
    return status;
}

unsigned cluster_leader(struct cluster_world *cluster, uint64_t shard_id)
{
    unsigned leader = 0;
    uint64_t term = 0;
    for (unsigned i = 1; i <= cluster->node_count; i++) {
        if (!cluster->nodes[i].up) {
            continue;
        }
        struct replica_status status = cluster_status(cluster, i, shard_id);
        if (status.role == RAFT_LEADER && status.term > term) {
            term = status.term;
            leader = i;
        }
    }
    return leader;
}

/* Is the node in the shard, as its leader sees it, and can it be reached from there? */
static bool cluster_counts(struct cluster_world *cluster, unsigned leader, unsigned node,
                           uint64_t shard_id)
{
    struct replica_status status = cluster_status(cluster, leader, shard_id);
    return cluster->nodes[node].up && !cluster->cut[leader][node] &&
           raft_members_find(&status.members,
                             cluster_replica_id(cluster, node, shard_id)) != NULL;
}

unsigned cluster_await_leader(struct cluster_world *cluster, uint64_t shard_id)
{
    for (unsigned ms = 0; ms < CLUSTER_PATIENCE_MS; ms += CLUSTER_STEP_MS) {
        unsigned leader = cluster_leader(cluster, shard_id);
        unsigned follow = 0, votes = 0;
        for (unsigned i = 1; leader != 0 && i <= cluster->node_count; i++) {
            if (!cluster_counts(cluster, leader, i, shard_id)) {
                continue;
            }
            struct replica_status status = cluster_status(cluster, i, shard_id);
            uint64_t id = cluster_replica_id(cluster, leader, shard_id);
            votes++;
            follow += status.leader_replica_id == id;
        }
        bool alone =
            leader != 0 && cluster_status(cluster, leader, shard_id).members.count == 1;
        if (leader != 0 && follow == votes && (votes > 1 || alone)) {
            return leader;
        }
        cluster_step(cluster);
    }
    return 0;
}

bool cluster_settle(struct cluster_world *cluster, uint64_t shard_id)
{
    for (unsigned ms = 0; ms < CLUSTER_PATIENCE_MS; ms += CLUSTER_STEP_MS) {
        unsigned leader = cluster_leader(cluster, shard_id);
        bool same = leader != 0;
        for (unsigned i = 1; same && i <= cluster->node_count; i++) {
            if (cluster_counts(cluster, leader, i, shard_id)) {
                struct replica_status status = cluster_status(cluster, i, shard_id);
                same = status.applied_index ==
                           cluster_status(cluster, leader, shard_id).last_index &&
                       !status.installing;
            }
        }
        if (same) {
            return true;
        }
        cluster_step(cluster);
    }
    return false;
}

void cluster_expect_same(struct cluster_world *cluster, uint64_t shard_id)
{
    bool settled = cluster_settle(cluster, shard_id);
    ASSERT(settled);
    unsigned leader = cluster_leader(cluster, shard_id);
    uint64_t digest = replica_digest(cluster_replica(cluster, leader, shard_id));
    struct replica_status leads = cluster_status(cluster, leader, shard_id);
    for (unsigned i = 1; i <= cluster->node_count; i++) {
        if (cluster_counts(cluster, leader, i, shard_id)) {
            bool same = replica_digest(cluster_replica(cluster, i, shard_id)) == digest;
            ASSERT(same);
            /* And so is who belongs to the shard, snapshots or not. */
            struct replica_status status = cluster_status(cluster, i, shard_id);
            same = raft_members_equal(&status.members, &leads.members);
            ASSERT(same);
        }
    }
}

/* --- Calls ------------------------------------------------------------------------- */

bool cluster_call(struct cluster_world *cluster, unsigned node, struct world_call *call,
                  uint64_t shard_id, uint64_t ms)
{
    struct shard_world *world = &cluster->nodes[node].world;
    ASSERT(cluster->nodes[node].up);
    if (call->command_count > 0) {
        world_propose(world, call, shard_id);
    } else {
        world_read(world, call, shard_id);
    }
    (void)world_finish(world);
    for (uint64_t i = 0; !call->done && i < ms; i += CLUSTER_STEP_MS) {
        cluster_step(cluster);
    }
    return call->done;
}

enum status cluster_apply(struct cluster_world *cluster,
                          const struct inventory_command *command,
                          struct inventory_outcome *out_outcome)
{
    for (unsigned i = 0; i < CLUSTER_TRIES_MAX; i++) {
        unsigned leader = cluster_await_leader(cluster, WORLD_SKU_SHARD);
        ASSERT(leader != 0);
        struct world_call call;
        world_call_init(&call);
        world_call_add_sku(&call, command);
        bool done =
            cluster_call(cluster, leader, &call, WORLD_SKU_SHARD, CLUSTER_CALL_MS);
        ASSERT(done);
        enum status status = call.call.status;
        if (status == STATUS_OK) {
            status = call.outcomes[0].status;
            if (out_outcome != NULL) {
                *out_outcome = call.outcomes[0].inventory;
            }
        }
        world_call_close(&call);
        if (status != STATUS_NOT_LEADER && status != STATUS_OUTCOME_UNKNOWN &&
            status != STATUS_OVERLOADED) {
            return status;
        }
        cluster_step(cluster);
    }
    return STATUS_UNREACHABLE;
}

enum status cluster_change(struct cluster_world *cluster, uint64_t shard_id,
                           enum raft_change_kind kind, unsigned node)
{
    enum status status = STATUS_UNREACHABLE;
    for (unsigned i = 0; i < CLUSTER_TRIES_MAX * 10; i++) {
        unsigned leader = cluster_leader(cluster, shard_id);
        const struct raft_change change = {
            .kind = kind,
            .replica_id = cluster_replica_id(cluster, node, shard_id),
            .node_id = node};
        if (leader != 0) {
            status = host_change_members(cluster->nodes[leader].world.host, cluster->now,
                                         shard_id, &change);
            if (status == STATUS_OK || status == STATUS_ALREADY_EXISTS) {
                return STATUS_OK;
            }
            if (status != STATUS_SHARD_MOVING && status != STATUS_NOT_LEADER &&
                status != STATUS_OVERLOADED) {
                return status;
            }
        }
        cluster_step(cluster);
    }
    return status;
}

int64_t cluster_on_hand(struct cluster_world *cluster, const char *sku_id)
{
    struct slice sku = slice_from_string(sku_id);
    struct slice location = slice_from_string("L");
    for (unsigned i = 0; i < CLUSTER_TRIES_MAX; i++) {
        unsigned leader = cluster_await_leader(cluster, WORLD_SKU_SHARD);
        ASSERT(leader != 0);
        struct world_call call;
        world_call_init(&call);
        call.query = (struct replica_query){
            .kind = REPLICA_QUERY_INVENTORY,
            .inventory = {.kind = INVENTORY_QUERY_LEVEL,
                          .sku_ids = &sku,
                          .sku_count = 1,
                          .location_ids = &location,
                          .location_count = 1},
        };
        bool done =
            cluster_call(cluster, leader, &call, WORLD_SKU_SHARD, CLUSTER_CALL_MS);
        ASSERT(done);
        enum status status = call.call.status;
        int64_t units = -1;
        if (status == STATUS_OK) {
            ASSERT(call.answer.inventory.level_count == 1);
            units = call.answer.inventory.levels[0].buckets[STOCK_BUCKET_ON_HAND];
        }
        world_call_close(&call);
        if (status == STATUS_OK) {
            return units;
        }
    }
    return -1;
}
