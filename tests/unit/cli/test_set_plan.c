/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/set_plan.h"
#include "tests/lib/test.h"

static struct set_plan plan_of(uint64_t last_line)
{
    return (struct set_plan){.kind = SOUK_EVENT_VIEW,
                             .prefix = "sess-",
                             .end_ms = 1000000,
                             .step_ms = 5000,
                             .last_line = last_line};
}

static struct set_record record_of(enum set_format format, uint64_t line,
                                   const struct set_item *items, uint32_t count)
{
    return (struct set_record){.format = format,
                               .line = line,
                               .items = items,
                               .item_count = count,
                               .basket_count = 1};
}

static const struct set_item three[] = {{"a", 0}, {"b", 0}, {"c", 0}};

TEST(set_plan, what_stands_later_in_a_file_of_sessions_is_newer)
{
    struct set_plan plan = plan_of(2);
    struct set_record first = record_of(SET_SESSION_LINES, 1, three, 3);
    struct set_record last = record_of(SET_SESSION_LINES, 2, three, 3);
    EXPECT_EQ(set_plan_time_ms(&plan, &first, 2), 1000000 - 2 * 5000);
    EXPECT_EQ(set_plan_time_ms(&plan, &first, 0), 1000000 - 2 * 5000 - 2000);
    EXPECT_EQ(set_plan_time_ms(&plan, &last, 2), 1000000 - 5000);
}

TEST(set_plan, a_customers_items_lie_one_step_apart_and_end_before_the_end)
{
    struct set_plan plan = plan_of(9);
    struct set_record record = record_of(SET_HISTORIES, 4, three, 3);
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 0), 1000000 - 15000);
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 2), 1000000 - 5000);
}

TEST(set_plan, the_items_of_a_basket_have_one_time)
{
    static const struct set_item items[] = {{"a", 0}, {"b", 0}, {"c", 1}};
    struct set_plan plan = plan_of(9);
    struct set_record record = record_of(SET_BASKET_JSON, 4, items, 3);
    record.basket_count = 2;
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 0), 1000000 - 10000);
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 1), 1000000 - 10000);
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 2), 1000000 - 5000);
    record.format = SET_BASKET_LINES;
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 0), 1000000 - 30000);
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 2), 1000000 - 30000);
}

TEST(set_plan, a_time_of_the_file_is_kept)
{
    struct set_plan plan = plan_of(9);
    struct set_record record = record_of(SET_SESSION_CLICKS, 4, three, 1);
    record.time_ms = 77;
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 0), 77);
}

TEST(set_plan, no_time_lies_before_the_first_millisecond)
{
    struct set_plan plan = plan_of(UINT64_MAX / 2);
    struct set_record record = record_of(SET_SESSION_LINES, 1, three, 3);
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 0), 1);
    plan.step_ms = INT64_MAX;
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 2), 1);
    record.format = SET_SESSION_CLICKS;
    EXPECT_EQ(set_plan_time_ms(&plan, &record, 0), 1); /* 0 would mean "now" */
}

TEST(set_plan, the_last_items_of_a_history_can_be_held_out)
{
    struct set_plan plan = plan_of(9);
    struct set_record record = record_of(SET_HISTORIES, 4, three, 3);
    EXPECT(!set_plan_held_out(&plan, &record, 2));
    plan.hold_out = 2;
    EXPECT(!set_plan_held_out(&plan, &record, 0));
    EXPECT(set_plan_held_out(&plan, &record, 1));
    EXPECT(set_plan_held_out(&plan, &record, 2));
    record.format = SET_SESSION_LINES;
    EXPECT(!set_plan_held_out(&plan, &record, 2));
}

TEST(set_plan, baskets_are_held_out_whole)
{
    static const struct set_item items[] = {{"a", 0}, {"b", 1}, {"c", 1}};
    struct set_plan plan = plan_of(9);
    struct set_record record = record_of(SET_BASKET_JSON, 4, items, 3);
    record.basket_count = 2;
    plan.hold_out = 1;
    EXPECT(!set_plan_held_out(&plan, &record, 0));
    EXPECT(set_plan_held_out(&plan, &record, 1));
    EXPECT(set_plan_held_out(&plan, &record, 2));
}

TEST(set_plan, a_session_is_a_visitor_named_by_its_line_or_its_own_id)
{
    struct set_plan plan = plan_of(9);
    struct set_record record = record_of(SET_SESSION_LINES, 4, three, 3);
    struct set_actor actor;
    EXPECT(set_plan_actor(&plan, &record, &actor) == NULL);
    EXPECT(actor.visitor);
    EXPECT_STRING(actor.id, "sess-4");
    EXPECT_STRING(actor.session_id, "sess-4");
    record.format = SET_SESSION_CLICKS;
    record.owner = "10036";
    EXPECT(set_plan_actor(&plan, &record, &actor) == NULL);
    EXPECT_STRING(actor.id, "sess-10036");
}

TEST(set_plan, an_owner_that_makes_no_id_is_refused)
{
    static const char long_owner[] =
        "1234567890123456789012345678901234567890123456789012345678901234567890"
        "1234567890123456789012345678901234567890123456789012345678";
    struct set_plan plan = plan_of(9);
    struct set_record record = record_of(SET_HISTORIES, 4, three, 3);
    struct set_actor actor;
    record.owner = "a/b";
    EXPECT(set_plan_actor(&plan, &record, &actor) != NULL);
    record.owner = long_owner; /* 128: fits alone, but not behind the prefix */
    EXPECT(set_plan_actor(&plan, &record, &actor) == NULL);
    EXPECT(!actor.visitor);
    record.format = SET_SESSION_CLICKS;
    EXPECT(set_plan_actor(&plan, &record, &actor) != NULL);
    record.owner = "";
    EXPECT(set_plan_actor(&plan, &record, &actor) != NULL);
}

/* The SKU of one item, "id=name", or "!". */
static const char *sku_of(enum set_format format, const char *text)
{
    static char shown[SET_NAME_BYTES_MAX * 2];
    const struct set_item item = {text, 0};
    struct set_record record = record_of(format, 1, &item, 1);
    struct set_sku sku;
    if (set_plan_sku(&record, 0, &sku) != NULL) {
        return "!";
    }
    snprintf(shown, sizeof shown, "%s=%s", sku.sku_id, sku.name);
    return shown;
}

TEST(set_plan, an_item_is_the_sku_of_its_id)
{
    EXPECT_STRING(sku_of(SET_SESSION_LINES, "214716935"), "214716935=214716935");
    EXPECT_STRING(sku_of(SET_HISTORIES, "B00-x"), "B00-x=B00-x");
    EXPECT_STRING(sku_of(SET_HISTORIES, "-a"), "-a=-a");
}

TEST(set_plan, negative_numbers_and_bytes_that_no_id_may_hold_are_refused)
{
    EXPECT_STRING(sku_of(SET_SESSION_LINES, "-1"), "!");
    EXPECT_STRING(sku_of(SET_BASKET_JSON, "-20"), "!");
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "-20"), "!");
    EXPECT_STRING(sku_of(SET_SESSION_LINES, "a/b"), "!");
    EXPECT_STRING(sku_of(SET_SESSION_LINES, "."), "!");
    EXPECT_STRING(sku_of(SET_SESSION_CLICKS, ""), "!");
}

TEST(set_plan, a_name_becomes_an_id_that_people_can_read)
{
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "cream cheese "), "cream-cheese=cream cheese");
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "rolls/buns"), "rolls-buns=rolls/buns");
    EXPECT_STRING(sku_of(SET_BASKET_LINES, " (a)  &  b! "), "a-b=(a)  &  b!");
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "caf\xc3\xa9"), "caf=caf\xc3\xa9");
}

TEST(set_plan, a_name_of_nothing_that_an_id_may_hold_is_refused)
{
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "  "), "!");
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "///"), "!");
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "caf\xe9"), "!");
    EXPECT_STRING(sku_of(SET_BASKET_LINES, "a\x1b[31m"), "!");
}
