/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/gauges.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "server/coordinator/shard_map.h"
#include "server/runtime/runtime.h"
#include "shard/base/memory.h"
#include "shard/base/metric.h"

enum {
    GAUGES_INTERVAL_US = 1000000,
    GAUGES_LOOP = 0, /* where the timer lives */
};

/* A round belongs to whichever loop it is on: it is handed over with its call. */
struct gauges {
    struct runtime *runtime;
    const struct shard_map *map;
    _Atomic bool stopped;
    _Atomic bool asking;
    struct runtime_task start;
    struct runtime_timer timer;
    struct shard_call call;
    struct replica_query query;
    struct replica_answer answer;
    struct arena arena;
    unsigned shard;
    uint64_t holds_open;
};

static void gauges_ask(struct gauges *gauges);

static void gauges_answered(struct shard_call *call)
{
    struct gauges *gauges = CONTAINER_OF(call, struct gauges, call);
    if (call->status == STATUS_OK && gauges->answer.status == STATUS_OK) {
        gauges->holds_open += gauges->answer.replica.inventory.holds_open;
    }
    gauges->shard++;
    gauges_ask(gauges);
}

/* Asks the next shard, or shows the sum when all have answered. */
static void gauges_ask(struct gauges *gauges)
{
    arena_reset(&gauges->arena);
    if (gauges->shard == shard_map_count(gauges->map, SHARD_MAP_SKU)) {
        metric_gauge_set(METRIC_HOLDS_OPEN, (int64_t)gauges->holds_open);
        atomic_store(&gauges->asking, false);
        return;
    }
    gauges->query = (struct replica_query){.kind = REPLICA_QUERY_STATUS};
    shard_call_init_read(
        &gauges->call,
        shard_map_range(gauges->map, SHARD_MAP_SKU, gauges->shard)->shard_id,
        &gauges->query, &gauges->answer);
    gauges->call.arena = &gauges->arena;
    gauges->call.done = gauges_answered;
    if (runtime_submit(gauges->runtime, &gauges->call) != STATUS_OK) {
        /* Overloaded or stopping: the gauge keeps what it showed. */
        atomic_store(&gauges->asking, false);
    }
}

static void gauges_tick(struct gauges *gauges, struct moment now)
{
    if (atomic_load(&gauges->stopped)) {
        return;
    }
    if (!atomic_exchange(&gauges->asking, true)) {
        gauges->shard = 0;
        gauges->holds_open = 0;
        gauges_ask(gauges);
    }
    runtime_timer_set(gauges->runtime, GAUGES_LOOP, &gauges->timer,
                      now.monotonic_us + GAUGES_INTERVAL_US);
}

static void gauges_fire(struct runtime_timer *timer, struct moment now)
{
    gauges_tick(CONTAINER_OF(timer, struct gauges, timer), now);
}

static void gauges_begin(struct runtime_task *task, struct moment now)
{
    gauges_tick(CONTAINER_OF(task, struct gauges, start), now);
}

struct gauges *gauges_start(struct runtime *runtime, const struct shard_map *map)
{
    struct gauges *gauges = memory_zalloc(sizeof *gauges);
    gauges->runtime = runtime;
    gauges->map = map;
    gauges->start.run = gauges_begin;
    gauges->timer.fire = gauges_fire;
    arena_init(&gauges->arena, NULL, 0, 0);
    runtime_post(runtime, GAUGES_LOOP, &gauges->start);
    return gauges;
}

void gauges_stop(struct gauges *gauges)
{
    if (gauges != NULL) {
        atomic_store(&gauges->stopped, true);
    }
}

void gauges_free(struct gauges *gauges)
{
    if (gauges != NULL) {
        arena_close(&gauges->arena);
        free(gauges);
    }
}
