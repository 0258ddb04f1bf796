/* SPDX-License-Identifier: Apache-2.0 */
#include <pthread.h>
#include <stdlib.h>
#include <time.h>

#include "client/lib/timer.h"
#include "client/lib/world.h"
#include "proto/rpc/rpc_client_call.h"
#include "shard/base/assert.h"
#include "shard/base/list.h"
#include "shard/base/memory.h"

enum {
    /* A server that restarts is found again within about this. */
    WORLD_RECONNECT_MOST_MS = 500,
};

struct world_channel {
    struct rpc_channel *rpc;
    pthread_mutex_t mutex;
    struct list attempts; /* in progress, so that they can be cancelled */
    bool hurried;
};

struct world_rpc {
    struct world base;
    struct timer timer;
    struct rpc_client **clients;
    unsigned client_count;
    struct world_channel *channels;
};

/* Freed by whichever comes last: the starter, or the end of the call. */
struct world_rpc_attempt {
    struct list link;
    struct world_channel *channel;
    struct rpc_client_call *call;
    bool ended;
    bool started;
    world_done *done;
    void *user;
};

static struct world_rpc *world_rpc_of(struct world *world)
{
    return CONTAINER_OF(world, struct world_rpc, base);
}

static struct moment world_rpc_now(struct world *world)
{
    struct timespec monotonic, wall;
    (void)world;
    clock_gettime(CLOCK_MONOTONIC, &monotonic);
    clock_gettime(CLOCK_REALTIME, &wall);
    return (struct moment){
        .monotonic_us =
            (uint64_t)monotonic.tv_sec * 1000000 + (uint64_t)monotonic.tv_nsec / 1000,
        .wall_ms = (int64_t)wall.tv_sec * 1000 + wall.tv_nsec / 1000000,
    };
}

static void world_rpc_attempt_free(struct world_rpc_attempt *attempt)
{
    rpc_client_call_unref(attempt->call);
    free(attempt);
}

static void world_rpc_ended(struct rpc_client_call *call,
                            const ProtobufCMessage *response, rpc_function *done,
                            void *user)
{
    struct world_rpc_attempt *attempt = user;
    struct world_answer answer = {
        .status = *rpc_client_call_status(call),
        .response = response,
        .unsent = rpc_client_call_unsent(call),
        .replayed = rpc_client_call_trailer(call, "souk-replayed").size > 0,
        .session_token = rpc_client_call_trailer(call, "souk-session-bin"),
        .call = call,
    };
    world_done *answered = attempt->done;
    void *answered_user = attempt->user;
    bool last;
    (void)done;
    pthread_mutex_lock(&attempt->channel->mutex);
    list_remove(&attempt->link);
    attempt->ended = true;
    last = attempt->started;
    pthread_mutex_unlock(&attempt->channel->mutex);
    if (last) {
        world_rpc_attempt_free(attempt);
    }
    answered(answered_user, &answer);
}

static void world_rpc_unary(struct world *world, const struct world_attempt *wanted)
{
    struct world_channel *channel = &world_rpc_of(world)->channels[wanted->channel];
    struct world_rpc_attempt *attempt = memory_zalloc(sizeof *attempt);
    struct rpc_call_options options = {.timeout_ms = wanted->timeout_ms};
    struct rpc_unary unary = {
        .channel = channel->rpc,
        .method = wanted->method,
        .request = wanted->request,
        .options = &options,
        .thunk = world_rpc_ended,
        .user = attempt,
    };
    struct rpc_client_call *call = NULL;
    bool ended, hurried;
    attempt->channel = channel;
    attempt->done = wanted->done;
    attempt->user = wanted->user;
    pthread_mutex_lock(&channel->mutex);
    list_append(&channel->attempts, &attempt->link);
    pthread_mutex_unlock(&channel->mutex);
    rpc_client_call_start(&unary, &call);
    pthread_mutex_lock(&channel->mutex);
    attempt->call = call;
    attempt->started = true;
    ended = attempt->ended;
    hurried = channel->hurried;
    if (hurried && !ended) {
        rpc_client_call_cancel(call);
    }
    pthread_mutex_unlock(&channel->mutex);
    if (ended) {
        world_rpc_attempt_free(attempt);
    }
}

static void world_rpc_alarm(struct world *world, uint64_t when_us, world_alarm *alarm,
                            void *user)
{
    timer_set(&world_rpc_of(world)->timer, when_us, alarm, user);
}

static void world_rpc_hurry(struct world *world)
{
    struct world_rpc *rpc = world_rpc_of(world);
    for (unsigned i = 0; i < world->channel_count; i++) {
        struct world_channel *channel = &rpc->channels[i];
        pthread_mutex_lock(&channel->mutex);
        channel->hurried = true;
        for (struct list *node = channel->attempts.next; node != &channel->attempts;
             node = node->next) {
            struct world_rpc_attempt *attempt =
                LIST_ENTRY(node, struct world_rpc_attempt, link);
            if (attempt->started) {
                rpc_client_call_cancel(attempt->call);
            }
        }
        pthread_mutex_unlock(&channel->mutex);
    }
    timer_hurry(&rpc->timer);
}

static void world_rpc_free(struct world *world)
{
    struct world_rpc *rpc = world_rpc_of(world);
    timer_close(&rpc->timer);
    for (unsigned i = 0; i < world->channel_count; i++) {
        rpc_channel_close(rpc->channels[i].rpc);
    }
    for (unsigned i = 0; i < rpc->client_count; i++) {
        rpc_client_free(rpc->clients[i]);
    }
    for (unsigned i = 0; i < world->channel_count; i++) {
        pthread_mutex_destroy(&rpc->channels[i].mutex);
    }
    free(rpc->clients);
    free(rpc->channels);
    free(rpc);
}

static struct rpc_channel *world_rpc_channel(struct world *world, unsigned channel)
{
    return world_rpc_of(world)->channels[channel].rpc;
}

static bool world_rpc_is_callback_thread(struct world *world)
{
    struct world_rpc *rpc = world_rpc_of(world);
    for (unsigned i = 0; i < rpc->client_count; i++) {
        if (rpc_client_is_current(rpc->clients[i])) {
            return true;
        }
    }
    return timer_is_current(&rpc->timer);
}

static const struct world_operations world_rpc_operations = {
    .free = world_rpc_free,
    .now = world_rpc_now,
    .unary = world_rpc_unary,
    .alarm = world_rpc_alarm,
    .hurry = world_rpc_hurry,
    .channel = world_rpc_channel,
    .is_callback_thread = world_rpc_is_callback_thread,
};

struct world *world_rpc_new(const struct world_rpc_options *options)
{
    struct world_rpc *rpc = memory_zalloc(sizeof *rpc);
    struct rpc_channel_options channel_options;
    unsigned channels = options->address_count * options->channels_per_address;
    rpc_channel_options_init(&channel_options);
    channel_options.reconnect_backoff_max_ms = WORLD_RECONNECT_MOST_MS;
    rpc->base.operations = &world_rpc_operations;
    rpc->base.channel_count = channels;
    rpc->base.address_count = options->address_count;
    timer_init(&rpc->timer);
    rpc->client_count = options->workers < channels ? options->workers : channels;
    rpc->clients = memory_zalloc(rpc->client_count * sizeof(struct rpc_client *));
    for (unsigned i = 0; i < rpc->client_count; i++) {
        rpc->clients[i] = rpc_client_new();
    }
    rpc->channels = memory_zalloc(channels * sizeof *rpc->channels);
    for (unsigned i = 0; i < channels; i++) {
        struct world_channel *channel = &rpc->channels[i];
        pthread_mutex_init(&channel->mutex, NULL);
        list_init(&channel->attempts);
        channel->rpc = rpc_channel_open(
            rpc->clients[i / options->address_count % rpc->client_count],
            options->addresses[i % options->address_count], &channel_options);
    }
    return &rpc->base;
}
