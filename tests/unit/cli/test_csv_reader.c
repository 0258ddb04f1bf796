/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/csv_reader.h"

#include "shard/base/buffer.h"
#include "tests/lib/test.h"

/* What was told, one line each: "3[a|b]" for a row, "4!reason" for a bad one. */
struct told {
    char text[8192];
    unsigned rows;
    unsigned bad;
    unsigned blank;
    uint64_t last_line;
    unsigned stop_after; /* rows; 0 never */
};

static void tell(struct told *told, const char *text)
{
    size_t size = strlen(told->text);
    snprintf(told->text + size, sizeof told->text - size, "%s", text);
}

static bool hear_row(void *context, const struct csv_row *row)
{
    struct told *told = context;
    char number[32];
    EXPECT(row->line > told->last_line);
    told->last_line = row->line;
    told->rows++;
    snprintf(number, sizeof number, "%" PRIu64 "[", row->line);
    tell(told, number);
    for (size_t i = 0; i < row->count; i++) {
        tell(told, i > 0 ? "|" : "");
        tell(told, strlen(row->fields[i]) > 100 ? "(long)" : row->fields[i]);
    }
    tell(told, "]");
    return told->rows != told->stop_after;
}

static bool hear_bad(void *context, uint64_t line, const char *reason)
{
    struct told *told = context;
    char number[32];
    EXPECT(line > told->last_line);
    told->last_line = line;
    told->bad++;
    snprintf(number, sizeof number, "%" PRIu64 "!", line);
    tell(told, number);
    tell(told, strstr(reason, "longer") ? "long"
               : strstr(reason, "ends") ? "end"
                                        : "quote");
    tell(told, ";");
    return true;
}

static void hear_blank(void *context, uint64_t line)
{
    struct told *told = context;
    EXPECT(line > told->last_line);
    told->last_line = line;
    told->blank++;
}

/* Reads the text in pieces of `step` bytes. */
static struct told read_pieces(struct slice text, size_t step, unsigned stop_after)
{
    struct told told = {.stop_after = stop_after};
    struct csv_callbacks callbacks = {
        .row = hear_row, .bad = hear_bad, .blank = hear_blank, .context = &told};
    struct csv_reader *reader = csv_reader_new(&callbacks);
    enum status status = STATUS_OK;
    for (size_t at = 0; at < text.size && status == STATUS_OK; at += step) {
        size_t left = text.size - at;
        status =
            csv_reader_feed(reader, slice_of(text.data + at, left < step ? left : step));
    }
    if (status == STATUS_OK) {
        status = csv_reader_finish(reader);
    }
    EXPECT_STATUS(status, stop_after ? STATUS_CANCELLED : STATUS_OK);
    csv_reader_free(reader);
    return told;
}

static void expect_told(const char *text, const char *wanted)
{
    struct slice bytes = slice_from_string(text);
    for (size_t step = 1; step < 20; step++) {
        struct told told = read_pieces(bytes, step, 0);
        EXPECT_STRING(told.text, wanted);
    }
    EXPECT_STRING(read_pieces(bytes, 65536, 0).text, wanted);
}

TEST(csv_reader, numbers_rows_by_the_line_they_begin_on)
{
    expect_told("a,b\n1,2\n3,4\n", "1[a|b]2[1|2]3[3|4]");
}

TEST(csv_reader, takes_a_last_line_without_a_line_feed)
{
    expect_told("a,b\n1,2", "1[a|b]2[1|2]");
}

TEST(csv_reader, passes_over_blank_lines_but_counts_them)
{
    expect_told("a\n\n  \nb\n", "1[a]4[b]");
    EXPECT_EQ(read_pieces(slice_from_string("a\n\n \t \r\nb\n"), 3, 0).blank, 2);
    EXPECT_EQ(read_pieces(slice_from_string("a\n\"in\n\na quote\"\n"), 3, 0).blank, 0);
}

TEST(csv_reader, takes_carriage_returns_before_line_feeds)
{
    expect_told("a,b\r\n1,2\r\n", "1[a|b]2[1|2]");
}

TEST(csv_reader, passes_over_a_byte_order_mark)
{
    expect_told("\xef\xbb\xbf"
                "a,b\n",
                "1[a|b]");
}

TEST(csv_reader, unwraps_quotes_with_commas_quotes_and_lines_inside)
{
    expect_told("\"a,1\",\"say \"\"hi\"\"\"\n\"two\nlines\",x\nlast,row\n",
                "1[a,1|say \"hi\"]2[two\nlines|x]4[last|row]");
}

TEST(csv_reader, keeps_empty_fields)
{
    expect_told(",,\n\"\",a,\n", "1[||]2[|a|]");
}

TEST(csv_reader, refuses_a_quote_in_the_middle_of_a_field_and_goes_on)
{
    expect_told("a,b\n1,x\"y\n2,z\n", "1[a|b]2!quote;3[2|z]");
    expect_told("a,b\n\"x\"y,1\n2,z\n", "1[a|b]2!quote;3[2|z]");
}

TEST(csv_reader, loses_only_the_line_whose_quote_is_left_open)
{
    expect_told("a,b\n\"open,1\n2,z\n3,y\n", "1[a|b]2!end;3[2|z]4[3|y]");
}

TEST(csv_reader, finds_the_rows_after_an_open_quote_that_meets_another)
{
    expect_told("a\n\"open\nb\nc\"d\ne\n", "1[a]2!quote;3[b]4!quote;5[e]");
}

TEST(csv_reader, refuses_a_field_that_is_too_long_and_goes_on)
{
    struct buffer text;
    struct told told;
    buffer_init(&text);
    buffer_append(&text, "a,b\n", 4);
    memset(buffer_extend(&text, 300000), 'x', 300000);
    buffer_append(&text, "\nc,d\n", 5);
    told = read_pieces(buffer_slice(&text), 4096, 0);
    EXPECT_STRING(told.text, "1[a|b]2!long;3[c|d]");
    told = read_pieces(buffer_slice(&text), 1 << 20, 0);
    EXPECT_STRING(told.text, "1[a|b]2!long;3[c|d]");
    buffer_close(&text);
}

TEST(csv_reader, an_open_quote_before_many_lines_costs_one_row)
{
    enum {
        LINES = 20000
    };
    struct buffer text;
    struct told told;
    buffer_init(&text);
    buffer_append(&text, "\"open\n", 6);
    for (int i = 0; i < LINES; i++) {
        buffer_append(&text, "some,row\n", 9);
    }
    told = read_pieces(buffer_slice(&text), 4096, 0);
    EXPECT_EQ(told.bad, 1);
    EXPECT_EQ(told.rows, LINES);
    EXPECT_EQ(told.last_line, LINES + 1);
    buffer_close(&text);
}

TEST(csv_reader, refuses_nul_bytes)
{
    struct told told = read_pieces(slice_of("a,b\n1,\0x\n2,y\n", 13), 5, 0);
    EXPECT_EQ(told.bad, 1);
    EXPECT_EQ(told.rows, 2);
}

TEST(csv_reader, stops_when_told_to)
{
    struct told told = read_pieces(slice_from_string("a\nb\nc\nd\n"), 3, 2);
    EXPECT_EQ(told.rows, 2);
}

TEST(csv_reader, reads_an_empty_file)
{
    expect_told("", "");
}
