/* SPDX-License-Identifier: Apache-2.0 */
/* The state behind evidence.h, as search.c reads it. */
#ifndef SOUK_SHARD_RECOMMEND_EVIDENCE_PRIVATE_H
#define SOUK_SHARD_RECOMMEND_EVIDENCE_PRIVATE_H

#include <stdatomic.h>

#include "shard/base/epoch.h"
#include "shard/recommend/degree_log.h"
#include "shard/recommend/evidence.h"
#include "shard/recommend/item_index.h"
#include "shard/recommend/postings.h"
#include "shard/recommend/session_heap.h"
#include "shard/recommend/session_pool.h"

/* One virtual bucket. What readers look at comes first. */
struct evidence_bucket_state {
    /* Postings of sessions that are dead and not yet dropped: lists have to be sifted. */
    _Atomic(uint32_t) buried;
    /* The version of the newest session posted: lists hold what an older reader must not
     * see. Raised before the posting is published. */
    _Atomic(uint64_t) newest_birth;
    /* The writer's. */
    struct session_heap listed;  /* the newest; the oldest of them on top */
    struct session_heap waiting; /* behind the limit; the newest of them on top */
};

/* Records by session hash; chains run through the records. The writer's. */
struct session_index {
    uint32_t *heads;
    size_t head_count; /* a power of two */
    size_t count;
};

struct evidence {
    struct evidence_options options;
    struct epoch epoch;
    struct session_pool pool;
    struct item_index items;
    struct postings_shared shared;
    struct evidence_bucket_state buckets[EVIDENCE_BUCKETS_MAX];
    /* All below is the writer's. */
    struct session_index index;
    struct degree_log degree_log;
    struct degree_log place_log;
    struct session_place *places; /* scratch of evidence_put */
    size_t place_capacity;
    uint64_t listed;
    uint64_t waiting;
    uint64_t items_live;
    uint64_t postings;
    uint32_t *scratch; /* of evidence_put */
    size_t scratch_capacity;
};

/* Walks the index: sessions listed and waiting, in no order. */
struct session_walk {
    size_t head;
    uint32_t session;
};
/* SESSION_NONE at the end; begins with a zeroed walk. */
uint32_t evidence_walk(const struct evidence *evidence, struct session_walk *walk);
uint32_t evidence_record_bucket(const struct evidence *evidence,
                                const struct session_record *record);

#endif
