/* SPDX-License-Identifier: Apache-2.0 */
/* Streams of warehouse systems, as one shard decides them. */
#include "shard/base/encode.h"
#include "shard/inventory/inventory_private.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static const struct hash128 source_id = {.high = 0x5001, .low = 0x5002};

static const struct inventory_outcome *open_with(struct world *world, uint64_t epoch,
                                                 uint64_t incarnation)
{
    return world_apply(world,
                       (struct inventory_command){
                           .kind = INVENTORY_SOURCE_OPEN,
                           .source_open = {.source = {source_id, epoch, incarnation},
                                           .home_hash = 1,
                                           .sources_max = 2}});
}

static struct inventory_source_item delta(uint64_t sequence, const char *sku_id,
                                          int64_t quantity)
{
    return (struct inventory_source_item){.sequence = sequence,
                                          .sku_id = S(sku_id),
                                          .location_id = S("L1"),
                                          .bucket = STOCK_BUCKET_ON_HAND,
                                          .quantity = quantity,
                                          .reason = STOCK_REASON_RECEIPT};
}

static struct inventory_source_item absolute(uint64_t sequence, int64_t quantity,
                                             int64_t occurred_ms)
{
    struct inventory_source_item item = delta(sequence, "A", quantity);
    item.absolute = true;
    item.occurred_ms = occurred_ms;
    return item;
}

/* What the next batch says beside its items. */
struct batch {
    uint64_t incarnation; /* 0: the first */
    uint64_t prev;
    uint64_t through;
    enum inventory_missing on_missing;
    bool stop;
};

static const struct inventory_outcome *send(struct world *world, struct batch batch,
                                            const struct inventory_source_item *items,
                                            uint32_t count)
{
    uint64_t incarnation = batch.incarnation > 0 ? batch.incarnation : 1;
    return world_apply(
        world,
        (struct inventory_command){
            .kind = INVENTORY_SOURCE_UPDATE,
            .source_update = {.source = {source_id, 1, incarnation},
                              .prev = batch.prev,
                              .through = batch.through,
                              .on_missing = batch.on_missing ? batch.on_missing
                                                             : INVENTORY_MISSING_REFUSE,
                              .stop = batch.stop,
                              .attributes_max = 64,
                              .items = items,
                              .item_count = count}});
}

static void open_world(struct world *world)
{
    world_open(world);
    world_stock(world, "A", "L1", 10);
    world_sku(world, "B");
    EXPECT_OK(open_with(world, 1, 0)->status);
    EXPECT_EQ(world->last.source.incarnation, 1);
}

TEST(source, its_updates_change_levels_and_stand_in_the_ledger)
{
    struct world world;
    const struct inventory_source_item items[] = {delta(1, "A", 5), delta(2, "B", 7),
                                                  absolute(3, 4, 0)};
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){0}, items, 3)->status);
    EXPECT_EQ(world.last.source.applied, 3);
    EXPECT_EQ(world.last.source.last, 3);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 4);
    EXPECT_EQ(world_bucket(&world, "B", STOCK_BUCKET_ON_HAND), 7);
    const struct slice sku = S("A");
    const struct inventory_answer *ledger = world_read(
        &world, (struct inventory_query){
                    .kind = INVENTORY_QUERY_MOVEMENTS, .sku_ids = &sku, .sku_count = 1});
    EXPECT_OK(ledger->status);
    EXPECT_EQ(ledger->movement_count, 3);
    EXPECT_EQ(ledger->movements[0].after[STOCK_BUCKET_ON_HAND], 4);
    EXPECT_EQ(ledger->movements[0].request_low, 3); /* which item it was */
    EXPECT_EQ(ledger->movements[1].request_low, 1);
    world_close(&world);
}

TEST(source, what_comes_again_is_told_and_does_nothing)
{
    struct world world;
    const struct inventory_source_item items[] = {delta(1, "A", 5), delta(2, "A", 5),
                                                  delta(3, "A", 5)};
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){0}, items, 2)->status);
    world_reload(&world);
    EXPECT_OK(send(&world, (struct batch){0}, items, 3)->status);
    EXPECT_EQ(world.last.source.duplicates, 2);
    EXPECT_EQ(world.last.source.applied, 1);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 25);
    world_close(&world);
}

TEST(source, an_item_behind_a_missing_one_is_a_gap)
{
    struct world world;
    const struct inventory_source_item items[] = {delta(1, "A", 1), delta(2, "A", 1),
                                                  delta(3, "A", 1), delta(4, "A", 1)};
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){0}, items, 1)->status);
    EXPECT_STATUS(send(&world, (struct batch){.prev = 2}, &items[2], 2)->status,
                  STATUS_SEQUENCE_GAP);
    EXPECT_EQ(world.last.expected_line, 1);
    EXPECT_EQ(world.last.source.applied, 0);
    EXPECT_OK(send(&world, (struct batch){.prev = 1}, &items[1], 1)->status);
    EXPECT_OK(send(&world, (struct batch){.prev = 2}, &items[2], 2)->status);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 14);
    world_close(&world);
}

TEST(source, a_second_opening_takes_over_and_the_first_is_refused)
{
    struct world world;
    const struct inventory_source_item items[] = {delta(1, "A", 1), delta(2, "A", 1)};
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){0}, items, 1)->status);
    EXPECT_OK(open_with(&world, 1, 0)->status);
    EXPECT_EQ(world.last.source.incarnation, 2);
    EXPECT_EQ(world.last.source.last, 1);
    EXPECT_STATUS(send(&world, (struct batch){.prev = 1}, &items[1], 1)->status,
                  STATUS_SOURCE_SUPERSEDED);
    EXPECT_EQ(world.last.source.incarnation, 2);
    EXPECT_OK(send(&world, (struct batch){.incarnation = 2}, items, 2)->status);
    EXPECT_EQ(world.last.source.duplicates, 1);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 12);
    world_close(&world);
}

TEST(source, a_new_epoch_starts_the_sequences_anew_and_an_old_one_is_refused)
{
    struct world world;
    struct inventory_source_item item = delta(1, "A", 1);
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){0}, &item, 1)->status);
    EXPECT_OK(open_with(&world, 2, 0)->status);
    EXPECT_EQ(world.last.source.incarnation, 2); /* never counts from the start again */
    EXPECT_EQ(world.last.source.last, 0);
    EXPECT_STATUS(send(&world, (struct batch){.prev = 1}, &item, 1)->status,
                  STATUS_INVALID);
    EXPECT_STATUS(send(&world, (struct batch){0}, &item, 1)->status,
                  STATUS_SOURCE_SUPERSEDED);
    EXPECT_STATUS(open_with(&world, 1, 0)->status, STATUS_SOURCE_SUPERSEDED);
    world_close(&world);
}

TEST(source, other_shards_follow_the_home_and_never_back)
{
    struct world world;
    struct inventory_source_item item = delta(9, "A", 1);
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    EXPECT_OK(open_with(&world, 1, 5)->status);
    EXPECT_OK(send(&world, (struct batch){.incarnation = 5}, &item, 1)->status);
    EXPECT_STATUS(open_with(&world, 1, 4)->status, STATUS_SOURCE_SUPERSEDED);
    EXPECT_OK(open_with(&world, 1, 5)->status); /* asked again */
    EXPECT_OK(open_with(&world, 3, 6)->status);
    EXPECT_EQ(world.last.source.last, 0);
    world_close(&world);
}

TEST(source, a_refused_item_passes_and_is_told_again_until_it_is_through)
{
    struct world world;
    const struct inventory_source_item items[] = {delta(1, "A", 1), delta(2, "NONE", 1),
                                                  delta(3, "A", -99), delta(4, "A", 1)};
    open_world(&world);
    for (int round = 0; round < 2; round++) {
        EXPECT_OK(send(&world, (struct batch){0}, items, 4)->status);
        EXPECT_EQ(world.last.source.failure_count, 2);
        EXPECT_EQ(world.last.source.failures[0].sequence, 2);
        EXPECT_EQ(world.last.source.failures[0].status, STATUS_NOT_FOUND);
        EXPECT_EQ(world.last.source.failures[0].field, INVENTORY_FIELD_SKU_ID);
        EXPECT_EQ(world.last.source.failures[1].status, STATUS_INSUFFICIENT_STOCK);
        EXPECT_EQ(world.last.source.failures[1].repeated, round > 0);
        world_reload(&world);
    }
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 12);
    EXPECT_OK(send(&world, (struct batch){.through = 2}, &items[3], 1)->status);
    EXPECT_OK(send(&world, (struct batch){0}, items, 4)->status);
    EXPECT_EQ(world.last.source.failure_count, 1); /* that of item 3 */
    EXPECT_EQ(world.last.source.failures[0].sequence, 3);
    world_close(&world);
}

TEST(source, a_refused_item_stops_the_stream_by_choice_and_comes_again_once_mended)
{
    struct world world;
    const struct inventory_source_item items[] = {delta(1, "A", 1), delta(2, "LATE", 1),
                                                  delta(3, "A", 1)};
    struct batch stops = {.stop = true};
    open_world(&world);
    EXPECT_OK(send(&world, stops, items, 3)->status);
    EXPECT_EQ(world.last.source.stopped, true);
    EXPECT_EQ(world.last.source.failure_count, 1);
    EXPECT_EQ(world.last.source.last, 1);
    stops.prev = 3; /* what had been sent behind it */
    EXPECT_STATUS(
        send(&world, stops, (struct inventory_source_item[]){delta(4, "A", 1)}, 1)
            ->status,
        STATUS_SEQUENCE_GAP);
    world_sku(&world, "LATE");
    stops.prev = 0;
    EXPECT_OK(send(&world, stops, items, 3)->status);
    EXPECT_EQ(world.last.source.stopped, false);
    EXPECT_EQ(world.last.source.applied, 2);
    EXPECT_EQ(world_bucket(&world, "LATE", STOCK_BUCKET_ON_HAND), 1);
    world_close(&world);
}

TEST(source, an_unknown_sku_is_refused_skipped_or_made_as_a_draft)
{
    struct world world;
    const struct inventory_source_item items[] = {delta(1, "NEW", 3), delta(2, "NEW", 4)};
    const struct slice sku = S("NEW");
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){.on_missing = INVENTORY_MISSING_SKIP}, items, 1)
                  ->status);
    EXPECT_EQ(world.last.source.skipped, 1);
    EXPECT_EQ(world.last.source.failure_count, 0);
    EXPECT_OK(send(&world,
                   (struct batch){.prev = 1, .on_missing = INVENTORY_MISSING_CREATE},
                   &items[1], 1)
                  ->status);
    EXPECT_EQ(world.last.source.applied, 1);
    EXPECT_EQ(world_bucket(&world, "NEW", STOCK_BUCKET_ON_HAND), 4);
    EXPECT_EQ(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_SKU,
                                                          .sku_ids = &sku,
                                                          .sku_count = 1})
                  ->skus[0]
                  .state,
              SKU_STATE_DRAFT);
    world_close(&world);
}

TEST(source, no_sku_is_made_for_a_location_that_is_not_there)
{
    struct world world;
    struct inventory_source_item item = delta(1, "NEW", 3);
    const struct slice sku = S("NEW");
    item.location_id = S("L9");
    open_world(&world);
    EXPECT_OK(
        send(&world, (struct batch){.on_missing = INVENTORY_MISSING_CREATE}, &item, 1)
            ->status);
    EXPECT_EQ(world.last.source.failures[0].status, STATUS_NOT_FOUND);
    EXPECT_STATUS(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_SKU,
                                                              .sku_ids = &sku,
                                                              .sku_count = 1})
                      ->status,
                  STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(source, no_sku_is_made_to_take_units_from)
{
    struct world world;
    const struct inventory_source_item item = delta(1, "NEW", -3);
    const struct slice sku = S("NEW");
    open_world(&world);
    EXPECT_OK(
        send(&world, (struct batch){.on_missing = INVENTORY_MISSING_CREATE}, &item, 1)
            ->status);
    EXPECT_EQ(world.last.source.failures[0].status, STATUS_NOT_FOUND);
    EXPECT_STATUS(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_SKU,
                                                              .sku_ids = &sku,
                                                              .sku_count = 1})
                      ->status,
                  STATUS_NOT_FOUND);
    world_close(&world);
}

TEST(source, a_late_absolute_value_is_superseded)
{
    struct world world;
    struct inventory_source_item late = absolute(2, 3, 999);
    struct inventory_source_item same = absolute(3, 5, 1000);
    struct inventory_source_item sold = delta(4, "A", -1);
    struct inventory_source_item counted_before = absolute(5, 50, 1500);
    struct inventory_source_item timeless = absolute(6, 7, 0);
    struct inventory_source_item first = absolute(1, 8, 1000);
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){0}, &first, 1)->status);
    world_reload(&world);
    EXPECT_OK(send(&world, (struct batch){.prev = 1}, &late, 1)->status);
    EXPECT_EQ(world.last.source.superseded, 1);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 8);
    EXPECT_OK(send(&world, (struct batch){.prev = 2}, &same, 1)->status);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 5);
    sold.occurred_ms = 2000;
    EXPECT_OK(send(&world, (struct batch){.prev = 3}, &sold, 1)->status);
    EXPECT_OK(send(&world, (struct batch){.prev = 4}, &counted_before, 1)->status);
    EXPECT_EQ(world.last.source.superseded, 1); /* it does not know of the sale */
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 4);
    EXPECT_OK(send(&world, (struct batch){.prev = 5}, &timeless, 1)->status);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 7);
    world_close(&world);
}

TEST(source, bad_items_are_refused_one_by_one)
{
    struct world world;
    struct inventory_source_item items[] = {
        delta(1, "A", 0),         delta(2, "no id!", 1), absolute(3, -1, 0),
        delta(4, "A", INT64_MAX), delta(5, "A", 1),      delta(6, "A", INT64_MIN),
    };
    const enum status told[] = {STATUS_INVALID, STATUS_INVALID, STATUS_INVALID,
                                STATUS_QUANTITY_OVERFLOW, STATUS_INSUFFICIENT_STOCK};
    open_world(&world);
    EXPECT_OK(send(&world, (struct batch){0}, items, 6)->status);
    EXPECT_EQ(world.last.source.failure_count, 5);
    for (int i = 0; i < 5; i++) {
        EXPECT_EQ(world.last.source.failures[i].status, told[i]);
    }
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 11);
    world_close(&world);
}

TEST(source, the_home_keeps_what_is_through_and_never_less)
{
    struct world world;
    struct inventory_command through = {.kind = INVENTORY_SOURCE_THROUGH};
    open_world(&world);
    through.source_through.source = (struct inventory_source){source_id, 1, 1};
    through.source_through.through = 40;
    EXPECT_OK(world_apply(&world, through)->status);
    through.source_through.through = 30;
    EXPECT_OK(world_apply(&world, through)->status);
    world_reload(&world);
    EXPECT_OK(open_with(&world, 1, 0)->status);
    EXPECT_EQ(world.last.source.through, 40);
    EXPECT_STATUS(world_apply(&world, through)->status, STATUS_SOURCE_SUPERSEDED);
    world_close(&world);
}

TEST(source, sources_of_a_shard_have_a_limit_and_known_ones_go_on)
{
    struct world world;
    struct inventory_command open = {.kind = INVENTORY_SOURCE_OPEN};
    open_world(&world);
    open.source_open = (struct inventory_source_open){
        .source = {{1, 1}, 1, 0}, .home_hash = 1, .sources_max = 2};
    EXPECT_OK(world_apply(&world, open)->status);
    open.source_open.source.id.low = 2;
    EXPECT_STATUS(world_apply(&world, open)->status, STATUS_QUANTITY_LIMIT);
    EXPECT_OK(open_with(&world, 1, 0)->status);
    world_close(&world);
}

TEST(source, a_batch_cut_for_less_than_the_shard_is_not_its_own)
{
    struct world world;
    struct inventory_source_item item = delta(1, "A", 1);
    struct inventory_command update = {.kind = INVENTORY_SOURCE_UPDATE};
    open_world(&world);
    update.source_update =
        (struct inventory_source_update){.source = {source_id, 1, 1},
                                         .range = {0, UINT64_C(1) << 63},
                                         .on_missing = INVENTORY_MISSING_REFUSE,
                                         .items = &item,
                                         .item_count = 1};
    EXPECT_STATUS(world_apply(&world, update)->status, STATUS_EPOCH_CHANGED);
    EXPECT_EQ(world_bucket(&world, "A", STOCK_BUCKET_ON_HAND), 10);
    world_close(&world);
}

TEST(source, refused_items_beyond_what_is_through_have_a_limit_and_nothing_is_lost)
{
    struct world world;
    struct inventory_source_item item = delta(0, "NONE", 1);
    open_world(&world);
    for (uint64_t at = 1; at <= SOURCE_FAILURES_MAX; at++) {
        item.sequence = at;
        EXPECT_OK(send(&world, (struct batch){.prev = at - 1}, &item, 1)->status);
        arena_reset(&world.arena);
    }
    item.sequence++;
    EXPECT_STATUS(
        send(&world, (struct batch){.prev = item.sequence - 1}, &item, 1)->status,
        STATUS_QUANTITY_LIMIT);
    EXPECT_EQ(world.last.source.last, SOURCE_FAILURES_MAX);
    item.sequence = SOURCE_FAILURES_MAX; /* any batch that says what is through */
    EXPECT_OK(send(&world, (struct batch){.through = 1}, &item, 1)->status);
    item.sequence++;
    EXPECT_OK(send(&world, (struct batch){.prev = item.sequence - 1}, &item, 1)->status);
    world_close(&world);
}

/* --- The stored row ------------------------------------------------------------------- */

static const uint8_t golden_lane[] = {1,    3, 9, 0xac, 2,   1, 7, 2,
                                      0xc8, 1, 3, 1,    100, 5, 3};

static void golden_fill(struct source_lanes *lanes)
{
    struct source_lane *lane = source_lanes_add(lanes, source_id);
    const struct source_failure missing = {200, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID};
    const struct source_failure few = {300, STATUS_INSUFFICIENT_STOCK,
                                       INVENTORY_FIELD_QUANTITY};
    lane->epoch = 3;
    lane->incarnation = 9;
    lane->home = true;
    lane->through = 7;
    EXPECT_EQ(source_lane_settle(lane, 200, &missing), true);
    EXPECT_EQ(source_lane_settle(lane, 300, &few), true);
    source_lane_mark(lanes, lane);
}

TEST(source, a_lane_is_stored_as_ever)
{
    struct source_lanes lanes, again;
    struct buffer value;
    source_lanes_init(&lanes);
    source_lanes_init(&again);
    buffer_init(&value);
    golden_fill(&lanes);
    source_lane_encode(&value, source_lanes_collect(&lanes));
    EXPECT_SLICE(buffer_slice(&value), slice_of(golden_lane, sizeof golden_lane));
    EXPECT_OK(source_lanes_load(&again, source_id, buffer_slice(&value)));
    const struct source_lane *lane = source_lanes_find(&again, source_id);
    EXPECT_EQ(lane->last, 300);
    EXPECT_EQ(source_lane_failure(lane, 300)->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(source_lane_failure(lane, 250) == NULL, true);
    buffer_close(&value);
    source_lanes_close(&lanes);
    source_lanes_close(&again);
}

TEST(source, a_damaged_lane_is_refused)
{
    uint8_t bytes[sizeof golden_lane];
    for (size_t size = 0; size < sizeof golden_lane; size++) {
        struct source_lanes lanes;
        source_lanes_init(&lanes);
        EXPECT_STATUS(source_lanes_load(&lanes, source_id, slice_of(golden_lane, size)),
                      STATUS_CHECKSUM);
        source_lanes_close(&lanes);
    }
    memcpy(bytes, golden_lane, sizeof bytes);
    bytes[0] = 2;
    struct source_lanes lanes;
    source_lanes_init(&lanes);
    EXPECT_STATUS(source_lanes_load(&lanes, source_id, slice_of(bytes, sizeof bytes)),
                  STATUS_VERSION);
    bytes[0] = 1;
    bytes[12] = 120; /* a refused item above the last one */
    EXPECT_STATUS(source_lanes_load(&lanes, source_id, slice_of(bytes, sizeof bytes)),
                  STATUS_CHECKSUM);
    source_lanes_close(&lanes);
}

TEST(source, a_level_that_a_source_told_of_with_a_time_is_stored_as_ever)
{
    static const uint8_t golden_level[] = {
        2,    5,    0,    0, 0, 0, 0, 1, 0, /* version, buckets */
        9,    0,    0,    0, 0, 0, 0, 0,    /* etag */
        20,   3,    7,    4, 0,             /* update_ms, sequence, position */
        1,    1,    0x50, 0, 0, 0, 0, 0, 0, /* one stamp: source */
        0xd0, 0x0f,                         /* occurred_ms */
    };
    struct stored_level level = {.buckets = {0, 5, 0, 0, 0, 0, 0, 1, 0},
                                 .etag = 9,
                                 .update_ms = 10,
                                 .movement_sequence = 3,
                                 .movement = {7, 4, 0},
                                 .stamps = {1, {{0x5001, 1000}}}};
    struct stored_level back;
    struct buffer row;
    buffer_init(&row);
    rows_level_encode(&row, &level);
    EXPECT_SLICE(buffer_slice(&row), slice_of(golden_level, sizeof golden_level));
    EXPECT_OK(rows_level_decode(buffer_slice(&row), &back));
    EXPECT_EQ(back.stamps.count, 1);
    EXPECT_EQ(back.stamps.stamps[0].occurred_ms, 1000);
    level.stamps.count = 0;
    buffer_clear(&row);
    rows_level_encode(&row, &level);
    EXPECT_EQ(row.data[0], 1); /* without one, the form of before */
    buffer_close(&row);
}
