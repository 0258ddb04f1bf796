/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/nemesis.h"

#include <stdio.h>

enum {
    BURST_PERMILLE = 300,
    SLOW_NODE_FACTOR = 300, /* a turn takes some 10 ms */
    SLOW_DISK_FACTOR = 20,
    SLOW_LINE_US = 80000,
    STALLS = 5,
    CLIENTS_BITS = 0xffff,
};

static bool faulty_net(const struct sim_world *world)
{
    return (world->options.profile & SIM_PROFILE_NET) != 0;
}

static uint16_t usual_loss(const struct sim_world *world)
{
    return faulty_net(world) ? 5 : 0;
}

void nemesis_begin(struct sim_world *world)
{
    network_heal(&world->network, usual_loss(world), usual_loss(world));
    for (size_t i = 0; i < world->schedule.count; i++) {
        const struct sim_fault *fault = &world->schedule.faults[i];
        uint64_t at_us = world->now_us + fault->at_us;
        world_plan(world, at_us, SIM_EVENT_FAULT_BEGIN, (uint32_t)i, 0, NULL);
        if (fault->length_us > 0) {
            uint64_t end_us = at_us + fault->length_us;
            end_us = end_us < world->faults_end_us ? end_us : world->faults_end_us;
            world_plan(world, end_us, SIM_EVENT_FAULT_END, (uint32_t)i, 0, NULL);
        }
    }
}

/* --- The network ----------------------------------------------------------------------- */

static void line_set(struct sim_world *world, const struct sim_fault *fault,
                     unsigned from, unsigned to, bool on)
{
    struct sim_line *line = &world->network.lines[from][to];
    if (fault->kind == SIM_FAULT_LOSE || fault->kind == SIM_FAULT_LOSE_ANSWERS) {
        line->lose_permille = on ? BURST_PERMILLE : usual_loss(world);
    } else if (fault->kind == SIM_FAULT_REPEAT) {
        line->repeat_permille = on ? BURST_PERMILLE : usual_loss(world);
    } else if (fault->kind == SIM_FAULT_SLOW_LINE) {
        line->slow_us = on ? SLOW_LINE_US : 0;
    } else {
        line->cut = on;
    }
}

/* Is the line between these two part of the fault? */
static bool line_struck(const struct sim_world *world, const struct sim_fault *fault,
                        unsigned from, unsigned to)
{
    bool from_node = from < SIM_CLIENT_BASE;
    bool to_node = to < SIM_CLIENT_BASE;
    unsigned other = (fault->target + 1 +
                      (unsigned)(fault->detail %
                                 (world->node_count > 1 ? world->node_count - 1 : 1))) %
                     world->node_count;
    bool pair =
        (from == fault->target && to == other) || (from == other && to == fault->target);
    switch ((int)fault->kind) {
    case SIM_FAULT_LOSE:
    case SIM_FAULT_REPEAT:
    case SIM_FAULT_SLOW_LINE:
        return from == fault->target || to == fault->target;
    case SIM_FAULT_CUT_ONE_WAY: /* one of its directions, nodes only */
        return from_node && to_node &&
               (fault->detail >> 32 & 1 ? from : to) == fault->target;
    case SIM_FAULT_CUT_PAIR: /* both reach everybody else */
        return pair && from != to;
    case SIM_FAULT_PARTITION: /* nodes and clients fall into two parts */
        return (fault->detail >> from & 1) != (fault->detail >> to & 1);
    case SIM_FAULT_ISOLATE:
        return from_node && to_node && (from == fault->target || to == fault->target);
    case SIM_FAULT_CUT_CLIENTS:
        return from_node != to_node && (from == fault->target || to == fault->target);
    case SIM_FAULT_LOSE_ANSWERS:
        return from == fault->target && !to_node;
    default:
        return false;
    }
}

static void lines_set(struct sim_world *world, const struct sim_fault *fault, bool on)
{
    for (unsigned from = 0; from < SIM_ADDRESSES; from++) {
        for (unsigned to = 0; to < SIM_ADDRESSES; to++) {
            if (line_struck(world, fault, from, to)) {
                line_set(world, fault, from, to, on);
            }
        }
    }
}

/* --- Nodes and disks ------------------------------------------------------------------- */

static void node_set_full(struct sim_node *node, bool on)
{
    node->disk_full = on;
    if (node->up) {
        host_set_pressure(node->host, (struct replica_pressure){.disk_full = on});
    }
}

static void clock_jump(struct sim_node *node, const struct sim_fault *fault)
{
    int64_t jump_us =
        (int64_t)(fault->detail % (2 * SIM_JUMP_MOST_US)) - SIM_JUMP_MOST_US;
    sim_clock_set(&node->clock, node->world->now_us, jump_us, node->clock.drift_ppm);
    if (node->up) {
        node_wake(node);
    }
}

static void clock_drift(struct sim_node *node, const struct sim_fault *fault, bool on)
{
    int64_t most = on ? SIM_DRIFT_FAULT_PPM : SIM_DRIFT_MOST_PPM;
    int64_t drift_ppm = (int64_t)(fault->detail % (uint64_t)(2 * most)) - most;
    sim_clock_set(&node->clock, node->world->now_us, 0, drift_ppm);
    if (node->up) {
        node_wake(node);
    }
}

/* --- Members --------------------------------------------------------------------------- */

/* The node whose replica led last, if it is there; NULL. */
static struct sim_node *leading_node(struct sim_world *world, unsigned place)
{
    uint64_t replica_id = world->leaders[place].replica_id;
    struct sim_node *node =
        replica_id != 0 ? &world->nodes[node_of_replica(replica_id)] : NULL;
    bool awake = node != NULL && node->up && node->paused_until_us <= world->now_us;
    return awake ? node : NULL;
}

/* Asks every shard's leader for one thing; one that cannot now says so, and that is it. */
static void members_ask(struct sim_world *world, enum sim_fault_kind kind,
                        enum raft_change_kind change, unsigned target)
{
    for (unsigned place = 0; place < world->shard_count; place++) {
        uint64_t shard_id = world->shards[place].shard_id;
        struct sim_node *leader = leading_node(world, place);
        if (leader == NULL || world->node_count < 2) {
            continue;
        }
        uint64_t replica_id = node_replica_id(target, shard_id);
        const struct raft_change wanted = {.kind = change, .replica_id = replica_id};
        (void)!(
            kind == SIM_FAULT_TRANSFER
                ? host_transfer(leader->host, node_now(leader), shard_id, replica_id)
                : host_change_members(leader->host, node_now(leader), shard_id, &wanted));
        node_post(leader);
        node_wake(leader);
    }
}

/* Their logs are cut behind one that may not have heard of it yet. */
static void flush_others(struct sim_world *world, unsigned target)
{
    for (unsigned i = 0; i < world->node_count; i++) {
        if (i != target && world->nodes[i].up) {
            (void)node_flush_store(&world->nodes[i]);
        }
    }
}

static void node_strike(struct sim_world *world, const struct sim_fault *fault)
{
    struct sim_node *node = &world->nodes[fault->target];
    switch ((int)fault->kind) {
    case SIM_FAULT_KILL:
        node_die(node, SIM_DEATH_KILL);
        break;
    case SIM_FAULT_POWER:
        node_die(node, SIM_DEATH_POWER);
        break;
    case SIM_FAULT_DOWN:
        node->boot_held = true;
        node_die(node, fault->detail & 1 ? SIM_DEATH_KILL : SIM_DEATH_POWER);
        break;
    case SIM_FAULT_PAUSE:
        node->paused_until_us = world->now_us + fault->length_us;
        break;
    case SIM_FAULT_SLOW_NODE:
        node->slow_turn_factor = SLOW_NODE_FACTOR;
        break;
    case SIM_FAULT_CLOCK_JUMP:
        clock_jump(node, fault);
        break;
    case SIM_FAULT_CLOCK_DRIFT:
        clock_drift(node, fault, true);
        break;
    case SIM_FAULT_SLOW_DISK:
        node->slow_disk_factor = SLOW_DISK_FACTOR;
        break;
    case SIM_FAULT_STORE_STALL:
        memory_store_stall(node->store, STALLS);
        break;
    case SIM_FAULT_STORE_ERROR:
        memory_store_break(node->store, STATUS_IO);
        break;
    case SIM_FAULT_DISK_FULL:
        node_set_full(node, true);
        break;
    case SIM_FAULT_NO_SPACE:
        crash_files_limit(node->files, 1);
        break;
    case SIM_FAULT_DISK_ERROR:
        crash_files_fail_at(node->files, 1 + fault->detail % 4, STATUS_IO, true);
        break;
    case SIM_FAULT_CUT_AT_VOTE:
    case SIM_FAULT_LEADERS_FALL:
    case SIM_FAULT_CUT_AT_INSTALL:
        aim_arm(world, fault, true);
        break;
    case SIM_FAULT_FLUSH_OTHERS:
        flush_others(world, fault->target);
        break;
    case SIM_FAULT_TRANSFER:
    case SIM_FAULT_DEMOTE:
        members_ask(world, fault->kind, RAFT_DEMOTE, fault->target);
        break;
    default:
        lines_set(world, fault, true);
        break;
    }
}

void nemesis_strike(struct sim_world *world, size_t place)
{
    const struct sim_fault *fault = &world->schedule.faults[place];
    char target[16];
    snprintf(target, sizeof target, "node%u", fault->target);
    history_fault(&world->history, sim_fault_name(fault->kind), target, true);
    world->counts.faults[fault->kind]++;
    node_strike(world, fault);
}

void nemesis_relent(struct sim_world *world, size_t place)
{
    const struct sim_fault *fault = &world->schedule.faults[place];
    struct sim_node *node = &world->nodes[fault->target];
    char target[16];
    snprintf(target, sizeof target, "node%u", fault->target);
    history_fault(&world->history, sim_fault_name(fault->kind), target, false);
    if (fault->kind == SIM_FAULT_DOWN && node->boot_held) {
        node->boot_held = false;
        node_plan_boot(node);
    } else if (fault->kind == SIM_FAULT_DEMOTE) {
        members_ask(world, fault->kind, RAFT_PROMOTE, fault->target);
    } else if (fault->kind == SIM_FAULT_SLOW_NODE) {
        node->slow_turn_factor = 1;
    } else if (fault->kind == SIM_FAULT_SLOW_DISK) {
        node->slow_disk_factor = 1;
    } else if (fault->kind == SIM_FAULT_CLOCK_DRIFT) {
        clock_drift(node, fault, false);
    } else if (fault->kind == SIM_FAULT_DISK_FULL) {
        node_set_full(node, false);
    } else if (fault->kind >= SIM_FAULT_CUT_AT_VOTE &&
               fault->kind <= SIM_FAULT_CUT_AT_INSTALL) {
        aim_arm(world, fault, false);
    } else if (fault->kind == SIM_FAULT_PAUSE) {
        return; /* it ends by itself */
    } else if (fault->kind == SIM_FAULT_NO_SPACE) {
        crash_files_limit(node->files, 0);
    } else {
        lines_set(world, fault, false);
    }
}

void nemesis_heal(struct sim_world *world)
{
    network_heal(&world->network, 0, 0);
    aim_heal(world);
    for (unsigned i = 0; i < world->node_count; i++) {
        struct sim_node *node = &world->nodes[i];
        node->slow_turn_factor = 1;
        node->slow_disk_factor = 1;
        node_set_full(node, false);
        crash_files_limit(node->files, 0);
        crash_files_fail_at(node->files, 0, STATUS_OK, false);
        memory_store_stall(node->store, 0);
        if (node->boot_held) {
            node->boot_held = false;
            node_plan_boot(node);
        }
    }
}
