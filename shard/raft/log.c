/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/raft/log.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    LOG_SLOTS_LEAST = 16,
};

struct raft_log_block {
    struct raft_log_block *next;
    uint64_t end; /* position behind its last entry */
    size_t capacity;
    size_t used;
    uint8_t bytes[];
};

void raft_log_init(struct raft_log *log, uint64_t base_index, uint64_t base_term)
{
    *log = (struct raft_log){.base_index = base_index,
                             .base_term = base_term,
                             .last_index = base_index,
                             .memory_first = base_index + 1};
}

static void log_free_blocks(struct raft_log *log)
{
    while (log->oldest != NULL) {
        struct raft_log_block *next = log->oldest->next;
        free(log->oldest);
        log->oldest = next;
    }
    log->newest = NULL;
    free(log->spare);
    log->spare = NULL;
}

void raft_log_close(struct raft_log *log)
{
    log_free_blocks(log);
    free(log->slots);
    free(log->runs);
    *log = (struct raft_log){0};
}

uint64_t raft_log_term(const struct raft_log *log, uint64_t index)
{
    if (index > log->last_index || index < log->base_index) {
        return 0;
    }
    if (index == log->base_index) {
        return log->base_term;
    }
    size_t at = log->run_count;
    while (log->runs[at - 1].first > index) { /* nearly always the newest */
        at--;
    }
    return log->runs[at - 1].term;
}

uint64_t raft_log_last_term(const struct raft_log *log)
{
    return raft_log_term(log, log->last_index);
}

uint64_t raft_log_find(const struct raft_log *log, uint64_t index, uint64_t term)
{
    uint64_t end = index < log->last_index ? index : log->last_index;
    for (size_t at = log->run_count; at > 0; at--) {
        if (log->runs[at - 1].first <= end && log->runs[at - 1].term <= term) {
            return end;
        }
        if (log->runs[at - 1].first <= end) {
            end = log->runs[at - 1].first - 1;
        }
    }
    if (end >= log->base_index && log->base_term <= term) {
        return log->base_index;
    }
    return log->base_index > 0 ? log->base_index - 1 : 0;
}

/* --- Appending ------------------------------------------------------------------------ */

static void log_note_term(struct raft_log *log, uint64_t first, uint64_t term)
{
    ASSERT(term >= raft_log_last_term(log));
    if (log->run_count > 0 && log->runs[log->run_count - 1].term == term) {
        return;
    }
    memory_reserve((void **)&log->runs, &log->run_capacity, log->run_count + 1,
                   sizeof *log->runs);
    log->runs[log->run_count++] = (struct raft_log_run){.first = first, .term = term};
}

static void log_grow_slots(struct raft_log *log)
{
    size_t capacity = log->slot_capacity ? log->slot_capacity * 2 : LOG_SLOTS_LEAST;
    struct raft_log_slot *slots = memory_alloc(capacity * sizeof *slots);
    for (uint64_t i = log->memory_first; i <= log->last_index; i++) {
        slots[i & (capacity - 1)] = *raft_log_slot(log, i);
    }
    free(log->slots);
    log->slots = slots;
    log->slot_capacity = capacity;
}

static struct raft_log_block *log_add_block(struct raft_log *log, size_t size)
{
    struct raft_log_block *block = log->spare;
    if (block != NULL && block->capacity >= size) {
        log->spare = NULL;
    } else {
        size_t capacity = size > RAFT_LOG_BLOCK_BYTES ? size : RAFT_LOG_BLOCK_BYTES;
        block = memory_alloc(sizeof *block + capacity);
        block->capacity = capacity;
    }
    block->next = NULL;
    block->used = 0;
    block->end = log->position;
    if (log->newest != NULL) {
        log->newest->next = block;
    } else {
        log->oldest = block;
    }
    log->newest = block;
    return block;
}

void raft_log_append(struct raft_log *log, uint64_t term, struct slice payload)
{
    ASSERT(payload.size <= RAFT_PAYLOAD_BYTES_MAX);
    uint64_t index = log->last_index + 1;
    if (index - log->memory_first >= log->slot_capacity) {
        log_grow_slots(log);
    }
    log_note_term(log, index, term);
    struct raft_log_block *block = log->newest;
    if (block == NULL || block->capacity - block->used < payload.size) {
        block = log_add_block(log, payload.size);
    }
    uint8_t *data = block->bytes + block->used;
    if (payload.size > 0) {
        memcpy(data, payload.data, payload.size);
    }
    log->slots[index & (log->slot_capacity - 1)] = (struct raft_log_slot){
        .data = data, .size = (uint32_t)payload.size, .start = log->position};
    block->used += payload.size;
    log->position += payload.size + RAFT_LOG_ENTRY_BYTES;
    block->end = log->position;
    log->last_index = index;
}

void raft_log_append_run(struct raft_log *log, uint64_t last, uint64_t term)
{
    ASSERT(log->memory_first == log->last_index + 1 && last > log->last_index);
    log_note_term(log, log->last_index + 1, term);
    log->last_index = last;
    log->memory_first = last + 1;
}

/* --- Forgetting ----------------------------------------------------------------------- */

void raft_log_truncate(struct raft_log *log, uint64_t from)
{
    ASSERT(from > log->base_index && from <= log->last_index);
    log->last_index = from - 1;
    while (log->run_count > 0 && log->runs[log->run_count - 1].first >= from) {
        log->run_count--;
    }
    if (log->memory_first > from) {
        log->memory_first = from;
    }
}

void raft_log_compact(struct raft_log *log, uint64_t index)
{
    if (index <= log->base_index) {
        return;
    }
    ASSERT(index <= log->last_index);
    log->base_term = raft_log_term(log, index);
    log->base_index = index;
    size_t gone = 0;
    while (gone + 1 < log->run_count && log->runs[gone + 1].first <= index + 1) {
        gone++;
    }
    if (index == log->last_index) {
        gone = log->run_count;
    }
    log->run_count -= gone;
    if (gone > 0 && log->run_count > 0) {
        memmove(log->runs, log->runs + gone, log->run_count * sizeof *log->runs);
    }
    if (log->run_count > 0 && log->runs[0].first <= index) {
        log->runs[0].first = index + 1;
    }
    if (log->memory_first <= index) {
        raft_log_release(log, index + 1);
    }
}

void raft_log_reset(struct raft_log *log, uint64_t index, uint64_t term)
{
    log->run_count = 0;
    log->base_index = index;
    log->base_term = term;
    log->last_index = index;
    log->memory_first = index + 1;
    raft_log_release(log, index + 1);
}

static void log_retire_block(struct raft_log *log, struct raft_log_block *block)
{
    if (log->spare == NULL && block->capacity == RAFT_LOG_BLOCK_BYTES) {
        log->spare = block;
    } else {
        free(block);
    }
}

void raft_log_release(struct raft_log *log, uint64_t first)
{
    ASSERT(first <= log->last_index + 1);
    if (first > log->memory_first) {
        log->memory_first = first;
    }
    uint64_t needed = log->position;
    if (log->memory_first <= log->last_index) {
        needed = raft_log_slot(log, log->memory_first)->start;
    }
    while (log->oldest != NULL && log->oldest->end <= needed &&
           log->oldest != log->newest) {
        struct raft_log_block *block = log->oldest;
        log->oldest = block->next;
        log_retire_block(log, block);
    }
    if (log->oldest != NULL && log->oldest->end <= needed &&
        log->memory_first > log->last_index) {
        if (log->oldest->capacity == RAFT_LOG_BLOCK_BYTES) {
            log->oldest->used = 0; /* all of it is free again */
        } else {
            free(log->oldest);
            log->oldest = log->newest = NULL;
        }
    }
}

uint64_t raft_log_bytes_from(const struct raft_log *log, uint64_t index)
{
    if (index < log->memory_first) {
        index = log->memory_first;
    }
    return index > log->last_index ? 0 : log->position - raft_log_slot(log, index)->start;
}
