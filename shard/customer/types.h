/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nouns of a customer shard, as they enter it in commands and leave it in outcomes
 * and answers: plain values and borrowed slices, no ownership. Numbers of the enums are
 * those of souk.v1 and of stored rows, so they never change. Times are Unix milliseconds.
 *
 * A customer (or visitor) is known by a pseudonym: 128 bits of a keyed HMAC of the clear
 * id, computed at the edge with the cluster's secret. The clear id stands in the profile
 * row alone.
 */
#ifndef SOUK_SHARD_CUSTOMER_TYPES_H
#define SOUK_SHARD_CUSTOMER_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/hash.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

/* What a decoder and apply take at most; the edge's settings may be narrower. */
enum {
    CUSTOMER_ID_BYTES_MAX = 128,
    CUSTOMER_SKU_ID_BYTES_MAX = 128,
    CUSTOMER_LOCATION_ID_BYTES_MAX = 128,
    CUSTOMER_EVENT_ID_BYTES_MAX = 64,
    CUSTOMER_SESSION_ID_BYTES_MAX = 128,
    CUSTOMER_DETAIL_BYTES_MAX = 256,
    CUSTOMER_TEXT_BYTES_MAX = 4096, /* an attribute's text */
    CUSTOMER_ATTRIBUTES_MAX = 1024,
    CUSTOMER_HISTORY_MAX = 1000, /* events in one answer */
};

/* Where a customer lives: the hash that routes, and whose top bits are the virtual
 * bucket. The pseudonym is itself a uniform keyed hash, so its high half serves. */
static inline uint64_t customer_hash(struct hash128 pseudonym)
{
    return pseudonym.high;
}

enum customer_event_kind {
    CUSTOMER_EVENT_VIEW = 1,
    CUSTOMER_EVENT_SEARCH = 2,
    CUSTOMER_EVENT_CART_ADD = 3,
    CUSTOMER_EVENT_CART_REMOVE = 4,
    CUSTOMER_EVENT_WISHLIST = 5,
    CUSTOMER_EVENT_PURCHASE = 6,
    CUSTOMER_EVENT_RETURN = 7,
    CUSTOMER_EVENT_RATING = 8,
    CUSTOMER_EVENT_IMPRESSION = 9,
    CUSTOMER_EVENT_CLICK = 10,
    CUSTOMER_EVENT_DISMISS = 11,
    CUSTOMER_EVENT_STORE_VISIT = 12,
    CUSTOMER_EVENT_KINDS = 13,
};

/* ISO 4217 and units + nanos / 1e9, both of one sign; an empty currency: no price. */
struct customer_money {
    char currency[4]; /* NUL-terminated */
    int64_t units;
    int32_t nanos;
};

struct customer_event {
    struct slice event_id; /* may be empty only with an import line */
    struct hash128 customer;
    enum customer_event_kind kind;
    uint64_t sku_hash;   /* key_hash of sku_id; 0 and no sku_id: without an item */
    struct slice sku_id; /* kept so that answers can be read by people */
    int64_t quantity;    /* 0 counts as 1 */
    struct customer_money price;
    int64_t occurred_ms;     /* clamped by apply: customer_clamp_ms */
    struct slice session_id; /* empty: sessions follow from pauses */
    struct slice detail;
    /* Where it happened; empty: not said. Whether there is such a location is not asked:
     * histories come before locations are set up, and stay when one is closed, and what a
     * shard of customers stores must not depend on what a shard of SKUs knows by then. */
    struct slice location_id;
    /* Import only: line > prev_line >= 0 are the place of this row, and of the import's
     * row before it that went to the same key range (0: none). line 0: not an import. */
    uint64_t line;
    uint64_t prev_line;
};

/* A standing action: an event with an item of a kind that makes sessions, less what a
 * CART_REMOVE or RETURN took back. */
struct customer_action {
    uint64_t sku_hash;
    int64_t at_ms;
    uint32_t quantity; /* still standing, at least 1 */
    uint8_t kind;      /* enum customer_event_kind */
};

enum customer_attribute_kind {
    CUSTOMER_ATTRIBUTE_TEXT = 1,
    CUSTOMER_ATTRIBUTE_NUMBER = 2,
    CUSTOMER_ATTRIBUTE_FLAG = 3, /* number is 0 or 1 */
};

struct customer_attribute {
    struct slice name;
    enum customer_attribute_kind kind;
    struct slice text;
    int64_t number;
};

struct customer_profile {
    struct slice customer_id; /* the clear id; empty while there is no profile row */
    const struct customer_attribute *attributes;
    uint32_t attribute_count;
    bool personalization_withdrawn; /* the own history must not shape recommendations */
    bool evidence_withdrawn;        /* the history must not count for others */
    uint64_t etag;                  /* not 0 once written; changes with every write */
    int64_t create_ms;
    int64_t update_ms;
    uint64_t event_count; /* events stored, of all kinds */
};

/* What an erasure took away, and the log entry that did it. All counts 0: nobody was
 * known under this id. */
struct customer_erasure {
    uint64_t log_index;
    int64_t log_ms;
    uint64_t events;   /* of all kinds */
    uint64_t sessions; /* that stood as evidence */
    bool profile;
};

/* Hashes [first, last], both included. */
struct customer_range {
    uint64_t first;
    uint64_t last;
};

#endif
