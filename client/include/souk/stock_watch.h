/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Stock as it changes: WatchStock of souk.v1.StockService. Levels as they are, then every
 * change of them. A lost connection is opened again and goes on from the last token, so no
 * change is missed; one may come twice, known by (shard_id, log_index, log_sub).
 */
#ifndef SOUK_STOCK_WATCH_H
#define SOUK_STOCK_WATCH_H

#include <souk/stock.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Bits of the alerts of a change and of the alerts wanted. */
enum souk_stock_alert {
    SOUK_ALERT_LOW_STOCK = 1 << 1,
    SOUK_ALERT_REORDER_POINT = 1 << 2,
    SOUK_ALERT_BACK_IN_STOCK = 1 << 3,
    SOUK_ALERT_SHORTFALL = 1 << 4,
    SOUK_ALERT_HOLD_EXPIRED = 1 << 5,
};

struct souk_stock_watch_request {
    const char *const *sku_ids; /* all when empty; up to 1,000 */
    size_t sku_id_count;
    const char *const *location_ids; /* all when empty; up to 100 */
    size_t location_id_count;
    const char *resume_token; /* changes from there on; NULL: the levels first */
    bool changes_only;        /* no levels: changes from now on */
    uint32_t alerts;          /* only changes with one of these; 0: all */
    int64_t low_stock;        /* SOUK_ALERT_LOW_STOCK: available at or below it */
    int64_t reorder_point;    /* available and incoming at or below it; 0: none */
    int64_t outage_max_ms;    /* 0: 60 s without any answer end the watch */
};

struct souk_stock_change {
    struct souk_movement movement;
    uint32_t alerts;    /* of the level at location_id */
    uint32_t to_alerts; /* of the one at to_location_id, if it moved between locations */
};

/* One message; borrowed until the callback returns. */
struct souk_stock_watch_part {
    const struct souk_stock_level
        *levels; /* of the snapshot; again after an outage in it */
    size_t level_count;
    bool complete; /* all levels have come */
    const struct souk_stock_change *changes;
    size_t change_count;
    const char *resume_token; /* goes on behind this message; empty in the snapshot */
};

/* Neither levels nor changes: a sign of life with a token. False ends the watch. */
typedef bool souk_stock_on_watch(void *context, const struct souk_stock_watch_part *part);
/* On the caller's thread, a few times a second. False ends the watch. May be NULL. */
typedef bool souk_stock_on_pause(void *context);

/*
 * Waits and calls `on_watch` on a thread of the library, until one of the two says false
 * (CANCELLED), the server refuses, or is gone for too long. OUT_OF_RANGE: the token is too
 * old; metadata "oldest_token".
 */
SOUK_API enum souk_code souk_stock_watch(struct souk_client *client,
                                         const struct souk_stock_watch_request *request,
                                         souk_stock_on_watch *on_watch,
                                         souk_stock_on_pause *on_pause, void *context,
                                         struct souk_error *out_error);

#ifdef __cplusplus
}
#endif

#endif
