/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Log time: the clock that is written into the log, entry by entry (inventory.md). With
 * one member an entry gets
 *
 *     max(previous + half the monotonic time since, this machine's clock)
 *
 * so it never goes back, follows the clock when that runs ahead, and keeps moving, slower,
 * when that was set back. Unix milliseconds; owner: the replica.
 */
#ifndef SOUK_SHARD_REPLICA_LOG_TIME_H
#define SOUK_SHARD_REPLICA_LOG_TIME_H

#include <stdint.h>

#include "shard/base/clock.h"

struct log_time {
    int64_t previous_ms;            /* of the newest entry stamped or read */
    uint64_t previous_monotonic_us; /* when that was */
};

void log_time_init(struct log_time *time, int64_t previous_ms, struct moment now);
/* An entry that was stamped elsewhere, or before a restart. */
void log_time_observe(struct log_time *time, int64_t entry_ms, struct moment now);
/* What an entry stamped now would get: the leader's bounded clock. */
int64_t log_time_bounded(const struct log_time *time, struct moment now);
/* Stamps an entry. */
int64_t log_time_stamp(struct log_time *time, struct moment now);
/* Monotonic time at which the bounded clock reaches due_ms, if the clock is not set. */
uint64_t log_time_reaches_us(const struct log_time *time, struct moment now,
                             int64_t due_ms);

#endif
