/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/log.h"

#include <stdio.h>
#include <unistd.h>

#include "shard/base/assert.h"

static struct log_options log_options = {.fd = 2, .level = LOG_INFO};

static const char *const log_level_names[] = {"debug", "info", "warn", "error"};

/*
 * Room is kept at the end for what closes a cut line: the mark of a cut value, the mark of
 * a line with fields left out, and JSON's brace.
 */
#define LOG_CUT_VALUE  "...\""
#define LOG_CUT_LOGFMT " cut=true"
#define LOG_CUT_JSON   ",\"cut\":true"

enum {
    LOG_TAIL_BYTES = sizeof LOG_CUT_VALUE + sizeof LOG_CUT_JSON + sizeof "}",
};

struct log_line {
    char *out;
    size_t size;
    size_t used;
    bool cut; /* nothing more fits */
};

static void log_put(struct log_line *line, const char *bytes, size_t count)
{
    if (line->cut || line->used + count + LOG_TAIL_BYTES > line->size) {
        line->cut = true;
        return;
    }
    memcpy(line->out + line->used, bytes, count);
    line->used += count;
}

static void log_put_string(struct log_line *line, const char *string)
{
    log_put(line, string, strlen(string));
}

/* Into the room kept at the end. */
static void log_put_tail(struct log_line *line, const char *string)
{
    size_t count = strlen(string);
    ASSERT(line->used + count <= line->size);
    memcpy(line->out + line->used, string, count);
    line->used += count;
}

/* The bytes of the UTF-8 character at `text` (RFC 3629), and what it is; 0 when invalid. */
static size_t log_character(struct slice text, uint32_t *out_character)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint8_t first = text.data[0];
    size_t size = first < 0x80             ? 1
                  : (first & 0xe0) == 0xc0 ? 2
                  : (first & 0xf0) == 0xe0 ? 3
                  : (first & 0xf8) == 0xf0 ? 4
                                           : 0;
    uint32_t character = size == 1 ? first : first & (0x7fu >> size);
    if (size == 0 || size > text.size) {
        return 0;
    }
    for (size_t i = 1; i < size; i++) {
        if ((text.data[i] & 0xc0) != 0x80) {
            return 0;
        }
        character = character << 6 | (text.data[i] & 0x3fu);
    }
    if (character < least[size] || character > 0x10ffff ||
        (character >= 0xd800 && character <= 0xdfff)) {
        return 0;
    }
    *out_character = character;
    return size;
}

/* What a terminal or a reader of lines could take for the end of one. */
static bool log_control(uint32_t character)
{
    return character < 0x20 || (character >= 0x7f && character < 0xa0) ||
           character == 0x2028 || character == 0x2029;
}

/* JSON escapes serve both formats: logfmt readers take quoted values with backslashes. */
static void log_put_text(struct log_line *line, struct slice text)
{
    size_t i = 0;
    while (i < text.size && !line->cut) {
        struct slice rest = slice_of(text.data + i, text.size - i);
        uint32_t character = 0xfffd;
        size_t size = log_character(rest, &character);
        char escaped[8];
        if (size == 0 || log_control(character)) {
            snprintf(escaped, sizeof escaped, "\\u%04x", (unsigned)character & 0xffffu);
            log_put_string(line, escaped);
        } else if (character == '"' || character == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", (char)character);
            log_put_string(line, escaped);
        } else {
            log_put(line, (const char *)rest.data, size);
        }
        i += size ? size : 1;
    }
    log_put(line, "\"", 1);
    if (line->cut) {
        log_put_tail(line, LOG_CUT_VALUE);
    }
}

static void log_put_key(struct log_line *line, enum log_format format, const char *key)
{
    if (format == LOG_FORMAT_JSON) {
        log_put_string(line, line->used > 1 ? ",\"" : "\"");
        log_put_string(line, key);
        log_put_string(line, "\":");
        return;
    }
    log_put_string(line, line->used > 0 ? " " : "");
    log_put_string(line, key);
    log_put_string(line, "=");
}

/* A text is cut where the line ends; a field of which not even that fits is left out. */
static void log_put_field(struct log_line *line, enum log_format format,
                          const struct log_field *field)
{
    size_t start = line->used;
    char number[32];
    if (line->cut) {
        return;
    }
    log_put_key(line, format, field->key);
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        log_put_string(line, "\"");
        if (!line->cut) {
            log_put_text(line, field->text);
            return;
        }
        break;
    case LOG_FIELD_SIGNED:
        snprintf(number, sizeof number, "%lld", (long long)field->signed_value);
        log_put_string(line, number);
        break;
    case LOG_FIELD_UNSIGNED:
        snprintf(number, sizeof number, "%llu",
                 (unsigned long long)field->unsigned_value);
        log_put_string(line, number);
        break;
    }
    if (line->cut) {
        line->used = start;
    }
}

size_t log_format_line(char *out, size_t size, const struct log_head *head,
                       const struct log_field *fields, size_t field_count)
{
    struct log_line line = {.out = out, .size = size};
    const struct log_field first[] = {
        LOG_I64("ts_ms", head->wall_ms),
        LOG_STRING("level", log_level_names[head->level]),
        LOG_STRING("msg", head->message),
    };
    ASSERT(size >= LOG_LINE_BYTES_MIN);
    if (head->format == LOG_FORMAT_JSON) {
        log_put_string(&line, "{");
    }
    for (size_t i = head->wall_ms ? 0 : 1; i < 3; i++) {
        log_put_field(&line, head->format, &first[i]);
    }
    for (size_t i = 0; i < field_count; i++) {
        log_put_field(&line, head->format, &fields[i]);
    }
    if (line.cut) {
        log_put_tail(&line,
                     head->format == LOG_FORMAT_JSON ? LOG_CUT_JSON : LOG_CUT_LOGFMT);
    }
    if (head->format == LOG_FORMAT_JSON) {
        log_put_tail(&line, "}");
    }
    return line.used;
}

void log_setup(const struct log_options *options)
{
    log_options = *options;
}

bool log_enabled(enum log_level level)
{
    return level >= log_options.level;
}

void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count)
{
    char line[LOG_LINE_BYTES_MAX];
    struct log_head head = {
        .format = log_options.format,
        .level = level,
        .wall_ms = log_options.wall_ms ? log_options.wall_ms() : 0,
        .message = message,
    };
    size_t used = log_format_line(line, sizeof line - 1, &head, fields, field_count);
    ssize_t written;
    line[used++] = '\n';
    /* A log that cannot be written has nowhere to complain. */
    written = write(log_options.fd, line, used);
    (void)written;
}
