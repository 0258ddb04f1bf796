/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Ordered state in memory (shard/storage/store.h) that models RocksDB without a log: what
 * was written is visible at once, and a crash keeps what was flushed plus any number of
 * the first batches written since, never a later one without an earlier one.
 *
 * Prepared files are durable at once, and what is ingested of them too, even where earlier
 * rows of other keys are not flushed yet.
 *
 * For one thread at a time. For tests and a simulator of whole nodes.
 */
#ifndef SOUK_TESTS_LIB_MEMORY_STORE_H
#define SOUK_TESTS_LIB_MEMORY_STORE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/rng.h"
#include "shard/storage/store.h"

struct store *memory_store_new(void);
/* The process dies: cursors and snapshots must be closed. How many of the batches since
 * the last flush are kept is the rng's choice. The store goes on as if opened anew. */
void memory_store_crash(struct store *store, struct rng *rng);
/* The next `count` writes answer OVERLOADED and change nothing. */
void memory_store_stall(struct store *store, unsigned count);
/* The next write or flush answers `status`, and so does every later one. */
void memory_store_break(struct store *store, enum status status);
/* Batches with changes of files end with IO after so many steps more: one for each such
 * change, one for all rows between two, none for the flush behind them. The process dies
 * there; a crash ends it. */
void memory_store_stop_after(struct store *store, size_t steps);
size_t memory_store_steps(const struct store_batch *batch);
/* Damage. Picks the n-th (modulo how many there are) of the flushed rows whose key begins
 * with the byte; false when there is none. */
bool memory_store_pick(struct store *store, char first, uint64_t n,
                       struct buffer *out_key);
/* A bit of the row flips, as far as it is flushed: from now on who reads it, gets or
 * meets it with a cursor or in a snapshot, is answered CHECKSUM, as by RocksDB; until it
 * is written anew or deleted, and that is flushed. */
void memory_store_flip(struct store *store, struct slice key);
bool memory_store_damaged(struct store *store, struct slice key);
size_t memory_store_file_count(struct store *store);
/* A hash over all rows in order: equal stores have equal sums. */
uint64_t memory_store_sum(struct store *store);
size_t memory_store_count(struct store *store);

#endif
