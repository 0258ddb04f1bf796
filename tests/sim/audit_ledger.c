/* SPDX-License-Identifier: Apache-2.0 */
/* The end of a world: everything told against everything in the ledger. */
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"
#include "tests/sim/audit_private.h"
#include "tests/sim/judge.h"

/* --- Order ----------------------------------------------------------------------------- */

static int compare_u64(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static int compare_position(const void *a, const void *b)
{
    const struct audit_movement *left = *(struct audit_movement *const *)a;
    const struct audit_movement *right = *(struct audit_movement *const *)b;
    int order = compare_u64(left->index, right->index);
    return order != 0 ? order : compare_u64(left->sub, right->sub);
}

static int compare_hold(const void *a, const void *b)
{
    const struct audit_movement *left = *(struct audit_movement *const *)a;
    const struct audit_movement *right = *(struct audit_movement *const *)b;
    int order = compare_u64(left->hold.anchor, right->hold.anchor);
    order = order != 0 ? order : compare_u64(left->hold.unique, right->hold.unique);
    order = order != 0 ? order : compare_u64(left->level, right->level);
    return order != 0 ? order : compare_position(a, b);
}

static int compare_hash(struct hash128 a, struct hash128 b)
{
    int order = compare_u64(a.high, b.high);
    return order != 0 ? order : compare_u64(a.low, b.low);
}

static int compare_request(const void *a, const void *b)
{
    const struct audit_record *left = *(struct audit_record *const *)a;
    const struct audit_record *right = *(struct audit_record *const *)b;
    int order = compare_hash(left->request, right->request);
    return order != 0 ? order
                      : compare_u64(left->operation.number, right->operation.number);
}

static struct inventory_hold_id record_hold(const struct audit_record *record)
{
    return record->operation.kind == SIM_HOLD_EXTEND ? record->operation.hold
                                                     : record->hold;
}

static int compare_record_hold(const void *a, const void *b)
{
    struct inventory_hold_id left = record_hold(*(struct audit_record *const *)a);
    struct inventory_hold_id right = record_hold(*(struct audit_record *const *)b);
    int order = compare_u64(left.anchor, right.anchor);
    return order != 0 ? order : compare_u64(left.unique, right.unique);
}

static void audit_sort_holds(struct sim_audit *audit)
{
    audit->by_hold =
        memory_zalloc((audit->record_count + 1) * sizeof(struct audit_record *));
    for (size_t i = 0; i < audit->record_count; i++) {
        struct audit_record *record = &audit->records[i];
        enum sim_operation_kind kind = record->operation.kind;
        if (kind == SIM_HOLD_EXTEND || (kind == SIM_HOLD_CREATE && record->has_hold)) {
            audit->by_hold[audit->hold_count++] = record;
        }
    }
    qsort(audit->by_hold, audit->hold_count, sizeof(struct audit_record *),
          compare_record_hold);
}

static void audit_sort_levels(struct sim_audit *audit)
{
    size_t counts[AUDIT_LEVELS] = {0};
    for (size_t i = 0; i < audit->movement_count; i++) {
        counts[audit->movements[i].level % AUDIT_LEVELS]++;
    }
    for (unsigned level = 0; level < AUDIT_LEVELS; level++) {
        audit->by_level[level] =
            memory_zalloc((counts[level] + 1) * sizeof(struct audit_movement *));
    }
    for (size_t i = 0; i < audit->movement_count; i++) {
        struct audit_movement *movement = &audit->movements[i];
        if (movement->level >= AUDIT_LEVELS) {
            world_violation(audit->world, "ledger", "a movement of an unknown level");
            return;
        }
        audit->by_level[movement->level][audit->level_counts[movement->level]++] =
            movement;
    }
    for (unsigned level = 0; level < AUDIT_LEVELS; level++) {
        qsort(audit->by_level[level], audit->level_counts[level],
              sizeof(struct audit_movement *), compare_position);
    }
}

static void audit_sort(struct sim_audit *audit)
{
    audit_sort_levels(audit);
    audit_sort_holds(audit);
    audit->by_request =
        memory_zalloc((audit->record_count + 1) * sizeof(struct audit_record *));
    for (size_t i = 0; i < audit->record_count; i++) {
        struct audit_record *record = &audit->records[i];
        if (record->operation.request != 0 && !record->operation.reused &&
            record->operation.kind != SIM_EVENT) {
            audit->by_request[audit->write_count++] = record;
        }
    }
    qsort(audit->by_request, audit->write_count, sizeof(struct audit_record *),
          compare_request);
}

/* --- Chains ---------------------------------------------------------------------------- */

static void audit_chain(struct sim_audit *audit, unsigned level)
{
    static const int64_t nothing[STOCK_BUCKET_COUNT];
    const int64_t *before = nothing;
    for (size_t i = 0; i < audit->level_counts[level]; i++) {
        const struct audit_movement *movement = audit->by_level[level][i];
        const int64_t *after = movement->after;
        unsigned long long index = movement->index;
        if (memcmp(movement->before, before, sizeof movement->before) != 0) {
            world_violation(audit->world, "ledger",
                            "level %u, index %llu: does not follow what was before",
                            level, index);
        }
        for (unsigned bucket = 1; bucket < STOCK_BUCKET_COUNT; bucket++) {
            if (after[bucket] < 0) {
                world_violation(audit->world, "oversold",
                                "level %u, index %llu: bucket %u is %lld", level, index,
                                bucket, (long long)after[bucket]);
            }
        }
        if (movement->reason == STOCK_REASON_HOLD &&
            after[STOCK_BUCKET_HELD] + after[STOCK_BUCKET_COMMITTED] >
                after[STOCK_BUCKET_ON_HAND]) {
            world_violation(audit->world, "oversold",
                            "level %u, index %llu: held %lld and committed %lld of %lld",
                            level, index, (long long)after[STOCK_BUCKET_HELD],
                            (long long)after[STOCK_BUCKET_COMMITTED],
                            (long long)after[STOCK_BUCKET_ON_HAND]);
        }
        before = after;
    }
}

/* The state of a level as of a log index; NULL: nothing had happened. */
static const struct audit_movement *level_at(const struct sim_audit *audit,
                                             unsigned level, uint64_t index)
{
    size_t low = 0, high = audit->level_counts[level];
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (audit->by_level[level][middle]->index <= index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low > 0 ? audit->by_level[level][low - 1] : NULL;
}

static void audit_read(struct sim_audit *audit, const struct audit_record *record)
{
    unsigned level =
        record->operation.sku * SIM_LOCATIONS_MAX + record->operation.location;
    const struct audit_movement *then = level_at(audit, level, record->log_index);
    int64_t on_hand = then ? then->after[STOCK_BUCKET_ON_HAND] : 0;
    int64_t held = then ? then->after[STOCK_BUCKET_HELD] : 0;
    int64_t committed = then ? then->after[STOCK_BUCKET_COMMITTED] : 0;
    if (record->on_hand != on_hand || record->held != held ||
        record->committed != committed) {
        world_violation(audit->world, "reads",
                        "level %u at index %llu read %lld/%lld/%lld, the ledger has "
                        "%lld/%lld/%lld",
                        level, (unsigned long long)record->log_index,
                        (long long)record->on_hand, (long long)record->held,
                        (long long)record->committed, (long long)on_hand, (long long)held,
                        (long long)committed);
    }
}

static void audit_items(struct sim_audit *audit, const struct audit_record *record)
{
    for (unsigned i = 0; i < record->item_count; i++) {
        const struct sim_item *item = &record->items[i];
        int64_t best = 0;
        for (unsigned location = 0; location < SIM_LOCATIONS_MAX; location++) {
            const struct audit_movement *then = level_at(
                audit, item->sku * SIM_LOCATIONS_MAX + location, item->log_index);
            int64_t available = then == NULL ? 0
                                             : then->after[STOCK_BUCKET_ON_HAND] -
                                                   then->after[STOCK_BUCKET_HELD] -
                                                   then->after[STOCK_BUCKET_COMMITTED];
            best = available > best ? available : best;
        }
        if (best < 1) {
            world_violation(audit->world, "verified",
                            "SKU %u was recommended at index %llu, where none was "
                            "available",
                            item->sku, (unsigned long long)item->log_index);
        }
    }
}

/* --- Writes ---------------------------------------------------------------------------- */

static enum stock_reason reason_of(enum sim_operation_kind kind)
{
    static const enum stock_reason reasons[SIM_OPERATION_KINDS] = {
        [SIM_HOLD_CREATE] = STOCK_REASON_HOLD,
        [SIM_HOLD_COMMIT] = STOCK_REASON_COMMIT,
        [SIM_HOLD_RELEASE] = STOCK_REASON_RELEASE,
        [SIM_HOLD_FULFIL] = STOCK_REASON_FULFIL,
        [SIM_HOLD_CANCEL] = STOCK_REASON_CANCEL,
        [SIM_SET] = STOCK_REASON_COUNT,
    };
    return reasons[kind];
}

/* What the ledger may and must have of one write. */
static void write_bounds(const struct audit_record *record, size_t *least, size_t *most)
{
    const struct sim_operation *operation = &record->operation;
    *least = 0;
    *most = operation->line_count > 0 ? operation->line_count : 1;
    if (operation->kind == SIM_SKU || operation->kind == SIM_LOCATION ||
        operation->kind == SIM_HOLD_EXTEND) {
        *most = 0;
    } else if (record->unknown) {
        return;
    } else if (record->status != STATUS_OK) {
        *most = 0;
    } else if (operation->kind == SIM_ADJUST) {
        *least = 1;
    } else if (operation->kind == SIM_HOLD_CREATE) {
        for (unsigned i = 0; i < operation->line_count; i++) {
            *least += record->granted[i] > 0;
        }
    }
}

static void audit_delta(struct sim_audit *audit, const struct audit_record *record,
                        const struct audit_movement *movement)
{
    const struct sim_operation *operation = &record->operation;
    enum stock_reason reason = reason_of(operation->kind);
    int64_t moved =
        movement->after[STOCK_BUCKET_ON_HAND] - movement->before[STOCK_BUCKET_ON_HAND];
    bool right = reason == STOCK_REASON_UNSPECIFIED || movement->reason == reason;
    if (operation->kind == SIM_ADJUST) {
        right = moved == operation->quantity;
    } else if (operation->kind == SIM_SET) {
        right = right && movement->after[STOCK_BUCKET_ON_HAND] == operation->quantity;
    } else if (operation->kind == SIM_HOLD_CREATE && !record->unknown) {
        int64_t held =
            movement->after[STOCK_BUCKET_HELD] - movement->before[STOCK_BUCKET_HELD];
        bool line = false;
        for (unsigned i = 0; i < operation->line_count; i++) {
            line = line || held == record->granted[i];
        }
        right = right && line && held > 0;
    }
    if (!right) {
        world_violation(audit->world, "ledger", "%s %llu moved something else",
                        sim_operation_name(operation->kind),
                        (unsigned long long)operation->request);
    }
    if (!record->unknown && !operation->repeated &&
        (record->replayed
             ? movement->index > record->log_index || movement->index <= record->floor
             : movement->index != record->log_index)) {
        world_violation(
            audit->world, "lost",
            "%s %llu was told done at index %llu, the ledger has it at %llu",
            sim_operation_name(operation->kind), (unsigned long long)operation->request,
            (unsigned long long)record->log_index, (unsigned long long)movement->index);
    }
}

static int compare_movement_request(const void *a, const void *b)
{
    const struct audit_movement *left = *(struct audit_movement *const *)a;
    const struct audit_movement *right = *(struct audit_movement *const *)b;
    int order = compare_hash(left->request, right->request);
    return order != 0 ? order : compare_position(a, b);
}

static void audit_count(struct sim_audit *audit, const struct audit_record *record,
                        size_t count)
{
    size_t least, most;
    write_bounds(record, &least, &most);
    if (count < least || count > most) {
        world_violation(audit->world, count < least ? "lost" : "exactly_once",
                        "%s %llu (%s) has %zu movements, not %zu to %zu",
                        sim_operation_name(record->operation.kind),
                        (unsigned long long)record->operation.request,
                        record->unknown ? "unknown" : status_name(record->status), count,
                        least, most);
    }
}

/* Both in the order of request ids, side by side. */
static void audit_writes(struct sim_audit *audit, struct audit_movement **movements)
{
    size_t at = 0;
    while (at < audit->movement_count &&
           (movements[at]->request.high | movements[at]->request.low) == 0) {
        at++; /* the shard's own */
    }
    for (size_t i = 0; i < audit->write_count;) {
        const struct audit_record *record = audit->by_request[i++];
        while (i < audit->write_count &&
               compare_hash(audit->by_request[i]->request, record->request) == 0) {
            i++; /* asked again later */
        }
        size_t count = 0;
        while (at < audit->movement_count &&
               compare_hash(movements[at]->request, record->request) < 0) {
            world_violation(audit->world, "exactly_once",
                            "the ledger has a request that nobody made");
            at++;
        }
        bool spans = sim_operation_spans(record->operation.kind);
        while (at < audit->movement_count &&
               compare_hash(movements[at]->request, record->request) == 0) {
            if (!spans) { /* else judged by check/check_multi_holds.c */
                audit_delta(audit, record, movements[at]);
            }
            at++;
            count++;
        }
        if (!spans) {
            audit_count(audit, record, count);
        }
    }
}

/* --- Holds ----------------------------------------------------------------------------- */

static bool reason_ends(enum stock_reason reason)
{
    return reason == STOCK_REASON_RELEASE || reason == STOCK_REASON_EXPIRE ||
           reason == STOCK_REASON_FULFIL || reason == STOCK_REASON_CANCEL;
}

/* The first creation or extension of a hold. */
static size_t hold_first(const struct sim_audit *audit, struct inventory_hold_id hold)
{
    struct audit_record sought = {.operation = {.kind = SIM_HOLD_CREATE}, .hold = hold};
    struct audit_record *pointer = &sought;
    size_t low = 0, high = audit->hold_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_record_hold(&audit->by_hold[middle], &pointer) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* When the hold ends by itself, as told in answers up to an index; false: an extension of
 * unknown place makes it anybody's guess, or nobody heard of the hold. */
static bool hold_expires(const struct sim_audit *audit, struct inventory_hold_id hold,
                         uint64_t index, int64_t *out_ms)
{
    bool known = false;
    for (size_t i = hold_first(audit, hold); i < audit->hold_count; i++) {
        const struct audit_record *record = audit->by_hold[i];
        struct inventory_hold_id other = record_hold(record);
        bool extends = record->operation.kind == SIM_HOLD_EXTEND;
        if (other.anchor != hold.anchor || other.unique != hold.unique) {
            break;
        }
        if (extends && (record->unknown || record->replayed)) {
            return false;
        }
        if (!record->unknown && record->status == STATUS_OK && record->has_hold &&
            (!extends || record->log_index < index)) {
            *out_ms = known && *out_ms > record->expire_ms ? *out_ms : record->expire_ms;
            known = true;
        }
    }
    return known;
}

/* Does a movement of a hold move exactly its units between the buckets? */
static bool hold_moves(const struct audit_movement *movement, int64_t units)
{
    int64_t moved[STOCK_BUCKET_COUNT];
    bool of_held = movement->reason == STOCK_REASON_RELEASE ||
                   movement->reason == STOCK_REASON_EXPIRE ||
                   movement->reason == STOCK_REASON_COMMIT;
    int64_t committed = movement->reason == STOCK_REASON_COMMIT ? units
                        : of_held                               ? 0
                                                                : -units;
    for (unsigned bucket = 0; bucket < STOCK_BUCKET_COUNT; bucket++) {
        moved[bucket] = movement->after[bucket] - movement->before[bucket];
    }
    return moved[STOCK_BUCKET_HELD] == (of_held ? -units : 0) &&
           moved[STOCK_BUCKET_COMMITTED] == committed &&
           moved[STOCK_BUCKET_ON_HAND] ==
               (movement->reason == STOCK_REASON_FULFIL ? -units : 0);
}

/* Has a line of the hold moved on a shard that is not its home? */
static bool hold_spans(const struct sim_audit *audit,
                       struct audit_movement *const *movements, size_t count)
{
    const struct shard_map *map = &audit->world->map;
    unsigned place = shard_map_find(map, SHARD_MAP_SKU, movements[0]->hold.anchor);
    for (size_t i = 0; i < count; i++) {
        if (movements[i]->shard_id !=
            shard_map_range(map, SHARD_MAP_SKU, place)->shard_id) {
            return true;
        }
    }
    return false;
}

static void audit_hold(struct sim_audit *audit, struct audit_movement **movements,
                       size_t count)
{
    bool ended = false;
    bool committed = false;
    for (size_t i = 0; i < count; i++) {
        const struct audit_movement *movement = movements[i];
        bool first = movement->reason == STOCK_REASON_HOLD;
        int64_t expire_ms = 0;
        if (first != (i == 0) || ended ||
            (movement->reason == STOCK_REASON_COMMIT && committed)) {
            world_violation(audit->world, "holds",
                            "hold %llx, index %llu: movement %zu is of reason %d%s",
                            (unsigned long long)movement->hold.unique,
                            (unsigned long long)movement->index, i, (int)movement->reason,
                            ended ? " after its end" : "");
        }
        int64_t units = movements[0]->after[STOCK_BUCKET_HELD] -
                        movements[0]->before[STOCK_BUCKET_HELD];
        if (i > 0 && !hold_moves(movement, units)) {
            world_violation(audit->world, "holds",
                            "hold %llx, index %llu: not its %lld units are moved",
                            (unsigned long long)movement->hold.unique,
                            (unsigned long long)movement->index, (long long)units);
        }
        ended = ended || reason_ends(movement->reason);
        committed = committed || movement->reason == STOCK_REASON_COMMIT;
        bool expires = movement->reason == STOCK_REASON_EXPIRE;
        bool commits = movement->reason == STOCK_REASON_COMMIT;
        if ((expires || commits) &&
            hold_expires(audit, movement->hold, movement->index, &expire_ms) &&
            (movement->log_ms < expire_ms) == expires) {
            world_violation(audit->world, "holds",
                            "hold %llx %s at %lld, its time was %lld",
                            (unsigned long long)movement->hold.unique,
                            expires ? "expired" : "was committed",
                            (long long)movement->log_ms, (long long)expire_ms);
        }
    }
}

static bool same_hold(const struct audit_movement *a, const struct audit_movement *b)
{
    return a->hold.anchor == b->hold.anchor && a->hold.unique == b->hold.unique;
}

static void audit_holds(struct sim_audit *audit, struct audit_movement **movements)
{
    for (size_t i = 0; i < audit->movement_count;) {
        size_t end = i + 1, all = i + 1;
        while (all < audit->movement_count && same_hold(movements[all], movements[i])) {
            all++;
        }
        if ((movements[i]->hold.anchor | movements[i]->hold.unique) != 0 &&
            hold_spans(audit, movements + i, all - i)) {
            i = all; /* judged by check/check_multi_holds.c */
            continue;
        }
        while (end < audit->movement_count &&
               movements[end]->hold.anchor == movements[i]->hold.anchor &&
               movements[end]->hold.unique == movements[i]->hold.unique &&
               movements[end]->level == movements[i]->level) {
            end++;
        }
        if ((movements[i]->hold.anchor | movements[i]->hold.unique) != 0) {
            audit_hold(audit, movements + i, end - i);
        }
        i = end;
    }
}

/* The number behind a request id's hash; 0: the shard's own, or nobody's. */
static uint64_t request_number(const struct sim_audit *audit, struct hash128 request,
                               bool spans)
{
    size_t low = 0, high = audit->write_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (compare_hash(audit->by_request[middle]->request, request) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    bool found = low < audit->write_count &&
                 compare_hash(audit->by_request[low]->request, request) == 0;
    found = found && sim_operation_spans(audit->by_request[low]->operation.kind) == spans;
    return found ? audit->by_request[low]->operation.request : 0;
}

/* The same rows for the other checkers, each level's in order. */
static void audit_tell_level(struct sim_audit *audit, unsigned level)
{
    for (size_t i = 0; i < audit->level_counts[level]; i++) {
        const struct audit_movement *movement = audit->by_level[level][i];
        struct history_row row = {
            .shard = movement->shard_id,
            .index = movement->index,
            .sub = movement->sub,
            .sku = level / SIM_LOCATIONS_MAX,
            .location = level % SIM_LOCATIONS_MAX,
            .reason = (uint32_t)movement->reason,
            .request = request_number(audit, movement->request, false),
            .multi_request = request_number(audit, movement->request, true),
            .hold = {movement->hold.anchor, movement->hold.unique},
            .log_ms = movement->log_ms,
        };
        memcpy(row.before, movement->before, sizeof row.before);
        memcpy(row.after, movement->after, sizeof row.after);
        judge_movement(&audit->world->history, &row);
    }
}

void audit_finish(struct sim_audit *audit)
{
    audit_sort(audit);
    for (unsigned level = 0; level < AUDIT_LEVELS; level++) {
        audit_tell_level(audit, level);
    }
    for (unsigned level = 0; level < AUDIT_LEVELS; level++) {
        audit_chain(audit, level);
    }
    struct audit_movement **movements =
        memory_zalloc((audit->movement_count + 1) * sizeof *movements);
    for (size_t i = 0; i < audit->movement_count; i++) {
        movements[i] = &audit->movements[i];
    }
    qsort(movements, audit->movement_count, sizeof *movements, compare_movement_request);
    audit_writes(audit, movements);
    qsort(movements, audit->movement_count, sizeof *movements, compare_hold);
    audit_holds(audit, movements);
    free(movements);
    for (size_t i = 0; i < audit->record_count; i++) {
        const struct audit_record *record = &audit->records[i];
        if (record->operation.kind == SIM_LEVEL && record->has_level) {
            audit_read(audit, record);
        } else if (record->operation.kind == SIM_RECOMMEND && !record->unknown) {
            audit_items(audit, record);
        }
    }
}
