/* SPDX-License-Identifier: Apache-2.0 */
/* The directory group: shard/placement/directory in memory, one row of it in the store. */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "shard/placement/directory.h"
#include "shard/replica/machine.h"

enum {
    DIRECTORY_ROW_KIND = 1, /* of table 'd', under the hash 0 */
};

struct machine_directory {
    struct machine machine;
    struct store *store;
    struct directory directory;
    bool dirty;
};

static struct machine_directory *directory_of(struct machine *machine)
{
    return CONTAINER_OF(machine, struct machine_directory, machine);
}

static const struct machine_directory *directory_of_const(const struct machine *machine)
{
    return (const struct machine_directory *)(const void *)machine; /* first member */
}

static void directory_row_key(struct buffer *key)
{
    key_append_state(key, &(struct key_state){.table = KEY_TABLE_DIRECTORY,
                                              .kind = DIRECTORY_ROW_KIND});
}

static void directory_machine_free(struct machine *machine)
{
    directory_close(&directory_of(machine)->directory);
    free(directory_of(machine));
}

static enum status directory_machine_load(struct machine *machine, uint64_t index)
{
    struct machine_directory *directory = directory_of(machine);
    struct buffer key, value;
    (void)index;
    buffer_init(&key);
    buffer_init(&value);
    directory_row_key(&key);
    enum status status = store_get(directory->store, NULL, buffer_slice(&key), &value);
    if (status == STATUS_OK) {
        status = directory_decode(buffer_slice(&value), &directory->directory);
    } else if (status == STATUS_NOT_FOUND) {
        status = STATUS_OK;
    }
    buffer_close(&key);
    buffer_close(&value);
    return status;
}

static void directory_machine_begin(struct machine *machine,
                                    const struct apply_position *position)
{
    (void)machine;
    (void)position;
}

static enum status directory_machine_apply(struct machine *machine, struct slice bytes,
                                           struct arena *decode, struct arena *answers,
                                           struct replica_outcome *out)
{
    struct machine_directory *directory = directory_of(machine);
    struct directory_command command;
    enum status status = command_decode_directory(bytes, decode, &command);
    out->kind = REPLICA_DIRECTORY;
    if (status == STATUS_VERSION) {
        return status;
    }
    if (status == STATUS_OK) {
        directory_apply(&directory->directory, &command, answers, &out->directory);
        directory->dirty = true;
    } else {
        memset(&out->directory, 0, sizeof out->directory);
        out->directory.status = STATUS_INVALID;
    }
    out->status = out->directory.status;
    return STATUS_OK;
}

static void directory_machine_end(struct machine *machine)
{
    (void)machine;
}

static enum status directory_machine_admit(const struct machine *machine,
                                           const struct command_peek *peek,
                                           bool disk_full)
{
    (void)machine;
    (void)disk_full; /* small, and how a full cluster gets another node */
    return peek->kind > DIRECTORY_TICK ? STATUS_VERSION : STATUS_OK;
}

static int64_t directory_machine_next_due(const struct machine *machine)
{
    (void)machine;
    return INT64_MAX;
}

static bool directory_machine_tick_wanted(const struct machine *machine,
                                          int64_t bounded_ms)
{
    (void)machine;
    (void)bounded_ms;
    return false;
}

static enum machine_due directory_machine_query_due(struct machine *machine,
                                                    const struct replica_query *query,
                                                    int64_t bounded_ms, bool names,
                                                    struct arena *scratch)
{
    (void)machine;
    (void)query;
    (void)bounded_ms;
    (void)names;
    (void)scratch;
    return MACHINE_DUE_NOTHING;
}

static enum status directory_machine_tick_make(struct machine *machine,
                                               int64_t bounded_ms, struct arena *scratch,
                                               struct slice *out_command)
{
    (void)machine;
    (void)bounded_ms;
    const struct directory_command command = {.kind = DIRECTORY_TICK};
    return command_encode_directory(&command, scratch, out_command);
}

static void directory_machine_read(const struct machine *machine,
                                   const struct replica_read *read, int64_t bounded_ms)
{
    const struct machine_directory *directory = directory_of_const(machine);
    struct buffer bytes;
    (void)bounded_ms;
    if (read->query->kind != REPLICA_QUERY_DIRECTORY) {
        read->answer->status = STATUS_INVALID;
        return;
    }
    buffer_init(&bytes);
    directory_encode(&directory->directory, &bytes);
    read->answer->directory = arena_slice(read->arena, buffer_slice(&bytes));
    read->answer->status =
        read->answer->directory.size > 0 ? STATUS_OK : STATUS_TOO_LARGE;
    buffer_close(&bytes);
}

static bool directory_machine_take_degrees(struct machine *machine,
                                           enum recommend_degrees kind,
                                           struct degree_delta *out_delta)
{
    (void)machine;
    (void)kind;
    (void)out_delta;
    return false;
}

static void directory_machine_collect(struct machine *machine, struct store_batch *batch)
{
    struct machine_directory *directory = directory_of(machine);
    struct buffer key, value;
    if (!directory->dirty) {
        return;
    }
    directory->dirty = false;
    buffer_init(&key);
    buffer_init(&value);
    directory_row_key(&key);
    directory_encode(&directory->directory, &value);
    store_batch_put(batch, buffer_slice(&key), buffer_slice(&value));
    buffer_close(&key);
    buffer_close(&value);
}

static void directory_machine_flushed(struct machine *machine, uint64_t index)
{
    (void)machine;
    (void)index;
}

static uint64_t directory_machine_dirty_bytes(const struct machine *machine)
{
    const struct machine_directory *directory = directory_of_const(machine);
    return directory->dirty
               ? directory->directory.place_count * sizeof(struct directory_place)
               : 0;
}

static uint64_t directory_machine_digest(const struct machine *machine)
{
    return directory_digest(&directory_of_const(machine)->directory);
}

static void directory_machine_counters(const struct machine *machine,
                                       struct replica_status *out_status)
{
    out_status->directory_version = directory_of_const(machine)->directory.version;
}

static const struct machine_ops directory_ops = {
    .free = directory_machine_free,
    .load = directory_machine_load,
    .entry_begin = directory_machine_begin,
    .apply = directory_machine_apply,
    .entry_end = directory_machine_end,
    .admit = directory_machine_admit,
    .next_due = directory_machine_next_due,
    .tick_wanted = directory_machine_tick_wanted,
    .query_due = directory_machine_query_due,
    .tick_make = directory_machine_tick_make,
    .read = directory_machine_read,
    .take_degrees = directory_machine_take_degrees,
    .collect = directory_machine_collect,
    .flushed = directory_machine_flushed,
    .dirty_bytes = directory_machine_dirty_bytes,
    .digest = directory_machine_digest,
    .counters = directory_machine_counters,
};

struct machine *machine_directory_new(const struct replica_options *options)
{
    struct machine_directory *directory = memory_zalloc(sizeof *directory);
    directory->machine.ops = &directory_ops;
    directory->store = options->store;
    directory_init(&directory->directory);
    return &directory->machine;
}
