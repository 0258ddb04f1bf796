/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which replicas hold a damaged copy, and whether one more may: never so many that those
 * of a group's voters that are left were no quorum. Damage comes as lost disks and as bits
 * flipped in what a node had synced: in the log, in a row of the state.
 *
 * A flipped bit is only a doubt at first. It ends as dead, when the node itself refuses
 * what it reads by its checksum; or harmless, when a start finds nothing missing. Only
 * batches of the log with another one behind them are hit: what no later batch proves,
 * nobody can tell from a torn tail (shard/storage/README.md).
 */
#ifndef SOUK_TESTS_SIM_ATLAS_H
#define SOUK_TESTS_SIM_ATLAS_H

#include <stdbool.h>
#include <stdint.h>

struct sim_fault;
struct sim_node;
struct sim_world;

enum {
    /* A doubt that nobody read into for so long is read by whoever runs the cluster. */
    SIM_PATROL_US = 12000000,
};

/* WIPE, FLIP_LOG, FLIP_STATE: now, or until `atlas_forget` as soon as it may be. */
void atlas_want(struct sim_world *world, const struct sim_fault *fault);
void atlas_forget(struct sim_world *world, const struct sim_fault *fault);
void atlas_tick(struct sim_world *world);
/* Nothing more is damaged. Logs in doubt are read by a start; a row that is, may be met by
 * whoever reads it, or by nobody. */
void atlas_heal(struct sim_world *world);

/* May the replica's copy be damaged? */
bool atlas_doubts(const struct sim_node *node, unsigned place);
/* Runs, and surely has what it acknowledged. */
bool atlas_sound(const struct sim_node *node, unsigned place);
/* The node refuses the replica's copy: it is dead from here on. */
void atlas_found(struct sim_node *node, unsigned place);
/* The whole log is unreadable, if that can be: then the node has an empty one. */
bool atlas_log_lost(struct sim_node *node);
/* The replica has been opened: rows that are damaged no more are not in doubt. */
void atlas_opened(struct sim_node *node, unsigned place);
/* The node has started, and read its whole log. */
void atlas_started(struct sim_node *node);

#endif
