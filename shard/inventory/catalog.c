/* SPDX-License-Identifier: Apache-2.0 */
/* SKUs. */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

/* Takes from `from` the fields that the mask names. */
static void catalog_merge(struct inventory_sku *into, const struct inventory_sku *from,
                          uint32_t mask)
{
    if (mask & SKU_FIELD_PRODUCT_ID) {
        into->product_id = from->product_id;
    }
    if (mask & SKU_FIELD_NAME) {
        into->name = from->name;
    }
    if (mask & SKU_FIELD_STATE && from->state != SKU_STATE_UNSPECIFIED) {
        into->state = from->state;
    }
    if (mask & SKU_FIELD_ATTRIBUTES) {
        into->attributes = from->attributes;
        into->attribute_count = from->attribute_count;
    }
    if (mask & SKU_FIELD_CATEGORIES) {
        into->categories = from->categories;
        into->category_count = from->category_count;
    }
    if (mask & SKU_FIELD_BRAND) {
        into->brand = from->brand;
    }
    if (mask & SKU_FIELD_PRICE) {
        into->price = from->price;
    }
    if (mask & SKU_FIELD_COST) {
        into->cost = from->cost;
    }
    if (mask & SKU_FIELD_UNIT) {
        into->unit = from->unit;
    }
    if (mask & SKU_FIELD_UNIT_EXPONENT) {
        into->unit_exponent = from->unit_exponent;
    }
    if (mask & SKU_FIELD_OPTIONS) {
        into->options = from->options;
        into->option_count = from->option_count;
    }
    if (mask & SKU_FIELD_GTINS) {
        into->gtins = from->gtins;
        into->gtin_count = from->gtin_count;
    }
    if (mask & SKU_FIELD_ALIASES) {
        into->aliases = from->aliases;
        into->alias_count = from->alias_count;
    }
}

static void catalog_sku_store(struct inventory *inventory, struct sku_row *row,
                              const struct inventory_sku *sku)
{
    struct buffer document;
    buffer_init(&document);
    rows_sku_encode(&document, sku);
    inventory->row_bytes -= row->document_size;
    free(row->document);
    row->document = memory_copy(document.data, document.size);
    row->document_size = document.size;
    inventory->row_bytes += row->document_size;
    row->state = sku->state;
    row->etag = sku->etag;
    buffer_close(&document);
    state_dirty(inventory, &inventory->dirty_skus, &row->dirty, row->document_size);
    state_tell_put(inventory, row, sku);
}

/* The row of the id; refuses a foreign range and an id that shares its hash. */
static bool catalog_sku_place(const struct inventory *inventory, struct slice sku_id,
                              uint64_t hash, struct sku_row **out_row,
                              struct inventory_outcome *out)
{
    struct table_node *node;
    *out_row = NULL;
    if (!state_owns(inventory, hash)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_SKU_ID);
        return false;
    }
    node = table_find_hash(&inventory->skus, hash);
    if (node != NULL && !slice_equal(node->id, sku_id)) {
        outcome_refuse(out, STATUS_ALREADY_EXISTS, INVENTORY_FIELD_SKU_ID);
        return false;
    }
    *out_row = node != NULL ? CONTAINER_OF(node, struct sku_row, node) : NULL;
    return true;
}

/* May it be written so? `row` is NULL for a new SKU. */
static bool catalog_sku_allowed(const struct inventory *inventory,
                                const struct inventory_sku_upsert *command,
                                const struct sku_row *row, struct arena *arena,
                                struct inventory_outcome *out)
{
    const struct alias_row *alias = alias_find(inventory, command->sku.sku_id);
    if (row == NULL && command->etag != 0) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID);
        return false;
    }
    if (row != NULL && command->etag != 0 && command->etag != row->etag) {
        outcome_refuse(out, STATUS_ETAG_MISMATCH, INVENTORY_FIELD_ETAG);
        return false;
    }
    if (command->taken.size != 0) {
        outcome_refuse(out, STATUS_ALREADY_EXISTS, INVENTORY_FIELD_IDENTIFIER);
        return false;
    }
    if (row == NULL && alias != NULL &&
        !slice_equal(alias->sku_id, command->sku.sku_id)) {
        outcome_refuse(out, STATUS_ALREADY_EXISTS, INVENTORY_FIELD_SKU_ID);
        return false;
    }
    return alias_claimable(inventory, command, arena, out);
}

static void catalog_sku_show(const struct inventory_sku *sku,
                             struct inventory_outcome *out)
{
    out->sku = *sku;
    out->has_sku = true;
    out->etag = sku->etag;
}

void catalog_sku_upsert(struct inventory *inventory,
                        const struct inventory_sku_upsert *command, struct arena *arena,
                        struct inventory_outcome *out)
{
    uint64_t hash = state_hash(inventory, command->sku.sku_id);
    uint32_t mask = command->update_mask != 0 ? command->update_mask : SKU_FIELDS_ALL;
    struct inventory_sku merged = {.state = SKU_STATE_ACTIVE};
    struct sku_row *row;
    if (!catalog_sku_place(inventory, command->sku.sku_id, hash, &row, out) ||
        !catalog_sku_allowed(inventory, command, row, arena, out)) {
        return;
    }
    if (row != NULL) {
        out->status = view_sku(row, arena, &merged);
        if (out->status != STATUS_OK) {
            return;
        }
        if (mask == SKU_FIELDS_NONE) {
            catalog_sku_show(&merged, out);
            return;
        }
    } else {
        merged.create_ms = inventory->log_ms;
        row = state_sku_add(inventory, hash, command->sku.sku_id);
        out->created = true;
    }
    catalog_merge(&merged, &command->sku, mask);
    merged.etag = state_etag_mint(inventory);
    merged.update_ms = inventory->log_ms;
    catalog_sku_store(inventory, row, &merged);
    alias_claim(inventory, command, arena);
    out->status = view_sku(row, arena, &merged);
    if (out->status == STATUS_OK) {
        catalog_sku_show(&merged, out);
    }
    out->etag = row->etag;
}

static bool catalog_level_in_use(const struct level_row *level)
{
    return level->buckets[STOCK_BUCKET_ON_HAND] != 0 ||
           level->buckets[STOCK_BUCKET_HELD] != 0 ||
           level->buckets[STOCK_BUCKET_COMMITTED] != 0 ||
           level->buckets[STOCK_BUCKET_DAMAGED] != 0 ||
           level->buckets[STOCK_BUCKET_QUALITY_CONTROL] != 0 ||
           level->buckets[STOCK_BUCKET_INCOMING] != 0;
}

void catalog_sku_delete(struct inventory *inventory,
                        const struct inventory_sku_delete *command,
                        struct inventory_outcome *out)
{
    const struct level_change change = {.reason = STOCK_REASON_DELETE};
    const int64_t nothing[STOCK_BUCKET_COUNT] = {0};
    uint64_t hash = state_hash(inventory, command->sku_id);
    struct sku_row *row;
    if (!state_owns(inventory, hash)) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_SKU_ID);
        return;
    }
    row = state_sku_find(inventory, command->sku_id);
    if (row == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID);
        return;
    }
    if (command->etag != 0 && command->etag != row->etag) {
        outcome_refuse(out, STATUS_ETAG_MISMATCH, INVENTORY_FIELD_ETAG);
        return;
    }
    hold_expire_sku(inventory, row);
    for (uint32_t i = 0; i < row->level_count; i++) {
        if (catalog_level_in_use(row->levels[i])) {
            outcome_refuse(out, STATUS_SKU_IN_USE, INVENTORY_FIELD_SKU_ID);
            return;
        }
    }
    for (uint32_t i = 0; i < row->level_count; i++) {
        level_write(inventory, row->levels[i], nothing, &change);
        list_remove(&row->levels[i]->dirty);
        inventory->row_bytes -= sizeof *row->levels[i];
        inventory->level_count--;
    }
    flush_delete_sku(inventory, row);
    state_tell_remove(inventory, row);
    list_remove(&row->dirty);
    table_remove(&inventory->skus, &row->node);
    inventory->row_bytes -= sizeof *row + row->node.id.size + row->document_size;
    row->deleted = true;
    if (row->hold_refs == 0) {
        state_sku_free(inventory, row);
    }
}
