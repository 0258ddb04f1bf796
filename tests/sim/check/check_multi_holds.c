/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Holds over several shards: all or nothing, everywhere, once.
 *
 * Right because the ledgers of all shards name the hold that moved units, and a hold has
 * one fate. So no line of it may have been sold while another went back to the shelf; a
 * line is taken at most once, sold at most once and ended at most once; what a client was
 * told done, and applied everywhere, has its rows at every line; what was refused, and any
 * attempt but the one that was told, gives everything back and sells nothing; and when
 * nothing is under way any more, no line holds units that the others do not. Time decides
 * nothing here: shards have their own.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

enum {
    REASON_HOLD = 10,
    REASON_COMMIT = 11,
    REASON_RELEASE = 12,
    REASON_EXPIRE = 13,
    REASON_FULFIL = 14,
    REASON_CANCEL = 15,
    MULTI_LEVELS_MAX = HISTORY_LINES_MAX,
    MULTI_LATE_MS = 20000, /* a hold that ends while its ledgers are read, one by one */
};

struct multi_level {
    uint32_t sku, location;
    uint64_t shard;
    int64_t taken; /* units of its HOLD */
    uint32_t holds, commits, releases, expiries, fulfilments, cancels;
    int64_t end_ms;
};

struct multi_hold {
    struct multi_level levels[MULTI_LEVELS_MAX];
    uint32_t level_count;
    uint64_t request; /* that took its units at home; 0: not told */
    bool too_many;
};

struct multi_request {
    bool answered;
    enum status status;
    struct history_hold_id hold;
    uint64_t payload;
};

/* A call that was told done. */
struct multi_told {
    enum history_op op;
    struct history_hold_id hold;
    uint64_t number;
    struct history_hold_line lines[HISTORY_LINES_MAX];
    uint32_t line_count;
};

struct check_multi {
    struct check_report *report;
    struct check_facts holds;    /* hold id -> struct multi_hold */
    struct check_facts requests; /* (0, request) -> struct multi_request */
    struct multi_told *told;
    size_t told_count, told_capacity;
    int64_t newest_ms; /* of any row */
};

struct check_multi *check_multi_new(struct check_report *report)
{
    struct check_multi *multi = memory_zalloc(sizeof *multi);
    multi->report = report;
    check_facts_init(&multi->holds, sizeof(struct multi_hold), CHECK_HOLDS_MAX,
                     &report->forgotten);
    check_facts_init(&multi->requests, sizeof(struct multi_request), CHECK_REQUESTS_MAX,
                     &report->forgotten);
    return multi;
}

void check_multi_free(struct check_multi *multi)
{
    check_facts_close(&multi->holds);
    check_facts_close(&multi->requests);
    free(multi->told);
    free(multi);
}

/* --- What clients are told ------------------------------------------------------------- */

static bool multi_same(struct history_hold_id a, struct history_hold_id b)
{
    return a.anchor == b.anchor && a.unique == b.unique;
}

static void multi_once(struct check_multi *multi, const struct check_call *call)
{
    const struct history_call *told = &call->told;
    struct multi_request *known;
    bool is_new;
    if (told->status == STATUS_REQUEST_ID_EXPIRED) {
        return;
    }
    known = check_facts_put(&multi->requests, 0, call->asked.request, &is_new);
    if (!known->answered) {
        known->answered = true;
        known->status = told->status;
        known->hold = told->has_hold ? told->hold : (struct history_hold_id){0, 0};
        known->payload = check_payload(&call->asked);
    } else if (known->payload == check_payload(&call->asked) &&
               (known->status != told->status ||
                (told->status == STATUS_OK && !multi_same(known->hold, told->hold)))) {
        check_fail(multi->report, CHECK_EXACTLY_ONCE,
                   "request %lu is answered once %s and then %s, or with another hold "
                   "(operation %lu)",
                   told->request, status_name(known->status), status_name(told->status),
                   told->number);
    }
}

void check_multi_call(struct check_multi *multi, const struct check_call *call)
{
    struct multi_told *told;
    if (call->open || call->failed) {
        return;
    }
    multi_once(multi, call);
    if (call->told.status != STATUS_OK) {
        return;
    }
    memory_reserve((void **)&multi->told, &multi->told_capacity, multi->told_count + 1,
                   sizeof *multi->told);
    told = &multi->told[multi->told_count++];
    *told = (struct multi_told){.op = call->asked.op,
                                .hold = call->told.hold,
                                .number = call->told.number,
                                .line_count = call->asked.line_count};
    for (uint32_t i = 0; i < told->line_count; i++) {
        told->lines[i] = call->asked.lines[i];
    }
}

/* --- What the ledgers say ----------------------------------------------------------------- */

static struct multi_level *multi_level_of(struct multi_hold *hold,
                                          const struct history_row *row)
{
    for (uint32_t i = 0; i < hold->level_count; i++) {
        if (hold->levels[i].sku == row->sku &&
            hold->levels[i].location == row->location) {
            return &hold->levels[i];
        }
    }
    if (hold->level_count == MULTI_LEVELS_MAX) {
        hold->too_many = true;
        return NULL;
    }
    hold->levels[hold->level_count] = (struct multi_level){
        .sku = row->sku, .location = row->location, .shard = row->shard};
    return &hold->levels[hold->level_count++];
}

void check_multi_movement(struct check_multi *multi, const struct history_row *row)
{
    struct multi_hold *hold;
    struct multi_level *level;
    bool is_new;
    multi->newest_ms = row->log_ms > multi->newest_ms ? row->log_ms : multi->newest_ms;
    if (row->reason < REASON_HOLD || row->reason > REASON_CANCEL) {
        return;
    }
    hold = check_facts_put(&multi->holds, row->hold.anchor, row->hold.unique, &is_new);
    level = multi_level_of(hold, row);
    if (level == NULL) {
        return;
    }
    hold->request = row->reason == REASON_HOLD && row->multi_request != 0
                        ? row->multi_request
                        : hold->request;
    level->taken += row->reason == REASON_HOLD
                        ? row->after[HISTORY_HELD] - row->before[HISTORY_HELD]
                        : 0;
    level->holds += row->reason == REASON_HOLD;
    level->commits += row->reason == REASON_COMMIT;
    level->releases += row->reason == REASON_RELEASE;
    level->expiries += row->reason == REASON_EXPIRE;
    level->fulfilments += row->reason == REASON_FULFIL;
    level->cancels += row->reason == REASON_CANCEL;
    level->end_ms = row->reason > REASON_COMMIT ? row->log_ms : level->end_ms;
}

static uint32_t level_ends(const struct multi_level *level)
{
    return level->releases + level->expiries + level->fulfilments + level->cancels;
}

static bool multi_spans(const struct multi_hold *hold)
{
    for (uint32_t i = 1; i < hold->level_count; i++) {
        if (hold->levels[i].shard != hold->levels[0].shard) {
            return true;
        }
    }
    return false;
}

/* --- At the end --------------------------------------------------------------------------- */

static void multi_fail(struct check_multi *multi, const struct multi_hold *hold,
                       const char *what)
{
    const struct check_fact *fact = check_fact_of(hold);
    check_fail(multi->report, CHECK_MULTI, "hold %lx-%lx: %s", fact->high, fact->low,
               what);
}

/* Each line alone. */
static void multi_lines(struct check_multi *multi, const struct multi_hold *hold)
{
    for (uint32_t i = 0; i < hold->level_count; i++) {
        const struct multi_level *level = &hold->levels[i];
        if (level->holds != 1 || level->commits > 1 || level_ends(level) > 1) {
            multi_fail(multi, hold,
                       "a line is taken, sold or ended twice, or never taken");
        }
        if ((level->fulfilments + level->cancels > 0) != (level_ends(level) > 0) &&
            level->commits > 0) {
            multi_fail(multi, hold, "a line that was sold goes back as if it were not");
        }
        if (level->commits == 0 && level->fulfilments + level->cancels > 0) {
            multi_fail(multi, hold, "a line leaves that was not sold");
        }
    }
}

/* All lines have one fate, however far each shard has come with it. */
static void multi_fates(struct check_multi *multi, const struct multi_hold *hold)
{
    bool sold = false, back = false, released = false, expired = false;
    bool open = false, ended_early = false;
    for (uint32_t i = 0; i < hold->level_count; i++) {
        const struct multi_level *level = &hold->levels[i];
        sold = sold || level->commits > 0;
        back = back || level->releases + level->expiries > 0;
        released = released || level->releases > 0;
        expired = expired || level->expiries > 0;
        open = open || (level->commits == 0 && level_ends(level) == 0);
        ended_early = ended_early || (level_ends(level) > 0 &&
                                      multi->newest_ms - level->end_ms > MULTI_LATE_MS);
    }
    if (sold && back) {
        multi_fail(multi, hold, "one line was sold, another went back");
    }
    if (released && expired) {
        multi_fail(multi, hold, "one line was released, another expired");
    }
    if (open && (sold || ended_early)) {
        multi_fail(multi, hold, "a line still waits for what the others have done");
    }
}

/* A request has one hold at most; all its other attempts gave everything back. */
static void multi_attempts(struct check_multi *multi, const struct multi_hold *hold)
{
    const struct multi_request *request =
        hold->request != 0 ? check_facts_find(&multi->requests, 0, hold->request) : NULL;
    const struct check_fact *fact = check_fact_of(hold);
    struct history_hold_id id = {fact->high, fact->low};
    bool alone = true;
    if (request == NULL || !request->answered ||
        (request->status == STATUS_OK && multi_same(request->hold, id))) {
        return;
    }
    for (uint32_t i = 0; i < hold->level_count; i++) {
        alone = alone && hold->levels[i].releases == hold->levels[i].holds;
    }
    if (!alone) {
        multi_fail(multi, hold, "its request was refused, or told another hold");
    }
}

/* Whoever was told so has its rows at every line; 0 where the reason does not matter. */
static void multi_told_rows(struct check_multi *multi, const struct multi_told *told)
{
    const struct multi_hold *hold =
        check_facts_find(&multi->holds, told->hold.anchor, told->hold.unique);
    for (uint32_t i = 0; i < told->line_count; i++) {
        const struct multi_level *level = NULL;
        bool done = true;
        for (uint32_t k = 0; hold != NULL && k < hold->level_count; k++) {
            if (hold->levels[k].sku == told->lines[i].sku &&
                hold->levels[k].location == told->lines[i].location) {
                level = &hold->levels[k];
            }
        }
        if (level == NULL) {
            done = false;
        } else if (told->op == HISTORY_OP_MULTI_CREATE) {
            done = level->taken == told->lines[i].quantity;
        } else if (told->op == HISTORY_OP_MULTI_COMMIT) {
            done = level->commits == 1;
        } else if (told->op == HISTORY_OP_MULTI_RELEASE) {
            done = level->releases == 1;
        } else if (told->op == HISTORY_OP_MULTI_FULFIL) {
            done = level->fulfilments == 1;
        } else if (told->op == HISTORY_OP_MULTI_CANCEL) {
            done = level->cancels + level->fulfilments == 1;
        }
        if (!done) {
            check_fail(multi->report, CHECK_MULTI,
                       "hold %lx-%lx: operation %lu was told done, and SKU %u has no row "
                       "of it",
                       told->hold.anchor, told->hold.unique, told->number,
                       told->lines[i].sku);
        }
    }
}

void check_multi_finish(struct check_multi *multi)
{
    struct multi_hold *hold = NULL;
    if (multi->newest_ms == 0 || multi->report->forgotten > 0) {
        return; /* nobody told the ledger, or not all of it is known any more */
    }
    while ((hold = check_facts_next(&multi->holds, hold)) != NULL) {
        bool one_shard = !multi_spans(hold) && hold->request == 0;
        if (one_shard || hold->too_many) {
            continue;
        }
        multi_lines(multi, hold);
        multi_fates(multi, hold);
        multi_attempts(multi, hold);
    }
    for (size_t i = 0; i < multi->told_count; i++) {
        multi_told_rows(multi, &multi->told[i]);
    }
}
