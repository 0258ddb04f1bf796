/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/refusal.h"

#include "tests/lib/test.h"

static const struct inventory_hold_line refusal_lines[] = {
    {.sku_id = {(const uint8_t *)"MUG", 3}, .quantity = 1},
    {.sku_id = {(const uint8_t *)"NOPE", 4},
     .location_id = {(const uint8_t *)"L9", 2},
     .quantity = 1}};

static void refuse(const struct inventory_command *command, enum status status,
                   enum inventory_field field, uint32_t line, struct problem *out)
{
    const struct inventory_outcome outcome = {
        .status = status, .field = field, .line = line};
    struct refusal_names names;
    refusal_names_of_command(command, line, &names);
    refusal_of_outcome(&outcome, &names, out);
}

TEST(refusal, what_a_hold_line_lacks_is_named_by_line_and_id)
{
    const struct inventory_command command = {
        .kind = INVENTORY_HOLD_CREATE,
        .hold_create = {.lines = refusal_lines, .line_count = 2}};
    struct problem problem;
    refuse(&command, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID, 0, &problem);
    EXPECT_STRING(problem.field, "lines[0].sku_id");
    EXPECT_STRING(problem.message, "no SKU 'MUG'; create it with UpsertSku");
    refuse(&command, STATUS_NOT_FOUND, INVENTORY_FIELD_LOCATION_ID, 1, &problem);
    EXPECT_STRING(problem.field, "lines[1].location_id");
    EXPECT_STRING(problem.message, "no location 'L9'; create it with UpsertLocation");
    refuse(&command, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID, 7, &problem);
    EXPECT_STRING(problem.field, "lines[7].sku_id");
    refuse(&command, STATUS_REQUEST_ID_REUSED, INVENTORY_FIELD_REQUEST_ID, 0, &problem);
    EXPECT_STRING(problem.field, "request_id");
}

TEST(refusal, an_adjustment_has_no_lines)
{
    const struct inventory_command command = {
        .kind = INVENTORY_STOCK_ADJUST,
        .stock_adjust = {.sku_id = slice_from_string("NOPE"),
                         .location_id = slice_from_string("L1")}};
    struct inventory_outcome outcome = {.status = STATUS_INSUFFICIENT_STOCK,
                                        .field = INVENTORY_FIELD_QUANTITY,
                                        .shortages = {{0, 5, 3}},
                                        .shortage_count = 1};
    struct refusal_names names;
    struct problem problem;
    refusal_names_of_command(&command, 0, &names);
    refusal_of_outcome(&outcome, &names, &problem);
    EXPECT_STRING(problem.field, "adjustment.quantity");
    EXPECT_STRING(problem.message, "requested 5, available 3");
    refuse(&command, STATUS_NOT_FOUND, INVENTORY_FIELD_SKU_ID, 0, &problem);
    EXPECT_STRING(problem.field, "adjustment.sku_id");
    EXPECT_STRING(problem.message, "no SKU 'NOPE'; create it with UpsertSku");
}

TEST(refusal, a_row_of_stock_names_what_is_missing)
{
    const struct inventory_outcome outcome = {.status = STATUS_NOT_FOUND,
                                              .field = INVENTORY_FIELD_LOCATION_ID};
    Souk__V1__ImportRow row = SOUK__V1__IMPORT_ROW__INIT;
    Souk__V1__ImportStock stock = SOUK__V1__IMPORT_STOCK__INIT;
    char sku_id[] = "MUG", location_id[] = "L9";
    struct refusal_names names;
    struct problem problem;
    stock.sku_id = sku_id;
    stock.location_id = location_id;
    row.record_case = SOUK__V1__IMPORT_ROW__RECORD_STOCK;
    row.stock = &stock;
    refusal_names_of_row(&row, &names);
    refusal_of_outcome(&outcome, &names, &problem);
    EXPECT_STRING(problem.field, "stock.location_id");
    EXPECT_STRING(problem.message, "no location 'L9'; create it with UpsertLocation");
}

TEST(refusal, an_id_is_escaped_and_cut_to_128_bytes)
{
    struct problem problem;
    char id[200];
    EXPECT_STATUS(refusal_missing(&problem, "sku_id", "SKU",
                                  slice_from_string("a'\n\\\xff~"), NULL),
                  STATUS_NOT_FOUND);
    EXPECT_STRING(problem.message, "no SKU 'a\\x27\\x0a\\x5c\\xff~'");
    memset(id, 'a', sizeof id);
    refusal_missing(&problem, "sku_id", "SKU", slice_of(id, sizeof id), "UpsertSku");
    EXPECT_EQ(strlen(problem.message),
              strlen("no SKU ''; create it with UpsertSku") + 128);
    memset(id, 1, sizeof id);
    refusal_missing(&problem, "sku_id", "SKU", slice_of(id, sizeof id), "UpsertSku");
    EXPECT_EQ(strlen(problem.message),
              strlen("no SKU ''; create it with UpsertSku") + 128);
}
