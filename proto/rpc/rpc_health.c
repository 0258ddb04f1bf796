/* SPDX-License-Identifier: Apache-2.0 */
/*
 * grpc.health.v1 for every server (github.com/grpc/grpc/blob/master/doc/health-checking.md):
 * Check answers NOT_FOUND for a name nobody set, Watch answers SERVICE_UNKNOWN and goes on.
 * `lock` guards everything; a watcher's own queue of one status is gRPC's send queue.
 */
#include <string.h>

#include "grpc/health/v1/health.grpc-c.h"
#include "proto/rpc/rpc_private.h"

typedef Grpc__Health__V1__HealthCheckResponse health_response;

enum {
    HEALTH_SERVICES_MAX = RPC_SERVER_SERVICES_MAX * 2,
    HEALTH_WATCHERS_MAX = 4096,
    HEALTH_NAME_BYTES_MAX = 256,
};

struct health_service {
    char name[HEALTH_NAME_BYTES_MAX];
    bool serving;
};

struct health_watcher {
    struct list node;
    struct rpc_stream *stream;
    char name[HEALTH_NAME_BYTES_MAX];
    int sent; /* the status last sent, -1 before the first */
};

struct rpc_health {
    pthread_mutex_t lock;
    struct health_service services[HEALTH_SERVICES_MAX];
    size_t service_count;
    struct list watchers;
    size_t watcher_count;
    bool draining;
};

struct rpc_health *rpc_health_new(void)
{
    struct rpc_health *health = memory_zalloc(sizeof *health);
    ASSERT(pthread_mutex_init(&health->lock, NULL) == 0);
    list_init(&health->watchers);
    return health;
}

void rpc_health_free(struct rpc_health *health)
{
    if (health != NULL) {
        ASSERT(list_empty(&health->watchers));
        pthread_mutex_destroy(&health->lock);
        free(health);
    }
}

static struct health_service *health_find(struct rpc_health *health, const char *name)
{
    for (size_t i = 0; i < health->service_count; i++) {
        if (strcmp(health->services[i].name, name) == 0) {
            return &health->services[i];
        }
    }
    return NULL;
}

static int health_status(struct rpc_health *health, const char *name)
{
    const struct health_service *service = health_find(health, name);
    if (service == NULL) {
        return GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN;
    }
    return service->serving && !health->draining
               ? GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING
               : GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__NOT_SERVING;
}

/* A watcher that does not read misses states in between, never the wish to know: its
 * stream is cut off by the stall limit. */
static void health_tell(struct rpc_health *health, struct health_watcher *watcher)
{
    health_response response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    int status = health_status(health, watcher->name);
    if (status == watcher->sent) {
        return;
    }
    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    if (grpc__health__v1__health__watch__send(watcher->stream, &response) == STATUS_OK) {
        watcher->sent = status;
    }
}

static void health_tell_all(struct rpc_health *health)
{
    for (struct list *node = health->watchers.next; node != &health->watchers;
         node = node->next) {
        health_tell(health, LIST_ENTRY(node, struct health_watcher, node));
    }
}

void rpc_health_set(struct rpc_health *health, const char *name, bool serving)
{
    struct health_service *service;
    ASSERT(strlen(name) < HEALTH_NAME_BYTES_MAX);
    ASSERT(pthread_mutex_lock(&health->lock) == 0);
    service = health_find(health, name);
    if (service == NULL) {
        ASSERT(health->service_count < HEALTH_SERVICES_MAX);
        service = &health->services[health->service_count++];
        strcpy(service->name, name);
    }
    service->serving = serving;
    health_tell_all(health);
    pthread_mutex_unlock(&health->lock);
}

void rpc_health_drain(struct rpc_health *health)
{
    ASSERT(pthread_mutex_lock(&health->lock) == 0);
    health->draining = true;
    health_tell_all(health);
    pthread_mutex_unlock(&health->lock);
}

static void health_check(struct rpc_call *call,
                         const Grpc__Health__V1__HealthCheckRequest *request,
                         void *context)
{
    struct rpc_health *health = context;
    health_response response = GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__INIT;
    struct problem problem;
    int status;
    ASSERT(pthread_mutex_lock(&health->lock) == 0);
    status = health_status(health, request->service);
    pthread_mutex_unlock(&health->lock);
    if (status ==
        GRPC__HEALTH__V1__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVICE_UNKNOWN) {
        problem_set(&problem, STATUS_NOT_FOUND, "service",
                    "this server has no service of that name");
        rpc_call_fail(call, &problem);
        return;
    }
    response.status = (Grpc__Health__V1__HealthCheckResponse__ServingStatus)status;
    grpc__health__v1__health__check__reply(call, &response);
}

static void health_watch(struct rpc_stream *stream,
                         const Grpc__Health__V1__HealthCheckRequest *request,
                         void *context)
{
    struct rpc_health *health = context;
    struct health_watcher *watcher;
    struct problem problem;
    ASSERT(pthread_mutex_lock(&health->lock) == 0);
    if (health->watcher_count == HEALTH_WATCHERS_MAX ||
        strlen(request->service) >= HEALTH_NAME_BYTES_MAX) {
        pthread_mutex_unlock(&health->lock);
        problem_set(&problem, STATUS_QUOTA, "", "too many watchers, or too long a name");
        rpc_stream_finish(stream, &problem);
        return;
    }
    rpc_stream_set_user(stream, health);
    watcher = memory_zalloc(sizeof *watcher);
    watcher->stream = rpc_stream_ref(stream);
    watcher->sent = -1;
    strcpy(watcher->name, request->service);
    list_append(&health->watchers, &watcher->node);
    health->watcher_count++;
    health_tell(health, watcher);
    pthread_mutex_unlock(&health->lock);
}

static struct health_watcher *health_watcher_of(struct rpc_health *health,
                                                const struct rpc_stream *stream)
{
    for (struct list *node = health->watchers.next; node != &health->watchers;
         node = node->next) {
        struct health_watcher *watcher = LIST_ENTRY(node, struct health_watcher, node);
        if (watcher->stream == stream) {
            return watcher;
        }
    }
    return NULL;
}

/* Ends as OK behind NOT_SERVING: with any other status C-core's clients drop what they have
 * received and not yet read, the last state among it. Whoever watches asks again anyway. */
static void health_watch_draining(struct rpc_stream *stream, void *user)
{
    (void)user;
    rpc_stream_finish(stream, NULL);
}

static void health_watch_done(struct rpc_stream *stream, const struct rpc_status *status,
                              void *user)
{
    struct rpc_health *health = user;
    struct health_watcher *watcher;
    (void)status;
    if (health == NULL) {
        return;
    }
    ASSERT(pthread_mutex_lock(&health->lock) == 0);
    watcher = health_watcher_of(health, stream);
    if (watcher != NULL) {
        list_remove(&watcher->node);
        health->watcher_count--;
    }
    pthread_mutex_unlock(&health->lock);
    if (watcher != NULL) {
        rpc_stream_unref(watcher->stream);
        free(watcher);
    }
}

static const struct grpc__health__v1__health__handlers HEALTH_HANDLERS = {
    .check = health_check,
    .watch =
        {
            .open = health_watch,
            .events = {.draining = health_watch_draining, .done = health_watch_done},
        },
};

void rpc_health_register(struct rpc_health *health, struct rpc_server *server)
{
    grpc__health__v1__health__register(server, &HEALTH_HANDLERS, health);
}
