/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands here for a line of a hold whose home is another shard: a part for each SKU.
 * It does what the home's log has decided and never ends by itself; past its expiry, or
 * undecided for long, it asks the home (hold_outbox.c).
 *
 *     PREPARE -> TENTATIVE -> HELD -> COMMITTED [fulfilled] -> gone
 *                    +----------+---------+--------------------> gone
 *
 * Only PREPARE makes a part. One that is gone leaves a tombstone in the memory of request
 * ids, under a name made of hold and SKU: so it goes when the floor passes it, and PREPARE
 * is refused at or below the floor.
 */
#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    PART_VOTE_YES = 1,     /* the code of OK */
    PART_BYTES_ABOUT = 96, /* of a row, for dirty_bytes */
    PART_LINE_BYTES_ABOUT = 32,
};

static const uint64_t PART_TOMBSTONE = 0x746f6d6273746f6eu; /* its fingerprint */

/* Of those from this place of the heap down, the ones that are past their expiry. */
static wide part_overdue(const struct inventory *inventory, const struct level_row *level,
                         size_t place)
{
    const struct heap *parts = level->sku->parts;
    const struct part_row *part;
    wide units = 0;
    if (place > parts->count) {
        return 0;
    }
    part = CONTAINER_OF(parts->nodes[place - 1], const struct part_row, of_sku);
    if (part->expire_ms > inventory->log_ms) {
        return 0; /* and so are all below */
    }
    for (uint32_t i = 0; i < part->line_count; i++) {
        units += part->lines[i].level == level ? part->lines[i].quantity : 0;
    }
    return units + part_overdue(inventory, level, 2 * place) +
           part_overdue(inventory, level, 2 * place + 1);
}

wide hold_part_undecided(const struct inventory *inventory, const struct level_row *level)
{
    wide units = level->tentative;
    return level->sku->parts != NULL ? units + part_overdue(inventory, level, 1) : units;
}

static void part_dirty(struct inventory *inventory, struct part_row *part)
{
    state_dirty(inventory, &inventory->dirty_parts, &part->dirty,
                PART_BYTES_ABOUT + (size_t)part->line_count * PART_LINE_BYTES_ABOUT);
}

static void part_move(struct inventory *inventory, struct part_row *part,
                      enum stock_reason reason)
{
    for (uint32_t i = 0; i < part->line_count; i++) {
        hold_move(inventory,
                  &(struct hold_moved){.id = part->id,
                                       .reference = part->reference,
                                       .level = part->lines[i].level,
                                       .quantity = part->lines[i].quantity},
                  reason);
    }
}

/* Before a TENTATIVE one becomes anything else. */
static void part_decided(struct inventory *inventory, struct part_row *part)
{
    if (part->state != HOLD_STATE_TENTATIVE) {
        return;
    }
    inventory->parts_undecided--;
    for (uint32_t i = 0; i < part->line_count; i++) {
        part->lines[i].level->tentative -= part->lines[i].quantity;
    }
}

static void part_bury(struct inventory *inventory, struct part_row *part)
{
    const struct inventory_identity identity = {
        .anchor = part->sku->node.hash,
        .request_id = requests_tombstone_id(part->id, part->sku->node.hash),
        .fingerprint = PART_TOMBSTONE,
        .request_ms = part->request_ms,
        .attempt = part->attempt,
    };
    part_decided(inventory, part);
    flush_delete_part(inventory, part);
    if (!MUTANT(hold_no_tombstone)) {
        requests_remember(inventory, &identity, slice_of(NULL, 0));
    }
    state_part_forget(inventory, part);
}

static bool part_buried(const struct inventory *inventory,
                        const struct inventory_hold_message *message)
{
    return requests_find(inventory, requests_tombstone_id(message->hold_id,
                                                          message->sku_hash)) != NULL;
}

/* --- PREPARE ------------------------------------------------------------------------------- */

static void part_vote(struct inventory *inventory,
                      const struct inventory_hold_message *message,
                      const struct inventory_outcome *outcome)
{
    struct inventory_hold_message vote = {
        .hold_id = message->hold_id,
        .sku_hash = message->sku_hash,
        .code = result_code(outcome->status),
        .field = outcome->field,
        .line = outcome->line,
        .shortages = outcome->shortages,
        .shortage_count = outcome->shortage_count,
    };
    hold_mail_put(inventory, INVENTORY_HOLD_VOTE, message->hold_id.anchor, &vote);
}

static struct inventory_hold_create
part_as_create(const struct inventory_hold_message *message, struct arena *arena)
{
    struct inventory_hold_line *lines =
        arena_zalloc(arena, (message->line_count + 1) * sizeof *lines);
    ASSERT(lines != NULL);
    for (uint32_t i = 0; i < message->line_count; i++) {
        lines[i].sku_id = message->sku_id;
        lines[i].location_id = message->lines[i].location_id;
        lines[i].quantity = message->lines[i].quantity;
    }
    return (struct inventory_hold_create){.lines = lines,
                                          .line_count = message->line_count,
                                          .mode = HOLD_MODE_ALL_OR_NOTHING,
                                          .allow_backorder = message->allow_backorder};
}

static void part_build(struct inventory *inventory,
                       const struct inventory_hold_message *message,
                       const struct hold_placed *placed)
{
    struct part_row *part = state_part_alloc(message->line_count, message->reference);
    part->sku = placed[0].sku;
    part->id = message->hold_id;
    part->state = HOLD_STATE_TENTATIVE;
    part->version = message->version;
    part->create_ms = inventory->log_ms;
    part->expire_ms = message->expire_ms;
    part->request_id = message->request_id;
    part->request_ms = message->request_ms;
    part->attempt = message->attempt;
    for (uint32_t i = 0; i < message->line_count; i++) {
        part->lines[i] = (struct part_line){.level = placed[i].level,
                                            .place = message->lines[i].place,
                                            .quantity = message->lines[i].quantity};
    }
    part_move(inventory, part, STOCK_REASON_HOLD);
    state_part_link(inventory, part);
    hold_ask_plan(inventory, part);
    part_dirty(inventory, part);
}

/* Of one request the highest attempt alone may be here. False: this is not it. */
static bool part_highest(struct inventory *inventory,
                         const struct inventory_hold_message *message)
{
    struct part_row *other =
        state_part_of_request(inventory, message->request_id, message->sku_hash);
    if (other == NULL) {
        return true;
    }
    if (other->state != HOLD_STATE_TENTATIVE || other->attempt >= message->attempt) {
        return false;
    }
    part_move(inventory, other, STOCK_REASON_RELEASE);
    part_bury(inventory, other);
    return true;
}

/* The lines of a refusal are those of the whole request. */
static void part_rename_lines(const struct inventory_hold_message *message,
                              struct inventory_outcome *outcome)
{
    for (uint32_t i = 0; i < outcome->shortage_count; i++) {
        outcome->shortages[i].line = message->lines[outcome->shortages[i].line].place;
    }
    outcome->line = message->lines[outcome->line].place;
}

static void part_prepare(struct inventory *inventory,
                         const struct inventory_hold_message *message,
                         struct arena *arena, struct inventory_outcome *out)
{
    struct inventory_hold_create create;
    struct inventory_outcome outcome = {.status = STATUS_OK};
    struct hold_placed *placed;
    if (state_hash(inventory, message->sku_id) != message->sku_hash) {
        outcome_refuse(out, STATUS_INVALID, INVENTORY_FIELD_SKU_ID);
        return;
    }
    if (state_part_find(inventory, message->hold_id, message->sku_hash) != NULL) {
        part_vote(inventory, message, &outcome); /* said before, and may be lost */
        return;
    }
    if (part_buried(inventory, message)) {
        return; /* long over: the home knows */
    }
    if (message->request_ms <= inventory->floor_ms) {
        outcome_refuse(&outcome, STATUS_REQUEST_ID_EXPIRED, INVENTORY_FIELD_REQUEST_ID);
    } else if (!part_highest(inventory, message)) {
        outcome_refuse(&outcome, STATUS_STOCK_CONTENDED, INVENTORY_FIELD_QUANTITY);
    } else {
        create = part_as_create(message, arena);
        placed = hold_place(inventory, &create, arena, &outcome);
        if (placed != NULL) {
            part_build(inventory, message, placed);
        } else {
            part_rename_lines(message, &outcome);
        }
    }
    part_vote(inventory, message, &outcome);
}

/* --- STATE --------------------------------------------------------------------------------- */

static void part_commit(struct inventory *inventory, struct part_row *part)
{
    if (part->state != HOLD_STATE_COMMITTED) {
        part_decided(inventory, part);
        part->state = HOLD_STATE_COMMITTED;
        state_part_due(part);
        part_move(inventory, part, STOCK_REASON_COMMIT);
    }
}

/* Lines of one level are summed. */
static bool part_may_fulfil(struct part_row *part, struct inventory_outcome *out)
{
    for (uint32_t i = 0; i < part->line_count; i++) {
        struct level_row *level = part->lines[i].level;
        level->claim = level_clip((wide)level->claim + part->lines[i].quantity);
    }
    for (uint32_t i = 0; i < part->line_count; i++) {
        struct level_row *level = part->lines[i].level;
        if (level->claim > level->buckets[STOCK_BUCKET_ON_HAND] &&
            out->shortage_count < INVENTORY_SHORTAGES_MAX) {
            out->shortages[out->shortage_count++] = (struct inventory_shortage){
                .line = part->lines[i].place,
                .requested = level->claim,
                .available = level->buckets[STOCK_BUCKET_ON_HAND]};
        }
        level->claim = 0;
    }
    return out->shortage_count == 0;
}

/* FULFILLED or SHORT is decided here, once a version, and repeated when it is asked again. */
static void part_fulfil(struct inventory *inventory, struct part_row *part,
                        struct inventory_outcome *shortages)
{
    if (!part->fulfilled && part_may_fulfil(part, shortages)) {
        part_move(inventory, part, STOCK_REASON_FULFIL);
        part->fulfilled = true;
    }
    part->report = part->fulfilled ? HOLD_REPORT_FULFILLED : HOLD_REPORT_SHORT;
}

/* The hold has ended; what of it has not left goes back. */
static void part_end(struct inventory *inventory, struct part_row *part,
                     enum hold_state state)
{
    if (state == HOLD_STATE_FULFILLED || state == HOLD_STATE_CANCELLED) {
        part_commit(inventory, part);
        if (!part->fulfilled) {
            part_move(inventory, part,
                      state == HOLD_STATE_FULFILLED ? STOCK_REASON_FULFIL
                                                    : STOCK_REASON_CANCEL);
        }
    } else if (part->state != HOLD_STATE_COMMITTED) {
        part_move(inventory, part,
                  state == HOLD_STATE_EXPIRED ? STOCK_REASON_EXPIRE
                                              : STOCK_REASON_RELEASE);
    } else {
        return; /* nothing that a home decides leads from COMMITTED to there */
    }
    part_bury(inventory, part);
}

static void part_ack(struct inventory *inventory,
                     const struct inventory_hold_message *message, uint64_t version,
                     enum hold_report report, const struct inventory_outcome *shortages)
{
    struct inventory_hold_message ack = {
        .hold_id = message->hold_id,
        .sku_hash = message->sku_hash,
        .version = version,
        .report = report,
        .shortages = shortages->shortages,
        .shortage_count = shortages->shortage_count,
    };
    hold_mail_put(inventory, INVENTORY_HOLD_ACK, message->hold_id.anchor, &ack);
}

static void part_state(struct inventory *inventory,
                       const struct inventory_hold_message *message)
{
    struct part_row *part =
        state_part_find(inventory, message->hold_id, message->sku_hash);
    struct inventory_outcome shortages = {.status = STATUS_OK};
    if (part == NULL) { /* buried, or never made: there is nothing to change */
        part_ack(inventory, message, message->version, HOLD_REPORT_NONE, &shortages);
        return;
    }
    if (message->version <= part->version) {
        if (part->report == HOLD_REPORT_SHORT) {
            (void)part_may_fulfil(part, &shortages);
        }
        part_ack(inventory, message, part->version, (enum hold_report)part->report,
                 &shortages);
        return;
    }
    part->version = message->version;
    part->expire_ms = message->expire_ms;
    part->report = HOLD_REPORT_NONE;
    part_dirty(inventory, part);
    if (message->state == HOLD_STATE_HELD) {
        part_decided(inventory, part);
        part->state = part->state == HOLD_STATE_TENTATIVE ? HOLD_STATE_HELD : part->state;
        state_part_due(part);
        hold_ask_plan(inventory, part);
    } else if (MUTANT(hold_log_times) && message->state == HOLD_STATE_COMMITTED &&
               part->state == HOLD_STATE_HELD && part->expire_ms <= inventory->log_ms) {
        part_end(inventory, part, HOLD_STATE_EXPIRED);
        part_ack(inventory, message, message->version, HOLD_REPORT_NONE, &shortages);
        return;
    } else if (message->state == HOLD_STATE_COMMITTED) {
        part_commit(inventory, part);
        hold_ask_plan(inventory, part);
        if (message->fulfil) {
            part_fulfil(inventory, part, &shortages);
        }
    } else {
        part_end(inventory, part, message->state);
        part_ack(inventory, message, message->version, HOLD_REPORT_NONE, &shortages);
        return;
    }
    part_ack(inventory, message, message->version, (enum hold_report)part->report,
             &shortages);
}

/* Planted: what no part may do. */
void hold_part_mutant(struct inventory *inventory)
{
    struct map_node *node = map_next(&inventory->parts, NULL);
    inventory->apply.request_id = (struct hash128){0, 0};
    while (node != NULL) {
        struct part_row *part = CONTAINER_OF(node, struct part_row, node);
        node = map_next(&inventory->parts, node);
        if (part->state == HOLD_STATE_HELD && part->expire_ms <= inventory->log_ms) {
            part_end(inventory, part, HOLD_STATE_EXPIRED);
        }
    }
}

void hold_part_take(struct inventory *inventory, enum inventory_command_kind kind,
                    const struct inventory_hold_message *message, struct arena *arena,
                    struct inventory_outcome *out)
{
    if (!state_owns(inventory, message->sku_hash)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_SKU_ID);
    } else if (kind == INVENTORY_HOLD_PREPARE) {
        part_prepare(inventory, message, arena, out);
    } else {
        part_state(inventory, message);
    }
}
