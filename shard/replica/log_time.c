/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/replica/log_time.h"

enum {
    HALF_MILLISECOND_US = 2000, /* monotonic time in which half a pace makes 1 ms */
    MILLISECOND_US = 1000,
    WAIT_MAX_MS = 24 * 60 * 60 * 1000, /* keeps the sums below far from their ends */
};

void log_time_init(struct log_time *time, int64_t previous_ms, struct moment now)
{
    time->previous_ms = previous_ms;
    time->previous_monotonic_us = now.monotonic_us;
}

void log_time_observe(struct log_time *time, int64_t entry_ms, struct moment now)
{
    if (entry_ms > time->previous_ms) {
        log_time_init(time, entry_ms, now);
    }
}

int64_t log_time_bounded(const struct log_time *time, struct moment now)
{
    uint64_t since_us = now.monotonic_us > time->previous_monotonic_us
                            ? now.monotonic_us - time->previous_monotonic_us
                            : 0;
    int64_t moved_ms = time->previous_ms + (int64_t)(since_us / HALF_MILLISECOND_US);
    return moved_ms > now.wall_ms ? moved_ms : now.wall_ms;
}

int64_t log_time_stamp(struct log_time *time, struct moment now)
{
    int64_t stamp_ms = log_time_bounded(time, now);
    /* Below one millisecond nothing is stamped, and the time since must not be lost. */
    if (stamp_ms > time->previous_ms) {
        log_time_init(time, stamp_ms, now);
    }
    return stamp_ms;
}

uint64_t log_time_reaches_us(const struct log_time *time, struct moment now,
                             int64_t due_ms)
{
    int64_t bounded_ms = log_time_bounded(time, now);
    if (due_ms <= bounded_ms) {
        return now.monotonic_us;
    }
    int64_t left_ms = due_ms - bounded_ms;
    left_ms = left_ms < WAIT_MAX_MS ? left_ms : WAIT_MAX_MS;
    /* Whichever comes first: this machine's clock, or the slow pace. The due time less
     * the clock is at least what is left, so the pace decides when that is behind. */
    int64_t by_wall_ms = due_ms - now.wall_ms;
    int64_t by_pace_ms = left_ms * 2;
    int64_t wait_ms = by_wall_ms < by_pace_ms ? by_wall_ms : by_pace_ms;
    return now.monotonic_us + (uint64_t)wait_ms * MILLISECOND_US;
}
