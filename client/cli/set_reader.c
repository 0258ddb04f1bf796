/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/set_reader.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "client/cli/json_members.h"
#include "client/cli/line_reader.h"
#include "shard/base/memory.h"

enum {
    SET_CLICK_COLUMNS = 3,
    SET_FIELDS_MAX = 16,
    SET_NUMBER_BYTES = 24,
};

static const char set_blanks[] = " \t";
static const char set_mark[] = "\xef\xbb\xbf";

struct set_reader {
    struct set_callbacks callbacks;
    enum set_format format;
    bool detect;
    bool header_seen;
    int places[SET_CLICK_COLUMNS]; /* of SessionId, ItemId, Time */
    const char *problem;           /* why reading was ended; a literal */
    struct set_item *items;
    size_t item_count, item_capacity;
    char *numbers; /* the texts of JSON's items */
    size_t number_capacity;
    bool begun;        /* the first byte that tells came: one of the two is in use */
    size_t mark;       /* bytes of the mark of UTF-8 before it */
    uint64_t newlines; /* before it */
    struct line_reader lines;
    struct json_members members;
};

static bool set_bad(void *context, uint64_t line, const char *reason)
{
    struct set_reader *reader = context;
    return reader->callbacks.bad(reader->callbacks.context, line, reason);
}

/* False when the record has too many. */
static bool set_item_add(struct set_reader *reader, const char *text, uint32_t basket)
{
    if (reader->item_count == SET_ITEMS_MAX) {
        return false;
    }
    memory_reserve((void **)&reader->items, &reader->item_capacity,
                   reader->item_count + 1, sizeof *reader->items);
    reader->items[reader->item_count++] = (struct set_item){text, basket};
    return true;
}

static bool set_tell(struct set_reader *reader, uint64_t line, const char *owner,
                     uint32_t basket_count, int64_t time_ms)
{
    const struct set_record record = {.format = reader->format,
                                      .line = line,
                                      .owner = owner,
                                      .items = reader->items,
                                      .item_count = (uint32_t)reader->item_count,
                                      .basket_count = basket_count,
                                      .time_ms = time_ms};
    return reader->callbacks.record(reader->callbacks.context, &record);
}

/* --- Lines --------------------------------------------------------------------------- */

/* Items between any of the separators; empty ones are kept only for commas. */
static bool set_line_items(struct set_reader *reader, uint64_t line, char *text)
{
    bool commas = reader->format == SET_BASKET_LINES;
    const char *owner = NULL, *item;
    char *rest = text;
    reader->item_count = 0;
    while ((item = strsep(&rest, commas ? "," : set_blanks)) != NULL) {
        if (*item == '\0' && !commas) {
            continue;
        }
        if (reader->format == SET_HISTORIES && owner == NULL) {
            owner = item;
        } else if (!set_item_add(reader, item, 0)) {
            return set_bad(reader, line, "more than 1048576 items");
        }
    }
    return set_tell(reader, line, owner, 1, 0);
}

/* Fields between tabs, in place; how many, at most SET_FIELDS_MAX. */
static size_t set_fields(char *text, char *fields[SET_FIELDS_MAX])
{
    size_t count = 0;
    while (text != NULL && count < SET_FIELDS_MAX) {
        fields[count++] = strsep(&text, "\t");
    }
    return count;
}

static bool set_header(struct set_reader *reader, char *text)
{
    static const char *const names[SET_CLICK_COLUMNS] = {"SessionId", "ItemId", "Time"};
    char *fields[SET_FIELDS_MAX];
    size_t count = set_fields(text, fields);
    reader->header_seen = true;
    for (unsigned column = 0; column < SET_CLICK_COLUMNS; column++) {
        reader->places[column] = -1;
        for (size_t i = 0; i < count; i++) {
            if (strcasecmp(fields[i], names[column]) == 0) {
                reader->places[column] = (int)i;
            }
        }
        if (reader->places[column] < 0) {
            reader->problem = "the first line names no SessionId, ItemId and Time, "
                              "separated by tabs";
            return false;
        }
    }
    return true;
}

/* Unix seconds with decimals, cut to milliseconds; from 1970 to 9999. */
static bool set_seconds(const char *text, int64_t *out_ms)
{
    const int64_t most = INT64_C(253402300799);
    int64_t seconds = 0, ms = 0, scale = 100;
    if (*text < '0' || *text > '9') {
        return false;
    }
    for (; *text >= '0' && *text <= '9'; text++) {
        seconds = seconds * 10 + (*text - '0');
        if (seconds > most) {
            return false;
        }
    }
    if (*text == '.') {
        for (text++; *text >= '0' && *text <= '9'; text++) {
            ms += (*text - '0') * scale;
            scale /= 10;
        }
    }
    *out_ms = seconds * 1000 + ms;
    return *text == '\0';
}

static bool set_line_click(struct set_reader *reader, uint64_t line, char *text)
{
    char *fields[SET_FIELDS_MAX];
    size_t count = set_fields(text, fields);
    int64_t time_ms;
    for (unsigned i = 0; i < SET_CLICK_COLUMNS; i++) {
        if ((size_t)reader->places[i] >= count) {
            return set_bad(reader, line, "fewer fields than the first line names");
        }
    }
    if (!set_seconds(fields[reader->places[2]], &time_ms)) {
        return set_bad(reader, line, "Time: not Unix seconds like 1396437466.94");
    }
    reader->item_count = 0;
    set_item_add(reader, fields[reader->places[1]], 0);
    return set_tell(reader, line, fields[reader->places[0]], 1, time_ms);
}

static bool set_line(void *context, uint64_t number, char *text, size_t size)
{
    struct set_reader *reader = context;
    if (text[strspn(text, set_blanks)] == '\0' && strlen(text) == size) {
        return reader->callbacks.blank(reader->callbacks.context, number);
    }
    if (strlen(text) != size) {
        return set_bad(reader, number, "a NUL byte");
    }
    if (reader->detect && !reader->header_seen && reader->format == SET_SESSION_LINES &&
        strcasestr(text, "SessionId") != NULL) {
        reader->format = SET_SESSION_CLICKS;
    }
    if (reader->format == SET_SESSION_CLICKS) {
        return reader->header_seen ? set_line_click(reader, number, text)
                                   : set_header(reader, text);
    }
    reader->header_seen = true;
    return set_line_items(reader, number, text);
}

static bool set_line_too_long(void *context, uint64_t number)
{
    return set_bad(context, number, "a line of more than 4 MiB");
}

/* --- JSON ---------------------------------------------------------------------------- */

static bool set_end_mark(const json_t *basket)
{
    return json_array_size(basket) == 1 &&
           json_integer_value(json_array_get(basket, 0)) == -1;
}

/* An item's text: a number is written into the numbers. NULL: it is neither. */
static const char *set_json_item(struct set_reader *reader, const json_t *item,
                                 size_t *number_count)
{
    char *text;
    if (json_is_string(item)) {
        return json_string_value(item);
    }
    if (!json_is_integer(item)) {
        return NULL;
    }
    text = reader->numbers + *number_count * SET_NUMBER_BYTES;
    snprintf(text, SET_NUMBER_BYTES, "%" JSON_INTEGER_FORMAT, json_integer_value(item));
    ++*number_count;
    return text;
}

static const char *set_json_basket(struct set_reader *reader, const json_t *basket,
                                   uint32_t number, size_t *number_count)
{
    size_t count = json_array_size(basket);
    for (size_t i = 0; i < count; i++) {
        const char *text = set_json_item(reader, json_array_get(basket, i), number_count);
        if (text == NULL) {
            return "an item is a number or a string";
        }
        if (!set_item_add(reader, text, number)) {
            return "more than 1048576 items";
        }
    }
    return NULL;
}

static size_t set_json_count(const json_t *baskets)
{
    size_t count = 0;
    for (size_t i = 0; i < json_array_size(baskets); i++) {
        count += json_array_size(json_array_get(baskets, i));
    }
    return count;
}

static bool set_member(void *context, uint64_t number, const char *key,
                       const json_t *value)
{
    struct set_reader *reader = context;
    size_t number_count = 0;
    uint32_t basket_count = 0;
    reader->item_count = 0;
    if (!json_is_array(value)) {
        return set_bad(reader, number, "a customer's baskets are a list of lists");
    }
    /* At once: items point into it. */
    memory_reserve((void **)&reader->numbers, &reader->number_capacity,
                   set_json_count(value) + 1, SET_NUMBER_BYTES);
    for (size_t i = 0; i < json_array_size(value); i++) {
        const json_t *basket = json_array_get(value, i);
        const char *reason =
            json_is_array(basket) ? NULL : "a customer's baskets are a list of lists";
        if (reason == NULL && !set_end_mark(basket)) {
            reason = set_json_basket(reader, basket, basket_count, &number_count);
            basket_count += json_array_size(basket) > 0;
        }
        if (reason != NULL) {
            return set_bad(reader, number, reason);
        }
    }
    return set_tell(reader, number, key, basket_count, 0);
}

/* --- Feeding ------------------------------------------------------------------------- */

struct set_reader *set_reader_new(enum set_format format, bool detect,
                                  const struct set_callbacks *callbacks)
{
    struct set_reader *reader = memory_zalloc(sizeof *reader);
    const struct line_callbacks lines = {set_line, set_line_too_long, reader};
    const struct json_callbacks members = {set_member, set_bad, reader};
    reader->callbacks = *callbacks;
    reader->format = format;
    reader->detect = detect;
    line_reader_init(&reader->lines, &lines);
    json_members_init(&reader->members, &members);
    return reader;
}

void set_reader_free(struct set_reader *reader)
{
    line_reader_close(&reader->lines);
    json_members_close(&reader->members);
    free(reader->items);
    free(reader->numbers);
    free(reader);
}

enum set_format set_reader_format(const struct set_reader *reader)
{
    return reader->format;
}

/*
 * A file that begins with a brace is JSON: no name of an item does. What stands before the
 * first byte that tells is only counted: the mark of UTF-8, and the ends of lines. Returns
 * how many bytes of the piece that was.
 */
static size_t set_before(struct set_reader *reader, struct slice piece)
{
    for (size_t i = 0; i < piece.size; i++) {
        uint8_t byte = piece.data[i];
        if (reader->newlines == 0 && reader->mark < 3 &&
            byte == (uint8_t)set_mark[reader->mark]) {
            reader->mark++;
        } else if (byte == '\n') {
            reader->newlines++;
        } else if (byte != ' ' && byte != '\t' && byte != '\r') {
            reader->begun = true;
            if (byte == '{' && reader->detect && reader->format == SET_BASKET_LINES) {
                reader->format = SET_BASKET_JSON;
            }
            return i;
        }
    }
    return piece.size;
}

/* To the reader of lines what set_before counted. */
static bool set_begin_lines(struct set_reader *reader)
{
    bool go_on = line_reader_feed(&reader->lines, slice_of(set_mark, reader->mark));
    while (go_on && reader->newlines > 0) {
        reader->newlines--;
        go_on = line_reader_feed(&reader->lines, slice_of("\n", 1));
    }
    return go_on;
}

static enum status set_stopped(const struct set_reader *reader, bool go_on,
                               struct problem *problem)
{
    if (go_on) {
        return STATUS_OK;
    }
    return reader->problem == NULL
               ? STATUS_CANCELLED
               : problem_set(problem, STATUS_INVALID, "", "%s", reader->problem);
}

enum status set_reader_feed(struct set_reader *reader, struct slice piece,
                            struct problem *problem)
{
    if (!reader->begun) {
        size_t before = set_before(reader, piece);
        piece = slice_of(piece.data + before, piece.size - before);
        if (!reader->begun) {
            return STATUS_OK;
        }
        if (reader->format != SET_BASKET_JSON && !set_begin_lines(reader)) {
            return set_stopped(reader, false, problem);
        }
    }
    if (reader->format == SET_BASKET_JSON) {
        return json_members_feed(&reader->members, piece, problem);
    }
    return set_stopped(reader, line_reader_feed(&reader->lines, piece), problem);
}

enum status set_reader_finish(struct set_reader *reader, struct problem *problem)
{
    bool go_on = true;
    if (reader->format == SET_BASKET_JSON) {
        return json_members_finish(&reader->members, problem);
    }
    if (!reader->begun) {
        go_on = set_begin_lines(reader);
    }
    return set_stopped(reader, go_on && line_reader_finish(&reader->lines), problem);
}
