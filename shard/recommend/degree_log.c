/* SPDX-License-Identifier: Apache-2.0 */
#include "shard/recommend/degree_log.h"

#include <stdlib.h>

#include "shard/base/memory.h"

enum {
    CHANGES_UNCOMBINED_MIN = 4096,
};

void degree_log_init(struct degree_log *log)
{
    *log = (struct degree_log){0};
}

void degree_log_close(struct degree_log *log)
{
    if (log != NULL) {
        free(log->changes);
        degree_log_init(log);
    }
}

int64_t degree_log_period(int64_t time_ms)
{
    int64_t period = time_ms / DEGREE_PERIOD_MS;
    return time_ms % DEGREE_PERIOD_MS < 0 ? period - 1 : period;
}

static int change_compare(const void *left, const void *right)
{
    const struct degree_change *a = left, *b = right;
    if (a->place != b->place) {
        return a->place < b->place ? -1 : 1;
    }
    if (a->sku_hash != b->sku_hash) {
        return a->sku_hash < b->sku_hash ? -1 : 1;
    }
    return a->period < b->period ? -1 : a->period > b->period;
}

static size_t changes_combine(struct degree_change *changes, size_t count)
{
    size_t kept = 0;
    if (count > 0) {
        qsort(changes, count, sizeof *changes, change_compare);
    }
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && change_compare(&changes[kept - 1], &changes[i]) == 0) {
            changes[kept - 1].change += changes[i].change;
        } else {
            changes[kept++] = changes[i];
        }
        /* The next one opens a new pair, so a finished 0 can go. */
        if (changes[kept - 1].change == 0 &&
            (i + 1 == count ||
             change_compare(&changes[kept - 1], &changes[i + 1]) != 0)) {
            kept--;
        }
    }
    return kept;
}

void degree_log_note(struct degree_log *log, uint64_t sku_hash, int64_t period,
                     int64_t change)
{
    degree_log_note_at(log, 0, sku_hash, period, change);
}

void degree_log_note_at(struct degree_log *log, uint64_t place, uint64_t sku_hash,
                        int64_t period, int64_t change)
{
    if (log->count > CHANGES_UNCOMBINED_MIN + 2 * log->combined) {
        log->count = changes_combine(log->changes, log->count);
        log->combined = log->count;
    }
    memory_reserve((void **)&log->changes, &log->capacity, log->count + 1,
                   sizeof *log->changes);
    log->changes[log->count++] = (struct degree_change){
        .place = place, .sku_hash = sku_hash, .period = period, .change = change};
}

void degree_log_take(struct degree_log *log, uint64_t version,
                     struct degree_delta *out_delta)
{
    size_t count = changes_combine(log->changes, log->count);
    out_delta->whole = !log->taken;
    out_delta->from_version = log->taken_version;
    out_delta->version = version;
    out_delta->change_count = count;
    out_delta->changes =
        count > 0 ? memory_copy(log->changes, count * sizeof *log->changes) : NULL;
    log->count = 0;
    log->combined = 0;
    log->taken_version = version;
    log->taken = true;
}

void degree_log_restart(struct degree_log *log)
{
    log->count = 0;
    log->combined = 0;
    log->taken_version = 0;
    log->taken = false;
}
