/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/map.h"

#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"

enum {
    KEYS = 300,
    STEPS = 6000,
    SEEDS = 10,
};

struct item {
    struct map_node node;
    unsigned key;
    bool inside; /* the plain reference */
    unsigned seen;
};

static bool item_equal(const struct map_node *node, const void *key)
{
    return CONTAINER_OF(node, struct item, node)->key == *(const unsigned *)key;
}

/* Few distinct hashes, so that chains are long and whole hashes collide. */
static uint64_t poor_hash(unsigned key)
{
    return key % 37 * 0x100000001u;
}

static void check_walk(const struct map *map, struct item *items, unsigned round)
{
    size_t count = 0;
    for (struct map_node *node = map_next(map, NULL); node; node = map_next(map, node)) {
        struct item *item = CONTAINER_OF(node, struct item, node);
        EXPECT(item->inside && item->seen != round);
        item->seen = round;
        count++;
    }
    EXPECT_EQ(count, map->count);
    (void)items;
}

TEST(map, agrees_with_a_plain_table)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        static struct item items[KEYS];
        struct map map;
        struct rng rng;
        memset(items, 0, sizeof items);
        rng_init(&rng, seed);
        map_init(&map);
        for (unsigned i = 1; i <= STEPS; i++) {
            unsigned key = (unsigned)rng_below(&rng, KEYS);
            struct item *item = &items[key];
            struct map_node *found = map_find(&map, poor_hash(key), item_equal, &key);
            if (found != (item->inside ? &item->node : NULL)) {
                test_fail(__FILE__, __LINE__, "seed %" PRIu64 ", step %u", seed, i);
            }
            if (found != NULL) {
                map_remove(&map, found);
            } else {
                item->key = key;
                map_insert(&map, &item->node, poor_hash(key));
            }
            item->inside = !item->inside;
            if (i % 500 == 0) {
                check_walk(&map, items, i);
            }
        }
        map_close(&map);
    }
}

TEST(map, an_empty_one_holds_nothing)
{
    struct map map;
    unsigned key = 1;
    map_init(&map);
    EXPECT(map_find(&map, 1, item_equal, &key) == NULL);
    EXPECT(map_next(&map, NULL) == NULL);
    map_close(&map);
    map_close(NULL);
}

TEST(map, nodes_can_be_freed_behind_the_walk)
{
    struct map map;
    struct map_node *node;
    map_init(&map);
    for (unsigned i = 0; i < 100; i++) {
        struct item *item = memory_zalloc(sizeof *item);
        map_insert(&map, &item->node, i);
    }
    node = map_next(&map, NULL);
    while (node != NULL) {
        struct map_node *next = map_next(&map, node);
        map_remove(&map, node);
        free(CONTAINER_OF(node, struct item, node));
        node = next;
    }
    EXPECT_EQ(map.count, 0);
    map_close(&map);
}
