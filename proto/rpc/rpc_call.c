/* SPDX-License-Identifier: Apache-2.0 */
#include "proto/rpc/rpc_call.h"

#include <grpc/support/alloc.h>
#include <string.h>

#include "proto/rpc/rpc_private.h"
#include "shard/base/metric.h"
#include "shard/base/wake.h"

static void call_arrived(struct rpc_tag *tag, bool ok);
static void call_answered(struct rpc_tag *tag, bool ok);
static void call_closed(struct rpc_tag *tag, bool ok);
static void call_depart(struct rpc_departure *departure);

/* --- Blocks ---------------------------------------------------------------------------- */

static void call_destroy(struct rpc_call *call)
{
    arena_close(&call->arena);
    grpc_metadata_array_destroy(&call->metadata);
    grpc_call_details_destroy(&call->details);
    call->magic = 0;
    free(call);
}

static struct rpc_call *call_new(struct rpc_worker *worker)
{
    struct rpc_call *call;
    if (!list_empty(&worker->pool)) {
        struct list *node = list_pop(&worker->pool);
        worker->pool_count--;
        return LIST_ENTRY(node, struct rpc_call, deadline_node);
    }
    call = memory_alloc(sizeof *call);
    memset(call, 0, offsetof(struct rpc_call, inline_arena));
    call->magic = RPC_CALL_MAGIC;
    call->arrived.run = call_arrived;
    call->answered.run = call_answered;
    call->closed.run = call_closed;
    grpc_metadata_array_init(&call->metadata);
    grpc_call_details_init(&call->details);
    list_init(&call->deadline_node);
    call->departure.start = call_depart;
    arena_init(&call->arena, call->inline_arena, sizeof call->inline_arena, 0);
    return call;
}

/* On the worker's own thread the block is kept for the next call. */
static void call_free(struct rpc_call *call)
{
    struct rpc_worker *worker = rpc_worker_current();
    ASSERT(call->magic == RPC_CALL_MAGIC);
    if (worker == NULL || worker != call->worker ||
        worker->pool_count >= RPC_WORKER_POOL_MAX) {
        call_destroy(call);
        return;
    }
    arena_reset(&call->arena);
    worker->pool_count++;
    list_append(&worker->pool, &call->deadline_node);
}

void rpc_call_pool_close(struct rpc_worker *worker)
{
    struct list *node;
    while ((node = list_pop(&worker->pool)) != NULL) {
        call_destroy(LIST_ENTRY(node, struct rpc_call, deadline_node));
    }
    worker->pool_count = 0;
}

struct rpc_call *rpc_call_ref(struct rpc_call *call)
{
    ASSERT(call->magic == RPC_CALL_MAGIC);
    atomic_fetch_add_explicit(&call->refs, 1, memory_order_relaxed);
    return call;
}

void rpc_call_unref(struct rpc_call *call)
{
    if (call == NULL) {
        return;
    }
    ASSERT(call->magic == RPC_CALL_MAGIC);
    if (atomic_fetch_sub_explicit(&call->refs, 1, memory_order_acq_rel) == 1) {
        call_free(call);
    }
}

/* --- Arriving -------------------------------------------------------------------------- */

void rpc_call_arm(struct rpc_worker *worker, const struct rpc_binding *binding)
{
    struct rpc_call *call = call_new(worker);
    grpc_call_error error;
    call->worker = worker;
    call->binding = binding;
    call->method = binding ? binding->method : NULL;
    call->handle = NULL;
    call->payload = NULL;
    call->response = NULL;
    call->ops = 0;
    call->close_armed = false;
    call->close_cancelled = 0;
    call->on_cancel = NULL;
    call->trailer_count = 0;
    call->outcome = STATUS_OK;
    call->outcome_message = "";
    call->arena.limit_bytes = worker->server->options.arena_max_bytes;
    atomic_store_explicit(&call->refs, 2, memory_order_relaxed);
    atomic_store_explicit(&call->state, RPC_CALL_OPEN, memory_order_relaxed);
    atomic_store_explicit(&call->cancelled, false, memory_order_relaxed);
    worker->live++;
    if (binding == NULL) {
        error = grpc_server_request_call(worker->server->handle, &call->handle,
                                         &call->details, &call->metadata, worker->queue,
                                         worker->queue, &call->arrived);
    } else {
        bool has_request = binding->method->kind == RPC_UNARY ||
                           binding->method->kind == RPC_SERVER_STREAM;
        error = grpc_server_request_registered_call(
            worker->server->handle, binding->registered, &call->handle, &call->deadline,
            &call->metadata, has_request ? &call->payload : NULL, worker->queue,
            worker->queue, &call->arrived);
    }
    ASSERT(error == GRPC_CALL_OK);
}

static void call_set_deadline(struct rpc_call *call)
{
    const struct rpc_server_options *options = &call->worker->server->options;
    gpr_timespec never = gpr_inf_future(call->deadline.clock_type);
    bool unary = call->binding != NULL && call->binding->method->kind == RPC_UNARY;
    call->deadline_us = INT64_MAX;
    if (gpr_time_cmp(call->deadline, never) != 0) {
        gpr_timespec monotonic =
            gpr_convert_clock_type(call->deadline, GPR_CLOCK_MONOTONIC);
        call->deadline_us = monotonic.tv_sec * 1000000 + monotonic.tv_nsec / 1000;
    }
    if (unary) {
        int64_t most =
            call->arrived_us + (int64_t)options->deadline_max_ms * RPC_US_PER_MS;
        if (most < call->deadline_us) {
            call->deadline_us = most;
            list_append(&call->worker->deadlines, &call->deadline_node);
        }
    }
}

/* Sees cancellation from now on; only calls that outlive their handler pay for it. */
static void call_arm_close(struct rpc_call *call)
{
    grpc_op op = rpc_op(GRPC_OP_RECV_CLOSE_ON_SERVER);
    op.data.recv_close_on_server.cancelled = &call->close_cancelled;
    call->close_armed = true;
    call->ops++;
    rpc_batch_start(call->handle, &op, 1, &call->closed);
}

static void call_serve_unary(struct rpc_call *call, const ProtobufCMessage *request)
{
    const struct rpc_binding *binding = call->binding;
    binding->method->thunk.unary(call, request, binding->handlers, binding->context);
}

static enum status call_admit(struct rpc_call *call, const ProtobufCMessage **out_request,
                              struct problem *problem)
{
    struct rpc_server *server = call->worker->server;
    enum status status;
    if (call->binding == NULL) {
        return problem_set(problem, STATUS_UNIMPLEMENTED, "",
                           "this server has no such method");
    }
    if (atomic_load_explicit(&server->draining, memory_order_relaxed) &&
        call->binding->context != server->health) {
        return problem_set(problem, STATUS_DRAINING, "", "%s",
                           status_text(STATUS_DRAINING));
    }
    if (call->deadline_us <= call->worker->now_us) {
        return problem_set(problem, STATUS_OUTCOME_UNKNOWN, "",
                           "the deadline had passed when the call arrived");
    }
    if (call->binding->method->kind == RPC_CLIENT_STREAM ||
        call->binding->method->kind == RPC_BIDI_STREAM) {
        return STATUS_OK;
    }
    if (call->payload == NULL) {
        return problem_set(problem, STATUS_INVALID, "", "the call carries no message");
    }
    status = rpc_bytes_unpack(call->payload, call->binding->method->request,
                              server->options.known_enums_only, &call->arena, out_request,
                              problem);
    grpc_byte_buffer_destroy(call->payload);
    call->payload = NULL;
    return status;
}

static void call_arrived(struct rpc_tag *tag, bool ok)
{
    struct rpc_call *call = CONTAINER_OF(tag, struct rpc_call, arrived);
    struct rpc_worker *worker = call->worker;
    const ProtobufCMessage *request = NULL;
    struct problem problem;
    if (!ok) { /* the server is shutting down and no call came */
        worker->live--;
        call_free(call);
        return;
    }
    if (!atomic_load_explicit(&worker->server->stopping, memory_order_relaxed)) {
        rpc_call_arm(worker, call->binding);
    }
    call->ops = 1;
    call->arrived_us = worker->now_us;
    if (call->binding == NULL) {
        call->deadline = call->details.deadline;
    }
    metric_add(METRIC_RPC_STARTED, 1);
    metric_gauge_add(METRIC_RPC_OPEN, 1);
    call_set_deadline(call);
    if (call_admit(call, &request, &problem) != STATUS_OK) {
        rpc_call_fail(call, &problem);
    } else if (call->binding->method->kind == RPC_UNARY) {
        call_serve_unary(call, request);
    } else {
        rpc_stream_accept(call, request);
        return;
    }
    if (!call->close_armed) {
        call_arm_close(call);
    }
}

/* --- Ending ---------------------------------------------------------------------------- */

void rpc_call_account(struct rpc_call *call)
{
    const struct rpc_server_options *options = &call->worker->server->options;
    uint64_t took_us = (uint64_t)(call->worker->now_us - call->arrived_us);
    bool unary = call->binding == NULL || call->binding->method->kind == RPC_UNARY;
    metric_gauge_add(METRIC_RPC_OPEN, -1);
    metric_add(call->outcome == STATUS_OK ? METRIC_RPC_OK : METRIC_RPC_REFUSED, 1);
    if (unary) {
        metric_observe_us(METRIC_RPC_LATENCY, took_us);
    }
    if (options->log != NULL) {
        const struct rpc_call_record record = {
            .path = call->binding ? call->binding->method->path : "",
            .status = call->outcome,
            .message = call->outcome_message,
            .took_us = took_us,
            .stream = !unary,
            .cancelled = atomic_load_explicit(&call->cancelled, memory_order_relaxed),
        };
        options->log(&record, options->log_user);
    }
}

void rpc_call_release(struct rpc_call *call)
{
    struct rpc_worker *worker = call->worker;
    list_remove(&call->deadline_node);
    rpc_call_account(call);
    if (call->payload != NULL) {
        grpc_byte_buffer_destroy(call->payload);
        call->payload = NULL;
    }
    if (call->response != NULL) {
        grpc_byte_buffer_destroy(call->response);
        call->response = NULL;
    }
    if (call->binding == NULL) {
        grpc_call_details_destroy(&call->details);
        grpc_call_details_init(&call->details);
    }
    grpc_call_unref(call->handle);
    call->handle = NULL;
    worker->live--;
    rpc_call_unref(call);
}

static void call_op_done(struct rpc_call *call)
{
    ASSERT(call->ops > 0);
    if (--call->ops == 0) {
        rpc_call_release(call);
    }
}

static void call_answered(struct rpc_tag *tag, bool ok)
{
    struct rpc_call *call = CONTAINER_OF(tag, struct rpc_call, answered);
    if (!ok || call->close_cancelled != 0) {
        atomic_store_explicit(&call->cancelled, true, memory_order_relaxed);
    }
    list_remove(&call->deadline_node);
    call_op_done(call);
}

/* Nobody waits any more: the holder is told, and its answer will be dropped. */
static bool call_abandon(struct rpc_call *call, const char *why)
{
    unsigned open = RPC_CALL_OPEN;
    void (*on_cancel)(struct rpc_call *, void *) = call->on_cancel;
    if (!atomic_compare_exchange_strong(&call->state, &open, RPC_CALL_CLOSED)) {
        return false;
    }
    call->outcome = STATUS_CANCELLED;
    call->outcome_message = why;
    atomic_store_explicit(&call->cancelled, true, memory_order_release);
    if (on_cancel != NULL) {
        on_cancel(call, call->on_cancel_user);
    }
    return true;
}

static void call_closed(struct rpc_tag *tag, bool ok)
{
    struct rpc_call *call = CONTAINER_OF(tag, struct rpc_call, closed);
    (void)ok;
    if (call_abandon(call, "the caller gave up")) {
        ASSERT(call->ops >= 2);
        call->ops--;
    }
    call_op_done(call);
}

void rpc_ending_make(struct rpc_ending *ending, const struct rpc_status *status,
                     struct arena *arena)
{
    const char *message = status->message ? status->message : status_text(status->status);
    size_t length = rpc_status_message_length(message);
    char *copy = status->status == STATUS_OK ? NULL : arena_alloc(arena, length + 1);
    ending->status = status->status;
    ending->details = rpc_status_encode(status, arena);
    if (copy != NULL) {
        memcpy(copy, message, length);
        copy[length] = '\0';
    }
    ending->message = copy ? copy : "";
}

grpc_op rpc_ending_op(struct rpc_ending *ending, struct rpc_call *call)
{
    grpc_op op = rpc_op(GRPC_OP_SEND_STATUS_FROM_SERVER);
    call->outcome = ending->status;
    call->outcome_message = ending->message;
    if (ending->details.size > 0) {
        grpc_metadata *trailer = &call->trailers[call->trailer_count++];
        trailer->key = grpc_slice_from_static_string("grpc-status-details-bin");
        trailer->value = rpc_bytes_borrowed(ending->details);
    }
    if (ending->status != STATUS_OK) {
        ending->text = rpc_bytes_borrowed(slice_from_string(ending->message));
        op.data.send_status_from_server.status =
            (grpc_status_code)status_code(ending->status);
        op.data.send_status_from_server.status_details = &ending->text;
    }
    op.data.send_status_from_server.trailing_metadata = call->trailers;
    op.data.send_status_from_server.trailing_metadata_count = call->trailer_count;
    return op;
}

/*
 * The call is ANSWERED, on its worker's thread; the count that OPEN held in `ops` is now
 * the batch's.
 */
static void call_send(struct rpc_call *call)
{
    grpc_op ops[4];
    size_t count = 0;
    ops[count++] = rpc_op(GRPC_OP_SEND_INITIAL_METADATA);
    if (call->response != NULL) {
        ops[count] = rpc_op(GRPC_OP_SEND_MESSAGE);
        ops[count++].data.send_message.send_message = call->response;
    }
    ops[count++] = rpc_ending_op(&call->ending, call);
    if (!call->close_armed) {
        ops[count] = rpc_op(GRPC_OP_RECV_CLOSE_ON_SERVER);
        ops[count++].data.recv_close_on_server.cancelled = &call->close_cancelled;
        call->close_armed = true;
    }
    rpc_batch_start(call->handle, ops, count, &call->answered);
}

static void call_depart(struct rpc_departure *departure)
{
    call_send(CONTAINER_OF(departure, struct rpc_call, departure));
}

static void call_join_burst(struct rpc_call *call)
{
    char *peer = grpc_call_get_peer(call->handle);
    rpc_burst_add(call->worker, &call->departure, peer);
    gpr_free(peer);
}

void rpc_call_send_posted(struct rpc_tag *tag, bool ok)
{
    struct rpc_worker *worker = CONTAINER_OF(tag, struct rpc_worker, posted);
    struct mailbox_node *node = mailbox_take(&worker->answers);
    (void)ok;
    while (node != NULL) {
        struct rpc_call *call = CONTAINER_OF(node, struct rpc_call, answer_node);
        node = node->next;
        call_join_burst(call);
    }
    rpc_burst_leave(worker); /* whoever posted them has had a burst already */
}

/*
 * Writing to the socket is the worker's business: a shard loop that answers hundreds of
 * calls after one sync wakes it once. The call is not released before it was sent, so
 * its handle can carry the wake.
 */
static void call_wake_worker(void *receiver)
{
    struct rpc_call *call = receiver;
    rpc_batch_start(call->handle, NULL, 0, &call->worker->posted);
}

static void call_hand_in(struct rpc_call *call)
{
    struct rpc_worker *worker = call->worker;
    if (rpc_worker_current() == worker) {
        call_join_burst(call);
    } else if (mailbox_post(&worker->answers, &call->answer_node)) {
        wake_send(call_wake_worker, call);
    }
}

/* True when the answer is wanted; a second answer is a defect of the caller. */
static bool call_claim(struct rpc_call *call)
{
    unsigned state = RPC_CALL_OPEN;
    ASSERT(call->magic == RPC_CALL_MAGIC);
    if (atomic_compare_exchange_strong(&call->state, &state, RPC_CALL_ANSWERED)) {
        return true;
    }
    ASSERT(state == RPC_CALL_CLOSED);
    return false;
}

void rpc_call_reply(struct rpc_call *call, const ProtobufCMessage *response)
{
    if (call_claim(call)) {
        ASSERT(response->descriptor == call->method->response);
        call->response = rpc_bytes_pack(response);
        call->ending = (struct rpc_ending){.status = STATUS_OK, .message = ""};
        call_hand_in(call);
    }
    rpc_call_unref(call);
}

void rpc_call_fail_status(struct rpc_call *call, const struct rpc_status *status)
{
    ASSERT(status->status != STATUS_OK);
    if (call_claim(call)) {
        rpc_ending_make(&call->ending, status, &call->arena);
        call_hand_in(call);
    }
    rpc_call_unref(call);
}

void rpc_call_fail(struct rpc_call *call, const struct problem *problem)
{
    struct rpc_status status;
    struct rpc_violation violation;
    rpc_status_from_problem(problem, &status, &violation);
    rpc_call_fail_status(call, &status);
}

/*
 * The server's own limit has passed. The client is answered here; the arena still belongs
 * to the holder of the call, so nothing of the answer may come from it.
 */
void rpc_call_expire(struct rpc_call *call)
{
    grpc_op ops[2] = {rpc_op(GRPC_OP_SEND_INITIAL_METADATA),
                      rpc_op(GRPC_OP_SEND_STATUS_FROM_SERVER)};
    grpc_slice text = grpc_slice_from_static_string("the server's deadline has passed");
    if (!call_abandon(call, "the server's deadline has passed")) {
        return;
    }
    call->outcome = STATUS_OUTCOME_UNKNOWN;
    ops[1].data.send_status_from_server.status = GRPC_STATUS_DEADLINE_EXCEEDED;
    ops[1].data.send_status_from_server.status_details = &text;
    rpc_batch_start(call->handle, ops, 2, &call->answered);
}

/* --- What a handler asks --------------------------------------------------------------- */

struct arena *rpc_call_arena(struct rpc_call *call)
{
    return &call->arena;
}

const struct rpc_method *rpc_call_method(const struct rpc_call *call)
{
    return call->method;
}

int64_t rpc_call_deadline_us(const struct rpc_call *call)
{
    return call->deadline_us;
}

int64_t rpc_call_time_left_us(const struct rpc_call *call)
{
    int64_t left_us;
    if (call->deadline_us == INT64_MAX) {
        return INT64_MAX;
    }
    left_us = call->deadline_us - rpc_now_us();
    return left_us > 0 ? left_us : 0;
}

const char *rpc_call_peer(struct rpc_call *call)
{
    char *peer = grpc_call_get_peer(call->handle);
    const char *copy = arena_string(&call->arena, peer);
    gpr_free(peer);
    return copy ? copy : "";
}

struct slice rpc_call_metadata(struct rpc_call *call, const char *key)
{
    struct slice value = rpc_bytes_find(&call->metadata, key);
    return value.data ? arena_slice(&call->arena, value) : value;
}

/* gRPC ends the process over a header that it finds illegal. */
static bool trailer_legal(const char *key, struct slice value)
{
    grpc_slice name = grpc_slice_from_static_string(key);
    return grpc_header_key_is_legal(name) &&
           (grpc_is_binary_header(name) ||
            grpc_header_nonbin_value_is_legal(rpc_bytes_borrowed(value)));
}

bool rpc_call_add_trailer(struct rpc_call *call, const char *key, struct slice value)
{
    grpc_metadata *trailer;
    const char *key_copy = arena_string(&call->arena, key);
    struct slice value_copy = arena_slice(&call->arena, value);
    if (!trailer_legal(key, value)) {
        return false;
    }
    if (call->trailer_count == RPC_CALL_TRAILERS_MAX || key_copy == NULL ||
        value_copy.data == NULL) {
        return false;
    }
    trailer = &call->trailers[call->trailer_count++];
    trailer->key = rpc_bytes_borrowed(slice_from_string(key_copy));
    trailer->value = rpc_bytes_borrowed(value_copy);
    return true;
}

bool rpc_call_cancelled(const struct rpc_call *call)
{
    return atomic_load_explicit(&call->cancelled, memory_order_acquire) ||
           rpc_call_time_left_us(call) == 0;
}

void rpc_call_on_cancel(struct rpc_call *call,
                        void (*cancelled)(struct rpc_call *call, void *user), void *user)
{
    call->on_cancel = cancelled;
    call->on_cancel_user = user;
}
