/* SPDX-License-Identifier: Apache-2.0 */
/* What is on the shelf: souk.v1.StockService. */
#ifndef SOUK_STOCK_H
#define SOUK_STOCK_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

/* available = on_hand - held - committed - damaged - quality_control - safety_stock */
struct souk_stock_level {
    const char *sku_id;
    const char *location_id;
    int64_t on_hand;
    int64_t held;
    int64_t committed;
    int64_t damaged;
    int64_t quality_control;
    int64_t safety_stock;
    int64_t incoming;
    int64_t backorder_limit;
    int64_t available;
    int64_t shortfall;
    const char *etag;
    int64_t update_time_ms;
};

enum souk_stock_bucket {
    SOUK_BUCKET_UNSPECIFIED = 0, /* on_hand */
    SOUK_BUCKET_ON_HAND = 1,
    SOUK_BUCKET_DAMAGED = 2,
    SOUK_BUCKET_QUALITY_CONTROL = 3,
    SOUK_BUCKET_INCOMING = 4,
    SOUK_BUCKET_SAFETY_STOCK = 5,
    SOUK_BUCKET_BACKORDER_LIMIT = 6,
};

enum souk_stock_reason {
    SOUK_REASON_UNSPECIFIED = 0,
    SOUK_REASON_RECEIPT = 1,
    SOUK_REASON_SALE = 2,
    SOUK_REASON_RETURN = 3,
    SOUK_REASON_DAMAGE = 4,
    SOUK_REASON_LOSS = 5,
    SOUK_REASON_FOUND = 6,
    SOUK_REASON_COUNT = 7,
    SOUK_REASON_CORRECTION = 8,
    SOUK_REASON_IMPORT = 9,
    SOUK_REASON_HOLD = 10, /* from here on written by the server */
    SOUK_REASON_COMMIT = 11,
    SOUK_REASON_RELEASE = 12,
    SOUK_REASON_EXPIRE = 13,
    SOUK_REASON_FULFIL = 14,
    SOUK_REASON_CANCEL = 15,
    SOUK_REASON_DELETE = 16,
    SOUK_REASON_MOVE = 17, /* a move without a reason of its own */
};

struct souk_stock_get_request {
    const char *sku_id;
    const char *location_id;
    struct souk_read read;
};

struct souk_stock_level_reply {
    struct souk_answer answer;
    struct souk_stock_level level;
    struct souk_stamp stamp;
};

struct souk_stock_batch_get_request {
    const char *const *sku_ids;
    size_t sku_id_count;
    const char *const *location_ids; /* all when empty */
    size_t location_id_count;
    struct souk_read read;
};

struct souk_stock_batch_get_reply {
    struct souk_answer answer;
    const struct souk_stock_level *levels;
    size_t level_count;
    const char *const *missing_sku_ids;
    size_t missing_count;
};

struct souk_stock_list_request {
    const char *sku_id; /* all when NULL */
    int32_t page_size;
    const char *page_token;
    struct souk_read read;
};

struct souk_stock_list_reply {
    struct souk_answer answer;
    const struct souk_stock_level *levels;
    size_t level_count;
    const char *next_page_token;
    const struct souk_stamp *stamps; /* of each shard asked */
    size_t stamp_count;
};

struct souk_stock_check_line {
    const char *sku_id;
    int64_t quantity;        /* above 0 */
    const char *location_id; /* NULL: anywhere that counts */
};

struct souk_stock_check_request {
    const struct souk_stock_check_line *lines; /* up to 1,000 */
    size_t line_count;
    const char *const *location_ids; /* only these count; all when empty */
    size_t location_id_count;
    const char *channel; /* only locations that serve it; NULL: all */
    bool nearest;        /* of the locations that have enough, the one nearest to: */
    int32_t latitude_e7; /* degrees times 10^7 */
    int32_t longitude_e7;
    bool allow_backorder;
    struct souk_read read;
};

struct souk_stock_check_result {
    struct souk_item_status status; /* code 0: one location has all of it */
    int64_t requested;              /* summed over the lines of this SKU and location */
    int64_t available;              /* summed over the locations that count */
    const char *location_id;
    int64_t location_available;
    int64_t distance_m; /* -1: not known, or not asked */
};

struct souk_stock_check_reply {
    struct souk_answer answer;
    const struct souk_stock_check_result *results; /* in the lines' order */
    size_t result_count;
    bool all_available;
};

struct souk_stock_adjust_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *sku_id;
    const char *location_id;
    int64_t quantity; /* not 0 */
    enum souk_stock_bucket bucket;
    enum souk_stock_reason reason;
    const char *reference;
    int64_t occurred_time_ms;
};

struct souk_stock_batch_adjust_request {
    const struct souk_stock_adjust_request *requests; /* each with its own request_id */
    size_t request_count;
};

struct souk_stock_batch_adjust_result {
    struct souk_item_status status;
    struct souk_stock_level level;
    bool replayed;
};

struct souk_stock_batch_adjust_reply {
    struct souk_answer answer;
    const struct souk_stock_batch_adjust_result *results; /* in the requests' order */
    size_t result_count;
};

enum souk_stock_condition {
    SOUK_STOCK_UNCONDITIONAL = 0,
    SOUK_STOCK_IF_ON_HAND = 1, /* expected_on_hand */
    SOUK_STOCK_IF_ETAG = 2,    /* etag */
};

struct souk_stock_set_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *sku_id;
    const char *location_id;
    bool keep_on_hand; /* leave on_hand as it is */
    int64_t on_hand;
    enum souk_stock_condition condition;
    int64_t expected_on_hand;
    const char *etag;
    bool set_safety_stock;
    int64_t safety_stock;
    bool set_backorder_limit;
    int64_t backorder_limit;
    enum souk_stock_reason reason;
    const char *reference;
    int64_t occurred_time_ms;
    bool set_damaged;
    int64_t damaged;
    bool set_quality_control;
    int64_t quality_control;
    bool set_incoming;
    int64_t incoming;
};

/* Units change their place or condition; none is made or lost. Buckets: ON_HAND the sound
 * ones, DAMAGED, QUALITY_CONTROL, INCOMING. */
struct souk_stock_move_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *sku_id;
    const char *from_location_id;
    enum souk_stock_bucket from_bucket;
    const char *to_location_id; /* NULL: where they are */
    enum souk_stock_bucket to_bucket;
    int64_t quantity; /* above 0 */
    enum souk_stock_reason reason;
    const char *reference;
    int64_t occurred_time_ms;
};

struct souk_stock_move_reply {
    struct souk_answer answer;
    struct souk_stock_level from_level;
    struct souk_stock_level to_level; /* as from_level when the location is the same */
    struct souk_stamp stamp;
};

enum souk_count_baseline {
    SOUK_COUNT_FROM_START = 0,  /* units are compared with those at the start */
    SOUK_COUNT_FROM_SUBMIT = 2, /* with those at the moment of the submission */
};

/* Starting a count that is open already changes nothing. */
struct souk_count_start_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *count_id; /* also the reference of the movements it posts */
    const char *location_id;
    enum souk_count_baseline baseline;
};

struct souk_count_start_reply {
    struct souk_answer answer;
    const char *count_id;
    const char *location_id;
    int64_t start_time_ms;
};

struct souk_counted_line {
    const char *sku_id;
    int64_t counted; /* not below 0 */
};

struct souk_count_submit_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *count_id;
    const struct souk_counted_line *lines; /* up to 1,000 */
    size_t line_count;
};

struct souk_count_submit_reply {
    struct souk_answer answer;
    uint64_t lines; /* counted so far, in the shards that these lie on */
};

struct souk_count_close_request {
    const char *request_id;
    int64_t request_time_ms;
    const char *count_id;
    bool discard; /* post nothing */
};

struct souk_count_close_reply {
    struct souk_answer answer;
    const char *location_id;
    int64_t start_time_ms;
    uint64_t lines;   /* SKUs counted */
    uint64_t changed; /* posted */
    uint64_t missing; /* gone by now */
    uint64_t cut;     /* more was missing than is left */
    int64_t units_found;
    int64_t units_lost;
};

/* One immutable line of the ledger. */
struct souk_movement {
    const char *sku_id;
    const char *location_id;
    enum souk_stock_reason reason;
    const char *reference;
    const char *hold_id;
    struct souk_stock_level before; /* buckets only */
    struct souk_stock_level after;
    int64_t log_time_ms;
    uint64_t shard_id;
    uint64_t log_index;
    uint32_t log_sub;
    const char *to_location_id; /* of a move to another location; else "" */
    struct souk_stock_level to_before;
    struct souk_stock_level to_after;
};

struct souk_movement_list_request {
    const char *sku_id;      /* all when NULL */
    const char *location_id; /* all when NULL */
    int32_t page_size;
    const char *page_token;
    struct souk_read read;
    int64_t start_time_ms; /* at this log time or later */
    int64_t end_time_ms;   /* before this one; 0: no end */
    const char *reference; /* exactly this one; any when NULL */
};

struct souk_movement_list_reply {
    struct souk_answer answer;
    /* Of one SKU newest first; of all in the order of the log, shard by shard. A page may
     * be empty and have a next one, where a filter leaves nothing. */
    const struct souk_movement *movements;
    size_t movement_count;
    const char *next_page_token;
    struct souk_stamp stamp; /* of the last shard asked */
    const struct souk_stamp *stamps;
    size_t stamp_count;
};

SOUK_CALL(stock_get, souk_stock_get_request, souk_stock_level_reply);
SOUK_CALL(stock_batch_get, souk_stock_batch_get_request, souk_stock_batch_get_reply);
SOUK_CALL(stock_list, souk_stock_list_request, souk_stock_list_reply);
SOUK_CALL(stock_check, souk_stock_check_request, souk_stock_check_reply);
SOUK_CALL(stock_adjust, souk_stock_adjust_request, souk_stock_level_reply);
SOUK_CALL(stock_batch_adjust, souk_stock_batch_adjust_request,
          souk_stock_batch_adjust_reply);
SOUK_CALL(stock_set, souk_stock_set_request, souk_stock_level_reply);
SOUK_CALL(stock_move, souk_stock_move_request, souk_stock_move_reply);
SOUK_CALL(count_start, souk_count_start_request, souk_count_start_reply);
SOUK_CALL(count_submit, souk_count_submit_request, souk_count_submit_reply);
SOUK_CALL(count_close, souk_count_close_request, souk_count_close_reply);
SOUK_CALL(movement_list, souk_movement_list_request, souk_movement_list_reply);

#ifdef __cplusplus
}
#endif

#endif
