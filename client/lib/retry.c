/* SPDX-License-Identifier: Apache-2.0 */
#include "client/lib/retry.h"

uint32_t retry_pause_ms(uint32_t attempts, struct rng *rng)
{
    uint64_t ceiling = RETRY_PAUSE_FIRST_MS;
    for (uint32_t i = 1; i < attempts && ceiling < RETRY_PAUSE_MOST_MS; i++) {
        ceiling *= 2;
    }
    if (ceiling > RETRY_PAUSE_MOST_MS) {
        ceiling = RETRY_PAUSE_MOST_MS;
    }
    return RETRY_PAUSE_FLOOR_MS +
           (uint32_t)rng_below(rng, ceiling - RETRY_PAUSE_FLOOR_MS + 1);
}

/* A server of a later version may send a reason this build has no word for: then the
 * code alone says whether the same call may end otherwise. */
static bool retry_useful(enum status status, enum status_code code)
{
    if (status_code(status) == code && status_retry(status) != STATUS_RETRY_NEVER) {
        return status_retry(status) == STATUS_RETRY_SAME;
    }
    return code == STATUS_CODE_UNAVAILABLE;
}

bool retry_wanted(const struct retry_attempt *attempt, struct rng *rng,
                  uint64_t *out_start_us)
{
    uint64_t pause_us = 0;
    if (attempt->attempts >= attempt->attempts_max ||
        !retry_useful(attempt->status, attempt->code)) {
        return false;
    }
    pause_us = (uint64_t)retry_pause_ms(attempt->attempts, rng) * 1000;
    if (pause_us < (uint64_t)attempt->retry_after_ms * 1000) {
        /* The jitter comes on top, else all who were told the same delay return at once.
         */
        pause_us += (uint64_t)attempt->retry_after_ms * 1000;
    }
    if (attempt->now_us + pause_us >= attempt->deadline_us) {
        return false;
    }
    *out_start_us = attempt->now_us + pause_us;
    return true;
}
