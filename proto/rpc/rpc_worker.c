/* SPDX-License-Identifier: Apache-2.0 */
#include <dlfcn.h>
#include <grpc/support/log.h>
#include <string.h>
#include <time.h>

#include "proto/rpc/rpc_private.h"
#include "shard/base/wake.h"

enum {
    RPC_THREAD_NAME_BYTES = 16, /* the kernel's limit, NUL included */
    RPC_US_PER_S = 1000000,
    RPC_NS_PER_US = 1000,
};

/*
 * What went before a batch was started happens before its tag comes out of the queue.
 * C-core is not instrumented, so ThreadSanitizer has to be told.
 */
#if defined(__SANITIZE_THREAD__)
void __tsan_acquire(void *address);
void __tsan_release(void *address);
#define HANDOVER_BEGIN(tag) __tsan_release(tag)
#define HANDOVER_END(tag)   __tsan_acquire(tag)
#else
#define HANDOVER_BEGIN(tag) ((void)(tag))
#define HANDOVER_END(tag)   ((void)(tag))
#endif

static _Thread_local struct rpc_worker *current_worker;

struct rpc_worker *rpc_worker_current(void)
{
    return current_worker;
}

int64_t rpc_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (int64_t)now.tv_sec * RPC_US_PER_S + now.tv_nsec / RPC_NS_PER_US;
}

void rpc_batch_start(grpc_call *handle, const grpc_op *ops, size_t count,
                     struct rpc_tag *tag)
{
    grpc_call_error error;
    HANDOVER_BEGIN(tag);
    error = grpc_call_start_batch(handle, ops, count, tag, NULL);
    ASSERT(error == GRPC_CALL_OK);
}

static void log_nothing(gpr_log_func_args *arguments)
{
    (void)arguments;
}

/*
 * Debian builds abseil with its search for lock cycles on, which every mutex inside C-core
 * then pays for: about 5% of a unary call. The switch is C++ and its name carries the
 * version; where it is called otherwise, nothing happens.
 */
static void stop_lock_search(void)
{
    union {
        void *found;
        void (*set_mode)(int mode);
    } symbol = {.found =
                    dlsym(RTLD_DEFAULT, "_ZN4absl7debian329SetMutexDeadlockDetectionMode"
                                        "ENS0_15OnDeadlockCycleE")};
    if (symbol.found != NULL) {
        symbol.set_mode(0); /* OnDeadlockCycle::kIgnore */
    }
}

static void open_once(void)
{
    stop_lock_search();
    if (getenv("GRPC_VERBOSITY") == NULL && getenv("GRPC_TRACE") == NULL) {
        gpr_set_log_function(log_nothing);
    }
}

/* Failures come back as statuses, so gRPC prints only when somebody asked it to. */
void rpc_runtime_open(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, open_once);
    grpc_init();
}

void rpc_worker_init(struct rpc_worker *worker)
{
    memset(worker, 0, sizeof *worker);
    worker->queue = grpc_completion_queue_create_for_next(NULL);
    mailbox_init(&worker->answers);
    worker->posted.run = rpc_call_send_posted;
    list_init(&worker->deadlines);
    list_init(&worker->held);
    list_init(&worker->departures);
    list_init(&worker->pool);
    list_init(&worker->streams);
    ASSERT(pthread_mutex_init(&worker->lock, NULL) == 0);
}

/* A call that the server's own limit ends; cancellation then takes its usual way. */
static void worker_expire(struct rpc_worker *worker)
{
    struct rpc_call *call;
    while (!list_empty(&worker->deadlines)) {
        call = LIST_ENTRY(worker->deadlines.next, struct rpc_call, deadline_node);
        if (call->deadline_us > worker->now_us) {
            return;
        }
        list_remove(&call->deadline_node);
        rpc_call_expire(call);
    }
}

/* Something of this thread waits for the end of the burst. */
static bool worker_in_burst(const struct rpc_worker *worker)
{
    return !list_empty(&worker->departures) || wake_waits();
}

static void worker_end_burst(struct rpc_worker *worker)
{
    worker->burst_events = 0;
    wake_release(); /* others work while this thread writes */
    wake_hold();
    rpc_burst_leave(worker);
}

/* After each event; nothing waits for long. */
static void worker_let_go(struct rpc_worker *worker, bool queue_empty)
{
    if (worker_in_burst(worker) &&
        (queue_empty || ++worker->burst_events >= RPC_BURST_EVENTS_MAX)) {
        worker_end_burst(worker);
    }
    if (!list_empty(&worker->held) &&
        (queue_empty || ++worker->held_events >= RPC_WORKER_HELD_EVENTS_MAX)) {
        rpc_stream_flush_held(worker);
    }
}

static gpr_timespec worker_wake_time(const struct rpc_worker *worker)
{
    int64_t wake_us = worker->check_us;
    if (worker_in_burst(worker) || !list_empty(&worker->held)) {
        return gpr_inf_past(GPR_CLOCK_MONOTONIC); /* only what is there already */
    }
    if (!list_empty(&worker->deadlines)) {
        const struct rpc_call *oldest =
            LIST_ENTRY(worker->deadlines.next, struct rpc_call, deadline_node);
        wake_us = oldest->deadline_us < wake_us ? oldest->deadline_us : wake_us;
    }
    return (gpr_timespec){
        .tv_sec = wake_us / RPC_US_PER_S,
        .tv_nsec = (int32_t)(wake_us % RPC_US_PER_S) * RPC_NS_PER_US,
        .clock_type = GPR_CLOCK_MONOTONIC,
    };
}

static void *worker_run(void *argument)
{
    struct rpc_worker *worker = argument;
    current_worker = worker;
    worker->now_us = rpc_now_us();
    wake_hold();
    for (;;) {
        grpc_event event =
            grpc_completion_queue_next(worker->queue, worker_wake_time(worker), NULL);
        worker->now_us = rpc_now_us();
        if (event.type == GRPC_QUEUE_SHUTDOWN) {
            break;
        }
        if (event.type == GRPC_OP_COMPLETE) {
            struct rpc_tag *tag = event.tag;
            HANDOVER_END(tag);
            tag->run(tag, event.success != 0);
        }
        worker_let_go(worker, event.type == GRPC_QUEUE_TIMEOUT);
        worker_expire(worker);
        if (worker->now_us >= worker->check_us) {
            worker->check_us = worker->now_us + RPC_WORKER_TICK_MS * RPC_US_PER_MS;
            rpc_stream_check_all(worker, worker->now_us);
        }
        if (worker->finished != NULL && !worker->shutting_down &&
            worker->finished(worker)) {
            worker->shutting_down = true;
            grpc_completion_queue_shutdown(worker->queue);
        }
    }
    wake_release();
    current_worker = NULL;
    return NULL;
}

void rpc_worker_start(struct rpc_worker *worker, const char *name)
{
    char short_name[RPC_THREAD_NAME_BYTES];
    ASSERT(pthread_create(&worker->thread, NULL, worker_run, worker) == 0);
    strncpy(short_name, name, sizeof short_name - 1);
    short_name[sizeof short_name - 1] = '\0';
    pthread_setname_np(worker->thread, short_name);
}

void rpc_worker_join(struct rpc_worker *worker)
{
    ASSERT(pthread_join(worker->thread, NULL) == 0);
}

void rpc_worker_close(struct rpc_worker *worker)
{
    ASSERT(list_empty(&worker->streams));
    ASSERT(list_empty(&worker->departures));
    ASSERT(list_empty(&worker->deadlines));
    rpc_call_pool_close(worker);
    grpc_completion_queue_destroy(worker->queue);
    pthread_mutex_destroy(&worker->lock);
}
