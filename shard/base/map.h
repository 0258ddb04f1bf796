/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An intrusive hash map: nodes live inside the caller's structs, the map owns only its
 * bucket array. Keys are compared by the caller. Walking order depends on hashes and
 * history: nothing that reaches a log, a disk or a reply may follow it unsorted.
 */
#ifndef SOUK_SHARD_BASE_MAP_H
#define SOUK_SHARD_BASE_MAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct map_node {
    struct map_node *next;
    uint64_t hash;
};

struct map {
    struct map_node **buckets;
    size_t bucket_count; /* a power of two, or 0 before the first insert */
    size_t count;
};

typedef bool map_equal(const struct map_node *node, const void *key);

void map_init(struct map *map);
/* Frees the buckets only; the nodes are the caller's. */
void map_close(struct map *map);
/* NULL when absent. */
struct map_node *map_find(const struct map *map, uint64_t hash, map_equal *equal,
                          const void *key);
/* The key must be absent. `node->hash` is set here. */
void map_insert(struct map *map, struct map_node *node, uint64_t hash);
/* The node must be present. */
void map_remove(struct map *map, struct map_node *node);
/* Walks all nodes: start with NULL. The node last returned may be freed only after the
 * next call, so remove behind the walk. */
struct map_node *map_next(const struct map *map, const struct map_node *node);

#endif
