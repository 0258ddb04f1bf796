/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/edge.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/base/identifier.h"
#include "shard/base/log.h"
#include "shard/inventory/command.h"
#include "shard/replica/command.h"

#define EDGE_SESSION_KEY  "souk-session-bin"
#define EDGE_REPLAYED_KEY "souk-replayed"

/* --- Answers ----------------------------------------------------------------------- */

static void edge_log(const struct edge *edge, enum status status, const char *field,
                     const char *message)
{
    enum status_code code = status_code(status);
    enum log_level level = LOG_INFO;
    if (code == STATUS_CODE_INTERNAL || code == STATUS_CODE_DATA_LOSS) {
        level = LOG_ERROR;
    } else if (status == STATUS_INSUFFICIENT_STOCK) {
        level = LOG_DEBUG; /* a shop's daily answer, thousands a second in a rush */
    }
    log_event(level, "call refused",
              LOG_STRING("method", rpc_call_method(edge->rpc)->path), LOG_STATUS(status),
              LOG_STRING("request_id", edge->request_id), LOG_STRING("field", field),
              LOG_STRING("why", message));
}

void edge_fail(struct edge *edge, const struct problem *problem)
{
    edge_log(edge, problem->status, problem->field, problem->message);
    rpc_call_fail(edge->rpc, problem);
}

void edge_fail_status(struct edge *edge, enum status status)
{
    struct problem problem;
    problem_set(&problem, status, "", "%s", status_text(status));
    edge_fail(edge, &problem);
}

void edge_fail_memory(struct edge *edge)
{
    struct problem problem;
    problem_set(
        &problem, STATUS_TOO_LARGE, "",
        "the call needs more memory than one call may take; ask for less at once");
    edge_fail(edge, &problem);
}

enum {
    EDGE_DETAILS_MAX = 2 * INVENTORY_SHORTAGES_MAX + 4,
    EDGE_DETAIL_BYTES = 48,
};

/* ErrorInfo metadata under construction; values live here until the call is answered. */
struct edge_details {
    struct rpc_detail details[EDGE_DETAILS_MAX];
    char text[EDGE_DETAILS_MAX][2][EDGE_DETAIL_BYTES];
    size_t count;
};

static void edge_detail_add(struct edge_details *details, const char *value,
                            const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void edge_detail_add(struct edge_details *details, const char *value,
                            const char *format, ...)
{
    char(*text)[EDGE_DETAIL_BYTES] = details->text[details->count];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text[0], EDGE_DETAIL_BYTES, format, arguments);
    va_end(arguments);
    snprintf(text[1], EDGE_DETAIL_BYTES, "%s", value);
    details->details[details->count++] =
        (struct rpc_detail){.key = text[0], .value = text[1]};
}

static void edge_detail_number(struct edge_details *details, const char *key,
                               int64_t value)
{
    char text[24];
    snprintf(text, sizeof text, "%lld", (long long)value);
    edge_detail_add(details, text, "%s", key);
}

static void edge_shortage_details(const struct inventory_outcome *outcome,
                                  const struct refusal_names *names,
                                  struct edge_details *out)
{
    bool lines = names->prefix[0] == '\0' && !names->plain; /* only a hold has some */
    for (uint32_t i = 0; i < outcome->shortage_count; i++) {
        const struct inventory_shortage *shortage = &outcome->shortages[i];
        char place[EDGE_DETAIL_BYTES / 2];
        char value[EDGE_DETAIL_BYTES];
        snprintf(place, sizeof place, "lines[%u].", shortage->line);
        snprintf(value, sizeof value, "%lld", (long long)shortage->requested);
        edge_detail_add(out, value, "%srequested", lines ? place : names->prefix);
        snprintf(value, sizeof value, "%lld", (long long)shortage->available);
        edge_detail_add(out, value, "%savailable", lines ? place : names->prefix);
    }
}

static void edge_outcome_details(const struct inventory_outcome *outcome,
                                 const struct refusal_names *names,
                                 struct edge_details *out)
{
    char value[EDGE_DETAIL_BYTES];
    out->count = 0;
    if (outcome->status == STATUS_INSUFFICIENT_STOCK) {
        edge_shortage_details(outcome, names, out);
    }
    if (outcome->shortages_omitted > 0) {
        edge_detail_number(out, "lines_omitted", outcome->shortages_omitted);
    }
    if (outcome->has_level && (outcome->status == STATUS_STOCK_COMPARE_FAILED ||
                               outcome->status == STATUS_ETAG_MISMATCH)) {
        inventory_etag_format(outcome->level.etag, value);
        edge_detail_add(out, value, "etag");
        edge_detail_number(out, "on_hand", outcome->level.buckets[STOCK_BUCKET_ON_HAND]);
    }
    if (outcome->status == STATUS_SEQUENCE_GAP) {
        snprintf(value, sizeof value, "%llu", (unsigned long long)outcome->expected_line);
        edge_detail_add(out, value, "expected_line");
    }
}

void edge_fail_outcome(struct edge *edge, const struct inventory_outcome *outcome,
                       const struct refusal_names *names)
{
    struct problem problem;
    struct rpc_violation violation;
    struct rpc_status status;
    struct edge_details details;
    refusal_of_outcome(outcome, names, &problem);
    rpc_status_from_problem(&problem, &status, &violation);
    edge_outcome_details(outcome, names, &details);
    status.details = details.details;
    status.detail_count = details.count;
    if (outcome->replayed) {
        rpc_call_add_trailer(edge->rpc, EDGE_REPLAYED_KEY, slice_from_string("1"));
    }
    edge_log(edge, problem.status, problem.field, problem.message);
    rpc_call_fail_status(edge->rpc, &status);
}

void edge_fail_again(struct edge *edge, const struct problem *problem, bool replayed)
{
    if (replayed) {
        rpc_call_add_trailer(edge->rpc, EDGE_REPLAYED_KEY, slice_from_string("1"));
    }
    edge_fail(edge, problem);
}

void edge_fail_decided(struct edge *edge, enum status status, bool replayed)
{
    struct problem problem;
    problem_set(&problem, status, "", "%s", status_text(status));
    edge_fail_again(edge, &problem, replayed);
}

void edge_trailers(struct edge *edge, const struct replica_stamp *stamps, unsigned count,
                   bool replayed)
{
    struct session_token token;
    struct slice bytes;
    if (edge->seen != NULL) {
        token = *edge->seen;
    } else {
        session_token_init(&token, edge->service->incarnation,
                           edge->service->map->version);
    }
    for (unsigned i = 0; i < count; i++) {
        session_token_add(&token, stamps[i].shard_id, stamps[i].log_index);
    }
    bytes = session_token_encode(&token, edge->arena);
    if (bytes.size > 0) {
        rpc_call_add_trailer(edge->rpc, EDGE_SESSION_KEY, bytes);
    }
    if (replayed) {
        rpc_call_add_trailer(edge->rpc, EDGE_REPLAYED_KEY, slice_from_string("1"));
    }
}

/* --- Beginnings -------------------------------------------------------------------- */

static enum status edge_take_token(struct edge *edge, struct slice bytes,
                                   struct problem *problem)
{
    struct session_token token;
    const struct service *service = edge->service;
    TRY(session_token_decode(bytes, service->incarnation, service->map->version, &token,
                             problem));
    if (edge->seen == NULL) {
        edge->seen = arena_copy(edge->arena, &token, sizeof token);
        return edge->seen ? STATUS_OK
                          : problem_set(problem, STATUS_TOO_LARGE, "", "%s",
                                        status_text(STATUS_TOO_LARGE));
    }
    for (unsigned i = 0; i < token.count; i++) {
        session_token_add(edge->seen, token.marks[i].shard_id, token.marks[i].index);
    }
    return STATUS_OK;
}

bool edge_begin(struct edge *edge, struct service *service, struct rpc_call *rpc)
{
    struct slice token;
    struct problem problem;
    *edge = (struct edge){.service = service,
                          .rpc = rpc,
                          .arena = rpc_call_arena(rpc),
                          .request_id = "",
                          .deadline_us = (uint64_t)rpc_call_deadline_us(rpc)};
    token = rpc_call_metadata(rpc, EDGE_SESSION_KEY);
    if (token.size > 0 && edge_take_token(edge, token, &problem) != STATUS_OK) {
        edge_fail(edge, &problem);
        return false;
    }
    return true;
}

enum status edge_read_options(struct edge *edge, const Souk__V1__ReadOptions *read,
                              struct problem *problem)
{
    int64_t ms;
    if (read == NULL) {
        return STATUS_OK;
    }
    /* One node is always the leader, so every read is strong; a staleness that the caller
     * would accept is checked all the same. */
    if (read->consistency_case == SOUK__V1__READ_OPTIONS__CONSISTENCY_MAX_STALENESS &&
        (read->max_staleness->seconds != 0 || read->max_staleness->nanos != 0)) {
        return check_duration("read.max_staleness", read->max_staleness, INT64_MAX / 2,
                              &ms, problem);
    }
    if (read->consistency_case == SOUK__V1__READ_OPTIONS__CONSISTENCY_SESSION_TOKEN) {
        return edge_take_token(
            edge, slice_of(read->session_token.data, read->session_token.len), problem);
    }
    return STATUS_OK;
}

enum status edge_check_seen(const struct edge *edge, const struct replica_stamp *stamp,
                            struct problem *problem)
{
    if (edge->seen != NULL &&
        session_token_index(edge->seen, stamp->shard_id) > stamp->log_index) {
        return problem_set(problem, STATUS_BAD_TOKEN, "read.session_token",
                           "the token is ahead of this store; drop it and read again");
    }
    return STATUS_OK;
}

enum status edge_identity(struct edge *edge, const char *request_id,
                          const Google__Protobuf__Timestamp *request_time,
                          struct inventory_identity *out, struct problem *problem)
{
    struct check_identity identity;
    edge->request_id = request_id;
    TRY(check_identity(request_id, request_time, service_now().wall_ms, &identity,
                       problem));
    *out = (struct inventory_identity){.kind = INVENTORY_IDENTITY_REQUEST,
                                       .request_id = identity.request_id,
                                       .request_ms = identity.request_ms};
    return STATUS_OK;
}

/* --- One shard --------------------------------------------------------------------- */

struct edge_one *edge_one_new(struct service *service, struct rpc_call *rpc,
                              const void *request)
{
    struct edge edge;
    struct edge_one *one;
    if (!edge_begin(&edge, service, rpc)) {
        return NULL;
    }
    one = arena_alloc(edge.arena, sizeof *one);
    if (one == NULL) {
        edge_fail_memory(&edge);
        return NULL;
    }
    one->edge = edge;
    one->request = request;
    one->refused = NULL;
    one->user = NULL;
    one->asked = NULL;
    one->named = slice_of(NULL, 0);
    return one;
}

enum status edge_encode_sku(struct edge *edge, struct inventory_command *command,
                            struct slice *out_bytes, unsigned *out_shard,
                            struct problem *problem)
{
    const struct shard_map *map = edge->service->map;
    struct inventory_identity *identity = &command->identity;
    TRY(inventory_command_check(command, problem));
    identity->anchor = inventory_command_anchor(command, map->hash_seed);
    identity->fingerprint = inventory_command_fingerprint(command);
    *out_shard = shard_map_find(map, SHARD_MAP_SKU, identity->anchor);
    if (command_encode_sku(command, edge->arena, out_bytes) != STATUS_OK) {
        return problem_set(problem, STATUS_TOO_LARGE, "",
                           "the request is too large to be logged");
    }
    return STATUS_OK;
}

/* The status of a call that its shard did not serve, for the caller. */
static void edge_fail_call(struct edge *edge, const struct shard_call *call,
                           enum status status)
{
    bool unknown = status == STATUS_OUTCOME_UNKNOWN;
    struct problem problem;
    if (unknown && call->kind == SHARD_CALL_READ) {
        problem_set(&problem, status, "",
                    "the deadline passed before the shard answered");
    } else if (unknown && call->appended_count == 0) {
        problem_set(
            &problem, status, "",
            "the deadline passed before the call was logged; nothing was applied, "
            "and the same request_id may be sent again");
    } else {
        problem_set(&problem, status, "", "%s", status_text(status));
    }
    edge_fail(edge, &problem);
}

void edge_refuse(struct edge_one *one)
{
    struct refusal_names names = {.prefix = ""};
    if (one->outcome->kind != REPLICA_SKU) {
        edge_fail_decided(&one->edge, one->outcome->status,
                          one->outcome->customer.replayed);
        return;
    }
    if (one->asked != NULL) {
        refusal_names_of_command(one->asked, one->outcome->inventory.line, &names);
    }
    names.hold_id = one->named;
    edge_fail_outcome(&one->edge, &one->outcome->inventory, &names);
}

void edge_command_ended(struct edge_one *one)
{
    const struct shard_call *call = &one->call;
    if (call->status != STATUS_OK) {
        edge_fail_call(&one->edge, call, call->status);
        return;
    }
    if (one->outcome->status == STATUS_OK) {
        one->finish(one);
    } else if (one->refused != NULL) {
        one->refused(one);
    } else {
        edge_refuse(one);
    }
}

static void edge_command_done(struct shard_call *call)
{
    edge_command_ended(CONTAINER_OF(call, struct edge_one, call));
}

static void edge_submit(struct edge *edge, struct shard_call *call, shard_call_done *done)
{
    enum status status;
    call->deadline_us = edge->deadline_us;
    call->arena = edge->arena;
    call->done = done;
    status = runtime_submit(edge->service->runtime, call);
    if (status != STATUS_OK) {
        edge_fail_call(edge, call, status);
    }
}

void edge_submit_command(struct edge_one *one, uint64_t shard_id, edge_finish *finish)
{
    one->finish = finish;
    one->outcome = arena_alloc(one->edge.arena, sizeof *one->outcome);
    if (one->outcome == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    shard_call_init_propose(&one->call, shard_id, &one->command, 1, one->outcome);
    edge_submit(&one->edge, &one->call, edge_command_done);
}

void edge_propose_sku(struct edge_one *one, struct inventory_command *command,
                      edge_finish *finish)
{
    struct problem problem;
    unsigned shard;
    if (edge_encode_sku(&one->edge, command, &one->command, &shard, &problem) !=
        STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    one->asked = arena_copy(one->edge.arena, command, sizeof *command);
    if (one->asked == NULL) {
        edge_fail_memory(&one->edge);
        return;
    }
    edge_submit_command(
        one, shard_map_range(one->edge.service->map, SHARD_MAP_SKU, shard)->shard_id,
        finish);
}

/* The one thing that was asked for is not there. */
static void edge_fail_missing(struct edge_one *one)
{
    const struct inventory_query *query = &one->query.inventory;
    struct problem problem;
    if (one->query.kind == REPLICA_QUERY_PROFILE) {
        /* A customer's id is answered to who asked, and not written to the log. */
        refusal_missing(&problem, "customer_id", "customer", one->named,
                        "UpsertCustomer");
        edge_log(&one->edge, STATUS_NOT_FOUND, "customer_id",
                 status_text(STATUS_NOT_FOUND));
        rpc_call_fail(one->edge.rpc, &problem);
        return;
    }
    if (one->query.kind != REPLICA_QUERY_INVENTORY) {
        edge_fail_status(&one->edge, STATUS_NOT_FOUND);
        return;
    }
    if (query->kind == INVENTORY_QUERY_HOLD) {
        refusal_missing(&problem, "hold_id", "hold", one->named, NULL);
    } else if (one->answer.inventory.missing_location && query->location_count > 0) {
        refusal_missing(&problem, "location_id", "location", query->location_ids[0],
                        "UpsertLocation");
    } else if (query->sku_count > 0) {
        refusal_missing(&problem, "sku_id", "SKU", query->sku_ids[0], "UpsertSku");
    } else {
        problem_set(&problem, STATUS_NOT_FOUND, "", "%s", status_text(STATUS_NOT_FOUND));
    }
    edge_fail(&one->edge, &problem);
}

static void edge_ask_done(struct shard_call *call)
{
    struct edge_one *one = CONTAINER_OF(call, struct edge_one, call);
    struct problem problem;
    if (call->status == STATUS_NOT_FOUND) {
        edge_fail_missing(one);
        return;
    }
    if (call->status != STATUS_OK) {
        edge_fail_call(&one->edge, call, call->status);
        return;
    }
    if (one->answer.status != STATUS_OK) {
        edge_fail_status(&one->edge, one->answer.status);
        return;
    }
    if (edge_check_seen(&one->edge, &call->stamp, &problem) != STATUS_OK) {
        edge_fail(&one->edge, &problem);
        return;
    }
    one->finish(one);
}

void edge_ask(struct edge_one *one, enum shard_map_table table, uint64_t hash,
              edge_finish *finish)
{
    const struct shard_map *map = one->edge.service->map;
    const struct shard_range *range =
        shard_map_range(map, table, shard_map_find(map, table, hash));
    one->finish = finish;
    shard_call_init_read(&one->call, range->shard_id, &one->query, &one->answer);
    edge_submit(&one->edge, &one->call, edge_ask_done);
}
