/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Metrics that are a state and not a count: once a second every SKU shard is asked for its
 * counters, one after the other, and the sum is shown.
 */
#ifndef SOUK_SERVER_NODE_GAUGES_H
#define SOUK_SERVER_NODE_GAUGES_H

struct gauges;
struct runtime;
struct shard_map;

/* Both outlive the gauges. */
struct gauges *gauges_start(struct runtime *runtime, const struct shard_map *map);
/* Before runtime_stop. NULL is fine. */
void gauges_stop(struct gauges *gauges);
/* After runtime_stop. NULL is fine. */
void gauges_free(struct gauges *gauges);

#endif
