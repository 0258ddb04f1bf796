/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_stream.h"

#include <string.h>

#include "proto/rpc/rpc_stream_private.h"

static void stream_sent(struct rpc_tag *tag, bool ok);
static void stream_received(struct rpc_tag *tag, bool ok);
static void stream_drained(struct rpc_tag *tag, bool ok);

/* --- Life ------------------------------------------------------------------------------ */

struct rpc_stream *rpc_stream_new(struct rpc_worker *worker, grpc_call *handle)
{
    struct rpc_stream *stream = memory_zalloc(sizeof *stream);
    stream->magic = RPC_STREAM_MAGIC;
    stream->sent.run = stream_sent;
    stream->received.run = stream_received;
    stream->drained.run = stream_drained;
    stream->worker = worker;
    stream->handle = handle;
    stream->window = 1;
    atomic_store(&stream->refs, 2);
    list_init(&stream->node);
    list_init(&stream->held_node);
    arena_init(&stream->arena, NULL, 0, 0);
    ASSERT(pthread_mutex_init(&stream->lock, NULL) == 0);
    return stream;
}

void rpc_stream_enlist(struct rpc_stream *stream)
{
    ASSERT(pthread_mutex_lock(&stream->worker->lock) == 0);
    list_append(&stream->worker->streams, &stream->node);
    pthread_mutex_unlock(&stream->worker->lock);
}

static void queue_drop(struct rpc_send_queue *queue)
{
    while (queue->count > 0) {
        grpc_slice_unref(queue->slices[queue->head]);
        queue->head = (queue->head + 1) & (queue->capacity - 1);
        queue->count--;
    }
    queue->bytes = 0;
}

struct rpc_stream *rpc_stream_ref(struct rpc_stream *stream)
{
    ASSERT(stream->magic == RPC_STREAM_MAGIC);
    atomic_fetch_add_explicit(&stream->refs, 1, memory_order_relaxed);
    return stream;
}

void rpc_stream_unref(struct rpc_stream *stream)
{
    if (stream == NULL) {
        return;
    }
    ASSERT(stream->magic == RPC_STREAM_MAGIC);
    if (atomic_fetch_sub_explicit(&stream->refs, 1, memory_order_acq_rel) != 1) {
        return;
    }
    ASSERT(stream->done_called);
    queue_drop(&stream->queue);
    free(stream->queue.slices);
    rpc_taken_free(stream->message);
    arena_close(&stream->arena);
    rpc_call_unref(stream->call);
    pthread_mutex_destroy(&stream->lock);
    stream->magic = 0;
    free(stream);
}

static void stream_lock(struct rpc_stream *stream)
{
    ASSERT(stream->magic == RPC_STREAM_MAGIC);
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
}

static void stream_unlock(struct rpc_stream *stream)
{
    pthread_mutex_unlock(&stream->lock);
}

void rpc_stream_start(struct rpc_stream *stream, const grpc_op *ops, size_t count,
                      struct rpc_tag *tag)
{
    ASSERT(!stream->end_reached);
    stream->ops++;
    rpc_batch_start(stream->handle, ops, count, tag);
}

void rpc_stream_end(struct rpc_stream *stream)
{
    stream->end_reached = true;
    stream->finishing = true;
    stream->input_closed = true;
    queue_drop(&stream->queue);
}

void rpc_stream_leave(struct rpc_stream *stream)
{
    bool done = stream->end_reached && stream->ops == 0 && !stream->done_called;
    stream->done_called = stream->done_called || done;
    stream_unlock(stream);
    if (!done) {
        return;
    }
    list_remove(&stream->held_node);
    ASSERT(pthread_mutex_lock(&stream->worker->lock) == 0);
    list_remove(&stream->node);
    pthread_mutex_unlock(&stream->worker->lock);
    if (stream->events->done != NULL) {
        stream->events->done(stream, &stream->status, stream->user);
    }
    stream->close(stream);
    rpc_stream_unref(stream);
}

/* --- Sending --------------------------------------------------------------------------- */

static void queue_append(struct rpc_send_queue *queue, grpc_slice slice)
{
    if (queue->count == queue->capacity) {
        size_t capacity = queue->capacity ? queue->capacity * 2 : RPC_STREAM_QUEUE_FIRST;
        grpc_slice *slices = memory_alloc(capacity * sizeof *slices);
        for (size_t i = 0; i < queue->count; i++) {
            slices[i] = queue->slices[(queue->head + i) & (queue->capacity - 1)];
        }
        free(queue->slices);
        queue->slices = slices;
        queue->capacity = capacity;
        queue->head = 0;
    }
    queue->slices[(queue->head + queue->count) & (queue->capacity - 1)] = slice;
    queue->count++;
    queue->bytes += GRPC_SLICE_LENGTH(slice) + RPC_STREAM_MESSAGE_OVERHEAD_BYTES;
}

static grpc_slice queue_pop(struct rpc_send_queue *queue)
{
    grpc_slice slice = queue->slices[queue->head];
    queue->head = (queue->head + 1) & (queue->capacity - 1);
    queue->count--;
    return slice;
}

void rpc_stream_append(struct rpc_stream *stream, grpc_slice slice)
{
    queue_append(&stream->queue, slice);
}

void rpc_stream_pump(struct rpc_stream *stream)
{
    grpc_op ops[4];
    size_t count = 0;
    if (stream->sending || stream->end_reached || stream->end_sent) {
        return;
    }
    if (!stream->initial_sent) {
        ops[count++] = rpc_op(GRPC_OP_SEND_INITIAL_METADATA);
        stream->initial_sent = true;
    }
    if (stream->queue.count > 0) {
        grpc_slice slice = queue_pop(&stream->queue);
        stream->sending_bytes =
            GRPC_SLICE_LENGTH(slice) + RPC_STREAM_MESSAGE_OVERHEAD_BYTES;
        stream->sending_buffer = grpc_raw_byte_buffer_create(&slice, 1);
        grpc_slice_unref(slice);
        ops[count] = rpc_op(GRPC_OP_SEND_MESSAGE);
        ops[count].data.send_message.send_message = stream->sending_buffer;
        /* More follows at once: let the transport gather it into one write. Never beside
         * initial metadata, whose batch would then wait for a write that waits for it. */
        if (stream->queue.count > 0 && count == 0) {
            ops[count].flags = GRPC_WRITE_BUFFER_HINT;
        }
        count++;
    }
    if (stream->finishing && stream->queue.count == 0) {
        ops[count++] = stream->end_op(stream);
        stream->end_sent = true;
    }
    if (count > 0) {
        stream->sending = true;
        stream->sends++;
        rpc_stream_start(stream, ops, count, &stream->sent);
    }
}

/* Waiting costs a look at the queue, which only a conversation of many messages earns. */
static bool stream_holds(struct rpc_stream *stream)
{
    if (stream->queue.count != 1) {
        stream->hold_misses = 0;
        return false;
    }
    return stream->hold_misses < RPC_STREAM_HOLD_MISSES_MAX ||
           ++stream->hold_skipped % RPC_STREAM_HOLD_RETRY == 0;
}

void rpc_stream_pump_soon(struct rpc_stream *stream)
{
    struct rpc_worker *worker = stream->worker;
    if (stream->sending) {
        return;
    }
    if (stream->queue.count == 0 || rpc_worker_current() != worker ||
        !stream_holds(stream)) {
        rpc_stream_pump(stream);
        return;
    }
    if (list_empty(&worker->held)) {
        worker->held_events = 0;
    }
    list_remove(&stream->held_node); /* once is enough */
    list_append(&worker->held, &stream->held_node);
}

void rpc_stream_flush_held(struct rpc_worker *worker)
{
    struct list *node;
    while ((node = list_pop(&worker->held)) != NULL) {
        struct rpc_stream *stream = LIST_ENTRY(node, struct rpc_stream, held_node);
        stream_lock(stream);
        stream->hold_misses += stream->hold_misses < RPC_STREAM_HOLD_MISSES_MAX;
        rpc_stream_pump(stream);
        stream_unlock(stream);
    }
}

static void stream_sent(struct rpc_tag *tag, bool ok)
{
    struct rpc_stream *stream = CONTAINER_OF(tag, struct rpc_stream, sent);
    bool writable;
    stream_lock(stream);
    stream->ops--;
    stream->sending = false;
    if (stream->sending_buffer != NULL) {
        grpc_byte_buffer_destroy(stream->sending_buffer);
        stream->sending_buffer = NULL;
    }
    if (!stream->end_reached) {
        stream->queue.bytes -= stream->sending_bytes;
    }
    stream->sending_bytes = 0;
    if (ok) {
        rpc_stream_pump_soon(stream);
    }
    writable =
        stream->want_writable && !stream->finishing &&
        stream->queue.bytes <= stream->queue_max_bytes / RPC_STREAM_LOW_WATER_DIVISOR;
    if (writable) {
        stream->want_writable = false;
    }
    if (writable && stream->events->writable != NULL) {
        stream_unlock(stream);
        stream->events->writable(stream, stream->user);
        stream_lock(stream);
    }
    rpc_stream_leave(stream);
}

enum status rpc_stream_send(struct rpc_stream *stream, const ProtobufCMessage *message)
{
    grpc_slice slice = rpc_bytes_pack_slice(message);
    size_t size = GRPC_SLICE_LENGTH(slice) + RPC_STREAM_MESSAGE_OVERHEAD_BYTES;
    enum status status = STATUS_OK;
    stream_lock(stream);
    if (stream->finishing) {
        status = STATUS_CANCELLED;
    } else if (stream->queue.bytes > 0 &&
               stream->queue.bytes + size > stream->queue_max_bytes) {
        stream->want_writable = true;
        status = STATUS_OVERLOADED;
    } else {
        queue_append(&stream->queue, slice);
        rpc_stream_pump_soon(stream);
    }
    stream_unlock(stream);
    if (status != STATUS_OK) {
        grpc_slice_unref(slice);
    }
    return status;
}

size_t rpc_stream_queued_bytes(struct rpc_stream *stream)
{
    size_t bytes;
    stream_lock(stream);
    bytes = stream->queue.bytes;
    stream_unlock(stream);
    return bytes;
}

void rpc_stream_cancel(struct rpc_stream *stream)
{
    stream_lock(stream);
    if (!stream->end_reached) {
        grpc_call_cancel(stream->handle, NULL);
    }
    stream->finishing = true;
    stream_unlock(stream);
}

/* --- Receiving ------------------------------------------------------------------------- */

void rpc_stream_receive(struct rpc_stream *stream)
{
    grpc_op op;
    if (stream->receiving || stream->delivering || stream->input_closed ||
        stream->pauses >= stream->window) {
        return;
    }
    op = rpc_op(GRPC_OP_RECV_MESSAGE);
    op.data.recv_message.recv_message = &stream->incoming_buffer;
    stream->receiving = true;
    rpc_stream_start(stream, &op, 1, &stream->received);
}

static struct rpc_taken *stream_room(struct rpc_stream *stream)
{
    struct rpc_taken *room = stream->message;
    if (room == NULL) {
        room = memory_alloc(sizeof *room);
        arena_init(&room->arena, room->inline_arena, sizeof room->inline_arena,
                   stream->arena_max_bytes);
        stream->message = room;
    } else {
        arena_reset(&room->arena);
    }
    room->message = NULL;
    return room;
}

/* What came is malformed: the server refuses the call, the client gives it up. */
static void stream_reject(struct rpc_stream *stream, const struct problem *problem)
{
    stream_lock(stream);
    stream->input_closed = true;
    stream_unlock(stream);
    if (stream->call != NULL && stream->events->malformed != NULL) {
        stream->events->malformed(stream, problem, stream->user);
    } else if (stream->call != NULL) {
        rpc_stream_finish(stream, problem);
    } else {
        grpc_call_cancel_with_status(stream->handle, GRPC_STATUS_INTERNAL,
                                     "the server's message is malformed", NULL);
    }
}

static void stream_deliver(struct rpc_stream *stream, grpc_byte_buffer *buffer)
{
    struct rpc_taken *room = stream_room(stream);
    struct problem problem = {0};
    const ProtobufCMessage *message = NULL;
    enum status status =
        rpc_bytes_unpack(buffer, stream->incoming, stream->known_enums_only, &room->arena,
                         &message, &problem);
    grpc_byte_buffer_destroy(buffer);
    if (status != STATUS_OK) {
        stream_reject(stream, &problem);
        return;
    }
    room->message = message;
    stream->deliver(stream, message, stream->table);
}

static void stream_received(struct rpc_tag *tag, bool ok)
{
    struct rpc_stream *stream = CONTAINER_OF(tag, struct rpc_stream, received);
    grpc_byte_buffer *buffer = stream->incoming_buffer;
    bool closed, wanted;
    stream->incoming_buffer = NULL;
    stream_lock(stream);
    stream->ops--;
    stream->receiving = false;
    wanted = !stream->input_closed;
    closed = buffer == NULL || !ok;
    stream->input_closed = stream->input_closed || closed;
    stream->delivering = true;
    stream_unlock(stream);
    if (closed && buffer != NULL) {
        grpc_byte_buffer_destroy(buffer);
    } else if (closed) {
        if (wanted && ok && !grpc_call_failed_before_recv_message(stream->handle) &&
            stream->events->half_close != NULL) {
            stream->events->half_close(stream, stream->user);
        }
    } else if (wanted && stream->deliver != NULL) {
        stream_deliver(stream, buffer);
    } else {
        grpc_byte_buffer_destroy(buffer);
    }
    stream_lock(stream);
    stream->delivering = false;
    rpc_stream_receive(stream);
    rpc_stream_leave(stream);
}

void rpc_stream_pause(struct rpc_stream *stream)
{
    stream_lock(stream);
    stream->pauses++;
    stream_unlock(stream);
}

void rpc_stream_resume(struct rpc_stream *stream)
{
    stream_lock(stream);
    ASSERT(stream->pauses > 0);
    stream->pauses--;
    rpc_stream_receive(stream);
    stream_unlock(stream);
}

void rpc_stream_set_window(struct rpc_stream *stream, unsigned window)
{
    ASSERT(window > 0);
    stream_lock(stream);
    stream->window = window;
    stream_unlock(stream);
}

struct rpc_taken *rpc_stream_take(struct rpc_stream *stream)
{
    struct rpc_taken *taken = stream->message;
    stream->message = NULL;
    return taken;
}

struct arena *rpc_taken_arena(struct rpc_taken *taken)
{
    return &taken->arena;
}

const ProtobufCMessage *rpc_taken_message(const struct rpc_taken *taken)
{
    return taken->message;
}

void rpc_taken_free(struct rpc_taken *taken)
{
    if (taken != NULL) {
        arena_close(&taken->arena);
        free(taken);
    }
}

/* --- The rest -------------------------------------------------------------------------- */

void rpc_stream_set_user(struct rpc_stream *stream, void *user)
{
    stream->user = user;
}

void *rpc_stream_user(const struct rpc_stream *stream)
{
    return stream->user;
}

struct rpc_call *rpc_stream_call(struct rpc_stream *stream)
{
    return stream->call;
}

static void stream_drained(struct rpc_tag *tag, bool ok)
{
    struct rpc_stream *stream = CONTAINER_OF(tag, struct rpc_stream, drained);
    bool wanted;
    (void)ok;
    stream_lock(stream);
    wanted = !stream->finishing && stream->events->draining != NULL;
    if (wanted) {
        stream_unlock(stream);
        stream->events->draining(stream, stream->user);
        stream_lock(stream);
    }
    stream->ops--;
    rpc_stream_leave(stream);
}

void rpc_stream_drain_all(struct rpc_worker *worker)
{
    ASSERT(pthread_mutex_lock(&worker->lock) == 0);
    for (struct list *node = worker->streams.next; node != &worker->streams;
         node = node->next) {
        struct rpc_stream *stream = LIST_ENTRY(node, struct rpc_stream, node);
        stream_lock(stream);
        if (!stream->draining && !stream->end_reached) {
            stream->draining = true;
            rpc_stream_start(stream, NULL, 0, &stream->drained);
        }
        stream_unlock(stream);
    }
    pthread_mutex_unlock(&worker->lock);
}

/* Sending, and not one batch further than when it was first seen that long ago? */
static bool stream_stalled(struct rpc_stream *stream, int64_t now_us)
{
    if (!stream->sending || stream->sends != stream->stall_sends) {
        stream->stall_sends = stream->sends;
        stream->stall_since_us = now_us;
        return false;
    }
    return now_us - stream->stall_since_us > (int64_t)stream->stall_ms * RPC_US_PER_MS;
}

void rpc_stream_check_all(struct rpc_worker *worker, int64_t now_us)
{
    ASSERT(pthread_mutex_lock(&worker->lock) == 0);
    for (struct list *node = worker->streams.next; node != &worker->streams;
         node = node->next) {
        struct rpc_stream *stream = LIST_ENTRY(node, struct rpc_stream, node);
        stream_lock(stream);
        if (stream->stall_ms > 0 && !stream->end_reached &&
            stream_stalled(stream, now_us)) {
            grpc_call_cancel_with_status(stream->handle, GRPC_STATUS_RESOURCE_EXHAUSTED,
                                         "the reader does not read", NULL);
        }
        stream_unlock(stream);
    }
    pthread_mutex_unlock(&worker->lock);
}
