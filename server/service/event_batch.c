/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/event_batch.h"

#include "server/service/check.h"
#include "server/service/intake.h"
#include "server/service/service_private.h"
#include "shard/replica/command.h"

/* One command for the events of a group. */
static enum status event_part_encode(struct event_batch *batch, struct event_part *part,
                                     const struct customer_event *events)
{
    struct customer_event *grouped =
        arena_alloc(batch->arena, part->group.count * sizeof *grouped);
    struct customer_command command = {
        .kind = CUSTOMER_RECORD,
        .record = {.events = grouped, .event_count = part->group.count}};
    if (grouped == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (unsigned i = 0; i < part->group.count; i++) {
        grouped[i] = events[part->group.items[i]];
    }
    return command_encode_customer(&command, batch->arena, &part->command);
}

static enum status event_batch_parts(struct event_batch *batch,
                                     const struct customer_event *events)
{
    const struct shard_map *map = batch->service->map;
    unsigned *shards = arena_alloc(batch->arena, (batch->accepted + 1) * sizeof *shards);
    struct fan_groups groups;
    if (shards == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint32_t i = 0; i < batch->accepted; i++) {
        shards[i] =
            shard_map_find(map, SHARD_MAP_CUSTOMER, customer_hash(events[i].customer));
    }
    TRY(fan_groups_make(batch->arena, shards, batch->accepted,
                        shard_map_count(map, SHARD_MAP_CUSTOMER), &groups));
    batch->parts = arena_zalloc(batch->arena, (groups.count + 1) * sizeof *batch->parts);
    if (batch->parts == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (unsigned p = 0; p < groups.count; p++) {
        struct event_part *part = &batch->parts[p];
        part->batch = batch;
        part->group = groups.groups[p];
        part->call.shard_id =
            shard_map_range(map, SHARD_MAP_CUSTOMER, part->group.shard)->shard_id;
        TRY(event_part_encode(batch, part, events));
    }
    batch->part_count = groups.count;
    return STATUS_OK;
}

enum status event_batch_make(struct event_batch *batch, struct service *service,
                             Souk__V1__Event **events, size_t count, struct arena *arena,
                             struct problem *problem)
{
    int64_t now_ms = service_now().wall_ms;
    struct customer_event *plain;
    enum status status = STATUS_TOO_LARGE;
    *batch = (struct event_batch){.service = service, .arena = arena};
    TRY(check_count("events", count, 1, (size_t)service->settings->event_batch_max,
                    problem));
    batch->count = (uint32_t)count;
    batch->refused = arena_zalloc(arena, count * sizeof *batch->refused);
    batch->places = arena_alloc(arena, count * sizeof *batch->places);
    plain = arena_alloc(arena, count * sizeof *plain);
    if (batch->refused != NULL && batch->places != NULL && plain != NULL) {
        for (uint32_t i = 0; i < batch->count; i++) {
            struct customer_event *event = &plain[batch->accepted];
            if (intake_event(service, events[i], 0, now_ms, event, problem) ==
                STATUS_OK) {
                batch->places[batch->accepted++] = i;
            } else {
                batch->refused[i] = arena_copy(arena, problem, sizeof *problem);
            }
        }
        status = event_batch_parts(batch, plain);
    }
    if (status != STATUS_OK) {
        return problem_set(problem, status, "events",
                           "the events need more memory than one message may take");
    }
    return STATUS_OK;
}

static void event_batch_ended(struct event_batch *batch)
{
    if (atomic_fetch_sub_explicit(&batch->open, 1, memory_order_acq_rel) == 1) {
        batch->finish(batch);
    }
}

static void event_part_done(struct shard_call *call)
{
    event_batch_ended(CONTAINER_OF(call, struct event_part, call)->batch);
}

void event_batch_submit(struct event_batch *batch, uint64_t deadline_us,
                        void (*finish)(struct event_batch *batch))
{
    batch->finish = finish;
    atomic_init(&batch->open, batch->part_count + 1);
    for (unsigned p = 0; p < batch->part_count; p++) {
        struct event_part *part = &batch->parts[p];
        uint64_t shard_id = part->call.shard_id;
        enum status status;
        arena_init(&part->own_arena, NULL, 0, 0);
        shard_call_init_propose(&part->call, shard_id, &part->command, 1, &part->outcome);
        part->call.deadline_us = deadline_us;
        part->call.arena = &part->own_arena;
        part->call.done = event_part_done;
        status = runtime_submit(batch->service->runtime, &part->call);
        if (status != STATUS_OK) {
            part->call.status = status;
            event_batch_ended(batch);
        }
    }
    event_batch_ended(batch);
}

enum status event_batch_status(const struct event_batch *batch)
{
    enum status status = STATUS_OK;
    for (unsigned p = 0; p < batch->part_count; p++) {
        const struct event_part *part = &batch->parts[p];
        enum status ended =
            part->call.status == STATUS_OK ? part->outcome.status : part->call.status;
        if (ended == STATUS_OK) {
            return STATUS_OK;
        }
        status = ended;
    }
    return status;
}

static void event_fail(struct reply *reply, struct event_totals *out, uint32_t place,
                       const struct problem *problem)
{
    Souk__V1__EventFailure *failure = reply_alloc(reply, sizeof *failure);
    if (failure != NULL) {
        souk__v1__event_failure__init(failure);
        failure->index = place;
        failure->status = reply_item_status(reply, problem);
        out->failures[out->failure_count++] = failure;
    }
}

static void event_part_totals(const struct event_batch *batch,
                              const struct event_part *part, struct reply *reply,
                              struct event_totals *out)
{
    const struct customer_outcome *outcome = &part->outcome.customer;
    enum status ended =
        part->call.status == STATUS_OK ? part->outcome.status : part->call.status;
    struct problem problem;
    if (ended == STATUS_OK) {
        out->stored += outcome->stored;
        out->duplicates += outcome->duplicates;
    }
    for (unsigned i = 0; i < part->group.count && !reply->failed; i++) {
        enum status status = ended == STATUS_OK ? outcome->events[i].status : ended;
        if (status != STATUS_OK) {
            problem_set(&problem, status, "", "%s", status_text(status));
            event_fail(reply, out, batch->places[part->group.items[i]], &problem);
        }
    }
}

void event_batch_totals(const struct event_batch *batch, struct reply *reply,
                        struct event_totals *out)
{
    *out = (struct event_totals){0};
    out->failures = reply_alloc(reply, (batch->count + 1) * sizeof *out->failures);
    if (out->failures == NULL) {
        return;
    }
    for (uint32_t i = 0; i < batch->count && !reply->failed; i++) {
        if (batch->refused[i] != NULL) {
            event_fail(reply, out, i, batch->refused[i]);
        }
    }
    for (unsigned p = 0; p < batch->part_count && !reply->failed; p++) {
        event_part_totals(batch, &batch->parts[p], reply, out);
    }
}

void event_batch_close(struct event_batch *batch)
{
    for (unsigned p = 0; p < batch->part_count; p++) {
        arena_close(&batch->parts[p].own_arena);
    }
}
