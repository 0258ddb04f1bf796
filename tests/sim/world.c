/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/world.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/storage/key.h"
#include "tests/sim/judge.h"
#include "tests/sim/nemesis.h"
#include "tests/sim/plot.h"

enum {
    SKUS_LEAST = 4,
    SKUS_MOST = 8,
    CUSTOMERS = 4,
    SKU_SHARDS_MOST = 2,
};

/* --- Names ----------------------------------------------------------------------------- */

const char *sim_operation_name(enum sim_operation_kind kind)
{
    static const char *const names[] = {
#define OPERATION_NAME(name, text, writes) text,
        SIM_OPERATION_TABLE(OPERATION_NAME)
#undef OPERATION_NAME
    };
    return names[kind];
}

bool sim_operation_writes(enum sim_operation_kind kind)
{
    static const bool table[] = {
#define OPERATION_WRITES(name, text, writes) writes,
        SIM_OPERATION_TABLE(OPERATION_WRITES)
#undef OPERATION_WRITES
    };
    return table[kind];
}

struct slice world_sku_id(const struct sim_world *world, unsigned sku)
{
    return slice_from_string(world->sku_names[sku]);
}

struct slice world_location_id(const struct sim_world *world, unsigned location)
{
    return slice_from_string(world->location_names[location]);
}

struct hash128 world_customer(unsigned customer)
{
    uint64_t number = customer;
    return hash128(slice_of(&number, sizeof number), 1);
}

struct hash128 world_request_id(uint64_t request)
{
    return hash128(slice_of(&request, sizeof request), 0);
}

unsigned world_customer_shard(const struct sim_world *world, unsigned customer)
{
    unsigned place = shard_map_find(&world->map, SHARD_MAP_CUSTOMER,
                                    customer_hash(world_customer(customer)));
    return world_shard(world,
                       shard_map_range(&world->map, SHARD_MAP_CUSTOMER, place)->shard_id);
}

unsigned world_shard(const struct sim_world *world, uint64_t shard_id)
{
    unsigned place = 0;
    while (place < world->shard_count && world->shards[place].shard_id != shard_id) {
        place++;
    }
    ASSERT(place < world->shard_count);
    return place;
}

void world_plan(struct sim_world *world, uint64_t at_us, enum sim_event_kind kind,
                uint32_t target, uint64_t epoch, void *data)
{
    sim_heap_push(&world->heap, (struct sim_event){.at_us = at_us,
                                                   .kind = kind,
                                                   .target = target,
                                                   .epoch = epoch,
                                                   .data = data});
}

void world_violation(struct sim_world *world, const char *invariant, const char *format,
                     ...)
{
    struct sim_violation *violation = &world->history.violation;
    if (violation->found) {
        return;
    }
    violation->found = true;
    violation->at_us = world->now_us;
    snprintf(violation->invariant, sizeof violation->invariant, "%s", invariant);
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(violation->why, sizeof violation->why, format, arguments);
    va_end(arguments);
}

/* --- Making a world -------------------------------------------------------------------- */

/* Every node has a member of every shard. */
static void world_lay_table(struct sim_world *world, enum shard_map_table table,
                            enum replica_kind kind, unsigned count)
{
    struct shard_range ranges[SIM_NODES_MAX];
    for (unsigned i = 0; i < count; i++) {
        uint64_t end = i + 1 < count ? shard_map_even_start(table, i + 1, count) : 0;
        struct sim_shard *shard = &world->shards[world->shard_count++];
        *shard = (struct sim_shard){
            .shard_id = world->shard_count,
            .kind = kind,
            .range = {.start = shard_map_even_start(table, i, count), .end = end},
            .member_count = world->node_count,
        };
        for (unsigned node = 0; node < world->node_count; node++) {
            shard->members[node] = node;
        }
        ranges[i] = (struct shard_range){.shard_id = shard->shard_id,
                                         .start = shard->range.start,
                                         .end = end,
                                         .epoch = 1};
    }
    enum status status = shard_map_set(&world->map, table, ranges, count, NULL);
    ASSERT(status == STATUS_OK);
}

static void world_name(struct sim_world *world)
{
    world->sku_count = (unsigned)sim_between(&world->rng, SKUS_LEAST, SKUS_MOST);
    world->location_count = (unsigned)sim_between(&world->rng, 1, SIM_LOCATIONS_MAX);
    world->customer_count = CUSTOMERS;
    world->client_count = SIM_CLIENTS;
    for (unsigned i = 0; i < world->sku_count; i++) {
        snprintf(world->sku_names[i], SIM_NAME_BYTES, "S%u", i);
        world->sku_hashes[i] = key_hash(world_sku_id(world, i), SIM_HASH_SEED);
        unsigned place = shard_map_find(&world->map, SHARD_MAP_SKU, world->sku_hashes[i]);
        world->sku_shards[i] = world_shard(
            world, shard_map_range(&world->map, SHARD_MAP_SKU, place)->shard_id);
    }
    for (unsigned i = 0; i < world->location_count; i++) {
        snprintf(world->location_names[i], SIM_NAME_BYTES, "L%u", i);
    }
}

/* In half of the worlds with several SKU shards there are holds over them; and in half of
 * these a third shard. */
static unsigned world_sku_shards(struct sim_world *world)
{
    unsigned count = (unsigned)sim_between(&world->rng, 1, SKU_SHARDS_MOST);
    struct rng rng;
    sim_stream_init(&rng, world->options.seed, SIM_STREAM_SPANS);
    world->spans = count > 1 && rng_below(&rng, 2) == 0;
    return world->spans && rng_below(&rng, 2) == 0 ? count + 1 : count;
}

/* Every other SKU of each shard may be part of them. The others stay linearizable one by
 * one. */
static void world_span(struct sim_world *world)
{
    bool taken[SIM_SHARDS_MAX] = {false};
    unsigned shards = 0;
    if (!world->spans) {
        return;
    }
    for (unsigned i = 0; i < world->sku_count; i++) {
        unsigned shard = world->sku_shards[i];
        if (i % 2 == 0 || !taken[shard]) {
            shards += !taken[shard];
            taken[shard] = true;
            world->span_skus[world->span_count++] = i;
        }
    }
    world->span_count = shards > 1 ? world->span_count : 0;
}

/* Has everything that shards have to tell each other of holds been told? */
bool world_is_settled(const struct sim_world *world)
{
    for (unsigned i = 0; i < world->node_count; i++) {
        const struct sim_node *node = &world->nodes[i];
        for (size_t k = 0; node->up && k < host_replica_count(node->host); k++) {
            struct replica_status status;
            replica_status(host_replica_at(node->host, k), &status);
            if (status.kind == REPLICA_SKU && status.inventory.holds_unsettled > 0) {
                return false;
            }
        }
    }
    return true;
}

static void world_make_nodes(struct sim_world *world)
{
    struct rng rng;
    sim_stream_init(&rng, world->options.seed, SIM_STREAM_CLOCK);
    for (unsigned i = 0; i < world->node_count; i++) {
        struct sim_node *node = &world->nodes[i];
        node_init(node, world, i);
        node->clock.wall_us =
            (int64_t)(world->now_us + rng_below(&rng, SIM_SKEW_MOST_US));
        node->clock.drift_ppm =
            (int64_t)rng_below(&rng, 2 * SIM_DRIFT_MOST_PPM) - SIM_DRIFT_MOST_PPM;
        node_plan_boot(node);
    }
}

static void world_vary(struct sim_world *world)
{
    struct sim_variant variant;
    variant_draw(world->options.seed, world->options.profile, &variant);
    if (variant.raft_tick_ms != 0) {
        world->settings.raft_tick_ms = variant.raft_tick_ms;
    }
    world->raft_message_bytes = variant.raft_message_bytes;
}

static void world_open(struct sim_world *world, const struct sim_options *options)
{
    memset(world, 0, sizeof *world);
    ASSERT(options->nodes >= 1 && options->nodes <= SIM_NODES_MAX);
    world->options = *options;
    world->now_us = SIM_START_US;
    world->node_count = options->nodes;
    sim_heap_init(&world->heap);
    sim_stream_init(&world->rng, options->seed, SIM_STREAM_WORLD);
    network_init(&world->network, &world->heap, options->seed, node_packet_drop);
    settings_init(&world->settings);
    world_vary(world);
    aim_init(world);
    shard_map_init(&world->map, 1, SIM_HASH_SEED);
    world_lay_table(world, SHARD_MAP_SKU, REPLICA_SKU, world_sku_shards(world));
    world_lay_table(world, SHARD_MAP_CUSTOMER, REPLICA_CUSTOMER, 1);
    world_name(world);
    world_span(world);
    history_init(&world->history, world, options->history);
    world_make_nodes(world);
    for (unsigned i = 0; i < world->client_count; i++) {
        client_init(&world->clients[i], world, i);
    }
    for (unsigned i = 0; i < SIM_SOURCES; i++) {
        source_init(&world->sources[i], world, i);
    }
    watch_init(&world->watch, world);
    for (unsigned i = 0; i < SIM_STREAMERS; i++) {
        world_plan(world, world->now_us + SIM_SOURCE_TICK_US + i, SIM_EVENT_CLIENT,
                   SIM_STREAMER_FIRST + i, 0, NULL);
    }
    schedule_init(&world->schedule);
}

void world_close(struct sim_world *world)
{
    struct sim_event event;
    for (unsigned i = 0; i < world->node_count; i++) {
        node_close(&world->nodes[i]);
    }
    while (sim_heap_pop(&world->heap, &event)) {
        if (event.kind == SIM_EVENT_PACKET) {
            network_release(&world->network, event.data);
        } else if (event.kind == SIM_EVENT_NODE_FLOW) {
            node_flow_unref(event.data);
        }
    }
    for (unsigned i = 0; i < world->client_count; i++) {
        client_close(&world->clients[i]);
    }
    for (unsigned i = 0; i < SIM_SOURCES; i++) {
        source_close(&world->sources[i]);
    }
    while (world->free_flows != NULL) {
        struct node_flow *flow = world->free_flows;
        world->free_flows = flow->next;
        arena_close(&flow->arena);
        free(flow);
    }
    while (world->free_calls != NULL) {
        struct node_call *call = world->free_calls;
        world->free_calls = call->next;
        arena_close(&call->arena);
        buffer_close(&call->bytes);
        free(call);
    }
    network_close(&world->network);
    sim_heap_close(&world->heap);
    history_close(&world->history);
    schedule_close(&world->schedule);
    shard_map_close(&world->map);
}

/* --- Phases ---------------------------------------------------------------------------- */

static void world_enter(struct sim_world *world, enum sim_phase phase)
{
    world->phase = phase;
    world->phase_begin_us = world->now_us;
}

void world_begin_faults(struct sim_world *world)
{
    const struct sim_options *options = &world->options;
    world_enter(world, SIM_PHASE_FAULTS);
    world->faults_end_us = world->now_us + options->minutes * 60000000;
    if (options->schedule != NULL) {
        schedule_copy(&world->schedule, options->schedule);
    } else {
        schedule_draw(&world->schedule, options->seed, options->profile, options->nodes,
                      options->minutes);
    }
    nemesis_begin(world);
}

bool world_others_done(const struct sim_world *world)
{
    for (unsigned i = 1; i < world->client_count; i++) {
        if (world->clients[i].state != SIM_CLIENT_DONE) {
            return false;
        }
    }
    return true;
}

static bool world_has_progress(const struct sim_world *world)
{
    for (unsigned i = 0; i < world->client_count; i++) {
        if (world->clients[i].since_healing < SIM_PROGRESS_OPERATIONS) {
            return false;
        }
    }
    return streamers_done(world);
}

/* Have all members of all shards applied the same? Then their states have to be equal. */
static bool world_agrees(struct sim_world *world)
{
    for (unsigned place = 0; place < world->shard_count; place++) {
        const struct sim_shard *shard = &world->shards[place];
        uint64_t first_index = 0;
        for (unsigned i = 0; i < shard->member_count; i++) {
            const struct sim_node *node = &world->nodes[shard->members[i]];
            struct replica_status status;
            if (!node->up) {
                return false;
            }
            const struct replica *replica = host_replica(node->host, shard->shard_id);
            replica_status(replica, &status);
            judge_state(&world->history, node, replica, &status);
            if (i == 0) {
                first_index = status.applied_index;
            } else if (status.applied_index != first_index || status.installing) {
                return false;
            }
        }
    }
    return true;
}

/* Looks whether the phase is over, or lasts too long. */
static void world_look(struct sim_world *world)
{
    uint64_t lasts_us = world->now_us - world->phase_begin_us;
    if (world->phase == SIM_PHASE_FAULTS) {
        if (world->now_us > world->faults_end_us) {
            nemesis_heal(world);
            judge_healed(&world->history);
            world_enter(world, SIM_PHASE_HEALING);
        }
        return;
    }
    bool healed = world->phase == SIM_PHASE_HEALING && world_has_progress(world);
    bool read = world->phase == SIM_PHASE_READING && world_others_done(world) &&
                world->clients[0].state == SIM_CLIENT_DONE && world_agrees(world);
    if (healed || read) {
        world_enter(world, (enum sim_phase)(world->phase + 1));
        return;
    }
    uint64_t most_us =
        world->phase == SIM_PHASE_SETUP ? SIM_SETUP_US_MAX : SIM_PROGRESS_US_MAX;
    if (lasts_us > most_us) {
        world_violation(world, "progress", "phase %d is not over after %llu ms",
                        (int)world->phase, (unsigned long long)(lasts_us / 1000));
    }
}

/* --- Events ---------------------------------------------------------------------------- */

/* Is it for the node's present life, and is the node awake? */
static bool node_event_due(struct sim_world *world, const struct sim_event *event)
{
    struct sim_node *node = &world->nodes[event->target];
    bool boots = event->kind == SIM_EVENT_NODE_BOOT;
    if (event->epoch != node->epoch || node->up == boots) {
        return false;
    }
    return true;
}

static void world_node_event(struct sim_world *world, const struct sim_event *event)
{
    struct sim_node *node = &world->nodes[event->target];
    if (!node_event_due(world, event)) {
        return;
    }
    switch ((int)event->kind) {
    case SIM_EVENT_NODE_TURN:
        if (node->turn_us != 0 && node->turn_us <= world->now_us) {
            node_turn(node);
        }
        break;
    case SIM_EVENT_NODE_LOG:
        node_log_written(node);
        break;
    case SIM_EVENT_NODE_IDLE:
        node_log_idle(node);
        break;
    case SIM_EVENT_NODE_STATE:
        node_state_written(node);
        break;
    case SIM_EVENT_NODE_FLUSH:
        node_flush(node);
        break;
    case SIM_EVENT_NODE_AIM:
        aim_strike(node);
        break;
    case SIM_EVENT_NODE_BOOT:
        if (!node->boot_held) {
            node_boot(node);
        }
        break;
    default:
        break;
    }
}

static void world_packet(struct sim_world *world, struct sim_packet *packet)
{
    if (packet->to >= SIM_CLIENT_BASE && streamer_is(packet->to - SIM_CLIENT_BASE)) {
        streamer_take(world, packet->to - SIM_CLIENT_BASE, packet);
    } else if (packet->to >= SIM_CLIENT_BASE) {
        client_take(&world->clients[packet->to - SIM_CLIENT_BASE], packet);
    } else {
        node_take_packet(&world->nodes[packet->to], packet);
    }
    network_release(&world->network, packet);
}

static bool event_is_nodes(const struct sim_event *event)
{
    return event->kind <= SIM_EVENT_NODE_FLOW && event->target < SIM_CLIENT_BASE;
}

static void world_event(struct sim_world *world, const struct sim_event *event)
{
    switch ((int)event->kind) {
    case SIM_EVENT_PACKET:
        world_packet(world, event->data);
        break;
    case SIM_EVENT_NODE_FLOW:
        node_flow_tick(event->data);
        node_flow_unref(event->data);
        break;
    case SIM_EVENT_CLIENT:
        if (streamer_is(event->target)) {
            streamer_tick(world, event->target);
            break;
        }
        client_timer(&world->clients[event->target], event->epoch);
        break;
    case SIM_EVENT_FAULT_BEGIN:
        nemesis_strike(world, event->target);
        break;
    case SIM_EVENT_FAULT_END:
        nemesis_relent(world, event->target);
        break;
    default:
        world_node_event(world, event);
        break;
    }
}

void world_run(struct sim_world *world, const struct sim_options *options)
{
    struct sim_event event;
    world_open(world, options);
    while (!world->history.violation.found && world->phase != SIM_PHASE_OVER &&
           sim_heap_pop(&world->heap, &event)) {
        world->now_us = event.at_us;
        if (event_is_nodes(&event) &&
            world->nodes[event.target].paused_until_us > world->now_us) {
            event.at_us = world->nodes[event.target].paused_until_us;
            sim_heap_push(&world->heap, event);
            continue;
        }
        world->counts.events++;
        world_event(world, &event);
        world_look(world);
    }
    if (!world->history.violation.found) {
        history_finish(&world->history);
    }
    world->counts.virtual_us = world->now_us - SIM_START_US;
}
