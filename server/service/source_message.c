/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/source_message.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/service/check.h"
#include "server/service/refusal.h"
#include "server/service/service_private.h"
#include "shard/base/assert.h"
#include "shard/replica/command.h"

/* --- One update ------------------------------------------------------------------------ */

static enum status source_take_change(const Souk__V1__StockUpdate *update,
                                      struct inventory_source_item *out,
                                      struct problem *problem)
{
    switch (update->change_case) {
    case SOUK__V1__STOCK_UPDATE__CHANGE_QUANTITY:
        if (update->quantity < 0) {
            return problem_set(problem, STATUS_INVALID, "quantity",
                               "quantity: not below 0");
        }
        out->absolute = true;
        out->quantity = update->quantity;
        return STATUS_OK;
    case SOUK__V1__STOCK_UPDATE__CHANGE_DELTA:
        if (update->delta == 0 || update->delta == INT64_MIN) {
            return problem_set(problem, STATUS_INVALID, "delta",
                               "delta: what came (above 0) or went (below 0)");
        }
        out->quantity = update->delta;
        return STATUS_OK;
    case SOUK__V1__STOCK_UPDATE__CHANGE__NOT_SET:
        break;
    }
    return problem_set(problem, STATUS_INVALID, "change",
                       "change: give the new quantity, or a delta");
}

static enum status source_take_update(const Souk__V1__StockUpdate *update,
                                      struct inventory_source_item *out,
                                      struct problem *problem)
{
    TRY(check_id("sku_id", update->sku_id, &out->sku_id, problem));
    TRY(check_id("location_id", update->location_id, &out->location_id, problem));
    TRY(check_text("reference", update->reference, INVENTORY_REFERENCE_BYTES_MAX,
                   &out->reference, problem));
    TRY(source_take_change(update, out, problem));
    if ((unsigned)update->reason >= STOCK_REASON_HOLD) {
        return problem_set(problem, STATUS_INVALID, "reason",
                           "reason: this one is written by the server alone");
    }
    if (update->occurred_time != NULL) {
        TRY(check_time("occurred_time", update->occurred_time, &out->occurred_ms,
                       problem));
        if (out->occurred_ms > service_now().wall_ms + SOURCE_AHEAD_MS) {
            return problem_set(
                problem, STATUS_INVALID, "occurred_time",
                "occurred_time: more than 10 minutes ahead of the server's "
                "clock");
        }
    }
    out->bucket =
        update->bucket == 0 ? STOCK_BUCKET_ON_HAND : (enum stock_bucket)update->bucket;
    out->reason = (enum stock_reason)update->reason;
    return STATUS_OK;
}

/* --- A message into commands ----------------------------------------------------------- */

struct source_cut {
    struct source_intake *intake;
    struct source_message *message;
    struct arena *arena;
    struct inventory_source_item *items;
    unsigned *shards;
    uint32_t count;
};

static void source_cut_update(struct source_cut *cut, const Souk__V1__StockUpdate *update,
                              uint64_t sequence)
{
    const struct shard_map *map = cut->intake->service->map;
    struct inventory_source_item *item = &cut->items[cut->count];
    struct problem problem;
    struct slice key = slice_from_string(update->sku_id);
    *item = (struct inventory_source_item){.quantity = 0};
    if (source_take_update(update, item, &problem) != STATUS_OK) {
        *item = (struct inventory_source_item){.quantity = 0}; /* without ids: refused */
        key.size = key.size < INVENTORY_ID_BYTES_MAX ? key.size : INVENTORY_ID_BYTES_MAX;
    }
    item->sequence = sequence;
    cut->shards[cut->count++] =
        shard_map_find(map, SHARD_MAP_SKU, key_hash(key, map->hash_seed));
}

static enum status source_cut_piece(struct source_cut *cut, const struct fan_group *group,
                                    struct source_piece *piece)
{
    struct source_intake *intake = cut->intake;
    const struct service *service = intake->service;
    const struct shard_range *range =
        shard_map_range(service->map, SHARD_MAP_SKU, group->shard);
    struct inventory_source_item *items =
        arena_alloc(cut->arena, group->count * sizeof *items);
    struct inventory_command command = {
        .kind = INVENTORY_SOURCE_UPDATE,
        .source_update = {.source = intake->source,
                          .range = {range->start, range->end},
                          .prev = intake->chains[group->shard],
                          .through =
                              atomic_load_explicit(&intake->logged, memory_order_relaxed),
                          .on_missing = intake->on_missing,
                          .stop = intake->stop,
                          .attributes_max = (uint32_t)service->settings->attributes_max,
                          .items = items,
                          .item_count = group->count}};
    if (items == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (unsigned i = 0; i < group->count; i++) {
        items[i] = cut->items[group->items[i]];
    }
    intake->chains[group->shard] = items[group->count - 1].sequence;
    piece->message = cut->message;
    piece->part.shard = group->shard;
    piece->call.shard_id = range->shard_id;
    arena_init(&piece->arena, NULL, 0, 0);
    return command_encode_sku(&command, cut->arena, &piece->command);
}

static enum status source_cut_pieces(struct source_cut *cut)
{
    struct source_message *message = cut->message;
    struct source_part **parts;
    struct fan_groups groups;
    TRY(fan_groups_make(cut->arena, cut->shards, cut->count,
                        shard_map_count(cut->intake->service->map, SHARD_MAP_SKU),
                        &groups));
    message->pieces =
        arena_zalloc(cut->arena, (groups.count + 1) * sizeof *message->pieces);
    parts = arena_alloc(cut->arena, (groups.count + 1) * sizeof(struct source_part *));
    if (message->pieces == NULL || parts == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (unsigned p = 0; p < groups.count; p++) {
        TRY(source_cut_piece(cut, &groups.groups[p], &message->pieces[p]));
        parts[p] = &message->pieces[p].part;
        message->batch.part_count = p + 1;
    }
    message->batch.parts = parts;
    return STATUS_OK;
}

static enum status source_check_sequence(const struct source_intake *intake,
                                         const Souk__V1__StockUpdateBatch *updates,
                                         struct problem *problem)
{
    uint64_t first = updates->first_sequence;
    if (first > intake->next) {
        return problem_set(
            problem, STATUS_SEQUENCE_GAP, "batch.first_sequence",
            "batch.first_sequence: %llu comes where %llu is expected; go on "
            "from there",
            (unsigned long long)first, (unsigned long long)intake->next);
    }
    if (first == 0 || updates->n_updates > INT64_MAX - first) {
        return problem_set(problem, STATUS_INVALID, "batch.first_sequence",
                           "batch.first_sequence: from 1, and below 2^63 to the last");
    }
    return STATUS_OK;
}

enum status source_message_take(struct source_intake *intake,
                                struct source_message *message,
                                const Souk__V1__StockUpdateBatch *updates,
                                struct problem *problem)
{
    struct source_cut cut = {
        .intake = intake, .message = message, .arena = rpc_taken_arena(message->taken)};
    uint64_t end;
    TRY(check_count("batch.updates", updates->n_updates, 1,
                    (size_t)intake->service->settings->batch_max_items, problem));
    TRY(source_check_sequence(intake, updates, problem));
    end = updates->first_sequence + updates->n_updates;
    message->updates = updates;
    message->batch.first = updates->first_sequence;
    message->batch.last = end - 1;
    cut.items = arena_alloc(cut.arena, updates->n_updates * sizeof *cut.items);
    cut.shards = arena_alloc(cut.arena, updates->n_updates * sizeof *cut.shards);
    if (cut.items != NULL && cut.shards != NULL) {
        for (size_t i = 0; i < updates->n_updates; i++) {
            if (updates->first_sequence + i < intake->next) {
                message->batch.duplicates++;
            } else {
                source_cut_update(&cut, updates->updates[i], updates->first_sequence + i);
            }
        }
        intake->next = end > intake->next ? end : intake->next;
        if (source_cut_pieces(&cut) == STATUS_OK) {
            return STATUS_OK;
        }
    }
    return problem_set(problem, STATUS_TOO_LARGE, "batch.updates", "%s",
                       status_text(STATUS_TOO_LARGE));
}

/* --- Asking, and what came back -------------------------------------------------------- */

void source_piece_ready(struct source_piece *piece)
{
    uint64_t shard_id = piece->call.shard_id;
    arena_reset(&piece->arena);
    shard_call_init_propose(&piece->call, shard_id, &piece->command, 1, &piece->outcome);
    piece->call.arena = &piece->arena;
}

void source_piece_answer(const struct source_piece *piece, struct source_answer *out)
{
    const struct inventory_source_outcome *told = &piece->outcome.inventory.source;
    *out = (struct source_answer){.status = piece->call.status};
    if (out->status != STATUS_OK) {
        return;
    }
    out->status = piece->outcome.status;
    out->applied = told->applied;
    out->duplicates = told->duplicates;
    out->superseded = told->superseded;
    out->skipped = told->skipped;
    out->failures = told->failure_count;
    if (told->stopped) {
        ASSERT(told->failure_count > 0);
        out->stopped_at = told->failures[told->failure_count - 1].sequence;
    }
}

void source_message_free(struct source_message *message)
{
    for (unsigned p = 0; p < message->batch.part_count; p++) {
        arena_close(&message->pieces[p].arena);
    }
    rpc_taken_free(message->taken);
}

/* --- The acknowledgement --------------------------------------------------------------- */

static void source_failure_problem(const Souk__V1__StockUpdate *update,
                                   const struct inventory_source_failure *failure,
                                   struct problem *out)
{
    struct inventory_outcome outcome = {.status = failure->status,
                                        .field = failure->field};
    const struct refusal_names names = {.prefix = "",
                                        .sku_id = slice_from_string(update->sku_id),
                                        .location_id =
                                            slice_from_string(update->location_id)};
    struct inventory_source_item item = {.quantity = 0};
    if (failure->status == STATUS_INVALID &&
        source_take_update(update, &item, out) != STATUS_OK) {
        return;
    }
    if (failure->status == STATUS_INSUFFICIENT_STOCK && !failure->repeated) {
        outcome.shortage_count = 1;
        outcome.shortages[0].requested = failure->requested;
        outcome.shortages[0].available = failure->available;
    }
    refusal_of_outcome(&outcome, &names, out);
    if (outcome.shortage_count > 0) {
        snprintf(out->field, sizeof out->field, "quantity"); /* an update has no lines */
    }
}

static int source_by_sequence(const void *a, const void *b)
{
    const struct inventory_source_failure *const *x = a, *const *y = b;
    return ((*x)->sequence > (*y)->sequence) - ((*x)->sequence < (*y)->sequence);
}

/* Those of all pieces, in order; NULL past the arena's limit. */
static const struct inventory_source_failure **
source_failures(const struct source_message *message, struct reply *reply,
                size_t *out_count)
{
    const struct inventory_source_failure **failures =
        reply_alloc(reply, (message->batch.failures + 1) *
                               sizeof(const struct inventory_source_failure *));
    *out_count = 0;
    for (unsigned p = 0; failures != NULL && p < message->batch.part_count; p++) {
        const struct source_piece *piece = &message->pieces[p];
        const struct inventory_source_outcome *told = &piece->outcome.inventory.source;
        if (piece->call.status != STATUS_OK || piece->outcome.status != STATUS_OK) {
            continue; /* never decided: behind an update that stopped the stream */
        }
        for (uint32_t i = 0; i < told->failure_count; i++) {
            ASSERT(*out_count < message->batch.failures);
            failures[(*out_count)++] = &told->failures[i];
        }
    }
    if (*out_count > 1) {
        qsort(failures, *out_count, sizeof *failures, source_by_sequence);
    }
    return failures;
}

static void source_ack_failure(struct reply *reply, Souk__V1__StockStreamAck *ack,
                               uint64_t sequence, const struct problem *problem)
{
    Souk__V1__StockUpdateFailure *out = reply_alloc(reply, sizeof *out);
    if (out != NULL) {
        souk__v1__stock_update_failure__init(out);
        out->sequence = sequence;
        out->status = reply_item_status(reply, problem);
        ack->failures[ack->n_failures++] = out;
    }
}

void source_message_ack(const struct source_message *message, uint64_t up_to,
                        struct reply *reply, Souk__V1__StockStreamAck *ack,
                        struct problem *out_last)
{
    const struct inventory_source_failure **failures;
    Souk__V1__StockUpdateFailure **all;
    size_t count;
    ack->applied += message->batch.applied;
    ack->duplicates += message->batch.duplicates;
    ack->superseded += message->batch.superseded;
    ack->skipped += message->batch.skipped;
    if (message->batch.failures == 0) {
        return;
    }
    failures = source_failures(message, reply, &count);
    all = reply_alloc(reply, (ack->n_failures + count + 1) * sizeof *all);
    if (failures == NULL || all == NULL) {
        return;
    }
    if (ack->n_failures > 0) {
        memcpy(all, ack->failures, ack->n_failures * sizeof *all);
    }
    ack->failures = all;
    for (size_t i = 0; i < count && failures[i]->sequence <= up_to; i++) {
        size_t place = failures[i]->sequence - message->updates->first_sequence;
        source_failure_problem(message->updates->updates[place], failures[i], out_last);
        source_ack_failure(reply, ack, failures[i]->sequence, out_last);
    }
}
