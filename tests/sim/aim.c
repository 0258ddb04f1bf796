/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/aim.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/raft/message.h"
#include "shard/replica/peer.h"
#include "tests/sim/judge.h"
#include "tests/sim/world.h"

void aim_init(struct sim_world *world)
{
    memset(&world->aim, 0, sizeof world->aim);
    sim_stream_init(&world->aim.rng, world->options.seed, SIM_STREAM_AIM);
}

void aim_heal(struct sim_world *world)
{
    struct sim_aim *aim = &world->aim;
    memset(aim->votes, 0, sizeof aim->votes);
    memset(aim->installs, 0, sizeof aim->installs);
    memset(aim->falling, 0, sizeof aim->falling);
    aim->leaders = 0;
}

static void aim_plan(struct sim_node *node, uint64_t after_us, enum sim_strike strike)
{
    struct sim_world *world = node->world;
    world->aim.next[node->id] = strike;
    world_plan(world, world->now_us + after_us, SIM_EVENT_NODE_AIM, node->id, node->epoch,
               NULL);
}

void aim_leads(struct sim_node *node, unsigned place, uint64_t replica_id)
{
    struct sim_aim *aim = &node->world->aim;
    ASSERT(place < sizeof aim->falling / sizeof aim->falling[0]);
    aim->falling[place].replica_id = 0;
    if (aim->leaders > 0) {
        aim->falling[place].replica_id = replica_id;
        aim->falling[place].appends =
            sim_percent(&aim->rng, 50)
                ? 0 /* what it has stays its own */
                : (unsigned)sim_between(&aim->rng, 1, SIM_AIM_APPENDS_MOST);
    }
}

/* The fault finds some in office already. */
static void aim_those_who_lead(struct sim_world *world, bool on)
{
    for (unsigned place = 0; on && place < world->shard_count; place++) {
        uint64_t replica_id = world->leaders[place].replica_id;
        if (replica_id != 0) {
            aim_leads(&world->nodes[node_of_replica(replica_id)], place, replica_id);
        }
    }
}

static void aim_count(unsigned *count, bool on)
{
    *count = on ? *count + 1 : *count - (*count > 0);
}

void aim_arm(struct sim_world *world, const struct sim_fault *fault, bool on)
{
    struct sim_aim *aim = &world->aim;
    if (fault->kind == SIM_FAULT_CUT_AT_VOTE) {
        aim_count(&aim->votes[fault->target], on);
    } else if (fault->kind == SIM_FAULT_CUT_AT_INSTALL) {
        aim_count(&aim->installs[fault->target], on);
    } else {
        aim_count(&aim->leaders, on);
        aim_those_who_lead(world, on);
    }
}

static bool aim_append(struct sim_node *node, const struct host_message *message)
{
    struct sim_aim *aim = &node->world->aim;
    unsigned place = world_shard(node->world, message->shard_id);
    if (aim->falling[place].replica_id != message->from_replica_id) {
        return true;
    }
    if (aim->falling[place].appends > 0) {
        aim->falling[place].appends--;
        return true;
    }
    aim->falling[place].replica_id = 0;
    aim_plan(node, 0,
             sim_percent(&aim->rng, 50)
                 ? SIM_STRIKE_DEAF
                 : (enum sim_strike)rng_below(&aim->rng, SIM_STRIKE_DEAF));
    return false;
}

static void aim_vote(struct sim_node *node, struct slice bytes)
{
    struct sim_aim *aim = &node->world->aim;
    struct raft_message message;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    if (raft_message_decode(bytes, &arena, &message) == STATUS_OK &&
        (message.flags & RAFT_FLAG_GRANTED) != 0) {
        judge_vote(&node->world->history, node, &message);
        if (aim->votes[node->id] > 0 && sim_percent(&aim->rng, 75)) {
            aim_plan(node, 0, SIM_STRIKE_QUICK);
        }
    }
    arena_close(&arena);
}

bool aim_sends(struct sim_node *node, const struct host_message *message)
{
    enum {
        KIND_AT = 1, /* of the core's bytes (shard/raft/message.h) */
    };
    struct peer_message peer;
    if (peer_decode(message->bytes, &peer) != STATUS_OK || peer.kind != PEER_RAFT ||
        peer.bytes.size <= KIND_AT) {
        return true;
    }
    if (peer.bytes.data[KIND_AT] == RAFT_VOTE_REPLY) {
        aim_vote(node, peer.bytes);
    } else if (peer.bytes.data[KIND_AT] == RAFT_APPEND) {
        return aim_append(node, message);
    }
    return true;
}

static bool aim_loads(const struct store_batch *batch)
{
    struct store_change change;
    size_t position = 0;
    while (memory_store_steps(batch) > 1 && store_batch_next(batch, &position, &change)) {
        if (change.kind == STORE_FILE_INGEST) {
            return true;
        }
    }
    return false;
}

void aim_stores(struct sim_node *node, uint64_t takes_us)
{
    struct sim_aim *aim = &node->world->aim;
    if (aim->installs[node->id] > 0 && aim_loads(&node->state) &&
        sim_percent(&aim->rng, 75)) {
        aim_plan(node, rng_below(&aim->rng, takes_us), SIM_STRIKE_KILL);
    }
}

void aim_strike(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct sim_aim *aim = &world->aim;
    enum sim_strike strike = aim->next[node->id];
    if (strike == SIM_STRIKE_DEAF) {
        uint64_t election_us = (uint64_t)world->settings.raft_tick_ms * 15000;
        uint64_t lasts_us = sim_between(&aim->rng, election_us / 3, 3 * election_us);
        world->network.deaf_until_us[node->id] = world->now_us + lasts_us;
        return;
    }
    node_die(node, strike == SIM_STRIKE_KILL ? SIM_DEATH_KILL : SIM_DEATH_POWER);
    if (strike == SIM_STRIKE_QUICK) {
        uint64_t after_us =
            sim_between(&aim->rng, SIM_AIM_BOOT_LEAST_US, SIM_AIM_BOOT_MOST_US);
        world_plan(world, world->now_us + after_us, SIM_EVENT_NODE_BOOT, node->id,
                   node->epoch, NULL);
    }
}
