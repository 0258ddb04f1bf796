/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A count is kept by each shard for its own SKUs. Start and close go to all SKU shards, a
 * submission to those that its lines lie on; every shard remembers the request id, so a
 * call that ended half-way goes on when it is made again.
 */
#include "server/service/count_service.h"

#include <stdio.h>

#include "proto/souk/v1/stock.grpc-c.h"
#include "server/service/edge.h"
#include "server/service/reply.h"
#include "server/service/service_private.h"
#include "shard/replica/command.h"

enum {
    COUNT_FIELD_BYTES = 64,
};

/* --- To several shards ------------------------------------------------------------- */

static enum status count_memory(struct problem *problem)
{
    return problem_set(problem, STATUS_TOO_LARGE, "", "%s",
                       status_text(STATUS_TOO_LARGE));
}

/* The part's one command. Its shard is known, whatever else lies in the part's group. */
static enum status count_part(struct edge_many *many, struct edge_part *part,
                              struct inventory_command *command, struct problem *problem)
{
    const struct shard_map *map = many->edge.service->map;
    struct arena *arena = many->edge.arena;
    TRY(inventory_command_check(command, problem));
    command->identity.anchor = inventory_command_anchor(command, map->hash_seed);
    command->identity.fingerprint = inventory_command_fingerprint(command);
    part->commands = arena_alloc(arena, sizeof *part->commands);
    part->outcomes = arena_alloc(arena, sizeof *part->outcomes);
    part->group.count = 1;
    if (part->commands == NULL || part->outcomes == NULL ||
        command_encode_sku(command, arena, &part->commands[0]) != STATUS_OK) {
        return count_memory(problem);
    }
    return STATUS_OK;
}

/* The same command for every SKU shard, under the first hash of each. */
static enum status count_to_all(struct edge_many *many, struct inventory_command *command,
                                struct problem *problem)
{
    const struct shard_map *map = many->edge.service->map;
    unsigned count = shard_map_count(map, SHARD_MAP_SKU);
    struct fan_group *groups = arena_zalloc(many->edge.arena, count * sizeof *groups);
    struct fan_groups all = {.groups = groups, .count = count};
    for (unsigned i = 0; groups != NULL && i < count; i++) {
        groups[i] = (struct fan_group){.shard = i, .count = 1};
    }
    if (groups == NULL || !edge_many_parts(many, &all, SHARD_MAP_SKU)) {
        return count_memory(problem);
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        command->identity.anchor = shard_map_range(map, SHARD_MAP_SKU, p)->start;
        TRY(count_part(many, &many->parts[p], command, problem));
    }
    return STATUS_OK;
}

/* --- Refusals ---------------------------------------------------------------------- */

static void count_refusal(const struct edge_part *part, const char *count_id,
                          struct problem *out)
{
    const struct inventory_outcome *outcome = &part->outcomes[0].inventory;
    inventory_outcome_problem(outcome, out);
    if (outcome->status == STATUS_NOT_FOUND &&
        outcome->field == INVENTORY_FIELD_COUNT_ID) {
        refusal_missing(out, "count_id", "open count", slice_from_string(count_id),
                        "StartCount");
    } else if (outcome->status == STATUS_ALREADY_EXISTS) {
        bool taken = outcome->field == INVENTORY_FIELD_LOCATION_ID;
        problem_set(out, outcome->status, taken ? "location_id" : "count_id", "%s",
                    taken ? "another count is open at this location; close it first"
                          : "this count is open at another location, or with another "
                            "baseline");
    } else if (outcome->status == STATUS_QUANTITY_LIMIT) {
        problem_set(out, outcome->status, "lines",
                    "a count has at most %d SKUs in a shard; close it and start another",
                    INVENTORY_COUNT_LINES_MAX);
    }
}

static void count_unknown_sku(const Souk__V1__SubmitCountRequest *request, size_t index,
                              struct problem *out)
{
    char field[COUNT_FIELD_BYTES];
    snprintf(field, sizeof field, "lines[%zu].sku_id", index);
    refusal_missing(out, field, "SKU", slice_from_string(request->lines[index]->sku_id),
                    "UpsertSku");
}

/* Where the shard's k-th line of the refused part stands in the request. */
static void count_refusal_line(const struct edge_part *part,
                               const Souk__V1__SubmitCountRequest *request,
                               struct problem *out)
{
    const struct inventory_outcome *outcome = &part->outcomes[0].inventory;
    if (outcome->status == STATUS_NOT_FOUND && outcome->field == INVENTORY_FIELD_SKU_ID) {
        count_unknown_sku(request, part->group.items[outcome->line], out);
    }
}

static enum status count_part_status(const struct edge_part *part)
{
    return part->call.status != STATUS_OK ? part->call.status : part->outcomes[0].status;
}

/* The first part that was not done; NULL: all were. A shard that does not know a count
 * which others know has nothing to close. */
static const struct edge_part *count_failed(const struct edge_many *many, bool closing)
{
    const struct edge_part *unknown = NULL;
    unsigned done = 0;
    for (unsigned p = 0; p < many->part_count; p++) {
        const struct edge_part *part = &many->parts[p];
        enum status status = count_part_status(part);
        if (status == STATUS_OK) {
            done++;
        } else if (closing && part->call.status == STATUS_OK &&
                   status == STATUS_NOT_FOUND) {
            unknown = unknown != NULL ? unknown : part;
        } else {
            return part;
        }
    }
    return done == 0 ? unknown : NULL;
}

/* True when the call has been answered with a refusal. */
static bool count_refused(struct edge_many *many, const char *count_id, bool closing,
                          const Souk__V1__SubmitCountRequest *submitted)
{
    const struct edge_part *part = count_failed(many, closing);
    struct problem problem;
    if (part == NULL) {
        return false;
    }
    if (part->call.status != STATUS_OK) {
        edge_fail_status(&many->edge, part->call.status);
        return true;
    }
    count_refusal(part, count_id, &problem);
    if (submitted != NULL) {
        count_refusal_line(part, submitted, &problem);
    }
    edge_fail(&many->edge, &problem);
    return true;
}

/* Fails the call when the reply did not fit; else its trailers go out. */
static bool count_replies(struct edge_many *many, const struct reply *reply)
{
    if (reply->failed) {
        edge_fail_memory(&many->edge);
        return false;
    }
    edge_many_trailers(many);
    return true;
}

/* --- Start ------------------------------------------------------------------------- */

static void count_started(struct edge_many *many)
{
    const Souk__V1__StartCountRequest *request = many->request;
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__StartCountResponse response = SOUK__V1__START_COUNT_RESPONSE__INIT;
    if (!count_refused(many, request->count_id, false, NULL)) {
        int64_t start_ms = many->parts[0].outcomes[0].inventory.count.start_ms;
        response.count_id = request->count_id;
        response.location_id = request->location_id;
        response.start_time = reply_time(&reply, start_ms);
        response.stamps = edge_many_stamps(many, &reply, &response.n_stamps);
        if (count_replies(many, &reply)) {
            souk__v1__stock_service__start_count__reply(many->edge.rpc, &response);
        }
    }
    edge_many_done(many);
}

void stock_start_count(struct rpc_call *rpc, const Souk__V1__StartCountRequest *request,
                       void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_COUNT_START};
    struct inventory_count_start *start = &command.count_start;
    struct problem problem;
    if (many == NULL) {
        return;
    }
    start->at_submit =
        request->baseline == SOUK__V1__COUNT_BASELINE__COUNT_BASELINE_SUBMIT;
    if (edge_identity(&many->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        check_id("count_id", request->count_id, &start->count_id, &problem) !=
            STATUS_OK ||
        check_id("location_id", request->location_id, &start->location_id, &problem) !=
            STATUS_OK ||
        count_to_all(many, &command, &problem) != STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    edge_many_submit(many, count_started);
}

/* --- Submit ------------------------------------------------------------------------ */

static void count_submitted(struct edge_many *many)
{
    const Souk__V1__SubmitCountRequest *request = many->request;
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__SubmitCountResponse response = SOUK__V1__SUBMIT_COUNT_RESPONSE__INIT;
    if (!count_refused(many, request->count_id, false, request)) {
        for (unsigned p = 0; p < many->part_count; p++) {
            response.lines += many->parts[p].outcomes[0].inventory.count.lines;
        }
        response.stamps = edge_many_stamps(many, &reply, &response.n_stamps);
        if (count_replies(many, &reply)) {
            souk__v1__stock_service__submit_count__reply(many->edge.rpc, &response);
        }
    }
    edge_many_done(many);
}

static enum status count_lines(struct edge_many *many,
                               const Souk__V1__SubmitCountRequest *request,
                               char ***out_sku_ids, struct problem *problem)
{
    char field[COUNT_FIELD_BYTES];
    char **sku_ids;
    TRY(check_count("lines", request->n_lines, 1, INVENTORY_COUNT_SUBMIT_MAX, problem));
    sku_ids = arena_alloc(many->edge.arena, request->n_lines * sizeof *sku_ids);
    if (sku_ids == NULL) {
        return count_memory(problem);
    }
    for (size_t i = 0; i < request->n_lines; i++) {
        const Souk__V1__CountedLine *line = request->lines[i];
        snprintf(field, sizeof field, "lines[%zu].sku_id", i);
        TRY(check_id(field, line->sku_id, NULL, problem));
        snprintf(field, sizeof field, "lines[%zu].counted", i);
        if (line->counted < 0) {
            return problem_set(problem, STATUS_INVALID, field, "%s: not below 0", field);
        }
        sku_ids[i] = line->sku_id;
    }
    *out_sku_ids = sku_ids;
    return STATUS_OK;
}

/* Each part gets its lines, in the order of the request. */
static enum status count_split(struct edge_many *many,
                               const Souk__V1__SubmitCountRequest *request,
                               struct inventory_command *command, struct problem *problem)
{
    for (unsigned p = 0; p < many->part_count; p++) {
        struct edge_part *part = &many->parts[p];
        uint32_t count = part->group.count;
        struct inventory_count_line *lines =
            arena_alloc(many->edge.arena, count * sizeof *lines);
        if (lines == NULL) {
            return count_memory(problem);
        }
        for (uint32_t i = 0; i < count; i++) {
            const Souk__V1__CountedLine *line = request->lines[part->group.items[i]];
            lines[i].sku_id = slice_from_string(line->sku_id);
            lines[i].counted = line->counted;
        }
        command->count_submit.lines = lines;
        command->count_submit.line_count = count;
        TRY(count_part(many, part, command, problem));
    }
    return STATUS_OK;
}

/* Into the logs. */
static void count_propose(struct edge_many *many, struct inventory_command *command)
{
    struct problem problem;
    if (count_split(many, many->request, command, &problem) != STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    edge_many_submit(many, count_submitted);
}

/* The SKU of the first line that a shard does not know; false: all are known. */
static bool count_unknown(const struct edge_many *many, struct problem *out)
{
    const Souk__V1__SubmitCountRequest *request = many->request;
    for (unsigned p = 0; p < many->part_count; p++) {
        const struct edge_part *part = &many->parts[p];
        for (uint32_t i = 0; i < part->group.count; i++) {
            size_t index = part->group.items[i];
            if (part->answer.inventory.checks[i].status == STATUS_NOT_FOUND) {
                count_unknown_sku(request, index, out);
                return true;
            }
        }
    }
    return false;
}

/* Every shard has been asked for its SKUs: now they may be submitted. */
static void count_known(struct edge_many *asked)
{
    const Souk__V1__SubmitCountRequest *request = asked->request;
    struct edge_many *many;
    struct problem problem;
    char **sku_ids = NULL;
    if (edge_many_read_ok(asked)) {
        if (count_unknown(asked, &problem)) {
            edge_fail(&asked->edge, &problem);
        } else if ((many = edge_many_from(&asked->edge, request)) != NULL) {
            if (count_lines(many, request, &sku_ids, &problem) != STATUS_OK ||
                edge_many_by_sku(many, "lines", sku_ids, request->n_lines, &problem) !=
                    STATUS_OK) {
                edge_fail(&many->edge, &problem);
            } else {
                count_propose(many, asked->user);
            }
        }
    }
    edge_many_done(asked);
}

/* Lines on several shards are decided by each for itself: that none is refused for a SKU
 * that another shard lacks, all are asked first. */
static void count_ask(struct edge_many *many, const struct inventory_command *command)
{
    const Souk__V1__SubmitCountRequest *request = many->request;
    struct arena *arena = many->edge.arena;
    struct inventory_check_line *lines =
        arena_zalloc(arena, request->n_lines * sizeof *lines);
    many->user = arena_copy(arena, command, sizeof *command);
    if (lines == NULL || many->user == NULL) {
        edge_fail_memory(&many->edge);
        return;
    }
    for (size_t i = 0; i < request->n_lines; i++) {
        lines[i].quantity = 1;
    }
    for (unsigned p = 0; p < many->part_count; p++) {
        many->parts[p].query.inventory.kind = INVENTORY_QUERY_CHECK;
        many->parts[p].query.inventory.check_lines = lines;
    }
    edge_many_submit(many, count_known);
}

void stock_submit_count(struct rpc_call *rpc, const Souk__V1__SubmitCountRequest *request,
                        void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_COUNT_SUBMIT};
    struct problem problem;
    char **sku_ids = NULL;
    if (many == NULL) {
        return;
    }
    if (edge_identity(&many->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        check_id("count_id", request->count_id, &command.count_submit.count_id,
                 &problem) != STATUS_OK ||
        count_lines(many, request, &sku_ids, &problem) != STATUS_OK ||
        edge_many_by_sku(many, "lines", sku_ids, request->n_lines, &problem) !=
            STATUS_OK) {
        edge_fail(&many->edge, &problem);
    } else if (many->part_count > 1) {
        count_ask(many, &command);
    } else {
        count_propose(many, &command);
    }
}

/* --- Close ------------------------------------------------------------------------- */

static int64_t count_sum(int64_t sum, int64_t more)
{
    return sum > INT64_MAX - more ? INT64_MAX : sum + more;
}

static void count_close_fill(const struct edge_many *many, struct reply *reply,
                             Souk__V1__CloseCountResponse *response)
{
    for (unsigned p = 0; p < many->part_count; p++) {
        const struct inventory_outcome *outcome = &many->parts[p].outcomes[0].inventory;
        const struct inventory_count_totals *count = &outcome->count;
        if (outcome->status != STATUS_OK) {
            continue; /* it never heard of the count */
        }
        response->location_id = reply_text(reply, count->location_id);
        response->start_time = reply_time(reply, count->start_ms);
        response->lines += count->lines;
        response->changed += count->changed;
        response->missing += count->missing;
        response->cut += count->cut;
        response->units_found = count_sum(response->units_found, count->found);
        response->units_lost = count_sum(response->units_lost, count->lost);
    }
    response->stamps = edge_many_stamps(many, reply, &response->n_stamps);
}

static void count_closed(struct edge_many *many)
{
    const Souk__V1__CloseCountRequest *request = many->request;
    struct reply reply = {.arena = many->edge.arena};
    Souk__V1__CloseCountResponse response = SOUK__V1__CLOSE_COUNT_RESPONSE__INIT;
    if (!count_refused(many, request->count_id, true, NULL)) {
        count_close_fill(many, &reply, &response);
        if (count_replies(many, &reply)) {
            souk__v1__stock_service__close_count__reply(many->edge.rpc, &response);
        }
    }
    edge_many_done(many);
}

void stock_close_count(struct rpc_call *rpc, const Souk__V1__CloseCountRequest *request,
                       void *context)
{
    struct edge_many *many = edge_many_new(context, rpc, request);
    struct inventory_command command = {.kind = INVENTORY_COUNT_CLOSE,
                                        .count_close = {.discard = request->discard}};
    struct problem problem;
    if (many == NULL) {
        return;
    }
    if (edge_identity(&many->edge, request->request_id, request->request_time,
                      &command.identity, &problem) != STATUS_OK ||
        check_id("count_id", request->count_id, &command.count_close.count_id,
                 &problem) != STATUS_OK ||
        count_to_all(many, &command, &problem) != STATUS_OK) {
        edge_fail(&many->edge, &problem);
        return;
    }
    edge_many_submit(many, count_closed);
}
