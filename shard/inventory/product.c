/* SPDX-License-Identifier: Apache-2.0 */
/* Products: what SKUs are variants of. */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

struct product_row *product_find(const struct inventory *inventory,
                                 struct slice product_id)
{
    uint64_t hash = state_hash(inventory, product_id);
    struct table_node *node = state_owns(inventory, hash)
                                  ? table_find(&inventory->products, hash, product_id)
                                  : NULL;
    return node != NULL ? CONTAINER_OF(node, struct product_row, node) : NULL;
}

struct slice product_named(const struct inventory_command *command)
{
    switch ((int)command->kind) {
    case INVENTORY_PRODUCT_UPSERT:
        return command->product_upsert.product.product_id;
    case INVENTORY_PRODUCT_DELETE:
        return command->product_delete.product_id;
    case INVENTORY_PRODUCT_GENERATE:
        return command->product_generate.product_id;
    default:
        return slice_of(NULL, 0);
    }
}

struct product_row *product_store(struct inventory *inventory, struct slice product_id,
                                  struct slice document, uint64_t etag)
{
    struct product_row *row = product_find(inventory, product_id);
    if (row == NULL) {
        row = memory_zalloc(sizeof *row + product_id.size);
        memcpy(row + 1, product_id.data, product_id.size);
        row->node.id = slice_of(row + 1, product_id.size);
        row->node.hash = state_hash(inventory, product_id);
        list_init(&row->dirty);
        table_insert(&inventory->products, &row->node);
        inventory->row_bytes += sizeof *row + product_id.size;
    }
    inventory->row_bytes += document.size - row->document_size;
    free(row->document);
    row->document = memory_copy(document.data, document.size);
    row->document_size = document.size;
    row->etag = etag;
    return row;
}

void product_free(struct inventory *inventory, struct product_row *row)
{
    list_remove(&row->dirty);
    table_remove(&inventory->products, &row->node);
    inventory->row_bytes -= sizeof *row + row->node.id.size + row->document_size;
    free(row->document);
    free(row);
}

static void product_merge(struct inventory_product *into,
                          const struct inventory_product *from, uint32_t mask)
{
    if (mask & PRODUCT_FIELD_NAME) {
        into->name = from->name;
    }
    if (mask & PRODUCT_FIELD_CATEGORIES) {
        into->categories = from->categories;
        into->category_count = from->category_count;
    }
    if (mask & PRODUCT_FIELD_BRAND) {
        into->brand = from->brand;
    }
    if (mask & PRODUCT_FIELD_AXES) {
        into->axes = from->axes;
        into->axis_count = from->axis_count;
    }
}

/* The row of the id; refuses a foreign range and another etag. */
static bool product_place(const struct inventory *inventory, struct slice product_id,
                          uint64_t etag, struct product_row **out_row,
                          struct inventory_outcome *out)
{
    if (!state_owns(inventory, state_hash(inventory, product_id))) {
        outcome_refuse(out, STATUS_EPOCH_CHANGED, INVENTORY_FIELD_PRODUCT_ID);
        return false;
    }
    *out_row = product_find(inventory, product_id);
    if (*out_row == NULL && etag != 0) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_PRODUCT_ID);
        return false;
    }
    if (*out_row != NULL && etag != 0 && etag != (*out_row)->etag) {
        outcome_refuse(out, STATUS_ETAG_MISMATCH, INVENTORY_FIELD_ETAG);
        return false;
    }
    return true;
}

static void product_show(const struct product_row *row, struct arena *arena,
                         struct inventory_outcome *out)
{
    out->status = view_product(row, arena, &out->product);
    out->has_product = out->status == STATUS_OK;
    out->etag = row->etag;
}

void product_upsert(struct inventory *inventory,
                    const struct inventory_product_upsert *command, struct arena *arena,
                    struct inventory_outcome *out)
{
    uint32_t mask = command->update_mask != 0 ? command->update_mask : PRODUCT_FIELDS_ALL;
    const struct slice id = command->product.product_id;
    struct inventory_product merged = {.create_ms = inventory->log_ms};
    struct product_row *row;
    struct buffer document;
    if (!product_place(inventory, id, command->etag, &row, out)) {
        return;
    }
    if (row != NULL) {
        product_show(row, arena, out);
        if (out->status != STATUS_OK || mask == PRODUCT_FIELDS_NONE) {
            return;
        }
        merged = out->product;
    }
    out->created = row == NULL;
    product_merge(&merged, &command->product, mask);
    merged.etag = state_etag_mint(inventory);
    merged.update_ms = inventory->log_ms;
    buffer_init(&document);
    rows_product_encode(&document, &merged);
    row = product_store(inventory, id, buffer_slice(&document), merged.etag);
    state_dirty(inventory, &inventory->dirty_products, &row->dirty, document.size);
    buffer_close(&document);
    product_show(row, arena, out);
}

void product_delete(struct inventory *inventory,
                    const struct inventory_product_delete *command,
                    struct inventory_outcome *out)
{
    struct product_row *row;
    if (!product_place(inventory, command->product_id, command->etag, &row, out)) {
        return;
    }
    if (row == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_PRODUCT_ID);
        return;
    }
    flush_delete_product(inventory, row);
    product_free(inventory, row);
}

/* Changes nothing: what is remembered is from which form of the product SKUs are made, so
 * that the same request makes the same ones again or is told that it cannot. */
void product_generate(struct inventory *inventory,
                      const struct inventory_product_generate *command,
                      struct arena *arena, struct inventory_outcome *out)
{
    struct product_row *row;
    if (!product_place(inventory, command->product_id, 0, &row, out)) {
        return;
    }
    if (row == NULL) {
        outcome_refuse(out, STATUS_NOT_FOUND, INVENTORY_FIELD_PRODUCT_ID);
        return;
    }
    product_show(row, arena, out);
}
