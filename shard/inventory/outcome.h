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
    INVENTORY_FIELD_TO_LOCATION_ID = 20,
    INVENTORY_FIELD_COUNT_ID = 21,
    INVENTORY_FIELD_LAST = INVENTORY_FIELD_COUNT_ID,
};

/* What a count became in one shard. */
struct inventory_count_totals {
    struct slice location_id;
    int64_t start_ms;
    uint64_t lines;   /* counted */
    uint64_t changed; /* posted a movement */
    uint64_t missing; /* their SKU is gone: not posted */
    uint64_t cut;  /* more was missing than is left: set to 0 (or at the end of int64) */
    int64_t found; /* units; both cut to what int64 holds */
    int64_t lost;
};

/* An item of a stream that was refused, now or as it came first. */
struct inventory_source_failure {
    uint64_t sequence;
    enum status status;
    enum inventory_field field;
    bool repeated;                /* told from memory: without numbers */
    int64_t requested, available; /* INSUFFICIENT_STOCK */
};

/* Of the commands of streams. UPDATE: also with a refusal of the rest (SEQUENCE_GAP,
 * QUANTITY_LIMIT, EPOCH_CHANGED): what is counted here stands. */
struct inventory_source_outcome {
    uint64_t incarnation; /* OPEN */
    uint64_t through;     /* OPEN at home */
    uint64_t last;        /* of the lane, after the command */
    uint32_t applied;     /* changed now, or found as they were to become */
    uint32_t duplicates;  /* decided before */
    uint32_t superseded;  /* a later one of this source had come before */
    uint32_t skipped;     /* their SKU is not there, and that is no refusal */
    bool stopped;         /* the last failure is not settled, nor is what follows it */
    const struct inventory_source_failure *failures;
    uint32_t failure_count;
};

struct inventory_outcome {
    enum status status;
    /* HOLD_CREATE, _FULFIL, _CANCEL over several shards: taken up and not decided yet; the
     * hold is there. INVENTORY_QUERY_OUTCOME tells how it ends. */
    bool pending;
    bool replayed;  /* remembered from an earlier apply; the same answer */
    bool duplicate; /* an import line applied before; status OK, nothing was done now */
    bool created;   /* upserts: it was new */
    bool has_level; /* ADJUST, SET, MOVE; with STOCK_COMPARE_FAILED and ETAG_MISMATCH the
                       present */
    bool has_level_to; /* MOVE: the level that the units came to, if it is another */
    bool has_hold;     /* HOLD_*, also with refusals for the hold's state */
    bool has_sku;      /* SKU_UPSERT */
    bool has_location;
    bool has_count; /* COUNT_* */
    bool
        has_alias; /* ALIAS_RESERVE: whose it is, also when it is another SKU's; SKU_UPSERT
                       refused for an identifier: which one, and whose */
    enum inventory_field field;
    uint32_t line;          /* index of the line, when `field` is one of a line */
    uint64_t etag;          /* of the row written */
    uint64_t expected_line; /* SEQUENCE_GAP: the lane's last line; resume after it */
    struct inventory_level level;
    struct inventory_level level_to;
    struct inventory_count_totals count;
    /* A replay restores id, state, times and what was granted; the rest of a hold, a SKU
     * or a location is filled from the row as it is now, if it still stands. */
    struct inventory_hold hold;
    struct inventory_sku sku;
    struct inventory_location location;
    struct inventory_alias alias;
    struct inventory_shortage shortages[INVENTORY_SHORTAGES_MAX]; /* INSUFFICIENT_STOCK */
    uint32_t shortage_count;
    uint32_t shortages_omitted;
    struct inventory_source_outcome source; /* SOURCE_* */
};

/* Was it refused for what may pass, so that a higher attempt of the same request may try
 * again, unless it is sealed? */
bool inventory_outcome_again(enum status status);

/* A sentence and a field path ("lines[3].quantity") for a refusal. */
void inventory_outcome_problem(const struct inventory_outcome *outcome,
                               struct problem *out_problem);

#endif
