/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the core knows of its log: the terms of all entries that the disk can read, as runs
 * of equal terms (one per election, so few), and the payloads of the newest ones.
 *
 * Payloads lie one behind the other in blocks that are freed from the oldest on. An entry
 * that was truncated leaves its bytes behind until its block goes. Owner: one raft.
 */
#ifndef SOUK_SHARD_RAFT_LOG_H
#define SOUK_SHARD_RAFT_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/raft/entry.h"

enum {
    RAFT_LOG_BLOCK_BYTES = 16 << 10,
    /* What an entry counts for besides its payload, in every limit of bytes. */
    RAFT_LOG_ENTRY_BYTES = 32,
};

struct raft_log_block;

struct raft_log_slot {
    const uint8_t *data;
    uint32_t size;
    uint64_t start; /* bytes of all entries ever appended before it */
};

struct raft_log_run {
    uint64_t first;
    uint64_t term;
};

struct raft_log {
    uint64_t base_index; /* the entry before the oldest that can be read */
    uint64_t base_term;  /* 0: forgotten */
    uint64_t last_index;
    uint64_t memory_first; /* payloads are here from this index on */

    struct raft_log_slot *slots; /* of index at index & (capacity - 1) */
    size_t slot_capacity;
    struct raft_log_run *runs;
    size_t run_count;
    size_t run_capacity;

    struct raft_log_block *oldest;
    struct raft_log_block *newest;
    struct raft_log_block *spare; /* one, of the usual size */
    uint64_t position;            /* bytes of all entries ever appended */
};

void raft_log_init(struct raft_log *log, uint64_t base_index, uint64_t base_term);
void raft_log_close(struct raft_log *log);

/* 0 for what is not known: before the base, behind the end. */
uint64_t raft_log_term(const struct raft_log *log, uint64_t index);
uint64_t raft_log_last_term(const struct raft_log *log);
/* The greatest index of at most `index` whose term is at most `term`; base_index - 1 (or
 * 0) when that lies before what is known. */
uint64_t raft_log_find(const struct raft_log *log, uint64_t index, uint64_t term);

/* Behind the last entry; copies the payload. Terms do not go back. */
void raft_log_append(struct raft_log *log, uint64_t term, struct slice payload);
/* Entries through `last`, of one term, whose payload stays on the disk. Only while there
 * are no payloads in memory. */
void raft_log_append_run(struct raft_log *log, uint64_t last, uint64_t term);
/* Forgets `from` and everything behind it. */
void raft_log_truncate(struct raft_log *log, uint64_t from);
/* Forgets that the disk can read anything through `index`. */
void raft_log_compact(struct raft_log *log, uint64_t index);
/* Empties it: the next entry is index + 1. */
void raft_log_reset(struct raft_log *log, uint64_t index, uint64_t term);
/* Lets go of payloads below `first`. */
void raft_log_release(struct raft_log *log, uint64_t first);

/* Bytes that the entries from `index` to the end count for; those in memory. */
uint64_t raft_log_bytes_from(const struct raft_log *log, uint64_t index);

static inline const struct raft_log_slot *raft_log_slot(const struct raft_log *log,
                                                        uint64_t index)
{
    return &log->slots[index & (log->slot_capacity - 1)];
}

#endif
