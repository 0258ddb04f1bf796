/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/search_pool.h"

#include <stdio.h>
#include <stdlib.h>

#include "server/runtime/system_clock.h"
#include "server/runtime/thread.h"
#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

enum {
    SEARCH_POOL_NAME_BYTES = 16,
};

static void search_worker_answer(struct search_worker *worker, struct shard_call *call)
{
    const struct replica_search *search = &call->work.search.begun;
    bool late = call->deadline_us != 0 && system_clock_monotonic_us() > call->deadline_us;
    if (late) {
        replica_search_drop(search);
        call->status = STATUS_OUTCOME_UNKNOWN;
    } else {
        replica_search_run(search, call->arena, call->answer);
        call->status = call->answer->status;
    }
    call->stamp = search->stamp;
    atomic_fetch_sub_explicit(&worker->depth, 1, memory_order_relaxed);
    worker->pool->answered(call->work.search.home, call);
}

static void *search_worker_run(void *context)
{
    struct search_worker *worker = context;
    for (;;) {
        while (sem_wait(&worker->wake) != 0) {
            /* interrupted */
        }
        /* Read before the box is emptied: what was offered before the stop is answered. */
        bool stopping =
            atomic_load_explicit(&worker->pool->stopping, memory_order_acquire);
        struct mailbox_node *node = mailbox_take(&worker->calls);
        while (node != NULL) {
            struct shard_call *call = CONTAINER_OF(node, struct shard_call, node);
            node = node->next; /* the call is its loop's again in a moment */
            search_worker_answer(worker, call);
        }
        if (stopping) {
            return NULL;
        }
    }
}

void search_pool_start(struct search_pool *pool, unsigned worker_count,
                       uint64_t work_least,
                       void (*answered)(void *home, struct shard_call *call))
{
    ASSERT(worker_count <= SEARCH_POOL_WORKERS_MAX);
    *pool = (struct search_pool){
        .worker_count = worker_count, .work_least = work_least, .answered = answered};
    atomic_init(&pool->stopping, false);
    pool->workers = memory_zalloc((worker_count + 1) * sizeof *pool->workers);
    for (unsigned i = 0; i < worker_count; i++) {
        struct search_worker *worker = &pool->workers[i];
        char name[SEARCH_POOL_NAME_BYTES];
        worker->pool = pool;
        mailbox_init(&worker->calls);
        atomic_init(&worker->depth, 0);
        int failed = sem_init(&worker->wake, 0, 0);
        ASSERT(failed == 0);
        snprintf(name, sizeof name, "souk-search-%u", i % 100);
        thread_start(&worker->thread, name, search_worker_run, worker);
    }
}

void search_pool_stop(struct search_pool *pool)
{
    atomic_store_explicit(&pool->stopping, true, memory_order_release);
    for (unsigned i = 0; i < pool->worker_count; i++) {
        sem_post(&pool->workers[i].wake);
        pthread_join(pool->workers[i].thread, NULL);
        sem_destroy(&pool->workers[i].wake);
    }
    free(pool->workers);
    pool->workers = NULL;
    pool->worker_count = 0;
}

static struct search_worker *search_pool_least_busy(struct search_pool *pool)
{
    struct search_worker *least = &pool->workers[0];
    for (unsigned i = 1; i < pool->worker_count; i++) {
        if (atomic_load_explicit(&pool->workers[i].depth, memory_order_relaxed) <
            atomic_load_explicit(&least->depth, memory_order_relaxed)) {
            least = &pool->workers[i];
        }
    }
    return least;
}

static enum search_offer search_pool_refuse(struct shard_call *call)
{
    metric_add(METRIC_SEARCHES_SHED, 1);
    call->status = STATUS_OVERLOADED;
    return SEARCH_OFFER_REFUSED;
}

enum search_offer search_pool_offer(struct search_pool *pool, struct shard_host *host,
                                    void *home, struct shard_call *call)
{
    if (pool->worker_count == 0 || call->kind != SHARD_CALL_READ ||
        call->query->kind != REPLICA_QUERY_SEARCH) {
        return SEARCH_OFFER_DECLINED;
    }
    struct replica *replica = host_replica(host, call->shard_id);
    uint64_t work = replica != NULL ? replica_search_work(replica, call->query) : 0;
    if (work == 0 || work < pool->work_least) {
        return SEARCH_OFFER_DECLINED;
    }
    struct search_worker *worker = search_pool_least_busy(pool);
    /* Several loops may pass this at once: the limit holds but for one call of each. */
    if (atomic_load_explicit(&worker->depth, memory_order_relaxed) >=
            SEARCH_POOL_QUEUE_MAX ||
        !replica_search_begin(replica, call->query, &call->work.search.begun)) {
        return search_pool_refuse(call);
    }
    call->work.search.home = home;
    metric_add(METRIC_SEARCHES_HANDED_OVER, 1);
    atomic_fetch_add_explicit(&worker->depth, 1, memory_order_relaxed);
    if (mailbox_post(&worker->calls, &call->node)) {
        sem_post(&worker->wake);
    }
    return SEARCH_OFFER_TAKEN;
}
