/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files brought in, each row once, for ever: souk.v1.ImportService. A row's identity is
 * the import_id (a digest of the file and the pass over it) and its line; the same rows
 * sent again change nothing. A lost connection is opened again and what was not
 * acknowledged is sent again. One thread sends; callbacks run on a thread of the library,
 * in order, and must not block.
 */
#ifndef SOUK_IMPORT_H
#define SOUK_IMPORT_H

#include <souk/catalog.h>
#include <souk/customer.h>
#include <souk/event.h>
#include <souk/location.h>

#ifdef __cplusplus
extern "C" {
#endif

enum souk_import_kind {
    SOUK_IMPORT_LOCATION = 2, /* the field numbers of ImportRow.record */
    SOUK_IMPORT_SKU = 3,
    SOUK_IMPORT_STOCK = 4,
    SOUK_IMPORT_CUSTOMER = 5,
    SOUK_IMPORT_EVENT = 6,
};

/* Opening stock: writes on_hand of a level. */
struct souk_import_stock {
    const char *sku_id;
    const char *location_id;
    int64_t on_hand;
    const char *reference;
};

struct souk_import_row {
    uint64_t line; /* greater than the row before it */
    enum souk_import_kind kind;
    union {
        struct souk_location location;
        struct souk_sku sku;
        struct souk_import_stock stock;
        struct souk_customer customer;
        struct souk_event event;
    } record;
    const char *const *update_mask; /* SKU: fields to write; all when empty */
    size_t update_mask_count;
};

struct souk_import_failure {
    uint64_t line;
    struct souk_item_status status;
};

struct souk_import_ack {
    uint64_t through_line; /* every row up to here is durable, or refused below */
    uint32_t applied;
    uint32_t duplicates;
    const struct souk_import_failure *failures;
    size_t failure_count;
};

struct souk_import_options {
    const char *import_id; /* 1-128 characters */
    void (*on_ack)(void *context, const struct souk_import_ack *ack); /* may be NULL */
    /* The connection was lost and is being opened again. May be NULL. */
    void (*on_retry)(void *context, const struct souk_error *error);
    void *context;
    uint32_t window;       /* 0: the server's credit */
    int64_t outage_max_ms; /* 0: 60 s without any answer ends the import */
};

struct souk_import;

/* Waits for the server's Opened. */
SOUK_API enum souk_code souk_import_open(struct souk_client *client,
                                         const struct souk_import_options *options,
                                         struct souk_import **out_import,
                                         struct souk_error *out_error);
/* Up to SOUK_BATCH_MAX rows in one message; waits while the credit is used up. */
SOUK_API enum souk_code souk_import_send(struct souk_import *import,
                                         const struct souk_import_row *rows,
                                         size_t row_count, struct souk_error *out_error);
/* Waits until all that was sent is acknowledged. */
SOUK_API enum souk_code souk_import_drain(struct souk_import *import,
                                          struct souk_error *out_error);
/* Abandons what is not acknowledged. NULL is fine. */
SOUK_API void souk_import_close(struct souk_import *import);

#ifdef __cplusplus
}
#endif

#endif
