/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/log_batch.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/base/memory.h"
#include "shard/storage/log_batch_private.h"
#include "shard/storage/segment_format.h"

enum {
    LOG_BATCH_SPARE_BYTES_MAX = 256 << 10, /* a group's memory kept by log_batch_clear */
};

void log_batch_init(struct log_batch *batch)
{
    *batch = (struct log_batch){0};
    map_init(&batch->by_replica);
}

void log_batch_close(struct log_batch *batch)
{
    if (batch == NULL) {
        return;
    }
    for (size_t i = 0; i < batch->group_made; i++) {
        buffer_close(&batch->groups[i]->records);
        free(batch->groups[i]);
    }
    free(batch->groups);
    map_close(&batch->by_replica);
    log_batch_init(batch);
}

void log_batch_clear(struct log_batch *batch)
{
    for (size_t i = 0; i < batch->group_count; i++) {
        struct log_group *group = batch->groups[i];
        map_remove(&batch->by_replica, &group->node);
        if (group->records.capacity > LOG_BATCH_SPARE_BYTES_MAX) {
            buffer_close(&group->records);
        }
    }
    batch->group_count = 0;
    batch->latest = NULL;
    batch->bytes = 0;
}

bool log_batch_empty(const struct log_batch *batch)
{
    return batch->group_count == 0;
}

size_t log_batch_bytes(const struct log_batch *batch)
{
    return SEGMENT_HEADER_BYTES + batch->group_count * SEGMENT_GROUP_BYTES + batch->bytes;
}

static bool log_group_is(const struct map_node *node, const void *key)
{
    const uint64_t *replica_id = key;
    return CONTAINER_OF(node, const struct log_group, node)->replica_id == *replica_id;
}

const struct log_group *log_batch_find(const struct log_batch *batch, uint64_t replica_id)
{
    struct map_node *node =
        map_find(&batch->by_replica, hash_mix(replica_id), log_group_is, &replica_id);
    return node ? CONTAINER_OF(node, struct log_group, node) : NULL;
}

static struct log_group *log_batch_group_new(struct log_batch *batch, uint64_t replica_id)
{
    struct log_group *group;
    if (batch->group_count == batch->group_made) {
        void *groups = batch->groups;
        memory_reserve(&groups, &batch->group_capacity, batch->group_made + 1,
                       sizeof(struct log_group *));
        batch->groups = groups;
        batch->groups[batch->group_made++] = memory_zalloc(sizeof *group);
    }
    group = batch->groups[batch->group_count++];
    group->replica_id = replica_id;
    group->record_count = 0;
    group->first_index = 0;
    group->next_index = 0;
    group->starts_anew = false;
    buffer_clear(&group->records);
    map_insert(&batch->by_replica, &group->node, hash_mix(replica_id));
    return group;
}

static struct log_group *log_batch_group(struct log_batch *batch, uint64_t replica_id)
{
    ASSERT(replica_id != 0);
    if (batch->latest == NULL || batch->latest->replica_id != replica_id) {
        const struct log_group *found = log_batch_find(batch, replica_id);
        batch->latest = found ? CONTAINER_OF(&found->node, struct log_group, node)
                              : log_batch_group_new(batch, replica_id);
    }
    return batch->latest;
}

/* Remembers what the log has to check before it writes: no gap between entries. */
static void log_group_track(struct log_group *group, const struct log_record *record)
{
    if (record->kind == LOG_RECORD_ENTRY) {
        ASSERT(record->index > 0);
        ASSERT(group->next_index == 0 || record->index <= group->next_index);
        if (group->first_index == 0 || record->index < group->first_index) {
            group->first_index = record->index;
        }
        group->next_index = record->index + 1;
    } else if (record->kind == LOG_RECORD_RESET || record->kind == LOG_RECORD_FORGET) {
        group->starts_anew = group->starts_anew || group->first_index == 0;
        group->next_index = record->kind == LOG_RECORD_RESET ? record->index + 1 : 1;
    }
}

void log_batch_add_record(struct log_batch *batch, uint64_t replica_id,
                          const struct log_record *record)
{
    struct log_group *group = log_batch_group(batch, replica_id);
    size_t before = group->records.size;
    ASSERT(record->payload.size <= LOG_PAYLOAD_BYTES_MAX);
    log_group_track(group, record);
    log_record_encode(&group->records, record);
    group->record_count++;
    batch->bytes += group->records.size - before;
}

void log_batch_add_entry(struct log_batch *batch, uint64_t replica_id, uint64_t index,
                         uint64_t term, struct slice payload)
{
    const struct log_record record = {
        .kind = LOG_RECORD_ENTRY, .index = index, .term = term, .payload = payload};
    log_batch_add_record(batch, replica_id, &record);
}

void log_batch_add_state(struct log_batch *batch, uint64_t replica_id, uint64_t term,
                         uint64_t vote, uint64_t commit)
{
    const struct log_record record = {
        .kind = LOG_RECORD_STATE, .term = term, .vote = vote, .commit = commit};
    log_batch_add_record(batch, replica_id, &record);
}

void log_batch_add_reset(struct log_batch *batch, uint64_t replica_id, uint64_t index,
                         uint64_t term)
{
    const struct log_record record = {
        .kind = LOG_RECORD_RESET, .index = index, .term = term};
    log_batch_add_record(batch, replica_id, &record);
}

void log_batch_add_note(struct log_batch *batch, uint64_t replica_id, struct slice note)
{
    const struct log_record record = {.kind = LOG_RECORD_NOTE, .payload = note};
    log_batch_add_record(batch, replica_id, &record);
}

void log_batch_add_forget(struct log_batch *batch, uint64_t replica_id)
{
    const struct log_record record = {.kind = LOG_RECORD_FORGET};
    log_batch_add_record(batch, replica_id, &record);
}

/* Joins the tracks of two runs of records of one replica. */
static void log_group_join(struct log_group *group, const struct log_group *behind)
{
    if (behind->starts_anew) {
        group->starts_anew = group->starts_anew || group->first_index == 0;
    } else if (behind->first_index != 0) {
        ASSERT(group->next_index == 0 || behind->first_index <= group->next_index);
    }
    if (behind->first_index != 0 &&
        (group->first_index == 0 ||
         (!behind->starts_anew && behind->first_index < group->first_index))) {
        group->first_index = behind->first_index;
    }
    if (behind->next_index != 0) {
        group->next_index = behind->next_index;
    }
}

void log_batch_merge(struct log_batch *batch, const struct log_batch *other)
{
    ASSERT(batch != other);
    for (size_t i = 0; i < other->group_count; i++) {
        const struct log_group *from = other->groups[i];
        struct log_group *group = log_batch_group(batch, from->replica_id);
        log_group_join(group, from);
        buffer_append_slice(&group->records, buffer_slice(&from->records));
        group->record_count += from->record_count;
        batch->bytes += from->records.size;
    }
}
