/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/stream_rows.h"
#include "tests/lib/test.h"

static const char *const header[] = {"time",     "sku_id", "delta",  "location_id",
                                     "quantity", "bucket", "reason", "reference"};

static struct csv_row row_of(const char *const *fields, size_t count)
{
    return (struct csv_row){.line = 2, .fields = fields, .count = count};
}

static void open_rows(struct stream_rows *rows)
{
    struct csv_row row = row_of(header, sizeof header / sizeof header[0]);
    struct problem problem;
    *rows = (struct stream_rows){.header_seen = false};
    EXPECT_OK(stream_rows_header(rows, &row, &problem));
}

TEST(stream_rows, columns_come_in_any_order_and_the_short_row_is_whole)
{
    static const char *const full[] = {"2026-01-02", "A",       "-3",     "L1",
                                       "",           "damaged", "damage", "note 1"};
    static const char *const brief[] = {"", "A", "+5", "L1"};
    struct stream_rows rows;
    struct souk_stock_update update;
    struct csv_row row = row_of(full, 8);
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    open_rows(&rows);
    EXPECT(stream_rows_update(&rows, &row, &arena, &update));
    EXPECT_STRING(update.sku_id, "A");
    EXPECT_STRING(update.location_id, "L1");
    EXPECT_EQ(update.quantity, -3);
    EXPECT_EQ(update.absolute, false);
    EXPECT_EQ(update.bucket, SOUK_BUCKET_DAMAGED);
    EXPECT_EQ(update.reason, SOUK_REASON_DAMAGE);
    EXPECT_STRING(update.reference, "note 1");
    EXPECT_EQ(update.occurred_time_ms, 1767312000000);
    row = row_of(brief, 4);
    EXPECT(stream_rows_update(&rows, &row, &arena, &update));
    EXPECT_EQ(update.quantity, 5);
    EXPECT(update.reference == NULL);
    arena_close(&arena);
}

TEST(stream_rows, a_row_sets_or_changes_and_never_both)
{
    static const char *const set[] = {"", "A", "", "L1", "0"};
    static const char *const both[] = {"", "A", "1", "L1", "2"};
    static const char *const neither[] = {"", "A", "", "L1", ""};
    struct stream_rows rows;
    struct souk_stock_update update;
    struct csv_row row = row_of(set, 5);
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    open_rows(&rows);
    EXPECT(stream_rows_update(&rows, &row, &arena, &update));
    EXPECT_EQ(update.absolute, true);
    EXPECT_EQ(update.quantity, 0);
    row = row_of(both, 5);
    EXPECT(!stream_rows_update(&rows, &row, &arena, &update));
    EXPECT_STRING(rows.message, "delta: a row has a delta or a quantity, not both");
    row = row_of(neither, 5);
    EXPECT(!stream_rows_update(&rows, &row, &arena, &update));
    EXPECT(update.sku_id == NULL && update.quantity == 0); /* what every server refuses */
    arena_close(&arena);
}

TEST(stream_rows, says_what_is_wrong_with_a_row)
{
    static const struct {
        const char *fields[8];
        const char *message;
    } wrong[] = {
        {{"", "", "1", "L1"}, "sku_id: is missing"},
        {{"", "A", "1", "no id!"},
         "location_id: an id is 1-128 of A-Z a-z 0-9 . _ ~ : -"},
        {{"", "A", "0", "L1"}, "delta: a whole number other than 0, +5 or -2"},
        {{"", "A", "1.5", "L1"}, "delta: a whole number other than 0, +5 or -2"},
        {{"", "A", "", "L1", "-1"}, "quantity: a whole number from 0"},
        {{"", "A", "1", "L1", "", "shelf"},
         "bucket: on_hand, damaged, quality_control or incoming"},
        {{"soon", "A", "1", "L1"}, "time: a time in UTC like 2026-05-01T08:26:00Z"},
    };
    struct stream_rows rows;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    open_rows(&rows);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        struct souk_stock_update update;
        struct csv_row row = row_of(wrong[i].fields, 0);
        while (row.count < 8 && wrong[i].fields[row.count] != NULL) {
            row.count++;
        }
        EXPECT(!stream_rows_update(&rows, &row, &arena, &update));
        EXPECT_STRING(rows.message, wrong[i].message);
    }
    arena_close(&arena);
}

TEST(stream_rows, a_first_line_that_names_other_columns_is_refused)
{
    static const char *const unknown[] = {"sku_id", "location_id", "delta", "colour"};
    static const char *const twice[] = {"sku_id", "location_id", "delta", "delta"};
    static const char *const few[] = {"sku_id", "delta"};
    struct stream_rows rows = {.header_seen = false};
    struct problem problem;
    struct csv_row row = row_of(unknown, 4);
    EXPECT_STATUS(stream_rows_header(&rows, &row, &problem), STATUS_INVALID);
    EXPECT(strstr(problem.message, "'colour'") != NULL);
    row = row_of(twice, 4);
    EXPECT_STATUS(stream_rows_header(&rows, &row, &problem), STATUS_INVALID);
    row = row_of(few, 2);
    EXPECT_STATUS(stream_rows_header(&rows, &row, &problem), STATUS_INVALID);
    EXPECT(strstr(problem.message, "location_id") != NULL);
}
