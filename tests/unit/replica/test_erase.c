/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two nodes that live through the same, but that one of them had customers who were erased
 * and the other never knew them: what it then answers, ranks by and stores is the same,
 * byte for byte, whatever was flushed and however often the node went down.
 */
#include "shard/base/encode.h"
#include "shard/base/metric.h"
#include "shard/customer/row.h"
#include "shard/recommend/search.h"
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"

enum {
    GONE = 1000, /* customers from here are erased */
    ITEMS = 9,
    DAY_MS = 24 * 60 * 60 * 1000,
};

static const char *const items[ITEMS] = {"A", "B", "C", "D", "E", "F", "G", "H", "ONLY"};

static void apply(struct shard_world *world, const struct customer_command *command,
                  struct customer_outcome *out)
{
    struct world_call call;
    world_call_init(&call);
    world_call_add_customer(&call, command);
    world_propose(world, &call, WORLD_CUSTOMER_SHARD);
    world_run(world);
    EXPECT(call.done);
    EXPECT_OK(call.call.status);
    EXPECT_OK(call.outcomes[0].status);
    if (out != NULL) {
        *out = call.outcomes[0].customer;
    }
    world_call_close(&call);
}

struct pair {
    struct shard_world with, without;
    struct rng rng;
    unsigned made;
};

static void pair_event(struct pair *pair, uint64_t customer, const char *sku)
{
    char id[32];
    snprintf(id, sizeof id, "e%u", ++pair->made);
    struct customer_event event = world_event(id, customer, sku, pair->with.now.wall_ms);
    event.kind = CUSTOMER_EVENT_PURCHASE;
    if (pair->made % 2) {
        event.location_id =
            slice_from_string(pair->made % 4 == 1 ? "berlin" : "rotterdam");
    }
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .record = {.events = &event, .event_count = 1}};
    const struct customer_command tick = {.kind = CUSTOMER_TICK};
    apply(&pair->with, &command, NULL);
    apply(&pair->without, customer >= GONE ? &tick : &command, NULL);
}

static void pair_erase(struct pair *pair, uint64_t customer)
{
    struct customer_outcome with, without;
    struct customer_command command = {
        .kind = CUSTOMER_ERASE,
        .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                     .request_id = {customer, 3},
                     .request_ms = pair->with.now.wall_ms},
        .erase = {.customer = world_event("", customer, "A", 0).customer}};
    command.identity.anchor = customer_hash(command.erase.customer);
    command.identity.fingerprint = customer_erase_fingerprint(&command.erase);
    apply(&pair->with, &command, &with);
    apply(&pair->without, &command, &without);
    EXPECT(with.erased.events > 0 && without.erased.events == 0);
    EXPECT_EQ(with.erased.log_index, without.erased.log_index);
}

static void state(struct shard_world *world, bool persist)
{
    if (world_collect_state(world, true)) {
        EXPECT(world_write_state(world));
    }
    world_persist(world, persist);
}

static void pair_restart(struct pair *pair)
{
    world_kill(&pair->with);
    world_kill(&pair->without);
    EXPECT_OK(world_boot(&pair->with));
    EXPECT_OK(world_boot(&pair->without));
}

/* A partial, its items in the order of their hashes: it names them in none. */
static void tell_partial(const struct recommend_partial *partial, struct buffer *out)
{
    uint64_t last = 0;
    encode_le64(out, partial->neighbours);
    encode_varint(out, partial->item_count);
    for (uint32_t told = 0; told < partial->item_count; told++) {
        uint32_t next = UINT32_MAX;
        for (uint32_t i = 0; i < partial->item_count; i++) {
            if (partial->items[i] > last &&
                (next == UINT32_MAX || partial->items[i] < partial->items[next])) {
                next = i;
            }
        }
        EXPECT(next != UINT32_MAX);
        last = partial->items[next];
        encode_le64(out, last);
        for (uint32_t k = 0; k < partial->related; k++) {
            encode_zigzag(out, partial->parts[next * partial->related + k]);
            encode_varint(out, partial->evidence[next * partial->related + k]);
        }
    }
}

/* Votes are a function of content, in the order of their items. */
static void tell_walk(const struct walk_partial *partial, struct buffer *out)
{
    for (uint32_t s = 0; s < partial->seed_count; s++) {
        encode_varint(out, partial->seeds[s].count);
        for (uint32_t i = 0; i < partial->seeds[s].count; i++) {
            const struct walk_vote *vote = &partial->seeds[s].votes[i];
            encode_le64(out, vote->sku_hash);
            encode_zigzag(out, vote->sum);
            encode_varint(out, vote->evidence);
        }
    }
}

/* A search for every pair of items. */
static void tell_searches(struct shard_world *world, struct buffer *out)
{
    for (unsigned i = 0; i < ITEMS; i++) {
        uint64_t clicks[2];
        for (unsigned k = 0; k < 2; k++) {
            clicks[k] =
                key_hash(slice_from_string(items[(i + k) % ITEMS]), WORLD_HASH_SEED);
        }
        struct world_call call;
        world_call_init(&call);
        const struct recommend_customer_search search = {
            .sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS | 1u << RECOMMEND_SOURCE_WALK |
                       1u << RECOMMEND_SOURCE_WALK_THEN,
            .neighbours = {.clicks = clicks,
                           .click_count = 2,
                           .clicks_max = 9,
                           .candidates = 64,
                           .neighbours = 64,
                           .bucket_count = 64,
                           .buckets = UINT64_MAX},
            .walk = {.seeds = clicks,
                     .seed_count = 2,
                     .customers = 640,
                     .bucket_count = 64,
                     .buckets = UINT64_MAX},
            .walk_then = {.seeds = clicks,
                          .seed_count = 2,
                          .customers = 640,
                          .window = 3,
                          .bucket_count = 64,
                          .buckets = UINT64_MAX}};
        call.query = (struct replica_query){.kind = REPLICA_QUERY_SEARCH,
                                            .customer_search = &search};
        world_read(world, &call, WORLD_CUSTOMER_SHARD);
        world_run(world);
        EXPECT_OK(call.call.status);
        tell_partial(&call.answer.customer_found->neighbours, out);
        tell_walk(&call.answer.customer_found->walk, out);
        tell_walk(&call.answer.customer_found->walk_then, out);
        world_call_close(&call);
    }
}

/* The degrees that a node would learn from this replica, from the beginning. */
static void tell_degrees(struct shard_world *world, struct buffer *out)
{
    world_tell_degrees(world);
    for (unsigned kind = 0; kind < RECOMMEND_DEGREES_KINDS; kind++) {
        const struct degree_table *table =
            host_degrees(world->host, (enum recommend_degrees)kind);
        encode_le64(out, (uint64_t)degree_table_total(table));
        for (unsigned i = 0; i < ITEMS; i++) {
            uint64_t item = key_hash(slice_from_string(items[i]), WORLD_HASH_SEED);
            encode_le64(out, (uint64_t)degree_table_items(table, item));
        }
    }
}

/* The customer table but for remembered requests. */
static void tell_rows(struct shard_world *world, struct buffer *out)
{
    struct buffer start, end;
    struct store_cursor *cursor;
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_range(KEY_TABLE_CUSTOMER, (struct key_range){0, 0}, &start, &end);
    const struct store_scan scan = {.start = buffer_slice(&start),
                                    .end = buffer_slice(&end)};
    EXPECT_OK(store_cursor_open(world->store, &scan, &cursor));
    for (; cursor->valid; store_cursor_next(cursor)) {
        struct key_state key;
        EXPECT(key_parse_state(cursor->key, &key));
        if (key.kind != ROW_REQUEST) {
            encode_bytes(out, cursor->key);
            encode_bytes(out, cursor->value);
        }
    }
    EXPECT_OK(cursor->status);
    store_cursor_close(cursor);
    buffer_close(&start);
    buffer_close(&end);
}

static void pair_expect_equal(struct pair *pair)
{
    struct buffer with, without;
    buffer_init(&with);
    buffer_init(&without);
    tell_searches(&pair->with, &with);
    tell_searches(&pair->without, &without);
    tell_degrees(&pair->with, &with);
    tell_degrees(&pair->without, &without);
    EXPECT_SLICE(buffer_slice(&with), buffer_slice(&without));
    state(&pair->with, true);
    state(&pair->without, true);
    buffer_clear(&with);
    buffer_clear(&without);
    tell_rows(&pair->with, &with);
    tell_rows(&pair->without, &without);
    EXPECT(with.size > 0);
    EXPECT_SLICE(buffer_slice(&with), buffer_slice(&without));
    buffer_close(&with);
    buffer_close(&without);
}

static void pair_run(uint64_t seed)
{
    struct pair pair = {0};
    const struct customer_command tick = {.kind = CUSTOMER_TICK};
    rng_init(&pair.rng, seed);
    world_open(&pair.with);
    world_open(&pair.without);
    for (unsigned i = 0; i < 60; i++) {
        bool gone = rng_below(&pair.rng, 2) == 0;
        uint64_t who = (gone ? GONE : 0) + rng_below(&pair.rng, 3);
        pair_event(&pair, who,
                   items[rng_below(&pair.rng, (uint64_t)ITEMS - (gone ? 0 : 1))]);
        if (i < 3) { /* each of those who go was there */
            pair_event(&pair, GONE + i, "ONLY");
        }
        uint64_t pass_ms = rng_below(&pair.rng, 40 * 60 * 1000);
        world_pass_ms(&pair.with, pass_ms);
        world_pass_ms(&pair.without, pass_ms);
        if (rng_below(&pair.rng, 8) == 0) {
            bool persist = rng_below(&pair.rng, 2) == 0;
            state(&pair.with, persist);
            state(&pair.without, persist);
        }
        if (rng_below(&pair.rng, 20) == 0) {
            pair_restart(&pair);
        }
    }
    /* What the tables were told before must come out, too. */
    world_tell_degrees(&pair.with);
    world_tell_degrees(&pair.without);
    for (unsigned i = 0; i < 3; i++) {
        pair_erase(&pair, GONE + i);
        pair_event(&pair, i, items[i]);
        if (rng_below(&pair.rng, 2) == 0) {
            pair_restart(&pair); /* before anything of it is flushed */
        }
    }
    pair_expect_equal(&pair);
    pair_restart(&pair);
    pair_expect_equal(&pair);
    world_pass_ms(&pair.with, DAY_MS + 1000);
    world_pass_ms(&pair.without, DAY_MS + 1000);
    apply(&pair.with, &tick, NULL);
    apply(&pair.without, &tick, NULL);
    EXPECT(world_digest(&pair.with, WORLD_CUSTOMER_SHARD) ==
           world_digest(&pair.without, WORLD_CUSTOMER_SHARD));
    world_close(&pair.with);
    world_close(&pair.without);
}

TEST(erase, makes_a_replica_equal_to_one_that_never_knew_the_customers)
{
    for (uint64_t seed = 1; seed <= 25; seed++) {
        pair_run(seed);
    }
}

TEST(erase, takes_nothing_from_the_count_of_events_ever_stored)
{
    struct shard_world world;
    world_open(&world);
    state(&world, false);
    int64_t before = metric_value(METRIC_EVENTS_STORED);
    for (unsigned i = 0; i < 3; i++) {
        struct customer_event event = world_event(items[i], GONE, "A", 0);
        struct customer_command record = {.kind = CUSTOMER_RECORD,
                                          .record = {.events = &event, .event_count = 1}};
        struct customer_command erase = {
            .kind = CUSTOMER_ERASE,
            .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                         .anchor = customer_hash(event.customer),
                         .request_id = {i, 3},
                         .request_ms = world.now.wall_ms},
            .erase = {.customer = event.customer}};
        apply(&world, &record, NULL);
        apply(&world, &erase, NULL);
        state(&world, false);
    }
    EXPECT_EQ(metric_value(METRIC_EVENTS_STORED) - before, 3);
    world_close(&world);
}

TEST(erase, goes_on_when_the_disk_is_nearly_full)
{
    struct shard_world world;
    struct customer_event event = world_event("e", GONE, "A", 0);
    struct customer_command record = {.kind = CUSTOMER_RECORD,
                                      .record = {.events = &event, .event_count = 1}};
    struct customer_command erase = {
        .kind = CUSTOMER_ERASE,
        .identity = {.kind = CUSTOMER_IDENTITY_REQUEST, .request_id = {1, 3}},
        .erase = {.customer = event.customer}};
    struct customer_outcome outcome;
    world_open(&world);
    apply(&world, &record, NULL);
    erase.identity.anchor = customer_hash(event.customer);
    erase.identity.request_ms = world.now.wall_ms;
    host_set_pressure(world.host, (struct replica_pressure){.disk_full = true});
    apply(&world, &erase, &outcome);
    EXPECT_EQ(outcome.erased.events, 1);
    world_close(&world);
}
