/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The histories of one customer shard as evidence: per customer the standing actions, and
 * per item and virtual bucket the customers who hold it, newest first. In memory only;
 * fed with whole histories (struct customer_sink, history_put), also while a shard loads.
 *
 * Content is a function of the standing histories alone, never of the order in which they
 * came: incremental equals rebuilt. Degrees are customers per item, published like those
 * of evidence.h and added in a degree_table of their own; an action's period is that of
 * the customer's newest action with the item.
 *
 * Owner: the loop that owns the shard; searches (walk.h) run on the same thread.
 */
#ifndef SOUK_SHARD_RECOMMEND_HISTORIES_H
#define SOUK_SHARD_RECOMMEND_HISTORIES_H

#include <stdbool.h>
#include <stdint.h>

#include "shard/base/hash.h"
#include "shard/recommend/degrees.h"

struct histories;

enum {
    HISTORIES_ACTIONS_MAX = 1024, /* of one customer: the newest */
    HISTORIES_KINDS_ALL = 0,
};

struct histories_options {
    uint32_t bucket_count; /* V: a power of two up to EVIDENCE_BUCKETS_MAX; 0: default */
    uint32_t kinds;        /* bit k: actions of kind k count; HISTORIES_KINDS_ALL */
};

/* As struct customer_action; repeated here because parts do not include each other. */
struct histories_action {
    uint64_t sku_hash;
    int64_t at_ms;
    uint32_t quantity;
    uint8_t kind; /* below 32 */
};

struct histories *histories_new(const struct histories_options *options);
void histories_free(struct histories *histories);

/* All that the customer holds now, oldest first; none forgets the customer. Past
 * HISTORIES_ACTIONS_MAX the oldest are left out. */
void histories_put(struct histories *histories, struct hash128 customer,
                   const struct histories_action *actions, uint32_t action_count);

struct histories_counters {
    uint64_t customers;
    uint64_t items;        /* with at least one customer */
    uint64_t postings;     /* (customer, item) pairs */
    uint64_t memory_bytes; /* about */
};
struct histories_counters histories_counters(const struct histories *histories);
/* n_i of this shard: customers that hold the item. */
uint64_t histories_degree(const struct histories *histories, uint64_t sku_hash);

/* As evidence_take_degrees and its kin. */
void histories_take_degrees(struct histories *histories, uint64_t version,
                            struct degree_delta *out_delta);
void histories_take_all_degrees(struct histories *histories, uint64_t version,
                                struct degree_delta *out_delta);
bool histories_degrees_changed(const struct histories *histories);

/* A hash over content; equal for equal histories. For tests and audits. */
uint64_t histories_digest(const struct histories *histories);

#endif
