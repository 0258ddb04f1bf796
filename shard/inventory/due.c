/* SPDX-License-Identifier: Apache-2.0 */
/* Which due holds a read would see: what its TICK must name. */
#include "shard/base/mutant.h"
#include "shard/inventory/inventory_private.h"

enum {
    DUE_SKUS_AHEAD = 8, /* whose rows are asked of the memory */
};

struct due_names {
    const struct inventory *inventory;
    int64_t bounded_ms;
    uint64_t *sku_hashes;
    uint32_t sku_count;
    struct inventory_hold_id *holds;
    uint32_t hold_count;
};

static void due_sku(struct due_names *names, const struct sku_row *sku)
{
    if (sku == NULL || sku->due == NULL || names->sku_count == INVENTORY_TICK_NAMES_MAX) {
        return;
    }
    if (CONTAINER_OF(heap_peek(sku->due), struct hold_line_row, due)->hold->due_ms <=
        names->bounded_ms) {
        names->sku_hashes[names->sku_count++] = sku->node.hash;
    }
}

static void due_hold(struct due_names *names, const struct hold_row *hold)
{
    if (hold != NULL && hold->due.place != 0 && hold->due_ms <= names->bounded_ms &&
        names->hold_count < INVENTORY_TICK_NAMES_MAX) {
        names->holds[names->hold_count++] = hold->id;
    }
}

static void due_skus_named(struct due_names *names, const struct inventory_query *query)
{
    const struct inventory *inventory = names->inventory;
    for (uint32_t i = 0; i < query->sku_count; i++) {
        due_sku(names, state_sku_find(inventory, query->sku_ids[i]));
    }
    for (uint32_t i = 0; i < query->sku_hash_count; i++) {
        if (i + DUE_SKUS_AHEAD < query->sku_hash_count &&
            state_owns(inventory, query->sku_hashes[i + DUE_SKUS_AHEAD])) {
            table_prefetch(&inventory->skus, query->sku_hashes[i + DUE_SKUS_AHEAD]);
        }
        const struct table_node *node =
            state_owns(inventory, query->sku_hashes[i])
                ? table_find_hash(&inventory->skus, query->sku_hashes[i])
                : NULL;
        if (node != NULL) {
            due_sku(names, CONTAINER_OF(node, const struct sku_row, node));
        }
    }
}

/* The SKUs of one page of all levels. */
static void due_page(struct due_names *names, const struct inventory_query *query)
{
    const struct table *table = &names->inventory->skus;
    const struct table_node *node = table_next(table, NULL);
    uint32_t left = read_page_size(query);
    struct page_token token;
    if (query->page_token.size != 0) {
        if (token_decode(names->inventory, query->page_token, query->kind, &token) !=
            STATUS_OK) {
            return;
        }
        node = table_seek(table, token.first, token.id);
    }
    for (; node != NULL && left > 0; node = table_next(table, node)) {
        const struct sku_row *sku = CONTAINER_OF(node, const struct sku_row, node);
        due_sku(names, sku);
        left -= sku->level_count < left ? sku->level_count : left;
    }
}

static void due_owner(struct due_names *names, struct slice id)
{
    const struct owner_row *owner = state_owner_find(names->inventory, id);
    if (owner == NULL) {
        return;
    }
    for (const struct list *node = owner->holds.next; node != &owner->holds;
         node = node->next) {
        due_hold(names, LIST_ENTRY(node, const struct hold_row, owned));
    }
}

static bool due_gather(struct due_names *names, const struct inventory_query *query)
{
    switch (query->kind) {
    case INVENTORY_QUERY_LEVEL:
    case INVENTORY_QUERY_LEVEL_BATCH:
    case INVENTORY_QUERY_AVAILABILITY:
    case INVENTORY_QUERY_CHECK:
    case INVENTORY_QUERY_MOVEMENTS:
        due_skus_named(names, query);
        break;
    case INVENTORY_QUERY_LEVEL_LIST:
        if (query->sku_count > 0) {
            due_skus_named(names, query);
        } else {
            due_page(names, query);
        }
        break;
    case INVENTORY_QUERY_HOLD:
        due_hold(names, state_hold_find(names->inventory, query->hold_id));
        break;
    case INVENTORY_QUERY_HOLD_LIST:
        due_owner(names, query->owner);
        break;
    case INVENTORY_QUERY_COUNTERS:
        return true; /* whatever is due is counted */
    case INVENTORY_QUERY_SKU:
    case INVENTORY_QUERY_SKU_BATCH:
    case INVENTORY_QUERY_SKU_LIST:
    case INVENTORY_QUERY_LOCATION:
    case INVENTORY_QUERY_LOCATION_LIST:
    case INVENTORY_QUERY_LEDGER:
    case INVENTORY_QUERY_FEED:
    case INVENTORY_QUERY_OUTCOME:
    case INVENTORY_QUERY_IDENTIFIER:
        break;
    }
    return names->sku_count > 0 || names->hold_count > 0;
}

bool inventory_query_due(const struct inventory *inventory,
                         const struct inventory_query *query, int64_t bounded_ms,
                         struct arena *arena, struct inventory_command *out_tick)
{
    struct due_names names = {.inventory = inventory, .bounded_ms = bounded_ms};
    if (inventory_next_due(inventory) > bounded_ms) {
        return false; /* nearly always */
    }
    names.sku_hashes =
        arena_alloc(arena, INVENTORY_TICK_NAMES_MAX * sizeof *names.sku_hashes);
    names.holds = arena_alloc(arena, INVENTORY_TICK_NAMES_MAX * sizeof *names.holds);
    ASSERT(names.sku_hashes != NULL && names.holds != NULL);
    if (!due_gather(&names, query)) {
        return false;
    }
    *out_tick = (struct inventory_command){.kind = INVENTORY_TICK};
    out_tick->tick.sku_hashes = names.sku_hashes;
    out_tick->tick.sku_count = names.sku_count;
    out_tick->tick.holds = names.holds;
    out_tick->tick.hold_count = names.hold_count;
    return true;
}
