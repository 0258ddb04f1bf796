/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/status.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "shard/base/assert.h"

struct status_row {
    const char *name;
    enum status_code code;
    enum status_retry retry;
    const char *text;
};

static const struct status_row status_rows[STATUS_COUNT] = {
#define STATUS_ROW(name, code, retry, text)                                              \
    [STATUS_##name] = {#name, STATUS_CODE_##code, STATUS_RETRY_##retry, text},
    STATUS_TABLE(STATUS_ROW)
#undef STATUS_ROW
};

static const char *const status_code_names[] = {
    "OK",
    "CANCELLED",
    "UNKNOWN",
    "INVALID_ARGUMENT",
    "DEADLINE_EXCEEDED",
    "NOT_FOUND",
    "ALREADY_EXISTS",
    "PERMISSION_DENIED",
    "RESOURCE_EXHAUSTED",
    "FAILED_PRECONDITION",
    "ABORTED",
    "OUT_OF_RANGE",
    "UNIMPLEMENTED",
    "INTERNAL",
    "UNAVAILABLE",
    "DATA_LOSS",
    "UNAUTHENTICATED",
};

static const struct status_row *status_row(enum status status)
{
    ASSERT((unsigned)status < STATUS_COUNT);
    return &status_rows[status];
}

const char *status_name(enum status status)
{
    return status_row(status)->name;
}

const char *status_text(enum status status)
{
    return status_row(status)->text;
}

enum status_code status_code(enum status status)
{
    return status_row(status)->code;
}

const char *status_code_name(enum status_code code)
{
    if ((unsigned)code >= sizeof status_code_names / sizeof status_code_names[0]) {
        return "UNKNOWN";
    }
    return status_code_names[code];
}

enum status_retry status_retry(enum status status)
{
    return status_row(status)->retry;
}

bool status_from_name(const char *name, enum status *out_status)
{
    for (unsigned i = 0; i < STATUS_COUNT; i++) {
        if (strcmp(status_rows[i].name, name) == 0) {
            *out_status = (enum status)i;
            return true;
        }
    }
    return false;
}

enum status problem_set(struct problem *problem, enum status status, const char *field,
                        const char *format, ...)
{
    va_list arguments;
    problem->status = status;
    snprintf(problem->field, sizeof problem->field, "%s", field ? field : "");
    va_start(arguments, format);
    vsnprintf(problem->message, sizeof problem->message, format, arguments);
    va_end(arguments);
    return status;
}
