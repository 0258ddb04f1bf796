/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a request has to look like before anything is asked of a shard. Every function
 * answers OK or fills the problem with a status, the field's path in the request and a
 * sentence that says what is allowed.
 *
 * Strings are UTF-8 without NUL when they come here (proto/rpc/rpc_message.h). Any thread.
 */
#ifndef SOUK_SERVER_SERVICE_CHECK_H
#define SOUK_SERVER_SERVICE_CHECK_H

#include <stdbool.h>
#include <stdint.h>

#include "proto/souk/v1/common.pb-c.h"
#include "shard/base/hash.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    CHECK_PAGE_SIZE_DEFAULT = 100,
    CHECK_PAGE_SIZE_MAX = 1000,
    /* How far ahead of this node's clock a request may say it was made. */
    CHECK_REQUEST_AHEAD_MS = 48 * 60 * 60 * 1000,
};

/* An id: 1-128 of [A-Za-z0-9._~:-]. `out` may be NULL. */
MUST_USE enum status check_id(const char *field, const char *text, struct slice *out,
                              struct problem *problem);
/* The same, or empty. */
MUST_USE enum status check_id_or_empty(const char *field, const char *text,
                                       struct slice *out, struct problem *problem);
/* Every text of a request or an import row: its size, and no byte below 0x20 nor 0x7f. */
MUST_USE enum status check_text(const char *field, const char *text, size_t bytes_max,
                                struct slice *out, struct problem *problem);
/* A count of repeated fields: least <= count <= most. */
MUST_USE enum status check_count(const char *field, size_t count, size_t least,
                                 size_t most, struct problem *problem);
/* 0 becomes the default. */
MUST_USE enum status check_page_size(int32_t page_size, uint32_t *out,
                                     struct problem *problem);
/* Years 1 to 9999. Unix milliseconds. */
MUST_USE enum status check_time(const char *field,
                                const Google__Protobuf__Timestamp *time, int64_t *out_ms,
                                struct problem *problem);
/* Above 0 and at most `most_ms`; parts of a millisecond count as one. */
MUST_USE enum status check_duration(const char *field,
                                    const Google__Protobuf__Duration *duration,
                                    int64_t most_ms, int64_t *out_ms,
                                    struct problem *problem);

/* What makes a mutating call exactly-once. */
struct check_identity {
    struct hash128 request_id;
    int64_t request_ms;
};
/* REQUEST_ID_REQUIRED, or INVALID. */
/* A hold's life: check_duration, and no less than the 1 ms that the server counts in. */
MUST_USE enum status check_ttl(const char *field,
                               const Google__Protobuf__Duration *duration,
                               int64_t most_ms, int64_t *out_ms, struct problem *problem);
MUST_USE enum status check_identity(const char *request_id,
                                    const Google__Protobuf__Timestamp *request_time,
                                    int64_t now_ms, struct check_identity *out,
                                    struct problem *problem);

struct check_money {
    char currency[4];
    int64_t units;
    int32_t nanos;
};
/* Absent is no money at all. `signed_money`: units may be below 0. */
MUST_USE enum status check_money(const char *field, const Souk__V1__Money *money,
                                 bool signed_money, struct check_money *out,
                                 struct problem *problem);

#endif
