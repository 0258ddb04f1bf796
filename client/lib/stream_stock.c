/* SPDX-License-Identifier: Apache-2.0 */
/* StreamStockUpdates of souk.v1.StockService. */
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

#include "client/include/souk/stock_stream.h"
#include "client/lib/convert.h"
#include "client/lib/error.h"
#include "client/lib/window.h"
#include "proto/souk/v1/stock.grpc-c.h"
#include "shard/base/memory.h"

enum {
    /* One more may be on its way into the window. */
    STOCK_SENT_MAX = WINDOW_MESSAGES_MAX + 1,
};

/* A message that is not answered: the last sequence in it; a barrier has none. */
struct stock_sent {
    uint64_t last;
    bool barrier;
};

struct souk_stock_stream {
    struct window window;
    struct souk_stock_stream_options options;
    char source_id[IDENTIFIER_BYTES_MAX + 1];
    Souk__V1__StockStreamOpen open;
    Souk__V1__StreamStockUpdatesRequest greeting;
    uint64_t next;       /* the sender's */
    uint64_t barrier_id; /* likewise */
    _Atomic(uint64_t) acked;
    uint64_t last_sequence; /* of the first Opened */
    bool greeted;
    pthread_mutex_t mutex; /* of `sent`; taken inside no other */
    struct stock_sent sent[STOCK_SENT_MAX];
    unsigned sent_first;
    unsigned sent_count;
};

static struct souk_stock_stream *stock_of(struct window *window)
{
    return CONTAINER_OF(window, struct souk_stock_stream, window);
}

/* --- Messages on their way ------------------------------------------------------------ */

static void stock_sent_push(struct souk_stock_stream *stream, struct stock_sent sent)
{
    pthread_mutex_lock(&stream->mutex);
    stream->sent[(stream->sent_first + stream->sent_count++) % STOCK_SENT_MAX] = sent;
    pthread_mutex_unlock(&stream->mutex);
}

/* The message was not taken after all. */
static void stock_sent_unpush(struct souk_stock_stream *stream)
{
    pthread_mutex_lock(&stream->mutex);
    stream->sent_count--;
    pthread_mutex_unlock(&stream->mutex);
}

/* Takes the oldest off if it is answered by this; false: it is not. */
static bool stock_sent_pop(struct souk_stock_stream *stream, bool barrier,
                           uint64_t through)
{
    const struct stock_sent *sent = &stream->sent[stream->sent_first];
    bool answered;
    pthread_mutex_lock(&stream->mutex);
    answered = stream->sent_count > 0 && sent->barrier == barrier &&
               (barrier || sent->last <= through);
    if (answered) {
        stream->sent_first = (stream->sent_first + 1) % STOCK_SENT_MAX;
        stream->sent_count--;
    }
    pthread_mutex_unlock(&stream->mutex);
    return answered;
}

/* --- Callbacks ------------------------------------------------------------------------ */

static void stock_acked(struct souk_stock_stream *stream,
                        const Souk__V1__StockStreamAck *ack)
{
    struct souk_stock_failure *failures;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    failures = arena_zalloc(&arena, ack->n_failures * sizeof *failures);
    for (size_t i = 0; i < ack->n_failures; i++) {
        failures[i].sequence = ack->failures[i]->sequence;
        convert_item_status_back(ack->failures[i]->status, &failures[i].status);
    }
    /* Told first, so that nobody sees the stream drained before its last ack. */
    if (stream->options.on_ack != NULL) {
        stream->options.on_ack(stream->options.context,
                               &(struct souk_stock_ack){
                                   .through_sequence = ack->through_sequence,
                                   .applied = ack->applied,
                                   .duplicates = ack->duplicates,
                                   .superseded = ack->superseded,
                                   .skipped = ack->skipped,
                                   .failures = failures,
                                   .failure_count = ack->n_failures,
                               });
    }
    arena_close(&arena);
    if (ack->through_sequence > atomic_load(&stream->acked)) {
        atomic_store(&stream->acked, ack->through_sequence);
    }
}

static void stock_opened(struct souk_stock_stream *stream,
                         const Souk__V1__StockStreamOpened *opened)
{
    if (!stream->greeted) {
        stream->greeted = true;
        stream->last_sequence = opened->last_sequence;
    }
    window_greeted(&stream->window, opened->credit);
}

static void stock_message(struct rpc_stream *rpc,
                          const Souk__V1__StreamStockUpdatesResponse *message, void *user)
{
    struct window *window = user;
    struct souk_stock_stream *stream = stock_of(window);
    bool known = true;
    switch (message->message_case) {
    case SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_OPENED:
        stock_opened(stream, message->opened);
        break;
    case SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_ACK:
        stock_acked(stream, message->ack);
        while (known && stock_sent_pop(stream, false, message->ack->through_sequence)) {
            known = window_answered(window);
        }
        break;
    case SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_BARRIER:
        known = stock_sent_pop(stream, true, 0) && window_answered(window);
        break;
    case SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_CREDIT:
        window_credit(window, message->credit->credit);
        break;
    case SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE_GO_AWAY:
    case SOUK__V1__STREAM_STOCK_UPDATES_RESPONSE__MESSAGE__NOT_SET:
        break; /* the end of the stream follows, and another one is opened */
    }
    if (!known) {
        rpc_stream_cancel(rpc); /* a broken server */
    }
}

static struct rpc_stream *stock_open(struct window *window, struct rpc_channel *channel)
{
    static const struct souk__v1__stock_service__stream_stock_updates__callbacks
        callbacks = {
            .message = stock_message,
            .events = {.writable = window_writable, .done = window_done},
        };
    struct souk_stock_stream *stream = stock_of(window);
    stream->open.acked_sequence = atomic_load(&stream->acked);
    return souk__v1__stock_service__stream_stock_updates__open(channel, NULL, &callbacks,
                                                               window);
}

static enum status stock_transmit(struct rpc_stream *rpc, const ProtobufCMessage *message)
{
    return souk__v1__stock_service__stream_stock_updates__send_request(
        rpc, (const void *)message);
}

static void stock_lost(struct window *window, const struct souk_error *error)
{
    struct souk_stock_stream *stream = stock_of(window);
    if (stream->options.on_retry != NULL) {
        stream->options.on_retry(stream->options.context, error);
    }
}

/* --- The stream ----------------------------------------------------------------------- */

static void stock_greeting(struct souk_stock_stream *stream)
{
    const struct souk_stock_stream_options *options = &stream->options;
    souk__v1__stock_stream_open__init(&stream->open);
    stream->open.source_id = stream->source_id;
    stream->open.source_epoch = options->source_epoch;
    stream->open.ack_window = options->ack_window;
    stream->open.on_missing = (Souk__V1__OnMissing)options->on_missing;
    stream->open.error_mode =
        options->stop_on_failure
            ? SOUK__V1__STREAM_ERROR_MODE__STREAM_ERROR_MODE_STOP
            : SOUK__V1__STREAM_ERROR_MODE__STREAM_ERROR_MODE_CONTINUE;
    souk__v1__stream_stock_updates_request__init(&stream->greeting);
    stream->greeting.message_case = SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__MESSAGE_OPEN;
    stream->greeting.open = &stream->open;
}

enum souk_code souk_stock_stream_open(struct souk_client *client,
                                      const struct souk_stock_stream_options *options,
                                      struct souk_stock_stream **out_stream,
                                      uint64_t *out_last_sequence,
                                      struct souk_error *out_error)
{
    struct souk_stock_stream *stream;
    struct window_kind kind = {stock_open, stock_transmit, NULL, stock_lost};
    enum souk_code code;
    size_t size = options->source_id ? strlen(options->source_id) : 0;
    if (size == 0 || size > IDENTIFIER_BYTES_MAX) {
        return error_set(out_error, STATUS_INVALID, "source_id", "1 to %d characters",
                         IDENTIFIER_BYTES_MAX);
    }
    if (!client_enter(client)) {
        return error_set(out_error, STATUS_CANCELLED, "", "the client is being closed");
    }
    stream = memory_zalloc(sizeof *stream);
    stream->options = *options;
    memcpy(stream->source_id, options->source_id, size);
    atomic_init(&stream->acked, options->acked_sequence);
    pthread_mutex_init(&stream->mutex, NULL);
    stock_greeting(stream);
    kind.greeting = &stream->greeting.base;
    window_init(&stream->window, client, &kind,
                options->window ? options->window : WINDOW_MESSAGES_MAX,
                options->outage_max_ms);
    code = window_open(&stream->window, out_error);
    if (code != SOUK_OK) {
        souk_stock_stream_close(stream);
        return code;
    }
    stream->next = stream->last_sequence + 1;
    *out_stream = stream;
    *out_last_sequence = stream->last_sequence;
    return SOUK_OK;
}

static void stock_update(struct arena *arena, const struct souk_stock_update *update,
                         Souk__V1__StockUpdate *out)
{
    souk__v1__stock_update__init(out);
    out->sku_id = convert_text(update->sku_id);
    out->location_id = convert_text(update->location_id);
    if (update->absolute) {
        out->change_case = SOUK__V1__STOCK_UPDATE__CHANGE_QUANTITY;
        out->quantity = update->quantity;
    } else {
        out->change_case = SOUK__V1__STOCK_UPDATE__CHANGE_DELTA;
        out->delta = update->quantity;
    }
    out->bucket = (Souk__V1__StockBucket)update->bucket;
    out->reason = (Souk__V1__StockReason)update->reason;
    out->reference = convert_text(update->reference);
    out->occurred_time = convert_time(arena, update->occurred_time_ms);
}

static enum souk_code stock_send(struct souk_stock_stream *stream,
                                 const Souk__V1__StreamStockUpdatesRequest *request,
                                 struct stock_sent sent, struct souk_error *out_error)
{
    enum souk_code code;
    stock_sent_push(stream, sent);
    code = window_send(&stream->window, &request->base, out_error);
    if (code != SOUK_OK) {
        stock_sent_unpush(stream);
    }
    return code;
}

enum souk_code souk_stock_stream_send(struct souk_stock_stream *stream,
                                      const struct souk_stock_update *updates,
                                      size_t update_count, struct souk_error *out_error)
{
    Souk__V1__StreamStockUpdatesRequest request =
        SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__INIT;
    Souk__V1__StockUpdateBatch batch = SOUK__V1__STOCK_UPDATE_BATCH__INIT;
    Souk__V1__StockUpdate *out;
    struct arena arena;
    void **pointers;
    enum souk_code code;
    if (update_count == 0 || update_count > SOUK_BATCH_MAX) {
        return error_set(out_error, STATUS_INVALID, "updates", "1 to %d in one message",
                         SOUK_BATCH_MAX);
    }
    arena_init(&arena, NULL, 0, 0);
    out = convert_array(&arena, update_count, sizeof *out, &pointers);
    for (size_t i = 0; i < update_count; i++) {
        stock_update(&arena, &updates[i], &out[i]);
    }
    batch.first_sequence = stream->next;
    batch.updates = (Souk__V1__StockUpdate **)pointers;
    batch.n_updates = update_count;
    request.message_case = SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__MESSAGE_BATCH;
    request.batch = &batch;
    code = stock_send(stream, &request,
                      (struct stock_sent){stream->next + update_count - 1, false},
                      out_error);
    arena_close(&arena);
    if (code == SOUK_OK) {
        stream->next += update_count;
    }
    return code;
}

enum souk_code souk_stock_stream_drain(struct souk_stock_stream *stream,
                                       struct souk_error *out_error)
{
    return window_drain(&stream->window, out_error);
}

enum souk_code souk_stock_stream_barrier(struct souk_stock_stream *stream,
                                         struct souk_error *out_error)
{
    Souk__V1__StreamStockUpdatesRequest request =
        SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__INIT;
    Souk__V1__StockStreamBarrier barrier = SOUK__V1__STOCK_STREAM_BARRIER__INIT;
    enum souk_code code;
    barrier.barrier_id = ++stream->barrier_id;
    request.message_case = SOUK__V1__STREAM_STOCK_UPDATES_REQUEST__MESSAGE_BARRIER;
    request.barrier = &barrier;
    code = stock_send(stream, &request, (struct stock_sent){0, true}, out_error);
    return code == SOUK_OK ? window_drain(&stream->window, out_error) : code;
}

void souk_stock_stream_close(struct souk_stock_stream *stream)
{
    if (stream != NULL) {
        struct souk_client *client = stream->window.client;
        window_close(&stream->window);
        pthread_mutex_destroy(&stream->mutex);
        free(stream);
        client_leave(client);
    }
}
