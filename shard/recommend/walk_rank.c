/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's half of the walk: normalise, cut to the nearest, add over seeds. */
#include <math.h>
#include <stdlib.h>

#include "shard/recommend/best.h"
#include "shard/recommend/shared.h"
#include "shard/recommend/walk.h"

enum {
    WALK_VOTES_AHEAD = 8, /* whose degrees are fetched */
};

/* What one seed gives one item. */
struct given {
    uint64_t sku_hash;
    double part;
    uint32_t seed;
    uint32_t evidence;
};

/* By item, then by seed: sums are always added in this order. */
static int given_compare(const void *left, const void *right)
{
    const struct given *a = left, *b = right;
    if (a->sku_hash != b->sku_hash) {
        return a->sku_hash < b->sku_hash ? -1 : 1;
    }
    return a->seed < b->seed ? -1 : a->seed > b->seed;
}

static bool walk_rank_excludes(const struct walk_rank_options *options,
                               const struct walk_query *query, uint64_t sku_hash)
{
    uint32_t seeds = 0;
    if (shared_excluded(&options->rank, sku_hash)) {
        return true;
    }
    if (options->rank.exclude_seen) {
        seeds = query->seed_count;
    } else if (options->rank.exclude_current && query->seed_count > 0) {
        seeds = 1;
    }
    for (uint32_t i = 0; i < seeds; i++) {
        if (query->seeds[i] == sku_hash) {
            return true;
        }
    }
    return false;
}

/* The N nearest of one seed, in no order; how many. */
static uint32_t seed_nearest(const struct walk_votes *votes, uint64_t seed_hash,
                             const struct degree_table *degrees,
                             const struct walk_rank_options *options,
                             struct best_item *best)
{
    double power = (double)options->power_hundredths / 100.0;
    double seed_log = degree_table_log(degrees, seed_hash);
    uint32_t count = 0;
    for (uint32_t i = 0; i < votes->count; i++) {
        if (i + WALK_VOTES_AHEAD < votes->count) {
            degree_table_prefetch(degrees, votes->votes[i + WALK_VOTES_AHEAD].sku_hash);
        }
        struct best_item item = {.sku_hash = votes->votes[i].sku_hash, .row = i};
        double log_both = seed_log + degree_table_log(degrees, item.sku_hash);
        item.score = ldexp((double)votes->votes[i].sum, -WALK_WEIGHT_BITS) *
                     exp(-power * log_both);
        count = best_add(best, count, options->nearest, &item);
    }
    return count;
}

/* The heaviest seeds; their parts of what is named add up to 1. */
static void item_explain(const struct given *given, uint32_t given_count,
                         const struct walk_query *query,
                         const struct walk_rank_options *options,
                         struct recommend_ranked_item *out)
{
    struct recommend_reason reasons[WALK_SEEDS_MAX];
    double total = 0;
    for (uint32_t i = 0; i < given_count; i++) {
        reasons[i] =
            (struct recommend_reason){.kind = options->kind,
                                      .related_sku_hash = query->seeds[given[i].seed],
                                      .evidence_count = given[i].evidence,
                                      .weight = given[i].part};
    }
    shared_reasons_sort(reasons, given_count);
    out->reason_count =
        given_count < RECOMMEND_REASONS_MAX ? given_count : RECOMMEND_REASONS_MAX;
    for (uint32_t i = 0; i < out->reason_count; i++) {
        total += reasons[i].weight;
    }
    for (uint32_t i = 0; i < out->reason_count; i++) {
        out->reasons[i] = reasons[i];
        out->reasons[i].weight =
            total > 0 ? reasons[i].weight / total : 1.0 / out->reason_count;
    }
}

struct walk_ranking {
    const struct walk_query *query;
    const struct walk_rank_options *options;
    struct given *given;
    uint32_t given_count;
    double weight_total;
};

static uint32_t seed_weight(const struct walk_rank_options *options, uint32_t seed)
{
    return options->seed_weights == NULL ? 1 : options->seed_weights[seed];
}

static enum status ranking_give(struct walk_ranking *ranking,
                                const struct walk_partial *merged,
                                const struct degree_table *degrees, struct arena *arena)
{
    const struct walk_rank_options *options = ranking->options;
    uint64_t room = 0;
    for (uint32_t s = 0; s < merged->seed_count; s++) {
        uint32_t count = merged->seeds[s].count;
        room += count < options->nearest ? count : options->nearest;
    }
    struct best_item *best = arena_alloc(arena, options->nearest * sizeof *best);
    ranking->given = arena_alloc(arena, (size_t)room * sizeof *ranking->given);
    if (best == NULL || ranking->given == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t s = 0; s < merged->seed_count; s++) {
        const struct walk_votes *votes = &merged->seeds[s];
        double weight = (double)seed_weight(options, s);
        uint32_t count =
            seed_nearest(votes, ranking->query->seeds[s], degrees, options, best);
        ranking->weight_total += weight;
        for (uint32_t i = 0; i < count; i++) {
            ranking->given[ranking->given_count++] =
                (struct given){.sku_hash = best[i].sku_hash,
                               .part = best[i].score * weight,
                               .seed = s,
                               .evidence = votes->votes[best[i].row].evidence};
        }
    }
    if (ranking->given_count > 0) {
        qsort(ranking->given, ranking->given_count, sizeof *ranking->given,
              given_compare);
    }
    return STATUS_OK;
}

static uint32_t given_run(const struct walk_ranking *ranking, uint32_t first)
{
    uint32_t count = 1;
    while (first + count < ranking->given_count &&
           ranking->given[first + count].sku_hash == ranking->given[first].sku_hash) {
        count++;
    }
    return count;
}

static uint32_t ranking_best(const struct walk_ranking *ranking, struct best_item *best)
{
    uint32_t count = 0;
    for (uint32_t i = 0, run; i < ranking->given_count; i += run) {
        struct best_item item = {.sku_hash = ranking->given[i].sku_hash, .row = i};
        run = given_run(ranking, i);
        if (walk_rank_excludes(ranking->options, ranking->query, item.sku_hash)) {
            continue;
        }
        for (uint32_t n = 0; n < run; n++) {
            item.score += ranking->given[i + n].part;
        }
        item.score /= ranking->weight_total > 0 ? ranking->weight_total : 1.0;
        count = best_add(best, count, ranking->options->rank.count, &item);
    }
    best_sort(best, count);
    return count;
}

enum status walk_rank(const struct walk_partial *merged, const struct walk_query *query,
                      const struct degree_table *degrees,
                      const struct walk_rank_options *options, struct arena *arena,
                      struct recommend_ranked *out_ranked)
{
    struct walk_ranking ranking = {.query = query, .options = options};
    struct recommend_ranked ranked = {0};
    if (merged->seed_count != query->seed_count || options->nearest < 1 ||
        options->nearest > WALK_NEAREST_MAX || options->rank.count < 1 ||
        options->rank.count > RECOMMEND_COUNT_MAX ||
        options->power_hundredths > WALK_POWER_HUNDREDTHS_MAX) {
        return STATUS_INVALID;
    }
    TRY(ranking_give(&ranking, merged, degrees, arena));
    struct best_item *best = arena_alloc(arena, options->rank.count * sizeof *best);
    if (best == NULL) {
        return STATUS_TOO_LARGE;
    }
    ranked.item_count = ranking_best(&ranking, best);
    ranked.items = arena_alloc(arena, ranked.item_count * sizeof *ranked.items);
    if (ranked.items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < ranked.item_count; i++) {
        struct recommend_ranked_item *item = &ranked.items[i];
        *item = (struct recommend_ranked_item){.sku_hash = best[i].sku_hash,
                                               .score = best[i].score};
        item_explain(&ranking.given[best[i].row], given_run(&ranking, best[i].row), query,
                     options, item);
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
