/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The sending side of a snapshot: reads a store snapshot of one shard, step by step, into
 * the list of its chunks, and then any chunk again whenever it is asked for. Holds the list
 * and one chunk in memory, whatever the size of the shard.
 *
 * Owner: one thread. Every call reads the store, so it blocks as a cursor does; a step is
 * bounded in bytes.
 */
#ifndef SOUK_SHARD_STORAGE_SNAPSHOT_MAKER_H
#define SOUK_SHARD_STORAGE_SNAPSHOT_MAKER_H

#include "shard/storage/snapshot_format.h"
#include "shard/storage/store.h"

struct snapshot_maker;

/* Takes the store snapshot, and closes it. `head` is the manifest without its chunks; its
 * members are copied. chunk_bytes: a chunk on average, 0 for SNAPSHOT_CHUNK_BYTES. */
struct snapshot_maker *snapshot_maker_new(struct store_snapshot **snapshot,
                                          const struct snapshot_manifest *head,
                                          size_t chunk_bytes);
/* Accepts NULL. */
void snapshot_maker_free(struct snapshot_maker *maker);

/* Reads about so many bytes on. True in *out_done: the manifest is whole. TOO_LARGE: more
 * chunks, or a larger row, than a snapshot may have; CHECKSUM, IO from the store. */
MUST_USE enum status snapshot_maker_step(struct snapshot_maker *maker, size_t bytes,
                                         bool *out_done);

/* Of a whole manifest; borrowed until the maker is freed. */
const struct snapshot_manifest *
snapshot_maker_manifest(const struct snapshot_maker *maker);
struct slice snapshot_maker_manifest_bytes(const struct snapshot_maker *maker);
struct snapshot_head snapshot_maker_head(const struct snapshot_maker *maker);

/* The rows of a chunk, borrowed until the next call. NOT_FOUND: no such chunk. CHECKSUM:
 * the store does not read as it did before. */
MUST_USE enum status snapshot_maker_chunk(struct snapshot_maker *maker, uint32_t chunk,
                                          struct slice *out_rows);

#endif
