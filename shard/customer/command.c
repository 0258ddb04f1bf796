/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/customer/command.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shard/base/buffer.h"
#include "shard/base/encode.h"
#include "shard/base/identifier.h"

enum {
    NANOS_PER_UNIT = 1000000000,
};

__attribute__((format(printf, 3, 4))) static enum status
refuse(struct problem *problem, const char *field, const char *format, ...)
{
    if (problem != NULL) {
        va_list arguments;
        va_start(arguments, format);
        problem_set(problem, STATUS_INVALID, field, "%s", "");
        vsnprintf(problem->message, sizeof problem->message, format, arguments);
        va_end(arguments);
    }
    return STATUS_INVALID;
}

static bool printable(struct slice text)
{
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < 0x21 || text.data[i] > 0x7e) {
            return false;
        }
    }
    return true;
}

static bool without_nul(struct slice text)
{
    return text.size == 0 || memchr(text.data, 0, text.size) == NULL;
}

static bool money_valid(const struct customer_money *money)
{
    if (money->currency[0] == '\0') {
        return money->units == 0 && money->nanos == 0;
    }
    for (unsigned i = 0; i < 3; i++) {
        if (money->currency[i] < 'A' || money->currency[i] > 'Z') {
            return false;
        }
    }
    return money->currency[3] == '\0' && money->nanos > -NANOS_PER_UNIT &&
           money->nanos < NANOS_PER_UNIT && !(money->units > 0 && money->nanos < 0) &&
           !(money->units < 0 && money->nanos > 0);
}

static bool kind_without_item(enum customer_event_kind kind)
{
    return kind == CUSTOMER_EVENT_SEARCH || kind == CUSTOMER_EVENT_STORE_VISIT;
}

enum status customer_event_check(const struct customer_event *event,
                                 struct problem *problem)
{
    if (event->event_id.size > 0 ? !request_id_valid(event->event_id)
                                 : event->line == 0) {
        return refuse(problem, "event_id", "must be 1-%d printable characters",
                      CUSTOMER_EVENT_ID_BYTES_MAX);
    }
    if (event->line != 0 && event->prev_line >= event->line) {
        return refuse(problem, "line", "must be greater than the line before it");
    }
    if (event->kind < CUSTOMER_EVENT_VIEW || event->kind >= CUSTOMER_EVENT_KINDS) {
        return refuse(problem, "kind", "must be a known kind");
    }
    if (event->sku_id.size > 0
            ? !identifier_valid(event->sku_id) || event->sku_hash == 0
            : !kind_without_item(event->kind) || event->sku_hash != 0) {
        return refuse(problem, "sku_id", "must be 1-%d of [A-Za-z0-9._~:-]",
                      CUSTOMER_SKU_ID_BYTES_MAX);
    }
    if (event->quantity < 0) {
        return refuse(problem, "quantity", "must not be negative");
    }
    if (event->session_id.size > CUSTOMER_SESSION_ID_BYTES_MAX ||
        !printable(event->session_id)) {
        return refuse(problem, "session_id", "must be at most %d printable characters",
                      CUSTOMER_SESSION_ID_BYTES_MAX);
    }
    if (!money_valid(&event->price)) {
        return refuse(problem, "price",
                      "must be an ISO 4217 currency with units and nanos of one sign");
    }
    if (event->detail.size > CUSTOMER_DETAIL_BYTES_MAX || !without_nul(event->detail)) {
        return refuse(problem, "detail", "must be at most %d bytes without NUL",
                      CUSTOMER_DETAIL_BYTES_MAX);
    }
    if (event->location_id.size > 0 && !identifier_valid(event->location_id)) {
        return refuse(problem, "location_id", "must be 1-%d of [A-Za-z0-9._~:-]",
                      CUSTOMER_LOCATION_ID_BYTES_MAX);
    }
    return STATUS_OK;
}

static enum status attribute_check(const struct customer_profile *profile, uint32_t place,
                                   struct problem *problem)
{
    const struct customer_attribute *attribute = &profile->attributes[place];
    if (attribute->name.size == 0 || attribute->name.size > CUSTOMER_ID_BYTES_MAX ||
        !without_nul(attribute->name)) {
        return refuse(problem, "customer.attributes", "[%u]: a name has 1-%d bytes",
                      place, CUSTOMER_ID_BYTES_MAX);
    }
    if (attribute->kind < CUSTOMER_ATTRIBUTE_TEXT ||
        attribute->kind > CUSTOMER_ATTRIBUTE_FLAG ||
        attribute->text.size > CUSTOMER_TEXT_BYTES_MAX || !without_nul(attribute->text)) {
        return refuse(problem, "customer.attributes", "[%u]: at most %d bytes of text",
                      place, CUSTOMER_TEXT_BYTES_MAX);
    }
    for (uint32_t i = 0; i < place; i++) {
        if (slice_equal(profile->attributes[i].name, attribute->name)) {
            return refuse(problem, "customer.attributes", "[%u]: the name is there twice",
                          place);
        }
    }
    return STATUS_OK;
}

enum status customer_upsert_check(const struct customer_upsert *upsert,
                                  struct problem *problem)
{
    const struct customer_profile *profile = &upsert->profile;
    if (!identifier_valid(profile->customer_id)) {
        return refuse(problem, "customer.customer_id", "must be 1-%d of [A-Za-z0-9._~:-]",
                      CUSTOMER_ID_BYTES_MAX);
    }
    if (profile->attribute_count > upsert->attributes_max ||
        profile->attribute_count > CUSTOMER_ATTRIBUTES_MAX) {
        return refuse(problem, "customer.attributes", "at most %u",
                      upsert->attributes_max);
    }
    for (uint32_t i = 0; i < profile->attribute_count; i++) {
        TRY(attribute_check(profile, i, problem));
    }
    return STATUS_OK;
}

uint64_t customer_erase_fingerprint(const struct customer_erase *erase)
{
    struct buffer bytes;
    buffer_init(&bytes);
    encode_u8(&bytes, CUSTOMER_ERASE);
    encode_le64(&bytes, erase->customer.high);
    encode_le64(&bytes, erase->customer.low);
    uint64_t fingerprint = hash64(buffer_slice(&bytes), 0);
    buffer_close(&bytes);
    return fingerprint;
}

uint64_t customer_upsert_fingerprint(const struct customer_upsert *upsert)
{
    const struct customer_profile *profile = &upsert->profile;
    struct buffer bytes;
    buffer_init(&bytes);
    encode_u8(&bytes, CUSTOMER_UPSERT);
    encode_le64(&bytes, upsert->customer.high);
    encode_le64(&bytes, upsert->customer.low);
    encode_le64(&bytes, upsert->etag);
    encode_bytes(&bytes, profile->customer_id);
    encode_u8(&bytes,
              (uint8_t)(profile->personalization_withdrawn |
                        profile->evidence_withdrawn << 1 | upsert->consent_kept << 2));
    for (uint32_t i = 0; i < profile->attribute_count; i++) {
        const struct customer_attribute *attribute = &profile->attributes[i];
        encode_bytes(&bytes, attribute->name);
        encode_u8(&bytes, (uint8_t)attribute->kind);
        encode_bytes(&bytes, attribute->text);
        encode_zigzag(&bytes, attribute->number);
    }
    uint64_t fingerprint = hash64(buffer_slice(&bytes), 0);
    buffer_close(&bytes);
    return fingerprint;
}
