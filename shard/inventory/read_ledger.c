/* SPDX-License-Identifier: Apache-2.0 */
/* The ledger, from blocks still in memory and from the store: reads, never apply. */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"
#include "shard/storage/store.h"

enum {
    READ_LINKS_MAX = 10000, /* movements passed over for one page */
    READ_SEEKS_MAX = 64,    /* of a search for a time: halves of an index */
};

static void ledger_page_close(struct ledger_page *page)
{
    buffer_close(&page->bytes);
    free(page->movements);
}

static enum status ledger_page_decode(struct ledger_page *page,
                                      const struct key_order *key)
{
    struct ledger_reader reader;
    enum status status;
    page->loaded = false;
    page->count = 0;
    TRY(ledger_reader_init(&reader, key, buffer_slice(&page->bytes)));
    for (;;) {
        struct inventory_movement movement;
        void *movements = page->movements;
        status = ledger_reader_next(&reader, &movement);
        if (status != STATUS_OK) {
            break;
        }
        memory_reserve(&movements, &page->capacity, page->count + 1, sizeof movement);
        page->movements = movements;
        page->movements[page->count++] = movement;
    }
    if (status != STATUS_NOT_FOUND) {
        return status;
    }
    page->loaded = true;
    page->shard_id = key->shard_id;
    page->index = key->index;
    return STATUS_OK;
}

static bool ledger_block_equal(const struct map_node *node, const void *key)
{
    const uint64_t *index = key;
    return CONTAINER_OF(node, const struct ledger_block, node)->index == *index;
}

static enum status ledger_page_load(struct ledger_page *page,
                                    const struct inventory *inventory, uint64_t shard_id,
                                    uint64_t index)
{
    const struct key_order parts = {
        .shard_id = shard_id, .index = index, .sub = LEDGER_SUB_MOVEMENTS};
    const struct map_node *node = NULL;
    struct buffer key;
    enum status status;
    if (page->loaded && page->shard_id == shard_id && page->index == index) {
        return STATUS_OK;
    }
    if (shard_id == inventory->options.shard_id) {
        node =
            map_find(&inventory->block_map, hash_mix(index), ledger_block_equal, &index);
    }
    buffer_clear(&page->bytes);
    if (node != NULL) {
        const struct ledger_block *block =
            CONTAINER_OF(node, const struct ledger_block, node);
        buffer_append_slice(&page->bytes, buffer_slice(&block->bytes));
        return ledger_page_decode(page, &parts);
    }
    if (inventory->options.store == NULL) {
        return STATUS_NOT_FOUND;
    }
    buffer_init(&key);
    key_append_order(&key, &parts);
    status = store_get(inventory->options.store, NULL, buffer_slice(&key), &page->bytes);
    buffer_close(&key);
    return status == STATUS_OK ? ledger_page_decode(page, &parts) : status;
}

void ledger_copy(const struct inventory_movement *movement, struct arena *arena,
                 struct inventory_movement *out)
{
    *out = *movement;
    out->sku_id = arena_slice(arena, movement->sku_id);
    out->location_id = arena_slice(arena, movement->location_id);
    out->reference = arena_slice(arena, movement->reference);
    out->to.location_id = arena_slice(arena, movement->to.location_id);
}

static bool ledger_wanted(const struct inventory_query *query,
                          const struct inventory_movement *movement)
{
    const struct inventory_movements_wanted *wanted = &query->wanted;
    if (movement->log_ms < wanted->start_ms ||
        (wanted->end_ms != 0 && movement->log_ms >= wanted->end_ms)) {
        return false;
    }
    if (wanted->reference.size != 0 &&
        !slice_equal(movement->reference, wanted->reference)) {
        return false;
    }
    return query->location_count == 0 ||
           slice_equal(movement->location_id, query->location_ids[0]) ||
           slice_equal(movement->to.location_id, query->location_ids[0]);
}

/* --- Of one SKU, newest first -------------------------------------------------------------- */

/* Follows the links from `at`; leaves `at` where the next page begins. */
static enum status ledger_follow(const struct inventory *inventory,
                                 const struct inventory_query *query, struct arena *arena,
                                 struct ledger_position *at, struct inventory_answer *out)
{
    uint32_t size = read_page_size(query);
    struct inventory_movement *movements = arena_zalloc(arena, size * sizeof *movements);
    struct ledger_page page = {.loaded = false};
    enum status status = movements != NULL ? STATUS_OK : STATUS_TOO_LARGE;
    uint32_t count = 0;
    buffer_init(&page.bytes);
    for (uint32_t links = 0;
         status == STATUS_OK && at->index != 0 && count < size && links < READ_LINKS_MAX;
         links++) {
        const struct inventory_movement *movement;
        status = ledger_page_load(&page, inventory, at->shard_id, at->index);
        if (status == STATUS_NOT_FOUND ||
            (status == STATUS_OK && at->sub >= page.count)) {
            /* The first position may be the caller's own, the others are the ledger's. */
            bool asked = links == 0 && query->page_token.size != 0;
            status = asked ? STATUS_BAD_TOKEN : STATUS_CHECKSUM;
        }
        if (status != STATUS_OK) {
            break;
        }
        movement = &page.movements[at->sub];
        if (ledger_wanted(query, movement)) {
            ledger_copy(movement, arena, &movements[count++]);
        }
        *at = movement->previous;
        if (movement->log_ms < query->wanted.start_ms) {
            *at = (struct ledger_position){0, 0, 0}; /* older ones are older still */
        }
    }
    ledger_page_close(&page);
    out->movements = movements;
    out->movement_count = count;
    return status;
}

enum status read_movements(const struct inventory *inventory,
                           const struct inventory_query *query, struct arena *arena,
                           struct inventory_answer *out)
{
    const struct sku_row *sku =
        query->sku_count > 0 ? state_sku_find(inventory, query->sku_ids[0]) : NULL;
    struct ledger_position at;
    if (sku == NULL) {
        return STATUS_NOT_FOUND;
    }
    at = sku->movement;
    if (query->page_token.size != 0) {
        struct page_token token;
        uint8_t shard[8];
        TRY(token_decode(inventory, query->page_token, query->kind, &token));
        if (token.sub_id.size != sizeof shard || token.second > UINT32_MAX ||
            !slice_equal(token.id, sku->node.id)) {
            return STATUS_BAD_TOKEN;
        }
        at = (struct ledger_position){load_be64(token.sub_id.data), token.first,
                                      (uint32_t)token.second};
    }
    TRY(ledger_follow(inventory, query, arena, &at, out));
    if (at.index != 0) {
        uint8_t shard[8];
        store_be64(shard, at.shard_id);
        out->next_page_token =
            token_encode(inventory, arena,
                         &(struct page_token){.kind = query->kind,
                                              .first = at.index,
                                              .second = at.sub,
                                              .id = sku->node.id,
                                              .sub_id = slice_of(shard, sizeof shard)});
    }
    return STATUS_OK;
}

/* --- All, oldest first ----------------------------------------------------------------------- */

static enum status ledger_walk_store(const struct inventory *inventory, uint64_t from,
                                     uint64_t to, ledger_visit *visit, void *context)
{
    struct ledger_page page = {.loaded = false};
    struct store_cursor *cursor = NULL;
    struct store_scan scan = {.uncached = true};
    struct buffer start, end;
    enum status status;
    buffer_init(&page.bytes);
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_order(inventory->options.shard_id, from, to, &start, &end);
    scan.start = buffer_slice(&start);
    scan.end = buffer_slice(&end);
    status = store_cursor_open(inventory->options.store, &scan, &cursor);
    for (; status == STATUS_OK && cursor->valid; store_cursor_next(cursor)) {
        struct key_order key;
        if (!key_parse_order(cursor->key, &key)) {
            status = STATUS_CHECKSUM;
        } else if (key.sub == LEDGER_SUB_MOVEMENTS) {
            buffer_clear(&page.bytes);
            buffer_append_slice(&page.bytes, cursor->value);
            status = ledger_page_decode(&page, &key);
            status = status == STATUS_OK ? visit(context, &page) : status;
        }
    }
    if (status == STATUS_OK) {
        status = cursor->status;
    }
    store_cursor_close(cursor);
    ledger_page_close(&page);
    buffer_close(&start);
    buffer_close(&end);
    return status;
}

enum status ledger_walk(const struct inventory *inventory, uint64_t from,
                        ledger_visit *visit, void *context)
{
    struct ledger_page page = {.loaded = false};
    enum status status = STATUS_OK;
    uint64_t in_memory = 0; /* 0: nothing is */
    if (!list_empty(&inventory->blocks)) {
        in_memory =
            LIST_ENTRY(inventory->blocks.next, const struct ledger_block, blocks)->index;
    }
    if (inventory->options.store != NULL && (in_memory == 0 || from < in_memory)) {
        TRY(ledger_walk_store(inventory, from, in_memory, visit, context));
    }
    buffer_init(&page.bytes);
    for (const struct list *node = inventory->blocks.next;
         status == STATUS_OK && node != &inventory->blocks; node = node->next) {
        uint64_t index = LIST_ENTRY(node, const struct ledger_block, blocks)->index;
        if (index >= from) {
            status =
                ledger_page_load(&page, inventory, inventory->options.shard_id, index);
            status = status == STATUS_OK ? visit(context, &page) : status;
        }
    }
    ledger_page_close(&page);
    return status;
}

struct ledger_list {
    const struct inventory_query *query;
    struct arena *arena;
    struct ledger_position from;
    uint32_t seen;
    struct inventory_movement *movements;
    uint32_t count;
    uint32_t size;
    struct ledger_position next; /* index 0: the end was reached */
};

static enum status ledger_list_visit(void *context, struct ledger_page *page)
{
    struct ledger_list *list = context;
    for (size_t i = 0; i < page->count; i++) {
        const struct inventory_movement *movement = &page->movements[i];
        if (page->index == list->from.index && i < list->from.sub) {
            continue;
        }
        if (list->query->wanted.end_ms != 0 &&
            movement->log_ms >= list->query->wanted.end_ms) {
            return STATUS_CANCELLED; /* later ones are later still */
        }
        if (list->count == list->size || list->seen == READ_LINKS_MAX) {
            list->next = movement->position;
            return STATUS_CANCELLED; /* the page is full */
        }
        list->seen++;
        if (ledger_wanted(list->query, movement)) {
            ledger_copy(movement, list->arena, &list->movements[list->count++]);
        }
    }
    return STATUS_OK;
}

/* The first stored block at or behind `index`, or the last one. NOT_FOUND: none. */
static enum status ledger_block_at(const struct inventory *inventory, uint64_t index,
                                   bool last, uint64_t *out_index, int64_t *out_ms)
{
    struct store_cursor *cursor = NULL;
    struct store_scan scan = {.uncached = true, .descending = last};
    struct buffer start, end;
    struct ledger_reader reader;
    struct key_order key = {.sub = LEDGER_SUB_MOVEMENTS + 1};
    enum status status;
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_order(inventory->options.shard_id, index, 0, &start, &end);
    scan.start = buffer_slice(&start);
    scan.end = buffer_slice(&end);
    status = store_cursor_open(inventory->options.store, &scan, &cursor);
    while (status == STATUS_OK && cursor->valid && key.sub != LEDGER_SUB_MOVEMENTS) {
        if (!key_parse_order(cursor->key, &key)) {
            status = STATUS_CHECKSUM;
        } else if (key.sub != LEDGER_SUB_MOVEMENTS) {
            store_cursor_next(cursor);
        }
    }
    if (status == STATUS_OK && !cursor->valid) {
        status = cursor->status == STATUS_OK ? STATUS_NOT_FOUND : cursor->status;
    }
    if (status == STATUS_OK) {
        status = ledger_reader_init(&reader, &key, cursor->value);
        *out_index = key.index;
        *out_ms = reader.log_ms;
    }
    store_cursor_close(cursor);
    buffer_close(&start);
    buffer_close(&end);
    return status;
}

/* The first index whose movements may be at this time or later: log time never falls. */
static enum status ledger_seek_time(const struct inventory *inventory, int64_t start_ms,
                                    uint64_t *out_index)
{
    uint64_t low = 0, high = 0, index = 0;
    int64_t log_ms = 0;
    enum status status = STATUS_NOT_FOUND;
    if (inventory->options.store != NULL) {
        status = ledger_block_at(inventory, 0, true, &high, &log_ms);
    }
    high++; /* behind every block that is stored */
    for (int i = 0; status == STATUS_OK && i < READ_SEEKS_MAX && low < high; i++) {
        uint64_t middle = low + (high - low) / 2;
        status = ledger_block_at(inventory, middle, false, &index, &log_ms);
        if (status == STATUS_NOT_FOUND || (status == STATUS_OK && log_ms >= start_ms)) {
            status = STATUS_OK;
            high = middle;
        } else {
            low = index + 1;
        }
    }
    *out_index = low;
    return status == STATUS_NOT_FOUND ? STATUS_OK : status;
}

enum status read_ledger(const struct inventory *inventory,
                        const struct inventory_query *query, struct arena *arena,
                        struct inventory_answer *out)
{
    struct ledger_list list = {.query = query,
                               .arena = arena,
                               .from = query->from,
                               .size = read_page_size(query)};
    enum status status;
    if (query->page_token.size != 0) {
        struct page_token token;
        TRY(token_decode(inventory, query->page_token, query->kind, &token));
        list.from.index = token.first;
        list.from.sub = (uint32_t)token.second;
    } else if (query->wanted.start_ms > 0) {
        uint64_t index;
        TRY(ledger_seek_time(inventory, query->wanted.start_ms, &index));
        if (index > list.from.index) {
            list.from = (struct ledger_position){.index = index};
        }
    }
    list.movements = arena_zalloc(arena, list.size * sizeof *list.movements);
    if (list.movements == NULL) {
        return STATUS_TOO_LARGE;
    }
    status = ledger_walk(inventory, list.from.index, ledger_list_visit, &list);
    if (status != STATUS_OK && status != STATUS_CANCELLED) {
        return status;
    }
    out->movements = list.movements;
    out->movement_count = list.count;
    if (list.next.index != 0) {
        out->next_page_token = token_encode(
            inventory, arena,
            &(struct page_token){
                .kind = query->kind, .first = list.next.index, .second = list.next.sub});
    }
    return STATUS_OK;
}

/* --- The audit --------------------------------------------------------------------------------- */

/* What the ledger alone says of one (SKU, location), or of one SKU's chain. */
struct audit_row {
    struct map_node node;
    struct slice sku_id;
    struct slice location_id; /* empty for the SKU's chain */
    int64_t buckets[STOCK_BUCKET_COUNT];
    struct ledger_position last;
};

struct audit {
    struct arena arena;
    struct map rows;
    struct inventory_audit_report report;
};

static bool audit_equal(const struct map_node *node, const void *key)
{
    const struct audit_row *a = CONTAINER_OF(node, const struct audit_row, node);
    const struct audit_row *b = key;
    return slice_equal(a->sku_id, b->sku_id) &&
           slice_equal(a->location_id, b->location_id);
}

static struct audit_row *audit_row_get(struct audit *audit, struct slice sku_id,
                                       struct slice location_id)
{
    struct audit_row wanted = {.sku_id = sku_id, .location_id = location_id};
    uint64_t hash = hash64(sku_id, hash64(location_id, 1));
    struct map_node *node = map_find(&audit->rows, hash, audit_equal, &wanted);
    struct audit_row *row;
    if (node != NULL) {
        return CONTAINER_OF(node, struct audit_row, node);
    }
    row = arena_zalloc(&audit->arena, sizeof *row);
    row->sku_id = arena_slice(&audit->arena, sku_id);
    row->location_id = arena_slice(&audit->arena, location_id);
    map_insert(&audit->rows, &row->node, hash);
    return row;
}

static void audit_mismatch(struct audit *audit, struct slice sku_id,
                           struct slice location_id)
{
    if (audit->report.mismatches++ == 0) {
        audit->report.sku_id = arena_slice(&audit->arena, sku_id);
        audit->report.location_id = arena_slice(&audit->arena, location_id);
    }
}

static void audit_leg(struct audit *audit, struct slice sku_id,
                      const struct inventory_leg *leg)
{
    struct audit_row *level = audit_row_get(audit, sku_id, leg->location_id);
    if (memcmp(level->buckets, leg->before, sizeof level->buckets) != 0) {
        audit_mismatch(audit, sku_id, leg->location_id);
    }
    memcpy(level->buckets, leg->after, sizeof level->buckets);
}

static enum status audit_visit(void *context, struct ledger_page *page)
{
    struct audit *audit = context;
    for (size_t i = 0; i < page->count; i++) {
        const struct inventory_movement *movement = &page->movements[i];
        struct audit_row *level =
            audit_row_get(audit, movement->sku_id, movement->location_id);
        struct audit_row *chain =
            audit_row_get(audit, movement->sku_id, slice_of(NULL, 0));
        bool linked = movement->sequence == 1
                          ? movement->previous.index == 0
                          : movement->previous.shard_id == chain->last.shard_id &&
                                movement->previous.index == chain->last.index &&
                                movement->previous.sub == chain->last.sub;
        if (!linked) {
            audit->report.broken_links++;
        }
        if (memcmp(level->buckets, movement->before, sizeof level->buckets) != 0) {
            audit_mismatch(audit, movement->sku_id, movement->location_id);
        }
        memcpy(level->buckets, movement->after, sizeof level->buckets);
        if (movement->to.location_id.size != 0) {
            audit_leg(audit, movement->sku_id, &movement->to);
        }
        chain->last = movement->position;
        audit->report.movements++;
    }
    return STATUS_OK;
}

/* Every level against the ledger's word; what is left over must be 0. */
static void audit_levels(struct audit *audit, const struct inventory *inventory)
{
    const int64_t nothing[STOCK_BUCKET_COUNT] = {0};
    for (const struct table_node *node = table_next(&inventory->skus, NULL); node != NULL;
         node = table_next(&inventory->skus, node)) {
        const struct sku_row *sku = CONTAINER_OF(node, const struct sku_row, node);
        for (uint32_t i = 0; i < sku->level_count; i++) {
            const struct level_row *level = sku->levels[i];
            struct audit_row *row =
                audit_row_get(audit, node->id, level->location->node.id);
            if (memcmp(row->buckets, level->buckets, sizeof row->buckets) != 0) {
                audit_mismatch(audit, node->id, level->location->node.id);
            }
            memcpy(row->buckets, nothing, sizeof nothing);
            audit->report.levels++;
        }
    }
    for (struct map_node *node = map_next(&audit->rows, NULL); node != NULL;
         node = map_next(&audit->rows, node)) {
        const struct audit_row *row = CONTAINER_OF(node, const struct audit_row, node);
        if (memcmp(row->buckets, nothing, sizeof nothing) != 0) {
            audit_mismatch(audit, row->sku_id, row->location_id);
        }
    }
}

enum status inventory_audit(const struct inventory *inventory, struct arena *arena,
                            struct inventory_audit_report *out_report)
{
    struct audit audit = {.report = {.movements = 0}};
    enum status status;
    arena_init(&audit.arena, NULL, 0, 0);
    map_init(&audit.rows);
    status = ledger_walk(inventory, 0, audit_visit, &audit);
    if (status == STATUS_OK) {
        audit_levels(&audit, inventory);
        *out_report = audit.report;
        out_report->sku_id = arena_slice(arena, audit.report.sku_id);
        out_report->location_id = arena_slice(arena, audit.report.location_id);
    }
    map_close(&audit.rows);
    arena_close(&audit.arena);
    return status;
}
