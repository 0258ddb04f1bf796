/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/load/load_stats.h"

#include <stdio.h>
#include <string.h>

#include "shard/base/assert.h"

static void load_cell_init(struct load_cell *cell)
{
    memset(cell, 0, sizeof *cell);
    for (unsigned kind = 0; kind < LOAD_KINDS; kind++) {
        histogram_init(&cell->kinds[kind].latency_us);
    }
}

void load_stats_init(struct load_stats *stats)
{
    for (unsigned i = 0; i < LOAD_CELLS; i++) {
        load_cell_init(&stats->cells[i]);
        ASSERT(pthread_mutex_init(&stats->cells[i].lock, NULL) == 0);
    }
}

void load_stats_close(struct load_stats *stats)
{
    for (unsigned i = 0; i < LOAD_CELLS; i++) {
        pthread_mutex_destroy(&stats->cells[i].lock);
    }
}

static void load_reason_add(struct load_cell *cell, const char *name, uint64_t count)
{
    struct load_reason *reason = cell->reasons;
    struct load_reason *last = &cell->reasons[LOAD_REASONS_MAX - 1];
    while (reason < last && reason->count > 0 && strcmp(reason->name, name) != 0) {
        reason++;
    }
    if (reason->count == 0) {
        snprintf(reason->name, sizeof reason->name, "%s", reason < last ? name : "OTHER");
    }
    reason->count += count;
}

void load_cell_fail(struct load_cell *cell, const char *reason)
{
    load_reason_add(cell, reason[0] != '\0' ? reason : "UNNAMED", 1);
}

void load_stats_sum(struct load_stats *stats, struct load_cell *out_sum)
{
    load_cell_init(out_sum);
    for (unsigned i = 0; i < LOAD_CELLS; i++) {
        const struct load_cell *cell = &stats->cells[i];
        for (unsigned kind = 0; kind < LOAD_KINDS; kind++) {
            struct load_counts *into = &out_sum->kinds[kind];
            into->calls += cell->kinds[kind].calls;
            into->items += cell->kinds[kind].items;
            into->failed += cell->kinds[kind].failed;
            into->shown += cell->kinds[kind].shown;
            histogram_merge(&into->latency_us, &cell->kinds[kind].latency_us);
        }
        for (unsigned r = 0; r < LOAD_REASONS_MAX && cell->reasons[r].count > 0; r++) {
            load_reason_add(out_sum, cell->reasons[r].name, cell->reasons[r].count);
        }
    }
}
