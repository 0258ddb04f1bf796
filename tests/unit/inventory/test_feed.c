/* SPDX-License-Identifier: Apache-2.0 */
/* The feed of one shard. */
#include <inttypes.h>

#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

static const struct inventory_answer *feed(struct world *world, uint64_t index,
                                           uint32_t sub, uint32_t page_size)
{
    return world_read(world, (struct inventory_query){.kind = INVENTORY_QUERY_FEED,
                                                      .from = {7, index, sub},
                                                      .page_size = page_size});
}

TEST(feed, tells_every_movement_once_in_order_wherever_it_lies)
{
    struct world world;
    struct ledger_position at = {7, 0, 0};
    int64_t seen = 0;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    for (int i = 0; i < 20; i++) {
        EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
        if (i == 9) {
            world_flush(&world); /* half in the store, half in memory */
        }
    }
    do {
        const struct inventory_answer *answer = feed(&world, at.index, at.sub, 3);
        EXPECT_OK(answer->status);
        for (uint32_t i = 0; i < answer->movement_count; i++) {
            EXPECT_EQ(answer->movements[i].before[STOCK_BUCKET_ON_HAND], seen);
            seen = answer->movements[i].after[STOCK_BUCKET_ON_HAND];
        }
        at = answer->next;
    } while (at.index != 0);
    EXPECT_EQ(seen, 21);
    EXPECT_EQ(feed(&world, world.index + 1, 0, 3)->movement_count, 0);
    world_close(&world);
}

TEST(feed, goes_on_within_an_entry)
{
    struct world world;
    const struct inventory_hold_line lines[] = {
        {.sku_id = S("A"), .location_id = S("L1"), .quantity = 1},
        {.sku_id = S("B"), .location_id = S("L1"), .quantity = 2}};
    const struct inventory_answer *answer;
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    world_sku(&world, "B");
    EXPECT_OK(world_adjust(&world, "B", "L1", 5)->status);
    EXPECT_OK(world_apply(&world, world_hold_command(lines, 2))->status);
    answer = feed(&world, world.index, 0, 1);
    EXPECT_EQ(answer->movement_count, 1);
    EXPECT_EQ(answer->next.index, world.index);
    EXPECT_EQ(answer->next.sub, 1);
    answer = feed(&world, world.index, 1, 1);
    EXPECT_EQ(answer->movement_count, 1);
    EXPECT_EQ(answer->movements[0].position.sub, 1);
    EXPECT_EQ(answer->next.index, 0);
    world_close(&world);
}

TEST(feed, keeps_to_the_skus_and_locations_asked_for)
{
    struct world world;
    const struct slice place = S("L2");
    uint64_t hashes[2];
    const struct inventory_answer *answer;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    world_stock(&world, "B", "L1", 2);
    world_stock(&world, "C", "L2", 3);
    hashes[0] = key_hash(S("A"), world.options.hash_seed);
    hashes[1] = key_hash(S("C"), world.options.hash_seed);
    if (hashes[0] > hashes[1]) {
        uint64_t first = hashes[0];
        hashes[0] = hashes[1];
        hashes[1] = first;
    }
    answer = world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_FEED,
                                                         .sku_hashes = hashes,
                                                         .sku_hash_count = 2});
    EXPECT_EQ(answer->movement_count, 2);
    EXPECT_SLICE(answer->movements[0].sku_id, S("A"));
    EXPECT_SLICE(answer->movements[1].sku_id, S("C"));
    answer = world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_FEED,
                                                         .location_ids = &place,
                                                         .location_count = 1});
    EXPECT_EQ(answer->movement_count, 1);
    EXPECT_SLICE(answer->movements[0].sku_id, S("C"));
    world_close(&world);
}

TEST(feed, names_the_oldest_place_when_the_one_asked_for_is_too_old)
{
    struct world world;
    const struct inventory_answer *answer;
    uint64_t indices[40];
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    for (int i = 0; i < 40; i++) {
        world.now_ms += 1000;
        EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
        indices[i] = world.index;
        if (i == 30) {
            world_flush(&world);
        }
        for (int empty = 0; empty < i % 3; empty++) {
            world_tick(&world); /* entries without movements lie between */
        }
    }
    for (int keep = 1; keep < 39; keep++) {
        struct inventory_query query = {
            .kind = INVENTORY_QUERY_FEED, .from = {7, 1, 0}, .keep_ms = keep * 1000};
        answer = world_read(&world, query);
        EXPECT_STATUS(answer->status, STATUS_RESUME_POINT_COMPACTED);
        query.from = answer->next;
        EXPECT(answer->next.index <= indices[39 - keep]);
        EXPECT(answer->next.index > indices[38 - keep]);
        answer = world_read(&world, query);
        EXPECT_OK(answer->status);
        EXPECT_EQ(answer->movement_count, (uint32_t)keep + 1);
    }
    world_close(&world);
}

TEST(feed, an_old_place_behind_which_nothing_moved_is_good_for_ever)
{
    struct world world;
    uint64_t place;
    world_open(&world);
    world_stock(&world, "A", "L1", 1);
    place = world.index + 1;
    world.now_ms += 100000;
    world_tick(&world);
    EXPECT_OK(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_FEED,
                                                          .from = {7, place, 0},
                                                          .keep_ms = 1000})
                  ->status);
    EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
    EXPECT_EQ(world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_FEED,
                                                          .from = {7, place, 0},
                                                          .keep_ms = 1000})
                  ->movement_count,
              1);
    world_close(&world);
}

TEST(feed, alerts_are_told_once_as_a_threshold_is_passed)
{
    static const struct {
        int64_t before[STOCK_BUCKET_COUNT], after[STOCK_BUCKET_COUNT];
        uint32_t alerts;
    } cases[] = {
        {{0, 9}, {0, 3}, 1u << INVENTORY_ALERT_LOW_STOCK},
        {{0, 3}, {0, 2}, 0},
        {{0, 30}, {0, 9}, 1u << INVENTORY_ALERT_REORDER_POINT},
        {{0, 30, 0, 0, 5}, {0, 9, 0, 0, 5}, 0}, /* more is on its way */
        {{0, 0}, {0, 1}, 1u << INVENTORY_ALERT_BACK_IN_STOCK},
        {{0, 5, 0, 0, 0, 0, 0, 5},
         {0, 4, 0, 0, 0, 0, 0, 5},
         1u << INVENTORY_ALERT_SHORTFALL},
        {{0, 5, 0, 0, 0, 0, 1, 5}, {0, 4, 0, 0, 0, 0, 1, 5}, 0}, /* may be backordered */
        {{0, INT64_MAX},
         {0, 0, INT64_MAX},
         1u << INVENTORY_ALERT_LOW_STOCK | 1u << INVENTORY_ALERT_REORDER_POINT},
    };
    const struct inventory_thresholds thresholds = {.low_stock = 3, .reorder_point = 10};
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct inventory_movement movement = {.reason = STOCK_REASON_CORRECTION};
        memcpy(movement.before, cases[i].before, sizeof movement.before);
        memcpy(movement.after, cases[i].after, sizeof movement.after);
        EXPECT_EQ(inventory_alerts(&movement, &thresholds), cases[i].alerts);
    }
}

TEST(feed, an_expired_hold_is_told_with_its_id)
{
    struct world world;
    const struct inventory_answer *answer;
    const struct inventory_thresholds none = {.low_stock = 0};
    struct inventory_hold_id id;
    world_open(&world);
    world_stock(&world, "A", "L1", 5);
    id = world_hold(&world, "A", "L1", 5)->hold.hold_id;
    world.now_ms += WORLD_TTL_MS;
    world_tick(&world);
    answer = feed(&world, world.index, 0, 10);
    EXPECT_EQ(answer->movement_count, 1);
    EXPECT_EQ(answer->movements[0].hold_id.unique, id.unique);
    EXPECT_EQ(inventory_alerts(&answer->movements[0], &none),
              1u << INVENTORY_ALERT_HOLD_EXPIRED | 1u << INVENTORY_ALERT_BACK_IN_STOCK);
    world_close(&world);
}

TEST(feed, a_move_between_locations_is_told_to_watchers_of_either_with_alerts_of_each)
{
    struct world world;
    const struct slice places[] = {S("L1"), S("L2"), S("L3")};
    const struct inventory_thresholds thresholds = {.low_stock = 3};
    struct inventory_command command = {.kind = INVENTORY_STOCK_MOVE};
    uint64_t index;
    world_open(&world);
    world_stock(&world, "A", "L1", 10);
    world_location(&world, "L2");
    world_location(&world, "L3");
    command.stock_move = (struct inventory_stock_move){.sku_id = S("A"),
                                                       .location_id = S("L1"),
                                                       .bucket = STOCK_BUCKET_ON_HAND,
                                                       .to_location_id = S("L2"),
                                                       .to_bucket = STOCK_BUCKET_ON_HAND,
                                                       .quantity = 8};
    EXPECT_OK(world_apply(&world, command)->status);
    index = world.index;
    for (int place = 0; place < 3; place++) {
        const struct inventory_answer *answer =
            world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_FEED,
                                                        .from = {7, index, 0},
                                                        .location_ids = &places[place],
                                                        .location_count = 1});
        const struct inventory_movement *movement = answer->movements;
        EXPECT_OK(answer->status);
        EXPECT_EQ(answer->movement_count, place < 2 ? 1 : 0);
        if (place < 2) {
            EXPECT_SLICE(movement->location_id, S("L1"));
            EXPECT_SLICE(movement->to.location_id, S("L2"));
            EXPECT_EQ(movement->to.after[STOCK_BUCKET_ON_HAND], 8);
            EXPECT_EQ(inventory_alerts(movement, &thresholds),
                      1u << INVENTORY_ALERT_LOW_STOCK);
            EXPECT_EQ(inventory_alerts_to(movement, &thresholds),
                      1u << INVENTORY_ALERT_BACK_IN_STOCK);
        }
    }
    EXPECT_OK(world_adjust(&world, "A", "L1", 1)->status);
    EXPECT_EQ(
        inventory_alerts_to(feed(&world, world.index, 0, 1)->movements, &thresholds), 0);
    world_close(&world);
}
