/* SPDX-License-Identifier: Apache-2.0 */
/* What a watcher is told. */
#include <string.h>

#include "proto/souk/v1/stock.grpc-c.h"
#include "server/coordinator/watch_token.h"
#include "server/service/watch_private.h"
#include "shard/base/log.h"

enum {
    WATCH_DETAIL_BYTES_MAX = 2048, /* a longer token does not fit into a status */
};

static char *watch_token(struct watch *watch, struct arena *arena)
{
    return watch->parts_unready == 0
               ? watch_token_make(watch->service->incarnation, watch->places,
                                  watch->part_count, arena)
               : NULL;
}

/* --- Ending ---------------------------------------------------------------------------- */

static void watch_end(struct watch *watch, const struct problem *problem, const char *key)
{
    struct rpc_status status;
    struct rpc_violation violation;
    struct rpc_detail detail = {.key = key};
    struct arena arena;
    if (watch->finished) {
        return;
    }
    watch->finished = true;
    log_event(LOG_INFO, "watch ended", LOG_STATUS(problem->status),
              LOG_STRING("why", problem->message));
    arena_init(&arena, NULL, 0, 0);
    rpc_status_from_problem(problem, &status, &violation);
    detail.value = watch_token(watch, &arena);
    if (detail.value != NULL && strlen(detail.value) <= WATCH_DETAIL_BYTES_MAX) {
        status.details = &detail;
        status.detail_count = 1;
    }
    rpc_stream_finish_status(watch->stream, &status);
    arena_close(&arena);
}

void watch_finish(struct watch *watch, const struct problem *problem)
{
    watch_end(watch, problem, "resume_token");
}

void watch_finish_compacted(struct watch *watch, const struct watch_part *part,
                            struct ledger_position oldest)
{
    struct problem problem;
    problem_set(&problem, STATUS_RESUME_POINT_COMPACTED, "resume_token",
                "older than setting watch_keep_s lets a watch go back; go on from "
                "oldest_token, or begin with a snapshot");
    watch->places[part->place] = oldest;
    watch_end(watch, &problem, "oldest_token");
}

/* --- Messages -------------------------------------------------------------------------- */

static enum status watch_send(struct watch *watch, Souk__V1__WatchStockResponse *message,
                              struct reply *reply)
{
    uint64_t now_us = service_now().monotonic_us;
    char *token = watch_token(watch, reply->arena);
    enum status status;
    if (watch->finished || reply->failed) {
        return STATUS_CANCELLED;
    }
    if (token != NULL) {
        message->resume_token = token;
    }
    status = souk__v1__stock_service__watch_stock__send(watch->stream, message);
    if (status == STATUS_OK) {
        watch->sent_us = now_us;
        watch->blocked_us = 0;
    } else if (status == STATUS_OVERLOADED && watch->blocked_us == 0) {
        watch->blocked_us = now_us;
    }
    return status;
}

static bool watch_wants_location(const struct watch *watch, struct slice location_id)
{
    for (uint32_t i = 0; i < watch->location_count; i++) {
        if (slice_equal(watch->location_ids[i], location_id)) {
            return true;
        }
    }
    return watch->location_count == 0;
}

enum status watch_send_levels(struct watch *watch, struct watch_part *part)
{
    const struct inventory_answer *answer = &part->answer.inventory;
    struct reply reply = {.arena = &part->arena};
    Souk__V1__WatchStockResponse message = SOUK__V1__WATCH_STOCK_RESPONSE__INIT;
    Souk__V1__StockSnapshot snapshot = SOUK__V1__STOCK_SNAPSHOT__INIT;
    snapshot.levels =
        reply_alloc(&reply, (answer->level_count + 1) * sizeof *snapshot.levels);
    for (uint32_t i = 0; i < answer->level_count && !reply.failed; i++) {
        if (watch_wants_location(watch, answer->levels[i].location_id)) {
            snapshot.levels[snapshot.n_levels++] =
                reply_level(&reply, &answer->levels[i]);
        }
    }
    if (snapshot.n_levels == 0) {
        return STATUS_OK;
    }
    snapshot.stamp = reply_stamp(&reply, &part->call.stamp);
    message.message_case = SOUK__V1__WATCH_STOCK_RESPONSE__MESSAGE_SNAPSHOT;
    message.snapshot = &snapshot;
    return watch_send(watch, &message, &reply);
}

static Souk__V1__StockAlert *watch_alerts(struct reply *reply, uint32_t alerts,
                                          size_t *out_count)
{
    Souk__V1__StockAlert *list = reply_alloc(reply, INVENTORY_ALERTS * sizeof *list);
    for (unsigned alert = 1; list != NULL && alert < INVENTORY_ALERTS; alert++) {
        if (alerts & 1u << alert) {
            list[(*out_count)++] = (Souk__V1__StockAlert)alert;
        }
    }
    return list;
}

/* NULL: not wanted, or no memory. Of a move between locations, the level that is not
 * watched has no alerts. */
static Souk__V1__StockChange *watch_change(const struct watch *watch,
                                           const struct inventory_movement *movement,
                                           struct reply *reply)
{
    uint32_t alerts = watch_wants_location(watch, movement->location_id)
                          ? inventory_alerts(movement, &watch->thresholds)
                          : 0;
    uint32_t to_alerts = watch_wants_location(watch, movement->to.location_id)
                             ? inventory_alerts_to(movement, &watch->thresholds)
                             : 0;
    Souk__V1__StockChange *change;
    if (watch->alerts != 0 && ((alerts | to_alerts) & watch->alerts) == 0) {
        return NULL;
    }
    change = reply_alloc(reply, sizeof *change);
    if (change == NULL) {
        return NULL;
    }
    souk__v1__stock_change__init(change);
    change->movement = reply_movement(reply, movement);
    change->alerts = watch_alerts(reply, alerts, &change->n_alerts);
    change->to_alerts = watch_alerts(reply, to_alerts, &change->n_to_alerts);
    return change;
}

/* Those that are wanted. */
static void watch_changes(const struct watch *watch,
                          const struct inventory_answer *answer, struct reply *reply,
                          Souk__V1__StockChanges *out)
{
    out->changes =
        reply_alloc(reply, (answer->movement_count + 1) * sizeof *out->changes);
    for (uint32_t i = 0; i < answer->movement_count && !reply->failed; i++) {
        Souk__V1__StockChange *change = watch_change(watch, &answer->movements[i], reply);
        if (change != NULL) {
            out->changes[out->n_changes++] = change;
        }
    }
}

enum status watch_send_changes(struct watch *watch, struct watch_part *part,
                               struct ledger_position next)
{
    struct reply reply = {.arena = &part->arena};
    Souk__V1__WatchStockResponse message = SOUK__V1__WATCH_STOCK_RESPONSE__INIT;
    Souk__V1__StockChanges changes = SOUK__V1__STOCK_CHANGES__INIT;
    struct ledger_position before = watch->places[part->place];
    enum status status;
    watch_changes(watch, &part->answer.inventory, &reply, &changes);
    watch->places[part->place] = next;
    if (changes.n_changes == 0 && !reply.failed) {
        return STATUS_OK;
    }
    message.message_case = SOUK__V1__WATCH_STOCK_RESPONSE__MESSAGE_CHANGES;
    message.changes = &changes;
    status = watch_send(watch, &message, &reply);
    if (status != STATUS_OK) {
        watch->places[part->place] = before;
    }
    return status;
}

enum status watch_send_heartbeat(struct watch *watch)
{
    Souk__V1__WatchStockResponse message = SOUK__V1__WATCH_STOCK_RESPONSE__INIT;
    Souk__V1__StockHeartbeat heartbeat = SOUK__V1__STOCK_HEARTBEAT__INIT;
    struct arena arena;
    struct reply reply = {.arena = &arena};
    enum status status;
    arena_init(&arena, NULL, 0, 0);
    message.message_case = SOUK__V1__WATCH_STOCK_RESPONSE__MESSAGE_HEARTBEAT;
    message.heartbeat = &heartbeat;
    status = watch_send(watch, &message, &reply);
    arena_close(&arena);
    return status;
}

enum status watch_send_ready(struct watch *watch)
{
    Souk__V1__WatchStockResponse message = SOUK__V1__WATCH_STOCK_RESPONSE__INIT;
    Souk__V1__StockSnapshot snapshot = SOUK__V1__STOCK_SNAPSHOT__INIT;
    struct arena arena;
    struct reply reply = {.arena = &arena};
    enum status status;
    if (watch->changes_only) {
        return watch_send_heartbeat(watch);
    }
    arena_init(&arena, NULL, 0, 0);
    snapshot.complete = true;
    message.message_case = SOUK__V1__WATCH_STOCK_RESPONSE__MESSAGE_SNAPSHOT;
    message.snapshot = &snapshot;
    status = watch_send(watch, &message, &reply);
    arena_close(&arena);
    return status;
}
