/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/search_pool.h"

#include <stdlib.h>

#include "server/runtime/system_clock.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"
#include "tests/unit/runtime/runtime_world.h"

enum {
    CUSTOMER_SHARD = 2, /* of a runtime_world with one SKU shard */
    THREADS = 3,
    CUSTOMERS = 60,
};

static const uint64_t clicked = 42;

static const struct recommend_customer_search search_frame = {
    .sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS,
    .neighbours = {.clicks = &clicked,
                   .click_count = 1,
                   .clicks_max = 9,
                   .candidates = 100000,
                   .neighbours = 100000,
                   .bucket_count = 64,
                   .buckets = UINT64_MAX},
};

static struct replica_query search_query(void)
{
    return (struct replica_query){.kind = REPLICA_QUERY_SEARCH,
                                  .customer_search = &search_frame};
}

static struct customer_event event_of(uint64_t customer, char id[static 32])
{
    snprintf(id, 32, "e-%" PRIu64, customer);
    return (struct customer_event){
        .event_id = slice_from_string(id),
        .customer = {hash_mix(customer), customer},
        .kind = CUSTOMER_EVENT_PURCHASE,
        .sku_hash = clicked,
        .sku_id = slice_from_string("A"),
        .occurred_ms = system_clock_wall_ms(),
    };
}

/* --- With the runtime ----------------------------------------------------------------- */

struct shopper {
    pthread_t thread;
    struct runtime_world *world;
    unsigned number;
    _Atomic(uint64_t) *acknowledged;
    _Atomic(uint64_t) *submitted;
};

/* Records one event and returns the index that its acknowledgement names. */
static uint64_t record(struct shopper *shopper, uint64_t customer)
{
    char id[32];
    struct customer_event event = event_of(customer, id);
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .record = {.events = &event, .event_count = 1}};
    struct runtime_call call;
    runtime_call_init(shopper->world, &call);
    runtime_call_location(&call, CUSTOMER_SHARD, 1); /* for its `done` */
    EXPECT_OK(command_encode_customer(&command, &call.arena, &call.command));
    atomic_fetch_add(shopper->submitted, 1);
    EXPECT_OK(runtime_submit(shopper->world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_EQ(call.outcome.customer.stored, 1);
    uint64_t index = call.call.stamp.log_index;
    runtime_call_close(&call);
    atomic_fetch_add(shopper->acknowledged, 1);
    return index;
}

static void search(struct shopper *shopper, uint64_t index_least)
{
    struct runtime_call call;
    runtime_call_init(shopper->world, &call);
    runtime_call_location(&call, CUSTOMER_SHARD, 1); /* for its `done` */
    shard_call_done *done = call.call.done;
    call.query = search_query();
    shard_call_init_read(&call.call, CUSTOMER_SHARD, &call.query, &call.answer);
    call.call.arena = &call.arena;
    call.call.done = done;
    uint64_t least = atomic_load(shopper->acknowledged);
    EXPECT_OK(runtime_submit(shopper->world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_OK(call.call.status);
    EXPECT(call.answer.customer_found->neighbours.neighbours >= least);
    EXPECT(call.answer.customer_found->neighbours.neighbours <=
           atomic_load(shopper->submitted));
    EXPECT_EQ(call.answer.customer_found->neighbours.version, call.call.stamp.log_index);
    EXPECT(call.call.stamp.log_index >= index_least);
    unsigned loop;
    EXPECT(runtime_loop_of(shopper->world->runtime, CUSTOMER_SHARD, &loop));
    EXPECT_EQ(call.loop, loop);
    runtime_call_close(&call);
}

static void *shop(void *context)
{
    struct shopper *shopper = context;
    for (uint64_t i = 0; i < CUSTOMERS; i++) {
        search(shopper, record(shopper, 1 + shopper->number * 1000 + i));
    }
    return NULL;
}

static void run_shoppers(int64_t workers)
{
    static struct runtime_world world;
    struct shopper shoppers[THREADS];
    _Atomic(uint64_t) acknowledged = 0, submitted = 0;
    runtime_world_open(&world, 2, 1, true);
    world.settings.search_workers = workers;
    world.settings.search_hand_over_postings = 0;
    runtime_world_start(&world);
    for (unsigned i = 0; i < THREADS; i++) {
        shoppers[i] = (struct shopper){.world = &world,
                                       .number = i,
                                       .acknowledged = &acknowledged,
                                       .submitted = &submitted};
        EXPECT_EQ(pthread_create(&shoppers[i].thread, NULL, shop, &shoppers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        EXPECT_EQ(pthread_join(shoppers[i].thread, NULL), 0);
    }
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

TEST(search_pool,
     a_search_contains_every_event_acknowledged_before_it_and_stamps_its_index)
{
    for (int64_t workers = 0; workers <= 2; workers++) {
        int64_t before = metric_value(METRIC_SEARCHES_HANDED_OVER);
        run_shoppers(workers);
        EXPECT_EQ(metric_value(METRIC_SEARCHES_HANDED_OVER) - before,
                  workers == 0 ? 0 : THREADS * CUSTOMERS);
    }
}

TEST(search_pool, a_search_below_the_threshold_stays_on_its_loop)
{
    static struct runtime_world world;
    struct shopper shopper = {.world = &world};
    _Atomic(uint64_t) acknowledged = 0, submitted = 0;
    shopper.acknowledged = &acknowledged;
    shopper.submitted = &submitted;
    runtime_world_open(&world, 1, 1, true);
    world.settings.search_hand_over_postings = 3;
    runtime_world_start(&world);
    int64_t before = metric_value(METRIC_SEARCHES_HANDED_OVER);
    for (uint64_t i = 1; i <= 4; i++) {
        search(&shopper, record(&shopper, i));
        EXPECT_EQ(metric_value(METRIC_SEARCHES_HANDED_OVER) - before, i < 3 ? 0 : i - 2);
    }
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

/* --- Alone ----------------------------------------------------------------------------- */

struct home {
    sem_t arrived; /* posted by every answer */
    sem_t go_on;   /* each answer waits for it: the worker is held up */
};

static void answered(void *context, struct shard_call *call)
{
    struct home *home = context;
    (void)call;
    sem_post(&home->arrived);
    while (sem_wait(&home->go_on) != 0) {
    }
}

static void ask(struct world_call *call)
{
    world_call_init(call);
    call->query = search_query();
    shard_call_init_read(&call->call, WORLD_CUSTOMER_SHARD, &call->query, &call->answer);
    call->call.arena = &call->arena;
}

static void put_event(struct shard_world *world, uint64_t customer)
{
    char id[32];
    struct customer_event event = event_of(customer, id);
    event.occurred_ms = world->now.wall_ms;
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .record = {.events = &event, .event_count = 1}};
    struct world_call call;
    world_call_init(&call);
    world_call_add_customer(&call, &command);
    world_propose(world, &call, WORLD_CUSTOMER_SHARD);
    world_run(world);
    EXPECT_OK(call.call.status);
    world_call_close(&call);
}

TEST(search_pool,
     answers_the_state_of_the_offer_sheds_what_is_too_much_and_stops_with_all_answered)
{
    struct shard_world world;
    struct search_pool pool;
    struct home home;
    struct world_call calls[SEARCH_POOL_QUEUE_MAX + 2];
    sem_init(&home.arrived, 0, 0);
    sem_init(&home.go_on, 0, 0);
    world_open(&world);
    put_event(&world, 1);
    search_pool_start(&pool, 1, 0, answered);
    for (unsigned i = 0; i < SEARCH_POOL_QUEUE_MAX + 2; i++) {
        bool fits = i <= SEARCH_POOL_QUEUE_MAX; /* the first one is answered already */
        ask(&calls[i]);
        calls[i].call.deadline_us = i == 2 ? 1 : 0; /* long past */
        EXPECT_EQ(search_pool_offer(&pool, world.host, &home, &calls[i].call),
                  fits ? SEARCH_OFFER_TAKEN : SEARCH_OFFER_REFUSED);
        if (i == 0) {
            while (sem_wait(&home.arrived) != 0) {
            }
        }
    }
    EXPECT_STATUS(calls[SEARCH_POOL_QUEUE_MAX + 1].call.status, STATUS_OVERLOADED);
    put_event(&world, 2); /* nobody waits for anybody */
    for (unsigned i = 0; i <= SEARCH_POOL_QUEUE_MAX; i++) {
        sem_post(&home.go_on);
    }
    search_pool_stop(&pool);
    for (unsigned i = 0; i <= SEARCH_POOL_QUEUE_MAX; i++) {
        EXPECT_STATUS(calls[i].call.status, i == 2 ? STATUS_OUTCOME_UNKNOWN : STATUS_OK);
        EXPECT(i == 2 || calls[i].answer.customer_found->neighbours.neighbours == 1);
    }
    for (unsigned i = 0; i < SEARCH_POOL_QUEUE_MAX + 2; i++) {
        world_call_close(&calls[i]);
    }
    world_close(&world); /* every reader's place was given back, or this would fail */
    sem_destroy(&home.arrived);
    sem_destroy(&home.go_on);
}

TEST(search_pool, leaves_to_the_loop_what_is_no_search_and_what_is_not_there)
{
    struct shard_world world;
    struct search_pool pool;
    struct world_call call;
    world_open(&world);
    search_pool_start(&pool, 1, 0, answered);
    ask(&call);
    call.call.shard_id = 99;
    EXPECT_EQ(search_pool_offer(&pool, world.host, NULL, &call.call),
              SEARCH_OFFER_DECLINED);
    call.call.shard_id = WORLD_SKU_SHARD;
    EXPECT_EQ(search_pool_offer(&pool, world.host, NULL, &call.call),
              SEARCH_OFFER_DECLINED);
    call.call.shard_id = WORLD_CUSTOMER_SHARD;
    call.query.kind = REPLICA_QUERY_PROFILE;
    EXPECT_EQ(search_pool_offer(&pool, world.host, NULL, &call.call),
              SEARCH_OFFER_DECLINED);
    search_pool_stop(&pool);
    world_call_close(&call);
    world_close(&world);
}
