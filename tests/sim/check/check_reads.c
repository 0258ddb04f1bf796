/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every level that was read, by whatever kind of read, stood so at the index it was read at.
 *
 * Right because reads are functions of the log: an answer stamped with an index shows the
 * state after all rows of the ledger up to it. Session reads are no part of the search for
 * an order (check_linear.c); this is what they are held to.
 */
#include <stdlib.h>

#include "shard/base/memory.h"
#include "tests/sim/check/check_private.h"

struct reads_seen {
    uint32_t sku, location;
    uint64_t index, number;
    int64_t on_hand, held, committed;
};

struct check_reads {
    struct check_report *report;
    struct reads_seen *seen;
    size_t count, capacity;
    bool sorted;
    size_t next[CHECK_SKUS_MAX][CHECK_LOCATIONS_MAX];
};

struct check_reads *check_reads_new(struct check_report *report)
{
    struct check_reads *reads = memory_zalloc(sizeof *reads);
    reads->report = report;
    return reads;
}

void check_reads_free(struct check_reads *reads)
{
    free(reads->seen);
    free(reads);
}

void check_reads_call(struct check_reads *reads, const struct check_call *call)
{
    const struct history_call *told = &call->told;
    if (call->open || call->failed || call->asked.op != HISTORY_OP_READ_LEVEL ||
        !told->has_level || told->index == 0) {
        return;
    }
    if (reads->count == CHECK_REQUESTS_MAX) {
        reads->report->forgotten++;
        return;
    }
    memory_reserve((void **)&reads->seen, &reads->capacity, reads->count + 1,
                   sizeof *reads->seen);
    reads->seen[reads->count++] =
        (struct reads_seen){.sku = call->asked.sku,
                            .location = call->asked.location,
                            .index = told->index,
                            .number = told->number,
                            .on_hand = told->buckets[HISTORY_ON_HAND],
                            .held = told->buckets[HISTORY_HELD],
                            .committed = told->buckets[HISTORY_COMMITTED]};
}

static int reads_compare(const void *a, const void *b)
{
    const struct reads_seen *left = a, *right = b;
    if (left->sku != right->sku) {
        return left->sku < right->sku ? -1 : 1;
    } else if (left->location != right->location) {
        return left->location < right->location ? -1 : 1;
    }
    return left->index < right->index ? -1 : left->index > right->index;
}

static void reads_sort(struct check_reads *reads)
{
    if (reads->sorted) {
        return;
    }
    reads->sorted = true;
    if (reads->count > 0) {
        qsort(reads->seen, reads->count, sizeof *reads->seen, reads_compare);
    }
    for (size_t i = reads->count; i > 0; i--) {
        const struct reads_seen *seen = &reads->seen[i - 1];
        reads->next[seen->sku][seen->location] = i; /* one behind the first */
    }
}

void check_reads_level(struct check_reads *reads, uint32_t sku, uint32_t location,
                       uint64_t before_index, const int64_t buckets[HISTORY_BUCKETS])
{
    reads_sort(reads);
    size_t *next = &reads->next[sku][location];
    while (*next > 0 && *next <= reads->count) {
        const struct reads_seen *seen = &reads->seen[*next - 1];
        if (seen->sku != sku || seen->location != location ||
            seen->index >= before_index) {
            return;
        }
        if (seen->on_hand != buckets[HISTORY_ON_HAND] ||
            seen->held != buckets[HISTORY_HELD] ||
            seen->committed != buckets[HISTORY_COMMITTED]) {
            check_fail(reads->report, CHECK_SESSION,
                       "SKU %u, location %u was read at index %lu as %ld/%ld/%ld "
                       "(operation %lu); the ledger has %ld/%ld/%ld",
                       sku, location, seen->index, seen->on_hand, seen->held,
                       seen->committed, seen->number, buckets[HISTORY_ON_HAND],
                       buckets[HISTORY_HELD], buckets[HISTORY_COMMITTED]);
        }
        ++*next;
    }
}
