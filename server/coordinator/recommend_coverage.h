/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How complete an answer over shards is: one outcome per key range, and the share of the
 * key space that was heard.
 *
 * Pure. Owned by the flow that fills it.
 */
#ifndef SOUK_SERVER_COORDINATOR_RECOMMEND_COVERAGE_H
#define SOUK_SERVER_COORDINATOR_RECOMMEND_COVERAGE_H

#include <stdbool.h>
#include <stdint.h>

#include "server/coordinator/shard_map.h"
#include "shard/base/arena.h"
#include "shard/base/status.h"

/* Numbered as CoverageOutcome on the wire. A higher one of a range replaces a lower. */
enum coverage_outcome {
    COVERAGE_NONE = 0,
    COVERAGE_COMPLETE = 1,
    COVERAGE_PARTIAL = 2,
    COVERAGE_TIMED_OUT = 3,
    COVERAGE_UNREACHABLE = 4,
    COVERAGE_SHED = 5,
    COVERAGE_STALE = 6,
    COVERAGE_SKIPPED = 7, /* nothing was to be asked of it */
};

struct coverage_range {
    enum coverage_outcome outcome;
    uint64_t applied_index;
    int64_t log_time_ms;
    uint64_t candidates;
    uint64_t elapsed_us; /* of its slowest answer */
};

/* One table's ranges, in the map's order. */
struct coverage {
    const struct shard_map *map;
    bool asked[SHARD_MAP_TABLES];
    struct coverage_range *ranges[SHARD_MAP_TABLES];
};

/* False past the arena's limit. */
bool coverage_init(struct coverage *coverage, const struct shard_map *map,
                   struct arena *arena);
/* The table takes part: its ranges that are never heard of are SKIPPED. */
void coverage_ask(struct coverage *coverage, enum shard_map_table table);
/* The worst outcome of a range stands, but for NONE. */
void coverage_note(struct coverage *coverage, enum shard_map_table table, unsigned shard,
                   const struct coverage_range *what);
/* How a range counts whose question was refused or ended so. */
enum coverage_outcome coverage_outcome_of(enum status status);
/* The share of the key space that was heard (COMPLETE) or not needed (SKIPPED): the least
 * over the tables asked; 1 when none was. */
double coverage_fraction(const struct coverage *coverage);

#endif
