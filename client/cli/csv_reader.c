/* SPDX-License-Identifier: Apache-2.0 */
#include "client/cli/csv_reader.h"

#include <csv.h>
#include <stdlib.h>

#include "shard/base/assert.h"
#include "shard/base/buffer.h"
#include "shard/base/memory.h"

struct csv_reader {
    struct csv_callbacks callbacks;
    struct csv_parser parser;
    struct buffer carry; /* the beginning of a line whose end has not come */
    struct buffer row;   /* the raw lines of the row being read */
    struct buffer text;  /* its fields, each with a NUL */
    size_t offsets[CSV_FIELDS_MAX];
    const char *fields[CSV_FIELDS_MAX];
    size_t field_count;
    const char *fault; /* why the row is bad; NULL while it is fine */
    uint64_t line;     /* of the line being fed */
    uint64_t row_line; /* where the row being read begins; 0 between rows */
    bool row_ended;    /* a row ended within the line being fed */
    bool skipping;     /* to the end of a line that is too long */
    bool stopped;      /* a callback wanted no more */
};

static const char csv_reader_long[] = "longer than 65536 bytes; is a quote left open?";

static void csv_reader_field(void *data, size_t size, void *context)
{
    struct csv_reader *reader = context;
    if (reader->field_count == CSV_FIELDS_MAX) {
        reader->fault = "more than 256 fields";
        return;
    }
    if (size > 0 && memchr(data, '\0', size) != NULL) {
        reader->fault = "a NUL byte";
    }
    reader->offsets[reader->field_count++] = reader->text.size;
    if (size > 0) {
        buffer_append(&reader->text, data, size);
    }
    buffer_append(&reader->text, "", 1);
}

static void csv_reader_told(struct csv_reader *reader, bool go_on)
{
    reader->stopped = reader->stopped || !go_on;
}

static void csv_reader_row_end(int terminator, void *context)
{
    struct csv_reader *reader = context;
    struct csv_row row = {reader->row_line, reader->fields, reader->field_count};
    (void)terminator;
    if (reader->row_ended) {
        reader->fault = "a carriage return in the middle of a line";
    }
    for (size_t i = 0; i < reader->field_count; i++) {
        reader->fields[i] = (const char *)reader->text.data + reader->offsets[i];
    }
    if (!reader->stopped && reader->fault != NULL) {
        csv_reader_told(reader, reader->callbacks.bad(reader->callbacks.context,
                                                      reader->row_line, reader->fault));
    } else if (!reader->stopped && reader->field_count > 0) {
        csv_reader_told(reader, reader->callbacks.row(reader->callbacks.context, &row));
    }
    reader->row_ended = true;
    reader->fault = NULL;
    reader->field_count = 0;
    buffer_clear(&reader->text);
}

static void csv_reader_parser_init(struct csv_reader *reader)
{
    ASSERT(csv_init(&reader->parser, CSV_STRICT | CSV_STRICT_FINI) == 0);
}

struct csv_reader *csv_reader_new(const struct csv_callbacks *callbacks)
{
    struct csv_reader *reader = memory_zalloc(sizeof *reader);
    reader->callbacks = *callbacks;
    buffer_init(&reader->carry);
    buffer_init(&reader->row);
    buffer_init(&reader->text);
    csv_reader_parser_init(reader);
    return reader;
}

void csv_reader_free(struct csv_reader *reader)
{
    if (reader != NULL) {
        csv_free(&reader->parser);
        buffer_close(&reader->carry);
        buffer_close(&reader->row);
        buffer_close(&reader->text);
        free(reader);
    }
}

static void csv_reader_restart(struct csv_reader *reader)
{
    csv_free(&reader->parser);
    csv_reader_parser_init(reader);
    reader->row_line = 0;
    reader->field_count = 0;
    reader->fault = NULL;
    buffer_clear(&reader->row);
    buffer_clear(&reader->text);
}

static bool csv_reader_blank(struct slice line)
{
    for (size_t i = 0; i < line.size; i++) {
        if (line.data[i] != ' ' && line.data[i] != '\t' && line.data[i] != '\r' &&
            line.data[i] != '\n') {
            return false;
        }
    }
    return true;
}

/* Feeds one line with its line feed; NULL, or why the row it belongs to is broken. */
static const char *csv_reader_line(struct csv_reader *reader, struct slice line)
{
    size_t taken;
    if (reader->row_line == 0) {
        reader->row_line = reader->line;
    }
    if (reader->row.size + line.size > CSV_ROW_BYTES_MAX) {
        return csv_reader_long;
    }
    buffer_append_slice(&reader->row, line);
    reader->row_ended = false;
    taken = csv_parse(&reader->parser, line.data, line.size, csv_reader_field,
                      csv_reader_row_end, reader);
    if (taken != line.size) {
        return "a quote in the middle of a field";
    }
    /* A line of blanks ends no row, but leaves none open either. */
    if (reader->row_ended || (reader->row.size == line.size && csv_reader_blank(line))) {
        if (!reader->row_ended && reader->callbacks.blank != NULL) {
            reader->callbacks.blank(reader->callbacks.context, reader->line);
        }
        reader->row_line = 0;
        buffer_clear(&reader->row);
    }
    return NULL;
}

static void csv_reader_take(struct csv_reader *reader, struct slice line);

/* The row is refused by its first line, and what followed is read anew. */
static void csv_reader_break(struct csv_reader *reader, const char *reason)
{
    struct buffer raw = reader->row;
    uint64_t first = reader->row_line;
    uint64_t after = reader->line;
    const uint8_t *next;
    buffer_init(&reader->row);
    if (!reader->stopped) {
        csv_reader_told(reader,
                        reader->callbacks.bad(reader->callbacks.context, first, reason));
    }
    csv_reader_restart(reader);
    next = raw.size > 0 ? memchr(raw.data, '\n', raw.size) : NULL;
    reader->line = first;
    while (next != NULL && next + 1 < raw.data + raw.size && !reader->stopped) {
        const uint8_t *start = next + 1;
        size_t left = (size_t)(raw.data + raw.size - start);
        next = memchr(start, '\n', left);
        reader->line++;
        csv_reader_take(reader,
                        slice_of(start, next ? (size_t)(next - start) + 1 : left));
    }
    reader->line = after;
    buffer_close(&raw);
}

static void csv_reader_take(struct csv_reader *reader, struct slice line)
{
    const char *broken = csv_reader_line(reader, line);
    if (broken != NULL && reader->row_line < reader->line &&
        reader->row.size + line.size > CSV_ROW_BYTES_MAX) {
        /* This line is not among those kept: it is read after them. */
        csv_reader_break(reader, broken);
        csv_reader_take(reader, line);
    } else if (broken != NULL) {
        csv_reader_break(reader, broken);
    }
}

/* A line that is not even kept. A row that it was to continue is broken, too. */
static void csv_reader_too_long(struct csv_reader *reader)
{
    reader->line++;
    while (reader->row_line != 0 && !reader->stopped) {
        csv_reader_break(reader, csv_reader_long);
    }
    if (!reader->stopped) {
        csv_reader_told(reader, reader->callbacks.bad(reader->callbacks.context,
                                                      reader->line, csv_reader_long));
    }
}

/* A whole line came together. */
static void csv_reader_complete(struct csv_reader *reader, struct slice line)
{
    static const uint8_t mark[] = {0xef, 0xbb, 0xbf};
    reader->line++;
    if (reader->line == 1 && line.size >= sizeof mark &&
        memcmp(line.data, mark, sizeof mark) == 0) {
        line = slice_of(line.data + sizeof mark, line.size - sizeof mark);
    }
    csv_reader_take(reader, line);
}

enum status csv_reader_feed(struct csv_reader *reader, struct slice piece)
{
    while (piece.size > 0 && !reader->stopped) {
        const uint8_t *end = memchr(piece.data, '\n', piece.size);
        size_t size = end ? (size_t)(end - piece.data) + 1 : piece.size;
        struct slice part = slice_of(piece.data, size);
        if (reader->skipping) {
            reader->skipping = end == NULL;
        } else if (reader->carry.size + size > CSV_ROW_BYTES_MAX) {
            csv_reader_too_long(reader);
            reader->skipping = end == NULL;
            buffer_clear(&reader->carry);
        } else if (end == NULL) {
            buffer_append_slice(&reader->carry, part);
        } else if (reader->carry.size > 0) {
            struct buffer line = reader->carry;
            buffer_append_slice(&line, part);
            buffer_init(&reader->carry);
            csv_reader_complete(reader, buffer_slice(&line));
            buffer_clear(&line);
            reader->carry = line;
        } else {
            csv_reader_complete(reader, part);
        }
        piece = slice_of(piece.data + size, piece.size - size);
    }
    return reader->stopped ? STATUS_CANCELLED : STATUS_OK;
}

enum status csv_reader_finish(struct csv_reader *reader)
{
    if (reader->carry.size > 0 && !reader->stopped) {
        struct buffer line = reader->carry;
        buffer_init(&reader->carry);
        csv_reader_complete(reader, buffer_slice(&line));
        buffer_close(&line);
    }
    reader->row_ended = false;
    while (reader->row_line != 0 && !reader->stopped &&
           csv_fini(&reader->parser, csv_reader_field, csv_reader_row_end, reader) != 0) {
        csv_reader_break(reader, "the file ends inside a quoted field");
    }
    return reader->stopped ? STATUS_CANCELLED : STATUS_OK;
}
