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
    /* "session" when NULL; an unknown one is refused with the list of those there are. */
    const char *placement;
    const char *customer_id;          /* either this ... */
    const char *visitor_id;           /* ... or this, or neither */
    const char *const *session_items; /* oldest first */
    size_t session_item_count;
    const char *const *cart;
    size_t cart_count;
    int32_t count; /* 0: 20 */
    enum souk_stock_mode stock_mode;
    /* All when empty. Up to 16: what trends and is popular there comes first. */
    const char *const *location_ids;
    size_t location_id_count;
    const char *channel;
    int64_t min_quantity;
    bool allow_backorder;
    bool exclude_seen;
    bool exclude_current;
    int64_t budget_soft_ms;
    double min_coverage;
    struct souk_read read;
    const char *const *seeds; /* the items at hand, the one that matters most first */
    size_t seed_count;
    /* As souk.v1 describes it: "price < 20 AND attributes.colour = red"; NULL: none. */
    const char *filter;
    const char
        *diversity_attribute;     /* at most so many of one brand, category, product_id,
                                      * or attribute of that name ... */
    uint32_t diversity_items_max; /* ... 0: no limit */
    bool no_personalization;      /* nothing of the customer's history may be used */
};

enum souk_reason_kind {
    SOUK_REASON_KIND_UNSPECIFIED = 0,
    SOUK_REASON_SESSION_NEIGHBOURS = 1,
    SOUK_REASON_POPULAR = 2,
    SOUK_REASON_ALSO_BOUGHT = 3,
    SOUK_REASON_THEN_BOUGHT = 4,
    SOUK_REASON_BUY_AGAIN = 5,
    SOUK_REASON_RECENTLY_VIEWED = 6,
    SOUK_REASON_SIMILAR = 7,
    SOUK_REASON_TRENDING = 8,
    SOUK_REASON_NEW = 9,
};

struct souk_reason {
    enum souk_reason_kind kind;
    const char *related_sku_id; /* empty where there is none */
    uint64_t evidence_count;    /* sessions, customers, baskets, attributes: by kind */
    double weight;              /* part of the score, 0..1 */
    bool fallback;              /* what the placement is about had too little to say */
    const char *location_id;    /* where it was counted, of those asked for; or empty */
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
    const char *const *consent_used; /* purposes whose consent this relied on */
    size_t consent_used_count;
};

SOUK_CALL(recommend, souk_recommend_request, souk_recommend_reply);

/* --- Given items, in order --------------------------------------------------------- */

struct souk_recommend_rank_request {
    const char *placement; /* "for-you" when NULL */
    const char *customer_id;
    const char *visitor_id;
    const char *const *session_items;
    size_t session_item_count;
    const char *const *seeds;
    size_t seed_count;
    enum souk_stock_mode stock_mode;
    const char *const *location_ids;
    size_t location_id_count;
    const char *channel;
    int64_t min_quantity;
    bool allow_backorder;
    int64_t budget_soft_ms;
    double min_coverage;
    struct souk_read read;
    bool no_personalization;
    const char *const *sku_ids; /* 1 to 500, each once */
    size_t sku_id_count;
};

struct souk_ranked_item {
    struct souk_recommended_item item;
    bool sellable;
    bool found;
};

/* Every SKU asked for, best first. */
struct souk_recommend_rank_reply {
    struct souk_answer answer;
    const struct souk_ranked_item *items;
    size_t item_count;
    const char *answer_id;
    double coverage;
    int64_t answer_time_ms;
    const char *const *consent_used;
    size_t consent_used_count;
};

SOUK_CALL(recommend_rank, souk_recommend_rank_request, souk_recommend_rank_reply);

/* --- Why ---------------------------------------------------------------------------- */

struct souk_recommend_explain_request {
    const char *answer_id;
};

struct souk_answer_source {
    const char *source;
    uint32_t weight;
    uint32_t
        tier; /* 0 is asked always, a higher one when those before found too little */
    bool asked;
    uint32_t candidates;
};

enum souk_answer_seed_origin {
    SOUK_SEED_ORIGIN_UNSPECIFIED = 0,
    SOUK_SEED_REQUEST = 1,
    SOUK_SEED_SESSION_ITEMS = 2,
    SOUK_SEED_RECORDED_SESSION = 3,
    SOUK_SEED_HISTORY = 4,
};

struct souk_answer_seed {
    const char *sku_id; /* empty when it is not known */
    enum souk_answer_seed_origin origin;
};

struct souk_answer_stage {
    const char *stage;
    int64_t elapsed_us;
    int64_t allowed_us;
    uint32_t rounds;
};

enum souk_answer_personal {
    SOUK_PERSONAL_UNSPECIFIED = 0,
    SOUK_PERSONAL_USED = 1,
    SOUK_PERSONAL_ANONYMOUS = 2,
    SOUK_PERSONAL_UNKNOWN = 3,
    SOUK_PERSONAL_WITHDRAWN = 4,
    SOUK_PERSONAL_REFUSED = 5,
    SOUK_PERSONAL_LATE = 6,
};

struct souk_recommend_explain_reply {
    struct souk_answer answer;
    const char *answer_id;
    int64_t answer_time_ms;
    const char *placement;
    const struct souk_answer_source *sources; /* in the order of their tiers */
    size_t source_count;
    const struct souk_answer_seed *seeds;
    size_t seed_count;
    /* Candidates that were found, and why they are not shown. */
    uint32_t dropped_not_sellable;
    uint32_t dropped_filtered;
    uint32_t dropped_not_diverse;
    uint32_t dropped_not_listed;
    uint32_t dropped_unanswered;
    const struct souk_answer_stage *stages;
    size_t stage_count;
    const struct souk_recommended_item *items;
    size_t item_count;
    double coverage;
    const char *const *consent_used;
    size_t consent_used_count;
    enum souk_answer_personal personal;
};

/* NOT_FOUND once the node has forgotten the answer. */
SOUK_CALL(recommend_explain, souk_recommend_explain_request,
          souk_recommend_explain_reply);

/* --- Many at once ------------------------------------------------------------------- */

/*
 * Questions as a stream of messages, several per message: by far the cheapest way to ask
 * many. Each question is answered by itself; a message's answers stand in the order of its
 * questions. A lost connection is opened again and what was not answered is asked again.
 * One thread sends; `on_answers` runs on a thread of the library, in order, and must not
 * block.
 */
struct souk_recommend_stream;

struct souk_recommend_result {
    struct souk_item_status status;
    struct souk_recommend_reply reply; /* empty when status.code is not SOUK_OK */
};

struct souk_recommend_answers {
    uint64_t sequence; /* which message, from 1 */
    const struct souk_recommend_result *results;
    size_t result_count;
};

struct souk_recommend_stream_options {
    /* What it is given is borrowed until it returns. */
    void (*on_answers)(void *context, const struct souk_recommend_answers *answers);
    void *context;
    uint32_t window;       /* 0: 16; messages unanswered before send waits */
    int64_t outage_max_ms; /* 0: 60 s without any answer ends the stream */
};

SOUK_API enum souk_code souk_recommend_stream_open(
    struct souk_client *client, const struct souk_recommend_stream_options *options,
    struct souk_recommend_stream **out_stream, struct souk_error *out_error);
/* 1 to SOUK_BATCH_MAX questions. Waits while the window is full. */
SOUK_API enum souk_code
souk_recommend_stream_send(struct souk_recommend_stream *stream,
                           const struct souk_recommend_request *requests,
                           size_t request_count, struct souk_error *out_error);
/* Waits until all that was sent is answered. */
SOUK_API enum souk_code souk_recommend_stream_drain(struct souk_recommend_stream *stream,
                                                    struct souk_error *out_error);
/* Abandons what is not answered. NULL is fine. */
SOUK_API void souk_recommend_stream_close(struct souk_recommend_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
