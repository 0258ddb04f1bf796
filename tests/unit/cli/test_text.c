/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/text.h"
#include "tests/lib/test.h"

TEST(text, reads_whole_numbers_with_a_sign)
{
    int64_t number = 0;
    EXPECT(text_number("+5", &number) && number == 5);
    EXPECT(text_number("-2", &number) && number == -2);
    EXPECT(text_number("9223372036854775807", &number) && number == INT64_MAX);
    EXPECT(!text_number("9223372036854775808", &number));
    EXPECT(!text_number("", &number));
    EXPECT(!text_number("+", &number));
    EXPECT(!text_number(" 5", &number));
    EXPECT(!text_number("5x", &number));
    EXPECT(!text_number("0x10", &number));
    EXPECT(!text_number("5.0", &number));
}

TEST(text, reads_durations)
{
    int64_t ms = 0;
    EXPECT(text_duration_ms("15m", &ms) && ms == 900000);
    EXPECT(text_duration_ms("1h30m", &ms) && ms == 5400000);
    EXPECT(text_duration_ms("90s", &ms) && ms == 90000);
    EXPECT(text_duration_ms("90", &ms) && ms == 90000);
    EXPECT(text_duration_ms("500ms", &ms) && ms == 500);
    EXPECT(text_duration_ms("2d", &ms) && ms == 172800000);
}

TEST(text, refuses_durations_that_are_none)
{
    int64_t ms = 0;
    EXPECT(!text_duration_ms("", &ms));
    EXPECT(!text_duration_ms("0s", &ms));
    EXPECT(!text_duration_ms("-5m", &ms));
    EXPECT(!text_duration_ms("5 m", &ms));
    EXPECT(!text_duration_ms("5x", &ms));
    EXPECT(!text_duration_ms("m", &ms));
    EXPECT(!text_duration_ms("9223372036854775807d", &ms));
    EXPECT(!text_duration_ms("999999999999999999d", &ms));
}

TEST(text, reads_and_writes_money_exactly)
{
    struct souk_money money = {.currency = "EUR"};
    char out[TEXT_MONEY_BYTES];
    EXPECT(text_money("2.55", &money));
    EXPECT_EQ(money.units, 2);
    EXPECT_EQ(money.nanos, 550000000);
    text_money_format(&money, out);
    EXPECT_STRING(out, "2.55");
    EXPECT(text_money("-0.5", &money));
    EXPECT_EQ(money.units, 0);
    EXPECT_EQ(money.nanos, -500000000);
    text_money_format(&money, out);
    EXPECT_STRING(out, "-0.50");
    EXPECT(text_money("0.001", &money));
    text_money_format(&money, out);
    EXPECT_STRING(out, "0.001");
    EXPECT(!text_money("", &money));
    EXPECT(!text_money(".5", &money));
    EXPECT(!text_money("1.", &money));
    EXPECT(!text_money("1,50", &money));
    EXPECT(!text_money("1.0000000001", &money));
    EXPECT(!text_money("1e3", &money));
}

TEST(text, reads_times_as_utc)
{
    int64_t time_ms = 0;
    EXPECT(text_time_ms("2010-12-01 08:26:00", &time_ms));
    EXPECT_EQ(time_ms, INT64_C(1291191960000));
    EXPECT(text_time_ms("2010-12-01T08:26:00Z", &time_ms));
    EXPECT_EQ(time_ms, INT64_C(1291191960000));
    EXPECT(text_time_ms("2010-12-01T08:26:00.250Z", &time_ms));
    EXPECT_EQ(time_ms, INT64_C(1291191960250));
    EXPECT(text_time_ms("1970-01-01", &time_ms));
    EXPECT_EQ(time_ms, 0);
    EXPECT(text_time_ms("2024-02-29", &time_ms));
}

TEST(text, refuses_days_and_hours_that_do_not_exist)
{
    int64_t time_ms = 0;
    EXPECT(!text_time_ms("2023-02-29", &time_ms));
    EXPECT(!text_time_ms("2023-13-01", &time_ms));
    EXPECT(!text_time_ms("2023-00-01", &time_ms));
    EXPECT(!text_time_ms("2023-01-01 24:00:00", &time_ms));
    EXPECT(!text_time_ms("2023-01-01 10:60", &time_ms));
    EXPECT(!text_time_ms("01/12/2010 08:26", &time_ms));
    EXPECT(!text_time_ms("2023-01-01Zzz", &time_ms));
    EXPECT(!text_time_ms("2023-1-1", &time_ms));
}

TEST(text, writes_a_time_that_it_reads_back)
{
    for (int64_t time_ms = 1; time_ms < INT64_C(4102444800000);
         time_ms += INT64_C(86399999 * 37)) {
        char out[TEXT_TIME_BYTES];
        int64_t back = 0;
        text_time_format(time_ms, out);
        EXPECT(text_time_ms(out, &back));
        EXPECT_EQ(back, time_ms);
    }
}

TEST(text, takes_hold_lines_apart)
{
    struct text_line line;
    char plain[] = "MUG-RED", full[] = "MUG-RED:2@berlin", colon[] = "a:b:1",
         place[] = "MUG@hh", word[] = "urn:x";
    EXPECT(text_line_parse(plain, &line));
    EXPECT_STRING(line.sku_id, "MUG-RED");
    EXPECT_EQ(line.quantity, 1);
    EXPECT(line.location_id == NULL);
    EXPECT(text_line_parse(full, &line));
    EXPECT_STRING(line.sku_id, "MUG-RED");
    EXPECT_EQ(line.quantity, 2);
    EXPECT_STRING(line.location_id, "berlin");
    EXPECT(text_line_parse(colon, &line));
    EXPECT_STRING(line.sku_id, "a:b");
    EXPECT(text_line_parse(place, &line));
    EXPECT_STRING(line.location_id, "hh");
    EXPECT(text_line_parse(word, &line));
    EXPECT_STRING(line.sku_id, "urn:x");
}

TEST(text, refuses_hold_lines_without_an_id)
{
    struct text_line line;
    char none[] = ":2", nowhere[] = "A:2@", blank[] = "A B",
         huge[] = "A:99999999999999999999";
    EXPECT(!text_line_parse(none, &line));
    EXPECT(!text_line_parse(nowhere, &line));
    EXPECT(!text_line_parse(blank, &line));
    EXPECT(!text_line_parse(huge, &line));
}

TEST(text, reads_degrees_as_whole_numbers_of_their_ten_millionth)
{
    static const char *const wrong[] = {
        "",    "north", "90.0000001", "-90.0000001", "91", "52.52000001",
        "1e1", "52,5",  "52.5N"};
    int32_t e7 = 7;
    EXPECT(text_degrees("52.5200066", 90, &e7));
    EXPECT_EQ(e7, 525200066);
    EXPECT(text_degrees("-33.9", 90, &e7));
    EXPECT_EQ(e7, -339000000);
    EXPECT(text_degrees("-0.0000001", 90, &e7));
    EXPECT_EQ(e7, -1);
    EXPECT(text_degrees("90", 90, &e7) && text_degrees("-180.0000000", 180, &e7));
    EXPECT_EQ(e7, -1800000000);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
        EXPECT(!text_degrees(wrong[i], 90, &e7));
    }
    EXPECT_EQ(e7, -1800000000);
}

TEST(text, splits_at_commas)
{
    const char *items[3];
    size_t count = 0;
    char three[] = "a,b,c", hole[] = "a,,c", four[] = "a,b,c,d";
    EXPECT(text_split(three, items, 3, &count));
    EXPECT_EQ(count, 3);
    EXPECT_STRING(items[2], "c");
    EXPECT(!text_split(hole, items, 3, &count));
    EXPECT(!text_split(four, items, 3, &count));
}

TEST(text, knows_clean_utf8)
{
    EXPECT(text_clean(slice_from_string("Stra\xc3\x9f"
                                        "e \xe2\x82\xac \xf0\x9f\x9b\x92")));
    EXPECT(!text_clean(slice_from_string("\xc0\xaf")));
    EXPECT(!text_clean(slice_from_string("\xed\xa0\x80")));
    EXPECT(!text_clean(slice_from_string("\xf4\x90\x80\x80")));
    EXPECT(!text_clean(slice_from_string("\xe2\x82")));
    EXPECT(!text_clean(slice_from_string("a\tb")));
    EXPECT(!text_clean(slice_of("a\0b", 3)));
    EXPECT(text_clean(slice_of(NULL, 0)));
}

TEST(text, shows_bytes_that_do_not_print_and_cuts_what_is_long)
{
    char shown[TEXT_SHOWN_BYTES];
    char longer[200];
    text_show("sku_id", shown);
    EXPECT_STRING(shown, "sku_id");
    text_show("a\x1b[31m\xff", shown);
    EXPECT_STRING(shown, "a\\x1b[31m\\xff");
    memset(longer, '\n', sizeof longer - 1);
    longer[sizeof longer - 1] = '\0';
    text_show(longer, shown);
    EXPECT(strlen(shown) < TEXT_SHOWN_BYTES);
    EXPECT_STRING(shown + strlen(shown) - 3, "...");
}

TEST(text, a_servers_advice_names_this_programs_command)
{
    char out[TEXT_ADVICE_BYTES];
    text_advice("no location 'mars'; create it with UpsertLocation", out);
    EXPECT_STRING(out, "no location 'mars'; create it with souk location put");
    text_advice("nothing to say about UpsertSku", out);
    EXPECT_STRING(out, "nothing to say about UpsertSku");
}
