/* SPDX-License-Identifier: Apache-2.0 */
/* Evidence over one or more shards, asked as a coordinator would. */
#ifndef SOUK_TESTS_UNIT_RECOMMEND_WORLD_H
#define SOUK_TESTS_UNIT_RECOMMEND_WORLD_H

#include "shard/recommend/evidence.h"
#include "shard/recommend/rank.h"

enum {
    WORLD_SHARDS_MAX = 9,
};

struct world {
    struct evidence *shards[WORLD_SHARDS_MAX];
    uint64_t masks[WORLD_SHARDS_MAX];
    int shard_count;
    uint32_t bucket_count;
    struct degree_table *degrees;
    uint64_t version;
};

/* Cuts V buckets into shards as evenly as can be; shard_count <= V. */
void world_open(struct world *world, int shard_count,
                const struct evidence_options *options);
void world_close(struct world *world);
void world_put(struct world *world, const struct evidence_session *session);
void world_remove(struct world *world, uint64_t customer_high, uint64_t session_hash);
/* Publishes the degrees that changed. */
void world_publish(struct world *world);
/* Searches all shards, sends the partials through their bytes, merges and ranks. */
void world_ask(struct world *world, const struct recommend_query *query,
               const struct recommend_rank_options *options, struct arena *arena,
               struct recommend_ranked *out);
/* Items, order, scores, reasons: to the last digit. */
void world_expect_same(const struct recommend_ranked *a, const struct recommend_ranked *b,
                       uint64_t seed);

#endif
