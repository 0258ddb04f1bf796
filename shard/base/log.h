/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Structured logs, one line per event, logfmt or JSON, values escaped so that no client
 * can forge a line. Only programs and edges log; libraries return a status and stay
 * silent.
 *
 *     log_event(LOG_WARN, "slow flush", LOG_U64("took_ms", ms), LOG_STRING("dir", dir));
 *
 * Any thread. A line is one write(2) of at most LOG_LINE_BYTES_MAX bytes; longer values
 * are cut and marked with "...".
 */
#ifndef SOUK_SHARD_BASE_LOG_H
#define SOUK_SHARD_BASE_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    LOG_LINE_BYTES_MAX = 2048,
    LOG_LINE_BYTES_MIN = 64,
};

enum log_level {
    LOG_DEBUG,
    LOG_INFO,
    LOG_WARN,
    LOG_ERROR,
};

enum log_format {
    LOG_FORMAT_LOGFMT,
    LOG_FORMAT_JSON,
};

enum log_field_kind {
    LOG_FIELD_TEXT,
    LOG_FIELD_SIGNED,
    LOG_FIELD_UNSIGNED,
};

struct log_field {
    const char *key; /* a literal */
    enum log_field_kind kind;
    struct slice text;
    int64_t signed_value;
    uint64_t unsigned_value;
};

#define LOG_STRING(k, v) ((struct log_field){.key = (k), .text = slice_from_string(v)})
#define LOG_SLICE(k, v)  ((struct log_field){.key = (k), .text = (v)})
#define LOG_I64(k, v)                                                                    \
    ((struct log_field){.key = (k), .kind = LOG_FIELD_SIGNED, .signed_value = (v)})
#define LOG_U64(k, v)                                                                    \
    ((struct log_field){.key = (k), .kind = LOG_FIELD_UNSIGNED, .unsigned_value = (v)})
#define LOG_STATUS(s) LOG_STRING("status", status_name(s))

struct log_options {
    int fd;               /* where lines go, 2 by default */
    enum log_level level; /* least level written */
    enum log_format format;
    int64_t (*wall_ms)(void); /* stamps lines; NULL leaves the stamp out */
};

/* Before the first other thread starts. */
void log_setup(const struct log_options *options);
bool log_enabled(enum log_level level);
void log_write(enum log_level level, const char *message, const struct log_field *fields,
               size_t field_count);

#define log_event(level, message, ...)                                                   \
    do {                                                                                 \
        if (log_enabled(level)) {                                                        \
            const struct log_field log_fields_[] = {__VA_ARGS__};                        \
            log_write((level), (message), log_fields_,                                   \
                      sizeof log_fields_ / sizeof log_fields_[0]);                       \
        }                                                                                \
    } while (0)

struct log_head {
    enum log_format format;
    enum log_level level;
    int64_t wall_ms; /* 0 leaves the stamp out */
    const char *message;
};

/* One formatted line without the newline, cut to `size`, which is at least
 * LOG_LINE_BYTES_MIN; returns its length. For tests. */
size_t log_format_line(char *out, size_t size, const struct log_head *head,
                       const struct log_field *fields, size_t field_count);

#endif
