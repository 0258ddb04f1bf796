/* SPDX-License-Identifier: Apache-2.0 */
/* How a stream begins and ends on the client's side. */
#include "proto/rpc/rpc_client_private.h"
#include "proto/rpc/rpc_stream_private.h"

static grpc_op client_end_op(struct rpc_stream *stream)
{
    (void)stream;
    return rpc_op(GRPC_OP_SEND_CLOSE_FROM_CLIENT);
}

static void client_close(struct rpc_stream *stream)
{
    grpc_metadata_array_destroy(&stream->initial);
    grpc_metadata_array_destroy(&stream->trailers);
    grpc_slice_unref(stream->text);
    grpc_call_unref(stream->handle);
    rpc_client_leave(stream->client);
}

static void client_greeted(struct rpc_tag *tag, bool ok)
{
    struct rpc_stream *stream = CONTAINER_OF(tag, struct rpc_stream, greeted);
    (void)ok;
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    stream->ops--;
    rpc_stream_leave(stream);
}

static void client_ended(struct rpc_tag *tag, bool ok)
{
    struct rpc_stream *stream = CONTAINER_OF(tag, struct rpc_stream, ended);
    (void)ok;
    rpc_client_read_status(stream->code, &stream->text, &stream->trailers, &stream->arena,
                           &stream->status);
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    stream->ops--;
    rpc_stream_end(stream);
    rpc_stream_leave(stream);
}

static struct rpc_stream *client_stream_new(const struct rpc_opening *opening)
{
    struct rpc_channel *channel = opening->channel;
    grpc_call *handle = rpc_client_create_call(channel, opening->method,
                                               rpc_client_deadline(opening->options, 0));
    struct rpc_stream *stream = rpc_stream_new(&channel->client->worker, handle);
    stream->client = channel->client;
    stream->method = opening->method;
    stream->incoming = opening->method->response;
    stream->events = opening->events;
    stream->table = opening->callbacks;
    stream->deliver = opening->message;
    stream->user = opening->user;
    stream->end_op = client_end_op;
    stream->close = client_close;
    stream->ended.run = client_ended;
    stream->greeted.run = client_greeted;
    stream->queue_max_bytes = channel->options.queue_max_bytes;
    stream->arena_max_bytes = channel->options.arena_max_bytes;
    stream->stall_ms = channel->options.stream_stall_ms;
    stream->text = grpc_empty_slice();
    grpc_metadata_array_init(&stream->initial);
    grpc_metadata_array_init(&stream->trailers);
    return stream;
}

/* Initial metadata out, and for server-streaming calls the request and its end with it. */
static void client_stream_begin(struct rpc_stream *stream,
                                const struct rpc_opening *opening)
{
    grpc_metadata headers[RPC_CALL_HEADERS_MAX];
    grpc_op ops[3];
    size_t count = 0;
    ops[count++] = rpc_client_initial_op(opening->options, headers);
    stream->initial_sent = true;
    if (opening->request != NULL) {
        stream->sending_buffer = rpc_bytes_pack(opening->request);
        ops[count] = rpc_op(GRPC_OP_SEND_MESSAGE);
        ops[count++].data.send_message.send_message = stream->sending_buffer;
        ops[count++] = rpc_op(GRPC_OP_SEND_CLOSE_FROM_CLIENT);
        stream->finishing = true;
        stream->end_sent = true;
    }
    stream->sending = true;
    stream->sends++;
    rpc_stream_start(stream, ops, count, &stream->sent);
    rpc_client_initial_free(headers, ops[0].data.send_initial_metadata.count);
}

struct rpc_stream *rpc_client_stream_open(const struct rpc_opening *opening)
{
    struct rpc_stream *stream;
    grpc_op op;
    rpc_client_enter(opening->channel->client);
    stream = client_stream_new(opening);
    rpc_stream_enlist(stream);
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    op = rpc_op(GRPC_OP_RECV_STATUS_ON_CLIENT);
    op.data.recv_status_on_client.trailing_metadata = &stream->trailers;
    op.data.recv_status_on_client.status = &stream->code;
    op.data.recv_status_on_client.status_details = &stream->text;
    rpc_stream_start(stream, &op, 1, &stream->ended);
    client_stream_begin(stream, opening);
    op = rpc_op(GRPC_OP_RECV_INITIAL_METADATA);
    op.data.recv_initial_metadata.recv_initial_metadata = &stream->initial;
    rpc_stream_start(stream, &op, 1, &stream->greeted);
    rpc_stream_receive(stream);
    pthread_mutex_unlock(&stream->lock);
    return stream;
}

void rpc_stream_half_close(struct rpc_stream *stream)
{
    ASSERT(stream->client != NULL);
    ASSERT(pthread_mutex_lock(&stream->lock) == 0);
    if (!stream->finishing) {
        stream->finishing = true;
        rpc_stream_pump(stream);
    }
    pthread_mutex_unlock(&stream->lock);
}

struct slice rpc_stream_trailer(const struct rpc_stream *stream, const char *key)
{
    ASSERT(stream->client != NULL);
    return rpc_bytes_find(&stream->trailers, key);
}
