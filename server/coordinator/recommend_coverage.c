/* SPDX-License-Identifier: Apache-2.0 */
#include "server/coordinator/recommend_coverage.h"

bool coverage_init(struct coverage *coverage, const struct shard_map *map,
                   struct arena *arena)
{
    *coverage = (struct coverage){.map = map};
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        unsigned count = shard_map_count(map, table);
        coverage->ranges[table] =
            arena_zalloc(arena, (count + 1) * sizeof *coverage->ranges[table]);
        if (coverage->ranges[table] == NULL) {
            return false;
        }
    }
    return true;
}

void coverage_ask(struct coverage *coverage, enum shard_map_table table)
{
    if (coverage->asked[table]) {
        return;
    }
    coverage->asked[table] = true;
    for (unsigned i = 0; i < shard_map_count(coverage->map, table); i++) {
        coverage->ranges[table][i].outcome = COVERAGE_SKIPPED;
    }
}

void coverage_note(struct coverage *coverage, enum shard_map_table table, unsigned shard,
                   const struct coverage_range *what)
{
    struct coverage_range *range = &coverage->ranges[table][shard];
    bool first = range->outcome == COVERAGE_SKIPPED || range->outcome == COVERAGE_NONE;
    if (first || what->outcome > range->outcome) {
        range->outcome = what->outcome;
    }
    if (what->applied_index > range->applied_index) {
        range->applied_index = what->applied_index;
        range->log_time_ms = what->log_time_ms;
    }
    range->candidates += what->candidates;
    if (what->elapsed_us > range->elapsed_us) {
        range->elapsed_us = what->elapsed_us;
    }
}

enum coverage_outcome coverage_outcome_of(enum status status)
{
    if (status == STATUS_OK) {
        return COVERAGE_COMPLETE;
    }
    if (status == STATUS_OVERLOADED || status == STATUS_DISK_FULL) {
        return COVERAGE_SHED;
    }
    if (status == STATUS_OUTCOME_UNKNOWN) {
        return COVERAGE_TIMED_OUT;
    }
    return status == STATUS_TOO_LARGE ? COVERAGE_PARTIAL : COVERAGE_UNREACHABLE;
}

double coverage_fraction(const struct coverage *coverage)
{
    double least = 1.0;
    for (enum shard_map_table table = SHARD_MAP_SKU; table <= SHARD_MAP_CUSTOMER;
         table++) {
        double missed = 0.0;
        for (unsigned i = 0;
             coverage->asked[table] && i < shard_map_count(coverage->map, table); i++) {
            enum coverage_outcome outcome = coverage->ranges[table][i].outcome;
            if (outcome != COVERAGE_COMPLETE && outcome != COVERAGE_SKIPPED) {
                missed += shard_range_share(shard_map_range(coverage->map, table, i));
            }
        }
        /* Shares of many ranges add up with rounding: all missed is 0, never -1e-17. */
        least = 1.0 - missed < least ? 1.0 - missed : least;
    }
    return least > 1e-12 ? least : 0.0;
}
