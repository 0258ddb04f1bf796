/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What can be read from a SKU shard: pure functions of the applied log. Query and answer
 * are borrowed; what an answer points at lives in the arena given to inventory_read and
 * stays valid with it.
 *
 * Lists go in the order of (hash, id) unless said else; a page token is opaque bytes, and
 * a foreign one is BAD_TOKEN. An empty next_page_token ends the list.
 */
#ifndef SOUK_SHARD_INVENTORY_QUERY_H
#define SOUK_SHARD_INVENTORY_QUERY_H

#include "shard/inventory/types.h"

enum {
    INVENTORY_PAGE_SIZE_MAX = 1000,
    INVENTORY_PAGE_SIZE_DEFAULT = 100,
    INVENTORY_QUERY_IDS_MAX = 1000,
};

enum inventory_query_kind {
    INVENTORY_QUERY_SKU = 1,           /* sku_ids[0]; NOT_FOUND */
    INVENTORY_QUERY_SKU_BATCH = 2,     /* sku_ids; unknown ones in missing */
    INVENTORY_QUERY_SKU_LIST = 3,      /* paged */
    INVENTORY_QUERY_LOCATION = 4,      /* location_ids[0]; NOT_FOUND */
    INVENTORY_QUERY_LOCATION_LIST = 5, /* paged; copies too, unless homes_only */
    INVENTORY_QUERY_LEVEL = 6, /* sku_ids[0], location_ids[0]; NOT_FOUND: no such SKU or
                                * location; a level never written is all 0 */
    INVENTORY_QUERY_LEVEL_BATCH = 7, /* sku_ids, location_ids (none: all) */
    INVENTORY_QUERY_LEVEL_LIST =
        8, /* of sku_ids[0] or of all, paged, SKU then location id */
    INVENTORY_QUERY_AVAILABILITY = 9, /* what the recommender's VERIFIED check needs */
    INVENTORY_QUERY_HOLD = 10,        /* hold_id, owner (when not empty); NOT_FOUND */
    INVENTORY_QUERY_HOLD_LIST = 11,   /* owner, paged, in order of creation */
    INVENTORY_QUERY_MOVEMENTS = 12,   /* of sku_ids[0], newest first, paged; reads the
                                       * store. What `wanted` and location_ids[0] name */
    INVENTORY_QUERY_LEDGER = 13, /* likewise of all SKUs from `from` on, oldest first */
    INVENTORY_QUERY_COUNTERS = 14,
    INVENTORY_QUERY_CHECK = 20, /* sku_ids with check_lines, demand, location_ids, near */
    INVENTORY_QUERY_FEED = 40,  /* movements from `from` on, oldest first, of sku_hashes
                                * (ascending; none: all) and location_ids (none: all).
                                * RESUME_POINT_COMPACTED: `from` is older than keep_ms */
    INVENTORY_QUERY_OUTCOME = 60, /* of `asked`, once it is not pending and all shards of
                                   * its hold have applied it (HOLD_CREATE: once it is
                                   * decided); NOT_FOUND: not remembered */
    INVENTORY_QUERY_IDENTIFIER = 70, /* identifier: the SKU of this id, or whose alias or
                                      * GTIN it is (canonical);
                                      * neither is an answer too */
};

struct inventory_command;
struct inventory_outcome;

/* Which units count for an AVAILABILITY query. */
struct inventory_demand {
    struct slice channel; /* locations that serve it; empty: every location */
    int64_t quantity;     /* least available at one location; 0 counts as 1 */
    bool allow_backorder; /* counts the backorder limit as available */
};

/* What a CHECK wants of the SKU of the same index. */
struct inventory_check_line {
    int64_t quantity;         /* above 0 */
    struct slice location_id; /* empty: from anywhere that counts */
};

/* Which movements of the ledger are wanted, beside those of a location. */
struct inventory_movements_wanted {
    struct slice reference; /* exactly this one; empty: any */
    int64_t start_ms;       /* at this log time or later */
    int64_t end_ms;         /* before this log time; 0: no end */
};

struct inventory_query {
    enum inventory_query_kind kind;
    const struct slice *sku_ids;
    uint32_t sku_count;
    const uint64_t *sku_hashes; /* AVAILABILITY may name SKUs by hash instead */
    uint32_t sku_hash_count;
    const struct slice *location_ids;
    uint32_t location_count;
    struct inventory_demand demand;
    const struct inventory_check_line *check_lines; /* sku_count of them */
    int32_t near_latitude_e7; /* CHECK: take from nearby; both 0: where most is */
    int32_t near_longitude_e7;
    bool
        as_known; /* AVAILABILITY: at once, from the state as it stands. A hold whose time
                    * has come counts until the shard's log says that it has ended. */
    struct inventory_hold_id hold_id;
    struct slice owner;
    struct slice identifier;
    struct ledger_position from;
    struct inventory_movements_wanted wanted;
    int64_t keep_ms; /* FEED: log time that can be gone back; 0: all there is */
    bool homes_only;
    uint32_t page_size; /* 0: the default */
    struct slice page_token;
    const struct inventory_command *asked; /* OUTCOME */
};

/* One asked-for SKU, in the order of the query (by id first, then by hash). */
struct inventory_availability {
    bool found;
    bool sellable; /* ACTIVE and enough at one location */
    uint64_t sku_hash;
    const struct inventory_sku *sku; /* NULL when not found */
    int64_t available;               /* summed over matching locations, never negative */
    int64_t best_available;          /* most at one location, never negative */
    struct slice best_location_id;
};

/* One line of a CHECK, in its order. */
struct inventory_check {
    /* OK, NOT_FOUND, SKU_NOT_ACTIVE, or INSUFFICIENT_STOCK: no place has all of it */
    enum status status;
    bool missing_location;    /* NOT_FOUND is about the location */
    int64_t requested;        /* summed over the lines of this SKU and location */
    int64_t available;        /* summed over the locations that count */
    struct slice location_id; /* where it would be taken; most there is, if not enough */
    int64_t location_available;
    int64_t distance_m; /* -1: not known */
};

struct inventory_counters {
    uint64_t skus;
    uint64_t locations;
    uint64_t levels;
    int64_t units_on_hand; /* summed; cut at INT64_MAX */
    uint64_t holds_open;   /* HELD or COMMITTED */
    uint64_t holds_expired;
    uint64_t holds_unsettled; /* something is still to be told other shards, or asked */
    uint64_t movements;
    uint64_t requests;        /* remembered request ids */
    uint64_t request_bytes;   /* their memory */
    uint64_t imports;         /* lanes */
    uint64_t imports_refused; /* lines in them that wait to be taken */
    uint64_t memory_bytes;    /* rows in memory, about */
};

struct inventory_answer {
    enum status status;
    const struct inventory_sku *skus;
    uint32_t sku_count;
    const struct inventory_location *locations;
    uint32_t location_count;
    const struct inventory_level *levels;
    uint32_t level_count;
    const struct inventory_hold *holds;
    uint32_t hold_count;
    const struct inventory_movement *movements;
    uint32_t movement_count;
    const struct inventory_availability *availabilities;
    uint32_t availability_count;
    const struct inventory_check *checks;
    uint32_t check_count;
    const struct slice *missing; /* SKU ids unknown here */
    uint32_t missing_count;
    /* FEED: where to go on; index 0: behind all that is applied. With
     * RESUME_POINT_COMPACTED the oldest place to begin at. */
    struct ledger_position next;
    bool has_alias;
    struct inventory_alias alias;
    bool missing_location; /* NOT_FOUND: the location is not there (the SKU may be) */
    struct inventory_counters counters;
    struct slice next_page_token;
    const struct inventory_outcome *outcome; /* OUTCOME */
    const uint64_t *pending_hashes; /* OUTCOME: SKUs whose shards have not applied it */
    uint32_t pending_count;
};

/* What a movement is worth telling of, beside itself; numbered as souk.v1.StockAlert. */
enum inventory_alert {
    INVENTORY_ALERT_LOW_STOCK = 1,     /* available fell to `low_stock` or below */
    INVENTORY_ALERT_REORDER_POINT = 2, /* available and incoming fell so low */
    INVENTORY_ALERT_BACK_IN_STOCK = 3, /* available rose above 0 */
    INVENTORY_ALERT_SHORTFALL = 4,     /* more is promised than is there */
    INVENTORY_ALERT_HOLD_EXPIRED = 5,
    INVENTORY_ALERTS = 6,
};
struct inventory_thresholds {
    int64_t low_stock;
    int64_t reorder_point; /* 0: none */
};
/* A mask of 1u << enum inventory_alert, of the level at `location_id`; _to: of the second
 * level of a move between locations, else 0. */
uint32_t inventory_alerts(const struct inventory_movement *movement,
                          const struct inventory_thresholds *thresholds);
uint32_t inventory_alerts_to(const struct inventory_movement *movement,
                             const struct inventory_thresholds *thresholds);

#endif
