/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of souk.v1.EventService. */
#include <stdlib.h>

#include "client/include/souk/event.h"
#include "client/lib/convert.h"
#include "client/lib/error.h"
#include "client/lib/window.h"
#include "proto/souk/v1/event.grpc-c.h"
#include "shard/base/memory.h"

struct souk_event_stream {
    struct window window;
    struct souk_event_stream_options options;
    uint64_t answered; /* over all connections; callback thread */
};

static void event_message(struct rpc_stream *stream,
                          const Souk__V1__StreamEventsResponse *message, void *user)
{
    struct window *window = user;
    struct souk_event_stream *events =
        CONTAINER_OF(window, struct souk_event_stream, window);
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    events->answered++;
    if (events->options.on_ack != NULL) {
        struct souk_event_ack ack = {
            .sequence = events->answered,
            .stored = message->stored,
            .duplicates = message->duplicates,
            .failures = convert_event_failures_back(&arena, message->failures,
                                                    message->n_failures),
            .failure_count = message->n_failures,
        };
        events->options.on_ack(events->options.context, &ack);
    }
    arena_close(&arena);
    if (!window_answered(window)) {
        rpc_stream_cancel(stream);
    }
}

static struct rpc_stream *event_open(struct window *window, struct rpc_channel *channel)
{
    static const struct souk__v1__event_service__stream_events__callbacks callbacks = {
        .message = event_message,
        .events = {.writable = window_writable, .done = window_done},
    };
    return souk__v1__event_service__stream_events__open(channel, NULL, &callbacks,
                                                        window);
}

static enum status event_transmit(struct rpc_stream *stream,
                                  const ProtobufCMessage *message)
{
    return souk__v1__event_service__stream_events__send_request(stream,
                                                                (const void *)message);
}

enum souk_code souk_event_stream_open(struct souk_client *client,
                                      const struct souk_event_stream_options *options,
                                      struct souk_event_stream **out_stream,
                                      struct souk_error *out_error)
{
    static const struct souk_event_stream_options defaults;
    static const struct window_kind kind = {event_open, event_transmit, NULL, NULL};
    struct souk_event_stream *stream;
    enum souk_code code;
    if (!client_enter(client)) {
        return error_set(out_error, STATUS_CANCELLED, "", "the client is being closed");
    }
    stream = memory_zalloc(sizeof *stream);
    stream->options = options ? *options : defaults;
    window_init(&stream->window, client, &kind, stream->options.window,
                stream->options.outage_max_ms);
    code = window_open(&stream->window, out_error);
    if (code != SOUK_OK) {
        souk_event_stream_close(stream);
        return code;
    }
    *out_stream = stream;
    return SOUK_OK;
}

enum souk_code souk_event_stream_send(struct souk_event_stream *stream,
                                      const struct souk_event *events, size_t event_count,
                                      struct souk_error *out_error)
{
    Souk__V1__StreamEventsRequest request = SOUK__V1__STREAM_EVENTS_REQUEST__INIT;
    struct arena arena;
    enum souk_code code;
    if (event_count == 0 || event_count > SOUK_BATCH_MAX) {
        return error_set(out_error, STATUS_INVALID, "events", "1 to %d in one message",
                         SOUK_BATCH_MAX);
    }
    arena_init(&arena, NULL, 0, 0);
    request.events = arena_alloc(&arena, event_count * sizeof *request.events);
    request.n_events = event_count;
    for (size_t i = 0; i < event_count; i++) {
        struct souk_event event = events[i];
        char *fresh = NULL;
        if (event.event_id == NULL) {
            fresh = arena_alloc(&arena, UUID_TEXT_BYTES + 1);
            client_request_id(stream->window.client, fresh);
            event.event_id = fresh;
        }
        request.events[i] = convert_event(&arena, &event);
    }
    code = window_send(&stream->window, &request.base, out_error);
    arena_close(&arena);
    return code;
}

enum souk_code souk_event_stream_drain(struct souk_event_stream *stream,
                                       struct souk_error *out_error)
{
    return window_drain(&stream->window, out_error);
}

void souk_event_stream_close(struct souk_event_stream *stream)
{
    if (stream != NULL) {
        struct souk_client *client = stream->window.client;
        window_close(&stream->window);
        free(stream);
        client_leave(client);
    }
}
