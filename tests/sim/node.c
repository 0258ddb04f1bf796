/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/node.h"

#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/storage/segment_log.h"
#include "tests/sim/judge.h"
#include "tests/sim/world.h"

void node_init(struct sim_node *node, struct sim_world *world, unsigned id)
{
    memset(node, 0, sizeof *node);
    node->world = world;
    node->id = id;
    sim_stream_init(&node->rng, world->options.seed, SIM_STREAM_NODE + id);
    sim_stream_init(&node->disk_rng, world->options.seed,
                    SIM_STREAM_DISK + 1000 * (id + 1));
    node->clock = (struct sim_clock){.anchor_us = world->now_us, .monotonic_us = 1000000};
    node->files = crash_files_new(0);
    node->store = memory_store_new();
    node->slow_turn_factor = 1;
    node->slow_disk_factor = 1;
    list_init(&node->calls);
    list_init(&node->flows);
    for (size_t i = 0; i < HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        log_batch_init(&node->batches[i]);
    }
    store_batch_init(&node->state);
}

struct moment node_now(const struct sim_node *node)
{
    return sim_clock_read(&node->clock, node->world->now_us);
}

static void node_plan(struct sim_node *node, uint64_t after_us, enum sim_event_kind kind,
                      void *data)
{
    world_plan(node->world, node->world->now_us + after_us, kind, node->id, node->epoch,
               data);
}

void node_wake(struct sim_node *node)
{
    uint64_t at_us = node->world->now_us + (uint64_t)SIM_TURN_US * node->slow_turn_factor;
    if (node->turn_us == 0 || node->turn_us > at_us) {
        node->turn_us = at_us;
        world_plan(node->world, at_us, SIM_EVENT_NODE_TURN, node->id, node->epoch, NULL);
    }
}

/* --- Life ------------------------------------------------------------------------------ */

static enum status node_add_replica(struct sim_node *node, const struct sim_shard *shard)
{
    struct raft_member member[SIM_NODES_MAX];
    struct raft_members members;
    for (unsigned i = 0; i < shard->member_count; i++) {
        member[i] = (struct raft_member){
            .replica_id = node_replica_id(shard->members[i], shard->shard_id),
            .node_id = shard->members[i] + 1,
            .role = RAFT_VOTER};
    }
    TRY(raft_members_make(&members, member, shard->member_count));
    struct replica_options options = {
        .store = node->store,
        .log = node->log,
        .settings = &node->world->settings,
        .kind = shard->kind,
        .shard_id = shard->shard_id,
        .replica_id = node_replica_id(node->id, shard->shard_id),
        .range = shard->range,
        .range_epoch = 1,
        .hash_seed = SIM_HASH_SEED,
        .cluster_id = {1, 2},
        .seed = rng_next(&node->rng),
        .members = &members,
        .snapshot_chunk_bytes = SIM_CHUNK_BYTES,
        .raft_message_bytes = node->world->raft_message_bytes,
    };
    struct replica *replica;
    TRY(replica_open(&options, node_now(node), NULL, &replica));
    return host_add(node->host, &replica);
}

static enum status node_open(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct segment_log_options options = {
        .fs = crash_files_system(node->files),
        .folder = "/log",
        .segment_bytes = SIM_SEGMENT_BYTES,
        .fresh_log_id = hash_mix(world->options.seed + node->id) | 1,
    };
    TRY(segment_log_open(&options, NULL, &node->log));
    node->host = host_new(&world->settings);
    for (unsigned i = 0; i < world->shard_count; i++) {
        const struct sim_shard *shard = &world->shards[i];
        for (unsigned member = 0; member < shard->member_count; member++) {
            if (shard->members[member] == node->id) {
                TRY(node_add_replica(node, shard));
            }
        }
    }
    return STATUS_OK;
}

static void node_forget(struct sim_node *node)
{
    node->up = false;
    node->epoch++;
    host_free(node->host);
    node->host = NULL;
    log_store_close(node->log);
    node->log = NULL;
    node->batch_first = 0;
    node->batch_count = 0;
    node->log_busy = false;
    node->state_busy = false;
    node->idle_planned = false;
    node->turn_us = 0;
    memset(node->leads, 0, sizeof node->leads);
    struct list *link;
    while ((link = list_pop(&node->calls)) != NULL) {
        struct node_call *call = LIST_ENTRY(link, struct node_call, link);
        list_init(&call->link);
        node_call_unref(call);
    }
    while ((link = list_pop(&node->flows)) != NULL) {
        struct node_flow *flow = LIST_ENTRY(link, struct node_flow, link);
        flow->linked = false;
        node_flow_unref(flow);
    }
    node->call_count = 0;
}

void node_boot(struct sim_node *node)
{
    ASSERT(!node->up);
    node->world->counts.boots++;
    enum status status = node_open(node);
    if (status == STATUS_DISK_FULL || status == STATUS_IO) {
        /* The operator comes back later; what is on the disk stays as it is, and an error
         * that met the store ends with its process. */
        node_forget(node);
        memory_store_crash(node->store, &node->disk_rng);
        node_plan_boot(node);
        return;
    }
    if (status != STATUS_OK) {
        judge_broken(&node->world->history, node);
        node_forget(node);
        return;
    }
    node->up = true;
    node->marked = false;
    host_set_pressure(node->host,
                      (struct replica_pressure){.disk_full = node->disk_full});
    node_plan(node, sim_between(&node->disk_rng, SIM_FLUSH_LEAST_US, SIM_FLUSH_MOST_US),
              SIM_EVENT_NODE_FLUSH, NULL);
    judge_progress(&node->world->history, node);
    judge_states(&node->world->history, node);
    node_wake(node);
}

void node_plan_boot(struct sim_node *node)
{
    node_plan(node, sim_between(&node->rng, SIM_BOOT_LEAST_US, SIM_BOOT_MOST_US),
              SIM_EVENT_NODE_BOOT, NULL);
}

/* The batch on its way may have reached the disk in part, and nobody knows. */
static void node_break_off_log(struct sim_node *node, enum sim_death how)
{
    if (!node->log_busy || rng_below(&node->disk_rng, 4) == 0) {
        return;
    }
    if (how == SIM_DEATH_POWER) {
        crash_files_fail_at(node->files, 1 + rng_below(&node->disk_rng, 3), STATUS_IO,
                            true);
    }
    (void)!log_store_append(node->log, &node->batches[node->batch_first]);
    judge_doubt(&node->world->history, node, &node->batches[node->batch_first]);
    crash_files_fail_at(node->files, 0, STATUS_OK, false);
}

/* Changes of files happen one after the other, and an end may come between any two. */
static void node_break_off_state(struct sim_node *node)
{
    if (!node->state_busy || rng_below(&node->disk_rng, 2) == 0) {
        return;
    }
    size_t steps = memory_store_steps(&node->state);
    if (steps > 0) {
        memory_store_stop_after(node->store, rng_below(&node->disk_rng, steps + 1));
    }
    (void)!store_write(node->store, &node->state);
}

void node_die(struct sim_node *node, enum sim_death how)
{
    if (!node->up) {
        return;
    }
    judge_progress(&node->world->history, node);
    judge_states(&node->world->history, node);
    node_break_off_log(node, how);
    node_break_off_state(node);
    host_free(node->host); /* its cursors and snapshots go first */
    node->host = NULL;
    if (how == SIM_DEATH_POWER) {
        crash_files_crash(node->files, &node->disk_rng);
    }
    memory_store_crash(node->store, &node->disk_rng);
    judge_crash(&node->world->history, node);
    node_forget(node);
    if (how == SIM_DEATH_POWER) {
        node->clock = (struct sim_clock){
            .anchor_us = node->world->now_us,
            .monotonic_us = 1000000,
            .wall_us = (node_now(node).wall_ms - SIM_WALL_START_MS) * 1000,
            .drift_ppm = node->clock.drift_ppm};
    }
    if (!node->boot_held) {
        node_plan_boot(node);
    }
}

void node_close(struct sim_node *node)
{
    node_forget(node);
    store_close(node->store);
    crash_files_free(node->files);
    for (size_t i = 0; i < HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        log_batch_close(&node->batches[i]);
    }
    store_batch_close(&node->state);
}

/* --- Other members --------------------------------------------------------------------- */

void node_post(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct host_message message;
    while (host_take_message(node->host, &message)) {
        if (!aim_sends(node, &message)) {
            continue;
        }
        struct sim_packet *packet =
            network_packet(&world->network, SIM_PACKET_PEER, node->id,
                           node_of_replica(message.to_replica_id));
        packet->peer.shard_id = message.shard_id;
        packet->peer.from_replica_id = message.from_replica_id;
        packet->peer.to_replica_id = message.to_replica_id;
        buffer_append_slice(&packet->bytes, message.bytes);
        network_send(&world->network, world->now_us, packet);
    }
}

/* Everybody tells how far it has come first: what is committed by then, the new one has. */
static void node_note_leader(struct sim_node *node, unsigned place,
                             const struct replica_status *status)
{
    struct sim_world *world = node->world;
    for (unsigned i = 0; i < world->node_count; i++) {
        judge_progress(&world->history, &world->nodes[i]);
    }
    judge_leader(&world->history, node, status);
    aim_leads(node, place, status->replica_id);
    if (status->term > world->leaders[place].term) {
        world->counts.leader_changes +=
            world->leaders[place].term > 0 &&
            world->leaders[place].replica_id != status->replica_id;
        world->leaders[place].term = status->term;
        world->leaders[place].replica_id = status->replica_id;
    }
}

static void node_note_leaders(struct sim_node *node)
{
    for (size_t i = 0; i < host_replica_count(node->host); i++) {
        const struct replica *replica = host_replica_at(node->host, i);
        unsigned place = world_shard(node->world, replica_shard_id(replica));
        if (replica_leader(replica) != replica_id(replica)) {
            node->leads[place] = false;
        } else if (!node->leads[place]) {
            struct replica_status status;
            replica_status(replica, &status);
            node->leads[place] = status.role == RAFT_LEADER;
            if (node->leads[place]) {
                node_note_leader(node, place, &status);
            }
        }
    }
}

/* --- The log writer -------------------------------------------------------------------- */

static uint64_t node_log_takes(struct sim_node *node)
{
    uint64_t takes = sim_between(&node->disk_rng, SIM_LOG_LEAST_US, SIM_LOG_MOST_US);
    if (rng_below(&node->disk_rng, 200) == 0) {
        takes += rng_below(&node->disk_rng, SIM_LOG_TAIL_US);
    }
    return takes * node->slow_disk_factor;
}

static void node_write_log(struct sim_node *node)
{
    if (!node->log_busy && node->batch_count > 0) {
        node->log_busy = true;
        node_plan(node, node_log_takes(node), SIM_EVENT_NODE_LOG, NULL);
    }
}

static void node_broken(struct sim_node *node)
{
    /* Fail-stop: what was not synced is in doubt, so it counts as lost. */
    crash_files_fail_at(node->files, 0, STATUS_OK, false);
    node_die(node, SIM_DEATH_POWER);
}

void node_log_written(struct sim_node *node)
{
    struct log_batch *batch = &node->batches[node->batch_first];
    ASSERT(node->log_busy && node->batch_count > 0);
    enum status status = log_store_append(node->log, batch);
    node->log_busy = false;
    if (status != STATUS_OK) {
        node_broken(node);
        return;
    }
    judge_stored(&node->world->history, node, batch);
    node->batch_first = (node->batch_first + 1) % HOST_BATCHES_IN_FLIGHT_MAX;
    node->batch_count--;
    node->log_written_us = node->world->now_us;
    node->marked = false;
    if (!node->idle_planned) {
        node->idle_planned = true;
        node_plan(node, SIM_IDLE_US, SIM_EVENT_NODE_IDLE, NULL);
    }
    status = host_batch_written(node->host, node_now(node));
    if (status != STATUS_OK) {
        world_violation(node->world, "apply", "node %u cannot apply: %s", node->id,
                        status_name(status));
        return;
    }
    node_write_log(node);
    node_turn(node);
}

void node_log_idle(struct sim_node *node)
{
    uint64_t idle_us = node->world->now_us - node->log_written_us;
    if (node->log_busy || idle_us < SIM_IDLE_US) {
        node_plan(node, node->log_busy ? SIM_IDLE_US : SIM_IDLE_US - idle_us,
                  SIM_EVENT_NODE_IDLE, NULL);
        return;
    }
    node->idle_planned = false;
    node->marked = true;
    if (log_store_mark_idle(node->log) != STATUS_OK) {
        node_broken(node);
    }
}

/* --- The apply writer ------------------------------------------------------------------ */

static void node_write_state(struct sim_node *node, bool force)
{
    if (!node->state_busy &&
        host_state_turn(node->host, node_now(node), force, &node->state)) {
        node->state_busy = true;
        uint64_t takes =
            sim_between(&node->disk_rng, SIM_STATE_LEAST_US, SIM_STATE_MOST_US);
        node_plan(node, takes * node->slow_disk_factor, SIM_EVENT_NODE_STATE, NULL);
        aim_stores(node, takes * node->slow_disk_factor);
    }
}

void node_state_written(struct sim_node *node)
{
    enum status status = store_write(node->store, &node->state);
    if (status == STATUS_OVERLOADED) {
        node_plan(node, SIM_STATE_MOST_US, SIM_EVENT_NODE_STATE, NULL);
        return;
    }
    if (status != STATUS_OK) {
        node_broken(node);
        return;
    }
    node->state_busy = false;
    host_state_written(node->host);
    node_post(node);
    node_wake(node);
}

bool node_flush_store(struct sim_node *node)
{
    if (store_flush(node->store) != STATUS_OK) {
        node_broken(node);
        return false;
    }
    for (size_t i = 0; i < host_replica_count(node->host); i++) {
        uint64_t shard_id = replica_shard_id(host_replica_at(node->host, i));
        uint64_t index;
        enum status status = replica_persisted_index(node->store, shard_id, &index);
        ASSERT(status == STATUS_OK);
        host_state_persisted(node->host, shard_id, index);
    }
    node_post(node);
    return true;
}

void node_flush(struct sim_node *node)
{
    judge_progress(&node->world->history, node);
    if (node_flush_store(node)) {
        node_plan(node,
                  sim_between(&node->disk_rng, SIM_FLUSH_LEAST_US, SIM_FLUSH_MOST_US),
                  SIM_EVENT_NODE_FLUSH, NULL);
    }
}

/* Now and then: whoever comes by the same index has to have the same state. */
static void node_tell_states(struct sim_node *node)
{
    for (size_t i = 0; i < host_replica_count(node->host); i++) {
        const struct replica *replica = host_replica_at(node->host, i);
        unsigned place = world_shard(node->world, replica_shard_id(replica));
        struct replica_status status;
        replica_status(replica, &status);
        if (status.applied_index % SIM_TOLD_EVERY == 0 &&
            status.applied_index != node->told_index[place]) {
            node->told_index[place] = status.applied_index;
            judge_state(&node->world->history, node, replica, &status);
        }
    }
}

/* --- The loop -------------------------------------------------------------------------- */

static void node_tell_degrees(struct sim_node *node)
{
    struct host_news news;
    while (host_take_degrees(node->host, &news)) {
        host_tell_degrees(node->host, &news);
        degree_delta_close(&news.delta);
    }
}

void node_turn(struct sim_node *node)
{
    struct moment now = node_now(node);
    node->turn_us = 0;
    while (node->batch_count < HOST_BATCHES_IN_FLIGHT_MAX) {
        size_t place =
            (node->batch_first + node->batch_count) % HOST_BATCHES_IN_FLIGHT_MAX;
        if (!host_turn(node->host, now, &node->batches[place])) {
            break;
        }
        node->batch_count++;
    }
    node_write_log(node);
    node_write_state(node, false);
    node_tell_degrees(node);
    (void)host_finish(node->host);
    node_post(node);
    node_carry(node);
    node_note_leaders(node);
    node_tell_states(node);
    uint64_t due_us = sim_clock_when(&node->clock, host_next_due_us(node->host, now));
    uint64_t least_us =
        node->world->now_us + (uint64_t)SIM_TURN_US * node->slow_turn_factor;
    due_us = due_us > least_us ? due_us : least_us;
    if (node->turn_us == 0 || node->turn_us > due_us) {
        node->turn_us = due_us;
        world_plan(node->world, due_us, SIM_EVENT_NODE_TURN, node->id, node->epoch, NULL);
    }
}
