/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whose an alias or a GTIN is: reserved before the SKU is written, settled after it.
 *
 *     (none) -> RESERVED by one request -> BOUND      the SKU was written with it
 *                  |        \-> RESERVED by several -> BOUND
 *                  \-> (none)                         that one request was refused
 *
 * The SKU never changes. A server that stops between the steps leaves a reservation: the
 * same SKU may take it at any time, every other one is told whose it is.
 */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

struct alias_row *alias_find(const struct inventory *inventory, struct slice identifier)
{
    uint64_t hash = state_hash(inventory, identifier);
    struct table_node *node = state_owns(inventory, hash)
                                  ? table_find(&inventory->aliases, hash, identifier)
                                  : NULL;
    return node != NULL ? CONTAINER_OF(node, struct alias_row, node) : NULL;
}

/* One block: the row, its identifier, the SKU's id. */
struct alias_row *alias_add(struct inventory *inventory, struct slice identifier,
                            struct slice sku_id)
{
    struct alias_row *row = memory_zalloc(sizeof *row + identifier.size + sku_id.size);
    uint8_t *bytes = (uint8_t *)(row + 1);
    memcpy(bytes, identifier.data, identifier.size);
    memcpy(bytes + identifier.size, sku_id.data, sku_id.size);
    row->node.id = slice_of(bytes, identifier.size);
    row->node.hash = state_hash(inventory, identifier);
    row->sku_id = slice_of(bytes + identifier.size, sku_id.size);
    list_init(&row->dirty);
    table_insert(&inventory->aliases, &row->node);
    inventory->row_bytes += sizeof *row + identifier.size + sku_id.size;
    return row;
}

static void alias_dirty(struct inventory *inventory, struct alias_row *row)
{
    state_dirty(inventory, &inventory->dirty_aliases, &row->dirty,
                sizeof *row + row->node.id.size + row->sku_id.size);
}

/* The SKU that has the identifier already, as an alias or for its own id. */
static bool alias_holder(const struct inventory *inventory, const struct alias_row *row,
                         struct slice identifier, struct slice *out_sku_id)
{
    const struct sku_row *sku = state_sku_find(inventory, identifier);
    if (row != NULL) {
        *out_sku_id = row->sku_id;
    } else if (sku != NULL) {
        *out_sku_id = sku->node.id;
    }
    return row != NULL || sku != NULL;
}

/* --- With the SKU itself ---------------------------------------------------------------- */

/* The place-th identifier that the command writes: GTINs, then aliases. */
static bool alias_written(const struct inventory_sku_upsert *command, uint32_t place,
                          struct arena *arena, struct slice *out_identifier)
{
    uint32_t mask = command->update_mask != 0 ? command->update_mask : SKU_FIELDS_ALL;
    uint32_t gtins = mask & SKU_FIELD_GTINS ? command->sku.gtin_count : 0;
    uint32_t aliases = mask & SKU_FIELD_ALIASES ? command->sku.alias_count : 0;
    if (!command->claim || place >= gtins + aliases) {
        return false;
    }
    *out_identifier = inventory_identifier_canonical(
        place < gtins ? command->sku.gtins[place] : command->sku.aliases[place - gtins],
        arena);
    return true;
}

static bool alias_reserved(const struct inventory_sku_upsert *command,
                           struct slice identifier)
{
    for (uint32_t i = 0; i < command->reserved_count; i++) {
        if (slice_equal(command->reserved[i], identifier)) {
            return true;
        }
    }
    return false;
}

bool alias_claimable(const struct inventory *inventory,
                     const struct inventory_sku_upsert *command, struct arena *arena,
                     struct inventory_outcome *out)
{
    struct slice identifier = {0}, holder = {0};
    for (uint32_t i = 0; alias_written(command, i, arena, &identifier); i++) {
        bool here = state_owns(inventory, state_hash(inventory, identifier));
        if (!here && !alias_reserved(command, identifier)) {
            outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_IDENTIFIER);
            return false;
        }
        if (here &&
            alias_holder(inventory, alias_find(inventory, identifier), identifier,
                         &holder) &&
            !slice_equal(holder, command->sku.sku_id)) {
            outcome_refuse(out, STATUS_ALREADY_EXISTS, INVENTORY_FIELD_IDENTIFIER);
            out->has_alias = true;
            out->alias.identifier = identifier;
            out->alias.sku_id = arena_slice(arena, holder);
            return false;
        }
    }
    return true;
}

void alias_claim(struct inventory *inventory, const struct inventory_sku_upsert *command,
                 struct arena *arena)
{
    struct slice identifier = {0};
    for (uint32_t i = 0; alias_written(command, i, arena, &identifier); i++) {
        struct alias_row *row;
        if (!state_owns(inventory, state_hash(inventory, identifier))) {
            continue;
        }
        row = alias_find(inventory, identifier);
        if (row == NULL) {
            row = alias_add(inventory, identifier, command->sku.sku_id);
        }
        if (row->state != INVENTORY_ALIAS_BOUND) {
            row->state = INVENTORY_ALIAS_BOUND;
            row->by = 0;
            alias_dirty(inventory, row);
        }
    }
}

/* --- At the shards of its identifiers ---------------------------------------------------- */

void alias_reserve(struct inventory *inventory,
                   const struct inventory_alias_reserve *command, struct arena *arena,
                   struct inventory_outcome *out)
{
    struct alias_row *row;
    struct slice holder = {0};
    if (!state_owns(inventory, state_hash(inventory, command->identifier))) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_IDENTIFIER);
        return;
    }
    row = alias_find(inventory, command->identifier);
    out->has_alias = true;
    if (alias_holder(inventory, row, command->identifier, &holder) &&
        !slice_equal(holder, command->sku_id)) {
        outcome_refuse(out, STATUS_ALREADY_EXISTS, INVENTORY_FIELD_IDENTIFIER);
        out->alias.identifier = arena_slice(arena, command->identifier);
        out->alias.sku_id = arena_slice(arena, holder);
        return;
    }
    if (row == NULL) {
        out->created = true;
        row = alias_add(inventory, command->identifier, command->sku_id);
        row->state = INVENTORY_ALIAS_RESERVED;
        row->by = command->by;
        alias_dirty(inventory, row);
    } else if (row->state == INVENTORY_ALIAS_RESERVED && row->by != command->by &&
               row->by != 0) {
        row->by = 0; /* several count on it now: none of them may free it */
        alias_dirty(inventory, row);
    }
    out->alias = view_alias(row);
    out->alias.identifier = arena_slice(arena, out->alias.identifier);
    out->alias.sku_id = arena_slice(arena, out->alias.sku_id);
}

static void alias_free(struct inventory *inventory, struct alias_row *row)
{
    flush_delete_alias(inventory, row);
    list_remove(&row->dirty);
    table_remove(&inventory->aliases, &row->node);
    inventory->row_bytes -= sizeof *row + row->node.id.size + row->sku_id.size;
    free(row);
}

void alias_settle(struct inventory *inventory,
                  const struct inventory_alias_settle *command,
                  struct inventory_outcome *out)
{
    struct alias_row *row;
    if (!state_owns(inventory, state_hash(inventory, command->identifier))) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_IDENTIFIER);
        return;
    }
    row = alias_find(inventory, command->identifier);
    if (row == NULL || row->state == INVENTORY_ALIAS_BOUND ||
        !slice_equal(row->sku_id, command->sku_id)) {
        return; /* settled before */
    }
    if (command->bound) {
        row->state = INVENTORY_ALIAS_BOUND;
        row->by = 0;
        alias_dirty(inventory, row);
    } else if (row->by == command->by && row->by != 0) {
        alias_free(inventory, row);
    }
}
