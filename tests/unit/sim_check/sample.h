/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A shop in one struct that answers one operation after the other, and histories of
 * clients that ask it at the same time: each answer is decided at some moment between its
 * question and itself, in log entries with log time, and written to a ledger.
 */
#ifndef SOUK_TESTS_UNIT_SIM_CHECK_SAMPLE_H
#define SOUK_TESTS_UNIT_SIM_CHECK_SAMPLE_H

#include <stddef.h>

#include "shard/base/rng.h"
#include "tests/sim/check/check.h"

enum {
    SAMPLE_SKUS = 4,
    SAMPLE_LOCATIONS = 2,
    SAMPLE_HOLDS = 4096,
    SAMPLE_EVENTS = 1 << 19,
};

struct sample_hold {
    uint64_t unique;
    uint32_t sku, location;
    int64_t granted, create_ms, expire_ms, end_ms;
    enum history_hold_state state;
};

struct sample {
    struct rng rng;
    bool stamps;      /* answers name their log index */
    unsigned lost_of; /* one answer of so many never comes; 0: all come */
    unsigned clients;
    unsigned skus;
    uint64_t at_us, index, number;
    int64_t log_ms;
    int64_t levels[SAMPLE_SKUS][SAMPLE_LOCATIONS][HISTORY_BUCKETS];
    struct sample_hold holds[SAMPLE_HOLDS];
    uint64_t hold_count;
    uint64_t told[64]; /* holds that somebody was told of: a ring */
    uint64_t told_count;
    struct history_event *events;
    uint32_t event_count;
    size_t event_capacity;
    struct history_event *rows;
    uint32_t row_count;
    size_t row_capacity;
    struct history_call waiting[16]; /* by client */
    int phase[16];                   /* 0 idle, 1 asked, 2 decided */
};

void sample_init(struct sample *sample, uint64_t seed);
void sample_close(struct sample *sample);
/* Appends about `count` operations and, last, the rows of the ledger and the levels. */
void sample_run(struct sample *sample, unsigned count, bool end);
/* Feeds all events and asks for the verdict, whose violations lie in `checker`. */
struct checker *sample_check(const struct history_event *events, uint32_t count,
                             struct check_verdict *out_verdict);
bool sample_found(const struct check_verdict *verdict, enum check_invariant invariant);

#endif
