/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One node of the simulated world: the host and its replicas over the segment log on files
 * that can crash, a store that can crash, its clocks, and its coordinator. The code that
 * decides is the server's own; only what the runtime's threads do is done here, by events.
 */
#ifndef SOUK_TESTS_SIM_NODE_H
#define SOUK_TESTS_SIM_NODE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/recommend_flow.h"
#include "server/host/shard_host.h"
#include "tests/lib/crash_files.h"
#include "tests/lib/memory_store.h"
#include "tests/sim/chance.h"
#include "tests/sim/network.h"

enum {
    SIM_REPLICAS_PER_SHARD = 16, /* ids of one shard */
    SIM_SEGMENT_BYTES = 128 << 10,
    SIM_TURN_US = 30,       /* a loop needs so long to look around */
    SIM_LOG_LEAST_US = 300, /* a write with its sync */
    SIM_LOG_MOST_US = 3000,
    SIM_LOG_TAIL_US = 100000, /* one in two hundred takes up to so long */
    SIM_STATE_LEAST_US = 500,
    SIM_STATE_MOST_US = 5000,
    SIM_CHUNK_BYTES = 4096, /* of a snapshot */
    SIM_IDLE_US = 50000,    /* until the log writer marks its end */
    SIM_TOLD_EVERY = 64,    /* entries, until the state is compared again */
    SIM_FLUSH_LEAST_US = 500000,
    SIM_FLUSH_MOST_US = 6000000,
    SIM_BOOT_LEAST_US = 50000,
    SIM_BOOT_MOST_US = 1000000,
    SIM_NODE_CALLS_MAX = 4096, /* in one node; more are dropped, as by a full queue */
};

enum sim_death {
    SIM_DEATH_KILL,  /* the process ends: the system keeps what was written to files */
    SIM_DEATH_POWER, /* the machine ends: the disks lose what they may */
};

struct sim_world;

struct sim_node {
    struct sim_world *world;
    unsigned id;
    bool up;
    uint64_t epoch; /* lives so far; events of an earlier one are void */
    struct rng rng;
    struct rng disk_rng;
    struct sim_clock clock;
    struct crash_files *files;
    struct store *store;
    struct log_store *log;
    struct shard_host *host;

    struct log_batch batches[HOST_BATCHES_IN_FLIGHT_MAX]; /* made, not yet written */
    size_t batch_first;
    size_t batch_count;
    bool log_busy;
    uint64_t log_written_us; /* for the marker */
    bool idle_planned;
    bool marked;
    struct store_batch state;
    bool state_busy;
    uint64_t turn_us; /* of the turn that is planned; 0: none */

    uint64_t paused_until_us;
    uint32_t slow_turn_factor; /* 1: as fast as it should be */
    uint32_t slow_disk_factor;
    bool disk_full;
    bool boot_held; /* stays down until a fault ends */
    struct list calls;
    unsigned call_count;
    struct list flows;
    /* By the place of the shard, as last told. */
    bool leads[2 * SIM_NODES_MAX];
    uint64_t told_index[2 * SIM_NODES_MAX]; /* whose state was told */
};

/* Replica ids name shard and node. */
static inline uint64_t node_replica_id(unsigned node, uint64_t shard_id)
{
    return shard_id * SIM_REPLICAS_PER_SHARD + node + 1;
}

static inline unsigned node_of_replica(uint64_t replica_id)
{
    return (unsigned)((replica_id - 1) % SIM_REPLICAS_PER_SHARD);
}

void node_init(struct sim_node *node, struct sim_world *world, unsigned id);
void node_close(struct sim_node *node);

struct moment node_now(const struct sim_node *node);
/* Opens log, host and replicas from what the disks hold. */
void node_boot(struct sim_node *node);
/* Nothing when it is down. It starts again after a while, unless boot_held. */
void node_die(struct sim_node *node, enum sim_death how);
void node_plan_boot(struct sim_node *node);
/* The handlers of events. */
void node_turn(struct sim_node *node);
void node_log_written(struct sim_node *node);
void node_log_idle(struct sim_node *node);
void node_state_written(struct sim_node *node);
void node_flush(struct sim_node *node);
/* The same at any other time; false: the disk is broken, and the node with it. */
bool node_flush_store(struct sim_node *node);
/* Sends what the replicas here have to tell others; after whatever they were told. */
void node_post(struct sim_node *node);
/* The same for what shards tell other shards. */
void node_carry(struct sim_node *node);
/* Has the loop look around soon. */
void node_wake(struct sim_node *node);

/* --- Serving (node_serve.c, node_recommend.c) --------------------------------------- */

/* A call inside a node's host, with the memory of its answer, which lives as long as
 * anybody refers to it. */
struct node_call {
    struct node_call *next; /* in the free list */
    uint32_t references;
    struct list link; /* in the node's calls */
    struct sim_node *node;
    struct shard_call call;
    struct arena arena;
    struct slice command;
    struct buffer bytes; /* of the command */
    struct replica_outcome outcome;
    struct replica_query query;
    struct replica_answer answer;
    struct slice sku_id;
    struct slice location_id;
    uint32_t from;
    uint64_t attempt; /* 0: a part of a recommendation */
    struct sim_request request;
    struct node_flow *flow;
    const struct recommend_ask *ask;
};

/* A recommendation at its coordinator; others read its questions while they work. */
struct node_flow {
    struct node_flow *next;
    uint32_t references;
    struct list link; /* in the node's flows */
    bool linked;
    struct sim_node *node;
    uint64_t epoch;
    uint32_t from;
    uint64_t attempt;
    struct arena arena;
    struct recommend_flow flow;
    struct node_call *kept; /* whose answers the flow may still read */
    uint64_t session[1];
    uint64_t due_us; /* world time of the tick that is planned */
};

void node_take_packet(struct sim_node *node, struct sim_packet *packet);
struct node_call *node_call_take(struct sim_node *node);
/* Hands the call to the host and wakes the loop. */
void node_call_submit(struct node_call *call);
void node_call_ref(struct node_call *call);
void node_call_unref(struct node_call *call);
/* A reply that needs no call. */
void node_reply(struct sim_node *node, uint32_t to, uint64_t attempt,
                const struct sim_result *result);
void node_flow_start(struct sim_node *node, const struct sim_packet *packet);
void node_flow_tick(struct node_flow *flow);
void node_flow_answer(struct node_flow *flow, const struct recommend_ask *ask,
                      struct node_call *call);
void node_flow_ask(struct sim_node *node, const struct sim_packet *packet);
void node_flow_part_done(struct node_call *call);
void node_flow_ref(struct node_flow *flow);
void node_flow_unref(struct node_flow *flow);
/* Lets go of what a packet holds. */
void node_packet_drop(struct sim_packet *packet);

#endif
