/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whoever runs the simulated cluster: writes down which replica sits where, starts new ones
 * under new ids, asks leaders for one change of members at a time, and takes away what was
 * removed. Never asks for members of whom the sound ones would be no quorum.
 *
 *     EMPTY -> JOINING -> MEMBER -> LEAVING -> REMOVED -> EMPTY
 *                any that runs -> DEAD (damaged, atlas.h) -> JOINING, under a new id
 *
 * It sees what leaders say of applied members; what it does may be undone, come late, or
 * be asked of one that leads no more.
 */
#ifndef SOUK_TESTS_SIM_MEMBERS_H
#define SOUK_TESTS_SIM_MEMBERS_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/raft/members.h"

enum {
    SIM_MEMBERS_TICK_US = 100000,
    SIM_REMOVED_MOST_US = 6000000, /* a removed replica runs on, up to so long */
    SIM_REBUILD_MOST_US = 2000000, /* until a dead one is seen to */
};

struct sim_fault;
struct sim_node;
struct sim_shard;
struct sim_world;

/* Seats the first members of every shard. */
void members_init(struct sim_world *world);
void members_tick(struct sim_world *world);
/* REMOVE, JOIN, MOVE, TRANSFER, DEMOTE; false when there was nobody to do it to. */
bool members_strike(struct sim_world *world, const struct sim_fault *fault);
void members_relent(struct sim_world *world, const struct sim_fault *fault);
/* Everybody is to be where he belongs. */
void members_heal(struct sim_world *world);
/* Has the shard the members that it should have, all of them voters? */
bool members_settled(struct sim_world *world, unsigned place);
/* The replica of this seat is damaged. */
void members_die(struct sim_node *node, unsigned place);
/* How many voters are sound; `without`: not counting that node's, or NULL. */
uint32_t members_sound(const struct sim_world *world, unsigned place,
                       const struct raft_members *members,
                       const struct sim_node *without);

#endif
