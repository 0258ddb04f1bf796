/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/histogram.h"

#include <string.h>

#include "shard/base/assert.h"

void histogram_init(struct histogram *histogram)
{
    memset(histogram, 0, sizeof *histogram);
    histogram->min = UINT64_MAX;
}

unsigned histogram_bucket(uint64_t value)
{
    unsigned magnitude, shift;
    if (value < HISTOGRAM_STEPS) {
        return (unsigned)value;
    }
    magnitude = 63u - (unsigned)__builtin_clzll(value);
    shift = magnitude - HISTOGRAM_STEP_BITS;
    return (shift + 1) * HISTOGRAM_STEPS +
           (unsigned)((value >> shift) & (HISTOGRAM_STEPS - 1));
}

uint64_t histogram_bucket_max(unsigned bucket)
{
    unsigned shift;
    uint64_t step;
    if (bucket < HISTOGRAM_STEPS) {
        return bucket;
    }
    shift = bucket / HISTOGRAM_STEPS - 1;
    step = HISTOGRAM_STEPS + bucket % HISTOGRAM_STEPS;
    return (step << shift) + (((uint64_t)1 << shift) - 1);
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
    histogram->counts[histogram_bucket(value)]++;
    histogram->count++;
    histogram->sum += value;
    histogram->min = value < histogram->min ? value : histogram->min;
    histogram->max = value > histogram->max ? value : histogram->max;
}

void histogram_merge(struct histogram *into, const struct histogram *from)
{
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        into->counts[i] += from->counts[i];
    }
    into->count += from->count;
    into->sum += from->sum;
    into->min = from->min < into->min ? from->min : into->min;
    into->max = from->max > into->max ? from->max : into->max;
}

uint64_t histogram_quantile(const struct histogram *histogram, double quantile)
{
    uint64_t rank, seen = 0;
    ASSERT(quantile >= 0 && quantile <= 1);
    if (histogram->count == 0) {
        return 0;
    }
    rank = (uint64_t)(quantile * (double)histogram->count);
    rank = rank >= histogram->count ? histogram->count - 1 : rank;
    for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
        seen += histogram->counts[i];
        if (seen > rank) {
            uint64_t edge = histogram_bucket_max(i);
            return edge < histogram->max ? edge : histogram->max;
        }
    }
    return histogram->max;
}
