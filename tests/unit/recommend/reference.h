/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session neighbours written a second time, slow and plain, after the paper's own words:
 * list by list, newest item first, with replacement of the oldest candidate. Shares no
 * code with shard/recommend. Sessions lie in one array; nothing is indexed.
 */
#ifndef SOUK_TESTS_UNIT_RECOMMEND_REFERENCE_H
#define SOUK_TESTS_UNIT_RECOMMEND_REFERENCE_H

#include <stdbool.h>
#include <stdint.h>

enum {
    REFERENCE_ITEMS_MAX = 16, /* of a session */
    REFERENCE_CATALOGUE_MAX = 64,
    REFERENCE_QUERY_MAX = 9,
};

struct reference_session {
    uint64_t hash;
    uint64_t customer_high;
    uint64_t customer_low;
    int64_t end_ms;
    uint64_t items[REFERENCE_ITEMS_MAX];
    int item_count;
};

struct reference_store {
    struct reference_session *sessions;
    int session_count;
    int session_capacity;
};

struct reference_query {
    const uint64_t *clicks; /* newest last */
    int click_count;
    int l, m, k, v;
    uint64_t exclude_session;
};

struct reference_item {
    uint64_t item;
    int64_t sum;
    double score;
    int64_t related_evidence[REFERENCE_QUERY_MAX];
    int64_t related_part[REFERENCE_QUERY_MAX];
};

struct reference_answer {
    struct reference_item items[REFERENCE_CATALOGUE_MAX]; /* canonical order */
    int item_count;
};

void reference_answer_make(const struct reference_store *store,
                           const struct reference_query *query,
                           struct reference_answer *out);

#endif
