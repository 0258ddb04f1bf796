/* SPDX-License-Identifier: Apache-2.0 */
/* Units set aside for somebody, for a while: souk.v1.HoldService. */
#ifndef SOUK_HOLD_H
#define SOUK_HOLD_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_hold_state {
    SOUK_HOLD_STATE_UNSPECIFIED = 0,
    SOUK_HOLD_HELD = 1,
    SOUK_HOLD_COMMITTED = 2,
    SOUK_HOLD_FULFILLED = 3,
    SOUK_HOLD_RELEASED = 4,
    SOUK_HOLD_EXPIRED = 5,
    SOUK_HOLD_CANCELLED = 6,
};

enum souk_hold_mode {
    SOUK_HOLD_MODE_UNSPECIFIED = 0, /* ALL_OR_NOTHING */
    SOUK_HOLD_ALL_OR_NOTHING = 1,
    SOUK_HOLD_BEST_EFFORT = 2,
};

enum {
    SOUK_HOLD_LINES_MAX = 200,
};

struct souk_hold_line {
    const char *sku_id;
    const char *location_id; /* NULL in a request: where most is available */
    int64_t quantity;
    int64_t granted; /* set in answers */
};

struct souk_hold {
    const char *hold_id;
    enum souk_hold_state state;
    const char *owner;
    const char *reference;
    const struct souk_hold_line *lines;
    size_t line_count;
    int64_t create_time_ms;
    int64_t expire_time_ms;
    int64_t end_time_ms;
    bool allow_backorder;
};

struct souk_hold_create_request {
    const char *request_id;
    int64_t request_time_ms;
    const struct souk_hold_line *lines;
    size_t line_count;
    enum souk_hold_mode mode;
    const char *owner;
    const char *reference;
    int64_t ttl_ms; /* 0: the server's default */
    bool allow_backorder;
};

struct souk_hold_reply {
    struct souk_answer answer;
    struct souk_hold hold;
    struct souk_stamp stamp;
    /* Of changes: shards of lines that had not applied it when the time was up; they will. */
    const uint64_t *pending_shards;
    size_t pending_shard_count;
};

/* Independent holds, each with its own request_id, each decided by itself. */
struct souk_hold_batch_create_request {
    const struct souk_hold_create_request *requests;
    size_t request_count;
};

struct souk_hold_batch_create_result {
    struct souk_item_status status;
    const char *hold_id;
    int64_t expire_time_ms;
    bool replayed;
};

struct souk_hold_batch_create_reply {
    struct souk_answer answer;
    const struct souk_hold_batch_create_result *results; /* in the requests' order */
    size_t result_count;
};

struct souk_hold_get_request {
    const char *hold_id;
    struct souk_read read;
};

struct souk_hold_list_request {
    const char *owner;
    int32_t page_size;
    const char *page_token;
    struct souk_read read;
};

struct souk_hold_list_reply {
    struct souk_answer answer;
    const struct souk_hold *holds;
    size_t hold_count;
    const char *next_page_token;
};

struct souk_hold_extend_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *hold_id;
    int64_t ttl_ms; /* from now */
};

/* Commit, release, fulfil, cancel. */
struct souk_hold_end_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *hold_id;
};

SOUK_CALL(hold_create, souk_hold_create_request, souk_hold_reply);
SOUK_CALL(hold_batch_create, souk_hold_batch_create_request,
          souk_hold_batch_create_reply);
SOUK_CALL(hold_get, souk_hold_get_request, souk_hold_reply);
SOUK_CALL(hold_list, souk_hold_list_request, souk_hold_list_reply);
SOUK_CALL(hold_extend, souk_hold_extend_request, souk_hold_reply);
SOUK_CALL(hold_commit, souk_hold_end_request, souk_hold_reply);
SOUK_CALL(hold_release, souk_hold_end_request, souk_hold_reply);
SOUK_CALL(hold_fulfil, souk_hold_end_request, souk_hold_reply);
SOUK_CALL(hold_cancel, souk_hold_end_request, souk_hold_reply);

#ifdef __cplusplus
}
#endif

#endif
