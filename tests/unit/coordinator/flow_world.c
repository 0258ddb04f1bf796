/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/coordinator/flow_world.h"

#include "shard/base/rng.h"

/* --- Building ---------------------------------------------------------------------- */

static void world_add_ranges(struct world *world, enum shard_map_table table,
                             unsigned count)
{
    struct shard_range ranges[WORLD_SHARDS_MAX];
    struct problem problem;
    for (unsigned i = 0; i < count; i++) {
        ranges[i] = (struct shard_range){.shard_id = table * 100 + i,
                                         .start = shard_map_even_start(table, i, count),
                                         .end = shard_map_even_start(table, i + 1, count),
                                         .epoch = 1};
    }
    EXPECT_OK(shard_map_set(&world->map, table, ranges, count, &problem));
}

static void world_add_skus(struct world *world, struct rng *rng)
{
    static const char *const colours[] = {"red", "green", "blue"};
    static const char *const brands[] = {"acme", "bolt", "core", "dune", "echo"};
    for (unsigned i = 0; i < world->sku_count; i++) {
        struct inventory_attribute *own = world->attributes[i];
        uint64_t tokens[2];
        snprintf(world->ids[i], sizeof world->ids[i], "sku%u", i);
        own[0] = (struct inventory_attribute){
            .name = slice_from_string("colour"),
            .kind = INVENTORY_ATTRIBUTE_TEXT,
            .text = slice_from_string(colours[rng_below(rng, 3)])};
        own[1] = (struct inventory_attribute){
            .name = slice_from_string("brand"),
            .kind = INVENTORY_ATTRIBUTE_TEXT,
            .text = slice_from_string(brands[rng_below(rng, 5)])};
        world->sku[i] = (struct inventory_sku){
            .sku_id = slice_from_string(world->ids[i]),
            .name = slice_from_string(world->ids[i]),
            .state = SKU_STATE_ACTIVE,
            .brand = slice_from_string(brands[i % 5]),
            .attributes = own,
            .attribute_count = (uint32_t)rng_below(rng, 3),
            .create_ms = WORLD_NOW_MS - (int64_t)rng_below(rng, 60) * WORLD_DAY_MS};
        world->hashes[i] = hash64(world->sku[i].sku_id, world->map.hash_seed);
        world->stock[i] = 10;
        unsigned shard = shard_map_find(&world->map, SHARD_MAP_SKU, world->hashes[i]);
        for (uint32_t a = 0; a < world->sku[i].attribute_count; a++) {
            tokens[a] = content_token(own[a].name, own[a].text);
        }
        content_put(world->content[shard], world->hashes[i], tokens,
                    world->sku[i].attribute_count);
        arrivals_put(world->arrivals[shard], world->hashes[i], world->sku[i].create_ms);
    }
}

static void world_make_person(struct world *world, struct rng *rng,
                              struct world_person *person)
{
    static const uint8_t kinds[] = {CUSTOMER_EVENT_VIEW, CUSTOMER_EVENT_PURCHASE};
    unsigned first = (unsigned)rng_below(rng, world->sku_count);
    int64_t at_ms = WORLD_NOW_MS - 90 * WORLD_DAY_MS;
    *person = (struct world_person){.who = {rng_next(rng), rng_next(rng)},
                                    .withdrawn = rng_below(rng, 8) == 0,
                                    .session_hash = rng_next(rng),
                                    .session_open = rng_below(rng, 2) == 0};
    while (person->item_count < 2 + rng_below(rng, 4)) {
        /* Every second one names no place. */
        uint64_t at = hash_mix(person->session_hash + person->item_count) % 6;
        person->places[person->item_count] = at <= WORLD_PLACES ? at : 0;
        person->items[person->item_count] =
            world->hashes[(first + person->item_count * 7) % world->sku_count];
        person->item_count++;
    }
    person->action_count = (uint32_t)rng_below(rng, WORLD_ACTIONS_MAX + 1);
    for (uint32_t i = 0; i < person->action_count; i++) {
        at_ms += (int64_t)rng_below(rng, 10) * WORLD_DAY_MS;
        person->actions[i] = (struct customer_action){
            .sku_hash = world->hashes[(first + rng_below(rng, 6) * 7) % world->sku_count],
            .at_ms = at_ms,
            .quantity = 1,
            .kind = kinds[rng_below(rng, 2)]};
    }
}

/* Consent governs evidence: those who withdrew it are in none. */
static void world_add_person(struct world *world, struct world_person *person,
                             int64_t end_ms)
{
    struct evidence_place places[WORLD_CLICKS_MAX];
    unsigned shard =
        shard_map_find(&world->map, SHARD_MAP_CUSTOMER, customer_hash(person->who));
    struct histories_action actions[WORLD_ACTIONS_MAX];
    uint64_t distinct[WORLD_CLICKS_MAX];
    struct evidence_session session = {.session_hash = person->session_hash,
                                       .customer = person->who,
                                       .end_ms = end_ms,
                                       .items = distinct,
                                       .places = places};
    person->end_ms = end_ms;
    if (person->withdrawn) {
        return;
    }
    for (uint32_t i = 0; i < person->item_count; i++) {
        bool known = false;
        for (uint32_t n = 0; n < session.item_count; n++) {
            known = known || distinct[n] == person->items[i];
        }
        if (!known) {
            distinct[session.item_count++] = person->items[i];
        }
        known = person->places[i] == 0;
        for (uint32_t n = 0; n < session.place_count; n++) {
            known = known || (places[n].place == person->places[i] &&
                              places[n].sku_hash == person->items[i]);
        }
        if (!known) {
            places[session.place_count++] =
                (struct evidence_place){person->places[i], person->items[i]};
        }
    }
    evidence_put(world->evidence[shard], &session);
    for (uint32_t i = 0; i < person->action_count; i++) {
        actions[i] = (struct histories_action){.sku_hash = person->actions[i].sku_hash,
                                               .at_ms = person->actions[i].at_ms,
                                               .quantity = person->actions[i].quantity,
                                               .kind = person->actions[i].kind};
    }
    histories_put(world->histories[shard], person->who, actions, person->action_count);
}

static void world_publish(struct world *world, const struct world_options *options)
{
    struct degree_table **degrees = world->tables.degrees;
    struct degree_delta delta;
    for (unsigned i = 0; i < options->customer_shards; i++) {
        evidence_take_degrees(world->evidence[i], 1, &delta);
        EXPECT_OK(degree_table_apply(degrees[RECOMMEND_DEGREES_SESSIONS], i + 1, &delta));
        degree_delta_close(&delta);
        evidence_take_places(world->evidence[i], 1, &delta);
        EXPECT_OK(degree_table_apply(degrees[RECOMMEND_DEGREES_PLACES], i + 1, &delta));
        degree_delta_close(&delta);
        histories_take_degrees(world->histories[i], 1, &delta);
        EXPECT_OK(
            degree_table_apply(degrees[RECOMMEND_DEGREES_CUSTOMERS], i + 1, &delta));
        degree_delta_close(&delta);
    }
    for (unsigned i = 0; i < options->sku_shards; i++) {
        content_take_degrees(world->content[i], 1, &delta);
        EXPECT_OK(degree_table_apply(degrees[RECOMMEND_DEGREES_TOKENS], i + 1, &delta));
        degree_delta_close(&delta);
    }
}

void world_init(struct world *world, const struct world_options *options)
{
    struct rng rng;
    memset(world, 0, sizeof *world);
    shard_map_init(&world->map, 1, 4711);
    arena_init(&world->arena, NULL, 0, 0);
    world_add_ranges(world, SHARD_MAP_SKU, options->sku_shards);
    world_add_ranges(world, SHARD_MAP_CUSTOMER, options->customer_shards);
    for (unsigned i = 0; i < RECOMMEND_DEGREES_KINDS; i++) {
        world->tables.degrees[i] = degree_table_new();
    }
    world->tables.trending = trending_new();
    world->now = (struct moment){.monotonic_us = 5000000, .wall_ms = WORLD_NOW_MS};
    for (unsigned i = 0; i < options->customer_shards; i++) {
        world->evidence[i] = evidence_new(&(struct evidence_options){0});
        world->histories[i] = histories_new(&(struct histories_options){0});
    }
    for (unsigned i = 0; i < options->sku_shards; i++) {
        world->content[i] = content_new();
        world->arrivals[i] = arrivals_new();
    }
    rng_init(&rng, options->seed ? options->seed : 11);
    world->sku_count = options->skus ? options->skus : 60;
    world->people_count = options->people ? options->people : WORLD_PEOPLE_MAX;
    EXPECT(world->sku_count <= WORLD_SKUS_MAX);
    world_add_skus(world, &rng);
    for (unsigned i = 0; i < world->people_count; i++) {
        world_make_person(world, &rng, &world->people[i]);
        if (!options->quiet) {
            int64_t ago_ms = (int64_t)rng_below(&rng, 60) * WORLD_DAY_MS;
            world_add_person(world, &world->people[i], WORLD_NOW_MS - ago_ms);
        }
    }
    world_publish(world, options);
}

void world_close(struct world *world)
{
    for (unsigned i = 0; i < WORLD_SHARDS_MAX; i++) {
        evidence_free(world->evidence[i]);
        histories_free(world->histories[i]);
        content_free(world->content[i]);
        arrivals_free(world->arrivals[i]);
    }
    for (unsigned i = 0; i < RECOMMEND_DEGREES_KINDS; i++) {
        degree_table_free(world->tables.degrees[i]);
    }
    trending_free(world->tables.trending);
    shard_map_close(&world->map);
    arena_close(&world->arena);
}

void world_places(struct recommend_plan *plan, uint32_t first, uint32_t count)
{
    static const struct recommend_place places[] = {
        {1, {(const uint8_t *)"one", 3}},
        {2, {(const uint8_t *)"two", 3}},
        {3, {(const uint8_t *)"three", 5}},
        {99, {(const uint8_t *)"nowhere", 7}}};
    plan->places = places + first;
    plan->place_count = count;
}

unsigned world_sku_of(const struct world *world, uint64_t hash)
{
    unsigned i = 0;
    while (i < world->sku_count && world->hashes[i] != hash) {
        i++;
    }
    return i;
}

struct recommend_plan world_plan(const struct world *world, uint64_t *session,
                                 uint32_t session_count)
{
    const unsigned seen[] = {3, 10, 17, 24, 31};
    struct recommend_plan plan;
    recommend_plan_init(&plan, &world->map);
    for (uint32_t i = 0; i < session_count; i++) {
        session[i] = world->hashes[seen[i]];
    }
    plan.session_items = session;
    plan.session_item_count = session_count;
    plan.count = 10;
    plan.neighbours.candidates = 500;
    plan.neighbours.neighbours = 100;
    plan.soft_us = plan.grace_us = world->now.monotonic_us + WORLD_SOFT_US;
    return plan;
}

void world_actor(struct world *world, unsigned person, struct recommend_plan *plan)
{
    const struct world_person *who = &world->people[person];
    plan->has_actor = true;
    plan->actor = who->who;
    world->context = (struct customer_context){
        .known = true, .personalization_withdrawn = who->withdrawn};
    world->actions = (struct customer_actions){0};
    if (who->withdrawn) {
        return;
    }
    if (who->session_open) {
        world->context.session_hash = who->session_hash;
        world->context.clicks = who->items;
        world->context.click_count = who->item_count;
    }
    world->actions.actions = who->actions;
    world->actions.action_count = who->action_count;
}

/* --- Answering --------------------------------------------------------------------- */

static bool has(uint32_t sources, enum recommend_source source)
{
    return (sources >> source & 1) != 0;
}

static void answer_customers(struct world *world, const struct recommend_ask *ask,
                             struct recommend_reply *reply)
{
    const struct recommend_customer_search *search = ask->customer_search;
    struct recommend_customer_found *found = arena_zalloc(&world->arena, sizeof *found);
    found->sources = search->sources;
    if (world->customers[ask->shard] == OLD) {
        found->sources &= 1u << RECOMMEND_SOURCE_NEIGHBOURS;
    }
    if (has(found->sources, RECOMMEND_SOURCE_NEIGHBOURS)) {
        EXPECT_OK(recommend_search(world->evidence[ask->shard], &search->neighbours,
                                   &world->arena, &found->neighbours));
    }
    if (has(found->sources, RECOMMEND_SOURCE_WALK)) {
        EXPECT_OK(walk_search(world->histories[ask->shard], &search->walk, &world->arena,
                              &found->walk));
    }
    if (has(found->sources, RECOMMEND_SOURCE_WALK_THEN)) {
        EXPECT_OK(walk_search(world->histories[ask->shard], &search->walk_then,
                              &world->arena, &found->walk_then));
    }
    reply->customer = found;
}

static void answer_skus(struct world *world, const struct recommend_ask *ask,
                        struct recommend_reply *reply)
{
    const struct recommend_sku_search *search = ask->sku_search;
    struct recommend_sku_found *found = arena_zalloc(&world->arena, sizeof *found);
    found->sources = world->skus[ask->shard] == OLD ? 0 : search->sources;
    if (has(found->sources, RECOMMEND_SOURCE_CONTENT)) {
        EXPECT_OK(content_search(world->content[ask->shard],
                                 world->tables.degrees[RECOMMEND_DEGREES_TOKENS],
                                 &search->content, &world->arena, &found->content));
    }
    if (has(found->sources, RECOMMEND_SOURCE_ARRIVALS)) {
        EXPECT_OK(arrivals_newest(world->arrivals[ask->shard], search->arrivals_pool,
                                  &world->arena, &found->arrivals));
    }
    reply->sku = found;
}

static void answer_tokens(struct world *world, const struct recommend_ask *ask,
                          struct recommend_reply *reply)
{
    struct recommend_tokens *tokens =
        arena_zalloc(&world->arena, ask->sku_hash_count * sizeof *tokens);
    for (uint32_t i = 0; i < ask->sku_hash_count; i++) {
        tokens[i].tokens = content_tokens(world->content[ask->shard], ask->sku_hashes[i],
                                          &tokens[i].token_count);
    }
    if (world->skus[ask->shard] != OLD) {
        reply->tokens = tokens;
        reply->tokens_count = ask->sku_hash_count;
    }
}

static void answer_stock(struct world *world, const struct recommend_ask *ask,
                         struct recommend_reply *reply)
{
    struct inventory_availability *list =
        arena_zalloc(&world->arena, ask->sku_hash_count * sizeof *list);
    for (uint32_t i = 0; i < ask->sku_hash_count; i++) {
        unsigned sku = world_sku_of(world, ask->sku_hashes[i]);
        EXPECT_EQ(shard_map_find(&world->map, SHARD_MAP_SKU, ask->sku_hashes[i]),
                  ask->shard);
        list[i].sku_hash = ask->sku_hashes[i];
        if (sku < world->sku_count) {
            list[i].found = true;
            list[i].sku = &world->sku[sku];
            list[i].available = world->stock[sku];
            list[i].sellable =
                world->stock[sku] > 0 && world->sku[sku].state == SKU_STATE_ACTIVE;
        }
    }
    reply->availabilities = list;
    reply->availability_count = ask->sku_hash_count;
}

/* In the order of hashes, a few on a page; the token is the hash to go on from. */
static void answer_list(struct world *world, const struct recommend_ask *ask,
                        struct recommend_reply *reply)
{
    enum {
        PAGE = 7
    };
    struct inventory_sku *list = arena_zalloc(&world->arena, PAGE * sizeof *list);
    uint64_t from = 0;
    if (ask->page_token.size == sizeof from) {
        memcpy(&from, ask->page_token.data, sizeof from);
    }
    for (;;) {
        unsigned next = world->sku_count;
        for (unsigned i = 0; i < world->sku_count; i++) {
            if (world->hashes[i] > from &&
                shard_map_find(&world->map, SHARD_MAP_SKU, world->hashes[i]) ==
                    ask->shard &&
                (next == world->sku_count || world->hashes[i] < world->hashes[next])) {
                next = i;
            }
        }
        if (next == world->sku_count) {
            break;
        }
        if (reply->sku_count == PAGE) {
            reply->next_page_token =
                slice_of(arena_copy(&world->arena, &from, sizeof from), sizeof from);
            break;
        }
        list[reply->sku_count++] = world->sku[next];
        from = world->hashes[next];
    }
    reply->skus = list;
}

void world_answer(struct world *world, struct recommend_flow *flow,
                  const struct recommend_ask *ask)
{
    struct recommend_reply reply = {.status = STATUS_OK, .applied_index = 7};
    switch (ask->kind) {
    case RECOMMEND_CONTEXT:
        reply.context = &world->context;
        reply.actions = &world->actions;
        break;
    case RECOMMEND_TOKENS:
        answer_tokens(world, ask, &reply);
        break;
    case RECOMMEND_SEARCH:
        EXPECT_EQ(ask->customer_search != NULL, ask->table == SHARD_MAP_CUSTOMER);
        EXPECT_EQ(ask->sku_search != NULL, ask->table == SHARD_MAP_SKU);
        if (ask->table == SHARD_MAP_CUSTOMER) {
            answer_customers(world, ask, &reply);
        } else {
            answer_skus(world, ask, &reply);
        }
        break;
    case RECOMMEND_RANK:
        answer_stock(world, ask, &reply);
        break;
    case RECOMMEND_CATALOGUE:
        answer_list(world, ask, &reply);
        break;
    case RECOMMEND_MERGE:
    case RECOMMEND_DONE:
    case RECOMMEND_STATES:
        test_fail(__FILE__, __LINE__, "nothing is asked in %s",
                  recommend_state_text(ask->kind));
    }
    world->asks[ask->kind]++;
    recommend_flow_answer(flow, ask, &reply, world->now);
}

/* --- Carrying ---------------------------------------------------------------------- */

static void world_send(struct world *world, struct recommend_flow *flow,
                       const struct recommend_ask *ask)
{
    enum behaviour how = ask->table == SHARD_MAP_SKU ? world->skus[ask->shard]
                                                     : world->customers[ask->shard];
    uint64_t due_us = world->now.monotonic_us + WORLD_ANSWER_US;
    if (how == SHEDS) {
        const struct recommend_reply refused = {.status = STATUS_OVERLOADED};
        recommend_flow_answer(flow, ask, &refused, world->now);
        return;
    }
    if (how == DEAD) {
        return;
    }
    for (unsigned i = 0; i < (how == TWICE ? 2u : 1u); i++) {
        EXPECT(world->queued < WORLD_QUEUE);
        world->queue[world->queued].ask = ask;
        world->queue[world->queued++].due_us =
            how == LATE ? ask->deadline_us + WORLD_ANSWER_US : due_us + i;
    }
}

void world_run(struct world *world, struct recommend_flow *flow)
{
    for (unsigned step = 0; step < 10000; step++) {
        const struct recommend_ask *ask;
        unsigned next = 0;
        while ((ask = recommend_flow_next(flow)) != NULL) {
            world_send(world, flow, ask);
        }
        for (unsigned i = 1; i < world->queued; i++) {
            next = world->queue[i].due_us < world->queue[next].due_us ? i : next;
        }
        if (world->queued == 0 && recommend_flow_done(flow)) {
            return;
        }
        if (world->queued > 0 && world->queue[next].due_us < recommend_flow_due(flow)) {
            ask = world->queue[next].ask;
            world->now.monotonic_us = world->queue[next].due_us;
            world->queue[next] = world->queue[--world->queued];
            world_answer(world, flow, ask);
        } else {
            world->now.monotonic_us = recommend_flow_due(flow);
            recommend_flow_tick(flow, world->now);
        }
    }
    test_fail(__FILE__, __LINE__, "the flow does not end");
}

void world_start(struct world *world, const struct recommend_plan *plan,
                 struct recommend_flow *flow)
{
    recommend_flow_start(flow, plan, &world->tables, &world->arena, world->now);
}

void world_ask(struct world *world, const struct recommend_plan *plan,
               struct recommend_flow *flow)
{
    world_start(world, plan, flow);
    world_run(world, flow);
}

void expect_whole_coverage(const struct recommend_flow *flow)
{
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        for (unsigned i = 0;
             flow->coverage.asked[table] && i < shard_map_count(flow->plan.map, table);
             i++) {
            EXPECT(flow->coverage.ranges[table][i].outcome != COVERAGE_NONE);
        }
    }
}

void world_canonical(const struct recommend_shown *shown, uint32_t count,
                     struct buffer *out)
{
    char line[128];
    for (uint32_t i = 0; i < count; i++) {
        const struct recommend_ranked_item *item = shown[i].item;
        int size =
            snprintf(line, sizeof line, "%u %016" PRIx64 " %a%s%s\n", i + 1,
                     item->sku_hash, item->score, shown[i].fallback ? " fallback" : "",
                     shown[i].sellable ? " sellable" : "");
        buffer_append(out, line, (size_t)size);
        for (uint32_t r = 0; r < item->reason_count; r++) {
            const struct recommend_reason *reason = &item->reasons[r];
            size = snprintf(line, sizeof line,
                            "  %d %016" PRIx64 " %" PRIu64 " %a at %" PRIu64 "\n",
                            (int)reason->kind, reason->related_sku_hash,
                            reason->evidence_count, reason->weight, reason->place);
            buffer_append(out, line, (size_t)size);
        }
    }
}

/* --- Short cuts -------------------------------------------------------------------- */

struct recommend_plan world_plan_of(const struct world *world, enum placement_name name)
{
    struct recommend_plan plan = world_plan(world, NULL, 0);
    plan.placement = placement_at(name);
    return plan;
}

/* Somebody who consents, with a session that goes on, or one that ended. */
unsigned world_person_of(const struct world *world, bool session_open)
{
    unsigned i = 0;
    while (world->people[i].withdrawn || world->people[i].session_open != session_open ||
           world->people[i].action_count < 4) {
        i++;
        EXPECT(i < world->people_count);
    }
    return i;
}

unsigned world_withdrawn_of(const struct world *world)
{
    unsigned i = 0;
    while (!world->people[i].withdrawn) {
        i++;
        EXPECT(i < world->people_count);
    }
    return i;
}

bool flow_asked(const struct recommend_flow *flow, enum recommend_source source)
{
    const struct placement *placement = flow->plan.placement;
    for (uint32_t i = 0; i < placement->source_count; i++) {
        if (placement->sources[i].source == source) {
            return flow->sources[i].asked;
        }
    }
    return false;
}

bool flow_shows(const struct recommend_flow *flow, uint64_t hash)
{
    for (uint32_t i = 0; i < flow->shown_count; i++) {
        if (flow->shown[i].item->sku_hash == hash) {
            return true;
        }
    }
    return false;
}

uint32_t flow_reasons(const struct recommend_flow *flow, enum recommend_reason_kind kind)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < flow->shown_count; i++) {
        for (uint32_t r = 0; r < flow->shown[i].item->reason_count; r++) {
            count += flow->shown[i].item->reasons[r].kind == kind;
        }
    }
    return count;
}
