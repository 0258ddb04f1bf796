/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole cluster in one thread, made from one seed: nodes, their disks and clocks, the
 * network between them, clients that work, and a schedule of faults.
 *
 *     setup      locations, SKUs and first stock, on a good day
 *     faults     `minutes` of work while the schedule happens
 *     healing    everything is whole again: every client has to get on, within a bound
 *     reading    the clients stop; all levels and holds are read, replicas are compared
 *
 * Everything that happens is told to the history (history.h), which judges it.
 */
#ifndef SOUK_TESTS_SIM_WORLD_H
#define SOUK_TESTS_SIM_WORLD_H

#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/shard_map.h"
#include "shard/base/setting.h"
#include "tests/sim/aim.h"
#include "tests/sim/chance.h"
#include "tests/sim/client.h"
#include "tests/sim/event.h"
#include "tests/sim/history.h"
#include "tests/sim/network.h"
#include "tests/sim/node.h"
#include "tests/sim/schedule.h"
#include "tests/sim/streamer.h"

enum {
    SIM_SKUS_MAX = 16,
    SIM_LOCATIONS_MAX = 3,
    SIM_CUSTOMERS_MAX = 8,
    SIM_SHARDS_MAX = 2 * SIM_NODES_MAX,
    SIM_HASH_SEED = 7,
    SIM_NAME_BYTES = 16,
    SIM_START_US = 1000000,
    SIM_SETUP_US_MAX = 120 * 1000000,   /* a setup that takes longer is a violation */
    SIM_PROGRESS_US_MAX = 60 * 1000000, /* and so is a healed world where one is stuck */
};

enum sim_phase {
    SIM_PHASE_SETUP,
    SIM_PHASE_FAULTS,
    SIM_PHASE_HEALING,
    SIM_PHASE_READING,
    SIM_PHASE_OVER,
};

struct sim_options {
    uint64_t seed;
    enum sim_profile profile;
    unsigned nodes;
    uint64_t minutes;                    /* of faults */
    const struct sim_schedule *schedule; /* NULL: drawn from the seed */
    FILE *history;                       /* NULL: not written */
};

/* One shard and who has it. */
struct sim_shard {
    uint64_t shard_id;
    enum replica_kind kind;
    struct key_range range;
    unsigned members[SIM_NODES_MAX]; /* nodes */
    unsigned member_count;
};

struct sim_known_hold {
    struct inventory_hold_id hold;
    struct sim_hold_line lines[SIM_LINES_MAX];
    unsigned line_count;
    bool spans; /* several shards */
};

struct sim_counts {
    uint64_t events;
    uint64_t ok, fail, info;
    uint64_t operations[SIM_OPERATION_KINDS];
    uint64_t faults[SIM_FAULT_KINDS];
    uint64_t leader_changes;
    uint64_t boots;
    uint64_t tries; /* of operations */
    uint64_t virtual_us;
};

struct sim_world {
    struct sim_options options;
    uint64_t now_us;
    enum sim_phase phase;
    struct sim_heap heap;
    struct sim_network network;
    struct rng rng; /* SIM_STREAM_WORLD */
    struct settings settings;
    size_t raft_message_bytes; /* appends are cut to it; 0: as usual */
    struct shard_map map;
    struct sim_shard shards[SIM_SHARDS_MAX];
    struct {
        uint64_t term;
        uint64_t replica_id;
    } leaders[SIM_SHARDS_MAX]; /* the newest of each shard */
    unsigned shard_count;
    struct sim_node nodes[SIM_NODES_MAX];
    unsigned node_count;
    struct sim_client clients[SIM_CLIENTS_MAX];
    unsigned client_count;
    struct sim_source sources[SIM_SOURCES];
    struct sim_watch watch;
    char sku_names[SIM_SKUS_MAX][SIM_NAME_BYTES];
    uint64_t sku_hashes[SIM_SKUS_MAX];
    unsigned sku_shards[SIM_SKUS_MAX]; /* places in `shards` */
    unsigned sku_count;
    bool spans;                       /* there are holds over several SKU shards */
    unsigned span_skus[SIM_SKUS_MAX]; /* what they are made of */
    unsigned span_count;
    char location_names[SIM_LOCATIONS_MAX][SIM_NAME_BYTES];
    unsigned location_count;
    unsigned customer_count;
    struct sim_schedule schedule;
    struct sim_aim aim;
    struct sim_history history;
    struct sim_counts counts;
    uint64_t next_operation;
    uint64_t next_attempt;
    unsigned setup_next; /* things set up so far, of the first client */
    struct node_call *free_calls;
    struct node_flow *free_flows;
    struct sim_known_hold holds[SIM_HOLDS_KNOWN]; /* a ring */
    unsigned hold_count;
    uint64_t faults_end_us;
    uint64_t phase_begin_us;
};

/* Runs one world to its end. What was found lies in world->history.violation, until
 * world_close. */
void world_run(struct sim_world *world, const struct sim_options *options);
void world_close(struct sim_world *world);

void world_plan(struct sim_world *world, uint64_t at_us, enum sim_event_kind kind,
                uint32_t target, uint64_t epoch, void *data);
/* The world is not sound; the first word counts. */
void world_violation(struct sim_world *world, const char *invariant, const char *format,
                     ...) __attribute__((format(printf, 3, 4)));
/* The setup is done. */
void world_begin_faults(struct sim_world *world);
/* Have all clients but the first stopped? */
bool world_others_done(const struct sim_world *world);
bool world_is_settled(const struct sim_world *world);
struct hash128 world_request_id(uint64_t request);
struct slice world_sku_id(const struct sim_world *world, unsigned sku);
struct slice world_location_id(const struct sim_world *world, unsigned location);
struct hash128 world_customer(unsigned customer);
unsigned world_customer_shard(const struct sim_world *world, unsigned customer);
/* The place of a shard id; asserts that there is one. */
unsigned world_shard(const struct sim_world *world, uint64_t shard_id);

#endif
