/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/ordered_stream.h"

#include "shard/base/log.h"

void ordered_stream_open(struct ordered_stream *ordered, struct rpc_stream *stream,
                         const struct ordered_ops *ops, unsigned window)
{
    ordered->ops = ops;
    ordered->stream = rpc_stream_ref(stream);
    pthread_mutex_init(&ordered->lock, NULL);
    answer_order_init(&ordered->order, window);
    ordered->refs = 1;
    rpc_stream_set_window(stream, ordered->order.window);
    rpc_stream_set_user(stream, ordered);
}

static void ordered_stream_finish(struct ordered_stream *ordered,
                                  const struct problem *problem)
{
    if (ordered->finished) {
        return;
    }
    ordered->finished = true;
    if (problem != NULL) {
        log_event(
            LOG_INFO, "stream refused",
            LOG_STRING("method", rpc_call_method(rpc_stream_call(ordered->stream))->path),
            LOG_STATUS(problem->status), LOG_STRING("field", problem->field),
            LOG_STRING("why", problem->message));
    }
    rpc_stream_finish(ordered->stream, problem);
}

/* Sends what may be sent. Under the lock. */
static void ordered_stream_flush(struct ordered_stream *ordered)
{
    void *message;
    while (!ordered->finished && (message = answer_order_peek(&ordered->order)) != NULL) {
        struct problem problem = {.status = STATUS_OK};
        enum status status = ordered->ops->send(ordered, message, &problem);
        if (problem.status != STATUS_OK) {
            ordered_stream_finish(ordered, &problem);
            return;
        }
        if (status == STATUS_OVERLOADED) {
            return; /* `writable` comes */
        }
        answer_order_pop(&ordered->order);
        ordered->ops->message_free(message);
        rpc_stream_resume(ordered->stream);
    }
    if (answer_order_open(&ordered->order) > 0) {
        return;
    }
    if (ordered->failing) {
        ordered_stream_finish(ordered, &ordered->failure);
    } else if (ordered->half_closed) {
        ordered_stream_finish(ordered, NULL);
    } else if (ordered->draining) {
        struct problem problem;
        problem_set(&problem, STATUS_DRAINING, "", "%s", status_text(STATUS_DRAINING));
        ordered_stream_finish(ordered, &problem);
    }
}

/* Gives one reference back, and the lock. The last frees everything. */
static void ordered_stream_leave(struct ordered_stream *ordered)
{
    bool last = --ordered->refs == 0;
    void *message;
    pthread_mutex_unlock(&ordered->lock);
    if (!last) {
        return;
    }
    while ((message = answer_order_pop(&ordered->order)) != NULL) {
        ordered->ops->message_free(message);
    }
    pthread_mutex_destroy(&ordered->lock);
    rpc_stream_unref(ordered->stream);
    ordered->ops->free(ordered);
}

bool ordered_stream_begin(struct ordered_stream *ordered, void *message,
                          uint64_t *out_sequence)
{
    bool open;
    pthread_mutex_lock(&ordered->lock);
    open = !ordered->finished && !ordered->failing &&
           answer_order_begin(&ordered->order, message, out_sequence) == STATUS_OK;
    if (open) {
        ordered->refs++;
        rpc_stream_pause(ordered->stream);
    }
    pthread_mutex_unlock(&ordered->lock);
    return open;
}

void ordered_stream_complete(struct ordered_stream *ordered, uint64_t sequence)
{
    pthread_mutex_lock(&ordered->lock);
    answer_order_complete(&ordered->order, sequence);
    ordered_stream_flush(ordered);
    ordered_stream_leave(ordered);
}

void ordered_stream_fail(struct ordered_stream *ordered, const struct problem *problem)
{
    pthread_mutex_lock(&ordered->lock);
    if (!ordered->failing) {
        ordered->failing = true;
        ordered->failure = *problem;
    }
    ordered_stream_flush(ordered);
    pthread_mutex_unlock(&ordered->lock);
}

void ordered_stream_on_half_close(struct rpc_stream *stream, void *user)
{
    struct ordered_stream *ordered = user;
    (void)stream;
    pthread_mutex_lock(&ordered->lock);
    ordered->half_closed = true;
    ordered_stream_flush(ordered);
    pthread_mutex_unlock(&ordered->lock);
}

void ordered_stream_on_writable(struct rpc_stream *stream, void *user)
{
    struct ordered_stream *ordered = user;
    (void)stream;
    pthread_mutex_lock(&ordered->lock);
    ordered_stream_flush(ordered);
    pthread_mutex_unlock(&ordered->lock);
}

void ordered_stream_on_draining(struct rpc_stream *stream, void *user)
{
    struct ordered_stream *ordered = user;
    (void)stream;
    pthread_mutex_lock(&ordered->lock);
    ordered->draining = true;
    ordered_stream_flush(ordered);
    pthread_mutex_unlock(&ordered->lock);
}

void ordered_stream_on_malformed(struct rpc_stream *stream, const struct problem *problem,
                                 void *user)
{
    (void)stream;
    ordered_stream_fail(user, problem);
}

void ordered_stream_on_done(struct rpc_stream *stream, const struct rpc_status *status,
                            void *user)
{
    struct ordered_stream *ordered = user;
    (void)stream;
    (void)status;
    pthread_mutex_lock(&ordered->lock);
    ordered->finished = true;
    ordered_stream_leave(ordered);
}
