/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/recommend_intake.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/service/service_private.h"
#include "shard/base/identifier.h"
#include "shard/inventory/filter.h"

enum {
    RECOMMEND_DAY_MS = 24 * 60 * 60 * 1000,
};

_Static_assert((int)RECOMMEND_STOCK_NONE == (int)SOUK__V1__STOCK_MODE__STOCK_MODE_NONE &&
                   (int)RECOMMEND_STOCK_VERIFIED ==
                       (int)SOUK__V1__STOCK_MODE__STOCK_MODE_VERIFIED,
               "stock modes are numbered as on the wire");

static enum status recommend_memory(const char *field, struct problem *problem)
{
    return problem_set(problem, STATUS_TOO_LARGE, field, "%s",
                       status_text(STATUS_TOO_LARGE));
}

/* --- Parts of a question ----------------------------------------------------------- */

/* Ids of a repeated field. */
struct recommend_ids {
    const char *field;
    char *const *texts;
    size_t count;
    size_t most;
};

struct recommend_hash_list {
    const uint64_t *hashes;
    const struct slice *ids;
    uint32_t count;
};

/* The same as key hashes. */
static enum status recommend_hashes(struct edge *edge, const struct recommend_ids *ids,
                                    struct recommend_hash_list *out,
                                    struct problem *problem)
{
    uint64_t *hashes;
    struct slice *texts;
    char path[64];
    TRY(check_count(ids->field, ids->count, 0, ids->most, problem));
    hashes = arena_alloc(edge->arena, (ids->count + 1) * sizeof *hashes);
    texts = arena_alloc(edge->arena, (ids->count + 1) * sizeof *texts);
    if (hashes == NULL || texts == NULL) {
        return recommend_memory(ids->field, problem);
    }
    for (size_t i = 0; i < ids->count; i++) {
        struct slice id = slice_from_string(ids->texts[i]);
        if (!identifier_valid(id)) {
            snprintf(path, sizeof path, "%s[%zu]", ids->field, i);
            return check_id(path, ids->texts[i], NULL, problem);
        }
        hashes[i] = hash64(id, edge->service->map->hash_seed);
        texts[i] = id;
    }
    *out = (struct recommend_hash_list){
        .hashes = hashes, .ids = texts, .count = (uint32_t)ids->count};
    return STATUS_OK;
}

static enum status recommend_placement(struct recommend_run *run, const char *name,
                                       enum placement_name otherwise,
                                       struct problem *problem)
{
    char known[256] = "";
    size_t size = 0;
    const char *asked = name[0] == '\0' ? placement_at(otherwise)->name : name;
    run->plan.placement = placement_table_find(run->edge.service->options.placements,
                                               slice_from_string(asked));
    if (run->plan.placement != NULL) {
        return STATUS_OK;
    }
    for (unsigned i = 0; i < PLACEMENTS && size < sizeof known; i++) {
        size += (size_t)snprintf(known + size, sizeof known - size, "%s%s",
                                 i > 0 ? ", " : "", placement_at(i)->name);
    }
    return problem_set(problem, STATUS_NOT_FOUND, "placement",
                       "there is no placement '%.64s'; there are %s", name, known);
}

/* Who asks: at most one of the two ids is set. */
static enum status recommend_actor(struct recommend_run *run, const char *field,
                                   const char *text, enum service_actor kind,
                                   struct problem *problem)
{
    struct slice id;
    TRY(check_id(field, text, &id, problem));
    run->plan.actor = service_pseudonym(run->edge.service, kind, id);
    run->plan.has_actor = true;
    return STATUS_OK;
}

/* Each location once. More than can be counted together are no place: then what trends is
 * that of the whole shop. */
static enum status recommend_places(struct recommend_run *run, struct problem *problem)
{
    struct recommend_place *places =
        arena_alloc(run->edge.arena, RECOMMEND_FLOW_PLACES_MAX * sizeof *places);
    uint32_t count = 0;
    if (places == NULL) {
        return recommend_memory("stock", problem);
    }
    for (uint32_t i = 0; i < run->location_count; i++) {
        uint64_t place =
            hash_place(run->location_ids[i], run->edge.service->map->hash_seed);
        uint32_t n = 0;
        while (n < count && places[n].place != place) {
            n++;
        }
        if (n == RECOMMEND_FLOW_PLACES_MAX) {
            return STATUS_OK;
        }
        if (n == count) {
            places[count++] = (struct recommend_place){place, run->location_ids[i]};
        }
    }
    run->plan.places = places;
    run->plan.place_count = count;
    return STATUS_OK;
}

static enum status recommend_stock(struct recommend_run *run,
                                   const Souk__V1__StockFilter *filter,
                                   struct problem *problem)
{
    char path[64];
    if (filter == NULL) {
        return STATUS_OK;
    }
    if (filter->mode != SOUK__V1__STOCK_MODE__STOCK_MODE_UNSPECIFIED) {
        run->plan.stock = (enum recommend_stock)filter->mode; /* one of the enum's */
    }
    if (filter->min_quantity < 0) {
        return problem_set(problem, STATUS_INVALID, "stock.min_quantity",
                           "stock.min_quantity: not below 0");
    }
    TRY(check_count("stock.location_ids", filter->n_location_ids, 0,
                    (size_t)run->edge.service->settings->batch_max_items, problem));
    run->location_ids = arena_alloc(run->edge.arena, (filter->n_location_ids + 1) *
                                                         sizeof *run->location_ids);
    if (run->location_ids == NULL) {
        return recommend_memory("stock", problem);
    }
    for (size_t i = 0; i < filter->n_location_ids; i++) {
        snprintf(path, sizeof path, "stock.location_ids[%zu]", i);
        TRY(check_id(path, filter->location_ids[i], &run->location_ids[i], problem));
    }
    run->location_count = (uint32_t)filter->n_location_ids;
    TRY(recommend_places(run, problem));
    TRY(check_text("stock.channel", filter->channel, IDENTIFIER_BYTES_MAX,
                   &run->demand.channel, problem));
    run->demand.quantity = filter->min_quantity;
    run->demand.allow_backorder = filter->allow_backorder;
    return STATUS_OK;
}

/* One deadline: the soft one answers with what came, the grace waits for min_coverage. */
static enum status recommend_budget(struct recommend_run *run,
                                    const Souk__V1__Budget *budget,
                                    struct problem *problem)
{
    uint64_t now_us = service_now().monotonic_us;
    uint64_t deadline_us = run->edge.deadline_us;
    uint64_t left_us = deadline_us > now_us ? deadline_us - now_us : 0;
    struct recommend_plan *plan = &run->plan;
    int64_t ms;
    plan->soft_us = now_us + left_us / 100 * RECOMMEND_SOFT_PERCENT;
    plan->grace_us = plan->soft_us;
    if (budget == NULL) {
        return STATUS_OK;
    }
    if (!(budget->min_coverage >= 0.0 && budget->min_coverage <= 1.0)) {
        return problem_set(problem, STATUS_INVALID, "budget.min_coverage",
                           "budget.min_coverage: from 0 to 1");
    }
    plan->min_coverage = budget->min_coverage;
    if (budget->soft != NULL) {
        TRY(check_duration("budget.soft", budget->soft,
                           run->edge.service->settings->deadline_max_ms, &ms, problem));
        plan->soft_us = now_us + (uint64_t)ms * 1000;
    }
    plan->soft_us = plan->soft_us < deadline_us ? plan->soft_us : deadline_us;
    plan->grace_us = plan->soft_us;
    if (budget->grace != NULL &&
        (budget->grace->seconds != 0 || budget->grace->nanos != 0)) {
        TRY(check_duration("budget.grace", budget->grace,
                           run->edge.service->settings->deadline_max_ms, &ms, problem));
        plan->grace_us += (uint64_t)ms * 1000;
        plan->grace_us = plan->grace_us < deadline_us ? plan->grace_us : deadline_us;
    }
    return STATUS_OK;
}

static bool recommend_filter_match(const void *context, const struct inventory_sku *sku)
{
    return filter_match(context, sku);
}

static enum status recommend_filter_text(struct recommend_run *run, const char *text,
                                         struct problem *problem)
{
    const struct filter *filter;
    if (text[0] == '\0') {
        return STATUS_OK;
    }
    TRY(filter_parse(slice_from_string(text), run->edge.arena, &filter, problem));
    if (filter != NULL) {
        run->plan.filter = recommend_filter_match;
        run->plan.filter_context = filter;
    }
    return STATUS_OK;
}

/* A field of SKUs, or an attribute by its name or as attributes.NAME, as filters have it. */
static enum status recommend_diversity_field(struct recommend_plan *plan,
                                             struct problem *problem)
{
    static const char *const groups[] = {
        [RECOMMEND_DIVERSITY_BRAND] = "brand",
        [RECOMMEND_DIVERSITY_CATEGORY] = "category",
        [RECOMMEND_DIVERSITY_PRODUCT] = "product_id",
    };
    static const char *const others[] = {"sku_id", "name", "price", "price.currency"};
    static const char prefix[] = "attributes.";
    struct slice name = plan->diversity_attribute;
    for (unsigned i = RECOMMEND_DIVERSITY_BRAND; i < sizeof groups / sizeof groups[0];
         i++) {
        if (slice_equal(name, slice_from_string(groups[i]))) {
            plan->diversity = (enum recommend_diversity)i;
            return STATUS_OK;
        }
    }
    for (unsigned i = 0; i < sizeof others / sizeof others[0]; i++) {
        if (slice_equal(name, slice_from_string(others[i]))) {
            return problem_set(problem, STATUS_INVALID, "diversity.attribute",
                               "diversity.attribute: %s makes no groups; one of brand, "
                               "category, product_id, or the name of an attribute",
                               others[i]);
        }
    }
    if (name.size >= sizeof prefix && memcmp(name.data, prefix, sizeof prefix - 1) == 0) {
        plan->diversity_attribute =
            slice_of(name.data + sizeof prefix - 1, name.size - (sizeof prefix - 1));
    }
    return STATUS_OK;
}

static enum status recommend_diversity(struct recommend_run *run,
                                       const Souk__V1__Diversity *diversity,
                                       struct problem *problem)
{
    if (diversity == NULL) {
        return STATUS_OK;
    }
    TRY(check_text("diversity.attribute", diversity->attribute, IDENTIFIER_BYTES_MAX,
                   &run->plan.diversity_attribute, problem));
    if (diversity->group_items_max > 0 && diversity->attribute[0] == '\0') {
        return problem_set(problem, STATUS_INVALID, "diversity.attribute",
                           "diversity.attribute: brand, category, product_id, or the "
                           "name of an attribute whose values are groups");
    }
    run->plan.diversity_group_items_max = diversity->group_items_max;
    return recommend_diversity_field(&run->plan, problem);
}

/* --- The plan ---------------------------------------------------------------------- */

static uint32_t recommend_decay(int64_t percent)
{
    return (uint32_t)(percent * PERSONAL_DECAY_ONE / 100);
}

/* What the node's settings say of the sources. */
static void recommend_options(struct recommend_plan *plan,
                              const struct settings *settings)
{
    plan->bucket_count = plan->map->virtual_buckets;
    plan->neighbours = (struct recommend_neighbours_options){
        .candidates = (uint32_t)settings->neighbours_candidates,
        .neighbours = (uint32_t)settings->neighbours_kept,
        .clicks_max = (uint32_t)settings->neighbours_clicks};
    plan->walk = (struct recommend_walk_options){
        .customers = (uint32_t)settings->walk_customers,
        .nearest = (uint32_t)settings->walk_nearest,
        .power_quarters = (uint32_t)settings->walk_power_quarters,
        .power_hundredths = (uint32_t)settings->walk_power_hundredths,
        .window = (uint32_t)settings->walk_then_window,
        .seeds_max = (uint32_t)settings->walk_seeds,
        .decay_percent = (uint32_t)settings->walk_seed_decay_percent,
        .then_decay_percent = (uint32_t)settings->walk_then_seed_decay_percent};
    plan->buy_again.basket_ms = settings->buy_again_basket_hours * 60 * 60 * 1000;
    plan->buy_again.group_baskets = (uint32_t)settings->buy_again_group;
    plan->buy_again.within_decay = recommend_decay(settings->buy_again_within_percent);
    plan->buy_again.across_decay = recommend_decay(settings->buy_again_across_percent);
    plan->buy_again.due_percent = (uint32_t)settings->buy_again_due_percent;
    plan->content_reach = (uint32_t)settings->content_reach;
    plan->arrivals.days = (uint32_t)settings->arrivals_days;
    plan->arrivals.explored_percent = (uint32_t)settings->arrivals_explored_percent;
}

/* Who sees which of the new items: others for everybody and every day, the same for one
 * caller on one day. */
static void recommend_chance(struct recommend_plan *plan)
{
    uint64_t day = (uint64_t)(service_now().wall_ms / RECOMMEND_DAY_MS);
    uint64_t who = plan->has_actor ? plan->actor.high ^ plan->actor.low : 0;
    for (uint32_t i = 0; i < plan->session_item_count; i++) {
        who = hash_mix(who ^ plan->session_items[i]);
    }
    plan->arrivals.seed = hash_mix(who ^ hash_mix(day));
}

/* What Recommend and RankItems have in common. */
struct recommend_common {
    struct recommend_ids session;
    struct recommend_ids seeds;
    const Souk__V1__StockFilter *stock;
    const Souk__V1__Budget *budget;
    const Souk__V1__ReadOptions *read;
};

static enum status recommend_common(struct recommend_run *run,
                                    const struct recommend_common *common,
                                    struct problem *problem)
{
    struct recommend_hash_list session, seeds;
    TRY(recommend_hashes(&run->edge, &common->session, &session, problem));
    TRY(recommend_hashes(&run->edge, &common->seeds, &seeds, problem));
    run->plan.session_items = session.hashes;
    run->plan.session_item_count = session.count;
    run->plan.session_item_ids = session.ids;
    run->plan.seeds = seeds.hashes;
    run->plan.seed_ids = seeds.ids;
    run->plan.seed_count = seeds.count;
    recommend_chance(&run->plan);
    TRY(recommend_stock(run, common->stock, problem));
    TRY(recommend_budget(run, common->budget, problem));
    return edge_read_options(&run->edge, common->read, problem);
}

enum status recommend_intake(struct recommend_run *run,
                             const Souk__V1__RecommendRequest *request,
                             struct problem *problem)
{
    const struct service *service = run->edge.service;
    const struct recommend_common common = {
        .session = {"session_items", request->session_items, request->n_session_items,
                    (size_t)service->settings->batch_max_items},
        .seeds = {"seeds", request->seeds, request->n_seeds, RECOMMEND_SEEDS_MAX},
        .stock = request->stock,
        .budget = request->budget,
        .read = request->read};
    const struct recommend_ids given_cart = {"cart", request->cart, request->n_cart,
                                             (size_t)service->settings->batch_max_items};
    struct recommend_plan *plan = &run->plan;
    struct recommend_hash_list cart;
    recommend_plan_init(plan, service->map);
    recommend_options(plan, service->settings);
    TRY(recommend_placement(run, request->placement, PLACEMENT_SESSION, problem));
    if (request->actor_case == SOUK__V1__RECOMMEND_REQUEST__ACTOR_CUSTOMER_ID) {
        TRY(recommend_actor(run, "customer_id", request->customer_id,
                            SERVICE_ACTOR_CUSTOMER, problem));
    } else if (request->actor_case == SOUK__V1__RECOMMEND_REQUEST__ACTOR_VISITOR_ID) {
        TRY(recommend_actor(run, "visitor_id", request->visitor_id, SERVICE_ACTOR_VISITOR,
                            problem));
    }
    if (request->count < 0 || request->count > RECOMMEND_FLOW_COUNT_MAX) {
        return problem_set(problem, STATUS_INVALID, "count",
                           "count: 1 to %d, or 0 for %d", RECOMMEND_FLOW_COUNT_MAX,
                           RECOMMEND_COUNT_DEFAULT);
    }
    plan->count =
        request->count == 0 ? RECOMMEND_COUNT_DEFAULT : (uint32_t)request->count;
    plan->exclude_seen = request->exclude_seen;
    plan->exclude_current = request->exclude_current;
    plan->no_personalization = request->no_personalization;
    TRY(recommend_hashes(&run->edge, &given_cart, &cart, problem));
    plan->excluded = cart.hashes;
    plan->excluded_count = cart.count;
    TRY(recommend_filter_text(run, request->filter, problem));
    TRY(recommend_diversity(run, request->diversity, problem));
    return recommend_common(run, &common, problem);
}

struct recommend_given {
    uint64_t hash;
    uint32_t place;
};

static int recommend_given_order(const void *left, const void *right)
{
    const struct recommend_given *a = left, *b = right;
    return a->hash != b->hash ? (a->hash > b->hash) - (a->hash < b->hash)
                              : (a->place > b->place) - (a->place < b->place);
}

/* 1 to RECOMMEND_FLOW_GIVEN_MAX, each once; which one is named twice, if any. */
static enum status recommend_given(struct recommend_run *run,
                                   const Souk__V1__RankItemsRequest *request,
                                   struct problem *problem)
{
    const struct recommend_ids ids = {"sku_ids", request->sku_ids, request->n_sku_ids,
                                      RECOMMEND_FLOW_GIVEN_MAX};
    struct recommend_hash_list list;
    struct recommend_given *given;
    uint32_t twice = UINT32_MAX;
    char path[64];
    TRY(check_count(ids.field, ids.count, 1, ids.most, problem));
    TRY(recommend_hashes(&run->edge, &ids, &list, problem));
    given = arena_alloc(run->edge.arena, list.count * sizeof *given);
    if (given == NULL) {
        return recommend_memory("sku_ids", problem);
    }
    for (uint32_t i = 0; i < list.count; i++) {
        given[i] = (struct recommend_given){list.hashes[i], i};
    }
    qsort(given, list.count, sizeof *given, recommend_given_order);
    for (uint32_t i = 1; i < list.count; i++) {
        if (given[i].hash == given[i - 1].hash && given[i].place < twice) {
            twice = given[i].place;
        }
    }
    if (twice != UINT32_MAX) {
        snprintf(path, sizeof path, "sku_ids[%u]", twice);
        return problem_set(problem, STATUS_INVALID, path,
                           "%s: '%.64s' was named before; each once", path,
                           request->sku_ids[twice]);
    }
    run->plan.given = list.hashes;
    run->plan.given_count = list.count;
    return STATUS_OK;
}

enum status recommend_intake_rank(struct recommend_run *run,
                                  const Souk__V1__RankItemsRequest *request,
                                  struct problem *problem)
{
    const struct service *service = run->edge.service;
    const struct recommend_common common = {
        .session = {"session_items", request->session_items, request->n_session_items,
                    (size_t)service->settings->batch_max_items},
        .seeds = {"seeds", request->seeds, request->n_seeds, RECOMMEND_SEEDS_MAX},
        .stock = request->stock,
        .budget = request->budget,
        .read = request->read};
    recommend_plan_init(&run->plan, service->map);
    recommend_options(&run->plan, service->settings);
    TRY(recommend_placement(run, request->placement, PLACEMENT_FOR_YOU, problem));
    if (request->actor_case == SOUK__V1__RANK_ITEMS_REQUEST__ACTOR_CUSTOMER_ID) {
        TRY(recommend_actor(run, "customer_id", request->customer_id,
                            SERVICE_ACTOR_CUSTOMER, problem));
    } else if (request->actor_case == SOUK__V1__RANK_ITEMS_REQUEST__ACTOR_VISITOR_ID) {
        TRY(recommend_actor(run, "visitor_id", request->visitor_id, SERVICE_ACTOR_VISITOR,
                            problem));
    }
    run->plan.no_personalization = request->no_personalization;
    TRY(recommend_given(run, request, problem));
    return recommend_common(run, &common, problem);
}
