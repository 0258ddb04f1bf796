/* SPDX-License-Identifier: Apache-2.0 */
/* The coordinator's half of the walk: normalise, cut to the nearest, add over seeds. */
#include <math.h>

#include "shard/base/hash.h"
#include "shard/recommend/best.h"
#include "shard/recommend/shared.h"
#include "shard/recommend/walk.h"

enum {
    WALK_VOTES_AHEAD = 8, /* whose degrees are fetched */
    GIVEN_TABLE_MIN = 64,
    GIVEN_NONE = UINT32_MAX,
};

/* What one seed gives one item. */
struct given {
    double part;
    uint32_t seed;
    uint32_t evidence;
    uint32_t next; /* of the same item, from a later seed; or GIVEN_NONE */
};

/* An item, and what it was given: added up in the order of the seeds, so that every
 * coordinator rounds alike. */
struct given_item {
    uint64_t sku_hash;
    double sum;
    uint32_t first;
    uint32_t last;
};

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
    const double unit = ldexp(1, -WALK_WEIGHT_BITS);
    double power = (double)options->power_hundredths / 100.0;
    double seed_log = degree_table_log(degrees, seed_hash);
    double most = exp(-power * seed_log); /* no logarithm of a degree is below 0 */
    uint32_t count = 0;
    for (uint32_t i = 0; i < votes->count; i++) {
        if (i + WALK_VOTES_AHEAD < votes->count) {
            degree_table_prefetch(degrees, votes->votes[i + WALK_VOTES_AHEAD].sku_hash);
        }
        struct best_item item = {.sku_hash = votes->votes[i].sku_hash, .row = i};
        double sum = (double)votes->votes[i].sum * unit;
        if (count == options->nearest && sum * most < best[0].score) {
            continue;
        }
        double log_both = seed_log + degree_table_log(degrees, item.sku_hash);
        item.score = sum * exp(-power * log_both);
        count = best_add(best, count, options->nearest, &item);
    }
    return count;
}

/* The heaviest seeds; their parts of what is named add up to 1. */
static void item_explain(const struct given *given, uint32_t first,
                         const struct walk_query *query,
                         const struct walk_rank_options *options,
                         struct recommend_ranked_item *out)
{
    struct recommend_reason reasons[WALK_SEEDS_MAX];
    uint32_t given_count = 0;
    double total = 0;
    for (uint32_t at = first; at != GIVEN_NONE; at = given[at].next) {
        reasons[given_count++] =
            (struct recommend_reason){.kind = options->kind,
                                      .related_sku_hash = query->seeds[given[at].seed],
                                      .evidence_count = given[at].evidence,
                                      .weight = given[at].part};
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
    struct given_item *items;
    uint32_t item_count;
    uint32_t *table; /* item + 1 by hash, 0 free */
    uint64_t table_mask;
    double weight_total;
};

static struct given_item *ranking_item(struct walk_ranking *ranking, uint64_t sku_hash)
{
    uint64_t place = hash_mix(sku_hash) & ranking->table_mask;
    while (ranking->table[place] != 0) {
        struct given_item *item = &ranking->items[ranking->table[place] - 1];
        if (item->sku_hash == sku_hash) {
            return item;
        }
        place = (place + 1) & ranking->table_mask;
    }
    ranking->table[place] = ranking->item_count + 1;
    ranking->items[ranking->item_count] =
        (struct given_item){.sku_hash = sku_hash, .first = GIVEN_NONE};
    return &ranking->items[ranking->item_count++];
}

static void ranking_add(struct walk_ranking *ranking, uint64_t sku_hash,
                        const struct given *given)
{
    struct given_item *item = ranking_item(ranking, sku_hash);
    uint32_t place = ranking->given_count++;
    ranking->given[place] = *given;
    if (item->first == GIVEN_NONE) {
        item->first = place;
    } else {
        ranking->given[item->last].next = place;
    }
    item->last = place;
    item->sum += given->part;
}

static uint32_t seed_weight(const struct walk_rank_options *options, uint32_t seed)
{
    return options->seed_weights == NULL ? 1 : options->seed_weights[seed];
}

static enum status ranking_reserve(struct walk_ranking *ranking,
                                   const struct walk_partial *merged, struct arena *arena)
{
    uint64_t room = 0, size = GIVEN_TABLE_MIN;
    for (uint32_t s = 0; s < merged->seed_count; s++) {
        uint32_t count = merged->seeds[s].count, most = ranking->options->nearest;
        room += count < most ? count : most;
    }
    while (size < room * 2) {
        size *= 2;
    }
    ranking->table_mask = size - 1;
    ranking->given = arena_alloc(arena, (size_t)room * sizeof *ranking->given);
    ranking->items = arena_alloc(arena, (size_t)room * sizeof *ranking->items);
    ranking->table = arena_zalloc(arena, (size_t)size * sizeof *ranking->table);
    return ranking->given == NULL || ranking->items == NULL || ranking->table == NULL
               ? STATUS_TOO_LARGE
               : STATUS_OK;
}

static enum status ranking_give(struct walk_ranking *ranking,
                                const struct walk_partial *merged,
                                const struct degree_table *degrees, struct arena *arena)
{
    const struct walk_rank_options *options = ranking->options;
    struct best_item *best = arena_alloc(arena, options->nearest * sizeof *best);
    if (best == NULL) {
        return STATUS_TOO_LARGE;
    }
    TRY(ranking_reserve(ranking, merged, arena));
    for (uint32_t s = 0; s < merged->seed_count; s++) {
        const struct walk_votes *votes = &merged->seeds[s];
        double weight = (double)seed_weight(options, s);
        uint32_t count =
            seed_nearest(votes, ranking->query->seeds[s], degrees, options, best);
        ranking->weight_total += weight;
        for (uint32_t i = 0; i < count; i++) {
            ranking_add(ranking, best[i].sku_hash,
                        &(struct given){.part = best[i].score * weight,
                                        .seed = s,
                                        .evidence = votes->votes[best[i].row].evidence,
                                        .next = GIVEN_NONE});
        }
    }
    return STATUS_OK;
}

static uint32_t ranking_best(const struct walk_ranking *ranking, struct best_item *best)
{
    double weight = ranking->weight_total > 0 ? ranking->weight_total : 1.0;
    uint32_t count = 0;
    for (uint32_t i = 0; i < ranking->item_count; i++) {
        const struct given_item *item = &ranking->items[i];
        struct best_item scored = {.sku_hash = item->sku_hash, .row = i};
        scored.score = item->sum / weight;
        if (!walk_rank_excludes(ranking->options, ranking->query, item->sku_hash)) {
            count = best_add(best, count, ranking->options->rank.count, &scored);
        }
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
        item_explain(ranking.given, ranking.items[best[i].row].first, query, options,
                     item);
    }
    *out_ranked = ranked;
    return STATUS_OK;
}
