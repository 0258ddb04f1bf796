/* SPDX-License-Identifier: Apache-2.0 */
#include "server/runtime/system_clock.h"

#include <time.h>

#include "shard/base/assert.h"

static struct timespec clock_read(clockid_t clock)
{
    struct timespec time;
    int failed = clock_gettime(clock, &time);
    ASSERT(failed == 0);
    return time;
}

uint64_t system_clock_monotonic_us(void)
{
    struct timespec time = clock_read(CLOCK_MONOTONIC);
    return (uint64_t)time.tv_sec * 1000000u + (uint64_t)time.tv_nsec / 1000u;
}

int64_t system_clock_wall_ms(void)
{
    struct timespec time = clock_read(CLOCK_REALTIME);
    return (int64_t)time.tv_sec * 1000 + time.tv_nsec / 1000000;
}

struct moment system_clock_now(void)
{
    return (struct moment){.monotonic_us = system_clock_monotonic_us(),
                           .wall_ms = system_clock_wall_ms()};
}
