/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Time is an argument. Code that decides takes a `struct moment`; only programs own a
 * clock (server/runtime/system_clock.h), and tests make time up.
 */
#ifndef SOUK_SHARD_BASE_CLOCK_H
#define SOUK_SHARD_BASE_CLOCK_H

#include <stdint.h>

struct moment {
    uint64_t monotonic_us; /* since an arbitrary start; never goes back */
    int64_t wall_ms;       /* Unix time of this machine's clock; may jump */
};

#endif
