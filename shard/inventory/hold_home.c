/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The home of a hold over several shards: only its log decides. The record is the hold's
 * row with a share for each SKU that lies elsewhere.
 *
 *     TENTATIVE -- every share votes --> HELD      (then as any hold, hold_change.c)
 *         +------- one refuses, or it is not decided in time --> ABORTED
 *
 * Each change of the state is a version, and the outbox tells the whole state until every
 * share has acknowledged the newest one. The record goes only then. FULFIL is a round: each
 * share answers the version with FULFILLED or SHORT, and the hold stays COMMITTED until all
 * are FULFILLED. Requests that wait for any of it are remembered with the end.
 */
#include <stdlib.h>

#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    HOME_WAITERS_MAX = 8,
    /* A line that asks about a hold without record is told this: above any version. */
    HOME_MESSAGE_SHORTAGES_MAX = INVENTORY_SHORTAGES_MAX,
};

struct hold_home *hold_home_new(uint32_t share_count)
{
    struct hold_home *home =
        memory_zalloc(sizeof *home + share_count * sizeof home->shares[0]);
    home->share_count = share_count;
    return home;
}

void hold_home_free(struct hold_home *home)
{
    if (home != NULL) {
        free(home->waiters);
        free(home->shortages);
        free(home);
    }
}

static struct hold_share *home_share(const struct hold_row *hold, uint64_t sku_hash)
{
    for (uint32_t i = 0; hold->home != NULL && i < hold->home->share_count; i++) {
        if (hold->home->shares[i].sku_hash == sku_hash) {
            return &hold->home->shares[i];
        }
    }
    return NULL;
}

static struct hold_waiter home_asker(const struct inventory *inventory,
                                     enum inventory_command_kind kind)
{
    const struct inventory_identity *identity = inventory->apply.identity;
    struct hold_waiter waiter = {.kind = kind};
    if (identity != NULL) {
        waiter.request_id = identity->request_id;
        waiter.fingerprint = identity->fingerprint;
        waiter.request_ms = identity->request_ms;
        waiter.attempt = identity->attempt;
    }
    return waiter;
}

static void home_waiter_add(struct hold_home *home, const struct hold_waiter *waiter)
{
    struct hold_waiter *waiters =
        memory_alloc((home->waiter_count + 1) * sizeof *waiters);
    if (home->waiter_count > 0) {
        memcpy(waiters, home->waiters, home->waiter_count * sizeof *waiters);
    }
    waiters[home->waiter_count++] = *waiter;
    free(home->waiters);
    home->waiters = waiters;
}

enum status hold_home_wait(struct inventory *inventory, struct hold_row *hold,
                           enum inventory_command_kind kind)
{
    struct hold_waiter waiter = home_asker(inventory, kind);
    if (hold->home->waiter_count == HOME_WAITERS_MAX) {
        return STATUS_OVERLOADED;
    }
    home_waiter_add(hold->home, &waiter);
    return STATUS_OK;
}

/* --- Beginning --------------------------------------------------------------------------- */

static uint32_t home_count_shares(const struct hold_row *hold,
                                  const struct inventory *inventory, uint64_t *hashes,
                                  uint32_t *first_lines)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < hold->line_count; i++) {
        uint64_t hash;
        uint32_t at = 0;
        if (!hold->lines[i].remote) {
            continue;
        }
        hash = state_hash(inventory, hold->lines[i].sku->node.id);
        hold->lines[i].sku->node.hash = hash;
        while (at < count && hashes[at] != hash) {
            at++;
        }
        if (at == count) {
            hashes[count] = hash;
            first_lines[count++] = i;
        }
    }
    return count;
}

void hold_home_begin(struct inventory *inventory, struct hold_row *hold,
                     int64_t prepare_ms)
{
    uint64_t *hashes = memory_alloc(hold->line_count * sizeof *hashes);
    uint32_t *first_lines = memory_alloc(hold->line_count * sizeof *first_lines);
    uint32_t count = home_count_shares(hold, inventory, hashes, first_lines);
    struct hold_home *home = hold_home_new(count);
    wide due_ms = (wide)inventory->log_ms + prepare_ms;
    home->hold = hold;
    home->version = 1;
    home->ask = home_asker(inventory, INVENTORY_HOLD_CREATE);
    home->due_ms = due_ms < hold->expire_ms ? (int64_t)due_ms : hold->expire_ms;
    hold->due_ms = home->due_ms;
    for (uint32_t i = 0; i < count; i++) {
        home->shares[i].sku_hash = hashes[i];
        home->shares[i].first_line = first_lines[i];
    }
    hold->home = home;
    home_waiter_add(home, &home->ask);
    hold_outbox_put(inventory, hold);
    free(hashes);
    free(first_lines);
}

/* --- Versions ---------------------------------------------------------------------------- */

static bool home_acked(const struct hold_home *home)
{
    for (uint32_t i = 0; i < home->share_count; i++) {
        if (home->shares[i].acked < home->version) {
            return false;
        }
    }
    return true;
}

bool hold_home_settled(const struct hold_row *hold)
{
    return hold->home == NULL ||
           (hold->state != HOLD_STATE_TENTATIVE && home_acked(hold->home));
}

void hold_home_changed(struct inventory *inventory, struct hold_row *hold)
{
    hold->home->version++;
    if (MUTANT(hold_commit_alone) && hold->state == HOLD_STATE_COMMITTED &&
        !hold->home->fulfilling) {
        for (uint32_t i = 0; i < hold->home->share_count; i++) {
            hold->home->shares[i].acked = hold->home->version;
        }
        hold_outbox_drop(inventory, hold);
        return;
    }
    hold_outbox_put(inventory, hold);
    hold_dirty(inventory, hold);
}

/* --- Telling those who wait ----------------------------------------------------------------- */

static void home_remember(struct inventory *inventory, const struct hold_row *hold,
                          const struct hold_waiter *waiter,
                          const struct inventory_outcome *outcome)
{
    struct inventory_identity identity = {
        .anchor = hold->id.anchor,
        .request_id = waiter->request_id,
        .fingerprint = waiter->fingerprint,
        .request_ms = waiter->request_ms,
        .attempt = waiter->attempt,
    };
    const struct request_record *record = requests_find(inventory, identity.request_id);
    struct inventory_command command = {.kind = waiter->kind};
    struct inventory_hold_line *lines = NULL;
    struct buffer result;
    if (record == NULL || record->attempt > waiter->attempt ||
        (MUTANT(refusal_forgotten) && outcome->status != STATUS_OK)) {
        return; /* forgotten since, with its floor above it: it stays unknown */
    }
    if (waiter->kind == INVENTORY_HOLD_CREATE) {
        /* As if no location had been named: all of them are written down. */
        lines = memory_zalloc((hold->line_count + 1) * sizeof *lines);
        command.hold_create.lines = lines;
        command.hold_create.line_count = hold->line_count;
    }
    buffer_init(&result);
    result_encode(&result, &command, outcome);
    requests_remember(inventory, &identity, buffer_slice(&result));
    buffer_close(&result);
    free(lines);
}

/* All who wait are told the same; whoever asked for a Cancel is told what it met. */
static void home_tell(struct inventory *inventory, struct hold_row *hold,
                      const struct inventory_outcome *outcome)
{
    struct hold_home *home = hold->home;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    for (uint32_t i = 0; i < home->waiter_count; i++) {
        struct inventory_outcome told = *outcome;
        if (home->waiters[i].kind == INVENTORY_HOLD_CANCEL) {
            told.status = hold->state == HOLD_STATE_CANCELLED
                              ? STATUS_OK
                              : STATUS_HOLD_ALREADY_FULFILLED;
            told.shortage_count = 0;
            told.shortages_omitted = 0;
        }
        if (hold->state != HOLD_STATE_ABORTED) {
            view_hold(hold, &arena, &told.hold);
            told.has_hold = true;
        }
        home_remember(inventory, hold, &home->waiters[i], &told);
    }
    arena_close(&arena);
    free(home->waiters);
    home->waiters = NULL;
    home->waiter_count = 0;
}

/* --- Deciding --------------------------------------------------------------------------------- */

static void home_undecided_no_more(struct hold_row *hold)
{
    for (uint32_t i = 0; i < hold->line_count; i++) {
        if (!hold->lines[i].remote && hold->lines[i].level != NULL) {
            hold->lines[i].level->tentative -= hold->lines[i].granted;
        }
    }
}

void hold_home_abort(struct inventory *inventory, struct hold_row *hold,
                     const struct inventory_outcome *why)
{
    home_undecided_no_more(hold);
    hold_turn(inventory, hold, HOLD_STATE_ABORTED, STOCK_REASON_RELEASE);
    home_tell(inventory, hold, why);
}

void hold_home_overdue(struct inventory *inventory, struct hold_row *hold)
{
    struct inventory_outcome why = {.status = STATUS_QUORUM_LOST};
    if (hold->expire_ms <= inventory->log_ms) {
        why.status = STATUS_HOLD_EXPIRED;
        why.field = INVENTORY_FIELD_TTL;
    }
    hold_home_abort(inventory, hold, &why);
}

static bool home_due(const struct inventory *inventory, const struct hold_row *hold)
{
    return hold->due.place != 0 && hold->due_ms <= inventory->log_ms;
}

/* Every share has voted for it. */
static void home_hold(struct inventory *inventory, struct hold_row *hold)
{
    struct inventory_outcome outcome = {.status = STATUS_OK, .created = true};
    home_undecided_no_more(hold);
    hold->state = HOLD_STATE_HELD;
    state_hold_due_set(inventory, hold, hold->expire_ms);
    hold_home_changed(inventory, hold);
    home_tell(inventory, hold, &outcome);
}

static void home_place(struct hold_row *hold,
                       const struct inventory_hold_message *message)
{
    for (uint32_t i = 0; i < message->line_count; i++) {
        const struct inventory_message_line *line = &message->lines[i];
        struct hold_line_row *row;
        if (line->place >= hold->line_count || !hold->lines[line->place].remote) {
            continue;
        }
        row = &hold->lines[line->place];
        free((void *)(uintptr_t)row->location.data);
        row->location =
            slice_of(memory_copy(line->location_id.data, line->location_id.size),
                     line->location_id.size);
    }
}

static void home_refusal(const struct inventory_hold_message *message,
                         struct inventory_outcome *out)
{
    *out = (struct inventory_outcome){.status = STATUS_INTERNAL};
    if (message->code <= UINT8_MAX) {
        (void)result_status((uint8_t)message->code, &out->status);
    }
    out->field = message->field <= INVENTORY_FIELD_OTHER
                     ? (enum inventory_field)message->field
                     : INVENTORY_FIELD_NONE;
    out->line = message->line;
    for (uint32_t i = 0; i < message->shortage_count && i < HOME_MESSAGE_SHORTAGES_MAX;
         i++) {
        out->shortages[out->shortage_count++] = message->shortages[i];
    }
}

static void home_vote(struct inventory *inventory, struct hold_row *hold,
                      struct hold_share *share,
                      const struct inventory_hold_message *message)
{
    struct inventory_outcome why;
    uint32_t voted = 0;
    if (hold->state != HOLD_STATE_TENTATIVE || share->voted) {
        return; /* decided, or said before */
    }
    if (home_due(inventory, hold)) {
        hold_home_overdue(inventory, hold);
        return;
    }
    home_refusal(message, &why);
    if (why.status != STATUS_OK) {
        hold_home_abort(inventory, hold, &why);
        return;
    }
    share->voted = true;
    home_place(hold, message);
    for (uint32_t i = 0; i < hold->home->share_count; i++) {
        voted += hold->home->shares[i].voted;
    }
    hold_dirty(inventory, hold);
    if (voted == hold->home->share_count) {
        home_hold(inventory, hold);
    }
}

/* --- FULFIL, CANCEL ------------------------------------------------------------------------------ */

static void home_fulfil(struct inventory *inventory, struct hold_row *hold,
                        struct inventory_outcome *out)
{
    struct hold_home *home = hold->home;
    if (!home->fulfilling && !home->own_fulfilled && !hold_may_fulfil(hold, out)) {
        return; /* told at once: nothing has left */
    }
    out->status = hold_home_wait(inventory, hold, INVENTORY_HOLD_FULFIL);
    if (out->status != STATUS_OK) {
        return;
    }
    out->pending = true;
    if (home->fulfilling) {
        hold_dirty(inventory, hold);
        return;
    }
    home->fulfilling = true;
    home->shortage_count = 0;
    if (!home->own_fulfilled) {
        hold_turn(inventory, hold, HOLD_STATE_COMMITTED, STOCK_REASON_FULFIL);
        home->own_fulfilled = true;
    } else {
        hold_home_changed(inventory, hold);
    }
}

void hold_home_carry_out(struct inventory *inventory, enum inventory_command_kind kind,
                         struct hold_row *hold, struct inventory_outcome *out)
{
    if (kind == INVENTORY_HOLD_FULFIL) {
        home_fulfil(inventory, hold, out);
        return;
    }
    if (!hold->home->fulfilling) {
        hold_turn(inventory, hold, HOLD_STATE_CANCELLED, STOCK_REASON_CANCEL);
        return;
    }
    /* What has left is known when the round is over; Cancel covers the rest. */
    out->status = hold_home_wait(inventory, hold, INVENTORY_HOLD_CANCEL);
    if (out->status == STATUS_OK) {
        hold->home->cancelling = true;
        out->pending = true;
        hold_dirty(inventory, hold);
    }
}

static void home_round_over(struct inventory *inventory, struct hold_row *hold)
{
    struct hold_home *home = hold->home;
    struct inventory_outcome outcome = {.status = STATUS_OK};
    bool all = true;
    for (uint32_t i = 0; i < home->share_count; i++) {
        all = all && home->shares[i].report == HOLD_REPORT_FULFILLED;
    }
    home->fulfilling = false;
    if (all) {
        hold_turn(inventory, hold, HOLD_STATE_FULFILLED, STOCK_REASON_FULFIL);
    } else {
        outcome_refuse(&outcome, STATUS_INSUFFICIENT_STOCK, INVENTORY_FIELD_QUANTITY);
        for (uint32_t i = 0; i < home->shortage_count; i++) {
            outcome.shortages[outcome.shortage_count++] = home->shortages[i];
        }
        outcome.line = outcome.shortage_count > 0 ? outcome.shortages[0].line : 0;
        if (home->cancelling) {
            hold_turn(inventory, hold, HOLD_STATE_CANCELLED, STOCK_REASON_CANCEL);
        }
    }
    home->cancelling = false;
    home_tell(inventory, hold, &outcome);
    hold_dirty(inventory, hold);
}

/* --- Acknowledgements ------------------------------------------------------------------------------ */

/* No share has anything to say any more: an ended hold goes the way of all, an aborted
 * one at once. */
static void home_settle(struct inventory *inventory, struct hold_row *hold)
{
    hold_outbox_drop(inventory, hold);
    if (hold->state == HOLD_STATE_ABORTED) {
        flush_delete_hold(inventory, hold);
        state_hold_forget(inventory, hold);
    } else if (hold->end_ms != 0 && hold->end_sequence == 0) {
        hold->end_sequence = ++inventory->end_sequence;
        list_append(&inventory->ended, &hold->ended);
        inventory->ended_count++;
        hold_dirty(inventory, hold);
    }
}

static void home_shortages(struct hold_home *home,
                           const struct inventory_hold_message *message)
{
    for (uint32_t i = 0;
         i < message->shortage_count && home->shortage_count < INVENTORY_SHORTAGES_MAX;
         i++) {
        struct inventory_shortage *grown =
            memory_alloc((home->shortage_count + 1) * sizeof *grown);
        if (home->shortage_count > 0) {
            memcpy(grown, home->shortages, home->shortage_count * sizeof *grown);
        }
        grown[home->shortage_count++] = message->shortages[i];
        free(home->shortages);
        home->shortages = grown;
    }
}

static void home_ack(struct inventory *inventory, struct hold_row *hold,
                     struct hold_share *share,
                     const struct inventory_hold_message *message)
{
    struct hold_home *home = hold->home;
    if (message->version <= share->acked || message->version > home->version) {
        return;
    }
    share->acked = message->version;
    share->report = (uint8_t)message->report;
    hold_dirty(inventory, hold);
    if (home->fulfilling && share->acked == home->version &&
        message->report == HOLD_REPORT_SHORT) {
        home_shortages(home, message);
    }
    if (!home_acked(home)) {
        return;
    }
    if (home->fulfilling) {
        home_round_over(inventory, hold);
    }
    if (hold_home_settled(hold)) {
        home_settle(inventory, hold);
    }
}

/* --- Questions ---------------------------------------------------------------------------------- */

/* No record means ABORT; a hold that is asked about before it is decided is aborted. */
static void home_question(struct inventory *inventory, struct hold_row *hold,
                          const struct inventory_hold_message *message)
{
    struct inventory_hold_message answer = {.hold_id = message->hold_id,
                                            .sku_hash = message->sku_hash,
                                            .version = UINT64_MAX,
                                            .state = HOLD_STATE_ABORTED};
    if (hold != NULL && hold->state == HOLD_STATE_TENTATIVE) {
        hold_home_overdue(inventory, hold);
    } else if (hold != NULL && home_due(inventory, hold)) {
        hold_expire_named(inventory, hold->id);
    }
    if (hold != NULL) {
        answer.version = hold->home->version;
        answer.state = hold->state;
        answer.expire_ms = hold->expire_ms;
        answer.fulfil = hold->home->fulfilling;
    }
    hold_mail_put(inventory, INVENTORY_HOLD_STATE, message->sku_hash, &answer);
}

void hold_home_take(struct inventory *inventory, enum inventory_command_kind kind,
                    const struct inventory_hold_message *message,
                    struct inventory_outcome *out)
{
    struct hold_row *hold = NULL;
    struct hold_share *share = NULL;
    if (!state_owns(inventory, message->hold_id.anchor)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_HOLD_ID);
        return;
    }
    hold = state_hold_find(inventory, message->hold_id);
    share = hold != NULL ? home_share(hold, message->sku_hash) : NULL;
    if (kind == INVENTORY_HOLD_QUESTION) {
        home_question(inventory, share != NULL ? hold : NULL, message);
    } else if (share == NULL) {
        out->status = STATUS_NOT_FOUND; /* late: the record is gone */
    } else if (kind == INVENTORY_HOLD_VOTE) {
        home_vote(inventory, hold, share, message);
    } else {
        home_ack(inventory, hold, share, message);
    }
}
