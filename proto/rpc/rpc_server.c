/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_server.h"

#include <errno.h>
#include <grpc/grpc_security.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "proto/rpc/rpc_private.h"

enum {
    RPC_SERVER_MESSAGE_BYTES = 4 << 20,
    RPC_SERVER_DEADLINE_MS = 60000,
    RPC_SERVER_STREAMS_MAX = 1024,
    RPC_SERVER_HANDSHAKE_MS = 10000,
    RPC_SERVER_MEMORY_BYTES = 256 << 20,
    RPC_SERVER_PING_INTERVAL_MS = 5000, /* clients may ping this often */
    RPC_SERVER_PING_STRIKES = 10,
    RPC_SERVER_KEEPALIVE_MS = 60000,
    RPC_SERVER_KEEPALIVE_TIMEOUT_MS = 20000,
    RPC_SERVER_LINGER_MS = 50,       /* connections without calls, when stopping */
    RPC_SERVER_ARMED_PER_METHOD = 1, /* the next is armed before a call is looked at */
    RPC_SERVER_ARGUMENTS_MAX = 20,
    RPC_SERVER_ADDRESS_BYTES = 256,
};

void rpc_server_options_init(struct rpc_server_options *options)
{
    *options = (struct rpc_server_options){
        .address = "127.0.0.1",
        .workers = 1,
        .message_max_bytes = RPC_SERVER_MESSAGE_BYTES,
        .arena_max_bytes = RPC_MESSAGE_ARENA_BYTES_MAX,
        .deadline_max_ms = RPC_SERVER_DEADLINE_MS,
        .queue_max_bytes = RPC_STREAM_QUEUE_BYTES_MAX,
        .stream_stall_ms = RPC_STREAM_STALL_MS,
        .streams_max = RPC_SERVER_STREAMS_MAX,
        .handshake_timeout_ms = RPC_SERVER_HANDSHAKE_MS,
        .memory_max_bytes = RPC_SERVER_MEMORY_BYTES,
        .known_enums_only = true,
        .reflection = true,
    };
}

struct rpc_server *rpc_server_new(const struct rpc_server_options *options)
{
    struct rpc_server *server = memory_zalloc(sizeof *server);
    pthread_condattr_t monotonic;
    ASSERT(options->workers > 0 && options->workers <= RPC_SERVER_WORKERS_MAX);
    ASSERT(options->message_max_bytes <= INT_MAX);
    ASSERT(options->deadline_max_ms > 0);
    rpc_runtime_open();
    server->options = *options;
    ASSERT(pthread_mutex_init(&server->lock, NULL) == 0);
    pthread_condattr_init(&monotonic);
    pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
    ASSERT(pthread_cond_init(&server->changed, &monotonic) == 0);
    pthread_condattr_destroy(&monotonic);
    server->health = rpc_health_new();
    rpc_health_register(server->health, server);
    if (options->reflection) {
        server->reflection = rpc_reflection_new(server);
    }
    return server;
}

void rpc_server_register(struct rpc_server *server, const struct rpc_service *service,
                         const void *handlers, void *context)
{
    ASSERT(!server->started);
    ASSERT(server->registration_count < RPC_SERVER_SERVICES_MAX);
    server->registrations[server->registration_count++] =
        (struct rpc_registration){service, handlers, context};
    rpc_health_set(server->health, service->name, true);
}

/* --- Starting -------------------------------------------------------------------------- */

static void add_integer(grpc_channel_args *arguments, const char *key, int value)
{
    union {
        const char *from;
        char *to;
    } name = {.from = key};
    ASSERT(arguments->num_args < RPC_SERVER_ARGUMENTS_MAX);
    arguments->args[arguments->num_args++] =
        (grpc_arg){.type = GRPC_ARG_INTEGER, .key = name.to, .value.integer = value};
}

static void server_arguments(const struct rpc_server_options *options,
                             grpc_resource_quota *quota, grpc_channel_args *arguments)
{
    add_integer(arguments, GRPC_ARG_ALLOW_REUSEPORT, 0);
    add_integer(arguments, GRPC_COMPRESSION_CHANNEL_ENABLED_ALGORITHMS_BITSET, 1);
    add_integer(arguments, GRPC_ARG_ENABLE_CHANNELZ, 0);
    add_integer(arguments, GRPC_ARG_MAX_RECEIVE_MESSAGE_LENGTH,
                (int)options->message_max_bytes);
    add_integer(arguments, GRPC_ARG_MAX_METADATA_SIZE, RPC_SERVER_METADATA_BYTES_MAX);
    add_integer(arguments, GRPC_ARG_MAX_CONCURRENT_STREAMS, (int)options->streams_max);
    add_integer(arguments, GRPC_ARG_SERVER_HANDSHAKE_TIMEOUT_MS,
                (int)options->handshake_timeout_ms);
    add_integer(arguments, GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                RPC_SERVER_PING_INTERVAL_MS);
    add_integer(arguments, GRPC_ARG_HTTP2_MAX_PING_STRIKES, RPC_SERVER_PING_STRIKES);
    add_integer(arguments, GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
    add_integer(arguments, GRPC_ARG_KEEPALIVE_TIME_MS, RPC_SERVER_KEEPALIVE_MS);
    add_integer(arguments, GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                RPC_SERVER_KEEPALIVE_TIMEOUT_MS);
    if (quota != NULL) {
        union {
            const char *from;
            char *to;
        } name = {.from = GRPC_ARG_RESOURCE_QUOTA};
        ASSERT(arguments->num_args < RPC_SERVER_ARGUMENTS_MAX);
        arguments->args[arguments->num_args++] = (grpc_arg){
            .type = GRPC_ARG_POINTER,
            .key = name.to,
            .value.pointer = {.p = quota, .vtable = grpc_resource_quota_arg_vtable()},
        };
    }
}

static grpc_server *server_create(const struct rpc_server_options *options)
{
    grpc_arg values[RPC_SERVER_ARGUMENTS_MAX];
    grpc_channel_args arguments = {.args = values};
    grpc_resource_quota *quota = NULL;
    grpc_server *handle;
    if (options->memory_max_bytes > 0) {
        quota = grpc_resource_quota_create("souk");
        grpc_resource_quota_resize(quota, options->memory_max_bytes);
    }
    server_arguments(options, quota, &arguments);
    handle = grpc_server_create(&arguments, NULL);
    if (quota != NULL) {
        grpc_resource_quota_unref(quota);
    }
    return handle;
}

static void server_bind_methods(struct rpc_server *server)
{
    size_t capacity = 0;
    for (size_t i = 0; i < server->registration_count; i++) {
        capacity += server->registrations[i].service->method_count;
    }
    server->bindings = memory_zalloc(capacity * sizeof *server->bindings);
    for (size_t i = 0; i < server->registration_count; i++) {
        const struct rpc_registration *registration = &server->registrations[i];
        for (unsigned m = 0; m < registration->service->method_count; m++) {
            const struct rpc_method *method = &registration->service->methods[m];
            bool has_request =
                method->kind == RPC_UNARY || method->kind == RPC_SERVER_STREAM;
            struct rpc_binding *binding;
            if (!method->thunk.served(registration->handlers)) {
                continue; /* the catch-all answers UNIMPLEMENTED */
            }
            binding = &server->bindings[server->binding_count++];
            binding->method = method;
            binding->handlers = registration->handlers;
            binding->context = registration->context;
            binding->registered = grpc_server_register_method(
                server->handle, method->path, NULL,
                has_request ? GRPC_SRM_PAYLOAD_READ_INITIAL_BYTE_BUFFER
                            : GRPC_SRM_PAYLOAD_NONE,
                0);
            ASSERT(binding->registered != NULL);
        }
    }
}

static enum status server_listen(struct rpc_server *server, struct problem *problem)
{
    const struct rpc_server_options *options = &server->options;
    bool is_path = strncmp(options->address, "unix:", 5) == 0;
    grpc_server_credentials *credentials = grpc_insecure_server_credentials_create();
    char address[RPC_SERVER_ADDRESS_BYTES];
    int port;
    if (is_path) {
        snprintf(address, sizeof address, "%s", options->address);
    } else {
        snprintf(address, sizeof address, "%s:%u", options->address,
                 (unsigned)options->port);
    }
    port = grpc_server_add_http2_port(server->handle, address, credentials);
    grpc_server_credentials_release(credentials);
    if (port <= 0) {
        return problem_set(
            problem, STATUS_UNREACHABLE, "",
            "%s cannot be listened on: it is in use or not of this machine", address);
    }
    server->port = is_path ? 0 : (uint16_t)port;
    return STATUS_OK;
}

static void worker_stopped(struct rpc_tag *tag, bool ok)
{
    struct rpc_worker *worker = CONTAINER_OF(tag, struct rpc_worker, stopped);
    (void)ok;
    worker->stopped_seen = true;
}

/* Whether the queue is not needed any more: all calls have ended, none can come, and the
 * connections are closed. Clients without a call may keep theirs open for long. */
static bool worker_finished(struct rpc_worker *worker)
{
    struct rpc_server *server = worker->server;
    bool done = worker->stopped_seen;
    if (worker->live > 0 || (worker->idle_seen && !done)) {
        return false;
    }
    ASSERT(pthread_mutex_lock(&server->lock) == 0);
    server->workers_idle += !worker->idle_seen;
    server->workers_done += done;
    pthread_cond_signal(&server->changed);
    pthread_mutex_unlock(&server->lock);
    worker->idle_seen = true;
    return done;
}

static void server_create_workers(struct rpc_server *server)
{
    server->worker_count = server->options.workers;
    server->workers = memory_zalloc(server->worker_count * sizeof *server->workers);
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct rpc_worker *worker = &server->workers[i];
        rpc_worker_init(worker);
        worker->server = server;
        worker->stopped.run = worker_stopped;
        worker->finished = worker_finished;
        grpc_server_register_completion_queue(server->handle, worker->queue, NULL);
    }
}

static void server_start_workers(struct rpc_server *server)
{
    for (unsigned i = 0; i < server->worker_count; i++) {
        struct rpc_worker *worker = &server->workers[i];
        char name[32];
        for (unsigned n = 0; n < RPC_SERVER_ARMED_PER_METHOD; n++) {
            rpc_call_arm(worker, NULL);
            for (size_t b = 0; b < server->binding_count; b++) {
                rpc_call_arm(worker, &server->bindings[b]);
            }
        }
        snprintf(name, sizeof name, "souk-rpc-%u", i);
        rpc_worker_start(worker, name);
    }
}

enum status rpc_server_start(struct rpc_server *server, struct problem *problem)
{
    enum status status;
    ASSERT(!server->started);
    ASSERT(server->handle == NULL);
    if (server->reflection != NULL) {
        rpc_reflection_load(server->reflection);
    }
    server->handle = server_create(&server->options);
    server_bind_methods(server);
    server_create_workers(server);
    status = server_listen(server, problem);
    server->started = true;
    grpc_server_start(server->handle); /* also before a failed start is undone */
    server_start_workers(server);
    if (status != STATUS_OK) {
        rpc_server_stop(server, 0);
        return status;
    }
    rpc_health_set(server->health, "", true);
    return STATUS_OK;
}

uint16_t rpc_server_port(const struct rpc_server *server)
{
    return server->port;
}

/* --- Stopping -------------------------------------------------------------------------- */

void rpc_server_drain(struct rpc_server *server)
{
    if (!server->started || atomic_exchange(&server->draining, true)) {
        return;
    }
    rpc_health_drain(server->health);
    for (unsigned i = 0; i < server->worker_count; i++) {
        rpc_stream_drain_all(&server->workers[i]);
    }
}

/* Until all workers are counted, or the time is over. */
static bool server_wait(struct rpc_server *server, const unsigned *count,
                        uint32_t grace_ms)
{
    struct timespec until;
    int timed_out = 0;
    bool done;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_sec += grace_ms / 1000;
    until.tv_nsec += (long)(grace_ms % 1000) * 1000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000;
    }
    ASSERT(pthread_mutex_lock(&server->lock) == 0);
    while (*count < server->worker_count && timed_out != ETIMEDOUT) {
        timed_out = pthread_cond_timedwait(&server->changed, &server->lock, &until);
    }
    done = *count == server->worker_count;
    pthread_mutex_unlock(&server->lock);
    return done;
}

void rpc_server_stop(struct rpc_server *server, uint32_t grace_ms)
{
    uint32_t linger_ms =
        grace_ms < RPC_SERVER_LINGER_MS ? grace_ms : RPC_SERVER_LINGER_MS;
    if (!server->started) {
        return;
    }
    ASSERT(rpc_worker_current() == NULL || rpc_worker_current()->server != server);
    rpc_server_drain(server);
    atomic_store(&server->stopping, true);
    for (unsigned i = 0; i < server->worker_count; i++) {
        grpc_server_shutdown_and_notify(server->handle, server->workers[i].queue,
                                        &server->workers[i].stopped);
    }
    /* The grace is for calls; then connections get a moment to end by themselves, so that
     * last answers are not cut off, and are closed. */
    if (!server_wait(server, &server->workers_idle, grace_ms) ||
        !server_wait(server, &server->workers_done, linger_ms)) {
        grpc_server_cancel_all_calls(server->handle);
    }
    for (unsigned i = 0; i < server->worker_count; i++) {
        rpc_worker_join(&server->workers[i]);
    }
    grpc_server_destroy(server->handle);
    for (unsigned i = 0; i < server->worker_count; i++) {
        rpc_worker_close(&server->workers[i]);
    }
    server->handle = NULL;
    server->started = false;
}

void rpc_server_free(struct rpc_server *server)
{
    if (server == NULL) {
        return;
    }
    rpc_server_stop(server, 0);
    rpc_health_free(server->health);
    rpc_reflection_free(server->reflection);
    free(server->bindings);
    free(server->workers);
    pthread_cond_destroy(&server->changed);
    pthread_mutex_destroy(&server->lock);
    free(server);
    grpc_shutdown();
}

void rpc_server_set_serving(struct rpc_server *server, const char *service, bool serving)
{
    rpc_health_set(server->health, service, serving);
}
