/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/map.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    MAP_BUCKETS_MIN = 16,
};

void map_init(struct map *map)
{
    *map = (struct map){0};
}

void map_close(struct map *map)
{
    if (map != NULL) {
        free(map->buckets);
        map_init(map);
    }
}

static struct map_node **map_bucket(const struct map *map, uint64_t hash)
{
    return &map->buckets[hash & (map->bucket_count - 1)];
}

struct map_node *map_find(const struct map *map, uint64_t hash, map_equal *equal,
                          const void *key)
{
    struct map_node *node = map->bucket_count ? *map_bucket(map, hash) : NULL;
    while (node != NULL && !(node->hash == hash && equal(node, key))) {
        node = node->next;
    }
    return node;
}

static void map_grow(struct map *map)
{
    struct map grown = {0};
    grown.bucket_count = map->bucket_count ? map->bucket_count * 2 : MAP_BUCKETS_MIN;
    grown.buckets = memory_zalloc(grown.bucket_count * sizeof(struct map_node *));
    grown.count = map->count;
    for (size_t i = 0; i < map->bucket_count; i++) {
        struct map_node *node = map->buckets[i];
        while (node != NULL) {
            struct map_node *next = node->next;
            struct map_node **bucket = map_bucket(&grown, node->hash);
            node->next = *bucket;
            *bucket = node;
            node = next;
        }
    }
    free(map->buckets);
    *map = grown;
}

void map_insert(struct map *map, struct map_node *node, uint64_t hash)
{
    struct map_node **bucket;
    if (map->count >= map->bucket_count) {
        map_grow(map);
    }
    bucket = map_bucket(map, hash);
    node->hash = hash;
    node->next = *bucket;
    *bucket = node;
    map->count++;
}

void map_remove(struct map *map, struct map_node *node)
{
    struct map_node **link = map_bucket(map, node->hash);
    while (*link != node) {
        ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    map->count--;
}

struct map_node *map_next(const struct map *map, const struct map_node *node)
{
    size_t bucket = 0;
    if (node != NULL) {
        if (node->next != NULL) {
            return node->next;
        }
        bucket = (size_t)(node->hash & (map->bucket_count - 1)) + 1;
    }
    for (; bucket < map->bucket_count; bucket++) {
        if (map->buckets[bucket] != NULL) {
            return map->buckets[bucket];
        }
    }
    return NULL;
}
