/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Never oversold, nothing negative, nothing lost, everything once, nothing from nowhere.
 *
 * Right because the ledger holds every change of every bucket: from 0, each row has to
 * start where the one before it ended, and its reason says what it may change; the last
 * ones have to be the levels that every replica has after the world was healed. An
 * acknowledged write has to have its rows, in the entry that was told; a request moves
 * units in one entry only, and only if nobody was told that it was refused.
 */
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

enum {
    REASON_HOLD = 10,
    REASON_COMMIT = 11,
    REASON_RELEASE = 12,
    REASON_EXPIRE = 13,
    REASON_FULFIL = 14,
    REASON_CANCEL = 15,
};

struct ledger_level {
    int64_t buckets[HISTORY_BUCKETS];
    uint64_t index;
    uint32_t sub;
    bool moved;
};

struct check_ledger {
    struct check_report *report;
    struct check_requests *requests;
    struct check_verified *verified;
    struct check_reads *reads_seen;
    struct ledger_level levels[CHECK_SKUS_MAX][CHECK_LOCATIONS_MAX];
    struct history_row *reads; /* LEVEL rows, until all movements are there */
    size_t read_count, read_capacity;
    uint64_t movements;
};

struct check_ledger *check_ledger_new(struct check_report *report,
                                      struct check_requests *requests,
                                      struct check_verified *verified,
                                      struct check_reads *reads)
{
    struct check_ledger *ledger = memory_zalloc(sizeof *ledger);
    ledger->report = report;
    ledger->requests = requests;
    ledger->verified = verified;
    ledger->reads_seen = reads;
    return ledger;
}

void check_ledger_free(struct check_ledger *ledger)
{
    free(ledger->reads);
    free(ledger);
}

static int64_t ledger_available(const int64_t b[HISTORY_BUCKETS])
{
    return b[HISTORY_ON_HAND] - b[HISTORY_HELD] - b[HISTORY_COMMITTED] -
           b[HISTORY_DAMAGED] - b[HISTORY_QUALITY_CONTROL] - b[HISTORY_SAFETY_STOCK];
}

/* May a row of this reason change the buckets by this? */
static bool ledger_reason_fits(uint32_t reason, const int64_t change[HISTORY_BUCKETS])
{
    bool others = false;
    int64_t on_hand = change[HISTORY_ON_HAND];
    int64_t held = change[HISTORY_HELD], committed = change[HISTORY_COMMITTED];
    for (unsigned i = HISTORY_DAMAGED; i < HISTORY_HELD; i++) {
        others = others || change[i] != 0;
    }
    switch (reason) {
    case REASON_HOLD:
        return !others && on_hand == 0 && held > 0 && committed == 0;
    case REASON_COMMIT:
        return !others && on_hand == 0 && held < 0 && committed == -held;
    case REASON_RELEASE:
    case REASON_EXPIRE:
        return !others && on_hand == 0 && held < 0 && committed == 0;
    case REASON_FULFIL:
        return !others && held == 0 && committed < 0 && on_hand == committed;
    case REASON_CANCEL:
        return !others && on_hand == 0 && held == 0 && committed < 0;
    default:
        return held == 0 && committed == 0;
    }
}

/* Does a row do what its request asked for? An id that two payloads were asked with says
 * nothing, as long as no answer tells which was first. */
static bool ledger_does(const struct check_request *request,
                        const struct history_row *row)
{
    static const uint32_t reasons[HISTORY_OPS] = {
        [HISTORY_OP_HOLD_CREATE] = REASON_HOLD,
        [HISTORY_OP_HOLD_COMMIT] = REASON_COMMIT,
        [HISTORY_OP_HOLD_RELEASE] = REASON_RELEASE,
        [HISTORY_OP_HOLD_FULFIL] = REASON_FULFIL,
        [HISTORY_OP_HOLD_CANCEL] = REASON_CANCEL,
    };
    uint32_t bucket = request->bucket;
    if (request->payload == 0) {
        return true;
    } else if (request->op == HISTORY_OP_ADJUST) {
        return row->after[bucket] - row->before[bucket] == request->quantity;
    } else if (request->op == HISTORY_OP_SET) {
        return row->after[bucket] == request->quantity;
    }
    return reasons[request->op] == row->reason;
}

static void ledger_request(struct check_ledger *ledger, const struct history_row *row)
{
    struct check_request *request;
    if (row->request == 0) {
        return;
    }
    request = check_requests_find(ledger->requests, row->request);
    if (request == NULL) {
        if (ledger->report->forgotten == 0) {
            check_fail(ledger->report, CHECK_EXACTLY_ONCE,
                       "units move at index %lu by request %lu, which nobody made",
                       row->index, row->request);
        }
        return;
    }
    if (request->moved_index != 0 && request->moved_index != row->index) {
        check_fail(ledger->report, CHECK_EXACTLY_ONCE,
                   "request %lu moves units at index %lu and again at %lu", row->request,
                   request->moved_index, row->index);
    } else if (request->answered && request->status != STATUS_OK &&
               request->status != STATUS_QUOTA &&
               request->status != STATUS_STOCK_CONTENDED) {
        check_fail(ledger->report, CHECK_EXACTLY_ONCE,
                   "request %lu was refused (%s) and moves units at index %lu",
                   row->request, status_name(request->status), row->index);
    }
    if (!ledger_does(request, row)) {
        check_fail(ledger->report, CHECK_CONSERVATION,
                   "request %lu does something else than it asked for, at index %lu",
                   row->request, row->index);
    }
    request->moved_index = row->index;
}

static void ledger_movement(struct check_ledger *ledger, const struct history_row *row)
{
    struct ledger_level *level = &ledger->levels[row->sku][row->location];
    int64_t change[HISTORY_BUCKETS] = {0};
    int64_t available = 0;
    ledger->movements++;
    check_reads_level(ledger->reads_seen, row->sku, row->location, row->index,
                      level->buckets);
    if (level->moved && (row->index < level->index ||
                         (row->index == level->index && row->sub <= level->sub))) {
        check_fail(ledger->report, CHECK_CONSERVATION,
                   "rows of SKU %u, location %u are out of order at index %lu", row->sku,
                   row->location, row->index);
    }
    if (memcmp(level->buckets, row->before, sizeof level->buckets) != 0) {
        check_fail(
            ledger->report, CHECK_CONSERVATION,
            "SKU %u, location %u: the row at index %lu does not start where the one "
            "at %lu ended",
            row->sku, row->location, row->index, level->index);
    }
    for (unsigned i = 1; i < HISTORY_BUCKETS; i++) {
        change[i] = row->after[i] - row->before[i];
        if (row->after[i] < 0) {
            check_fail(ledger->report, CHECK_OVERSOLD,
                       "SKU %u, location %u: bucket %u is %ld at index %lu", row->sku,
                       row->location, i, row->after[i], row->index);
        }
    }
    if (!ledger_reason_fits(row->reason, change)) {
        check_fail(ledger->report, CHECK_CONSERVATION,
                   "SKU %u, location %u: the row at index %lu changes what its reason %u "
                   "may not",
                   row->sku, row->location, row->index, row->reason);
    }
    if (row->reason == REASON_HOLD &&
        ledger_available(row->after) + row->after[HISTORY_BACKORDER_LIMIT] < 0) {
        check_fail(ledger->report, CHECK_OVERSOLD,
                   "SKU %u, location %u: %ld granted at index %lu with %ld available",
                   row->sku, row->location, change[HISTORY_HELD], row->index,
                   ledger_available(row->before));
    }
    ledger_request(ledger, row);
    memcpy(level->buckets, row->after, sizeof level->buckets);
    level->index = row->index;
    level->sub = row->sub;
    level->moved = true;
    for (unsigned i = 0; i < CHECK_LOCATIONS_MAX; i++) {
        int64_t there = ledger_available(ledger->levels[row->sku][i].buckets);
        available += there > 0 ? there : 0;
    }
    check_verified_stock(ledger->verified, row->sku, row->index, available);
}

void check_ledger_row(struct check_ledger *ledger, const struct history_event *event)
{
    if (event->type == HISTORY_MOVEMENT) {
        ledger_movement(ledger, &event->row);
        return;
    }
    if (ledger->read_count == CHECK_REQUESTS_MAX) {
        ledger->report->forgotten++;
        return;
    }
    memory_reserve((void **)&ledger->reads, &ledger->read_capacity,
                   ledger->read_count + 1, sizeof *ledger->reads);
    ledger->reads[ledger->read_count++] = event->row;
}

static void ledger_levels(struct check_ledger *ledger)
{
    for (size_t i = 0; i < ledger->read_count; i++) {
        const struct history_row *row = &ledger->reads[i];
        const struct ledger_level *level = &ledger->levels[row->sku][row->location];
        for (unsigned j = 1; j < HISTORY_BUCKETS; j++) {
            if (row->after[j] < 0) {
                check_fail(ledger->report, CHECK_OVERSOLD,
                           "SKU %u, location %u: bucket %u is %ld on replica %lu",
                           row->sku, row->location, j, row->after[j], row->replica);
            }
        }
        if (memcmp(level->buckets, row->after, sizeof level->buckets) != 0) {
            check_fail(
                ledger->report, CHECK_CONSERVATION,
                "SKU %u, location %u is not on replica %lu what its movements add up "
                "to (on hand %ld, not %ld)",
                row->sku, row->location, row->replica, row->after[HISTORY_ON_HAND],
                level->buckets[HISTORY_ON_HAND]);
        }
    }
}

void check_ledger_finish(struct check_ledger *ledger)
{
    struct check_request *request = NULL;
    uint64_t name = 0;
    if (ledger->movements == 0) {
        return; /* nobody told the ledger */
    }
    ledger_levels(ledger);
    for (uint32_t i = 0; i < CHECK_SKUS_MAX * CHECK_LOCATIONS_MAX; i++) {
        uint32_t sku = i / CHECK_LOCATIONS_MAX, location = i % CHECK_LOCATIONS_MAX;
        check_reads_level(ledger->reads_seen, sku, location, UINT64_MAX,
                          ledger->levels[sku][location].buckets);
    }
    while ((request = check_requests_next(ledger->requests, request, &name)) != NULL) {
        if (!request->answered || !request->moves) {
            continue;
        }
        if (request->moved_index == 0) {
            check_fail(
                ledger->report, CHECK_LOST,
                "request %lu was acknowledged at index %lu, and the ledger does not "
                "have it",
                name, request->index);
        } else if (request->index != 0 && request->index != request->moved_index) {
            check_fail(ledger->report, CHECK_LOST,
                       "request %lu was acknowledged at index %lu, and the ledger has it "
                       "at %lu",
                       name, request->index, request->moved_index);
        }
    }
}
