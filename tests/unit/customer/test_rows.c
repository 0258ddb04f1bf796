/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/customer/command.h"
#include "shard/customer/row.h"
#include "tests/lib/test.h"
#include "tests/unit/customer/golden.h"

static const struct hash128 anna = {UINT64_C(0x0102030405060708),
                                    UINT64_C(0x1112131415161718)};

static struct row_event event_full(void)
{
    return (struct row_event){
        .log_ms = 1800000000123,
        .event = {.event_id = slice_from_string("order-17/3"),
                  .kind = CUSTOMER_EVENT_PURCHASE,
                  .sku_hash = UINT64_C(0xa1a2a3a4a5a6a7a8),
                  .sku_id = slice_from_string("85123A"),
                  .quantity = 6,
                  .price = {.currency = "GBP", .units = 2, .nanos = 550000000},
                  .occurred_ms = 1799999999000,
                  .session_id = slice_from_string("536365"),
                  .detail = slice_from_string("gift"),
                  .line = 42}};
}

TEST(rows, keys_are_the_golden_ones)
{
    struct buffer key;
    buffer_init(&key);
    row_key_customer(&key, ROW_PROFILE, anna);
    golden_expect("golden/customer/key_profile.bin", buffer_slice(&key));
    buffer_clear(&key);
    row_key_events(&key, anna, 258);
    golden_expect("golden/customer/key_events.bin", buffer_slice(&key));
    buffer_clear(&key);
    row_key_request(&key, 7, anna);
    golden_expect("golden/customer/key_request.bin", buffer_slice(&key));
    buffer_clear(&key);
    row_key_lane(&key, 7, anna);
    golden_expect("golden/customer/key_lane.bin", buffer_slice(&key));
    buffer_clear(&key);
    row_key_refused(&key, 7, anna, 300);
    golden_expect("golden/customer/key_refused.bin", buffer_slice(&key));
    buffer_clear(&key);
    row_key_shard(&key, 7);
    golden_expect("golden/customer/key_shard.bin", buffer_slice(&key));
    buffer_close(&key);
}

TEST(rows, a_profile_is_the_golden_one_and_returns)
{
    const struct customer_attribute attributes[] = {
        {.name = slice_from_string("tier"),
         .kind = CUSTOMER_ATTRIBUTE_TEXT,
         .text = slice_from_string("gold")},
        {.name = slice_from_string("age"),
         .kind = CUSTOMER_ATTRIBUTE_NUMBER,
         .number = -3},
        {.name = slice_from_string("vip"), .kind = CUSTOMER_ATTRIBUTE_FLAG, .number = 1}};
    const struct customer_profile profile = {.customer_id = slice_from_string("anna"),
                                             .attributes = attributes,
                                             .attribute_count = 3,
                                             .evidence_withdrawn = true,
                                             .etag = 99,
                                             .create_ms = 5,
                                             .update_ms = 1800000000000};
    struct customer_profile back;
    struct buffer value;
    struct arena arena;
    buffer_init(&value);
    arena_init(&arena, NULL, 0, 0);
    row_profile_encode(&value, &profile);
    golden_expect("golden/customer/profile.bin", buffer_slice(&value));
    EXPECT_OK(row_profile_decode(buffer_slice(&value), &arena, &back));
    EXPECT_EQ(back.attribute_count, 3);
    EXPECT_SLICE(back.attributes[0].text, slice_from_string("gold"));
    EXPECT_EQ(back.attributes[1].number, -3);
    EXPECT(back.evidence_withdrawn && !back.personalization_withdrawn);
    EXPECT_EQ(back.etag, 99);
    value.data[0] = ROW_VERSION + 1;
    EXPECT_STATUS(row_profile_decode(buffer_slice(&value), &arena, &back),
                  STATUS_VERSION);
    arena_close(&arena);
    buffer_close(&value);
}

TEST(rows, a_block_that_names_a_location_has_a_version_of_its_own)
{
    struct row_event full = event_full(), back;
    struct row_events_reader reader;
    struct buffer value;
    buffer_init(&value);
    row_events_begin(&value);
    row_events_add(&value, &full);
    EXPECT_EQ(value.data[0], ROW_VERSION);
    full.event.location_id = slice_from_string("rotterdam");
    row_events_add(&value, &full);
    EXPECT_EQ(value.data[0], ROW_VERSION_PLACES);
    golden_expect("golden/customer/events_places.bin", buffer_slice(&value));
    EXPECT_OK(row_events_open(&reader, buffer_slice(&value)));
    EXPECT_OK(row_events_next(&reader, &back));
    EXPECT_EQ(back.event.location_id.size, 0);
    EXPECT_OK(row_events_next(&reader, &back));
    EXPECT_SLICE(back.event.location_id, full.event.location_id);
    EXPECT_SLICE(back.event.detail, full.event.detail);
    EXPECT_STATUS(row_events_next(&reader, &back), STATUS_NOT_FOUND);
    /* Who knows only the older version sees that it is newer, and a damaged version byte
     * does not make a location of something else. */
    value.data[0] = ROW_VERSION;
    EXPECT_OK(row_events_open(&reader, buffer_slice(&value)));
    EXPECT_OK(row_events_next(&reader, &back));
    EXPECT_STATUS(row_events_next(&reader, &back), STATUS_CHECKSUM);
    value.data[0] = ROW_VERSION_PLACES + 1;
    EXPECT_STATUS(row_events_open(&reader, buffer_slice(&value)), STATUS_VERSION);
    buffer_close(&value);
}

TEST(rows, a_block_of_events_is_the_golden_one_and_returns)
{
    struct row_event full = event_full(), back;
    struct row_event bare = {.log_ms = 1,
                             .event = {.event_id = slice_from_string("x"),
                                       .kind = CUSTOMER_EVENT_STORE_VISIT,
                                       .occurred_ms = -1}};
    struct row_events_reader reader;
    struct buffer value;
    buffer_init(&value);
    row_events_begin(&value);
    row_events_add(&value, &full);
    row_events_add(&value, &bare);
    golden_expect("golden/customer/events.bin", buffer_slice(&value));
    EXPECT_OK(row_events_open(&reader, buffer_slice(&value)));
    EXPECT_OK(row_events_next(&reader, &back));
    EXPECT_SLICE(back.event.event_id, full.event.event_id);
    EXPECT_SLICE(back.event.sku_id, full.event.sku_id);
    EXPECT_SLICE(back.event.session_id, full.event.session_id);
    EXPECT_SLICE(back.event.detail, full.event.detail);
    EXPECT_STRING(back.event.price.currency, "GBP");
    EXPECT_EQ(back.event.price.nanos, 550000000);
    EXPECT_EQ(back.event.line, 42);
    EXPECT_EQ(back.log_ms, full.log_ms);
    EXPECT_OK(row_events_next(&reader, &back));
    EXPECT_EQ(back.event.kind, CUSTOMER_EVENT_STORE_VISIT);
    EXPECT_STATUS(row_events_next(&reader, &back), STATUS_NOT_FOUND);
    buffer_close(&value);
}

TEST(rows, the_small_rows_are_the_golden_ones_and_return)
{
    const struct row_shard shard = {1800000000000, 3, -4};
    struct row_request request = {.fingerprint = 8,
                                  .request_ms = 1799999999999,
                                  .log_ms = 1800000000000,
                                  .attempt = 2,
                                  .status = STATUS_ETAG_MISMATCH,
                                  .created = true,
                                  .etag = 12};
    struct row_shard shard_back;
    struct row_request request_back;
    struct buffer value;
    buffer_init(&value);
    row_shard_encode(&value, &shard);
    golden_expect("golden/customer/shard.bin", buffer_slice(&value));
    EXPECT_OK(row_shard_decode(buffer_slice(&value), &shard_back));
    EXPECT_EQ(shard_back.request_floor_ms, -4);
    buffer_clear(&value);
    row_request_encode(&value, &request);
    golden_expect("golden/customer/request.bin", buffer_slice(&value));
    EXPECT_OK(row_request_decode(buffer_slice(&value), &request_back));
    EXPECT_STATUS(request_back.status, STATUS_ETAG_MISMATCH);
    EXPECT_EQ(request_back.etag, 12);
    buffer_clear(&value);
    request = (struct row_request){
        .fingerprint = 8,
        .request_ms = 1799999999999,
        .log_ms = 1800000000000,
        .status = STATUS_OK,
        .erased = {.log_index = 300, .events = 1000, .sessions = 7, .profile = true}};
    row_request_encode(&value, &request);
    golden_expect("golden/customer/request_erasure.bin", buffer_slice(&value));
    EXPECT_OK(row_request_decode(buffer_slice(&value), &request_back));
    EXPECT_EQ(request_back.erased.log_index, 300);
    EXPECT_EQ(request_back.erased.log_ms, 1800000000000);
    EXPECT_EQ(request_back.erased.events, 1000);
    EXPECT_EQ(request_back.erased.sessions, 7);
    EXPECT(request_back.erased.profile);
    value.data[0] = ROW_VERSION_ERASURE + 1;
    EXPECT_STATUS(row_request_decode(buffer_slice(&value), &request_back),
                  STATUS_VERSION);
    buffer_clear(&value);
    buffer_close(&value);
}

TEST(command, an_event_that_could_harm_is_refused_with_its_field)
{
    struct row_event row = event_full();
    struct problem problem;
    struct customer_event event = row.event;
    EXPECT_OK(customer_event_check(&event, &problem));
    event.quantity = -1;
    EXPECT_STATUS(customer_event_check(&event, &problem), STATUS_INVALID);
    EXPECT_STRING(problem.field, "quantity");
    event = row.event;
    event.sku_id = slice_from_string("../x y");
    EXPECT_STATUS(customer_event_check(&event, &problem), STATUS_INVALID);
    EXPECT_STRING(problem.field, "sku_id");
    event = row.event;
    event.kind = CUSTOMER_EVENT_KINDS;
    EXPECT_STATUS(customer_event_check(&event, &problem), STATUS_INVALID);
    event = row.event;
    event.line = 0;
    event.event_id = slice_of(NULL, 0);
    EXPECT_STATUS(customer_event_check(&event, NULL), STATUS_INVALID);
    event = row.event;
    event.price.nanos = -1;
    EXPECT_STATUS(customer_event_check(&event, NULL), STATUS_INVALID);
    event = row.event;
    event.session_id = slice_from_string("a\nb");
    EXPECT_STATUS(customer_event_check(&event, NULL), STATUS_INVALID);
    event = row.event;
    event.detail = slice_of("a\0b", 3);
    EXPECT_STATUS(customer_event_check(&event, NULL), STATUS_INVALID);
}

TEST(command, the_fingerprint_follows_every_field_and_nothing_else)
{
    struct customer_upsert upsert = {.customer = {1, 2},
                                     .profile = {.customer_id = slice_from_string("a")},
                                     .attributes_max = 64};
    uint64_t first = customer_upsert_fingerprint(&upsert);
    upsert.attributes_max = 1;
    EXPECT(customer_upsert_fingerprint(&upsert) == first);
    upsert.profile.personalization_withdrawn = true;
    uint64_t second = customer_upsert_fingerprint(&upsert);
    EXPECT(second != first);
    upsert.profile.personalization_withdrawn = false;
    upsert.profile.evidence_withdrawn = true;
    EXPECT(customer_upsert_fingerprint(&upsert) != first);
    EXPECT(customer_upsert_fingerprint(&upsert) != second);
}
