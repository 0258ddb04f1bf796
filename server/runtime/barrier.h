/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Waiting until every loop of the node has taken what one loop told the others: changed
 * degrees reach their tables a moment after the answers of the changing turn. Who promises
 * that nobody ranks by the old ones any more (an erasure) waits for a barrier first.
 */
#ifndef SOUK_SERVER_RUNTIME_BARRIER_H
#define SOUK_SERVER_RUNTIME_BARRIER_H

#include <stdatomic.h>

#include "server/runtime/runtime.h"

struct runtime_barrier;

/* One for each loop. */
struct runtime_barrier_stop {
    struct runtime_task task;
    struct runtime_barrier *barrier;
};

struct runtime_barrier {
    _Atomic(unsigned) open;
    void (*passed)(struct runtime_barrier *barrier);
};

/*
 * On a loop's thread, as in shard_call.done. `passed` runs once, on the thread of the loop
 * that came last, when every loop has run what this thread had posted to it before, among
 * it all degrees published for calls that have ended here. The memory of the barrier and
 * of its stops (runtime_loop_count of them) is the caller's again when it runs.
 */
void runtime_barrier_start(struct runtime *runtime, struct runtime_barrier *barrier,
                           struct runtime_barrier_stop *stops,
                           void (*passed)(struct runtime_barrier *barrier));

#endif
