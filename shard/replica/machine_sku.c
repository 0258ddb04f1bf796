/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "shard/replica/machine.h"

struct machine_sku {
    struct machine machine;
    struct inventory *inventory;
    /* Names of the next TICK. */
    uint64_t sku_hashes[INVENTORY_TICK_NAMES_MAX];
    struct inventory_hold_id holds[INVENTORY_TICK_NAMES_MAX];
    uint32_t sku_count;
    uint32_t hold_count;
};

static struct machine_sku *sku_of(struct machine *machine)
{
    return CONTAINER_OF(machine, struct machine_sku, machine);
}

static const struct machine_sku *sku_of_const(const struct machine *machine)
{
    return (const struct machine_sku *)(const void *)machine; /* its first member */
}

static void sku_free(struct machine *machine)
{
    struct machine_sku *sku = sku_of(machine);
    inventory_free(sku->inventory);
    free(sku);
}

static enum status sku_load(struct machine *machine)
{
    return inventory_load(sku_of(machine)->inventory);
}

static void sku_entry_begin(struct machine *machine,
                            const struct apply_position *position)
{
    inventory_entry_begin(sku_of(machine)->inventory, position);
}

static enum status sku_apply(struct machine *machine, struct slice bytes,
                             struct arena *decode, struct arena *answers,
                             struct replica_outcome *out)
{
    out->kind = REPLICA_SKU;
    struct inventory_command command;
    enum status status = command_decode_sku(bytes, decode, &command);
    if (status == STATUS_VERSION) {
        return status;
    }
    if (status == STATUS_OK) {
        inventory_apply(sku_of(machine)->inventory, &command, answers, &out->inventory);
    } else {
        /* All replicas see the same bytes, so all refuse them alike. */
        memset(&out->inventory, 0, sizeof out->inventory);
        out->inventory.status = STATUS_INVALID;
    }
    out->status = out->inventory.status;
    return STATUS_OK;
}

static void sku_entry_end(struct machine *machine)
{
    inventory_entry_end(sku_of(machine)->inventory);
}

/* What gives something back, and so is taken on a full disk. */
static bool sku_frees(uint32_t kind)
{
    return kind == INVENTORY_HOLD_RELEASE || kind == INVENTORY_HOLD_CANCEL ||
           kind == INVENTORY_TICK;
}

static enum status sku_admit(const struct machine *machine,
                             const struct command_peek *peek, bool disk_full)
{
    if (peek->kind > INVENTORY_REQUEST_SEAL) {
        return STATUS_VERSION;
    }
    if (disk_full && !sku_frees(peek->kind)) {
        return STATUS_DISK_FULL;
    }
    return peek->has_anchor ? inventory_room(sku_of_const(machine)->inventory)
                            : STATUS_OK;
}

static int64_t sku_next_due(const struct machine *machine)
{
    return inventory_next_due(sku_of_const(machine)->inventory);
}

static bool sku_tick_wanted(const struct machine *machine, int64_t bounded_ms)
{
    struct inventory_command tick;
    return inventory_tick_wanted(sku_of_const(machine)->inventory, bounded_ms, &tick);
}

static enum machine_due sku_name(struct machine_sku *sku,
                                 const struct inventory_tick *tick)
{
    if (sku->sku_count + tick->sku_count > INVENTORY_TICK_NAMES_MAX ||
        sku->hold_count + tick->hold_count > INVENTORY_TICK_NAMES_MAX) {
        return MACHINE_DUE_FULL;
    }
    for (uint32_t i = 0; i < tick->sku_count; i++) {
        sku->sku_hashes[sku->sku_count++] = tick->sku_hashes[i];
    }
    for (uint32_t i = 0; i < tick->hold_count; i++) {
        sku->holds[sku->hold_count++] = tick->holds[i];
    }
    return MACHINE_DUE_TICK;
}

static enum machine_due sku_query_due(struct machine *machine,
                                      const struct replica_query *query,
                                      int64_t bounded_ms, bool names,
                                      struct arena *scratch)
{
    struct machine_sku *sku = sku_of(machine);
    struct inventory_command command;
    if (query->kind != REPLICA_QUERY_INVENTORY ||
        !inventory_query_due(sku->inventory, &query->inventory, bounded_ms, scratch,
                             &command)) {
        return MACHINE_DUE_NOTHING;
    }
    return names ? sku_name(sku, &command.tick) : MACHINE_DUE_TICK;
}

static enum status sku_tick_make(struct machine *machine, int64_t bounded_ms,
                                 struct arena *scratch, struct slice *out_command)
{
    struct machine_sku *sku = sku_of(machine);
    struct inventory_command wanted;
    struct inventory_command command = {.kind = INVENTORY_TICK};
    if (inventory_tick_wanted(sku->inventory, bounded_ms, &wanted)) {
        command.tick.floor_ms = wanted.tick.floor_ms;
    }
    command.tick.sku_hashes = sku->sku_hashes;
    command.tick.sku_count = sku->sku_count;
    command.tick.holds = sku->holds;
    command.tick.hold_count = sku->hold_count;
    enum status status = command_encode_sku(&command, scratch, out_command);
    sku->sku_count = 0;
    sku->hold_count = 0;
    return status;
}

static void sku_read(const struct machine *machine, const struct replica_query *query,
                     int64_t bounded_ms, struct arena *arena, struct replica_answer *out)
{
    (void)bounded_ms;
    if (query->kind != REPLICA_QUERY_INVENTORY) {
        out->status = STATUS_INVALID;
        return;
    }
    out->status = inventory_read(sku_of_const(machine)->inventory, &query->inventory,
                                 arena, &out->inventory);
}

static bool sku_take_degrees(struct machine *machine, struct degree_delta *out_delta)
{
    (void)machine;
    (void)out_delta;
    return false;
}

static void sku_collect(struct machine *machine, struct store_batch *batch)
{
    inventory_collect(sku_of(machine)->inventory, batch);
}

static void sku_flushed(struct machine *machine, uint64_t index)
{
    inventory_flushed(sku_of(machine)->inventory, index);
}

static uint64_t sku_dirty_bytes(const struct machine *machine)
{
    return inventory_dirty_bytes(sku_of_const(machine)->inventory);
}

static uint64_t sku_digest(const struct machine *machine)
{
    return inventory_digest(sku_of_const(machine)->inventory);
}

static void sku_counters(const struct machine *machine, struct replica_status *out_status)
{
    struct inventory_query query = {.kind = INVENTORY_QUERY_COUNTERS};
    struct inventory_answer answer = {0};
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    (void)inventory_read(sku_of_const(machine)->inventory, &query, &arena, &answer);
    arena_close(&arena);
    out_status->inventory = answer.counters;
}

static const struct machine_ops sku_ops = {
    .free = sku_free,
    .load = sku_load,
    .entry_begin = sku_entry_begin,
    .apply = sku_apply,
    .entry_end = sku_entry_end,
    .admit = sku_admit,
    .next_due = sku_next_due,
    .tick_wanted = sku_tick_wanted,
    .query_due = sku_query_due,
    .tick_make = sku_tick_make,
    .read = sku_read,
    .take_degrees = sku_take_degrees,
    .collect = sku_collect,
    .flushed = sku_flushed,
    .dirty_bytes = sku_dirty_bytes,
    .digest = sku_digest,
    .counters = sku_counters,
};

struct machine *machine_sku_new(const struct replica_options *options)
{
    struct machine_sku *sku = memory_zalloc(sizeof *sku);
    sku->machine.ops = &sku_ops;
    struct inventory_options inventory = {
        .shard_id = options->shard_id,
        .range = options->range,
        .hash_seed = options->hash_seed,
        .store = options->store,
        .request_memory_max_bytes =
            (uint64_t)options->settings->request_id_memory_max_bytes,
    };
    sku->inventory = inventory_new(&inventory);
    return &sku->machine;
}
