/* SPDX-License-Identifier: Apache-2.0 */
/* A map that forgets its oldest: memory of a long history stays flat. */
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct facts_key {
    uint64_t high, low;
};

struct check_fact *check_fact_of(const void *value)
{
    return (struct check_fact *)((uintptr_t)value - sizeof(struct check_fact));
}

void check_facts_init(struct check_facts *facts, size_t size, size_t max,
                      uint64_t *forgotten)
{
    *facts = (struct check_facts){.size = size, .max = max, .forgotten = forgotten};
    map_init(&facts->map);
    list_init(&facts->order);
}

void check_facts_close(struct check_facts *facts)
{
    struct list *node;
    while ((node = list_pop(&facts->order)) != NULL) {
        free(LIST_ENTRY(node, struct check_fact, link));
    }
    map_close(&facts->map);
}

static bool facts_equal(const struct map_node *node, const void *key)
{
    const struct check_fact *fact = CONTAINER_OF(node, const struct check_fact, node);
    const struct facts_key *wanted = key;
    return fact->high == wanted->high && fact->low == wanted->low;
}

static uint64_t facts_hash(uint64_t high, uint64_t low)
{
    return hash_mix(hash_mix(high + 0x9e3779b97f4a7c15u) ^ low);
}

void *check_facts_find(const struct check_facts *facts, uint64_t high, uint64_t low)
{
    const struct facts_key key = {high, low};
    struct map_node *node =
        map_find(&facts->map, facts_hash(high, low), facts_equal, &key);
    return node != NULL ? CONTAINER_OF(node, struct check_fact, node) + 1 : NULL;
}

void check_facts_remove(struct check_facts *facts, void *value)
{
    struct check_fact *fact = check_fact_of(value);
    map_remove(&facts->map, &fact->node);
    list_remove(&fact->link);
    free(fact);
}

void *check_facts_put(struct check_facts *facts, uint64_t high, uint64_t low,
                      bool *out_new)
{
    void *found = check_facts_find(facts, high, low);
    struct check_fact *fact;
    *out_new = found == NULL;
    if (found != NULL) {
        return found;
    }
    if (facts->map.count >= facts->max) {
        check_facts_remove(facts,
                           LIST_ENTRY(facts->order.next, struct check_fact, link) + 1);
        *facts->forgotten += 1;
    }
    fact = memory_zalloc(sizeof *fact + facts->size);
    fact->high = high;
    fact->low = low;
    map_insert(&facts->map, &fact->node, facts_hash(high, low));
    list_append(&facts->order, &fact->link);
    return fact + 1;
}

void *check_facts_next(const struct check_facts *facts, const void *value)
{
    const struct list *link =
        value != NULL ? check_fact_of(value)->link.next : facts->order.next;
    return link != &facts->order ? LIST_ENTRY(link, struct check_fact, link) + 1 : NULL;
}
