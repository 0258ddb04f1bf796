/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.ImportService: one stream, first Open, then Rows; an Ack for each Rows. */
#include <stdlib.h>
#include <string.h>

#include "proto/souk/v1/import.grpc-c.h"
#include "server/service/check.h"
#include "server/service/import_message.h"
#include "server/service/ordered_stream.h"
#include "server/service/service_private.h"
#include "shard/base/memory.h"

enum {
    IMPORT_ID_BYTES_MAX = 128,
};

struct import_stream {
    struct ordered_stream ordered;
    struct service *service;
    struct import_flow flow; /* messages begin on the stream's worker, one at a time */
    bool opened;
    struct hash128 import_id;
};

/* In the arena of the message taken from the stream. */
struct import_turn {
    struct import_stream *stream;
    struct rpc_taken *taken;
    uint64_t sequence;
    bool is_open;
    struct import_message message;
};

static enum status import_answer(struct ordered_stream *ordered, void *user,
                                 struct problem *problem)
{
    struct import_turn *turn = user;
    const struct import_stream *stream = turn->stream;
    struct reply reply = {.arena = rpc_taken_arena(turn->taken)};
    Souk__V1__ImportRowsResponse response = SOUK__V1__IMPORT_ROWS_RESPONSE__INIT;
    Souk__V1__ImportOpened opened = SOUK__V1__IMPORT_OPENED__INIT;
    Souk__V1__ImportAck ack = SOUK__V1__IMPORT_ACK__INIT;
    if (turn->is_open) {
        opened.credit = (uint32_t)stream->service->settings->stream_credit_max;
        response.message_case = SOUK__V1__IMPORT_ROWS_RESPONSE__MESSAGE_OPENED;
        response.opened = &opened;
    } else if (turn->message.failed == STATUS_QUANTITY_LIMIT) {
        return problem_set(problem, STATUS_QUANTITY_LIMIT, "",
                           "the memory of imports is full: of imports (setting "
                           "imports_max) or of refused rows that wait to be sent again "
                           "(imports_refused_max); mend what refuses them and import "
                           "their files again, or raise the setting");
    } else if (turn->message.failed != STATUS_OK) {
        return problem_set(problem, turn->message.failed, "",
                           "%s; open a new stream and send again from the last "
                           "acknowledged line",
                           status_text(turn->message.failed));
    } else {
        import_message_ack(&turn->message, &reply, &ack);
        response.message_case = SOUK__V1__IMPORT_ROWS_RESPONSE__MESSAGE_ACK;
        response.ack = &ack;
    }
    if (reply.failed) {
        return problem_set(problem, STATUS_TOO_LARGE, "", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    return souk__v1__import_service__import_rows__send(ordered->stream, &response);
}

static void import_turn_free(void *user)
{
    struct import_turn *turn = user;
    rpc_taken_free(turn->taken);
}

static void import_stream_free(struct ordered_stream *ordered)
{
    struct import_stream *stream = CONTAINER_OF(ordered, struct import_stream, ordered);
    import_flow_close(&stream->flow);
    free(stream);
}

static void import_open(struct rpc_stream *rpc, void *context)
{
    static const struct ordered_ops ops = {
        .send = import_answer,
        .message_free = import_turn_free,
        .free = import_stream_free,
    };
    struct service *service = context;
    struct import_stream *stream = memory_zalloc(sizeof *stream);
    unsigned skus = shard_map_count(service->map, SHARD_MAP_SKU);
    /* With several SKU shards a message may go in segments, whose chains must not be
     * crossed by the next message's. */
    unsigned window = skus > 1 ? 1 : (unsigned)service->settings->stream_credit_max;
    stream->service = service;
    import_flow_init(&stream->flow,
                     skus + shard_map_count(service->map, SHARD_MAP_CUSTOMER));
    ordered_stream_open(&stream->ordered, rpc, &ops, window);
}

static enum status import_take_open(struct import_stream *stream,
                                    const Souk__V1__ImportOpen *open,
                                    struct problem *problem)
{
    struct slice id = slice_from_string(open->import_id);
    if (stream->opened) {
        return problem_set(problem, STATUS_INVALID, "open", "the stream is open already");
    }
    if (id.size == 0) {
        return problem_set(problem, STATUS_INVALID, "open.import_id",
                           "open.import_id: a digest of the file and the pass over it");
    }
    TRY(check_text("open.import_id", open->import_id, IMPORT_ID_BYTES_MAX, &id, problem));
    stream->opened = true;
    stream->import_id = hash128(id, 0);
    return STATUS_OK;
}

static enum status import_take(struct import_stream *stream,
                               const Souk__V1__ImportRowsRequest *request,
                               struct import_turn *turn, struct problem *problem)
{
    switch (request->message_case) {
    case SOUK__V1__IMPORT_ROWS_REQUEST__MESSAGE_OPEN:
        turn->is_open = true;
        return import_take_open(stream, request->open, problem);
    case SOUK__V1__IMPORT_ROWS_REQUEST__MESSAGE_BATCH:
        if (!stream->opened) {
            return problem_set(problem, STATUS_INVALID, "open",
                               "the first message of an import is Open");
        }
        turn->message = (struct import_message){.service = stream->service,
                                                .arena = rpc_taken_arena(turn->taken),
                                                .flow = &stream->flow,
                                                .import_id = stream->import_id,
                                                .batch = request->batch,
                                                .user = turn};
        return import_message_begin(&turn->message, problem);
    case SOUK__V1__IMPORT_ROWS_REQUEST__MESSAGE__NOT_SET:
        break;
    }
    return problem_set(problem, STATUS_INVALID, "message",
                       "a message is Open or a batch of rows");
}

static void import_done(struct import_message *message)
{
    struct import_turn *turn = message->user;
    ordered_stream_complete(&turn->stream->ordered, turn->sequence);
}

static void import_message_in(struct rpc_stream *rpc,
                              const Souk__V1__ImportRowsRequest *request, void *user)
{
    struct import_stream *stream =
        CONTAINER_OF((struct ordered_stream *)user, struct import_stream, ordered);
    struct rpc_taken *taken = rpc_stream_take(rpc);
    struct import_turn *turn = arena_zalloc(rpc_taken_arena(taken), sizeof *turn);
    struct problem problem;
    if (turn == NULL) {
        rpc_taken_free(taken);
        problem_set(&problem, STATUS_TOO_LARGE, "", "%s", status_text(STATUS_TOO_LARGE));
        ordered_stream_fail(&stream->ordered, &problem);
        return;
    }
    turn->stream = stream;
    turn->taken = taken;
    if (import_take(stream, request, turn, &problem) != STATUS_OK) {
        rpc_taken_free(taken);
        ordered_stream_fail(&stream->ordered, &problem);
        return;
    }
    if (!ordered_stream_begin(&stream->ordered, turn, &turn->sequence)) {
        rpc_taken_free(taken);
        return;
    }
    if (turn->is_open) {
        ordered_stream_complete(&stream->ordered, turn->sequence);
    } else {
        import_message_run(&turn->message, import_done);
    }
}

void import_service_register(struct service *service, struct rpc_server *server)
{
    static const struct souk__v1__import_service__handlers handlers = {
        .import_rows = {.open = import_open,
                        .message = import_message_in,
                        .events = {.half_close = ordered_stream_on_half_close,
                                   .writable = ordered_stream_on_writable,
                                   .draining = ordered_stream_on_draining,
                                   .malformed = ordered_stream_on_malformed,
                                   .done = ordered_stream_on_done}},
    };
    souk__v1__import_service__register(server, &handlers, service);
}
