/* SPDX-License-Identifier: Apache-2.0 */
/* souk.v1.StockService.CheckAvailability: the lines of a question over their shards. */
#include <stdio.h>

#include "proto/souk/v1/stock.grpc-c.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "server/service/stock_read.h"
#include "shard/inventory/geo.h"

enum {
    CHECK_FIELD_BYTES = 64,
};

/* --- The question ------------------------------------------------------------------ */

/* What each line wants, in the order of the request. */
static enum status check_lines_take(struct edge_many *many,
                                    const Souk__V1__CheckAvailabilityRequest *request,
                                    struct inventory_check_line **out_lines,
                                    char ***out_sku_ids, struct problem *problem)
{
    size_t count = request->n_lines;
    struct inventory_check_line *lines;
    char **sku_ids, field[CHECK_FIELD_BYTES];
    TRY(check_count("lines", count, 1,
                    (size_t)many->edge.service->settings->batch_max_items, problem));
    lines = arena_zalloc(many->edge.arena, count * sizeof *lines);
    sku_ids = arena_zalloc(many->edge.arena, count * sizeof *sku_ids);
    if (lines == NULL || sku_ids == NULL) {
        return problem_set(problem, STATUS_TOO_LARGE, "lines", "%s",
                           status_text(STATUS_TOO_LARGE));
    }
    for (size_t i = 0; i < count; i++) {
        const Souk__V1__AvailabilityLine *line = request->lines[i];
        snprintf(field, sizeof field, "lines[%zu].sku_id", i);
        TRY(check_id(field, line->sku_id, NULL, problem));
        snprintf(field, sizeof field, "lines[%zu].location_id", i);
        TRY(check_id_or_empty(field, line->location_id, &lines[i].location_id, problem));
        snprintf(field, sizeof field, "lines[%zu].quantity", i);
        if (line->quantity <= 0) {
            return problem_set(problem, STATUS_INVALID, field, "%s: above 0", field);
        }
        lines[i].quantity = line->quantity;
        sku_ids[i] = line->sku_id;
    }
    *out_lines = lines;
    *out_sku_ids = sku_ids;
    return STATUS_OK;
}

/* What holds for all lines, into `out`. */
static enum status check_question_take(struct edge *edge,
                                       const Souk__V1__CheckAvailabilityRequest *request,
                                       struct inventory_query *out,
                                       struct problem *problem)
{
    struct slice *locations;
    TRY(edge_read_options(edge, request->read, problem));
    TRY(stock_ids(edge, "location_ids", request->location_ids, request->n_location_ids,
                  &locations, problem));
    TRY(check_text("channel", request->channel, INVENTORY_ID_BYTES_MAX,
                   &out->demand.channel, problem));
    out->location_ids = locations;
    out->location_count = (uint32_t)request->n_location_ids;
    out->demand.allow_backorder = request->allow_backorder;
    if (request->near == NULL) {
        return STATUS_OK;
    }
    out->near_latitude_e7 = request->near->latitude_e7;
    out->near_longitude_e7 = request->near->longitude_e7;
    if (!geo_on_globe(
            (struct geo_point){out->near_latitude_e7, out->near_longitude_e7})) {
        return problem_set(problem, STATUS_INVALID, "near",
                           "near: off the globe; degrees times 10^7, latitude within 90, "
                           "longitude within 180");
    }
    return STATUS_OK;
}

/* --- The answer -------------------------------------------------------------------- */

static void check_problem(const Souk__V1__AvailabilityLine *line, size_t index,
                          const struct inventory_check *check, struct problem *out)
{
    char field[CHECK_FIELD_BYTES];
    const char *leaf = check->status == STATUS_INSUFFICIENT_STOCK ? "quantity"
                       : check->missing_location                  ? "location_id"
                                                                  : "sku_id";
    snprintf(field, sizeof field, "lines[%zu].%s", index, leaf);
    if (check->status == STATUS_NOT_FOUND && check->missing_location) {
        refusal_missing(out, field, "location", slice_from_string(line->location_id),
                        "UpsertLocation");
    } else if (check->status == STATUS_NOT_FOUND) {
        refusal_missing(out, field, "SKU", slice_from_string(line->sku_id), "UpsertSku");
    } else if (check->status == STATUS_INSUFFICIENT_STOCK) {
        problem_set(out, check->status, field,
                    "requested %lld, and %lld is the most that one location has",
                    (long long)check->requested, (long long)check->location_available);
    } else {
        problem_set(out, check->status, field, "%s", status_text(check->status));
    }
}

static Souk__V1__AvailabilityResult *check_result(struct reply *reply,
                                                  const Souk__V1__AvailabilityLine *line,
                                                  size_t index,
                                                  const struct inventory_check *check)
{
    Souk__V1__AvailabilityResult *result = reply_alloc(reply, sizeof *result);
    struct problem problem = {.status = STATUS_OK};
    if (result == NULL) {
        return NULL;
    }
    souk__v1__availability_result__init(result);
    if (check->status != STATUS_OK) {
        check_problem(line, index, check, &problem);
    }
    result->status = reply_item_status(reply, &problem);
    result->requested = check->requested;
    result->available = check->available;
    result->location_id = reply_text(reply, check->location_id);
    result->location_available = check->location_available;
    if (check->distance_m >= 0) {
        result->distance_case = SOUK__V1__AVAILABILITY_RESULT__DISTANCE_DISTANCE_M;
        result->distance_m = check->distance_m;
    }
    return result;
}

static void check_fill(const struct edge_many *many, struct reply *reply,
                       Souk__V1__CheckAvailabilityResponse *response)
{
    const Souk__V1__CheckAvailabilityRequest *request = many->request;
    response->results = reply_alloc(reply, request->n_lines * sizeof *response->results);
    response->stamps = edge_many_stamps(many, reply, &response->n_stamps);
    response->all_available = true;
    for (unsigned p = 0; p < many->part_count && !reply->failed; p++) {
        const struct edge_part *part = &many->parts[p];
        for (uint32_t i = 0; i < part->group.count; i++) {
            size_t index = part->group.items[i];
            const struct inventory_check *check = &part->answer.inventory.checks[i];
            response->results[index] =
                check_result(reply, request->lines[index], index, check);
            response->all_available =
                response->all_available && check->status == STATUS_OK;
        }
    }
    response->n_results = request->n_lines;
}

static void check_answered(struct edge_many *many)
{
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__CheckAvailabilityResponse response =
        SOUK__V1__CHECK_AVAILABILITY_RESPONSE__INIT;
    if (edge_many_read_ok(many)) {
        check_fill(many, &reply, &response);
        if (reply.failed) {
            edge_fail_memory(&many->edge);
        } else {
            edge_many_trailers(many);
            souk__v1__stock_service__check_availability__reply(many->edge.rpc, &response);
        }
    }
    edge_many_done(many);
}

void stock_check_availability(struct rpc_call *rpc,
                              const Souk__V1__CheckAvailabilityRequest *request,
                              void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct inventory_query asked = {.kind = INVENTORY_QUERY_CHECK};
    struct inventory_check_line *lines = NULL, *grouped;
    struct problem problem;
    char **sku_ids = NULL;
    if (many == NULL) {
        return;
    }
    if (check_lines_take(many, request, &lines, &sku_ids, &problem) != STATUS_OK ||
        check_question_take(&many->edge, request, &asked, &problem) != STATUS_OK ||
        edge_many_by_sku(many, "lines", sku_ids, request->n_lines, &problem) !=
            STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    grouped = arena_alloc(many->edge.arena, request->n_lines * sizeof *grouped);
    if (grouped == NULL) {
        edge_fail_memory(&many->edge);
        return;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        struct edge_part *part = &many->parts[p];
        struct inventory_query *query = &part->query.inventory;
        asked.sku_ids = query->sku_ids;
        asked.sku_count = query->sku_count;
        asked.check_lines = grouped;
        *query = asked;
        for (uint32_t i = 0; i < part->group.count; i++) {
            *grouped++ = lines[part->group.items[i]];
        }
    }
    edge_many_submit(many, check_answered);
}
