/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.ImportService. */
#include <stdlib.h>
#include <string.h>

#include "client/include/souk/import.h"
#include "client/lib/convert.h"
#include "client/lib/error.h"
#include "client/lib/window.h"
#include "proto/souk/v1/import.grpc-c.h"
#include "shard/base/memory.h"

struct souk_import {
    struct window window;
    struct souk_import_options options;
    char import_id[IDENTIFIER_BYTES_MAX + 1];
    Souk__V1__ImportOpen open;
    Souk__V1__ImportRowsRequest greeting;
};

static struct souk_import *import_of(struct window *window)
{
    return CONTAINER_OF(window, struct souk_import, window);
}

static void import_acked(struct souk_import *import, const Souk__V1__ImportAck *ack)
{
    struct arena arena;
    struct souk_import_failure *failures;
    arena_init(&arena, NULL, 0, 0);
    failures = arena_zalloc(&arena, ack->n_failures * sizeof *failures);
    for (size_t i = 0; i < ack->n_failures; i++) {
        failures[i].line = ack->failures[i]->line;
        convert_item_status_back(ack->failures[i]->status, &failures[i].status);
    }
    if (import->options.on_ack != NULL) {
        import->options.on_ack(import->options.context,
                               &(struct souk_import_ack){
                                   .through_line = ack->through_line,
                                   .applied = ack->applied,
                                   .duplicates = ack->duplicates,
                                   .failures = failures,
                                   .failure_count = ack->n_failures,
                               });
    }
    arena_close(&arena);
}

static void import_message(struct rpc_stream *stream,
                           const Souk__V1__ImportRowsResponse *message, void *user)
{
    struct window *window = user;
    if (message->message_case == SOUK__V1__IMPORT_ROWS_RESPONSE__MESSAGE_OPENED) {
        window_greeted(window, message->opened->credit);
    } else if (message->message_case == SOUK__V1__IMPORT_ROWS_RESPONSE__MESSAGE_ACK) {
        /* Told first, so that nobody sees the import drained before its last ack. */
        import_acked(import_of(window), message->ack);
        if (!window_answered(window)) {
            rpc_stream_cancel(stream);
        }
    }
}

static struct rpc_stream *import_open(struct window *window, struct rpc_channel *channel)
{
    static const struct souk__v1__import_service__import_rows__callbacks callbacks = {
        .message = import_message,
        .events = {.writable = window_writable, .done = window_done},
    };
    return souk__v1__import_service__import_rows__open(channel, NULL, &callbacks, window);
}

static enum status import_transmit(struct rpc_stream *stream,
                                   const ProtobufCMessage *message)
{
    return souk__v1__import_service__import_rows__send_request(stream,
                                                               (const void *)message);
}

static void import_lost(struct window *window, const struct souk_error *error)
{
    struct souk_import *import = import_of(window);
    if (import->options.on_retry != NULL) {
        import->options.on_retry(import->options.context, error);
    }
}

enum souk_code souk_import_open(struct souk_client *client,
                                const struct souk_import_options *options,
                                struct souk_import **out_import,
                                struct souk_error *out_error)
{
    struct souk_import *import;
    struct window_kind kind = {import_open, import_transmit, NULL, import_lost};
    enum souk_code code;
    size_t size = options->import_id ? strlen(options->import_id) : 0;
    if (size == 0 || size > IDENTIFIER_BYTES_MAX) {
        return error_set(out_error, STATUS_INVALID, "import_id", "1 to %d characters",
                         IDENTIFIER_BYTES_MAX);
    }
    if (!client_enter(client)) {
        return error_set(out_error, STATUS_CANCELLED, "", "the client is being closed");
    }
    import = memory_zalloc(sizeof *import);
    import->options = *options;
    memcpy(import->import_id, options->import_id, size);
    souk__v1__import_open__init(&import->open);
    import->open.import_id = import->import_id;
    souk__v1__import_rows_request__init(&import->greeting);
    import->greeting.message_case = SOUK__V1__IMPORT_ROWS_REQUEST__MESSAGE_OPEN;
    import->greeting.open = &import->open;
    kind.greeting = &import->greeting.base;
    window_init(&import->window, client, &kind,
                options->window ? options->window : WINDOW_MESSAGES_MAX,
                options->outage_max_ms);
    code = window_open(&import->window, out_error);
    if (code != SOUK_OK) {
        souk_import_close(import);
        return code;
    }
    *out_import = import;
    return SOUK_OK;
}

static Souk__V1__ImportStock *import_stock(struct arena *arena,
                                           const struct souk_import_stock *stock)
{
    Souk__V1__ImportStock *out = arena_alloc(arena, sizeof *out);
    souk__v1__import_stock__init(out);
    out->sku_id = convert_text(stock->sku_id);
    out->location_id = convert_text(stock->location_id);
    out->on_hand = stock->on_hand;
    out->reference = convert_text(stock->reference);
    return out;
}

static void import_row(struct arena *arena, const struct souk_import_row *row,
                       Souk__V1__ImportRow *out)
{
    souk__v1__import_row__init(out);
    out->line = row->line;
    out->record_case = (Souk__V1__ImportRow__RecordCase)row->kind;
    switch (row->kind) {
    case SOUK_IMPORT_LOCATION:
        out->location = convert_location(arena, &row->record.location);
        break;
    case SOUK_IMPORT_SKU:
        out->sku = convert_sku(arena, &row->record.sku);
        out->update_mask = convert_mask(arena, row->update_mask, row->update_mask_count);
        break;
    case SOUK_IMPORT_STOCK:
        out->stock = import_stock(arena, &row->record.stock);
        break;
    case SOUK_IMPORT_CUSTOMER:
        out->customer = convert_customer(arena, &row->record.customer);
        break;
    case SOUK_IMPORT_EVENT:
    default:
        out->record_case = SOUK__V1__IMPORT_ROW__RECORD_EVENT;
        out->event = convert_event(arena, &row->record.event);
        break;
    }
}

enum souk_code souk_import_send(struct souk_import *import,
                                const struct souk_import_row *rows, size_t row_count,
                                struct souk_error *out_error)
{
    Souk__V1__ImportRowsRequest request = SOUK__V1__IMPORT_ROWS_REQUEST__INIT;
    Souk__V1__ImportBatch batch = SOUK__V1__IMPORT_BATCH__INIT;
    Souk__V1__ImportRow *out;
    struct arena arena;
    void **pointers;
    enum souk_code code;
    if (row_count == 0 || row_count > SOUK_BATCH_MAX) {
        return error_set(out_error, STATUS_INVALID, "rows", "1 to %d in one message",
                         SOUK_BATCH_MAX);
    }
    arena_init(&arena, NULL, 0, 0);
    out = convert_array(&arena, row_count, sizeof *out, &pointers);
    for (size_t i = 0; i < row_count; i++) {
        import_row(&arena, &rows[i], &out[i]);
    }
    batch.rows = (Souk__V1__ImportRow **)pointers;
    batch.n_rows = row_count;
    request.message_case = SOUK__V1__IMPORT_ROWS_REQUEST__MESSAGE_BATCH;
    request.batch = &batch;
    code = window_send(&import->window, &request.base, out_error);
    arena_close(&arena);
    return code;
}

enum souk_code souk_import_drain(struct souk_import *import, struct souk_error *out_error)
{
    return window_drain(&import->window, out_error);
}

void souk_import_close(struct souk_import *import)
{
    if (import != NULL) {
        struct souk_client *client = import->window.client;
        window_close(&import->window);
        free(import);
        client_leave(client);
    }
}
