/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The movements of a warehouse system, each taken exactly once: StreamStockUpdates of
 * souk.v1.StockService. A source counts its updates from 1; the server knows which it has.
 * A lost connection is opened again and what was not acknowledged is sent again. One thread
 * sends; callbacks run on a thread of the library, in order, and must not block.
 */
#ifndef SOUK_STOCK_STREAM_H
#define SOUK_STOCK_STREAM_H

#include <souk/stock.h>

#ifdef __cplusplus
extern "C" {
#endif

struct souk_stock_update {
    const char *sku_id;
    const char *location_id;
    bool absolute;    /* `quantity` is the new value, not what came or went */
    int64_t quantity; /* a difference is not 0 */
    enum souk_stock_bucket bucket;
    enum souk_stock_reason reason;
    const char *reference;
    int64_t occurred_time_ms; /* 0: not said */
};

enum souk_on_missing {
    SOUK_ON_MISSING_REFUSE = 1, /* the update is a failure; the default */
    SOUK_ON_MISSING_SKIP = 2,   /* taken, and nothing is done */
    SOUK_ON_MISSING_CREATE = 3, /* the SKU is made, as a draft */
};

struct souk_stock_failure {
    uint64_t sequence;
    struct souk_item_status status;
};

struct souk_stock_ack {
    uint64_t through_sequence; /* every update up to here is durable, or failed below */
    uint32_t applied;
    uint32_t duplicates; /* known from before */
    uint32_t superseded; /* late: the source had told of the level what happened after */
    uint32_t skipped;    /* their SKU is not there, with SOUK_ON_MISSING_SKIP */
    const struct souk_stock_failure *failures;
    size_t failure_count;
};

struct souk_stock_stream_options {
    const char *source_id;   /* 1-128 characters of an id; its newest stream takes over */
    uint64_t source_epoch;   /* 0: 1; a higher one begins anew, after a restored backup */
    uint64_t acked_sequence; /* what is known to be acknowledged; 0: ask the server */
    uint32_t ack_window;     /* updates of an ack at least, while more is on its way */
    enum souk_on_missing on_missing;
    bool stop_on_failure; /* the first failure ends the stream, and is not passed */
    void (*on_ack)(void *context, const struct souk_stock_ack *ack); /* may be NULL */
    /* The connection was lost and is being opened again. May be NULL. */
    void (*on_retry)(void *context, const struct souk_error *error);
    void *context;
    uint32_t window;       /* messages unanswered at a time; 0: the server's credit */
    int64_t outage_max_ms; /* 0: 60 s without any answer ends the stream */
};

struct souk_stock_stream;

/* Waits for the server's Opened. `*out_last_sequence`: go on behind it. */
SOUK_API enum souk_code
souk_stock_stream_open(struct souk_client *client,
                       const struct souk_stock_stream_options *options,
                       struct souk_stock_stream **out_stream, uint64_t *out_last_sequence,
                       struct souk_error *out_error);
/* The source's next updates, up to SOUK_BATCH_MAX; the first follows the last one sent, or
 * *out_last_sequence. Waits while the credit is used up. */
SOUK_API enum souk_code souk_stock_stream_send(struct souk_stock_stream *stream,
                                               const struct souk_stock_update *updates,
                                               size_t update_count,
                                               struct souk_error *out_error);
/* Waits until all that was sent is acknowledged. */
SOUK_API enum souk_code souk_stock_stream_drain(struct souk_stock_stream *stream,
                                                struct souk_error *out_error);
/* The same, and until the server has noted it down: a stream opened by anybody goes on
 * behind it. */
SOUK_API enum souk_code souk_stock_stream_barrier(struct souk_stock_stream *stream,
                                                  struct souk_error *out_error);
/* Abandons what is not acknowledged. NULL is fine. */
SOUK_API void souk_stock_stream_close(struct souk_stock_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
