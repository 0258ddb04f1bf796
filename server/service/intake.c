/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/intake.h"

#include <stdio.h>
#include <string.h>

#include "server/service/check.h"
#include "server/service/service_private.h"
#include "shard/base/gtin.h"
#include "shard/base/identifier.h"

enum {
    INTAKE_FIELD_BYTES = 96,
    INTAKE_NAME_BYTES_MAX = 128, /* of an attribute */
};

static enum status intake_memory(struct problem *problem)
{
    return problem_set(problem, STATUS_TOO_LARGE, "",
                       "the request needs more memory than one call may take");
}

/* --- SKUs -------------------------------------------------------------------------- */

/* A path that an update_mask may name, and the bits it stands for. */
struct intake_path {
    const char *path;
    uint32_t field;
};

/* `none` when the mask names nothing that can be written. */
static enum status intake_mask(const Google__Protobuf__FieldMask *mask,
                               const struct intake_path *known, uint32_t none,
                               uint32_t *out_mask, struct problem *problem)
{
    *out_mask = 0;
    for (size_t i = 0; i < mask->n_paths; i++) {
        const struct intake_path *path = known;
        while (path->path != NULL && strcmp(path->path, mask->paths[i]) != 0) {
            path++;
        }
        if (path->path == NULL) {
            return problem_set(problem, STATUS_INVALID, "update_mask",
                               "update_mask: '%.40s' is not a field that can be written",
                               mask->paths[i]);
        }
        *out_mask |= path->field;
    }
    if (*out_mask == 0) {
        *out_mask = none; /* 0 would be taken for no mask */
    }
    return STATUS_OK;
}

static const struct intake_path intake_sku_paths[] = {
    {"product_id", SKU_FIELD_PRODUCT_ID},
    {"name", SKU_FIELD_NAME},
    {"state", SKU_FIELD_STATE},
    {"attributes", SKU_FIELD_ATTRIBUTES},
    {"category_path", SKU_FIELD_CATEGORIES},
    {"brand", SKU_FIELD_BRAND},
    {"price", SKU_FIELD_PRICE},
    {"cost", SKU_FIELD_COST},
    {"unit", SKU_FIELD_UNIT},
    {"unit_exponent", SKU_FIELD_UNIT_EXPONENT},
    {"options", SKU_FIELD_OPTIONS},
    {"gtins", SKU_FIELD_GTINS},
    {"aliases", SKU_FIELD_ALIASES},
    {"sku_id", 0}, /* names the row; written by no update */
    {"*", SKU_FIELDS_ALL},
    {NULL, 0},
};

static enum status intake_attribute(const Souk__V1__Attribute *attribute,
                                    const char *field, struct inventory_attribute *out,
                                    struct problem *problem)
{
    *out = (struct inventory_attribute){.kind = INVENTORY_ATTRIBUTE_TEXT};
    TRY(check_text(field, attribute->name, INTAKE_NAME_BYTES_MAX, &out->name, problem));
    if (out->name.size == 0) {
        return problem_set(problem, STATUS_INVALID, field, "%s: needs a name", field);
    }
    switch (attribute->value_case) {
    case SOUK__V1__ATTRIBUTE__VALUE_TEXT:
        return check_text(field, attribute->text, INVENTORY_TEXT_BYTES_MAX, &out->text,
                          problem);
    case SOUK__V1__ATTRIBUTE__VALUE_NUMBER:
        out->kind = INVENTORY_ATTRIBUTE_NUMBER;
        out->number = attribute->number;
        return STATUS_OK;
    case SOUK__V1__ATTRIBUTE__VALUE_FLAG:
        out->kind = INVENTORY_ATTRIBUTE_FLAG;
        out->number = attribute->flag ? 1 : 0;
        return STATUS_OK;
    case SOUK__V1__ATTRIBUTE__VALUE__NOT_SET:
        break;
    }
    return problem_set(problem, STATUS_INVALID, field,
                       "%s: needs a text, a number or a flag", field);
}

/* How a repeated field is called, and what it may hold. */
struct intake_rules {
    const char *field;
    size_t count_max;
    size_t bytes_max; /* of one text */
};

struct intake_attributes {
    const struct inventory_attribute *items;
    uint32_t count;
};

static enum status intake_attributes(Souk__V1__Attribute **attributes, size_t count,
                                     const struct intake_rules *rules,
                                     struct arena *arena, struct intake_attributes *out,
                                     struct problem *problem)
{
    struct inventory_attribute *items;
    char field[INTAKE_FIELD_BYTES];
    TRY(check_count(rules->field, count, 0, rules->count_max, problem));
    items = arena_alloc(arena, (count + 1) * sizeof *items);
    if (items == NULL) {
        return intake_memory(problem);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(field, sizeof field, "%s[%zu]", rules->field, i);
        TRY(intake_attribute(attributes[i], field, &items[i], problem));
        for (size_t j = 0; j < i; j++) {
            if (slice_equal(items[j].name, items[i].name)) {
                return problem_set(problem, STATUS_INVALID, field,
                                   "%s: this name stands at %zu already", field, j);
            }
        }
    }
    *out = (struct intake_attributes){.items = items, .count = (uint32_t)count};
    return STATUS_OK;
}

struct intake_texts {
    const struct slice *items;
    uint32_t count;
};

static enum status intake_texts(char **texts, size_t count,
                                const struct intake_rules *rules, struct arena *arena,
                                struct intake_texts *out, struct problem *problem)
{
    struct slice *items;
    char field[INTAKE_FIELD_BYTES];
    TRY(check_count(rules->field, count, 0, rules->count_max, problem));
    items = arena_alloc(arena, (count + 1) * sizeof *items);
    if (items == NULL) {
        return intake_memory(problem);
    }
    for (size_t i = 0; i < count; i++) {
        snprintf(field, sizeof field, "%s[%zu]", rules->field, i);
        TRY(check_text(field, texts[i], rules->bytes_max, &items[i], problem));
        if (items[i].size == 0) {
            return problem_set(problem, STATUS_INVALID, field, "%s: empty", field);
        }
    }
    *out = (struct intake_texts){.items = items, .count = (uint32_t)count};
    return STATUS_OK;
}

static enum status intake_money(const char *field, const Souk__V1__Money *money,
                                struct inventory_money *out, struct problem *problem)
{
    struct check_money checked;
    TRY(check_money(field, money, false, &checked, problem));
    memcpy(out->currency, checked.currency, sizeof out->currency);
    out->units = checked.units;
    out->nanos = checked.nanos;
    return STATUS_OK;
}

static enum status intake_sku_lists(const Souk__V1__Sku *sku, size_t attributes_max,
                                    struct arena *arena, struct inventory_sku *out,
                                    struct problem *problem)
{
    const struct intake_rules attribute_rules = {"sku.attributes", attributes_max, 0};
    const struct intake_rules option_rules = {"sku.options", INVENTORY_OPTIONS_MAX, 0};
    const struct intake_rules category_rules = {
        "sku.category_path", INVENTORY_CATEGORY_DEPTH_MAX, INVENTORY_TEXT_BYTES_MAX};
    const struct intake_rules gtin_rules = {"sku.gtins", INVENTORY_GTINS_MAX,
                                            INVENTORY_ID_BYTES_MAX};
    const struct intake_rules alias_rules = {"sku.aliases", INVENTORY_ALIASES_MAX,
                                             INVENTORY_ID_BYTES_MAX};
    struct intake_attributes attributes, options;
    struct intake_texts categories, gtins, aliases;
    TRY(intake_attributes(sku->attributes, sku->n_attributes, &attribute_rules, arena,
                          &attributes, problem));
    TRY(intake_attributes(sku->options, sku->n_options, &option_rules, arena, &options,
                          problem));
    TRY(intake_texts(sku->category_path, sku->n_category_path, &category_rules, arena,
                     &categories, problem));
    TRY(intake_texts(sku->gtins, sku->n_gtins, &gtin_rules, arena, &gtins, problem));
    TRY(intake_texts(sku->aliases, sku->n_aliases, &alias_rules, arena, &aliases,
                     problem));
    out->attributes = attributes.items;
    out->attribute_count = attributes.count;
    out->options = options.items;
    out->option_count = options.count;
    out->categories = categories.items;
    out->category_count = categories.count;
    out->gtins = gtins.items;
    out->gtin_count = gtins.count;
    out->aliases = aliases.items;
    out->alias_count = aliases.count;
    return STATUS_OK;
}

/* Digits whose last one is another than the check digit get told which it would be. */
static enum status intake_gtin(struct slice gtin, const char *field,
                               struct problem *problem)
{
    char right[2] = "?";
    struct slice digits = slice_of(gtin.data, gtin.size - 1);
    if (gtin_valid(gtin)) {
        return STATUS_OK;
    }
    for (int digit = '0'; digit <= '9' && right[0] == '?'; digit++) {
        char tried[GTIN_DIGITS_MAX];
        if (gtin.size <= GTIN_DIGITS_MAX) {
            memcpy(tried, digits.data, digits.size);
            tried[digits.size] = (char)digit;
            right[0] = gtin_valid(slice_of(tried, gtin.size)) ? (char)digit : '?';
        }
    }
    return problem_set(problem, STATUS_INVALID, field,
                       right[0] == '?' ? "%s: a GTIN is 8, 12, 13 or 14 digits%s"
                                       : "%s: the check digit is wrong; it would be %s",
                       field, right[0] == '?' ? "" : right);
}

/* What a SKU is to be found under: lawful, none its own id, none named twice, whatever the
 * length that a GTIN is written in. */
static enum status intake_identifiers(const struct inventory_sku *sku,
                                      struct arena *arena, struct problem *problem)
{
    const uint32_t count = sku->gtin_count + sku->alias_count;
    struct slice *seen = arena_alloc(arena, (count + 1) * sizeof *seen);
    char field[INTAKE_FIELD_BYTES];
    if (seen == NULL) {
        return intake_memory(problem);
    }
    for (uint32_t i = 0; i < count; i++) {
        bool gtin = i < sku->gtin_count;
        uint32_t place = gtin ? i : i - sku->gtin_count;
        struct slice text = gtin ? sku->gtins[place] : sku->aliases[place];
        snprintf(field, sizeof field, "sku.%s[%u]", gtin ? "gtins" : "aliases", place);
        if (gtin) {
            TRY(intake_gtin(text, field, problem));
        } else if (!identifier_valid(text)) {
            return problem_set(problem, STATUS_INVALID, field,
                               "%s: an alias is 1-128 of A-Z a-z 0-9 . _ ~ : -", field);
        }
        seen[i] = inventory_identifier_canonical(text, arena);
        if (!gtin && slice_equal(text, sku->sku_id)) {
            return problem_set(problem, STATUS_INVALID, field,
                               "%s: this is the SKU's own id", field);
        }
        for (uint32_t j = 0; j < i; j++) {
            if (slice_equal(seen[j], seen[i])) {
                return problem_set(problem, STATUS_INVALID, field,
                                   "%s: the same identifier stands before it", field);
            }
        }
    }
    return STATUS_OK;
}

enum status intake_sku(const Souk__V1__Sku *sku, const Google__Protobuf__FieldMask *mask,
                       const struct settings *settings, struct arena *arena,
                       struct inventory_sku_upsert *out, struct problem *problem)
{
    struct inventory_sku *plain = &out->sku;
    *out = (struct inventory_sku_upsert){.attributes_max =
                                             (uint32_t)settings->attributes_max};
    if (sku == NULL) {
        return problem_set(problem, STATUS_INVALID, "sku", "sku: missing");
    }
    out->update_mask = SKU_FIELDS_ALL;
    if (mask != NULL) {
        TRY(intake_mask(mask, intake_sku_paths, SKU_FIELDS_NONE, &out->update_mask,
                        problem));
    }
    TRY(check_id("sku.sku_id", sku->sku_id, &plain->sku_id, problem));
    TRY(check_id_or_empty("sku.product_id", sku->product_id, &plain->product_id,
                          problem));
    TRY(check_text("sku.name", sku->name, INVENTORY_TEXT_BYTES_MAX, &plain->name,
                   problem));
    TRY(check_text("sku.brand", sku->brand, INVENTORY_TEXT_BYTES_MAX, &plain->brand,
                   problem));
    TRY(check_text("sku.unit", sku->unit, INVENTORY_ID_BYTES_MAX, &plain->unit, problem));
    plain->state = (enum sku_state)sku->state;
    plain->unit_exponent = sku->unit_exponent;
    TRY(intake_money("sku.price", sku->price, &plain->price, problem));
    TRY(intake_money("sku.cost", sku->cost, &plain->cost, problem));
    TRY(intake_sku_lists(sku, out->attributes_max, arena, plain, problem));
    TRY(intake_identifiers(plain, arena, problem));
    if (inventory_etag_parse(slice_from_string(sku->etag), &out->etag) != STATUS_OK) {
        return problem_set(problem, STATUS_ETAG_MISMATCH, "sku.etag", "%s",
                           status_text(STATUS_ETAG_MISMATCH));
    }
    return STATUS_OK;
}

/* --- Locations --------------------------------------------------------------------- */

static const struct intake_path intake_location_paths[] = {
    {"name", LOCATION_FIELD_NAME},
    {"type", LOCATION_FIELD_TYPE},
    {"address", LOCATION_FIELD_ADDRESS},
    {"latitude_e7", LOCATION_FIELD_COORDINATES},
    {"longitude_e7", LOCATION_FIELD_COORDINATES},
    {"time_zone", LOCATION_FIELD_TIME_ZONE},
    {"channels", LOCATION_FIELD_CHANNELS},
    {"location_id", 0},
    {"*", LOCATION_FIELDS_ALL},
    {NULL, 0},
};

/* Shaped like a name of the tz database (theory.html, "Timezone identifiers"); which names
 * there are changes several times a year, so no list of them is kept here. */
static enum status intake_time_zone(const char *text, struct slice *out,
                                    struct problem *problem)
{
    const char *part = text;
    TRY(check_text("location.time_zone", text, INVENTORY_ID_BYTES_MAX, out, problem));
    for (const char *at = text; *text != '\0'; at++) {
        bool letter = (*at >= 'A' && *at <= 'Z') || (*at >= 'a' && *at <= 'z');
        bool inner = (*at >= '0' && *at <= '9') || *at == '_' || *at == '-' || *at == '+';
        bool ends = *at == '/' || *at == '\0';
        if ((ends && at == part) || (!ends && !letter && !(inner && at > part))) {
            return problem_set(problem, STATUS_INVALID, "location.time_zone",
                               "location.time_zone: a name of the tz database, like "
                               "Europe/Berlin");
        }
        if (*at == '\0') {
            break;
        }
        part = ends ? at + 1 : part;
    }
    return STATUS_OK;
}

static enum status intake_channels(const Souk__V1__Location *location,
                                   struct arena *arena, struct inventory_location *out,
                                   struct problem *problem)
{
    const struct intake_rules rules = {"location.channels", INVENTORY_CHANNELS_MAX,
                                       INVENTORY_ID_BYTES_MAX};
    struct intake_texts channels;
    char field[INTAKE_FIELD_BYTES];
    TRY(intake_texts(location->channels, location->n_channels, &rules, arena, &channels,
                     problem));
    for (uint32_t i = 0; i < channels.count; i++) {
        snprintf(field, sizeof field, "%s[%u]", rules.field, i);
        TRY(check_id(field, location->channels[i], NULL, problem));
        for (uint32_t j = 0; j < i; j++) {
            if (slice_equal(channels.items[i], channels.items[j])) {
                return problem_set(problem, STATUS_INVALID, field,
                                   "%s: this channel stands at %u already", field, j);
            }
        }
    }
    out->channels = channels.items;
    out->channel_count = channels.count;
    return STATUS_OK;
}

enum status intake_location(const Souk__V1__Location *location,
                            const Google__Protobuf__FieldMask *mask, struct arena *arena,
                            struct inventory_location_upsert *out,
                            struct problem *problem)
{
    struct inventory_location *plain = &out->location;
    *out = (struct inventory_location_upsert){0};
    if (location == NULL) {
        return problem_set(problem, STATUS_INVALID, "location", "location: missing");
    }
    if (mask != NULL) {
        TRY(intake_mask(mask, intake_location_paths, LOCATION_FIELDS_NONE,
                        &out->update_mask, problem));
    }
    TRY(check_id("location.location_id", location->location_id, &plain->location_id,
                 problem));
    TRY(check_text("location.name", location->name, INVENTORY_TEXT_BYTES_MAX,
                   &plain->name, problem));
    TRY(check_text("location.address", location->address, INVENTORY_TEXT_BYTES_MAX,
                   &plain->address, problem));
    TRY(intake_time_zone(location->time_zone, &plain->time_zone, problem));
    TRY(intake_channels(location, arena, plain, problem));
    plain->type = (enum location_type)location->type;
    plain->latitude_e7 = location->latitude_e7;
    plain->longitude_e7 = location->longitude_e7;
    if (inventory_etag_parse(slice_from_string(location->etag), &out->etag) !=
        STATUS_OK) {
        return problem_set(problem, STATUS_ETAG_MISMATCH, "location.etag", "%s",
                           status_text(STATUS_ETAG_MISMATCH));
    }
    return STATUS_OK;
}

/* --- Stock ------------------------------------------------------------------------- */

enum status intake_adjustment(const Souk__V1__StockAdjustment *adjustment,
                              struct inventory_stock_adjust *out, struct problem *problem)
{
    int64_t occurred_ms;
    *out = (struct inventory_stock_adjust){0};
    if (adjustment == NULL) {
        return problem_set(problem, STATUS_INVALID, "adjustment", "adjustment: missing");
    }
    TRY(check_id("adjustment.sku_id", adjustment->sku_id, &out->sku_id, problem));
    TRY(check_id("adjustment.location_id", adjustment->location_id, &out->location_id,
                 problem));
    TRY(check_text("adjustment.reference", adjustment->reference,
                   INVENTORY_REFERENCE_BYTES_MAX, &out->reference, problem));
    if (adjustment->occurred_time != NULL) {
        TRY(check_time("adjustment.occurred_time", adjustment->occurred_time,
                       &occurred_ms, problem));
    }
    if (adjustment->quantity == 0) {
        return problem_set(problem, STATUS_INVALID, "adjustment.quantity",
                           "adjustment.quantity: 0 changes nothing; give the difference");
    }
    if ((unsigned)adjustment->reason >= STOCK_REASON_HOLD) {
        return problem_set(problem, STATUS_INVALID, "adjustment.reason",
                           "adjustment.reason: this one is written by the server alone");
    }
    out->bucket = adjustment->bucket == 0 ? STOCK_BUCKET_ON_HAND
                                          : (enum stock_bucket)adjustment->bucket;
    if (adjustment->quantity == INT64_MIN) {
        /* No level holds so much, and its amount has no place in an answer. */
        return problem_set(problem, STATUS_INVALID, "adjustment.quantity",
                           "adjustment.quantity: not below -9223372036854775807");
    }
    out->delta = adjustment->quantity;
    out->reason = (enum stock_reason)adjustment->reason;
    return STATUS_OK;
}

/* The new value of one bucket. */
static enum status intake_bucket(struct inventory_stock_set *out,
                                 enum stock_bucket bucket, const char *field,
                                 int64_t value, struct problem *problem)
{
    if (value < 0) {
        return problem_set(problem, STATUS_INVALID, field, "%s: not below 0", field);
    }
    out->mask |= 1u << bucket;
    out->buckets[bucket] = value;
    return STATUS_OK;
}

static enum status intake_set_buckets(const Souk__V1__SetStockRequest *request,
                                      struct inventory_stock_set *out,
                                      struct problem *problem)
{
    if (request->on_hand_change_case ==
        SOUK__V1__SET_STOCK_REQUEST__ON_HAND_CHANGE_ON_HAND) {
        TRY(intake_bucket(out, STOCK_BUCKET_ON_HAND, "on_hand", request->on_hand,
                          problem));
    }
    if (request->safety_stock_change_case ==
        SOUK__V1__SET_STOCK_REQUEST__SAFETY_STOCK_CHANGE_SAFETY_STOCK) {
        TRY(intake_bucket(out, STOCK_BUCKET_SAFETY_STOCK, "safety_stock",
                          request->safety_stock, problem));
    }
    if (request->backorder_limit_change_case ==
        SOUK__V1__SET_STOCK_REQUEST__BACKORDER_LIMIT_CHANGE_BACKORDER_LIMIT) {
        TRY(intake_bucket(out, STOCK_BUCKET_BACKORDER_LIMIT, "backorder_limit",
                          request->backorder_limit, problem));
    }
    if (request->damaged_change_case ==
        SOUK__V1__SET_STOCK_REQUEST__DAMAGED_CHANGE_DAMAGED) {
        TRY(intake_bucket(out, STOCK_BUCKET_DAMAGED, "damaged", request->damaged,
                          problem));
    }
    if (request->quality_control_change_case ==
        SOUK__V1__SET_STOCK_REQUEST__QUALITY_CONTROL_CHANGE_QUALITY_CONTROL) {
        TRY(intake_bucket(out, STOCK_BUCKET_QUALITY_CONTROL, "quality_control",
                          request->quality_control, problem));
    }
    if (request->incoming_change_case ==
        SOUK__V1__SET_STOCK_REQUEST__INCOMING_CHANGE_INCOMING) {
        TRY(intake_bucket(out, STOCK_BUCKET_INCOMING, "incoming", request->incoming,
                          problem));
    }
    if (out->mask == 0) {
        return problem_set(problem, STATUS_INVALID, "on_hand",
                           "nothing to write: give on_hand, damaged, quality_control, "
                           "incoming, safety_stock or backorder_limit");
    }
    return STATUS_OK;
}

enum status intake_move(const Souk__V1__MoveStockRequest *request,
                        struct inventory_stock_move *out, struct problem *problem)
{
    int64_t occurred_ms;
    *out = (struct inventory_stock_move){.quantity = request->quantity};
    TRY(check_id("sku_id", request->sku_id, &out->sku_id, problem));
    TRY(check_id("from_location_id", request->from_location_id, &out->location_id,
                 problem));
    TRY(check_id_or_empty("to_location_id", request->to_location_id, &out->to_location_id,
                          problem));
    TRY(check_text("reference", request->reference, INVENTORY_REFERENCE_BYTES_MAX,
                   &out->reference, problem));
    if (request->occurred_time != NULL) {
        TRY(check_time("occurred_time", request->occurred_time, &occurred_ms, problem));
    }
    if ((unsigned)request->reason >= STOCK_REASON_HOLD) {
        return problem_set(problem, STATUS_INVALID, "reason",
                           "reason: this one is written by the server alone");
    }
    if (out->to_location_id.size == 0) {
        out->to_location_id = out->location_id;
    }
    out->bucket = request->from_bucket == 0 ? STOCK_BUCKET_ON_HAND
                                            : (enum stock_bucket)request->from_bucket;
    out->to_bucket = request->to_bucket == 0 ? STOCK_BUCKET_ON_HAND
                                             : (enum stock_bucket)request->to_bucket;
    out->reason = (enum stock_reason)request->reason;
    return STATUS_OK;
}

enum status intake_set(const Souk__V1__SetStockRequest *request,
                       struct inventory_stock_set *out, struct problem *problem)
{
    int64_t occurred_ms;
    *out = (struct inventory_stock_set){0};
    TRY(check_id("sku_id", request->sku_id, &out->sku_id, problem));
    TRY(check_id("location_id", request->location_id, &out->location_id, problem));
    TRY(check_text("reference", request->reference, INVENTORY_REFERENCE_BYTES_MAX,
                   &out->reference, problem));
    if (request->occurred_time != NULL) {
        TRY(check_time("occurred_time", request->occurred_time, &occurred_ms, problem));
    }
    if ((unsigned)request->reason >= STOCK_REASON_HOLD) {
        return problem_set(problem, STATUS_INVALID, "reason",
                           "reason: this one is written by the server alone");
    }
    TRY(intake_set_buckets(request, out, problem));
    out->reason = (enum stock_reason)request->reason;
    if (request->condition_case ==
        SOUK__V1__SET_STOCK_REQUEST__CONDITION_EXPECTED_ON_HAND) {
        out->has_expected_on_hand = true;
        out->expected_on_hand = request->expected_on_hand;
    } else if (request->condition_case == SOUK__V1__SET_STOCK_REQUEST__CONDITION_ETAG &&
               inventory_etag_parse(slice_from_string(request->etag), &out->etag) !=
                   STATUS_OK) {
        return problem_set(problem, STATUS_ETAG_MISMATCH, "etag", "%s",
                           status_text(STATUS_ETAG_MISMATCH));
    }
    return STATUS_OK;
}

/* --- Holds ------------------------------------------------------------------------- */

static enum status intake_line(const Souk__V1__HoldLine *line, size_t index,
                               struct inventory_hold_line *out, struct problem *problem)
{
    char field[INTAKE_FIELD_BYTES];
    snprintf(field, sizeof field, "lines[%zu].sku_id", index);
    TRY(check_id(field, line->sku_id, &out->sku_id, problem));
    snprintf(field, sizeof field, "lines[%zu].location_id", index);
    TRY(check_id_or_empty(field, line->location_id, &out->location_id, problem));
    if (line->quantity <= 0) {
        snprintf(field, sizeof field, "lines[%zu].quantity", index);
        return problem_set(problem, STATUS_INVALID, field, "%s: above 0", field);
    }
    out->quantity = line->quantity;
    out->granted = 0;
    return STATUS_OK;
}

enum status intake_hold(const Souk__V1__CreateHoldRequest *request,
                        const struct settings *settings, struct arena *arena,
                        struct inventory_hold_create *out, struct problem *problem)
{
    int64_t life_max_ms = settings->hold_ttl_max_s * 1000;
    struct inventory_hold_line *lines;
    *out = (struct inventory_hold_create){
        .mode = request->mode == SOUK__V1__HOLD_MODE__HOLD_MODE_BEST_EFFORT
                    ? HOLD_MODE_BEST_EFFORT
                    : HOLD_MODE_ALL_OR_NOTHING,
        .allow_backorder = request->allow_backorder,
        .ttl_ms = settings->hold_ttl_default_s * 1000,
        .life_max_ms = life_max_ms,
        .owner_holds_max = (uint32_t)settings->owner_holds_max,
        .lines_max = (uint32_t)settings->hold_lines_max,
    };
    TRY(check_count("lines", request->n_lines, 1, out->lines_max, problem));
    lines = arena_alloc(arena, request->n_lines * sizeof *lines);
    if (lines == NULL) {
        return intake_memory(problem);
    }
    for (size_t i = 0; i < request->n_lines; i++) {
        TRY(intake_line(request->lines[i], i, &lines[i], problem));
    }
    out->lines = lines;
    out->line_count = (uint32_t)request->n_lines;
    TRY(check_text("owner", request->owner, INVENTORY_ID_BYTES_MAX, &out->owner,
                   problem));
    TRY(check_text("reference", request->reference, INVENTORY_REFERENCE_BYTES_MAX,
                   &out->reference, problem));
    if (request->ttl != NULL) {
        TRY(check_ttl("ttl", request->ttl, life_max_ms, &out->ttl_ms, problem));
        out->ttl_kind = HOLD_TTL_DURATION;
    } else if (out->ttl_ms > life_max_ms) {
        out->ttl_ms = life_max_ms;
    }
    out->nonce = service_nonce();
    out->prepare_ms = settings->hold_prepare_ms;
    return STATUS_OK;
}
