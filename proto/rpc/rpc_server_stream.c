/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream begins and ends on the server's side. */
#include <string.h>

#include "proto/rpc/rpc_stream_private.h"

static grpc_op server_end_op(struct rpc_stream *stream)
{
    return rpc_ending_op(&stream->ending, stream->call);
}

static void server_close(struct rpc_stream *stream)
{
    rpc_call_release(stream->call);
}

static void server_ended(struct rpc_tag *tag, bool ok)
{
    struct rpc_stream *stream = CONTAINER_OF(tag, struct rpc_stream, ended);
    struct rpc_call *call = stream->call;
    (void)ok;
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    stream->ops--;
    if (stream->close_cancelled != 0 || !stream->end_sent) {
        call->outcome = STATUS_CANCELLED;
        call->outcome_message = "the caller gave up";
        atomic_store_explicit(&call->cancelled, true, memory_order_release);
    }
    stream->status = (struct rpc_status){
        .status = call->outcome,
        .code = status_code(call->outcome),
        .message = call->outcome_message,
        .reason = status_name(call->outcome),
    };
    rpc_stream_end(stream);
    rpc_stream_leave(stream);
}

void rpc_stream_accept(struct rpc_call *call, const ProtobufCMessage *request)
{
    const struct rpc_binding *binding = call->binding;
    const struct rpc_server_options *options = &call->worker->server->options;
    struct rpc_stream *stream = rpc_stream_new(call->worker, call->handle);
    grpc_op op = rpc_op(GRPC_OP_RECV_CLOSE_ON_SERVER);
    bool draining;
    stream->call = call; /* its duty to answer becomes the stream's reference */
    stream->method = binding->method;
    stream->incoming = binding->method->request;
    stream->table = binding->handlers;
    stream->deliver = binding->method->thunk.message;
    stream->events = binding->method->thunk.events(binding->handlers);
    stream->end_op = server_end_op;
    stream->close = server_close;
    stream->ended.run = server_ended;
    stream->queue_max_bytes = options->queue_max_bytes;
    stream->arena_max_bytes = options->arena_max_bytes;
    stream->stall_ms = options->stream_stall_ms;
    stream->known_enums_only = options->known_enums_only;
    rpc_stream_enlist(stream);
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    op.data.recv_close_on_server.cancelled = &stream->close_cancelled;
    rpc_stream_start(stream, &op, 1, &stream->ended);
    pthread_mutex_unlock(&stream->lock);
    binding->method->thunk.open(stream, request, binding->handlers, binding->context);
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    rpc_stream_pump(stream); /* initial metadata, if nothing has carried it yet */
    if (request != NULL) {
        stream->input_closed = true;
    }
    rpc_stream_receive(stream);
    draining = atomic_load(&call->worker->server->draining) && !stream->draining;
    if (draining) {
        stream->draining = true;
        rpc_stream_start(stream, NULL, 0, &stream->drained);
    }
    rpc_stream_leave(stream);
    rpc_stream_unref(stream); /* the worker's own reference lasts until done */
}

static void stream_finish(struct rpc_stream *stream, const struct rpc_status *status,
                          const grpc_slice *last)
{
    bool first;
    ASSERT(stream->call != NULL);
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    first = !stream->finishing;
    if (first) {
        if (last != NULL) {
            rpc_stream_append(stream, *last);
        }
        stream->finishing = true;
        stream->input_closed = true;
        rpc_ending_make(&stream->ending, status, &stream->arena);
        rpc_stream_pump(stream);
    }
    pthread_mutex_unlock(&stream->lock);
    if (!first && last != NULL) {
        grpc_slice_unref(*last);
    }
}

void rpc_stream_finish_status(struct rpc_stream *stream, const struct rpc_status *status)
{
    stream_finish(stream, status, NULL);
}

void rpc_stream_finish(struct rpc_stream *stream, const struct problem *problem)
{
    struct rpc_status status = {.status = STATUS_OK};
    struct rpc_violation violation;
    if (problem != NULL) {
        rpc_status_from_problem(problem, &status, &violation);
    }
    stream_finish(stream, &status, NULL);
}

void rpc_stream_reply(struct rpc_stream *stream, const ProtobufCMessage *response)
{
    const struct rpc_status status = {.status = STATUS_OK};
    grpc_slice slice = rpc_bytes_pack_slice(response);
    stream_finish(stream, &status, &slice);
}
