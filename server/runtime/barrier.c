/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/barrier.h"

#include "shard/base/memory.h"

/* Tasks of one poster run in the order of their posting, so what came before has run. */
static void runtime_barrier_arrive(struct runtime_task *task, struct moment now)
{
    (void)now;
    struct runtime_barrier *barrier =
        CONTAINER_OF(task, struct runtime_barrier_stop, task)->barrier;
    if (atomic_fetch_sub_explicit(&barrier->open, 1, memory_order_acq_rel) == 1) {
        barrier->passed(barrier);
    }
}

void runtime_barrier_start(struct runtime *runtime, struct runtime_barrier *barrier,
                           struct runtime_barrier_stop *stops,
                           void (*passed)(struct runtime_barrier *barrier))
{
    unsigned count = runtime_loop_count(runtime);
    barrier->passed = passed;
    atomic_init(&barrier->open, count);
    for (unsigned i = 0; i < count; i++) {
        stops[i] = (struct runtime_barrier_stop){.task = {.run = runtime_barrier_arrive},
                                                 .barrier = barrier};
        runtime_post(runtime, i, &stops[i].task);
    }
}
