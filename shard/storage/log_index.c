/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/log_index.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"
#include "shard/storage/log_batch_private.h"

enum {
    LOG_RUNS_SLACK =
        16, /* dead runs in front are moved over when more than those alive */
};

void log_index_init(struct log_index *index)
{
    *index = (struct log_index){0};
    map_init(&index->by_replica);
}

static void log_replica_free(struct log_replica *replica)
{
    buffer_close(&replica->note);
    free(replica->runs);
    free(replica);
}

void log_index_close(struct log_index *index)
{
    struct map_node *node = map_next(&index->by_replica, NULL);
    while (node != NULL) {
        struct log_replica *replica = CONTAINER_OF(node, struct log_replica, node);
        node = map_next(&index->by_replica, node);
        log_replica_free(replica);
    }
    map_close(&index->by_replica);
}

static bool log_replica_is(const struct map_node *node, const void *key)
{
    const uint64_t *id = key;
    return CONTAINER_OF(node, const struct log_replica, node)->id == *id;
}

struct log_replica *log_index_find(const struct log_index *index, uint64_t replica_id)
{
    struct map_node *node =
        map_find(&index->by_replica, hash_mix(replica_id), log_replica_is, &replica_id);
    return node ? CONTAINER_OF(node, struct log_replica, node) : NULL;
}

static int log_id_compare(const void *a, const void *b)
{
    const uint64_t *left = a;
    const uint64_t *right = b;
    return (*left > *right) - (*left < *right);
}

uint64_t *log_index_ids(const struct log_index *index, size_t *out_count)
{
    size_t count = 0;
    uint64_t *ids = NULL;
    struct map_node *node = NULL;
    if (index->by_replica.count > 0) {
        ids = memory_alloc(index->by_replica.count * sizeof *ids);
    }
    while ((node = map_next(&index->by_replica, node)) != NULL) {
        ids[count++] = CONTAINER_OF(node, struct log_replica, node)->id;
    }
    if (count > 0) {
        qsort(ids, count, sizeof *ids, log_id_compare);
    }
    *out_count = count;
    return ids;
}

/* --- Runs ------------------------------------------------------------------------------ */

static struct log_run *log_replica_runs(const struct log_replica *replica)
{
    return replica->runs == NULL ? NULL : replica->runs + replica->run_start;
}

/* Place of the first run that ends at `index` or above; run_count when there is none. */
static size_t log_replica_search(const struct log_replica *replica, uint64_t index)
{
    const struct log_run *runs = log_replica_runs(replica);
    size_t low = 0, high = replica->run_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (runs[middle].first + runs[middle].count - 1 < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

const struct log_run *log_replica_run(const struct log_replica *replica, uint64_t index)
{
    size_t place = log_replica_search(replica, index);
    const struct log_run *run;
    if (place == replica->run_count) {
        return NULL;
    }
    run = log_replica_runs(replica) + place;
    return run->first <= index ? run : NULL;
}

enum status log_replica_term(const struct log_replica *replica, uint64_t index,
                             uint64_t *out_term)
{
    const struct log_run *run = log_replica_run(replica, index);
    if (run != NULL) {
        *out_term = run->term;
        return STATUS_OK;
    }
    if (index + 1 == replica->bounds.first_index &&
        (index == 0 || replica->bounds.first_term != 0)) {
        *out_term = replica->bounds.first_term;
        return STATUS_OK;
    }
    return STATUS_NOT_FOUND;
}

static void log_replica_push(struct log_index *index, struct log_replica *replica,
                             const struct log_run *run)
{
    void *runs;
    if (replica->run_start > replica->run_count + LOG_RUNS_SLACK) {
        memmove(replica->runs, log_replica_runs(replica),
                replica->run_count * sizeof *replica->runs);
        replica->run_start = 0;
    }
    runs = replica->runs;
    memory_reserve(&runs, &replica->run_capacity,
                   replica->run_start + replica->run_count + 1, sizeof *run);
    replica->runs = runs;
    replica->runs[replica->run_start + replica->run_count++] = *run;
    index->run_count++;
}

static void log_replica_clear(struct log_index *index, struct log_replica *replica)
{
    index->run_count -= replica->run_count;
    replica->run_start = 0;
    replica->run_count = 0;
}

/* Forgets every entry at `from` and above; from >= first_index. */
static void log_replica_cut(struct log_index *index, struct log_replica *replica,
                            uint64_t from)
{
    struct log_bounds *bounds = &replica->bounds;
    size_t keep = log_replica_search(replica, from);
    struct log_run *runs = log_replica_runs(replica);
    if (keep < replica->run_count && runs[keep].first < from) {
        runs[keep].count = (uint32_t)(from - runs[keep].first);
        keep++;
    }
    index->run_count -= replica->run_count - keep;
    replica->run_count = keep;
    bounds->last_index = from - 1;
    bounds->last_term = keep > 0 ? runs[keep - 1].term : bounds->first_term;
    if (bounds->released >= from) {
        bounds->released = from - 1;
    }
    if (replica->released_durable >= from) {
        replica->released_durable = from - 1;
    }
}

/* The entry at `from` overwrites one of a segment that is gone by now: those before it
 * were released after this was written, or are missed at the end (log_index_finish). */
static void log_replica_rebase(struct log_index *index, struct log_replica *replica,
                               uint64_t from)
{
    log_replica_clear(index, replica);
    replica->bounds.first_index = from;
    replica->bounds.first_term = 0;
    replica->bounds.last_index = from - 1;
    replica->bounds.last_term = 0;
}

/* --- Records --------------------------------------------------------------------------- */

static struct log_replica *log_index_add(struct log_index *index, uint64_t replica_id)
{
    struct log_replica *replica = memory_zalloc(sizeof *replica);
    replica->id = replica_id;
    replica->bounds.first_index = 1;
    buffer_init(&replica->note);
    map_insert(&index->by_replica, &replica->node, hash_mix(replica_id));
    return replica;
}

static void log_index_remove(struct log_index *index, struct log_replica *replica)
{
    log_replica_clear(index, replica);
    map_remove(&index->by_replica, &replica->node);
    log_replica_free(replica);
}

static void log_index_entry(struct log_index *index, struct log_replica *replica,
                            const struct log_record *record, const struct log_run *place)
{
    struct log_bounds *bounds = &replica->bounds;
    struct log_run *last;
    bool overwrites = record->index <= bounds->last_index;
    if (record->index > bounds->last_index + 1 ||
        (record->index < bounds->first_index && record->index <= bounds->released)) {
        bounds->damaged = true;
        return;
    }
    if (record->index < bounds->first_index) {
        log_replica_rebase(index, replica, record->index);
    } else if (overwrites) {
        log_replica_cut(index, replica, record->index);
    }
    bounds->last_index = record->index;
    bounds->last_term = record->term;
    last = replica->run_count ? log_replica_runs(replica) + replica->run_count - 1 : NULL;
    /* What overwrites starts a run of its own: a run is read from its first record on. */
    if (last != NULL && !overwrites && last->number == place->number &&
        last->term == record->term && last->first + last->count == record->index) {
        last->count++;
    } else {
        struct log_run run = *place;
        run.first = record->index;
        run.term = record->term;
        run.count = 1;
        log_replica_push(index, replica, &run);
    }
}

static void log_index_base(struct log_replica *replica, const struct log_base *base,
                           bool known)
{
    struct log_bounds *bounds = &replica->bounds;
    if (!known) {
        bounds->first_index = base->last_index + 1;
        bounds->first_term = base->last_term;
        bounds->last_index = base->last_index;
        bounds->last_term = base->last_term;
    } else if (bounds->last_index != base->last_index ||
               bounds->last_term != base->last_term ||
               (base->flags & LOG_BASE_BORN) != 0) {
        bounds->damaged = true;
    }
    if (base->released > bounds->released) {
        bounds->released = base->released;
    }
    if (base->released > replica->released_durable) {
        replica->released_durable = base->released;
    }
    if (base->flags & LOG_BASE_DAMAGED) {
        bounds->damaged = true;
    }
}

static void log_index_reset(struct log_index *index, struct log_replica *replica,
                            const struct log_record *record)
{
    struct log_bounds *bounds = &replica->bounds;
    log_replica_clear(index, replica);
    bounds->first_index = record->index + 1;
    bounds->first_term = record->term;
    bounds->last_index = record->index;
    bounds->last_term = record->term;
    bounds->released = record->index;
    replica->released_durable = record->index;
}

static void log_index_record(struct log_index *index, struct log_replica *replica,
                             const struct log_record *record, const struct log_run *place)
{
    struct log_bounds *bounds = &replica->bounds;
    switch (record->kind) {
    case LOG_RECORD_ENTRY:
        log_index_entry(index, replica, record, place);
        return;
    case LOG_RECORD_STATE:
        bounds->term = record->term;
        bounds->vote = record->vote;
        bounds->commit = record->commit;
        return;
    case LOG_RECORD_RESET:
        log_index_reset(index, replica, record);
        return;
    case LOG_RECORD_NOTE:
        buffer_clear(&replica->note);
        buffer_append_slice(&replica->note, record->payload);
        bounds->noted = record->payload.size > 0;
        return;
    case LOG_RECORD_BASE:
    case LOG_RECORD_FORGET:
        break;
    }
    UNREACHABLE();
}

/* A replica met for the first time. Records without a BASE before them are of one whose
 * beginning was lost, unless a FORGET just before has ended a former life of it. */
static struct log_replica *log_index_greet(struct log_index *index, uint64_t replica_id,
                                           const struct log_record *record,
                                           bool forgotten)
{
    struct log_replica *replica = log_index_add(index, replica_id);
    bool base = record->kind == LOG_RECORD_BASE;
    bool born = forgotten || (base && (record->base.flags & LOG_BASE_BORN) != 0);
    replica->bounds.damaged = !born && (!base || index->unborn_damaged);
    return replica;
}

void log_index_apply(struct log_index *index, uint64_t replica_id, struct slice records,
                     const struct log_place *place)
{
    struct log_replica *replica = log_index_find(index, replica_id);
    struct log_run run = {.number = place->number,
                          .checksum = place->checksum,
                          .offset = place->offset,
                          .bytes = (uint32_t)records.size};
    struct reader reader;
    bool forgotten = false;
    reader_init(&reader, records);
    while (reader_left(&reader) > 0) {
        struct log_record record;
        bool known = replica != NULL;
        run.skip = (uint32_t)(reader.next - records.data);
        if (log_record_decode(&reader, &record) != STATUS_OK) {
            log_index_damage(index, replica_id);
            return;
        }
        if (record.kind == LOG_RECORD_FORGET) {
            if (known) {
                log_index_remove(index, replica);
            }
            replica = NULL;
            forgotten = true;
            continue;
        }
        if (!known) {
            replica = log_index_greet(index, replica_id, &record, forgotten);
        }
        if (record.kind == LOG_RECORD_BASE) {
            log_index_base(replica, &record.base, known);
        } else {
            log_index_record(index, replica, &record, &run);
        }
    }
}

/* --- Damage ---------------------------------------------------------------------------- */

void log_index_damage(struct log_index *index, uint64_t replica_id)
{
    struct log_replica *replica = log_index_find(index, replica_id);
    if (replica == NULL) {
        replica = log_index_add(index, replica_id);
    }
    replica->bounds.damaged = true;
}

void log_index_damage_all(struct log_index *index)
{
    struct map_node *node = NULL;
    while ((node = map_next(&index->by_replica, node)) != NULL) {
        CONTAINER_OF(node, struct log_replica, node)->bounds.damaged = true;
    }
    index->unborn_damaged = true;
}

void log_index_finish(struct log_index *index)
{
    struct map_node *node = NULL;
    while ((node = map_next(&index->by_replica, node)) != NULL) {
        struct log_bounds *bounds = &CONTAINER_OF(node, struct log_replica, node)->bounds;
        if (bounds->first_index > bounds->released + 1) {
            bounds->damaged = true;
        }
    }
}

size_t log_index_damaged(const struct log_index *index)
{
    struct map_node *node = NULL;
    size_t count = 0;
    while ((node = map_next(&index->by_replica, node)) != NULL) {
        count += CONTAINER_OF(node, struct log_replica, node)->bounds.damaged;
    }
    return count;
}

/* --- Freeing --------------------------------------------------------------------------- */

struct log_need log_index_need(const struct log_index *index, bool durable)
{
    struct log_need need = {.number = UINT64_MAX};
    struct map_node *node = NULL;
    while ((node = map_next(&index->by_replica, node)) != NULL) {
        const struct log_replica *replica = CONTAINER_OF(node, struct log_replica, node);
        uint64_t released =
            durable ? replica->released_durable : replica->bounds.released;
        size_t place = log_replica_search(replica, released + 1);
        if (!replica->bounds.damaged && place < replica->run_count &&
            log_replica_runs(replica)[place].number < need.number) {
            need.number = log_replica_runs(replica)[place].number;
            need.replica_id = replica->id;
        }
    }
    return need;
}

static void log_replica_trim(struct log_index *index, struct log_replica *replica,
                             uint64_t number)
{
    size_t gone = 0;
    const struct log_run *runs = log_replica_runs(replica);
    while (gone < replica->run_count && runs[gone].number < number) {
        gone++;
    }
    if (gone > 0) {
        const struct log_run *last = &runs[gone - 1];
        replica->bounds.first_index = last->first + last->count;
        replica->bounds.first_term = last->term;
        replica->run_start += gone;
        replica->run_count -= gone;
        index->run_count -= gone;
    }
}

void log_index_trim(struct log_index *index, uint64_t number)
{
    struct map_node *node = NULL;
    while ((node = map_next(&index->by_replica, node)) != NULL) {
        log_replica_trim(index, CONTAINER_OF(node, struct log_replica, node), number);
    }
}

static void log_replica_summarise(const struct log_replica *replica,
                                  struct log_batch *batch)
{
    const struct log_bounds *bounds = &replica->bounds;
    const struct log_record base = {
        .kind = LOG_RECORD_BASE,
        .base = {.flags = bounds->damaged ? LOG_BASE_DAMAGED : 0,
                 .first_index = bounds->first_index,
                 .first_term = bounds->first_term,
                 .last_index = bounds->last_index,
                 .last_term = bounds->last_term,
                 .released = bounds->released},
    };
    log_batch_add_record(batch, replica->id, &base);
    log_batch_add_state(batch, replica->id, bounds->term, bounds->vote, bounds->commit);
    if (bounds->noted) {
        log_batch_add_note(batch, replica->id, buffer_slice(&replica->note));
    }
}

void log_index_summarise(const struct log_index *index, struct log_batch *batch)
{
    size_t count;
    uint64_t *ids = log_index_ids(index, &count);
    for (size_t i = 0; i < count; i++) {
        log_replica_summarise(log_index_find(index, ids[i]), batch);
    }
    free(ids);
}
