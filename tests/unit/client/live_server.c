/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/live_server.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proto/souk/v1/customer.grpc-c.h"
#include "proto/souk/v1/event.grpc-c.h"
#include "proto/souk/v1/import.grpc-c.h"
#include "proto/souk/v1/stock.grpc-c.h"
#include "shard/base/assert.h"

static void live_adjust(struct rpc_call *call,
                        const Souk__V1__AdjustStockRequest *request, void *context)
{
    struct live_state *state = context;
    Souk__V1__AdjustStockResponse response;
    Souk__V1__StockLevel level;
    struct problem problem;
    bool busy;
    pthread_mutex_lock(&state->mutex);
    snprintf(state->request_ids[state->adjusts++ % 8], 65, "%s", request->request_id);
    busy = state->busy > 0;
    state->busy -= busy;
    pthread_mutex_unlock(&state->mutex);
    if (busy) {
        problem_set(&problem, STATUS_OVERLOADED, "", "busy");
        rpc_call_fail(call, &problem);
        return;
    }
    souk__v1__adjust_stock_response__init(&response);
    souk__v1__stock_level__init(&level);
    level.sku_id = request->adjustment->sku_id;
    level.location_id = request->adjustment->location_id;
    level.on_hand = request->adjustment->quantity;
    response.level = &level;
    rpc_call_add_trailer(call, "souk-replayed", slice_from_string("1"));
    rpc_call_add_trailer(call, "souk-session-bin", slice_from_string("token"));
    souk__v1__stock_service__adjust_stock__reply(call, &response);
}

static void live_get(struct rpc_call *call, const Souk__V1__GetStockLevelRequest *request,
                     void *context)
{
    struct rpc_violation violation = {"sku_id", "no such SKU"};
    struct rpc_detail detail = {"sku_id", request->sku_id};
    struct rpc_status status = {.status = STATUS_NOT_FOUND,
                                .message = "nothing here",
                                .violations = &violation,
                                .violation_count = 1,
                                .details = &detail,
                                .detail_count = 1};
    (void)context;
    rpc_call_fail_status(call, &status);
}

static void live_import_rows(struct live_state *state, const Souk__V1__ImportBatch *batch,
                             Souk__V1__ImportAck *ack, Souk__V1__ImportFailure *failures,
                             Souk__V1__ItemStatus *statuses)
{
    static char reason[] = "INVALID", message[] = "odd";
    for (size_t i = 0; i < batch->n_rows; i++) {
        uint64_t line = batch->rows[i]->line;
        if (line <= state->last_line) {
            state->duplicates++;
            ack->duplicates++;
        } else if (state->refuse_odd && line % 2 == 1) {
            Souk__V1__ImportFailure *failure = &failures[ack->n_failures];
            Souk__V1__ItemStatus *status = &statuses[ack->n_failures];
            souk__v1__import_failure__init(failure);
            souk__v1__item_status__init(status);
            status->code = STATUS_CODE_INVALID_ARGUMENT;
            status->reason = reason;
            status->message = message;
            failure->line = line;
            failure->status = status;
            ack->failures[ack->n_failures++] = failure;
        } else {
            state->applied++;
            ack->applied++;
        }
        ack->through_line = line;
        state->last_line = line > state->last_line ? line : state->last_line;
    }
}

static void live_import_batch(struct rpc_stream *stream, struct live_state *state,
                              const Souk__V1__ImportBatch *batch)
{
    Souk__V1__ImportRowsResponse response;
    Souk__V1__ImportAck ack;
    Souk__V1__ImportFailure *failures = calloc(batch->n_rows, sizeof *failures);
    Souk__V1__ItemStatus *statuses = calloc(batch->n_rows, sizeof *statuses);
    Souk__V1__ImportFailure **pointers = calloc(batch->n_rows, sizeof *pointers);
    bool broken;
    souk__v1__import_rows_response__init(&response);
    souk__v1__import_ack__init(&ack);
    ack.failures = pointers;
    pthread_mutex_lock(&state->mutex);
    state->messages++;
    live_import_rows(state, batch, &ack, failures, statuses);
    broken = state->break_after > 0 && --state->break_after == 0;
    pthread_mutex_unlock(&state->mutex);
    response.message_case = SOUK__V1__IMPORT_ROWS_RESPONSE__MESSAGE_ACK;
    response.ack = &ack;
    if (broken) {
        /* Applied, but the answer is lost. */
        struct problem problem;
        problem_set(&problem, STATUS_DRAINING, "", "going away");
        rpc_stream_finish(stream, &problem);
    } else {
        ASSERT(souk__v1__import_service__import_rows__send(stream, &response) ==
               STATUS_OK);
    }
    free(failures);
    free(statuses);
    free(pointers);
}

static void live_import_message(struct rpc_stream *stream,
                                const Souk__V1__ImportRowsRequest *message, void *user)
{
    struct live_state *state = user;
    Souk__V1__ImportRowsResponse response;
    Souk__V1__ImportOpened opened;
    struct problem problem;
    if (message->message_case == SOUK__V1__IMPORT_ROWS_REQUEST__MESSAGE_BATCH) {
        live_import_batch(stream, state, message->batch);
        return;
    }
    if (state->refuse_import) {
        problem_set(&problem, STATUS_INVALID, "import_id", "not this one");
        rpc_stream_finish(stream, &problem);
        return;
    }
    souk__v1__import_rows_response__init(&response);
    souk__v1__import_opened__init(&opened);
    opened.credit = state->credit;
    response.message_case = SOUK__V1__IMPORT_ROWS_RESPONSE__MESSAGE_OPENED;
    response.opened = &opened;
    ASSERT(souk__v1__import_service__import_rows__send(stream, &response) == STATUS_OK);
}

static void live_stream_open(struct rpc_stream *stream, void *context)
{
    rpc_stream_set_user(stream, context);
}

static void live_half_close(struct rpc_stream *stream, void *user)
{
    (void)user;
    rpc_stream_finish(stream, NULL);
}

static void live_events_message(struct rpc_stream *stream,
                                const Souk__V1__StreamEventsRequest *message, void *user)
{
    struct live_state *state = user;
    Souk__V1__StreamEventsResponse response;
    souk__v1__stream_events_response__init(&response);
    pthread_mutex_lock(&state->mutex);
    state->events += message->n_events;
    pthread_mutex_unlock(&state->mutex);
    response.stored = (uint32_t)message->n_events;
    ASSERT(souk__v1__event_service__stream_events__send(stream, &response) == STATUS_OK);
}

/* One profile, then as many events as asked for, two to a message; a customer named
 * "erased" goes in the middle. */
static void live_export_open(struct rpc_stream *stream,
                             const Souk__V1__ExportCustomerRequest *request,
                             void *context)
{
    struct live_state *state = context;
    Souk__V1__ExportCustomerResponse first = SOUK__V1__EXPORT_CUSTOMER_RESPONSE__INIT;
    Souk__V1__Customer customer = SOUK__V1__CUSTOMER__INIT;
    struct problem problem;
    customer.customer_id = request->customer_id;
    first.customer = &customer;
    first.event_count = state->exported;
    ASSERT(souk__v1__customer_service__export_customer__send(stream, &first) ==
           STATUS_OK);
    for (uint32_t i = 0; i < state->exported; i += 2) {
        Souk__V1__ExportCustomerResponse page = SOUK__V1__EXPORT_CUSTOMER_RESPONSE__INIT;
        Souk__V1__ExportedEvent events[2], *pointers[2] = {&events[0], &events[1]};
        Souk__V1__Event inner[2];
        for (uint32_t k = 0; k < 2; k++) {
            souk__v1__exported_event__init(&events[k]);
            souk__v1__event__init(&inner[k]);
            inner[k].actor_case = SOUK__V1__EVENT__ACTOR_CUSTOMER_ID;
            inner[k].customer_id = request->customer_id;
            inner[k].quantity = i + k;
            events[k].event = &inner[k];
            events[k].import_line = i + k + 1;
        }
        page.events = pointers;
        page.n_events = 2;
        if (souk__v1__customer_service__export_customer__send(stream, &page) !=
            STATUS_OK) {
            return;
        }
        if (strcmp(request->customer_id, "erased") == 0) {
            problem_set(&problem, STATUS_NOT_FOUND, "customer_id", "erased meanwhile");
            rpc_stream_finish(stream, &problem);
            return;
        }
    }
    rpc_stream_finish(stream, NULL);
}

static void live_erase(struct rpc_call *call,
                       const Souk__V1__EraseCustomerRequest *request, void *context)
{
    struct live_state *state = context;
    Souk__V1__EraseCustomerResponse response = SOUK__V1__ERASE_CUSTOMER_RESPONSE__INIT;
    Souk__V1__ErasureProof proof = SOUK__V1__ERASURE_PROOF__INIT;
    Souk__V1__ErasureConfirmation confirmation = SOUK__V1__ERASURE_CONFIRMATION__INIT;
    Souk__V1__ErasureConfirmation *confirmations[] = {&confirmation};
    Souk__V1__ReadStamp stamp = SOUK__V1__READ_STAMP__INIT;
    pthread_mutex_lock(&state->mutex);
    snprintf(state->request_ids[0], 65, "%s", request->request_id);
    pthread_mutex_unlock(&state->mutex);
    stamp.shard_id = 3;
    stamp.log_index = 40;
    confirmation.node_id = 9;
    confirmation.log_index = 41;
    proof.stamp = &stamp;
    proof.events_removed =
        request->actor_case == SOUK__V1__ERASE_CUSTOMER_REQUEST__ACTOR_VISITOR_ID ? 1 : 2;
    proof.sessions_removed = 5;
    proof.profile_removed = true;
    proof.confirmations = confirmations;
    proof.n_confirmations = 1;
    response.proof = &proof;
    souk__v1__customer_service__erase_customer__reply(call, &response);
}

void live_state_init(struct live_state *state)
{
    memset(state, 0, sizeof *state);
    pthread_mutex_init(&state->mutex, NULL);
    state->credit = 4;
}

void live_server_start(struct live_server *server, struct live_state *state,
                       uint16_t port)
{
    static const struct souk__v1__stock_service__handlers stock = {
        .adjust_stock = live_adjust, .get_stock_level = live_get};
    static const struct souk__v1__import_service__handlers import = {
        .import_rows = {.open = live_stream_open,
                        .message = live_import_message,
                        .events = {.half_close = live_half_close}}};
    static const struct souk__v1__event_service__handlers events = {
        .stream_events = {.open = live_stream_open,
                          .message = live_events_message,
                          .events = {.half_close = live_half_close}}};
    static const struct souk__v1__customer_service__handlers customers = {
        .export_customer = {.open = live_export_open}, .erase_customer = live_erase};
    struct rpc_server_options options;
    struct problem problem;
    rpc_server_options_init(&options);
    options.address = "127.0.0.1";
    options.port = port;
    server->rpc = rpc_server_new(&options);
    souk__v1__stock_service__register(server->rpc, &stock, state);
    souk__v1__import_service__register(server->rpc, &import, state);
    souk__v1__event_service__register(server->rpc, &events, state);
    souk__v1__customer_service__register(server->rpc, &customers, state);
    ASSERT(rpc_server_start(server->rpc, &problem) == STATUS_OK);
    snprintf(server->address, sizeof server->address, "127.0.0.1:%u",
             rpc_server_port(server->rpc));
}

void live_server_stop(struct live_server *server)
{
    rpc_server_stop(server->rpc, 0);
    rpc_server_free(server->rpc);
}
