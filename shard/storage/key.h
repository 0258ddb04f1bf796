/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Where rows lie. All keys begin with a table byte; integers are big endian, so that
 * bytewise order is their order.
 *
 *     's' be64(hash) kind id...             SKU table: hash of the SKU id, of a hold's anchor
 *     'c' be64(hash) kind id...             customer table
 *     'd' be64(hash) kind id...             directory of the cluster
 *     'o' be64(shard) be64(index) be32(sub) log order: ledger and feed blocks
 *     'm' be64(shard) kind                  what this node knows of a shard (meta_row.h)
 *     'm' be64(0) kind                      what it knows of itself
 *
 * Rows of the state ('s', 'c', 'd') never contain a shard id, so a split moves no data. Every
 * VALUE begins with a version byte. `kind` is chosen by the module that owns the table
 * (shard/inventory, shard/customer) in one enum there.
 */
#ifndef SOUK_SHARD_STORAGE_KEY_H
#define SOUK_SHARD_STORAGE_KEY_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum key_table {
    KEY_TABLE_CUSTOMER = 'c',
    KEY_TABLE_DIRECTORY = 'd',
    KEY_TABLE_META = 'm',
    KEY_TABLE_ORDER = 'o',
    KEY_TABLE_SKU = 's',
};

/* Does the table hold the state of shards, in rows by hash? */
bool key_table_is_state(enum key_table table);

enum {
    KEY_STATE_BYTES_MIN = 10, /* table, hash, kind */
    KEY_ORDER_BYTES = 21,
    KEY_META_BYTES = 10,
};

/* Hashes in [start, end); end 0 stands for 2^64. start == end == 0 is everything. */
struct key_range {
    uint64_t start;
    uint64_t end;
};

bool key_range_contains(struct key_range range, uint64_t hash);
bool key_range_overlaps(struct key_range a, struct key_range b);
/* Whether `inner` lies wholly inside `outer`. */
bool key_range_covers(struct key_range outer, struct key_range inner);
/* A range with at least one hash in it: end == 0 or start < end. */
bool key_range_valid(struct key_range range);

/* The hash of an id: XXH3-64 seeded with the cluster's random value. */
uint64_t key_hash(struct slice id, uint64_t cluster_hash_seed);

/* A state row. Each key_append_* appends to `key`; clear it before to reuse it. */
struct key_state {
    enum key_table table; /* key_table_is_state */
    uint8_t kind;
    uint64_t hash;
    struct slice id; /* the rest of the key; may be empty */
};

struct key_order {
    uint64_t shard_id;
    uint64_t index; /* of the log entry */
    uint32_t sub;
};

struct key_meta {
    uint64_t shard_id; /* 0 = the node itself */
    uint8_t kind;      /* enum meta_kind */
};

void key_append_state(struct buffer *key, const struct key_state *parts);
void key_append_order(struct buffer *key, const struct key_order *parts);
void key_append_meta(struct buffer *key, const struct key_meta *parts);

/* False when the bytes are no such key. `id` borrows from `key`. */
MUST_USE bool key_parse_state(struct slice key, struct key_state *out_parts);
MUST_USE bool key_parse_order(struct slice key, struct key_order *out_parts);
MUST_USE bool key_parse_meta(struct slice key, struct key_meta *out_parts);

/* Bounds [start, end) for store_scan or store_batch_delete_range; replace the content of
 * both buffers. */
void key_bounds_range(enum key_table table, struct key_range range, struct buffer *start,
                      struct buffer *end);
/* All rows of one kind under one hash. */
void key_bounds_kind(enum key_table table, uint64_t hash, uint8_t kind,
                     struct buffer *start, struct buffer *end);
/* Log-order rows of a shard with from_index <= index < to_index; to_index 0 = no end. */
void key_bounds_order(uint64_t shard_id, uint64_t from_index, uint64_t to_index,
                      struct buffer *start, struct buffer *end);
/* Every key that begins with `prefix`; the end is empty when there is none above. */
void key_bounds_prefix(struct slice prefix, struct buffer *start, struct buffer *end);

#endif
