/* SPDX-License-Identifier: Apache-2.0 */
#include "server/service/check.h"

#include <stdio.h>
#include <string.h>

#include "shard/base/identifier.h"

enum {
    CHECK_NANOS_END = 1000000000,
    CHECK_NANOS_OF_MS = 1000000,
    CHECK_FIELD_BYTES = 96,
};
static const int64_t check_time_least_s = -62135596800; /* 0001-01-01 */
static const int64_t check_time_most_s = 253402300799;  /* 9999-12-31 */
static const int64_t check_duration_most_s = 315576000000;

enum status check_id(const char *field, const char *text, struct slice *out,
                     struct problem *problem)
{
    struct slice id = slice_from_string(text);
    if (!identifier_valid(id)) {
        return problem_set(problem, STATUS_INVALID, field,
                           "%s: an id is 1 to %d of A-Z a-z 0-9 . _ ~ : -", field,
                           IDENTIFIER_BYTES_MAX);
    }
    if (out != NULL) {
        *out = id;
    }
    return STATUS_OK;
}

enum status check_id_or_empty(const char *field, const char *text, struct slice *out,
                              struct problem *problem)
{
    if (text[0] == '\0') {
        if (out != NULL) {
            *out = slice_of(NULL, 0);
        }
        return STATUS_OK;
    }
    return check_id(field, text, out, problem);
}

enum status check_text(const char *field, const char *text, size_t bytes_max,
                       struct slice *out, struct problem *problem)
{
    struct slice slice = slice_from_string(text);
    if (slice.size > bytes_max) {
        return problem_set(problem, STATUS_INVALID, field,
                           "%s: %zu bytes, at most %zu are taken", field, slice.size,
                           bytes_max);
    }
    for (size_t i = 0; i < slice.size; i++) {
        if (slice.data[i] < 0x20 || slice.data[i] == 0x7f) {
            return problem_set(problem, STATUS_INVALID, field,
                               "%s: byte %zu is the control character 0x%02x; none is "
                               "taken",
                               field, i, slice.data[i]);
        }
    }
    *out = slice;
    return STATUS_OK;
}

enum status check_count(const char *field, size_t count, size_t least, size_t most,
                        struct problem *problem)
{
    if (count < least || count > most) {
        return problem_set(problem, STATUS_INVALID, field,
                           "%s: %zu items, from %zu to %zu are taken", field, count,
                           least, most);
    }
    return STATUS_OK;
}

enum status check_page_size(int32_t page_size, uint32_t *out, struct problem *problem)
{
    if (page_size < 0 || page_size > CHECK_PAGE_SIZE_MAX) {
        return problem_set(problem, STATUS_INVALID, "page_size",
                           "page_size: 1 to %d, or 0 for %d", CHECK_PAGE_SIZE_MAX,
                           CHECK_PAGE_SIZE_DEFAULT);
    }
    *out = page_size == 0 ? CHECK_PAGE_SIZE_DEFAULT : (uint32_t)page_size;
    return STATUS_OK;
}

enum status check_time(const char *field, const Google__Protobuf__Timestamp *time,
                       int64_t *out_ms, struct problem *problem)
{
    if (time->seconds < check_time_least_s || time->seconds > check_time_most_s ||
        time->nanos < 0 || time->nanos >= CHECK_NANOS_END) {
        return problem_set(problem, STATUS_INVALID, field,
                           "%s: not a time of the years 1 to 9999", field);
    }
    *out_ms = time->seconds * 1000 + time->nanos / 1000000;
    return STATUS_OK;
}

enum status check_duration(const char *field, const Google__Protobuf__Duration *duration,
                           int64_t most_ms, int64_t *out_ms, struct problem *problem)
{
    int64_t ms;
    bool whole = duration->seconds >= -check_duration_most_s &&
                 duration->seconds <= check_duration_most_s &&
                 duration->nanos > -CHECK_NANOS_END &&
                 duration->nanos < CHECK_NANOS_END &&
                 !(duration->seconds > 0 && duration->nanos < 0) &&
                 !(duration->seconds < 0 && duration->nanos > 0);
    ms = whole ? duration->seconds * 1000 + (duration->nanos + 999999) / 1000000 : 0;
    if (!whole || ms <= 0 || ms > most_ms) {
        return problem_set(problem, STATUS_INVALID, field,
                           "%s: above 0 and at most %lld.%03lld s", field,
                           (long long)(most_ms / 1000), (long long)(most_ms % 1000));
    }
    *out_ms = ms;
    return STATUS_OK;
}

enum status check_ttl(const char *field, const Google__Protobuf__Duration *duration,
                      int64_t most_ms, int64_t *out_ms, struct problem *problem)
{
    TRY(check_duration(field, duration, most_ms, out_ms, problem));
    if (duration->seconds == 0 && duration->nanos < CHECK_NANOS_OF_MS) {
        return problem_set(problem, STATUS_INVALID, field, "%s: no less than 0.001 s",
                           field);
    }
    return STATUS_OK;
}

enum status check_identity(const char *request_id,
                           const Google__Protobuf__Timestamp *request_time,
                           int64_t now_ms, struct check_identity *out,
                           struct problem *problem)
{
    struct slice id = slice_from_string(request_id);
    int64_t ms = 0;
    if (id.size == 0) {
        return problem_set(problem, STATUS_REQUEST_ID_REQUIRED, "request_id",
                           "request_id: a fresh UUIDv7 for every new call, the same one "
                           "for every retry");
    }
    if (!request_id_valid(id)) {
        return problem_set(problem, STATUS_INVALID, "request_id",
                           "request_id: 1 to %d printable characters without blanks",
                           REQUEST_ID_BYTES_MAX);
    }
    if (!uuid7_time_ms(id, &ms)) {
        if (request_time == NULL) {
            return problem_set(problem, STATUS_REQUEST_ID_REQUIRED, "request_time",
                               "request_time: needed beside a request_id that is no "
                               "UUIDv7; repeat it in every retry");
        }
        TRY(check_time("request_time", request_time, &ms, problem));
    }
    if (ms <= 0 || ms > now_ms + CHECK_REQUEST_AHEAD_MS) {
        return problem_set(problem, STATUS_INVALID, "request_time",
                           "the request's time is %s; check the caller's clock",
                           ms <= 0 ? "before 1970" : "more than 48 h ahead");
    }
    out->request_id = hash128(id, 0);
    out->request_ms = ms;
    return STATUS_OK;
}

static bool check_currency(const char *currency)
{
    for (int i = 0; i < 3; i++) {
        if (currency[i] < 'A' || currency[i] > 'Z') {
            return false;
        }
    }
    return currency[3] == '\0';
}

enum status check_money(const char *field, const Souk__V1__Money *money,
                        bool signed_money, struct check_money *out,
                        struct problem *problem)
{
    char path[CHECK_FIELD_BYTES];
    *out = (struct check_money){0};
    if (money == NULL ||
        (money->currency[0] == '\0' && money->units == 0 && money->nanos == 0)) {
        return STATUS_OK;
    }
    if (!check_currency(money->currency)) {
        snprintf(path, sizeof path, "%s.currency", field);
        return problem_set(problem, STATUS_INVALID, path,
                           "%s: three capital letters of ISO 4217, such as EUR", path);
    }
    if (money->nanos <= -CHECK_NANOS_END || money->nanos >= CHECK_NANOS_END ||
        (money->units > 0 && money->nanos < 0) ||
        (money->units < 0 && money->nanos > 0)) {
        snprintf(path, sizeof path, "%s.nanos", field);
        return problem_set(problem, STATUS_INVALID, path,
                           "%s: below 10^9 and of the sign of units", path);
    }
    if (!signed_money && (money->units < 0 || money->nanos < 0)) {
        snprintf(path, sizeof path, "%s.units", field);
        return problem_set(problem, STATUS_INVALID, path, "%s: not below 0", path);
    }
    memcpy(out->currency, money->currency, sizeof out->currency);
    out->units = money->units;
    out->nanos = money->nanos;
    return STATUS_OK;
}
