/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A recommendation at the node that was asked: the coordinator's flow, whose questions
 * travel to the nodes that have the shards and back. What a question or an answer points
 * at stays where it was made; packets hold it while they are on the way.
 */
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "tests/sim/world.h"

enum {
    FLOW_SOFT_US = 400000, /* the answer is given by then */
};

void node_flow_ref(struct node_flow *flow)
{
    flow->references++;
}

void node_flow_unref(struct node_flow *flow)
{
    ASSERT(flow->references > 0);
    if (--flow->references == 0) {
        struct sim_world *world = flow->node->world;
        while (flow->kept != NULL) {
            struct node_call *call = flow->kept;
            flow->kept = call->next;
            node_call_unref(call);
        }
        arena_reset(&flow->arena);
        flow->next = world->free_flows;
        world->free_flows = flow;
    }
}

static struct node_flow *flow_take(struct sim_node *node)
{
    struct sim_world *world = node->world;
    struct node_flow *flow = world->free_flows;
    if (flow != NULL) {
        world->free_flows = flow->next;
    } else {
        flow = memory_zalloc(sizeof *flow);
        arena_init(&flow->arena, NULL, 0, 0);
    }
    flow->references = 1;
    flow->node = node;
    flow->epoch = node->epoch;
    flow->due_us = 0;
    flow->kept = NULL;
    flow->linked = true;
    list_append(&node->flows, &flow->link);
    return flow;
}

static void flow_end(struct node_flow *flow)
{
    if (flow->linked) {
        list_remove(&flow->link);
        flow->linked = false;
        node_flow_unref(flow);
    }
}

static unsigned flow_sku(const struct sim_world *world, uint64_t hash)
{
    unsigned sku = 0;
    while (sku < world->sku_count && world->sku_hashes[sku] != hash) {
        sku++;
    }
    return sku;
}

static void flow_reply(struct node_flow *flow)
{
    const struct sim_world *world = flow->node->world;
    struct sim_result result = {.status = flow->flow.status, .decided = true};
    for (uint32_t i = 0; i < flow->flow.shown_count && i < SIM_ITEMS_MAX; i++) {
        const struct recommend_shown *shown = &flow->flow.shown[i];
        unsigned sku =
            shown->stock != NULL ? flow_sku(world, shown->stock->sku_hash) : UINT32_MAX;
        if (sku < world->sku_count) {
            result.items[result.item_count++] = (struct sim_item){
                .sku = sku,
                .available = shown->stock->best_available,
                .log_index = shown->reply->applied_index,
            };
        }
    }
    node_reply(flow->node, flow->from, flow->attempt, &result);
}

static unsigned flow_where(struct sim_node *node, const struct sim_shard *shard)
{
    const struct replica *replica = host_replica(node->host, shard->shard_id);
    if (replica != NULL && replica_leader(replica) != 0) {
        return node_of_replica(replica_leader(replica));
    }
    return shard->members[rng_below(&node->rng, shard->member_count)];
}

static void flow_pump(struct node_flow *flow)
{
    struct sim_node *node = flow->node;
    struct sim_world *world = node->world;
    const struct recommend_ask *ask;
    while ((ask = recommend_flow_next(&flow->flow)) != NULL) {
        uint64_t shard_id =
            shard_map_range(&world->map, ask->table, ask->shard)->shard_id;
        const struct sim_shard *shard = &world->shards[world_shard(world, shard_id)];
        struct sim_packet *packet = network_packet(&world->network, SIM_PACKET_ASK,
                                                   node->id, flow_where(node, shard));
        node_flow_ref(flow);
        packet->part.flow = flow;
        packet->part.ask = ask;
        network_send(&world->network, world->now_us, packet);
    }
    if (recommend_flow_done(&flow->flow)) {
        flow_reply(flow);
        flow_end(flow);
        return;
    }
    uint64_t due_us = sim_clock_when(&node->clock, recommend_flow_due(&flow->flow));
    due_us = due_us > world->now_us ? due_us : world->now_us + 1;
    if (flow->due_us == 0 || due_us < flow->due_us) {
        flow->due_us = due_us;
        node_flow_ref(flow);
        world_plan(world, due_us, SIM_EVENT_NODE_FLOW, node->id, flow->epoch, flow);
    }
}

static bool flow_lives(const struct node_flow *flow)
{
    return flow->linked && flow->node->up && flow->epoch == flow->node->epoch;
}

void node_flow_start(struct sim_node *node, const struct sim_packet *packet)
{
    struct sim_world *world = node->world;
    struct node_flow *flow = flow_take(node);
    struct moment now = node_now(node);
    struct recommend_plan plan;
    const enum placement_name names[] = {PLACEMENT_SESSION, PLACEMENT_FOR_YOU,
                                         PLACEMENT_ALSO_BOUGHT};
    flow->from = packet->from;
    flow->attempt = packet->attempt;
    recommend_plan_init(&plan, &world->map);
    plan.placement = placement_at(names[rng_below(&node->rng, 3)]);
    plan.has_actor = true;
    plan.actor = world_customer(packet->request.customer);
    flow->session[0] = world->sku_hashes[packet->request.sku];
    plan.session_items = flow->session;
    plan.session_item_count = 1;
    plan.count = SIM_ITEMS_MAX;
    plan.stock = RECOMMEND_STOCK_VERIFIED;
    plan.soft_us = plan.grace_us = now.monotonic_us + FLOW_SOFT_US;
    struct recommend_tables tables = {.trending = host_trending(node->host)};
    for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
        tables.degrees[kind] = host_degrees(node->host, (enum recommend_degrees)kind);
    }
    recommend_flow_start(&flow->flow, &plan, &tables, &flow->arena, now);
    flow_pump(flow);
}

void node_flow_tick(struct node_flow *flow)
{
    if (flow_lives(flow)) {
        flow->due_us = 0;
        recommend_flow_tick(&flow->flow, node_now(flow->node));
        flow_pump(flow);
    }
}

/* --- At the node of the shard ---------------------------------------------------------- */

static void ask_fill(const struct node_flow *flow, const struct recommend_ask *ask,
                     struct replica_query *query)
{
    *query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY};
    if (ask->kind == RECOMMEND_CONTEXT) {
        bool actions = ask->actions != RECOMMEND_ACTIONS_NONE;
        query->kind = REPLICA_QUERY_CONTEXT;
        query->customer = (struct replica_customer_query){
            .customer = flow->flow.plan.actor,
            .clicks_max = RECOMMEND_FLOW_CLICKS_MAX,
            .actions_max = actions ? HISTORIES_ACTIONS_MAX : 0,
            .actions_without_clicks = ask->actions == RECOMMEND_ACTIONS_WITHOUT_CLICKS};
    } else if (ask->kind == RECOMMEND_TOKENS) {
        query->kind = REPLICA_QUERY_TOKENS;
        query->tokens = (struct replica_tokens_query){
            .sku_hashes = ask->sku_hashes, .sku_hash_count = ask->sku_hash_count};
    } else if (ask->kind == RECOMMEND_SEARCH && ask->table == SHARD_MAP_CUSTOMER) {
        query->kind = REPLICA_QUERY_SEARCH;
        query->customer_search = ask->customer_search;
    } else if (ask->kind == RECOMMEND_SEARCH) {
        query->kind = REPLICA_QUERY_SKU_SEARCH;
        query->sku_search = ask->sku_search;
    } else if (ask->kind == RECOMMEND_RANK) {
        query->inventory =
            (struct inventory_query){.kind = INVENTORY_QUERY_AVAILABILITY,
                                     .sku_hashes = ask->sku_hashes,
                                     .sku_hash_count = ask->sku_hash_count};
    } else {
        ASSERT(ask->kind == RECOMMEND_CATALOGUE);
        query->inventory =
            (struct inventory_query){.kind = INVENTORY_QUERY_SKU_LIST,
                                     .page_size = RECOMMEND_FLOW_CATALOGUE_PAGE,
                                     .page_token = ask->page_token};
    }
}

void node_flow_ask(struct sim_node *node, const struct sim_packet *packet)
{
    struct node_flow *flow = packet->part.flow;
    const struct recommend_ask *ask = packet->part.ask;
    struct node_call *call = flow_lives(flow) ? node_call_take(node) : NULL;
    if (call == NULL) {
        return;
    }
    node_flow_ref(flow);
    call->flow = flow;
    call->ask = ask;
    call->from = packet->from;
    ask_fill(flow, ask, &call->query);
    uint64_t shard_id =
        shard_map_range(&node->world->map, ask->table, ask->shard)->shard_id;
    shard_call_init_read(&call->call, shard_id, &call->query, &call->answer);
    /* How long the asker listens, by the clock here. */
    call->call.deadline_us =
        sim_clock_read(&node->clock, sim_clock_when(&flow->node->clock, ask->deadline_us))
            .monotonic_us;
    node_call_submit(call);
}

void node_flow_part_done(struct node_call *call)
{
    struct sim_world *world = call->node->world;
    struct sim_packet *packet =
        network_packet(&world->network, SIM_PACKET_ANSWER, call->node->id, call->from);
    node_call_ref(call);
    node_flow_ref(call->flow);
    packet->part.flow = call->flow;
    packet->part.ask = call->ask;
    packet->call = call;
    network_send(&world->network, world->now_us, packet);
}

static void answer_fill(const struct node_call *call, struct recommend_reply *reply)
{
    const struct replica_answer *answer = &call->answer;
    const struct recommend_ask *ask = call->ask;
    if (ask->kind == RECOMMEND_CONTEXT) {
        reply->context = &answer->context;
        reply->actions = &answer->actions;
    } else if (ask->kind == RECOMMEND_TOKENS) {
        reply->tokens = answer->tokens;
        reply->tokens_count = ask->sku_hash_count;
    } else if (ask->kind == RECOMMEND_SEARCH && ask->table == SHARD_MAP_CUSTOMER) {
        reply->customer = answer->customer_found;
    } else if (ask->kind == RECOMMEND_SEARCH) {
        reply->sku = answer->sku_found;
    } else if (ask->kind == RECOMMEND_RANK) {
        reply->availabilities = answer->inventory.availabilities;
        reply->availability_count = answer->inventory.availability_count;
    } else {
        reply->skus = answer->inventory.skus;
        reply->sku_count = answer->inventory.sku_count;
        reply->next_page_token = answer->inventory.next_page_token;
    }
}

/* The flow and its questions may read the answer for as long as they live, so the flow
 * keeps the call, and the call no longer the flow. */
static void flow_keep(struct node_flow *flow, struct node_call *call)
{
    node_call_ref(call);
    call->next = flow->kept;
    flow->kept = call;
    call->flow = NULL;
    node_flow_unref(flow);
}

void node_flow_answer(struct node_flow *flow, const struct recommend_ask *ask,
                      struct node_call *call)
{
    if (!flow_lives(flow) || call->flow == NULL) {
        return; /* nobody waits, or it has come before */
    }
    flow_keep(flow, call);
    const struct shard_call *done = &call->call;
    struct recommend_reply reply = {
        .status = done->status == STATUS_OK ? call->answer.status : done->status,
        .range_epoch = done->stamp.range_epoch,
        .applied_index = done->stamp.log_index,
        .log_time_ms = done->stamp.log_time_ms,
    };
    if (reply.status == STATUS_OK) {
        answer_fill(call, &reply);
    }
    recommend_flow_answer(&flow->flow, ask, &reply, node_now(flow->node));
    flow_pump(flow);
}
