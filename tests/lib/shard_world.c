/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/lib/shard_world.h"

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"
#include "shard/storage/segment_log.h"

static uint64_t world_done_count;

/* --- Life -------------------------------------------------------------------------- */

static enum status world_add(struct shard_world *world, uint64_t shard_id,
                             enum replica_kind kind)
{
    struct replica_options options = {
        .store = world->store,
        .log = world->log,
        .settings = &world->settings,
        .kind = kind,
        .shard_id = shard_id,
        .replica_id = shard_id,
        .range_epoch = 1,
        .hash_seed = WORLD_HASH_SEED,
    };
    struct replica *replica;
    TRY(replica_open(&options, world->now, NULL, &replica));
    return host_add(world->host, &replica);
}

enum status world_boot(struct shard_world *world)
{
    ASSERT(world->host == NULL);
    struct segment_log_options options = {
        .fs = crash_files_system(world->files),
        .folder = "/log",
        .segment_bytes = world->segment_bytes,
        .fresh_log_id = 42,
    };
    TRY(segment_log_open(&options, NULL, &world->log));
    world->host = host_new(&world->settings);
    TRY(world_add(world, WORLD_SKU_SHARD, REPLICA_SKU));
    return world_add(world, WORLD_CUSTOMER_SHARD, REPLICA_CUSTOMER);
}

void world_open(struct shard_world *world)
{
    memset(world, 0, sizeof *world);
    settings_init(&world->settings);
    world->segment_bytes = WORLD_SEGMENT_BYTES_DEFAULT;
    world->files = crash_files_new(0);
    world->store = memory_store_new();
    world->now = (struct moment){.monotonic_us = 1000000, .wall_ms = 1780000000000};
    for (size_t i = 0; i < HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        log_batch_init(&world->batches[i]);
    }
    store_batch_init(&world->state);
    enum status status = world_boot(world);
    ASSERT(status == STATUS_OK);
}

void world_kill(struct shard_world *world)
{
    host_free(world->host);
    world->host = NULL;
    log_store_close(world->log);
    world->log = NULL;
    world->batch_first = 0;
    world->batch_count = 0;
    world->state_pending = false;
}

void world_crash(struct shard_world *world, struct rng *rng)
{
    host_free(world->host);
    world->host = NULL;
    crash_files_crash(world->files, rng);
    memory_store_crash(world->store, rng);
    world_kill(world);
}

void world_close(struct shard_world *world)
{
    world_kill(world);
    store_close(world->store);
    crash_files_free(world->files);
    for (size_t i = 0; i < HOST_BATCHES_IN_FLIGHT_MAX; i++) {
        log_batch_close(&world->batches[i]);
    }
    store_batch_close(&world->state);
}

void world_pass_ms(struct shard_world *world, uint64_t milliseconds)
{
    world->now.monotonic_us += milliseconds * 1000;
    world->now.wall_ms += (int64_t)milliseconds;
}

/* --- Steps ------------------------------------------------------------------------- */

bool world_collect(struct shard_world *world)
{
    if (world->batch_count == HOST_BATCHES_IN_FLIGHT_MAX) {
        return false;
    }
    size_t place = (world->batch_first + world->batch_count) % HOST_BATCHES_IN_FLIGHT_MAX;
    bool made = host_turn(world->host, world->now, &world->batches[place]);
    world->batch_count += made;
    return made;
}

bool world_write_log(struct shard_world *world)
{
    if (world->batch_count == 0) {
        return false;
    }
    struct log_batch *batch = &world->batches[world->batch_first];
    world->batch_first = (world->batch_first + 1) % HOST_BATCHES_IN_FLIGHT_MAX;
    world->batch_count--;
    enum status status = log_store_append(world->log, batch);
    ASSERT(status == STATUS_OK);
    status = host_batch_written(world->host, world->now);
    ASSERT(status == STATUS_OK);
    return true;
}

bool world_collect_state(struct shard_world *world, bool force)
{
    bool made = host_state_turn(world->host, world->now, force, &world->state);
    world->state_pending = world->state_pending || made;
    return made;
}

bool world_write_state(struct shard_world *world)
{
    if (!world->state_pending) {
        return false;
    }
    world->state_pending = false;
    enum status status = store_write(world->store, &world->state);
    ASSERT(status == STATUS_OK);
    host_state_written(world->host);
    return true;
}

void world_persist(struct shard_world *world, bool flush)
{
    enum status status = flush ? store_flush(world->store) : STATUS_OK;
    ASSERT(status == STATUS_OK);
    for (size_t i = 0; i < host_replica_count(world->host); i++) {
        uint64_t shard_id = replica_shard_id(host_replica_at(world->host, i));
        uint64_t index;
        status = replica_persisted_index(world->store, shard_id, &index);
        ASSERT(status == STATUS_OK);
        host_state_persisted(world->host, shard_id, index);
    }
}

void world_tell_degrees(struct shard_world *world)
{
    struct host_news news;
    while (host_take_degrees(world->host, &news)) {
        host_tell_degrees(world->host, &news);
        degree_delta_close(&news.delta);
    }
}

bool world_finish(struct shard_world *world)
{
    return host_finish(world->host) > 0;
}

void world_run(struct shard_world *world)
{
    bool worked = true;
    while (worked) {
        worked = world_collect(world);
        worked = world_write_log(world) || worked;
        worked = world_finish(world) || worked;
    }
}

struct replica *world_replica(struct shard_world *world, uint64_t shard_id)
{
    struct replica *replica = host_replica(world->host, shard_id);
    ASSERT(replica != NULL);
    return replica;
}

uint64_t world_digest(struct shard_world *world, uint64_t shard_id)
{
    return replica_digest(world_replica(world, shard_id));
}

/* --- Calls ------------------------------------------------------------------------- */

static void world_call_done(struct shard_call *call)
{
    struct world_call *owner = CONTAINER_OF(call, struct world_call, call);
    ASSERT(!owner->done);
    owner->done = true;
    owner->order = ++world_done_count;
}

void world_call_init(struct world_call *call)
{
    memset(call, 0, sizeof *call);
    arena_init(&call->arena, NULL, 0, 0);
}

void world_call_close(struct world_call *call)
{
    arena_close(&call->arena);
}

void world_call_add_sku(struct world_call *call, const struct inventory_command *command)
{
    ASSERT(call->command_count < WORLD_COMMANDS_MAX);
    enum status status =
        command_encode_sku(command, &call->arena, &call->commands[call->command_count++]);
    ASSERT(status == STATUS_OK);
}

void world_call_add_customer(struct world_call *call,
                             const struct customer_command *command)
{
    ASSERT(call->command_count < WORLD_COMMANDS_MAX);
    enum status status = command_encode_customer(command, &call->arena,
                                                 &call->commands[call->command_count++]);
    ASSERT(status == STATUS_OK);
}

void world_propose(struct shard_world *world, struct world_call *call, uint64_t shard_id)
{
    uint64_t deadline_us = call->call.deadline_us;
    shard_call_init_propose(&call->call, shard_id, call->commands, call->command_count,
                            call->outcomes);
    call->call.deadline_us = deadline_us;
    call->call.arena = &call->arena;
    call->call.done = world_call_done;
    call->done = false;
    host_submit(world->host, world->now, &call->call);
}

void world_read(struct shard_world *world, struct world_call *call, uint64_t shard_id)
{
    uint64_t deadline_us = call->call.deadline_us;
    shard_call_init_read(&call->call, shard_id, &call->query, &call->answer);
    call->call.deadline_us = deadline_us;
    call->call.arena = &call->arena;
    call->call.done = world_call_done;
    call->done = false;
    host_submit(world->host, world->now, &call->call);
}

struct inventory_command world_identify(struct shard_world *world,
                                        struct inventory_command command,
                                        uint64_t request)
{
    struct inventory_identity *identity = &command.identity;
    if (request != 0) {
        identity->kind = INVENTORY_IDENTITY_REQUEST;
        identity->request_id = hash128(slice_of(&request, sizeof request), 0);
        identity->anchor = inventory_command_anchor(&command, WORLD_HASH_SEED);
        identity->fingerprint = inventory_command_fingerprint(&command);
        identity->request_ms = world->now.wall_ms;
    }
    return command;
}

struct inventory_command world_sku_upsert(struct shard_world *world, const char *sku_id,
                                          uint64_t request)
{
    struct inventory_command command = {.kind = INVENTORY_SKU_UPSERT};
    command.sku_upsert.sku.sku_id = slice_from_string(sku_id);
    command.sku_upsert.sku.name = slice_from_string(sku_id);
    command.sku_upsert.update_mask = SKU_FIELDS_ALL;
    command.sku_upsert.attributes_max = 64;
    return world_identify(world, command, request);
}

struct inventory_command world_location_upsert(struct shard_world *world,
                                               const char *location_id, uint64_t request)
{
    struct inventory_command command = {.kind = INVENTORY_LOCATION_UPSERT};
    command.location_upsert.location.location_id = slice_from_string(location_id);
    command.location_upsert.location.type = LOCATION_TYPE_STORE;
    return world_identify(world, command, request);
}

struct inventory_command world_adjust(struct shard_world *world, const char *sku_id,
                                      int64_t delta, uint64_t request)
{
    struct inventory_command command = {.kind = INVENTORY_STOCK_ADJUST};
    command.stock_adjust.sku_id = slice_from_string(sku_id);
    command.stock_adjust.location_id = slice_from_string("L");
    command.stock_adjust.bucket = STOCK_BUCKET_ON_HAND;
    command.stock_adjust.delta = delta;
    command.stock_adjust.reason = STOCK_REASON_RECEIPT;
    return world_identify(world, command, request);
}

struct inventory_command world_hold(struct shard_world *world,
                                    const struct inventory_hold_line *line,
                                    int64_t ttl_ms, uint64_t request)
{
    struct inventory_command command = {.kind = INVENTORY_HOLD_CREATE};
    command.hold_create.lines = line;
    command.hold_create.line_count = 1;
    command.hold_create.mode = HOLD_MODE_ALL_OR_NOTHING;
    command.hold_create.ttl_kind = HOLD_TTL_DURATION;
    command.hold_create.ttl_ms = ttl_ms;
    command.hold_create.life_max_ms = 24 * 60 * 60 * 1000;
    command.hold_create.owner_holds_max = 10000;
    command.hold_create.lines_max = 200;
    command.hold_create.nonce = request;
    return world_identify(world, command, request);
}

struct inventory_command world_hold_change(struct shard_world *world,
                                           enum inventory_command_kind kind,
                                           struct inventory_hold_id id, uint64_t request)
{
    struct inventory_command command = {.kind = kind};
    command.hold_change.hold_id = id;
    return world_identify(world, command, request);
}

struct customer_event world_event(const char *event_id, uint64_t customer,
                                  const char *sku_id, int64_t occurred_ms)
{
    return (struct customer_event){
        .event_id = slice_from_string(event_id),
        .customer = hash128(slice_of(&customer, sizeof customer), 1),
        .kind = CUSTOMER_EVENT_VIEW,
        .sku_hash = key_hash(slice_from_string(sku_id), WORLD_HASH_SEED),
        .sku_id = slice_from_string(sku_id),
        .quantity = 1,
        .occurred_ms = occurred_ms,
    };
}

enum status world_apply(struct shard_world *world,
                        const struct inventory_command *command,
                        struct inventory_outcome *out_outcome)
{
    struct world_call call;
    world_call_init(&call);
    world_call_add_sku(&call, command);
    world_propose(world, &call, WORLD_SKU_SHARD);
    world_run(world);
    ASSERT(call.done);
    enum status status = call.call.status;
    if (status == STATUS_OK) {
        status = call.outcomes[0].status;
        if (out_outcome != NULL) {
            *out_outcome = call.outcomes[0].inventory;
        }
    }
    world_call_close(&call);
    return status;
}

void world_stock(struct shard_world *world, const char *sku_id, int64_t on_hand)
{
    uint64_t request = hash64(slice_from_string(sku_id), 99) | 1;
    struct inventory_command commands[] = {
        world_location_upsert(world, "L", 1),
        world_sku_upsert(world, sku_id, request),
        world_adjust(world, sku_id, on_hand, request + 2),
    };
    size_t count = sizeof commands / sizeof commands[0] - (on_hand == 0);
    for (size_t i = 0; i < count; i++) {
        enum status status = world_apply(world, &commands[i], NULL);
        ASSERT(status == STATUS_OK);
    }
}

struct inventory_level world_level(struct shard_world *world, const char *sku_id)
{
    struct world_call call;
    world_call_init(&call);
    struct slice sku = slice_from_string(sku_id);
    struct slice location = slice_from_string("L");
    call.query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_LEVEL,
                      .sku_ids = &sku,
                      .sku_count = 1,
                      .location_ids = &location,
                      .location_count = 1},
    };
    world_read(world, &call, WORLD_SKU_SHARD);
    world_run(world);
    ASSERT(call.done && call.call.status == STATUS_OK);
    ASSERT(call.answer.inventory.level_count == 1);
    struct inventory_level level = call.answer.inventory.levels[0];
    level.sku_id = sku;
    level.location_id = location;
    world_call_close(&call);
    return level;
}
