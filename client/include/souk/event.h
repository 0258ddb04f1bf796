/* SPDX-License-Identifier: Apache-2.0 */
/* What customers did: souk.v1.EventService. Durable when acknowledged. */
#ifndef SOUK_EVENT_H
#define SOUK_EVENT_H

#include <souk/common.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_event_kind {
    SOUK_EVENT_KIND_UNSPECIFIED = 0,
    SOUK_EVENT_VIEW = 1,
    SOUK_EVENT_SEARCH = 2,
    SOUK_EVENT_CART_ADD = 3,
    SOUK_EVENT_CART_REMOVE = 4,
    SOUK_EVENT_WISHLIST = 5,
    SOUK_EVENT_PURCHASE = 6,
    SOUK_EVENT_RETURN = 7,
    SOUK_EVENT_RATING = 8,
    SOUK_EVENT_IMPRESSION = 9,
    SOUK_EVENT_CLICK = 10,
    SOUK_EVENT_DISMISS = 11,
    SOUK_EVENT_STORE_VISIT = 12,
};

struct souk_event {
    const char *event_id;    /* NULL: made up (a UUIDv7) */
    const char *customer_id; /* either this ... */
    const char *visitor_id;  /* ... or this */
    enum souk_event_kind kind;
    const char *sku_id;
    const char *session_id;
    int64_t quantity;
    struct souk_money price;
    int64_t occurred_time_ms; /* 0: the time of arrival */
    const char *detail;
    const char *location_id; /* where it happened; NULL: not said */
};

struct souk_event_record_request {
    const struct souk_event *events; /* up to SOUK_BATCH_MAX */
    size_t event_count;
};

struct souk_event_failure {
    uint32_t index; /* position in the request, from 0 */
    struct souk_item_status status;
};

struct souk_event_record_reply {
    struct souk_answer answer;
    uint32_t stored;
    uint32_t duplicates;
    const struct souk_event_failure *failures;
    size_t failure_count;
};

SOUK_CALL(event_record, souk_event_record_request, souk_event_record_reply);

/*
 * Events as a stream of messages. A lost connection is opened again and what was not
 * acknowledged is sent again (event_ids make that harmless); events without an event_id
 * get one before they are first sent. One thread sends; `on_ack` runs on a thread of the
 * library, in order, and must not block.
 */
struct souk_event_stream;

struct souk_event_ack {
    uint64_t sequence; /* which message, from 1 */
    uint32_t stored;
    uint32_t duplicates;
    const struct souk_event_failure *failures;
    size_t failure_count;
};

struct souk_event_stream_options {
    void (*on_ack)(void *context, const struct souk_event_ack *ack); /* may be NULL */
    void *context;
    uint32_t window;       /* 0: 16; messages unanswered before send waits */
    int64_t outage_max_ms; /* 0: 60 s without any answer ends the stream */
};

SOUK_API enum souk_code souk_event_stream_open(
    struct souk_client *client, const struct souk_event_stream_options *options,
    struct souk_event_stream **out_stream, struct souk_error *out_error);
/* Waits while the window is full. */
SOUK_API enum souk_code souk_event_stream_send(struct souk_event_stream *stream,
                                               const struct souk_event *events,
                                               size_t event_count,
                                               struct souk_error *out_error);
/* Waits until all that was sent is acknowledged. */
SOUK_API enum souk_code souk_event_stream_drain(struct souk_event_stream *stream,
                                                struct souk_error *out_error);
/* Abandons what is not acknowledged. NULL is fine. */
SOUK_API void souk_event_stream_close(struct souk_event_stream *stream);

#ifdef __cplusplus
}
#endif

#endif
