/* SPDX-License-Identifier: Apache-2.0 */
/* The JSON of Souk's own things; the keys are what scripts rely on. */
#include <string.h>

#include "client/cli/output.h"
#include "client/cli/text.h"

void output_text(json_t *object, const char *key, const char *text)
{
    if (text != NULL && text[0] != '\0') {
        json_object_set_new(object, key, json_string(text));
    }
}

void output_time(json_t *object, const char *key, int64_t time_ms)
{
    char text[TEXT_TIME_BYTES];
    text_time_format(time_ms, text);
    output_text(object, key, text);
}

void output_money(json_t *object, const char *key, const struct souk_money *money)
{
    char text[TEXT_MONEY_BYTES];
    text_money_format(money, text);
    if (text[0] != '\0') {
        output_text(object, key, text);
        output_text(object, "currency", money->currency);
    }
}

void output_number(json_t *object, const char *key, int64_t number)
{
    json_object_set_new(object, key, json_integer(number));
}

static void output_texts(json_t *object, const char *key, const char *const *texts,
                         size_t count)
{
    json_t *list;
    if (count == 0) {
        return;
    }
    list = json_array();
    for (size_t i = 0; i < count; i++) {
        json_array_append_new(list, json_string(texts[i]));
    }
    json_object_set_new(object, key, list);
}

static void output_attributes(json_t *object, const char *key,
                              const struct souk_attribute *attributes, size_t count)
{
    json_t *values;
    if (count == 0) {
        return;
    }
    values = json_object();
    for (size_t i = 0; i < count; i++) {
        const struct souk_attribute *attribute = &attributes[i];
        json_t *value =
            attribute->kind == SOUK_ATTRIBUTE_NUMBER ? json_integer(attribute->number)
            : attribute->kind == SOUK_ATTRIBUTE_FLAG ? json_boolean(attribute->flag)
                                                     : json_string(attribute->text);
        json_object_set_new(values, attribute->name, value);
    }
    json_object_set_new(object, key, values);
}

static void output_cost(json_t *object, const struct souk_money *cost)
{
    char text[TEXT_MONEY_BYTES];
    text_money_format(cost, text);
    if (text[0] != '\0') {
        output_text(object, "cost", text);
        output_text(object, "cost_currency", cost->currency);
    }
}

json_t *output_sku(const struct souk_sku *sku)
{
    static const char *const states[] = {"unspecified", "draft", "active", "retired"};
    json_t *object = json_object();
    output_text(object, "sku_id", sku->sku_id);
    output_text(object, "name", sku->name);
    output_text(object, "state", (unsigned)sku->state < 4 ? states[sku->state] : "?");
    output_money(object, "price", &sku->price);
    output_text(object, "brand", sku->brand);
    output_texts(object, "category_path", sku->category_path, sku->category_count);
    output_text(object, "product_id", sku->product_id);
    output_attributes(object, "attributes", sku->attributes, sku->attribute_count);
    output_attributes(object, "options", sku->options, sku->option_count);
    output_texts(object, "gtins", sku->gtins, sku->gtin_count);
    output_texts(object, "aliases", sku->aliases, sku->alias_count);
    output_cost(object, &sku->cost);
    output_text(object, "unit", sku->unit);
    if (sku->unit_exponent != 0) {
        output_number(object, "unit_exponent", sku->unit_exponent);
    }
    output_time(object, "create_time", sku->create_time_ms);
    output_time(object, "update_time", sku->update_time_ms);
    output_text(object, "etag", sku->etag);
    return object;
}

json_t *output_location(const struct souk_location *location)
{
    static const char *const types[] = {"unspecified", "warehouse", "store", "supplier",
                                        "transit"};
    json_t *object = json_object();
    output_text(object, "location_id", location->location_id);
    output_text(object, "name", location->name);
    output_text(object, "type",
                (unsigned)location->type < 5 ? types[location->type] : "?");
    output_text(object, "address", location->address);
    output_text(object, "time_zone", location->time_zone);
    if (location->latitude_e7 != 0 || location->longitude_e7 != 0) {
        json_object_set_new(object, "latitude", json_real(location->latitude_e7 / 1e7));
        json_object_set_new(object, "longitude", json_real(location->longitude_e7 / 1e7));
    }
    output_texts(object, "channels", location->channels, location->channel_count);
    output_time(object, "update_time", location->update_time_ms);
    output_text(object, "etag", location->etag);
    return object;
}

json_t *output_level(const struct souk_stock_level *level)
{
    json_t *object = json_object();
    output_text(object, "sku_id", level->sku_id);
    output_text(object, "location_id", level->location_id);
    output_number(object, "available", level->available);
    output_number(object, "on_hand", level->on_hand);
    output_number(object, "held", level->held);
    output_number(object, "committed", level->committed);
    output_number(object, "damaged", level->damaged);
    output_number(object, "quality_control", level->quality_control);
    output_number(object, "safety_stock", level->safety_stock);
    output_number(object, "incoming", level->incoming);
    output_number(object, "backorder_limit", level->backorder_limit);
    output_number(object, "shortfall", level->shortfall);
    output_time(object, "update_time", level->update_time_ms);
    output_text(object, "etag", level->etag);
    return object;
}

static const char *const output_hold_states[] = {
    "unspecified", "held", "committed", "fulfilled", "released", "expired", "cancelled"};

bool output_hold_state_parse(const char *name, enum souk_hold_state *out_state)
{
    for (unsigned i = SOUK_HOLD_HELD; i <= SOUK_HOLD_CANCELLED; i++) {
        if (strcmp(output_hold_states[i], name) == 0) {
            *out_state = (enum souk_hold_state)i;
            return true;
        }
    }
    return false;
}

json_t *output_hold(const struct souk_hold *hold)
{
    json_t *object = json_object();
    json_t *lines = json_array();
    output_text(object, "hold_id", hold->hold_id);
    output_text(object, "state",
                (unsigned)hold->state <= SOUK_HOLD_CANCELLED
                    ? output_hold_states[hold->state]
                    : "?");
    output_text(object, "owner", hold->owner);
    output_text(object, "reference", hold->reference);
    for (size_t i = 0; i < hold->line_count; i++) {
        json_t *line = json_object();
        output_text(line, "sku_id", hold->lines[i].sku_id);
        output_text(line, "location_id", hold->lines[i].location_id);
        output_number(line, "quantity", hold->lines[i].quantity);
        output_number(line, "granted", hold->lines[i].granted);
        json_array_append_new(lines, line);
    }
    json_object_set_new(object, "lines", lines);
    output_time(object, "create_time", hold->create_time_ms);
    output_time(object, "expire_time", hold->expire_time_ms);
    output_time(object, "end_time", hold->end_time_ms);
    return object;
}

json_t *output_customer(const struct souk_customer *customer)
{
    json_t *object = json_object();
    json_t *consent = json_object();
    output_text(object, "customer_id", customer->customer_id);
    output_attributes(object, "attributes", customer->attributes,
                      customer->attribute_count);
    output_number(object, "event_count", (int64_t)customer->event_count);
    json_object_set_new(consent, "personalization",
                        json_boolean(!customer->personalization_withdrawn));
    json_object_set_new(consent, "evidence", json_boolean(!customer->evidence_withdrawn));
    json_object_set_new(object, "consent", consent);
    output_time(object, "create_time", customer->create_time_ms);
    output_time(object, "update_time", customer->update_time_ms);
    output_text(object, "etag", customer->etag);
    return object;
}

static const char *const output_reasons[] = {
    "unspecified", "receipt", "sale",       "return", "damage", "loss",
    "found",       "count",   "correction", "import", "hold",   "commit",
    "release",     "expire",  "fulfil",     "cancel", "delete", "move"};

const char *output_reason_name(enum souk_stock_reason reason)
{
    return (unsigned)reason <= SOUK_REASON_MOVE ? output_reasons[reason] : "?";
}

bool output_reason_parse(const char *name, enum souk_stock_reason *out_reason)
{
    for (unsigned i = SOUK_REASON_RECEIPT; i <= SOUK_REASON_IMPORT; i++) {
        if (strcmp(output_reasons[i], name) == 0) {
            *out_reason = (enum souk_stock_reason)i;
            return true;
        }
    }
    return false;
}

bool output_bucket_parse(const char *name, enum souk_stock_bucket last,
                         enum souk_stock_bucket *out_bucket)
{
    static const char *const buckets[] = {"unspecified",     "on_hand",  "damaged",
                                          "quality_control", "incoming", "safety_stock",
                                          "backorder_limit"};
    for (unsigned i = SOUK_BUCKET_ON_HAND; i <= (unsigned)last; i++) {
        if (strcmp(buckets[i], name) == 0) {
            *out_bucket = (enum souk_stock_bucket)i;
            return true;
        }
    }
    return false;
}

static const char *const output_events[] = {
    "unspecified", "view",     "search",     "cart_add", "cart_remove",
    "wishlist",    "purchase", "return",     "rating",   "impression",
    "click",       "dismiss",  "store_visit"};

const char *output_event_name(enum souk_event_kind kind)
{
    return (unsigned)kind <= SOUK_EVENT_STORE_VISIT ? output_events[kind] : "?";
}

bool output_event_parse(const char *name, enum souk_event_kind *out_kind)
{
    for (unsigned i = SOUK_EVENT_VIEW; i <= SOUK_EVENT_STORE_VISIT; i++) {
        if (strcmp(output_events[i], name) == 0) {
            *out_kind = (enum souk_event_kind)i;
            return true;
        }
    }
    return false;
}
