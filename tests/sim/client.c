/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/client.h"

#include "shard/base/assert.h"
#include "tests/sim/world.h"

void client_init(struct sim_client *client, struct sim_world *world, unsigned id)
{
    memset(client, 0, sizeof *client);
    client->world = world;
    client->id = id;
    sim_stream_init(&client->rng, world->options.seed, SIM_STREAM_CLIENT + id);
    arena_init(&client->arena, NULL, 0, 0);
    buffer_init(&client->token);
    client_plan(client, 1 + rng_below(&client->rng, SIM_THINK_US));
}

void client_close(struct sim_client *client)
{
    arena_close(&client->arena);
    buffer_close(&client->token);
}

void client_plan(struct sim_client *client, uint64_t after_us)
{
    world_plan(client->world, client->world->now_us + after_us, SIM_EVENT_CLIENT,
               client->id, ++client->timer, NULL);
}

static unsigned client_target(struct sim_client *client)
{
    const struct sim_world *world = client->world;
    const struct sim_request *request = &client->request;
    if (request->kind == SIM_REQUEST_RECOMMEND) {
        return (unsigned)rng_below(&client->rng, world->node_count);
    }
    unsigned place = world_shard(world, request->shard_id);
    const struct sim_shard *shard = &world->shards[place];
    return shard->members[client->guess[place] % shard->member_count];
}

static void client_try(struct sim_client *client)
{
    struct sim_world *world = client->world;
    struct sim_packet *packet =
        network_packet(&world->network, SIM_PACKET_REQUEST, SIM_CLIENT_BASE + client->id,
                       client_target(client));
    client->last_attempt = ++world->next_attempt;
    if (client->first_attempt == 0) {
        client->first_attempt = client->last_attempt;
    }
    packet->attempt = client->last_attempt;
    packet->request = client->request;
    buffer_append_slice(&packet->bytes, client->command);
    world->counts.tries++;
    client->state = SIM_CLIENT_WAITING;
    network_send(&world->network, world->now_us, packet);
    client_plan(client, SIM_TRY_US);
}

static void client_begin(struct sim_client *client)
{
    struct sim_world *world = client->world;
    if (!client_choose(client)) {
        return;
    }
    struct sim_operation *operation = &client->operation;
    operation->client = client->id;
    operation->number = ++world->next_operation;
    operation->invoked_us = world->now_us;
    arena_reset(&client->arena);
    client->command = slice_of(NULL, 0);
    hold_flow_init(&client->flow, operation->kind == SIM_MULTI_CREATE
                                      ? INVENTORY_HOLD_CREATE
                                      : INVENTORY_HOLD_COMMIT);
    client_encode(client);
    client->first_attempt = 0;
    client->patience_us =
        sim_percent(&client->rng, 5) ? SIM_IMPATIENCE_US : SIM_PATIENCE_US;
    history_invoke(&world->history, operation);
    client_try(client);
}

static void client_rest(struct sim_client *client)
{
    struct sim_world *world = client->world;
    client->state = SIM_CLIENT_IDLE;
    client_plan(client, world->phase == SIM_PHASE_FAULTS
                            ? sim_wait(&client->rng, SIM_THINK_US)
                            : 1 + rng_below(&client->rng, SIM_THINK_US / 20));
}

static void client_give_up(struct sim_client *client)
{
    struct sim_world *world = client->world;
    bool writes = sim_operation_writes(client->operation.kind);
    client->operation.completed_us = world->now_us;
    if (writes) {
        world->counts.info++;
    } else {
        world->counts.fail++; /* a read that nobody answered did nothing */
    }
    history_end(&world->history, &client->operation, NULL);
    client_rest(client);
}

static void client_again(struct sim_client *client)
{
    struct sim_world *world = client->world;
    uint64_t age_us = world->now_us - client->operation.invoked_us;
    if (world->phase == SIM_PHASE_FAULTS && age_us > client->patience_us) {
        client_give_up(client);
        return;
    }
    client->state = SIM_CLIENT_PAUSING;
    client_plan(client, 1 + rng_below(&client->rng, SIM_AGAIN_US));
}

void client_timer(struct sim_client *client, uint64_t timer)
{
    if (timer != client->timer) {
        return;
    }
    switch (client->state) {
    case SIM_CLIENT_IDLE:
        client_begin(client);
        break;
    case SIM_CLIENT_WAITING:
        if (client->request.kind != SIM_REQUEST_RECOMMEND) {
            client->guess[world_shard(client->world, client->request.shard_id)]++;
        }
        client_again(client);
        break;
    case SIM_CLIENT_PAUSING:
        if (sim_operation_spans(client->operation.kind) &&
            client->flow.step == HOLD_STEP_PAUSE) {
            hold_flow_paused(&client->flow);
            client_encode(client);
        }
        client_try(client);
        break;
    case SIM_CLIENT_DONE:
        break;
    }
}

/* The coordinator's part of a hold over several shards. True: it is over. */
static bool client_flow_over(struct sim_client *client, const struct sim_result *result)
{
    struct inventory_outcome outcome = {.status = result->status,
                                        .pending = result->pending,
                                        .has_hold = result->has_hold};
    outcome.hold.unsettled = result->unsettled;
    hold_flow_heard(&client->flow, &outcome);
    client->first_attempt = 0; /* answers of the step before count no more */
    switch (client->flow.step) {
    case HOLD_STEP_PAUSE:
        client->state = SIM_CLIENT_PAUSING;
        client_plan(client, hold_flow_pause_us(&client->flow, rng_next(&client->rng)));
        return false;
    case HOLD_STEP_PROPOSE:
    case HOLD_STEP_WAIT:
    case HOLD_STEP_SEAL:
        client_encode(client);
        client_try(client);
        return false;
    case HOLD_STEP_DONE:
        break;
    }
    return true;
}

static void client_decided(struct sim_client *client, const struct sim_result *result)
{
    struct sim_world *world = client->world;
    struct sim_operation *operation = &client->operation;
    if (sim_operation_spans(operation->kind) && !client_flow_over(client, result)) {
        return;
    }
    operation->completed_us = world->now_us;
    world->counts.ok++;
    world->counts.operations[operation->kind]++;
    history_end(&world->history, operation, result);
    if (sim_operation_writes(operation->kind) && !operation->reused &&
        !operation->repeated && operation->request != 0) {
        client->written = *operation;
        client->answered = *result;
        client->has_written = true;
    }
    if ((operation->kind == SIM_HOLD_CREATE || operation->kind == SIM_MULTI_CREATE) &&
        result->status == STATUS_OK && !operation->repeated) {
        client_remember_hold(client, operation, result);
    }
    if (client->request.kind != SIM_REQUEST_RECOMMEND) {
        unsigned place = world_shard(world, client->request.shard_id);
        if (result->stamp.log_index > client->seen[place]) {
            client->seen[place] = result->stamp.log_index;
        }
    }
    client->since_healing += world->phase == SIM_PHASE_HEALING;
    client_rest(client);
}

/* The node did not decide: the next try goes where it says, or to the next member. */
static void client_refused(struct sim_client *client, const struct sim_result *result)
{
    struct sim_world *world = client->world;
    if (client->request.kind != SIM_REQUEST_RECOMMEND) {
        unsigned place = world_shard(world, client->request.shard_id);
        const struct sim_shard *shard = &world->shards[place];
        client->guess[place]++;
        for (unsigned i = 0; i < shard->member_count; i++) {
            if (result->leader == shard->members[i] + 1) {
                client->guess[place] = i;
            }
        }
    }
    client_again(client);
}

static void client_turn_page(struct sim_client *client, const struct node_call *call)
{
    const struct inventory_answer *answer = &call->answer.inventory;
    client->more = answer->next_page_token.size > 0;
    buffer_clear(&client->token);
    buffer_append_slice(&client->token, answer->next_page_token);
    history_ledger(&client->world->history, answer->movements, answer->movement_count);
}

void client_take(struct sim_client *client, const struct sim_packet *packet)
{
    bool busy =
        client->state == SIM_CLIENT_WAITING || client->state == SIM_CLIENT_PAUSING;
    if (packet->kind != SIM_PACKET_REPLY || !busy ||
        packet->attempt < client->first_attempt) {
        return; /* of an operation that is over */
    }
    if (packet->result.decided) {
        if (packet->call != NULL) {
            client_turn_page(client, packet->call);
        }
        client_decided(client, &packet->result);
    } else if (packet->attempt == client->last_attempt &&
               client->state == SIM_CLIENT_WAITING) {
        client_refused(client, &packet->result);
    }
}
