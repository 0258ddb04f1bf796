/* SPDX-License-Identifier: Apache-2.0 */
/* What SKU shards are asked and answer, field by field. */
#include "server/host/call_bytes_private.h"

WIRE_KNOWS(inventory_attribute, 48);
WIRE_KNOWS(inventory_money, 24);
WIRE_KNOWS(inventory_sku, 248);
WIRE_KNOWS(inventory_location, 128);
WIRE_KNOWS(inventory_level, 136);
WIRE_KNOWS(inventory_hold, 96);
WIRE_KNOWS(inventory_hold_line, 48);
WIRE_KNOWS(inventory_alias, 48);
WIRE_KNOWS(inventory_movement, 456);
WIRE_KNOWS(inventory_query, 264);
WIRE_KNOWS(inventory_availability, 56);
WIRE_KNOWS(inventory_counters, 96);
WIRE_KNOWS(inventory_answer, 368);
WIRE_KNOWS(inventory_outcome, 1560);
WIRE_KNOWS(inventory_source_outcome, 64);
WIRE_KNOWS(inventory_source_failure, 40);
WIRE_KNOWS(inventory_product, 104);
WIRE_KNOWS(inventory_axis, 32);
WIRE_KNOWS(inventory_check, 56);
WIRE_KNOWS(inventory_check_line, 24);
WIRE_KNOWS(inventory_count_totals, 72);
WIRE_KNOWS(inventory_leg, 160);
WIRE_KNOWS(inventory_movements_wanted, 32);

/* An array of structs, each described by a function. */
#define WIRE_LIST(wire, object, list, count, type, each)                                 \
    do {                                                                                 \
        struct type *items_ =                                                            \
            wire_items((wire), (object)->list, &(object)->count, sizeof *items_);        \
        for (uint32_t i_ = 0; i_ < (object)->count; i_++) {                              \
            each((wire), &items_[i_]);                                                   \
        }                                                                                \
        (object)->list = items_;                                                         \
    } while (0)

static const struct inventory_attribute *
wire_attributes(struct wire *wire, const struct inventory_attribute *from,
                uint32_t *count)
{
    struct inventory_attribute *items = wire_items(wire, from, count, sizeof *items);
    for (uint32_t i = 0; i < *count; i++) {
        wire_slice(wire, &items[i].name);
        WIRE_ENUM(wire, items[i].kind, inventory_attribute_kind,
                  INVENTORY_ATTRIBUTE_FLAG);
        wire_slice(wire, &items[i].text);
        wire_i64(wire, &items[i].number);
    }
    return items;
}

static void wire_money(struct wire *wire, struct inventory_money *money)
{
    wire_currency(wire, money->currency);
    wire_i64(wire, &money->units);
    wire_i32(wire, &money->nanos);
}

static void wire_sku(struct wire *wire, struct inventory_sku *sku)
{
    wire_slice(wire, &sku->sku_id);
    wire_slice(wire, &sku->product_id);
    wire_slice(wire, &sku->name);
    WIRE_ENUM(wire, sku->state, sku_state, SKU_STATE_RETIRED);
    sku->attributes = wire_attributes(wire, sku->attributes, &sku->attribute_count);
    sku->categories = wire_slices(wire, sku->categories, &sku->category_count);
    wire_slice(wire, &sku->brand);
    wire_money(wire, &sku->price);
    wire_money(wire, &sku->cost);
    wire_slice(wire, &sku->unit);
    wire_u32(wire, &sku->unit_exponent);
    sku->options = wire_attributes(wire, sku->options, &sku->option_count);
    sku->gtins = wire_slices(wire, sku->gtins, &sku->gtin_count);
    sku->aliases = wire_slices(wire, sku->aliases, &sku->alias_count);
    wire_fixed(wire, &sku->etag);
    wire_i64(wire, &sku->create_ms);
    wire_i64(wire, &sku->update_ms);
}

static void wire_location(struct wire *wire, struct inventory_location *location)
{
    wire_slice(wire, &location->location_id);
    wire_slice(wire, &location->name);
    WIRE_ENUM(wire, location->type, location_type, LOCATION_TYPE_TRANSIT);
    wire_slice(wire, &location->address);
    wire_i32(wire, &location->latitude_e7);
    wire_i32(wire, &location->longitude_e7);
    wire_slice(wire, &location->time_zone);
    location->channels = wire_slices(wire, location->channels, &location->channel_count);
    wire_u64(wire, &location->version);
    wire_fixed(wire, &location->etag);
    wire_i64(wire, &location->create_ms);
    wire_i64(wire, &location->update_ms);
}

static void wire_alias(struct wire *wire, struct inventory_alias *alias)
{
    wire_slice(wire, &alias->identifier);
    wire_slice(wire, &alias->sku_id);
    WIRE_ENUM(wire, alias->state, inventory_alias_state, INVENTORY_ALIAS_BOUND);
    wire_fixed(wire, &alias->by);
}

static void wire_buckets(struct wire *wire, int64_t buckets[STOCK_BUCKET_COUNT])
{
    for (unsigned i = 1; i < STOCK_BUCKET_COUNT; i++) {
        wire_i64(wire, &buckets[i]);
    }
}

static void wire_level(struct wire *wire, struct inventory_level *level)
{
    wire_slice(wire, &level->sku_id);
    wire_slice(wire, &level->location_id);
    wire_buckets(wire, level->buckets);
    wire_i64(wire, &level->available);
    wire_i64(wire, &level->shortfall);
    wire_fixed(wire, &level->etag);
    wire_i64(wire, &level->update_ms);
}

static void wire_hold_id(struct wire *wire, struct inventory_hold_id *id)
{
    wire_fixed(wire, &id->anchor);
    wire_fixed(wire, &id->unique);
}

static void wire_hold(struct wire *wire, struct inventory_hold *hold)
{
    wire_hold_id(wire, &hold->hold_id);
    WIRE_ENUM(wire, hold->state, hold_state, HOLD_STATE_CANCELLED);
    wire_slice(wire, &hold->owner);
    wire_slice(wire, &hold->reference);
    struct inventory_hold_line *lines =
        wire_items(wire, hold->lines, &hold->line_count, sizeof *lines);
    for (uint32_t i = 0; i < hold->line_count; i++) {
        wire_slice(wire, &lines[i].sku_id);
        wire_slice(wire, &lines[i].location_id);
        wire_i64(wire, &lines[i].quantity);
        wire_i64(wire, &lines[i].granted);
    }
    hold->lines = lines;
    wire_bool(wire, &hold->allow_backorder);
    wire_i64(wire, &hold->create_ms);
    wire_i64(wire, &hold->expire_ms);
    wire_i64(wire, &hold->end_ms);
}

static void wire_position(struct wire *wire, struct ledger_position *position)
{
    wire_u64(wire, &position->shard_id);
    wire_u64(wire, &position->index);
    wire_u32(wire, &position->sub);
}

static void wire_movement(struct wire *wire, struct inventory_movement *movement)
{
    wire_slice(wire, &movement->sku_id);
    wire_slice(wire, &movement->location_id);
    WIRE_ENUM(wire, movement->reason, stock_reason, STOCK_REASON_LAST);
    wire_slice(wire, &movement->reference);
    wire_hold_id(wire, &movement->hold_id);
    wire_fixed(wire, &movement->request_high);
    wire_fixed(wire, &movement->request_low);
    wire_buckets(wire, movement->before);
    wire_buckets(wire, movement->after);
    wire_i64(wire, &movement->log_ms);
    wire_position(wire, &movement->position);
    wire_position(wire, &movement->previous);
    wire_u64(wire, &movement->sequence);
    wire_slice(wire, &movement->to.location_id);
    if (movement->to.location_id.size > 0) {
        wire_buckets(wire, movement->to.before);
        wire_buckets(wire, movement->to.after);
    }
}

static void wire_axis(struct wire *wire, struct inventory_axis *axis)
{
    wire_slice(wire, &axis->name);
    axis->values = wire_slices(wire, axis->values, &axis->value_count);
}

static void wire_product(struct wire *wire, struct inventory_product *product)
{
    wire_slice(wire, &product->product_id);
    wire_slice(wire, &product->name);
    product->categories =
        wire_slices(wire, product->categories, &product->category_count);
    wire_slice(wire, &product->brand);
    WIRE_LIST(wire, product, axes, axis_count, inventory_axis, wire_axis);
    wire_fixed(wire, &product->etag);
    wire_i64(wire, &product->create_ms);
    wire_i64(wire, &product->update_ms);
}

static void wire_count_totals(struct wire *wire, struct inventory_count_totals *count)
{
    wire_slice(wire, &count->location_id);
    wire_i64(wire, &count->start_ms);
    wire_u64(wire, &count->lines);
    wire_u64(wire, &count->changed);
    wire_u64(wire, &count->missing);
    wire_u64(wire, &count->cut);
    wire_i64(wire, &count->found);
    wire_i64(wire, &count->lost);
}

/* As many as there are SKUs in the question; a question without any has no lines. */
static void wire_check_lines(struct wire *wire, struct inventory_query *query)
{
    bool has = query->check_lines != NULL;
    uint32_t count = query->sku_count;
    wire_bool(wire, &has);
    if (!has) {
        return;
    }
    struct inventory_check_line *lines =
        wire_items(wire, query->check_lines, &count, sizeof *lines);
    if (count != query->sku_count) {
        wire_fail(wire);
        return;
    }
    for (uint32_t i = 0; i < count; i++) {
        wire_i64(wire, &lines[i].quantity);
        wire_slice(wire, &lines[i].location_id);
    }
    query->check_lines = lines;
}

static void wire_check(struct wire *wire, struct inventory_check *check)
{
    wire_status(wire, &check->status);
    wire_bool(wire, &check->missing_location);
    wire_i64(wire, &check->requested);
    wire_i64(wire, &check->available);
    wire_slice(wire, &check->location_id);
    wire_i64(wire, &check->location_available);
    wire_i64(wire, &check->distance_m);
}

void wire_inventory_query(struct wire *wire, struct inventory_query *query)
{
    WIRE_ENUM(wire, query->kind, inventory_query_kind, INVENTORY_QUERY_PRODUCT_LIST);
    query->sku_ids = wire_slices(wire, query->sku_ids, &query->sku_count);
    query->sku_hashes = wire_hashes(wire, query->sku_hashes, &query->sku_hash_count);
    query->location_ids = wire_slices(wire, query->location_ids, &query->location_count);
    wire_slice(wire, &query->demand.channel);
    wire_i64(wire, &query->demand.quantity);
    wire_bool(wire, &query->demand.allow_backorder);
    wire_bool(wire, &query->as_known);
    wire_hold_id(wire, &query->hold_id);
    wire_slice(wire, &query->owner);
    wire_position(wire, &query->from);
    wire_bool(wire, &query->homes_only);
    wire_slice(wire, &query->identifier);
    wire_slice(wire, &query->product_id);
    wire_check_lines(wire, query);
    wire_i32(wire, &query->near_latitude_e7);
    wire_i32(wire, &query->near_longitude_e7);
    wire_slice(wire, &query->wanted.reference);
    wire_i64(wire, &query->wanted.start_ms);
    wire_i64(wire, &query->wanted.end_ms);
    wire_i64(wire, &query->keep_ms);
    wire_u32(wire, &query->page_size);
    wire_slice(wire, &query->page_token);
}

static void wire_availability(struct wire *wire, struct inventory_availability *item)
{
    bool has_sku = item->sku != NULL;
    wire_bool(wire, &item->found);
    wire_bool(wire, &item->sellable);
    wire_fixed(wire, &item->sku_hash);
    wire_bool(wire, &has_sku);
    if (has_sku) {
        uint32_t one = 1;
        struct inventory_sku *sku = wire_items(wire, item->sku, &one, sizeof *sku);
        if (sku != NULL && one == 1) {
            wire_sku(wire, sku);
        }
        item->sku = sku;
    }
    wire_i64(wire, &item->available);
    wire_i64(wire, &item->best_available);
    wire_slice(wire, &item->best_location_id);
}

void wire_inventory_counters(struct wire *wire, struct inventory_counters *counters)
{
    wire_u64(wire, &counters->skus);
    wire_u64(wire, &counters->locations);
    wire_u64(wire, &counters->levels);
    wire_i64(wire, &counters->units_on_hand);
    wire_u64(wire, &counters->holds_open);
    wire_u64(wire, &counters->holds_expired);
    wire_u64(wire, &counters->movements);
    wire_u64(wire, &counters->requests);
    wire_u64(wire, &counters->request_bytes);
    wire_u64(wire, &counters->imports);
    wire_u64(wire, &counters->imports_refused);
    wire_u64(wire, &counters->memory_bytes);
}

void wire_inventory_answer(struct wire *wire, struct inventory_answer *answer)
{
    wire_status(wire, &answer->status);
    WIRE_LIST(wire, answer, skus, sku_count, inventory_sku, wire_sku);
    WIRE_LIST(wire, answer, locations, location_count, inventory_location, wire_location);
    WIRE_LIST(wire, answer, levels, level_count, inventory_level, wire_level);
    WIRE_LIST(wire, answer, holds, hold_count, inventory_hold, wire_hold);
    WIRE_LIST(wire, answer, movements, movement_count, inventory_movement, wire_movement);
    WIRE_LIST(wire, answer, availabilities, availability_count, inventory_availability,
              wire_availability);
    WIRE_LIST(wire, answer, checks, check_count, inventory_check, wire_check);
    answer->missing = wire_slices(wire, answer->missing, &answer->missing_count);
    answer->taken = wire_slices(wire, answer->taken, &answer->taken_count);
    WIRE_LIST(wire, answer, products, product_count, inventory_product, wire_product);
    wire_position(wire, &answer->next);
    wire_bool(wire, &answer->missing_location);
    wire_bool(wire, &answer->has_alias);
    wire_alias(wire, &answer->alias);
    wire_inventory_counters(wire, &answer->counters);
    wire_slice(wire, &answer->next_page_token);
}

static void wire_source_failure(struct wire *wire,
                                struct inventory_source_failure *failure)
{
    wire_u64(wire, &failure->sequence);
    wire_status(wire, &failure->status);
    WIRE_ENUM(wire, failure->field, inventory_field, INVENTORY_FIELD_LAST);
    wire_bool(wire, &failure->repeated);
    wire_i64(wire, &failure->requested);
    wire_i64(wire, &failure->available);
}

static void wire_source(struct wire *wire, struct inventory_source_outcome *source)
{
    wire_u64(wire, &source->incarnation);
    wire_u64(wire, &source->through);
    wire_u64(wire, &source->last);
    wire_u32(wire, &source->applied);
    wire_u32(wire, &source->duplicates);
    wire_u32(wire, &source->superseded);
    wire_u32(wire, &source->skipped);
    wire_bool(wire, &source->stopped);
    WIRE_LIST(wire, source, failures, failure_count, inventory_source_failure,
              wire_source_failure);
}

static void wire_shortages(struct wire *wire, struct inventory_outcome *outcome)
{
    wire_u32(wire, &outcome->shortage_count);
    if (outcome->shortage_count > INVENTORY_SHORTAGES_MAX) {
        wire_fail(wire);
        outcome->shortage_count = 0;
    }
    for (uint32_t i = 0; i < outcome->shortage_count; i++) {
        wire_u32(wire, &outcome->shortages[i].line);
        wire_i64(wire, &outcome->shortages[i].requested);
        wire_i64(wire, &outcome->shortages[i].available);
    }
    wire_u32(wire, &outcome->shortages_omitted);
}

void wire_inventory_outcome(struct wire *wire, struct inventory_outcome *outcome)
{
    wire_status(wire, &outcome->status);
    wire_bool(wire, &outcome->replayed);
    wire_bool(wire, &outcome->duplicate);
    wire_bool(wire, &outcome->created);
    wire_bool(wire, &outcome->has_level);
    wire_bool(wire, &outcome->has_level_to);
    wire_bool(wire, &outcome->has_hold);
    wire_bool(wire, &outcome->has_sku);
    wire_bool(wire, &outcome->has_location);
    wire_bool(wire, &outcome->has_product);
    wire_bool(wire, &outcome->has_count);
    wire_bool(wire, &outcome->has_alias);
    WIRE_ENUM(wire, outcome->field, inventory_field, INVENTORY_FIELD_LAST);
    wire_u32(wire, &outcome->line);
    wire_fixed(wire, &outcome->etag);
    wire_u64(wire, &outcome->expected_line);
    if (outcome->has_level) {
        wire_level(wire, &outcome->level);
    }
    if (outcome->has_hold) {
        wire_hold(wire, &outcome->hold);
    }
    if (outcome->has_sku) {
        wire_sku(wire, &outcome->sku);
    }
    if (outcome->has_location) {
        wire_location(wire, &outcome->location);
    }
    if (outcome->has_level_to) {
        wire_level(wire, &outcome->level_to);
    }
    if (outcome->has_product) {
        wire_product(wire, &outcome->product);
    }
    if (outcome->has_count) {
        wire_count_totals(wire, &outcome->count);
    }
    if (outcome->has_alias) {
        wire_alias(wire, &outcome->alias);
    }
    wire_source(wire, &outcome->source);
    wire_shortages(wire, outcome);
}
