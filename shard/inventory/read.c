/* SPDX-License-Identifier: Apache-2.0 */
/* Queries: pure functions of the applied log. */
#include "shard/inventory/inventory_private.h"

enum {
    READ_SKUS_AHEAD = 4,   /* whose levels are asked of the memory, */
    READ_LEVELS_AHEAD = 2, /* the first of each */
};

uint32_t read_page_size(const struct inventory_query *query)
{
    if (query->page_size == 0) {
        return INVENTORY_PAGE_SIZE_DEFAULT;
    }
    return query->page_size < INVENTORY_PAGE_SIZE_MAX ? query->page_size
                                                      : INVENTORY_PAGE_SIZE_MAX;
}

/* One list being filled. */
struct read_page {
    const struct inventory *inventory;
    const struct inventory_query *query;
    struct arena *arena;
    struct inventory_answer *out;
    struct page_token token; /* where this page begins */
    uint32_t size;
    size_t bytes_before;
};

static enum status read_page_init(struct read_page *page,
                                  const struct inventory *inventory,
                                  const struct inventory_query *query,
                                  struct arena *arena, struct inventory_answer *out)
{
    *page = (struct read_page){.inventory = inventory,
                               .query = query,
                               .arena = arena,
                               .out = out,
                               .size = read_page_size(query),
                               .bytes_before = arena->used_bytes};
    if (query->page_token.size == 0) {
        return STATUS_OK;
    }
    return token_decode(inventory, query->page_token, query->kind, &page->token);
}

static bool read_page_full(const struct read_page *page, uint32_t count)
{
    return count == page->size ||
           (count > 0 &&
            page->arena->used_bytes - page->bytes_before > READ_ANSWER_BYTES_MAX);
}

static void *read_page_items(const struct read_page *page, size_t item_size)
{
    return arena_zalloc(page->arena, page->size * item_size);
}

static void read_page_end(struct read_page *page, const struct page_token *next)
{
    page->out->next_page_token = token_encode(page->inventory, page->arena, next);
}

/* The node where a list by hash begins: behind the token's. */
static struct table_node *read_page_start(const struct read_page *page,
                                          const struct table *table)
{
    struct table_node *node;
    if (page->query->page_token.size == 0) {
        return table_next(table, NULL);
    }
    node = table_seek(table, page->token.first, page->token.id);
    return node;
}

/* --- Catalogue ---------------------------------------------------------------------------- */

static enum status read_sku(const struct inventory *inventory,
                            const struct inventory_query *query, struct arena *arena,
                            struct inventory_answer *out)
{
    struct inventory_sku *skus =
        arena_zalloc(arena, (query->sku_count + 1) * sizeof *skus);
    struct slice *missing = arena_zalloc(arena, (query->sku_count + 1) * sizeof *missing);
    size_t bytes_before = arena->used_bytes;
    if (skus == NULL || missing == NULL) {
        return STATUS_TOO_LARGE;
    }
    out->skus = skus;
    out->missing = missing;
    for (uint32_t i = 0; i < query->sku_count; i++) {
        const struct sku_row *row = state_sku_find(inventory, query->sku_ids[i]);
        if (row == NULL) {
            missing[out->missing_count++] = arena_slice(arena, query->sku_ids[i]);
        } else {
            TRY(view_sku(row, arena, &skus[out->sku_count++]));
        }
        if (arena->used_bytes - bytes_before > READ_ANSWER_BYTES_MAX) {
            return STATUS_TOO_LARGE;
        }
    }
    return query->kind == INVENTORY_QUERY_SKU && out->sku_count == 0 ? STATUS_NOT_FOUND
                                                                     : STATUS_OK;
}

/* Nothing found is an answer: the caller may ask under another form. */
static enum status read_identifier(const struct inventory *inventory,
                                   const struct inventory_query *query,
                                   struct arena *arena, struct inventory_answer *out)
{
    const struct sku_row *sku = state_sku_find(inventory, query->identifier);
    const struct alias_row *alias = alias_find(inventory, query->identifier);
    struct inventory_sku *skus = arena_zalloc(arena, sizeof *skus);
    if (skus == NULL) {
        return STATUS_TOO_LARGE;
    }
    out->skus = skus;
    if (sku != NULL) {
        TRY(view_sku(sku, arena, skus));
        out->sku_count = 1;
    }
    if (alias != NULL) {
        out->alias = view_alias(alias);
        out->alias.identifier = arena_slice(arena, out->alias.identifier);
        out->alias.sku_id = arena_slice(arena, out->alias.sku_id);
        out->has_alias = true;
    }
    return STATUS_OK;
}

static enum status read_sku_list(struct read_page *page)
{
    struct inventory_sku *skus = read_page_items(page, sizeof *skus);
    struct table_node *node = read_page_start(page, &page->inventory->skus);
    uint32_t count = 0;
    if (skus == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (; node != NULL && !read_page_full(page, count);
         node = table_next(&page->inventory->skus, node)) {
        TRY(view_sku(CONTAINER_OF(node, struct sku_row, node), page->arena,
                     &skus[count++]));
    }
    if (node != NULL) {
        read_page_end(page, &(struct page_token){.kind = page->query->kind,
                                                 .first = node->hash,
                                                 .id = node->id});
    }
    page->out->skus = skus;
    page->out->sku_count = count;
    return STATUS_OK;
}

static enum status read_location(const struct inventory *inventory,
                                 const struct inventory_query *query, struct arena *arena,
                                 struct inventory_answer *out)
{
    struct inventory_location *location = arena_zalloc(arena, sizeof *location);
    const struct location_row *row =
        query->location_count > 0 ? state_location_find(inventory, query->location_ids[0])
                                  : NULL;
    if (row == NULL) {
        out->missing_location = true;
        return STATUS_NOT_FOUND;
    }
    if (location == NULL) {
        return STATUS_TOO_LARGE;
    }
    view_location(row, arena, location);
    out->locations = location;
    out->location_count = 1;
    return STATUS_OK;
}

static enum status read_location_list(struct read_page *page)
{
    struct inventory_location *locations = read_page_items(page, sizeof *locations);
    struct table_node *node = read_page_start(page, &page->inventory->locations);
    uint32_t count = 0;
    if (locations == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (; node != NULL && !read_page_full(page, count);
         node = table_next(&page->inventory->locations, node)) {
        const struct location_row *row = CONTAINER_OF(node, struct location_row, node);
        if (!row->copy || !page->query->homes_only) {
            view_location(row, page->arena, &locations[count++]);
        }
    }
    if (node != NULL) {
        read_page_end(page, &(struct page_token){.kind = page->query->kind,
                                                 .first = node->hash,
                                                 .id = node->id});
    }
    page->out->locations = locations;
    page->out->location_count = count;
    return STATUS_OK;
}

/* --- Levels -------------------------------------------------------------------------------- */

/* A level never written is all 0. */
static enum status read_level(const struct inventory *inventory,
                              const struct inventory_query *query, struct arena *arena,
                              struct inventory_answer *out)
{
    const struct sku_row *sku =
        query->sku_count > 0 ? state_sku_find(inventory, query->sku_ids[0]) : NULL;
    const struct location_row *location =
        query->location_count > 0 ? state_location_find(inventory, query->location_ids[0])
                                  : NULL;
    struct inventory_level *view = arena_zalloc(arena, sizeof *view);
    const struct level_row *level;
    if (sku == NULL || location == NULL) {
        out->missing_location = sku != NULL;
        return STATUS_NOT_FOUND;
    }
    if (view == NULL) {
        return STATUS_TOO_LARGE;
    }
    level = state_level_find(sku, location->node.id);
    if (level != NULL) {
        view_level(level, arena, view);
    } else {
        view->sku_id = arena_slice(arena, sku->node.id);
        view->location_id = arena_slice(arena, location->node.id);
    }
    out->levels = view;
    out->level_count = 1;
    return STATUS_OK;
}

bool read_location_wanted(const struct inventory_query *query,
                          const struct level_row *level)
{
    for (uint32_t i = 0; i < query->location_count; i++) {
        if (slice_equal(level->location->node.id, query->location_ids[i])) {
            return true;
        }
    }
    return query->location_count == 0;
}

static enum status read_level_batch(const struct inventory *inventory,
                                    const struct inventory_query *query,
                                    struct arena *arena, struct inventory_answer *out)
{
    struct slice *missing = arena_zalloc(arena, (query->sku_count + 1) * sizeof *missing);
    struct inventory_level *levels;
    size_t count_max = 0;
    size_t bytes_before = arena->used_bytes;
    for (uint32_t i = 0; i < query->sku_count; i++) {
        const struct sku_row *sku = state_sku_find(inventory, query->sku_ids[i]);
        count_max += sku != NULL ? sku->level_count : 0;
    }
    if (missing == NULL || count_max * sizeof *levels > READ_ANSWER_BYTES_MAX) {
        return STATUS_TOO_LARGE;
    }
    levels = arena_zalloc(arena, (count_max + 1) * sizeof *levels);
    if (levels == NULL) {
        return STATUS_TOO_LARGE;
    }
    out->levels = levels;
    out->missing = missing;
    for (uint32_t i = 0; i < query->sku_count; i++) {
        const struct sku_row *sku = state_sku_find(inventory, query->sku_ids[i]);
        if (sku == NULL) {
            missing[out->missing_count++] = arena_slice(arena, query->sku_ids[i]);
        }
        for (uint32_t j = 0; sku != NULL && j < sku->level_count; j++) {
            if (read_location_wanted(query, sku->levels[j])) {
                view_level(sku->levels[j], arena, &levels[out->level_count++]);
            }
        }
    }
    return arena->used_bytes - bytes_before > 2 * READ_ANSWER_BYTES_MAX ? STATUS_TOO_LARGE
                                                                        : STATUS_OK;
}

/* The token names the first level of the next page. */
static enum status read_level_list(struct read_page *page)
{
    const struct table *table = &page->inventory->skus;
    struct inventory_level *levels = read_page_items(page, sizeof *levels);
    bool one = page->query->sku_count > 0;
    struct table_node *node = read_page_start(page, table);
    uint32_t count = 0;
    if (levels == NULL) {
        return STATUS_TOO_LARGE;
    }
    if (one) {
        const struct sku_row *only =
            state_sku_find(page->inventory, page->query->sku_ids[0]);
        if (only == NULL) {
            return STATUS_NOT_FOUND;
        }
        node = table_find(table, only->node.hash, only->node.id);
    }
    for (; node != NULL; node = one ? NULL : table_next(table, node)) {
        const struct sku_row *sku = CONTAINER_OF(node, struct sku_row, node);
        bool resumed = slice_equal(node->id, page->token.id);
        for (uint32_t i = 0; i < sku->level_count; i++) {
            const struct level_row *level = sku->levels[i];
            if (resumed &&
                slice_compare(level->location->node.id, page->token.sub_id) < 0) {
                continue;
            }
            if (read_page_full(page, count)) {
                read_page_end(page,
                              &(struct page_token){.kind = page->query->kind,
                                                   .first = node->hash,
                                                   .id = node->id,
                                                   .sub_id = level->location->node.id});
                node = NULL;
                break;
            }
            view_level(level, page->arena, &levels[count++]);
        }
        if (node == NULL) {
            break;
        }
    }
    page->out->levels = levels;
    page->out->level_count = count;
    return STATUS_OK;
}

/* --- Availability ---------------------------------------------------------------------------- */

bool read_channel_served(const struct inventory_location *location, struct slice channel)
{
    if (channel.size == 0 || location->channel_count == 0) {
        return true;
    }
    for (uint32_t i = 0; i < location->channel_count; i++) {
        if (slice_equal(location->channels[i], channel)) {
            return true;
        }
    }
    return false;
}

static enum status read_availability_of(const struct sku_row *sku,
                                        const struct inventory_query *query,
                                        struct arena *arena,
                                        struct inventory_availability *out)
{
    const struct inventory_demand *demand = &query->demand;
    int64_t wanted = demand->quantity > 0 ? demand->quantity : 1;
    struct inventory_sku *view = arena_zalloc(arena, sizeof *view);
    wide sum = 0;
    if (view == NULL) {
        return STATUS_TOO_LARGE;
    }
    out->found = true;
    out->sku_hash = sku->node.hash;
    for (uint32_t i = 0; i < sku->level_count; i++) {
        const struct level_row *level = sku->levels[i];
        int64_t room;
        if (!read_location_wanted(query, level) ||
            !read_channel_served(level->location->view, demand->channel)) {
            continue;
        }
        room = level_clip(level_room(level, demand->allow_backorder));
        sum += room;
        if (room > out->best_available) {
            out->best_available = room;
            out->best_location_id = arena_slice(arena, level->location->node.id);
        }
    }
    out->available = level_clip(sum);
    out->sellable = sku->state == SKU_STATE_ACTIVE && out->best_available >= wanted;
    out->sku = view;
    return view_sku(sku, arena, view);
}

static const struct sku_row *read_sku_by_hash(const struct inventory *inventory,
                                              uint64_t hash)
{
    const struct table_node *node =
        state_owns(inventory, hash) ? table_find_hash(&inventory->skus, hash) : NULL;
    return node != NULL ? CONTAINER_OF(node, const struct sku_row, node) : NULL;
}

/* The rows that are asked for, and their hashes. Rows lead to levels and documents all
 * over memory: finding them all first lets these be asked for early. */
static void read_rows(const struct inventory *inventory,
                      const struct inventory_query *query, const struct sku_row **rows,
                      struct inventory_availability *items)
{
    for (uint32_t i = 0; i < query->sku_count; i++) {
        rows[i] = state_sku_find(inventory, query->sku_ids[i]);
        items[i].sku_hash = state_hash(inventory, query->sku_ids[i]);
    }
    for (uint32_t i = 0; i < query->sku_hash_count; i++) {
        uint64_t hash = query->sku_hashes[i];
        const struct sku_row *row = read_sku_by_hash(inventory, hash);
        rows[query->sku_count + i] = row;
        items[query->sku_count + i].sku_hash = hash;
        if (row != NULL) {
            __builtin_prefetch(row->levels);
            __builtin_prefetch(row->document);
        }
    }
}

static void read_prefetch(const struct sku_row *row)
{
    for (uint32_t i = 0; row != NULL && i < row->level_count && i < READ_LEVELS_AHEAD;
         i++) {
        __builtin_prefetch(row->levels[i]);
        __builtin_prefetch(&row->levels[i]->buckets[STOCK_BUCKET_COUNT - 1]);
    }
}

static enum status read_availability(const struct inventory *inventory,
                                     const struct inventory_query *query,
                                     struct arena *arena, struct inventory_answer *out)
{
    uint32_t count = query->sku_count + query->sku_hash_count;
    struct inventory_availability *items =
        arena_zalloc(arena, ((size_t)count + 1) * sizeof *items);
    const struct sku_row **rows = arena_alloc(arena, ((size_t)count + 1) * sizeof *rows);
    size_t bytes_before = arena->used_bytes;
    if (items == NULL || rows == NULL) {
        return STATUS_TOO_LARGE;
    }
    read_rows(inventory, query, rows, items);
    for (uint32_t i = 0; i < count; i++) {
        read_prefetch(i + READ_SKUS_AHEAD < count ? rows[i + READ_SKUS_AHEAD] : NULL);
        if (rows[i] != NULL) {
            TRY(read_availability_of(rows[i], query, arena, &items[i]));
        }
        if (arena->used_bytes - bytes_before > READ_ANSWER_BYTES_MAX) {
            return STATUS_TOO_LARGE;
        }
    }
    out->availabilities = items;
    out->availability_count = count;
    return STATUS_OK;
}

/* --- Holds, counters --------------------------------------------------------------------------- */

static enum status read_hold(const struct inventory *inventory,
                             const struct inventory_query *query, struct arena *arena,
                             struct inventory_answer *out)
{
    const struct hold_row *hold = state_hold_find(inventory, query->hold_id);
    struct inventory_hold *view = arena_zalloc(arena, sizeof *view);
    if (hold == NULL || state_hold_hidden(hold) ||
        (query->owner.size != 0 && !slice_equal(query->owner, hold->owner->id))) {
        return STATUS_NOT_FOUND;
    }
    if (view == NULL) {
        return STATUS_TOO_LARGE;
    }
    view_hold(hold, arena, view);
    out->holds = view;
    out->hold_count = 1;
    return STATUS_OK;
}

/* The token holds the sequence of the next hold. */
static enum status read_hold_list(struct read_page *page)
{
    struct inventory_hold *holds = read_page_items(page, sizeof *holds);
    const struct owner_row *owner = state_owner_find(page->inventory, page->query->owner);
    uint32_t count = 0;
    if (holds == NULL) {
        return STATUS_TOO_LARGE;
    }
    page->out->holds = holds;
    if (owner == NULL) {
        return STATUS_OK;
    }
    for (const struct list *node = owner->holds.next; node != &owner->holds;
         node = node->next) {
        const struct hold_row *hold = LIST_ENTRY(node, const struct hold_row, owned);
        if (hold->sequence < page->token.first || state_hold_hidden(hold)) {
            continue;
        }
        if (read_page_full(page, count)) {
            read_page_end(page, &(struct page_token){.kind = page->query->kind,
                                                     .first = hold->sequence});
            break;
        }
        view_hold(hold, page->arena, &holds[count++]);
    }
    page->out->hold_count = count;
    return STATUS_OK;
}

/* --- What became of a request ------------------------------------------------------------------ */

/* The record of the hold that the outcome waits for; NULL: for none. */
static const struct hold_row *read_awaited(const struct inventory *inventory,
                                           const struct inventory_query *query,
                                           const struct inventory_outcome *outcome)
{
    const struct hold_row *hold =
        outcome->has_hold ? state_hold_find(inventory, outcome->hold.hold_id) : NULL;
    bool decides = query->asked->kind == INVENTORY_HOLD_CREATE && !outcome->pending;
    return hold != NULL && !decides && !hold_home_settled(hold) ? hold : NULL;
}

static enum status read_outcome(const struct inventory *inventory,
                                const struct inventory_query *query, struct arena *arena,
                                struct inventory_answer *out)
{
    const struct inventory_identity *identity = &query->asked->identity;
    const struct request_record *record = requests_find(inventory, identity->request_id);
    struct inventory_outcome *outcome = arena_zalloc(arena, sizeof *outcome);
    const struct hold_row *hold;
    uint64_t *hashes;
    if (outcome == NULL) {
        return STATUS_TOO_LARGE;
    }
    if (record == NULL) {
        return STATUS_NOT_FOUND;
    }
    TRY(result_decode(inventory, slice_of(record->result, record->result_size),
                      query->asked, arena, outcome));
    outcome->replayed = true;
    out->outcome = outcome;
    hold = read_awaited(inventory, query, outcome);
    if (hold == NULL) {
        return STATUS_OK;
    }
    hashes = arena_alloc(arena, (hold->home->share_count + 1) * sizeof *hashes);
    for (uint32_t i = 0; hashes != NULL && i < hold->home->share_count; i++) {
        if (hold->home->shares[i].acked < hold->home->version) {
            hashes[out->pending_count++] = hold->home->shares[i].sku_hash;
        }
    }
    out->pending_hashes = hashes;
    return STATUS_OK;
}

bool inventory_outcome_ripe(const struct inventory *inventory,
                            const struct inventory_query *query)
{
    struct inventory_answer answer = {.status = STATUS_OK};
    struct arena arena;
    bool ripe;
    arena_init(&arena, NULL, 0, 0);
    ripe = read_outcome(inventory, query, &arena, &answer) != STATUS_OK ||
           (!answer.outcome->pending &&
            read_awaited(inventory, query, answer.outcome) == NULL);
    arena_close(&arena);
    return ripe;
}

static void read_counters(const struct inventory *inventory,
                          struct inventory_counters *out)
{
    *out = (struct inventory_counters){
        .skus = inventory->skus.count,
        .locations = inventory->locations.count,
        .levels = inventory->level_count,
        .units_on_hand = level_clip(inventory->units_on_hand),
        .holds_open = inventory->holds_open,
        .holds_expired = inventory->holds_expired,
        .holds_unsettled = inventory->outbox.count + inventory->parts_undecided,
        .movements = inventory->movement_count,
        .requests = inventory->requests.count,
        .request_bytes = inventory->request_bytes,
        .imports = inventory->lanes.lanes.count,
        .imports_refused = inventory->lanes.refused_count,
        .memory_bytes = inventory->row_bytes + inventory->request_bytes,
    };
}

static enum status read_list(const struct inventory *inventory,
                             const struct inventory_query *query, struct arena *arena,
                             struct inventory_answer *out)
{
    struct read_page page;
    TRY(read_page_init(&page, inventory, query, arena, out));
    if (query->kind == INVENTORY_QUERY_SKU_LIST) {
        return read_sku_list(&page);
    }
    if (query->kind == INVENTORY_QUERY_LOCATION_LIST) {
        return read_location_list(&page);
    }
    if (query->kind == INVENTORY_QUERY_LEVEL_LIST) {
        return read_level_list(&page);
    }
    return read_hold_list(&page);
}

static enum status read_answer(const struct inventory *inventory,
                               const struct inventory_query *query, struct arena *arena,
                               struct inventory_answer *out)
{
    if (query->sku_count > INVENTORY_QUERY_IDS_MAX ||
        query->sku_hash_count > INVENTORY_QUERY_IDS_MAX ||
        query->location_count > INVENTORY_QUERY_IDS_MAX) {
        return STATUS_INVALID;
    }
    switch (query->kind) {
    case INVENTORY_QUERY_SKU:
    case INVENTORY_QUERY_SKU_BATCH:
        return read_sku(inventory, query, arena, out);
    case INVENTORY_QUERY_IDENTIFIER:
        return read_identifier(inventory, query, arena, out);
    case INVENTORY_QUERY_LOCATION:
        return read_location(inventory, query, arena, out);
    case INVENTORY_QUERY_SKU_LIST:
    case INVENTORY_QUERY_LOCATION_LIST:
    case INVENTORY_QUERY_LEVEL_LIST:
    case INVENTORY_QUERY_HOLD_LIST:
        return read_list(inventory, query, arena, out);
    case INVENTORY_QUERY_LEVEL:
        return read_level(inventory, query, arena, out);
    case INVENTORY_QUERY_LEVEL_BATCH:
        return read_level_batch(inventory, query, arena, out);
    case INVENTORY_QUERY_AVAILABILITY:
        return read_availability(inventory, query, arena, out);
    case INVENTORY_QUERY_CHECK:
        return read_check(inventory, query, arena, out);
    case INVENTORY_QUERY_HOLD:
        return read_hold(inventory, query, arena, out);
    case INVENTORY_QUERY_MOVEMENTS:
        return read_movements(inventory, query, arena, out);
    case INVENTORY_QUERY_LEDGER:
        return read_ledger(inventory, query, arena, out);
    case INVENTORY_QUERY_FEED:
        return read_feed(inventory, query, arena, out);
    case INVENTORY_QUERY_OUTCOME:
        return read_outcome(inventory, query, arena, out);
    case INVENTORY_QUERY_COUNTERS:
        read_counters(inventory, &out->counters);
        return STATUS_OK;
    }
    return STATUS_INVALID;
}

enum status inventory_read(const struct inventory *inventory,
                           const struct inventory_query *query, struct arena *arena,
                           struct inventory_answer *out)
{
    *out = (struct inventory_answer){.status = STATUS_OK};
    out->status = read_answer(inventory, query, arena, out);
    return out->status;
}

int64_t inventory_log_ms(const struct inventory *inventory)
{
    return inventory->log_ms;
}

int64_t inventory_request_floor_ms(const struct inventory *inventory)
{
    return inventory->floor_ms;
}
