/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/reply.h"

#include <stdio.h>
#include <string.h>

#define Souk__V1__name Souk__V1__##name

static char reply_empty[1]; /* never written */

void *reply_alloc(struct reply *reply, size_t size)
{
    void *block = arena_zalloc(reply->arena, size);
    reply->failed = reply->failed || block == NULL;
    return block;
}

char *reply_text(struct reply *reply, struct slice text)
{
    char *copy;
    if (text.size == 0) {
        return reply_empty;
    }
    copy = arena_alloc(reply->arena, text.size + 1);
    if (copy == NULL) {
        reply->failed = true;
        return reply_empty;
    }
    memcpy(copy, text.data, text.size);
    copy[text.size] = '\0';
    return copy;
}

Google__Protobuf__Timestamp *reply_time(struct reply *reply, int64_t ms)
{
    Google__Protobuf__Timestamp *time = NULL;
    int64_t rest = ms % 1000;
    if (ms != 0) {
        time = reply_alloc(reply, sizeof *time);
    }
    if (time != NULL) {
        google__protobuf__timestamp__init(time);
        time->seconds = ms / 1000 - (rest < 0);
        time->nanos = (int32_t)(rest < 0 ? rest + 1000 : rest) * 1000000;
    }
    return time;
}

Google__Protobuf__Duration *reply_duration_us(struct reply *reply, uint64_t us)
{
    Google__Protobuf__Duration *duration = reply_alloc(reply, sizeof *duration);
    if (duration != NULL) {
        google__protobuf__duration__init(duration);
        duration->seconds = (int64_t)(us / 1000000);
        duration->nanos = (int32_t)(us % 1000000) * 1000;
    }
    return duration;
}

char *reply_etag(struct reply *reply, uint64_t etag)
{
    char text[INVENTORY_ETAG_TEXT_BYTES + 1];
    if (etag == 0) {
        return reply_empty;
    }
    inventory_etag_format(etag, text);
    return reply_text(reply, slice_of(text, INVENTORY_ETAG_TEXT_BYTES));
}

char *reply_hold_id(struct reply *reply, struct inventory_hold_id id)
{
    char text[INVENTORY_HOLD_ID_TEXT_BYTES + 1];
    if (id.anchor == 0 && id.unique == 0) {
        return reply_empty;
    }
    inventory_hold_id_format(id, text);
    return reply_text(reply, slice_of(text, INVENTORY_HOLD_ID_TEXT_BYTES));
}

Souk__V1__ReadStamp *reply_stamp(struct reply *reply, const struct replica_stamp *stamp)
{
    Souk__V1__ReadStamp *message = reply_alloc(reply, sizeof *message);
    if (message != NULL) {
        souk__v1__read_stamp__init(message);
        message->shard_id = stamp->shard_id;
        message->range_epoch = stamp->range_epoch;
        message->log_index = stamp->log_index;
        message->log_time = reply_time(reply, stamp->log_time_ms);
        message->leader = true;
    }
    return message;
}

Souk__V1__Money *reply_money(struct reply *reply, const struct inventory_money *money)
{
    Souk__V1__Money *message = NULL;
    if (money->currency[0] != '\0') {
        message = reply_alloc(reply, sizeof *message);
    }
    if (message != NULL) {
        souk__v1__money__init(message);
        message->currency = reply_text(reply, slice_from_string(money->currency));
        message->units = money->units;
        message->nanos = money->nanos;
    }
    return message;
}

/* --- Attributes, texts ------------------------------------------------------------- */

static char **reply_texts(struct reply *reply, const struct slice *texts, uint32_t count,
                          size_t *out_count)
{
    char **copies = reply_alloc(reply, (count + 1) * sizeof *copies);
    *out_count = copies ? count : 0;
    for (uint32_t i = 0; i < *out_count; i++) {
        copies[i] = reply_text(reply, texts[i]);
    }
    return copies;
}

/* Room for `count` messages of `size` and the pointers to them; the pointers, or NULL. */
static void **reply_array(struct reply *reply, size_t count, size_t size)
{
    char *block = reply_alloc(reply, count * size + 1);
    void **pointers = reply_alloc(reply, (count + 1) * sizeof *pointers);
    for (size_t i = 0; block != NULL && pointers != NULL && i < count; i++) {
        pointers[i] = block + i * size;
    }
    return block ? pointers : NULL;
}

static Souk__V1__Attribute **
reply_attributes(struct reply *reply, const struct inventory_attribute *attributes,
                 uint32_t count, size_t *out_count)
{
    Souk__V1__Attribute **messages =
        (Souk__V1__Attribute **)reply_array(reply, count, sizeof **messages);
    *out_count = messages ? count : 0;
    for (uint32_t i = 0; i < *out_count; i++) {
        const struct inventory_attribute *attribute = &attributes[i];
        souk__v1__attribute__init(messages[i]);
        messages[i]->name = reply_text(reply, attribute->name);
        switch (attribute->kind) {
        case INVENTORY_ATTRIBUTE_TEXT:
            messages[i]->value_case = SOUK__V1__ATTRIBUTE__VALUE_TEXT;
            messages[i]->text = reply_text(reply, attribute->text);
            break;
        case INVENTORY_ATTRIBUTE_NUMBER:
            messages[i]->value_case = SOUK__V1__ATTRIBUTE__VALUE_NUMBER;
            messages[i]->number = attribute->number;
            break;
        case INVENTORY_ATTRIBUTE_FLAG:
            messages[i]->value_case = SOUK__V1__ATTRIBUTE__VALUE_FLAG;
            messages[i]->flag = attribute->number != 0;
            break;
        }
    }
    return messages;
}

Souk__V1__Sku *reply_sku(struct reply *reply, const struct inventory_sku *sku)
{
    Souk__V1__Sku *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__sku__init(message);
    message->sku_id = reply_text(reply, sku->sku_id);
    message->product_id = reply_text(reply, sku->product_id);
    message->name = reply_text(reply, sku->name);
    message->state = (Souk__V1__SkuState)sku->state;
    message->attributes = reply_attributes(reply, sku->attributes, sku->attribute_count,
                                           &message->n_attributes);
    message->category_path = reply_texts(reply, sku->categories, sku->category_count,
                                         &message->n_category_path);
    message->brand = reply_text(reply, sku->brand);
    message->price = reply_money(reply, &sku->price);
    message->cost = reply_money(reply, &sku->cost);
    message->unit = reply_text(reply, sku->unit);
    message->unit_exponent = sku->unit_exponent;
    message->options =
        reply_attributes(reply, sku->options, sku->option_count, &message->n_options);
    message->gtins = reply_texts(reply, sku->gtins, sku->gtin_count, &message->n_gtins);
    message->aliases =
        reply_texts(reply, sku->aliases, sku->alias_count, &message->n_aliases);
    message->etag = reply_etag(reply, sku->etag);
    message->create_time = reply_time(reply, sku->create_ms);
    message->update_time = reply_time(reply, sku->update_ms);
    return message;
}

Souk__V1__Location *reply_location(struct reply *reply,
                                   const struct inventory_location *location)
{
    Souk__V1__Location *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__location__init(message);
    message->location_id = reply_text(reply, location->location_id);
    message->name = reply_text(reply, location->name);
    message->type = (Souk__V1__LocationType)location->type;
    message->address = reply_text(reply, location->address);
    message->latitude_e7 = location->latitude_e7;
    message->longitude_e7 = location->longitude_e7;
    message->time_zone = reply_text(reply, location->time_zone);
    message->channels = reply_texts(reply, location->channels, location->channel_count,
                                    &message->n_channels);
    message->etag = reply_etag(reply, location->etag);
    message->create_time = reply_time(reply, location->create_ms);
    message->update_time = reply_time(reply, location->update_ms);
    return message;
}

/* --- Stock, holds ------------------------------------------------------------------ */

static void reply_fill_level(Souk__V1__StockLevel *message, const int64_t *buckets)
{
    message->on_hand = buckets[STOCK_BUCKET_ON_HAND];
    message->held = buckets[STOCK_BUCKET_HELD];
    message->committed = buckets[STOCK_BUCKET_COMMITTED];
    message->damaged = buckets[STOCK_BUCKET_DAMAGED];
    message->quality_control = buckets[STOCK_BUCKET_QUALITY_CONTROL];
    message->safety_stock = buckets[STOCK_BUCKET_SAFETY_STOCK];
    message->incoming = buckets[STOCK_BUCKET_INCOMING];
    message->backorder_limit = buckets[STOCK_BUCKET_BACKORDER_LIMIT];
}

Souk__V1__StockLevel *reply_level(struct reply *reply,
                                  const struct inventory_level *level)
{
    Souk__V1__StockLevel *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__stock_level__init(message);
    reply_fill_level(message, level->buckets);
    message->sku_id = reply_text(reply, level->sku_id);
    message->location_id = reply_text(reply, level->location_id);
    message->available = level->available;
    message->shortfall = level->shortfall;
    message->etag = reply_etag(reply, level->etag);
    message->update_time = reply_time(reply, level->update_ms);
    return message;
}

Souk__V1__Hold *reply_hold(struct reply *reply, const struct inventory_hold *hold)
{
    Souk__V1__Hold *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__hold__init(message);
    message->hold_id = reply_hold_id(reply, hold->hold_id);
    message->state = (Souk__V1__HoldState)hold->state;
    message->owner = reply_text(reply, hold->owner);
    message->reference = reply_text(reply, hold->reference);
    message->lines = (Souk__V1__HoldLine **)reply_array(reply, hold->line_count,
                                                        sizeof **message->lines);
    message->n_lines = message->lines ? hold->line_count : 0;
    for (size_t i = 0; i < message->n_lines; i++) {
        Souk__V1__HoldLine *line = message->lines[i];
        souk__v1__hold_line__init(line);
        line->sku_id = reply_text(reply, hold->lines[i].sku_id);
        line->location_id = reply_text(reply, hold->lines[i].location_id);
        line->quantity = hold->lines[i].quantity;
        line->granted = hold->lines[i].granted;
    }
    message->create_time = reply_time(reply, hold->create_ms);
    message->expire_time = reply_time(reply, hold->expire_ms);
    message->end_time = reply_time(reply, hold->end_ms);
    message->allow_backorder = hold->allow_backorder;
    return message;
}

Souk__V1__Movement *reply_movement(struct reply *reply,
                                   const struct inventory_movement *movement)
{
    Souk__V1__Movement *message = reply_alloc(reply, sizeof *message);
    Souk__V1__StockLevel *before = reply_alloc(reply, sizeof *before);
    Souk__V1__StockLevel *after = reply_alloc(reply, sizeof *after);
    if (message == NULL || before == NULL || after == NULL) {
        return NULL;
    }
    souk__v1__movement__init(message);
    souk__v1__stock_level__init(before);
    souk__v1__stock_level__init(after);
    reply_fill_level(before, movement->before);
    reply_fill_level(after, movement->after);
    message->sku_id = reply_text(reply, movement->sku_id);
    message->location_id = reply_text(reply, movement->location_id);
    message->reason = (Souk__V1__StockReason)movement->reason;
    message->reference = reply_text(reply, movement->reference);
    message->hold_id = reply_hold_id(reply, movement->hold_id);
    message->before = before;
    message->after = after;
    message->log_time = reply_time(reply, movement->log_ms);
    message->shard_id = movement->position.shard_id;
    message->log_index = movement->position.index;
    message->log_sub = movement->position.sub;
    return message;
}

/* --- Customers, items -------------------------------------------------------------- */

static void reply_customer_attributes(struct reply *reply, Souk__V1__Customer *message,
                                      const struct customer_profile *profile)
{
    message->attributes = (Souk__V1__Attribute **)reply_array(
        reply, profile->attribute_count, sizeof **message->attributes);
    message->n_attributes = message->attributes ? profile->attribute_count : 0;
    for (size_t i = 0; i < message->n_attributes; i++) {
        const struct customer_attribute *attribute = &profile->attributes[i];
        Souk__V1__Attribute *item = message->attributes[i];
        souk__v1__attribute__init(item);
        item->name = reply_text(reply, attribute->name);
        switch (attribute->kind) {
        case CUSTOMER_ATTRIBUTE_TEXT:
            item->value_case = SOUK__V1__ATTRIBUTE__VALUE_TEXT;
            item->text = reply_text(reply, attribute->text);
            break;
        case CUSTOMER_ATTRIBUTE_NUMBER:
            item->value_case = SOUK__V1__ATTRIBUTE__VALUE_NUMBER;
            item->number = attribute->number;
            break;
        case CUSTOMER_ATTRIBUTE_FLAG:
            item->value_case = SOUK__V1__ATTRIBUTE__VALUE_FLAG;
            item->flag = attribute->number != 0;
            break;
        }
    }
}

Souk__V1__Customer *reply_customer(struct reply *reply,
                                   const struct customer_profile *profile)
{
    Souk__V1__Customer *message = reply_alloc(reply, sizeof *message);
    Souk__V1__Consent *consent = reply_alloc(reply, sizeof *consent);
    if (message == NULL || consent == NULL) {
        return NULL;
    }
    souk__v1__customer__init(message);
    souk__v1__consent__init(consent);
    consent->personalization_withdrawn = profile->personalization_withdrawn;
    consent->evidence_withdrawn = profile->evidence_withdrawn;
    message->customer_id = reply_text(reply, profile->customer_id);
    reply_customer_attributes(reply, message, profile);
    message->consent = consent;
    message->etag = reply_etag(reply, profile->etag);
    message->create_time = reply_time(reply, profile->create_ms);
    message->update_time = reply_time(reply, profile->update_ms);
    message->event_count = profile->event_count;
    return message;
}

static Souk__V1__Money *reply_customer_money(struct reply *reply,
                                             const struct customer_money *money)
{
    struct inventory_money same = {.units = money->units, .nanos = money->nanos};
    _Static_assert(sizeof same.currency == sizeof money->currency, "both ISO 4217");
    memcpy(same.currency, money->currency, sizeof same.currency);
    return reply_money(reply, &same);
}

Souk__V1__Event *reply_event(struct reply *reply, const struct customer_event *event,
                             const char *actor_id, bool visitor)
{
    Souk__V1__Event *message = reply_alloc(reply, sizeof *message);
    if (message == NULL) {
        return NULL;
    }
    souk__v1__event__init(message);
    message->event_id = reply_text(reply, event->event_id);
    if (visitor) {
        message->actor_case = SOUK__V1__EVENT__ACTOR_VISITOR_ID;
        message->visitor_id = reply_text(reply, slice_from_string(actor_id));
    } else {
        message->actor_case = SOUK__V1__EVENT__ACTOR_CUSTOMER_ID;
        message->customer_id = reply_text(reply, slice_from_string(actor_id));
    }
    message->kind = (Souk__V1__EventKind)event->kind;
    message->sku_id = reply_text(reply, event->sku_id);
    message->session_id = reply_text(reply, event->session_id);
    message->quantity = event->quantity;
    message->price = reply_customer_money(reply, &event->price);
    message->occurred_time = reply_time(reply, event->occurred_ms);
    message->detail = reply_text(reply, event->detail);
    message->location_id = reply_text(reply, event->location_id);
    return message;
}

Souk__V1__ItemStatus *reply_item_ok(struct reply *reply)
{
    Souk__V1__ItemStatus *status = reply_alloc(reply, sizeof *status);
    if (status != NULL) {
        souk__v1__item_status__init(status);
    }
    return status;
}

Souk__V1__ItemStatus *reply_item_status(struct reply *reply,
                                        const struct problem *problem)
{
    Souk__V1__ItemStatus *status = reply_item_ok(reply);
    if (status != NULL && problem->status != STATUS_OK) {
        status->code = (int32_t)status_code(problem->status);
        status->reason =
            reply_text(reply, slice_from_string(status_name(problem->status)));
        status->message = reply_text(reply, slice_from_string(problem->message));
        status->field = reply_text(reply, slice_from_string(problem->field));
    }
    return status;
}
