/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/check.h"

#include "tests/lib/test.h"

static Google__Protobuf__Duration span(int64_t seconds, int32_t nanos)
{
    Google__Protobuf__Duration duration = GOOGLE__PROTOBUF__DURATION__INIT;
    duration.seconds = seconds;
    duration.nanos = nanos;
    return duration;
}

static Google__Protobuf__Timestamp point(int64_t seconds, int32_t nanos)
{
    Google__Protobuf__Timestamp time = GOOGLE__PROTOBUF__TIMESTAMP__INIT;
    time.seconds = seconds;
    time.nanos = nanos;
    return time;
}

TEST(check, an_id_is_1_to_128_plain_characters)
{
    const char *const bad[] = {"",    ".",    "..",   "a b",        "a/b",
                               "a\n", "\x7f", "a\tb", "caf\xc3\xa9"};
    struct problem problem;
    struct slice id;
    char text[130];
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(check_id("lines[3].sku_id", bad[i], &id, &problem), STATUS_INVALID);
        EXPECT_STRING(problem.field, "lines[3].sku_id");
    }
    memset(text, 'a', sizeof text);
    text[128] = '\0';
    EXPECT_OK(check_id("sku_id", text, &id, &problem));
    EXPECT_EQ(id.size, 128);
    text[128] = 'a';
    text[129] = '\0';
    EXPECT_STATUS(check_id("sku_id", text, &id, &problem), STATUS_INVALID);
    EXPECT_OK(check_id_or_empty("sku_id", "", &id, &problem));
    EXPECT_EQ(id.size, 0);
}

TEST(check, a_duration_lies_above_0_and_below_its_limit)
{
    const Google__Protobuf__Duration bad[] = {
        span(0, 0),         span(-1, 0),        span(0, -1),        span(61, 0),
        span(60, 1),        span(1, -1),        span(-1, 1),        span(0, 1000000000),
        span(INT64_MAX, 0), span(INT64_MIN, 0), span(1, INT32_MAX), span(1, INT32_MIN)};
    Google__Protobuf__Duration good = span(60, 0);
    struct problem problem;
    int64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(check_duration("ttl", &bad[i], 60000, &ms, &problem),
                      STATUS_INVALID);
        EXPECT_STRING(problem.field, "ttl");
    }
    EXPECT_OK(check_duration("ttl", &good, 60000, &ms, &problem));
    EXPECT_EQ(ms, 60000);
    good = span(0, 1);
    EXPECT_OK(check_duration("ttl", &good, 60000, &ms, &problem));
    EXPECT_EQ(ms, 1);
}

TEST(check, a_hold_lives_1_ms_or_longer)
{
    const Google__Protobuf__Duration bad[] = {span(0, 0), span(0, 1), span(0, 999999),
                                              span(0, -1), span(60, 1)};
    Google__Protobuf__Duration good = span(0, 1000000);
    struct problem problem;
    int64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(check_ttl("ttl", &bad[i], 60000, &ms, &problem), STATUS_INVALID);
        EXPECT_STRING(problem.field, "ttl");
    }
    EXPECT_OK(check_ttl("ttl", &good, 60000, &ms, &problem));
    EXPECT_EQ(ms, 1);
    good = span(1, 1);
    EXPECT_OK(check_ttl("ttl", &good, 60000, &ms, &problem));
    EXPECT_EQ(ms, 1001);
}

TEST(check, a_text_has_no_control_characters)
{
    const char *const bad[] = {"\x01", "a\nb", "a\tb", "a\r", "\x1f", "a\x7f"};
    struct problem problem;
    struct slice text;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(check_text("sku.name", bad[i], 128, &text, &problem),
                      STATUS_INVALID);
        EXPECT_STRING(problem.field, "sku.name");
    }
    EXPECT_OK(check_text("sku.name", "caf\xc3\xa9 ~ \xc2\x85", 128, &text, &problem));
    EXPECT_EQ(text.size, 10);
}

TEST(check, a_time_lies_in_the_years_1_to_9999)
{
    const Google__Protobuf__Timestamp bad[] = {point(INT64_MAX, 0), point(INT64_MIN, 0),
                                               point(253402300800, 0), point(0, -1),
                                               point(0, 1000000000)};
    Google__Protobuf__Timestamp good = point(1700000000, 999999999);
    struct problem problem;
    int64_t ms;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        EXPECT_STATUS(check_time("t", &bad[i], &ms, &problem), STATUS_INVALID);
    }
    EXPECT_OK(check_time("t", &good, &ms, &problem));
    EXPECT_EQ(ms, 1700000000999);
}

TEST(check, a_request_needs_an_id_and_a_time)
{
    const char *uuid7 = "018bcfe5-6800-7000-8000-000000000000"; /* 2023-11-14 */
    const char *uuid4 = "018bcfe5-6800-4000-8000-000000000000";
    Google__Protobuf__Timestamp time = point(1700000000, 0);
    int64_t now_ms = 1700000000000;
    struct check_identity identity;
    struct problem problem;
    EXPECT_STATUS(check_identity("", NULL, now_ms, &identity, &problem),
                  STATUS_REQUEST_ID_REQUIRED);
    EXPECT_STATUS(check_identity(uuid4, NULL, now_ms, &identity, &problem),
                  STATUS_REQUEST_ID_REQUIRED);
    EXPECT_STRING(problem.field, "request_time");
    EXPECT_STATUS(check_identity("two words", &time, now_ms, &identity, &problem),
                  STATUS_INVALID);
    EXPECT_OK(check_identity(uuid7, NULL, now_ms, &identity, &problem));
    EXPECT_EQ(identity.request_ms, 1700000000000);
    EXPECT_OK(check_identity(uuid4, &time, now_ms, &identity, &problem));
    EXPECT_EQ(identity.request_ms, 1700000000000);
}

TEST(check, a_request_may_be_two_days_ahead_and_no_more)
{
    struct check_identity identity;
    struct problem problem;
    Google__Protobuf__Timestamp time = point(1700000000 + 48 * 3600, 0);
    EXPECT_OK(check_identity("a", &time, 1700000000000, &identity, &problem));
    time.seconds++;
    EXPECT_STATUS(check_identity("a", &time, 1700000000000, &identity, &problem),
                  STATUS_INVALID);
    time.seconds = -5;
    EXPECT_STATUS(check_identity("a", &time, 1700000000000, &identity, &problem),
                  STATUS_INVALID);
}

static enum status try_money(const char *currency, int64_t units, int32_t nanos,
                             bool signed_money)
{
    Souk__V1__Money money = SOUK__V1__MONEY__INIT;
    char text[8];
    struct check_money out;
    struct problem problem;
    snprintf(text, sizeof text, "%s", currency);
    money.currency = text;
    money.units = units;
    money.nanos = nanos;
    return check_money("price", &money, signed_money, &out, &problem);
}

TEST(check, money_has_a_currency_and_one_sign)
{
    EXPECT_OK(try_money("EUR", 1, 990000000, false));
    EXPECT_OK(try_money("", 0, 0, false));
    EXPECT_OK(try_money("EUR", -1, -5, true));
    EXPECT_STATUS(try_money("EUR", -1, -5, false), STATUS_INVALID);
    EXPECT_STATUS(try_money("EUR", 1, -5, true), STATUS_INVALID);
    EXPECT_STATUS(try_money("EUR", -1, 5, true), STATUS_INVALID);
    EXPECT_STATUS(try_money("EUR", 0, 1000000000, true), STATUS_INVALID);
    EXPECT_STATUS(try_money("eur", 1, 0, false), STATUS_INVALID);
    EXPECT_STATUS(try_money("EU", 1, 0, false), STATUS_INVALID);
    EXPECT_STATUS(try_money("EURO", 1, 0, false), STATUS_INVALID);
    EXPECT_STATUS(try_money("", 1, 0, false), STATUS_INVALID);
}

TEST(check, page_sizes_are_1_to_1000_and_0_is_100)
{
    struct problem problem;
    uint32_t size;
    EXPECT_OK(check_page_size(0, &size, &problem));
    EXPECT_EQ(size, 100);
    EXPECT_OK(check_page_size(1000, &size, &problem));
    EXPECT_STATUS(check_page_size(1001, &size, &problem), STATUS_INVALID);
    EXPECT_STATUS(check_page_size(-1, &size, &problem), STATUS_INVALID);
}
