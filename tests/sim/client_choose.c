/* SPDX-License-Identifier: Apache-2.0 */
/* What a client does next, and how it is said. */
#include <stdio.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/replica/command.h"
#include "tests/sim/world.h"

enum {
    FIRST_UNITS_MOST = 40,
    REQUEST_AGE_MOST_MS = 2000, /* how far behind a client's clock may be */
    LIFE_MAX_MS = 24 * 3600 * 1000,
    OWNER_HOLDS_MAX = 10000,
    LINES_MAX = 200,
    PREPARE_MS = 2000,
    ATTRIBUTES_MAX = 64,
};

static uint64_t draw(struct sim_client *client, uint64_t bound)
{
    return rng_below(&client->rng, bound);
}

/* --- Setting up, reading at the end ---------------------------------------------------- */

static unsigned sku_shards(const struct sim_world *world)
{
    return shard_map_count(&world->map, SHARD_MAP_SKU);
}

/* Locations at their home and at every other SKU shard, SKUs, first stock. */
static bool choose_setup(struct sim_client *client)
{
    struct sim_world *world = client->world;
    unsigned at = world->setup_next;
    unsigned locations = world->location_count * sku_shards(world);
    struct sim_operation *operation = &client->operation;
    if (client->id != 0) {
        client->state = SIM_CLIENT_IDLE;
        client_plan(client, SIM_THINK_US);
        return false;
    }
    world->setup_next++;
    *operation = (struct sim_operation){.request = world->next_operation + 1};
    if (at < locations) {
        operation->kind = SIM_LOCATION;
        operation->location = at % world->location_count;
        operation->quantity = at / world->location_count; /* 0: at home */
        return true;
    }
    at -= locations;
    if (at < world->sku_count) {
        operation->kind = SIM_SKU;
        operation->sku = at;
        return true;
    }
    at -= world->sku_count;
    if (at < world->sku_count * world->location_count) {
        operation->kind = SIM_SET;
        operation->sku = at % world->sku_count;
        operation->location = at / world->sku_count;
        operation->quantity = (int64_t)draw(client, FIRST_UNITS_MOST);
        return true;
    }
    world_begin_faults(world);
    client->state = SIM_CLIENT_IDLE;
    client_plan(client, SIM_THINK_US);
    return false;
}

static bool choose_reading(struct sim_client *client)
{
    struct sim_world *world = client->world;
    unsigned levels = world->sku_count * world->location_count;
    client->operation = (struct sim_operation){0};
    if (client->id == 0 && (!world_others_done(world) ||
                            (client->read_next == 0 && !world_is_settled(world)))) {
        client_plan(client, SIM_AGAIN_US);
        return false;
    }
    if (client->id == 0 && client->more) { /* the page after the last one */
        client->operation.kind = SIM_LEDGER;
        client->operation.location = client->read_next - levels - 1;
        return true;
    }
    unsigned at = client->read_next++;
    if (client->id == 0 && at < levels) {
        client->operation.kind = SIM_LEVEL;
        client->operation.sku = at % world->sku_count;
        client->operation.location = at / world->sku_count;
        return true;
    }
    if (client->id == 0 && at - levels < sku_shards(world)) {
        client->operation.kind = SIM_LEDGER;
        client->operation.location = at - levels;
        return true;
    }
    client->state = SIM_CLIENT_DONE;
    return false;
}

/* --- At work --------------------------------------------------------------------------- */

/* Two or three SKUs, on more than one shard. */
static void choose_multi(struct sim_client *client, struct sim_operation *operation)
{
    struct sim_world *world = client->world;
    unsigned first = (unsigned)draw(client, world->span_count);
    unsigned lines = sim_percent(&client->rng, 40) ? SIM_LINES_MAX : 2;
    operation->kind = SIM_MULTI_CREATE;
    operation->mode = HOLD_MODE_ALL_OR_NOTHING;
    operation->ttl_ms = (int64_t)sim_between(&client->rng, 500, 8000);
    if (sim_percent(&client->rng, 30)) {
        operation->ttl_ms = (int64_t)sim_between(&client->rng, 8000, 60000);
    }
    operation->line_count = 0;
    for (unsigned i = 0; i < world->span_count && operation->line_count < lines; i++) {
        unsigned sku = world->span_skus[(first + i) % world->span_count];
        bool last = operation->line_count + 1 == lines || i + 2 >= world->span_count;
        bool elsewhere = false;
        for (unsigned k = 0; k < operation->line_count; k++) {
            elsewhere = elsewhere || world->sku_shards[operation->lines[k].sku] !=
                                         world->sku_shards[sku];
        }
        if (last && operation->line_count > 0 && !elsewhere) {
            bool spans = operation->line_count > 1 &&
                         world->sku_shards[operation->lines[0].sku] !=
                             world->sku_shards[operation->lines[1].sku];
            if (!spans) {
                continue; /* the last line has to lie on another shard */
            }
        }
        operation->lines[operation->line_count++] = (struct sim_hold_line){
            .sku = sku,
            .location = (unsigned)draw(client, world->location_count),
            .quantity = (int64_t)sim_between(&client->rng, 1, 4)};
    }
    operation->sku = operation->lines[0].sku;
}

/* The operation for a hold over several shards. */
static enum sim_operation_kind multi_kind(enum sim_operation_kind kind)
{
    static const enum sim_operation_kind kinds[SIM_OPERATION_KINDS] = {
        [SIM_HOLD_EXTEND] = SIM_MULTI_EXTEND,   [SIM_HOLD_COMMIT] = SIM_MULTI_COMMIT,
        [SIM_HOLD_RELEASE] = SIM_MULTI_RELEASE, [SIM_HOLD_FULFIL] = SIM_MULTI_FULFIL,
        [SIM_HOLD_CANCEL] = SIM_MULTI_CANCEL,   [SIM_HOLD] = SIM_HOLD,
    };
    return kinds[kind];
}

static void choose_hold(struct sim_client *client, struct sim_operation *operation)
{
    struct sim_world *world = client->world;
    if (world->span_count > 0 && sim_percent(&client->rng, 50)) {
        choose_multi(client, operation);
        return;
    }
    operation->kind = SIM_HOLD_CREATE;
    operation->mode =
        sim_percent(&client->rng, 80) ? HOLD_MODE_ALL_OR_NOTHING : HOLD_MODE_BEST_EFFORT;
    /* Most lives are short, so that many end by themselves. */
    operation->ttl_ms = (int64_t)sim_between(&client->rng, 50, 4000);
    if (sim_percent(&client->rng, 20)) {
        operation->ttl_ms = (int64_t)sim_between(&client->rng, 5000, 60000);
    }
    operation->line_count = 1;
    operation->lines[0] =
        (struct sim_hold_line){.sku = operation->sku,
                               .location = operation->location,
                               .quantity = (int64_t)sim_between(&client->rng, 1, 6)};
    unsigned other = (unsigned)draw(client, world->sku_count);
    if (sim_percent(&client->rng, 30) && other != operation->sku &&
        world->sku_shards[other] == world->sku_shards[operation->sku]) {
        operation->line_count = 2;
        operation->lines[1] = (struct sim_hold_line){
            .sku = other,
            .location = (unsigned)draw(client, world->location_count),
            .quantity = (int64_t)sim_between(&client->rng, 1, 3)};
    }
}

static void choose_known(struct sim_client *client, struct sim_operation *operation,
                         enum sim_operation_kind kind)
{
    struct sim_world *world = client->world;
    if (world->hold_count == 0) {
        choose_hold(client, operation);
        return;
    }
    unsigned known =
        world->hold_count < SIM_HOLDS_KNOWN ? world->hold_count : SIM_HOLDS_KNOWN;
    const struct sim_known_hold *hold = &world->holds[draw(client, known)];
    operation->kind = hold->spans ? multi_kind(kind) : kind;
    operation->hold = hold->hold;
    operation->sku = hold->lines[0].sku;
    operation->line_count = hold->line_count;
    memcpy(operation->lines, hold->lines, sizeof operation->lines);
    operation->ttl_ms = (int64_t)sim_between(&client->rng, 100, 8000);
}

static void choose_again(struct sim_client *client, struct sim_operation *operation)
{
    if (!client->has_written) {
        operation->kind = SIM_LEVEL;
        operation->request = 0;
        return;
    }
    *operation = client->written;
    operation->repeated = true;
    if ((operation->kind == SIM_ADJUST || operation->kind == SIM_SET) &&
        sim_percent(&client->rng, 40)) {
        operation->repeated = false;
        operation->reused = true;
        operation->quantity = operation->quantity == 7 ? 9 : 7;
    }
}

/* Some of the units that would leave go to another location instead. */
static void choose_move(const struct sim_world *world, struct sim_operation *operation)
{
    if (operation->quantity < 0 && operation->request % 3 == 0 &&
        world->location_count > 1) {
        operation->kind = SIM_MOVE;
        operation->quantity = -operation->quantity;
        operation->to_location = (operation->location + 1) % world->location_count;
    }
}

static bool choose_work(struct sim_client *client)
{
    struct sim_world *world = client->world;
    struct sim_operation *operation = &client->operation;
    *operation = (struct sim_operation){
        .request = world->next_operation + 1,
        .sku = (unsigned)draw(client, world->sku_count),
        .location = (unsigned)draw(client, world->location_count),
        .customer = (unsigned)draw(client, world->customer_count),
    };
    uint64_t pick = draw(client, 100);
    if (pick < 18) {
        operation->kind = SIM_ADJUST;
        operation->quantity = (int64_t)sim_between(&client->rng, 1, 8);
        operation->quantity *= sim_percent(&client->rng, 40) ? -1 : 1;
        choose_move(world, operation);
    } else if (pick < 22) {
        operation->kind = SIM_SET;
        operation->quantity = (int64_t)draw(client, FIRST_UNITS_MOST);
        operation->has_expected = sim_percent(&client->rng, 50);
        operation->expected = (int64_t)draw(client, FIRST_UNITS_MOST);
    } else if (pick < 42) {
        choose_hold(client, operation);
    } else if (pick < 52) {
        choose_known(client, operation, SIM_HOLD_COMMIT);
    } else if (pick < 58) {
        choose_known(client, operation, SIM_HOLD_RELEASE);
    } else if (pick < 64) {
        choose_known(client, operation, SIM_HOLD_FULFIL);
    } else if (pick < 67) {
        choose_known(client, operation, SIM_HOLD_CANCEL);
    } else if (pick < 71) {
        choose_known(client, operation, SIM_HOLD_EXTEND);
    } else if (pick < 77) {
        choose_again(client, operation);
    } else if (pick < 80) {
        operation->kind = SIM_EVENT;
    } else if (pick < 82) {
        operation->kind = SIM_RECOMMEND;
    } else if (pick < 89) {
        choose_known(client, operation, SIM_HOLD);
    } else {
        operation->kind = SIM_LEVEL;
        operation->session = sim_percent(&client->rng, 40);
    }
    if (!sim_operation_writes(operation->kind)) {
        operation->request = 0;
    }
    return true;
}

bool client_choose(struct sim_client *client)
{
    switch (client->world->phase) {
    case SIM_PHASE_SETUP:
        return choose_setup(client);
    case SIM_PHASE_FAULTS:
    case SIM_PHASE_HEALING:
        return choose_work(client);
    case SIM_PHASE_READING:
        return choose_reading(client);
    case SIM_PHASE_OVER:
        break;
    }
    client->state = SIM_CLIENT_DONE;
    return false;
}

void client_remember_hold(struct sim_client *client,
                          const struct sim_operation *operation,
                          const struct sim_result *result)
{
    struct sim_world *world = client->world;
    struct sim_known_hold *hold = &world->holds[world->hold_count++ % SIM_HOLDS_KNOWN];
    hold->hold = result->hold;
    hold->spans = sim_operation_spans(operation->kind);
    hold->line_count = operation->line_count;
    memcpy(hold->lines, operation->lines, sizeof hold->lines);
}

/* --- As commands ----------------------------------------------------------------------- */

static void encode_hold(const struct sim_world *world,
                        const struct sim_operation *operation,
                        struct inventory_hold_line *lines,
                        struct inventory_command *command)
{
    for (unsigned i = 0; i < operation->line_count; i++) {
        const struct sim_hold_line *line = &operation->lines[i];
        lines[i] = (struct inventory_hold_line){
            .sku_id = world_sku_id(world, line->sku),
            .location_id = world_location_id(world, line->location),
            .quantity = line->quantity};
    }
    command->kind = INVENTORY_HOLD_CREATE;
    command->hold_create = (struct inventory_hold_create){
        .lines = lines,
        .line_count = operation->line_count,
        .mode = operation->mode,
        .ttl_kind = HOLD_TTL_DURATION,
        .ttl_ms = operation->ttl_ms,
        .life_max_ms = LIFE_MAX_MS,
        .owner_holds_max = OWNER_HOLDS_MAX,
        .lines_max = LINES_MAX,
        .nonce = hash_mix(operation->request),
        .prepare_ms = operation->kind == SIM_MULTI_CREATE ? PREPARE_MS : 0,
    };
}

static void encode_change(const struct sim_operation *operation,
                          struct inventory_command *command)
{
    static const enum inventory_command_kind kinds[SIM_OPERATION_KINDS] = {
        [SIM_HOLD_EXTEND] = INVENTORY_HOLD_EXTEND,
        [SIM_HOLD_COMMIT] = INVENTORY_HOLD_COMMIT,
        [SIM_HOLD_RELEASE] = INVENTORY_HOLD_RELEASE,
        [SIM_HOLD_FULFIL] = INVENTORY_HOLD_FULFIL,
        [SIM_HOLD_CANCEL] = INVENTORY_HOLD_CANCEL,
        [SIM_MULTI_EXTEND] = INVENTORY_HOLD_EXTEND,
        [SIM_MULTI_COMMIT] = INVENTORY_HOLD_COMMIT,
        [SIM_MULTI_RELEASE] = INVENTORY_HOLD_RELEASE,
        [SIM_MULTI_FULFIL] = INVENTORY_HOLD_FULFIL,
        [SIM_MULTI_CANCEL] = INVENTORY_HOLD_CANCEL,
    };
    command->kind = kinds[operation->kind];
    command->hold_change.hold_id = operation->hold;
    if (command->kind == INVENTORY_HOLD_EXTEND) {
        command->hold_change.ttl_kind = HOLD_TTL_DURATION;
        command->hold_change.ttl_ms = operation->ttl_ms;
        command->hold_change.life_max_ms = LIFE_MAX_MS;
    }
}

static void encode_stock(const struct sim_world *world,
                         const struct sim_operation *operation,
                         struct inventory_command *command)
{
    if (operation->kind == SIM_ADJUST) {
        command->kind = INVENTORY_STOCK_ADJUST;
        command->stock_adjust = (struct inventory_stock_adjust){
            .sku_id = world_sku_id(world, operation->sku),
            .location_id = world_location_id(world, operation->location),
            .bucket = STOCK_BUCKET_ON_HAND,
            .delta = operation->quantity,
            .reason = operation->quantity > 0 ? STOCK_REASON_RECEIPT : STOCK_REASON_SALE};
        return;
    }
    if (operation->kind == SIM_MOVE) {
        command->kind = INVENTORY_STOCK_MOVE;
        command->stock_move = (struct inventory_stock_move){
            .sku_id = world_sku_id(world, operation->sku),
            .location_id = world_location_id(world, operation->location),
            .bucket = STOCK_BUCKET_ON_HAND,
            .to_location_id = world_location_id(world, operation->to_location),
            .to_bucket = STOCK_BUCKET_ON_HAND,
            .quantity = operation->quantity};
        return;
    }
    command->kind = INVENTORY_STOCK_SET;
    command->stock_set = (struct inventory_stock_set){
        .sku_id = world_sku_id(world, operation->sku),
        .location_id = world_location_id(world, operation->location),
        .mask = 1u << STOCK_BUCKET_ON_HAND,
        .has_expected_on_hand = operation->has_expected,
        .expected_on_hand = operation->expected,
        .reason = STOCK_REASON_COUNT};
    command->stock_set.buckets[STOCK_BUCKET_ON_HAND] = operation->quantity;
}

static void encode_catalog(const struct sim_world *world,
                           const struct sim_operation *operation,
                           struct inventory_command *command)
{
    if (operation->kind == SIM_SKU) {
        command->kind = INVENTORY_SKU_UPSERT;
        command->sku_upsert.sku.sku_id = world_sku_id(world, operation->sku);
        command->sku_upsert.sku.name = world_sku_id(world, operation->sku);
        command->sku_upsert.update_mask = SKU_FIELDS_ALL;
        command->sku_upsert.attributes_max = ATTRIBUTES_MAX;
        return;
    }
    command->kind =
        operation->quantity == 0 ? INVENTORY_LOCATION_UPSERT : INVENTORY_LOCATION_COPY;
    struct inventory_location *location = &command->location_upsert.location;
    location->location_id = world_location_id(world, operation->location);
    location->type = LOCATION_TYPE_STORE;
    if (operation->quantity != 0) {
        location->version = 1;
        location->etag = 1;
    }
}

static void encode_event(struct sim_client *client)
{
    const struct sim_world *world = client->world;
    const struct sim_operation *operation = &client->operation;
    char name[32];
    snprintf(name, sizeof name, "e%llu", (unsigned long long)operation->request);
    struct customer_event event = {
        .event_id = slice_from_string(name),
        .customer = world_customer(operation->customer),
        .kind =
            operation->request % 3 == 0 ? CUSTOMER_EVENT_PURCHASE : CUSTOMER_EVENT_VIEW,
        .sku_hash = world->sku_hashes[operation->sku],
        .sku_id = world_sku_id(world, operation->sku),
        .quantity = 1,
        .occurred_ms = operation->request_ms,
    };
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .record = {.events = &event, .event_count = 1}};
    client->request.shard_id =
        world->shards[world_customer_shard(world, operation->customer)].shard_id;
    enum status status =
        command_encode_customer(&command, &client->arena, &client->command);
    ASSERT(status == STATUS_OK);
}

static uint64_t shard_of_hash(const struct sim_world *world, uint64_t hash)
{
    unsigned place = shard_map_find(&world->map, SHARD_MAP_SKU, hash);
    return shard_map_range(&world->map, SHARD_MAP_SKU, place)->shard_id;
}

static void encode_write(struct sim_client *client)
{
    const struct sim_world *world = client->world;
    const struct sim_operation *operation = &client->operation;
    struct inventory_hold_line lines[SIM_LINES_MAX];
    struct inventory_command command = {0};
    if (operation->kind == SIM_LOCATION || operation->kind == SIM_SKU) {
        encode_catalog(world, operation, &command);
    } else if (operation->kind == SIM_ADJUST || operation->kind == SIM_SET ||
               operation->kind == SIM_MOVE) {
        encode_stock(world, operation, &command);
    } else if (operation->kind == SIM_HOLD_CREATE ||
               operation->kind == SIM_MULTI_CREATE) {
        encode_hold(world, operation, lines, &command);
    } else {
        encode_change(operation, &command);
    }
    uint64_t anchor = inventory_command_anchor(&command, SIM_HASH_SEED);
    client->request.shard_id = shard_of_hash(world, anchor);
    if (command.kind == INVENTORY_LOCATION_COPY) {
        unsigned home = shard_map_find(&world->map, SHARD_MAP_SKU, anchor);
        unsigned place = (home + (unsigned)operation->quantity) % sku_shards(world);
        client->request.shard_id =
            shard_map_range(&world->map, SHARD_MAP_SKU, place)->shard_id;
    } else {
        command.identity = (struct inventory_identity){
            .kind = INVENTORY_IDENTITY_REQUEST,
            .anchor = anchor,
            .request_id = world_request_id(operation->request),
            .fingerprint = inventory_command_fingerprint(&command),
            .request_ms = operation->request_ms,
            .attempt = client->flow.attempt};
    }
    if (sim_operation_spans(operation->kind) && client->flow.step == HOLD_STEP_SEAL) {
        command.kind = INVENTORY_REQUEST_SEAL;
    } else if (sim_operation_spans(operation->kind) &&
               client->flow.step == HOLD_STEP_WAIT) {
        client->request.kind = SIM_REQUEST_OUTCOME;
    }
    enum status status = command_encode_sku(&command, &client->arena, &client->command);
    ASSERT(status == STATUS_OK);
}

void client_encode(struct sim_client *client)
{
    struct sim_world *world = client->world;
    struct sim_operation *operation = &client->operation;
    if (operation->request_ms == 0) {
        operation->request_ms = SIM_WALL_START_MS + (int64_t)(world->now_us / 1000) -
                                (int64_t)draw(client, REQUEST_AGE_MOST_MS);
    }
    client->request = (struct sim_request){
        .operation = operation->kind,
        .sku = operation->sku,
        .location = operation->location,
        .customer = operation->customer,
        .hold = operation->hold,
        .session = operation->session,
        .timeout_us = SIM_TRY_US,
    };
    if (operation->kind == SIM_RECOMMEND) {
        client->request.kind = SIM_REQUEST_RECOMMEND;
    } else if (!sim_operation_writes(operation->kind)) {
        client->request.kind = SIM_REQUEST_READ;
        client->request.shard_id = shard_of_hash(
            world, operation->kind == SIM_HOLD ? operation->hold.anchor
                                               : world->sku_hashes[operation->sku]);
        if (operation->kind == SIM_LEDGER) {
            client->request.shard_id =
                shard_map_range(&world->map, SHARD_MAP_SKU, operation->location)
                    ->shard_id;
            client->command = buffer_slice(&client->token);
        }
        operation->token = client->seen[world_shard(world, client->request.shard_id)];
        client->request.token = operation->token;
    } else if (operation->kind == SIM_EVENT) {
        encode_event(client);
    } else {
        encode_write(client);
    }
}
