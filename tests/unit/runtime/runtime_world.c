/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/runtime/runtime_world.h"

#include <stdio.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/storage/segment_log.h"
#include "tests/lib/memory_store.h"
#include "tests/lib/test.h"

/* --- The log ----------------------------------------------------------------------- */

static struct gate_log *gate_of(struct log_store *store)
{
    return CONTAINER_OF(store, struct gate_log, base);
}

static enum status gate_append(struct log_store *store, const struct log_batch *batch)
{
    struct gate_log *gate = gate_of(store);
    if (atomic_load(&gate->closed)) {
        sem_post(&gate->arrived);
        sem_wait(&gate->open);
    }
    enum status failure = (enum status)atomic_load(&gate->failure);
    if (failure != STATUS_OK) {
        return failure;
    }
    atomic_fetch_add(&gate->appends, 1);
    atomic_fetch_add(&gate->groups, batch->group_count);
    return log_store_append(gate->real, batch);
}

static enum status gate_mark_idle(struct log_store *store)
{
    return log_store_mark_idle(gate_of(store)->real);
}

static enum status gate_read(struct log_store *store, const struct log_read *read,
                             log_entry_visitor *visit, void *context)
{
    return log_store_read(gate_of(store)->real, read, visit, context);
}

static enum status gate_term(struct log_store *store, uint64_t replica_id, uint64_t index,
                             uint64_t *out_term)
{
    return log_store_term(gate_of(store)->real, replica_id, index, out_term);
}

static enum status gate_bounds(struct log_store *store, uint64_t replica_id,
                               struct log_bounds *out_bounds)
{
    return log_store_bounds(gate_of(store)->real, replica_id, out_bounds);
}

static void gate_release(struct log_store *store, uint64_t replica_id,
                         uint64_t flushed_index)
{
    log_store_release(gate_of(store)->real, replica_id, flushed_index);
}

static void gate_usage(struct log_store *store, struct log_usage *out_usage)
{
    log_store_usage(gate_of(store)->real, out_usage);
}

static const struct log_store_ops gate_ops = {
    .append = gate_append,
    .mark_idle = gate_mark_idle,
    .read = gate_read,
    .term = gate_term,
    .bounds = gate_bounds,
    .release = gate_release,
    .usage = gate_usage,
};

/* --- The state --------------------------------------------------------------------- */

static struct locked_store *locked_of(struct store *store)
{
    return CONTAINER_OF(store, struct locked_store, base);
}

static enum status locked_get(struct store *store, const struct store_snapshot *snapshot,
                              struct slice key, struct buffer *out_value)
{
    struct locked_store *locked = locked_of(store);
    pthread_mutex_lock(&locked->lock);
    enum status status = store_get(locked->real, snapshot, key, out_value);
    pthread_mutex_unlock(&locked->lock);
    return status;
}

static enum status locked_get_persisted(struct store *store, struct slice key,
                                        struct buffer *out_value)
{
    struct locked_store *locked = locked_of(store);
    pthread_mutex_lock(&locked->lock);
    enum status status = store_get_persisted(locked->real, key, out_value);
    pthread_mutex_unlock(&locked->lock);
    return status;
}

/* Only at start, before there are threads. */
static enum status locked_cursor_open(struct store *store, const struct store_scan *scan,
                                      struct store_cursor **out_cursor)
{
    return store_cursor_open(locked_of(store)->real, scan, out_cursor);
}

static enum status locked_write(struct store *store, const struct store_batch *batch)
{
    struct locked_store *locked = locked_of(store);
    if (atomic_load(&locked->overloads) > 0) {
        atomic_fetch_sub(&locked->overloads, 1);
        atomic_fetch_add(&locked->overloaded, 1);
        return STATUS_OVERLOADED;
    }
    pthread_mutex_lock(&locked->lock);
    enum status status = store_write(locked->real, batch);
    pthread_mutex_unlock(&locked->lock);
    atomic_fetch_add(&locked->writes, 1);
    return status;
}

static enum status locked_flush(struct store *store)
{
    struct locked_store *locked = locked_of(store);
    pthread_mutex_lock(&locked->lock);
    enum status status = store_flush(locked->real);
    pthread_mutex_unlock(&locked->lock);
    return status;
}

static const struct store_ops locked_ops = {
    .get = locked_get,
    .get_persisted = locked_get_persisted,
    .cursor_open = locked_cursor_open,
    .write = locked_write,
    .flush = locked_flush,
};

/* --- The world --------------------------------------------------------------------- */

static uint64_t shard_start(unsigned index, unsigned count)
{
    return UINT64_MAX / count * index + (index > 0);
}

static void open_log(struct runtime_world *world)
{
    char path[512];
    snprintf(path, sizeof path, "%s/log", world->folder);
    struct segment_log_options options = {
        .fs = file_system_posix(),
        .folder = path,
        .segment_bytes = 1 << 20,
        .fresh_log_id = 42,
    };
    EXPECT_OK(segment_log_open(&options, NULL, &world->log.real));
}

void runtime_world_open(struct runtime_world *world, unsigned loops, unsigned sku_shards,
                        unsigned customer_shards)
{
    memset(world, 0, sizeof *world);
    settings_init(&world->settings);
    world->settings.shard_loops = loops;
    world->settings.flush_interval_ms = 5;
    world->folder = test_folder();
    world->log.base.ops = &gate_ops;
    sem_init(&world->log.arrived, 0, 0);
    sem_init(&world->log.open, 0, 0);
    world->store.base.ops = &locked_ops;
    world->store.real = memory_store_new();
    pthread_mutex_init(&world->store.lock, NULL);
    for (unsigned i = 0; i < sku_shards; i++) {
        struct runtime_shard *shard = &world->shards[world->shard_count++];
        shard->shard_id = i + 1;
        shard->replica_id = i + 1;
        shard->kind = REPLICA_SKU;
        shard->range.start = shard_start(i, sku_shards);
        shard->range.end = i + 1 == sku_shards ? 0 : shard_start(i + 1, sku_shards);
    }
    for (unsigned i = 0; i < customer_shards; i++) {
        struct runtime_shard *shard = &world->shards[world->shard_count++];
        shard->shard_id = sku_shards + 1 + i;
        shard->replica_id = shard->shard_id;
        shard->kind = REPLICA_CUSTOMER;
        uint64_t width = UINT64_MAX / customer_shards + (customer_shards > 1);
        shard->range.start = width * i;
        shard->range.end = i + 1 == customer_shards ? 0 : width * (i + 1);
    }
}

void runtime_world_start(struct runtime_world *world)
{
    open_log(world);
    struct runtime_options options = {
        .settings = &world->settings,
        .store = &world->store.base,
        .log = &world->log.base,
        .shards = world->shards,
        .shard_count = world->shard_count,
        .hash_seed = RUNTIME_WORLD_HASH_SEED,
        .disk_dir = world->files != NULL ? "/" : NULL,
        .files = world->files,
    };
    struct problem problem;
    EXPECT_OK(runtime_start(&options, &problem, &world->runtime));
}

void runtime_world_stop(struct runtime_world *world)
{
    runtime_stop(world->runtime);
    world->runtime = NULL;
    log_store_close(world->log.real);
}

void runtime_world_close(struct runtime_world *world)
{
    store_close(world->store.real);
    pthread_mutex_destroy(&world->store.lock);
    sem_destroy(&world->log.arrived);
    sem_destroy(&world->log.open);
}

uint64_t runtime_world_shard(const struct runtime_world *world, const char *sku_id)
{
    uint64_t hash = key_hash(slice_from_string(sku_id), RUNTIME_WORLD_HASH_SEED);
    for (size_t i = 0; i < world->shard_count; i++) {
        if (world->shards[i].kind == REPLICA_SKU &&
            key_range_contains(world->shards[i].range, hash)) {
            return world->shards[i].shard_id;
        }
    }
    UNREACHABLE();
}

void runtime_world_close_gate(struct runtime_world *world)
{
    atomic_store(&world->log.closed, true);
}

void runtime_world_open_gate(struct runtime_world *world)
{
    atomic_store(&world->log.closed, false);
    sem_post(&world->log.open);
}

struct settle_task {
    struct runtime_task task;
    sem_t ran;
};

static void settle_run(struct runtime_task *task, struct moment now)
{
    (void)now;
    sem_post(&CONTAINER_OF(task, struct settle_task, task)->ran);
}

void runtime_world_settle(struct runtime_world *world, unsigned loop)
{
    /* Tasks run at the beginning of a turn: that a second one runs means that the turn of
     * the first has ended. */
    for (unsigned i = 0; i < 2; i++) {
        struct settle_task settle = {.task.run = settle_run};
        sem_init(&settle.ran, 0, 0);
        runtime_post(world->runtime, loop, &settle.task);
        sem_wait(&settle.ran);
        sem_destroy(&settle.ran);
    }
}

/* --- Calls ------------------------------------------------------------------------- */

static void runtime_call_done(struct shard_call *call)
{
    struct runtime_call *owner = CONTAINER_OF(call, struct runtime_call, call);
    for (unsigned i = 0; i < runtime_loop_count(owner->world->runtime); i++) {
        if (runtime_on_loop(owner->world->runtime, i)) {
            owner->loop = i;
        }
    }
    sem_post(&owner->finished);
}

void runtime_call_init(struct runtime_world *world, struct runtime_call *call)
{
    memset(call, 0, sizeof *call);
    call->world = world;
    arena_init(&call->arena, NULL, 0, 0);
    sem_init(&call->finished, 0, 0);
    call->loop = UINT32_MAX;
}

void runtime_call_close(struct runtime_call *call)
{
    arena_close(&call->arena);
    sem_destroy(&call->finished);
}

void runtime_call_command(struct runtime_call *call, struct inventory_command *command,
                          uint64_t request, uint64_t shard_id)
{
    struct inventory_identity *identity = &command->identity;
    if (request != 0) {
        identity->kind = INVENTORY_IDENTITY_REQUEST;
        identity->request_id = hash128(slice_of(&request, sizeof request), 0);
        identity->anchor = inventory_command_anchor(command, RUNTIME_WORLD_HASH_SEED);
        identity->fingerprint = inventory_command_fingerprint(command);
        identity->request_ms = 4102444800000; /* 2100: never below the floor */
    }
    EXPECT_OK(command_encode_sku(command, &call->arena, &call->command));
    shard_call_init_propose(&call->call, shard_id, &call->command, 1, &call->outcome);
    call->call.arena = &call->arena;
    call->call.done = runtime_call_done;
}

void runtime_call_adjust(struct runtime_call *call, const char *sku_id, int64_t delta,
                         uint64_t request)
{
    struct inventory_command command = {.kind = INVENTORY_STOCK_ADJUST};
    command.stock_adjust.sku_id = slice_from_string(sku_id);
    command.stock_adjust.location_id = slice_from_string("L");
    command.stock_adjust.bucket = STOCK_BUCKET_ON_HAND;
    command.stock_adjust.delta = delta;
    command.stock_adjust.reason = STOCK_REASON_RECEIPT;
    runtime_call_command(call, &command, request,
                         runtime_world_shard(call->world, sku_id));
}

void runtime_call_sku(struct runtime_call *call, const char *sku_id, uint64_t request)
{
    struct inventory_command command = {.kind = INVENTORY_SKU_UPSERT};
    command.sku_upsert.sku.sku_id = slice_from_string(sku_id);
    command.sku_upsert.update_mask = SKU_FIELDS_ALL;
    command.sku_upsert.attributes_max = 64;
    runtime_call_command(call, &command, request,
                         runtime_world_shard(call->world, sku_id));
}

void runtime_call_location(struct runtime_call *call, uint64_t shard_id, uint64_t request)
{
    bool home = runtime_world_shard(call->world, "L") == shard_id;
    struct inventory_command command = {.kind = home ? INVENTORY_LOCATION_UPSERT
                                                     : INVENTORY_LOCATION_COPY};
    command.location_upsert.location.location_id = slice_from_string("L");
    command.location_upsert.location.type = LOCATION_TYPE_STORE;
    command.location_upsert.location.version = request;
    command.location_upsert.location.etag = request;
    runtime_call_command(call, &command, home ? request : 0, shard_id);
}

void runtime_call_query(struct runtime_call *call, uint64_t shard_id)
{
    shard_call_init_read(&call->call, shard_id, &call->query, &call->answer);
    call->call.arena = &call->arena;
    call->call.done = runtime_call_done;
}

void runtime_call_wait(struct runtime_call *call)
{
    while (sem_wait(&call->finished) != 0) {
    }
}

static void submit_and_wait(struct runtime_call *call)
{
    EXPECT_OK(runtime_submit(call->world->runtime, &call->call));
    runtime_call_wait(call);
    EXPECT_OK(call->call.status);
    EXPECT_OK(call->outcome.status);
    runtime_call_close(call);
}

void runtime_world_stock(struct runtime_world *world, const char *const *sku_ids,
                         size_t count)
{
    struct runtime_call call;
    for (size_t i = 0; i < world->shard_count; i++) {
        if (world->shards[i].kind == REPLICA_SKU) {
            runtime_call_init(world, &call);
            runtime_call_location(&call, world->shards[i].shard_id, 1);
            submit_and_wait(&call);
        }
    }
    for (size_t i = 0; i < count; i++) {
        runtime_call_init(world, &call);
        runtime_call_sku(&call, sku_ids[i], 1000 + i);
        submit_and_wait(&call);
    }
}

int64_t runtime_world_on_hand(struct runtime_world *world, const char *sku_id)
{
    struct runtime_call call;
    runtime_call_init(world, &call);
    call.ids[0] = slice_from_string(sku_id);
    call.ids[1] = slice_from_string("L");
    call.query = (struct replica_query){
        .kind = REPLICA_QUERY_INVENTORY,
        .inventory = {.kind = INVENTORY_QUERY_LEVEL,
                      .sku_ids = &call.ids[0],
                      .sku_count = 1,
                      .location_ids = &call.ids[1],
                      .location_count = 1},
    };
    runtime_call_query(&call, runtime_world_shard(world, sku_id));
    EXPECT_OK(runtime_submit(world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_OK(call.call.status);
    int64_t on_hand = call.answer.inventory.levels[0].buckets[STOCK_BUCKET_ON_HAND];
    runtime_call_close(&call);
    return on_hand;
}
