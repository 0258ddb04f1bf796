/* SPDX-License-Identifier: Apache-2.0 */
/* What can be refused without looking at any state. */
#include <stdio.h>

#include "shard/base/identifier.h"
#include "shard/inventory/geo.h"
#include "shard/inventory/inventory_private.h"

enum {
    CHECK_NANOS_MAX = 999999999,
    CHECK_EXPONENT_MAX = 9,
};

static bool check_refuse(struct check_fault *fault, enum inventory_field field,
                         const char *path, const char *message)
{
    fault->status = STATUS_INVALID;
    fault->field = field;
    fault->path = path;
    fault->message = message;
    return false;
}

/* How many bytes the UTF-8 sequence at `text` has; 0 when it is none (RFC 3629) or NUL. */
static size_t check_utf8_step(const uint8_t *text, size_t left)
{
    uint8_t first = text[0];
    size_t size;
    uint32_t point;
    if (first < 0x80) {
        return first != 0;
    }
    size = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2;
    if (first < 0xc2 || first > 0xf4 || size > left) {
        return 0;
    }
    point = first & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[i] & 0xc0) != 0x80) {
            return 0;
        }
        point = point << 6 | (text[i] & 0x3fu);
    }
    if ((size == 3 && (point < 0x800 || (point >= 0xd800 && point <= 0xdfff))) ||
        (size == 4 && (point < 0x10000 || point > 0x10ffff))) {
        return 0;
    }
    return size;
}

static bool check_text(struct slice text, size_t bytes_max)
{
    if (text.size > bytes_max) {
        return false;
    }
    for (size_t at = 0; at < text.size;) {
        size_t step = check_utf8_step(text.data + at, text.size - at);
        if (step == 0) {
            return false;
        }
        at += step;
    }
    return true;
}

static bool check_texts(const struct slice *texts, uint32_t count, uint32_t count_max)
{
    if (count > count_max) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (texts[i].size == 0 || !check_text(texts[i], INVENTORY_TEXT_BYTES_MAX)) {
            return false;
        }
    }
    return true;
}

static bool check_ids(const struct slice *ids, uint32_t count, uint32_t count_max)
{
    if (count > count_max) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        if (!identifier_valid(ids[i])) {
            return false;
        }
    }
    return true;
}

static bool check_alias(struct slice identifier, struct slice sku_id,
                        struct check_fault *fault)
{
    if (!check_text(identifier, INVENTORY_ID_BYTES_MAX) || identifier.size == 0) {
        return check_refuse(fault, INVENTORY_FIELD_IDENTIFIER, "identifier", "not an id");
    }
    return identifier_valid(sku_id) ||
           check_refuse(fault, INVENTORY_FIELD_SKU_ID, "sku_id", "not an id");
}

static bool check_attributes(const struct inventory_attribute *attributes, uint32_t count,
                             uint32_t count_max)
{
    if (count > count_max) {
        return false;
    }
    for (uint32_t i = 0; i < count; i++) {
        const struct inventory_attribute *attribute = &attributes[i];
        if (attribute->name.size == 0 ||
            !check_text(attribute->name, INVENTORY_ID_BYTES_MAX) ||
            !check_text(attribute->text, INVENTORY_TEXT_BYTES_MAX) ||
            attribute->kind < INVENTORY_ATTRIBUTE_TEXT ||
            attribute->kind > INVENTORY_ATTRIBUTE_FLAG ||
            (attribute->kind == INVENTORY_ATTRIBUTE_FLAG && attribute->number != 0 &&
             attribute->number != 1)) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (slice_equal(attributes[j].name, attribute->name)) {
                return false;
            }
        }
    }
    return true;
}

static bool check_money(const struct inventory_money *money)
{
    if (money->currency[0] == '\0') {
        return money->units == 0 && money->nanos == 0;
    }
    for (int i = 0; i < 3; i++) {
        if (money->currency[i] < 'A' || money->currency[i] > 'Z') {
            return false;
        }
    }
    return money->currency[3] == '\0' && money->units >= 0 && money->nanos >= 0 &&
           money->nanos <= CHECK_NANOS_MAX;
}

static bool check_sku(const struct inventory_sku_upsert *command,
                      struct check_fault *fault)
{
    const struct inventory_sku *sku = &command->sku;
    uint32_t attributes_max = command->attributes_max < INVENTORY_ATTRIBUTES_MAX
                                  ? command->attributes_max
                                  : INVENTORY_ATTRIBUTES_MAX;
    if (!identifier_valid(sku->sku_id)) {
        return check_refuse(fault, INVENTORY_FIELD_SKU_ID, "sku.sku_id", "not an id");
    }
    if (sku->product_id.size != 0 && !identifier_valid(sku->product_id)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.product_id", "not an id");
    }
    if (!check_text(sku->name, INVENTORY_TEXT_BYTES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.name",
                            "not UTF-8, or too long");
    }
    if (!check_text(sku->brand, INVENTORY_TEXT_BYTES_MAX) ||
        !check_text(sku->unit, INVENTORY_ID_BYTES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.brand",
                            "brand or unit is not UTF-8, or too long");
    }
    if ((unsigned)sku->state > SKU_STATE_RETIRED) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.state", "no such state");
    }
    if (!check_attributes(sku->attributes, sku->attribute_count, attributes_max)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.attributes",
                            "too many, named twice, or malformed");
    }
    if (!check_attributes(sku->options, sku->option_count, INVENTORY_OPTIONS_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.options",
                            "too many, named twice, or malformed");
    }
    if (!check_texts(sku->categories, sku->category_count,
                     INVENTORY_CATEGORY_DEPTH_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.category_path",
                            "too deep, empty, or not UTF-8");
    }
    if (!check_texts(sku->gtins, sku->gtin_count, INVENTORY_GTINS_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.gtins",
                            "too many, empty, or not UTF-8");
    }
    if (!check_ids(sku->aliases, sku->alias_count, INVENTORY_ALIASES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.aliases",
                            "too many, or not ids");
    }
    if (!check_money(&sku->price) || !check_money(&sku->cost)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.price",
                            "price and cost need a currency of three capitals, no "
                            "negative part, and nanos below 10^9");
    }
    if (sku->unit_exponent > CHECK_EXPONENT_MAX) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "sku.unit_exponent", "above 9");
    }
    if (command->update_mask != SKU_FIELDS_NONE &&
        (command->update_mask & ~(uint32_t)SKU_FIELDS_ALL) != 0) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "update_mask",
                            "names an unknown field");
    }
    return true;
}

static bool check_location(const struct inventory_location_upsert *command,
                           struct check_fault *fault)
{
    const struct inventory_location *location = &command->location;
    if (!identifier_valid(location->location_id)) {
        return check_refuse(fault, INVENTORY_FIELD_LOCATION_ID, "location.location_id",
                            "not an id");
    }
    if (!check_text(location->name, INVENTORY_TEXT_BYTES_MAX) ||
        !check_text(location->address, INVENTORY_TEXT_BYTES_MAX) ||
        !check_text(location->time_zone, INVENTORY_ID_BYTES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "location.name",
                            "name, address or time zone is not UTF-8, or too long");
    }
    if ((unsigned)location->type > LOCATION_TYPE_TRANSIT) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "location.type",
                            "no such type");
    }
    if (!check_texts(location->channels, location->channel_count,
                     INVENTORY_CHANNELS_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "location.channels",
                            "too many, empty, or not UTF-8");
    }
    if (!geo_on_globe(
            (struct geo_point){location->latitude_e7, location->longitude_e7})) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "location.latitude_e7",
                            "coordinates are off the globe");
    }
    if (command->update_mask != LOCATION_FIELDS_NONE &&
        (command->update_mask & ~(uint32_t)LOCATION_FIELDS_ALL) != 0) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "update_mask",
                            "names an unknown field");
    }
    return true;
}

static bool check_axes(const struct inventory_product *product)
{
    if (product->axis_count > INVENTORY_AXES_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < product->axis_count; i++) {
        const struct inventory_axis *axis = &product->axes[i];
        if (axis->name.size == 0 || !check_text(axis->name, INVENTORY_ID_BYTES_MAX) ||
            axis->value_count == 0 ||
            !check_texts(axis->values, axis->value_count, INVENTORY_AXIS_VALUES_MAX)) {
            return false;
        }
        for (uint32_t j = 0; j < i; j++) {
            if (slice_equal(product->axes[j].name, axis->name)) {
                return false;
            }
        }
    }
    return true;
}

static bool check_product(const struct inventory_product_upsert *command,
                          struct check_fault *fault)
{
    const struct inventory_product *product = &command->product;
    if (!identifier_valid(product->product_id)) {
        return check_refuse(fault, INVENTORY_FIELD_PRODUCT_ID, "product.product_id",
                            "not an id");
    }
    if (!check_text(product->name, INVENTORY_TEXT_BYTES_MAX) ||
        !check_text(product->brand, INVENTORY_TEXT_BYTES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "product.name",
                            "name or brand is not UTF-8, or too long");
    }
    if (!check_texts(product->categories, product->category_count,
                     INVENTORY_CATEGORY_DEPTH_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "product.category_path",
                            "too deep, empty, or not UTF-8");
    }
    if (!check_axes(product)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "product.axes",
                            "too many, named twice, or malformed");
    }
    if (command->update_mask != PRODUCT_FIELDS_NONE &&
        (command->update_mask & ~(uint32_t)PRODUCT_FIELDS_ALL) != 0) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "update_mask",
                            "names an unknown field");
    }
    return true;
}

static bool check_product_id(struct slice product_id, struct check_fault *fault)
{
    return identifier_valid(product_id) ||
           check_refuse(fault, INVENTORY_FIELD_PRODUCT_ID, "product_id", "not an id");
}

static bool check_stock(struct slice sku_id, struct slice location_id,
                        enum stock_reason reason, struct slice reference,
                        struct check_fault *fault)
{
    if (!identifier_valid(sku_id)) {
        return check_refuse(fault, INVENTORY_FIELD_SKU_ID, "sku_id", "not an id");
    }
    if (!identifier_valid(location_id)) {
        return check_refuse(fault, INVENTORY_FIELD_LOCATION_ID, "location_id",
                            "not an id");
    }
    if ((unsigned)reason >= STOCK_REASON_HOLD) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "reason",
                            "not a reason that a caller may give");
    }
    if (!check_text(reference, INVENTORY_REFERENCE_BYTES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "reference",
                            "not UTF-8, or above 128 bytes");
    }
    return true;
}

static bool check_adjust(const struct inventory_stock_adjust *command,
                         struct check_fault *fault)
{
    if (!check_stock(command->sku_id, command->location_id, command->reason,
                     command->reference, fault)) {
        return false;
    }
    if (command->bucket < STOCK_BUCKET_ON_HAND ||
        command->bucket > STOCK_BUCKET_BACKORDER_LIMIT) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "bucket",
                            "not a bucket that a caller may change");
    }
    if (command->delta == 0) {
        return check_refuse(fault, INVENTORY_FIELD_QUANTITY, "quantity", "is 0");
    }
    return true;
}

static bool check_set(const struct inventory_stock_set *command,
                      struct check_fault *fault)
{
    const uint32_t allowed = (1u << STOCK_BUCKET_HELD) - 2;
    if (!check_stock(command->sku_id, command->location_id, command->reason,
                     command->reference, fault)) {
        return false;
    }
    if (command->mask == 0 || (command->mask & ~allowed) != 0) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "mask",
                            "names no bucket, or one that a caller may not set");
    }
    for (unsigned i = STOCK_BUCKET_ON_HAND; i < STOCK_BUCKET_HELD; i++) {
        if ((command->mask & 1u << i) != 0 && command->buckets[i] < 0) {
            return check_refuse(fault, INVENTORY_FIELD_QUANTITY, "on_hand",
                                "a quantity is negative");
        }
    }
    return true;
}

static bool check_movable(enum stock_bucket bucket)
{
    return bucket >= STOCK_BUCKET_ON_HAND && bucket <= STOCK_BUCKET_INCOMING;
}

static bool check_move(const struct inventory_stock_move *command,
                       struct check_fault *fault)
{
    if (!check_stock(command->sku_id, command->location_id, command->reason,
                     command->reference, fault)) {
        return false;
    }
    if (!identifier_valid(command->to_location_id)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "to_location_id", "not an id");
    }
    if (!check_movable(command->bucket)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "from_bucket",
                            "not a bucket that holds units");
    }
    if (!check_movable(command->to_bucket)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "to_bucket",
                            "not a bucket that holds units");
    }
    if (command->quantity <= 0) {
        return check_refuse(fault, INVENTORY_FIELD_QUANTITY, "quantity", "not above 0");
    }
    if (command->bucket == command->to_bucket &&
        slice_equal(command->location_id, command->to_location_id)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "to_bucket",
                            "the units are there already");
    }
    return true;
}

static bool check_count_id(struct slice count_id, struct check_fault *fault)
{
    return identifier_valid(count_id) ||
           check_refuse(fault, INVENTORY_FIELD_COUNT_ID, "count_id", "not an id");
}

static bool check_count_start(const struct inventory_count_start *command,
                              struct check_fault *fault)
{
    if (!check_count_id(command->count_id, fault)) {
        return false;
    }
    return identifier_valid(command->location_id) ||
           check_refuse(fault, INVENTORY_FIELD_LOCATION_ID, "location_id", "not an id");
}

static bool check_count_submit(const struct inventory_count_submit *command,
                               struct check_fault *fault)
{
    if (!check_count_id(command->count_id, fault)) {
        return false;
    }
    if (command->line_count == 0 || command->line_count > INVENTORY_COUNT_SUBMIT_MAX) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "lines",
                            "none, or more than one call may count");
    }
    for (uint32_t i = 0; i < command->line_count; i++) {
        fault->line = i;
        if (!identifier_valid(command->lines[i].sku_id)) {
            return check_refuse(fault, INVENTORY_FIELD_SKU_ID, "sku_id", "not an id");
        }
        if (command->lines[i].counted < 0) {
            return check_refuse(fault, INVENTORY_FIELD_QUANTITY, "counted", "below 0");
        }
    }
    fault->line = 0;
    return true;
}

static bool check_ttl(enum hold_ttl_kind kind, int64_t ttl_ms, int64_t life_max_ms,
                      struct check_fault *fault)
{
    if ((unsigned)kind > HOLD_TTL_TIME ||
        (kind != HOLD_TTL_TIME && (ttl_ms <= 0 || ttl_ms > life_max_ms))) {
        return check_refuse(fault, INVENTORY_FIELD_TTL, "ttl",
                            "not above 0, or above the longest life of a hold");
    }
    return true;
}

static bool check_lines(const struct inventory_hold_create *command,
                        struct check_fault *fault)
{
    for (uint32_t i = 0; i < command->line_count; i++) {
        const struct inventory_hold_line *line = &command->lines[i];
        fault->line = i;
        if (!identifier_valid(line->sku_id)) {
            return check_refuse(fault, INVENTORY_FIELD_SKU_ID, "sku_id", "not an id");
        }
        if (line->location_id.size != 0 && !identifier_valid(line->location_id)) {
            return check_refuse(fault, INVENTORY_FIELD_LOCATION_ID, "location_id",
                                "not an id");
        }
        if (line->quantity <= 0) {
            return check_refuse(fault, INVENTORY_FIELD_QUANTITY, "quantity",
                                "not above 0");
        }
    }
    fault->line = 0;
    return true;
}

static bool check_create(const struct inventory_hold_create *command,
                         struct check_fault *fault)
{
    if (command->line_count == 0 || command->line_count > command->lines_max ||
        command->line_count > INVENTORY_HOLD_LINES_MAX) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "lines",
                            "none, or more than a hold may have");
    }
    if (!check_lines(command, fault)) {
        return false;
    }
    if (command->mode != HOLD_MODE_ALL_OR_NOTHING &&
        command->mode != HOLD_MODE_BEST_EFFORT) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "mode", "no such mode");
    }
    if (!check_text(command->owner, INVENTORY_ID_BYTES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OWNER, "owner",
                            "not UTF-8, or above 128 bytes");
    }
    if (!check_text(command->reference, INVENTORY_REFERENCE_BYTES_MAX)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "reference",
                            "not UTF-8, or above 128 bytes");
    }
    return check_ttl(command->ttl_kind, command->ttl_ms, command->life_max_ms, fault);
}

/* Items are looked at one by one as they are decided: each may be refused by itself. */
static bool check_source(const struct inventory_command *command,
                         struct check_fault *fault)
{
    const struct inventory_source_update *update = &command->source_update;
    uint64_t before = update->prev;
    if (command->kind == INVENTORY_SOURCE_OPEN &&
        command->source_open.source.epoch == 0) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "source_epoch", "not above 0");
    }
    if (command->kind != INVENTORY_SOURCE_UPDATE) {
        return true;
    }
    if (update->item_count == 0 || update->item_count > INVENTORY_SOURCE_ITEMS_MAX ||
        update->on_missing < INVENTORY_MISSING_REFUSE ||
        update->on_missing > INVENTORY_MISSING_CREATE ||
        !key_range_valid(update->range)) {
        return check_refuse(fault, INVENTORY_FIELD_OTHER, "updates",
                            "none or too many, or a rule of no known kind");
    }
    for (uint32_t i = 0; i < update->item_count; i++) {
        if (update->items[i].sequence <= before) {
            return check_refuse(fault, INVENTORY_FIELD_OTHER, "updates",
                                "sequences that do not grow");
        }
        before = update->items[i].sequence;
    }
    return true;
}

bool check_command(const struct inventory_command *command, struct check_fault *out_fault)
{
    *out_fault = (struct check_fault){.path = "", .message = ""};
    switch (command->kind) {
    case INVENTORY_SKU_UPSERT:
        return check_sku(&command->sku_upsert, out_fault);
    case INVENTORY_SKU_DELETE:
        return identifier_valid(command->sku_delete.sku_id) ||
               check_refuse(out_fault, INVENTORY_FIELD_SKU_ID, "sku_id", "not an id");
    case INVENTORY_LOCATION_UPSERT:
    case INVENTORY_LOCATION_COPY:
        return check_location(&command->location_upsert, out_fault);
    case INVENTORY_ALIAS_RESERVE:
        return check_alias(command->alias_reserve.identifier,
                           command->alias_reserve.sku_id, out_fault);
    case INVENTORY_ALIAS_SETTLE:
        return check_alias(command->alias_settle.identifier, command->alias_settle.sku_id,
                           out_fault);
    case INVENTORY_PRODUCT_UPSERT:
        return check_product(&command->product_upsert, out_fault);
    case INVENTORY_PRODUCT_DELETE:
        return check_product_id(command->product_delete.product_id, out_fault);
    case INVENTORY_PRODUCT_GENERATE:
        return check_product_id(command->product_generate.product_id, out_fault);
    case INVENTORY_STOCK_ADJUST:
        return check_adjust(&command->stock_adjust, out_fault);
    case INVENTORY_STOCK_SET:
        return check_set(&command->stock_set, out_fault);
    case INVENTORY_STOCK_MOVE:
        return check_move(&command->stock_move, out_fault);
    case INVENTORY_COUNT_START:
        return check_count_start(&command->count_start, out_fault);
    case INVENTORY_COUNT_SUBMIT:
        return check_count_submit(&command->count_submit, out_fault);
    case INVENTORY_COUNT_CLOSE:
        return check_count_id(command->count_close.count_id, out_fault);
    case INVENTORY_HOLD_CREATE:
        return check_create(&command->hold_create, out_fault);
    case INVENTORY_HOLD_EXTEND:
        return check_ttl(command->hold_change.ttl_kind, command->hold_change.ttl_ms,
                         command->hold_change.life_max_ms, out_fault);
    case INVENTORY_HOLD_COMMIT:
    case INVENTORY_HOLD_RELEASE:
    case INVENTORY_HOLD_FULFIL:
    case INVENTORY_HOLD_CANCEL:
    case INVENTORY_REQUEST_SEAL:
        return true;
    case INVENTORY_SOURCE_OPEN:
    case INVENTORY_SOURCE_UPDATE:
    case INVENTORY_SOURCE_THROUGH:
        return check_source(command, out_fault);
    case INVENTORY_TICK:
        return (command->tick.sku_count <= INVENTORY_TICK_NAMES_MAX &&
                command->tick.hold_count <= INVENTORY_TICK_NAMES_MAX) ||
               check_refuse(out_fault, INVENTORY_FIELD_OTHER, "tick", "too many names");
    }
    return check_refuse(out_fault, INVENTORY_FIELD_OTHER, "command", "of no known kind");
}

static bool check_of_line(const struct inventory_command *command,
                          enum inventory_field field)
{
    return (command->kind == INVENTORY_HOLD_CREATE ||
            command->kind == INVENTORY_COUNT_SUBMIT) &&
           (field == INVENTORY_FIELD_SKU_ID || field == INVENTORY_FIELD_LOCATION_ID ||
            field == INVENTORY_FIELD_QUANTITY);
}

enum status inventory_command_check(const struct inventory_command *command,
                                    struct problem *problem)
{
    struct check_fault fault;
    char path[sizeof problem->field];
    if (check_command(command, &fault)) {
        return STATUS_OK;
    }
    if (problem == NULL) {
        return fault.status;
    }
    if (check_of_line(command, fault.field)) {
        snprintf(path, sizeof path, "lines[%u].%s", fault.line, fault.path);
    } else {
        snprintf(path, sizeof path, "%s", fault.path);
    }
    return problem_set(problem, fault.status, path, "%s: %s", path, fault.message);
}

const char *check_field_path(enum inventory_field field)
{
    switch (field) {
    case INVENTORY_FIELD_SKU_ID:
        return "sku_id";
    case INVENTORY_FIELD_LOCATION_ID:
        return "location_id";
    case INVENTORY_FIELD_QUANTITY:
        return "quantity";
    case INVENTORY_FIELD_HOLD_ID:
        return "hold_id";
    case INVENTORY_FIELD_OWNER:
        return "owner";
    case INVENTORY_FIELD_TTL:
        return "ttl";
    case INVENTORY_FIELD_ETAG:
        return "etag";
    case INVENTORY_FIELD_REQUEST_ID:
        return "request_id";
    case INVENTORY_FIELD_TO_LOCATION_ID:
        return "to_location_id";
    case INVENTORY_FIELD_COUNT_ID:
        return "count_id";
    case INVENTORY_FIELD_IDENTIFIER:
        return "identifier";
    case INVENTORY_FIELD_PRODUCT_ID:
        return "product_id";
    case INVENTORY_FIELD_NONE:
    case INVENTORY_FIELD_OTHER:
        break;
    }
    return "";
}
