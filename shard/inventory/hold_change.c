/* SPDX-License-Identifier: Apache-2.0 */
/* What happens to a hold after it was made: by a caller, or by time. */
#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    HOLD_FORGET_PER_ENTRY_MAX = 4096,
};

/*
 * What each call answers in each state; OK where the state allows it or the call was done
 * before (then nothing happens and the answer is the same again).
 */
static enum status hold_verdict(enum inventory_command_kind kind, enum hold_state state)
{
    switch (state) {
    case HOLD_STATE_HELD:
        return kind == INVENTORY_HOLD_FULFIL || kind == INVENTORY_HOLD_CANCEL
                   ? STATUS_HOLD_NOT_COMMITTED
                   : STATUS_OK;
    case HOLD_STATE_COMMITTED:
        return kind == INVENTORY_HOLD_EXTEND || kind == INVENTORY_HOLD_RELEASE
                   ? STATUS_HOLD_ALREADY_COMMITTED
                   : STATUS_OK;
    case HOLD_STATE_FULFILLED:
        return kind == INVENTORY_HOLD_FULFIL ? STATUS_OK : STATUS_HOLD_ALREADY_FULFILLED;
    case HOLD_STATE_RELEASED:
        return kind == INVENTORY_HOLD_RELEASE ? STATUS_OK : STATUS_HOLD_ALREADY_RELEASED;
    case HOLD_STATE_CANCELLED:
        return kind == INVENTORY_HOLD_CANCEL ? STATUS_OK : STATUS_HOLD_ALREADY_CANCELLED;
    case HOLD_STATE_EXPIRED:
        return STATUS_HOLD_EXPIRED;
    case HOLD_STATE_UNSPECIFIED:
    case HOLD_STATE_TENTATIVE:
    case HOLD_STATE_ABORTED:
        break;
    }
    return STATUS_INTERNAL;
}

/* The state that a call leads to; a hold already there has been there before. */
static enum hold_state hold_target(enum inventory_command_kind kind)
{
    if (kind == INVENTORY_HOLD_COMMIT) {
        return HOLD_STATE_COMMITTED;
    }
    if (kind == INVENTORY_HOLD_RELEASE) {
        return HOLD_STATE_RELEASED;
    }
    if (kind == INVENTORY_HOLD_FULFIL) {
        return HOLD_STATE_FULFILLED;
    }
    return kind == INVENTORY_HOLD_CANCEL ? HOLD_STATE_CANCELLED : HOLD_STATE_HELD;
}

/* Never below 0, whatever an old log or a planted fault has done to the bucket. */
static void hold_take(int64_t *bucket, int64_t quantity)
{
    *bucket = *bucket > quantity ? *bucket - quantity : 0;
}

void hold_move(struct inventory *inventory, const struct hold_moved *moved,
               enum stock_reason reason)
{
    const struct level_change change = {
        .reason = reason, .reference = moved->reference, .hold_id = moved->id};
    int64_t quantity = moved->quantity;
    int64_t buckets[STOCK_BUCKET_COUNT];
    memcpy(buckets, moved->level->buckets, sizeof buckets);
    if (reason == STOCK_REASON_HOLD) {
        buckets[STOCK_BUCKET_HELD] += quantity;
    } else if (reason == STOCK_REASON_COMMIT) {
        hold_take(&buckets[STOCK_BUCKET_HELD], quantity);
        buckets[STOCK_BUCKET_COMMITTED] =
            level_clip((wide)buckets[STOCK_BUCKET_COMMITTED] + quantity);
    } else if (reason == STOCK_REASON_FULFIL) {
        hold_take(&buckets[STOCK_BUCKET_COMMITTED], quantity);
        hold_take(&buckets[STOCK_BUCKET_ON_HAND], quantity);
    } else if (reason == STOCK_REASON_CANCEL) {
        hold_take(&buckets[STOCK_BUCKET_COMMITTED], quantity);
    } else {
        bool twice = MUTANT(hold_freed_twice) && reason == STOCK_REASON_RELEASE;
        hold_take(&buckets[STOCK_BUCKET_HELD], twice ? 2 * quantity : quantity);
    }
    level_write(inventory, moved->level, buckets, &change);
}

void hold_dirty(struct inventory *inventory, struct hold_row *hold)
{
    size_t shares = hold->home != NULL ? hold->home->share_count : 0;
    state_dirty(inventory, &inventory->dirty_holds, &hold->dirty,
                96 + (size_t)hold->line_count * 32 + shares * 16);
}

static void hold_move_lines(struct inventory *inventory, struct hold_row *hold,
                            enum stock_reason reason)
{
    if (hold->home != NULL && hold->home->own_fulfilled) {
        return; /* they have left */
    }
    for (uint32_t i = 0; i < hold->line_count; i++) {
        const struct hold_line_row *line = &hold->lines[i];
        if (line->level != NULL && line->granted > 0 && !line->remote) {
            hold_move(inventory,
                      &(struct hold_moved){.id = hold->id,
                                           .reference = hold->reference,
                                           .level = line->level,
                                           .quantity = line->granted},
                      reason);
        }
    }
}

void hold_turn(struct inventory *inventory, struct hold_row *hold, enum hold_state state,
               enum stock_reason reason)
{
    if (hold->state == HOLD_STATE_HELD || hold->state == HOLD_STATE_TENTATIVE) {
        state_hold_undue(inventory, hold);
    }
    hold->state = state;
    hold_move_lines(inventory, hold, reason);
    if (state != HOLD_STATE_COMMITTED) {
        hold->end_ms = inventory->log_ms;
        inventory->holds_open--;
        hold->owner->open_count--;
        if (hold->home == NULL) { /* else once all shards have applied it */
            hold->end_sequence = ++inventory->end_sequence;
            list_append(&inventory->ended, &hold->ended);
            inventory->ended_count++;
        }
    }
    if (hold->home != NULL) {
        hold_home_changed(inventory, hold);
    }
    hold_dirty(inventory, hold);
}

/* --- Time ------------------------------------------------------------------------------------ */

static bool hold_due(const struct inventory *inventory, const struct hold_row *hold)
{
    return (hold->state == HOLD_STATE_HELD || hold->state == HOLD_STATE_TENTATIVE) &&
           hold->due_ms <= inventory->log_ms && !MUTANT(no_expiry);
}

static void hold_expire(struct inventory *inventory, struct hold_row *hold)
{
    struct hash128 request_id = inventory->apply.request_id;
    inventory->apply.request_id = (struct hash128){0, 0}; /* the shard's own doing */
    if (hold->state == HOLD_STATE_TENTATIVE) {
        hold_home_overdue(inventory, hold);
    } else {
        hold_turn(inventory, hold, HOLD_STATE_EXPIRED, STOCK_REASON_EXPIRE);
        inventory->holds_expired++;
    }
    inventory->apply.request_id = request_id;
}

void hold_expire_sku(struct inventory *inventory, struct sku_row *sku)
{
    while (sku->due != NULL) {
        struct hold_row *hold =
            CONTAINER_OF(heap_peek(sku->due), struct hold_line_row, due)->hold;
        if (!hold_due(inventory, hold)) {
            return;
        }
        hold_expire(inventory, hold);
    }
}

void hold_expire_due(struct inventory *inventory, uint32_t count_max)
{
    struct heap_node *node;
    while (count_max-- > 0 && (node = heap_peek(&inventory->due)) != NULL) {
        struct hold_row *hold = CONTAINER_OF(node, struct hold_row, due);
        if (!hold_due(inventory, hold)) {
            return;
        }
        hold_expire(inventory, hold);
    }
}

void hold_expire_named(struct inventory *inventory, struct inventory_hold_id id)
{
    struct hold_row *hold = state_hold_find(inventory, id);
    if (hold != NULL && hold_due(inventory, hold)) {
        hold_expire(inventory, hold);
    }
}

void hold_forget_old(struct inventory *inventory)
{
    for (int i = 0; i < HOLD_FORGET_PER_ENTRY_MAX && !list_empty(&inventory->ended);
         i++) {
        struct hold_row *hold = LIST_ENTRY(inventory->ended.next, struct hold_row, ended);
        if (inventory->ended_count <= INVENTORY_ENDED_KEEP_MAX &&
            inventory->log_ms - hold->end_ms < INVENTORY_ENDED_KEEP_MS) {
            return;
        }
        flush_delete_hold(inventory, hold);
        state_hold_forget(inventory, hold);
    }
}

/* --- Callers ---------------------------------------------------------------------------------- */

static void hold_extend(struct inventory *inventory, struct hold_row *hold,
                        const struct inventory_hold_change *command,
                        struct inventory_outcome *out)
{
    wide latest = (wide)hold->create_ms + command->life_max_ms;
    wide expire_ms = command->ttl_kind == HOLD_TTL_TIME
                         ? command->expire_ms
                         : (wide)inventory->log_ms + command->ttl_ms;
    if (expire_ms <= inventory->log_ms) {
        outcome_refuse(out, STATUS_INVALID, INVENTORY_FIELD_TTL);
        return;
    }
    if (expire_ms > latest && hold->expire_ms >= latest) {
        outcome_refuse(out, STATUS_QUANTITY_LIMIT, INVENTORY_FIELD_TTL);
        return;
    }
    expire_ms = expire_ms < latest ? expire_ms : latest;
    if (expire_ms <= hold->expire_ms || expire_ms > INT64_MAX) {
        return;
    }
    hold->expire_ms = (int64_t)expire_ms;
    state_hold_due_set(inventory, hold, hold->expire_ms);
    if (hold->home != NULL) {
        hold_home_changed(inventory, hold);
    }
    hold_dirty(inventory, hold);
}

/* Lines of one level are summed before the check. */
bool hold_may_fulfil(struct hold_row *hold, struct inventory_outcome *out)
{
    for (uint32_t i = 0; i < hold->line_count; i++) {
        struct level_row *level = hold->lines[i].level;
        if (level != NULL && !hold->lines[i].remote) {
            level->claim = level_clip((wide)level->claim + hold->lines[i].granted);
        }
    }
    for (uint32_t i = 0; i < hold->line_count; i++) {
        struct level_row *level = hold->lines[i].level;
        if (level == NULL || level->claim <= level->buckets[STOCK_BUCKET_ON_HAND]) {
            continue;
        }
        if (out->shortage_count == INVENTORY_SHORTAGES_MAX) {
            out->shortages_omitted++;
        } else {
            out->shortages[out->shortage_count++] = (struct inventory_shortage){
                .line = i,
                .requested = level->claim,
                .available = level->buckets[STOCK_BUCKET_ON_HAND],
            };
        }
        level->claim = 0; /* named once */
    }
    for (uint32_t i = 0; i < hold->line_count; i++) {
        if (hold->lines[i].level != NULL) {
            hold->lines[i].level->claim = 0;
        }
    }
    if (out->shortage_count > 0) {
        outcome_refuse(out, STATUS_INSUFFICIENT_STOCK, INVENTORY_FIELD_QUANTITY);
        out->line = out->shortages[0].line;
    }
    return out->shortage_count == 0;
}

static void hold_carry_out(struct inventory *inventory, enum inventory_command_kind kind,
                           struct hold_row *hold,
                           const struct inventory_hold_change *command,
                           struct inventory_outcome *out)
{
    if (kind == INVENTORY_HOLD_EXTEND) {
        hold_extend(inventory, hold, command, out);
    } else if (kind == INVENTORY_HOLD_COMMIT) {
        hold_turn(inventory, hold, HOLD_STATE_COMMITTED, STOCK_REASON_COMMIT);
    } else if (kind == INVENTORY_HOLD_RELEASE) {
        hold_turn(inventory, hold, HOLD_STATE_RELEASED, STOCK_REASON_RELEASE);
    } else if (hold->home != NULL) {
        hold_home_carry_out(inventory, kind, hold, out);
    } else if (kind == INVENTORY_HOLD_CANCEL) {
        hold_turn(inventory, hold, HOLD_STATE_CANCELLED, STOCK_REASON_CANCEL);
    } else if (hold_may_fulfil(hold, out)) {
        hold_turn(inventory, hold, HOLD_STATE_FULFILLED, STOCK_REASON_FULFIL);
    }
}

void hold_change(struct inventory *inventory, enum inventory_command_kind kind,
                 const struct inventory_hold_change *command, struct arena *arena,
                 struct inventory_outcome *out)
{
    struct hold_row *hold;
    if (!state_owns(inventory, command->hold_id.anchor)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_HOLD_ID);
        return;
    }
    hold = state_hold_find(inventory, command->hold_id);
    if (hold == NULL || state_hold_hidden(hold) ||
        (command->owner.size != 0 && !slice_equal(command->owner, hold->owner->id))) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_HOLD_ID);
        return;
    }
    if (hold_due(inventory, hold)) {
        hold_expire(inventory, hold);
    }
    for (uint32_t i = 0; i < hold->line_count; i++) {
        if (!hold->lines[i].remote) {
            hold_expire_sku(inventory, hold->lines[i].sku);
        }
    }
    out->status = hold_verdict(kind, hold->state);
    if (out->status != STATUS_OK) {
        out->field = INVENTORY_FIELD_HOLD_ID;
    } else if (kind == INVENTORY_HOLD_EXTEND || hold->state != hold_target(kind)) {
        hold_carry_out(inventory, kind, hold, command, out);
    }
    view_hold(hold, arena, &out->hold);
    out->has_hold = true;
}
