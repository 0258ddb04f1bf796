/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/runtime/system_clock.h"
#include "shard/base/log.h"
#include "shard/base/memory.h"
#include "tests/lib/test.h"
#include "tests/unit/runtime/runtime_world.h"

static const char *const skus[] = {"A", "B", "C", "D", "E", "F", "G", "H"};

enum {
    SKUS = sizeof skus / sizeof skus[0],
    THREADS = 4,
    CALLS = 200,
};

struct submitter {
    pthread_t thread;
    struct runtime_world *world;
    unsigned number;
    struct runtime_call *calls;
};

/* Keeps up to 16 calls open, and every tenth is asked twice. */
static void *submitter_run(void *context)
{
    struct submitter *submitter = context;
    enum {
        WINDOW = 16
    };
    for (unsigned i = 0; i < CALLS; i++) {
        struct runtime_call *call = &submitter->calls[i];
        runtime_call_init(submitter->world, call);
        unsigned thing = i % 10 == 9 ? i - 1 : i;
        runtime_call_adjust(call, skus[submitter->number % SKUS], 1,
                            10000 + submitter->number * 1000u + thing);
        while (runtime_submit(submitter->world->runtime, &call->call) ==
               STATUS_OVERLOADED) {
        }
        if (i >= WINDOW) {
            runtime_call_wait(&submitter->calls[i - WINDOW]);
        }
    }
    for (unsigned i = CALLS - WINDOW; i < CALLS; i++) {
        runtime_call_wait(&submitter->calls[i]);
    }
    return NULL;
}

static void check_submitter(const struct submitter *submitter)
{
    int64_t units = 0;
    for (unsigned i = 0; i < CALLS; i++) {
        const struct runtime_call *call = &submitter->calls[i];
        EXPECT_OK(call->call.status);
        EXPECT_OK(call->outcome.status);
        EXPECT_EQ(call->outcome.inventory.replayed, i % 10 == 9);
        units += !call->outcome.inventory.replayed;
        /* In the order of submission, and answered on the shard's own loop. */
        EXPECT_EQ(call->outcome.inventory.level.buckets[STOCK_BUCKET_ON_HAND], units);
        unsigned loop;
        EXPECT(runtime_loop_of(submitter->world->runtime, call->call.shard_id, &loop));
        EXPECT_EQ(call->loop, loop);
    }
}

static void run_submitters(struct runtime_world *world)
{
    struct submitter submitters[THREADS];
    for (unsigned i = 0; i < THREADS; i++) {
        submitters[i].world = world;
        submitters[i].number = i;
        submitters[i].calls = memory_zalloc(CALLS * sizeof(struct runtime_call));
        pthread_create(&submitters[i].thread, NULL, submitter_run, &submitters[i]);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        pthread_join(submitters[i].thread, NULL);
        check_submitter(&submitters[i]);
        for (unsigned k = 0; k < CALLS; k++) {
            runtime_call_close(&submitters[i].calls[k]);
        }
        free(submitters[i].calls);
    }
}

TEST(runtime, decides_the_calls_of_each_thread_in_order_and_once)
{
    for (unsigned loops = 1; loops <= 2; loops++) {
        static struct runtime_world world;
        runtime_world_open(&world, loops, 2, 0);
        runtime_world_start(&world);
        runtime_world_stock(&world, skus, SKUS);
        run_submitters(&world);
        for (unsigned i = 0; i < THREADS; i++) {
            EXPECT_EQ(runtime_world_on_hand(&world, skus[i]), CALLS - CALLS / 10);
        }
        runtime_world_stop(&world);
        runtime_world_close(&world);
    }
}

TEST(runtime, has_everything_after_a_stop_and_a_start)
{
    static struct runtime_world world;
    runtime_world_open(&world, 2, 2, 1);
    runtime_world_start(&world);
    runtime_world_stock(&world, skus, SKUS);
    run_submitters(&world);
    runtime_world_stop(&world);
    EXPECT(atomic_load(&world.store.writes) > 0);
    runtime_world_start(&world);
    for (unsigned i = 0; i < THREADS; i++) {
        EXPECT_EQ(runtime_world_on_hand(&world, skus[i]), CALLS - CALLS / 10);
    }
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

TEST(runtime, finishes_what_is_in_flight_before_it_stops)
{
    static struct runtime_world world;
    runtime_world_open(&world, 2, 2, 0);
    runtime_world_start(&world);
    runtime_world_stock(&world, skus, SKUS);
    enum {
        OPEN = 50
    };
    struct runtime_call *calls = memory_zalloc(OPEN * sizeof *calls);
    for (unsigned i = 0; i < OPEN; i++) {
        runtime_call_init(&world, &calls[i]);
        runtime_call_adjust(&calls[i], skus[i % SKUS], 1, 5000 + i);
        EXPECT_OK(runtime_submit(world.runtime, &calls[i].call));
    }
    runtime_world_stop(&world);
    for (unsigned i = 0; i < OPEN; i++) {
        EXPECT_EQ(sem_trywait(&calls[i].finished), 0);
        EXPECT_OK(calls[i].outcome.status);
        runtime_call_close(&calls[i]);
    }
    free(calls);
    runtime_world_close(&world);
}

TEST(runtime, merges_the_batches_of_all_loops_into_one_synced_write)
{
    static struct runtime_world world;
    runtime_world_open(&world, 2, 2, 0);
    runtime_world_start(&world);
    runtime_world_stock(&world, skus, SKUS);
    const char *on_first = NULL, *on_second = NULL;
    for (unsigned i = 0; i < SKUS; i++) {
        bool first = runtime_world_shard(&world, skus[i]) == 1;
        on_first = first ? skus[i] : on_first;
        on_second = first ? on_second : skus[i];
    }
    EXPECT(on_first != NULL && on_second != NULL);
    runtime_world_close_gate(&world);
    struct runtime_call calls[3];
    for (unsigned i = 0; i < 3; i++) {
        runtime_call_init(&world, &calls[i]);
        runtime_call_adjust(&calls[i], i == 2 ? on_second : on_first, 1, 7000 + i);
    }
    EXPECT_OK(runtime_submit(world.runtime, &calls[0].call));
    sem_wait(&world.log.arrived); /* one batch is being written */
    uint64_t appends = atomic_load(&world.log.appends);
    uint64_t groups = atomic_load(&world.log.groups);
    EXPECT_OK(runtime_submit(world.runtime, &calls[1].call));
    EXPECT_OK(runtime_submit(world.runtime, &calls[2].call));
    runtime_world_settle(&world, 0);
    runtime_world_settle(&world, 1);
    runtime_world_open_gate(&world);
    for (unsigned i = 0; i < 3; i++) {
        runtime_call_wait(&calls[i]);
        EXPECT_OK(calls[i].outcome.status);
        runtime_call_close(&calls[i]);
    }
    EXPECT_EQ(atomic_load(&world.log.groups) - groups, 3);
    EXPECT_EQ(atomic_load(&world.log.appends) - appends, 2);
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

TEST(runtime, refuses_at_once_when_a_loop_has_too_much_waiting)
{
    static struct runtime_world world;
    runtime_world_open(&world, 1, 1, 0);
    world.settings.proposal_queue_max_bytes = 65536;
    runtime_world_start(&world);
    runtime_world_stock(&world, skus, SKUS);
    runtime_world_close_gate(&world);
    enum {
        MANY = 1000
    };
    struct runtime_call *calls = memory_zalloc(MANY * sizeof *calls);
    enum status status = STATUS_OK;
    unsigned taken = 0;
    while (taken < MANY && status == STATUS_OK) {
        runtime_call_init(&world, &calls[taken]);
        runtime_call_adjust(&calls[taken], "A", 1, 5000 + taken);
        status = runtime_submit(world.runtime, &calls[taken].call);
        taken += status == STATUS_OK;
    }
    EXPECT_STATUS(status, STATUS_OVERLOADED);
    EXPECT(taken > 10);
    runtime_call_close(&calls[taken]);
    runtime_world_open_gate(&world);
    for (unsigned i = 0; i < taken; i++) {
        runtime_call_wait(&calls[i]);
        EXPECT_OK(calls[i].call.status);
        runtime_call_close(&calls[i]);
    }
    runtime_world_settle(&world, 0); /* what has ended no longer counts as waiting */
    EXPECT_EQ(runtime_world_on_hand(&world, "A"), taken);
    free(calls);
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

TEST(runtime, knows_no_shard_that_is_not_here)
{
    static struct runtime_world world;
    runtime_world_open(&world, 1, 1, 0);
    runtime_world_start(&world);
    struct runtime_call call;
    runtime_call_init(&world, &call);
    runtime_call_adjust(&call, "A", 1, 1);
    call.call.shard_id = 99;
    EXPECT_STATUS(runtime_submit(world.runtime, &call.call), STATUS_EPOCH_CHANGED);
    runtime_call_close(&call);
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

TEST(runtime, asks_a_stalled_store_again_until_it_takes_the_state)
{
    static struct runtime_world world;
    runtime_world_open(&world, 1, 1, 0);
    runtime_world_start(&world);
    atomic_store(&world.store.overloads, 5);
    runtime_world_stock(&world, skus, SKUS);
    runtime_world_stop(&world);
    EXPECT_EQ(atomic_load(&world.store.overloaded), 5);
    EXPECT(atomic_load(&world.store.writes) > 0);
    runtime_world_close(&world);
}

/* --- The disk ---------------------------------------------------------------------- */

static enum status full_disk_space(struct file_system *fs, const char *path,
                                   struct file_space *out_space)
{
    (void)fs;
    (void)path;
    *out_space = (struct file_space){.free_bytes = 5, .total_bytes = 100};
    return STATUS_OK;
}

TEST(runtime, refuses_new_work_when_the_disk_is_nearly_full)
{
    static const struct file_system_ops full_disk_ops = {.space = full_disk_space};
    struct file_system full_disk = {.ops = &full_disk_ops};
    static struct runtime_world world;
    runtime_world_open(&world, 1, 1, 0);
    world.files = &full_disk;
    runtime_world_start(&world);
    struct runtime_call call;
    runtime_call_init(&world, &call);
    runtime_call_sku(&call, "A", 1);
    EXPECT_OK(runtime_submit(world.runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_STATUS(call.call.status, STATUS_DISK_FULL);
    EXPECT_EQ(call.call.appended_count, 0);
    runtime_call_close(&call);
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

TEST(runtime, ends_the_process_when_the_log_cannot_be_written)
{
    fflush(NULL);
    pid_t child = fork();
    EXPECT(child >= 0);
    if (child == 0) {
        struct log_options silent = {.fd = -1, .level = LOG_ERROR};
        log_setup(&silent);
        static struct runtime_world world;
        runtime_world_open(&world, 1, 1, 0);
        runtime_world_start(&world);
        atomic_store(&world.log.failure, STATUS_IO);
        struct runtime_call call;
        runtime_call_init(&world, &call);
        runtime_call_sku(&call, "A", 1);
        if (runtime_submit(world.runtime, &call.call) == STATUS_OK) {
            runtime_call_wait(&call);
        }
        _exit(1); /* answered, or refused: both wrong */
    }
    int result;
    EXPECT_EQ(waitpid(child, &result, 0), child);
    EXPECT(WIFEXITED(result));
    EXPECT_EQ(WEXITSTATUS(result), RUNTIME_EXIT_FAILED);
}

/* --- Tasks and timers -------------------------------------------------------------- */

struct relay {
    struct runtime_task task;
    struct runtime_timer timer;
    struct runtime_world *world;
    unsigned loop;
    unsigned hops;
    bool on_loop;
    uint64_t due_us;
    bool early;
    sem_t finished;
};

static void relay_fire(struct runtime_timer *timer, struct moment now)
{
    struct relay *relay = CONTAINER_OF(timer, struct relay, timer);
    relay->early = now.monotonic_us < relay->due_us;
    relay->on_loop =
        relay->on_loop && runtime_on_loop(relay->world->runtime, relay->loop);
    sem_post(&relay->finished);
}

static void relay_run(struct runtime_task *task, struct moment now)
{
    struct relay *relay = CONTAINER_OF(task, struct relay, task);
    relay->on_loop =
        relay->on_loop && runtime_on_loop(relay->world->runtime, relay->loop);
    if (relay->hops > 0) {
        relay->hops--;
        relay->loop = (relay->loop + 1) % runtime_loop_count(relay->world->runtime);
        runtime_post(relay->world->runtime, relay->loop, &relay->task);
        return;
    }
    relay->due_us = now.monotonic_us + 2000;
    runtime_timer_set(relay->world->runtime, relay->loop, &relay->timer,
                      now.monotonic_us + 60000000);
    runtime_timer_clear(relay->world->runtime, relay->loop, &relay->timer);
    runtime_timer_set(relay->world->runtime, relay->loop, &relay->timer, relay->due_us);
}

TEST(runtime, runs_tasks_and_timers_on_their_loop)
{
    static struct runtime_world world;
    runtime_world_open(&world, 3, 2, 0);
    runtime_world_start(&world);
    struct relay relay = {.task.run = relay_run,
                          .timer.fire = relay_fire,
                          .world = &world,
                          .hops = 100,
                          .on_loop = true};
    sem_init(&relay.finished, 0, 0);
    runtime_post(world.runtime, 0, &relay.task);
    sem_wait(&relay.finished);
    EXPECT(relay.on_loop);
    EXPECT(!relay.early);
    EXPECT_EQ(relay.hops, 0);
    runtime_world_stop(&world);
    sem_destroy(&relay.finished);
    runtime_world_close(&world);
}

/* --- Degrees ----------------------------------------------------------------------- */

struct degrees_look {
    struct runtime_task task;
    struct runtime_world *world;
    unsigned loop;
    enum recommend_degrees kind;
    int64_t total;
    sem_t finished;
};

static void degrees_look_run(struct runtime_task *task, struct moment now)
{
    (void)now;
    struct degrees_look *look = CONTAINER_OF(task, struct degrees_look, task);
    look->total =
        degree_table_total(runtime_degrees(look->world->runtime, look->loop, look->kind));
    sem_post(&look->finished);
}

static int64_t degrees_total(struct runtime_world *world, unsigned loop,
                             enum recommend_degrees kind)
{
    struct degrees_look look = {
        .task.run = degrees_look_run, .world = world, .loop = loop, .kind = kind};
    sem_init(&look.finished, 0, 0);
    runtime_post(world->runtime, loop, &look.task);
    sem_wait(&look.finished);
    sem_destroy(&look.finished);
    return look.total;
}

static void expect_totals(struct runtime_world *world, int64_t sessions,
                          int64_t customers, int64_t tokens)
{
    for (unsigned loop = 0; loop < runtime_loop_count(world->runtime); loop++) {
        EXPECT_EQ(degrees_total(world, loop, RECOMMEND_DEGREES_SESSIONS), sessions);
        EXPECT_EQ(degrees_total(world, loop, RECOMMEND_DEGREES_CUSTOMERS), customers);
        EXPECT_EQ(degrees_total(world, loop, RECOMMEND_DEGREES_TOKENS), tokens);
    }
}

/* An event of a customer of the shard: the first half of hashes, or the second. */
static void record_event(struct runtime_world *world, uint64_t shard_id, uint64_t number,
                         enum customer_event_kind kind)
{
    char id[32];
    struct runtime_call call;
    uint64_t half = shard_id == world->shards[world->shard_count - 1].shard_id;
    snprintf(id, sizeof id, "e-%u", (unsigned)number);
    struct customer_event event = {
        .event_id = slice_from_string(id),
        .customer = {half << 63 | number, number},
        .kind = kind,
        .sku_hash = 42,
        .sku_id = slice_from_string("A"),
        .occurred_ms = system_clock_wall_ms(),
    };
    struct customer_command command = {.kind = CUSTOMER_RECORD,
                                       .record = {.events = &event, .event_count = 1}};
    runtime_call_init(world, &call);
    runtime_call_location(&call, shard_id, 1); /* for its `done` */
    EXPECT_OK(command_encode_customer(&command, &call.arena, &call.command));
    EXPECT_OK(runtime_submit(world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_OK(call.call.status);
    EXPECT_EQ(call.outcome.customer.stored, 1);
    runtime_call_close(&call);
}

TEST(runtime, tells_every_loop_what_was_counted_before_the_answer_goes_out)
{
    static struct runtime_world world;
    runtime_world_open(&world, 3, 2, 2);
    runtime_world_start(&world);
    for (uint64_t i = 1; i <= 6; i++) { /* of three, the third only looks */
        record_event(&world, 3 + i % 2, i,
                     i % 3 ? CUSTOMER_EVENT_PURCHASE : CUSTOMER_EVENT_VIEW);
        expect_totals(&world, (int64_t)i, (int64_t)(i - i / 3), 0);
    }
    runtime_world_stock(&world, skus, 5);
    expect_totals(&world, 6, 4, 5); /* SKUs without attributes count, too */
    runtime_world_stop(&world);
    runtime_world_start(&world);
    expect_totals(&world, 6, 4, 5);
    record_event(&world, 4, 7, CUSTOMER_EVENT_PURCHASE);
    expect_totals(&world, 7, 5, 5);
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

/* --- Searches ---------------------------------------------------------------------- */

/* Makes one more SKU of the shard, with a brand. */
static void put_brand(struct runtime_world *world, uint64_t shard_id, const char *brand)
{
    static unsigned number;
    char sku_id[32];
    struct runtime_call call;
    do {
        snprintf(sku_id, sizeof sku_id, "branded-%u", ++number);
    } while (runtime_world_shard(world, sku_id) != shard_id);
    struct inventory_command command = {.kind = INVENTORY_SKU_UPSERT};
    command.sku_upsert.sku.sku_id = slice_from_string(sku_id);
    command.sku_upsert.sku.brand = slice_from_string(brand);
    command.sku_upsert.update_mask = SKU_FIELDS_ALL;
    runtime_call_init(world, &call);
    runtime_call_command(&call, &command, 9000 + number, shard_id);
    EXPECT_OK(runtime_submit(world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_OK(call.outcome.status);
    runtime_call_close(&call);
}

static uint32_t similar_count(struct runtime_world *world, uint64_t shard_id,
                              const char *brand)
{
    struct runtime_call call;
    uint64_t token = content_token(slice_from_string("brand"), slice_from_string(brand));
    const struct recommend_sku_search search = {.sources = 1u << RECOMMEND_SOURCE_CONTENT,
                                                .content = {.seeds = {{1, &token, 1, 1}},
                                                            .seed_count = 1,
                                                            .count = 10,
                                                            .reach = 1000,
                                                            .bucket_count = 64,
                                                            .buckets = UINT64_MAX}};
    runtime_call_init(world, &call);
    call.query =
        (struct replica_query){.kind = REPLICA_QUERY_SKU_SEARCH, .sku_search = &search};
    runtime_call_query(&call, shard_id);
    EXPECT_OK(runtime_submit(world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_OK(call.call.status);
    EXPECT_EQ(call.answer.sku_found->sources, search.sources);
    uint32_t count = call.answer.sku_found->content.item_count;
    runtime_call_close(&call);
    return count;
}

TEST(runtime, weighs_attributes_of_one_shard_by_what_all_shards_hold)
{
    static struct runtime_world world;
    runtime_world_open(&world, 2, 2, 0);
    runtime_world_start(&world);
    put_brand(&world, 1, "X");
    put_brand(&world, 1, "X");
    EXPECT_EQ(similar_count(&world, 1, "X"), 0); /* all have it: it tells nothing */
    put_brand(&world, 2, "Y");
    runtime_world_settle(&world, 0);
    EXPECT_EQ(similar_count(&world, 1, "X"), 2); /* those of the other loop do not */
    EXPECT_EQ(similar_count(&world, 2, "X"), 0);
    EXPECT_EQ(similar_count(&world, 2, "Y"), 1);
    runtime_world_stop(&world);
    runtime_world_start(&world);
    EXPECT_EQ(similar_count(&world, 1, "X"), 2);
    runtime_world_stop(&world);
    runtime_world_close(&world);
}

/* --- Holds over several shards -------------------------------------------------------- */

/* Proposes, and asks for the outcome until it is there. */
static enum status decided(struct runtime_world *world, struct inventory_command *command,
                           uint64_t request, uint64_t shard_id,
                           struct inventory_hold_id *hold_id)
{
    struct runtime_call call;
    enum status status;
    runtime_call_init(world, &call);
    runtime_call_command(&call, command, request, shard_id);
    EXPECT_OK(runtime_submit(world->runtime, &call.call));
    runtime_call_wait(&call);
    EXPECT_OK(call.call.status);
    status = call.outcome.status;
    *hold_id = call.outcome.inventory.hold.hold_id;
    if (call.outcome.inventory.pending || call.outcome.inventory.hold.unsettled) {
        struct runtime_call asked;
        runtime_call_init(world, &asked);
        asked.query = (struct replica_query){
            .kind = REPLICA_QUERY_INVENTORY,
            .inventory = {.kind = INVENTORY_QUERY_OUTCOME, .asked = command}};
        runtime_call_query(&asked, shard_id);
        EXPECT_OK(runtime_submit(world->runtime, &asked.call));
        runtime_call_wait(&asked);
        EXPECT_OK(asked.call.status);
        EXPECT(!asked.answer.inventory.outcome->pending);
        EXPECT_EQ(asked.answer.inventory.pending_count, 0);
        status = asked.answer.inventory.outcome->status;
        runtime_call_close(&asked);
    }
    runtime_call_close(&call);
    return status;
}

TEST(runtime, carries_holds_over_the_shards_of_two_loops)
{
    static struct runtime_world world;
    const char *ids[2] = {NULL, NULL};
    runtime_world_open(&world, 2, 2, 0);
    runtime_world_start(&world);
    runtime_world_stock(&world, skus, 8);
    for (unsigned i = 0; i < 8; i++) {
        ids[runtime_world_shard(&world, skus[i]) - 1] = skus[i];
    }
    EXPECT(ids[0] != NULL && ids[1] != NULL);
    for (uint64_t round = 0; round < 40; round++) {
        unsigned home = (unsigned)(round % 2);
        struct inventory_hold_line lines[2];
        struct inventory_command command = {.kind = INVENTORY_HOLD_CREATE};
        struct inventory_hold_id id, same;
        for (unsigned i = 0; i < 2; i++) {
            struct runtime_call call;
            runtime_call_init(&world, &call);
            runtime_call_adjust(&call, ids[i], 3, 20000 + round * 10 + i);
            EXPECT_OK(runtime_submit(world.runtime, &call.call));
            runtime_call_wait(&call);
            EXPECT_OK(call.outcome.status);
            runtime_call_close(&call);
            lines[i] = (struct inventory_hold_line){
                .sku_id = slice_from_string(ids[i ^ home]), .quantity = 3};
        }
        command.hold_create = (struct inventory_hold_create){
            .lines = lines,
            .line_count = 2,
            .mode = HOLD_MODE_ALL_OR_NOTHING,
            .ttl_kind = HOLD_TTL_DURATION,
            .ttl_ms = 60000,
            .life_max_ms = 600000,
            .owner_holds_max = 10,
            .lines_max = 10,
            .nonce = round,
            .prepare_ms = 60000,
        };
        EXPECT_OK(decided(&world, &command, 30000 + round * 10, home + 1, &id));
        command = (struct inventory_command){.kind = INVENTORY_HOLD_COMMIT,
                                             .hold_change = {.hold_id = id}};
        EXPECT_OK(decided(&world, &command, 30001 + round * 10, home + 1, &same));
        command.kind = INVENTORY_HOLD_FULFIL;
        EXPECT_OK(decided(&world, &command, 30002 + round * 10, home + 1, &same));
    }
    EXPECT_EQ(runtime_world_on_hand(&world, ids[0]), 0);
    EXPECT_EQ(runtime_world_on_hand(&world, ids[1]), 0);
    runtime_world_stop(&world);
    runtime_world_close(&world);
}
