/* SPDX-License-Identifier: Apache-2.0 */
/* One entry, one command: who may be decided, what is remembered. */
#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    APPLY_LANE_BYTES_ABOUT = 48, /* of a lane's row, for dirty_bytes */
};

void inventory_entry_begin(struct inventory *inventory,
                           const struct apply_position *position)
{
    ASSERT(!inventory->apply.open);
    inventory->apply = (struct apply_context){.position = *position, .open = true};
    if (position->log_ms > inventory->log_ms) {
        inventory->log_ms = position->log_ms;
    }
    inventory->dirty_shard = true;
    requests_advance(inventory);
}

void inventory_entry_end(struct inventory *inventory)
{
    ASSERT(inventory->apply.open);
    hold_expire_due(inventory, INVENTORY_EXPIRE_PER_ENTRY_MAX);
    if (MUTANT(hold_part_expires)) {
        hold_part_mutant(inventory);
    }
    hold_forget_old(inventory);
    ledger_block_close(inventory);
    inventory->apply.open = false;
}

static void apply_tick(struct inventory *inventory, const struct inventory_tick *tick)
{
    for (uint32_t i = 0; i < tick->sku_count; i++) {
        struct table_node *node =
            state_owns(inventory, tick->sku_hashes[i])
                ? table_find_hash(&inventory->skus, tick->sku_hashes[i])
                : NULL;
        if (node != NULL) {
            hold_expire_sku(inventory, CONTAINER_OF(node, struct sku_row, node));
        }
    }
    for (uint32_t i = 0; i < tick->hold_count; i++) {
        hold_expire_named(inventory, tick->holds[i]);
    }
    if (tick->floor_ms > 0) {
        requests_drop(inventory, tick->floor_ms);
    }
}

static void apply_stock(struct inventory *inventory,
                        const struct inventory_command *command, struct arena *arena,
                        struct inventory_outcome *out)
{
    if (command->kind == INVENTORY_STOCK_ADJUST) {
        stock_adjust(inventory, &command->stock_adjust, arena, out);
    } else if (command->kind == INVENTORY_STOCK_SET) {
        stock_set(inventory, &command->stock_set, arena, out);
    } else {
        stock_move(inventory, &command->stock_move, arena, out);
    }
}

static void apply_count(struct inventory *inventory,
                        const struct inventory_command *command, struct arena *arena,
                        struct inventory_outcome *out)
{
    if (command->kind == INVENTORY_COUNT_START) {
        count_start(inventory, &command->count_start, arena, out);
    } else if (command->kind == INVENTORY_COUNT_SUBMIT) {
        count_submit(inventory, &command->count_submit, arena, out);
    } else {
        count_close(inventory, &command->count_close, arena, out);
    }
}

static void apply_source(struct inventory *inventory,
                         const struct inventory_command *command, struct arena *arena,
                         struct inventory_outcome *out)
{
    if (command->kind == INVENTORY_SOURCE_OPEN) {
        source_open(inventory, &command->source_open, out);
    } else if (command->kind == INVENTORY_SOURCE_UPDATE) {
        source_update(inventory, &command->source_update, arena, out);
    } else {
        source_through(inventory, &command->source_through, out);
    }
}

static void apply_alias(struct inventory *inventory,
                        const struct inventory_command *command, struct arena *arena,
                        struct inventory_outcome *out)
{
    if (command->kind == INVENTORY_ALIAS_RESERVE) {
        alias_reserve(inventory, &command->alias_reserve, arena, out);
    } else {
        alias_settle(inventory, &command->alias_settle, out);
    }
}

static void apply_message(struct inventory *inventory,
                          const struct inventory_command *command, struct arena *arena,
                          struct inventory_outcome *out)
{
    if (command->kind == INVENTORY_HOLD_PREPARE ||
        command->kind == INVENTORY_HOLD_STATE) {
        hold_part_take(inventory, command->kind, &command->hold_message, arena, out);
    } else {
        hold_home_take(inventory, command->kind, &command->hold_message, out);
    }
}

static void apply_decide(struct inventory *inventory,
                         const struct inventory_command *command, struct arena *arena,
                         struct inventory_outcome *out)
{
    struct check_fault fault;
    if (!check_command(command, &fault)) {
        outcome_refuse(out, fault.status, fault.field);
        out->line = fault.line;
        return;
    }
    switch (command->kind) {
    case INVENTORY_SKU_UPSERT:
        catalog_sku_upsert(inventory, &command->sku_upsert, arena, out);
        break;
    case INVENTORY_SKU_DELETE:
        catalog_sku_delete(inventory, &command->sku_delete, out);
        break;
    case INVENTORY_LOCATION_UPSERT:
        location_upsert(inventory, &command->location_upsert, arena, out);
        break;
    case INVENTORY_LOCATION_COPY:
        location_copy(inventory, &command->location_upsert, arena, out);
        break;
    case INVENTORY_ALIAS_RESERVE:
    case INVENTORY_ALIAS_SETTLE:
        apply_alias(inventory, command, arena, out);
        break;
    case INVENTORY_STOCK_ADJUST:
    case INVENTORY_STOCK_SET:
    case INVENTORY_STOCK_MOVE:
        apply_stock(inventory, command, arena, out);
        break;
    case INVENTORY_COUNT_START:
    case INVENTORY_COUNT_SUBMIT:
    case INVENTORY_COUNT_CLOSE:
        apply_count(inventory, command, arena, out);
        break;
    case INVENTORY_HOLD_CREATE:
        hold_create(inventory, &command->hold_create, arena, out);
        break;
    case INVENTORY_HOLD_EXTEND:
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
        hold_change(inventory, command->kind, &command->hold_change, arena, out);
        break;
    case INVENTORY_SOURCE_OPEN:
    case INVENTORY_SOURCE_UPDATE:
    case INVENTORY_SOURCE_THROUGH:
        apply_source(inventory, command, arena, out);
        break;
    case INVENTORY_TICK:
        apply_tick(inventory, &command->tick);
        break;
    case INVENTORY_REQUEST_SEAL:
        out->status = STATUS_CANCELLED;
        break;
    case INVENTORY_HOLD_PREPARE:
    case INVENTORY_HOLD_VOTE:
    case INVENTORY_HOLD_STATE:
    case INVENTORY_HOLD_ACK:
    case INVENTORY_HOLD_QUESTION:
        apply_message(inventory, command, arena, out);
        break;
    }
}

/* Refusals of the range are nobody's decision: another shard may decide otherwise. */
static bool apply_decided(const struct inventory_outcome *outcome)
{
    return outcome->status != STATUS_EPOCH_CHANGED &&
           outcome->status != STATUS_MULTI_SHARD_HOLD &&
           outcome->status != STATUS_OVERLOADED;
}

static void apply_replay(struct inventory *inventory, const struct request_record *record,
                         const struct inventory_command *command, struct arena *arena,
                         struct inventory_outcome *out)
{
    struct slice result = slice_of(record->result, record->result_size);
    if (result_decode(inventory, result, command, arena, out) != STATUS_OK) {
        *out = (struct inventory_outcome){.status = STATUS_INTERNAL};
    }
    out->replayed = true;
}

/* What passes gives way to a higher attempt of the same request. */
static bool apply_replaceable(const struct inventory *inventory,
                              const struct request_record *record,
                              const struct inventory_command *command,
                              struct arena *arena)
{
    struct inventory_outcome before = {.status = STATUS_INTERNAL};
    struct slice result = slice_of(record->result, record->result_size);
    if (command->identity.attempt <= record->attempt ||
        command->kind == INVENTORY_REQUEST_SEAL ||
        result_decode(inventory, result, command, arena, &before) != STATUS_OK) {
        return false;
    }
    return inventory_outcome_again(before.status);
}

/* What a sealed request has for a fingerprint: that of no command. */
static const uint64_t APPLY_SEALED = 0;

/* No attempt is higher: the outcome stands. A pending one is sealed once it is decided. */
static void apply_seal(struct inventory *inventory, const struct request_record *record)
{
    struct inventory_identity identity = {
        .anchor = record->anchor,
        .request_id = {.high = record->id_high, .low = record->node.hash},
        .fingerprint = record->fingerprint,
        .request_ms = record->request_ms,
        .attempt = UINT32_MAX,
    };
    struct buffer result;
    buffer_init(&result);
    buffer_append(&result, record->result, record->result_size);
    requests_remember(inventory, &identity, buffer_slice(&result));
    buffer_close(&result);
}

/* True when the memory of requests has the answer. */
static bool apply_remembered(struct inventory *inventory,
                             const struct inventory_command *command, struct arena *arena,
                             struct inventory_outcome *out)
{
    const struct inventory_identity *identity = &command->identity;
    const struct request_record *record = requests_find(inventory, identity->request_id);
    if (record == NULL) {
        if (identity->request_ms > inventory->floor_ms) {
            return false;
        }
        outcome_refuse(out, STATUS_REQUEST_ID_EXPIRED, INVENTORY_FIELD_REQUEST_ID);
        return true;
    }
    if (command->kind != INVENTORY_REQUEST_SEAL && record->fingerprint != APPLY_SEALED &&
        (record->fingerprint != identity->fingerprint ||
         record->anchor != identity->anchor)) {
        outcome_refuse(out, STATUS_REQUEST_ID_REUSED, INVENTORY_FIELD_REQUEST_ID);
        return true;
    }
    if (apply_replaceable(inventory, record, command, arena)) {
        return false;
    }
    apply_replay(inventory, record, command, arena, out);
    if (command->kind == INVENTORY_REQUEST_SEAL && record->attempt != UINT32_MAX &&
        inventory_outcome_again(out->status)) {
        apply_seal(inventory, record);
    }
    return true;
}

static void apply_request(struct inventory *inventory,
                          const struct inventory_command *command, struct arena *arena,
                          struct inventory_outcome *out)
{
    struct inventory_identity identity = command->identity;
    struct buffer result;
    if (!state_owns(inventory, identity.anchor)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_NONE);
        return;
    }
    if (apply_remembered(inventory, command, arena, out)) {
        return;
    }
    if (identity.fingerprint == APPLY_SEALED) {
        identity.fingerprint = 1;
    }
    inventory->apply.request_id = identity.request_id;
    inventory->apply.identity = &identity;
    apply_decide(inventory, command, arena, out);
    inventory->apply.identity = NULL;
    if (!apply_decided(out) || (MUTANT(refusal_forgotten) && out->status != STATUS_OK)) {
        return;
    }
    identity.request_id.low ^= MUTANT(retry_unknown);
    if (command->kind == INVENTORY_REQUEST_SEAL) {
        identity.fingerprint = APPLY_SEALED;
    }
    buffer_init(&result);
    result_encode(&result, command, out);
    requests_remember(inventory, &identity, buffer_slice(&result));
    buffer_close(&result);
}

static void apply_import(struct inventory *inventory,
                         const struct inventory_command *command, struct arena *arena,
                         struct inventory_outcome *out)
{
    const struct inventory_identity *identity = &command->identity;
    const struct import_line line = {.import_id = identity->import_id,
                                     .line = identity->line,
                                     .prev_line = identity->prev_line,
                                     .imports_max = identity->imports_max,
                                     .refused_max = identity->imports_refused_max};
    uint64_t last;
    if (identity->line <= identity->prev_line) {
        outcome_refuse(out, STATUS_INVALID, INVENTORY_FIELD_OTHER);
        return;
    }
    switch (import_lanes_judge(&inventory->lanes, &line, &last)) {
    case IMPORT_DUPLICATE:
        out->duplicate = true;
        return;
    case IMPORT_GAP:
        outcome_refuse(out, STATUS_SEQUENCE_GAP, INVENTORY_FIELD_OTHER);
        out->expected_line = last;
        return;
    case IMPORT_TOO_MANY:
        outcome_refuse(out, STATUS_QUANTITY_LIMIT, INVENTORY_FIELD_OTHER);
        return;
    case IMPORT_APPLY:
        break;
    }
    inventory->apply.request_id = identity->import_id;
    apply_decide(inventory, command, arena, out);
    if (!apply_decided(out)) {
        return;
    }
    inventory->dirty_bytes += APPLY_LANE_BYTES_ABOUT;
    if (!import_lanes_settle(&inventory->lanes, &line, out->status == STATUS_OK)) {
        outcome_refuse(out, STATUS_QUANTITY_LIMIT, INVENTORY_FIELD_OTHER);
    }
}

/* The server's own: repeating them changes nothing, so they need no memory. */
static bool apply_unidentified(enum inventory_command_kind kind)
{
    return kind == INVENTORY_TICK || kind == INVENTORY_LOCATION_COPY ||
           kind == INVENTORY_ALIAS_RESERVE || kind == INVENTORY_ALIAS_SETTLE ||
           inventory_command_of_source(kind);
}

void inventory_apply(struct inventory *inventory, const struct inventory_command *command,
                     struct arena *arena, struct inventory_outcome *out)
{
    ASSERT(inventory->apply.open);
    *out = (struct inventory_outcome){.status = STATUS_OK};
    inventory->apply.request_id = (struct hash128){0, 0};
    if (inventory_command_is_message(command->kind)) {
        if (state_owns(inventory, command->identity.anchor)) {
            apply_decide(inventory, command, arena, out);
        } else {
            outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_NONE);
        }
    } else if (apply_unidentified(command->kind)) {
        apply_decide(inventory, command, arena, out);
    } else if (command->identity.kind == INVENTORY_IDENTITY_REQUEST) {
        apply_request(inventory, command, arena, out);
    } else if (command->identity.kind == INVENTORY_IDENTITY_IMPORT &&
               command->kind != INVENTORY_REQUEST_SEAL) {
        apply_import(inventory, command, arena, out);
    } else {
        outcome_refuse(out, STATUS_REQUEST_ID_REQUIRED, INVENTORY_FIELD_REQUEST_ID);
    }
}

/* --- Before append ---------------------------------------------------------------------------- */

enum status inventory_room(const struct inventory *inventory)
{
    return inventory->request_bytes < inventory->options.request_memory_max_bytes
               ? STATUS_OK
               : STATUS_OVERLOADED;
}

int64_t inventory_next_due(const struct inventory *inventory)
{
    const struct heap_node *node = heap_peek(&inventory->due);
    if (node == NULL || MUTANT(no_expiry)) {
        return INT64_MAX;
    }
    return CONTAINER_OF(node, const struct hold_row, due)->due_ms;
}

bool inventory_tick_wanted(const struct inventory *inventory, int64_t bounded_ms,
                           struct inventory_command *out_tick)
{
    uint64_t brim = inventory->options.request_memory_max_bytes / 4 * 3;
    int64_t floor_ms = 0;
    bool due = inventory_next_due(inventory) <= bounded_ms;
    bool full = inventory->request_bytes > brim &&
                requests_droppable(inventory, bounded_ms, &floor_ms);
    if (!due && !full) {
        return false;
    }
    *out_tick = (struct inventory_command){.kind = INVENTORY_TICK};
    out_tick->tick.floor_ms = floor_ms;
    return true;
}
