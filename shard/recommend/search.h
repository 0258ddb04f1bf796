/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Session neighbours: VMIS-kNN (Kersbergen, Sprangers, Schelter: "Serenade - Low-Latency
 * Session-Based Recommendation in e-Commerce at Scale", SIGMOD 2022), with every cut made
 * inside a virtual bucket and every sum in int64, so that the sum over shards is the same
 * for any number of shards.
 *
 * A query is the newest L clicks of the session; pos counts them from the newest, 0
 * first, and each item stands at its newest position with weight l - pos. In each bucket:
 *     candidates = the ceil(m/V) newest sessions that hold any query item
 *     sim(n)     = sum of the weights of the query items in n
 *     neighbours = the ceil(k/V) highest sim, ties to the newer
 *     item i of neighbour n gets (10 - p) * weight(q) for each query item q in n,
 *     where p = 1 + pos of the newest query item in n.
 * (The candidate rule of the paper, which goes list by list with replacement, ends at
 * exactly these sessions: a session that is pushed out can never come back.)
 * Only rank.h, at the coordinator, multiplies by ln(P / n_i) and normalises.
 */
#ifndef SOUK_SHARD_RECOMMEND_SEARCH_H
#define SOUK_SHARD_RECOMMEND_SEARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/arena.h"
#include "shard/base/buffer.h"
#include "shard/base/hash.h"
#include "shard/base/slice.h"
#include "shard/base/status.h"

struct evidence;
struct evidence_view;

enum {
    RECOMMEND_CLICKS_MAX = 9,        /* L; lambda = 1 - p/10 stays above 0 */
    RECOMMEND_SESSIONS_MAX = 100000, /* m and k */
    RECOMMEND_QUERY_VERSION = 1,
    RECOMMEND_PARTIAL_VERSION = 1,
    RECOMMEND_PARTIAL_ITEMS_MAX = 1 << 20,
};

struct recommend_query {
    const uint64_t *clicks;   /* SKU hashes, oldest first, newest last; repeats count */
    uint32_t click_count;     /* only the newest L are looked at */
    uint32_t clicks_max;      /* L, 1 .. RECOMMEND_CLICKS_MAX */
    uint32_t candidates;      /* m, over all buckets */
    uint32_t neighbours;      /* k, over all buckets */
    uint32_t bucket_count;    /* V; must be the evidence's own */
    uint64_t buckets;         /* the set asked for, bit b = bucket b */
    uint64_t exclude_session; /* session_hash of the asker's own session; 0 none */
    bool exclude_customer;    /* leave out all sessions of `customer` */
    struct hash128 customer;
};

/* Distinct items of the query, newest first, as partials number them. */
struct recommend_items {
    uint64_t sku_hash[RECOMMEND_CLICKS_MAX];
    uint32_t weight[RECOMMEND_CLICKS_MAX];   /* l - pos */
    uint32_t position[RECOMMEND_CLICKS_MAX]; /* pos, from 0 */
    uint32_t count;                          /* u */
};
void recommend_query_items(const struct recommend_query *query,
                           struct recommend_items *out_items);
/* OK, or INVALID: numbers out of bounds. No clicks is fine: the answer is empty. */
MUST_USE enum status recommend_query_check(const struct recommend_query *query);
void recommend_query_encode(const struct recommend_query *query, struct buffer *out);
/* Clicks are copied into the arena. CHECKSUM, VERSION, INVALID, TOO_LARGE (arena). */
MUST_USE enum status recommend_query_decode(struct slice bytes, struct arena *arena,
                                            struct recommend_query *out_query);

/*
 * What a set of buckets says. Each item stands once, in no order; row r of `parts` and `evidence`
 * has `related` columns, one per distinct query item (newest first): the part of the
 * item's sum that stems from this query item, and how many neighbours hold both. A
 * column where evidence is 0 has the part 0.
 */
struct recommend_partial {
    uint64_t version;      /* applied index of the shard; the caller sets it */
    uint32_t bucket_count; /* V */
    uint64_t buckets;      /* whose sums are inside */
    uint32_t related;      /* u; 0 .. RECOMMEND_CLICKS_MAX */
    uint64_t neighbours;   /* sessions that voted */
    uint32_t item_count;
    uint64_t *items;
    int64_t *parts;     /* item_count * related */
    uint32_t *evidence; /* item_count * related */
};

/* Pure read, on the owner's thread. Everything of `out` lives in the arena. INVALID (the
 * query), TOO_LARGE (the arena's limit). Buckets that hold nothing are answered too. */
MUST_USE enum status recommend_search(const struct evidence *evidence,
                                      const struct recommend_query *query,
                                      struct arena *arena,
                                      struct recommend_partial *out_partial);

/* How long it might take: about the postings that it reads, by what its items have. 0 for
 * a query that recommend_search refuses. On the owner's thread. */
uint64_t recommend_search_work(const struct evidence *evidence,
                               const struct recommend_query *query);

/* recommend_search for any thread: what stood when the view was begun (evidence_read_begin). */
MUST_USE enum status recommend_search_view(const struct evidence_view *view,
                                           const struct recommend_query *query,
                                           struct arena *arena,
                                           struct recommend_partial *out_partial);

void recommend_partial_encode(const struct recommend_partial *partial,
                              struct buffer *out);
/* CHECKSUM, VERSION, TOO_LARGE (arena). */
MUST_USE enum status recommend_partial_decode(struct slice bytes, struct arena *arena,
                                              struct recommend_partial *out_partial);

#endif
