/* SPDX-License-Identifier: Apache-2.0 */
/* What this customer may want, and really can have: souk.v1.RecommendService. */
#ifndef SOUK_RECOMMEND_H
#define SOUK_RECOMMEND_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_stock_mode {
    SOUK_STOCK_MODE_UNSPECIFIED = 0, /* VERIFIED */
    SOUK_STOCK_MODE_NONE = 1,
    SOUK_STOCK_MODE_INDEXED = 2,
    SOUK_STOCK_MODE_VERIFIED = 3,
};

struct souk_recommend_request {
    const char *placement;
    const char *customer_id;          /* either this ... */
    const char *visitor_id;           /* ... or this, or neither */
    const char *const *session_items; /* oldest first */
    size_t session_item_count;
    const char *const *cart;
    size_t cart_count;
    int32_t count; /* 0: 20 */
    enum souk_stock_mode stock_mode;
    const char *const *location_ids; /* all when empty */
    size_t location_id_count;
    const char *channel;
    int64_t min_quantity;
    bool allow_backorder;
    bool exclude_seen;
    bool exclude_current;
    int64_t budget_soft_ms;
    double min_coverage;
    struct souk_read read;
};

enum souk_reason_kind {
    SOUK_REASON_KIND_UNSPECIFIED = 0,
    SOUK_REASON_SESSION_NEIGHBOURS = 1,
    SOUK_REASON_POPULAR = 2,
};

struct souk_reason {
    enum souk_reason_kind kind;
    const char *related_sku_id;
    uint64_t evidence_count; /* sessions that say so */
    double weight;           /* part of the score, 0..1 */
};

struct souk_recommended_item {
    const char *sku_id;
    const char *name;
    uint32_t rank; /* from 1 */
    double score;
    const struct souk_reason *reasons;
    size_t reason_count;
    bool has_stock;
    int64_t available;
    struct souk_stamp stock_stamp;
    struct souk_money price;
};

struct souk_recommend_reply {
    struct souk_answer answer;
    const struct souk_recommended_item *items;
    size_t item_count;
    const char *answer_id;
    double coverage; /* 1: every shard answered */
    size_t range_count;
    int64_t answer_time_ms;
};

SOUK_CALL(recommend, souk_recommend_request, souk_recommend_reply);

#ifdef __cplusplus
}
#endif

#endif
