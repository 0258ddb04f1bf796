/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/crash/crash_model.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shard/base/assert.h"
#include "tests/lib/shard_world.h"

enum {
    SKUS = 6,
    START_UNITS = 1000,
    THING_ADD,   /* one unit arrives */
    THING_HOLD,  /* one unit is held, and committed by the next thing */
    THING_EVENT, /* a customer looks at something */
    THING_VISIT, /* the writer's own customer does */
    THING_ERASE, /* and is erased */
    THING_KINDS = 5,
    CUSTOMERS = 5,
    HOLD_TTL_MS = 3600000,
    STEPS_MAX = 1000000,
};

/* What one SKU must show: things told done, and things asked whose end is not known. */
#define START_MS INT64_C(1780000000000)

struct account {
    int64_t added, maybe_added;
    int64_t held, maybe_held;
};

struct writer {
    unsigned next; /* thing */
    bool asking;   /* a call of this process life is out */
    bool asked;    /* at least once */
    int64_t own;   /* events of the writer's own customer, as far as was answered */
    struct world_call call;
};

struct crash_test {
    const struct crash_plan *plan;
    struct crash_report *report;
    struct shard_world world;
    struct rng rng;
    struct writer writers[CRASH_WRITERS_MAX];
    struct account accounts[SKUS];
    int64_t events, maybe_events;
};

static void crash_unsound(struct crash_test *test, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void crash_unsound(struct crash_test *test, const char *format, ...)
{
    if (!test->report->sound) {
        return;
    }
    test->report->sound = false;
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(test->report->why, CRASH_WHY_BYTES, format, arguments);
    va_end(arguments);
}

static const char *sku_name(unsigned sku)
{
    static const char *const names[SKUS] = {"A", "B", "C", "D", "E", "F"};
    return names[sku];
}

/* --- Things ------------------------------------------------------------------------ */

/* What a thing is follows from who does it and the how manyeth it is. */
static uint64_t thing_id(unsigned writer, unsigned thing)
{
    return 1000000 + writer * 10000u + thing;
}

static unsigned thing_sku(unsigned writer, unsigned thing)
{
    return (unsigned)(hash_mix(thing_id(writer, thing)) % SKUS);
}

static unsigned thing_kind(unsigned writer, unsigned thing)
{
    return THING_ADD + (unsigned)(hash_mix(thing_id(writer, thing) + 7) % THING_KINDS);
}

static void account_change(struct crash_test *test, unsigned writer, unsigned thing,
                           int64_t known, int64_t maybe)
{
    struct account *account = &test->accounts[thing_sku(writer, thing)];
    switch (thing_kind(writer, thing)) {
    case THING_ADD:
        account->added += known;
        account->maybe_added += maybe;
        break;
    case THING_HOLD:
        account->held += known;
        account->maybe_held += maybe;
        break;
    case THING_VISIT:
        test->writers[writer].own += known;
        break;
    case THING_ERASE:
        test->writers[writer].own = known != 0 ? 0 : test->writers[writer].own;
        break;
    default:
        test->events += known;
        test->maybe_events += maybe;
        break;
    }
}

static struct hash128 writer_customer(unsigned number)
{
    return world_event("", CUSTOMERS + number, "A", 0).customer;
}

static void writer_add_erase(struct world_call *call, unsigned number, uint64_t id)
{
    struct customer_command command = {.kind = CUSTOMER_ERASE,
                                       .identity = {.kind = CUSTOMER_IDENTITY_REQUEST,
                                                    .request_id = {id, 5},
                                                    .request_ms = START_MS},
                                       .erase = {.customer = writer_customer(number)}};
    command.identity.anchor = customer_hash(command.erase.customer);
    command.identity.fingerprint = customer_erase_fingerprint(&command.erase);
    world_call_add_customer(call, &command);
}

static void writer_ask(struct crash_test *test, unsigned number)
{
    struct writer *writer = &test->writers[number];
    struct shard_world *world = &test->world;
    uint64_t id = thing_id(number, writer->next);
    unsigned kind = thing_kind(number, writer->next);
    const char *sku = sku_name(thing_sku(number, writer->next));
    uint64_t shard_id = WORLD_SKU_SHARD;
    char event_id[32];
    world_call_init(&writer->call);
    if (kind == THING_ERASE) {
        writer_add_erase(&writer->call, number, id);
        shard_id = WORLD_CUSTOMER_SHARD;
    } else if (kind == THING_EVENT || kind == THING_VISIT) {
        uint64_t customer = kind == THING_VISIT ? CUSTOMERS + number : id % CUSTOMERS;
        snprintf(event_id, sizeof event_id, "e-%u", (unsigned)id);
        struct customer_event event =
            world_event(event_id, customer, sku, START_MS + (int64_t)id);
        struct customer_command command = {
            .kind = CUSTOMER_RECORD, .record = {.events = &event, .event_count = 1}};
        world_call_add_customer(&writer->call, &command);
        shard_id = WORLD_CUSTOMER_SHARD;
    } else {
        struct inventory_hold_line line = {.sku_id = slice_from_string(sku),
                                           .location_id = slice_from_string("L"),
                                           .quantity = 1};
        struct inventory_command command =
            kind == THING_ADD ? world_adjust(world, sku, 1, id)
                              : world_hold(world, &line, HOLD_TTL_MS, id);
        command.identity.request_ms = START_MS;
        world_call_add_sku(&writer->call, &command);
    }
    world_propose(world, &writer->call, shard_id);
    if (!writer->asked) {
        account_change(test, number, writer->next, 0, 1);
    }
    test->report->asked_again += writer->asked;
    writer->asked = true;
    writer->asking = true;
}

static bool outcome_replayed(const struct replica_outcome *outcome)
{
    return outcome->kind == REPLICA_SKU
               ? outcome->inventory.replayed
               : outcome->customer.replayed || outcome->customer.duplicates > 0;
}

static void writer_listen(struct crash_test *test, unsigned number)
{
    struct writer *writer = &test->writers[number];
    if (!writer->asking || !writer->call.done) {
        return;
    }
    const struct replica_outcome *outcome = &writer->call.outcomes[0];
    enum status status = writer->call.call.status;
    status = status == STATUS_OK ? outcome->status : status;
    if (status != STATUS_OK) {
        crash_unsound(test, "thing %u of writer %u ended %s", writer->next, number,
                      status_name(status));
    } else {
        test->report->replayed += outcome_replayed(outcome);
    }
    world_call_close(&writer->call);
    account_change(test, number, writer->next, 1, -1);
    test->report->things++;
    writer->asking = false;
    writer->asked = false;
    writer->next++;
}

/* --- What the node must say -------------------------------------------------------- */

static void check_between(struct crash_test *test, const char *what, int64_t value,
                          int64_t least, int64_t more)
{
    if (value < least || value > least + more) {
        crash_unsound(test, "%s is %lld, not within %lld and %lld", what,
                      (long long)value, (long long)least, (long long)(least + more));
    }
}

/* What of its own customer a writer was told, and may find beside that. */
static void writer_bounds(const struct crash_test *test, unsigned number,
                          int64_t *out_least, int64_t *out_most)
{
    const struct writer *writer = &test->writers[number];
    unsigned kind = writer->asked ? thing_kind(number, writer->next) : 0;
    *out_least = kind == THING_ERASE ? 0 : writer->own;
    *out_most = writer->own + (kind == THING_VISIT);
}

/* Events that can be read: those from before an erasure never come back. */
static int64_t writer_events(struct shard_world *world, unsigned number)
{
    struct world_call call;
    world_call_init(&call);
    call.query = (struct replica_query){
        .kind = REPLICA_QUERY_HISTORY,
        .customer = {.customer = writer_customer(number), .count = CUSTOMER_HISTORY_MAX}};
    world_read(world, &call, WORLD_CUSTOMER_SHARD);
    world_run(world);
    ASSERT(call.done);
    int64_t count =
        call.call.status == STATUS_OK ? (int64_t)call.answer.history.event_count : 0;
    ASSERT(call.call.status == STATUS_OK || call.call.status == STATUS_NOT_FOUND);
    world_call_close(&call);
    return count;
}

static void crash_check(struct crash_test *test)
{
    int64_t own_least = 0, own_most = 0;
    struct shard_world *world = &test->world;
    for (unsigned i = 0; i < SKUS; i++) {
        struct account *account = &test->accounts[i];
        struct inventory_level level = world_level(world, sku_name(i));
        check_between(test, "on_hand", level.buckets[STOCK_BUCKET_ON_HAND],
                      START_UNITS + account->added, account->maybe_added);
        check_between(test, "held", level.buckets[STOCK_BUCKET_HELD], account->held,
                      account->maybe_held);
    }
    for (unsigned i = 0; i < test->plan->writers; i++) {
        int64_t least, most;
        writer_bounds(test, i, &least, &most);
        check_between(test, "own events", writer_events(world, i), least, most - least);
        own_least += least;
        own_most += most;
    }
    struct replica_status status;
    replica_status(world_replica(world, WORLD_CUSTOMER_SHARD), &status);
    check_between(test, "events", (int64_t)status.customer.events,
                  test->events + own_least, test->maybe_events + own_most - own_least);
}

/* The whole log into an empty state makes the same shard, if the log still has it all. */
static void check_replay(struct crash_test *test, uint64_t shard_id,
                         enum replica_kind kind)
{
    struct shard_world *world = &test->world;
    struct log_bounds bounds;
    if (log_store_bounds(world->log, shard_id, &bounds) != STATUS_OK ||
        bounds.first_index != 1) {
        return;
    }
    struct store *empty = memory_store_new();
    struct replica_options options = {
        .store = empty,
        .log = world->log,
        .settings = &world->settings,
        .kind = kind,
        .shard_id = shard_id,
        .replica_id = shard_id,
        .range_epoch = 1,
        .hash_seed = WORLD_HASH_SEED,
    };
    struct replica *twin;
    enum status status = replica_open(&options, world->now, NULL, &twin);
    if (status != STATUS_OK) {
        crash_unsound(test, "the log does not replay: %s", status_name(status));
    } else {
        if (replica_digest(twin) != world_digest(world, shard_id)) {
            crash_unsound(test, "shard %u differs from its log", (unsigned)shard_id);
        }
        replica_close(twin);
    }
    store_close(empty);
}

/* --- The run ----------------------------------------------------------------------- */

static void crash_restart(struct crash_test *test)
{
    for (unsigned i = 0; i < test->plan->writers; i++) {
        if (test->writers[i].asking) {
            test->writers[i].asking = false;
            world_call_close(&test->writers[i].call);
        }
    }
    if (test->plan->lose_power) {
        world_crash(&test->world, &test->rng);
    } else {
        world_kill(&test->world);
    }
    test->report->crashes++;
    world_pass_ms(&test->world, rng_below(&test->rng, 2000));
    enum status status = world_boot(&test->world);
    if (status != STATUS_OK) {
        crash_unsound(test, "the node does not start: %s", status_name(status));
        return;
    }
    check_replay(test, WORLD_SKU_SHARD, REPLICA_SKU);
    check_replay(test, WORLD_CUSTOMER_SHARD, REPLICA_CUSTOMER);
    crash_check(test);
}

static void crash_step(struct crash_test *test)
{
    struct shard_world *world = &test->world;
    unsigned writer = (unsigned)rng_below(&test->rng, test->plan->writers);
    switch (rng_below(&test->rng, 6)) {
    case 0:
    case 1:
        if (!test->writers[writer].asking &&
            test->writers[writer].next < test->plan->things) {
            writer_ask(test, writer);
        }
        break;
    case 2:
        (void)world_collect(world);
        break;
    case 3:
        (void)world_write_log(world);
        break;
    case 4:
        (void)world_finish(world);
        for (unsigned i = 0; i < test->plan->writers; i++) {
            writer_listen(test, i);
        }
        break;
    default:
        world_pass_ms(world, rng_below(&test->rng, 20));
        if (rng_below(&test->rng, 100) < test->plan->flush_percent) {
            (void)world_collect_state(world, rng_below(&test->rng, 2) == 0);
        }
        if (rng_below(&test->rng, 100) < test->plan->flush_percent) {
            (void)world_write_state(world);
            world_persist(world, rng_below(&test->rng, 4) == 0);
            enum status status = log_store_mark_idle(world->log);
            ASSERT(status == STATUS_OK);
        }
        break;
    }
}

static bool crash_finished(const struct crash_test *test)
{
    for (unsigned i = 0; i < test->plan->writers; i++) {
        if (test->writers[i].next < test->plan->things) {
            return false;
        }
    }
    return true;
}

void crash_run(const struct crash_plan *plan, struct crash_report *out_report)
{
    ASSERT(plan->writers <= CRASH_WRITERS_MAX);
    struct crash_test test = {.plan = plan, .report = out_report};
    *out_report = (struct crash_report){.sound = true};
    rng_init(&test.rng, plan->seed);
    world_open(&test.world);
    world_kill(&test.world);
    test.world.segment_bytes = plan->segment_bytes;
    enum status status = world_boot(&test.world);
    ASSERT(status == STATUS_OK);
    for (unsigned i = 0; i < SKUS; i++) {
        world_stock(&test.world, sku_name(i), START_UNITS);
    }
    crash_files_ignore_syncs(test.world.files, plan->ignore_syncs);
    uint64_t span = (uint64_t)plan->writers * plan->things * 6 / (plan->crashes + 1) + 1;
    uint64_t next_crash = 1 + rng_below(&test.rng, span);
    for (uint64_t step = 0; step < STEPS_MAX && out_report->sound; step++) {
        if (crash_finished(&test)) {
            break;
        }
        if (out_report->crashes < plan->crashes && step == next_crash) {
            crash_restart(&test);
            next_crash = step + 1 + rng_below(&test.rng, span);
        } else {
            crash_step(&test);
        }
    }
    if (out_report->sound) {
        crash_restart(&test); /* and once more at the end: everything is exact now */
    }
    world_close(&test.world);
    for (unsigned i = 0; i < plan->writers; i++) {
        if (test.writers[i].asking) {
            world_call_close(&test.writers[i].call);
        }
    }
}
