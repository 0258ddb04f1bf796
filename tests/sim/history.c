/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/history.h"

#include <inttypes.h>
#include <string.h>

#include "tests/sim/audit.h"
#include "tests/sim/judge.h"
#include "tests/sim/world.h"

void history_init(struct sim_history *history, struct sim_world *world, FILE *file)
{
    memset(history, 0, sizeof *history);
    history->world = world;
    history->file = file;
    history->audit = audit_new(world);
    history->checker = checker_new(NULL);
}

void history_close(struct sim_history *history)
{
    audit_free(history->audit);
    checker_free(history->checker);
    history->checker = NULL;
    history->audit = NULL;
}

static void write_head(struct sim_history *history, const char *type,
                       const struct sim_operation *operation)
{
    fprintf(history->file,
            "{\"at_us\":%" PRIu64 ",\"type\":\"%s\",\"process\":%u,\"op\":%" PRIu64
            ",\"f\":\"%s\"",
            history->world->now_us, type, operation->client, operation->number,
            sim_operation_name(operation->kind));
}

static void write_question(struct sim_history *history,
                           const struct sim_operation *operation)
{
    FILE *file = history->file;
    fprintf(file,
            ",\"request\":%" PRIu64 ",\"sku\":%u,\"location\":%u,\"quantity\":%" PRId64
            ",\"hold\":\"%016" PRIx64 "-%016" PRIx64 "\",\"ttl_ms\":%" PRId64
            ",\"session\":%s,\"lines\":[",
            operation->request, operation->sku, operation->location, operation->quantity,
            operation->hold.anchor, operation->hold.unique, operation->ttl_ms,
            operation->session ? "true" : "false");
    for (unsigned i = 0; i < operation->line_count; i++) {
        fprintf(file, "%s{\"sku\":%u,\"location\":%u,\"quantity\":%" PRId64 "}",
                i > 0 ? "," : "", operation->lines[i].sku, operation->lines[i].location,
                operation->lines[i].quantity);
    }
    fputs("]}\n", file);
}

static void write_answer(struct sim_history *history, const struct sim_result *result)
{
    FILE *file = history->file;
    fprintf(file,
            ",\"status\":\"%s\",\"replayed\":%s,\"shard\":%" PRIu64 ",\"index\":%" PRIu64,
            status_name(result->status), result->replayed ? "true" : "false",
            result->stamp.shard_id, result->stamp.log_index);
    if (result->has_level) {
        fprintf(file,
                ",\"on_hand\":%" PRId64 ",\"held\":%" PRId64 ",\"committed\":%" PRId64,
                result->buckets[STOCK_BUCKET_ON_HAND], result->buckets[STOCK_BUCKET_HELD],
                result->buckets[STOCK_BUCKET_COMMITTED]);
    }
    if (result->has_hold) {
        fprintf(file,
                ",\"hold\":\"%016" PRIx64 "-%016" PRIx64
                "\",\"state\":%d,\"expire_ms\":%" PRId64,
                result->hold.anchor, result->hold.unique, (int)result->hold_state,
                result->expire_ms);
    }
    fputs("}\n", file);
}

void history_invoke(struct sim_history *history, const struct sim_operation *operation)
{
    if (history->file != NULL) {
        write_head(history, "inv", operation);
        write_question(history, operation);
    }
    audit_invoke(history->audit, operation);
    judge_invoke(history, operation);
}

void history_end(struct sim_history *history, const struct sim_operation *operation,
                 const struct sim_result *result)
{
    if (history->file != NULL) {
        write_head(history,
                   result != NULL                          ? "ok"
                   : sim_operation_writes(operation->kind) ? "info"
                                                           : "fail",
                   operation);
        if (result != NULL) {
            write_answer(history, result);
        } else {
            fputs("}\n", history->file);
        }
    }
    audit_end(history->audit, operation, result);
    judge_end(history, operation, result);
}

void history_fault(struct sim_history *history, const char *what, const char *target,
                   bool begins)
{
    if (history->file != NULL) {
        fprintf(history->file,
                "{\"at_us\":%" PRIu64 ",\"type\":\"nemesis\",\"f\":\"%s\",\"target\":"
                "\"%s\",\"begins\":%s}\n",
                history->world->now_us, what, target, begins ? "true" : "false");
    }
}

void history_ledger(struct sim_history *history,
                    const struct inventory_movement *movements, uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        if (!streamer_row(history->world, &movements[i])) {
            audit_ledger(history->audit, &movements[i], 1);
        }
    }
}

void history_finish(struct sim_history *history)
{
    audit_finish(history->audit);
    judge_finish(history);
}
