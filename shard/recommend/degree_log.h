/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What changed in a shard's degrees since they were last published: notes, added up and
 * sorted when there are many, taken as a degree_delta. The first take (or the first after
 * a restart) is whole.
 *
 * Owner: the loop that owns the shard.
 */
#ifndef SOUK_SHARD_RECOMMEND_DEGREE_LOG_H
#define SOUK_SHARD_RECOMMEND_DEGREE_LOG_H

#include "shard/recommend/degrees.h"

struct degree_log {
    struct degree_change *changes;
    size_t count;
    size_t capacity;
    size_t combined; /* how many of them are sorted and distinct */
    uint64_t taken_version;
    bool taken; /* once: what is noted now is only the rest */
};

void degree_log_init(struct degree_log *log);
void degree_log_close(struct degree_log *log);
/* floor(time / DEGREE_PERIOD_MS) */
int64_t degree_log_period(int64_t time_ms);
void degree_log_note(struct degree_log *log, uint64_t sku_hash, int64_t period,
                     int64_t change);
/* The same at a place (not 0). */
void degree_log_note_at(struct degree_log *log, uint64_t place, uint64_t sku_hash,
                        int64_t period, int64_t change);
/* Everything noted since the last take, stamped; the log is empty afterwards. */
void degree_log_take(struct degree_log *log, uint64_t version,
                     struct degree_delta *out_delta);
/* Forgets the notes: whoever calls notes the whole state next, and takes it. */
void degree_log_restart(struct degree_log *log);

#endif
