/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log-linear histogram (the idea of HdrHistogram, Gil Tene): 32 steps per power of two,
 * so a quantile is within 3.2% of the truth at every size. One writer; snapshot by copy.
 */
#ifndef SOUK_SHARD_BASE_HISTOGRAM_H
#define SOUK_SHARD_BASE_HISTOGRAM_H

#include <stdint.h>

enum {
    HISTOGRAM_STEP_BITS = 5,
    HISTOGRAM_STEPS = 1 << HISTOGRAM_STEP_BITS,
    HISTOGRAM_BUCKETS = HISTOGRAM_STEPS * (64 - HISTOGRAM_STEP_BITS + 1),
};

struct histogram {
    uint64_t counts[HISTOGRAM_BUCKETS];
    uint64_t count;
    uint64_t sum;
    uint64_t min;
    uint64_t max;
};

void histogram_init(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);
void histogram_merge(struct histogram *into, const struct histogram *from);
/* The upper edge of the bucket that holds the quantile (0..1), never above max; 0 if
 * empty. */
uint64_t histogram_quantile(const struct histogram *histogram, double quantile);
/* Where a value is counted, and the largest value counted there. */
unsigned histogram_bucket(uint64_t value);
uint64_t histogram_bucket_max(unsigned bucket);

#endif
