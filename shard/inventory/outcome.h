/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What became of one command. Everything that `out` points at lives in the arena given to
 * inventory_apply, so it may be encoded after later commands have been applied.
 *
 * REQUEST_SEAL answers with the remembered outcome of the request and `replayed`, or with
 * CANCELLED and not `replayed`: it was never applied, and from now on never will be.
 */
#ifndef SOUK_SHARD_INVENTORY_OUTCOME_H
#define SOUK_SHARD_INVENTORY_OUTCOME_H

#include "shard/inventory/types.h"

/* Which field of the request a refusal is about. */
enum inventory_field {
    INVENTORY_FIELD_NONE = 0,
    INVENTORY_FIELD_SKU_ID = 1,
    INVENTORY_FIELD_LOCATION_ID = 2,
    INVENTORY_FIELD_QUANTITY = 3,
    INVENTORY_FIELD_HOLD_ID = 4,
    INVENTORY_FIELD_OWNER = 5,
    INVENTORY_FIELD_TTL = 6,
    INVENTORY_FIELD_ETAG = 7,
    INVENTORY_FIELD_REQUEST_ID = 8,
    INVENTORY_FIELD_OTHER = 9,       /* see inventory_command_check for its name */
    INVENTORY_FIELD_IDENTIFIER = 10, /* a GTIN or an alias */
};

struct inventory_outcome {
    enum status status;
    /* HOLD_CREATE, _FULFIL, _CANCEL over several shards: taken up and not decided yet; the
     * hold is there. INVENTORY_QUERY_OUTCOME tells how it ends. */
    bool pending;
    bool replayed;  /* remembered from an earlier apply; the same answer */
    bool duplicate; /* an import line applied before; status OK, nothing was done now */
    bool created;   /* upserts: it was new */
    bool has_level; /* ADJUST, SET; with STOCK_COMPARE_FAILED and ETAG_MISMATCH the
                       present */
    bool has_hold;  /* HOLD_*, also with refusals for the hold's state */
    bool has_sku;   /* SKU_UPSERT */
    bool has_location;
    bool
        has_alias; /* ALIAS_RESERVE: whose it is, also when it is another SKU's; SKU_UPSERT
                       refused for an identifier: which one, and whose */
    enum inventory_field field;
    uint32_t line;          /* index of the line, when `field` is one of a line */
    uint64_t etag;          /* of the row written */
    uint64_t expected_line; /* SEQUENCE_GAP: the lane's last line; resume after it */
    struct inventory_level level;
    /* A replay restores id, state, times and what was granted; the rest of a hold, a SKU
     * or a location is filled from the row as it is now, if it still stands. */
    struct inventory_hold hold;
    struct inventory_sku sku;
    struct inventory_location location;
    struct inventory_alias alias;
    struct inventory_shortage shortages[INVENTORY_SHORTAGES_MAX]; /* INSUFFICIENT_STOCK */
    uint32_t shortage_count;
    uint32_t shortages_omitted;
};

/* Was it refused for what may pass, so that a higher attempt of the same request may try
 * again, unless it is sealed? */
bool inventory_outcome_again(enum status status);

/* A sentence and a field path ("lines[3].quantity") for a refusal. */
void inventory_outcome_problem(const struct inventory_outcome *outcome,
                               struct problem *out_problem);

#endif
