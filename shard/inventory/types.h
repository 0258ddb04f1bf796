/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The nouns of a SKU shard, as they enter it in commands and leave it in outcomes and
 * answers: plain values and borrowed slices, no ownership. Numbers of the enums are those
 * of souk.v1 and of stored rows, so they never change.
 *
 * Times are Unix milliseconds of log time. An etag is a number other than 0 that changes
 * with every write of its row; 0 means "none given".
 */
#ifndef SOUK_SHARD_INVENTORY_TYPES_H
#define SOUK_SHARD_INVENTORY_TYPES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/slice.h"
#include "shard/base/status.h"

/* What a decoder and apply take at most; the edge's settings may be narrower. */
enum {
    INVENTORY_ID_BYTES_MAX = 128,
    INVENTORY_TEXT_BYTES_MAX = 4096,     /* a name, an attribute's text, an address */
    INVENTORY_REFERENCE_BYTES_MAX = 128, /* of a movement or a hold */
    INVENTORY_ATTRIBUTES_MAX = 1024,
    INVENTORY_CATEGORY_DEPTH_MAX = 32,
    INVENTORY_OPTIONS_MAX = 32,
    INVENTORY_GTINS_MAX = 64,
    INVENTORY_ALIASES_MAX = 64,
    INVENTORY_CHANNELS_MAX = 64,
    INVENTORY_HOLD_LINES_MAX = 10000,
    INVENTORY_COUNT_SUBMIT_MAX = 1000,   /* lines of one SubmitCount */
    INVENTORY_COUNT_LINES_MAX = 10000,   /* counted SKUs of one count in one shard */
    INVENTORY_SHORTAGES_MAX = 20,        /* lines that an INSUFFICIENT_STOCK names */
    INVENTORY_SOURCE_ITEMS_MAX = 100000, /* of one command of a stream */
    INVENTORY_HOLD_ID_TEXT_BYTES = 33,
    INVENTORY_ETAG_TEXT_BYTES = 16,
};

enum sku_state {
    SKU_STATE_UNSPECIFIED = 0, /* in a command: ACTIVE when new, else unchanged */
    SKU_STATE_DRAFT = 1,
    SKU_STATE_ACTIVE = 2,
    SKU_STATE_RETIRED = 3,
};

enum inventory_attribute_kind {
    INVENTORY_ATTRIBUTE_TEXT = 1,
    INVENTORY_ATTRIBUTE_NUMBER = 2,
    INVENTORY_ATTRIBUTE_FLAG = 3, /* number is 0 or 1 */
};

struct inventory_attribute {
    struct slice name;
    enum inventory_attribute_kind kind;
    struct slice text;
    int64_t number;
};

/* ISO 4217 and units + nanos / 1e9, both of one sign; an empty currency: no price. */
struct inventory_money {
    char currency[4]; /* NUL-terminated */
    int64_t units;
    int32_t nanos;
};

struct inventory_sku {
    struct slice sku_id;
    struct slice product_id;
    struct slice name;
    enum sku_state state;
    const struct inventory_attribute *attributes;
    uint32_t attribute_count;
    const struct slice *categories; /* from the root */
    uint32_t category_count;
    struct slice brand;
    struct inventory_money price;
    struct inventory_money cost;
    struct slice unit;
    uint32_t unit_exponent; /* quantities count 10^-unit_exponent units */
    const struct inventory_attribute *options;
    uint32_t option_count;
    const struct slice *gtins; /* as written; see inventory_identifier_canonical */
    uint32_t gtin_count;
    const struct slice *aliases;
    uint32_t alias_count;
    uint64_t etag;
    int64_t create_ms;
    int64_t update_ms;
};

/*
 * Whose an alias or a GTIN is. The row lies at the hash of the identifier, so one shard
 * decides for each, and also knows whether a SKU has it for an id. It says who may list
 * the identifier; whether they do is said by the SKU itself. So a reservation whose SKU was
 * never written resolves to nothing, and one that a SKU has given up stays its own: an
 * identifier is never pointed at another SKU.
 */
enum inventory_alias_state {
    INVENTORY_ALIAS_RESERVED = 1, /* the SKU is about to be written with it */
    INVENTORY_ALIAS_BOUND = 2,    /* it was; for ever its own */
};

struct inventory_alias {
    struct slice identifier; /* canonical */
    struct slice sku_id;
    enum inventory_alias_state state;
    uint64_t by; /* while RESERVED: the one request that did; 0: several, or none known */
};

enum location_type {
    LOCATION_TYPE_UNSPECIFIED = 0,
    LOCATION_TYPE_WAREHOUSE = 1,
    LOCATION_TYPE_STORE = 2,
    LOCATION_TYPE_SUPPLIER = 3,
    LOCATION_TYPE_TRANSIT = 4,
};

struct inventory_location {
    struct slice location_id;
    struct slice name;
    enum location_type type;
    struct slice address;
    int32_t latitude_e7;
    int32_t longitude_e7;
    struct slice time_zone;
    const struct slice *channels; /* all channels when none is named */
    uint32_t channel_count;
    uint64_t version; /* counts the writes at its home; copies take only a higher one */
    uint64_t etag;
    int64_t create_ms;
    int64_t update_ms;
};

/* The buckets of a level. The first four are souk.v1.StockBucket. */
enum stock_bucket {
    STOCK_BUCKET_ON_HAND = 1,
    STOCK_BUCKET_DAMAGED = 2,
    STOCK_BUCKET_QUALITY_CONTROL = 3,
    STOCK_BUCKET_INCOMING = 4,
    STOCK_BUCKET_SAFETY_STOCK = 5,
    STOCK_BUCKET_BACKORDER_LIMIT = 6,
    STOCK_BUCKET_HELD = 7,      /* moved by holds alone */
    STOCK_BUCKET_COMMITTED = 8, /* moved by holds alone */
    STOCK_BUCKET_COUNT = 9,     /* so that a bucket indexes an array; 0 is unused */
};

enum stock_reason {
    STOCK_REASON_UNSPECIFIED = 0, /* recorded as CORRECTION */
    STOCK_REASON_RECEIPT = 1,
    STOCK_REASON_SALE = 2,
    STOCK_REASON_RETURN = 3,
    STOCK_REASON_DAMAGE = 4,
    STOCK_REASON_LOSS = 5,
    STOCK_REASON_FOUND = 6,
    STOCK_REASON_COUNT = 7,
    STOCK_REASON_CORRECTION = 8,
    STOCK_REASON_IMPORT = 9,
    STOCK_REASON_HOLD = 10, /* from here on written by the shard alone */
    STOCK_REASON_COMMIT = 11,
    STOCK_REASON_RELEASE = 12,
    STOCK_REASON_EXPIRE = 13,
    STOCK_REASON_FULFIL = 14,
    STOCK_REASON_CANCEL = 15,
    STOCK_REASON_DELETE = 16, /* the SKU was deleted: what was left is set to 0 */
    STOCK_REASON_MOVE = 17,   /* a move that gave no reason of its own */
    STOCK_REASON_LAST = STOCK_REASON_MOVE,
};

/* The stock of one SKU at one location. */
struct inventory_level {
    struct slice sku_id;
    struct slice location_id;
    int64_t buckets[STOCK_BUCKET_COUNT]; /* none is ever negative */
    int64_t available; /* on_hand - held - committed - damaged - qc - safety_stock */
    int64_t shortfall; /* both cut to what int64 holds */
    uint64_t etag;
    int64_t update_ms;
};

enum hold_state {
    HOLD_STATE_UNSPECIFIED = 0,
    HOLD_STATE_HELD = 1,
    HOLD_STATE_COMMITTED = 2,
    HOLD_STATE_FULFILLED = 3,
    HOLD_STATE_RELEASED = 4,
    HOLD_STATE_EXPIRED = 5,
    HOLD_STATE_CANCELLED = 6,
    /* Over several shards, and never shown: not decided yet, and decided against. */
    HOLD_STATE_TENTATIVE = 7,
    HOLD_STATE_ABORTED = 8,
};

enum hold_mode {
    HOLD_MODE_ALL_OR_NOTHING = 1,
    HOLD_MODE_BEST_EFFORT = 2,
};

/* Minted at apply. The anchor (the hash of the first line's SKU) routes every later call;
 * as text "<16 hex anchor>-<16 hex unique>". {0, 0} means none. */
struct inventory_hold_id {
    uint64_t anchor;
    uint64_t unique;
};

struct inventory_hold_line {
    struct slice sku_id;
    struct slice location_id; /* empty in a command: the shard picks where most is */
    int64_t quantity;
    int64_t granted; /* set in answers; below quantity only with BEST_EFFORT */
};

struct inventory_shortage {
    uint32_t line;     /* the first line of this SKU and location; 0 for AdjustStock */
    int64_t requested; /* summed over its lines */
    int64_t available; /* never negative */
};

struct inventory_hold {
    struct inventory_hold_id hold_id;
    enum hold_state state;
    struct slice owner;
    struct slice reference;
    const struct inventory_hold_line *lines;
    uint32_t line_count;
    bool allow_backorder;
    int64_t create_ms;
    int64_t expire_ms; /* a hold is gone at this very millisecond */
    int64_t end_ms;    /* 0 while HELD or COMMITTED */
    bool unsettled;    /* shards of some lines have not applied this state yet */
};

/* Where a movement stands: unique, growing within a shard. {0, 0, 0} means none. */
struct ledger_position {
    uint64_t shard_id;
    uint64_t index;
    uint32_t sub;
};

/* Where a move between two locations of a SKU ends. */
struct inventory_leg {
    struct slice location_id; /* empty: the movement is of one level */
    int64_t before[STOCK_BUCKET_COUNT];
    int64_t after[STOCK_BUCKET_COUNT];
};

/* One immutable line of the ledger. */
struct inventory_movement {
    struct slice sku_id;
    struct slice location_id;
    enum stock_reason reason;
    struct slice reference;
    struct inventory_hold_id hold_id; /* {0, 0} when no hold moved it */
    uint64_t request_high,
        request_low; /* hash of the request id; 0 when the shard's own */
    int64_t before[STOCK_BUCKET_COUNT];
    int64_t after[STOCK_BUCKET_COUNT];
    int64_t log_ms;
    struct ledger_position position;
    struct ledger_position previous; /* the SKU's movement before this one */
    uint64_t sequence;               /* counts the SKU's movements from 1 */
    struct inventory_leg to;
};

/* A GTIN as its 14 digits, anything else as it is: what aliases and GTINs are kept and found
 * under. Copied into the arena. */
struct arena;
struct slice inventory_identifier_canonical(struct slice identifier, struct arena *arena);

/* Writes 33 characters and a NUL. */
void inventory_hold_id_format(struct inventory_hold_id id,
                              char out_text[INVENTORY_HOLD_ID_TEXT_BYTES + 1]);
/* NOT_FOUND for anything that inventory_hold_id_format does not write: such a hold never
 * was. */
MUST_USE enum status inventory_hold_id_parse(struct slice text,
                                             struct inventory_hold_id *out_id);

/* An etag as 16 hex digits and a NUL; and back: empty is 0 (none), anything foreign is
 * ETAG_MISMATCH, since no row has such an etag. */
void inventory_etag_format(uint64_t etag, char out_text[INVENTORY_ETAG_TEXT_BYTES + 1]);
MUST_USE enum status inventory_etag_parse(struct slice text, uint64_t *out_etag);

#endif
