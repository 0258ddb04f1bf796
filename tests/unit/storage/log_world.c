/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/storage/log_world.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/encode.h"
#include "shard/base/memory.h"

enum {
    WORLD_PAYLOAD_BYTES_MAX = 3000,
    WORLD_NOTE_BYTES = 8,
};

void model_init(struct model *model)
{
    *model = (struct model){0};
}

void model_close(struct model *model)
{
    for (unsigned i = 0; i < WORLD_REPLICAS; i++) {
        free(model->replicas[i].entries);
    }
    model_init(model);
}

void model_copy(struct model *to, const struct model *from)
{
    for (unsigned i = 0; i < WORLD_REPLICAS; i++) {
        struct model_entry *entries = to->replicas[i].entries;
        free(entries);
        to->replicas[i] = from->replicas[i];
        to->replicas[i].capacity = from->replicas[i].count;
        to->replicas[i].entries =
            memory_copy(from->replicas[i].entries,
                        from->replicas[i].count * sizeof(struct model_entry));
    }
}

uint64_t model_last(const struct model_replica *replica)
{
    return replica->base + replica->count;
}

uint64_t model_last_term(const struct model_replica *replica)
{
    return replica->count ? replica->entries[replica->count - 1].term
                          : replica->base_term;
}

static void world_payload(uint64_t seed, struct buffer *payload, size_t size)
{
    struct rng rng;
    rng_init(&rng, seed);
    buffer_clear(payload);
    buffer_extend(payload, size);
    for (size_t i = 0; i < size; i++) {
        payload->data[i] = (uint8_t)rng_next(&rng);
    }
}

/* --- Comparing ------------------------------------------------------------------------- */

struct model_reading {
    const struct model_replica *replica;
    uint64_t next;
    bool differs;
    struct buffer payload;
};

static bool model_read_entry(void *context, const struct log_entry *entry)
{
    struct model_reading *reading = context;
    const struct model_replica *replica = reading->replica;
    const struct model_entry *wanted;
    if (entry->index != reading->next || entry->index > model_last(replica)) {
        reading->differs = true;
        return false;
    }
    wanted = &replica->entries[entry->index - replica->base - 1];
    world_payload(wanted->seed, &reading->payload, wanted->size);
    reading->differs = entry->term != wanted->term ||
                       !slice_equal(entry->payload, buffer_slice(&reading->payload));
    reading->next++;
    return !reading->differs;
}

static bool model_entries_match(const struct model_replica *replica, uint64_t replica_id,
                                const struct log_bounds *bounds, struct log_store *log)
{
    struct model_reading reading = {.replica = replica, .next = bounds->first_index};
    const struct log_read read = {.replica_id = replica_id,
                                  .from_index = bounds->first_index,
                                  .max_bytes = SIZE_MAX / 2};
    enum status status = STATUS_OK;
    if (bounds->first_index <= bounds->last_index) {
        status = log_store_read(log, &read, model_read_entry, &reading);
    }
    buffer_close(&reading.payload);
    return status == STATUS_OK && !reading.differs &&
           reading.next == bounds->last_index + 1;
}

static bool model_note_matches(const struct model_replica *replica, uint64_t replica_id,
                               struct log_store *log)
{
    struct buffer note;
    bool same;
    buffer_init(&note);
    if (log_store_note(log, replica_id, &note) != STATUS_OK) {
        same = replica->note == 0;
    } else {
        same = note.size == WORLD_NOTE_BYTES && load_le64(note.data) == replica->note;
    }
    buffer_close(&note);
    return same;
}

static bool model_replica_matches(const struct model_replica *replica,
                                  uint64_t replica_id, struct log_store *log, char *why)
{
    struct log_bounds bounds;
    enum status status = log_store_bounds(log, replica_id, &bounds);
    const char *what = NULL;
    uint64_t oldest =
        replica->base > replica->released ? replica->base : replica->released;
    if (!replica->exists) {
        what = status == STATUS_NOT_FOUND ? NULL : "is there";
    } else if (status != STATUS_OK) {
        what = "is gone";
    } else if (bounds.damaged) {
        what = "is damaged";
    } else if (bounds.last_index != model_last(replica) ||
               bounds.last_term != model_last_term(replica)) {
        what = "ends elsewhere";
    } else if (bounds.term != replica->term || bounds.vote != replica->vote ||
               bounds.commit != replica->commit) {
        what = "has another hard state";
    } else if (bounds.first_index > oldest + 1) {
        what = "starts too late";
    } else if (!model_entries_match(replica, replica_id, &bounds, log)) {
        what = "has other entries";
    } else if (!model_note_matches(replica, replica_id, log)) {
        what = "has another note";
    }
    if (what != NULL) {
        snprintf(why, WORLD_WHY_BYTES,
                 "replica %" PRIu64 " %s (log ends at %" PRIu64 ", model at %" PRIu64 ")",
                 replica_id, what, status == STATUS_OK ? bounds.last_index : 0,
                 model_last(replica));
    }
    return what == NULL;
}

bool model_matches(const struct model *model, struct log_store *log,
                   char out_why[WORLD_WHY_BYTES])
{
    for (unsigned i = 0; i < WORLD_REPLICAS; i++) {
        if (!model_replica_matches(&model->replicas[i], i + 1, log, out_why)) {
            return false;
        }
    }
    return true;
}

/* --- Changing -------------------------------------------------------------------------- */

static void model_put(struct model_replica *replica, uint64_t index,
                      const struct model_entry *entry)
{
    void *entries = replica->entries;
    ASSERT(index > replica->base && index <= model_last(replica) + 1);
    replica->count = (size_t)(index - replica->base - 1);
    memory_reserve(&entries, &replica->capacity, replica->count + 1, sizeof *entry);
    replica->entries = entries;
    replica->entries[replica->count++] = *entry;
    replica->exists = true;
    replica->released = replica->released < index ? replica->released : index - 1;
}

static void world_put(struct model_replica *replica, uint64_t replica_id, uint64_t index,
                      const struct model_entry *entry, struct log_batch *batch)
{
    struct buffer payload;
    buffer_init(&payload);
    world_payload(entry->seed, &payload, entry->size);
    log_batch_add_entry(batch, replica_id, index, entry->term, buffer_slice(&payload));
    model_put(replica, index, entry);
    buffer_close(&payload);
}

static void world_entries(struct rng *rng, struct model_replica *replica,
                          uint64_t replica_id, struct log_batch *batch)
{
    uint64_t count = 1 + rng_below(rng, 5);
    uint64_t keep = replica->base > replica->released ? replica->base : replica->released;
    uint64_t last = model_last(replica);
    uint64_t index = last + 1;
    if (rng_below(rng, 5) == 0 && last > keep) {
        index = keep + 1 + rng_below(rng, last - keep); /* a new leader's entries */
        replica->term++;
    }
    replica->term += replica->term == 0 || rng_below(rng, 10) == 0;
    for (uint64_t i = 0; i < count; i++) {
        bool large = rng_below(rng, 4) == 0;
        const struct model_entry entry = {
            .term = replica->term,
            .seed = rng_next(rng),
            .size = (size_t)rng_below(rng, large ? WORLD_PAYLOAD_BYTES_MAX : 60)};
        world_put(replica, replica_id, index + i, &entry, batch);
    }
}

static void world_state(struct rng *rng, struct model_replica *replica,
                        uint64_t replica_id, struct log_batch *batch)
{
    replica->exists = true;
    replica->vote = rng_below(rng, 4);
    replica->commit = model_last(replica);
    log_batch_add_state(batch, replica_id, replica->term, replica->vote, replica->commit);
}

static void world_reset(struct rng *rng, struct model_replica *replica,
                        uint64_t replica_id, struct log_batch *batch)
{
    replica->base = model_last(replica) + rng_below(rng, 10);
    replica->term += 1;
    replica->base_term = replica->term;
    replica->count = 0;
    replica->released = replica->base;
    log_batch_add_reset(batch, replica_id, replica->base, replica->base_term);
    world_state(rng, replica, replica_id, batch);
}

static void world_note(struct rng *rng, struct model_replica *replica,
                       uint64_t replica_id, struct log_batch *batch)
{
    uint8_t bytes[WORLD_NOTE_BYTES];
    replica->exists = true;
    replica->note = rng_below(rng, 2) ? rng_next(rng) | 1 : 0;
    store_le64(bytes, replica->note);
    log_batch_add_note(batch, replica_id,
                       slice_of(bytes, replica->note ? sizeof bytes : 0));
}

void world_change(struct rng *rng, struct model *model, uint64_t replica_id,
                  struct log_batch *batch)
{
    struct model_replica *replica = &model->replicas[replica_id - 1];
    uint64_t choice = rng_below(rng, 100);
    if (choice < 3 && replica->exists) {
        free(replica->entries);
        *replica = (struct model_replica){0};
        log_batch_add_forget(batch, replica_id);
    } else if (choice < 7) {
        world_reset(rng, replica, replica_id, batch);
    } else if (choice < 13) {
        world_note(rng, replica, replica_id, batch);
    } else if (choice < 30) {
        world_state(rng, replica, replica_id, batch);
    } else {
        world_entries(rng, replica, replica_id, batch);
        world_state(rng, replica, replica_id, batch);
    }
}

void world_batch(struct rng *rng, struct model *model, struct log_batch *batch)
{
    uint64_t groups = 1 + rng_below(rng, WORLD_REPLICAS);
    log_batch_clear(batch);
    for (uint64_t i = 0; i < groups; i++) {
        world_change(rng, model, 1 + rng_below(rng, WORLD_REPLICAS), batch);
    }
}

void world_entry(struct model *model, uint64_t replica_id, size_t size,
                 struct log_batch *batch)
{
    struct model_replica *replica = &model->replicas[replica_id - 1];
    const struct model_entry entry = {
        .term = 1, .seed = replica_id * 1000 + model_last(replica), .size = size};
    world_put(replica, replica_id, model_last(replica) + 1, &entry, batch);
}

enum status world_open(struct crash_files *files, struct segment_log_report *out_report,
                       struct log_store **out_log)
{
    const struct segment_log_options options = {.fs = crash_files_system(files),
                                                .folder = "/log",
                                                .segment_bytes = WORLD_SEGMENT_BYTES,
                                                .fresh_log_id = 0x736f756b};
    return segment_log_open(&options, out_report, out_log);
}
