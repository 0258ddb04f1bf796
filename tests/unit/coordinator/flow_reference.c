/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/flow_reference.h"

#include "shard/recommend/blend.h"

enum {
    REFERENCE_MOST = 4000,
};

/* What may be used of who asks. */
struct asker {
    const uint64_t *clicks;
    uint32_t click_count;
    uint64_t own_session;
    bool exclude_customer;
    struct histories_action actions[WORLD_ACTIONS_MAX];
    uint32_t action_count;
    uint64_t seeds[RECOMMEND_FLOW_SEEDS_MAX];
    uint32_t seed_count;
    uint64_t query[RECOMMEND_CLICKS_MAX];
    uint32_t query_count;
    uint64_t excluded[REFERENCE_MOST];
    uint32_t excluded_count;
};

struct reference {
    struct world *world;
    const struct recommend_plan *plan;
    struct asker asker;
    struct recommend_shown all[REFERENCE_MOST]; /* candidates in order */
    uint32_t count;
};

static bool listed(const uint64_t *hashes, uint32_t count, uint64_t hash)
{
    for (uint32_t i = 0; i < count; i++) {
        if (hashes[i] == hash) {
            return true;
        }
    }
    return false;
}

static bool placement_needs(const struct placement *placement, enum recommend_needs needs)
{
    bool found = false;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        found = found || recommend_source_needs(placement->sources[i].source) == needs;
    }
    return found;
}

static void reference_person(struct reference *reference)
{
    const struct recommend_plan *plan = reference->plan;
    const struct world *world = reference->world;
    struct asker *asker = &reference->asker;
    bool history = placement_needs(plan->placement, RECOMMEND_NEEDS_HISTORY);
    bool seeds = placement_needs(plan->placement, RECOMMEND_NEEDS_SEEDS);
    asker->exclude_customer = plan->has_actor && plan->no_personalization;
    if (plan->no_personalization) {
        return;
    }
    if (plan->has_actor && world->context.personalization_withdrawn) {
        return;
    }
    asker->clicks = plan->session_items;
    asker->click_count = plan->session_item_count;
    if (!plan->has_actor) {
        return;
    }
    asker->own_session = world->context.session_hash;
    if (plan->session_item_count == 0) {
        asker->clicks = world->context.clicks;
        asker->click_count = world->context.click_count;
    }
    if (history || (seeds && plan->seed_count == 0 && asker->click_count == 0)) {
        asker->action_count = world->actions.action_count;
        for (uint32_t i = 0; i < asker->action_count; i++) {
            const struct customer_action *action = &world->actions.actions[i];
            asker->actions[i] = (struct histories_action){action->sku_hash, action->at_ms,
                                                          action->quantity, action->kind};
        }
    }
}

static void reference_seed(struct asker *asker, uint64_t hash, uint32_t most)
{
    if (asker->seed_count < most && !listed(asker->seeds, asker->seed_count, hash)) {
        asker->seeds[asker->seed_count++] = hash;
    }
}

static void reference_seeds(struct reference *reference)
{
    const struct recommend_plan *plan = reference->plan;
    struct asker *asker = &reference->asker;
    uint32_t most = plan->walk.seeds_max, length = plan->neighbours.clicks_max;
    if (plan->seed_count > 0) {
        for (uint32_t i = 0; i < plan->seed_count; i++) {
            reference_seed(asker, plan->seeds[i], most);
        }
    } else if (asker->click_count > 0) {
        for (uint32_t i = asker->click_count; i-- > 0;) {
            reference_seed(asker, asker->clicks[i], most);
        }
    } else {
        for (uint32_t i = asker->action_count; i-- > 0;) {
            reference_seed(asker, asker->actions[i].sku_hash, most);
        }
    }
    if (asker->click_count > 0) {
        uint32_t skip = asker->click_count > length ? asker->click_count - length : 0;
        for (uint32_t i = skip; i < asker->click_count; i++) {
            asker->query[asker->query_count++] = asker->clicks[i];
        }
    } else if (plan->seed_count > 0) {
        uint32_t use = asker->seed_count < length ? asker->seed_count : length;
        for (uint32_t i = use; i-- > 0;) {
            asker->query[asker->query_count++] = asker->seeds[i];
        }
    }
}

static void reference_exclude(struct asker *asker, uint64_t hash)
{
    EXPECT(asker->excluded_count < REFERENCE_MOST);
    asker->excluded[asker->excluded_count++] = hash;
}

static void reference_excluded(struct reference *reference)
{
    const struct recommend_plan *plan = reference->plan;
    struct asker *asker = &reference->asker;
    uint32_t switches = plan->placement->exclusions;
    bool seen = plan->exclude_seen || (switches & PLACEMENT_EXCLUDE_SEEN);
    bool current = plan->exclude_current || (switches & PLACEMENT_EXCLUDE_CURRENT);
    for (uint32_t i = 0; i < plan->excluded_count; i++) {
        reference_exclude(asker, plan->excluded[i]);
    }
    for (uint32_t i = 0; seen && i < asker->click_count; i++) {
        reference_exclude(asker, asker->clicks[i]);
    }
    for (uint32_t i = 0; seen && i < asker->seed_count; i++) {
        reference_exclude(asker, asker->seeds[i]);
    }
    for (uint32_t i = 0; seen && i < asker->action_count; i++) {
        reference_exclude(asker, asker->actions[i].sku_hash);
    }
    if (current && plan->seed_count > 0) {
        reference_exclude(asker, plan->seeds[0]);
    }
    if (current && asker->click_count > 0) {
        reference_exclude(asker, asker->clicks[asker->click_count - 1]);
    }
    if (plan->given_count > 0) {
        asker->excluded_count = 0;
    }
}

/* --- Lists ------------------------------------------------------------------------- */

static struct recommend_rank_options reference_options(const struct reference *reference,
                                                       uint32_t count)
{
    return (struct recommend_rank_options){.count = count,
                                           .excluded = reference->asker.excluded,
                                           .excluded_count =
                                               reference->asker.excluded_count};
}

static void list_neighbours(struct reference *reference, uint32_t count,
                            struct recommend_ranked *out)
{
    struct world *world = reference->world;
    const struct asker *asker = &reference->asker;
    const struct recommend_neighbours_options *from = &reference->plan->neighbours;
    const struct recommend_rank_options options = reference_options(reference, count);
    const struct recommend_query query = {.clicks = asker->query,
                                          .click_count = asker->query_count,
                                          .clicks_max = from->clicks_max,
                                          .candidates = from->candidates,
                                          .neighbours = from->neighbours,
                                          .bucket_count = 64,
                                          .buckets = UINT64_MAX,
                                          .exclude_session = asker->own_session,
                                          .exclude_customer = asker->exclude_customer,
                                          .customer = reference->plan->actor};
    struct recommend_partial partial;
    EXPECT_OK(recommend_search(world->evidence[0], &query, &world->arena, &partial));
    EXPECT_OK(recommend_rank(&partial, &query,
                             world->tables.degrees[RECOMMEND_DEGREES_SESSIONS], &options,
                             &world->arena, out));
}

static void list_walk(struct reference *reference, bool then, uint32_t count,
                      struct recommend_ranked *out)
{
    struct world *world = reference->world;
    const struct recommend_walk_options *from = &reference->plan->walk;
    const struct walk_query query = {.seeds = reference->asker.seeds,
                                     .seed_count = reference->asker.seed_count,
                                     .customers = from->customers,
                                     .power_quarters = from->power_quarters,
                                     .window = then ? from->window : 0,
                                     .bucket_count = 64,
                                     .buckets = UINT64_MAX,
                                     .exclude_customer = reference->plan->has_actor,
                                     .customer = reference->plan->actor};
    uint32_t percent = then ? from->then_decay_percent : from->decay_percent;
    uint32_t weights[WALK_SEEDS_MAX];
    for (uint32_t i = 0, weight = 1000; i < WALK_SEEDS_MAX; i++) {
        weights[i] = weight > 0 ? weight : 1;
        weight = (weights[i] * percent + 50) / 100;
    }
    const struct walk_rank_options options = {
        .seed_weights = percent == 100 ? NULL : weights,
        .rank = reference_options(reference, count),
        .nearest = from->nearest,
        .power_hundredths = from->power_hundredths,
        .kind = then ? RECOMMEND_REASON_THEN_BOUGHT : RECOMMEND_REASON_ALSO_BOUGHT};
    struct walk_partial *partial = arena_zalloc(&world->arena, sizeof *partial);
    EXPECT_OK(walk_search(world->histories[0], &query, &world->arena, partial));
    EXPECT_OK(walk_rank(partial, &query,
                        world->tables.degrees[RECOMMEND_DEGREES_CUSTOMERS], &options,
                        &world->arena, out));
}

static void content_seeds(const struct reference *reference, struct content_query *query)
{
    const struct asker *asker = &reference->asker;
    for (uint32_t i = 0; i < asker->seed_count && i < CONTENT_SEEDS_MAX; i++) {
        uint32_t count;
        const uint64_t *tokens =
            content_tokens(reference->world->content[0], asker->seeds[i], &count);
        if (count > 0) {
            query->seeds[query->seed_count++] = (struct content_seed){
                asker->seeds[i], tokens, count, CONTENT_SEEDS_MAX - i};
        }
    }
}

/* `cut`: where the list is cut at first; `count`: where it is cut now. */
static void list_content(struct reference *reference, uint32_t cut, uint32_t count,
                         struct recommend_ranked *out)
{
    struct world *world = reference->world;
    const struct asker *asker = &reference->asker;
    uint64_t distinct[REFERENCE_MOST];
    uint32_t excluded = 0, kept = 0;
    struct content_query query = {.reach = reference->plan->content_reach,
                                  .bucket_count = 64,
                                  .buckets = UINT64_MAX};
    struct recommend_partial partial;
    content_seeds(reference, &query);
    for (uint32_t i = 0; i < asker->excluded_count; i++) {
        if (!listed(distinct, excluded, asker->excluded[i])) {
            distinct[excluded++] = asker->excluded[i];
        }
    }
    query.count = cut + excluded < 1000 ? cut + excluded : 1000;
    if (reference->plan->given_count > 0) {
        query.count = 1000;
    }
    const struct recommend_rank_options options = {.count = query.count};
    EXPECT_OK(content_search(world->content[0],
                             world->tables.degrees[RECOMMEND_DEGREES_TOKENS], &query,
                             &world->arena, &partial));
    EXPECT_OK(content_rank(&partial, &query, &options, &world->arena, out));
    for (uint32_t i = 0; i < out->item_count && kept < count; i++) {
        if (!listed(asker->excluded, asker->excluded_count, out->items[i].sku_hash)) {
            out->items[kept++] = out->items[i];
        }
    }
    out->item_count = kept;
}

static void list_personal(struct reference *reference, bool again, uint32_t count,
                          struct recommend_ranked *out)
{
    struct world *world = reference->world;
    const struct recommend_buy_again_options *from = &reference->plan->buy_again;
    const struct recommend_rank_options rank = reference_options(reference, count);
    const struct personal_history history = {reference->asker.actions,
                                             reference->asker.action_count, WORLD_NOW_MS};
    const struct personal_buy_again_options options = {
        .rank = rank,
        .kinds = from->kinds,
        .basket_ms = from->basket_ms,
        .group_baskets = from->group_baskets,
        .within_decay = from->within_decay,
        .across_decay = from->across_decay,
        .due_percent = from->due_percent,
        .popular = world->tables.degrees[RECOMMEND_DEGREES_CUSTOMERS]};
    if (again) {
        EXPECT_OK(personal_buy_again(&history, &options, &world->arena, out));
    } else {
        EXPECT_OK(personal_recently_viewed(
            &history, reference->plan->recently_viewed_kinds, &rank, &world->arena, out));
    }
}

static void list_arrivals(struct reference *reference, bool whole,
                          struct recommend_ranked *out)
{
    struct world *world = reference->world;
    const struct recommend_plan *plan = reference->plan;
    uint32_t days = plan->arrivals.days;
    struct arrivals_options options = {
        .rank = reference_options(reference, whole ? 1000 : plan->count),
        .from_ms = days > 0 ? WORLD_NOW_MS - days * WORLD_DAY_MS : INT64_MIN,
        .explored = whole ? 0 : plan->count * plan->arrivals.explored_percent / 100,
        .seed = plan->arrivals.seed};
    struct arrivals_list list;
    EXPECT_OK(
        arrivals_newest(world->arrivals[0], plan->arrivals.pool, &world->arena, &list));
    EXPECT_OK(arrivals_rank(&list, &options, &world->arena, out));
}

static bool reference_ready(const struct reference *reference,
                            enum recommend_source source)
{
    const struct asker *asker = &reference->asker;
    struct content_query query = {0};
    switch (source) {
    case RECOMMEND_SOURCE_NEIGHBOURS:
        return asker->query_count > 0;
    case RECOMMEND_SOURCE_WALK:
    case RECOMMEND_SOURCE_WALK_THEN:
        return asker->seed_count > 0;
    case RECOMMEND_SOURCE_CONTENT:
        content_seeds(reference, &query);
        return query.seed_count > 0;
    case RECOMMEND_SOURCE_BUY_AGAIN:
    case RECOMMEND_SOURCE_RECENTLY_VIEWED:
        return asker->action_count > 0;
    case RECOMMEND_SOURCE_TRENDING:
    case RECOMMEND_SOURCE_ARRIVALS:
    case RECOMMEND_SOURCE_POPULAR:
    case RECOMMEND_SOURCES:
        break;
    }
    return true;
}

/* --- What trends, or is popular, at the places of the question ---------------------- */

struct here {
    uint64_t sku_hash;
    int64_t score;
    int64_t evidence;
    int64_t most;   /* evidence of one place ... */
    uint64_t place; /* ... the first with so much */
};

static bool here_counts(const struct world_person *person, uint64_t sku, uint64_t place)
{
    for (uint32_t i = 0; i < person->item_count; i++) {
        if (person->items[i] == sku && person->places[i] == place) {
            return !person->withdrawn && person->end_ms != 0;
        }
    }
    return false;
}

/* The sessions of one item at one place, looked for one by one. */
static void here_add(const struct world *world, uint64_t place, bool popular,
                     struct here *out)
{
    int64_t all = 0, late = 0, recent = 0, now = WORLD_NOW_MS / DEGREE_PERIOD_MS;
    for (unsigned p = 0; p < world->people_count; p++) {
        const struct world_person *person = &world->people[p];
        int64_t age = now - person->end_ms / DEGREE_PERIOD_MS;
        if (here_counts(person, out->sku_hash, place)) {
            all++;
            late += age <= 6;
            recent += age <= 6 ? 1 << (6 - age) : 0;
        }
    }
    int64_t evidence = popular ? all : late;
    out->score += popular ? all + recent : recent * recent / (64 * (all + 8));
    out->evidence += evidence;
    if (evidence > out->most) {
        out->most = evidence;
        out->place = place;
    }
}

static int here_order(const void *left, const void *right)
{
    const struct here *a = left, *b = right;
    if (a->score != b->score) {
        return a->score > b->score ? -1 : 1;
    }
    return a->sku_hash < b->sku_hash ? -1 : a->sku_hash > b->sku_hash;
}

/* Those of the places, then of `elsewhere` those that are not among them. */
static void list_here(const struct reference *reference, bool popular, uint32_t count,
                      const struct recommend_ranked *elsewhere,
                      struct recommend_ranked *out)
{
    struct world *world = reference->world;
    struct here all[WORLD_SKUS_MAX];
    uint32_t found = 0, kept = 0;
    double last = 1.0;
    for (unsigned i = 0; i < world->sku_count; i++) {
        struct here here = {.sku_hash = world->hashes[i]};
        for (uint32_t p = 0; p < reference->plan->place_count; p++) {
            here_add(world, reference->plan->places[p].place, popular, &here);
        }
        if (here.score > 0) {
            all[found++] = here;
        }
    }
    qsort(all, found, sizeof *all, here_order);
    out->items = arena_zalloc(&world->arena, (count + 1) * sizeof *out->items);
    for (uint32_t i = 0; i < found && kept < count; i++) {
        if (listed(reference->asker.excluded, reference->asker.excluded_count,
                   all[i].sku_hash)) {
            continue;
        }
        struct recommend_ranked_item *item = &out->items[kept++];
        last = (double)all[i].score / (double)all[0].score;
        item->sku_hash = all[i].sku_hash;
        item->score = last;
        item->reason_count = 1;
        item->reasons[0] = (struct recommend_reason){
            .kind = popular ? RECOMMEND_REASON_POPULAR : RECOMMEND_REASON_TRENDING,
            .evidence_count = (uint64_t)all[i].evidence,
            .place = all[i].place,
            .weight = 1.0};
    }
    uint32_t there = kept;
    for (uint32_t i = 0; i < elsewhere->item_count && kept < count; i++) {
        bool here = false;
        for (uint32_t n = 0; n < there; n++) {
            here = here || out->items[n].sku_hash == elsewhere->items[i].sku_hash;
        }
        if (!here) {
            out->items[kept] = elsewhere->items[i];
            out->items[kept++].score *= there > 0 ? last / 2 : 1.0;
        }
    }
    out->item_count = kept;
}

/* A thousand of them, counted everywhere: so many that places can take none away. */
static void list_late(struct reference *reference, bool popular, uint32_t count,
                      struct recommend_ranked *out)
{
    struct world *world = reference->world;
    struct degree_table *sessions = world->tables.degrees[RECOMMEND_DEGREES_SESSIONS];
    bool here = reference->plan->place_count > 0;
    const struct recommend_rank_options options =
        reference_options(reference, here ? RECOMMEND_COUNT_MAX : count);
    const struct trending_query trending = {{{sessions, 0, 1}}, 1, false, WORLD_NOW_MS};
    struct recommend_ranked elsewhere;
    EXPECT_OK(popular ? recommend_popular(sessions, WORLD_NOW_MS, NULL, &options,
                                          &world->arena, &elsewhere)
                      : trending_rank(world->tables.trending, &trending, &options,
                                      &world->arena, &elsewhere));
    if (here) {
        list_here(reference, popular, count, &elsewhere, out);
    } else {
        *out = elsewhere;
    }
}

static void reference_list(struct reference *reference, enum recommend_source source,
                           uint32_t cut, bool whole, struct recommend_ranked *out)
{
    uint32_t count = whole ? 1000 : cut;
    switch (source) {
    case RECOMMEND_SOURCE_NEIGHBOURS:
        list_neighbours(reference, count, out);
        break;
    case RECOMMEND_SOURCE_WALK:
    case RECOMMEND_SOURCE_WALK_THEN:
        list_walk(reference, source == RECOMMEND_SOURCE_WALK_THEN, count, out);
        break;
    case RECOMMEND_SOURCE_CONTENT:
        list_content(reference, cut, count, out);
        break;
    case RECOMMEND_SOURCE_BUY_AGAIN:
    case RECOMMEND_SOURCE_RECENTLY_VIEWED:
        list_personal(reference, source == RECOMMEND_SOURCE_BUY_AGAIN, count, out);
        break;
    case RECOMMEND_SOURCE_TRENDING:
        list_late(reference, false, count, out);
        break;
    case RECOMMEND_SOURCE_ARRIVALS:
        list_arrivals(reference, whole, out);
        break;
    case RECOMMEND_SOURCE_POPULAR:
        list_late(reference, true, count, out);
        break;
    case RECOMMEND_SOURCES:
        test_fail(__FILE__, __LINE__, "no such source");
    }
}

/* --- Tiers ------------------------------------------------------------------------- */

static bool reference_known(const struct reference *reference, uint64_t hash)
{
    for (uint32_t i = 0; i < reference->count; i++) {
        if (reference->all[i].item->sku_hash == hash) {
            return true;
        }
    }
    return false;
}

static void reference_add(struct reference *reference, struct recommend_ranked_item *item,
                          bool fallback)
{
    if (reference->count > 0 && reference->plan->given_count == 0) {
        double last = reference->all[reference->count - 1].item->score;
        item->score = item->score < last ? item->score : last;
    }
    EXPECT(reference->count < REFERENCE_MOST);
    reference->all[reference->count++] =
        (struct recommend_shown){.item = item, .fallback = fallback};
}

/* One tier, blended: cut at first, or whole. */
static void reference_tier(struct reference *reference, uint32_t tier, bool whole)
{
    const struct placement *placement = reference->plan->placement;
    struct recommend_ranked ranked[PLACEMENT_SOURCES_MAX], blended;
    struct blend_list lists[PLACEMENT_SOURCES_MAX];
    uint32_t ready = 0, count = 0, cut;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        ready += placement->sources[i].tier == tier &&
                 reference_ready(reference, placement->sources[i].source);
    }
    cut = ready > 1 ? 100 + 4 * reference->plan->count : 40 + 2 * reference->plan->count;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        const struct placement_source *source = &placement->sources[i];
        if (source->tier == tier && reference_ready(reference, source->source)) {
            reference_list(reference, source->source, cut, whole, &ranked[count]);
            lists[count] = (struct blend_list){&ranked[count], source->weight, tier};
            count++;
        }
    }
    const struct recommend_rank_options options = {.count = whole ? 1000 : cut};
    EXPECT_OK(
        recommend_blend(lists, count, &options, &reference->world->arena, &blended));
    for (uint32_t i = 0; i < blended.item_count; i++) {
        bool given = listed(reference->plan->given, reference->plan->given_count,
                            blended.items[i].sku_hash);
        if (!reference_known(reference, blended.items[i].sku_hash) &&
            (given || reference->plan->given_count == 0)) {
            reference_add(reference, &blended.items[i], tier > 0);
        }
    }
}

static struct inventory_availability *reference_stock(const struct reference *reference,
                                                      uint64_t hash)
{
    struct world *world = reference->world;
    unsigned sku = world_sku_of(world, hash);
    struct inventory_availability *stock = arena_zalloc(&world->arena, sizeof *stock);
    if (sku < world->sku_count) {
        stock->found = true;
        stock->sku = &world->sku[sku];
        stock->sellable =
            world->sku[sku].state == SKU_STATE_ACTIVE &&
            (world->stock[sku] > 0 || reference->plan->stock == RECOMMEND_STOCK_NONE);
    }
    return stock;
}

static struct slice reference_group(const struct reference *reference,
                                    const struct inventory_sku *sku)
{
    if (reference->plan->diversity == RECOMMEND_DIVERSITY_BRAND) {
        return sku->brand;
    }
    for (uint32_t i = 0; i < sku->attribute_count; i++) {
        if (slice_equal(sku->attributes[i].name, reference->plan->diversity_attribute)) {
            return sku->attributes[i].text;
        }
    }
    return slice_of(NULL, 0);
}

static bool reference_full(const struct reference *reference,
                           const struct recommend_shown *shown, uint32_t count,
                           const struct inventory_sku *sku)
{
    struct slice group = reference_group(reference, sku);
    uint32_t same = 0;
    for (uint32_t i = 0; i < count; i++) {
        same += group.size > 0 &&
                slice_equal(group, reference_group(reference, shown[i].stock->sku));
    }
    return reference->plan->diversity_group_items_max > 0 &&
           same >= reference->plan->diversity_group_items_max;
}

/* Walks the candidates from `first` on; how many are shown then. */
static uint32_t reference_show(const struct reference *reference, uint32_t first,
                               struct recommend_shown *shown, uint32_t count)
{
    const struct recommend_plan *plan = reference->plan;
    for (uint32_t i = first; i < reference->count && count < plan->count; i++) {
        const struct recommend_shown *candidate = &reference->all[i];
        const struct inventory_availability *stock =
            reference_stock(reference, candidate->item->sku_hash);
        if (!stock->sellable ||
            (plan->filter != NULL && !plan->filter(plan->filter_context, stock->sku)) ||
            reference_full(reference, shown, count, stock->sku)) {
            continue;
        }
        shown[count] = *candidate;
        shown[count].stock = stock;
        shown[count++].sellable = true;
    }
    return count;
}

static struct recommend_ranked_item *reference_item(struct reference *reference,
                                                    uint64_t hash)
{
    struct recommend_ranked_item *item =
        arena_zalloc(&reference->world->arena, sizeof *item);
    item->sku_hash = hash;
    return item;
}

/* Every SKU that is active and not excluded, by hash. */
static void reference_catalogue(struct reference *reference)
{
    const struct world *world = reference->world;
    uint64_t from = 0;
    for (;;) {
        unsigned next = world->sku_count;
        for (unsigned i = 0; i < world->sku_count; i++) {
            if (world->hashes[i] > from &&
                (next == world->sku_count || world->hashes[i] < world->hashes[next])) {
                next = i;
            }
        }
        if (next == world->sku_count) {
            return;
        }
        from = world->hashes[next];
        if (world->sku[next].state == SKU_STATE_ACTIVE &&
            !listed(reference->asker.excluded, reference->asker.excluded_count, from) &&
            !reference_known(reference, from)) {
            struct recommend_ranked_item *item = reference_item(reference, from);
            item->reasons[0].kind = RECOMMEND_REASON_POPULAR;
            item->reasons[0].weight = 1.0;
            item->reason_count = 1;
            reference_add(reference, item, true);
        }
    }
}

static void reference_given(struct reference *reference, struct buffer *out)
{
    const struct recommend_plan *plan = reference->plan;
    for (uint32_t i = 0; i < plan->given_count; i++) {
        if (!reference_known(reference, plan->given[i])) {
            reference_add(reference, reference_item(reference, plan->given[i]), true);
        }
    }
    for (uint32_t i = 0; i < reference->count; i++) {
        struct recommend_shown *shown = &reference->all[i];
        shown->sellable = reference_stock(reference, shown->item->sku_hash)->sellable;
    }
    world_canonical(reference->all, reference->count, out);
}

void reference_answer(struct world *world, const struct recommend_plan *plan,
                      struct buffer *out)
{
    struct reference *reference = arena_zalloc(&world->arena, sizeof *reference);
    struct recommend_shown *shown =
        arena_zalloc(&world->arena, (plan->count + 1) * sizeof *shown);
    const struct placement *placement = plan->placement;
    reference->world = world;
    reference->plan = plan;
    reference_person(reference);
    reference_seeds(reference);
    reference_excluded(reference);
    for (uint32_t t = 0; t <= placement->sources[placement->source_count - 1].tier; t++) {
        if (plan->given_count == 0) {
            reference_tier(reference, t, false);
        }
        reference_tier(reference, t, true);
    }
    if (plan->given_count > 0) {
        reference_given(reference, out);
        return;
    }
    uint32_t candidates = reference->count;
    uint32_t count = reference_show(reference, 0, shown, 0);
    if (count == 0) {
        reference_catalogue(reference);
        count = reference_show(reference, candidates, shown, 0);
    }
    world_canonical(shown, count, out);
}
