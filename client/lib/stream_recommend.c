/* SPDX-License-Identifier: Apache-2.0 */
/* The stream of souk.v1.RecommendService. */
#include <stdlib.h>

#include "client/lib/convert.h"
#include "client/lib/convert_recommend.h"
#include "client/lib/error.h"
#include "client/lib/window.h"
#include "proto/souk/v1/recommend.grpc-c.h"
#include "shard/base/memory.h"

struct souk_recommend_stream {
    struct window window;
    struct souk_recommend_stream_options options;
    uint64_t answered; /* over all connections; callback thread */
};

static void recommend_answers(struct souk_recommend_stream *recommend,
                              const Souk__V1__BatchRecommendResponse *message)
{
    struct arena arena;
    struct souk_recommend_result *results;
    struct souk_recommend_answers answers = {.sequence = recommend->answered,
                                             .result_count = message->n_results};
    arena_init(&arena, NULL, 0, 0);
    results = arena_zalloc(&arena, message->n_results * sizeof *results);
    for (size_t i = 0; i < message->n_results; i++) {
        const Souk__V1__BatchRecommendResult *result = message->results[i];
        convert_item_status_back(result->status, &results[i].status);
        if (result->answer != NULL) {
            convert_recommend_back(&arena, result->answer, &results[i].reply);
        }
    }
    answers.results = results;
    recommend->options.on_answers(recommend->options.context, &answers);
    arena_close(&arena);
}

static void recommend_message(struct rpc_stream *stream,
                              const Souk__V1__BatchRecommendResponse *message, void *user)
{
    struct window *window = user;
    struct souk_recommend_stream *recommend =
        CONTAINER_OF(window, struct souk_recommend_stream, window);
    recommend->answered++;
    if (recommend->options.on_answers != NULL) {
        recommend_answers(recommend, message);
    }
    if (!window_answered(window)) {
        rpc_stream_cancel(stream);
    }
}

static struct rpc_stream *recommend_open(struct window *window,
                                         struct rpc_channel *channel)
{
    static const struct souk__v1__recommend_service__batch_recommend__callbacks
        callbacks = {
            .message = recommend_message,
            .events = {.writable = window_writable, .done = window_done},
        };
    return souk__v1__recommend_service__batch_recommend__open(channel, NULL, &callbacks,
                                                              window);
}

static enum status recommend_transmit(struct rpc_stream *stream,
                                      const ProtobufCMessage *message)
{
    return souk__v1__recommend_service__batch_recommend__send_request(
        stream, (const void *)message);
}

enum souk_code souk_recommend_stream_open(
    struct souk_client *client, const struct souk_recommend_stream_options *options,
    struct souk_recommend_stream **out_stream, struct souk_error *out_error)
{
    static const struct souk_recommend_stream_options defaults;
    static const struct window_kind kind = {recommend_open, recommend_transmit, NULL,
                                            NULL};
    struct souk_recommend_stream *stream;
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
        souk_recommend_stream_close(stream);
        return code;
    }
    *out_stream = stream;
    return SOUK_OK;
}

enum souk_code souk_recommend_stream_send(struct souk_recommend_stream *stream,
                                          const struct souk_recommend_request *requests,
                                          size_t request_count,
                                          struct souk_error *out_error)
{
    Souk__V1__BatchRecommendRequest message = SOUK__V1__BATCH_RECOMMEND_REQUEST__INIT;
    struct arena arena;
    enum souk_code code;
    if (request_count == 0 || request_count > SOUK_BATCH_MAX) {
        return error_set(out_error, STATUS_INVALID, "requests", "1 to %d in one message",
                         SOUK_BATCH_MAX);
    }
    arena_init(&arena, NULL, 0, 0);
    message.requests = arena_alloc(&arena, request_count * sizeof *message.requests);
    message.n_requests = request_count;
    for (size_t i = 0; i < request_count; i++) {
        message.requests[i] = convert_recommend(&arena, &requests[i]);
    }
    code = window_send(&stream->window, &message.base, out_error);
    arena_close(&arena);
    return code;
}

enum souk_code souk_recommend_stream_drain(struct souk_recommend_stream *stream,
                                           struct souk_error *out_error)
{
    return window_drain(&stream->window, out_error);
}

void souk_recommend_stream_close(struct souk_recommend_stream *stream)
{
    if (stream != NULL) {
        struct souk_client *client = stream->window.client;
        window_close(&stream->window);
        free(stream);
        client_leave(client);
    }
}
