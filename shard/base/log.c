/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/log.h"

#include <stdio.h>
#include <unistd.h>

static struct log_options log_options = {.fd = 2, .level = LOG_INFO};

static const char *const log_level_names[] = {"debug", "info", "warn", "error"};

/* Room is kept at the end for the mark of a cut line and its closing characters. */
enum {
    LOG_TAIL_BYTES = 16,
};

struct log_line {
    char *out;
    size_t size;
    size_t used;
    bool cut;
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

/* JSON escapes serve both formats: logfmt readers take quoted values with backslashes. */
static void log_put_quoted(struct log_line *line, struct slice text)
{
    log_put(line, "\"", 1);
    for (size_t i = 0; i < text.size && !line->cut; i++) {
        uint8_t c = text.data[i];
        char escaped[8];
        if (c == '"' || c == '\\') {
            snprintf(escaped, sizeof escaped, "\\%c", c);
            log_put_string(line, escaped);
        } else if (c < 0x20 || c == 0x7f) {
            snprintf(escaped, sizeof escaped, "\\u%04x", c);
            log_put_string(line, escaped);
        } else {
            log_put(line, (const char *)&text.data[i], 1);
        }
    }
    if (line->cut) {
        memcpy(line->out + line->used, "...\"", 4);
        line->used += 4;
        return;
    }
    log_put(line, "\"", 1);
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

static void log_put_field(struct log_line *line, enum log_format format,
                          const struct log_field *field)
{
    char number[32];
    if (line->cut) {
        return;
    }
    log_put_key(line, format, field->key);
    switch (field->kind) {
    case LOG_FIELD_TEXT:
        log_put_quoted(line, field->text);
        return;
    case LOG_FIELD_SIGNED:
        snprintf(number, sizeof number, "%lld", (long long)field->signed_value);
        break;
    case LOG_FIELD_UNSIGNED:
        snprintf(number, sizeof number, "%llu",
                 (unsigned long long)field->unsigned_value);
        break;
    }
    log_put_string(line, number);
}

size_t log_format_line(char *out, size_t size, enum log_format format, int64_t wall_ms,
                       enum log_level level, const char *message,
                       const struct log_field *fields, size_t field_count)
{
    struct log_line line = {.out = out, .size = size};
    struct log_field head[] = {
        LOG_I64("ts_ms", wall_ms),
        LOG_STRING("level", log_level_names[level]),
        LOG_STRING("msg", message),
    };
    if (format == LOG_FORMAT_JSON) {
        log_put_string(&line, "{");
    }
    for (size_t i = wall_ms ? 0 : 1; i < 3; i++) {
        log_put_field(&line, format, &head[i]);
    }
    for (size_t i = 0; i < field_count; i++) {
        log_put_field(&line, format, &fields[i]);
    }
    if (format == LOG_FORMAT_JSON && line.used < size) {
        line.out[line.used++] = '}';
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
    int64_t wall_ms = log_options.wall_ms ? log_options.wall_ms() : 0;
    size_t used = log_format_line(line, sizeof line - 1, log_options.format, wall_ms,
                                  level, message, fields, field_count);
    ssize_t written;
    line[used++] = '\n';
    /* A log that cannot be written has nowhere to complain. */
    written = write(log_options.fd, line, used);
    (void)written;
}
