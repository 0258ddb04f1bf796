/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/rng.h"
#include "shard/inventory/geo.h"
#include "tests/lib/test.h"
#include "tests/unit/inventory/world.h"

/* --- Distances ----------------------------------------------------------------------------- */

static void expect_distance(struct geo_point a, struct geo_point b, int64_t metres)
{
    int64_t there = geo_distance_m(a, b), back = geo_distance_m(b, a);
    int64_t off = there > metres ? there - metres : metres - there;
    EXPECT_EQ(there, back);
    EXPECT(off <= 1 + metres / 1000000);
}

/* By the haversine formula on a sphere of 6,371,009 m. */
TEST(geo, distances_are_those_of_the_sphere)
{
    const struct geo_point berlin = {525200000, 134050000};
    const struct geo_point hamburg = {535511000, 99937000};
    const struct geo_point auckland = {-368500000, 1747600000};
    const struct geo_point fiji_east = {-170000000, 1799000000};
    const struct geo_point fiji_west = {-170000000, -1799000000};
    const struct geo_point north = {900000000, 0}, south = {-900000000, 0};
    expect_distance(berlin, berlin, 0);
    expect_distance(berlin, hamburg, 255250);
    expect_distance(berlin, auckland, 17746678);
    expect_distance(fiji_east, fiji_west, 21267);
    expect_distance(north, south, 20015115);
    expect_distance((struct geo_point){0, 1}, (struct geo_point){0, 10000001}, 111195);
    expect_distance((struct geo_point){0, 900000000}, (struct geo_point){0, -900000000},
                    20015115);
    EXPECT(!geo_known((struct geo_point){0, 0}));
}

TEST(geo, no_way_round_is_shorter)
{
    struct rng rng;
    rng_init(&rng, 5);
    for (int i = 0; i < 2000; i++) {
        struct geo_point at[3];
        for (int j = 0; j < 3; j++) {
            at[j].latitude_e7 = (int32_t)rng_below(&rng, 1800000001) - 900000000;
            at[j].longitude_e7 =
                (int32_t)((int64_t)rng_below(&rng, 3600000001) - 1800000000);
        }
        EXPECT(geo_distance_m(at[0], at[2]) <=
               geo_distance_m(at[0], at[1]) + geo_distance_m(at[1], at[2]) + 3);
    }
}

/* --- CheckAvailability ----------------------------------------------------------------------- */

static void place(struct world *world, const char *location_id, int32_t latitude_e7,
                  const char *channel)
{
    struct inventory_command command = world_location_command(location_id);
    struct slice channels = S(channel);
    command.location_upsert.location.latitude_e7 = latitude_e7;
    command.location_upsert.location.longitude_e7 = 100000000;
    command.location_upsert.location.channels = &channels;
    command.location_upsert.location.channel_count = channel[0] != '\0' ? 1 : 0;
    EXPECT_OK(world_apply(world, command)->status);
}

/* North to south: N has 3 and serves the web, M has 9, S has 5 and serves the shop. */
static void three_places(struct world *world)
{
    world_open(world);
    place(world, "N", 600000000, "web");
    place(world, "M", 500000000, "");
    place(world, "S", 400000000, "shop");
    world_stock(world, "A", "N", 3);
    world_stock(world, "A", "M", 9);
    world_stock(world, "A", "S", 5);
    place(world, "N", 600000000, "web"); /* world_stock wrote them plain */
    place(world, "M", 500000000, "");
    place(world, "S", 400000000, "shop");
}

static const struct inventory_check *check_one(struct world *world,
                                               struct inventory_query query,
                                               const char *sku_id, int64_t quantity,
                                               const char *location_id)
{
    struct slice id = S(sku_id);
    struct inventory_check_line line = {.quantity = quantity,
                                        .location_id = S(location_id)};
    query.kind = INVENTORY_QUERY_CHECK;
    query.sku_ids = &id;
    query.sku_count = 1;
    query.check_lines = &line;
    EXPECT_OK(world_read(world, query)->status);
    EXPECT_EQ(world->answer.check_count, 1);
    return &world->answer.checks[0];
}

TEST(availability, names_the_location_with_most_units_or_the_one_asked_for)
{
    struct world world;
    const struct inventory_check *check;
    three_places(&world);
    check = check_one(&world, (struct inventory_query){0}, "A", 4, "");
    EXPECT_OK(check->status);
    EXPECT_SLICE(check->location_id, S("M"));
    EXPECT_EQ(check->location_available, 9);
    EXPECT_EQ(check->available, 17);
    EXPECT_EQ(check->distance_m, -1);
    check = check_one(&world, (struct inventory_query){0}, "A", 4, "N");
    EXPECT_STATUS(check->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(check->location_available, 3);
    EXPECT_EQ(check->available, 3);
    check = check_one(&world, (struct inventory_query){0}, "A", 10, "");
    EXPECT_STATUS(check->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(check->requested, 10);
    EXPECT_EQ(check->location_available, 9);
    world_close(&world);
}

TEST(availability, counts_only_locations_that_are_named_or_serve_the_channel)
{
    struct world world;
    const struct inventory_check *check;
    const struct slice north_south[] = {S("N"), S("S")};
    struct inventory_query query = {.location_ids = north_south, .location_count = 2};
    three_places(&world);
    check = check_one(&world, query, "A", 4, "");
    EXPECT_OK(check->status);
    EXPECT_SLICE(check->location_id, S("S"));
    EXPECT_EQ(check->available, 8);
    query = (struct inventory_query){.demand.channel = S("web")};
    check = check_one(&world, query, "A", 4, "");
    EXPECT_SLICE(check->location_id, S("M"));
    EXPECT_EQ(check->available, 12);
    query.location_ids = north_south;
    query.location_count = 2;
    check = check_one(&world, query, "A", 4, "");
    EXPECT_STATUS(check->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(check->available, 3);
    world_close(&world);
}

TEST(availability, takes_the_nearest_location_that_has_enough)
{
    struct world world;
    const struct inventory_check *check;
    struct inventory_query query = {.near_latitude_e7 = 610000000,
                                    .near_longitude_e7 = 100000000};
    three_places(&world);
    check = check_one(&world, query, "A", 3, "");
    EXPECT_SLICE(check->location_id, S("N"));
    EXPECT_EQ(check->distance_m / 1000, 111);
    check = check_one(&world, query, "A", 4, "");
    EXPECT_SLICE(check->location_id, S("M"));
    query.near_latitude_e7 = 300000000;
    check = check_one(&world, query, "A", 4, "");
    EXPECT_SLICE(check->location_id, S("S"));
    check = check_one(&world, query, "A", 6, "");
    EXPECT_SLICE(check->location_id, S("M"));
    check = check_one(&world, query, "A", 60, "");
    EXPECT_STATUS(check->status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_SLICE(check->location_id, S("M"));
    world_close(&world);
}

TEST(availability, safety_stock_is_kept_and_the_backorder_limit_counts_if_asked)
{
    struct world world;
    struct inventory_command set = world_set_command("A", "M", 9);
    struct inventory_query query = {.demand.allow_backorder = true};
    three_places(&world);
    set.stock_set.mask =
        1u << STOCK_BUCKET_SAFETY_STOCK | 1u << STOCK_BUCKET_BACKORDER_LIMIT;
    set.stock_set.buckets[STOCK_BUCKET_SAFETY_STOCK] = 2;
    set.stock_set.buckets[STOCK_BUCKET_BACKORDER_LIMIT] = 4;
    EXPECT_OK(world_apply(&world, set)->status);
    EXPECT_STATUS(check_one(&world, (struct inventory_query){0}, "A", 8, "M")->status,
                  STATUS_INSUFFICIENT_STOCK);
    EXPECT_OK(check_one(&world, (struct inventory_query){0}, "A", 7, "M")->status);
    EXPECT_OK(check_one(&world, query, "A", 11, "M")->status);
    EXPECT_STATUS(check_one(&world, query, "A", 12, "M")->status,
                  STATUS_INSUFFICIENT_STOCK);
    world_close(&world);
}

TEST(availability, says_what_is_not_known_and_what_is_not_sold)
{
    struct world world;
    struct inventory_command retire = world_sku_command("A");
    const struct inventory_check *check;
    three_places(&world);
    check = check_one(&world, (struct inventory_query){0}, "Z", 1, "");
    EXPECT_STATUS(check->status, STATUS_NOT_FOUND);
    EXPECT(!check->missing_location);
    check = check_one(&world, (struct inventory_query){0}, "A", 1, "X");
    EXPECT_STATUS(check->status, STATUS_NOT_FOUND);
    EXPECT(check->missing_location);
    retire.sku_upsert.sku.state = SKU_STATE_RETIRED;
    EXPECT_OK(world_apply(&world, retire)->status);
    check = check_one(&world, (struct inventory_query){0}, "A", 1, "");
    EXPECT_STATUS(check->status, STATUS_SKU_NOT_ACTIVE);
    world_close(&world);
}

TEST(availability, lines_of_one_sku_are_summed_before_the_check)
{
    struct world world;
    const struct slice ids[] = {S("A"), S("A"), S("A")};
    struct inventory_check_line lines[] = {
        {.quantity = 5}, {.quantity = 5}, {.quantity = 3, .location_id = S("N")}};
    struct inventory_query query = {.kind = INVENTORY_QUERY_CHECK,
                                    .sku_ids = ids,
                                    .sku_count = 3,
                                    .check_lines = lines};
    three_places(&world);
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_STATUS(world.answer.checks[0].status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_STATUS(world.answer.checks[1].status, STATUS_INSUFFICIENT_STOCK);
    EXPECT_EQ(world.answer.checks[1].requested, 10);
    EXPECT_OK(world.answer.checks[2].status);
    lines[1].quantity = INT64_MAX; /* the sum passes an int64 */
    EXPECT_OK(world_read(&world, query)->status);
    EXPECT_EQ(world.answer.checks[0].requested, INT64_MAX);
    world_close(&world);
}

/* What the check says is what CreateHold then does. */
TEST(availability, agrees_with_a_hold_of_the_same_lines)
{
    static const char *const places[] = {"", "N", "M", "S"};
    struct world world;
    struct rng rng;
    int granted = 0, refused = 0;
    rng_init(&rng, 11);
    three_places(&world);
    for (int i = 0; i < 600; i++) {
        struct slice ids[3];
        struct inventory_check_line lines[3];
        struct inventory_hold_line hold[3];
        uint32_t count = 1 + (uint32_t)rng_below(&rng, 3);
        bool all = true;
        EXPECT_OK(
            world_apply(&world, world_set_command("A", places[1 + rng_below(&rng, 3)],
                                                  (int64_t)rng_below(&rng, 60)))
                ->status);
        for (uint32_t j = 0; j < count; j++) {
            ids[j] = S("A");
            lines[j].quantity = 1 + (int64_t)rng_below(&rng, 20);
            lines[j].location_id = S(places[rng_below(&rng, 4)]);
            hold[j] = (struct inventory_hold_line){.sku_id = ids[j],
                                                   .location_id = lines[j].location_id,
                                                   .quantity = lines[j].quantity};
        }
        EXPECT_OK(
            world_read(&world, (struct inventory_query){.kind = INVENTORY_QUERY_CHECK,
                                                        .sku_ids = ids,
                                                        .sku_count = count,
                                                        .check_lines = lines})
                ->status);
        for (uint32_t j = 0; j < count; j++) {
            all = all && world.answer.checks[j].status == STATUS_OK;
        }
        world_apply(&world, world_hold_command(hold, count));
        EXPECT_STATUS(world.last.status, all ? STATUS_OK : STATUS_INSUFFICIENT_STOCK);
        granted += all;
        refused += !all;
        world.now_ms += WORLD_TTL_MS / 4;
        arena_reset(&world.arena);
    }
    EXPECT(granted > 100 && refused > 100);
    world_close(&world);
}
