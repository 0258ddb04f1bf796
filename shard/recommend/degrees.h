/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Global degrees: n_i, in how many sessions an item is, and P, the sum of all n_i. Each
 * customer shard owns its own vector and publishes what changed, versioned by its applied
 * index; whoever ranks adds the vectors of all shards in a degree_table.
 *
 * Changes are counted per period of time (of the session's end), so the table also knows
 * what is popular of late: integer decay, halved per period.
 *
 * A vector may be kept by place: then an item counts at each place (the hash of a location's
 * id) by itself, and a table lists what was counted there. Place 0 is no place.
 *
 * A delta is a value: moved between threads by mailbox, or encoded for another node. A
 * table belongs to one thread.
 */
#ifndef SOUK_SHARD_RECOMMEND_DEGREES_H
#define SOUK_SHARD_RECOMMEND_DEGREES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/buffer.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

enum {
    DEGREE_PERIODS = 8, /* kept apart per item: the 7 newest, and one for clocks ahead */
    DEGREE_SHARDS_MAX = 4096,
    DEGREE_DELTA_VERSION = 1,
    DEGREE_DELTA_VERSION_PLACES = 2, /* of a delta that names places, alone */
    DEGREE_POPULAR_MAX = 1000,
    /* Above so many items a list of the popular may be so old, below it never is. */
    DEGREE_POPULAR_SCAN_MAX = 8192,
    DEGREE_POPULAR_AGE_MAX_MS = 1000,
};
#define DEGREE_PERIOD_MS ((int64_t)7 * 24 * 60 * 60 * 1000)

struct degree_change {
    uint64_t place; /* 0: counted without */
    uint64_t sku_hash;
    int64_t period; /* floor(session end / DEGREE_PERIOD_MS) */
    int64_t change; /* sessions more (or fewer) with this item in this period */
};

/* Sorted by (place, sku_hash, period), each of them once, no change of 0. */
struct degree_delta {
    bool whole;            /* counts from nothing: replaces what the shard said before */
    uint64_t from_version; /* else: the version of the delta before this one */
    uint64_t version;
    struct degree_change *changes; /* owned */
    size_t change_count;
};

void degree_delta_close(struct degree_delta *delta);
/* Appends the bytes. */
void degree_delta_encode(const struct degree_delta *delta, struct buffer *out);
/* CHECKSUM when malformed, VERSION when newer. */
MUST_USE enum status degree_delta_decode(struct slice bytes,
                                         struct degree_delta *out_delta);

struct degree_table;

struct degree_table *degree_table_new(void);
void degree_table_free(struct degree_table *table);
/* Adds a shard's delta. A whole one replaces all that the shard has said (a new leader
 * starts over); SEQUENCE_GAP when from_version is not the version the table has of this
 * shard (0 of an unknown one): ask for a whole one. QUANTITY_LIMIT past
 * DEGREE_SHARDS_MAX. */
MUST_USE enum status degree_table_apply(struct degree_table *table, uint64_t shard_id,
                                        const struct degree_delta *delta);
/* Forgets a shard. */
void degree_table_drop(struct degree_table *table, uint64_t shard_id);

int64_t degree_table_items(const struct degree_table *table, uint64_t sku_hash); /* n_i */
/* ln(max(1, n_i)), kept ready. */
double degree_table_log(const struct degree_table *table, uint64_t sku_hash);
/* A look-up of this item comes soon. */
void degree_table_prefetch(const struct degree_table *table, uint64_t sku_hash);
int64_t degree_table_total(const struct degree_table *table); /* P */
/* The version held of a shard; 0 none. */
uint64_t degree_table_version(const struct degree_table *table, uint64_t shard_id);

/* The items counted at a place, in no order, each once; some of them may count 0 by now.
 * Borrowed until the table changes. */
const uint64_t *degree_table_place_items(const struct degree_table *table, uint64_t place,
                                         size_t *out_count);
/* Differs whenever what is counted at a place may differ; of place 0: in all the table. */
uint64_t degree_table_stamp(const struct degree_table *table, uint64_t place);

/* Bytes of memory that a shard's vector takes here, its part of the sum included, about. */
uint64_t degree_table_shard_bytes(const struct degree_table *table, uint64_t shard_id);

struct degree_popular {
    uint64_t sku_hash;
    int64_t score;    /* n_i + sum over the 7 newest periods of sessions * 2^(6 - age) */
    int64_t sessions; /* n_i */
};
/* The most popular items, score descending, then hash; at most DEGREE_POPULAR_MAX.
 * Borrowed until the next call on this table. */
const struct degree_popular *degree_table_popular(struct degree_table *table,
                                                  int64_t now_ms, size_t *out_count);

#endif
