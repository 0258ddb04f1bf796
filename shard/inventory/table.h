/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash table that can be walked in order: buckets are cut by the top bits of the hash,
 * each chain is sorted by (hash, id). So lists go by hash without a second index.
 * Intrusive; nodes are the caller's. One thread.
 */
#ifndef SOUK_SHARD_INVENTORY_TABLE_H
#define SOUK_SHARD_INVENTORY_TABLE_H

#include <stddef.h>
#include <stdint.h>

#include "shard/base/slice.h"

struct table_node {
    struct table_node *next;
    uint64_t hash;
    struct slice id; /* lives as long as the node is in the table */
};

struct table {
    struct table_node **buckets;
    size_t count;
    unsigned bits;
    unsigned shift; /* hashes of a narrow range still spread over all buckets */
    uint64_t base;
};

/* Hashes of all nodes lie in [base, base + span); span 0 stands for 2^64. */
void table_init(struct table *table, uint64_t base, uint64_t span);
void table_close(struct table *table);
struct table_node *table_find(const struct table *table, uint64_t hash, struct slice id);
/* The first node of this hash, whatever its id. */
struct table_node *table_find_hash(const struct table *table, uint64_t hash);
/* Asks the memory for what table_find_hash will read. */
void table_prefetch(const struct table *table, uint64_t hash);
/* node->hash and node->id are set and not in the table. */
void table_insert(struct table *table, struct table_node *node);
void table_remove(struct table *table, struct table_node *node);
/* The first node at or after (hash, id); NULL at the end. */
struct table_node *table_seek(const struct table *table, uint64_t hash, struct slice id);
/* The node after this one; the first for NULL. */
struct table_node *table_next(const struct table *table, const struct table_node *node);

#endif
