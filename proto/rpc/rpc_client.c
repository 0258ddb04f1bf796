/* SPDX-License-Identifier: Apache-2.0 */
#include <grpc/grpc_security.h>
#include <grpc/support/time.h>
#include <limits.h>

#include "proto/rpc/rpc_client_private.h"

enum {
    RPC_CHANNEL_MESSAGE_BYTES = 4 << 20,
    RPC_CHANNEL_KEEPALIVE_MS = 30000,
    RPC_CHANNEL_KEEPALIVE_TIMEOUT_MS = 10000,
    RPC_CHANNEL_BACKOFF_FIRST_MS = 100,
    RPC_CHANNEL_BACKOFF_MAX_MS = 2000,
    RPC_CHANNEL_ARGUMENTS_MAX = 16,
};

struct rpc_client *rpc_client_new(void)
{
    struct rpc_client *client = memory_zalloc(sizeof *client);
    rpc_runtime_open();
    rpc_worker_init(&client->worker);
    ASSERT(pthread_mutex_init(&client->lock, NULL) == 0);
    ASSERT(pthread_cond_init(&client->idle, NULL) == 0);
    rpc_worker_start(&client->worker, "souk-rpc-client");
    return client;
}

void rpc_client_free(struct rpc_client *client)
{
    if (client == NULL) {
        return;
    }
    ASSERT(!rpc_client_is_current(client));
    ASSERT(pthread_mutex_lock(&client->lock) == 0);
    ASSERT(client->channels == 0);
    while (client->live > 0) {
        pthread_cond_wait(&client->idle, &client->lock);
    }
    pthread_mutex_unlock(&client->lock);
    grpc_completion_queue_shutdown(client->worker.queue);
    rpc_worker_join(&client->worker);
    rpc_worker_close(&client->worker);
    pthread_cond_destroy(&client->idle);
    pthread_mutex_destroy(&client->lock);
    free(client);
    grpc_shutdown();
}

bool rpc_client_is_current(const struct rpc_client *client)
{
    return rpc_worker_current() == &client->worker;
}

void rpc_client_enter(struct rpc_client *client)
{
    ASSERT(pthread_mutex_lock(&client->lock) == 0);
    client->live++;
    pthread_mutex_unlock(&client->lock);
}

void rpc_client_leave(struct rpc_client *client)
{
    ASSERT(pthread_mutex_lock(&client->lock) == 0);
    ASSERT(client->live > 0);
    if (--client->live == 0) {
        pthread_cond_broadcast(&client->idle);
    }
    pthread_mutex_unlock(&client->lock);
}

void rpc_channel_options_init(struct rpc_channel_options *options)
{
    *options = (struct rpc_channel_options){
        .message_max_bytes = RPC_CHANNEL_MESSAGE_BYTES,
        .arena_max_bytes = RPC_MESSAGE_ARENA_BYTES_MAX,
        .queue_max_bytes = RPC_STREAM_QUEUE_BYTES_MAX,
        .stream_stall_ms = RPC_STREAM_STALL_MS,
        .keepalive_ms = RPC_CHANNEL_KEEPALIVE_MS,
        .reconnect_backoff_max_ms = RPC_CHANNEL_BACKOFF_MAX_MS,
    };
}

static void add_argument(grpc_channel_args *arguments, const char *key, int value)
{
    union {
        const char *from;
        char *to;
    } name = {.from = key};
    ASSERT(arguments->num_args < RPC_CHANNEL_ARGUMENTS_MAX);
    arguments->args[arguments->num_args++] =
        (grpc_arg){.type = GRPC_ARG_INTEGER, .key = name.to, .value.integer = value};
}

static void channel_arguments(const struct rpc_channel_options *options,
                              grpc_channel_args *arguments)
{
    add_argument(arguments, GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    add_argument(arguments, GRPC_ARG_ENABLE_RETRIES, 0);
    add_argument(arguments, GRPC_ARG_ENABLE_CHANNELZ, 0);
    add_argument(arguments, GRPC_ARG_SERVICE_CONFIG_DISABLE_RESOLUTION, 1);
    add_argument(arguments, GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    add_argument(arguments, GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
    add_argument(arguments, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
                 (int)options->message_max_bytes);
    if (options->keepalive_ms > 0) {
        add_argument(arguments, GRPC_ARG_KEEPALIVE_TIME_MS, (int)options->keepalive_ms);
        add_argument(arguments, GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                     RPC_CHANNEL_KEEPALIVE_TIMEOUT_MS);
        add_argument(arguments, GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
    }
    add_argument(arguments, GRPC_ARG_INITIAL_RECONNECT_BACKOFF_MS,
                 RPC_CHANNEL_BACKOFF_FIRST_MS);
    add_argument(arguments, GRPC_ARG_MIN_RECONNECT_BACKOFF_MS,
                 RPC_CHANNEL_BACKOFF_FIRST_MS);
    add_argument(arguments, GRPC_ARG_MAX_RECONNECT_BACKOFF_MS,
                 (int)options->reconnect_backoff_max_ms);
}

struct rpc_channel *rpc_channel_open(struct rpc_client *client, const char *target,
                                     const struct rpc_channel_options *options)
{
    struct rpc_channel *channel = memory_zalloc(sizeof *channel);
    grpc_arg values[RPC_CHANNEL_ARGUMENTS_MAX];
    grpc_channel_args arguments = {.args = values};
    grpc_channel_credentials *credentials = grpc_insecure_credentials_create();
    rpc_channel_options_init(&channel->options);
    if (options != NULL) {
        channel->options = *options;
    }
    ASSERT(channel->options.message_max_bytes <= INT_MAX);
    channel_arguments(&channel->options, &arguments);
    channel->client = client;
    atomic_init(&channel->refs, 1);
    channel->handle = grpc_channel_create(target, credentials, &arguments);
    grpc_channel_credentials_release(credentials);
    ASSERT(pthread_mutex_lock(&client->lock) == 0);
    client->channels++;
    pthread_mutex_unlock(&client->lock);
    return channel;
}

void rpc_channel_unref(struct rpc_channel *channel)
{
    if (atomic_fetch_sub_explicit(&channel->refs, 1, memory_order_acq_rel) == 1) {
        free(channel);
    }
}

void rpc_channel_close(struct rpc_channel *channel)
{
    if (channel == NULL) {
        return;
    }
    grpc_channel_destroy(channel->handle);
    ASSERT(pthread_mutex_lock(&channel->client->lock) == 0);
    channel->client->channels--;
    pthread_mutex_unlock(&channel->client->lock);
    rpc_channel_unref(channel);
}

gpr_timespec rpc_client_deadline(const struct rpc_call_options *options,
                                 uint32_t default_ms)
{
    uint32_t timeout_ms =
        options && options->timeout_ms ? options->timeout_ms : default_ms;
    if (timeout_ms == 0) {
        return gpr_inf_future(GPR_CLOCK_MONOTONIC);
    }
    return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                        gpr_time_from_millis(timeout_ms, GPR_TIMESPAN));
}

grpc_op rpc_client_initial_op(const struct rpc_call_options *options,
                              grpc_metadata *headers)
{
    grpc_op op = rpc_op(GRPC_OP_SEND_INITIAL_METADATA);
    if (options == NULL) {
        return op;
    }
    ASSERT(options->header_count <= RPC_CALL_HEADERS_MAX);
    for (size_t i = 0; i < options->header_count; i++) {
        const struct rpc_header *header = &options->headers[i];
        headers[i].key = grpc_slice_from_copied_string(header->key);
        headers[i].value = grpc_slice_from_copied_buffer((const char *)header->value.data,
                                                         header->value.size);
    }
    op.data.send_initial_metadata.metadata = headers;
    op.data.send_initial_metadata.count = options->header_count;
    if (options->wait_for_ready) {
        op.flags = GRPC_INITIAL_METADATA_WAIT_FOR_READY |
                   GRPC_INITIAL_METADATA_WAIT_FOR_READY_EXPLICITLY_SET;
    }
    return op;
}

void rpc_client_initial_free(grpc_metadata *headers, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        grpc_slice_unref(headers[i].key);
        grpc_slice_unref(headers[i].value);
    }
}

grpc_call *rpc_client_create_call(struct rpc_channel *channel,
                                  const struct rpc_method *method, gpr_timespec deadline)
{
    return grpc_channel_create_call(
        channel->handle, NULL, GRPC_PROPAGATE_DEFAULTS, channel->client->worker.queue,
        grpc_slice_from_static_string(method->path), NULL, deadline, NULL);
}

void rpc_client_read_status(grpc_status_code code, const grpc_slice *text,
                            const grpc_metadata_array *trailers, struct arena *arena,
                            struct rpc_status *out_status)
{
    rpc_status_decode((enum status_code)code, rpc_bytes_of(text),
                      rpc_bytes_find(trailers, "grpc-status-details-bin"), arena,
                      out_status);
}
