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
    INVENTORY_QUERY_MOVEMENTS = 12,   /* of sku_ids[0], newest first, filtered by
                                       * location_ids[0] if given, paged; reads the store */
    INVENTORY_QUERY_LEDGER = 13, /* all movements from `from` on, oldest first, paged */
    INVENTORY_QUERY_COUNTERS = 14,
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

struct inventory_query {
    enum inventory_query_kind kind;
    const struct slice *sku_ids;
    uint32_t sku_count;
    const uint64_t *sku_hashes; /* AVAILABILITY may name SKUs by hash instead */
    uint32_t sku_hash_count;
    const struct slice *location_ids;
    uint32_t location_count;
    struct inventory_demand demand;
    bool
        as_known; /* AVAILABILITY: at once, from the state as it stands. A hold whose time
                    * has come counts until the shard's log says that it has ended. */
    struct inventory_hold_id hold_id;
    struct slice owner;
    struct slice identifier;
    struct ledger_position from;
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
    const struct slice *missing; /* SKU ids unknown here */
    uint32_t missing_count;
    bool has_alias;
    struct inventory_alias alias;
    bool missing_location; /* NOT_FOUND: the location is not there (the SKU may be) */
    struct inventory_counters counters;
    struct slice next_page_token;
    const struct inventory_outcome *outcome; /* OUTCOME */
    const uint64_t *pending_hashes; /* OUTCOME: SKUs whose shards have not applied it */
    uint32_t pending_count;
};

#endif
