/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/runtime.h"

#include <stdlib.h>

#include "server/runtime/loop.h"
#include "server/runtime/system_clock.h"
#include "shard/base/assert.h"
#include "shard/base/map.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

/* Where a shard lives; never changes after runtime_start. */
struct runtime_place {
    struct map_node node; /* by shard id */
    uint64_t shard_id;
    enum replica_kind kind;
    struct key_range range;
    struct loop *loop;
};

struct runtime {
    const struct settings *settings;
    struct loop *loops;
    unsigned loop_count;
    struct runtime_place *places;
    size_t place_count;
    struct map by_shard; /* read by any thread once started */
    struct log_writer log_writer;
    struct apply_writer apply_writer;
    struct search_pool search_pool;
    size_t queue_share_bytes; /* proposal_queue_max_bytes, of each loop */
    _Atomic(bool) draining;
    _Atomic(size_t) tasks_pending;
};

static bool runtime_place_equal(const struct map_node *node, const void *key)
{
    const uint64_t *shard_id = key;
    return CONTAINER_OF(node, struct runtime_place, node)->shard_id == *shard_id;
}

static struct runtime_place *runtime_find(const struct runtime *runtime,
                                          uint64_t shard_id)
{
    struct map_node *node =
        map_find(&runtime->by_shard, hash_mix(shard_id), runtime_place_equal, &shard_id);
    return node != NULL ? CONTAINER_OF(node, struct runtime_place, node) : NULL;
}

/* --- Start ------------------------------------------------------------------------- */

static enum status runtime_open_shard(struct runtime *runtime,
                                      const struct runtime_options *options,
                                      const struct runtime_shard *shard,
                                      struct problem *problem)
{
    struct loop *loop = &runtime->loops[runtime->place_count % runtime->loop_count];
    struct replica_options replica = {
        .store = options->store,
        .log = options->log,
        .settings = options->settings,
        .kind = shard->kind,
        .shard_id = shard->shard_id,
        .replica_id = shard->replica_id,
        .range = shard->range,
        .range_epoch = shard->range_epoch,
        .hash_seed = options->hash_seed,
    };
    struct replica *opened;
    TRY(replica_open(&replica, system_clock_now(), problem, &opened));
    enum status status = host_add(loop->host, &opened);
    if (status != STATUS_OK) {
        replica_close(opened);
        return problem_set(problem, status, "", "shard %llu is named twice",
                           (unsigned long long)shard->shard_id);
    }
    struct runtime_place *place = &runtime->places[runtime->place_count++];
    place->shard_id = shard->shard_id;
    place->kind = shard->kind;
    place->range = shard->range;
    place->loop = loop;
    map_insert(&runtime->by_shard, &place->node, hash_mix(shard->shard_id));
    return STATUS_OK;
}

/* What the opened replicas know goes into every table before any thread reads one. */
static void runtime_first_degrees(struct runtime *runtime)
{
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        struct host_news news;
        while (host_take_degrees(runtime->loops[i].host, &news)) {
            for (unsigned k = 0; k < runtime->loop_count; k++) {
                host_tell_degrees(runtime->loops[k].host, &news);
            }
            degree_delta_close(&news.delta);
        }
    }
}

/* On the apply writer's thread. */
static void runtime_on_persisted(void *context, uint64_t shard_id, uint64_t index)
{
    struct runtime *runtime = context;
    struct runtime_place *place = runtime_find(runtime, shard_id);
    ASSERT(place != NULL);
    struct loop_persisted *persisted = memory_alloc(sizeof *persisted);
    persisted->shard_id = shard_id;
    persisted->index = index;
    loop_post_persisted(place->loop, persisted);
}

/* On the apply writer's thread, or in runtime_start. */
static void runtime_on_disk_full(void *context, bool full)
{
    struct runtime *runtime = context;
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        atomic_store_explicit(&runtime->loops[i].disk_full, full, memory_order_relaxed);
    }
}

static void runtime_start_threads(struct runtime *runtime,
                                  const struct runtime_options *options)
{
    uint64_t *shard_ids = memory_alloc(options->shard_count * sizeof *shard_ids);
    for (size_t i = 0; i < options->shard_count; i++) {
        shard_ids[i] = options->shards[i].shard_id;
    }
    struct apply_writer_options apply = {
        .store = options->store,
        .log = options->log,
        .shard_ids = shard_ids,
        .shard_count = options->shard_count,
        .disk_dir = options->disk_dir,
        .files = options->files != NULL ? options->files : file_system_posix(),
        .disk_full_percent = (unsigned)options->settings->disk_full_percent,
        .persist_interval_us = (uint64_t)options->settings->persist_interval_ms * 1000,
        .persisted = runtime_on_persisted,
        .disk_full = runtime_on_disk_full,
        .context = runtime,
    };
    log_writer_start(&runtime->log_writer, options->log);
    apply_writer_start(&runtime->apply_writer, &apply);
    search_pool_start(&runtime->search_pool, (unsigned)options->settings->search_workers,
                      (uint64_t)options->settings->search_hand_over_postings,
                      loop_post_searched);
    free(shard_ids);
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        runtime->loops[i].log_writer = &runtime->log_writer;
        runtime->loops[i].apply_writer = &runtime->apply_writer;
        runtime->loops[i].search_pool = &runtime->search_pool;
        loop_start(&runtime->loops[i]);
    }
}

static void runtime_free(struct runtime *runtime)
{
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        loop_close(&runtime->loops[i]);
    }
    map_close(&runtime->by_shard);
    free(runtime->places);
    free(runtime->loops);
    free(runtime);
}

enum status runtime_start(const struct runtime_options *options, struct problem *problem,
                          struct runtime **out_runtime)
{
    ASSERT(options->shard_count > 0 && options->shard_count <= RUNTIME_SHARDS_MAX);
    struct runtime *runtime = memory_zalloc(sizeof *runtime);
    runtime->settings = options->settings;
    runtime->loop_count = (unsigned)options->settings->shard_loops;
    runtime->queue_share_bytes = (size_t)options->settings->proposal_queue_max_bytes;
    runtime->loops = memory_zalloc(runtime->loop_count * sizeof *runtime->loops);
    runtime->places = memory_zalloc(options->shard_count * sizeof *runtime->places);
    map_init(&runtime->by_shard);
    atomic_init(&runtime->draining, false);
    atomic_init(&runtime->tasks_pending, 0);
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        loop_init(&runtime->loops[i], runtime, i, options->settings);
        runtime->loops[i].tasks_pending = &runtime->tasks_pending;
    }
    for (size_t i = 0; i < options->shard_count; i++) {
        enum status status =
            runtime_open_shard(runtime, options, &options->shards[i], problem);
        if (status != STATUS_OK) {
            runtime_free(runtime);
            return status;
        }
    }
    runtime_first_degrees(runtime);
    runtime_start_threads(runtime, options);
    *out_runtime = runtime;
    return STATUS_OK;
}

void runtime_stop(struct runtime *runtime)
{
    if (runtime == NULL) {
        return;
    }
    atomic_store(&runtime->draining, true);
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        loop_stop(&runtime->loops[i]);
    }
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        loop_join(&runtime->loops[i]);
    }
    search_pool_stop(&runtime->search_pool);
    log_writer_stop(&runtime->log_writer);
    apply_writer_stop(&runtime->apply_writer);
    runtime_free(runtime);
}

/* --- Hand-over --------------------------------------------------------------------- */

enum status runtime_submit(struct runtime *runtime, struct shard_call *call)
{
    const struct runtime_place *place = runtime_find(runtime, call->shard_id);
    if (place == NULL) {
        return STATUS_EPOCH_CHANGED;
    }
    struct loop *loop = place->loop;
    size_t bytes = shard_call_bytes(call);
    /* Counted first and looked at second, in one order with runtime_stop: once `draining`
     * is set and nothing is queued, no call will ever come again. */
    size_t before = atomic_fetch_add(&loop->queued_bytes, bytes);
    enum status status = STATUS_OK;
    if (atomic_load(&runtime->draining)) {
        status = STATUS_DRAINING;
    } else if (before + bytes > runtime->queue_share_bytes && before > 0) {
        metric_add(METRIC_PROPOSALS_OVERLOADED, 1);
        status = STATUS_OVERLOADED;
    }
    if (status != STATUS_OK) {
        atomic_fetch_sub(&loop->queued_bytes, bytes);
        return status;
    }
    call->queued_bytes = bytes;
    loop_post_call(loop, call);
    return STATUS_OK;
}

/* Calls first: a `done` may post a task before its call counts as finished, a task cannot
 * submit while the runtime drains. */
bool runtime_is_quiet(const struct runtime *runtime)
{
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        if (atomic_load(&runtime->loops[i].queued_bytes) != 0) {
            return false;
        }
    }
    return atomic_load(&runtime->tasks_pending) == 0;
}

bool runtime_owner(const struct runtime *runtime, enum replica_kind kind, uint64_t hash,
                   uint64_t *out_shard_id)
{
    for (size_t i = 0; i < runtime->place_count; i++) {
        const struct runtime_place *place = &runtime->places[i];
        if (place->kind == kind && key_range_contains(place->range, hash)) {
            *out_shard_id = place->shard_id;
            return true;
        }
    }
    return false;
}

unsigned runtime_loop_count(const struct runtime *runtime)
{
    return runtime->loop_count;
}

bool runtime_loop_of(const struct runtime *runtime, uint64_t shard_id, unsigned *out_loop)
{
    const struct runtime_place *place = runtime_find(runtime, shard_id);
    if (place == NULL) {
        return false;
    }
    *out_loop = place->loop->index;
    return true;
}

bool runtime_on_loop(const struct runtime *runtime, unsigned loop)
{
    ASSERT(loop < runtime->loop_count);
    return loop_is_current(&runtime->loops[loop]);
}

void runtime_post(struct runtime *runtime, unsigned loop, struct runtime_task *task)
{
    ASSERT(loop < runtime->loop_count);
    loop_post_task(&runtime->loops[loop], task);
}

void runtime_timer_set(struct runtime *runtime, unsigned loop,
                       struct runtime_timer *timer, uint64_t due_us)
{
    ASSERT(loop < runtime->loop_count);
    loop_timer_set(&runtime->loops[loop], timer, due_us);
}

void runtime_timer_clear(struct runtime *runtime, unsigned loop,
                         struct runtime_timer *timer)
{
    ASSERT(loop < runtime->loop_count);
    loop_timer_clear(&runtime->loops[loop], timer);
}

void runtime_watch(struct runtime *runtime, unsigned loop,
                   struct runtime_watcher *watcher)
{
    ASSERT(loop < runtime->loop_count);
    loop_watch(&runtime->loops[loop], watcher);
}

void runtime_unwatch(struct runtime_watcher *watcher)
{
    if (watcher->link.next != NULL) {
        list_remove(&watcher->link);
    }
}

/* --- Degrees ----------------------------------------------------------------------- */

/* News for all other loops; freed by the last of them. */
struct degrees_letter {
    _Atomic(unsigned) references;
    struct host_news news;
};

struct degrees_note {
    struct runtime_task task;
    struct shard_host *host;
    struct degrees_letter *letter;
};

static void runtime_take_note(struct runtime_task *task, struct moment now)
{
    (void)now;
    struct degrees_note *note = CONTAINER_OF(task, struct degrees_note, task);
    struct degrees_letter *letter = note->letter;
    host_tell_degrees(note->host, &letter->news);
    if (atomic_fetch_sub_explicit(&letter->references, 1, memory_order_acq_rel) == 1) {
        degree_delta_close(&letter->news.delta);
        free(letter);
    }
    free(note);
}

void runtime_publish_degrees(struct runtime *runtime, struct loop *from,
                             struct host_news *news)
{
    host_tell_degrees(from->host, news);
    if (runtime->loop_count == 1) {
        degree_delta_close(&news->delta);
        return;
    }
    struct degrees_letter *letter = memory_zalloc(sizeof *letter);
    letter->news = *news;
    atomic_init(&letter->references, runtime->loop_count - 1);
    for (unsigned i = 0; i < runtime->loop_count; i++) {
        struct loop *loop = &runtime->loops[i];
        if (loop == from) {
            continue;
        }
        struct degrees_note *note = memory_zalloc(sizeof *note);
        note->task.run = runtime_take_note;
        note->host = loop->host;
        note->letter = letter;
        loop_post_task(loop, &note->task);
    }
}

struct degree_table *runtime_degrees(struct runtime *runtime, unsigned loop,
                                     enum recommend_degrees kind)
{
    ASSERT(loop < runtime->loop_count);
    return host_degrees(runtime->loops[loop].host, kind);
}

struct trending *runtime_trending(struct runtime *runtime, unsigned loop)
{
    ASSERT(loop < runtime->loop_count);
    return host_trending(runtime->loops[loop].host);
}
