/* SPDX-License-Identifier: Apache-2.0 */
#include "server/node/liveness.h"

#include <stdatomic.h>
#include <stdlib.h>

#include "server/node/node.h"
#include "server/runtime/runtime.h"
#include "server/runtime/system_clock.h"
#include "shard/base/memory.h"

struct liveness_loop {
    struct liveness *liveness;
    unsigned loop;
    struct runtime_task start;
    struct runtime_timer timer;
    _Atomic uint64_t seen_us;
};

struct liveness {
    struct runtime *runtime;
    _Atomic bool stopped;
    unsigned count;
    struct liveness_loop loops[];
};

static void liveness_tick(struct liveness_loop *loop, struct moment now)
{
    struct liveness *liveness = loop->liveness;
    atomic_store(&loop->seen_us, now.monotonic_us);
    if (!atomic_load(&liveness->stopped)) {
        runtime_timer_set(liveness->runtime, loop->loop, &loop->timer,
                          now.monotonic_us + NODE_LIVE_TICK_MS * 1000);
    }
}

static void liveness_fire(struct runtime_timer *timer, struct moment now)
{
    liveness_tick(CONTAINER_OF(timer, struct liveness_loop, timer), now);
}

static void liveness_begin(struct runtime_task *task, struct moment now)
{
    liveness_tick(CONTAINER_OF(task, struct liveness_loop, start), now);
}

struct liveness *liveness_start(struct runtime *runtime)
{
    unsigned count = runtime_loop_count(runtime);
    struct liveness *liveness =
        memory_zalloc(sizeof *liveness + count * sizeof liveness->loops[0]);
    liveness->runtime = runtime;
    liveness->count = count;
    for (unsigned i = 0; i < count; i++) {
        struct liveness_loop *loop = &liveness->loops[i];
        loop->liveness = liveness;
        loop->loop = i;
        loop->start.run = liveness_begin;
        loop->timer.fire = liveness_fire;
        atomic_init(&loop->seen_us, system_clock_monotonic_us());
        runtime_post(runtime, i, &loop->start);
    }
    return liveness;
}

void liveness_stop(struct liveness *liveness)
{
    if (liveness != NULL) {
        atomic_store(&liveness->stopped, true);
    }
}

void liveness_free(struct liveness *liveness)
{
    free(liveness);
}

bool liveness_good(const struct liveness *liveness, uint64_t now_us)
{
    if (atomic_load(&liveness->stopped)) {
        return true;
    }
    for (unsigned i = 0; i < liveness->count; i++) {
        uint64_t seen_us = atomic_load(&liveness->loops[i].seen_us);
        if (now_us > seen_us + (uint64_t)NODE_LIVE_SILENCE_MS * 1000) {
            return false;
        }
    }
    return true;
}
