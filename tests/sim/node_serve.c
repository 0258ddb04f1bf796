/* SPDX-License-Identifier: Apache-2.0 */
/* What comes to a node over the network, and what goes back. */
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/replica/command.h"
#include "tests/sim/world.h"

enum {
    LEDGER_PAGE = 1000,
    FEED_PAGE = 17, /* so that pages end within entries */
};

/* --- Calls ----------------------------------------------------------------------------- */

struct node_call *node_call_take(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct node_call *call = world->free_calls;
    if (node->call_count >= SIM_NODE_CALLS_MAX) {
        return NULL;
    }
    if (call != NULL) {
        world->free_calls = call->next;
    } else {
        call = memory_zalloc(sizeof *call);
        arena_init(&call->arena, NULL, 0, 0);
        buffer_init(&call->bytes);
    }
    call->references = 1;
    call->node = node;
    call->flow = NULL;
    list_append(&node->calls, &call->link);
    node->call_count++;
    return call;
}

void node_call_ref(struct node_call *call)
{
    call->references++;
}

void node_call_unref(struct node_call *call)
{
    ASSERT(call->references > 0);
    if (--call->references > 0) {
        return;
    }
    struct sim_world *world = call->node->world;
    if (call->flow != NULL) {
        node_flow_unref(call->flow);
    }
    arena_reset(&call->arena);
    buffer_clear(&call->bytes);
    call->next = world->free_calls;
    world->free_calls = call;
}

static void reply_with(struct sim_node *node, uint32_t to, uint64_t attempt,
                       const struct sim_result *result, struct node_call *call)
{
    struct sim_world *world = node->world;
    struct sim_packet *packet =
        network_packet(&world->network, SIM_PACKET_REPLY, node->id, to);
    packet->attempt = attempt;
    packet->result = *result;
    if (call != NULL) {
        node_call_ref(call);
        packet->call = call;
    }
    network_send(&world->network, world->now_us, packet);
}

void node_reply(struct sim_node *node, uint32_t to, uint64_t attempt,
                const struct sim_result *result)
{
    reply_with(node, to, attempt, result, NULL);
}

/* --- Answers --------------------------------------------------------------------------- */

static void result_level(struct sim_result *result, const struct inventory_level *level)
{
    result->has_level = true;
    memcpy(result->buckets, level->buckets, sizeof result->buckets);
    result->available = level->available;
}

static void result_hold(struct sim_result *result, const struct inventory_hold *hold)
{
    result->has_hold = true;
    result->hold = hold->hold_id;
    result->hold_state = hold->state;
    result->create_ms = hold->create_ms;
    result->expire_ms = hold->expire_ms;
    result->end_ms = hold->end_ms;
    result->unsettled = hold->unsettled;
    for (uint32_t i = 0; i < hold->line_count && i < SIM_LINES_MAX; i++) {
        result->granted[i] = hold->lines[i].granted;
    }
}

static void node_answer_outcome(const struct inventory_outcome *outcome,
                                struct sim_result *result)
{
    result->replayed = outcome->replayed;
    result->pending = outcome->pending;
    if (outcome->has_level) {
        result_level(result, &outcome->level);
    }
    if (outcome->has_hold) {
        result_hold(result, &outcome->hold);
    }
}

static void node_answer_write(const struct node_call *call, struct sim_result *result)
{
    const struct replica_outcome *outcome = &call->outcome;
    result->appended = call->call.appended_count > 0;
    if (call->call.status != STATUS_OK) {
        return;
    }
    result->decided = true;
    result->status = outcome->status;
    if (outcome->kind == REPLICA_CUSTOMER) {
        result->replayed = outcome->customer.replayed || outcome->customer.duplicates > 0;
        return;
    }
    node_answer_outcome(&outcome->inventory, result);
}

static void node_answer_read(const struct node_call *call, struct sim_result *result)
{
    const struct inventory_answer *answer = &call->answer.inventory;
    if (call->call.status != STATUS_OK && call->call.status != STATUS_NOT_FOUND) {
        return;
    }
    if (call->request.kind == SIM_REQUEST_OUTCOME) {
        result->decided = call->call.status == STATUS_OK && !answer->outcome->pending;
        if (result->decided) {
            result->status = answer->outcome->status;
            node_answer_outcome(answer->outcome, result);
            result->unsettled = answer->pending_count > 0;
        }
        return;
    }
    result->decided = true;
    if (call->call.status == STATUS_OK && answer->level_count == 1) {
        result_level(result, &answer->levels[0]);
    }
    if (call->call.status == STATUS_OK && answer->hold_count == 1) {
        result_hold(result, &answer->holds[0]);
    }
}

static void node_call_done(struct shard_call *base)
{
    struct node_call *call = CONTAINER_OF(base, struct node_call, call);
    struct sim_node *node = call->node;
    list_remove(&call->link);
    list_init(&call->link);
    node->call_count--;
    if (call->flow != NULL) {
        node_flow_part_done(call);
    } else if (call->request.kind != SIM_REQUEST_PARCEL) {
        struct sim_result result = {.status = base->status, .stamp = base->stamp};
        if (base->status == STATUS_NOT_LEADER && base->leader_replica_id != 0) {
            result.leader = node_of_replica(base->leader_replica_id) + 1;
        }
        if (call->request.kind == SIM_REQUEST_PROPOSE) {
            node_answer_write(call, &result);
        } else {
            node_answer_read(call, &result);
        }
        bool large = (call->request.operation == SIM_LEDGER ||
                      call->request.operation == SIM_SOURCE ||
                      call->request.operation == SIM_FEED) &&
                     result.decided;
        reply_with(node, call->from, call->attempt, &result, large ? call : NULL);
    }
    node_call_unref(call);
}

void node_call_submit(struct node_call *call)
{
    call->call.arena = &call->arena;
    call->call.done = node_call_done;
    host_submit(call->node->host, node_now(call->node), &call->call);
    node_wake(call->node);
}

/* --- Requests -------------------------------------------------------------------------- */

static void node_fill_read(struct node_call *call)
{
    const struct sim_world *world = call->node->world;
    const struct sim_request *request = &call->request;
    call->query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY};
    struct inventory_query *query = &call->query.inventory;
    if (request->kind == SIM_REQUEST_OUTCOME) {
        struct inventory_command *asked = arena_zalloc(&call->arena, sizeof *asked);
        enum status status =
            command_decode_sku(buffer_slice(&call->bytes), &call->arena, asked);
        ASSERT(status == STATUS_OK);
        query->kind = INVENTORY_QUERY_OUTCOME;
        query->asked = asked;
        return;
    }
    if (request->operation == SIM_HOLD) {
        query->kind = INVENTORY_QUERY_HOLD;
        query->hold_id = request->hold;
        return;
    }
    if (request->operation == SIM_LEDGER) {
        query->kind = INVENTORY_QUERY_LEDGER;
        query->page_size = LEDGER_PAGE;
        query->page_token = buffer_slice(&call->bytes);
        return;
    }
    if (request->operation == SIM_FEED) {
        query->kind = INVENTORY_QUERY_FEED;
        query->from = (struct ledger_position){request->shard_id, request->token,
                                               request->location};
        query->page_size = FEED_PAGE;
        return;
    }
    call->sku_id = world_sku_id(world, request->sku);
    call->location_id = world_location_id(world, request->location);
    query->kind = INVENTORY_QUERY_LEVEL;
    query->sku_ids = &call->sku_id;
    query->sku_count = 1;
    query->location_ids = &call->location_id;
    query->location_count = 1;
}

static void node_take_request(struct sim_node *node, const struct sim_packet *packet)
{
    const struct sim_request *request = &packet->request;
    if (request->kind == SIM_REQUEST_RECOMMEND) {
        node_flow_start(node, packet);
        return;
    }
    struct node_call *call = node_call_take(node);
    if (call == NULL) {
        return;
    }
    call->from = packet->from;
    call->attempt = packet->attempt;
    call->request = *request;
    buffer_append_slice(&call->bytes, buffer_slice(&packet->bytes));
    if (request->kind == SIM_REQUEST_PROPOSE) {
        call->command = buffer_slice(&call->bytes);
        shard_call_init_propose(&call->call, request->shard_id, &call->command, 1,
                                &call->outcome);
    } else {
        node_fill_read(call);
        shard_call_init_read(&call->call, request->shard_id, &call->query, &call->answer);
    }
    call->call.deadline_us = node_now(node).monotonic_us + request->timeout_us;
    node_call_submit(call);
}

/* What a shard here has been told by another. */
static void node_take_parcel(struct sim_node *node, const struct sim_packet *packet)
{
    struct node_call *call = node_call_take(node);
    if (call == NULL) {
        return;
    }
    call->request = (struct sim_request){.kind = SIM_REQUEST_PARCEL,
                                         .shard_id = packet->peer.shard_id};
    buffer_append_slice(&call->bytes, buffer_slice(&packet->bytes));
    call->command = buffer_slice(&call->bytes);
    shard_call_init_propose(&call->call, packet->peer.shard_id, &call->command, 1,
                            &call->outcome);
    node_call_submit(call);
}

/* To whoever leads there, as far as the member here knows; else to anybody. */
static void node_send_parcel(struct sim_node *node, const struct host_parcel *parcel)
{
    struct sim_world *world = node->world;
    unsigned range = shard_map_find(&world->map, SHARD_MAP_SKU, parcel->parcel.hash);
    uint64_t shard_id = shard_map_range(&world->map, SHARD_MAP_SKU, range)->shard_id;
    const struct replica *member = host_replica(node->host, shard_id);
    uint64_t leader = member != NULL ? replica_leader(member) : 0;
    unsigned to = leader != 0 ? node_of_replica(leader)
                              : (unsigned)rng_below(&node->rng, world->node_count);
    struct sim_packet *packet =
        network_packet(&world->network, SIM_PACKET_PARCEL, node->id, to);
    packet->peer.shard_id = shard_id;
    buffer_append_slice(&packet->bytes, parcel->parcel.command);
    network_send(&world->network, world->now_us, packet);
}

void node_carry(struct sim_node *node)
{
    struct host_parcel parcel;
    while (host_take_parcel(node->host, node_now(node), &parcel)) {
        node_send_parcel(node, &parcel);
    }
}

static void node_take_peer(struct sim_node *node, const struct sim_packet *packet)
{
    const struct host_message message = {.shard_id = packet->peer.shard_id,
                                         .from_replica_id = packet->peer.from_replica_id,
                                         .to_replica_id = packet->peer.to_replica_id,
                                         .bytes = buffer_slice(&packet->bytes)};
    host_receive(node->host, node_now(node), &message);
    if (host_failed(node->host) != STATUS_OK) {
        world_violation(node->world, "apply", "node %u cannot go on: %s", node->id,
                        status_name(host_failed(node->host)));
    }
    node_post(node);
    node_wake(node);
}

void node_take_packet(struct sim_node *node, struct sim_packet *packet)
{
    if (!node->up) {
        return; /* nobody is there to refuse it */
    }
    switch (packet->kind) {
    case SIM_PACKET_REQUEST:
        node_take_request(node, packet);
        break;
    case SIM_PACKET_ASK:
        node_flow_ask(node, packet);
        break;
    case SIM_PACKET_ANSWER:
        if (packet->part.flow->node == node) {
            node_flow_answer(packet->part.flow, packet->part.ask, packet->call);
        }
        break;
    case SIM_PACKET_PEER:
        node_take_peer(node, packet);
        break;
    case SIM_PACKET_PARCEL:
        node_take_parcel(node, packet);
        break;
    case SIM_PACKET_REPLY:
        break;
    }
}

void node_packet_drop(struct sim_packet *packet)
{
    if (packet->call != NULL) {
        node_call_unref(packet->call);
    }
    if (packet->kind == SIM_PACKET_ASK || packet->kind == SIM_PACKET_ANSWER) {
        node_flow_unref(packet->part.flow);
    }
}
