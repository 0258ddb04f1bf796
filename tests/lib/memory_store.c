/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A table is a sorted array of counted rows. Copying a table copies pointers, so flushes
 * and snapshots are tables of their own.
 */
#include "tests/lib/memory_store.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"

struct memory_row {
    unsigned references;
    bool damaged;
    size_t key_size;
    size_t value_size;
    uint8_t bytes[]; /* key, value */
};

struct memory_table {
    struct memory_row **rows;
    size_t count;
    size_t capacity;
};

struct memory_store {
    struct store store;
    struct memory_table now;
    struct memory_table flushed;
    struct store_batch *unflushed;
    size_t unflushed_count;
    size_t unflushed_capacity;
    size_t open_count;         /* cursors and snapshots */
    struct memory_table files; /* prepared ones: name, rows; durable at once */
    unsigned stalls;
    size_t steps_left; /* of stepwise batches, before the process is killed in one */
    enum status broken;
};

struct memory_snapshot {
    struct store_snapshot snapshot;
    struct memory_table table;
};

struct memory_cursor {
    struct store_cursor cursor;
    struct memory_store *memory;
    struct memory_table table;
    size_t next; /* descending: one above */
    size_t first;
    size_t end;
    bool descending;
};

static struct memory_store *memory_of(struct store *store)
{
    return CONTAINER_OF(store, struct memory_store, store);
}

/* --- Tables ---------------------------------------------------------------------------- */

static struct slice memory_key(const struct memory_row *row)
{
    return slice_of(row->bytes, row->key_size);
}

static struct slice memory_value(const struct memory_row *row)
{
    return slice_of(row->bytes + row->key_size, row->value_size);
}

static void memory_row_unref(struct memory_row *row)
{
    if (--row->references == 0) {
        free(row);
    }
}

/* The place of the first row with a key of `key` or above. */
static size_t memory_search(const struct memory_table *table, struct slice key)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (slice_compare(memory_key(table->rows[middle]), key) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static struct memory_row *memory_find(const struct memory_table *table, struct slice key)
{
    size_t place = memory_search(table, key);
    if (place < table->count && slice_equal(memory_key(table->rows[place]), key)) {
        return table->rows[place];
    }
    return NULL;
}

static void memory_table_cut(struct memory_table *table, size_t from, size_t to)
{
    for (size_t i = from; i < to; i++) {
        memory_row_unref(table->rows[i]);
    }
    if (to > from) {
        memmove(table->rows + from, table->rows + to,
                (table->count - to) * sizeof *table->rows);
        table->count -= to - from;
    }
}

static void memory_table_close(struct memory_table *table)
{
    memory_table_cut(table, 0, table->count);
    free(table->rows);
    *table = (struct memory_table){0};
}

static void memory_table_copy(struct memory_table *to, const struct memory_table *from)
{
    void *rows = to->rows;
    memory_table_cut(to, 0, to->count);
    if (from->count == 0) {
        return;
    }
    memory_reserve(&rows, &to->capacity, from->count, sizeof *to->rows);
    to->rows = rows;
    memcpy(to->rows, from->rows, from->count * sizeof *to->rows);
    to->count = from->count;
    for (size_t i = 0; i < to->count; i++) {
        to->rows[i]->references++;
    }
}

static void memory_table_put(struct memory_table *table, struct slice key,
                             struct slice value)
{
    size_t place = memory_search(table, key);
    struct memory_row *row = memory_alloc(sizeof *row + key.size + value.size);
    void *rows = table->rows;
    row->references = 1;
    row->damaged = false;
    row->key_size = key.size;
    row->value_size = value.size;
    memcpy(row->bytes, key.data, key.size);
    if (value.size > 0) {
        memcpy(row->bytes + key.size, value.data, value.size);
    }
    if (place < table->count && slice_equal(memory_key(table->rows[place]), key)) {
        memory_row_unref(table->rows[place]);
        table->rows[place] = row;
        return;
    }
    memory_reserve(&rows, &table->capacity, table->count + 1, sizeof *table->rows);
    table->rows = rows;
    memmove(table->rows + place + 1, table->rows + place,
            (table->count - place) * sizeof *table->rows);
    table->rows[place] = row;
    table->count++;
}

static void memory_table_change(struct memory_table *table,
                                const struct store_change *change)
{
    size_t place = memory_search(table, change->key);
    switch (change->kind) {
    case STORE_PUT:
    case STORE_FILE_PUT:
        memory_table_put(table, change->key, change->value);
        return;
    case STORE_DELETE_RANGE:
        memory_table_cut(table, place, memory_search(table, change->value));
        return;
    case STORE_DELETE:
    case STORE_FILE_DELETE:
        if (memory_find(table, change->key) != NULL) {
            memory_table_cut(table, place, place + 1);
        }
        return;
    case STORE_FILE_INGEST:
        break;
    }
    UNREACHABLE();
}

static void memory_table_apply(struct memory_table *table,
                               const struct store_batch *batch)
{
    struct store_change change;
    size_t position = 0;
    while (store_batch_next(batch, &position, &change)) {
        memory_table_change(table, &change);
    }
}

static void memory_table_add_rows(struct memory_table *table, struct slice rows)
{
    struct slice key = {0}, value;
    size_t position = 0;
    while (store_rows_next(rows, &position, &key, &value)) {
        memory_table_put(table, key, value);
    }
    ASSERT(position == rows.size);
}

/* --- The store ------------------------------------------------------------------------- */

static enum status memory_answer(const struct memory_table *table, struct slice key,
                                 struct buffer *out_value)
{
    const struct memory_row *row = memory_find(table, key);
    if (row == NULL) {
        return STATUS_NOT_FOUND;
    }
    if (row->damaged) {
        return STATUS_CHECKSUM;
    }
    buffer_clear(out_value);
    buffer_append_slice(out_value, memory_value(row));
    return STATUS_OK;
}

static const struct memory_table *memory_seen(struct store *store,
                                              const struct store_snapshot *snapshot)
{
    if (snapshot == NULL) {
        return &memory_of(store)->now;
    }
    ASSERT(snapshot->store == store);
    return &CONTAINER_OF(snapshot, const struct memory_snapshot, snapshot)->table;
}

static enum status memory_get(struct store *store, const struct store_snapshot *snapshot,
                              struct slice key, struct buffer *out_value)
{
    return memory_answer(memory_seen(store, snapshot), key, out_value);
}

static enum status memory_get_persisted(struct store *store, struct slice key,
                                        struct buffer *out_value)
{
    return memory_answer(&memory_of(store)->flushed, key, out_value);
}

static void memory_cursor_next(struct store_cursor *base)
{
    struct memory_cursor *cursor = CONTAINER_OF(base, struct memory_cursor, cursor);
    const struct memory_row *row = NULL;
    if (cursor->descending && cursor->next > cursor->first) {
        row = cursor->table.rows[--cursor->next];
    } else if (!cursor->descending && cursor->next < cursor->end) {
        row = cursor->table.rows[cursor->next++];
    }
    if (row != NULL && row->damaged) {
        base->status = STATUS_CHECKSUM;
        row = NULL;
    }
    base->valid = row != NULL;
    base->key = row ? memory_key(row) : slice_of(NULL, 0);
    base->value = row ? memory_value(row) : slice_of(NULL, 0);
}

static void memory_cursor_close(struct store_cursor *base)
{
    struct memory_cursor *cursor = CONTAINER_OF(base, struct memory_cursor, cursor);
    cursor->memory->open_count--;
    memory_table_close(&cursor->table);
    free(cursor);
}

static const struct store_cursor_ops memory_cursor_ops = {
    .next = memory_cursor_next,
    .close = memory_cursor_close,
};

static enum status memory_cursor_open(struct store *store, const struct store_scan *scan,
                                      struct store_cursor **out_cursor)
{
    struct memory_cursor *cursor = memory_zalloc(sizeof *cursor);
    cursor->cursor.ops = &memory_cursor_ops;
    cursor->memory = memory_of(store);
    cursor->memory->open_count++;
    memory_table_copy(&cursor->table, memory_seen(store, scan->snapshot));
    cursor->first = memory_search(&cursor->table, scan->start);
    cursor->end =
        scan->end.size ? memory_search(&cursor->table, scan->end) : cursor->table.count;
    cursor->end = cursor->end < cursor->first ? cursor->first : cursor->end;
    cursor->descending = scan->descending;
    cursor->next = scan->descending ? cursor->end : cursor->first;
    memory_cursor_next(&cursor->cursor);
    *out_cursor = &cursor->cursor;
    return STATUS_OK;
}

static void memory_remember(struct memory_store *memory, const struct store_batch *batch)
{
    void *batches = memory->unflushed;
    struct store_batch *copy;
    memory_reserve(&batches, &memory->unflushed_capacity, memory->unflushed_count + 1,
                   sizeof *memory->unflushed);
    memory->unflushed = batches;
    copy = &memory->unflushed[memory->unflushed_count++];
    store_batch_init(copy);
    buffer_append_slice(&copy->changes, buffer_slice(&batch->changes));
    copy->change_count = batch->change_count;
}

static void memory_forget(struct memory_store *memory)
{
    for (size_t i = 0; i < memory->unflushed_count; i++) {
        store_batch_close(&memory->unflushed[i]);
    }
    memory->unflushed_count = 0;
}

static enum status memory_flush(struct store *store)
{
    struct memory_store *memory = memory_of(store);
    if (memory->broken != STATUS_OK) {
        return memory->broken;
    }
    memory_table_copy(&memory->flushed, &memory->now);
    memory_forget(memory);
    return STATUS_OK;
}

/* Does anything not flushed touch a key between these? */
static bool memory_unflushed_within(const struct memory_store *memory, struct slice first,
                                    struct slice last)
{
    for (size_t i = 0; i < memory->unflushed_count; i++) {
        struct store_change change;
        size_t position = 0;
        while (store_batch_next(&memory->unflushed[i], &position, &change)) {
            bool range = change.kind == STORE_DELETE_RANGE;
            struct slice end = range ? change.value : change.key;
            int above = slice_compare(end, first);
            if (slice_compare(change.key, last) <= 0 &&
                (range ? above > 0 : above >= 0)) {
                return true;
            }
        }
    }
    return false;
}

/* As RocksDB: durable at once, while what was written before stays unflushed unless it
 * touches the same keys. */
static enum status memory_ingest(struct memory_store *memory, struct slice name)
{
    const struct memory_row *file = memory_find(&memory->files, name);
    struct slice first = {0}, key = {0}, value;
    size_t position = 0;
    if (file == NULL) {
        return STATUS_NOT_FOUND;
    }
    while (store_rows_next(memory_value(file), &position, &key, &value)) {
        first = first.size == 0 ? key : first;
    }
    if (memory_unflushed_within(memory, first, key)) {
        TRY(memory_flush(&memory->store));
    }
    memory_table_add_rows(&memory->now, memory_value(file));
    memory_table_add_rows(&memory->flushed, memory_value(file));
    return STATUS_OK;
}

/* IO: the process is killed before this step. */
static enum status memory_count_step(struct memory_store *memory)
{
    if (memory->steps_left == 0) {
        return STATUS_IO;
    }
    memory->steps_left--;
    return STATUS_OK;
}

static void memory_collect_row(struct store_batch *rows,
                               const struct store_change *change)
{
    if (change->kind == STORE_PUT) {
        store_batch_put(rows, change->key, change->value);
    } else if (change->kind == STORE_DELETE) {
        store_batch_delete(rows, change->key);
    } else {
        store_batch_delete_range(rows, change->key, change->value);
    }
}

/* Rows that stand between two changes of files become visible, and durable, together. */
static enum status memory_write_rows(struct memory_store *memory,
                                     struct store_batch *rows)
{
    if (rows->change_count > 0) {
        TRY(memory_count_step(memory));
        memory_table_apply(&memory->now, rows);
        memory_remember(memory, rows);
        store_batch_clear(rows);
    }
    return STATUS_OK;
}

static enum status memory_write_file(struct memory_store *memory,
                                     const struct store_change *change)
{
    TRY(memory_count_step(memory));
    if (change->kind == STORE_FILE_INGEST) {
        return memory_ingest(memory, change->key);
    }
    memory_table_change(&memory->files, change);
    return STATUS_OK;
}

static enum status memory_write_steps(struct memory_store *memory,
                                      const struct store_batch *batch)
{
    struct store_change change;
    struct store_batch rows;
    size_t position = 0;
    enum status status = STATUS_OK;
    store_batch_init(&rows);
    while (status == STATUS_OK && store_batch_next(batch, &position, &change)) {
        if (change.kind < STORE_FILE_PUT) {
            memory_collect_row(&rows, &change);
            continue;
        }
        status = memory_write_rows(memory, &rows);
        if (status == STATUS_OK) {
            status = memory_write_file(memory, &change);
        }
    }
    if (status == STATUS_OK) {
        status = memory_write_rows(memory, &rows);
    }
    store_batch_close(&rows);
    return status;
}

size_t memory_store_steps(const struct store_batch *batch)
{
    struct store_change change;
    size_t position = 0, steps = 0;
    bool rows = false;
    while (store_batch_next(batch, &position, &change)) {
        bool file = change.kind >= STORE_FILE_PUT;
        steps += file || !rows;
        rows = !file;
    }
    return steps;
}

static enum status memory_snapshot_open(struct store *store,
                                        struct store_snapshot **out_snapshot);

static enum status memory_write(struct store *store, const struct store_batch *batch)
{
    struct memory_store *memory = memory_of(store);
    if (memory->broken != STATUS_OK) {
        return memory->broken;
    }
    if (memory->stalls > 0) {
        memory->stalls--;
        return STATUS_OVERLOADED;
    }
    if (store_batch_bytes(batch) > STORE_BATCH_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    if (batch->stepwise) {
        TRY(memory_write_steps(memory, batch));
    } else {
        memory_table_apply(&memory->now, batch);
        memory_remember(memory, batch);
    }
    if (batch->flush) {
        if (memory->steps_left == 0) {
            return STATUS_IO;
        }
        TRY(memory_flush(store));
    }
    return batch->snapshot != NULL ? memory_snapshot_open(store, batch->snapshot)
                                   : STATUS_OK;
}

static enum status memory_snapshot_open(struct store *store,
                                        struct store_snapshot **out_snapshot)
{
    struct memory_snapshot *snapshot = memory_zalloc(sizeof *snapshot);
    snapshot->snapshot.store = store;
    memory_table_copy(&snapshot->table, &memory_of(store)->now);
    memory_of(store)->open_count++;
    *out_snapshot = &snapshot->snapshot;
    return STATUS_OK;
}

static void memory_snapshot_close(struct store_snapshot *base)
{
    struct memory_snapshot *snapshot =
        CONTAINER_OF(base, struct memory_snapshot, snapshot);
    memory_of(base->store)->open_count--;
    memory_table_close(&snapshot->table);
    free(snapshot);
}

static enum status memory_file_list(struct store *store, store_file_visitor *visit,
                                    void *context)
{
    const struct memory_table *files = &memory_of(store)->files;
    for (size_t i = 0; i < files->count; i++) {
        if (!visit(context, memory_key(files->rows[i]))) {
            break;
        }
    }
    return STATUS_OK;
}

static void memory_usage(struct store *store, struct store_usage *out_usage)
{
    const struct memory_store *memory = memory_of(store);
    *out_usage =
        (struct store_usage){.keys = memory->now.count, .stalled = memory->stalls > 0};
    for (size_t i = 0; i < memory->unflushed_count; i++) {
        out_usage->memory_bytes += store_batch_bytes(&memory->unflushed[i]);
    }
}

static void memory_close(struct store *store)
{
    struct memory_store *memory = memory_of(store);
    ASSERT(memory->open_count == 0);
    memory_forget(memory);
    free(memory->unflushed);
    memory_table_close(&memory->now);
    memory_table_close(&memory->flushed);
    memory_table_close(&memory->files);
    free(memory);
}

static const struct store_ops memory_ops = {
    .get = memory_get,
    .get_persisted = memory_get_persisted,
    .cursor_open = memory_cursor_open,
    .write = memory_write,
    .flush = memory_flush,
    .snapshot_open = memory_snapshot_open,
    .snapshot_close = memory_snapshot_close,
    .file_list = memory_file_list,
    .usage = memory_usage,
    .close = memory_close,
};

struct store *memory_store_new(void)
{
    struct memory_store *memory = memory_zalloc(sizeof *memory);
    memory->store.ops = &memory_ops;
    memory->steps_left = SIZE_MAX;
    return &memory->store;
}

void memory_store_crash(struct store *store, struct rng *rng)
{
    struct memory_store *memory = memory_of(store);
    uint64_t keep = rng_below(rng, memory->unflushed_count + 1);
    ASSERT(memory->open_count == 0);
    for (size_t i = 0; i < keep; i++) {
        memory_table_apply(&memory->flushed, &memory->unflushed[i]);
    }
    memory_forget(memory);
    memory_table_copy(&memory->now, &memory->flushed);
    memory->broken = STATUS_OK;
    memory->stalls = 0;
    memory->steps_left = SIZE_MAX;
}

void memory_store_stop_after(struct store *store, size_t steps)
{
    memory_of(store)->steps_left = steps;
}

bool memory_store_pick(struct store *store, char first, uint64_t n,
                       struct buffer *out_key)
{
    const struct memory_table *table = &memory_of(store)->flushed;
    const uint8_t bounds[] = {(uint8_t)first, (uint8_t)(first + 1)};
    size_t from = memory_search(table, slice_of(&bounds[0], 1));
    size_t to = memory_search(table, slice_of(&bounds[1], 1));
    if (from == to) {
        return false;
    }
    buffer_clear(out_key);
    buffer_append_slice(out_key, memory_key(table->rows[from + n % (to - from)]));
    return true;
}

/* One row object is what all who have not written it anew share. */
void memory_store_flip(struct store *store, struct slice key)
{
    struct memory_row *row = memory_find(&memory_of(store)->flushed, key);
    ASSERT(row != NULL);
    row->damaged = true;
}

bool memory_store_damaged(struct store *store, struct slice key)
{
    const struct memory_row *now = memory_find(&memory_of(store)->now, key);
    const struct memory_row *flushed = memory_find(&memory_of(store)->flushed, key);
    return (now != NULL && now->damaged) || (flushed != NULL && flushed->damaged);
}

size_t memory_store_file_count(struct store *store)
{
    return memory_of(store)->files.count;
}

void memory_store_stall(struct store *store, unsigned count)
{
    memory_of(store)->stalls = count;
}

void memory_store_break(struct store *store, enum status status)
{
    memory_of(store)->broken = status;
}

uint64_t memory_store_sum(struct store *store)
{
    const struct memory_table *table = &memory_of(store)->now;
    uint64_t sum = 0;
    for (size_t i = 0; i < table->count; i++) {
        sum = hash64(memory_key(table->rows[i]), sum);
        sum = hash64(memory_value(table->rows[i]), sum);
    }
    return sum;
}

size_t memory_store_count(struct store *store)
{
    return memory_of(store)->now.count;
}
