/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a load has seen. Callbacks of several threads count into a few locked cells, which
 * are added up at the end.
 */
#ifndef SOUK_BENCH_LOAD_LOAD_STATS_H
#define SOUK_BENCH_LOAD_LOAD_STATS_H

#include <pthread.h>
#include <stdint.h>

#include "bench/load/mix.h"
#include "shard/base/histogram.h"

enum {
    LOAD_CELLS = 8,
    LOAD_REASONS_MAX = 24,
    LOAD_REASON_BYTES = 48,
};

struct load_reason {
    char name[LOAD_REASON_BYTES];
    uint64_t count;
};

struct load_counts {
    uint64_t calls;  /* messages answered */
    uint64_t items;  /* operations in them that ended OK */
    uint64_t failed; /* and those that did not */
    uint64_t shown;  /* items recommended */
    struct histogram latency_us;
};

struct load_cell {
    pthread_mutex_t lock;
    struct load_counts kinds[LOAD_KINDS];
    struct load_reason reasons[LOAD_REASONS_MAX]; /* warm-up included */
};

struct load_stats {
    struct load_cell cells[LOAD_CELLS];
};

void load_stats_init(struct load_stats *stats);
void load_stats_close(struct load_stats *stats);
/* Under the cell's lock. The last line gathers the reasons beyond the room. */
void load_cell_fail(struct load_cell *cell, const char *reason);
/* Adds up all cells; no other thread counts any more. */
void load_stats_sum(struct load_stats *stats, struct load_cell *out_sum);

#endif
