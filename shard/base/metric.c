/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/metric.h"

#include <stdatomic.h>
#include <stdio.h>

#include "shard/base/assert.h"

static const uint64_t metric_buckets_us[] = {
    50,    100,   250,   500,    1000,   2500,   5000,
    10000, 25000, 50000, 100000, 250000, 500000, 1000000,
};

enum {
    METRIC_BUCKETS = sizeof metric_buckets_us / sizeof metric_buckets_us[0],
};

struct metric_row {
    enum metric_kind kind;
    const char *name;
    const char *help;
};

static const struct metric_row metric_rows[METRIC_COUNT] = {
#define METRIC_ROW(identifier, kind, name, help)                                         \
    [METRIC_##identifier] = {METRIC_KIND_##kind, name, help},
    METRIC_TABLE(METRIC_ROW)
#undef METRIC_ROW
};

static struct {
    _Atomic int64_t value; /* counter or gauge; a histogram's count */
    _Atomic uint64_t sum;
    _Atomic uint64_t buckets[METRIC_BUCKETS];
} metric_cells[METRIC_COUNT];

void metric_add(enum metric metric, uint64_t amount)
{
    ASSERT(metric_rows[metric].kind == METRIC_KIND_COUNTER);
    atomic_fetch_add_explicit(&metric_cells[metric].value, (int64_t)amount,
                              memory_order_relaxed);
}

void metric_gauge_add(enum metric metric, int64_t change)
{
    ASSERT(metric_rows[metric].kind == METRIC_KIND_GAUGE);
    atomic_fetch_add_explicit(&metric_cells[metric].value, change, memory_order_relaxed);
}

void metric_gauge_set(enum metric metric, int64_t value)
{
    ASSERT(metric_rows[metric].kind == METRIC_KIND_GAUGE);
    atomic_store_explicit(&metric_cells[metric].value, value, memory_order_relaxed);
}

void metric_observe_us(enum metric metric, uint64_t microseconds)
{
    ASSERT(metric_rows[metric].kind == METRIC_KIND_HISTOGRAM);
    atomic_fetch_add_explicit(&metric_cells[metric].value, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&metric_cells[metric].sum, microseconds,
                              memory_order_relaxed);
    for (unsigned i = 0; i < METRIC_BUCKETS; i++) {
        if (microseconds <= metric_buckets_us[i]) {
            atomic_fetch_add_explicit(&metric_cells[metric].buckets[i], 1,
                                      memory_order_relaxed);
            return;
        }
    }
}

int64_t metric_value(enum metric metric)
{
    return atomic_load_explicit(&metric_cells[metric].value, memory_order_relaxed);
}

static void metric_print(struct buffer *out, const char *name, const char *suffix,
                         uint64_t edge, int64_t value)
{
    char line[256];
    int size;
    if (edge > 0) {
        size = snprintf(line, sizeof line, "%s%s{le=\"%llu\"} %lld\n", name, suffix,
                        (unsigned long long)edge, (long long)value);
    } else {
        size = snprintf(line, sizeof line, "%s%s %lld\n", name, suffix, (long long)value);
    }
    buffer_append(out, line, (size_t)size);
}

static void metric_render_histogram(struct buffer *out, enum metric metric)
{
    const char *name = metric_rows[metric].name;
    char infinite[128];
    uint64_t below = 0;
    int size;
    /* The count is read first: a reader never sees a bucket above +Inf by more than what
     * arrives meanwhile, and the last line repeats what the buckets add up to. */
    int64_t count = metric_value(metric);
    for (unsigned i = 0; i < METRIC_BUCKETS; i++) {
        below +=
            atomic_load_explicit(&metric_cells[metric].buckets[i], memory_order_relaxed);
        metric_print(out, name, "_bucket", metric_buckets_us[i], (int64_t)below);
    }
    count = count > (int64_t)below ? count : (int64_t)below;
    size = snprintf(infinite, sizeof infinite, "%s_bucket{le=\"+Inf\"} %lld\n", name,
                    (long long)count);
    buffer_append(out, infinite, (size_t)size);
    metric_print(
        out, name, "_sum", 0,
        (int64_t)atomic_load_explicit(&metric_cells[metric].sum, memory_order_relaxed));
    metric_print(out, name, "_count", 0, count);
}

void metric_render(struct buffer *out)
{
    static const char *const kinds[] = {"counter", "gauge", "histogram"};
    for (unsigned i = 0; i < METRIC_COUNT; i++) {
        const struct metric_row *row = &metric_rows[i];
        char head[512];
        int size = snprintf(head, sizeof head, "# HELP %s %s\n# TYPE %s %s\n", row->name,
                            row->help, row->name, kinds[row->kind]);
        ASSERT(size > 0 && (size_t)size < sizeof head);
        buffer_append(out, head, (size_t)size);
        if (row->kind == METRIC_KIND_HISTOGRAM) {
            metric_render_histogram(out, (enum metric)i);
        } else {
            metric_print(out, row->name, "", 0, metric_value((enum metric)i));
        }
    }
}
