/* SPDX-License-Identifier: Apache-2.0 */
/* Between the files of this folder: each checker is an object of its own, fed by
 * check.c. */
#ifndef SOUK_TESTS_SIM_CHECK_CHECK_PRIVATE_H
#define SOUK_TESTS_SIM_CHECK_CHECK_PRIVATE_H

#include <stddef.h>

#include "shard/base/hash.h"
#include "shard/base/list.h"
#include "shard/base/map.h"
#include "tests/sim/check/check.h"

/* Where findings go. */
struct check_report {
    struct check_violation violations[CHECK_VIOLATIONS_MAX];
    uint32_t count;
    uint64_t seen;
    uint64_t now_us;
    uint64_t searches, unknown, forgotten, states;
};
void check_fail(struct check_report *report, enum check_invariant invariant,
                const char *format, ...) __attribute__((format(printf, 3, 4)));

/* --- Facts: a map from 128 bits that forgets the oldest (check_facts.c) ------------- */
struct check_fact {
    struct map_node node;
    struct list link;
    uint64_t high, low;
    /* the user's bytes follow */
};
struct check_facts {
    struct map map;
    struct list order;
    size_t size; /* of a user's value */
    size_t max;
    uint64_t *forgotten; /* counted when one falls out */
};
void check_facts_init(struct check_facts *facts, size_t size, size_t max,
                      uint64_t *forgotten);
void check_facts_close(struct check_facts *facts);
void *check_facts_find(const struct check_facts *facts, uint64_t high, uint64_t low);
/* The value of a key, zeroed when new. */
void *check_facts_put(struct check_facts *facts, uint64_t high, uint64_t low,
                      bool *out_new);
void check_facts_remove(struct check_facts *facts, void *value);
/* In the order of arrival; start with NULL. */
void *check_facts_next(const struct check_facts *facts, const void *value);
struct check_fact *check_fact_of(const void *value);

/* What an answered or open operation asked and was told. */
struct check_call {
    struct history_call asked;
    struct history_call told; /* of OK */
    uint64_t invoked_us, ended_us;
    bool open; /* INFO */
    bool failed;
};

/* A fingerprint of what was asked. */
uint64_t check_payload(const struct history_call *call);

struct check_raft;
struct check_raft *check_raft_new(struct check_report *report);
void check_raft_free(struct check_raft *raft);
void check_raft_event(struct check_raft *raft, const struct history_event *event);

struct check_requests;
struct check_requests *check_requests_new(struct check_report *report);
void check_requests_free(struct check_requests *requests);
void check_requests_call(struct check_requests *requests, const struct check_call *call);
/* What clients know of a request id. */
struct check_request {
    uint64_t payload; /* of the first operation that used it */
    bool answered;    /* decided, as somebody was told */
    bool moves;       /* and the answer says that units moved */
    enum history_op op;
    uint32_t bucket;                /* ADJUST, SET */
    uint32_t location, to_location; /* MOVE */
    int64_t quantity;               /* ADJUST, SET, MOVE */
    int64_t moved;                  /* MOVE: what its rows in the ledger add up to */
    enum status status;
    uint64_t result;
    uint64_t index;       /* of the first answer that was no replay; 0: none */
    uint64_t moved_index; /* in the ledger; 0: not there */
};
struct check_request *check_requests_find(const struct check_requests *requests,
                                          uint64_t request);
struct check_request *check_requests_next(const struct check_requests *requests,
                                          const struct check_request *request,
                                          uint64_t *out_request);

struct check_holds;
struct check_holds *check_holds_new(struct check_report *report);
void check_holds_free(struct check_holds *holds);
void check_holds_call(struct check_holds *holds, const struct check_call *call);
void check_holds_movement(struct check_holds *holds, const struct history_row *row);
/* HELD and COMMITTED as far as clients know. */
uint64_t check_holds_open(const struct check_holds *holds);

struct check_session;
struct check_session *check_session_new(struct check_report *report);
void check_session_free(struct check_session *session);
void check_session_invoke(struct check_session *session, const struct check_call *call);
void check_session_call(struct check_session *session, const struct check_call *call);

struct check_reads;
struct check_reads *check_reads_new(struct check_report *report);
void check_reads_free(struct check_reads *reads);
void check_reads_call(struct check_reads *reads, const struct check_call *call);
/* As a level stood from the last index told of it until before this one. */
void check_reads_level(struct check_reads *reads, uint32_t sku, uint32_t location,
                       uint64_t before_index, const int64_t buckets[HISTORY_BUCKETS]);

struct check_ledger;
struct check_verified;
struct check_ledger *check_ledger_new(struct check_report *report,
                                      struct check_requests *requests,
                                      struct check_verified *verified,
                                      struct check_reads *reads);
void check_ledger_free(struct check_ledger *ledger);
void check_ledger_row(struct check_ledger *ledger, const struct history_event *event);
void check_ledger_finish(struct check_ledger *ledger);

struct check_verified *check_verified_new(struct check_report *report);
void check_verified_free(struct check_verified *verified);
void check_verified_call(struct check_verified *verified, const struct check_call *call);
/* After each movement of a SKU: what is available of it, summed over locations. */
void check_verified_stock(struct check_verified *verified, uint32_t sku, uint64_t index,
                          int64_t available);
void check_verified_finish(struct check_verified *verified);

struct check_multi;
struct check_multi *check_multi_new(struct check_report *report);
void check_multi_free(struct check_multi *multi);
void check_multi_call(struct check_multi *multi, const struct check_call *call);
void check_multi_movement(struct check_multi *multi, const struct history_row *row);
void check_multi_finish(struct check_multi *multi);

struct check_linear;
struct check_linear *check_linear_new(struct check_report *report,
                                      const struct checker_options *options,
                                      const struct check_holds *holds);
void check_linear_free(struct check_linear *linear);
void check_linear_invoke(struct check_linear *linear, const struct check_call *call);
void check_linear_call(struct check_linear *linear, const struct check_call *call);
void check_linear_finish(struct check_linear *linear);

struct check_streams;
struct check_streams *check_streams_new(struct check_report *report);
void check_streams_free(struct check_streams *streams);
void check_streams_event(struct check_streams *streams,
                         const struct history_stream *told);
void check_streams_finish(struct check_streams *streams);

struct check_feed;
struct check_feed *check_feed_new(struct check_report *report);
void check_feed_free(struct check_feed *feed);
void check_feed_event(struct check_feed *feed, const struct history_feed *told);
void check_feed_finish(struct check_feed *feed);

#endif
