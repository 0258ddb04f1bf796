/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/timer.h"

#include <stdlib.h>
#include <time.h>

#include "shard/base/assert.h"
#include "shard/base/memory.h"

struct timer_alarm {
    struct heap_node node;
    uint64_t when_us;
    void (*fire)(void *user);
    void *user;
};

static bool timer_less(const struct heap_node *a, const struct heap_node *b)
{
    const struct timer_alarm *first = (const void *)a;
    const struct timer_alarm *second = (const void *)b;
    return first->when_us < second->when_us;
}

static uint64_t timer_now_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

void timer_init(struct timer *timer)
{
    pthread_condattr_t attributes;
    pthread_mutex_init(&timer->mutex, NULL);
    pthread_condattr_init(&attributes);
    pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
    pthread_cond_init(&timer->changed, &attributes);
    pthread_condattr_destroy(&attributes);
    heap_init(&timer->alarms, timer_less);
    timer->started = false;
    timer->hurried = false;
    timer->stopping = false;
}

/* Under the mutex: waits until the least alarm is due, or something changes. */
static void timer_wait(struct timer *timer, uint64_t when_us)
{
    struct timespec until = {
        .tv_sec = (time_t)(when_us / 1000000),
        .tv_nsec = (long)(when_us % 1000000) * 1000,
    };
    pthread_cond_timedwait(&timer->changed, &timer->mutex, &until);
}

static void *timer_run(void *argument)
{
    struct timer *timer = argument;
    pthread_mutex_lock(&timer->mutex);
    while (!timer->stopping) {
        struct timer_alarm *alarm = (void *)heap_peek(&timer->alarms);
        if (alarm == NULL) {
            pthread_cond_wait(&timer->changed, &timer->mutex);
        } else if (!timer->hurried && timer_now_us() < alarm->when_us) {
            timer_wait(timer, alarm->when_us);
        } else {
            heap_remove(&timer->alarms, &alarm->node);
            pthread_mutex_unlock(&timer->mutex);
            alarm->fire(alarm->user);
            free(alarm);
            pthread_mutex_lock(&timer->mutex);
        }
    }
    pthread_mutex_unlock(&timer->mutex);
    return NULL;
}

void timer_set(struct timer *timer, uint64_t when_us, void (*fire)(void *user),
               void *user)
{
    struct timer_alarm *alarm = memory_zalloc(sizeof *alarm);
    alarm->when_us = when_us;
    alarm->fire = fire;
    alarm->user = user;
    pthread_mutex_lock(&timer->mutex);
    if (!timer->started) {
        ASSERT(pthread_create(&timer->thread, NULL, timer_run, timer) == 0);
        timer->started = true;
    }
    heap_push(&timer->alarms, &alarm->node);
    pthread_cond_signal(&timer->changed);
    pthread_mutex_unlock(&timer->mutex);
}

void timer_hurry(struct timer *timer)
{
    pthread_mutex_lock(&timer->mutex);
    timer->hurried = true;
    pthread_cond_signal(&timer->changed);
    pthread_mutex_unlock(&timer->mutex);
}

bool timer_is_current(struct timer *timer)
{
    bool current;
    pthread_mutex_lock(&timer->mutex);
    current = timer->started && pthread_equal(timer->thread, pthread_self());
    pthread_mutex_unlock(&timer->mutex);
    return current;
}

void timer_close(struct timer *timer)
{
    pthread_mutex_lock(&timer->mutex);
    timer->stopping = true;
    pthread_cond_signal(&timer->changed);
    pthread_mutex_unlock(&timer->mutex);
    if (timer->started) {
        pthread_join(timer->thread, NULL);
    }
    ASSERT(heap_peek(&timer->alarms) == NULL);
    heap_close(&timer->alarms);
    pthread_cond_destroy(&timer->changed);
    pthread_mutex_destroy(&timer->mutex);
}
