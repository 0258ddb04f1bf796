/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/sim/audit.h"

#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/audit_private.h"

enum {
    /* A new leader judges by log time alone until a quorum has told its clocks, and log
     * time moves at half pace while nobody leads. */
    EXPIRY_SLACK_MS = 3000,
};

struct sim_audit *audit_new(struct sim_world *world)
{
    struct sim_audit *audit = memory_zalloc(sizeof *audit);
    audit->world = world;
    return audit;
}

void audit_free(struct sim_audit *audit)
{
    if (audit == NULL) {
        return;
    }
    for (unsigned i = 0; i < AUDIT_LEVELS; i++) {
        free(audit->by_level[i]);
    }
    free(audit->by_request);
    free(audit->by_hold);
    free(audit->records);
    free(audit->movements);
    free(audit);
}

void audit_invoke(struct sim_audit *audit, const struct sim_operation *operation)
{
    const struct sim_world *world = audit->world;
    memcpy(audit->floors[operation->client], audit->heard, sizeof audit->heard);
    int64_t least_ms = INT64_MAX;
    for (unsigned i = 0; i < world->node_count; i++) {
        int64_t wall_ms = node_now(&world->nodes[i]).wall_ms;
        least_ms = wall_ms < least_ms ? wall_ms : least_ms;
    }
    audit->wall_ms[operation->client] = least_ms;
}

static struct audit_record *audit_add(struct sim_audit *audit,
                                      const struct sim_operation *operation)
{
    void *records = audit->records;
    memory_reserve(&records, &audit->record_capacity, audit->record_count + 1,
                   sizeof *audit->records);
    audit->records = records;
    struct audit_record *record = &audit->records[audit->record_count++];
    memset(record, 0, sizeof *record);
    record->operation = *operation;
    record->request = world_request_id(operation->request);
    return record;
}

static void audit_recent(struct sim_audit *audit, struct audit_record *record)
{
    const struct sim_operation *operation = &record->operation;
    struct sim_world *world = audit->world;
    unsigned place = world_shard(world, record->shard_id);
    record->floor = audit->floors[operation->client][place];
    uint64_t least = operation->session ? operation->token : record->floor;
    if (sim_operation_writes(operation->kind)) {
        least++; /* an entry of its own, behind all that was told before */
    }
    if (record->log_index < least) {
        world_violation(world, "recency",
                        "%s %llu answered at index %llu of shard %llu, %llu was told",
                        sim_operation_name(operation->kind),
                        (unsigned long long)operation->number,
                        (unsigned long long)record->log_index,
                        (unsigned long long)record->shard_id, (unsigned long long)least);
    }
    if (record->log_index > audit->heard[place]) {
        audit->heard[place] = record->log_index;
    }
}

static bool audit_same_hold(struct inventory_hold_id a, struct inventory_hold_id b)
{
    return a.anchor == b.anchor && a.unique == b.unique;
}

static void audit_again(struct sim_audit *audit, const struct audit_record *record,
                        const struct sim_client *client)
{
    const struct sim_operation *operation = &record->operation;
    const struct sim_result *first = &client->answered;
    if (operation->reused && record->status != STATUS_REQUEST_ID_REUSED) {
        world_violation(
            audit->world, "exactly_once", "request %llu with another payload ended %s",
            (unsigned long long)operation->request, status_name(record->status));
    }
    if (operation->repeated &&
        (record->status != first->status ||
         (record->status == STATUS_OK && operation->kind == SIM_HOLD_CREATE &&
          !audit_same_hold(record->hold, first->hold)))) {
        world_violation(audit->world, "exactly_once",
                        "request %llu was answered %s, and again %s",
                        (unsigned long long)operation->request,
                        status_name(first->status), status_name(record->status));
    }
}

static void audit_expiry(struct sim_audit *audit, const struct audit_record *record)
{
    int64_t slack_ms = audit->world->node_count > 1 ? EXPIRY_SLACK_MS : 0;
    if (record->operation.kind == SIM_HOLD && record->has_hold &&
        record->hold_state == HOLD_STATE_HELD &&
        record->expire_ms + slack_ms <= audit->wall_ms[record->operation.client]) {
        world_violation(
            audit->world, "expiry", "hold %llx is HELD though it expired %lld ms before",
            (unsigned long long)record->hold.unique,
            (long long)(audit->wall_ms[record->operation.client] - record->expire_ms));
    }
}

void audit_end(struct sim_audit *audit, const struct sim_operation *operation,
               const struct sim_result *result)
{
    struct audit_record *record = audit_add(audit, operation);
    if (result == NULL) {
        record->unknown = true;
        return;
    }
    record->status = result->status;
    record->replayed = result->replayed;
    record->shard_id = result->stamp.shard_id;
    record->log_index = result->stamp.log_index;
    record->has_level = result->has_level;
    record->on_hand = result->buckets[STOCK_BUCKET_ON_HAND];
    record->held = result->buckets[STOCK_BUCKET_HELD];
    record->committed = result->buckets[STOCK_BUCKET_COMMITTED];
    record->has_hold = result->has_hold;
    record->hold = result->hold;
    record->hold_state = result->hold_state;
    record->expire_ms = result->expire_ms;
    memcpy(record->granted, result->granted, sizeof record->granted);
    record->item_count = result->item_count;
    memcpy(record->items, result->items, sizeof record->items);
    if (operation->kind != SIM_RECOMMEND && !sim_operation_spans(operation->kind)) {
        audit_recent(audit, record);
    }
    audit_again(audit, record, &audit->world->clients[operation->client]);
    audit_expiry(audit, record);
}

/* Names are a letter and a number. */
static unsigned name_number(struct slice name)
{
    unsigned number = 0;
    for (size_t i = 1; i < name.size; i++) {
        number = number * 10 + (unsigned)(name.data[i] - '0');
    }
    return number;
}

void audit_ledger(struct sim_audit *audit, const struct inventory_movement *movements,
                  uint32_t count)
{
    for (uint32_t i = 0; i < count; i++) {
        const struct inventory_movement *from = &movements[i];
        void *array = audit->movements;
        memory_reserve(&array, &audit->movement_capacity, audit->movement_count + 1,
                       sizeof *audit->movements);
        audit->movements = array;
        struct audit_movement *to = &audit->movements[audit->movement_count++];
        *to = (struct audit_movement){
            .level = name_number(from->sku_id) * SIM_LOCATIONS_MAX +
                     name_number(from->location_id),
            .reason = from->reason,
            .hold = from->hold_id,
            .request = {.high = from->request_high, .low = from->request_low},
            .log_ms = from->log_ms,
            .shard_id = from->position.shard_id,
            .index = from->position.index,
            .sub = from->position.sub,
        };
        memcpy(to->before, from->before, sizeof to->before);
        memcpy(to->after, from->after, sizeof to->after);
    }
}
