/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/trending.h"

#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "shard/recommend/degrees_private.h"
#include "shard/recommend/shared.h"

struct trending_item {
    uint64_t sku_hash;
    int64_t score;
    int64_t sessions; /* that speak for it */
    uint64_t place;   /* of most of them */
    int64_t place_sessions;
    uint32_t table; /* while tables are added up: where this part comes from */
};

/* A list made for a query. */
struct trending_list {
    struct trending_item *items; /* at most DEGREE_POPULAR_MAX; NULL: a free list */
    size_t count;
    struct trending_query query;
    uint64_t stamps[TRENDING_TABLES_MAX];
    uint64_t used; /* when last, in queries */
};

struct trending {
    struct trending_list lists[TRENDING_LISTS_MAX];
    uint64_t queries;
    struct trending_item *parts; /* scratch of a scan */
    size_t part_count;
    size_t part_capacity;
};

struct trending *trending_new(void)
{
    return memory_zalloc(sizeof(struct trending));
}

void trending_free(struct trending *trending)
{
    if (trending != NULL) {
        for (unsigned i = 0; i < TRENDING_LISTS_MAX; i++) {
            free(trending->lists[i].items);
        }
        free(trending->parts);
        free(trending);
    }
}

/* --- Scores -------------------------------------------------------------------------- */

__extension__ typedef unsigned __int128 trending_wide;

static void item_add(struct trending_item *item, trending_wide score, int64_t sessions)
{
    trending_wide most = INT64_MAX - (trending_wide)item->score;
    item->score += (int64_t)(score < most ? score : most);
    item->sessions += sessions;
}

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
    item_add(item, square * weight / (64 * whole), sessions);
}

/* What a row says as a part of its item; false when it says nothing. A part may be too low
 * for a score and count as evidence of an item that others raise. */
static bool row_part(const struct degree_row *row, const struct trending_query *query,
                     uint32_t table, struct trending_item *out_part)
{
    const struct trending_table *from = &query->tables[table];
    int64_t period_now = query->now_ms / DEGREE_PERIOD_MS;
    *out_part = (struct trending_item){
        .sku_hash = row->sku_hash, .place = from->place, .table = table};
    if (!query->popular) {
        row_rise(row, period_now, from->weight, out_part);
    } else if (row->sessions > 0) {
        trending_wide score = (trending_wide)degree_row_popularity(row, period_now);
        item_add(out_part, score * from->weight, row->sessions);
    }
    out_part->place_sessions = out_part->sessions;
    return out_part->sessions > 0;
}

/* --- Lists --------------------------------------------------------------------------- */

static int trending_compare(const void *left, const void *right)
{
    const struct trending_item *a = left, *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

static int part_compare(const void *left, const void *right)
{
    const struct trending_item *a = left, *b = right;
    if (a->sku_hash != b->sku_hash) {
        return a->sku_hash < b->sku_hash ? -1 : 1;
    }
    return a->table < b->table ? -1 : a->table > b->table;
}

static size_t trending_cut(struct trending_item *items, size_t count)
{
    if (count > 0) {
        qsort(items, count, sizeof *items, trending_compare);
    }
    return count < DEGREE_POPULAR_MAX ? count : DEGREE_POPULAR_MAX;
}

static void scan_row(struct trending *trending, const struct trending_query *query,
                     uint32_t table, const struct degree_row *row)
{
    struct trending_item part;
    if (row == NULL || !row->used || !row_part(row, query, table, &part) ||
        (query->table_count == 1 && part.score == 0)) {
        return;
    }
    memory_reserve((void **)&trending->parts, &trending->part_capacity,
                   trending->part_count + 1, sizeof part);
    trending->parts[trending->part_count++] = part;
    /* One table has no second part of an item: the best so far are known. */
    if (query->table_count == 1 && trending->part_count == 2 * DEGREE_POPULAR_MAX) {
        trending->part_count = trending_cut(trending->parts, trending->part_count);
    }
}

static void scan_table(struct trending *trending, const struct trending_query *query,
                       uint32_t table)
{
    const struct trending_table *from = &query->tables[table];
    const struct degree_rows *rows = &from->table->sum;
    size_t count;
    if (from->place != 0) {
        const uint64_t *items =
            degree_table_place_items(from->table, from->place, &count);
        for (size_t i = 0; i < count; i++) {
            scan_row(trending, query, table,
                     degree_table_row(from->table, from->place, items[i]));
        }
        return;
    }
    for (size_t i = 0; i < rows->capacity; i++) {
        scan_row(trending, query, table, &rows->rows[i]);
    }
}

/* The parts of each item become one. */
static void parts_join(struct trending *trending)
{
    struct trending_item *parts = trending->parts;
    size_t kept = 0;
    if (trending->part_count > 0) {
        qsort(parts, trending->part_count, sizeof *parts, part_compare);
    }
    for (size_t i = 0; i < trending->part_count; i++) {
        struct trending_item *item = kept > 0 ? &parts[kept - 1] : NULL;
        if (item == NULL || item->sku_hash != parts[i].sku_hash) {
            parts[kept++] = parts[i];
            continue;
        }
        item_add(item, (trending_wide)parts[i].score, parts[i].sessions);
        if (parts[i].place_sessions > item->place_sessions) {
            item->place = parts[i].place;
            item->place_sessions = parts[i].place_sessions;
        }
    }
    trending->part_count = 0;
    for (size_t i = 0; i < kept; i++) {
        if (parts[i].score > 0) {
            parts[trending->part_count++] = parts[i];
        }
    }
}

static void list_make(struct trending *trending, const struct trending_query *query,
                      struct trending_list *list)
{
    trending->part_count = 0;
    for (uint32_t t = 0; t < query->table_count; t++) {
        scan_table(trending, query, t);
        list->stamps[t] =
            degree_table_stamp(query->tables[t].table, query->tables[t].place);
    }
    if (query->table_count > 1) {
        parts_join(trending);
    }
    list->count = trending_cut(trending->parts, trending->part_count);
    list->items = memory_realloc(list->items, (list->count + 1) * sizeof *list->items);
    if (list->count > 0) {
        memcpy(list->items, trending->parts, list->count * sizeof *list->items);
    }
    list->query = *query;
}

static bool query_same(const struct trending_query *a, const struct trending_query *b)
{
    bool same = a->table_count == b->table_count && a->popular == b->popular;
    for (uint32_t t = 0; same && t < a->table_count; t++) {
        same = a->tables[t].table == b->tables[t].table &&
               a->tables[t].place == b->tables[t].place &&
               a->tables[t].weight == b->tables[t].weight;
    }
    return same;
}

static bool list_current(const struct trending_list *list,
                         const struct trending_query *query)
{
    bool changed = false;
    size_t items = 0, count;
    if (list->query.now_ms / DEGREE_PERIOD_MS != query->now_ms / DEGREE_PERIOD_MS) {
        return false;
    }
    for (uint32_t t = 0; t < query->table_count; t++) {
        const struct trending_table *from = &query->tables[t];
        changed |= degree_table_stamp(from->table, from->place) != list->stamps[t];
        (void)degree_table_place_items(from->table, from->place, &count);
        items += from->place != 0 ? count : from->table->sum.count;
    }
    int64_t age_ms = query->now_ms - list->query.now_ms;
    return !changed || (items > DEGREE_POPULAR_SCAN_MAX && age_ms >= 0 &&
                        age_ms < DEGREE_POPULAR_AGE_MAX_MS);
}

/* The list of a query, current; it takes the place of the one asked for longest ago. */
static const struct trending_list *trending_list(struct trending *trending,
                                                 const struct trending_query *query)
{
    struct trending_list *list = &trending->lists[0];
    for (unsigned i = 0; i < TRENDING_LISTS_MAX; i++) {
        struct trending_list *other = &trending->lists[i];
        if (other->items != NULL && query_same(&other->query, query)) {
            list = other;
            break;
        }
        if (other->used < list->used) {
            list = other;
        }
    }
    if (list->items == NULL || !query_same(&list->query, query) ||
        !list_current(list, query)) {
        list_make(trending, query, list);
    }
    list->used = ++trending->queries;
    return list;
}

enum status trending_rank(struct trending *trending, const struct trending_query *query,
                          const struct recommend_rank_options *options,
                          struct arena *arena, struct recommend_ranked *out_ranked)
{
    struct recommend_ranked ranked = {0};
    if (options->count < 1 || options->count > RECOMMEND_COUNT_MAX ||
        query->table_count > TRENDING_TABLES_MAX) {
        return STATUS_INVALID;
    }
    for (uint32_t t = 0; t < query->table_count; t++) {
        if (query->tables[t].weight > TRENDING_WEIGHT_MAX) {
            return STATUS_INVALID;
        }
    }
    const struct trending_list *list = trending_list(trending, query);
    ranked.items = arena_alloc(arena, options->count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < list->count && ranked.item_count < options->count; i++) {
        const struct trending_item *item = &list->items[i];
        if (!shared_excluded(options, item->sku_hash)) {
            ranked.items[ranked.item_count++] = (struct recommend_ranked_item){
                .sku_hash = item->sku_hash,
                .score = (double)item->score / (double)list->items[0].score,
                .reasons = {{.kind = query->popular ? RECOMMEND_REASON_POPULAR
                                                    : RECOMMEND_REASON_TRENDING,
                             .evidence_count = (uint64_t)item->sessions,
                             .place = item->place,
                             .weight = 1.0}},
                .reason_count = 1};
        }
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
