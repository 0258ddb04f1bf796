/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/customer/row.h"

#include <string.h>

#include "shard/base/encode.h"
#include "shard/storage/key.h"

enum {
    PROFILE_PERSONALIZATION_WITHDRAWN = 1,
    PROFILE_EVIDENCE_WITHDRAWN = 2,

    EVENT_HAS_ID = 1,
    EVENT_HAS_SKU = 2,
    EVENT_HAS_QUANTITY = 4,
    EVENT_HAS_PRICE = 8,
    EVENT_HAS_SESSION = 16,
    EVENT_HAS_DETAIL = 32,
    EVENT_HAS_LINE = 64,
    EVENT_FLAGS = 127,
    EVENT_HAS_LOCATION = 128, /* in a block of ROW_VERSION_PLACES */
};

/* --- Keys ---------------------------------------------------------------------------- */

static void key_append(struct buffer *key, enum customer_row_kind kind, uint64_t hash,
                       struct slice id)
{
    const struct key_state parts = {
        .table = KEY_TABLE_CUSTOMER, .kind = (uint8_t)kind, .hash = hash, .id = id};
    key_append_state(key, &parts);
}

void row_key_customer(struct buffer *key, enum customer_row_kind kind,
                      struct hash128 customer)
{
    uint8_t id[8];
    store_be64(id, customer.low);
    key_append(key, kind, customer_hash(customer), slice_of(id, sizeof id));
}

void row_key_events(struct buffer *key, struct hash128 customer, uint64_t ordinal)
{
    row_key_customer(key, ROW_EVENTS, customer);
    encode_be64(key, ordinal);
}

static void key_append_hash128(struct buffer *key, enum customer_row_kind kind,
                               uint64_t hash, struct hash128 id)
{
    uint8_t bytes[16];
    store_be64(bytes, id.high);
    store_be64(bytes + 8, id.low);
    key_append(key, kind, hash, slice_of(bytes, sizeof bytes));
}

void row_key_request(struct buffer *key, uint64_t anchor, struct hash128 request_id)
{
    key_append_hash128(key, ROW_REQUEST, anchor, request_id);
}

void row_key_lane(struct buffer *key, uint64_t range_first, struct hash128 import_id)
{
    key_append_hash128(key, ROW_LANE, range_first, import_id);
}

void row_key_refused(struct buffer *key, uint64_t range_first, struct hash128 import_id,
                     uint64_t base)
{
    key_append_hash128(key, ROW_REFUSED, range_first, import_id);
    encode_be64(key, base);
}

void row_key_shard(struct buffer *key, uint64_t range_first)
{
    key_append(key, ROW_SHARD, range_first, slice_of(NULL, 0));
}

/* --- Values -------------------------------------------------------------------------- */

static enum status value_open(struct reader *reader, struct slice value)
{
    reader_init(reader, value);
    uint8_t version = read_u8(reader);
    if (version == 0 || reader->failed) {
        return STATUS_CHECKSUM;
    }
    return version > ROW_VERSION ? STATUS_VERSION : STATUS_OK;
}

void row_profile_encode(struct buffer *value, const struct customer_profile *profile)
{
    encode_u8(value, ROW_VERSION);
    encode_bytes(value, profile->customer_id);
    encode_u8(
        value,
        (uint8_t)((profile->personalization_withdrawn ? PROFILE_PERSONALIZATION_WITHDRAWN
                                                      : 0) |
                  (profile->evidence_withdrawn ? PROFILE_EVIDENCE_WITHDRAWN : 0)));
    encode_le64(value, profile->etag);
    encode_zigzag(value, profile->create_ms);
    encode_zigzag(value, profile->update_ms);
    encode_varint(value, profile->attribute_count);
    for (uint32_t i = 0; i < profile->attribute_count; i++) {
        const struct customer_attribute *attribute = &profile->attributes[i];
        encode_bytes(value, attribute->name);
        encode_u8(value, (uint8_t)attribute->kind);
        if (attribute->kind == CUSTOMER_ATTRIBUTE_TEXT) {
            encode_bytes(value, attribute->text);
        } else {
            encode_zigzag(value, attribute->number);
        }
    }
}

static void read_attribute(struct reader *reader, struct customer_attribute *attribute)
{
    *attribute = (struct customer_attribute){.name = read_bytes(reader)};
    uint8_t kind = read_u8(reader);
    if (kind < CUSTOMER_ATTRIBUTE_TEXT || kind > CUSTOMER_ATTRIBUTE_FLAG) {
        reader_fail(reader);
        return;
    }
    attribute->kind = (enum customer_attribute_kind)kind;
    if (attribute->kind == CUSTOMER_ATTRIBUTE_TEXT) {
        attribute->text = read_bytes(reader);
    } else {
        attribute->number = read_zigzag(reader);
    }
}

enum status row_profile_decode(struct slice value, struct arena *arena,
                               struct customer_profile *out_profile)
{
    struct reader reader;
    struct customer_profile profile = {0};
    TRY(value_open(&reader, value));
    profile.customer_id = read_bytes(&reader);
    uint8_t flags = read_u8(&reader);
    profile.personalization_withdrawn = (flags & PROFILE_PERSONALIZATION_WITHDRAWN) != 0;
    profile.evidence_withdrawn = (flags & PROFILE_EVIDENCE_WITHDRAWN) != 0;
    profile.etag = read_le64(&reader);
    profile.create_ms = read_zigzag(&reader);
    profile.update_ms = read_zigzag(&reader);
    uint64_t count = read_varint(&reader);
    if (reader.failed || count > CUSTOMER_ATTRIBUTES_MAX || profile.etag == 0) {
        return STATUS_CHECKSUM;
    }
    struct customer_attribute *attributes =
        arena_alloc(arena, (size_t)count * sizeof *attributes);
    if (attributes == NULL) {
        return STATUS_TOO_LARGE;
    }
    for (uint64_t i = 0; i < count; i++) {
        read_attribute(&reader, &attributes[i]);
    }
    profile.attributes = attributes;
    profile.attribute_count = (uint32_t)count;
    TRY(reader_finish(&reader));
    *out_profile = profile;
    return STATUS_OK;
}

void row_events_begin(struct buffer *value)
{
    encode_u8(value, ROW_VERSION);
}

static uint8_t event_flags(const struct customer_event *event)
{
    return (uint8_t)((event->event_id.size > 0 ? EVENT_HAS_ID : 0) |
                     (event->sku_id.size > 0 ? EVENT_HAS_SKU : 0) |
                     (event->quantity != 0 ? EVENT_HAS_QUANTITY : 0) |
                     (event->price.currency[0] != '\0' ? EVENT_HAS_PRICE : 0) |
                     (event->session_id.size > 0 ? EVENT_HAS_SESSION : 0) |
                     (event->detail.size > 0 ? EVENT_HAS_DETAIL : 0) |
                     (event->line != 0 ? EVENT_HAS_LINE : 0) |
                     (event->location_id.size > 0 ? EVENT_HAS_LOCATION : 0));
}

void row_events_add(struct buffer *value, const struct row_event *row)
{
    const struct customer_event *event = &row->event;
    uint8_t flags = event_flags(event);
    encode_u8(value, (uint8_t)event->kind);
    encode_u8(value, flags);
    encode_zigzag(value, row->log_ms);
    encode_zigzag(value, event->occurred_ms);
    if (flags & EVENT_HAS_ID) {
        encode_bytes(value, event->event_id);
    }
    if (flags & EVENT_HAS_SKU) {
        encode_le64(value, event->sku_hash);
        encode_bytes(value, event->sku_id);
    }
    if (flags & EVENT_HAS_QUANTITY) {
        encode_zigzag(value, event->quantity);
    }
    if (flags & EVENT_HAS_PRICE) {
        buffer_append(value, event->price.currency, 3);
        encode_zigzag(value, event->price.units);
        encode_zigzag(value, event->price.nanos);
    }
    if (flags & EVENT_HAS_SESSION) {
        encode_bytes(value, event->session_id);
    }
    if (flags & EVENT_HAS_DETAIL) {
        encode_bytes(value, event->detail);
    }
    if (flags & EVENT_HAS_LINE) {
        encode_varint(value, event->line);
    }
    if (flags & EVENT_HAS_LOCATION) {
        encode_bytes(value, event->location_id);
        value->data[0] = ROW_VERSION_PLACES;
    }
}

enum status row_events_open(struct row_events_reader *reader, struct slice value)
{
    struct reader bytes;
    reader_init(&bytes, value);
    uint8_t version = read_u8(&bytes);
    if (version == 0 || bytes.failed) {
        return STATUS_CHECKSUM;
    }
    if (version > ROW_VERSION_PLACES) {
        return STATUS_VERSION;
    }
    reader->flags =
        EVENT_FLAGS | (version == ROW_VERSION_PLACES ? EVENT_HAS_LOCATION : 0);
    reader->left = slice_of(bytes.next, reader_left(&bytes));
    return STATUS_OK;
}

static void read_price(struct reader *reader, struct customer_money *price)
{
    struct slice currency = read_raw(reader, 3);
    int64_t nanos;
    if (currency.size == 3) {
        memcpy(price->currency, currency.data, 3);
    }
    price->units = read_zigzag(reader);
    nanos = read_zigzag(reader);
    if (nanos < INT32_MIN || nanos > INT32_MAX) {
        reader_fail(reader);
        return;
    }
    price->nanos = (int32_t)nanos;
}

enum status row_events_next(struct row_events_reader *events, struct row_event *out_event)
{
    struct reader reader;
    struct row_event row = {0};
    struct customer_event *event = &row.event;
    if (events->left.size == 0) {
        return STATUS_NOT_FOUND;
    }
    reader_init(&reader, events->left);
    uint8_t kind = read_u8(&reader);
    uint8_t flags = read_u8(&reader);
    row.log_ms = read_zigzag(&reader);
    event->kind = (enum customer_event_kind)kind;
    event->occurred_ms = read_zigzag(&reader);
    if (flags & EVENT_HAS_ID) {
        event->event_id = read_bytes(&reader);
    }
    if (flags & EVENT_HAS_SKU) {
        event->sku_hash = read_le64(&reader);
        event->sku_id = read_bytes(&reader);
    }
    if (flags & EVENT_HAS_QUANTITY) {
        event->quantity = read_zigzag(&reader);
    }
    if (flags & EVENT_HAS_PRICE) {
        read_price(&reader, &event->price);
    }
    if (flags & EVENT_HAS_SESSION) {
        event->session_id = read_bytes(&reader);
    }
    if (flags & EVENT_HAS_DETAIL) {
        event->detail = read_bytes(&reader);
    }
    if (flags & EVENT_HAS_LINE) {
        event->line = read_varint(&reader);
    }
    if (flags & EVENT_HAS_LOCATION) {
        event->location_id = read_bytes(&reader);
    }
    if (reader.failed || (flags & ~events->flags) != 0 || kind < CUSTOMER_EVENT_VIEW ||
        kind >= CUSTOMER_EVENT_KINDS) {
        return STATUS_CHECKSUM;
    }
    events->left = slice_of(reader.next, reader_left(&reader));
    *out_event = row;
    return STATUS_OK;
}

void row_shard_encode(struct buffer *value, const struct row_shard *row)
{
    encode_u8(value, ROW_VERSION);
    encode_zigzag(value, row->log_ms);
    encode_zigzag(value, row->event_floor_ms);
    encode_zigzag(value, row->request_floor_ms);
}

enum status row_shard_decode(struct slice value, struct row_shard *out_row)
{
    struct reader reader;
    struct row_shard row;
    TRY(value_open(&reader, value));
    row.log_ms = read_zigzag(&reader);
    row.event_floor_ms = read_zigzag(&reader);
    row.request_floor_ms = read_zigzag(&reader);
    TRY(reader_finish(&reader));
    *out_row = row;
    return STATUS_OK;
}

void row_request_encode(struct buffer *value, const struct row_request *row)
{
    bool erasure = row->erased.log_index != 0;
    encode_u8(value, erasure ? ROW_VERSION_ERASURE : ROW_VERSION);
    encode_le64(value, row->fingerprint);
    encode_zigzag(value, row->request_ms);
    encode_zigzag(value, row->log_ms);
    encode_varint(value, row->attempt);
    encode_bytes(value, slice_from_string(status_name(row->status)));
    encode_u8(value, row->created);
    encode_le64(value, row->etag);
    if (erasure) {
        encode_varint(value, row->erased.log_index);
        encode_varint(value, row->erased.events);
        encode_varint(value, row->erased.sessions);
        encode_u8(value, row->erased.profile);
    }
}

enum status row_request_decode(struct slice value, struct row_request *out_row)
{
    enum {
        STATUS_NAME_BYTES_MAX = 63
    };
    struct reader reader;
    struct row_request row = {0};
    char name[STATUS_NAME_BYTES_MAX + 1] = {0};
    bool erasure = value.size > 0 && value.data[0] == ROW_VERSION_ERASURE;
    if (erasure) {
        reader_init(&reader, slice_of(value.data + 1, value.size - 1));
    } else {
        TRY(value_open(&reader, value));
    }
    row.fingerprint = read_le64(&reader);
    row.request_ms = read_zigzag(&reader);
    row.log_ms = read_zigzag(&reader);
    row.attempt = (uint32_t)read_varint(&reader);
    struct slice status = read_bytes(&reader);
    row.created = read_u8(&reader) != 0;
    row.etag = read_le64(&reader);
    if (erasure) {
        row.erased.log_index = read_varint(&reader);
        row.erased.log_ms = row.log_ms;
        row.erased.events = read_varint(&reader);
        row.erased.sessions = read_varint(&reader);
        row.erased.profile = read_u8(&reader) != 0;
    }
    if (status.size == 0 || status.size > STATUS_NAME_BYTES_MAX) {
        return STATUS_CHECKSUM;
    }
    memcpy(name, status.data, status.size);
    /* A status is stored by its name, which never changes; its number may. */
    if (!status_from_name(name, &row.status)) {
        return STATUS_CHECKSUM;
    }
    TRY(reader_finish(&reader));
    if (erasure && row.erased.log_index == 0) {
        return STATUS_CHECKSUM;
    }
    *out_row = row;
    return STATUS_OK;
}
