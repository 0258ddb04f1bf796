/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/loop.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/runtime/carry.h"
#include "server/runtime/failure.h"
#include "server/runtime/system_clock.h"
#include "server/runtime/thread.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/wake.h"

enum {
    MILLISECOND_US = 1000,
    LOOP_NAME_BYTES = 16,
};

static _Thread_local const struct loop *loop_current;

bool loop_is_current(const struct loop *loop)
{
    return loop_current == loop;
}

static bool loop_is_stopping(struct loop *loop)
{
    return atomic_load_explicit(&loop->stopping, memory_order_acquire);
}

static void loop_wake_now(void *receiver)
{
    struct loop *loop = receiver;
    uv_async_send(&loop->wake);
}

static void loop_wake(struct loop *loop)
{
    if (loop_is_current(loop)) {
        loop->again = true;
    } else {
        wake_send(loop_wake_now, loop);
    }
}

void loop_post_call(struct loop *loop, struct shard_call *call)
{
    if (mailbox_post(&loop->calls, &call->node)) {
        loop_wake(loop);
    }
}

void loop_post_task(struct loop *loop, struct runtime_task *task)
{
    atomic_fetch_add(loop->tasks_pending, 1);
    if (mailbox_post(&loop->tasks, &task->node)) {
        loop_wake(loop);
    }
}

void loop_post_persisted(struct loop *loop, struct loop_persisted *persisted)
{
    (void)mailbox_post(&loop->persisted, &persisted->node);
}

void loop_post_searched(void *home, struct shard_call *call)
{
    struct loop *loop = home;
    if (mailbox_post(&loop->searched, &call->node)) {
        loop_wake(loop);
    }
}

/* On the log writer's thread. */
static void loop_log_synced(struct log_writer_job *job)
{
    struct loop *loop = CONTAINER_OF(job, struct loop_log_job, job)->loop;
    if (mailbox_post(&loop->synced, &job->node)) {
        loop_wake(loop);
    }
}

/* On the apply writer's thread. */
static void loop_state_written(struct apply_writer_job *job)
{
    struct loop *loop = CONTAINER_OF(job, struct loop_state_job, job)->loop;
    if (mailbox_post(&loop->written, &job->node)) {
        loop_wake(loop);
    }
}

/* --- One turn ---------------------------------------------------------------------- */

static void loop_run_tasks(struct loop *loop, struct moment now)
{
    struct mailbox_node *node = mailbox_take(&loop->tasks);
    while (node != NULL) {
        struct runtime_task *task = CONTAINER_OF(node, struct runtime_task, node);
        node = node->next;
        task->run(task, now);
        atomic_fetch_sub(loop->tasks_pending, 1);
    }
}

static void loop_fire_timers(struct loop *loop, struct moment now)
{
    struct heap_node *node;
    while ((node = heap_peek(&loop->timers)) != NULL) {
        struct runtime_timer *timer = CONTAINER_OF(node, struct runtime_timer, node);
        if (timer->due_us > now.monotonic_us) {
            return;
        }
        (void)heap_pop(&loop->timers);
        timer->fire(timer, now);
    }
}

/* The host never had these. */
static void loop_end_call(struct loop *loop, struct shard_call *call)
{
    size_t bytes = call->queued_bytes;
    call->done(call); /* the memory is the submitter's from here on */
    atomic_fetch_sub(&loop->queued_bytes, bytes);
}

static void loop_take_searched(struct loop *loop)
{
    struct mailbox_node *node = mailbox_take(&loop->searched);
    while (node != NULL) {
        struct shard_call *call = CONTAINER_OF(node, struct shard_call, node);
        node = node->next;
        loop_end_call(loop, call);
    }
}

static void loop_take_call(struct loop *loop, struct moment now, struct shard_call *call)
{
    switch (search_pool_offer(loop->search_pool, loop->host, loop, call)) {
    case SEARCH_OFFER_DECLINED:
        host_submit(loop->host, now, call);
        break;
    case SEARCH_OFFER_REFUSED:
        loop_end_call(loop, call);
        break;
    case SEARCH_OFFER_TAKEN:
        break;
    }
}

static void loop_take_calls(struct loop *loop, struct moment now)
{
    struct mailbox_node *node = mailbox_take(&loop->calls);
    while (node != NULL) {
        struct shard_call *call = CONTAINER_OF(node, struct shard_call, node);
        node = node->next;
        loop_take_call(loop, now, call);
    }
}

/* Batches that came back durable, in the order they were made. Called twice in a turn's
 * life: first the jobs are freed for the next collect, then the entries are applied. */
static size_t loop_take_synced(struct loop *loop)
{
    size_t count = 0;
    struct mailbox_node *node = mailbox_take(&loop->synced);
    while (node != NULL) {
        struct log_writer_job *job = CONTAINER_OF(node, struct log_writer_job, node);
        node = node->next;
        CONTAINER_OF(job, struct loop_log_job, job)->at_writer = false;
        count++;
    }
    return count;
}

/* A free job when one more batch is worth its sync now; NULL else. */
static struct loop_log_job *loop_free_log_job(struct loop *loop)
{
    struct loop_log_job *unused = NULL;
    size_t busy_bytes = 0;
    bool busy = false;
    for (size_t i = 0; i < LOOP_LOG_JOBS; i++) {
        struct loop_log_job *job = &loop->log_jobs[i];
        if (job->at_writer) {
            busy = true;
            busy_bytes += job->bytes;
        } else {
            unused = job;
        }
    }
    return busy && host_ready_bytes(loop->host) < busy_bytes ? NULL : unused;
}

static void loop_collect(struct loop *loop, struct moment now)
{
    struct loop_log_job *job = loop_free_log_job(loop);
    size_t ready_bytes = host_ready_bytes(loop->host);
    if (job == NULL || !host_turn(loop->host, now, &job->job.batch)) {
        return;
    }
    job->at_writer = true;
    size_t left_bytes = host_ready_bytes(loop->host);
    job->bytes = left_bytes < ready_bytes ? ready_bytes - left_bytes : 0;
    log_writer_post(loop->log_writer, &job->job);
}

static void loop_apply(struct loop *loop, struct moment now, size_t batch_count)
{
    for (size_t i = 0; i < batch_count; i++) {
        enum status status = host_batch_written(loop->host, now);
        if (status != STATUS_OK) {
            runtime_fail("log", "a durable entry cannot be applied here", status);
        }
    }
}

static void loop_write_state(struct loop *loop, struct moment now)
{
    if (mailbox_take(&loop->written) != NULL) {
        loop->state_job_bytes = 0;
        host_state_written(loop->host);
    }
    struct apply_writer_job *job = &loop->state_job.job;
    if (host_state_turn(loop->host, now, loop_is_stopping(loop), &job->batch)) {
        loop->state_job_bytes = store_batch_bytes(&job->batch);
        apply_writer_post(loop->apply_writer, job);
    }
    struct mailbox_node *node = mailbox_take(&loop->persisted);
    while (node != NULL) {
        struct loop_persisted *persisted =
            CONTAINER_OF(node, struct loop_persisted, node);
        node = node->next;
        host_state_persisted(loop->host, persisted->shard_id, persisted->index);
        free(persisted);
    }
}

static void loop_judge_pressure(struct loop *loop)
{
    /* What is not even in a job counts only behind one: else it is about to be. */
    uint64_t dirty_bytes = loop->state_job_bytes > 0 ? host_dirty_bytes(loop->host) : 0;
    struct replica_pressure pressure = {
        .disk_full = atomic_load_explicit(&loop->disk_full, memory_order_relaxed),
        .store_stall = loop->state_job_bytes + dirty_bytes > loop->apply_share_bytes ||
                       dirty_bytes > HOST_STATE_BATCH_BYTES_MAX,
    };
    if (pressure.disk_full == loop->pressure.disk_full &&
        pressure.store_stall == loop->pressure.store_stall) {
        return;
    }
    loop->pressure = pressure;
    host_set_pressure(loop->host, pressure);
}

static void loop_publish_degrees(struct loop *loop)
{
    struct host_news news;
    while (host_take_degrees(loop->host, &news)) {
        runtime_publish_degrees(loop->runtime, loop, &news);
    }
}

void loop_watch(struct loop *loop, struct runtime_watcher *watcher)
{
    watcher->seen_index = 0;
    list_append(&loop->watchers, &watcher->link);
    loop->again = true;
}

static void loop_tell_watchers(struct loop *loop, struct moment now)
{
    for (struct list *node = loop->watchers.next; node != &loop->watchers;
         node = node->next) {
        struct runtime_watcher *watcher = LIST_ENTRY(node, struct runtime_watcher, link);
        const struct replica *replica = host_replica(loop->host, watcher->shard_id);
        uint64_t applied = replica != NULL ? replica_applied_index(replica) : 0;
        if (applied != watcher->seen_index) {
            watcher->seen_index = applied;
            watcher->moved(watcher, now);
        }
    }
}

static void loop_carry(struct loop *loop, struct moment now)
{
    struct host_parcel parcel;
    while (host_take_parcel(loop->host, now, &parcel)) {
        uint64_t shard_id;
        if (runtime_owner(loop->runtime, parcel.kind, parcel.parcel.hash, &shard_id)) {
            runtime_carry(loop->runtime, shard_id, parcel.parcel.command);
        }
    }
}

static void loop_turn(struct loop *loop)
{
    struct moment now = system_clock_now();
    loop_judge_pressure(loop);
    loop_run_tasks(loop, now);
    if (!loop_is_stopping(loop)) {
        loop_fire_timers(loop, now);
    }
    loop_take_searched(loop);
    loop_take_calls(loop, now);
    size_t synced = loop_take_synced(loop);
    loop_collect(loop, now);
    if (synced > 0) {
        loop_apply(loop, now, synced);
        loop_publish_degrees(loop);
    }
    loop_carry(loop, now);
    loop_write_state(loop, now);
    loop_tell_watchers(loop, now);
    if (host_ready(loop->host) && loop_free_log_job(loop) != NULL) {
        loop->again = true; /* what was applied has made more to write */
    }
    size_t finished_bytes = host_finish(loop->host);
    atomic_fetch_sub(&loop->queued_bytes, finished_bytes);
}

/* --- libuv ------------------------------------------------------------------------- */

static bool loop_at_rest(struct loop *loop)
{
    return loop_is_stopping(loop) && runtime_is_quiet(loop->runtime) &&
           host_busy(loop->host) == 0;
}

static void loop_on_timer(uv_timer_t *timer);

static void loop_arm_timer(struct loop *loop)
{
    struct moment now = system_clock_now();
    uint64_t due_us = host_next_due_us(loop->host, now);
    if (loop_free_log_job(loop) == NULL && due_us < now.monotonic_us + MILLISECOND_US) {
        due_us = now.monotonic_us + MILLISECOND_US; /* a tick waits for the log as well */
    }
    struct heap_node *node = heap_peek(&loop->timers);
    if (node != NULL) {
        uint64_t timer_us = CONTAINER_OF(node, struct runtime_timer, node)->due_us;
        due_us = timer_us < due_us ? timer_us : due_us;
    }
    uint64_t wait_us = due_us > now.monotonic_us ? due_us - now.monotonic_us : 0;
    if (loop_is_stopping(loop)) {
        wait_us = MILLISECOND_US; /* others come to rest without telling */
    }
    uv_update_time(&loop->uv);
    int failed = uv_timer_start(&loop->timer, loop_on_timer,
                                (wait_us + MILLISECOND_US - 1) / MILLISECOND_US, 0);
    ASSERT(failed == 0);
}

static void loop_run_turns(struct loop *loop)
{
    if (loop->closing) {
        return;
    }
    for (unsigned turn = 0; turn < LOOP_TURNS_MAX; turn++) {
        loop->again = false;
        wake_hold();
        loop_turn(loop);
        wake_release();
        if (!loop->again) {
            break;
        }
    }
    if (loop->again) {
        uv_async_send(&loop->wake);
    }
    if (loop_at_rest(loop)) {
        loop->closing = true;
        uv_close((uv_handle_t *)&loop->timer, NULL);
        uv_close((uv_handle_t *)&loop->wake, NULL);
        return;
    }
    loop_arm_timer(loop);
}

static void loop_on_timer(uv_timer_t *timer)
{
    loop_run_turns(CONTAINER_OF(timer, struct loop, timer));
}

static void loop_on_wake(uv_async_t *wake)
{
    loop_run_turns(CONTAINER_OF(wake, struct loop, wake));
}

static void *loop_run(void *context)
{
    struct loop *loop = context;
    loop_current = loop;
    loop_run_turns(loop);
    (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    return NULL;
}

/* --- Life -------------------------------------------------------------------------- */

static bool loop_timer_less(const struct heap_node *a, const struct heap_node *b)
{
    const struct runtime_timer *left = (const void *)a; /* node is the first member */
    const struct runtime_timer *right = (const void *)b;
    return left->due_us < right->due_us;
}

void loop_init(struct loop *loop, struct runtime *runtime, unsigned index,
               const struct settings *settings)
{
    memset(loop, 0, sizeof *loop);
    loop->runtime = runtime;
    loop->index = index;
    loop->settings = settings;
    loop->apply_share_bytes =
        (size_t)(settings->apply_queue_max_bytes / settings->shard_loops);
    mailbox_init(&loop->calls);
    mailbox_init(&loop->tasks);
    mailbox_init(&loop->synced);
    mailbox_init(&loop->written);
    mailbox_init(&loop->persisted);
    mailbox_init(&loop->searched);
    atomic_init(&loop->queued_bytes, 0);
    atomic_init(&loop->disk_full, false);
    atomic_init(&loop->stopping, false);
    loop->host = host_new(settings);
    heap_init(&loop->timers, loop_timer_less);
    list_init(&loop->watchers);
    for (size_t i = 0; i < LOOP_LOG_JOBS; i++) {
        loop->log_jobs[i].loop = loop;
        loop->log_jobs[i].job.written = loop_log_synced;
        log_batch_init(&loop->log_jobs[i].job.batch);
    }
    loop->state_job.loop = loop;
    loop->state_job.job.written = loop_state_written;
    store_batch_init(&loop->state_job.job.batch);
    int failed = uv_loop_init(&loop->uv);
    ASSERT(failed == 0);
    failed = uv_async_init(&loop->uv, &loop->wake, loop_on_wake);
    ASSERT(failed == 0);
    failed = uv_timer_init(&loop->uv, &loop->timer);
    ASSERT(failed == 0);
}

void loop_start(struct loop *loop)
{
    char name[LOOP_NAME_BYTES];
    snprintf(name, sizeof name, "souk-loop-%u", loop->index % 100);
    thread_start(&loop->thread, name, loop_run, loop);
}

void loop_stop(struct loop *loop)
{
    atomic_store_explicit(&loop->stopping, true, memory_order_release);
    uv_async_send(&loop->wake);
}

void loop_join(struct loop *loop)
{
    pthread_join(loop->thread, NULL);
    loop->closing = true;
}

void loop_close(struct loop *loop)
{
    if (!loop->closing) { /* never started */
        uv_close((uv_handle_t *)&loop->timer, NULL);
        uv_close((uv_handle_t *)&loop->wake, NULL);
        (void)uv_run(&loop->uv, UV_RUN_DEFAULT);
    }
    int failed = uv_loop_close(&loop->uv);
    ASSERT(failed == 0);
    struct mailbox_node *node = mailbox_take(&loop->persisted);
    while (node != NULL) {
        struct loop_persisted *persisted =
            CONTAINER_OF(node, struct loop_persisted, node);
        node = node->next;
        free(persisted);
    }
    host_free(loop->host);
    heap_close(&loop->timers);
    for (size_t i = 0; i < LOOP_LOG_JOBS; i++) {
        log_batch_close(&loop->log_jobs[i].job.batch);
    }
    store_batch_close(&loop->state_job.job.batch);
}

void loop_timer_set(struct loop *loop, struct runtime_timer *timer, uint64_t due_us)
{
    ASSERT(loop_is_current(loop));
    heap_remove(&loop->timers, &timer->node);
    timer->due_us = due_us;
    heap_push(&loop->timers, &timer->node);
}

void loop_timer_clear(struct loop *loop, struct runtime_timer *timer)
{
    ASSERT(loop_is_current(loop));
    heap_remove(&loop->timers, &timer->node);
}
