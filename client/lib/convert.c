/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/convert.h"

#include <string.h>

/* The one place where const is taken off: see convert_text in the header. */
static void *convert_unconst(const void *pointer)
{
    return (void *)(uintptr_t)pointer;
}

char *convert_text(const char *text)
{
    return convert_unconst(text ? text : "");
}

char **convert_texts(const char *const *texts)
{
    return convert_unconst(texts);
}

const char *const *convert_texts_back(char *const *texts)
{
    return (const char *const *)texts;
}

void *convert_array(struct arena *arena, size_t count, size_t size, void ***out_pointers)
{
    uint8_t *messages = arena_zalloc(arena, count * size);
    void **pointers = arena_alloc(arena, count * sizeof *pointers);
    for (size_t i = 0; i < count; i++) {
        pointers[i] = messages + i * size;
    }
    *out_pointers = pointers;
    return messages;
}

Google__Protobuf__Timestamp *convert_time(struct arena *arena, int64_t time_ms)
{
    Google__Protobuf__Timestamp *time;
    int64_t rest = time_ms % 1000;
    if (time_ms == 0) {
        return NULL;
    }
    time = arena_alloc(arena, sizeof *time);
    google__protobuf__timestamp__init(time);
    time->seconds = time_ms / 1000 - (rest < 0);
    time->nanos = (int32_t)((rest < 0 ? rest + 1000 : rest) * 1000000);
    return time;
}

int64_t convert_time_back(const Google__Protobuf__Timestamp *time)
{
    return time ? time->seconds * 1000 + time->nanos / 1000000 : 0;
}

Google__Protobuf__Duration *convert_duration(struct arena *arena, int64_t duration_ms)
{
    Google__Protobuf__Duration *duration;
    if (duration_ms == 0) {
        return NULL;
    }
    duration = arena_alloc(arena, sizeof *duration);
    google__protobuf__duration__init(duration);
    duration->seconds = duration_ms / 1000;
    duration->nanos = (int32_t)(duration_ms % 1000 * 1000000);
    return duration;
}

Souk__V1__Money *convert_money(struct arena *arena, const struct souk_money *money)
{
    Souk__V1__Money *message;
    if (money->currency[0] == '\0') {
        return NULL;
    }
    message = arena_alloc(arena, sizeof *message);
    souk__v1__money__init(message);
    message->currency = convert_text(money->currency);
    message->units = money->units;
    message->nanos = money->nanos;
    return message;
}

void convert_money_back(const Souk__V1__Money *money, struct souk_money *out_money)
{
    if (money != NULL) {
        size_t size = strnlen(money->currency, sizeof out_money->currency - 1);
        memcpy(out_money->currency, money->currency, size);
        out_money->units = money->units;
        out_money->nanos = money->nanos;
    }
}

Souk__V1__ReadOptions *convert_read(struct arena *arena, const struct souk_read *read)
{
    Souk__V1__ReadOptions *message;
    if (read->max_staleness_ms == 0 && read->session_token_size == 0) {
        return NULL;
    }
    message = arena_alloc(arena, sizeof *message);
    souk__v1__read_options__init(message);
    if (read->session_token_size > 0) {
        message->consistency_case = SOUK__V1__READ_OPTIONS__CONSISTENCY_SESSION_TOKEN;
        message->session_token.data = convert_unconst(read->session_token);
        message->session_token.len = read->session_token_size;
    } else {
        message->consistency_case = SOUK__V1__READ_OPTIONS__CONSISTENCY_MAX_STALENESS;
        message->max_staleness = convert_duration(arena, read->max_staleness_ms);
    }
    return message;
}

void convert_stamp_back(const Souk__V1__ReadStamp *stamp, struct souk_stamp *out_stamp)
{
    if (stamp != NULL) {
        out_stamp->shard_id = stamp->shard_id;
        out_stamp->range_epoch = stamp->range_epoch;
        out_stamp->log_index = stamp->log_index;
        out_stamp->log_time_ms = convert_time_back(stamp->log_time);
        out_stamp->leader = stamp->leader;
    }
}

void convert_item_status_back(const Souk__V1__ItemStatus *status,
                              struct souk_item_status *out_status)
{
    out_status->code = status ? (enum souk_code)status->code : SOUK_OK;
    out_status->reason = status ? status->reason : "";
    out_status->message = status ? status->message : "";
    out_status->field = status ? status->field : "";
}

static Souk__V1__Attribute **convert_attributes(struct arena *arena,
                                                const struct souk_attribute *attributes,
                                                size_t count)
{
    void **pointers;
    Souk__V1__Attribute *messages =
        convert_array(arena, count, sizeof *messages, &pointers);
    for (size_t i = 0; i < count; i++) {
        souk__v1__attribute__init(&messages[i]);
        messages[i].name = convert_text(attributes[i].name);
        switch (attributes[i].kind) {
        case SOUK_ATTRIBUTE_NUMBER:
            messages[i].value_case = SOUK__V1__ATTRIBUTE__VALUE_NUMBER;
            messages[i].number = attributes[i].number;
            break;
        case SOUK_ATTRIBUTE_FLAG:
            messages[i].value_case = SOUK__V1__ATTRIBUTE__VALUE_FLAG;
            messages[i].flag = attributes[i].flag;
            break;
        case SOUK_ATTRIBUTE_TEXT:
        default:
            messages[i].value_case = SOUK__V1__ATTRIBUTE__VALUE_TEXT;
            messages[i].text = convert_text(attributes[i].text);
            break;
        }
    }
    return (Souk__V1__Attribute **)pointers;
}

static const struct souk_attribute *
convert_attributes_back(struct arena *arena, Souk__V1__Attribute *const *messages,
                        size_t count)
{
    struct souk_attribute *attributes = arena_zalloc(arena, count * sizeof *attributes);
    for (size_t i = 0; i < count; i++) {
        attributes[i].name = messages[i]->name;
        attributes[i].text = "";
        if (messages[i]->value_case == SOUK__V1__ATTRIBUTE__VALUE_NUMBER) {
            attributes[i].kind = SOUK_ATTRIBUTE_NUMBER;
            attributes[i].number = messages[i]->number;
        } else if (messages[i]->value_case == SOUK__V1__ATTRIBUTE__VALUE_FLAG) {
            attributes[i].kind = SOUK_ATTRIBUTE_FLAG;
            attributes[i].flag = messages[i]->flag != 0;
        } else if (messages[i]->value_case == SOUK__V1__ATTRIBUTE__VALUE_TEXT) {
            attributes[i].text = messages[i]->text;
        }
    }
    return attributes;
}

Google__Protobuf__FieldMask *convert_mask(struct arena *arena, const char *const *paths,
                                          size_t count)
{
    Google__Protobuf__FieldMask *mask;
    if (count == 0) {
        return NULL;
    }
    mask = arena_alloc(arena, sizeof *mask);
    google__protobuf__field_mask__init(mask);
    mask->paths = convert_texts(paths);
    mask->n_paths = count;
    return mask;
}

Souk__V1__Sku *convert_sku(struct arena *arena, const struct souk_sku *sku)
{
    Souk__V1__Sku *message = arena_alloc(arena, sizeof *message);
    souk__v1__sku__init(message);
    message->sku_id = convert_text(sku->sku_id);
    message->product_id = convert_text(sku->product_id);
    message->name = convert_text(sku->name);
    message->state = (Souk__V1__SkuState)sku->state;
    message->attributes =
        convert_attributes(arena, sku->attributes, sku->attribute_count);
    message->n_attributes = sku->attribute_count;
    message->category_path = convert_texts(sku->category_path);
    message->n_category_path = sku->category_count;
    message->brand = convert_text(sku->brand);
    message->price = convert_money(arena, &sku->price);
    message->cost = convert_money(arena, &sku->cost);
    message->unit = convert_text(sku->unit);
    message->unit_exponent = sku->unit_exponent;
    message->options = convert_attributes(arena, sku->options, sku->option_count);
    message->n_options = sku->option_count;
    message->gtins = convert_texts(sku->gtins);
    message->n_gtins = sku->gtin_count;
    message->aliases = convert_texts(sku->aliases);
    message->n_aliases = sku->alias_count;
    message->etag = convert_text(sku->etag);
    return message;
}

void convert_sku_back(struct arena *arena, const Souk__V1__Sku *sku,
                      struct souk_sku *out_sku)
{
    Souk__V1__Sku empty;
    souk__v1__sku__init(&empty);
    sku = sku ? sku : &empty;
    out_sku->sku_id = sku->sku_id;
    out_sku->product_id = sku->product_id;
    out_sku->name = sku->name;
    out_sku->state = (enum souk_sku_state)sku->state;
    out_sku->attributes =
        convert_attributes_back(arena, sku->attributes, sku->n_attributes);
    out_sku->attribute_count = sku->n_attributes;
    out_sku->category_path = convert_texts_back(sku->category_path);
    out_sku->category_count = sku->n_category_path;
    out_sku->brand = sku->brand;
    convert_money_back(sku->price, &out_sku->price);
    convert_money_back(sku->cost, &out_sku->cost);
    out_sku->unit = sku->unit;
    out_sku->unit_exponent = sku->unit_exponent;
    out_sku->options = convert_attributes_back(arena, sku->options, sku->n_options);
    out_sku->option_count = sku->n_options;
    out_sku->gtins = convert_texts_back(sku->gtins);
    out_sku->gtin_count = sku->n_gtins;
    out_sku->aliases = convert_texts_back(sku->aliases);
    out_sku->alias_count = sku->n_aliases;
    out_sku->etag = sku->etag;
    out_sku->create_time_ms = convert_time_back(sku->create_time);
    out_sku->update_time_ms = convert_time_back(sku->update_time);
}

Souk__V1__Location *convert_location(struct arena *arena,
                                     const struct souk_location *location)
{
    Souk__V1__Location *message = arena_alloc(arena, sizeof *message);
    souk__v1__location__init(message);
    message->location_id = convert_text(location->location_id);
    message->name = convert_text(location->name);
    message->type = (Souk__V1__LocationType)location->type;
    message->address = convert_text(location->address);
    message->latitude_e7 = location->latitude_e7;
    message->longitude_e7 = location->longitude_e7;
    message->time_zone = convert_text(location->time_zone);
    message->channels = convert_texts(location->channels);
    message->n_channels = location->channel_count;
    message->etag = convert_text(location->etag);
    return message;
}

void convert_location_back(const Souk__V1__Location *location,
                           struct souk_location *out_location)
{
    Souk__V1__Location empty;
    souk__v1__location__init(&empty);
    location = location ? location : &empty;
    out_location->location_id = location->location_id;
    out_location->name = location->name;
    out_location->type = (enum souk_location_type)location->type;
    out_location->address = location->address;
    out_location->latitude_e7 = location->latitude_e7;
    out_location->longitude_e7 = location->longitude_e7;
    out_location->time_zone = location->time_zone;
    out_location->channels = convert_texts_back(location->channels);
    out_location->channel_count = location->n_channels;
    out_location->etag = location->etag;
    out_location->create_time_ms = convert_time_back(location->create_time);
    out_location->update_time_ms = convert_time_back(location->update_time);
}

Souk__V1__Customer *convert_customer(struct arena *arena,
                                     const struct souk_customer *customer)
{
    Souk__V1__Customer *message = arena_alloc(arena, sizeof *message);
    souk__v1__customer__init(message);
    message->customer_id = convert_text(customer->customer_id);
    message->attributes =
        convert_attributes(arena, customer->attributes, customer->attribute_count);
    message->n_attributes = customer->attribute_count;
    if (customer->consent_given || customer->personalization_withdrawn ||
        customer->evidence_withdrawn) {
        message->consent = arena_alloc(arena, sizeof *message->consent);
        souk__v1__consent__init(message->consent);
        message->consent->personalization_withdrawn = customer->personalization_withdrawn;
        message->consent->evidence_withdrawn = customer->evidence_withdrawn;
    }
    message->etag = convert_text(customer->etag);
    return message;
}

void convert_customer_back(struct arena *arena, const Souk__V1__Customer *customer,
                           struct souk_customer *out_customer)
{
    Souk__V1__Customer empty;
    souk__v1__customer__init(&empty);
    customer = customer ? customer : &empty;
    out_customer->customer_id = customer->customer_id;
    out_customer->attributes =
        convert_attributes_back(arena, customer->attributes, customer->n_attributes);
    out_customer->attribute_count = customer->n_attributes;
    if (customer->consent != NULL) {
        out_customer->consent_given = true;
        out_customer->personalization_withdrawn =
            customer->consent->personalization_withdrawn != 0;
        out_customer->evidence_withdrawn = customer->consent->evidence_withdrawn != 0;
    }
    out_customer->etag = customer->etag;
    out_customer->create_time_ms = convert_time_back(customer->create_time);
    out_customer->update_time_ms = convert_time_back(customer->update_time);
    out_customer->event_count = customer->event_count;
}

Souk__V1__Event *convert_event(struct arena *arena, const struct souk_event *event)
{
    Souk__V1__Event *message = arena_alloc(arena, sizeof *message);
    souk__v1__event__init(message);
    message->event_id = convert_text(event->event_id);
    if (event->customer_id != NULL) {
        message->actor_case = SOUK__V1__EVENT__ACTOR_CUSTOMER_ID;
        message->customer_id = convert_text(event->customer_id);
    } else if (event->visitor_id != NULL) {
        message->actor_case = SOUK__V1__EVENT__ACTOR_VISITOR_ID;
        message->visitor_id = convert_text(event->visitor_id);
    }
    message->kind = (Souk__V1__EventKind)event->kind;
    message->sku_id = convert_text(event->sku_id);
    message->session_id = convert_text(event->session_id);
    message->quantity = event->quantity;
    message->price = convert_money(arena, &event->price);
    message->occurred_time = convert_time(arena, event->occurred_time_ms);
    message->detail = convert_text(event->detail);
    message->location_id = convert_text(event->location_id);
    return message;
}

void convert_event_back(const Souk__V1__Event *event, struct souk_event *out_event)
{
    Souk__V1__Event empty;
    souk__v1__event__init(&empty);
    event = event ? event : &empty;
    *out_event = (struct souk_event){
        .event_id = event->event_id,
        .kind = (enum souk_event_kind)event->kind,
        .sku_id = event->sku_id,
        .session_id = event->session_id,
        .quantity = event->quantity,
        .occurred_time_ms = convert_time_back(event->occurred_time),
        .detail = event->detail,
        .location_id = event->location_id,
    };
    if (event->actor_case == SOUK__V1__EVENT__ACTOR_CUSTOMER_ID) {
        out_event->customer_id = event->customer_id;
    } else if (event->actor_case == SOUK__V1__EVENT__ACTOR_VISITOR_ID) {
        out_event->visitor_id = event->visitor_id;
    }
    convert_money_back(event->price, &out_event->price);
}

const struct souk_event_failure *
convert_event_failures_back(struct arena *arena, Souk__V1__EventFailure *const *failures,
                            size_t count)
{
    struct souk_event_failure *out = arena_zalloc(arena, count * sizeof *out);
    for (size_t i = 0; i < count; i++) {
        out[i].index = failures[i]->index;
        convert_item_status_back(failures[i]->status, &out[i].status);
    }
    return out;
}
