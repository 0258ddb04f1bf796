/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of SKU hashes. The cluster's seed is in the hashes, so nobody outside can choose
 * ones that collide: they are spread already. */
#include <stdlib.h>

#include "server/coordinator/recommend_flow_private.h"

enum {
    HASH_SET_MIN = 128,
};

struct recommend_hash_slot {
    uint64_t hash;
    uint32_t value;
    bool used;
};

static struct recommend_hash_slot *hashes_slot(const struct recommend_hash_set *set,
                                               uint64_t hash)
{
    uint64_t place = hash & (set->capacity - 1);
    while (set->slots[place].used && set->slots[place].hash != hash) {
        place = (place + 1) & (set->capacity - 1);
    }
    return &set->slots[place];
}

bool recommend_hashes_find(const struct recommend_hash_set *set, uint64_t hash,
                           uint32_t *out_value)
{
    const struct recommend_hash_slot *slot =
        set->capacity > 0 ? hashes_slot(set, hash) : NULL;
    if (slot == NULL || !slot->used) {
        return false;
    }
    *out_value = slot->value;
    return true;
}

static bool hashes_grow(struct recommend_hash_set *set, struct arena *arena)
{
    struct recommend_hash_set grown = {.capacity = set->capacity > 0 ? set->capacity * 4
                                                                     : HASH_SET_MIN,
                                       .count = set->count};
    grown.slots = arena_zalloc(arena, grown.capacity * sizeof *grown.slots);
    if (grown.slots == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < set->capacity; i++) {
        if (set->slots[i].used) {
            *hashes_slot(&grown, set->slots[i].hash) = set->slots[i];
        }
    }
    *set = grown;
    return true;
}

bool recommend_hashes_add(struct recommend_hash_set *set, uint64_t hash, uint32_t value,
                          struct arena *arena)
{
    if (set->count * 2 >= set->capacity && !hashes_grow(set, arena)) {
        return false;
    }
    *hashes_slot(set, hash) =
        (struct recommend_hash_slot){.hash = hash, .value = value, .used = true};
    set->count++;
    return true;
}

static int hash_compare(const void *left, const void *right)
{
    uint64_t a = *(const uint64_t *)left, b = *(const uint64_t *)right;
    return a < b ? -1 : a > b;
}

void recommend_hashes_sort(uint64_t *hashes, uint32_t count)
{
    if (count > 0) {
        qsort(hashes, count, sizeof *hashes, hash_compare);
    }
}

bool recommend_hashes_has(const uint64_t *sorted, uint32_t count, uint64_t hash)
{
    return count > 0 &&
           bsearch(&hash, sorted, count, sizeof *sorted, hash_compare) != NULL;
}
