/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Judges a history from outside: events go in as they happen, violations come out. No
 * line is shared with what is checked. One thread.
 *
 *     checker_new; checker_event...; checker_verdict; checker_free
 *
 * Violations found by an event are there after checker_event; those about the end (what
 * was lost, conservation, progress) after checker_verdict. Memory is bounded by the
 * limits below; where one is reached, what cannot be judged any more is counted as
 * unknown and never as a pass.
 */
#ifndef SOUK_TESTS_SIM_CHECK_CHECK_H
#define SOUK_TESTS_SIM_CHECK_CHECK_H

#include "tests/sim/check/event.h"

enum {
    CHECK_SKUS_MAX = 64,
    CHECK_LOCATIONS_MAX = 4,
    CHECK_CLIENTS_MAX = 64, /* one operation each at a time */
    CHECK_SHARDS_MAX = 64,
    CHECK_REPLICAS_MAX = 256,
    CHECK_VIOLATIONS_MAX = 16, /* kept; all are counted */
    CHECK_TEXT_BYTES = 256,
    CHECK_REQUESTS_MAX = 1 << 20, /* request ids remembered, the newest */
    CHECK_HOLDS_MAX = 1 << 20,
    CHECK_ENTRIES_MAX = 1 << 16, /* per shard: entries remembered, the newest */
    CHECK_STORED_MAX = 1 << 14,  /* per replica: entries of its log, the newest */
    CHECK_PAIRS_MAX = 1 << 18,   /* (shard, index, term) seen in any log, the newest */
    CHECK_MOVEMENTS_MAX = 1 << 22,
    CHECK_SOURCES_MAX = 8,
    CHECK_WATCHES_MAX = 8,
    CHECK_UPDATES_MAX = 1 << 20, /* of one source in one epoch, and rows of one watch */
    /* Due holds that one entry ends beside those it touches: with more open, a hold that
     * is seen later than its time is no violation. */
    CHECK_EXPIRE_PER_ENTRY = 1000,
};

/* X(NAME, "name", number in reliability.md) */
#define CHECK_INVARIANT_TABLE(X)                                                         \
    X(OVERSOLD, "oversold", 1)                                                           \
    X(LOST, "lost", 2)                                                                   \
    X(EXACTLY_ONCE, "exactly_once", 3)                                                   \
    X(CONSERVATION, "conservation", 4)                                                   \
    X(STREAMS, "streams", 3)                                                             \
    X(FEED, "feed", 4)                                                                   \
    X(HOLDS, "holds", 5)                                                                 \
    X(LINEARIZABLE, "linearizable", 6)                                                   \
    X(MULTI, "multi_holds", 7)                                                           \
    X(SESSION, "session", 8)                                                             \
    X(VERIFIED, "verified", 9)                                                           \
    X(AGREEMENT, "agreement", 10)                                                        \
    X(RESTART, "restart", 2)                                                             \
    X(PROGRESS, "progress", 12)                                                          \
    X(RAFT, "raft", 13)                                                                  \
    X(HISTORY, "history", 0) /* the events themselves make no sense */

enum check_invariant {
#define CHECK_INVARIANT_ENUM(name, text, number) CHECK_##name,
    CHECK_INVARIANT_TABLE(CHECK_INVARIANT_ENUM)
#undef CHECK_INVARIANT_ENUM
    CHECK_INVARIANTS,
};
const char *check_invariant_name(enum check_invariant invariant);

struct check_violation {
    enum check_invariant invariant;
    uint64_t at_ms;
    char text[CHECK_TEXT_BYTES];
};

struct checker_options {
    uint64_t progress_max_us;   /* after HEALED; 0: 60 s */
    uint32_t search_states_max; /* per search of one SKU; 0: 10,000 */
};

struct check_verdict {
    const struct check_violation *violations; /* the first ones, the checker's */
    uint32_t violation_count;                 /* kept */
    uint64_t violations_seen;
    uint64_t searches; /* pieces of SKUs' histories searched */
    uint64_t unknown;  /* of them ran out, or could not be searched */
    uint64_t
        forgotten; /* facts that fell out of bounded memory before they were checked */
    uint64_t calls;
    uint64_t states; /* looked at by searches */
};

struct checker;

/* NULL options: the defaults. */
struct checker *checker_new(const struct checker_options *options);
void checker_free(struct checker *checker);
/* Events in the order of at_us. An event that makes no sense is a HISTORY violation. */
void checker_event(struct checker *checker, const struct history_event *event);
/* Violations so far; nothing is finished. For stopping at the first. */
uint64_t checker_violations(const struct checker *checker);
/* Ends the history: no events after it. */
void checker_verdict(struct checker *checker, struct check_verdict *out_verdict);

#endif
