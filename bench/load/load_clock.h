/* SPDX-License-Identifier: Apache-2.0 */
/* Time and processor time, read the same way by every loader. */
#ifndef SOUK_BENCH_LOAD_LOAD_CLOCK_H
#define SOUK_BENCH_LOAD_LOAD_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

/* CLOCK_MONOTONIC */
uint64_t load_now_us(void);
int64_t load_wall_ms(void);
void load_sleep_until_us(uint64_t due_us);

/* Seconds of user and system time so far: of this process, and of others (all their threads;
 * 0 for a process that is not there). */
double load_cpu_self_s(void);
double load_cpu_of_s(const pid_t *pids, unsigned count);

#endif
