/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/json_members.h"
#include "client/cli/line_reader.h"
#include "client/cli/set_reader.h"
#include "shard/base/buffer.h"
#include "tests/lib/test.h"

/* Everything that was told, as text: "1:owner[a b|c]@5 " or "!3:reason " or "_4 ". */
struct told {
    struct buffer text;
    uint64_t stop_at; /* this line ends the reading; 0 none */
};

static void tell(struct told *told, const char *text)
{
    buffer_append(&told->text, text, strlen(text));
}

static bool tell_record(void *context, const struct set_record *record)
{
    struct told *told = context;
    char text[64];
    snprintf(text, sizeof text, "%" PRIu64 ":", record->line);
    tell(told, text);
    tell(told, record->owner ? record->owner : "");
    tell(told, "[");
    for (uint32_t i = 0; i < record->item_count; i++) {
        bool next = i > 0 && record->items[i].basket != record->items[i - 1].basket;
        tell(told, i == 0 ? "" : next ? "|" : " ");
        tell(told, record->items[i].text);
    }
    tell(told, "]");
    if (record->time_ms != 0) {
        snprintf(text, sizeof text, "@%" PRId64, record->time_ms);
        tell(told, text);
    }
    tell(told, " ");
    return record->line != told->stop_at;
}

static bool tell_bad(void *context, uint64_t line, const char *reason)
{
    char text[160];
    snprintf(text, sizeof text, "!%" PRIu64 ":%s ", line, reason);
    tell(context, text);
    return true;
}

static bool tell_blank(void *context, uint64_t line)
{
    char text[32];
    snprintf(text, sizeof text, "_%" PRIu64 " ", line);
    tell(context, text);
    return true;
}

static enum status feed(struct set_reader *reader, struct slice text, size_t step,
                        struct problem *problem)
{
    for (size_t at = 0; at < text.size; at += step) {
        size_t left = text.size - at;
        TRY(set_reader_feed(reader, slice_of(text.data + at, left < step ? left : step),
                            problem));
    }
    return set_reader_finish(reader, problem);
}

static enum status read_text(enum set_format format, struct slice text, size_t step,
                             struct told *told, struct problem *problem)
{
    const struct set_callbacks callbacks = {tell_record, tell_bad, tell_blank, told};
    struct set_reader *reader = set_reader_new(format, true, &callbacks);
    enum status status = feed(reader, text, step, problem);
    set_reader_free(reader);
    buffer_append(&told->text, "", 1);
    return status;
}

/* In one piece and byte by byte. */
static void expect_told(enum set_format format, const char *text, const char *wanted)
{
    const size_t steps[] = {1, 3, strlen(text) + 1};
    for (size_t i = 0; i < 3; i++) {
        struct told told = {.stop_at = 0};
        struct problem problem;
        EXPECT_OK(read_text(format, slice_from_string(text), steps[i], &told, &problem));
        EXPECT_STRING((const char *)told.text.data, wanted);
        buffer_close(&told.text);
    }
}

static void expect_refused(enum set_format format, const char *text, const char *message)
{
    struct told told = {.stop_at = 0};
    struct problem problem;
    EXPECT_STATUS(read_text(format, slice_from_string(text), 5, &told, &problem),
                  STATUS_INVALID);
    EXPECT_STRING(problem.message, message);
    buffer_close(&told.text);
}

TEST(set_reader, a_line_is_a_session_of_items)
{
    expect_told(SET_SESSION_LINES, "1 2\n3  4\t5\n", "1:[1 2] 2:[3 4 5] ");
}

TEST(set_reader, the_last_line_needs_no_newline)
{
    expect_told(SET_SESSION_LINES, "1 2\n3 4", "1:[1 2] 2:[3 4] ");
}

TEST(set_reader, a_carriage_return_belongs_to_the_end_of_a_line)
{
    expect_told(SET_SESSION_LINES, "1 2\r\n\r\n3\r\n", "1:[1 2] _2 3:[3] ");
}

TEST(set_reader, empty_lines_are_told_apart_and_counted)
{
    expect_told(SET_HISTORIES, "\n7 1\n \t\n", "_1 2:7[1] _3 ");
}

TEST(set_reader, a_mark_of_utf8_is_no_part_of_the_first_item)
{
    expect_told(SET_SESSION_LINES,
                "\xef\xbb\xbf"
                "1 2\n",
                "1:[1 2] ");
    expect_told(SET_BASKET_LINES, "\xef\xbb\xbf{\"1\": [[5]]}", "1:1[5] ");
}

TEST(set_reader, the_first_word_of_a_history_is_the_user)
{
    expect_told(SET_HISTORIES, "7 1 2\n8\n", "1:7[1 2] 2:8[] ");
}

TEST(set_reader, a_first_line_with_names_makes_clicks_of_what_follows)
{
    expect_told(SET_SESSION_LINES,
                "SessionId\tItemId\tTime\n3\t21\t1396437466.94\n3\t22\t7\n",
                "2:3[21]@1396437466940 3:3[22]@7000 ");
}

TEST(set_reader, the_columns_of_clicks_stand_in_any_order)
{
    expect_told(SET_SESSION_CLICKS, "Time\tx\titemid\tSESSIONID\n5\t0\tA\tB\n",
                "2:B[A]@5000 ");
}

TEST(set_reader, clicks_that_lack_a_field_or_a_time_are_bad)
{
    expect_told(SET_SESSION_CLICKS,
                "SessionId\tItemId\tTime\n1\t2\n1\t2\tnoon\n1\t2\t-5\n1\t2\t9.\n"
                "1\t2\t999999999999999\n",
                "!2:fewer fields than the first line names "
                "!3:Time: not Unix seconds like 1396437466.94 "
                "!4:Time: not Unix seconds like 1396437466.94 5:1[2]@9000 "
                "!6:Time: not Unix seconds like 1396437466.94 ");
}

TEST(set_reader, clicks_without_their_columns_are_refused_whole)
{
    expect_refused(
        SET_SESSION_LINES, "SessionId\tItem\tTime\n1\t2\t3\n",
        "the first line names no SessionId, ItemId and Time, separated by tabs");
}

TEST(set_reader, a_basket_line_keeps_the_blanks_inside_its_names)
{
    expect_told(SET_BASKET_LINES, "citrus fruit,cream cheese ,,milk\n",
                "1:[citrus fruit cream cheese   milk] ");
}

TEST(set_reader, blank_lines_before_json_do_not_hide_it)
{
    expect_told(SET_BASKET_LINES, "\r\n \n\n\n\n\n\n\n{\"1\":[[7]]}", "1:1[7] ");
    expect_told(SET_BASKET_LINES, "\n\n\n\n milk\n", "_1 _2 _3 _4 5:[milk] ");
    expect_told(SET_BASKET_LINES, "\xef\xac\x81sh\n", "1:[\xef\xac\x81sh] ");
    expect_told(SET_BASKET_LINES, "\n\n", "_1 _2 ");
}

TEST(set_reader, a_customers_baskets_come_from_json_without_the_end_marks)
{
    expect_told(
        SET_BASKET_LINES,
        " {\"1\":[[-1],[0,1],[2],[-1]],\n \"B\":[[-1],[-1]], \"c\": [[\"x\"],[],[3]]}\n",
        "1:1[0 1|2] 2:B[] 3:c[x|3] ");
}

TEST(set_reader, a_broken_entry_of_json_costs_itself_alone)
{
    expect_told(
        SET_BASKET_JSON,
        "{\"1\":[[1]], \"2\":[[1,tru]], \"3\":5, \"4\":[7], \"5\":[[{}]],, \"6\":[[6]]}",
        "1:1[1] !2:invalid token near 'tru' "
        "!3:a customer's baskets are a list of lists "
        "!4:a customer's baskets are a list of lists "
        "!5:an item is a number or a string !6:nothing between two commas 7:6[6] ");
}

TEST(set_reader, commas_and_braces_inside_json_strings_are_text)
{
    expect_told(SET_BASKET_JSON, "{\"a,}\\\"{\":[[\"],[\"]]}", "1:a,}\"{[],[] ");
}

TEST(set_reader, json_that_ends_early_or_goes_on_is_refused)
{
    expect_refused(SET_BASKET_JSON, "{\"1\":[[1]]", "the JSON object ends early");
    expect_refused(SET_BASKET_JSON, "", "not a JSON object");
    expect_refused(SET_BASKET_JSON, "[1]", "not a JSON object");
    expect_refused(SET_BASKET_JSON, "{} {}", "something follows the closing brace");
    expect_refused(SET_BASKET_JSON, "{\"1\":]}",
                   "a bracket is closed that was not opened, in entry 1");
}

TEST(set_reader, an_empty_json_object_has_no_entries)
{
    expect_told(SET_BASKET_JSON, "{ }", "");
}

TEST(set_reader, a_nul_byte_makes_a_line_bad)
{
    static const char text[] = "1 \0002\n3\n";
    struct told told = {.stop_at = 0};
    struct problem problem;
    EXPECT_OK(read_text(SET_SESSION_LINES, slice_of(text, sizeof text - 1), 2, &told,
                        &problem));
    EXPECT_STRING((const char *)told.text.data, "!1:a NUL byte 2:[3] ");
    buffer_close(&told.text);
}

TEST(set_reader, a_callback_can_end_the_reading)
{
    struct told told = {.stop_at = 2};
    struct problem problem;
    EXPECT_STATUS(read_text(SET_SESSION_LINES, slice_from_string("1\n2\n3\n"), 100, &told,
                            &problem),
                  STATUS_CANCELLED);
    EXPECT_STRING((const char *)told.text.data, "1:[1] 2:[2] ");
    buffer_close(&told.text);
}

TEST(set_reader, a_line_over_the_limit_costs_itself_alone)
{
    struct buffer text;
    struct told told = {.stop_at = 0};
    struct problem problem;
    buffer_init(&text);
    memset(buffer_extend(&text, LINE_BYTES_MAX + 1), '7', LINE_BYTES_MAX + 1);
    buffer_append(&text, "\n8\n", 3);
    EXPECT_OK(read_text(SET_SESSION_LINES, buffer_slice(&text), 65536, &told, &problem));
    EXPECT_STRING((const char *)told.text.data, "!1:a line of more than 4 MiB 2:[8] ");
    buffer_close(&told.text);
    buffer_close(&text);
}

TEST(set_reader, a_json_entry_over_the_limit_costs_itself_alone)
{
    struct buffer text;
    struct told told = {.stop_at = 0};
    struct problem problem;
    buffer_init(&text);
    buffer_append(&text, "{\"1\":[[\"", 8);
    memset(buffer_extend(&text, JSON_MEMBER_BYTES_MAX), '7', JSON_MEMBER_BYTES_MAX);
    buffer_append(&text, "\"]], \"2\":[[2]]}", 15);
    EXPECT_OK(read_text(SET_BASKET_JSON, buffer_slice(&text), 65536, &told, &problem));
    EXPECT_STRING((const char *)told.text.data, "!1:longer than 4 MiB 2:2[2] ");
    buffer_close(&told.text);
    buffer_close(&text);
}

TEST(set_reader, a_session_of_a_hundred_thousand_items_is_one_record)
{
    struct buffer text;
    struct told told = {.stop_at = 0};
    struct problem problem;
    buffer_init(&text);
    for (int i = 0; i < 100000; i++) {
        buffer_append(&text, "7 ", 2);
    }
    EXPECT_OK(read_text(SET_SESSION_LINES, buffer_slice(&text), 65536, &told, &problem));
    /* "1:[" and the items with a blank between each two, "] " and NUL. */
    EXPECT_EQ(told.text.size, 3 + 199999 + 2 + 1);
    buffer_close(&told.text);
    buffer_close(&text);
}
