/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/best.h"

int best_compare(const void *left, const void *right)
{
    const struct best_item *a = left, *b = right;
    if (a->score > b->score || a->score < b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

static void best_sift(struct best_item *best, uint32_t count, uint32_t place)
{
    struct best_item moved = best[place];
    for (;;) {
        uint32_t child = 2 * place + 1;
        if (child >= count) {
            break;
        }
        if (child + 1 < count && best_compare(&best[child], &best[child + 1]) < 0) {
            child++;
        }
        if (best_compare(&best[child], &moved) <= 0) {
            break;
        }
        best[place] = best[child];
        place = child;
    }
    best[place] = moved;
}

uint32_t best_add(struct best_item *best, uint32_t count, uint32_t count_max,
                  const struct best_item *item)
{
    if (count < count_max) {
        best[count++] = *item;
        if (count == count_max) {
            for (uint32_t i = count / 2; i-- > 0;) {
                best_sift(best, count, i);
            }
        }
    } else if (best_compare(item, &best[0]) < 0) {
        best[0] = *item;
        best_sift(best, count, 0);
    }
    return count;
}

/* By the heap that it mostly is already, in place. */
void best_sort(struct best_item *best, uint32_t count)
{
    for (uint32_t i = count / 2; i-- > 0;) {
        best_sift(best, count, i);
    }
    for (uint32_t left = count; left > 1; left--) {
        struct best_item worst = best[0];
        best[0] = best[left - 1];
        best[left - 1] = worst;
        best_sift(best, left - 1, 0);
    }
}
