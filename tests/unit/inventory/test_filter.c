/* SPDX-License-Identifier: Apache-2.0 */
/* The filter language: what it says of one mug, and where it says that a text is wrong. */
#include "shard/inventory/filter.h"
#include "tests/lib/test.h"

#define TEXT(text_)                                                                      \
    {                                                                                    \
        (const uint8_t *)(text_), sizeof(text_) - 1                                      \
    }

static const struct inventory_sku *mug(void)
{
    static const struct inventory_attribute attributes[] = {
        {.name = TEXT("colour"),
         .kind = INVENTORY_ATTRIBUTE_TEXT,
         .text = TEXT("dark red")},
        {.name = TEXT("size"), .kind = INVENTORY_ATTRIBUTE_TEXT, .text = TEXT("42")},
        {.name = TEXT("in the box"),
         .kind = INVENTORY_ATTRIBUTE_TEXT,
         .text = TEXT("a \"mug\"\n")},
        {.name = TEXT("weight"), .kind = INVENTORY_ATTRIBUTE_NUMBER, .number = 350},
        {.name = TEXT("below"), .kind = INVENTORY_ATTRIBUTE_NUMBER, .number = -3},
        {.name = TEXT("organic"), .kind = INVENTORY_ATTRIBUTE_FLAG, .number = 1},
        {.name = TEXT("sale"), .kind = INVENTORY_ATTRIBUTE_FLAG, .number = 0},
        {.name = TEXT("größe"), .kind = INVENTORY_ATTRIBUTE_TEXT, .text = TEXT("groß")}};
    static const struct slice categories[] = {TEXT("Home"), TEXT("Kitchen"),
                                              TEXT("Mugs")};
    static const struct inventory_sku sku = {.sku_id = TEXT("MUG-RED"),
                                             .name = TEXT("Red mug"),
                                             .brand = TEXT("acme"),
                                             .categories = categories,
                                             .category_count = 3,
                                             .attributes = attributes,
                                             .attribute_count = 8,
                                             .price = {"EUR", 7, 900000000}};
    return &sku;
}

static bool says(const char *text, const struct inventory_sku *sku)
{
    const struct filter *filter;
    struct problem problem = {.status = STATUS_OK};
    struct arena arena;
    bool match;
    arena_init(&arena, NULL, 0, 0);
    if (filter_parse(slice_from_string(text), &arena, &filter, &problem) != STATUS_OK) {
        test_fail(__FILE__, __LINE__, "%s: %s", text, problem.message);
    }
    match = filter_match(filter, sku);
    arena_close(&arena);
    return match;
}

struct row {
    const char *filter;
    bool match;
};

static void expect_rows(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (says(rows[i].filter, mug()) != rows[i].match) {
            test_fail(__FILE__, __LINE__, "%s is not %d", rows[i].filter, rows[i].match);
        }
    }
}

#define EXPECT_ROWS(...)                                                                 \
    do {                                                                                 \
        static const struct row rows_[] = {__VA_ARGS__};                                 \
        expect_rows(rows_, sizeof rows_ / sizeof rows_[0]);                              \
    } while (0)

TEST(filter, compares_text_byte_by_byte)
{
    EXPECT_ROWS({"sku_id = \"MUG-RED\"", true}, {"sku_id = MUG-RED", true},
                {"sku_id = 'mug-red'", false}, {"name != \"Red mug\"", false},
                {"name < \"Se\"", true}, {"name >= \"Red mug\"", true},
                {"name > \"Red mug\"", false}, {"name <= Red", false}, {"name:mug", true},
                {"name:\"Mug\"", false}, {"brand = acme", true}, {"brand:*", true},
                {"attributes.colour:red", true}, {"attributes.colour = red", false},
                {"attributes.colour = 'dark red'", true},
                {"attributes.colour < \"e\"", true}, {"attributes.größe = groß", true});
}

TEST(filter, compares_numbers_and_prices_exactly)
{
    EXPECT_ROWS({"price = 7.9", true}, {"price = 7.900000000", true}, {"price:7.9", true},
                {"price < 7.900000001", true}, {"price <= 7.899999999", false},
                {"price > -1", true}, {"price >= 8", false}, {"price != 7", true},
                {"price.currency = EUR", true}, {"price.currency != \"EUR\"", false},
                {"attributes.weight = 350", true}, {"attributes.weight > 349.5", true},
                {"attributes.weight < 350.000000001", true},
                {"attributes.below < -2.5", true}, {"attributes.below >= -3", true},
                {"attributes.below > -2.999999999", false},
                {"attributes.weight:350", true},
                {"attributes.weight < 9223372036854775807", true});
}

TEST(filter, knows_flags)
{
    EXPECT_ROWS({"attributes.organic = true", true},
                {"attributes.organic = false", false}, {"attributes.organic:true", true},
                {"attributes.sale = false", true}, {"attributes.sale != false", false},
                {"attributes.sale < true", false}, {"attributes.sale:*", true});
}

TEST(filter, finds_no_comparison_true_of_what_is_missing_but_its_opposite)
{
    EXPECT_ROWS({"attributes.none = 1", false}, {"attributes.none != 1", false},
                {"attributes.none < 1", false}, {"attributes.none:*", false},
                {"attributes.none:x", false}, {"NOT attributes.none = 1", true},
                {"-attributes.none:*", true}, {"product_id = x", false},
                {"product_id != x", false}, {"product_id:*", false},
                {"NOT product_id:*", true});
}

TEST(filter, takes_values_of_different_kinds_for_unequal_and_without_order)
{
    EXPECT_ROWS(
        {"attributes.size = 42", true}, {"attributes.size = \"42\"", true},
        {"attributes.size < 43", false}, {"attributes.size < \"43\"", true},
        {"attributes.weight = \"350\"", false}, {"attributes.weight != red", true},
        {"attributes.weight > red", false}, {"attributes.organic = 1", false},
        {"attributes.organic = \"true\"", false},
        {"attributes.organic != \"true\"", true}, {"attributes.colour = true", false});
}

TEST(filter, knows_every_name_of_a_category_path)
{
    EXPECT_ROWS({"category = Kitchen", true}, {"category:Mugs", true},
                {"category = Kit", false}, {"category != Garden", true},
                {"category != Home", false}, {"category < Z", false},
                {"category:*", true});
}

TEST(filter, binds_or_before_and_and_not_closest)
{
    EXPECT_ROWS({"price = 1 AND price = 7.9 OR price = 7.9", false},
                {"(price = 1 AND price = 7.9) OR price = 7.9", true},
                {"price = 7.9 OR price = 1 AND brand = acme", true},
                {"NOT price = 1 AND brand = acme", true},
                {"NOT (price = 7.9 AND brand = acme)", false},
                {"NOT (price = 7.9 AND NOT brand = acme)", true},
                {"-(-price = 7.9)", true}, {"-price = 7.9 OR - brand = x", true},
                {"NOT (NOT (NOT brand = acme))", false},
                {"brand=acme AND(price<8)AND attributes.weight>=350", true});
}

TEST(filter, reads_quotes_and_escapes)
{
    EXPECT_ROWS({"attributes.\"in the box\" = \"a \\\"mug\\\"\\n\"", true},
                {"attributes.'in the box':'\"mug\"'", true},
                {"name = 'Red\\tmug'", false}, {"name = \"\\\\\"", false},
                {"name:''", true}, {"name=\"AND\"", false});
}

TEST(filter, that_is_blank_takes_every_sku)
{
    EXPECT_ROWS({"", true}, {" \t\n", true});
}

TEST(filter, takes_a_sku_without_anything)
{
    static const struct inventory_sku nothing = {.sku_id = TEXT("X")};
    EXPECT(!says("price < 5", &nothing));
    EXPECT(!says("price != 5", &nothing));
    EXPECT(!says("price:*", &nothing));
    EXPECT(!says("price.currency = EUR", &nothing));
    EXPECT(!says("category != a", &nothing));
    EXPECT(says("NOT price < 5", &nothing));
}

static void expect_refused(const char *text, const char *wanted)
{
    const struct filter *filter;
    struct problem problem;
    struct arena arena;
    arena_init(&arena, NULL, 0, 0);
    EXPECT_STATUS(filter_parse(slice_from_string(text), &arena, &filter, &problem),
                  STATUS_BAD_FILTER);
    EXPECT_STRING(problem.field, "filter");
    EXPECT_STRING(problem.message, wanted);
    arena_close(&arena);
}

TEST(filter, that_is_wrong_is_refused_with_the_column_and_what_was_expected)
{
    expect_refused("price", "filter, column 6: expected one of = != < <= > >= :");
    expect_refused("price ~ 3", "filter, column 7: expected one of = != < <= > >= :");
    expect_refused("price <", "filter, column 8: expected a value: \"text\", a number, "
                              "true or false");
    expect_refused("name = AND",
                   "filter, column 8: expected a value: \"text\", a number, "
                   "true or false");
    expect_refused("price = \"7\"", "filter, column 9: expected a number with up to 9 "
                                    "decimals, such as 19.90");
    expect_refused("price = 1.0000000001",
                   "filter, column 9: expected a number with up to "
                   "9 decimals, such as 19.90");
    expect_refused("price = 9223372036854775808",
                   "filter, column 9: expected a number with up to 9 decimals, such as "
                   "19.90");
    expect_refused("größe = 1", "filter, column 1: expected one of sku_id, product_id, "
                                "name, brand, category, price, price.currency and "
                                "attributes.NAME");
    expect_refused("name = ö weight = 1",
                   "filter, column 10: expected AND, OR or the end");
    expect_refused("(name = a", "filter, column 10: expected AND, OR or )");
    expect_refused("name = a)", "filter, column 9: expected AND, OR or the end");
    expect_refused("name = \"a", "filter, column 10: expected a closing \"");
    expect_refused("name = 'a\\",
                   "filter, column 11: expected one of \\ \" ' n t after a "
                   "backslash");
    expect_refused("name = 'a\\x'",
                   "filter, column 11: expected one of \\ \" ' n t after a "
                   "backslash");
    expect_refused("attributes. = 3", "filter, column 13: expected the attribute's name "
                                      "after \"attributes.\"");
    expect_refused("NOT", "filter, column 4: expected a field such as price or "
                          "attributes.colour, NOT or (");
    expect_refused("name = a AND", "filter, column 13: expected a field such as price or "
                                   "attributes.colour, NOT or (");
    expect_refused("name = *", "filter, column 8: expected a value: \"text\", a number, "
                               "true or false");
}

TEST(filter, has_limits_on_its_size_and_depth)
{
    char text[FILTER_BYTES_MAX + 2];
    memset(text, ' ', sizeof text);
    memcpy(text, "price > 1", 9);
    text[FILTER_BYTES_MAX] = '\0';
    EXPECT(says(text, mug()));
    text[FILTER_BYTES_MAX] = ' ';
    text[FILTER_BYTES_MAX + 1] = '\0';
    expect_refused(text, "filter: at most 2048 bytes, this one has 2049");
    EXPECT(says("((((((((((((((((price > 1))))))))))))))))", mug()));
    expect_refused("(((((((((((((((((price > 1)))))))))))))))))",
                   "filter, column 17: expected at most 16 parentheses in each other");
}

TEST(filter, needs_memory_and_says_so)
{
    static const char text[] = "price > 1 AND price < 9 AND price != 5";
    const struct filter *filter;
    struct problem problem;
    struct arena arena;
    arena_init(&arena, NULL, 0, 300);
    EXPECT_STATUS(filter_parse(slice_from_string(text), &arena, &filter, &problem),
                  STATUS_TOO_LARGE);
    arena_close(&arena);
}
