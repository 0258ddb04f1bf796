/* SPDX-License-Identifier: Apache-2.0 */
/* What replicas keep for recommendations, and what they answer of it. */
#include "shard/recommend/degrees_private.h"
#include "shard/recommend/histories.h"
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"

enum {
    BUCKETS = 64,
};

static uint64_t sku_hash(const char *sku_id)
{
    return key_hash(slice_from_string(sku_id), WORLD_HASH_SEED);
}

static struct hash128 pseudonym(uint64_t customer)
{
    return world_event("", customer, "", 0).customer;
}

/* --- Customers --------------------------------------------------------------------- */

static void apply_customer(struct shard_world *world,
                           const struct customer_command *command)
{
    struct world_call call;
    world_call_init(&call);
    world_call_add_customer(&call, command);
    world_propose(world, &call, WORLD_CUSTOMER_SHARD);
    world_run(world);
    EXPECT_OK(call.call.status);
    EXPECT_OK(call.outcomes[0].status);
    world_call_close(&call);
    world_tell_degrees(world);
}

static void record(struct shard_world *world, enum customer_event_kind kind,
                   uint64_t customer, const char *sku_id)
{
    static uint64_t number;
    char id[32];
    snprintf(id, sizeof id, "e-%llu", (unsigned long long)++number);
    world_pass_ms(world, 1);
    struct customer_event event = world_event(id, customer, sku_id, world->now.wall_ms);
    event.kind = kind;
    if (number % 3 == 0) {
        event.location_id = slice_from_string("berlin");
    }
    apply_customer(world, &(const struct customer_command){
                              .kind = CUSTOMER_RECORD,
                              .record = {.events = &event, .event_count = 1}});
}

static void buy(struct shard_world *world, uint64_t customer, const char *sku_id)
{
    record(world, CUSTOMER_EVENT_PURCHASE, customer, sku_id);
}

static struct walk_query walk_from(const uint64_t *seed, uint32_t window)
{
    return (struct walk_query){.seeds = seed,
                               .seed_count = 1,
                               .customers = 1000,
                               .power_quarters = 1,
                               .window = window,
                               .bucket_count = BUCKETS,
                               .buckets = UINT64_MAX};
}

/* Customers who hold both, as the walk from `seed` counts them; 0 when it does not come to
 * the other. */
static uint32_t walked(struct shard_world *world, const char *seed, const char *other,
                       uint32_t window)
{
    struct world_call call;
    uint64_t from = sku_hash(seed);
    uint32_t evidence = 0;
    enum recommend_source source =
        window > 0 ? RECOMMEND_SOURCE_WALK_THEN : RECOMMEND_SOURCE_WALK;
    const struct recommend_customer_search search = {.sources = 1u << source,
                                                     .walk = walk_from(&from, 0),
                                                     .walk_then =
                                                         walk_from(&from, window)};
    world_call_init(&call);
    call.query =
        (struct replica_query){.kind = REPLICA_QUERY_SEARCH, .customer_search = &search};
    world_read(world, &call, WORLD_CUSTOMER_SHARD);
    EXPECT(world_finish(world));
    EXPECT_OK(call.call.status);
    const struct recommend_customer_found *found = call.answer.customer_found;
    EXPECT_EQ(found->sources, search.sources);
    const struct walk_partial *partial = window > 0 ? &found->walk_then : &found->walk;
    EXPECT_EQ(partial->version, call.call.stamp.log_index);
    for (uint32_t i = 0; i < partial->seeds[0].count; i++) {
        if (partial->seeds[0].votes[i].sku_hash == sku_hash(other)) {
            evidence = partial->seeds[0].votes[i].evidence;
        }
    }
    world_call_close(&call);
    return evidence;
}

static int64_t degree(struct shard_world *world, enum recommend_degrees kind,
                      uint64_t hash)
{
    return degree_table_items(host_degrees(world->host, kind), hash);
}

TEST(sources, one_more_purchase_raises_what_the_walk_counts_by_one)
{
    struct shard_world world;
    world_open(&world);
    for (uint64_t customer = 1; customer <= 3; customer++) {
        buy(&world, customer, "A");
        buy(&world, customer, "B");
        EXPECT_EQ(walked(&world, "A", "B", 0), customer);
        EXPECT_EQ(walked(&world, "A", "B", 1), customer);
        EXPECT_EQ(walked(&world, "B", "A", 1), 0);
        EXPECT_EQ(degree(&world, RECOMMEND_DEGREES_CUSTOMERS, sku_hash("B")), customer);
    }
    buy(&world, 1, "B"); /* who bought it twice is one customer still */
    EXPECT_EQ(walked(&world, "A", "B", 0), 3);
    EXPECT_EQ(degree(&world, RECOMMEND_DEGREES_CUSTOMERS, sku_hash("B")), 3);
    record(&world, CUSTOMER_EVENT_RETURN, 2, "B");
    EXPECT_EQ(walked(&world, "A", "B", 0), 2);
    EXPECT_EQ(degree(&world, RECOMMEND_DEGREES_CUSTOMERS, sku_hash("B")), 2);
    world_close(&world);
}

TEST(sources, walk_kinds_says_which_actions_make_customers_alike)
{
    const char *kinds[] = {"purchases", "intents", "all"};
    const uint32_t views[] = {0, 0, 1}, carts[] = {0, 1, 1};
    for (unsigned i = 0; i < 3; i++) {
        struct shard_world world;
        struct problem problem;
        world_open(&world);
        EXPECT_OK(settings_set(&world.settings, slice_from_string("walk_kinds"),
                               slice_from_string(kinds[i]), &problem));
        world_kill(&world);
        EXPECT_OK(world_boot(&world));
        buy(&world, 1, "A");
        record(&world, CUSTOMER_EVENT_VIEW, 1, "V");
        record(&world, CUSTOMER_EVENT_CART_ADD, 1, "C");
        buy(&world, 1, "P");
        EXPECT_EQ(walked(&world, "A", "V", 0), views[i]);
        EXPECT_EQ(walked(&world, "A", "C", 0), carts[i]);
        EXPECT_EQ(walked(&world, "A", "P", 0), 1);
        world_close(&world);
    }
}

TEST(sources, who_withdraws_evidence_leaves_every_source_at_once)
{
    struct shard_world world;
    world_open(&world);
    for (uint64_t customer = 1; customer <= 2; customer++) {
        buy(&world, customer, "A");
        buy(&world, customer, "B");
    }
    struct customer_command command = {.kind = CUSTOMER_UPSERT};
    command.upsert.customer = pseudonym(2);
    command.upsert.profile.customer_id = slice_from_string("two");
    command.upsert.profile.evidence_withdrawn = true;
    command.identity = (struct customer_identity){
        .kind = CUSTOMER_IDENTITY_REQUEST,
        .anchor = customer_hash(pseudonym(2)),
        .request_id = pseudonym(1000),
        .fingerprint = customer_upsert_fingerprint(&command.upsert),
        .request_ms = world.now.wall_ms};
    apply_customer(&world, &command);
    EXPECT_EQ(walked(&world, "A", "B", 0), 1);
    EXPECT_EQ(degree(&world, RECOMMEND_DEGREES_CUSTOMERS, sku_hash("A")), 1);
    EXPECT_EQ(degree(&world, RECOMMEND_DEGREES_SESSIONS, sku_hash("A")), 1);
    world_close(&world);
}

TEST(sources, one_search_asks_all_sources_of_the_buckets_that_are_here)
{
    struct shard_world world;
    struct world_call call;
    world_open(&world);
    buy(&world, 1, "A");
    buy(&world, 1, "B");
    uint64_t seed = sku_hash("A");
    uint32_t bucket = (uint32_t)(customer_hash(pseudonym(1)) >> 58);
    struct recommend_customer_search search = {
        .sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS | 1u << RECOMMEND_SOURCE_WALK |
                   1u << RECOMMEND_SOURCE_WALK_THEN,
        .neighbours = {.clicks = &seed,
                       .click_count = 1,
                       .clicks_max = 9,
                       .candidates = 10,
                       .neighbours = 10,
                       .bucket_count = BUCKETS,
                       .buckets = UINT64_MAX},
        .walk = walk_from(&seed, 0),
        .walk_then = walk_from(&seed, 3)};
    for (unsigned i = 0; i < 2; i++) {
        world_call_init(&call);
        call.query = (struct replica_query){.kind = REPLICA_QUERY_SEARCH,
                                            .customer_search = &search};
        world_read(&world, &call, WORLD_CUSTOMER_SHARD);
        EXPECT(world_finish(&world));
        EXPECT_OK(call.call.status);
        const struct recommend_customer_found *found = call.answer.customer_found;
        EXPECT_EQ(found->sources, search.sources);
        EXPECT_EQ(found->neighbours.neighbours, 1 - i);
        EXPECT_EQ(found->walk.seeds[0].count, 1 - i);
        EXPECT_EQ(found->walk_then.seeds[0].count, 1 - i);
        EXPECT_EQ(found->walk.buckets, search.walk.buckets);
        world_call_close(&call);
        search.neighbours.buckets = search.walk.buckets = search.walk_then.buckets =
            ~(UINT64_C(1) << bucket);
    }
    search.walk.power_quarters = 5;
    world_call_init(&call);
    call.query =
        (struct replica_query){.kind = REPLICA_QUERY_SEARCH, .customer_search = &search};
    world_read(&world, &call, WORLD_CUSTOMER_SHARD);
    EXPECT(world_finish(&world));
    EXPECT_STATUS(call.call.status, STATUS_INVALID);
    world_call_close(&call);
    world_close(&world);
}

/* --- Context ----------------------------------------------------------------------- */

static void read_context(struct shard_world *world, struct world_call *call,
                         struct replica_customer_query query)
{
    world_call_init(call);
    call->query =
        (struct replica_query){.kind = REPLICA_QUERY_CONTEXT, .customer = query};
    world_read(world, call, WORLD_CUSTOMER_SHARD);
    EXPECT(world_finish(world));
    EXPECT_OK(call->call.status);
}

TEST(sources, the_context_brings_the_newest_actions_when_they_are_asked_for)
{
    struct shard_world world;
    struct world_call call;
    world_open(&world);
    buy(&world, 1, "A");
    buy(&world, 1, "B");
    record(&world, CUSTOMER_EVENT_VIEW, 1, "C");
    struct replica_customer_query query = {.customer = pseudonym(1), .clicks_max = 9};
    read_context(&world, &call, query);
    EXPECT_EQ(call.answer.context.click_count, 3);
    EXPECT_EQ(call.answer.actions.action_count, 0);
    world_call_close(&call);
    query.actions_max = 2;
    read_context(&world, &call, query);
    EXPECT_EQ(call.answer.context.click_count, 3);
    EXPECT_EQ(call.answer.actions.action_count, 2);
    EXPECT_EQ(call.answer.actions.actions[0].sku_hash, sku_hash("B"));
    EXPECT_EQ(call.answer.actions.actions[1].kind, CUSTOMER_EVENT_VIEW);
    world_call_close(&call);
    query.actions_without_clicks = true;
    read_context(&world, &call, query);
    EXPECT_EQ(call.answer.actions.action_count, 0);
    world_call_close(&call);
    world_pass_ms(&world, 24 * 3600 * 1000); /* the session is over */
    read_context(&world, &call, query);
    EXPECT_EQ(call.answer.context.click_count, 0);
    EXPECT_EQ(call.answer.actions.action_count, 2);
    world_call_close(&call);
    query.customer = pseudonym(99);
    read_context(&world, &call, query);
    EXPECT(!call.answer.context.known && call.answer.actions.action_count == 0);
    world_call_close(&call);
    world_close(&world);
}

/* --- SKUs -------------------------------------------------------------------------- */

static void put_sku(struct shard_world *world, const char *sku_id, const char *colour,
                    enum sku_state state)
{
    static uint64_t request = 5000;
    const struct inventory_attribute attribute = {.name = slice_from_string("colour"),
                                                  .kind = INVENTORY_ATTRIBUTE_TEXT,
                                                  .text = slice_from_string(colour)};
    struct inventory_command command = world_sku_upsert(world, sku_id, 0);
    command.sku_upsert.sku.attributes = &attribute;
    command.sku_upsert.sku.attribute_count = 1;
    command.sku_upsert.sku.state = state;
    command = world_identify(world, command, ++request);
    world_pass_ms(world, 1);
    EXPECT_OK(world_apply(world, &command, NULL));
    world_tell_degrees(world);
}

static void delete_sku(struct shard_world *world, const char *sku_id)
{
    struct inventory_command command = {.kind = INVENTORY_SKU_DELETE};
    command.sku_delete.sku_id = slice_from_string(sku_id);
    command = world_identify(world, command, 4000);
    EXPECT_OK(world_apply(world, &command, NULL));
    world_tell_degrees(world);
}

static void read_tokens(struct shard_world *world, struct world_call *call,
                        const uint64_t *hashes, uint32_t count)
{
    world_call_init(call);
    call->query =
        (struct replica_query){.kind = REPLICA_QUERY_TOKENS,
                               .tokens = {.sku_hashes = hashes, .sku_hash_count = count}};
    world_read(world, call, WORLD_SKU_SHARD);
    EXPECT(world_finish(world));
}

/* Similar SKUs and arrivals, newest first, in one frame. */
static void search_skus(struct shard_world *world, struct world_call *call,
                        const char *seed)
{
    static struct recommend_sku_search search;
    static uint64_t tokens[CONTENT_TOKENS_MAX];
    struct world_call about;
    uint64_t hash = sku_hash(seed);
    read_tokens(world, &about, &hash, 1);
    EXPECT_OK(about.call.status);
    uint32_t token_count = about.answer.tokens[0].token_count;
    for (uint32_t i = 0; i < token_count; i++) {
        tokens[i] = about.answer.tokens[0].tokens[i];
    }
    world_call_close(&about);
    search = (struct recommend_sku_search){
        .sources = 1u << RECOMMEND_SOURCE_CONTENT | 1u << RECOMMEND_SOURCE_ARRIVALS,
        .content = {.seeds = {{hash, tokens, token_count, 1}},
                    .seed_count = 1,
                    .count = 10,
                    .reach = 1000,
                    .bucket_count = BUCKETS,
                    .buckets = UINT64_MAX},
        .arrivals_pool = 10};
    world_call_init(call);
    call->query =
        (struct replica_query){.kind = REPLICA_QUERY_SKU_SEARCH, .sku_search = &search};
    world_read(world, call, WORLD_SKU_SHARD);
    EXPECT(world_finish(world));
    EXPECT_OK(call->call.status);
}

static void expect_found(struct shard_world *world, const char *seed,
                         uint32_t similar_count, uint32_t arrival_count)
{
    struct world_call call;
    search_skus(world, &call, seed);
    const struct recommend_sku_found *found = call.answer.sku_found;
    EXPECT_EQ(found->sources,
              1u << RECOMMEND_SOURCE_CONTENT | 1u << RECOMMEND_SOURCE_ARRIVALS);
    EXPECT_EQ(found->content.item_count, similar_count);
    EXPECT_EQ(found->content.version, call.call.stamp.log_index);
    EXPECT_EQ(found->arrivals.item_count, arrival_count);
    EXPECT_EQ(degree(world, RECOMMEND_DEGREES_TOKENS, CONTENT_TOKEN_SKUS), arrival_count);
    world_call_close(&call);
}

static void open_with_skus(struct shard_world *world)
{
    world_open(world);
    put_sku(world, "red-1", "red", SKU_STATE_ACTIVE);
    put_sku(world, "red-2", "red", SKU_STATE_ACTIVE);
    put_sku(world, "red-3", "red", SKU_STATE_ACTIVE);
    put_sku(world, "blue-1", "blue", SKU_STATE_ACTIVE);
}

TEST(sources, only_skus_that_are_active_are_similar_or_new)
{
    struct shard_world world;
    struct world_call call;
    open_with_skus(&world);
    expect_found(&world, "red-1", 2, 4);
    search_skus(&world, &call, "red-1");
    EXPECT_EQ(call.answer.sku_found->arrivals.items[0].sku_hash, sku_hash("blue-1"));
    world_call_close(&call);
    put_sku(&world, "red-2", "red", SKU_STATE_RETIRED);
    expect_found(&world, "red-1", 1, 3);
    put_sku(&world, "red-4", "red", SKU_STATE_DRAFT);
    expect_found(&world, "red-1", 1, 3);
    delete_sku(&world, "red-3");
    expect_found(&world, "red-1", 0, 2);
    put_sku(&world, "red-2", "red", SKU_STATE_ACTIVE);
    expect_found(&world, "red-1", 1, 3);
    put_sku(&world, "blue-1", "red", SKU_STATE_ACTIVE); /* now all are alike: no weight */
    expect_found(&world, "red-1", 0, 3);
    world_close(&world);
}

TEST(sources, brand_product_options_and_the_path_of_categories_are_tokens_too)
{
    struct shard_world world;
    struct world_call call;
    const struct slice home[] = {slice_from_string("Home"), slice_from_string("Mugs")};
    const struct slice gifts[] = {slice_from_string("Gifts"), slice_from_string("Mugs")};
    const struct inventory_attribute size = {.name = slice_from_string("size"),
                                             .kind = INVENTORY_ATTRIBUTE_NUMBER,
                                             .number = 40};
    world_open(&world);
    for (unsigned i = 0; i < 3; i++) {
        const char *ids[] = {"a", "b", "c"};
        struct inventory_command command = world_sku_upsert(&world, ids[i], 0);
        struct inventory_sku *sku = &command.sku_upsert.sku;
        sku->brand = slice_from_string(i == 0 ? "Acme" : "Other");
        sku->product_id = slice_from_string("P");
        sku->categories = i == 2 ? gifts : home;
        sku->category_count = 2;
        sku->options = &size;
        sku->option_count = i == 1 ? 0 : 1;
        command = world_identify(&world, command, 1 + i);
        EXPECT_OK(world_apply(&world, &command, NULL));
    }
    const uint64_t hashes[] = {sku_hash("a"), sku_hash("b"), sku_hash("c"),
                               sku_hash("unknown")};
    read_tokens(&world, &call, hashes, 4);
    EXPECT_OK(call.call.status);
    const struct recommend_tokens *tokens = call.answer.tokens;
    EXPECT_EQ(tokens[0].token_count, 5); /* two categories, product, brand, size */
    EXPECT_EQ(tokens[1].token_count, 4);
    EXPECT_EQ(tokens[2].token_count, 5);
    EXPECT(tokens[3].token_count == 0 && tokens[3].tokens == NULL);
    uint32_t common[3] = {0}; /* of a and b, a and c, b and c */
    for (unsigned pair = 0; pair < 3; pair++) {
        const struct recommend_tokens *x = &tokens[pair / 2],
                                      *y = &tokens[1 + (pair + 1) / 2];
        for (uint32_t i = 0; i < x->token_count; i++) {
            for (uint32_t k = 0; k < y->token_count; k++) {
                common[pair] += x->tokens[i] == y->tokens[k];
            }
        }
    }
    EXPECT_EQ(common[0], 3); /* Home, Home > Mugs, product */
    EXPECT_EQ(common[1], 2); /* product, size: Mugs of Gifts are others */
    EXPECT_EQ(common[2], 2); /* product, brand */
    world_call_close(&call);
    world_close(&world);
}

TEST(sources, a_search_of_attributes_before_their_degrees_are_known_says_so)
{
    struct shard_world world;
    struct world_call call;
    open_with_skus(&world);
    world_kill(&world);
    EXPECT_OK(world_boot(&world)); /* and nobody has told the tables */
    search_skus(&world, &call, "red-1");
    EXPECT_EQ(call.answer.sku_found->sources, 1u << RECOMMEND_SOURCE_ARRIVALS);
    EXPECT_EQ(call.answer.sku_found->arrivals.item_count, 4);
    world_call_close(&call);
    world_tell_degrees(&world);
    expect_found(&world, "red-1", 2, 4);
    world_close(&world);
}

TEST(sources, are_for_their_own_kind_of_shard_and_within_bounds)
{
    struct shard_world world;
    struct world_call call;
    static uint64_t hashes[REPLICA_TOKENS_SKUS_MAX + 1];
    const struct recommend_sku_search sku_search = {0};
    const struct recommend_customer_search customer_search = {0};
    const struct replica_query queries[] = {
        {.kind = REPLICA_QUERY_SKU_SEARCH, .sku_search = &sku_search},
        {.kind = REPLICA_QUERY_TOKENS},
        {.kind = REPLICA_QUERY_SEARCH, .customer_search = &customer_search}};
    world_open(&world);
    for (unsigned i = 0; i < 3; i++) {
        for (uint64_t shard = WORLD_SKU_SHARD; shard <= WORLD_CUSTOMER_SHARD; shard++) {
            bool own = (shard == WORLD_CUSTOMER_SHARD) == (i == 2);
            world_call_init(&call);
            call.query = queries[i];
            world_read(&world, &call, shard);
            EXPECT(world_finish(&world));
            EXPECT_STATUS(call.call.status, own ? STATUS_OK : STATUS_INVALID);
            world_call_close(&call);
        }
    }
    read_tokens(&world, &call, hashes, REPLICA_TOKENS_SKUS_MAX);
    EXPECT_OK(call.call.status);
    world_call_close(&call);
    read_tokens(&world, &call, hashes, REPLICA_TOKENS_SKUS_MAX + 1);
    EXPECT_STATUS(call.call.status, STATUS_INVALID);
    world_call_close(&call);
    world_close(&world);
}

/* --- Restart ----------------------------------------------------------------------- */

static void do_a_bit_of_everything(struct shard_world *world, uint64_t seed)
{
    struct rng rng;
    rng_init(&rng, seed);
    for (unsigned i = 0; i < 120; i++) {
        char sku_id[8];
        snprintf(sku_id, sizeof sku_id, "s%u", (unsigned)rng_below(&rng, 12));
        switch (rng_below(&rng, 4)) {
        case 0:
            put_sku(world, sku_id, rng_below(&rng, 2) ? "red" : "blue",
                    rng_below(&rng, 4) ? SKU_STATE_ACTIVE : SKU_STATE_RETIRED);
            break;
        case 1:
            record(world, CUSTOMER_EVENT_RETURN, rng_below(&rng, 6), sku_id);
            break;
        default:
            buy(world, rng_below(&rng, 6), sku_id);
            break;
        }
        if (i == 60) {
            (void)world_collect_state(world, true);
            (void)world_write_state(world);
            world_persist(world, true);
        }
    }
}

struct seen_degrees {
    int64_t totals[RECOMMEND_DEGREES_KINDS];
    int64_t items[RECOMMEND_DEGREES_KINDS][16];
    size_t places; /* items counted at "berlin", ... */
    int64_t here;  /* ... and the sum over a hash of each */
};

static void see_degrees(struct shard_world *world, struct seen_degrees *out)
{
    const char *colours[] = {"red", "blue"};
    const struct degree_table *places =
        host_degrees(world->host, RECOMMEND_DEGREES_PLACES);
    uint64_t berlin = hash_place(slice_from_string("berlin"), WORLD_HASH_SEED);
    memset(out, 0, sizeof *out);
    const uint64_t *items = degree_table_place_items(places, berlin, &out->places);
    for (size_t i = 0; i < out->places; i++) {
        const struct degree_row *row = degree_table_row(places, berlin, items[i]);
        out->here += row->sessions * (int64_t)(items[i] % 1009);
    }
    for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
        out->totals[kind] = degree_table_total(host_degrees(world->host, kind));
        for (unsigned i = 0; i < 12; i++) {
            char sku_id[8];
            snprintf(sku_id, sizeof sku_id, "s%u", i);
            out->items[kind][i] = degree(world, kind, sku_hash(sku_id));
        }
        for (unsigned i = 0; i < 2; i++) {
            out->items[kind][12 + i] =
                degree(world, kind,
                       content_token(slice_from_string("colour"),
                                     slice_from_string(colours[i])));
        }
    }
}

TEST(sources, are_the_same_after_a_restart_whatever_was_flushed)
{
    for (unsigned flush = 0; flush < 3; flush++) {
        struct shard_world world;
        struct seen_degrees before, after;
        world_open(&world);
        do_a_bit_of_everything(&world, 7 + flush);
        see_degrees(&world, &before);
        for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
            EXPECT(before.totals[kind] > 0);
        }
        uint64_t customers = world_digest(&world, WORLD_CUSTOMER_SHARD);
        uint64_t skus = world_digest(&world, WORLD_SKU_SHARD);
        uint32_t walk = walked(&world, "s1", "s2", 0);
        if (flush > 0) {
            EXPECT(world_collect_state(&world, true));
            EXPECT(world_write_state(&world));
            world_persist(&world, flush == 2);
        }
        world_kill(&world);
        EXPECT_OK(world_boot(&world));
        world_tell_degrees(&world);
        EXPECT_EQ(world_digest(&world, WORLD_CUSTOMER_SHARD), customers);
        EXPECT_EQ(world_digest(&world, WORLD_SKU_SHARD), skus);
        see_degrees(&world, &after);
        after.places = before.places; /* the table may list some that count 0 by now */
        EXPECT(memcmp(&before, &after, sizeof before) == 0);
        EXPECT_EQ(walked(&world, "s1", "s2", 0), walk);
        /* And it goes on from there: what is told next still adds up. */
        put_sku(&world, "s1", "green", SKU_STATE_ACTIVE);
        buy(&world, 77, "s1");
        EXPECT_EQ(degree(&world, RECOMMEND_DEGREES_CUSTOMERS, sku_hash("s1")),
                  after.items[RECOMMEND_DEGREES_CUSTOMERS][1] + 1);
        world_close(&world);
    }
}

TEST(sources, their_memory_is_counted)
{
    struct shard_world world;
    struct replica_status before, after;
    open_with_skus(&world);
    for (uint64_t shard = WORLD_SKU_SHARD; shard <= WORLD_CUSTOMER_SHARD; shard++) {
        replica_status(world_replica(&world, shard), &before);
        for (unsigned i = 0; i < 50; i++) {
            char id[16];
            snprintf(id, sizeof id, "m-%u", i);
            if (shard == WORLD_SKU_SHARD) {
                put_sku(&world, id, id, SKU_STATE_ACTIVE);
            } else {
                buy(&world, 1, id);
            }
        }
        replica_status(world_replica(&world, shard), &after);
        EXPECT(after.evidence_bytes > before.evidence_bytes + 50 * 16);
        uint64_t all = shard == WORLD_SKU_SHARD ? after.inventory.memory_bytes
                                                : after.customer.memory_bytes;
        EXPECT(all > after.evidence_bytes);
        /* Who asks is told of the shard's part in the degree tables, too. */
        struct world_call call;
        uint64_t tables = 0;
        for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
            tables += degree_table_shard_bytes(host_degrees(world.host, kind), shard);
        }
        world_call_init(&call);
        call.query = (struct replica_query){.kind = REPLICA_QUERY_STATUS};
        world_read(&world, &call, shard);
        EXPECT(world_finish(&world));
        EXPECT(tables > 0);
        EXPECT_EQ(call.answer.replica.evidence_bytes, after.evidence_bytes + tables);
        world_call_close(&call);
    }
    world_close(&world);
}
