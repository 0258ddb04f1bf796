/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One shard loop: a libuv loop on its own thread, the host of its replicas, and the
 * mailboxes through which everything reaches it. Inside server/runtime only.
 *
 * A turn takes all that came, hands the next log batch to the log writer BEFORE it
 * applies the one that has become durable (so the disk works while this thread does),
 * and gives back what has ended. A second batch may wait at the writer, but only once it
 * holds as much as the one being synced: many small batches would cost more syncs than
 * they save waiting.
 */
#ifndef SOUK_SERVER_RUNTIME_LOOP_H
#define SOUK_SERVER_RUNTIME_LOOP_H

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

#include "server/host/shard_host.h"
#include "server/runtime/apply_writer.h"
#include "server/runtime/log_writer.h"
#include "server/runtime/runtime.h"
#include "server/runtime/search_pool.h"
#include "shard/base/heap.h"
#include "shard/base/mailbox.h"

enum {
    LOOP_LOG_JOBS = 2,  /* one being synced, one waiting behind it */
    LOOP_TURNS_MAX = 8, /* in a row for what a loop sent itself, before it looks at uv */
};

struct loop;

struct loop_log_job {
    struct log_writer_job job;
    struct loop *loop;
    bool at_writer; /* the loop's */
    size_t bytes;   /* of commands inside */
};

struct loop_state_job {
    struct apply_writer_job job;
    struct loop *loop;
};

/* What a crash would leave of a shard; allocated by the apply writer, freed here. */
struct loop_persisted {
    struct mailbox_node node;
    uint64_t shard_id;
    uint64_t index;
};

struct loop {
    struct runtime *runtime;
    unsigned index;
    const struct settings *settings;
    struct log_writer *log_writer;
    struct apply_writer *apply_writer;
    struct search_pool *search_pool;
    size_t apply_share_bytes; /* this loop's part of apply_queue_max_bytes */

    /* Posted to by any thread. */
    struct mailbox calls;
    struct mailbox tasks;
    struct mailbox synced;    /* log jobs that came back */
    struct mailbox written;   /* the state job that came back */
    struct mailbox persisted; /* struct loop_persisted */
    struct mailbox searched;  /* calls that a search worker answered */
    struct mailbox letters;   /* struct runtime_letters_part */
    struct mailbox returned;  /* struct loop_return */
    uv_async_t wake;
    _Atomic(size_t) queued_bytes; /* of all calls between submit and done; 0: none */
    _Atomic(bool) disk_full;
    _Atomic(bool) stopping;

    /* The loop's thread only, from loop_start on. */
    uv_loop_t uv;
    uv_timer_t timer;
    pthread_t thread;
    struct shard_host *host;
    struct heap timers;
    struct heap waiting; /* calls, for their next attempt: travel.waits */
    const struct runtime_network *network; /* or NULL */
    uint64_t node_id;
    struct list watchers; /* struct runtime_watcher */
    struct loop_log_job log_jobs[LOOP_LOG_JOBS];
    struct loop_state_job state_job;
    uint64_t state_job_bytes; /* 0 while the job is here */
    struct replica_pressure pressure;
    _Atomic(size_t) *tasks_pending; /* of the runtime: posted and not yet run */
    bool again;                     /* something came while the turn was running */
    bool closing;
    bool abandoned; /* what other nodes would have to decide was given up */
};

/* A call that came back from another node; allocated by who brings it, freed here. */
struct loop_return {
    struct mailbox_node node;
    struct shard_call *call;
    enum status status;
    struct buffer answer;
};

/* Before the thread starts: what runs on the starter's thread. */
void loop_init(struct loop *loop, struct runtime *runtime, unsigned index,
               const struct settings *settings);
void loop_start(struct loop *loop);
/* Nothing is submitted any more. The loop ends once it is at rest and so is what could
 * still post to it: the calls of all loops and the tasks posted. */
void loop_stop(struct loop *loop);
void loop_join(struct loop *loop);
void loop_close(struct loop *loop);

/* Any thread. */
void loop_post_call(struct loop *loop, struct shard_call *call);
/* To the host, or a search worker; the loop's thread. */
void loop_take_call(struct loop *loop, struct moment now, struct shard_call *call);
/* The call's `done` while it may travel: on the loop's thread. */
void loop_call_ended(struct shard_call *call);
void loop_post_return(struct loop *loop, struct loop_return *back);
void loop_post_letters(struct loop *loop, struct runtime_letters_part *part);
void loop_post_task(struct loop *loop, struct runtime_task *task);
/* Does not wake the loop: cutting the log is in no hurry. */
void loop_post_persisted(struct loop *loop, struct loop_persisted *persisted);
/* Does a message for this shard go to this loop? One of nobody here goes to the first. */
bool runtime_owns(const struct runtime *runtime, const struct loop *loop,
                  uint64_t shard_id);
/* On a search worker's thread: the answer of a call that the loop handed over. */
void loop_post_searched(void *loop, struct shard_call *call);
bool loop_is_current(const struct loop *loop);

/* The loop's thread. */
void loop_timer_set(struct loop *loop, struct runtime_timer *timer, uint64_t due_us);
void loop_timer_clear(struct loop *loop, struct runtime_timer *timer);

void loop_watch(struct loop *loop, struct runtime_watcher *watcher);

/* runtime.c. No call is between runtime_submit and its done, and no task between
 * runtime_post and the end of its run; final once the runtime drains. */
bool runtime_is_quiet(const struct runtime *runtime);
/* runtime.c: tells the hosts of all loops; takes the delta. Loop's thread. */
void runtime_publish_degrees(struct runtime *runtime, struct loop *from,
                             struct host_news *news);

#endif
