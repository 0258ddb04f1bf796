/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/heap.h"

#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "tests/lib/test.h"

enum {
    ITEMS = 64,
    STEPS = 4000,
    SEEDS = 20,
};

struct item {
    struct heap_node node;
    uint64_t key;
    bool inside; /* the plain reference */
};

static bool item_less(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, struct item, node)->key <
           CONTAINER_OF(b, struct item, node)->key;
}

static const struct item *reference_least(const struct item *items, unsigned *out_count)
{
    const struct item *least = NULL;
    *out_count = 0;
    for (unsigned i = 0; i < ITEMS; i++) {
        if (items[i].inside) {
            *out_count += 1;
            least = least == NULL || items[i].key < least->key ? &items[i] : least;
        }
    }
    return least;
}

static void step(struct heap *heap, struct item *items, struct rng *rng)
{
    struct item *item = &items[rng_below(rng, ITEMS)];
    switch (rng_below(rng, 4)) {
    case 0:
        if (!item->inside) {
            item->key = rng_below(rng, 50);
            heap_push(heap, &item->node);
            item->inside = true;
        }
        return;
    case 1:
        heap_remove(heap, &item->node); /* in it or not */
        item->inside = false;
        return;
    case 2:
        item->key = rng_below(rng, 50);
        if (item->inside) {
            heap_update(heap, &item->node);
        }
        return;
    default:
        if (heap->count > 0) {
            CONTAINER_OF(heap_pop(heap), struct item, node)->inside = false;
        }
        return;
    }
}

TEST(heap, agrees_with_a_plain_search_for_the_least)
{
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        struct item items[ITEMS] = {0};
        struct heap heap;
        struct rng rng;
        rng_init(&rng, seed);
        heap_init(&heap, item_less);
        for (unsigned i = 0; i < STEPS; i++) {
            unsigned count;
            const struct item *least;
            struct heap_node *top;
            step(&heap, items, &rng);
            least = reference_least(items, &count);
            top = heap_peek(&heap);
            if (heap.count != count || (top == NULL) != (least == NULL) ||
                (top && CONTAINER_OF(top, struct item, node)->key != least->key)) {
                test_fail(__FILE__, __LINE__, "seed %" PRIu64 ", step %u", seed, i);
            }
        }
        heap_close(&heap);
    }
}

TEST(heap, gives_everything_back_in_order)
{
    struct item items[500] = {0};
    struct heap heap;
    struct rng rng;
    uint64_t last = 0;
    rng_init(&rng, 3);
    heap_init(&heap, item_less);
    for (unsigned i = 0; i < 500; i++) {
        items[i].key = rng_below(&rng, 1000);
        heap_push(&heap, &items[i].node);
    }
    for (unsigned i = 0; i < 500; i++) {
        struct item *item = CONTAINER_OF(heap_pop(&heap), struct item, node);
        EXPECT(item->key >= last && item->node.place == 0);
        last = item->key;
    }
    EXPECT(heap_pop(&heap) == NULL && heap_peek(&heap) == NULL);
    heap_close(&heap);
    heap_close(NULL);
}
