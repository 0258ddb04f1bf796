/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One thread that calls functions at their time. Started by the first alarm. Alarms may be
 * set from any thread, also from inside one that fires.
 */
#ifndef SOUK_CLIENT_LIB_TIMER_H
#define SOUK_CLIENT_LIB_TIMER_H

#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

#include "shard/base/heap.h"

struct timer {
    pthread_mutex_t mutex;
    pthread_cond_t changed; /* on CLOCK_MONOTONIC */
    struct heap alarms;
    pthread_t thread;
    bool started;
    bool hurried;
    bool stopping;
};

void timer_init(struct timer *timer);
/* Fires nothing more; every alarm must have fired or been hurried before. */
void timer_close(struct timer *timer);
/* `fire` is called once, on the timer's thread, at or after `when_us` of
 * CLOCK_MONOTONIC; at once when hurried. */
void timer_set(struct timer *timer, uint64_t when_us, void (*fire)(void *user),
               void *user);
/* From now on every alarm is due. */
void timer_hurry(struct timer *timer);
bool timer_is_current(struct timer *timer);

#endif
