/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/trending.h"

#include <stdlib.h>

#include "shard/base/memory.h"
#include "shard/recommend/degrees_private.h"
#include "shard/recommend/shared.h"

struct trending_item {
    uint64_t sku_hash;
    int64_t score;
    int64_t sessions; /* of late */
};

struct trending {
    struct trending_item *items; /* twice DEGREE_POPULAR_MAX */
    size_t count;
    struct trending_query query; /* that the list answers */
    uint64_t changes;
    bool made;
};

struct trending *trending_new(void)
{
    struct trending *trending = memory_zalloc(sizeof *trending);
    trending->items = memory_alloc(2 * DEGREE_POPULAR_MAX * sizeof *trending->items);
    return trending;
}

void trending_free(struct trending *trending)
{
    if (trending != NULL) {
        free(trending->items);
        free(trending);
    }
}

__extension__ typedef unsigned __int128 trending_wide;

/* Adds a row's rise to the item. Sessions of clocks ahead count as of now. */
static void row_rise(const struct degree_row *row, int64_t period_now, uint32_t weight,
                     struct trending_item *item)
{
    int64_t recent = 0, sessions = 0;
    for (int64_t p = period_now - (DEGREE_PERIODS - 2); p <= period_now + 1; p++) {
        if (row->period_newest == DEGREE_PERIOD_NONE || p > row->period_newest ||
            row->period_newest - p >= DEGREE_PERIODS) {
            continue;
        }
        int64_t age = p < period_now ? period_now - p : 0;
        int64_t count = row->periods[degree_period_place(p)];
        recent += count << (DEGREE_PERIODS - 2 - age);
        sessions += count;
    }
    if (recent <= 0 || row->sessions <= 0) {
        return;
    }
    trending_wide square = (trending_wide)recent * (trending_wide)recent;
    trending_wide whole = (trending_wide)row->sessions + TRENDING_SMOOTHING;
    trending_wide rise = square * weight / (64 * whole);
    trending_wide most = INT64_MAX - (trending_wide)item->score;
    item->score += (int64_t)(rise < most ? rise : most);
    item->sessions += sessions;
}

static int trending_compare(const void *left, const void *right)
{
    const struct trending_item *a = left, *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

/* Whether a table before this one has the item: it was counted there. */
static bool counted_before(const struct trending_query *query, uint32_t table,
                           uint64_t sku_hash)
{
    for (uint32_t t = 0; t < table; t++) {
        if (degree_table_row(query->tables[t].table, sku_hash) != NULL) {
            return true;
        }
    }
    return false;
}

static size_t trending_cut(struct trending_item *items, size_t count)
{
    if (count > 0) {
        qsort(items, count, sizeof *items, trending_compare);
    }
    return count < DEGREE_POPULAR_MAX ? count : DEGREE_POPULAR_MAX;
}

static void trending_scan(struct trending *trending, const struct trending_query *query)
{
    int64_t period_now = query->now_ms / DEGREE_PERIOD_MS;
    size_t count = 0;
    for (uint32_t t = 0; t < query->table_count; t++) {
        const struct degree_rows *rows = &query->tables[t].table->sum;
        for (size_t i = 0; i < rows->capacity; i++) {
            struct trending_item item = {.sku_hash = rows->rows[i].sku_hash};
            if (!rows->rows[i].used || counted_before(query, t, item.sku_hash)) {
                continue;
            }
            for (uint32_t n = t; n < query->table_count; n++) {
                const struct degree_row *row =
                    degree_table_row(query->tables[n].table, item.sku_hash);
                if (row != NULL) {
                    row_rise(row, period_now, query->tables[n].weight, &item);
                }
            }
            if (item.score > 0) {
                trending->items[count++] = item;
            }
            if (count == 2 * DEGREE_POPULAR_MAX) {
                count = trending_cut(trending->items, count);
            }
        }
    }
    trending->count = trending_cut(trending->items, count);
}

static bool trending_current(const struct trending *trending,
                             const struct trending_query *query, uint64_t changes)
{
    const struct trending_query *made = &trending->query;
    size_t items = 0;
    if (!trending->made || made->table_count != query->table_count ||
        made->now_ms / DEGREE_PERIOD_MS != query->now_ms / DEGREE_PERIOD_MS) {
        return false;
    }
    for (uint32_t t = 0; t < query->table_count; t++) {
        if (made->tables[t].table != query->tables[t].table ||
            made->tables[t].weight != query->tables[t].weight) {
            return false;
        }
        items += query->tables[t].table->sum.count;
    }
    int64_t age_ms = query->now_ms - made->now_ms;
    return trending->changes == changes ||
           (items > DEGREE_POPULAR_SCAN_MAX && age_ms >= 0 &&
            age_ms < DEGREE_POPULAR_AGE_MAX_MS);
}

enum status trending_rank(struct trending *trending, const struct trending_query *query,
                          const struct recommend_rank_options *options,
                          struct arena *arena, struct recommend_ranked *out_ranked)
{
    struct recommend_ranked ranked = {0};
    uint64_t changes = 0;
    if (options->count < 1 || options->count > RECOMMEND_COUNT_MAX ||
        query->table_count > TRENDING_TABLES_MAX) {
        return STATUS_INVALID;
    }
    for (uint32_t t = 0; t < query->table_count; t++) {
        if (query->tables[t].weight > TRENDING_WEIGHT_MAX) {
            return STATUS_INVALID;
        }
        changes += query->tables[t].table->changes;
    }
    if (!trending_current(trending, query, changes)) {
        trending_scan(trending, query);
        trending->query = *query;
        trending->changes = changes;
        trending->made = true;
    }
    ranked.items = arena_alloc(arena, options->count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < trending->count && ranked.item_count < options->count; i++) {
        const struct trending_item *item = &trending->items[i];
        if (!shared_excluded(options, item->sku_hash)) {
            ranked.items[ranked.item_count++] = (struct recommend_ranked_item){
                .sku_hash = item->sku_hash,
                .score = (double)item->score / (double)trending->items[0].score,
                .reasons = {{.kind = RECOMMEND_REASON_TRENDING,
                             .evidence_count = (uint64_t)item->sessions,
                             .weight = 1.0}},
                .reason_count = 1};
        }
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
