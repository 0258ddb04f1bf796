/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every hold ends exactly once and never early.
 *
 * Right because all answers about a hold carry the position (log index, log time) that
 * they stand for, and states only go forward along the log: HELD, COMMITTED, one end. So
 * by index no end may be followed by life or by another end, COMMITTED not by HELD; an
 * expiry may shrink never; EXPIRED needs log time to have reached the expiry, and HELD
 * that it has not (inventory.md: a hold is gone at that very millisecond, and an entry
 * ends what is due). The ledger's rows are held to the same: units leave each bucket as
 * often as they came.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct hold_fact {
    uint64_t index; /* the newest that was told */
    enum history_hold_state state;
    uint64_t shard; /* its home */
    int64_t expire_ms, end_ms;
    enum history_hold_state end; /* 0: not known to have ended */
    uint64_t end_index;          /* the lowest it was seen ended at */
};

struct hold_units {
    int64_t held, committed;
};

struct check_holds {
    struct check_report *report;
    struct check_facts facts; /* hold id -> struct hold_fact */
    struct check_facts units; /* hold id mixed with a level -> struct hold_units */
    uint64_t open;
};

struct check_holds *check_holds_new(struct check_report *report)
{
    struct check_holds *holds = memory_zalloc(sizeof *holds);
    holds->report = report;
    check_facts_init(&holds->facts, sizeof(struct hold_fact), CHECK_HOLDS_MAX,
                     &report->forgotten);
    check_facts_init(&holds->units, sizeof(struct hold_units), CHECK_HOLDS_MAX,
                     &report->forgotten);
    return holds;
}

void check_holds_free(struct check_holds *holds)
{
    check_facts_close(&holds->facts);
    check_facts_close(&holds->units);
    free(holds);
}

uint64_t check_holds_open(const struct check_holds *holds)
{
    return holds->open;
}

static bool hold_ended(enum history_hold_state state)
{
    return state > HISTORY_HOLD_COMMITTED;
}

static void holds_time(struct check_holds *holds, const struct history_call *told)
{
    if (told->hold_state == HISTORY_HOLD_EXPIRED &&
        (told->end_ms < told->expire_ms || told->log_ms < told->expire_ms)) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx expired early: at %ld, log time %ld, due at %ld "
                   "(operation %lu)",
                   told->hold.anchor, told->hold.unique, told->end_ms, told->log_ms,
                   told->expire_ms, told->number);
    }
    if (told->hold_state == HISTORY_HOLD_HELD && told->log_ms >= told->expire_ms &&
        holds->open <= CHECK_EXPIRE_PER_ENTRY) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx is HELD at log time %ld and was due at %ld (operation "
                   "%lu)",
                   told->hold.anchor, told->hold.unique, told->log_ms, told->expire_ms,
                   told->number);
    }
}

/* The asker knew of a time that every clock that counts had passed. */
static void holds_past(struct check_holds *holds, const struct check_call *call)
{
    const struct history_call *told = &call->told;
    if (told->hold_state == HISTORY_HOLD_HELD && call->asked.past_ms != 0 &&
        told->expire_ms <= call->asked.past_ms) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx is HELD %ld ms after it was due (operation %lu)",
                   told->hold.anchor, told->hold.unique,
                   call->asked.past_ms - told->expire_ms, told->number);
    }
}

static void holds_order(struct check_holds *holds, const struct hold_fact *known,
                        const struct history_call *told)
{
    bool backwards = false;
    if (hold_ended(told->hold_state) && known->end != 0 &&
        (known->end != told->hold_state || known->end_ms != told->end_ms)) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx ended twice: state %d at %ld, state %d at %ld",
                   told->hold.anchor, told->hold.unique, (int)known->end, known->end_ms,
                   (int)told->hold_state, told->end_ms);
    }
    if (known->end != 0 && !hold_ended(told->hold_state)) {
        backwards = told->index > known->end_index;
    } else if (told->index > known->index && known->end == 0) {
        backwards = told->hold_state < known->state || told->expire_ms < known->expire_ms;
    } else if (told->index < known->index && known->end == 0) {
        backwards = told->hold_state > known->state || told->expire_ms > known->expire_ms;
    }
    if (backwards) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx is in state %d, due %ld, at index %lu, and in state %d, "
                   "due %ld, at index %lu",
                   told->hold.anchor, told->hold.unique, (int)known->state,
                   known->expire_ms, known->index, (int)told->hold_state, told->expire_ms,
                   told->index);
    }
}

void check_holds_call(struct check_holds *holds, const struct check_call *call)
{
    const struct history_call *told = &call->told;
    struct hold_fact *known;
    bool is_new;
    if (call->open || call->failed || !told->has_hold || told->replayed ||
        told->index == 0) {
        return;
    }
    holds_time(holds, told);
    holds_past(holds, call);
    known = check_facts_put(&holds->facts, told->hold.anchor, told->hold.unique, &is_new);
    known->shard = told->shard;
    if (is_new) {
        holds->open++;
    } else {
        holds_order(holds, known, told);
    }
    if (hold_ended(told->hold_state)) {
        if (known->end == 0) {
            holds->open--;
        }
        if (known->end == 0 || told->index < known->end_index) {
            known->end_index = told->index;
        }
        known->end = told->hold_state;
        known->end_ms = told->end_ms;
    }
    if (told->index >= known->index) {
        known->index = told->index;
        known->state = told->hold_state;
        known->expire_ms = told->expire_ms;
    }
}

enum {
    REASON_HOLD = 10,
    REASON_COMMIT = 11,
    REASON_EXPIRE = 13,
    REASON_FULFIL = 14,
    REASON_CANCEL = 15,
};

/* Whatever ends a hold, or makes it committed, takes all of its units. */
static void holds_whole(struct check_holds *holds, const struct hold_units *units,
                        const struct history_row *row)
{
    int64_t left = row->reason >= REASON_FULFIL ? units->committed
                   : row->reason > REASON_HOLD  ? units->held
                                                : 0;
    if (left > 0) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx keeps %ld units of SKU %u at index %lu, by reason %u",
                   row->hold.anchor, row->hold.unique, left, row->sku, row->index,
                   row->reason);
    }
}

void check_holds_movement(struct check_holds *holds, const struct history_row *row)
{
    const struct hold_fact *known =
        check_facts_find(&holds->facts, row->hold.anchor, row->hold.unique);
    struct hold_units *units;
    bool is_new;
    if (row->reason < REASON_HOLD || row->reason > REASON_CANCEL) {
        return;
    }
    units = check_facts_put(&holds->units, row->hold.anchor,
                            hash_mix(row->hold.unique) + row->sku * 64u + row->location,
                            &is_new);
    units->held += row->after[HISTORY_HELD] - row->before[HISTORY_HELD];
    units->committed += row->after[HISTORY_COMMITTED] - row->before[HISTORY_COMMITTED];
    if (units->held < 0 || units->committed < 0) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx gives back units twice, at index %lu (SKU %u)",
                   row->hold.anchor, row->hold.unique, row->index, row->sku);
        *units = (struct hold_units){0, 0};
    }
    holds_whole(holds, units, row);
    if (known == NULL || known->shard != row->shard) {
        return; /* only the home's log decides, so only its time counts */
    }
    /* Extensions over several shards are not told here. */
    if (row->reason == REASON_COMMIT && known->expire_ms != 0 &&
        row->multi_request == 0 && row->log_ms >= known->expire_ms) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx is committed at %ld, though it was due at %ld",
                   row->hold.anchor, row->hold.unique, row->log_ms, known->expire_ms);
    }
    if (row->reason == REASON_EXPIRE && known->index < row->index &&
        row->log_ms < known->expire_ms) {
        check_fail(holds->report, CHECK_HOLDS,
                   "hold %lx-%lx expired early: at %ld by the ledger, due at %ld",
                   row->hold.anchor, row->hold.unique, row->log_ms, known->expire_ms);
    }
}
