/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/rank.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/assert.h"
#include "shard/base/hash.h"
#include "shard/recommend/best.h"
#include "shard/recommend/shared.h"

enum {
    MERGE_TABLE_MIN = 64,
};

/* --- Merge --------------------------------------------------------------------------- */

struct merge {
    struct recommend_partial *out;
    uint32_t *table; /* row + 1 by item hash, 0 free */
    uint64_t table_mask;
};

static uint32_t merge_row(struct merge *merge, uint64_t item)
{
    struct recommend_partial *out = merge->out;
    uint64_t place = hash_mix(item) & merge->table_mask;
    while (merge->table[place] != 0) {
        if (out->items[merge->table[place] - 1] == item) {
            return merge->table[place] - 1;
        }
        place = (place + 1) & merge->table_mask;
    }
    uint32_t row = out->item_count++;
    size_t first = (size_t)row * out->related;
    merge->table[place] = row + 1;
    out->items[row] = item;
    memset(&out->parts[first], 0, out->related * sizeof *out->parts);
    memset(&out->evidence[first], 0, out->related * sizeof *out->evidence);
    return row;
}

static enum status merge_add(struct merge *merge, const struct recommend_partial *partial)
{
    struct recommend_partial *out = merge->out;
    for (uint32_t i = 0; i < partial->item_count; i++) {
        size_t to = (size_t)merge_row(merge, partial->items[i]) * out->related;
        size_t from = (size_t)i * out->related;
        for (uint32_t q = 0; q < out->related; q++) {
            if (__builtin_add_overflow(out->parts[to + q], partial->parts[from + q],
                                       &out->parts[to + q]) ||
                __builtin_add_overflow(out->evidence[to + q], partial->evidence[from + q],
                                       &out->evidence[to + q])) {
                return STATUS_QUANTITY_OVERFLOW;
            }
        }
    }
    if (__builtin_add_overflow(out->neighbours, partial->neighbours, &out->neighbours)) {
        return STATUS_QUANTITY_OVERFLOW;
    }
    out->buckets |= partial->buckets;
    return STATUS_OK;
}

enum status recommend_merge(const struct recommend_partial *const *partials,
                            size_t partial_count, struct arena *arena,
                            struct recommend_partial *out_merged)
{
    struct recommend_partial out = {0};
    struct merge merge = {.out = &out};
    uint64_t rows = 0, size = MERGE_TABLE_MIN;
    if (partial_count == 1) {
        *out_merged = *partials[0];
        return STATUS_OK;
    }
    for (size_t i = 0; i < partial_count; i++) {
        if (partials[i]->bucket_count != partials[0]->bucket_count ||
            partials[i]->related != partials[0]->related) {
            return STATUS_INVALID;
        }
        rows += partials[i]->item_count;
    }
    if (partial_count > 0) {
        out.bucket_count = partials[0]->bucket_count;
        out.related = partials[0]->related;
    }
    if (rows > UINT32_MAX - 1) {
        return STATUS_TOO_LARGE;
    }
    while (size < rows * 2) {
        size *= 2;
    }
    merge.table_mask = size - 1;
    merge.table = arena_zalloc(arena, (size_t)size * sizeof *merge.table);
    out.items = arena_alloc(arena, (size_t)rows * sizeof *out.items);
    out.parts = arena_alloc(arena, (size_t)rows * out.related * sizeof *out.parts);
    out.evidence = arena_alloc(arena, (size_t)rows * out.related * sizeof *out.evidence);
    if (merge.table == NULL || out.items == NULL || out.parts == NULL ||
        out.evidence == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < partial_count; i++) {
        if ((partials[i]->buckets & out.buckets) == 0) {
            TRY(merge_add(&merge, partials[i]));
        }
    }
    *out_merged = out;
    return STATUS_OK;
}

/* --- Rank ---------------------------------------------------------------------------- */

struct ranking {
    const struct recommend_rank_options *options;
    struct recommend_items items;
};

static bool rank_excludes(const struct ranking *ranking, uint64_t sku_hash)
{
    const struct recommend_rank_options *options = ranking->options;
    if (shared_excluded(options, sku_hash)) {
        return true;
    }
    uint32_t query_items = 0;
    if (options->exclude_seen) {
        query_items = ranking->items.count;
    } else if (options->exclude_current && ranking->items.count > 0) {
        query_items = 1;
    }
    for (uint32_t i = 0; i < query_items; i++) {
        if (ranking->items.sku_hash[i] == sku_hash) {
            return true;
        }
    }
    return false;
}

static void rank_explain(const struct ranking *ranking,
                         const struct recommend_partial *merged,
                         const struct best_item *scored,
                         struct recommend_ranked_item *out)
{
    size_t first = (size_t)scored->row * merged->related;
    int64_t total = 0;
    *out = (struct recommend_ranked_item){.sku_hash = scored->sku_hash,
                                          .score = scored->score};
    for (uint32_t q = 0; q < merged->related; q++) {
        total += merged->parts[first + q];
    }
    for (uint32_t q = 0; q < merged->related && total > 0; q++) {
        if (merged->evidence[first + q] > 0) {
            out->reasons[out->reason_count++] = (struct recommend_reason){
                .kind = RECOMMEND_REASON_NEIGHBOURS,
                .related_sku_hash = ranking->items.sku_hash[q],
                .evidence_count = merged->evidence[first + q],
                .weight = (double)merged->parts[first + q] / (double)total,
            };
        }
    }
    shared_reasons_sort(out->reasons, out->reason_count);
}

/* The sum of the parts; OVERFLOW when it leaves int64 (only a false peer can do that). */
static bool row_total(const struct recommend_partial *merged, uint32_t row,
                      int64_t *out_total)
{
    size_t first = (size_t)row * merged->related;
    int64_t total = 0;
    for (uint32_t q = 0; q < merged->related; q++) {
        if (__builtin_add_overflow(total, merged->parts[first + q], &total)) {
            return false;
        }
    }
    *out_total = total;
    return true;
}

enum status recommend_rank(const struct recommend_partial *merged,
                           const struct recommend_query *query,
                           const struct degree_table *degrees,
                           const struct recommend_rank_options *options,
                           struct arena *arena, struct recommend_ranked *out_ranked)
{
    struct ranking ranking = {.options = options};
    uint32_t count = 0;
    recommend_query_items(query, &ranking.items);
    if (merged->related != ranking.items.count || options->count < 1 ||
        options->count > RECOMMEND_COUNT_MAX) {
        return STATUS_INVALID;
    }
    struct best_item *best = arena_alloc(arena, options->count * sizeof *best);
    if (best == NULL) {
        return STATUS_TOO_LARGE;
    }
    int64_t total = degree_table_total(degrees);
    double log_total = log((double)(total > 0 ? total : 1));
    double norm = 10.0 * (double)(ranking.items.count ? ranking.items.count : 1);
    for (uint32_t row = 0; row < merged->item_count; row++) {
        struct best_item scored = {.sku_hash = merged->items[row], .row = row};
        int64_t sum;
        if (!row_total(merged, row, &sum)) {
            return STATUS_QUANTITY_OVERFLOW;
        }
        /* No idf is above log_total, so what stays below the worst kept one even with that
         * needs no look at the degrees. */
        if (count == options->count && sum >= 0 &&
            (double)sum * log_total / norm < best[0].score) {
            continue;
        }
        if (rank_excludes(&ranking, scored.sku_hash)) {
            continue;
        }
        double idf = log_total - degree_table_log(degrees, scored.sku_hash);
        scored.score = (double)sum * (idf > 0 ? idf : 0.0) / norm;
        count = best_add(best, count, options->count, &scored);
    }
    best_sort(best, count);
    struct recommend_ranked ranked = {.item_count = count};
    ranked.items = arena_alloc(arena, count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < count; i++) {
        rank_explain(&ranking, merged, &best[i], &ranked.items[i]);
    }
    *out_ranked = ranked;
    return STATUS_OK;
}

enum status recommend_popular(struct degree_table *degrees, int64_t now_ms,
                              const struct recommend_query *query,
                              const struct recommend_rank_options *options,
                              struct arena *arena, struct recommend_ranked *out_ranked)
{
    struct ranking ranking = {.options = options};
    struct recommend_ranked ranked = {0};
    size_t popular_count;
    const struct degree_popular *popular =
        degree_table_popular(degrees, now_ms, &popular_count);
    if (options->count < 1 || options->count > RECOMMEND_COUNT_MAX) {
        return STATUS_INVALID;
    }
    if (query != NULL) {
        recommend_query_items(query, &ranking.items);
    }
    ranked.items = arena_alloc(arena, options->count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < popular_count && ranked.item_count < options->count; i++) {
        if (rank_excludes(&ranking, popular[i].sku_hash)) {
            continue;
        }
        struct recommend_ranked_item *item = &ranked.items[ranked.item_count++];
        *item = (struct recommend_ranked_item){.sku_hash = popular[i].sku_hash};
        item->score = (double)popular[i].score / (double)popular[0].score;
        item->reason_count = 1;
        item->reasons[0] =
            (struct recommend_reason){.kind = RECOMMEND_REASON_POPULAR,
                                      .evidence_count = (uint64_t)popular[i].sessions,
                                      .weight = 1.0};
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
