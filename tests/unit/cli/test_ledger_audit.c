/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/ledger_audit.h"

#include "tests/lib/test.h"

struct drifts {
    int count;
    struct ledger_drift last;
};

static void note(void *context, const struct ledger_drift *drift)
{
    struct drifts *drifts = context;
    drifts->count++;
    drifts->last = *drift;
}

static void page(struct ledger_audit *audit, uint64_t shard_id, uint64_t index)
{
    const struct souk_stamp stamp = {.shard_id = shard_id, .log_index = index};
    ledger_audit_page(audit, &stamp, 1);
}

static void level(struct ledger_audit *audit, const char *sku, int64_t on_hand)
{
    ledger_audit_level(audit, &(struct souk_stock_level){.sku_id = sku,
                                                         .location_id = "L1",
                                                         .on_hand = on_hand});
}

static void movement(struct ledger_audit *audit, const char *sku, uint64_t index,
                     int64_t before, int64_t after)
{
    ledger_audit_movement(audit, &(struct souk_movement){.sku_id = sku,
                                                         .location_id = "L1",
                                                         .to_location_id = "",
                                                         .shard_id = 7,
                                                         .log_index = index,
                                                         .before.on_hand = before,
                                                         .after.on_hand = after});
}

static struct ledger_audit_totals finish(struct ledger_audit *audit,
                                         struct drifts *drifts)
{
    struct ledger_audit_totals totals;
    *drifts = (struct drifts){.count = 0};
    ledger_audit_finish(audit, note, drifts, &totals);
    return totals;
}

TEST(ledger_audit, levels_that_are_the_sum_of_their_movements_do_not_drift)
{
    struct ledger_audit *audit = ledger_audit_new();
    struct drifts drifts;
    struct ledger_audit_totals totals;
    page(audit, 7, 30);
    level(audit, "A", 5);
    movement(audit, "A", 10, 0, 9);
    movement(audit, "A", 11, 9, 5);
    totals = finish(audit, &drifts);
    EXPECT_EQ(drifts.count, 0);
    EXPECT_EQ(totals.levels, 1);
    EXPECT_EQ(totals.movements, 2);
    EXPECT_EQ(totals.broken, 0);
    ledger_audit_free(audit);
}

TEST(ledger_audit, names_the_bucket_that_drifted_and_both_values)
{
    struct ledger_audit *audit = ledger_audit_new();
    struct drifts drifts;
    page(audit, 7, 30);
    level(audit, "A", 6);
    movement(audit, "A", 10, 0, 9);
    movement(audit, "A", 11, 9, 5);
    finish(audit, &drifts);
    EXPECT_EQ(drifts.count, 1);
    EXPECT_STRING(drifts.last.bucket, "on_hand");
    EXPECT_EQ(drifts.last.level, 6);
    EXPECT_EQ(drifts.last.ledger, 5);
    ledger_audit_free(audit);
}

TEST(ledger_audit, what_moves_after_a_level_was_read_does_not_count)
{
    struct ledger_audit *audit = ledger_audit_new();
    struct drifts drifts;
    page(audit, 7, 10);
    level(audit, "A", 9);
    page(audit, 7, 20);
    level(audit, "B", 3);
    movement(audit, "A", 10, 0, 9);
    movement(audit, "A", 11, 9, 5);
    movement(audit, "B", 20, 0, 3);
    movement(audit, "B", 21, 3, 0);
    finish(audit, &drifts);
    EXPECT_EQ(drifts.count, 0);
    ledger_audit_free(audit);
}

TEST(ledger_audit, a_level_that_the_ledger_has_and_nobody_lists_drifts_unless_it_is_new)
{
    struct ledger_audit *audit = ledger_audit_new();
    struct drifts drifts;
    page(audit, 7, 10);
    page(audit, 7, 20);
    movement(audit, "LOST", 9, 0, 4);
    movement(audit, "GONE", 9, 0, 4);
    movement(audit, "GONE", 10, 4, 0);
    movement(audit, "NEW", 15, 0, 4);
    finish(audit, &drifts);
    EXPECT_EQ(drifts.count, 1);
    EXPECT_STRING(drifts.last.sku_id, "LOST");
    EXPECT_EQ(drifts.last.level, 0);
    EXPECT_EQ(drifts.last.ledger, 4);
    ledger_audit_free(audit);
}

TEST(ledger_audit, a_movement_that_does_not_follow_the_last_one_is_told)
{
    struct ledger_audit *audit = ledger_audit_new();
    struct drifts drifts;
    struct ledger_audit_totals totals;
    page(audit, 7, 30);
    level(audit, "A", 5);
    movement(audit, "A", 10, 0, 9);
    movement(audit, "A", 11, 8, 4);
    totals = finish(audit, &drifts);
    EXPECT_EQ(totals.broken, 1);
    EXPECT_EQ(drifts.count, 0); /* 9, and 4 off it */
    ledger_audit_free(audit);
}

TEST(ledger_audit, a_move_counts_where_units_left_and_where_they_came_to)
{
    struct ledger_audit *audit = ledger_audit_new();
    struct drifts drifts;
    page(audit, 7, 30);
    level(audit, "A", 5);
    ledger_audit_level(
        audit, &(struct souk_stock_level){
                   .sku_id = "A", .location_id = "L2", .on_hand = 4, .damaged = 4});
    movement(audit, "A", 10, 0, 9);
    ledger_audit_movement(
        audit, &(struct souk_movement){.sku_id = "A",
                                       .location_id = "L1",
                                       .to_location_id = "L2",
                                       .shard_id = 7,
                                       .log_index = 11,
                                       .before.on_hand = 9,
                                       .after.on_hand = 5,
                                       .to_after = {.on_hand = 4, .damaged = 4}});
    finish(audit, &drifts);
    EXPECT_EQ(drifts.count, 0);
    ledger_audit_free(audit);
}
