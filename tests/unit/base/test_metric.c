/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/base/metric.h"

#include <pthread.h>

#include "tests/lib/test.h"

static const char *rendered(struct buffer *buffer)
{
    buffer_clear(buffer);
    metric_render(buffer);
    buffer_append(buffer, "", 1);
    return (const char *)buffer->data;
}

TEST(metric, every_line_of_the_table_is_rendered_with_help_and_type)
{
    struct buffer buffer;
    const char *text;
    buffer_init(&buffer);
    text = rendered(&buffer);
#define EXPECT_RENDERED(identifier, kind, name, help)                                    \
    EXPECT(strstr(text, "# HELP " name " " help "\n# TYPE " name " ") != NULL);
    METRIC_TABLE(EXPECT_RENDERED)
#undef EXPECT_RENDERED
    buffer_close(&buffer);
}

TEST(metric, counters_and_gauges_move)
{
    struct buffer buffer;
    int64_t before = metric_value(METRIC_RPC_STARTED);
    buffer_init(&buffer);
    metric_add(METRIC_RPC_STARTED, 3);
    EXPECT_EQ(metric_value(METRIC_RPC_STARTED), before + 3);
    metric_gauge_set(METRIC_HOLDS_OPEN, 5);
    metric_gauge_add(METRIC_HOLDS_OPEN, -7);
    EXPECT_EQ(metric_value(METRIC_HOLDS_OPEN), -2);
    EXPECT(strstr(rendered(&buffer), "\nsouk_holds_open -2\n") != NULL);
    buffer_close(&buffer);
}

TEST(metric, histogram_buckets_are_cumulative_and_end_with_the_count)
{
    struct buffer buffer;
    const char *text;
    buffer_init(&buffer);
    metric_observe_us(METRIC_LOG_SYNC_LATENCY, 50);
    metric_observe_us(METRIC_LOG_SYNC_LATENCY, 51);
    metric_observe_us(METRIC_LOG_SYNC_LATENCY, 9000000);
    text = rendered(&buffer);
    EXPECT(strstr(text, "souk_log_sync_latency_us_bucket{le=\"50\"} 1\n") != NULL);
    EXPECT(strstr(text, "souk_log_sync_latency_us_bucket{le=\"100\"} 2\n") != NULL);
    EXPECT(strstr(text, "souk_log_sync_latency_us_bucket{le=\"1000000\"} 2\n") != NULL);
    EXPECT(strstr(text, "souk_log_sync_latency_us_bucket{le=\"+Inf\"} 3\n") != NULL);
    EXPECT(strstr(text, "souk_log_sync_latency_us_sum 9000101\n") != NULL);
    EXPECT(strstr(text, "souk_log_sync_latency_us_count 3\n") != NULL);
    buffer_close(&buffer);
}

static void *count_many(void *argument)
{
    (void)argument;
    for (unsigned i = 0; i < 50000; i++) {
        metric_add(METRIC_FLUSHES, 1);
        metric_observe_us(METRIC_FLUSH_LATENCY, i);
    }
    return NULL;
}

TEST(metric, many_threads_lose_no_count)
{
    struct buffer buffer;
    pthread_t threads[4];
    int64_t before = metric_value(METRIC_FLUSHES);
    buffer_init(&buffer);
    for (unsigned i = 0; i < 4; i++) {
        EXPECT_EQ(pthread_create(&threads[i], NULL, count_many, NULL), 0);
    }
    (void)rendered(&buffer); /* beside the counting */
    for (unsigned i = 0; i < 4; i++) {
        pthread_join(threads[i], NULL);
    }
    EXPECT_EQ(metric_value(METRIC_FLUSHES), before + 200000);
    EXPECT_EQ(metric_value(METRIC_FLUSH_LATENCY), 200000);
    buffer_close(&buffer);
}
