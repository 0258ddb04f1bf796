/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/blend.h"

#include <math.h>
#include <stdlib.h>

#include "shard/recommend/shared.h"

/* One item of one list. */
struct blended {
    uint64_t sku_hash;
    const struct recommend_ranked_item *item;
    uint64_t value; /* weight * q */
    uint32_t tier;
    uint32_t list;
};

/* One item of the answer: a run of `blended` of one tier. */
struct blend_row {
    uint64_t sku_hash;
    uint64_t sum;
    uint32_t tier;
    uint32_t first;
    uint32_t count;
};

static int blended_compare(const void *left, const void *right)
{
    const struct blended *a = left, *b = right;
    if (a->sku_hash != b->sku_hash) {
        return a->sku_hash < b->sku_hash ? -1 : 1;
    }
    if (a->tier != b->tier) {
        return a->tier < b->tier ? -1 : 1;
    }
    return a->list < b->list ? -1 : a->list > b->list;
}

static int row_compare(const void *left, const void *right)
{
    const struct blend_row *a = left, *b = right;
    if (a->tier != b->tier) {
        return a->tier < b->tier ? -1 : 1;
    }
    if (a->sum != b->sum) {
        return a->sum > b->sum ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

static uint64_t blend_scaled(double score, double highest)
{
    double part = highest > 0 && score > 0 ? score / highest : 0.0;
    return (uint64_t)llround(ldexp(part < 1.0 ? part : 1.0, BLEND_SCALE_BITS));
}

static uint32_t blend_collect(const struct blend_list *lists, size_t list_count,
                              const struct recommend_rank_options *options,
                              struct blended *all)
{
    uint32_t count = 0;
    for (size_t l = 0; l < list_count; l++) {
        const struct recommend_ranked *ranked = lists[l].ranked;
        double highest = ranked->item_count > 0 ? ranked->items[0].score : 0.0;
        for (uint32_t i = 0; i < ranked->item_count; i++) {
            const struct recommend_ranked_item *item = &ranked->items[i];
            if (!shared_excluded(options, item->sku_hash)) {
                all[count++] = (struct blended){
                    .sku_hash = item->sku_hash,
                    .item = item,
                    .value = lists[l].weight * blend_scaled(item->score, highest),
                    .tier = lists[l].tier,
                    .list = (uint32_t)l};
            }
        }
    }
    if (count > 0) {
        qsort(all, count, sizeof *all, blended_compare);
    }
    return count;
}

/* Only what stands in the item's lowest tier counts. */
static uint32_t blend_fold(const struct blended *all, uint32_t count,
                           struct blend_row *rows)
{
    uint32_t row_count = 0;
    for (uint32_t i = 0; i < count; i++) {
        struct blend_row *row = row_count > 0 ? &rows[row_count - 1] : NULL;
        if (row == NULL || row->sku_hash != all[i].sku_hash) {
            rows[row_count++] = (struct blend_row){.sku_hash = all[i].sku_hash,
                                                   .sum = all[i].value,
                                                   .tier = all[i].tier,
                                                   .first = i,
                                                   .count = 1};
        } else if (all[i].tier == row->tier) {
            row->sum += all[i].value;
            row->count++;
        }
    }
    if (row_count > 0) {
        qsort(rows, row_count, sizeof *rows, row_compare);
    }
    return row_count;
}

static void blend_explain(const struct blend_row *row, const struct blended *all,
                          struct recommend_ranked_item *out)
{
    struct recommend_reason reasons[BLEND_LISTS_MAX * RECOMMEND_REASONS_MAX];
    uint32_t count = 0;
    double total = 0;
    for (uint32_t i = row->first; i < row->first + row->count; i++) {
        /* Where nothing weighs anything, all lists weigh the same. */
        double share = row->sum > 0 ? (double)all[i].value / (double)row->sum
                                    : 1.0 / (double)row->count;
        for (uint32_t r = 0; r < all[i].item->reason_count; r++) {
            reasons[count] = all[i].item->reasons[r];
            reasons[count++].weight *= share;
        }
    }
    shared_reasons_sort(reasons, count);
    out->reason_count = count < RECOMMEND_REASONS_MAX ? count : RECOMMEND_REASONS_MAX;
    for (uint32_t r = 0; r < out->reason_count; r++) {
        total += reasons[r].weight;
    }
    for (uint32_t r = 0; r < out->reason_count; r++) {
        out->reasons[r] = reasons[r];
        out->reasons[r].weight =
            total > 0 ? reasons[r].weight / total : 1.0 / (double)out->reason_count;
    }
}

static enum status blend_check(const struct blend_list *lists, size_t list_count,
                               const struct recommend_rank_options *options)
{
    if (list_count > BLEND_LISTS_MAX || options->count < 1 ||
        options->count > RECOMMEND_COUNT_MAX) {
        return STATUS_INVALID;
    }
    for (size_t l = 0; l < list_count; l++) {
        if (lists[l].weight < 1 || lists[l].weight > BLEND_WEIGHT_MAX ||
            lists[l].tier >= BLEND_TIERS ||
            lists[l].ranked->item_count > RECOMMEND_COUNT_MAX) {
            return STATUS_INVALID;
        }
    }
    return STATUS_OK;
}

enum status recommend_blend(const struct blend_list *lists, size_t list_count,
                            const struct recommend_rank_options *options,
                            struct arena *arena, struct recommend_ranked *out_ranked)
{
    uint64_t weights[BLEND_TIERS] = {0};
    size_t room = 0;
    struct recommend_ranked ranked = {0};
    TRY(blend_check(lists, list_count, options));
    for (size_t l = 0; l < list_count; l++) {
        room += lists[l].ranked->item_count;
        weights[lists[l].tier] += lists[l].weight;
    }
    struct blended *all = arena_alloc(arena, room * sizeof *all);
    struct blend_row *rows = arena_alloc(arena, room * sizeof *rows);
    if (all == NULL || rows == NULL) {
        return STATUS_TOO_LARGE;
    }
    uint32_t count = blend_collect(lists, list_count, options, all);
    count = blend_fold(all, count, rows);
    ranked.item_count = count < options->count ? count : options->count;
    ranked.items = arena_alloc(arena, ranked.item_count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < ranked.item_count; i++) {
        struct recommend_ranked_item *item = &ranked.items[i];
        double part =
            ldexp((double)rows[i].sum, -BLEND_SCALE_BITS) / (double)weights[rows[i].tier];
        *item = (struct recommend_ranked_item){.sku_hash = rows[i].sku_hash,
                                               .tier = rows[i].tier};
        item->score = ((double)(BLEND_TIERS - 1 - rows[i].tier) + part) / BLEND_TIERS;
        blend_explain(&rows[i], all, item);
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
