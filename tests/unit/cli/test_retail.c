/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/import_retail.h"
#include "tests/lib/test.h"

static const char *const header_fields[] = {"InvoiceNo",  "StockCode",   "Description",
                                            "Quantity",   "InvoiceDate", "UnitPrice",
                                            "CustomerID", "Country"};

static struct retail_columns columns(void)
{
    struct csv_row header = {1, header_fields, 8};
    struct retail_columns out;
    EXPECT(retail_columns_find(&header, &out));
    return out;
}

static enum retail_outcome read_line(const char *invoice, const char *code,
                                     const char *quantity, const char *price,
                                     const char *customer, struct retail_line *out)
{
    struct retail_columns places = columns();
    const char *fields[] = {invoice, code,     "MUG",   quantity, "2010-12-01 08:26:00",
                            price,   customer, "France"};
    struct csv_row row = {2, fields, 8};
    return retail_line_read(&places, &row, out);
}

TEST(retail, a_sale_is_a_sale)
{
    struct retail_line line;
    EXPECT_EQ(read_line("536365", "85123a", "6", "2.55", "17850.0", &line), RETAIL_SALE);
    EXPECT_STRING(line.sku_id, "85123A");
    EXPECT_STRING(line.customer_id, "17850");
    EXPECT_STRING(line.invoice, "536365");
    EXPECT_EQ(line.quantity, 6);
    EXPECT_EQ(line.price.nanos, 550000000);
    EXPECT_STRING(line.price.currency, "GBP");
}

TEST(retail, a_sale_without_a_customer_is_a_visitors)
{
    struct retail_line line;
    EXPECT_EQ(read_line("536365", "85123A", "6", "2.55", "", &line), RETAIL_SALE);
    EXPECT_STRING(line.customer_id, "");
}

TEST(retail, a_cancellation_is_a_return)
{
    struct retail_line line;
    EXPECT_EQ(read_line("C536379", "22556", "-12", "1.65", "17548.0", &line),
              RETAIL_RETURN);
    EXPECT_EQ(line.quantity, 12);
}

TEST(retail, postage_fees_and_samples_are_no_goods)
{
    static const char *const codes[] = {"POST",      "DOT",  "M",  "m",
                                        "D",         "S",    "C2", "BANK CHARGES",
                                        "AMAZONFEE", "CRUK", "B"};
    struct retail_line line;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        EXPECT_EQ(read_line("536365", codes[i], "1", "18.00", "17850.0", &line),
                  RETAIL_SKIP);
    }
}

TEST(retail, vouchers_and_branded_goods_are_goods)
{
    static const char *const codes[] = {"gift_0001_20", "DCGS0003", "DCGSSGIRL", "PADS",
                                        "15056BL"};
    struct retail_line line;
    for (size_t i = 0; i < sizeof codes / sizeof codes[0]; i++) {
        EXPECT_EQ(read_line("536365", codes[i], "1", "8.50", "", &line), RETAIL_SALE);
    }
}

TEST(retail, corrections_are_passed_over)
{
    struct retail_line line;
    EXPECT_EQ(read_line("536589", "21777", "-10", "0.0", "", &line), RETAIL_SKIP);
    EXPECT_EQ(read_line("536414", "22139", "56", "0.0", "", &line), RETAIL_SKIP);
    EXPECT_EQ(read_line("A563186", "B", "1", "-11062.06", "", &line), RETAIL_SKIP);
    EXPECT_EQ(read_line("C536379", "22556", "-12", "1.65", "", &line), RETAIL_SKIP);
}

TEST(retail, a_gift_to_a_customer_counts)
{
    struct retail_line line;
    EXPECT_EQ(read_line("537197", "22841", "1", "0.0", "12647.0", &line), RETAIL_SALE);
}

TEST(retail, what_cannot_be_read_is_bad)
{
    struct retail_line line;
    EXPECT_EQ(read_line("536365", "", "6", "2.55", "17850.0", &line), RETAIL_BAD);
    EXPECT_EQ(read_line("", "85123A", "6", "2.55", "17850.0", &line), RETAIL_BAD);
    EXPECT_EQ(read_line("536365", "85123A", "0", "2.55", "17850.0", &line), RETAIL_BAD);
    EXPECT_EQ(read_line("536365", "85123A", "six", "2.55", "17850.0", &line), RETAIL_BAD);
    EXPECT_EQ(read_line("536365", "85123A", "6", "cheap", "17850.0", &line), RETAIL_BAD);
    EXPECT_EQ(read_line("536365", "85123A", "6", "2.55", "17 850", &line), RETAIL_BAD);
    EXPECT_EQ(read_line("536365", "12345-CODE-OF-MORE-THAN-31-CHARACTERS", "6", "2.55",
                        "17850.0", &line),
              RETAIL_BAD);
}

TEST(retail, a_short_row_is_bad_not_a_crash)
{
    struct retail_columns places = columns();
    const char *fields[] = {"536365", "85123A"};
    struct csv_row row = {2, fields, 2};
    struct retail_line line;
    EXPECT_EQ(retail_line_read(&places, &row, &line), RETAIL_BAD);
}

TEST(retail, a_file_without_its_columns_is_not_this_file)
{
    struct csv_row header = {1, header_fields, 7};
    struct retail_columns out;
    EXPECT(!retail_columns_find(&header, &out));
}
