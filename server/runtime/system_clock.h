/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The only place where the server reads a clock. Everything that decides takes the
 * `struct moment` that comes from here. Any thread.
 */
#ifndef SOUK_SERVER_RUNTIME_SYSTEM_CLOCK_H
#define SOUK_SERVER_RUNTIME_SYSTEM_CLOCK_H

#include "shard/base/clock.h"

/* CLOCK_MONOTONIC in microseconds and CLOCK_REALTIME in milliseconds. */
struct moment system_clock_now(void);
/* The monotonic half alone, for measuring. */
uint64_t system_clock_monotonic_us(void);
/* The wall half alone, for `log_options.wall_ms`. */
int64_t system_clock_wall_ms(void);

#endif
