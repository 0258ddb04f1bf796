/* SPDX-License-Identifier: Apache-2.0 */
/* Buy again, recently viewed and trending against plain loops written a second time. */
#include <math.h>

#include "shard/base/rng.h"
#include "shard/recommend/personal.h"
#include "shard/recommend/trending.h"
#include "tests/lib/test.h"

enum {
    STORES = 10000,
    ACTIONS_MAX = 40,
    ITEMS_MAX = 12,
    DAY_MS = 24 * 60 * 60 * 1000,
};

struct wanted {
    uint64_t item;
    int64_t score;
    int64_t evidence;
};

static int wanted_order(const void *left, const void *right)
{
    const struct wanted *a = left, *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->item < b->item ? -1 : 1;
}

static void compare(const struct recommend_ranked *ranked, struct wanted *wanted,
                    int wanted_count, double unit, uint64_t seed)
{
    if (wanted_count > 0) {
        qsort(wanted, (size_t)wanted_count, sizeof *wanted, wanted_order);
    }
    if ((int)ranked->item_count != wanted_count) {
        test_fail(__FILE__, __LINE__, "seed %" PRIu64 ": %u items, not %d", seed,
                  ranked->item_count, wanted_count);
    }
    for (int i = 0; i < wanted_count; i++) {
        const struct recommend_ranked_item *item = &ranked->items[i];
        double score = (double)wanted[i].score / unit;
        if (item->sku_hash != wanted[i].item ||
            memcmp(&item->score, &score, sizeof score) != 0) {
            test_fail(__FILE__, __LINE__,
                      "seed %" PRIu64 ": place %d is %" PRIu64 " %.17g, not %" PRIu64
                      " %.17g",
                      seed, i, item->sku_hash, item->score, wanted[i].item, score);
        }
        EXPECT_EQ(item->reasons[0].evidence_count, wanted[i].evidence);
        EXPECT_EQ(item->reason_count, 1);
    }
}

struct case_ {
    struct histories_action actions[ACTIONS_MAX];
    struct personal_history history;
    struct personal_buy_again_options options;
};

static void case_make(struct rng *rng, struct case_ *made)
{
    int64_t at_ms = (int64_t)rng_below(rng, 5) * DAY_MS - 2 * (int64_t)DAY_MS;
    *made = (struct case_){.history = {.actions = made->actions}};
    made->history.action_count = (uint32_t)rng_below(rng, ACTIONS_MAX + 1);
    for (uint32_t i = 0; i < made->history.action_count; i++) {
        at_ms += (int64_t)rng_below(rng, 3) * DAY_MS / 2;
        made->actions[i] =
            (struct histories_action){.sku_hash = 1 + rng_below(rng, ITEMS_MAX),
                                      .at_ms = at_ms,
                                      .quantity = 1,
                                      .kind = rng_below(rng, 4) == 0 ? 1 : 6};
    }
    made->history.now_ms = at_ms + (int64_t)rng_below(rng, 6) * DAY_MS;
    made->options = (struct personal_buy_again_options){
        .rank = {.count = RECOMMEND_COUNT_MAX, .exclude_current = rng_below(rng, 2) == 0},
        .kinds = rng_below(rng, 2) == 0 ? PERSONAL_KINDS_BOUGHT : HISTORIES_KINDS_ALL,
        .basket_ms = DAY_MS,
        .group_baskets = 1 + (uint32_t)rng_below(rng, 4),
        .within_decay = (uint32_t)rng_below(rng, PERSONAL_DECAY_ONE + 1),
        .across_decay = (uint32_t)rng_below(rng, PERSONAL_DECAY_ONE + 1),
        .due_percent = (uint32_t)rng_below(rng, 200)};
}

static int64_t day_of(int64_t at_ms)
{
    int64_t day = 0;
    while (day * DAY_MS > at_ms) {
        day--;
    }
    while ((day + 1) * DAY_MS <= at_ms) {
        day++;
    }
    return day;
}

static bool kind_counts(const struct case_ *made, int i)
{
    return made->options.kinds == HISTORIES_KINDS_ALL || made->actions[i].kind == 6;
}

/* How many baskets are newer than this action's. */
static int basket_place(const struct case_ *made, int action)
{
    int place = 0;
    for (int64_t day = day_of(made->actions[action].at_ms) + 1; day < 60; day++) {
        for (int i = 0; i < (int)made->history.action_count; i++) {
            if (kind_counts(made, i) && day_of(made->actions[i].at_ms) == day) {
                place++;
                break;
            }
        }
    }
    return place;
}

static uint64_t basket_weight(const struct case_ *made, int place)
{
    uint64_t weight = (uint64_t)1 << 32;
    int group = (int)made->options.group_baskets;
    for (int i = 0; i < place / group; i++) {
        weight = weight * made->options.across_decay >> 16;
    }
    for (int i = 0; i < place % group; i++) {
        weight = weight * made->options.within_decay >> 16;
    }
    return weight;
}

/* False when the item is in no basket. */
static bool buy_again_item(const struct case_ *made, uint64_t sku, struct wanted *out)
{
    uint64_t weight = 0;
    int64_t first = 0, newest = 0, baskets = 0, last_day = INT64_MIN;
    for (int i = 0; i < (int)made->history.action_count; i++) {
        const struct histories_action *action = &made->actions[i];
        if (!kind_counts(made, i) || action->sku_hash != sku) {
            continue;
        }
        first = baskets == 0 ? action->at_ms : first;
        newest = action->at_ms;
        if (day_of(action->at_ms) != last_day) {
            last_day = day_of(action->at_ms);
            baskets++;
            weight += basket_weight(made, basket_place(made, i));
        }
    }
    weight >>= 16;
    if (baskets >= 2) {
        int64_t interval = (newest - first) / (baskets - 1);
        int64_t since = made->history.now_ms - newest;
        if (since > 0 && since >= interval - interval / 4 && since / 2 <= interval) {
            weight += weight * made->options.due_percent / 100;
        }
    }
    *out = (struct wanted){sku, (int64_t)(weight << 20), baskets};
    return baskets > 0;
}

TEST(personal, buy_again_equals_the_plain_reference_on_10000_random_histories)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct recommend_ranked ranked;
        struct wanted wanted[ITEMS_MAX];
        struct arena arena;
        int count = 0;
        rng_init(&rng, seed);
        case_make(&rng, &made);
        made.history.actions = made.actions;
        arena_init(&arena, NULL, 0, 0);
        EXPECT_OK(personal_buy_again(&made.history, &made.options, &arena, &ranked));
        uint32_t actions = made.history.action_count;
        for (uint64_t sku = 1; sku <= ITEMS_MAX; sku++) {
            bool current = made.options.rank.exclude_current && actions > 0 &&
                           made.actions[actions - 1].sku_hash == sku;
            count += buy_again_item(&made, sku, &wanted[count]) && !current;
        }
        compare(&ranked, wanted, count, 0x1p36, seed);
        arena_close(&arena);
    }
}

TEST(personal, recently_viewed_equals_the_plain_reference_on_10000_random_histories)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct case_ made;
        struct recommend_ranked ranked;
        struct wanted wanted[ITEMS_MAX];
        struct arena arena;
        int count = 0;
        rng_init(&rng, seed);
        case_make(&rng, &made);
        made.history.actions = made.actions;
        made.options.rank.exclude_current = false;
        arena_init(&arena, NULL, 0, 0);
        EXPECT_OK(personal_recently_viewed(&made.history, made.options.kinds,
                                           &made.options.rank, &arena, &ranked));
        for (uint64_t sku = 1; sku <= ITEMS_MAX; sku++) {
            struct wanted item = {.item = sku};
            for (int i = 0; i < (int)made.history.action_count; i++) {
                if (kind_counts(&made, i) && made.actions[i].sku_hash == sku) {
                    item.score = i + 1;
                    item.evidence++;
                }
            }
            if (item.evidence > 0) {
                wanted[count++] = item;
            }
        }
        compare(&ranked, wanted, count, 0x1p10, seed);
        arena_close(&arena);
    }
}

TEST(personal, ties_of_buy_again_fall_to_the_popular)
{
    const struct histories_action actions[] = {{.sku_hash = 1, .at_ms = 5, .kind = 6},
                                               {.sku_hash = 2, .at_ms = 5, .kind = 6}};
    const struct personal_history history = {.actions = actions, .action_count = 2};
    struct personal_buy_again_options options = {.rank = {.count = 1},
                                                 .basket_ms = 1000,
                                                 .group_baskets = 3,
                                                 .within_decay = 60000,
                                                 .across_decay = 50000};
    struct degree_change changes[] = {{.sku_hash = 2, .period = 0, .change = 3}};
    const struct degree_delta delta = {
        .version = 1, .changes = changes, .change_count = 1};
    struct degree_table *table = degree_table_new();
    struct recommend_ranked ranked;
    struct arena arena;
    EXPECT_OK(degree_table_apply(table, 1, &delta));
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(personal_buy_again(&history, &options, &arena, &ranked));
    EXPECT(ranked.item_count == 1 && ranked.items[0].sku_hash == 1);
    options.popular = table;
    EXPECT_OK(personal_buy_again(&history, &options, &arena, &ranked));
    EXPECT(ranked.item_count == 1 && ranked.items[0].sku_hash == 2);
    options.basket_ms = 0;
    EXPECT_STATUS(personal_buy_again(&history, &options, &arena, &ranked),
                  STATUS_INVALID);
    arena_close(&arena);
    degree_table_free(table);
}

TEST(personal, times_at_the_ends_of_64_bits_do_no_harm)
{
    const struct histories_action actions[] = {
        {.sku_hash = 1, .at_ms = -((int64_t)1 << 62), .kind = 6},
        {.sku_hash = 1, .at_ms = (int64_t)1 << 61, .kind = 6}};
    const struct personal_history history = {
        .actions = actions, .action_count = 2, .now_ms = (int64_t)1 << 62};
    const struct personal_buy_again_options options = {.rank = {.count = 5},
                                                       .basket_ms = 1,
                                                       .group_baskets = 1,
                                                       .within_decay = 65536,
                                                       .across_decay = 65536,
                                                       .due_percent = 1000};
    struct recommend_ranked ranked;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(personal_buy_again(&history, &options, &arena, &ranked));
    EXPECT_EQ(ranked.item_count, 1);
    EXPECT_EQ(ranked.items[0].reasons[0].evidence_count, 2);
    arena_close(&arena);
}

struct change_case {
    struct degree_change changes[2][ITEMS_MAX * 9];
    size_t counts[2];
    int64_t now;
};

static void change_case_make(struct rng *rng, struct change_case *made)
{
    *made = (struct change_case){.now = 100 + (int64_t)rng_below(rng, 3)};
    for (int t = 0; t < 2; t++) {
        for (uint64_t sku = 1; sku <= ITEMS_MAX; sku++) {
            for (int64_t period = 94; period <= 102; period++) {
                if (rng_below(rng, 3) == 0) {
                    made->changes[t][made->counts[t]++] = (struct degree_change){
                        0, sku, period, 1 + (int64_t)rng_below(rng, 50)};
                }
            }
        }
    }
}

static struct wanted rise_of(const struct change_case *made, const uint32_t weights[2],
                             uint64_t sku)
{
    struct wanted item = {.item = sku};
    for (int t = 0; t < 2; t++) {
        int64_t recent = 0, late = 0, all = 0, newest = 0;
        for (size_t i = 0; i < made->counts[t]; i++) {
            const struct degree_change *change = &made->changes[t][i];
            newest = change->sku_hash == sku ? change->period : newest;
        }
        for (size_t i = 0; i < made->counts[t]; i++) {
            const struct degree_change *change = &made->changes[t][i];
            int64_t age = made->now - change->period;
            if (change->sku_hash != sku) {
                continue;
            }
            all += change->change;
            /* The ring of a row holds eight periods up to its newest. */
            if (age <= 6 && age >= -1 && change->period > newest - 8) {
                recent += change->change * (1 << (age > 0 ? 6 - age : 6));
                late += change->change;
            }
        }
        if (recent > 0) {
            item.score += recent * recent * weights[t] / (64 * (all + 8));
            item.evidence += late;
        }
    }
    return item;
}

TEST(trending, equals_the_plain_reference_on_10000_random_tables)
{
    for (uint64_t seed = 1; seed <= STORES; seed++) {
        struct rng rng;
        struct change_case made;
        struct degree_table *tables[2] = {degree_table_new(), degree_table_new()};
        struct wanted wanted[ITEMS_MAX];
        struct recommend_ranked ranked;
        struct arena arena;
        int count = 0;
        rng_init(&rng, seed);
        change_case_make(&rng, &made);
        const uint32_t weights[2] = {(uint32_t)rng_below(&rng, 5), 1};
        for (int t = 0; t < 2; t++) {
            const struct degree_delta delta = {
                .version = 1, .changes = made.changes[t], .change_count = made.counts[t]};
            EXPECT_OK(degree_table_apply(tables[t], 1, &delta));
        }
        for (uint64_t sku = 1; sku <= ITEMS_MAX; sku++) {
            wanted[count] = rise_of(&made, weights, sku);
            count += wanted[count].score > 0;
        }
        const struct trending_query query = {
            .tables = {{tables[0], 0, weights[0]}, {tables[1], 0, weights[1]}},
            .table_count = 2,
            .now_ms = made.now * DEGREE_PERIOD_MS + 5};
        const struct recommend_rank_options options = {.count = RECOMMEND_COUNT_MAX};
        struct trending *trending = trending_new();
        arena_init(&arena, NULL, 0, 0);
        EXPECT_OK(trending_rank(trending, &query, &options, &arena, &ranked));
        if (count > 0) {
            qsort(wanted, (size_t)count, sizeof *wanted, wanted_order);
        }
        compare(&ranked, wanted, count, count > 0 ? (double)wanted[0].score : 1.0, seed);
        arena_close(&arena);
        trending_free(trending);
        degree_table_free(tables[0]);
        degree_table_free(tables[1]);
    }
}

TEST(trending, what_is_new_rises_above_what_was_always_there_and_changes_show_at_once)
{
    struct degree_change changes[8];
    size_t count = 0;
    for (int64_t period = 93; period < 100; period++) {
        changes[count++] = (struct degree_change){0, 1, period, 50};
    }
    changes[count++] = (struct degree_change){0, 2, 99, 60};
    struct degree_delta delta = {.version = 1, .changes = changes, .change_count = count};
    struct degree_table *table = degree_table_new();
    struct trending *trending = trending_new();
    struct trending_query query = {
        .tables = {{table, 0, 1}}, .table_count = 1, .now_ms = 99 * DEGREE_PERIOD_MS};
    const struct recommend_rank_options options = {.count = 5};
    struct recommend_ranked ranked;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_OK(degree_table_apply(table, 1, &delta));
    EXPECT_OK(trending_rank(trending, &query, &options, &arena, &ranked));
    EXPECT(ranked.item_count == 2 && ranked.items[0].sku_hash == 2);
    degree_table_drop(table, 1);
    EXPECT_OK(trending_rank(trending, &query, &options, &arena, &ranked));
    EXPECT_EQ(ranked.item_count, 0);
    query.table_count = TRENDING_TABLES_MAX + 1;
    EXPECT_STATUS(trending_rank(trending, &query, &options, &arena, &ranked),
                  STATUS_INVALID);
    arena_close(&arena);
    trending_free(trending);
    degree_table_free(table);
}
