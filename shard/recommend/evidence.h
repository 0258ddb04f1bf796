/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The evidence of one customer shard: sessions and, per item and virtual bucket, the
 * sessions that hold it, newest first. In memory only; shard/replica feeds it with the
 * session changes of the customer shard (customer_sink), also when that loads.
 *
 * The content is a function of the standing sessions alone, never of the order in which
 * they came: incremental equals rebuilt.
 *
 * V virtual buckets (recommender.md, "Over shards"): the top log2 V bits of the
 * customer's hash. V is a constant of the cluster.
 *
 * Owner: the loop that owns the shard; searches run on the same thread.
 */
#ifndef SOUK_SHARD_RECOMMEND_EVIDENCE_H
#define SOUK_SHARD_RECOMMEND_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/hash.h"
#include "shard/recommend/degrees.h"

struct evidence;

enum {
    EVIDENCE_BUCKETS_DEFAULT = 64,
    EVIDENCE_BUCKETS_MAX = 64, /* a set of buckets is a 64-bit mask */
    /* Sessions kept per item and bucket: the newest. A search considers no more. */
    EVIDENCE_POSTINGS_DEFAULT = 2048,
    EVIDENCE_SESSION_ITEMS_MAX = 10000,
};

struct evidence_options {
    uint32_t bucket_count;         /* V: a power of two up to 64; 0: the default */
    uint32_t posting_sessions_max; /* per item and bucket; 0: the default */
};

/* As struct customer_session; repeated here because parts do not include each other. */
struct evidence_session {
    uint64_t session_hash;
    struct hash128 customer;
    int64_t end_ms;
    const uint64_t *items; /* distinct SKU hashes */
    uint32_t item_count;   /* at least 1 */
};

struct evidence *evidence_new(const struct evidence_options *options);
void evidence_free(struct evidence *evidence);

/* Adds a session, or replaces the one of the same hash. */
void evidence_put(struct evidence *evidence, const struct evidence_session *session);
/* Harmless for a session that is not there. */
void evidence_remove(struct evidence *evidence, uint64_t session_hash);

uint32_t evidence_bucket_count(const struct evidence *evidence);
/* The bucket of a customer's hash among `bucket_count`. */
uint32_t evidence_bucket(uint64_t customer_hash, uint32_t bucket_count);
/* All buckets of a key range [first, last] that starts and ends between buckets. */
uint64_t evidence_bucket_mask(uint64_t first_hash, uint64_t last_hash,
                              uint32_t bucket_count);

struct evidence_counters {
    uint64_t sessions;
    uint64_t items;        /* with at least one session */
    uint64_t postings;     /* P: (session, item) pairs */
    uint64_t memory_bytes; /* about */
};
struct evidence_counters evidence_counters(const struct evidence *evidence);
/* n_i of this shard: sessions that hold the item. */
uint64_t evidence_degree(const struct evidence *evidence, uint64_t sku_hash);

/* What changed in the degrees since the last call (everything, at the first), stamped
 * with `version`: the applied index. Release with degree_delta_close. */
void evidence_take_degrees(struct evidence *evidence, uint64_t version,
                           struct degree_delta *out_delta);
/* The same, whole: for somebody who has nothing, or missed something. */
void evidence_take_all_degrees(struct evidence *evidence, uint64_t version,
                               struct degree_delta *out_delta);
bool evidence_degrees_changed(const struct evidence *evidence);

/* A hash over content; equal for equal sets of sessions. For tests and audits. */
uint64_t evidence_digest(const struct evidence *evidence);

#endif
