/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/watch_run.h"

#include <stdlib.h>
#include <string.h>

#include "server/coordinator/watch_token.h"
#include "server/service/check.h"
#include "server/service/watch_private.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

static void watch_pump(struct watch_part *part);

/* --- Ending ---------------------------------------------------------------------------- */

static void watch_free(struct watch *watch)
{
    for (unsigned p = 0; p < watch->part_count; p++) {
        arena_close(&watch->parts[p].arena);
        buffer_close(&watch->parts[p].list_next);
    }
    pthread_mutex_destroy(&watch->mutex);
    rpc_stream_unref(watch->stream);
    metric_gauge_add(METRIC_WATCHES_OPEN, -1);
    free(watch->places);
    free(watch->parts);
    free(watch);
}

static void watch_leave(struct watch *watch)
{
    bool last;
    pthread_mutex_lock(&watch->mutex);
    last = --watch->refs == 0;
    pthread_mutex_unlock(&watch->mutex);
    if (last) {
        watch_free(watch);
    }
}

static void watch_fail(struct watch *watch, enum status status)
{
    struct problem problem;
    problem_set(&problem, status, "", "%s", status_text(status));
    pthread_mutex_lock(&watch->mutex);
    watch_finish(watch, &problem);
    pthread_mutex_unlock(&watch->mutex);
}

static bool watch_is_over(struct watch *watch)
{
    bool over;
    pthread_mutex_lock(&watch->mutex);
    over = watch->finished;
    pthread_mutex_unlock(&watch->mutex);
    return over;
}

static void watch_post(struct watch_part *part, struct runtime_task *task,
                       void (*run)(struct runtime_task *task, struct moment now))
{
    task->run = run;
    runtime_post(part->watch->service->runtime, part->loop, task);
}

/* --- Going on, from elsewhere ---------------------------------------------------------- */

static void watch_going(struct runtime_task *task, struct moment now)
{
    struct watch_part *part = CONTAINER_OF(task, struct watch_part, going);
    (void)now;
    atomic_store_explicit(&part->going_posted, false, memory_order_release);
    watch_pump(part);
    watch_leave(part->watch);
}

/* The task has a reference of its own: it may come behind the part's end. */
static void watch_wake(struct watch_part *part)
{
    if (!atomic_exchange_explicit(&part->going_posted, true, memory_order_acq_rel)) {
        pthread_mutex_lock(&part->watch->mutex);
        part->watch->refs++;
        pthread_mutex_unlock(&part->watch->mutex);
        watch_post(part, &part->going, watch_going);
    }
}

static void watch_wake_all(struct watch *watch)
{
    for (unsigned p = 0; p < watch->part_count; p++) {
        watch_wake(&watch->parts[p]);
    }
}

/* --- What the shard said --------------------------------------------------------------- */

/* Of a part that has its place: the last one makes the watch go on. */
static void watch_ready(struct watch_part *part, struct ledger_position next)
{
    struct watch *watch = part->watch;
    part->phase = WATCH_CHANGES;
    part->next = next;
    part->moved = true;
    watch->places[part->place] = next;
    watch->parts_unready--;
    part->owes_ready = watch->parts_unready == 0;
}

static enum status watch_take_levels(struct watch_part *part)
{
    const struct inventory_answer *answer = &part->answer.inventory;
    struct watch *watch = part->watch;
    enum status status = watch_send_levels(watch, part);
    if (status != STATUS_OK) {
        return status;
    }
    if (part->first_index == 0) {
        part->first_index = part->call.stamp.log_index + 1;
    }
    part->listing = true;
    part->sku_next += part->query.inventory.sku_count;
    buffer_clear(&part->list_next);
    buffer_append_slice(&part->list_next, answer->next_page_token);
    if (part->sku_count > 0 ? part->sku_next == part->sku_count
                            : part->list_next.size == 0) {
        watch_ready(part, (struct ledger_position){part->shard_id, part->first_index, 0});
    }
    return STATUS_OK;
}

static enum status watch_take_changes(struct watch_part *part)
{
    struct ledger_position end = {part->shard_id, part->call.stamp.log_index + 1, 0};
    struct ledger_position next = part->answer.inventory.next;
    bool more = next.index != 0;
    enum status status;
    if (part->next.index > end.index) {
        struct problem problem;
        problem_set(&problem, STATUS_BAD_TOKEN, "resume_token",
                    "ahead of what this cluster has; begin with a snapshot");
        watch_finish(part->watch, &problem);
        return STATUS_CANCELLED;
    }
    next = more ? next : end;
    status = watch_send_changes(part->watch, part, next);
    if (status == STATUS_OK) {
        part->next = next;
        part->moved = part->moved || more;
    }
    return status;
}

/* Under the mutex. False: it has to wait for room. */
static bool watch_take(struct watch_part *part)
{
    enum status status = STATUS_OK;
    if (part->phase == WATCH_SNAPSHOT) {
        status = watch_take_levels(part);
    } else if (part->phase == WATCH_TAIL) {
        watch_ready(part, (struct ledger_position){part->shard_id,
                                                   part->call.stamp.log_index + 1, 0});
    } else {
        status = watch_take_changes(part);
    }
    if (status == STATUS_OVERLOADED) {
        part->moved = true; /* the same page again */
        return false;
    }
    return status == STATUS_OK;
}

static void watch_answered(struct shard_call *call)
{
    struct watch_part *part = CONTAINER_OF(call, struct watch_part, call);
    struct watch *watch = part->watch;
    enum status status = call->status != STATUS_OK ? call->status : part->answer.status;
    bool go_on = false;
    part->busy = false;
    if (part->stopped) {
        watch_leave(watch);
        return;
    }
    pthread_mutex_lock(&watch->mutex);
    if (status == STATUS_OK) {
        go_on = watch_take(part);
    } else if (status == STATUS_RESUME_POINT_COMPACTED) {
        watch_finish_compacted(watch, part, part->answer.inventory.next);
    } else {
        struct problem problem;
        problem_set(&problem, status, "", "%s", status_text(status));
        watch_finish(watch, &problem);
    }
    pthread_mutex_unlock(&watch->mutex);
    if (go_on) {
        watch_pump(part);
    }
}

/* --- Asking ---------------------------------------------------------------------------- */

static void watch_query(struct watch_part *part)
{
    const struct watch *watch = part->watch;
    struct inventory_query *query = &part->query.inventory;
    uint32_t left = part->sku_count - part->sku_next;
    part->query = (struct replica_query){.kind = REPLICA_QUERY_INVENTORY};
    if (part->phase == WATCH_SNAPSHOT && part->sku_count > 0) {
        *query = (struct inventory_query){
            .kind = INVENTORY_QUERY_LEVEL_BATCH,
            .sku_ids = part->sku_ids + part->sku_next,
            .sku_count = left < WATCH_PAGE_SKUS ? left : WATCH_PAGE_SKUS,
            .location_ids = watch->location_ids,
            .location_count = watch->location_count};
        return;
    }
    if (part->phase == WATCH_SNAPSHOT) {
        *query = (struct inventory_query){.kind = INVENTORY_QUERY_LEVEL_LIST,
                                          .page_size = WATCH_PAGE_LEVELS,
                                          .page_token = buffer_slice(&part->list_next)};
        return;
    }
    *query =
        (struct inventory_query){.kind = INVENTORY_QUERY_FEED,
                                 .from = part->next,
                                 .keep_ms = watch->service->settings->watch_keep_s * 1000,
                                 .sku_hashes = part->sku_hashes,
                                 .sku_hash_count = part->sku_count,
                                 .location_ids = watch->location_ids,
                                 .location_count = watch->location_count,
                                 .page_size = WATCH_PAGE_CHANGES};
    if (part->phase == WATCH_TAIL) {
        query->from.index = UINT64_MAX - 1; /* the state's stamp alone is wanted */
    }
}

/* False: not yet. Tells the watcher that all parts are ready, if that is this one's turn. */
static bool watch_may_ask(struct watch_part *part)
{
    struct watch *watch = part->watch;
    bool may, told = false;
    pthread_mutex_lock(&watch->mutex);
    if (part->owes_ready && watch_send_ready(watch) == STATUS_OK) {
        part->owes_ready = false;
        told = true;
    }
    may = !watch->finished && !part->owes_ready && watch->blocked_us == 0 &&
          (part->phase != WATCH_CHANGES || (watch->parts_unready == 0 && part->moved));
    pthread_mutex_unlock(&watch->mutex);
    if (told) {
        watch_wake_all(watch);
    }
    return may;
}

static void watch_pump(struct watch_part *part)
{
    struct watch *watch = part->watch;
    enum status status;
    if (part->busy || part->stopped || !watch_may_ask(part)) {
        return;
    }
    part->busy = true;
    part->moved = false;
    arena_reset(&part->arena);
    watch_query(part);
    shard_call_init_read(&part->call, part->shard_id, &part->query, &part->answer);
    part->call.arena = &part->arena;
    part->call.done = watch_answered;
    status = runtime_submit(watch->service->runtime, &part->call);
    if (status != STATUS_OK) {
        part->busy = false;
        watch_fail(watch, status);
    }
}

static void watch_moved(struct runtime_watcher *watcher, struct moment now)
{
    struct watch_part *part = CONTAINER_OF(watcher, struct watch_part, watcher);
    (void)now;
    part->moved = true;
    if (part->phase == WATCH_CHANGES) {
        watch_pump(part);
    }
}

/* --- Time ------------------------------------------------------------------------------ */

static void watch_set_timer(struct watch *watch, struct moment now);

static void watch_fire(struct runtime_timer *timer, struct moment now)
{
    struct watch *watch = CONTAINER_OF(timer, struct watch, timer);
    const struct settings *settings = watch->service->settings;
    bool slow;
    pthread_mutex_lock(&watch->mutex);
    slow = watch->blocked_us != 0 &&
           now.monotonic_us - watch->blocked_us >
               (uint64_t)settings->watch_slow_max_ms * UINT64_C(1000);
    if (slow && !watch->finished) {
        struct problem problem;
        problem_set(&problem, STATUS_WATCH_TOO_SLOW, "", "%s",
                    status_text(STATUS_WATCH_TOO_SLOW));
        metric_add(METRIC_WATCHES_SLOW, 1);
        watch_finish(watch, &problem);
    } else if (watch->parts_unready == 0 && watch->blocked_us == 0 &&
               now.monotonic_us - watch->sent_us >=
                   (uint64_t)settings->watch_heartbeat_ms * UINT64_C(1000)) {
        (void)watch_send_heartbeat(watch); /* without room, another time */
    }
    pthread_mutex_unlock(&watch->mutex);
    watch_set_timer(watch, now);
}

static void watch_set_timer(struct watch *watch, struct moment now)
{
    const struct settings *settings = watch->service->settings;
    int64_t pause_ms = settings->watch_heartbeat_ms;
    if (pause_ms > settings->watch_slow_max_ms) {
        pause_ms = settings->watch_slow_max_ms;
    }
    if (!watch_is_over(watch)) {
        watch->timer.fire = watch_fire;
        runtime_timer_set(watch->service->runtime, watch->parts[0].loop, &watch->timer,
                          now.monotonic_us + (uint64_t)pause_ms * UINT64_C(1000) / 2);
    }
}

/* --- Opening --------------------------------------------------------------------------- */

static void watch_starting(struct runtime_task *task, struct moment now)
{
    struct watch_part *part = CONTAINER_OF(task, struct watch_part, starting);
    struct watch *watch = part->watch;
    part->watcher.shard_id = part->shard_id;
    part->watcher.moved = watch_moved;
    part->moved = true;
    runtime_watch(watch->service->runtime, part->loop, &part->watcher);
    if (part->place == 0) {
        watch_set_timer(watch, now);
    }
    watch_pump(part);
}

struct watch_ids {
    const char *field;
    char *const *texts;
    size_t count;
    size_t most;
};

static enum status watch_take_ids(const struct watch_ids *ids, struct arena *arena,
                                  struct slice **out, struct problem *problem)
{
    TRY(check_count(ids->field, ids->count, 0, ids->most, problem));
    *out = arena_alloc(arena, (ids->count + 1) * sizeof **out);
    if (*out == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, ids->field, "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < ids->count; i++) {
        TRY(check_id(ids->field, ids->texts[i], &(*out)[i], problem));
    }
    return STATUS_OK;
}

static int watch_by_hash(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

/* A part for each shard that owns one of the SKUs; for all shards when none is named. */
/* The SKUs that are watched, each with its hash and the shard that owns it. */
struct watched_skus {
    const struct slice *ids;
    uint64_t *hashes;
    unsigned *shards;
    size_t count;
};

/* Those of one shard. */
static enum status watch_take_skus(struct watch_part *part,
                                   const struct watched_skus *watched, unsigned shard,
                                   struct arena *arena)
{
    uint32_t here = 0;
    for (size_t i = 0; i < watched->count; i++) {
        here += watched->shards[i] == shard;
    }
    part->sku_count = 0;
    part->sku_ids = arena_alloc(arena, (here + 1) * sizeof *part->sku_ids);
    part->sku_hashes = arena_alloc(arena, (here + 1) * sizeof *part->sku_hashes);
    if (part->sku_ids == NULL || part->sku_hashes == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < watched->count; i++) {
        if (watched->shards[i] == shard) {
            part->sku_ids[part->sku_count] = watched->ids[i];
            part->sku_hashes[part->sku_count++] = watched->hashes[i];
        }
    }
    qsort(part->sku_hashes, part->sku_count, sizeof *part->sku_hashes, watch_by_hash);
    return STATUS_OK;
}

static enum status watch_make_parts(struct watch *watch, const struct slice *sku_ids,
                                    size_t sku_count, struct arena *arena)
{
    const struct shard_map *map = watch->service->map;
    unsigned count = shard_map_count(map, SHARD_MAP_SKU);
    struct watched_skus watched = {
        .ids = sku_ids,
        .hashes = arena_alloc(arena, (sku_count + 1) * sizeof *watched.hashes),
        .shards = arena_alloc(arena, (sku_count + 1) * sizeof *watched.shards),
        .count = sku_count};
    if (watched.hashes == NULL || watched.shards == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (size_t i = 0; i < sku_count; i++) {
        watched.hashes[i] = key_hash(sku_ids[i], map->hash_seed);
        watched.shards[i] = shard_map_find(map, SHARD_MAP_SKU, watched.hashes[i]);
    }
    watch->parts = memory_zalloc(count * sizeof *watch->parts);
    watch->places = memory_zalloc(count * sizeof *watch->places);
    for (unsigned s = 0; s < count; s++) {
        struct watch_part *part = &watch->parts[watch->part_count];
        TRY(watch_take_skus(part, &watched, s, arena));
        if (sku_count > 0 && part->sku_count == 0) {
            continue;
        }
        part->watch = watch;
        part->place = watch->part_count;
        part->shard_id = shard_map_range(map, SHARD_MAP_SKU, s)->shard_id;
        part->phase = watch->changes_only ? WATCH_TAIL : WATCH_SNAPSHOT;
        arena_init(&part->arena, NULL, 0, 0);
        buffer_init(&part->list_next);
        watch->part_count++;
    }
    watch->parts_unready = watch->part_count;
    return STATUS_OK;
}

static enum status watch_take_token(struct watch *watch, const char *token,
                                    struct arena *arena, struct problem *problem)
{
    const struct ledger_position *places;
    unsigned count;
    if (token[0] == '\0') {
        return STATUS_OK;
    }
    TRY(watch_token_read(token, watch->service->incarnation, arena, &places, &count,
                         problem));
    for (unsigned p = 0; p < watch->part_count; p++) {
        struct watch_part *part = &watch->parts[p];
        unsigned at = 0;
        while (at < count && places[at].shard_id != part->shard_id) {
            at++;
        }
        if (at == count) {
            return problem_set(problem, STATUS_BAD_TOKEN, "resume_token",
                               "it does not cover every SKU asked for; go on with the "
                               "same SKUs, or fewer");
        }
        part->phase = WATCH_CHANGES;
        part->next = watch->places[p] = places[at];
    }
    watch->parts_unready = 0;
    return STATUS_OK;
}

static enum status watch_take_request(struct watch *watch,
                                      const Souk__V1__WatchStockRequest *request,
                                      struct arena *arena, struct problem *problem)
{
    const struct watch_ids skus = {"sku_ids", request->sku_ids, request->n_sku_ids,
                                   WATCH_SKUS_MAX};
    const struct watch_ids locations = {"location_ids", request->location_ids,
                                        request->n_location_ids, WATCH_LOCATIONS_MAX};
    struct slice *sku_ids;
    TRY(watch_take_ids(&skus, arena, &sku_ids, problem));
    TRY(watch_take_ids(&locations, arena, &watch->location_ids, problem));
    if (request->reorder_point < 0) {
        return problem_set(problem, STATUS_INVALID, "reorder_point",
                           "reorder_point: from 0, for none");
    }
    watch->location_count = (uint32_t)request->n_location_ids;
    watch->changes_only = request->changes_only;
    watch->thresholds =
        (struct inventory_thresholds){request->low_stock, request->reorder_point};
    for (size_t i = 0; i < request->n_alerts; i++) {
        watch->alerts |= 1u << (unsigned)request->alerts[i];
    }
    if (watch_make_parts(watch, sku_ids, request->n_sku_ids, arena) != STATUS_OK) {
        return problem_set(problem, STATUS_TOO_LARGE, "sku_ids",
                           "too many for one watch; watch them in several");
    }
    return watch_take_token(watch, request->resume_token, arena, problem);
}

static bool watch_find_loops(struct watch *watch)
{
    for (unsigned p = 0; p < watch->part_count; p++) {
        struct watch_part *part = &watch->parts[p];
        if (!runtime_loop_of(watch->service->runtime, part->shard_id, &part->loop)) {
            return false;
        }
    }
    return true;
}

void watch_run_open(struct rpc_stream *stream, const Souk__V1__WatchStockRequest *request,
                    void *context)
{
    struct watch *watch = memory_zalloc(sizeof *watch);
    struct problem problem;
    watch->service = context;
    watch->stream = rpc_stream_ref(stream);
    watch->refs = 1;
    watch->sent_us = service_now().monotonic_us;
    pthread_mutex_init(&watch->mutex, NULL);
    metric_gauge_add(METRIC_WATCHES_OPEN, 1);
    rpc_stream_set_user(stream, watch);
    if (watch_take_request(watch, request, rpc_call_arena(rpc_stream_call(stream)),
                           &problem) != STATUS_OK) {
        watch->parts_unready = 1; /* there is no token to tell */
        watch->finished = true;
        rpc_stream_finish(stream, &problem);
        return;
    }
    if (!watch_find_loops(watch)) {
        watch_fail(watch, STATUS_NOT_LEADER);
        return;
    }
    watch->refs += watch->part_count;
    for (unsigned p = 0; p < watch->part_count; p++) {
        watch_post(&watch->parts[p], &watch->parts[p].starting, watch_starting);
    }
}

/* --- What happens to the stream -------------------------------------------------------- */

void watch_run_writable(struct rpc_stream *stream, void *user)
{
    struct watch *watch = user;
    bool started;
    (void)stream;
    pthread_mutex_lock(&watch->mutex);
    watch->blocked_us = 0;
    started = watch->refs > 1;
    pthread_mutex_unlock(&watch->mutex);
    if (started) {
        watch_wake_all(watch);
    }
}

void watch_run_draining(struct rpc_stream *stream, void *user)
{
    (void)stream;
    watch_fail(user, STATUS_DRAINING);
}

static void watch_stopping(struct runtime_task *task, struct moment now)
{
    struct watch_part *part = CONTAINER_OF(task, struct watch_part, stopping);
    struct watch *watch = part->watch;
    (void)now;
    part->stopped = true;
    runtime_unwatch(&part->watcher);
    if (part->place == 0) {
        runtime_timer_clear(watch->service->runtime, part->loop, &watch->timer);
    }
    if (!part->busy) {
        watch_leave(watch);
    }
}

void watch_run_done(struct rpc_stream *stream, const struct rpc_status *status,
                    void *user)
{
    struct watch *watch = user;
    bool started;
    (void)stream;
    (void)status;
    pthread_mutex_lock(&watch->mutex);
    watch->finished = true;
    started = watch->refs > 1;
    pthread_mutex_unlock(&watch->mutex);
    for (unsigned p = 0; started && p < watch->part_count; p++) {
        watch_post(&watch->parts[p], &watch->parts[p].stopping, watch_stopping);
    }
    watch_leave(watch);
}
