/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Whether a failed attempt is made again, and when. Pure: time and chance are arguments.
 *
 * The pause is "full jitter" between a floor and a doubling ceiling (Brooker, "Exponential
 * Backoff And Jitter", AWS 2015), never shorter than the server's RetryInfo.
 */
#ifndef SOUK_CLIENT_LIB_RETRY_H
#define SOUK_CLIENT_LIB_RETRY_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/rng.h"
#include "shard/base/status.h"

enum {
    RETRY_PAUSE_FLOOR_MS = 5,
    RETRY_PAUSE_FIRST_MS = 40, /* ceiling of the first pause */
    RETRY_PAUSE_MOST_MS = 2000,
    RETRY_ATTEMPTS_MOST = 100,
};

struct retry_attempt {
    uint32_t attempts; /* made so far, this one included */
    uint32_t attempts_max;
    enum status status;
    enum status_code code;
    uint32_t retry_after_ms; /* the server's wish, 0 = none */
    uint64_t now_us;
    uint64_t deadline_us; /* of the call with all its attempts */
};

/* True: make the next attempt at *out_start_us, with the same request id. */
bool retry_wanted(const struct retry_attempt *attempt, struct rng *rng,
                  uint64_t *out_start_us);
/* The jittered pause before attempt `attempts` + 1, in milliseconds. */
uint32_t retry_pause_ms(uint32_t attempts, struct rng *rng);

#endif
