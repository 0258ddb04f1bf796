/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/personal.h"

#include <math.h>
#include <stdlib.h>

#include "shard/recommend/best.h"
#include "shard/recommend/shared.h"

enum {
    WEIGHT_BITS = 32,  /* of one basket */
    SCORE_BITS = 16,   /* of the sum, in steps of which ties are seen */
    POPULAR_BITS = 20, /* below it: the popularity that breaks them */
    INTERVALS_LATE_MAX = 2,
};

/* An action that counts, and what becomes of its item. */
struct personal_item {
    uint64_t sku_hash;
    int64_t first_ms;
    int64_t newest_ms;
    uint32_t place;  /* in the history, of the newest */
    uint32_t basket; /* the one last added */
    uint32_t baskets;
    uint32_t actions;
    uint64_t weight;
};

static bool personal_counts(uint32_t kinds, const struct histories_action *action)
{
    return kinds == HISTORIES_KINDS_ALL ||
           (action->kind < 32 && (kinds >> action->kind & 1) != 0);
}

static int64_t floor_div(int64_t value, int64_t by)
{
    return value / by - (value % by < 0);
}

/* One row per action that counts: by item, then newest first. */
static int item_compare(const void *left, const void *right)
{
    const struct personal_item *a = left, *b = right;
    if (a->sku_hash != b->sku_hash) {
        return a->sku_hash < b->sku_hash ? -1 : 1;
    }
    return a->place > b->place ? -1 : a->place < b->place;
}

/* The weights of baskets by their place from the newest. */
static uint64_t *basket_weights(const struct personal_buy_again_options *options,
                                uint32_t basket_count, struct arena *arena)
{
    uint64_t *weights = arena_alloc(arena, ((size_t)basket_count + 1) * sizeof *weights);
    uint64_t group = (uint64_t)1 << WEIGHT_BITS, weight = group;
    for (uint32_t p = 0; weights != NULL && p < basket_count; p++) {
        if (p > 0 && p % options->group_baskets == 0) {
            group = group * options->across_decay / PERSONAL_DECAY_ONE;
            weight = group;
        } else if (p > 0) {
            weight = weight * options->within_decay / PERSONAL_DECAY_ONE;
        }
        weights[p] = weight;
    }
    return weights;
}

/* Rows of the actions that count, newest first, each with the place of its basket. */
static uint32_t history_rows(const struct personal_history *history, uint32_t kinds,
                             int64_t basket_ms, struct personal_item *rows,
                             uint32_t *out_baskets)
{
    uint32_t count = 0, baskets = 0;
    int64_t open = 0;
    for (uint32_t i = history->action_count; i-- > 0;) {
        const struct histories_action *action = &history->actions[i];
        if (!personal_counts(kinds, action)) {
            continue;
        }
        int64_t bucket = floor_div(action->at_ms, basket_ms);
        baskets += baskets == 0 || bucket != open;
        open = bucket;
        rows[count++] = (struct personal_item){.sku_hash = action->sku_hash,
                                               .first_ms = action->at_ms,
                                               .newest_ms = action->at_ms,
                                               .place = i,
                                               .basket = baskets - 1,
                                               .baskets = 1,
                                               .actions = 1};
    }
    *out_baskets = baskets;
    return count;
}

/* Folds the rows of each item into one; `weights` may be NULL. */
static uint32_t rows_fold(struct personal_item *rows, uint32_t count,
                          const uint64_t *weights)
{
    uint32_t kept = 0;
    if (count > 0) {
        qsort(rows, count, sizeof *rows, item_compare);
    }
    for (uint32_t i = 0; i < count; i++) {
        uint64_t weight = weights ? weights[rows[i].basket] : 0;
        struct personal_item *item = kept > 0 ? &rows[kept - 1] : NULL;
        if (item == NULL || item->sku_hash != rows[i].sku_hash) {
            rows[kept] = rows[i];
            rows[kept++].weight = weight;
            continue;
        }
        item->actions++;
        item->first_ms = rows[i].first_ms;
        if (item->basket != rows[i].basket) {
            item->basket = rows[i].basket;
            item->baskets++;
            item->weight += weight;
        }
    }
    return kept;
}

static bool item_due(const struct personal_item *item, int64_t now_ms)
{
    if (item->baskets < 2 || now_ms <= item->newest_ms) {
        return false;
    }
    int64_t interval = (item->newest_ms - item->first_ms) / (item->baskets - 1);
    int64_t since = now_ms - item->newest_ms;
    return since >= interval - interval / 4 && since / INTERVALS_LATE_MAX <= interval;
}

static int64_t item_score(const struct personal_item *item,
                          const struct personal_history *history,
                          const struct personal_buy_again_options *options)
{
    uint64_t weight = item->weight >> (WEIGHT_BITS - SCORE_BITS);
    int64_t popular =
        options->popular ? degree_table_items(options->popular, item->sku_hash) : 0;
    if (item_due(item, history->now_ms)) {
        weight += weight * options->due_percent / 100;
    }
    popular = popular < (1 << POPULAR_BITS) - 1 ? popular : (1 << POPULAR_BITS) - 1;
    return (int64_t)(weight << POPULAR_BITS) + (popular > 0 ? popular : 0);
}

static bool personal_excludes(const struct personal_history *history,
                              const struct recommend_rank_options *rank,
                              uint64_t sku_hash)
{
    if (shared_excluded(rank, sku_hash)) {
        return true;
    }
    return rank->exclude_current && history->action_count > 0 &&
           history->actions[history->action_count - 1].sku_hash == sku_hash;
}

static enum status personal_answer(const struct personal_item *items,
                                   struct best_item *best, uint32_t count,
                                   enum recommend_reason_kind kind, struct arena *arena,
                                   struct recommend_ranked *out_ranked)
{
    struct recommend_ranked ranked = {.item_count = count};
    ranked.items = arena_alloc(arena, count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    best_sort(best, count);
    for (uint32_t i = 0; i < count; i++) {
        const struct personal_item *item = &items[best[i].row];
        bool again = kind == RECOMMEND_REASON_BUY_AGAIN;
        ranked.items[i] = (struct recommend_ranked_item){
            .sku_hash = item->sku_hash,
            .score = best[i].score,
            .reasons = {{.kind = kind,
                         .evidence_count = again ? item->baskets : item->actions,
                         .weight = 1.0}},
            .reason_count = 1};
    }
    *out_ranked = ranked;
    return STATUS_OK;
}

enum status personal_buy_again(const struct personal_history *history,
                               const struct personal_buy_again_options *options,
                               struct arena *arena, struct recommend_ranked *out_ranked)
{
    const struct recommend_rank_options *rank = &options->rank;
    uint32_t baskets, kept = 0;
    if (history->action_count > HISTORIES_ACTIONS_MAX || options->basket_ms < 1 ||
        options->group_baskets < 1 || options->within_decay > PERSONAL_DECAY_ONE ||
        options->across_decay > PERSONAL_DECAY_ONE ||
        options->due_percent > PERSONAL_DUE_PERCENT_MAX || rank->count < 1 ||
        rank->count > RECOMMEND_COUNT_MAX) {
        return STATUS_INVALID;
    }
    struct personal_item *rows = arena_alloc(arena, history->action_count * sizeof *rows);
    struct best_item *best = arena_alloc(arena, rank->count * sizeof *best);
    if (rows == NULL || best == NULL) {
        return STATUS_TOO_LARGE;
    }
    uint32_t count =
        history_rows(history, options->kinds, options->basket_ms, rows, &baskets);
    uint64_t *weights = basket_weights(options, baskets, arena);
    if (weights == NULL) {
        return STATUS_TOO_LARGE;
    }
    count = rows_fold(rows, count, weights);
    for (uint32_t i = 0; i < count; i++) {
        int64_t score = item_score(&rows[i], history, options);
        struct best_item item = {ldexp((double)score, -(SCORE_BITS + POPULAR_BITS)),
                                 rows[i].sku_hash, i};
        if (!personal_excludes(history, rank, item.sku_hash)) {
            kept = best_add(best, kept, rank->count, &item);
        }
    }
    return personal_answer(rows, best, kept, RECOMMEND_REASON_BUY_AGAIN, arena,
                           out_ranked);
}

enum status personal_recently_viewed(const struct personal_history *history,
                                     uint32_t kinds,
                                     const struct recommend_rank_options *rank,
                                     struct arena *arena,
                                     struct recommend_ranked *out_ranked)
{
    uint32_t baskets, kept = 0;
    if (history->action_count > HISTORIES_ACTIONS_MAX || rank->count < 1 ||
        rank->count > RECOMMEND_COUNT_MAX) {
        return STATUS_INVALID;
    }
    struct personal_item *rows = arena_alloc(arena, history->action_count * sizeof *rows);
    struct best_item *best = arena_alloc(arena, rank->count * sizeof *best);
    if (rows == NULL || best == NULL) {
        return STATUS_TOO_LARGE;
    }
    uint32_t count = history_rows(history, kinds, 1, rows, &baskets);
    count = rows_fold(rows, count, NULL);
    for (uint32_t i = 0; i < count; i++) {
        struct best_item item = {ldexp((double)rows[i].place + 1.0, -10),
                                 rows[i].sku_hash, i};
        if (!personal_excludes(history, rank, item.sku_hash)) {
            kept = best_add(best, kept, rank->count, &item);
        }
    }
    return personal_answer(rows, best, kept, RECOMMEND_REASON_RECENTLY_VIEWED, arena,
                           out_ranked);
}
