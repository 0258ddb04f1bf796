/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A snapshot of a shard with everything in it, sent to an empty replica, which dies at
 * every point on the way: what it opens with in the end is what a replica that applied the
 * log has.
 */
#include "shard/replica/install.h"

#include "shard/replica/sending.h"
#include "shard/storage/segment_log.h"
#include "tests/lib/shard_world.h"
#include "tests/lib/test.h"

enum {
    RECEIVER = 77,
    CHUNK_BYTES = 256,
    EVENTS_MAX = 20000,
};

struct source {
    struct shard_world world;
    struct sending sending;
    uint64_t shard_id;
    enum replica_kind kind;
};

/* The node that receives; it dies when `left` events are over, once. */
struct target {
    struct crash_files *files;
    struct log_store *log;
    struct store *store;
    struct install install;
    struct moment now;
    const struct source *of;
    uint64_t left;
    uint64_t events;
    struct rng rng;
    unsigned installs; /* times that the state was loaded */
};

/* --- The source ------------------------------------------------------------------------- */

static void source_fill_stock(struct shard_world *world)
{
    struct inventory_outcome outcome;
    for (unsigned i = 0; i < 20; i++) {
        char sku_id[16];
        snprintf(sku_id, sizeof sku_id, "SKU-%u", i);
        world_stock(world, sku_id, 10 + i);
        struct inventory_hold_line line = {.sku_id = slice_from_string(sku_id),
                                           .quantity = 2};
        struct inventory_command hold = world_hold(world, &line, 60000 + i, 5000 + i);
        EXPECT_OK(world_apply(world, &hold, &outcome));
    }
}

static void source_fill_events(struct shard_world *world)
{
    for (unsigned i = 0; i < 40; i++) {
        char event_id[16], sku_id[16];
        snprintf(event_id, sizeof event_id, "e%u", i);
        snprintf(sku_id, sizeof sku_id, "SKU-%u", i % 7);
        struct customer_event event =
            world_event(event_id, i % 5, sku_id, world->now.wall_ms - 1000 * i);
        event.kind = i % 3 == 0 ? CUSTOMER_EVENT_PURCHASE : CUSTOMER_EVENT_VIEW;
        struct customer_command command = {
            .kind = CUSTOMER_RECORD, .record = {.events = &event, .event_count = 1}};
        struct world_call call;
        world_call_init(&call);
        world_call_add_customer(&call, &command);
        world_propose(world, &call, WORLD_CUSTOMER_SHARD);
        world_run(world);
        EXPECT_OK(call.call.status);
        world_call_close(&call);
    }
}

static void source_open(struct source *source, enum replica_kind kind)
{
    struct shard_world *world = &source->world;
    world_open(world);
    source->kind = kind;
    source->shard_id = kind == REPLICA_SKU ? WORLD_SKU_SHARD : WORLD_CUSTOMER_SHARD;
    sending_init(&source->sending, CHUNK_BYTES);
    source_fill_stock(world);
    source_fill_events(world);
    sending_want(&source->sending, world->now);
    EXPECT(world_collect_state(world, true));
    struct replica_status status;
    replica_status(world_replica(world, source->shard_id), &status);
    const struct raft_member member = {.replica_id = RECEIVER, .role = RAFT_VOTER};
    struct raft_members members;
    struct buffer bytes;
    buffer_init(&bytes);
    EXPECT_OK(raft_members_make(&members, &member, 1));
    raft_members_encode(&members, &bytes);
    const struct snapshot_manifest head = {
        .members = buffer_slice(&bytes),
        .shard_id = source->shard_id,
        .table = kind == REPLICA_SKU ? KEY_TABLE_SKU : KEY_TABLE_CUSTOMER,
        .range_version = 1,
        .member_version = 1,
        .feature_level = 1,
        .index = status.applied_index,
        .term = 1,
        .log_time_ms = status.log_time_ms,
    };
    sending_collect_state(&source->sending, &world->state, &head);
    buffer_close(&bytes);
    EXPECT(world_write_state(world));
    sending_state_written(&source->sending);
    while (source->sending.stage == SENDING_CUTTING) {
        EXPECT_OK(sending_step(&source->sending, world->now));
    }
    EXPECT_EQ(source->sending.stage, SENDING_READY);
}

static void source_close(struct source *source)
{
    sending_close(&source->sending);
    world_close(&source->world);
}

/* --- The target ------------------------------------------------------------------------- */

static void target_boot(struct target *target)
{
    const struct segment_log_options log = {.fs = crash_files_system(target->files),
                                            .folder = "/log",
                                            .segment_bytes = WORLD_SEGMENT_BYTES_DEFAULT,
                                            .fresh_log_id = 42};
    EXPECT_OK(segment_log_open(&log, NULL, &target->log));
    const struct install_options options = {
        .store = target->store,
        .shard_id = target->of->shard_id,
        .replica_id = RECEIVER,
        .table = target->of->kind == REPLICA_SKU ? KEY_TABLE_SKU : KEY_TABLE_CUSTOMER,
        .bytes_per_s = 1 << 30,
        .feature_level = 1,
    };
    install_init(&target->install, &options);
    struct buffer note;
    buffer_init(&note);
    if (log_store_note(target->log, RECEIVER, &note) == STATUS_OK && note.size > 0) {
        EXPECT_OK(install_resume(&target->install, buffer_slice(&note)));
    }
    buffer_close(&note);
}

/* What a former life of the replica left in its ranges, and has to go. */
static void target_stale_key(const struct target *target, struct buffer *key)
{
    key_append_order(key, &(struct key_order){target->of->shard_id, 3, 9});
}

static void target_lay_stale(struct target *target)
{
    struct store_batch batch;
    struct buffer key;
    buffer_init(&key);
    store_batch_init(&batch);
    target_stale_key(target, &key);
    store_batch_put(&batch, buffer_slice(&key), slice_from_string("stale"));
    EXPECT_OK(store_write(target->store, &batch));
    EXPECT_OK(store_flush(target->store));
    store_batch_close(&batch);
    buffer_close(&key);
}

/* Without a marker, and with the old log, the state has to be the old one. */
static void target_check_old(struct target *target)
{
    struct log_bounds bounds = {0};
    struct buffer key, value;
    enum status status = log_store_bounds(target->log, RECEIVER, &bounds);
    if (install_freezes(&target->install) ||
        (status == STATUS_OK && bounds.last_index > 0)) {
        return;
    }
    buffer_init(&key);
    buffer_init(&value);
    target_stale_key(target, &key);
    EXPECT_OK(store_get(target->store, NULL, buffer_slice(&key), &value));
    buffer_close(&key);
    buffer_close(&value);
}

static void target_open(struct target *target, const struct source *of, uint64_t seed,
                        uint64_t die_at)
{
    memset(target, 0, sizeof *target);
    target->files = crash_files_new(0);
    target->store = memory_store_new();
    target->of = of;
    target->left = die_at;
    target->now = of->world.now;
    rng_init(&target->rng, seed);
    target_boot(target);
    target_lay_stale(target);
}

static void target_close(struct target *target)
{
    install_close(&target->install);
    log_store_close(target->log);
    store_close(target->store);
    crash_files_free(target->files);
}

static void target_die(struct target *target)
{
    install_close(&target->install);
    crash_files_crash(target->files, &target->rng);
    log_store_close(target->log);
    memory_store_crash(target->store, &target->rng);
    target->left = UINT64_MAX;
    target_boot(target);
    target_check_old(target);
}

/* One event more; true when the node dies in it. */
static bool target_event(struct target *target)
{
    target->events++;
    if (target->left == 0) {
        target_die(target);
        return true;
    }
    target->left -= target->left != UINT64_MAX;
    return false;
}

static void target_message(struct target *target, struct sending *sending)
{
    struct peer_message ask, answer;
    struct snapshot_head head;
    EXPECT(sending_head(sending, &head));
    install_begin(&target->install, target->now, 1, &head);
    if (!install_asks(&target->install, target->now, &ask)) {
        target->now.monotonic_us += 1000;
        return;
    }
    if (target_event(target)) {
        return;
    }
    EXPECT_OK(sending_answer(sending, target->now, &ask, &answer));
    answer.from_replica_id = 1;
    install_take(&target->install, target->now, &answer);
}

static void target_state(struct target *target)
{
    struct store_batch batch;
    store_batch_init(&batch);
    install_collect_state(&target->install, &batch);
    size_t steps = memory_store_steps(&batch) + 1;
    if (target->left < steps) {
        /* Somewhere in it, or right behind it, before the replica hears of it. */
        memory_store_stop_after(target->store, target->left);
        enum status status = store_write(target->store, &batch);
        EXPECT(status == STATUS_OK || status == STATUS_IO);
        target_die(target);
    } else {
        target->left -= target->left != UINT64_MAX ? steps : 0;
        EXPECT_OK(store_write(target->store, &batch));
        target->installs += install_state_written(&target->install);
    }
    target->events += steps;
    store_batch_close(&batch);
}

static bool target_log(struct target *target)
{
    struct log_batch batch;
    bool done = false;
    log_batch_init(&batch);
    if (target->install.stage == INSTALL_LOADED) {
        log_batch_add_reset(&batch, RECEIVER, target->install.manifest.index,
                            target->install.manifest.term);
        log_batch_add_state(&batch, RECEIVER, 1, 0, target->install.manifest.index);
    }
    install_collect_log(&target->install, &batch);
    if (!target_event(target)) {
        if (!log_batch_empty(&batch)) {
            EXPECT_OK(log_store_append(target->log, &batch));
        }
        if (!target_event(target)) {
            done = install_log_written(&target->install);
        }
    }
    log_batch_close(&batch);
    return done;
}

/* Until the snapshot is installed and its files are swept. */
static void target_run(struct target *target, struct sending *sending)
{
    bool done = false;
    for (unsigned i = 0; i < EVENTS_MAX; i++) {
        if (install_state_ready(&target->install)) {
            target_state(target);
        } else if (install_log_ready(&target->install)) {
            done = target_log(target) || done;
        } else if (!done && !install_freezes(&target->install)) {
            /* Done before it died: the log tells, as a leader would. */
            struct log_bounds bounds = {0};
            done = log_store_bounds(target->log, RECEIVER, &bounds) == STATUS_OK &&
                   bounds.last_index > 0;
            if (!done) {
                target_message(target, sending);
            }
        } else if (memory_store_file_count(target->store) > 0) {
            target->now.monotonic_us += INSTALL_SWEEP_US;
            install_tick(&target->install, target->now);
        } else {
            return;
        }
    }
    test_fail(__FILE__, __LINE__, "the install does not come to an end");
}

static struct replica *target_replica(struct target *target)
{
    const struct replica_options options = {
        .store = target->store,
        .log = target->log,
        .settings = &target->of->world.settings,
        .kind = target->of->kind,
        .shard_id = target->of->shard_id,
        .replica_id = RECEIVER,
        .range_epoch = 1,
        .hash_seed = WORLD_HASH_SEED,
    };
    struct replica *replica = NULL;
    struct problem problem;
    if (replica_open(&options, target->now, &problem, &replica) != STATUS_OK) {
        test_fail(__FILE__, __LINE__, "%s", problem.message);
    }
    return replica;
}

/* True when the replica that comes out is the same as the source's. */
static bool target_same(struct target *target, struct source *source)
{
    struct replica *replica = target_replica(target);
    struct replica_status status, wanted;
    replica_status(replica, &status);
    replica_status(world_replica(&source->world, source->shard_id), &wanted);
    bool same =
        replica_digest(replica) == world_digest(&source->world, source->shard_id) &&
        status.applied_index == wanted.applied_index &&
        status.log_time_ms == wanted.log_time_ms;
    replica_close(replica);
    return same;
}

static void install_and_compare(enum replica_kind kind)
{
    struct source source;
    struct target target;
    source_open(&source, kind);
    target_open(&target, &source, 0, UINT64_MAX);
    target_run(&target, &source.sending);
    EXPECT_EQ(target.installs, 1);
    EXPECT(target_same(&target, &source));
    struct log_bounds bounds;
    EXPECT_OK(log_store_bounds(target.log, RECEIVER, &bounds));
    EXPECT_EQ(bounds.last_index, source.sending.head.index);
    EXPECT_EQ(bounds.commit, source.sending.head.index);
    EXPECT(!bounds.noted);
    target_close(&target);
    source_close(&source);
}

TEST(install, of_a_sku_shard_is_what_its_log_would_have_made)
{
    install_and_compare(REPLICA_SKU);
}

TEST(install, of_a_customer_shard_brings_all_that_recommendations_read)
{
    install_and_compare(REPLICA_CUSTOMER);
}

TEST(install, is_whole_wherever_the_node_dies_on_the_way)
{
    struct source source;
    struct target target;
    unsigned repeated = 0;
    source_open(&source, REPLICA_SKU);
    target_open(&target, &source, 0, UINT64_MAX);
    target_run(&target, &source.sending);
    uint64_t events = target.events;
    target_close(&target);
    EXPECT(events > 60);
    for (uint64_t die_at = 0; die_at <= events; die_at++) {
        target_open(&target, &source, die_at, die_at);
        target_run(&target, &source.sending);
        if (!target_same(&target, &source)) {
            test_fail(__FILE__, __LINE__, "dead at event %" PRIu64, die_at);
        }
        repeated += target.installs > 1;
        target_close(&target);
    }
    EXPECT(repeated > 0); /* a marker was found, and the install repeated */
    source_close(&source);
}

TEST(install, of_another_range_or_shard_is_refused)
{
    struct source source;
    struct target target;
    source_open(&source, REPLICA_SKU);
    target_open(&target, &source, 0, UINT64_MAX);
    target.install.options.range.end = 12345;
    for (unsigned i = 0; i < 100 && target.install.refused == 0; i++) {
        target_message(&target, &source.sending);
    }
    EXPECT_EQ(target.install.refused, 1);
    EXPECT_EQ(target.install.stage, INSTALL_IDLE);
    EXPECT(!install_state_ready(&target.install));
    target_close(&target);
    source_close(&source);
}

TEST(install, gives_up_on_a_sender_that_falls_silent_and_keeps_what_it_has)
{
    struct source source;
    struct target target;
    struct peer_message ask;
    source_open(&source, REPLICA_SKU);
    target_open(&target, &source, 0, UINT64_MAX);
    for (unsigned i = 0; i < 20; i++) {
        target_message(&target, &source.sending);
        if (install_state_ready(&target.install)) {
            target_state(&target);
        }
    }
    size_t files = memory_store_file_count(target.store);
    EXPECT(files > 0);
    unsigned asked = 0;
    for (unsigned i = 0; i < 200 && target.install.stage == INSTALL_RECEIVING; i++) {
        target.now.monotonic_us += 100 * 1000;
        asked += install_asks(&target.install, target.now, &ask);
    }
    EXPECT_EQ(target.install.stage, INSTALL_IDLE);
    EXPECT(asked > 5 && asked < 30); /* every half a second, for ten */
    EXPECT_EQ(memory_store_file_count(target.store), files);
    target_run(&target, &source.sending);
    EXPECT(target_same(&target, &source));
    target_close(&target);
    source_close(&source);
}

TEST(install, keeps_to_the_pace)
{
    struct source source;
    struct target target;
    source_open(&source, REPLICA_SKU);
    target_open(&target, &source, 0, UINT64_MAX);
    target.install.options.bytes_per_s = 1000;
    struct moment start = target.now;
    target_run(&target, &source.sending);
    uint64_t seconds =
        (target.now.monotonic_us - start.monotonic_us - INSTALL_SWEEP_US) / 1000000;
    uint64_t bytes = 0;
    const struct snapshot_manifest *manifest =
        snapshot_maker_manifest(source.sending.maker);
    for (uint32_t i = 0; i < manifest->chunk_count; i++) {
        bytes += manifest->chunks[i].bytes;
    }
    EXPECT(seconds >= bytes / 1000 - 2 && seconds <= bytes / 1000 + 10);
    target_close(&target);
    source_close(&source);
}
