/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shard/base/memory.h"

static void error_text(char *out, size_t size, const char *text)
{
    snprintf(out, size, "%s", text ? text : "");
}

/* Copies a string behind the tables of the owned block. */
static const char *error_place(char **next, const char *text)
{
    size_t size = strlen(text) + 1;
    char *at = *next;
    memcpy(at, text, size);
    *next += size;
    return at;
}

static size_t error_owned_size(const struct rpc_status *status)
{
    size_t size = status->violation_count * sizeof(struct souk_field_violation) +
                  status->detail_count * sizeof(struct souk_metadata);
    for (size_t i = 0; i < status->violation_count; i++) {
        size += strlen(status->violations[i].field) + 1;
        size += strlen(status->violations[i].description) + 1;
    }
    for (size_t i = 0; i < status->detail_count; i++) {
        size += strlen(status->details[i].key) + 1 + strlen(status->details[i].value) + 1;
    }
    return size;
}

static void error_own_details(const struct rpc_status *status, struct souk_error *error)
{
    struct souk_field_violation *violations = memory_alloc(error_owned_size(status));
    struct souk_metadata *metadata =
        (struct souk_metadata *)(void *)(violations + status->violation_count);
    char *next = (char *)(metadata + status->detail_count);
    for (size_t i = 0; i < status->violation_count; i++) {
        violations[i].field = error_place(&next, status->violations[i].field);
        violations[i].description = error_place(&next, status->violations[i].description);
    }
    for (size_t i = 0; i < status->detail_count; i++) {
        metadata[i].key = error_place(&next, status->details[i].key);
        metadata[i].value = error_place(&next, status->details[i].value);
    }
    error->owned = violations;
    error->violations = violations;
    error->violation_count = status->violation_count;
    error->metadata = metadata;
    error->metadata_count = status->detail_count;
}

void error_from_status(const struct rpc_status *status, struct souk_error *out_error)
{
    memset(out_error, 0, sizeof *out_error);
    out_error->code = (enum souk_code)status->code;
    out_error->retry_after_ms = status->retry_after_ms;
    error_text(out_error->reason, sizeof out_error->reason, status->reason);
    error_text(out_error->message, sizeof out_error->message,
               status->message ? status->message : status_text(status->status));
    if (status->violation_count + status->detail_count > 0) {
        error_own_details(status, out_error);
    }
}

enum souk_code error_set(struct souk_error *error, enum status status, const char *field,
                         const char *format, ...)
{
    char message[sizeof error->message];
    struct rpc_violation violation = {field, message};
    struct rpc_status refusal = {.status = status,
                                 .code = status_code(status),
                                 .message = message,
                                 .reason = status_name(status)};
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    if (field[0] != '\0') {
        refusal.violations = &violation;
        refusal.violation_count = 1;
    }
    if (error != NULL) {
        error_from_status(&refusal, error);
    }
    return (enum souk_code)refusal.code;
}

void souk_error_clear(struct souk_error *error)
{
    if (error != NULL) {
        free(error->owned);
        memset(error, 0, sizeof *error);
    }
}

const char *souk_error_metadata(const struct souk_error *error, const char *key)
{
    for (size_t i = 0; i < error->metadata_count; i++) {
        if (strcmp(error->metadata[i].key, key) == 0) {
            return error->metadata[i].value;
        }
    }
    return NULL;
}

const char *souk_code_name(enum souk_code code)
{
    return (unsigned)code <= SOUK_UNAUTHENTICATED
               ? status_code_name((enum status_code)code)
               : "UNKNOWN";
}
