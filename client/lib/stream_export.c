/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of souk.v1.CustomerService: one reader, no window, nothing to repeat. */
#include <semaphore.h>

#include "client/include/souk/customer.h"
#include "client/lib/client.h"
#include "client/lib/convert.h"
#include "client/lib/error.h"
#include "proto/rpc/rpc_channel.h"
#include "proto/rpc/rpc_stream.h"
#include "proto/souk/v1/customer.grpc-c.h"
#include "shard/base/assert.h"

struct export
{
    souk_customer_on_part *on_part;
    void *context;
    bool begun;   /* a part has come */
    bool stopped; /* the reader wants no more */
    struct souk_error error;
    enum souk_code code;
    sem_t ended;
};

static void export_message(struct rpc_stream *stream,
                           const Souk__V1__ExportCustomerResponse *message, void *user)
{
    struct export *export = user;
    struct arena arena;
    if (export->stopped) {
        return;
    }
    arena_init(&arena, NULL, 0, 0);
    struct souk_exported_event *events =
        arena_zalloc(&arena, message->n_events * sizeof *events);
    for (size_t i = 0; i < message->n_events; i++) {
        convert_event_back(message->events[i]->event, &events[i].event);
        events[i].record_time_ms = convert_time_back(message->events[i]->record_time);
        events[i].import_line = message->events[i]->import_line;
    }
    struct souk_customer customer = {0};
    struct souk_customer_export_part part = {.first = !export->begun,
                                             .event_count = message->event_count,
                                             .events = events,
                                             .events_here = message->n_events};
    if (message->customer != NULL) {
        convert_customer_back(&arena, message->customer, &customer);
        part.customer = &customer;
    }
    convert_stamp_back(message->stamp, &part.stamp);
    export->begun = true;
    export->stopped = !export->on_part(export->context, &part);
    arena_close(&arena);
    if (export->stopped) {
        rpc_stream_cancel(stream);
    }
}

static void export_done(struct rpc_stream *stream, const struct rpc_status *status,
                        void *user)
{
    struct export *export = user;
    (void)stream;
    if (export->stopped) {
        export->code = error_set(&export->error, STATUS_CANCELLED, "",
                                 "the reader ended the export");
    } else if (status->code != STATUS_CODE_OK) {
        error_from_status(status, &export->error);
        export->code = export->error.code;
    }
    sem_post(&export->ended);
}

/* One attempt on one address. */
static void export_try(struct souk_client *client, unsigned skipped,
                       const Souk__V1__ExportCustomerRequest *request,
                       const struct souk_call_options *options, struct export *export)
{
    static const struct souk__v1__customer_service__export_customer__callbacks callbacks =
        {
            .message = export_message,
            .events = {.done = export_done},
        };
    struct rpc_call_options rpc = {0};
    if (options != NULL && options->deadline_ms > 0) {
        rpc.timeout_ms = options->deadline_ms < UINT32_MAX
                             ? (uint32_t)options->deadline_ms
                             : UINT32_MAX;
    }
    souk_error_clear(&export->error);
    export->code = SOUK_OK;
    sem_init(&export->ended, 0, 0);
    unsigned channel = client_channel(client, skipped);
    struct rpc_stream *stream = souk__v1__customer_service__export_customer__open(
        client->world->operations->channel(client->world, channel), request, &rpc,
        &callbacks, export);
    while (sem_wait(&export->ended) != 0) {
    }
    sem_destroy(&export->ended);
    rpc_stream_unref(stream);
    export->error.attempts = skipped + 1;
    if (export->begun) {
        client_prefer(client, channel);
    }
}

enum souk_code souk_customer_export(struct souk_client *client,
                                    const struct souk_customer_export_request *request,
                                    const struct souk_call_options *options,
                                    souk_customer_on_part *on_part, void *context,
                                    struct souk_error *out_error)
{
    Souk__V1__ExportCustomerRequest message = SOUK__V1__EXPORT_CUSTOMER_REQUEST__INIT;
    struct export export = {.on_part = on_part, .context = context};
    struct arena arena;
    if (!client_enter(client)) {
        return error_set(out_error, STATUS_CANCELLED, "", "the client is being closed");
    }
    ASSERT(!client->world->operations->is_callback_thread(client->world));
    arena_init(&arena, NULL, 0, 0);
    if (request->customer_id != NULL) {
        message.actor_case = SOUK__V1__EXPORT_CUSTOMER_REQUEST__ACTOR_CUSTOMER_ID;
        message.customer_id = convert_text(request->customer_id);
    } else if (request->visitor_id != NULL) {
        message.actor_case = SOUK__V1__EXPORT_CUSTOMER_REQUEST__ACTOR_VISITOR_ID;
        message.visitor_id = convert_text(request->visitor_id);
    }
    message.read = convert_read(&arena, &request->read);
    for (unsigned skipped = 0; skipped < client->world->address_count; skipped++) {
        export_try(client, skipped, &message, options, &export);
        if (export.code != SOUK_UNAVAILABLE || export.begun) {
            break;
        }
    }
    arena_close(&arena);
    client_leave(client);
    if (export.code != SOUK_OK && out_error != NULL) {
        *out_error = export.error;
    } else {
        souk_error_clear(&export.error);
    }
    return export.code;
}
