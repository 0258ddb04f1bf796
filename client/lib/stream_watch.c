/* SPDX-License-Identifier: Apache-2.0 */
/* WatchStock of souk.v1.StockService: one reader, begun anew from its token. */
#include <errno.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "client/include/souk/stock_watch.h"
#include "client/lib/client.h"
#include "client/lib/convert.h"
#include "client/lib/convert_stock.h"
#include "client/lib/error.h"
#include "client/lib/retry.h"
#include "proto/rpc/rpc_channel.h"
#include "proto/rpc/rpc_stream.h"
#include "proto/souk/v1/stock.grpc-c.h"
#include "shard/base/assert.h"
#include "shard/base/buffer.h"

enum {
    WATCH_OUTAGE_DEFAULT_MS = 60000,
    WATCH_PAUSE_MS = 100, /* between two calls of on_pause */
};

struct watch {
    struct souk_client *client;
    souk_stock_on_watch *on_watch;
    souk_stock_on_pause *on_pause;
    void *context;
    Souk__V1__WatchStockRequest request;
    struct buffer
        token; /* NUL-terminated; the callback thread's while a stream is open */
    _Atomic(bool) stopped; /* the reader wants no more */
    bool heard;            /* something came on this stream */
    enum status status;    /* of the stream that ended */
    enum souk_code code;
    struct souk_error error;
    sem_t ended;
};

/* --- Callbacks ------------------------------------------------------------------------ */

static uint32_t watch_alerts(const Souk__V1__StockAlert *alerts, size_t count)
{
    uint32_t mask = 0;
    for (size_t i = 0; i < count; i++) {
        mask |= (unsigned)alerts[i] < 32 ? 1u << (unsigned)alerts[i] : 0;
    }
    return mask;
}

static void watch_changes(struct arena *arena, const Souk__V1__StockChanges *in,
                          struct souk_stock_watch_part *part)
{
    struct souk_stock_change *changes =
        arena_zalloc(arena, (in->n_changes + 1) * sizeof *changes);
    for (size_t i = 0; i < in->n_changes; i++) {
        const Souk__V1__StockChange *change = in->changes[i];
        if (change->movement != NULL) {
            stock_movement_back(change->movement, &changes[i].movement);
        }
        changes[i].alerts = watch_alerts(change->alerts, change->n_alerts);
        changes[i].to_alerts = watch_alerts(change->to_alerts, change->n_to_alerts);
    }
    part->changes = changes;
    part->change_count = in->n_changes;
}

static void watch_levels(struct arena *arena, const Souk__V1__StockSnapshot *in,
                         struct souk_stock_watch_part *part)
{
    struct souk_stock_level *levels =
        arena_zalloc(arena, (in->n_levels + 1) * sizeof *levels);
    for (size_t i = 0; i < in->n_levels; i++) {
        stock_level_back(in->levels[i], &levels[i]);
    }
    part->levels = levels;
    part->level_count = in->n_levels;
    part->complete = in->complete;
}

static void watch_message(struct rpc_stream *stream,
                          const Souk__V1__WatchStockResponse *message, void *user)
{
    struct watch *watch = user;
    struct souk_stock_watch_part part = {.resume_token = message->resume_token};
    struct arena arena;
    if (atomic_load(&watch->stopped)) {
        return;
    }
    watch->heard = true;
    arena_init(&arena, NULL, 0, 0);
    if (message->message_case == SOUK__V1__WATCH_STOCK_RESPONSE__MESSAGE_CHANGES) {
        watch_changes(&arena, message->changes, &part);
    } else if (message->message_case ==
               SOUK__V1__WATCH_STOCK_RESPONSE__MESSAGE_SNAPSHOT) {
        watch_levels(&arena, message->snapshot, &part);
    }
    if (!watch->on_watch(watch->context, &part)) {
        atomic_store(&watch->stopped, true);
        rpc_stream_cancel(stream);
    } else if (message->resume_token[0] != '\0') {
        /* Only what was taken is passed: the rest comes again. */
        buffer_clear(&watch->token);
        buffer_append(&watch->token, message->resume_token,
                      strlen(message->resume_token) + 1);
    }
    arena_close(&arena);
}

static void watch_done(struct rpc_stream *stream, const struct rpc_status *status,
                       void *user)
{
    struct watch *watch = user;
    (void)stream;
    watch->status = status->status;
    if (atomic_load(&watch->stopped)) {
        watch->code =
            error_set(&watch->error, STATUS_CANCELLED, "", "the reader ended it");
    } else {
        error_from_status(status, &watch->error);
        watch->code = watch->error.code;
    }
    sem_post(&watch->ended);
}

/* --- One attempt after the other ------------------------------------------------------- */

/* True: the semaphore; false: the time is over, and the reader has been asked. */
static bool watch_wait(struct watch *watch, struct rpc_stream *stream)
{
    struct timespec until;
    clock_gettime(CLOCK_MONOTONIC, &until);
    until.tv_nsec += WATCH_PAUSE_MS * 1000000L;
    if (until.tv_nsec >= 1000000000L) {
        until.tv_sec++;
        until.tv_nsec -= 1000000000L;
    }
    while (sem_clockwait(&watch->ended, CLOCK_MONOTONIC, &until) != 0) {
        if (errno != EINTR) {
            if (watch->on_pause != NULL && !watch->on_pause(watch->context)) {
                atomic_store(&watch->stopped, true);
                if (stream != NULL) {
                    rpc_stream_cancel(stream);
                }
            }
            return false;
        }
    }
    return true;
}

static void watch_try(struct watch *watch, unsigned skipped)
{
    static const struct souk__v1__stock_service__watch_stock__callbacks callbacks = {
        .message = watch_message,
        .events = {.done = watch_done},
    };
    struct souk_client *client = watch->client;
    struct rpc_call_options options = {0};
    unsigned channel = client_channel(client, skipped);
    struct rpc_stream *stream;
    souk_error_clear(&watch->error);
    watch->heard = false;
    if (watch->token.size > 0) {
        watch->request.resume_token = (char *)watch->token.data;
    }
    stream = souk__v1__stock_service__watch_stock__open(
        client->world->operations->channel(client->world, channel), &watch->request,
        &options, &callbacks, watch);
    while (!watch_wait(watch, stream)) {
    }
    rpc_stream_unref(stream);
    if (watch->heard) {
        client_prefer(client, channel);
    }
}

static bool watch_goes_on(const struct watch *watch)
{
    return !atomic_load(&watch->stopped) &&
           (watch->code == SOUK_OK || watch->code == SOUK_UNAVAILABLE ||
            watch->status == STATUS_WATCH_TOO_SLOW || watch->status == STATUS_OVERLOADED);
}

static void watch_run(struct watch *watch, int64_t outage_max_ms)
{
    uint64_t heard_us = client_now(watch->client).monotonic_us;
    uint32_t failures = 0;
    unsigned skipped = 0;
    struct rng rng;
    rng_init(&rng, client_seed(watch->client));
    for (;;) {
        uint64_t pause_ms, now_us;
        watch_try(watch, skipped);
        now_us = client_now(watch->client).monotonic_us;
        failures = watch->heard ? 1 : failures + 1;
        heard_us = watch->heard ? now_us : heard_us;
        watch->error.attempts = failures;
        if (!watch_goes_on(watch) ||
            now_us - heard_us > (uint64_t)outage_max_ms * UINT64_C(1000)) {
            return;
        }
        skipped += watch->code == SOUK_UNAVAILABLE;
        for (pause_ms = retry_pause_ms(failures, &rng); pause_ms > 0;
             pause_ms -= pause_ms < WATCH_PAUSE_MS ? pause_ms : WATCH_PAUSE_MS) {
            if (!watch_wait(watch, NULL) && atomic_load(&watch->stopped)) {
                watch->code =
                    error_set(&watch->error, STATUS_CANCELLED, "", "the reader ended it");
                return;
            }
        }
    }
}

static void watch_request(struct arena *arena,
                          const struct souk_stock_watch_request *request,
                          Souk__V1__WatchStockRequest *out)
{
    souk__v1__watch_stock_request__init(out);
    out->sku_ids = convert_texts(request->sku_ids);
    out->n_sku_ids = request->sku_id_count;
    out->location_ids = convert_texts(request->location_ids);
    out->n_location_ids = request->location_id_count;
    out->resume_token = convert_text(request->resume_token);
    out->changes_only = request->changes_only;
    out->low_stock = request->low_stock;
    out->reorder_point = request->reorder_point;
    out->alerts = arena_zalloc(arena, 32 * sizeof *out->alerts);
    for (unsigned alert = 1; alert < 32; alert++) {
        if (request->alerts & 1u << alert) {
            out->alerts[out->n_alerts++] = (Souk__V1__StockAlert)alert;
        }
    }
}

enum souk_code souk_stock_watch(struct souk_client *client,
                                const struct souk_stock_watch_request *request,
                                souk_stock_on_watch *on_watch,
                                souk_stock_on_pause *on_pause, void *context,
                                struct souk_error *out_error)
{
    struct watch watch = {
        .client = client, .on_watch = on_watch, .on_pause = on_pause, .context = context};
    struct arena arena;
    if (!client_enter(client)) {
        return error_set(out_error, STATUS_CANCELLED, "", "the client is being closed");
    }
    ASSERT(!client->world->operations->is_callback_thread(client->world));
    arena_init(&arena, NULL, 0, 0);
    buffer_init(&watch.token);
    sem_init(&watch.ended, 0, 0);
    watch_request(&arena, request, &watch.request);
    watch_run(&watch, request->outage_max_ms > 0 ? request->outage_max_ms
                                                 : WATCH_OUTAGE_DEFAULT_MS);
    sem_destroy(&watch.ended);
    buffer_close(&watch.token);
    arena_close(&arena);
    client_leave(client);
    if (watch.code != SOUK_OK && out_error != NULL) {
        *out_error = watch.error;
    } else {
        souk_error_clear(&watch.error);
    }
    return watch.code;
}
