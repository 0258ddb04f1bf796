/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Start: memory from rows. Three walks over the shard's range: locations and what the shard
 * remembers as a whole (levels point at locations); SKUs and levels (rows of one hash come
 * in the order of their kinds, so a SKU comes before its levels); holds (they point at
 * levels of any hash).
 */
#include <stdlib.h>

#include "shard/inventory/inventory_private.h"
#include "shard/storage/store.h"

struct load {
    struct inventory *inventory;
    struct arena arena;  /* of one row */
    struct sku_row *sku; /* the last one seen */
};

static enum status load_location(struct load *load, const struct key_state *key,
                                 struct slice value)
{
    struct inventory *inventory = load->inventory;
    bool copy = key->kind == ROW_LOCATION_COPY;
    struct inventory_location location;
    struct location_row *row = state_location_find(inventory, key->id);
    TRY(rows_location_decode(value, &load->arena, &location));
    if (!copy && key->hash != state_hash(inventory, key->id)) {
        return STATUS_CHECKSUM;
    }
    if (row != NULL && copy) {
        return STATUS_OK; /* the home's own row wins over a copy made before a move */
    }
    if (row == NULL) {
        row = state_location_add(inventory, key->id);
    }
    row->copy = copy;
    state_location_set(row, &location);
    return STATUS_OK;
}

static enum status load_shard_row(struct load *load, const struct key_state *key,
                                  struct slice value)
{
    struct inventory *inventory = load->inventory;
    struct stored_shard shard;
    struct reader reader;
    if (key->hash != inventory->options.range.start) {
        return STATUS_CHECKSUM;
    }
    if (key->kind == ROW_SHARD) {
        TRY(rows_shard_decode(value, &shard));
        inventory->log_ms = shard.log_ms;
        inventory->floor_ms = shard.floor_ms;
        inventory->hold_sequence = shard.hold_sequence;
        inventory->end_sequence = shard.end_sequence;
        inventory->holds_expired = shard.holds_expired;
        inventory->movement_count = shard.movement_count;
        inventory->chunk_next = shard.chunk_next;
        return STATUS_OK;
    }
    reader_init(&reader, key->id);
    if (key->kind == ROW_LANE || key->kind == ROW_REFUSED || key->kind == ROW_SOURCE) {
        struct hash128 id = {.high = read_be64(&reader)};
        uint64_t base;
        id.low = read_be64(&reader);
        base = key->kind == ROW_REFUSED ? read_be64(&reader) : 0;
        TRY(reader_finish(&reader));
        if (key->kind == ROW_SOURCE) {
            return source_lanes_load(&inventory->sources, id, value);
        }
        return key->kind == ROW_LANE
                   ? import_lanes_load(&inventory->lanes, id, value)
                   : import_lanes_load_block(&inventory->lanes, id, base, value);
    }
    {
        uint64_t chunk = read_be64(&reader);
        uint32_t part = 0;
        for (int i = 0; i < 4; i++) {
            part = part << 8 | read_u8(&reader);
        }
        TRY(reader_finish(&reader));
        return requests_part_load(inventory, chunk, part, value);
    }
}

static enum status load_sku(struct load *load, const struct key_state *key,
                            struct slice value)
{
    struct inventory *inventory = load->inventory;
    struct inventory_sku sku;
    struct sku_row *row;
    TRY(rows_sku_decode(value, &load->arena, &sku));
    if (key->hash != state_hash(inventory, key->id)) {
        return STATUS_CHECKSUM;
    }
    row = state_sku_add(inventory, key->hash, key->id);
    row->document = memory_copy(value.data, value.size);
    row->document_size = value.size;
    inventory->row_bytes += value.size;
    row->state = sku.state;
    row->etag = sku.etag;
    load->sku = row;
    state_tell_put(inventory, row, &sku);
    return STATUS_OK;
}

static enum status load_alias(struct load *load, const struct key_state *key,
                              struct slice value)
{
    struct inventory *inventory = load->inventory;
    struct inventory_alias alias;
    struct alias_row *row;
    TRY(rows_alias_decode(value, &alias));
    if (key->hash != state_hash(inventory, key->id) || key->id.size == 0) {
        return STATUS_CHECKSUM;
    }
    row = alias_add(inventory, key->id, alias.sku_id);
    row->state = alias.state;
    row->by = alias.by;
    return STATUS_OK;
}

static enum status load_level(struct load *load, const struct key_state *key,
                              struct slice value)
{
    struct inventory *inventory = load->inventory;
    const uint8_t *nul = key->id.size ? memchr(key->id.data, 0, key->id.size) : NULL;
    struct sku_row *sku = load->sku;
    struct location_row *location;
    struct level_row *level;
    struct stored_level stored;
    size_t sku_size = nul != NULL ? (size_t)(nul - key->id.data) : 0;
    TRY(rows_level_decode(value, &stored));
    if (nul == NULL || sku == NULL || key->hash != sku->node.hash ||
        !slice_equal(sku->node.id, slice_of(key->id.data, sku_size))) {
        return STATUS_CHECKSUM;
    }
    location =
        state_location_find(inventory, slice_of(nul + 1, key->id.size - sku_size - 1));
    if (location == NULL) {
        return STATUS_CHECKSUM;
    }
    level = state_level_add(inventory, sku, location);
    memcpy(level->buckets, stored.buckets, sizeof level->buckets);
    level->etag = stored.etag;
    level->update_ms = stored.update_ms;
    level->movement_sequence = stored.movement_sequence;
    level->movement = stored.movement;
    if (stored.stamps.count > 0) {
        level->stamps = memory_copy(&stored.stamps, sizeof stored.stamps);
    }
    if (level->movement_sequence > sku->movement_sequence) {
        sku->movement_sequence = level->movement_sequence;
        sku->movement = level->movement;
    }
    inventory->units_on_hand += level->buckets[STOCK_BUCKET_ON_HAND];
    return STATUS_OK;
}

/* Open counts lie under the range's first hash, so before all their lines. */
static enum status load_count(struct load *load, const struct key_state *key,
                              struct slice value)
{
    struct inventory *inventory = load->inventory;
    struct stored_count stored;
    struct location_row *location;
    struct count_row *count;
    TRY(rows_count_decode(value, &stored));
    location = state_location_find(inventory, stored.location_id);
    if (key->hash != inventory->options.range.start || location == NULL ||
        location->count != NULL || key->id.size == 0) {
        return STATUS_CHECKSUM;
    }
    count = count_add(inventory, key->id, location);
    count->at_submit = stored.at_submit;
    count->start_ms = stored.start_ms;
    return STATUS_OK;
}

static enum status load_count_line(struct load *load, const struct key_state *key,
                                   struct slice value)
{
    struct inventory *inventory = load->inventory;
    const uint8_t *nul = key->id.size ? memchr(key->id.data, 0, key->id.size) : NULL;
    size_t size = nul != NULL ? (size_t)(nul - key->id.data) : 0;
    struct stored_count_line stored;
    struct count_row *count;
    struct count_line *line;
    struct slice sku_id;
    TRY(rows_count_line_decode(value, &stored));
    if (nul == NULL) {
        return STATUS_CHECKSUM;
    }
    sku_id = slice_of(nul + 1, key->id.size - size - 1);
    count = count_find(inventory, slice_of(key->id.data, size));
    if (count == NULL || sku_id.size == 0 || key->hash != state_hash(inventory, sku_id)) {
        return STATUS_CHECKSUM;
    }
    line = count_line_add(inventory, count, sku_id);
    line->baseline = stored.baseline;
    line->counted = stored.counted;
    line->submitted = stored.submitted;
    count->submitted += stored.submitted;
    return STATUS_OK;
}

/* A line's rows; an ended hold may name a SKU or a level that is gone. */
static enum status load_line(struct inventory *inventory, bool ended,
                             const struct inventory_hold_line *stored,
                             struct hold_line_row *line)
{
    struct sku_row *sku = state_sku_find(inventory, stored->sku_id);
    struct location_row *location = NULL;
    struct level_row *level = NULL;
    if (stored->location_id.size != 0) {
        location = state_location_find(inventory, stored->location_id);
        if (location == NULL) {
            return STATUS_CHECKSUM;
        }
        level = sku != NULL ? state_level_find(sku, stored->location_id) : NULL;
    }
    if (sku == NULL || (location != NULL && level == NULL)) {
        if (!ended && stored->granted > 0) {
            return STATUS_CHECKSUM;
        }
        sku = state_sku_ghost(stored->sku_id);
        level = location != NULL ? state_level_add(inventory, sku, location) : NULL;
    }
    line->sku = sku;
    line->level = level;
    line->quantity = stored->quantity;
    line->granted = stored->granted;
    return STATUS_OK;
}

/* A line of another shard: what its row is made of stands in the hold. */
static void load_remote_line(struct inventory *inventory,
                             const struct inventory_hold_line *stored,
                             struct hold_line_row *line)
{
    line->sku = state_sku_ghost(stored->sku_id);
    line->sku->node.hash = state_hash(inventory, stored->sku_id);
    line->remote = true;
    line->location =
        slice_of(memory_copy(stored->location_id.data, stored->location_id.size),
                 stored->location_id.size);
    line->quantity = stored->quantity;
    line->granted = stored->granted;
}

static void load_home(struct inventory *inventory, struct hold_row *hold,
                      struct hold_home *home)
{
    hold->home = home;
    home->hold = hold;
    if (hold->state == HOLD_STATE_TENTATIVE) {
        hold->due_ms = home->due_ms;
    }
    for (uint32_t i = 0; hold->state == HOLD_STATE_TENTATIVE && i < hold->line_count;
         i++) {
        if (!hold->lines[i].remote && hold->lines[i].level != NULL) {
            hold->lines[i].level->tentative += hold->lines[i].granted;
        }
    }
    if (!hold_home_settled(hold)) {
        hold_outbox_put(inventory, hold);
    }
}

static void load_hold_drop(struct inventory *inventory, struct hold_row *hold,
                           uint32_t line_count)
{
    for (uint32_t i = 0; i < line_count; i++) {
        free((void *)(uintptr_t)hold->lines[i].location.data);
        if (hold->lines[i].sku->deleted) {
            state_sku_free(inventory, hold->lines[i].sku);
        }
    }
    free(hold);
}

static enum status load_part(struct load *load, const struct key_state *key,
                             struct slice value)
{
    struct inventory *inventory = load->inventory;
    struct table_node *node = table_find_hash(&inventory->skus, key->hash);
    struct stored_part stored;
    struct part_row *part;
    struct reader reader;
    struct inventory_hold_id id;
    bool sound = node != NULL;
    reader_init(&reader, key->id);
    id.anchor = read_be64(&reader);
    id.unique = read_be64(&reader);
    TRY(reader_finish(&reader));
    TRY(rows_part_decode(value, &load->arena, &stored));
    part = stored.part;
    part->id = id;
    part->sku = sound ? CONTAINER_OF(node, struct sku_row, node) : NULL;
    sound = sound && state_part_find(inventory, id, key->hash) == NULL &&
            state_part_of_request(inventory, part->request_id, key->hash) == NULL;
    for (uint32_t i = 0; sound && i < stored.line_count; i++) {
        part->lines[i].level = state_level_find(part->sku, stored.lines[i].location_id);
        part->lines[i].place = stored.lines[i].place;
        part->lines[i].quantity = stored.lines[i].quantity;
        sound = part->lines[i].level != NULL;
    }
    if (!sound) {
        free(part);
        return STATUS_CHECKSUM;
    }
    state_part_link(inventory, part);
    hold_ask_plan(inventory, part);
    return STATUS_OK;
}

static enum status load_hold_link(struct load *load, const struct key_state *key,
                                  struct slice value)
{
    struct inventory *inventory = load->inventory;
    struct stored_hold stored;
    struct hold_row *hold;
    struct reader reader;
    enum status status = STATUS_OK;
    bool ended;
    uint32_t linked = 0;
    TRY(rows_hold_decode(value, &load->arena, &stored));
    ended = stored.hold.state != HOLD_STATE_HELD &&
            stored.hold.state != HOLD_STATE_COMMITTED &&
            stored.hold.state != HOLD_STATE_TENTATIVE;
    if ((ended != (stored.end_sequence != 0) && (stored.home == NULL || !ended)) ||
        stored.end_sequence > inventory->end_sequence ||
        stored.sequence > inventory->hold_sequence) {
        hold_home_free(stored.home);
        return STATUS_CHECKSUM;
    }
    hold = state_hold_alloc(stored.hold.line_count, stored.hold.reference);
    reader_init(&reader, key->id);
    hold->id = (struct inventory_hold_id){key->hash, read_be64(&reader)};
    status = reader_finish(&reader);
    for (; status == STATUS_OK && linked < hold->line_count; linked++) {
        const struct inventory_hold_line *line = &stored.hold.lines[linked];
        if (stored.home != NULL && stored.remote[linked]) {
            load_remote_line(inventory, line, &hold->lines[linked]);
        } else {
            status = load_line(inventory, ended, line, &hold->lines[linked]);
        }
    }
    if (status != STATUS_OK) {
        load_hold_drop(inventory, hold, linked > 0 ? linked - 1 : 0);
        hold_home_free(stored.home);
        return status;
    }
    hold->owner = state_owner_get(inventory, stored.hold.owner);
    hold->sequence = stored.sequence;
    hold->end_sequence = stored.end_sequence;
    hold->create_ms = stored.hold.create_ms;
    hold->expire_ms = stored.hold.expire_ms;
    hold->due_ms = stored.hold.expire_ms;
    hold->end_ms = stored.hold.end_ms;
    hold->state = stored.hold.state;
    hold->allow_backorder = stored.hold.allow_backorder;
    if (stored.home != NULL) {
        load_home(inventory, hold, stored.home);
    }
    state_hold_link(inventory, hold);
    return STATUS_OK;
}

/* --- Orders: owners' lists by creation, the ended by ending ------------------------------- */

static int load_by_creation(const void *a, const void *b)
{
    const struct hold_row *const *x = a, *const *y = b;
    return ((*x)->sequence > (*y)->sequence) - ((*x)->sequence < (*y)->sequence);
}

static int load_by_ending(const void *a, const void *b)
{
    const struct hold_row *const *x = a, *const *y = b;
    return ((*x)->end_sequence > (*y)->end_sequence) -
           ((*x)->end_sequence < (*y)->end_sequence);
}

static void load_order_holds(struct inventory *inventory)
{
    size_t count = 0;
    struct hold_row **holds = memory_alloc((inventory->holds.count + 1) * sizeof *holds);
    for (struct map_node *node = map_next(&inventory->holds, NULL); node != NULL;
         node = map_next(&inventory->holds, node)) {
        holds[count++] = CONTAINER_OF(node, struct hold_row, node);
    }
    qsort(holds, count, sizeof(struct hold_row *), load_by_creation);
    for (size_t i = 0; i < count; i++) {
        list_remove(&holds[i]->owned);
        list_append(&holds[i]->owner->holds, &holds[i]->owned);
    }
    qsort(holds, count, sizeof(struct hold_row *), load_by_ending);
    for (size_t i = 0; i < count; i++) {
        if (holds[i]->end_sequence != 0) {
            list_append(&inventory->ended, &holds[i]->ended);
            inventory->ended_count++;
        }
    }
    free(holds);
}

/* --- The walks ------------------------------------------------------------------------------ */

enum load_pass {
    LOAD_SHARD,
    LOAD_STOCK,
    LOAD_HOLDS,
};

static enum status load_row(struct load *load, enum load_pass pass,
                            const struct key_state *key, struct slice value)
{
    switch ((enum row_kind)key->kind) {
    case ROW_LOCATION:
    case ROW_LOCATION_COPY:
        return pass == LOAD_SHARD ? load_location(load, key, value) : STATUS_OK;
    case ROW_LANE:
    case ROW_REQUESTS:
    case ROW_SHARD:
    case ROW_REFUSED:
    case ROW_SOURCE:
        return pass == LOAD_SHARD ? load_shard_row(load, key, value) : STATUS_OK;
    case ROW_SKU:
        return pass == LOAD_STOCK ? load_sku(load, key, value) : STATUS_OK;
    case ROW_ALIAS:
        return pass == LOAD_SHARD ? load_alias(load, key, value) : STATUS_OK;
    case ROW_LEVEL:
        return pass == LOAD_STOCK ? load_level(load, key, value) : STATUS_OK;
    case ROW_COUNT:
        return pass == LOAD_STOCK ? load_count(load, key, value) : STATUS_OK;
    case ROW_COUNT_LINE:
        return pass == LOAD_STOCK ? load_count_line(load, key, value) : STATUS_OK;
    case ROW_HOLD:
        return pass == LOAD_HOLDS ? load_hold_link(load, key, value) : STATUS_OK;
    case ROW_HOLD_PART:
        return pass == LOAD_HOLDS ? load_part(load, key, value) : STATUS_OK;
    }
    return STATUS_VERSION; /* a kind of a later release */
}

static enum status load_walk(struct load *load, enum load_pass pass)
{
    struct inventory *inventory = load->inventory;
    struct buffer start, end;
    struct store_cursor *cursor = NULL;
    struct store_scan scan = {.uncached = true};
    enum status status;
    buffer_init(&start);
    buffer_init(&end);
    key_bounds_range(KEY_TABLE_SKU, inventory->options.range, &start, &end);
    scan.start = buffer_slice(&start);
    scan.end = buffer_slice(&end);
    status = store_cursor_open(inventory->options.store, &scan, &cursor);
    for (; status == STATUS_OK && cursor->valid; store_cursor_next(cursor)) {
        struct key_state key;
        status = key_parse_state(cursor->key, &key)
                     ? load_row(load, pass, &key, cursor->value)
                     : STATUS_CHECKSUM;
        arena_reset(&load->arena);
    }
    if (status == STATUS_OK) {
        status = cursor->status;
    }
    store_cursor_close(cursor);
    buffer_close(&start);
    buffer_close(&end);
    return status;
}

enum status inventory_load(struct inventory *inventory)
{
    struct load load = {.inventory = inventory};
    enum status status;
    ASSERT(inventory->options.store != NULL && inventory->skus.count == 0);
    arena_init(&load.arena, NULL, 0, 0);
    status = load_walk(&load, LOAD_SHARD);
    if (status == STATUS_OK) {
        status = load_walk(&load, LOAD_STOCK);
    }
    if (status == STATUS_OK) {
        status = load_walk(&load, LOAD_HOLDS);
    }
    arena_close(&load.arena);
    if (status != STATUS_OK) {
        return status;
    }
    if (!list_empty(&inventory->chunks) &&
        LIST_ENTRY(inventory->chunks.previous, struct request_chunk, chunks)->sequence >=
            inventory->chunk_next) {
        return STATUS_CHECKSUM;
    }
    load_order_holds(inventory);
    return STATUS_OK;
}
