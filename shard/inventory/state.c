/* SPDX-License-Identifier: Apache-2.0 */
/* The rows in memory: found, made, linked and freed. No rule of the business is here. */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"

static bool state_hold_less(const struct heap_node *a, const struct heap_node *b)
{
    const struct hold_row *x = CONTAINER_OF(a, const struct hold_row, due);
    const struct hold_row *y = CONTAINER_OF(b, const struct hold_row, due);
    return x->due_ms != y->due_ms ? x->due_ms < y->due_ms : x->sequence < y->sequence;
}

static bool state_line_less(const struct heap_node *a, const struct heap_node *b)
{
    const struct hold_row *x = CONTAINER_OF(a, const struct hold_line_row, due)->hold;
    const struct hold_row *y = CONTAINER_OF(b, const struct hold_line_row, due)->hold;
    if (x == y) {
        return a < b; /* one hold's lines go together, so their order decides nothing */
    }
    return state_hold_less(&x->due, &y->due);
}

struct inventory *inventory_new(const struct inventory_options *options)
{
    struct inventory *inventory = memory_zalloc(sizeof *inventory);
    ASSERT(key_range_valid(options->range));
    inventory->options = *options;
    table_init(&inventory->skus, options->range.start,
               options->range.end - options->range.start);
    table_init(&inventory->locations, 0, 0);
    table_init(&inventory->aliases, options->range.start,
               options->range.end - options->range.start);
    map_init(&inventory->holds);
    map_init(&inventory->owners);
    heap_init(&inventory->due, state_hold_less);
    map_init(&inventory->parts);
    map_init(&inventory->part_requests);
    hold_heaps_init(inventory);
    list_init(&inventory->ended);
    import_lanes_init(&inventory->lanes);
    source_lanes_init(&inventory->sources);
    map_init(&inventory->requests);
    list_init(&inventory->chunks);
    inventory->chunks_least_ms = INT64_MAX;
    list_init(&inventory->dirty_skus);
    list_init(&inventory->dirty_levels);
    list_init(&inventory->dirty_holds);
    list_init(&inventory->dirty_parts);
    list_init(&inventory->dirty_locations);
    list_init(&inventory->dirty_counts);
    list_init(&inventory->dirty_count_lines);
    table_init(&inventory->counts, 0, 0);
    list_init(&inventory->dirty_aliases);
    buffer_init(&inventory->deletions);
    list_init(&inventory->blocks);
    map_init(&inventory->block_map);
    return inventory;
}

/* The walks step on before they free: from the start each time would cost a square. */
static void state_free_rows(struct inventory *inventory)
{
    struct map_node *node = map_next(&inventory->holds, NULL);
    struct table_node *row;
    while (node != NULL) {
        struct hold_row *hold = CONTAINER_OF(node, struct hold_row, node);
        node = map_next(&inventory->holds, node);
        state_hold_forget(inventory, hold);
    }
    node = map_next(&inventory->parts, NULL);
    while (node != NULL) {
        struct part_row *part = CONTAINER_OF(node, struct part_row, node);
        node = map_next(&inventory->parts, node);
        state_part_forget(inventory, part);
    }
    row = table_next(&inventory->skus, NULL);
    while (row != NULL) {
        struct sku_row *sku = CONTAINER_OF(row, struct sku_row, node);
        row = table_next(&inventory->skus, row);
        table_remove(&inventory->skus, &sku->node);
        state_sku_free(inventory, sku);
    }
    row = table_next(&inventory->locations, NULL);
    while (row != NULL) {
        struct location_row *location = CONTAINER_OF(row, struct location_row, node);
        row = table_next(&inventory->locations, row);
        free(location->view);
        free(location);
    }
    row = table_next(&inventory->aliases, NULL);
    while (row != NULL) {
        struct alias_row *alias = CONTAINER_OF(row, struct alias_row, node);
        row = table_next(&inventory->aliases, row);
        free(alias);
    }
}

void inventory_free(struct inventory *inventory)
{
    if (inventory == NULL) {
        return;
    }
    count_free_all(inventory);
    hold_mail_clear(inventory);
    state_free_rows(inventory);
    requests_free(inventory);
    while (!list_empty(&inventory->blocks)) {
        struct ledger_block *block =
            LIST_ENTRY(list_pop(&inventory->blocks), struct ledger_block, blocks);
        buffer_close(&block->bytes);
        free(block);
    }
    table_close(&inventory->skus);
    table_close(&inventory->locations);
    table_close(&inventory->aliases);
    map_close(&inventory->holds);
    map_close(&inventory->owners);
    import_lanes_close(&inventory->lanes);
    source_lanes_close(&inventory->sources);
    map_close(&inventory->requests);
    map_close(&inventory->block_map);
    heap_close(&inventory->due);
    map_close(&inventory->parts);
    map_close(&inventory->part_requests);
    heap_close(&inventory->outbox);
    heap_close(&inventory->asks);
    buffer_close(&inventory->deletions);
    free(inventory);
}

uint64_t state_hash(const struct inventory *inventory, struct slice id)
{
    return key_hash(id, inventory->options.hash_seed);
}

bool state_owns(const struct inventory *inventory, uint64_t hash)
{
    return key_range_contains(inventory->options.range, hash);
}

void state_tell_put(const struct inventory *inventory, const struct sku_row *row,
                    const struct inventory_sku *sku)
{
    const struct inventory_sink *sink = &inventory->options.sink;
    if (sink->sku_put != NULL) {
        struct inventory_sku told = *sku; /* stored forms have their id in the key */
        told.sku_id = row->node.id;
        sink->sku_put(sink->context, row->node.hash, &told);
    }
}

void state_tell_remove(const struct inventory *inventory, const struct sku_row *row)
{
    const struct inventory_sink *sink = &inventory->options.sink;
    if (sink->sku_remove != NULL) {
        sink->sku_remove(sink->context, row->node.hash);
    }
}

void state_dirty(struct inventory *inventory, struct list *list, struct list *node,
                 size_t bytes)
{
    if (list_empty(node)) {
        list_append(list, node);
        inventory->dirty_bytes += bytes;
    }
}

uint64_t state_etag_mint(struct inventory *inventory)
{
    struct apply_context *apply = &inventory->apply;
    uint64_t etag = hash_mix(inventory->options.shard_id + 1);
    etag = hash_mix(etag ^ apply->position.index);
    etag = hash_mix(etag ^ ++apply->etag_count);
    return etag != 0 ? etag : 1;
}

/* --- SKUs, levels, locations ------------------------------------------------------------ */

struct sku_row *state_sku_find(const struct inventory *inventory, struct slice sku_id)
{
    uint64_t hash = state_hash(inventory, sku_id);
    struct table_node *node =
        state_owns(inventory, hash) ? table_find(&inventory->skus, hash, sku_id) : NULL;
    return node != NULL ? CONTAINER_OF(node, struct sku_row, node) : NULL;
}

/* The id lies behind the struct. */
struct sku_row *state_sku_ghost(struct slice sku_id)
{
    struct sku_row *sku = memory_zalloc(sizeof *sku + sku_id.size);
    memcpy(sku + 1, sku_id.data, sku_id.size);
    sku->node.id = slice_of(sku + 1, sku_id.size);
    list_init(&sku->dirty);
    sku->deleted = true;
    return sku;
}

struct sku_row *state_sku_add(struct inventory *inventory, uint64_t hash,
                              struct slice sku_id)
{
    struct sku_row *sku = state_sku_ghost(sku_id);
    sku->node.hash = hash;
    sku->deleted = false;
    table_insert(&inventory->skus, &sku->node);
    inventory->row_bytes += sizeof *sku + sku_id.size;
    return sku;
}

void state_sku_free(struct inventory *inventory, struct sku_row *sku)
{
    for (uint32_t i = 0; i < sku->level_count; i++) {
        list_remove(&sku->levels[i]->dirty);
        free(sku->levels[i]->stamps);
        free(sku->levels[i]);
        if (!sku->deleted) {
            inventory->level_count--;
        }
    }
    list_remove(&sku->dirty);
    if (sku->due != NULL) {
        heap_close(sku->due);
        free(sku->due);
    }
    if (sku->parts != NULL) {
        heap_close(sku->parts);
        free(sku->parts);
    }
    free(sku->levels);
    free(sku->document);
    free(sku);
}

void state_sku_unref(struct inventory *inventory, struct sku_row *sku)
{
    sku->hold_refs--;
    if (sku->deleted && sku->hold_refs == 0) {
        state_sku_free(inventory, sku);
    }
}

/* The place of the location among the levels, or where it would go. */
static uint32_t state_level_place(const struct sku_row *sku, struct slice location_id)
{
    uint32_t low = 0, high = sku->level_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (slice_compare(sku->levels[middle]->location->node.id, location_id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

struct level_row *state_level_find(const struct sku_row *sku, struct slice location_id)
{
    uint32_t place = state_level_place(sku, location_id);
    if (place < sku->level_count &&
        slice_equal(sku->levels[place]->location->node.id, location_id)) {
        return sku->levels[place];
    }
    return NULL;
}

struct level_row *state_level_add(struct inventory *inventory, struct sku_row *sku,
                                  struct location_row *location)
{
    struct level_row *level = memory_zalloc(sizeof *level);
    uint32_t place = state_level_place(sku, location->node.id);
    size_t capacity = sku->level_capacity;
    void *levels = sku->levels;
    memory_reserve(&levels, &capacity, (size_t)sku->level_count + 1,
                   sizeof(struct level_row *));
    sku->levels = levels;
    sku->level_capacity = (uint32_t)capacity;
    memmove(&sku->levels[place + 1], &sku->levels[place],
            (sku->level_count - place) * sizeof sku->levels[0]);
    sku->levels[place] = level;
    sku->level_count++;
    list_init(&level->dirty);
    level->sku = sku;
    level->location = location;
    if (!sku->deleted) {
        inventory->level_count++;
        inventory->row_bytes += sizeof *level;
    }
    return level;
}

struct location_row *state_location_find(const struct inventory *inventory,
                                         struct slice location_id)
{
    struct table_node *node = table_find(&inventory->locations,
                                         state_hash(inventory, location_id), location_id);
    return node != NULL ? CONTAINER_OF(node, struct location_row, node) : NULL;
}

struct location_row *state_location_add(struct inventory *inventory,
                                        struct slice location_id)
{
    struct location_row *row = memory_zalloc(sizeof *row + location_id.size);
    memcpy(row + 1, location_id.data, location_id.size);
    row->node.id = slice_of(row + 1, location_id.size);
    row->node.hash = state_hash(inventory, location_id);
    list_init(&row->dirty);
    table_insert(&inventory->locations, &row->node);
    return row;
}

static struct slice state_pack(uint8_t **end, struct slice bytes)
{
    struct slice packed = slice_of(*end, bytes.size);
    if (bytes.size != 0) {
        memcpy(*end, bytes.data, bytes.size);
        *end += bytes.size;
    }
    return packed;
}

/* One block: the view, its channels, all bytes. */
void state_location_set(struct location_row *row, const struct inventory_location *value)
{
    size_t size = sizeof *value + value->channel_count * sizeof(struct slice) +
                  value->name.size + value->address.size + value->time_zone.size;
    struct inventory_location *view;
    struct slice *channels;
    uint8_t *end;
    for (uint32_t i = 0; i < value->channel_count; i++) {
        size += value->channels[i].size;
    }
    view = memory_zalloc(size);
    *view = *value;
    channels = (struct slice *)(void *)(view + 1);
    end = (uint8_t *)(channels + value->channel_count);
    view->location_id = row->node.id;
    view->name = state_pack(&end, value->name);
    view->address = state_pack(&end, value->address);
    view->time_zone = state_pack(&end, value->time_zone);
    for (uint32_t i = 0; i < value->channel_count; i++) {
        channels[i] = state_pack(&end, value->channels[i]);
    }
    view->channels = channels;
    free(row->view);
    row->view = view;
}

/* --- Holds, owners ------------------------------------------------------------------------- */

static bool state_owner_equal(const struct map_node *node, const void *key)
{
    const struct slice *id = key;
    return slice_equal(CONTAINER_OF(node, const struct owner_row, node)->id, *id);
}

struct owner_row *state_owner_find(const struct inventory *inventory, struct slice id)
{
    struct map_node *node =
        map_find(&inventory->owners, state_hash(inventory, id), state_owner_equal, &id);
    return node != NULL ? CONTAINER_OF(node, struct owner_row, node) : NULL;
}

struct owner_row *state_owner_get(struct inventory *inventory, struct slice id)
{
    struct owner_row *owner = state_owner_find(inventory, id);
    if (owner != NULL) {
        return owner;
    }
    owner = memory_zalloc(sizeof *owner + id.size);
    if (id.size != 0) {
        memcpy(owner + 1, id.data, id.size);
    }
    owner->id = slice_of(owner + 1, id.size);
    list_init(&owner->holds);
    map_insert(&inventory->owners, &owner->node, state_hash(inventory, id));
    return owner;
}

static bool state_hold_equal(const struct map_node *node, const void *key)
{
    const struct inventory_hold_id *id = key;
    const struct hold_row *hold = CONTAINER_OF(node, const struct hold_row, node);
    return hold->id.anchor == id->anchor && hold->id.unique == id->unique;
}

struct hold_row *state_hold_find(const struct inventory *inventory,
                                 struct inventory_hold_id id)
{
    struct map_node *node =
        map_find(&inventory->holds, hash_mix(id.unique), state_hold_equal, &id);
    return node != NULL ? CONTAINER_OF(node, struct hold_row, node) : NULL;
}

static size_t state_hold_size(uint32_t line_count, size_t reference_size)
{
    return sizeof(struct hold_row) + line_count * sizeof(struct hold_line_row) +
           reference_size;
}

struct hold_row *state_hold_alloc(uint32_t line_count, struct slice reference)
{
    struct hold_row *hold = memory_zalloc(state_hold_size(line_count, reference.size));
    hold->line_count = line_count;
    hold->reference = slice_of(&hold->lines[line_count], reference.size);
    if (reference.size != 0) {
        memcpy(&hold->lines[line_count], reference.data, reference.size);
    }
    for (uint32_t i = 0; i < line_count; i++) {
        hold->lines[i].hold = hold;
    }
    list_init(&hold->owned);
    list_init(&hold->ended);
    list_init(&hold->dirty);
    return hold;
}

void state_hold_link(struct inventory *inventory, struct hold_row *hold)
{
    map_insert(&inventory->holds, &hold->node, hash_mix(hold->id.unique));
    list_append(&hold->owner->holds, &hold->owned);
    inventory->row_bytes += state_hold_size(hold->line_count, hold->reference.size);
    for (uint32_t i = 0; i < hold->line_count; i++) {
        hold->lines[i].sku->hold_refs++;
    }
    if (hold->state == HOLD_STATE_HELD || hold->state == HOLD_STATE_COMMITTED ||
        hold->state == HOLD_STATE_TENTATIVE) {
        hold->owner->open_count++;
        inventory->holds_open++;
    }
    if (hold->state != HOLD_STATE_HELD && hold->state != HOLD_STATE_TENTATIVE) {
        return;
    }
    heap_push(&inventory->due, &hold->due);
    for (uint32_t i = 0; i < hold->line_count; i++) {
        struct sku_row *sku = hold->lines[i].sku;
        if (hold->lines[i].remote) {
            continue;
        }
        if (sku->due == NULL) {
            sku->due = memory_alloc(sizeof *sku->due);
            heap_init(sku->due, state_line_less);
        }
        heap_push(sku->due, &hold->lines[i].due);
    }
}

void state_hold_due_set(struct inventory *inventory, struct hold_row *hold,
                        int64_t due_ms)
{
    hold->due_ms = due_ms;
    heap_update(&inventory->due, &hold->due);
    for (uint32_t i = 0; i < hold->line_count; i++) {
        if (!hold->lines[i].remote) {
            heap_update(hold->lines[i].sku->due, &hold->lines[i].due);
        }
    }
}

void state_hold_undue(struct inventory *inventory, struct hold_row *hold)
{
    heap_remove(&inventory->due, &hold->due);
    for (uint32_t i = 0; i < hold->line_count; i++) {
        struct sku_row *sku = hold->lines[i].sku;
        if (sku->due == NULL) {
            continue;
        }
        heap_remove(sku->due, &hold->lines[i].due);
        if (heap_peek(sku->due) == NULL) {
            heap_close(sku->due);
            free(sku->due);
            sku->due = NULL;
        }
    }
}

void state_hold_forget(struct inventory *inventory, struct hold_row *hold)
{
    struct owner_row *owner = hold->owner;
    state_hold_undue(inventory, hold);
    map_remove(&inventory->holds, &hold->node);
    list_remove(&hold->owned);
    if (!list_empty(&hold->ended)) {
        list_remove(&hold->ended);
        inventory->ended_count--;
    }
    list_remove(&hold->dirty);
    if (hold->home != NULL) {
        hold_outbox_drop(inventory, hold);
        hold_home_free(hold->home);
    }
    if (list_empty(&owner->holds)) {
        map_remove(&inventory->owners, &owner->node);
        free(owner);
    }
    for (uint32_t i = 0; i < hold->line_count; i++) {
        free((void *)(uintptr_t)hold->lines[i].location.data);
        state_sku_unref(inventory, hold->lines[i].sku);
    }
    inventory->row_bytes -= state_hold_size(hold->line_count, hold->reference.size);
    free(hold);
}

/* --- Parts: lines of holds that have their home elsewhere -------------------------------- */

struct part_key {
    struct hash128 id; /* of the hold, or of the request */
    uint64_t sku_hash;
};

static uint64_t state_part_hash(struct hash128 id, uint64_t sku_hash)
{
    return hash_mix(id.low ^ hash_mix(sku_hash));
}

static struct hash128 state_part_id(struct inventory_hold_id id)
{
    return (struct hash128){.high = id.anchor, .low = id.unique};
}

static bool state_part_equal(const struct map_node *node, const void *context)
{
    const struct part_key *key = context;
    const struct part_row *part = CONTAINER_OF(node, const struct part_row, node);
    return part->id.anchor == key->id.high && part->id.unique == key->id.low &&
           part->sku->node.hash == key->sku_hash;
}

static bool state_part_request_equal(const struct map_node *node, const void *context)
{
    const struct part_key *key = context;
    const struct part_row *part = CONTAINER_OF(node, const struct part_row, request_node);
    return part->request_id.high == key->id.high && part->request_id.low == key->id.low &&
           part->sku->node.hash == key->sku_hash;
}

struct part_row *state_part_find(const struct inventory *inventory,
                                 struct inventory_hold_id id, uint64_t sku_hash)
{
    struct part_key key = {.id = state_part_id(id), .sku_hash = sku_hash};
    struct map_node *node = map_find(&inventory->parts, state_part_hash(key.id, sku_hash),
                                     state_part_equal, &key);
    return node != NULL ? CONTAINER_OF(node, struct part_row, node) : NULL;
}

struct part_row *state_part_of_request(const struct inventory *inventory,
                                       struct hash128 request_id, uint64_t sku_hash)
{
    struct part_key key = {.id = request_id, .sku_hash = sku_hash};
    struct map_node *node =
        map_find(&inventory->part_requests, state_part_hash(request_id, sku_hash),
                 state_part_request_equal, &key);
    return node != NULL ? CONTAINER_OF(node, struct part_row, request_node) : NULL;
}

static size_t state_part_size(uint32_t line_count, size_t reference_size)
{
    return sizeof(struct part_row) + line_count * sizeof(struct part_line) +
           reference_size;
}

struct part_row *state_part_alloc(uint32_t line_count, struct slice reference)
{
    struct part_row *part = memory_zalloc(state_part_size(line_count, reference.size));
    part->line_count = line_count;
    part->reference = slice_of(&part->lines[line_count], reference.size);
    if (reference.size != 0) {
        memcpy(&part->lines[line_count], reference.data, reference.size);
    }
    list_init(&part->dirty);
    return part;
}

static bool state_part_less(const struct heap_node *a, const struct heap_node *b)
{
    return CONTAINER_OF(a, const struct part_row, of_sku)->expire_ms <
           CONTAINER_OF(b, const struct part_row, of_sku)->expire_ms;
}

void state_part_due(struct part_row *part)
{
    struct sku_row *sku = part->sku;
    if (sku->parts != NULL) {
        heap_remove(sku->parts, &part->of_sku);
    }
    if (part->state != HOLD_STATE_HELD) {
        return;
    }
    if (sku->parts == NULL) {
        sku->parts = memory_alloc(sizeof *sku->parts);
        heap_init(sku->parts, state_part_less);
    }
    heap_push(sku->parts, &part->of_sku);
}

void state_part_link(struct inventory *inventory, struct part_row *part)
{
    uint64_t sku_hash = part->sku->node.hash;
    map_insert(&inventory->parts, &part->node,
               state_part_hash(state_part_id(part->id), sku_hash));
    map_insert(&inventory->part_requests, &part->request_node,
               state_part_hash(part->request_id, sku_hash));
    state_part_due(part);
    part->sku->hold_refs++;
    inventory->row_bytes += state_part_size(part->line_count, part->reference.size);
    inventory->parts_undecided += part->state == HOLD_STATE_TENTATIVE;
    for (uint32_t i = 0; part->state == HOLD_STATE_TENTATIVE && i < part->line_count;
         i++) {
        part->lines[i].level->tentative += part->lines[i].quantity;
    }
}

void state_part_forget(struct inventory *inventory, struct part_row *part)
{
    heap_remove(&inventory->asks, &part->ask);
    map_remove(&inventory->parts, &part->node);
    map_remove(&inventory->part_requests, &part->request_node);
    if (part->sku->parts != NULL) {
        heap_remove(part->sku->parts, &part->of_sku);
    }
    list_remove(&part->dirty);
    state_sku_unref(inventory, part->sku);
    inventory->row_bytes -= state_part_size(part->line_count, part->reference.size);
    free(part);
}
