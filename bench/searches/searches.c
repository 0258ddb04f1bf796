/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a stock write waits for while long searches run on the same shard loop: a runtime
 * with one loop over a real log and store, its customer shard filled with sessions that
 * all hold one popular item. Searches for that item are kept open; one stock write after
 * the other is timed from submission to answer. Prints one JSON object.
 *
 *     bench_searches FOLDER WORKERS HAND_OVER CUSTOMERS M SEARCHES SECONDS
 */
#include <inttypes.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "server/runtime/runtime.h"
#include "server/runtime/system_clock.h"
#include "shard/base/histogram.h"
#include "shard/base/memory.h"
#include "shard/base/rng.h"
#include "shard/replica/command.h"
#include "shard/storage/segment_log.h"
#include "shard/storage/store_rocks.h"

enum {
    HASH_SEED = 7,
    SKU_SHARD = 1,
    CUSTOMER_SHARD = 2,
    EVENTS_PER_CALL = 500,
    SEARCHES_MAX = 16,
    CATALOGUE = 10000,
    FOLDER_BYTES = 4096,
};

static const int64_t always_ms = 4102444800000; /* 2100: never below a floor */

struct bench;

struct bench_search {
    struct bench *bench;
    struct shard_call call;
    struct arena arena;
    struct recommend_customer_search frame;
    struct replica_query query;
    struct replica_answer answer;
    uint64_t started_us;
    struct histogram latency; /* the shard loop's, until the searches have ended */
};

struct bench {
    struct runtime *runtime;
    struct settings settings;
    struct store *store;
    struct log_store *log;
    uint64_t popular;
    sem_t finished;
    _Atomic(bool) stop;
    sem_t searches_ended;
    struct bench_search searches[SEARCHES_MAX];
};

_Noreturn static void die(const char *what, enum status status)
{
    fprintf(stderr, "bench_searches: %s: %s\n", what, status_text(status));
    exit(1);
}

static void must(const char *what, enum status status)
{
    if (status != STATUS_OK) {
        die(what, status);
    }
}

static void open_runtime(struct bench *bench, const char *folder)
{
    char log[FOLDER_BYTES], state[FOLDER_BYTES];
    struct problem problem;
    struct runtime_shard shards[] = {
        {.shard_id = SKU_SHARD, .replica_id = 1, .kind = REPLICA_SKU},
        {.shard_id = CUSTOMER_SHARD, .replica_id = 2, .kind = REPLICA_CUSTOMER},
    };
    snprintf(log, sizeof log, "%s/log", folder);
    snprintf(state, sizeof state, "%s/state", folder);
    (void)mkdir(folder, 0700);
    struct segment_log_options log_options = {
        .fs = file_system_posix(),
        .folder = log,
        .segment_bytes = (uint64_t)bench->settings.log_segment_bytes,
        .fresh_log_id = 42};
    struct store_rocks_options store_options = {.folder = state};
    must("log", segment_log_open(&log_options, NULL, &bench->log));
    must("store", store_rocks_open(&store_options, &problem, &bench->store));
    struct runtime_options options = {.settings = &bench->settings,
                                      .store = bench->store,
                                      .log = bench->log,
                                      .shards = shards,
                                      .shard_count = 2,
                                      .hash_seed = HASH_SEED};
    must("runtime", runtime_start(&options, &problem, &bench->runtime));
}

/* --- One call at a time --------------------------------------------------------------- */

struct one_call {
    struct shard_call call;
    struct arena arena;
    struct slice command;
    struct replica_outcome outcome;
    sem_t *finished;
};

static void one_call_done(struct shard_call *call)
{
    sem_post(CONTAINER_OF(call, struct one_call, call)->finished);
}

static void one_call_run(struct bench *bench, struct one_call *one, uint64_t shard_id)
{
    one->finished = &bench->finished;
    shard_call_init_propose(&one->call, shard_id, &one->command, 1, &one->outcome);
    one->call.arena = &one->arena;
    one->call.done = one_call_done;
    must("submit", runtime_submit(bench->runtime, &one->call));
    while (sem_wait(&bench->finished) != 0) {
    }
    must("call", one->call.status);
    must("outcome", one->outcome.status);
}

static void run_inventory(struct bench *bench, struct inventory_command *command,
                          uint64_t request)
{
    struct one_call one = {0};
    arena_init(&one.arena, NULL, 0, 0);
    command->identity.kind = INVENTORY_IDENTITY_REQUEST;
    command->identity.request_id = hash128(slice_of(&request, sizeof request), 0);
    command->identity.anchor = inventory_command_anchor(command, HASH_SEED);
    command->identity.fingerprint = inventory_command_fingerprint(command);
    command->identity.request_ms = always_ms;
    must("encode", command_encode_sku(command, &one.arena, &one.command));
    one_call_run(bench, &one, SKU_SHARD);
    arena_close(&one.arena);
}

static void adjust(struct bench *bench, uint64_t request)
{
    struct inventory_command command = {.kind = INVENTORY_STOCK_ADJUST};
    command.stock_adjust.sku_id = slice_from_string("MUG");
    command.stock_adjust.location_id = slice_from_string("L");
    command.stock_adjust.bucket = STOCK_BUCKET_ON_HAND;
    command.stock_adjust.delta = 1;
    command.stock_adjust.reason = STOCK_REASON_RECEIPT;
    run_inventory(bench, &command, request);
}

static void fill_stock(struct bench *bench)
{
    struct inventory_command place = {.kind = INVENTORY_LOCATION_UPSERT};
    place.location_upsert.location.location_id = slice_from_string("L");
    place.location_upsert.location.type = LOCATION_TYPE_STORE;
    place.location_upsert.location.version = 1;
    place.location_upsert.location.etag = 1;
    run_inventory(bench, &place, 1);
    struct inventory_command sku = {.kind = INVENTORY_SKU_UPSERT};
    sku.sku_upsert.sku.sku_id = slice_from_string("MUG");
    sku.sku_upsert.update_mask = SKU_FIELDS_ALL;
    sku.sku_upsert.attributes_max = 64;
    run_inventory(bench, &sku, 2);
}

/* Every customer has one session: the popular item and two others. */
static void fill_customers(struct bench *bench, uint64_t customers)
{
    struct rng rng;
    static struct customer_event events[EVENTS_PER_CALL];
    static char ids[EVENTS_PER_CALL][32], skus[EVENTS_PER_CALL][16];
    int64_t now_ms = system_clock_wall_ms();
    uint64_t made = 0, wanted = customers * 3;
    rng_init(&rng, 1);
    while (made < wanted) {
        uint32_t count = 0;
        for (; count < EVENTS_PER_CALL && made < wanted; count++, made++) {
            uint64_t customer = made / 3,
                     item = made % 3 == 0 ? 0 : rng_below(&rng, CATALOGUE);
            snprintf(ids[count], sizeof ids[count], "e%" PRIu64, made);
            snprintf(skus[count], sizeof skus[count], "S%" PRIu64, item);
            struct slice sku = slice_from_string(skus[count]);
            events[count] = (struct customer_event){
                .event_id = slice_from_string(ids[count]),
                .customer = {hash_mix(customer + 1), customer + 1},
                .kind = CUSTOMER_EVENT_VIEW,
                .sku_hash = key_hash(sku, HASH_SEED),
                .sku_id = sku,
                .occurred_ms = now_ms - 1000 - (int64_t)rng_below(&rng, 1 << 30)};
        }
        struct customer_command command = {
            .kind = CUSTOMER_RECORD, .record = {.events = events, .event_count = count}};
        struct one_call one = {0};
        arena_init(&one.arena, NULL, 0, 0);
        must("encode", command_encode_customer(&command, &one.arena, &one.command));
        one_call_run(bench, &one, CUSTOMER_SHARD);
        arena_close(&one.arena);
    }
}

/* --- Searches, kept open -------------------------------------------------------------- */

static void search_done(struct shard_call *call);

static void search_start(struct bench_search *search)
{
    search->started_us = system_clock_monotonic_us();
    shard_call_init_read(&search->call, CUSTOMER_SHARD, &search->query, &search->answer);
    search->call.arena = &search->arena;
    search->call.done = search_done;
    must("submit", runtime_submit(search->bench->runtime, &search->call));
}

/* On the shard's loop. */
static void search_done(struct shard_call *call)
{
    struct bench_search *search = CONTAINER_OF(call, struct bench_search, call);
    struct bench *bench = search->bench;
    must("search", call->status);
    histogram_add(&search->latency, system_clock_monotonic_us() - search->started_us);
    arena_reset(&search->arena);
    if (atomic_load(&bench->stop)) {
        sem_post(&bench->searches_ended);
    } else {
        search_start(search);
    }
}

static double cpu_s(void)
{
    struct timespec time;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

static void measure(struct bench *bench, unsigned searches, uint32_t candidates,
                    double seconds)
{
    struct histogram writes, found;
    double cpu = cpu_s();
    uint64_t start_us = system_clock_monotonic_us(), request = 1000;
    uint64_t end_us = start_us + (uint64_t)(seconds * 1e6);
    histogram_init(&writes);
    histogram_init(&found);
    for (unsigned i = 0; i < searches; i++) {
        struct bench_search *search = &bench->searches[i];
        search->bench = bench;
        arena_init(&search->arena, NULL, 0, 0);
        histogram_init(&search->latency);
        search->frame = (struct recommend_customer_search){
            .sources = 1u << RECOMMEND_SOURCE_NEIGHBOURS,
            .neighbours = {.clicks = &bench->popular,
                           .click_count = 1,
                           .clicks_max = 9,
                           .candidates = candidates,
                           .neighbours = candidates / 5 + 1,
                           .bucket_count = 64,
                           .buckets = UINT64_MAX}};
        search->query = (struct replica_query){.kind = REPLICA_QUERY_SEARCH,
                                               .customer_search = &search->frame};
        search_start(search);
    }
    while (system_clock_monotonic_us() < end_us) {
        uint64_t before_us = system_clock_monotonic_us();
        adjust(bench, request++);
        histogram_add(&writes, system_clock_monotonic_us() - before_us);
    }
    atomic_store(&bench->stop, true);
    for (unsigned i = 0; i < searches; i++) {
        while (sem_wait(&bench->searches_ended) != 0) {
        }
    }
    for (unsigned i = 0; i < searches; i++) { /* none runs any more */
        histogram_merge(&found, &bench->searches[i].latency);
        arena_close(&bench->searches[i].arena);
    }
    double took = (double)(system_clock_monotonic_us() - start_us) / 1e6;
    printf("{\"writes_s\":%.1f,\"write_p50_us\":%" PRIu64 ",\"write_p90_us\":%" PRIu64
           ",\"write_p99_us\":%" PRIu64 ",\"searches_s\":%.1f,\"search_p50_us\":%" PRIu64
           ",\"search_p99_us\":%" PRIu64 ",\"cpu_s\":%.3f,\"seconds\":%.3f}\n",
           (double)writes.count / took, histogram_quantile(&writes, 0.5),
           histogram_quantile(&writes, 0.9), histogram_quantile(&writes, 0.99),
           (double)found.count / took, histogram_quantile(&found, 0.5),
           histogram_quantile(&found, 0.99), cpu_s() - cpu, took);
}

int main(int argc, char **argv)
{
    static struct bench bench;
    if (argc != 8) {
        fprintf(stderr,
                "usage: bench_searches FOLDER WORKERS HAND_OVER CUSTOMERS M SEARCHES "
                "SECONDS\n");
        return 2;
    }
    unsigned searches = (unsigned)strtoul(argv[6], NULL, 10);
    settings_init(&bench.settings);
    bench.settings.search_workers = strtoll(argv[2], NULL, 10);
    bench.settings.search_hand_over_postings = strtoll(argv[3], NULL, 10);
    bench.popular = key_hash(slice_from_string("S0"), HASH_SEED);
    sem_init(&bench.finished, 0, 0);
    sem_init(&bench.searches_ended, 0, 0);
    open_runtime(&bench, argv[1]);
    fill_stock(&bench);
    fill_customers(&bench, strtoull(argv[4], NULL, 10));
    measure(&bench, searches < SEARCHES_MAX ? searches : SEARCHES_MAX,
            (uint32_t)strtoul(argv[5], NULL, 10), strtod(argv[7], NULL));
    runtime_stop(bench.runtime);
    log_store_close(bench.log);
    store_close(bench.store);
    return 0;
}
