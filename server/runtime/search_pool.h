/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The threads that search evidence beside the loops that own it (setting search_workers;
 * with 0 there are none and every search runs on its loop), so that a long search does not
 * hold up the stock and event writes of its loop.
 *
 * A loop offers each call when its turn comes, just where it would have read it: what is
 * worth the hand-over (setting search_hand_over_postings) is begun there, so it reads what
 * is applied at that moment, stamps that index, and contains every write acknowledged
 * before. A worker answers it; its loop ends it.
 *
 * Limits: SEARCH_POOL_QUEUE_MAX calls at a worker, EPOCH_READERS_MAX in one shard. Past
 * them a call is OVERLOADED, which coverage reports as SHED.
 */
#ifndef SOUK_SERVER_RUNTIME_SEARCH_POOL_H
#define SOUK_SERVER_RUNTIME_SEARCH_POOL_H

#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "server/host/shard_host.h"
#include "shard/base/mailbox.h"

enum {
    SEARCH_POOL_WORKERS_MAX = 64,
    SEARCH_POOL_QUEUE_MAX = 32, /* at one worker, the one it works on included */
};

struct search_worker {
    struct search_pool *pool;
    struct mailbox calls; /* any loop posts */
    sem_t wake;           /* posted when `calls` was empty, and to stop */
    _Atomic(unsigned) depth;
    pthread_t thread;
};

struct search_pool {
    struct search_worker *workers;
    unsigned worker_count;
    uint64_t work_least;
    _Atomic(bool) stopping;
    /* Called on the worker's thread: the call has its answer. `home` as offered. */
    void (*answered)(void *home, struct shard_call *call);
};

void search_pool_start(struct search_pool *pool, unsigned worker_count,
                       uint64_t work_least,
                       void (*answered)(void *home, struct shard_call *call));
/* Answers what was offered, joins. The loops have ended. */
void search_pool_stop(struct search_pool *pool);

enum search_offer {
    SEARCH_OFFER_DECLINED, /* the loop's own to do */
    SEARCH_OFFER_TAKEN,    /* `answered` comes, once */
    SEARCH_OFFER_REFUSED,  /* call->status is OVERLOADED; the caller ends it */
};
/* On the loop of `host`. */
enum search_offer search_pool_offer(struct search_pool *pool, struct shard_host *host,
                                    void *home, struct shard_call *call);

#endif
