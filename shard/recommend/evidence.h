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
 * Limit: of each bucket the bucket_sessions_max newest sessions are evidence; older ones
 * wait, unlisted and uncounted in degrees, until newer ones leave. Counted per bucket,
 * since a bucket lies whole in one shard: a limit per shard would let the number of shards
 * decide what is evidence, and one that forgets for good would let the order of events.
 *
 * Owner, and writer: the loop that owns the shard. Searches run on that thread, or on any
 * other between evidence_read_begin and _end: such a reader sees the evidence as it stood
 * when it began, whatever the owner does meanwhile, and neither waits for the other. What
 * evidence_remove took away is in no answer that begins after it returned.
 */
#ifndef SOUK_SHARD_RECOMMEND_EVIDENCE_H
#define SOUK_SHARD_RECOMMEND_EVIDENCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shard/base/epoch.h"
#include "shard/base/hash.h"
#include "shard/base/status.h"
#include "shard/recommend/degrees.h"

struct evidence;

enum {
    EVIDENCE_BUCKETS_DEFAULT = 64,
    EVIDENCE_BUCKETS_MAX = 64, /* a set of buckets is a 64-bit mask */
    EVIDENCE_BUCKET_SESSIONS_DEFAULT = 1000000,
    EVIDENCE_SESSION_ITEMS_MAX = 10000,
    EVIDENCE_SESSION_PLACES_MAX = 10000,
};

struct evidence_options {
    uint32_t bucket_count;        /* V: a power of two up to 64; 0: the default */
    uint32_t bucket_sessions_max; /* per bucket, the newest; 0: the default */
};

/* As struct customer_session; repeated here because parts do not include each other. */
struct evidence_place {
    uint64_t place; /* hash of a location's id, not 0 */
    uint64_t sku_hash;
};
struct evidence_session {
    uint64_t session_hash;
    struct hash128 customer;
    int64_t end_ms;
    const uint64_t *items;               /* distinct SKU hashes */
    uint32_t item_count;                 /* at least 1 */
    const struct evidence_place *places; /* distinct; where items were clicked */
    uint32_t place_count;
};

struct evidence *evidence_new(const struct evidence_options *options);
/* Nobody may be reading. */
void evidence_free(struct evidence *evidence);

/* Adds a session, or replaces the one of the same hash. */
void evidence_put(struct evidence *evidence, const struct evidence_session *session);
/* Harmless for a session that is not there. */
void evidence_remove(struct evidence *evidence, uint64_t session_hash);

/* One reader's view; may be ended by another thread than began it. */
struct evidence_view {
    struct evidence *evidence;
    struct epoch_pin pin;
};
/* Any thread. False when EPOCH_READERS_MAX read already. */
MUST_USE bool evidence_read_begin(struct evidence *evidence,
                                  struct evidence_view *out_view);
void evidence_read_end(const struct evidence_view *view);
/* The number of changes so far, about; a view's is in its pin. For tests. */
uint64_t evidence_version(const struct evidence *evidence);

uint32_t evidence_bucket_count(const struct evidence *evidence);
/* The bucket of a customer's hash among `bucket_count`. */
uint32_t evidence_bucket(uint64_t customer_hash, uint32_t bucket_count);
/* All buckets of a key range [first, last] that starts and ends between buckets. */
uint64_t evidence_bucket_mask(uint64_t first_hash, uint64_t last_hash,
                              uint32_t bucket_count);

struct evidence_counters {
    uint64_t sessions;     /* that are evidence */
    uint64_t waiting;      /* sessions behind the limit */
    uint64_t items;        /* with at least one session */
    uint64_t postings;     /* P: (session, item) pairs */
    uint64_t memory_bytes; /* about */
};
struct evidence_counters evidence_counters(const struct evidence *evidence);
/* n_i of this shard: sessions that hold the item. The owner's thread. */
uint64_t evidence_degree(const struct evidence *evidence, uint64_t sku_hash);

/* What changed in the degrees since the last call (everything, at the first), stamped
 * with `version`: the applied index. Release with degree_delta_close. */
void evidence_take_degrees(struct evidence *evidence, uint64_t version,
                           struct degree_delta *out_delta);
/* The same, whole: for somebody who has nothing, or missed something. */
void evidence_take_all_degrees(struct evidence *evidence, uint64_t version,
                               struct degree_delta *out_delta);
bool evidence_degrees_changed(const struct evidence *evidence);
/* The same of sessions by place and item: what trends at a location counts the very
 * sessions that are evidence, no others. */
void evidence_take_places(struct evidence *evidence, uint64_t version,
                          struct degree_delta *out_delta);
bool evidence_places_changed(const struct evidence *evidence);

/* A hash over content; equal for equal sets of sessions. For tests and audits. */
uint64_t evidence_digest(const struct evidence *evidence);

#endif
