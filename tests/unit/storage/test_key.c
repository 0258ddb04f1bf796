/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/storage/key.h"

#include "shard/storage/meta_row.h"
#include "tests/lib/test.h"

static struct slice text(const char *string)
{
    return slice_from_string(string);
}

TEST(key, a_range_ends_before_its_end_and_zero_is_the_end_of_all)
{
    const struct key_range low = {0, 100};
    const struct key_range high = {100, 0};
    const struct key_range all = {0, 0};
    EXPECT(key_range_contains(low, 0));
    EXPECT(key_range_contains(low, 99));
    EXPECT(!key_range_contains(low, 100));
    EXPECT(key_range_contains(high, 100));
    EXPECT(key_range_contains(high, UINT64_MAX));
    EXPECT(!key_range_contains(high, 99));
    EXPECT(key_range_contains(all, 0) && key_range_contains(all, UINT64_MAX));
    EXPECT(!key_range_overlaps(low, high));
    EXPECT(!key_range_overlaps(high, low));
    EXPECT(key_range_overlaps(all, high) && key_range_overlaps(low, all));
    EXPECT(key_range_overlaps(low, (struct key_range){99, 100}));
    EXPECT(key_range_covers(all, high) && !key_range_covers(high, all));
    EXPECT(key_range_covers(low, (struct key_range){5, 100}));
    EXPECT(!key_range_covers(low, (struct key_range){5, 101}));
    EXPECT(!key_range_covers(low, (struct key_range){5, 0}));
    EXPECT(!key_range_valid((struct key_range){5, 5}));
}

TEST(key, every_kind_of_key_is_read_back)
{
    struct buffer key;
    struct key_state state;
    struct key_order order;
    struct key_meta meta;
    buffer_init(&key);
    key_append_state(&key, &(struct key_state){.table = KEY_TABLE_CUSTOMER,
                                               .kind = 7,
                                               .hash = 0x0102030405060708,
                                               .id = text("id")});
    EXPECT_SLICE(buffer_slice(&key),
                 slice_of("c\x01\x02\x03\x04\x05\x06\x07\x08\x07id", 12));
    EXPECT(key_parse_state(buffer_slice(&key), &state));
    EXPECT_EQ(state.table, KEY_TABLE_CUSTOMER);
    EXPECT_EQ(state.kind, 7);
    EXPECT(state.hash == 0x0102030405060708);
    EXPECT_SLICE(state.id, text("id"));
    EXPECT(!key_parse_order(buffer_slice(&key), &order));
    buffer_clear(&key);
    key_append_order(&key, &(struct key_order){1, 2, 0x03040506});
    EXPECT_EQ(key.size, KEY_ORDER_BYTES);
    EXPECT(key_parse_order(buffer_slice(&key), &order));
    EXPECT_EQ(order.shard_id, 1);
    EXPECT_EQ(order.index, 2);
    EXPECT_EQ(order.sub, 0x03040506);
    EXPECT(!key_parse_state(buffer_slice(&key), &state));
    buffer_clear(&key);
    key_append_meta(&key, &(struct key_meta){9, META_APPLIED});
    EXPECT(key_parse_meta(buffer_slice(&key), &meta));
    EXPECT_EQ(meta.shard_id, 9);
    EXPECT_EQ(meta.kind, META_APPLIED);
    key.size--;
    EXPECT(!key_parse_meta(buffer_slice(&key), &meta));
    buffer_close(&key);
}

static bool between(struct slice key, const struct buffer *start,
                    const struct buffer *end)
{
    return slice_compare(key, buffer_slice(start)) >= 0 &&
           (end->size == 0 || slice_compare(key, buffer_slice(end)) < 0);
}

TEST(key, the_bounds_of_a_range_hold_its_rows_and_no_others)
{
    const uint64_t hashes[] = {0, 1, 99, 100, 101, UINT64_MAX - 1, UINT64_MAX};
    const struct key_range ranges[] = {{0, 0}, {0, 100}, {100, 0}, {99, 101}};
    struct buffer start, end, key;
    buffer_init(&start);
    buffer_init(&end);
    buffer_init(&key);
    for (size_t r = 0; r < sizeof ranges / sizeof ranges[0]; r++) {
        key_bounds_range(KEY_TABLE_SKU, ranges[r], &start, &end);
        for (size_t i = 0; i < sizeof hashes / sizeof hashes[0]; i++) {
            struct key_state parts = {.table = KEY_TABLE_SKU,
                                      .kind = 255,
                                      .hash = hashes[i],
                                      .id = text("\xff\xff")};
            buffer_clear(&key);
            key_append_state(&key, &parts);
            EXPECT_EQ(between(buffer_slice(&key), &start, &end),
                      key_range_contains(ranges[r], hashes[i]));
            parts.table = KEY_TABLE_CUSTOMER;
            buffer_clear(&key);
            key_append_state(&key, &parts);
            EXPECT(!between(buffer_slice(&key), &start, &end));
        }
    }
    buffer_close(&start);
    buffer_close(&end);
    buffer_close(&key);
}

TEST(key, the_bounds_of_a_kind_an_order_and_a_prefix_are_exact)
{
    struct buffer start, end, key;
    buffer_init(&start);
    buffer_init(&end);
    buffer_init(&key);
    key_bounds_kind(KEY_TABLE_SKU, UINT64_MAX, UINT8_MAX, &start, &end);
    key_append_state(&key, &(struct key_state){.table = KEY_TABLE_SKU,
                                               .kind = UINT8_MAX,
                                               .hash = UINT64_MAX,
                                               .id = text("\xff")});
    EXPECT(between(buffer_slice(&key), &start, &end));
    EXPECT_SLICE(buffer_slice(&end), text("t"));
    key_bounds_order(3, 10, 12, &start, &end);
    for (uint64_t index = 8; index < 14; index++) {
        buffer_clear(&key);
        key_append_order(&key, &(struct key_order){3, index, UINT32_MAX});
        EXPECT_EQ(between(buffer_slice(&key), &start, &end), index >= 10 && index < 12);
    }
    key_bounds_order(3, 10, 0, &start, &end);
    buffer_clear(&key);
    key_append_order(&key, &(struct key_order){3, UINT64_MAX, UINT32_MAX});
    EXPECT(between(buffer_slice(&key), &start, &end));
    buffer_clear(&key);
    key_append_order(&key, &(struct key_order){4, 0, 0});
    EXPECT(!between(buffer_slice(&key), &start, &end));
    key_bounds_prefix(text("\xff\xff"), &start, &end);
    EXPECT_EQ(end.size, 0);
    buffer_close(&start);
    buffer_close(&end);
    buffer_close(&key);
}

TEST(key, the_hash_depends_on_the_cluster)
{
    EXPECT(key_hash(text("SKU-1"), 1) != key_hash(text("SKU-1"), 2));
    EXPECT(key_hash(text("SKU-1"), 1) != key_hash(text("SKU-2"), 1));
}

TEST(meta_row, rows_are_read_back_and_later_versions_refused)
{
    const struct meta_descriptor descriptor = {.shard_id = 3,
                                               .replica_id = 300,
                                               .table = KEY_TABLE_SKU,
                                               .feature_level = 1,
                                               .range = {5, 0},
                                               .range_version = 2,
                                               .member_version = 9};
    const struct meta_applied applied = {.index = 1000, .term = 7, .log_time_ms = -5};
    struct meta_descriptor descriptor_back;
    struct meta_applied applied_back;
    struct buffer value;
    buffer_init(&value);
    meta_descriptor_encode(&value, &descriptor);
    EXPECT_OK(meta_descriptor_decode(buffer_slice(&value), &descriptor_back));
    EXPECT_EQ(descriptor_back.replica_id, 300);
    EXPECT_EQ(descriptor_back.range.start, 5);
    EXPECT_EQ(descriptor_back.range.end, 0);
    EXPECT_EQ(descriptor_back.member_version, 9);
    for (size_t cut = 0; cut < value.size; cut++) {
        EXPECT_STATUS(meta_descriptor_decode(slice_of(value.data, cut), &descriptor_back),
                      STATUS_CHECKSUM);
    }
    value.data[0] = 2;
    EXPECT_STATUS(meta_descriptor_decode(buffer_slice(&value), &descriptor_back),
                  STATUS_VERSION);
    buffer_clear(&value);
    meta_applied_encode(&value, &applied);
    EXPECT_OK(meta_applied_decode(buffer_slice(&value), &applied_back));
    EXPECT_EQ(applied_back.index, 1000);
    EXPECT_EQ(applied_back.term, 7);
    EXPECT_EQ(applied_back.log_time_ms, -5);
    value.data[0] = 9;
    EXPECT_STATUS(meta_applied_decode(buffer_slice(&value), &applied_back),
                  STATUS_VERSION);
    buffer_close(&value);
}
