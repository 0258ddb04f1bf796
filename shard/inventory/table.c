/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/inventory/table.h"

#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

enum {
    TABLE_BITS_MIN = 4,
};

void table_init(struct table *table, uint64_t base, uint64_t span)
{
    *table = (struct table){.base = base, .bits = TABLE_BITS_MIN};
    if (span > 1) {
        table->shift = (unsigned)__builtin_clzll(span - 1);
    } else if (span == 1) {
        table->shift = 63;
    }
    table->buckets = memory_zalloc(((size_t)1 << table->bits) * sizeof *table->buckets);
}

void table_close(struct table *table)
{
    free(table->buckets);
    *table = (struct table){0};
}

static size_t table_bucket(const struct table *table, uint64_t hash)
{
    return (size_t)(((hash - table->base) << table->shift) >> (64 - table->bits));
}

static int table_compare(const struct table_node *node, uint64_t hash, struct slice id)
{
    if (node->hash != hash) {
        return node->hash < hash ? -1 : 1;
    }
    return slice_compare(node->id, id);
}

struct table_node *table_find(const struct table *table, uint64_t hash, struct slice id)
{
    struct table_node *node = table->buckets[table_bucket(table, hash)];
    while (node != NULL && !(node->hash == hash && slice_equal(node->id, id))) {
        node = node->next;
    }
    return node;
}

struct table_node *table_find_hash(const struct table *table, uint64_t hash)
{
    struct table_node *node = table->buckets[table_bucket(table, hash)];
    while (node != NULL && node->hash != hash) {
        node = node->next;
    }
    return node;
}

void table_prefetch(const struct table *table, uint64_t hash)
{
    __builtin_prefetch(table->buckets[table_bucket(table, hash)]);
}

static void table_link(struct table *table, struct table_node *node)
{
    struct table_node **link = &table->buckets[table_bucket(table, node->hash)];
    while (*link != NULL && table_compare(*link, node->hash, node->id) < 0) {
        link = &(*link)->next;
    }
    node->next = *link;
    *link = node;
}

static void table_grow(struct table *table)
{
    struct table_node **old = table->buckets;
    size_t old_count = (size_t)1 << table->bits;
    table->bits++;
    table->buckets = memory_zalloc(((size_t)1 << table->bits) * sizeof *table->buckets);
    for (size_t i = 0; i < old_count; i++) {
        while (old[i] != NULL) {
            struct table_node *node = old[i];
            old[i] = node->next;
            table_link(table, node);
        }
    }
    free(old);
}

void table_insert(struct table *table, struct table_node *node)
{
    if (table->count >= (size_t)1 << table->bits) {
        table_grow(table);
    }
    table_link(table, node);
    table->count++;
}

void table_remove(struct table *table, struct table_node *node)
{
    struct table_node **link = &table->buckets[table_bucket(table, node->hash)];
    while (*link != node) {
        ASSERT(*link != NULL);
        link = &(*link)->next;
    }
    *link = node->next;
    node->next = NULL;
    table->count--;
}

static struct table_node *table_first_from(const struct table *table, size_t bucket)
{
    for (; bucket < (size_t)1 << table->bits; bucket++) {
        if (table->buckets[bucket] != NULL) {
            return table->buckets[bucket];
        }
    }
    return NULL;
}

struct table_node *table_seek(const struct table *table, uint64_t hash, struct slice id)
{
    size_t bucket;
    struct table_node *node;
    if (hash < table->base) {
        return table_first_from(table, 0);
    }
    if (table->shift > 0 && (hash - table->base) >> (64 - table->shift) != 0) {
        return NULL;
    }
    bucket = table_bucket(table, hash);
    node = table->buckets[bucket];
    while (node != NULL && table_compare(node, hash, id) < 0) {
        node = node->next;
    }
    return node != NULL ? node : table_first_from(table, bucket + 1);
}

struct table_node *table_next(const struct table *table, const struct table_node *node)
{
    if (node == NULL) {
        return table_first_from(table, 0);
    }
    if (node->next != NULL) {
        return node->next;
    }
    return table_first_from(table, table_bucket(table, node->hash) + 1);
}
