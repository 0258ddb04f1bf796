/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The coordinator's half of each source: add what the shards said, rank it with the
 * degrees of its kind, and blend the tiers at hand. Exclusions are applied before any
 * cut, so that a list is as long as it can be.
 */
#include <string.h>

#include "server/coordinator/recommend_flow_private.h"
#include "shard/base/assert.h"
#include "shard/recommend/blend.h"

#define RECOMMEND_DAY_MS ((int64_t)24 * 60 * 60 * 1000)

static uint32_t list_length(const struct recommend_flow *flow, uint32_t one)
{
    bool many = (flow->asked & (flow->asked - 1)) != 0;
    uint32_t length = many ? RECOMMEND_FLOW_LIST_MANY + 4 * flow->plan.count
                           : one + 2 * flow->plan.count;
    return length < RECOMMEND_COUNT_MAX ? length : RECOMMEND_COUNT_MAX;
}

uint32_t recommend_content_length(const struct recommend_flow *flow)
{
    return list_length(flow, RECOMMEND_FLOW_CONTENT_ONE);
}

/* --- Merge ------------------------------------------------------------------------- */

struct heard_lists {
    const struct recommend_partial **neighbours;
    const struct walk_partial **walk;
    const struct walk_partial **walk_then;
    struct arrivals_list *arrivals;
    size_t neighbours_count, walk_count, walk_then_count, arrivals_count;
};

static bool heard_has(const struct recommend_heard *heard, enum recommend_source source)
{
    return (heard->sources & RECOMMEND_SOURCE_BIT(source)) != 0;
}

static bool heard_sort(const struct recommend_flow *flow, struct heard_lists *out)
{
    size_t most = flow->heard_count + 1;
    *out = (struct heard_lists){
        .neighbours = arena_alloc(flow->arena, most * sizeof *out->neighbours),
        .walk = arena_alloc(flow->arena, most * sizeof *out->walk),
        .walk_then = arena_alloc(flow->arena, most * sizeof *out->walk_then),
        .arrivals = arena_alloc(flow->arena, most * sizeof *out->arrivals)};
    if (out->neighbours == NULL || out->walk == NULL || out->walk_then == NULL ||
        out->arrivals == NULL) {
        return false;
    }
    for (uint32_t i = 0; i < flow->heard_count; i++) {
        const struct recommend_heard *heard = &flow->heard[i];
        if (heard_has(heard, RECOMMEND_SOURCE_NEIGHBOURS)) {
            out->neighbours[out->neighbours_count++] = &heard->customer->neighbours;
        }
        if (heard_has(heard, RECOMMEND_SOURCE_WALK)) {
            out->walk[out->walk_count++] = &heard->customer->walk;
        }
        if (heard_has(heard, RECOMMEND_SOURCE_WALK_THEN)) {
            out->walk_then[out->walk_then_count++] = &heard->customer->walk_then;
        }
        if (heard_has(heard, RECOMMEND_SOURCE_ARRIVALS)) {
            out->arrivals[out->arrivals_count++] = heard->sku->arrivals;
        }
    }
    return true;
}

/* A SKU lies on one shard, and ranges of SKUs do not end between buckets: rows are put
 * behind one another, and no two can be of one SKU. */
static enum status content_join(const struct recommend_flow *flow,
                                struct recommend_partial *out)
{
    uint32_t related = flow->sku_search.content.seed_count;
    size_t rows = 0;
    *out = (struct recommend_partial){.bucket_count = SHARD_MAP_VIRTUAL_BUCKETS,
                                      .buckets = UINT64_MAX,
                                      .related = related};
    for (uint32_t i = 0; i < flow->heard_count; i++) {
        if (heard_has(&flow->heard[i], RECOMMEND_SOURCE_CONTENT)) {
            rows += flow->heard[i].sku->content.item_count;
        }
    }
    out->items = arena_alloc(flow->arena, rows * sizeof *out->items);
    out->parts = arena_alloc(flow->arena, rows * related * sizeof *out->parts);
    out->evidence = arena_alloc(flow->arena, rows * related * sizeof *out->evidence);
    if (out->items == NULL || out->parts == NULL || out->evidence == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < flow->heard_count; i++) {
        if (!heard_has(&flow->heard[i], RECOMMEND_SOURCE_CONTENT)) {
            continue;
        }
        const struct recommend_partial *from = &flow->heard[i].sku->content;
        size_t to = (size_t)out->item_count * related;
        size_t cells = (size_t)from->item_count * related;
        if (from->item_count == 0) {
            continue;
        }
        memcpy(out->items + out->item_count, from->items,
               from->item_count * sizeof *out->items);
        memcpy(out->parts + to, from->parts, cells * sizeof *out->parts);
        memcpy(out->evidence + to, from->evidence, cells * sizeof *out->evidence);
        out->item_count += from->item_count;
    }
    return STATUS_OK;
}

static bool source_asked(const struct recommend_flow *flow, enum recommend_source source)
{
    return (flow->asked & RECOMMEND_SOURCE_BIT(source)) != 0;
}

enum status recommend_sources_merge(struct recommend_flow *flow)
{
    struct heard_lists lists;
    if ((flow->asked & (RECOMMEND_CUSTOMER_SOURCES | RECOMMEND_SKU_SOURCES)) == 0) {
        return STATUS_OK;
    }
    struct recommend_merged *merged = arena_alloc(flow->arena, sizeof *merged);
    if (merged == NULL || !heard_sort(flow, &lists)) {
        return STATUS_TOO_LARGE;
    }
    flow->merged = merged;
    if (source_asked(flow, RECOMMEND_SOURCE_NEIGHBOURS)) {
        TRY(recommend_merge(lists.neighbours, lists.neighbours_count, flow->arena,
                            &merged->neighbours));
    }
    if (source_asked(flow, RECOMMEND_SOURCE_WALK)) {
        TRY(walk_merge(lists.walk, lists.walk_count, flow->arena, &merged->walk));
    }
    if (source_asked(flow, RECOMMEND_SOURCE_WALK_THEN)) {
        TRY(walk_merge(lists.walk_then, lists.walk_then_count, flow->arena,
                       &merged->walk_then));
    }
    if (source_asked(flow, RECOMMEND_SOURCE_CONTENT)) {
        TRY(content_join(flow, &merged->content));
    }
    if (source_asked(flow, RECOMMEND_SOURCE_ARRIVALS)) {
        TRY(arrivals_merge(lists.arrivals, lists.arrivals_count, flow->plan.arrivals.pool,
                           flow->arena, &merged->arrivals));
    }
    return STATUS_OK;
}

/* --- Rank -------------------------------------------------------------------------- */

static enum status rank_neighbours(const struct recommend_flow *flow,
                                   const struct recommend_rank_options *options,
                                   struct recommend_ranked *out)
{
    if (flow->merged->neighbours.bucket_count == 0) {
        return STATUS_OK; /* nobody answered */
    }
    return recommend_rank(&flow->merged->neighbours, &flow->query,
                          flow->tables.degrees[RECOMMEND_DEGREES_SESSIONS], options,
                          flow->arena, out);
}

/* A fixed point with three digits; NULL, which is all alike, while nothing decays. */
static const uint32_t *walk_seed_weights(uint32_t decay_percent,
                                         uint32_t weights[static WALK_SEEDS_MAX])
{
    weights[0] = RECOMMEND_FLOW_SEED_WEIGHT;
    for (uint32_t i = 1; i < WALK_SEEDS_MAX; i++) {
        uint32_t kept = (weights[i - 1] * decay_percent + 50) / 100;
        weights[i] = kept > 0 ? kept : 1;
    }
    return decay_percent < 100 ? weights : NULL;
}

static enum status rank_walk(const struct recommend_flow *flow, bool then,
                             const struct recommend_rank_options *options,
                             struct recommend_ranked *out)
{
    const struct recommend_customer_search *search = &flow->customer_search;
    const struct walk_partial *merged =
        then ? &flow->merged->walk_then : &flow->merged->walk;
    const struct recommend_walk_options *from = &flow->plan.walk;
    uint32_t weights[WALK_SEEDS_MAX];
    const struct walk_rank_options walk = {
        .rank = *options,
        .nearest = from->nearest,
        .power_hundredths = from->power_hundredths,
        .seed_weights = walk_seed_weights(
            then ? from->then_decay_percent : from->decay_percent, weights),
        .kind = then ? RECOMMEND_REASON_THEN_BOUGHT : RECOMMEND_REASON_ALSO_BOUGHT};
    if (merged->bucket_count == 0) {
        return STATUS_OK; /* nobody answered */
    }
    return walk_rank(merged, then ? &search->walk_then : &search->walk,
                     flow->tables.degrees[RECOMMEND_DEGREES_CUSTOMERS], &walk,
                     flow->arena, out);
}

/* Each shard named its best `count`, excluded ones among them: cut to the best of all
 * first, whatever the number of shards, then left out. */
static enum status rank_content(const struct recommend_flow *flow,
                                const struct recommend_rank_options *options,
                                struct recommend_ranked *out)
{
    const struct content_query *query = &flow->sku_search.content;
    const struct recommend_rank_options all = {.count = query->count};
    struct recommend_ranked ranked;
    uint32_t kept = 0;
    TRY(content_rank(&flow->merged->content, query, &all, flow->arena, &ranked));
    for (uint32_t i = 0; i < ranked.item_count && kept < options->count; i++) {
        if (!recommend_hashes_has(options->excluded, (uint32_t)options->excluded_count,
                                  ranked.items[i].sku_hash)) {
            ranked.items[kept++] = ranked.items[i];
        }
    }
    ranked.item_count = kept;
    *out = ranked;
    return STATUS_OK;
}

static enum status rank_buy_again(const struct recommend_flow *flow,
                                  const struct personal_history *history,
                                  const struct recommend_rank_options *options,
                                  struct recommend_ranked *out)
{
    const struct recommend_buy_again_options *from = &flow->plan.buy_again;
    const struct personal_buy_again_options again = {
        .rank = *options,
        .kinds = from->kinds,
        .basket_ms = from->basket_ms,
        .group_baskets = from->group_baskets,
        .within_decay = from->within_decay,
        .across_decay = from->across_decay,
        .due_percent = from->due_percent,
        .popular = flow->tables.degrees[RECOMMEND_DEGREES_CUSTOMERS]};
    return personal_buy_again(history, &again, flow->arena, out);
}

/* What rises, or is popular: counted everywhere. */
static enum status rank_everywhere(const struct recommend_flow *flow, bool popular,
                                   const struct recommend_rank_options *options,
                                   struct recommend_ranked *out)
{
    struct degree_table *sessions = flow->tables.degrees[RECOMMEND_DEGREES_SESSIONS];
    const struct trending_query query = {.tables = {{.table = sessions, .weight = 1}},
                                         .table_count = 1,
                                         .now_ms = flow->wall_ms};
    return popular
               ? recommend_popular(sessions, flow->wall_ms, NULL, options, flow->arena,
                                   out)
               : trending_rank(flow->tables.trending, &query, options, flow->arena, out);
}

/* The same, counted at the places of the question alone. */
static enum status rank_here(const struct recommend_flow *flow, bool popular,
                             const struct recommend_rank_options *options,
                             struct recommend_ranked *out)
{
    struct trending_query query = {.table_count = flow->plan.place_count,
                                   .popular = popular,
                                   .now_ms = flow->wall_ms};
    for (uint32_t i = 0; i < flow->plan.place_count; i++) {
        query.tables[i] = (struct trending_table){
            .table = flow->tables.degrees[RECOMMEND_DEGREES_PLACES],
            .place = flow->plan.places[i].place,
            .weight = 1};
    }
    return trending_rank(flow->tables.trending, &query, options, flow->arena, out);
}

/* `here` has room for `options->count`: what is counted everywhere fills it up, behind: its
 * best has half the score of the last one here, so that no list it is blended into turns
 * them round. */
static enum status here_fill(const struct recommend_flow *flow, bool popular,
                             const struct recommend_rank_options *options,
                             struct recommend_ranked *here)
{
    struct recommend_rank_options rest = *options;
    struct recommend_ranked others;
    uint32_t first = here->item_count;
    double scale = first > 0 ? here->items[first - 1].score / 2 : 1.0;
    uint32_t excluded_count = (uint32_t)options->excluded_count + first;
    uint64_t *excluded =
        arena_alloc(flow->arena, (excluded_count + 1) * sizeof *excluded);
    if (excluded == NULL) {
        return STATUS_TOO_LARGE;
    }
    if (options->excluded_count > 0) {
        memcpy(excluded, options->excluded, options->excluded_count * sizeof *excluded);
    }
    for (uint32_t i = 0; i < first; i++) {
        excluded[options->excluded_count + i] = here->items[i].sku_hash;
    }
    recommend_hashes_sort(excluded, excluded_count);
    rest.excluded = excluded;
    rest.excluded_count = excluded_count;
    rest.excluded_sorted = true;
    rest.count -= first;
    TRY(rank_everywhere(flow, popular, &rest, &others));
    for (uint32_t i = 0; i < others.item_count; i++) {
        here->items[first + i] = others.items[i];
        here->items[first + i].score *= scale;
    }
    here->item_count += others.item_count;
    return STATUS_OK;
}

static enum status rank_rising(const struct recommend_flow *flow, bool popular,
                               const struct recommend_rank_options *options,
                               struct recommend_ranked *out)
{
    struct recommend_ranked here;
    if (flow->plan.place_count == 0) {
        return rank_everywhere(flow, popular, options, out);
    }
    TRY(rank_here(flow, popular, options, &here));
    if (here.item_count < options->count) {
        TRY(here_fill(flow, popular, options, &here));
    }
    *out = here;
    return STATUS_OK;
}

/* At first no more than are shown, the drawn ones among them; behind them all the rest. */
static enum status rank_arrivals(const struct recommend_flow *flow, bool whole,
                                 const struct recommend_rank_options *options,
                                 struct recommend_ranked *out)
{
    const struct recommend_arrivals_options *from = &flow->plan.arrivals;
    struct arrivals_options arrivals = {
        .rank = *options,
        .from_ms =
            from->days > 0 ? flow->wall_ms - from->days * RECOMMEND_DAY_MS : INT64_MIN,
        .seed = from->seed};
    if (!whole) {
        arrivals.rank.count = flow->plan.count;
        arrivals.explored = flow->plan.count * from->explored_percent / 100;
    }
    return arrivals_rank(&flow->merged->arrivals, &arrivals, flow->arena, out);
}

static enum status rank_source(const struct recommend_flow *flow,
                               enum recommend_source source, bool whole,
                               const struct recommend_rank_options *options,
                               struct recommend_ranked *out)
{
    const struct personal_history history = {.actions = flow->actions,
                                             .action_count = flow->action_count,
                                             .now_ms = flow->wall_ms};
    switch (source) {
    case RECOMMEND_SOURCE_NEIGHBOURS:
        return rank_neighbours(flow, options, out);
    case RECOMMEND_SOURCE_WALK:
        return rank_walk(flow, false, options, out);
    case RECOMMEND_SOURCE_WALK_THEN:
        return rank_walk(flow, true, options, out);
    case RECOMMEND_SOURCE_CONTENT:
        return rank_content(flow, options, out);
    case RECOMMEND_SOURCE_BUY_AGAIN:
        return rank_buy_again(flow, &history, options, out);
    case RECOMMEND_SOURCE_RECENTLY_VIEWED:
        return personal_recently_viewed(&history, flow->plan.recently_viewed_kinds,
                                        options, flow->arena, out);
    case RECOMMEND_SOURCE_TRENDING:
        return rank_rising(flow, false, options, out);
    case RECOMMEND_SOURCE_ARRIVALS:
        return rank_arrivals(flow, whole, options, out);
    case RECOMMEND_SOURCE_POPULAR:
        return rank_rising(flow, true, options, out);
    case RECOMMEND_SOURCES:
        break;
    }
    UNREACHABLE();
}

/* Where a list of this source is cut at first. */
static uint32_t list_limit(const struct recommend_flow *flow,
                           enum recommend_source source,
                           const struct recommend_rank_options *options)
{
    return source == RECOMMEND_SOURCE_ARRIVALS ? flow->plan.count : options->count;
}

/* Of given items alone, in their order; the first stays, since scores are parts of its. */
static void list_keep_given(const struct recommend_flow *flow,
                            struct recommend_ranked *list)
{
    uint32_t kept = 0, place;
    for (uint32_t i = 0; i < list->item_count; i++) {
        if (i == 0 ||
            recommend_hashes_find(&flow->given, list->items[i].sku_hash, &place)) {
            list->items[kept++] = list->items[i];
        }
    }
    list->item_count = kept;
}

enum status recommend_sources_rank(struct recommend_flow *flow, bool whole,
                                   struct recommend_ranked *out_ranked)
{
    const struct placement *placement = flow->plan.placement;
    struct recommend_ranked ranked[PLACEMENT_SOURCES_MAX] = {0};
    struct blend_list lists[PLACEMENT_SOURCES_MAX];
    const struct recommend_rank_options options = {
        .count = whole ? RECOMMEND_COUNT_MAX : list_length(flow, RECOMMEND_FLOW_LIST_ONE),
        .excluded = flow->excluded,
        .excluded_count = flow->excluded_count,
        .excluded_sorted = true};
    const struct recommend_rank_options blend = {.count = options.count};
    size_t count = 0;
    flow->lists_cut = false;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        const struct placement_source *source = &placement->sources[i];
        struct recommend_ranked *list = &ranked[count];
        if (source->tier < flow->tier || source->tier >= flow->tier_end ||
            !source_asked(flow, source->source)) {
            continue;
        }
        TRY(rank_source(flow, source->source, whole, &options, list));
        flow->sources[i].candidates = list->item_count;
        flow->lists_cut |=
            !whole && list->item_count == list_limit(flow, source->source, &options);
        if (flow->plan.given_count > 0) {
            list_keep_given(flow, list);
        }
        lists[count++] = (struct blend_list){list, source->weight, source->tier};
    }
    TRY(recommend_blend(lists, count, &blend, flow->arena, out_ranked));
    flow->lists_cut |= !whole && out_ranked->item_count == options.count;
    return STATUS_OK;
}
