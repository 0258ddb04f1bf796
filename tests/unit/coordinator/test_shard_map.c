/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/shard_map.h"

#include "tests/lib/test.h"

static void fill_even(struct shard_map *map, enum shard_map_table table, unsigned count)
{
    struct shard_range ranges[SHARD_MAP_RANGES_MAX];
    struct problem problem;
    for (unsigned i = 0; i < count; i++) {
        /* Backwards: the map sorts. */
        ranges[count - 1 - i] =
            (struct shard_range){.shard_id = i + 1,
                                 .start = shard_map_even_start(table, i, count),
                                 .end = shard_map_even_start(table, i + 1, count)};
    }
    EXPECT_OK(shard_map_set(map, table, ranges, count, &problem));
}

TEST(shard_map, every_hash_has_the_owner_whose_range_holds_it)
{
    const unsigned counts[] = {1, 2, 3, 7, 64, 1000, 1024};
    for (unsigned c = 0; c < sizeof counts / sizeof counts[0]; c++) {
        struct shard_map map;
        shard_map_init(&map, 1, 0);
        fill_even(&map, SHARD_MAP_SKU, counts[c]);
        for (unsigned i = 0; i < counts[c]; i++) {
            const struct shard_range *range = shard_map_range(&map, SHARD_MAP_SKU, i);
            EXPECT_EQ(range->shard_id, i + 1);
            EXPECT_EQ(shard_map_find(&map, SHARD_MAP_SKU, range->start), i);
            EXPECT_EQ(shard_map_find(&map, SHARD_MAP_SKU, range->end - 1), i);
        }
        shard_map_close(&map);
    }
}

TEST(shard_map, the_shares_of_a_table_add_up_to_all)
{
    struct shard_map map;
    double sum = 0;
    shard_map_init(&map, 1, 0);
    fill_even(&map, SHARD_MAP_CUSTOMER, 9);
    for (unsigned i = 0; i < 9; i++) {
        sum += shard_range_share(shard_map_range(&map, SHARD_MAP_CUSTOMER, i));
    }
    EXPECT(sum > 0.999999 && sum < 1.000001);
    shard_map_close(&map);
}

TEST(shard_map, ranges_that_do_not_tile_are_refused)
{
    const uint64_t half = (uint64_t)1 << 63;
    const struct shard_range gap[] = {{1, 0, half, 1}, {2, half + 1, 0, 1}};
    const struct shard_range overlap[] = {{1, 0, half, 1}, {2, half - 1, 0, 1}};
    const struct shard_range no_end[] = {{1, 0, half, 1}, {2, half, UINT64_MAX, 1}};
    const struct shard_range no_start[] = {{1, 1, 0, 1}};
    const struct shard_range twice[] = {{1, 0, 0, 1}, {2, 0, 0, 1}};
    struct shard_map map;
    struct problem problem;
    shard_map_init(&map, 1, 0);
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_SKU, gap, 2, &problem), STATUS_INVALID);
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_SKU, overlap, 2, &problem),
                  STATUS_INVALID);
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_SKU, no_end, 2, &problem),
                  STATUS_INVALID);
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_SKU, no_start, 1, &problem),
                  STATUS_INVALID);
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_SKU, twice, 2, &problem), STATUS_INVALID);
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_SKU, gap, 0, &problem), STATUS_INVALID);
    shard_map_close(&map);
}

TEST(shard_map, customer_ranges_begin_at_virtual_buckets)
{
    const struct shard_range split[] = {{1, 0, 12345, 1}, {2, 12345, 0, 1}};
    struct shard_map map;
    struct problem problem;
    shard_map_init(&map, 1, 0);
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_CUSTOMER, split, 2, &problem),
                  STATUS_INVALID);
    EXPECT_OK(shard_map_set(&map, SHARD_MAP_SKU, split, 2, &problem));
    shard_map_close(&map);
}

TEST(shard_map, with_fewer_buckets_takes_fewer_ranges)
{
    const uint64_t half = (uint64_t)1 << 63, quarter = (uint64_t)1 << 62;
    const struct shard_range whole[] = {{1, 0, 0, 1}};
    const struct shard_range halves[] = {{1, 0, half, 1}, {2, half, 0, 1}};
    const struct shard_range odd[] = {{1, 0, quarter, 1}, {2, quarter, 0, 1}};
    struct shard_map map;
    struct problem problem;
    shard_map_init(&map, 1, 0);
    map.virtual_buckets = 2;
    EXPECT_OK(shard_map_set(&map, SHARD_MAP_CUSTOMER, halves, 2, &problem));
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_CUSTOMER, odd, 2, &problem),
                  STATUS_INVALID);
    map.virtual_buckets = 1;
    EXPECT_OK(shard_map_set(&map, SHARD_MAP_CUSTOMER, whole, 1, &problem));
    EXPECT_STATUS(shard_map_set(&map, SHARD_MAP_CUSTOMER, halves, 2, &problem),
                  STATUS_INVALID);
    shard_map_close(&map);
}
