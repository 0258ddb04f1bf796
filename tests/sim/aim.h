/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Faults that wait for their moment. Windows of a few milliseconds (a vote that is told and
 * not yet durable, a leader that has told one follower and not the other, a snapshot half
 * loaded) are hit by chance once in a thousand worlds; armed by a line of the schedule, the
 * nemesis watches what leaves a node and strikes right there.
 */
#ifndef SOUK_TESTS_SIM_AIM_H
#define SOUK_TESTS_SIM_AIM_H

#include <stdbool.h>
#include <stdint.h>

#include "tests/sim/network.h"
#include "tests/sim/schedule.h"

struct host_message;
struct sim_node;
struct sim_world;

enum {
    SIM_AIM_APPENDS_MOST = 4, /* a leader says so much before it falls */
    SIM_AIM_BOOT_LEAST_US = 1000,
    SIM_AIM_BOOT_MOST_US = 40000,
};

enum sim_strike {
    SIM_STRIKE_QUICK, /* power, and it is back at once */
    SIM_STRIKE_POWER,
    SIM_STRIKE_KILL,
    SIM_STRIKE_DEAF, /* other nodes do not hear it for a while, nor it them */
};

struct sim_aim {
    struct rng rng;                      /* SIM_STREAM_AIM */
    unsigned votes[SIM_NODES_MAX];       /* faults that wait for a vote of this node, */
    unsigned installs[SIM_NODES_MAX];    /* for it to load a snapshot, */
    unsigned leaders;                    /* for anybody to lead */
    enum sim_strike next[SIM_NODES_MAX]; /* of the event that is planned */
    struct {
        uint64_t replica_id;      /* 0: nobody is about to fall */
        unsigned appends;         /* that it may still send */
    } falling[2 * SIM_NODES_MAX]; /* by the place of the shard */
};

void aim_init(struct sim_world *world);
/* A fault of such a kind begins, or ends. */
void aim_arm(struct sim_world *world, const struct sim_fault *fault, bool on);
void aim_heal(struct sim_world *world);
/* A node is about to send this; false: it is too late for that. */
bool aim_sends(struct sim_node *node, const struct host_message *message);
/* A replica of the node begins to lead the shard at this place. */
void aim_leads(struct sim_node *node, unsigned place, uint64_t replica_id);
/* A state batch is on its way into the node's store for so long. */
void aim_stores(struct sim_node *node, uint64_t takes_us);
/* The event that was planned. */
void aim_strike(struct sim_node *node);

#endif
