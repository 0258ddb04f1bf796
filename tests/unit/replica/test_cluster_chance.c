/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schedules drawn by chance: crashes, cuts, lost and repeated messages, flushes that cut
 * the logs, while units are added under request ids. In the end everything heals, whatever
 * was not acknowledged is asked once more, and each request counts exactly once.
 *
 * SOUK_CLUSTER_SEEDS=A-B runs others than the usual seeds; in a build with SOUK_MUTANTS,
 * SOUK_MUTANT=NAME plants a fault.
 */
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/metric.h"
#include "shard/base/mutant.h"
#include "tests/lib/cluster_world.h"
#include "tests/lib/test.h"

enum {
    SEEDS = 60,
    EVENTS = 150,
    REQUESTS_MAX = EVENTS,
    VOTERS = 3,
    NODES = 4, /* the last one joins, and leaves, while all this goes on */
    READS_MAX = 64,
};

/* Has to see at least what was acknowledged before it was asked. */
struct schedule_read {
    struct world_call call;
    struct slice sku, location;
    unsigned least;
    bool judged;
};

struct schedule {
    struct cluster_world cluster;
    struct rng rng;
    struct world_call calls[REQUESTS_MAX];
    unsigned call_count;
    struct schedule_read reads[READS_MAX];
    unsigned read_count;
    unsigned reads_seen;
    bool isolated[NODES + 1];
    unsigned acknowledged;
    unsigned unknown;
    unsigned crashes;
};

static struct inventory_command request_of(struct schedule *schedule, unsigned number)
{
    struct shard_world world = {.now = {.wall_ms = 1780000000000}};
    (void)schedule;
    return world_adjust(&world, "A", 1, 1000 + number);
}

static void submit(struct schedule *schedule)
{
    unsigned number = schedule->call_count;
    unsigned node = 1 + (unsigned)rng_below(&schedule->rng, NODES);
    unsigned leader = cluster_leader(&schedule->cluster, WORLD_SKU_SHARD);
    node = leader != 0 && rng_below(&schedule->rng, 4) != 0 ? leader : node;
    if (!schedule->cluster.nodes[node].up || number == REQUESTS_MAX) {
        return;
    }
    struct world_call *call = &schedule->calls[schedule->call_count++];
    world_call_init(call);
    struct inventory_command command = request_of(schedule, number);
    world_call_add_sku(call, &command);
    (void)cluster_call(&schedule->cluster, node, call, WORLD_SKU_SHARD, 0);
}

static bool is_acknowledged(const struct world_call *call)
{
    return call->done && call->call.status == STATUS_OK &&
           call->outcomes[0].status == STATUS_OK;
}

/* At a node that leads, or thinks so. */
static void submit_read(struct schedule *schedule, unsigned node)
{
    struct cluster_world *cluster = &schedule->cluster;
    if (!cluster->nodes[node].up || schedule->read_count == READS_MAX) {
        return;
    }
    struct schedule_read *read = &schedule->reads[schedule->read_count++];
    world_call_init(&read->call);
    read->sku = slice_from_string("A");
    read->location = slice_from_string("L");
    for (unsigned i = 0; i < schedule->call_count; i++) {
        read->least += is_acknowledged(&schedule->calls[i]);
    }
    read->call.query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_LEVEL,
                      .sku_ids = &read->sku,
                      .sku_count = 1,
                      .location_ids = &read->location,
                      .location_count = 1},
    };
    (void)cluster_call(cluster, node, &read->call, WORLD_SKU_SHARD, 0);
}

static void judge_reads(struct schedule *schedule, uint64_t seed)
{
    for (unsigned i = 0; i < schedule->read_count; i++) {
        struct schedule_read *read = &schedule->reads[i];
        const struct inventory_answer *answer = &read->call.answer.inventory;
        if (read->judged || !read->call.done || read->call.call.status != STATUS_OK) {
            continue;
        }
        read->judged = true;
        schedule->reads_seen++;
        int64_t units = answer->level_count == 1
                            ? answer->levels[0].buckets[STOCK_BUCKET_ON_HAND]
                            : 0;
        if (units < (int64_t)read->least) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": a stale read", seed);
        }
    }
}

static void change_members(struct schedule *schedule)
{
    struct cluster_world *cluster = &schedule->cluster;
    unsigned leader = cluster_leader(cluster, WORLD_SKU_SHARD);
    const struct raft_change change = {
        .kind = (enum raft_change_kind)rng_below(&schedule->rng, 4),
        .replica_id = cluster_replica_id(
            cluster, rng_below(&schedule->rng, 3) == 0 ? VOTERS : NODES, WORLD_SKU_SHARD),
        .node_id = NODES};
    if (leader != 0) {
        enum status status = host_change_members(cluster->nodes[leader].world.host,
                                                 cluster->now, WORLD_SKU_SHARD, &change);
        EXPECT(status != STATUS_INTERNAL);
    }
}

static void crash_or_boot(struct schedule *schedule, unsigned node)
{
    struct cluster_world *cluster = &schedule->cluster;
    if (cluster->nodes[node].up) {
        cluster_crash(cluster, node, &schedule->rng);
        schedule->crashes++;
    } else {
        EXPECT_OK(cluster_boot(cluster, node));
    }
}

static void one_event(struct schedule *schedule)
{
    struct cluster_world *cluster = &schedule->cluster;
    unsigned node = 1 + (unsigned)rng_below(&schedule->rng, NODES);
    switch (rng_below(&schedule->rng, 22)) {
    case 0:
    case 1:
        crash_or_boot(schedule, node);
        break;
    case 2:
        schedule->isolated[node] = !schedule->isolated[node];
        cluster_isolate(cluster, node, schedule->isolated[node]);
        break;
    case 3:
    case 4:
        if (cluster->nodes[node].up) {
            cluster_flush(cluster, node);
        }
        break;
    case 5:
        if (cluster->nodes[node].up) {
            enum status status = host_transfer(cluster->nodes[node].world.host,
                                               cluster->now, WORLD_SKU_SHARD, 0);
            EXPECT(status != STATUS_INTERNAL);
        }
        break;
    case 6:
        change_members(schedule);
        break;
    case 7:
        /* Dies in the middle of a state batch that installs, or keeps chunks. */
        memory_store_stop_after(cluster->nodes[node].world.store,
                                rng_below(&schedule->rng, 30));
        break;
    case 8:
    case 9:
        submit_read(schedule, node);
        break;
    case 10:
        cluster->nodes[node].paced = !cluster->nodes[node].paced;
        break;
    default:
        submit(schedule);
        break;
    }
    cluster_run_ms(cluster, rng_below(&schedule->rng, 20) * CLUSTER_STEP_MS);
}

static void heal(struct schedule *schedule)
{
    struct cluster_world *cluster = &schedule->cluster;
    cluster->chance = NULL;
    for (unsigned node = 1; node <= NODES; node++) {
        cluster_isolate(cluster, node, false);
        memory_store_stop_after(cluster->nodes[node].world.store, SIZE_MAX);
        cluster->nodes[node].paced = false;
        if (!cluster->nodes[node].up) {
            EXPECT_OK(cluster_boot(cluster, node));
        }
    }
}

static void run_seed(uint64_t seed, struct schedule *total)
{
    struct schedule *schedule = calloc(1, sizeof *schedule);
    struct cluster_world *cluster = &schedule->cluster;
    rng_init(&schedule->rng, seed);
    cluster_open(cluster, VOTERS);
    (void)cluster_add(cluster);
    struct inventory_command commands[] = {
        world_location_upsert(&cluster->nodes[1].world, "L", 1),
        world_sku_upsert(&cluster->nodes[1].world, "A", 2)};
    for (unsigned i = 0; i < 2; i++) {
        EXPECT_OK(cluster_apply(cluster, &commands[i], NULL));
    }
    cluster->chance = &schedule->rng;
    cluster->unlucky_percent = (unsigned)rng_below(&schedule->rng, 20);
    for (unsigned i = 0; i < EVENTS; i++) {
        one_event(schedule);
        judge_reads(schedule, seed);
    }
    heal(schedule);
    judge_reads(schedule, seed);
    for (unsigned i = 0; i < schedule->call_count; i++) {
        struct world_call *call = &schedule->calls[i];
        bool acknowledged = is_acknowledged(call);
        schedule->acknowledged += acknowledged;
        schedule->unknown += call->done && call->call.status == STATUS_OUTCOME_UNKNOWN;
        struct inventory_command command = request_of(schedule, i);
        struct inventory_outcome outcome;
        EXPECT_OK(cluster_apply(cluster, &command, &outcome));
        if (acknowledged && !outcome.replayed) {
            test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": request %u was lost", seed,
                      i);
        }
    }
    int64_t units = cluster_on_hand(cluster, "A");
    if (units != schedule->call_count) {
        test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %" PRId64 " units of %u", seed,
                  units, schedule->call_count);
    }
    cluster_expect_same(cluster, WORLD_SKU_SHARD);
    total->acknowledged += schedule->acknowledged;
    total->unknown += schedule->unknown;
    total->crashes += schedule->crashes;
    total->reads_seen += schedule->reads_seen;
    cluster_close(cluster);
    for (unsigned i = 0; i < schedule->call_count; i++) {
        world_call_close(&schedule->calls[i]);
    }
    for (unsigned i = 0; i < schedule->read_count; i++) {
        world_call_close(&schedule->reads[i].call);
    }
    free(schedule);
}

TEST(cluster_chance, each_request_counts_once_whatever_fails)
{
    const char *seeds = getenv("SOUK_CLUSTER_SEEDS");
    unsigned long long first = 0, last = SEEDS - 1;
    struct schedule *total = calloc(1, sizeof *total);
#ifdef SOUK_MUTANTS
    const char *mutant = getenv("SOUK_MUTANT");
    EXPECT(mutant == NULL || mutant_pick(mutant));
#endif
    if (seeds != NULL && sscanf(seeds, "%llu-%llu", &first, &last) != 2) {
        test_fail(__FILE__, __LINE__, "SOUK_CLUSTER_SEEDS is A-B");
    }
    for (uint64_t seed = first; seed <= last; seed++) {
        run_seed(seed, total);
    }
    printf("%llu seeds: %u acknowledged, %u unknown, %u crashes, %u reads, %" PRId64
           " snapshots installed\n",
           last - first + 1, total->acknowledged, total->unknown, total->crashes,
           total->reads_seen, metric_value(METRIC_SNAPSHOTS_INSTALLED));
    EXPECT(seeds != NULL ||
           (total->acknowledged > 500 && total->unknown > 20 && total->crashes > 100));
    free(total);
}
